//! The index of lists: `listed`, `numbers`, `sums`, `fills` and `unlisted`,
//! which `book/index.rs` describes.

use super::{all, exists, first, integer};
use crate::book::index::{BUCKET_MS, List};
use crate::runtime::{Storage, StorageError, Value};
use order::{Money, TradeType};

impl From<List> for Value {
    fn from(list: List) -> Self {
        Self::Int(list as i64)
    }
}

/// One row of the index, and the numbers that find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::book) struct Entry {
    pub(in crate::book) list: List,
    pub(in crate::book) key: String,
    pub(in crate::book) at_ms: i64,
    pub(in crate::book) state: &'static str,
    pub(in crate::book) waiting: bool,
    /// When the amount was paid or refunded; `None` where it was not.
    pub(in crate::book) moved_at_ms: Option<i64>,
    pub(in crate::book) money: Option<Money>,
    pub(in crate::book) trade_type: Option<TradeType>,
    pub(in crate::book) link: Option<String>,
    pub(in crate::book) openid: Option<String>,
    pub(in crate::book) sub_openid: Option<String>,
    pub(in crate::book) out_trade_no: Option<String>,
    pub(in crate::book) until_ms: Option<i64>,
    pub(in crate::book) numbers: Vec<String>,
}

impl Entry {
    pub(in crate::book) fn new(
        list: List,
        key: impl Into<String>,
        at_ms: i64,
        state: &'static str,
    ) -> Self {
        let key = key.into();
        Self {
            list,
            numbers: vec![key.clone()],
            key,
            at_ms,
            state,
            waiting: false,
            moved_at_ms: None,
            money: None,
            trade_type: None,
            link: None,
            openid: None,
            sub_openid: None,
            out_trade_no: None,
            until_ms: None,
        }
    }
}

/// A stored row of the index.
pub(in crate::book) struct Indexed {
    pub(in crate::book) at_ms: i64,
    pub(in crate::book) state: String,
    pub(in crate::book) moved_at_ms: Option<i64>,
    pub(in crate::book) link: Option<String>,
    pub(in crate::book) out_trade_no: Option<String>,
}

/// Writes a row of the index, or its changes. `n` is the number of a new row,
/// where it is not to be the next one. Returns the row's number.
pub(in crate::book) fn put(
    storage: &impl Storage,
    entry: &Entry,
    n: Option<i64>,
) -> Result<i64, StorageError> {
    integer(
        storage,
        "INSERT INTO listed(n, list, key, at_ms, state, waiting, moved_at_ms, amount,
            currency, trade_type, link, openid, sub_openid, out_trade_no, until_ms)
         VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT(list, key) DO UPDATE SET
            state = excluded.state, waiting = excluded.waiting,
            moved_at_ms = excluded.moved_at_ms, amount = excluded.amount,
            currency = excluded.currency, link = coalesce(excluded.link, link),
            openid = excluded.openid, sub_openid = excluded.sub_openid
         RETURNING n",
        &[
            n.into(),
            entry.list.into(),
            entry.key.as_str().into(),
            entry.at_ms.into(),
            entry.state.into(),
            i64::from(entry.waiting).into(),
            entry.moved_at_ms.into(),
            entry.money.map(Money::amount_minor).into(),
            entry.money.map(|money| money.currency().code()).into(),
            entry.trade_type.map(TradeType::as_str).into(),
            entry.link.as_deref().into(),
            entry.openid.as_deref().into(),
            entry.sub_openid.as_deref().into(),
            entry.out_trade_no.as_deref().into(),
            entry.until_ms.into(),
        ],
    )
}

/// Stores a number that finds row `n`.
pub(in crate::book) fn add_number(
    storage: &impl Storage,
    list: List,
    number: &str,
    n: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT OR IGNORE INTO numbers(list, number, n) VALUES(?, ?, ?)",
        &[list.into(), number.into(), n.into()],
    )?;
    Ok(())
}

/// The smallest number of a row.
pub(in crate::book) fn least_n(storage: &impl Storage) -> Result<Option<i64>, StorageError> {
    let least = first(storage, "SELECT min(n) FROM listed", &[], |row| {
        row.int_or_null(0)
    })?;
    Ok(least.flatten())
}

pub(in crate::book) fn find(
    storage: &impl Storage,
    list: List,
    key: &str,
) -> Result<Option<Indexed>, StorageError> {
    first(
        storage,
        "SELECT at_ms, state, moved_at_ms, link, out_trade_no FROM listed
         WHERE list = ? AND key = ?",
        &[list.into(), key.into()],
        |row| {
            Ok(Indexed {
                at_ms: row.int(0)?,
                state: row.text(1)?.to_owned(),
                moved_at_ms: row.int_or_null(2)?,
                link: super::owned_or_null(row, 3)?,
                out_trade_no: super::owned_or_null(row, 4)?,
            })
        },
    )
}

