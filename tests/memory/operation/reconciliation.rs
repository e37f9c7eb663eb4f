//! The comparison of each day with WeChat's statement of it.

use crate::fixtures;
use serde_json::{Value, json};
use tests::memory::{GATEWAY, Memory, Shop};

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

/// Writes an order into the book as closed and not paid.
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

/// Removes an order from the book.
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
    // The merchant gets the events, too.
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

fn compared(world: &Memory, shop: &Shop) -> Value {
    world.advance(UNTIL_COMPARED);
    day(shop, DAY)
}

/// The rows of a month's file, without its header.
fn file(world: &Memory, shop: &Shop, month: &str) -> Vec<Vec<String>> {
    rows_of(world, shop, &format!("/v1/reconciliations?month={month}"))
}

/// The rows of a file, without its header.
fn rows_of(world: &Memory, shop: &Shop, path: &str) -> Vec<Vec<String>> {
    let path = format!("{path}&format=csv");
    let request = http::Request::get(format!("{GATEWAY}{path}"))
        .header("api-key", &shop.api_key)
        .header("api-secret", &shop.api_secret);
    let answer = world.send(request.body(Vec::new()).unwrap());
    assert_eq!(answer.status(), 200);
    let text = String::from_utf8(answer.into_body()).unwrap();
    let mut lines = text.strip_prefix('\u{feff}').unwrap().lines();
    assert!(lines.next().unwrap().starts_with("date,time,kind,"));
    let cells = |line: &str| line.split(',').map(str::to_owned).collect();
    lines.map(cells).collect()
}

/// A decimal with at most five decimals, times 10^5.
fn e5(decimal: &str) -> i64 {
    let (sign, digits) = match decimal.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, decimal),
    };
    let (whole, fraction) = digits.split_once('.').unwrap();
    sign * format!("{whole}{fraction:0<5}").parse::<i64>().unwrap()
}

#[test]
fn each_dialect_is_compared_and_ionline_by_queries() {
    fixtures::each(|world, kind, shop| {
        fixtures::paid(world, shop, "D1");
        fixtures::paid(world, shop, "D2");
        refund(shop, "D1", "R1", 100);
        let data = compared(world, shop);
        assert_eq!(data["state"], "done", "{}: {data}", kind.id);
        let source = match kind.dialect {
            "ionline" => "queries",
            _ => "statement",
        };
        assert_eq!(data["source"], source, "{}", kind.id);
        assert_eq!(data["compared"], json!({"equal": 3}), "{}: {data}", kind.id);
        assert_eq!(data["theirs"], data["ours"], "{}: {data}", kind.id);
        assert_eq!(data["theirs"][0]["paid_amount"], 6000, "{}", kind.id);
        assert_eq!(data["theirs"][0]["refunded_amount"], 100, "{}", kind.id);
        assert_eq!(shop.alarms(), [], "{}", kind.id);
    });
}

/// The sums of the month's file agree with the day's to the hundred-thousandth.
#[test]
fn the_months_file_adds_up_to_the_days() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for (number, fee) in [("1", 1_750), ("2", 333), ("3", 1), ("4", 99_999)] {
        shop.paid(number, fee);
    }
    refund(&shop, "4", "R1", 33_333);
    let data = compared(&world, &shop);
    let rows = file(&world, &shop, "202601");
    assert_eq!(rows.len(), 5, "{rows:?}");
    let sum = |column: usize| rows.iter().map(|row| e5(&row[column])).sum::<i64>();
    let theirs = &data["theirs"][0];
    let amounts =
        theirs["paid_amount"].as_i64().unwrap() - theirs["refunded_amount"].as_i64().unwrap();
    assert_eq!(sum(7), amounts * 1000, "{rows:?}");
    assert_eq!(
        sum(8),
        e5(data["fees"][0]["amount"].as_str().unwrap()),
        "{rows:?}"
    );
    assert_eq!(sum(11), amounts * 1000, "settled: {rows:?}");
    let refund = rows.iter().find(|row| row[2] == "refund").unwrap();
    assert_eq!((refund[4].as_str(), refund[7].as_str()), ("R1", "-333.33"));
    let days = get(&shop, "/v1/reconciliations?month=202601");
    assert_eq!(days["days"][0]["theirs"], data["theirs"]);
    assert_eq!(file(&world, &shop, "202602"), [] as [Vec<String>; 0]);
    // A day's file has the rows of that day only.
    shop.paid("5", 700);
    world.advance(24 * 3600);
    let of = |day: &str| rows_of(&world, &shop, &format!("/v1/reconciliation?date={day}"));
    assert_eq!(of(DAY), rows);
    let next = of("20260103");
    assert_eq!(next.len(), 1, "{next:?}");
    assert_eq!(next[0][3], "5");
    assert_eq!(file(&world, &shop, "202601").len(), 6);
    let (status, answer) = shop.call("GET", "/v1/reconciliation?date=20251231&format=csv", "");
    assert_eq!((status, &answer["code"]), (404, &json!("DAY_NOT_FOUND")));
}

