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
//! earlier registry loses its credentials ([`earlier::remove_credentials`]). No version
//! can read the row after that, so a version that still runs, or runs again
//! after a rollback, refuses the merchant and accepts no revoked key.

use super::Registry;
use super::pointers::{Kind, Pointer};
use super::store::earlier::{Certificates, Key, Token};
use super::store::{self, earlier};
use crate::merchants::merchant::Dialect;
use crate::observe::Log;
use crate::observe::audit::{self, Entry};
use crate::runtime::Shard;
use crate::runtime::{Runtime, Storage, StorageError};
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

/// A merchant with all its rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Moved {
    id: String,
    quick_auth_token: String,
    json: String,
    keys: Vec<Key>,
    tokens: Vec<Token>,
    certificates: Option<Certificates>,
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

/// Functions of the earlier registry.
impl<R: Runtime, S: Storage> Registry<R, S> {
    /// Makes its database refuse changes from now on.
    pub(super) fn freeze(&self) -> Result<(), StorageError> {
        if !self.frozen.get() {
            earlier::freeze(&self.storage)?;
            self.frozen.set(true);
        }
        Ok(())
    }

    /// The page of a shard after a cursor.
    pub(super) fn export(&self, shard: Shard, cursor: &Cursor) -> Result<Page, StorageError> {
        let mut page = Page::default();
        let now_ms = self.runtime.now_ms();
        let merchants = earlier::merchants(&self.storage, &cursor.after, MERCHANTS)?;
        let mut after = cursor.after.as_str();
        let mut behind = cursor.entry;
        let mut room = ENTRIES;
        for merchant in &merchants {
            let (id, json) = (merchant.id.as_str(), merchant.json.as_str());
            let own = Shard::of(id) == shard;
            let keys = earlier::keys(&self.storage, id, now_ms)?;
            let tokens = earlier::tokens(&self.storage, id, now_ms)?;
            let mut pointers = self.account_pointers(id, json);
            pointers.push(Pointer::only(
                Kind::QuickAuth,
                &merchant.quick_auth_token,
                id,
            ));
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
                let audit = audit::after(&self.storage, id, behind, room)?;
                let last = audit.last().map_or(behind, |entry| entry.id);
                room -= i64::try_from(audit.len()).unwrap_or(room);
                page.merchants.push(Moved {
                    id: id.to_owned(),
                    quick_auth_token: merchant.quick_auth_token.clone(),
                    json: json.to_owned(),
                    keys,
                    tokens,
                    certificates: earlier::certificates(&self.storage, id)?,
                    shares_account: earlier::shares_account(&self.storage, id, json)?,
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
        let full = i64::try_from(merchants.len()).is_ok_and(|n| n == MERCHANTS);
        page.next = full.then(|| Cursor {
            after: after.to_owned(),
            entry: 0,
        });
        Ok(page)
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
}

/// Functions of a shard.
impl<R: Runtime, S: Storage> Registry<R, S> {
    /// How far the shard has read the earlier registry; `None` when it has read
    /// all of it.
    pub(super) fn cursor(&self) -> Result<Option<Cursor>, StorageError> {
        if self.imported.get() {
            return Ok(None);
        }
        let cursor = match earlier::cursor(&self.storage)? {
            None => Some(Cursor::default()),
            Some(json) => serde_json::from_slice(json.as_bytes())
                .map_err(|error| StorageError::unreadable_json("cursor", &error))?,
        };
        self.imported.set(cursor.is_none());
        Ok(cursor)
    }

    /// Stores a page, inside a transaction, if it is the next one.
    pub(super) fn import(&self, cursor: &Cursor, page: &Page) -> Result<(), StorageError> {
        if self.cursor()?.as_ref() != Some(cursor) {
            // Another caller has brought it.
            return Ok(());
        }
        for merchant in &page.merchants {
            self.take_over(merchant)?;
        }
        for pointer in &page.pointers {
            store::pointers::put(&self.storage, pointer)?;
        }
        let next = serde_json::to_string(&page.next)
            .map_err(|error| StorageError::unreadable_json("cursor", &error))?;
        earlier::set_cursor(&self.storage, &next)
    }

    fn take_over(&self, moved: &Moved) -> Result<(), StorageError> {
        let (storage, id) = (&self.storage, moved.id.as_str());
        earlier::copy_merchant(storage, id, &moved.quick_auth_token, &moved.json)?;
        if moved.shares_account {
            store::pointers::share(storage, id)?;
        }
        if let Ok(context) = serde_json::from_slice::<MerchantContext>(moved.json.as_bytes()) {
            for (name, contents) in &context.domain_files {
                earlier::copy_domain_file(storage, name, id, contents)?;
            }
        }
        for key in &moved.keys {
            earlier::copy_key(storage, id, key)?;
        }
        for token in &moved.tokens {
            earlier::copy_token(storage, id, token)?;
        }
        if let Some(certificates) = &moved.certificates {
            earlier::copy_certificates(storage, id, certificates)?;
        }
        for entry in &moved.audit {
            audit::take_over(storage, entry)?;
        }
        Ok(())
    }
}
