//! Everything that the gateway needs from the machine it runs on.
//!
//! Two traits, kept small because every function here is implemented once for
//! each runtime: the Workers runtime (crate `edge`), the native program (crate
//! `server`) and memory (crate `testkit/runtime`). Everything runs on one
//! thread, so no future is `Send`.

use futures_util::StreamExt;
use futures_util::stream::{self, LocalBoxStream};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use thiserror::Error;

pub use checkout::{LOOK, PING, PONG};
pub use wechatpay::Secret;
pub use wechatpay::rsa::{PrivateKey, PublicKey, Rsa, RsaError};

/// A request with its whole body in memory. Its size is limited before it gets
/// here.
pub type Request = http::Request<Vec<u8>>;
/// An answer with its whole body in memory.
pub type Response = http::Response<Vec<u8>>;

/// A body that is received or sent in chunks, and is never in memory as a
/// whole.
pub type Chunks = LocalBoxStream<'static, Result<Vec<u8>, FetchError>>;

/// The gateway's answer to a request.
pub type Answer = http::Response<Body>;

/// An answer's body. Only statements and CSV lists are in pieces.
pub enum Body {
    /// Whole in memory.
    Whole(Vec<u8>),
    /// In chunks. After an error the connection is to be aborted, so that no
    /// client takes the body for complete.
    Pieces(Chunks),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Whole(_) => "Whole",
            Self::Pieces(_) => "Pieces",
        })
    }
}

/// The answer with its body whole in memory, for callers that cannot stream.
pub async fn whole(answer: Answer) -> Result<Response, FetchError> {
    let (head, body) = answer.into_parts();
    let body = match body {
        Body::Whole(body) => body,
        Body::Pieces(mut chunks) => {
            let mut body = Vec::new();
            while let Some(chunk) = chunks.next().await {
                body.extend(chunk?);
            }
            body
        }
    };
    Ok(Response::from_parts(head, body))
}

/// The environment: time, randomness, RSA, the network, and the stateful
/// objects.
#[allow(async_fn_in_trait, reason = "one thread: no future needs to be Send")]
pub trait Runtime: Rsa {
    /// Unix time in milliseconds.
    fn now_ms(&self) -> i64;

    /// Fills the bytes from a cryptographic source.
    fn random(&self, bytes: &mut [u8]);

