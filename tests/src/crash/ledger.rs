//! The invariants after the last crash: WeChat's ledger, the gateway's answers
//! and the merchants' deliveries agree.

use super::clients::Kept;
use super::system::{DIALECTS, Merchant, TestSystem, Total, panics};
use crate::live::send;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};
use wechatpay::common::Fields;

/// How long the number of differences may stay the same before they count as
/// errors. A delivery that was interrupted three times is repeated a minute later.
const SETTLING: Duration = Duration::from_secs(150);

/// The time until which one more difference must have gone.
struct Deadline {
    at: Instant,
    /// The fewest differences so far.
    fewest: usize,
}

impl Deadline {
    fn new() -> Self {
        Self {
            at: Instant::now() + SETTLING,
            fewest: usize::MAX,
        }
    }

    /// Whether there have been so many for too long.
    fn is_over(&mut self, differences: usize) -> bool {
        if differences < self.fewest {
            self.fewest = differences;
            self.at = Instant::now() + SETTLING;
        }
        Instant::now() > self.at
    }
}

/// WeChat's ledger, by number.
struct Wechat {
    orders: BTreeMap<String, Value>,
    refunds: BTreeMap<String, Value>,
}

impl Wechat {
    fn read(system: &TestSystem) -> Self {
        let list = |path: &str, name: &str, number: &str| {
            let url = format!("{}/sandbox/{path}", system.live.sandbox());
            let all = send("GET", &url, &[], "").json();
            let all = all[name].as_array().expect("a list").iter();
            all.map(|one| {
                (
                    one[number].as_str().expect("a number").to_owned(),
                    one.clone(),
                )
            })
            .collect()
        };
        Self {
            orders: list("orders?limit=1000000", "orders", "out_trade_no"),
            refunds: list("refunds", "refunds", "out_refund_no"),
        }
    }

    /// Ends the refunds in progress: a bank takes days.
    fn end_refunds(&self, system: &TestSystem) {
        for (number, refund) in &self.refunds {
            if refund["refund_status"] == "PROCESSING" {
                let mch_id = refund["mch_id"].as_str().unwrap_or_default();
                let mut end = json!({"status": "SUCCESS"});
                if let Some(sub_mch_id) = refund["sub_mch_id"].as_str() {
                    end["sub_mch_id"] = sub_mch_id.into();
                }
                system.wechat(&format!("/sandbox/refunds/{mch_id}/{number}"), &end);
            }
        }
    }

    /// Whether WeChat has taken the money of this order, regardless of later
    /// refunds.
    fn has_taken(&self, number: &str) -> bool {
        let state = self.orders.get(number).map(|order| &order["trade_state"]);
        state.is_some_and(|state| state == "SUCCESS" || state == "REFUND")
    }
}

/// Waits until everything agrees; returns the differences.
pub(super) fn settle(system: &TestSystem, kept: &[Kept], total: &mut Total) -> Vec<String> {
    // First without calls to the gateway: notices, deliveries and timers report
    // every payment to its merchant.
    let mut deadline = Deadline::new();
    loop {
        system.wechat("/sandbox/time", &json!({"advance_seconds": 30}));
        thread::sleep(Duration::from_secs(1));
        let wechat = Wechat::read(system);
        let received = received(system);
        let paid = kept.iter().filter(|order| wechat.has_taken(&order.number));
        let missing = paid.filter(|order| !received.contains_key(&order.number));
        let missing = missing.count();
        if missing == 0 || deadline.is_over(missing) {
            break;
        }
    }
    // Then by its own answers.
    let mut deadline = Deadline::new();
    loop {
        let wechat = Wechat::read(system);
        wechat.end_refunds(system);
        let broken = broken(system, kept, &wechat, total);
        if broken.is_empty() || deadline.is_over(broken.len()) {
            return broken;
        }
        system.wechat("/sandbox/time", &json!({"advance_seconds": 30}));
        thread::sleep(Duration::from_secs(2));
    }
}

/// The merchants' deliveries, by the order's number.
fn received(system: &TestSystem) -> BTreeMap<String, Vec<Fields>> {
    let mut by_number: BTreeMap<String, Vec<Fields>> = BTreeMap::new();
    for document in system.server.received() {
        // One that was interrupted when the gateway was killed does not count.
        let Ok(fields) = Fields::parse(document.as_bytes()) else {
            continue;
        };
        let number = fields.get("out_trade_no").unwrap_or_default().to_owned();
        by_number.entry(number).or_default().push(fields);
    }
    by_number
}

