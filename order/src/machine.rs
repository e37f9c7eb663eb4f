//! The life of an order.
//!
//! ```text
//!            Due, Told(NotPay)                     Told(Success)
//!  prepaid ──▶ NOTPAY ───────────────────────────────▶ SUCCESS ──▶ refunds
//!                │  CloseAsked, or expired               ▲
//!                ▼                                       │ money is the truth:
//!             CLOSING ── CloseAnswered(Closed) ─▶ CLOSED ┘ a late, verified
//!                                                          payment still counts
//!
//!  Quick Pay, written before it is sent:
//!  placed ──▶ USERPAYING ── Told(Success) ─▶ SUCCESS
//!                │  ├─ Declined ─▶ PAYERROR
//!                │  ReverseAsked, or 30 s        (a payment that is reversed
//!                ▼                                goes back: a notice of it
//!             REVERSING ── ReverseAnswered(Done) ─▶ REVOKED  changes nothing)
//! ```
//!
//! An order that is one attempt of a purchase may be paid after another was
//! ([`Event::PaidBesides`]): it is SUCCESS like any, and goes back whole.
//!
//! A payment that a notice reports is kept as [`Reported`] until WeChat's answer
//! to a query confirms it ([`Event::Reported`]): the order is not paid before.
//!
//! Only verified evidence moves money: [`Event::Told`] carries what WeChat has
//! signed. A payment is compared with the terms, field by field, before it is
//! believed, and each way to differ has its own [`Refusal`]; the order of the
//! comparisons is the order of precedence.

mod report;

pub use report::Reported;

use crate::evidence::{Payment, TradeState, Via};
use crate::money::Money;
use crate::refund::{APART_MS, LIMIT_MS, MAX_REFUNDS, Refund, RefundState, RefundStatus};
use crate::terms::{OutTradeNo, Terms, TradeType};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// One order: its terms, how far it has come, and what it waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    terms: Terms,
    /// None for Quick Pay, which has nothing to hand to a payer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prepayment: Option<Prepayment>,
    status: Status,
    created_at_ms: i64,
    /// How often the timer has fired in the present state; spaces the next.
    checks: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    refunds: Vec<Refund>,
    /// The order whose payment the purchase keeps, where this one's goes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    paid_besides: Option<OutTradeNo>,
    /// The payment that a notice reports and no query has confirmed yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reported: Option<Reported>,
}

/// What WeChat gave for the order: the means to pay it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepayment {
    /// Valid for two hours (seed 002, section 9.1). Empty where the upstream
    /// keeps it to itself.
    pub prepay_id: String,
    /// What a NATIVE order's QR code says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_url: Option<String>,
    /// Where an MWEB order is paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mweb_url: Option<String>,
    /// The package for the payer's client, as JSON, where the upstream signs
    /// it and hands it out with the prepayment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pay_info: Option<String>,
    /// A page of the upstream's that starts the payment inside WeChat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pay_url: Option<String>,
}

/// Where an order stands, by WeChat's words; `CLOSING` is ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// It may be paid.
    #[serde(rename = "NOTPAY")]
    NotPay,
    /// It is to be closed; WeChat has not confirmed it, so it may yet be paid.
    #[serde(rename = "CLOSING")]
    Closing {
        /// Why.
        reason: CloseReason,
    },
    /// Quick Pay was asked for; the payer may be entering the password, or
    /// the answer was lost.
    #[serde(rename = "USERPAYING")]
    UserPaying,
    /// Quick Pay is to be reversed; WeChat has not confirmed it.
    #[serde(rename = "REVERSING")]
    Reversing {
        /// The payment that goes back, where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        paid: Option<Box<Paid>>,
        /// WeChat refused for good: how the order stands is asked instead.
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
        /// When we learned it.
        at_ms: i64,
    },
    /// Reversed (Quick Pay).
    #[serde(rename = "REVOKED")]
    Revoked {
        /// When we learned it.
        at_ms: i64,
        /// The payment that went back, where there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        paid: Option<Box<Paid>>,
    },
    /// The payment failed (Quick Pay).
    #[serde(rename = "PAYERROR")]
    PayError {
        /// When we learned it.
        at_ms: i64,
    },
}

