//! The move of one object to another deployment: it is closed here, read in
//! pages, written there, and opened there.
//!
//! ```text
//! here:  serving ── Close ──▶ closed ── Page, Page, … ──▶ (stays closed for ever)
//!           ▲                   │
//!           └───── Reopen ──────┘
//! there: empty ── Accept ──▶ importing ── Accept, … ──▶ complete ── Activate ──▶ serving
//! ```
//!
//! A closed object's tables have triggers that refuse every change, so that what
//! was in progress when it was closed ends as in a crash at that moment: what
//! was to be sent is on disk, and its timer continues it there. The triggers
//! hold in every version of the program.
//!
//! An object that is written has no triggers of its own until its last page is
//! in: those that keep lists and sums would count each row twice. A page is
//! accepted once, after the page before it. The object is complete when each
//! table has as many rows as it had there.
//!
//! The state is in a table of its own, which is not moved:
//!
//! ```text
//! transfer( name, text )    state, export, next, chain, trigger:NAME, released, reopening, imported
//! ```

mod store;

use self::store::Stored;
use crate::runtime::{Storage, StorageError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many bytes of rows a page has before it ends.
const PAGE_BYTES: i64 = 200_000;

/// What an object is to do for a move.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Step {
    /// Say where the object stands.
    State,
    /// Begin an export with this id, or say which one has begun. For the object
    /// that holds the state of the whole deployment.
    Begin {
        /// The id of a new export.
        export: String,
    },
    /// Refuse every change from now on.
    Close {
        /// The export's id.
        export: String,
    },
    /// Say that the deployment is being opened again. For the object that holds
    /// the state of the whole deployment.
    BeginReopen,
    /// Accept changes again.
    Reopen,
    /// Never open again. For the object that holds the state of the whole
    /// deployment.
    Release {
        /// The export's id.
        export: String,
    },
    /// Return the rows from a position on.
    Page {
        /// The export's id.
        export: String,
        /// The position; `None` for the first page.
        from: Option<Position>,
    },
    /// Write a page.
    Accept(Box<Accepted>),
    /// Serve what was written.
    Activate {
        /// The export's id.
        export: String,
    },
}

/// A page that is to be written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Accepted {
    /// The export's id.
    pub export: String,
    /// The page's number in its object, from 0.
    pub number: i64,
    /// The fingerprint of the page before, and of this one.
    pub chain: [String; 2],
    /// Whether the object may have rows, which the first page replaces.
    pub replaces: bool,
    /// The rows.
    pub page: Page,
}

/// Rows of an object.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Page {
    /// The number of the object's last migration.
    pub schema: i64,
    /// Rows by table.
    pub parts: Vec<Part>,
    /// Where the next page begins; `None` in the last one.
    pub next: Option<Position>,
    /// In the last page: how many rows each table has.
    pub counts: BTreeMap<String, i64>,
}

/// Rows of one table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Part {
    /// The table.
    pub table: String,
    /// The columns.
    pub columns: Vec<String>,
    /// The rows, with a value for each column.
    pub rows: Vec<Vec<Cell>>,
}

/// A position behind a row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Position {
    table: String,
    after: Vec<Cell>,
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// An integer.
    Int(i64),
    /// A text.
    Text(String),
    /// NULL.
    Null,
}

/// What an object has done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Outcome {
    /// It is done, or was done before.
    Done,
    /// The export that has begun.
    Begun(String),
    /// A page.
    Page(Box<Page>),
    /// The number of the page that the object needs next.
    Next(i64),
    /// Every page is written.
    Complete,
    /// The answer to [`Step::State`].
    State(State),
    /// Nothing was changed.
    Refused(Refusal),
}

/// Where an object stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// It accepts changes.
    Serving,
    /// The same, after it was written from the export with this id.
    Imported(String),
    /// It is closed for the export with this id.
    Closed(String),
    /// Another deployment has taken over.
    Released,
    /// It is being written.
    Importing {
        /// The export's id.
        export: String,
        /// Whether another deployment had taken over before, so that the rows of
        /// this one may be replaced.
        replaces: bool,
    },
}

/// Why an object has changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// It is not closed for this export.
    NotClosed,
    /// Another deployment has taken over.
    Released,
    /// It has rows of its own.
    NotEmpty,
    /// The other deployment has another version of the program: the numbers of
    /// the last migrations here and there.
    OtherSchema(i64, i64),
    /// The page does not follow the one before it, or its rows do not fit.
    Damaged,
    /// Not every page is written.
    Incomplete,
}

