//! The index of what a book holds: one row for each order, refund, checkout,
//! link, delivery and alarm, with the columns that lists filter and sort by.
//!
//! ```text
//! listed(  n, list, key, at_ms, state, … )   one row for each thing
//! numbers( list, number, n )                 every number that finds the row
//! sums(    list, bucket, currency, … )       what was paid and refunded in each quarter of an hour
//! fills(   list, before )                    how far rows of an earlier version are indexed
//! unlisted( list, key )                      rows that an earlier version has written since
//! ```
//!
//! A row is written in the transaction that writes the order, checkout or other
//! thing itself. The index is a table of its own because SQLite cannot add an
//! index to a large table within the time that an object has to open: this
//! table begins empty, and rows of an earlier version are added in slices under
//! the alarm.
//!
//! Triggers keep `sums` equal to the sum of `listed`, remove the rows of what is
//! deleted, and note rows that a version before this one writes after a rollback:
//! that version does not change the column `listed` of `orders` and `checkouts`.

use super::deliveries::DeliveryState;
use super::store::index::Entry;
use super::{Book, Checkout, Link, Price, store};
use crate::observe::alarm::Alarm;
use crate::observe::labels::{RefundLabel, labels};
use crate::observe::{Log, audit};
use crate::runtime::{Runtime, Storage, StorageError};
use order::{Order, Refund, RefundStatus};
use serde::{Deserialize, Serialize};
use wechatpay::common::time::parse_china;

/// What can be listed. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum List {
    /// `GET /v1/orders`.
    Orders = 1,
    /// `GET /v1/refunds`.
    Refunds = 2,
    /// `GET /v1/checkouts`.
    Checkouts = 3,
    /// `GET /v1/links`.
    Links = 4,
    /// `GET /v1/deliveries`.
    Deliveries = 5,
    /// `GET /v1/alarms`.
    Alarms = 6,
}

labels! {
    /// The state of a row. The names are stored, and are the values of the lists'
    /// filter `state`; one name can occur in several lists.
    RowState {
        // Orders: the `trade_state`.
        NotPay = "NOTPAY",
        UserPaying = "USERPAYING",
        Success = "SUCCESS",
        Refund = "REFUND",
        Closed = "CLOSED",
        Revoked = "REVOKED",
        PayError = "PAYERROR",
        // Refunds.
        Asked = "ASKED",
        Processing = "PROCESSING",
        Abnormal = "ABNORMAL",
        // Checkouts. `unpaid` is stored; whether it is open or has expired
        // depends on the time.
        CheckoutUnpaid = "unpaid",
        CheckoutOpen = "open",
        CheckoutExpired = "expired",
        CheckoutPaid = "paid",
        CheckoutClosed = "closed",
        // Links.
        LinkOn = "on",
        LinkOff = "off",
        // Deliveries.
        Waiting = "waiting",
        Acknowledged = "acknowledged",
        GivenUp = "given_up",
    }
}

/// Which rows of a list: those in a state; of the alarms, those with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum StateFilter {
    /// Rows in this state.
    State(RowState),
    /// Alarms with this name.
    Alarm(Alarm),
}

impl StateFilter {
    /// The stored name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::State(state) => state.name(),
            Self::Alarm(alarm) => alarm.name(),
        }
    }
}

impl From<StateFilter> for String {
    fn from(filter: StateFilter) -> Self {
        filter.name().to_owned()
    }
}

impl TryFrom<String> for StateFilter {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        RowState::named(&name)
            .map(Self::State)
            .or_else(|| Alarm::named(&name).map(Self::Alarm))
            .ok_or("no state and no alarm has this name")
    }
}

/// How long a bucket of `sums` is. Every time zone is whole quarters of an hour
/// from UTC.
pub(super) const BUCKET_MS: i64 = 15 * 60_000;
/// How many rows of an earlier version are indexed in one transaction.
const SLICE: i64 = 200;
/// How many slices are made while the object opens, so that a book with few
/// rows is complete at once: one for each of `SOURCES` and one more.
const SLICES_AT_OPEN: usize = 6;
/// How long one alarm makes slices. Calls are answered in between.
const FILL_MS: i64 = 1_000;

