//! Orders: made, queried, paid and closed.

use super::command::{Claim, Command, Envelope};
use super::index::Age;
use super::store::facts::Fact;
use super::store::orders::Timer;
use super::transition::{Outcome, answered, is_anothers, payment_of, timer_of};
use super::{Book, SET_ASIDE_MS, store, write_stored};
use crate::http::error::{ApiError, Code};
use crate::merchants::directory::MerchantContext;
use crate::observe::alarm::Alarm;
use crate::observe::labels::{NoticeLabel, Rejection};
use crate::observe::{Actor, Counter, Log, RequestContext};
use crate::runtime::{Object, Runtime, Storage, StorageError};
use crate::upstream::{Prepay, Reason};
use futures_util::future::{Either, LocalBoxFuture, select};
use order::{
    CloseAnswer, Effect, Event, Money, Order, OutTradeNo, Payment, Prepayment, Refusal, Status,
    Terms, TradeState, TradeType, Via,
};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::pin::pin;
use wechatpay::v2::notify::Notice;

/// An order to make.
#[derive(Debug, Serialize, Deserialize)]
pub struct NewOrder {
    /// The order's terms.
    pub terms: Terms,
    /// The payer's address, or the caller's.
    pub payer_ip: IpAddr,
    /// The latest moment to pay, where WeChat is to enforce it. A repeated
    /// request must have the same value, or WeChat takes it for another order.
    /// So it is `None` for an order whose expiry is counted from the time of
    /// the request.
    pub time_expire_ms: Option<i64>,
    /// Whether it is an attempt of a checkout, which owns the number.
    pub is_attempt: bool,
}

/// An order that can be paid.
#[derive(Debug, Serialize, Deserialize)]
pub struct Prepaid {
    /// The means to pay it.
    pub prepayment: Prepayment,
    /// The latest moment to pay it.
    pub expires_at_ms: i64,
}

/// The outcome of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// It changed the order, and the change is stored.
    Taken,
    /// The same payment is stored already.
    Duplicate,
    /// It was rejected for the reason of this name. WeChat will send it again.
    Refused(Rejection),
}

impl Verdict {
    /// Whether the answer to WeChat acknowledges the notice, so that it is not
    /// sent again.
    pub const fn acknowledges(&self) -> bool {
        matches!(self, Self::Taken | Self::Duplicate)
    }
}

/// The number of an open order's first checks that always query WeChat: after 30
/// seconds, and then after 1, 2 and 5 minutes more.
const CHECKS_WITH_QUERY: u32 = 4;
/// How many unreadable rows are set aside in one call, so that other work is
/// not delayed.
const SET_ASIDE_AT_ONCE: usize = 100;
/// How long a notice's sender waits for the query that confirms it. WeChat
/// waits five seconds for the acknowledgement.
const CONFIRM_MS: u32 = 3_000;
/// A query can lead to a close, and a close to a query; an order can have fifty
/// refunds in progress. No chain of effects is longer.
const LONGEST_CHAIN: usize = 60;

/// An order whose timer is due.
#[derive(Debug)]
pub(super) struct DueOrder {
    /// The order's number.
    pub(super) number: OutTradeNo,
    /// The effects of the timer.
    pub(super) effects: Vec<Effect>,
    /// Whether a payer waits at a counter for it.
    pub(super) urgent: bool,
}

/// A verified payment or refund of an unknown sub-merchant.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Unmatched {
    /// A payment.
    Payment(Box<Payment>),
    /// A refund.
    Refund(UnmatchedRefund),
}

/// A refund of an unknown sub-merchant.
#[derive(Debug, Serialize, Deserialize)]
pub struct UnmatchedRefund {
    /// The institution.
    pub mch_id: String,
    /// The sub-merchant.
    pub sub_mch_id: Option<String>,
    /// The number of the order.
    pub out_trade_no: Option<String>,
    /// The number of the refund.
    pub out_refund_no: String,
    /// WeChat's number for it.
    pub refund_id: String,
    /// The amount that is refunded.
    pub money: Money,
}

