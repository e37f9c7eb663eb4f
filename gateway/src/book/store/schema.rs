//! The tables of a book, and the migrations that change a database of an
//! earlier version; see [`migrate`](crate::store::migrate). Data is migrated in
//! slices under the alarm: see `index.rs`.

use super::index;
use crate::observe::audit;
use crate::runtime::{Storage, StorageError};
use crate::store::{self, Migration, add_columns, has_table};

/// Every migration, in order. Its number is its place, counted from 1. A new column goes into a new
/// migration and not into the tables of an earlier one, which existing books do not execute again.
fn migrations<S: Storage>() -> [Migration<S>; 7] {
    [
        base_tables,
        index_tables,
        event_tables,
        kept_table,
        brand_tables,
        person_tables,
        day_tables,
    ]
}

/// Executes the migrations that the database lacks.
pub(in crate::book) fn migrate<S: Storage>(storage: &S) -> Result<(), StorageError> {
    store::migrate(storage, &migrations())
}

/// Makes the tables of version 0.1.0, or adds what they lack.
fn base_tables<S: Storage>(storage: &S) -> Result<(), StorageError> {
    let knows_transactions = has_table(storage, "transactions")?;
    for statement in [
        "CREATE TABLE IF NOT EXISTS facts(name TEXT PRIMARY KEY, text TEXT NOT NULL)",
        "CREATE TABLE IF NOT EXISTS orders(
            out_trade_no TEXT PRIMARY KEY, json TEXT NOT NULL, due_at_ms INTEGER)",
        "CREATE INDEX IF NOT EXISTS orders_due ON orders(due_at_ms)
            WHERE due_at_ms IS NOT NULL",
        "CREATE TABLE IF NOT EXISTS checkouts(
            id TEXT PRIMARY KEY, out_trade_no TEXT NOT NULL UNIQUE, json TEXT NOT NULL)",
        "CREATE TABLE IF NOT EXISTS attempts(
            out_trade_no TEXT PRIMARY KEY, checkout_id TEXT NOT NULL)",
        "CREATE INDEX IF NOT EXISTS attempts_checkout ON attempts(checkout_id)",
        "CREATE TABLE IF NOT EXISTS refunds(
            out_refund_no TEXT PRIMARY KEY, out_trade_no TEXT NOT NULL)",
        "CREATE TABLE IF NOT EXISTS products(product_id TEXT PRIMARY KEY, json TEXT NOT NULL)",
        "CREATE TABLE IF NOT EXISTS links(
            id TEXT PRIMARY KEY, json TEXT NOT NULL, sold INTEGER NOT NULL)",
        "CREATE TABLE IF NOT EXISTS sales(
            checkout_id TEXT PRIMARY KEY, link_id TEXT NOT NULL, once TEXT NOT NULL,
            pieces INTEGER NOT NULL, until_ms INTEGER NOT NULL)",
        "CREATE TABLE IF NOT EXISTS holders(
            checkout_id TEXT PRIMARY KEY, holder TEXT NOT NULL)",
        "CREATE INDEX IF NOT EXISTS sales_link ON sales(link_id, until_ms)",
        "CREATE INDEX IF NOT EXISTS sales_once ON sales(once)",
        "CREATE INDEX IF NOT EXISTS holders_holder ON holders(holder)",
        "CREATE TABLE IF NOT EXISTS deliveries(
            id INTEGER PRIMARY KEY AUTOINCREMENT, out_trade_no TEXT NOT NULL,
            url TEXT NOT NULL, body TEXT NOT NULL, attempts INTEGER NOT NULL,
            due_at_ms INTEGER, state TEXT NOT NULL, last TEXT, out_refund_no TEXT)",
        "CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries(out_trade_no)
            WHERE state = 'waiting'",
        "CREATE INDEX IF NOT EXISTS deliveries_order ON deliveries(out_trade_no)",
        "CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries(due_at_ms)
            WHERE due_at_ms IS NOT NULL",
        "CREATE TABLE IF NOT EXISTS counters(name TEXT PRIMARY KEY, n INTEGER NOT NULL)",
        "CREATE TABLE IF NOT EXISTS alarms(
            name TEXT NOT NULL, subject TEXT NOT NULL, times INTEGER NOT NULL,
            last_at_ms INTEGER NOT NULL, PRIMARY KEY(name, subject))",
        "CREATE TABLE IF NOT EXISTS transactions(
            transaction_id TEXT PRIMARY KEY, out_trade_no TEXT NOT NULL)",
        "CREATE TABLE IF NOT EXISTS strays(
            transaction_id TEXT PRIMARY KEY, json TEXT NOT NULL)",
        "CREATE TABLE IF NOT EXISTS rechecks(
            out_trade_no TEXT PRIMARY KEY, due_at_ms INTEGER NOT NULL,
            claim_since_ms INTEGER)",
        "CREATE INDEX IF NOT EXISTS rechecks_due ON rechecks(due_at_ms)",
    ]
    .into_iter()
    .chain(audit::STATEMENTS)
    {
        storage.exec(statement, &[])?;
    }
    add_columns(storage, &ADDED)?;
    if !knows_transactions {
        storage.exec(FILL_TRANSACTIONS, &[])?;
    }
    for statement in [
        "CREATE INDEX IF NOT EXISTS alarms_last ON alarms(last_at_ms)",
        "CREATE INDEX IF NOT EXISTS checkouts_untried ON checkouts(untried_until_ms)
            WHERE untried_until_ms IS NOT NULL",
    ] {
        storage.exec(statement, &[])?;
    }
    Ok(())
}

