//! Implements [`Storage`] with an object's SQLite file.
//!
//! Statements run in a transaction that stays open until the executor has run
//! every future that is ready; then it is committed, with one `fsync` for all
//! of them, and the [`Gate`] opens. `atomically` is a savepoint in it.
//!
//! The object's alarm is a row in the same file, so it is set in the same
//! transaction as the rows that need it.

use crate::gate::Gate;
use gateway::runtime::{Row, Storage, StorageError, StorageFault, Value};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, ToSql, TransactionState};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::path::Path;
use std::rc::Rc;

/// How many prepared statements an object keeps: more than an order uses until
/// it is paid and delivered. With fewer, each would be prepared each time.
const MOST_STATEMENTS: usize = 256;

/// One object's database. Clones are the same database.
#[derive(Clone)]
pub struct SqliteStorage(Rc<Inner>);

struct Inner {
    database: Connection,
    gate: Gate,
    /// Messages to listeners, sent after the commit.
    messages: RefCell<Vec<(String, String)>>,
    /// Whether a commit is scheduled.
    scheduled: Cell<bool>,
    /// The size, read once between two commits.
    size_bytes: Cell<Option<i64>>,
    /// Called after each commit, and when the database fails.
    report: Box<dyn Fn(Report)>,
}

/// What happened to a database.
#[derive(Debug)]
pub enum Report {
    /// A commit succeeded.
    Committed(Committed),
    /// Something failed that no caller receives: what and why, for the log.
    Failed(String),
}

/// The results of a commit.
#[derive(Debug)]
pub struct Committed {
    /// When the object's alarm is due.
    pub alarm_ms: Option<i64>,
    /// Tags and texts for listeners.
    pub messages: Vec<(String, String)>,
}

impl fmt::Debug for SqliteStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SqliteStorage")
    }
}

impl SqliteStorage {
    /// Opens or creates the file. `report` is called after every commit, and when
    /// the database fails.
    ///
    /// # Errors
    ///
    /// The file cannot be opened, is not a database, or is damaged.
    pub fn open(path: &Path, report: impl Fn(Report) + 'static) -> Result<Self, StorageError> {
        let database = Connection::open(path).map_err(refused)?;
        // FULL: a commit is on disk when it returns, also after a power cut.
        database
            .execute_batch(
                "PRAGMA journal_mode = WAL;
                 PRAGMA synchronous = FULL;
                 PRAGMA trusted_schema = OFF;
                 CREATE TABLE IF NOT EXISTS weceive_alarm(
                    id INTEGER PRIMARY KEY CHECK (id IN (1, 2)), at_ms INTEGER NOT NULL)",
            )
            .map_err(refused)?;
        database.set_prepared_statement_cache_capacity(MOST_STATEMENTS);
        Ok(Self(Rc::new(Inner {
            database,
            gate: Gate::default(),
            messages: RefCell::default(),
            scheduled: Cell::new(false),
            size_bytes: Cell::new(None),
            report: Box::new(report),
        })))
    }

    /// The object's output gate.
    pub fn gate(&self) -> &Gate {
        &self.0.gate
    }

    /// When the object's alarm is due. An alarm that was started and not
    /// finished counts only in a file that has just been opened.
    ///
    /// # Errors
    ///
    /// The database refused the statement.
    pub fn alarm_ms(&self, just_opened: bool) -> Result<Option<i64>, StorageError> {
        let sql = "SELECT min(at_ms) FROM weceive_alarm WHERE id = 1 OR ?";
        let mut statement = self.0.database.prepare_cached(sql).map_err(refused)?;
        let found = statement.query_row([just_opened], |row| row.get(0));
        found.map_err(refused)
    }

    /// Starts the alarm that was due at `at_ms`. Row 2 keeps it until it is
    /// finished; meanwhile the object may set the next one, in row 1.
    ///
    /// # Errors
    ///
    /// The database refused the statement.
    pub fn alarm_begins(&self, at_ms: i64) -> Result<(), StorageError> {
        self.exec("DELETE FROM weceive_alarm", &[])?;
        let sql = "INSERT INTO weceive_alarm(id, at_ms) VALUES(2, ?)";
        self.exec(sql, &[at_ms.into()]).map(drop)
    }

