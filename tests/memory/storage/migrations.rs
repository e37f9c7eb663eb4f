//! The numbered migrations of a book: from every earlier version, interrupted
//! at every statement and resumed, and at a cost that does not depend on the
//! size.

use crate::storage::stored_versions::{BOOK_0_1_0, with_orders};
use gateway::book::Book;
use gateway::config::Config;
use gateway::runtime::{Row, Storage, StorageError, Value};
use memory_runtime::storage::read_rows_counted;
use rusqlite::Connection;
use std::cell::Cell;
use std::rc::Rc;
use tests::memory::{ADMIN_TOKEN, GATEWAY, Memory};

/// A book's storage that refuses one statement and counts SQLite's work.
struct Counted {
    database: Rc<Connection>,
    statements: Cell<u64>,
    refused: Option<u64>,
    steps: Rc<Cell<i64>>,
}

impl Storage for Counted {
    fn exec(&self, sql: &str, args: &[Value]) -> Result<Vec<Row>, StorageError> {
        let nth = self.statements.get() + 1;
        self.statements.set(nth);
        if self.refused == Some(nth) {
            return Err(StorageError("refused on purpose".to_owned()));
        }
        let (rows, steps) = read_rows_counted(&self.database, sql, args)?;
        self.steps.set(self.steps.get() + steps);
        Ok(rows)
    }

    fn atomically<T, E: From<StorageError>>(
        &self,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        self.database.execute_batch("BEGIN IMMEDIATE").unwrap();
        let outcome = work();
        let end = if outcome.is_ok() {
            "COMMIT"
        } else {
            "ROLLBACK"
        };
        self.database.execute_batch(end).unwrap();
        outcome
    }

    fn size_bytes(&self) -> i64 {
        0
    }

    fn set_alarm(&self, _: i64) {}

    fn tell(&self, _: &str, _: &str) {}
}

fn config() -> Rc<Config> {
    let config = Config::read(|name| match name {
        "PUBLIC_URL" => Some(GATEWAY.to_owned()),
        "MASTER_KEY" => Some("7b".repeat(32)),
        "ADMIN_TOKEN" => Some(ADMIN_TOKEN.to_owned()),
        "DEVELOPMENT" => Some("1".to_owned()),
        _ => None,
    });
    Rc::new(config.unwrap())
}

/// Opens a book; returns SQLite's instructions. `None` where the book did not
/// open.
fn open(database: &Rc<Connection>, refused: Option<u64>) -> Option<i64> {
    let steps = Rc::new(Cell::new(0));
    let storage = Counted {
        database: database.clone(),
        statements: Cell::new(0),
        refused,
        steps: steps.clone(),
    };
    let opened = Book::open(Memory::default(), storage, config());
    opened.is_ok().then(|| steps.get())
}

fn stored(script: &str) -> Rc<Connection> {
    let database = Connection::open_in_memory().unwrap();
    database.execute_batch(script).unwrap();
    Rc::new(database)
}

/// The tables, indexes and triggers, the number of the last migration, and what
/// is indexed.
fn description(database: &Connection) -> Vec<String> {
    let mut all = Vec::new();
    for sql in [
        "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master ORDER BY 1",
        "SELECT text FROM facts WHERE name = 'schema'",
        "SELECT list || ' ' || key || ' ' || state FROM listed ORDER BY 1",
        "SELECT list || ' ' || bucket || ' ' || amount FROM sums ORDER BY 1",
        "SELECT list || ' ' || before FROM fills ORDER BY 1",
    ] {
        let mut statement = database.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        all.extend(rows.map(Result::unwrap));
    }
    all
}

/// A new book, and one of each earlier version that has stored any. A book
/// between two migrations is the result of an interrupted opening.
const VERSIONS: [(&str, &str); 2] = [("new", ""), ("0.1.0", BOOK_0_1_0)];

#[test]
fn a_migration_is_interrupted_at_every_statement_and_resumed() {
    for (version, script) in VERSIONS {
        let whole = stored(script);
        assert!(open(&whole, None).is_some(), "{version}");
        let expected = description(&whole);
        let mut interrupted = 0;
        for nth in 1..1_000 {
            let database = stored(script);
            if open(&database, Some(nth)).is_none() {
                interrupted += 1;
            }
            // The next opening continues, wherever the previous one stopped.
            assert!(
                open(&database, None).is_some(),
                "{version}, statement {nth}"
            );
            assert_eq!(
                description(&database),
                expected,
                "{version}, statement {nth}"
            );
            // A statement that was not reached.
            if interrupted > 0 && nth > 150 {
                break;
            }
        }
        assert!(interrupted > 30, "{version}: {interrupted}");
    }
}

/// An object of ten million rows must open within a second: so opening a book
/// of an earlier version costs the same for ten times the rows.
#[test]
fn a_migration_costs_the_same_for_every_size() {
    let steps = [3_000, 30_000].map(|orders| open(&stored(&with_orders(orders)), None).unwrap());
    assert!(steps[1] < steps[0] + steps[0] / 20, "{steps:?}");
}
