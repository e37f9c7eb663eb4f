//! The commands to the registry's objects: what each carries and what an object
//! replies.
//!
//! ```text
//! caller ── Envelope { scope, call } ─▶ registry-NN        JSON, one call
//!        ◀───────── Answer ───────────
//! ```
//!
//! A command's reply has its type with it, so that caller and object agree when
//! they are compiled. The JSON is a contract between versions of the program that
//! run at the same time: the names of commands and fields are never changed, and
//! a test compares them with recorded calls.

use super::named_keys::NamedKey;
use super::people::{Invited, PeopleCall, StaffFacts, StoredPerson};
use super::pointers::{Kind, Pointer};
use super::root::{Cursor, Page};
use crate::merchants::idempotency::IdempotencyKey;
use crate::merchants::merchant::Merchant;
use crate::merchants::people::{Person, Session, SignedIn};
use crate::observe::RequestContext;
use crate::observe::audit;
use crate::runtime::{Shard, StorageFault};
use crate::transfer;
use serde::{Deserialize, Serialize};

/// A command to one of the registry's objects.
pub trait Command {
    /// What the object replies.
    type Reply: Reply;

    /// The command in the form in which it is sent.
    fn into_call(self) -> Call;
}

/// The reply to a command.
pub trait Reply: Sized {
    /// The reply in the form in which it is sent.
    fn into_answer(self) -> Answer;

    /// The reply in an answer; `None` where the answer is another command's.
    fn read(answer: Answer) -> Option<Self>;
}

/// A command, with its caller.
#[derive(Debug, Serialize, Deserialize)]
pub struct Envelope {
    /// The caller and its request.
    #[serde(rename = "scope")]
    pub request_context: RequestContext,
    /// The command.
    pub call: Call,
}

macro_rules! commands {
    ($($name:ident -> $reply:ty;)*) => {
        /// A command as it is sent. The commands of an earlier version to its one
        /// registry keep their form; a shard accepts only [`Call::Shard`], which an
        /// object that still runs an earlier version cannot read: otherwise it would
        /// answer as a registry without merchants.
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[allow(missing_docs, reason = "each command documents itself")]
        pub enum Call {
            /// A command to a shard.
            Shard {
                /// The shard refuses the command after this time, Unix milliseconds.
                not_after_ms: Option<i64>,
                /// The command.
                call: Box<Call>,
            },
            /// A command about people, to a shard.
            People(PeopleCall),
            $($name($name),)*
        }

        $(impl Command for $name {
            type Reply = $reply;

            fn into_call(self) -> Call {
                Call::$name(self)
            }
        })*
    };
}

commands! {
    ByApiKey -> Option<Box<Found>>;
    ByToken -> Option<Box<Found>>;
    ByNamedKey -> Option<Box<Found>>;
    ById -> Option<Box<Found>>;
    ByQuickAuth -> Option<Box<Found>>;
    BySubMerchant -> Option<Box<Found>>;
    DomainFile -> Option<String>;
    KeepCertificates -> ();
    SameAccount -> Vec<String>;
    Create -> Saved;
    Change -> Saved;
    Rotate -> Sealed;
    Reseal -> Sealed;
    List -> Vec<String>;
    Audit -> Vec<audit::Entry>;
    AddToken -> NewToken;
    Tokens -> Vec<TokenFacts>;
    EndToken -> bool;
    AddNamedKey -> NewKey;
    NamedKeys -> Vec<NamedKey>;
    RevokeNamedKey -> bool;
    RevokeToken -> bool;
    FindKept -> KeptAnswer;
    Claim -> Vec<Pointer>;
    Pointers -> Vec<Pointer>;
    Unpoint -> ();
    Share -> ();
    Export -> Box<Page>;
    Import -> ();
    Retire -> ();
    Retired -> ();
    Transfer -> Box<transfer::Outcome>;
    Accounts -> Vec<(String, String)>;
}

/// The merchant that an api-key belongs to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ByApiKey {
    /// The api-key's fingerprint.
    pub fingerprint: String,
}

/// The merchant that an api-token was issued to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ByToken {
    /// The api-token's fingerprint.
    pub fingerprint: String,
}

