//! What can be wrong with a field of a JSON message.

use std::fmt;

use crate::common::{self, Problem};

/// A field that is not as the manual says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct FieldError {
    /// The path of the field: `amount.total`, `data[3].status`.
    pub field: String,
    /// What is wrong with it.
    pub problem: Problem,
}

impl FieldError {
    /// This problem, in that field.
    pub fn new(field: impl Into<String>, problem: Problem) -> Self {
        Self {
            field: field.into(),
            problem,
        }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.problem)
    }
}

/// The shared types name v2's field, which is v3's too.
impl From<common::FieldError> for FieldError {
    fn from(error: common::FieldError) -> Self {
        Self::new(error.field, error.problem)
    }
}
