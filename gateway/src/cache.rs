//! Bounded caches of an isolate: names that do not exist, cached for some
//! seconds so that a flood of them reaches no object, and the rule by which the
//! oldest entries of any map are removed.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;

/// How long a name that does not exist is not looked up again. If it is made in
/// the meantime, it is found afterwards.
pub const MISSING_MS: i64 = 5_000;
/// Above this number the oldest are removed.
const AT_MOST: usize = 4_096;

/// Names that do not exist, with the result of their lookup.
#[derive(Debug)]
pub struct Missing<K, V>(RefCell<HashMap<K, (V, i64)>>);

impl<K, V> Default for Missing<K, V> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<K: Eq + Hash, V: Copy> Missing<K, V> {
    /// The result of the lookup, if it was made within [`MISSING_MS`].
    pub fn get(&self, name: &K, now_ms: i64) -> Option<V> {
        let names = self.0.borrow();
        let (value, at_ms) = names.get(name)?;
        (0..MISSING_MS)
            .contains(&(now_ms - at_ms))
            .then_some(*value)
    }

    /// Records that this name does not exist.
    pub fn put(&self, name: K, value: V, now_ms: i64) {
        let mut names = self.0.borrow_mut();
        if names.len() >= AT_MOST {
            forget_oldest(&mut names, |(_, at_ms)| *at_ms);
        }
        names.insert(name, (value, now_ms));
    }
}

/// Removes the eighth that was used longest ago. Removing all entries at once
/// would give every client new tokens, and a client that uses many names could
/// cause that.
pub fn forget_oldest<K: Eq + Hash, V>(map: &mut HashMap<K, V>, used_at_ms: impl Fn(&V) -> i64) {
    let mut moments: Vec<i64> = map.values().map(&used_at_ms).collect();
    let last = moments.len() / 8;
    if last >= moments.len() {
        return;
    }
    let (_, latest, _) = moments.select_nth_unstable(last);
    let latest = *latest;
    let mut left = last + 1;
    // Those before that time first, so that equal ones fill the rest.
    map.retain(|_, value| {
        let goes = used_at_ms(value) < latest;
        left -= usize::from(goes);
        !goes
    });
    map.retain(|_, value| {
        let goes = left > 0 && used_at_ms(value) == latest;
        left -= usize::from(goes);
        !goes
    });
}
