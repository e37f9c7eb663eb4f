//! The one registry of earlier versions, and how its shards take over its rows.
//!
//! A shard has a cursor into the earlier registry. A caller of a shard that has
//! not read all of it gets the cursor, requests the page after it from the
//! earlier registry and sends the page to the shard. After the last page the
//! shard does not need the earlier registry again. From the first such page on,
//! triggers of the earlier registry's own database refuse every change there,
//! by any version of this program: otherwise a row could be written that no
//! shard reads.
//!
//! Before a merchant is changed in its shard for the first time, its row in the
//! earlier registry loses its credentials ([`Registry::retire`]). No version
//! can read the row after that, so a version that still runs, or runs again
//! after a rollback, refuses the merchant and accepts no revoked key.

use super::pointers::{Kind, Pointer};
use super::{Answer, Registry};
use crate::merchants::merchant::Dialect;
use crate::observe::Log;
use crate::observe::audit::{self, Entry};
use crate::runtime::Shard;
use crate::runtime::{Row, Runtime, Storage, StorageError};
use order::Account;
use serde::{Deserialize, Serialize};

/// How many merchants are read for one page.
const MERCHANTS: i64 = 250;
/// How many entries of the audit one page may have.
const ENTRIES: i64 = 1_000;

/// How far a shard has read the earlier registry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The last merchant that was read.
    pub after: String,
    /// The last audit entry that was read of the next merchant.
    pub entry: i64,
}

/// The rows of one shard, of some merchants.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Page {
    /// Merchants whose id belongs to the shard.
    pub merchants: Vec<Moved>,
    /// Pointers whose name belongs to the shard.
    pub pointers: Vec<Pointer>,
    /// Where the next page begins, where there is one.
    pub next: Option<Cursor>,
}

/// Fingerprint, the secret's fingerprint, and when it expires.
type Key = (String, String, Option<i64>);
/// Fingerprint, when it expires, when it was issued, and the key's fingerprint.
type Token = (String, i64, Option<i64>, Option<String>);

/// A merchant with all its rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Moved {
    id: String,
    quick_auth_token: String,
    json: String,
    keys: Vec<Key>,
    tokens: Vec<Token>,
    /// Columns of `certificates`.
    certificates: Option<(String, i64)>,
    shares_account: bool,
    audit: Vec<Entry>,
}

/// The account in a row of any version.
#[derive(Deserialize)]
struct MerchantContext {
    account: Account,
    #[serde(default)]
    dialect: Dialect,
    #[serde(default)]
    domain_files: std::collections::BTreeMap<String, String>,
}

/// The earlier registry's tables that refuse changes, and the condition under
/// which an update is refused: a merchant's row may lose its credentials. Files
/// are written with their merchant's row; certificates are public and are
/// downloaded again.
const FROZEN: [(&str, &str); 3] = [
    (
        "merchants",
        "WHEN json_extract(NEW.json, '$.sealed') IS NOT NULL",
    ),
    ("keys", ""),
    ("tokens", ""),
];

/// Functions of the earlier registry.
impl<R: Runtime, S: Storage> Registry<R, S> {
    /// Makes its database refuse changes from now on.
    pub(super) fn freeze(&self) -> Result<(), StorageError> {
        if !self.frozen.get() {
            for (table, updated) in FROZEN {
                for (change, condition) in [("insert", ""), ("update", updated), ("delete", "")] {
                    let statement = format!(
                        "CREATE TRIGGER IF NOT EXISTS moved_{table}_{change} BEFORE {change} ON {table}
                         {condition} BEGIN SELECT RAISE(ABORT, 'the registry has moved to its shards');
                         END"
                    );
                    self.storage.exec(&statement, &[])?;
                }
            }
            self.frozen.set(true);
        }
        Ok(())
    }

    /// Makes a merchant's row unreadable, because its shard has it and is about
    /// to change it. The parts that other shards read (the account, the keys'
    /// fingerprints) stay.
    pub(super) fn retire(&self, id: &str) -> Result<Answer, StorageError> {
        self.storage.exec(
            "UPDATE merchants SET json = json_remove(json, '$.sealed') WHERE id = ?",
            &[id.into()],
        )?;
        Ok(Answer::Done)
    }

