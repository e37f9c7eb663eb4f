//! Calls of the server: the public API under `/v1`, and `/console/api` for
//! people and sessions. The browser sends the session's cookie.

mod failure;
mod types;

pub(crate) use failure::{Failure, Refused};
pub(crate) use types::*;

use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll};

use crate::browser::{self, Answer, Body, ChosenFile};
use crate::json::{self, Json, Object, Read};

/// An answer's data, or why there is none.
pub(crate) type Result<T> = core::result::Result<T, Failure>;

/// The parsed data of an answer, to come.
type Data = Pin<Box<dyn Future<Output = Result<Json>>>>;

/// An answer to come. All that differs between the types of answers is how the
/// parsed data is read, so only that is compiled for each.
pub(crate) struct Asked<T> {
    data: Data,
    message: PhantomData<fn() -> T>,
}

impl<T: Read> Future for Asked<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let read = |data| T::read(&data).ok_or(Failure::Unreadable);
        self.data
            .as_mut()
            .poll(cx)
            .map(|answer| answer.and_then(read))
    }
}

fn asked<T>(data: Data) -> Asked<T> {
    Asked {
        data,
        message: PhantomData,
    }
}

/// `GET`: `path` with its query.
pub(crate) fn get<T>(path: &str) -> Asked<T> {
    asked(send("GET", path, "", Body::None))
}

/// `POST` with a JSON body.
pub(crate) fn post<T>(path: &str, body: &Object) -> Asked<T> {
    asked(send("POST", path, "", Body::Json(body.text())))
}

/// `POST` that has its effect once, however often it is sent: `once` is the
/// `Idempotency-Key`.
pub(crate) fn post_once<T>(path: &str, body: &Object, once: &str) -> Asked<T> {
    asked(send("POST", path, once, Body::Json(body.text())))
}

/// `PATCH` with a JSON body.
pub(crate) fn patch<T>(path: &str, body: &Object) -> Asked<T> {
    asked(send("PATCH", path, "", Body::Json(body.text())))
}

/// `DELETE`.
pub(crate) fn delete<T>(path: &str) -> Asked<T> {
    asked(send("DELETE", path, "", Body::None))
}

/// `POST` of a file.
pub(crate) fn upload<T>(path: &str, file: ChosenFile) -> Asked<T> {
    asked(send("POST", path, "", Body::File(file)))
}

/// Offers the answer of a `GET` to be saved under this name.
pub(crate) async fn download(path: &str, name: &str) -> Result<()> {
    browser::download(path, name)
        .await
        .map_err(|answer| answer.map_or(Failure::Network, |answer| refused(&answer)))
}

fn send(method: &'static str, path: &str, once: &str, body: Body) -> Data {
    let (path, once) = (path.to_owned(), once.to_owned());
    Box::pin(async move {
        let answer = browser::fetch(method, &path, &once, body).await;
        let answer = answer.ok_or(Failure::Network)?;
        if !(200..300).contains(&answer.status) {
            return Err(refused(&answer));
        }
        let answer = json::parse(&answer.text).ok_or(Failure::Unreadable)?;
        Ok(answer.member("data"))
    })
}

fn refused(answer: &Answer) -> Failure {
    Failure::read(
        answer.status,
        &answer.text,
        &answer.request_id,
        answer.retry_after_seconds,
    )
}