/// Whether the indexed row is new, or was stored by an earlier version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// Made or changed now.
    New,
    /// Stored before it was indexed.
    Stored,
}

impl Entry {
    /// The entries of an order and its refunds.
    pub(super) fn of_order(order: &Order) -> Vec<Self> {
        let terms = order.terms();
        let payment = order.known_payment().map(|paid| &paid.payment);
        let number = terms.out_trade_no.as_str();
        let mut entry = Self::new(
            List::Orders,
            number,
            order.created_at_ms(),
            order.trade_state(),
        );
        let mut refunds = order.refunds().iter();
        entry.waiting = order.is_open() || refunds.any(|refund| !refund.status.is_final());
        entry.moved_at_ms = paid_at_ms(order);
        entry.money = Some(terms.money);
        entry.trade_type = Some(terms.trade_type);
        // Where the order has a `sub_appid`, its payer is known under that.
        let under_sub = terms.account.sub_appid.is_some();
        let asked = terms.openid.clone();
        entry.openid = payment
            .and_then(|payment| payment.openid.clone())
            .or_else(|| asked.clone().filter(|_| !under_sub));
        entry.sub_openid = payment
            .and_then(|payment| payment.sub_openid.clone())
            .or_else(|| asked.filter(|_| under_sub));
        let transaction_id = payment.map(|payment| payment.transaction_id.clone());
        entry.numbers.extend(transaction_id.clone());
        let mut entries = Vec::new();
        for refund in order.refunds() {
            let numbers = [&Some(refund.out_refund_no.clone()), &refund.refund_id];
            entry.numbers.extend(numbers.into_iter().flatten().cloned());
            entries.push(Self::of_refund(number, transaction_id.as_ref(), refund));
        }
        entries.insert(0, entry);
        entries
    }

    fn of_refund(number: &str, transaction_id: Option<&String>, refund: &Refund) -> Self {
        let mut entry = Self::new(
            List::Refunds,
            refund.out_refund_no.as_str(),
            refund.asked_at_ms,
            RefundLabel::from(refund.status).name(),
        );
        entry.waiting = !refund.status.is_final();
        entry.moved_at_ms = matches!(
            refund.status,
            RefundStatus::Processing | RefundStatus::Success
        )
        .then_some(refund.asked_at_ms);
        entry.money = Some(refund.money);
        entry.out_trade_no = Some(number.to_owned());
        entry.numbers.push(number.to_owned());
        entry.numbers.extend(refund.refund_id.clone());
        entry.numbers.extend(transaction_id.cloned());
        entry
    }

    /// The entry of a checkout that is not paid.
    pub(super) fn of_checkout(checkout: &Checkout, at_ms: i64, link: Option<String>) -> Self {
        let mut entry = Self::new(
            List::Checkouts,
            checkout.id.as_str(),
            at_ms,
            checkout_state(checkout).name(),
        );
        entry.money = Some(checkout.purchase.money);
        entry.numbers = numbers_of_checkout(checkout);
        if link.is_some() {
            // The answers to the link's fields find the purchase too.
            entry
                .numbers
                .extend(checkout.purchase.metadata.values().cloned());
        }
        entry.link = link;
        entry.until_ms = Some(checkout.expires_at_ms);
        entry
    }

    /// A payment link.
    pub(super) fn of_link(link: &Link, at_ms: i64) -> Self {
        let state = match link.active {
            true => RowState::LinkOn,
            false => RowState::LinkOff,
        };
        let mut entry = Self::new(List::Links, link.id.as_str(), at_ms, state.name());
        entry.money = Some(match link.price {
            Price::Fixed { each, .. } => each,
            Price::Entered { max, .. } => max,
        });
        let name = link.id.split_once('.').map(|(_, name)| name.to_owned());
        entry.numbers.extend(name);
        entry
    }
}

