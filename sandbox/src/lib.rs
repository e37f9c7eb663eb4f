//! A sandbox of WeChat, to try and test WeChat Pay without a merchant account.
//!
//! In scope: WeChat's side of WeChat Pay v2 (every call of its manual), of
//! APIv3 (Global and mainland) and of iOnline, with notices and their
//! documented retries; its OAuth, the payer's phone with `WeixinJSBridge`, and
//! a small shop that calls a gateway. It is stateful, verifies every signature,
//! and refuses what WeChat refuses, with WeChat's own codes.
//!
//! Not in scope: security and money. No money moves; every credential is
//! public; every client that can reach the sandbox may use it.
//!
//! [`Sandbox`] is a value: its methods take a request and the time, and return
//! an answer. It reads no clock and opens no connection, so that a test can run
//! it in memory under a clock of its own. On the Workers runtime a thin adapter
//! (`worker.rs`) keeps it in a Durable Object, stores its rows and sends its
//! notices.
//!
//! | path | contents | code |
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
mod language;
mod moment;
mod page;
mod phone;
mod shop;
mod table;
mod web;
mod wechat;
#[cfg(target_arch = "wasm32")]
mod worker;

pub use language::Language;
pub use phone::OWN_PATH;
pub use phone::proxy::{MAX_PROXIED_BYTES, NotAPage, PhoneHost};
pub use table::Change;
pub use web::{CallOutcome, MAX_BODY_BYTES};
pub use wechat::accounts::{Ionline, Merchant, MerchantKey, SubMerchant};
pub use wechat::notices::{Outcome, Outgoing, TIMEOUT_MS};
pub use wechat::payers::{PAYER_HEADER, Payer};
pub use wechat::platform::Platform;
pub use wechat::rsa::Rsa;
pub use wechat::state::Settings;

use http::{Method, StatusCode};
use moment::Moment;
use serde::{Deserialize, Serialize};
use shop::Shop;
use std::collections::BTreeSet;
use table::Table;
use web::{Answer, Request};
use wechat::faults::Faults;
use wechat::product;
use wechat::state::WeChat;

/// A call to another server that must be answered before the sandbox can
/// answer.
#[derive(Clone, Debug)]
pub struct Call {
    /// Send it, and pass the outcome to [`Sandbox::called`].
    pub request: http::Request<Vec<u8>>,
    then: Continuation,
}

/// The part of the sandbox that uses the answer.
#[derive(Clone, Debug)]
enum Continuation {
    Shop(shop::AfterCall),
    Product(product::Scan),
}

/// The state of WeChat and of the demo shop.
///
/// Its methods are of three kinds. *Requests*: [`handle`](Self::handle), and
/// where another server must be asked first [`call_first`](Self::call_first)
/// and [`called`](Self::called). *Notices*:
/// [`next_due_ms`](Self::next_due_ms), [`due`](Self::due) and
/// [`sent`](Self::sent). *Storage*: [`load`](Self::load) and
/// [`take_changes`](Self::take_changes).
///
/// Every `now_ms` is the caller's clock in Unix milliseconds. The sandbox adds
/// the offset set by `POST /sandbox/time`, and returns times on the caller's
/// clock.
#[derive(Clone, Debug)]
pub struct Sandbox {
    wechat: WeChat,
    shop: Shop,
    /// One row, as it was stored last.
    world: Table<World>,
}

/// The row `world/state`: the state that has no table of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct World {
    /// How many milliseconds the sandbox's clock is ahead.
    offset_ms: i64,
    /// The last number given to a notice, a refund, a report or a delivery.
    sequence: u64,
    faults: Faults,
    shop: shop::Config,
}

const WORLD: &str = "state";

impl Sandbox {
    /// A sandbox with only the built-in merchants and payers.
    pub fn new(settings: Settings) -> Self {
        Self {
            wechat: WeChat::new(settings),
            shop: Shop::new(),
            world: Table::new("world"),
        }
    }

    /// Replaces the RSA implementation.
    #[must_use]
    pub fn with_rsa(mut self, rsa: Rsa) -> Self {
        self.wechat.rsa = rsa;
        self
    }

