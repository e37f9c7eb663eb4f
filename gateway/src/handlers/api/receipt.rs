//! `/v1/receipt`: the address at which a payer sees what was paid.

use super::{Reach, refuse_others};
use crate::auth::keys::{Access, caller};
use crate::book::{Receipt, command};
use crate::http::error::ApiError;
use crate::http::fields::Fields;
use crate::http::message::success;
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use serde_json::{Value, json};

/// `POST /v1/receipt` with `{"out_trade_no": …}`: the address of a paid order's
/// or checkout's receipt; a revoked one is replaced. SECRET.
pub async fn create_receipt<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let number = Fields::read(request.body())?.out_trade_no()?;
    refuse_others(cx, &context, &number, Reach::Today).await?;
    let merchant = &context.merchant.id;
    let made = cx.book(merchant, command::CreateReceipt(number)).await?;
    Ok(success(receipt_data(cx, merchant, &made)))
}

/// `DELETE /v1/receipt?out_trade_no=…`: its address shows nothing from now on.
/// SECRET.
pub async fn revoke_receipt<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let number = Fields::of_query_string(request, &["out_trade_no"])?.out_trade_no()?;
    let merchant = &context.merchant.id;
    let revoked = cx.book(merchant, command::RevokeReceipt(number)).await?;
    Ok(success(receipt_data(cx, merchant, &revoked)))
}

fn receipt_data<R: Runtime>(cx: &Services<R>, merchant: &str, receipt: &Receipt) -> Value {
    let id = receipt.id.as_ref();
    json!({
        "out_trade_no": receipt.out_trade_no,
        "receipt_url": id.map(|id| cx.config.receipt_url(merchant, id)),
    })
}
