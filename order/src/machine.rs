//! The state machine of an order.
//!
//! ```text
//!            Due, StateReported(NotPay)                     StateReported(Success)
//!  prepaid ──▶ NOTPAY ───────────────────────────────▶ SUCCESS ──▶ refunds
//!                │  CloseAsked, or expired               ▲
//!                ▼                                       │ verified evidence
//!             CLOSING ── CloseAnswered(Closed) ─▶ CLOSED ┘ decides: a late
//!                                                          payment still counts
//!
//!  Quick Pay, written before it is sent:
//!  placed ──▶ USERPAYING ── StateReported(Success) ─▶ SUCCESS
//!                │  ├─ StateReported(PayError) ─▶ PAYERROR, then reversed at WeChat
//!                │  ├─ Declined ─▶ PAYERROR
//!                │  ReverseAsked, or 30 s
//!                ▼
//!             REVERSING ── ReverseAnswered(Done) ─▶ REVOKED
//! ```
//!
//! An answer belongs to its query. The order counts its changes in
//! [`Order::revision`]; an answer carries the revision at which its query was
//! sent ([`Event::Answered`]). An answer to an older query changes nothing,
//! unless it reports what stays true (a payment, a refund that was made); the
//! query is sent again.
//!
//! A report of WeChat about an order in a final state is never dropped: the
//! order follows it, or an alarm is raised ([`Effect::Raise`]).
//!
//! An order that is one attempt of a purchase may be paid after another attempt
//! ([`Event::DuplicatePayment`]): it becomes SUCCESS, and is refunded in full.
//!
//! A payment that only a notice reports is kept as [`Reported`] until WeChat's
//! answer to a query confirms it ([`Event::PaymentReported`]): until then the order is
//! not paid.
//!
//! Only verified evidence changes the payment: [`Event::StateReported`] carries what
//! WeChat has signed. A payment is compared with the terms field by field
//! before it counts, and each difference has its own [`Refusal`]; the
//! comparisons are made in the order of precedence.

mod close;
mod decision;
mod refund;
mod report;
mod reverse;

use crate::event::{CloseAnswer, CloseReason, Effect, Event, Refusal, ReverseAnswer, Trouble};
use crate::evidence::{Payment, Prepayment, TradeState, Via};
use crate::refund::{InFlight, Refund, RefundStatus};
use crate::terms::{OutTradeNo, Terms, TradeType};
use serde::{Deserialize, Serialize};

/// A payment that only a notice reports. A query confirms it before it counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reported {
    /// WeChat's number for the payment.
    pub transaction_id: String,
    /// When the notice arrived.
    pub at_ms: i64,
}

/// One order: its terms, its state, and what it waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Order {
    pub(crate) terms: Terms,
    /// `None` for Quick Pay, which has no prepayment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) prepayment: Option<Prepayment>,
    pub(crate) status: Status,
    pub(crate) created_at_ms: i64,
    /// How often the timer has fired in the present state; it determines the
    /// next interval.
    pub(crate) checks: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) refunds: Vec<Refund>,
    /// The order whose payment the purchase keeps, if this order's is refunded
    /// as a duplicate.
    #[serde(
        default,
        rename = "paid_besides",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) duplicate_of: Option<OutTradeNo>,
    /// The payment that a notice reports and that no query has confirmed yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reported: Option<Reported>,
    /// Counts the changes that invalidate answers to older queries: of the
    /// status, of a refund, of a report, and each request that changes
    /// something at WeChat.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) revision: u32,
    /// What another system, or a person on the merchant platform, did to the
    /// paid order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) elsewhere: Option<Elsewhere>,
    /// When the next alarm is raised if the order is still open after its time;
    /// `None` before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    close_alarm_at_ms: Option<i64>,
    /// The transactions that an operator rejected as this order's payment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    rejected: Vec<String>,
}

/// What another system, or a person on the merchant platform, did to a paid
/// order. A reverse by others makes the order [`Status::Revoked`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Elsewhere {
    /// It was refunded, in full or in part.
    Refunded,
    /// It was closed.
    Closed,
}

