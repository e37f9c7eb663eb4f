//! Checkouts: one purchase, which the payer may try to pay by several methods.
//!
//! Each try is an *attempt*: an order of its own at WeChat, because an order is
//! bound to its trade type. The first has the merchant's number, the next
//! `…-2`, `…-3`. Where the upstream can close orders, an attempt is closed, and
//! known to be closed, before the next is made.
//!
//! If two attempts are paid all the same, the purchase keeps the payment that
//! was written in this book first. Every other is written as paid together with
//! a refund of its whole amount, in one transaction, and is not reported to the
//! merchant as a sale.

use super::index::Age;
use super::receipts::PaymentFacts;
use super::store::index::Entry;
use super::transition::{Outcome, is_anothers};
use super::{Book, NewOrder, store, write_stored};
use crate::http::error::{ApiError, Code};
use crate::merchants::directory::MerchantContext;
use crate::runtime::{Runtime, Storage, StorageError};
use crate::upstream::{Failure, Reason};
use checkout::{LOOK, Lang, Line, State};
use order::{
    Effect, Event, Money, Order, OutTradeNo, Payment, Prepayment, RefundStatus, Refusal, Status,
    Terms, TradeState, TradeType, Via,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;
use wechatpay::common::prepay::MWEB_URL_SECONDS;

/// A purchase that a payer can be sent to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkout {
    /// The id in the checkout's address. It is random, so it cannot be guessed.
    pub id: String,
    /// What is to be paid and where the outcome goes.
    pub purchase: Purchase,
    /// The latest moment to pay.
    pub expires_at_ms: i64,
    /// The orders made for it, oldest first.
    pub attempts: Vec<Attempt>,
    /// Whether the merchant has cancelled it.
    #[serde(default)]
    pub closed: bool,
}

/// What the merchant requested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchase {
    /// The merchant's number, which the first attempt has too.
    pub out_trade_no: OutTradeNo,
    /// A description of what is bought.
    pub body: String,
    /// The amount to pay.
    pub money: Money,
    /// The URL that receives the notice.
    pub notify_url: Option<String>,
    /// The URL to which the payer continues after paying.
    pub success_url: Option<String>,
    /// The URL to which the payer returns without paying.
    pub cancel_url: Option<String>,
    /// The page's language, when the merchant has chosen it.
    pub lang: Option<Lang>,
    /// The merchant's own data, which is returned in notices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attach: Option<String>,
    /// The items of the purchase, whose sum is its amount.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Line>,
    /// The merchant's own names and texts; never shown to the payer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The name of a picture of what is sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// The longer description of what is sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
}

/// One try to pay, by one method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The attempt's number at WeChat.
    pub out_trade_no: OutTradeNo,
    /// The payment method.
    pub trade_type: TradeType,
    /// The payer, if the payment method requires a known one.
    pub openid: Option<String>,
    /// The appid that `openid` belongs to, where it is not the account's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appid: Option<String>,
    /// Whether the attempt was given up before it became an order in this book.
    #[serde(default)]
    pub closed: bool,
    /// When the attempt began, Unix milliseconds; 0 if an earlier version wrote
    /// it.
    #[serde(default)]
    pub begun_at_ms: i64,
}

/// A checkout to make.
#[derive(Debug, Serialize, Deserialize)]
pub struct NewCheckout {
    /// The checkout's id, from random bytes.
    pub id: String,
    /// What is bought.
    pub purchase: Purchase,
    /// The latest moment to pay.
    pub expires_at_ms: i64,
}

/// A payer at the page who wants to pay now.
#[derive(Debug, Serialize, Deserialize)]
pub struct PrepareCheckout {
    /// The checkout.
    pub id: String,
    /// The payment method for the payer's environment.
    pub trade_type: TradeType,
    /// The payer's openid, for JSAPI.
    pub openid: Option<String>,
    /// See [`Attempt::appid`].
    pub appid: Option<String>,
    /// The payer's address.
    pub payer_ip: IpAddr,
}

