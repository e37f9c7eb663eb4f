//! Common parts of refunds: number, amounts, status and channel.

use super::field::{FieldError, Problem};
use super::fields::Fields;
use order::{Currency, Money, RefundState};
use std::fmt;

/// The merchant's own refund number: `1..=64` of `0-9 A-Z a-z _ - | * @`.
/// The v2 manual says 32; Tencent's later manual says 64, and longer
/// numbers are in use.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OutRefundNo(String);

impl OutRefundNo {
    /// The longest number that WeChat accepts.
    pub const MAX_LEN: usize = 64;

    /// Checks length and alphabet.
    pub fn new(text: &str) -> Result<Self, FieldError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-|*@".contains(&b);
        let problem = if text.is_empty() {
            Problem::Empty
        } else if !text.bytes().all(allowed) {
            Problem::BadCharacter
        } else if text.len() > Self::MAX_LEN {
            Problem::TooLong {
                max_bytes: Self::MAX_LEN,
            }
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(problem.of("out_refund_no"))
    }

    /// The number as WeChat sends it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OutRefundNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<OutRefundNo> for String {
    fn from(number: OutRefundNo) -> Self {
        number.0
    }
}

/// The amounts of a refund and of its order: one currency, the first at most
/// the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amounts {
    refund_fee: i64,
    total_fee: i64,
    refund_fee_type: Option<Currency>,
}

impl Amounts {
    /// `refund` of an order of `total`.
    pub fn new(refund: Money, total: Money) -> Result<Self, FieldError> {
        if refund.currency() != total.currency() {
            return Err(Problem::UnknownValue.of("refund_fee_type"));
        }
        Self::checked(
            refund.amount_minor(),
            total.amount_minor(),
            Some(refund.currency()),
        )
    }

    /// The refunded amount, in the currency's smallest unit.
    pub const fn refund_fee(self) -> i64 {
        self.refund_fee
    }

    /// The whole order, in the currency's smallest unit.
    pub const fn total_fee(self) -> i64 {
        self.total_fee
    }

    /// The currency, which must be the order's. A request may omit it; then the
    /// order's is meant.
    pub const fn refund_fee_type(self) -> Option<Currency> {
        self.refund_fee_type
    }

    pub(crate) fn read(fields: &Fields) -> Result<Self, FieldError> {
        let currency = fields.optional_currency("refund_fee_type")?;
        Self::checked(
            fields.fee("refund_fee")?,
            fields.fee("total_fee")?,
            currency,
        )
    }

    fn checked(
        refund_fee: i64,
        total_fee: i64,
        refund_fee_type: Option<Currency>,
    ) -> Result<Self, FieldError> {
        if refund_fee > total_fee {
            return Err(Problem::OutOfRange.of("refund_fee"));
        }
        Ok(Self {
            refund_fee,
            total_fee,
            refund_fee_type,
        })
    }
}

/// Which of the merchant's funds pay for a refund (`refund_account`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FundsSource {
    /// Payments that are not settled yet: the default.
    Unsettled,
    /// The merchant's balance at WeChat.
    Recharge,
}

impl FundsSource {
    /// Both sources.
    pub const ALL: [Self; 2] = [Self::Unsettled, Self::Recharge];

    /// WeChat's name for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unsettled => "REFUND_SOURCE_UNSETTLED_FUNDS",
            Self::Recharge => "REFUND_SOURCE_RECHARGE_FUNDS",
        }
    }

    /// The source with this exact name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == name)
    }
}

/// The status of a refund (`refund_status`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// The payer has received the money.
    Success,
    /// Closed: nothing was returned.
    RefundClose,
    /// In progress.
    Processing,
    /// The payer's card or account did not accept it; the merchant has the
    /// money again and returns it manually.
    Change,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 4] = [
        Self::Success,
        Self::RefundClose,
        Self::Processing,
        Self::Change,
    ];

    /// WeChat's name for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::RefundClose => "REFUNDCLOSE",
            Self::Processing => "PROCESSING",
            Self::Change => "CHANGE",
        }
    }

    /// The status with this exact name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == name)
    }

    /// The event for the order's state machine. `refund_id` is WeChat's number.
    pub fn state(self, refund_id: &str) -> RefundState {
        let refund_id = refund_id.to_owned();
        match self {
            Self::Success => RefundState::Success { refund_id },
            Self::Processing => RefundState::Processing { refund_id },
            Self::RefundClose => RefundState::Closed,
            Self::Change => RefundState::Abnormal,
        }
    }
}

/// The channel of a refund (`refund_channel`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Channel {
    /// To the source of the payment.
    Original,
    /// To the payer's balance.
    Balance,
    /// To another balance, because the original account is abnormal.
    OtherBalance,
    /// To another card, because the original card is abnormal.
    OtherBankcard,
    /// One that the manual does not list, unchanged.
    Other(String),
}

impl Channel {
    /// WeChat's name for it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Original => "ORIGINAL",
            Self::Balance => "BALANCE",
            Self::OtherBalance => "OTHER_BALANCE",
            Self::OtherBankcard => "OTHER_BANKCARD",
            Self::Other(name) => name,
        }
    }

    /// The channel that has this name at WeChat.
    pub fn from_name(name: &str) -> Self {
        match name {
            "ORIGINAL" => Self::Original,
            "BALANCE" => Self::Balance,
            "OTHER_BALANCE" => Self::OtherBalance,
            "OTHER_BANKCARD" => Self::OtherBankcard,
            other => Self::Other(other.to_owned()),
        }
    }
}