    /// The page of a shard after a cursor.
    pub(super) fn export(&self, shard: Shard, cursor: &Cursor) -> Result<Page, StorageError> {
        let mut page = Page::default();
        let rows = self.storage.exec(
            "SELECT id, quick_auth_token, json FROM merchants WHERE id > ? ORDER BY id LIMIT ?",
            &[cursor.after.as_str().into(), MERCHANTS.into()],
        )?;
        let mut after = cursor.after.as_str();
        let mut behind = cursor.entry;
        let mut room = ENTRIES;
        for row in &rows {
            let id = row.text(0)?;
            let own = Shard::of(id) == shard;
            let (keys, tokens) = (self.live_keys(id)?, self.live_tokens(id)?);
            let mut pointers = self.account_pointers(id, row.text(2)?);
            pointers.push(Pointer::only(Kind::QuickAuth, row.text(1)?, id));
            for (fingerprint, ..) in &keys {
                pointers.push(Pointer::only(Kind::ApiKey, fingerprint, id));
            }
            for (fingerprint, until_ms, ..) in &tokens {
                pointers.push(Pointer {
                    until_ms: Some(*until_ms),
                    ..Pointer::only(Kind::Token, fingerprint, id)
                });
            }
            let here = pointers.into_iter().filter(|p| p.shard() == shard);
            page.pointers.extend(here);
            if own {
                let (audit, last) = self.entries(id, behind, room)?;
                room -= i64::try_from(audit.len()).unwrap_or(room);
                page.merchants.push(Moved {
                    id: id.to_owned(),
                    quick_auth_token: row.text(1)?.to_owned(),
                    json: row.text(2)?.to_owned(),
                    keys,
                    tokens,
                    certificates: self.certificates(id)?,
                    shares_account: self.shares_account(row.text(2)?, id)?,
                    audit,
                });
                if room <= 0 {
                    // The merchant is repeated, with the rest of its audit.
                    page.next = Some(Cursor {
                        after: after.to_owned(),
                        entry: last,
                    });
                    return Ok(page);
                }
            }
            behind = 0;
            after = id;
        }
        let full = i64::try_from(rows.len()).is_ok_and(|n| n == MERCHANTS);
        page.next = full.then(|| Cursor {
            after: after.to_owned(),
            entry: 0,
        });
        Ok(page)
    }

    fn live_keys(&self, id: &str) -> Result<Vec<Key>, StorageError> {
        let rows = self.storage.exec(
            "SELECT fingerprint, secret_fingerprint, expires_at_ms FROM keys
             WHERE merchant_id = ? AND (expires_at_ms IS NULL OR expires_at_ms > ?)",
            &[id.into(), self.runtime.now_ms().into()],
        )?;
        let text = |row: &Row, column| row.text(column).map(str::to_owned);
        let key = |row: &Row| Ok((text(row, 0)?, text(row, 1)?, row.int_or_null(2)?));
        rows.iter().map(key).collect()
    }

    fn live_tokens(&self, id: &str) -> Result<Vec<Token>, StorageError> {
        let rows = self.storage.exec(
            "SELECT fingerprint, expires_at_ms, issued_at_ms, key_fingerprint FROM tokens
             WHERE merchant_id = ? AND expires_at_ms > ? ORDER BY rowid",
            &[id.into(), self.runtime.now_ms().into()],
        )?;
        let token = |row: &Row| {
            Ok((
                row.text(0)?.to_owned(),
                row.int(1)?,
                row.int_or_null(2)?,
                row.text_or_null(3)?.map(str::to_owned),
            ))
        };
        rows.iter().map(token).collect()
    }

    fn certificates(&self, id: &str) -> Result<Option<(String, i64)>, StorageError> {
        let rows = self.storage.exec(
            "SELECT pems, asked_at_ms FROM certificates WHERE merchant_id = ?",
            &[id.into()],
        )?;
        let row = rows.first();
        row.map(|row| Ok((row.text(0)?.to_owned(), row.int(1)?)))
            .transpose()
    }

    /// Entries of the audit, oldest first, and the last one's id.
    fn entries(&self, id: &str, after: i64, limit: i64) -> Result<(Vec<Entry>, i64), StorageError> {
        let rows = self.storage.exec(
            "SELECT id, at_ms, subject, what, evidence, who, call, request_id FROM audit
             WHERE subject = ? AND id > ? ORDER BY id LIMIT ?",
            &[id.into(), after.into(), limit.into()],
        )?;
        let entries: Vec<Entry> = rows.iter().map(audit::entry).collect::<Result<_, _>>()?;
        let last = entries.last().map_or(after, |entry| entry.id);
        Ok((entries, last))
    }

    /// The pointers to the account and the files of a row of any version. An
    /// unreadable row has none, and does not keep the others from moving.
    fn account_pointers(&self, id: &str, json: &str) -> Vec<Pointer> {
        match serde_json::from_slice::<MerchantContext>(json.as_bytes()) {
            Ok(context) => {
                let mut pointers = Pointer::of_account(id, &context.account, &context.dialect);
                let files = context.domain_files.iter();
                pointers.extend(files.map(|(name, text)| Pointer::of_file(id, name, text)));
                pointers
            }
            Err(error) => {
                let error = StorageError::unreadable_json("merchant", &error);
                self.runtime.log(format_args!("registry: {id}: {error}"));
                Vec::new()
            }
        }
    }

    /// Whether another merchant of the earlier registry has the same `mch_id`.
    fn shares_account(&self, json: &str, id: &str) -> Result<bool, StorageError> {
        let rows = self.storage.exec(
            "SELECT 1 FROM merchants
             WHERE json_extract(json, '$.account.mch_id') = json_extract(?, '$.account.mch_id')
             AND id <> ? LIMIT 1",
            &[json.into(), id.into()],
        )?;
        Ok(!rows.is_empty())
    }
}

