//! The client certificates of the deployment in memory, and how the sandbox is
//! told which of them was shown.

use gateway::runtime::{Request, Route};
use serde_json::{Value, json};

/// Whose client certificate a binding holds: `WECHATPAY_MTLS` the demo
/// merchant's, `WECHATPAY_MTLS_1900000110` that of the `mch_id` in its name,
/// `WECHATPAY_MTLS_EXPIRED` one that has expired. There are no others.
pub fn certificate_of(binding: &str) -> Option<&str> {
    match binding.strip_prefix("WECHATPAY_MTLS")? {
        "" => Some("1900000109"),
        "_EXPIRED" => Some("expired"),
        more => more
            .strip_prefix('_')
            .filter(|mch_id| mch_id.bytes().all(|b| b.is_ascii_digit())),
    }
}

/// As a server that speaks TLS tells the sandbox which certificate was shown.
pub fn show_certificate(route: Route<'_>, request: &mut Request) {
    let shown = match route {
        Route::WeChatPayMtls(binding) => certificate_of(binding).expect("a binding that exists"),
        _ if request.uri().path().starts_with("/secapi/") => "none",
        _ => return,
    };
    let value = shown.parse().expect("a header's value");
    let headers = request.headers_mut();
    headers.insert("x-sandbox-client-certificate", value);
}

/// The binding with a `mch_id`'s certificate, as `client_certificate` names it.
pub fn binding_for(mch_id: &str) -> Value {
    json!({"binding": match mch_id {
        "1900000109" => "WECHATPAY_MTLS".to_owned(),
        other => format!("WECHATPAY_MTLS_{other}"),
    }})
}
