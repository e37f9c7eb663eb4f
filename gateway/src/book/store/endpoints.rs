//! `endpoints( id, url, events, description, active, created_at_ms, secret, previous_secret,
//! previous_until_ms, failures, failing_since_ms, resume_at_ms, reported )`.
//!
//! `events` is NULL for all types, or the names with a comma before and after
//! each. Secrets are sealed under the endpoint's id; previous ones, the latest first,
//! are separated by spaces.

use super::{all, exists, first, integer, owned_or_null};
use crate::book::endpoints::Endpoint;
use crate::runtime::{Row, Storage, StorageError, Value};

const COLUMNS: &str = "id, url, events, description, active, created_at_ms, previous_until_ms,
    failures, failing_since_ms, resume_at_ms";

fn endpoint(row: &Row) -> Result<Endpoint, StorageError> {
    Ok(Endpoint {
        id: row.text(0)?.to_owned(),
        url: row.text(1)?.to_owned(),
        events: owned_or_null(row, 2)?,
        description: owned_or_null(row, 3)?,
        is_active: row.int(4)? == 1,
        created_at_ms: row.int(5)?,
        previous_until_ms: row.int_or_null(6)?,
        failures: row.int(7)?,
        failing_since_ms: row.int_or_null(8)?,
        resume_at_ms: row.int_or_null(9)?,
    })
}

pub(in crate::book) fn insert(
    storage: &impl Storage,
    endpoint: &Endpoint,
    secret: &str,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO endpoints(id, url, events, description, active, created_at_ms, secret)
         VALUES(?, ?, ?, ?, ?, ?, ?)",
        &[
            endpoint.id.as_str().into(),
            endpoint.url.as_str().into(),
            endpoint.events.as_deref().into(),
            endpoint.description.as_deref().into(),
            i64::from(endpoint.is_active).into(),
            endpoint.created_at_ms.into(),
            secret.into(),
        ],
    )?;
    Ok(())
}

pub(in crate::book) fn count(storage: &impl Storage) -> Result<i64, StorageError> {
    integer(storage, "SELECT count(*) FROM endpoints", &[])
}

pub(in crate::book) fn find(
    storage: &impl Storage,
    id: &str,
) -> Result<Option<Endpoint>, StorageError> {
    let sql = format!("SELECT {COLUMNS} FROM endpoints WHERE id = ?");
    first(storage, &sql, &[id.into()], endpoint)
}

/// Every endpoint, in the order in which they were made.
pub(in crate::book) fn list(storage: &impl Storage) -> Result<Vec<Endpoint>, StorageError> {
    let sql = format!("SELECT {COLUMNS} FROM endpoints ORDER BY created_at_ms, id");
    all(storage, &sql, &[], endpoint)
}

/// Writes what a merchant changes. One that is switched on or off begins without
/// failures.
pub(in crate::book) fn change(
    storage: &impl Storage,
    endpoint: &Endpoint,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE endpoints SET events = ?, description = ?,
            failures = CASE WHEN active <> ?3 THEN 0 ELSE failures END,
            failing_since_ms = CASE WHEN active <> ?3 THEN NULL ELSE failing_since_ms END,
            resume_at_ms = CASE WHEN active <> ?3 THEN NULL ELSE resume_at_ms END,
            reported = CASE WHEN active <> ?3 THEN 0 ELSE reported END,
            active = ?3
         WHERE id = ?4",
        &[
            endpoint.events.as_deref().into(),
            endpoint.description.as_deref().into(),
            i64::from(endpoint.is_active).into(),
            endpoint.id.as_str().into(),
        ],
    )?;
    Ok(())
}

/// Removes an endpoint. Returns whether there was one.
pub(in crate::book) fn remove(storage: &impl Storage, id: &str) -> Result<bool, StorageError> {
    let sql = "DELETE FROM endpoints WHERE id = ? RETURNING id";
    exists(storage, sql, &[id.into()])
}

/// An endpoint's sealed secrets.
pub(in crate::book) struct Secrets {
    pub(in crate::book) id: String,
    pub(in crate::book) current: String,
    /// The latest first.
    pub(in crate::book) previous: Vec<String>,
    pub(in crate::book) previous_until_ms: Option<i64>,
}

impl Secrets {
    /// The previous secrets that are still valid.
    pub(in crate::book) fn valid_previous(&self, now_ms: i64) -> impl Iterator<Item = &String> {
        let is_valid = self.previous_until_ms.is_some_and(|at_ms| now_ms < at_ms);
        self.previous.iter().filter(move |_| is_valid)
    }
}

