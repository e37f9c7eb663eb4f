//! Refunds as WeChat stores them (WeChat Pay v2 manual, sections 9.4 and 9.5).
//!
//! ```text
//! accepted ─ PROCESSING ─ 20 s to a balance, 3 days to a card ─ SUCCESS
//!                 └ a tester requests another end ─ REFUNDCLOSE or CHANGE: the merchant has the money again
//! ```

use crate::table::{Change, Table};
use crate::wechat::dialect::Dialect;
use crate::wechat::orders::{self, Order};
use order::Money;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wechatpay::common::refund::{FundsSource, Status};

/// How long a refund to a balance takes. WeChat's manual says 20 minutes.
const TO_BALANCE_MS: i64 = 20_000;

/// How long a refund to a card takes: the manual's 3 working days.
const TO_CARD_MS: i64 = 3 * 86_400_000;

/// One refund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refund {
    /// The key of the order.
    pub(crate) order_key: String,
    pub(crate) mch_id: String,
    pub(crate) sub_mch_id: Option<String>,
    pub(crate) out_trade_no: String,
    pub(crate) out_refund_no: String,
    pub(crate) refund_id: String,
    pub(crate) money: Money,
    /// The amount that the payer receives, in fen.
    pub(crate) cash_refund_fee: i64,
    pub(crate) created_ms: i64,
    /// Sorts refunds by age, also within a millisecond.
    sequence: String,
    pub(crate) state: State,
    /// WeChat's name for the funds that it is paid from.
    pub(crate) refund_account: String,
    /// The recipient, as WeChat writes it.
    pub(crate) recipient: String,
    pub(crate) notify_url: Option<String>,
    /// The reason in the request.
    #[serde(default)]
    pub(crate) reason: Option<String>,
    /// The dialect of the request and of its notice.
    pub(crate) dialect: Dialect,
    pub(crate) notice_nonce: String,
}

/// The state of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub(crate) enum State {
    Processing { settles_ms: i64 },
    Success { at_ms: i64 },
    Closed { at_ms: i64 },
    Change { at_ms: i64 },
}

/// The key of a refund's row. A number is unique as an order's is.
pub(crate) fn key(mch_id: &str, sub_mch_id: Option<&str>, out_refund_no: &str) -> String {
    orders::key(mch_id, sub_mch_id, out_refund_no)
}

/// The terms of a new refund.
pub(crate) struct Terms {
    pub(crate) out_refund_no: String,
    pub(crate) money: Money,
    pub(crate) cash_refund_fee: i64,
    pub(crate) refund_account: FundsSource,
    pub(crate) notify_url: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) dialect: Dialect,
    pub(crate) refund_id: String,
    pub(crate) notice_nonce: String,
    pub(crate) sequence: String,
}

impl Refund {
    /// A refund of a paid order.
    pub(crate) fn new(order: &Order, terms: Terms, now_ms: i64) -> Self {
        let payer = order.paid_by();
        let quick = payer.is_some_and(|payer| payer.pays_from_balance());
        let takes_ms = if quick { TO_BALANCE_MS } else { TO_CARD_MS };
        Self {
            order_key: order.key(),
            mch_id: order.account.mch_id.clone(),
            sub_mch_id: order.account.sub_mch_id.clone(),
            out_trade_no: order.out_trade_no.clone(),
            out_refund_no: terms.out_refund_no,
            refund_id: terms.refund_id,
            money: terms.money,
            cash_refund_fee: terms.cash_refund_fee,
            created_ms: now_ms,
            sequence: terms.sequence,
            state: State::Processing {
                settles_ms: now_ms.saturating_add(takes_ms),
            },
            refund_account: terms.refund_account.as_str().to_owned(),
            recipient: payer
                .map(|payer| payer.refund_account(order.no_credit()))
                .unwrap_or_default()
                .to_owned(),
            notify_url: terms.notify_url,
            reason: terms.reason,
            dialect: terms.dialect,
            notice_nonce: terms.notice_nonce,
        }
    }

    pub(crate) fn key(&self) -> String {
        key(
            &self.mch_id,
            self.sub_mch_id.as_deref(),
            &self.out_refund_no,
        )
    }

