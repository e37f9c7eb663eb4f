//! The requests to an upstream, and their results.

use order::{RefundState, Terms};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use wechatpay::common::Date;
use wechatpay::common::settlement::{Limit, UseTag};

/// A prepayment to request.
#[derive(Clone, Copy, Debug)]
pub struct Prepay<'a> {
    /// The order's terms.
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
    /// The refunded amount, in the currency's smallest unit.
    pub refund_fee: i64,
    /// Its state at WeChat.
    pub state: RefundState,
}

/// Which settlements to list.
#[derive(Debug)]
pub struct Settlements {
    /// Paid out already, or not yet.
    pub usetag: UseTag,
    /// The first and the last day.
    pub dates: Option<(Date, Date)>,
    /// How many to skip.
    pub offset: u32,
    /// The most settlements to list.
    pub limit: Limit,
}

/// A Quick Pay to make. It is sent to a book in this form.
#[derive(Debug, Serialize, Deserialize)]
pub struct QuickPay {
    /// The order's terms.
    pub terms: Terms,
    /// The payer's payment code. It is used once and never stored.
    pub auth_code: String,
    /// The till's address.
    pub till_ip: IpAddr,
}
