//! `POST /v1/order` and `GET /v1/order` (WeCeive API, "Payment").

use super::{Reach, notify_targets, refuse_others};
use crate::auth::keys::{Access, caller, refusal_for, refuse_foreign_addresses};
use crate::auth::sessions::{MAX_OPENID_BYTES, is_openid};
use crate::book::{NewOrder, Prepaid, command};
use crate::handlers::answers::status_data;
use crate::http::address;
use crate::http::client::client_ip;
use crate::http::error::{ApiError, Code};
use crate::http::fields::{CHOICE_BYTES, Fields};
use crate::http::message::success;
use crate::merchants::directory::MerchantContext;
use crate::merchants::merchant::Answers;
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use order::{Order, Prepayment, Terms, TradeType};
use serde_json::{Map, Value, json};
use wechatpay::common::prepay::PREPAY_SECONDS;
use wechatpay::v2::prepay;

/// Makes an order. BASIC.
///
/// The answer to NATIVE has `code_url`; that to JSAPI has `prepay_id` and
/// `jsapi`, the signed package for `WeixinJSBridge`, in which `timeStamp` is a
/// string. A repeated call with the same terms answers the same prepayment.
pub async fn create_order<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Basic).await?;
    // An api-token replaces both keys.
    let has = |name: &str| request.headers().contains_key(name);
    let shows_secret =
        context.merchant.answers == Answers::Flat && (has("api-secret") || !has("api-key"));
    if shows_secret {
        caller(cx, request, Access::Secret).await?;
    }
    let fields = Fields::read(request.body())?;
    let terms = terms(cx, &fields, &context)?;
    let addresses = [("notify_url", &terms.notify_url)];
    refuse_foreign_addresses(cx, request, &context, &addresses).await?;
    let (number, trade_type) = (terms.out_trade_no.clone(), terms.trade_type);
    let new = NewOrder {
        terms,
        payer_ip: fields.ip("payer_ip")?.unwrap_or_else(|| client_ip(request)),
        time_expire_ms: None,
        is_attempt: false,
    };
    let call = command::CreateOrder(Box::new(new));
    let prepaid: Prepaid = match cx.book(&context.merchant.id, call).await {
        Ok(prepaid) => prepaid,
        Err(error) => return Err(refusal_for(cx, request, &context, error).await),
    };
    let prepayment = prepaid.prepayment;
    if context.merchant.answers == Answers::Flat {
        return Ok(flat_answer(
            cx,
            &context,
            trade_type,
            prepayment,
            shows_secret,
        ));
    }
    Ok(success(match trade_type {
        // The upstream starts the payment on a page of its own.
        TradeType::Jsapi if prepayment.pay_url.is_some() => json!({
            "pay_url": prepayment.pay_url,
            "out_trade_no": number,
        }),
        TradeType::Jsapi => json!({
            "prepay_id": prepayment.prepay_id,
            "out_trade_no": number,
            "jsapi": cx.upstream(&context)
                .jsapi(&prepayment, context.merchant.account.payer_appid())
                .await?,
        }),
        TradeType::App => json!({
            "prepay_id": prepayment.prepay_id,
            "out_trade_no": number,
            "app": cx.upstream(&context).app(&prepayment).await?,
        }),
        _ => json!({
            "code_url": prepayment.code_url,
            "out_trade_no": number,
        }),
    }))
}

/// Answers the order. SECRET. An open order is queried at WeChat first, and
/// with `refresh=1` a final one too, at most once in ten seconds.
pub async fn get_order<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let fields = Fields::of_query_string(request, &["out_trade_no", "refresh"])?;
    let refresh = match fields.text("refresh", CHOICE_BYTES)?.as_deref() {
        None | Some("0") => false,
        Some("1") => true,
        Some(_) => return Err(fields.invalid("refresh", "must be 1 or 0")),
    };
    let number = fields.out_trade_no()?;
    refuse_others(cx, &context, &number, Reach::Today).await?;
    let call = command::FindOrder {
        out_trade_no: number,
        refresh,
    };
    let order: Order = cx.book(&context.merchant.id, call).await?;
    Ok(success(status_data(&order)))
}

/// The older answer (older WeCeive API, "Create New Payment"): WeChat's own
/// fields, flat, signed with the merchant's API key. A caller that sends only
/// the `api-key` gets an empty `sign`.
fn flat_answer<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
    trade_type: TradeType,
    prepayment: Prepayment,
    shows_secret: bool,
) -> Response {
    let answer = prepay::Answer {
        trade_type,
        prepay_id: prepayment.prepay_id,
        code_url: prepayment.code_url,
        mweb_url: prepayment.mweb_url,
    };
    let nonce = cx.random_text(16);
    let fields = answer
        .to_fields(&context.merchant.account, &nonce)
        .sealed(&context.credentials.api_key, context.merchant.sign_type);
    let flat: Map<String, Value> = fields
        .iter()
        .map(|(name, value)| match name {
            "sign" if !shows_secret => (name.to_owned(), Value::String(String::new())),
            _ => (name.to_owned(), Value::String(value.to_owned())),
        })
        .collect();
    crate::http::message::json(200, &Value::Object(flat))
}

fn terms<R: Runtime>(
    cx: &Services<R>,
    fields: &Fields,
    context: &MerchantContext,
) -> Result<Terms, ApiError> {
    let out_trade_no = fields.out_trade_no()?;
    let upstream = cx.upstream(context);
    let body = super::body(&upstream, fields, upstream.max_body())?;
    let money = super::money(&upstream, fields)?;
    let trade_type = match fields.required("trade_type", CHOICE_BYTES)?.as_str() {
        "NATIVE" => TradeType::Native,
        "JSAPI" => TradeType::Jsapi,
        "APP" => TradeType::App,
        _ => {
            return Err(fields.error(
                Code::TradeTypeUnknown,
                "trade_type",
                "must be NATIVE, JSAPI or APP",
            ));
        }
    };
    // Only a JSAPI order is bound to its payer in advance (P2, J1).
    let openid = fields.signed_text("open_id", MAX_OPENID_BYTES)?;
    if openid.as_ref().is_some_and(|openid| !is_openid(openid)) {
        return Err(fields.invalid("open_id", "may hold only letters, digits, _ and -"));
    }
    let openid = match (trade_type, openid) {
        (TradeType::Jsapi, None) => {
            return Err(fields.error(
                Code::OpenIdMissing,
                "open_id",
                "is required when trade_type is JSAPI",
            ));
        }
        (TradeType::Jsapi, openid) => openid,
        _ => None,
    };
    Ok(Terms {
        out_trade_no,
        account: context.merchant.account.clone(),
        body,
        money,
        trade_type,
        openid,
        attach: super::attach(&upstream, fields)?,
        notify_url: address::notify_url(fields, "notify_url", notify_targets(cx, context))?,
        metadata: fields.metadata()?,
        expires_at_ms: cx.runtime.now_ms() + PREPAY_SECONDS * 1000,
    })
}