/// When a payment link last sold something: the latest payment among its last fifty
/// purchases, most of which may be unpaid.
pub(in crate::book) fn last_sale(
    storage: &impl Storage,
    link: &str,
) -> Result<Option<i64>, StorageError> {
    let last = first(
        storage,
        "SELECT max(moved_at_ms) FROM
            (SELECT moved_at_ms FROM listed INDEXED BY listed_link
             WHERE list = ? AND link = ? ORDER BY at_ms DESC LIMIT 50)",
        &[List::Checkouts.into(), link.into()],
        |row| row.int_or_null(0),
    )?;
    Ok(last.flatten())
}

/// Marks the checkout that has made an attempt under this number as paid.
pub(in crate::book) fn mark_checkout_paid(
    storage: &impl Storage,
    number: &str,
    paid_at_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE listed SET state = 'paid', moved_at_ms = ?1
         WHERE list = 3 AND key =
            (SELECT checkout_id FROM attempts WHERE out_trade_no = ?2)",
        &[paid_at_ms.into(), number.into()],
    )?;
    Ok(())
}

/// Copies the payment link of the checkout to the order that is its attempt.
pub(in crate::book) fn copy_link_of_checkout(
    storage: &impl Storage,
    number: &str,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE listed SET link = checkout.link
         FROM (SELECT link FROM listed WHERE list = 3 AND key =
            (SELECT checkout_id FROM attempts WHERE out_trade_no = ?1)) AS checkout
         WHERE list = 1 AND key = ?1 AND checkout.link IS NOT NULL",
        &[number.into()],
    )?;
    Ok(())
}

/// Copies what finds a link's purchase, apart from the numbers of its attempts,
/// to the order that is its attempt: the answers to the link's fields.
pub(in crate::book) fn copy_answers_of_checkout(
    storage: &impl Storage,
    number: &str,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT OR IGNORE INTO numbers(list, number, n)
         SELECT 1, number, (SELECT n FROM listed WHERE list = 1 AND key = ?1)
         FROM numbers WHERE n = (
            SELECT n FROM listed WHERE list = 3 AND link IS NOT NULL AND key =
                (SELECT checkout_id FROM attempts WHERE out_trade_no = ?1))
         AND number NOT IN (
            SELECT out_trade_no FROM attempts WHERE checkout_id =
                (SELECT checkout_id FROM attempts WHERE out_trade_no = ?1))",
        &[number.into()],
    )?;
    Ok(())
}

/// Writes the state of an unpaid checkout. Returns the number of its row;
/// `None` where it is not indexed yet.
pub(in crate::book) fn set_checkout_state(
    storage: &impl Storage,
    id: &str,
    state: &str,
) -> Result<Option<i64>, StorageError> {
    first(
        storage,
        "UPDATE listed SET state = CASE WHEN moved_at_ms IS NULL THEN ?1 ELSE state END
         WHERE list = 3 AND key = ?2 RETURNING n",
        &[state.into(), id.into()],
        |row| row.int(0),
    )
}

/// An alarm about an order.
pub(in crate::book) struct OrdersAlarm {
    pub(in crate::book) at_ms: i64,
    pub(in crate::book) name: String,
}

/// The latest hundred open alarms about an order, newest first.
pub(in crate::book) fn alarms_of_order(
    storage: &impl Storage,
    number: &str,
) -> Result<Vec<OrdersAlarm>, StorageError> {
    all(
        storage,
        "SELECT at_ms, state FROM listed WHERE list = ? AND out_trade_no = ?
         ORDER BY at_ms DESC LIMIT 100",
        &[List::Alarms.into(), number.into()],
        |row| {
            Ok(OrdersAlarm {
                at_ms: row.int(0)?,
                name: row.text(1)?.to_owned(),
            })
        },
    )
}

/// The latest two hundred deliveries of events about an order, newest first.
pub(in crate::book) fn event_deliveries_of_order(
    storage: &impl Storage,
    number: &str,
) -> Result<Vec<i64>, StorageError> {
    all(
        storage,
        "SELECT CAST(key AS INTEGER) AS id FROM listed WHERE list = ? AND out_trade_no = ?
            AND id > ? ORDER BY at_ms DESC, n DESC LIMIT 200",
        &[
            List::Deliveries.into(),
            number.into(),
            super::event_deliveries::IDS_ABOVE.into(),
        ],
        |row| row.int(0),
    )
}

/// What was paid or refunded, in one currency.
pub(in crate::book) struct Sum {
    pub(in crate::book) currency: String,
    pub(in crate::book) amount: i64,
    pub(in crate::book) count: i64,
}

/// The sums of a period. Its beginning and its end are whole quarters of an
/// hour, Unix milliseconds.
pub(in crate::book) fn sums(
    storage: &impl Storage,
    list: List,
    from_ms: i64,
    to_ms: i64,
) -> Result<Vec<Sum>, StorageError> {
    all(
        storage,
        "SELECT currency, sum(amount), sum(count) FROM sums
         WHERE list = ? AND bucket >= ? AND bucket < ? GROUP BY currency",
        &[
            list.into(),
            from_ms.div_euclid(BUCKET_MS).into(),
            to_ms.div_euclid(BUCKET_MS).into(),
        ],
        |row| {
            Ok(Sum {
                currency: row.text(0)?.to_owned(),
                amount: row.int(1)?,
                count: row.int(2)?,
            })
        },
    )
}

