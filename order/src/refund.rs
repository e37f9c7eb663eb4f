//! The refunds of an order: their states, and the limits that WeChat sets for
//! them (WeChat Pay v2 manual, section 9.4; checklist R1, R3, R4). What an
//! event does to them is in `machine/refund.rs`.

use crate::event::{Effect, Trouble};
use crate::money::Money;
use serde::{Deserialize, Serialize};

/// WeChat accepts at most this many refunds for one order (checklist R3).
pub const MAX_REFUNDS: usize = 50;
/// The most refunds stored for one order, including those that WeChat never
/// accepted.
pub(crate) const MAX_ASKED: usize = 200;
/// A request that was sent this many checks ago has arrived at WeChat, or never
/// will. The first three checks take 105 seconds; a clock that jumps shortens
/// one interval.
const LANDED_CHECKS: u8 = 3;
/// WeChat accepts a refund at once. One that it has not accepted after this
/// time needs an operator.
const ASKED_ALARM_MS: i64 = 3_600_000;
/// A bank needs up to some working days. A refund that is not made after this
/// time needs an operator.
const PROCESSING_ALARM_MS: i64 = 15 * 86_400_000;
/// The interval of the alarm while the refund waits.
const ALARM_EVERY_MS: i64 = 86_400_000;
/// The shortest interval between two refunds of one order (checklist R3).
pub(crate) const APART_MS: i64 = 60_000;
/// A refund is possible within a year of the payment (checklist R1).
pub(crate) const LIMIT_MS: i64 = 365 * 86_400_000;

/// One refund under the merchant's own `out_refund_no`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Refund {
    /// The merchant's number; unique, and kept when the request is repeated.
    pub out_refund_no: String,
    /// The amount to refund, in the order's currency.
    pub money: Money,
    /// Why, in the merchant's words. The payer reads it where the dialect has a
    /// field for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its state.
    pub status: RefundStatus,
    /// When it was accepted from the merchant.
    pub asked_at_ms: i64,
    /// WeChat's number, once WeChat has accepted the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<String>,
    /// WeChat's code for its last refusal of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub err_code: Option<String>,
    /// The merchant has cancelled it. It is not requested again, and ends when
    /// WeChat certainly does not have it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancel_asked: bool,
    /// When the next alarm is raised if it still waits; `None` before the
    /// first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) alarm_at_ms: Option<i64>,
    /// Requests to WeChat without an answer that may still arrive there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) in_flight: Vec<InFlight>,
}

/// A request for the refund, sent to WeChat.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct InFlight {
    /// The order's revision when it was sent.
    pub(crate) revision: u32,
    /// How often the timer has fired since.
    pub(crate) checks: u8,
}

impl Refund {
    /// Whether WeChat has refused it permanently: nothing was returned. An
    /// accepted refund has no code, however it ends.
    pub fn is_refused(&self) -> bool {
        self.status == RefundStatus::Closed && self.err_code.is_some()
    }

    /// Whether it ended without WeChat having accepted it, as far as is known
    /// here: refused or cancelled.
    pub fn is_never_taken(&self) -> bool {
        self.status == RefundStatus::Closed
            && self.refund_id.is_none()
            && (self.err_code.is_some() || self.cancel_asked)
    }

    /// The order's timer fired while the refund waits. The last effect is
    /// executed first.
    pub(crate) fn due(&mut self, is_first: bool, now_ms: i64) -> Vec<Effect> {
        for sent in &mut self.in_flight {
            sent.checks = sent.checks.saturating_add(1);
        }
        self.in_flight.retain(|sent| sent.checks < LANDED_CHECKS);
        let number = || self.out_refund_no.clone();
        let is_asked = self.status == RefundStatus::Asked;
        let mut effects = Vec::new();
        // An earlier request may have made it, although a later one is refused.
        if !is_asked || self.cancel_asked || !is_first {
            effects.push(Effect::QueryRefund(number()));
        }
        if is_asked && !self.cancel_asked {
            effects.push(Effect::Refund(number()));
        }
        let first_ms = match is_asked {
            true => ASKED_ALARM_MS,
            false => PROCESSING_ALARM_MS,
        };
        if now_ms
            >= self
                .alarm_at_ms
                .unwrap_or(self.asked_at_ms)
                .max(self.asked_at_ms + first_ms)
        {
            self.alarm_at_ms = Some(now_ms + ALARM_EVERY_MS);
            effects.push(Effect::Raise(Trouble::RefundWaits));
        }
        effects
    }

    /// The effects of its last change: the merchant is notified of the end
    /// only.
    pub(crate) fn deliver_when_final(&self) -> Vec<Effect> {
        match self.status.is_final() {
            true => vec![Effect::DeliverRefund(self.out_refund_no.clone())],
            false => Vec::new(),
        }
    }
}

/// The state of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RefundStatus {
    /// Accepted from the merchant and stored; WeChat has not confirmed that it
    /// accepted the request, which is repeated under the same number.
    Asked,
    /// WeChat has accepted the request.
    Processing,
    /// The payer has the money.
    Success,
    /// WeChat closed the refund: nothing was returned.
    Closed,
    /// The payer's card or account does not accept it: the merchant settles it
    /// on the merchant platform (WeChat's `CHANGE` or `ABNORMAL`).
    Abnormal,
}

impl RefundStatus {
    /// Whether it has ended; after that only a report of WeChat changes it.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Closed | Self::Abnormal)
    }

    /// Whether its amount counts against the payment. Only a refund that
    /// certainly returned nothing does not.
    pub(crate) const fn counts(self) -> bool {
        !matches!(self, Self::Closed)
    }
}