/// A checkout and its current state.
#[derive(Debug, Serialize, Deserialize)]
pub struct CheckoutFacts {
    /// The checkout.
    pub checkout: Checkout,
    /// The state of the purchase.
    pub state: State,
    /// The attempts that can still be paid.
    #[serde(default)]
    pub payable: Vec<Attempt>,
    /// The payment that the purchase keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentFacts>,
    /// WeChat's rate of the price's currency, where it is known: see
    /// `rates.rs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_e8: Option<i64>,
}

/// A checkout with the orders of its attempts.
#[derive(Debug, Serialize, Deserialize)]
pub struct FoundCheckout {
    /// The checkout.
    pub facts: CheckoutFacts,
    /// The order of each attempt, in the attempts' order; `None` where WeChat's
    /// answer was lost.
    pub orders: Vec<Option<Order>>,
}

/// The result of a payer's request to pay.
#[derive(Debug, Serialize, Deserialize)]
pub enum Offer {
    /// The means to pay.
    Pay {
        /// WeChat's answer to the order.
        prepayment: Prepayment,
        /// The latest moment to pay.
        expires_at_ms: i64,
        /// The attempt's number.
        #[serde(default)]
        attempt: Option<OutTradeNo>,
    },
    /// Nothing: the purchase is no longer open.
    NotOpen(Box<CheckoutFacts>),
}

/// The longest number that leaves room for an attempt's `-99`.
pub const MAX_OUT_TRADE_NO: usize = 29;
const MAX_ATTEMPTS: usize = 99;
/// The number of attempts that a checkout makes without a pause; each further
/// one waits [`ATTEMPT_PAUSE_MS`] after the previous one. A client that knows the
/// address can change the payment method repeatedly; with the pause the numbers
/// outlast the longest checkout, and the latest attempt stays payable meanwhile.
const ATTEMPTS_AT_ONCE: usize = 12;
/// See [`ATTEMPTS_AT_ONCE`].
const ATTEMPT_PAUSE_MS: i64 = 90_000;
/// The most open attempts that one status request queries at WeChat.
const ASKED_AT_ONCE: usize = 4;
/// WeChat refuses an order that expires within five minutes (WeChat Pay v2
/// manual, section 9.1). One minute more, for the time that the request takes.
const SHORTEST_MS: i64 = 6 * 60_000;

/// WeChat may refuse to close an order that is younger (WeChat Pay v2 manual,
/// section 9.3). One minute more, because the age counts from WeChat's answer.
const CLOSED_AFTER_MS: i64 = 6 * 60_000;

/// The result of giving up an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GivenUp {
    /// The attempt can no longer be paid, is paid, or has an upstream that
    /// cannot close orders.
    Ended,
    /// WeChat refuses to close it yet; it can be paid until it is closed.
    TooYoung,
}

/// How many purchases without an attempt one alarm removes.
const REMOVED_AT_ONCE: i64 = 500;

/// How long WeChat accepts the address of an H5 payment.
const MWEB_URL_MS: i64 = MWEB_URL_SECONDS * 1000;
/// The time that a payer's browser may need to open that address.
const MWEB_WAY_MS: i64 = 20_000;

impl PrepareCheckout {
    /// Whether the attempt has the payer's payment method. Its order must have
    /// that method too: an earlier version could write an order of another
    /// method under the same number.
    fn fits(&self, attempt: &Attempt, order: Option<&Order>) -> bool {
        let way = (self.trade_type, &self.openid);
        !attempt.closed
            && (attempt.trade_type, &attempt.openid) == way
            && order.is_none_or(|order| (order.terms().trade_type, &order.terms().openid) == way)
    }
}

impl Checkout {
    /// The terms of an attempt.
    fn terms(&self, context: &MerchantContext, attempt: &Attempt) -> Terms {
        Terms {
            out_trade_no: attempt.out_trade_no.clone(),
            account: match &attempt.appid {
                Some(appid) => context.merchant.account.with_payer_appid(appid),
                None => context.merchant.account.clone(),
            },
            body: self.purchase.body.clone(),
            money: self.purchase.money,
            trade_type: attempt.trade_type,
            openid: attempt.openid.clone(),
            attach: self.purchase.attach.clone(),
            notify_url: self.purchase.notify_url.clone(),
            metadata: BTreeMap::new(),
            expires_at_ms: self.expires_at_ms,
        }
    }
}

