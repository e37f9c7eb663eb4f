//! Payments that only a notice reports, and what is compared of a report
//! beside its numbers and amounts.

use super::{Effect, Order, Refusal, Status};
use crate::evidence::Payment;
use serde::{Deserialize, Serialize};

/// A payment that only a notice reports. A query confirms it before it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    /// WeChat's number for the payment.
    pub transaction_id: String,
    /// When the notice came.
    pub at_ms: i64,
}

/// A report that WeChat's verified answers still deny after this is dropped.
const DENIED_MS: i64 = 3_600_000;

impl Order {
    /// The payment that a notice reports and no query has confirmed yet.
    pub const fn reported(&self) -> Option<&Reported> {
        self.reported.as_ref()
    }

    /// Keeps what a notice reports and queries WeChat. A Quick Pay under way
    /// has its own queries, which end it either way.
    pub(super) fn payment_reported(
        &mut self,
        payment: &Payment,
        now_ms: i64,
    ) -> Result<Vec<Effect>, Refusal> {
        self.can_be_paid_by(payment)?;
        if self.reported.is_some() {
            return Ok(Vec::new());
        }
        self.reported = Some(Reported {
            transaction_id: payment.transaction_id.clone(),
            at_ms: now_ms,
        });
        if matches!(self.status, Status::UserPaying | Status::Reversing { .. }) {
            return Ok(vec![Effect::Query]);
        }
        self.checks = 0;
        Ok(vec![Effect::Query, self.next_wake(now_ms)])
    }

    /// WeChat's verified answer does not know the payment that a notice
    /// reports. After an hour the report is dropped.
    pub(super) fn denied(&mut self, mut effects: Vec<Effect>, now_ms: i64) -> Vec<Effect> {
        let is_old = |reported: &Reported| now_ms - reported.at_ms >= DENIED_MS;
        if self.reported.as_ref().is_some_and(is_old) {
            self.reported = None;
            if !self.is_open() {
                effects.push(Effect::Rest);
            }
        }
        effects
    }

    /// Whether the report carries another `attach`. A report may leave it out
    /// (the answer to `APIv3`'s Quick Pay does), and white space around it may
    /// be lost on the way.
    pub(super) fn is_other_attach(&self, payment: &Payment) -> bool {
        let trimmed =
            |attach: &Option<String>| attach.as_deref().unwrap_or_default().trim().to_owned();
        let theirs = trimmed(&payment.attach);
        !theirs.is_empty() && theirs != trimmed(&self.terms.attach)
    }

    /// Whether the order is bound to a payer (JSAPI) and the report names
    /// another. A report may leave the payer out.
    pub(super) fn is_other_payer(&self, payment: &Payment) -> bool {
        let theirs = match self.terms.account.sub_appid {
            Some(_) => &payment.sub_openid,
            None => &payment.openid,
        };
        match (&self.terms.openid, theirs) {
            (Some(ours), Some(theirs)) => ours != theirs,
            _ => false,
        }
    }

    /// Whether the payment is this order's, and the order can take it.
    pub(super) fn can_be_paid_by(&self, payment: &Payment) -> Result<(), Refusal> {
        self.compare(payment)?;
        if let Some(paid) = self.paid() {
            return Err(if paid.payment.transaction_id == payment.transaction_id {
                Refusal::AlreadyPaid
            } else {
                Refusal::PaidTwice
            });
        }
        if matches!(
            self.status,
            Status::Reversing { refused: false, .. } | Status::Revoked { .. }
        ) {
            return Err(Refusal::Reversed);
        }
        Ok(())
    }
}
