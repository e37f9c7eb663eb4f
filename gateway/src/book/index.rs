//! The index of what a book holds: one row for each order, refund, checkout,
//! link, delivery and alarm, with the columns that lists filter and sort by.
//!
//! ```text
//! listed(  n, list, key, at_ms, state, … )   one row for each thing
//! numbers( list, number, n )                 every number that it can be found by
//! sums(    list, bucket, currency, … )       what was paid and refunded in each quarter of an hour
//! fills(   list, before )                    how far rows of an earlier version are indexed
//! unlisted( list, key )                      rows that an earlier version has written since
//! ```
//!
//! A row is written in the transaction that writes the thing itself. It stands
//! in a table of its own because SQLite cannot add an index to a large table
//! within the time that an object has to open: this table begins empty, and rows
//! of an earlier version are added in slices under the alarm.
//!
//! Triggers keep `sums` equal to the sum of `listed`, remove the rows of what is
//! deleted, and note rows that a version before this one writes after a rollback:
//! that version does not change the column `listed` of `orders` and `checkouts`.

use super::{Book, Checkout, Link, Price};
use crate::observe::Log;
use crate::runtime::{Runtime, Storage, StorageError, Value};
use order::{Money, Order, Refund, RefundStatus, TradeType};
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

impl From<List> for Value {
    fn from(list: List) -> Self {
        Self::Int(list as i64)
    }
}

/// How long a bucket of `sums` is. Every time zone is whole quarters of an hour
/// from UTC.
pub(super) const BUCKET_MS: i64 = 15 * 60_000;
/// So many rows of an earlier version are indexed in one transaction.
const SLICE: i64 = 200;
/// So many slices are made while the object opens, so that a book with few rows
/// is whole at once: one for each of `SOURCES` and one more.
const SLICES_AT_OPEN: usize = 6;
/// For so long one alarm makes slices. Calls are answered in between.
const FILL_MS: i64 = 1_000;