/// Only WeChat's answer counts: a payment that the statement lacks is carried
/// to the next day, and is then left to a person.
#[test]
fn what_the_statement_lacks_is_carried_to_the_next_day_and_then_open() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("1", 1750);
    shop.paid("2", 250);
    // The book has it on the day before; WeChat's statement does not.
    let earlier =
        "UPDATE listed SET moved_at_ms = moved_at_ms - 86400000 WHERE list = 1 AND key = '2';
        INSERT INTO days VALUES(20260101, 'waiting', 0, 1, '{}')";
    world.sql("demo", earlier).unwrap();
    world.advance(60);
    let before = day(&shop, "20260101");
    assert_eq!(
        before["source"], "statement",
        "not a day without payments: {before}"
    );
    assert_eq!(
        before["state"], "waiting",
        "WeChat has no statement of it yet"
    );
    let data = compared(&world, &shop);
    assert_eq!(data["compared"], json!({"equal": 2}), "{data}");
    let before = day(&shop, "20260101");
    assert_eq!(
        before["source"], "none",
        "accepted in the evening: {before}"
    );
    assert_eq!(
        differences(&before),
        [named("2", "carried", "settled")],
        "{before}"
    );
    assert_eq!(before["differences"][0]["found_on"], DAY);
    assert_eq!(shop.alarms(), []);

    // No statement has it.
    let lost = "DELETE FROM bookings WHERE number = '1'; DELETE FROM differences;
        UPDATE days SET phase = 'searching', due_at_ms = 0, json = '{}' WHERE day = 20260102";
    world.sql("demo", lost).unwrap();
    world.lose_alarms();
    shop.native("3", 100);
    world.advance(600);
    let data = day(&shop, DAY);
    assert_eq!(
        differences(&data),
        [named("1", "carried", "carried")],
        "{data}"
    );
    // That WeChat has no statement of the next day counts in its evening.
    world.advance(36 * 3600);
    let data = day(&shop, DAY);
    assert_eq!(
        differences(&data),
        [named("1", "only_here", "open")],
        "{data}"
    );
    assert_eq!(shop.alarm_names(), ["RECONCILIATION_DIFFERS"]);
}

/// A payment that the book has and WeChat denies.
#[test]
fn a_payment_that_wechat_denies_is_open_at_once() {
    let honest = crate::notice_fixture::fixture("demo");
    let (world, shop) = (&honest.world, &honest.shop);
    shop.change(&json!({"confirm_notices_from": 1_000_000}));
    crate::notice_fixture::order(shop, "N2");
    let mut fields = honest.fields();
    fields.set("out_trade_no", "N2");
    fields.set("transaction_id", "4200000000000000000000000099");
    let forged = fields.sealed(&honest.key, honest.sign_type()).to_xml();
    assert_eq!(honest.send(forged), 200);
    // The day has a statement.
    shop.paid("P1", 100);
    let data = compared(world, shop);
    let found = differences(&data);
    assert!(found.contains(&named("N2", "only_here", "open")), "{data}");
    let mut alarms = shop.alarm_names();
    alarms.sort();
    assert_eq!(alarms, ["NOT_PAID_AT_WECHAT", "RECONCILIATION_DIFFERS"]);
}

#[test]
fn s3_a_statement_that_is_being_made_or_cut_short_is_requested_again() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("1", 1750);
    let fail = json!({"path": "/pay/downloadbill", "code": "Bill Creating", "times": 3});
    world.control("/sandbox/faults", &json!({ "fail_next": fail }));
    let data = compared(&world, &shop);
    assert_eq!(
        (&data["state"], &data["problem"]),
        (&json!("waiting"), &json!("WeChat is still making it"))
    );
    world.advance(30 * 60);
    assert_eq!(day(&shop, DAY)["state"], "done");
    assert_eq!(shop.alarms(), []);
}

