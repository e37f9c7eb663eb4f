//! Payment notices and their schedule (seed 002, section 9.7).
//!
//! ```text
//! paid ─ 1st at once ─15s─ 2nd ─15s─ 3rd ─30s─ 4th ─180s─ … ─3600s─ 10th ─ given up
//!          └ answered in 5 s with HTTP 200 and return_code SUCCESS: acknowledged
//! ```
//!
//! The attempts keep to the schedule and not to when the attempt before came
//! back, so that after a jump of the sandbox's clock all that would have
//! happened meanwhile happens, in order.

use crate::table::{Change, Table};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use wechatpay::v2::notify::{RETRY_SECONDS, is_ack};

/// How long a receiver has to answer.
pub const TIMEOUT_MS: u32 = 5000;

/// After this long without an outcome, an attempt counts as never made: the
/// process was stopped while it was under way.
const LOST_AFTER_MS: i64 = 10_000;

/// How much of an answer is kept for the log.
const EXCERPT_CHARACTERS: usize = 500;

/// A notice to POST now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Hand it back with the outcome.
    pub id: String,
    /// The order's `notify_url`.
    pub url: String,
    /// Signed XML; send it as `text/xml`.
    pub body: String,
}

/// What came of a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver answered.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: Vec<u8>,
    },
    /// There was no answer: no connection, or not within [`TIMEOUT_MS`].
    Failed(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notice {
    pub(crate) id: String,
    pub(crate) mch_id: String,
    pub(crate) out_trade_no: String,
    url: String,
    body: String,
    attempts: Vec<Attempt>,
    /// When the next attempt is due; `None` when acknowledged or given up.
    next_ms: Option<i64>,
    acknowledged: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Attempt {
    due_ms: i64,
    done_ms: i64,
    status: Option<u16>,
    answer: String,
    acknowledged: bool,
}

impl Notice {
    fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "mch_id": self.mch_id,
            "out_trade_no": self.out_trade_no,
            "url": self.url,
            "body": self.body,
            "acknowledged": self.acknowledged,
            "next_ms": self.next_ms,
            "attempts": self.attempts,
        })
    }
}

/// Every notice, and the order in which they fall due. Times are the
/// sandbox's.
#[derive(Debug)]
pub(crate) struct Notices {
    table: Table<Notice>,
    queue: BTreeSet<(i64, String)>,
    /// Handed out and not yet back, and since when. Kept in memory only: what
    /// a stopped process had under way is due again.
    under_way: BTreeMap<String, i64>,
}

impl Notices {
    pub(crate) fn new() -> Self {
        Self {
            table: Table::new("notice"),
            queue: BTreeSet::new(),
            under_way: BTreeMap::new(),
        }
    }

    pub(crate) fn load(&mut self, key: &str, json: &str) -> Result<bool, serde_json::Error> {
        self.table.load(key, json)
    }

    /// To be called once, when every row is loaded.
    pub(crate) fn index(&mut self) {
        self.queue = self
            .table
            .values()
            .filter_map(|notice| Some((notice.next_ms?, notice.id.clone())))
            .collect();
    }

    pub(crate) fn take_changes(&mut self, into: &mut Vec<Change>) {
        self.table.take_changes(into);
    }

    pub(crate) fn clear(&mut self) {
        self.table.retain(|_| false);
        self.queue.clear();
        self.under_way.clear();
    }

    /// A new notice, due at once.
    pub(crate) fn add(
        &mut self,
        id: String,
        (mch_id, out_trade_no): (&str, &str),
        url: &str,
        body: String,
        now_ms: i64,
    ) {
        self.queue.insert((now_ms, id.clone()));
        let notice = Notice {
            id: id.clone(),
            mch_id: mch_id.to_owned(),
            out_trade_no: out_trade_no.to_owned(),
            url: url.to_owned(),
            body,
            attempts: Vec::new(),
            next_ms: Some(now_ms),
            acknowledged: false,
        };
        self.table.insert(&id, notice);
    }

    /// When [`due`](Self::due) has something to hand out, or something under
    /// way counts as lost.
    pub(crate) fn next_due_ms(&self) -> Option<i64> {
        self.queue
            .iter()
            .map(|(due_ms, id)| match self.under_way.get(id) {
                Some(since_ms) => since_ms.saturating_add(LOST_AFTER_MS),
                None => *due_ms,
            })
            .min()
    }