/// The tables, indexes and triggers. Every index is of a table that is new.
const STATEMENTS: [&str; 30] = [
    "CREATE TABLE listed(
        n INTEGER PRIMARY KEY, list INTEGER NOT NULL, key TEXT NOT NULL,
        at_ms INTEGER NOT NULL, state TEXT NOT NULL, waiting INTEGER NOT NULL DEFAULT 0,
        moved_at_ms INTEGER, amount INTEGER, currency TEXT, trade_type TEXT, link TEXT,
        openid TEXT, sub_openid TEXT, out_trade_no TEXT, until_ms INTEGER)",
    "CREATE UNIQUE INDEX listed_key ON listed(list, key)",
    "CREATE INDEX listed_at ON listed(list, at_ms)",
    "CREATE INDEX listed_state ON listed(list, state, at_ms)",
    "CREATE INDEX listed_waiting ON listed(list, waiting, at_ms) WHERE waiting = 1",
    "CREATE INDEX listed_moved ON listed(list, moved_at_ms) WHERE moved_at_ms IS NOT NULL",
    "CREATE INDEX listed_amount ON listed(list, amount, at_ms) WHERE amount IS NOT NULL",
    "CREATE INDEX listed_currency ON listed(list, currency, at_ms) WHERE currency IS NOT NULL",
    "CREATE INDEX listed_trade_type ON listed(list, trade_type, at_ms)
        WHERE trade_type IS NOT NULL",
    "CREATE INDEX listed_link ON listed(list, link, at_ms) WHERE link IS NOT NULL",
    "CREATE INDEX listed_openid ON listed(list, openid, at_ms) WHERE openid IS NOT NULL",
    "CREATE INDEX listed_sub_openid ON listed(list, sub_openid, at_ms)
        WHERE sub_openid IS NOT NULL",
    "CREATE INDEX listed_order ON listed(list, out_trade_no, at_ms)
        WHERE out_trade_no IS NOT NULL",
    "CREATE TABLE numbers(
        list INTEGER NOT NULL, number TEXT NOT NULL, n INTEGER NOT NULL,
        PRIMARY KEY(list, number, n)) WITHOUT ROWID",
    "CREATE INDEX numbers_n ON numbers(n)",
    "CREATE TABLE sums(
        list INTEGER NOT NULL, bucket INTEGER NOT NULL, currency TEXT NOT NULL,
        amount INTEGER NOT NULL, count INTEGER NOT NULL,
        PRIMARY KEY(list, bucket, currency)) WITHOUT ROWID",
    "CREATE TABLE fills(list INTEGER PRIMARY KEY, before INTEGER NOT NULL)",
    "CREATE TABLE unlisted(
        list INTEGER NOT NULL, key TEXT NOT NULL, PRIMARY KEY(list, key)) WITHOUT ROWID",
    // 900000 is BUCKET_MS; 1 and 2 are orders and refunds.
    "CREATE TRIGGER listed_counted AFTER INSERT ON listed
        WHEN NEW.list <= 2 AND NEW.moved_at_ms IS NOT NULL
     BEGIN
        INSERT INTO sums(list, bucket, currency, amount, count)
        VALUES(NEW.list, NEW.moved_at_ms / 900000, NEW.currency, NEW.amount, 1)
        ON CONFLICT(list, bucket, currency)
        DO UPDATE SET amount = amount + excluded.amount, count = count + 1;
     END",
    "CREATE TRIGGER listed_counted_again AFTER UPDATE OF moved_at_ms ON listed
        WHEN NEW.list <= 2 AND OLD.moved_at_ms IS NOT NEW.moved_at_ms
     BEGIN
        UPDATE sums SET amount = amount - OLD.amount, count = count - 1
        WHERE list = OLD.list AND bucket = OLD.moved_at_ms / 900000
            AND currency = OLD.currency;
        INSERT INTO sums(list, bucket, currency, amount, count)
        SELECT NEW.list, NEW.moved_at_ms / 900000, NEW.currency, NEW.amount, 1
        WHERE NEW.moved_at_ms IS NOT NULL
        ON CONFLICT(list, bucket, currency)
        DO UPDATE SET amount = amount + excluded.amount, count = count + 1;
     END",
    "CREATE TRIGGER listed_removed AFTER DELETE ON listed
     BEGIN DELETE FROM numbers WHERE n = OLD.n; END",
    // Rows that an earlier version writes.
    "CREATE TRIGGER orders_made_elsewhere AFTER INSERT ON orders WHEN NEW.listed IS NULL
     BEGIN INSERT OR IGNORE INTO unlisted VALUES(1, NEW.out_trade_no); END",
    "CREATE TRIGGER orders_changed_elsewhere AFTER UPDATE OF json ON orders
        WHEN NEW.listed IS OLD.listed
     BEGIN INSERT OR IGNORE INTO unlisted VALUES(1, NEW.out_trade_no); END",
    "CREATE TRIGGER checkouts_made_elsewhere AFTER INSERT ON checkouts WHEN NEW.listed IS NULL
     BEGIN INSERT OR IGNORE INTO unlisted VALUES(3, NEW.id); END",
    "CREATE TRIGGER checkouts_removed AFTER DELETE ON checkouts
     BEGIN DELETE FROM listed WHERE list = 3 AND key = OLD.id; END",
    // Deliveries and alarms have their columns already, so that triggers do it all.
    "CREATE TRIGGER deliveries_listed AFTER INSERT ON deliveries
     BEGIN
        INSERT INTO listed(list, key, at_ms, state, waiting, out_trade_no)
        VALUES(5, NEW.id, coalesce(NEW.created_at_ms, unixepoch() * 1000), NEW.state,
            NEW.state = 'waiting', NEW.out_trade_no);
        INSERT OR IGNORE INTO numbers SELECT 5, NEW.out_trade_no, n FROM listed
        WHERE list = 5 AND key = CAST(NEW.id AS TEXT);
        INSERT OR IGNORE INTO numbers SELECT 5, NEW.out_refund_no, n FROM listed
        WHERE list = 5 AND key = CAST(NEW.id AS TEXT) AND NEW.out_refund_no IS NOT NULL;
     END",
    "CREATE TRIGGER deliveries_listed_again AFTER UPDATE OF state ON deliveries
        WHEN NEW.state <> OLD.state
     BEGIN
        UPDATE listed SET state = NEW.state, waiting = NEW.state = 'waiting'
        WHERE list = 5 AND key = CAST(NEW.id AS TEXT);
     END",
    "CREATE TRIGGER alarms_listed AFTER INSERT ON alarms
     BEGIN
        INSERT OR IGNORE INTO listed(list, key, at_ms, state, out_trade_no)
        VALUES(6, NEW.name || ' ' || NEW.subject, NEW.last_at_ms, NEW.name, NEW.subject);
        INSERT OR IGNORE INTO numbers SELECT 6, NEW.subject, n FROM listed
        WHERE list = 6 AND key = NEW.name || ' ' || NEW.subject;
     END",
    "CREATE TRIGGER alarms_listed_again AFTER UPDATE OF last_at_ms ON alarms
     BEGIN
        UPDATE listed SET at_ms = NEW.last_at_ms
        WHERE list = 6 AND key = NEW.name || ' ' || NEW.subject;
     END",
    "CREATE TRIGGER alarms_removed AFTER DELETE ON alarms
     BEGIN
        DELETE FROM listed WHERE list = 6 AND key = OLD.name || ' ' || OLD.subject;
     END",
];

