//! What is found out about a message.

use crate::message::Form;
use crate::mistake::Mistake;

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
