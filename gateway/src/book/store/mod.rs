//! Every SQL statement of a book: one file for each subject, with functions
//! from typed arguments to typed rows. No other file of the book contains SQL
//! or reads a column by its position; a test in `tests/architecture` checks
//! this.
//!
//! ```text
//! schema       the tables, and the numbered migrations that make them
//! orders       orders, and the transaction that paid each
//! checkouts    checkouts and their attempts
//! refunds      numbers that refunds have taken
//! links        payment links, the sales of the last minutes and their holders
//! products     what the codes of Native mode 1 sell
//! deliveries   documents for the merchant
//! rechecks     later queries about an order
//! alarms       open alarms
//! facts        single values of the book
//! counters     how often each thing happened
//! timers       the earliest timer of any table
//! unmatched    payments and refunds of unknown sub-merchants
//! index        the index of lists: rows, numbers, sums, what is still to be indexed
//! search       pages of a list
//! ```
//!
//! Values that are stored as JSON are returned as text: the caller parses them,
//! because it raises the alarm about one that cannot be read.

pub(super) mod alarms;
pub(super) mod checkouts;
pub(super) mod counters;
pub(super) mod deliveries;
pub(super) mod facts;
pub(super) mod index;
pub(super) mod links;
pub(super) mod orders;
pub(super) mod products;
pub(super) mod rechecks;
pub(super) mod refunds;
pub(super) mod schema;
pub(super) mod search;
pub(super) mod timers;
pub(super) mod unmatched;

use crate::runtime::{Row, Storage, StorageError, Value};

/// The first row that a statement returns, read by `read`.
fn first<T>(
    storage: &impl Storage,
    sql: &str,
    args: &[Value],
    read: impl FnOnce(&Row) -> Result<T, StorageError>,
) -> Result<Option<T>, StorageError> {
    storage.exec(sql, args)?.first().map(read).transpose()
}

/// Every row that a statement returns, read by `read`.
fn all<T>(
    storage: &impl Storage,
    sql: &str,
    args: &[Value],
    read: impl FnMut(&Row) -> Result<T, StorageError>,
) -> Result<Vec<T>, StorageError> {
    storage.exec(sql, args)?.iter().map(read).collect()
}

/// The text in the first column of the first row.
fn text(storage: &impl Storage, sql: &str, args: &[Value]) -> Result<Option<String>, StorageError> {
    first(storage, sql, args, first_text)
}

/// The texts in the first column.
fn texts(storage: &impl Storage, sql: &str, args: &[Value]) -> Result<Vec<String>, StorageError> {
    all(storage, sql, args, first_text)
}

/// The integer in the first column of the first row; 0 without a row.
fn integer(storage: &impl Storage, sql: &str, args: &[Value]) -> Result<i64, StorageError> {
    Ok(first(storage, sql, args, |row| row.int(0))?.unwrap_or(0))
}

/// Whether the statement returns a row.
fn exists(storage: &impl Storage, sql: &str, args: &[Value]) -> Result<bool, StorageError> {
    Ok(!storage.exec(sql, args)?.is_empty())
}

fn first_text(row: &Row) -> Result<String, StorageError> {
    row.text(0).map(str::to_owned)
}

/// The text in a column, or `None` for NULL.
fn owned_or_null(row: &Row, column: usize) -> Result<Option<String>, StorageError> {
    Ok(row.text_or_null(column)?.map(str::to_owned))
}
