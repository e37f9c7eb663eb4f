//! `POST /admin/merchants/{id}/decide`: an operator's decision about an order.

use crate::auth::keys::admin;
use crate::book::{Decided, Decision, command};
use crate::handlers::answers::status_data;
use crate::http::error::{ApiError, Code};
use crate::http::fields::Fields;
use crate::http::message::success;
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use order::Order;

/// `POST /admin/merchants/{id}/decide` with `out_trade_no`, `decision`
/// (`accept`, `reject` or `refund`), `note` and, for a refund, `reason`: an
/// operator decides about an order whose payment at WeChat does not match it.
/// Answers the order.
pub async fn decide_order<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    admin(cx, request).await?;
    let fields = Fields::read(request.body())?;
    let choice = match fields.required("decision", 16)?.as_str() {
        "accept" => Decided::Accept,
        "reject" => Decided::Reject,
        "refund" => Decided::Refund,
        _ => return Err(fields.invalid("decision", "must be accept, reject or refund")),
    };
    let reason = match choice {
        Decided::Refund => {
            let context = cx
                .directory
                .by_id(&cx.runtime, &cx.config.master_key, id)
                .await?;
            let context = context.ok_or_else(|| ApiError::of(Code::MerchantNotFound))?;
            fields.refund_reason(cx.upstream(&context).signs_joined_reason())?
        }
        _ if fields.has("reason") => {
            return Err(fields.invalid("reason", "is taken with the decision refund only"));
        }
        _ => None,
    };
    let decision = Decision {
        out_trade_no: fields.out_trade_no()?,
        choice,
        note: fields.required("note", 256)?,
        reason,
    };
    let order: Order = cx.book(id, command::Decide(decision)).await?;
    Ok(success(status_data(&order)))
}
