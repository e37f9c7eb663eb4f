//! WeChat's messages: parsed from bytes, and serialised to bytes.
//!
//! In scope: the v2 dialect of WeChat Pay (XML signed with MD5 or HMAC-SHA256)
//! in [`v2`], the v3 dialect (JSON signed with [`rsa`]) in [`v3`], the dialect
//! of the acquirer iOnline (forms and JSON signed with MD5) in [`ionline`],
//! what the three share in [`common`], and WeChat's OAuth in [`oauth`]. Each
//! message has one file for both directions: a gateway writes requests and
//! reads answers, the sandbox reads requests and writes answers, with the same
//! types.
//!
//! Not in scope: HTTP, clocks and randomness. Time and nonces are arguments, so
//! every function returns the same bytes for the same input. The caller decides
//! what to do with a message.
//!
//! Two rules hold throughout. Except v2's `return_code` and `return_msg`,
//! nothing is used before its signature has been verified. An answer that
//! cannot be verified is *unknown*: neither success nor failure.

pub mod code2session;
pub mod common;
pub mod ionline;
pub mod oauth;
pub mod rsa;
mod secret;
mod uri;
pub mod v2;
pub mod v3;

pub use secret::Secret;