fn broken(system: &TestSystem, kept: &[Kept], wechat: &Wechat, total: &mut Total) -> Vec<String> {
    let received = received(system);
    let mut broken = panics(&system.live.log());
    for order in kept {
        let merchant = &system.merchants[order.merchant];
        let path = format!("/v1/order?out_trade_no={}", order.number);
        let answer = merchant.shop.call("GET", &path, "");
        let documents = received.get(&order.number);
        let problems = match answer.status {
            200 => {
                let data = answer.json()["data"].clone();
                compare(
                    merchant,
                    order,
                    wechat,
                    &data,
                    documents.map_or(&[], Vec::as_slice),
                )
            }
            404 if !order.accepted && !wechat.has_taken(&order.number) => Vec::new(),
            _ => vec![format!("the gateway answers {}", answer.text())],
        };
        let named = |problem| format!("{} of {}: {problem}", order.number, merchant.kind.id);
        broken.extend(problems.into_iter().map(named));
    }
    // Conversely, WeChat has done nothing without a request.
    let known = |number: &str| kept.iter().find(|order| order.number == number);
    for number in wechat.orders.keys() {
        if wechat.has_taken(number) && known(number).is_none() {
            broken.push(format!(
                "WeChat took money for {number}, which no client made"
            ));
        }
    }
    for (number, refund) in &wechat.refunds {
        let order = known(refund["out_trade_no"].as_str().unwrap_or_default());
        let asked = order.and_then(|order| order.refund.as_ref());
        if asked.is_none_or(|asked| asked.number != *number || refund["refund_fee"] != asked.amount)
        {
            broken.push(format!("WeChat made a refund without a request: {refund}"));
        }
    }
    for merchant in &system.merchants {
        let report = merchant.shop.report();
        for alarm in report["alarms"].as_array().into_iter().flatten() {
            broken.push(format!("an alarm of {}: {alarm}", merchant.kind.id));
        }
    }
    total.orders = kept
        .iter()
        .filter(|o| o.accepted && !o.is_quick_pay)
        .count();
    total.quick_pays = kept.iter().filter(|o| o.is_quick_pay).count();
    let paid: Vec<&Kept> = kept
        .iter()
        .filter(|o| wechat.has_taken(&o.number))
        .collect();
    total.paid = paid.len();
    total.paid_in = DIALECTS.map(|dialect| {
        let is_in = |o: &&&Kept| system.merchants[o.merchant].kind.dialect == dialect;
        paid.iter().filter(is_in).count()
    });
    total.closed = kept.iter().filter(|o| o.reported_closed).count();
    total.refunds = wechat.refunds.len();
    total.deliveries = received.values().map(Vec::len).sum();
    broken
}

/// One order: the gateway's state, compared with all other records.
fn compare(
    merchant: &Merchant,
    order: &Kept,
    wechat: &Wechat,
    data: &Value,
    documents: &[Fields],
) -> Vec<String> {
    let mut broken = Vec::new();
    let mut must = |holds: bool, what: &str| {
        if !holds {
            broken.push(format!("{what}: {data}"));
        }
    };
    let state = data["trade_state"].as_str().unwrap_or_default();
    let theirs = wechat.orders.get(&order.number);
    let their_state = theirs.map_or("", |order| {
        order["trade_state"].as_str().unwrap_or_default()
    });
    let is_paid = ["SUCCESS", "REFUND"].contains(&state);
    let taken = wechat.has_taken(&order.number);

    must(
        data["total_fee"].as_str() == Some(order.amount.to_string().as_str()),
        "another amount",
    );
    must(is_paid == taken, &format!("WeChat says {their_state}"));
    must(!order.paid || is_paid, "the payer has paid it");
    must(!order.reported_paid || is_paid, "it was said to be paid");
    must(
        !order.reported_closed || state == "CLOSED",
        "it was said to be closed",
    );
    if let Some(theirs) = theirs.filter(|_| is_paid) {
        must(
            theirs["total_fee"] == order.amount,
            "WeChat took another amount",
        );
        must(
            theirs["mch_id"] == merchant.kind.mch_id,
            "WeChat paid another merchant",
        );
        must(
            theirs["fee_type"] == merchant.fee_type.as_str(),
            "WeChat took another currency",
        );
        must(data["fee_type"] == theirs["fee_type"], "another currency");
        if merchant.kind.dialect != "ionline" {
            must(
                data["transaction_id"] == theirs["transaction_id"],
                "another payment",
            );
        }
    }
    // A charge that never reached WeChat took no money; a request that was
    // never received cannot be waited for here.
    let is_over = !["USERPAYING"].contains(&state) || theirs.is_none();
    must(is_over, "a quick pay has no end");

    must(
        !is_paid || !documents.is_empty(),
        "the merchant was never told",
    );
    for document in documents {
        let signed = document.verify(&merchant.key, merchant.sign_type).is_ok();
        must(signed, "a delivery that is not signed");
        must(taken, "a delivery of what was not paid");
        let fee = document.get("total_fee") == Some(order.amount.to_string().as_str());
        must(fee, "a delivery of another amount");
        let same = document.get("transaction_id") == data["transaction_id"].as_str();
        must(same, "a delivery of another payment");
    }

    let made = |number: &str| wechat.refunds.get(number);
    if let Some(asked) = &order.refund {
        let made = made(&asked.number);
        must(
            !asked.accepted || made.is_some(),
            "an accepted refund was not made",
        );
        if let Some(made) = made {
            let path = format!("/v1/refund?out_trade_no={}", order.number);
            let refunds = merchant.shop.call("GET", &path, "").json();
            let ours = &refunds["data"]["refunds"];
            let one = ours.as_array().is_some_and(|all| all.len() == 1);
            must(one, "not one refund");
            let ended = ours[0]["refund_status"] == "SUCCESS";
            let theirs = made["refund_status"].as_str().unwrap_or_default();
            must(
                ended,
                &format!("a refund has not ended; WeChat says {theirs}, {refunds}"),
            );
        }
    }
    broken
}
