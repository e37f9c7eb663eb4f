//! `rates( currency, rate_e8, at_ms, asked_at_ms, due_at_ms )`: WeChat's exchange
//! rates.

use super::{first, text};
use crate::runtime::{Storage, StorageError};

pub(super) const STATEMENTS: [&str; 1] = ["CREATE TABLE rates(
        currency TEXT PRIMARY KEY, rate_e8 INTEGER NOT NULL, at_ms INTEGER NOT NULL,
        asked_at_ms INTEGER NOT NULL, due_at_ms INTEGER)"];

/// A stored rate. One that was never received is of the year 1970.
pub(in crate::book) struct Rate {
    pub rate_e8: i64,
    /// When it was received.
    pub at_ms: i64,
    /// When the rate was last requested.
    pub asked_at_ms: i64,
}

pub(in crate::book) fn find(
    storage: &impl Storage,
    currency: &str,
) -> Result<Option<Rate>, StorageError> {
    first(
        storage,
        "SELECT rate_e8, at_ms, asked_at_ms FROM rates WHERE currency = ?",
        &[currency.into()],
        |row| {
            Ok(Rate {
                rate_e8: row.int(0)?,
                at_ms: row.int(1)?,
                asked_at_ms: row.int(2)?,
            })
        },
    )
}

/// Marks a rate as due, and stores this time as that of the last request.
pub(in crate::book) fn set_due(
    storage: &impl Storage,
    currency: &str,
    now_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO rates(currency, rate_e8, at_ms, asked_at_ms, due_at_ms)
         VALUES(?1, 0, 0, ?2, ?2)
         ON CONFLICT(currency) DO UPDATE SET asked_at_ms = ?2, due_at_ms = ?2",
        &[currency.into(), now_ms.into()],
    )?;
    Ok(())
}

/// A currency whose rate is due. The rate is then no longer marked as due.
pub(in crate::book) fn claim_due(
    storage: &impl Storage,
    now_ms: i64,
) -> Result<Option<String>, StorageError> {
    text(
        storage,
        "UPDATE rates SET due_at_ms = NULL WHERE currency =
            (SELECT currency FROM rates WHERE due_at_ms <= ? LIMIT 1) RETURNING currency",
        &[now_ms.into()],
    )
}

pub(in crate::book) fn put(
    storage: &impl Storage,
    currency: &str,
    rate_e8: i64,
    now_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE rates SET rate_e8 = ?, at_ms = ? WHERE currency = ?",
        &[rate_e8.into(), now_ms.into(), currency.into()],
    )?;
    Ok(())
}
