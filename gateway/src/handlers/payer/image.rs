//! `GET /image/{id}`: a merchant's images.
//!
//! ```text
//! /image/demo.0123456789abcdef01234567.png    an image that the merchant sent; its name
//!                                             is made of its contents, so it never changes
//! /image/demo.svg   /image/demo.png           the letter of a merchant without a logo
//! ```

use super::image_file;
use crate::http::error::{ApiError, Code};
use crate::http::message::{answer, set};
use crate::merchants::directory::MerchantContext;
use crate::render::monogram;
use crate::runtime::{Response, Runtime};
use crate::services::Services;
use http::header;
use std::rc::Rc;

/// `GET /image/{id}`.
pub async fn image<R: Runtime>(cx: &Services<R>, id: &str) -> Result<Response, ApiError> {
    let not_found = || ApiError::of(Code::NotFound);
    let (merchant, name) = id.split_once('.').ok_or_else(not_found)?;
    let context = find(cx, merchant).await?;
    let shown = &context.merchant;
    let colour = shown.brand.colour;
    let (kind, body, cache) = match name {
        "svg" => (
            "image/svg+xml",
            monogram::svg(&shown.name, colour).into_bytes(),
            "public, max-age=3600",
        ),
        "png" => (
            "image/png",
            monogram::png(&shown.name, colour).ok_or_else(not_found)?,
            "public, max-age=3600",
        ),
        name => {
            let bytes = image_file(cx, merchant, name)
                .await?
                .ok_or_else(not_found)?;
            let kind = match name.ends_with(".png") {
                true => "image/png",
                false => "image/jpeg",
            };
            (kind, bytes, "public, max-age=31536000, immutable")
        }
    };
    let mut response = answer(200, kind, body);
    response.headers_mut().remove(header::CACHE_CONTROL);
    set(&mut response, header::CACHE_CONTROL, cache);
    // The policy for a browser that opens the address as a page.
    let policy = "default-src 'none'; sandbox";
    set(&mut response, header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

async fn find<R: Runtime>(cx: &Services<R>, id: &str) -> Result<Rc<MerchantContext>, ApiError> {
    cx.directory
        .by_id(&cx.runtime, &cx.config.master_key, id)
        .await?
        .ok_or_else(|| ApiError::of(Code::NotFound))
}
