//! Pointers, and which merchants share an account; see `pointers.rs` of the
//! registry.

use crate::merchants::registry::pointers::{Kind, Pointer};
use crate::runtime::{Row, Storage, StorageError, Value};
use crate::store::all;

fn pointers(
    storage: &impl Storage,
    (kind, name): (Kind, &str),
    sql: &str,
    args: &[Value],
) -> Result<Vec<Pointer>, StorageError> {
    all(storage, sql, args, |row: &Row| {
        Ok(Pointer {
            kind,
            name: name.to_owned(),
            merchant_id: row.text(0)?.to_owned(),
            detail: row.text(1)?.to_owned(),
            at_ms: row.int(2)?,
            until_ms: row.int_or_null(3)?,
        })
    })
}

/// The pointers of a name, the latest claim first.
pub(in crate::merchants::registry) fn list(
    storage: &impl Storage,
    kind: Kind,
    name: &str,
) -> Result<Vec<Pointer>, StorageError> {
    pointers(
        storage,
        (kind, name),
        "SELECT merchant_id, detail, at_ms, until_ms FROM pointers
         WHERE kind = ? AND name = ? ORDER BY at_ms DESC LIMIT 10",
        &[kind.name().into(), name.into()],
    )
}

/// Other merchants' pointers of the same name with another detail.
pub(in crate::merchants::registry) fn conflicting(
    storage: &impl Storage,
    pointer: &Pointer,
) -> Result<Vec<Pointer>, StorageError> {
    pointers(
        storage,
        (pointer.kind, &pointer.name),
        "SELECT merchant_id, detail, at_ms, until_ms FROM pointers
         WHERE kind = ? AND name = ? AND merchant_id <> ? AND detail <> ? LIMIT 10",
        &[
            pointer.kind.name().into(),
            pointer.name.as_str().into(),
            pointer.merchant_id.as_str().into(),
            pointer.detail.as_str().into(),
        ],
    )
}

/// The earliest pointer of the same name to another merchant.
pub(in crate::merchants::registry) fn earliest_other(
    storage: &impl Storage,
    pointer: &Pointer,
) -> Result<Vec<Pointer>, StorageError> {
    pointers(
        storage,
        (pointer.kind, &pointer.name),
        "SELECT merchant_id, detail, at_ms, until_ms FROM pointers
         WHERE kind = ? AND name = ? AND merchant_id <> ? ORDER BY at_ms, rowid LIMIT 1",
        &[
            pointer.kind.name().into(),
            pointer.name.as_str().into(),
            pointer.merchant_id.as_str().into(),
        ],
    )
}

/// Writes a pointer. No two claims have the same time, so that a renewed claim is
/// not mistaken for the earlier one.
pub(in crate::merchants::registry) fn put(
    storage: &impl Storage,
    pointer: &Pointer,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO pointers(kind, name, merchant_id, detail, at_ms, until_ms)
         VALUES(?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT(kind, name, merchant_id, detail) DO UPDATE
         SET at_ms = max(?5, at_ms + 1), until_ms = ?6",
        &[
            pointer.kind.name().into(),
            pointer.name.as_str().into(),
            pointer.merchant_id.as_str().into(),
            pointer.detail.as_str().into(),
            pointer.at_ms.into(),
            pointer.until_ms.into(),
        ],
    )?;
    Ok(())
}

/// Removes a pointer, unless it was claimed again.
pub(in crate::merchants::registry) fn remove(
    storage: &impl Storage,
    pointer: &Pointer,
) -> Result<(), StorageError> {
    storage.exec(
        "DELETE FROM pointers
         WHERE kind = ? AND name = ? AND merchant_id = ? AND detail = ? AND at_ms = ?",
        &[
            pointer.kind.name().into(),
            pointer.name.as_str().into(),
            pointer.merchant_id.as_str().into(),
            pointer.detail.as_str().into(),
            pointer.at_ms.into(),
        ],
    )?;
    Ok(())
}

/// Removes the pointers that have expired.
pub(in crate::merchants::registry) fn remove_expired(
    storage: &impl Storage,
    now_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "DELETE FROM pointers WHERE until_ms IS NOT NULL AND until_ms <= ?",
        &[now_ms.into()],
    )?;
    Ok(())
}

/// Records that another merchant has this one's `mch_id`.
pub(in crate::merchants::registry) fn share(
    storage: &impl Storage,
    id: &str,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO sharing(merchant_id) VALUES(?) ON CONFLICT DO NOTHING",
        &[id.into()],
    )?;
    Ok(())
}
