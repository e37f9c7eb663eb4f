//! The system that is killed, and the totals of a run.

use crate::live::{Live, Receiver, Shop, try_send};
use serde_json::{Value, json};
use std::fmt;
use testkit::demo::{Kind, MERCHANTS};
use wechatpay::Secret;
use wechatpay::common::SignType;

/// The dialects of the merchants.
pub const DIALECTS: [&str; 3] = ["v2", "v3", "ionline"];

/// The totals of a successful run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Total {
    /// Orders that the gateway accepted.
    pub orders: usize,
    /// The paid ones among them and the Quick Pays.
    pub paid: usize,
    /// The same by [`DIALECTS`].
    pub paid_in: [usize; 3],
    /// Orders whose close the gateway confirmed.
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

/// A merchant at the gateway and at WeChat.
pub(super) struct Merchant {
    pub(super) kind: Kind,
    pub(super) shop: Shop,
    pub(super) key: Secret,
    pub(super) sign_type: SignType,
    pub(super) fee_type: String,
    pub(super) sub_mch_id: Option<String>,
}

pub(super) struct TestSystem {
    pub(super) live: Live,
    pub(super) merchants: Vec<Merchant>,
    pub(super) server: Receiver,
}

impl TestSystem {
    /// Opens every kind of merchant.
    pub(super) fn start(name: &str) -> Self {
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

    /// A control call to the sandbox, which is never killed.
    pub(super) fn wechat(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.live.sandbox());
        let json_type = [("content-type", "application/json")];
        try_send("POST", &url, &json_type, body.to_string())
            .unwrap_or_else(|error| panic!("{path}: {error}"))
            .json()
    }
}

/// The panics in a gateway's log.
pub(super) fn panics(log: &str) -> Vec<String> {
    let panics = log.lines().filter(|line| line.contains("panicked at"));
    panics.map(str::to_owned).collect()
}
