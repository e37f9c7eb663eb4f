//! The result of the examination of a message.

use crate::message::Form;
use crate::mistake::Mistake;
use std::fmt;

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

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "This is {}, signed by {}.\n\n", self.form, self.method)?;
        match &self.verdict {
            Verdict::Holds { key } => {
                return writeln!(f, "The signature holds, with the key {key}.");
            }
            Verdict::Mistakes(mistakes) => {
                f.write_str("The signature does not hold. Exactly this signature results from:\n")?;
                for mistake in mistakes {
                    writeln!(f, "  {}: {}", mistake.name(), mistake.advice())?;
                }
            }
            Verdict::Unknown { expected } => {
                f.write_str(
                    "The signature does not hold, and no known mistake gives it. Compare the text below with the one \
                     that was signed; if they are equal, the key is another.\n",
                )?;
                if let Some(expected) = expected {
                    writeln!(f, "With this key the signature is {expected}")?;
                }
            }
            Verdict::Unsigned => f.write_str("The message carries no signature.\n")?,
            Verdict::Probe => f.write_str(
                "This signature is one of Tencent's probes, which test whether a receiver verifies signatures. It never \
                 holds; a receiver answers it like any wrong signature.\n",
            )?,
            Verdict::NoKey { needed } => {
                writeln!(f, "None of the keys is of the kind that it needs: {needed}.")?;
            }
        }
        write!(f, "\nThe text to sign:\n{}\n", self.text)
    }
}
