//! The comparison of each day with WeChat's statement of it.

use serde_json::{Value, json};
use tests::memory::{Memory, Shop};

/// The day of the tests in China, where it is 11:04.
const DAY: &str = "20260102";
/// Until 10:35 on the next day: every merchant's statement has been requested.
const UNTIL_COMPARED: i64 = 23 * 3600 + 31 * 60;

fn get(shop: &Shop, path: &str) -> Value {
    let (status, answer) = shop.call("GET", path, "");
    assert_eq!(status, 200, "{path}: {answer}");
    answer["data"].clone()
}

fn day(shop: &Shop, date: &str) -> Value {
    get(shop, &format!("/v1/reconciliation?date={date}"))
}

fn sums(paid: (i64, i64), refunded: (i64, i64), reversed: (i64, i64)) -> Value {
    json!([{
        "currency": "HKD",
        "paid_amount": paid.0, "paid_count": paid.1,
        "refunded_amount": refunded.0, "refunded_count": refunded.1,
        "reversed_amount": reversed.0, "reversed_count": reversed.1,
    }])
}

fn refund(shop: &Shop, order: &str, refund: &str, fee: i64) {
    let body = json!({"out_trade_no": order, "out_refund_no": refund, "refund_fee": fee});
    let (status, answer) = shop.call("POST", "/v1/refund", body.to_string());
    assert_eq!(status, 200, "{answer}");
}

/// The reasons and states of a day's differences, by number.
fn differences(day: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let each = |difference: &Value| {
        let refund = text(&difference["out_refund_no"]);
        let number = match refund.is_empty() {
            true => text(&difference["out_trade_no"]),
            false => refund,
        };
        (
            number,
            text(&difference["reason"]),
            text(&difference["state"]),
        )
    };
    day["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(each)
        .collect()
}

fn named(number: &str, reason: &str, state: &str) -> (String, String, String) {
    (number.to_owned(), reason.to_owned(), state.to_owned())
}

/// The book forgets that an order was paid, and has it as closed.
fn forget_payment(world: &Memory, shop: &Shop, number: &str) {
    shop.native("CLOSED", 100);
    let body = json!({"out_trade_no": "CLOSED"}).to_string();
    assert_eq!(shop.call("POST", "/v1/close", body).0, 200);
    world
        .sql(
            &shop.id,
            &format!(
                "UPDATE orders SET due_at_ms = NULL, listed = listed + 1, json = json_set(json, '$.status',
                    json((SELECT json_extract(json, '$.status') FROM orders WHERE out_trade_no = 'CLOSED')))
                 WHERE out_trade_no = '{number}';
                 UPDATE listed SET moved_at_ms = NULL, state = 'CLOSED' WHERE list = 1 AND key = '{number}';
                 DELETE FROM transactions WHERE out_trade_no = '{number}';"
            ),
        )
        .unwrap();
}

/// The book forgets an order.
pub fn forget_order(world: &Memory, shop: &Shop, number: &str) {
    world
        .sql(
            &shop.id,
            &format!(
                "DELETE FROM orders WHERE out_trade_no = '{number}';
                 DELETE FROM listed WHERE list = 1 AND key = '{number}';
                 DELETE FROM transactions WHERE out_trade_no = '{number}';"
            ),
        )
        .unwrap();
}

/// A person closes every open difference of the day.
pub fn close_all(shop: &Shop) {
    for difference in day(shop, DAY)["differences"].as_array().unwrap() {
        let path = format!("/v1/reconciliation/{}", difference["id"]);
        let body = json!({"note": "looked at it", "close": true}).to_string();
        assert_eq!(shop.call("POST", &path, body).0, 200);
    }
}

#[test]
fn s1_a_day_that_agrees_is_compared_after_ten_on_the_next_day() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("1", 1750);
    shop.paid("2", 250);
    refund(&shop, "1", "R1", 50);
    let (status, answer) = shop.call("GET", &format!("/v1/reconciliation?date={DAY}"), "");
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["data"]["state"], "waiting", "before ten");
    // Until 9:59.
    world.advance(22 * 3600 + 55 * 60);
    assert_eq!(day(&shop, DAY)["state"], "waiting");
    world.advance(UNTIL_COMPARED - (22 * 3600 + 55 * 60));
    let data = day(&shop, DAY);
    assert_eq!(data["state"], "done", "{data}");
    assert_eq!(data["theirs"], sums((2000, 2), (50, 1), (0, 0)), "{data}");
    assert_eq!(data["ours"], data["theirs"]);
    // 0.6 % of 17.50 and of 2.50, less 0.6 % of 0.50.
    assert_eq!(
        data["fees"],
        json!([{"currency": "HKD", "amount": "0.117"}])
    );
    assert_eq!(data["compared"], json!({"equal": 3}));
    assert_eq!(data["differences"], json!([]));
    assert_eq!((&data["rows"], &data["open"]), (&json!(3), &json!(0)));
    assert_eq!(shop.alarms(), []);
    let events = get(&shop, "/v1/events?type=statement.ready");
    let event = &events["events"][0];
    assert_eq!(event["subject"], format!("statement {DAY}"));
    assert_eq!(event["object"]["theirs"], data["theirs"], "{event}");
}

