//! The changes of an order, for the audit and the counters. They are determined
//! in one place, where an order is written.

use super::Book;
use crate::observe::alarm::Alarm;
use crate::observe::labels::{OrderLabel, RefundLabel};
use crate::observe::{Actor, Counter, RequestContext, audit};
use crate::runtime::{Runtime, Storage, StorageError};
use order::{Elsewhere, Event, Order, RefundStatus, TradeState, Via};

/// An order's state before an event.
#[derive(Debug)]
pub(super) struct OrderSnapshot {
    pub(super) status: OrderLabel,
    pub(super) refunds: Vec<RefundStatus>,
    pub(super) elsewhere: Option<Elsewhere>,
    pub(super) is_duplicate: bool,
}

impl OrderSnapshot {
    pub(super) fn of(order: &Order) -> Self {
        Self {
            status: order.into(),
            refunds: order.refunds().iter().map(|r| r.status).collect(),
            elsewhere: order.elsewhere(),
            is_duplicate: order.duplicate_of().is_some(),
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
        let is = OrderLabel::from(order);
        if before.is_none_or(|before| before.status != is) {
            let money = order.terms().money;
            let what = format!(
                "order {}, {} {}, {}",
                is.name(),
                money.amount_minor(),
                money.currency().code(),
                order.terms().trade_type.as_str()
            );
            self.audit(number, &what, evidence)?;
            self.count(Counter::Order(is));
        }
        for (at, refund) in order.refunds().iter().enumerate() {
            let was = before.and_then(|before| before.refunds.get(at));
            if was == Some(&refund.status) {
                continue;
            }
            let is = RefundLabel::from(refund.status);
            let what = format!(
                "refund {} {}, {} {}",
                refund.out_refund_no,
                is.name(),
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
            self.count(Counter::Refund(is));
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

    /// As [`Book::audit`], but only if a person made the call. Programs make
    /// these calls often, and have logs of their own.
    pub(super) fn audit_person(&self, subject: &str, what: &str) -> Result<(), StorageError> {
        match RequestContext::current().who {
            Actor::Person(_) => self.audit(subject, what, ""),
            _ => Ok(()),
        }
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