    /// Finishes the alarm that was started.
    ///
    /// # Errors
    ///
    /// The database refused the statement.
    pub fn alarm_done(&self) -> Result<(), StorageError> {
        let sql = "DELETE FROM weceive_alarm WHERE id = 2";
        self.exec(sql, &[]).map(drop)
    }

    /// Begins the transaction of the next statements, and schedules its commit.
    fn begin(&self) -> Result<(), StorageError> {
        if let Some(fault) = self.0.gate.broken() {
            return Err(StorageError::of(fault, "an earlier commit has failed"));
        }
        if self.0.database.is_autocommit() {
            self.run("BEGIN")?;
        }
        if !self.0.scheduled.replace(true) {
            let storage = self.clone();
            tokio::task::spawn_local(async move {
                // Every future that is ready runs before the commit.
                tokio::task::yield_now().await;
                storage.commit();
            });
        }
        Ok(())
    }

    /// Commits the open transaction now.
    pub fn commit(&self) {
        self.0.scheduled.set(false);
        self.0.size_bytes.set(None);
        if self.0.database.is_autocommit() {
            self.check_transaction(StorageFault::Gateway);
            return;
        }
        let committed = self.alarm_ms(false).and_then(|alarm_ms| {
            self.run("COMMIT")?;
            Ok(alarm_ms)
        });
        match committed {
            Ok(alarm_ms) => {
                self.0.gate.open();
                let messages = self.0.messages.take();
                (self.0.report)(Report::Committed(Committed { alarm_ms, messages }));
            }
            Err(error) => {
                self.failed(format_args!("a commit failed: {error}"));
                // A full disk has undone the transaction.
                if !self.0.database.is_autocommit()
                    && let Err(error) = self.run("ROLLBACK")
                {
                    self.failed(format_args!("the failed commit was not undone: {error}"));
                }
                self.0.messages.take();
                self.0.gate.fail(error.fault);
            }
        }
    }

    /// A full disk makes SQLite undo a whole transaction, not one statement: it
    /// also loses what earlier requests wrote in it.
    fn check_transaction(&self, fault: StorageFault) {
        if self.0.database.is_autocommit()
            && self.0.gate.is_closed()
            && self.0.gate.broken().is_none()
        {
            self.0.messages.take();
            self.0.gate.fail(fault);
        }
    }

    fn failed(&self, what: fmt::Arguments<'_>) {
        (self.0.report)(Report::Failed(what.to_string()));
    }

    fn run(&self, sql: &str) -> Result<(), StorageError> {
        let mut statement = self.0.database.prepare_cached(sql).map_err(refused)?;
        statement.execute([]).map(drop).map_err(refused)
    }
}

impl Storage for SqliteStorage {
    fn exec(&self, sql: &str, args: &[Value]) -> Result<Vec<Row>, StorageError> {
        self.begin()?;
        let ran = self.query(sql, args);
        if let Err(error) = &ran {
            self.check_transaction(error.fault);
        }
        ran
    }

    fn atomically<T, E: From<StorageError>>(
        &self,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        self.begin()?;
        self.run("SAVEPOINT work")?;
        let done = match work() {
            Ok(value) => self.run("RELEASE work").map(|()| value).map_err(E::from),
            // A full disk has undone the whole transaction.
            Err(error) if self.0.database.is_autocommit() => Err(error),
            Err(error) => {
                self.run("ROLLBACK TO work")?;
                self.run("RELEASE work")?;
                Err(error)
            }
        };
        self.check_transaction(StorageFault::Gateway);
        done
    }

    fn size_bytes(&self) -> i64 {
        if let Some(size) = self.0.size_bytes.get() {
            return size;
        }
        let pragma = |sql: &str| -> rusqlite::Result<i64> {
            let mut statement = self.0.database.prepare_cached(sql)?;
            statement.query_row([], |row| row.get(0))
        };
        // Pages on the free list are used before the file grows.
        let size = pragma("PRAGMA page_count").and_then(|pages| {
            let free = pragma("PRAGMA freelist_count")?;
            Ok((pages - free) * pragma("PRAGMA page_size")?)
        });
        let size = size.unwrap_or_else(|error| {
            self.failed(format_args!("the size was not read: {error}"));
            0
        });
        self.0.size_bytes.set(Some(size));
        size
    }

