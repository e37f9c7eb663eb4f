//! Quick Pay's common parts: the payer's code, and when to query.

use super::field::{FieldError, Problem};
use std::fmt;

/// After `USERPAYING`, when to query: seconds since the request (Q5).
pub const QUERY_SECONDS: [u32; 5] = [3, 5, 10, 15, 30];

/// How long the payer may take for the password before the order is reversed:
/// 30 seconds.
pub const PASSWORD_SECONDS: i64 = 30;

/// A payer's code: 18 digits that begin 10 to 15 (Q1). A holder of it can take
/// money once, so it does not print.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AuthCode(String);

impl AuthCode {
    /// How many digits a code has.
    pub const LEN: usize = 18;

    /// Checks what was scanned. [`Problem::Empty`] is a lacking parameter; any
    /// other problem means that this is no payment code:
    /// [`refuses`](Self::refuses).
    pub fn new(scanned: &str) -> Result<Self, FieldError> {
        let digits = scanned.bytes().all(|b| b.is_ascii_digit());
        let begins = matches!(scanned.as_bytes(), [b'1', b'0'..=b'5', ..]);
        if scanned.is_empty() {
            Err(Problem::Empty.of("auth_code"))
        } else if !digits {
            Err(Problem::NotANumber.of("auth_code"))
        } else if scanned.len() != Self::LEN || !begins {
            Err(Problem::BadFormat.of("auth_code"))
        } else {
            Ok(Self(scanned.to_owned()))
        }
    }

    /// The digits, which are only for the request.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether a request was refused because the scanned text is not a payment
    /// code, which WeChat calls
    /// [`AuthCodeInvalid`](super::ErrorCode::AuthCodeInvalid).
    pub fn refuses(error: &FieldError) -> bool {
        error.field == "auth_code"
            && matches!(error.problem, Problem::NotANumber | Problem::BadFormat)
    }
}

impl fmt::Debug for AuthCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthCode(…)")
    }
}
