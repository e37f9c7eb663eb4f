//! Events: what happened to a merchant's orders, refunds, checkouts and links, in
//! the order in which it happened.
//!
//! ```text
//! change of an order ──▶ event, in the same transaction ──▶ a delivery to each endpoint
//!                          └──▶ GET /v1/events, for ninety days
//! ```
//!
//! Each event belongs to a *subject*, mostly an order's number. Its `seq` counts
//! the events of that subject, so that a receiver can put them in order and
//! notices a gap. An event is written whether or not there is an endpoint.

use super::changes::OrderSnapshot;
use super::event_type::EventType;
use super::lists::{Range, refund_item};
use super::store::events::NewEvent;
use super::store::facts::Fact;
use super::{Book, Checkout, Link, SET_ASIDE_MS, store};
use crate::http::error::{ApiError, Code};
use crate::merchants::seal::random_text;
use crate::observe::Log;
use crate::runtime::{Runtime, Storage, StorageError};
use checkout::State;
use order::{CloseReason, Effect, Elsewhere, Order, Refund, RefundStatus, Status};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// An event as it is stored.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) n: i64,
    /// The part of its id that no caller can guess.
    pub(super) random: String,
    pub(super) kind: String,
    pub(super) subject: String,
    pub(super) seq: i64,
    pub(super) at_ms: i64,
    /// JSON.
    pub(super) object: String,
}

impl Event {
    /// Whether its subject is the number of an order or a checkout.
    pub(super) fn is_of_number(&self) -> bool {
        let of_number = ["order.", "refund.", "checkout."];
        of_number.iter().any(|group| self.kind.starts_with(group))
    }

    /// Its id: unique in the deployment, the same in every answer and delivery.
    pub(super) fn id(&self) -> String {
        format!("evt_{}_{}", self.n, self.random)
    }

    /// Its body, as it is shown and sent.
    pub(super) fn body(&self) -> Result<Json, StorageError> {
        let object: Json = super::read_stored("event", &self.object)?;
        Ok(json!({
            "id": self.id(),
            "type": self.kind,
            "at_ms": self.at_ms,
            "subject": self.subject,
            "seq": self.seq,
            "object": object,
        }))
    }
}

/// The number in an event's id.
pub fn number_in(id: &str) -> Option<i64> {
    let (n, _) = id.strip_prefix("evt_")?.split_once('_')?;
    n.parse().ok()
}

/// Which events to read, oldest first unless `newest` is set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EventSearch {
    /// Those after the event with this id.
    pub after: Option<String>,
    /// Those after this number: an event that was read a moment ago, and may have
    /// been removed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_n: Option<i64>,
    /// Of this type.
    pub kind: Option<EventType>,
    /// Of this order, or of this checkout and all its attempts.
    pub out_trade_no: Option<String>,
    /// Newest first: `after` is then the event before which the page begins.
    #[serde(default, skip_serializing_if = "is_false")]
    pub newest: bool,
    /// When it happened, Unix milliseconds.
    #[serde(default, skip_serializing_if = "is_unset")]
    pub at_ms: Range,
    /// A prefix of the subject or of the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// The most events of the page.
    pub limit: i64,
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_unset(range: &Range) -> bool {
    !range.is_set()
}

/// A page of events.
#[derive(Debug, Serialize, Deserialize)]
pub struct EventPage {
    /// The events, in the order of the search.
    pub events: Vec<Json>,
    /// The event after which the next page begins; `None` where none follows.
    pub after: Option<String>,
}

/// How long events are kept.
pub(super) const KEPT_MS: i64 = 90 * 86_400_000;
/// How often a book looks for old events at most.
const REMOVED_EVERY_MS: i64 = 3_600_000;
/// How many events are removed in one transaction.
const REMOVED_AT_ONCE: i64 = 500;
/// How many checkouts one alarm looks at.
const ENDED_AT_ONCE: i64 = 100;
/// A checkout that may still be paid after its time is looked at again after this.
const LOOK_AGAIN_MS: i64 = 60_000;
/// The length of an id's random part: 59 bits.
const RANDOM: usize = 10;

