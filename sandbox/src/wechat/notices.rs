//! Notices of payments and refunds, and their schedule, which is that of the
//! order's [`Dialect`]. Here v2's (WeChat Pay v2 manual, section 9.7):
//!
//! ```text
//! paid ─ 1st at once ─15s─ 2nd ─15s─ 3rd ─30s─ 4th ─180s─ … ─3600s─ 10th ─ given up
//!          └ answered in 5 s with HTTP 200 and return_code SUCCESS: acknowledged
//! ```
//!
//! Attempts follow the schedule, not the end of the attempt before. After a
//! jump of the sandbox's clock, all attempts that were due meanwhile are made,
//! in order.

use crate::table::{Change, Table};
use crate::wechat::dialect::{Dialect, NoticeSchedule};
use order::Payment;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use wechatpay::{ionline, v2, v3};

/// The time within which a receiver must answer.
pub const TIMEOUT_MS: u32 = 5000;

/// An attempt without an outcome after this time counts as never made: the
/// process stopped while it was in flight.
const LOST_AFTER_MS: i64 = 10_000;

/// How much of an answer is kept for the log.
const EXCERPT_CHARACTERS: usize = 500;

/// A notice to POST now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The id to pass back with the outcome.
    pub id: String,
    /// The order's `notify_url`.
    pub url: String,
    /// Names and values, the content type among them.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// The outcome of an attempt.
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

/// A notice's content and destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Letter {
    /// The merchant that receives it.
    pub(crate) mch_id: String,
    /// The order that it is about.
    pub(crate) out_trade_no: String,
    /// The URL that it is sent to.
    pub(crate) url: String,
    /// The dialect, which decides the schedule and the acknowledgement.
    pub(crate) dialect: Dialect,
    /// The merchant's schedule for v2 when the notice was made.
    #[serde(default)]
    pub(crate) schedule: NoticeSchedule,
    pub(crate) content: Content,
}

/// The content of a notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Content {
    /// Every attempt sends these bytes (v2, iOnline).
    Ready { content_type: String, body: String },
    /// APIv3: encrypted and signed again for every attempt.
    Event {
        /// `EV-…`, the same in every attempt.
        id: String,
        /// When it happened.
        created_ms: i64,
        #[serde(rename = "told")]
        subject: NoticeSubject,
    },
}

