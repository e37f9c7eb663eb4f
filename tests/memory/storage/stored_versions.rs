//! Books that an earlier version has stored: they open, can be read, and their
//! rows are indexed in slices, with every interruption.

use crate::api::lists::{get, numbers};
use crate::checkout::links::{buy, link, pay as pay_link};
use crate::notice_fixture::order;
use rusqlite::Connection;
use serde_json::{Value, json};
use tests::memory::{Memory, Shop};

/// The book of merchant `demo`, written by version 0.1.0: an order that is paid
/// and refunded in part, one open, one closed, a checkout and a link.
pub const BOOK_0_1_0: &str = include_str!("stored/book_0_1_0.sql");

/// The tables of later migrations. A book without them is one of version 0.1.0.
const LATER: [&str; 17] = [
    "days",
    "bookings",
    "differences",
    "images",
    "receipts",
    "rates",
    "endpoints",
    "event_deliveries",
    "delivery_attempts",
    "listed",
    "numbers",
    "sums",
    "fills",
    "unlisted",
    "events",
    "event_ends",
    "checkout_ends",
];

/// Changes a merchant's book to one of version 0.1.0: without migrations and
/// index.
pub fn make_0_1_0(world: &Memory, id: &str) {
    let disk = world.database(id);
    let database = disk.connection();
    let mut triggers = database
        .prepare("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name NOT LIKE 'audit%'")
        .unwrap();
    let names: Vec<String> = triggers
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    drop(triggers);
    for name in names {
        world.sql(id, &format!("DROP TRIGGER {name}")).unwrap();
    }
    for table in LATER {
        world.sql(id, &format!("DROP TABLE {table}")).unwrap();
    }
    world
        .sql(
            id,
            "ALTER TABLE orders DROP COLUMN listed;
             ALTER TABLE checkouts DROP COLUMN listed;
             ALTER TABLE deliveries DROP COLUMN created_at_ms;
             DELETE FROM facts WHERE name = 'schema';",
        )
        .unwrap();
}

/// Rows of an earlier version are indexed like new ones; only a checkout's time
/// of creation is unknown.
#[test]
fn stored_rows_are_indexed_like_new_ones() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let made = link(&shop, json!({"total_fee": 900}));
    let sold = pay_link(&world, &buy(&world, &made, ""));
    buy(&world, &made, "");
    world.scan(&order(&shop, "N1")["code_url"]);
    order(&shop, "N2");
    order(&shop, "N3");
    world.advance(400);
    shop.call(
        "POST",
        "/v1/close",
        json!({"out_trade_no": "N3"}).to_string(),
    );
    for (number, refund) in [("N1", "R1"), (sold.as_str(), "R2")] {
        let body = json!({"out_trade_no": number, "refund_fee": 10, "out_refund_no": refund});
        assert_eq!(shop.call("POST", "/v1/refund", body.to_string()).0, 200);
    }
    let alarm = "INSERT INTO alarms VALUES('PAID_TWICE', 'N1', 1, 1)";
    world.sql("demo", alarm).unwrap();
    world.advance(100);
    let rows = || {
        let disk = world.database("demo");
        let mut rows = disk
            .connection()
            .prepare(
                "SELECT json_array(list, key, CASE WHEN list <> 3 THEN at_ms END, state, waiting,
                    moved_at_ms, amount, currency, trade_type, link, openid, sub_openid,
                    out_trade_no, until_ms,
                    (SELECT json_group_array(number) FROM
                        (SELECT number FROM numbers WHERE n = listed.n ORDER BY number)))
                 FROM listed ORDER BY list, key",
            )
            .unwrap();
        let rows = rows.query_map([], |row| row.get(0)).unwrap();
        let mut rows: Vec<String> = rows.map(Result::unwrap).collect();
        let mut sums = disk
            .connection()
            .prepare("SELECT json_array(list, bucket, currency, amount, count) FROM sums")
            .unwrap();
        let sums = sums.query_map([], |row| row.get(0)).unwrap();
        rows.extend(sums.map(Result::unwrap));
        rows
    };
    let before = rows();
    assert!(before.len() >= 14, "{before:#?}");
    make_0_1_0(&world, "demo");
    get(&shop, "/v1/orders");
    assert_eq!(rows(), before);
}

fn stored(script: &str) -> (Memory, Shop) {
    let world = Memory::default();
    let shop = world.shop("demo");
    // The time at which the book was stored.
    world.advance(600);
    let book = Connection::open_in_memory().unwrap();
    book.execute_batch(script).unwrap();
    world.set_database("demo", book);
    (world, shop)
}

/// Copies the paid order `n` times, in the form of the book's version.
pub fn with_orders(n: i64) -> String {
    format!(
        "{BOOK_0_1_0}
         WITH RECURSIVE counted(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM counted WHERE i < {n})
         INSERT INTO orders SELECT printf('OLD-%06d', i),
            replace(json, '\"out_trade_no\":\"OPEN\"', printf('\"out_trade_no\":\"OLD-%06d\"', i)), NULL
         FROM counted, orders WHERE out_trade_no = 'OPEN';"
    )
}

