//! Pairs of keys, and api-tokens. Of each only fingerprints are stored.

use crate::merchants::registry::command::KeyPair;
use crate::runtime::{Row, Storage, StorageError};
use crate::store::{all, first, integer, owned_or_null, texts};

/// An api-token.
pub(in crate::merchants::registry) struct Token {
    pub fingerprint: String,
    /// When it expires, Unix milliseconds.
    pub expires_at_ms: i64,
    /// When it was issued; `None` where an earlier version issued it.
    pub issued_at_ms: Option<i64>,
    /// The fingerprint of the api-key that it was made with.
    pub key_fingerprint: Option<String>,
}

pub(in crate::merchants::registry) fn insert(
    storage: &impl Storage,
    id: &str,
    keys: &KeyPair,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO keys(fingerprint, merchant_id, secret_fingerprint) VALUES(?, ?, ?)",
        &[
            keys.fingerprint.as_str().into(),
            id.into(),
            keys.secret_fingerprint.as_str().into(),
        ],
    )?;
    Ok(())
}

/// When a merchant's api-key expires: `None` where there is no such key,
/// `Some(None)` where it does not expire.
pub(in crate::merchants::registry) fn expiry(
    storage: &impl Storage,
    id: &str,
    fingerprint: &str,
) -> Result<Option<Option<i64>>, StorageError> {
    first(
        storage,
        "SELECT expires_at_ms FROM keys WHERE fingerprint = ? AND merchant_id = ?",
        &[fingerprint.into(), id.into()],
        |row| row.int_or_null(0),
    )
}

/// Lets all of a merchant's keys and tokens expire at this time. What expires
/// sooner still does.
pub(in crate::merchants::registry) fn expire_at(
    storage: &impl Storage,
    id: &str,
    at_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE keys SET expires_at_ms = min(coalesce(expires_at_ms, ?2), ?2)
         WHERE merchant_id = ?1",
        &[id.into(), at_ms.into()],
    )?;
    // Every token was made with one of these pairs, and expires with it. A token
    // of a pair that expires sooner has its expiry already.
    storage.exec(
        "UPDATE tokens SET expires_at_ms = min(expires_at_ms, ?2) WHERE merchant_id = ?1",
        &[id.into(), at_ms.into()],
    )?;
    Ok(())
}

pub(in crate::merchants::registry) fn remove_expired(
    storage: &impl Storage,
    id: &str,
    now_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "DELETE FROM keys WHERE merchant_id = ? AND expires_at_ms <= ?",
        &[id.into(), now_ms.into()],
    )?;
    Ok(())
}

pub(in crate::merchants::registry) fn insert_token(
    storage: &impl Storage,
    id: &str,
    token: &Token,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO tokens(fingerprint, merchant_id, expires_at_ms, issued_at_ms,
             key_fingerprint)
         VALUES(?, ?, ?, ?, ?)",
        &[
            token.fingerprint.as_str().into(),
            id.into(),
            token.expires_at_ms.into(),
            token.issued_at_ms.into(),
            token.key_fingerprint.as_deref().into(),
        ],
    )?;
    Ok(())
}

/// A merchant's valid tokens, newest first.
pub(in crate::merchants::registry) fn tokens(
    storage: &impl Storage,
    id: &str,
    now_ms: i64,
    limit: i64,
) -> Result<Vec<Token>, StorageError> {
    all(
        storage,
        "SELECT fingerprint, expires_at_ms, issued_at_ms, key_fingerprint FROM tokens
         WHERE merchant_id = ? AND expires_at_ms > ? ORDER BY rowid DESC LIMIT ?",
        &[id.into(), now_ms.into(), limit.into()],
        token,
    )
}

/// A token from its columns.
fn token(row: &Row) -> Result<Token, StorageError> {
    Ok(Token {
        fingerprint: row.text(0)?.to_owned(),
        expires_at_ms: row.int(1)?,
        issued_at_ms: row.int_or_null(2)?,
        key_fingerprint: owned_or_null(row, 3)?,
    })
}

pub(in crate::merchants::registry) fn count_tokens(
    storage: &impl Storage,
    id: &str,
) -> Result<i64, StorageError> {
    let sql = "SELECT count(*) FROM tokens WHERE merchant_id = ?";
    integer(storage, sql, &[id.into()])
}

/// Removes the tokens of every merchant that have expired.
pub(in crate::merchants::registry) fn remove_expired_tokens(
    storage: &impl Storage,
    now_ms: i64,
) -> Result<(), StorageError> {
    let sql = "DELETE FROM tokens WHERE expires_at_ms <= ?";
    storage.exec(sql, &[now_ms.into()])?;
    Ok(())
}

/// Removes the tokens whose fingerprint begins with these eight characters.
/// Whether there were any.
pub(in crate::merchants::registry) fn remove_token_named(
    storage: &impl Storage,
    id: &str,
    beginning: &str,
) -> Result<bool, StorageError> {
    let removed = storage.exec(
        "DELETE FROM tokens WHERE merchant_id = ? AND substr(fingerprint, 1, 8) = ?
         RETURNING fingerprint",
        &[id.into(), beginning.into()],
    )?;
    Ok(!removed.is_empty())
}

/// Removes a token. Whether there was one.
pub(in crate::merchants::registry) fn remove_token(
    storage: &impl Storage,
    id: &str,
    fingerprint: &str,
) -> Result<bool, StorageError> {
    let removed = storage.exec(
        "DELETE FROM tokens WHERE fingerprint = ? AND merchant_id = ?
         RETURNING fingerprint",
        &[fingerprint.into(), id.into()],
    )?;
    Ok(!removed.is_empty())
}

/// Removes all of a merchant's tokens. Returns their fingerprints.
pub(in crate::merchants::registry) fn remove_tokens(
    storage: &impl Storage,
    id: &str,
) -> Result<Vec<String>, StorageError> {
    let sql = "DELETE FROM tokens WHERE merchant_id = ? RETURNING fingerprint";
    texts(storage, sql, &[id.into()])
}
