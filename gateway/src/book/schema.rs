//! The tables of a book, and how a database of an earlier version becomes one
//! of this version.
//!
//! ```text
//! facts( 'schema' ) = the number of the last migration that was carried out
//! ```
//!
//! Migrations have numbers and are only ever added. Each runs in one
//! transaction together with its number, so that a crash leaves it undone or
//! done. A database without a number is of version 0.1.0 or earlier, or new;
//! the first migration takes both to the same tables.
//!
//! A migration costs the same however many rows there are: an object that takes
//! longer to open than the runtime allows never opens again. So it makes tables
//! and columns, and no index on a table that may be large. Data follows in
//! slices under the alarm: see `index.rs`.

use crate::observe::audit;
use crate::runtime::{Storage, StorageError, add_columns};

/// What one migration does.
type Migration<S> = fn(&S) -> Result<(), StorageError>;

/// Every migration, in order. Its number is its place, counted from 1.
fn migrations<S: Storage>() -> [Migration<S>; 2] {
    [base_tables, super::index::make_tables]
}

/// Carries out what the database lacks. One of a later version, which a
/// rollback leaves behind, stays as it is.
pub(super) fn migrate<S: Storage>(storage: &S) -> Result<(), StorageError> {
    let done = number(storage)?;
    for (number, migration) in (1..).zip(migrations()) {
        if number <= done {
            continue;
        }
        storage.atomically(|| {
            migration(storage)?;
            storage.exec(
                "INSERT INTO facts(name, text) VALUES('schema', ?1)
                 ON CONFLICT(name) DO UPDATE SET text = ?1",
                &[number.to_string().into()],
            )?;
            Ok::<_, StorageError>(())
        })?;
    }
    Ok(())
}

/// The number of the last migration; 0 where none has a number.
fn number(storage: &impl Storage) -> Result<i64, StorageError> {
    if !has_table(storage, "facts")? {
        return Ok(0);
    }
    let rows = storage.exec("SELECT text FROM facts WHERE name = 'schema'", &[])?;
    match rows.first() {
        Some(row) => row
            .text(0)?
            .parse()
            .map_err(|error| StorageError::unreadable("schema number", error)),
        None => Ok(0),
    }
}

/// The tables of version 0.1.0, made new or completed.
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

/// The transactions of the payments in a book of a version before 0.1.0. It
/// runs whole, and not in slices: until each paid order's transaction is known,
/// the same payment could pay a second order. A row that is no JSON is passed
/// over: it must not keep the book from opening.
const FILL_TRANSACTIONS: &str = "INSERT OR IGNORE INTO transactions
    SELECT CASE WHEN json_valid(json) THEN coalesce(
        json_extract(json, '$.status.SUCCESS.payment.transaction_id'),
        json_extract(json, '$.status.REVERSING.paid.payment.transaction_id'),
        json_extract(json, '$.status.REVOKED.paid.payment.transaction_id')
    ) END AS transaction_id, out_trade_no FROM orders WHERE transaction_id IS NOT NULL";

fn has_table(storage: &impl Storage, name: &str) -> Result<bool, StorageError> {
    let found = storage.exec(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?",
        &[name.into()],
    )?;
    Ok(!found.is_empty())
}

/// Columns that a book of an earlier version lacks: table, column, type.
const ADDED: [(&str, &str, &str); 2] = [
    ("deliveries", "out_refund_no", "TEXT"),
    // A payment link's purchase that no payer has tried to pay goes after this.
    ("checkouts", "untried_until_ms", "INTEGER"),
];
