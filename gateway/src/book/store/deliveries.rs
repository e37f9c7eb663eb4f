//! `deliveries( id, out_trade_no, out_refund_no, url, body, attempts, due_at_ms, state, last,
//! created_at_ms )`.
//!
//! Only the first of an order's waiting deliveries has a timer.

use super::{exists, first, integer, owned_or_null};
use crate::book::deliveries::{Delivery, DeliveryState};
use crate::runtime::{Row, Storage, StorageError};

/// A document to deliver.
pub(in crate::book) struct NewDelivery<'a> {
    pub(in crate::book) out_trade_no: &'a str,
    /// The refund that it reports, where it reports one.
    pub(in crate::book) out_refund_no: Option<&'a str>,
    pub(in crate::book) url: &'a str,
    pub(in crate::book) body: String,
}

/// What a delivery sends.
pub(in crate::book) struct Document {
    pub(in crate::book) out_trade_no: String,
    pub(in crate::book) url: String,
    pub(in crate::book) body: String,
    /// How often it was sent.
    pub(in crate::book) attempts: i64,
}

/// A delivery as lists show it.
pub(in crate::book) struct ListedDelivery {
    pub(in crate::book) delivery: Delivery,
    pub(in crate::book) due_at_ms: Option<i64>,
}

fn delivery(row: &Row) -> Result<Delivery, StorageError> {
    Ok(Delivery {
        id: row.int(0)?,
        out_trade_no: row.text(1)?.to_owned(),
        url: row.text(2)?.to_owned(),
        attempts: row.int(3)?,
        state: DeliveryState::named(row.text(4)?),
        last: owned_or_null(row, 5)?,
        out_refund_no: owned_or_null(row, 6)?,
    })
}

pub(in crate::book) fn insert(
    storage: &impl Storage,
    new: NewDelivery<'_>,
    now_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO deliveries(out_trade_no, out_refund_no, url, body, attempts, state,
            created_at_ms)
         VALUES(?, ?, ?, ?, 0, 'waiting', ?)",
        &[
            new.out_trade_no.into(),
            new.out_refund_no.into(),
            new.url.into(),
            new.body.into(),
            now_ms.into(),
        ],
    )?;
    Ok(())
}

/// Gives the first of an order's waiting deliveries a timer, if it has none,
/// and removes the timers of the others.
pub(in crate::book) fn line_up(
    storage: &impl Storage,
    number: &str,
    now_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE deliveries SET due_at_ms = CASE WHEN id = (
            SELECT min(id) FROM deliveries WHERE out_trade_no = ?1 AND state = 'waiting'
         ) THEN coalesce(due_at_ms, ?2) END
         WHERE out_trade_no = ?1 AND state = 'waiting'",
        &[number.into(), now_ms.into()],
    )?;
    Ok(())
}

/// The delivery whose timer has been due longest.
pub(in crate::book) fn longest_due(
    storage: &impl Storage,
    now_ms: i64,
) -> Result<Option<i64>, StorageError> {
    first(
        storage,
        "SELECT id FROM deliveries WHERE due_at_ms <= ? ORDER BY due_at_ms LIMIT 1",
        &[now_ms.into()],
        |row| row.int(0),
    )
}

pub(in crate::book) fn document(
    storage: &impl Storage,
    id: i64,
) -> Result<Option<Document>, StorageError> {
    first(
        storage,
        "SELECT out_trade_no, url, body, attempts FROM deliveries WHERE id = ?",
        &[id.into()],
        |row| {
            Ok(Document {
                out_trade_no: row.text(0)?.to_owned(),
                url: row.text(1)?.to_owned(),
                body: row.text(2)?.to_owned(),
                attempts: row.int(3)?,
            })
        },
    )
}

/// Counts further attempts and moves the timer.
pub(in crate::book) fn count_attempts(
    storage: &impl Storage,
    id: i64,
    attempts: i64,
    due_at_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE deliveries SET attempts = attempts + ?, due_at_ms = ? WHERE id = ?",
        &[attempts.into(), due_at_ms.into(), id.into()],
    )?;
    Ok(())
}

/// Writes the outcome of attempt number `attempt`. A delivery that another
/// sending has settled stays settled, and a restarted schedule is not given up
/// because of an attempt of the schedule before it. Returns whether it was
/// written.
pub(in crate::book) fn write_outcome(
    storage: &impl Storage,
    id: i64,
    attempt: i64,
    state: DeliveryState,
    last: &str,
) -> Result<bool, StorageError> {
    exists(
        storage,
        "UPDATE deliveries SET state = ?1, last = ?2,
            due_at_ms = CASE WHEN ?1 = 'waiting' THEN due_at_ms ELSE NULL END
         WHERE id = ?3 AND state = 'waiting' AND (?1 <> 'given_up' OR attempts = ?4)
         RETURNING id",
        &[state.name().into(), last.into(), id.into(), attempt.into()],
    )
}

/// The latest hundred deliveries of all orders, newest first. One that cannot
/// be read does not hide the others.
pub(in crate::book) fn latest(storage: &impl Storage) -> Result<Vec<Delivery>, StorageError> {
    let rows = storage.exec(
        "SELECT id, out_trade_no, url, attempts, state, last, out_refund_no
         FROM deliveries ORDER BY id DESC LIMIT 100",
        &[],
    )?;
    Ok(rows.iter().flat_map(delivery).collect())
}

/// The latest hundred deliveries of one order.
pub(in crate::book) fn latest_of_order(
    storage: &impl Storage,
    number: &str,
) -> Result<Vec<Delivery>, StorageError> {
    let rows = storage.exec(
        "SELECT id, out_trade_no, url, attempts, state, last, out_refund_no
         FROM deliveries WHERE out_trade_no = ? ORDER BY id DESC LIMIT 100",
        &[number.into()],
    )?;
    Ok(rows.iter().flat_map(delivery).collect())
}

pub(in crate::book) fn find(
    storage: &impl Storage,
    id: i64,
) -> Result<Option<ListedDelivery>, StorageError> {
    first(
        storage,
        "SELECT id, out_trade_no, url, attempts, state, last, out_refund_no, due_at_ms
         FROM deliveries WHERE id = ?",
        &[id.into()],
        |row| {
            Ok(ListedDelivery {
                delivery: delivery(row)?,
                due_at_ms: row.int_or_null(7)?,
            })
        },
    )
}

/// Restarts a delivery's schedule.
pub(in crate::book) fn begin_again(
    storage: &impl Storage,
    id: i64,
    now_ms: i64,
) -> Result<Option<Delivery>, StorageError> {
    first(
        storage,
        "UPDATE deliveries SET attempts = 0, state = 'waiting', due_at_ms = ? WHERE id = ?
         RETURNING id, out_trade_no, url, attempts, state, last, out_refund_no",
        &[now_ms.into(), id.into()],
        delivery,
    )
}

/// The number of waiting deliveries. There is an index of these rows; a
/// delivery behind another of its order has no timer.
pub(in crate::book) fn count_waiting(storage: &impl Storage) -> Result<i64, StorageError> {
    integer(
        storage,
        "SELECT count(*) FROM deliveries WHERE state = 'waiting'",
        &[],
    )
}
