//! Requests that carry an `Idempotency-Key`
//! (draft-ietf-httpapi-idempotency-key-header-07).

use crate::http::error::{ApiError, Code};
use serde::{Deserialize, Serialize};

/// How long an answer is kept for its repetitions: a day.
pub const KEPT_MS: i64 = 24 * 60 * 60 * 1000;
/// How many answers are removed at once after their time.
pub const REMOVED_AT_ONCE: i64 = 500;

/// Identifies a request that may be repeated. The keys of two callers differ,
/// even if both send the same header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyKey {
    /// The fingerprint of caller, method, path and header.
    pub key: String,
    /// The fingerprint of query and body.
    pub request: String,
}

/// The refusal of another request under a key that was used.
pub fn key_reused() -> ApiError {
    ApiError::field(
        Code::IdempotencyKeyReused,
        "idempotency-key",
        "This Idempotency-Key was used for a request with another body.",
    )
}

/// The refusal of a repetition whose answer was sealed under a master key that
/// the deployment no longer has.
pub fn answer_unreadable() -> ApiError {
    ApiError::field(
        Code::IdempotencyKeyReused,
        "idempotency-key",
        "The answer to this Idempotency-Key can no longer be shown, because the gateway's \
         MASTER_KEY has changed. The first request had its effect: end what it made, and use \
         another key.",
    )
}
