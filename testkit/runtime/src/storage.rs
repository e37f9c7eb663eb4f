//! The storage of an object: real SQLite, where the writes of one poll are one
//! transaction, and any statement may be refused.
//!
//! The writes of one poll are durable together, and nothing that the poll sends
//! leaves before that: this is the contract of [`Storage`].

use gateway::runtime::{Row, Storage, StorageError, Value};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, StatementStatus, params_from_iter};
use std::cell::Cell;
use std::fmt;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

/// The faults of the storage, and a hook for the driver.
pub trait Faults: Clone + 'static {
    /// Called before an object runs a statement, and with `"BEGIN"` before it
    /// begins a transaction.
    ///
    /// # Errors
    ///
    /// The database refuses it, with this cause.
    fn before(&self, object: &str, database: &Connection, sql: &str) -> Result<(), StorageError>;

    /// The size of an object's database, as the gateway sees it.
    fn size_bytes(&self, object: &str) -> i64;

    /// Called when an object has sent a message to its listeners.
    fn listeners_notified(&self, tag: &str, text: &str);
}

/// The limits of SQLite in a Durable Object (Cloudflare's documents, "Durable
/// Objects", "Limits", and `workerd`): a statement that is too large there
/// fails here too.
const LIMITS: [(Limit, i32); 6] = [
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 100_000),
    (Limit::SQLITE_LIMIT_COLUMN, 100),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 5),
    (Limit::SQLITE_LIMIT_FUNCTION_ARG, 32),
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50),
    (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, 100),
];

/// A database, and the writes of the current poll.
pub struct Disk {
    connection: Connection,
    /// A transaction is open: something was written in this poll.
    open: Cell<bool>,
    /// Whether a transaction that may be rolled back is open.
    undoable: Cell<bool>,
    /// The alarm that this poll has set.
    alarm_ms: Cell<Option<i64>>,
}

/// The result of a poll.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Closed {
    /// Something has become durable.
    pub wrote: bool,
    /// The alarm that was set.
    pub alarm_ms: Option<i64>,
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Disk")
    }
}

impl Disk {
    /// An object's disk, with the limits of SQLite in Durable Objects.
    ///
    /// # Panics
    ///
    /// If SQLite does not take a limit.
    #[must_use]
    pub fn new(connection: Connection) -> Self {
        for (limit, most) in LIMITS {
            connection.set_limit(limit, most).expect("a limit");
        }
        Self {
            connection,
            open: Cell::new(false),
            undoable: Cell::new(false),
            alarm_ms: Cell::new(None),
        }
    }

    /// The database. Between two polls all that was written is committed.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The database, after its object has ended.
    #[must_use]
    pub fn into_connection(self) -> Connection {
        self.connection
    }

    /// The alarm, as if this poll had set it.
    pub fn set_alarm(&self, at_ms: i64) {
        self.alarm_ms.set(Some(at_ms));
    }

    /// Ends the poll: its writes become durable, or are lost in a crash.
    pub fn close_poll(&self, lost: bool) -> Closed {
        let alarm_ms = self.alarm_ms.take();
        let wrote = self.open.replace(false);
        if wrote {
            self.run(if lost { "ROLLBACK" } else { "COMMIT" });
        }
        Closed {
            wrote: wrote && !lost,
            alarm_ms: alarm_ms.filter(|_| !lost),
        }
    }

    /// Runs a future of the object; `closed` is called after each poll.
    pub async fn in_polls<T>(
        &self,
        future: impl Future<Output = T>,
        mut closed: impl FnMut(Closed),
    ) -> T {
        let mut future = pin!(future);
        std::future::poll_fn(move |context| {
            let polled: Poll<T> = Pin::new(&mut future).poll(context);
            closed(self.close_poll(false));
            polled
        })
        .await
    }

    fn run(&self, sql: &str) {
        let ran = self.connection.prepare_cached(sql);
        ran.and_then(|mut statement| statement.execute([]))
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Writes directly, as an earlier version would have.
    pub fn write(&self, sql: &str) {
        self.connection
            .execute_batch(sql)
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Reads directly, for checks.
    #[must_use]
    pub fn read(&self, sql: &str) -> Vec<Row> {
        read_rows(&self.connection, sql, &[]).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }
}

/// An object's storage.
pub struct Sqlite<F> {
    disk: Rc<Disk>,
    faults: F,
    object: Rc<str>,
}

impl<F> Sqlite<F> {
    /// The storage of the object of this name.
    pub fn new(disk: Rc<Disk>, faults: F, object: Rc<str>) -> Self {
        Self {
            disk,
            faults,
            object,
        }
    }
}

impl<F> fmt::Debug for Sqlite<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sqlite")
    }
}

