//! `days( day, phase, due_at_ms, active, json )`: the days that are compared with
//! WeChat's statements; `bookings( kind, number, day, … )`: the rows of those
//! statements. A day is a number like `20260131`.

use super::{all, exists, first, integer, owned_or_null, text};
use crate::reconcile::{Kind, Line, Ours, RecordedState};
use crate::runtime::{Row, Storage, StorageError, Value};
use wechatpay::common::bill::Decimal;

/// The tables of the seventh migration, of which none has rows before.
pub(super) const STATEMENTS: [&str; 8] = [
    "CREATE TABLE days(
        day INTEGER PRIMARY KEY, phase TEXT NOT NULL, due_at_ms INTEGER,
        active INTEGER NOT NULL, json TEXT NOT NULL)",
    "CREATE INDEX days_due ON days(due_at_ms) WHERE due_at_ms IS NOT NULL",
    "CREATE TABLE bookings(
        kind INTEGER NOT NULL, number TEXT NOT NULL, day INTEGER NOT NULL,
        out_trade_no TEXT NOT NULL, wechat_number TEXT NOT NULL, at_ms INTEGER NOT NULL,
        amount INTEGER NOT NULL, currency TEXT NOT NULL, fee_e5 INTEGER, rate TEXT,
        settlement_currency TEXT, settlement INTEGER,
        PRIMARY KEY(kind, number)) WITHOUT ROWID",
    "CREATE INDEX bookings_day ON bookings(day, kind, number)",
    "CREATE TABLE differences(
        id INTEGER PRIMARY KEY AUTOINCREMENT, day INTEGER NOT NULL, kind INTEGER NOT NULL,
        number TEXT NOT NULL, state TEXT NOT NULL, due_at_ms INTEGER, json TEXT NOT NULL)",
    "CREATE UNIQUE INDEX differences_of ON differences(day, kind, number)",
    "CREATE INDEX differences_due ON differences(day, due_at_ms) WHERE due_at_ms IS NOT NULL",
    "CREATE INDEX differences_state ON differences(state, day)",
];

/// A day as it is stored.
pub(in crate::book) struct StoredDay {
    pub(in crate::book) day: i64,
    pub(in crate::book) phase: String,
    pub(in crate::book) json: String,
}

fn day(row: &Row) -> Result<StoredDay, StorageError> {
    Ok(StoredDay {
        day: row.int(0)?,
        phase: row.text(1)?.to_owned(),
        json: row.text(2)?.to_owned(),
    })
}

/// Adds a day on which something was paid or refunded, or marks it so. Returns
/// whether it is new.
pub(in crate::book) fn add_active(
    storage: &impl Storage,
    day: i64,
    due_at_ms: i64,
) -> Result<bool, StorageError> {
    if is_active(storage, day)? {
        return Ok(false);
    }
    let is_new = !exists(storage, "SELECT 1 FROM days WHERE day = ?", &[day.into()])?;
    storage.exec(
        "INSERT INTO days(day, phase, due_at_ms, active, json) VALUES(?, 'waiting', ?, 1, '{}')
         ON CONFLICT(day) DO UPDATE SET active = 1",
        &[day.into(), due_at_ms.into()],
    )?;
    Ok(is_new)
}

/// Whether something was paid or refunded on a day, by the book or its statement.
pub(in crate::book) fn is_active(storage: &impl Storage, day: i64) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM days WHERE day = ? AND active = 1";
    exists(storage, sql, &[day.into()])
}

/// Adds a day; an existing one stays as it is.
pub(in crate::book) fn add(
    storage: &impl Storage,
    day: i64,
    due_at_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO days(day, phase, due_at_ms, active, json) VALUES(?, 'waiting', ?, 0, '{}')
         ON CONFLICT(day) DO NOTHING",
        &[day.into(), due_at_ms.into()],
    )?;
    Ok(())
}

/// The last day before this one.
pub(in crate::book) fn last_before(
    storage: &impl Storage,
    day: i64,
) -> Result<Option<i64>, StorageError> {
    first(
        storage,
        "SELECT day FROM days WHERE day < ? ORDER BY day DESC LIMIT 1",
        &[day.into()],
        |row| row.int(0),
    )
}