/// The state of an order, in WeChat's terms; only `CLOSING` is this gateway's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Status {
    /// It can be paid.
    #[serde(rename = "NOTPAY")]
    NotPay,
    /// It is being closed; until WeChat confirms that, it can be paid.
    #[serde(rename = "CLOSING")]
    Closing {
        /// Why.
        reason: CloseReason,
    },
    /// Quick Pay was requested; the payer may be entering the password, or the
    /// answer was lost.
    #[serde(rename = "USERPAYING")]
    UserPaying,
    /// Quick Pay is being reversed; WeChat has not confirmed it.
    #[serde(rename = "REVERSING")]
    Reversing {
        /// The payment that is returned, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        paid: Option<Box<Paid>>,
        /// WeChat refused permanently: the order is queried instead.
        #[serde(default)]
        refused: bool,
    },
    /// Paid.
    #[serde(rename = "SUCCESS")]
    Success(Box<Paid>),
    /// WeChat confirmed that it can no longer be paid.
    #[serde(rename = "CLOSED")]
    Closed {
        /// Why.
        reason: CloseReason,
        /// When the gateway learned of it.
        at_ms: i64,
    },
    /// Reversed (Quick Pay).
    #[serde(rename = "REVOKED")]
    Revoked {
        /// When the gateway learned of it.
        at_ms: i64,
        /// The returned payment, if there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        paid: Option<Box<Paid>>,
    },
    /// The payment failed (Quick Pay).
    #[serde(rename = "PAYERROR")]
    PayError {
        /// When the gateway learned of it.
        at_ms: i64,
        /// WeChat knows the order and has not confirmed its reverse: until then
        /// a payment under its number is still possible.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        reverse_pending: bool,
    },
}

/// A payment with its source and time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Paid {
    /// The verified payment.
    pub payment: Payment,
    /// By notice or by query.
    pub via: Via,
    /// When the gateway recorded it, Unix milliseconds.
    #[serde(rename = "learned_at_ms")]
    pub recorded_at_ms: i64,
    /// The merchant was not notified of it as a sale.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undelivered: bool,
}

/// Intervals between the checks of an order that can still be paid, in seconds.
/// The last one repeats (checklist P8, G7).
const OPEN_CHECK_SECONDS: [i64; 5] = [30, 60, 120, 300, 600];
/// Intervals between the checks of a Quick Pay order, in seconds: at 3, 5, 10,
/// 15 and 30 seconds (Tencent's guidance; checklist Q5).
const PAYING_CHECK_SECONDS: [i64; 5] = [3, 2, 5, 5, 15];
/// The largest difference between our clock and WeChat's: a payment that is
/// older than the order by more than this is another order's. A clock with the
/// wrong time zone is up to 26 hours wrong, and the payer's own payment must
/// not be taken for an older one. The query before the Quick Pay excludes the
/// others.
const CLOCKS_APART_MS: i64 = 26 * 3_600_000;
/// Intervals between the repetitions of a reverse without confirmation, in
/// seconds (checklist Q7).
const REVERSE_SECONDS: [i64; 11] = [5, 10, 20, 60, 60, 60, 60, 60, 60, 300, 600];
/// After this many reverses without an answer the order is also queried.
pub(crate) const REVERSE_ALONE: u32 = 3;
/// A reverse that was sent this many checks before WeChat refused another has
/// arrived there by now, or never will: only then SUCCESS is final. The checks
/// take 95 seconds, of which a clock that jumps removes one interval.
const REFUSED_CHECKS: u32 = 4;
/// The check at which an alarm is raised; again after each day of checks.
const REVERSE_ALARM_CHECK: u32 = 8;
const REVERSE_ALARM_EVERY: u32 = 144;
/// A payer's sheet is open for two hours at most (WeChat Pay v2 manual, section
/// 9.1). After this many checks (`REVERSE_SECONDS`) they have passed. Checks
/// are counted instead of the clock's time, because a clock that jumps shortens
/// only one interval.
const SHEET_CLOSED_CHECKS: u32 = 26;
/// Intervals between the queries of a payment that a notice reports, until a
/// verified answer confirms it, in seconds.
const CONFIRM_SECONDS: [i64; 5] = [5, 10, 30, 60, 300];
/// The same for an order that is being closed, or a refund in progress.
const PENDING_CHECK_SECONDS: [i64; 5] = [15, 30, 60, 300, 600];

impl Order {
    /// A new order that WeChat has just accepted, and its first timer.
    pub fn prepaid(terms: Terms, prepayment: Prepayment, now_ms: i64) -> (Self, Vec<Effect>) {
        let order = Self {
            terms,
            prepayment: Some(prepayment),
            status: Status::NotPay,
            created_at_ms: now_ms,
            checks: 0,
            refunds: Vec::new(),
            duplicate_of: None,
            reported: None,
            revision: 0,
            elsewhere: None,
            close_alarm_at_ms: None,
            rejected: Vec::new(),
        };
        let wake = order.next_wake(now_ms);
        (order, vec![wake])
    }

