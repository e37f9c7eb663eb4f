//! The changes of an order, for the audit and the counters. They are determined
//! in one place, where an order is written.

use super::Book;
use crate::observe::alarm::Alarm;
use crate::observe::audit;
use crate::runtime::{Runtime, Storage, StorageError};
use order::{Event, Order, Refund, RefundStatus, Status, TradeState, Via};

/// An order's state before an event.
#[derive(Debug)]
pub(super) struct OrderSnapshot {
    status: &'static str,
    refunds: Vec<RefundStatus>,
}

impl OrderSnapshot {
    pub(super) fn of(order: &Order) -> Self {
        Self {
            status: status(order),
            refunds: order.refunds().iter().map(|r| r.status).collect(),
        }
    }
}

impl<R: Runtime, S: Storage> Book<R, S> {
    /// Writes what differs from `before` to the audit and the counters, inside
    /// the transaction that writes the order. `before` is `None` for a new
    /// order.
    pub(super) fn audit_order(
        &self,
        before: Option<&OrderSnapshot>,
        order: &Order,
        evidence: &str,
    ) -> Result<(), StorageError> {
        let number = order.terms().out_trade_no.as_str();
        let is = status(order);
        if before.is_none_or(|before| before.status != is) {
            let money = order.terms().money;
            let what = format!(
                "order {is}, {} {}, {}",
                money.amount_minor(),
                money.currency().code(),
                order.terms().trade_type.as_str()
            );
            self.audit(number, &what, evidence)?;
            self.count(&format!("order:{is}"));
        }
        for (at, refund) in order.refunds().iter().enumerate() {
            let was = before.and_then(|before| before.refunds.get(at));
            if was == Some(&refund.status) {
                continue;
            }
            let is = refund_status(refund);
            let what = format!(
                "refund {} {is}, {} {}",
                refund.out_refund_no,
                refund.money.amount_minor(),
                refund.money.currency().code()
            );
            // A refund's first change carries the reason of the refund.
            let reason = match (was, &refund.reason) {
                (None, Some(reason)) => format!(", reason: {reason}"),
                _ => String::new(),
            };
            audit::add_with_text(
                &self.runtime,
                &self.storage,
                number,
                &what,
                &reason,
                evidence,
            )?;
            self.count(&format!("refund:{is}"));
            if refund.status == RefundStatus::Abnormal {
                self.raise(Alarm::RefundAbnormal, number)?;
            }
        }
        Ok(())
    }

    /// Writes a change of something that belongs to this merchant to the audit,
    /// inside the transaction of that change.
    pub(super) fn audit(&self, subject: &str, what: &str, why: &str) -> Result<(), StorageError> {
        audit::add(&self.runtime, &self.storage, subject, what, why)
    }
}

/// The name under which the order's status is stored.
const fn status(order: &Order) -> &'static str {
    match order.status() {
        Status::NotPay => "NOTPAY",
        Status::Closing { .. } => "CLOSING",
        Status::UserPaying => "USERPAYING",
        Status::Reversing { .. } => "REVERSING",
        Status::Success(_) => "SUCCESS",
        Status::Closed { .. } => "CLOSED",
        Status::Revoked { .. } => "REVOKED",
        Status::PayError { .. } => "PAYERROR",
    }
}

pub(super) const fn refund_status(refund: &Refund) -> &'static str {
    match refund.status {
        RefundStatus::Asked => "ASKED",
        RefundStatus::Processing => "PROCESSING",
        RefundStatus::Success => "SUCCESS",
        RefundStatus::Closed => "CLOSED",
        RefundStatus::Abnormal => "ABNORMAL",
    }
}

/// The evidence of an event.
pub(super) fn evidence(event: &Event) -> String {
    let by = |via| match via {
        Via::Notice => "WeChat's notice",
        Via::Query => "WeChat's answer to a query",
    };
    let of_query = |state: &str| format!("WeChat's answer to a query: {state}");
    match event {
        Event::StateReported(TradeState::Success(payment) | TradeState::Refund(payment), via) => {
            format!("{}: transaction {}", by(*via), payment.transaction_id)
        }
        Event::PaymentReported(payment) => format!(
            "{}: transaction {}",
            by(Via::Notice),
            payment.transaction_id
        ),
        Event::DuplicatePayment {
            payment, via, kept, ..
        } => format!(
            "{}: transaction {}; the purchase is paid by {kept}",
            by(*via),
            payment.transaction_id
        ),
        Event::Accepted(event) => format!("an operator's decision; {}", evidence(event)),
        Event::Rejected { transaction_id } => format!(
            "an operator's decision; {}: transaction {transaction_id}",
            by(Via::Query)
        ),
        Event::StateReported(TradeState::NotPay, _) => of_query("NOTPAY"),
        Event::StateReported(TradeState::Closed, _) => of_query("CLOSED"),
        Event::StateReported(TradeState::Revoked, _) => of_query("REVOKED"),
        Event::StateReported(TradeState::UserPaying, _) => of_query("USERPAYING"),
        Event::StateReported(TradeState::PayError, _) => of_query("PAYERROR"),
        Event::Answered { event, .. } => evidence(event),
        Event::NotFound => of_query("no such order"),
        Event::NumberTaken => of_query("the payment under the number is another order's"),
        Event::CloseAsked
        | Event::ReverseAsked
        | Event::RefundAsked { .. }
        | Event::RefundCancelAsked { .. } => String::new(),
        Event::RefundNotFound { .. } => of_query("no such refund"),
        Event::CloseAnswered(answer) => format!("WeChat's answer to the close: {answer:?}"),
        Event::ReverseAnswered(answer) => format!("WeChat's answer to the reverse: {answer:?}"),
        Event::Declined => "WeChat's refusal of the Quick Pay".to_owned(),
        Event::Due => "its time is over".to_owned(),
        Event::RefundReported { .. } => "WeChat's answer about the refund".to_owned(),
        Event::RefundDeclined { err_code, .. } => {
            format!("WeChat's refusal of the refund: {err_code}")
        }
    }
}
