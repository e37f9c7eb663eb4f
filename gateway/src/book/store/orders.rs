//! `orders( out_trade_no, json, due_at_ms, listed )` and
//! `transactions( transaction_id, out_trade_no )`.

use super::{integer, text};
use crate::runtime::{Storage, StorageError, Value};

/// The change of the order's one timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::book) enum Timer {
    /// The timer stays.
    Keep,
    /// The timer is set to this time, Unix milliseconds.
    Set(i64),
    /// The timer is removed.
    Clear,
}

impl Timer {
    const fn due_at_ms(self) -> Option<i64> {
        match self {
            Self::Set(at_ms) => Some(at_ms),
            Self::Keep | Self::Clear => None,
        }
    }
}

pub(in crate::book) fn json(
    storage: &impl Storage,
    number: &str,
) -> Result<Option<String>, StorageError> {
    text(
        storage,
        "SELECT json FROM orders WHERE out_trade_no = ?",
        &[number.into()],
    )
}

pub(in crate::book) fn insert(
    storage: &impl Storage,
    number: &str,
    json: &str,
    timer: Timer,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO orders(out_trade_no, json, due_at_ms, listed) VALUES(?, ?, ?, 1)",
        &[number.into(), json.into(), timer.due_at_ms().into()],
    )?;
    Ok(())
}

/// Writes a changed order. `listed` changes too, so that a trigger notices a
/// write of an earlier version, which does not change it.
pub(in crate::book) fn update(
    storage: &impl Storage,
    number: &str,
    json: &str,
    timer: Timer,
) -> Result<(), StorageError> {
    let mut set = "UPDATE orders SET json = ?1, listed = coalesce(1 - listed, 1)".to_owned();
    let mut args: Vec<Value> = vec![json.into(), number.into()];
    if timer != Timer::Keep {
        set.push_str(", due_at_ms = ?3");
        args.push(timer.due_at_ms().into());
    }
    storage.exec(&format!("{set} WHERE out_trade_no = ?2"), &args)?;
    Ok(())
}

/// The number of the order whose timer has been due longest.
pub(in crate::book) fn longest_due(
    storage: &impl Storage,
    now_ms: i64,
) -> Result<Option<String>, StorageError> {
    text(
        storage,
        "SELECT out_trade_no FROM orders WHERE due_at_ms <= ?
         ORDER BY due_at_ms LIMIT 1",
        &[now_ms.into()],
    )
}

/// Moves an order's timer without reading the order.
pub(in crate::book) fn move_timer(
    storage: &impl Storage,
    number: &str,
    at_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE orders SET due_at_ms = ? WHERE out_trade_no = ?",
        &[at_ms.into(), number.into()],
    )?;
    Ok(())
}

/// The number of orders with a timer. There is an index of these rows.
pub(in crate::book) fn count_waiting(storage: &impl Storage) -> Result<i64, StorageError> {
    integer(
        storage,
        "SELECT count(*) FROM orders WHERE due_at_ms IS NOT NULL",
        &[],
    )
}

/// The number of the order that a transaction has paid.
pub(in crate::book) fn paid_by(
    storage: &impl Storage,
    transaction_id: &str,
) -> Result<Option<String>, StorageError> {
    text(
        storage,
        "SELECT out_trade_no FROM transactions WHERE transaction_id = ?",
        &[transaction_id.into()],
    )
}

/// Stores which order a transaction has paid; the first order stays.
pub(in crate::book) fn keep_transaction(
    storage: &impl Storage,
    transaction_id: &str,
    number: &str,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO transactions(transaction_id, out_trade_no) VALUES(?, ?)
         ON CONFLICT DO NOTHING",
        &[transaction_id.into(), number.into()],
    )?;
    Ok(())
}
