//! `receipts( out_trade_no, id, made_at_ms )`: the lasting addresses of what was
//! paid.

use super::{first, text};
use crate::runtime::{Storage, StorageError};
use crate::store::owned_or_null;

pub(super) const STATEMENTS: [&str; 2] = [
    "CREATE TABLE receipts(
        out_trade_no TEXT PRIMARY KEY, id TEXT, made_at_ms INTEGER NOT NULL)",
    "CREATE UNIQUE INDEX receipts_id ON receipts(id) WHERE id IS NOT NULL",
];

/// The id of an order's receipt, where there is one that is not revoked.
pub(in crate::book) fn id_of(
    storage: &impl Storage,
    number: &str,
) -> Result<Option<String>, StorageError> {
    let id = first(
        storage,
        "SELECT id FROM receipts WHERE out_trade_no = ?",
        &[number.into()],
        |row| owned_or_null(row, 0),
    )?;
    Ok(id.flatten())
}

/// The number of the order that a receipt is about.
pub(in crate::book) fn number_of(
    storage: &impl Storage,
    id: &str,
) -> Result<Option<String>, StorageError> {
    text(
        storage,
        "SELECT out_trade_no FROM receipts WHERE id = ?",
        &[id.into()],
    )
}

/// Writes an order's receipt; without an id it is revoked.
pub(in crate::book) fn put(
    storage: &impl Storage,
    number: &str,
    id: Option<&str>,
    now_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO receipts(out_trade_no, id, made_at_ms) VALUES(?1, ?2, ?3)
         ON CONFLICT(out_trade_no) DO UPDATE SET id = ?2, made_at_ms = ?3",
        &[number.into(), id.into(), now_ms.into()],
    )?;
    Ok(())
}
