//! The earliest timer of any table.

use super::first;
use crate::runtime::{Storage, StorageError};

/// The earliest timer of an order, a delivery, a recheck or a purchase without
/// an attempt, Unix milliseconds.
pub(in crate::book) fn earliest(storage: &impl Storage) -> Result<Option<i64>, StorageError> {
    let earliest = first(
        storage,
        "SELECT min(due) FROM (
            SELECT min(due_at_ms) AS due FROM orders WHERE due_at_ms IS NOT NULL
            UNION ALL
            SELECT min(due_at_ms) FROM deliveries WHERE due_at_ms IS NOT NULL
            UNION ALL
            SELECT min(untried_until_ms) FROM checkouts
            WHERE untried_until_ms IS NOT NULL
            UNION ALL
            SELECT min(due_at_ms) FROM rechecks)",
        &[],
        |row| row.int_or_null(0),
    )?;
    Ok(earliest.flatten())
}