// Rows of an earlier version.

/// The tables with rows of an earlier version, and the column of each one's
/// key, in the order in which they are indexed. Refunds are indexed with their
/// orders.
const SOURCES: [(List, &str, &str); 5] = [
    (List::Links, "links", "id"),
    (List::Checkouts, "checkouts", "id"),
    (List::Orders, "orders", "out_trade_no"),
    (List::Deliveries, "deliveries", "CAST(id AS TEXT)"),
    (List::Alarms, "alarms", "name || ' ' || subject"),
];

/// Marks every stored row as still to be indexed.
pub(super) fn begin_fills(storage: &impl Storage) -> Result<(), StorageError> {
    for (list, table, _) in SOURCES {
        let sql = format!("SELECT max(rowid) FROM {table}");
        let newest = first(storage, &sql, &[], |row| row.int_or_null(0))?;
        if let Some(newest) = newest.flatten() {
            storage.exec(
                "INSERT INTO fills(list, before) VALUES(?, ?)",
                &[list.into(), (newest + 1).into()],
            )?;
        }
    }
    Ok(())
}

/// Whether rows that were stored before the index was made are still to be
/// indexed.
pub(in crate::book) fn has_fills(storage: &impl Storage) -> Result<bool, StorageError> {
    exists(storage, "SELECT 1 FROM fills LIMIT 1", &[])
}

/// How far the rows of one table are indexed.
pub(in crate::book) struct Fill {
    pub(in crate::book) list: List,
    table: &'static str,
    key: &'static str,
    before: i64,
}

/// The next table with rows to index.
pub(in crate::book) fn next_fill(storage: &impl Storage) -> Result<Option<Fill>, StorageError> {
    for (list, table, key) in SOURCES {
        let sql = "SELECT before FROM fills WHERE list = ?";
        if let Some(before) = first(storage, sql, &[list.into()], |row| row.int(0))? {
            return Ok(Some(Fill {
                list,
                table,
                key,
                before,
            }));
        }
    }
    Ok(None)
}

/// The keys of the next rows to index, newest first, at most `limit`. Marks
/// them as indexed: the caller indexes them in the same transaction.
pub(in crate::book) fn take_slice(
    storage: &impl Storage,
    fill: &Fill,
    at_most: i64,
) -> Result<Vec<String>, StorageError> {
    let Fill {
        list,
        table,
        key,
        before,
    } = fill;
    let sql =
        format!("SELECT rowid, {key} FROM {table} WHERE rowid < ? ORDER BY rowid DESC LIMIT ?");
    let rows = all(storage, &sql, &[(*before).into(), at_most.into()], |row| {
        Ok((row.int(0)?, row.text(1)?.to_owned()))
    })?;
    let is_last = i64::try_from(rows.len()).is_ok_and(|n| n < at_most);
    match rows.last().filter(|_| !is_last) {
        Some((rowid, _)) => storage.exec(
            "UPDATE fills SET before = ? WHERE list = ?",
            &[(*rowid).into(), (*list).into()],
        ),
        None => storage.exec("DELETE FROM fills WHERE list = ?", &[(*list).into()]),
    }?;
    Ok(rows.into_iter().map(|(_, key)| key).collect())
}

/// Whether an earlier version has written rows after a rollback.
pub(in crate::book) fn has_unlisted(storage: &impl Storage) -> Result<bool, StorageError> {
    exists(storage, "SELECT 1 FROM unlisted LIMIT 1", &[])
}

/// Rows that an earlier version has written after a rollback, at most `limit`:
/// orders and checkouts.
pub(in crate::book) fn unlisted(
    storage: &impl Storage,
    at_most: i64,
) -> Result<Vec<(List, String)>, StorageError> {
    all(
        storage,
        "SELECT list, key FROM unlisted LIMIT ?",
        &[at_most.into()],
        |row| {
            let list = match row.int(0)? {
                1 => List::Orders,
                _ => List::Checkouts,
            };
            Ok((list, row.text(1)?.to_owned()))
        },
    )
}

pub(in crate::book) fn remove_unlisted(
    storage: &impl Storage,
    list: List,
    key: &str,
) -> Result<(), StorageError> {
    storage.exec(
        "DELETE FROM unlisted WHERE list = ? AND key = ?",
        &[list.into(), key.into()],
    )?;
    Ok(())
}

/// Indexes an open alarm.
pub(in crate::book) fn put_alarm(
    storage: &impl Storage,
    key: &str,
    name: &str,
    subject: &str,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT OR IGNORE INTO listed(list, key, at_ms, state, out_trade_no)
         SELECT 6, ?1, last_at_ms, name, subject FROM alarms
         WHERE name = ?2 AND subject = ?3",
        &[key.into(), name.into(), subject.into()],
    )?;
    storage.exec(
        "INSERT OR IGNORE INTO numbers SELECT 6, ?2, n FROM listed
         WHERE list = 6 AND key = ?1",
        &[key.into(), subject.into()],
    )?;
    Ok(())
}
