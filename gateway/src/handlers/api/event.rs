//! `/v1/events`: what happened, oldest first, for ninety days.

use super::{LONGEST_FILTER, event_type, range};
use crate::auth::keys::{Access, caller};
use crate::book::{EventPage, EventSearch, command, number_in};
use crate::http::csv::csv;
use crate::http::error::{ApiError, Code};
use crate::http::fields::{CHOICE_BYTES, Fields, LARGEST};
use crate::http::message::{query_once, success};
use crate::runtime::{Answer, Body, Request, Response, Runtime};
use crate::services::Services;
use serde_json::{Value, json};
use std::rc::Rc;

/// How many events a page has where `limit` is not sent.
const USUAL: i64 = 20;
/// The most events of a page.
const MOST: i64 = 100;
/// The longest cursor of any list: a cursor of another list is refused for that reason and not for
/// its length.
const LONGEST_CURSOR: usize = 512;
/// The parameters that `GET /v1/events` takes.
const PARAMETERS: [&str; 9] = [
    "type",
    "out_trade_no",
    "at_from_ms",
    "at_to_ms",
    "q",
    "order",
    "limit",
    "after",
    "format",
];
/// The members of an event, which are the columns of its CSV.
const COLUMNS: [&str; 6] = ["id", "type", "at_ms", "subject", "seq", "object"];

/// `GET /v1/events`: the events after the one whose id `after` is, oldest first, or with
/// `order=newest` newest first; a page, or with `format=csv` all of them. SECRET.
pub async fn get_events<R: Runtime + 'static>(
    cx: &Rc<Services<R>>,
    request: &Request,
) -> Result<Answer, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let sent = query_once(request)?;
    let unknown = sent
        .keys()
        .find(|name| !PARAMETERS.contains(&name.as_str()));
    if let Some(name) = unknown {
        let problem = format!(
            "GET /v1/events does not take {name}. It takes {}.",
            PARAMETERS.join(", ")
        );
        return Err(ApiError::field(Code::FieldInvalid, name, problem));
    }
    let fields = Fields::of_query(sent);
    let is_csv = match fields.text("format", CHOICE_BYTES)?.as_deref() {
        None | Some("json") => false,
        Some("csv") => true,
        Some(_) => return Err(fields.invalid("format", "must be json or csv")),
    };
    if is_csv && fields.has("limit") {
        return Err(fields.invalid(
            "limit",
            "cannot be used with format=csv, which returns all rows",
        ));
    }
    let newest = match fields.text("order", CHOICE_BYTES)?.as_deref() {
        None | Some("oldest") => false,
        Some("newest") => true,
        Some(_) => return Err(fields.invalid("order", "must be oldest or newest")),
    };
    let usual = if is_csv { MOST } else { USUAL };
    let search = EventSearch {
        after: fields.text("after", LONGEST_CURSOR)?,
        after_n: None,
        kind: match fields.text("type", LONGEST_FILTER)? {
            Some(name) => Some(event_type(&fields, &name)?),
            None => None,
        },
        out_trade_no: match fields.has("out_trade_no") {
            true => Some(fields.out_trade_no()?.as_str().to_owned()),
            false => None,
        },
        newest,
        at_ms: range(&fields, "at_from_ms", "at_to_ms", 0..=LARGEST, 1)?,
        q: fields.text("q", LONGEST_FILTER)?,
        limit: fields.whole("limit", 1..=MOST)?.unwrap_or(usual),
    };
    let merchant = context.merchant.id.clone();
    let page = cx.book(&merchant, command::Events(search.clone()));
    let page: EventPage = page.await?;
    if !is_csv {
        let data = json!({"events": page.events, "after": page.after});
        return Ok(success(data).map(Body::Whole));
    }
    let cx = cx.clone();
    let next = move |after: String| {
        let (cx, merchant) = (cx.clone(), merchant.clone());
        let search = EventSearch {
            // Every event's id contains a number. An id without one belongs to no event, so nothing
            // is looked up.
            after_n: number_in(&after).or(Some(if newest { 0 } else { i64::MAX })),
            ..search.clone()
        };
        async move { next_page(&cx, &merchant, search).await }
    };
    Ok(csv("events", &COLUMNS, (page.events, page.after), next))
}

async fn next_page<R: Runtime>(
    cx: &Services<R>,
    merchant: &str,
    search: EventSearch,
) -> Option<(Vec<Value>, Option<String>)> {
    let page: Result<EventPage, ApiError> = cx.book(merchant, command::Events(search)).await;
    match page {
        Ok(page) => Some((page.events, page.after)),
        Err(error) => {
            error.log_as(&cx.runtime, "the list of events breaks off");
            None
        }
    }
}

/// `GET /v1/events/{id}`: one event. SECRET.
pub async fn get_event<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    Fields::of_query_string(request, &[])?;
    let call = command::FindEvent(id.to_owned());
    Ok(success(cx.book(&context.merchant.id, call).await?))
}
