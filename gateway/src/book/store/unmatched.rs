//! `strays( transaction_id, json )`: payments and refunds of unknown
//! sub-merchants, by WeChat's number.

use super::all;
use crate::runtime::{Storage, StorageError};

/// A stored payment or refund.
pub(in crate::book) struct Unmatched {
    /// WeChat's number.
    pub(in crate::book) number: String,
    pub(in crate::book) json: String,
}

pub(in crate::book) fn keep(
    storage: &impl Storage,
    number: &str,
    json: &str,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO strays(transaction_id, json) VALUES(?, ?) ON CONFLICT DO NOTHING",
        &[number.into(), json.into()],
    )?;
    Ok(())
}

/// A hundred stored payments and refunds.
pub(in crate::book) fn list(storage: &impl Storage) -> Result<Vec<Unmatched>, StorageError> {
    all(
        storage,
        "SELECT transaction_id, json FROM strays LIMIT 100",
        &[],
        |row| {
            Ok(Unmatched {
                number: row.text(0)?.to_owned(),
                json: row.text(1)?.to_owned(),
            })
        },
    )
}
