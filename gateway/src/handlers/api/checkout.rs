//! `POST /v1/checkout`: makes a page on which one payer pays for one purchase;
//! `GET` returns its state.

use super::{Reach, notify_targets, page_lang, refuse_others};
use crate::auth::idempotency::idempotency_key;
use crate::auth::keys::{Access, caller, refusal_for, refuse_foreign_addresses};
use crate::book::{
    Attempt, Checkout, CheckoutFacts, FoundCheckout, MAX_CHECKOUT_NUMBER, NewCheckout, Purchase,
    Refunded, command,
};
use crate::handlers::answers::{refund_data, status_data};
use crate::http::address;
use crate::http::error::{ApiError, Code};
use crate::http::fields::Fields;
use crate::http::message::success;
use crate::merchants::directory::MerchantContext;
use crate::merchants::idempotency::IdempotencyKey;
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use checkout::{Lang, Line, State};
use order::{Currency, Money, Order};
use serde_json::{Value, json};

/// How long a checkout can be paid when the merchant does not set it.
const DEFAULT_SECONDS: i64 = 30 * 60;
/// WeChat refuses an order that is valid for five minutes or less (WeChat Pay
/// v2 manual, section 9.1, `time_expire`), and the order is made when the payer
/// pays.
const SHORTEST_SECONDS: i64 = 6 * 60;
/// Not longer than a prepayment is valid.
const LONGEST_SECONDS: i64 = 2 * 60 * 60;

/// The most lines of a purchase, and the longest name of one.
const MAX_LINES: usize = 50;
const MAX_LINE_NAME_BYTES: usize = 256;
const MAX_QUANTITY: i64 = 99_999;

/// Makes a checkout and answers its address. BASIC.
pub async fn create_checkout<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Basic).await?;
    let once = idempotency_key(request)?;
    let merchant = &context.merchant.id;
    let kept = cx.kept_reply::<command::OpenCheckout>(merchant, once.as_ref());
    let checkout = match kept.await? {
        Some(kept) => kept,
        None => open_checkout(cx, request, &context, once).await?,
    };
    Ok(success(json!({
        "id": checkout.id,
        "url": cx.config.checkout_url(&checkout.id),
        "out_trade_no": checkout.purchase.out_trade_no,
        "expires_at": checkout.expires_at_ms / 1000,
    })))
}

async fn open_checkout<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    context: &MerchantContext,
    once: Option<IdempotencyKey>,
) -> Result<Checkout, ApiError> {
    let fields = Fields::read(request.body())?;
    let out_trade_no = fields.out_trade_no()?;
    if out_trade_no.as_str().len() > MAX_CHECKOUT_NUMBER {
        return Err(fields.invalid(
            "out_trade_no",
            &format!("must have at most {MAX_CHECKOUT_NUMBER} characters for a checkout"),
        ));
    }
    let lang = page_lang(&fields)?;
    let upstream = cx.upstream(context);
    let money = super::money(&upstream, &fields)?;
    let seconds = fields
        .whole("expires_in_seconds", SHORTEST_SECONDS..=LONGEST_SECONDS)?
        .unwrap_or(DEFAULT_SECONDS);
    let new = NewCheckout {
        id: format!("{}.{}", context.merchant.id, cx.random_text(22)),
        purchase: Purchase {
            out_trade_no,
            body: super::body(&upstream, &fields, upstream.max_body())?,
            money,
            notify_url: address::notify_url(&fields, "notify_url", notify_targets(cx, context))?,
            success_url: address::page_url(&fields, "success_url", cx.config.development)?,
            cancel_url: address::page_url(&fields, "cancel_url", cx.config.development)?,
            lang,
            attach: super::attach(&upstream, &fields)?,
            lines: lines(&fields, money)?,
            metadata: fields.metadata()?,
            picture: None,
            details: None,
        },
        expires_at_ms: cx.runtime.now_ms() + seconds * 1000,
    };
    let addresses = [
        ("notify_url", &new.purchase.notify_url),
        ("success_url", &new.purchase.success_url),
        ("cancel_url", &new.purchase.cancel_url),
    ];
    refuse_foreign_addresses(cx, request, context, &addresses).await?;
    let call = command::OpenCheckout(Box::new(new));
    match cx.book_once(&context.merchant.id, call, once).await {
        Ok(checkout) => Ok(checkout),
        Err(error) => Err(refusal_for(cx, request, context, error).await),
    }
}

