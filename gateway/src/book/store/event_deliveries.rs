//! `event_deliveries( id, event, endpoint, url, subject, state, attempts, due_at_ms, until_ms,
//! created_at_ms, last )` and `delivery_attempts( delivery, at_ms, duration_ms, status, answer )`.
//!
//! Of the waiting deliveries of one subject to one endpoint, only the first has a
//! timer. Their ids begin above every id of `deliveries`, so that an id names
//! one delivery of either table; attempts are of both.

use super::{all, exists, first, integer, owned_or_null};
use crate::book::deliveries::DeliveryState;
use crate::runtime::{Row, Storage, StorageError};
use serde::{Deserialize, Serialize};

/// The ids of `event_deliveries` begin above this one, 2^40.
pub(in crate::book) const IDS_ABOVE: i64 = 1 << 40;

/// Makes a delivery of an event to each endpoint that receives its type. Returns
/// whether there is any.
pub(in crate::book) fn insert_for_all(
    storage: &impl Storage,
    event: i64,
    kind: &str,
    subject: &str,
    now_ms: i64,
    until_ms: i64,
) -> Result<bool, StorageError> {
    exists(
        storage,
        "INSERT INTO event_deliveries(event, endpoint, url, subject, state, attempts,
            due_at_ms, until_ms, created_at_ms)
         SELECT ?1, id, url, ?2, 'waiting', 0,
            CASE WHEN EXISTS (SELECT 1 FROM event_deliveries
                WHERE endpoint = endpoints.id AND subject = ?2 AND state = 'waiting')
            THEN NULL ELSE ?3 END, ?4, ?3
         FROM endpoints
         WHERE active = 1 AND (events IS NULL OR instr(events, ?5) > 0)
         RETURNING id",
        &[
            event.into(),
            subject.into(),
            now_ms.into(),
            until_ms.into(),
            format!(",{kind},").into(),
        ],
    )
}

/// Makes a delivery of an event to one endpoint. Returns its id.
pub(in crate::book) fn insert_for(
    storage: &impl Storage,
    event: i64,
    endpoint: &str,
    subject: &str,
    now_ms: i64,
    until_ms: i64,
) -> Result<i64, StorageError> {
    integer(
        storage,
        "INSERT INTO event_deliveries(event, endpoint, url, subject, state, attempts,
            until_ms, created_at_ms)
         SELECT ?1, id, url, ?2, 'waiting', 0, ?4, ?3 FROM endpoints WHERE id = ?5
         RETURNING id",
        &[
            event.into(),
            subject.into(),
            now_ms.into(),
            until_ms.into(),
            endpoint.into(),
        ],
    )
}

/// Gives the first of a subject's waiting deliveries to an endpoint a timer, if
/// it has none, and takes the timers of the others away.
pub(in crate::book) fn line_up(
    storage: &impl Storage,
    endpoint: &str,
    subject: &str,
    now_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE event_deliveries SET due_at_ms = CASE WHEN id = (
            SELECT min(id) FROM event_deliveries
            WHERE endpoint = ?1 AND subject = ?2 AND state = 'waiting'
         ) THEN coalesce(due_at_ms, ?3) END
         WHERE endpoint = ?1 AND subject = ?2 AND state = 'waiting'",
        &[endpoint.into(), subject.into(), now_ms.into()],
    )?;
    Ok(())
}

/// A delivery that is due.
pub(in crate::book) struct Due {
    pub(in crate::book) id: i64,
    pub(in crate::book) event: i64,
    pub(in crate::book) url: String,
    pub(in crate::book) subject: String,
    /// How often it was sent.
    pub(in crate::book) attempts: i64,
}

/// The delivery to an endpoint whose timer has been due longest.
pub(in crate::book) fn longest_due(
    storage: &impl Storage,
    endpoint: &str,
    now_ms: i64,
) -> Result<Option<Due>, StorageError> {
    first(
        storage,
        "SELECT id, event, url, subject, attempts FROM event_deliveries
         WHERE endpoint = ? AND due_at_ms <= ? ORDER BY due_at_ms, id LIMIT 1",
        &[endpoint.into(), now_ms.into()],
        |row| {
            Ok(Due {
                id: row.int(0)?,
                event: row.int(1)?,
                url: row.text(2)?.to_owned(),
                subject: row.text(3)?.to_owned(),
                attempts: row.int(4)?,
            })
        },
    )
}

/// Counts an attempt, and moves the timer to the next one.
pub(in crate::book) fn count_attempt(
    storage: &impl Storage,
    id: i64,
    due_at_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE event_deliveries SET attempts = attempts + 1, due_at_ms = ? WHERE id = ?",
        &[due_at_ms.into(), id.into()],
    )?;
    Ok(())
}