    /// WeChat's `refund_status`.
    pub(crate) const fn status(&self) -> Status {
        match self.state {
            State::Processing { .. } => Status::Processing,
            State::Success { .. } => Status::Success,
            State::Closed { .. } => Status::RefundClose,
            State::Change { .. } => Status::Change,
        }
    }

    /// Whether its amount counts against the order. Only the amount of a closed
    /// refund can be refunded again.
    pub(crate) const fn counts(&self) -> bool {
        !matches!(self.state, State::Closed { .. })
    }

    /// When the payer received the money.
    pub(crate) const fn success_ms(&self) -> Option<i64> {
        match self.state {
            State::Success { at_ms } => Some(at_ms),
            _ => None,
        }
    }

    /// The form in control calls' answers.
    pub(crate) fn to_json(&self) -> Value {
        let settles_ms = match self.state {
            State::Processing { settles_ms } => Some(settles_ms),
            _ => None,
        };
        json!({
            "mch_id": self.mch_id,
            "sub_mch_id": self.sub_mch_id,
            "out_trade_no": self.out_trade_no,
            "out_refund_no": self.out_refund_no,
            "refund_id": self.refund_id,
            "refund_status": self.status().as_str(),
            "refund_fee": self.money.amount_minor(),
            "fee_type": self.money.currency().code(),
            "cash_refund_fee": self.cash_refund_fee,
            "refund_account": self.refund_account,
            "recipient": self.recipient,
            "notify_url": self.notify_url,
            "reason": self.reason,
            "dialect": self.dialect.name(),
            "created_ms": self.created_ms,
            "settles_ms": settles_ms,
            "success_ms": self.success_ms(),
        })
    }
}

/// The refunded amounts of one order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Returned {
    pub(crate) count: usize,
    /// In the order's currency's smallest unit.
    pub(crate) fee: i64,
    /// In fen.
    pub(crate) cash_fee: i64,
}

/// Every refund.
#[derive(Clone, Debug)]
pub(crate) struct Refunds {
    table: Table<Refund>,
}

impl Refunds {
    pub(crate) fn new() -> Self {
        Self {
            table: Table::new("refund"),
        }
    }

    pub(crate) fn load(&mut self, key: &str, json: &str) -> Result<bool, serde_json::Error> {
        self.table.load(key, json)
    }

    pub(crate) fn take_changed_keys(&mut self) -> std::collections::BTreeSet<String> {
        self.table.take_changed_keys()
    }

    pub(crate) fn take_changes(&mut self, into: &mut Vec<Change>) {
        self.table.take_changes(into);
    }

    pub(crate) fn clear(&mut self) {
        self.table.retain(|_| false);
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Refund> {
        self.table.get(key)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &Refund> {
        self.table.values()
    }

    pub(crate) fn insert(&mut self, refund: Refund) {
        self.table.insert(&refund.key(), refund);
    }

    /// An order's refunds, oldest first.
    pub(crate) fn of_order(&self, order_key: &str) -> Vec<&Refund> {
        let mut found: Vec<&Refund> = self
            .values()
            .filter(|refund| refund.order_key == order_key)
            .collect();
        found.sort_by(|one, other| one.sequence.cmp(&other.sequence));
        found
    }

    /// The sums that count against an order.
    pub(crate) fn returned(&self, order_key: &str) -> Returned {
        self.values()
            .filter(|refund| refund.order_key == order_key && refund.counts())
            .fold(Returned::default(), |sum, refund| Returned {
                count: sum.count + 1,
                fee: sum.fee + refund.money.amount_minor(),
                cash_fee: sum.cash_fee + refund.cash_refund_fee,
            })
    }

    /// The refunds in progress, each with the time at which it settles.
    pub(crate) fn settling(&self) -> impl Iterator<Item = (i64, &Refund)> {
        self.values().filter_map(|refund| match refund.state {
            State::Processing { settles_ms } => Some((settles_ms, refund)),
            _ => None,
        })
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Refund> {
        self.table.get_mut(key)
    }

    /// When the next refund settles.
    pub(crate) fn next_settled_ms(&self) -> Option<i64> {
        self.settling().map(|(settles_ms, _)| settles_ms).min()
    }
}
