//! `/v1/settings`: what a merchant sets itself. Everything else of a merchant is the
//! operator's, by `PATCH /admin/merchants/{id}`.

use super::merchant_now;
use crate::auth::keys::{Access, caller};
use crate::http::error::{ApiError, Code};
use crate::http::fields::Fields;
use crate::http::message::{json_object, success};
use crate::merchants::merchant::{
    Merchant, read_name, read_receipt_text, read_retype_refunds_from, read_time_zone,
};
use crate::merchants::registry::command::{Change, Saved};
use crate::merchants::shards::ask;
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use serde_json::{Value, json};

/// `GET /v1/settings`. BASIC.
pub async fn get_settings<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Basic).await?;
    Fields::of_query_string(request, &[])?;
    let merchant = merchant_now(cx, &context.merchant.id).await?;
    Ok(success(settings_data(&merchant)))
}

/// `PATCH /v1/settings`: a field that is not sent stays, one that is `null` gets its default. It
/// takes effect within 30 seconds everywhere. SECRET.
pub async fn change_settings<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let sent = json_object(request.body())?;
    let before = merchant_now(cx, &context.merchant.id).await?;
    let mut wanted = settings_data(&before);
    if let Some(name) = sent.keys().find(|name| wanted.get(*name).is_none()) {
        let why = format!("The field {name} is not a setting that a merchant changes itself.");
        return Err(ApiError::field(Code::FieldInvalid, name, why));
    }
    if let Some(wanted) = wanted.as_object_mut() {
        wanted.extend(sent);
    }
    let fields = Fields::read(wanted.to_string().as_bytes())?;
    let after = Merchant {
        name: read_name(&fields)?,
        time_zone: read_time_zone(&fields)?,
        retype_refunds_from: read_retype_refunds_from(&fields)?,
        receipt_text: read_receipt_text(&fields)?,
        ..before.clone()
    };
    let data = settings_data(&after);
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

fn settings_data(merchant: &Merchant) -> Value {
    json!({
        "name": merchant.name,
        "time_zone": merchant.time_zone,
        "retype_refunds_from": merchant.retype_refunds_from,
        "receipt_text": merchant.receipt_text,
    })
}
