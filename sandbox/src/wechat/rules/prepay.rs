//! An order that a payer will pay: by a page, a QR code, an app, a browser.

use super::Denied;
use crate::moment::Moment;
use crate::wechat::dialect::Dialect;
use crate::wechat::orders::{self, NotPayable, Order, State};
use crate::wechat::payers::Payer;
use crate::wechat::state::WeChat;
use order::{Account, Money, TradeType};
use std::collections::BTreeMap;

/// The contents of a request.
pub(crate) struct NewOrder {
    pub(crate) account: Account,
    pub(crate) out_trade_no: String,
    pub(crate) trade_type: TradeType,
    pub(crate) money: Money,
    /// As in [`Order::terms`].
    pub(crate) terms: BTreeMap<String, String>,
    /// The only payer who may pay.
    pub(crate) payer: Option<Payer>,
    pub(crate) dialect: Dialect,
    /// The latest payment.
    pub(crate) expires_ms: Option<i64>,
    /// The start of the time to pay, if it is not now.
    pub(crate) starts_ms: Option<i64>,
    /// The shortest time to pay that a new order may have.
    pub(crate) shortest_minutes: i64,
}

impl NewOrder {
    /// The order's key.
    pub(crate) fn key(&self) -> String {
        orders::key(
            &self.account.mch_id,
            self.account.sub_mch_id.as_deref(),
            &self.out_trade_no,
        )
    }

    /// Whether a new order may have this expiry. WeChat's times are whole
    /// seconds.
    pub(super) fn check_expiry(&self, now_ms: i64) -> Result<(), Denied> {
        let from_ms = self.starts_ms.map_or(now_ms, |start| start.max(now_ms));
        match self.expires_ms {
            Some(expires_ms)
                if expires_ms.saturating_sub(from_ms) + 999 < self.shortest_minutes * 60_000 =>
            {
                Err(Denied::TimeExpire {
                    minutes: self.shortest_minutes,
                })
            }
            _ => Ok(()),
        }
    }

    /// Whether the terms equal the known order's. A missing currency equals
    /// `CNY`.
    pub(super) fn is_same_as(&self, known: &Order) -> bool {
        known.money == self.money && known.terms == self.terms
    }

    pub(super) fn into_order(self, now_ms: i64) -> Order {
        Order {
            account: self.account,
            out_trade_no: self.out_trade_no,
            trade_type: self.trade_type,
            money: self.money,
            terms: self.terms,
            payer: self.payer,
            dialect: self.dialect,
            created_ms: now_ms,
            expires_ms: self.expires_ms,
            prepay_id: None,
            code_url: None,
            mweb_url: None,
            prepaid_ms: now_ms,
            state: State::NotPay,
            without_password: false,
            refunded: false,
        }
    }
}

impl WeChat {
    /// Makes an order, or finds the one that the same request made earlier.
    /// Returns its key. An expired prepayment is replaced by a new one.
    pub(crate) fn prepay(
        &mut self,
        new_order: NewOrder,
        moment: &mut Moment<'_>,
    ) -> Result<String, Denied> {
        let key = new_order.key();
        match self.orders.get(&key) {
            Some(known) => {
                may_repeat(known, &new_order, moment.now_ms)?;
                if known.payable(moment.now_ms) == Err(NotPayable::Expired) {
                    self.hand_out_prepayment(&key, moment);
                }
            }
            None => {
                new_order.check_expiry(moment.now_ms)?;
                self.orders.insert(new_order.into_order(moment.now_ms));
                self.hand_out_prepayment(&key, moment);
            }
        }
        Ok(key)
    }

    fn hand_out_prepayment(&mut self, key: &str, moment: &mut Moment<'_>) {
        let prepay_id = orders::new_prepay_id(moment);
        let mweb_url = self.mweb_url(&prepay_id);
        self.orders.update(key, |order| {
            order.code_url =
                (order.trade_type == TradeType::Native).then(|| orders::new_code_url(moment));
            order.mweb_url = (order.trade_type == TradeType::Mweb).then_some(mweb_url);
            order.prepay_id = Some(prepay_id);
            order.prepaid_ms = moment.now_ms;
        });
    }
}

/// Whether a request may repeat the number.
fn may_repeat(known: &Order, new_order: &NewOrder, now_ms: i64) -> Result<(), Denied> {
    match known.state {
        State::Paid { .. } => return Err(Denied::OrderPaid),
        State::Closed { .. } => return Err(Denied::OrderClosed),
        State::Revoked { .. } => return Err(Denied::OrderReversed),
        State::NotPay | State::UserPaying { .. } | State::PayError { .. } => {}
    }
    if !new_order.is_same_as(known) {
        return Err(Denied::OutTradeNoUsed);
    }
    if known.expires_ms.is_some_and(|expires| now_ms >= expires) {
        return Err(Denied::OrderExpired);
    }
    Ok(())
}
