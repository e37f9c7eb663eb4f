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

use super::command::{Found, NewKey, Once};
use super::{Registry, store};
use crate::merchants::seal::short;
use crate::observe::{Log, audit};
use crate::route::Scope;
use crate::runtime::{Runtime, Storage, StorageError};
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

impl<R: Runtime, S: Storage> Registry<R, S> {
    /// The merchant that a named key belongs to, and the key.
    pub(super) fn by_named_key(
        &self,
        fingerprint: &str,
    ) -> Result<Option<Box<Found>>, StorageError> {
        let (storage, now_ms) = (&self.storage, self.runtime.now_ms());
        let Some((id, key)) = store::named_keys::valid(storage, fingerprint, now_ms)? else {
            return Ok(None);
        };
        if key.used_at_ms.is_none_or(|at_ms| {
            // A clock that was set back does not keep a later time for ever.
            !(at_ms..at_ms + USED_APART_MS).contains(&now_ms)
        }) {
            // Where the database refuses writes, the key is still valid.
            if let Err(error) = store::named_keys::set_used(storage, fingerprint, now_ms) {
                self.runtime
                    .log(format_args!("a key's last use is not written: {error}"));
            }
        }
        let mut found = self.by_id(&id)?;
        if let Some(found) = &mut found {
            found.named_key = Some(key);
        }
        Ok(found)
    }

    /// Adds a named key, inside a transaction. `parent` is the fingerprint of the
    /// named key that it is made with.
    pub(super) fn add_named_key(
        &self,
        id: &str,
        fingerprint: &str,
        mut key: NamedKey,
        parent: Option<&str>,
        once: Option<&Once>,
    ) -> Result<NewKey, StorageError> {
        let (storage, now_ms) = (&self.storage, self.runtime.now_ms());
        if let Some(kept) = self.before(id, once)? {
            return Ok(NewKey::Before(kept));
        }
        store::named_keys::remove_expired(storage, now_ms)?;
        if let Some(parent) = parent {
            let Some(made_with) = store::named_keys::find(storage, id, parent)? else {
                return Ok(NewKey::NotFound);
            };
            if !key
                .scopes
                .iter()
                .all(|scope| made_with.scopes.contains(scope))
            {
                return Ok(NewKey::NotFound);
            }
            let ends = [key.expires_at_ms, made_with.expires_at_ms];
            key.expires_at_ms = ends.into_iter().flatten().min();
        }
        if store::named_keys::count(storage, id)? >= MAX_KEYS {
            return Ok(NewKey::Full);
        }
        let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.name()).collect();
        let scopes = scopes.join(" ");
        let until = match key.expires_at_ms {
            Some(at_ms) => format!("until {at_ms}"),
            None => "without an end".to_owned(),
        };
        let what = format!("key {} made {until}, scopes {scopes}", short(fingerprint));
        let named = format!(", named {}", key.name);
        audit::add_with_text(&self.runtime, storage, id, &what, &named, "")?;
        store::named_keys::insert(storage, id, fingerprint, &key, parent)?;
        self.keep(id, once, key.expires_at_ms)?;
        Ok(NewKey::Made(key.expires_at_ms))
    }

    /// A merchant's valid named keys, newest first.
    pub(super) fn named_keys(&self, id: &str) -> Result<Vec<NamedKey>, StorageError> {
        store::named_keys::list(&self.storage, id, self.runtime.now_ms(), MAX_KEYS)
    }

    /// Ends a named key and the keys that were made with it, inside a transaction.
    /// Whether there was one.
    pub(super) fn revoke_named_key(&self, id: &str, key: &str) -> Result<bool, StorageError> {
        let removed = store::named_keys::remove_with_children(&self.storage, id, key)?;
        self.audit_revoked_keys(id, &removed, "")?;
        Ok(!removed.is_empty())
    }

    /// Ends every named key of a merchant, inside a transaction.
    pub(super) fn revoke_named_keys(&self, id: &str, why: &str) -> Result<(), StorageError> {
        let removed = store::named_keys::remove_all(&self.storage, id)?;
        self.audit_revoked_keys(id, &removed, why)
    }

    fn audit_revoked_keys(
        &self,
        id: &str,
        fingerprints: &[String],
        why: &str,
    ) -> Result<(), StorageError> {
        for fingerprint in fingerprints {
            let what = format!("key {} revoked", short(fingerprint));
            self.audit(id, &what, why)?;
        }
        Ok(())
    }
}
