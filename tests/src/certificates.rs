//! The client certificates of the deployment in memory.

use serde_json::{Value, json};

/// The `mch_id` of a binding's client certificate: the demo merchant's for
/// `WECHATPAY_MTLS`, the one in the name for `WECHATPAY_MTLS_1900000110`, an
/// expired one for `WECHATPAY_MTLS_EXPIRED`. There are no others.
pub fn certificate_of(binding: &str) -> Option<&str> {
    match binding.strip_prefix("WECHATPAY_MTLS")? {
        "" => Some("1900000109"),
        "_EXPIRED" => Some("expired"),
        more => more
            .strip_prefix('_')
            .filter(|mch_id| mch_id.bytes().all(|b| b.is_ascii_digit())),
    }
}

/// The binding with a `mch_id`'s certificate, as `client_certificate` names it.
pub fn binding_for(mch_id: &str) -> Value {
    json!({"binding": match mch_id {
        "1900000109" => "WECHATPAY_MTLS".to_owned(),
        other => format!("WECHATPAY_MTLS_{other}"),
    }})
}
