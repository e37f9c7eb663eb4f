//! Planted mistakes, which show that the model finds them.

use super::system::{Kind, Left};

/// A mistake in the code around the machine, or in the interpretation of its
/// rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// The revision of the query is ignored.
    OldAnswersCount,
    /// A close without an answer counts as closed.
    LostCloseIsClosed,
    /// Requests are in flight for longer than three checks take.
    RequestsAreNeverOld,
    /// A payment that a person refunded counts as a plain payment.
    RefundIsPayment,
    /// After a refused reverse the payment counts as kept.
    RefusedReverseIsSuccess,
    /// A payment of another system counts as the Quick Pay's.
    RivalIsOurs,
    /// The second payment of a purchase is kept.
    SecondPaymentIsKept,
    /// A cancelled refund ends when a query has no answer.
    SilenceEndsRefund,
    /// The first timer is lost.
    NoTimer,
    /// A payment counts on the notice alone.
    NoticeIsPayment,
    /// An operator's decision is not executed.
    NoDecision,
    /// An accepted payment is taken with the order's amount, not WeChat's.
    AcceptedWithOwnAmount,
    /// The query after a notice is sent once, and no timer repeats it.
    ReportHasNoTimer,
}

impl Mistake {
    /// Each mistake, and the test that finds it.
    pub const ALL: [(Self, Kind, Left); 13] = {
        const NONE: Left = Left::NONE;
        [
            (
                Self::OldAnswersCount,
                Kind::Native,
                Left { rings: 1, ..NONE },
            ),
            (
                Self::LostCloseIsClosed,
                Kind::Native,
                Left {
                    rings: 1,
                    losses: 1,
                    merchant: 1,
                    ..NONE
                },
            ),
            (
                Self::RequestsAreNeverOld,
                Kind::Paid,
                Left {
                    rings: 3,
                    refunds: 1,
                    cancels: 1,
                    mail: 3,
                    ..NONE
                },
            ),
            (
                Self::RefundIsPayment,
                Kind::Native,
                Left {
                    rings: 1,
                    hands: 1,
                    ..NONE
                },
            ),
            (
                Self::RefusedReverseIsSuccess,
                Kind::QuickPay,
                Left {
                    rings: 7,
                    merchant: 1,
                    refusals: 1,
                    losses: 1,
                    mail: 1,
                    ..NONE
                },
            ),
            (
                Self::RivalIsOurs,
                Kind::QuickPay,
                Left {
                    rings: 1,
                    rivals: 1,
                    ..NONE
                },
            ),
            (Self::SecondPaymentIsKept, Kind::TwoAttempts, NONE),
            (
                Self::SilenceEndsRefund,
                Kind::Paid,
                Left {
                    rings: 3,
                    refunds: 1,
                    cancels: 1,
                    losses: 5,
                    mail: 1,
                    ..NONE
                },
            ),
            (Self::NoTimer, Kind::Native, NONE),
            (Self::NoDecision, Kind::Native, Left { others: 1, ..NONE }),
            (
                Self::AcceptedWithOwnAmount,
                Kind::Native,
                Left { others: 1, ..NONE },
            ),
            (
                Self::NoticeIsPayment,
                Kind::Native,
                Left {
                    forgeries: 1,
                    ..NONE
                },
            ),
            (
                Self::ReportHasNoTimer,
                Kind::Native,
                Left {
                    rings: 1,
                    merchant: 1,
                    forgeries: 1,
                    ..NONE
                },
            ),
        ]
    };
}