/// Whichever statement of the database is refused while a day is compared, it is
/// compared once, and its sums are the same.
#[test]
fn an_interruption_at_any_statement_repeats_and_loses_nothing() {
    let mut interrupted = 0;
    for nth in (1..).step_by(6) {
        let world = Memory::default();
        let shop = world.shop("demo");
        for number in ["1", "2", "3"] {
            shop.paid(number, 100);
        }
        refund(&shop, "2", "R2", 50);
        forget_payment(&world, &shop, "1");
        forget_order(&world, &shop, "3");
        // Nothing else happens until the statement is requested.
        world.advance(22 * 3600 + 55 * 60);
        world.refuse_statement(nth);
        world.advance(3600);
        let is_over = world.call_off_refusal();
        let data = day(&shop, DAY);
        assert_eq!(data["state"], "done", "statement {nth}: {data}");
        assert_eq!(
            data["theirs"],
            sums((300, 3), (50, 1), (0, 0)),
            "statement {nth}"
        );
        assert_eq!(
            data["compared"],
            json!({"equal": 2, "taken_over": 1, "unknown_here": 1}),
            "statement {nth}: {data}"
        );
        let mut found = differences(&data);
        found.sort();
        let expected = [
            named("1", "taken_over", "settled"),
            named("3", "unknown_here", "open"),
        ];
        assert_eq!(found, expected, "statement {nth}");
        // The refused statement may have been that of an order's own timer.
        let mut alarms = shop.alarm_names();
        alarms.retain(|name| name != "ROW_UNREADABLE");
        assert_eq!(alarms, ["RECONCILIATION_DIFFERS"], "statement {nth}");
        for kind in ["statement.ready", "reconciliation.differs"] {
            let events = get(&shop, &format!("/v1/events?type={kind}"));
            assert_eq!(
                events["events"].as_array().unwrap().len(),
                1,
                "statement {nth}"
            );
        }
        if is_over {
            break;
        }
        interrupted += 1;
    }
    assert!(interrupted > 15, "{interrupted}");
}

/// A day's statement of any length is read in pieces; what is kept of numbers that the
/// book does not know is bounded.
#[test]
fn a_statement_of_unknown_numbers_fills_no_book() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("1", 1750);
    world.long_statement(20_000);
    let data = compared(&world, &shop);
    assert_eq!(data["state"], "done", "{}", data["problem"]);
    assert_eq!(
        (&data["rows"], &data["open"]),
        (&json!(20_000), &json!(1_000))
    );
    assert_eq!(data["not_kept"], 19_000);
    assert_eq!(data["compared"]["unknown_here"], 20_000);
    assert_eq!(data["differences"].as_array().unwrap().len(), 200);
    assert!(data["after"].is_i64());
    // The book's own payment is not in it, and WeChat confirms it.
    assert_eq!((&data["carried"], &data["asked"]), (&json!(1), &json!(0)));
    assert_eq!(shop.alarm_names(), ["RECONCILIATION_DIFFERS"]);
    let count = |table: &str| {
        let disk = world.database("demo");
        let sql = format!("SELECT count(*) FROM {table}");
        disk.connection()
            .query_row(&sql, [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!((count("bookings"), count("differences")), (1_000, 1_001));
}

#[test]
fn days_are_compared_for_a_week_after_the_last_payment_and_gaps_are_filled() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("1", 1750);
    world.advance(20 * 24 * 3600);
    let days = |month: &str| -> Vec<Value> {
        let data = get(&shop, &format!("/v1/reconciliations?month={month}"));
        let days = data["days"].as_array().unwrap().iter();
        days.map(|day| day["date"].clone()).collect()
    };
    assert_eq!(days("202601").len(), 8);
    assert_eq!(days("202601").last().unwrap(), "20260109");
    shop.paid("2", 250);
    world.advance(24 * 3600);
    assert_eq!(days("202601").len(), 22, "until 22 and the one after it");
    for date in ["20260110", "20260121", "20260122"] {
        assert_eq!(day(&shop, date)["state"], "done", "{date}");
    }
}

/// The second row stays a difference, also where WeChat's answer settles the first, and the
/// month's file has both.
#[test]
fn a_row_that_is_listed_twice_is_open_although_a_query_settles_the_first() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("1", 1750);
    shop.paid("2", 250);
    refund(&shop, "1", "R1", 50);
    forget_payment(&world, &shop, "2");
    let twice = |row: Value| world.control("/sandbox/faults", &json!({ "wrong_row": row }));
    twice(json!({"mch_id": "1900000109", "out_trade_no": "2", "wrong": "TWICE"}));
    twice(json!({
        "mch_id": "1900000109", "out_trade_no": "1", "out_refund_no": "R1", "wrong": "TWICE",
    }));
    let data = compared(&world, &shop);
    let mut found = differences(&data);
    found.sort();
    let expected = [
        named("2", "listed_twice", "open"),
        named("2", "taken_over", "settled"),
        named("R1", "listed_twice", "open"),
    ];
    assert_eq!(found, expected, "{data}");
    assert_eq!(shop.alarm_names(), ["RECONCILIATION_DIFFERS"]);
    let rows = file(&world, &shop, "202601");
    let sum: i64 = rows.iter().map(|row| e5(&row[7])).sum();
    assert_eq!(data["theirs"], sums((2250, 3), (100, 2), (0, 0)));
    assert_eq!(sum, (2250 - 100) * 1000, "{rows:?}");
    assert!(rows.iter().all(|row| ["", "R1"].contains(&row[4].as_str())));
}

