//! The one registry of earlier versions: its rows, and what a shard has copied of
//! them; see `root.rs`.

use crate::runtime::{Storage, StorageError};
use crate::store::{all, exists, fact, first, set_fact};

/// Fingerprint, the secret's fingerprint, and when it expires.
pub(in crate::merchants::registry) type Key = (String, String, Option<i64>);
/// Fingerprint, when it expires, when it was issued, and the key's fingerprint.
pub(in crate::merchants::registry) type Token = (String, i64, Option<i64>, Option<String>);
/// As JSON, and when they were requested.
pub(in crate::merchants::registry) type Certificates = (String, i64);

/// The row of a merchant in the earlier registry.
pub(in crate::merchants::registry) struct EarlierMerchant {
    pub id: String,
    pub quick_auth_token: String,
    pub json: String,
}

/// The fact that holds a shard's cursor into the earlier registry, as JSON.
const READ_UP_TO: &str = "read_up_to";

/// The earlier registry's tables that refuse changes, and the condition under
/// which an update is refused: a merchant's row may lose its credentials. Files
/// are written with their merchant's row; certificates are public and are
/// downloaded again.
const FROZEN: [(&str, &str); 3] = [
    (
        "merchants",
        "WHEN json_extract(NEW.json, '$.sealed') IS NOT NULL",
    ),
    ("keys", ""),
    ("tokens", ""),
];

/// Makes the earlier registry's database refuse changes from now on.
pub(in crate::merchants::registry) fn freeze(storage: &impl Storage) -> Result<(), StorageError> {
    for (table, updated) in FROZEN {
        for (change, condition) in [("insert", ""), ("update", updated), ("delete", "")] {
            let statement = format!(
                "CREATE TRIGGER IF NOT EXISTS moved_{table}_{change} BEFORE {change} ON {table}
                 {condition} BEGIN SELECT RAISE(ABORT, 'the registry has moved to its shards');
                 END"
            );
            storage.exec(&statement, &[])?;
        }
    }
    Ok(())
}

/// Removes the credentials from a merchant's row.
pub(in crate::merchants::registry) fn remove_credentials(
    storage: &impl Storage,
    id: &str,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE merchants SET json = json_remove(json, '$.sealed') WHERE id = ?",
        &[id.into()],
    )?;
    Ok(())
}

/// The merchants after this id, at most `limit`.
pub(in crate::merchants::registry) fn merchants(
    storage: &impl Storage,
    after: &str,
    limit: i64,
) -> Result<Vec<EarlierMerchant>, StorageError> {
    all(
        storage,
        "SELECT id, quick_auth_token, json FROM merchants WHERE id > ? ORDER BY id LIMIT ?",
        &[after.into(), limit.into()],
        |row| {
            Ok(EarlierMerchant {
                id: row.text(0)?.to_owned(),
                quick_auth_token: row.text(1)?.to_owned(),
                json: row.text(2)?.to_owned(),
            })
        },
    )
}

/// A merchant's valid pairs of keys.
pub(in crate::merchants::registry) fn keys(
    storage: &impl Storage,
    id: &str,
    now_ms: i64,
) -> Result<Vec<Key>, StorageError> {
    all(
        storage,
        "SELECT fingerprint, secret_fingerprint, expires_at_ms FROM keys
         WHERE merchant_id = ? AND (expires_at_ms IS NULL OR expires_at_ms > ?)",
        &[id.into(), now_ms.into()],
        |row| {
            Ok((
                row.text(0)?.to_owned(),
                row.text(1)?.to_owned(),
                row.int_or_null(2)?,
            ))
        },
    )
}

/// A merchant's valid tokens, oldest first.
pub(in crate::merchants::registry) fn tokens(
    storage: &impl Storage,
    id: &str,
    now_ms: i64,
) -> Result<Vec<Token>, StorageError> {
    all(
        storage,
        "SELECT fingerprint, expires_at_ms, issued_at_ms, key_fingerprint FROM tokens
         WHERE merchant_id = ? AND expires_at_ms > ? ORDER BY rowid",
        &[id.into(), now_ms.into()],
        |row| {
            Ok((
                row.text(0)?.to_owned(),
                row.int(1)?,
                row.int_or_null(2)?,
                row.text_or_null(3)?.map(str::to_owned),
            ))
        },
    )
}

