//! Every SQL statement of the board: functions from typed arguments to typed
//! rows.
//!
//! ```text
//! board(  merchant, at_ms, due_ms, contact_at_ms, alarms, json )   the latest report of each book
//! totals( name, n )                                                 sums over all merchants
//! facts(  name, text )                                              how far the list of merchants was read
//! ```

use crate::runtime::{Row, Storage, StorageError, Value};
use crate::store::{self, Migration, all, fact, first, integer, set_fact, texts};

const TABLES: [&str; 6] = [
    "CREATE TABLE IF NOT EXISTS board(
        merchant TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, due_ms INTEGER,
        contact_at_ms INTEGER, alarms INTEGER NOT NULL, json TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS board_due ON board(due_ms) WHERE due_ms IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS board_contact ON board(contact_at_ms)
        WHERE contact_at_ms IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS board_alarms ON board(merchant) WHERE alarms > 0",
    "CREATE TABLE IF NOT EXISTS totals(name TEXT PRIMARY KEY, n INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS facts(name TEXT PRIMARY KEY, text TEXT NOT NULL)",
];

/// The latest report of a book.
pub(super) struct StoredReport {
    pub(super) merchant: String,
    /// When it was made, Unix milliseconds; 0 where none was made yet.
    pub(super) at_ms: i64,
    /// The book's earliest timer.
    pub(super) due_ms: Option<i64>,
    /// The numbers, as JSON; empty where there are none yet.
    pub(super) json: String,
}

/// A report to store.
pub(super) struct NewReport<'a> {
    pub(super) merchant: &'a str,
    pub(super) at_ms: i64,
    pub(super) due_ms: Option<i64>,
    /// When the book is called, if it has not reported again by then.
    pub(super) contact_at_ms: Option<i64>,
    /// How many alarms are open.
    pub(super) alarms: i64,
    pub(super) json: String,
}

fn report(row: &Row) -> Result<StoredReport, StorageError> {
    Ok(StoredReport {
        merchant: row.text(0)?.to_owned(),
        at_ms: row.int(1)?,
        due_ms: row.int_or_null(2)?,
        json: row.text(3)?.to_owned(),
    })
}

fn reports(
    storage: &impl Storage,
    sql: &str,
    args: &[Value],
) -> Result<Vec<StoredReport>, StorageError> {
    all(storage, sql, args, report)
}

/// Every migration, in order. Its number is its place, counted from 1. A new
/// column goes into a new migration.
fn migrations<S: Storage>() -> [Migration<S>; 1] {
    [base_tables]
}

/// Executes the migrations that the database lacks.
pub(super) fn migrate<S: Storage>(storage: &S) -> Result<(), StorageError> {
    store::migrate(storage, &migrations())
}

/// Makes the tables of the version before migrations were numbered.
fn base_tables<S: Storage>(storage: &S) -> Result<(), StorageError> {
    for statement in TABLES {
        storage.exec(statement, &[])?;
    }
    Ok(())
}

pub(super) fn find(
    storage: &impl Storage,
    merchant: &str,
) -> Result<Option<StoredReport>, StorageError> {
    let sql = "SELECT merchant, at_ms, due_ms, json FROM board WHERE merchant = ?";
    Ok(reports(storage, sql, &[merchant.into()])?.pop())
}

/// Stores a report in place of the merchant's earlier one.
pub(super) fn put(storage: &impl Storage, report: NewReport<'_>) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO board(merchant, at_ms, due_ms, contact_at_ms, alarms, json)
         VALUES(?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT(merchant) DO UPDATE SET at_ms = ?2, due_ms = ?3, contact_at_ms = ?4,
            alarms = ?5, json = ?6",
        &[
            report.merchant.into(),
            report.at_ms.into(),
            report.due_ms.into(),
            report.contact_at_ms.into(),
            report.alarms.into(),
            report.json.into(),
        ],
    )?;
    Ok(())
}

