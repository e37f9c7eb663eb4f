//! Quick Pay and its reverse (seed 002, section 5): the calls that take money.
//!
//! The order is written *before* WeChat is asked, and WeChat is asked once. An
//! answer that does not come, or says nothing certain, leaves the order
//! `USERPAYING`; its timer queries, and after 30 seconds reverses. A reverse
//! that WeChat refuses for good leaves what was paid paid, and calls a person.

use super::Book;
use crate::alarm::Alarm;
use crate::directory::Known;
use crate::error::{ApiError, Code};
use crate::upstream::Reason;
use crate::world::{Store, World};
use order::{Event, Order, OutTradeNo, Refusal, ReverseAnswer, Status, Terms, TradeState, Via};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A Quick Pay to make.
#[derive(Debug, Serialize, Deserialize)]
pub struct NewQuickPay {
    /// Its terms.
    pub terms: Terms,
    /// The payer's code. It is used once and never stored.
    pub auth_code: String,
    /// The till's address.
    pub till_ip: IpAddr,
}

/// A payer's code works for a minute: after that, an order that WeChat does
/// not know cannot begin any more.
const CODE_MS: i64 = 60_000;
/// And so often the reverse is asked for meanwhile: a clock that jumps makes an
/// order old at once, and the payer's code works on.
const NEVER_BEGUN_CHECKS: u32 = 4;

impl<W: World, S: Store> Book<W, S> {
    /// Takes the payment, or answers how an earlier request with this number
    /// stands: it is never sent twice (checklist Q2, Q4).
    pub(super) async fn quick_pay(
        &self,
        known: &Known,
        new: NewQuickPay,
    ) -> Result<Order, ApiError> {
        let number = new.terms.out_trade_no.clone();
        let upstream = self.upstream(known);
        let asking = upstream.quick_pay(&new)?;
        // Without a certificate it could not be reversed. What was begun before
        // is answered as it stands.
        if self.load_order(number.as_str())?.is_none() {
            upstream.check_certificate()?;
        }
        if let Some(order) = self.place(known, new.terms)? {
            return Ok(order);
        }

        let answer = asking.await;
        let event = match &answer {
            Ok(state) => Some(Event::Told(state.clone(), Via::Query)),
            Err(failure) if failure.reason() == Some(Reason::NotSent) => Some(Event::Declined),
            // The request may have come twice: what is paid is found by asking.
            Err(failure) if !failure.is_unknown_outcome() => {
                match self.query(known, &number).await {
                    Some(told @ Event::Told(TradeState::Success(_) | TradeState::Refund(_), _)) => {
                        Some(told)
                    }
                    Some(Event::Told(TradeState::UserPaying, _)) | None => None,
                    Some(_) => Some(Event::Declined),
                }
            }
            Err(_) => None,
        };
        if let Some(event) = event
            && self.admits(known, number.as_str(), &event).await?
        {
            // Refused only if the timer was faster; the order says how it
            // stands.
            let _ = self.step_or_taken(known, number.as_str(), event, None)?;
        }
        let order = self
            .load_order(number.as_str())?
            .ok_or_else(|| ApiError::internal("the order that was just written is gone"))?;
        match (order.status(), answer) {
            (Status::PayError { .. }, Err(failure)) => Err(failure.into()),
            _ => Ok(order),
        }
    }

    /// Writes the order down; or finds it written.
    fn place(&self, known: &Known, terms: Terms) -> Result<Option<Order>, ApiError> {
        self.store.atomically(|| {
            let number = terms.out_trade_no.clone();
            self.refuse_checkouts_number(&number)?;
            if let Some(order) = self.load_order(number.as_str())? {
                return match order.terms().first_difference(&terms) {
                    Some(field) => Err(Refusal::DifferentTerms(field).into()),
                    None => Ok(Some(order)),
                };
            }
            let (order, effects) = Order::quick_pay(terms, self.world.now_ms());
            self.insert_order(known, &order, &effects)?;
            Ok(None)
        })
    }

    /// Reverses a Quick Pay: what was paid goes back, and nothing can be paid
    /// any more.
    pub(super) async fn reverse_order(
        &self,
        known: &Known,
        number: &OutTradeNo,
    ) -> Result<Order, ApiError> {
        let missing = || ApiError::of(Code::OrderNotFound);
        if self.load_order(number.as_str())?.is_some() {
            self.upstream(known).check_certificate()?;
        }
        let effects = self
            .step(known, number.as_str(), Event::ReverseAsked, None)?
            .ok_or_else(missing)??;
        self.carry_out(known, number.clone(), effects).await?;
        self.load_order(number.as_str())?.ok_or_else(missing)
    }

    /// Asks WeChat for the reverse. It can be asked again and again: WeChat
    /// says whether it must be.
    pub(super) async fn reverse(&self, known: &Known, number: &OutTradeNo) -> Event {
        let answered = self.upstream(known).reverse(number).await;
        let order = self.known_order(number);
        let is_old = order.is_some_and(|order| {
            self.world.now_ms() - order.created_at_ms() > CODE_MS
                && order.checks() >= NEVER_BEGUN_CHECKS
        });
        let done = match answered.map_err(|failure| failure.reason()) {
            Ok(done) => done,
            Err(Some(Reason::OrderReversed)) => true,
            Err(Some(Reason::OrderNotExist)) => is_old,
            Err(Some(reason @ (Reason::ForGood | Reason::NotReversible)))
                if reason == Reason::ForGood || is_old =>
            {
                // If the alarm cannot be written the reverse is asked again.
                let raised = self.raise(Alarm::ReverseRefused, number.as_str());
                return Event::ReverseAnswered(match raised {
                    Ok(()) => ReverseAnswer::Refused,
                    Err(_) => ReverseAnswer::Unknown,
                });
            }
            Err(_) => false,
        };
        Event::ReverseAnswered(match done {
            true => ReverseAnswer::Done,
            false => ReverseAnswer::Unknown,
        })
    }
}