/// Two merchants of the gateway may be the same sub-merchant of an institution.
#[test]
fn rows_of_another_merchant_of_the_same_sub_merchant_are_not_differences() {
    let world = Memory::default();
    let harbour = fixtures::shop(&world, "harbour");
    let peak = fixtures::shop(&world, "peak-v3");
    fixtures::paid(&world, &harbour, "H1");
    fixtures::paid(&world, &peak, "P1");
    world.advance(UNTIL_COMPARED);
    for shop in [&harbour, &peak] {
        let data = day(shop, DAY);
        assert_eq!(
            data["compared"],
            json!({"another_merchants": 1, "equal": 1}),
            "{}: {data}",
            shop.id
        );
        assert_eq!(data["theirs"], data["ours"], "{}: {data}", shop.id);
        assert_eq!(shop.alarms(), [], "{}", shop.id);
    }
}

/// The book learns of its first payment after the midnight that followed it.
#[test]
fn the_first_day_is_that_of_the_first_payment() {
    let world = Memory::default();
    let shop = world.shop("demo");
    // Shortly before midnight in China.
    world.advance(12 * 3600 + 55 * 60 + 30);
    world.control("/sandbox/faults", &json!({"hold_notices": true}));
    fixtures::pay(&world, &shop, "1");
    world.advance(11 * 3600);
    let data = day(&shop, DAY);
    assert_eq!(
        (&data["state"], &data["compared"]),
        (&json!("done"), &json!({"equal": 1})),
        "{data}"
    );
}

/// WeChat may answer `Bill Creating` for a day without payments; such a day is not
/// requested for ever.
#[test]
fn a_quiet_day_whose_statement_is_never_made_is_done_in_the_evening() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("1", 1750);
    assert_eq!(compared(&world, &shop)["state"], "done");
    let fail = json!({"path": "/pay/downloadbill", "code": "Bill Creating", "times": 900});
    world.control("/sandbox/faults", &json!({ "fail_next": fail }));
    world.advance(24 * 3600);
    assert_eq!(day(&shop, "20260103")["state"], "waiting");
    world.advance(13 * 3600);
    let data = day(&shop, "20260103");
    assert_eq!(
        (&data["state"], &data["source"]),
        (&json!("done"), &json!("none")),
        "{data}"
    );
    assert_eq!(shop.alarms(), []);
}

/// A row of another merchant or of another year is refused by name, and the payment
/// that it replaces is looked for.
#[test]
fn rows_of_another_merchant_or_year_are_refused_by_name() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for number in ["1", "2", "3"] {
        shop.paid(number, 100);
    }
    refund(&shop, "3", "R3", 50);
    let wrong = |row: Value| world.control("/sandbox/faults", &json!({ "wrong_row": row }));
    for row in [
        json!({"out_trade_no": "1", "wrong": "OTHER_MERCHANT"}),
        json!({"out_trade_no": "2", "wrong": "OTHER_YEAR"}),
        json!({"out_trade_no": "3", "out_refund_no": "R3", "wrong": "OTHER_MERCHANT"}),
    ] {
        let mut row = row;
        row["mch_id"] = json!("1900000109");
        wrong(row);
    }
    let data = compared(&world, &shop);
    assert_eq!(data["state"], "done", "{data}");
    assert_eq!(data["theirs"], sums((100, 1), (0, 0), (0, 0)), "{data}");
    assert_eq!((&data["rows"], &data["unreadable"]), (&json!(4), &json!(3)));
    let all = data["differences"].as_array().unwrap();
    let refused = all.iter().filter(|one| one["kind"] == "unreadable");
    let mut problems: Vec<_> = refused
        .map(|one| one["problem"].as_str().unwrap())
        .collect();
    problems.sort_unstable();
    let other = "is of the merchant 19000001099, and the statement of 1900000109";
    let year = "is dated 20250102, and the statement 20260102";
    assert_eq!(problems, [year, other, other], "{data}");
    // WeChat confirms them, and the next day's statement should have them.
    let mut found = differences(&data);
    found.retain(|(_, reason, _)| reason != "unreadable");
    found.sort();
    let carried = ["1", "2", "R3"].map(|number| named(number, "carried", "carried"));
    assert_eq!(found, carried, "{data}");
    assert_eq!(shop.alarm_names(), ["RECONCILIATION_DIFFERS"]);
    for number in ["1", "2", "3"] {
        assert_ne!(shop.status(number)["trade_state"], "NOTPAY", "{number}");
    }
}

