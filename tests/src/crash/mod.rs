//! The real gateway in `workerd`, killed at random under load.
//!
//! Clients order, pay, close, refund and charge codes, in every dialect, over a
//! network with faults ([`FaultyProxy`](crate::faulty_proxy::FaultyProxy)).
//! From time to time the gateway is killed (`kill -9`) and started with its
//! stored data. At the end [`ledger`] compares the gateway's answers with
//! WeChat's ledger, and with the answers to clients and the deliveries to
//! merchants. The seed decides the actions; the timing differs in every run.
//!
//! The gateway uses the real clock. So the run waits only for what takes about
//! a minute: notices (the sandbox's clock is moved for them), deliveries,
//! queries. The simulation tests that an unpaid order is closed after two
//! hours.

mod clients;
mod ledger;
mod progress;
mod system;

use crate::live::PATIENCE;
use clients::{Client, Kept};
use memory_runtime::random::Random;
use progress::{Progress, read};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
pub use system::{DIALECTS, Total};
use system::{TestSystem, panics};

/// How many clients act at once.
const CLIENTS: u64 = 6;

/// The options of a run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The seed of the clients' actions, and of the crashes.
    pub seed: u64,
    /// The least duration of the load and the crashes; they last until each kind of
    /// act was done.
    pub seconds: u64,
}

/// Runs in a directory of this name.
///
/// # Errors
///
/// Each broken invariant, in a sentence.
pub fn run(name: &str, options: Options) -> Result<Total, Vec<String>> {
    let system = TestSystem::start(name);
    // Every notice is sent twice, from the beginning.
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

/// Load and crashes; returns the clients' records.
fn crash_under_load(
    system: &TestSystem,
    options: Options,
    total: &mut Total,
    broken: &mut Vec<String>,
) -> Vec<Kept> {
    let over = AtomicBool::new(false);
    let progress = Progress::default();
    let until = Instant::now() + Duration::from_secs(options.seconds);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|name| {
                let over = &over;
                let random = Random::of(options.seed, name);
                let client = Client::new(system, name, random, &progress);
                scope.spawn(move || client.act(over))
            })
            .collect();
        let random = Random::of(options.seed, CLIENTS);
        let pause = |low, high| Duration::from_millis(random.between(low, high).unsigned_abs());
        while Instant::now() < until || !progress.is_enough() {
            let before = read(&progress.answers);
            let (began, after) = (Instant::now(), random.below(12));
            thread::sleep(pause(200, 2500));
            // On a slow machine, a gateway that is killed sooner would never answer.
            while read(&progress.answers) <= before + after && began.elapsed() < PATIENCE {
                thread::sleep(Duration::from_millis(20));
            }
            if read(&progress.answers) == before {
                broken.push(format!("no client had an answer for {PATIENCE:?}"));
                break;
            }
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
