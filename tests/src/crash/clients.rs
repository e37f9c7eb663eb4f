//! The clients of the gateway, which record its answers.

use super::progress::{Progress, add};
use super::system::{Merchant, TestSystem};
use crate::faulty_proxy::Fault;
use crate::live::Answer;
use memory_runtime::random::Random;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// How often a client repeats a call without a successful answer.
const PATIENCE: usize = 12;

/// A client's record of an order.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// The index of its merchant in the system.
    pub(super) merchant: usize,
    pub(super) number: String,
    pub(super) amount: i64,
    /// The gateway has accepted it.
    pub(super) accepted: bool,
    /// The payer's phone has shown that it is paid.
    pub(super) paid: bool,
    /// The gateway has answered that it is paid, which must stay true.
    pub(super) reported_paid: bool,
    /// The gateway has answered that it is closed.
    pub(super) reported_closed: bool,
    pub(super) is_quick_pay: bool,
    pub(super) refund: Option<KeptRefund>,
}

/// A client's record of a refund.
#[derive(Clone, Debug)]
pub(super) struct KeptRefund {
    pub(super) number: String,
    pub(super) amount: i64,
    pub(super) accepted: bool,
}

pub(super) struct Client<'t> {
    system: &'t TestSystem,
    name: u64,
    random: Random,
    progress: &'t Progress,
    pub(super) kept: Vec<Kept>,
    pub(super) broken: Vec<String>,
    pub(super) unanswered: usize,
}

impl<'t> Client<'t> {
    pub(super) fn new(
        system: &'t TestSystem,
        name: u64,
        random: Random,
        progress: &'t Progress,
    ) -> Self {
        Self {
            system,
            name,
            random,
            progress,
            kept: Vec::new(),
            broken: Vec::new(),
            unanswered: 0,
        }
    }

    /// Acts until the run is over.
    pub(super) fn act(mut self, over: &AtomicBool) -> Self {
        while !over.load(Ordering::Relaxed) {
            match self.random.below(10) {
                0..=4 => self.order(),
                5 => self.quick_pay(),
                6 => self.refund(),
                7 => self.close(),
                _ => self.look(),
            }
        }
        self
    }

