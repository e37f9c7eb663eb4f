//! What happens to an order ([`Event`]), what must be done about it
//! ([`Effect`]), and why an event changes nothing ([`Refusal`]).

use crate::evidence::{Payment, TradeState, Via};
use crate::money::Money;
use crate::refund::RefundState;
use crate::terms::OutTradeNo;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
        /// WeChat says as well that a refund of it was made.
        refunded: bool,
    },
    /// WeChat's verified answer to a question of ours.
    Answered {
        /// [`Order::revision`] when the question was sent.
        revision: u32,
        /// What it says.
        event: Box<Event>,
    },
    /// A person decided that the payment which WeChat's verified answer reports
    /// is this order's, although it differs in a term. Holds
    /// [`Event::Told`] or [`Event::PaidBesides`].
    Accepted(Box<Event>),
    /// A person decided that the payment which WeChat's verified answer reports
    /// under this order's number is not this order's.
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
    /// WeChat answered our close.
    CloseAnswered(CloseAnswer),
    /// Verified answers say that WeChat refused the Quick Pay and has no order
    /// under its number: nothing was taken, and will not be.
    Declined,
    /// The merchant asks to reverse the Quick Pay order.
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
    /// The merchant no longer wants a refund that WeChat has not taken.
    RefundCancelAsked {
        /// Which refund.
        out_refund_no: String,
    },
    /// A verified answer says that WeChat has no refund under the number, or
    /// that the refund under it is another one.
    RefundNotFound {
        /// Which refund.
        out_refund_no: String,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseAnswer {
    /// Closed now, or closed already.
    Closed,
    /// `ORDERPAID`: it was paid; a query brings the evidence (checklist P7).
    OrderPaid,
    /// Anything else: the timer asks again.
    Unknown,
}

/// WeChat's verified answer to a reverse (seed 002, section 5.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReverseAnswer {
    /// Reversed: what was paid goes back, and nothing can be paid any more.
    Done,
    /// WeChat has no order under the number.
    NotFound,
    /// The order cannot be reversed: not yet, or never. `APIv3` has one code
    /// for both.
    NotReversible,
    /// Refused, and asking again will not help (`recall` is `N`).
    Refused,
    /// Anything else, `recall` among it: the timer asks again.
    Unknown,
}

/// What must be done about it. Effects are saved with the new state, in one
/// transaction, and carried out after.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
    /// Raise an operator alarm about the order.
    Raise(Trouble),
}

/// What an operator must know about an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// WeChat refuses for good to reverse the order.
    ReverseRefused,
    /// The order is to be reversed, and WeChat does not confirm it; or it
    /// says that the payer has paid meanwhile.
    ReverseWaits,
    /// WeChat reports a payment of an order that is reversed here, and of
    /// which no payment was known.
    PaidAfterReverse,
    /// The order was refunded, reversed or closed without this gateway.
    ChangedElsewhere,
    /// The order is paid here, and WeChat says that it is not.
    NotPaidAtWeChat,
    /// WeChat has a payment under the number that is not this Quick Pay's.
    NumberTaken,
    /// WeChat's answer to a query reports the payment with another `attach`.
    OtherAttach,
    /// The time to pay is long over, and no verified answer ended the order.
    CloseWaits,
    /// A refund waits for longer than it should.
    RefundWaits,
    /// WeChat made a refund that had ended here as not made.
    RefundMadeAfterAll,
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
    #[error("WeChat has taken the refund, so it cannot be cancelled")]
    RefundTaken,
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
