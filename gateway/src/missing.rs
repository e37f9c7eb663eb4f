//! What was looked for and does not exist, remembered for some seconds in an
//! isolate: a flood of the same unknown names reaches no object.

use crate::limits::forget_oldest;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;

/// How long something that does not exist is not looked for again. What is
/// made meanwhile is found after that.
pub const MISSING_MS: i64 = 5_000;
/// Past so many, the oldest are forgotten.
const AT_MOST: usize = 4_096;

/// Names of what does not exist, with what was found instead.
#[derive(Debug)]
pub struct Missing<K, V>(RefCell<HashMap<K, (V, i64)>>);

impl<K, V> Default for Missing<K, V> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<K: Eq + Hash, V: Copy> Missing<K, V> {
    /// What was found instead, some seconds ago at most.
    pub fn get(&self, name: &K, now_ms: i64) -> Option<V> {
        let names = self.0.borrow();
        let (value, at_ms) = names.get(name)?;
        (0..MISSING_MS)
            .contains(&(now_ms - at_ms))
            .then_some(*value)
    }

    /// It does not exist now.
    pub fn put(&self, name: K, value: V, now_ms: i64) {
        let mut names = self.0.borrow_mut();
        if names.len() >= AT_MOST {
            forget_oldest(&mut names, |(_, at_ms)| *at_ms);
        }
        names.insert(name, (value, now_ms));
    }
}
