//! The invariants at the end: the network is healed, the clock has run on, and
//! nothing is due any more.

use super::watch::in_words;
use super::world::World;
use order::{Order, RefundStatus, Status};

impl World {
    /// Holds everything against WeChat's ledger once more.
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
            for (id, (number, state)) in &seen.deliveries {
                if state != "acknowledged" {
                    let found = format!("delivery {id} ends {state}");
                    self.broken("5", Some((shop, number)), found);
                }
            }
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
    }

    fn end_of_order(&self, shop: &str, number: &str, order: &Order) {
        let about = Some((shop, number));
        let in_refund = |r: &order::Refund| !r.status.is_final();
        if order.is_open() || order.refunds().iter().any(in_refund) {
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
        let told = self.shop(shop).is_some_and(|shop| {
            let received = shop.received.borrow();
            received.iter().any(|told| told.out_trade_no == number)
        });
        if order.paid().is_some() && order.terms().notify_url.is_some() && !told {
            let found = "it is paid, and the merchant was never told".to_owned();
            self.broken("5", about, found);
        }
    }

    /// Whatever WeChat has money for is paid in the book, if it was made under
    /// the book's terms.
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
                // Made elsewhere, with the merchant's key, and nobody's here.
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
