//! What is shown of the comparison of days: a day with its differences, a month, the
//! rows of a month's statements; and what a person notes about a difference.

use super::days::{Day, Phase, date_of, number_of};
use super::differences::Detail;
use super::store::days::Booking;
use super::store::differences::StoredDifference;
use super::{Book, read_stored, store, write_stored};
use crate::http::error::{ApiError, Code};
use crate::observe::RequestContext;
use crate::observe::alarm::Alarm;
use crate::observe::labels::Compared;
use crate::reconcile::{Kind, to_do};
use crate::runtime::{Runtime, Storage, StorageError};
use order::Currency;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use wechatpay::common::Date;
use wechatpay::common::bill::Decimal;
use wechatpay::common::time::china_spaced;

/// The most differences of one page.
const DIFFERENCES: i64 = 200;
/// The most notes of a difference.
const MOST_NOTES: usize = 20;
/// How many rows of statements one page has.
const ROWS: i64 = 500;

/// What a person has found out about a difference.
#[derive(Debug, Serialize, Deserialize)]
pub struct DifferenceNote {
    /// The difference.
    pub id: i64,
    /// The person's text.
    pub note: String,
    /// Whether the difference is closed.
    pub close: bool,
}

/// A place among the rows of a month's statements: day, kind, number.
pub type BookingPosition = (i64, i64, String);

/// Rows of a month's statements.
#[derive(Debug, Serialize, Deserialize)]
pub struct BookingPage {
    /// The rows, in the order of days.
    pub rows: Vec<Json>,
    /// Where the next page begins; `None` where none follows.
    pub after: Option<BookingPosition>,
}

impl<R: Runtime, S: Storage> Book<R, S> {
    /// A day, and its differences after an id.
    pub(super) fn reconciliation(&self, date: &str, after: i64) -> Result<Json, ApiError> {
        let missing = || ApiError::of(Code::DayNotFound);
        let date = Date::parse(date).map_err(|_| missing())?;
        let number = number_of(date);
        let stored = store::days::find(&self.storage, number)?.ok_or_else(missing)?;
        let mut item = self.day_item(&Day::read(&stored)?)?;
        let limit = DIFFERENCES;
        let stored = store::differences::of_day(&self.storage, number, after, limit)?;
        let is_full = i64::try_from(stored.len()).is_ok_and(|n| n == limit);
        let after = stored.last().filter(|_| is_full).map(|last| last.id);
        let differences = stored.iter().map(difference_item);
        let differences = differences.collect::<Result<Vec<_>, _>>()?;
        if let Some(item) = item.as_object_mut() {
            item.insert("differences".to_owned(), json!(differences));
            item.insert("after".to_owned(), json!(after));
        }
        Ok(item)
    }

    /// The days of a month like `202601`.
    pub(super) fn reconciliations(&self, month: i64) -> Result<Vec<Json>, StorageError> {
        let stored = store::days::between(&self.storage, month * 100, month * 100 + 99)?;
        let items = stored
            .iter()
            .map(|stored| self.day_item(&Day::read(stored)?));
        items.collect()
    }

    /// The rows of the statements of a month's days, as far as the days are compared.
    pub(super) fn bookings(
        &self,
        month: i64,
        after: Option<BookingPosition>,
    ) -> Result<BookingPage, StorageError> {
        let (day, kind, number) = after.unwrap_or((month * 100, 0, String::new()));
        let to = month * 100 + 99;
        let from = (day, kind, number.as_str());
        let rows = store::days::bookings(&self.storage, from, to, ROWS)?;
        let is_full = i64::try_from(rows.len()).is_ok_and(|n| n == ROWS);
        let after = rows.last().filter(|_| is_full);
        let after = after.map(|last| (last.day, last.kind, last.number.clone()));
        let rows = rows.iter().map(booking_item).collect();
        Ok(BookingPage { rows, after })
    }

