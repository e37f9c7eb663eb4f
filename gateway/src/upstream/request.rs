//! What an upstream is asked for, and what it finds.

use order::{RefundState, Terms};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use wechatpay::common::Date;
use wechatpay::common::settlement::{Limit, UseTag};

/// A prepayment to ask for.
#[derive(Clone, Copy, Debug)]
pub struct Prepay<'a> {
    /// What for.
    pub terms: &'a Terms,
    /// The payer's address, or the caller's (checklist H1).
    pub payer_ip: IpAddr,
    /// The latest moment to pay, where WeChat is to enforce it.
    pub time_expire_ms: Option<i64>,
}

/// A refund as WeChat knows it.
#[derive(Debug)]
pub struct FoundRefund {
    /// The number of the order it belongs to.
    pub out_trade_no: String,
    /// How much goes back, in the currency's smallest unit.
    pub refund_fee: i64,
    /// How it stands.
    pub state: RefundState,
}

/// Which settlements to list.
#[derive(Debug)]
pub struct Settlements {
    /// Paid out already, or still held.
    pub usetag: UseTag,
    /// From the first to the last day.
    pub dates: Option<(Date, Date)>,
    /// How many to pass over.
    pub offset: u32,
    /// How many to list.
    pub limit: Limit,
}

/// A Quick Pay to make. It is sent to a book in this form.
#[derive(Debug, Serialize, Deserialize)]
pub struct QuickPay {
    /// Its terms.
    pub terms: Terms,
    /// The payer's code. It is used once and never stored.
    pub auth_code: String,
    /// The till's address.
    pub till_ip: IpAddr,
}
