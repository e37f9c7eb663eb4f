//! `alarms( name, subject, times, last_at_ms )`: open alarms.

use super::{all, exists, first, integer, owned_or_null};
use crate::runtime::{Row, Storage, StorageError};
use std::collections::BTreeMap;

/// An open alarm.
pub(in crate::book) struct StoredAlarm {
    pub(in crate::book) name: String,
    pub(in crate::book) subject: String,
    pub(in crate::book) times: i64,
    pub(in crate::book) last_at_ms: i64,
}

fn alarm(row: &Row) -> Result<StoredAlarm, StorageError> {
    Ok(StoredAlarm {
        name: row.text(0)?.to_owned(),
        subject: row.text(1)?.to_owned(),
        times: row.int(2)?,
        last_at_ms: row.int(3)?,
    })
}

/// Adds an alarm, or counts the open one once more. Returns whether it is new.
pub(in crate::book) fn raise(
    storage: &impl Storage,
    name: &str,
    subject: &str,
    now_ms: i64,
) -> Result<bool, StorageError> {
    let times = integer(
        storage,
        "INSERT INTO alarms(name, subject, times, last_at_ms) VALUES(?1, ?2, 1, ?3)
         ON CONFLICT(name, subject) DO UPDATE SET times = times + 1, last_at_ms = ?3
         RETURNING times",
        &[name.into(), subject.into(), now_ms.into()],
    )?;
    Ok(times == 1)
}

/// Removes an alarm. Returns whether it was open.
pub(in crate::book) fn remove(
    storage: &impl Storage,
    name: &str,
    subject: &str,
) -> Result<bool, StorageError> {
    exists(
        storage,
        "DELETE FROM alarms WHERE name = ? AND subject = ? RETURNING times",
        &[name.into(), subject.into()],
    )
}

pub(in crate::book) fn find(
    storage: &impl Storage,
    name: &str,
    subject: &str,
) -> Result<Option<StoredAlarm>, StorageError> {
    first(
        storage,
        "SELECT name, subject, times, last_at_ms FROM alarms WHERE name = ? AND subject = ?",
        &[name.into(), subject.into()],
        alarm,
    )
}

/// The latest hundred alarms.
pub(in crate::book) fn latest(storage: &impl Storage) -> Result<Vec<StoredAlarm>, StorageError> {
    all(
        storage,
        "SELECT name, subject, times, last_at_ms FROM alarms
         ORDER BY last_at_ms DESC LIMIT 100",
        &[],
        alarm,
    )
}

/// The number of alarms of each name. One lookup for each name: a `GROUP BY`
/// would read the whole table.
pub(in crate::book) fn count_by_name(
    storage: &impl Storage,
) -> Result<BTreeMap<String, i64>, StorageError> {
    let mut counts = BTreeMap::new();
    let mut after = String::new();
    loop {
        let next = first(
            storage,
            "SELECT min(name) FROM alarms WHERE name > ?",
            &[after.into()],
            |row| owned_or_null(row, 0),
        )?;
        let Some(name) = next.flatten() else {
            return Ok(counts);
        };
        let n = integer(
            storage,
            "SELECT count(*) FROM alarms WHERE name = ?",
            &[name.as_str().into()],
        )?;
        counts.insert(name.clone(), n);
        after = name;
    }
}