    fn set_alarm(&self, at_ms: i64) {
        let set = self.exec(
            "INSERT INTO weceive_alarm(id, at_ms) VALUES(1, ?1)
             ON CONFLICT(id) DO UPDATE SET at_ms = ?1",
            &[at_ms.into()],
        );
        if let Err(error) = set {
            // Without its alarm an order could wait for ever, so nothing of
            // this transaction may leave.
            self.failed(format_args!("the alarm was not set: {error}"));
            self.0.gate.fail(error.fault);
        }
    }

    fn notify_listeners(&self, tag: &str, text: &str) {
        let message = (tag.to_owned(), text.to_owned());
        self.0.messages.borrow_mut().push(message);
        // The message follows earlier writes of the same transaction. Without a
        // commit it is not sent, and the page polls.
        if let Err(error) = self.begin() {
            self.failed(format_args!("no page was notified of a change: {error}"));
        }
    }
}

impl SqliteStorage {
    fn query(&self, sql: &str, args: &[Value]) -> Result<Vec<Row>, StorageError> {
        let mut statement = self.0.database.prepare_cached(sql).map_err(refused)?;
        let columns = statement.column_count();
        let args = rusqlite::params_from_iter(args.iter().map(Argument));
        let mut rows = statement.query(args).map_err(refused)?;
        let mut read = Vec::new();
        while let Some(row) = rows.next().map_err(refused)? {
            let values = (0..columns).map(|column| match row.get_ref(column).map_err(refused)? {
                ValueRef::Null => Ok(Value::Null),
                ValueRef::Integer(int) => Ok(Value::Int(int)),
                ValueRef::Text(bytes) => std::str::from_utf8(bytes)
                    .map(|text| Value::Text(text.to_owned()))
                    .map_err(|_| StorageError::new("a text that is not UTF-8")),
                ValueRef::Real(_) | ValueRef::Blob(_) => {
                    Err(StorageError::new("a value of another type"))
                }
            });
            read.push(Row(values.collect::<Result<_, _>>()?));
        }
        let state = self.0.database.transaction_state(None::<&str>);
        if matches!(state, Ok(TransactionState::Write)) {
            self.0.gate.close();
        }
        Ok(read)
    }
}

struct Argument<'a>(&'a Value);

impl ToSql for Argument<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Value::Null => ToSqlOutput::from(rusqlite::types::Null),
            Value::Int(int) => ToSqlOutput::from(*int),
            Value::Text(text) => ToSqlOutput::from(text.as_str()),
        })
    }
}

