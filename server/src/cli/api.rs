//! Calls of a deployment's API.

use super::profile::Profile;
use super::terminal::{Failure, print};
use crate::client::{Connection, to_any_address};
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use serde_json::Value;
use std::time::Duration;

/// Time limit of a call.
const PATIENCE: Duration = Duration::from_secs(60);

/// A deployment, and the keys for it.
pub struct Api {
    profile: Profile,
    connection: Connection,
    /// Whether answers are printed as JSON.
    pub json: bool,
}

/// Which of the profile's keys a call needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Badge {
    /// `api-key` and, where the profile has it, `api-secret`.
    Merchant,
    /// The admin token.
    Operator,
}

impl Api {
    pub fn new(profile: Profile, json: bool) -> Result<Self, Failure> {
        if profile.url.is_empty() {
            return Err(Failure::Local("the profile has no url".to_owned()));
        }
        Ok(Self {
            profile,
            connection: to_any_address().map_err(Failure::Local)?,
            json,
        })
    }

    /// Calls the API; the answer's `data`.
    pub async fn call(
        &self,
        badge: Badge,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let answer = self.send(badge, method, path, body);
        let answer = tokio::time::timeout(PATIENCE, answer)
            .await
            .map_err(|_| self.unavailable("no answer in time"))??;
        let status = answer.status();
        let bytes = answer.into_body().collect().await;
        let bytes = bytes.map_err(|error| self.unavailable(&error))?.to_bytes();
        let answer: Option<Value> = serde_json::from_slice(&bytes).ok();
        if status.is_success() {
            let data = answer.and_then(|mut answer| answer.get_mut("data").map(Value::take));
            return data.ok_or_else(|| self.unavailable("the answer is not one of WeCeive's API"));
        }
        Err(self.refusal(status, answer.as_ref()))
    }

    /// Writes the answer's body to standard output, piece by piece.
    pub async fn stream(&self, path: &str) -> Result<(), Failure> {
        use std::io::Write as _;
        let answer = self.send(Badge::Merchant, Method::GET, path, None).await?;
        let status = answer.status();
        let mut body = answer.into_body();
        if !status.is_success() {
            let bytes = body
                .collect()
                .await
                .map_err(|error| self.unavailable(&error))?;
            let answer: Option<Value> = serde_json::from_slice(&bytes.to_bytes()).ok();
            return Err(self.refusal(status, answer.as_ref()));
        }
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                self.unavailable(&format_args!(
                    "the answer broke off, so it is not complete: {error}"
                ))
            })?;
            if let Some(piece) = frame.data_ref() {
                let written = std::io::stdout().lock().write_all(piece);
                written.map_err(|error| {
                    Failure::Local(format!("the output cannot be written: {error}"))
                })?;
            }
        }
        Ok(())
    }

    /// Prints the answer as JSON, if the user chose JSON; returns whether it
    /// did.
    pub fn printed(&self, data: &Value) -> Result<bool, Failure> {
        if self.json {
            let text = serde_json::to_string_pretty(data);
            let text = text.map_err(|error| Failure::Local(error.to_string()))?;
            print(&format!("{text}\n"))?;
        }
        Ok(self.json)
    }

    async fn send(
        &self,
        badge: Badge,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<http::Response<hyper::body::Incoming>, Failure> {
        let uri = format!("{}{path}", self.profile.url);
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in self.headers(badge)? {
            request = request.header(name, value);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = request.body(Full::new(Bytes::from(body)));
        // The message does not repeat a header, which may be a key.
        let request = request.map_err(|_| {
            Failure::Local("a key of the profile has characters that no header may have".to_owned())
        })?;
        let answer = self.connection.request(request).await;
        answer.map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            self.unavailable(&cause.unwrap_or_else(|| error.to_string()))
        })
    }

    fn headers(&self, badge: Badge) -> Result<Vec<(&'static str, String)>, Failure> {
        let Profile {
            api_key,
            api_secret,
            admin_token,
            ..
        } = &self.profile;
        let missing = |what: &str| {
            Err(Failure::Local(format!(
                "the profile has no {what}; store it by: weceive profile set"
            )))
        };
        match badge {
            Badge::Operator if admin_token.is_empty() => missing("admin token"),
            Badge::Operator => Ok(vec![("authorization", format!("Bearer {admin_token}"))]),
            Badge::Merchant if api_key.is_empty() => missing("api-key"),
            Badge::Merchant => {
                let mut headers = vec![("api-key", api_key.clone())];
                if !api_secret.is_empty() {
                    headers.push(("api-secret", api_secret.clone()));
                }
                Ok(headers)
            }
        }
    }

    fn unavailable(&self, why: &(impl std::fmt::Display + ?Sized)) -> Failure {
        Failure::Unavailable(format!("{}: {why}", self.profile.url))
    }

    /// The API's message about a call that it refused.
    fn refusal(&self, status: StatusCode, answer: Option<&Value>) -> Failure {
        let text = |name: &str| answer.and_then(|answer| answer.get(name)?.as_str());
        let mut said = match text("code") {
            Some(code) => code.to_owned(),
            None => return self.unavailable(&format_args!("it answered with the status {status}")),
        };
        if let Some(field) = text("field") {
            said.push_str(&format!(" ({field})"));
        }
        match answer.and_then(|answer| answer.get("message")) {
            Some(Value::String(message)) => said.push_str(&format!(": {message}")),
            Some(message) => said.push_str(&format!(": {message}")),
            None => {}
        }
        let can_repeat = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        match can_repeat {
            true => Failure::Unavailable(said),
            false => Failure::Refused(said),
        }
    }
}

/// A query of these names and values, each encoded.
pub fn query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}