    /// A Quick Pay order, before the request to WeChat: it takes money, so the
    /// request must be recorded first.
    pub fn quick_pay(terms: Terms, now_ms: i64) -> (Self, Vec<Effect>) {
        let order = Self {
            terms,
            prepayment: None,
            status: Status::UserPaying,
            created_at_ms: now_ms,
            checks: 0,
            refunds: Vec::new(),
            duplicate_of: None,
            reported: None,
            revision: 0,
            elsewhere: None,
            close_alarm_at_ms: None,
            rejected: Vec::new(),
        };
        let wake = order.next_wake(now_ms);
        (order, vec![wake])
    }

    // Getters.

    /// The terms of the order.
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The state.
    pub const fn status(&self) -> &Status {
        &self.status
    }

    /// When it was made.
    pub const fn created_at_ms(&self) -> i64 {
        self.created_at_ms
    }

    /// Whether this Quick Pay cannot have made the payment, so that its number
    /// is another order's at WeChat. `paid_at_ms` is a time of WeChat's clock.
    pub fn is_anothers(&self, payment: &Payment, paid_at_ms: Option<i64>) -> bool {
        self.terms.trade_type == TradeType::Micropay
            && (payment.trade_type != TradeType::Micropay
                || self.is_other_attach(payment)
                || paid_at_ms.is_some_and(|at_ms| at_ms + CLOCKS_APART_MS < self.created_at_ms))
    }

    /// How often the timer has fired in the present state.
    pub const fn checks(&self) -> u32 {
        self.checks
    }

    /// How often the order has changed: see [`Event::Answered`].
    pub const fn revision(&self) -> u32 {
        self.revision
    }

    /// Whether an operator decided that the transaction is not this order's.
    pub fn has_rejected(&self, transaction_id: &str) -> bool {
        self.rejected.iter().any(|id| id == transaction_id)
    }

    /// What was done to the paid order at WeChat by others.
    pub const fn elsewhere(&self) -> Option<Elsewhere> {
        self.elsewhere
    }

    /// The payment, if it is paid.
    pub fn paid(&self) -> Option<&Paid> {
        match &self.status {
            Status::Success(paid) => Some(paid),
            _ => None,
        }
    }

    /// The verified payment, also if it is returned.
    pub fn known_payment(&self) -> Option<&Paid> {
        match &self.status {
            Status::Success(paid) => Some(paid),
            Status::Reversing { paid, .. } | Status::Revoked { paid, .. } => paid.as_deref(),
            _ => None,
        }
    }

    /// The order whose payment its purchase keeps: this order's payment is a
    /// duplicate.
    pub const fn duplicate_of(&self) -> Option<&OutTradeNo> {
        self.duplicate_of.as_ref()
    }

    /// Its refunds, oldest first.
    pub fn refunds(&self) -> &[Refund] {
        &self.refunds
    }