/// Whether the object accepts changes: it is neither closed nor being written.
pub fn is_serving(storage: &impl Storage) -> Result<bool, StorageError> {
    Ok(Stored::read(storage)?.state.is_none())
}

/// Why a step keeps nothing of what it has written.
enum Stop {
    Refused(Refusal),
    Storage(StorageError),
}

impl From<StorageError> for Stop {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

/// Takes a step, in one transaction.
pub fn take<S: Storage>(storage: &S, step: Step) -> Result<Outcome, StorageError> {
    let taken = storage.atomically(|| {
        let stored = Stored::read(storage)?;
        match step {
            Step::State => Ok(Outcome::State(stored.standing())),
            Step::Begin { export } => begin(storage, &stored, export),
            Step::Close { export } => close(storage, &stored, &export),
            Step::BeginReopen => begin_reopen(storage, &stored),
            Step::Reopen => reopen(storage, &stored),
            Step::Release { export } => release(storage, &stored, &export),
            Step::Page { export, from } => match stored.is_closed_for(&export) {
                true => page(storage, from),
                false => Err(Stop::Refused(Refusal::NotClosed)),
            },
            Step::Accept(accepted) => accept(storage, &stored, &accepted),
            Step::Activate { export } => activate(storage, &stored, &export),
        }
    });
    match taken {
        Ok(outcome) => Ok(outcome),
        Err(Stop::Refused(refusal)) => Ok(Outcome::Refused(refusal)),
        Err(Stop::Storage(error)) => Err(error),
    }
}

impl Stored {
    fn standing(&self) -> State {
        let export = self.export.clone();
        match self.state.as_deref() {
            None => match &self.imported {
                None => State::Serving,
                Some(export) => State::Imported(export.clone()),
            },
            Some(store::CLOSED) if self.is_released => State::Released,
            Some(store::CLOSED) => State::Closed(export),
            Some(_) => State::Importing {
                export,
                replaces: self.is_released,
            },
        }
    }

    fn is_closed(&self) -> bool {
        self.state.as_deref() == Some(store::CLOSED)
    }

