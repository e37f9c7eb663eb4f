//! All that the gateway needs from the machine it runs on.
//!
//! Two traits, kept small because every line here is written once for each
//! place the gateway runs: the Workers runtime (crate `edge`) and memory
//! (crate `tests`). Everything runs on one thread, so no future is `Send`.

use futures_util::StreamExt;
use futures_util::stream::{self, LocalBoxStream};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use thiserror::Error;

pub use checkout::{LOOK, PING, PONG};
pub use wechatpay::rsa::{PrivateKey, PublicKey, Rsa, RsaError};

/// A request, whole in memory. Bodies are bounded before they get here.
pub type Request = http::Request<Vec<u8>>;
/// An answer, whole in memory.
pub type Response = http::Response<Vec<u8>>;

/// A body that arrives or leaves in pieces, and is never held whole.
pub type Chunks = LocalBoxStream<'static, Result<Vec<u8>, FetchError>>;

/// What the gateway answers.
pub type Answer = http::Response<Body>;

/// An answer's body. All but statements are whole.
pub enum Body {
    /// Whole in memory.
    Whole(Vec<u8>),
    /// In pieces. An error means that the rest cannot be had: the connection is
    /// to break off, so that no client takes the body for complete.
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

/// What is outside: time, chance, RSA, the network, and the stateful objects.
#[allow(async_fn_in_trait, reason = "one thread: no future needs to be Send")]
pub trait Runtime: Rsa {
    /// Unix time in milliseconds.
    fn now_ms(&self) -> i64;

    /// Fills the bytes from a cryptographic source.
    fn random(&self, bytes: &mut [u8]);

    /// Sends a request and reads the whole answer. `Err` says only that no
    /// answer came: the request may or may not have had its effect.
    async fn fetch(&self, route: Route<'_>, request: Request) -> Result<Response, FetchError>;

    /// Whether this deployment has a client certificate under this name, so
    /// that [`Route::WeChatPayMtls`] can present it.
    fn has_client_certificate(&self, binding: &str) -> bool;

    /// As [`Runtime::fetch`], for an answer that is too long to be held:
    /// [`Route::timeout_ms`] is the patience for its head, and for each piece.
    async fn fetch_pieces(
        &self,
        route: Route<'_>,
        request: Request,
    ) -> Result<http::Response<Chunks>, FetchError> {
        let answer = self.fetch(route, request).await?;
        Ok(answer.map(|body| stream::iter([Ok(body)]).boxed_local()))
    }

    /// Calls an object; its bytes are the object's own business.
    async fn call(&self, object: Object<'_>, body: Vec<u8>) -> Result<Vec<u8>, CallError>;

    /// Waits. An object may end before this does.
    async fn sleep(&self, ms: u32);

    /// Writes a line of the operator's log, as it is.
    fn print(&self, line: &str);
}

/// Which way a request leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// To WeChat Pay (binding `WECHATPAY`).
    WeChatPay,
    /// To WeChat Pay with the merchant's client certificate: refund and reverse
    /// of v2. The name is the binding's; see
    /// [`ClientCertificate`](crate::merchants::merchant::ClientCertificate).
    WeChatPayMtls(&'a str),
    /// To WeChat Pay for a day's statement, which can be long (binding
    /// `WECHATPAY`).
    Statement,
    /// To iOnline Pay (binding `IONLINE`).
    Ionline,
    /// To WeChat's OAuth (binding `WEIXIN`).
    Weixin,
    /// To an address that a merchant gave: the open internet.
    Merchant,
    /// The page's own files (binding `ASSETS`).
    Assets,
}

impl Route<'_> {
    /// How long to wait for the whole answer.
    pub const fn timeout_ms(self) -> u32 {
        match self {
            // A payer is waiting, and two hosts must fit in their patience.
            Self::WeChatPay | Self::WeChatPayMtls(_) | Self::Ionline | Self::Weixin => 5_000,
            Self::Merchant | Self::Statement => 10_000,
            Self::Assets => 2_000,
        }
    }

    /// The most bytes of an answer that are read.
    pub const fn max_answer_bytes(self) -> usize {
        match self {
            Self::WeChatPay
            | Self::WeChatPayMtls(_)
            | Self::Ionline
            | Self::Weixin
            | Self::Merchant => 64 * 1024,
            Self::Assets => 8 * 1024 * 1024,
            Self::Statement => 16 * 1024 * 1024,
        }
    }
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
    /// What the books have reported. It has the class of the registry's object,
    /// and a name and a database of its own.
    Board,
}

/// How many objects the registry is. Changing it needs every row moved.
pub const SHARDS: u8 = 64;

/// One of the registry's objects: its number, below [`SHARDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Shard(u8);

impl Shard {
    /// Every shard, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..SHARDS).map(Self)
    }

