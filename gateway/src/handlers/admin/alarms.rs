//! `/admin/alarms`: the open alarms of all merchants, and how an operator
//! settles one.

use super::totals;
use crate::auth::keys::admin;
use crate::book::{Settled, command};
use crate::http::error::{ApiError, Code};
use crate::http::fields::Fields;
use crate::http::message::success;
use crate::reports::{BookStatus, ListAlarms};
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use serde_json::json;

/// `GET /admin/alarms`: the open alarms of all merchants.
pub async fn alarms<R: Runtime>(cx: &Services<R>, request: &Request) -> Result<Response, ApiError> {
    admin(cx, request).await?;
    let fields = Fields::of_query_string(request, &["after"])?;
    let after = fields.text("after", 64)?.unwrap_or_default();
    let totals = totals(cx).await?;
    let page = cx.board(ListAlarms { after }).await?;
    let mut alarms = Vec::new();
    let mut not_listed = serde_json::Map::new();
    for BookStatus {
        merchant, numbers, ..
    } in page.merchants
    {
        // Alarms that were reported in a form that this version cannot read.
        let Some(numbers) = numbers else {
            not_listed.insert(merchant, json!(null));
            continue;
        };
        let listed = i64::try_from(numbers.alarms.len()).unwrap_or(i64::MAX);
        let rest = numbers.standing.values().sum::<i64>() - listed;
        if rest > 0 {
            not_listed.insert(merchant.clone(), json!(rest));
        }
        for alarm in numbers.alarms {
            alarms.push(json!({
                "merchant": merchant,
                "name": alarm.name,
                "subject": alarm.subject,
                "says": alarm.says,
                "to_do": alarm.to_do,
                "times": alarm.times,
                "last_at_ms": alarm.last_at_ms,
            }));
        }
    }
    Ok(success(json!({
        "alarms": alarms,
        "standing": totals.alarms.values().sum::<i64>(),
        "not_listed": not_listed,
        "silent": totals.silent_longest,
        "silent_in_all": totals.silent,
        "next": page.next,
    })))
}

/// `POST /admin/merchants/{id}/alarms` with `name`, `subject` and `note`:
/// settles an alarm that an operator has dealt with.
pub async fn settle_alarm<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    admin(cx, request).await?;
    let fields = Fields::read(request.body())?;
    let settled = Settled {
        name: fields.required("name", 64)?,
        // The subject is empty for a sub-merchant that WeChat did not name.
        subject: fields.text("subject", 64)?.unwrap_or_default(),
        note: fields.required("note", 256)?,
    };
    match cx.book(id, command::Settle(settled)).await? {
        true => Ok(success(json!({}))),
        false => Err(ApiError::of(Code::AlarmNotFound)),
    }
}
