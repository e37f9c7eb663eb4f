//! The invariants that are checked at every step, by their numbers in
//! `docs/simulation.md`; those for the end are in `quiescence.rs`.

use super::ledger::BY_HAND;
use super::seen::{Delivery, Seen, Watch};
use super::shop::{Kind, Shop};
use super::world::World;
use gateway::book::Checkout;
use gateway::runtime::{Request, Row};
use order::{Order, Refund, RefundStatus, Status};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::rc::Rc;
use wechatpay::common::Fields;

/// How late an alarm may be: while the registry does not answer, a book waits
/// for a minute.
const LATEST_MS: i64 = 61_000;

/// The allowed changes of an order's status: no status goes back.
const fn allowed(from: &Status, to: &Status) -> bool {
    use Status::{Closed, Closing, NotPay, PayError, Reversing, Revoked, Success, UserPaying};
    match (from, to) {
        (NotPay, Closing { .. } | Closed { .. } | Success(_) | PayError { .. })
        | (Closing { .. }, Closed { .. } | Success(_) | PayError { .. })
        | (NotPay | Closing { .. }, Revoked { .. })
        | (
            UserPaying,
            Success(_) | PayError { .. } | Reversing { .. } | Closed { .. } | Revoked { .. },
        )
        | (
            Reversing { .. },
            Reversing { .. } | Revoked { .. } | Closed { .. } | Success(_) | PayError { .. },
        )
        // Only Quick Pay: reversed by the gateway, or by others.
        | (Success(_), Reversing { .. } | Revoked { .. })
        // A payment became known although the till's answer was that it failed.
        | (PayError { .. }, Reversing { .. })
        // WeChat has the money although the order was reversed.
        | (Revoked { .. }, Success(_))
        // A payment that becomes known late still counts.
        | (Closed { .. } | PayError { .. }, Success(_)) => true,
        (NotPay, NotPay)
        | (UserPaying, UserPaying)
        | (Closing { .. }, Closing { .. })
        | (Success(_), Success(_))
        | (Closed { .. }, Closed { .. })
        | (Revoked { .. }, Revoked { .. })
        | (PayError { .. }, PayError { .. }) => true,
        _ => false,
    }
}

const fn refund_rank(status: RefundStatus) -> u8 {
    match status {
        RefundStatus::Asked => 0,
        RefundStatus::Processing => 1,
        RefundStatus::Success | RefundStatus::Closed | RefundStatus::Abnormal => 2,
    }
}

/// An order of a book in two words.
pub(super) fn in_words(order: &Order) -> String {
    let refunds: Vec<String> = order
        .refunds()
        .iter()
        .map(|r| {
            format!(
                "{} {} {:?}",
                r.out_refund_no,
                r.money.amount_minor(),
                r.status
            )
        })
        .collect();
    let status = match order.status() {
        Status::Closing { reason } => format!("CLOSING ({reason:?})"),
        Status::Reversing { refused, .. } => format!("REVERSING (refused: {refused})"),
        _ => order.trade_state().to_owned(),
    };
    format!("{status} {}", refunds.join(", "))
        .trim_end()
        .to_owned()
}