fn secrets_of(row: &Row) -> Result<Secrets, StorageError> {
    let previous = owned_or_null(row, 2)?.unwrap_or_default();
    Ok(Secrets {
        id: row.text(0)?.to_owned(),
        current: row.text(1)?.to_owned(),
        previous: previous.split_whitespace().map(str::to_owned).collect(),
        previous_until_ms: row.int_or_null(3)?,
    })
}

/// The sealed secrets of every endpoint.
pub(in crate::book) fn secrets(storage: &impl Storage) -> Result<Vec<Secrets>, StorageError> {
    all(
        storage,
        "SELECT id, secret, previous_secret, previous_until_ms FROM endpoints",
        &[],
        secrets_of,
    )
}

/// Writes an endpoint's sealed secrets.
pub(in crate::book) fn set_secrets(
    storage: &impl Storage,
    secrets: &Secrets,
) -> Result<(), StorageError> {
    let previous = (!secrets.previous.is_empty()).then(|| secrets.previous.join(" "));
    storage.exec(
        "UPDATE endpoints SET secret = ?, previous_secret = ?, previous_until_ms = ?
         WHERE id = ?",
        &[
            secrets.current.as_str().into(),
            previous.as_deref().into(),
            secrets.previous_until_ms.into(),
            secrets.id.as_str().into(),
        ],
    )?;
    Ok(())
}

/// Ends the pause of an endpoint.
pub(in crate::book) fn resume(storage: &impl Storage, id: &str) -> Result<(), StorageError> {
    let sql = "UPDATE endpoints SET resume_at_ms = NULL WHERE id = ?";
    storage.exec(sql, &[id.into()])?;
    Ok(())
}

/// An endpoint with a delivery that is due, the longest due first.
pub(in crate::book) struct DueEndpoint {
    pub(in crate::book) secrets: Secrets,
    pub(in crate::book) failures: i64,
}

pub(in crate::book) fn due(
    storage: &impl Storage,
    now_ms: i64,
) -> Result<Vec<DueEndpoint>, StorageError> {
    all(
        storage,
        "SELECT id, secret, previous_secret, previous_until_ms, failures,
            (SELECT min(due_at_ms) FROM event_deliveries
             WHERE endpoint = endpoints.id AND due_at_ms IS NOT NULL) AS due
         FROM endpoints
         WHERE active = 1 AND coalesce(resume_at_ms, 0) <= ?1 AND due <= ?1
         ORDER BY due",
        &[now_ms.into()],
        |row| {
            Ok(DueEndpoint {
                secrets: secrets_of(row)?,
                failures: row.int(4)?,
            })
        },
    )
}

/// An endpoint's failures in a row.
pub(in crate::book) struct Failing {
    /// Attempts since the last one that succeeded.
    pub(in crate::book) failures: i64,
    pub(in crate::book) since_ms: i64,
    /// Whether this is reported already.
    pub(in crate::book) is_reported: bool,
}

/// Counts an attempt that failed. `None` where the endpoint is removed.
pub(in crate::book) fn count_failure(
    storage: &impl Storage,
    id: &str,
    now_ms: i64,
) -> Result<Option<Failing>, StorageError> {
    first(
        storage,
        "UPDATE endpoints SET failures = failures + 1,
            failing_since_ms = coalesce(failing_since_ms, ?1)
         WHERE id = ?2 RETURNING failures, failing_since_ms, reported",
        &[now_ms.into(), id.into()],
        |row| {
            Ok(Failing {
                failures: row.int(0)?,
                since_ms: row.int(1)?,
                is_reported: row.int(2)? == 1,
            })
        },
    )
}

/// Pauses an endpoint until this moment.
pub(in crate::book) fn pause(
    storage: &impl Storage,
    id: &str,
    resume_at_ms: i64,
    is_reported: bool,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE endpoints SET resume_at_ms = ?, reported = ? WHERE id = ?",
        &[
            resume_at_ms.into(),
            i64::from(is_reported).into(),
            id.into(),
        ],
    )?;
    Ok(())
}

/// Records an attempt that succeeded. Returns whether the failures before it were reported.
pub(in crate::book) fn recovered(storage: &impl Storage, id: &str) -> Result<bool, StorageError> {
    let was_reported = first(
        storage,
        "SELECT reported FROM endpoints WHERE id = ? AND failures > 0",
        &[id.into()],
        |row| row.int(0),
    )?;
    let Some(was_reported) = was_reported else {
        return Ok(false);
    };
    let args: [Value; 1] = [id.into()];
    storage.exec(
        "UPDATE endpoints SET failures = 0, failing_since_ms = NULL, resume_at_ms = NULL,
            reported = 0
         WHERE id = ?",
        &args,
    )?;
    Ok(was_reported == 1)
}