impl<R: Runtime, S: Storage> Book<R, S> {
    /// Makes the order at WeChat and writes it; or returns the one made earlier
    /// under the same terms.
    ///
    /// The order is written after WeChat's answer, so every stored order has a
    /// prepayment. A prepayment takes no money, and a repeated request for it
    /// gets the same one: after a crash in between, or with two callers at
    /// once, nothing is lost and nothing is paid twice.
    pub(super) async fn create_order(
        &self,
        context: &MerchantContext,
        new: NewOrder,
    ) -> Result<Prepaid, ApiError> {
        self.refuse_checkouts_number(&new.terms.out_trade_no)?;
        self.prepaid_order(context, new).await
    }

    /// As [`Book::create_order`], for a number that is known to be free.
    pub(super) async fn prepaid_order(
        &self,
        context: &MerchantContext,
        new: NewOrder,
    ) -> Result<Prepaid, ApiError> {
        let NewOrder {
            terms,
            payer_ip,
            time_expire_ms,
            is_attempt,
        } = new;
        let number = terms.out_trade_no.clone();
        if let Some(order) = self.load_order(number.as_str())? {
            return again(&order, &terms, self.runtime.now_ms());
        }
        let prepay = Prepay {
            terms: &terms,
            payer_ip,
            time_expire_ms,
        };
        let prepayment = self.upstream(context).prepay(prepay).await?;

        let now_ms = self.runtime.now_ms();
        self.storage.atomically(|| {
            if let Some(order) = self.load_order(number.as_str())? {
                return again(&order, &terms, now_ms);
            }
            if !is_attempt {
                self.refuse_checkouts_number(&number)?;
            }
            let expires_at_ms = terms.expires_at_ms;
            let (order, effects) = Order::prepaid(terms, prepayment.clone(), now_ms);
            self.insert_order(context, &order, is_attempt, &effects)?;
            Ok(Prepaid {
                prepayment,
                expires_at_ms,
            })
        })
    }

    /// Writes a new order and its first timer, inside a transaction.
    pub(super) fn insert_order(
        &self,
        context: &MerchantContext,
        order: &Order,
        is_attempt: bool,
        effects: &[Effect],
    ) -> Result<(), StorageError> {
        let timer = timer_of(effects);
        let number = order.terms().out_trade_no.as_str();
        store::orders::insert(&self.storage, number, &write_stored("order", order)?, timer)?;
        self.index_new_order(order, is_attempt, Age::New)?;
        self.audit_order(None, order, "")?;
        self.store_merchant_id(context)?;
        match timer {
            Timer::Set(at_ms) => self.arm_for(at_ms),
            Timer::Keep | Timer::Clear => Ok(()),
        }
    }

    /// Returns the order. An open one, and with `refresh` any one, is queried
    /// at WeChat first, unless it was queried in the last ten seconds. Of a
    /// checkout with several attempts, the attempt that is paid is returned, or
    /// else the latest.
    pub(super) async fn find_order(
        &self,
        context: &MerchantContext,
        number: &OutTradeNo,
        refresh: bool,
    ) -> Result<Order, ApiError> {
        let number = match self.checkout_of(number)? {
            Some(checkout) => {
                let facts = self.check_checkout(context, &checkout.id).await?;
                self.deciding_attempt(&facts.checkout)?
                    .unwrap_or_else(|| number.clone())
            }
            None => number.clone(),
        };
        let missing = || ApiError::of(Code::OrderNotFound);
        let order = self.load_order(number.as_str())?.ok_or_else(missing)?;
        if !(refresh || order.is_open()) || !self.may_ask(&number) {
            return Ok(order);
        }
        self.execute_effects(context, number.clone(), vec![Effect::Query])
            .await?;
        self.load_order(number.as_str())?.ok_or_else(missing)
    }