/// The event for a change of an order.
enum Change<'a> {
    Order(EventType),
    Refund(EventType, &'a Refund),
}

/// The events of an order's change. `is_sale`: its payment has become known and is
/// kept.
fn changes<'a>(before: &OrderSnapshot, order: &'a Order, is_sale: bool) -> Vec<Change<'a>> {
    let after = OrderSnapshot::of(order);
    let mut changes = Vec::new();
    if is_sale {
        changes.push(Change::Order(EventType::OrderPaid));
    }
    if !before.is_duplicate && after.is_duplicate {
        changes.push(Change::Order(EventType::OrderDuplicatePayment));
    }
    if before.status != after.status {
        let ended = match order.status() {
            Status::Closed {
                reason: CloseReason::Expired,
                ..
            } => Some(EventType::OrderExpired),
            Status::Closed { .. } | Status::Revoked { .. } | Status::PayError { .. } => {
                Some(EventType::OrderClosed)
            }
            _ => None,
        };
        changes.extend(ended.map(Change::Order));
    }
    if before.elsewhere != after.elsewhere {
        changes.extend(
            after
                .elsewhere
                .map(|elsewhere| match elsewhere {
                    Elsewhere::Refunded => EventType::OrderRefundedElsewhere,
                    Elsewhere::Closed => EventType::OrderClosed,
                })
                .map(Change::Order),
        );
    }
    for (at, refund) in order.refunds().iter().enumerate() {
        if before.refunds.get(at) == Some(&refund.status) {
            continue;
        }
        let kind = match refund.status {
            // The merchant's own request.
            RefundStatus::Asked => continue,
            RefundStatus::Processing => EventType::RefundAccepted,
            RefundStatus::Success => EventType::RefundSucceeded,
            RefundStatus::Closed | RefundStatus::Abnormal => EventType::RefundFailed,
        };
        changes.push(Change::Refund(kind, refund));
    }
    changes
}

impl<R: Runtime, S: Storage> Book<R, S> {
    /// Writes an event and its deliveries, inside the transaction of the change that
    /// it reports.
    pub(super) fn write_event(
        &self,
        kind: EventType,
        subject: &str,
        object: &Json,
    ) -> Result<(), StorageError> {
        let n = self.insert_event(kind, subject, object)?;
        self.deliver_event(n, kind, subject, self.runtime.now_ms())
    }

    /// Writes an event without deliveries. Returns its `n`.
    pub(super) fn insert_event(
        &self,
        kind: EventType,
        subject: &str,
        object: &Json,
    ) -> Result<i64, StorageError> {
        let now_ms = self.runtime.now_ms();
        let random = random_text(|bytes| self.runtime.random(bytes), RANDOM);
        let new = NewEvent {
            kind,
            subject,
            object: &object.to_string(),
            random: &random,
            at_ms: now_ms,
        };
        let n = store::events::insert(&self.storage, &new)?;
        Ok(n)
    }

    /// Writes the events of an order's change, inside the transaction that writes
    /// the order.
    pub(super) fn write_order_events(
        &self,
        before: &OrderSnapshot,
        order: &Order,
        effects: &[Effect],
    ) -> Result<(), StorageError> {
        let is_sale = effects.contains(&Effect::Deliver);
        let number = order.terms().out_trade_no.as_str();
        let mut object = None;
        for change in changes(before, order, is_sale) {
            match change {
                Change::Order(kind) => {
                    if object.is_none() {
                        object = self.order_item(order).map(Some)?;
                    }
                    if let Some(object) = &mut object {
                        if kind == EventType::OrderPaid {
                            self.add_receipt(number, object)?;
                        }
                        self.write_event(kind, number, object)?;
                    }
                }
                Change::Refund(kind, refund) => {
                    let terms = order.terms();
                    let origin = self.origin_of(terms)?;
                    let mut item = refund_item(order, refund, origin.purchase.as_ref());
                    // The values by which the merchant's own system finds the order.
                    if let Some(item) = item.as_object_mut() {
                        item.insert("attach".to_owned(), json!(terms.attach));
                        item.insert("metadata".to_owned(), json!(origin.metadata));
                    }
                    self.write_event(kind, number, &item)?;
                }
            }
        }
        let link = object.as_ref().and_then(|object| object.get("link"));
        if is_sale && let Some(link) = link.and_then(Json::as_str) {
            self.note_last_piece(order, link)?;
        }
        Ok(())
    }

