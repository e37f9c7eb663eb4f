//! The invariants at the end: without faults, after enough time, when nothing
//! is due any more.

use super::seen::Seen;
use super::watch::in_words;
use super::world::World;
use gateway::book::Checkout;
use memory_runtime::objects::BOARD;
use order::{Order, RefundStatus, Status};

impl World {
    /// Compares everything with WeChat's ledger once more.
    pub(super) fn watch_the_end(&self) {
        if self.unfinished() > 0 {
            let found = format!("{} requests wait for ever", self.unfinished());
            self.broken("6", None, found);
        }
        let watch = self.0.watch.borrow();
        for (shop, seen) in &watch.books {
            for (number, (_, order)) in &seen.orders {
                self.end_of_order(shop, number, order);
            }
            for (id, delivery) in &seen.deliveries {
                if delivery.state != "acknowledged" {
                    let found = format!("delivery {id} ends {}", delivery.state);
                    self.broken("5", Some((shop, &delivery.number)), found);
                }
            }
            for (_, checkout) in seen.checkouts.values() {
                self.end_of_purchase(shop, seen, checkout);
            }
            self.end_of_lists(shop, seen);
            self.end_of_events(shop, seen);
        }
        for (shop, number) in &watch.accepted {
            let seen = watch.books.get(shop);
            let order = seen.is_some_and(|seen| seen.orders.contains_key(number));
            let checkout = seen.is_some_and(|seen| {
                let mut checkouts = seen.checkouts.values();
                checkouts.any(|(_, c)| c.purchase.out_trade_no.as_str() == number)
            });
            if !order && !checkout {
                let found = "the order was accepted, and is lost".to_owned();
                self.broken("2", Some((shop, number)), found);
            }
        }
        self.end_of_ledger();
        self.end_of_alarms();
    }

    /// The board shows every open alarm, and no purchase of a link stays
    /// without an attempt.
    fn end_of_alarms(&self) {
        let watch = self.0.watch.borrow();
        for shop in &*self.0.shops.borrow() {
            // A book that was never called was never opened.
            if !watch.books.contains_key(&shop.id) {
                continue;
            }
            let number = |object: &str, sql: &str| {
                if !self.0.machine.was_opened(object) {
                    return 0;
                }
                let rows = self.0.machine.disk(object).read(sql);
                rows.first().map_or(0, |row| row.int(0).expect("a number"))
            };
            let stands = number(&shop.id, "SELECT count(*) FROM alarms");
            let sql = format!("SELECT alarms FROM board WHERE merchant = '{}'", shop.id);
            let shown = number(BOARD, &sql);
            if stands != shown {
                let found = format!("{stands} alarms stand, and the board shows {shown}");
                self.broken("8", Some((&shop.id, "")), found);
            }
            let Some((link, _)) = shop.link.borrow().clone() else {
                continue;
            };
            let name = link.split_once('.').map_or("", |(_, name)| name);
            let untried = format!(
                "SELECT count(*) FROM checkouts WHERE instr(out_trade_no, '{name}_') = 1
                 AND id NOT IN (SELECT checkout_id FROM attempts)"
            );
            let untried = number(&shop.id, &untried);
            if untried > 0 {
                let found = format!("{untried} purchases without an attempt stay");
                self.broken("8", Some((&shop.id, "")), found);
            }
        }
    }

