//! The objects that hold the merchants, and the fingerprints of their keys.
//!
//! There are [`SHARDS`] of them, chosen by SHA-256. A merchant is stored in the
//! shard of its id, with its keys, tokens, certificates and audit; that shard
//! decides what the merchant is and which keys it has. A name by which a
//! merchant is found (a key, a token, a file) is stored as a [`Pointer`] in the
//! shard of that name. Which shard a call goes to is in
//! [`shards`](crate::merchants::shards). The one registry of earlier versions
//! still exists, and each shard reads it once: see `root.rs`.
//!
//! ```text
//! merchants( id, quick_auth_token, json )
//! keys( fingerprint, merchant_id, secret_fingerprint, expires_at_ms or NULL )
//! tokens( fingerprint, merchant_id, expires_at_ms, issued_at_ms, key_fingerprint )
//! named_keys( … )                                         see `named_keys.rs`
//! certificates( merchant_id, pems, asked_at_ms )          WeChat Pay's, for v3
//! domain_files( name, merchant_id, contents )             an index of settings
//! audit( id, subject, what, … )                            see `audit.rs`
//! ```
//!
//! Of an api-key and its api-secret only SHA-256 fingerprints are kept: they
//! are random texts of 128 bits and more, so a fingerprint gives nothing away.

mod named_keys;
mod pointers;
mod root;

pub use self::named_keys::NamedKey;
pub use self::pointers::{CLAIM_MS, Kind, Pointer, account_name, sub_merchant_name};
pub use self::root::{Cursor, Page};

use crate::merchants::merchant::Merchant;
use crate::merchants::seal::{fingerprint, short};
use crate::observe::audit;
use crate::observe::{Log, RequestContext, answer_bytes};
use crate::runtime::{Runtime, Storage, StorageError, Value};
use crate::runtime::{Shard, add_columns};
use serde::{Deserialize, Serialize};
use std::cell::Cell;

/// The most api-tokens of one merchant that are valid at once.
const MAX_TOKENS: i64 = 100;

