//! The page's own files, as the build made them.

use crate::http::client::network;
use crate::http::error::{ApiError, Code};
use crate::http::message::{answer, header_text, set};
use crate::http::rate_limit::UNKNOWN;
use crate::merchants::merchant::DomainFiles;
use crate::observe::labels::Limit;
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use http::header;
use std::rc::Rc;

/// The files that are served, by their extension. Any other file is not found,
/// nor is the page's HTML template.
const TYPES: [(&str, &str); 7] = [
    (".js", "text/javascript; charset=utf-8"),
    (".wasm", "application/wasm"),
    (".css", "text/css; charset=utf-8"),
    (".svg", "image/svg+xml"),
    (".png", "image/png"),
    (".ico", "image/x-icon"),
    (".txt", "text/plain; charset=utf-8"),
];

/// One file. Its name contains a hash of its contents, so it may be cached for
/// ever; the few that do not (an icon) for an hour.
///
/// Where the header says `br`, the runtime compresses the answer: some runtimes
/// do not without it.
pub async fn asset<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    file: &str,
) -> Result<Response, ApiError> {
    let not_found = || ApiError::of(Code::NotFound);
    // No file of the build has such a name.
    if DomainFiles::is_name(file) {
        let contents = Box::pin(domain_file(cx, request, file)).await?;
        let contents = contents.ok_or_else(not_found)?;
        return Ok(answer(
            200,
            "text/plain; charset=utf-8",
            contents.as_bytes(),
        ));
    }
    let (_, content_type) = TYPES
        .iter()
        .find(|(ending, _)| file.ends_with(ending))
        .ok_or_else(not_found)?;
    let found = cx.fetch_asset(file).await.ok_or_else(not_found)?;
    let mut response = answer(200, content_type, found);
    response.headers_mut().remove(header::CACHE_CONTROL);
    // 64 bits in hexadecimal, without leading zeros.
    let hashed = file
        .split(['-', '.', '_'])
        .any(|part| (12..=16).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_hexdigit()));
    set(&mut response, header::VARY, "accept-encoding");
    if !content_type.starts_with("image/") && takes_brotli(request) {
        set(&mut response, header::CONTENT_ENCODING, "br");
    }
    let cache = match hashed {
        true => "public, max-age=31536000, immutable",
        false => "public, max-age=3600",
    };
    set(&mut response, header::CACHE_CONTROL, cache);
    Ok(response)
}

/// The contents of a domain check file. An address that requests many that do
/// not exist is refused for a while.
async fn domain_file<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    file: &str,
) -> Result<Option<Rc<str>>, ApiError> {
    let from = network(request);
    if let Some(from) = &from {
        cx.limit_left(Limit::Unknown, from)?;
    }
    let found = cx.directory.domain_file(&cx.runtime, file).await?;
    if let (None, Some(from)) = (&found, &from) {
        let _ = cx.limit(Limit::Unknown, from, UNKNOWN);
    }
    Ok(found)
}

fn takes_brotli(request: &Request) -> bool {
    let accepted = header_text(request, "accept-encoding").unwrap_or_default();
    accepted.split(',').any(|coding| coding.trim() == "br")
}
