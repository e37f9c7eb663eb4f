//! `/v1/audit` and `/admin/merchants/{id}/audit`: every change to the merchant's
//! money and credentials.

use crate::auth::keys::{Access, admin, caller};
use crate::book;
use crate::handlers::answers::names;
use crate::http::error::ApiError;
use crate::http::fields::{CHOICE_BYTES, Fields, LARGEST};
use crate::http::message::success;
use crate::merchants::registry::command::Audit;
use crate::merchants::shards::ask;
use crate::observe::Actor;
use crate::observe::audit::{Entry, Page};
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use serde_json::{Value, json};

/// How many entries one answer holds at most.
const MOST: i64 = 100;

/// `GET /v1/audit[?of=money|credentials][&subject=…][&person=…][&before=…][&limit=…]`:
/// newest first. SECRET.
pub async fn get_audit<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    audit_of(cx, request, &context.merchant.id).await
}

/// The same audit for the operator.
pub async fn audit_for<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    admin(cx, request).await?;
    audit_of(cx, request, id).await
}

async fn audit_of<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    let fields = Fields::of_query_string(request, &["of", "subject", "person", "before", "limit"])?;
    let limit = fields.whole("limit", 1..=MOST)?.unwrap_or(MOST);
    let person = fields.text("person", 32)?;
    let page = Page {
        subject: fields.text("subject", 64)?,
        who: person.map(|id| Actor::Person(id).to_string()),
        before: fields.whole("before", 1..=LARGEST)?,
        limit,
    };
    let entries: Vec<Entry> = match fields.text("of", CHOICE_BYTES)?.as_deref() {
        None | Some("money") => cx.book(id, book::command::Audit(page)).await?,
        Some("credentials") => {
            let subject = Some(id.to_owned());
            ask(&cx.runtime, Audit(Page { subject, ..page })).await?
        }
        Some(_) => return Err(fields.invalid("of", "must be money or credentials")),
    };
    let full = i64::try_from(entries.len()).is_ok_and(|n| n == limit);
    let before = entries.last().filter(|_| full).map(|entry| entry.id);
    let who = entries.iter().map(|entry| entry.who.clone());
    let names = names(cx, id, who).await?;
    let entries = entries
        .into_iter()
        .map(|entry| {
            let person = match Actor::from(entry.who.clone()) {
                Actor::Person(id) => json!({"id": id, "name": names.get(&entry.who)}),
                _ => Value::Null,
            };
            let mut entry = serde_json::to_value(entry).map_err(ApiError::internal)?;
            if let Some(entry) = entry.as_object_mut() {
                entry.insert("person".to_owned(), person);
            }
            Ok(entry)
        })
        .collect::<Result<Vec<Value>, ApiError>>()?;
    Ok(success(json!({"entries": entries, "before": before})))
}