    /// Stores what a person has found out about a difference, and closes it. The day's
    /// alarm ends with the last open one.
    pub(super) fn note_difference(&self, sent: &DifferenceNote) -> Result<Json, ApiError> {
        let missing = || ApiError::of(Code::DifferenceNotFound);
        self.storage.atomically(|| {
            let stored = store::differences::find(&self.storage, sent.id)?;
            let mut stored = stored.ok_or_else(missing)?;
            let mut detail: Detail = read_stored("difference", &stored.json)?;
            let day = store::days::find(&self.storage, stored.day)?.ok_or_else(missing)?;
            let day = Day::read(&day)?;
            // A statement that is read again makes its differences again.
            if sent.close && (stored.state != "open" || day.phase == Phase::Waiting) {
                return Err(ApiError::of(Code::DifferenceNotOpen));
            }
            if detail.notes() >= MOST_NOTES {
                let problem = format!("A difference has at most {MOST_NOTES} notes.");
                return Err(ApiError::field(Code::FieldInvalid, "note", problem));
            }
            let by = RequestContext::current().who.to_string();
            let now_ms = self.runtime.now_ms();
            detail.note(&by, now_ms, &sent.note, sent.close);
            if sent.close {
                stored.state = "closed".to_owned();
            }
            stored.json = write_stored("difference", &detail)?;
            let StoredDifference {
                id, state, json, ..
            } = &stored;
            // A difference that is being queried keeps its timer.
            store::differences::describe(&self.storage, *id, state, json)?;
            let what = match sent.close {
                true => format!("difference {id} closed"),
                false => format!("difference {id} noted"),
            };
            let subject = detail.order().map_or_else(|| day.subject(), str::to_owned);
            self.audit(&subject, &what, &sent.note)?;
            // Rows that are not kept cannot be closed here.
            if sent.close
                && !day.record.has_unlisted()
                && store::days::count_in(&self.storage, stored.day, "open")? == 0
            {
                self.end_alarm(Alarm::ReconciliationDiffers, &day.subject())?;
            }
            Ok(difference_item(&stored)?)
        })
    }
}

fn difference_item(stored: &StoredDifference) -> Result<Json, StorageError> {
    let detail: Detail = read_stored("difference", &stored.json)?;
    let kind = Kind::of_number(stored.kind).unwrap_or(Kind::Unreadable);
    let mut item = detail.item();
    if let Some(item) = item.as_object_mut() {
        let is_refund = kind == Kind::Refund;
        let reason = item.get("reason").and_then(Json::as_str);
        let compared = reason.and_then(Compared::named);
        let to_do = match stored.state.as_str() {
            "open" => compared.map(to_do),
            _ => None,
        };
        for (name, value) in [
            ("id", json!(stored.id)),
            ("date", json!(date_of(stored.day)?.to_string())),
            ("kind", json!(kind.name())),
            (
                "out_refund_no",
                json!(is_refund.then(|| store::days::number_in(&stored.number))),
            ),
            (
                "row",
                json!((kind == Kind::Unreadable).then_some(&stored.number)),
            ),
            ("state", json!(stored.state)),
            ("to_do", json!(to_do)),
        ] {
            item.insert(name.to_owned(), value);
        }
    }
    Ok(item)
}

/// A row of a statement in the columns of the month's file. Amounts are decimals of the
/// currency's main unit, and those of a refund or reversal are below zero.
fn booking_item(booking: &Booking) -> Json {
    let kind = Kind::of_number(booking.kind).unwrap_or(Kind::Unreadable);
    let is_paid = kind == Kind::Payment;
    let decimal = |amount: i64, currency: &str| {
        let amount = if is_paid { amount } else { -amount };
        let currency = Currency::from_code(currency)?;
        Some(Decimal::from_minor(amount, currency).to_string())
    };
    let settled = booking
        .settlement
        .zip(booking.settlement_currency.as_deref());
    let is_refund = kind == Kind::Refund;
    json!({
        "date": format!("{:08}", booking.day),
        "kind": kind.name(),
        "time": china_spaced(booking.at_ms),
        "out_trade_no": booking.out_trade_no,
        "out_refund_no": is_refund.then(|| store::days::number_in(&booking.number)),
        "wechat_number": booking.wechat_number,
        "currency": booking.currency,
        "amount": decimal(booking.amount, &booking.currency),
        "fee": booking.fee_e5.map(|e5| Decimal::from_e5(e5).to_string()),
        "rate": booking.rate,
        "settlement_currency": booking.settlement_currency,
        "settlement_amount": settled.and_then(|(amount, currency)| decimal(amount, currency)),
    })
}
