//! Pages of a list: which index is looked up, and which columns are compared.
//!
//! The cost of a page does not depend on the number of rows: see
//! `book/lists.rs`.

use super::{all, first, integer};
use crate::book::index::{List, RowState, StateFilter};
use crate::book::lists::{Filter, Position, Range, Search};
use crate::runtime::{Row, Storage, StorageError, Value};

/// The most rows that one page compares with the filters.
const EXAMINED: i64 = 1_000;
/// The most rows with a number that begins with `q`. If there are more, the
/// list's own order is followed instead.
const CANDIDATES: i64 = 1_000;

/// The conditions of a statement, with their values.
#[derive(Default)]
pub(super) struct Conditions {
    pub(super) sql: Vec<String>,
    pub(super) args: Vec<Value>,
}

impl Conditions {
    pub(super) fn add(&mut self, sql: &str, args: impl IntoIterator<Item = Value>) {
        self.sql.push(sql.to_owned());
        self.args.extend(args);
    }

    pub(super) fn range(&mut self, column: &str, range: Range) {
        if let Some(from) = range.from {
            self.add(&format!("{column} >= ?"), [from.into()]);
        }
        if let Some(to) = range.to {
            self.add(&format!("{column} < ?"), [to.into()]);
        }
    }

    pub(super) fn join(&self) -> String {
        self.sql.join(" AND ")
    }
}

/// A column that must have one value: its index, the condition and the value.
type Equal = (&'static str, String, Vec<Value>);

/// How a page is searched.
struct Plan {
    /// The table and the index that has its rows in the list's order. The index
    /// is named, so that SQLite refuses a statement for which the index cannot
    /// be used.
    from: String,
    /// What the index looks up.
    lookup: Conditions,
    /// The conditions that are compared with the rows that the index finds.
    rest: Conditions,
}

/// The end of a prefix's range: larger than every text that begins with it.
pub(super) fn end_of(prefix: &str) -> String {
    format!("{prefix}\u{10FFFF}")
}

/// The keys of a page's rows, and where the next page begins.
pub(in crate::book) struct Found {
    pub(in crate::book) keys: Vec<String>,
    pub(in crate::book) after: Option<Position>,
}

/// A row that meets the filter, and its place in the list.
struct Hit {
    key: String,
    position: Position,
}

fn hit(row: &Row) -> Result<Hit, StorageError> {
    Ok(Hit {
        key: row.text(0)?.to_owned(),
        position: Position {
            at_ms: row.int(1)?,
            n: row.int(2)?,
        },
    })
}

/// The keys of a page's rows.
pub(in crate::book) fn page(
    storage: &impl Storage,
    search: &Search,
    now_ms: i64,
) -> Result<Found, StorageError> {
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
        Some(q) => are_few(storage, *list, q)?,
        None => false,
    };
    let Plan {
        from,
        mut lookup,
        rest,
    } = conditions(storage, *list, filter, is_few, now_ms)?;
    if let Some(after) = after {
        let place = [after.at_ms.into(), after.n.into()];
        lookup.add(&format!("({sort}, n) < (?, ?)"), place);
    }
    let order = format!("ORDER BY {sort} DESC, n DESC");
    let examines_all = rest.sql.is_empty();
    let sql = match examines_all {
        true => format!(
            "SELECT key, {sort}, n FROM {from} WHERE {} {order} LIMIT ?",
            lookup.join()
        ),
        false => format!(
            "SELECT key, {sort}, n FROM
                (SELECT * FROM {from} WHERE {} {order} LIMIT {EXAMINED}) AS read
             WHERE {} {order} LIMIT ?",
            lookup.join(),
            rest.join()
        ),
    };
    let args = [lookup.args.clone(), rest.args, vec![(limit + 1).into()]].concat();
    let mut hits = all(storage, &sql, &args, hit)?;
    let limit = usize::try_from(*limit).unwrap_or(usize::MAX);
    let after = if hits.len() > limit {
        let last = hits.get(limit.saturating_sub(1));
        last.map(|last| last.position)
    } else if examines_all {
        None
    } else {
        let sql = format!(
            "SELECT key, {sort}, n FROM {from} WHERE {} {order} LIMIT 1 OFFSET {}",
            lookup.join(),
            EXAMINED - 1
        );
        let last = first(storage, &sql, &lookup.args, hit)?;
        last.map(|last| last.position)
    };
    hits.truncate(limit);
    Ok(Found {
        keys: hits.into_iter().map(|hit| hit.key).collect(),
        after,
    })
}

