//! WeChat's data on the merchant's account: exchange rates, settlements, short
//! addresses (WeChat Pay v2 manual, sections 9.9, 10 and 11). These calls
//! change nothing and need no book: the answer is WeChat's, in WeChat's names.

use super::day;
use crate::auth::keys::{Access, caller};
use crate::http::error::ApiError;
use crate::http::fields::{CHOICE_BYTES, Fields};
use crate::http::message::{success, texts};
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use crate::upstream::{Settlements, wrong};
use serde_json::{Map, Value, json};
use wechatpay::common::Date;
use wechatpay::common::settlement::{Limit, Record, UseTag};

/// The period of `GET /v1/settlement` when no days are given: thirty days.
const USUAL_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// `GET /v1/exchange_rate?fee_type=…&date=…`: a currency's rate to CNY on
/// a day. SECRET.
pub async fn exchange_rate<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let fields = Fields::of_query_string(request, &["fee_type", "date"])?;
    let fee_type = fields.currency()?.unwrap_or(context.merchant.currency);
    let date = match fields.text("date", CHOICE_BYTES)? {
        None => Date::of(cx.runtime.now_ms()),
        Some(text) => day(&fields, "date", &text)?,
    };
    let rate = cx.upstream(&context).exchange_rate(fee_type, date).await?;
    Ok(success(Value::Object(texts([
        ("fee_type", Some(rate.fee_type.code().to_owned())),
        ("rate", Some(rate.rate_e8.to_string())),
        ("rate_time", Some(rate.rate_time.to_string())),
    ]))))
}

/// `POST /v1/shorturl` with `{"long_url": …}`. BASIC.
pub async fn short_url<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Basic).await?;
    let long_url = Fields::read(request.body())?.required("long_url", 512)?;
    let short_url = cx.upstream(&context).short_url(&long_url).await?;
    Ok(success(json!({ "short_url": short_url })))
}

/// `GET /v1/settlement`: amounts that WeChat paid out (`usetag=1`, the
/// default), or has not paid out yet (`usetag=2`). SECRET.
pub async fn settlement<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let known = ["usetag", "date_start", "date_end", "offset", "limit"];
    let fields = Fields::of_query_string(request, &known)?;
    let usetag = match fields.text("usetag", CHOICE_BYTES)? {
        None => UseTag::Settled,
        Some(number) => UseTag::parse(&number)
            .ok_or_else(|| fields.invalid("usetag", "must be 1 (settled) or 2 (not yet)"))?,
    };
    let dates = match (
        fields.text("date_start", CHOICE_BYTES)?,
        fields.text("date_end", CHOICE_BYTES)?,
    ) {
        // WeChat requires days for paid-out amounts, and none for the others.
        (None, None) if usetag == UseTag::Settled => {
            let now_ms = cx.runtime.now_ms();
            Some((Date::of(now_ms - USUAL_MS), Date::of(now_ms)))
        }
        (None, None) => None,
        (Some(start), Some(end)) => {
            let start = day(&fields, "date_start", &start)?;
            let end = day(&fields, "date_end", &end)?;
            if end < start {
                return Err(fields.invalid("date_end", "must not be before date_start"));
            }
            Some((start, end))
        }
        (None, Some(_)) => return Err(fields.missing("date_start")),
        (Some(_), None) => return Err(fields.missing("date_end")),
    };
    let offset = fields
        .whole("offset", 0..=i64::from(u32::MAX))?
        .unwrap_or(0);
    let limit = fields.whole("limit", 1..=20)?.unwrap_or(10);
    let asked = Settlements {
        usetag,
        dates,
        offset: u32::try_from(offset).unwrap_or(u32::MAX),
        limit: Limit::new(limit).map_err(wrong)?,
    };
    let records = cx.upstream(&context).settlements(asked).await;
    cx.raise_problems(&context).await;
    let records: Vec<_> = records?.iter().map(record).collect();
    Ok(success(json!({ "records": records })))
}

/// A settlement, every value a text.
fn record(record: &Record) -> Map<String, Value> {
    texts([
        ("fbatchno", record.fbatchno.clone()),
        (
            "date_settlement",
            record.date_settlement.map(|d| d.to_string()),
        ),
        ("date_start", record.date_start.map(|d| d.to_string())),
        ("date_end", record.date_end.map(|d| d.to_string())),
        ("settlement_fee", Some(record.settlement_fee.to_string())),
        (
            "unsettlement_fee",
            Some(record.unsettlement_fee.to_string()),
        ),
        (
            "settlementfee_type",
            Some(record.settlementfee_type.code().to_owned()),
        ),
        ("pay_fee", Some(record.pay_fee.to_string())),
        ("refund_fee", Some(record.refund_fee.to_string())),
        ("pay_net_fee", Some(record.pay_net_fee.to_string())),
        ("poundage_fee", Some(record.poundage_fee.to_string())),
    ])
}
