//! `GET /v1/orders`, `/v1/refunds`, `/v1/checkouts`, `/v1/links`, `/v1/deliveries`
//! and `/v1/alarms`: lists, newest first, in pages or as CSV.

use super::{LONGEST_FILTER, cashier, event_type, range, today};
use crate::auth::keys::{Access, caller};
use crate::book::{Filter, List, Page, Position, Range, RowState, Search, StateFilter, command};
use crate::http::csv::csv;
use crate::http::error::{ApiError, Code};
use crate::http::fields::{Fields, LARGEST};
use crate::http::message::{query_once, success};
use crate::merchants::directory::MerchantContext;
use crate::merchants::seal::fingerprint;
use crate::observe::Log;
use crate::observe::alarm::Alarm;
use crate::runtime::{Answer, Body, Request, Runtime};
use crate::services::Services;
use order::{Currency, Money, TradeType};
use serde_json::json;
use std::collections::BTreeMap;
use std::rc::Rc;

/// How many rows a page has where `limit` is not sent.
const USUAL: i64 = 20;
/// The most rows of a page.
const MOST: i64 = 100;
/// The longest cursor.
const LONGEST_CURSOR: usize = 512;

/// The properties of one list.
struct Form {
    /// Its name, in its path and in the answer.
    name: &'static str,
    /// The parameters that it accepts, in addition to `limit`, `after` and `format`.
    filters: &'static [&'static str],
    /// The values that `state` accepts.
    states: &'static [RowState],
    /// The members of its objects, which are the columns of its CSV.
    columns: &'static [&'static str],
}

const fn form(list: List) -> Form {
    match list {
        List::Orders => Form {
            name: "orders",
            filters: &[
                "state",
                "created_from_ms",
                "created_to_ms",
                "paid_from_ms",
                "paid_to_ms",
                "amount_from",
                "amount_to",
                "currency",
                "trade_type",
                "link",
                "openid",
                "sub_openid",
                "waiting",
                "q",
            ],
            states: &[
                RowState::NotPay,
                RowState::UserPaying,
                RowState::Success,
                RowState::Refund,
                RowState::Closed,
                RowState::Revoked,
                RowState::PayError,
            ],
            columns: &[
                "out_trade_no",
                "state",
                "amount",
                "currency",
                "refunded_amount",
                "trade_type",
                "body",
                "attach",
                "openid",
                "sub_openid",
                "transaction_id",
                "link",
                "purchase",
                "waiting",
                "duplicate_of",
                "created_at_ms",
                "paid_at_ms",
                "expires_at_ms",
                "metadata",
            ],
        },
        List::Refunds => Form {
            name: "refunds",
            filters: &[
                "state",
                "created_from_ms",
                "created_to_ms",
                "amount_from",
                "amount_to",
                "currency",
                "out_trade_no",
                "waiting",
                "q",
            ],
            states: &[
                RowState::Asked,
                RowState::Processing,
                RowState::Success,
                RowState::Closed,
                RowState::Abnormal,
            ],
            columns: &[
                "out_refund_no",
                "out_trade_no",
                "refund_id",
                "transaction_id",
                "purchase",
                "state",
                "amount",
                "currency",
                "error_code",
                "cancel_requested",
                "waiting",
                "created_at_ms",
                "reason",
            ],
        },
        List::Checkouts => Form {
            name: "checkouts",
            filters: &[
                "state",
                "created_from_ms",
                "created_to_ms",
                "paid_from_ms",
                "paid_to_ms",
                "amount_from",
                "amount_to",
                "currency",
                "link",
                "q",
            ],
            states: &[
                RowState::CheckoutOpen,
                RowState::CheckoutPaid,
                RowState::CheckoutClosed,
                RowState::CheckoutExpired,
            ],
            columns: &[
                "id",
                "out_trade_no",
                "state",
                "amount",
                "currency",
                "body",
                "attach",
                "metadata",
                "link",
                "attempts",
                "created_at_ms",
                "paid_at_ms",
                "expires_at_ms",
            ],
        },
        List::Links => Form {
            name: "links",
            filters: &[
                "active",
                "created_from_ms",
                "created_to_ms",
                "amount_from",
                "amount_to",
                "currency",
                "q",
            ],
            states: &[],
            columns: &[
                "id",
                "body",
                "active",
                "amount",
                "min_amount",
                "max_amount",
                "currency",
                "stock",
                "sold",
                "held",
                "last_sold_at_ms",
                "attach",
                "fields",
                "created_at_ms",
                "expires_at_ms",
            ],
        },
        List::Deliveries => Form {
            name: "deliveries",
            filters: &[
                "state",
                "created_from_ms",
                "created_to_ms",
                "out_trade_no",
                "endpoint",
                "type",
                "waiting",
                "q",
            ],
            states: &[RowState::Waiting, RowState::Acknowledged, RowState::GivenUp],
            columns: &[
                "id",
                "out_trade_no",
                "out_refund_no",
                "url",
                "state",
                "attempts",
                "last_result",
                "next_at_ms",
                "created_at_ms",
                "endpoint",
                "event",
                "subject",
            ],
        },
        List::Alarms => Form {
            name: "alarms",
            filters: &["name", "last_from_ms", "last_to_ms", "q"],
            states: &[],
            columns: &["name", "subject", "says", "to_do", "times", "last_at_ms"],
        },
    }
}

