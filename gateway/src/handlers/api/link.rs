//! `/v1/link`: links that sell repeatedly, to any payer who opens them.

use super::{notify_targets, page_lang};
use crate::auth::idempotency::idempotency_key;
use crate::auth::keys::{Access, caller, has_shown_secret, refuse_foreign_addresses};
use crate::book::{Link, LinkFacts, Price, command, field_item};
use crate::http::address;
use crate::http::error::{ApiError, Code};
use crate::http::fields::{CHOICE_BYTES, Fields};
use crate::http::message::{json_object, success};
use crate::merchants::brand;
use crate::merchants::directory::MerchantContext;
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use checkout::fields::{FieldKind, LinkField, MAX_CHARACTERS, MAX_FIELDS};
use order::{Currency, Money};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The bytes of ` × 99999` after `body`, for several pieces.
const PIECES_BYTES: usize = 9;
/// The largest quantity of one purchase.
const MAX_QUANTITY: i64 = 99_999;
/// The largest stock of a link.
const MAX_STOCK: i64 = 1_000_000_000;
/// The longest description.
const MAX_DESCRIPTION_BYTES: usize = 4000;
/// The fields that set a link's price.
const PRICE: [&str; 5] = ["total_fee", "fee_type", "quantity", "min_fee", "max_fee"];
/// The longest name and the longest label of a field, and the most choices.
const MAX_FIELD_NAME_BYTES: usize = 40;
const MAX_LABEL_BYTES: usize = 120;
const MAX_CHOICES: usize = 20;
/// The longest validity of a link: ten years.
const LONGEST_SECONDS: i64 = 10 * 366 * 86_400;

/// `POST /v1/link`: without `id` makes a link, BASIC; with `id` changes that
/// link, SECRET: a field that is not sent stays, one that is `null` is removed.
pub async fn set_link<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let mut context = caller(cx, request, Access::Basic).await?;
    let given = json_object(request.body())?;
    let changes = given.get("id").is_some_and(|id| !id.is_null());
    if changes {
        context = caller(cx, request, Access::Secret).await?;
    }
    let once = idempotency_key(request)?;
    let merchant = &context.merchant.id;
    let facts = match cx
        .kept_reply::<command::SetLink>(merchant, once.as_ref())
        .await?
    {
        Some(kept) => kept,
        None => {
            let link = read_change(cx, request, &context, given, changes).await?;
            let call = command::SetLink(Box::new(link));
            cx.book_once(merchant, call, once).await?
        }
    };
    let shown = has_shown_secret(cx, request, &context).await?;
    Ok(success(link_data(cx, &facts, shown)))
}

/// The link that a call makes, or changes where it names one.
async fn read_change<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    context: &MerchantContext,
    given: Map<String, Value>,
    changes: bool,
) -> Result<Link, ApiError> {
    let old = match changes {
        false => None,
        true => {
            let id = Fields::read(request.body())?.required("id", 64)?;
            links_of(cx, context, Some(id)).await?.pop()
        }
    };
    let expires_at_ms = match (&old, given.get("expires_in_seconds")) {
        (Some(old), None) => old.link.expires_at_ms,
        _ => None,
    };
    let id = match &old {
        Some(old) => old.link.id.clone(),
        None => format!("{}.{}", context.merchant.id, cx.random_text(12)),
    };
    let names: Vec<String> = given.keys().cloned().collect();
    let mut settings = match &old {
        Some(old) => settings(&old.link),
        None => json!({}),
    };
    if let Some(settings) = settings.as_object_mut() {
        // A price replaces a range, and a range replaces a price.
        let replaced: &[&str] = match (given.get("total_fee"), given.get("max_fee")) {
            (Some(_), None) => &["min_fee", "max_fee"],
            (None, Some(_)) => &["total_fee", "quantity"],
            _ => &[],
        };
        settings.retain(|name, _| !replaced.contains(&name.as_str()));
        settings.extend(given);
    }
    let fields = Fields::read(settings.to_string().as_bytes())?;
    // A stored link may violate a newer rule. That must not prevent switching
    // it off; the rule is checked when the link is switched on again.
    let is_switched_off = fields.is_there("active") && !fields.flag("active")?;
    let kept = old.as_ref().filter(|_| is_switched_off);
    let kept = |name: &str| {
        let is_given = names.iter().any(|given| given == name);
        kept.filter(|_| !is_given).map(|old| &old.link)
    };
    let mut link = read_link(cx, &fields, context, id, kept)?;
    if let Some(picture) = &link.picture
        && names.iter().any(|name| name == "picture")
        && !cx
            .book(&context.merchant.id, command::HasImage(picture.clone()))
            .await?
    {
        let advice = Code::ImageNotFound.advice();
        return Err(ApiError::field(Code::ImageNotFound, "picture", advice));
    }
    link.expires_at_ms = link.expires_at_ms.or(expires_at_ms);
    let new = |name: &str, url: &Option<String>| match kept(name) {
        Some(_) => None,
        None => url.clone(),
    };
    let addresses = [
        ("notify_url", &new("notify_url", &link.notify_url)),
        ("success_url", &new("success_url", &link.success_url)),
        ("cancel_url", &new("cancel_url", &link.cancel_url)),
    ];
    refuse_foreign_addresses(cx, request, context, &addresses).await?;
    Ok(link)
}