/// The subject of an APIv3 notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NoticeSubject {
    Paid(Box<Payment>),
    /// The key of a refund that has ended.
    Refunded(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notice {
    id: String,
    pub(crate) letter: Letter,
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
    /// How many attempts were made.
    pub(crate) fn attempts_made(&self) -> usize {
        self.attempts.len()
    }

    fn to_json(&self) -> Value {
        let Letter {
            mch_id,
            out_trade_no,
            url,
            dialect,
            content,
            ..
        } = &self.letter;
        // Shown unencrypted.
        let body = match content {
            Content::Ready { body, .. } => json!(body),
            Content::Event { subject, .. } => json!(subject),
        };
        json!({
            "id": self.id,
            "mch_id": mch_id,
            "out_trade_no": out_trade_no,
            "url": url,
            "dialect": dialect.name(),
            "body": body,
            "acknowledged": self.acknowledged,
            "next_ms": self.next_ms,
            "attempts": self.attempts,
        })
    }
}

/// All notices, and the queue of those that are due. Times are on the sandbox's
/// clock.
#[derive(Clone, Debug)]
pub(crate) struct Notices {
    table: Table<Notice>,
    queue: BTreeSet<(i64, String)>,
    /// Attempts in flight, and since when. Kept in memory only: after a restart
    /// they are due again.
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

    /// Builds the index. Call it once, after every row is loaded.
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

    /// A new notice, due at `due_ms`.
    pub(crate) fn add(&mut self, id: String, letter: Letter, due_ms: i64) {
        self.queue.insert((due_ms, id.clone()));
        let notice = Notice {
            id: id.clone(),
            letter,
            attempts: Vec::new(),
            next_ms: Some(due_ms),
            acknowledged: false,
        };
        self.table.insert(&id, notice);
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Notice> {
        self.table.get(id)
    }

    /// When a notice is due, or an attempt in flight counts as lost.
    pub(crate) fn next_due_ms(&self) -> Option<i64> {
        self.queue
            .iter()
            .map(|(due_ms, id)| match self.under_way.get(id) {
                Some(since_ms) => since_ms.saturating_add(LOST_AFTER_MS),
                None => *due_ms,
            })
            .min()
    }

    /// The ids of the notices to send now. Each is returned once.
    pub(crate) fn due(&mut self, now_ms: i64) -> Vec<String> {
        self.under_way
            .retain(|_, since_ms| now_ms < since_ms.saturating_add(LOST_AFTER_MS));
        let due: Vec<String> = self
            .queue
            .iter()
            .take_while(|(due_ms, _)| *due_ms <= now_ms)
            .filter(|(_, id)| !self.under_way.contains_key(id))
            .map(|(_, id)| id.clone())
            .collect();
        self.under_way
            .extend(due.iter().map(|id| (id.clone(), now_ms)));
        due
    }

    pub(crate) fn sent(&mut self, id: &str, outcome: &Outcome, now_ms: i64) {
        self.under_way.remove(id);
        let Some(notice) = self.table.get_mut(id) else {
            return;
        };
        // This is a second outcome, of an attempt that had counted as lost.
        let Some(due_ms) = notice.next_ms else {
            return;
        };
        self.queue.remove(&(due_ms, id.to_owned()));
        let (status, answer) = match outcome {
            Outcome::Answered { status, body } => (Some(*status), excerpt(body)),
            Outcome::Failed(why) => (None, excerpt(why.as_bytes())),
        };
        let dialect = notice.letter.dialect;
        let acknowledged = is_acknowledged(dialect, outcome);
        notice.attempts.push(Attempt {
            due_ms,
            done_ms: now_ms,
            status,
            answer,
            acknowledged,
        });
        notice.acknowledged = acknowledged;
        let pauses = dialect.retry_seconds(notice.letter.schedule);
        let pause = pauses.get(notice.attempts.len() - 1);
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

/// Whether an outcome acknowledges a notice: for v2, HTTP 200 and XML whose
/// `return_code` is `SUCCESS`; for APIv3, HTTP 200 or 204; for iOnline, the
/// word `success` alone.
fn is_acknowledged(dialect: Dialect, outcome: &Outcome) -> bool {
    match (dialect, outcome) {
        (Dialect::V2 { .. }, Outcome::Answered { status: 200, body }) => v2::notify::is_ack(body),
        (Dialect::V3Global | Dialect::V3Mainland, Outcome::Answered { status, .. }) => {
            v3::notify::is_ack(*status)
        }
        (Dialect::Ionline, Outcome::Answered { status: 200, body }) => {
            ionline::notify::is_ack(body)
        }
        _ => false,
    }
}

fn excerpt(body: &[u8]) -> String {
    String::from_utf8_lossy(body)
        .chars()
        .take(EXCERPT_CHARACTERS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wechatpay::common::SignType;

    const OK: &str = "<xml><return_code><![CDATA[SUCCESS]]></return_code></xml>";
    const V2: Dialect = Dialect::V2 {
        sign_type: SignType::Md5,
    };

    fn answered(status: u16, body: &str) -> Outcome {
        Outcome::Answered {
            status,
            body: body.into(),
        }
    }

    fn one_notice() -> Notices {
        let mut notices = Notices::new();
        let letter = Letter {
            mch_id: "m".into(),
            out_trade_no: "o".into(),
            url: "http://x/".into(),
            dialect: Dialect::V2 {
                sign_type: SignType::Md5,
            },
            schedule: NoticeSchedule::Manual,
            content: Content::Ready {
                content_type: "text/xml".into(),
                body: "<xml/>".into(),
            },
        };
        notices.add("1".into(), letter, 0);
        notices
    }

    #[test]
    fn the_schedule_is_that_of_section_9_7() {
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
    fn an_attempt_without_an_outcome_is_repeated() {
        let mut notices = one_notice();
        notices.due(0);
        assert_eq!(notices.next_due_ms(), Some(10_000));
        assert!(notices.due(9_999).is_empty());
        assert_eq!(notices.due(10_000).len(), 1);
        notices.sent("1", &answered(200, OK), 10_001);
        notices.sent("1", &answered(500, ""), 10_002);
        assert_eq!(notices.next_due_ms(), None);
    }

    #[test]
    fn answers_that_acknowledge_a_notice() {
        const SPREAD: &str = "<xml>\n<return_code>SUCCESS</return_code>\n</xml>";
        const FAIL: &str = "<xml><return_code>FAIL</return_code></xml>";
        for (outcome, v2, v3, ionline) in [
            (answered(200, OK), true, true, false),
            (answered(200, SPREAD), true, true, false),
            (answered(204, ""), false, true, false),
            (answered(200, ""), false, true, false),
            (answered(202, "success"), false, false, false),
            (answered(500, OK), false, false, false),
            (answered(200, "success"), false, true, true),
            (answered(200, "success\n"), false, true, true),
            (answered(200, "SUCCESS"), false, true, true),
            (answered(200, FAIL), false, true, false),
            (answered(302, "success"), false, false, false),
            (Outcome::Failed("time-out".into()), false, false, false),
        ] {
            let got = [V2, Dialect::V3Global, Dialect::V3Mainland, Dialect::Ionline]
                .map(|dialect| is_acknowledged(dialect, &outcome));
            assert_eq!(got, [v2, v3, v3, ionline], "{outcome:?}");
        }
    }
}