/// The stored state of a checkout that is not paid. Whether it is open or has
/// expired depends on the time, and is not stored.
const fn checkout_state(checkout: &Checkout) -> RowState {
    match checkout.closed {
        true => RowState::CheckoutClosed,
        false => RowState::CheckoutUnpaid,
    }
}

fn numbers_of_checkout(checkout: &Checkout) -> Vec<String> {
    let attempts = checkout.attempts.iter();
    let mut numbers = vec![checkout.purchase.out_trade_no.to_string()];
    for attempt in attempts {
        let number = attempt.out_trade_no.as_str();
        if !numbers.iter().any(|context| context == number) {
            numbers.push(number.to_owned());
        }
    }
    numbers
}

/// When a paid order was paid, by WeChat's clock, in Unix milliseconds.
pub(super) fn paid_at_ms(order: &Order) -> Option<i64> {
    let paid = order.paid()?;
    Some(parse_china(&paid.payment.time_end).unwrap_or(paid.recorded_at_ms))
}

impl<R: Runtime, S: Storage> Book<R, S> {
    /// Writes a change of an order to the index, inside the order's
    /// transaction. `before` is the value of [`Entry::of_order`] before the
    /// change, and empty for a new order.
    pub(super) fn index_order(
        &self,
        before: &[Entry],
        order: &Order,
        age: Age,
    ) -> Result<(), StorageError> {
        let after = Entry::of_order(order);
        for (at, entry) in after.iter().enumerate() {
            let before = before.get(at);
            if before != Some(entry) {
                self.put(entry, before, age)?;
            }
        }
        let was_paid = before
            .first()
            .is_some_and(|entry| entry.moved_at_ms.is_some());
        let paid_ms = after.first().and_then(|entry| entry.moved_at_ms);
        if let (Some(paid_ms), false, None) = (paid_ms, was_paid, order.duplicate_of()) {
            let number = order.terms().out_trade_no.as_str();
            store::index::mark_checkout_paid(&self.storage, number, paid_ms)?;
        }
        Ok(())
    }

    /// Writes a new order to the index. An attempt may be one of a link's
    /// checkout.
    pub(super) fn index_new_order(
        &self,
        order: &Order,
        is_attempt: bool,
        age: Age,
    ) -> Result<(), StorageError> {
        self.index_order(&[], order, age)?;
        if !is_attempt {
            return Ok(());
        }
        let number = order.terms().out_trade_no.as_str();
        store::index::copy_link_of_checkout(&self.storage, number)?;
        store::index::copy_answers_of_checkout(&self.storage, number)
    }

    /// Writes a change of an existing checkout to the index, inside the
    /// checkout's transaction.
    pub(super) fn index_checkout(&self, checkout: &Checkout) -> Result<(), StorageError> {
        let state = checkout_state(checkout);
        let n = store::index::set_checkout_state(&self.storage, &checkout.id, state.name())?;
        // Not indexed yet while an earlier version's rows are being indexed.
        let (Some(n), Some(last)) = (n, numbers_of_checkout(checkout).pop()) else {
            return Ok(());
        };
        store::index::add_number(&self.storage, List::Checkouts, &last, n)
    }

    /// Writes a row of the index, inside a transaction.
    pub(super) fn put(
        &self,
        entry: &Entry,
        before: Option<&Entry>,
        age: Age,
    ) -> Result<(), StorageError> {
        let n = match age {
            Age::New => None,
            Age::Stored => Some(self.n_before_all()?),
        };
        let n = store::index::put(&self.storage, entry, n)?;
        for number in &entry.numbers {
            if before.is_none_or(|before| !before.numbers.contains(number)) {
                store::index::add_number(&self.storage, entry.list, number, n)?;
            }
        }
        Ok(())
    }

    /// The number for a stored row. Rows of an earlier version are indexed
    /// newest first, and each gets a number below all others: of two rows with
    /// the same time, the later has the larger number.
    fn n_before_all(&self) -> Result<i64, StorageError> {
        let least = store::index::least_n(&self.storage)?;
        Ok(least.unwrap_or(0).min(0) - 1)
    }

    // Rows of an earlier version.