impl<R: Runtime, S: Storage> Book<R, S> {
    /// Makes a checkout, or returns the one that was made earlier for the same
    /// purchase.
    pub(super) fn open_checkout(
        &self,
        context: &MerchantContext,
        new: NewCheckout,
    ) -> Result<Checkout, ApiError> {
        self.storage
            .atomically(|| match self.checkout_of(&new.purchase.out_trade_no)? {
                None => {
                    self.store_merchant_id(context)?;
                    let number = new.purchase.out_trade_no.clone();
                    let checkout = self.insert_checkout(new, None, None)?;
                    self.audit_person(number.as_str(), "checkout made")?;
                    Ok(checkout)
                }
                Some(context) => match difference(&context.purchase, &new.purchase) {
                    None => Ok(context),
                    Some(field) => Err(Refusal::DifferentTerms(field).into()),
                },
            })
    }

    /// Writes a new checkout, inside a transaction. Its number must be free.
    /// One with `untried_until_ms` belongs to a payment link, so its number is
    /// not the merchant's; it is removed at that time if it has no attempt.
    pub(super) fn insert_checkout(
        &self,
        new: NewCheckout,
        untried_until_ms: Option<i64>,
        link: Option<String>,
    ) -> Result<Checkout, ApiError> {
        let number = new.purchase.out_trade_no.clone();
        if self.load_order(number.as_str())?.is_some() {
            return Err(Refusal::DifferentTerms("out_trade_no").into());
        }
        self.refuse_checkouts_number(&number)?;
        let checkout = Checkout {
            id: new.id,
            purchase: new.purchase,
            expires_at_ms: new.expires_at_ms,
            attempts: Vec::new(),
            closed: false,
        };
        store::checkouts::insert(
            &self.storage,
            &checkout.id,
            number.as_str(),
            &write_stored("checkout", &checkout)?,
            untried_until_ms,
        )?;
        self.put(
            &Entry::of_checkout(&checkout, self.runtime.now_ms(), link),
            None,
            Age::New,
        )?;
        if untried_until_ms.is_none() {
            self.report_end_of(&checkout)?;
        }
        Ok(checkout)
    }

    /// Has a checkout's end reported when its time is over. A payment link's
    /// purchase is reported only where it has an attempt: any payer who opens the
    /// link's address can begin one.
    fn report_end_of(&self, checkout: &Checkout) -> Result<(), StorageError> {
        let ends_ms = checkout.expires_at_ms;
        store::events::note_checkout_end(&self.storage, &checkout.id, ends_ms)?;
        self.arm_for(ends_ms)
    }

    /// The checkout and its current state.
    pub(super) fn view_checkout(&self, id: &str) -> Result<CheckoutFacts, ApiError> {
        let json = store::checkouts::json(&self.storage, id)?;
        let json = json.ok_or_else(|| ApiError::of(Code::SessionNotFound))?;
        let checkout: Checkout = self.read_row("checkout", id, &json)?;
        let kept = self.kept_order(&checkout)?;
        let state = self.state_of(&checkout, kept.as_ref())?;
        let payment = self.payment_facts(kept.as_ref())?;
        let mut payable = Vec::new();
        for attempt in &checkout.attempts {
            let order = self.load_order(attempt.out_trade_no.as_str())?;
            let is_payable = |order: Order| order.payable(self.runtime.now_ms()).is_ok();
            if !attempt.closed && order.is_some_and(is_payable) {
                payable.push(attempt.clone());
            }
        }
        Ok(CheckoutFacts {
            checkout,
            state,
            payable,
            payment,
            rate_e8: None,
        })
    }

    /// As [`Book::view_checkout`], with the exchange rate while it can be paid.
    pub(super) fn show_checkout(
        &self,
        context: &MerchantContext,
        id: &str,
    ) -> Result<CheckoutFacts, ApiError> {
        let mut facts = self.view_checkout(id)?;
        if facts.state == State::Open {
            facts.rate_e8 = self.rate(context, facts.checkout.purchase.money.currency())?;
        }
        Ok(facts)
    }