    /// Sends a request and reads the whole answer. `Err` means only that no
    /// answer was received: the request may have had its effect.
    async fn fetch(&self, route: Route<'_>, request: Request) -> Result<Response, FetchError>;

    /// Whether this deployment has a client certificate under this name, so
    /// that [`Route::WeChatPayMtls`] can present it.
    fn has_client_certificate(&self, binding: &str) -> bool;

    /// Whether this runtime can present a certificate that it is given, by
    /// [`Route::WeChatPayOwn`].
    fn presents_certificates(&self) -> bool;

    /// As [`Runtime::fetch`], for an answer that is too long for memory:
    /// [`Route::timeout_ms`] is the time-out for its head, and for each chunk.
    async fn fetch_pieces(
        &self,
        route: Route<'_>,
        request: Request,
    ) -> Result<http::Response<Chunks>, FetchError> {
        let answer = self.fetch(route, request).await?;
        Ok(answer.map(|body| stream::iter([Ok(body)]).boxed_local()))
    }

    /// Calls an object; the format of the bytes is defined by the object.
    async fn call(&self, object: Object<'_>, body: Vec<u8>) -> Result<Vec<u8>, CallError>;

    /// Waits. The object may end before this returns.
    async fn sleep(&self, ms: u32);

    /// Writes a line of the operator's log, unchanged.
    fn print(&self, line: &str);
}

/// The destination of a request, which decides its binding, time-out and size
/// limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// To WeChat Pay (binding `WECHATPAY`).
    WeChatPay,
    /// To WeChat Pay with the merchant's client certificate: refund and reverse
    /// of v2. The name is the binding's; see
    /// [`ClientCertificate`](crate::merchants::merchant::ClientCertificate).
    WeChatPayMtls(&'a str),
    /// The same with a certificate that the merchant's credentials hold, where
    /// the runtime [can](Runtime::presents_certificates).
    WeChatPayOwn(&'a OwnCertificate),
    /// To WeChat Pay for a day's statement, which can be long (binding
    /// `WECHATPAY`).
    Statement,
    /// To iOnline Pay (binding `IONLINE`).
    Ionline,
    /// To WeChat's OAuth (binding `WEIXIN`).
    Weixin,
    /// To an address that a merchant entered: the public internet.
    Merchant,
    /// To a merchant's endpoint for events: only the beginning of the answer is
    /// read.
    Webhook,
    /// The page's own files (binding `ASSETS`).
    Assets,
}

impl Route<'_> {
    /// How long to wait for the whole answer.
    pub const fn timeout_ms(self) -> u32 {
        match self {
            // A payer is waiting, and calls to two hosts must fit into that
            // time.
            Self::WeChatPay
            | Self::WeChatPayMtls(_)
            | Self::WeChatPayOwn(_)
            | Self::Ionline
            | Self::Weixin => 5_000,
            Self::Merchant | Self::Webhook | Self::Statement => 10_000,
            Self::Assets => 2_000,
        }
    }

    /// Whether this leads to WeChat or iOnline; in a test deployment, to the sandbox.
    pub const fn is_upstream(self) -> bool {
        !matches!(self, Self::Merchant | Self::Webhook | Self::Assets)
    }

    /// Whether an answer that is longer is cut off instead of refused.
    pub const fn cuts_answer(self) -> bool {
        matches!(self, Self::Webhook)
    }

    /// The most bytes of an answer that are read.
    pub const fn max_answer_bytes(self) -> usize {
        match self {
            Self::WeChatPay
            | Self::WeChatPayMtls(_)
            | Self::WeChatPayOwn(_)
            | Self::Ionline
            | Self::Weixin
            | Self::Merchant => 64 * 1024,
            Self::Webhook => 1024,
            Self::Assets => 8 * 1024 * 1024,
            Self::Statement => 16 * 1024 * 1024,
        }
    }
}

/// A merchant's client certificate for WeChat Pay v2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCertificate {
    /// The certificate, and its issuers' behind it, in PEM.
    pub certificate: String,
    /// Its private key, in PEM.
    pub private_key: Secret,
}

/// A stateful object: one thread, one database, one alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object<'a> {
    /// A merchant's orders; named by the merchant's id.
    Book(&'a str),
    /// The merchants of this shard, and its pointers to others.
    Shard(Shard),
    /// The one registry of earlier versions, which is only read.
    Registry,
    /// The latest reports of the books. It has the class of the registry's
    /// object, and a name and a database of its own.
    Board,
}

/// The number of the registry's objects. A change of it requires that every row
/// is moved.
pub const SHARDS: u8 = 64;

/// One of the registry's objects: its number, below [`SHARDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Shard(u8);

impl Shard {
    /// Every shard, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..SHARDS).map(Self)
    }

    /// The shard of a name: a merchant's id, or a name that finds a merchant.
    pub fn of(name: &str) -> Self {
        let [first, ..]: [u8; 32] = Sha256::digest(name).into();
        Self(first % SHARDS)
    }

    /// The shard with this name, as [`Shard::name`] gives it.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|shard| shard.name() == name)
    }

    /// The object's name: `registry-00` to `registry-63`.
    pub fn name(self) -> String {
        format!("registry-{:02}", self.0)
    }
}

/// No answer was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FetchError {
    /// No connection, or the connection broke.
    #[error("no connection")]
    Unreachable,
    /// No answer within the time-out.
    #[error("no answer in time")]
    TimedOut,
    /// More than [`Route::max_answer_bytes`].
    #[error("the answer is too long")]
    TooLong,
    /// The sandbox answered where WeChat must: a setting leads to the sandbox.
    #[error(
        "the sandbox answered, but this deployment is live: set UPSTREAM, or correct the bindings that lead to the sandbox"
    )]
    Sandbox,
    /// Not sent: too many requests of the same object are in flight.
    #[error("not sent: too many requests are in flight")]
    Busy,
}

/// Why a call of an object has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CallError {
    /// The object did not answer.
    #[error("the object did not answer")]
    NoAnswer,
    /// The object's database failed; the log has the reason.
    #[error("the object's database failed")]
    Storage(StorageFault),
}

