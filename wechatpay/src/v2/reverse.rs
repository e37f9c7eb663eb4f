//! Reverse: cancels a Quick Pay order whose outcome is unknown. A paid order is
//! refunded, an unpaid one can no longer be paid (WeChat Pay v2 manual, section
//! 5.9).
//!
//! ```text
//! POST /secapi/pay/reverse                      with the merchant's certificate
//!   appid mch_id [sub_appid sub_mch_id] nonce_str sign [sign_type]
//!   transaction_id | out_trade_no
//! answer
//!   recall  N  it is done                       a refusal carries it too:
//!           Y  call again                       err_code err_code_des recall
//! ```
//!
//! Not before 15 seconds after the order and not after 7 days; later it is a
//! [refund](super::refund).

use crate::common::{FieldError, Fields, OrderNumber, SignType, Text};

use super::answer::{self, AnswerError, push_account, read_account};
use super::prepay::read_sign_type;
use crate::Secret;
use crate::common::error::ErrorCode;
use order::Account;

/// Where to send the request.
pub const PATH: &str = "/secapi/pay/reverse";

/// A request to reverse one order.
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
        Ok(Self {
            account: read_account(fields)?,
            by: OrderNumber::read(fields)?,
            nonce_str: fields.text("nonce_str")?,
            sign_type: read_sign_type(fields)?,
        })
    }
}

/// WeChat has accepted the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether to call again: the order is not reversed yet.
    pub recall: bool,
}

impl Answer {
    /// Reads the answer to `request`. See [`answer::read`] for what is checked
    /// before; for a refusal's own `recall` see [`recall`].
    pub fn read(bytes: &[u8], request: &Request, key: &Secret) -> Result<Self, AnswerError> {
        let fields = answer::read(bytes, &request.account, key, request.sign_type)?;
        request.by.check_echo(&fields)?;
        let recall = fields.one_of("recall", read_recall)?;
        Ok(Self { recall })
    }

    /// The answer's fields, not signed yet.
    pub fn to_fields(self, account: &Account, nonce_str: &str) -> Fields {
        answer::success(account, nonce_str).with("recall", recall_name(self.recall))
    }
}

/// A refusal's own `recall`. `None` if it has none, and for every error that is
/// not a refusal: then the outcome is unknown, and the order is queried.
pub fn recall(error: &AnswerError) -> Option<bool> {
    match error {
        AnswerError::Refused { fields, .. } => fields.get("recall").and_then(read_recall),
        _ => None,
    }
}

/// [`answer::refusal`] with `recall`.
pub fn refusal(
    account: &Account,
    nonce_str: &str,
    code: &ErrorCode,
    description: &str,
    recall: bool,
) -> Fields {
    answer::refusal(account, nonce_str, code, description).with("recall", recall_name(recall))
}

fn read_recall(value: &str) -> Option<bool> {
    match value {
        "Y" => Some(true),
        "N" => Some(false),
        _ => None,
    }
}

const fn recall_name(recall: bool) -> &'static str {
    if recall { "Y" } else { "N" }
}
