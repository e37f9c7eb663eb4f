//! Answers to requests with an `Idempotency-Key`; see `kept_answers.rs` of the registry.

use crate::merchants::idempotency::IdempotencyKey;
use crate::merchants::registry::command::Kept;
use crate::runtime::{Storage, StorageError};
use crate::store::first;

pub(super) const TABLES: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS kept_answers(
        merchant_id TEXT NOT NULL, key TEXT NOT NULL, request TEXT NOT NULL,
        sealed TEXT NOT NULL, expires_at_ms INTEGER, until_ms INTEGER NOT NULL,
        PRIMARY KEY(merchant_id, key))",
    "CREATE INDEX IF NOT EXISTS kept_answers_until ON kept_answers(until_ms)",
];

/// The request's fingerprint and the answer that is kept under a key.
pub(in crate::merchants::registry) fn find(
    storage: &impl Storage,
    id: &str,
    key: &str,
    now_ms: i64,
) -> Result<Option<(String, Kept)>, StorageError> {
    first(
        storage,
        "SELECT request, sealed, expires_at_ms FROM kept_answers
         WHERE merchant_id = ? AND key = ? AND until_ms > ?",
        &[id.into(), key.into(), now_ms.into()],
        |row| {
            let kept = Kept {
                sealed: row.text(1)?.to_owned(),
                expires_at_ms: row.int_or_null(2)?,
            };
            Ok((row.text(0)?.to_owned(), kept))
        },
    )
}

/// Stores an answer. It replaces one that has expired.
pub(in crate::merchants::registry) fn insert(
    storage: &impl Storage,
    id: &str,
    key: &IdempotencyKey,
    kept: &Kept,
    until_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT OR REPLACE INTO kept_answers(merchant_id, key, request, sealed, expires_at_ms, until_ms)
         VALUES(?, ?, ?, ?, ?, ?)",
        &[
            id.into(),
            key.key.as_str().into(),
            key.request.as_str().into(),
            kept.sealed.as_str().into(),
            kept.expires_at_ms.into(),
            until_ms.into(),
        ],
    )?;
    Ok(())
}

/// Removes expired answers, the oldest first.
pub(in crate::merchants::registry) fn remove(
    storage: &impl Storage,
    now_ms: i64,
    limit: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "DELETE FROM kept_answers WHERE rowid IN (
            SELECT rowid FROM kept_answers WHERE until_ms <= ? ORDER BY until_ms LIMIT ?)",
        &[now_ms.into(), limit.into()],
    )?;
    Ok(())
}
