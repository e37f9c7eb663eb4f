//! A sandbox of WeChat: try and test WeChat Pay with no merchant account.
//!
//! In scope: WeChat's side of WeChat Pay v2 (every call of its manual), of
//! APIv3 (Global and mainland) and of iOnline, with notices and their
//! documented retries; its OAuth, the payer's phone with `WeixinJSBridge`, and
//! a small shop to try a gateway with. It keeps state, verifies every
//! signature, and refuses what WeChat refuses, with WeChat's own codes.
//!
//! Not in scope: being WeChat. No money moves; every credential is public;
//! anyone who can reach the sandbox may use it.
//!
//! [`Sandbox`] is a value: a request and the time go in, an answer comes out.
//! It reads no clock and opens no connection, so that a test can run it in
//! memory under a clock of its own. On the Workers runtime a thin adapter
//! (`worker.rs`) keeps it in a Durable Object, stores its rows and sends its
//! notices.
//!
//! | path | is | in |
//! |---|---|---|
//! | `/v3/…` | WeChat Pay APIv3, Global and mainland | `wechat/v3/` |
//! | `/gateway/` | iOnline's gateway | `wechat/ionline/` |
//! | `/pay/…`, `/secapi/pay/…`, `/tools/…`, `/payitil/…` | WeChat Pay v2 | `wechat/v2/` |
//! | `/connect/oauth2/authorize`, `/sns/oauth2/access_token` | OAuth | `wechat/oauth.rs` |
//! | `/phone/…`, `/__phone/…`, `p<port>-<payer>.phone.localhost` | the phone | `phone/` |
//! | `/shop/…` | the demo shop | `shop/` |
//! | `/sandbox/…` | control calls for testers | `control/` |

mod control;
mod input;
mod moment;
mod pages;
mod phone;
mod shop;
mod table;
mod web;
mod wechat;
#[cfg(target_arch = "wasm32")]
mod worker;

pub use phone::OWN_PATH;
pub use phone::proxy::{Language, MAX_PROXIED_BYTES, NotAPage, PAYER_HEADER, PhoneHost};
pub use table::Change;
pub use web::MAX_BODY_BYTES;
pub use wechat::accounts::{Ionline, Merchant, MerchantKey, SubMerchant};
pub use wechat::notices::{Outcome, Outgoing, TIMEOUT_MS};
pub use wechat::payers::Payer;
pub use wechat::platform::Platform;
pub use wechat::rsa::Rsa;

use http::StatusCode;
use moment::Moment;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use table::Table;
use web::{Answer, Request};
use wechat::dialect::{Dialect, NoticeSchedule};
use wechat::faults::{Fault, Faults, Lie, Teller};
use wechat::notices::{Content, Letter, Notices};
use wechat::orders::Orders;
use wechat::paycodes::PayCode;
use wechat::refunds::Refunds;
use wechat::{accounts, ionline, mweb, oauth, product, v2, v3};

/// A call to another server, which must come back before the sandbox answers.
#[derive(Clone, Debug)]
pub struct Call {
    /// Send it, and bring what comes back to [`Sandbox::called`].
    pub request: http::Request<Vec<u8>>,
    then: Then,
}

/// Who goes on with what comes back.
#[derive(Clone, Debug)]
enum Then {
    Shop(shop::Then),
    Product(product::Scan),
}

/// What came of a [`Call`]: an answer, or why there is none.
pub type CallOutcome = Result<http::Response<Vec<u8>>, String>;

/// What the sandbox must be told about where it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The sandbox's own origin, with no slash at the end:
    /// `http://127.0.0.1:8788`.
    pub public_url: String,
}

/// WeChat, its payers and its merchants, as they stand.
///
/// Its methods are of three kinds. *Requests*: [`handle`](Self::handle), and
/// where another server must be asked first [`call_first`](Self::call_first)
/// and [`called`](Self::called). *Notices*:
/// [`next_due_ms`](Self::next_due_ms), [`due`](Self::due) and
/// [`sent`](Self::sent). *Storage*: [`load`](Self::load) and
/// [`take_changes`](Self::take_changes).
///
/// Every `now_ms` is the caller's clock, Unix milliseconds. The sandbox adds
/// what `POST /sandbox/time` has added, and gives times back on the caller's
/// clock.
#[derive(Clone, Debug)]
pub struct Sandbox {
    settings: Settings,
    rsa: Rsa,
    /// One row: what is neither merchant nor order nor notice.
    world: Table<World>,
    merchants: Table<Merchant>,
    orders: Orders,
    notices: Notices,
    codes: Table<oauth::Code>,
    deliveries: Table<shop::Delivery>,
    pay_codes: Table<PayCode>,
    refunds: Refunds,
    /// Short URLs, and what each stands for.
    short_urls: Table<String>,
    reports: Table<Report>,
}