/// The merchant that a named key belongs to, with [`Found::named_key`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ByNamedKey {
    /// The key's fingerprint.
    pub fingerprint: String,
}

/// The merchant with this id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ById {
    /// The id.
    pub id: String,
}

/// The merchant with this Quick Auth token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ByQuickAuth {
    /// The token.
    pub token: String,
}

/// The merchant of v3 with this institution and sub-merchant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BySubMerchant {
    /// The institution's merchant id.
    pub mch_id: String,
    /// The sub-merchant's id.
    pub sub_mch_id: String,
}

/// The contents of a domain check file:
/// [`DomainFiles`](crate::merchants::merchant::DomainFiles).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DomainFile {
    /// Its name.
    pub name: String,
}

/// Stores WeChat Pay's platform certificates and the time of the download.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeepCertificates {
    /// The id of the merchant that downloaded them.
    pub id: String,
    /// The certificates as PEM, if the download succeeded.
    pub pems: Option<Vec<String>>,
}

/// The ids of merchants with this account at WeChat.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SameAccount {
    /// The merchant id.
    pub mch_id: String,
    /// The sub-merchant's id.
    pub sub_mch_id: Option<String>,
    /// The application.
    pub appid: String,
}

/// Adds a merchant. [`Saved::Conflict`]: its id is taken.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Create {
    /// The merchant.
    pub merchant: Box<Merchant>,
    /// Its first pair of keys.
    pub keys: KeyPair,
    /// The reason in the operator's words; may be empty.
    pub why: String,
}

/// Changes a merchant, if its row still equals `before`; else
/// [`Saved::Conflict`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Change {
    /// The row before the change.
    pub before: Box<Merchant>,
    /// The row after the change, under the same id.
    pub after: Box<Merchant>,
    /// The reason in the operator's words; may be empty.
    pub why: String,
}

/// Adds a pair of keys, and sets the expiry of the others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rotate {
    /// The merchant's id.
    pub id: String,
    /// The new pair.
    pub keys: KeyPair,
    /// When the earlier pairs expire, Unix milliseconds.
    pub earlier_expire_at_ms: i64,
    /// The merchant's own credentials if they change too: as stored before,
    /// and sealed again.
    pub sealed: Option<[String; 2]>,
    /// The names of the fields that were entered.
    pub entered: Vec<String>,
    /// The reason in the operator's words; may be empty.
    pub why: String,
    /// Whether the new keys are those of a test deployment. A merchant of an
    /// earlier version belongs to this kind from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_test: Option<bool>,
}

/// Replaces the sealed form of a merchant's credentials, after a change of the
/// master key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reseal {
    /// The merchant's id.
    pub id: String,
    /// The sealed form before, and the new one.
    pub sealed: [String; 2],
}

/// Take a step of the move to another deployment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Transfer {
    /// The object.
    pub shard: Shard,
    /// The step.
    pub step: transfer::Step,
}

/// The merchants of one shard in the order of their ids, each with its `mch_id`
/// if another merchant has that too, or else an empty text. A shard replies also
/// while it is closed or being written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Accounts {
    /// The shard.
    pub shard: Shard,
    /// The id after which the page begins.
    pub after: String,
    /// The most merchants of the page.
    pub limit: i64,
}

/// The merchants' ids, in order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct List {
    /// The id after which the page begins.
    pub after: String,
    /// The most ids of the page.
    pub limit: i64,
}

/// The changes of credentials.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Audit(pub audit::Page);

/// Adds an api-token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AddToken {
    /// The merchant's id.
    pub id: String,
    /// The token's fingerprint.
    pub fingerprint: String,
    /// The latest expiry of the token, Unix milliseconds.
    pub expires_at_ms: i64,
    /// The fingerprint of the api-key that the token is made with. It expires
    /// with that key.
    #[serde(default)]
    pub key_fingerprint: Option<String>,
    /// Adds it once for this key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<Once>,
}

/// A merchant's valid api-tokens, newest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tokens {
    /// The merchant's id.
    pub id: String,
}

/// Revokes the api-token that [`TokenFacts::id`] names. Whether there was one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EndToken {
    /// The merchant's id.
    pub id: String,
    /// See [`TokenFacts::id`].
    pub token: String,
}

