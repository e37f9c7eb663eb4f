//! Every SQL statement of the board: functions from typed arguments to typed
//! rows.
//!
//! ```text
//! board(  merchant, at_ms, due_ms, contact_at_ms, alarms, json )   the latest report of each book
//! totals( name, n )                                                 sums over all merchants
//! facts(  name, text )                                              how far the list of merchants was read
//! ```

use crate::runtime::{Row, Storage, StorageError, Value};

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
    storage.exec(sql, args)?.iter().map(report).collect()
}

fn merchants(
    storage: &impl Storage,
    sql: &str,
    args: &[Value],
) -> Result<Vec<String>, StorageError> {
    let rows = storage.exec(sql, args)?;
    let merchant = |row: &Row| row.text(0).map(str::to_owned);
    rows.iter().map(merchant).collect()
}

/// Makes the tables the first time.
pub(super) fn make_tables(storage: &impl Storage) -> Result<(), StorageError> {
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
    let rows = storage.exec(
        "SELECT count(*) FROM board WHERE due_ms <= ?",
        &[before_ms.into()],
    )?;
    rows.first().map_or(Ok(0), |row| row.int(0))
}

/// The books whose timer was due longest ago, at most `limit`.
pub(super) fn due_longest(
    storage: &impl Storage,
    before_ms: i64,
    at_most: i64,
) -> Result<Vec<String>, StorageError> {
    merchants(
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
    merchants(
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
    let rows = storage.exec(
        "SELECT min(contact_at_ms) FROM board WHERE contact_at_ms IS NOT NULL",
        &[],
    )?;
    rows.first().map_or(Ok(None), |row| row.int_or_null(0))
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
    let rows = storage.exec("SELECT name, n FROM totals", &[])?;
    let total = |row: &Row| Ok((row.text(0)?.to_owned(), row.int(1)?));
    rows.iter().map(total).collect()
}

/// The merchant up to which the registry's list was read: empty when it was read
/// to its end, `None` before the first.
pub(super) fn read_up_to(storage: &impl Storage) -> Result<Option<String>, StorageError> {
    let sql = "SELECT text FROM facts WHERE name = 'read_up_to'";
    Ok(merchants(storage, sql, &[])?.pop())
}

pub(super) fn set_read_up_to(storage: &impl Storage, merchant: &str) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO facts(name, text) VALUES('read_up_to', ?1)
         ON CONFLICT(name) DO UPDATE SET text = ?1",
        &[merchant.into()],
    )?;
    Ok(())
}
