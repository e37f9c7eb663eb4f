//! Conversion between the runtime's requests and answers and `http` values.

use futures_util::future::{Either, select};
use futures_util::{StreamExt, TryStreamExt};
use gateway::http::error::Code;
use gateway::route::max_body_bytes;
use gateway::runtime::{Answer, Body};
use js_sys::Uint8Array;
use js_sys::futures::JsFuture;
use std::pin::pin;
use std::time::Duration;
use worker::{Delay, Headers, Request, Response, Result};

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
pub async fn read_request(
    request: Request,
) -> std::result::Result<gateway::runtime::Request, (Code, String)> {
    match select(pin!(read_all(request)), pin!(Delay::from(PATIENCE))).await {
        // It was interrupted, or was not HTTP.
        Either::Left((read, _)) => read.map_err(|error| (Code::BodyBroken, error.to_string())),
        Either::Right(_) => Err((Code::BodyTooSlow, "the time limit is over".to_owned())),
    }
}

/// A body that is too long is read only as far as needed to detect that.
async fn read_all(mut request: Request) -> Result<gateway::runtime::Request> {
    // The runtime's own text: the `worker` crate turns unknown methods into
    // GET.
    let mut builder = http::Request::builder()
        .method(request.inner().method().as_str())
        .uri(request.url()?.as_str());
    for (name, value) in request.headers().entries() {
        // A header that `http` refuses is not one that the gateway reads.
        if let (Ok(name), Ok(value)) = (
            http::HeaderName::from_bytes(name.as_bytes()),
            http::HeaderValue::from_str(&value),
        ) {
            builder = builder.header(name, value);
        }
    }
    let max = max_body_bytes(request.inner().method().as_str(), request.url()?.path());
    let declared = request.headers().get("content-length")?;
    let declared = declared.and_then(|length| length.parse::<usize>().ok());
    let body = match (request.inner().body(), declared) {
        (None, _) => Vec::new(),
        (Some(_), Some(length)) if length <= max => read_whole(&request).await?,
        (Some(_), _) => read_body(request.stream()?, max).await?,
    };
    builder.body(body).map_err(as_worker_error)
}

/// The whole body of a request that is known to be short: several times cheaper
/// than a stream, whose chunks each cross into JavaScript.
pub async fn read_whole(request: &Request) -> Result<Vec<u8>> {
    let buffer = JsFuture::from(request.inner().array_buffer()?).await?;
    Ok(Uint8Array::new(&buffer).to_vec())
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

/// The first bytes of a body; what follows is not read.
pub async fn read_beginning(
    mut stream: impl futures_util::Stream<Item = Result<Vec<u8>>> + Unpin,
    max: usize,
) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while body.len() < max
        && let Some(chunk) = stream.next().await
    {
        body.extend_from_slice(&chunk?);
    }
    body.truncate(max);
    Ok(body)
}

/// An answer to an external request.
pub fn write_response(response: Answer) -> Result<Response> {
    let (parts, body) = response.into_parts();
    let headers = Headers::new();
    for (name, value) in &parts.headers {
        if let Ok(value) = value.to_str() {
            headers.append(name.as_str(), value)?;
        }
    }
    let answer = match body {
        Body::Whole(body) if body.is_empty() => Response::empty()?,
        Body::Whole(body) => Response::from_bytes(body)?,
        // An error breaks the connection: see `Body::Pieces`.
        Body::Pieces(chunks) => Response::from_stream(chunks.map_err(as_worker_error))?,
    };
    Ok(answer
        .with_status(parts.status.as_u16())
        .with_headers(headers))
}

/// Converts any error to the runtime's.
pub fn as_worker_error(error: impl std::fmt::Display) -> worker::Error {
    worker::Error::RustError(error.to_string())
}
