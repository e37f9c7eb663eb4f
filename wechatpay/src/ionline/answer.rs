//! The envelope of every answer.
//!
//! ```text
//! status  not 0   it was not accepted: message says why, nothing is signed
//!         0       signed; mch_id, nonce_str and then
//!   result_code  not 0   refused: err_code, err_msg
//!                0       the message's own fields
//! ```
//!
//! [`read`] checks it in that order and stops at the first error. iOnline
//! description, "Response Parameters".

use super::error::AnswerError;
use super::json;
use crate::Secret;
use crate::common::{Fields, SignType};
use crate::v2::ErrorCode;

/// Checks the envelope and returns the fields of a verified, successful answer to a
/// request of `mch_id`.
pub fn read(bytes: &[u8], mch_id: &str, key: &Secret) -> Result<Fields, AnswerError> {
    let fields = json::read(bytes)?;
    let status = fields.get_nonempty("status").unwrap_or_default();
    if status != "0" {
        return Err(AnswerError::Communication {
            status: status.to_owned(),
            message: fields.owned("message").unwrap_or_default(),
        });
    }
    fields.verify(key, SignType::Md5)?;
    let refused = fields.required("result_code")? != "0";
    if refused {
        check_echo(&fields, "mch_id", mch_id)?;
        return Err(AnswerError::Refused {
            code: ErrorCode::from_code(fields.get("err_code").unwrap_or_default()),
            description: fields.owned("err_msg").unwrap_or_default(),
            fields,
        });
    }
    fields.required("mch_id")?;
    check_echo(&fields, "mch_id", mch_id)?;
    Ok(fields)
}

/// The beginning of a successful answer: `status` and `result_code` are `0`. The
/// message's own fields follow; then [`to_json`].
pub fn success(mch_id: &str, nonce_str: &str) -> Fields {
    envelope(mch_id, nonce_str).with("result_code", "0")
}

/// A refusal, not signed yet: then [`to_json`].
pub fn refusal(mch_id: &str, nonce_str: &str, code: &ErrorCode, description: &str) -> Fields {
    envelope(mch_id, nonce_str)
        .with("result_code", "1")
        .with("err_code", code.code())
        .with("err_msg", description)
}

/// The answer to a message that was not accepted. It is never signed.
pub fn communication_failure(status: u16, message: &str) -> Fields {
    Fields::new()
        .with("status", status.to_string())
        .with("message", message)
}

/// The signed document to send.
pub fn to_json(fields: Fields, key: &Secret) -> String {
    json::write(&fields.sealed(key, SignType::Md5))
}

/// The fields with which every signed document of iOnline's starts.
pub(crate) fn envelope(mch_id: &str, nonce_str: &str) -> Fields {
    Fields::new()
        .with("version", "1.0")
        .with("charset", "UTF-8")
        .with("sign_type", SignType::Md5.as_str())
        .with("status", "0")
        .with("mch_id", mch_id)
        .with("nonce_str", nonce_str)
}

/// If the answer repeats `field`, it must be `expected`.
pub(crate) fn check_echo(
    fields: &Fields,
    field: &'static str,
    expected: &str,
) -> Result<(), AnswerError> {
    match fields.get_nonempty(field) {
        Some(got) if got != expected => Err(AnswerError::Mismatched { field }),
        _ => Ok(()),
    }
}
