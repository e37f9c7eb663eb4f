//! `GET /v1/statement`: a day's payments and refunds, as WeChat counts them
//! (seed 002, section 9.6).

use super::Access;
use super::account::day;
use crate::Gateway;
use crate::error::{ApiError, Code};
use crate::fields::Fields;
use crate::http::{answer, query, success, texts};
use crate::upstream::Reason;
use crate::world::{Request, Response, World};
use serde_json::{Map, Value, json};
use wechatpay::v2::bill::{self, Bill, BillType, Row};
use wechatpay::v2::time;

impl<W: World> Gateway<W> {
    /// The statement of a day, once WeChat has it (checklist S1): `?bill_date=20260131`, `bill_type=ALL`
    /// (`SUCCESS`, `REFUND`, `REVOKED`), `format=json` or `csv`. SECRET. Its
    /// totals are checked against its rows before it is answered; a day with
    /// no payments has no rows (checklist S2).
    pub(crate) async fn statement(&self, request: &Request) -> Result<Response, ApiError> {
        let known = self.caller(request, Access::Secret).await?;
        let fields = Fields::of_query(query(request));
        let bill_date = day(&fields, "bill_date", &fields.required("bill_date", 8)?)?;
        let bill_type = match fields.text("bill_type", 8)? {
            None => BillType::All,
            Some(name) => BillType::parse(&name).ok_or_else(|| {
                fields.invalid("bill_type", "must be ALL, SUCCESS, REFUND or REVOKED")
            })?,
        };
        let csv = match fields.text("format", 4)?.as_deref() {
            None | Some("json") => false,
            Some("csv") => true,
            Some(_) => return Err(fields.invalid("format", "must be json or csv")),
        };
        let now_ms = self.world.now_ms();
        if now_ms < bill_date.statement_ready_ms() {
            return Err(fields.error(
                Code::StatementNotReady,
                "bill_date",
                "is too late: a day's statement is ready at 10:00 China time on the next day",
            ));
        }
        if now_ms - bill_date.end_ms() > bill::KEPT_DAYS * 24 * 60 * 60 * 1000 {
            return Err(fields.error(
                Code::StatementTooOld,
                "bill_date",
                "is too early: WeChat keeps statements for three months",
            ));
        }
        let asked = self.upstream(&known).statement(bill_date, bill_type).await;
        let (file, bill) = match asked {
            Ok(statement) => statement,
            Err(failure) if failure.reason() == Some(Reason::NoStatement) => {
                (Vec::new(), Bill::of(Vec::new()))
            }
            Err(failure) => return Err(failure.into()),
        };
        if csv {
            return Ok(answer(200, "text/csv; charset=utf-8", file));
        }
        let rows: Vec<Value> = bill.rows.iter().map(row).collect();
        let totals: Map<String, Value> = bill
            .totals
            .iter()
            .map(|(total, value)| {
                let name = total.field().replace(' ', "_");
                let value = value.to_string();
                // A count is no amount, though the file's last line writes it so.
                let count = name.ends_with("_count").then(|| value.strip_suffix(".00"));
                let value = count.flatten().unwrap_or(&value).to_owned();
                (name, Value::String(value))
            })
            .collect();
        Ok(success(json!({
            "bill_date": bill_date.to_string(),
            "bill_type": bill_type.as_str(),
            "rows": rows,
            "totals": totals,
        })))
    }
}

/// A row in WeChat's names, every value a text, amounts in the smallest unit
/// of their currency.
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
