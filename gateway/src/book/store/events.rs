//! `events( n, random, type, subject, seq, at_ms, object )`, `event_ends( subject, seq )` and
//! `checkout_ends( checkout_id, due_at_ms )`.
//!
//! `seq` counts the events of one subject from 1. `event_ends` keeps the last
//! number of a subject whose events have been removed.

use super::search::{Conditions, end_of};
use super::{all, exists, first, texts};
use crate::book::event_type::EventType;
use crate::book::events::{Event, EventSearch};
use crate::runtime::{Row, Storage, StorageError, Value};

/// The most events that one page compares with the filters.
const EXAMINED: i64 = 1_000;

/// An event to write.
pub(in crate::book) struct NewEvent<'a> {
    pub(in crate::book) kind: EventType,
    pub(in crate::book) subject: &'a str,
    pub(in crate::book) object: &'a str,
    pub(in crate::book) random: &'a str,
    pub(in crate::book) at_ms: i64,
}

const COLUMNS: &str = "n, random, type, subject, seq, at_ms, object";

fn event(row: &Row) -> Result<Event, StorageError> {
    Ok(Event {
        n: row.int(0)?,
        random: row.text(1)?.to_owned(),
        kind: row.text(2)?.to_owned(),
        subject: row.text(3)?.to_owned(),
        seq: row.int(4)?,
        at_ms: row.int(5)?,
        object: row.text(6)?.to_owned(),
    })
}

/// Writes an event under the next number of its subject. Returns its `n`.
pub(in crate::book) fn insert(
    storage: &impl Storage,
    new: &NewEvent<'_>,
) -> Result<i64, StorageError> {
    let n = first(
        storage,
        "INSERT INTO events(random, type, subject, seq, at_ms, object)
         VALUES(?1, ?2, ?3, 1 + coalesce(
            (SELECT max(seq) FROM events WHERE subject = ?3),
            (SELECT seq FROM event_ends WHERE subject = ?3), 0), ?4, ?5)
         RETURNING n",
        &[
            new.random.into(),
            new.kind.name().into(),
            new.subject.into(),
            new.at_ms.into(),
            new.object.into(),
        ],
        |row| row.int(0),
    )?;
    n.ok_or_else(|| StorageError::new("no number of the event"))
}

/// The event with this number.
pub(in crate::book) fn find(storage: &impl Storage, n: i64) -> Result<Option<Event>, StorageError> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE n = ?");
    first(storage, &sql, &[n.into()], event)
}

/// The events of a page, in the order of the search, of these subjects or of all; and
/// the event up to which the filters were compared: `None` where no event follows.
pub(in crate::book) fn page(
    storage: &impl Storage,
    search: &EventSearch,
    subjects: Option<&[String]>,
    after_n: i64,
) -> Result<(Vec<Event>, Option<Event>), StorageError> {
    let (begin, order) = match search.newest {
        true => ("n < ?", "ORDER BY n DESC"),
        false => ("n > ?", "ORDER BY n"),
    };
    let mut lookup = Conditions::default();
    lookup.add(begin, [after_n.into()]);
    if let Some(subjects) = subjects {
        let marks = vec!["?"; subjects.len()].join(", ");
        let subjects = subjects.iter().map(|subject| subject.as_str().into());
        lookup.add(&format!("subject IN ({marks})"), subjects);
    }
    // No index has these columns: what is compared with them is bounded instead.
    let mut rest = Conditions::default();
    if let Some(kind) = &search.kind {
        rest.add("type = ?", [kind.name().into()]);
    }
    rest.range("at_ms", search.at_ms);
    if let Some(q) = &search.q {
        rest.add(
            "(subject >= ? AND subject < ? OR id >= ? AND id < ?)",
            [q.as_str(), &end_of(q), q.as_str(), &end_of(q)].map(Value::from),
        );
    }
    let read = format!(
        "SELECT {COLUMNS}, 'evt_' || n || '_' || random AS id FROM events WHERE {} {order}",
        lookup.join()
    );
    let examines_all = rest.sql.is_empty();
    let sql = match examines_all {
        true => format!("{read} LIMIT ?"),
        false => format!(
            "SELECT * FROM ({read} LIMIT {EXAMINED}) AS read WHERE {} {order} LIMIT ?",
            rest.join()
        ),
    };
    let args = [
        lookup.args.clone(),
        rest.args,
        vec![(search.limit + 1).into()],
    ]
    .concat();
    let mut events = all(storage, &sql, &args, event)?;
    let limit = usize::try_from(search.limit).unwrap_or(usize::MAX);
    let after = if events.len() > limit {
        events.truncate(limit);
        events.last().cloned()
    } else if examines_all {
        None
    } else {
        let last = format!("{read} LIMIT 1 OFFSET {}", EXAMINED - 1);
        first(storage, &last, &lookup.args, event)?
    };
    Ok((events, after))
}