/// `GET /v1/link`: the link with this `id`, or the latest hundred. BASIC.
pub async fn get_links<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Basic).await?;
    let id = Fields::of_query_string(request, &["id"])?.text("id", 64)?;
    let links = links_of(cx, &context, id).await?;
    let shown = has_shown_secret(cx, request, &context).await?;
    let links = links.iter().map(|facts| link_data(cx, facts, shown));
    let links: Vec<Value> = links.collect();
    Ok(success(json!({ "links": links })))
}

async fn links_of<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
    id: Option<String>,
) -> Result<Vec<LinkFacts>, ApiError> {
    cx.book(&context.merchant.id, command::Links(id)).await
}

/// Parses the link from the fields. `kept` is the stored link, for a field
/// whose value stays unchecked.
fn read_link<'a, R: Runtime>(
    cx: &Services<R>,
    fields: &Fields,
    context: &MerchantContext,
    id: String,
    kept: impl Fn(&str) -> Option<&'a Link>,
) -> Result<Link, ApiError> {
    let development = cx.config.development;
    let seconds = fields.whole("expires_in_seconds", 1..=LONGEST_SECONDS)?;
    let upstream = cx.upstream(context);
    Ok(Link {
        id,
        body: match kept("body") {
            Some(old) => old.body.clone(),
            None => super::body(&upstream, fields, upstream.max_body() - PIECES_BYTES)?,
        },
        // Kept where none of the price fields is given.
        price: match PRICE
            .iter()
            .filter_map(|name| kept(name))
            .nth(PRICE.len() - 1)
        {
            Some(old) => old.price,
            None => read_price(fields, super::currency(&upstream, fields)?)?,
        },
        stock: fields.whole("stock", 0..=MAX_STOCK)?,
        expires_at_ms: seconds.map(|seconds| cx.runtime.now_ms() + seconds * 1000),
        active: !fields.is_there("active") || fields.flag("active")?,
        notify_url: match kept("notify_url") {
            Some(old) => old.notify_url.clone(),
            None => address::notify_url(fields, "notify_url", notify_targets(cx, context))?,
        },
        success_url: match kept("success_url") {
            Some(old) => old.success_url.clone(),
            None => address::page_url(fields, "success_url", development)?,
        },
        cancel_url: match kept("cancel_url") {
            Some(old) => old.cancel_url.clone(),
            None => address::page_url(fields, "cancel_url", development)?,
        },
        lang: page_lang(fields)?,
        attach: match kept("attach") {
            Some(old) => old.attach.clone(),
            None => super::attach(&upstream, fields)?,
        },
        fields: read_link_fields(fields)?,
        picture: brand::image(fields, "picture", ".jpg")?,
        details: details(fields)?,
    })
}

