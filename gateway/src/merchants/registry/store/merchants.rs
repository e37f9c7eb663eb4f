//! Merchants, their certificates and domain check files.

use crate::runtime::{Row, Storage, StorageError, Value};
use crate::store::{all, exists, first, owned_or_null, text, texts};

/// A merchant that was looked up.
pub(in crate::merchants::registry) struct StoredMerchant {
    pub json: String,
    /// The api-secret's fingerprint, when it was found by its api-key.
    pub secret_fingerprint: Option<String>,
    /// WeChat Pay's certificates, as JSON.
    pub pems: String,
    /// When they were last requested, Unix milliseconds; 0 for never.
    pub asked_at_ms: i64,
}

/// The merchant of a join with `join`, which has the columns of `secret`.
fn find(
    storage: &impl Storage,
    secret: &str,
    join: &str,
    args: &[Value],
) -> Result<Option<StoredMerchant>, StorageError> {
    let sql = format!(
        "SELECT json, {secret}, coalesce(pems, '[]'), coalesce(asked_at_ms, 0)
         FROM merchants LEFT JOIN certificates ON certificates.merchant_id = id JOIN {join}"
    );
    first(storage, &sql, args, |row: &Row| {
        Ok(StoredMerchant {
            json: row.text(0)?.to_owned(),
            secret_fingerprint: owned_or_null(row, 1)?,
            pems: row.text(2)?.to_owned(),
            asked_at_ms: row.int(3)?,
        })
    })
}

pub(in crate::merchants::registry) fn by_api_key(
    storage: &impl Storage,
    fingerprint: &str,
    now_ms: i64,
) -> Result<Option<StoredMerchant>, StorageError> {
    find(
        storage,
        "secret_fingerprint",
        "keys ON keys.merchant_id = id
         WHERE fingerprint = ? AND (expires_at_ms IS NULL OR expires_at_ms > ?)",
        &[fingerprint.into(), now_ms.into()],
    )
}

pub(in crate::merchants::registry) fn by_token(
    storage: &impl Storage,
    fingerprint: &str,
    now_ms: i64,
) -> Result<Option<StoredMerchant>, StorageError> {
    find(
        storage,
        "NULL",
        "tokens ON tokens.merchant_id = id WHERE fingerprint = ? AND expires_at_ms > ?",
        &[fingerprint.into(), now_ms.into()],
    )
}

pub(in crate::merchants::registry) fn by_id(
    storage: &impl Storage,
    id: &str,
) -> Result<Option<StoredMerchant>, StorageError> {
    find(storage, "NULL", "(SELECT 1) WHERE id = ?", &[id.into()])
}

pub(in crate::merchants::registry) fn by_quick_auth(
    storage: &impl Storage,
    token: &str,
) -> Result<Option<StoredMerchant>, StorageError> {
    find(
        storage,
        "NULL",
        "(SELECT 1) WHERE quick_auth_token = ?",
        &[token.into()],
    )
}

/// The first merchant of v3 with this institution and sub-merchant.
pub(in crate::merchants::registry) fn by_sub_merchant(
    storage: &impl Storage,
    mch_id: &str,
    sub_mch_id: &str,
) -> Result<Option<StoredMerchant>, StorageError> {
    find(
        storage,
        "NULL",
        "(SELECT 1) WHERE json_extract(json, '$.account.mch_id') = ?
         AND json_extract(json, '$.account.sub_mch_id') = ?
         AND json_extract(json, '$.dialect.v3') IS NOT NULL ORDER BY id",
        &[mch_id.into(), sub_mch_id.into()],
    )
}

/// The merchant's row, as JSON.
pub(in crate::merchants::registry) fn json(
    storage: &impl Storage,
    id: &str,
) -> Result<Option<String>, StorageError> {
    let sql = "SELECT json FROM merchants WHERE id = ?";
    text(storage, sql, &[id.into()])
}

/// Whether another merchant is known to have the same `mch_id`.
pub(in crate::merchants::registry) fn shares_account(
    storage: &impl Storage,
    id: &str,
    mch_id: &str,
) -> Result<bool, StorageError> {
    exists(
        storage,
        "SELECT 1 FROM sharing WHERE merchant_id = ?2 UNION ALL
         SELECT 1 FROM merchants WHERE json_extract(json, '$.account.mch_id') = ?1
         AND id <> ?2 LIMIT 1",
        &[mch_id.into(), id.into()],
    )
}

