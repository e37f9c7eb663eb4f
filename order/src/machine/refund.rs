//! What events do to an order's refunds (WeChat Pay v2 manual, section 9.4;
//! checklist R1, R3, R4).

use super::{Order, REVERSE_ALONE, Status};
use crate::event::{Effect, Refusal, Trouble};
use crate::evidence::RefundState;
use crate::money::Money;
use crate::refund::{APART_MS, LIMIT_MS, MAX_ASKED, MAX_REFUNDS, Refund, RefundStatus};

/// The refunds of an order.
impl Order {
    pub(crate) fn refund_asked(
        &mut self,
        out_refund_no: String,
        money: Money,
        reason: Option<String>,
        now_ms: i64,
    ) -> Result<Vec<Effect>, Refusal> {
        let recorded_at_ms = match &self.status {
            Status::Success(paid) => paid.recorded_at_ms,
            // The alternative where WeChat does not reverse a payment.
            Status::Reversing {
                paid: Some(paid),
                refused,
            } if *refused || self.checks > REVERSE_ALONE => paid.recorded_at_ms,
            _ => return Err(Refusal::NotPaid),
        };
        if let Some(known) = self
            .refunds
            .iter()
            .find(|r| r.out_refund_no == out_refund_no)
        {
            return Err(if known.money != money {
                Refusal::RefundExistsWithDifferentAmount
            } else if known.reason != reason {
                Refusal::RefundExistsWithDifferentReason
            } else {
                Refusal::RefundExists
            });
        }
        let returned: i64 = self
            .refunds
            .iter()
            .filter(|r| r.status.counts())
            .map(|r| r.money.amount_minor())
            .sum();
        if money.currency() != self.terms.money.currency() {
            return Err(Refusal::RefundOtherCurrency);
        }
        if returned + money.amount_minor() > self.terms.money.amount_minor() {
            return Err(Refusal::RefundExceedsPaid);
        }
        if now_ms - recorded_at_ms > LIMIT_MS {
            return Err(Refusal::RefundTooLate);
        }
        // A refund that WeChat never accepted counts for neither limit.
        let taken = |r: &&Refund| r.status.counts() || r.refund_id.is_some();
        let is_full = self.refunds.iter().filter(taken).count() >= MAX_REFUNDS;
        if is_full || self.refunds.len() >= MAX_ASKED {
            return Err(Refusal::RefundTooMany);
        }
        let last = self.refunds.iter().rfind(taken);
        if last.is_some_and(|r| now_ms - r.asked_at_ms < APART_MS) {
            return Err(Refusal::RefundTooSoon);
        }
        if let Status::Reversing { paid, .. } = &mut self.status
            && let Some(paid) = paid.take()
        {
            self.status = Status::Success(paid);
        }
        self.write_refund(out_refund_no.clone(), money, reason, now_ms);
        Ok(vec![Effect::Refund(out_refund_no), self.next_wake(now_ms)])
    }

    pub(crate) fn write_refund(
        &mut self,
        out_refund_no: String,
        money: Money,
        reason: Option<String>,
        now_ms: i64,
    ) {
        self.refunds.push(Refund {
            out_refund_no,
            money,
            reason,
            status: RefundStatus::Asked,
            asked_at_ms: now_ms,
            refund_id: None,
            err_code: None,
            cancel_asked: false,
            alarm_at_ms: None,
            in_flight: Vec::new(),
        });
        self.checks = 0;
    }

