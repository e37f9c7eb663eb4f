//! Orders, links, deliveries and totals.

use super::api::{Api, Badge, query};
use super::table::{amount, cell, money, text};
use super::terminal::{Failure, confirm, print};
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};

/// `weceive orders …`
#[derive(Debug, Subcommand)]
pub enum Orders {
    /// List orders, newest first.
    List(Filters),
    /// Show an order and everything that happened to it.
    Show {
        /// Its `out_trade_no`.
        out_trade_no: String,
        /// Query WeChat first, for a paid or closed order too.
        #[arg(long)]
        refresh: bool,
    },
    /// Return money to the payer.
    Refund {
        /// The order's `out_trade_no`.
        out_trade_no: String,
        /// The amount, in the currency's minor unit: 150 is 1.50 HKD.
        #[arg(value_parser = minor_unit)]
        amount: i64,
        /// The refund's number. The same number is never refunded twice; without
        /// one, the same amount of the same order is the same refund.
        #[arg(long, value_name = "OUT_REFUND_NO")]
        number: Option<String>,
        /// Why, at most 80 bytes. WeChat shows it to the payer.
        #[arg(long)]
        reason: Option<String>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Close an order that is not paid.
    Close {
        /// Its `out_trade_no`.
        out_trade_no: String,
    },
}

/// `weceive links …`
#[derive(Debug, Subcommand)]
pub enum Links {
    /// Make a link, as in: `weceive links new body=Oolong total_fee=8800`.
    New {
        /// Fields of `POST /v1/link`, as `NAME=VALUE`.
        #[arg(required = true, value_parser = pair)]
        fields: Vec<(String, String)>,
    },
    /// List links, newest first.
    List(Filters),
    /// Switch a link off. A payer who has started can still finish.
    Off {
        /// Its id.
        id: String,
    },
    /// Switch a link on again.
    On {
        /// Its id.
        id: String,
    },
}

/// `weceive deliveries …`
#[derive(Debug, Subcommand)]
pub enum Deliveries {
    /// List deliveries, newest first.
    List(Filters),
    /// Send a delivery again at once.
    Resend {
        /// Its id.
        id: i64,
    },
}

/// `weceive totals …`
#[derive(Args, Debug)]
pub struct Totals {
    /// The first day, as in 2026-01-31, in the merchant's time zone.
    from: String,
    /// The last day.
    to: String,
    /// `day` or `month`.
    #[arg(long, default_value = "day")]
    by: String,
}

/// Options of a list.
#[derive(Args, Debug)]
pub struct Filters {
    /// Filters of the list, as `NAME=VALUE`: `state=SUCCESS`, `q=9900`; see
    /// docs/api.md, "Lists".
    #[arg(value_parser = pair)]
    filters: Vec<(String, String)>,
    /// The most rows.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// All rows.
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// All rows as CSV, for a spreadsheet.
    #[arg(long, conflicts_with_all = ["limit", "all"])]
    csv: bool,
}

fn minor_unit(text: &str) -> Result<i64, String> {
    text.parse()
        .map_err(|_| "write a whole number of the currency's minor unit: 150 for 1.50".to_owned())
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

pub async fn orders(command: &Orders, api: &Api) -> Result<(), Failure> {
    match command {
        Orders::List(filters) => list(api, "orders", filters).await,
        Orders::Show {
            out_trade_no,
            refresh,
        } => show(api, out_trade_no, *refresh).await,
        Orders::Refund {
            out_trade_no,
            amount,
            number,
            reason,
            yes,
        } => {
            let own = [("out_refund_no", number), ("reason", reason)];
            refund(api, out_trade_no, *amount, own, *yes).await
        }
        Orders::Close { out_trade_no } => {
            let body = json!({"out_trade_no": out_trade_no});
            let order = api
                .call(Badge::Merchant, Method::POST, "/v1/close", Some(&body))
                .await?;
            shown(api, &order, |order| {
                format!("{out_trade_no} is {}\n", cell(order, "trade_state"))
            })
        }
    }
}

async fn show(api: &Api, number: &str, refresh: bool) -> Result<(), Failure> {
    let mut pairs = vec![("out_trade_no", number)];
    if refresh {
        pairs.push(("refresh", "1"));
    }
    let path = format!("/v1/order?{}", query(pairs));
    let order = api.call(Badge::Merchant, Method::GET, &path, None).await?;
    let path = format!("/v1/timeline?{}", query([("out_trade_no", number)]));
    let timeline = api.call(Badge::Merchant, Method::GET, &path, None).await?;
    let whole = json!({"order": order, "events": timeline.get("events")});
    if api.printed(&whole)? {
        return Ok(());
    }
    let mut out = format!(
        "{number}  {}  {}  {}\n\n",
        amount(&order, "total_fee", "fee_type"),
        cell(&order, "trade_state"),
        cell(&order, "trade_type")
    );
    let fields = order.as_object().into_iter().flatten();
    let rows = fields.map(|(name, _)| vec![format!("  {name}"), cell(&order, name)]);
    out.push_str(&text(&["", ""], rows.collect()));
    out.push('\n');
    let events = timeline.get("events").and_then(Value::as_array);
    let rows = events.into_iter().flatten().map(|event| {
        ["at_ms", "what", "evidence", "who"]
            .map(
                |name| match (name, event.get(name).and_then(Value::as_i64)) {
                    ("at_ms", Some(ms)) => super::table::time(ms),
                    _ => cell(event, name),
                },
            )
            .to_vec()
    });
    out.push_str(&text(&["when", "what", "evidence", "who"], rows.collect()));
    print(&out)
}

async fn refund(
    api: &Api,
    number: &str,
    minor: i64,
    own: [(&str, &Option<String>); 2],
    yes: bool,
) -> Result<(), Failure> {
    let path = format!("/v1/order?{}", query([("out_trade_no", number)]));
    let order = api.call(Badge::Merchant, Method::GET, &path, None).await?;
    let currency = cell(&order, "fee_type");
    confirm(
        &format!(
            "Refund {} of the {} of order {number} to the payer?",
            money(minor, &currency),
            amount(&order, "total_fee", "fee_type")
        ),
        yes,
    )?;
    let mut body = Map::new();
    body.insert("out_trade_no".to_owned(), number.into());
    body.insert("refund_fee".to_owned(), minor.into());
    for (name, value) in own {
        if let Some(value) = value {
            body.insert(name.to_owned(), value.as_str().into());
        }
    }
    let body = Value::Object(body);
    let refund = api
        .call(Badge::Merchant, Method::POST, "/v1/refund", Some(&body))
        .await?;
    shown(api, &refund, |refund| {
        format!(
            "{}  {}  {}\n",
            cell(refund, "out_refund_no"),
            amount(refund, "refund_fee", "refund_fee_type"),
            cell(refund, "refund_status")
        )
    })
}

pub async fn links(command: &Links, api: &Api) -> Result<(), Failure> {
    let set = async |body: Value| {
        let link = api
            .call(Badge::Merchant, Method::POST, "/v1/link", Some(&body))
            .await?;
        shown(api, &link, |link| {
            let rows = ["id", "url", "sheet_url", "body", "active", "sold", "stock"];
            let rows = rows.map(|name| vec![name.to_owned(), cell(link, name)]);
            text(&["", ""], rows.to_vec())
        })
    };
    match command {
        Links::List(filters) => list(api, "links", filters).await,
        Links::New { fields } => {
            if fields.iter().any(|(name, _)| name == "id") {
                return Err(Failure::Local(
                    "a new link gets its id from the deployment; leave id out".to_owned(),
                ));
            }
            let fields = fields.iter().map(|(name, value)| {
                let value = match value.as_str() {
                    "true" => Value::Bool(true),
                    "false" => Value::Bool(false),
                    text => text.into(),
                };
                (name.clone(), value)
            });
            set(Value::Object(fields.collect())).await
        }
        Links::Off { id } => set(json!({"id": id, "active": false})).await,
        Links::On { id } => set(json!({"id": id, "active": true})).await,
    }
}

pub async fn deliveries(command: &Deliveries, api: &Api) -> Result<(), Failure> {
    match command {
        Deliveries::List(filters) => list(api, "deliveries", filters).await,
        Deliveries::Resend { id } => {
            let body = json!({"id": id});
            let delivery = api
                .call(Badge::Merchant, Method::POST, "/v1/delivery", Some(&body))
                .await?;
            shown(api, &delivery, |delivery| {
                format!("{id} is {}\n", cell(delivery, "state"))
            })
        }
    }
}

pub async fn totals(totals: &Totals, api: &Api) -> Result<(), Failure> {
    let pairs = [
        ("from", &totals.from),
        ("to", &totals.to),
        ("by", &totals.by),
    ];
    let pairs = pairs.map(|(name, value)| (name, value.as_str()));
    let path = format!("/v1/totals?{}", query(pairs));
    let data = api.call(Badge::Merchant, Method::GET, &path, None).await?;
    shown(api, &data, |data| {
        let of = |name: &str| {
            data.get(name)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
        };
        let row = |row: &Value| {
            let period = match row.get("period").and_then(Value::as_str) {
                Some(period) => period.to_owned(),
                None => "sum".to_owned(),
            };
            vec![
                period,
                amount(row, "paid_amount", "currency"),
                cell(row, "paid_count"),
                amount(row, "refunded_amount", "currency"),
                cell(row, "refunded_count"),
                amount(row, "net_amount", "currency"),
            ]
        };
        let rows = of("totals").map(row).chain(of("sums").map(row));
        let headings = ["period", "paid", "orders", "refunded", "refunds", "net"];
        text(&headings, rows.collect())
    })
}

/// The columns that are shown of each row of a list.
fn row(list: &str, row: &Value) -> Vec<String> {
    let shown = |names: &[&str]| names.iter().map(|name| cell(row, name)).collect::<Vec<_>>();
    let money = amount(row, "amount", "currency");
    match list {
        "orders" => {
            let mut cells = shown(&["out_trade_no", "state"]);
            cells.push(money);
            cells.extend(shown(&["trade_type", "created_at_ms", "body"]));
            cells
        }
        "links" => {
            let mut cells = shown(&["id"]);
            cells.push(money);
            cells.extend(shown(&["active", "sold", "stock", "body"]));
            cells
        }
        "deliveries" => shown(&[
            "id",
            "out_trade_no",
            "state",
            "attempts",
            "last_outcome",
            "url",
        ]),
        _ => shown(&["name", "subject", "last_at_ms"]),
    }
}

fn headings(list: &str) -> &'static [&'static str] {
    match list {
        "orders" => &["number", "state", "amount", "type", "made", "body"],
        "links" => &["id", "price", "active", "sold", "stock", "body"],
        "deliveries" => &["id", "order", "state", "attempts", "last", "url"],
        _ => &["alarm", "about", "last"],
    }
}

/// Reads as many pages as the options require, and prints their rows.
pub async fn list(api: &Api, list: &str, filters: &Filters) -> Result<(), Failure> {
    let pairs = filters
        .filters
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let filtered = query(pairs);
    if filters.csv {
        return api
            .stream(&format!("/v1/{list}?format=csv&{filtered}"))
            .await;
    }
    let wanted = if filters.all {
        usize::MAX
    } else {
        filters.limit
    };
    let mut rows: Vec<Value> = Vec::new();
    let mut after: Option<String> = None;
    while rows.len() < wanted {
        let limit = (wanted - rows.len()).min(100).to_string();
        let mut page = vec![("limit", limit.as_str())];
        if let Some(after) = &after {
            page.push(("after", after));
        }
        let path = format!("/v1/{list}?{}&{filtered}", query(page));
        let mut data = api.call(Badge::Merchant, Method::GET, &path, None).await?;
        if let Some(Value::Array(more)) = data.get_mut(list).map(Value::take) {
            rows.extend(more);
        }
        after = data.get("after").and_then(Value::as_str).map(str::to_owned);
        if after.is_none() {
            break;
        }
    }
    let has_more = after.is_some();
    if api.printed(&json!({list: rows, "after": after}))? {
        return Ok(());
    }
    let cells: Vec<_> = rows.iter().map(|found| row(list, found)).collect();
    let mut out = match cells.is_empty() {
        true => "No rows.\n".to_owned(),
        false => text(headings(list), cells),
    };
    if has_more {
        out.push_str("There are more: use --all, or --limit.\n");
    }
    print(&out)
}

fn shown(api: &Api, data: &Value, text: impl FnOnce(&Value) -> String) -> Result<(), Failure> {
    match api.printed(data)? {
        true => Ok(()),
        false => print(&text(data)),
    }
}
