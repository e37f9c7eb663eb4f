//! The board: what the books have reported, so that an operator sees the alarms
//! and the numbers of all merchants without waking a book, and a book whose
//! timer did not ring is found.
//!
//! ```text
//! board(  merchant, at_ms, due_ms, contact_at_ms, alarms, json )   the latest report of each book
//! totals( name, n )                                                 sums over all merchants
//! facts(  name, text )                                              how far the list of merchants was read
//! ```
//!
//! A book reports at once when an alarm was raised or settled and when it first
//! has a timer, and otherwise [`APART_MS`] apart while its numbers change. A
//! report that is not taken is sent again by the book's timer. A book whose
//! reported timer is [`SILENT_MS`] past is called, which sets its alarm again.

use crate::book::{self, Numbers};
use crate::merchants::registry;
use crate::observe::{Log, RequestContext};
use crate::runtime::{Object, Row, Runtime, Storage, StorageError, Value};
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::pin::pin;

/// A book's reports about changed numbers are so far apart.
pub(crate) const APART_MS: i64 = 120_000;
/// A report that was not taken is sent again after this.
pub(crate) const AGAIN_MS: i64 = 60_000;
/// A report is waited for so long: a caller may be waiting for the book.
pub(crate) const PATIENCE_MS: u32 = 2_000;
/// A book has reported again this long after the timer that it last reported:
/// longer than both times above.
const SILENT_MS: i64 = 300_000;
/// A silent book is called this far apart.
const CALLS_APART_MS: i64 = 300_000;
/// How long one call to a silent book may take.
const CALL_MS: u32 = 10_000;
/// The most books that one alarm calls; the next alarm follows at once.
const BOOKS: i64 = 50;
/// So many at a time: Cloudflare opens six connections for one invocation.
const AT_A_TIME: usize = 5;
/// The most silent books that one answer names.
const SILENT_LISTED: i64 = 100;
/// A page of alarms ends with the merchant whose alarms fill it.
const ALARMS: usize = 500;
/// How far two objects' clocks may differ.
const SKEW_MS: i64 = 60_000;
/// When the alarm rings again where the database or the registry refused.
const FAILED_MS: i64 = 60_000;

/// What may be asked of the board.
#[derive(Debug, Serialize, Deserialize)]
pub enum Call {
    /// How a book stands.
    Report(Box<Report>),
    /// Merchants with alarms, by id: [`Answer::Page`].
    Alarms {
        /// Behind this merchant.
        after: String,
    },
    /// Merchants, by id: [`Answer::Page`].
    Numbers {
        /// Behind this merchant.
        after: String,
        /// At most so many.
        limit: i64,
    },
    /// Of all merchants: [`Answer::Totals`].
    Totals,
    /// Nothing: an object that is called is opened, which sets its alarm.
    Wake,
}

/// What a book reports.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// Whose book it is.
    pub merchant: String,
    /// When it was made, by the book's clock, Unix milliseconds.
    pub at_ms: i64,
    /// The book's earliest timer.
    pub due_ms: Option<i64>,
    /// How it stands.
    pub numbers: Numbers,
}

/// How a merchant's book stood when it last reported.
#[derive(Debug, Serialize, Deserialize)]
pub struct Standing {
    /// Whose book it is.
    pub merchant: String,
    /// Its numbers; `None` where it has not reported yet, or what it reported
    /// cannot be read by this version.
    pub numbers: Option<Numbers>,
    /// When it reported, Unix milliseconds; 0 where it has not yet.
    pub at_ms: i64,
    /// How long its timer has been due, where it is silent since.
    pub silent_ms: i64,
}

/// Some merchants, by id.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Page {
    /// The merchants.
    pub merchants: Vec<Standing>,
    /// The merchant behind which the next page begins, where there is one.
    pub next: Option<String>,
}

/// Sums over all merchants.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Merchants that are on the board.
    pub merchants: i64,
    /// Alarms that stand, by name.
    pub alarms: BTreeMap<String, i64>,
    /// How many books are silent.
    pub silent: i64,
    /// Those of them that have been silent for longest.
    pub silent_longest: Vec<String>,
}

/// What the board answers.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// Taken.
    Done,
    /// Some merchants.
    Page(Page),
    /// Sums.
    Totals(Totals),
    /// The database refused; the operator's log has the reason.
    Broken,
}

/// The board, on any runtime and storage.
#[derive(Debug)]
pub struct Board<R, S> {
    runtime: R,
    storage: S,
    /// Where the alarm stands; `None` when that is not known.
    armed_at_ms: Cell<Option<i64>>,
}

