//! Lists of a book's rows, newest first, in pages; totals; and everything that
//! happened to one purchase.
//!
//! The cost of a page does not depend on the number of rows: the filter that
//! the fewest rows meet is looked up in an index of [`super::index`], whose
//! rows are in the list's order, and the other filters are compared while at
//! most [`EXAMINED`] rows are read. A page that has found too few rows by then
//! is short, and its `after` continues from there.

use super::event_type::EventType;
use super::index::{List, RowState, StateFilter, alarm_key, paid_at_ms};
use super::store::event_deliveries::IDS_ABOVE;
use super::store::index::{Entry, Indexed, OrdersAlarm, Sum};
use super::store::search::Found;
use super::{Book, Checkout, Link, LinkFacts, Price, audit, field_item, store};
use crate::http::error::{ApiError, Code};
use crate::observe::alarm::Alarm;
use crate::observe::labels::RefundLabel;
use crate::runtime::{Runtime, Storage, StorageError};
use order::{Money, Order, OutTradeNo, Refund, RefundStatus, Terms};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// What to list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Search {
    /// Which list.
    pub list: List,
    /// Which rows of the list.
    pub filter: Filter,
    /// Where the page begins.
    pub after: Option<Position>,
    /// The most rows of the page.
    pub limit: i64,
}

/// The filter of a list. A range includes its beginning and not its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// The state; of alarms, the name.
    pub state: Option<StateFilter>,
    /// The time of creation, Unix milliseconds.
    pub created_ms: Range,
    /// The time of payment, Unix milliseconds. The list is then sorted by it.
    pub paid_ms: Range,
    /// The amount, in the currency's smallest unit.
    pub amount: Range,
    /// The currency's code.
    pub currency: Option<String>,
    /// The trade type.
    pub trade_type: Option<String>,
    /// The payment link that it was bought through.
    pub link: Option<String>,
    /// The payer.
    pub openid: Option<String>,
    /// The payer under the sub-merchant's account.
    pub sub_openid: Option<String>,
    /// The order that the row belongs to.
    pub out_trade_no: Option<String>,
    /// The endpoint that the delivery goes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The type of the event that is delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<EventType>,
    /// Only rows that wait for something.
    pub waiting: bool,
    /// A prefix of one of the row's numbers, in capitals or small letters.
    pub q: Option<String>,
}

/// A range of numbers, without its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The smallest number; `None` for no limit.
    pub from: Option<i64>,
    /// The end, which is not included; `None` for no limit.
    pub to: Option<i64>,
}

impl Range {
    pub(super) const fn is_set(self) -> bool {
        self.from.is_some() || self.to.is_some()
    }

    /// The range's only number, where there is only one.
    pub(super) fn only(self) -> Option<i64> {
        self.from.filter(|from| Some(from + 1) == self.to)
    }
}

/// A place in a list, between two rows. It does not move while rows are added
/// before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// When the row before the place was made, or paid, Unix milliseconds.
    pub at_ms: i64,
    /// That row's number in the index, which orders rows of the same
    /// millisecond.
    pub n: i64,
}

/// A page of a list.
#[derive(Debug, Serialize, Deserialize)]
pub struct Page {
    /// The rows.
    pub items: Vec<Json>,
    /// Where the next page begins; `None` after the last.
    pub after: Option<Position>,
}

/// What was paid and refunded in one period, in one currency. Amounts are in the
/// currency's smallest unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// The place of the period in the request's list.
    pub period: usize,
    /// The currency's code.
    pub currency: String,
    /// The sum of the payments.
    pub paid_amount: i64,
    /// The number of payments.
    pub paid_count: i64,
    /// The sum of the refunds that WeChat has accepted.
    pub refunded_amount: i64,
    /// The number of refunds.
    pub refunded_count: i64,
}

/// The most changes of one order that a timeline holds.
const CHANGES_OF_ONE: i64 = 500;

impl<R: Runtime, S: Storage> Book<R, S> {
    fn refuse_unfilled(&self) -> Result<(), ApiError> {
        match self.is_filled()? {
            true => Ok(()),
            false => Err(ApiError::of(Code::ListsNotReady)),
        }
    }

