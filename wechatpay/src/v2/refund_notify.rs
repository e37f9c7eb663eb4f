//! The notice of a refund's result (Tencent's later manual; the v2 manual has
//! none).
//!
//! ```text
//! POST notify_url
//!   return_code SUCCESS  appid mch_id [sub_appid sub_mch_id] nonce_str
//!   req_info             base64 of AES-256-ECB under the lower-case hex MD5 of the key:
//!     <root>
//!       transaction_id out_trade_no refund_id out_refund_no
//!       total_fee [settlement_total_fee] refund_fee settlement_refund_fee
//!       refund_status  SUCCESS CHANGE REFUNDCLOSE
//!       [success_time] [refund_recv_accout] refund_account refund_request_source
//!     </root>
//! answer, on ONE line: as to a notice of a payment
//! ```
//!
//! The envelope is not signed, and the encryption authenticates nothing (see
//! [`ecb`]). A notice only names the refund to [query](super::refundquery).

pub use super::notify::{ACK_OK, RETRY_SECONDS, ack_fail, is_ack};

use super::answer::{push_account, read_account};
use super::ecb;
use crate::Secret;
use crate::common::refund::Status;
use crate::common::{FieldError, Fields, XmlError, time};
use md5::{Digest, Md5};
use order::Account;
use thiserror::Error;
use zeroize::Zeroizing;

/// A refund that WeChat reports. It is a hint: query the refund before anything
/// is decided by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The account of the payment, according to the unauthenticated envelope.
    pub account: Account,
    /// The notice's own nonce.
    pub nonce_str: String,
    /// The encrypted part.
    pub refund: Refund,
}

/// The encrypted part of a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// WeChat's number for the payment.
    pub transaction_id: String,
    /// The merchant's number for the order.
    pub out_trade_no: String,
    /// WeChat's number for the refund; WeChat always gives it. A document of
    /// the gateway has none where WeChat never accepted the refund.
    pub refund_id: Option<String>,
    /// The merchant's number for the refund.
    pub out_refund_no: String,
    /// The order's amount, in its currency's smallest unit.
    pub total_fee: i64,
    /// `total_fee` without coupons.
    pub settlement_total_fee: Option<i64>,
    /// The requested amount, in the order's currency's smallest unit.
    pub refund_fee: i64,
    /// `refund_fee` without coupons.
    pub settlement_refund_fee: Option<i64>,
    /// Its status.
    pub refund_status: Status,
    /// When it was completed, Unix milliseconds.
    pub success_time_ms: Option<i64>,
    /// The account that received it, for display. The name is spelt as on the wire.
    pub refund_recv_accout: Option<String>,
    /// Which of the merchant's funds paid for it: a
    /// [`FundsSource`](crate::common::refund::FundsSource)'s name.
    pub refund_account: Option<String>,
    /// `API`, or `VENDOR_PLATFORM` for WeChat's merchant platform.
    pub refund_request_source: Option<String>,
}