    /// Closes an unpaid order; of a checkout, its open attempt. `None` is a
    /// checkout without an attempt.
    pub(super) async fn close_order(
        &self,
        context: &MerchantContext,
        number: &OutTradeNo,
    ) -> Result<Option<Order>, ApiError> {
        let number = &match self.close_checkout(number)? {
            None => number.clone(),
            Some(checkout) => {
                let Some(telling) = self.deciding_attempt(&checkout)? else {
                    return Ok(None);
                };
                // Several attempts are open where the upstream cannot close
                // orders.
                for attempt in checkout.attempts {
                    let number = attempt.out_trade_no;
                    if number == telling {
                        continue;
                    }
                    let asked =
                        self.transition(context, number.as_str(), Event::CloseAsked, None)?;
                    if let Some(effects) = asked.effects() {
                        self.execute_effects(context, number, effects).await?;
                    }
                }
                if self.load_order(telling.as_str())?.is_none() {
                    return Ok(None);
                }
                telling
            }
        };
        let missing = || ApiError::of(Code::OrderNotFound);
        let effects = self
            .transition(context, number.as_str(), Event::CloseAsked, None)?
            .effects_or_error()?;
        self.execute_effects(context, number.clone(), effects)
            .await?;
        let order = self.load_order(number.as_str())?.ok_or_else(missing)?;
        // The order was paid before it could be closed: the caller gets the
        // code of that.
        match order.paid() {
            Some(_) => Err(Refusal::OrderPaid.into()),
            None => Ok(Some(order)),
        }
    }

    /// A notice with a valid signature. Crate `order` compares its fields with
    /// the order; it is acknowledged once its result is written.
    ///
    /// A notice alone makes no order paid, unless the merchant's settings allow
    /// that for its amount: WeChat is queried first. The sender is answered
    /// after [`CONFIRM_MS`] at the latest; the order's timer repeats the query.
    pub(super) async fn noticed(
        &self,
        context: &MerchantContext,
        payment: Payment,
        xml: Option<&str>,
    ) -> Result<Verdict, ApiError> {
        let number = payment.out_trade_no.clone();
        let reported = payment.clone();
        let confirms = context.merchant.confirms(payment.money);
        // A payment that another system took under a Quick Pay's number is not
        // written here, so its notice is not acknowledged here.
        let order = self.load_order(&number)?;
        let is_rejected = order
            .as_ref()
            .is_some_and(|order| order.has_rejected(&payment.transaction_id));
        let is_anothers = order.is_some_and(|order| is_anothers(&order, &payment));
        if is_anothers && is_rejected {
            self.count(Counter::Notice(NoticeLabel::Duplicate));
            return Ok(Verdict::Duplicate);
        }
        if confirms && is_anothers {
            let number = OutTradeNo::new(&number).map_err(ApiError::internal)?;
            self.query_after_hint(context, &number).await?;
            return Ok(Verdict::Refused(Rejection::AnotherOrders));
        }
        let payment = Box::new(payment);
        let event = match confirms {
            true => Event::PaymentReported(payment),
            false => Event::StateReported(TradeState::Success(payment), Via::Notice),
        };
        // A reported payment is admitted when it is confirmed.
        if !confirms && !self.admits(context, &number, &event).await? {
            return Ok(Verdict::Refused(Rejection::OtherTransaction));
        }
        let verdict = match self.transition(context, &number, event, xml)? {
            Outcome::Applied(_) if is_anothers => Verdict::Refused(Rejection::AnotherOrders),
            Outcome::NoOrder => {
                self.raise(Alarm::OrderUnknown, &number)?;
                Verdict::Refused(Rejection::OrderUnknown)
            }
            // The same notice, while its payment is not confirmed.
            Outcome::Applied(effects) if confirms && effects.is_empty() => Verdict::Duplicate,
            Outcome::Applied(effects) => {
                self.record_source(true)?;
                if effects.contains(&Effect::Query) {
                    let confirming = self.confirm(context, &number, &reported, xml);
                    let patience = self.runtime.sleep(CONFIRM_MS);
                    if let Either::Left((confirmed, _)) =
                        select(pin!(confirming), pin!(patience)).await
                    {
                        confirmed?;
                    }
                }
                Verdict::Taken
            }
            // The payment of an order that is being reversed is stored, and is
            // refunded. One that an operator has rejected needs no further
            // notice.
            Outcome::Refused(
                Refusal::AlreadyPaid | Refusal::Reversed | Refusal::RejectedPayment,
            ) => {
                self.record_source(true)?;
                Verdict::Duplicate
            }
            // A notice's statement of this is not accepted: WeChat's answer to
            // a query decides.
            Outcome::Refused(Refusal::OtherAttach) => {
                let number = OutTradeNo::new(&number).map_err(ApiError::internal)?;
                return self.query_after_hint(context, &number).await;
            }
            Outcome::Refused(refusal) => Verdict::Refused(refusal.into()),
        };
        self.count(match verdict {
            Verdict::Taken => Counter::Notice(NoticeLabel::Taken),
            Verdict::Duplicate => Counter::Notice(NoticeLabel::Duplicate),
            Verdict::Refused(rejection) => Counter::Rejected(rejection),
        });
        Ok(verdict)
    }