    pub(crate) fn refund_reported(
        &mut self,
        out_refund_no: &str,
        state: RefundState,
        is_current: bool,
        now_ms: i64,
    ) -> Result<Vec<Effect>, Refusal> {
        let refund = self.find_refund(out_refund_no);
        let refund = refund.ok_or(Refusal::RefundUnknown)?;
        let was_made_after_all =
            refund.status == RefundStatus::Closed && state != RefundState::Closed;
        // The merchant settled it on the merchant platform.
        let was_settled = refund.status == RefundStatus::Abnormal
            && matches!(state, RefundState::Success { .. } | RefundState::Closed);
        if refund.status.is_final() && !was_made_after_all && !was_settled {
            return Err(Refusal::RefundFinal);
        }
        // An older answer may describe the time before WeChat ended the refund.
        if refund.status.is_final() && !refund.is_never_taken() && !is_current {
            return Ok(vec![Effect::QueryRefund(out_refund_no.to_owned())]);
        }
        refund.err_code = None;
        refund.in_flight.clear();
        refund.status = match state {
            RefundState::Processing { refund_id } => {
                refund.refund_id = Some(refund_id);
                RefundStatus::Processing
            }
            RefundState::Success { refund_id } => {
                refund.refund_id = Some(refund_id);
                RefundStatus::Success
            }
            RefundState::Closed => RefundStatus::Closed,
            RefundState::Abnormal => RefundStatus::Abnormal,
        };
        let mut effects = refund.deliver_when_final();
        if was_made_after_all {
            self.checks = 0;
            effects.push(Effect::Raise(Trouble::RefundMadeAfterAll));
            effects.push(self.rest(now_ms));
        }
        Ok(effects)
    }

    pub(crate) fn refund_declined(
        &mut self,
        out_refund_no: &str,
        err_code: String,
        later: bool,
    ) -> Result<Vec<Effect>, Refusal> {
        let revision = self.revision;
        let refund = self.open_refund(out_refund_no)?;
        // Once WeChat has a refund, only WeChat's state ends it.
        if refund.status != RefundStatus::Asked {
            return Ok(Vec::new());
        }
        refund.err_code = Some(err_code);
        refund.in_flight.retain(|sent| sent.revision != revision);
        // An earlier request may still arrive at WeChat and be accepted.
        if later || !refund.in_flight.is_empty() {
            return Ok(Vec::new());
        }
        refund.status = RefundStatus::Closed;
        let mut effects = refund.deliver_when_final();
        // Another system may have refunded or reversed the order.
        effects.push(Effect::Query);
        Ok(effects)
    }

    pub(crate) fn refund_cancel_asked(
        &mut self,
        out_refund_no: &str,
        now_ms: i64,
    ) -> Result<Vec<Effect>, Refusal> {
        let refund = self.find_refund(out_refund_no);
        let refund = refund.ok_or(Refusal::RefundUnknown)?;
        match refund.status {
            RefundStatus::Closed => return Err(Refusal::RefundFinal),
            RefundStatus::Asked => {}
            _ => return Err(Refusal::RefundTaken),
        }
        let is_first = !std::mem::replace(&mut refund.cancel_asked, true);
        let mut effects = vec![Effect::QueryRefund(out_refund_no.to_owned())];
        if is_first {
            self.checks = 0;
            effects.push(self.next_wake(now_ms));
        }
        Ok(effects)
    }

    /// Ends a cancelled refund that no request in flight can still make.
    pub(crate) fn refund_not_found(&mut self, out_refund_no: &str) -> Result<Vec<Effect>, Refusal> {
        let refund = self.open_refund(out_refund_no)?;
        let is_asked = refund.status == RefundStatus::Asked;
        if is_asked && refund.cancel_asked && refund.in_flight.is_empty() {
            refund.status = RefundStatus::Closed;
        }
        Ok(refund.deliver_when_final())
    }

    pub(crate) fn find_refund(&mut self, out_refund_no: &str) -> Option<&mut Refund> {
        let mut refunds = self.refunds.iter_mut();
        refunds.find(|r| r.out_refund_no == out_refund_no)
    }

    pub(crate) fn open_refund(&mut self, out_refund_no: &str) -> Result<&mut Refund, Refusal> {
        let refund = self.find_refund(out_refund_no);
        let refund = refund.ok_or(Refusal::RefundUnknown)?;
        match refund.status.is_final() {
            true => Err(Refusal::RefundFinal),
            false => Ok(refund),
        }
    }
}
