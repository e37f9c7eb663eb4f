//! The board: the latest report of each book, so that an operator sees the
//! alarms and the numbers of all merchants without waking a book, and a book
//! whose timer did not run is found.
//!
//! Its commands are in `reports.rs`, its tables in `board/store.rs`.
//!
//! A book reports at once when an alarm was raised or settled and when it first
//! has a timer, and otherwise every [`APART_MS`](crate::reports::APART_MS) while its numbers change. A
//! report that the board did not accept is sent again by the book's timer. A
//! book whose reported timer was due [`SILENT_MS`] ago is called, which makes
//! it set its alarm again.

mod store;

use self::store::{NewReport, StoredReport};
use crate::book::{self, Command as _};
use crate::merchants::registry::command::{List, Reply};
use crate::merchants::registry::{self, Command as _};
use crate::observe::{Log, RequestContext, answer_bytes};
use crate::reports::{
    Answer, BookStatus, Call, ListAlarms, ListNumbers, Numbers, Page, Report, Totals,
};
use crate::runtime::{Object, Runtime, Storage, StorageError};
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use std::cell::Cell;
use std::pin::pin;

/// How long after its reported timer a book has reported again, unless it is
/// silent: longer than both times above.
const SILENT_MS: i64 = 300_000;
/// The time between two calls to a silent book.
const CALLS_APART_MS: i64 = 300_000;
/// How long one call to a silent book may take.
const CALL_MS: u32 = 10_000;
/// The most books that one alarm calls; the next alarm follows at once.
const BOOKS: i64 = 50;
/// How many books are called in parallel: Cloudflare opens six connections for
/// one invocation.
const AT_A_TIME: usize = 5;
/// The most silent books in one answer.
const SILENT_LISTED: i64 = 100;
/// A page of alarms ends with the merchant with which it reaches this number.
const ALARMS: usize = 500;
/// The most merchants in one page of alarms.
const PAGE: i64 = 200;
/// The name of the sum that counts the merchants on the board.
const MERCHANTS: &str = "merchants";
/// How far two objects' clocks may differ.
const SKEW_MS: i64 = 60_000;
/// The time until the next alarm if the database or the registry refused.
const FAILED_MS: i64 = 60_000;

/// The board, on any runtime and storage.
#[derive(Debug)]
pub struct Board<R, S> {
    runtime: R,
    storage: S,
    /// The time for which the alarm is set; `None` when that is not known.
    armed_at_ms: Cell<Option<i64>>,
}

impl<R: Runtime, S: Storage> Board<R, S> {
    /// Opens the object, making its tables the first time.
    pub fn open(runtime: R, storage: S) -> Result<Self, StorageError> {
        store::migrate(&storage)?;
        let board = Self {
            runtime,
            storage,
            armed_at_ms: Cell::new(None),
        };
        board.arm()?;
        Ok(board)
    }

    /// Answers one call; both are JSON.
    pub fn handle(&self, body: &[u8]) -> Vec<u8> {
        let answer = serde_json::from_slice(body)
            .map_err(|error| StorageError::unreadable("call", error))
            .and_then(|call| self.answer(call))
            .unwrap_or_else(|error| {
                self.runtime.log(format_args!("board: {error}"));
                Answer::Broken
            });
        answer_bytes(&self.runtime, &answer)
    }

    fn answer(&self, call: Call) -> Result<Answer, StorageError> {
        match call {
            Call::Report(report) => {
                self.storage.atomically(|| self.take(&report))?;
                self.arm()?;
                Ok(Answer::Done)
            }
            Call::Alarms(ListAlarms { after }) => self.alarms(&after).map(Answer::Page),
            Call::Numbers(ListNumbers { after, limit }) => {
                self.numbers(&after, limit).map(Answer::Page)
            }
            Call::Totals => self.totals().map(Answer::Totals),
            Call::Wake => {
                // The runtime may have lost the alarm although the object still
                // runs.
                self.armed_at_ms.set(None);
                self.arm()?;
                Ok(Answer::Done)
            }
        }
    }

    /// The alarm: calls silent books, and sets the next alarm in every case.
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

    /// Stores a report, inside a transaction. Of two reports the one that was
    /// made later stays. A report with a time in the future is replaced by any
    /// other, so that a clock that was wrong once does not hide the book's
    /// reports.
    fn take(&self, report: &Report) -> Result<(), StorageError> {
        let now_ms = self.runtime.now_ms();
        let earlier = store::find(&self.storage, &report.merchant)?;
        if let Some(earlier) = &earlier
            && (report.at_ms + 1..=now_ms + SKEW_MS).contains(&earlier.at_ms)
        {
            return Ok(());
        }
        match earlier {
            Some(earlier) => {
                if let Some(numbers) = numbers_in(&earlier.json) {
                    self.add_alarms(&numbers, -1)?;
                }
            }
            None => store::add_to_total(&self.storage, MERCHANTS, 1)?,
        }
        self.add_alarms(&report.numbers, 1)?;
        let contact_at_ms = report.due_ms.map(|due_ms| due_ms.max(now_ms) + SILENT_MS);
        let json = serde_json::to_string(&report.numbers)
            .map_err(|error| StorageError::unreadable("report", error))?;
        store::put(
            &self.storage,
            NewReport {
                merchant: &report.merchant,
                at_ms: report.at_ms,
                due_ms: report.due_ms,
                contact_at_ms,
                alarms: report.numbers.standing.values().sum(),
                json,
            },
        )
    }

