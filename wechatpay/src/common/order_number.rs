//! The number by which an order is looked up: WeChat's or the merchant's.

use super::field::{FieldError, Problem, Text};
use super::fields::Fields;
use order::OutTradeNo;

/// The number by which an order is looked up: WeChat's or the merchant's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderNumber {
    /// WeChat's number. It has precedence if both are sent.
    TransactionId(Text<32>),
    /// The merchant's number.
    OutTradeNo(OutTradeNo),
}

impl OrderNumber {
    pub(crate) fn read(fields: &Fields) -> Result<Self, FieldError> {
        match fields.optional_text("transaction_id")? {
            Some(id) => Ok(Self::TransactionId(id)),
            None => read_out_trade_no(fields).map(Self::OutTradeNo),
        }
    }

    pub(crate) fn write(&self, fields: &mut Fields) {
        match self {
            Self::TransactionId(id) => fields.push("transaction_id", id.as_str()),
            Self::OutTradeNo(number) => fields.push("out_trade_no", number.as_str()),
        }
    }
}

pub(crate) fn read_out_trade_no(fields: &Fields) -> Result<OutTradeNo, FieldError> {
    use order::OutTradeNoError::{BadCharacter, Empty, TooLong};
    OutTradeNo::new(fields.required("out_trade_no")?).map_err(|error| {
        let problem = match error {
            Empty => Problem::Empty,
            TooLong => Problem::TooLong {
                max_bytes: OutTradeNo::MAX_LEN,
            },
            BadCharacter => Problem::BadCharacter,
        };
        problem.of("out_trade_no")
    })
}