    /// As [`Book::view_checkout`], after a query of the open attempts, which is
    /// sent at most once in ten seconds.
    pub(super) async fn check_checkout(
        &self,
        context: &MerchantContext,
        id: &str,
    ) -> Result<CheckoutFacts, ApiError> {
        let attempts = self.view_checkout(id)?.checkout.attempts;
        let numbers = attempts.into_iter().rev().map(|a| a.out_trade_no);
        let mut asked = 0;
        for number in numbers {
            let order = self.load_order(number.as_str())?;
            if asked < ASKED_AT_ONCE && order.is_some_and(|o| o.is_open()) && self.may_ask(&number)
            {
                asked += 1;
                self.execute_effects(context, number, vec![Effect::Query])
                    .await?;
            }
        }
        self.view_checkout(id)
    }

    /// The checkout with this number of the merchant, queried as in
    /// [`Book::check_checkout`].
    pub(super) async fn find_checkout(
        &self,
        context: &MerchantContext,
        number: &OutTradeNo,
    ) -> Result<FoundCheckout, ApiError> {
        let checkout = self.checkout_of(number)?;
        let checkout = checkout.ok_or_else(|| ApiError::of(Code::OrderNotFound))?;
        let facts = self.check_checkout(context, &checkout.id).await?;
        let attempts = facts.checkout.attempts.iter();
        let orders = attempts.map(|attempt| self.load_order(attempt.out_trade_no.as_str()));
        let orders = orders.collect::<Result<_, _>>()?;
        Ok(FoundCheckout { facts, orders })
    }

    /// Gives the payer the means to pay by one method, and gives up an earlier
    /// attempt.
    pub(super) async fn prepare_checkout(
        &self,
        context: &MerchantContext,
        prepare: PrepareCheckout,
    ) -> Result<Offer, ApiError> {
        let facts = self.view_checkout(&prepare.id)?;
        if facts.state != State::Open {
            return Ok(Offer::NotOpen(Box::new(facts)));
        }
        let mut to_give_up = Vec::new();
        let mut is_new = true;
        for attempt in &facts.checkout.attempts {
            let order = self.load_order(attempt.out_trade_no.as_str())?;
            // Without an order, WeChat's answer may have been lost.
            let may_be_paid = order.as_ref().map_or(!attempt.closed, Order::is_open);
            if may_be_paid {
                match prepare.fits(attempt, order.as_ref()) && !self.is_mweb_url_over(attempt)? {
                    true => is_new = false,
                    false => to_give_up.push(attempt),
                }
            }
        }
        if is_new && self.is_too_soon(&facts.checkout) {
            return Err(ApiError::of(Code::TooManyAttempts));
        }
        let mut left_open = Vec::new();
        for attempt in to_give_up {
            if self.give_up(context, &prepare.id, attempt).await? == GivenUp::TooYoung {
                left_open.push(attempt.out_trade_no.clone());
            }
        }
        // State may have changed during the await: read it again, and write the
        // attempt's number before it is used.
        let facts = self.view_checkout(&prepare.id)?;
        if facts.state != State::Open {
            return Ok(Offer::NotOpen(Box::new(facts)));
        }
        let reserved = self.reserve_attempt(context, facts.checkout, &prepare, &left_open)?;
        let Some((checkout, attempt)) = reserved else {
            // The merchant uses the numbers itself: the purchase is over.
            return Ok(Offer::NotOpen(Box::new(self.view_checkout(&prepare.id)?)));
        };
        let remaining_ms = checkout.expires_at_ms - self.runtime.now_ms();
        let new = NewOrder {
            terms: checkout.terms(context, &attempt),
            payer_ip: prepare.payer_ip,
            // Where the remaining time is shorter than WeChat accepts, the
            // book's timer closes the order.
            time_expire_ms: (remaining_ms > SHORTEST_MS).then_some(checkout.expires_at_ms),
            is_attempt: true,
        };
        let prepaid = self.prepaid_order(context, new).await?;
        // After the await: a purchase cancelled meanwhile must not be paid.
        let facts = self.view_checkout(&prepare.id)?;
        let attempts = &facts.checkout.attempts;
        // Another page gave the attempt up before WeChat's answer made it an
        // order, and that page makes an attempt of its own.
        if attempts
            .iter()
            .any(|a| a.closed && a.out_trade_no == attempt.out_trade_no)
        {
            self.give_up(context, &prepare.id, &attempt).await?;
            return Err(ApiError::of(Code::AttemptPending));
        }
        if facts.state != State::Open {
            self.give_up(context, &prepare.id, &attempt).await?;
            return Ok(Offer::NotOpen(Box::new(self.view_checkout(&prepare.id)?)));
        }
        Ok(Offer::Pay {
            prepayment: prepaid.prepayment,
            expires_at_ms: prepaid.expires_at_ms,
            attempt: Some(attempt.out_trade_no),
        })
    }

