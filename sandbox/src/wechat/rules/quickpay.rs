//! Quick Pay: the merchant has scanned the payer's code (WeChat Pay v2 manual,
//! section 5).
//!
//! An invalid code makes no order. A valid code makes one, whose number can be
//! retried with another code of the same payer until it is paid, closed or
//! reversed.

use super::Denied;
use super::prepay::NewOrder;
use crate::moment::Moment;
use crate::wechat::orders::{Order, State};
use crate::wechat::paycodes::{Behaviour, PayCode};
use crate::wechat::state::WeChat;

/// Above this, in fen, the payer is asked for the password (WeChat Pay v2
/// manual, section 5.2).
const WITHOUT_PASSWORD_FEN: i64 = 100_000;

impl WeChat {
    /// Takes the payer's money, and returns the order's key.
    pub(crate) fn quick_pay(
        &mut self,
        new_order: NewOrder,
        auth_code: &str,
        moment: &mut Moment<'_>,
    ) -> Result<String, Denied> {
        let key = new_order.key();
        let known = self.orders.get(&key);
        match known {
            Some(known) => may_repeat(known, &new_order)?,
            None => new_order.check_expiry(moment.now_ms)?,
        }
        let code = self
            .pay_codes
            .get(auth_code)
            .ok_or(Denied::AuthCodeInvalid)?;
        if code.is_used() {
            return Err(Denied::AuthCodeUsed);
        }
        if code.is_expired(moment.now_ms) {
            return Err(Denied::AuthCodeExpired);
        }
        let PayCode {
            payer, behaviour, ..
        } = *code;
        if known.is_some_and(|known| known.payer != Some(payer)) {
            return Err(Denied::BuyerMismatch);
        }
        if let Some(code) = self.pay_codes.get_mut(auth_code) {
            code.used = true;
        }
        if self.orders.get(&key).is_none() {
            let new_order = NewOrder {
                payer: Some(payer),
                ..new_order
            };
            self.orders.insert(new_order.into_order(moment.now_ms));
        }
        self.charge(&key, behaviour, moment)?;
        Ok(key)
    }

    /// The outcome of a valid code.
    fn charge(
        &mut self,
        key: &str,
        behaviour: Option<Behaviour>,
        moment: &mut Moment<'_>,
    ) -> Result<(), Denied> {
        let order = self.known_order(key)?;
        let cash_fee = order.cash_fee();
        let enough = order.payer.filter(|payer| payer.can_pay(cash_fee));
        let at_ms = moment.now_ms;
        let is_password_due = order
            .payer
            .is_some_and(|payer| self.is_password_due(&order.account.mch_id, payer, at_ms));
        let (denied, state) = match (behaviour, enough) {
            (Some(Behaviour::UnsupportedCard), _) => {
                (Denied::NotSupportCard, State::PayError { at_ms })
            }
            (Some(Behaviour::Password), _) => (Denied::UserPaying, asked_for_password()),
            (None, _) if cash_fee > WITHOUT_PASSWORD_FEN || is_password_due => {
                (Denied::UserPaying, asked_for_password())
            }
            (Some(Behaviour::Insufficient), _) | (_, None) => {
                (Denied::PayerNotEnough, State::PayError { at_ms })
            }
            (_, Some(payer)) => {
                self.orders
                    .update(key, |order| order.without_password = true);
                self.take_payment(key, payer, moment);
                return match behaviour {
                    Some(Behaviour::Silent) => Err(Denied::NoAnswer),
                    Some(Behaviour::BankError) => Err(Denied::BankError),
                    _ => Ok(()),
                };
            }
        };
        self.orders.update(key, |order| order.state = state);
        Err(denied)
    }
}

/// Whether a request may repeat the number.
fn may_repeat(known: &Order, new_order: &NewOrder) -> Result<(), Denied> {
    match known.state {
        _ if !new_order.is_same_as(known) => Err(Denied::OutTradeNoUsed),
        State::Paid { .. } => Err(Denied::OrderPaid),
        State::Closed { .. } => Err(Denied::OrderClosed),
        State::Revoked { .. } => Err(Denied::OrderReversed),
        State::UserPaying { .. } => Err(Denied::UserPaying),
        State::NotPay | State::PayError { .. } => Ok(()),
    }
}

const fn asked_for_password() -> State {
    State::UserPaying {
        reverse_asked: false,
    }
}
