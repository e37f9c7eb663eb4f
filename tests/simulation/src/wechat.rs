//! WeChat's side: the sandbox, whose ledger is followed here.

use super::ledger::{Entry, Refund};
use super::network::describe;
use super::shop::Shop;
use super::world::World;
use gateway::runtime::{Request, Response};
use serde_json::{Value as Json, json};
use std::rc::Rc;
use wechatpay::common::Fields;

/// WeChat's answers when it is too busy, or no answer.
const BUSY: [&str; 3] = ["SYSTEMERROR", "NO_ANSWER", "NO_ANSWER_AFTER"];

/// The forgeries of an answer of `APIv3`.
const FORGERIES: [&str; 6] = [
    "WRONG_SERIAL",
    "NO_SIGNATURE",
    "BAD_SIGNATURE",
    "SIGNTEST",
    "CLOCK_SKEW",
    "DUPLICATE_KEYS",
];

/// The name of a call in the sandbox's faults, if it moves money or queries it.
fn call_named(request: &Request) -> Option<String> {
    let path = request.uri().path();
    if path.starts_with("/v3/") {
        // `…/out-trade-no/{out_trade_no}/close`: the number is replaced by a
        // placeholder.
        let mut before = "";
        let named = path.split('/').map(|segment| {
            let is_a_word = ["id", "out-refund-no"].contains(&segment);
            match std::mem::replace(&mut before, segment) {
                "out-trade-no" => "{out_trade_no}",
                "out-refund-no" => "{out_refund_no}",
                "refunds" if !is_a_word => "{out_refund_no}",
                _ => segment,
            }
        });
        let named: Vec<&str> = named.collect();
        return Some(format!("{} {}", request.method(), named.join("/")));
    }
    if path == wechatpay::ionline::PATH {
        let form = wechatpay::ionline::form::read(request.body()).ok()?;
        // A request that was corrupted in transit is not a call.
        let named = wechatpay::ionline::Service::ALL.map(|service| service.as_str());
        let service = form.get("service")?;
        return named.contains(&service).then(|| service.to_owned());
    }
    (path.starts_with("/pay/") || path.starts_with("/secapi/")).then(|| path.to_owned())
}

impl World {
    /// A request arrives at WeChat.
    pub(super) fn at_wechat(&self, from: &str, request: &Request) -> Response {
        if self.goes_wrong(self.0.profile.busy)
            && let Some(call) = call_named(request)
        {
            let code = self.0.random.pick(&BUSY);
            self.note_at(from, || format!("  …WeChat is busy: {code}"));
            let fail = json!({"fail_next": {"path": call, "code": code}});
            let set = self.control("/sandbox/faults", &fail);
            assert!(set["fail_next"].is_array(), "{call}: {set}");
        }
        if request.uri().path().starts_with("/v3/") && self.goes_wrong(self.0.profile.forged) {
            let forgery = self.0.random.pick(&FORGERIES);
            self.note_at(from, || {
                format!("  …the answer is not as it should be: {forgery}")
            });
            self.forge_next(forgery, "answer");
        }
        if let Some(host) = request.uri().host() {
            self.0.hosts.borrow_mut().insert(host.to_owned());
        }
        self.delay_statement(from, request);
        let mut answer = self.sandbox(request);
        self.alter_statement(request, &mut answer);
        self.note_at(from, || {
            format!("  at WeChat: {} ⇒ {}", describe(request), said(&answer))
        });
        answer
    }

    /// Requests a forgery for the next answer or notice of v3.
    pub(super) fn forge_next(&self, forgery: &str, on: &str) {
        let forgeries = json!({"forge_next": {"forgery": forgery, "on": on}});
        let set = self.control("/sandbox/faults", &forgeries);
        assert!(set["forge_next"].is_array(), "{forgery}: {set}");
    }

    /// Sends a request to the sandbox, and follows the changes of its ledger.
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

    /// A control call, for what people do at WeChat.
    pub(super) fn control(&self, path: &str, body: &Json) -> Json {
        let request = http::Request::post(format!("https://sandbox.example.com{path}"))
            .header("content-type", "application/json")
            .body(body.to_string().into_bytes())
            .expect("a request");
        let answer = self.sandbox(&request);
        serde_json::from_slice(answer.body()).expect("JSON from the sandbox")
    }

    /// A row of WeChat's ledger, if it belongs to a shop.
    fn look_up(&self, what: &str, key: &str) -> Option<(Rc<Shop>, String, Json)> {
        let mut parts = key.splitn(3, '/');
        let (mch_id, sub_mch_id, number) = (parts.next()?, parts.next()?, parts.next()?);
        let shop = self.shop_of(mch_id, sub_mch_id)?;
        let sub = match sub_mch_id {
            "-" => String::new(),
            sub => format!("?sub_mch_id={sub}"),
        };
        let url = format!("https://sandbox.example.com/sandbox/{what}/{mch_id}/{number}{sub}");
        let request = http::Request::get(url).body(Vec::new()).expect("a request");
        let answer = self.sandbox_alone(&request);
        let found = answer.status().is_success();
        let json = || serde_json::from_slice(answer.body()).expect("JSON");
        found.then(|| (shop, number.to_owned(), json()))
    }

    /// Reads the changes in WeChat's ledger, and checks the invariants.
    pub(super) fn follow_ledger(&self) {
        let (orders, refunds) = self.0.sandbox.borrow_mut().take_changed_keys();
        for key in orders {
            if let Some((shop, number, json)) = self.look_up("orders", &key) {
                self.follow_order(&shop, &number, &json);
            }
        }
        for key in refunds {
            if let Some((shop, number, json)) = self.look_up("refunds", &key) {
                self.follow_refund(&shop, &number, &json);
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
            transaction_id: json["transaction_id"]
                .as_str()
                .map(|id| shop.shown_transaction_id(id)),
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
                // A card's bank takes three days, in which nothing else
                // happens.
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

    /// Whether another system of the merchant has made the order at WeChat.
    pub(super) fn is_elsewhere(&self, shop: &str, number: &str) -> bool {
        let key = (Rc::from(shop), number.to_owned());
        self.0.ledger.borrow().elsewhere.contains(&key)
    }

    /// The order at WeChat.
    pub(super) fn entry(&self, shop: &str, number: &str) -> Option<Entry> {
        let key = (Rc::from(shop), number.to_owned());
        self.0.ledger.borrow().orders.get(&key).cloned()
    }
}

/// WeChat's answer, in a word.
pub(super) fn said(answer: &Response) -> String {
    const NAMES: [&str; 6] = [
        "err_code",
        "code",
        "trade_state",
        "status",
        "return_msg",
        "message",
    ];
    let status = || format!("status {}", answer.status());
    if let Ok(fields) = Fields::parse(answer.body()) {
        let mut texts = NAMES.iter().filter_map(|name| fields.get_nonempty(name));
        return texts.next().unwrap_or_default().to_owned();
    }
    let json: Json = serde_json::from_slice(answer.body()).unwrap_or_default();
    let mut texts = NAMES.iter().filter_map(|name| json[*name].as_str());
    texts.next().map_or_else(status, str::to_owned)
}
