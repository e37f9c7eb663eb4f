//! HTTP helpers of the whole sandbox.

use http::{Response, StatusCode, header};
use serde_json::{Value, json};

pub(crate) type Request = http::Request<Vec<u8>>;
pub(crate) type Answer = http::Response<Vec<u8>>;

/// The outcome of a call to another server: its answer, or why there is none.
pub type CallOutcome = Result<http::Response<Vec<u8>>, String>;

/// The largest body that the sandbox accepts.
pub const MAX_BODY_BYTES: usize = 1 << 20;

/// The policy of the sandbox's own pages: they may load their own files, and
/// the pages of the phone's in-app browser, whose hosts are below
/// `phone.localhost`.
pub(crate) const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; frame-src http://*.phone.localhost:*; \
    form-action 'self' http://127.0.0.1:* http://localhost:* http://*.localhost:*; \
    base-uri 'none'";

fn answer(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static(content_type),
    );
    headers.insert(
        header::CACHE_CONTROL,
        header::HeaderValue::from_static("no-store"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        header::HeaderValue::from_static("nosniff"),
    );
    answer
}

pub(crate) fn text(status: StatusCode, body: impl Into<String>) -> Answer {
    answer(status, "text/plain; charset=utf-8", body.into().into())
}

pub(crate) fn xml(body: impl Into<String>) -> Answer {
    answer(
        StatusCode::OK,
        "text/xml; charset=utf-8",
        body.into().into(),
    )
}

pub(crate) fn html(status: StatusCode, body: impl Into<String>) -> Answer {
    let mut page = answer(status, "text/html; charset=utf-8", body.into().into());
    page.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        header::HeaderValue::from_static(PAGE_POLICY),
    );
    page
}

pub(crate) fn css(body: &'static str) -> Answer {
    answer(StatusCode::OK, "text/css; charset=utf-8", body.into())
}

pub(crate) fn javascript(body: &'static str) -> Answer {
    answer(
        StatusCode::OK,
        "text/javascript; charset=utf-8",
        body.into(),
    )
}

pub(crate) fn json(status: StatusCode, body: &Value) -> Answer {
    let mut line = body.to_string();
    line.push('\n');
    answer(status, "application/json", line.into())
}

/// JSON that is text already.
pub(crate) fn json_text(body: impl Into<String>) -> Answer {
    answer(StatusCode::OK, "application/json", body.into().into())
}

/// A refusal of a control call: the problem, the field, and what to do.
pub(crate) fn refusal(
    status: StatusCode,
    code: &str,
    field: Option<&str>,
    message: impl Into<String>,
) -> Answer {
    json(
        status,
        &json!({
            "status": "fail",
            "code": code,
            "field": field,
            "message": message.into(),
        }),
    )
}

pub(crate) fn redirect(status: StatusCode, location: &str) -> Answer {
    let mut answer = text(status, "");
    match header::HeaderValue::from_str(location) {
        Ok(location) => {
            answer.headers_mut().insert(header::LOCATION, location);
            answer
        }
        Err(_) => text(
            StatusCode::BAD_REQUEST,
            "the address to go to is not one that a header can carry\n",
        ),
    }
}

/// A gzip file, which the caller inflates: there is no `Content-Encoding`.
pub(crate) fn gzip(body: Vec<u8>) -> Answer {
    answer(StatusCode::OK, "application/gzip", body)
}

/// The answer instead of a missing one. A server cannot keep a connection open
/// as long as each client waits, so this is the answer of a proxy.
pub(crate) fn no_answer() -> Answer {
    text(StatusCode::GATEWAY_TIMEOUT, "no answer, as was asked\n")
}

/// The page of WeChat's server for a client without a certificate.
pub(crate) fn no_certificate() -> Answer {
    bad_certificate("No required SSL certificate was sent")
}

/// The page for a certificate that cannot be verified, such as an expired one.
pub(crate) fn certificate_error() -> Answer {
    bad_certificate("The SSL certificate error")
}

fn bad_certificate(said: &str) -> Answer {
    let page = format!(
        "<html>\r\n<head><title>400 {said}</title></head>\r\n\
         <body>\r\n<center><h1>400 Bad Request</h1></center>\r\n\
         <center>{said}</center>\r\n\
         <hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    );
    answer(StatusCode::BAD_REQUEST, "text/html", page.into())
}

pub(crate) fn not_found() -> Answer {
    text(StatusCode::NOT_FOUND, "there is nothing here\n")
}

pub(crate) fn method_not_allowed(allowed: &'static str) -> Answer {
    let mut answer = refusal(
        StatusCode::METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED",
        None,
        format!("use {allowed}"),
    );
    answer
        .headers_mut()
        .insert(header::ALLOW, header::HeaderValue::from_static(allowed));
    answer
}

/// Escapes text for HTML, also inside a quoted attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// The first value of a name in a query string or form.
pub(crate) fn parameter(encoded: &[u8], name: &str) -> Option<String> {
    url::form_urlencoded::parse(encoded)
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// The first value of a name in the request's query string.
pub(crate) fn query(request: &Request, name: &str) -> Option<String> {
    parameter(request.uri().query().unwrap_or_default().as_bytes(), name)
}

pub(crate) fn request_header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// The `host[:port]` that the request was sent to: the `Host` header, or the
/// address if a test gives only that.
pub(crate) fn host(request: &Request) -> &str {
    request_header(request, "host")
        .or_else(|| request.uri().authority().map(http::uri::Authority::as_str))
        .unwrap_or_default()
}

/// A path segment, percent-decoded.
pub(crate) fn percent_decoded(segment: &str) -> String {
    // Decoded as a form's name, except for `+`, which means something else
    // there.
    let form = segment.replace('+', "%2B");
    url::form_urlencoded::parse(form.as_bytes())
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default()
}
