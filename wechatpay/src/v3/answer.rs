//! The envelope of answers: which parts of an answer are authenticated.
//!
//! ```text
//! a valid signature        2xx   the message's own fields, or nothing (204)
//!                          else  {"code","message","detail"}: WeChat refuses
//! any other                      unknown, regardless of its content
//! ```
//!
//! An answer to a request whose signature is wrong may be unsigned. Its text is
//! useful for display, so it is kept as an unauthenticated claim.

use super::error::ErrorCode;
use super::field::FieldError;
use super::keyring::{Keyring, Verified, VerifyError, verify};
use super::sign::{Signature, SignatureError};
use crate::common::json::{Document, JsonError};
use crate::rsa::Rsa;
use serde_json::{Map, Value, json};
use thiserror::Error;

/// Why an answer is not a success.
///
/// Only [`Refused`](Self::Refused) is signed by WeChat. After any other error
/// the outcome is unknown: query before deciding.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AnswerError {
    /// Verified: WeChat refuses.
    #[error("WeChat refuses with {}: {}", .0.code, .0.message)]
    Refused(Box<Refusal>),
    /// A refusal without a verified signature.
    #[error("an answer that cannot be verified refuses with {}: {}", .0.code, .0.message)]
    Claimed(Box<Refusal>, Unverified),
    /// Neither verified nor a refusal.
    #[error("the answer cannot be verified: {0}")]
    Unverified(Unverified),
    /// Valid signature, but the response does not match the request.
    #[error("the answer's {field} is not the request's")]
    Mismatched {
        /// The field that differs.
        field: &'static str,
    },
    /// Verified, but not a v3 message.
    #[error("{0}")]
    Json(#[from] JsonError),
    /// Verified, but a field is not as the manual says.
    #[error("the answer's {0}")]
    Field(#[from] FieldError),
}

/// Why an answer or a notice is not verified.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unverified {
    /// It is not signed.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// Its signature is not valid.
    #[error(transparent)]
    Verify(#[from] VerifyError),
}

impl AnswerError {
    /// Whether the outcome is unknown. `false` only for a signed refusal whose
    /// code says that nothing happened.
    pub fn is_unknown_outcome(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.code.is_unknown_outcome(),
            _ => true,
        }
    }

    /// WeChat's signed refusal.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

/// Whether the status is that of a success. `202 Accepted` is not: it has a
/// code, such as `USERPAYING`.
pub const fn is_success(status: u16) -> bool {
    matches!(status, 200 | 204)
}

/// Verifies an answer. The result is the body of a 200 or 204 with a valid
/// signature; any other answer is an error. `header` finds a header by its name
/// in any case.
pub async fn open<'a, 'h>(
    status: u16,
    header: impl Fn(&'static str) -> Option<&'h str>,
    body: &'a [u8],
    keyring: &Keyring,
    now_ms: i64,
    rsa: &impl Rsa,
) -> Result<Verified<'a>, AnswerError> {
    let verified = match Signature::from_headers(header) {
        Ok(signature) => verify(&signature, body, keyring, now_ms, rsa)
            .await
            .map_err(Unverified::from),
        Err(error) => Err(error.into()),
    };
    let good = is_success(status);
    match verified {
        Ok(verified) if good => Ok(verified),
        Ok(_) => Err(AnswerError::Refused(Box::new(Refusal::read(status, body)?))),
        Err(unverified) => Err(match Refusal::read(status, body) {
            Ok(claim) if !good => AnswerError::Claimed(Box::new(claim), unverified),
            _ => AnswerError::Unverified(unverified),
        }),
    }
}

/// A refusal by WeChat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// What is wrong.
    pub code: ErrorCode,
    /// A text for people; may be empty.
    pub message: String,
    /// Further data; may be `null`.
    pub detail: Value,
}

/// WeChat's data about a signature that it does not accept: the text that it
/// would have signed, with its middle cut out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInformation {
    /// The request's method.
    pub method: String,
    /// The request's path and query.
    pub url: String,
    /// The signed lines, with their middle cut out.
    pub truncated_sign_message: String,
    /// How many bytes they have.
    pub sign_message_length: i64,
}

impl Refusal {
    /// A refusal with the code's own text and status.
    pub fn of(code: ErrorCode) -> Self {
        Self {
            status: code.http_status(),
            message: code.meaning().to_owned(),
            code,
            detail: Value::Null,
        }
    }

    /// Reads the body of an answer that is not a success.
    pub fn read(status: u16, body: &[u8]) -> Result<Self, AnswerError> {
        let document = Document::parse(body)?;
        let root = document.root();
        Ok(Self {
            status,
            code: ErrorCode::from_code(root.text("code", 64)?),
            message: root.shown("message").unwrap_or_default(),
            detail: root.get("detail").cloned().unwrap_or_default(),
        })
    }

    /// WeChat's data about the request's signature.
    pub fn sign_information(&self) -> Option<SignInformation> {
        let information = self.detail.get("sign_information")?;
        let text = |name| information.get(name)?.as_str().map(str::to_owned);
        Some(SignInformation {
            method: text("method")?,
            url: text("url")?,
            truncated_sign_message: text("truncated_sign_message")?,
            sign_message_length: information.get("sign_message_length")?.as_i64()?,
        })
    }

    /// The body.
    pub fn to_json(&self) -> String {
        let mut fields = Map::new();
        fields.insert("code".to_owned(), json!(self.code.code()));
        fields.insert("message".to_owned(), json!(self.message));
        if !self.detail.is_null() {
            fields.insert("detail".to_owned(), self.detail.clone());
        }
        Value::Object(fields).to_string()
    }
}

impl SignInformation {
    /// The `detail` with this data.
    pub fn to_detail(&self) -> Value {
        json!({ "sign_information": {
            "method": self.method,
            "url": self.url,
            "truncated_sign_message": self.truncated_sign_message,
            "sign_message_length": self.sign_message_length,
        }})
    }
}