    /// Whether the checkout has to wait before it makes another attempt.
    fn is_too_soon(&self, checkout: &Checkout) -> bool {
        let attempts = &checkout.attempts;
        attempts.len() >= ATTEMPTS_AT_ONCE
            && attempts
                .last()
                .is_some_and(|last| self.runtime.now_ms() < last.begun_at_ms + ATTEMPT_PAUSE_MS)
    }

    /// The attempt that fits the payer: one that can still be paid, or else a
    /// new one. `None` closes the checkout: no number is left.
    fn reserve_attempt(
        &self,
        context: &MerchantContext,
        mut checkout: Checkout,
        prepare: &PrepareCheckout,
        left_open: &[OutTradeNo],
    ) -> Result<Option<(Checkout, Attempt)>, ApiError> {
        let can_close = self.upstream(context).can_close();
        let attempts = checkout.attempts.iter().rev();
        for attempt in attempts.filter(|a| !left_open.contains(&a.out_trade_no)) {
            let order = self.load_order(attempt.out_trade_no.as_str())?;
            let closing = matches!(
                order.as_ref().map(Order::status),
                Some(Status::Closing { .. })
            );
            // Without an order, the attempt's answer was lost: send the request
            // again.
            let open = order.as_ref().map_or(!attempt.closed, Order::is_open);
            match (open, prepare.fits(attempt, order.as_ref()) && !closing) {
                (true, true) => {
                    let attempt = attempt.clone();
                    return Ok(Some((checkout, attempt)));
                }
                // Another page was faster: its attempt must be given up first.
                (true, false) if can_close => return Err(ApiError::of(Code::AttemptPending)),
                _ => {}
            }
        }
        let Some(out_trade_no) = self.free_number(&checkout)? else {
            self.close_checkout(&checkout.purchase.out_trade_no)?;
            return Ok(None);
        };
        let attempt = Attempt {
            out_trade_no,
            trade_type: prepare.trade_type,
            openid: prepare.openid.clone(),
            appid: prepare.appid.clone(),
            closed: false,
            begun_at_ms: self.runtime.now_ms(),
        };
        checkout.attempts.push(attempt.clone());
        self.storage.atomically(|| {
            self.save_checkout(&checkout)?;
            let number = attempt.out_trade_no.as_str();
            store::checkouts::keep_attempt(&self.storage, &checkout.id, number)?;
            match checkout.attempts.len() {
                1 => self.report_end_of(&checkout),
                _ => Ok(()),
            }
        })?;
        Ok(Some((checkout, attempt)))
    }

    /// Whether the address of an H5 payment may no longer be used (checklist
    /// H2), so that WeChat has to issue another.
    fn is_mweb_url_over(&self, attempt: &Attempt) -> Result<bool, StorageError> {
        if attempt.trade_type != TradeType::Mweb {
            return Ok(false);
        }
        let order = self.load_order(attempt.out_trade_no.as_str())?;
        Ok(order.is_some_and(|order| {
            self.runtime.now_ms() >= order.created_at_ms() + MWEB_URL_MS - MWEB_WAY_MS
        }))
    }

