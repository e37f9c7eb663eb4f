//! Pointers: from a name to the merchants that may have it.
//!
//! ```text
//! pointers( kind, name, merchant_id, detail, at_ms, until_ms or NULL )
//! ```
//!
//! A pointer is stored in the shard of its name and is a hint. The merchant's
//! own shard decides whether the merchant still has the name: an outdated
//! pointer authorises nothing. It is written before the row that it points to,
//! so that no row is ever without its pointer.

use super::{Registry, store};
use crate::merchants::merchant::{Dialect, Merchant};
use crate::runtime::Shard;
use crate::runtime::{Runtime, Storage, StorageError};
use order::Account;
use serde::{Deserialize, Serialize};

/// The row that a claim is made for is written within this time, or never.
pub const CLAIM_MS: i64 = 30_000;
/// How long a claim counts as the merchant's, whether its row is written or
/// not. The difference to [`CLAIM_MS`] is more than two clocks may differ.
const SETTLED_MS: i64 = 120_000;

/// The kind of a pointer's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The fingerprint of an api-key.
    ApiKey,
    /// The fingerprint of an api-token.
    Token,
    /// The fingerprint of a named key.
    NamedKey,
    /// A Quick Auth token.
    QuickAuth,
    /// What a person signs in to the console with.
    Login,
    /// The name of a domain check file; the detail is its contents.
    DomainFile,
    /// A merchant id, a sub-merchant's and an application at WeChat.
    Account,
    /// A merchant id at WeChat.
    MchId,
    /// An institution's merchant id and a sub-merchant's, for v3.
    SubMerchant,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::Token => "token",
            Self::NamedKey => "named_key",
            Self::QuickAuth => "quick_auth",
            Self::Login => "login",
            Self::DomainFile => "domain_file",
            Self::Account => "account",
            Self::MchId => "mch_id",
            Self::SubMerchant => "sub_merchant",
        }
    }

    /// Whether two merchants can have one name only with the same detail.
    const fn is_exclusive(self) -> bool {
        match self {
            Self::ApiKey
            | Self::Token
            | Self::NamedKey
            | Self::QuickAuth
            | Self::Login
            | Self::DomainFile => true,
            Self::Account | Self::MchId | Self::SubMerchant => false,
        }
    }
}

/// A pointer from a name to a merchant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    /// The kind of the name.
    pub kind: Kind,
    /// The name.
    pub name: String,
    /// The merchant that may have it.
    pub merchant_id: String,
    /// A domain check file's contents; otherwise the merchant's id, or empty.
    pub detail: String,
    /// When it was last claimed, Unix milliseconds; set by the shard.
    pub at_ms: i64,
    /// When it expires, Unix milliseconds.
    pub until_ms: Option<i64>,
}

impl Pointer {
    /// The shard that stores it.
    pub fn shard(&self) -> Shard {
        Shard::of(&self.name)
    }

    /// Whether the claim is so old that its row is written, or never will be.
    pub const fn is_settled(&self, now_ms: i64) -> bool {
        self.at_ms + SETTLED_MS < now_ms
    }

    /// Whether it has the same name, merchant and detail.
    pub fn is_like(&self, other: &Self) -> bool {
        (self.kind, &self.name, &self.merchant_id, &self.detail)
            == (other.kind, &other.name, &other.merchant_id, &other.detail)
    }

    /// A pointer from a name that only one merchant can have.
    pub fn only(kind: Kind, name: &str, merchant_id: &str) -> Self {
        Self {
            detail: merchant_id.to_owned(),
            ..Self::shared(kind, name.to_owned(), merchant_id)
        }
    }

    fn shared(kind: Kind, name: String, merchant_id: &str) -> Self {
        Self {
            kind,
            name,
            merchant_id: merchant_id.to_owned(),
            detail: String::new(),
            at_ms: 0,
            until_ms: None,
        }
    }

    /// The pointers to a merchant's account at WeChat.
    pub fn of_account(id: &str, account: &Account, dialect: &Dialect) -> Vec<Self> {
        let sub_mch_id = account.sub_mch_id.as_deref();
        let mut all = vec![
            Self::shared(
                Kind::Account,
                account_name(&account.mch_id, sub_mch_id, &account.appid),
                id,
            ),
            Self::shared(Kind::MchId, account.mch_id.clone(), id),
        ];
        if let (Some(sub_mch_id), Dialect::V3(_)) = (sub_mch_id, dialect) {
            let name = sub_merchant_name(&account.mch_id, sub_mch_id);
            all.push(Self::shared(Kind::SubMerchant, name, id));
        }
        all
    }

    /// The pointers to a merchant's domain check files, without those that it
    /// had before.
    pub fn of_files(merchant: &Merchant, before: Option<&Merchant>) -> Vec<Self> {
        let had = |name: &String| before.and_then(|before| before.domain_files.0.get(name));
        let files = merchant.domain_files.0.iter();
        files
            .filter(|(name, contents)| had(name) != Some(*contents))
            .map(|(name, contents)| Self::of_file(&merchant.id, name, contents))
            .collect()
    }

    pub(super) fn of_file(id: &str, name: &str, contents: &str) -> Self {
        Self {
            detail: contents.to_owned(),
            ..Self::shared(Kind::DomainFile, name.to_owned(), id)
        }
    }
}

/// The name of [`Kind::Account`].
pub fn account_name(mch_id: &str, sub_mch_id: Option<&str>, appid: &str) -> String {
    format!("{mch_id}/{}/{appid}", sub_mch_id.unwrap_or_default())
}

/// The name of [`Kind::SubMerchant`].
pub fn sub_merchant_name(mch_id: &str, sub_mch_id: &str) -> String {
    format!("{mch_id}/{sub_mch_id}")
}

impl<R: Runtime, S: Storage> Registry<R, S> {
    /// Writes a pointer, unless another merchant has its name with another
    /// detail. Returns the other merchants' pointers: those that prevent it,
    /// or, of a name that several may have, the earliest.
    pub(super) fn claim(&self, pointer: &Pointer) -> Result<Vec<Pointer>, StorageError> {
        let now_ms = self.runtime.now_ms();
        store::pointers::remove_expired(&self.storage, now_ms)?;
        let is_exclusive = pointer.kind.is_exclusive();
        let others = match is_exclusive {
            true => store::pointers::conflicting(&self.storage, pointer),
            false => store::pointers::earliest_other(&self.storage, pointer),
        }?;
        if others.is_empty() || !is_exclusive {
            let claimed = Pointer {
                at_ms: now_ms,
                ..pointer.clone()
            };
            store::pointers::put(&self.storage, &claimed)?;
        }
        Ok(others)
    }
}
