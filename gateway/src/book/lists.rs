//! Lists of what a book holds, newest first, in pages; totals; and everything
//! that happened to one purchase.
//!
//! A page costs the same however many rows there are: the filter that the fewest
//! rows meet is looked up in an index of [`super::index`], which has the rows in
//! the list's order, and the others are compared while at most [`EXAMINED`] rows
//! are read. A page that has
//! found too few by then is short, and its `after` goes on from there.

use super::index::{BUCKET_MS, List, alarm_key, paid_at_ms};
use super::{Book, Checkout, Link, Price, audit};
use crate::http::error::{ApiError, Code};
use crate::observe::alarm::Alarm;
use crate::runtime::{Row, Runtime, Storage, StorageError, Value};
use order::{Money, Order, OutTradeNo, Refund, RefundStatus};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// What to list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Search {
    /// Of what.
    pub list: List,
    /// Which of them.
    pub filter: Filter,
    /// Those after this place.
    pub after: Option<Position>,
    /// At most so many.
    pub limit: i64,
}

/// Which rows a list has. A range holds its beginning and not its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// The state's name.
    pub state: Option<String>,
    /// When it was made, Unix milliseconds.
    pub created_ms: Range,
    /// When it was paid. The list is then in the order of the payments.
    pub paid_ms: Range,
    /// The amount, in the currency's smallest unit.
    pub amount: Range,
    /// The currency's code.
    pub currency: Option<String>,
    /// The way to pay.
    pub trade_type: Option<String>,
    /// The payment link that it was bought through.
    pub link: Option<String>,
    /// The payer.
    pub openid: Option<String>,
    /// The payer under the sub-merchant's account.
    pub sub_openid: Option<String>,
    /// The order that it belongs to.
    pub out_trade_no: Option<String>,
    /// Only what waits for something.
    pub waiting: bool,
    /// How one of its numbers begins.
    pub q: Option<String>,
}

/// From the first number up to the second, which is not in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The least.
    pub from: Option<i64>,
    /// More than the largest.
    pub to: Option<i64>,
}

impl Range {
    const fn is_set(self) -> bool {
        self.from.is_some() || self.to.is_some()
    }

    /// The one number that is in it, where there is only one.
    fn only(self) -> Option<i64> {
        self.from.filter(|from| Some(from + 1) == self.to)
    }
}

/// A place in a list, between two rows. It stays where it is while rows are
/// added before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// When the row before it was made, or paid.
    pub at_ms: i64,
    /// Its number in the index, which tells rows of the same moment apart.
    pub n: i64,
}

/// A page of a list.
#[derive(Debug, Serialize, Deserialize)]
pub struct Page {
    /// The rows.
    pub items: Vec<Json>,
    /// Where the next page begins; `None` after the last.
    pub after: Option<Position>,
}

/// What was paid and refunded in one period, in one currency. Amounts are in the
/// currency's smallest unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// Which of the periods that were asked for.
    pub period: usize,
    /// Its code.
    pub currency: String,
    /// The sum of the payments.
    pub paid_amount: i64,
    /// How many.
    pub paid_count: i64,
    /// The sum of the refunds that WeChat has taken.
    pub refunded_amount: i64,
    /// How many.
    pub refunded_count: i64,
}

/// The most rows that one page compares with the filters.
const EXAMINED: i64 = 1_000;
/// The most rows whose numbers may begin with `q` before the list's own order is
/// followed instead.
const CANDIDATES: i64 = 1_000;
/// The most changes of one order that a timeline holds.
const CHANGES_OF_ONE: i64 = 500;

/// The conditions of a statement, with their values.
#[derive(Default)]
struct Conditions {
    sql: Vec<String>,
    args: Vec<Value>,
}

impl Conditions {
    fn add(&mut self, sql: &str, args: impl IntoIterator<Item = Value>) {
        self.sql.push(sql.to_owned());
        self.args.extend(args);
    }