/// Marks a delivery as acknowledged, also one that was given up meanwhile.
pub(in crate::book) fn acknowledge(
    storage: &impl Storage,
    id: i64,
    last: &str,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE event_deliveries SET state = 'acknowledged', due_at_ms = NULL, last = ?
         WHERE id = ?",
        &[last.into(), id.into()],
    )?;
    Ok(())
}

/// Writes why the last attempt failed.
pub(in crate::book) fn set_last(
    storage: &impl Storage,
    id: i64,
    last: &str,
) -> Result<(), StorageError> {
    let sql = "UPDATE event_deliveries SET last = ? WHERE id = ?";
    storage.exec(sql, &[last.into(), id.into()])?;
    Ok(())
}

/// An unacknowledged delivery: its endpoint and its subject.
pub(in crate::book) struct Overdue {
    pub(in crate::book) id: i64,
    pub(in crate::book) endpoint: String,
    pub(in crate::book) subject: String,
    pub(in crate::book) created_at_ms: i64,
}

fn overdue(row: &Row) -> Result<Overdue, StorageError> {
    Ok(Overdue {
        id: row.int(0)?,
        endpoint: row.text(1)?.to_owned(),
        subject: row.text(2)?.to_owned(),
        created_at_ms: row.int(3)?,
    })
}

/// The waiting delivery of an event of this type about an endpoint to itself, and the
/// event's number.
pub(in crate::book) fn waiting_of_type(
    storage: &impl Storage,
    endpoint: &str,
    kind: &str,
) -> Result<Option<(i64, i64)>, StorageError> {
    first(
        storage,
        "SELECT id, event FROM event_deliveries
         WHERE endpoint = ?1 AND subject = ?1 AND state = 'waiting'
         AND EXISTS (SELECT 1 FROM events WHERE n = event_deliveries.event AND type = ?2)
         LIMIT 1",
        &[endpoint.into(), kind.into()],
        |row| Ok((row.int(0)?, row.int(1)?)),
    )
}

/// Waiting deliveries whose three days are over, at most `at_most`.
pub(in crate::book) fn overdue_by(
    storage: &impl Storage,
    now_ms: i64,
    at_most: i64,
) -> Result<Vec<Overdue>, StorageError> {
    all(
        storage,
        "SELECT id, endpoint, subject, created_at_ms FROM event_deliveries
         WHERE state = 'waiting' AND until_ms <= ? ORDER BY until_ms LIMIT ?",
        &[now_ms.into(), at_most.into()],
        overdue,
    )
}

/// Waiting deliveries to an endpoint, at most `at_most`.
pub(in crate::book) fn waiting_for(
    storage: &impl Storage,
    endpoint: &str,
    at_most: i64,
) -> Result<Vec<Overdue>, StorageError> {
    all(
        storage,
        "SELECT id, endpoint, subject, created_at_ms FROM event_deliveries
         WHERE endpoint = ? AND state = 'waiting' LIMIT ?",
        &[endpoint.into(), at_most.into()],
        overdue,
    )
}

pub(in crate::book) fn give_up(storage: &impl Storage, id: i64) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE event_deliveries SET state = 'given_up', due_at_ms = NULL
         WHERE id = ? AND state = 'waiting'",
        &[id.into()],
    )?;
    Ok(())
}

/// Deliveries to an endpoint that were given up, made since a time, the oldest first, at most
/// `at_most`.
pub(in crate::book) fn given_up_since(
    storage: &impl Storage,
    endpoint: &str,
    since_ms: i64,
    at_most: i64,
) -> Result<Vec<Overdue>, StorageError> {
    all(
        storage,
        "SELECT id, endpoint, subject, created_at_ms FROM event_deliveries
         WHERE endpoint = ? AND state = 'given_up' AND created_at_ms >= ?
         ORDER BY created_at_ms LIMIT ?",
        &[endpoint.into(), since_ms.into(), at_most.into()],
        overdue,
    )
}

/// Deliveries to an endpoint that failed and wait for their next attempt, made since a time, the
/// oldest first, at most `at_most`.
pub(in crate::book) fn failed_since(
    storage: &impl Storage,
    endpoint: &str,
    since_ms: i64,
    at_most: i64,
) -> Result<Vec<Overdue>, StorageError> {
    all(
        storage,
        "SELECT id, endpoint, subject, created_at_ms FROM event_deliveries
         WHERE endpoint = ? AND due_at_ms IS NOT NULL AND attempts > 0 AND created_at_ms >= ?
         ORDER BY due_at_ms LIMIT ?",
        &[endpoint.into(), since_ms.into(), at_most.into()],
        overdue,
    )
}

