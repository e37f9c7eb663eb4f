//! WeChat's side: the sandbox, and its own ledger, which is the truth that
//! everything is held against.

use super::network::describe;
use super::shop::Shop;
use super::world::World;
use gateway::world::{Request, Response};
use sandbox::{Outcome, TIMEOUT_MS};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use wechatpay::v2::Fields;
use wechatpay::v2::notify::is_ack;

/// Orders and refunds at WeChat, by merchant and number.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) orders: BTreeMap<(Rc<str>, String), Entry>,
    pub(super) refunds: BTreeMap<(Rc<str>, String), Refund>,
    /// Orders that a merchant has made at WeChat without the gateway.
    pub(super) elsewhere: BTreeSet<(Rc<str>, String)>,
    /// Every notice that was sent.
    pub(super) notices: Vec<Notice>,
}

/// A notice of WeChat's.
#[derive(Clone, Debug)]
pub(super) struct Notice {
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// An order at WeChat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// `trade_state`.
    pub(super) state: String,
    pub(super) trade_type: String,
    pub(super) amount_minor: i64,
    pub(super) currency: String,
    /// Until when a payer could pay it, while it is open.
    pub(super) payable_until_ms: i64,
    /// The payment, also where it was taken back.
    pub(super) transaction_id: Option<String>,
}

impl Entry {
    /// WeChat has the payer's money; some of it may have gone back as refunds.
    pub(super) fn is_paid(&self) -> bool {
        ["SUCCESS", "REFUND"].contains(&self.state.as_str())
    }

    pub(super) fn is_payable(&self, now_ms: i64) -> bool {
        ["NOTPAY", "USERPAYING"].contains(&self.state.as_str())
            && self.trade_type != "MICROPAY"
            && now_ms < self.payable_until_ms
    }
}

/// A refund at WeChat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refund {
    pub(super) out_trade_no: String,
    pub(super) amount_minor: i64,
    /// `refund_status`.
    pub(super) status: String,
}

impl Refund {
    pub(super) fn returns_money(&self) -> bool {
        self.status != "REFUNDCLOSE"
    }
}

/// What WeChat says when it is too busy, or says nothing.
const BUSY: [&str; 3] = ["SYSTEMERROR", "NO_ANSWER", "NO_ANSWER_AFTER"];

impl World {
    /// A request arrives at WeChat.
    pub(super) fn at_wechat(&self, from: &str, request: &Request) -> Response {
        let path = request.uri().path();
        let is_a_call = path.starts_with("/pay/") || path.starts_with("/secapi/");
        if is_a_call && self.goes_wrong(self.0.weather.busy) {
            let code = self.0.chance.pick(&BUSY);
            self.note_at(from, || format!("  …WeChat is busy: {code}"));
            self.control(
                "/sandbox/faults",
                &json!({"fail_next": {"path": path, "code": code}}),
            );
        }
        let answer = self.sandbox(request);
        self.note_at(from, || {
            let said = Fields::parse(answer.body()).ok();
            let said = said.as_ref().map_or_else(
                || format!("status {}", answer.status()),
                |fields| {
                    let names = ["err_code", "trade_state", "return_msg"];
                    let of = |name: &&str| fields.get_nonempty(name).map(str::to_owned);
                    names.iter().find_map(of).unwrap_or_default()
                },
            );
            format!("  at WeChat: {} ⇒ {said}", describe(request))
        });
        answer
    }

    /// Asks the sandbox, and follows what changed in its ledger.
    pub(super) fn sandbox(&self, request: &Request) -> Response {
        let answer = self.sandbox_alone(request);
        self.follow_ledger();
        answer
    }

    fn sandbox_alone(&self, request: &Request) -> Response {
        let mut sandbox = self.0.sandbox.borrow_mut();
        let nonces = &self.0.nonces;
        sandbox.handle(request, self.now_ms(), &mut |bytes| nonces.fill(bytes))
    }

    /// A control call: what people do at WeChat.
    pub(super) fn control(&self, path: &str, body: &Json) -> Json {
        let request = http::Request::post(format!("https://sandbox.example.com{path}"))
            .header("content-type", "application/json")
            .body(body.to_string().into_bytes())
            .expect("a request");
        let answer = self.sandbox(&request);
        serde_json::from_slice(answer.body()).expect("JSON from the sandbox")
    }

    fn look_up(&self, path: &str) -> Option<Json> {
        let request = http::Request::get(format!("https://sandbox.example.com{path}"))
            .body(Vec::new())
            .expect("a request");
        let answer = self.sandbox_alone(&request);
        let found = answer.status().is_success();
        found.then(|| serde_json::from_slice(answer.body()).expect("JSON"))
    }

