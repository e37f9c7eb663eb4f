//! The real gateway in `workerd`, killed at random under load.
//!
//! Clients order, pay, close, refund and charge codes, in every dialect, over
//! a network that misbehaves ([`FaultyProxy`](crate::faulty_proxy::FaultyProxy)). Now and
//! then the gateway is killed (`kill -9`) and started on what it has on disk.
//! When that is over, [`ledger`] compares what the gateway says with what
//! WeChat has in its books, and with what clients were told and merchants
//! received. The seed decides what is tried; the timing differs in every
//! run.
//!
//! The gateway uses the real clock. So the run waits only for what takes a minute
//! or so: notices (the sandbox's clock is moved on for them),
//! deliveries, queries. That an unpaid order is closed after two hours is
//! for the simulation to show.

mod clients;
mod ledger;

use crate::live::{Live, Receiver, Shop, try_send};
use clients::{Client, Kept};
use memory_runtime::random::Random;
use serde_json::{Value, json};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use testkit::demo::{Kind, MERCHANTS};
use wechatpay::Secret;
use wechatpay::common::SignType;

/// What the merchants' upstreams speak.
pub const DIALECTS: [&str; 3] = ["v2", "v3", "ionline"];

/// How many act at once.
const CLIENTS: u64 = 6;

/// A run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Decides what the clients do, and when the gateway is killed.
    pub seed: u64,
    /// How long it is loaded and killed.
    pub seconds: u64,
}

/// What was done in a run that held.
#[derive(Clone, Copy, Debug, Default)]
pub struct Total {
    /// Orders that the gateway accepted.
    pub orders: usize,
    /// Of them and of Quick Pays, paid.
    pub paid: usize,
    /// Of those, by [`DIALECTS`].
    pub paid_in: [usize; 3],
    /// Orders that the gateway said were closed.
    pub closed: usize,
    /// Quick Pays tried.
    pub quick_pays: usize,
    /// Refunds that the gateway accepted.
    pub refunds: usize,
    /// Deliveries received.
    pub deliveries: usize,
    /// Times that the gateway was killed.
    pub crashes: usize,
    /// Calls without an answer.
    pub unanswered: usize,
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            orders,
            paid,
            paid_in: [v2, v3, ionline],
            closed,
            quick_pays,
            refunds,
            deliveries,
            crashes,
            unanswered,
        } = self;
        write!(
            f,
            "killed {crashes} times; {unanswered} calls without an answer; {orders} orders and \
             {quick_pays} quick pays, {paid} paid ({v2} in v2, {v3} in v3, {ionline} in iOnline), \
             {closed} closed, {refunds} refunds, {deliveries} deliveries"
        )
    }
}

/// A merchant at both ends.
struct Merchant {
    kind: Kind,
    shop: Shop,
    key: Secret,
    sign_type: SignType,
    fee_type: String,
    sub_mch_id: Option<String>,
}

struct TestSystem {
    live: Live,
    merchants: Vec<Merchant>,
    server: Receiver,
}

impl TestSystem {
    /// Opens every kind of merchant.
    fn start(name: &str) -> Self {
        let live = Live::apart(name);
        let merchants = MERCHANTS.map(|kind| {
            let account = live.account(kind.mch_id);
            let body = kind.admin_body(&account, &live.sandbox());
            let text = |name: &str| body[name].as_str().map(str::to_owned);
            Merchant {
                kind,
                shop: live.shop_of(kind, &json!({})).0,
                key: Secret::new(text("api_key").expect("a key")),
                sign_type: text("sign_type")
                    .and_then(|name| SignType::parse(&name))
                    .unwrap_or_default(),
                fee_type: text("fee_type").expect("a currency"),
                sub_mch_id: text("sub_mch_id"),
            }
        });
        Self {
            live,
            merchants: merchants.into(),
            server: Receiver::good(),
        }
    }

    /// A control call to the sandbox, which is always there.
    fn wechat(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.live.sandbox());
        let json_type = [("content-type", "application/json")];
        try_send("POST", &url, &json_type, body.to_string())
            .unwrap_or_else(|error| panic!("{path}: {error}"))
            .json()
    }
}

/// A run in a directory of this name; or what did not hold.
///
/// # Errors
///
/// Each thing that is not as it must be, in a sentence.
pub fn run(name: &str, options: Options) -> Result<Total, Vec<String>> {
    let system = TestSystem::start(name);
    // Every notice comes twice, from the beginning.
    system.wechat("/sandbox/faults", &json!({"duplicate_notices": 1}));
    let mut total = Total::default();
    let mut broken = Vec::new();
    let kept = crash_under_load(&system, options, &mut total, &mut broken);
    system.wechat("/sandbox/faults", &json!({}));
    broken.extend(ledger::settle(&system, &kept, &mut total));
    match broken.is_empty() {
        true => Ok(total),
        false => Err(broken),
    }
}

/// Load, and death: what the clients remember of it.
fn crash_under_load(
    system: &TestSystem,
    options: Options,
    total: &mut Total,
    broken: &mut Vec<String>,
) -> Vec<Kept> {
    let over = AtomicBool::new(false);
    let until = Instant::now() + Duration::from_secs(options.seconds);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|name| {
                let over = &over;
                let client = Client::new(system, name, Random::of(options.seed, name));
                scope.spawn(move || client.act(over))
            })
            .collect();
        let random = Random::of(options.seed, CLIENTS);
        let pause = |low, high| Duration::from_millis(random.between(low, high).unsigned_abs());
        while Instant::now() < until {
            thread::sleep(pause(200, 2500));
            let log = system.live.crash_and_restart(pause(0, 400));
            total.crashes += 1;
            broken.extend(panics(&log));
        }
        over.store(true, Ordering::Relaxed);
        let mut kept = Vec::new();
        for client in clients {
            let client = client.join().expect("a client");
            total.unanswered += client.unanswered;
            broken.extend(client.broken);
            kept.extend(client.kept);
        }
        kept
    })
}

/// A gateway that panics has lost its head, if not its books.
fn panics(log: &str) -> Vec<String> {
    let panics = log.lines().filter(|line| line.contains("panicked at"));
    panics.map(str::to_owned).collect()
}
