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
//! kept_answers( … )                                       see `kept_answers.rs`
//! people( … ), invitations( … ), console_sessions( … )     see `people.rs`
//! certificates( merchant_id, pems, asked_at_ms )          WeChat Pay's, for v3
//! domain_files( name, merchant_id, contents )             an index of settings
//! audit( id, subject, what, … )                            see `audit.rs`
//! ```
//!
//! Of an api-key and its api-secret only SHA-256 fingerprints are kept: they
//! are random texts of 128 bits and more, so a fingerprint gives nothing away.

pub mod command;
mod kept_answers;
mod named_keys;
pub mod people;
mod pointers;
mod root;
mod store;

pub use self::command::{Answer, Call, Command, Envelope, Found, KeyPair, TokenFacts};
pub use self::named_keys::NamedKey;
pub use self::pointers::{CLAIM_MS, Kind, Pointer, account_name, sub_merchant_name};
pub use self::root::{Cursor, Page};

use self::command::{
    Accounts, AddNamedKey, AddToken, Audit, ByApiKey, ById, ByNamedKey, ByQuickAuth, BySubMerchant,
    ByToken, Change, Claim, Create, DomainFile, EndToken, Export, FindKept, Import,
    KeepCertificates, List, NamedKeys, NewToken, Pointers, Reply, Reseal, Retire, Retired,
    RevokeNamedKey, RevokeToken, Rotate, SameAccount, Saved, Sealed, Share, Tokens, Transfer,
    Unpoint,
};
use self::store::keys::Token;
use self::store::merchants::StoredMerchant;
use crate::merchants::merchant::Merchant;
use crate::merchants::seal::{fingerprint, short};
use crate::observe::audit;
use crate::observe::{Log, answer_bytes};
use crate::runtime::{Runtime, Storage, StorageError, StorageFault};
use crate::transfer::{self, Step};
use std::cell::Cell;

/// The most api-tokens of one merchant that are valid at once.
const MAX_TOKENS: i64 = 100;

/// One of the registry's objects, on any runtime and storage.
#[derive(Debug)]
pub struct Registry<R, S> {
    runtime: R,
    storage: S,
    /// The database refuses writes of an earlier version.
    frozen: Cell<bool>,
    /// The earlier registry was read completely.
    imported: Cell<bool>,
    /// Whether the object is neither closed nor being written.
    serving: Cell<bool>,
}

