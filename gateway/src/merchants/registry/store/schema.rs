//! The tables of the registry's objects, and the migrations that change a
//! database of an earlier version; see [`migrate`](crate::store::migrate).

use super::{kept_answers, named_keys, people};
use crate::observe::audit;
use crate::runtime::{Storage, StorageError};
use crate::store::{self, Migration, add_columns};

/// Every migration, in order. Its number is its place, counted from 1. A new
/// column goes into a new migration.
fn migrations<S: Storage>() -> [Migration<S>; 4] {
    [base_tables, named_key_tables, kept_table, people_tables]
}

/// Executes the migrations that the database lacks.
pub(in crate::merchants::registry) fn migrate<S: Storage>(storage: &S) -> Result<(), StorageError> {
    store::migrate(storage, &migrations())
}

/// Makes the tables of the version before migrations were numbered, or adds what
/// a database of a still earlier version lacks.
fn base_tables<S: Storage>(storage: &S) -> Result<(), StorageError> {
    for statement in TABLES.into_iter().chain(audit::STATEMENTS) {
        storage.exec(statement, &[])?;
    }
    add_columns(storage, &ADDED)
}

/// The second migration: the table of named keys.
fn named_key_tables<S: Storage>(storage: &S) -> Result<(), StorageError> {
    for statement in named_keys::TABLES {
        storage.exec(statement, &[])?;
    }
    Ok(())
}

/// The third migration: answers to requests with an `Idempotency-Key`.
fn kept_table<S: Storage>(storage: &S) -> Result<(), StorageError> {
    for statement in kept_answers::TABLES {
        storage.exec(statement, &[])?;
    }
    Ok(())
}

/// The fourth migration: people, their invitations and sessions.
fn people_tables<S: Storage>(storage: &S) -> Result<(), StorageError> {
    for statement in people::TABLES.into_iter().chain(audit::PEOPLE_STATEMENTS) {
        storage.exec(statement, &[])?;
    }
    Ok(())
}

const TABLES: [&str; 16] = [
    "CREATE TABLE IF NOT EXISTS merchants(
        id TEXT PRIMARY KEY, quick_auth_token TEXT NOT NULL UNIQUE, json TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS keys(
        fingerprint TEXT PRIMARY KEY, merchant_id TEXT NOT NULL,
        secret_fingerprint TEXT NOT NULL, expires_at_ms INTEGER)",
    "CREATE TABLE IF NOT EXISTS tokens(
        fingerprint TEXT PRIMARY KEY, merchant_id TEXT NOT NULL,
        expires_at_ms INTEGER NOT NULL, issued_at_ms INTEGER, key_fingerprint TEXT)",
    "CREATE TABLE IF NOT EXISTS certificates(
        merchant_id TEXT PRIMARY KEY, pems TEXT NOT NULL, asked_at_ms INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS domain_files(
        name TEXT NOT NULL, merchant_id TEXT NOT NULL, contents TEXT NOT NULL,
        PRIMARY KEY(name, merchant_id))",
    "CREATE INDEX IF NOT EXISTS domain_files_merchant ON domain_files(merchant_id)",
    "CREATE INDEX IF NOT EXISTS merchants_account ON merchants(
        json_extract(json, '$.account.mch_id'), json_extract(json, '$.account.appid'))",
    "CREATE INDEX IF NOT EXISTS keys_merchant ON keys(merchant_id)",
    "CREATE INDEX IF NOT EXISTS tokens_merchant ON tokens(merchant_id)",
    "CREATE INDEX IF NOT EXISTS tokens_expire ON tokens(expires_at_ms)",
    "CREATE INDEX IF NOT EXISTS merchants_sub_account ON merchants(
        json_extract(json, '$.account.mch_id'), json_extract(json, '$.account.sub_mch_id'))",
    "CREATE TABLE IF NOT EXISTS pointers(
        kind TEXT NOT NULL, name TEXT NOT NULL, merchant_id TEXT NOT NULL, detail TEXT NOT NULL,
        at_ms INTEGER NOT NULL, until_ms INTEGER, PRIMARY KEY(kind, name, merchant_id, detail))",
    "CREATE INDEX IF NOT EXISTS pointers_until ON pointers(until_ms) WHERE until_ms IS NOT NULL",
    // Merchants whose `mch_id` another one has too.
    "CREATE TABLE IF NOT EXISTS sharing(merchant_id TEXT PRIMARY KEY)",
    // Merchants that the registry of an earlier version still has unchanged.
    "CREATE TABLE IF NOT EXISTS at_root(merchant_id TEXT PRIMARY KEY)",
    "CREATE TABLE IF NOT EXISTS facts(name TEXT PRIMARY KEY, text TEXT NOT NULL)",
];

/// Columns of the first migration that a table of a still earlier version lacks:
/// table, column, type.
const ADDED: [(&str, &str, &str); 2] = [
    ("tokens", "issued_at_ms", "INTEGER"),
    ("tokens", "key_fingerprint", "TEXT"),
];
