//! What the store files of every object share: reading rows, and numbered
//! migrations.
//!
//! ```text
//! facts( 'schema' ) = the number of the last migration that was carried out
//! ```
//!
//! Migrations are numbered and only ever added. Each runs in one transaction
//! together with its number, so that after a crash it is either undone or
//! complete. A database without a number is new, or of a version that had no
//! numbers; the first migration makes the same tables of both.
//!
//! The cost of a migration must not depend on the number of rows: an object
//! that takes longer to open than the runtime allows never opens again. So a
//! migration makes tables and columns, and no index on a table that may be
//! large. Data is migrated in slices: see `book/index.rs`.

use crate::runtime::{Row, Storage, StorageError, Value};

/// What one migration does.
pub type Migration<S> = fn(&S) -> Result<(), StorageError>;

/// Executes the migrations that the database lacks; the number of each is its
/// place, counted from 1. A database of a later version, which a rollback
/// leaves, is not changed. The first migration makes the table `facts`.
pub fn migrate<S: Storage>(storage: &S, migrations: &[Migration<S>]) -> Result<(), StorageError> {
    let done = schema_number(storage)?;
    for (number, migration) in (1..).zip(migrations) {
        if number <= done {
            continue;
        }
        storage.atomically(|| {
            migration(storage)?;
            set_fact(storage, SCHEMA, &i64::to_string(&number))
        })?;
    }
    Ok(())
}

/// The fact that holds the number of the last migration.
pub const SCHEMA: &str = "schema";

/// The number of the last migration; 0 where none is stored.
fn schema_number(storage: &impl Storage) -> Result<i64, StorageError> {
    if !has_table(storage, "facts")? {
        return Ok(0);
    }
    match fact(storage, SCHEMA)? {
        Some(text) => text
            .parse()
            .map_err(|error| StorageError::unreadable("schema number", error)),
        None => Ok(0),
    }
}

/// A single value of the object, from its table `facts`.
pub fn fact(storage: &impl Storage, name: &str) -> Result<Option<String>, StorageError> {
    text(
        storage,
        "SELECT text FROM facts WHERE name = ?",
        &[name.into()],
    )
}

/// Stores a single value of the object.
pub fn set_fact(storage: &impl Storage, name: &str, text: &str) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO facts(name, text) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET text = ?2",
        &[name.into(), text.into()],
    )?;
    Ok(())
}

/// Whether the database has this table.
pub fn has_table(storage: &impl Storage, name: &str) -> Result<bool, StorageError> {
    exists(
        storage,
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?",
        &[name.into()],
    )
}

/// Adds the columns that a table lacks: table, column, type. The time that this
/// takes does not depend on the table's size.
pub fn add_columns(
    storage: &impl Storage,
    added: &[(&str, &str, &str)],
) -> Result<(), StorageError> {
    for (table, column, kind) in added {
        let is_made = exists(
            storage,
            "SELECT 1 FROM sqlite_master WHERE name = ? AND instr(sql, ?)",
            &[(*table).into(), (*column).into()],
        )?;
        if !is_made {
            storage.exec(
                &format!("ALTER TABLE {table} ADD COLUMN {column} {kind}"),
                &[],
            )?;
        }
    }
    Ok(())
}

/// The first row that a statement returns, read by `read`.
pub fn first<T>(
    storage: &impl Storage,
    sql: &str,
    args: &[Value],
    read: impl FnOnce(&Row) -> Result<T, StorageError>,
) -> Result<Option<T>, StorageError> {
    storage.exec(sql, args)?.first().map(read).transpose()
}

/// Every row that a statement returns, read by `read`.
pub fn all<T>(
    storage: &impl Storage,
    sql: &str,
    args: &[Value],
    read: impl FnMut(&Row) -> Result<T, StorageError>,
) -> Result<Vec<T>, StorageError> {
    storage.exec(sql, args)?.iter().map(read).collect()
}

/// The text in the first column of the first row.
pub fn text(
    storage: &impl Storage,
    sql: &str,
    args: &[Value],
) -> Result<Option<String>, StorageError> {
    first(storage, sql, args, first_text)
}

/// The texts in the first column.
pub fn texts(
    storage: &impl Storage,
    sql: &str,
    args: &[Value],
) -> Result<Vec<String>, StorageError> {
    all(storage, sql, args, first_text)
}

/// The integer in the first column of the first row; 0 without a row.
pub fn integer(storage: &impl Storage, sql: &str, args: &[Value]) -> Result<i64, StorageError> {
    Ok(first(storage, sql, args, |row| row.int(0))?.unwrap_or(0))
}

/// Whether the statement returns a row.
pub fn exists(storage: &impl Storage, sql: &str, args: &[Value]) -> Result<bool, StorageError> {
    Ok(!storage.exec(sql, args)?.is_empty())
}

fn first_text(row: &Row) -> Result<String, StorageError> {
    row.text(0).map(str::to_owned)
}

/// The text in a column, or `None` for NULL.
pub fn owned_or_null(row: &Row, column: usize) -> Result<Option<String>, StorageError> {
    Ok(row.text_or_null(column)?.map(str::to_owned))
}
