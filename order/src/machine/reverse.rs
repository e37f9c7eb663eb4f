//! The end of a Quick Pay that is not paid, or whose payment is returned: it
//! fails, or is reversed at WeChat (WeChat Pay v2 manual, sections 5.4 and
//! 5.9).

use super::{Order, REVERSE_ALONE, Status};
use crate::event::{Effect, Refusal, ReverseAnswer, Trouble};
use crate::terms::TradeType;

/// After this time the payer has given up, and the order is reversed (WeChat
/// Pay v2 manual, section 5.4; checklist Q6).
const PAYING_MS: i64 = 30_000;
/// A payment code is valid for a minute: after that, an order that WeChat does
/// not know can no longer start.
const CODE_MS: i64 = 60_000;
/// The number of reverses requested meanwhile, for the same reason.
const NEVER_BEGUN_CHECKS: u32 = 4;
/// No reverse before this age (WeChat Pay v2 manual, section 5.9).
const REVERSE_AFTER_MS: i64 = 15_000;
/// No reverse after this age.
const REVERSE_WITHIN_MS: i64 = 7 * 86_400_000;

impl Order {
    /// A failed Quick Pay has no payment at WeChat either. After some reverses
    /// without an answer that is enough to end them.
    pub(super) fn nothing_was_paid(&mut self, now_ms: i64) -> Vec<Effect> {
        match self.status {
            Status::PayError {
                reverse_pending: true,
                at_ms,
            } if self.checks > REVERSE_ALONE => {
                self.failed_since(at_ms, false);
                vec![self.rest(now_ms)]
            }
            _ => Vec::new(),
        }
    }

    /// A Quick Pay under another order's number took no money and never will.
    /// It is not reversed, because that would return the other order's payment.
    pub(super) fn number_taken(&mut self, now_ms: i64) -> Vec<Effect> {
        match self.status {
            Status::UserPaying
            | Status::Reversing { paid: None, .. }
            | Status::PayError {
                reverse_pending: true,
                ..
            } => {
                self.reported = None;
                let mut effects = self.failed(false, now_ms);
                effects.insert(0, Effect::Raise(Trouble::NumberTaken));
                effects
            }
            _ => self.without_report(Vec::new(), now_ms),
        }
    }

    pub(super) fn paying_too_long(&self, now_ms: i64) -> bool {
        now_ms - self.created_at_ms >= PAYING_MS
    }

    pub(super) fn declined(&mut self, now_ms: i64) -> Vec<Effect> {
        match self.status {
            Status::UserPaying => self.failed(false, now_ms),
            _ => Vec::new(),
        }
    }

    pub(super) fn failed(&mut self, reverse_pending: bool, now_ms: i64) -> Vec<Effect> {
        self.failed_since(now_ms, reverse_pending);
        vec![match reverse_pending {
            true => self.wake_for_reverse(now_ms),
            false => self.rest(now_ms),
        }]
    }

    pub(super) fn failed_since(&mut self, at_ms: i64, reverse_pending: bool) {
        self.status = Status::PayError {
            at_ms,
            reverse_pending,
        };
        self.checks = 0;
    }

    /// WeChat accepts no earlier reverse.
    pub(super) fn wake_for_reverse(&self, now_ms: i64) -> Effect {
        Effect::WakeAt(now_ms.max(self.created_at_ms + REVERSE_AFTER_MS))
    }

    pub(super) fn reverse_asked(&mut self, now_ms: i64) -> Result<Vec<Effect>, Refusal> {
        if self.terms.trade_type != TradeType::Micropay {
            return Err(Refusal::NotQuickPay);
        }
        match self.status {
            Status::Reversing { refused: true, .. } => return Ok(vec![Effect::Query]),
            Status::Reversing { .. } => return Ok(vec![Effect::Reverse]),
            Status::Revoked { .. } => return Err(Refusal::Reversed),
            Status::Closed { .. } | Status::PayError { .. } => return Err(Refusal::OrderClosed),
            _ => {}
        }
        let age_ms = now_ms - self.created_at_ms;
        if age_ms < REVERSE_AFTER_MS {
            return Err(Refusal::ReverseTooSoon);
        }
        if age_ms > REVERSE_WITHIN_MS {
            return Err(Refusal::ReverseTooLate);
        }
        // A payment that is being returned cannot be returned again.
        if self.elsewhere.is_some() || self.refunds.iter().any(|r| r.status.counts()) {
            return Err(Refusal::ReverseOfRefunded);
        }
        Ok(self.reverse(now_ms))
    }

    pub(super) fn reverse(&mut self, now_ms: i64) -> Vec<Effect> {
        let paid = match std::mem::replace(&mut self.status, Status::UserPaying) {
            Status::Success(paid) => Some(paid),
            _ => None,
        };
        self.status = Status::Reversing {
            paid,
            refused: false,
        };
        self.checks = 0;
        vec![Effect::Reverse, self.next_wake(now_ms)]
    }

    pub(super) fn reverse_answered(&mut self, answer: ReverseAnswer, now_ms: i64) -> Vec<Effect> {
        let is_old = now_ms - self.created_at_ms > CODE_MS && self.checks >= NEVER_BEGUN_CHECKS;
        let answer = match answer {
            // Nothing was started, and nothing can start any more.
            ReverseAnswer::NotFound if is_old && self.paid().is_none() => ReverseAnswer::Done,
            ReverseAnswer::NotReversible if is_old => ReverseAnswer::Refused,
            answer => answer,
        };
        match (&mut self.status, answer) {
            // Also if a query answered SUCCESS while the reverse was in flight.
            (Status::Reversing { .. } | Status::Success(_), ReverseAnswer::Done) => {
                self.revoked(now_ms)
            }
            (Status::Reversing { refused, .. }, ReverseAnswer::Refused) => {
                // The payment may stay; or an earlier reverse took effect and
                // its answer was lost. WeChat is queried until it reports the
                // order's state.
                if std::mem::replace(refused, true) {
                    return vec![Effect::Query];
                }
                self.checks = 0;
                vec![
                    Effect::Raise(Trouble::ReverseRefused),
                    Effect::Query,
                    self.next_wake(now_ms),
                ]
            }
            (
                &mut Status::PayError {
                    at_ms,
                    reverse_pending: true,
                },
                ReverseAnswer::Done,
            ) => {
                self.failed_since(at_ms, false);
                vec![self.rest(now_ms)]
            }
            (
                Status::PayError {
                    reverse_pending: true,
                    ..
                },
                ReverseAnswer::Refused,
            ) => {
                self.checks = self.checks.max(REVERSE_ALONE + 1);
                vec![Effect::Query]
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn revoked(&mut self, now_ms: i64) -> Vec<Effect> {
        let paid = match std::mem::replace(&mut self.status, Status::UserPaying) {
            Status::Reversing { paid, .. } => paid,
            Status::Success(paid) => Some(paid),
            _ => None,
        };
        let at_ms = now_ms;
        self.reported = None;
        self.finish(Status::Revoked { at_ms, paid }, now_ms)
    }
}