    /// The index of lists and totals agrees with the orders.
    fn end_of_lists(&self, shop: &str, seen: &Seen) {
        let disk = self.0.machine.disk(shop);
        let (mut listed, mut sums) = (Vec::new(), Vec::new());
        for row in disk.read("SELECT list, key, state FROM listed WHERE list <= 2") {
            let text = |column| row.text(column).expect("a text").to_owned();
            listed.push((row.int(0).expect("a list"), text(1), text(2)));
        }
        for row in disk.read("SELECT list, sum(amount), sum(count) FROM sums GROUP BY list") {
            let int = |column| row.int(column).expect("a number");
            sums.push([int(0), int(1), int(2)]);
        }
        let orders = seen.orders.values().map(|(_, order)| order);
        let (mut expected, mut paid, mut refunded) = (Vec::new(), [1, 0, 0], [2, 0, 0]);
        for order in orders {
            let terms = order.terms();
            let state = order.trade_state().to_owned();
            expected.push((1, terms.out_trade_no.to_string(), state));
            if order.paid().is_some() {
                paid = [1, paid[1] + terms.money.amount_minor(), paid[2] + 1];
            }
            for refund in order.refunds() {
                let state = format!("{:?}", refund.status).to_uppercase();
                expected.push((2, refund.out_refund_no.clone(), state));
                let taken = [RefundStatus::Processing, RefundStatus::Success];
                if taken.contains(&refund.status) {
                    let amount = refund.money.amount_minor();
                    refunded = [2, refunded[1] + amount, refunded[2] + 1];
                }
            }
        }
        listed.sort();
        expected.sort();
        if let Some(wrong) = listed
            .iter()
            .find(|row| !expected.contains(row))
            .or_else(|| expected.iter().find(|row| !listed.contains(row)))
        {
            let found = format!("{shop}'s lists and its orders differ: {wrong:?}");
            self.broken("2", Some((shop, &wrong.1)), found);
        }
        let of_list = |sum: [i64; 3]| {
            let found = sums.iter().find(|[list, ..]| *list == sum[0]);
            found.copied().unwrap_or([sum[0], 0, 0]) == sum
        };
        if !of_list(paid) || !of_list(refunded) {
            let found = format!("{shop}'s totals are {sums:?}, not {paid:?} and {refunded:?}");
            self.broken("2", None, found);
        }
    }

    fn end_of_order(&self, shop: &str, number: &str, order: &Order) {
        let about = Some((shop, number));
        if order.waits() {
            let found = format!("nothing is due any more, and it is {}", in_words(order));
            self.broken("6", about, found);
        }
        let entry = self.entry(shop, number);
        let paid = entry.as_ref().is_some_and(|entry| entry.is_paid());
        if order.paid().is_some() && !paid {
            let found = format!(
                "it ends {}, and WeChat has no money for it",
                in_words(order)
            );
            self.broken("1", about, found);
        }
        self.end_of_what_was_done_by_hand(shop, number, order);
        for refund in order.refunds() {
            let key = (shop.into(), refund.out_refund_no.clone());
            let ledger = self.0.ledger.borrow();
            let taken = ledger.refunds.get(&key);
            let taken = taken.filter(|taken| taken.out_trade_no == number);
            let agrees = match refund.status {
                RefundStatus::Success => taken.is_some_and(|t| t.status == "SUCCESS"),
                RefundStatus::Abnormal => taken.is_some_and(|t| t.status == "CHANGE"),
                RefundStatus::Closed => taken.is_none_or(|t| t.status == "REFUNDCLOSE"),
                RefundStatus::Asked | RefundStatus::Processing => true,
            };
            if !agrees {
                let found = format!(
                    "the refund {} ends {:?}, and WeChat says {:?}",
                    refund.out_refund_no,
                    refund.status,
                    taken.map(|t| t.status.as_str())
                );
                self.broken("3", about, found);
            }
        }
        self.end_of_deliveries(shop, number, order);
    }