/// A payment, and how and when we learned of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paid {
    /// What WeChat vouched for.
    pub payment: Payment,
    /// By notice or by query.
    pub via: Via,
    /// When we learned it.
    pub learned_at_ms: i64,
}

/// Why an order is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// The merchant, or the payer's change of method, asked for it.
    Asked,
    /// It was not paid in time.
    Expired,
    /// WeChat says so, and nobody here asked.
    Upstream,
}

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// WeChat told us the order's state, in a verified notice or answer.
    Told(TradeState, Via),
    /// A verified notice reports a payment; WeChat is queried before it counts.
    Reported(Box<Payment>),
    /// WeChat told us, verified, that the order is paid; and another order of
    /// the same purchase was paid before.
    PaidBesides {
        /// What WeChat vouches for.
        payment: Box<Payment>,
        /// How it told us.
        via: Via,
        /// The order whose payment is kept.
        kept: OutTradeNo,
        /// The number of the refund that this payment goes back under.
        out_refund_no: String,
    },
    /// A verified answer says that WeChat does not know the order.
    NotFound,
    /// A verified answer says that the number is another order's at WeChat.
    NumberTaken,
    /// Somebody wants the order closed.
    CloseAsked,
    /// WeChat answered our close.
    CloseAnswered(CloseAnswer),
    /// A verified answer to Quick Pay says that nothing was taken, and will
    /// not be.
    Declined,
    /// Somebody wants the Quick Pay order reversed.
    ReverseAsked,
    /// WeChat answered our reverse.
    ReverseAnswered(ReverseAnswer),
    /// The order's timer fired.
    Due,
    /// The merchant wants money returned.
    RefundAsked {
        /// The merchant's number for the refund.
        out_refund_no: String,
        /// How much.
        money: Money,
    },
    /// WeChat told us a refund's state, in a verified answer.
    RefundTold {
        /// Which refund.
        out_refund_no: String,
        /// What WeChat says.
        state: RefundState,
    },
    /// A verified answer says that WeChat did not take a refund.
    RefundDeclined {
        /// Which refund.
        out_refund_no: String,
        /// WeChat's code.
        err_code: String,
        /// Whether the same request may be taken later (`NOTENOUGH`).
        later: bool,
    },
}

/// WeChat's verified answer to a close (seed 002, section 9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseAnswer {
    /// Closed now, or closed already.
    Closed,
    /// `ORDERPAID`: it was paid; a query brings the evidence (checklist P7).
    OrderPaid,
    /// Anything else: the timer asks again.
    Unknown,
}

/// WeChat's verified answer to a reverse (seed 002, section 5.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReverseAnswer {
    /// Reversed: what was paid goes back, and nothing can be paid any more.
    Done,
    /// Refused, and asking again will not help (`recall` is `N`).
    Refused,
    /// Anything else, `recall` among it: the timer asks again.
    Unknown,
}

/// What must be done about it. Effects are saved with the new state, in one
/// transaction, and carried out after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Ask WeChat for the order's state.
    Query,
    /// Ask WeChat to close the order.
    Close,
    /// Ask WeChat to reverse the order.
    Reverse,
    /// Tell the merchant that the order is paid.
    Deliver,
    /// Set the order's one timer to this moment.
    WakeAt(i64),
    /// The order is final: it needs no timer.
    Rest,
    /// Ask WeChat for the refund, under the same number each time.
    Refund(String),
    /// Ask WeChat how the refund stands.
    QueryRefund(String),
    /// Tell the merchant how the refund ended.
    DeliverRefund(String),
}