    fn range(&mut self, column: &str, range: Range) {
        if let Some(from) = range.from {
            self.add(&format!("{column} >= ?"), [from.into()]);
        }
        if let Some(to) = range.to {
            self.add(&format!("{column} < ?"), [to.into()]);
        }
    }

    fn join(&self) -> String {
        self.sql.join(" AND ")
    }
}

/// A column that must have one value: its index, the condition and the value.
type Equal = (&'static str, String, Vec<Value>);

/// How a page is found.
struct Plan {
    /// The table and the index that has its rows in the list's order. The index is
    /// named, so that SQLite refuses a statement that it does not fit.
    from: String,
    /// What the index looks up.
    lookup: Conditions,
    /// What is compared with the rows that it finds.
    rest: Conditions,
}

/// The end of a prefix's range: larger than every text that begins with it.
fn end_of(prefix: &str) -> String {
    format!("{prefix}\u{10FFFF}")
}

impl<R: Runtime, S: Storage> Book<R, S> {
    fn refuse_unfilled(&self) -> Result<(), ApiError> {
        match self.is_filled()? {
            true => Ok(()),
            false => Err(ApiError::of(Code::ListsNotReady)),
        }
    }

    /// A page of a list.
    pub(super) fn list(&self, search: &Search) -> Result<Page, ApiError> {
        self.refuse_unfilled()?;
        let (keys, after) = self.find(search)?;
        let mut items = Vec::with_capacity(keys.len());
        for key in keys {
            // One that is gone meanwhile or cannot be read does not hide the others.
            if let Ok(Some(item)) = self.item(search.list, &key) {
                items.push(item);
            }
        }
        Ok(Page { items, after })
    }

    /// The keys of a page's rows, and where the next page begins.
    fn find(&self, search: &Search) -> Result<(Vec<String>, Option<Position>), StorageError> {
        let Search {
            list,
            filter,
            after,
            limit,
        } = search;
        let sort = match filter.paid_ms.is_set() {
            true => "moved_at_ms",
            false => "at_ms",
        };
        let is_few = match &filter.q {
            Some(q) => self.are_few(*list, q)?,
            None => false,
        };
        let Plan {
            from,
            mut lookup,
            rest,
        } = self.conditions(*list, filter, is_few)?;
        if let Some(after) = after {
            let place = [after.at_ms.into(), after.n.into()];
            lookup.add(&format!("({sort}, n) < (?, ?)"), place);
        }
        let order = format!("ORDER BY {sort} DESC, n DESC");
        let (rows, examines_all) = if rest.sql.is_empty() {
            let sql = format!(
                "SELECT key, {sort}, n FROM {from} WHERE {} {order} LIMIT ?",
                lookup.join()
            );
            let args = [lookup.args.clone(), vec![(limit + 1).into()]].concat();
            (self.storage.exec(&sql, &args)?, true)
        } else {
            let sql = format!(
                "SELECT key, {sort}, n FROM
                    (SELECT * FROM {from} WHERE {} {order} LIMIT {EXAMINED}) AS read
                 WHERE {} {order} LIMIT ?",
                lookup.join(),
                rest.join()
            );
            let args = [lookup.args.clone(), rest.args, vec![(limit + 1).into()]].concat();
            (self.storage.exec(&sql, &args)?, false)
        };
        let limit = usize::try_from(*limit).unwrap_or(usize::MAX);
        let position = |row: &Row| {
            Ok::<_, StorageError>(Position {
                at_ms: row.int(1)?,
                n: row.int(2)?,
            })
        };
        let next = if rows.len() > limit {
            rows.get(limit.saturating_sub(1))
                .map(position)
                .transpose()?
        } else if examines_all {
            None
        } else {
            let sql = format!(
                "SELECT key, {sort}, n FROM {from} WHERE {} {order} LIMIT 1 OFFSET {}",
                lookup.join(),
                EXAMINED - 1
            );
            let last = self.storage.exec(&sql, &lookup.args)?;
            last.first().map(position).transpose()?
        };
        let keys = rows.iter().take(limit);
        let keys = keys.map(|row| row.text(0).map(str::to_owned));
        Ok((keys.collect::<Result<_, _>>()?, next))
    }

    /// Whether few enough rows have a number that begins so.
    fn are_few(&self, list: List, q: &str) -> Result<bool, StorageError> {
        let rows = self.storage.exec(
            "SELECT count(*) FROM (SELECT 1 FROM numbers
                WHERE list = ? AND number >= ? AND number < ? LIMIT ?)",
            &[
                list.into(),
                q.into(),
                end_of(q).into(),
                (CANDIDATES + 1).into(),
            ],
        )?;
        let found = rows.first().map_or(Ok(0), |row| row.int(0))?;
        Ok(found <= CANDIDATES)
    }

    /// What is looked up, and what is compared afterwards.
    fn conditions(&self, list: List, filter: &Filter, is_few: bool) -> Result<Plan, StorageError> {
        let mut equal: Vec<Equal> = Vec::new();
        let mut rest = Conditions::default();
        let text = |index, column: &str, value: &Option<String>| {
            let value = value.as_deref()?;
            Some((index, format!("{column} = ?"), vec![Value::from(value)]))
        };
        equal.extend(text("listed_openid", "openid", &filter.openid));
        equal.extend(text("listed_sub_openid", "sub_openid", &filter.sub_openid));
        equal.extend(text("listed_order", "out_trade_no", &filter.out_trade_no));
        equal.extend(text("listed_link", "link", &filter.link));
        if filter.waiting {
            equal.push(("listed_waiting", "waiting = 1".to_owned(), Vec::new()));
        }
        match filter.amount.only() {
            Some(amount) => equal.push((
                "listed_amount",
                "amount = ?".to_owned(),
                vec![amount.into()],
            )),
            None => rest.range("amount", filter.amount),
        }
        let now_ms = self.runtime.now_ms();
        let unpaid = || ("listed_state", "state = 'unpaid'".to_owned(), Vec::new());
        match (list, filter.state.as_deref()) {
            (List::Checkouts, Some("open")) => {
                equal.push(unpaid());
                rest.add("until_ms > ?", [now_ms.into()]);
            }
            (List::Checkouts, Some("expired")) => {
                equal.push(unpaid());
                rest.add("until_ms <= ?", [now_ms.into()]);
            }
            _ => equal.extend(text("listed_state", "state", &filter.state)),
        }
        equal.extend(text("listed_trade_type", "trade_type", &filter.trade_type));
        equal.extend(text("listed_currency", "currency", &filter.currency));

        let is_paid = filter.paid_ms.is_set();
        let prefix = |q: &str| [list.into(), q.into(), end_of(q).into()];
        let mut lookup = Conditions::default();
        match &filter.q {
            Some(q) if is_few => {
                // The few rows are read by their numbers, and sorted.
                lookup.add(
                    "n IN (SELECT n FROM numbers WHERE list = ? AND number >= ? AND number < ?)",
                    prefix(q),
                );
                for (_, sql, args) in equal {
                    lookup.add(&sql, args);
                }
                lookup.range("at_ms", filter.created_ms);
                lookup.range("moved_at_ms", filter.paid_ms);
                lookup.sql.append(&mut rest.sql);
                lookup.args.append(&mut rest.args);
                return Ok(Plan {
                    from: "listed NOT INDEXED".to_owned(),
                    lookup,
                    rest,
                });
            }
            Some(q) => rest.add(
                "EXISTS (SELECT 1 FROM numbers WHERE numbers.n = read.n
                    AND list = ? AND number >= ? AND number < ?)",
                prefix(q),
            ),
            None => {}
        }
        lookup.add("list = ?", [list.into()]);
        let mut index = "listed_at";
        if is_paid {
            index = "listed_moved";
            lookup.range("moved_at_ms", filter.paid_ms);
            rest.range("at_ms", filter.created_ms);
        } else {
            let rarest = self.rarest(list, &equal)?;
            if rarest < equal.len() {
                let (its, sql, args) = equal.remove(rarest);
                index = its;
                lookup.add(&sql, args);
            }
            lookup.range("at_ms", filter.created_ms);
        }
        for (_, sql, args) in equal {
            rest.add(&sql, args);
        }
        Ok(Plan {
            from: format!("listed INDEXED BY {index}"),
            lookup,
            rest,
        })
    }

    /// The place of the condition that the fewest rows meet, counted up to
    /// [`EXAMINED`].
    fn rarest(&self, list: List, equal: &[Equal]) -> Result<usize, StorageError> {
        let mut rarest = (0, i64::MAX);
        if equal.len() < 2 {
            return Ok(0);
        }
        for (place, (index, sql, args)) in equal.iter().enumerate() {
            let sql = format!(
                "SELECT count(*) FROM (SELECT 1 FROM listed INDEXED BY {index}
                    WHERE list = ? AND {sql} LIMIT {EXAMINED})"
            );
            let args = [vec![list.into()], args.clone()].concat();
            let rows = self.storage.exec(&sql, &args)?;
            let n = rows.first().map_or(Ok(0), |row| row.int(0))?;
            if n < rarest.1 {
                rarest = (place, n);
            }
        }
        Ok(rarest.0)
    }

    /// One row of a list, in the form of new objects: integers in the smallest
    /// unit, `currency`, times in Unix milliseconds.
    fn item(&self, list: List, key: &str) -> Result<Option<Json>, ApiError> {
        Ok(match list {
            List::Orders => match self.load_order(key)? {
                Some(order) => Some(order_item(&order, self.link_in_index(List::Orders, key)?)),
                None => None,
            },
            List::Refunds => self.refund_item(key)?,
            List::Checkouts => self.checkout_item(key)?,
            List::Links => self.link_item(key)?,
            List::Deliveries => self.delivery_item(key)?,
            List::Alarms => self.alarm_item(key)?,
        })
    }

    fn indexed(&self, list: List, key: &str) -> Result<Option<Row>, StorageError> {
        let rows = self.storage.exec(
            "SELECT link, at_ms, state, moved_at_ms FROM listed WHERE list = ? AND key = ?",
            &[list.into(), key.into()],
        )?;
        Ok(rows.into_iter().next())
    }

    fn link_in_index(&self, list: List, key: &str) -> Result<Option<String>, StorageError> {
        match self.indexed(list, key)? {
            Some(row) => Ok(row.text_or_null(0)?.map(str::to_owned)),
            None => Ok(None),
        }
    }

    fn refund_item(&self, out_refund_no: &str) -> Result<Option<Json>, ApiError> {
        let rows = self.storage.exec(
            "SELECT out_trade_no FROM listed WHERE list = ? AND key = ?",
            &[List::Refunds.into(), out_refund_no.into()],
        )?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let Some(order) = self.load_order(row.text(0)?)? else {
            return Ok(None);
        };
        let mut refunds = order.refunds().iter();
        let refund = refunds.find(|refund| refund.out_refund_no == out_refund_no);
        Ok(refund.map(|refund| refund_item(&order, refund)))
    }

    fn checkout_item(&self, id: &str) -> Result<Option<Json>, ApiError> {
        let rows = self
            .storage
            .exec("SELECT json FROM checkouts WHERE id = ?", &[id.into()])?;
        let (Some(row), Some(indexed)) = (rows.first(), self.indexed(List::Checkouts, id)?) else {
            return Ok(None);
        };
        let checkout: Checkout = self.read_row("checkout", id, row.text(0)?)?;
        let state = match indexed.text(2)? {
            "unpaid" if self.runtime.now_ms() < checkout.expires_at_ms => "open",
            "unpaid" => "expired",
            state => state,
        };
        let purchase = &checkout.purchase;
        Ok(Some(json!({
            "id": checkout.id,
            "out_trade_no": purchase.out_trade_no,
            "state": state,
            "amount": purchase.money.amount_minor(),
            "currency": purchase.money.currency().code(),
            "body": purchase.body,
            "attach": purchase.attach,
            "metadata": purchase.metadata,
            "link": indexed.text_or_null(0)?,
            "attempts": checkout.attempts.len(),
            "created_at_ms": indexed.int(1)?,
            "paid_at_ms": indexed.int_or_null(3)?,
            "expires_at_ms": checkout.expires_at_ms,
        })))
    }

    fn link_item(&self, id: &str) -> Result<Option<Json>, ApiError> {
        let Some(indexed) = self.indexed(List::Links, id)? else {
            return Ok(None);
        };
        let facts = self.links(Some(id))?;
        let Some(facts) = facts.first() else {
            return Ok(None);
        };
        let Link {
            body,
            price,
            stock,
            expires_at_ms,
            active,
            attach,
            ..
        } = &facts.link;
        let (amount, least, most, currency) = match price {
            Price::Fixed { each, .. } => (Some(*each), None, None, each.currency()),
            Price::Entered { min, max } => (None, Some(*min), Some(*max), min.currency()),
        };
        Ok(Some(json!({
            "id": id,
            "body": body,
            "active": active,
            "amount": amount.map(Money::amount_minor),
            "min_amount": least.map(Money::amount_minor),
            "max_amount": most.map(Money::amount_minor),
            "currency": currency.code(),
            "stock": stock,
            "sold": facts.sold,
            "held": facts.held,
            "attach": attach,
            "created_at_ms": indexed.int(1)?,
            "expires_at_ms": expires_at_ms,
        })))
    }

    fn delivery_item(&self, id: &str) -> Result<Option<Json>, ApiError> {
        let rows = self.storage.exec(
            "SELECT out_trade_no, out_refund_no, url, state, attempts, last, due_at_ms
             FROM deliveries WHERE id = ?",
            &[id.parse::<i64>().unwrap_or_default().into()],
        )?;
        let (Some(row), Some(indexed)) = (rows.first(), self.indexed(List::Deliveries, id)?) else {
            return Ok(None);
        };
        Ok(Some(json!({
            "id": id.parse::<i64>().unwrap_or_default(),
            "out_trade_no": row.text(0)?,
            "out_refund_no": row.text_or_null(1)?,
            "url": row.text(2)?,
            "state": row.text(3)?,
            "attempts": row.int(4)?,
            "last_result": row.text_or_null(5)?,
            "next_at_ms": row.int_or_null(6)?,
            "created_at_ms": indexed.int(1)?,
        })))
    }

    fn alarm_item(&self, key: &str) -> Result<Option<Json>, ApiError> {
        let [_, name, subject] = alarm_key(key);
        let rows = self.storage.exec(
            "SELECT name, subject, times, last_at_ms FROM alarms WHERE name = ? AND subject = ?",
            &[name, subject],
        )?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let alarm = Alarm::named(row.text(0)?);
        Ok(Some(json!({
            "name": row.text(0)?,
            "subject": row.text(1)?,
            "says": alarm.map(Alarm::says),
            "to_do": alarm.map(Alarm::to_do),
            "times": row.int(2)?,
            "last_at_ms": row.int(3)?,
        })))
    }

    /// What was paid and refunded in each period, given as its beginning and its
    /// end in Unix milliseconds, both whole quarters of an hour.
    pub(super) fn totals(&self, periods: &[(i64, i64)]) -> Result<Vec<Total>, ApiError> {
        self.refuse_unfilled()?;
        let mut totals: Vec<Total> = Vec::new();
        for (period, (from_ms, to_ms)) in periods.iter().enumerate() {
            for list in [List::Orders, List::Refunds] {
                let rows = self.storage.exec(
                    "SELECT currency, sum(amount), sum(count) FROM sums
                     WHERE list = ? AND bucket >= ? AND bucket < ? GROUP BY currency",
                    &[
                        list.into(),
                        from_ms.div_euclid(BUCKET_MS).into(),
                        to_ms.div_euclid(BUCKET_MS).into(),
                    ],
                )?;
                for row in rows {
                    let (currency, amount, count) = (row.text(0)?, row.int(1)?, row.int(2)?);
                    if count == 0 {
                        continue;
                    }
                    let is_same =
                        |total: &&mut Total| total.period == period && total.currency == currency;
                    let total = match totals.iter_mut().rev().find(is_same) {
                        Some(total) => total,
                        None => {
                            totals.push(Total {
                                period,
                                currency: currency.to_owned(),
                                paid_amount: 0,
                                paid_count: 0,
                                refunded_amount: 0,
                                refunded_count: 0,
                            });
                            let Some(total) = totals.last_mut() else {
                                continue;
                            };
                            total
                        }
                    };
                    match list {
                        List::Orders => (total.paid_amount, total.paid_count) = (amount, count),
                        _ => (total.refunded_amount, total.refunded_count) = (amount, count),
                    }
                }
            }
        }
        Ok(totals)
    }

    /// Everything that is known to have happened to a purchase, oldest first: to
    /// the order or checkout with this number and to all its attempts.
    pub(super) fn timeline(&self, number: &OutTradeNo) -> Result<Vec<Json>, ApiError> {
        let checkout = match self.checkout_of(number)? {
            Some(checkout) => Some(checkout),
            None => self.checkout_of_attempt(number)?,
        };
        let mut numbers = vec![number.clone()];
        let mut events = Vec::new();
        if let Some(checkout) = &checkout {
            let attempts = checkout.attempts.iter();
            numbers = attempts
                .map(|attempt| attempt.out_trade_no.clone())
                .collect();
            let own = &checkout.purchase.out_trade_no;
            if !numbers.contains(own) {
                numbers.insert(0, own.clone());
            }
            if let Some(indexed) = self.indexed(List::Checkouts, &checkout.id)? {
                events.push(json!({
                    "at_ms": indexed.int(1)?,
                    "kind": "checkout",
                    "out_trade_no": own,
                    "what": "checkout made",
                    "link": indexed.text_or_null(0)?,
                }));
            }
            for attempt in &checkout.attempts {
                if attempt.begun_at_ms > 0 {
                    events.push(json!({
                        "at_ms": attempt.begun_at_ms,
                        "kind": "attempt",
                        "out_trade_no": attempt.out_trade_no,
                        "what": format!("attempt begun, {}", attempt.trade_type.as_str()),
                    }));
                }
            }
        } else if self.load_order(number.as_str())?.is_none() {
            return Err(ApiError::of(Code::OrderNotFound));
        }
        for number in &numbers {
            self.changes_of(number, &mut events)?;
            self.deliveries_of(number, &mut events)?;
            self.alarms_of(number, &mut events)?;
        }
        let at_ms = |event: &Json| event.get("at_ms").and_then(Json::as_i64);
        events.sort_by_key(at_ms);
        Ok(events)
    }

    fn changes_of(&self, number: &OutTradeNo, events: &mut Vec<Json>) -> Result<(), ApiError> {
        if let Some(order) = self.load_order(number.as_str())?
            && let Some(reported) = order.reported()
        {
            events.push(json!({
                "at_ms": reported.at_ms,
                "kind": "notice",
                "out_trade_no": number,
                "what": "payment reported, not confirmed yet",
                "evidence": format!("WeChat's notice: transaction {}", reported.transaction_id),
            }));
        }
        let page = audit::Page {
            subject: Some(number.to_string()),
            before: None,
            limit: CHANGES_OF_ONE,
        };
        for entry in audit::read(&self.storage, &page)?.into_iter().rev() {
            let kind = match entry.what.split(' ').next() {
                Some("order") => "order",
                Some("refund") => "refund",
                Some("alarm") => "alarm",
                _ => "change",
            };
            events.push(json!({
                "at_ms": entry.at_ms,
                "kind": kind,
                "out_trade_no": number,
                "what": entry.what,
                "evidence": entry.evidence,
                "who": entry.who,
                "call": entry.call,
                "request_id": entry.request_id,
            }));
        }
        Ok(())
    }

    fn deliveries_of(&self, number: &OutTradeNo, events: &mut Vec<Json>) -> Result<(), ApiError> {
        for delivery in self.deliveries(Some(number))?.into_iter().rev() {
            let Some(indexed) = self.indexed(List::Deliveries, &delivery.id.to_string())? else {
                continue;
            };
            events.push(json!({
                "at_ms": indexed.int(1)?,
                "kind": "delivery",
                "out_trade_no": number,
                "what": match delivery.out_refund_no {
                    Some(refund) => format!("delivery {} of refund {refund}", delivery.id),
                    None => format!("delivery {} of the payment", delivery.id),
                },
                "url": delivery.url,
                "state": delivery.state,
                "attempts": delivery.attempts,
                "last_result": delivery.last,
            }));
        }
        Ok(())
    }

    fn alarms_of(&self, number: &OutTradeNo, events: &mut Vec<Json>) -> Result<(), ApiError> {
        let rows = self.storage.exec(
            "SELECT at_ms, state FROM listed WHERE list = ? AND out_trade_no = ?
             ORDER BY at_ms DESC LIMIT 100",
            &[List::Alarms.into(), number.as_str().into()],
        )?;
        for row in rows.iter().rev() {
            let name = row.text(1)?;
            events.push(json!({
                "at_ms": row.int(0)?,
                "kind": "alarm",
                "out_trade_no": number,
                "what": format!("alarm {name}"),
                "evidence": Alarm::named(name).map(Alarm::says),
            }));
        }
        Ok(())
    }
}