/// The row `world/state`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct World {
    /// How far the sandbox's clock is ahead.
    offset_ms: i64,
    /// The last number given to a notice or a delivery.
    sequence: u64,
    faults: Faults,
    shop: shop::Config,
}

/// What a merchant said about the speed of a call (seed 002, section 9.8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Report {
    received_ms: i64,
    fields: BTreeMap<String, String>,
}

const WORLD: &str = "state";

impl Sandbox {
    /// A sandbox with nothing in it but the built-in merchants and payers.
    pub fn new(settings: Settings) -> Self {
        let mut sandbox = Self::empty(settings);
        sandbox.add_what_is_always_there();
        sandbox
    }

    /// The same, with RSA of the caller's.
    #[must_use]
    pub fn with_rsa(self, rsa: Rsa) -> Self {
        Self { rsa, ..self }
    }

    /// The sandbox that rows of [`take_changes`](Self::take_changes) describe.
    /// Fails on a row that another version wrote in another form.
    pub fn load(
        settings: Settings,
        rows: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, serde_json::Error> {
        let mut sandbox = Self::empty(settings);
        for (key, json) in rows {
            // A row belongs to one table; the others pass it over.
            let _ = sandbox.world.load(&key, &json)?
                || sandbox.merchants.load(&key, &json)?
                || sandbox.orders.load(&key, &json)?
                || sandbox.notices.load(&key, &json)?
                || sandbox.codes.load(&key, &json)?
                || sandbox.deliveries.load(&key, &json)?
                || sandbox.pay_codes.load(&key, &json)?
                || sandbox.refunds.load(&key, &json)?
                || sandbox.short_urls.load(&key, &json)?
                || sandbox.reports.load(&key, &json)?;
        }
        sandbox.orders.index();
        sandbox.notices.index();
        sandbox.add_what_is_always_there();
        Ok(sandbox)
    }

    fn empty(settings: Settings) -> Self {
        Self {
            settings,
            rsa: Rsa::default(),
            world: Table::new("world"),
            merchants: Table::new("merchant"),
            orders: Orders::new(),
            notices: Notices::new(),
            codes: Table::new("code"),
            deliveries: Table::new("delivery"),
            pay_codes: Table::new("paycode"),
            refunds: Refunds::new(),
            short_urls: Table::new("shorturl"),
            reports: Table::new("report"),
        }
    }

    fn add_what_is_always_there(&mut self) {
        for merchant in accounts::built_in() {
            if self.merchants.get(&merchant.mch_id).is_none() {
                self.merchants.insert(&merchant.mch_id.clone(), merchant);
            }
        }
        if self.world.get(WORLD).is_none() {
            self.world.insert(WORLD, World::default());
        }
    }

    /// Back to how it began (`POST /sandbox/reset`); the demo shop stays
    /// connected.
    fn reset(&mut self) {
        let shop = self.shop_config();
        self.merchants.retain(|_| false);
        self.orders.clear();
        self.notices.clear();
        self.codes.retain(|_| false);
        self.deliveries.retain(|_| false);
        self.pay_codes.retain(|_| false);
        self.refunds.clear();
        self.short_urls.retain(|_| false);
        self.reports.retain(|_| false);
        self.world.insert(
            WORLD,
            World {
                shop,
                ..World::default()
            },
        );
        self.add_what_is_always_there();
    }

    /// The rows that changed since the last call: `None` deletes one. Write
    /// them before the answer leaves.
    pub fn take_changes(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        self.world.take_changes(&mut changes);
        self.merchants.take_changes(&mut changes);
        self.orders.take_changes(&mut changes);
        self.notices.take_changes(&mut changes);
        self.codes.take_changes(&mut changes);
        self.deliveries.take_changes(&mut changes);
        self.pay_codes.take_changes(&mut changes);
        self.refunds.take_changes(&mut changes);
        self.short_urls.take_changes(&mut changes);
        self.reports.take_changes(&mut changes);
        changes
    }

    /// The orders and the refunds that changed since the last call, for who
    /// stores nothing: `<mch_id>/<sub_mch_id or ->/<number>`.
    pub fn take_changed_keys(&mut self) -> (BTreeSet<String>, BTreeSet<String>) {
        (
            self.orders.take_changed_keys(),
            self.refunds.take_changed_keys(),
        )
    }

    /// Answers a request. The host decides only between a page in the phone
    /// and everything else, so `https://api.mch.weixin.qq.com/pay/…` and
    /// `http://127.0.0.1:8788/pay/…` are one.
    pub fn handle(
        &mut self,
        request: &http::Request<Vec<u8>>,
        now_ms: i64,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> http::Response<Vec<u8>> {
        if request.body().len() > MAX_BODY_BYTES {
            return web::refusal(
                StatusCode::PAYLOAD_TOO_LARGE,
                "BODY_TOO_LARGE",
                None,
                "a body has at most 1 MiB",
            );
        }
        let mut moment = Moment::new(now_ms, self.offset_ms(), random);
        self.settle_refunds(moment.now_ms);
        self.route(request, &mut moment)
    }

    fn route(&mut self, request: &Request, moment: &mut Moment<'_>) -> Answer {
        let path = request.uri().path();
        if let Some(answer) = phone::on_a_page(self, request, moment) {
            return answer;
        }
        if v3::is_here(path) {
            return v3::handle(self, request, moment);
        }
        if ionline::is_here(path) {
            return ionline::handle(self, request, moment);
        }
        if v2::is_here(path) {
            return v2::handle(self, path, request, moment);
        }
        if path == "/sandbox" || path.starts_with("/sandbox/") {
            return control::handle(self, path, request, moment);
        }
        if path.starts_with("/shop") {
            return shop::handle(self, request, moment);
        }
        if path.starts_with("/phone") {
            return phone::handle(request);
        }
        match path {
            "/connect/oauth2/authorize" => {
                oauth::authorize(&self.merchants, &mut self.codes, request, moment)
            }
            "/sns/oauth2/access_token" => {
                oauth::access_token(&self.merchants, &mut self.codes, request, moment)
            }
            wechatpay::code2session::PATH => {
                oauth::jscode2session(&self.merchants, &mut self.codes, request, moment)
            }
            mweb::PATH if request.method() == http::Method::POST => {
                mweb::act(self, request, moment)
            }
            _ => pages::handle(self, request),
        }
    }

    /// What must be asked of another server before this request can be
    /// answered: of its gateway by the demo shop, of a merchant when a payer
    /// scans a product (Native mode 1). `None` when [`handle`](Self::handle)
    /// answers alone.
    pub fn call_first(
        &self,
        request: &http::Request<Vec<u8>>,
        now_ms: i64,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Option<Call> {
        let mut moment = Moment::new(now_ms, self.offset_ms(), random);
        shop::call(self, request, &mut moment).or_else(|| product::call(self, request, &mut moment))
    }

    /// The answer, now that the call came back.
    pub fn called(
        &mut self,
        call: &Call,
        outcome: &CallOutcome,
        now_ms: i64,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> http::Response<Vec<u8>> {
        let mut moment = Moment::new(now_ms, self.offset_ms(), random);
        match &call.then {
            Then::Shop(then) => shop::called(self, then, outcome),
            Then::Product(scan) => product::called(self, scan, outcome, &mut moment),
        }
    }

    /// When [`due`](Self::due) will have something, if ever.
    pub fn next_due_ms(&self) -> Option<i64> {
        let notice_ms = if self.faults().hold_notices {
            None
        } else {
            self.notices.next_due_ms()
        };
        let settled_ms = self.refunds.next_settled_ms();
        let due_ms = notice_ms.into_iter().chain(settled_ms).min()?;
        Some(due_ms.saturating_sub(self.offset_ms()))
    }

    /// The notices to POST now. Each is handed out once, until
    /// [`sent`](Self::sent) brings its outcome or ten seconds pass without.
    pub fn due(&mut self, now_ms: i64) -> Vec<Outgoing> {
        let own_ms = now_ms.saturating_add(self.offset_ms());
        self.settle_refunds(own_ms);
        if self.faults().hold_notices {
            return Vec::new();
        }
        let due = self.notices.due(own_ms);
        due.iter()
            .filter_map(|id| self.outgoing(id, now_ms))
            .collect()
    }

    /// A notice as this attempt sends it.
    fn outgoing(&mut self, id: &str, now_ms: i64) -> Option<Outgoing> {
        let notice = self.notices.get(id)?.clone();
        let (headers, body) = match &notice.letter.content {
            Content::Ready { content_type, body } => {
                let content_type = ("Content-Type".to_owned(), content_type.clone());
                (vec![content_type], body.clone())
            }
            Content::Event { .. } => {
                let attempt = notice.attempts_made();
                let mut random = moment::bytes_of(format!("{id}\n{attempt}\n{now_ms}"));
                let mut moment = Moment::new(now_ms, self.offset_ms(), &mut random);
                v3::notify::seal(self, &notice, &mut moment)?
            }
        };
        Some(Outgoing {
            id: id.to_owned(),
            url: notice.letter.url,
            headers,
            body,
        })
    }

    /// What came of a notice: acknowledged, or to be sent again on schedule.
    pub fn sent(&mut self, id: &str, outcome: &Outcome, now_ms: i64) {
        let now_ms = now_ms.saturating_add(self.offset_ms());
        self.notices.sent(id, outcome, now_ms);
    }

    fn offset_ms(&self) -> i64 {
        self.world.get(WORLD).map_or(0, |world| world.offset_ms)
    }

    fn faults(&self) -> Faults {
        self.world
            .get(WORLD)
            .map(|world| world.faults.clone())
            .unwrap_or_default()
    }

    fn shop_config(&self) -> shop::Config {
        self.world
            .get(WORLD)
            .map(|world| world.shop.clone())
            .unwrap_or_default()
    }

    fn change_world(&mut self, change: impl FnOnce(&mut World)) {
        if let Some(world) = self.world.get_mut(WORLD) {
            change(world);
        }
    }

    /// The next number, as a key that sorts by age.
    fn next_id(&mut self) -> String {
        let mut id = 0;
        self.change_world(|world| {
            world.sequence += 1;
            id = world.sequence;
        });
        format!("{id:010}")
    }

    /// Whether a call was asked to fail this time.
    fn take_failure(&mut self, path: &str) -> Option<Fault> {
        let at = self
            .faults()
            .fail_next
            .iter()
            .position(|fail| fail.path == path)?;
        let mut fault = None;
        self.change_world(|world| {
            let Some(fail) = world.faults.fail_next.get_mut(at) else {
                return;
            };
            fault = Some(Fault::from_name(&fail.code));
            fail.times -= 1;
            if fail.times == 0 {
                world.faults.fail_next.remove(at);
            }
        });
        fault
    }

    /// How the next answer or notice was asked to lie.
    fn take_lie(&mut self, on: Teller) -> Option<Lie> {
        let faults = self.faults();
        let at = faults.lie_next.iter().position(|next| next.on == on)?;
        let mut lie = None;
        self.change_world(|world| {
            let Some(next) = world.faults.lie_next.get_mut(at) else {
                return;
            };
            lie = Some(next.lie);
            next.times -= 1;
            if next.times == 0 {
                world.faults.lie_next.remove(at);
            }
        });
        lie
    }

    /// What a scanned URL stands for: itself, unless it is a short one.
    fn scanned(&self, url: &str) -> String {
        let long_url = self.short_urls.get(url);
        long_url.map_or_else(|| url.to_owned(), Clone::clone)
    }

    /// Takes a payer's money for an order, into the merchant's funds.
    fn take_payment(&mut self, key: &str, payer: Payer, moment: &mut Moment<'_>) {
        self.orders.update(key, |order| order.pay(payer, moment));
        if let Some(order) = self.orders.get(key) {
            let (mch_id, money) = (order.account.mch_id.clone(), order.money);
            self.add_funds(&mch_id, money.currency(), money.amount_minor());
        }
    }

    /// Tells the merchant of a payment, where the order named an address.
    fn tell_paid(&mut self, key: &str, moment: &mut Moment<'_>) {
        let Some(order) = self.orders.get(key) else {
            return;
        };
        let Some(url) = order.term("notify_url") else {
            return;
        };
        let content = match order.dialect {
            Dialect::V2 { sign_type } => v2::payment_notice(self, order, sign_type, moment),
            Dialect::V3Global | Dialect::V3Mainland => v3::notify::payment(order, moment),
            Dialect::Ionline => ionline::payment_notice(self, order, moment),
        };
        if let Some(content) = content {
            let letter = Letter {
                mch_id: order.account.mch_id.clone(),
                out_trade_no: order.out_trade_no.clone(),
                url: url.to_owned(),
                dialect: order.dialect,
                schedule: self.notice_schedule(&order.account.mch_id),
                content,
            };
            self.notify(letter, moment.now_ms);
        }
    }

    /// Puts a notice on its way, as often and as late as the faults say.
    fn notice_schedule(&self, mch_id: &str) -> NoticeSchedule {
        let merchant = self.merchants.get(mch_id);
        merchant.map_or_else(NoticeSchedule::default, |merchant| merchant.notice_schedule)
    }

    fn notify(&mut self, letter: Letter, now_ms: i64) {
        let faults = self.faults();
        let due_ms = now_ms.saturating_add(faults.delay_notices_seconds.saturating_mul(1000));
        for _ in 0..=faults.duplicate_notices {
            let id = self.next_id();
            self.notices.add(id, letter.clone(), due_ms);
        }
    }

    /// Where an H5 order sends the browser.
    fn mweb_url(&self, prepay_id: &str) -> String {
        format!(
            "{}/cgi-bin/mmpayweb-bin/checkmweb?prepay_id={prepay_id}",
            self.settings.public_url
        )
    }
}

#[cfg(test)]
mod tests;