/// `GET /v1/checkout?out_trade_no=…`: the checkout, and every attempt to
/// pay it with its refunds. SECRET.
pub async fn get_checkout<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let number = Fields::of_query_string(request, &["out_trade_no"])?.out_trade_no()?;
    refuse_others(cx, &context, &number, Reach::Today).await?;
    let call = command::FindCheckout(number);
    let found: FoundCheckout = cx.book(&context.merchant.id, call).await?;
    let CheckoutFacts {
        checkout, state, ..
    } = found.facts;
    let purchase = &checkout.purchase;
    let lines: Vec<Value> = purchase.lines.iter().map(line_data).collect();
    let attempts: Vec<Value> = checkout
        .attempts
        .iter()
        .zip(&found.orders)
        .map(|(attempt, order)| attempt_data(attempt, order.as_ref()))
        .collect();
    Ok(success(json!({
        "id": checkout.id,
        "url": cx.config.checkout_url(&checkout.id),
        "out_trade_no": purchase.out_trade_no,
        "state": match state {
            State::Open => "open",
            State::Confirming => "confirming",
            State::Paid { .. } => "paid",
            State::PartlyRefunded { .. } => "partly_refunded",
            State::Refunded { .. } => "refunded",
            State::Expired => "expired",
            State::Closed => "closed",
            State::Failed => "failed",
        },
        "expires_at": checkout.expires_at_ms / 1000,
        "body": purchase.body,
        "total_fee": purchase.money.amount_minor().to_string(),
        "fee_type": purchase.money.currency().code(),
        "lines": lines,
        "metadata": purchase.metadata,
        "attach": purchase.attach,
        "notify_url": purchase.notify_url,
        "success_url": purchase.success_url,
        "cancel_url": purchase.cancel_url,
        "lang": purchase.lang.map(Lang::tag),
        "attempts": attempts,
    })))
}

/// `lines`: the items of the purchase, whose sum is its amount.
fn lines(fields: &Fields, money: Money) -> Result<Vec<Line>, ApiError> {
    const NAME: &str = "lines";
    let given = fields.objects(NAME)?;
    if given.len() > MAX_LINES {
        return Err(fields.invalid(NAME, &format!("must have at most {MAX_LINES} entries")));
    }
    let mut lines = Vec::new();
    let mut sum: i64 = 0;
    for (nth, given) in given.iter().enumerate() {
        let inside = |error| Fields::inside(&format!("{NAME}[{nth}]"), error);
        let line = read_line(given, money.currency()).map_err(inside)?;
        // No line exceeds the largest amount that WeChat accepts, so the sum
        // cannot overflow.
        let total = line.total().map(Money::amount_minor).ok_or_else(|| {
            let what = "times the unit_amount must be at most 2147483647";
            inside(given.error(Code::AmountInvalid, "quantity", what))
        })?;
        sum = sum.saturating_add(total);
        lines.push(line);
    }
    let wanted = money.amount_minor();
    match lines.is_empty() || sum == wanted {
        true => Ok(lines),
        false => Err(fields.error(
            Code::LinesMismatch,
            NAME,
            &format!("comes to {sum} in all, and total_fee is {wanted}"),
        )),
    }
}

fn read_line(given: &Fields, currency: Currency) -> Result<Line, ApiError> {
    const UNIT: &str = "unit_amount";
    let unit = given
        .whole(UNIT, 1..=Money::MAX_MINOR)?
        .ok_or_else(|| given.missing(UNIT))?;
    Ok(Line {
        name: given.required("name", MAX_LINE_NAME_BYTES)?,
        quantity: given.whole("quantity", 1..=MAX_QUANTITY)?.unwrap_or(1),
        unit: Money::new(unit, currency)
            .map_err(|error| given.error(Code::AmountInvalid, UNIT, &error.to_string()))?,
    })
}

fn line_data(line: &Line) -> Value {
    json!({
        "name": line.name,
        "quantity": line.quantity,
        "unit_amount": line.unit.amount_minor().to_string(),
    })
}

/// An attempt in the form of `GET /v1/order`, with its refunds. An attempt
/// whose answer from WeChat was lost has no order.
fn attempt_data(attempt: &Attempt, order: Option<&Order>) -> Value {
    let Some(order) = order else {
        let trade_state = if attempt.closed { "CLOSED" } else { "NOTPAY" };
        return json!({
            "out_trade_no": attempt.out_trade_no,
            "trade_type": attempt.trade_type.as_str(),
            "trade_state": trade_state,
            "refunds": [],
        });
    };
    let mut data = status_data(order);
    let refunds = order.refunds().iter().cloned();
    let refunds: Vec<Value> = refunds
        .map(|refund| refund_data(&Refunded::of(order, refund)))
        .collect();
    if let Some(data) = data.as_object_mut() {
        data.insert("refunds".to_owned(), Value::from(refunds));
    }
    data
}