    /// Whether rows of an earlier version are still to be indexed. Until then a
    /// list or a sum would be wrong.
    pub(super) fn is_filled(&self) -> Result<bool, StorageError> {
        Ok(!store::index::has_fills(&self.storage)?)
    }

    /// Indexes the first slices when the object opens.
    pub(super) fn fill_at_open(&self) {
        let noted = store::index::has_unlisted(&self.storage)
            .and_then(|is_noted| Ok(is_noted || !self.is_filled()?));
        // The alarm repeats what fails here.
        self.filling.set(noted.unwrap_or(true));
        for _ in 0..SLICES_AT_OPEN {
            if let Err(error) = self.fill_slice() {
                self.runtime.log(format_args!("index: {error}"));
                return;
            }
        }
    }

    /// Indexes further slices, under the alarm.
    pub(super) async fn fill(&self) -> Result<(), StorageError> {
        let until_ms = self.runtime.now_ms() + FILL_MS;
        while self.filling.get() && self.runtime.now_ms() < until_ms {
            self.fill_slice()?;
            // Lets the object answer the calls that wait.
            self.runtime.sleep(1).await;
        }
        Ok(())
    }

    /// Indexes the next rows, newest first, and stores the progress.
    fn fill_slice(&self) -> Result<(), StorageError> {
        if !self.filling.get() {
            return Ok(());
        }
        // The index needs space too, and the last of it is kept for what is
        // paid.
        if !self.has_room_for_new() {
            self.runtime
                .log(format_args!("index: not made, the object is nearly full"));
            self.filling.set(false);
            return Ok(());
        }
        let rest = self
            .storage
            .atomically(|| match store::index::next_fill(&self.storage)? {
                Some(fill) => {
                    for key in store::index::take_slice(&self.storage, &fill, SLICE)? {
                        self.fill_one(fill.list, &key)?;
                    }
                    Ok::<_, StorageError>(true)
                }
                None => self.fill_unlisted(),
            })?;
        self.filling.set(rest);
        Ok(())
    }

    /// Indexes rows that an earlier version has written after a rollback.
    /// Returns whether there may be more.
    fn fill_unlisted(&self) -> Result<bool, StorageError> {
        let rows = store::index::unlisted(&self.storage, SLICE)?;
        for (list, key) in &rows {
            self.fill_one(*list, key)?;
            store::index::remove_unlisted(&self.storage, *list, key)?;
        }
        Ok(!rows.is_empty())
    }

    /// Indexes one row in its current state. One that cannot be read is
    /// skipped, with an alarm: it is indexed when it next changes.
    fn fill_one(&self, list: List, key: &str) -> Result<(), StorageError> {
        match list {
            List::Orders => self.fill_order(key),
            List::Checkouts => self.fill_checkout(key),
            List::Links => self.fill_link(key),
            List::Deliveries => self.fill_delivery(key),
            List::Alarms | List::Refunds => {
                let (name, subject) = alarm_key(key);
                store::index::put_alarm(&self.storage, key, name, subject)
            }
        }
    }

    fn fill_order(&self, number: &str) -> Result<(), StorageError> {
        let Some(order) = self.readable_order(number)? else {
            return Ok(());
        };
        // Whether it is an attempt is not stored with it.
        self.index_new_order(&order, true, Age::Stored)
    }

    /// The order, where this version can read it. A statement that the database
    /// refuses is an error: the slice is then indexed again.
    fn readable_order(&self, number: &str) -> Result<Option<Order>, StorageError> {
        let json = store::orders::json(&self.storage, number)?;
        Ok(json.and_then(|json| self.read_row("order", number, &json).ok()))
    }