impl<R: Runtime, S: Storage> Board<R, S> {
    /// Opens the object, making its tables the first time.
    pub fn open(runtime: R, storage: S) -> Result<Self, StorageError> {
        for statement in [
            "CREATE TABLE IF NOT EXISTS board(
                merchant TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, due_ms INTEGER,
                contact_at_ms INTEGER, alarms INTEGER NOT NULL, json TEXT NOT NULL)",
            "CREATE INDEX IF NOT EXISTS board_due ON board(due_ms) WHERE due_ms IS NOT NULL",
            "CREATE INDEX IF NOT EXISTS board_contact ON board(contact_at_ms)
                WHERE contact_at_ms IS NOT NULL",
            "CREATE INDEX IF NOT EXISTS board_alarms ON board(merchant) WHERE alarms > 0",
            "CREATE TABLE IF NOT EXISTS totals(name TEXT PRIMARY KEY, n INTEGER NOT NULL)",
            "CREATE TABLE IF NOT EXISTS facts(name TEXT PRIMARY KEY, text TEXT NOT NULL)",
        ] {
            storage.exec(statement, &[])?;
        }
        let board = Self {
            runtime,
            storage,
            armed_at_ms: Cell::new(None),
        };
        board.arm()?;
        Ok(board)
    }

    /// Answers one call: JSON in, JSON out.
    pub fn handle(&self, body: &[u8]) -> Vec<u8> {
        let answer = serde_json::from_slice(body)
            .map_err(|error| StorageError::unreadable("call", error))
            .and_then(|call| self.answer(call))
            .unwrap_or_else(|error| {
                self.runtime.log(format_args!("board: {error}"));
                Answer::Broken
            });
        serde_json::to_vec(&answer).unwrap_or_default()
    }

    fn answer(&self, call: Call) -> Result<Answer, StorageError> {
        match call {
            Call::Report(report) => {
                self.storage.atomically(|| self.take(&report))?;
                self.arm()?;
                Ok(Answer::Done)
            }
            Call::Alarms { after } => self.alarms(after).map(Answer::Page),
            Call::Numbers { after, limit } => self.numbers(after, limit).map(Answer::Page),
            Call::Totals => self.totals().map(Answer::Totals),
            Call::Wake => {
                // The alarm may be lost while the object lives.
                self.armed_at_ms.set(None);
                self.arm()?;
                Ok(Answer::Done)
            }
        }
    }

    /// The alarm: calls silent books, and sets the next alarm in every
    /// case.
    pub async fn alarm(&self) {
        self.armed_at_ms.set(None);
        let done = match self.read_merchants().await {
            Ok(()) => self.call_silent().await,
            Err(error) => Err(error),
        };
        if let Err(error) = done.and_then(|()| self.arm()) {
            self.runtime.log(format_args!("board: {error}"));
            self.storage.set_alarm(self.runtime.now_ms() + FAILED_MS);
        }
    }

    /// Keeps a report, inside a transaction. Of two reports the one that was
    /// made later stays; one that seems to come from the future gives way, so
    /// that a clock that was wrong once does not silence a book.
    fn take(&self, report: &Report) -> Result<(), StorageError> {
        let now_ms = self.runtime.now_ms();
        let merchant = || Value::from(report.merchant.as_str());
        let rows = self.storage.exec(
            "SELECT at_ms, json FROM board WHERE merchant = ?",
            &[merchant()],
        )?;
        let earlier = rows.first();
        if let Some(row) = earlier
            && (report.at_ms + 1..=now_ms + SKEW_MS).contains(&row.int(0)?)
        {
            return Ok(());
        }
        match earlier {
            Some(row) => {
                if let Some(numbers) = read(row, 1)? {
                    self.add_alarms(&numbers, -1)?;
                }
            }
            None => self.add("merchants", 1)?,
        }
        self.add_alarms(&report.numbers, 1)?;
        let contact_at_ms = report.due_ms.map(|due_ms| due_ms.max(now_ms) + SILENT_MS);
        let standing: i64 = report.numbers.standing.values().sum();
        let json = serde_json::to_string(&report.numbers)
            .map_err(|error| StorageError::unreadable("report", error))?;
        self.storage.exec(
            "INSERT INTO board(merchant, at_ms, due_ms, contact_at_ms, alarms, json)
             VALUES(?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT(merchant) DO UPDATE SET at_ms = ?2, due_ms = ?3, contact_at_ms = ?4,
                alarms = ?5, json = ?6",
            &[
                merchant(),
                report.at_ms.into(),
                report.due_ms.into(),
                contact_at_ms.into(),
                standing.into(),
                json.into(),
            ],
        )?;
        Ok(())
    }

    fn add_alarms(&self, numbers: &Numbers, sign: i64) -> Result<(), StorageError> {
        for (name, n) in &numbers.standing {
            self.add(&format!("alarm:{name}"), sign * n)?;
        }
        Ok(())
    }

    fn add(&self, name: &str, n: i64) -> Result<(), StorageError> {
        self.storage.exec(
            "INSERT INTO totals(name, n) VALUES(?1, ?2)
             ON CONFLICT(name) DO UPDATE SET n = n + ?2",
            &[name.into(), n.into()],
        )?;
        Ok(())
    }

    fn alarms(&self, after: String) -> Result<Page, StorageError> {
        let rows = self.storage.exec(
            "SELECT merchant, json, at_ms, due_ms FROM board
             WHERE alarms > 0 AND merchant > ? ORDER BY merchant LIMIT 201",
            &[after.into()],
        )?;
        let mut page = Page::default();
        let mut listed = 0;
        for row in &rows {
            if listed >= ALARMS || page.merchants.len() >= 200 {
                page.next = page.merchants.last().map(|last| last.merchant.clone());
                break;
            }
            let standing = self.standing(row)?;
            listed += standing.numbers.as_ref().map_or(0, |n| n.alarms.len());
            page.merchants.push(standing);
        }
        Ok(page)
    }

    fn numbers(&self, after: String, limit: i64) -> Result<Page, StorageError> {
        let rows = self.storage.exec(
            "SELECT merchant, json, at_ms, due_ms FROM board
             WHERE merchant > ? ORDER BY merchant LIMIT ?",
            &[after.into(), (limit + 1).into()],
        )?;
        let shown = usize::try_from(limit).unwrap_or_default();
        let merchants = rows.iter().take(shown).map(|row| self.standing(row));
        let merchants: Vec<Standing> = merchants.collect::<Result<_, _>>()?;
        let next = merchants.last().map(|last| last.merchant.clone());
        Ok(Page {
            next: next.filter(|_| rows.len() > shown),
            merchants,
        })
    }

    fn standing(&self, row: &Row) -> Result<Standing, StorageError> {
        let silent_ms = row
            .int_or_null(3)?
            .map_or(0, |due_ms| self.runtime.now_ms() - due_ms);
        Ok(Standing {
            merchant: row.text(0)?.to_owned(),
            numbers: read(row, 1)?,
            at_ms: row.int(2)?,
            silent_ms: if silent_ms >= SILENT_MS { silent_ms } else { 0 },
        })
    }

    fn totals(&self) -> Result<Totals, StorageError> {
        let mut totals = Totals::default();
        for row in self.storage.exec("SELECT name, n FROM totals", &[])? {
            let (name, n) = (row.text(0)?, row.int(1)?);
            match name.strip_prefix("alarm:") {
                Some(alarm) if n > 0 => {
                    totals.alarms.insert(alarm.to_owned(), n);
                }
                Some(_) => {}
                None => totals.merchants = n,
            }
        }
        let before_ms = self.runtime.now_ms() - SILENT_MS;
        let count = self.storage.exec(
            "SELECT count(*) FROM board WHERE due_ms <= ?",
            &[before_ms.into()],
        )?;
        totals.silent = count.first().map_or(Ok(0), |row| row.int(0))?;
        let longest = self.storage.exec(
            "SELECT merchant FROM board WHERE due_ms <= ? ORDER BY due_ms LIMIT ?",
            &[before_ms.into(), SILENT_LISTED.into()],
        )?;
        for row in &longest {
            totals.silent_longest.push(row.text(0)?.to_owned());
        }
        Ok(totals)
    }

    /// The first time, puts every merchant on the board: a book of an earlier
    /// version has not reported, and may have timers and alarms. It is called
    /// until it does.
    async fn read_merchants(&self) -> Result<(), StorageError> {
        while let Some(after) = self.read_up_to()? {
            let call = registry::Envelope {
                request_context: RequestContext::default(),
                call: registry::Call::List {
                    after,
                    limit: BOOKS,
                },
            };
            let body = serde_json::to_vec(&call)
                .map_err(|error| StorageError::unreadable("call", error))?;
            let answer = self.runtime.call(Object::Registry, body).await;
            let answer = answer.map_err(|error| StorageError(error.to_string()))?;
            let Ok(registry::Answer::Ids(ids)) = serde_json::from_slice(&answer) else {
                return Err(StorageError("the registry gave no list".to_owned()));
            };
            self.storage.atomically(|| {
                let now_ms = self.runtime.now_ms();
                for id in &ids {
                    let added = self.storage.exec(
                        "INSERT INTO board(merchant, at_ms, due_ms, contact_at_ms, alarms, json)
                         VALUES(?1, 0, ?2, ?2, 0, '') ON CONFLICT DO NOTHING RETURNING 1",
                        &[id.as_str().into(), now_ms.into()],
                    )?;
                    if !added.is_empty() {
                        self.add("merchants", 1)?;
                    }
                }
                // No merchant's id is empty.
                let last = ids.last().map(String::as_str).unwrap_or_default();
                self.storage.exec(
                    "INSERT INTO facts(name, text) VALUES('read_up_to', ?1)
                     ON CONFLICT(name) DO UPDATE SET text = ?1",
                    &[last.into()],
                )?;
                Ok::<_, StorageError>(())
            })?;
        }
        Ok(())
    }

    /// The merchant up to which the list was read; `None` when all of it was.
    fn read_up_to(&self) -> Result<Option<String>, StorageError> {
        let rows = self
            .storage
            .exec("SELECT text FROM facts WHERE name = 'read_up_to'", &[])?;
        match rows.first() {
            None => Ok(Some(String::new())),
            Some(row) => Ok(Some(row.text(0)?.to_owned()).filter(|last| !last.is_empty())),
        }
    }

    /// Calls books that are silent. A book that is opened sets its alarm, and
    /// one that is called reports.
    async fn call_silent(&self) -> Result<(), StorageError> {
        let now_ms = self.runtime.now_ms();
        let rows = self.storage.exec(
            "SELECT merchant FROM board WHERE contact_at_ms <= ?
             ORDER BY contact_at_ms LIMIT ?",
            &[now_ms.into(), BOOKS.into()],
        )?;
        let mut merchants = Vec::new();
        for row in &rows {
            let merchant = row.text(0)?.to_owned();
            // Moved on before it is called: one that does not answer does not
            // keep the others from being called.
            self.storage.exec(
                "UPDATE board SET contact_at_ms = ? WHERE merchant = ?",
                &[(now_ms + CALLS_APART_MS).into(), merchant.as_str().into()],
            )?;
            merchants.push(merchant);
        }
        let calls = merchants.iter().map(|merchant| self.call_book(merchant));
        let calls = futures_util::stream::iter(calls).buffer_unordered(AT_A_TIME);
        calls.collect::<()>().await;
        Ok(())
    }

    async fn call_book(&self, merchant: &str) {
        let envelope = book::Envelope {
            merchant: merchant.to_owned(),
            request_context: RequestContext::default(),
            call: book::Call::Wake,
        };
        let Ok(body) = serde_json::to_vec(&envelope) else {
            return;
        };
        let call = pin!(self.runtime.call(Object::Book(merchant), body));
        let answered = match select(call, pin!(self.runtime.sleep(CALL_MS))).await {
            Either::Left((answer, _)) => answer.is_ok(),
            Either::Right(_) => false,
        };
        if !answered {
            let says = "the book is silent, and did not answer a call";
            self.runtime.log(format_args!("{merchant}: {says}"));
        }
    }

    /// Sets the alarm to the time when the next silent book is to be called.
    fn arm(&self) -> Result<(), StorageError> {
        let now_ms = self.runtime.now_ms();
        let at_ms = if self.read_up_to()?.is_some() {
            Some(now_ms)
        } else {
            let rows = self.storage.exec(
                "SELECT min(contact_at_ms) FROM board WHERE contact_at_ms IS NOT NULL",
                &[],
            )?;
            rows.first().map_or(Ok(None), |row| row.int_or_null(0))?
        };
        // A report moves its book's call on: an alarm that rings too early
        // finds none to call, and costs less than to be set with each report.
        if let Some(at_ms) = at_ms
            && self.armed_at_ms.get().is_none_or(|armed| armed > at_ms)
        {
            self.storage.set_alarm(at_ms.max(now_ms));
            self.armed_at_ms.set(Some(at_ms));
        }
        Ok(())
    }
}

/// The numbers in this column; `None` where this version cannot read them.
fn read(row: &Row, column: usize) -> Result<Option<Numbers>, StorageError> {
    Ok(serde_json::from_slice(row.text(column)?.as_bytes()).ok())
}