impl World {
    /// Checks a book after a durable write.
    pub(super) fn watch_book(&self, name: &Rc<str>) {
        let Some(shop) = self.shop(name) else { return };
        if !self.0.machine.was_opened(name) {
            return;
        }
        let disk = self.0.machine.disk(name);
        let mut watch = self.0.watch.borrow_mut();
        let Watch {
            books, unreadable, ..
        } = &mut *watch;
        let seen = books.entry(name.clone()).or_default();
        let is_unreadable = |table: &'static str, key: &str| {
            !unreadable.is_empty() && unreadable.contains(&(name.clone(), table, key.to_owned()))
        };
        self.watch_events(name, seen);
        let mut rows = disk.read("SELECT id, json FROM checkouts");
        rows.retain(|row| !row.text(0).is_ok_and(|key| is_unreadable("checkouts", key)));
        self.watch_checkouts(seen, &rows);
        let rows = disk.read("SELECT out_trade_no, json, due_at_ms FROM orders");
        if rows.len() < seen.orders.len() {
            self.broken("2", None, format!("{name} has lost an order"));
        }
        let mut first_due = None;
        for row in &rows {
            let key = row.text(0).expect("a number");
            let due = match is_unreadable("orders", key) {
                true => row.int_or_null(2).expect("a time"),
                false => self.watch_order(&shop, seen, row),
            };
            first_due = first_due.into_iter().chain(due).min();
        }
        let rows = disk.read(
            "SELECT id, out_trade_no, state, due_at_ms, out_refund_no FROM deliveries ORDER BY id",
        );
        if rows.len() < seen.deliveries.len() {
            self.broken("5", None, format!("{name} has lost a delivery"));
        }
        // Only the first of an order's waiting deliveries has a timer.
        let mut waits = BTreeSet::new();
        for row in &rows {
            let number = row.text(1).expect("a number");
            let is_first = row.text(2).expect("a state") == "waiting" && waits.insert(number);
            let due = self.watch_delivery_row(name, seen, row, is_first);
            first_due = first_due.into_iter().chain(due).min();
        }
        if let Some(due) = first_due
            && !self.0.machine.has_forgotten(name)
        {
            let alarm = self.0.machine.alarm_of(name);
            let latest = due.max(self.gateway_ms() + LATEST_MS + self.set_back_ms());
            if alarm.is_none_or(|at_ms| at_ms > latest) {
                let late = alarm.map_or_else(
                    || "no alarm is set".to_owned(),
                    |at_ms| format!("the alarm is {} ms late", at_ms - due),
                );
                self.broken("6", None, format!("{name} has something to do, and {late}"));
            }
        }
    }

    /// Whether a merchant's book has this order.
    pub(super) fn is_in_the_book(&self, shop: &Shop, number: &str) -> bool {
        let watch = self.0.watch.borrow();
        let seen = watch.books.get(&shop.id);
        seen.is_some_and(|seen| seen.orders.contains_key(number))
    }

    /// Whether a Quick Pay is open in any book.
    pub(super) fn quick_pay_is_open(&self) -> bool {
        let watch = self.0.watch.borrow();
        let mut orders = watch.books.values().flat_map(|seen| seen.orders.values());
        let open = |order: &Order| {
            matches!(
                order.status(),
                Status::UserPaying
                    | Status::Reversing { .. }
                    | Status::PayError {
                        reverse_pending: true,
                        ..
                    }
            )
        };
        orders.any(|(_, order)| open(order))
    }

    fn watch_checkouts(&self, seen: &mut Seen, rows: &[Row]) {
        for row in rows {
            let (Ok(id), Ok(json)) = (row.text(0), row.text(1)) else {
                continue;
            };
            if seen
                .checkouts
                .get(id)
                .is_none_or(|(known, _)| known != json)
            {
                let checkout = serde_json::from_str(json).expect("a checkout");
                let entry = (json.to_owned(), checkout);
                seen.checkouts.insert(id.to_owned(), entry);
            }
        }
    }

    /// Checks one order of a book; returns its timer.
    fn watch_order(&self, shop: &Rc<Shop>, seen: &mut Seen, row: &Row) -> Option<i64> {
        let number = row.text(0).expect("a number");
        let json = row.text(1).expect("an order");
        let due = row.int_or_null(2).expect("a time");
        let before = match seen.orders.get(number) {
            Some((known, _)) if known == json => return due,
            before => before.map(|(_, order)| order),
        };
        let order: Order = serde_json::from_str(json).expect("an order");
        let about = Some((&*shop.id, number));
        self.note_at(&shop.id, || format!("  #{number} is {}", in_words(&order)));
        if let Some(before) = before {
            if !allowed(before.status(), order.status()) || before.terms() != order.terms() {
                let found = format!("{} became {}", in_words(before), in_words(&order));
                self.broken("6", about, found);
            }
            self.watch_refunds(about, before.refunds(), order.refunds());
        }
        if order.waits() && due.is_none() {
            let found = format!("it is {} and has no timer", in_words(&order));
            self.broken("6", about, found);
        }
        self.watch_status(shop, number, &order);
        seen.orders
            .insert(number.to_owned(), (json.to_owned(), order));
        due
    }

    fn watch_refunds(&self, about: Option<(&str, &str)>, before: &[Refund], now: &[Refund]) {
        for was in before {
            let is = now.iter().find(|r| r.out_refund_no == was.out_refund_no);
            let Some(is) = is else {
                self.broken(
                    "2",
                    about,
                    format!("the refund {} is lost", was.out_refund_no),
                );
                continue;
            };
            let back = refund_rank(is.status) < refund_rank(was.status)
                || was.status.is_final() && is.status != was.status;
            if back || is.money != was.money {
                let found = format!(
                    "the refund {} went from {:?} to {:?}",
                    was.out_refund_no, was.status, is.status
                );
                self.broken("6", about, found);
            }
        }
    }

    /// Compares a book's order with WeChat's ledger.
    fn watch_status(&self, shop: &Rc<Shop>, number: &str, order: &Order) {
        let about = Some((&*shop.id, number));
        let entry = self.entry(&shop.id, number);
        match order.status() {
            Status::Success(paid) => {
                let payment = &paid.payment;
                let terms = order.terms();
                if terms.account != shop.account {
                    self.broken("7", about, "it belongs to another merchant".to_owned());
                }
                if self.is_elsewhere(&shop.id, number) {
                    let found = "it is paid by another system's payment".to_owned();
                    self.broken("1", about, found);
                }
                let taken = entry.filter(|e| e.transaction_id.is_some());
                let Some(taken) = taken else {
                    self.broken("1", about, "it is paid, and WeChat took nothing".to_owned());
                    return;
                };
                let told = (
                    Some(payment.transaction_id.as_str()),
                    payment.money.amount_minor(),
                    payment.money.currency().code(),
                );
                let true_one = (
                    taken.transaction_id.as_deref(),
                    taken.amount_minor,
                    taken.currency.as_str(),
                );
                if told != true_one || payment.money != terms.money {
                    let found = format!("it is paid with {told:?}, and WeChat took {true_one:?}");
                    self.broken("1", about, found);
                }
            }
            Status::Closed { .. } => {
                let open = entry.filter(|e| e.is_paid() || e.is_payable(self.now_ms()));
                if let Some(open) = open {
                    let found = format!("it is closed, and at WeChat it is {}", open.state);
                    self.broken("1", about, found);
                }
            }
            _ => {}
        }
    }

    fn watch_delivery_row(
        &self,
        name: &Rc<str>,
        seen: &mut Seen,
        row: &Row,
        is_first: bool,
    ) -> Option<i64> {
        let id = row.int(0).expect("an id");
        let is = Delivery {
            number: row.text(1).expect("a number").to_owned(),
            refund: row.text_or_null(4).expect("a number").map(str::to_owned),
            state: row.text(2).expect("a state").to_owned(),
        };
        let due = row.int_or_null(3).expect("a time");
        if is_first && due.is_none() {
            let found = format!("delivery {id} is the next and has no timer");
            self.broken("6", Some((name, &is.number)), found);
        }
        if seen.deliveries.get(&id) != Some(&is) {
            self.note_at(name, || {
                format!("  delivery {id} of #{} is {}", is.number, is.state)
            });
            seen.deliveries.insert(id, is);
        }
        due
    }

    /// WeChat took a payment: it must be the only one of its purchase, if the
    /// earlier attempts could be closed. iOnline cannot close orders.
    pub(super) fn watch_payment(&self, shop: &Rc<Shop>, number: &str) {
        if shop.kind == Kind::Ionline {
            return;
        }
        let watch = self.0.watch.borrow();
        let Some(seen) = watch.books.get(&shop.id) else {
            return;
        };
        let has = |checkout: &&Checkout| {
            let mut attempts = checkout.attempts.iter();
            attempts.any(|attempt| attempt.out_trade_no.as_str() == number)
        };
        let Some(checkout) = seen.checkouts.values().map(|(_, c)| c).find(has) else {
            return;
        };
        let attempts = checkout.attempts.iter();
        let paid: Vec<&str> = attempts
            .map(|attempt| attempt.out_trade_no.as_str())
            .filter(|number| self.entry(&shop.id, number).is_some_and(|e| e.is_paid()))
            .collect();
        if paid.len() > 1 {
            let found = format!("one purchase is paid twice: {}", paid.join(" and "));
            self.broken("4", Some((&shop.id, number)), found);
        }
    }

    /// Checks that a Quick Pay is sent to WeChat once.
    pub(super) fn watch_quick_pay(&self, shop: &str, request: &Request) {
        let fields = Fields::parse(request.body()).ok();
        let in_xml = fields.as_ref().and_then(|f| f.get("out_trade_no"));
        let json: Json = serde_json::from_slice(request.body()).unwrap_or_default();
        let number = in_xml.or(json["out_trade_no"].as_str()).unwrap_or_default();
        let sent = &mut self.0.watch.borrow_mut().quick_pays;
        if !sent.insert((shop.into(), number.to_owned())) {
            let found = "a Quick Pay is sent to WeChat twice".to_owned();
            self.broken("4", Some((shop, number)), found);
        }
    }

    /// Checks an answer to a merchant about an order against WeChat's ledger.
    pub(super) fn check_answer(&self, shop: &Shop, number: &str, told: &str, transaction: &str) {
        let about = Some((&*shop.id, number));
        let entry = self.entry(&shop.id, number);
        if ["SUCCESS", "REFUND"].contains(&told) {
            let taken = entry.and_then(|entry| entry.transaction_id);
            if taken.as_deref() != Some(transaction) {
                let found = format!(
                    "the merchant is told {told} by {transaction}, and WeChat took {taken:?}"
                );
                self.broken("1", about, found);
            }
        }
    }

    /// Records the answer to a merchant that its order is accepted.
    pub(super) fn watch_accepted(&self, shop: &Shop, number: &str) {
        let mut watch = self.0.watch.borrow_mut();
        let seen = watch.books.get(&shop.id);
        let known = seen.is_some_and(|seen| {
            let mut checkouts = seen.checkouts.values();
            let is = |c: &Checkout| c.purchase.out_trade_no.as_str() == number;
            seen.orders.contains_key(number) || checkouts.any(|(_, c)| is(c))
        });
        if !known {
            let found = "the order was accepted, and is not written".to_owned();
            self.broken("2", Some((&shop.id, number)), found);
        }
        let accepted = (shop.id.clone(), number.to_owned());
        watch.accepted.push(accepted);
    }

    /// Records the answer to a merchant that its refund is accepted. From then
    /// on no book loses it: `watch_refunds`.
    pub(super) fn watch_accepted_refund(&self, shop: &Shop, number: &str, out_refund_no: &str) {
        let watch = self.0.watch.borrow();
        let order = watch.books.get(&shop.id).and_then(|s| s.orders.get(number));
        let known = order.is_some_and(|(_, order)| {
            let mut refunds = order.refunds().iter();
            refunds.any(|refund| refund.out_refund_no == out_refund_no)
        });
        if !known {
            let found = format!("the refund {out_refund_no} was accepted, and is not written");
            self.broken("2", Some((&shop.id, number)), found);
        }
    }

    /// WeChat accepted a refund: it must be one that the book had written
    /// before.
    pub(super) fn watch_refund(&self, shop: &Shop, out_refund_no: &str) {
        let ledger = self.0.ledger.borrow();
        let key = (shop.id.clone(), out_refund_no.to_owned());
        let Some(taken) = ledger.refunds.get(&key) else {
            return;
        };
        let number = taken.out_trade_no.as_str();
        let about = Some((&*shop.id, number));
        let watch = self.0.watch.borrow();
        let order = watch.books.get(&shop.id).and_then(|s| s.orders.get(number));
        let written = order.and_then(|(_, order)| {
            let mut refunds = order.refunds().iter();
            refunds.find(|refund| refund.out_refund_no == out_refund_no)
        });
        match written {
            None if out_refund_no.starts_with(BY_HAND) => {}
            None => {
                let found = format!("WeChat makes the refund {out_refund_no}, which has no record");
                self.broken("3", about, found);
            }
            Some(refund) if refund.money.amount_minor() != taken.amount_minor => {
                let found = format!("WeChat makes the refund {out_refund_no} of another amount");
                self.broken("3", about, found);
            }
            Some(_) => {}
        }
        let of_order = ledger.refunds.iter().filter(|((id, _), refund)| {
            *id == shop.id && refund.out_trade_no == number && refund.returns_money()
        });
        let returned: i64 = of_order.map(|(_, refund)| refund.amount_minor).sum();
        let key = (shop.id.clone(), number.to_owned());
        let paid = ledger
            .orders
            .get(&key)
            .map_or(0, |entry| entry.amount_minor);
        if returned > paid {
            self.broken("3", about, format!("{returned} of {paid} go back"));
        }
    }
}
