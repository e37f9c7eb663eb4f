//! Every SQL statement of a move. It knows no table by name: tables, columns and
//! keys are read from the database, so that a new table is moved too.

use super::{Cell, Part};
use crate::runtime::{Row, Storage, StorageError, Value};
use crate::store::{self, all, fact, has_table, integer, text, texts};

/// The states in the table `transfer`.
pub(super) const CLOSED: &str = "closed";
pub(super) const IMPORTING: &str = "importing";
pub(super) const COMPLETE: &str = "complete";

/// The names in the table `transfer`.
pub(super) const STATE: &str = "state";
pub(super) const EXPORT: &str = "export";
pub(super) const NEXT: &str = "next";
pub(super) const CHAIN: &str = "chain";
pub(super) const RELEASED: &str = "released";
pub(super) const REOPENING: &str = "reopening";
pub(super) const IMPORTED: &str = "imported";
/// Before the name of a trigger, whose statement is the text.
const TRIGGER: &str = "trigger:";

/// Before the names of the triggers of a closed object.
const CLOSED_TRIGGER: &str = "closed_";

/// The most rows that are looked at in one step.
const SLICE: i64 = 200;
/// What a value costs in a page beside its text.
const VALUE_BYTES: i64 = 12;

/// Tables that an object without a merchant may have rows in.
const OF_NO_MERCHANT: [&str; 5] = [
    "counters",
    "facts",
    "fills",
    "sqlite_sequence",
    "wrong_sign_ins",
];

/// What the table `transfer` says.
#[derive(Default)]
pub(super) struct Stored {
    /// `None` where the object serves.
    pub(super) state: Option<String>,
    pub(super) export: String,
    pub(super) next: i64,
    pub(super) chain: String,
    pub(super) is_released: bool,
    pub(super) is_reopening: bool,
    pub(super) imported: Option<String>,
}

impl Stored {
    pub(super) fn read(storage: &impl Storage) -> Result<Self, StorageError> {
        if !has_table(storage, "transfer")? {
            return Ok(Self::default());
        }
        let of = |name: &str| {
            let sql = "SELECT text FROM transfer WHERE name = ?";
            text(storage, sql, &[name.into()])
        };
        Ok(Self {
            state: of(STATE)?,
            export: of(EXPORT)?.unwrap_or_default(),
            next: of(NEXT)?
                .and_then(|text| text.parse().ok())
                .unwrap_or_default(),
            chain: of(CHAIN)?.unwrap_or_default(),
            is_released: of(RELEASED)?.is_some(),
            is_reopening: of(REOPENING)?.is_some(),
            imported: of(IMPORTED)?,
        })
    }
}

pub(super) fn set(storage: &impl Storage, name: &str, value: &str) -> Result<(), StorageError> {
    storage.exec(
        "CREATE TABLE IF NOT EXISTS transfer(name TEXT PRIMARY KEY, text TEXT NOT NULL)",
        &[],
    )?;
    storage.exec(
        "INSERT INTO transfer(name, text) VALUES(?1, ?2)
         ON CONFLICT(name) DO UPDATE SET text = ?2",
        &[name.into(), value.into()],
    )?;
    Ok(())
}

pub(super) fn remove(storage: &impl Storage, name: &str) -> Result<(), StorageError> {
    if has_table(storage, "transfer")? {
        storage.exec("DELETE FROM transfer WHERE name = ?", &[name.into()])?;
    }
    Ok(())
}

/// Removes everything that is stored about a move.
pub(super) fn forget(storage: &impl Storage) -> Result<(), StorageError> {
    storage.exec("DELETE FROM transfer", &[])?;
    Ok(())
}

/// The number of the object's last migration.
pub(super) fn schema(storage: &impl Storage) -> Result<i64, StorageError> {
    let number = fact(storage, store::SCHEMA)?;
    Ok(number
        .and_then(|text| text.parse().ok())
        .unwrap_or_default())
}

/// The tables that are moved. The last one holds the highest numbers of the
/// others, which writing their rows changes.
pub(super) fn tables(storage: &impl Storage) -> Result<Vec<String>, StorageError> {
    let mut tables = own_tables(storage)?;
    if has_table(storage, "sqlite_sequence")? {
        tables.push("sqlite_sequence".to_owned());
    }
    Ok(tables)
}

