//! `/v1/events`: what happened, oldest first, for ninety days.

use crate::auth::keys::{Access, caller};
use crate::book::{EventPage, EventSearch, EventType, command};
use crate::http::error::{ApiError, Code};
use crate::http::fields::Fields;
use crate::http::message::{query_once, success};
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use serde_json::json;

/// How many events a page has where `limit` is not sent.
const USUAL: i64 = 20;
/// The most events of a page.
const MOST: i64 = 100;
/// The longest id, and more than the longest type.
const LONGEST: usize = 64;
/// The parameters that `GET /v1/events` takes.
const PARAMETERS: [&str; 4] = ["after", "limit", "type", "out_trade_no"];

/// `GET /v1/events`: the events after the one whose id `after` is, oldest first.
/// SECRET.
pub async fn get_events<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
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
    let search = EventSearch {
        after: fields.text("after", LONGEST)?,
        kind: match fields.text("type", LONGEST)? {
            Some(name) => Some(event_type(&fields, "type", &name)?),
            None => None,
        },
        out_trade_no: match fields.has("out_trade_no") {
            true => Some(fields.out_trade_no()?.as_str().to_owned()),
            false => None,
        },
        limit: fields.whole("limit", 1..=MOST)?.unwrap_or(USUAL),
    };
    let page: EventPage = cx
        .book(&context.merchant.id, command::Events(search))
        .await?;
    Ok(success(json!({"events": page.events, "after": page.after})))
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

/// The type of events with this name.
fn event_type(fields: &Fields, field: &str, name: &str) -> Result<EventType, ApiError> {
    EventType::named(name).ok_or_else(|| {
        let names: Vec<&str> = EventType::ALL.iter().map(|kind| kind.name()).collect();
        fields.invalid(field, &format!("must be one of {}", names.join(", ")))
    })
}