/// The sixth migration: which entries of the audit are a person's.
fn person_tables<S: Storage>(storage: &S) -> Result<(), StorageError> {
    for statement in audit::PEOPLE_STATEMENTS {
        storage.exec(statement, &[])?;
    }
    Ok(())
}

/// The tables, indexes and triggers of the index of lists. Every index is on a
/// new table.
const INDEX_TABLES: [&str; 30] = [
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
    // Deliveries and alarms have all the columns that the index needs, so triggers alone fill it.
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

/// The second migration: makes the index, empty, and marks the stored rows as
/// still to be indexed.
fn index_tables<S: Storage>(storage: &S) -> Result<(), StorageError> {
    add_columns(
        storage,
        &[
            // Changes with each write that is also written to the index.
            ("orders", "listed", "INTEGER"),
            ("checkouts", "listed", "INTEGER"),
            ("deliveries", "created_at_ms", "INTEGER"),
        ],
    )?;
    for statement in INDEX_TABLES {
        storage.exec(statement, &[])?;
    }
    index::begin_fills(storage)
}

/// Replies to requests with an `Idempotency-Key`.
fn kept_table<S: Storage>(storage: &S) -> Result<(), StorageError> {
    for statement in super::kept_replies::STATEMENTS {
        storage.exec(statement, &[])?;
    }
    Ok(())
}

/// The merchant's images, receipts and exchange rates.
fn brand_tables<S: Storage>(storage: &S) -> Result<(), StorageError> {
    let statements = super::images::STATEMENTS.into_iter();
    let statements = statements.chain(super::receipts::STATEMENTS);
    for statement in statements.chain(super::rates::STATEMENTS) {
        storage.exec(statement, &[])?;
    }
    Ok(())
}

/// The days that are compared with WeChat's statements.
fn day_tables<S: Storage>(storage: &S) -> Result<(), StorageError> {
    for statement in super::days::STATEMENTS {
        storage.exec(statement, &[])?;
    }
    Ok(())
}

/// The tables of events, of which none has rows before.
const EVENT_TABLES: [&str; 19] = [
    "CREATE TABLE events(
        n INTEGER PRIMARY KEY AUTOINCREMENT, random TEXT NOT NULL, type TEXT NOT NULL,
        subject TEXT NOT NULL, seq INTEGER NOT NULL, at_ms INTEGER NOT NULL,
        object TEXT NOT NULL)",
    "CREATE UNIQUE INDEX events_subject ON events(subject, seq)",
    "CREATE TABLE event_ends(subject TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE checkout_ends(
        checkout_id TEXT PRIMARY KEY, due_at_ms INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX checkout_ends_due ON checkout_ends(due_at_ms)",
    "CREATE TABLE endpoints(
        id TEXT PRIMARY KEY, url TEXT NOT NULL, events TEXT, description TEXT,
        active INTEGER NOT NULL, created_at_ms INTEGER NOT NULL, secret TEXT NOT NULL,
        previous_secret TEXT, previous_until_ms INTEGER, failures INTEGER NOT NULL DEFAULT 0,
        failing_since_ms INTEGER, resume_at_ms INTEGER, reported INTEGER NOT NULL DEFAULT 0)",
    "CREATE TABLE event_deliveries(
        id INTEGER PRIMARY KEY AUTOINCREMENT, event INTEGER NOT NULL, endpoint TEXT NOT NULL,
        url TEXT NOT NULL, subject TEXT NOT NULL, state TEXT NOT NULL,
        attempts INTEGER NOT NULL, due_at_ms INTEGER, until_ms INTEGER NOT NULL,
        created_at_ms INTEGER NOT NULL, last TEXT)",
    // The next id is above 2^40, so that no delivery of `deliveries` has it.
    "INSERT INTO event_deliveries VALUES(1099511627776, 0, '', '', '', '', 0, NULL, 0, 0, NULL)",
    "DELETE FROM event_deliveries WHERE id = 1099511627776",
    "CREATE INDEX event_deliveries_event ON event_deliveries(event)",
    "CREATE INDEX event_deliveries_waiting ON event_deliveries(endpoint, subject, id)
        WHERE state = 'waiting'",
    "CREATE INDEX event_deliveries_due ON event_deliveries(endpoint, due_at_ms)
        WHERE due_at_ms IS NOT NULL",
    "CREATE INDEX event_deliveries_until ON event_deliveries(until_ms)
        WHERE state = 'waiting'",
    "CREATE INDEX event_deliveries_given_up ON event_deliveries(endpoint, created_at_ms)
        WHERE state = 'given_up'",
    "CREATE TABLE delivery_attempts(
        delivery INTEGER NOT NULL, at_ms INTEGER NOT NULL, duration_ms INTEGER NOT NULL,
        status INTEGER, answer TEXT NOT NULL)",
    "CREATE INDEX delivery_attempts_delivery ON delivery_attempts(delivery)",
    // In the list of deliveries, which is 5.
    "CREATE TRIGGER event_deliveries_listed AFTER INSERT ON event_deliveries
        WHEN NEW.event > 0
     BEGIN
        INSERT INTO listed(list, key, at_ms, state, waiting, out_trade_no)
        VALUES(5, NEW.id, NEW.created_at_ms, NEW.state, NEW.state = 'waiting', NEW.subject);
        INSERT OR IGNORE INTO numbers SELECT 5, NEW.subject, n FROM listed
        WHERE list = 5 AND key = CAST(NEW.id AS TEXT);
     END",
    "CREATE TRIGGER event_deliveries_listed_again AFTER UPDATE OF state ON event_deliveries
        WHEN NEW.state <> OLD.state
     BEGIN
        UPDATE listed SET state = NEW.state, waiting = NEW.state = 'waiting'
        WHERE list = 5 AND key = CAST(NEW.id AS TEXT);
     END",
    "CREATE TRIGGER event_deliveries_removed AFTER DELETE ON event_deliveries
     BEGIN DELETE FROM listed WHERE list = 5 AND key = CAST(OLD.id AS TEXT); END",
];