    /// Queries an order whose payment a notice reports. If the answer confirms
    /// the payment, the merchant receives the notice as it was received.
    async fn confirm(
        &self,
        context: &MerchantContext,
        number: &str,
        reported: &Payment,
        xml: Option<&str>,
    ) -> Result<(), ApiError> {
        let number = OutTradeNo::new(number).map_err(ApiError::internal)?;
        let Some(event) = self.query(context, &number).await else {
            return Ok(());
        };
        if !self.admits(context, number.as_str(), &event).await? {
            return Ok(());
        }
        let same = payment_of(&event).is_some_and(|payment| payment.agrees_with(reported));
        let xml = xml.filter(|_| same);
        let outcome = self.transition(context, number.as_str(), event, xml)?;
        match outcome.effects() {
            Some(effects) => Ok(self.execute_effects(context, number, effects).await?),
            None => Ok(()),
        }
    }

    /// Stores a payment to an unknown sub-merchant, or a refund of one, and
    /// raises an operator alarm (checklist I3).
    pub(super) fn keep_unmatched(&self, unmatched: &Unmatched) -> Result<Verdict, ApiError> {
        let (number, sub_mch_id, alarm, label) = match unmatched {
            Unmatched::Payment(payment) => (
                &payment.transaction_id,
                &payment.account.sub_mch_id,
                Alarm::SubMerchantUnknown,
                NoticeLabel::Stray,
            ),
            Unmatched::Refund(refund) => (
                &refund.refund_id,
                &refund.sub_mch_id,
                Alarm::SubMerchantUnknown,
                NoticeLabel::RefundStray,
            ),
        };
        self.storage.atomically(|| {
            store::unmatched::keep(&self.storage, number, &write_stored("stray", unmatched)?)?;
            self.raise(alarm, sub_mch_id.as_deref().unwrap_or_default())
        })?;
        self.count(Counter::Notice(label));
        Ok(Verdict::Taken)
    }

    /// Handles an unverified message that the order is paid: queries WeChat,
    /// unless a query was sent in the last ten seconds.
    pub(super) async fn query_after_hint(
        &self,
        context: &MerchantContext,
        number: &OutTradeNo,
    ) -> Result<Verdict, ApiError> {
        let is_paid = || -> Result<Option<bool>, StorageError> {
            let order = self.load_order(number.as_str())?;
            Ok(order.map(|order| order.paid().is_some()))
        };
        if is_paid()? == Some(false) && self.may_ask(number) {
            self.execute_effects(context, number.clone(), vec![Effect::Query])
                .await?;
        }
        let verdict = match is_paid()? {
            Some(true) => Verdict::Taken,
            Some(false) => Verdict::Refused(Rejection::HintNotConfirmed),
            None => Verdict::Refused(Rejection::OrderUnknown),
        };
        self.count(match verdict {
            Verdict::Refused(rejection) => Counter::Rejected(rejection),
            Verdict::Taken | Verdict::Duplicate => Counter::Notice(NoticeLabel::HintConfirmed),
        });
        Ok(verdict)
    }