/// Whether there is a later day, or one since `since` with a payment or refund.
pub(in crate::book) fn goes_on(
    storage: &impl Storage,
    day: i64,
    since: i64,
) -> Result<bool, StorageError> {
    exists(
        storage,
        "SELECT 1 FROM days WHERE day > ?1 UNION ALL
         SELECT 1 FROM days WHERE day >= ?2 AND day <= ?1 AND active = 1 LIMIT 1",
        &[day.into(), since.into()],
    )
}

/// The day whose work has been due longest.
pub(in crate::book) fn longest_due(
    storage: &impl Storage,
    now_ms: i64,
) -> Result<Option<StoredDay>, StorageError> {
    first(
        storage,
        "SELECT day, phase, json FROM days WHERE due_at_ms <= ?
         ORDER BY due_at_ms, day LIMIT 1",
        &[now_ms.into()],
        day,
    )
}

pub(in crate::book) fn find(
    storage: &impl Storage,
    number: i64,
) -> Result<Option<StoredDay>, StorageError> {
    first(
        storage,
        "SELECT day, phase, json FROM days WHERE day = ?",
        &[number.into()],
        day,
    )
}

/// The days from one to another, both included, in order.
pub(in crate::book) fn between(
    storage: &impl Storage,
    from: i64,
    to: i64,
) -> Result<Vec<StoredDay>, StorageError> {
    all(
        storage,
        "SELECT day, phase, json FROM days WHERE day BETWEEN ? AND ? ORDER BY day",
        &[from.into(), to.into()],
        day,
    )
}

pub(in crate::book) fn move_timer(
    storage: &impl Storage,
    day: i64,
    due_at_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE days SET due_at_ms = ? WHERE day = ?",
        &[due_at_ms.into(), day.into()],
    )?;
    Ok(())
}

/// Writes a day; `due_at_ms` is `None` for one that needs no more work.
pub(in crate::book) fn write(
    storage: &impl Storage,
    stored: &StoredDay,
    due_at_ms: Option<i64>,
    is_active: bool,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE days SET phase = ?, due_at_ms = ?, json = ?, active = max(active, ?)
         WHERE day = ?",
        &[
            stored.phase.as_str().into(),
            due_at_ms.into(),
            stored.json.as_str().into(),
            i64::from(is_active).into(),
            stored.day.into(),
        ],
    )?;
    Ok(())
}

/// Removes the stored rows of a day's statement, inside a transaction. Differences
/// that a person has noted stay, until the statement is read again.
pub(in crate::book) fn forget(storage: &impl Storage, day: i64) -> Result<(), StorageError> {
    storage.exec("DELETE FROM bookings WHERE day = ?", &[day.into()])?;
    storage.exec(
        "DELETE FROM differences WHERE day = ? AND json_extract(json, '$.notes[0]') IS NULL",
        &[day.into()],
    )?;
    storage.exec(
        "UPDATE differences SET state = 'settled', due_at_ms = NULL,
            json = json_set(json, '$.set_aside', json('true')) WHERE day = ?",
        &[day.into()],
    )?;
    Ok(())
}

/// The payment, refund or reversed payment that the line names.
pub(in crate::book) fn ours(
    storage: &impl Storage,
    line: &Line,
) -> Result<Option<Ours>, StorageError> {
    let read = |row: &Row| {
        let state = row.text(0)?;
        let is_made = row.int_or_null(3)?.is_some() || state == "ABNORMAL";
        Ok(Ours {
            state: match (is_made, state) {
                (true, _) => RecordedState::Made,
                (false, "REVOKED") => RecordedState::Returned,
                _ => RecordedState::NotMade,
            },
            amount_minor: row.int(1)?,
            currency: row.text(2)?.to_owned(),
            is_same: row.text_or_null(4)? == Some(line.out_trade_no.as_str())
                || line.kind == Kind::Reversal,
        })
    };
    match line.kind {
        Kind::Refund => first(
            storage,
            "SELECT state, amount, currency, moved_at_ms, out_trade_no FROM listed
             WHERE list = 2 AND key = ?",
            &[line.number().into()],
            read,
        ),
        _ => first(
            storage,
            "SELECT state, amount, currency, moved_at_ms,
                (SELECT out_trade_no FROM transactions WHERE transaction_id = ?2)
             FROM listed WHERE list = 1 AND key = ?1",
            &[
                line.out_trade_no.as_str().into(),
                line.wechat_number.as_str().into(),
            ],
            read,
        ),
    }
}

