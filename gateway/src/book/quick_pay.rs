//! Quick Pay and its reverse (seed 002, section 5): the calls that take money.
//!
//! The order is written *before* WeChat is asked, and WeChat is asked once. An
//! answer that does not come, or says nothing certain, leaves the order
//! `USERPAYING`; its timer queries, and after 30 seconds reverses. A reverse
//! that WeChat refuses for good leaves what was paid paid, and calls a person.

use super::Book;
use crate::directory::Known;
use crate::error::{ApiError, Code};
use crate::upstream;
use crate::world::{Store, World};
use order::{Event, Order, OutTradeNo, Refusal, ReverseAnswer, Terms, TradeState, Via};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use wechatpay::v2::ErrorCode;
use wechatpay::v2::answer::AnswerError;
use wechatpay::v2::field::{FieldError, Text};
use wechatpay::v2::micropay::{self, AuthCode};
use wechatpay::v2::reverse::{self, By};

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

impl<W: World, S: Store> Book<W, S> {
    /// Takes the payment, or answers how an earlier request with this number
    /// stands: it is never sent twice (checklist Q2, Q4).
    pub(super) async fn quick_pay(
        &self,
        known: &Known,
        new: NewQuickPay,
    ) -> Result<Order, ApiError> {
        let number = new.terms.out_trade_no.clone();
        let merchant = &known.merchant;
        let key = &known.credentials.api_key;
        let request =
            micropay_request(&new, merchant.sign_type, &self.nonce()).map_err(|error| {
                ApiError::field(Code::FieldInvalid, error.field, format!("The {error}."))
            })?;
        if let Some(order) = self.place(known, new.terms)? {
            return Ok(order);
        }

        let xml = request.to_xml(key);
        let answer = self
            .hosts
            .post_once(&self.world, micropay::PATH, &xml)
            .await
            .map(|bytes| micropay::Answer::read(&bytes, &request, key));
        let event = match &answer {
            Some(Ok(answer)) => {
                let state = TradeState::Success(Box::new(answer.payment.clone()));
                Some(Event::Told(state, Via::Query))
            }
            Some(Err(error)) if !error.is_unknown_outcome() => Some(Event::Declined),
            _ => None,
        };
        if let Some(event) = event {
            // Refused only if the timer was faster; the order says how it
            // stands.
            let _ = self.step(known, number.as_str(), event, None)?;
        }
        match answer {
            Some(Err(error)) if !error.is_unknown_outcome() => {
                Err(upstream::refused(&self.world, micropay::PATH, &error))
            }
            _ => self
                .load_order(number.as_str())?
                .ok_or_else(|| ApiError::of(Code::Internal)),
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
        let effects = self
            .step(known, number.as_str(), Event::ReverseAsked, None)?
            .ok_or_else(missing)??;
        self.carry_out(known, number.clone(), effects).await?;
        self.load_order(number.as_str())?.ok_or_else(missing)
    }

    /// Asks WeChat for the reverse. It can be asked again and again: WeChat
    /// says with `recall` whether it must be.
    pub(super) async fn reverse(&self, known: &Known, number: &OutTradeNo) -> Event {
        let done = match self.try_reverse(known, number).await {
            Some(Ok(answer)) => !answer.recall,
            Some(Err(AnswerError::Refused {
                code: ErrorCode::OrderReversed,
                ..
            })) => true,
            Some(Err(AnswerError::Refused {
                code: ErrorCode::OrderNotExist,
                ..
            })) => self
                .load_order(number.as_str())
                .ok()
                .flatten()
                .is_some_and(|order| self.world.now_ms() - order.created_at_ms() > CODE_MS),
            Some(Err(error)) if reverse::recall(&error) == Some(false) => {
                self.world.log(format_args!("reverse {number}: {error}"));
                // If the alarm cannot be written the reverse is asked again.
                let name = "WeChat refuses to reverse the order";
                return Event::ReverseAnswered(match self.raise(name, number.as_str()) {
                    Ok(()) => ReverseAnswer::Refused,
                    Err(_) => ReverseAnswer::Unknown,
                });
            }
            Some(Err(error)) => {
                self.world.log(format_args!("reverse {number}: {error}"));
                false
            }
            None => false,
        };
        Event::ReverseAnswered(match done {
            true => ReverseAnswer::Done,
            false => ReverseAnswer::Unknown,
        })
    }

    async fn try_reverse(
        &self,
        known: &Known,
        number: &OutTradeNo,
    ) -> Option<Result<reverse::Answer, AnswerError>> {
        let merchant = &known.merchant;
        let key = &known.credentials.api_key;
        let request = reverse::Request {
            account: merchant.account.clone(),
            by: By::OutTradeNo(number.clone()),
            nonce_str: Text::new("nonce_str", &self.nonce()).ok()?,
            sign_type: merchant.sign_type,
        };
        let xml = request.to_xml(key);
        let bytes = self.hosts.post(&self.world, reverse::PATH, &xml).await?;
        Some(reverse::Answer::read(&bytes, &request, key))
    }
}

fn micropay_request(
    new: &NewQuickPay,
    sign_type: wechatpay::v2::SignType,
    nonce: &str,
) -> Result<micropay::Request, FieldError> {
    let terms = &new.terms;
    Ok(micropay::Request {
        account: terms.account.clone(),
        device_info: None,
        nonce_str: Text::new("nonce_str", nonce)?,
        sign_type,
        body: Text::new("body", &terms.body)?,
        detail: None,
        attach: terms
            .attach
            .as_deref()
            .map(|a| Text::new("attach", a))
            .transpose()?,
        out_trade_no: terms.out_trade_no.clone(),
        money: terms.money,
        spbill_create_ip: new.till_ip,
        goods_tag: None,
        limit_pay: None,
        time_start_ms: None,
        time_expire_ms: None,
        auth_code: AuthCode::new(&new.auth_code)?,
    })
}
