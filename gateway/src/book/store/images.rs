//! `images( name, width, height, made_at_ms, base64 )`: what merchants show to
//! payers.

use super::{all, first, integer};
use crate::book::images::ImageFacts;
use crate::runtime::{Row, Storage, StorageError};

pub(super) const STATEMENTS: [&str; 1] = ["CREATE TABLE images(
        name TEXT PRIMARY KEY, width INTEGER NOT NULL, height INTEGER NOT NULL,
        made_at_ms INTEGER NOT NULL, base64 TEXT NOT NULL)"];

fn facts(row: &Row) -> Result<ImageFacts, StorageError> {
    Ok(ImageFacts {
        name: row.text(0)?.to_owned(),
        width: row.int(1)?,
        height: row.int(2)?,
        made_at_ms: row.int(3)?,
    })
}

pub(in crate::book) fn find(
    storage: &impl Storage,
    name: &str,
) -> Result<Option<ImageFacts>, StorageError> {
    first(
        storage,
        "SELECT name, width, height, made_at_ms FROM images WHERE name = ?",
        &[name.into()],
        facts,
    )
}

/// The contents of an image, in base64.
pub(in crate::book) fn base64(
    storage: &impl Storage,
    name: &str,
) -> Result<Option<String>, StorageError> {
    first(
        storage,
        "SELECT base64 FROM images WHERE name = ?",
        &[name.into()],
        |row| Ok(row.text(0)?.to_owned()),
    )
}

/// Every image, newest first.
pub(in crate::book) fn list(storage: &impl Storage) -> Result<Vec<ImageFacts>, StorageError> {
    all(
        storage,
        "SELECT name, width, height, made_at_ms FROM images ORDER BY made_at_ms DESC, name",
        &[],
        facts,
    )
}

pub(in crate::book) fn count(storage: &impl Storage) -> Result<i64, StorageError> {
    integer(storage, "SELECT count(*) FROM images", &[])
}

pub(in crate::book) fn insert(
    storage: &impl Storage,
    image: &ImageFacts,
    base64: &str,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO images(name, width, height, made_at_ms, base64) VALUES(?, ?, ?, ?, ?)",
        &[
            image.name.as_str().into(),
            image.width.into(),
            image.height.into(),
            image.made_at_ms.into(),
            base64.into(),
        ],
    )?;
    Ok(())
}

pub(in crate::book) fn remove(storage: &impl Storage, name: &str) -> Result<(), StorageError> {
    storage.exec("DELETE FROM images WHERE name = ?", &[name.into()])?;
    Ok(())
}