/// Why an event changes nothing. Each is a name that an operator can search
/// for; [`Refusal::is_alarm`] tells those that need a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "the error text of each is its documentation")]
pub enum Refusal {
    #[error("the same payment was reported before")]
    AlreadyPaid,
    #[error("the order is paid, and another payment was reported for it")]
    PaidTwice,
    #[error("the report names another order")]
    OtherOrder,
    #[error("the report names another merchant id")]
    OtherMerchant,
    #[error("the report names another application")]
    OtherApp,
    #[error("the report names another currency")]
    OtherCurrency,
    #[error("the report names another amount")]
    OtherAmount,
    #[error("the report names another way to pay")]
    OtherTradeType,
    #[error("the report names another payer")]
    OtherPayer,
    #[error("the report carries another attach")]
    OtherAttach,
    #[error("the report's transaction is another order's payment")]
    OtherTransaction,
    #[error("the order is paid; the report is older")]
    Stale,
    #[error("the order was made with another value of {0}")]
    DifferentTerms(&'static str),
    #[error("the order is paid already")]
    OrderPaid,
    #[error("the order is closed")]
    OrderClosed,
    #[error("the time to pay the order is over")]
    OrderExpired,
    #[error("the order is being reversed, or was: what was paid goes back")]
    Reversed,
    #[error("only a Quick Pay order can be reversed")]
    NotQuickPay,
    #[error("a Quick Pay order is reversed, not closed")]
    QuickPayIsReversed,
    #[error("an order of which something was refunded cannot be reversed")]
    ReverseOfRefunded,
    #[error("an order can be reversed 15 seconds after it was made, not before")]
    ReverseTooSoon,
    #[error("an order can be reversed within 7 days; later it is a refund")]
    ReverseTooLate,
    #[error("the order is not paid, so there is nothing to refund")]
    NotPaid,
    #[error("this refund was asked for before")]
    RefundExists,
    #[error("a refund with this number and another amount was asked for before")]
    RefundExistsWithDifferentAmount,
    #[error("the refund's currency is not the order's")]
    RefundOtherCurrency,
    #[error("the refunds together would be more than was paid")]
    RefundExceedsPaid,
    #[error("the payment is more than a year old")]
    RefundTooLate,
    #[error("an order takes at most 50 refunds")]
    RefundTooMany,
    #[error("two refunds of one order must be a minute apart")]
    RefundTooSoon,
    #[error("no refund has this number")]
    RefundUnknown,
    #[error("the refund is final; the report is older")]
    RefundFinal,
}

impl Refusal {
    /// Whether money may be wrong, so that a person must look.
    pub const fn is_alarm(self) -> bool {
        matches!(
            self,
            Self::PaidTwice
                | Self::OtherOrder
                | Self::OtherMerchant
                | Self::OtherApp
                | Self::OtherCurrency
                | Self::OtherAmount
                | Self::OtherTradeType
                | Self::OtherPayer
                | Self::OtherAttach
                | Self::OtherTransaction
        )
    }
}

/// When the timer looks again at an order that may still be paid: seconds
/// since the last look. The last step repeats (checklist P8, G7).
const OPEN_CHECK_SECONDS: [i64; 5] = [30, 60, 120, 300, 600];
/// When a Quick Pay order is looked at, in seconds since the last look: at 3,
/// 5, 10, 15 and 30 seconds (Tencent's guidance; checklist Q5).
const PAYING_CHECK_SECONDS: [i64; 5] = [3, 2, 5, 5, 15];
/// After this the payer has given up, and the order is reversed (seed 002,
/// section 5.4; checklist Q6).
const PAYING_MS: i64 = 30_000;
/// How far our clock and WeChat's may be apart.
const CLOCKS_APART_MS: i64 = 5 * 60_000;
/// A payer's sheet is open for two hours at most (seed 002, section 9.1).
const LONGEST_PAYING_MS: i64 = 2 * 3_600_000;
/// A reverse that was not confirmed is asked again after these (checklist Q7).
const REVERSE_SECONDS: [i64; 4] = [5, 10, 20, 60];
/// No reverse before (seed 002, section 5.9).
const REVERSE_AFTER_MS: i64 = 15_000;
/// No reverse after.
const REVERSE_WITHIN_MS: i64 = 7 * 86_400_000;
/// A payment that a notice reports is queried after these, until a verified
/// answer confirms it.
const CONFIRM_SECONDS: [i64; 5] = [5, 10, 30, 60, 300];
/// The same for an order that is being closed, or a refund under way.
const PENDING_CHECK_SECONDS: [i64; 5] = [15, 30, 60, 300, 600];

impl Order {
    /// An order that WeChat has just accepted, and its first timer.
    pub fn prepaid(terms: Terms, prepayment: Prepayment, now_ms: i64) -> (Self, Vec<Effect>) {
        let order = Self {
            terms,
            prepayment: Some(prepayment),
            status: Status::NotPay,
            created_at_ms: now_ms,
            checks: 0,
            refunds: Vec::new(),
            paid_besides: None,
            reported: None,
        };
        let wake = order.next_wake(now_ms);
        (order, vec![wake])
    }