    fn fill_checkout(&self, id: &str) -> Result<(), StorageError> {
        let Some(json) = store::checkouts::json(&self.storage, id)? else {
            return Ok(());
        };
        let Ok(checkout) = self.read_row::<Checkout>("checkout", id, &json) else {
            return Ok(());
        };
        // The time of creation was not stored: use the first attempt's, or else
        // the expiry.
        let begun_ms = checkout.attempts.first().map(|first| first.begun_at_ms);
        let begun_ms = begun_ms.filter(|at_ms| *at_ms > 0);
        let at_ms = begun_ms.unwrap_or(checkout.expires_at_ms);
        let link = self.link_of(&checkout)?;
        let mut entry = Entry::of_checkout(&checkout, at_ms, link);
        for attempt in &checkout.attempts {
            let order = self.readable_order(attempt.out_trade_no.as_str())?;
            let kept = order.filter(|order| order.duplicate_of().is_none());
            if let Some(paid_ms) = kept.as_ref().and_then(paid_at_ms) {
                entry.moved_at_ms = Some(paid_ms);
                entry.state = RowState::CheckoutPaid.name();
                break;
            }
        }
        self.put(&entry, None, Age::Stored)
    }

    /// The link to which a checkout of an earlier version belongs. The
    /// checkout's number is the link's name, `_` and 16 characters.
    fn link_of(&self, checkout: &Checkout) -> Result<Option<String>, StorageError> {
        let number = checkout.purchase.out_trade_no.as_str();
        let (Some((merchant, _)), Some((name, rest))) =
            (checkout.id.split_once('.'), number.rsplit_once('_'))
        else {
            return Ok(None);
        };
        if rest.len() != 16 {
            return Ok(None);
        }
        let id = format!("{merchant}.{name}");
        Ok(store::links::find(&self.storage, &id)?.map(|_| id))
    }

    fn fill_link(&self, id: &str) -> Result<(), StorageError> {
        let Some(stored) = store::links::find(&self.storage, id)? else {
            return Ok(());
        };
        let Ok(link) = self.read_row::<Link>("link", id, &stored.json) else {
            return Ok(());
        };
        let at_ms = audit::first_at_ms(&self.storage, id)?.unwrap_or(0);
        self.put(&Entry::of_link(&link, at_ms), None, Age::Stored)
    }

    /// The time of creation was not stored: use the time of the event that the
    /// delivery reports.
    fn fill_delivery(&self, id: &str) -> Result<(), StorageError> {
        let found = store::deliveries::find(&self.storage, id.parse().unwrap_or_default())?;
        let Some(found) = found else {
            return Ok(());
        };
        let delivery = found.delivery;
        let (number, refund_no) = (
            delivery.out_trade_no.as_str(),
            delivery.out_refund_no.as_deref(),
        );
        let order = self.readable_order(number)?;
        let of_refund = |order: &Order| {
            let mut refunds = order.refunds().iter();
            let refund = refunds.find(|refund| Some(refund.out_refund_no.as_str()) == refund_no)?;
            Some(refund.asked_at_ms)
        };
        let at_ms = order.as_ref().map_or(0, |order| {
            of_refund(order).unwrap_or_else(|| {
                let paid = order.known_payment();
                paid.map_or(order.created_at_ms(), |paid| paid.recorded_at_ms)
            })
        });
        let mut entry = Entry::new(List::Deliveries, id, at_ms, delivery.state.name());
        entry.waiting = delivery.state == DeliveryState::Waiting;
        entry.out_trade_no = Some(number.to_owned());
        entry.numbers = [Some(number), refund_no]
            .into_iter()
            .flatten()
            .map(str::to_owned)
            .collect();
        self.put(&entry, None, Age::Stored)
    }
}

/// Splits the key of an alarm's row into name and subject.
pub(super) fn alarm_key(key: &str) -> (&str, &str) {
    key.split_once(' ').unwrap_or((key, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The isolates of one version ask the book of another.
    #[test]
    fn a_state_filter_is_sent_as_its_name() {
        let states = RowState::ALL.iter().copied().map(StateFilter::State);
        let alarms = Alarm::ALL.iter().copied().map(StateFilter::Alarm);
        for filter in states.chain(alarms) {
            let json = serde_json::to_value(filter).unwrap();
            assert_eq!(json, filter.name());
            assert_eq!(serde_json::from_value::<StateFilter>(json).unwrap(), filter);
        }
    }
}
