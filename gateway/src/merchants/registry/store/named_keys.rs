//! Named keys; see `named_keys.rs` of the registry.

use crate::merchants::registry::named_keys::NamedKey;
use crate::merchants::seal::short;
use crate::route::Scope;
use crate::runtime::{Row, Storage, StorageError};
use crate::store::{all, first, integer, texts};

pub(super) const TABLES: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS named_keys(
        fingerprint TEXT PRIMARY KEY, merchant_id TEXT NOT NULL, name TEXT NOT NULL,
        scopes TEXT NOT NULL, parent TEXT, made_by TEXT NOT NULL, made_at_ms INTEGER NOT NULL,
        expires_at_ms INTEGER, used_at_ms INTEGER)",
    "CREATE INDEX IF NOT EXISTS named_keys_merchant ON named_keys(merchant_id)",
    "CREATE INDEX IF NOT EXISTS named_keys_expire ON named_keys(expires_at_ms)
        WHERE expires_at_ms IS NOT NULL",
];

const COLUMNS: &str = "fingerprint, name, scopes, made_by, made_at_ms, expires_at_ms, used_at_ms";

/// A key from [`COLUMNS`]. A scope that only a later version knows permits
/// nothing here.
fn named_key(row: &Row) -> Result<NamedKey, StorageError> {
    Ok(NamedKey {
        id: short(row.text(0)?).to_owned(),
        name: row.text(1)?.to_owned(),
        scopes: row.text(2)?.split(' ').filter_map(Scope::named).collect(),
        made_by: row.text(3)?.to_owned(),
        made_at_ms: row.int(4)?,
        expires_at_ms: row.int_or_null(5)?,
        used_at_ms: row.int_or_null(6)?,
    })
}

/// A key that has not expired, and its merchant's id.
pub(in crate::merchants::registry) fn valid(
    storage: &impl Storage,
    fingerprint: &str,
    now_ms: i64,
) -> Result<Option<(String, NamedKey)>, StorageError> {
    let sql = format!(
        "SELECT {COLUMNS}, merchant_id FROM named_keys
         WHERE fingerprint = ? AND (expires_at_ms IS NULL OR expires_at_ms > ?)"
    );
    first(storage, &sql, &[fingerprint.into(), now_ms.into()], |row| {
        Ok((row.text(7)?.to_owned(), named_key(row)?))
    })
}

/// A merchant's key, expired or not.
pub(in crate::merchants::registry) fn find(
    storage: &impl Storage,
    id: &str,
    fingerprint: &str,
) -> Result<Option<NamedKey>, StorageError> {
    let sql = format!("SELECT {COLUMNS} FROM named_keys WHERE fingerprint = ? AND merchant_id = ?");
    first(storage, &sql, &[fingerprint.into(), id.into()], named_key)
}

/// A merchant's keys that have not expired, newest first.
pub(in crate::merchants::registry) fn list(
    storage: &impl Storage,
    id: &str,
    now_ms: i64,
    limit: i64,
) -> Result<Vec<NamedKey>, StorageError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM named_keys
         WHERE merchant_id = ? AND (expires_at_ms IS NULL OR expires_at_ms > ?)
         ORDER BY rowid DESC LIMIT ?"
    );
    let args = [id.into(), now_ms.into(), limit.into()];
    all(storage, &sql, &args, named_key)
}

pub(in crate::merchants::registry) fn count(
    storage: &impl Storage,
    id: &str,
) -> Result<i64, StorageError> {
    let sql = "SELECT count(*) FROM named_keys WHERE merchant_id = ?";
    integer(storage, sql, &[id.into()])
}

pub(in crate::merchants::registry) fn insert(
    storage: &impl Storage,
    id: &str,
    fingerprint: &str,
    key: &NamedKey,
    parent: Option<&str>,
) -> Result<(), StorageError> {
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.name()).collect();
    storage.exec(
        "INSERT INTO named_keys(fingerprint, merchant_id, name, scopes, parent, made_by,
             made_at_ms, expires_at_ms)
         VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
        &[
            fingerprint.into(),
            id.into(),
            key.name.as_str().into(),
            scopes.join(" ").into(),
            parent.into(),
            key.made_by.as_str().into(),
            key.made_at_ms.into(),
            key.expires_at_ms.into(),
        ],
    )?;
    Ok(())
}

/// Stores when a key was last used.
pub(in crate::merchants::registry) fn set_used(
    storage: &impl Storage,
    fingerprint: &str,
    now_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE named_keys SET used_at_ms = ? WHERE fingerprint = ?",
        &[now_ms.into(), fingerprint.into()],
    )?;
    Ok(())
}

/// Removes the keys of every merchant that have expired.
pub(in crate::merchants::registry) fn remove_expired(
    storage: &impl Storage,
    now_ms: i64,
) -> Result<(), StorageError> {
    let sql = "DELETE FROM named_keys WHERE expires_at_ms <= ?";
    storage.exec(sql, &[now_ms.into()])?;
    Ok(())
}

/// Removes the key whose fingerprint begins with these eight characters, and the
/// keys that were made with it. Returns their fingerprints.
pub(in crate::merchants::registry) fn remove_with_children(
    storage: &impl Storage,
    id: &str,
    beginning: &str,
) -> Result<Vec<String>, StorageError> {
    texts(
        storage,
        "WITH RECURSIVE ended(fingerprint) AS (
             SELECT fingerprint FROM named_keys
             WHERE merchant_id = ?1 AND substr(fingerprint, 1, 8) = ?2
             UNION
             SELECT named_keys.fingerprint FROM named_keys
             JOIN ended ON named_keys.parent = ended.fingerprint
             WHERE named_keys.merchant_id = ?1
         )
         DELETE FROM named_keys WHERE fingerprint IN (SELECT fingerprint FROM ended)
         RETURNING fingerprint",
        &[id.into(), beginning.into()],
    )
}

/// Removes all of a merchant's keys. Returns their fingerprints.
pub(in crate::merchants::registry) fn remove_all(
    storage: &impl Storage,
    id: &str,
) -> Result<Vec<String>, StorageError> {
    let sql = "DELETE FROM named_keys WHERE merchant_id = ? RETURNING fingerprint";
    texts(storage, sql, &[id.into()])
}