    /// A page of a list.
    pub(super) fn list(&self, search: &Search) -> Result<Page, ApiError> {
        self.refuse_unfilled()?;
        let Found { keys, after } =
            store::search::page(&self.storage, search, self.runtime.now_ms())?;
        let mut items = Vec::with_capacity(keys.len());
        for key in keys {
            // A row that has since been deleted or cannot be read does not hide
            // the others.
            if let Ok(Some(item)) = self.item(search.list, &key) {
                items.push(item);
            }
        }
        Ok(Page { items, after })
    }

    /// One row of a list, in the form of new objects: integers in the smallest
    /// unit, `currency`, times in Unix milliseconds.
    fn item(&self, list: List, key: &str) -> Result<Option<Json>, ApiError> {
        Ok(match list {
            List::Orders => match self.load_order(key)? {
                Some(order) => Some(self.order_item(&order)?),
                None => None,
            },
            List::Refunds => self.refund_item(key)?,
            List::Checkouts => self.checkout_item(key)?,
            List::Links => self.link_item(key)?,
            List::Deliveries => self.delivery_item(key)?,
            List::Alarms => self.alarm_item(key)?,
        })
    }

    /// An order in the form of new objects.
    pub(super) fn order_item(&self, order: &Order) -> Result<Json, StorageError> {
        let terms = order.terms();
        let link = self.link_in_index(List::Orders, terms.out_trade_no.as_str())?;
        Ok(order_item(order, link, &self.origin_of(terms)?))
    }

    /// The purchase and the metadata of an order: the checkout's if the order
    /// is an attempt of one, otherwise the order's own.
    pub(super) fn origin_of(&self, terms: &Terms) -> Result<Origin, StorageError> {
        // Attempts have no metadata of their own.
        if !terms.metadata.is_empty() {
            return Ok(Origin {
                purchase: None,
                metadata: terms.metadata.clone(),
            });
        }
        let number = terms.out_trade_no.as_str();
        let Some(json) = store::checkouts::json_of_attempt(&self.storage, number)? else {
            return Ok(Origin::default());
        };
        // An unreadable checkout raises an alarm, and does not hide its order.
        let checkout = self.read_row::<Checkout>("checkout", number, &json);
        Ok(checkout.map_or_else(
            |_| Origin::default(),
            |checkout| Origin {
                purchase: Some(checkout.purchase.out_trade_no),
                metadata: checkout.purchase.metadata,
            },
        ))
    }

    fn indexed(&self, list: List, key: &str) -> Result<Option<Indexed>, StorageError> {
        store::index::find(&self.storage, list, key)
    }

    fn link_in_index(&self, list: List, key: &str) -> Result<Option<String>, StorageError> {
        Ok(self.indexed(list, key)?.and_then(|indexed| indexed.link))
    }

    fn refund_item(&self, out_refund_no: &str) -> Result<Option<Json>, ApiError> {
        let indexed = self.indexed(List::Refunds, out_refund_no)?;
        let Some(number) = indexed.and_then(|indexed| indexed.out_trade_no) else {
            return Ok(None);
        };
        let Some(order) = self.load_order(&number)? else {
            return Ok(None);
        };
        let mut refunds = order.refunds().iter();
        let Some(refund) = refunds.find(|refund| refund.out_refund_no == out_refund_no) else {
            return Ok(None);
        };
        let purchase = self.origin_of(order.terms())?.purchase;
        Ok(Some(refund_item(&order, refund, purchase.as_ref())))
    }

    pub(super) fn checkout_item(&self, id: &str) -> Result<Option<Json>, ApiError> {
        let (Some(json), Some(indexed)) = (
            store::checkouts::json(&self.storage, id)?,
            self.indexed(List::Checkouts, id)?,
        ) else {
            return Ok(None);
        };
        let checkout: Checkout = self.read_row("checkout", id, &json)?;
        let is_over = checkout.expires_at_ms <= self.runtime.now_ms();
        let state = match RowState::named(&indexed.state) {
            Some(RowState::CheckoutUnpaid) if is_over => RowState::CheckoutExpired.name(),
            Some(RowState::CheckoutUnpaid) => RowState::CheckoutOpen.name(),
            Some(state) => state.name(),
            // Stored by a later version.
            None => indexed.state.as_str(),
        };
        let purchase = &checkout.purchase;
        Ok(Some(json!({
            "id": checkout.id,
            "out_trade_no": purchase.out_trade_no,
            "state": state,
            "amount": purchase.money.amount_minor(),
            "currency": purchase.money.currency().code(),
            "body": purchase.body,
            "attach": purchase.attach,
            "metadata": purchase.metadata,
            "link": indexed.link,
            "attempts": checkout.attempts.len(),
            "created_at_ms": indexed.at_ms,
            "paid_at_ms": indexed.moved_at_ms,
            "expires_at_ms": checkout.expires_at_ms,
        })))
    }

