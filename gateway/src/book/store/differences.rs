//! `differences( id, day, kind, number, state, due_at_ms, json )`: differences between a day's
//! statement and the book.

use super::{all, exists, first};
use crate::reconcile::Kind;
use crate::runtime::{Row, Storage, StorageError};

/// A difference as it is stored.
#[derive(Clone, Debug)]
pub(in crate::book) struct StoredDifference {
    pub(in crate::book) id: i64,
    pub(in crate::book) day: i64,
    pub(in crate::book) kind: i64,
    pub(in crate::book) number: String,
    pub(in crate::book) state: String,
    pub(in crate::book) json: String,
}

fn difference(row: &Row) -> Result<StoredDifference, StorageError> {
    Ok(StoredDifference {
        id: row.int(0)?,
        day: row.int(1)?,
        kind: row.int(2)?,
        number: row.text(3)?.to_owned(),
        state: row.text(4)?.to_owned(),
        json: row.text(5)?.to_owned(),
    })
}

/// The difference of a day with this kind and number.
pub(in crate::book) fn of_key(
    storage: &impl Storage,
    day: i64,
    (kind, number): (Kind, &str),
) -> Result<Option<StoredDifference>, StorageError> {
    first(
        storage,
        "SELECT id, day, kind, number, state, json FROM differences
         WHERE day = ? AND kind = ? AND number = ?",
        &[day.into(), (kind as i64).into(), number.into()],
        difference,
    )
}

/// Adds a difference; one of the same day, kind and number stays as it is. Returns
/// whether it is new.
pub(in crate::book) fn add(
    storage: &impl Storage,
    day: i64,
    (kind, number): (Kind, &str),
    state: &str,
    due_at_ms: Option<i64>,
    json: &str,
) -> Result<bool, StorageError> {
    exists(
        storage,
        "INSERT INTO differences(day, kind, number, state, due_at_ms, json)
         VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(day, kind, number) DO NOTHING RETURNING id",
        &[
            day.into(),
            (kind as i64).into(),
            number.into(),
            state.into(),
            due_at_ms.into(),
            json.into(),
        ],
    )
}

/// The difference of a day that is to be queried first.
pub(in crate::book) fn next_due(
    storage: &impl Storage,
    day: i64,
    now_ms: i64,
) -> Result<Option<StoredDifference>, StorageError> {
    first(
        storage,
        "SELECT id, day, kind, number, state, json FROM differences INDEXED BY differences_due
         WHERE day = ? AND due_at_ms <= ? AND due_at_ms IS NOT NULL
         ORDER BY due_at_ms LIMIT 1",
        &[day.into(), now_ms.into()],
        difference,
    )
}

/// When the next difference of a day is to be queried.
pub(in crate::book) fn next_due_ms(
    storage: &impl Storage,
    day: i64,
) -> Result<Option<i64>, StorageError> {
    let due = first(
        storage,
        "SELECT min(due_at_ms) FROM differences WHERE day = ? AND due_at_ms IS NOT NULL",
        &[day.into()],
        |row| row.int_or_null(0),
    )?;
    Ok(due.flatten())
}

/// Those in a state on days before this one, in the order of their ids.
pub(in crate::book) fn in_state_before(
    storage: &impl Storage,
    state: &str,
    before: i64,
    after_id: i64,
    limit: i64,
) -> Result<Vec<StoredDifference>, StorageError> {
    all(
        storage,
        "SELECT id, day, kind, number, state, json FROM differences
         WHERE state = ? AND day < ? AND id > ? ORDER BY id LIMIT ?",
        &[state.into(), before.into(), after_id.into(), limit.into()],
        difference,
    )
}

/// Whether there is one in a state on a day before this one.
pub(in crate::book) fn is_any_before(
    storage: &impl Storage,
    state: &str,
    before: i64,
) -> Result<bool, StorageError> {
    exists(
        storage,
        "SELECT 1 FROM differences WHERE state = ? AND day < ? LIMIT 1",
        &[state.into(), before.into()],
    )
}

pub(in crate::book) fn find(
    storage: &impl Storage,
    id: i64,
) -> Result<Option<StoredDifference>, StorageError> {
    first(
        storage,
        "SELECT id, day, kind, number, state, json FROM differences WHERE id = ?",
        &[id.into()],
        difference,
    )
}

/// A day's differences after an id, in their order.
pub(in crate::book) fn of_day(
    storage: &impl Storage,
    day: i64,
    after_id: i64,
    limit: i64,
) -> Result<Vec<StoredDifference>, StorageError> {
    all(
        storage,
        "SELECT id, day, kind, number, state, json FROM differences
         WHERE day = ? AND id > ? ORDER BY id LIMIT ?",
        &[day.into(), after_id.into(), limit.into()],
        difference,
    )
}

pub(in crate::book) fn write(
    storage: &impl Storage,
    id: i64,
    state: &str,
    due_at_ms: Option<i64>,
    json: &str,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE differences SET state = ?, due_at_ms = ?, json = ? WHERE id = ?",
        &[state.into(), due_at_ms.into(), json.into(), id.into()],
    )?;
    Ok(())
}

/// Writes the state and the details of a difference; its timer stays.
pub(in crate::book) fn describe(
    storage: &impl Storage,
    id: i64,
    state: &str,
    json: &str,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE differences SET state = ?, json = ? WHERE id = ?",
        &[state.into(), json.into(), id.into()],
    )?;
    Ok(())
}

pub(in crate::book) fn remove(storage: &impl Storage, id: i64) -> Result<(), StorageError> {
    storage.exec("DELETE FROM differences WHERE id = ?", &[id.into()])?;
    Ok(())
}