    /// Makes the receipt of an order that is being paid, and adds its address to
    /// the event's object.
    fn add_receipt(&self, number: &str, object: &mut Json) -> Result<(), StorageError> {
        let id = self.make_receipt(number)?;
        let merchant = store::facts::get(&self.storage, Fact::Merchant)?;
        if let (Some(merchant), Some(object)) = (merchant, object.as_object_mut()) {
            let url = self.config.receipt_url(&merchant, &id);
            object.insert("receipt_url".to_owned(), json!(url));
        }
        Ok(())
    }

    /// Reports a link whose last piece this order pays, in the transaction that
    /// makes it paid. An unreadable link does not prevent the payment.
    fn note_last_piece(&self, order: &Order, link_id: &str) -> Result<(), StorageError> {
        let number = order.terms().out_trade_no.as_str();
        let Some(stored) = store::links::find(&self.storage, link_id)? else {
            return Ok(());
        };
        let Ok(link) = self.read_row::<Link>("link", link_id, &stored.json) else {
            return Ok(());
        };
        let (Some(stock), Some(pieces)) = (
            link.stock,
            store::links::pieces_of_attempt(&self.storage, number)?,
        ) else {
            return Ok(());
        };
        let now_ms = self.runtime.now_ms();
        let counted = store::links::count_pieces(&self.storage, link_id, now_ms)?;
        let sold = stored.sold + counted.paid;
        if sold - pieces < stock && sold >= stock {
            let object = self.link_object(&link, sold, counted.held)?;
            self.write_event(EventType::LinkSoldOut, link_id, &object)?;
        }
        Ok(())
    }

    /// Reports checkouts whose time is over. One that may still be paid is looked
    /// at again later.
    pub(super) fn report_ended_checkouts(&self) -> Result<(), StorageError> {
        let now_ms = self.runtime.now_ms();
        for id in store::events::ended_checkouts(&self.storage, now_ms, ENDED_AT_ONCE)? {
            let reported = self
                .storage
                .atomically(|| self.report_ended_checkout(&id, now_ms));
            if let Err(error) = reported {
                error.log_cause(&self.runtime);
                store::events::move_checkout_end(&self.storage, &id, now_ms + SET_ASIDE_MS)?;
            }
        }
        Ok(())
    }