/// What has rows of an earlier version, with its table and the column of its key:
/// in the order in which they are indexed. Refunds come with their orders.
const SOURCES: [(List, &str, &str); 5] = [
    (List::Links, "links", "id"),
    (List::Checkouts, "checkouts", "id"),
    (List::Orders, "orders", "out_trade_no"),
    (List::Deliveries, "deliveries", "CAST(id AS TEXT)"),
    (List::Alarms, "alarms", "name || ' ' || subject"),
];

/// The second migration: makes the index, empty, and notes what is to be indexed.
pub(super) fn make_tables<S: Storage>(storage: &S) -> Result<(), StorageError> {
    crate::runtime::add_columns(
        storage,
        &[
            // Changes with each write that the index has followed.
            ("orders", "listed", "INTEGER"),
            ("checkouts", "listed", "INTEGER"),
            ("deliveries", "created_at_ms", "INTEGER"),
        ],
    )?;
    for statement in STATEMENTS {
        storage.exec(statement, &[])?;
    }
    for (list, table, _) in SOURCES {
        let newest = storage.exec(&format!("SELECT max(rowid) FROM {table}"), &[])?;
        let newest = newest.first().map(|row| row.int_or_null(0)).transpose()?;
        if let Some(newest) = newest.flatten() {
            storage.exec(
                "INSERT INTO fills(list, before) VALUES(?, ?)",
                &[list.into(), (newest + 1).into()],
            )?;
        }
    }
    Ok(())
}

/// Whether what is indexed is new, or was stored by an earlier version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// Made or changed now.
    New,
    /// Stored before it was indexed.
    Stored,
}

/// One row of the index, and the numbers that find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    list: List,
    key: String,
    at_ms: i64,
    state: &'static str,
    pub(super) waiting: bool,
    /// When its amount was paid or refunded; `None` where it was not.
    moved_at_ms: Option<i64>,
    money: Option<Money>,
    trade_type: Option<TradeType>,
    link: Option<String>,
    pub(super) openid: Option<String>,
    pub(super) sub_openid: Option<String>,
    out_trade_no: Option<String>,
    until_ms: Option<i64>,
    numbers: Vec<String>,
}

impl Entry {
    fn new(list: List, key: impl Into<String>, at_ms: i64, state: &'static str) -> Self {
        let key = key.into();
        Self {
            list,
            numbers: vec![key.clone()],
            key,
            at_ms,
            state,
            waiting: false,
            moved_at_ms: None,
            money: None,
            trade_type: None,
            link: None,
            openid: None,
            sub_openid: None,
            out_trade_no: None,
            until_ms: None,
        }
    }

    /// An order's and its refunds'.
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
            super::changes::refund_status(refund),
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

    /// A checkout that was not paid.
    pub(super) fn of_checkout(checkout: &Checkout, at_ms: i64, link: Option<String>) -> Self {
        let mut entry = Self::new(
            List::Checkouts,
            checkout.id.as_str(),
            at_ms,
            checkout_state(checkout),
        );
        entry.money = Some(checkout.purchase.money);
        entry.link = link;
        entry.until_ms = Some(checkout.expires_at_ms);
        entry.numbers = numbers_of_checkout(checkout);
        entry
    }

    /// A payment link.
    pub(super) fn of_link(link: &Link, at_ms: i64) -> Self {
        let state = if link.active { "on" } else { "off" };
        let mut entry = Self::new(List::Links, link.id.as_str(), at_ms, state);
        entry.money = Some(match link.price {
            Price::Fixed { each, .. } => each,
            Price::Entered { max, .. } => max,
        });
        let name = link.id.split_once('.').map(|(_, name)| name.to_owned());
        entry.numbers.extend(name);
        entry
    }
}

/// What is stored of a checkout that was not paid. Whether it is open or has
/// expired is a matter of the time.
fn checkout_state(checkout: &Checkout) -> &'static str {
    if checkout.closed { "closed" } else { "unpaid" }
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
    Some(parse_china(&paid.payment.time_end).unwrap_or(paid.learned_at_ms))
}