fn order_item(order: &Order, link: Option<String>) -> Json {
    let terms = order.terms();
    let payment = order.known_payment().map(|paid| &paid.payment);
    let refunded = order.refunds().iter().filter(|refund| {
        matches!(
            refund.status,
            RefundStatus::Processing | RefundStatus::Success
        )
    });
    let refunded: i64 = refunded.map(|refund| refund.money.amount_minor()).sum();
    let entries = super::index::Entry::of_order(order);
    let entry = entries.first();
    json!({
        "out_trade_no": terms.out_trade_no,
        "state": order.trade_state(),
        "amount": terms.money.amount_minor(),
        "currency": terms.money.currency().code(),
        "refunded_amount": refunded,
        "trade_type": terms.trade_type.as_str(),
        "body": terms.body,
        "attach": terms.attach,
        "openid": entry.and_then(|entry| entry.openid.clone()),
        "sub_openid": entry.and_then(|entry| entry.sub_openid.clone()),
        "transaction_id": payment.map(|payment| &payment.transaction_id),
        "link": link,
        "waiting": entry.is_some_and(|entry| entry.waiting),
        "duplicate_of": order.paid_besides(),
        "created_at_ms": order.created_at_ms(),
        "paid_at_ms": paid_at_ms(order),
        "expires_at_ms": terms.expires_at_ms,
    })
}

fn refund_item(order: &Order, refund: &Refund) -> Json {
    let payment = order.known_payment().map(|paid| &paid.payment);
    json!({
        "out_refund_no": refund.out_refund_no,
        "out_trade_no": order.terms().out_trade_no,
        "refund_id": refund.refund_id,
        "transaction_id": payment.map(|payment| &payment.transaction_id),
        "state": super::changes::refund_status(refund),
        "amount": refund.money.amount_minor(),
        "currency": refund.money.currency().code(),
        "error_code": refund.err_code,
        "cancel_requested": refund.cancel_asked,
        "waiting": !refund.status.is_final(),
        "created_at_ms": refund.asked_at_ms,
    })
}