/// Adds a merchant whose book has not reported yet, to be called now. Returns
/// whether it is new.
pub(super) fn add_unreported(
    storage: &impl Storage,
    merchant: &str,
    now_ms: i64,
) -> Result<bool, StorageError> {
    let added = storage.exec(
        "INSERT INTO board(merchant, at_ms, due_ms, contact_at_ms, alarms, json)
         VALUES(?1, 0, ?2, ?2, 0, '') ON CONFLICT DO NOTHING RETURNING 1",
        &[merchant.into(), now_ms.into()],
    )?;
    Ok(!added.is_empty())
}

/// Merchants with open alarms after this id, at most `limit`.
pub(super) fn with_alarms(
    storage: &impl Storage,
    after: &str,
    at_most: i64,
) -> Result<Vec<StoredReport>, StorageError> {
    reports(
        storage,
        "SELECT merchant, at_ms, due_ms, json FROM board
         WHERE alarms > 0 AND merchant > ? ORDER BY merchant LIMIT ?",
        &[after.into(), at_most.into()],
    )
}

/// Merchants after this id, at most `limit`.
pub(super) fn list(
    storage: &impl Storage,
    after: &str,
    at_most: i64,
) -> Result<Vec<StoredReport>, StorageError> {
    reports(
        storage,
        "SELECT merchant, at_ms, due_ms, json FROM board
         WHERE merchant > ? ORDER BY merchant LIMIT ?",
        &[after.into(), at_most.into()],
    )
}

/// The number of books with a timer that was due before this time.
pub(super) fn count_due(storage: &impl Storage, before_ms: i64) -> Result<i64, StorageError> {
    let sql = "SELECT count(*) FROM board WHERE due_ms <= ?";
    integer(storage, sql, &[before_ms.into()])
}

/// The books whose timer was due longest ago, at most `limit`.
pub(super) fn due_longest(
    storage: &impl Storage,
    before_ms: i64,
    at_most: i64,
) -> Result<Vec<String>, StorageError> {
    texts(
        storage,
        "SELECT merchant FROM board WHERE due_ms <= ? ORDER BY due_ms LIMIT ?",
        &[before_ms.into(), at_most.into()],
    )
}

/// Merchants whose books are to be called by now, at most `limit`.
pub(super) fn to_call(
    storage: &impl Storage,
    now_ms: i64,
    at_most: i64,
) -> Result<Vec<String>, StorageError> {
    texts(
        storage,
        "SELECT merchant FROM board WHERE contact_at_ms <= ?
         ORDER BY contact_at_ms LIMIT ?",
        &[now_ms.into(), at_most.into()],
    )
}

/// Moves the time at which a book is called.
pub(super) fn move_call(
    storage: &impl Storage,
    merchant: &str,
    at_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE board SET contact_at_ms = ? WHERE merchant = ?",
        &[at_ms.into(), merchant.into()],
    )?;
    Ok(())
}

/// When the next book is to be called.
pub(super) fn next_call(storage: &impl Storage) -> Result<Option<i64>, StorageError> {
    let sql = "SELECT min(contact_at_ms) FROM board WHERE contact_at_ms IS NOT NULL";
    Ok(first(storage, sql, &[], |row| row.int_or_null(0))?.flatten())
}

/// Adds to a sum over all merchants.
pub(super) fn add_to_total(storage: &impl Storage, name: &str, n: i64) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO totals(name, n) VALUES(?1, ?2)
         ON CONFLICT(name) DO UPDATE SET n = n + ?2",
        &[name.into(), n.into()],
    )?;
    Ok(())
}

/// The sums over all merchants, by name.
pub(super) fn totals(storage: &impl Storage) -> Result<Vec<(String, i64)>, StorageError> {
    let total = |row: &Row| Ok((row.text(0)?.to_owned(), row.int(1)?));
    all(storage, "SELECT name, n FROM totals", &[], total)
}

/// The merchant up to which the registry's list was read: empty when it was read
/// to its end, `None` before the first.
pub(super) fn read_up_to(storage: &impl Storage) -> Result<Option<String>, StorageError> {
    fact(storage, READ_UP_TO)
}

pub(super) fn set_read_up_to(storage: &impl Storage, merchant: &str) -> Result<(), StorageError> {
    set_fact(storage, READ_UP_TO, merchant)
}

/// The fact that holds how far the registry's list was read.
const READ_UP_TO: &str = "read_up_to";
