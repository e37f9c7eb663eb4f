//! `refunds( out_refund_no, out_trade_no )`: numbers that refunds have taken.

use super::exists;
use crate::runtime::{Storage, StorageError};

/// Whether another order's refund has this number.
pub(in crate::book) fn is_of_another_order(
    storage: &impl Storage,
    out_refund_no: &str,
    number: &str,
) -> Result<bool, StorageError> {
    exists(
        storage,
        "SELECT 1 FROM refunds WHERE out_refund_no = ? AND out_trade_no <> ?",
        &[out_refund_no.into(), number.into()],
    )
}

/// Stores that a refund of this order has this number.
pub(in crate::book) fn take_number(
    storage: &impl Storage,
    out_refund_no: &str,
    number: &str,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO refunds(out_refund_no, out_trade_no) VALUES(?, ?) ON CONFLICT DO NOTHING",
        &[out_refund_no.into(), number.into()],
    )?;
    Ok(())
}
