//! `products( product_id, json )`.

use super::text;
use crate::runtime::{Storage, StorageError};

pub(in crate::book) fn json(
    storage: &impl Storage,
    product_id: &str,
) -> Result<Option<String>, StorageError> {
    text(
        storage,
        "SELECT json FROM products WHERE product_id = ?",
        &[product_id.into()],
    )
}

/// Adds a product, or replaces the one with this number.
pub(in crate::book) fn put(
    storage: &impl Storage,
    product_id: &str,
    json: &str,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO products(product_id, json) VALUES(?1, ?2)
         ON CONFLICT(product_id) DO UPDATE SET json = ?2",
        &[product_id.into(), json.into()],
    )?;
    Ok(())
}
