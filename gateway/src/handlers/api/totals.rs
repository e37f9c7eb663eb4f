//! `GET /v1/totals`: what was paid and refunded by day or month.

use super::{cashier, today};
use crate::auth::keys::{Access, caller};
use crate::book::{Total, command};
use crate::http::error::ApiError;
use crate::http::fields::Fields;
use crate::http::message::success;
use crate::merchants::time_zone;
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The most periods of one answer.
const MOST_DAYS: usize = 366;
const MOST_MONTHS: usize = 120;
/// The first and the last year that a call may name.
const YEARS: std::ops::RangeInclusive<i16> = 2000..=2099;

/// A day or a month, or the requested part of it.
struct Period {
    name: String,
    from: Date,
    /// The day after its last.
    to: Date,
}

/// `GET /v1/totals?from=2026-01-01&to=2026-01-31&by=day`: the first and the
/// last day, in the merchant's time zone. SECRET.
pub async fn get_totals<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let fields = Fields::of_query_string(request, &["from", "to", "by"])?;
    let (from, to) = (day(&fields, "from")?, day(&fields, "to")?);
    if to < from {
        return Err(fields.invalid("to", "must not be before from"));
    }
    let (from, to) = match cashier(&context) {
        Some(_) => {
            let (day, _) = today(cx, &context)?;
            let day: Date = day.parse().map_err(ApiError::internal)?;
            (day, day)
        }
        None => (from, to),
    };
    let (by, most) = match fields.text("by", 8)?.as_deref() {
        None | Some("day") => ("day", MOST_DAYS),
        Some("month") => ("month", MOST_MONTHS),
        Some(_) => return Err(fields.invalid("by", "must be day or month")),
    };
    let zone = time_zone::find(&context.merchant.time_zone)
        .ok_or_else(|| ApiError::internal("the merchant's time zone is unknown"))?;
    let periods = periods(from, to, by, most)
        .ok_or_else(|| fields.invalid("to", &format!("must be at most {most} {by}s after from")))?;
    let bounds = periods
        .iter()
        .map(|period| Ok((start_ms(period.from, &zone)?, start_ms(period.to, &zone)?)))
        .collect::<Result<Vec<_>, jiff::Error>>()
        .map_err(ApiError::internal)?;
    let totals: Vec<Total> = cx
        .book(&context.merchant.id, command::Totals(bounds.clone()))
        .await?;
    let rows: Vec<Value> = totals
        .iter()
        .filter_map(|total| {
            let period = periods.get(total.period)?;
            let (from_ms, to_ms) = bounds.get(total.period)?;
            let mut row = amounts(total);
            for (name, value) in [
                ("period", json!(period.name)),
                ("from_ms", json!(from_ms)),
                ("to_ms", json!(to_ms)),
            ] {
                row.as_object_mut()?.insert(name.to_owned(), value);
            }
            Some(row)
        })
        .collect();
    Ok(success(json!({
        "from": from.to_string(),
        "to": to.to_string(),
        "by": by,
        "time_zone": context.merchant.time_zone,
        "totals": rows,
        "sums": sums(&totals),
    })))
}

/// The sums of all periods, by currency.
fn sums(totals: &[Total]) -> Vec<Value> {
    let mut sums: BTreeMap<&str, Total> = BTreeMap::new();
    for total in totals {
        match sums.get_mut(total.currency.as_str()) {
            Some(sum) => {
                sum.paid_amount += total.paid_amount;
                sum.paid_count += total.paid_count;
                sum.refunded_amount += total.refunded_amount;
                sum.refunded_count += total.refunded_count;
            }
            None => {
                sums.insert(&total.currency, total.clone());
            }
        }
    }
    sums.values().map(amounts).collect()
}

fn amounts(total: &Total) -> Value {
    json!({
        "currency": total.currency,
        "paid_amount": total.paid_amount,
        "paid_count": total.paid_count,
        "refunded_amount": total.refunded_amount,
        "refunded_count": total.refunded_count,
        "net_amount": total.paid_amount - total.refunded_amount,
    })
}

fn day(fields: &Fields, name: &str) -> Result<Date, ApiError> {
    let text = fields.required(name, 10)?;
    let is_plain = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| {
            matches!(at, 4 | 7) == (byte == b'-') && (byte == b'-' || byte.is_ascii_digit())
        });
    let date: Option<Date> = text.parse().ok().filter(|_| is_plain);
    date.filter(|date| YEARS.contains(&date.year()))
        .ok_or_else(|| {
            fields.invalid(
                name,
                "must be a day like 2026-01-31, of the years 2000 to 2099",
            )
        })
}

/// The days or months from the first day to the last; `None` where there are too
/// many.
fn periods(from: Date, to: Date, by: &str, most: usize) -> Option<Vec<Period>> {
    let end = to.tomorrow().ok()?;
    let mut periods = Vec::new();
    let mut begin = from;
    while begin < end {
        if periods.len() == most {
            return None;
        }
        let (name, next) = match by {
            "month" => {
                let next = begin.first_of_month().checked_add(1.month()).ok()?;
                (format!("{:04}-{:02}", begin.year(), begin.month()), next)
            }
            _ => (begin.to_string(), begin.tomorrow().ok()?),
        };
        periods.push(Period {
            name,
            from: begin,
            to: next.min(end),
        });
        begin = next;
    }
    Some(periods)
}

/// When a day begins in this time zone, Unix milliseconds.
fn start_ms(date: Date, zone: &TimeZone) -> Result<i64, jiff::Error> {
    let start = date.to_zoned(zone.clone())?;
    Ok(start.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(from: &str, to: &str, by: &str) -> Option<Vec<(String, String)>> {
        let periods = periods(from.parse().unwrap(), to.parse().unwrap(), by, 3)?;
        let named = |period: Period| (period.name, period.to.to_string());
        Some(periods.into_iter().map(named).collect())
    }

    #[test]
    fn a_month_is_cut_to_the_requested_days() {
        let months = names("2026-01-15", "2026-02-03", "month").unwrap();
        let expected = [("2026-01", "2026-02-01"), ("2026-02", "2026-02-04")];
        assert_eq!(months, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
        assert_eq!(names("2026-01-01", "2026-01-03", "day").unwrap().len(), 3);
        assert_eq!(names("2026-01-01", "2026-01-04", "day"), None);
    }

    /// On the day that summer time begins in New York a day has 23 hours.
    #[test]
    fn a_day_has_the_length_of_the_time_zones_day() {
        let zone = time_zone::find("America/New_York").unwrap();
        let start = |day: &str| start_ms(day.parse().unwrap(), &zone).unwrap();
        let hours = |from: &str, to: &str| (start(to) - start(from)) / 3_600_000;
        assert_eq!(hours("2026-03-08", "2026-03-09"), 23);
        assert_eq!(hours("2026-11-01", "2026-11-02"), 25);
        let china = time_zone::find("Asia/Shanghai").unwrap();
        let start = start_ms("2026-01-02".parse().unwrap(), &china).unwrap();
        assert_eq!(start, 1_767_283_200_000);
    }
}
