//! The commands to the board: what each carries and what the board replies. The
//! JSON is a contract between versions of the program that run at the same time.

use super::{Page, Report, Totals};
use serde::{Deserialize, Serialize};

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