    /// Claims the order whose timer has been due longest, by moving the timer.
    /// The caller executes the effects. An order that cannot be read is set
    /// aside, and the next one is claimed.
    pub(super) fn claim_due_order(
        &self,
        context: &MerchantContext,
    ) -> Result<Option<DueOrder>, StorageError> {
        for _ in 0..SET_ASIDE_AT_ONCE {
            let due = store::orders::longest_due(&self.storage, self.runtime.now_ms())?;
            let Some(text) = due.as_deref() else {
                return Ok(None);
            };
            let looked = self.timer_context(text, false).within_now(|| {
                let number: OutTradeNo = OutTradeNo::new(text)
                    .map_err(|error| StorageError::unreadable("order number", error))?;
                let order = self.load_order(text)?;
                let urgent = order.is_some_and(|order| {
                    order.is_open() && order.terms().trade_type == TradeType::Micropay
                });
                let outcome = self.transition(context, text, Event::Due, None)?;
                Ok::<_, StorageError>((number, urgent, outcome))
            });
            match looked {
                Ok((number, urgent, Outcome::Applied(mut effects))) => {
                    if self.needs_no_query(&number)? {
                        effects.retain(|effect| *effect != Effect::Query);
                    }
                    return Ok(Some(DueOrder {
                        number,
                        effects,
                        urgent,
                    }));
                }
                Ok(_) => self.set_aside(text, "its timer is refused")?,
                Err(error) => self.set_aside(text, &error.to_string())?,
            }
        }
        Ok(None)
    }

    /// Whether this check of an open order needs no query.
    ///
    /// While WeChat's notices arrive, a payment is known from its notice, and a
    /// query only finds a payment whose notice was lost: WeChat repeats such a
    /// notice after 15 seconds. So after the first checks WeChat is queried
    /// only once more, when the order expires. As soon as one payment was found
    /// by a timer's query, every check queries again, until a notice arrives.
    fn needs_no_query(&self, number: &OutTradeNo) -> Result<bool, StorageError> {
        let Some(order) = self.load_order(number.as_str())? else {
            return Ok(false);
        };
        let is_waiting = matches!(order.status(), Status::NotPay)
            && order.reported().is_none()
            && order.checks() > CHECKS_WITH_QUERY
            && self.runtime.now_ms() < order.terms().expires_at_ms;
        Ok(is_waiting && self.do_notices_arrive()?)
    }

    /// Whether the latest payment was reported by WeChat's notice, and not by a
    /// timer's query. `false` if not known.
    fn do_notices_arrive(&self) -> Result<bool, StorageError> {
        if let Some(come) = self.notices_arrive.get() {
            return Ok(come);
        }
        let come = store::facts::get(&self.storage, Fact::NoticesCome)?.as_deref() == Some("1");
        self.notices_arrive.set(Some(come));
        Ok(come)
    }

    /// Records whether a notice or a timer's query reported the payment.
    fn record_source(&self, by_notice: bool) -> Result<(), StorageError> {
        if self.do_notices_arrive()? == by_notice {
            return Ok(());
        }
        let text = if by_notice { "1" } else { "0" };
        store::facts::set(&self.storage, Fact::NoticesCome, text)?;
        self.notices_arrive.set(Some(by_notice));
        Ok(())
    }

    /// Moves the timer of an order whose row could not be processed, so that
    /// the orders after it are processed.
    fn set_aside(&self, number: &str, why: &str) -> Result<(), StorageError> {
        self.runtime
            .log(format_args!("order {number} set aside: {why}"));
        self.unreadable.borrow_mut().insert(number.to_owned());
        let again_ms = self.runtime.now_ms() + SET_ASIDE_MS;
        store::orders::move_timer(&self.storage, number, again_ms)
    }

