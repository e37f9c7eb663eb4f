//! Conversion between the runtime's requests and answers and `http` values.

use crate::glue;
use futures_util::future::{Either, select};
use futures_util::{StreamExt, TryStreamExt};
use gateway::http::error::Code;
use gateway::route::max_body_bytes;
use gateway::runtime::{Answer, Body};
use js_sys::Uint8Array;
use std::pin::pin;
use std::time::Duration;
use wasm_bindgen::JsCast;
use worker::{Delay, Headers, Request, Response, Result, web_sys};

/// How much of a body that is too long is read and discarded.
const DISCARD_AT_MOST: usize = 16 * 1024 * 1024;

/// The largest number of chunks of a body, and one more for each kilobyte. Each
/// chunk crosses into JavaScript, which costs as much as reading thousands of
/// bytes. More chunks are refused like a body that is too long.
const CHUNKS: usize = 1024;

/// Time limit for sending a body. The runtime has none as long as the
/// connection is open.
const PATIENCE: Duration = Duration::from_secs(30);

/// An external request, or the error in its transfer with its cause.
///
/// A body that is too long is read only as far as needed to detect that.
pub async fn read_request(
    request: web_sys::Request,
) -> std::result::Result<gateway::runtime::Request, (Code, String)> {
    // It was interrupted, or was not HTTP.
    let broken = |error: worker::Error| (Code::BodyBroken, error.to_string());
    let head = glue::head(&request);
    let mut lines = head.split('\n');
    let mut builder = http::Request::builder()
        .method(lines.next().unwrap_or_default())
        .uri(lines.next().unwrap_or_default());
    let mut declared = None;
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        // A header that `http` refuses is not one that the gateway reads.
        if let (Ok(name), Ok(value)) = (
            http::HeaderName::from_bytes(name.as_bytes()),
            http::HeaderValue::from_str(value),
        ) {
            if name == http::header::CONTENT_LENGTH {
                declared = value.to_str().ok().and_then(|length| length.parse().ok());
            }
            builder = builder.header(name, value);
        }
    }
    let head = builder.body(()).map_err(as_worker_error).map_err(broken)?;
    let max = max_body_bytes(head.method().as_str(), head.uri().path());
    // Where both headers are sent, the declared length says nothing.
    if head.headers().contains_key(http::header::TRANSFER_ENCODING) {
        declared = None;
    }
    let body = match declared {
        Some(0_usize) => Vec::new(),
        Some(length) if length <= max => read_whole(&request).await?,
        _ if request.body().is_none() => Vec::new(),
        _ => {
            let mut request = Request::from(request);
            let reading = pin!(async { read_body(request.stream()?, max).await });
            match select(reading, pin!(Delay::from(PATIENCE))).await {
                Either::Left((read, _)) => read.map_err(broken)?,
                Either::Right(_) => return Err(too_slow()),
            }
        }
    };
    Ok(head.map(|()| body))
}

fn too_slow() -> (Code, String) {
    (Code::BodyTooSlow, "the time limit is over".to_owned())
}

/// The whole body of a request that is known to be short.
async fn read_whole(request: &web_sys::Request) -> std::result::Result<Vec<u8>, (Code, String)> {
    let patience_ms = u32::try_from(PATIENCE.as_millis()).unwrap_or(u32::MAX);
    match glue::body(request, patience_ms).await {
        Ok(body) if body.is_undefined() => Err(too_slow()),
        Ok(body) => Ok(body.unchecked_into::<Uint8Array>().to_vec()),
        Err(error) => Err((Code::BodyBroken, worker::Error::from(error).to_string())),
    }
}

/// At most one byte more than `max`, which shows that the body is too long.
pub async fn read_body(
    mut stream: impl futures_util::Stream<Item = Result<Vec<u8>>> + Unpin,
    max: usize,
) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    let (mut length, mut chunks) = (0, 0);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        length += chunk.len();
        chunks += 1;
        let is_fragmented = chunks > CHUNKS + length / 1024;
        if length <= max && !is_fragmented {
            body.extend_from_slice(&chunk);
        } else {
            // A client that is still sending does not read an answer: the rest
            // is read, within a limit, and discarded.
            body.resize(max + 1, 0);
            if is_fragmented || length > max + DISCARD_AT_MOST {
                break;
            }
        }
    }
    Ok(body)
}

/// An answer to an external request.
pub fn write_response(response: Answer) -> Result<web_sys::Response> {
    let (parts, body) = response.into_parts();
    let headers = lines(&parts.headers);
    let body = match body {
        Body::Whole(body) => body,
        // An error breaks the connection: see `Body::Pieces`.
        Body::Pieces(chunks) => {
            let answer = Response::from_stream(chunks.map_err(as_worker_error))?;
            let own = Headers::new();
            for (name, value) in &parts.headers {
                if let Ok(value) = value.to_str() {
                    own.append(name.as_str(), value)?;
                }
            }
            let answer = answer.with_status(parts.status.as_u16());
            return Ok(answer.with_headers(own).into());
        }
    };
    Ok(glue::answer(parts.status.as_u16(), &headers, &body)?)
}

/// The name and the value of each header, one on each line.
pub fn lines(headers: &http::HeaderMap) -> String {
    let mut lines = String::new();
    for (name, value) in headers {
        if let Ok(value) = value.to_str() {
            if !lines.is_empty() {
                lines.push('\n');
            }
            lines.push_str(name.as_str());
            lines.push('\n');
            lines.push_str(value);
        }
    }
    lines
}

/// Converts any error to the runtime's.
pub fn as_worker_error(error: impl std::fmt::Display) -> worker::Error {
    worker::Error::RustError(error.to_string())
}