/// A statement that is another one than before is read again from its beginning.
#[test]
fn a_statement_that_is_read_again_keeps_the_notes() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for number in ["1", "2", "3"] {
        shop.paid(number, 100);
    }
    forget_order(&world, &shop, "2");
    forget_order(&world, &shop, "3");
    let data = compared(&world, &shop);
    let expected = [
        named("2", "unknown_here", "open"),
        named("3", "unknown_here", "open"),
    ];
    assert_eq!(differences(&data), expected);
    let id = data["differences"][0]["id"].clone();
    let body = json!({"note": "asked the till"}).to_string();
    assert_eq!(
        shop.call("POST", &format!("/v1/reconciliation/{id}"), body)
            .0,
        200
    );

    let sql = format!(
        "UPDATE days SET phase = 'waiting', due_at_ms = 1,
            json = json_set(json, '$.prefix', 'another') WHERE day = {DAY}"
    );
    world.sql(&shop.id, &sql).unwrap();
    // A new order has a timer, which wakes the book.
    shop.native("later", 100);
    world.advance(60);
    let data = day(&shop, DAY);
    assert_eq!(data["problem"], "it is another one than before", "{data}");
    assert_eq!(
        differences(&data),
        [named("2", "unknown_here", "settled")],
        "without a note nothing stays"
    );

    world.advance(15 * 60);
    let data = day(&shop, DAY);
    assert_eq!(data["state"], "done", "{data}");
    assert_eq!(differences(&data), expected, "{data}");
    let all = data["differences"].as_array().unwrap().iter();
    let notes: Vec<_> = all.map(|one| one["notes"][0]["text"].clone()).collect();
    assert_eq!(notes, [json!("asked the till"), Value::Null], "{data}");
}

/// A payment that was reversed has a row for each, and WeChat's answer shows that
/// nothing differs. What a person has noted until then stays.
#[test]
fn a_noted_difference_that_is_none_is_settled() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for number in ["1", "2"] {
        let code = world.control(
            "/sandbox/paycode",
            &json!({"payer": "alice", "behaviour": "pays"}),
        );
        let quick = json!({"out_trade_no": number, "body": "Tea", "total_fee": 1200,
            "auth_code": code["auth_code"]});
        assert_eq!(shop.call("POST", "/v1/micropay", quick.to_string()).0, 200);
        // WeChat reverses no younger one.
        world.advance(20);
        let body = json!({ "out_trade_no": number }).to_string();
        assert_eq!(shop.call("POST", "/v1/reverse", body).0, 200);
    }
    world.advance(22 * 3600 + 55 * 60);
    let fail = json!({"path": "/pay/orderquery", "code": "SYSTEMERROR", "times": 20});
    world.control("/sandbox/faults", &json!({ "fail_next": fail }));
    world.advance(UNTIL_COMPARED - (22 * 3600 + 55 * 60));
    let data = day(&shop, DAY);
    let asked = ["1", "2"].map(|number| named(number, "only_at_wechat", "asked"));
    assert_eq!(differences(&data), asked, "{data}");
    let path = format!("/v1/reconciliation/{}", data["differences"][0]["id"]);
    let body = json!({"note": "the payer came back"}).to_string();
    assert_eq!(shop.call("POST", &path, body).0, 200);
    world.advance(3 * 3600);
    let data = day(&shop, DAY);
    assert_eq!(data["state"], "done", "{data}");
    assert_eq!(data["compared"], json!({"equal": 4}), "{data}");
    let settled = named("1", "only_at_wechat", "settled");
    assert_eq!(differences(&data), [settled], "{data}");
    let note = &data["differences"][0]["notes"][0]["text"];
    assert_eq!(note, "the payer came back", "{data}");
    assert_eq!(shop.alarms(), []);
}