/// A page of a list: `{"<name>": […], "after": …}`; or, with `format=csv`, the
/// whole list in chunks. SECRET, because lists contain what payers have bought,
/// and their openids.
pub async fn list<R: Runtime + 'static>(
    cx: &Rc<Services<R>>,
    request: &Request,
    list: List,
) -> Result<Answer, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    let form = form(list);
    let sent = query_once(request)?;
    let common = ["limit", "after", "format"];
    let unknown = sent
        .keys()
        .find(|name| !form.filters.contains(&name.as_str()) && !common.contains(&name.as_str()));
    if let Some(name) = unknown {
        let filters = form.filters.join(", ");
        return Err(ApiError::field(
            Code::FieldInvalid,
            name,
            format!(
                "GET /v1/{} does not take {name}. It takes {filters}, limit, after and format.",
                form.name
            ),
        ));
    }
    let purpose = cursor_purpose(&context, &form, &sent);
    let fields = Fields::of_query(sent);
    let mut filter = read_filter(&fields, list, &form)?;
    if cashier(&context).is_some() {
        let (_, today_ms) = today(cx, &context)?;
        let from_ms = filter.created_ms.from.unwrap_or(today_ms);
        filter.created_ms.from = Some(from_ms.max(today_ms));
    }
    let csv = match fields.text("format", 4)?.as_deref() {
        None | Some("json") => false,
        Some("csv") => true,
        Some(_) => return Err(fields.invalid("format", "must be json or csv")),
    };
    let mut search = Search {
        list,
        filter,
        after: None,
        limit: fields.whole("limit", 1..=MOST)?.unwrap_or(USUAL),
    };
    if csv {
        if let Some(name) = ["limit", "after"].into_iter().find(|name| fields.has(name)) {
            return Err(fields.invalid(
                name,
                "cannot be used with format=csv, which returns all rows",
            ));
        }
        search.limit = MOST;
        return write_csv(cx, &context, form, search).await;
    }
    if let Some(token) = fields.text("after", LONGEST_CURSOR)? {
        let position: Option<Position> = cx.config.master_key.read_token(&purpose, &token);
        let wrong = || {
            let problem = "is not a cursor of this list with these filters";
            fields.error(Code::CursorInvalid, "after", problem)
        };
        search.after = Some(position.ok_or_else(wrong)?);
    }
    let page: Page = cx
        .book(&context.merchant.id, command::List(Box::new(search)))
        .await?;
    let after = page
        .after
        .map(|at| cx.config.master_key.token(&purpose, &at));
    let data = json!({form.name: page.items, "after": after});
    Ok(success(data).map(Body::Whole))
}

/// The whole list as CSV. If the first page fails, the caller gets an error
/// instead.
async fn write_csv<R: Runtime + 'static>(
    cx: &Rc<Services<R>>,
    context: &MerchantContext,
    form: Form,
    search: Search,
) -> Result<Answer, ApiError> {
    let merchant = context.merchant.id.clone();
    let first: Page = cx
        .book(&merchant, command::List(Box::new(search.clone())))
        .await?;
    let cx = cx.clone();
    let next = move |after| {
        let (cx, merchant) = (cx.clone(), merchant.clone());
        let search = Search {
            after: Some(after),
            ..search.clone()
        };
        async move {
            let page = next_page(&cx, &merchant, &search).await?;
            Some((page.items, page.after))
        }
    };
    let rows = (first.items, first.after);
    Ok(csv(form.name, form.columns, rows, next))
}

