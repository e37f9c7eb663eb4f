//! The notice of a refund's result.
//!
//! ```text
//! the envelope of notify, event_type REFUND.SUCCESS REFUND.ABNORMAL REFUND.CLOSED
//! resource
//!   mchid | sp_mchid sub_mchid
//!   transaction_id out_trade_no refund_id out_refund_no refund_status
//!   [success_time] [recv_account] [fund_source]
//!   amount{total,currency,refund,payer_total,payer_refund,payer_currency,exchange_rate}
//! ```
//!
//! Signed, unlike that of v2. WeChat Pay APIv3 Global manual, "Notification of
//! Refund Result".

pub use super::notify::{Event, NoticeError, RETRY_SECONDS, ack_fail, is_ack};

use super::gcm::{GcmError, Sealed};
use super::keyring::Verified;
use super::merchant::Merchant;
use super::notify::Envelope;
use super::refund::{In, Refund};
use super::region::Region;
use crate::Secret;
use crate::common::Problem;
use crate::common::refund::Status;
use serde_json::Value;

/// A refund that WeChat reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// WeChat's number for the notice.
    pub id: String,
    /// The account that received the payment.
    pub merchant: Merchant,
    /// The refund.
    pub refund: Refund,
}

impl Notice {
    /// Reads a verified notice to a merchant with this APIv3 key.
    pub fn read(verified: Verified<'_>, key: &Secret) -> Result<Self, NoticeError> {
        Self::open(&Envelope::read(verified)?, key)
    }

    /// Decrypts an envelope that was read. The event must match its resource.
    pub fn open(envelope: &Envelope, key: &Secret) -> Result<Self, NoticeError> {
        if envelope.event == Event::TransactionSuccess {
            return Err(NoticeError::OtherEvent(envelope.event));
        }
        let document = envelope.open(key)?;
        let root = document.root();
        let refund = Refund::read(&root, In::Notice)?;
        if refund.status.and_then(event) != Some(envelope.event) {
            let other = "event_type";
            let problem = Problem::Contradicts { other };
            return Err(root.error("refund_status", problem).into());
        }
        Ok(Self {
            id: envelope.id.clone(),
            merchant: Merchant::read(&root)?,
            refund,
        })
    }

    /// Encrypts the notice for a merchant with this APIv3 key. `nonce` has 12
    /// characters and comes from the caller. `None` for a refund in progress,
    /// which has no notice.
    pub fn seal(
        &self,
        region: Region,
        create_time_ms: i64,
        nonce: &str,
        key: &Secret,
    ) -> Option<Result<Envelope, GcmError>> {
        let event = self.refund.status.and_then(event)?;
        let mut fields = serde_json::Map::new();
        self.merchant.push_mchids(&mut fields);
        fields.extend(self.refund.write(In::Notice, region));
        let text = Value::Object(fields).to_string();
        let summary = match event {
            Event::RefundSuccess => "Refund successful",
            Event::RefundClosed => "Refund closed",
            _ => "Refund abnormal",
        };
        let sealed = Sealed::seal(text.as_bytes(), nonce, "refund", key);
        Some(sealed.map(|resource| Envelope {
            id: self.id.clone(),
            create_time_ms: Some(create_time_ms),
            event,
            summary: Some(summary.to_owned()),
            resource,
        }))
    }
}

const fn event(status: Status) -> Option<Event> {
    match status {
        Status::Success => Some(Event::RefundSuccess),
        Status::RefundClose => Some(Event::RefundClosed),
        Status::Change => Some(Event::RefundAbnormal),
        Status::Processing => None,
    }
}
