//! `/v1/reconciliation`: each day compared with WeChat's statement of it. All calls
//! need the secret.

use super::day;
use crate::auth::idempotency::idempotency_key;
use crate::auth::keys::{Access, caller};
use crate::book::{BookingPage, BookingPosition, DifferenceNote, command};
use crate::http::csv::csv;
use crate::http::error::{ApiError, Code};
use crate::http::fields::{CHOICE_BYTES, Fields};
use crate::http::message::success;
use crate::runtime::{Answer, Body, Request, Response, Runtime};
use crate::services::Services;
use serde_json::{Value, json};
use std::rc::Rc;
use wechatpay::common::Date;

/// The longest note, in bytes.
const NOTE_BYTES: usize = 1_000;
/// The largest id: integers cross into JavaScript as 53 bits.
const LARGEST: i64 = (1 << 53) - 1;
/// The columns of a month's file.
const COLUMNS: [&str; 12] = [
    "date",
    "time",
    "kind",
    "out_trade_no",
    "out_refund_no",
    "wechat_number",
    "currency",
    "amount",
    "fee",
    "rate",
    "settlement_currency",
    "settlement_amount",
];

/// `GET /v1/reconciliation?date=20260131`: a day in China, and its differences after
/// the one whose id `after` is.
pub async fn get_reconciliation<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let fields = Fields::of_query_string(request, &["date", "after"])?;
    let date = day(&fields, "date", &fields.required("date", CHOICE_BYTES)?)?;
    let call = command::Reconciliation {
        date: date.to_string(),
        after: fields.whole("after", 0..=LARGEST)?.unwrap_or(0),
    };
    Ok(success(cx.book(&context.merchant.id, call).await?))
}

/// `GET /v1/reconciliations?month=202601`: the compared days of a month; with
/// `format=csv` a row for each payment and refund of their statements.
pub async fn get_reconciliations<R: Runtime + 'static>(
    cx: &Rc<Services<R>>,
    request: &Request,
) -> Result<Answer, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let fields = Fields::of_query_string(request, &["month", "format"])?;
    let text = fields.required("month", CHOICE_BYTES)?;
    let month = Date::parse(&format!("{text}01"))
        .ok()
        .and_then(|_| text.parse().ok());
    let month: i64 = month.ok_or_else(|| fields.invalid("month", "must be a month like 202601"))?;
    let merchant = context.merchant.id.clone();
    match fields.text("format", CHOICE_BYTES)?.as_deref() {
        None | Some("json") => {
            let call = command::Reconciliations(month);
            let days: Vec<Value> = cx.book(&merchant, call).await?;
            let data = json!({"month": text, "days": days});
            Ok(success(data).map(Body::Whole))
        }
        Some("csv") => {
            let after = None;
            let first: BookingPage = cx
                .book(&merchant, command::Bookings { month, after })
                .await?;
            let cx = cx.clone();
            let next = move |after: BookingPosition| {
                let (cx, merchant) = (cx.clone(), merchant.clone());
                async move { next_page(&cx, &merchant, month, after).await }
            };
            let name = format!("statements-{text}");
            Ok(csv(&name, &COLUMNS, (first.rows, first.after), next))
        }
        Some(_) => Err(fields.invalid("format", "must be json or csv")),
    }
}

async fn next_page<R: Runtime>(
    cx: &Services<R>,
    merchant: &str,
    month: i64,
    after: BookingPosition,
) -> Option<(Vec<Value>, Option<BookingPosition>)> {
    let after = Some(after);
    let page = cx.book(merchant, command::Bookings { month, after });
    match page.await {
        Ok(BookingPage { rows, after }) => Some((rows, after)),
        Err(error) => {
            error.log_as(&cx.runtime, "the month's statements break off");
            None
        }
    }
}

/// `POST /v1/reconciliation/{id}` with `{"note": …, "close": true}`: stores what was
/// found out about a difference, and closes it.
pub async fn note_difference<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let once = idempotency_key(request)?;
    let fields = Fields::read(request.body())?;
    let note = fields.required("note", NOTE_BYTES)?;
    let close = fields.flag_or("close", false)?;
    let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    let number = id.parse().ok().filter(|id| is_id && *id <= LARGEST);
    let id = number.ok_or_else(|| ApiError::of(Code::DifferenceNotFound))?;
    let note = DifferenceNote { id, note, close };
    let call = command::NoteDifference(note);
    let noted = cx.book_once(&context.merchant.id, call, once);
    Ok(success(noted.await?))
}