    fn add_alarms(&self, numbers: &Numbers, sign: i64) -> Result<(), StorageError> {
        for (name, n) in &numbers.standing {
            store::add_to_total(&self.storage, &format!("alarm:{name}"), sign * n)?;
        }
        Ok(())
    }

    fn alarms(&self, after: &str) -> Result<Page, StorageError> {
        let reports = store::with_alarms(&self.storage, after, PAGE + 1)?;
        let most = usize::try_from(PAGE).unwrap_or_default();
        let mut page = Page::default();
        let mut listed = 0;
        for report in reports {
            if listed >= ALARMS || page.merchants.len() >= most {
                page.next = page.merchants.last().map(|last| last.merchant.clone());
                break;
            }
            let status = self.status_of(report);
            listed += status.numbers.as_ref().map_or(0, |n| n.alarms.len());
            page.merchants.push(status);
        }
        Ok(page)
    }

    fn numbers(&self, after: &str, limit: i64) -> Result<Page, StorageError> {
        let mut reports = store::list(&self.storage, after, limit + 1)?;
        let shown = usize::try_from(limit).unwrap_or_default();
        let is_last = reports.len() <= shown;
        reports.truncate(shown);
        let merchants: Vec<BookStatus> = reports.into_iter().map(|r| self.status_of(r)).collect();
        let next = merchants.last().map(|last| last.merchant.clone());
        Ok(Page {
            next: next.filter(|_| !is_last),
            merchants,
        })
    }

    fn status_of(&self, report: StoredReport) -> BookStatus {
        let now_ms = self.runtime.now_ms();
        let silent_ms = report.due_ms.map_or(0, |due_ms| now_ms - due_ms);
        BookStatus {
            numbers: numbers_in(&report.json),
            merchant: report.merchant,
            at_ms: report.at_ms,
            silent_ms: if silent_ms >= SILENT_MS { silent_ms } else { 0 },
        }
    }

    fn totals(&self) -> Result<Totals, StorageError> {
        let mut totals = Totals::default();
        for (name, n) in store::totals(&self.storage)? {
            match name.strip_prefix("alarm:") {
                Some(alarm) if n > 0 => {
                    totals.alarms.insert(alarm.to_owned(), n);
                }
                Some(_) => {}
                None => totals.merchants = n,
            }
        }
        let before_ms = self.runtime.now_ms() - SILENT_MS;
        totals.silent = store::count_due(&self.storage, before_ms)?;
        totals.silent_longest = store::due_longest(&self.storage, before_ms, SILENT_LISTED)?;
        Ok(totals)
    }

    /// The first time, puts every merchant on the board: a book of an earlier
    /// version has not reported, and may have timers and alarms. It is called
    /// until it reports.
    async fn read_merchants(&self) -> Result<(), StorageError> {
        while let Some(after) = self.read_up_to()? {
            let list = List {
                after,
                limit: BOOKS,
            };
            let envelope = registry::Envelope {
                request_context: RequestContext::default(),
                call: list.into_call(),
            };
            let body = serde_json::to_vec(&envelope)
                .map_err(|error| StorageError::unreadable("call", error))?;
            let answer = self.runtime.call(Object::Registry, body).await;
            let answer = answer.map_err(|error| StorageError::new(error.to_string()))?;
            let answer = serde_json::from_slice(&answer)
                .map_err(|error| StorageError::unreadable_json("list of merchants", &error))?;
            let ids: Option<Vec<String>> = Reply::read(answer);
            let ids =
                ids.ok_or_else(|| StorageError::new("the registry did not answer with a list"))?;
            self.storage.atomically(|| {
                let now_ms = self.runtime.now_ms();
                for id in &ids {
                    if store::add_unreported(&self.storage, id, now_ms)? {
                        store::add_to_total(&self.storage, MERCHANTS, 1)?;
                    }
                }
                // No merchant's id is empty.
                let last = ids.last().map(String::as_str).unwrap_or_default();
                store::set_read_up_to(&self.storage, last)
            })?;
        }
        Ok(())
    }

    /// The merchant up to which the list was read; `None` when all of it was
    /// read.
    fn read_up_to(&self) -> Result<Option<String>, StorageError> {
        Ok(match store::read_up_to(&self.storage)? {
            None => Some(String::new()),
            Some(last) => Some(last).filter(|last| !last.is_empty()),
        })
    }

    /// Calls silent books. A book that is opened sets its alarm, and one that
    /// is called reports.
    async fn call_silent(&self) -> Result<(), StorageError> {
        let now_ms = self.runtime.now_ms();
        let merchants = store::to_call(&self.storage, now_ms, BOOKS)?;
        for merchant in &merchants {
            // Moved on before the book is called: a book that does not answer
            // does not prevent calls to the others.
            store::move_call(&self.storage, merchant, now_ms + CALLS_APART_MS)?;
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
            call: book::command::Wake.into_call(),
            once: None,
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
            store::next_call(&self.storage)?
        };
        // A report moves its book's call on: an alarm that comes too early
        // finds none to call, which costs less than setting it at each report.
        if let Some(at_ms) = at_ms
            && self.armed_at_ms.get().is_none_or(|armed| armed > at_ms)
        {
            self.storage.set_alarm(at_ms.max(now_ms));
            self.armed_at_ms.set(Some(at_ms));
        }
        Ok(())
    }
}

/// The numbers of a stored report; `None` where this version cannot read them.
fn numbers_in(json: &str) -> Option<Numbers> {
    serde_json::from_slice(json.as_bytes()).ok()
}
