//! The notice of a payment.
//!
//! ```text
//! POST notify_url, signed in its Wechatpay-* headers
//! {"id","create_time","resource_type":"encrypt-resource","event_type","summary",
//!  "resource":{"original_type","algorithm","ciphertext","associated_data","nonce"}}
//!
//! event_type           original_type   resource
//! TRANSACTION.SUCCESS  transaction     the payment's fields, trade_state SUCCESS
//! REFUND.SUCCESS       refund          see refund_notify
//! REFUND.ABNORMAL
//! REFUND.CLOSED
//! ```
//!
//! Acknowledged with 200 or 204. The sender is not authenticated, so its
//! signature is [verified](super::keyring::verify) before it is parsed. WeChat
//! Pay APIv3 Global manual, "payment notice" and "Notification of Refund
//! Result".

use super::field::FieldError;
use super::gcm::{GcmError, Sealed};
use super::keyring::Verified;
use super::merchant::{Merchant, read_account};
use super::prepay::read_out_trade_no;
use super::region::Region;
use super::{payment, time};
use crate::Secret;
use crate::common::Problem;
use crate::common::json::{Document, JsonError};
use order::{OutTradeNo, Payment};
use serde_json::{Map, Value, json};
use thiserror::Error;

/// The pauses in seconds after which a notice that is not acknowledged is sent
/// again: 24 hours and 4 minutes in all.
pub const RETRY_SECONDS: [u32; 15] = [
    15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10_800, 10_800, 10_800, 21_600, 21_600,
];

/// The event of a notice (`event_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// An order was paid.
    TransactionSuccess,
    /// The payer has received a refund.
    RefundSuccess,
    /// A refund that the merchant has to settle manually.
    RefundAbnormal,
    /// A refund was closed.
    RefundClosed,
}

impl Event {
    /// Every event.
    pub const ALL: [Self; 4] = [
        Self::TransactionSuccess,
        Self::RefundSuccess,
        Self::RefundAbnormal,
        Self::RefundClosed,
    ];

    /// WeChat's name for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TransactionSuccess => "TRANSACTION.SUCCESS",
            Self::RefundSuccess => "REFUND.SUCCESS",
            Self::RefundAbnormal => "REFUND.ABNORMAL",
            Self::RefundClosed => "REFUND.CLOSED",
        }
    }

    /// The event with this exact name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == name)
    }

    /// The kind of the resource (`original_type`).
    const fn original_type(self) -> &'static str {
        match self {
            Self::TransactionSuccess => "transaction",
            _ => "refund",
        }
    }
}

/// Why signed bytes are not the expected notice.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoticeError {
    /// Not a v3 message.
    #[error("{0}")]
    Json(#[from] JsonError),
    /// An unknown event.
    #[error("the notice is about the event {0}, which is not known here")]
    UnknownEvent(String),
    /// A known event that belongs to another address.
    #[error("the notice is about the event {}, which is not expected here", .0.as_str())]
    OtherEvent(Event),
    /// The resource cannot be decrypted with the merchant's key.
    #[error("the notice's resource: {0}")]
    Sealed(#[from] GcmError),
    /// A field is not as the manual says.
    #[error("the notice's {0}")]
    Field(#[from] FieldError),
}

/// The envelope of every notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// WeChat's number for the notice; the same when it is sent again.
    pub id: String,
    /// When it was made, Unix milliseconds. Only for display: a notice is not
    /// refused for its form.
    pub create_time_ms: Option<i64>,
    /// The event.
    pub event: Event,
    /// A text for people.
    pub summary: Option<String>,
    /// The event's data, encrypted under the merchant's key.
    pub resource: Sealed,
}

impl Envelope {
    /// Reads the envelope of a verified notice.
    pub fn read(verified: Verified<'_>) -> Result<Self, NoticeError> {
        Self::parse(verified.bytes())
    }

    fn parse(bytes: &[u8]) -> Result<Self, NoticeError> {
        let document = Document::parse(bytes)?;
        let root = document.root();
        let event_type = root.text("event_type", 64)?;
        let event = Event::parse(event_type)
            .ok_or_else(|| NoticeError::UnknownEvent(event_type.to_owned()))?;
        let resource = root.object("resource")?;
        if resource.text("original_type", 64)? != event.original_type() {
            return Err(resource
                .error("original_type", Problem::UnknownValue)
                .into());
        }
        Ok(Self {
            id: root.text("id", 64)?.to_owned(),
            create_time_ms: root.optional_time_ms("create_time").ok().flatten(),
            event,
            summary: root.shown("summary"),
            resource: Sealed::read(&resource)?,
        })
    }

    /// Decrypts the resource.
    pub(crate) fn open(&self, key: &Secret) -> Result<Document, NoticeError> {
        Ok(Document::parse(&self.resource.open(key)?)?)
    }

    /// The body.
    pub fn to_json(&self) -> String {
        let mut resource = self.resource.to_json();
        if let Some(fields) = resource.as_object_mut() {
            let original_type = json!(self.event.original_type());
            fields.insert("original_type".to_owned(), original_type);
        }
        json!({
            "id": self.id,
            "create_time": self.create_time_ms.map(time::rfc3339),
            "resource_type": "encrypt-resource",
            "event_type": self.event.as_str(),
            "summary": self.summary,
            "resource": resource,
        })
        .to_string()
    }
}

/// A payment that WeChat reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// WeChat's number for the notice.
    pub id: String,
    /// The payment. The caller compares account, amount and currency with the
    /// order.
    pub payment: Payment,
}

