//! The notice of a payment (WeChat Pay v2 manual, section 9.7).
//!
//! ```text
//! POST notify_url
//!   return_code SUCCESS  appid mch_id [sub_appid sub_mch_id] [device_info] nonce_str
//!   sign [sign_type]     result_code SUCCESS
//!   openid [is_subscribe] trade_type bank_type total_fee [fee_type] cash_fee
//!   [cash_fee_type] [rate] transaction_id out_trade_no [attach] time_end
//! answer, on ONE line
//!   <xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg>…</return_msg></xml>
//! ```
//!
//! The sender is not authenticated, so only `return_code` is read before the
//! signature is verified, with the sign type that is configured for the
//! merchant: a `sign_type` in the notice cannot select another.

use super::payment;
use crate::Secret;
use crate::common::error::ErrorCode;
use crate::common::{FieldError, Fields, SignError, SignType, XmlError};
use order::Payment;
use thiserror::Error;

/// The acknowledgement. It is one line: WeChat repeated a notice without end to
/// a client library that wrote it on several lines.
pub const ACK_OK: &str = "<xml><return_code><![CDATA[SUCCESS]]></return_code>\
<return_msg><![CDATA[OK]]></return_msg></xml>";

/// The pauses in seconds after which a notice that is not acknowledged is sent
/// again.
pub const RETRY_SECONDS: [u32; 9] = [15, 15, 30, 180, 1800, 1800, 1800, 1800, 3600];

/// A payment that WeChat reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The payment. The caller compares account, amount and currency with the
    /// order.
    pub payment: Payment,
    /// The notice's own nonce.
    pub nonce_str: String,
    /// The terminal that the order named.
    pub device_info: Option<String>,
}

/// Why bytes are not a notice of a payment.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoticeError {
    /// Not a v2 document.
    #[error("the notice is not a v2 document: {0}")]
    Xml(#[from] XmlError),
    /// `return_code` is not `SUCCESS`: WeChat reports no payment. It is not
    /// signed, so its text is not displayed: its author is not authenticated.
    #[error("the notice reports a failure to communicate")]
    ReturnCodeFail {
        /// WeChat's message; empty if there is none.
        return_msg: String,
    },
    /// There is no `sign`.
    #[error("the notice is not signed")]
    NotSigned,
    /// Signed, or declared to be signed, with another sign type than this
    /// merchant's.
    #[error("the notice is not signed in the merchant's way")]
    WrongSignType,
    /// The signature is not valid: forged, or signed with another key.
    #[error("the notice's signature does not match")]
    BadSignature,
    /// Verified: the payment failed.
    #[error("the notice reports that the payment failed with {code}: {description}")]
    ResultFail {
        /// `err_code`, which the manual spells `error_code` here.
        code: ErrorCode,
        /// `err_code_des`; empty when there is none.
        description: String,
    },
    /// Verified, but a value contains `&`, so the same signature is valid for
    /// another document too. The caller queries the order.
    #[error("the notice's signature is the signature of other documents, too")]
    Ambiguous {
        /// The order that it names.
        out_trade_no: Option<String>,
    },
    /// Verified, but a field is not as the manual says.
    #[error("the notice's {0}")]
    Field(#[from] FieldError),
}

impl From<SignError> for NoticeError {
    fn from(error: SignError) -> Self {
        match error {
            SignError::Missing => Self::NotSigned,
            SignError::WrongType => Self::WrongSignType,
            SignError::Mismatch => Self::BadSignature,
        }
    }
}

impl Notice {
    /// Reads a notice to a merchant with this key and sign type.
    pub fn read(bytes: &[u8], key: &Secret, sign_type: SignType) -> Result<Self, NoticeError> {
        let fields = Fields::parse(bytes)?;
        if fields.get("return_code") != Some("SUCCESS") {
            let return_msg = fields.owned("return_msg").unwrap_or_default();
            return Err(NoticeError::ReturnCodeFail { return_msg });
        }
        fields.verify(key, sign_type)?;

        if fields.required("result_code")? != "SUCCESS" {
            let either = |a, b| fields.get_nonempty(a).or(fields.get_nonempty(b));
            return Err(NoticeError::ResultFail {
                code: ErrorCode::from_code(either("err_code", "error_code").unwrap_or_default()),
                description: either("err_code_des", "error_code_des")
                    .unwrap_or_default()
                    .to_owned(),
            });
        }
        fields.unambiguous().map_err(|_| NoticeError::Ambiguous {
            out_trade_no: fields.owned("out_trade_no"),
        })?;
        Ok(Self {
            payment: payment::read(&fields)?,
            nonce_str: fields.required("nonce_str")?.to_owned(),
            device_info: fields.owned("device_info"),
        })
    }

    /// The notice's fields, not signed yet; sign them with
    /// [`sealed`](Fields::sealed) and the sign type of the order's request,
    /// which the notice names when it is not MD5.
    pub fn to_fields(&self, sign_type: SignType) -> Fields {
        let mut fields = Fields::new()
            .with("return_code", "SUCCESS")
            .with("result_code", "SUCCESS");
        payment::write(&mut fields, &self.payment);
        fields.push_some("device_info", self.device_info.as_deref());
        fields.push("nonce_str", self.nonce_str.as_str());
        fields.push_some("sign_type", sign_type.unless_default());
        fields
    }

    /// The document to send.
    pub fn to_xml(&self, key: &Secret, sign_type: SignType) -> String {
        self.to_fields(sign_type).sealed(key, sign_type).to_xml()
    }
}

/// The answer that makes WeChat send the notice again.
pub fn ack_fail(return_msg: &str) -> String {
    super::answer::communication_failure(return_msg).to_xml()
}

/// Whether the merchant's answer acknowledges a notice. After any other answer
/// the notice is sent again.
pub fn is_ack(bytes: &[u8]) -> bool {
    Fields::parse(bytes).is_ok_and(|fields| fields.get("return_code") == Some("SUCCESS"))
}