    /// Loads a sandbox from the rows of [`take_changes`](Self::take_changes).
    /// Fails on a row that another version wrote in another form.
    pub fn load(
        settings: Settings,
        rows: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, serde_json::Error> {
        let mut sandbox = Self {
            wechat: WeChat::empty(settings),
            shop: Shop::new(),
            world: Table::new("world"),
        };
        for (key, json) in rows {
            // A row belongs to one table; the others ignore it.
            let _ = sandbox.world.load(&key, &json)?
                || sandbox.wechat.load(&key, &json)?
                || sandbox.shop.load(&key, &json)?;
        }
        sandbox.wechat.finish_loading();
        if let Some(world) = sandbox.world.get(WORLD).cloned() {
            sandbox.wechat.offset_ms = world.offset_ms;
            sandbox.wechat.sequence = world.sequence;
            sandbox.wechat.faults = world.faults;
            sandbox.shop.config = world.shop;
        }
        Ok(sandbox)
    }

    /// The rows that changed since the last call: `None` deletes one. Write
    /// them before the answer is sent.
    pub fn take_changes(&mut self) -> Vec<Change> {
        let world = World {
            offset_ms: self.wechat.offset_ms,
            sequence: self.wechat.sequence,
            faults: self.wechat.faults.clone(),
            shop: self.shop.config.clone(),
        };
        if self.world.get(WORLD) != Some(&world) {
            self.world.insert(WORLD, world);
        }
        let mut changes = Vec::new();
        self.world.take_changes(&mut changes);
        self.wechat.take_changes(&mut changes);
        self.shop.take_changes(&mut changes);
        changes
    }

    /// The orders and the refunds that changed since the last call, for a caller
    /// that stores nothing: `<mch_id>/<sub_mch_id or ->/<number>`.
    pub fn take_changed_keys(&mut self) -> (BTreeSet<String>, BTreeSet<String>) {
        self.wechat.take_changed_keys()
    }

    /// Answers a request. The host only distinguishes a page in the phone from
    /// everything else, so `https://api.mch.weixin.qq.com/pay/…` and
    /// `http://127.0.0.1:8788/pay/…` are equal.
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
        let mut moment = Moment::new(now_ms, self.wechat.offset_ms, random);
        wechat::settle::settle_refunds(&mut self.wechat, moment.now_ms);
        self.route(request, &mut moment)
    }

    fn route(&mut self, request: &Request, moment: &mut Moment<'_>) -> Answer {
        let Self { wechat, shop, .. } = self;
        let path = request.uri().path();
        if let Some(answer) = phone::on_a_page(wechat, request, moment) {
            return answer;
        }
        if let Some(answer) = wechat::handle(wechat, request, moment) {
            return answer;
        }
        if path == "/sandbox" || path.starts_with("/sandbox/") {
            return control::handle(wechat, shop, path, request, moment);
        }
        if path.starts_with("/shop") {
            return shop::handle(shop, wechat, request, moment);
        }
        if path.starts_with("/phone") {
            return phone::handle(request);
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return web::not_found();
        }
        match path {
            "/" => control::pages::index(wechat),
            "/healthz" => web::text(StatusCode::OK, "ok\n"),
            "/site.css" => web::css(page::STYLE),
            _ => web::not_found(),
        }
    }

    /// The call to another server that this request needs first: the demo shop
    /// calls its gateway, and WeChat calls a merchant when a payer scans a
    /// product (Native mode 1). `None` if [`handle`](Self::handle) can answer
    /// alone.
    pub fn call_first(
        &self,
        request: &http::Request<Vec<u8>>,
        now_ms: i64,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Option<Call> {
        let mut moment = Moment::new(now_ms, self.wechat.offset_ms, random);
        let is_in_phone = PhoneHost::parse(web::host(request)).is_some();
        if !is_in_phone {
            let public_url = &self.wechat.settings.public_url;
            if let Some((request, then)) = shop::call(&self.shop, public_url, request, &mut moment)
            {
                let then = Continuation::Shop(then);
                return Some(Call { request, then });
            }
        }
        let (request, scan) = control::call(&self.wechat, request, &mut moment)?;
        let then = Continuation::Product(scan);
        Some(Call { request, then })
    }

    /// Answers the request of `call`, whose outcome is known.
    pub fn called(
        &mut self,
        call: &Call,
        outcome: &CallOutcome,
        now_ms: i64,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> http::Response<Vec<u8>> {
        let mut moment = Moment::new(now_ms, self.wechat.offset_ms, random);
        match &call.then {
            Continuation::Shop(then) => shop::called(&mut self.shop, then, outcome),
            Continuation::Product(scan) => {
                control::called(&mut self.wechat, scan, outcome, &mut moment)
            }
        }
    }

    /// When [`due`](Self::due) will next return a notice or settle a refund.
    pub fn next_due_ms(&self) -> Option<i64> {
        let due_ms = wechat::next_due_ms(&self.wechat)?;
        Some(due_ms.saturating_sub(self.wechat.offset_ms))
    }

    /// The notices to POST now. Each is returned once, until
    /// [`sent`](Self::sent) reports its outcome or ten seconds have passed.
    pub fn due(&mut self, now_ms: i64) -> Vec<Outgoing> {
        wechat::due(&mut self.wechat, now_ms)
    }

    /// Records the outcome of a notice. An unacknowledged notice is sent again
    /// on its schedule.
    pub fn sent(&mut self, id: &str, outcome: &Outcome, now_ms: i64) {
        let now_ms = now_ms.saturating_add(self.wechat.offset_ms);
        self.wechat.notices.sent(id, outcome, now_ms);
    }
}

#[cfg(test)]
mod tests;