fn count(world: &Memory, sql: &str) -> i64 {
    let disk = world.database("demo");
    disk.connection()
        .query_row(sql, [], |row| row.get(0))
        .unwrap()
}

#[test]
fn a_book_of_version_0_1_0_is_listed_whole_after_it_opens() {
    let (_world, shop) = stored(BOOK_0_1_0);
    let orders = get(&shop, "/v1/orders");
    assert_eq!(numbers(&orders["orders"]), ["CLOSED", "OPEN", "PAID"]);
    let paid = orders["orders"].as_array().unwrap().last().unwrap().clone();
    for (name, value) in [
        ("state", json!("REFUND")),
        ("amount", json!(150)),
        ("currency", json!("HKD")),
        ("refunded_amount", json!(50)),
        ("trade_type", json!("NATIVE")),
        ("transaction_id", json!("4200003900202601025054015312")),
        ("created_at_ms", json!(1_767_323_045_000_i64)),
        ("paid_at_ms", json!(1_767_323_045_000_i64)),
        ("waiting", json!(false)),
    ] {
        assert_eq!(paid[name], value, "{name}");
    }
    let refunds = get(&shop, "/v1/refunds");
    assert_eq!(refunds["refunds"][0]["out_refund_no"], "R-PAID");
    assert_eq!(refunds["refunds"][0]["state"], "SUCCESS");
    // That version had neither.
    assert_eq!(refunds["refunds"][0]["reason"], json!(null));
    assert_eq!(paid["metadata"], json!({}));
    let checkouts = get(&shop, "/v1/checkouts");
    assert_eq!(checkouts["checkouts"][0]["out_trade_no"], "BASKET");
    let links = get(&shop, "/v1/links");
    assert_eq!(links["links"][0]["id"], "demo.ComdYFAj4zSx");
    assert_eq!(links["links"][0]["created_at_ms"], 1_767_323_595_000_i64);
    let deliveries = get(&shop, "/v1/deliveries");
    assert_eq!(deliveries["deliveries"][0]["state"], "acknowledged");
    assert_eq!(
        deliveries["deliveries"][0]["created_at_ms"],
        1_767_323_045_000_i64
    );
    let totals = get(&shop, "/v1/totals?from=2026-01-02&to=2026-01-02");
    assert_eq!(totals["sums"][0]["net_amount"], 100);
    assert_eq!(
        get(&shop, "/v1/timeline?out_trade_no=PAID")["events"]
            .as_array()
            .unwrap()
            .len(),
        6
    );
}

/// Migrations are executed once; a book that has them all is not changed.
#[test]
fn a_book_opens_again_without_another_migration() {
    let number = "SELECT CAST(text AS INTEGER) FROM facts WHERE name = 'schema'";
    let (new, shop) = stored("");
    get(&shop, "/v1/orders");
    let (world, shop) = stored(BOOK_0_1_0);
    get(&shop, "/v1/orders");
    assert_eq!(count(&world, number), count(&new, number));
    let tables = "SELECT count(*) FROM sqlite_master";
    let before = count(&world, tables);
    get(&shop, "/v1/orders");
    assert_eq!(count(&world, tables), before);
    assert_eq!(count(&world, "SELECT count(*) FROM listed"), 7);
}

/// The rows of a later version stay, and are read as far as possible.
#[test]
fn a_book_of_a_later_version_is_left_as_it_is() {
    let (world, shop) = stored(BOOK_0_1_0);
    get(&shop, "/v1/orders");
    world
        .sql("demo", "UPDATE facts SET text = '99' WHERE name = 'schema'")
        .unwrap();
    assert_eq!(numbers(&get(&shop, "/v1/orders")["orders"]).len(), 3);
    assert_eq!(
        count(
            &world,
            "SELECT CAST(text AS INTEGER) FROM facts WHERE name = 'schema'"
        ),
        99
    );
}

/// A migration that fails halfway is rolled back.
#[test]
fn a_migration_that_is_interrupted_is_carried_out_at_the_next_opening() {
    // An existing table: the last statements of the second migration fail.
    let (world, shop) = stored(&format!("{BOOK_0_1_0} CREATE TABLE unlisted(x);"));
    let opened = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        shop.call("GET", "/v1/order?out_trade_no=PAID", "")
    }));
    assert!(opened.is_err(), "the book opens with a table in the way");
    assert_eq!(
        count(
            &world,
            "SELECT CAST(text AS INTEGER) FROM facts WHERE name = 'schema'"
        ),
        1
    );
    assert_eq!(
        count(
            &world,
            "SELECT count(*) FROM sqlite_master WHERE name = 'listed'"
        ),
        0
    );
    world.sql("demo", "DROP TABLE unlisted").unwrap();
    assert_eq!(numbers(&get(&shop, "/v1/orders")["orders"]).len(), 3);
}