    /// A Quick Pay order, before WeChat is asked: it takes money, so that it
    /// was asked must never be forgotten.
    pub fn quick_pay(terms: Terms, now_ms: i64) -> (Self, Vec<Effect>) {
        let order = Self {
            terms,
            prepayment: None,
            status: Status::UserPaying,
            created_at_ms: now_ms,
            checks: 0,
            refunds: Vec::new(),
            paid_besides: None,
            reported: None,
        };
        let wake = order.next_wake(now_ms);
        (order, vec![wake])
    }

    // Getters.

    /// What it was made for.
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Where it stands.
    pub const fn status(&self) -> &Status {
        &self.status
    }

    /// When it was made.
    pub const fn created_at_ms(&self) -> i64 {
        self.created_at_ms
    }

    /// Whether this Quick Pay cannot have made the payment, so that its number
    /// is another order's at WeChat. `paid_at_ms` is by WeChat's clock.
    pub fn is_anothers(&self, payment: &Payment, paid_at_ms: Option<i64>) -> bool {
        payment.trade_type != TradeType::Micropay
            || paid_at_ms.is_some_and(|at_ms| at_ms + CLOCKS_APART_MS < self.created_at_ms)
    }

    /// How often the timer has fired in the present state.
    pub const fn checks(&self) -> u32 {
        self.checks
    }

    /// The payment, if it is paid.
    pub fn paid(&self) -> Option<&Paid> {
        match &self.status {
            Status::Success(paid) => Some(paid),
            _ => None,
        }
    }

    /// The order whose payment its purchase keeps: this one's goes back.
    pub const fn paid_besides(&self) -> Option<&OutTradeNo> {
        self.paid_besides.as_ref()
    }

    /// Its refunds, oldest first.
    pub fn refunds(&self) -> &[Refund] {
        &self.refunds
    }

    /// WeChat's word for where it stands: `trade_state` of seed 002, 9.2. A
    /// payment that is not confirmed yet is `USERPAYING`.
    pub fn trade_state(&self) -> &'static str {
        match &self.status {
            _ if self.reported.is_some() => "USERPAYING",
            // WeChat can still be paid for an order that we want closed.
            Status::NotPay | Status::Closing { .. } => "NOTPAY",
            Status::UserPaying | Status::Reversing { .. } => "USERPAYING",
            Status::Success(_) if self.refunds.iter().any(|r| r.status.counts()) => "REFUND",
            Status::Success(_) => "SUCCESS",
            Status::Closed { .. } => "CLOSED",
            Status::Revoked { .. } => "REVOKED",
            Status::PayError { .. } => "PAYERROR",
        }
    }

    /// Whether WeChat can still change its mind about it.
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

    /// The means to pay it, for a repeated request with these terms.
    ///
    /// The same terms get the same prepayment while it can be paid; anything
    /// else is refused by name.
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

