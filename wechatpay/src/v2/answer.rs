//! The envelope of every answer of WeChat Pay v2.
//!
//! ```text
//! return_code  FAIL     it was not parsed: return_msg says why, nothing is signed
//!              SUCCESS  signed; appid, mch_id, nonce_str and then
//!   result_code  FAIL     refused: err_code, err_code_des
//!                SUCCESS  the message's own fields
//! ```
//!
//! [`read`] checks it in that order and stops at the first error. WeChat Pay v2
//! manual, the "Return Data" of sections 5.5 and 9.

use crate::Secret;
use crate::common::error::ErrorCode;
use crate::common::{FieldError, Fields, SignError, SignType, XmlError};
use order::Account;
use thiserror::Error;

/// Why an answer is not a success.
///
/// Only [`Refused`](Self::Refused) is signed by WeChat. After any other error
/// the outcome is unknown: query before deciding.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AnswerError {
    /// Not a v2 document.
    #[error("the answer is not a v2 document: {0}")]
    Malformed(#[from] XmlError),
    /// `return_code` is not `SUCCESS`. This part of an answer is never signed.
    #[error("WeChat did not accept the message: {return_msg}")]
    Communication {
        /// WeChat's message; empty if there is none.
        return_msg: String,
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
    /// Verified: WeChat refuses.
    #[error("WeChat refuses with {code}: {description}")]
    Refused {
        /// `err_code`.
        code: ErrorCode,
        /// `err_code_des`; empty when there is none.
        description: String,
        /// The whole verified answer.
        fields: Fields,
    },
    /// Verified, but a field is not as the manual says.
    #[error("the answer's {0}")]
    Field(#[from] FieldError),
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
}

/// Checks the envelope and returns the fields of a verified, successful answer to a
/// request of `account`, signed with the request's sign type.
pub fn read(
    bytes: &[u8],
    account: &Account,
    key: &Secret,
    sign_type: SignType,
) -> Result<Fields, AnswerError> {
    let fields = taken(Fields::parse(bytes)?)?;
    fields.verify(key, sign_type)?;
    fields.required("result_code")?;
    not_refused(fields, account, Presence::Required)
}

/// [`read`] for the exchange rate, whose successful answer has no
/// `result_code`.
pub(crate) fn read_without_result(
    bytes: &[u8],
    account: &Account,
    key: &Secret,
    sign_type: SignType,
) -> Result<Fields, AnswerError> {
    let fields = taken(Fields::parse(bytes)?)?;
    fields.verify(key, sign_type)?;
    not_refused(fields, account, Presence::Required)
}

/// [`read`] for the settlement, whose answer need not be signed and then need
/// not contain the ids.
pub(crate) fn check_optionally_signed(
    fields: Fields,
    account: &Account,
    key: &Secret,
    sign_type: SignType,
) -> Result<Fields, AnswerError> {
    let fields = taken(fields)?;
    if fields.get_nonempty("sign").is_some() {
        fields.verify(key, sign_type)?;
    }
    fields.required("result_code")?;
    not_refused(fields, account, Presence::Optional)
}

fn taken(fields: Fields) -> Result<Fields, AnswerError> {
    if fields.get("return_code") == Some("SUCCESS") {
        Ok(fields)
    } else {
        let return_msg = fields.owned("return_msg").unwrap_or_default();
        Err(AnswerError::Communication { return_msg })
    }
}

fn not_refused(
    fields: Fields,
    account: &Account,
    presence: Presence,
) -> Result<Fields, AnswerError> {
    if fields.get_nonempty("result_code").unwrap_or("SUCCESS") != "SUCCESS" {
        // A refusal may omit the ids, because they may be wrong.
        check_account(&fields, account, Presence::Optional)?;
        return Err(AnswerError::Refused {
            code: ErrorCode::from_code(fields.get("err_code").unwrap_or_default()),
            description: fields.owned("err_code_des").unwrap_or_default(),
            fields,
        });
    }
    check_account(&fields, account, presence)?;
    Ok(fields)
}

/// The beginning of a successful answer: `return_code` and `result_code` are `SUCCESS`.
/// The message's own fields follow; then [`Fields::sealed`].
pub fn success(account: &Account, nonce_str: &str) -> Fields {
    envelope(account, nonce_str).with("result_code", "SUCCESS")
}

/// A refusal, not signed yet: then [`Fields::sealed`].
pub fn refusal(account: &Account, nonce_str: &str, code: &ErrorCode, description: &str) -> Fields {
    envelope(account, nonce_str)
        .with("result_code", "FAIL")
        .with("err_code", code.code())
        .with("err_code_des", description)
}

/// The answer to a message that was not accepted. It is never signed.
pub fn communication_failure(return_msg: &str) -> Fields {
    Fields::new()
        .with("return_code", "FAIL")
        .with("return_msg", return_msg)
}

/// The fields with which every signed answer starts.
pub(crate) fn envelope(account: &Account, nonce_str: &str) -> Fields {
    let mut fields = Fields::new()
        .with("return_code", "SUCCESS")
        .with("return_msg", "OK");
    push_account(&mut fields, account);
    fields.with("nonce_str", nonce_str)
}

/// Writes the ids of a request or an answer.
pub(crate) fn push_account(fields: &mut Fields, account: &Account) {
    fields.push("appid", account.appid.as_str());
    fields.push("mch_id", account.mch_id.as_str());
    fields.push_some("sub_appid", account.sub_appid.as_deref());
    fields.push_some("sub_mch_id", account.sub_mch_id.as_deref());
}

/// Reads the ids. A direct merchant's notice may repeat `mch_id` as
/// `sub_mch_id` (the sample of 9.7 does); that does not make the merchant an institution.
pub(crate) fn read_account(fields: &Fields) -> Result<Account, FieldError> {
    let mch_id = fields.text::<32>("mch_id")?;
    let sub_mch_id = fields
        .optional_text::<32>("sub_mch_id")?
        .filter(|sub| *sub != mch_id);
    Ok(Account {
        appid: fields.text::<32>("appid")?.into(),
        mch_id: mch_id.into(),
        sub_appid: fields.optional_text::<32>("sub_appid")?.map(String::from),
        sub_mch_id: sub_mch_id.map(String::from),
    })
}

/// Whether an id must be repeated, or only must not differ.
#[derive(Clone, Copy, PartialEq)]
enum Presence {
    Required,
    Optional,
}

fn check_account(
    fields: &Fields,
    account: &Account,
    presence: Presence,
) -> Result<(), AnswerError> {
    let sub_mch_id = account.sub_mch_id.as_deref();
    let sub_mch_presence = if sub_mch_id.is_some() {
        presence
    } else {
        Presence::Optional
    };
    let ids = [
        ("appid", Some(account.appid.as_str()), presence),
        ("mch_id", Some(account.mch_id.as_str()), presence),
        // A direct merchant's own number is allowed here: see `read_account`.
        (
            "sub_mch_id",
            sub_mch_id.or(Some(account.mch_id.as_str())),
            sub_mch_presence,
        ),
        // WeChat does not always repeat it.
        (
            "sub_appid",
            account.sub_appid.as_deref(),
            Presence::Optional,
        ),
    ];
    for (field, expected, presence) in ids {
        match fields.get_nonempty(field) {
            None if presence == Presence::Required => {
                return Err(AnswerError::Mismatched { field });
            }
            Some(got) if Some(got) != expected => return Err(AnswerError::Mismatched { field }),
            _ => {}
        }
    }
    Ok(())
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