    /// The number of the checkout's next attempt: the merchant's own, then
    /// `-2`, `-3` and so on, without numbers that the merchant uses for
    /// something else.
    fn free_number(&self, checkout: &Checkout) -> Result<Option<OutTradeNo>, ApiError> {
        let first = &checkout.purchase.out_trade_no;
        if checkout.attempts.is_empty() {
            return Ok(Some(first.clone()));
        }
        for n in 2..=MAX_ATTEMPTS {
            let number = OutTradeNo::new(&format!("{first}-{n}")).map_err(ApiError::internal)?;
            let is_free = self.load_order(number.as_str())?.is_none()
                && self.refuse_checkouts_number(&number).is_ok();
            if is_free {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// Refuses a number that belongs to a checkout or to one of its attempts.
    pub(super) fn refuse_checkouts_number(&self, number: &OutTradeNo) -> Result<(), ApiError> {
        match store::checkouts::has_number(&self.storage, number.as_str())? {
            true => Err(Refusal::DifferentTerms("out_trade_no").into()),
            false => Ok(()),
        }
    }

    /// Cancels a checkout: from now on no attempt is made for it. `None` when
    /// there is no checkout with this number.
    pub(super) fn close_checkout(
        &self,
        number: &OutTradeNo,
    ) -> Result<Option<Checkout>, StorageError> {
        let Some(mut checkout) = self.checkout_of(number)? else {
            return Ok(None);
        };
        if !checkout.closed {
            checkout.closed = true;
            self.storage.atomically(|| {
                self.audit(number.as_str(), "checkout closed", "")?;
                self.save_checkout(&checkout)
            })?;
            self.storage.notify_listeners(&checkout.id, LOOK);
        }
        Ok(Some(checkout))
    }

    /// If the number belongs to a checkout, sends its open pages the message to
    /// poll. The state that they then read is written already.
    pub(super) fn notify_pages(&self, number: &str) -> Result<(), StorageError> {
        if let Some(id) = store::checkouts::id_of_attempt(&self.storage, number)? {
            self.storage.notify_listeners(&id, LOOK);
        }
        Ok(())
    }

    /// Closes an attempt and confirms that it is closed. Queries WeChat first,
    /// so that a payment that was just made is seen.
    async fn give_up(
        &self,
        context: &MerchantContext,
        id: &str,
        attempt: &Attempt,
    ) -> Result<GivenUp, ApiError> {
        let number = &attempt.out_trade_no;
        // An order that cannot be closed can still be paid where it was begun.
        // If it is paid in addition to another, the later payment is refunded.
        if !self.upstream(context).can_close() {
            return Ok(GivenUp::Ended);
        }
        match self.transition(context, number.as_str(), Event::CloseAsked, None)? {
            Outcome::Applied(effects) => {
                self.execute_effects(context, number.clone(), effects)
                    .await?
            }
            // Paid or closed already.
            Outcome::Refused(_) => return Ok(GivenUp::Ended),
            // The answer that would have made the attempt an order was lost, so
            // no payer holds the means to pay it; but WeChat may have the
            // order.
            Outcome::NoOrder => {
                let closed = self.upstream(context).close(number, None).await;
                if self.load_order(number.as_str())?.is_some() {
                    // WeChat's answer arrived after all, so this state is
                    // outdated.
                    return Err(ApiError::of(Code::AttemptPending));
                }
                return match closed.map_err(|failure| failure.reason()) {
                    // The number is not used again, even where WeChat does not
                    // know it: another page's request with it may still be in
                    // flight.
                    Ok(()) | Err(Some(Reason::OrderClosed | Reason::OrderNotExist)) => {
                        self.end_attempt(id, attempt)?;
                        Ok(GivenUp::Ended)
                    }
                    Err(_) => Err(ApiError::of(Code::AttemptPending)),
                };
            }
        }
        match self.load_order(number.as_str())? {
            Some(order) if order.is_open() => self.refused_as_too_young(context, &order).await,
            _ => Ok(GivenUp::Ended),
        }
    }

    /// Handles an attempt that was not closed. WeChat may refuse to close an
    /// order that is younger than five minutes (WeChat Pay v2 manual, section
    /// 9.3). Then the next attempt is made all the same, the order's timer
    /// tries again to close this one, and if both are paid, the later payment
    /// is refunded. Where the answer was lost, the payer has to try again.
    async fn refused_as_too_young(
        &self,
        context: &MerchantContext,
        order: &Order,
    ) -> Result<GivenUp, ApiError> {
        let pending = || ApiError::of(Code::AttemptPending);
        if self.runtime.now_ms() - order.created_at_ms() > CLOSED_AFTER_MS {
            return Err(pending());
        }
        let number = &order.terms().out_trade_no;
        match self.upstream(context).close(number, Some(order)).await {
            Err(Failure::Refused(refused))
                if !matches!(
                    refused.reason,
                    // `Retryable` says nothing about the order's age: calls are
                    // too frequent, or the book has paused them.
                    Reason::OrderPaid | Reason::OutcomeUnknown | Reason::Retryable
                ) =>
            {
                Ok(GivenUp::TooYoung)
            }
            _ => Err(pending()),
        }
    }

    /// Ends an attempt that never became an order.
    fn end_attempt(&self, id: &str, attempt: &Attempt) -> Result<(), ApiError> {
        let mut checkout = self.view_checkout(id)?.checkout;
        let mut attempts = checkout.attempts.iter_mut();
        if let Some(ended) = attempts.find(|a| a.out_trade_no == attempt.out_trade_no) {
            ended.closed = true;
        }
        Ok(self.save_checkout(&checkout)?)
    }

    /// Removes purchases of payment links that have no attempt and that
    /// ended some time ago: any payer who opens a link's address can begin one.
    pub(super) fn remove_untried(&self) -> Result<(), StorageError> {
        store::checkouts::remove_untried(&self.storage, self.runtime.now_ms(), REMOVED_AT_ONCE)
    }

    fn save_checkout(&self, checkout: &Checkout) -> Result<(), StorageError> {
        let json = write_stored("checkout", checkout)?;
        store::checkouts::update(&self.storage, &checkout.id, &json)?;
        self.index_checkout(checkout)
    }

    /// The checkout with this merchant's number.
    pub(super) fn checkout_of(
        &self,
        number: &OutTradeNo,
    ) -> Result<Option<Checkout>, StorageError> {
        store::checkouts::json_of_number(&self.storage, number.as_str())?
            .map(|json| self.read_row("checkout", number.as_str(), &json))
            .transpose()
    }

    /// The attempt that decides how the purchase stands: the one whose payment
    /// is kept, or else the latest.
    pub(super) fn deciding_attempt(
        &self,
        checkout: &Checkout,
    ) -> Result<Option<OutTradeNo>, StorageError> {
        let kept = self.kept_order(checkout)?;
        let latest = || checkout.attempts.last().map(|a| a.out_trade_no.clone());
        Ok(kept.map_or_else(latest, |order| Some(order.terms().out_trade_no.clone())))
    }

    /// The order whose payment the purchase keeps.
    pub(super) fn kept_order(&self, checkout: &Checkout) -> Result<Option<Order>, StorageError> {
        for attempt in &checkout.attempts {
            let order = self.load_order(attempt.out_trade_no.as_str())?;
            let kept = |o: &Order| o.paid().is_some() && o.duplicate_of().is_none();
            if let Some(order) = order.filter(kept) {
                return Ok(Some(order));
            }
        }
        Ok(None)
    }

    /// What WeChat reported of an order, given its purchase: a payment is a
    /// [duplicate payment](Event::DuplicatePayment) where the purchase keeps
    /// another, and no payment where a Quick Pay cannot have made it. Call it
    /// inside the transaction that writes the event's result.
    pub(super) fn of_purchase(
        &self,
        context: &MerchantContext,
        order: &Order,
        event: Event,
    ) -> Result<Event, StorageError> {
        let (payment, via, refunded) = match event {
            Event::StateReported(TradeState::Success(payment), via) => (payment, via, false),
            Event::StateReported(TradeState::Refund(payment), via) => (payment, via, true),
            Event::Answered { revision, event } => {
                let event = Box::new(self.of_purchase(context, order, *event)?);
                return Ok(Event::Answered { revision, event });
            }
            event => return Ok(event),
        };
        if is_anothers(order, &payment) {
            return Ok(Event::NumberTaken);
        }
        self.in_purchase(context, order, *payment, via, refunded)
    }

    /// A payment of the order, which its purchase keeps or not.
    pub(super) fn in_purchase(
        &self,
        context: &MerchantContext,
        order: &Order,
        payment: Payment,
        via: Via,
        refunded: bool,
    ) -> Result<Event, StorageError> {
        let payment = Box::new(payment);
        let number = &order.terms().out_trade_no;
        let kept = match self.checkout_of_attempt(number)? {
            Some(checkout) => self.kept_order(&checkout)?,
            None => None,
        };
        let kept = kept.map(|kept| kept.terms().out_trade_no.clone());
        Ok(match kept.filter(|kept| kept != number) {
            Some(kept) => Event::DuplicatePayment {
                out_refund_no: self.duplicate_refund_number(context, number)?,
                payment,
                via,
                kept,
                refunded,
            },
            None if refunded => Event::StateReported(TradeState::Refund(payment), via),
            None => Event::StateReported(TradeState::Success(payment), via),
        })
    }

    /// The checkout that has made an attempt under this number.
    pub(super) fn checkout_of_attempt(
        &self,
        number: &OutTradeNo,
    ) -> Result<Option<Checkout>, StorageError> {
        store::checkouts::json_of_attempt(&self.storage, number.as_str())?
            .map(|json| self.read_row("checkout", number.as_str(), &json))
            .transpose()
    }

    fn state_of(&self, checkout: &Checkout, kept: Option<&Order>) -> Result<State, StorageError> {
        if let Some(order) = kept
            && let Some(paid_at_ms) = paid_at(order)
        {
            return Ok(match refunded_minor(order) {
                0 => State::Paid { paid_at_ms },
                n if n < order.terms().money.amount_minor() => State::PartlyRefunded { paid_at_ms },
                _ => State::Refunded { paid_at_ms },
            });
        }
        let mut open = false;
        for attempt in &checkout.attempts {
            let Some(order) = self.load_order(attempt.out_trade_no.as_str())? else {
                continue;
            };
            // No further attempt is offered while one may be paid.
            if order.reported().is_some() {
                return Ok(State::Confirming);
            }
            open |= order.is_open();
        }
        let over = checkout.closed || self.runtime.now_ms() >= checkout.expires_at_ms;
        Ok(match (over, open) {
            (false, _) => State::Open,
            // Its last order is being queried and closed this very moment.
            (true, true) => State::Confirming,
            (true, false) if checkout.closed => State::Closed,
            (true, false) => State::Expired,
        })
    }
}

/// When the order was paid, by WeChat's clock.
fn paid_at(order: &Order) -> Option<i64> {
    let paid = order.paid()?;
    let at_ms = wechatpay::common::time::parse_china(&paid.payment.time_end);
    Some(at_ms.unwrap_or(paid.recorded_at_ms))
}

/// How much of it WeChat has returned, or has begun to return.
fn refunded_minor(order: &Order) -> i64 {
    let refunds = order.refunds().iter().filter(|refund| {
        matches!(
            refund.status,
            RefundStatus::Processing | RefundStatus::Success
        )
    });
    refunds.map(|refund| refund.money.amount_minor()).sum()
}

fn difference(context: &Purchase, new: &Purchase) -> Option<&'static str> {
    [
        (
            context.money.amount_minor() != new.money.amount_minor(),
            "total_fee",
        ),
        (context.money.currency() != new.money.currency(), "fee_type"),
        (context.body != new.body, "body"),
        (context.notify_url != new.notify_url, "notify_url"),
        (context.success_url != new.success_url, "success_url"),
        (context.cancel_url != new.cancel_url, "cancel_url"),
        (context.lang != new.lang, "lang"),
        (context.attach != new.attach, "attach"),
        (context.lines != new.lines, "lines"),
        (context.metadata != new.metadata, "metadata"),
    ]
    .into_iter()
    .find_map(|(differs, field)| differs.then_some(field))
}