/// The ids of merchants with this account, at most ten.
pub(in crate::merchants::registry) fn with_account(
    storage: &impl Storage,
    mch_id: &str,
    sub_mch_id: Option<&str>,
    appid: &str,
) -> Result<Vec<String>, StorageError> {
    texts(
        storage,
        "SELECT id FROM merchants WHERE json_extract(json, '$.account.mch_id') = ?
         AND json_extract(json, '$.account.appid') = ?
         AND json_extract(json, '$.account.sub_mch_id') IS ? ORDER BY id LIMIT 10",
        &[mch_id.into(), appid.into(), sub_mch_id.into()],
    )
}

/// The ids after this one, at most `limit`.
pub(in crate::merchants::registry) fn ids(
    storage: &impl Storage,
    after: &str,
    limit: i64,
) -> Result<Vec<String>, StorageError> {
    texts(
        storage,
        "SELECT id FROM merchants WHERE id > ? ORDER BY id LIMIT ?",
        &[after.into(), limit.into()],
    )
}

pub(in crate::merchants::registry) fn insert(
    storage: &impl Storage,
    id: &str,
    quick_auth_token: &str,
    json: &str,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO merchants(id, quick_auth_token, json) VALUES(?, ?, ?)",
        &[id.into(), quick_auth_token.into(), json.into()],
    )?;
    Ok(())
}

pub(in crate::merchants::registry) fn update(
    storage: &impl Storage,
    id: &str,
    json: &str,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE merchants SET json = ? WHERE id = ?",
        &[json.into(), id.into()],
    )?;
    Ok(())
}

/// WeChat Pay's certificates, as JSON.
pub(in crate::merchants::registry) fn pems(
    storage: &impl Storage,
    id: &str,
) -> Result<Option<String>, StorageError> {
    let sql = "SELECT pems FROM certificates WHERE merchant_id = ?";
    text(storage, sql, &[id.into()])
}

/// Stores WeChat Pay's certificates; without any, only the time of the request.
pub(in crate::merchants::registry) fn set_certificates(
    storage: &impl Storage,
    id: &str,
    pems: Option<&str>,
    asked_at_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO certificates(merchant_id, pems, asked_at_ms)
         VALUES(?1, coalesce(?2, '[]'), ?3)
         ON CONFLICT(merchant_id) DO UPDATE
         SET pems = coalesce(?2, pems), asked_at_ms = ?3",
        &[id.into(), pems.into(), asked_at_ms.into()],
    )?;
    Ok(())
}

/// The merchants after this id, at most `limit`, each with its `mch_id` if
/// another merchant has that too, or else an empty text.
pub(in crate::merchants::registry) fn accounts(
    storage: &impl Storage,
    after: &str,
    limit: i64,
) -> Result<Vec<(String, String)>, StorageError> {
    all(
        storage,
        "SELECT id, CASE WHEN EXISTS(
                SELECT 1 FROM sharing WHERE merchant_id = merchants.id) OR EXISTS(
                SELECT 1 FROM merchants AS other WHERE other.id <> merchants.id
                AND json_extract(other.json, '$.account.mch_id')
                    = json_extract(merchants.json, '$.account.mch_id'))
            THEN coalesce(json_extract(json, '$.account.mch_id'), '') ELSE '' END
         FROM merchants WHERE id > ? ORDER BY id LIMIT ?",
        &[after.into(), limit.into()],
        |row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned())),
    )
}

/// The contents of a domain check file.
pub(in crate::merchants::registry) fn domain_file(
    storage: &impl Storage,
    name: &str,
) -> Result<Option<String>, StorageError> {
    let sql = "SELECT contents FROM domain_files WHERE name = ? LIMIT 1";
    text(storage, sql, &[name.into()])
}

/// Whether another merchant has the file with other contents.
pub(in crate::merchants::registry) fn is_domain_file_taken(
    storage: &impl Storage,
    name: &str,
    id: &str,
    contents: &str,
) -> Result<bool, StorageError> {
    exists(
        storage,
        "SELECT 1 FROM domain_files WHERE name = ? AND merchant_id <> ? AND contents <> ?
         LIMIT 1",
        &[name.into(), id.into(), contents.into()],
    )
}

pub(in crate::merchants::registry) fn remove_domain_files(
    storage: &impl Storage,
    id: &str,
) -> Result<(), StorageError> {
    let sql = "DELETE FROM domain_files WHERE merchant_id = ?";
    storage.exec(sql, &[id.into()])?;
    Ok(())
}

pub(in crate::merchants::registry) fn insert_domain_file(
    storage: &impl Storage,
    name: &str,
    id: &str,
    contents: &str,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO domain_files(name, merchant_id, contents) VALUES(?, ?, ?)",
        &[name.into(), id.into(), contents.into()],
    )?;
    Ok(())
}
