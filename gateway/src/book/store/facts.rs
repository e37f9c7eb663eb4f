//! `facts( name, text )`: single values of the book. The number of the last
//! migration is there too.

use crate::runtime::{Storage, StorageError};
use crate::store;

/// The kind of a value. The names are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::book) enum Fact {
    /// The id of the merchant that the book belongs to.
    Merchant,
    /// The calls that are paused, as JSON; see `upstream/backoff.rs`.
    Backoff,
    /// The state of the reports to the board, as JSON.
    Reporting,
    /// `1` where WeChat's notices arrive, and `0` where they do not.
    NoticesCome,
    /// The alarm about the object's size that was raised last, in percent.
    FillingPercent,
}

impl Fact {
    const fn name(self) -> &'static str {
        match self {
            Self::Merchant => "merchant",
            Self::Backoff => "backoff",
            Self::Reporting => "reporting",
            Self::NoticesCome => "notices_come",
            Self::FillingPercent => "filling_percent",
        }
    }
}

pub(in crate::book) fn get(
    storage: &impl Storage,
    fact: Fact,
) -> Result<Option<String>, StorageError> {
    store::fact(storage, fact.name())
}

pub(in crate::book) fn set(
    storage: &impl Storage,
    fact: Fact,
    text: &str,
) -> Result<(), StorageError> {
    store::set_fact(storage, fact.name(), text)
}

/// Writes a value that is not stored yet; a stored one stays.
pub(in crate::book) fn set_once(
    storage: &impl Storage,
    fact: Fact,
    text: &str,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO facts(name, text) VALUES(?, ?) ON CONFLICT DO NOTHING",
        &[fact.name().into(), text.into()],
    )?;
    Ok(())
}
