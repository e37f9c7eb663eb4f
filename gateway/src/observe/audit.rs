//! The audit: every change to money and to credentials, with the caller and the
//! evidence, stored in the object that was changed.
//!
//! ```text
//! audit( id, at_ms, subject, what, evidence, who, call, request_id )
//! ```
//!
//! A row is written in the transaction of its change. Rows are only ever
//! added: triggers in the database abort statements that would change or remove
//! one. No row holds a secret or an openid.

mod store;

pub use store::{
    PEOPLE_STATEMENTS, STATEMENTS, after, first, first_at_ms, first_request, read, take_over,
};

use crate::observe::{Log, RequestContext};
use crate::runtime::{Runtime, Storage, StorageError};
use serde::{Deserialize, Serialize};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The entry's number, which grows; no number is used twice.
    pub id: i64,
    /// When it was made, Unix milliseconds.
    pub at_ms: i64,
    /// What was changed: an order's, checkout's, link's or product's number,
    /// or a merchant's id.
    pub subject: String,
    /// The change.
    pub what: String,
    /// The evidence; empty for a change an authenticated call requested.
    pub evidence: String,
    /// The caller: see [`RequestContext::who`].
    pub who: String,
    /// The call or the timer that made the change.
    pub call: String,
    /// The request's id; a timer's is that of the request that made the order.
    pub request_id: String,
}

/// Which entries to read, newest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Page {
    /// Only entries about this subject.
    pub subject: Option<String>,
    /// Only entries of this person: `person` and the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// Only entries older than this one.
    pub before: Option<i64>,
    /// The most entries of the page.
    pub limit: i64,
}

/// Writes a change, inside its transaction, and logs it.
pub fn add(
    runtime: &impl Runtime,
    storage: &impl Storage,
    subject: &str,
    what: &str,
    evidence: &str,
) -> Result<(), StorageError> {
    add_with_text(runtime, storage, subject, what, "", evidence)
}

/// As [`add`]. The stored change ends with `text`, which a merchant wrote; the
/// log omits it.
pub fn add_with_text(
    runtime: &impl Runtime,
    storage: &impl Storage,
    subject: &str,
    what: &str,
    text: &str,
    evidence: &str,
) -> Result<(), StorageError> {
    let RequestContext {
        request_id,
        who,
        call,
        ..
    } = RequestContext::current();
    let entry = Entry {
        id: 0,
        at_ms: runtime.now_ms(),
        subject: subject.to_owned(),
        what: format!("{what}{text}"),
        evidence: evidence.to_owned(),
        who: who.to_string(),
        call,
        request_id,
    };
    store::insert(storage, &entry)?;
    let facts = [("about", subject.into()), ("evidence", evidence.into())];
    runtime.log_with(&facts, format_args!("{what}"));
    Ok(())
}
