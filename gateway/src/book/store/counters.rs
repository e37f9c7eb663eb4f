//! `counters( name, n )`: how often each thing happened.

use crate::runtime::{Storage, StorageError, Value};
use std::collections::BTreeMap;

/// How many counters one statement writes; Cloudflare binds at most a hundred
/// values.
const AT_ONCE: usize = 40;

/// Adds to the counters.
pub(in crate::book) fn add(
    storage: &impl Storage,
    counts: &BTreeMap<String, i64>,
) -> Result<(), StorageError> {
    let counts: Vec<(&String, &i64)> = counts.iter().collect();
    for some in counts.chunks(AT_ONCE) {
        let rows = vec!["(?, ?)"; some.len()].join(", ");
        let args: Vec<Value> = some
            .iter()
            .flat_map(|(name, n)| [name.as_str().into(), (**n).into()])
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

pub(in crate::book) fn read(storage: &impl Storage) -> Result<BTreeMap<String, i64>, StorageError> {
    let counters = super::all(storage, "SELECT name, n FROM counters", &[], |row| {
        Ok((row.text(0)?.to_owned(), row.int(1)?))
    })?;
    Ok(counters.into_iter().collect())
}