    /// The shard of a name: a merchant's id, or what a merchant is found by.
    pub fn of(name: &str) -> Self {
        let [first, ..]: [u8; 32] = Sha256::digest(name).into();
        Self(first % SHARDS)
    }

    /// The object's name: `registry-00` to `registry-63`.
    pub fn name(self) -> String {
        format!("registry-{:02}", self.0)
    }
}

/// No answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FetchError {
    /// No connection, or the connection broke.
    #[error("no connection")]
    Unreachable,
    /// Too slow.
    #[error("no answer in time")]
    TimedOut,
    /// More than [`Route::max_answer_bytes`].
    #[error("the answer is too long")]
    TooLong,
    /// Never sent: too many requests of the same object are under way.
    #[error("not sent: too many requests are under way")]
    Busy,
}

/// An object did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the object did not answer")]
pub struct CallError;

/// An object's own database and alarm. What an object writes without waiting
/// in between is durable together, or not at all, before anything leaves it.
pub trait Storage {
    /// Runs one statement; answers its rows.
    fn exec(&self, sql: &str, args: &[Value]) -> Result<Vec<Row>, StorageError>;

    /// Runs `work` in one transaction: an `Err` undoes what it wrote.
    fn atomically<T, E: From<StorageError>>(
        &self,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E>;

    /// How large the database is.
    fn size_bytes(&self) -> i64;

    /// Sets the one alarm, replacing any earlier one.
    fn set_alarm(&self, at_ms: i64);

    /// Tells those who [listen](Listen) to `tag`, if there are any, once what
    /// was written before is durable. Not inside [`Storage::atomically`], whose
    /// work may yet be undone. The message is not repeated for a listener that misses it.
    fn tell(&self, tag: &str, text: &str);
}

/// In the extensions of a 101 answer: who is to be connected with the caller's
/// WebSocket, and hears from then on what the object [tells](Storage::tell).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The merchant whose book it is.
    pub book: String,
    /// What about.
    pub tag: String,
}

/// The most listeners to one tag: a payer's pages and devices.
pub const MOST_LISTENERS: usize = 8;

/// A value in or out of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// A 53-bit integer: what survives JavaScript.
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

/// Adds the columns that a table lacks. The time that this takes does not depend
/// on the table's size.
pub fn add_columns(
    storage: &impl Storage,
    added: &[(&str, &str, &str)],
) -> Result<(), StorageError> {
    for (table, column, kind) in added {
        let made = storage.exec(
            "SELECT 1 FROM sqlite_master WHERE name = ? AND instr(sql, ?)",
            &[(*table).into(), (*column).into()],
        )?;
        if made.is_empty() {
            storage.exec(
                &format!("ALTER TABLE {table} ADD COLUMN {column} {kind}"),
                &[],
            )?;
        }
    }
    Ok(())
}

/// The database refused: our own fault, or a disk's. The text is for the
/// operator and holds no values.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the database refused: {0}")]
pub struct StorageError(pub String);

impl StorageError {
    fn wrong_type(wanted: &str, column: usize) -> Self {
        Self(format!("column {column} is not {wanted}"))
    }

    /// A stored value that this version cannot read.
    pub fn unreadable(what: &str, why: impl fmt::Display) -> Self {
        Self(format!("stored {what} is unreadable: {why}"))
    }

    /// The same of JSON. The parser's own words may repeat a value, which may be
    /// an openid: this names the place only.
    pub fn unreadable_json(what: &str, error: &serde_json::Error) -> Self {
        let (kind, line, column) = (error.classify(), error.line(), error.column());
        Self::unreadable(
            what,
            format_args!("{kind:?} error in line {line}, column {column}"),
        )
    }
}