/// A link's answer. The merchant's private fields are shown only with the
/// secret.
fn link_data<R: Runtime>(cx: &Services<R>, facts: &LinkFacts, shown: bool) -> Value {
    let LinkFacts {
        link, sold, held, ..
    } = facts;
    let mut data = settings(link);
    let url = cx.config.link_url(&link.id);
    let picture = |name: &str| url.replace("/pay/?", &format!("/pay/{name}?"));
    if let Some(data) = data.as_object_mut() {
        if !shown {
            data.remove("attach");
            data.remove("notify_url");
        }
        data.insert("id".to_owned(), json!(link.id));
        data.insert("url".to_owned(), json!(url));
        data.insert("qr_url".to_owned(), json!(picture("qr")));
        data.insert("sheet_url".to_owned(), json!(picture("sheet")));
        data.insert("sold".to_owned(), json!(sold));
        data.insert("held".to_owned(), json!(held));
        let expires_at = link.expires_at_ms.map(|at_ms| at_ms / 1000);
        data.insert("expires_at".to_owned(), json!(expires_at));
    }
    data
}

/// The link's settings, by the names of the request's fields.
fn settings(link: &Link) -> Value {
    let mut settings = json!({
        "body": link.body,
        "stock": link.stock,
        "active": link.active,
        "notify_url": link.notify_url,
        "success_url": link.success_url,
        "cancel_url": link.cancel_url,
        "lang": link.lang.map(checkout::Lang::tag),
        "attach": link.attach,
        "fields": link.fields.iter().map(field_item).collect::<Vec<_>>(),
        "picture": link.picture,
        "description": link.details,
    });
    let price = match link.price {
        Price::Fixed { each, max_quantity } => json!({
            "total_fee": each.amount_minor().to_string(),
            "fee_type": each.currency().code(),
            "quantity": max_quantity,
        }),
        Price::Entered { min, max } => json!({
            "min_fee": min.amount_minor().to_string(),
            "max_fee": max.amount_minor().to_string(),
            "fee_type": min.currency().code(),
        }),
    };
    if let (Some(settings), Value::Object(price)) = (settings.as_object_mut(), price) {
        settings.extend(price);
    }
    settings
}

/// Parses `fields`: what each payer is asked for.
fn read_link_fields(fields: &Fields) -> Result<Vec<LinkField>, ApiError> {
    const NAME: &str = "fields";
    let given = fields.objects(NAME)?;
    if given.len() > MAX_FIELDS {
        return Err(fields.invalid(NAME, &format!("must have at most {MAX_FIELDS} entries")));
    }
    let mut read: Vec<LinkField> = Vec::new();
    for (nth, given) in given.iter().enumerate() {
        let inside = |error| Fields::inside(&format!("{NAME}[{nth}]"), error);
        let field = read_link_field(given).map_err(inside)?;
        if read.iter().any(|other| other.name == field.name) {
            return Err(inside(given.invalid("name", "is another field's name")));
        }
        read.push(field);
    }
    Ok(read)
}

