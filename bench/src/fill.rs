//! Fills a book with paid orders: copies of one, in the tables that an order, a
//! notice and a query read.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use testkit::{Failure, Result, paths};
use xtask::build_cache::files_below;

/// Adds `count` copies of the paid order `number` to the book in the store. The
/// gateway must not run.
///
/// # Errors
///
/// There is no book with this order, or SQLite refused a statement.
pub fn book(store: &Path, number: &str, count: u64) -> Result<()> {
    let failed = |said: &dyn std::fmt::Display| {
        Failure::new(
            format!("fill the book below {}", paths::shown(store)),
            said,
            "compare bench/src/fill.rs with gateway/src/book/store/schema.rs",
        )
    };
    let found = files_below(store)
        .into_iter()
        .find(|file| holds(file, number).unwrap_or(false));
    let file = found.ok_or_else(|| failed(&"no file has the order"))?;
    fill(&file, number, count).map_err(|error| failed(&error))
}

fn holds(file: &PathBuf, number: &str) -> rusqlite::Result<bool> {
    if file.extension().is_none_or(|ending| ending != "sqlite") {
        return Ok(false);
    }
    let sql = "SELECT count(*) FROM orders WHERE out_trade_no = ?";
    let count: i64 = Connection::open(file)?.query_row(sql, [number], |row| row.get(0))?;
    Ok(count > 0)
}

fn fill(file: &Path, number: &str, count: u64) -> rusqlite::Result<()> {
    let database = Connection::open(file)?;
    database.execute_batch(
        "PRAGMA synchronous = OFF;
         CREATE TEMP TABLE copies(number TEXT PRIMARY KEY)",
    )?;
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    database.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
         INSERT INTO copies SELECT printf('FILL%010d', i) FROM n",
        [count],
    )?;
    database.execute_batch("BEGIN")?;
    for sql in [
        "INSERT INTO orders(out_trade_no, json, due_at_ms, listed)
         SELECT c.number, replace(o.json, ?1, c.number), NULL, o.listed
         FROM copies c, orders o WHERE o.out_trade_no = ?1",
        "INSERT INTO listed(list, key, at_ms, state, waiting, moved_at_ms, amount, currency,
            trade_type, link, openid, sub_openid, out_trade_no, until_ms)
         SELECT l.list, c.number, l.at_ms, l.state, l.waiting, l.moved_at_ms, l.amount, l.currency,
            l.trade_type, l.link, l.openid, l.sub_openid, l.out_trade_no, l.until_ms
         FROM copies c, listed l WHERE l.list = 1 AND l.key = ?1",
        "INSERT INTO numbers(list, number, n)
         SELECT 1, replace(t.number, ?1, l.key), l.n
         FROM listed l, numbers t, listed o
         WHERE l.list = 1 AND l.key GLOB 'FILL*' AND o.list = 1 AND o.key = ?1
            AND t.list = 1 AND t.n = o.n AND t.number <> ''",
        "INSERT INTO transactions(transaction_id, out_trade_no)
         SELECT replace(t.transaction_id, ?1, c.number), c.number
         FROM copies c, transactions t WHERE t.out_trade_no = ?1",
        "INSERT INTO events(random, type, subject, seq, at_ms, object)
         SELECT e.random, e.type, c.number, e.seq, e.at_ms, replace(e.object, ?1, c.number)
         FROM copies c, events e WHERE e.subject = ?1",
        "INSERT INTO audit(at_ms, subject, what, evidence, who, call, request_id)
         SELECT a.at_ms, c.number, a.what, a.evidence, a.who, a.call, a.request_id
         FROM copies c, audit a WHERE a.subject = ?1",
    ] {
        database.execute(sql, [number])?;
    }
    database.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")
}