    /// The order's `trade_state` (WeChat Pay v2 manual, section 9.2). A payment
    /// that is not confirmed yet is `USERPAYING`.
    pub fn trade_state(&self) -> &'static str {
        match &self.status {
            _ if self.reported.is_some() => "USERPAYING",
            // An order that is being closed here can still be paid at WeChat.
            Status::NotPay | Status::Closing { .. } => "NOTPAY",
            Status::UserPaying | Status::Reversing { .. } => "USERPAYING",
            Status::Success(_) if self.elsewhere == Some(Elsewhere::Closed) => "CLOSED",
            Status::Success(_)
                if self.elsewhere.is_some() || self.refunds.iter().any(|r| r.status.counts()) =>
            {
                "REFUND"
            }
            Status::Success(_) => "SUCCESS",
            Status::Closed { .. } => "CLOSED",
            Status::Revoked { .. } => "REVOKED",
            Status::PayError { .. } => "PAYERROR",
        }
    }

    /// Whether its state at WeChat can still change.
    pub const fn is_open(&self) -> bool {
        self.reported.is_some()
            || matches!(
                self.status,
                Status::NotPay
                    | Status::Closing { .. }
                    | Status::UserPaying
                    | Status::Reversing { .. }
            )
    }

    /// Whether something must still happen, so that it needs a timer.
    pub fn waits(&self) -> bool {
        self.is_open()
            || matches!(
                self.status,
                Status::PayError {
                    reverse_pending: true,
                    ..
                }
            )
            || self.refunds.iter().any(|r| !r.status.is_final())
    }

    /// The means to pay it, for a repeated request with these terms.
    ///
    /// The same terms get the same prepayment while it can be paid; any other
    /// request gets a named refusal.
    pub fn prepay_again(&self, terms: &Terms, now_ms: i64) -> Result<&Prepayment, Refusal> {
        if let Some(field) = self.terms.first_difference(terms) {
            return Err(Refusal::DifferentTerms(field));
        }
        self.payable(now_ms)
    }

    /// The means to pay it, while it can be paid.
    pub fn payable(&self, now_ms: i64) -> Result<&Prepayment, Refusal> {
        match self.status {
            Status::Success(_) => Err(Refusal::OrderPaid),
            Status::NotPay if now_ms >= self.terms.expires_at_ms => Err(Refusal::OrderExpired),
            Status::NotPay => self.prepayment.as_ref().ok_or(Refusal::OrderClosed),
            _ => Err(Refusal::OrderClosed),
        }
    }

    // The only mutating method.

    /// Applies an event. Either the order changes, and the effects must be
    /// saved with it, or the event is refused and nothing changes.
    pub fn apply(&mut self, event: Event, now_ms: i64) -> Result<Vec<Effect>, Refusal> {
        let before = self.shape();
        let effects = self.take(event, true, now_ms)?;
        let mut asks_for_change = false;
        for effect in &effects {
            asks_for_change |=
                matches!(effect, Effect::Close | Effect::Reverse | Effect::Refund(_));
        }
        if asks_for_change || self.shape() != before {
            self.revision = self.revision.wrapping_add(1);
        }
        for effect in &effects {
            if let Effect::Refund(out_refund_no) = effect {
                let revision = self.revision;
                if let Some(refund) = self.find_refund(out_refund_no) {
                    refund.in_flight.push(InFlight {
                        revision,
                        checks: 0,
                    });
                }
            }
        }
        Ok(effects)
    }

    /// A value whose change invalidates answers to older queries.
    fn shape(&self) -> (Status, bool, Vec<(RefundStatus, bool)>) {
        let refunds = self.refunds.iter();
        let refunds = refunds.map(|r| (r.status, r.cancel_asked)).collect();
        (self.status.clone(), self.reported.is_some(), refunds)
    }

    /// `is_current` is false for an answer to an older query, which is applied
    /// only if it stays true.
    fn take(
        &mut self,
        event: Event,
        is_current: bool,
        now_ms: i64,
    ) -> Result<Vec<Effect>, Refusal> {
        match event {
            Event::Answered { revision, event } => {
                let is_current = revision == self.revision;
                if is_current || stays_true(&event) {
                    self.take(*event, is_current, now_ms)
                } else {
                    Ok(self.ask_again(&event))
                }
            }
            Event::StateReported(TradeState::Success(payment), via) => {
                let is_current = is_current && via == Via::Query;
                self.paid_reported(*payment, false, via, is_current, now_ms)
            }
            Event::StateReported(TradeState::Refund(payment), via) => {
                let is_current = is_current && via == Via::Query;
                self.paid_reported(*payment, true, via, is_current, now_ms)
            }
            Event::StateReported(state, _) => {
                let effects = self.unpaid_reported(&state, now_ms);
                Ok(self.denied(effects, state == TradeState::Revoked, now_ms))
            }
            Event::PaymentReported(payment) => self.payment_reported(&payment, now_ms),
            Event::DuplicatePayment {
                payment,
                via,
                kept,
                out_refund_no,
                refunded,
            } => {
                let was_paid = self.paid().is_some();
                let effects = self.paid_reported(*payment, refunded, via, is_current, now_ms)?;
                if was_paid {
                    return Ok(effects);
                }
                self.duplicate_of = Some(kept);
                // Others have refunded it already: an operator has to check.
                if refunded {
                    return Ok(effects);
                }
                self.write_refund(out_refund_no, self.terms.money, None, now_ms);
                // The timer requests the refund at once: the caller that
                // reported the payment does not wait for it.
                Ok(vec![Effect::WakeAt(now_ms)])
            }
            Event::Accepted(event) => self.accepted(*event, is_current, now_ms),
            Event::Rejected { transaction_id } => self.payment_rejected(transaction_id, now_ms),
            Event::NotFound => {
                let effects = self.not_found(now_ms);
                Ok(self.denied(effects, false, now_ms))
            }
            Event::NumberTaken => Ok(self.number_taken(now_ms)),
            Event::CloseAsked => self.close_asked(now_ms),
            Event::CloseAnswered(answer) => self.close_answered(answer, now_ms),
            Event::Declined => Ok(self.declined(now_ms)),
            Event::ReverseAsked => self.reverse_asked(now_ms),
            Event::ReverseAnswered(answer) => Ok(self.reverse_answered(answer, now_ms)),
            Event::Due => Ok(self.due(now_ms)),
            Event::RefundAsked {
                out_refund_no,
                money,
                reason,
            } => self.refund_asked(out_refund_no, money, reason, now_ms),
            Event::RefundReported {
                out_refund_no,
                state,
            } => self.refund_reported(&out_refund_no, state, is_current, now_ms),
            Event::RefundCancelAsked { out_refund_no } => {
                self.refund_cancel_asked(&out_refund_no, now_ms)
            }
            Event::RefundNotFound { out_refund_no } => self.refund_not_found(&out_refund_no),
            Event::RefundDeclined {
                out_refund_no,
                err_code,
                later,
            } => self.refund_declined(&out_refund_no, err_code, later),
        }
    }

    // Handlers.

    /// Drops the answer to an older query. Where it would have mattered, the
    /// query is sent again, because a final order has no timer that would send
    /// it.
    fn ask_again(&self, event: &Event) -> Vec<Effect> {
        match event {
            Event::RefundReported { out_refund_no, .. }
            | Event::RefundNotFound { out_refund_no }
            | Event::RefundDeclined { out_refund_no, .. } => {
                let mut open = self.refunds.iter().filter(|r| !r.status.is_final());
                let is_open = open.any(|r| r.out_refund_no == *out_refund_no);
                match is_open {
                    true => vec![Effect::QueryRefund(out_refund_no.clone())],
                    false => Vec::new(),
                }
            }
            _ => vec![Effect::Query],
        }
    }

    fn paid_reported(
        &mut self,
        payment: Payment,
        refunded: bool,
        via: Via,
        is_current: bool,
        now_ms: i64,
    ) -> Result<Vec<Effect>, Refusal> {
        match self.compare(&payment, via) {
            // WeChat names the rejected payment, and so denies the reported
            // one.
            Err(Refusal::RejectedPayment) if via == Via::Query && self.is_denied(now_ms) => {
                return Ok(self.without_report(Vec::new(), now_ms));
            }
            compared => compared?,
        }
        let differs_in_attach = self.is_other_attach(&payment);
        let known = self.known_payment();
        if known.is_some_and(|known| known.payment.transaction_id != payment.transaction_id) {
            return Err(self.second_payment(&payment.transaction_id));
        }
        let is_known = known.is_some();
        // A query's answer about a prepaid order still counts.
        let raised = match differs_in_attach && !is_known {
            true => vec![Effect::Raise(Trouble::OtherAttach)],
            false => Vec::new(),
        };
        let mut effects = self.take_payment(payment, refunded, via, is_current, now_ms)?;
        effects.splice(0..0, raised);
        Ok(effects)
    }

    /// As [`Order::paid_reported`], for a payment that has been compared.
    fn take_payment(
        &mut self,
        payment: Payment,
        refunded: bool,
        via: Via,
        is_current: bool,
        now_ms: i64,
    ) -> Result<Vec<Effect>, Refusal> {
        let known = self.known_payment();
        let is_known = known.is_some();
        let paid = match known {
            Some(known) => known.clone(),
            None => Paid {
                payment,
                via,
                recorded_at_ms: now_ms,
                undelivered: false,
            },
        };
        // Without a known payment nothing is refused below.
        self.reported = None;
        let undelivered = |paid: Paid| {
            let undelivered = !is_known || paid.undelivered;
            Box::new(Paid {
                undelivered,
                ..paid
            })
        };
        match self.status {
            Status::Success(_) if refunded && self.elsewhere.is_none() && !self.has_refunds() => {
                self.elsewhere = Some(Elsewhere::Refunded);
                Ok(vec![Effect::Raise(Trouble::ChangedElsewhere)])
            }
            // WeChat reported that it was closed, and now reports that it is
            // not.
            Status::Success(_) if self.elsewhere == Some(Elsewhere::Closed) && is_current => {
                self.elsewhere = refunded.then_some(Elsewhere::Refunded);
                Ok(Vec::new())
            }
            Status::Success(_) => Err(Refusal::AlreadyPaid),
            // A payment and its reverse can become known in either order; only
            // a query shows whether WeChat has the money now.
            Status::Revoked { at_ms, .. } if !is_current || refunded => {
                if is_known {
                    return Err(Refusal::Reversed);
                }
                let paid = Some(undelivered(paid));
                self.status = Status::Revoked { at_ms, paid };
                let mut effects = vec![Effect::Query];
                if via == Via::Notice {
                    effects.insert(0, Effect::Raise(Trouble::PaidAfterReverse));
                }
                Ok(effects)
            }
            Status::Revoked { .. } => {
                self.status = Status::Success(undelivered(paid));
                Ok(vec![
                    Effect::Raise(Trouble::PaidAfterReverse),
                    self.rest(now_ms),
                ])
            }
            // A refunded payment cannot be reversed any more.
            _ if refunded => {
                self.status = Status::Success(undelivered(paid));
                self.checks = 0;
                self.elsewhere = Some(Elsewhere::Refunded);
                Ok(vec![
                    Effect::Raise(Trouble::ChangedElsewhere),
                    self.rest(now_ms),
                ])
            }
            Status::Reversing { refused, .. }
                if !(refused && is_current && self.checks >= REFUSED_CHECKS) =>
            {
                if is_known {
                    return Err(Refusal::Reversed);
                }
                let paid = Some(undelivered(paid));
                self.status = Status::Reversing { paid, refused };
                Ok(match (refused, self.checks > REVERSE_ALONE) {
                    (true, _) if is_current => Vec::new(),
                    (true, _) => vec![Effect::Query],
                    (false, true) => vec![Effect::Raise(Trouble::ReverseWaits)],
                    (false, false) => Vec::new(),
                })
            }
            // The till received the answer that the payment failed, so it is
            // returned.
            Status::PayError {
                reverse_pending: true,
                ..
            } => {
                self.status = Status::Reversing {
                    paid: Some(undelivered(paid)),
                    refused: false,
                };
                self.checks = 0;
                Ok(vec![self.wake_for_reverse(now_ms)])
            }
            // From any other state: WeChat has the payer's money, regardless of
            // the earlier state here.
            _ => {
                let deliver = !is_known || paid.undelivered;
                self.status = Status::Success(Box::new(Paid {
                    undelivered: false,
                    ..paid
                }));
                self.checks = 0;
                let mut effects = vec![self.rest(now_ms)];
                if deliver {
                    effects.insert(0, Effect::Deliver);
                }
                Ok(effects)
            }
        }
    }

    /// Whether WeChat may have a refund that was requested here.
    fn has_refunds(&self) -> bool {
        let mut refunds = self.refunds.iter();
        refunds.any(|r| r.status.counts() || r.refund_id.is_some())
    }

    /// Why a second payment is refused.
    pub(crate) fn second_payment(&self, transaction_id: &str) -> Refusal {
        match self.has_rejected(transaction_id) {
            true => Refusal::RejectedPayment,
            false => Refusal::PaidTwice,
        }
    }

    /// Whether the payment was made under this order's number at its merchant.
    fn compare_identity(&self, payment: &Payment) -> Result<(), Refusal> {
        let ours = &self.terms.account;
        let theirs = &payment.account;
        if payment.out_trade_no != self.terms.out_trade_no.as_str() {
            Err(Refusal::OtherOrder)
        } else if (&theirs.mch_id, &theirs.sub_mch_id) != (&ours.mch_id, &ours.sub_mch_id) {
            Err(Refusal::OtherMerchant)
        } else {
            Ok(())
        }
    }

    fn compare(&self, payment: &Payment, via: Via) -> Result<(), Refusal> {
        let is_rejected = self.has_rejected(&payment.transaction_id);
        self.compare_terms(payment, via)
            .map_err(|refusal| match is_rejected {
                true => Refusal::RejectedPayment,
                false => refusal,
            })
    }

    fn compare_terms(&self, payment: &Payment, via: Via) -> Result<(), Refusal> {
        self.compare_identity(payment)?;
        let ours = &self.terms.account;
        let theirs = &payment.account;
        if theirs.appid != ours.appid
            // A notice may lack the sub-merchant's application.
            || theirs.sub_appid.is_some() && theirs.sub_appid != ours.sub_appid
        {
            Err(Refusal::OtherApp)
        } else if payment.money.currency() != self.terms.money.currency() {
            Err(Refusal::OtherCurrency)
        } else if payment.money != self.terms.money {
            Err(Refusal::OtherAmount)
        } else if payment.trade_type != self.terms.trade_type {
            Err(Refusal::OtherTradeType)
        } else if self.is_other_payer(payment) {
            Err(Refusal::OtherPayer)
        } else if self.is_other_attach(payment) && !self.is_attach_accepted(payment, via) {
            Err(Refusal::OtherAttach)
        } else {
            Ok(())
        }
    }

    /// Whether a payment that differs in `attach` alone is still this order's:
    /// WeChat's answer to our query about our number says so, or the payment is
    /// known with that `attach`. For a Quick Pay it may be another system's
    /// payment.
    fn is_attach_accepted(&self, payment: &Payment, via: Via) -> bool {
        let known = self.known_payment().map(|known| &known.payment);
        let is_known = known.is_some_and(|known| {
            (&known.transaction_id, &known.attach) == (&payment.transaction_id, &payment.attach)
        });
        is_known || via == Via::Query && self.terms.trade_type != TradeType::Micropay
    }

    fn unpaid_reported(&mut self, state: &TradeState, now_ms: i64) -> Vec<Effect> {
        match (state, &self.status) {
            // WeChat contradicts a final state.
            (TradeState::Closed, Status::Success(_)) => {
                if self.elsewhere == Some(Elsewhere::Closed) {
                    return Vec::new();
                }
                self.elsewhere = Some(Elsewhere::Closed);
                vec![Effect::Raise(Trouble::ChangedElsewhere)]
            }
            (TradeState::Revoked, Status::Success(_)) => {
                let mut effects = self.revoked(now_ms);
                effects.insert(0, Effect::Raise(Trouble::ChangedElsewhere));
                effects
            }
            (_, Status::Success(_)) => vec![Effect::Raise(Trouble::NotPaidAtWeChat)],
            (
                TradeState::Revoked,
                Status::NotPay
                | Status::Closing { .. }
                | Status::UserPaying
                | Status::Reversing { .. },
            ) => self.revoked(now_ms),
            (TradeState::NotPay, Status::Closing { .. }) => vec![Effect::Close],
            (TradeState::NotPay, Status::NotPay) if now_ms >= self.terms.expires_at_ms => {
                self.close_for(CloseReason::Expired, Effect::Close, now_ms)
            }
            (TradeState::Closed, &Status::Closing { reason }) => self.closed(reason, now_ms),
            (TradeState::Closed, Status::NotPay | Status::UserPaying) => {
                self.closed(CloseReason::Upstream, now_ms)
            }
            (TradeState::Closed, Status::Reversing { paid: None, .. }) => {
                self.closed(CloseReason::Upstream, now_ms)
            }
            (TradeState::Closed, Status::Reversing { .. }) => self.revoked(now_ms),
            // It can still be paid, so it is closed at WeChat as well.
            (TradeState::NotPay | TradeState::PayError, Status::Closed { .. })
                if self.terms.trade_type != TradeType::Micropay =>
            {
                vec![Effect::Close]
            }
            // No payment sheet stays open as long as that: it will not be paid
            // any more.
            (TradeState::NotPay, Status::Reversing { paid: None, .. })
                if self.checks >= SHEET_CLOSED_CHECKS =>
            {
                self.failed(false, now_ms)
            }
            (TradeState::PayError, Status::Reversing { paid: None, .. }) => {
                self.failed(false, now_ms)
            }
            (TradeState::UserPaying | TradeState::NotPay, Status::UserPaying)
                if self.paying_too_long(now_ms) =>
            {
                self.reverse(now_ms)
            }
            // The manual requires a reverse also after a failed payment (WeChat
            // Pay v2 manual, section 5.4): then no payment is possible under
            // the number.
            (TradeState::PayError, Status::UserPaying) => self.failed(true, now_ms),
            // The payer can try again until it is closed at WeChat, so it is
            // closed before another order is made (WeChat Pay v2 manual,
            // section 9.3).
            (TradeState::PayError, Status::NotPay) => {
                self.close_for(CloseReason::Upstream, Effect::Close, now_ms)
            }
            (TradeState::PayError, Status::Closing { .. }) if self.is_sheet_over(now_ms) => {
                self.failed(false, now_ms)
            }
            (TradeState::PayError, Status::Closing { .. }) => vec![Effect::Close],
            (TradeState::UserPaying, Status::PayError { .. }) => Vec::new(),
            (_, Status::PayError { .. }) => self.nothing_was_paid(now_ms),
            _ => Vec::new(),
        }
    }

    fn not_found(&mut self, now_ms: i64) -> Vec<Effect> {
        match self.status {
            Status::Success(_) => vec![Effect::Raise(Trouble::NotPaidAtWeChat)],
            // After its time, an order that WeChat never knew cannot be paid.
            Status::NotPay | Status::Closing { .. } if now_ms >= self.terms.expires_at_ms => {
                self.closed(CloseReason::Expired, now_ms)
            }
            Status::Reversing { paid: None, .. } if self.checks >= SHEET_CLOSED_CHECKS => {
                self.failed(false, now_ms)
            }
            // WeChat does not know the order: the reverse makes sure.
            Status::UserPaying if self.paying_too_long(now_ms) => self.reverse(now_ms),
            Status::PayError { .. } => self.nothing_was_paid(now_ms),
            _ => Vec::new(),
        }
    }

    /// Each check sets the next timer, so a missing answer cannot lose it.
    fn due(&mut self, now_ms: i64) -> Vec<Effect> {
        let mut effects: Vec<Effect> = match &self.status {
            // The last query had no answer either.
            Status::UserPaying if self.paying_too_long(now_ms) && self.checks >= 5 => {
                return self.reverse(now_ms);
            }
            Status::NotPay | Status::Closing { .. } | Status::UserPaying => vec![Effect::Query],
            Status::Reversing { refused: true, .. } => vec![Effect::Query],
            Status::Reversing { .. }
            | Status::PayError {
                reverse_pending: true,
                ..
            } => match self.checks < REVERSE_ALONE {
                true => vec![Effect::Reverse],
                // The last effect is executed first.
                false => vec![Effect::Query, Effect::Reverse],
            },
            _ => Vec::new(),
        };
        // Executed after the order's own call.
        if self.reported.is_some() && !effects.contains(&Effect::Query) {
            effects.insert(0, Effect::Query);
        }
        let is_first = self.checks == 0;
        let waiting = self.refunds.iter_mut().filter(|r| !r.status.is_final());
        for refund in waiting {
            effects.extend(refund.due(is_first, now_ms));
        }
        if effects.is_empty() {
            return vec![Effect::Rest];
        }
        self.checks = self.checks.saturating_add(1);
        let trouble = match self.status {
            Status::Reversing { refused: true, .. } => Some(Trouble::ReverseRefused),
            Status::Reversing { .. }
            | Status::PayError {
                reverse_pending: true,
                ..
            } => Some(Trouble::ReverseWaits),
            _ => None,
        };
        let is_turn = self.checks % REVERSE_ALARM_EVERY == REVERSE_ALARM_CHECK;
        effects.extend(trouble.filter(|_| is_turn).map(Effect::Raise));
        if self.close_waits(now_ms) {
            effects.push(Effect::Raise(Trouble::CloseWaits));
        }
        effects.push(self.next_wake(now_ms));
        effects
    }

    // Helpers.

    fn finish(&mut self, status: Status, now_ms: i64) -> Vec<Effect> {
        self.status = status;
        self.checks = 0;
        vec![self.rest(now_ms)]
    }

    /// Removes the timer, unless a refund still needs it.
    pub(crate) fn rest(&self, now_ms: i64) -> Effect {
        match self.waits() {
            true => self.next_wake(now_ms),
            false => Effect::Rest,
        }
    }

    pub(crate) fn next_wake(&self, now_ms: i64) -> Effect {
        let steps: &[i64] = match self.status {
            Status::NotPay
            | Status::Closing { .. }
            | Status::Closed { .. }
            | Status::Revoked { .. }
            | Status::PayError {
                reverse_pending: false,
                ..
            } if self.reported.is_some() => &CONFIRM_SECONDS,
            Status::NotPay => &OPEN_CHECK_SECONDS,
            Status::UserPaying => &PAYING_CHECK_SECONDS,
            Status::Reversing { .. }
            | Status::PayError {
                reverse_pending: true,
                ..
            } => &REVERSE_SECONDS,
            _ => &PENDING_CHECK_SECONDS,
        };
        let step = usize::try_from(self.checks).unwrap_or(usize::MAX);
        let seconds = steps.get(step).or(steps.last()).copied().unwrap_or(600);
        let at_ms = now_ms + seconds * 1000;
        let expires = self.terms.expires_at_ms;
        // An open order is checked when its time ends, not later.
        if matches!(self.status, Status::NotPay) && now_ms < expires && at_ms > expires {
            Effect::WakeAt(expires)
        } else {
            Effect::WakeAt(at_ms)
        }
    }
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Whether an answer stays true, regardless of its age.
const fn stays_true(event: &Event) -> bool {
    matches!(
        event,
        Event::StateReported(
            TradeState::Success(_) | TradeState::Refund(_) | TradeState::Revoked,
            _
        ) | Event::DuplicatePayment { .. }
            | Event::NumberTaken
            | Event::CloseAnswered(CloseAnswer::Closed | CloseAnswer::OrderPaid)
            | Event::ReverseAnswered(ReverseAnswer::Done)
            | Event::RefundReported { .. }
    )
}
