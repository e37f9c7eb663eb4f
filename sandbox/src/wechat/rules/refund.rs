//! Refunds (WeChat Pay v2 manual, section 9.4).

use super::{Denied, strict};
use crate::moment::Moment;
use crate::wechat::dialect::Dialect;
use crate::wechat::orders::{self, Order, State};
use crate::wechat::refunds::{self, Refund, Terms};
use crate::wechat::state::WeChat;
use order::{Currency, MAX_REFUNDS, Money};
use wechatpay::common::refund::FundsSource;

/// How long after the payment it can be refunded. The v2 manual, section 9.4.1,
/// says three months, which a strict account enforces; WeChat's real limit is a
/// year.
const LATEST_MS: i64 = 365 * 86_400_000;

/// The contents of a request.
pub(crate) struct NewRefund {
    pub(crate) order_key: String,
    pub(crate) out_refund_no: String,
    /// In the order's currency's smallest unit, at least 1.
    pub(crate) refund_fee: i64,
    /// The order's amount according to the request.
    pub(crate) total_fee: i64,
    pub(crate) currency: Option<Currency>,
    pub(crate) refund_account: Option<FundsSource>,
    pub(crate) notify_url: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) dialect: Dialect,
}

impl WeChat {
    /// Makes a refund, or finds the one that the same request made earlier.
    /// Returns its key.
    pub(crate) fn refund(
        &mut self,
        new_refund: NewRefund,
        moment: &mut Moment<'_>,
    ) -> Result<String, Denied> {
        let order = self
            .orders
            .get(&new_refund.order_key)
            .ok_or(Denied::OrderNotExist)?;
        let account = &order.account;
        let sub_mch_id = account.sub_mch_id.as_deref();
        let key = refunds::key(&account.mch_id, sub_mch_id, &new_refund.out_refund_no);
        if let Some(known) = self.refunds.get(&key) {
            let same = known.order_key == new_refund.order_key
                && known.money.amount_minor() == new_refund.refund_fee
                && known.reason == new_refund.reason
                && order.money.amount_minor() == new_refund.total_fee;
            return if same {
                Ok(key)
            } else {
                Err(Denied::OutRefundNoUsed)
            };
        }

        let money = self.check_refund(order, &new_refund, moment.now_ms)?;
        let returned = self.refunds.returned(&new_refund.order_key);
        // The last partial refund includes what rounding left.
        let cash_refund_fee = if returned.fee + money.amount_minor() == order.money.amount_minor() {
            order.cash_fee() - returned.cash_fee
        } else {
            orders::cash_fee(money)
        };
        let terms = Terms {
            out_refund_no: new_refund.out_refund_no,
            money,
            cash_refund_fee,
            refund_account: new_refund.refund_account.unwrap_or(FundsSource::Unsettled),
            notify_url: new_refund.notify_url,
            reason: new_refund.reason,
            dialect: new_refund.dialect,
            refund_id: orders::new_number("50000", moment),
            notice_nonce: moment.nonce(),
            sequence: self.next_id(),
        };
        // Borrowed again, because the sequence belongs to the same state.
        let order = self.known_order(&new_refund.order_key)?;
        let mch_id = order.account.mch_id.clone();
        self.refunds
            .insert(Refund::new(order, terms, moment.now_ms));
        self.orders
            .update(&new_refund.order_key, |order| order.refunded = true);
        self.add_funds(&mch_id, money.currency(), -money.amount_minor());
        Ok(key)
    }

    /// Whether a new refund is accepted, and its amount.
    fn check_refund(
        &self,
        order: &Order,
        new_refund: &NewRefund,
        now_ms: i64,
    ) -> Result<Money, Denied> {
        let State::Paid { at_ms, .. } = &order.state else {
            return Err(Denied::TradeState);
        };
        let currency = order.money.currency();
        if new_refund.currency.is_some_and(|given| given != currency) {
            return Err(Denied::RefundCurrency { order: currency });
        }
        let total = order.money.amount_minor();
        if new_refund.total_fee != total {
            return Err(Denied::TotalMismatch { total });
        }
        let merchant = self.merchants.get(&order.account.mch_id);
        let until_ms = strict::refundable_until_ms(merchant, new_refund.dialect, *at_ms)
            .unwrap_or_else(|| at_ms.saturating_add(LATEST_MS));
        if now_ms >= until_ms {
            return Err(Denied::TradeOverdue);
        }
        let returned = self.refunds.returned(&order.key());
        if returned.fee >= total {
            return Err(Denied::RefundedWhole);
        }
        let left = total - returned.fee;
        if new_refund.refund_fee > left {
            return Err(Denied::RefundTooMuch { left });
        }
        if returned.count >= MAX_REFUNDS {
            return Err(Denied::TooManyRefunds);
        }
        if merchant.is_none_or(|merchant| merchant.funds_in(currency) < new_refund.refund_fee) {
            return Err(Denied::FundsNotEnough);
        }
        Money::new(new_refund.refund_fee, currency).map_err(|_| Denied::System)
    }
}