impl<F: Faults> Storage for Sqlite<F> {
    fn exec(&self, sql: &str, args: &[Value]) -> Result<Vec<Row>, StorageError> {
        let disk = &self.disk;
        self.faults.before(&self.object, &disk.connection, sql)?;
        if !disk.open.get() && !sql.trim_start().starts_with("SELECT") {
            disk.run("BEGIN");
            disk.open.set(true);
        }
        read_rows(&disk.connection, sql, args)
    }

    fn atomically<T, E: From<StorageError>>(
        &self,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let disk = &self.disk;
        self.faults
            .before(&self.object, &disk.connection, "BEGIN")?;
        if !disk.open.replace(true) {
            disk.run("BEGIN");
        }
        disk.run("SAVEPOINT work");
        let outer = disk.undoable.replace(true);
        let done = work();
        disk.undoable.set(outer);
        if done.is_err() {
            disk.run("ROLLBACK TO work");
        }
        disk.run("RELEASE work");
        done
    }

    fn size_bytes(&self) -> i64 {
        self.faults.size_bytes(&self.object)
    }

    fn set_alarm(&self, at_ms: i64) {
        self.disk.set_alarm(at_ms);
    }

    /// A message leaves after the poll, like everything else; so it must not
    /// depend on a write that the poll may still roll back.
    fn notify_listeners(&self, tag: &str, text: &str) {
        assert!(
            !self.disk.undoable.get(),
            "{tag} is notified of a write that may still be undone"
        );
        self.faults.listeners_notified(tag, text);
    }
}

/// Executes one statement; returns its rows as the gateway reads them.
fn read_rows(database: &Connection, sql: &str, args: &[Value]) -> Result<Vec<Row>, StorageError> {
    Ok(read_rows_counted(database, sql, args)?.0)
}

/// Executes one statement; returns its rows, and the number of instructions of
/// SQLite's virtual machine.
///
/// # Errors
///
/// SQLite's own.
pub fn read_rows_counted(
    database: &Connection,
    sql: &str,
    args: &[Value],
) -> Result<(Vec<Row>, i64), StorageError> {
    let refused = |error: rusqlite::Error| StorageError::new(error.to_string());
    let mut statement = database.prepare_cached(sql).map_err(refused)?;
    let columns = statement.column_count();
    let args = args.iter().map(|value| match value {
        Value::Null => rusqlite::types::Value::Null,
        Value::Int(int) => rusqlite::types::Value::Integer(*int),
        Value::Text(text) => rusqlite::types::Value::Text(text.clone()),
    });
    let mut rows = statement.query(params_from_iter(args)).map_err(refused)?;
    let mut read = Vec::new();
    while let Some(row) = rows.next().map_err(refused)? {
        let values = (0..columns).map(|column| {
            Ok(match row.get_ref(column).map_err(refused)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(int) => Value::Int(int),
                ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
                other => return Err(StorageError::new(format!("a value {other:?}"))),
            })
        });
        read.push(Row(values.collect::<Result<_, StorageError>>()?));
    }
    drop(rows);
    let steps = statement.reset_status(StatementStatus::VmStep);
    Ok((read, i64::from(steps)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone)]
    struct NoFaults;

    impl Faults for NoFaults {
        fn before(&self, _: &str, _: &Connection, _: &str) -> Result<(), StorageError> {
            Ok(())
        }

        fn size_bytes(&self, _: &str) -> i64 {
            0
        }

        fn listeners_notified(&self, _: &str, _: &str) {}
    }

    #[test]
    fn the_storage_in_memory_keeps_the_contract() {
        let disk = Rc::new(Disk::new(Connection::open_in_memory().expect("a database")));
        let storage = Sqlite::new(disk.clone(), NoFaults, "book".into());
        crate::contract::check(&storage);
        assert!(disk.close_poll(false).wrote);
    }
}