/// The calls to the registry's objects. The calls of an earlier version to its
/// one registry keep their form; a shard accepts only [`Call::Shard`], which an
/// object that still runs an earlier version cannot read: otherwise it would
/// answer as a registry without merchants.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Call {
    /// A call to a shard.
    Shard {
        /// The shard refuses the call after this time, Unix milliseconds.
        not_after_ms: Option<i64>,
        /// The call.
        call: Box<Call>,
    },
    /// Writes a pointer. The answer is [`Answer::Pointers`] of other merchants.
    Claim(Pointer),
    /// The merchants that may have a name. The answer is [`Answer::Pointers`].
    Pointers {
        /// The kind of the name.
        kind: Kind,
        /// The name.
        name: String,
    },
    /// Removes a pointer, unless it was claimed again.
    Unpoint(Pointer),
    /// Records that another merchant has this one's `mch_id`.
    Share {
        /// The merchant's id.
        id: String,
    },
    /// Returns the earlier registry's rows for a shard.
    Export {
        /// The shard.
        shard: Shard,
        /// The last row that the shard has.
        cursor: Cursor,
    },
    /// Stores the earlier registry's rows in the shard.
    Import {
        /// The row before the page.
        cursor: Cursor,
        /// The rows.
        page: Box<Page>,
    },
    /// Makes a merchant's row unreadable in the earlier registry.
    Retire {
        /// The merchant's id.
        id: String,
    },
    /// Records that the earlier registry's row is unreadable.
    Retired {
        /// The merchant's id.
        id: String,
    },
    /// The merchant that an api-key belongs to.
    ByApiKey {
        /// The api-key's fingerprint.
        fingerprint: String,
    },
    /// The merchant that an api-token was issued to.
    ByToken {
        /// The api-token's fingerprint.
        fingerprint: String,
    },
    /// The merchant that a named key belongs to, with [`Found::named_key`].
    ByNamedKey {
        /// Of the key.
        fingerprint: String,
    },
    /// The merchant with this id.
    ById {
        /// The id.
        id: String,
    },
    /// The merchant with this Quick Auth token.
    ByQuickAuth {
        /// The token.
        token: String,
    },
    /// The merchant of v3 with this institution and sub-merchant.
    BySubMerchant {
        /// The institution's merchant id.
        mch_id: String,
        /// The sub-merchant's id.
        sub_mch_id: String,
    },
    /// The contents of a domain check file:
    /// [`DomainFiles`](crate::merchants::merchant::DomainFiles).
    DomainFile {
        /// Its name.
        name: String,
    },
    /// Stores WeChat Pay's platform certificates and the time of the download.
    KeepCertificates {
        /// The id of the merchant that downloaded them.
        id: String,
        /// The certificates as PEM, if the download succeeded.
        pems: Option<Vec<String>>,
    },
    /// The ids of merchants with this account at WeChat.
    SameAccount {
        /// The merchant id.
        mch_id: String,
        /// The sub-merchant's id.
        sub_mch_id: Option<String>,
        /// The application.
        appid: String,
    },
    /// Adds a merchant.
    Create {
        /// The merchant.
        merchant: Box<Merchant>,
        /// Its first pair of keys.
        keys: KeyPair,
        /// The reason in the operator's words; may be empty.
        why: String,
    },
    /// Changes a merchant, if its row still equals `before`.
    Change {
        /// The row before the change.
        before: Box<Merchant>,
        /// The row after the change, under the same id.
        after: Box<Merchant>,
        /// The reason in the operator's words; may be empty.
        why: String,
    },
    /// Adds a pair of keys, and sets the expiry of the others.
    Rotate {
        /// The merchant's id.
        id: String,
        /// The new pair.
        keys: KeyPair,
        /// When the earlier pairs expire, Unix milliseconds.
        earlier_expire_at_ms: i64,
        /// The merchant's own credentials if they change too: before, and
        /// sealed anew.
        sealed: Option<[String; 2]>,
        /// The names of the fields that were entered.
        entered: Vec<String>,
        /// The reason in the operator's words; may be empty.
        why: String,
    },
    /// Replaces the sealed form of a merchant's credentials, after a change of
    /// the master key.
    Reseal {
        /// The merchant's id.
        id: String,
        /// The sealed form before, and the new one.
        sealed: [String; 2],
    },
    /// The merchants' ids, in order.
    List {
        /// The id after which the page begins.
        after: String,
        /// The most ids of the page.
        limit: i64,
    },
    /// The changes of credentials: a list of [`audit::Entry`].
    Audit(audit::Page),
    /// Adds an api-token.
    AddToken {
        /// The merchant's id.
        id: String,
        /// The token's fingerprint.
        fingerprint: String,
        /// The latest expiry of the token, Unix milliseconds.
        expires_at_ms: i64,
        /// The fingerprint of the api-key that the token is made with. It
        /// expires with that key.
        #[serde(default)]
        key_fingerprint: Option<String>,
    },
    /// A merchant's valid api-tokens: [`Answer::Tokens`].
    Tokens {
        /// The merchant's id.
        id: String,
    },
    /// Revokes the api-token that [`TokenFacts::id`] names.
    EndToken {
        /// The merchant's id.
        id: String,
        /// See [`TokenFacts::id`].
        token: String,
    },
    /// Adds a named key: [`Answer::KeyMade`].
    AddNamedKey {
        /// The merchant's id.
        id: String,
        /// Of the key.
        fingerprint: String,
        /// What it is to be.
        key: NamedKey,
        /// The fingerprint of the named key that it is made with.
        parent: Option<String>,
    },
    /// A merchant's valid named keys: [`Answer::NamedKeys`].
    NamedKeys {
        /// The merchant's id.
        id: String,
    },
    /// Ends the key that [`NamedKey::id`] names, and the keys made with it.
    RevokeNamedKey {
        /// The merchant's id.
        id: String,
        /// See [`NamedKey::id`].
        key: String,
    },
    /// Revokes an api-token of a merchant.
    RevokeToken {
        /// The merchant's id.
        id: String,
        /// The token's fingerprint.
        fingerprint: String,
    },
}

impl Call {
    /// The merchant for which this changes or ends something that an earlier
    /// version may have written. A token or certificates that are added change
    /// nothing that the earlier registry has.
    fn changes(&self) -> Option<&str> {
        match self {
            Self::Change { before, .. } => Some(&before.id),
            Self::Rotate { id, .. }
            | Self::Reseal { id, .. }
            | Self::EndToken { id, .. }
            | Self::RevokeToken { id, .. } => Some(id),
            _ => None,
        }
    }
}

