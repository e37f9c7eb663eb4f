//! An operator's decision about one order, where WeChat's verified answers do
//! not match the order and so change nothing by themselves.
//!
//! No decision depends on the operator's statement alone: WeChat is queried
//! first, and amounts are those of its verified answer.

use super::transition::{Outcome, is_anothers};
use super::{Book, NewRefund};
use crate::http::error::{ApiError, Code};
use crate::merchants::directory::MerchantContext;
use crate::observe::Counter;
use crate::observe::alarm::Alarm;
use crate::observe::labels::Queried;
use crate::runtime::{Runtime, Storage, StorageError};
use crate::upstream::Reason;
use order::{Event, Order, OutTradeNo, Payment, RefundStatus, TradeState, Via};
use serde::{Deserialize, Serialize};

/// What an operator decided about an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// WeChat's payment under the order's number is this order's.
    Accept,
    /// WeChat's payment under the order's number is not this order's.
    Reject,
    /// The duplicate payment, which its purchase does not keep, is refunded
    /// again.
    Refund,
}

/// A decision about an order.
#[derive(Debug, Serialize, Deserialize)]
pub struct Decision {
    /// The order's number.
    pub out_trade_no: OutTradeNo,
    /// What was decided.
    pub choice: Choice,
    /// Why, in the operator's words.
    pub note: String,
    /// The reason, of a refund.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How often WeChat is queried if the order changes during the query.
const QUERIES: usize = 3;

impl<R: Runtime, S: Storage> Book<R, S> {
    /// Executes an operator's decision. Returns the order afterwards.
    ///
    /// Errors: `ORDER_NOT_FOUND`; `NOTHING_TO_DECIDE` where WeChat's answer
    /// matches the order, and the order takes its state from it;
    /// `PAYMENT_IS_ANOTHERS`; and `UPSTREAM_UNAVAILABLE` without a verified
    /// answer.
    pub(super) async fn decide(
        &self,
        context: &MerchantContext,
        decision: &Decision,
    ) -> Result<Order, ApiError> {
        let number = &decision.out_trade_no;
        let missing = || ApiError::of(Code::OrderNotFound);
        match decision.choice {
            Choice::Refund => self.refund_second_payment(context, decision).await?,
            Choice::Accept | Choice::Reject => self.decide_payment(context, decision).await?,
        }
        self.load_order(number.as_str())?.ok_or_else(missing)
    }

    async fn decide_payment(
        &self,
        context: &MerchantContext,
        decision: &Decision,
    ) -> Result<(), ApiError> {
        let number = &decision.out_trade_no;
        let missing = || ApiError::of(Code::OrderNotFound);
        for _ in 0..QUERIES {
            let order = self.load_order(number.as_str())?.ok_or_else(missing)?;
            let (revision, account) = (order.revision(), order.terms().account.clone());
            self.count(Counter::Query(Queried::Order));
            let state = match self.upstream(context).query(number, &account).await {
                Ok(state) => state,
                Err(failure) if failure.reason() == Some(Reason::OrderNotExist) => {
                    return self.follow(context, number, Event::NotFound).await;
                }
                Err(failure) => return Err(failure.into()),
            };
            let (payment, refunded) = match &state {
                TradeState::Success(payment) => (payment, false),
                TradeState::Refund(payment) => (payment, true),
                _ => {
                    return self
                        .follow(context, number, Event::StateReported(state, Via::Query))
                        .await;
                }
            };
            let fits = self.fits(&order, payment, &state)?;
            // Which merchant with this account the payment belongs to.
            let is_free =
                match context.shares_account && (fits || decision.choice == Choice::Accept) {
                    false => true,
                    true => self
                        .claim(context, &payment.transaction_id, number.as_str())
                        .await
                        .ok_or_else(|| ApiError::of(Code::UpstreamUnavailable))?,
                };
            let order = self.load_order(number.as_str())?.ok_or_else(missing)?;
            if order.revision() != revision {
                continue;
            }
            return match decision.choice {
                Choice::Accept if !is_free => Err(ApiError::of(Code::PaymentIsAnothers)),
                Choice::Accept => {
                    self.accept(context, &order, payment, refunded, decision)
                        .await
                }
                _ if fits && is_free => {
                    self.follow(context, number, Event::StateReported(state, Via::Query))
                        .await
                }
                _ => self.reject(context, payment, decision),
            };
        }
        Err(ApiError::of(Code::UpstreamUnavailable))
    }

    /// Whether the order accepts the payment without any decision.
    fn fits(
        &self,
        order: &Order,
        payment: &Payment,
        state: &TradeState,
    ) -> Result<bool, StorageError> {
        let number = order.terms().out_trade_no.as_str();
        if is_anothers(order, payment) || self.is_of_another(&payment.transaction_id, number)? {
            return Ok(false);
        }
        let event = Event::StateReported(state.clone(), Via::Query);
        let applied = order.clone().apply(event, self.runtime.now_ms());
        Ok(match applied {
            Ok(_) => true,
            Err(refusal) => matches!(
                refusal,
                order::Refusal::AlreadyPaid | order::Refusal::Reversed
            ),
        })
    }

