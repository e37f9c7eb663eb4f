//! Implements the gateway's [`Storage`](gateway::runtime::Storage) with a
//! Durable Object's SQLite database and alarm.
//!
//! The runtime's output gate holds back everything that leaves the object
//! (answers, requests, messages to listeners) until all earlier writes are on
//! disk. This guarantees that nothing is answered before it is durable.

use crate::glue;
use crate::listeners::Listeners;
use gateway::runtime::{Row, Storage, StorageError, Value};
use js_sys::{Date, JsString, Object, Reflect};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use wasm_bindgen::prelude::*;
use worker::State;

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
    /// `SqlStorage`.
    sql: JsValue,
    listeners: Option<Listeners>,
}

impl WorkersStorage {
    /// The storage of this object.
    pub fn of(state: &State) -> Self {
        let storage = state.storage();
        let sql = storage.sql().as_ref().clone();
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
        let rows = glue::execute(&self.sql, &statement(sql), &write_values(args)?)
            .map_err(|error| refused(&error.into()))?;
        rows.map_or(Ok(Vec::new()), |rows| read_rows(&rows))
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
            (_, ran) => Err(StorageError::new(format!("the transaction failed: {ran:?}")).into()),
        }
    }

    fn size_bytes(&self) -> i64 {
        // The `worker` crate's call has 32 bits, and an object up to ten
        // gigabytes.
        let size = Reflect::get(&self.sql, &"databaseSize".into());
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

/// How many statements have a text in JavaScript. There are fewer of them.
const STATEMENTS: usize = 512;

thread_local! {
    /// The texts of the statements in JavaScript: a text is converted once.
    static TEXTS: RefCell<HashMap<String, JsString>> = RefCell::default();
}

fn statement(sql: &str) -> JsString {
    TEXTS.with_borrow_mut(|texts| {
        if let Some(text) = texts.get(sql) {
            return text.clone();
        }
        let text = JsString::from(sql);
        if texts.len() < STATEMENTS {
            texts.insert(sql.to_owned(), text.clone());
        }
        text
    })
}

/// The values as JSON.
fn write_values(values: &[Value]) -> Result<String, StorageError> {
    let json = |value: &Value| match value {
        Value::Null => serde_json::Value::Null,
        Value::Int(int) => (*int).into(),
        Value::Text(text) => text.as_str().into(),
    };
    let values: Vec<serde_json::Value> = values.iter().map(json).collect();
    serde_json::to_string(&values).map_err(|error| StorageError::unreadable_json("values", &error))
}

fn read_rows(json: &str) -> Result<Vec<Row>, StorageError> {
    let rows: Vec<Vec<serde_json::Value>> = serde_json::from_slice(json.as_bytes())
        .map_err(|error| StorageError::unreadable_json("rows", &error))?;
    rows.into_iter()
        .map(|row| {
            Ok(Row(row
                .into_iter()
                .map(read_value)
                .collect::<Result<_, _>>()?))
        })
        .collect()
}

fn read_value(value: serde_json::Value) -> Result<Value, StorageError> {
    match value {
        serde_json::Value::Null => Ok(Value::Null),
        serde_json::Value::String(text) => Ok(Value::Text(text)),
        other => match (other.as_i64(), other.as_f64()) {
            (Some(int), _) => Ok(Value::Int(int)),
            #[expect(clippy::cast_possible_truncation, reason = "checked to be whole")]
            (_, Some(float)) if float.fract() == 0.0 => Ok(Value::Int(float as i64)),
            _ => Err(StorageError::new("a value of another type")),
        },
    }
}

fn refused(error: &worker::Error) -> StorageError {
    StorageError::new(error.to_string())
}
