//! Refunds of one order: their states, and the rules under which WeChat
//! takes another (seed 002, section 9.4; checklist R1, R3, R4).

use crate::machine::Effect;
use crate::money::Money;
use serde::{Deserialize, Serialize};

/// WeChat takes at most this many refunds for one order (checklist R3).
pub const MAX_REFUNDS: usize = 50;
/// Two refunds of one order are at least this far apart (checklist R3).
pub(crate) const APART_MS: i64 = 60_000;
/// A refund is possible within a year of the payment (checklist R1).
pub(crate) const LIMIT_MS: i64 = 365 * 86_400_000;

/// One refund under the merchant's own `out_refund_no`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// The merchant's number; unique, and kept when the request is repeated.
    pub out_refund_no: String,
    /// How much goes back, in the order's currency.
    pub money: Money,
    /// Where it stands.
    pub status: RefundStatus,
    /// When it was accepted from the merchant.
    pub asked_at_ms: i64,
    /// WeChat's number, once WeChat has taken the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<String>,
    /// WeChat's code for why it did not take the request the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub err_code: Option<String>,
}

impl Refund {
    /// Whether WeChat has refused it for good: nothing was returned. What WeChat
    /// has taken has no code, however it ends.
    pub fn is_refused(&self) -> bool {
        self.status == RefundStatus::Closed && self.err_code.is_some()
    }

    /// What follows from its last change: a merchant is told of the end only.
    pub(crate) fn told_when_final(&self) -> Vec<Effect> {
        match self.status.is_final() {
            true => vec![Effect::DeliverRefund(self.out_refund_no.clone())],
            false => Vec::new(),
        }
    }
}

/// Where a refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RefundStatus {
    /// Accepted from the merchant and written down; WeChat has not confirmed
    /// that it took the request. It is asked again under the same number.
    Asked,
    /// WeChat has the request.
    Processing,
    /// The money is back with the payer.
    Success,
    /// WeChat closed the refund: nothing was returned.
    Closed,
    /// The payer's card or account would not take it: the merchant returns
    /// the money by hand (WeChat's `CHANGE` or `ABNORMAL`).
    Abnormal,
}

impl RefundStatus {
    /// Nothing more will happen by itself.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Closed | Self::Abnormal)
    }

    /// Whether its amount counts against what was paid. Only a refund that
    /// certainly returned nothing does not.
    pub(crate) const fn counts(self) -> bool {
        !matches!(self, Self::Closed)
    }
}

/// What WeChat says of a refund, from a verified answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundState {
    /// WeChat took the request.
    Processing {
        /// WeChat's number for it.
        refund_id: String,
    },
    /// The money is back with the payer.
    Success {
        /// WeChat's number for it.
        refund_id: String,
    },
    /// WeChat closed it, or never took it.
    Closed,
    /// It needs the merchant's hand.
    Abnormal,
}
