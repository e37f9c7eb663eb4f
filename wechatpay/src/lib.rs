//! What WeChat *says*: bytes to facts, and facts to bytes.
//!
//! In scope: the v2 dialect of WeChat Pay (XML signed with MD5 or HMAC-SHA256)
//! in [`v2`], the v3 dialect (JSON signed with [`rsa`]) in [`v3`], that of the
//! acquirer iOnline (forms and JSON signed with MD5) in [`ionline`], what the
//! three share in [`common`], and WeChat's OAuth in [`oauth`]. Each message has one file that goes both ways: a
//! gateway writes requests and reads answers, a stand-in for WeChat reads
//! requests and writes answers, with the same types.
//!
//! Not in scope: HTTP, clocks and randomness. Time and nonces come in as
//! arguments, so every function here gives the same bytes for the same input.
//! What to *do* about a fact is decided by its reader.
//!
//! Two rules hold throughout. Nothing but v2's `return_code` and `return_msg` is
//! believed before the signature over it has been verified. And what cannot be
//! verified is *unknown*: neither success nor failure.

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