    // The one mutator.

    /// Takes an event. Either the order changes and the effects must be saved
    /// with it, or it is refused and nothing has changed.
    pub fn apply(&mut self, event: Event, now_ms: i64) -> Result<Vec<Effect>, Refusal> {
        let mut effects = self.handle(event, now_ms)?;
        match self.status {
            // What is paid or goes back needs no confirmation.
            Status::Success(_) | Status::Revoked { .. } => self.reported = None,
            // Only a query can tell whether the payment that is reported was
            // made after all.
            Status::Closed { .. } | Status::PayError { .. } if self.reported.is_some() => {
                let wake = self.next_wake(now_ms);
                let rests = effects.iter_mut().filter(|e| **e == Effect::Rest);
                rests.for_each(|rest| *rest = wake.clone());
            }
            _ => {}
        }
        Ok(effects)
    }

    fn handle(&mut self, event: Event, now_ms: i64) -> Result<Vec<Effect>, Refusal> {
        match event {
            Event::Told(TradeState::Success(payment) | TradeState::Refund(payment), via) => {
                self.told_paid(*payment, via, now_ms)
            }
            Event::Told(state, _) => {
                let effects = self.told_unpaid(&state, now_ms)?;
                Ok(self.denied(effects, now_ms))
            }
            Event::Reported(payment) => self.payment_reported(&payment, now_ms),
            Event::PaidBesides {
                payment,
                via,
                kept,
                out_refund_no,
            } => {
                self.told_paid(*payment, via, now_ms)?;
                self.paid_besides = Some(kept);
                self.write_refund(out_refund_no, self.terms.money, now_ms);
                // The timer asks WeChat for it at once: who told us of the
                // payment does not wait for that.
                Ok(vec![Effect::WakeAt(now_ms)])
            }
            Event::NotFound => {
                let effects = self.not_found(now_ms)?;
                Ok(self.denied(effects, now_ms))
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
            } => self.refund_asked(out_refund_no, money, now_ms),
            Event::RefundTold {
                out_refund_no,
                state,
            } => self.refund_told(&out_refund_no, state),
            Event::RefundDeclined {
                out_refund_no,
                err_code,
                later,
            } => self.refund_declined(&out_refund_no, err_code, later),
        }
    }

    // Handlers.

    fn told_paid(
        &mut self,
        payment: Payment,
        via: Via,
        now_ms: i64,
    ) -> Result<Vec<Effect>, Refusal> {
        self.can_be_paid_by(&payment)?;
        // From any other state: WeChat has the payer's money, whatever was
        // believed before.
        self.status = Status::Success(Box::new(Paid {
            payment,
            via,
            learned_at_ms: now_ms,
        }));
        self.checks = 0;
        Ok(vec![Effect::Deliver, Effect::Rest])
    }

