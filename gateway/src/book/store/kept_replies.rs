//! `kept( key, request, reply, until_ms )`: replies to requests with an
//! `Idempotency-Key`.

use super::first;
use crate::runtime::{Storage, StorageError};

pub(super) const STATEMENTS: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS kept(
        key TEXT PRIMARY KEY, request TEXT NOT NULL, reply TEXT NOT NULL,
        until_ms INTEGER NOT NULL)",
    "CREATE INDEX IF NOT EXISTS kept_until ON kept(until_ms)",
];

/// The request's fingerprint and the reply that is kept under a key.
pub(in crate::book) fn find(
    storage: &impl Storage,
    key: &str,
    now_ms: i64,
) -> Result<Option<(String, String)>, StorageError> {
    first(
        storage,
        "SELECT request, reply FROM kept WHERE key = ? AND until_ms > ?",
        &[key.into(), now_ms.into()],
        |row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned())),
    )
}

/// Stores a reply. It replaces one that has expired.
pub(in crate::book) fn insert(
    storage: &impl Storage,
    key: &str,
    request: &str,
    reply: &str,
    until_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT OR REPLACE INTO kept(key, request, reply, until_ms) VALUES(?, ?, ?, ?)",
        &[key.into(), request.into(), reply.into(), until_ms.into()],
    )?;
    Ok(())
}

/// Removes expired replies, the oldest first.
pub(in crate::book) fn remove(
    storage: &impl Storage,
    now_ms: i64,
    limit: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "DELETE FROM kept WHERE key IN (
            SELECT key FROM kept WHERE until_ms <= ? ORDER BY until_ms LIMIT ?)",
        &[now_ms.into(), limit.into()],
    )?;
    Ok(())
}
