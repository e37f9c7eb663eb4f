//! Calls of the server: the public API under `/v1`, and `/console/api` for
//! people and sessions. The browser sends the session's cookie.

mod failure;
mod types;

pub(crate) use failure::{Failure, Refused};
pub(crate) use types::*;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::browser::{self, Answer, Body, ChosenFile};
use crate::json;

/// An answer's data, or why there is none.
pub(crate) type Result<T> = core::result::Result<T, Failure>;

/// The form of every answer.
#[derive(Deserialize)]
struct Envelope<T> {
    data: Option<T>,
}

/// `GET`: `path` with its query.
pub(crate) async fn get<T: DeserializeOwned>(path: &str) -> Result<T> {
    send("GET", path, &[], Body::None).await
}

/// `POST` with a JSON body.
pub(crate) async fn post<T: DeserializeOwned>(path: &str, body: &Value) -> Result<T> {
    send("POST", path, &[], Body::Json(body.to_string())).await
}

/// `POST` that has its effect once, however often it is sent: `once` is the
/// `Idempotency-Key`.
pub(crate) async fn post_once<T: DeserializeOwned>(
    path: &str,
    body: &Value,
    once: &str,
) -> Result<T> {
    let headers = [("idempotency-key", once)];
    send("POST", path, &headers, Body::Json(body.to_string())).await
}

/// `PATCH` with a JSON body.
pub(crate) async fn patch<T: DeserializeOwned>(path: &str, body: &Value) -> Result<T> {
    send("PATCH", path, &[], Body::Json(body.to_string())).await
}

/// `DELETE`.
pub(crate) async fn delete<T: DeserializeOwned>(path: &str) -> Result<T> {
    send("DELETE", path, &[], Body::None).await
}

/// `POST` of a file.
pub(crate) async fn upload<T: DeserializeOwned>(path: &str, file: ChosenFile) -> Result<T> {
    send("POST", path, &[], Body::File(file)).await
}

/// Offers the answer of a `GET` to be saved under this name.
pub(crate) async fn download(path: &str, name: &str) -> Result<()> {
    browser::download(path, &[], name)
        .await
        .map_err(|answer| answer.map_or(Failure::Network, |answer| refused(&answer)))
}

async fn send<T: DeserializeOwned>(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Body,
) -> Result<T> {
    let text = ask(method, path, headers, body).await?;
    let envelope: Option<Envelope<T>> = json::read(&text);
    envelope
        .and_then(|envelope| envelope.data)
        .ok_or(Failure::Unreadable)
}

/// The text of an answer that is no refusal.
async fn ask(method: &str, path: &str, headers: &[(&str, &str)], body: Body) -> Result<String> {
    let answer = browser::fetch(method, path, headers, body).await;
    let answer = answer.ok_or(Failure::Network)?;
    if !(200..300).contains(&answer.status) {
        return Err(refused(&answer));
    }
    Ok(answer.text)
}

fn refused(answer: &Answer) -> Failure {
    Failure::read(
        answer.status,
        &answer.text,
        &answer.request_id,
        answer.retry_after_seconds,
    )
}