/// Without those of SQLite, of the runtime, and of the move.
fn own_tables(storage: &impl Storage) -> Result<Vec<String>, StorageError> {
    texts(
        storage,
        "SELECT name FROM sqlite_master WHERE type = 'table'
            AND name NOT IN ('transfer', 'weceive_alarm')
            AND substr(name, 1, 7) <> 'sqlite_' AND substr(name, 1, 1) <> '_'
         ORDER BY name",
        &[],
    )
}

/// Makes every table refuse changes, in whichever version of the program.
pub(super) fn refuse_changes(storage: &impl Storage) -> Result<(), StorageError> {
    for table in own_tables(storage)? {
        for change in ["insert", "update", "delete"] {
            let statement = format!(
                "CREATE TRIGGER {CLOSED_TRIGGER}{table}_{change} BEFORE {change} ON {table}
                 BEGIN SELECT RAISE(ABORT, 'the object is closed: it is being moved'); END"
            );
            storage.exec(&statement, &[])?;
        }
    }
    Ok(())
}

/// Ends [`refuse_changes`].
pub(super) fn accept_changes(storage: &impl Storage) -> Result<(), StorageError> {
    for (name, _) in triggers(storage)? {
        if name.starts_with(CLOSED_TRIGGER) {
            storage.exec(&format!("DROP TRIGGER {name}"), &[])?;
        }
    }
    Ok(())
}

fn triggers(storage: &impl Storage) -> Result<Vec<(String, String)>, StorageError> {
    let sql = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name";
    let pair = |row: &Row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned()));
    all(storage, sql, &[], pair)
}