/// A call, with its caller.
#[derive(Debug, Serialize, Deserialize)]
pub struct Envelope {
    /// The caller and its request.
    #[serde(rename = "scope")]
    pub request_context: RequestContext,
    /// The call.
    pub call: Call,
}

/// The fingerprints of an api-key and its api-secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyPair {
    /// The api-key's fingerprint.
    pub fingerprint: String,
    /// The api-secret's fingerprint.
    pub secret_fingerprint: String,
}

/// A valid api-token, as its merchant may see it: without the token itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenFacts {
    /// The beginning of its fingerprint, as the audit names it.
    pub id: String,
    /// When it was issued, Unix milliseconds; `None` where an earlier version
    /// issued it.
    pub issued_at_ms: Option<i64>,
    /// When it expires, Unix milliseconds.
    pub expires_at_ms: i64,
    /// The beginning of the fingerprint of the api-key that it was made with.
    pub api_key: Option<String>,
}

/// The registry's answers.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// The merchant.
    Found(Box<Found>),
    /// No such merchant or key.
    NotFound,
    /// The id is taken.
    Exists,
    /// Another merchant has the domain check file of this name, with other
    /// contents.
    FileTaken(String),
    /// The contents of a domain check file.
    File(String),
    /// The limit is reached.
    Full,
    /// The change is written.
    Done,
    /// Merchants' ids.
    Ids(Vec<String>),
    /// An api-token is written; its expiry, Unix milliseconds.
    Issued(i64),
    /// A merchant's valid api-tokens, newest first.
    Tokens(Vec<TokenFacts>),
    /// A named key is written; until when it works, Unix milliseconds.
    KeyMade(Option<i64>),
    /// A merchant's valid named keys, newest first.
    NamedKeys(Vec<NamedKey>),
    /// The changes.
    Audit(Vec<audit::Entry>),
    /// Pointers to merchants.
    Pointers(Vec<Pointer>),
    /// The earlier registry's rows for a shard.
    Exported(Box<Page>),
    /// The shard has not read all of the earlier registry: where to continue.
    NotImported(Cursor),
    /// The earlier registry's row of this merchant must be made unreadable first.
    AtRoot(String),
    /// Nothing is written, because the call took too long.
    TooLate,
    /// The database refused a statement; the operator's log has the reason.
    Broken,
}

/// A merchant that was looked up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Found {
    /// The merchant.
    pub merchant: Merchant,
    /// The api-secret's fingerprint, when it was found by its api-key.
    pub secret_fingerprint: Option<String>,
    /// WeChat Pay's platform certificates as PEM, where the merchant's dialect
    /// has them.
    pub certificates: Vec<String>,
    /// When WeChat Pay's certificates were last requested, Unix milliseconds.
    pub certificates_asked_at_ms: i64,
    /// Whether another merchant of this gateway has the same `mch_id`.
    #[serde(default)]
    pub shares_account: bool,
    /// The named key that it was found by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named_key: Option<NamedKey>,
}

/// One of the registry's objects, on any runtime and storage.
#[derive(Debug)]
pub struct Registry<R, S> {
    runtime: R,
    storage: S,
    /// The database refuses writes of an earlier version.
    frozen: Cell<bool>,
    /// The earlier registry was read completely.
    imported: Cell<bool>,
}

