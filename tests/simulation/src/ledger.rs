//! WeChat's ledger, as the sandbox has it, with which everything is compared.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Orders and refunds at WeChat, by merchant and number.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) orders: BTreeMap<(Rc<str>, String), Entry>,
    pub(super) refunds: BTreeMap<(Rc<str>, String), Refund>,
    /// Orders that a merchant's other system has made at WeChat.
    pub(super) elsewhere: BTreeSet<(Rc<str>, String)>,
    /// Orders that a person has changed on the merchant platform.
    pub(super) by_hand: BTreeSet<(Rc<str>, String)>,
    /// Every notice that was sent.
    pub(super) notices: Vec<Notice>,
}

/// The prefix of the numbers of refunds that a person makes on the merchant
/// platform.
pub(super) const BY_HAND: &str = "PLATFORM-";

/// An order at WeChat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// `trade_state`.
    pub(super) state: String,
    pub(super) trade_type: String,
    pub(super) amount_minor: i64,
    pub(super) currency: String,
    /// Until when a payer could pay it, if it is open.
    pub(super) payable_until_ms: i64,
    /// The payment, also if it was reversed.
    pub(super) transaction_id: Option<String>,
}

impl Entry {
    /// Whether WeChat has the payer's money; part of it may have been refunded.
    pub(super) fn is_paid(&self) -> bool {
        ["SUCCESS", "REFUND"].contains(&self.state.as_str())
    }

    pub(super) fn is_payable(&self, now_ms: i64) -> bool {
        ["NOTPAY", "USERPAYING"].contains(&self.state.as_str())
            && self.trade_type != "MICROPAY"
            && now_ms < self.payable_until_ms
    }
}

/// A refund at WeChat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refund {
    pub(super) out_trade_no: String,
    pub(super) amount_minor: i64,
    /// `refund_status`.
    pub(super) status: String,
}

impl Refund {
    pub(super) fn returns_money(&self) -> bool {
        self.status != "REFUNDCLOSE"
    }
}

/// A notice of WeChat's.
#[derive(Clone, Debug)]
pub(super) struct Notice {
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}