/// Functions of a shard.
impl<R: Runtime, S: Storage> Registry<R, S> {
    /// How far the shard has read the earlier registry; `None` when it has read
    /// all of it.
    pub(super) fn cursor(&self) -> Result<Option<Cursor>, StorageError> {
        if self.imported.get() {
            return Ok(None);
        }
        let rows = self
            .storage
            .exec("SELECT text FROM facts WHERE name = 'read_up_to'", &[])?;
        let cursor = match rows.first() {
            None => Some(Cursor::default()),
            Some(row) => serde_json::from_slice(row.text(0)?.as_bytes())
                .map_err(|error| StorageError::unreadable_json("cursor", &error))?,
        };
        self.imported.set(cursor.is_none());
        Ok(cursor)
    }

    /// Stores a page, inside a transaction, if it is the next one.
    pub(super) fn import(&self, cursor: &Cursor, page: &Page) -> Result<Answer, StorageError> {
        if self.cursor()?.as_ref() != Some(cursor) {
            // Another caller has sent it.
            return Ok(Answer::Done);
        }
        for merchant in &page.merchants {
            self.take_over(merchant)?;
        }
        for pointer in &page.pointers {
            self.point(pointer)?;
        }
        let next = serde_json::to_string(&page.next)
            .map_err(|error| StorageError::unreadable_json("cursor", &error))?;
        self.storage.exec(
            "INSERT INTO facts(name, text) VALUES('read_up_to', ?1)
             ON CONFLICT(name) DO UPDATE SET text = ?1",
            &[next.into()],
        )?;
        Ok(Answer::Done)
    }

    fn take_over(&self, moved: &Moved) -> Result<(), StorageError> {
        let id = || moved.id.as_str().into();
        self.storage.exec(
            "INSERT INTO merchants(id, quick_auth_token, json) VALUES(?, ?, ?)
             ON CONFLICT DO NOTHING",
            &[
                id(),
                moved.quick_auth_token.as_str().into(),
                moved.json.as_str().into(),
            ],
        )?;
        self.storage.exec(
            "INSERT INTO at_root(merchant_id) VALUES(?) ON CONFLICT DO NOTHING",
            &[id()],
        )?;
        if moved.shares_account {
            self.share(&moved.id)?;
        }
        if let Ok(context) = serde_json::from_slice::<MerchantContext>(moved.json.as_bytes()) {
            for (name, contents) in &context.domain_files {
                self.storage.exec(
                    "INSERT INTO domain_files(name, merchant_id, contents) VALUES(?, ?, ?)
                     ON CONFLICT DO NOTHING",
                    &[name.as_str().into(), id(), contents.as_str().into()],
                )?;
            }
        }
        for (fingerprint, secret, expires_at_ms) in &moved.keys {
            self.storage.exec(
                "INSERT INTO keys(fingerprint, merchant_id, secret_fingerprint, expires_at_ms)
                 VALUES(?, ?, ?, ?) ON CONFLICT DO NOTHING",
                &[
                    fingerprint.as_str().into(),
                    id(),
                    secret.as_str().into(),
                    (*expires_at_ms).into(),
                ],
            )?;
        }
        for (fingerprint, expires_at_ms, issued_at_ms, key) in &moved.tokens {
            self.storage.exec(
                "INSERT INTO tokens(fingerprint, merchant_id, expires_at_ms, issued_at_ms,
                     key_fingerprint)
                 VALUES(?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                &[
                    fingerprint.as_str().into(),
                    id(),
                    (*expires_at_ms).into(),
                    (*issued_at_ms).into(),
                    key.as_deref().into(),
                ],
            )?;
        }
        if let Some((pems, asked_at_ms)) = &moved.certificates {
            self.storage.exec(
                "INSERT INTO certificates(merchant_id, pems, asked_at_ms) VALUES(?, ?, ?)
                 ON CONFLICT DO NOTHING",
                &[id(), pems.as_str().into(), (*asked_at_ms).into()],
            )?;
        }
        for entry in &moved.audit {
            audit::take_over(&self.storage, entry)?;
        }
        Ok(())
    }

    /// Whether the earlier registry still has the merchant unchanged.
    pub(super) fn is_at_root(&self, id: &str) -> Result<bool, StorageError> {
        let rows = self
            .storage
            .exec("SELECT 1 FROM at_root WHERE merchant_id = ?", &[id.into()])?;
        Ok(!rows.is_empty())
    }

    /// Records that the earlier registry no longer has the merchant.
    pub(super) fn retired(&self, id: &str) -> Result<Answer, StorageError> {
        self.storage
            .exec("DELETE FROM at_root WHERE merchant_id = ?", &[id.into()])?;
        Ok(Answer::Done)
    }

    /// Records that another merchant has this one's `mch_id`.
    pub(super) fn share(&self, id: &str) -> Result<Answer, StorageError> {
        self.storage.exec(
            "INSERT INTO sharing(merchant_id) VALUES(?) ON CONFLICT DO NOTHING",
            &[id.into()],
        )?;
        Ok(Answer::Done)
    }
}
