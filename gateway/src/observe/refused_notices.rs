//! Refused notices, counted in the isolate until they are reported to the
//! merchant's book. A flood of them does not reach the book.

use super::labels::Rejection;
use crate::cache::forget_oldest;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};

/// Refused notices by merchant, counted in the isolate.
#[derive(Debug, Default)]
pub struct Refusals {
    merchants: RefCell<HashMap<String, Refused>>,
    /// When the next report is due; `None` while no count waits.
    due_at_ms: Cell<Option<i64>>,
}

#[derive(Debug, Default)]
struct Refused {
    reported_at_ms: i64,
    counts: BTreeMap<Rejection, i64>,
}

/// The time between two reports of an isolate to a book.
const REPORTS_APART_MS: i64 = 10_000;

/// Above this number of merchants, those reported longest ago are removed.
const MERCHANTS: usize = 4_096;

impl Refusals {
    /// Counts one; gives the counts to report, if a report is due.
    pub fn add(
        &self,
        id: &str,
        rejection: Rejection,
        now_ms: i64,
    ) -> Option<BTreeMap<Rejection, i64>> {
        let mut merchants = self.merchants.borrow_mut();
        if merchants.len() >= MERCHANTS && !merchants.contains_key(id) {
            forget_oldest(&mut merchants, |refused| refused.reported_at_ms);
        }
        let refused = merchants.entry(id.to_owned()).or_default();
        *refused.counts.entry(rejection).or_default() += 1;
        let since_ms = now_ms - refused.reported_at_ms;
        if (0..REPORTS_APART_MS).contains(&since_ms) {
            self.wait_until(refused.reported_at_ms + REPORTS_APART_MS);
            return None;
        }
        refused.reported_at_ms = now_ms;
        Some(std::mem::take(&mut refused.counts))
    }

    fn wait_until(&self, at_ms: i64) {
        let due_at_ms = self.due_at_ms.get().map_or(at_ms, |due| due.min(at_ms));
        self.due_at_ms.set(Some(due_at_ms));
    }

    /// A merchant with counts that are not reported, and these counts, if a
    /// report is due.
    pub fn take_due(&self, now_ms: i64) -> Option<(String, BTreeMap<Rejection, i64>)> {
        // A due time too far in the future comes from a clock that was changed.
        let due_at_ms = self.due_at_ms.get()?;
        if (1..=REPORTS_APART_MS).contains(&(due_at_ms - now_ms)) {
            return None;
        }
        let mut merchants = self.merchants.borrow_mut();
        let waiting = |(_, refused): &(&String, &mut Refused)| !refused.counts.is_empty();
        let mut all: Vec<_> = merchants.iter_mut().filter(waiting).collect();
        all.sort_by_key(|(_, refused)| refused.reported_at_ms);
        let next_ms = all
            .get(1)
            .map(|(_, next)| next.reported_at_ms + REPORTS_APART_MS);
        self.due_at_ms.set(next_ms);
        let (id, refused) = all.into_iter().next()?;
        refused.reported_at_ms = now_ms;
        Some((id.clone(), std::mem::take(&mut refused.counts)))
    }

    /// Keeps counts that could not be reported for the next report.
    pub fn put_back(&self, id: &str, counts: BTreeMap<Rejection, i64>) {
        let mut merchants = self.merchants.borrow_mut();
        let refused = merchants.entry(id.to_owned()).or_default();
        for (rejection, n) in counts {
            *refused.counts.entry(rejection).or_default() += n;
        }
        self.wait_until(refused.reported_at_ms + REPORTS_APART_MS);
    }
}