    pub(super) fn link_item(&self, id: &str) -> Result<Option<Json>, ApiError> {
        let facts = self.links(Some(id))?;
        let item = |facts: &LinkFacts| self.link_object(&facts.link, facts.sold, facts.held);
        Ok(facts.first().map(item).transpose()?)
    }

    /// A link in the form of new objects, with its pieces that are sold and held.
    /// `created_at_ms` is `null` until the link is indexed.
    pub(super) fn link_object(
        &self,
        link: &Link,
        sold: i64,
        held: i64,
    ) -> Result<Json, StorageError> {
        let indexed = self.indexed(List::Links, &link.id)?;
        let (amount, least, most, currency) = match link.price {
            Price::Fixed { each, .. } => (Some(each), None, None, each.currency()),
            Price::Entered { min, max } => (None, Some(min), Some(max), min.currency()),
        };
        Ok(json!({
            "id": link.id,
            "body": link.body,
            "active": link.active,
            "amount": amount.map(Money::amount_minor),
            "min_amount": least.map(Money::amount_minor),
            "max_amount": most.map(Money::amount_minor),
            "currency": currency.code(),
            "stock": link.stock,
            "sold": sold,
            "held": held,
            "attach": link.attach,
            "fields": link.fields.iter().map(field_item).collect::<Vec<_>>(),
            "created_at_ms": indexed.map(|indexed| indexed.at_ms),
            "expires_at_ms": link.expires_at_ms,
            "last_sold_at_ms": store::index::last_sale(&self.storage, &link.id)?,
        }))
    }

    fn delivery_item(&self, id: &str) -> Result<Option<Json>, ApiError> {
        let number = id.parse().unwrap_or_default();
        if number > IDS_ABOVE {
            return Ok(self.event_delivery_item(number)?);
        }
        let (Some(found), Some(indexed)) = (
            store::deliveries::find(&self.storage, number)?,
            self.indexed(List::Deliveries, id)?,
        ) else {
            return Ok(None);
        };
        let delivery = found.delivery;
        Ok(Some(json!({
            "id": delivery.id,
            "out_trade_no": delivery.out_trade_no,
            "out_refund_no": delivery.out_refund_no,
            "url": delivery.url,
            "state": delivery.state,
            "attempts": delivery.attempts,
            "last_result": delivery.last,
            "next_at_ms": found.due_at_ms,
            "created_at_ms": indexed.at_ms,
            "endpoint": null,
            "event": null,
            "subject": delivery.out_trade_no,
        })))
    }

    /// A delivery of either kind, with its attempts.
    pub(super) fn find_delivery(&self, id: i64) -> Result<Json, ApiError> {
        let item = self.delivery_item(&id.to_string())?;
        let mut item = item.ok_or_else(|| ApiError::of(Code::DeliveryNotFound))?;
        let attempts = store::event_deliveries::attempts(&self.storage, id)?;
        if let Some(item) = item.as_object_mut() {
            item.insert("attempts_made".to_owned(), json!(attempts));
        }
        Ok(item)
    }

    fn alarm_item(&self, key: &str) -> Result<Option<Json>, ApiError> {
        let (name, subject) = alarm_key(key);
        let Some(stored) = store::alarms::find(&self.storage, name, subject)? else {
            return Ok(None);
        };
        let alarm = Alarm::named(&stored.name);
        Ok(Some(json!({
            "name": stored.name,
            "subject": stored.subject,
            "says": alarm.map(Alarm::says),
            "to_do": alarm.map(Alarm::to_do),
            "times": stored.times,
            "last_at_ms": stored.last_at_ms,
        })))
    }

