//! Finds merchants by key, id or token, and caches them for a short time.
//!
//! A change in the registry (a rotated key, a removed merchant) takes effect
//! everywhere within [`REMEMBER_MS`]. A name that is not found is cached for
//! five seconds, so that a flood of one unknown name does not reach the
//! registry; a new merchant is found at once unless it was looked up before.

use crate::cache::forget_oldest;
use crate::cache::{MISSING_MS, Missing};
use crate::http::error::{ApiError, Code};
use crate::merchants::credentials::Credentials;
use crate::merchants::merchant::{DomainFiles, Merchant, is_merchant_id};
use crate::merchants::people::SignedIn;
use crate::merchants::registry::NamedKey;
use crate::merchants::registry::command::{
    ByApiKey, ById, ByNamedKey, ByQuickAuth, ByToken, DomainFile,
};
use crate::merchants::registry::people::BySession;
use crate::merchants::seal::{MasterKey, fingerprint};
use crate::merchants::shards::ask;
use crate::observe::alarm::Alarm;
use crate::runtime::Runtime;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use subtle::ConstantTimeEq;
use wechatpay::rsa::Certificate;
use wechatpay::v3::Keyring;

const REMEMBER_MS: i64 = 30_000;
/// The most merchants in an isolate's cache; above this the oldest are removed.
const REMEMBER_AT_MOST: usize = 4096;

/// The most alarms that are noted before they are raised.
const MAX_PROBLEMS: usize = 16;

/// A merchant with its credentials unsealed, ready to sign.
#[derive(Debug)]
pub struct MerchantContext {
    /// The merchant.
    pub merchant: Merchant,
    /// The credentials that its messages are signed with.
    pub credentials: Credentials,
    /// The keys that v3's answers and notices are verified with.
    pub platform: RefCell<Platform>,
    /// Alarms to raise because of upstream's answers, with their subjects. The
    /// caller of the upstream raises them in the merchant's book.
    problems: RefCell<Vec<(Alarm, String)>>,
    /// Whether another merchant of this gateway has the same `mch_id`.
    pub shares_account: bool,
    /// The named key that it was found by.
    pub named_key: Option<NamedKey>,
    /// The person in whose session it was found.
    pub signed_in: Option<SignedIn>,
    secret_fingerprint: Option<String>,
}

/// WeChat Pay's keys, as stored for one merchant.
#[derive(Clone, Debug)]
pub struct Platform {
    /// The keys.
    pub keyring: Rc<Keyring>,
    /// When WeChat Pay's certificates were last requested, Unix milliseconds.
    pub asked_at_ms: i64,
}

impl Platform {
    fn of(credentials: &Credentials, pems: &[String], asked_at_ms: i64) -> Self {
        let v3 = credentials.v3.as_ref();
        let keyring = Keyring {
            // It could be parsed when it was stored, so it can be parsed again.
            certificates: pems
                .iter()
                .filter_map(|pem| Certificate::from_pem(pem).ok())
                .collect(),
            public_key: v3.and_then(|v3| v3.public_key.clone()),
        };
        Self {
            keyring: Rc::new(keyring),
            asked_at_ms,
        }
    }
}

impl MerchantContext {
    /// Notes an alarm to raise, once for each subject; returns whether it is
    /// new.
    pub fn note_problem(&self, alarm: Alarm, subject: &str) -> bool {
        let mut problems = self.problems.borrow_mut();
        let is_noted = |(noted, about): &(Alarm, String)| *noted == alarm && about == subject;
        let is_new = !problems.iter().any(is_noted) && problems.len() < MAX_PROBLEMS;
        if is_new {
            problems.push((alarm, subject.to_owned()));
        }
        is_new
    }

    /// The alarms that were noted since this was last called.
    pub fn take_problems(&self) -> Vec<(Alarm, String)> {
        self.problems.take()
    }