/// Whether no merchant has rows in the object.
pub(super) fn is_empty(storage: &impl Storage) -> Result<bool, StorageError> {
    for table in own_tables(storage)? {
        if !OF_NO_MERCHANT.contains(&table.as_str())
            && store::exists(storage, &format!("SELECT 1 FROM {table} LIMIT 1"), &[])?
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Removes every row, and keeps the triggers' statements for
/// [`restore_triggers`].
pub(super) fn make_empty(storage: &impl Storage) -> Result<(), StorageError> {
    for name in [NEXT, CHAIN] {
        remove(storage, name)?;
    }
    for (name, statement) in triggers(storage)? {
        if !name.starts_with(CLOSED_TRIGGER) {
            set(storage, &format!("{}{name}", TRIGGER), &statement)?;
        }
        storage.exec(&format!("DROP TRIGGER {name}"), &[])?;
    }
    for table in tables(storage)? {
        storage.exec(&format!("DELETE FROM {table}"), &[])?;
    }
    Ok(())
}

/// Makes the triggers again that [`make_empty`] has removed.
pub(super) fn restore_triggers(storage: &impl Storage) -> Result<(), StorageError> {
    let statements = texts(
        storage,
        "SELECT text FROM transfer WHERE substr(name, 1, 8) = ? ORDER BY name",
        &[TRIGGER.into()],
    )?;
    for statement in statements {
        storage.exec(&statement, &[])?;
    }
    storage.exec(
        "DELETE FROM transfer WHERE substr(name, 1, 8) = ?",
        &[TRIGGER.into()],
    )?;
    Ok(())
}

/// A table's columns and the key that orders its rows.
pub(super) struct Shape {
    table: String,
    /// The columns that are moved.
    pub(super) columns: Vec<String>,
    key: Vec<String>,
}

/// Reads the columns and the key of a table.
pub(super) fn shape(storage: &impl Storage, table: &str) -> Result<Shape, StorageError> {
    let table = table.to_owned();
    if table == "sqlite_sequence" {
        return Ok(Shape {
            table,
            columns: vec!["name".to_owned(), "seq".to_owned()],
            key: vec!["name".to_owned()],
        });
    }
    // Name, type, and the place in the primary key, from 1.
    let column = |row: &Row| {
        Ok((
            row.text(1)?.to_owned(),
            row.text(2)?.to_owned(),
            row.int(5)?,
        ))
    };
    let read: Vec<(String, String, i64)> =
        all(storage, &format!("PRAGMA table_info({table})"), &[], column)?;
    let sql = "SELECT 1 FROM sqlite_master WHERE name = ? AND upper(sql) LIKE '%WITHOUT ROWID%'";
    let is_by_key = store::exists(storage, sql, &[table.as_str().into()])?;
    let mut columns: Vec<String> = read.iter().map(|(name, ..)| name.clone()).collect();
    let mut keys: Vec<&(String, String, i64)> = read.iter().filter(|(.., at)| *at > 0).collect();
    keys.sort_by_key(|(.., at)| *at);
    let key = match (is_by_key, keys.as_slice()) {
        (true, keys) => keys.iter().map(|(name, ..)| name.clone()).collect(),
        (false, [(name, kind, _)]) if kind.as_str() == "INTEGER" => vec![name.clone()],
        // The order in which rows were made is moved too.
        (false, _) => {
            columns.push("rowid".to_owned());
            vec!["rowid".to_owned()]
        }
    };
    Ok(Shape {
        table,
        columns,
        key,
    })
}

/// Rows that follow one another.
pub(super) struct Slice {
    pub(super) rows: Vec<Vec<Cell>>,
    pub(super) bytes: i64,
    /// The key of the last row; `None` without a row.
    pub(super) last_key: Option<Vec<Cell>>,
}

/// The rows after a key: one at least, and no more than have room.
pub(super) fn rows(
    storage: &impl Storage,
    shape: &Shape,
    after: &[Cell],
    room: i64,
) -> Result<Slice, StorageError> {
    let Shape {
        table,
        columns,
        key,
    } = shape;
    let order = key.join(", ");
    let condition = match after.is_empty() {
        true => String::new(),
        false => {
            let places = vec!["?"; key.len()].join(", ");
            format!("WHERE ({order}) > ({places})")
        }
    };
    let mut values: Vec<Value> = after.iter().map(value).collect();
    let length = |column: &String| format!("coalesce(length(CAST({column} AS BLOB)), 0)");
    let lengths = columns.iter().map(length).collect::<Vec<_>>().join(" + ");
    let costs = i64::try_from(columns.len()).unwrap_or_default() * VALUE_BYTES;
    let sql = format!(
        "SELECT {lengths} + {costs} FROM {table} {condition} ORDER BY {order} LIMIT {SLICE}"
    );
    let sizes: Vec<i64> = all(storage, &sql, &values, |row| row.int(0))?;
    let (mut bytes, mut taken) = (0, 0_i64);
    for size in sizes {
        bytes += size;
        taken += 1;
        if bytes >= room {
            break;
        }
    }
    values.push(taken.into());
    let list = [key.as_slice(), columns.as_slice()].concat().join(", ");
    let sql = format!("SELECT {list} FROM {table} {condition} ORDER BY {order} LIMIT ?");
    let mut last_key = None;
    let rows = all(storage, &sql, &values, |row| {
        let cells: Vec<Cell> = row.0.iter().map(cell).collect();
        let (keys, cells) = cells.split_at(key.len().min(cells.len()));
        last_key = Some(keys.to_vec());
        Ok(cells.to_vec())
    })?;
    Ok(Slice {
        rows,
        bytes,
        last_key,
    })
}

pub(super) fn count(storage: &impl Storage, table: &str) -> Result<i64, StorageError> {
    integer(storage, &format!("SELECT count(*) FROM [{table}]"), &[])
}

/// Writes rows. Returns whether the columns are the table's.
pub(super) fn insert(storage: &impl Storage, part: &Part) -> Result<bool, StorageError> {
    let shape = shape(storage, &part.table)?;
    let Part {
        table,
        columns,
        rows,
    } = part;
    // A column that another version has made at another place is the same.
    let is_known = |column: &String| shape.columns.contains(column);
    if columns.len() != shape.columns.len() || !columns.iter().all(is_known) {
        return Ok(false);
    }
    if table == "sqlite_sequence" {
        storage.exec("DELETE FROM sqlite_sequence", &[])?;
    }
    let places = vec!["?"; columns.len()].join(", ");
    let list = columns.join(", ");
    let sql = format!("INSERT INTO {table}({list}) VALUES({places})");
    for row in rows {
        if row.len() != columns.len() {
            return Ok(false);
        }
        let values: Vec<Value> = row.iter().map(value).collect();
        storage.exec(&sql, &values)?;
    }
    Ok(true)
}

fn cell(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Int(int) => Cell::Int(*int),
        Value::Text(text) => Cell::Text(text.clone()),
    }
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Int(int) => Value::Int(*int),
        Cell::Text(text) => Value::Text(text.clone()),
    }
}
