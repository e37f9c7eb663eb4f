//! Close order: it can no longer be paid (WeChat Pay v2 manual, section 9.3).
//!
//! ```text
//! POST /pay/closeorder
//!   appid mch_id [sub_appid sub_mch_id] out_trade_no nonce_str sign [sign_type]
//! answer
//!   only the envelope
//! ```
//!
//! Not before 5 minutes after the order. A refusal with
//! [`OrderPaid`](super::ErrorCode::OrderPaid) *means paid*;
//! [`OrderClosed`](super::ErrorCode::OrderClosed) means that it was closed
//! already.

use super::answer::{self, AnswerError, check_echo, push_account, read_account};
use super::prepay::read_sign_type;
use crate::Secret;
use crate::common::{FieldError, Fields, SignType, Text, read_out_trade_no};
use order::{Account, OutTradeNo};

/// Where to send the request.
pub const PATH: &str = "/pay/closeorder";

/// How long after the order is made it may be closed: 5 minutes.
pub const EARLIEST_SECONDS: i64 = 5 * 60;

/// A request to close one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The account that the order belongs to.
    pub account: Account,
    /// The merchant's number.
    pub out_trade_no: OutTradeNo,
    /// A nonce, from the caller.
    pub nonce_str: Text<32>,
    /// How this request is signed, and so its answer.
    pub sign_type: SignType,
}

impl Request {
    /// The request's fields, not signed yet.
    pub fn to_fields(&self) -> Fields {
        let mut fields = Fields::new();
        push_account(&mut fields, &self.account);
        fields.push("out_trade_no", self.out_trade_no.as_str());
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
        Ok(Self {
            account: read_account(fields)?,
            out_trade_no: read_out_trade_no(fields)?,
            nonce_str: fields.text("nonce_str")?,
            sign_type: read_sign_type(fields)?,
        })
    }
}

/// The order is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer;

impl Answer {
    /// Reads the answer to `request`. See [`answer::read`].
    pub fn read(bytes: &[u8], request: &Request, key: &Secret) -> Result<Self, AnswerError> {
        let fields = answer::read(bytes, &request.account, key, request.sign_type)?;
        check_echo(&fields, "out_trade_no", request.out_trade_no.as_str())?;
        Ok(Self)
    }

    /// The answer's fields, not signed yet.
    pub fn to_fields(self, account: &Account, nonce_str: &str) -> Fields {
        answer::success(account, nonce_str)
    }
}
