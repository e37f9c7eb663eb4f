//! `GET /v1/statement`: WeChat's statement of a day's payments and refunds
//! (WeChat Pay v2 manual, section 9.6).

use super::day;
use crate::auth::keys::{Access, caller};
use crate::http::error::{ApiError, Code};
use crate::http::fields::{CHOICE_BYTES, Fields};
use crate::http::message::{answer, success, texts};
use crate::runtime::{Answer, Body, Request, Response, Runtime};
use crate::services::Services;
use crate::upstream::{Reason, Statement};
use serde_json::{Map, Value, json};
use wechatpay::common::bill::{BillType, Entry, Row, Summary};
use wechatpay::common::{Date, time};

/// The most rows of one page.
const MAX_ROWS: i64 = 1000;

/// The most unreadable rows that are described.
const MAX_ODD: usize = 100;

/// The requested page of the statement.
struct Page {
    offset: usize,
    limit: usize,
}

/// The rows of the page, and what was counted while the statement was read.
#[derive(Default)]
struct Found {
    rows: Vec<Value>,
    read: usize,
    odd: Vec<Value>,
}

/// The statement of a day, once WeChat has made it (checklist S1):
/// `?bill_date=20260131`, `bill_type=ALL` (`SUCCESS`, `REFUND`, `REVOKED`,
/// `RECHARGE_REFUND`), `format=json` with `offset` and `limit`, or `csv`.
/// SECRET. Neither form is in memory as a whole: the file is passed on as it
/// arrives, and JSON needs only the rows of its page. A day without payments
/// has no rows (checklist S2). An unreadable row is reported and does not
/// affect the others.
pub async fn statement<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Answer, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let known = ["bill_date", "bill_type", "offset", "limit", "format"];
    let fields = Fields::of_query_string(request, &known)?;
    let bill_date = day(
        &fields,
        "bill_date",
        &fields.required("bill_date", CHOICE_BYTES)?,
    )?;
    let bill_type = bill_type(&fields)?;
    let csv = match fields.text("format", CHOICE_BYTES)?.as_deref() {
        None | Some("json") => false,
        Some("csv") => true,
        Some(_) => return Err(fields.invalid("format", "must be json or csv")),
    };
    let page = Page::read(&fields)?;
    let upstream = cx.upstream(&context);
    check_day(
        &fields,
        bill_date,
        upstream.statement_days(),
        cx.runtime.now_ms(),
    )?;
    let asked = upstream.statement(bill_date, bill_type).await;
    cx.raise_problems(&context).await;
    let statement = match asked {
        Ok(statement) => Some(statement),
        Err(failure) if failure.reason() == Some(Reason::NoStatement) => None,
        Err(failure) if failure.reason() == Some(Reason::StatementCreating) => {
            return Err(fields.error(
                Code::StatementNotReady,
                "bill_date",
                "names a day whose statement WeChat is still making: ask again in some minutes",
            ));
        }
        Err(failure) => return Err(failure.into()),
    };
    if csv {
        let head = answer(200, "text/csv; charset=utf-8", "");
        return Ok(match statement {
            Some(statement) => head.map(|_| Body::Pieces(statement.into_chunks())),
            None => head.map(Body::Whole),
        });
    }
    let (found, summary) = match statement {
        Some(statement) => match page.find(statement).await {
            Ok(found) => found,
            Err(broken) => return Err(upstream.not_a_statement(broken).into()),
        },
        None => <(Found, Summary)>::default(),
    };
    let data = page.data(found, &summary);
    let data = [
        ("bill_date", json!(bill_date.to_string())),
        ("bill_type", json!(bill_type.as_str())),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .chain(data);
    let answer: Response = success(Value::Object(data.collect()));
    Ok(answer.map(Body::Whole))
}

fn bill_type(fields: &Fields) -> Result<BillType, ApiError> {
    let Some(name) = fields.text("bill_type", CHOICE_BYTES)? else {
        return Ok(BillType::All);
    };
    BillType::parse(&name).ok_or_else(|| {
        let names = BillType::ALL.map(BillType::as_str).join(", ");
        fields.invalid("bill_type", &format!("must be one of {names}"))
    })
}