impl<R: Runtime, S: Storage> Book<R, S> {
    /// Follows a change to an order, inside its transaction. `before` is what
    /// [`Entry::of_order`] was before, and empty for a new order.
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
        if let (Some(paid_ms), false, None) = (paid_ms, was_paid, order.paid_besides()) {
            self.storage.exec(
                "UPDATE listed SET state = 'paid', moved_at_ms = ?1
                 WHERE list = 3 AND key =
                    (SELECT checkout_id FROM attempts WHERE out_trade_no = ?2)",
                &[paid_ms.into(), order.terms().out_trade_no.as_str().into()],
            )?;
        }
        Ok(())
    }

    /// The same for a new order, which may be an attempt of a link's checkout.
    pub(super) fn index_new_order(&self, order: &Order, age: Age) -> Result<(), StorageError> {
        self.index_order(&[], order, age)?;
        self.storage.exec(
            "UPDATE listed SET link = checkout.link
             FROM (SELECT link FROM listed WHERE list = 3 AND key =
                (SELECT checkout_id FROM attempts WHERE out_trade_no = ?1)) AS checkout
             WHERE list = 1 AND key = ?1 AND checkout.link IS NOT NULL",
            &[order.terms().out_trade_no.as_str().into()],
        )?;
        Ok(())
    }

    /// Follows a change to a checkout that was made before, inside its
    /// transaction.
    pub(super) fn index_checkout(&self, checkout: &Checkout) -> Result<(), StorageError> {
        let rows = self.storage.exec(
            "UPDATE listed SET state = CASE WHEN moved_at_ms IS NULL THEN ?1 ELSE state END
             WHERE list = 3 AND key = ?2 RETURNING n",
            &[checkout_state(checkout).into(), checkout.id.as_str().into()],
        )?;
        // Not there while an earlier version's rows are being indexed.
        let (Some(row), Some(last)) = (rows.first(), numbers_of_checkout(checkout).pop()) else {
            return Ok(());
        };
        self.add_number(List::Checkouts, &last, row.int(0)?)
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
        let rows = self.storage.exec(
            "INSERT INTO listed(n, list, key, at_ms, state, waiting, moved_at_ms, amount,
                currency, trade_type, link, openid, sub_openid, out_trade_no, until_ms)
             VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT(list, key) DO UPDATE SET
                state = excluded.state, waiting = excluded.waiting,
                moved_at_ms = excluded.moved_at_ms, amount = excluded.amount,
                currency = excluded.currency, link = coalesce(excluded.link, link),
                openid = excluded.openid, sub_openid = excluded.sub_openid
             RETURNING n",
            &[
                n.into(),
                entry.list.into(),
                entry.key.as_str().into(),
                entry.at_ms.into(),
                entry.state.into(),
                i64::from(entry.waiting).into(),
                entry.moved_at_ms.into(),
                entry.money.map(Money::amount_minor).into(),
                entry.money.map(|money| money.currency().code()).into(),
                entry.trade_type.map(TradeType::as_str).into(),
                entry.link.as_deref().into(),
                entry.openid.as_deref().into(),
                entry.sub_openid.as_deref().into(),
                entry.out_trade_no.as_deref().into(),
                entry.until_ms.into(),
            ],
        )?;
        let n = rows.first().map_or(Ok(0), |row| row.int(0))?;
        for number in &entry.numbers {
            if before.is_none_or(|before| !before.numbers.contains(number)) {
                self.add_number(entry.list, number, n)?;
            }
        }
        Ok(())
    }

    /// Rows of an earlier version are indexed newest first, and each gets a number
    /// below all others: of rows of one moment, the later has the larger number.
    fn n_before_all(&self) -> Result<i64, StorageError> {
        let rows = self.storage.exec("SELECT min(n) FROM listed", &[])?;
        let least = rows.first().map_or(Ok(None), |row| row.int_or_null(0))?;
        Ok(least.unwrap_or(0).min(0) - 1)
    }

    fn add_number(&self, list: List, number: &str, n: i64) -> Result<(), StorageError> {
        self.storage.exec(
            "INSERT OR IGNORE INTO numbers(list, number, n) VALUES(?, ?, ?)",
            &[list.into(), number.into(), n.into()],
        )?;
        Ok(())
    }

    // Rows of an earlier version.

    /// Whether rows of an earlier version are still to be indexed. Until then a
    /// list or a sum would be wrong.
    pub(super) fn is_filled(&self) -> Result<bool, StorageError> {
        let rows = self.storage.exec("SELECT 1 FROM fills LIMIT 1", &[])?;
        Ok(rows.is_empty())
    }

    /// Begins with them when the object opens.
    pub(super) fn fill_at_open(&self) {
        let noted = self
            .storage
            .exec("SELECT 1 FROM unlisted LIMIT 1", &[])
            .and_then(|rows| Ok(!rows.is_empty() || !self.is_filled()?));
        // What fails here is tried again by the alarm.
        self.filling.set(noted.unwrap_or(true));
        for _ in 0..SLICES_AT_OPEN {
            if let Err(error) = self.fill_slice() {
                self.runtime.log(format_args!("index: {error}"));
                return;
            }
        }
    }

    /// Goes on with them, under the alarm.
    pub(super) async fn fill(&self) -> Result<(), StorageError> {
        let until_ms = self.runtime.now_ms() + FILL_MS;
        while self.filling.get() && self.runtime.now_ms() < until_ms {
            self.fill_slice()?;
            // Calls that have come meanwhile are answered.
            self.runtime.sleep(1).await;
        }
        Ok(())
    }

    /// Indexes the next rows, newest first, and notes how far that has come.
    fn fill_slice(&self) -> Result<(), StorageError> {
        if !self.filling.get() {
            return Ok(());
        }
        // The index takes room too, and the rest is for what is paid.
        if !self.has_room_for_new() {
            self.runtime
                .log(format_args!("index: not made, the object is nearly full"));
            self.filling.set(false);
            return Ok(());
        }
        let rest = self.storage.atomically(|| {
            for (list, table, key) in SOURCES {
                let rows = self
                    .storage
                    .exec("SELECT before FROM fills WHERE list = ?", &[list.into()])?;
                if let Some(row) = rows.first() {
                    self.fill_from(list, table, key, row.int(0)?)?;
                    return Ok::<_, StorageError>(true);
                }
            }
            self.fill_unlisted()
        })?;
        self.filling.set(rest);
        Ok(())
    }

    fn fill_from(
        &self,
        list: List,
        table: &str,
        key: &str,
        before: i64,
    ) -> Result<(), StorageError> {
        let rows = self.storage.exec(
            &format!(
                "SELECT rowid, {key} FROM {table} WHERE rowid < ? ORDER BY rowid DESC LIMIT ?"
            ),
            &[before.into(), SLICE.into()],
        )?;
        for row in &rows {
            self.fill_one(list, row.text(1)?)?;
        }
        let is_last = i64::try_from(rows.len()).is_ok_and(|n| n < SLICE);
        match rows.last().filter(|_| !is_last) {
            Some(last) => self.storage.exec(
                "UPDATE fills SET before = ? WHERE list = ?",
                &[last.int(0)?.into(), list.into()],
            ),
            None => self
                .storage
                .exec("DELETE FROM fills WHERE list = ?", &[list.into()]),
        }?;
        Ok(())
    }

    /// Indexes rows that an earlier version has written since; whether there may
    /// be more.
    fn fill_unlisted(&self) -> Result<bool, StorageError> {
        let rows = self
            .storage
            .exec("SELECT list, key FROM unlisted LIMIT ?", &[SLICE.into()])?;
        for row in &rows {
            let (list, key) = (row.int(0)?, row.text(1)?);
            match list {
                1 => self.fill_one(List::Orders, key)?,
                _ => self.fill_one(List::Checkouts, key)?,
            }
            self.storage.exec(
                "DELETE FROM unlisted WHERE list = ? AND key = ?",
                &[list.into(), key.into()],
            )?;
        }
        Ok(!rows.is_empty())
    }

    /// Indexes one thing as it stands. One that cannot be read is passed over,
    /// with an alarm: it is indexed when it next changes.
    fn fill_one(&self, list: List, key: &str) -> Result<(), StorageError> {
        match list {
            List::Orders => self.fill_order(key),
            List::Checkouts => self.fill_checkout(key),
            List::Links => self.fill_link(key),
            List::Deliveries => self.fill_delivery(key),
            List::Alarms | List::Refunds => {
                self.storage.exec(
                    "INSERT OR IGNORE INTO listed(list, key, at_ms, state, out_trade_no)
                     SELECT 6, ?1, last_at_ms, name, subject FROM alarms
                     WHERE name = ?2 AND subject = ?3",
                    &alarm_key(key),
                )?;
                let [key, _, subject] = alarm_key(key);
                self.storage.exec(
                    "INSERT OR IGNORE INTO numbers SELECT 6, ?2, n FROM listed
                     WHERE list = 6 AND key = ?1",
                    &[key, subject],
                )?;
                Ok(())
            }
        }
    }

    fn fill_order(&self, number: &str) -> Result<(), StorageError> {
        let Ok(Some(order)) = self.load_order(number) else {
            return Ok(());
        };
        self.index_new_order(&order, Age::Stored)
    }

    fn fill_checkout(&self, id: &str) -> Result<(), StorageError> {
        let rows = self
            .storage
            .exec("SELECT json FROM checkouts WHERE id = ?", &[id.into()])?;
        let Some(row) = rows.first() else {
            return Ok(());
        };
        let Ok(checkout) = self.read_row::<Checkout>("checkout", id, row.text(0)?) else {
            return Ok(());
        };
        // When it was made was not written: its first attempt, or its end.
        let begun_ms = checkout.attempts.first().map(|first| first.begun_at_ms);
        let begun_ms = begun_ms.filter(|at_ms| *at_ms > 0);
        let at_ms = begun_ms.unwrap_or(checkout.expires_at_ms);
        let link = self.link_of(&checkout)?;
        let mut entry = Entry::of_checkout(&checkout, at_ms, link);
        if let Some(order) = self.kept_order(&checkout).ok().flatten()
            && let Some(paid_ms) = paid_at_ms(&order)
        {
            entry.moved_at_ms = Some(paid_ms);
            entry.state = "paid";
        }
        self.put(&entry, None, Age::Stored)
    }

    /// The link whose purchase a checkout of an earlier version is. Its number is
    /// the link's name, `_` and 16 characters.
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
        let rows = self.storage.exec(
            "SELECT id FROM links WHERE id = ?",
            &[format!("{merchant}.{name}").into()],
        )?;
        rows.first()
            .map(|row| row.text(0).map(str::to_owned))
            .transpose()
    }

    fn fill_link(&self, id: &str) -> Result<(), StorageError> {
        let rows = self
            .storage
            .exec("SELECT json FROM links WHERE id = ?", &[id.into()])?;
        let Some(row) = rows.first() else {
            return Ok(());
        };
        let Ok(link) = self.read_row::<Link>("link", id, row.text(0)?) else {
            return Ok(());
        };
        let first = self.storage.exec(
            "SELECT at_ms FROM audit WHERE subject = ? ORDER BY id LIMIT 1",
            &[id.into()],
        )?;
        let at_ms = first.first().map_or(Ok(0), |row| row.int(0))?;
        self.put(&Entry::of_link(&link, at_ms), None, Age::Stored)
    }

    /// When a delivery was made was not written: what it tells of happened then.
    fn fill_delivery(&self, id: &str) -> Result<(), StorageError> {
        let rows = self.storage.exec(
            "SELECT out_trade_no, out_refund_no, state FROM deliveries WHERE id = ?",
            &[id.parse::<i64>().unwrap_or_default().into()],
        )?;
        let Some(row) = rows.first() else {
            return Ok(());
        };
        let (number, refund_no) = (row.text(0)?, row.text_or_null(1)?);
        let order = self.load_order(number).ok().flatten();
        let of_refund = |order: &Order| {
            let mut refunds = order.refunds().iter();
            let refund = refunds.find(|refund| Some(refund.out_refund_no.as_str()) == refund_no)?;
            Some(refund.asked_at_ms)
        };
        let at_ms = order.as_ref().map_or(0, |order| {
            of_refund(order).unwrap_or_else(|| {
                let paid = order.known_payment();
                paid.map_or(order.created_at_ms(), |paid| paid.learned_at_ms)
            })
        });
        let state = match row.text(2)? {
            "waiting" => "waiting",
            "acknowledged" => "acknowledged",
            _ => "given_up",
        };
        let mut entry = Entry::new(List::Deliveries, id, at_ms, state);
        entry.waiting = state == "waiting";
        entry.out_trade_no = Some(number.to_owned());
        entry.numbers = [Some(number), refund_no]
            .into_iter()
            .flatten()
            .map(str::to_owned)
            .collect();
        self.put(&entry, None, Age::Stored)
    }
}

/// The key of an alarm's row, its name and its subject.
pub(super) fn alarm_key(key: &str) -> [Value; 3] {
    let (name, subject) = key.split_once(' ').unwrap_or((key, ""));
    [key.into(), name.into(), subject.into()]
}
