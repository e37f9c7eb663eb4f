//! What books report to the board, and what an operator reads from it: the
//! commands to the board and its replies.
//!
//! ```text
//! book ───── Report { merchant, numbers, … } ─▶ board
//! operator ─ ListAlarms, ListNumbers, SumUp ──▶ board ── Page, Totals ─▶ operator
//! ```
//!
//! Books and the board both import these types; books do not import the board,
//! which calls them. The JSON is a contract between versions of the program that
//! run at the same time.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The time between two reports of a book about changed numbers.
pub(crate) const APART_MS: i64 = 120_000;
/// The time after which a failed report is sent again.
pub(crate) const AGAIN_MS: i64 = 60_000;
/// How long a book waits for the board's answer: a caller may be waiting for
/// the book.
pub(crate) const PATIENCE_MS: u32 = 2_000;

/// A book's report.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// The merchant that the book belongs to.
    pub merchant: String,
    /// When the report was made, by the book's clock, Unix milliseconds.
    pub at_ms: i64,
    /// The book's earliest timer.
    pub due_ms: Option<i64>,
    /// The book's numbers and alarms.
    pub numbers: Numbers,
}

/// What an operator watches of one merchant.
#[derive(Debug, Serialize, Deserialize)]
pub struct Numbers {
    /// How often each event happened; see `handlers/admin/metrics.rs`.
    pub counters: BTreeMap<String, i64>,
    /// Orders with a timer: open, or with a refund in progress.
    pub orders_waiting: i64,
    /// Deliveries that are not yet acknowledged.
    pub deliveries_waiting: i64,
    /// How long ago the earliest timer was due, in milliseconds.
    #[serde(default)]
    pub overdue_ms: i64,
    /// The size of the object's database, in bytes.
    #[serde(default)]
    pub storage_bytes: i64,
    /// The latest hundred alarms.
    pub alarms: Vec<Raised>,
    /// How many alarms there are of each name.
    #[serde(default)]
    pub standing: BTreeMap<String, i64>,
}

/// A condition that needs an operator.
#[derive(Debug, Serialize, Deserialize)]
pub struct Raised {
    /// The alarm's name: [`Alarm::name`](crate::observe::alarm::Alarm::name).
    pub name: String,
    /// What has happened.
    pub says: String,
    /// What to do about it.
    pub to_do: String,
    /// The order, refund or sub-merchant; of a certificate, the merchant id
    /// (v2) or serial number (v3) that it belongs to.
    pub subject: String,
    /// How often it was raised.
    pub times: i64,
    /// When it was raised last, Unix milliseconds.
    pub last_at_ms: i64,
}

/// A merchant's book, by its latest report.
#[derive(Debug, Serialize, Deserialize)]
pub struct BookStatus {
    /// The merchant that the book belongs to.
    pub merchant: String,
    /// Its numbers; `None` where it has not reported yet, or where this version
    /// cannot read the report.
    pub numbers: Option<Numbers>,
    /// When it reported, Unix milliseconds; 0 where it has not yet.
    pub at_ms: i64,
    /// How long ago its timer was due, if it is silent.
    pub silent_ms: i64,
}

/// Some merchants, by id.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Page {
    /// The merchants.
    pub merchants: Vec<BookStatus>,
    /// The merchant after which the next page begins, if there is one.
    pub next: Option<String>,
}

/// Sums over all merchants.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Merchants that are on the board.
    pub merchants: i64,
    /// Open alarms, by name.
    pub alarms: BTreeMap<String, i64>,
    /// The number of silent books.
    pub silent: i64,
    /// The books that have been silent for longest.
    pub silent_longest: Vec<String>,
}

/// A command to the board.
pub trait Command {
    /// What the board replies.
    type Reply;

    /// The command in the form in which it is sent.
    fn into_call(self) -> Call;

    /// The reply in the board's answer; `None` where the answer belongs to
    /// another command.
    fn reply(answer: Answer) -> Option<Self::Reply>;
}

/// A command as it is sent.
#[derive(Debug, Serialize, Deserialize)]
pub enum Call {
    /// Store a book's report.
    Report(Box<Report>),
    /// Return merchants with alarms, by id.
    Alarms(ListAlarms),
    /// Return merchants, by id.
    Numbers(ListNumbers),
    /// Return sums over all merchants.
    Totals,
    /// Do nothing: an object that is called is opened, which sets its alarm.
    Wake,
}

/// A reply as it is sent.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// The command is executed.
    Done,
    /// Some merchants.
    Page(Page),
    /// Sums.
    Totals(Totals),
    /// The database refused a statement; the operator's log has the reason.
    Broken,
}

/// Returns merchants with alarms, by id.
#[derive(Debug, Serialize, Deserialize)]
pub struct ListAlarms {
    /// The id after which the page begins.
    pub after: String,
}

/// Returns merchants, by id.
#[derive(Debug, Serialize, Deserialize)]
pub struct ListNumbers {
    /// The id after which the page begins.
    pub after: String,
    /// The most merchants of the page.
    pub limit: i64,
}

/// Returns sums over all merchants.
#[derive(Debug)]
pub struct SumUp;

/// Opens the object, which sets its alarm.
#[derive(Debug)]
pub struct Wake;

impl Command for Box<Report> {
    type Reply = ();

    fn into_call(self) -> Call {
        Call::Report(self)
    }

    fn reply(answer: Answer) -> Option<()> {
        done(&answer)
    }
}

impl Command for ListAlarms {
    type Reply = Page;

    fn into_call(self) -> Call {
        Call::Alarms(self)
    }

    fn reply(answer: Answer) -> Option<Page> {
        page(answer)
    }
}

impl Command for ListNumbers {
    type Reply = Page;

    fn into_call(self) -> Call {
        Call::Numbers(self)
    }

    fn reply(answer: Answer) -> Option<Page> {
        page(answer)
    }
}

impl Command for SumUp {
    type Reply = Totals;

    fn into_call(self) -> Call {
        Call::Totals
    }

    fn reply(answer: Answer) -> Option<Totals> {
        match answer {
            Answer::Totals(totals) => Some(totals),
            _ => None,
        }
    }
}

impl Command for Wake {
    type Reply = ();

    fn into_call(self) -> Call {
        Call::Wake
    }

    fn reply(answer: Answer) -> Option<()> {
        done(&answer)
    }
}

fn done(answer: &Answer) -> Option<()> {
    matches!(answer, Answer::Done).then_some(())
}

fn page(answer: Answer) -> Option<Page> {
    match answer {
        Answer::Page(page) => Some(page),
        _ => None,
    }
}
