//! `rechecks( out_trade_no, due_at_ms, claim_since_ms )`: later queries about an
//! order.

use super::{exists, first};
use crate::runtime::{Storage, StorageError};

/// A recheck whose timer is due.
pub(in crate::book) struct Recheck {
    pub(in crate::book) number: String,
    /// Since when a claim of the order's payment is unanswered.
    pub(in crate::book) claim_since_ms: Option<i64>,
}

/// Adds a recheck; an existing one stays as it is.
pub(in crate::book) fn add(
    storage: &impl Storage,
    number: &str,
    due_at_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO rechecks(out_trade_no, due_at_ms) VALUES(?, ?) ON CONFLICT DO NOTHING",
        &[number.into(), due_at_ms.into()],
    )?;
    Ok(())
}

/// Adds a recheck of an order whose claim is unanswered, or moves the existing
/// one forward. Returns since when the claim is unanswered.
pub(in crate::book) fn add_unanswered_claim(
    storage: &impl Storage,
    number: &str,
    due_at_ms: i64,
    now_ms: i64,
) -> Result<i64, StorageError> {
    let since_ms = first(
        storage,
        "INSERT INTO rechecks(out_trade_no, due_at_ms, claim_since_ms) VALUES(?1, ?2, ?3)
         ON CONFLICT(out_trade_no) DO UPDATE SET
             due_at_ms = min(due_at_ms, ?2), claim_since_ms = coalesce(claim_since_ms, ?3)
         RETURNING claim_since_ms",
        &[number.into(), due_at_ms.into(), now_ms.into()],
        |row| row.int(0),
    )?;
    Ok(since_ms.unwrap_or(now_ms))
}

/// Removes the recheck of an order whose claim was unanswered. Returns whether
/// there was one.
pub(in crate::book) fn remove_unanswered_claim(
    storage: &impl Storage,
    number: &str,
) -> Result<bool, StorageError> {
    exists(
        storage,
        "DELETE FROM rechecks WHERE out_trade_no = ? AND claim_since_ms IS NOT NULL
         RETURNING due_at_ms",
        &[number.into()],
    )
}

/// The recheck that has been due longest.
pub(in crate::book) fn longest_due(
    storage: &impl Storage,
    now_ms: i64,
) -> Result<Option<Recheck>, StorageError> {
    first(
        storage,
        "SELECT out_trade_no, claim_since_ms FROM rechecks WHERE due_at_ms <= ?
         ORDER BY due_at_ms LIMIT 1",
        &[now_ms.into()],
        |row| {
            Ok(Recheck {
                number: row.text(0)?.to_owned(),
                claim_since_ms: row.int_or_null(1)?,
            })
        },
    )
}

pub(in crate::book) fn move_timer(
    storage: &impl Storage,
    number: &str,
    at_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE rechecks SET due_at_ms = ? WHERE out_trade_no = ?",
        &[at_ms.into(), number.into()],
    )?;
    Ok(())
}

pub(in crate::book) fn remove(storage: &impl Storage, number: &str) -> Result<(), StorageError> {
    storage.exec(
        "DELETE FROM rechecks WHERE out_trade_no = ?",
        &[number.into()],
    )?;
    Ok(())
}
