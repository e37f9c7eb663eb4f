//! The storage of the objects in memory: real SQLite, of which a test can have
//! any statement refused.

use super::Memory;
use crate::rows::read_rows;
use gateway::runtime::{Row, Storage, StorageError, Value};
use rusqlite::Connection;
use std::fmt;
use std::rc::Rc;

/// An object's storage on real SQLite.
pub struct Sqlite {
    pub(super) database: Rc<Connection>,
    pub(super) world: Memory,
    pub(super) name: String,
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sqlite")
    }
}

impl Storage for Sqlite {
    fn exec(&self, sql: &str, args: &[Value]) -> Result<Vec<Row>, StorageError> {
        {
            let mut inner = self.world.0.borrow_mut();
            inner.statements += 1;
            let statements = inner.statements;
            if inner
                .refused_statement
                .take_if(|nth| *nth == statements)
                .is_some()
            {
                return Err(StorageError("refused on purpose".to_owned()));
            }
        }
        crate::plans::watch(&self.database, sql);
        read_rows(&self.database, sql, args)
    }

    fn atomically<T, E: From<StorageError>>(
        &self,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let run = |sql: &str| {
            self.database
                .execute_batch(sql)
                .map_err(|error| E::from(StorageError(error.to_string())))
        };
        run("BEGIN IMMEDIATE")?;
        match work() {
            Ok(value) => run("COMMIT").map(|()| value),
            Err(error) => {
                run("ROLLBACK")?;
                Err(error)
            }
        }
    }

    fn size_bytes(&self) -> i64 {
        self.world.0.borrow().size_bytes
    }

    fn set_alarm(&self, at_ms: i64) {
        let mut inner = self.world.0.borrow_mut();
        inner.alarms.insert(self.name.clone(), at_ms);
    }

    fn tell(&self, tag: &str, text: &str) {
        assert!(
            self.database.is_autocommit(),
            "told of what may still be undone"
        );
        let mut inner = self.world.0.borrow_mut();
        inner.told.push((tag.to_owned(), text.to_owned()));
    }
}
