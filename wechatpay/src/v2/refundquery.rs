//! Query refund: the status of an order's refunds (WeChat Pay v2 manual,
//! section 9.5).
//!
//! ```text
//! POST /pay/refundquery
//!   appid mch_id [sub_appid sub_mch_id] nonce_str sign [sign_type] [offset]
//!   refund_id | out_refund_no | transaction_id | out_trade_no     the first one counts
//! answer
//!   transaction_id out_trade_no total_fee [fee_type] cash_fee [cash_fee_type] [rate]
//!   refund_count [total_refund_count]       and for each, $n from 0:
//!     out_refund_no_$n refund_id_$n refund_fee_$n [settlement_refund_fee_$n]
//!     refund_status_$n  SUCCESS REFUNDCLOSE PROCESSING CHANGE
//!     [refund_channel_$n] [refund_account_$n] [refund_recv_accout_$n]
//!     [refund_success_time_$n]
//! ```
//!
//! `refund_recv_accout` is WeChat's spelling. The fields of each coupon are
//! ignored.

use super::answer::{self, AnswerError, check_echo, push_account, read_account};
use super::prepay::read_sign_type;
use crate::Secret;
use crate::common::fields::{Nth, nth_name};
use crate::common::payment::USED_FIELDS;
use crate::common::refund::Channel;
use crate::common::refund::{OutRefundNo, Status};
use crate::common::{FieldError, Fields, Problem, SignType, Text, read_out_trade_no, time};
use order::{Account, Currency, MAX_REFUNDS, OutTradeNo, RefundState};

/// Where to send the request.
pub const PATH: &str = "/pay/refundquery";

/// An answer contains at most this many refunds; `offset` selects the next
/// ones.
pub const PAGE: usize = 10;

/// A query of refunds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The account that received the payment.
    pub account: Account,
    /// Which refunds.
    pub by: Lookup,
    /// How many of the order's refunds to skip.
    pub offset: Option<u32>,
    /// A nonce, from the caller.
    pub nonce_str: Text<32>,
    /// How this request is signed, and so its answer.
    pub sign_type: SignType,
}

/// The number by which refunds are looked up. If several are sent, the first
/// one of this list counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// WeChat's number for one refund.
    RefundId(Text<32>),
    /// The merchant's number for one refund.
    OutRefundNo(OutRefundNo),
    /// WeChat's number for the order.
    TransactionId(Text<32>),
    /// The merchant's number for the order.
    OutTradeNo(OutTradeNo),
}

impl Lookup {
    fn read(fields: &Fields) -> Result<Self, FieldError> {
        if let Some(id) = fields.optional_text("refund_id")? {
            return Ok(Self::RefundId(id));
        }
        if let Some(number) = fields.get_nonempty("out_refund_no") {
            return OutRefundNo::new(number).map(Self::OutRefundNo);
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
        let mut fields = Fields::new();
        push_account(&mut fields, &self.account);
        self.by.write(&mut fields);
        fields.push_some("offset", self.offset.map(|offset| offset.to_string()));
        fields.push("nonce_str", self.nonce_str.as_str());
        fields.push_some("sign_type", self.sign_type.unless_default());
        fields
    }

    /// The document to send.
    pub fn to_xml(&self, key: &Secret) -> String {
        self.to_fields().sealed(key, self.sign_type).to_xml()
    }

    /// Reads a request. The caller verifies its signature.
    pub fn read(fields: &Fields) -> Result<Self, FieldError> {
        let offset = fields.optional_int("offset")?.map(u32::try_from);
        Ok(Self {
            account: read_account(fields)?,
            by: Lookup::read(fields)?,
            offset: offset
                .transpose()
                .map_err(|_| Problem::OutOfRange.of("offset"))?,
            nonce_str: fields.text("nonce_str")?,
            sign_type: read_sign_type(fields)?,
        })
    }
}

/// An order's refunds at WeChat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// WeChat's number for the payment.
    pub transaction_id: String,
    /// The merchant's number for the order.
    pub out_trade_no: String,
    /// The order's amount, in its currency's smallest unit. The manual requires
    /// it, and its sample has none.
    pub total_fee: Option<i64>,
    /// The order's currency, if WeChat states it.
    pub fee_type: Option<Currency>,
    /// What the payer was charged, in the smallest unit of `cash_fee_type`.
    pub cash_fee: Option<i64>,
    /// The currency the payer was charged in.
    pub cash_fee_type: Option<String>,
    /// The exchange rate to CNY times 10^8.
    pub rate: Option<String>,
    /// The number of the order's refunds, if there are more than these.
    pub total_refund_count: Option<i64>,
    /// The refunds, in WeChat's order.
    pub refunds: Vec<Refund>,
}

