//! Payments that only a notice reports, and the comparison of a report's
//! optional fields.

use super::{Order, Reported, Status};
use crate::event::{Effect, Refusal, Trouble};
use crate::evidence::{Payment, Via};

/// A report that WeChat's verified answers still deny after this time is
/// dropped.
const DENIED_MS: i64 = 3_600_000;

impl Order {
    /// The payment that a notice reports and that no query has confirmed yet.
    pub const fn reported(&self) -> Option<&Reported> {
        self.reported.as_ref()
    }

    /// Records the reported payment and queries WeChat. A Quick Pay that is not
    /// final keeps its own timer.
    pub(super) fn payment_reported(
        &mut self,
        payment: &Payment,
        now_ms: i64,
    ) -> Result<Vec<Effect>, Refusal> {
        self.compare(payment, Via::Notice)?;
        if let Some(known) = self.known_payment() {
            return Err(if known.payment.transaction_id != payment.transaction_id {
                self.second_payment(&payment.transaction_id)
            } else if self.paid().is_some() {
                Refusal::AlreadyPaid
            } else {
                Refusal::Reversed
            });
        }
        if self.reported.is_some() {
            return Ok(Vec::new());
        }
        self.reported = Some(Reported {
            transaction_id: payment.transaction_id.clone(),
            at_ms: now_ms,
        });
        if matches!(
            self.status,
            Status::UserPaying
                | Status::Reversing { .. }
                | Status::PayError {
                    reverse_pending: true,
                    ..
                }
        ) {
            return Ok(vec![Effect::Query]);
        }
        self.checks = 0;
        let mut effects = vec![Effect::Query, self.next_wake(now_ms)];
        if matches!(self.status, Status::Revoked { .. }) {
            effects.insert(0, Effect::Raise(Trouble::PaidAfterReverse));
        }
        Ok(effects)
    }

    /// WeChat's verified answer does not know the payment that a notice
    /// reports. The report is dropped after an hour, or at once where WeChat
    /// reports that the order is reversed, because then no payment exists.
    pub(super) fn denied(
        &mut self,
        effects: Vec<Effect>,
        is_reversed: bool,
        now_ms: i64,
    ) -> Vec<Effect> {
        match self.is_denied(now_ms) || is_reversed {
            true => self.without_report(effects, now_ms),
            false => effects,
        }
    }

    /// Whether a verified answer that denies the report ends it.
    pub(super) fn is_denied(&self, now_ms: i64) -> bool {
        let mut reported = self.reported.iter();
        reported.any(|reported| now_ms - reported.at_ms >= DENIED_MS)
    }

    /// Drops the report and its timer.
    pub(super) fn without_report(&mut self, mut effects: Vec<Effect>, now_ms: i64) -> Vec<Effect> {
        if self.reported.take().is_some() && !self.waits() {
            effects.retain(|effect| !matches!(effect, Effect::WakeAt(_)));
            effects.push(self.rest(now_ms));
        }
        effects
    }

    /// Whether the report carries another `attach`. A report may lack it (the
    /// answer to `APIv3`'s Quick Pay does), and white space around it may be
    /// lost in transit.
    pub(super) fn is_other_attach(&self, payment: &Payment) -> bool {
        let trimmed =
            |attach: &Option<String>| attach.as_deref().unwrap_or_default().trim().to_owned();
        let theirs = trimmed(&payment.attach);
        !theirs.is_empty() && theirs != trimmed(&self.terms.attach)
    }

    /// Whether the order is bound to a payer (JSAPI) and the report names
    /// another. A report may lack the payer.
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
}