/// Adds a named key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AddNamedKey {
    /// The merchant's id.
    pub id: String,
    /// The key's fingerprint.
    pub fingerprint: String,
    /// Its name, its scopes and its latest expiry.
    pub key: NamedKey,
    /// The fingerprint of the named key that it is made with.
    pub parent: Option<String>,
    /// Adds it once for this key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<Once>,
}

/// A merchant's valid named keys, newest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NamedKeys {
    /// The merchant's id.
    pub id: String,
}

/// Revokes the key that [`NamedKey::id`] names, and the keys made with it. Whether
/// there was one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RevokeNamedKey {
    /// The merchant's id.
    pub id: String,
    /// See [`NamedKey::id`].
    pub key: String,
}

/// Revokes an api-token of a merchant. Whether there was one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RevokeToken {
    /// The merchant's id.
    pub id: String,
    /// The token's fingerprint.
    pub fingerprint: String,
}

/// A request with an `Idempotency-Key`, and its answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Once {
    /// The request's key.
    pub key: IdempotencyKey,
    /// The answer's data, sealed, because it has a secret.
    pub sealed: String,
}

/// The answer that is kept under this key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FindKept {
    /// The merchant's id.
    pub id: String,
    /// The request's key.
    pub key: IdempotencyKey,
}

/// Writes a pointer, to the shard of its name. The reply holds other merchants'
/// pointers: those that prevent the claim, or for a name that several merchants
/// may have, the earliest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claim(pub Pointer);

/// The merchants that may have a name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pointers {
    /// The kind of the name.
    pub kind: Kind,
    /// The name.
    pub name: String,
}

/// Removes a pointer, unless it was claimed again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Unpoint(pub Pointer);

/// Records that another merchant has this one's `mch_id`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Share {
    /// The merchant's id.
    pub id: String,
}

/// To the earlier registry: its rows for a shard.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Export {
    /// The shard.
    pub shard: Shard,
    /// The last row that the shard has.
    pub cursor: Cursor,
}

/// Stores the earlier registry's rows in the shard.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Import {
    /// The row before the page.
    pub cursor: Cursor,
    /// The rows.
    pub page: Box<Page>,
}

/// To the earlier registry: makes a merchant's row unreadable there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Retire {
    /// The merchant's id.
    pub id: String,
}

/// Records that the earlier registry's row is unreadable.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Retired {
    /// The merchant's id.
    pub id: String,
}

impl Call {
    /// The merchant for which this changes or ends something that an earlier
    /// version may have written. A token or certificates that are added change
    /// nothing that the earlier registry has.
    pub(super) fn changes(&self) -> Option<&str> {
        match self {
            Self::Change(Change { before, .. }) => Some(&before.id),
            Self::Rotate(Rotate { id, .. })
            | Self::Reseal(Reseal { id, .. })
            | Self::EndToken(EndToken { id, .. })
            | Self::RevokeToken(RevokeToken { id, .. }) => Some(id),
            _ => None,
        }
    }
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
    /// The person in whose session it was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_in: Option<SignedIn>,
}

/// Whether a merchant's settings were stored.
#[derive(Debug)]
pub enum Saved {
    /// They are stored.
    Done,
    /// The id is taken, or the merchant was changed meanwhile.
    Conflict,
    /// Another merchant has the domain check file of this name, with other
    /// contents.
    FileTaken(String),
}

/// Whether a merchant's credentials were stored.
#[derive(Debug)]
pub enum Sealed {
    /// They are stored.
    Done,
    /// No such merchant.
    NotFound,
    /// They were changed meanwhile.
    Conflict,
}

/// Whether an api-token was added.
#[derive(Debug)]
pub enum NewToken {
    /// It is; its expiry, Unix milliseconds.
    Issued(i64),
    /// The merchant has as many as it may have.
    Full,
    /// The api-key that it was made with is no longer valid.
    NotFound,
    /// The request was executed before.
    Before(KeptAnswer),
}

/// Whether a named key was added.
#[derive(Debug)]
pub enum NewKey {
    /// It is; its expiry, Unix milliseconds; `None` is never.
    Made(Option<i64>),
    /// The merchant has as many as it may have.
    Full,
    /// The key that it was made with is no longer valid, or lacks one of the
    /// scopes.
    NotFound,
    /// The request was executed before.
    Before(KeptAnswer),
}