    pub(crate) fn due(&mut self, now_ms: i64) -> Vec<Outgoing> {
        self.under_way
            .retain(|_, since_ms| now_ms < since_ms.saturating_add(LOST_AFTER_MS));
        let due: Vec<String> = self
            .queue
            .iter()
            .take_while(|(due_ms, _)| *due_ms <= now_ms)
            .filter(|(_, id)| !self.under_way.contains_key(id))
            .map(|(_, id)| id.clone())
            .collect();
        due.into_iter()
            .filter_map(|id| {
                let notice = self.table.get(&id)?;
                let outgoing = Outgoing {
                    id: id.clone(),
                    url: notice.url.clone(),
                    body: notice.body.clone(),
                };
                self.under_way.insert(id, now_ms);
                Some(outgoing)
            })
            .collect()
    }

    pub(crate) fn sent(&mut self, id: &str, outcome: &Outcome, now_ms: i64) {
        self.under_way.remove(id);
        let Some(notice) = self.table.get_mut(id) else {
            return;
        };
        // A second outcome of an attempt that counted as lost.
        let Some(due_ms) = notice.next_ms else {
            return;
        };
        self.queue.remove(&(due_ms, id.to_owned()));
        let (status, answer) = match outcome {
            Outcome::Answered { status, body } => (Some(*status), excerpt(body)),
            Outcome::Failed(why) => (None, excerpt(why.as_bytes())),
        };
        let acknowledged = is_acknowledgement(outcome);
        notice.attempts.push(Attempt {
            due_ms,
            done_ms: now_ms,
            status,
            answer,
            acknowledged,
        });
        notice.acknowledged = acknowledged;
        let pause = RETRY_SECONDS.get(notice.attempts.len() - 1);
        notice.next_ms = match pause {
            Some(seconds) if !acknowledged => Some(due_ms + i64::from(*seconds) * 1000),
            _ => None,
        };
        if let Some(next_ms) = notice.next_ms {
            self.queue.insert((next_ms, id.to_owned()));
        }
    }

    /// The log, newest first.
    pub(crate) fn to_json(&self, keep: impl Fn(&Notice) -> bool) -> Vec<Value> {
        self.table
            .values()
            .rev()
            .filter(|notice| keep(notice))
            .map(Notice::to_json)
            .collect()
    }
}

fn excerpt(body: &[u8]) -> String {
    String::from_utf8_lossy(body)
        .chars()
        .take(EXCERPT_CHARACTERS)
        .collect()
}

/// HTTP 200 and XML whose `return_code` is `SUCCESS`; anything else is no
/// acknowledgement.
fn is_acknowledgement(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Answered { status: 200, body } if is_ack(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: &str = "<xml><return_code><![CDATA[SUCCESS]]></return_code></xml>";

    fn answered(status: u16, body: &str) -> Outcome {
        Outcome::Answered {
            status,
            body: body.into(),
        }
    }

    fn one_notice() -> Notices {
        let mut notices = Notices::new();
        notices.add("1".into(), ("m", "o"), "http://x/", "<xml/>".into(), 0);
        notices
    }

    #[test]
    fn the_schedule_is_section_9_7s() {
        let mut notices = one_notice();
        let mut at = Vec::new();
        while let Some(due_ms) = notices.next_due_ms() {
            assert!(notices.due(due_ms - 1).is_empty());
            assert_eq!(notices.due(due_ms).len(), 1);
            assert!(notices.due(due_ms).is_empty(), "it is under way");
            notices.sent("1", &answered(500, ""), due_ms + 3);
            at.push(due_ms / 1000);
        }
        assert_eq!(at, [0, 15, 30, 60, 240, 2040, 3840, 5640, 7440, 11040]);
    }

    #[test]
    fn what_acknowledges() {
        for (outcome, acknowledges) in [
            (answered(200, OK), true),
            (
                answered(200, "<xml>\n<return_code>SUCCESS</return_code>\n</xml>"),
                true,
            ),
            (answered(204, ""), false),
            (answered(500, OK), false),
            (answered(200, "success"), false),
            (answered(200, "SUCCESS"), false),
            (
                answered(200, "<xml><return_code>FAIL</return_code></xml>"),
                false,
            ),
            (answered(200, "{\"code\":\"SUCCESS\"}"), false),
            (Outcome::Failed("time-out".into()), false),
        ] {
            assert_eq!(is_acknowledgement(&outcome), acknowledges, "{outcome:?}");
            let mut notices = one_notice();
            notices.due(0);
            notices.sent("1", &outcome, 5);
            assert_eq!(notices.next_due_ms().is_none(), acknowledges);
        }
    }

    #[test]
    fn an_attempt_without_outcome_is_made_again() {
        let mut notices = one_notice();
        notices.due(0);
        assert_eq!(notices.next_due_ms(), Some(10_000));
        assert!(notices.due(9_999).is_empty());
        assert_eq!(notices.due(10_000).len(), 1);
        notices.sent("1", &answered(200, OK), 10_001);
        notices.sent("1", &answered(500, ""), 10_002);
        assert_eq!(notices.next_due_ms(), None);
    }
}