/// Begins a delivery's schedule again.
pub(in crate::book) fn begin_again(
    storage: &impl Storage,
    id: i64,
    now_ms: i64,
    until_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE event_deliveries SET attempts = 0, state = 'waiting', due_at_ms = ?,
            until_ms = ?
         WHERE id = ?",
        &[now_ms.into(), until_ms.into(), id.into()],
    )?;
    Ok(())
}

/// A delivery as it is shown.
pub(in crate::book) struct Listed {
    pub(in crate::book) id: i64,
    pub(in crate::book) event: i64,
    pub(in crate::book) endpoint: String,
    pub(in crate::book) url: String,
    pub(in crate::book) subject: String,
    pub(in crate::book) state: DeliveryState,
    pub(in crate::book) attempts: i64,
    pub(in crate::book) due_at_ms: Option<i64>,
    pub(in crate::book) created_at_ms: i64,
    pub(in crate::book) last: Option<String>,
}

pub(in crate::book) fn find(
    storage: &impl Storage,
    id: i64,
) -> Result<Option<Listed>, StorageError> {
    first(
        storage,
        "SELECT id, event, endpoint, url, subject, state, attempts, due_at_ms,
            created_at_ms, last
         FROM event_deliveries WHERE id = ?",
        &[id.into()],
        |row| {
            Ok(Listed {
                id: row.int(0)?,
                event: row.int(1)?,
                endpoint: row.text(2)?.to_owned(),
                url: row.text(3)?.to_owned(),
                subject: row.text(4)?.to_owned(),
                state: DeliveryState::named(row.text(5)?),
                attempts: row.int(6)?,
                due_at_ms: row.int_or_null(7)?,
                created_at_ms: row.int(8)?,
                last: owned_or_null(row, 9)?,
            })
        },
    )
}

/// How many wait.
pub(in crate::book) fn count_waiting(storage: &impl Storage) -> Result<i64, StorageError> {
    integer(
        storage,
        "SELECT count(*) FROM event_deliveries WHERE state = 'waiting'",
        &[],
    )
}

/// One attempt to deliver a document or an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::book) struct Attempt {
    /// When it began.
    pub(in crate::book) at_ms: i64,
    pub(in crate::book) duration_ms: i64,
    /// The answer's HTTP status; `None` without an answer.
    pub(in crate::book) status: Option<i64>,
    /// The beginning of the answer's body; without an answer, why there is none.
    pub(in crate::book) answer: String,
}

/// Keeps an attempt of a delivery of either kind.
pub(in crate::book) fn keep_attempt(
    storage: &impl Storage,
    delivery: i64,
    attempt: &Attempt,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO delivery_attempts(delivery, at_ms, duration_ms, status, answer)
         VALUES(?, ?, ?, ?, ?)",
        &[
            delivery.into(),
            attempt.at_ms.into(),
            attempt.duration_ms.into(),
            attempt.status.into(),
            attempt.answer.as_str().into(),
        ],
    )?;
    Ok(())
}

/// The attempts of a delivery, oldest first; at most the latest hundred.
pub(in crate::book) fn attempts(
    storage: &impl Storage,
    delivery: i64,
) -> Result<Vec<Attempt>, StorageError> {
    let mut attempts = all(
        storage,
        "SELECT at_ms, duration_ms, status, answer FROM delivery_attempts
         WHERE delivery = ? ORDER BY rowid DESC LIMIT 100",
        &[delivery.into()],
        |row| {
            Ok(Attempt {
                at_ms: row.int(0)?,
                duration_ms: row.int(1)?,
                status: row.int_or_null(2)?,
                answer: row.text(3)?.to_owned(),
            })
        },
    )?;
    attempts.reverse();
    Ok(attempts)
}

/// Removes the deliveries of events up to this one.
pub(in crate::book) fn remove_of_events(
    storage: &impl Storage,
    last_event: i64,
) -> Result<(), StorageError> {
    let sql = "DELETE FROM event_deliveries WHERE event <= ?";
    storage.exec(sql, &[last_event.into()])?;
    Ok(())
}

/// Removes the oldest attempts that were made before this moment, at most `at_most`. Returns how
/// many.
pub(in crate::book) fn remove_attempts_before(
    storage: &impl Storage,
    before_ms: i64,
    at_most: i64,
) -> Result<usize, StorageError> {
    let removed = all(
        storage,
        "DELETE FROM delivery_attempts WHERE rowid IN (SELECT rowid FROM
            (SELECT rowid, at_ms FROM delivery_attempts WHERE rowid > 0
             ORDER BY rowid LIMIT ?) AS read
         WHERE at_ms < ?)
         RETURNING rowid",
        &[at_most.into(), before_ms.into()],
        |row| row.int(0),
    )?;
    Ok(removed.len())
}
