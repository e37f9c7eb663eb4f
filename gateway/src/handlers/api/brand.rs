//! `/v1/brand`: what payers see of the merchant.

use super::merchant_now;
use crate::auth::keys::{Access, caller};
use crate::book::command;
use crate::handlers::answers::brand_data;
use crate::http::error::{ApiError, Code};
use crate::http::fields::Fields;
use crate::http::message::{json_object, success};
use crate::merchants::brand;
use crate::merchants::merchant::Merchant;
use crate::merchants::registry::command::{Change, Saved};
use crate::merchants::shards::ask;
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use checkout::Brand;

/// `GET /v1/brand`. BASIC.
pub async fn get_brand<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Basic).await?;
    Fields::of_query_string(request, &[])?;
    let merchant = merchant_now(cx, &context.merchant.id).await?;
    Ok(success(brand_data(cx, &merchant)))
}

/// `PATCH /v1/brand`: a field that is not sent stays, one that is `null` is
/// removed. Every page shows the change within 30 seconds. SECRET.
pub async fn change_brand<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let sent = json_object(request.body())?;
    if let Some(name) = sent
        .keys()
        .find(|name| !brand::FIELDS.contains(&name.as_str()))
    {
        let why = format!("A brand has no field {name}.");
        return Err(ApiError::field(Code::FieldInvalid, name, why));
    }
    let before = merchant_now(cx, &context.merchant.id).await?;
    let mut wanted = brand::settings(&before.brand);
    if let Some(wanted) = wanted.as_object_mut() {
        wanted.extend(sent);
    }
    let fields = Fields::read(wanted.to_string().as_bytes())?;
    let brand = brand::read(&fields, cx.config.development)?;
    check_images(cx, &before, &brand).await?;
    let after = Merchant {
        brand,
        ..before.clone()
    };
    let data = brand_data(cx, &after);
    let change = Change {
        before: Box::new(before),
        after: Box::new(after),
        why: String::new(),
    };
    match ask(&cx.runtime, change).await? {
        Saved::Done => Ok(success(data)),
        Saved::FileTaken(_) | Saved::Conflict => {
            Err(ApiError::internal("a concurrent call changed the merchant"))
        }
    }
}

/// Refuses an image that the merchant does not have.
async fn check_images<R: Runtime>(
    cx: &Services<R>,
    merchant: &Merchant,
    brand: &Brand,
) -> Result<(), ApiError> {
    for (field, image) in [("logo", &brand.logo), ("mark", &brand.mark)] {
        if let Some(image) = image {
            let call = command::HasImage(image.clone());
            if !cx.book(&merchant.id, call).await? {
                return Err(ApiError::field(
                    Code::ImageNotFound,
                    field,
                    Code::ImageNotFound.advice(),
                ));
            }
        }
    }
    Ok(())
}