#[test]
fn a_payment_that_only_wechat_has_is_taken_over_after_a_query() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("1", 1750);
    shop.paid("2", 250);
    forget_payment(&world, &shop, "2");
    assert_eq!(shop.status("2")["trade_state"], "CLOSED");
    world.advance(UNTIL_COMPARED);
    let data = day(&shop, DAY);
    assert_eq!(differences(&data), [named("2", "taken_over", "settled")]);
    assert_eq!(data["compared"], json!({"equal": 1, "taken_over": 1}));
    assert_eq!(data["ours"], data["theirs"]);
    assert_eq!(shop.status("2")["trade_state"], "SUCCESS");
    // The merchant is told of it, too.
    let paid = get(&shop, "/v1/events?type=order.paid&out_trade_no=2");
    assert_eq!(paid["events"].as_array().unwrap().len(), 2, "{paid}");
}

#[test]
fn a_payment_of_an_unknown_number_raises_an_alarm_that_a_note_closes() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("1", 1750);
    shop.paid("2", 250);
    forget_order(&world, &shop, "2");
    world.advance(UNTIL_COMPARED);
    let data = day(&shop, DAY);
    assert_eq!(differences(&data), [named("2", "unknown_here", "open")]);
    let subject = format!("statement {DAY}");
    let alarm = ("RECONCILIATION_DIFFERS".to_owned(), subject.clone());
    assert_eq!(shop.alarms(), [alarm]);
    let events = get(&shop, "/v1/events?type=reconciliation.differs");
    assert_eq!(events["events"].as_array().unwrap().len(), 1);
    let difference = &data["differences"][0];
    assert_eq!(difference["theirs"]["amount"], 250, "{difference}");
    assert!(
        difference["to_do"].as_str().unwrap().contains("rotate"),
        "{difference}"
    );

    let path = format!("/v1/reconciliation/{}", difference["id"]);
    let note = |body: Value| shop.call("POST", &path, body.to_string());
    let (status, answer) = note(json!({"note": "asked the till"}));
    assert_eq!(
        (status, &answer["data"]["state"]),
        (200, &json!("open")),
        "{answer}"
    );
    assert_eq!(shop.alarm_names(), ["RECONCILIATION_DIFFERS"]);
    let (status, answer) = note(json!({"note": "the old till", "close": true}));
    assert_eq!(
        (status, &answer["data"]["state"]),
        (200, &json!("closed")),
        "{answer}"
    );
    let noted = &answer["data"];
    assert_eq!(noted["notes"].as_array().unwrap().len(), 2, "{noted}");
    assert!(
        noted["closed_by"].as_str().unwrap().starts_with("key "),
        "{noted}"
    );
    assert_eq!(shop.alarms(), []);
    let (status, answer) = note(json!({"note": "again", "close": true}));
    assert_eq!(
        (status, &answer["code"]),
        (409, &json!("DIFFERENCE_NOT_OPEN"))
    );
    let (status, answer) = shop.call("POST", "/v1/reconciliation/99", r#"{"note": "x"}"#);
    assert_eq!(
        (status, &answer["code"]),
        (404, &json!("DIFFERENCE_NOT_FOUND"))
    );
    let entries = shop.audit("money");
    assert!(
        entries
            .iter()
            .any(|entry| entry["why"] == "the old till" || entry["evidence"] == "the old till"),
        "{entries:?}"
    );
}

#[test]
fn another_amount_is_a_difference_and_changes_nothing() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("1", 1750);
    world
        .sql(
            "demo",
            "UPDATE listed SET amount = 1751 WHERE list = 1 AND key = '1'",
        )
        .unwrap();
    world.advance(UNTIL_COMPARED);
    let data = day(&shop, DAY);
    assert_eq!(differences(&data), [named("1", "other_amount", "open")]);
    assert_eq!(shop.alarm_names(), ["RECONCILIATION_DIFFERS"]);
}

#[test]
fn a_refund_made_on_the_merchant_platform_is_a_difference() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("1", 1750);
    world.control(
        "/sandbox/orders/1900000109/1",
        &json!({"by_hand": "refund", "refund_fee": 50}),
    );
    world.advance(UNTIL_COMPARED);
    let data = day(&shop, DAY);
    let found = differences(&data);
    assert_eq!(found.len(), 1, "{data}");
    assert_eq!(
        (found[0].1.as_str(), found[0].2.as_str()),
        ("refunded_elsewhere", "open")
    );
    let mut alarms = shop.alarm_names();
    alarms.sort();
    assert_eq!(alarms, ["CHANGED_ELSEWHERE", "RECONCILIATION_DIFFERS"]);
}
