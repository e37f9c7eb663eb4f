//! An operator's decision about a payment in WeChat's verified answer, under
//! the order's number, that does not match the order's terms.

use super::{Order, Status};
use crate::event::{Effect, Event, Refusal};
use crate::evidence::{Payment, TradeState};

impl Order {
    /// Accepts WeChat's payment as this order's. The order takes over the terms
    /// under which WeChat took the money, so that amounts, refunds and later
    /// answers agree with WeChat.
    pub(super) fn accepted(
        &mut self,
        event: Event,
        is_current: bool,
        now_ms: i64,
    ) -> Result<Vec<Effect>, Refusal> {
        let payment = match &event {
            Event::StateReported(TradeState::Success(payment) | TradeState::Refund(payment), _)
            | Event::DuplicatePayment { payment, .. } => payment,
            _ => return Err(Refusal::NotPaid),
        };
        self.compare_identity(payment)?;
        if let Some(known) = self.known_payment() {
            return Err(
                match known.payment.transaction_id == payment.transaction_id {
                    true => Refusal::OwnPayment,
                    false => Refusal::PaidTwice,
                },
            );
        }
        let before = (self.terms.clone(), self.rejected.clone());
        self.rejected.retain(|id| *id != payment.transaction_id);
        self.take_terms(&payment.clone());
        let taken = self.take(event, is_current, now_ms);
        if taken.is_err() {
            (self.terms, self.rejected) = before;
        }
        taken
    }

    fn take_terms(&mut self, payment: &Payment) {
        let terms = &mut self.terms;
        terms.money = payment.money;
        terms.trade_type = payment.trade_type;
        terms.account.appid.clone_from(&payment.account.appid);
        if payment.account.sub_appid.is_some() {
            let sub_appid = payment.account.sub_appid.clone();
            terms.account.sub_appid = sub_appid;
        }
        let payer = match terms.account.sub_appid {
            Some(_) => &payment.sub_openid,
            None => &payment.openid,
        };
        if terms.openid.is_some() && payer.is_some() {
            terms.openid.clone_from(payer);
        }
        let reported = payment.attach.as_deref();
        if reported.is_some_and(|attach| !attach.trim().is_empty()) {
            terms.attach.clone_from(&payment.attach);
        }
    }

    /// Ends an order whose number was paid by another order's payment. Nothing
    /// is closed or reversed at WeChat: that could affect the other payment.
    pub(super) fn payment_rejected(
        &mut self,
        transaction_id: String,
        now_ms: i64,
    ) -> Result<Vec<Effect>, Refusal> {
        let known = self.known_payment();
        if known.is_some_and(|known| known.payment.transaction_id == transaction_id) {
            return Err(Refusal::OwnPayment);
        }
        if !self.has_rejected(&transaction_id) {
            self.rejected.push(transaction_id);
        }
        self.reported = None;
        Ok(match self.status {
            Status::NotPay | Status::Closing { .. } => {
                self.closed(crate::event::CloseReason::Asked, now_ms)
            }
            Status::UserPaying
            | Status::Reversing { paid: None, .. }
            | Status::PayError {
                reverse_pending: true,
                ..
            } => self.failed(false, now_ms),
            _ if self.waits() => Vec::new(),
            _ => vec![self.rest(now_ms)],
        })
    }
}