fn refused(error: rusqlite::Error) -> StorageError {
    let fault = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StorageFault::DiskFull,
        Some(
            ErrorCode::SystemIoFailure
            | ErrorCode::ReadOnly
            | ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase,
        ) => StorageFault::DiskUnusable,
        _ => StorageFault::Gateway,
    };
    StorageError::of(fault, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::path::PathBuf;
    use tokio::task::LocalSet;

    fn file(name: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("weceive-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let file = directory.join(format!("{name}.sqlite"));
        for ending in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{ending}", file.display()));
        }
        file
    }

    fn on_one_thread(work: impl Future<Output = ()>) {
        let executor = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        LocalSet::new().block_on(&executor.unwrap(), work);
    }

    fn counting(file: &Path) -> (SqliteStorage, Rc<RefCell<Vec<Committed>>>) {
        let commits = Rc::new(RefCell::new(Vec::new()));
        let seen = commits.clone();
        let storage = SqliteStorage::open(file, move |report| {
            if let Report::Committed(committed) = report {
                seen.borrow_mut().push(committed);
            }
        });
        (storage.unwrap(), commits)
    }

    #[test]
    fn the_native_storage_keeps_the_contract_and_its_writes() {
        on_one_thread(async {
            let path = file("contract");
            let (storage, commits) = counting(&path);
            memory_runtime::contract::check(&storage);
            storage.gate().passed().await.unwrap();
            assert_eq!(commits.borrow().len(), 1);
            let (again, _) = counting(&path);
            let sql = "SELECT n FROM numbers ORDER BY n";
            assert_eq!(again.exec(sql, &[]), storage.exec(sql, &[]));
            assert_eq!(again.exec(sql, &[]).unwrap().len(), 6);
        });
    }

    #[test]
    fn requests_that_are_ready_together_share_one_commit_and_wait_for_it() {
        on_one_thread(async {
            let (storage, commits) = counting(&file("shared"));
            storage.exec("CREATE TABLE t(n INTEGER)", &[]).unwrap();
            for n in 0..10 {
                storage
                    .exec("INSERT INTO t VALUES(?)", &[n.into()])
                    .unwrap();
            }
            storage.notify_listeners("tag", "look");
            assert!(storage.gate().passed().now_or_never().is_none());
            assert!(commits.borrow().is_empty());
            assert_eq!(storage.gate().passed().await, Ok(()));
            assert_eq!(commits.borrow().len(), 1);
            let messages = &commits.borrow()[0].messages;
            assert_eq!(messages, &[("tag".to_owned(), "look".to_owned())]);
        });
    }

    #[test]
    fn a_read_does_not_close_the_gate() {
        on_one_thread(async {
            let (storage, _) = counting(&file("read"));
            storage.exec("CREATE TABLE t(n INTEGER)", &[]).unwrap();
            storage.gate().passed().await.unwrap();
            assert_eq!(storage.exec("SELECT n FROM t", &[]).unwrap(), []);
            assert_eq!(storage.gate().passed().now_or_never(), Some(Ok(())));
        });
    }

    #[test]
    fn a_failed_savepoint_is_undone_and_the_rest_of_the_transaction_stays() {
        on_one_thread(async {
            let (storage, _) = counting(&file("undone"));
            storage.exec("CREATE TABLE t(n INTEGER)", &[]).unwrap();
            storage.exec("INSERT INTO t VALUES(1)", &[]).unwrap();
            let done: Result<(), StorageError> = storage.atomically(|| {
                storage.exec("INSERT INTO t VALUES(2)", &[])?;
                Err(StorageError::new("no"))
            });
            assert!(done.is_err());
            storage.gate().passed().await.unwrap();
            let rows = storage.exec("SELECT n FROM t", &[]).unwrap();
            assert_eq!(rows, [Row(vec![Value::Int(1)])]);
        });
    }

    /// A deferred foreign key is checked by COMMIT, which therefore fails.
    #[test]
    fn a_failed_commit_refuses_everything_that_waits_and_undoes_its_writes() {
        on_one_thread(async {
            let path = file("failed");
            let (storage, commits) = counting(&path);
            for sql in [
                "PRAGMA foreign_keys = ON",
                "CREATE TABLE a(n INTEGER PRIMARY KEY)",
                "CREATE TABLE b(n INTEGER REFERENCES a(n) DEFERRABLE INITIALLY DEFERRED)",
            ] {
                storage.0.database.execute_batch(sql).unwrap();
            }
            storage.exec("INSERT INTO a VALUES(1)", &[]).unwrap();
            storage.exec("INSERT INTO b VALUES(7)", &[]).unwrap();
            storage.notify_listeners("tag", "look");
            assert!(storage.gate().passed().await.is_err());
            assert_eq!(storage.gate().broken(), Some(StorageFault::Gateway));
            assert!(commits.borrow().is_empty(), "no message leaves");
            assert!(
                storage.exec("SELECT 1", &[]).is_err(),
                "it is not used again"
            );
            let (again, _) = counting(&path);
            assert_eq!(again.exec("SELECT n FROM a", &[]).unwrap(), []);
        });
    }

    /// A size limit simulates a full disk.
    #[test]
    fn a_full_disk_is_an_error_and_loses_no_acknowledged_row() {
        on_one_thread(async {
            let (storage, _) = counting(&file("full"));
            storage.exec("CREATE TABLE t(text TEXT)", &[]).unwrap();
            storage.exec("INSERT INTO t VALUES('kept')", &[]).unwrap();
            storage.gate().passed().await.unwrap();
            let pages = "PRAGMA max_page_count = 1";
            storage.0.database.query_row(pages, [], |_| Ok(())).unwrap();
            let long = "x".repeat(100_000);
            let refused: Result<(), StorageError> = storage.atomically(|| {
                storage.exec("INSERT INTO t VALUES(?)", &[long.into()])?;
                Ok(())
            });
            let refused = refused.unwrap_err();
            assert_eq!(refused.fault, StorageFault::DiskFull, "{refused}");
            assert!(refused.to_string().contains("full"), "{refused}");
            let _ = storage.gate().passed().await;
            let found: i64 = storage
                .0
                .database
                .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
                .unwrap();
            assert_eq!(found, 1);
        });
    }

    /// A book that cannot be read is an error with SQLite's name for it, and no
    /// empty book takes its place.
    #[test]
    fn a_damaged_file_is_a_named_error_and_stays_as_it_is() {
        on_one_thread(async {
            let path = file("no-database");
            std::fs::write(&path, "this is no database, ".repeat(100)).unwrap();
            let before = std::fs::read(&path).unwrap();
            let refused = SqliteStorage::open(&path, |_| {}).unwrap_err();
            assert!(refused.to_string().contains("not a database"), "{refused}");
            assert_eq!(refused.fault, StorageFault::DiskUnusable);
            assert_eq!(std::fs::read(&path).unwrap(), before);

            // Damage in the middle is found when it is read.
            let path = file("damaged");
            let (storage, _) = counting(&path);
            storage.exec("CREATE TABLE t(text TEXT)", &[]).unwrap();
            for _ in 0..50 {
                let row = "x".repeat(1000).into();
                storage.exec("INSERT INTO t VALUES(?)", &[row]).unwrap();
            }
            storage.gate().passed().await.unwrap();
            drop(storage);
            let mut bytes = std::fs::read(&path).unwrap();
            let middle = bytes.len() / 3 * 2;
            bytes[middle..].fill(0xff);
            std::fs::write(&path, bytes).unwrap();
            let (storage, _) = counting(&path);
            let refused = storage.exec("SELECT sum(length(text)) FROM t WHERE text > 'a'", &[]);
            let refused = refused.unwrap_err();
            assert!(refused.to_string().contains("malformed"), "{refused}");
            assert_eq!(refused.fault, StorageFault::DiskUnusable);
        });
    }

    #[test]
    fn a_directory_without_write_access_is_a_named_error() {
        on_one_thread(async {
            // A directory in place of the file cannot be opened by root either.
            let path = file("directory");
            std::fs::create_dir_all(&path).unwrap();
            let refused = SqliteStorage::open(&path, |_| {}).unwrap_err();
            assert!(refused.to_string().contains("unable to open"), "{refused}");
            assert_eq!(refused.fault, StorageFault::DiskUnusable);
            std::fs::remove_dir(&path).unwrap();

            // What SQLite says where the file system is read-only.
            let path = file("read-only");
            let (storage, commits) = counting(&path);
            storage.exec("CREATE TABLE t(n INTEGER)", &[]).unwrap();
            storage.gate().passed().await.unwrap();
            let read_only = "PRAGMA query_only = ON";
            storage.0.database.execute_batch(read_only).unwrap();
            let refused = storage.exec("INSERT INTO t VALUES(1)", &[]).unwrap_err();
            assert!(refused.to_string().contains("readonly"), "{refused}");
            assert_eq!(refused.fault, StorageFault::DiskUnusable);
            assert_eq!(commits.borrow().len(), 1, "nothing more is committed");
        });
    }

    #[test]
    fn an_unfinished_alarm_is_due_again_after_a_crash() {
        on_one_thread(async {
            let path = file("alarm");
            let (storage, commits) = counting(&path);
            storage.set_alarm(5_000);
            storage.gate().passed().await.unwrap();
            assert_eq!(commits.borrow()[0].alarm_ms, Some(5_000));
            storage.alarm_begins(5_000).unwrap();
            storage.gate().passed().await.unwrap();
            assert_eq!(storage.alarm_ms(false).unwrap(), None);
            let (again, _) = counting(&path);
            assert_eq!(again.alarm_ms(true).unwrap(), Some(5_000));
            storage.set_alarm(9_000);
            storage.alarm_done().unwrap();
            storage.gate().passed().await.unwrap();
            assert_eq!(again.alarm_ms(true).unwrap(), Some(9_000));
        });
    }
}
