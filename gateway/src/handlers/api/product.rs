//! `/v1/product`: permanent codes, for a shelf or a poster (Native mode 1,
//! WeChat Pay v2 manual, section 6.4).

use super::notify_targets;
use crate::auth::idempotency::idempotency_key;
use crate::auth::keys::{Access, caller};
use crate::book::{Product, command};
use crate::http::address;
use crate::http::error::ApiError;
use crate::http::fields::{CHOICE_BYTES, Fields};
use crate::http::message::{answer, success};
use crate::merchants::directory::MerchantContext;
use crate::render::qr::{Picture, QrCodeEcc};
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use serde_json::{Value, json};

/// `POST /v1/product`: sets what the code of `product_id` sells from now on.
/// SECRET. Answers the code's text, signed.
pub async fn set_product<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let once = idempotency_key(request)?;
    let kept = cx.kept_reply::<command::SetProduct>(&context.merchant.id, once.as_ref());
    if let Some(product) = kept.await? {
        return Ok(success(product_data(cx, &context, &product)?));
    }
    let fields = Fields::read(request.body())?;
    let product_id = fields.required("product_id", 32)?;
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
    if !product_id.bytes().all(allowed) {
        return Err(fields.invalid("product_id", "may hold only letters, digits, _ and -"));
    }
    let upstream = cx.upstream(&context);
    let product = Product {
        product_id,
        body: super::body(&upstream, &fields, upstream.max_body())?,
        money: super::money(&upstream, &fields)?,
        notify_url: address::notify_url(&fields, "notify_url", notify_targets(cx, &context))?,
    };
    // Refuse an invalid id before anything is stored.
    cx.upstream(&context).product_code(&product.product_id)?;
    let call = command::SetProduct(Box::new(product));
    let product: Product = cx.book_once(&context.merchant.id, call, once).await?;
    Ok(success(product_data(cx, &context, &product)?))
}

/// `GET /v1/product?product_id=…`: the product and its code; with
/// `format=svg` or `format=png` the code as a picture. BASIC.
pub async fn get_product<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Basic).await?;
    let fields = Fields::of_query_string(request, &["product_id", "format"])?;
    let internal = || ApiError::internal("a picture that cannot be drawn");
    let format = fields.text("format", CHOICE_BYTES)?;
    let format = format.as_deref().unwrap_or("json");
    if !["json", "svg", "png"].contains(&format) {
        return Err(fields.invalid("format", "must be json, svg or png"));
    }
    let call = command::FindProduct(fields.required("product_id", 32)?);
    let product: Product = cx.book(&context.merchant.id, call).await?;
    match format {
        "svg" => {
            let picture = product_picture(cx, &context, &product)?.svg(None);
            Ok(answer(200, "image/svg+xml", picture.ok_or_else(internal)?))
        }
        "png" => {
            let picture = product_picture(cx, &context, &product)?.png(None);
            Ok(answer(200, "image/png", picture.ok_or_else(internal)?))
        }
        _ => Ok(success(product_data(cx, &context, &product)?)),
    }
}

fn product_picture<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
    product: &Product,
) -> Result<Picture, ApiError> {
    let code = cx.upstream(context).product_code(&product.product_id)?;
    Picture::new(&code, QrCodeEcc::Medium)
        .ok_or_else(|| ApiError::internal("a text that fits into no code"))
}

fn product_data<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
    product: &Product,
) -> Result<Value, ApiError> {
    Ok(json!({
        "product_id": product.product_id,
        "body": product.body,
        "total_fee": product.money.amount_minor().to_string(),
        "fee_type": product.money.currency().code(),
        "code_url": cx.upstream(context).product_code(&product.product_id)?,
    }))
}