/// An object's own database and alarm. Writes between two awaits are durable
/// together, or not at all, before any answer or request leaves the object.
pub trait Storage {
    /// Executes one statement; returns its rows.
    fn exec(&self, sql: &str, args: &[Value]) -> Result<Vec<Row>, StorageError>;

    /// Runs `work` in one transaction: an `Err` rolls back its writes.
    fn atomically<T, E: From<StorageError>>(
        &self,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E>;

    /// The size of the database, in bytes.
    fn size_bytes(&self) -> i64;

    /// Sets the one alarm, replacing any earlier one.
    fn set_alarm(&self, at_ms: i64);

    /// Sends `text` to the pages that [listen](Listen) to `tag`, once
    /// everything that was written before is durable. Not inside
    /// [`Storage::atomically`], whose work may be rolled back. The message is
    /// not repeated for a listener that misses it.
    fn notify_listeners(&self, tag: &str, text: &str);
}

/// In the extensions of a 101 answer: the tag to which the caller's WebSocket
/// is to be connected. It then receives what the object
/// [sends](Storage::notify_listeners) to the tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The merchant that the book belongs to.
    pub book: String,
    /// The tag.
    pub tag: String,
}

/// The most listeners of one tag: a payer's pages and devices.
pub const MOST_LISTENERS: usize = 8;

/// A value of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// An integer of at most 53 bits, which JavaScript can represent.
    Int(i64),
    /// UTF-8.
    Text(String),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One row of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub Vec<Value>);

impl Row {
    /// The text in this column.
    pub fn text(&self, column: usize) -> Result<&str, StorageError> {
        match self.0.get(column) {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(StorageError::wrong_type("a text", column)),
        }
    }

    /// The integer in this column.
    pub fn int(&self, column: usize) -> Result<i64, StorageError> {
        match self.0.get(column) {
            Some(Value::Int(int)) => Ok(*int),
            _ => Err(StorageError::wrong_type("an integer", column)),
        }
    }

    /// The integer in this column, or NULL.
    pub fn int_or_null(&self, column: usize) -> Result<Option<i64>, StorageError> {
        match self.0.get(column) {
            Some(Value::Null) => Ok(None),
            _ => self.int(column).map(Some),
        }
    }

    /// The text in this column, or NULL.
    pub fn text_or_null(&self, column: usize) -> Result<Option<&str>, StorageError> {
        match self.0.get(column) {
            Some(Value::Null) => Ok(None),
            _ => self.text(column).map(Some),
        }
    }
}

/// What is wrong where a database refuses a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StorageFault {
    /// The gateway: the statement, or a stored value.
    Gateway,
    /// No space is left on the disk.
    DiskFull,
    /// The file cannot be read or written: it is damaged, or the file system
    /// fails or is read-only.
    DiskUnusable,
}

/// The database refused a statement. The text is for the operator and contains
/// no values.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the database refused: {says}")]
pub struct StorageError {
    /// The reason, for the log.
    pub says: String,
    /// What is wrong.
    pub fault: StorageFault,
}

impl StorageError {
    /// An error that the gateway itself causes.
    pub fn new(says: impl Into<String>) -> Self {
        Self::of(StorageFault::Gateway, says)
    }

    /// An error with this fault.
    pub fn of(fault: StorageFault, says: impl Into<String>) -> Self {
        let says = says.into();
        Self { says, fault }
    }

    fn wrong_type(wanted: &str, column: usize) -> Self {
        Self::new(format!("column {column} is not {wanted}"))
    }

    /// A stored value that this version cannot read.
    pub fn unreadable(what: &str, why: impl fmt::Display) -> Self {
        Self::new(format!("stored {what} is unreadable: {why}"))
    }

    /// The same for JSON. The parser's own text may repeat a value, such as an
    /// openid; this one gives only the position.
    pub fn unreadable_json(what: &str, error: &serde_json::Error) -> Self {
        let (kind, line, column) = (error.classify(), error.line(), error.column());
        Self::unreadable(
            what,
            format_args!("{kind:?} error in line {line}, column {column}"),
        )
    }
}