    /// Applies WeChat's answer to the order; no decision is needed.
    async fn follow(
        &self,
        context: &MerchantContext,
        number: &OutTradeNo,
        event: Event,
    ) -> Result<(), ApiError> {
        let outcome = self.transition(context, number.as_str(), event, None)?;
        if let Some(effects) = outcome.effects() {
            self.execute_effects(context, number.clone(), effects)
                .await?;
        }
        Err(ApiError::of(Code::NothingToDecide))
    }

    async fn accept(
        &self,
        context: &MerchantContext,
        order: &Order,
        payment: &Payment,
        refunded: bool,
        decision: &Decision,
    ) -> Result<(), ApiError> {
        let number = &decision.out_trade_no;
        let others = || ApiError::of(Code::PaymentIsAnothers);
        if self.is_of_another(&payment.transaction_id, number.as_str())? {
            return Err(others());
        }
        let differs = differences(order, payment);
        let reported = self.in_purchase(context, order, payment.clone(), Via::Query, refunded)?;
        let accepted = Event::Accepted(Box::new(reported));
        match self.transition(context, number.as_str(), accepted, None)? {
            Outcome::Applied(effects) => {
                let what = format!(
                    "payment {} accepted as the order's: {differs}",
                    payment.transaction_id
                );
                self.decided(decision, &what)?;
                self.execute_effects(context, number.clone(), effects)
                    .await?;
                Ok(())
            }
            // The same decision was made earlier, or this payment has paid the
            // order anyway.
            Outcome::Refused(order::Refusal::OwnPayment) => {
                self.decided(decision, "payment accepted before")
            }
            Outcome::Refused(_) => Err(others()),
            Outcome::NoOrder => Err(ApiError::of(Code::OrderNotFound)),
        }
    }

    fn reject(
        &self,
        context: &MerchantContext,
        payment: &Payment,
        decision: &Decision,
    ) -> Result<(), ApiError> {
        let number = decision.out_trade_no.as_str();
        let transaction_id = payment.transaction_id.clone();
        let what = format!("payment {transaction_id} rejected: it is not the order's");
        self.transition(context, number, Event::Rejected { transaction_id }, None)?
            .effects_or_error()?;
        self.decided(decision, &what)
    }

    /// Requests another refund of a payment that its purchase does not keep,
    /// after WeChat has refused or closed each earlier one.
    async fn refund_second_payment(
        &self,
        context: &MerchantContext,
        decision: &Decision,
    ) -> Result<(), ApiError> {
        let number = &decision.out_trade_no;
        let missing = || ApiError::of(Code::OrderNotFound);
        let order = self.load_order(number.as_str())?.ok_or_else(missing)?;
        let mut refunds = order.refunds().iter();
        let is_open = refunds.any(|refund| refund.status != RefundStatus::Closed);
        if order.duplicate_of().is_none() || is_open {
            return Err(ApiError::of(Code::NothingToDecide));
        }
        let new = NewRefund {
            out_trade_no: number.clone(),
            out_refund_no: None,
            total_fee: None,
            refund_fee: order.terms().money.amount_minor(),
            reason: decision.reason.clone(),
            at_most: None,
        };
        self.refund_order(context, number, new).await?;
        self.decided(decision, "second payment refunded again")
    }

    /// Writes the decision to the audit, and ends the alarms that asked for it.
    fn decided(&self, decision: &Decision, what: &str) -> Result<(), ApiError> {
        let number = decision.out_trade_no.as_str();
        let waits = self.load_order(number)?.is_some_and(|order| order.waits());
        self.storage.atomically(|| {
            self.audit(number, what, &decision.note)?;
            for alarm in Alarm::ALL {
                if alarm.ends_with_decision(waits) {
                    self.end_alarm(*alarm, number)?;
                }
            }
            Ok(())
        })
    }
}

/// The fields in which WeChat's payment differs from the order, for the audit.
/// Of the payer and the merchant's text only the field's name is written.
fn differences(order: &Order, payment: &Payment) -> String {
    let terms = order.terms();
    let amount = |money: order::Money| {
        let code = money.currency().code();
        format!("{} {code}", money.amount_minor())
    };
    let mut all = Vec::new();
    if payment.money != terms.money {
        all.push(format!(
            "amount {} for {}",
            amount(payment.money),
            amount(terms.money)
        ));
    }
    if payment.trade_type != terms.trade_type {
        all.push(format!(
            "trade_type {} for {}",
            payment.trade_type.as_str(),
            terms.trade_type.as_str()
        ));
    }
    if payment.account != terms.account {
        all.push(format!(
            "appid {} for {}",
            payment.account.payer_appid(),
            terms.account.payer_appid()
        ));
    }
    if terms.openid.is_some() && payment.openid != terms.openid {
        all.push("openid".to_owned());
    }
    if payment.attach != terms.attach {
        all.push("attach".to_owned());
    }
    match all.is_empty() {
        true => "no term differs".to_owned(),
        false => all.join(", "),
    }
}
