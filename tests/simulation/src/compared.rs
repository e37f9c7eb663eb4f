//! The invariants of the comparison of days with WeChat's statements: what was
//! found is what is different, and nothing else.

use super::days::{PAYMENT, REFUND};
use super::ledger::BY_HAND;
use super::shop::{Kind, Shop};
use super::world::World;
use gateway::runtime::Row;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::rc::Rc;
use wechatpay::common::Date;

/// The kinds and numbers of differences.
type Keys = BTreeSet<(i64, String)>;

/// A difference as the book has it.
struct Found {
    day: i64,
    kind: i64,
    number: String,
    state: String,
    reason: String,
}

fn text(row: &Row, column: usize) -> String {
    row.text(column).expect("a text").to_owned()
}

fn int(row: &Row, column: usize) -> i64 {
    row.int(column).expect("a number")
}

impl World {
    /// The merchants whose books were opened.
    fn with_books(&self) -> Vec<Rc<Shop>> {
        let shops = self.0.shops.borrow();
        let opened = shops.iter().filter(|s| self.0.machine.was_opened(&s.id));
        opened.cloned().collect()
    }

    fn subjects(&self, shop: &Shop, alarm: &str) -> BTreeSet<String> {
        let disk = self.0.machine.disk(&shop.id);
        let rows = disk.read(&format!(
            "SELECT subject FROM alarms WHERE name = '{alarm}' AND subject LIKE 'statement %'"
        ));
        rows.iter().map(|row| text(row, 0)).collect()
    }

    /// The days of a book: number, phase and rows.
    fn days_of(&self, shop: &Shop) -> Vec<(i64, String, i64)> {
        let disk = self.0.machine.disk(&shop.id);
        let sql = "SELECT day, phase, coalesce(json_extract(json, '$.rows'), 0) FROM days";
        let rows = disk.read(sql);
        let day = |row| (int(row, 0), text(row, 1), int(row, 2));
        rows.iter().map(day).collect()
    }

    fn found(&self, shop: &Shop) -> Vec<Found> {
        let disk = self.0.machine.disk(&shop.id);
        let rows = disk.read(
            "SELECT day, kind, number, state, json_extract(json, '$.reason') FROM differences",
        );
        let found = rows.iter().map(|row| Found {
            day: int(row, 0),
            kind: int(row, 1),
            // A row that is listed again has its place behind the number.
            number: text(row, 2)
                .split('\n')
                .next()
                .unwrap_or_default()
                .to_owned(),
            state: text(row, 3),
            reason: text(row, 4),
        });
        found.collect()
    }

    /// In the evening after a day it is compared, or an alarm is raised.
    pub(super) fn watch_late_days(&self, before: Date) {
        for shop in self.with_books() {
            let alarms = self.subjects(&shop, "DAY_NOT_RECONCILED");
            let before: i64 = before.to_string().parse().expect("a number");
            for (day, phase, _) in self.days_of(&shop) {
                let subject = format!("statement {day:08}");
                if day < before && phase != "done" && !alarms.contains(&subject) {
                    let found = format!("{subject} is {phase} in the evening, without an alarm");
                    self.broken("10", Some((&shop.id, "")), found);
                }
            }
        }
    }

    /// When nothing is due any more: every day is compared, and exactly what
    /// differs is open.
    pub(super) fn end_of_days(&self) {
        for shop in self.with_books() {
            self.end_of_shops_days(&shop);
        }
    }

    fn end_of_shops_days(&self, shop: &Rc<Shop>) {
        let broken = |found: String| self.broken("10", Some((&shop.id, "")), found);
        let days = self.days_of(shop);
        if let Some((day, phase, _)) = days.iter().find(|(_, phase, _)| phase != "done") {
            broken(format!("the day {day} ends {phase}"));
        }
        if let Some(subject) = self.subjects(shop, "DAY_NOT_RECONCILED").first() {
            broken(format!("the alarm about {subject} has not ended"));
        }
        let found = self.found(shop);
        let open: Keys = found
            .iter()
            .filter(|found| found.state == "open")
            .map(|found| (found.kind, found.number.clone()))
            .collect();
        if let Some(waits) = found
            .iter()
            .find(|f| !["open", "settled"].contains(&f.state.as_str()))
        {
            broken(format!(
                "the difference of {} ends {}",
                waits.number, waits.state
            ));
        }
        let (required, allowed) = self.real_differences(shop);
        if let Some((kind, number)) = required.difference(&open).next() {
            broken(format!(
                "it differs, and was not found: kind {kind}, {number}"
            ));
        }
        let false_one = found.iter().find(|found| {
            let key = (found.kind, found.number.clone());
            found.state == "open" && !required.contains(&key) && !allowed.contains(&key)
        });
        if let Some(Found {
            kind,
            number,
            reason,
            day,
            ..
        }) = false_one
        {
            broken(format!(
                "a false difference of {day}: kind {kind}, {number}, {reason}"
            ));
        }
        let differ: BTreeSet<String> = found
            .iter()
            .filter(|found| found.state == "open")
            .map(|found| format!("statement {:08}", found.day))
            .collect();
        if differ != self.subjects(shop, "RECONCILIATION_DIFFERS") {
            broken(format!("its alarms are not about {differ:?}"));
        }
        // The book removes them after ninety days.
        let watch = self.0.watch.borrow();
        let seen = watch.books.get(&shop.id);
        let events = |kind: &str| -> Vec<String> {
            let all = seen.into_iter().flat_map(|seen| seen.events.values());
            let of_kind = all.filter(|event| event.kind == kind);
            let mut subjects: Vec<_> = of_kind.map(|event| event.subject.clone()).collect();
            subjects.sort();
            subjects
        };
        let reported: BTreeSet<String> = events("reconciliation.differs").into_iter().collect();
        if differ != reported {
            broken(format!("its events are about {reported:?}, not {differ:?}"));
        }
        let ready = days.iter().filter(|(_, _, rows)| *rows > 0);
        let ready: Vec<String> = ready
            .map(|(day, ..)| format!("statement {day:08}"))
            .collect();
        if ready != events("statement.ready") {
            broken("a statement has no event, or two".to_owned());
        }
    }

