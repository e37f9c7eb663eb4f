//! The numbered migrations of a book, of the board and of the registry's objects:
//! from every earlier version, interrupted at every statement and resumed, and at
//! the same cost for every size.

use crate::storage::stored_versions::{BOOK_0_1_0, with_orders};
use gateway::board::Board;
use gateway::book::Book;
use gateway::config::Config;
use gateway::merchants::registry::Registry;
use gateway::runtime::{Row, Storage, StorageError, Value};
use memory_runtime::storage::read_rows_counted;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use std::cell::Cell;
use std::rc::Rc;
use tests::memory::{ADMIN_TOKEN, GATEWAY, Memory};

/// An object's storage that refuses one statement and counts SQLite's work.
struct Counted {
    database: Rc<Connection>,
    statements: Rc<Cell<u64>>,
    refused: Option<u64>,
    steps: Rc<Cell<i64>>,
}

impl Storage for Counted {
    fn exec(&self, sql: &str, args: &[Value]) -> Result<Vec<Row>, StorageError> {
        let nth = self.statements.get() + 1;
        self.statements.set(nth);
        if self.refused == Some(nth) {
            return Err(StorageError::new("refused on purpose"));
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

    fn notify_listeners(&self, _: &str, _: &str) {}
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

/// The objects that store data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Book,
    Board,
    Registry,
}

/// The outcome of an opening.
struct Opening {
    /// SQLite's instructions; `None` where the object did not open.
    steps: Option<i64>,
    /// How many statements were sent.
    statements: u64,
}

fn open(kind: Kind, database: &Rc<Connection>, refused: Option<u64>) -> Opening {
    let (steps, statements) = (Rc::default(), Rc::default());
    let storage = Counted {
        database: database.clone(),
        statements: Rc::clone(&statements),
        refused,
        steps: Rc::clone(&steps),
    };
    let runtime = Memory::default();
    let is_open = match kind {
        Kind::Book => Book::open(runtime, storage, config()).is_ok(),
        Kind::Board => Board::open(runtime, storage).is_ok(),
        Kind::Registry => Registry::open(runtime, storage).is_ok(),
    };
    Opening {
        steps: is_open.then(|| steps.get()),
        statements: statements.get(),
    }
}

fn stored(script: &str) -> Rc<Connection> {
    let database = Connection::open_in_memory().unwrap();
    database.execute_batch(script).unwrap();
    Rc::new(database)
}

fn texts(database: &Connection, sql: &str) -> Vec<String> {
    let mut statement = database.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// The tables, indexes and triggers, and every row of every table. Two values are
/// left out that may differ after an interruption: a position in the index of
/// lists, because an interrupted slice is indexed after others, and when the next
/// report to the board is due.
fn description(database: &Connection) -> Vec<String> {
    let mut all = texts(
        database,
        "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master ORDER BY 1",
    );
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1";
    for table in texts(database, tables) {
        let columns = format!(
            "SELECT group_concat(quote(name), ', ') FROM pragma_table_info('{table}')
             WHERE name <> 'n' OR '{table}' NOT IN ('listed', 'numbers')"
        );
        let columns = texts(database, &columns).concat().replace('\'', "\"");
        let quoted = format!("SELECT {columns} FROM {table}");
        let mut statement = database.prepare(&quoted).unwrap();
        let count = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            let value = |at| match row.get_ref(at).unwrap() {
                ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                other => format!("{other:?}"),
            };
            let values: Vec<String> = (0..count).map(value).collect();
            Ok(format!("{table} {}", values.join(" ")))
        };
        let rows = statement.query_map([], row).unwrap();
        let mut rows: Vec<String> = rows.map(Result::unwrap).collect();
        rows.retain(|row| !row.starts_with("facts reporting "));
        rows.sort();
        all.extend(rows);
    }
    all
}

/// A new object of each kind, and one of each version that has stored any. An
/// object between two migrations is what an interrupted opening leaves behind.
const VERSIONS: [(&str, Kind, &str); 7] = [
    ("a new book", Kind::Book, ""),
    ("a book of 0.1.0", Kind::Book, BOOK_0_1_0),
    ("a new board", Kind::Board, ""),
    (
        "a board of 0.1.0",
        Kind::Board,
        include_str!("stored/board_0_1_0.sql"),
    ),
    ("a new registry", Kind::Registry, ""),
    (
        "the registry of 0.1.0",
        Kind::Registry,
        include_str!("stored/registry_0_1_0.sql"),
    ),
    (
        "a shard without a migration's number",
        Kind::Registry,
        include_str!("stored/shard_before_numbers.sql"),
    ),
];

#[test]
fn a_migration_is_interrupted_at_every_statement_and_resumed() {
    for (version, kind, script) in VERSIONS {
        let whole = stored(script);
        let opening = open(kind, &whole, None);
        assert!(opening.steps.is_some(), "{version}");
        let expected = description(&whole);
        let mut interrupted = 0;
        for nth in 1..=opening.statements {
            let database = stored(script);
            interrupted += u64::from(open(kind, &database, Some(nth)).steps.is_none());
            // The next opening goes on, however far the one before came.
            let resumed = open(kind, &database, None);
            assert!(resumed.steps.is_some(), "{version}, statement {nth}");
            assert_eq!(
                description(&database),
                expected,
                "{version}, statement {nth}"
            );
        }
        assert!(interrupted >= 8, "{version}: {interrupted}");
    }
}

/// What an earlier version has stored is still there after the migrations.
#[test]
fn a_migration_of_an_earlier_version_keeps_its_rows() {
    for (version, kind, script) in VERSIONS
        .into_iter()
        .filter(|(.., script)| !script.is_empty())
    {
        let database = stored(script);
        let is_row = |line: &String| {
            let kinds = ["table", "index", "trigger"];
            !kinds
                .iter()
                .any(|kind| line.starts_with(&format!("{kind} ")))
        };
        let before: Vec<String> = description(&database).into_iter().filter(is_row).collect();
        assert!(!before.is_empty(), "{version}");
        open(kind, &database, None);
        let after = description(&database);
        for row in before {
            // A column that was added is behind the others.
            let is_kept = after.iter().any(|line| line.starts_with(&row));
            assert!(is_kept, "{version}: {row}");
        }
    }
}

/// Every object has carried out its last migration, and stays as it is when it is
/// opened again.
#[test]
fn an_object_opens_again_without_another_migration() {
    let number = "SELECT text FROM facts WHERE name = 'schema'";
    for (version, kind, script) in VERSIONS {
        let new = stored("");
        open(kind, &new, None);
        let database = stored(script);
        open(kind, &database, None);
        assert_eq!(texts(&database, number), texts(&new, number), "{version}");
        assert_eq!(texts(&database, number).len(), 1, "{version}");
        let expected = description(&database);
        let again = open(kind, &database, None);
        assert!(again.steps.is_some(), "{version}");
        assert_eq!(description(&database), expected, "{version}");
    }
}

/// What a later version has left behind is not changed.
#[test]
fn an_object_of_a_later_version_is_not_migrated() {
    for (version, kind, script) in VERSIONS {
        let database = stored(script);
        open(kind, &database, None);
        let later = "UPDATE facts SET text = '99' WHERE name = 'schema'";
        database.execute_batch(later).unwrap();
        let expected = description(&database);
        assert!(open(kind, &database, None).steps.is_some(), "{version}");
        assert_eq!(description(&database), expected, "{version}");
    }
}

/// An object of ten million rows must open within a second: so opening a book of
/// an earlier version costs the same for ten times the rows.
#[test]
fn a_migration_costs_the_same_for_every_size() {
    let cost = |orders| open(Kind::Book, &stored(&with_orders(orders)), None).steps;
    let steps = [3_000, 30_000].map(|orders| cost(orders).unwrap());
    assert!(steps[1] < steps[0] + steps[0] / 20, "{steps:?}");
}
