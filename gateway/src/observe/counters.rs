//! Counters: kept in memory, and added to the object's database at intervals.
//!
//! A name is `family:label[:label]`, or one word for the verdict about a notice.
//! `handlers/admin/metrics.rs` has the name of each in `/metrics`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// Counts that are not in the database yet. A crash loses them: counters are
/// for monitoring, and the audit is the record.
#[derive(Debug, Default)]
pub struct Counters {
    counts: RefCell<BTreeMap<String, i64>>,
    written_at_ms: Cell<i64>,
}

/// The shortest time between two writes.
const APART_MS: i64 = 1_000;

impl Counters {
    /// Adds one.
    pub fn count(&self, name: &str) {
        self.add(name, 1);
    }

    /// Adds a number.
    pub fn add(&self, name: &str, by: i64) {
        let mut counts = self.counts.borrow_mut();
        match counts.get_mut(name) {
            Some(n) => *n += by,
            None => {
                counts.insert(name.to_owned(), by);
            }
        }
    }

    /// The counts that are not in the database yet.
    pub fn counts(&self) -> BTreeMap<String, i64> {
        self.counts.borrow().clone()
    }

    /// Whether there are counts that are not in the database yet.
    pub fn is_new(&self) -> bool {
        !self.counts.borrow().is_empty()
    }

    /// Takes the counts to write now: none, if the last write was too recent.
    pub fn take_due(&self, now_ms: i64) -> BTreeMap<String, i64> {
        let since_ms = now_ms - self.written_at_ms.get();
        match (0..APART_MS).contains(&since_ms) {
            true => BTreeMap::new(),
            false => self.take(now_ms),
        }
    }

    /// Takes the counts that are not written yet, to be written now.
    pub fn take(&self, now_ms: i64) -> BTreeMap<String, i64> {
        self.written_at_ms.set(now_ms);
        self.counts.take()
    }
}