    /// What must be open, and what may be: a payment of another system under a
    /// number of the book's is a difference or not, by how far they agree.
    fn real_differences(&self, shop: &Rc<Shop>) -> (Keys, Keys) {
        let (mut required, mut allowed) = (BTreeSet::new(), BTreeSet::new());
        if shop.kind == Kind::Ionline {
            return (required, allowed);
        }
        let days = self.0.days.borrow();
        let is_shared = days.shared.contains(&shop.id);
        let planted = days.planted.iter().filter(|(id, ..)| *id == shop.id);
        required.extend(planted.map(|(_, kind, number)| (*kind, number.clone())));
        // The days begin with the book's own first payment.
        if self.days_of(shop).is_empty() {
            return (required, allowed);
        }
        let ledger = self.0.ledger.borrow();
        let of_shop = ledger.orders.iter().filter(|((id, _), _)| *id == shop.id);
        for ((_, number), entry) in of_shop {
            let key = (shop.id.clone(), number.clone());
            if !ledger.elsewhere.contains(&key) || entry.transaction_id.is_none() {
                continue;
            }
            match self.is_in_the_book(shop, number) {
                true => allowed.insert((PAYMENT, number.clone())),
                false if is_shared => false,
                false => required.insert((PAYMENT, number.clone())),
            };
        }
        for ((id, number), refund) in &ledger.refunds {
            if *id == shop.id && number.starts_with(BY_HAND) && refund.returns_money() {
                required.insert((REFUND, number.clone()));
            }
        }
        (required, allowed)
    }

    /// The month's sums in the API are those of WeChat's ledger.
    pub(super) fn read_the_month(&self) {
        for shop in self.with_books() {
            let is_wrong = self.0.days.borrow().wrong.contains(&shop.id);
            let is_compared = shop.kind != Kind::Ionline && !self.days_of(&shop).is_empty();
            if is_wrong || !is_compared {
                continue;
            }
            let world = self.clone();
            self.outside(async move {
                world.renew_keys(&shop).await;
                let path = "/v1/reconciliations?month=202601";
                let answer = world.call(&shop, "GET", path, &Json::Null).await;
                let days = answer.map_or(Json::Null, |(_, json)| json["data"]["days"].clone());
                world.compare_sums(&shop, &days);
            });
        }
    }

    fn compare_sums(&self, shop: &Rc<Shop>, days: &Json) {
        const NAMES: [&str; 6] = [
            "paid_amount",
            "paid_count",
            "refunded_amount",
            "refunded_count",
            "reversed_amount",
            "reversed_count",
        ];
        let mut theirs = [0; 6];
        for day in days.as_array().into_iter().flatten() {
            for sums in day["theirs"].as_array().into_iter().flatten() {
                for (sum, name) in theirs.iter_mut().zip(NAMES) {
                    *sum += sums[name].as_i64().expect("a sum");
                }
            }
        }
        let mut expected = [0; 6];
        let mut add = |at: usize, amount: i64| {
            expected[at] += amount;
            expected[at + 1] += 1;
        };
        let is_shared = self.0.days.borrow().shared.contains(&shop.id);
        let ledger = self.0.ledger.borrow();
        for ((id, number), entry) in &ledger.orders {
            let is_compared = !is_shared || self.is_in_the_book(shop, number);
            if *id != shop.id || entry.transaction_id.is_none() || !is_compared {
                continue;
            }
            add(0, entry.amount_minor);
            if entry.state == "REVOKED" {
                add(4, entry.amount_minor);
            }
        }
        let refunds = ledger
            .refunds
            .iter()
            .filter(|((id, _), refund)| *id == shop.id && refund.returns_money());
        for (_, refund) in refunds {
            add(2, refund.amount_minor);
        }
        if theirs != expected {
            let found = format!(
                "the month's sums are {theirs:?}, and the ledger's {expected:?}: {}",
                json!(days)
            );
            self.broken("10", Some((&shop.id, "")), found);
        }
    }
}
