//! `/v1/reconciliation`: each day compared with WeChat's statement of it. All calls
//! need the secret.

use super::day;
use crate::auth::idempotency::idempotency_key;
use crate::auth::keys::{Access, caller};
use crate::book::{BookingPage, BookingPosition, DifferenceNote, command};
use crate::handlers::answers::names;
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
/// the one whose id `after` is; with `format=csv` a row for each payment and refund of
/// the day's statement.
pub async fn get_reconciliation<R: Runtime + 'static>(
    cx: &Rc<Services<R>>,
    request: &Request,
) -> Result<Answer, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let fields = Fields::of_query_string(request, &["date", "after", "format"])?;
    let date = day(&fields, "date", &fields.required("date", CHOICE_BYTES)?)?.to_string();
    let is_file = is_csv(&fields)?;
    let call = command::Reconciliation {
        date: date.clone(),
        after: fields.whole("after", 0..=LARGEST)?.unwrap_or(0),
    };
    let merchant = &context.merchant.id;
    let mut found: Value = cx.book(merchant, call).await?;
    if is_file {
        return statements(cx, merchant, Span::Day(number(&date)), &date).await;
    }
    if let Some(differences) = found.get_mut("differences").and_then(Value::as_array_mut) {
        name_people(cx, merchant, differences).await?;
    }
    Ok(success(found).map(Body::Whole))
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
    let merchant = &context.merchant.id;
    if is_csv(&fields)? {
        return statements(cx, merchant, Span::Month(month), &text).await;
    }
    let days: Vec<Value> = cx.book(merchant, command::Reconciliations(month)).await?;
    let data = json!({"month": text, "days": days});
    Ok(success(data).map(Body::Whole))
}

/// The field `format`.
fn is_csv(fields: &Fields) -> Result<bool, ApiError> {
    match fields.text("format", CHOICE_BYTES)?.as_deref() {
        None | Some("json") => Ok(false),
        Some("csv") => Ok(true),
        Some(_) => Err(fields.invalid("format", "must be json or csv")),
    }
}

/// A day or month of digits as a number.
fn number(digits: &str) -> i64 {
    digits.parse().unwrap_or_default()
}

/// Which days a file has, as numbers like 202601 and 20260131.
#[derive(Clone, Copy)]
enum Span {
    Month(i64),
    Day(i64),
}

/// The file of the statements' rows.
async fn statements<R: Runtime + 'static>(
    cx: &Rc<Services<R>>,
    merchant: &str,
    span: Span,
    name: &str,
) -> Result<Answer, ApiError> {
    // A day's rows begin behind the day before.
    let before = match span {
        Span::Month(_) => None,
        Span::Day(day) => Some((day, 0, String::new())),
    };
    let first = rows(cx, merchant, span, before).await?;
    let (cx, merchant) = (cx.clone(), merchant.to_owned());
    let next = move |after: BookingPosition| {
        let (cx, merchant) = (cx.clone(), merchant.clone());
        async move {
            let page = rows(&cx, &merchant, span, Some(after)).await;
            let page = page.inspect_err(|error| {
                error.log_as(&cx.runtime, "the statements' file breaks off");
            });
            page.ok()
        }
    };
    Ok(csv(&format!("statements-{name}"), &COLUMNS, first, next))
}

/// Some rows, and where the next ones begin.
async fn rows<R: Runtime>(
    cx: &Services<R>,
    merchant: &str,
    span: Span,
    after: Option<BookingPosition>,
) -> Result<(Vec<Value>, Option<BookingPosition>), ApiError> {
    let month = match span {
        Span::Month(month) => month,
        Span::Day(day) => day / 100,
    };
    let BookingPage { mut rows, after } = cx
        .book(merchant, command::Bookings { month, after })
        .await?;
    let after = match span {
        Span::Month(_) => after,
        Span::Day(day) => {
            let date = format!("{day:08}");
            rows.retain(|row| row.get("date").and_then(Value::as_str) == Some(&date));
            after.filter(|(of, ..)| *of == day)
        }
    };
    Ok((rows, after))
}

/// Adds to each note the name of the person who wrote it.
async fn name_people<R: Runtime>(
    cx: &Services<R>,
    merchant: &str,
    differences: &mut [Value],
) -> Result<(), ApiError> {
    let notes = differences
        .iter_mut()
        .filter_map(|difference| difference.get_mut("notes")?.as_array_mut())
        .flatten();
    let mut written: Vec<_> = notes.filter_map(Value::as_object_mut).collect();
    let who = written
        .iter()
        .filter_map(|note| note.get("by")?.as_str().map(str::to_owned));
    let names = names(cx, merchant, who).await?;
    for note in &mut written {
        let by = note.get("by").and_then(Value::as_str).unwrap_or_default();
        let name = names.get(by).cloned();
        note.insert("name".to_owned(), json!(name));
    }
    Ok(())
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
    let merchant = &context.merchant.id;
    let mut noted: Value = cx.book_once(merchant, call, once).await?;
    name_people(cx, merchant, core::slice::from_mut(&mut noted)).await?;
    Ok(success(noted))
}