    /// What was paid and refunded in each period, given as its beginning and its
    /// end in Unix milliseconds, both whole quarters of an hour.
    pub(super) fn totals(&self, periods: &[(i64, i64)]) -> Result<Vec<Total>, ApiError> {
        self.refuse_unfilled()?;
        let mut totals: Vec<Total> = Vec::new();
        for (period, (from_ms, to_ms)) in periods.iter().enumerate() {
            for list in [List::Orders, List::Refunds] {
                for sum in store::index::sums(&self.storage, list, *from_ms, *to_ms)? {
                    let Sum {
                        currency,
                        amount,
                        count,
                    } = sum;
                    if count == 0 {
                        continue;
                    }
                    let is_same =
                        |total: &&mut Total| total.period == period && total.currency == currency;
                    let total = match totals.iter_mut().rev().find(is_same) {
                        Some(total) => total,
                        None => {
                            totals.push(Total {
                                period,
                                currency,
                                paid_amount: 0,
                                paid_count: 0,
                                refunded_amount: 0,
                                refunded_count: 0,
                            });
                            let Some(total) = totals.last_mut() else {
                                continue;
                            };
                            total
                        }
                    };
                    match list {
                        List::Orders => (total.paid_amount, total.paid_count) = (amount, count),
                        _ => (total.refunded_amount, total.refunded_count) = (amount, count),
                    }
                }
            }
        }
        Ok(totals)
    }

    /// Everything that is known to have happened to a purchase, oldest first: to
    /// the order or checkout with this number and to all its attempts.
    pub(super) fn timeline(&self, number: &OutTradeNo) -> Result<Vec<Json>, ApiError> {
        let checkout = match self.checkout_of(number)? {
            Some(checkout) => Some(checkout),
            None => self.checkout_of_attempt(number)?,
        };
        let mut numbers = vec![number.clone()];
        let mut events = Vec::new();
        if let Some(checkout) = &checkout {
            let attempts = checkout.attempts.iter();
            numbers = attempts
                .map(|attempt| attempt.out_trade_no.clone())
                .collect();
            let own = &checkout.purchase.out_trade_no;
            if !numbers.contains(own) {
                numbers.insert(0, own.clone());
            }
            if let Some(indexed) = self.indexed(List::Checkouts, &checkout.id)? {
                events.push(json!({
                    "at_ms": indexed.at_ms,
                    "kind": "checkout",
                    "out_trade_no": own,
                    "what": "checkout made",
                    "link": indexed.link,
                }));
            }
            for attempt in &checkout.attempts {
                if attempt.begun_at_ms > 0 {
                    events.push(json!({
                        "at_ms": attempt.begun_at_ms,
                        "kind": "attempt",
                        "out_trade_no": attempt.out_trade_no,
                        "what": format!("attempt begun, {}", attempt.trade_type.as_str()),
                    }));
                }
            }
        } else if self.load_order(number.as_str())?.is_none() {
            return Err(ApiError::of(Code::OrderNotFound));
        }
        for number in &numbers {
            self.changes_of(number, &mut events)?;
            self.deliveries_of(number, &mut events)?;
            self.event_deliveries_of(number, &mut events)?;
            self.alarms_of(number, &mut events)?;
        }
        let at_ms = |event: &Json| event.get("at_ms").and_then(Json::as_i64);
        events.sort_by_key(at_ms);
        Ok(events)
    }

    fn changes_of(&self, number: &OutTradeNo, events: &mut Vec<Json>) -> Result<(), ApiError> {
        if let Some(order) = self.load_order(number.as_str())?
            && let Some(reported) = order.reported()
        {
            events.push(json!({
                "at_ms": reported.at_ms,
                "kind": "notice",
                "out_trade_no": number,
                "what": "payment reported, not confirmed yet",
                "evidence": format!("WeChat's notice: transaction {}", reported.transaction_id),
            }));
        }
        let page = audit::Page {
            subject: Some(number.to_string()),
            who: None,
            before: None,
            limit: CHANGES_OF_ONE,
        };
        for entry in audit::read(&self.storage, &page)?.into_iter().rev() {
            let kind = match entry.what.split(' ').next() {
                Some("order") => "order",
                Some("refund") => "refund",
                Some("alarm") => "alarm",
                _ => "change",
            };
            events.push(json!({
                "at_ms": entry.at_ms,
                "kind": kind,
                "out_trade_no": number,
                "what": entry.what,
                "evidence": entry.evidence,
                "who": entry.who,
                "call": entry.call,
                "request_id": entry.request_id,
            }));
        }
        Ok(())
    }

    fn deliveries_of(&self, number: &OutTradeNo, events: &mut Vec<Json>) -> Result<(), ApiError> {
        for delivery in self.deliveries(Some(number))?.into_iter().rev() {
            let Some(indexed) = self.indexed(List::Deliveries, &delivery.id.to_string())? else {
                continue;
            };
            events.push(json!({
                "at_ms": indexed.at_ms,
                "kind": "delivery",
                "out_trade_no": number,
                "what": match delivery.out_refund_no {
                    Some(refund) => format!("delivery {} of refund {refund}", delivery.id),
                    None => format!("delivery {} of the payment", delivery.id),
                },
                "url": delivery.url,
                "state": delivery.state,
                "attempts": delivery.attempts,
                "last_result": delivery.last,
            }));
        }
        Ok(())
    }