    /// Whether this is the api-secret of the api-key that found the merchant.
    pub fn has_secret(&self, api_secret: &str) -> bool {
        self.secret_fingerprint.as_ref().is_some_and(|kept| {
            kept.as_bytes()
                .ct_eq(fingerprint(api_secret).as_bytes())
                .into()
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum By {
    ApiKey(String),
    Token(String),
    NamedKey(String),
    /// A merchant's id, and the fingerprint of a person's session.
    Session(String, String),
    Id(String),
    QuickAuth(String),
}

impl By {
    /// Whether anything can have this name; if not, no lookup is made.
    fn is_well_formed(&self) -> bool {
        match self {
            // Fingerprints are computed here.
            Self::ApiKey(_) | Self::Token(_) | Self::NamedKey(_) => true,
            Self::Id(id) | Self::Session(id, _) => is_merchant_id(id),
            Self::QuickAuth(token) => {
                (1..=64).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_alphanumeric())
            }
        }
    }
}

/// A domain check file's contents, and until when they are cached, Unix
/// milliseconds.
type RememberedFile = (Option<Rc<str>>, i64);

/// The merchants that this isolate has cached.
#[derive(Debug)]
pub struct Directory {
    /// Whether the upstream is the sandbox.
    is_test: bool,
    remembered: RefCell<HashMap<By, (Rc<MerchantContext>, i64)>>,
    missing: Missing<By, ()>,
    /// Domain check files by name, each with the end of its cache time.
    files: RefCell<HashMap<String, RememberedFile>>,
}

impl Directory {
    /// An empty one. A merchant that was made for the other kind of upstream is
    /// refused: it has orders there, and would be sold for here.
    pub fn of(is_test: bool) -> Self {
        Self {
            is_test,
            remembered: RefCell::default(),
            missing: Missing::default(),
            files: RefCell::default(),
        }
    }

    /// Finds a merchant by its api-key.
    pub async fn by_api_key(
        &self,
        runtime: &impl Runtime,
        key: &MasterKey,
        api_key: &str,
    ) -> Result<Option<Rc<MerchantContext>>, ApiError> {
        self.find(runtime, key, By::ApiKey(fingerprint(api_key)))
            .await
    }

    /// Finds a merchant by an api-token.
    pub async fn by_token(
        &self,
        runtime: &impl Runtime,
        key: &MasterKey,
        token: &str,
    ) -> Result<Option<Rc<MerchantContext>>, ApiError> {
        self.find(runtime, key, By::Token(fingerprint(token))).await
    }

    /// Finds a merchant by a named key.
    pub async fn by_named_key(
        &self,
        runtime: &impl Runtime,
        key: &MasterKey,
        named_key: &str,
    ) -> Result<Option<Rc<MerchantContext>>, ApiError> {
        self.find(runtime, key, By::NamedKey(fingerprint(named_key)))
            .await
    }

    /// Forgets what is cached of a key or token, so that it is looked up again.
    pub fn forget(&self, text: &str) {
        let print = fingerprint(text);
        let mut remembered = self.remembered.borrow_mut();
        for by in [By::ApiKey, By::Token, By::NamedKey] {
            remembered.remove(&by(print.clone()));
        }
    }

    /// Finds a merchant by a person's session in its console: the merchant's id, and
    /// the session's fingerprint.
    pub async fn by_session(
        &self,
        runtime: &impl Runtime,
        key: &MasterKey,
        (id, fingerprint): (&str, &str),
    ) -> Result<Option<Rc<MerchantContext>>, ApiError> {
        let by = By::Session(id.to_owned(), fingerprint.to_owned());
        self.find(runtime, key, by).await
    }

    /// Removes a session from the cache of this isolate: it has ended or changed.
    pub fn forget_session(&self, id: &str, fingerprint: &str) {
        let by = By::Session(id.to_owned(), fingerprint.to_owned());
        self.remembered.borrow_mut().remove(&by);
    }

    /// Finds a merchant by its id.
    pub async fn by_id(
        &self,
        runtime: &impl Runtime,
        key: &MasterKey,
        id: &str,
    ) -> Result<Option<Rc<MerchantContext>>, ApiError> {
        self.find(runtime, key, By::Id(id.to_owned())).await
    }

    /// Finds a merchant by its Quick Auth token.
    pub async fn by_quick_auth(
        &self,
        runtime: &impl Runtime,
        key: &MasterKey,
        token: &str,
    ) -> Result<Option<Rc<MerchantContext>>, ApiError> {
        self.find(runtime, key, By::QuickAuth(token.to_owned()))
            .await
    }

    /// The contents of a domain check file, of any merchant: [`DomainFiles`].
    pub async fn domain_file(
        &self,
        runtime: &impl Runtime,
        name: &str,
    ) -> Result<Option<Rc<str>>, ApiError> {
        let now_ms = runtime.now_ms();
        if !DomainFiles::is_name(name) {
            return Ok(None);
        }
        if let Some((found, until_ms)) = self.files.borrow().get(name)
            && is_remembered(*until_ms, now_ms)
        {
            return Ok(found.clone());
        }
        let command = DomainFile {
            name: name.to_owned(),
        };
        let (found, for_ms): (Option<Rc<str>>, i64) = match ask(runtime, command).await? {
            Some(contents) => (Some(contents.into()), REMEMBER_MS),
            None => (None, MISSING_MS),
        };
        let mut files = self.files.borrow_mut();
        if files.len() >= REMEMBER_AT_MOST {
            forget_oldest(&mut files, |(_, until_ms)| *until_ms);
        }
        files.insert(name.to_owned(), (found.clone(), now_ms + for_ms));
        Ok(found)
    }

    /// Whether this merchant is cached as existing.
    pub fn knows(&self, id: &str, now_ms: i64) -> bool {
        let remembered = self.remembered.borrow();
        let context = remembered.get(&By::Id(id.to_owned()));
        context.is_some_and(|(_, until_ms)| is_remembered(*until_ms, now_ms))
    }

    async fn find(
        &self,
        runtime: &impl Runtime,
        key: &MasterKey,
        by: By,
    ) -> Result<Option<Rc<MerchantContext>>, ApiError> {
        let now_ms = runtime.now_ms();
        if let Some((context, until_ms)) = self.remembered.borrow().get(&by)
            && is_remembered(*until_ms, now_ms)
        {
            return Ok(Some(context.clone()));
        }
        if !by.is_well_formed() || self.missing.get(&by, now_ms).is_some() {
            return Ok(None);
        }
        let found = match by.clone() {
            By::ApiKey(fingerprint) => ask(runtime, ByApiKey { fingerprint }).await,
            By::Token(fingerprint) => ask(runtime, ByToken { fingerprint }).await,
            By::NamedKey(fingerprint) => ask(runtime, ByNamedKey { fingerprint }).await,
            By::Session(id, fingerprint) => ask(runtime, BySession { id, fingerprint }).await,
            By::Id(id) => ask(runtime, ById { id }).await,
            By::QuickAuth(token) => ask(runtime, ByQuickAuth { token }).await,
        };
        let Some(found) = found? else {
            self.remembered.borrow_mut().remove(&by);
            self.missing.put(by, (), now_ms);
            return Ok(None);
        };
        if found.merchant.is_of_other_kind(self.is_test) {
            return Err(ApiError::of(Code::MerchantOfOtherKind));
        }
        let credentials = Credentials::open(&found.merchant, key).map_err(|error| {
            ApiError::internal(format_args!("merchant {}: {error}", found.merchant.id))
        })?;
        let asked_at_ms = found.certificates_asked_at_ms;
        let platform = Platform::of(&credentials, &found.certificates, asked_at_ms);
        let context = Rc::new(MerchantContext {
            merchant: found.merchant,
            credentials,
            platform: RefCell::new(platform),
            problems: RefCell::default(),
            shares_account: found.shares_account,
            named_key: found.named_key,
            signed_in: found.signed_in,
            secret_fingerprint: found.secret_fingerprint,
        });
        let mut remembered = self.remembered.borrow_mut();
        if remembered.len() >= REMEMBER_AT_MOST {
            forget_oldest(&mut remembered, |(_, until_ms)| *until_ms);
        }
        remembered.insert(by, (context.clone(), now_ms + REMEMBER_MS));
        Ok(Some(context))
    }
}

/// Whether an entry that is cached until this time is still valid. After a
/// clock was set back it is not: otherwise a revoked key would be accepted for
/// as long as the clock was wrong.
const fn is_remembered(until_ms: i64, now_ms: i64) -> bool {
    now_ms < until_ms && until_ms <= now_ms + REMEMBER_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_does_not_keep_a_merchant_remembered() {
        let until_ms = 1_000_000 + REMEMBER_MS;
        assert!(is_remembered(until_ms, 1_000_000));
        assert!(is_remembered(until_ms, until_ms - 1));
        assert!(!is_remembered(until_ms, until_ms));
        assert!(!is_remembered(until_ms, 999_999));
    }
}