/// However many rows there are, opening indexes only the first slices of them.
/// Calls are answered meanwhile; lists and totals, which would be wrong, are
/// refused by name.
#[test]
fn a_large_book_of_an_earlier_version_is_indexed_in_slices() {
    let (world, shop) = stored(&with_orders(3_000));
    // While the book stays open, only its alarm continues.
    let open = world.hold_book("demo");
    let (status, answer) = shop.call("GET", "/v1/order?out_trade_no=PAID", "");
    assert_eq!(status, 200, "{answer}");
    let at_open = count(&world, "SELECT count(*) FROM listed");
    assert!(at_open <= 1_200, "{at_open}");
    for path in [
        "/v1/orders",
        "/v1/totals?from=2026-01-01&to=2026-01-31",
        "/v1/deliveries",
    ] {
        let answer = shop.answer("GET", path, "");
        assert_eq!(answer.status(), 503, "{path}");
        assert_eq!(answer.headers()["retry-after"], "10");
        let answer: Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(answer["code"], "LISTS_NOT_READY");
    }
    // An order that is made or changed meanwhile is indexed once.
    order(&shop, "NEW");
    shop.call(
        "POST",
        "/v1/close",
        json!({"out_trade_no": "OLD-000001"}).to_string(),
    );
    drop(open);
    world.advance(60);
    assert_eq!(count(&world, "SELECT count(*) FROM fills"), 0);
    assert_eq!(
        count(&world, "SELECT count(*) FROM listed WHERE list = 1"),
        3_004
    );
    assert_eq!(
        numbers(&get(&shop, "/v1/orders?limit=1")["orders"]),
        ["NEW"]
    );
    assert_eq!(
        numbers(&get(&shop, "/v1/orders?q=OLD-000001")["orders"]),
        ["OLD-000001"]
    );
}

/// The object may end between any two slices: the indexed rows stay, and the
/// next opening continues.
#[test]
fn indexing_continues_where_it_was_interrupted() {
    let (world, shop) = stored(&with_orders(2_000));
    let mut before = 0;
    // Each call opens the book again, and no alarm runs in between.
    for _ in 0..20 {
        shop.call("GET", "/v1/order?out_trade_no=PAID", "");
        let now = count(&world, "SELECT count(*) FROM listed");
        assert!(now >= before, "{now} after {before}");
        before = now;
    }
    assert_eq!(count(&world, "SELECT count(*) FROM fills"), 0);
    assert_eq!(
        count(&world, "SELECT count(*) FROM listed WHERE list = 1"),
        2_003
    );
    assert_eq!(
        get(&shop, "/v1/totals?from=2026-01-02&to=2026-01-02")["sums"][0]["paid_count"],
        1
    );
}

/// An object that is nearly full reserves its space for what is paid: its lists
/// stay unavailable, and its alarm is not repeated without end.
#[test]
fn a_book_that_is_nearly_full_is_not_indexed() {
    let (world, shop) = stored(BOOK_0_1_0);
    world.databases_have(9_600_000_000);
    let (status, answer) = shop.call("GET", "/v1/orders", "");
    assert_eq!((status, &answer["code"]), (503, &json!("LISTS_NOT_READY")));
    world.advance(60);
    assert_eq!(count(&world, "SELECT count(*) FROM fills"), 4);
    world.databases_have(0);
    assert_eq!(numbers(&get(&shop, "/v1/orders")["orders"]).len(), 3);
}

/// After a rollback an earlier version writes orders that it does not index.
#[test]
fn orders_that_an_earlier_version_writes_after_a_rollback_are_indexed() {
    let (world, shop) = stored(BOOK_0_1_0);
    get(&shop, "/v1/orders");
    // Written like version 0.1.0: without the column `listed`.
    world
        .sql(
            "demo",
            "UPDATE orders SET json = json_set(json, '$.status', json((SELECT json_extract(json, '$.status')
                FROM orders WHERE out_trade_no = 'CLOSED')))
             WHERE out_trade_no = 'OPEN';
             INSERT INTO orders(out_trade_no, json, due_at_ms)
             SELECT 'BACK', replace(json, '\"CLOSED\",\"account', '\"BACK\",\"account'), NULL FROM orders WHERE out_trade_no = 'CLOSED';
             DELETE FROM checkouts;",
        )
        .unwrap();
    let state = count(&world, "SELECT count(*) FROM unlisted");
    assert_eq!(state, 2);
    let orders = get(&shop, "/v1/orders?state=CLOSED");
    let mut found = numbers(&orders["orders"]);
    found.sort();
    assert_eq!(found, ["BACK", "CLOSED", "OPEN"]);
    assert_eq!(get(&shop, "/v1/checkouts")["checkouts"], json!([]));
}

/// An unreadable row neither prevents opening nor hides the others.
#[test]
fn an_unreadable_row_does_not_stop_the_index() {
    let (world, shop) = stored(&format!(
        "{BOOK_0_1_0} UPDATE orders SET json = '{{' WHERE out_trade_no = 'CLOSED';"
    ));
    assert_eq!(numbers(&get(&shop, "/v1/orders")["orders"]).len(), 2);
    assert_eq!(
        count(
            &world,
            "SELECT count(*) FROM alarms WHERE subject = 'CLOSED'"
        ),
        1
    );
    for table in LATER {
        count(&world, &format!("SELECT count(*) FROM {table}"));
    }
}
