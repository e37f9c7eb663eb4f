//! Why a call to an upstream did not succeed. `book/upstream_answers.rs`
//! converts it into the answer for the caller.

use super::Failure;
use serde_json::Value;
use std::fmt;
use wechatpay::common::FieldError;

/// Why there is no success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No answer came.
    NoAnswer,
    /// The upstream refuses; the message is its answer.
    Refused,
    /// The merchant's upstream has no such call.
    NotOffered,
    /// The call was not sent, because the upstream refuses it as too frequent.
    TooOften,
    /// The answer could not be verified, so it was not used.
    Unverified,
    /// The statement is not a statement, or is incomplete.
    StatementUnreadable,
    /// An earlier attempt is still being closed.
    AttemptPending,
    /// The upstream would not accept this field.
    FieldInvalid,
    /// The merchant has no client certificate.
    ClientCertificateMissing,
    /// The upstream does not accept the client certificate.
    ClientCertificateRefused,
    /// The merchant's API certificate has expired.
    CertificateExpired,
    /// The merchant's private key cannot sign.
    KeyUnusable,
    /// A fault of the gateway; the cause is for the log.
    Internal,
}

impl Kind {
    /// Its name in the log, and in a refund that waits for a repair.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoAnswer => "UPSTREAM_UNAVAILABLE",
            Self::Refused => "UPSTREAM_REFUSED",
            Self::NotOffered => "NOT_OFFERED",
            Self::TooOften => "UPSTREAM_TOO_OFTEN",
            Self::Unverified => "UPSTREAM_UNVERIFIED",
            Self::StatementUnreadable => "STATEMENT_UNREADABLE",
            Self::AttemptPending => "ATTEMPT_PENDING",
            Self::FieldInvalid => "FIELD_INVALID",
            Self::ClientCertificateMissing => "CLIENT_CERTIFICATE_MISSING",
            Self::ClientCertificateRefused => "CLIENT_CERTIFICATE_REFUSED",
            Self::CertificateExpired => "CERTIFICATE_EXPIRED",
            Self::KeyUnusable => "KEY_UNUSABLE",
            Self::Internal => "INTERNAL",
        }
    }
}

/// Why there is no success, and what is known of it.
#[derive(Debug)]
pub struct Error {
    /// The kind.
    pub kind: Kind,
    /// The field that is at fault.
    pub field: Option<String>,
    /// A sentence, or the upstream's answer; `None` where the kind needs no
    /// further text.
    pub message: Option<Box<Value>>,
    /// What happened, for the log only: no secret, and no text of a caller.
    pub cause: Option<String>,
}

impl Error {
    pub(super) const fn of(kind: Kind) -> Self {
        Self {
            kind,
            field: None,
            message: None,
            cause: None,
        }
    }

    /// With a sentence, or the upstream's answer.
    pub(super) fn with_message(kind: Kind, message: impl Into<Value>) -> Self {
        Self {
            message: Some(Box::new(message.into())),
            ..Self::of(kind)
        }
    }

    /// About a field of the request or of the merchant's settings.
    pub(super) fn about(self, field: &str) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..self
        }
    }

    /// A fault of the gateway.
    pub(super) fn internal(cause: impl fmt::Display) -> Self {
        Self::of(Kind::Internal).because(cause)
    }

    /// With a cause for the log.
    pub(super) fn because(self, cause: impl fmt::Display) -> Self {
        Self {
            cause: Some(cause.to_string()),
            ..self
        }
    }

    /// A text of the upstream's answer under this name.
    pub(super) fn said(&self, name: &str) -> Option<&str> {
        self.message.as_ref()?.get(name)?.as_str()
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NoAnswer => Self::of(Kind::NoAnswer),
            Failure::Inconclusive(error) => error,
            Failure::Refused(refused) => refused.error,
        }
    }
}

/// A field that the upstream would not accept.
pub fn wrong(error: FieldError) -> Error {
    Error::with_message(Kind::FieldInvalid, format!("The {error}.")).about(error.field)
}
