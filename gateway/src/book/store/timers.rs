//! The earliest timer of any table.

use super::first;
use crate::runtime::{Storage, StorageError};

/// The earliest timer of an order, a delivery, a recheck, a purchase without an
/// attempt, a checkout's end, an endpoint or a kept
/// reply, Unix milliseconds.
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
            SELECT min(until_ms) FROM kept
            UNION ALL
            SELECT min(due_at_ms) FROM rechecks
            UNION ALL
            SELECT min(due_at_ms) FROM checkout_ends
            UNION ALL
            SELECT min(until_ms) FROM event_deliveries WHERE state = 'waiting'
            UNION ALL
            SELECT min(max(coalesce(resume_at_ms, 0),
                (SELECT min(due_at_ms) FROM event_deliveries
                 WHERE endpoint = endpoints.id AND due_at_ms IS NOT NULL)))
            FROM endpoints WHERE active = 1)",
        &[],
        |row| row.int_or_null(0),
    )?;
    Ok(earliest.flatten())
}