    /// The deliveries of events to endpoints, in their present state.
    fn event_deliveries_of(
        &self,
        number: &OutTradeNo,
        events: &mut Vec<Json>,
    ) -> Result<(), ApiError> {
        let number = number.as_str();
        let ids = store::index::event_deliveries_of_order(&self.storage, number)?;
        for id in ids.into_iter().rev() {
            let Some((found, event)) = self.event_delivery(id)? else {
                continue;
            };
            let kind = event.as_ref().map_or("", |event| event.kind.as_str());
            events.push(json!({
                "at_ms": found.created_at_ms,
                "kind": "delivery",
                "out_trade_no": number,
                "what": format!("delivery {id} of the event {kind} to {}", found.endpoint),
                "url": found.url,
                "state": found.state,
                "attempts": found.attempts,
                "last_result": found.last,
                "endpoint": found.endpoint,
                "event": event.map(|event| event.id()),
            }));
        }
        Ok(())
    }

    fn alarms_of(&self, number: &OutTradeNo, events: &mut Vec<Json>) -> Result<(), ApiError> {
        let alarms = store::index::alarms_of_order(&self.storage, number.as_str())?;
        for OrdersAlarm { at_ms, name } in alarms.into_iter().rev() {
            events.push(json!({
                "at_ms": at_ms,
                "kind": "alarm",
                "out_trade_no": number,
                "what": format!("alarm {name}"),
                "evidence": Alarm::named(&name).map(Alarm::says),
            }));
        }
        Ok(())
    }
}

/// The values that an order takes from the checkout of which it is an attempt.
#[derive(Debug, Default)]
pub(super) struct Origin {
    /// The merchant's number of the purchase.
    pub(super) purchase: Option<OutTradeNo>,
    pub(super) metadata: BTreeMap<String, String>,
}

fn order_item(order: &Order, link: Option<String>, origin: &Origin) -> Json {
    let terms = order.terms();
    let payment = order.known_payment().map(|paid| &paid.payment);
    let refunded = order.refunds().iter().filter(|refund| {
        matches!(
            refund.status,
            RefundStatus::Processing | RefundStatus::Success
        )
    });
    let refunded: i64 = refunded.map(|refund| refund.money.amount_minor()).sum();
    let entries = Entry::of_order(order);
    let entry = entries.first();
    json!({
        "out_trade_no": terms.out_trade_no,
        "purchase": origin.purchase,
        "state": order.trade_state(),
        "amount": terms.money.amount_minor(),
        "currency": terms.money.currency().code(),
        "refunded_amount": refunded,
        "trade_type": terms.trade_type.as_str(),
        "body": terms.body,
        "attach": terms.attach,
        "openid": entry.and_then(|entry| entry.openid.clone()),
        "sub_openid": entry.and_then(|entry| entry.sub_openid.clone()),
        "transaction_id": payment.map(|payment| &payment.transaction_id),
        "link": link,
        "waiting": entry.is_some_and(|entry| entry.waiting),
        "duplicate_of": order.duplicate_of(),
        "created_at_ms": order.created_at_ms(),
        "paid_at_ms": paid_at_ms(order),
        "expires_at_ms": terms.expires_at_ms,
        "metadata": origin.metadata,
    })
}

pub(super) fn refund_item(order: &Order, refund: &Refund, purchase: Option<&OutTradeNo>) -> Json {
    let payment = order.known_payment().map(|paid| &paid.payment);
    json!({
        "out_refund_no": refund.out_refund_no,
        "out_trade_no": order.terms().out_trade_no,
        "purchase": purchase,
        "refund_id": refund.refund_id,
        "transaction_id": payment.map(|payment| &payment.transaction_id),
        "state": RefundLabel::from(refund.status).name(),
        "amount": refund.money.amount_minor(),
        "currency": refund.money.currency().code(),
        "error_code": refund.err_code,
        "cancel_requested": refund.cancel_asked,
        "waiting": !refund.status.is_final(),
        "created_at_ms": refund.asked_at_ms,
        "reason": refund.reason,
    })
}
