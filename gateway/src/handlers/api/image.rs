//! `/v1/images`: logos, marks and pictures of what is sold.

use crate::auth::keys::{Access, caller};
use crate::book::{ImageFacts, command};
use crate::http::error::{ApiError, Code};
use crate::http::fields::{CHOICE_BYTES, Fields};
use crate::http::message::success;
use crate::merchants::brand::is_image;
use crate::render::image::{Encoded, Purpose, encode};
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// `POST /v1/images?purpose=logo` or `picture`: the body is the image. The same
/// image again is the same id. SECRET.
pub async fn create_image<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let fields = Fields::of_query_string(request, &["purpose"])?;
    let purpose = match fields.text("purpose", CHOICE_BYTES)?.as_deref() {
        Some("logo") => Purpose::Logo,
        Some("picture") => Purpose::Picture,
        Some(_) => return Err(fields.invalid("purpose", "must be logo or picture")),
        None => return Err(fields.missing("purpose")),
    };
    let encoded = encode(request.body(), purpose).map_err(|refused| {
        ApiError::new(
            Code::ImageInvalid,
            crate::http::fields::sentence(&refused.to_string()),
        )
    })?;
    let image = ImageFacts {
        name: name(&encoded),
        width: encoded.width.into(),
        height: encoded.height.into(),
        made_at_ms: cx.runtime.now_ms(),
    };
    let merchant = &context.merchant.id;
    let keep = command::KeepImage {
        image,
        base64: BASE64_STANDARD.encode(&encoded.bytes),
    };
    let kept = cx.book(merchant, keep).await?;
    Ok(success(image_data(cx, merchant, &kept)))
}

/// `GET /v1/images`: every image, newest first. BASIC.
pub async fn get_images<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Basic).await?;
    Fields::of_query_string(request, &[])?;
    let merchant = &context.merchant.id;
    let images = cx.book(merchant, command::Images).await?;
    let images = images.iter().map(|image| image_data(cx, merchant, image));
    let images: Vec<Value> = images.collect();
    Ok(success(json!({ "images": images })))
}

/// `DELETE /v1/images/{id}`: where it is still used, pages show nothing in its
/// place. SECRET.
pub async fn delete_image<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    Fields::of_query_string(request, &[])?;
    let call = command::RemoveImage(id.to_owned());
    let removed = is_image(id) && cx.book(&context.merchant.id, call).await?;
    match removed {
        true => Ok(success(json!({ "id": id }))),
        false => Err(ApiError::of(Code::ImageNotFound)),
    }
}

/// The name of an image, made of its contents: another image has another.
fn name(encoded: &Encoded) -> String {
    let digest: [u8; 32] = Sha256::digest(&encoded.bytes).into();
    let mut name = String::with_capacity(28);
    for byte in digest.iter().take(12) {
        // Writing to a String does not fail.
        let _ = write!(name, "{byte:02x}");
    }
    let _ = write!(name, ".{}", encoded.extension);
    name
}

fn image_data<R: Runtime>(cx: &Services<R>, merchant: &str, image: &ImageFacts) -> Value {
    json!({
        "id": image.name,
        "url": cx.config.image_url(merchant, &image.name),
        "width": image.width,
        "height": image.height,
        "created_at_ms": image.made_at_ms,
    })
}