impl<R: Runtime, S: Storage> Registry<R, S> {
    /// Opens the object, making its tables the first time.
    pub fn open(runtime: R, storage: S) -> Result<Self, StorageError> {
        for statement in [
            "CREATE TABLE IF NOT EXISTS merchants(
                id TEXT PRIMARY KEY, quick_auth_token TEXT NOT NULL UNIQUE, json TEXT NOT NULL)",
            "CREATE TABLE IF NOT EXISTS keys(
                fingerprint TEXT PRIMARY KEY, merchant_id TEXT NOT NULL,
                secret_fingerprint TEXT NOT NULL, expires_at_ms INTEGER)",
            "CREATE TABLE IF NOT EXISTS tokens(
                fingerprint TEXT PRIMARY KEY, merchant_id TEXT NOT NULL,
                expires_at_ms INTEGER NOT NULL, issued_at_ms INTEGER, key_fingerprint TEXT)",
            "CREATE INDEX IF NOT EXISTS tokens_merchant ON tokens(merchant_id)",
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
        ]
        .into_iter()
        .chain(audit::STATEMENTS)
        .chain(pointers::STATEMENTS)
        .chain(named_keys::STATEMENTS)
        {
            storage.exec(statement, &[])?;
        }
        add_columns(&storage, &ADDED)?;
        Ok(Self {
            runtime,
            storage,
            frozen: Cell::new(false),
            imported: Cell::new(false),
        })
    }

    /// Answers one call; both are JSON.
    pub fn handle(&self, body: &[u8]) -> Vec<u8> {
        let answer = serde_json::from_slice(body)
            .map_err(|error| StorageError::unreadable_json("call", &error))
            .and_then(
                |Envelope {
                     request_context,
                     call,
                 }| {
                    request_context.within_now(|| match call {
                        Call::Shard { not_after_ms, call } => self.of_shard(not_after_ms, *call),
                        call => self.of_root(call),
                    })
                },
            )
            .unwrap_or_else(|error| {
                self.runtime.log(format_args!("registry: {error}"));
                Answer::Broken
            });
        answer_bytes(&self.runtime, &answer)
    }

    /// Answers as the one registry of earlier versions. It is read only, and
    /// what it lacks may be in a shard: an isolate of an earlier version that
    /// calls it has to try again.
    fn of_root(&self, call: Call) -> Result<Answer, StorageError> {
        self.freeze()?;
        let answer = match call {
            Call::Export { shard, cursor } => {
                let page = self.export(shard, &cursor)?;
                return Ok(Answer::Exported(Box::new(page)));
            }
            Call::Retire { id } => return self.retire(&id),
            call @ (Call::ByApiKey { .. }
            | Call::ByToken { .. }
            | Call::ById { .. }
            | Call::ByQuickAuth { .. }
            | Call::BySubMerchant { .. }
            | Call::DomainFile { .. }
            | Call::SameAccount { .. }
            | Call::Tokens { .. }
            | Call::List { .. }
            | Call::Audit(_)) => self.answer(call)?,
            _ => Answer::NotFound,
        };
        match answer {
            Answer::NotFound => Err(StorageError(
                "an earlier version asked for what is in the shards now".to_owned(),
            )),
            answer => Ok(answer),
        }
    }

    /// Answers as a shard.
    fn of_shard(&self, not_after_ms: Option<i64>, call: Call) -> Result<Answer, StorageError> {
        if let Call::Import { cursor, page } = &call {
            return self.storage.atomically(|| self.import(cursor, page));
        }
        if let Some(cursor) = self.cursor()? {
            return Ok(Answer::NotImported(cursor));
        }
        if not_after_ms.is_some_and(|not_after_ms| not_after_ms < self.runtime.now_ms()) {
            return Ok(Answer::TooLate);
        }
        if let Some(id) = call.changes()
            && self.is_at_root(id)?
        {
            return Ok(Answer::AtRoot(id.to_owned()));
        }
        self.answer(call)
    }

    fn answer(&self, call: Call) -> Result<Answer, StorageError> {
        match call {
            Call::Claim(pointer) => self
                .storage
                .atomically(|| self.claim(&pointer))
                .map(Answer::Pointers),
            Call::Pointers { kind, name } => self.pointers(kind, &name).map(Answer::Pointers),
            Call::Unpoint(pointer) => self.unpoint(&pointer).map(|()| Answer::Done),
            Call::Share { id } => self.share(&id),
            Call::Retired { id } => self.retired(&id),
            Call::Shard { .. }
            | Call::Export { .. }
            | Call::Import { .. }
            | Call::Retire { .. } => Err(StorageError("a call of another object".to_owned())),
            Call::ByApiKey { fingerprint } => self.find(
                "secret_fingerprint",
                "keys ON keys.merchant_id = id
                 WHERE fingerprint = ? AND (expires_at_ms IS NULL OR expires_at_ms > ?)",
                &[fingerprint.into(), self.runtime.now_ms().into()],
            ),
            Call::ByToken { fingerprint } => self.find(
                "NULL",
                "tokens ON tokens.merchant_id = id WHERE fingerprint = ? AND expires_at_ms > ?",
                &[fingerprint.into(), self.runtime.now_ms().into()],
            ),
            Call::ByNamedKey { fingerprint } => self.by_named_key(&fingerprint),
            Call::AddNamedKey {
                id,
                fingerprint,
                key,
                parent,
            } => self
                .storage
                .atomically(|| self.add_named_key(&id, &fingerprint, &key, parent.as_deref())),
            Call::NamedKeys { id } => self.named_keys(&id).map(Answer::NamedKeys),
            Call::RevokeNamedKey { id, key } => {
                self.storage.atomically(|| self.revoke_named_key(&id, &key))
            }
            Call::ById { id } => self.find("NULL", "(SELECT 1) WHERE id = ?", &[id.into()]),
            Call::ByQuickAuth { token } => self.find(
                "NULL",
                "(SELECT 1) WHERE quick_auth_token = ?",
                &[token.into()],
            ),
            Call::BySubMerchant { mch_id, sub_mch_id } => self.find(
                "NULL",
                "(SELECT 1) WHERE json_extract(json, '$.account.mch_id') = ?
                 AND json_extract(json, '$.account.sub_mch_id') = ?
                 AND json_extract(json, '$.dialect.v3') IS NOT NULL ORDER BY id",
                &[mch_id.into(), sub_mch_id.into()],
            ),
            Call::DomainFile { name } => {
                let rows = self.storage.exec(
                    "SELECT contents FROM domain_files WHERE name = ? LIMIT 1",
                    &[name.into()],
                )?;
                match rows.first() {
                    Some(row) => Ok(Answer::File(row.text(0)?.to_owned())),
                    None => Ok(Answer::NotFound),
                }
            }
            Call::KeepCertificates { id, pems } => {
                self.keep_certificates(&id, pems)?;
                Ok(Answer::Done)
            }
            Call::SameAccount {
                mch_id,
                sub_mch_id,
                appid,
            } => {
                let rows = self.storage.exec(
                    "SELECT id FROM merchants WHERE json_extract(json, '$.account.mch_id') = ?
                     AND json_extract(json, '$.account.appid') = ?
                     AND json_extract(json, '$.account.sub_mch_id') IS ? ORDER BY id LIMIT 10",
                    &[mch_id.into(), appid.into(), sub_mch_id.into()],
                )?;
                let ids = rows.iter().map(|row| row.text(0).map(str::to_owned));
                ids.collect::<Result<_, _>>().map(Answer::Ids)
            }
            Call::Create {
                merchant,
                keys,
                why,
            } => self.create(&merchant, keys, &why),
            Call::Change { before, after, why } => self.storage.atomically(|| {
                let id = before.id.clone();
                match self.answer(Call::ById { id: id.clone() })? {
                    Answer::Found(found) if found.merchant == *before => {
                        if let Some(file) = self.keep_domain_files(&after)? {
                            return Ok(Answer::FileTaken(file));
                        }
                        self.audit(&id, &after.change_from(&before), &why)?;
                        self.storage.exec(
                            "UPDATE merchants SET json = ? WHERE id = ?",
                            &[written(&after)?.into(), id.into()],
                        )?;
                        Ok(Answer::Done)
                    }
                    _ => Ok(Answer::Exists),
                }
            }),
            Call::AddToken {
                id,
                fingerprint,
                expires_at_ms,
                key_fingerprint,
            } => self
                .storage
                .atomically(|| self.add_token(&id, &fingerprint, expires_at_ms, key_fingerprint)),
            Call::Tokens { id } => self.tokens(&id).map(Answer::Tokens),
            Call::EndToken { id, token } => self.storage.atomically(|| {
                let ended = self.storage.exec(
                    "DELETE FROM tokens WHERE merchant_id = ? AND substr(fingerprint, 1, 8) = ?
                     RETURNING fingerprint",
                    &[id.as_str().into(), token.as_str().into()],
                )?;
                if ended.is_empty() {
                    return Ok(Answer::NotFound);
                }
                self.audit(&id, &format!("api-token {token} revoked"), "")?;
                Ok(Answer::Done)
            }),
            Call::RevokeToken { id, fingerprint } => self.storage.atomically(|| {
                let revoked = self.storage.exec(
                    "DELETE FROM tokens WHERE fingerprint = ? AND merchant_id = ?
                     RETURNING fingerprint",
                    &[fingerprint.as_str().into(), id.as_str().into()],
                )?;
                if revoked.is_empty() {
                    return Ok(Answer::NotFound);
                }
                let what = format!("api-token {} revoked", short(&fingerprint));
                self.audit(&id, &what, "")?;
                Ok(Answer::Done)
            }),
            Call::Reseal { id, sealed } => self.storage.atomically(|| {
                let outcome = self.seal_anew(&id, sealed)?;
                if matches!(outcome, Answer::Done) {
                    let what = "credentials sealed under the present MASTER_KEY";
                    self.audit(&id, what, "")?;
                }
                Ok(outcome)
            }),
            Call::List { after, limit } => {
                let rows = self.storage.exec(
                    "SELECT id FROM merchants WHERE id > ? ORDER BY id LIMIT ?",
                    &[after.into(), limit.into()],
                )?;
                let ids = rows.iter().map(|row| row.text(0).map(str::to_owned));
                ids.collect::<Result<_, _>>().map(Answer::Ids)
            }
            Call::Audit(page) => audit::read(&self.storage, &page).map(Answer::Audit),
            Call::Rotate {
                id,
                keys,
                earlier_expire_at_ms,
                sealed,
                entered,
                why,
            } => self.storage.atomically(|| {
                let rotated = self.rotate(&id, keys, earlier_expire_at_ms, sealed, &why)?;
                if matches!(rotated, Answer::Done) && !entered.is_empty() {
                    self.audit(&id, &format!("entered: {}", entered.join(", ")), &why)?;
                }
                Ok(rotated)
            }),
        }
    }

    /// Adds an api-token, inside a transaction. It expires at `expires_at_ms`,
    /// or with the api-key that it is made with.
    fn add_token(
        &self,
        id: &str,
        fingerprint: &str,
        expires_at_ms: i64,
        key_fingerprint: Option<String>,
    ) -> Result<Answer, StorageError> {
        let now_ms = self.runtime.now_ms();
        self.storage.exec(
            "DELETE FROM tokens WHERE expires_at_ms <= ?",
            &[now_ms.into()],
        )?;
        let sql = "SELECT count(*) FROM tokens WHERE merchant_id = ?";
        let held = self.storage.exec(sql, &[id.into()])?;
        if held.first().map(|row| row.int(0)).transpose()? >= Some(MAX_TOKENS) {
            return Ok(Answer::Full);
        }
        let mut until_ms = expires_at_ms;
        if let Some(key) = &key_fingerprint {
            let keys = self.storage.exec(
                "SELECT expires_at_ms FROM keys WHERE fingerprint = ? AND merchant_id = ?",
                &[key.as_str().into(), id.into()],
            )?;
            let Some(key) = keys.first() else {
                return Ok(Answer::NotFound);
            };
            until_ms = key
                .int_or_null(0)?
                .map_or(until_ms, |key_ends_ms| until_ms.min(key_ends_ms));
        }
        if until_ms <= now_ms {
            return Ok(Answer::NotFound);
        }
        let what = format!("api-token {} issued until {until_ms}", short(fingerprint));
        self.audit(id, &what, "")?;
        self.storage.exec(
            "INSERT INTO tokens(fingerprint, merchant_id, expires_at_ms, issued_at_ms,
                 key_fingerprint)
             VALUES(?, ?, ?, ?, ?)",
            &[
                fingerprint.into(),
                id.into(),
                until_ms.into(),
                now_ms.into(),
                key_fingerprint.into(),
            ],
        )?;
        Ok(Answer::Issued(until_ms))
    }

    fn tokens(&self, id: &str) -> Result<Vec<TokenFacts>, StorageError> {
        let rows = self.storage.exec(
            "SELECT fingerprint, issued_at_ms, expires_at_ms, key_fingerprint FROM tokens
             WHERE merchant_id = ? AND expires_at_ms > ? ORDER BY rowid DESC LIMIT ?",
            &[id.into(), self.runtime.now_ms().into(), MAX_TOKENS.into()],
        )?;
        rows.iter()
            .map(|row| {
                Ok(TokenFacts {
                    id: short(row.text(0)?).to_owned(),
                    issued_at_ms: row.int_or_null(1)?,
                    expires_at_ms: row.int(2)?,
                    api_key: row.text_or_null(3)?.map(|key| short(key).to_owned()),
                })
            })
            .collect()
    }

    /// The merchant that a join with `from` finds.
    fn find(&self, secret: &str, from: &str, args: &[Value]) -> Result<Answer, StorageError> {
        let sql = format!(
            "SELECT json, {secret}, coalesce(pems, '[]'), coalesce(asked_at_ms, 0)
             FROM merchants LEFT JOIN certificates ON certificates.merchant_id = id JOIN {from}"
        );
        let rows = self.storage.exec(&sql, args)?;
        let Some(row) = rows.first() else {
            return Ok(Answer::NotFound);
        };
        let merchant: Merchant = serde_json::from_slice(row.text(0)?.as_bytes())
            .map_err(|error| StorageError::unreadable_json("merchant", &error))?;
        let others = self.storage.exec(
            "SELECT 1 FROM sharing WHERE merchant_id = ?2 UNION ALL
             SELECT 1 FROM merchants WHERE json_extract(json, '$.account.mch_id') = ?1
             AND id <> ?2 LIMIT 1",
            &[
                merchant.account.mch_id.as_str().into(),
                merchant.id.as_str().into(),
            ],
        )?;
        let certificates = serde_json::from_slice(row.text(2)?.as_bytes())
            .map_err(|error| StorageError::unreadable_json("certificates", &error))?;
        Ok(Answer::Found(Box::new(Found {
            merchant,
            secret_fingerprint: row.text_or_null(1)?.map(str::to_owned),
            certificates,
            certificates_asked_at_ms: row.int(3)?,
            shares_account: !others.is_empty(),
            named_key: None,
        })))
    }

    fn create(
        &self,
        merchant: &Merchant,
        keys: KeyPair,
        why: &str,
    ) -> Result<Answer, StorageError> {
        let json = written(merchant)?;
        self.storage.atomically(|| {
            let held = self.storage.exec(
                "SELECT 1 FROM merchants WHERE id = ?",
                &[merchant.id.as_str().into()],
            )?;
            if !held.is_empty() {
                return Ok(Answer::Exists);
            }
            if let Some(file) = self.keep_domain_files(merchant)? {
                return Ok(Answer::FileTaken(file));
            }
            self.storage.exec(
                "INSERT INTO merchants(id, quick_auth_token, json) VALUES(?, ?, ?)",
                &[
                    merchant.id.as_str().into(),
                    merchant.quick_auth_token.as_str().into(),
                    json.into(),
                ],
            )?;
            let what = format!(
                "merchant made, {} {}, api-key {}",
                merchant.dialect.name(),
                merchant.account.mch_id,
                short(&keys.fingerprint)
            );
            self.audit(&merchant.id, &what, why)?;
            self.add_keys(&merchant.id, keys)?;
            Ok(Answer::Done)
        })
    }

    /// Replaces a merchant's domain check files, inside a transaction. If
    /// another merchant has a file of the same name with other contents, writes
    /// nothing and returns the name.
    fn keep_domain_files(&self, merchant: &Merchant) -> Result<Option<String>, StorageError> {
        let id = merchant.id.as_str();
        for (name, contents) in &merchant.domain_files.0 {
            let others = self.storage.exec(
                "SELECT 1 FROM domain_files WHERE name = ? AND merchant_id <> ? AND contents <> ?
                 LIMIT 1",
                &[name.as_str().into(), id.into(), contents.as_str().into()],
            )?;
            if !others.is_empty() {
                return Ok(Some(name.clone()));
            }
        }
        self.storage.exec(
            "DELETE FROM domain_files WHERE merchant_id = ?",
            &[id.into()],
        )?;
        for (name, contents) in &merchant.domain_files.0 {
            self.storage.exec(
                "INSERT INTO domain_files(name, merchant_id, contents) VALUES(?, ?, ?)",
                &[name.as_str().into(), id.into(), contents.as_str().into()],
            )?;
        }
        Ok(None)
    }

    /// Stores WeChat Pay's certificates, if the download succeeded, and the
    /// time of the download.
    fn keep_certificates(&self, id: &str, pems: Option<Vec<String>>) -> Result<(), StorageError> {
        let pems = pems.map(|pems| serde_json::Value::from(pems).to_string());
        self.storage.atomically(|| {
            let held = self.storage.exec(
                "SELECT pems FROM certificates WHERE merchant_id = ?",
                &[id.into()],
            )?;
            let held = held.first().map(|row| row.text(0)).transpose()?;
            if let Some(pems) = &pems
                && held != Some(pems)
            {
                let print = fingerprint(pems);
                let what = format!("WeChat Pay's certificates learned, {}", short(&print));
                self.audit(id, &what, "")?;
            }
            self.storage.exec(
                "INSERT INTO certificates(merchant_id, pems, asked_at_ms)
                 VALUES(?1, coalesce(?2, '[]'), ?3)
                 ON CONFLICT(merchant_id) DO UPDATE
                 SET pems = coalesce(?2, pems), asked_at_ms = ?3",
                &[
                    id.into(),
                    pems.as_deref().into(),
                    self.runtime.now_ms().into(),
                ],
            )?;
            Ok(())
        })
    }

    /// Writes a change of a merchant to the audit, inside its transaction.
    fn audit(&self, id: &str, what: &str, why: &str) -> Result<(), StorageError> {
        audit::add(&self.runtime, &self.storage, id, what, why)
    }

    /// Adds a pair of keys, inside a transaction.
    fn rotate(
        &self,
        id: &str,
        keys: KeyPair,
        expire_at_ms: i64,
        sealed: Option<[String; 2]>,
        why: &str,
    ) -> Result<Answer, StorageError> {
        let rows = self
            .storage
            .exec("SELECT id FROM merchants WHERE id = ?", &[id.into()])?;
        if rows.is_empty() {
            return Ok(Answer::NotFound);
        }
        match sealed.map(|sealed| self.seal_anew(id, sealed)) {
            None | Some(Ok(Answer::Done)) => {}
            Some(other) => return other,
        }
        let what = format!(
            "api-key {} made, earlier ones end at {expire_at_ms}",
            short(&keys.fingerprint)
        );
        self.audit(id, &what, why)?;
        if expire_at_ms <= self.runtime.now_ms() {
            // A holder of the earlier keys may have made keys and tokens with them.
            self.revoke_named_keys(id, why)?;
            let sql = "DELETE FROM tokens WHERE merchant_id = ? RETURNING fingerprint";
            for token in self.storage.exec(sql, &[id.into()])? {
                let what = format!("api-token {} revoked", short(token.text(0)?));
                self.audit(id, &what, why)?;
            }
        }
        // A pair with an earlier expiry keeps it.
        self.storage.exec(
            "UPDATE keys SET expires_at_ms = min(coalesce(expires_at_ms, ?2), ?2)
             WHERE merchant_id = ?1",
            &[id.into(), expire_at_ms.into()],
        )?;
        // Every token was made with one of these pairs, and expires with it. A
        // token of a pair that expires sooner has its expiry already.
        self.storage.exec(
            "UPDATE tokens SET expires_at_ms = min(expires_at_ms, ?2) WHERE merchant_id = ?1",
            &[id.into(), expire_at_ms.into()],
        )?;
        self.storage.exec(
            "DELETE FROM keys WHERE merchant_id = ? AND expires_at_ms <= ?",
            &[id.into(), self.runtime.now_ms().into()],
        )?;
        self.add_keys(id, keys)?;
        Ok(Answer::Done)
    }

    /// Replaces sealed credentials by a new sealed form, if they are still the
    /// expected ones, inside a transaction.
    fn seal_anew(&self, id: &str, [old, sealed]: [String; 2]) -> Result<Answer, StorageError> {
        let rows = self
            .storage
            .exec("SELECT json FROM merchants WHERE id = ?", &[id.into()])?;
        let Some(row) = rows.first() else {
            return Ok(Answer::NotFound);
        };
        let mut merchant: Merchant = serde_json::from_slice(row.text(0)?.as_bytes())
            .map_err(|error| StorageError::unreadable_json("merchant", &error))?;
        if merchant.sealed != old {
            return Ok(Answer::Exists);
        }
        merchant.sealed = sealed;
        self.storage.exec(
            "UPDATE merchants SET json = ? WHERE id = ?",
            &[written(&merchant)?.into(), id.into()],
        )?;
        Ok(Answer::Done)
    }

    fn add_keys(&self, id: &str, keys: KeyPair) -> Result<(), StorageError> {
        self.storage.exec(
            "INSERT INTO keys(fingerprint, merchant_id, secret_fingerprint) VALUES(?, ?, ?)",
            &[
                keys.fingerprint.into(),
                id.into(),
                keys.secret_fingerprint.into(),
            ],
        )?;
        Ok(())
    }
}

/// Columns that a registry of an earlier version lacks: table, column, type.
const ADDED: [(&str, &str, &str); 2] = [
    ("tokens", "issued_at_ms", "INTEGER"),
    ("tokens", "key_fingerprint", "TEXT"),
];

/// The stored form of a merchant.
fn written(merchant: &Merchant) -> Result<String, StorageError> {
    serde_json::to_string(merchant)
        .map_err(|error| StorageError::unreadable_json("merchant", &error))
}
