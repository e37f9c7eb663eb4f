//! The registry of an earlier version: one object with every merchant.

use super::system::Memory;
use gateway::runtime::{Object, Runtime, Shard};
use memory_runtime::storage::Disk;
use rusqlite::Connection;
use rusqlite::types::Value;
use serde_json::{Value as Json, json};
use std::rc::Rc;

/// The tables of the version before the shards.
const EARLIER: &str = "
    CREATE TABLE merchants(
        id TEXT PRIMARY KEY, quick_auth_token TEXT NOT NULL UNIQUE, json TEXT NOT NULL);
    CREATE TABLE keys(
        fingerprint TEXT PRIMARY KEY, merchant_id TEXT NOT NULL,
        secret_fingerprint TEXT NOT NULL, expires_at_ms INTEGER);
    CREATE TABLE tokens(
        fingerprint TEXT PRIMARY KEY, merchant_id TEXT NOT NULL,
        expires_at_ms INTEGER NOT NULL, issued_at_ms INTEGER, key_fingerprint TEXT);
    CREATE INDEX tokens_merchant ON tokens(merchant_id);
    CREATE TABLE certificates(
        merchant_id TEXT PRIMARY KEY, pems TEXT NOT NULL, asked_at_ms INTEGER NOT NULL);
    CREATE TABLE domain_files(
        name TEXT NOT NULL, merchant_id TEXT NOT NULL, contents TEXT NOT NULL,
        PRIMARY KEY(name, merchant_id));
    CREATE INDEX domain_files_merchant ON domain_files(merchant_id);
    CREATE INDEX merchants_account ON merchants(
        json_extract(json, '$.account.mch_id'), json_extract(json, '$.account.appid'));
    CREATE INDEX keys_merchant ON keys(merchant_id);
    CREATE INDEX tokens_expire ON tokens(expires_at_ms);
    CREATE INDEX merchants_sub_account ON merchants(
        json_extract(json, '$.account.mch_id'), json_extract(json, '$.account.sub_mch_id'));
    CREATE TABLE audit(
        id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, subject TEXT NOT NULL,
        what TEXT NOT NULL, evidence TEXT NOT NULL, who TEXT NOT NULL, call TEXT NOT NULL,
        request_id TEXT NOT NULL);
    CREATE INDEX audit_subject ON audit(subject, id);
    CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
    CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
    CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
    WHEN NEW.id IN (SELECT id FROM audit)
    BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;";

/// The copied tables. Entries of the audit get new numbers, because each shard
/// numbers its own.
const TABLES: [(&str, &str, usize); 6] = [
    ("merchants", "id, quick_auth_token, json", 3),
    (
        "keys",
        "fingerprint, merchant_id, secret_fingerprint, expires_at_ms",
        4,
    ),
    (
        "tokens",
        "fingerprint, merchant_id, expires_at_ms, issued_at_ms, key_fingerprint",
        5,
    ),
    ("certificates", "merchant_id, pems, asked_at_ms", 3),
    ("domain_files", "name, merchant_id, contents", 3),
    (
        "audit",
        "at_ms, subject, what, evidence, who, call, request_id",
        7,
    ),
];

fn copy(from: &Connection, to: &Connection) -> rusqlite::Result<()> {
    for (table, columns, count) in TABLES {
        let mut rows = from.prepare(&format!("SELECT {columns} FROM {table} ORDER BY rowid"))?;
        let mut rows = rows.query([])?;
        let marks = vec!["?"; count].join(", ");
        let insert = format!("INSERT INTO {table}({columns}) VALUES({marks})");
        while let Some(row) = rows.next()? {
            let values = (0..count).map(|n| row.get::<_, Value>(n));
            let values: Vec<Value> = values.collect::<Result<_, _>>()?;
            to.execute(&insert, rusqlite::params_from_iter(values))?;
        }
    }
    Ok(())
}

impl Memory {
    /// Moves every merchant into the one registry of an earlier version, as if
    /// no shard had been opened yet.
    pub fn downgrade_registry(&self) {
        let earlier = Connection::open_in_memory().expect("SQLite");
        earlier.execute_batch(EARLIER).expect("the earlier tables");
        for shard in Shard::all() {
            let name = format!("/{}", shard.name());
            let disk = self.0.borrow_mut().disks.remove(&name);
            if let Some(disk) = disk {
                copy(disk.connection(), &earlier).expect("rows");
            }
        }
        let mut inner = self.0.borrow_mut();
        let disk = Rc::new(Disk::new(earlier));
        inner.disks.insert("/registry".to_owned(), disk);
    }

    /// Sets whether that object still runs the earlier version, which cannot
    /// read the calls of this one.
    pub fn root_runs_earlier_version(&self, earlier: bool) {
        self.0.borrow_mut().earlier_root = earlier;
    }

    /// Makes every shard read the earlier registry.
    pub fn import_shards(&self) {
        assert_eq!(self.admin("/reseal", &json!({})).0, 200);
    }

    /// One value of an object's database, as text.
    pub fn value(&self, object: &str, sql: &str) -> String {
        let disk = self.0.borrow().disks[object].clone();
        let value = disk
            .connection()
            .query_row(sql, [], |row| row.get::<_, Value>(0));
        match value.expect("a row") {
            Value::Text(text) => text,
            Value::Integer(number) => number.to_string(),
            other => format!("{other:?}"),
        }
    }

    /// Calls the one registry of an earlier version, as that version did.
    pub fn ask_root(&self, call: &Json) -> Json {
        self.ask_registry(Object::Registry, call)
    }

    /// Calls the shard of a name.
    pub fn ask_shard_of(&self, name: &str, not_after_ms: Option<i64>, call: &Json) -> Json {
        let call = json!({"Shard": {"not_after_ms": not_after_ms, "call": call}});
        self.ask_registry(Object::Shard(Shard::of(name)), &call)
    }

    fn ask_registry(&self, object: Object<'_>, call: &Json) -> Json {
        let scope = json!({"request_id": "r", "who": "", "call": ""});
        let body = json!({"scope": scope, "call": call}).to_string();
        let answer = self.run(self.call(object, body.into_bytes()));
        serde_json::from_slice(&answer.expect("an answer")).expect("JSON")
    }
}