/// Refuses a day whose statement does not exist. WeChat makes a statement by
/// 10:00 on the next day, and keeps it for `kept_days`, the last one included.
fn check_day(fields: &Fields, day: Date, kept_days: i64, now_ms: i64) -> Result<(), ApiError> {
    if now_ms < day.statement_ready_ms() {
        return Err(fields.error(
            Code::StatementNotReady,
            "bill_date",
            "is too late: a day's statement is ready at 10:00 China time on the next day",
        ));
    }
    let age_ms = Date::of(now_ms).start_ms() - day.start_ms();
    if age_ms > kept_days * 24 * 60 * 60 * 1000 {
        let problem = format!("is too early: WeChat keeps statements for {kept_days} days");
        return Err(fields.error(Code::StatementTooOld, "bill_date", &problem));
    }
    Ok(())
}

impl Page {
    fn read(fields: &Fields) -> Result<Self, ApiError> {
        let whole = |name, range, usual| {
            let number = fields.whole(name, range)?.unwrap_or(usual);
            Ok::<_, ApiError>(usize::try_from(number).unwrap_or(usize::MAX))
        };
        Ok(Self {
            offset: whole("offset", 0..=i64::from(u32::MAX), 0)?,
            limit: whole("limit", 1..=MAX_ROWS, MAX_ROWS)?,
        })
    }

    /// Reads the whole statement and keeps the rows of this page.
    async fn find(
        &self,
        mut statement: Statement,
    ) -> Result<(Found, Summary), crate::upstream::Broken> {
        let mut found = Found::default();
        while let Some(piece) = statement.next().await? {
            for entry in piece.entries {
                self.take(&mut found, entry);
            }
        }
        Ok((found, statement.summary().clone()))
    }

    fn take(&self, found: &mut Found, entry: Entry) {
        match entry {
            Entry::Row(read) => {
                if found.read >= self.offset && found.rows.len() < self.limit {
                    found.rows.push(row(&read));
                }
                found.read += 1;
            }
            Entry::Odd(odd) if found.odd.len() < MAX_ODD => found.odd.push(json!({
                "line": odd.line,
                "column": odd.column,
                "problem": odd.problem,
            })),
            Entry::Odd(_) => {}
        }
    }

    fn data(&self, found: Found, summary: &Summary) -> Map<String, Value> {
        let totals: Map<String, Value> = summary
            .totals
            .iter()
            .map(|(total, value)| {
                let name = total.field().replace(' ', "_");
                let value = value.to_string();
                // A count is not an amount, although the file's last line has
                // it with decimals.
                let count = name.ends_with("_count").then(|| value.strip_suffix(".00"));
                let value = count.flatten().unwrap_or(&value).to_owned();
                (name, Value::String(value))
            })
            .collect();
        let end = self.offset.saturating_add(found.rows.len());
        let next_offset = (end < summary.rows).then_some(end);
        let mut data = Map::new();
        for (name, value) in [
            ("rows", Value::Array(found.rows)),
            ("totals", Value::Object(totals)),
            ("row_count", json!(summary.rows)),
            ("next_offset", json!(next_offset)),
            ("unreadable", Value::Array(found.odd)),
            ("unreadable_count", json!(summary.odd)),
        ] {
            data.insert(name.to_owned(), value);
        }
        data
    }
}

/// A row in WeChat's names, every value a text, amounts in the smallest unit of
/// their currency.
fn row(row: &Row) -> Value {
    let fee = |amount: Option<i64>| amount.map(|fee| fee.to_string());
    let refund = row.refund.as_ref();
    Value::Object(texts([
        ("trade_time", Some(time::china(row.trade_time_ms))),
        ("transaction_id", Some(row.transaction_id.clone())),
        ("out_trade_no", Some(row.out_trade_no.clone())),
        ("openid", row.openid.clone()),
        ("trade_type", row.trade_type.clone()),
        ("trade_state", Some(row.trade_state.as_str().to_owned())),
        ("bank_type", row.bank_type.clone()),
        ("fee_type", Some(row.fee_type.code().to_owned())),
        ("total_fee", Some(row.total_fee.to_string())),
        ("cash_fee", fee(row.cash_fee)),
        (
            "cash_fee_type",
            row.cash_fee_type.map(|c| c.code().to_owned()),
        ),
        ("settlement_fee", fee(row.settlement_fee)),
        (
            "settlement_fee_type",
            row.settlement_fee_type.map(|c| c.code().to_owned()),
        ),
        ("refund_id", refund.map(|r| r.refund_id.clone())),
        ("out_refund_no", refund.map(|r| r.out_refund_no.clone())),
        ("refund_fee", refund.map(|r| r.refund_fee.to_string())),
        (
            "refund_status",
            refund.and_then(|r| r.refund_status.clone()),
        ),
        ("body", row.body.clone()),
        ("attach", row.attach.clone()),
        ("poundage", row.poundage.map(|p| p.to_string())),
        ("rate", row.rate.clone()),
    ]))
}
