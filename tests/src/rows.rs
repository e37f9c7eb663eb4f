//! SQLite's rows as the gateway reads them.

use gateway::runtime::{Row, StorageError, Value};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, params_from_iter};

/// Runs one statement; its rows.
pub(crate) fn read_rows(
    database: &Connection,
    sql: &str,
    args: &[Value],
) -> Result<Vec<Row>, StorageError> {
    let refused = |error: rusqlite::Error| StorageError(error.to_string());
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
                other => return Err(StorageError(format!("a value {other:?}"))),
            })
        });
        read.push(Row(values.collect::<Result<_, StorageError>>()?));
    }
    Ok(read)
}
