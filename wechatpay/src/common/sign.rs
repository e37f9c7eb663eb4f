//! The v2 signature (WeChat Pay v2 manual, section 4.3.1).
//!
//! ```text
//! appid=wx…&body=test&mch_id=10000100&nonce_str=ibua…   names sorted by byte,
//!                                                       empty values and `sign` left out,
//!                                                       values unescaped
//! …&key=192006…                                         the API key at the end
//! MD5(…) or HMAC-SHA256(…, keyed by the API key)        upper-case hexadecimal
//! ```
//!
//! `sign_type` is itself signed where it is present. An answer and a notice are
//! signed with the sign type of the request, so a reader always knows which to
//! expect: [`Fields::verify`] takes the expected type and refuses a document
//! that declares another; otherwise a forger could choose the weaker one.
//!
//! Because values are joined unescaped, one signed text can be the text of
//! several documents: `a=1&b=2` as one value is signed like two fields, and a
//! value that contains `&` can be split into fields that WeChat never wrote. A
//! document has a signed text of its own only where no value contains `&`
//! ([`Fields::unambiguous`]): then the text can be split in only one way.

use super::field::{FieldError, Problem};
use super::fields::Fields;
use crate::Secret;
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use thiserror::Error;

/// How a document is signed. WeChat's default is MD5.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SignType {
    /// `MD5`: a sign of 32 characters.
    #[default]
    #[serde(rename = "MD5")]
    Md5,
    /// `HMAC-SHA256`: a sign of 64 characters.
    #[serde(rename = "HMAC-SHA256")]
    HmacSha256,
}

impl SignType {
    /// Both ways to sign.
    pub const ALL: [Self; 2] = [Self::Md5, Self::HmacSha256];

    /// WeChat's name for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::HmacSha256 => "HMAC-SHA256",
        }
    }

    /// The sign type with this exact name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.as_str() == name)
    }

    /// How many characters a sign has.
    pub const fn sign_len(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::HmacSha256 => 64,
        }
    }

    /// `sign_type` need be sent only when it is not the default (9.1).
    pub(crate) fn unless_default(self) -> Option<&'static str> {
        (self != Self::default()).then(|| self.as_str())
    }
}

/// Why a signature is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SignError {
    /// There is no `sign`.
    #[error("the document is not signed")]
    Missing,
    /// The document declares another sign type, or its sign has the length of
    /// another.
    #[error("the document is signed in another way than expected")]
    WrongType,
    /// The sign is not the one that the key produces.
    #[error("the signature does not match")]
    Mismatch,
}

/// A document's own signature, and the one that it should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The sign type used: the declared one, or else the one with the sign's
    /// length.
    pub sign_type: SignType,
    /// The document's `sign`.
    pub given: Option<String>,
    /// The sign that the key produces.
    pub computed: String,
}

impl Checked {
    /// Whether the document's signature is valid.
    pub fn holds(&self) -> bool {
        self.given
            .as_deref()
            .is_some_and(|given| same(given, &self.computed))
    }
}