/// Removes the oldest events and their deliveries, at most `at_most`, that were written before this
/// moment and have no waiting delivery. The last number of each subject stays. Returns how many.
pub(in crate::book) fn remove_before(
    storage: &impl Storage,
    before_ms: i64,
    at_most: i64,
) -> Result<usize, StorageError> {
    let old = all(
        storage,
        "SELECT n, at_ms, EXISTS (SELECT 1 FROM event_deliveries
            WHERE event = events.n AND state = 'waiting')
         FROM events WHERE n > 0 ORDER BY n LIMIT ?",
        &[at_most.into()],
        |row| Ok((row.int(0)?, row.int(1)? < before_ms && row.int(2)? == 0)),
    )?;
    let old = old.into_iter().take_while(|(_, is_over)| *is_over);
    let numbers: Vec<i64> = old.map(|(n, _)| n).collect();
    let Some(last) = numbers.last().copied() else {
        return Ok(0);
    };
    storage.exec(
        "INSERT INTO event_ends(subject, seq)
         SELECT subject, seq FROM events WHERE n <= ? ORDER BY n
         ON CONFLICT(subject) DO UPDATE SET seq = excluded.seq",
        &[last.into()],
    )?;
    super::event_deliveries::remove_of_events(storage, last)?;
    storage.exec("DELETE FROM events WHERE n <= ?", &[last.into()])?;
    Ok(numbers.len())
}

/// Notes when a checkout ends, so that its end can be reported. One that is noted
/// already stays as it is.
pub(in crate::book) fn note_checkout_end(
    storage: &impl Storage,
    checkout_id: &str,
    due_at_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT OR IGNORE INTO checkout_ends(checkout_id, due_at_ms) VALUES(?, ?)",
        &[checkout_id.into(), due_at_ms.into()],
    )?;
    Ok(())
}

/// The checkouts that end by now, at most `at_most`.
pub(in crate::book) fn ended_checkouts(
    storage: &impl Storage,
    now_ms: i64,
    at_most: i64,
) -> Result<Vec<String>, StorageError> {
    texts(
        storage,
        "SELECT checkout_id FROM checkout_ends WHERE due_at_ms <= ? ORDER BY due_at_ms LIMIT ?",
        &[now_ms.into(), at_most.into()],
    )
}

/// Moves the check of a checkout's end to this moment.
pub(in crate::book) fn move_checkout_end(
    storage: &impl Storage,
    checkout_id: &str,
    due_at_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE checkout_ends SET due_at_ms = ? WHERE checkout_id = ?",
        &[due_at_ms.into(), checkout_id.into()],
    )?;
    Ok(())
}

/// Removes a checkout's noted end. Returns whether it was noted.
pub(in crate::book) fn end_checkout(
    storage: &impl Storage,
    checkout_id: &str,
) -> Result<bool, StorageError> {
    exists(
        storage,
        "DELETE FROM checkout_ends WHERE checkout_id = ? RETURNING due_at_ms",
        &[checkout_id.into()],
    )
}
