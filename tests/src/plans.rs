//! The query plans of the gateway's statements: none may read a whole table
//! that grows with a merchant's business.

use rusqlite::Connection;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// Tables that do not grow with sales. `read` is what one page of a list
/// compares with its filters: 1,000 rows at most; `endpoints` has at most 16,
/// `images` at most 200, and `rates` one for each currency.
const SMALL: [&str; 10] = [
    "facts",
    "counters",
    "totals",
    "sqlite_master",
    "sqlite_sequence",
    "transfer",
    "read",
    "endpoints",
    "images",
    "rates",
];
/// Indexes that contain only waiting rows.
const WAITING: [&str; 7] = [
    "board_due",
    "board_contact",
    "orders_due",
    "deliveries_due",
    "deliveries_waiting",
    "event_deliveries_until",
    "checkouts_untried",
];

thread_local! {
    static SEEN: RefCell<BTreeSet<String>> = RefCell::default();
}

/// Explains a statement that this thread has not explained before.
///
/// # Panics
///
/// Where it reads a whole table that grows.
pub fn watch(database: &Connection, sql: &str) {
    let is_new = SEEN.with_borrow_mut(|seen| !seen.contains(sql) && seen.insert(sql.to_owned()));
    if is_new && let Err(why) = check(database, sql) {
        panic!("{why}");
    }
}

/// Whether a statement finds its rows without reading a table that grows; if
/// not, the step of its plan that does.
///
/// # Errors
///
/// The step, and the statement.
pub fn check(database: &Connection, sql: &str) -> Result<(), String> {
    let begin = sql.trim_start();
    // Executed once, when a book of an earlier version is opened.
    if begin.starts_with("INSERT OR IGNORE INTO transactions") && begin.contains("FROM orders") {
        return Ok(());
    }
    // Twice for each table in the life of a deployment: when it is moved.
    if begin.starts_with("SELECT count(*) FROM [") && !begin.contains(" WHERE ") {
        return Ok(());
    }
    if !["SELECT", "INSERT", "UPDATE", "DELETE"]
        .iter()
        .any(|word| begin.starts_with(word))
    {
        return Ok(());
    }
    let mut explained = database
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .map_err(|error| format!("{error}: {sql}"))?;
    for n in 1..=explained.parameter_count() {
        explained
            .raw_bind_parameter(n, 1)
            .map_err(|error| error.to_string())?;
    }
    let mut rows = explained.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().map_err(|error| error.to_string())? {
        steps.push(row.get::<_, String>(3).map_err(|error| error.to_string())?);
    }
    // The first rows of a table, in its own order or an index's.
    let is_page = sql.contains("LIMIT")
        && !sql.contains("WHERE")
        && !steps.iter().any(|step| step.contains("TEMP B-TREE"));
    for step in &steps {
        let Some(scanned) = step.strip_prefix("SCAN ") else {
            continue;
        };
        let table = scanned.split(' ').next().unwrap_or_default();
        let allowed = is_page
            || SMALL.contains(&table)
            || table.starts_with('(')
            || scanned.starts_with("CONSTANT ROW")
            || scanned.ends_with("VALUES CLAUSE")
            || WAITING
                .iter()
                .any(|index| scanned.ends_with(&format!("INDEX {index}")));
        if !allowed {
            return Err(format!("{step}: {sql}"));
        }
    }
    Ok(())
}
