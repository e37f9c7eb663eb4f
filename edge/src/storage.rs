//! Implements the gateway's [`Storage`](gateway::runtime::Storage) with a
//! Durable Object's SQLite database and alarm.
//!
//! The runtime's output gate holds back everything that leaves the object
//! (answers, requests, messages to listeners) until all earlier writes are on
//! disk. This guarantees that nothing is answered before it is durable.

use crate::listeners::Listeners;
use gateway::runtime::{Row, Storage, StorageError, Value};
use js_sys::{Date, Object, Reflect};
use std::fmt;
use wasm_bindgen::prelude::*;
use worker::{SqlStorage, SqlStorageValue, State};

#[wasm_bindgen]
extern "C" {
    /// `DurableObjectStorage`, with the call that the `worker` crate lacks.
    type TransactionalStorage;

    #[wasm_bindgen(method, catch, js_name = transactionSync)]
    fn transaction_sync(
        this: &TransactionalStorage,
        work: &mut dyn FnMut() -> Result<JsValue, JsValue>,
    ) -> Result<JsValue, JsValue>;
}

/// One object's storage.
pub struct WorkersStorage {
    storage: worker::Storage,
    sql: SqlStorage,
    listeners: Option<Listeners>,
}

impl WorkersStorage {
    /// The storage of this object.
    pub fn of(state: &State) -> Self {
        let storage = state.storage();
        let sql = storage.sql();
        Self {
            storage,
            sql,
            listeners: None,
        }
    }

    /// With the object's listeners.
    pub fn with(mut self, listeners: Listeners) -> Self {
        self.listeners = Some(listeners);
        self
    }
}

impl fmt::Debug for WorkersStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WorkersStorage")
    }
}

impl Storage for WorkersStorage {
    fn exec(&self, sql: &str, args: &[Value]) -> Result<Vec<Row>, StorageError> {
        let bindings: Vec<SqlStorageValue> = args.iter().map(write_value).collect();
        let cursor = self.sql.exec(sql, bindings).map_err(refused)?;
        cursor
            .raw()
            .map(|row| {
                let row = row.map_err(refused)?;
                row.into_iter()
                    .map(read_value)
                    .collect::<Result<_, _>>()
                    .map(Row)
            })
            .collect()
    }

    fn atomically<T, E: From<StorageError>>(
        &self,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let storage: &TransactionalStorage = self.storage.as_raw().unchecked_ref();
        let mut work = Some(work);
        let mut outcome = None;
        // A thrown exception makes the runtime roll back.
        let ran = storage.transaction_sync(&mut || match work.take().map(|work| work()) {
            Some(Ok(value)) => {
                outcome = Some(Ok(value));
                Ok(JsValue::UNDEFINED)
            }
            Some(Err(error)) => {
                outcome = Some(Err(error));
                Err(JsValue::from_str("rolled back"))
            }
            None => Err(JsValue::from_str("the transaction was begun twice")),
        });
        match (outcome, ran) {
            (Some(Err(error)), _) => Err(error),
            (Some(Ok(value)), Ok(_)) => Ok(value),
            (_, ran) => Err(StorageError(format!("the transaction failed: {ran:?}")).into()),
        }
    }

    fn size_bytes(&self) -> i64 {
        // The `worker` crate's call has 32 bits, and an object up to ten
        // gigabytes.
        let sql = Reflect::get(self.storage.as_raw(), &"sql".into());
        let size = sql.and_then(|sql| Reflect::get(&sql, &"databaseSize".into()));
        #[expect(clippy::cast_possible_truncation, reason = "a whole number of bytes")]
        size.ok()
            .and_then(|size| size.as_f64())
            .map_or(0, |size| size as i64)
    }

    fn set_alarm(&self, at_ms: i64) {
        // The promise is not awaited: the alarm is written with the rows before
        // it, and nothing leaves the object until both are on disk.
        set_alarm(&self.storage, at_ms);
    }

    fn notify_listeners(&self, tag: &str, text: &str) {
        if let Some(listeners) = &self.listeners {
            listeners.send(tag, text);
        }
    }
}

fn set_alarm(storage: &worker::Storage, at_ms: i64) {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds fit in 53 bits")]
    let at = Date::new(&JsValue::from_f64(at_ms as f64));
    if let Err(error) = storage.as_raw().set_alarm(at, Object::new()) {
        worker::console_error!("the alarm was not set: {error:?}");
    }
}

/// The alarm of an object that could not be opened.
pub struct Alarm(worker::Storage);

impl Alarm {
    /// The alarm of this object.
    pub fn of(state: &State) -> Self {
        Self(state.storage())
    }

    /// Sets the alarm to this number of milliseconds from now.
    pub fn set_in(&self, ms: i64) {
        let now_ms = i64::try_from(worker::Date::now().as_millis()).unwrap_or_default();
        set_alarm(&self.0, now_ms + ms);
    }
}

fn write_value(value: &Value) -> SqlStorageValue {
    match value {
        Value::Null => SqlStorageValue::Null,
        Value::Int(int) => SqlStorageValue::Integer(*int),
        Value::Text(text) => SqlStorageValue::String(text.clone()),
    }
}

fn read_value(value: SqlStorageValue) -> Result<Value, StorageError> {
    match value {
        SqlStorageValue::Null => Ok(Value::Null),
        SqlStorageValue::Integer(int) => Ok(Value::Int(int)),
        SqlStorageValue::String(text) => Ok(Value::Text(text)),
        // JavaScript has one number type: integers may arrive as a float.
        #[expect(clippy::cast_possible_truncation, reason = "checked to be whole")]
        SqlStorageValue::Float(float) if float.fract() == 0.0 => Ok(Value::Int(float as i64)),
        other => Err(StorageError(format!("a value of another type: {other:?}"))),
    }
}

fn refused(error: worker::Error) -> StorageError {
    StorageError(error.to_string())
}