/// Why bytes are not a notice of a refund.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoticeError {
    /// Not a v2 document.
    #[error("the notice is not a v2 document: {0}")]
    Xml(#[from] XmlError),
    /// `return_code` is not `SUCCESS`: WeChat reports no refund. It is not
    /// signed, so its text is not displayed: its author is not authenticated.
    #[error("the notice reports a failure to communicate")]
    ReturnCodeFail {
        /// WeChat's message; empty if there is none.
        return_msg: String,
    },
    /// `req_info` was not encrypted with this merchant's key. There is one
    /// error for all causes, so that the sender cannot distinguish them.
    #[error("the notice's req_info does not open with the merchant's key")]
    Sealed,
    /// Decrypted, but a field is not as the manual says.
    #[error("the notice's {0}")]
    Field(#[from] FieldError),
}

impl Notice {
    /// Reads a notice to a merchant with this key.
    pub fn read(bytes: &[u8], key: &Secret) -> Result<Self, NoticeError> {
        let fields = Fields::parse(bytes)?;
        if fields.get("return_code") != Some("SUCCESS") {
            let return_msg = fields.owned("return_msg").unwrap_or_default();
            return Err(NoticeError::ReturnCodeFail { return_msg });
        }
        let opened = open(fields.required("req_info")?, key).ok_or(NoticeError::Sealed)?;
        Ok(Self {
            account: read_account(&fields)?,
            nonce_str: fields.required("nonce_str")?.to_owned(),
            refund: Refund::read(&opened)?,
        })
    }

    /// The notice's fields: `req_info` encrypted, and nothing signed.
    pub fn to_fields(&self, key: &Secret) -> Fields {
        let mut fields = Fields::new().with("return_code", "SUCCESS");
        push_account(&mut fields, &self.account);
        fields
            .with("nonce_str", self.nonce_str.as_str())
            .with("req_info", seal(&self.refund.to_fields(), key))
    }

    /// The document to send.
    pub fn to_xml(&self, key: &Secret) -> String {
        self.to_fields(key).to_xml()
    }
}

impl Refund {
    /// Reads the result of [`open`].
    pub fn read(fields: &Fields) -> Result<Self, FieldError> {
        // Only displayed: a refund is not refused for its form.
        let success_time_ms = fields
            .optional_spaced_time_ms("success_time")
            .ok()
            .flatten();
        Ok(Self {
            transaction_id: fields.required("transaction_id")?.to_owned(),
            out_trade_no: fields.required("out_trade_no")?.to_owned(),
            refund_id: fields.owned("refund_id"),
            out_refund_no: fields.required("out_refund_no")?.to_owned(),
            total_fee: fields.fee("total_fee")?,
            settlement_total_fee: fields.shown_int("settlement_total_fee"),
            refund_fee: fields.fee("refund_fee")?,
            settlement_refund_fee: fields.shown_int("settlement_refund_fee"),
            refund_status: fields.one_of("refund_status", Status::parse)?,
            success_time_ms,
            refund_recv_accout: fields.owned("refund_recv_accout"),
            refund_account: fields.owned("refund_account"),
            refund_request_source: fields.owned("refund_request_source"),
        })
    }

    /// The fields to [`seal`].
    pub fn to_fields(&self) -> Fields {
        let fee = |amount: Option<i64>| amount.map(|fee| fee.to_string());
        let mut fields = Fields::new();
        fields.push("transaction_id", self.transaction_id.as_str());
        fields.push("out_trade_no", self.out_trade_no.as_str());
        fields.push_some("refund_id", self.refund_id.as_deref());
        fields.push("out_refund_no", self.out_refund_no.as_str());
        fields.push("total_fee", self.total_fee.to_string());
        fields.push_some("settlement_total_fee", fee(self.settlement_total_fee));
        fields.push("refund_fee", self.refund_fee.to_string());
        fields.push_some("settlement_refund_fee", fee(self.settlement_refund_fee));
        fields.push("refund_status", self.refund_status.as_str());
        fields.push_some("success_time", self.success_time_ms.map(time::china_spaced));
        fields.push_some("refund_recv_accout", self.refund_recv_accout.as_deref());
        fields.push_some("refund_account", self.refund_account.as_deref());
        fields.push_some(
            "refund_request_source",
            self.refund_request_source.as_deref(),
        );
        fields
    }
}

/// Encrypts fields to a `req_info`.
pub fn seal(fields: &Fields, key: &Secret) -> String {
    ecb::encrypt(fields.to_xml_root("root").as_bytes(), &cipher_key(key))
}

/// Decrypts a `req_info`; `None` when it does not open with this key to a
/// document with the root `<root>`.
pub fn open(req_info: &str, key: &Secret) -> Option<Fields> {
    let plain = ecb::decrypt(req_info, &cipher_key(key))?;
    Fields::parse_root(&plain, "root").ok()
}

/// The lower-case hex MD5 of the API key, as 32 bytes of ASCII.
fn cipher_key(key: &Secret) -> Zeroizing<[u8; 32]> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let hash = Md5::digest(key.expose());
    let digits = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let mut hex = Zeroizing::new([0; 32]);
    for (to, digit) in hex.iter_mut().zip(digits) {
        *to = DIGITS.get(usize::from(digit)).copied().unwrap_or_default();
    }
    hex
}
