//! Tables of rows that track changes, so that only changed rows are written.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};

/// Rows of one type, by key. The stored form of a row is `<table>/<key>` →
/// JSON.
#[derive(Clone, Debug)]
pub(crate) struct Table<T> {
    name: &'static str,
    rows: BTreeMap<String, T>,
    changed: BTreeSet<String>,
}

/// A row to write, or with `None` to delete.
pub type Change = (String, Option<String>);

impl<T: Serialize + DeserializeOwned> Table<T> {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            rows: BTreeMap::new(),
            changed: BTreeSet::new(),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&T> {
        self.rows.get(key)
    }

    /// Returns a row for writing; it counts as changed.
    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut T> {
        let row = self.rows.get_mut(key)?;
        self.changed.insert(key.to_owned());
        Some(row)
    }

    pub(crate) fn insert(&mut self, key: &str, row: T) {
        self.rows.insert(key.to_owned(), row);
        self.changed.insert(key.to_owned());
    }

    pub(crate) fn remove(&mut self, key: &str) {
        if self.rows.remove(key).is_some() {
            self.changed.insert(key.to_owned());
        }
    }

    /// Removes every row that `keep` refuses.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        let gone: Vec<String> = self
            .rows
            .iter()
            .filter(|(_, row)| !keep(row))
            .map(|(key, _)| key.clone())
            .collect();
        for key in gone {
            self.remove(&key);
        }
    }

    pub(crate) fn values(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.rows.values()
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &T)> {
        self.rows.iter().map(|(key, row)| (key.as_str(), row))
    }

    /// Deletes all rows except the last ones, by key.
    pub(crate) fn keep_newest(&mut self, count: usize) {
        let oldest: Vec<String> = self.rows.keys().rev().skip(count).cloned().collect();
        for key in oldest {
            self.remove(&key);
        }
    }

    /// Loads a stored row. `Ok(false)` if it belongs to another table.
    pub(crate) fn load(&mut self, key: &str, json: &str) -> Result<bool, serde_json::Error> {
        let Some(key) = key
            .strip_prefix(self.name)
            .and_then(|rest| rest.strip_prefix('/'))
        else {
            return Ok(false);
        };
        self.rows
            .insert(key.to_owned(), serde_json::from_str(json)?);
        Ok(true)
    }

    /// The keys of the rows that changed since the last call.
    pub(crate) fn take_changed_keys(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.changed)
    }

    /// Appends the rows that changed since the last call.
    pub(crate) fn take_changes(&mut self, into: &mut Vec<Change>) {
        for key in std::mem::take(&mut self.changed) {
            // Rows are plain data: strings, numbers and lists of them, which
            // always have a JSON form.
            let json = self
                .rows
                .get(&key)
                .and_then(|row| serde_json::to_string(row).ok());
            into.push((format!("{}/{key}", self.name), json));
        }
    }
}
