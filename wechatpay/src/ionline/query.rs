//! Query: the state of an order at iOnline.
//!
//! ```text
//! service ionline.unified.trade.query  mch_id nonce_str sign_type sign
//!   transaction_id | out_trade_no
//! answer
//!   trade_state  SUCCESS REFUND                                the payment's fields
//!                NOTPAY CLOSED REVOKED USERPAYING PAYERROR     out_trade_no, attach
//! ```

use crate::common::{FieldError, Fields, OrderNumber, Problem, Text};

use super::answer::{self, check_echo};
use super::error::AnswerError;
use super::merchant::Merchant;
use super::payment;
use super::request::{self, Service};
use crate::Secret;
use order::TradeState;

/// A query of one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The MID: whose order it is.
    pub mch_id: Text<32>,
    /// The order's number. `transaction_id` is iOnline's number, not WeChat's.
    pub by: OrderNumber,
    /// A nonce, from the caller.
    pub nonce_str: Text<32>,
}

impl Request {
    /// The request's fields, not signed yet.
    pub fn to_fields(&self) -> Fields {
        let mut fields = request::start(Service::Query, &self.mch_id, &self.nonce_str);
        self.by.write(&mut fields);
        fields
    }

    /// The form to send.
    pub fn to_form(&self, key: &Secret) -> String {
        request::to_form(self.to_fields(), key)
    }

    /// Reads a request. The caller verifies its signature.
    pub fn read(fields: &Fields) -> Result<Self, FieldError> {
        let (mch_id, nonce_str) = request::read(fields, &[Service::Query])?;
        Ok(Self {
            mch_id,
            by: OrderNumber::read(fields)?,
            nonce_str,
        })
    }
}

/// The state of the order at iOnline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its state, with the payment where there is one. The payment's
    /// `transaction_id` is iOnline's number.
    pub state: TradeState,
    /// WeChat's number for the payment.
    pub out_transaction_id: Option<String>,
    /// The merchant's number. It need not be repeated for an unpaid order.
    pub out_trade_no: Option<String>,
    /// The merchant's own data.
    pub attach: Option<String>,
}

impl Answer {
    /// Reads the answer to `request` of `merchant`. See [`answer::read`] for
    /// what is checked before.
    ///
    /// Only `SUCCESS` and `REFUND` contain a payment, and it must be complete:
    /// an incomplete payment is an [`AnswerError::Field`], which is "unknown".
    /// A payment to another application is [`AnswerError::Mismatched`]; the
    /// caller compares amount and currency.
    pub fn read(
        bytes: &[u8],
        request: &Request,
        merchant: Merchant<'_>,
        key: &Secret,
    ) -> Result<Self, AnswerError> {
        let fields = answer::read(bytes, &merchant.account.mch_id, key)?;
        check_by(&request.by, &fields)?;
        check_echo(&fields, "sub_appid", &merchant.account.appid)?;
        Ok(Self {
            state: read_state(&fields, merchant)?,
            out_transaction_id: fields.owned("out_transaction_id"),
            out_trade_no: fields.owned("out_trade_no"),
            attach: fields.owned("attach"),
        })
    }

    /// The answer's fields, not signed yet: then [`answer::to_json`].
    pub fn to_fields(&self, mch_id: &str, nonce_str: &str) -> Fields {
        let mut fields = answer::success(mch_id, nonce_str);
        fields.push("trade_state", state_name(&self.state));
        match &self.state {
            TradeState::Success(paid) | TradeState::Refund(paid) => {
                payment::write(&mut fields, paid);
                fields.push_some("out_transaction_id", self.out_transaction_id.as_deref());
            }
            _ => {
                fields.push_some("out_trade_no", self.out_trade_no.as_deref());
                fields.push_some("attach", self.attach.as_deref());
            }
        }
        fields
    }
}

/// If an answer repeats the number, it must be the requested one.
pub(crate) fn check_by(by: &OrderNumber, fields: &Fields) -> Result<(), AnswerError> {
    match by {
        OrderNumber::TransactionId(id) => check_echo(fields, "transaction_id", id.as_str()),
        OrderNumber::OutTradeNo(number) => check_echo(fields, "out_trade_no", number.as_str()),
    }
}

fn read_state(fields: &Fields, merchant: Merchant<'_>) -> Result<TradeState, AnswerError> {
    let paid = || Ok::<_, AnswerError>(Box::new(payment::read(fields, merchant)?));
    match fields.required("trade_state")? {
        "SUCCESS" => paid().map(TradeState::Success),
        "REFUND" => paid().map(TradeState::Refund),
        "NOTPAY" => Ok(TradeState::NotPay),
        "CLOSED" => Ok(TradeState::Closed),
        // The second is the older name in this family of gateways.
        "REVOKED" | "REVERSE" => Ok(TradeState::Revoked),
        "USERPAYING" => Ok(TradeState::UserPaying),
        "PAYERROR" => Ok(TradeState::PayError),
        _ => Err(Problem::UnknownValue.of("trade_state").into()),
    }
}

const fn state_name(state: &TradeState) -> &'static str {
    match state {
        TradeState::Success(_) => "SUCCESS",
        TradeState::Refund(_) => "REFUND",
        TradeState::NotPay => "NOTPAY",
        TradeState::Closed => "CLOSED",
        TradeState::Revoked => "REVOKED",
        TradeState::UserPaying => "USERPAYING",
        TradeState::PayError => "PAYERROR",
    }
}
