//! Every SQL statement of the audit.

use super::{Entry, Page};
use crate::runtime::{Row, Storage, StorageError};
use crate::store::{self, all, text};

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

/// Which entries are a person's. This is a separate table, because an index on a table that may be
/// large takes too long to make. No person acted before the version that makes the table.
pub const PEOPLE_STATEMENTS: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS audit_people(
        who TEXT NOT NULL, id INTEGER NOT NULL, PRIMARY KEY(who, id)) WITHOUT ROWID",
    "CREATE TRIGGER IF NOT EXISTS audit_of_person AFTER INSERT ON audit
     WHEN NEW.who LIKE 'person %'
     BEGIN INSERT INTO audit_people(who, id) VALUES(NEW.who, NEW.id); END",
];

/// Adds an entry; the database gives it its number.
pub(super) fn insert(storage: &impl Storage, entry: &Entry) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO audit(at_ms, subject, what, evidence, who, call, request_id)
         VALUES(?, ?, ?, ?, ?, ?, ?)",
        &[
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

/// An entry from its columns, in the table's order.
fn entry(row: &Row) -> Result<Entry, StorageError> {
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

/// The id of the request that made a subject; empty where none is known.
pub fn first_request(storage: &impl Storage, subject: &str) -> Result<String, StorageError> {
    let sql = "SELECT request_id FROM audit WHERE subject = ? ORDER BY id LIMIT 1";
    Ok(text(storage, sql, &[subject.into()])?.unwrap_or_default())
}

/// When a subject was first changed, Unix milliseconds, and by whom.
pub fn first(storage: &impl Storage, subject: &str) -> Result<Option<(i64, String)>, StorageError> {
    let sql = "SELECT at_ms, who FROM audit WHERE subject = ? ORDER BY id LIMIT 1";
    store::first(storage, sql, &[subject.into()], |row| {
        Ok((row.int(0)?, row.text(1)?.to_owned()))
    })
}

/// When a subject was first changed, Unix milliseconds.
pub fn first_at_ms(storage: &impl Storage, subject: &str) -> Result<Option<i64>, StorageError> {
    Ok(first(storage, subject)?.map(|(at_ms, _)| at_ms))
}

/// No entry has a larger id: integers cross into JavaScript as 53 bits.
const LAST_ID: i64 = (1 << 53) - 1;

/// A page of entries, newest first.
pub fn read(storage: &impl Storage, page: &Page) -> Result<Vec<Entry>, StorageError> {
    let before = page.before.unwrap_or(LAST_ID);
    match (&page.subject, &page.who) {
        (None, Some(who)) => all(
            storage,
            "SELECT audit.id, at_ms, subject, what, evidence, audit.who, call, request_id
             FROM audit_people JOIN audit ON audit.id = audit_people.id
             WHERE audit_people.who = ? AND audit_people.id < ?
             ORDER BY audit_people.id DESC LIMIT ?",
            &[who.as_str().into(), before.into(), page.limit.into()],
            entry,
        ),
        (Some(subject), Some(who)) => all(
            storage,
            "SELECT id, at_ms, subject, what, evidence, who, call, request_id FROM audit
             WHERE subject = ? AND who = ? AND id < ? ORDER BY id DESC LIMIT ?",
            &[
                subject.as_str().into(),
                who.as_str().into(),
                before.into(),
                page.limit.into(),
            ],
            entry,
        ),
        (Some(subject), None) => all(
            storage,
            "SELECT id, at_ms, subject, what, evidence, who, call, request_id FROM audit
             WHERE subject = ? AND id < ? ORDER BY id DESC LIMIT ?",
            &[subject.as_str().into(), before.into(), page.limit.into()],
            entry,
        ),
        (None, None) => all(
            storage,
            "SELECT id, at_ms, subject, what, evidence, who, call, request_id FROM audit
             WHERE id < ? ORDER BY id DESC LIMIT ?",
            &[before.into(), page.limit.into()],
            entry,
        ),
    }
}

/// A subject's entries after this one, oldest first.
pub fn after(
    storage: &impl Storage,
    subject: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<Entry>, StorageError> {
    all(
        storage,
        "SELECT id, at_ms, subject, what, evidence, who, call, request_id FROM audit
         WHERE subject = ? AND id > ? ORDER BY id LIMIT ?",
        &[subject.into(), after.into(), limit.into()],
        entry,
    )
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