async fn next_page<R: Runtime>(cx: &Services<R>, merchant: &str, search: &Search) -> Option<Page> {
    let call = command::List(Box::new(search.clone()));
    match cx.book(merchant, call).await {
        Ok(page) => Some(page),
        Err(error) => {
            error.log_cause(&cx.runtime);
            let code = error.code.name();
            cx.runtime.log(format_args!("a list breaks off: {code}"));
            None
        }
    }
}

/// The purpose that a cursor is bound to: this merchant, this list and these
/// filters.
fn cursor_purpose(
    context: &MerchantContext,
    form: &Form,
    sent: &BTreeMap<String, String>,
) -> String {
    let filters = sent
        .iter()
        .filter(|(name, value)| form.filters.contains(&name.as_str()) && !value.is_empty());
    let filters: Vec<_> = filters.collect();
    let filters = fingerprint(&json!(filters).to_string());
    format!("after/{}/{}/{filters}", context.merchant.id, form.name)
}

fn read_filter(fields: &Fields, list: List, form: &Form) -> Result<Filter, ApiError> {
    let times = 0..=LARGEST;
    let state = match list {
        List::Links => match fields.text("active", 8)?.as_deref() {
            None => None,
            Some("true") => Some(StateFilter::State(RowState::LinkOn)),
            Some("false") => Some(StateFilter::State(RowState::LinkOff)),
            Some(_) => return Err(fields.invalid("active", "must be true or false")),
        },
        List::Alarms => match fields.text("name", LONGEST_FILTER)? {
            None => None,
            Some(name) => match Alarm::named(&name) {
                Some(alarm) => Some(StateFilter::Alarm(alarm)),
                None => return Err(fields.invalid("name", "is not the name of an alarm")),
            },
        },
        _ => match fields.text("state", 16)? {
            None => None,
            Some(name) => match form.states.iter().find(|state| state.name() == name) {
                Some(state) => Some(StateFilter::State(*state)),
                None => {
                    let names: Vec<_> = form.states.iter().map(|state| state.name()).collect();
                    let problem = format!("must be one of {}", names.join(", "));
                    return Err(fields.invalid("state", &problem));
                }
            },
        },
    };
    let (created_from, created_to) = match list {
        List::Alarms => ("last_from_ms", "last_to_ms"),
        _ => ("created_from_ms", "created_to_ms"),
    };
    let trade_type = match fields.text("trade_type", 16)? {
        Some(name) if TradeType::from_name(&name).is_none() => {
            let names = TradeType::ALL.map(TradeType::as_str).join(", ");
            return Err(fields.invalid("trade_type", &format!("must be one of {names}")));
        }
        name => name,
    };
    let currency = match fields.text("currency", 16)? {
        Some(code) if Currency::from_code(&code).is_none() => {
            return Err(fields.invalid("currency", "must be an ISO 4217 code such as HKD"));
        }
        code => code,
    };
    let waiting = match fields.text("waiting", 8)?.as_deref() {
        None => false,
        Some("true") => true,
        Some(_) => {
            return Err(fields.invalid("waiting", "must be true, or left out for all rows"));
        }
    };
    let amount = inclusive(range(
        fields,
        "amount_from",
        "amount_to",
        1..=Money::MAX_MINOR,
        0,
    )?);
    Ok(Filter {
        state,
        created_ms: range(fields, created_from, created_to, times.clone(), 1)?,
        paid_ms: range(fields, "paid_from_ms", "paid_to_ms", times, 1)?,
        amount,
        currency,
        trade_type,
        link: fields.text("link", LONGEST_FILTER)?,
        openid: fields.text("openid", LONGEST_FILTER)?,
        sub_openid: fields.text("sub_openid", LONGEST_FILTER)?,
        out_trade_no: match fields.has("out_trade_no") {
            true => Some(fields.out_trade_no()?.as_str().to_owned()),
            false => None,
        },
        endpoint: fields.text("endpoint", LONGEST_FILTER)?,
        event_type: match fields.text("type", LONGEST_FILTER)? {
            Some(name) => Some(event_type(fields, &name)?),
            None => None,
        },
        waiting,
        q: fields.text("q", LONGEST_FILTER)?,
    })
}

/// The range of an amount filter, whose end is included in the request.
fn inclusive(range: Range) -> Range {
    Range {
        to: range.to.map(|to| to + 1),
        ..range
    }
}