/// An answer that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The answer's data, sealed.
    pub sealed: String,
    /// When the key or token expires, Unix milliseconds; `None` is never.
    pub expires_at_ms: Option<i64>,
}

/// The answer that is kept under an `Idempotency-Key`.
#[derive(Debug)]
pub enum KeptAnswer {
    /// There is none.
    None,
    /// The answer.
    Kept(Kept),
    /// The key was used for a request with another body.
    OfAnother,
}

/// A reply as it is sent, or the reason why there is none.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// The merchant.
    Found(Box<Found>),
    /// No such merchant or key.
    NotFound,
    /// [`Saved::Conflict`], [`Sealed::Conflict`].
    Exists,
    /// [`Saved::FileTaken`].
    FileTaken(String),
    /// The contents of a domain check file.
    File(String),
    /// [`NewToken::Full`], [`NewKey::Full`].
    Full,
    /// The change is written.
    Done,
    /// Merchants' ids.
    Ids(Vec<String>),
    /// [`NewToken::Issued`].
    Issued(i64),
    /// A merchant's valid api-tokens, newest first.
    Tokens(Vec<TokenFacts>),
    /// [`NewKey::Made`].
    KeyMade(Option<i64>),
    /// A merchant's valid named keys, newest first.
    NamedKeys(Vec<NamedKey>),
    /// An invitation.
    Invited(Box<Invited>),
    /// A person, with sealed secrets.
    StoredPerson(Box<StoredPerson>),
    /// A person.
    Person(Box<Person>),
    /// A person's sessions.
    Sessions(Vec<Session>),
    /// A merchant's people and invitations.
    Staff(Box<StaffFacts>),
    /// People's ids, each with a text.
    Pairs(Vec<(String, String)>),
    /// A number of things.
    Count(i64),
    /// [`Changed::LastOwner`](super::people::Changed::LastOwner).
    LastOwner,
    /// [`Changed::Refused`](super::people::Changed::Refused),
    /// [`NewInvitation::Refused`](super::people::NewInvitation::Refused).
    NotAllowed,
    /// [`Joined::NameTaken`](super::people::Joined::NameTaken),
    /// [`Changed::NameTaken`](super::people::Changed::NameTaken).
    NameTaken,
    /// [`KeptAnswer::Kept`].
    Kept(String, Option<i64>),
    /// [`KeptAnswer::OfAnother`].
    KeptOfAnother,
    /// The changes.
    Audit(Vec<audit::Entry>),
    /// Pointers to merchants.
    Pointers(Vec<Pointer>),
    /// The earlier registry's rows for a shard.
    Exported(Box<Page>),
    /// What a step of the move to another deployment has done.
    Transfer(Box<transfer::Outcome>),
    /// No reply: the object is closed, or is being written.
    Closed,
    /// No reply: the shard has not read all of the earlier registry. Where to
    /// continue.
    NotImported(Cursor),
    /// No reply: the earlier registry's row of this merchant must be made
    /// unreadable first.
    AtRoot(String),
    /// No reply: nothing is written, because the call took too long.
    TooLate,
    /// No reply: the database refused a statement; the operator's log has the
    /// reason.
    Broken,
    /// The same, because of the disk.
    Disk(StorageFault),
}

/// Replies that one form of [`Answer`] carries.
macro_rules! replies {
    ($($reply:ty = $answer:ident;)*) => {
        $(impl Reply for $reply {
            fn into_answer(self) -> Answer {
                Answer::$answer(self)
            }

            fn read(answer: Answer) -> Option<Self> {
                match answer {
                    Answer::$answer(reply) => Some(reply),
                    _ => None,
                }
            }
        })*
    };
}
pub(super) use replies;

replies! {
    Vec<String> = Ids;
    Vec<TokenFacts> = Tokens;
    Vec<NamedKey> = NamedKeys;
    Vec<audit::Entry> = Audit;
    Vec<Pointer> = Pointers;
    Box<Page> = Exported;
    Box<transfer::Outcome> = Transfer;
}

impl Reply for () {
    fn into_answer(self) -> Answer {
        Answer::Done
    }