/// One refund at WeChat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// The merchant's number.
    pub out_refund_no: String,
    /// WeChat's number.
    pub refund_id: String,
    /// How much, in the smallest unit of the order's currency.
    pub refund_fee: i64,
    /// The same without coupons.
    pub settlement_refund_fee: Option<i64>,
    /// Its status.
    pub refund_status: Status,
    /// The channel of the refund.
    pub refund_channel: Option<Channel>,
    /// Which of the merchant's funds paid for it: a
    /// [`FundsSource`](crate::common::refund::FundsSource)'s name.
    pub refund_account: Option<String>,
    /// The account that received it, for display. The name is spelt as on the wire.
    pub refund_recv_accout: Option<String>,
    /// When it was completed, Unix milliseconds.
    pub refund_success_time_ms: Option<i64>,
}

impl Refund {
    /// The event for the order's state machine.
    pub fn state(&self) -> RefundState {
        self.refund_status.state(&self.refund_id)
    }

    fn read(nth: Nth<'_>) -> Result<Self, FieldError> {
        let status = Status::parse(nth.required("refund_status_$n")?);
        // Only displayed: a refund is not refused for its form.
        let success_time = nth
            .get_nonempty("refund_success_time_$n")
            .and_then(|time| time::parse_china_spaced(time).ok());
        Ok(Self {
            out_refund_no: nth.required("out_refund_no_$n")?.to_owned(),
            refund_id: nth.required("refund_id_$n")?.to_owned(),
            refund_fee: nth.fee("refund_fee_$n")?,
            settlement_refund_fee: nth.shown_int("settlement_refund_fee_$n"),
            refund_status: status.ok_or(Problem::UnknownValue.of("refund_status_$n"))?,
            refund_channel: nth
                .get_nonempty("refund_channel_$n")
                .map(Channel::from_name),
            refund_account: nth.owned("refund_account_$n"),
            refund_recv_accout: nth.owned("refund_recv_accout_$n"),
            refund_success_time_ms: success_time,
        })
    }

    fn write(&self, fields: &mut Fields, n: usize) {
        let mut push = |field: &str, value: Option<&str>| {
            fields.push_some(&nth_name(field, n), value);
        };
        let settlement_fee = self.settlement_refund_fee.map(|fee| fee.to_string());
        let success_time = self.refund_success_time_ms.map(time::china_spaced);
        push("out_refund_no_$n", Some(&self.out_refund_no));
        push("refund_id_$n", Some(&self.refund_id));
        push(
            "refund_channel_$n",
            self.refund_channel.as_ref().map(Channel::as_str),
        );
        push("refund_fee_$n", Some(&self.refund_fee.to_string()));
        push("settlement_refund_fee_$n", settlement_fee.as_deref());
        push("refund_status_$n", Some(self.refund_status.as_str()));
        push("refund_account_$n", self.refund_account.as_deref());
        push("refund_recv_accout_$n", self.refund_recv_accout.as_deref());
        push("refund_success_time_$n", success_time.as_deref());
    }
}

impl Answer {
    /// Reads the answer to `request`. See [`answer::read`] for what is checked
    /// before. A refusal with
    /// [`RefundNotExist`](super::ErrorCode::RefundNotExist) means that WeChat
    /// has no such refund.
    ///
    /// The count must equal the number of refunds: with more, fields are
    /// missing; with fewer, it is [`Problem::OutOfRange`].
    pub fn read(bytes: &[u8], request: &Request, key: &Secret) -> Result<Self, AnswerError> {
        let fields = answer::read(bytes, &request.account, key, request.sign_type)?;
        fields.unambiguous_in(&USED_FIELDS)?;
        let refunds = read_refunds(&fields)?;
        request.by.check(&fields, &refunds)?;
        Ok(Self {
            transaction_id: fields.required("transaction_id")?.to_owned(),
            out_trade_no: fields.required("out_trade_no")?.to_owned(),
            total_fee: fields.optional_int("total_fee")?,
            fee_type: fields.optional_currency("fee_type")?,
            cash_fee: fields.shown_int("cash_fee"),
            cash_fee_type: fields.owned("cash_fee_type"),
            rate: fields.owned("rate"),
            total_refund_count: fields.optional_int("total_refund_count")?,
            refunds,
        })
    }

    /// The refund with this number, if the answer contains it.
    pub fn find(&self, out_refund_no: &str) -> Option<&Refund> {
        self.refunds
            .iter()
            .find(|refund| refund.out_refund_no == out_refund_no)
    }

    /// The answer's fields, not signed yet.
    pub fn to_fields(&self, account: &Account, nonce_str: &str) -> Fields {
        let number = |amount: Option<i64>| amount.map(|n| n.to_string());
        let mut fields = answer::success(account, nonce_str);
        fields.push("transaction_id", self.transaction_id.as_str());
        fields.push("out_trade_no", self.out_trade_no.as_str());
        fields.push_some("total_fee", number(self.total_fee));
        fields.push_some("fee_type", self.fee_type.map(Currency::code));
        fields.push_some("cash_fee", number(self.cash_fee));
        fields.push_some("cash_fee_type", self.cash_fee_type.as_deref());
        fields.push_some("rate", self.rate.as_deref());
        fields.push_some("total_refund_count", number(self.total_refund_count));
        fields.push("refund_count", self.refunds.len().to_string());
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
