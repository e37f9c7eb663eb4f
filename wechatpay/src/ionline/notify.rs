//! The notice of a payment.
//!
//! ```text
//! POST notify_url, XML
//!   [version] [charset] [sign_type] [status 0] [result_code 0] [pay_result 0]
//!   mch_id [device_info] nonce_str sign      the payment's fields
//! answer
//!   success                                  the whole body, in any case of letters
//! ```
//!
//! The sender is not authenticated, so only `status` is read before the
//! signature is verified. The manual requires `status` and `result_code`, but
//! its sample has neither: if they are absent they count as `0`.

use super::answer::envelope;
use super::merchant::Merchant;
use super::payment;
use crate::Secret;
use crate::common::{FieldError, Fields, SignError, SignType, XmlError};
use crate::v2::ErrorCode;
use order::Payment;
use thiserror::Error;

/// The acknowledgement: the whole body.
pub const ACK_OK: &str = "success";

/// The answer that makes iOnline send the notice again, as anything but
/// [`ACK_OK`] does.
pub const ACK_FAIL: &str = "fail";

/// The pauses in seconds after which a notice that is not acknowledged is sent
/// again. iOnline says only "within three hours", which is their sum; the first
/// ones are WeChat's.
pub const RETRY_SECONDS: [u32; 10] = [15, 15, 30, 180, 1800, 1800, 1800, 1800, 1800, 1560];

/// A payment that iOnline reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The payment. The caller compares account, amount and currency with the
    /// order. `transaction_id` is iOnline's number.
    pub payment: Payment,
    /// WeChat's number for the payment.
    pub out_transaction_id: Option<String>,
    /// The notice's own nonce.
    pub nonce_str: String,
    /// The terminal that the order named.
    pub device_info: Option<String>,
}

/// Why bytes are not a notice of a payment.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoticeError {
    /// Not a flat XML document.
    #[error("the notice cannot be read: {0}")]
    Xml(#[from] XmlError),
    /// `status` is not `0`: iOnline reports no payment. It is not signed, so
    /// its text is not displayed: its author is not authenticated.
    #[error("the notice reports no payment")]
    StatusFail {
        /// `status`.
        status: String,
        /// iOnline's message; empty if there is none.
        message: String,
    },
    /// There is no `sign`.
    #[error("the notice is not signed")]
    NotSigned,
    /// Signed, or declared to be signed, with another sign type than MD5.
    #[error("the notice is not signed with MD5")]
    WrongSignType,
    /// The signature is not valid: forged, or signed with another key.
    #[error("the notice's signature does not match")]
    BadSignature,
    /// Verified: `result_code` or `pay_result` is not `0`.
    #[error("the notice reports that the payment failed with {code}: {description}")]
    ResultFail {
        /// `err_code`.
        code: ErrorCode,
        /// `err_msg`; empty when there is none.
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
    /// Reads a notice to `merchant`. The account is the one that the notice
    /// names; if it names no application, the merchant's is used.
    pub fn read(bytes: &[u8], merchant: Merchant<'_>, key: &Secret) -> Result<Self, NoticeError> {
        let fields = Fields::parse(bytes)?;
        let failed = |field| fields.get_nonempty(field).unwrap_or("0") != "0";
        if failed("status") {
            return Err(NoticeError::StatusFail {
                status: fields.owned("status").unwrap_or_default(),
                message: fields.owned("message").unwrap_or_default(),
            });
        }
        fields.verify(key, SignType::Md5)?;
        if failed("result_code") || failed("pay_result") {
            return Err(NoticeError::ResultFail {
                code: ErrorCode::from_code(fields.get("err_code").unwrap_or_default()),
                description: fields.owned("err_msg").unwrap_or_default(),
            });
        }
        fields.unambiguous().map_err(|_| NoticeError::Ambiguous {
            out_trade_no: fields.owned("out_trade_no"),
        })?;
        Ok(Self {
            payment: payment::read(&fields, merchant)?,
            out_transaction_id: fields.owned("out_transaction_id"),
            nonce_str: fields.required("nonce_str")?.to_owned(),
            device_info: fields.owned("device_info"),
        })
    }

    /// The notice's fields, not signed yet.
    pub fn to_fields(&self) -> Fields {
        let mut fields = envelope(&self.payment.account.mch_id, &self.nonce_str)
            .with("result_code", "0")
            .with("pay_result", "0");
        payment::write(&mut fields, &self.payment);
        fields.push_some("out_transaction_id", self.out_transaction_id.as_deref());
        fields.push_some("device_info", self.device_info.as_deref());
        fields
    }

    /// The document to send.
    pub fn to_xml(&self, key: &Secret) -> String {
        self.to_fields().sealed(key, SignType::Md5).to_xml()
    }
}

/// Whether the merchant's answer acknowledges a notice. After any other answer
/// the notice is sent again.
pub fn is_ack(bytes: &[u8]) -> bool {
    bytes.trim_ascii().eq_ignore_ascii_case(ACK_OK.as_bytes())
}