/// The third migration: events begin with it.
fn event_tables<S: Storage>(storage: &S) -> Result<(), StorageError> {
    for statement in EVENT_TABLES {
        storage.exec(statement, &[])?;
    }
    Ok(())
}

/// The transactions of the payments in a book of a version before 0.1.0. This
/// runs at once, and not in slices: until each paid order's transaction is
/// known, the same payment could pay a second order. A row that is not JSON is
/// skipped, so that the book opens all the same.
const FILL_TRANSACTIONS: &str = "INSERT OR IGNORE INTO transactions
    SELECT CASE WHEN json_valid(json) THEN coalesce(
        json_extract(json, '$.status.SUCCESS.payment.transaction_id'),
        json_extract(json, '$.status.REVERSING.paid.payment.transaction_id'),
        json_extract(json, '$.status.REVOKED.paid.payment.transaction_id')
    ) END AS transaction_id, out_trade_no FROM orders WHERE transaction_id IS NOT NULL";

/// Columns of the first migration that a book lacks which a version before 0.1.0
/// has made: table, column, type. The list is complete.
const ADDED: [(&str, &str, &str); 2] = [
    ("deliveries", "out_refund_no", "TEXT"),
    // After this time a payment link's purchase that no payer has tried to pay is removed.
    ("checkouts", "untried_until_ms", "INTEGER"),
];