impl<R: Runtime, S: Storage> Registry<R, S> {
    /// Opens the object, making its tables the first time.
    pub fn open(runtime: R, storage: S) -> Result<Self, StorageError> {
        let serving = transfer::is_serving(&storage)?;
        if serving {
            store::schema::migrate(&storage)?;
        }
        let registry = Self {
            runtime,
            storage,
            frozen: Cell::new(false),
            imported: Cell::new(false),
            serving: Cell::new(serving),
        };
        if serving && let Err(error) = registry.remove_kept() {
            registry.runtime.log(format_args!("kept answers: {error}"));
        }
        Ok(registry)
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
                match error.fault {
                    StorageFault::Gateway => Answer::Broken,
                    fault => Answer::Disk(fault),
                }
            });
        answer_bytes(&self.runtime, &answer)
    }

    /// Executes a call as the one registry of earlier versions. It is read only,
    /// and what it does not have may be in a shard: an isolate of an earlier
    /// version that asks for it must repeat its request.
    fn of_root(&self, call: Call) -> Result<Answer, StorageError> {
        self.freeze()?;
        let answer = match call {
            Call::Export(Export { shard, cursor }) => {
                return reply::<Export>(Box::new(self.export(shard, &cursor)?));
            }
            Call::Retire(Retire { id }) => {
                store::earlier::remove_credentials(&self.storage, &id)?;
                return reply::<Retire>(());
            }
            call @ (Call::ByApiKey(_)
            | Call::ByToken(_)
            | Call::ById(_)
            | Call::ByQuickAuth(_)
            | Call::BySubMerchant(_)
            | Call::DomainFile(_)
            | Call::SameAccount(_)
            | Call::Tokens(_)
            | Call::List(_)
            | Call::Audit(_)) => self.answer(call)?,
            _ => Answer::NotFound,
        };
        match answer {
            Answer::NotFound => Err(StorageError::new(
                "an earlier version asked for what is in the shards now".to_owned(),
            )),
            answer => Ok(answer),
        }
    }

    /// Executes a call as a shard.
    fn of_shard(&self, not_after_ms: Option<i64>, call: Call) -> Result<Answer, StorageError> {
        match call {
            // A shard is closed only when it has all its rows.
            Call::Transfer(Transfer { step, .. })
                if !matches!(step, Step::Begin { .. } | Step::Close { .. })
                    || self.cursor()?.is_none() =>
            {
                let outcome = transfer::take(&self.storage, step)?;
                let serves = transfer::is_serving(&self.storage)?;
                if serves && !self.serving.get() {
                    // The program may have been replaced while the shard was closed.
                    store::schema::migrate(&self.storage)?;
                }
                self.serving.set(serves);
                return reply::<Transfer>(Box::new(outcome));
            }
            Call::Accounts(Accounts { after, limit, .. }) => {
                let accounts = store::merchants::accounts(&self.storage, &after, limit)?;
                return reply::<Accounts>(accounts);
            }
            _ if !self.serving.get() => return Ok(Answer::Closed),
            _ => {}
        }
        if let Call::Import(Import { cursor, page }) = &call {
            self.storage.atomically(|| self.import(cursor, page))?;
            return reply::<Import>(());
        }
        if let Some(cursor) = self.cursor()? {
            return Ok(Answer::NotImported(cursor));
        }
        if not_after_ms.is_some_and(|not_after_ms| not_after_ms < self.runtime.now_ms()) {
            return Ok(Answer::TooLate);
        }
        if let Some(id) = call.changes()
            && store::earlier::is_at_root(&self.storage, id)?
        {
            return Ok(Answer::AtRoot(id.to_owned()));
        }
        self.answer(call)
    }

    fn answer(&self, call: Call) -> Result<Answer, StorageError> {
        let (storage, now_ms) = (&self.storage, self.runtime.now_ms());
        match call {
            Call::Claim(Claim(pointer)) => {
                reply::<Claim>(storage.atomically(|| self.claim(&pointer))?)
            }
            Call::Pointers(Pointers { kind, name }) => {
                reply::<Pointers>(store::pointers::list(storage, kind, &name)?)
            }
            Call::Unpoint(Unpoint(pointer)) => {
                reply::<Unpoint>(store::pointers::remove(storage, &pointer)?)
            }
            Call::Share(Share { id }) => reply::<Share>(store::pointers::share(storage, &id)?),
            Call::Retired(Retired { id }) => {
                reply::<Retired>(store::earlier::remove_at_root(storage, &id)?)
            }
            Call::Shard { .. }
            | Call::Transfer(_)
            | Call::Accounts(_)
            | Call::Export(_)
            | Call::Import(_)
            | Call::Retire(_) => Err(StorageError::new("a call of another object")),
            Call::ByApiKey(ByApiKey { fingerprint }) => {
                let row = store::merchants::by_api_key(storage, &fingerprint, now_ms)?;
                reply::<ByApiKey>(self.found(row)?)
            }
            Call::ByToken(ByToken { fingerprint }) => {
                let row = store::merchants::by_token(storage, &fingerprint, now_ms)?;
                reply::<ByToken>(self.found(row)?)
            }
            Call::ByNamedKey(ByNamedKey { fingerprint }) => {
                reply::<ByNamedKey>(self.by_named_key(&fingerprint)?)
            }
            Call::AddNamedKey(AddNamedKey {
                id,
                fingerprint,
                key,
                parent,
                once,
            }) => {
                let (parent, once) = (parent.as_deref(), once.as_ref());
                let added =
                    storage.atomically(|| self.add_named_key(&id, &fingerprint, key, parent, once));
                reply::<AddNamedKey>(added?)
            }
            Call::FindKept(FindKept { id, key }) => reply::<FindKept>(self.kept_answer(&id, &key)?),
            Call::NamedKeys(NamedKeys { id }) => reply::<NamedKeys>(self.named_keys(&id)?),
            Call::RevokeNamedKey(RevokeNamedKey { id, key }) => {
                let revoked = storage.atomically(|| self.revoke_named_key(&id, &key));
                reply::<RevokeNamedKey>(revoked?)
            }
            Call::People(call) => self.of_people(call),
            Call::ById(ById { id }) => reply::<ById>(self.by_id(&id)?),
            Call::ByQuickAuth(ByQuickAuth { token }) => {
                let row = store::merchants::by_quick_auth(storage, &token)?;
                reply::<ByQuickAuth>(self.found(row)?)
            }
            Call::BySubMerchant(BySubMerchant { mch_id, sub_mch_id }) => {
                let row = store::merchants::by_sub_merchant(storage, &mch_id, &sub_mch_id)?;
                reply::<BySubMerchant>(self.found(row)?)
            }
            Call::DomainFile(DomainFile { name }) => {
                reply::<DomainFile>(store::merchants::domain_file(storage, &name)?)
            }
            Call::KeepCertificates(KeepCertificates { id, pems }) => {
                reply::<KeepCertificates>(self.keep_certificates(&id, pems)?)
            }
            Call::SameAccount(SameAccount {
                mch_id,
                sub_mch_id,
                appid,
            }) => {
                let sub_mch_id = sub_mch_id.as_deref();
                let ids = store::merchants::with_account(storage, &mch_id, sub_mch_id, &appid);
                reply::<SameAccount>(ids?)
            }
            Call::Create(create) => reply::<Create>(storage.atomically(|| self.create(&create))?),
            Call::Change(change) => reply::<Change>(storage.atomically(|| self.change(&change))?),
            Call::AddToken(token) => {
                reply::<AddToken>(storage.atomically(|| self.add_token(&token))?)
            }
            Call::Tokens(Tokens { id }) => reply::<Tokens>(self.tokens(&id)?),
            Call::EndToken(EndToken { id, token }) => {
                let ended = storage.atomically(|| {
                    let ended = store::keys::remove_token_named(storage, &id, &token)?;
                    self.audit_revoked(&id, ended.then_some(&token))
                });
                reply::<EndToken>(ended?)
            }
            Call::RevokeToken(RevokeToken { id, fingerprint }) => {
                let revoked = storage.atomically(|| {
                    let revoked = store::keys::remove_token(storage, &id, &fingerprint)?;
                    self.audit_revoked(&id, revoked.then_some(&fingerprint))
                });
                reply::<RevokeToken>(revoked?)
            }
            Call::Reseal(Reseal { id, sealed }) => {
                let resealed = storage.atomically(|| {
                    let resealed = self.seal_anew(&id, &sealed)?;
                    if matches!(resealed, Sealed::Done) {
                        let what = "credentials sealed under the present MASTER_KEY";
                        self.audit(&id, what, "")?;
                    }
                    Ok::<_, StorageError>(resealed)
                });
                reply::<Reseal>(resealed?)
            }
            Call::List(List { after, limit }) => {
                reply::<List>(store::merchants::ids(storage, &after, limit)?)
            }
            Call::Audit(Audit(page)) => reply::<Audit>(audit::read(storage, &page)?),
            Call::Rotate(rotate) => reply::<Rotate>(storage.atomically(|| self.rotate(&rotate))?),
        }
    }

    /// Adds an api-token, inside a transaction. It expires at its `expires_at_ms`,
    /// or with the api-key that it is made with.
    fn add_token(&self, token: &AddToken) -> Result<NewToken, StorageError> {
        let (storage, now_ms) = (&self.storage, self.runtime.now_ms());
        let AddToken {
            id,
            fingerprint,
            expires_at_ms,
            key_fingerprint,
            once,
        } = token;
        if let Some(kept) = self.before(id, once.as_ref())? {
            return Ok(NewToken::Before(kept));
        }
        store::keys::remove_expired_tokens(storage, now_ms)?;
        if store::keys::count_tokens(storage, id)? >= MAX_TOKENS {
            return Ok(NewToken::Full);
        }
        let mut until_ms = *expires_at_ms;
        if let Some(key) = key_fingerprint {
            let Some(key_ends_ms) = store::keys::expiry(storage, id, key)? else {
                return Ok(NewToken::NotFound);
            };
            until_ms = key_ends_ms.map_or(until_ms, |ends_ms| until_ms.min(ends_ms));
        }
        if until_ms <= now_ms {
            return Ok(NewToken::NotFound);
        }
        let what = format!("api-token {} issued until {until_ms}", short(fingerprint));
        self.audit(id, &what, "")?;
        let token = Token {
            fingerprint: fingerprint.clone(),
            expires_at_ms: until_ms,
            issued_at_ms: Some(now_ms),
            key_fingerprint: key_fingerprint.clone(),
        };
        store::keys::insert_token(storage, id, &token)?;
        self.keep(id, once.as_ref(), Some(until_ms))?;
        Ok(NewToken::Issued(until_ms))
    }

    fn tokens(&self, id: &str) -> Result<Vec<TokenFacts>, StorageError> {
        let tokens = store::keys::tokens(&self.storage, id, self.runtime.now_ms(), MAX_TOKENS)?;
        let facts = |token: Token| TokenFacts {
            id: short(&token.fingerprint).to_owned(),
            issued_at_ms: token.issued_at_ms,
            expires_at_ms: token.expires_at_ms,
            api_key: token.key_fingerprint.map(|key| short(&key).to_owned()),
        };
        Ok(tokens.into_iter().map(facts).collect())
    }

    /// Writes to the audit that a token was revoked, inside its transaction.
    /// Whether there was one.
    fn audit_revoked(&self, id: &str, revoked: Option<&String>) -> Result<bool, StorageError> {
        if let Some(fingerprint) = revoked {
            let what = format!("api-token {} revoked", short(fingerprint));
            self.audit(id, &what, "")?;
        }
        Ok(revoked.is_some())
    }

    fn by_id(&self, id: &str) -> Result<Option<Box<Found>>, StorageError> {
        self.found(store::merchants::by_id(&self.storage, id)?)
    }

    /// The merchant of a row.
    fn found(&self, row: Option<StoredMerchant>) -> Result<Option<Box<Found>>, StorageError> {
        let Some(row) = row else {
            return Ok(None);
        };
        let merchant = read_merchant(&row.json)?;
        let mch_id = &merchant.account.mch_id;
        let shares_account = store::merchants::shares_account(&self.storage, &merchant.id, mch_id)?;
        let certificates = serde_json::from_slice(row.pems.as_bytes())
            .map_err(|error| StorageError::unreadable_json("certificates", &error))?;
        Ok(Some(Box::new(Found {
            merchant,
            secret_fingerprint: row.secret_fingerprint,
            certificates,
            certificates_asked_at_ms: row.asked_at_ms,
            shares_account,
            named_key: None,
            signed_in: None,
        })))
    }

    /// Inside a transaction.
    fn create(&self, create: &Create) -> Result<Saved, StorageError> {
        let Create {
            merchant,
            keys,
            why,
        } = create;
        let (storage, id) = (&self.storage, merchant.id.as_str());
        if store::merchants::json(storage, id)?.is_some() {
            return Ok(Saved::Conflict);
        }
        if let Some(file) = self.keep_domain_files(merchant)? {
            return Ok(Saved::FileTaken(file));
        }
        let json = written(merchant)?;
        store::merchants::insert(storage, id, &merchant.quick_auth_token, &json)?;
        let what = format!(
            "merchant made, {} {}, api-key {}",
            merchant.dialect.name(),
            merchant.account.mch_id,
            short(&keys.fingerprint)
        );
        self.audit(id, &what, why)?;
        store::keys::insert(storage, id, keys)?;
        Ok(Saved::Done)
    }

    /// Inside a transaction.
    fn change(&self, change: &Change) -> Result<Saved, StorageError> {
        let Change { before, after, why } = change;
        let id = before.id.as_str();
        if self
            .by_id(id)?
            .is_none_or(|found| found.merchant != **before)
        {
            return Ok(Saved::Conflict);
        }
        if before == after && why.is_empty() {
            return Ok(Saved::Done);
        }
        if let Some(file) = self.keep_domain_files(after)? {
            return Ok(Saved::FileTaken(file));
        }
        self.audit(id, &after.change_from(before), why)?;
        store::merchants::update(&self.storage, id, &written(after)?)?;
        Ok(Saved::Done)
    }

    /// Replaces a merchant's domain check files, inside a transaction. If another
    /// merchant has one of them with other contents, writes nothing and returns
    /// its name.
    fn keep_domain_files(&self, merchant: &Merchant) -> Result<Option<String>, StorageError> {
        let (storage, id) = (&self.storage, merchant.id.as_str());
        for (name, contents) in &merchant.domain_files.0 {
            if store::merchants::is_domain_file_taken(storage, name, id, contents)? {
                return Ok(Some(name.clone()));
            }
        }
        store::merchants::remove_domain_files(storage, id)?;
        for (name, contents) in &merchant.domain_files.0 {
            store::merchants::insert_domain_file(storage, name, id, contents)?;
        }
        Ok(None)
    }

    /// Stores WeChat Pay's certificates, where it returned some, and the time of
    /// the request.
    fn keep_certificates(&self, id: &str, pems: Option<Vec<String>>) -> Result<(), StorageError> {
        let storage = &self.storage;
        let pems = pems.map(|pems| serde_json::Value::from(pems).to_string());
        storage.atomically(|| {
            if let Some(pems) = &pems
                && store::merchants::pems(storage, id)?.as_ref() != Some(pems)
            {
                let print = fingerprint(pems);
                let what = format!("WeChat Pay's certificates learned, {}", short(&print));
                self.audit(id, &what, "")?;
            }
            let now_ms = self.runtime.now_ms();
            store::merchants::set_certificates(storage, id, pems.as_deref(), now_ms)
        })
    }

    /// Writes a change of a merchant to the audit, inside its transaction.
    fn audit(&self, id: &str, what: &str, why: &str) -> Result<(), StorageError> {
        audit::add(&self.runtime, &self.storage, id, what, why)
    }

    /// Inside a transaction.
    fn rotate(&self, rotate: &Rotate) -> Result<Sealed, StorageError> {
        let Rotate {
            id,
            keys,
            earlier_expire_at_ms,
            sealed,
            entered,
            why,
            is_test,
        } = rotate;
        let (storage, now_ms) = (&self.storage, self.runtime.now_ms());
        let until_ms = *earlier_expire_at_ms;
        let Some(json) = store::merchants::json(storage, id)? else {
            return Ok(Sealed::NotFound);
        };
        let mut merchant = read_merchant(&json)?;
        if merchant.is_test.is_none() && is_test.is_some() {
            merchant.is_test = *is_test;
            store::merchants::update(storage, id, &written(&merchant)?)?;
        }
        if let Some(sealed) = sealed {
            match self.seal_anew(id, sealed)? {
                Sealed::Done => {}
                refused => return Ok(refused),
            }
        }
        let made = short(&keys.fingerprint);
        let what = format!("api-key {made} made, earlier ones end at {until_ms}");
        self.audit(id, &what, why)?;
        if until_ms <= now_ms {
            // A holder of the earlier keys may have made keys and tokens with them.
            self.revoke_named_keys(id, why)?;
            for token in store::keys::remove_tokens(storage, id)? {
                self.audit(id, &format!("api-token {} revoked", short(&token)), why)?;
            }
        }
        store::keys::expire_at(storage, id, until_ms)?;
        store::keys::remove_expired(storage, id, now_ms)?;
        store::keys::insert(storage, id, keys)?;
        if !entered.is_empty() {
            self.audit(id, &format!("entered: {}", entered.join(", ")), why)?;
        }
        Ok(Sealed::Done)
    }

    /// Replaces the sealed credentials with new ones, if they still are those
    /// that the new ones were made from, inside a transaction.
    fn seal_anew(&self, id: &str, [old, sealed]: &[String; 2]) -> Result<Sealed, StorageError> {
        let Some(json) = store::merchants::json(&self.storage, id)? else {
            return Ok(Sealed::NotFound);
        };
        let mut merchant = read_merchant(&json)?;
        if merchant.sealed != *old {
            return Ok(Sealed::Conflict);
        }
        merchant.sealed.clone_from(sealed);
        store::merchants::update(&self.storage, id, &written(&merchant)?)?;
        Ok(Sealed::Done)
    }
}

/// The reply to a command, as it is sent.
fn reply<C: Command>(reply: C::Reply) -> Result<Answer, StorageError> {
    Ok(reply.into_answer())
}

fn read_merchant(json: &str) -> Result<Merchant, StorageError> {
    serde_json::from_slice(json.as_bytes())
        .map_err(|error| StorageError::unreadable_json("merchant", &error))
}

/// A merchant as it is stored.
fn written(merchant: &Merchant) -> Result<String, StorageError> {
    serde_json::to_string(merchant)
        .map_err(|error| StorageError::unreadable_json("merchant", &error))
}