    fn read(answer: Answer) -> Option<Self> {
        matches!(answer, Answer::Done).then_some(())
    }
}

impl Reply for bool {
    fn into_answer(self) -> Answer {
        match self {
            true => Answer::Done,
            false => Answer::NotFound,
        }
    }

    fn read(answer: Answer) -> Option<Self> {
        match answer {
            Answer::Done => Some(true),
            Answer::NotFound => Some(false),
            _ => None,
        }
    }
}

impl Reply for Option<Box<Found>> {
    fn into_answer(self) -> Answer {
        self.map_or(Answer::NotFound, Answer::Found)
    }

    fn read(answer: Answer) -> Option<Self> {
        match answer {
            Answer::Found(found) => Some(Some(found)),
            Answer::NotFound => Some(None),
            _ => None,
        }
    }
}

impl Reply for Option<String> {
    fn into_answer(self) -> Answer {
        self.map_or(Answer::NotFound, Answer::File)
    }

    fn read(answer: Answer) -> Option<Self> {
        match answer {
            Answer::File(contents) => Some(Some(contents)),
            Answer::NotFound => Some(None),
            _ => None,
        }
    }
}

impl Reply for Saved {
    fn into_answer(self) -> Answer {
        match self {
            Self::Done => Answer::Done,
            Self::Conflict => Answer::Exists,
            Self::FileTaken(file) => Answer::FileTaken(file),
        }
    }

    fn read(answer: Answer) -> Option<Self> {
        match answer {
            Answer::Done => Some(Self::Done),
            Answer::Exists => Some(Self::Conflict),
            Answer::FileTaken(file) => Some(Self::FileTaken(file)),
            _ => None,
        }
    }
}

impl Reply for Sealed {
    fn into_answer(self) -> Answer {
        match self {
            Self::Done => Answer::Done,
            Self::NotFound => Answer::NotFound,
            Self::Conflict => Answer::Exists,
        }
    }

    fn read(answer: Answer) -> Option<Self> {
        match answer {
            Answer::Done => Some(Self::Done),
            Answer::NotFound => Some(Self::NotFound),
            Answer::Exists => Some(Self::Conflict),
            _ => None,
        }
    }
}

impl Reply for NewToken {
    fn into_answer(self) -> Answer {
        match self {
            Self::Issued(expires_at_ms) => Answer::Issued(expires_at_ms),
            Self::Full => Answer::Full,
            Self::NotFound => Answer::NotFound,
            Self::Before(kept) => kept.into_answer(),
        }
    }

    fn read(answer: Answer) -> Option<Self> {
        match answer {
            Answer::Issued(expires_at_ms) => Some(Self::Issued(expires_at_ms)),
            Answer::Full => Some(Self::Full),
            Answer::NotFound => Some(Self::NotFound),
            answer => KeptAnswer::read(answer).map(Self::Before),
        }
    }
}

impl Reply for NewKey {
    fn into_answer(self) -> Answer {
        match self {
            Self::Made(expires_at_ms) => Answer::KeyMade(expires_at_ms),
            Self::Full => Answer::Full,
            Self::NotFound => Answer::NotFound,
            Self::Before(kept) => kept.into_answer(),
        }
    }

    fn read(answer: Answer) -> Option<Self> {
        match answer {
            Answer::KeyMade(expires_at_ms) => Some(Self::Made(expires_at_ms)),
            Answer::Full => Some(Self::Full),
            Answer::NotFound => Some(Self::NotFound),
            answer => KeptAnswer::read(answer).map(Self::Before),
        }
    }
}

impl Reply for KeptAnswer {
    fn into_answer(self) -> Answer {
        match self {
            Self::None => Answer::NotFound,
            Self::Kept(kept) => Answer::Kept(kept.sealed, kept.expires_at_ms),
            Self::OfAnother => Answer::KeptOfAnother,
        }
    }

    fn read(answer: Answer) -> Option<Self> {
        match answer {
            Answer::NotFound => Some(Self::None),
            Answer::Kept(sealed, expires_at_ms) => Some(Self::Kept(Kept {
                sealed,
                expires_at_ms,
            })),
            Answer::KeptOfAnother => Some(Self::OfAnother),
            _ => None,
        }
    }
}