    /// Executes effects, and those that follow from them. What WeChat does not
    /// answer, the order's timer repeats. The future is boxed: every call of a
    /// book contains it, and it would not fit on a small stack.
    pub(super) fn execute_effects<'a>(
        &'a self,
        context: &'a MerchantContext,
        number: OutTradeNo,
        effects: Vec<Effect>,
    ) -> LocalBoxFuture<'a, Result<(), StorageError>> {
        Box::pin(self.execute_all(context, number, effects))
    }

    async fn execute_all(
        &self,
        context: &MerchantContext,
        number: OutTradeNo,
        mut effects: Vec<Effect>,
    ) -> Result<(), StorageError> {
        for _ in 0..LONGEST_CHAIN {
            let Some(effect) = effects.pop() else {
                return Ok(());
            };
            let event = match effect {
                Effect::Query => self.query(context, &number).await,
                Effect::Close => Some(self.close(context, &number).await),
                Effect::Reverse => Some(self.reverse(context, &number).await),
                Effect::Refund(refund) => self.refund(context, &number, &refund).await?.event(),
                Effect::QueryRefund(refund) => self.query_refund(context, &number, &refund).await,
                // The delivery was scheduled where the order was written.
                Effect::Deliver
                | Effect::DeliverRefund(_)
                | Effect::WakeAt(_)
                | Effect::Rest
                | Effect::Raise(_) => None,
            };
            let Some(event) = event else { continue };
            if !self.admits(context, number.as_str(), &event).await? {
                continue;
            }
            let is_payment = payment_of(&event).is_some();
            let outcome = self.transition(context, number.as_str(), event, None)?;
            if let Some(more) = outcome.effects() {
                if is_payment && RequestContext::current().who == Actor::Timer {
                    self.record_source(false)?;
                }
                effects.extend(more);
            }
        }
        Ok(())
    }

    /// Queries the order at WeChat; `None` without a verified answer.
    pub(super) async fn query(
        &self,
        context: &MerchantContext,
        number: &OutTradeNo,
    ) -> Option<Event> {
        let order = self.known_order(number);
        let event = self.query_bare(context, number).await?;
        Some(answered(order.as_ref(), event))
    }

    /// The order, where its row can be read. A call to WeChat needs it only for
    /// details, so a database that refuses is logged and does not stop the call.
    pub(super) fn known_order(&self, number: &OutTradeNo) -> Option<Order> {
        self.load_order(number.as_str()).unwrap_or_else(|error| {
            ApiError::from(error).log_cause(&self.runtime);
            None
        })
    }

    /// As [`Book::query`], without the order's revision.
    pub(super) async fn query_bare(
        &self,
        context: &MerchantContext,
        number: &OutTradeNo,
    ) -> Option<Event> {
        let order = self.known_order(number);
        let account = order
            .as_ref()
            .map_or(&context.merchant.account, |order| &order.terms().account);
        match self.upstream(context).query(number, account).await {
            Ok(state) => Some(Event::StateReported(state, Via::Query)),
            Err(failure) => match failure.reason() {
                Some(Reason::OrderNotExist) => Some(Event::NotFound),
                _ => None,
            },
        }
    }

    /// Closes an order at WeChat. Only a verified answer counts.
    async fn close(&self, context: &MerchantContext, number: &OutTradeNo) -> Event {
        let order = self.known_order(number);
        let answer = match self.upstream(context).close(number, order.as_ref()).await {
            Ok(()) => CloseAnswer::Closed,
            Err(failure) => match failure.reason() {
                Some(Reason::OrderClosed) => CloseAnswer::Closed,
                Some(Reason::OrderPaid) => CloseAnswer::OrderPaid,
                _ => CloseAnswer::Unknown,
            },
        };
        answered(order.as_ref(), Event::CloseAnswered(answer))
    }

    /// Whether WeChat's transaction has paid another order of this book. One
    /// transaction pays one order only.
    pub(super) fn is_of_another(
        &self,
        transaction_id: &str,
        number: &str,
    ) -> Result<bool, StorageError> {
        let owner = store::orders::paid_by(&self.storage, transaction_id)?;
        Ok(owner.is_some_and(|owner| owner != number))
    }

    /// Whether a payment that WeChat reports may be accepted. Merchants that
    /// share a `mch_id` share its transactions, and one transaction must not
    /// pay an order in two books: an object named by the `mch_id` stores which
    /// order each transaction pays. There are a hundred such objects for each
    /// `mch_id`, selected by the end of the transaction's number, so that none
    /// gets too many requests. Where the object does not answer, nothing
    /// changes, and the order is queried again until it does.
    pub(super) async fn admits(
        &self,
        context: &MerchantContext,
        number: &str,
        event: &Event,
    ) -> Result<bool, StorageError> {
        let (true, Some(payment)) = (context.shares_account, payment_of(event)) else {
            return Ok(true);
        };
        let Some(mut order) = self.load_order(number)? else {
            return Ok(true);
        };
        if order.paid().is_some() || is_anothers(&order, payment) {
            return Ok(true);
        }
        if order.apply(event.clone(), self.runtime.now_ms()).is_err() {
            return Ok(true);
        }
        let claimed = self.claim(context, &payment.transaction_id, number).await;
        if claimed.is_some() {
            self.claim_answered(number)?;
        }
        match claimed {
            Some(true) => Ok(true),
            Some(false) => {
                if !order.has_rejected(&payment.transaction_id) {
                    self.raise(Alarm::OtherTransaction, number)?;
                }
                // Otherwise the timer would reverse it, and with it the other
                // order's payment.
                if order.terms().trade_type == TradeType::Micropay {
                    let _ = self.transition(context, number, Event::NumberTaken, None)?;
                }
                Ok(false)
            }
            None => {
                self.claim_unanswered(context, number)?;
                Ok(false)
            }
        }
    }

    /// Claims a transaction, or a number, for this order among all merchants
    /// with its `mch_id`. Returns whether it is this order's; `None` without an
    /// answer.
    pub(super) async fn claim(
        &self,
        context: &MerchantContext,
        what: &str,
        number: &str,
    ) -> Option<bool> {
        let digits = what.chars().rev().filter(char::is_ascii_digit);
        let shard: String = digits.take(2).collect();
        let claim = Claim {
            transaction_id: what.to_owned(),
            order: format!("{}/{number}", context.merchant.id),
        };
        let envelope = Envelope::new(&context.merchant.id, claim);
        // A merchant's id contains no `/`, so no book has this name.
        let object = format!("{}/{shard}", context.merchant.account.mch_id);
        self.ask_claim(&object, &envelope)
            .await
            .inspect_err(|error| error.log_as(&self.runtime, "a claim was not answered"))
            .ok()
    }

    async fn ask_claim(
        &self,
        object: &str,
        envelope: &Envelope,
    ) -> Result<<Claim as Command>::Reply, ApiError> {
        let body = serde_json::to_vec(envelope).map_err(ApiError::internal)?;
        let answer = self.runtime.call(Object::Book(object), body).await?;
        serde_json::from_slice::<Result<<Claim as Command>::Reply, ApiError>>(&answer)
            .map_err(|error| ApiError::unreadable("answer to a claim", &error))?
    }

    /// The document that reports the payment to the merchant: WeChat's own
    /// notice, byte for byte; or, where a query found the payment, one of the
    /// same form that is signed with the same key, so that the merchant
    /// verifies both in the same way. The gateway signs nothing ambiguous: an
    /// `attach` with `&` (of an order that was made before `&` was refused) is
    /// left out.
    pub(super) fn notice_document(
        &self,
        context: &MerchantContext,
        payment: &Payment,
        notice_xml: Option<&str>,
    ) -> String {
        match notice_xml {
            Some(xml) => xml.to_owned(),
            None => {
                let notice = Notice {
                    payment: payment.clone(),
                    nonce_str: self.nonce(),
                    device_info: None,
                };
                let sign_type = context.merchant.sign_type;
                let fields = notice.to_fields(sign_type).without_ambiguous();
                let sealed = fields.sealed(&context.credentials.api_key, sign_type);
                sealed.to_xml()
            }
        }
    }
}

fn again(order: &Order, terms: &Terms, now_ms: i64) -> Result<Prepaid, ApiError> {
    let prepayment = order.prepay_again(terms, now_ms)?.clone();
    Ok(Prepaid {
        prepayment,
        expires_at_ms: order.terms().expires_at_ms,
    })
}
