//! The result of the examination of a message.

use crate::message::Form;
use crate::mistake::Mistake;

/// The result of the examination of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The form that was recognised.
    pub form: Form,
    /// The method by which messages of this form should be signed, e.g.
    /// `HMAC-SHA256`.
    pub method: &'static str,
    /// Whether the signature is right, and otherwise why not.
    pub verdict: Verdict,
    /// The text that should be signed, as UTF-8. A symmetric key at its end is
    /// written as `(your key)`.
    pub text: String,
}

/// Whether a signature is right, and otherwise why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The signature is right.
    Holds {
        /// The name of the key that signed.
        key: String,
    },
    /// These mistakes together give the signature that the message carries.
    Mistakes(Vec<Mistake>),
    /// No known mistake and no pair of them gives this signature.
    Unknown {
        /// The signature that the first key gives, when that is a symmetric
        /// key.
        expected: Option<String>,
    },
    /// The message carries no signature.
    Unsigned,
    /// A signature with which Tencent tests whether signatures are verified. It
    /// is always wrong.
    Probe,
    /// No given key is of the kind that this form needs.
    NoKey {
        /// The kind of key that the form needs.
        needed: &'static str,
    },
}
