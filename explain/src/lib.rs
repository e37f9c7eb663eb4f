//! Finds out why a signature of WeChat Pay is wrong: the signature is compared
//! with that of every text which a known mistake would sign.
//!
//! ```text
//! pasted text ──▶ message ──▶ symmetric   v2 documents, JSAPI packages, iOnline
//!                        └──▶ lines       APIv3 requests, answers, notices, packages
//!                                │
//!                                ▼  one mistake at a time, then two together
//!                             Explanation
//! ```
//!
//! A mistake is reported only when it gives exactly the signature that the
//! message carries, so no explanation is a guess. The simplest explanation is
//! reported: two mistakes together only when no single one gives the signature.
//!
//! Not in scope: input and output, and RSA, which the caller provides as
//! [`Rsa`]. Keys are never part of an explanation.

mod json;
mod key;
mod lines;
mod message;
mod mistake;
mod search;
mod symmetric;
mod verdict;

pub use key::{Key, KeyProblem};
pub use message::{Form, MAX_BYTES, Unreadable};
pub use mistake::Mistake;
pub use verdict::{Explanation, Verdict};

use wechatpay::rsa::Rsa;

/// Explains the signature of `message`. The first key of the right kind is the
/// one that should have signed; the others are tried too.
///
/// # Errors
///
/// The text is not a message that WeChat Pay or iOnline signs.
pub async fn explain(
    message: &[u8],
    keys: &[Key],
    rsa: &impl Rsa,
) -> Result<Explanation, Unreadable> {
    match message::read(message)? {
        message::Message::Symmetric(document) => Ok(symmetric::explain(&document, keys)),
        message::Message::Lines(signed) => Ok(lines::explain(&signed, keys, rsa).await),
    }
}