/// Whether the book has this order.
pub(in crate::book) fn has_order(
    storage: &impl Storage,
    number: &str,
) -> Result<bool, StorageError> {
    exists(
        storage,
        "SELECT 1 FROM listed WHERE list = 1 AND key = ?",
        &[number.into()],
    )
}

/// The key of a row that repeats an earlier one: no number has a line feed.
pub(in crate::book) fn repeated(number: &str, day: i64, nth: i64) -> String {
    format!("{number}\n{day}.{nth}")
}

/// The number in a key.
pub(in crate::book) fn number_in(key: &str) -> &str {
    key.split_once('\n').map_or(key, |(number, _)| number)
}

/// Keeps a row of a statement, under its number or as [`repeated`].
pub(in crate::book) fn book(
    storage: &impl Storage,
    day: i64,
    key: &str,
    line: &Line,
) -> Result<(), StorageError> {
    let text = |text: Option<&str>| text.map_or(Value::Null, Value::from);
    storage.exec(
        "INSERT INTO bookings(kind, number, day, out_trade_no, wechat_number, at_ms, amount,
            currency, fee_e5, rate, settlement_currency, settlement)
         VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT(kind, number) DO NOTHING",
        &[
            (line.kind as i64).into(),
            key.into(),
            day.into(),
            line.out_trade_no.as_str().into(),
            line.wechat_number.as_str().into(),
            line.at_ms.into(),
            line.amount_minor.into(),
            line.currency.into(),
            line.fee.and_then(Decimal::to_e5).into(),
            text(line.rate.as_deref()),
            text(line.settlement_currency),
            line.settlement_minor.into(),
        ],
    )?;
    Ok(())
}

/// Whether a statement has this payment or refund.
pub(in crate::book) fn is_booked(
    storage: &impl Storage,
    kind: Kind,
    number: &str,
) -> Result<bool, StorageError> {
    exists(
        storage,
        "SELECT 1 FROM bookings WHERE kind = ? AND number = ?",
        &[(kind as i64).into(), number.into()],
    )
}

/// A payment or refund of the book, and whether a statement has it.
pub(in crate::book) struct Moved {
    pub(in crate::book) number: String,
    pub(in crate::book) at_ms: i64,
    /// Its place among those of the same time.
    pub(in crate::book) n: i64,
    pub(in crate::book) amount_minor: i64,
    pub(in crate::book) currency: String,
    /// The refund's order.
    pub(in crate::book) out_trade_no: Option<String>,
    pub(in crate::book) is_booked: bool,
}

/// The payments or refunds after a position and before a time, in order.
pub(in crate::book) fn moved(
    storage: &impl Storage,
    kind: Kind,
    (after_ms, after_n): (i64, i64),
    before_ms: i64,
    limit: i64,
) -> Result<Vec<Moved>, StorageError> {
    all(
        storage,
        "SELECT key, moved_at_ms, n, amount, currency, out_trade_no,
            EXISTS(SELECT 1 FROM bookings WHERE kind = ?1 AND number = key)
         FROM listed INDEXED BY listed_moved
         WHERE list = ?1 AND moved_at_ms IS NOT NULL AND moved_at_ms >= ?2
            AND moved_at_ms < ?4 AND (moved_at_ms > ?2 OR n > ?3)
         ORDER BY moved_at_ms, n LIMIT ?5",
        &[
            (kind as i64).into(),
            after_ms.into(),
            after_n.into(),
            before_ms.into(),
            limit.into(),
        ],
        |row| {
            Ok(Moved {
                number: row.text(0)?.to_owned(),
                at_ms: row.int(1)?,
                n: row.int(2)?,
                amount_minor: row.int(3)?,
                currency: row.text(4)?.to_owned(),
                out_trade_no: owned_or_null(row, 5)?,
                is_booked: row.int(6)? != 0,
            })
        },
    )
}