    fn merchant(&self, of: &Kept) -> &'t Merchant {
        &self.system.merchants[of.merchant]
    }

    fn any_merchant(&self) -> usize {
        self.random.below(self.system.merchants.len())
    }

    /// A new order; one in four with a fault of the network.
    fn new_order(&self, merchant: usize) -> Kept {
        let fault = match self.random.one_in(4) {
            // Faults that make every client wait for seconds are rarer.
            true if self.random.one_in(6) => Some(Fault::Hang),
            true => Some(self.random.pick(&[
                Fault::Reset,
                Fault::Lost,
                Fault::Cut,
                Fault::Garbage,
                Fault::Page,
                Fault::Endless,
            ])),
            false => None,
        };
        let fault = fault.map(|fault| format!("-{}1", fault.word()));
        Kept {
            merchant,
            number: format!(
                "F{}-{}{}",
                self.name,
                self.kept.len(),
                fault.unwrap_or_default()
            ),
            amount: self.random.between(1, 50_000),
            accepted: false,
            paid: false,
            reported_paid: false,
            reported_closed: false,
            is_quick_pay: false,
            refund: None,
        }
    }

    fn one_of_mine(&self, fits: impl Fn(&Kept) -> bool) -> Option<usize> {
        let fitting: Vec<usize> = (0..self.kept.len())
            .filter(|at| fits(&self.kept[*at]))
            .collect();
        (!fitting.is_empty()).then(|| self.random.pick(&fitting))
    }

    /// Calls, and repeats where there is no answer: `None` when the state stays
    /// unknown. A refusal of the caller's mistake is an answer.
    fn ask(
        &mut self,
        merchant: &Merchant,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Option<Answer> {
        let body = match body.is_null() {
            true => String::new(),
            false => body.to_string(),
        };
        for _ in 0..PATIENCE {
            match merchant.shop.try_call(method, path, body.clone()) {
                Ok(answer) if answer.status < 500 => {
                    add(&self.progress.answers);
                    return Some(answer);
                }
                Ok(answer) => {
                    if answer.status == 500 {
                        let said = answer.text();
                        self.broken
                            .push(format!("{method} {path} {body}: 500 {said}"));
                    }
                }
                Err(_) => self.unanswered += 1,
            }
            let pause = self.random.between(20, 400).unsigned_abs();
            thread::sleep(Duration::from_millis(pause));
        }
        None
    }

    fn order(&mut self) {
        let mut order = self.new_order(self.any_merchant());
        let merchant = self.merchant(&order);
        let body = json!({
            "out_trade_no": order.number, "body": "Crash test", "total_fee": order.amount,
            "trade_type": "NATIVE", "notify_url": self.system.server.url,
        });
        let made = self.ask(merchant, "POST", "/v1/order", &body);
        let code_url = match made {
            Some(answer) if answer.status == 200 => answer.json()["data"]["code_url"].clone(),
            Some(answer) => {
                self.broken
                    .push(format!("{} was refused: {}", order.number, answer.text()));
                return;
            }
            None => Value::Null,
        };
        order.accepted = code_url.is_string();
        if order.accepted && !self.random.one_in(4) {
            order.paid = self.scan(&code_url);
            match order.paid {
                true => self.progress.paid(merchant.kind.dialect),
                false => self
                    .broken
                    .push(format!("{} could not be paid", order.number)),
            }
        }
        self.kept.push(order);
    }

    fn scan(&self, code_url: &Value) -> bool {
        let payer = self.random.pick(&["alice", "bob"]);
        let scan = json!({"code_url": code_url, "payer": payer, "action": "pay"});
        self.system.wechat("/sandbox/scan", &scan)["ok"] == true
    }

    /// Charges a payer's code. A call without an answer is repeated, with a new
    /// code of the same payer: money must not be taken twice.
    fn quick_pay(&mut self) {
        let mut order = self.new_order(self.any_merchant());
        let merchant = self.merchant(&order);
        if merchant.kind.dialect == "ionline" {
            return;
        }
        order.is_quick_pay = true;
        let behaviour = self
            .random
            .pick(&["pays", "pays", "silent", "bank_error", "password"]);
        for _ in 0..3 {
            let code = json!({"payer": "alice", "behaviour": behaviour});
            let code = self.system.wechat("/sandbox/paycode", &code)["auth_code"].clone();
            let body = json!({
                "out_trade_no": order.number, "body": "Crash test", "total_fee": order.amount,
                "auth_code": code, "notify_url": self.system.server.url,
            });
            let answer = merchant
                .shop
                .try_call("POST", "/v1/micropay", body.to_string());
            if let Ok(answer) = answer {
                order.accepted |= answer.status == 200;
                let state = answer.json()["data"]["trade_state"].clone();
                order.reported_paid |= state == "SUCCESS";
                break;
            }
            self.unanswered += 1;
            thread::sleep(Duration::from_millis(100));
        }
        if behaviour == "password" {
            let action = self.random.pick(&["pay", "cancel"]);
            let mut answer = json!({"mch_id": merchant.kind.mch_id, "out_trade_no": order.number,
                                    "payer": "alice", "action": action});
            if let Some(sub_mch_id) = &merchant.sub_mch_id {
                answer["sub_mch_id"] = json!(sub_mch_id);
            }
            self.system.wechat("/sandbox/pay", &answer);
        }
        add(&self.progress.quick_pays);
        self.kept.push(order);
    }

    fn refund(&mut self) {
        let fits = |order: &Kept| order.reported_paid && order.refund.is_none();
        let Some(at) = self.one_of_mine(fits) else {
            return self.look();
        };
        let order = self.kept[at].clone();
        let mut refund = KeptRefund {
            number: format!("R{}", order.number.replace('-', "_")),
            amount: self.random.between(1, order.amount),
            accepted: false,
        };
        let body = json!({"out_trade_no": order.number, "total_fee": order.amount,
                          "refund_fee": refund.amount, "out_refund_no": refund.number});
        let answer = self.ask(self.merchant(&order), "POST", "/v1/refund", &body);
        refund.accepted = answer.is_some_and(|answer| answer.status == 200);
        if refund.accepted {
            add(&self.progress.refunds);
        }
        self.kept[at].refund = Some(refund);
    }

    fn close(&mut self) {
        let fits = |order: &Kept| order.accepted && !order.paid && !order.is_quick_pay;
        let Some(at) = self.one_of_mine(fits) else {
            return self.look();
        };
        let order = self.kept[at].clone();
        let body = json!({"out_trade_no": order.number});
        let answer = self.ask(self.merchant(&order), "POST", "/v1/close", &body);
        let closed = answer.is_some_and(|answer| {
            answer.status == 200 && answer.json()["data"]["trade_state"] == "CLOSED"
        });
        self.kept[at].reported_closed |= closed;
        if closed {
            add(&self.progress.closed);
        }
    }

    /// Queries one of the orders. What was paid stays paid.
    fn look(&mut self) {
        let Some(at) = self.one_of_mine(|order| order.accepted) else {
            return thread::sleep(Duration::from_millis(20));
        };
        let order = self.kept[at].clone();
        let path = format!("/v1/order?out_trade_no={}", order.number);
        let Some(answer) = self.ask(self.merchant(&order), "GET", &path, &Value::Null) else {
            return;
        };
        let state = answer.json()["data"]["trade_state"].clone();
        let is_paid = state == "SUCCESS" || state == "REFUND";
        if order.reported_paid && !is_paid {
            let said = answer.text();
            self.broken
                .push(format!("{} was paid, and then it was {said}", order.number));
        }
        self.kept[at].reported_paid |= is_paid;
    }
}