fn read_link_field(given: &Fields) -> Result<LinkField, ApiError> {
    const KNOWN: [&str; 6] = ["name", "label", "type", "required", "max_length", "choices"];
    if let Some(other) = given.names().find(|name| !KNOWN.contains(name)) {
        return Err(given.invalid(other, "is not a member of a field"));
    }
    let name = given.required("name", MAX_FIELD_NAME_BYTES)?;
    let is_in_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if !name.bytes().all(is_in_name) {
        return Err(given.invalid("name", "may hold only a-z, 0-9 and _"));
    }
    let mut label = BTreeMap::new();
    match given.object("label") {
        Ok(Some(languages)) => {
            for tag in languages.names() {
                if checkout::Lang::from_tag(tag).is_none_or(|lang| lang.tag() != tag) {
                    let problem = "may have only the members en, zh-Hans, zh-Hant, ja, ko and th";
                    return Err(given.invalid("label", problem));
                }
                let text = languages.required(tag, MAX_LABEL_BYTES);
                let text = text.map_err(|error| Fields::inside("label", error))?;
                label.insert(tag.to_owned(), text);
            }
        }
        _ => {
            let text = given.required("label", MAX_LABEL_BYTES)?;
            label.insert(String::new(), text);
        }
    }
    if label.is_empty() {
        return Err(given.missing("label"));
    }
    let most = i64::try_from(MAX_CHARACTERS).map_err(ApiError::internal)?;
    let max_length = given.whole("max_length", 1..=most)?;
    let choices = given.texts("choices")?;
    let kind = match given.required("type", CHOICE_BYTES)?.as_str() {
        "text" => FieldKind::Text {
            max_length: usize::try_from(max_length.unwrap_or(most)).map_err(ApiError::internal)?,
        },
        "number" => FieldKind::Number,
        "choice" => FieldKind::Choice(choices.clone()),
        _ => return Err(given.invalid("type", "must be text, number or choice")),
    };
    if max_length.is_some() && !matches!(kind, FieldKind::Text { .. }) {
        return Err(given.invalid("max_length", "belongs to the type text"));
    }
    match &kind {
        FieldKind::Choice(choices) => {
            let is_choice = |choice: &String| {
                let length = choice.chars().count();
                (1..=MAX_CHARACTERS).contains(&length)
                    && choice.trim() == choice
                    && !choice.chars().any(char::is_control)
            };
            let different: BTreeSet<&String> = choices.iter().collect();
            if !(2..=MAX_CHOICES).contains(&choices.len())
                || different.len() != choices.len()
                || !choices.iter().all(is_choice)
            {
                let problem = format!(
                    "must be 2 to {MAX_CHOICES} different texts of 1 to {MAX_CHARACTERS} characters"
                );
                return Err(given.invalid("choices", &problem));
            }
        }
        _ if !choices.is_empty() => {
            return Err(given.invalid("choices", "belongs to the type choice"));
        }
        _ => {}
    }
    Ok(LinkField {
        name,
        label,
        kind,
        required: given.flag("required")?,
    })
}

/// `description`: plain text with line breaks.
fn details(fields: &Fields) -> Result<Option<String>, ApiError> {
    const NAME: &str = "description";
    let text = fields.pem(NAME, MAX_DESCRIPTION_BYTES)?;
    let text = text.map(|text| text.replace("\r\n", "\n"));
    match text
        .as_ref()
        .is_some_and(|text| text.chars().any(|c| c.is_control() && c != '\n'))
    {
        true => Err(fields.invalid(
            NAME,
            "must not contain control characters except line breaks",
        )),
        false => Ok(text),
    }
}

/// Parses `total_fee` and `quantity`, or `min_fee` and `max_fee`.
fn read_price(fields: &Fields, currency: Currency) -> Result<Price, ApiError> {
    let amounts = 1..=Money::MAX_MINOR;
    let least = fields.whole("min_fee", amounts.clone())?;
    let Some(max) = fields.whole("max_fee", amounts)? else {
        if least.is_some() {
            return Err(fields.missing("max_fee"));
        }
        let each = fields.money(currency)?;
        let max_quantity = fields.whole("quantity", 1..=MAX_QUANTITY)?.unwrap_or(1);
        if each.amount_minor() * max_quantity > Money::MAX_MINOR {
            return Err(fields.invalid("quantity", "times total_fee must be at most 2147483647"));
        }
        return Ok(Price::Fixed { each, max_quantity });
    };
    for name in ["total_fee", "quantity"] {
        if fields.is_there(name) {
            return Err(fields.invalid(
                name,
                "cannot stand beside max_fee: the payer enters the amount",
            ));
        }
    }
    let min = fields.whole("min_fee", 1..=max)?.unwrap_or(1);
    let money =
        |amount| Money::new(amount, currency).map_err(|_| ApiError::of(Code::AmountInvalid));
    Ok(Price::Entered {
        min: money(min)?,
        max: money(max)?,
    })
}