impl Notice {
    /// Reads a verified notice to a merchant with this APIv3 key.
    pub fn read(verified: Verified<'_>, key: &Secret) -> Result<Self, NoticeError> {
        Self::open(&Envelope::read(verified)?, key)
    }

    /// Decrypts an envelope that was read.
    pub fn open(envelope: &Envelope, key: &Secret) -> Result<Self, NoticeError> {
        if envelope.event != Event::TransactionSuccess {
            return Err(NoticeError::OtherEvent(envelope.event));
        }
        let document = envelope.open(key)?;
        let root = document.root();
        if root.text("trade_state", 32)? != "SUCCESS" {
            return Err(root.error("trade_state", Problem::UnknownValue).into());
        }
        Ok(Self {
            id: envelope.id.clone(),
            payment: payment::read(&root, read_account(&root)?)?,
        })
    }

    /// Encrypts the notice for a merchant with this APIv3 key. `nonce` has 12
    /// characters and comes from the caller.
    pub fn seal(
        &self,
        region: Region,
        create_time_ms: i64,
        nonce: &str,
        key: &Secret,
    ) -> Result<Envelope, GcmError> {
        let mut fields = Map::new();
        payment::write(&mut fields, &self.payment, region);
        fields.insert("trade_state".to_owned(), json!("SUCCESS"));
        fields.insert("trade_state_desc".to_owned(), json!("Paid"));
        let text = Value::Object(fields).to_string();
        Ok(Envelope {
            id: self.id.clone(),
            create_time_ms: Some(create_time_ms),
            event: Event::TransactionSuccess,
            summary: Some("Payment successful".to_owned()),
            resource: Sealed::seal(text.as_bytes(), nonce, "transaction", key)?,
        })
    }
}

/// The subject of a notice without a signature, because its headers were
/// dropped in transit. It was decrypted with the merchant's `APIv3` key, and is
/// unauthenticated: it only triggers a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The account that the order belongs to.
    pub merchant: Merchant,
    /// The order's number.
    pub out_trade_no: OutTradeNo,
    /// The refund's number, for a notice about a refund.
    pub out_refund_no: Option<String>,
}

impl Hint {
    /// Reads a notice without a signature.
    pub fn read(bytes: &[u8], key: &Secret) -> Result<Self, NoticeError> {
        let document = Envelope::parse(bytes)?.open(key)?;
        let root = document.root();
        Ok(Self {
            merchant: Merchant::read(&root)?,
            out_trade_no: read_out_trade_no(&root)?,
            out_refund_no: root.owned("out_refund_no")?,
        })
    }
}

/// The body that makes WeChat send the notice again, with a status of 4xx or
/// 5xx.
pub fn ack_fail(message: &str) -> String {
    json!({ "code": "FAIL", "message": message }).to_string()
}

/// Whether the merchant's answer acknowledges a notice. After any other answer
/// the notice is sent again.
pub const fn is_ack(status: u16) -> bool {
    matches!(status, 200 | 204)
}
