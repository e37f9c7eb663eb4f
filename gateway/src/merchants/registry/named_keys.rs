//! Named keys: a merchant's further keys, each with a name and some scopes.
//!
//! ```text
//! named_keys( fingerprint, merchant_id, name, scopes, parent or NULL, made_by,
//!             made_at_ms, expires_at_ms or NULL, used_at_ms or NULL )
//! ```
//!
//! They have a table of their own, and are looked up by a call of their own. A
//! version that does not know them, in an isolate that still runs during a
//! deployment or after a rollback, would take a row of `keys` for a key with every
//! right. A key that is made with a named key ends with that one.

use super::{Answer, Call, Registry};
use crate::merchants::seal::short;
use crate::observe::audit;
use crate::route::Scope;
use crate::runtime::{Row, Runtime, Storage, StorageError};
use serde::{Deserialize, Serialize};

/// The most named keys of one merchant that are valid at once.
const MAX_KEYS: i64 = 100;
/// The time of a key's last use is written at most once in this time.
const USED_APART_MS: i64 = 60 * 60 * 1000;

/// A named key, as its merchant may see it: never the key itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedKey {
    /// The beginning of its fingerprint, as the log and the audit name it.
    pub id: String,
    /// The merchant's word for it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Who made it: the caller, as the audit names it.
    pub made_by: String,
    /// When it was made, Unix milliseconds.
    pub made_at_ms: i64,
    /// When it stops working, Unix milliseconds; `None` is never.
    pub expires_at_ms: Option<i64>,
    /// When it was last used, to an hour, Unix milliseconds.
    pub used_at_ms: Option<i64>,
}

/// The tables of named keys.
pub(super) const STATEMENTS: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS named_keys(
        fingerprint TEXT PRIMARY KEY, merchant_id TEXT NOT NULL, name TEXT NOT NULL,
        scopes TEXT NOT NULL, parent TEXT, made_by TEXT NOT NULL, made_at_ms INTEGER NOT NULL,
        expires_at_ms INTEGER, used_at_ms INTEGER)",
    "CREATE INDEX IF NOT EXISTS named_keys_merchant ON named_keys(merchant_id)",
    "CREATE INDEX IF NOT EXISTS named_keys_expire ON named_keys(expires_at_ms)
        WHERE expires_at_ms IS NOT NULL",
];

const COLUMNS: &str = "fingerprint, name, scopes, made_by, made_at_ms, expires_at_ms, used_at_ms";

impl<R: Runtime, S: Storage> Registry<R, S> {
    /// The merchant that a named key belongs to, and the key.
    pub(super) fn by_named_key(&self, fingerprint: &str) -> Result<Answer, StorageError> {
        let now_ms = self.runtime.now_ms();
        let rows = self.storage.exec(
            &format!(
                "SELECT {COLUMNS}, merchant_id FROM named_keys
                 WHERE fingerprint = ? AND (expires_at_ms IS NULL OR expires_at_ms > ?)"
            ),
            &[fingerprint.into(), now_ms.into()],
        )?;
        let Some(row) = rows.first() else {
            return Ok(Answer::NotFound);
        };
        let key = named_key(row)?;
        if key.used_at_ms.is_none_or(|at_ms| {
            // A clock that was set back does not keep a later time for ever.
            !(at_ms..at_ms + USED_APART_MS).contains(&now_ms)
        }) {
            self.storage.exec(
                "UPDATE named_keys SET used_at_ms = ? WHERE fingerprint = ?",
                &[now_ms.into(), fingerprint.into()],
            )?;
        }
        let id = row.text(7)?.to_owned();
        Ok(match self.answer(Call::ById { id })? {
            Answer::Found(mut found) => {
                found.named_key = Some(key);
                Answer::Found(found)
            }
            answer => answer,
        })
    }

