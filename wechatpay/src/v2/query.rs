//! Query order: the state of an order at WeChat (WeChat Pay v2 manual, section
//! 9.2).
//!
//! ```text
//! POST /pay/orderquery
//!   appid mch_id [sub_appid sub_mch_id] nonce_str sign [sign_type]
//!   transaction_id | out_trade_no
//! answer
//!   trade_state  SUCCESS REFUND                                the payment's fields
//!                NOTPAY CLOSED REVOKED USERPAYING PAYERROR     out_trade_no, attach
//!   [trade_state_desc] [device_info]
//! ```

use super::answer::{self, AnswerError, check_echo, push_account, read_account};
use super::payment;
use super::prepay::read_sign_type;
use crate::Secret;
use crate::common::OrderNumber;
use crate::common::{FieldError, Fields, Problem, SignType, Text};
use order::{Account, TradeState};

/// Where to send the request.
pub const PATH: &str = "/pay/orderquery";

/// A query of one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The account that the order belongs to.
    pub account: Account,
    /// The order's number.
    pub by: OrderNumber,
    /// A nonce, from the caller.
    pub nonce_str: Text<32>,
    /// How this request is signed, and so its answer.
    pub sign_type: SignType,
}

impl OrderNumber {
    /// If an answer repeats the number, it must be the requested one.
    pub(crate) fn check_echo(&self, fields: &Fields) -> Result<(), AnswerError> {
        match self {
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
        let by = OrderNumber::read(fields)?;
        Ok(Self {
            account: read_account(fields)?,
            by,
            nonce_str: fields.text("nonce_str")?,
            sign_type: read_sign_type(fields)?,
        })
    }
}

/// The state of the order at WeChat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its state, with the payment where there is one.
    pub state: TradeState,
    /// The merchant's number. WeChat need not repeat it for an unpaid order.
    pub out_trade_no: Option<String>,
    /// The merchant's own data.
    pub attach: Option<String>,
    /// WeChat's text for the state.
    pub trade_state_desc: Option<String>,
    /// The terminal that the order named.
    pub device_info: Option<String>,
}

impl Answer {
    /// Reads the answer to `request`. See [`answer::read`] for what is checked
    /// before. A refusal with
    /// [`OrderNotExist`](super::ErrorCode::OrderNotExist) means that WeChat has
    /// no such order.
    ///
    /// Only `SUCCESS` and `REFUND` contain a payment, and it must be complete:
    /// an incomplete payment is an [`AnswerError::Field`], which is "unknown".
    pub fn read(bytes: &[u8], request: &Request, key: &Secret) -> Result<Self, AnswerError> {
        let fields = answer::read(bytes, &request.account, key, request.sign_type)?;
        request.by.check_echo(&fields)?;
        Ok(Self {
            state: read_state(&fields, &request.account)?,
            out_trade_no: fields.owned("out_trade_no"),
            attach: fields.owned("attach"),
            trade_state_desc: fields.owned("trade_state_desc"),
            device_info: fields.owned("device_info"),
        })
    }

    /// The answer's fields, not signed yet.
    pub fn to_fields(&self, account: &Account, nonce_str: &str) -> Fields {
        let mut fields = answer::success(account, nonce_str);
        fields.push("trade_state", state_name(&self.state));
        fields.push_some("trade_state_desc", self.trade_state_desc.as_deref());
        fields.push_some("device_info", self.device_info.as_deref());
        match &self.state {
            TradeState::Success(paid) | TradeState::Refund(paid) => {
                payment::write(&mut fields, paid);
            }
            _ => {
                fields.push_some("out_trade_no", self.out_trade_no.as_deref());
                fields.push_some("attach", self.attach.as_deref());
            }
        }
        fields
    }
}

/// The payment's account is that of the request, which [`answer::read`] has
/// compared: WeChat may omit `sub_appid`.
fn read_state(fields: &Fields, account: &Account) -> Result<TradeState, FieldError> {
    let paid = || {
        let mut payment = payment::read(fields)?;
        payment.account = account.clone();
        Ok(Box::new(payment))
    };
    match fields.required("trade_state")? {
        "SUCCESS" => paid().map(TradeState::Success),
        "REFUND" => paid().map(TradeState::Refund),
        "NOTPAY" => Ok(TradeState::NotPay),
        "CLOSED" => Ok(TradeState::Closed),
        "REVOKED" => Ok(TradeState::Revoked),
        "USERPAYING" => Ok(TradeState::UserPaying),
        "PAYERROR" => Ok(TradeState::PayError),
        _ => Err(Problem::UnknownValue.of("trade_state")),
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
