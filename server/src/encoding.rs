//! Brotli compression of answers.
//!
//! The gateway sets `content-encoding: br` and leaves the compression to the
//! runtime. A file never changes under one name, so each is compressed once.

use gateway::runtime::{Answer, Body, Chunks};
use http::header;
use hyper::body::Bytes;
use std::cell::RefCell;
use std::collections::HashMap;

/// The level for a file that is sent often.
const BEST: u32 = 11;
/// The level for a page that is rendered for one request.
const QUICK: u32 = 5;
const WINDOW_BITS: u32 = 22;
/// Enough for the page's files; a full cache is emptied.
const MOST_FILES: usize = 64;

thread_local! {
    static FILES: RefCell<HashMap<Vec<u8>, Bytes>> = RefCell::default();
}

/// A body in the form in which it is sent.
pub enum Encoded {
    /// In one piece.
    Whole(Bytes),
    /// As a stream.
    Pieces(Chunks),
}

/// The answer in the form in which it is sent.
pub fn encoded(answer: Answer) -> http::Response<Encoded> {
    let (parts, body) = answer.into_parts();
    match body {
        Body::Whole(body) => whole(parts, body).map(Encoded::Whole),
        Body::Pieces(chunks) => http::Response::from_parts(parts, Encoded::Pieces(chunks)),
    }
}

fn whole(mut parts: http::response::Parts, body: Vec<u8>) -> http::Response<Bytes> {
    let coding = parts.headers.get(header::CONTENT_ENCODING);
    if coding.is_none_or(|coding| coding != "br") {
        return http::Response::from_parts(parts, Bytes::from(body));
    }
    let cached = parts.headers.get(header::CACHE_CONTROL);
    let is_file = cached
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("immutable"));
    let compressed = match is_file {
        true => file(body.clone()),
        false => compress(&body, QUICK),
    };
    let body = compressed.unwrap_or_else(|| {
        parts.headers.remove(header::CONTENT_ENCODING);
        Bytes::from(body)
    });
    http::Response::from_parts(parts, body)
}

fn file(body: Vec<u8>) -> Option<Bytes> {
    if let Some(known) = FILES.with_borrow(|files| files.get(&body).cloned()) {
        return Some(known);
    }
    let compressed = compress(&body, BEST)?;
    FILES.with_borrow_mut(|files| {
        if files.len() >= MOST_FILES {
            files.clear();
        }
        files.insert(body, compressed.clone());
    });
    Some(compressed)
}

fn compress(body: &[u8], quality: u32) -> Option<Bytes> {
    use std::io::Write as _;
    let buffer = body.len().clamp(1024, 65_536);
    let mut writer = brotli::CompressorWriter::new(Vec::new(), buffer, quality, WINDOW_BITS);
    writer.write_all(body).ok()?;
    writer.flush().ok()?;
    Some(Bytes::from(writer.into_inner()))
}
