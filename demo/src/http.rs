//! JSON over loopback.

use std::time::Duration;

use serde_json::Value;

use crate::{Failure, Result};

/// An answer: its status and its body. A body that is not JSON is `Value::String`.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
    /// The cookie that it sets, as a client sends it back.
    pub cookie: Option<String>,
}

/// Sends `GET` to `url`.
///
/// # Errors
///
/// No HTTP answer arrived: nothing listens there, or it took longer than ten
/// seconds.
pub fn get(url: &str) -> Result<Answer> {
    get_with(url, &[])
}

/// As [`get`], with `headers`.
///
/// # Errors
///
/// As [`get`].
pub fn get_with(url: &str, headers: &[(&str, &str)]) -> Result<Answer> {
    let mut request = agent().get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    answer(url, request.call())
}

/// Sends `body` to `url`, with `headers` in addition to the content type.
///
/// # Errors
///
/// As [`get`].
pub fn post(url: &str, headers: &[(&str, &str)], body: &Value) -> Result<Answer> {
    send(agent().post(url), url, headers, body)
}

/// As [`post`], with `PATCH`.
///
/// # Errors
///
/// As [`get`].
pub fn patch(url: &str, headers: &[(&str, &str)], body: &Value) -> Result<Answer> {
    send(agent().patch(url), url, headers, body)
}

fn send(
    request: ureq::RequestBuilder<ureq::typestate::WithBody>,
    url: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Result<Answer> {
    let mut request = request.header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    answer(url, request.send(body.to_string()))
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(10)))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .build()
        .into()
}

fn answer(
    url: &str,
    outcome: std::result::Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<Answer> {
    let failed = |error: ureq::Error| {
        Failure::new(
            format!("ask {url}"),
            error,
            "see whether the gateway and the sandbox are running",
        )
    };
    let mut response = outcome.map_err(failed)?;
    let status = response.status().as_u16();
    let cookie = response.headers().get("set-cookie");
    let cookie = cookie.and_then(|cookie| cookie.to_str().ok()?.split(';').next());
    let cookie = cookie.map(str::to_owned);
    let text = response.body_mut().read_to_string().map_err(failed)?;
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Ok(Answer {
        status,
        body,
        cookie,
    })
}

impl Answer {
    /// The body of an answer with status 2xx.
    ///
    /// # Errors
    ///
    /// The answer has another status. `step` is what the caller wanted: "make
    /// the demo merchant".
    pub fn ok(self, step: &str) -> Result<Value> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        Err(Failure::new(
            step,
            format!("answered {} with {}", self.status, self.body),
            "start afresh with --fresh; if it stays, the message above names what was refused",
        ))
    }
}

/// The text at a JSON pointer (`/data/url`); empty when there is none.
#[must_use]
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}
