//! The contract of [`Storage`], which every runtime's storage is checked with: the one in memory here, the native one
//! in `server/`. The Workers' is checked by the suites that run against it.

use gateway::runtime::{Row, Storage, StorageError, Value};

/// The largest integer that the contract has: 53 bits.
const LARGEST: i64 = (1 << 53) - 1;

/// Checks an empty storage. What the runtime adds (when writes are durable, alarms, listeners) is not part of it.
///
/// # Panics
///
/// The storage breaks the contract.
pub fn check(storage: &impl Storage) {
    values_are_read_as_they_were_written(storage);
    a_refused_statement_changes_nothing(storage);
    a_failed_transaction_is_undone_alone(storage);
    transactions_nest(storage);
}

fn run(storage: &impl Storage, sql: &str, args: &[Value]) -> Vec<Row> {
    let ran = storage.exec(sql, args);
    ran.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// The numbers in the table of the transactions' checks.
fn numbers(storage: &impl Storage) -> Vec<Row> {
    run(storage, "SELECT n FROM numbers ORDER BY n", &[])
}

fn insert(storage: &impl Storage, n: i64) -> Result<(), StorageError> {
    let sql = "INSERT INTO numbers(n) VALUES(?)";
    storage.exec(sql, &[n.into()]).map(drop)
}

fn rows(of: &[i64]) -> Vec<Row> {
    of.iter().map(|n| Row(vec![Value::Int(*n)])).collect()
}

fn values_are_read_as_they_were_written(storage: &impl Storage) {
    run(
        storage,
        "CREATE TABLE kept(at INTEGER PRIMARY KEY, value)",
        &[],
    );
    let values = [
        Value::Null,
        Value::Int(0),
        Value::Int(-1),
        Value::Int(LARGEST),
        Value::Int(-LARGEST),
        Value::Text(String::new()),
        Value::Text("茶 🍵 '\"\\ \n\u{7f}".to_owned()),
        Value::Text("1".to_owned()),
        Value::Text("x".repeat(100_000)),
    ];
    for (at, value) in (0_i64..).zip(&values) {
        let inserted = run(
            storage,
            "INSERT INTO kept VALUES(?, ?)",
            &[at.into(), value.clone()],
        );
        assert_eq!(inserted, [], "an INSERT gives no rows");
    }
    let read = run(storage, "SELECT value, at FROM kept ORDER BY at", &[]);
    let expected: Vec<Row> = (0_i64..)
        .zip(values)
        .map(|(at, value)| Row(vec![value, Value::Int(at)]))
        .collect();
    assert_eq!(read, expected);
    let returned = run(
        storage,
        "DELETE FROM kept WHERE at = ?1 RETURNING at, ?1",
        &[1.into()],
    );
    assert_eq!(returned, [Row(vec![Value::Int(1), Value::Int(1)])]);
    for other in ["SELECT 1.5", "SELECT x'00'"] {
        let refused = storage.exec(other, &[]);
        assert!(
            refused.is_err(),
            "{other} is no value of the contract: {refused:?}"
        );
    }
}

fn a_refused_statement_changes_nothing(storage: &impl Storage) {
    run(storage, "CREATE TABLE numbers(n INTEGER PRIMARY KEY)", &[]);
    insert(storage, 1).expect("a row");
    assert!(insert(storage, 1).is_err(), "the number is taken");
    assert!(storage.exec("INSERT INTO nothing VALUES(1)", &[]).is_err());
    assert!(storage.exec("SELECT", &[]).is_err());
    let both = storage.exec("INSERT INTO numbers VALUES(2), (1)", &[]);
    assert!(both.is_err(), "the second row is refused");
    assert_eq!(numbers(storage), rows(&[1]), "and so is the first");
}

fn a_failed_transaction_is_undone_alone(storage: &impl Storage) {
    insert(storage, 2).expect("a row before the transaction");
    let failed: Result<(), StorageError> = storage.atomically(|| {
        insert(storage, 3)?;
        run(storage, "DELETE FROM numbers WHERE n = 1", &[]);
        assert_eq!(numbers(storage), rows(&[2, 3]), "it sees its own writes");
        insert(storage, 2)
    });
    assert!(failed.is_err(), "the cause is passed on");
    assert_eq!(numbers(storage), rows(&[1, 2]));
    let done: Result<i64, StorageError> = storage.atomically(|| {
        insert(storage, 3)?;
        // The work may go on after a refused statement.
        assert!(insert(storage, 3).is_err());
        insert(storage, 4)?;
        Ok(7)
    });
    assert_eq!(done.ok(), Some(7));
    assert_eq!(numbers(storage), rows(&[1, 2, 3, 4]));
}

fn transactions_nest(storage: &impl Storage) {
    let done: Result<(), StorageError> = storage.atomically(|| {
        insert(storage, 5)?;
        let inner: Result<(), StorageError> = storage.atomically(|| {
            insert(storage, 6)?;
            insert(storage, 5)
        });
        assert!(inner.is_err());
        insert(storage, 7)
    });
    assert!(done.is_ok());
    assert_eq!(numbers(storage), rows(&[1, 2, 3, 4, 5, 7]));
    let failed: Result<(), StorageError> = storage.atomically(|| {
        storage.atomically(|| insert(storage, 8))?;
        insert(storage, 7)
    });
    assert!(failed.is_err());
    assert_eq!(
        numbers(storage),
        rows(&[1, 2, 3, 4, 5, 7]),
        "the inner one too"
    );
}
