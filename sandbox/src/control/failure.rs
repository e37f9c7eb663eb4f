//! Why a control call is not executed.

use crate::input::BadInput;
use crate::web::{self, Answer};
use http::StatusCode;
use serde_json::Value;

/// Why a control call is not executed.
pub(super) enum Failure {
    Input(BadInput),
    NotFound(String),
    Exists {
        field: &'static str,
        message: String,
    },
    /// The order or refund is no longer in a state that allows it.
    Over(String),
}

impl From<BadInput> for Failure {
    fn from(bad: BadInput) -> Self {
        Self::Input(bad)
    }
}

impl From<Failure> for Answer {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Input(bad) => bad.into(),
            Failure::NotFound(message) => {
                web::refusal(StatusCode::NOT_FOUND, "NOT_FOUND", None, message)
            }
            Failure::Exists { field, message } => {
                web::refusal(StatusCode::CONFLICT, "EXISTS", Some(field), message)
            }
            Failure::Over(message) => web::refusal(StatusCode::CONFLICT, "OVER", None, message),
        }
    }
}

pub(super) type Done = Result<Value, Failure>;
