//! The audit: every change to money and to credentials, with the caller and the
//! evidence, stored in the object that was changed.
//!
//! ```text
//! audit( id, at_ms, subject, what, evidence, who, call, request_id )
//! ```
//!
//! A row is written in the transaction of its change. Rows are only ever
//! added: triggers in the database abort statements that would change or remove
//! one. No row holds a secret or an openid.

use crate::observe::{Log, RequestContext};
use crate::runtime::{Row, Runtime, Storage, StorageError};
use serde::{Deserialize, Serialize};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The entry's number, which grows; no number is used twice.
    pub id: i64,
    /// When it was made, Unix milliseconds.
    pub at_ms: i64,
    /// What was changed: an order's, checkout's, link's or product's number,
    /// or a merchant's id.
    pub subject: String,
    /// The change.
    pub what: String,
    /// The evidence; empty for a change an authenticated call requested.
    pub evidence: String,
    /// The caller: see [`RequestContext::who`].
    pub who: String,
    /// The call or the timer that made the change.
    pub call: String,
    /// The request's id; a timer's is that of the request that made the order.
    pub request_id: String,
}

/// Which entries to read, newest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Page {
    /// Only entries about this subject.
    pub subject: Option<String>,
    /// Only entries older than this one.
    pub before: Option<i64>,
    /// The most entries of the page.
    pub limit: i64,
}

/// The table, its index, and the triggers that keep rows unchanged.
pub const STATEMENTS: [&str; 5] = [
    "CREATE TABLE IF NOT EXISTS audit(
        id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, subject TEXT NOT NULL,
        what TEXT NOT NULL, evidence TEXT NOT NULL, who TEXT NOT NULL, call TEXT NOT NULL,
        request_id TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS audit_subject ON audit(subject, id)",
    "CREATE TRIGGER IF NOT EXISTS audit_is_not_changed BEFORE UPDATE ON audit
     BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END",
    "CREATE TRIGGER IF NOT EXISTS audit_is_not_deleted BEFORE DELETE ON audit
     BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END",
    // `INSERT OR REPLACE` deletes without the trigger above.
    "CREATE TRIGGER IF NOT EXISTS audit_is_not_replaced BEFORE INSERT ON audit
     WHEN NEW.id IN (SELECT id FROM audit)
     BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END",
];

/// Writes a change, inside its transaction, and logs it.
pub fn add(
    runtime: &impl Runtime,
    storage: &impl Storage,
    subject: &str,
    what: &str,
    evidence: &str,
) -> Result<(), StorageError> {
    add_with_text(runtime, storage, subject, what, "", evidence)
}

/// As [`add`]. The stored change ends with `text`, which a merchant wrote; the
/// log omits it.
pub fn add_with_text(
    runtime: &impl Runtime,
    storage: &impl Storage,
    subject: &str,
    what: &str,
    text: &str,
    evidence: &str,
) -> Result<(), StorageError> {
    let RequestContext {
        request_id,
        who,
        call,
        ..
    } = RequestContext::current();
    storage.exec(
        "INSERT INTO audit(at_ms, subject, what, evidence, who, call, request_id)
         VALUES(?, ?, ?, ?, ?, ?, ?)",
        &[
            runtime.now_ms().into(),
            subject.into(),
            format!("{what}{text}").into(),
            evidence.into(),
            who.into(),
            call.into(),
            request_id.into(),
        ],
    )?;
    let facts = [("about", subject.into()), ("evidence", evidence.into())];
    runtime.log_with(&facts, format_args!("{what}"));
    Ok(())
}

/// The id of the request that made a subject; empty where none is known.
pub fn first_request(storage: &impl Storage, subject: &str) -> Result<String, StorageError> {
    let rows = storage.exec(
        "SELECT request_id FROM audit WHERE subject = ? ORDER BY id LIMIT 1",
        &[subject.into()],
    )?;
    let id = rows.first().map(|row| row.text(0)).transpose()?;
    Ok(id.unwrap_or_default().to_owned())
}

/// When a subject was first changed, Unix milliseconds.
pub fn first_at_ms(storage: &impl Storage, subject: &str) -> Result<Option<i64>, StorageError> {
    let rows = storage.exec(
        "SELECT at_ms FROM audit WHERE subject = ? ORDER BY id LIMIT 1",
        &[subject.into()],
    )?;
    rows.first().map(|row| row.int(0)).transpose()
}

/// No entry has a larger id: integers cross into JavaScript as 53 bits.
const LAST_ID: i64 = (1 << 53) - 1;

/// A page of entries, newest first.
pub fn read(storage: &impl Storage, page: &Page) -> Result<Vec<Entry>, StorageError> {
    let before = page.before.unwrap_or(LAST_ID);
    let rows = match &page.subject {
        Some(subject) => storage.exec(
            "SELECT id, at_ms, subject, what, evidence, who, call, request_id FROM audit
             WHERE subject = ? AND id < ? ORDER BY id DESC LIMIT ?",
            &[subject.as_str().into(), before.into(), page.limit.into()],
        ),
        None => storage.exec(
            "SELECT id, at_ms, subject, what, evidence, who, call, request_id FROM audit
             WHERE id < ? ORDER BY id DESC LIMIT ?",
            &[before.into(), page.limit.into()],
        ),
    }?;
    rows.iter().map(entry).collect()
}

/// An entry from its columns, in the table's order.
pub fn entry(row: &Row) -> Result<Entry, StorageError> {
    let text = |column| row.text(column).map(str::to_owned);
    Ok(Entry {
        id: row.int(0)?,
        at_ms: row.int(1)?,
        subject: text(2)?,
        what: text(3)?,
        evidence: text(4)?,
        who: text(5)?,
        call: text(6)?,
        request_id: text(7)?,
    })
}

/// Stores an entry of another object unchanged, if it is not there yet.
pub fn take_over(storage: &impl Storage, entry: &Entry) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO audit(id, at_ms, subject, what, evidence, who, call, request_id)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
         WHERE NOT EXISTS (SELECT 1 FROM audit WHERE id = ?1)",
        &[
            entry.id.into(),
            entry.at_ms.into(),
            entry.subject.as_str().into(),
            entry.what.as_str().into(),
            entry.evidence.as_str().into(),
            entry.who.as_str().into(),
            entry.call.as_str().into(),
            entry.request_id.as_str().into(),
        ],
    )?;
    Ok(())
}
