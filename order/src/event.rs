//! Events of an order ([`Event`]), the effects to execute ([`Effect`]), and the
//! reasons why an event changes nothing ([`Refusal`]).

use crate::evidence::{Payment, RefundState, TradeState, Via};
use crate::money::Money;
use crate::terms::OutTradeNo;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// An event of an order or of one of its refunds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// WeChat's verified notice or answer reports the order's state.
    StateReported(TradeState, Via),
    /// A verified notice reports a payment; WeChat is queried before it counts.
    PaymentReported(Box<Payment>),
    /// WeChat's verified answer reports that the order is paid, and another
    /// order of the same purchase was paid before: a duplicate payment.
    DuplicatePayment {
        /// The verified payment.
        payment: Box<Payment>,
        /// Whether a notice or a query reports it.
        via: Via,
        /// The order whose payment is kept.
        kept: OutTradeNo,
        /// The number of the refund for this payment.
        out_refund_no: String,
        /// WeChat also reports that a refund of it was made.
        refunded: bool,
    },
    /// WeChat's verified answer to a query of this gateway.
    Answered {
        /// [`Order::revision`] when the query was sent.
        revision: u32,
        /// The content of the answer.
        event: Box<Event>,
    },
    /// An operator decided that the payment in WeChat's verified answer is this
    /// order's, although it differs in a term. Holds [`Event::StateReported`] or
    /// [`Event::DuplicatePayment`].
    Accepted(Box<Event>),
    /// An operator decided that the payment which WeChat's verified answer
    /// reports under this order's number is not this order's.
    Rejected {
        /// WeChat's number for the payment.
        transaction_id: String,
    },
    /// A verified answer says that WeChat does not know the order.
    NotFound,
    /// A verified answer says that the payment under this number at WeChat is
    /// not this Quick Pay's: see [`Order::is_anothers`].
    NumberTaken,
    /// The merchant or the payer asks to close the order.
    CloseAsked,
    /// WeChat answered the gateway's close.
    CloseAnswered(CloseAnswer),
    /// Verified answers say that WeChat refused the Quick Pay and has no order
    /// under its number: nothing was taken, and will not be.
    Declined,
    /// The merchant asks to reverse the Quick Pay order.
    ReverseAsked,
    /// WeChat answered the gateway's reverse.
    ReverseAnswered(ReverseAnswer),
    /// The order's timer fired.
    Due,
    /// The merchant asks for a refund.
    RefundAsked {
        /// The merchant's number for the refund.
        out_refund_no: String,
        /// The amount to refund.
        money: Money,
        /// The merchant's reason.
        reason: Option<String>,
    },
    /// WeChat's verified answer reports a refund's state.
    RefundReported {
        /// The number of the refund.
        out_refund_no: String,
        /// The refund's state at WeChat.
        state: RefundState,
    },
    /// The merchant cancels a refund that WeChat has not accepted.
    RefundCancelAsked {
        /// The number of the refund.
        out_refund_no: String,
    },
    /// A verified answer says that WeChat has no refund under the number, or
    /// that the refund under it is another one.
    RefundNotFound {
        /// The number of the refund.
        out_refund_no: String,
    },
    /// A verified answer says that WeChat did not accept a refund.
    RefundDeclined {
        /// The number of the refund.
        out_refund_no: String,
        /// WeChat's code.
        err_code: String,
        /// Whether the same request may be accepted later (`NOTENOUGH`).
        later: bool,
    },
}

/// WeChat's verified answer to a close (WeChat Pay v2 manual, section 9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseAnswer {
    /// Closed now, or closed already.
    Closed,
    /// `ORDERPAID`: the order was paid; a query returns the evidence (checklist
    /// P7).
    OrderPaid,
    /// Any other answer: the timer repeats the close.
    Unknown,
}

/// WeChat's verified answer to a reverse (WeChat Pay v2 manual, section 5.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReverseAnswer {
    /// Reversed: a payment is returned, and no further payment is possible.
    Done,
    /// WeChat has no order under the number.
    NotFound,
    /// The order cannot be reversed: not yet, or never. `APIv3` has one code
    /// for both.
    NotReversible,
    /// Refused, and a repetition will not help (`recall` is `N`).
    Refused,
    /// Any other answer, including `recall=Y`: the timer repeats the reverse.
    Unknown,
}

