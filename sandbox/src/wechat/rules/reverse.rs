//! Reverse (WeChat Pay v2 manual, section 5.9): a Quick Pay order is refunded
//! if it was paid, and closed otherwise.
//!
//! ```text
//! paid        the money is returned    REVOKED
//! not paid    it cannot be paid        REVOKED
//! paying      USERPAYING               and at the next call as above
//! ```

use super::Denied;
use crate::wechat::orders::State;
use crate::wechat::state::WeChat;
use order::TradeType;
use wechatpay::common::reverse::{EARLIEST_SECONDS, LATEST_SECONDS};

impl WeChat {
    /// Reverses an order. Repeating it succeeds.
    pub(crate) fn reverse(&mut self, key: &str, at_ms: i64) -> Result<(), Denied> {
        let order = self.orders.get(key).ok_or(Denied::OrderNotExist)?;
        if order.trade_type != TradeType::Micropay {
            return Err(Denied::NotQuickPay);
        }
        if order.refunded {
            return Err(Denied::TradeState);
        }
        let age_ms = at_ms.saturating_sub(order.created_ms);
        let (mch_id, money) = (order.account.mch_id.clone(), order.money);
        match order.state {
            State::Revoked { .. } => return Ok(()),
            _ if age_ms < EARLIEST_SECONDS * 1000 => return Err(Denied::ReverseTooEarly),
            _ if age_ms >= LATEST_SECONDS * 1000 => return Err(Denied::ReverseTooLate),
            State::UserPaying {
                reverse_asked: false,
            } => {
                self.orders.update(key, |order| {
                    order.state = State::UserPaying {
                        reverse_asked: true,
                    };
                });
                return Err(Denied::UserPaying);
            }
            State::Paid { .. } => {
                self.add_funds(&mch_id, money.currency(), -money.amount_minor());
            }
            _ => {}
        }
        self.orders.update(key, |order| {
            let payment = order.payment().cloned().map(Box::new);
            order.state = State::Revoked { at_ms, payment };
        });
        Ok(())
    }
}