    /// Reads what changed in WeChat's ledger, and holds it against the
    /// invariants.
    fn follow_ledger(&self) {
        let changes = self.0.sandbox.borrow_mut().take_changes();
        for (row, _) in changes {
            let mut parts = row.splitn(4, '/');
            let (Some(table), Some(mch_id), Some(sub_mch_id), Some(number)) =
                (parts.next(), parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            let Some(shop) = self.shop_of(mch_id, sub_mch_id) else {
                continue;
            };
            let sub = match sub_mch_id {
                "-" => String::new(),
                sub => format!("?sub_mch_id={sub}"),
            };
            let path = |what: &str| format!("/sandbox/{what}/{mch_id}/{number}{sub}");
            match table {
                "order" => {
                    if let Some(json) = self.look_up(&path("orders")) {
                        self.follow_order(&shop, number, &json);
                    }
                }
                "refund" => {
                    if let Some(json) = self.look_up(&path("refunds")) {
                        self.follow_refund(&shop, number, &json);
                    }
                }
                _ => {}
            }
        }
    }

    fn follow_order(&self, shop: &Rc<Shop>, number: &str, json: &Json) {
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        let entry = Entry {
            state: text("trade_state"),
            trade_type: text("trade_type"),
            amount_minor: json["total_fee"].as_i64().expect("an amount"),
            currency: text("fee_type"),
            payable_until_ms: json["payable_until_ms"].as_i64().expect("a time"),
            transaction_id: json["transaction_id"].as_str().map(str::to_owned),
        };
        let key = (shop.id.clone(), number.to_owned());
        let before = self.0.ledger.borrow_mut().orders.insert(key, entry.clone());
        let was_paid = before.is_some_and(|before| before.is_paid());
        if entry.is_paid() && !was_paid {
            self.note_at(&shop.id, || {
                format!(
                    "WeChat takes {} {} for #{number}",
                    entry.currency, entry.amount_minor
                )
            });
            self.watch_payment(shop, number);
        }
    }

    fn follow_refund(&self, shop: &Rc<Shop>, number: &str, json: &Json) {
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        let refund = Refund {
            out_trade_no: text("out_trade_no"),
            amount_minor: json["refund_fee"].as_i64().expect("an amount"),
            status: text("refund_status"),
        };
        let key = (shop.id.clone(), number.to_owned());
        let before = {
            let refunds = &mut self.0.ledger.borrow_mut().refunds;
            refunds.insert(key, refund.clone())
        };
        if before.is_none() {
            self.watch_refund(shop, number);
            if self.0.calm.get() {
                // A card's bank takes three days, in which nothing else happens.
                self.after(20_000, |world| world.end_refunds(&["SUCCESS"]));
            }
        }
        if before.as_ref() != Some(&refund) {
            self.note_at(&shop.id, || {
                let Refund {
                    out_trade_no,
                    amount_minor,
                    status,
                } = &refund;
                format!("WeChat's refund {number} of {amount_minor} for #{out_trade_no}: {status}")
            });
        }
    }

    /// The order at WeChat.
    pub(super) fn entry(&self, shop: &str, number: &str) -> Option<Entry> {
        let key = (Rc::from(shop), number.to_owned());
        self.0.ledger.borrow().orders.get(&key).cloned()
    }

    /// Sends the notices that are due.
    pub(super) fn send_notices(&self) {
        let due = self.0.sandbox.borrow_mut().due(self.now_ms());
        self.follow_ledger();
        for notice in due {
            let id = notice.id;
            let notice = Notice {
                url: notice.url,
                headers: notice.headers,
                body: notice.body.into_bytes(),
            };
            {
                let notices = &mut self.0.ledger.borrow_mut().notices;
                if !notices.iter().any(|known| known.body == notice.body) {
                    notices.push(notice.clone());
                }
            }
            let world = self.clone();
            self.outside(async move {
                let answer = world.post_notice(notice).await;
                let outcome = match answer {
                    Some(answer) => Outcome::Answered {
                        status: answer.status().as_u16(),
                        body: answer.into_body(),
                    },
                    None => Outcome::Failed("no answer".to_owned()),
                };
                let now_ms = world.now_ms();
                let mut sandbox = world.0.sandbox.borrow_mut();
                sandbox.sent(&id, &outcome, now_ms);
            });
        }
    }

    /// Posts a notice to the gateway. What it acknowledges, it must know.
    pub(super) async fn post_notice(&self, notice: Notice) -> Option<Response> {
        let Notice { url, headers, body } = notice;
        let mut request = http::Request::post(&url);
        for (name, value) in &headers {
            request = request.header(name, value);
        }
        let request = request.body(body.clone()).expect("a notice");
        let shop = self.shop_at(&url)?;
        self.note_at(&shop.id, || format!("a notice: {}", describe(&request)));
        let answer = self.ask_gateway(request, i64::from(TIMEOUT_MS)).await?;
        if answer.status().as_u16() == 200 && is_ack(answer.body()) {
            self.note_at(&shop.id, || "  …the notice is acknowledged".to_owned());
            if !url.ends_with("/refund") {
                self.watch_acknowledgement(&shop, &body);
            }
        }
        Some(answer)
    }

    fn shop_at(&self, url: &str) -> Option<Rc<Shop>> {
        let id = url.split("/notify/v2/").nth(1)?.split('/').next()?;
        self.shop(id)
    }
}