pub(in crate::merchants::registry) fn certificates(
    storage: &impl Storage,
    id: &str,
) -> Result<Option<Certificates>, StorageError> {
    first(
        storage,
        "SELECT pems, asked_at_ms FROM certificates WHERE merchant_id = ?",
        &[id.into()],
        |row| Ok((row.text(0)?.to_owned(), row.int(1)?)),
    )
}

/// Whether another merchant of the earlier registry has the `mch_id` of this row.
pub(in crate::merchants::registry) fn shares_account(
    storage: &impl Storage,
    id: &str,
    json: &str,
) -> Result<bool, StorageError> {
    exists(
        storage,
        "SELECT 1 FROM merchants
         WHERE json_extract(json, '$.account.mch_id') = json_extract(?, '$.account.mch_id')
         AND id <> ? LIMIT 1",
        &[json.into(), id.into()],
    )
}

/// The shard's cursor into the earlier registry; `None` before the first page.
pub(in crate::merchants::registry) fn cursor(
    storage: &impl Storage,
) -> Result<Option<String>, StorageError> {
    fact(storage, READ_UP_TO)
}

pub(in crate::merchants::registry) fn set_cursor(
    storage: &impl Storage,
    cursor: &str,
) -> Result<(), StorageError> {
    set_fact(storage, READ_UP_TO, cursor)
}

/// Copies a merchant's row to the shard, and marks it as unchanged in the earlier
/// registry.
pub(in crate::merchants::registry) fn copy_merchant(
    storage: &impl Storage,
    id: &str,
    quick_auth_token: &str,
    json: &str,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO merchants(id, quick_auth_token, json) VALUES(?, ?, ?)
         ON CONFLICT DO NOTHING",
        &[id.into(), quick_auth_token.into(), json.into()],
    )?;
    storage.exec(
        "INSERT INTO at_root(merchant_id) VALUES(?) ON CONFLICT DO NOTHING",
        &[id.into()],
    )?;
    Ok(())
}

pub(in crate::merchants::registry) fn copy_domain_file(
    storage: &impl Storage,
    name: &str,
    id: &str,
    contents: &str,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO domain_files(name, merchant_id, contents) VALUES(?, ?, ?)
         ON CONFLICT DO NOTHING",
        &[name.into(), id.into(), contents.into()],
    )?;
    Ok(())
}

pub(in crate::merchants::registry) fn copy_key(
    storage: &impl Storage,
    id: &str,
    (fingerprint, secret_fingerprint, expires_at_ms): &Key,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO keys(fingerprint, merchant_id, secret_fingerprint, expires_at_ms)
         VALUES(?, ?, ?, ?) ON CONFLICT DO NOTHING",
        &[
            fingerprint.as_str().into(),
            id.into(),
            secret_fingerprint.as_str().into(),
            (*expires_at_ms).into(),
        ],
    )?;
    Ok(())
}

pub(in crate::merchants::registry) fn copy_token(
    storage: &impl Storage,
    id: &str,
    (fingerprint, expires_at_ms, issued_at_ms, key_fingerprint): &Token,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO tokens(fingerprint, merchant_id, expires_at_ms, issued_at_ms,
             key_fingerprint)
         VALUES(?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        &[
            fingerprint.as_str().into(),
            id.into(),
            (*expires_at_ms).into(),
            (*issued_at_ms).into(),
            key_fingerprint.as_deref().into(),
        ],
    )?;
    Ok(())
}

pub(in crate::merchants::registry) fn copy_certificates(
    storage: &impl Storage,
    id: &str,
    (pems, asked_at_ms): &Certificates,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO certificates(merchant_id, pems, asked_at_ms) VALUES(?, ?, ?)
         ON CONFLICT DO NOTHING",
        &[id.into(), pems.as_str().into(), (*asked_at_ms).into()],
    )?;
    Ok(())
}

/// Whether the earlier registry still has the merchant unchanged.
pub(in crate::merchants::registry) fn is_at_root(
    storage: &impl Storage,
    id: &str,
) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM at_root WHERE merchant_id = ?";
    exists(storage, sql, &[id.into()])
}

/// Records that the earlier registry's row is unreadable.
pub(in crate::merchants::registry) fn remove_at_root(
    storage: &impl Storage,
    id: &str,
) -> Result<(), StorageError> {
    let sql = "DELETE FROM at_root WHERE merchant_id = ?";
    storage.exec(sql, &[id.into()])?;
    Ok(())
}
