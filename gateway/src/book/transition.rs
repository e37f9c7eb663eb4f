//! The one place where an order's state changes.
//!
//! ```text
//! event ─▶ read the order ─▶ Order::apply ─▶ write it, with its timer, index row,
//!                                            audit, events, deliveries and alarms
//! ```
//!
//! All of it is one transaction, without an await.

use super::Book;
use super::changes::{OrderSnapshot, evidence};
use super::index::Age;
use super::store;
use super::store::index::Entry;
use super::store::orders::Timer;
use super::write_stored;
use crate::http::error::{ApiError, Code};
use crate::merchants::directory::MerchantContext;
use crate::observe::Counter;
use crate::observe::alarm::Alarm;
use crate::runtime::{Runtime, Storage, StorageError};
use order::{Effect, Event, Order, Payment, Refusal, TradeState, TradeType, Via};
use wechatpay::common::time::parse_china;

/// How long a payment may stay unconfirmed before an alarm is raised.
const UNCONFIRMED_MS: i64 = 60_000;

/// The outcome of an event.
#[derive(Debug)]
pub(super) enum Outcome {
    /// There is no such order.
    NoOrder,
    /// The event was refused, and nothing changed.
    Refused(Refusal),
    /// The order is written. These effects remain to be executed: they need the
    /// network.
    Applied(Vec<Effect>),
}

impl Outcome {
    /// The effects to execute; none, unless the event was applied.
    pub(super) fn effects(self) -> Option<Vec<Effect>> {
        match self {
            Self::Applied(effects) => Some(effects),
            Self::NoOrder | Self::Refused(_) => None,
        }
    }

    /// The effects to execute; or the error for the caller whose command caused
    /// the event.
    pub(super) fn effects_or_error(self) -> Result<Vec<Effect>, ApiError> {
        match self {
            Self::Applied(effects) => Ok(effects),
            Self::Refused(refusal) => Err(refusal.into()),
            Self::NoOrder => Err(ApiError::of(Code::OrderNotFound)),
        }
    }
}

