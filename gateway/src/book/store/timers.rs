//! The earliest timer of any table.

use super::first;
use crate::runtime::{Storage, StorageError};

/// The earliest timers, Unix milliseconds.
#[derive(Default)]
pub(in crate::book) struct Timers {
    /// Of an order, a delivery, a purchase without an attempt, a kept reply, a
    /// recheck, a checkout's end, an exchange rate, an endpoint or a day.
    pub(in crate::book) due_ms: Option<i64>,
    /// When the oldest event was written or the oldest attempt made: both are removed after ninety
    /// days.
    pub(in crate::book) oldest_ms: Option<i64>,
}

/// Reads all timers.
///
/// Each is a query of its own in one statement: Durable Objects refuse a `UNION`
/// of more than five.
pub(in crate::book) fn earliest(storage: &impl Storage) -> Result<Timers, StorageError> {
    let timers = first(
        storage,
        "SELECT
            (SELECT min(due_at_ms) FROM orders WHERE due_at_ms IS NOT NULL),
            (SELECT min(due_at_ms) FROM deliveries WHERE due_at_ms IS NOT NULL),
            (SELECT min(untried_until_ms) FROM checkouts
             WHERE untried_until_ms IS NOT NULL),
            (SELECT min(until_ms) FROM kept),
            (SELECT min(due_at_ms) FROM rechecks),
            (SELECT min(due_at_ms) FROM checkout_ends),
            (SELECT min(due_at_ms) FROM rates),
            (SELECT min(until_ms) FROM event_deliveries WHERE state = 'waiting'),
            (SELECT min(max(coalesce(resume_at_ms, 0),
                (SELECT min(due_at_ms) FROM event_deliveries
                 WHERE endpoint = endpoints.id AND due_at_ms IS NOT NULL)))
             FROM endpoints WHERE active = 1),
            (SELECT min(due_at_ms) FROM days WHERE due_at_ms IS NOT NULL),
            (SELECT at_ms FROM events WHERE n > 0 ORDER BY n LIMIT 1),
            (SELECT at_ms FROM delivery_attempts WHERE rowid > 0 ORDER BY rowid LIMIT 1)",
        &[],
        |row| {
            let due: Result<Vec<Option<i64>>, StorageError> =
                (0..10).map(|column| row.int_or_null(column)).collect();
            Ok(Timers {
                due_ms: due?.into_iter().flatten().min(),
                oldest_ms: [row.int_or_null(10)?, row.int_or_null(11)?]
                    .into_iter()
                    .flatten()
                    .min(),
            })
        },
    )?;
    Ok(timers.unwrap_or_default())
}
