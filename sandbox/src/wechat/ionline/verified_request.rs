//! A request that has been accepted, and the merchant's orders at iOnline.

use crate::wechat::accounts::{Ionline, Merchant};
use crate::wechat::dialect::Dialect;
use crate::wechat::orders::{self, Order};
use crate::wechat::state::WeChat;
use crate::wechat::v2::Refusal;
use order::{Account, Payment};
use wechatpay::Secret;
use wechatpay::common::{Fields, OrderNumber};
use wechatpay::ionline::Service;
use wechatpay::v2::ErrorCode;

/// iOnline's number for a payment has at most this many characters.
const TRANSACTION_ID_LEN: usize = 32;

/// A request whose signature and required fields have been checked.
pub(super) struct VerifiedRequest {
    pub(super) merchant: Merchant,
    /// The merchant's account at iOnline.
    pub(super) ionline: Ionline,
    pub(super) service: Service,
    pub(super) fields: Fields,
}

impl VerifiedRequest {
    pub(super) fn key(&self) -> Secret {
        Secret::new(self.ionline.key.clone())
    }

    /// The account that orders are made under. At WeChat the merchant has its
    /// own number; the MID is iOnline's.
    pub(super) fn account(&self) -> Account {
        Account {
            appid: self.merchant.appid.clone(),
            mch_id: self.merchant.mch_id.clone(),
            sub_appid: None,
            sub_mch_id: None,
        }
    }

    /// An order that this merchant made here.
    pub(super) fn order<'a>(&self, wechat: &'a WeChat, by: &OrderNumber) -> Option<&'a Order> {
        match by {
            OrderNumber::OutTradeNo(number) => self.order_under(wechat, number.as_str()),
            OrderNumber::TransactionId(id) => self.order_paid_as(wechat, id.as_str()),
        }
    }

    pub(super) fn order_under<'a>(
        &self,
        wechat: &'a WeChat,
        out_trade_no: &str,
    ) -> Option<&'a Order> {
        let key = orders::key(&self.merchant.mch_id, None, out_trade_no);
        wechat.orders.get(&key).filter(|order| self.may_see(order))
    }

    pub(super) fn order_paid_as<'a>(&self, wechat: &'a WeChat, id: &str) -> Option<&'a Order> {
        let mid = &self.ionline.mid;
        let is_it = |order: &&Order| {
            self.may_see(order)
                && order
                    .payment()
                    .is_some_and(|paid| transaction_id(mid, paid) == id)
        };
        wechat.orders.values().find(is_it)
    }

    /// The order to refund or reverse.
    pub(super) fn order_to_return<'a>(
        &self,
        wechat: &'a WeChat,
        by: &OrderNumber,
    ) -> Result<&'a Order, Refusal> {
        self.order(wechat, by).ok_or_else(|| {
            Refusal::from_code(match by {
                OrderNumber::TransactionId(_) => ErrorCode::InvalidTransactionId,
                OrderNumber::OutTradeNo(_) => ErrorCode::OrderNotExist,
            })
        })
    }

    /// Whether the order was made by this merchant through iOnline. Other
    /// orders count as not existing.
    pub(super) fn may_see(&self, order: &Order) -> bool {
        order.account.mch_id == self.merchant.mch_id && order.dialect == Dialect::Ionline
    }
}

/// iOnline's own number for a payment: the MID, and the end of WeChat's number.
pub(super) fn transaction_id(mid: &str, payment: &Payment) -> String {
    let digits = &payment.transaction_id;
    let kept = TRANSACTION_ID_LEN.saturating_sub(mid.len());
    let from = digits.len().saturating_sub(kept);
    format!("{mid}{}", digits.get(from..).unwrap_or_default())
}

/// A payment under iOnline's own numbers.
pub(super) fn with_ionline_numbers(mid: &str, payment: &Payment) -> Payment {
    Payment {
        account: Account {
            mch_id: mid.to_owned(),
            ..payment.account.clone()
        },
        transaction_id: transaction_id(mid, payment),
        ..payment.clone()
    }
}
