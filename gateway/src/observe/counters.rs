//! Counters: kept in memory while something runs, and added to the database
//! now and then.
//!
//! A name is `family:label[:label]`, or one word for what became of a notice;
//! `handlers/admin/operator.rs` says what each is called outside.

use crate::runtime::{Storage, StorageError, Value};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// What was counted and is not yet written down. A crash loses it: these are
/// numbers to watch, and the audit is what to believe.
#[derive(Debug, Default)]
pub struct Counters {
    counts: RefCell<BTreeMap<String, i64>>,
    written_at_ms: Cell<i64>,
}

/// Under load the counters are written down this far apart.
const APART_MS: i64 = 1_000;
/// A statement takes a hundred values on Cloudflare.
const AT_ONCE: usize = 40;

impl Counters {
    /// Once more.
    pub fn count(&self, name: &str) {
        self.add(name, 1);
    }

    /// So much more.
    pub fn add(&self, name: &str, by: i64) {
        let mut counts = self.counts.borrow_mut();
        match counts.get_mut(name) {
            Some(n) => *n += by,
            None => {
                counts.insert(name.to_owned(), by);
            }
        }
    }

    /// What is not written down.
    pub fn counts(&self) -> BTreeMap<String, i64> {
        self.counts.borrow().clone()
    }

    /// Whether something was counted that is not written down.
    pub fn is_new(&self) -> bool {
        !self.counts.borrow().is_empty()
    }

    /// Adds it to the database, if the last time was long enough ago.
    pub fn write(&self, storage: &impl Storage, now_ms: i64) -> Result<(), StorageError> {
        let since_ms = now_ms - self.written_at_ms.get();
        match (0..APART_MS).contains(&since_ms) {
            true => Ok(()),
            false => self.write_now(storage, now_ms),
        }
    }

    /// Adds it to the database.
    pub fn write_now(&self, storage: &impl Storage, now_ms: i64) -> Result<(), StorageError> {
        let counts: Vec<(String, i64)> = self.counts.take().into_iter().collect();
        self.written_at_ms.set(now_ms);
        for some in counts.chunks(AT_ONCE) {
            let rows = vec!["(?, ?)"; some.len()].join(", ");
            let args: Vec<Value> = some
                .iter()
                .flat_map(|(name, n)| [name.as_str().into(), (*n).into()])
                .collect();
            storage.exec(
                &format!(
                    "INSERT INTO counters(name, n) VALUES {rows}
                     ON CONFLICT(name) DO UPDATE SET n = n + excluded.n"
                ),
                &args,
            )?;
        }
        Ok(())
    }
}
