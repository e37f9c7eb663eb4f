//! Notices that were refused, counted in the isolate until the merchant's book
//! is told of them.

use crate::cache::forget_oldest;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};

/// Refused notices by merchant, counted in the isolate.
#[derive(Debug, Default)]
pub struct Refusals {
    merchants: RefCell<HashMap<String, Refused>>,
    /// No count can be told before this; `None` while none waits.
    due_at_ms: Cell<Option<i64>>,
}

#[derive(Debug, Default)]
struct Refused {
    told_at_ms: i64,
    counts: BTreeMap<String, i64>,
}

/// A book is told of refused notices this far apart, by each isolate.
const TOLD_APART_MS: i64 = 10_000;

/// Past so many merchants, those told longest ago are forgotten.
const MERCHANTS: usize = 4_096;

impl Refusals {
    /// Counts one; what the book is to count, if it is time to tell it.
    pub fn add(&self, id: &str, name: &str, now_ms: i64) -> Option<BTreeMap<String, i64>> {
        let mut merchants = self.merchants.borrow_mut();
        if merchants.len() >= MERCHANTS && !merchants.contains_key(id) {
            forget_oldest(&mut merchants, |refused| refused.told_at_ms);
        }
        let refused = merchants.entry(id.to_owned()).or_default();
        *refused.counts.entry(name.to_owned()).or_default() += 1;
        let since_ms = now_ms - refused.told_at_ms;
        if (0..TOLD_APART_MS).contains(&since_ms) {
            self.wait_until(refused.told_at_ms + TOLD_APART_MS);
            return None;
        }
        refused.told_at_ms = now_ms;
        Some(std::mem::take(&mut refused.counts))
    }

    fn wait_until(&self, at_ms: i64) {
        let due_at_ms = self.due_at_ms.get().map_or(at_ms, |due| due.min(at_ms));
        self.due_at_ms.set(Some(due_at_ms));
    }

    /// A merchant whose book was not told of its last refused notices, and what
    /// it is to count, if it is time to tell it.
    pub fn take_due(&self, now_ms: i64) -> Option<(String, BTreeMap<String, i64>)> {
        // A due time that is further away comes from a clock that was moved.
        let due_at_ms = self.due_at_ms.get()?;
        if (1..=TOLD_APART_MS).contains(&(due_at_ms - now_ms)) {
            return None;
        }
        let mut merchants = self.merchants.borrow_mut();
        let waiting = |(_, refused): &(&String, &mut Refused)| !refused.counts.is_empty();
        let mut all: Vec<_> = merchants.iter_mut().filter(waiting).collect();
        all.sort_by_key(|(_, refused)| refused.told_at_ms);
        let next_ms = all.get(1).map(|(_, next)| next.told_at_ms + TOLD_APART_MS);
        self.due_at_ms.set(next_ms);
        let (id, refused) = all.into_iter().next()?;
        refused.told_at_ms = now_ms;
        Some((id.clone(), std::mem::take(&mut refused.counts)))
    }

    /// Counts that could not be told wait for the next time.
    pub fn put_back(&self, id: &str, counts: BTreeMap<String, i64>) {
        let mut merchants = self.merchants.borrow_mut();
        let refused = merchants.entry(id.to_owned()).or_default();
        for (name, n) in counts {
            *refused.counts.entry(name).or_default() += n;
        }
        self.wait_until(refused.told_at_ms + TOLD_APART_MS);
    }
}
