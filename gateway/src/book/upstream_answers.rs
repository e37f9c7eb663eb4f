//! Converts an upstream's failure into the error for the caller.

use crate::http::error::{ApiError, Code};
use crate::upstream::{self, Failure, Kind};
use serde_json::Value;
use wechatpay::common::error::{Outcome, Side};
use wechatpay::{v2, v3};

const fn code(kind: Kind) -> Code {
    match kind {
        Kind::NoAnswer => Code::UpstreamUnavailable,
        Kind::Refused => Code::UpstreamRefused,
        Kind::NotOffered => Code::NotOffered,
        Kind::TooOften => Code::UpstreamTooOften,
        Kind::Unverified => Code::UpstreamUnverified,
        Kind::StatementUnreadable => Code::StatementUnreadable,
        Kind::AttemptPending => Code::AttemptPending,
        Kind::FieldInvalid => Code::FieldInvalid,
        Kind::ClientCertificateMissing => Code::ClientCertificateMissing,
        Kind::ClientCertificateRefused => Code::ClientCertificateRefused,
        Kind::CertificateExpired => Code::CertificateExpired,
        Kind::KeyUnusable => Code::KeyUnusable,
        Kind::Internal => Code::Internal,
    }
}

impl From<upstream::Error> for ApiError {
    fn from(error: upstream::Error) -> Self {
        let code = code(error.kind);
        let mut answer = match error.cause {
            Some(cause) => Self::of(code).with_cause(cause),
            None => Self::of(code),
        };
        answer.field = error.field;
        if let Some(message) = error.message {
            answer.message = *message;
        }
        // WeChat's text does not say what to do.
        if error.kind == Kind::ClientCertificateRefused
            && let Value::Object(said) = &mut answer.message
        {
            said.insert("advice".to_owned(), code.advice().into());
        }
        let is_request_refused = error.kind == Kind::Refused && refuses_request(&answer.message);
        answer.with_request_refused(is_request_refused)
    }
}

/// Whether WeChat's answer refuses what was asked for. A refusal of the
/// transport has no code; a wrong openid is the caller's mistake there too.
fn refuses_request(message: &Value) -> bool {
    let said = |name: &str| message.get(name).and_then(Value::as_str);
    match said("err_code") {
        Some(code) => is_request_refused(code),
        None => said("return_msg").is_some_and(|said| said.to_lowercase().contains("openid")),
    }
}

/// Whether a refusal with this code is caused by the request, the order or the
/// payer, so that the same request would be refused again. A refused signature
/// is not: the merchant must repair it.
pub fn is_request_refused(code: &str) -> bool {
    let (v2, v3) = (
        v2::ErrorCode::from_code(code),
        v3::ErrorCode::from_code(code),
    );
    let is_signature = v2 == v2::ErrorCode::SignError || v3 == v3::ErrorCode::SignError;
    let is_of_request = |side, outcome| {
        matches!(side, Side::Request | Side::Order | Side::Payer) && outcome == Outcome::Refused
    };
    !is_signature
        && (is_of_request(v2.side(), v2.outcome()) || is_of_request(v3.side(), v3.outcome()))
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        upstream::Error::from(failure).into()
    }
}

/// Whether WeChat refuses only for a while: the same request may pass later.
/// Every dialect uses the codes of API v2 or of APIv3.
pub fn may_pass_later(refusal: &ApiError) -> bool {
    let said = match refusal.code {
        Code::UpstreamRefused => refusal.message.get("err_code").and_then(Value::as_str),
        _ => None,
    };
    said.is_some_and(|code| {
        v2::ErrorCode::from_code(code).is_retryable()
            || v3::ErrorCode::from_code(code).is_retryable()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A refund that waits for a correction is stored with the kind's name.
    #[test]
    fn each_kind_has_the_name_of_its_code() {
        for kind in [
            Kind::NoAnswer,
            Kind::Refused,
            Kind::NotOffered,
            Kind::TooOften,
            Kind::Unverified,
            Kind::StatementUnreadable,
            Kind::AttemptPending,
            Kind::FieldInvalid,
            Kind::ClientCertificateMissing,
            Kind::ClientCertificateRefused,
            Kind::CertificateExpired,
            Kind::KeyUnusable,
            Kind::Internal,
        ] {
            assert_eq!(kind.name(), code(kind).name());
        }
    }
}
