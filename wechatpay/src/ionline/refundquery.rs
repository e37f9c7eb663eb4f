//! Query refund: the status of an order's refunds.
//!
//! ```text
//! service ionline.unified.trade.refundquery  mch_id nonce_str sign_type sign
//!   refund_id | out_refund_no | transaction_id | out_trade_no     the first one counts
//! answer
//!   transaction_id out_trade_no refund_count      and for each, $n from 0:
//!     out_refund_no_$n refund_id_$n refund_fee_$n [refund_channel_$n] [refund_time_$n]
//!     refund_status_$n  SUCCESS FAIL PROCESSING NOTSURE CHANGE
//! ```

use super::answer::{self, check_echo};
use super::error::AnswerError;
use super::payment::USED_BY_IONLINE;
use super::request::{self, Service};
use crate::Secret;
use crate::common::fields::{Nth, nth_name};
use crate::common::payment::USED_FIELDS;
use crate::common::{FieldError, Fields, Problem, Text, read_out_trade_no, time};
use order::{MAX_REFUNDS, OutTradeNo, RefundState};

/// A query of refunds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The MID: who was paid.
    pub mch_id: Text<32>,
    /// Which refunds.
    pub by: Lookup,
    /// A nonce, from the caller.
    pub nonce_str: Text<32>,
}

/// The number by which refunds are looked up. If several are sent, the first
/// one of this list counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// iOnline's number for one refund.
    RefundId(Text<32>),
    /// The merchant's number for one refund.
    OutRefundNo(Text<32>),
    /// iOnline's number for the order.
    TransactionId(Text<32>),
    /// The merchant's number for the order.
    OutTradeNo(OutTradeNo),
}

impl Lookup {
    fn read(fields: &Fields) -> Result<Self, FieldError> {
        if let Some(id) = fields.optional_text("refund_id")? {
            return Ok(Self::RefundId(id));
        }
        if let Some(number) = fields.optional_text("out_refund_no")? {
            return Ok(Self::OutRefundNo(number));
        }
        if let Some(id) = fields.optional_text("transaction_id")? {
            return Ok(Self::TransactionId(id));
        }
        read_out_trade_no(fields).map(Self::OutTradeNo)
    }

    fn write(&self, fields: &mut Fields) {
        match self {
            Self::RefundId(id) => fields.push("refund_id", id.as_str()),
            Self::OutRefundNo(number) => fields.push("out_refund_no", number.as_str()),
            Self::TransactionId(id) => fields.push("transaction_id", id.as_str()),
            Self::OutTradeNo(number) => fields.push("out_trade_no", number.as_str()),
        }
    }

    /// The answer must be about the requested refunds only.
    fn check(&self, fields: &Fields, refunds: &[Refund]) -> Result<(), AnswerError> {
        let only = |field, holds: &dyn Fn(&Refund) -> bool| {
            if !refunds.is_empty() && refunds.iter().all(holds) {
                Ok(())
            } else {
                Err(AnswerError::Mismatched { field })
            }
        };
        match self {
            Self::RefundId(id) => only("refund_id", &|r| r.refund_id == id.as_str()),
            Self::OutRefundNo(number) => {
                only("out_refund_no", &|r| r.out_refund_no == number.as_str())
            }
            Self::TransactionId(id) => check_echo(fields, "transaction_id", id.as_str()),
            Self::OutTradeNo(number) => check_echo(fields, "out_trade_no", number.as_str()),
        }
    }
}

impl Request {
    /// The request's fields, not signed yet.
    pub fn to_fields(&self) -> Fields {
        let mut fields = request::start(Service::RefundQuery, &self.mch_id, &self.nonce_str);
        self.by.write(&mut fields);
        fields
    }

    /// The form to send.
    pub fn to_form(&self, key: &Secret) -> String {
        request::to_form(self.to_fields(), key)
    }

    /// Reads a request. The caller verifies its signature.
    pub fn read(fields: &Fields) -> Result<Self, FieldError> {
        let (mch_id, nonce_str) = request::read(fields, &[Service::RefundQuery])?;
        Ok(Self {
            mch_id,
            by: Lookup::read(fields)?,
            nonce_str,
        })
    }
}

/// An order's refunds at iOnline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// iOnline's number for the payment.
    pub transaction_id: String,
    /// The merchant's number for the order.
    pub out_trade_no: String,
    /// The refunds, in iOnline's order.
    pub refunds: Vec<Refund>,
}

/// One refund at iOnline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// The merchant's number.
    pub out_refund_no: String,
    /// iOnline's number.
    pub refund_id: String,
    /// The amount, in cents of the order's currency.
    pub refund_fee: i64,
    /// Its status.
    pub refund_status: Status,
    /// The channel of the refund: `ORIGINAL`, `BALANCE`.
    pub refund_channel: Option<String>,
    /// When it was completed, Unix milliseconds.
    pub refund_time_ms: Option<i64>,
}