    fn is_closed_for(&self, export: &str) -> bool {
        self.is_closed() && self.export == export
    }
}

fn begin(storage: &impl Storage, stored: &Stored, export: String) -> Result<Outcome, Stop> {
    if stored.is_closed() && stored.is_released {
        return Err(Stop::Refused(Refusal::Released));
    }
    if stored.is_closed() && !stored.is_reopening {
        return Ok(Outcome::Begun(stored.export.clone()));
    }
    store::remove(storage, store::REOPENING)?;
    close(storage, stored, &export)?;
    Ok(Outcome::Begun(export))
}

fn close(storage: &impl Storage, stored: &Stored, export: &str) -> Result<Outcome, Stop> {
    match stored.state.as_deref() {
        None => store::refuse_changes(storage)?,
        Some(store::CLOSED) => {}
        Some(_) => return Err(Stop::Refused(Refusal::Incomplete)),
    }
    store::set(storage, store::STATE, store::CLOSED)?;
    store::set(storage, store::EXPORT, export)?;
    Ok(Outcome::Done)
}

fn begin_reopen(storage: &impl Storage, stored: &Stored) -> Result<Outcome, Stop> {
    match stored.standing() {
        // It is opened last: every other object is open.
        State::Serving | State::Imported(_) => Ok(Outcome::Done),
        State::Closed(_) => {
            store::set(storage, store::REOPENING, "1")?;
            Ok(Outcome::Done)
        }
        State::Released => Err(Stop::Refused(Refusal::Released)),
        State::Importing { .. } => Err(Stop::Refused(Refusal::NotClosed)),
    }
}

fn reopen(storage: &impl Storage, stored: &Stored) -> Result<Outcome, Stop> {
    if stored.state.is_none() {
        return Ok(Outcome::Done);
    }
    if !stored.is_closed() {
        return Err(Stop::Refused(Refusal::NotClosed));
    }
    if stored.is_released {
        return Err(Stop::Refused(Refusal::Released));
    }
    store::accept_changes(storage)?;
    for name in [store::STATE, store::EXPORT, store::REOPENING] {
        store::remove(storage, name)?;
    }
    Ok(Outcome::Done)
}

fn release(storage: &impl Storage, stored: &Stored, export: &str) -> Result<Outcome, Stop> {
    if !stored.is_closed_for(export) || stored.is_reopening {
        return Err(Stop::Refused(Refusal::NotClosed));
    }
    store::set(storage, store::RELEASED, "1")?;
    Ok(Outcome::Done)
}

fn page(storage: &impl Storage, from: Option<Position>) -> Result<Outcome, Stop> {
    let tables = store::tables(storage)?;
    let begins = match &from {
        None => 0,
        Some(from) => match tables.iter().position(|table| *table == from.table) {
            Some(begins) => begins,
            None => return Err(Stop::Refused(Refusal::Damaged)),
        },
    };
    let mut page = Page {
        schema: store::schema(storage)?,
        parts: Vec::new(),
        next: None,
        counts: BTreeMap::new(),
    };
    let mut after = from.map(|from| from.after).unwrap_or_default();
    let mut room = PAGE_BYTES;
    for table in tables.iter().skip(begins) {
        let shape = store::shape(storage, table)?;
        let mut rows = Vec::new();
        while room > 0 {
            let slice = store::rows(storage, &shape, &after, room)?;
            let Some(last) = slice.last_key else {
                break;
            };
            after = last;
            room -= slice.bytes;
            rows.extend(slice.rows);
        }
        if !rows.is_empty() {
            page.parts.push(Part {
                table: table.clone(),
                columns: shape.columns,
                rows,
            });
        }
        if room <= 0 {
            page.next = Some(Position {
                table: table.clone(),
                after,
            });
            return Ok(Outcome::Page(Box::new(page)));
        }
        after = Vec::new();
    }
    for table in tables {
        let count = store::count(storage, &table)?;
        page.counts.insert(table, count);
    }
    Ok(Outcome::Page(Box::new(page)))
}

fn accept(storage: &impl Storage, stored: &Stored, accepted: &Accepted) -> Result<Outcome, Stop> {
    let refused = |refusal| Err(Stop::Refused(refusal));
    let Accepted { export, page, .. } = accepted;
    let is_same = stored.export == *export;
    match stored.state.as_deref() {
        None if stored.imported.as_ref() == Some(export) => return Ok(Outcome::Complete),
        Some(store::COMPLETE) if is_same => return Ok(Outcome::Complete),
        Some(store::IMPORTING) if is_same => {
            if accepted.number != stored.next {
                return Ok(Outcome::Next(stored.next));
            }
            if accepted.chain.first() != Some(&stored.chain) {
                return refused(Refusal::Damaged);
            }
        }
        state => {
            if accepted.number != 0 {
                return Ok(Outcome::Next(0));
            }
            let is_own = state.is_none() || state == Some(store::CLOSED);
            if is_own && !accepted.replaces && (state.is_some() || !store::is_empty(storage)?) {
                return refused(Refusal::NotEmpty);
            }
            let schema = store::schema(storage)?;
            // An interrupted import has no number of its own: it was compared.
            if schema != page.schema && is_own {
                return refused(Refusal::OtherSchema(schema, page.schema));
            }
            store::make_empty(storage)?;
            store::set(storage, store::STATE, store::IMPORTING)?;
            store::set(storage, store::EXPORT, export)?;
        }
    }
    let tables = store::tables(storage)?;
    for part in &page.parts {
        if !tables.contains(&part.table) || !store::insert(storage, part)? {
            return refused(Refusal::Damaged);
        }
    }
    let [_, chain] = &accepted.chain;
    store::set(storage, store::CHAIN, chain)?;
    store::set(storage, store::NEXT, &(accepted.number + 1).to_string())?;
    if page.next.is_some() {
        return Ok(Outcome::Next(accepted.number + 1));
    }
    for table in &tables {
        let expected = page.counts.get(table).copied().unwrap_or_default();
        if store::count(storage, table)? != expected {
            return refused(Refusal::Incomplete);
        }
    }
    store::restore_triggers(storage)?;
    store::set(storage, store::STATE, store::COMPLETE)?;
    Ok(Outcome::Complete)
}

fn activate(storage: &impl Storage, stored: &Stored, export: &str) -> Result<Outcome, Stop> {
    match stored.state.as_deref() {
        None if stored.imported.as_deref() == Some(export) => Ok(Outcome::Done),
        Some(store::COMPLETE) if stored.export == export => {
            store::forget(storage)?;
            store::set(storage, store::IMPORTED, export)?;
            Ok(Outcome::Done)
        }
        _ => Err(Stop::Refused(Refusal::Incomplete)),
    }
}
