//! Common parts of settlements: the amounts that were paid out to a merchant,
//! and those that WeChat has not paid out yet.

use super::field::{FieldError, Problem};
use super::time::Date;
use order::Currency;

/// The most records that an answer may have. WeChat recommends 10.
pub const MAX_RECORDS: usize = 20;

/// Which funds (`usetag`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UseTag {
    /// `1`: paid out.
    Settled,
    /// `2`: not paid out yet.
    Outstanding,
}

impl UseTag {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Settled, Self::Outstanding];

    /// WeChat's number for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Settled => "1",
            Self::Outstanding => "2",
        }
    }

    /// The funds with this number.
    pub fn parse(number: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.as_str() == number)
    }
}

/// How many records to answer: `1..=20`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(usize);

impl Limit {
    /// Checks a number.
    pub fn new(limit: i64) -> Result<Self, FieldError> {
        usize::try_from(limit)
            .ok()
            .filter(|limit| (1..=MAX_RECORDS).contains(limit))
            .map(Self)
            .ok_or(Problem::OutOfRange.of("limit"))
    }

    /// The number.
    pub const fn get(self) -> usize {
        self.0
    }
}

/// One settlement. Amounts are in the smallest unit of `settlementfee_type`
/// and can be below zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// WeChat's number for the transfer; outstanding funds have none.
    pub fbatchno: Option<String>,
    /// The day of the transfer; outstanding funds have none.
    pub date_settlement: Option<Date>,
    /// The first day of payments in it.
    pub date_start: Option<Date>,
    /// The last day of payments in it.
    pub date_end: Option<Date>,
    /// The transferred amount.
    pub settlement_fee: i64,
    /// The amount that was not transferred.
    pub unsettlement_fee: i64,
    /// The currency. The manual's sample calls it `settlement_type`.
    pub settlementfee_type: Currency,
    /// The sum of the payments.
    pub pay_fee: i64,
    /// The sum of the refunds.
    pub refund_fee: i64,
    /// The difference of the two.
    pub pay_net_fee: i64,
    /// WeChat's fee.
    pub poundage_fee: i64,
}
