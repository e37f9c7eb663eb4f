//! What can be wrong with an answer.
//!
//! iOnline forwards WeChat's own codes in `err_code`, so they are read as
//! [`ErrorCode`], which has the outcome after each; after an unlisted code the
//! outcome is unknown.

use super::json::JsonError;
use super::payinfo::PayInfoError;
use crate::common::{FieldError, Fields, SignError};
use crate::v2::ErrorCode;
use thiserror::Error;

/// Why an answer is not a success.
///
/// Only [`Refused`](Self::Refused) is signed by iOnline. After any other error
/// the outcome is unknown: query before deciding.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AnswerError {
    /// Not a flat JSON object.
    #[error("the answer cannot be read: {0}")]
    Malformed(#[from] JsonError),
    /// `status` is not `0`. This part of an answer is not signed.
    #[error("iOnline did not accept the message: status {status}, {message}")]
    Communication {
        /// `status`; empty when there is none.
        status: String,
        /// iOnline's message; empty if there is none.
        message: String,
    },
    /// The signature is not valid.
    #[error("the answer cannot be verified: {0}")]
    Unverifiable(#[from] SignError),
    /// Valid signature, but the response does not match the request.
    #[error("the answer's {field} is not the request's")]
    Mismatched {
        /// The field that differs.
        field: &'static str,
    },
    /// Verified: `result_code` is not `0`.
    #[error("iOnline refuses with {code}: {description}")]
    Refused {
        /// `err_code`.
        code: ErrorCode,
        /// `err_msg`; empty when there is none.
        description: String,
        /// The whole verified answer.
        fields: Fields,
    },
    /// Verified, but a field is not as the manual says.
    #[error("the answer's {0}")]
    Field(#[from] FieldError),
    /// Verified, but its `pay_info` must not reach a page.
    #[error("the answer's pay_info {0}")]
    PayInfo(#[from] PayInfoError),
}

impl AnswerError {
    /// Whether the outcome is unknown. `false` only for a signed refusal whose
    /// code says that nothing happened.
    pub fn is_unknown_outcome(&self) -> bool {
        match self {
            Self::Refused { code, .. } => code.is_unknown_outcome(),
            _ => true,
        }
    }

    /// Whether the same request may be sent again after a while: it was not
    /// accepted, its answer could not be read, or iOnline was too busy. A
    /// refund is repeated under the same number.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Refused { code, .. } => code.is_retryable(),
            Self::Malformed(_) | Self::Communication { .. } => true,
            _ => false,
        }
    }
}