    /// A manual change is shown as WeChat has it, and an alarm was raised. (A
    /// refund of the gateway makes an order REFUND as well; and only one
    /// attempt of a purchase is queried.)
    fn end_of_what_was_done_by_hand(&self, shop: &str, number: &str, order: &Order) {
        let about = Some((shop, number));
        let key = (shop.into(), number.to_owned());
        let by_hand = self.0.ledger.borrow().by_hand.contains(&key);
        let entry = self.entry(shop, number);
        let is_refunded = entry.is_some_and(|entry| entry.state == "REFUND");
        let is_attempt = {
            let watch = self.0.watch.borrow();
            let seen = watch.books.get(shop);
            seen.is_some_and(|seen| {
                let attempts = seen.checkouts.values().flat_map(|(_, c)| &c.attempts);
                attempts.clone().any(|a| a.out_trade_no.as_str() == number)
            })
        };
        let ours = order.refunds().iter().any(|r| !r.is_never_taken());
        if by_hand && is_refunded && !is_attempt && !ours && order.trade_state() != "REFUND" {
            let found = format!("it was refunded by hand, and ends {}", in_words(order));
            self.broken("1", about, found);
        }
        let disk = self.0.machine.disk(shop);
        let alarms = disk.read("SELECT subject FROM alarms WHERE name = 'CHANGED_ELSEWHERE'");
        let mut subjects = alarms.iter().filter_map(|row| row.text(0).ok());
        if order.elsewhere().is_some() && !subjects.any(|subject| subject == number) {
            let found = "it was changed by hand, and no alarm was raised".to_owned();
            self.broken("1", about, found);
        }
    }

    /// One of a purchase's payments is kept. The others are refunded; or an
    /// alarm is raised, where the bank did not accept the refund.
    fn end_of_purchase(&self, shop: &str, seen: &Seen, checkout: &Checkout) {
        let attempts = checkout.attempts.iter();
        let orders = attempts.filter_map(|a| seen.orders.get(a.out_trade_no.as_str()));
        let paid: Vec<&Order> = orders
            .map(|(_, order)| order)
            .filter(|order| order.paid().is_some())
            .collect();
        let number = checkout.purchase.out_trade_no.as_str();
        let about = Some((shop, number));
        let kept = paid.iter().filter(|order| order.duplicate_of().is_none());
        if !paid.is_empty() && kept.count() != 1 {
            let found = format!("of {} payments of one purchase not one is kept", paid.len());
            self.broken("4", about, found);
        }
        let disk = self.0.machine.disk(shop);
        let alarms = disk.read("SELECT subject FROM alarms WHERE name = 'SECOND_PAYMENT_KEPT'");
        for order in paid.iter().filter(|order| order.duplicate_of().is_some()) {
            let attempt = order.terms().out_trade_no.as_str();
            // An alarm was raised for a manual refund.
            if order.elsewhere().is_some() {
                continue;
            }
            let [refund] = order.refunds() else {
                let found = format!("{} refunds of {attempt}", order.refunds().len());
                self.broken("4", about, found);
                continue;
            };
            let is_called = || {
                let mut subjects = alarms.iter().filter_map(|row| row.text(0).ok());
                subjects.any(|subject| subject == attempt)
            };
            let returns_all = refund.money == order.terms().money;
            if !returns_all || refund.status != RefundStatus::Success && !is_called() {
                let found = format!("the purchase is kept paid twice: {attempt}");
                self.broken("4", about, found);
            }
        }
    }

    /// Each payment at WeChat is paid in the book, if it was made under the
    /// book's terms.
    fn end_of_ledger(&self) {
        let ledger = self.0.ledger.borrow();
        let watch = self.0.watch.borrow();
        for ((shop, number), entry) in &ledger.orders {
            if !entry.is_paid() {
                continue;
            }
            let about = Some((&**shop, number.as_str()));
            let seen = watch.books.get(shop);
            let Some((_, order)) = seen.and_then(|seen| seen.orders.get(number)) else {
                // Made by another system with the merchant's key, for no
                // merchant of the gateway.
                if !ledger.elsewhere.contains(&(shop.clone(), number.clone())) {
                    let found = "WeChat has the money, and the order is not known".to_owned();
                    self.broken("1", about, found);
                }
                continue;
            };
            let terms = order.terms();
            let ours = (terms.money.amount_minor(), terms.trade_type.as_str())
                == (entry.amount_minor, entry.trade_type.as_str());
            if ours && !matches!(order.status(), Status::Success(_)) {
                let found = format!("WeChat has the money, and it ends {}", in_words(order));
                self.broken("1", about, found);
            }
        }
    }
}