impl<R: Runtime, S: Storage> Book<R, S> {
    /// Applies an event to an order: read, decide, write, in one transaction
    /// and without an await.
    pub(super) fn transition(
        &self,
        context: &MerchantContext,
        number: &str,
        event: Event,
        notice_xml: Option<&str>,
    ) -> Result<Outcome, StorageError> {
        let mut changed = false;
        let mut quick_pay_ended = None;
        let outcome = self.storage.atomically(|| {
            let Some(mut order) = self.load_order(number)? else {
                return Ok(Outcome::NoOrder);
            };
            let event = self.of_purchase(context, &order, event)?;
            let was_duplicate = order.duplicate_of().is_some();
            let (before, evidence) = (OrderSnapshot::of(&order), evidence(&event));
            let seen_before = seen(&order);
            let indexed = Entry::of_order(&order);
            let was_known = order.known_payment().is_some();
            let reported = order.reported().cloned();
            let refunds_before = order.refunds().len();
            let is_due = event == Event::Due;
            if let Some(payment) = payment_of(&event)
                && self.is_of_another(&payment.transaction_id, number)?
            {
                return Ok(Outcome::Refused(
                    match order.has_rejected(&payment.transaction_id) {
                        true => Refusal::RejectedPayment,
                        false => Refusal::OtherTransaction,
                    },
                ));
            }
            let effects = match order.apply(event, self.runtime.now_ms()) {
                Ok(effects) => effects,
                Err(refusal) => return Ok(Outcome::Refused(refusal)),
            };
            let json = write_stored("order", &order)?;
            store::orders::update(&self.storage, number, &json, timer_of(&effects))?;
            self.index_order(&indexed, &order, Age::New)?;
            if let Some(paid) = order.known_payment().filter(|_| !was_known) {
                store::orders::keep_transaction(
                    &self.storage,
                    &paid.payment.transaction_id,
                    number,
                )?;
                let id = paid.payment.transaction_id.as_str();
                if reported.is_some_and(|reported| reported.transaction_id != id) {
                    self.raise(Alarm::PaidTwice, number)?;
                }
                if paid.via == Via::Notice {
                    self.check_later(number)?;
                }
            }
            if let Some(reported) = order.reported()
                && is_due
                && self.runtime.now_ms() - reported.at_ms >= UNCONFIRMED_MS
            {
                self.raise(Alarm::PaymentUnconfirmed, number)?;
            }
            if effects.contains(&Effect::Deliver) {
                self.add_delivery(context, &order, notice_xml)?;
            }
            self.audit_order(Some(&before), &order, &evidence)?;
            self.write_order_events(&before, &order, &effects)?;
            if !was_duplicate && order.duplicate_of().is_some() {
                self.count(Counter::PurchasePaidTwice);
            }
            // Written together with the refund: if the refund's number were
            // free, WeChat could mix it up with another order's refund.
            for refund in order.refunds().iter().skip(refunds_before) {
                store::refunds::take_number(&self.storage, &refund.out_refund_no, number)?;
            }
            for effect in &effects {
                match effect {
                    Effect::DeliverRefund(out_refund_no) => {
                        self.refund_ended(context, &order, out_refund_no)?;
                    }
                    Effect::Raise(trouble) => self.raise(Alarm::of_trouble(*trouble), number)?,
                    _ => {}
                }
            }
            // Before the day is over, something of it may change again.
            if order.known_payment().is_some()
                && (!was_known || OrderSnapshot::of(&order).refunds != before.refunds)
            {
                let now_ms = self.runtime.now_ms();
                let paid_ms = super::index::paid_at_ms(&order).unwrap_or(now_ms);
                self.note_active_day(context, paid_ms)?;
            }
            self.arm()?;
            changed = seen(&order) != seen_before;
            if changed && seen_before.0 && order.terms().trade_type == TradeType::Micropay {
                quick_pay_ended = Some(order);
            }
            Ok::<_, StorageError>(Outcome::Applied(effects))
        })?;
        if changed {
            self.notify_pages(number)?;
        }
        if let Some(order) = quick_pay_ended
            && self.upstream(context).quick_pay_ended(&order)
        {
            // The alarm sends the report, so that no caller waits for it.
            self.arm_now();
        }
        match outcome {
            Outcome::Refused(refusal) => {
                if let Some(alarm) = Alarm::of(refusal) {
                    self.raise(alarm, number)?;
                }
                Ok(outcome)
            }
            Outcome::Applied(mut effects) => {
                effects.retain(needs_network);
                Ok(Outcome::Applied(effects))
            }
            Outcome::NoOrder => Ok(outcome),
        }
    }
}

/// Whether the effect is executed after the order is written.
const fn needs_network(effect: &Effect) -> bool {
    !matches!(
        effect,
        Effect::Deliver
            | Effect::DeliverRefund(_)
            | Effect::WakeAt(_)
            | Effect::Rest
            | Effect::Raise(_)
    )
}

/// The payment that an event reports.
pub(super) fn payment_of(event: &Event) -> Option<&Payment> {
    match event {
        Event::StateReported(TradeState::Success(payment) | TradeState::Refund(payment), _)
        | Event::PaymentReported(payment)
        | Event::DuplicatePayment { payment, .. } => Some(payment),
        Event::Answered { event, .. } | Event::Accepted(event) => payment_of(event),
        _ => None,
    }
}

/// Whether the order is an unpaid Quick Pay that cannot have made the payment.
pub(super) fn is_anothers(order: &Order, payment: &Payment) -> bool {
    let paid_at_ms = parse_china(&payment.time_end).ok();
    order.paid().is_none() && order.is_anothers(payment, paid_at_ms)
}

/// The event for WeChat's answer to a query that was sent while the order had
/// this state.
pub(super) fn answered(order: Option<&Order>, event: Event) -> Event {
    match order {
        Some(order) => Event::Answered {
            revision: order.revision(),
            event: Box::new(event),
        },
        None => event,
    }
}

/// What a payer's page sees of an order. A reported payment is shown when it is
/// confirmed, mostly at once.
fn seen(order: &Order) -> (bool, bool) {
    (order.is_open(), order.paid().is_some())
}

/// The change of the order's timer by these effects.
pub(super) fn timer_of(effects: &[Effect]) -> Timer {
    let timer = effects.iter().find_map(|effect| match effect {
        Effect::WakeAt(at_ms) => Some(Timer::Set(*at_ms)),
        Effect::Rest => Some(Timer::Clear),
        _ => None,
    });
    timer.unwrap_or(Timer::Keep)
}
