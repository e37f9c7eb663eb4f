//! Functions of both drivers for a request in flight.

use gateway::runtime::{Request, Response, Route};
use http::{HeaderName, HeaderValue, StatusCode};

/// The header in which a TLS server names the client certificate of a request
/// for the sandbox.
const CERTIFICATE: HeaderName = HeaderName::from_static("x-sandbox-client-certificate");

/// The destination of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// WeChat Pay or iOnline.
    WeChatPay,
    /// WeChat's OAuth.
    Weixin,
    /// The merchant's own server.
    Merchant,
    /// The page's files.
    Assets,
}

impl Destination {
    /// The destination of a route.
    #[must_use]
    pub const fn of(route: Route<'_>) -> Self {
        match route {
            Route::WeChatPay
            | Route::WeChatPayMtls(_)
            | Route::WeChatPayOwn(_)
            | Route::Statement
            | Route::Ionline => Self::WeChatPay,
            Route::Weixin => Self::Weixin,
            Route::Merchant | Route::Webhook => Self::Merchant,
            Route::Assets => Self::Assets,
        }
    }
}

/// Adds a note of the presented client certificate to a request:
/// `certificate_of` gives the certificate of a binding.
pub fn show_certificate(
    route: Route<'_>,
    request: &mut Request,
    certificate_of: impl Fn(&str) -> Option<String>,
) {
    let shown = match route {
        Route::WeChatPayMtls(binding) => certificate_of(binding).unwrap_or("none".to_owned()),
        _ if request.uri().path().starts_with("/secapi/") => "none".to_owned(),
        _ => return,
    };
    if let Ok(value) = HeaderValue::from_str(&shown) {
        request.headers_mut().insert(CERTIFICATE, value);
    }
}

/// The answer of a proxy whose server is down.
#[must_use]
pub fn bad_gateway() -> Response {
    let mut answer = Response::new(b"<html>Bad Gateway</html>".to_vec());
    *answer.status_mut() = StatusCode::BAD_GATEWAY;
    answer
}

/// The checkout page's HTML, as the build makes it of `app/index.html`.
#[must_use]
pub fn page() -> Response {
    Response::new(include_str!("../../../app/index.html").as_bytes().to_vec())
}