/// An effect of an event. Effects are saved with the new state in one
/// transaction, and executed afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Query the order at WeChat.
    Query,
    /// Close the order at WeChat.
    Close,
    /// Reverse the order at WeChat.
    Reverse,
    /// Notify the merchant that the order is paid.
    Deliver,
    /// Set the order's timer, of which there is one, to this moment.
    WakeAt(i64),
    /// The order is final: remove its timer.
    Rest,
    /// Request the refund from WeChat, under the same number each time.
    Refund(String),
    /// Query the refund at WeChat.
    QueryRefund(String),
    /// Notify the merchant how the refund ended.
    DeliverRefund(String),
    /// Raise an operator alarm about the order.
    Raise(Trouble),
}

/// A condition of an order that an operator must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// WeChat permanently refuses to reverse the order.
    ReverseRefused,
    /// The order is being reversed, and WeChat does not confirm it, or reports
    /// that the payer has paid meanwhile.
    ReverseWaits,
    /// WeChat reports a payment of an order that is reversed here without a
    /// known payment.
    PaidAfterReverse,
    /// The order was refunded, reversed or closed at WeChat, not through this
    /// gateway.
    ChangedElsewhere,
    /// The order is paid here, and WeChat reports that it is not.
    NotPaidAtWeChat,
    /// WeChat has a payment under the number that is not this Quick Pay's.
    NumberTaken,
    /// WeChat's answer to a query reports the payment with another `attach`.
    OtherAttach,
    /// The order expired long ago, and no verified answer has ended it.
    CloseWaits,
    /// A refund is delayed.
    RefundWaits,
    /// WeChat made a refund that had ended here as not made.
    RefundMadeAfterAll,
}

/// Why an event changes nothing. Each name can be searched for;
/// [`Refusal::is_alarm`] marks those that need an operator.
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
    #[error("the report names another trade type")]
    OtherTradeType,
    #[error("the report names another payer")]
    OtherPayer,
    #[error("the report carries another attach")]
    OtherAttach,
    #[error("the report's transaction is another order's payment")]
    OtherTransaction,
    #[error("an operator decided that the report's transaction is not this order's")]
    RejectedPayment,
    #[error("the report's transaction is this order's payment")]
    OwnPayment,
    #[error("the order is paid; the report is older")]
    Stale,
    #[error("the order was made with another value of {0}")]
    DifferentTerms(&'static str),
    #[error("the order is paid already")]
    OrderPaid,
    #[error("the order is closed")]
    OrderClosed,
    #[error("the order has expired")]
    OrderExpired,
    #[error("the order is reversed or being reversed: the payment is returned")]
    Reversed,
    #[error("only a Quick Pay order can be reversed")]
    NotQuickPay,
    #[error("a Quick Pay order is reversed, not closed")]
    QuickPayIsReversed,
    #[error("a refunded order cannot be reversed")]
    ReverseOfRefunded,
    #[error("an order can be reversed from 15 seconds after it was made")]
    ReverseTooSoon,
    #[error("an order can be reversed within 7 days; refund it later")]
    ReverseTooLate,
    #[error("the order is not paid, so there is nothing to refund")]
    NotPaid,
    #[error("this refund was requested before")]
    RefundExists,
    #[error("a refund with this number and another amount was requested before")]
    RefundExistsWithDifferentAmount,
    #[error("a refund with this number and another reason was requested before")]
    RefundExistsWithDifferentReason,
    #[error("the refund's currency is not the order's")]
    RefundOtherCurrency,
    #[error("the refunds together would exceed the payment")]
    RefundExceedsPaid,
    #[error("the payment is more than a year old")]
    RefundTooLate,
    #[error("an order has at most 50 refunds")]
    RefundTooMany,
    #[error("two refunds of one order must be a minute apart")]
    RefundTooSoon,
    #[error("no refund has this number")]
    RefundUnknown,
    #[error("WeChat has accepted the refund, so it cannot be cancelled")]
    RefundTaken,
    #[error("the refund is final; the report is older")]
    RefundFinal,
}

impl Refusal {
    /// Whether the amounts may be wrong, so that an operator must check.
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

/// Why an order is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// The merchant, or the payer's change of method, asked for it.
    Asked,
    /// It was not paid in time.
    Expired,
    /// Closed by WeChat without our request.
    Upstream,
}