    fn report_ended_checkout(&self, id: &str, now_ms: i64) -> Result<(), ApiError> {
        let facts = match self.view_checkout(id) {
            Ok(facts) => facts,
            Err(error) if error.code == Code::SessionNotFound => {
                store::events::end_checkout(&self.storage, id)?;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        match facts.state {
            State::Open | State::Confirming => {
                store::events::move_checkout_end(&self.storage, id, now_ms + LOOK_AGAIN_MS)?;
            }
            State::Expired => {
                store::events::end_checkout(&self.storage, id)?;
                if let Some(object) = self.checkout_item(id)? {
                    let number = facts.checkout.purchase.out_trade_no;
                    self.write_event(EventType::CheckoutExpired, number.as_str(), &object)?;
                }
            }
            State::Paid { .. }
            | State::PartlyRefunded { .. }
            | State::Refunded { .. }
            | State::Closed
            | State::Failed => {
                store::events::end_checkout(&self.storage, id)?;
            }
        }
        Ok(())
    }

    /// A page of events.
    pub(super) fn events(&self, search: &EventSearch) -> Result<EventPage, ApiError> {
        let after_n = match (search.after_n, &search.after) {
            (Some(n), _) => n,
            (None, Some(id)) => self.event(id)?.map(|event| event.n).ok_or_else(|| {
                ApiError::field(
                    Code::CursorInvalid,
                    "after",
                    "The field after is not the id of an event of this merchant, or the event is older than 90 days. Without after the list begins with the oldest event, or with order=newest with the newest.",
                )
            })?,
            (None, None) if search.newest => i64::MAX,
            (None, None) => 0,
        };
        let subjects = match &search.out_trade_no {
            Some(number) => Some(self.numbers_of_purchase(number)?),
            None => None,
        };
        let (events, after) =
            store::events::page(&self.storage, search, subjects.as_deref(), after_n)?;
        let events = events.iter().map(Event::body).collect::<Result<_, _>>()?;
        Ok(EventPage {
            events,
            after: after.map(|event| event.id()),
        })
    }

    /// This number, and where it is a checkout's, those of its attempts.
    fn numbers_of_purchase(&self, number: &str) -> Result<Vec<String>, StorageError> {
        let mut numbers = vec![number.to_owned()];
        // An unreadable checkout raises an alarm, and does not hide its own events.
        if let Some(json) = store::checkouts::json_of_number(&self.storage, number)?
            && let Ok(checkout) = self.read_row::<Checkout>("checkout", number, &json)
        {
            let attempts = checkout.attempts.iter();
            let attempts = attempts.map(|attempt| attempt.out_trade_no.to_string());
            numbers.extend(attempts.filter(|attempt| attempt != number));
        }
        Ok(numbers)
    }

    /// The event with this id.
    pub(super) fn event(&self, id: &str) -> Result<Option<Event>, StorageError> {
        let Some(n) = number_in(id) else {
            return Ok(None);
        };
        let found = store::events::find(&self.storage, n)?;
        Ok(found.filter(|event| event.id() == id))
    }

    /// As [`Book::event`], for a caller.
    pub(super) fn find_event(&self, id: &str) -> Result<Json, ApiError> {
        let event = self.event(id)?;
        let event = event.ok_or_else(|| ApiError::of(Code::EventNotFound))?;
        Ok(event.body()?)
    }

    /// When the oldest event or attempt is to be removed. One that must stay, because a
    /// delivery of it waits, is looked at again an hour later.
    pub(super) fn old_events_due_ms(&self, oldest_at_ms: Option<i64>) -> Option<i64> {
        let due_ms = oldest_at_ms.map(|at_ms| at_ms + KEPT_MS + 1);
        due_ms.map(|due_ms| due_ms.max(self.events_end_at_ms.get()))
    }

    /// Removes events and attempts that are older than ninety days, one slice of each
    /// under one alarm.
    pub(super) fn remove_old_events(&self) -> Result<(), StorageError> {
        let now_ms = self.runtime.now_ms();
        if now_ms < self.events_end_at_ms.get() {
            return Ok(());
        }
        let before_ms = now_ms - KEPT_MS;
        let (removed, attempts) = self.storage.atomically(|| {
            let (storage, at_most) = (&self.storage, REMOVED_AT_ONCE);
            let removed = store::events::remove_before(storage, before_ms, at_most)?;
            let attempts =
                store::event_deliveries::remove_attempts_before(storage, before_ms, at_most)?;
            Ok::<_, StorageError>((removed, attempts))
        })?;
        // More may be left after a whole slice, or none for an hour.
        let most = removed.max(attempts);
        let is_full = i64::try_from(most).is_ok_and(|n| n == REMOVED_AT_ONCE);
        self.events_end_at_ms.set(match is_full {
            true => now_ms,
            false => now_ms + REMOVED_EVERY_MS,
        });
        self.removing.set(is_full);
        if most > 0 {
            self.runtime.log(format_args!(
                "{removed} events and {attempts} attempts removed, older than 90 days"
            ));
        }
        Ok(())
    }
}
