//! Why a signature of WeChat Pay does not hold: a pasted message and a key are
//! compared with every text that a known mistake would sign.
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
//! message carries, so no explanation is a guess. The simplest one is reported:
//! two mistakes together only where no single one gives the signature.
//!
//! Not in scope: input and output, and RSA, which the caller provides as
//! [`Rsa`]. Keys are never part of an explanation.

mod json;
mod key;
mod lines;
mod message;
mod mistake;
mod symmetric;

pub use key::{Key, KeyProblem};
pub use message::{Form, Unreadable};
pub use mistake::Mistake;

use wechatpay::rsa::Rsa;

/// What was found out about a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What the message was recognised as.
    pub form: Form,
    /// How messages of this form are to be signed, e.g. `HMAC-SHA256`.
    pub method: &'static str,
    /// What was found.
    pub verdict: Verdict,
    /// The text that is to be signed, as UTF-8. A symmetric key at its end is
    /// written as `(your key)`.
    pub text: String,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The signature holds.
    Holds {
        /// The name of the key.
        key: String,
    },
    /// These mistakes together give the signature that the message carries.
    Mistakes(Vec<Mistake>),
    /// No known mistake, alone or with another, gives this signature.
    Unknown {
        /// The signature that the first key gives, where it is a symmetric key.
        expected: Option<String>,
    },
    /// The message carries no signature.
    Unsigned,
    /// A signature with which Tencent tests whether signatures are verified. It
    /// never holds.
    Probe,
    /// None of the keys is of the kind that this form needs.
    NoKey {
        /// The kind that it needs.
        needed: &'static str,
    },
}

/// The most bytes that a message may have.
pub const MAX_BYTES: usize = 256 * 1024;

/// Explains the signature of `message`. The first key of the right kind is the
/// one that is meant to be used; the others are tried as well.
///
/// # Errors
///
/// The text is no message that WeChat Pay or iOnline signs.
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

/// All ways to choose at most `most` of these steps, the shortest first, each
/// of another [`Step::dimension`].
fn choices<S: Step>(steps: &[S], most: usize) -> Vec<Vec<&S>> {
    let mut all: Vec<Vec<&S>> = vec![Vec::new()];
    let mut of_last_length: Vec<(usize, Vec<&S>)> = vec![(0, Vec::new())];
    for _ in 0..most {
        let mut longer = Vec::new();
        for (from, chosen) in of_last_length {
            for (at, step) in steps.iter().enumerate().skip(from) {
                if chosen
                    .iter()
                    .all(|other| other.dimension() != step.dimension())
                {
                    let mut choice = chosen.clone();
                    choice.push(step);
                    longer.push((at + 1, choice));
                }
            }
        }
        all.extend(longer.iter().map(|(_, choice)| choice.clone()));
        of_last_length = longer;
    }
    all
}

/// One way in which a signed text can differ from the right one.
trait Step {
    /// Steps of one dimension exclude each other.
    fn dimension(&self) -> u8;
}