/// A row of a statement, as it is shown.
pub(in crate::book) struct Booking {
    pub(in crate::book) kind: i64,
    pub(in crate::book) number: String,
    pub(in crate::book) day: i64,
    pub(in crate::book) out_trade_no: String,
    pub(in crate::book) wechat_number: String,
    pub(in crate::book) at_ms: i64,
    pub(in crate::book) amount: i64,
    pub(in crate::book) currency: String,
    pub(in crate::book) fee_e5: Option<i64>,
    pub(in crate::book) rate: Option<String>,
    pub(in crate::book) settlement_currency: Option<String>,
    pub(in crate::book) settlement: Option<i64>,
}

/// The rows of the statements from one day to another, both included, after a
/// position.
pub(in crate::book) fn bookings(
    storage: &impl Storage,
    (day, kind, number): (i64, i64, &str),
    to: i64,
    limit: i64,
) -> Result<Vec<Booking>, StorageError> {
    all(
        storage,
        "SELECT kind, number, day, out_trade_no, wechat_number, at_ms, amount, currency,
            fee_e5, rate, settlement_currency, settlement
         FROM bookings INDEXED BY bookings_day
         WHERE (day, kind, number) > (?1, ?2, ?3) AND day <= ?4
            AND (SELECT phase FROM days WHERE days.day = bookings.day) IN ('asking', 'done')
         ORDER BY day, kind, number LIMIT ?5",
        &[
            day.into(),
            kind.into(),
            number.into(),
            to.into(),
            limit.into(),
        ],
        |row| {
            Ok(Booking {
                kind: row.int(0)?,
                number: row.text(1)?.to_owned(),
                day: row.int(2)?,
                out_trade_no: row.text(3)?.to_owned(),
                wechat_number: row.text(4)?.to_owned(),
                at_ms: row.int(5)?,
                amount: row.int(6)?,
                currency: row.text(7)?.to_owned(),
                fee_e5: row.int_or_null(8)?,
                rate: owned_or_null(row, 9)?,
                settlement_currency: owned_or_null(row, 10)?,
                settlement: row.int_or_null(11)?,
            })
        },
    )
}

/// How many differences of a day are in this state.
pub(in crate::book) fn count_in(
    storage: &impl Storage,
    day: i64,
    state: &str,
) -> Result<i64, StorageError> {
    integer(
        storage,
        "SELECT count(*) FROM differences WHERE state = ? AND day = ?",
        &[state.into(), day.into()],
    )
}

/// The order of a refund that the book has.
pub(in crate::book) fn order_of_refund(
    storage: &impl Storage,
    out_refund_no: &str,
) -> Result<Option<String>, StorageError> {
    text(
        storage,
        "SELECT out_trade_no FROM listed WHERE list = 2 AND key = ?",
        &[out_refund_no.into()],
    )
}

/// Whether the payment is kept, or the refund made or in progress.
pub(in crate::book) fn is_moved(
    storage: &impl Storage,
    kind: Kind,
    number: &str,
) -> Result<bool, StorageError> {
    exists(
        storage,
        "SELECT 1 FROM listed WHERE list = ? AND key = ? AND moved_at_ms IS NOT NULL",
        &[(kind as i64).into(), number.into()],
    )
}

/// Whether a refund is in progress.
pub(in crate::book) fn waits(
    storage: &impl Storage,
    kind: Kind,
    number: &str,
) -> Result<bool, StorageError> {
    exists(
        storage,
        "SELECT 1 FROM listed WHERE list = ? AND key = ? AND waiting = 1",
        &[(kind as i64).into(), number.into()],
    )
}

/// The day whose statement has this payment or refund.
pub(in crate::book) fn booked_on(
    storage: &impl Storage,
    kind: Kind,
    number: &str,
) -> Result<Option<i64>, StorageError> {
    first(
        storage,
        "SELECT day FROM bookings WHERE kind = ? AND number = ?",
        &[(kind as i64).into(), number.into()],
        |row| row.int(0),
    )
}

/// Writes a day's details; its phase and timer stay.
pub(in crate::book) fn set_json(
    storage: &impl Storage,
    day: i64,
    json: &str,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE days SET json = ? WHERE day = ?",
        &[json.into(), day.into()],
    )?;
    Ok(())
}