/// The status of a refund (`refund_status`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// The payer has received the money.
    Success,
    /// Nothing was returned.
    Fail,
    /// In progress.
    Processing,
    /// The outcome is unknown to iOnline: the same request is to be sent again
    /// under the same number.
    NotSure,
    /// The payer's card or account did not accept it; the merchant has the
    /// money again and returns it manually.
    Change,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 5] = [
        Self::Success,
        Self::Fail,
        Self::Processing,
        Self::NotSure,
        Self::Change,
    ];

    /// iOnline's name for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Fail => "FAIL",
            Self::Processing => "PROCESSING",
            Self::NotSure => "NOTSURE",
            Self::Change => "CHANGE",
        }
    }

    /// The status with this exact name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == name)
    }

    /// The event for the order's state machine. `refund_id` is iOnline's
    /// number.
    pub fn state(self, refund_id: &str) -> RefundState {
        let refund_id = refund_id.to_owned();
        match self {
            Self::Success => RefundState::Success { refund_id },
            Self::Processing | Self::NotSure => RefundState::Processing { refund_id },
            Self::Fail => RefundState::Closed,
            Self::Change => RefundState::Abnormal,
        }
    }
}

impl Refund {
    /// The event for the order's state machine.
    pub fn state(&self) -> RefundState {
        self.refund_status.state(&self.refund_id)
    }

    fn read(nth: Nth<'_>) -> Result<Self, FieldError> {
        let status = Status::parse(nth.required("refund_status_$n")?);
        // Only displayed: a refund is not refused for its form.
        let refund_time = nth
            .get_nonempty("refund_time_$n")
            .and_then(|time| time::parse_china(time).ok());
        Ok(Self {
            out_refund_no: nth.required("out_refund_no_$n")?.to_owned(),
            refund_id: nth.required("refund_id_$n")?.to_owned(),
            refund_fee: nth.fee("refund_fee_$n")?,
            refund_status: status.ok_or(Problem::UnknownValue.of("refund_status_$n"))?,
            refund_channel: nth.owned("refund_channel_$n"),
            refund_time_ms: refund_time,
        })
    }

    fn write(&self, fields: &mut Fields, n: usize) {
        let mut push = |field: &str, value: Option<&str>| {
            fields.push_some(&nth_name(field, n), value);
        };
        push("out_refund_no_$n", Some(&self.out_refund_no));
        push("refund_id_$n", Some(&self.refund_id));
        push("refund_channel_$n", self.refund_channel.as_deref());
        push("refund_fee_$n", Some(&self.refund_fee.to_string()));
        push("refund_status_$n", Some(self.refund_status.as_str()));
        let refund_time = self.refund_time_ms.map(time::china);
        push("refund_time_$n", refund_time.as_deref());
    }
}

impl Answer {
    /// Reads the answer to `request`. See [`answer::read`] for what is checked
    /// before.
    ///
    /// The count must equal the number of refunds: with more, fields are
    /// missing; with fewer, it is [`Problem::OutOfRange`].
    pub fn read(bytes: &[u8], request: &Request, key: &Secret) -> Result<Self, AnswerError> {
        let fields = answer::read(bytes, request.mch_id.as_str(), key)?;
        fields.unambiguous_in(&USED_FIELDS)?;
        fields.unambiguous_in(&USED_BY_IONLINE)?;
        let refunds = read_refunds(&fields)?;
        request.by.check(&fields, &refunds)?;
        Ok(Self {
            transaction_id: fields.required("transaction_id")?.to_owned(),
            out_trade_no: fields.required("out_trade_no")?.to_owned(),
            refunds,
        })
    }

    /// The refund with this number, if the answer contains it.
    pub fn find(&self, out_refund_no: &str) -> Option<&Refund> {
        self.refunds
            .iter()
            .find(|refund| refund.out_refund_no == out_refund_no)
    }

    /// The answer's fields, not signed yet: then [`answer::to_json`].
    pub fn to_fields(&self, mch_id: &str, nonce_str: &str) -> Fields {
        let mut fields = answer::success(mch_id, nonce_str)
            .with("transaction_id", self.transaction_id.as_str())
            .with("out_trade_no", self.out_trade_no.as_str())
            .with("refund_count", self.refunds.len().to_string());
        for (n, refund) in self.refunds.iter().enumerate() {
            refund.write(&mut fields, n);
        }
        fields
    }
}

/// The count is not trusted: nothing is allocated by it, and it is compared
/// with the items.
fn read_refunds(fields: &Fields) -> Result<Vec<Refund>, FieldError> {
    let out_of_range = Problem::OutOfRange.of("refund_count");
    let count = usize::try_from(fields.int("refund_count")?).map_err(|_| out_of_range)?;
    if count > MAX_REFUNDS {
        return Err(out_of_range);
    }
    let refunds: Vec<_> = (0..count)
        .map(|n| Refund::read(fields.nth(n)))
        .collect::<Result<_, _>>()?;
    if fields.nth(count).get("refund_id_$n").is_some() {
        return Err(out_of_range);
    }
    Ok(refunds)
}