/// How `q` may be written: as it is, in capitals, and in small letters.
fn spellings(q: &str) -> Vec<String> {
    let mut spellings = vec![q.to_owned()];
    for other in [q.to_uppercase(), q.to_lowercase()] {
        if !spellings.contains(&other) {
            spellings.push(other);
        }
    }
    spellings
}

/// The numbers of the rows of a list with a number that begins with `q`, in any of its
/// [`spellings`]: a statement and its values.
fn numbers_beginning(list: List, q: &str) -> (String, Vec<Value>) {
    let mut args = Vec::new();
    let each = spellings(q).into_iter().map(|spelling| {
        args.extend([
            Value::from(list),
            spelling.as_str().into(),
            end_of(&spelling).into(),
        ]);
        "SELECT n FROM numbers WHERE list = ? AND number >= ? AND number < ?"
    });
    let sql = each.collect::<Vec<_>>().join(" UNION ALL ");
    (sql, args)
}

/// Whether few enough rows have a number that begins with `q`.
fn are_few(storage: &impl Storage, list: List, q: &str) -> Result<bool, StorageError> {
    let (numbers, mut args) = numbers_beginning(list, q);
    args.push((CANDIDATES + 1).into());
    let sql = format!("SELECT count(*) FROM (SELECT 1 FROM ({numbers}) LIMIT ?)");
    Ok(integer(storage, &sql, &args)? <= CANDIDATES)
}

/// The conditions that are looked up, and those that are compared afterwards.
fn conditions(
    storage: &impl Storage,
    list: List,
    filter: &Filter,
    is_few: bool,
    now_ms: i64,
) -> Result<Plan, StorageError> {
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
    let in_state = |name: &str| {
        let value = vec![Value::from(name)];
        ("listed_state", "state = ?".to_owned(), value)
    };
    let unpaid = RowState::CheckoutUnpaid.name();
    match filter.state {
        Some(StateFilter::State(RowState::CheckoutOpen)) => {
            equal.push(in_state(unpaid));
            rest.add("until_ms > ?", [now_ms.into()]);
        }
        Some(StateFilter::State(RowState::CheckoutExpired)) => {
            equal.push(in_state(unpaid));
            rest.add("until_ms <= ?", [now_ms.into()]);
        }
        state => equal.extend(state.map(|state| in_state(state.name()))),
    }
    if let Some(endpoint) = &filter.endpoint {
        rest.add(
            "EXISTS (SELECT 1 FROM event_deliveries
                WHERE id = CAST(key AS INTEGER) AND endpoint = ?)",
            [endpoint.as_str().into()],
        );
    }
    if let Some(kind) = filter.event_type {
        rest.add(
            "EXISTS (SELECT 1 FROM event_deliveries JOIN events ON events.n = event
                WHERE event_deliveries.id = CAST(key AS INTEGER) AND type = ?)",
            [kind.name().into()],
        );
    }
    equal.extend(text("listed_trade_type", "trade_type", &filter.trade_type));
    equal.extend(text("listed_currency", "currency", &filter.currency));

    let is_paid = filter.paid_ms.is_set();
    let mut lookup = Conditions::default();
    match &filter.q {
        Some(q) if is_few => {
            // The few rows are read by their numbers, and sorted.
            let (numbers, args) = numbers_beginning(list, q);
            lookup.add(&format!("n IN ({numbers})"), args);
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
        Some(q) => {
            let each = spellings(q).into_iter().map(|spelling| {
                let args = [
                    list.into(),
                    spelling.as_str().into(),
                    end_of(&spelling).into(),
                ];
                rest.args.extend(args);
                "EXISTS (SELECT 1 FROM numbers WHERE numbers.n = read.n
                    AND list = ? AND number >= ? AND number < ?)"
            });
            let any = each.collect::<Vec<_>>().join(" OR ");
            rest.sql.push(format!("({any})"));
        }
        None => {}
    }
    lookup.add("list = ?", [list.into()]);
    let mut index = "listed_at";
    if is_paid {
        index = "listed_moved";
        lookup.range("moved_at_ms", filter.paid_ms);
        rest.range("at_ms", filter.created_ms);
    } else {
        let rarest = rarest(storage, list, &equal)?;
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

/// The position of the condition that the fewest rows meet, counted up to
/// [`EXAMINED`].
fn rarest(storage: &impl Storage, list: List, equal: &[Equal]) -> Result<usize, StorageError> {
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
        let n = integer(storage, &sql, &args)?;
        if n < rarest.1 {
            rarest = (place, n);
        }
    }
    Ok(rarest.0)
}