    fn compare(&self, payment: &Payment) -> Result<(), Refusal> {
        let ours = &self.terms.account;
        let theirs = &payment.account;
        if payment.out_trade_no != self.terms.out_trade_no.as_str() {
            Err(Refusal::OtherOrder)
        } else if (&theirs.mch_id, &theirs.sub_mch_id) != (&ours.mch_id, &ours.sub_mch_id) {
            Err(Refusal::OtherMerchant)
        } else if theirs.appid != ours.appid
            // A notice need not repeat the sub-merchant's application.
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
        } else if self.is_other_attach(payment) {
            Err(Refusal::OtherAttach)
        } else {
            Ok(())
        }
    }

    fn told_unpaid(&mut self, state: &TradeState, now_ms: i64) -> Result<Vec<Effect>, Refusal> {
        if self.paid().is_some() {
            return Err(Refusal::Stale);
        }
        match (state, &self.status) {
            (TradeState::NotPay, Status::Closing { .. }) => Ok(vec![Effect::Close]),
            (TradeState::NotPay, Status::NotPay) if now_ms >= self.terms.expires_at_ms => {
                self.close_for(CloseReason::Expired, Effect::Close, now_ms)
            }
            (TradeState::Closed, Status::NotPay) => Ok(self.finish(Status::Closed {
                reason: CloseReason::Upstream,
                at_ms: now_ms,
            })),
            (TradeState::Closed, &Status::Closing { reason }) => Ok(self.finish(Status::Closed {
                reason,
                at_ms: now_ms,
            })),
            (TradeState::Closed, Status::UserPaying | Status::Reversing { refused: true, .. }) => {
                Ok(self.finish(Status::Closed {
                    reason: CloseReason::Upstream,
                    at_ms: now_ms,
                }))
            }
            // No sheet waits as long as that: nobody will pay it any more.
            (TradeState::NotPay, Status::Reversing { refused: true, .. })
                if now_ms - self.created_at_ms >= LONGEST_PAYING_MS =>
            {
                Ok(self.finish(Status::PayError { at_ms: now_ms }))
            }
            (TradeState::PayError, Status::Reversing { refused: true, .. }) => {
                Ok(self.finish(Status::PayError { at_ms: now_ms }))
            }
            (TradeState::Revoked, _) if self.is_open() => Ok(self.revoked(now_ms)),
            (TradeState::UserPaying | TradeState::NotPay, Status::UserPaying)
                if self.paying_too_long(now_ms) =>
            {
                Ok(self.reverse(now_ms))
            }
            (
                TradeState::PayError,
                Status::NotPay | Status::Closing { .. } | Status::UserPaying,
            ) => Ok(self.finish(Status::PayError { at_ms: now_ms })),
            _ => Ok(Vec::new()),
        }
    }

    fn not_found(&mut self, now_ms: i64) -> Result<Vec<Effect>, Refusal> {
        match self.status {
            // Past its time, an order that WeChat never knew cannot be paid.
            Status::NotPay | Status::Closing { .. } if now_ms >= self.terms.expires_at_ms => {
                Ok(self.finish(Status::Closed {
                    reason: CloseReason::Expired,
                    at_ms: now_ms,
                }))
            }
            Status::Reversing { refused: true, .. }
                if now_ms - self.created_at_ms >= LONGEST_PAYING_MS =>
            {
                Ok(self.finish(Status::PayError { at_ms: now_ms }))
            }
            // Never begun, as far as WeChat can tell: the reverse makes sure.
            Status::UserPaying if self.paying_too_long(now_ms) => Ok(self.reverse(now_ms)),
            _ => Ok(Vec::new()),
        }
    }

    /// Quick Pay under another order's number was not taken, and will not be.
    fn number_taken(&mut self, now_ms: i64) -> Vec<Effect> {
        match self.status {
            Status::UserPaying | Status::Reversing { paid: None, .. } => {
                self.finish(Status::PayError { at_ms: now_ms })
            }
            _ => Vec::new(),
        }
    }

    fn paying_too_long(&self, now_ms: i64) -> bool {
        now_ms - self.created_at_ms >= PAYING_MS
    }

    fn declined(&mut self, now_ms: i64) -> Vec<Effect> {
        match self.status {
            Status::UserPaying => self.finish(Status::PayError { at_ms: now_ms }),
            _ => Vec::new(),
        }
    }

    fn reverse_asked(&mut self, now_ms: i64) -> Result<Vec<Effect>, Refusal> {
        if self.terms.trade_type != TradeType::Micropay {
            return Err(Refusal::NotQuickPay);
        }
        match self.status {
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
        // What is going back already cannot go back again.
        if self.refunds.iter().any(|r| r.status.counts()) {
            return Err(Refusal::ReverseOfRefunded);
        }
        Ok(self.reverse(now_ms))
    }

    fn reverse(&mut self, now_ms: i64) -> Vec<Effect> {
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

    fn reverse_answered(&mut self, answer: ReverseAnswer, now_ms: i64) -> Vec<Effect> {
        match (&self.status, answer) {
            (Status::Reversing { .. }, ReverseAnswer::Done) => self.revoked(now_ms),
            (Status::Reversing { .. }, ReverseAnswer::Refused) => self.reverse_refused(),
            _ => Vec::new(),
        }
    }

    /// What was paid stays paid. Where nothing is known of a payment, WeChat
    /// is asked until it says how the order stands.
    fn reverse_refused(&mut self) -> Vec<Effect> {
        let paid = match &mut self.status {
            Status::Reversing { paid, .. } => paid.take(),
            _ => None,
        };
        if let Some(paid) = paid {
            return self.finish(Status::Success(paid));
        }
        self.status = Status::Reversing {
            paid: None,
            refused: true,
        };
        vec![Effect::Query]
    }

    fn revoked(&mut self, now_ms: i64) -> Vec<Effect> {
        let paid = match &mut self.status {
            Status::Reversing { paid, .. } => paid.take(),
            _ => None,
        };
        self.finish(Status::Revoked {
            at_ms: now_ms,
            paid,
        })
    }

    fn close_asked(&mut self, now_ms: i64) -> Result<Vec<Effect>, Refusal> {
        match self.status {
            Status::Success(_) => Err(Refusal::OrderPaid),
            Status::UserPaying | Status::Reversing { .. } => Err(Refusal::QuickPayIsReversed),
            // Query first (checklist P7): closing is what the answer leads to.
            Status::NotPay => self.close_for(CloseReason::Asked, Effect::Query, now_ms),
            Status::Closing { .. } => Ok(vec![Effect::Query]),
            _ => Err(Refusal::OrderClosed),
        }
    }

    fn close_for(
        &mut self,
        reason: CloseReason,
        first: Effect,
        now_ms: i64,
    ) -> Result<Vec<Effect>, Refusal> {
        self.status = Status::Closing { reason };
        self.checks = 0;
        Ok(vec![first, self.next_wake(now_ms)])
    }

    fn close_answered(&mut self, answer: CloseAnswer, now_ms: i64) -> Result<Vec<Effect>, Refusal> {
        match (&self.status, answer) {
            (Status::Success(_), CloseAnswer::OrderPaid) => Err(Refusal::AlreadyPaid),
            (Status::Success(_), _) => Err(Refusal::Stale),
            (&Status::Closing { reason }, CloseAnswer::Closed) => Ok(self.finish(Status::Closed {
                reason,
                at_ms: now_ms,
            })),
            (_, CloseAnswer::OrderPaid) => Ok(vec![Effect::Query]),
            _ => Ok(Vec::new()),
        }
    }

    /// The next wake is set with every look, so an answer that never comes
    /// cannot lose the timer.
    fn due(&mut self, now_ms: i64) -> Vec<Effect> {
        let mut effects: Vec<Effect> = match &self.status {
            // The last query had no answer either.
            Status::UserPaying if self.paying_too_long(now_ms) && self.checks >= 5 => {
                return self.reverse(now_ms);
            }
            Status::NotPay | Status::Closing { .. } | Status::UserPaying => vec![Effect::Query],
            Status::Reversing { refused: true, .. } => vec![Effect::Query],
            Status::Reversing { .. } => vec![Effect::Reverse],
            Status::Success(_) => self
                .refunds
                .iter()
                .filter_map(|refund| match refund.status {
                    RefundStatus::Asked => Some(Effect::Refund(refund.out_refund_no.clone())),
                    RefundStatus::Processing => {
                        Some(Effect::QueryRefund(refund.out_refund_no.clone()))
                    }
                    _ => None,
                })
                .collect(),
            _ if self.reported.is_some() => vec![Effect::Query],
            _ => Vec::new(),
        };
        if effects.is_empty() {
            return vec![Effect::Rest];
        }
        self.checks = self.checks.saturating_add(1);
        effects.push(self.next_wake(now_ms));
        effects
    }

    fn refund_asked(
        &mut self,
        out_refund_no: String,
        money: Money,
        now_ms: i64,
    ) -> Result<Vec<Effect>, Refusal> {
        let paid = self.paid().ok_or(Refusal::NotPaid)?;
        if let Some(known) = self
            .refunds
            .iter()
            .find(|r| r.out_refund_no == out_refund_no)
        {
            return Err(if known.money == money {
                Refusal::RefundExists
            } else {
                Refusal::RefundExistsWithDifferentAmount
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
        if now_ms - paid.learned_at_ms > LIMIT_MS {
            return Err(Refusal::RefundTooLate);
        }
        if self.refunds.len() >= MAX_REFUNDS {
            return Err(Refusal::RefundTooMany);
        }
        let too_soon = |r: &Refund| now_ms - r.asked_at_ms < APART_MS;
        if self.refunds.last().is_some_and(too_soon) {
            return Err(Refusal::RefundTooSoon);
        }
        self.write_refund(out_refund_no.clone(), money, now_ms);
        Ok(vec![Effect::Refund(out_refund_no), self.next_wake(now_ms)])
    }

    fn write_refund(&mut self, out_refund_no: String, money: Money, now_ms: i64) {
        self.refunds.push(Refund {
            out_refund_no,
            money,
            status: RefundStatus::Asked,
            asked_at_ms: now_ms,
            refund_id: None,
            err_code: None,
        });
        self.checks = 0;
    }

    fn refund_told(
        &mut self,
        out_refund_no: &str,
        state: RefundState,
    ) -> Result<Vec<Effect>, Refusal> {
        let refund = self.open_refund(out_refund_no)?;
        refund.err_code = None;
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
        Ok(refund.told_when_final())
    }

    fn refund_declined(
        &mut self,
        out_refund_no: &str,
        err_code: String,
        later: bool,
    ) -> Result<Vec<Effect>, Refusal> {
        let refund = self.open_refund(out_refund_no)?;
        // Once WeChat has a refund, only its own state ends it.
        if refund.status == RefundStatus::Asked {
            refund.err_code = Some(err_code);
            if !later {
                refund.status = RefundStatus::Closed;
            }
        }
        Ok(refund.told_when_final())
    }

    // Helpers.

    fn open_refund(&mut self, out_refund_no: &str) -> Result<&mut Refund, Refusal> {
        let refund = self
            .refunds
            .iter_mut()
            .find(|r| r.out_refund_no == out_refund_no)
            .ok_or(Refusal::RefundUnknown)?;
        match refund.status.is_final() {
            true => Err(Refusal::RefundFinal),
            false => Ok(refund),
        }
    }

    fn finish(&mut self, status: Status) -> Vec<Effect> {
        self.status = status;
        self.checks = 0;
        vec![Effect::Rest]
    }

    fn next_wake(&self, now_ms: i64) -> Effect {
        let steps: &[i64] = match self.status {
            Status::NotPay
            | Status::Closing { .. }
            | Status::Closed { .. }
            | Status::PayError { .. }
                if self.reported.is_some() =>
            {
                &CONFIRM_SECONDS
            }
            Status::NotPay => &OPEN_CHECK_SECONDS,
            Status::UserPaying => &PAYING_CHECK_SECONDS,
            Status::Reversing { .. } => &REVERSE_SECONDS,
            _ => &PENDING_CHECK_SECONDS,
        };
        let step = usize::try_from(self.checks).unwrap_or(usize::MAX);
        let seconds = steps.get(step).or(steps.last()).copied().unwrap_or(600);
        let at_ms = now_ms + seconds * 1000;
        let expires = self.terms.expires_at_ms;
        // An open order is looked at when its time is over, not later.
        if matches!(self.status, Status::NotPay) && now_ms < expires && at_ms > expires {
            Effect::WakeAt(expires)
        } else {
            Effect::WakeAt(at_ms)
        }
    }
}