impl Fields {
    /// What is signed, without the key: `k=v` joined by `&`.
    pub fn signing_text(&self) -> String {
        let mut pairs: Vec<_> = self
            .iter()
            .filter(|(name, value)| *name != "sign" && !value.is_empty())
            .collect();
        pairs.sort_unstable();
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| format!("{n}={v}")).collect();
        pairs.join("&")
    }

    /// The sign of these fields. A `sign` among them is left out.
    pub fn sign(&self, key: &Secret, sign_type: SignType) -> String {
        sign_text(&self.signing_text(), key, sign_type)
    }

    /// These fields with their `sign`. `sign_type` is not added: a request that
    /// needs one has it already.
    #[must_use]
    pub fn sealed(self, key: &Secret, sign_type: SignType) -> Self {
        let sign = self.sign(key, sign_type);
        self.with("sign", sign)
    }

    /// Refuses a document whose signed text is also the text of another
    /// document, because a value contains `&`. Every document from an
    /// unauthenticated sender is read only after this check.
    pub fn unambiguous(&self) -> Result<(), FieldError> {
        match self.iter().any(|(_, value)| value.contains('&')) {
            true => Err(Problem::Ambiguous.of("sign")),
            false => Ok(()),
        }
    }

    /// Refuses a document in which a field of `read` is ambiguous. For WeChat's
    /// answers to our requests: no field of `read` may contain `&`, and no
    /// other field may contain text that looks like one of them. Any other
    /// field may contain `&`, because it is not read and must not make a
    /// payment unreadable.
    pub(crate) fn unambiguous_in(&self, read: &[&str]) -> Result<(), FieldError> {
        // `refund_fee_0` is the first of several.
        let is_read = |name: &str| {
            read.contains(&name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_'))
        };
        let hides = |pair: &str| pair.split('=').next().is_some_and(is_read);
        let folded = |(name, value): (&str, &str)| {
            value.contains('&') && (is_read(name) || value.split('&').skip(1).any(hides))
        };
        match self.iter().any(folded) {
            true => Err(Problem::Ambiguous.of("sign")),
            false => Ok(()),
        }
    }

    /// Removes the fields whose value contains `&`, so that the rest can be
    /// signed for a third party.
    #[must_use]
    pub fn without_ambiguous(mut self) -> Self {
        self.retain(|value| !value.contains('&'));
        self
    }

    /// Checks the document's `sign`, in constant time.
    pub fn verify(&self, key: &Secret, sign_type: SignType) -> Result<(), SignError> {
        let given = self.get_nonempty("sign").ok_or(SignError::Missing)?;
        let declared = self.get_nonempty("sign_type");
        if declared.is_some_and(|name| name != sign_type.as_str()) {
            return Err(SignError::WrongType);
        }
        if SignType::ALL
            .iter()
            .any(|t| *t != sign_type && t.sign_len() == given.len())
        {
            return Err(SignError::WrongType);
        }
        if same(given, &self.sign(key, sign_type)) {
            Ok(())
        } else {
            Err(SignError::Mismatch)
        }
    }

    /// The sign type that a request declares; MD5 if it declares none, even
    /// when its sign has another length (9.1: HMAC-SHA256 must be declared).
    /// `None` when it declares one that v2 does not have.
    pub fn declared_sign_type(&self) -> Option<SignType> {
        self.get_nonempty("sign_type")
            .map_or(Some(SignType::default()), SignType::parse)
    }

    /// The sign type of a document of unknown origin: the one it declares in
    /// `sign_type` (or `signType`), else the one with the length of its sign,
    /// else MD5. `None` when it declares one that v2 does not have.
    ///
    /// For checking a document of unknown origin. A caller that knows the sign
    /// type calls [`verify`](Self::verify) with it.
    pub fn sign_type_in_use(&self) -> Option<SignType> {
        let declared = self
            .get_nonempty("sign_type")
            .or_else(|| self.get_nonempty("signType"));
        if let Some(name) = declared {
            return SignType::parse(name);
        }
        let given = self.get_nonempty("sign").map_or(0, str::len);
        let by_length = SignType::ALL.into_iter().find(|t| t.sign_len() == given);
        Some(by_length.unwrap_or_default())
    }

    /// Signs a received document by its own sign type, for comparison with the
    /// sign it carries. [`SignError::WrongType`] when it declares one that v2
    /// does not have.
    pub fn check_sign(&self, key: &Secret) -> Result<Checked, SignError> {
        let sign_type = self.sign_type_in_use().ok_or(SignError::WrongType)?;
        Ok(Checked {
            sign_type,
            given: self.get_nonempty("sign").map(str::to_owned),
            computed: self.sign(key, sign_type),
        })
    }
}

/// Constant-time comparison of two signs.
pub(crate) fn same(given: &str, computed: &str) -> bool {
    given.as_bytes().ct_eq(computed.as_bytes()).into()
}

#[expect(
    clippy::expect_used,
    reason = "HMAC is defined for a key of any length"
)]
fn sign_text(text: &str, key: &Secret, sign_type: SignType) -> String {
    let parts = [text, "&key=", key.expose()];
    match sign_type {
        SignType::Md5 => {
            let mut hash = Md5::new();
            parts
                .iter()
                .for_each(|part| Digest::update(&mut hash, part));
            upper_hex(&hash.finalize())
        }
        SignType::HmacSha256 => {
            let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes())
                .expect("HMAC takes a key of any length");
            parts
                .iter()
                .for_each(|part| Mac::update(&mut mac, part.as_bytes()));
            upper_hex(&mac.finalize().into_bytes())
        }
    }
}

fn upper_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}
