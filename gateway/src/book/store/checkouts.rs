//! `checkouts( id, out_trade_no, json, untried_until_ms, listed )` and
//! `attempts( out_trade_no, checkout_id )`.

use super::{exists, text, texts};
use crate::runtime::{Storage, StorageError};

/// The checkout with this id.
pub(in crate::book) fn json(
    storage: &impl Storage,
    id: &str,
) -> Result<Option<String>, StorageError> {
    text(
        storage,
        "SELECT json FROM checkouts WHERE id = ?",
        &[id.into()],
    )
}

/// The checkout with the merchant's number.
pub(in crate::book) fn json_of_number(
    storage: &impl Storage,
    number: &str,
) -> Result<Option<String>, StorageError> {
    text(
        storage,
        "SELECT json FROM checkouts WHERE out_trade_no = ?",
        &[number.into()],
    )
}

/// The checkout that has made an attempt under this number.
pub(in crate::book) fn json_of_attempt(
    storage: &impl Storage,
    number: &str,
) -> Result<Option<String>, StorageError> {
    text(
        storage,
        "SELECT json FROM checkouts JOIN attempts ON attempts.checkout_id = id
         WHERE attempts.out_trade_no = ?",
        &[number.into()],
    )
}

/// The id of the checkout that has made an attempt under this number.
pub(in crate::book) fn id_of_attempt(
    storage: &impl Storage,
    number: &str,
) -> Result<Option<String>, StorageError> {
    text(
        storage,
        "SELECT checkout_id FROM attempts WHERE out_trade_no = ?",
        &[number.into()],
    )
}

/// Whether a number belongs to a checkout, or to an attempt of one.
pub(in crate::book) fn has_number(
    storage: &impl Storage,
    number: &str,
) -> Result<bool, StorageError> {
    exists(
        storage,
        "SELECT 1 FROM attempts WHERE out_trade_no = ?1
         UNION ALL SELECT 1 FROM checkouts WHERE out_trade_no = ?1",
        &[number.into()],
    )
}

/// A checkout without an attempt is removed after `untried_until_ms`.
pub(in crate::book) fn insert(
    storage: &impl Storage,
    id: &str,
    number: &str,
    json: &str,
    untried_until_ms: Option<i64>,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO checkouts(id, out_trade_no, json, untried_until_ms, listed)
         VALUES(?, ?, ?, ?, 1)",
        &[
            id.into(),
            number.into(),
            json.into(),
            untried_until_ms.into(),
        ],
    )?;
    Ok(())
}

pub(in crate::book) fn update(
    storage: &impl Storage,
    id: &str,
    json: &str,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE checkouts SET json = ? WHERE id = ?",
        &[json.into(), id.into()],
    )?;
    Ok(())
}

/// Stores that the checkout has taken this number for an attempt; from now on
/// the checkout is not removed.
pub(in crate::book) fn keep_attempt(
    storage: &impl Storage,
    id: &str,
    number: &str,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE checkouts SET untried_until_ms = NULL WHERE id = ?",
        &[id.into()],
    )?;
    storage.exec(
        "INSERT INTO attempts(out_trade_no, checkout_id) VALUES(?, ?)
         ON CONFLICT DO NOTHING",
        &[number.into(), id.into()],
    )?;
    Ok(())
}

/// Removes expired checkouts that have no attempt, the oldest first, with their
/// sales and holders.
pub(in crate::book) fn remove_untried(
    storage: &impl Storage,
    now_ms: i64,
    at_most: i64,
) -> Result<(), StorageError> {
    let gone = texts(
        storage,
        "DELETE FROM checkouts WHERE id IN (
            SELECT id FROM checkouts WHERE untried_until_ms <= ?
            ORDER BY untried_until_ms LIMIT ?)
         RETURNING id",
        &[now_ms.into(), at_most.into()],
    )?;
    for id in &gone {
        super::links::end_sale(storage, id)?;
    }
    Ok(())
}