    /// Adds a named key, inside a transaction: [`Answer::KeyMade`] with its end.
    /// `parent` is the fingerprint of the named key that it is made with.
    pub(super) fn add_named_key(
        &self,
        id: &str,
        fingerprint: &str,
        key: &NamedKey,
        parent: Option<&str>,
    ) -> Result<Answer, StorageError> {
        let now_ms = self.runtime.now_ms();
        self.storage.exec(
            "DELETE FROM named_keys WHERE expires_at_ms <= ?",
            &[now_ms.into()],
        )?;
        let mut key = key.clone();
        if let Some(parent) = parent {
            let made_with = self.storage.exec(
                &format!(
                    "SELECT {COLUMNS} FROM named_keys WHERE fingerprint = ? AND merchant_id = ?"
                ),
                &[parent.into(), id.into()],
            )?;
            let Some(made_with) = made_with.first().map(named_key).transpose()? else {
                return Ok(Answer::NotFound);
            };
            if !key
                .scopes
                .iter()
                .all(|scope| made_with.scopes.contains(scope))
            {
                return Ok(Answer::NotFound);
            }
            let ends = [key.expires_at_ms, made_with.expires_at_ms];
            key.expires_at_ms = ends.into_iter().flatten().min();
        }
        let sql = "SELECT count(*) FROM named_keys WHERE merchant_id = ?";
        let held = self.storage.exec(sql, &[id.into()])?;
        if held.first().map(|row| row.int(0)).transpose()? >= Some(MAX_KEYS) {
            return Ok(Answer::Full);
        }
        let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.name()).collect();
        let scopes = scopes.join(" ");
        let until = match key.expires_at_ms {
            Some(at_ms) => format!("until {at_ms}"),
            None => "without an end".to_owned(),
        };
        let what = format!("key {} made {until}, scopes {scopes}", short(fingerprint));
        let named = format!(", named {}", key.name);
        audit::add_with_text(&self.runtime, &self.storage, id, &what, &named, "")?;
        self.storage.exec(
            "INSERT INTO named_keys(fingerprint, merchant_id, name, scopes, parent, made_by,
                 made_at_ms, expires_at_ms)
             VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
            &[
                fingerprint.into(),
                id.into(),
                key.name.as_str().into(),
                scopes.into(),
                parent.into(),
                key.made_by.as_str().into(),
                now_ms.into(),
                key.expires_at_ms.into(),
            ],
        )?;
        Ok(Answer::KeyMade(key.expires_at_ms))
    }

    /// A merchant's valid named keys, newest first.
    pub(super) fn named_keys(&self, id: &str) -> Result<Vec<NamedKey>, StorageError> {
        let rows = self.storage.exec(
            &format!(
                "SELECT {COLUMNS} FROM named_keys
                 WHERE merchant_id = ? AND (expires_at_ms IS NULL OR expires_at_ms > ?)
                 ORDER BY rowid DESC LIMIT ?"
            ),
            &[id.into(), self.runtime.now_ms().into(), MAX_KEYS.into()],
        )?;
        rows.iter().map(named_key).collect()
    }

    /// Ends a named key and the keys that were made with it, inside a transaction.
    pub(super) fn revoke_named_key(&self, id: &str, key: &str) -> Result<Answer, StorageError> {
        let rows = self.storage.exec(
            "WITH RECURSIVE ended(fingerprint) AS (
                 SELECT fingerprint FROM named_keys
                 WHERE merchant_id = ?1 AND substr(fingerprint, 1, 8) = ?2
                 UNION
                 SELECT named_keys.fingerprint FROM named_keys
                 JOIN ended ON named_keys.parent = ended.fingerprint
                 WHERE named_keys.merchant_id = ?1
             )
             DELETE FROM named_keys WHERE fingerprint IN (SELECT fingerprint FROM ended)
             RETURNING fingerprint",
            &[id.into(), key.into()],
        )?;
        if rows.is_empty() {
            return Ok(Answer::NotFound);
        }
        self.audit_revoked(id, &rows, "")?;
        Ok(Answer::Done)
    }

    /// Ends every named key of a merchant, inside a transaction.
    pub(super) fn revoke_named_keys(&self, id: &str, why: &str) -> Result<(), StorageError> {
        let rows = self.storage.exec(
            "DELETE FROM named_keys WHERE merchant_id = ? RETURNING fingerprint",
            &[id.into()],
        )?;
        self.audit_revoked(id, &rows, why)
    }

    fn audit_revoked(&self, id: &str, rows: &[Row], why: &str) -> Result<(), StorageError> {
        for row in rows {
            let what = format!("key {} revoked", short(row.text(0)?));
            self.audit(id, &what, why)?;
        }
        Ok(())
    }
}

/// The row's columns are [`COLUMNS`]. A scope that only a later version knows
/// permits nothing here.
fn named_key(row: &Row) -> Result<NamedKey, StorageError> {
    Ok(NamedKey {
        id: short(row.text(0)?).to_owned(),
        name: row.text(1)?.to_owned(),
        scopes: row.text(2)?.split(' ').filter_map(Scope::named).collect(),
        made_by: row.text(3)?.to_owned(),
        made_at_ms: row.int(4)?,
        expires_at_ms: row.int_or_null(5)?,
        used_at_ms: row.int_or_null(6)?,
    })
}
