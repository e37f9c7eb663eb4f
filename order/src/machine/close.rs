//! Closing an order that is not paid (WeChat Pay v2 manual, section 9.3).

use super::{Order, Status};
use crate::event::{CloseAnswer, CloseReason, Effect, Refusal};

/// The longest time that a payer's sheet is open (WeChat Pay v2 manual, section
/// 9.1).
const SHEET_MS: i64 = 2 * 3_600_000;
/// An order is closed some minutes after its time at the latest; at iOnline,
/// two hours after it was made. One that is open for this much longer needs an
/// operator.
const CLOSE_ALARM_MS: i64 = 3_600_000;
/// The interval of the alarm while the order waits.
const CLOSE_ALARM_EVERY_MS: i64 = 86_400_000;

impl Order {
    pub(super) fn closed(&mut self, reason: CloseReason, at_ms: i64) -> Vec<Effect> {
        self.finish(Status::Closed { reason, at_ms }, at_ms)
    }

    pub(super) fn close_asked(&mut self, now_ms: i64) -> Result<Vec<Effect>, Refusal> {
        match self.status {
            Status::Success(_) => Err(Refusal::OrderPaid),
            Status::UserPaying | Status::Reversing { .. } => Err(Refusal::QuickPayIsReversed),
            // Query first (checklist P7): the answer leads to the close.
            Status::NotPay => Ok(self.close_for(CloseReason::Asked, Effect::Query, now_ms)),
            Status::Closing { .. } => Ok(vec![Effect::Query]),
            _ => Err(Refusal::OrderClosed),
        }
    }

    pub(super) fn close_for(
        &mut self,
        reason: CloseReason,
        first: Effect,
        now_ms: i64,
    ) -> Vec<Effect> {
        self.status = Status::Closing { reason };
        self.checks = 0;
        vec![first, self.next_wake(now_ms)]
    }

    pub(super) fn close_answered(
        &mut self,
        answer: CloseAnswer,
        now_ms: i64,
    ) -> Result<Vec<Effect>, Refusal> {
        match (&self.status, answer) {
            (Status::Success(_), CloseAnswer::OrderPaid) => Err(Refusal::AlreadyPaid),
            (Status::Success(_), CloseAnswer::Unknown) => Err(Refusal::Stale),
            // An order cannot be both paid and closed.
            (Status::Success(_), CloseAnswer::Closed) => Ok(vec![Effect::Query]),
            (&Status::Closing { reason }, CloseAnswer::Closed) => Ok(self.closed(reason, now_ms)),
            (_, CloseAnswer::OrderPaid) => Ok(vec![Effect::Query]),
            _ => Ok(Vec::new()),
        }
    }

    /// Whether no payer can still have the order's payment sheet open.
    pub(super) fn is_sheet_over(&self, now_ms: i64) -> bool {
        now_ms >= self.terms.expires_at_ms.max(self.created_at_ms + SHEET_MS)
    }

    /// Whether an alarm is due because the order's time ended long ago and
    /// WeChat has not reported its state.
    pub(super) fn close_waits(&mut self, now_ms: i64) -> bool {
        let is_open = matches!(self.status, Status::NotPay | Status::Closing { .. });
        if !is_open || !self.is_sheet_over(now_ms) {
            return false;
        }
        // Counted from the first check after that, because the clock may have
        // jumped.
        let Some(due_ms) = self.close_alarm_at_ms else {
            self.close_alarm_at_ms = Some(now_ms + CLOSE_ALARM_MS);
            return false;
        };
        let waits = now_ms >= due_ms;
        if waits {
            self.close_alarm_at_ms = Some(now_ms + CLOSE_ALARM_EVERY_MS);
        }
        waits
    }
}
