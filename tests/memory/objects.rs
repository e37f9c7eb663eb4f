//! What one merchant's object can bear: many requests at once, slow servers,
//! rows that cannot be read, timers after an outage.

use crate::kinds;
use crate::scene::{order, pay};
use serde_json::{Value, json};
use whole::memory::{GATEWAY, Memory, SHOP_NOTIFY, Shop};

/// A request with both keys.
fn request(shop: &Shop, path: &str, body: &Value) -> http::Request<Vec<u8>> {
    http::Request::post(format!("{GATEWAY}{path}"))
        .header("api-key", &shop.api_key)
        .header("api-secret", &shop.api_secret)
        .header("content-type", "application/json")
        .body(body.to_string().into_bytes())
        .unwrap()
}

fn new_order(number: &str) -> Value {
    json!({"out_trade_no": number, "body": "Two cups", "total_fee": 150,
           "trade_type": "NATIVE", "notify_url": SHOP_NOTIFY})
}

/// When the audit says that the order was paid.
fn paid_at_ms(shop: &Shop, number: &str) -> Option<i64> {
    let paid = |entry: &&Value| {
        let what = entry["what"].as_str().unwrap();
        entry["subject"] == number && what.starts_with("order SUCCESS")
    };
    let entries = shop.audit("money");
    entries.iter().find(paid).and_then(|e| e["at_ms"].as_i64())
}

#[test]
fn every_sale_to_a_slow_endpoint_is_sent_and_acknowledged_once() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for number in 0..50 {
        pay(&world, &order(&shop, &number.to_string())["code_url"]);
    }
    world.answers_take(0, 9_000);
    world.advance(300);
    assert_eq!(world.never_sent(), 0);
    assert_eq!(world.received().len(), 50);
    let counters = shop.report()["counters"].clone();
    assert_eq!(counters["delivery_acknowledged"], 50, "{counters}");
    assert_eq!(counters["delivery_failed"], Value::Null);
}

#[test]
fn a_slow_notify_url_does_not_delay_learning_of_a_payment() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let waits = order(&shop, "waits");
    for number in 0..12 {
        pay(&world, &order(&shop, &number.to_string())["code_url"]);
    }
    world.advance(1);
    world.lose_notices(true);
    pay(&world, &waits["code_url"]);
    let made_ms = world.now() - 1_000;
    world.answers_take(100, 9_500);
    world.advance(60);
    let learned_ms = paid_at_ms(&shop, "waits").expect("learned by query");
    assert!(
        learned_ms - made_ms <= 31_500,
        "learned {} ms after it was made: its first query is due after 30 s",
        learned_ms - made_ms
    );
    assert_eq!(world.never_sent(), 0);
}

#[test]
fn a_burst_of_orders_waits_for_its_turn_and_no_time_out_runs_meanwhile() {
    let world = Memory::default();
    let shop = world.shop("demo");
    world.answers_take(1_500, 0);
    let orders: Vec<_> = (0..20)
        .map(|number| request(&shop, "/v1/order", &new_order(&number.to_string())))
        .collect();
    for answer in world.send_all(orders) {
        assert_eq!(answer.status(), 200);
    }
    assert_eq!(world.never_sent(), 0);
}

#[test]
fn a_call_that_waits_too_long_for_its_turn_is_refused_unsent() {
    let world = Memory::default();
    let shop = world.shop("demo");
    world.answers_take(4_000, 0);
    let orders: Vec<_> = (0..20)
        .map(|number| request(&shop, "/v1/order", &new_order(&number.to_string())))
        .collect();
    let answers = world.send_all(orders);
    let refused = answers.iter().filter(|answer| answer.status() != 200);
    for answer in refused.clone() {
        let body = String::from_utf8_lossy(answer.body());
        assert!(body.contains("UPSTREAM_UNAVAILABLE"), "{body}");
    }
    let sent = world.upstream_calls().len();
    assert_eq!(sent + refused.count(), 20, "refused, and never sent");
    assert_eq!(world.never_sent(), 0, "and not by a time-out");
    assert_eq!(shop.report()["counters"]["upstream_not_sent"], 20 - sent);
    // The same host is asked at once when there is room again.
    world.answers_take(0, 0);
    shop.order(&new_order("later"));
    assert_eq!(
        world.upstream_hosts().last(),
        world.upstream_hosts().first()
    );
}

#[test]
fn a_quick_pay_goes_before_all_that_waits() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let code = world.control(
        "/sandbox/paycode",
        &json!({"payer": "alice", "behaviour": "pays"}),
    );
    let quick_pay = json!({"out_trade_no": "quick", "body": "One cup", "total_fee": 150,
                           "auth_code": code["auth_code"], "notify_url": SHOP_NOTIFY});
    world.answers_take(1_000, 0);
    let mut requests: Vec<_> = (0..12)
        .map(|number| request(&shop, "/v1/order", &new_order(&number.to_string())))
        .collect();
    requests.push(request(&shop, "/v1/micropay", &quick_pay));
    for answer in world.send_all(requests) {
        assert_eq!(answer.status(), 200);
    }
    let calls = world.upstream_calls();
    let place = calls.iter().position(|path| path == "/pay/micropay");
    assert_eq!(
        place,
        Some(4),
        "behind the four that were under way: {calls:?}"
    );
}

#[test]
fn a_row_that_cannot_be_read_stops_no_other_timer_and_no_delivery() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for number in ["broken", "paid", "open"] {
        order(&shop, number);
    }
    let spoil = "UPDATE orders SET json = replace(json, 'NOTPAY', 'A_LATER_VARIANT')
                 WHERE out_trade_no = 'broken'";
    world.sql("demo", spoil).unwrap();
    world.lose_notices(true);
    let paid = json!({"mch_id": "1900000109", "out_trade_no": "paid", "payer": "alice",
                      "action": "pay"});
    world.control("/sandbox/pay", &paid);
    world.advance(40);
    assert!(paid_at_ms(&shop, "paid").is_some(), "its timer ran");
    assert_eq!(world.received().len(), 1, "and it was delivered");
    let report = shop.report();
    assert_eq!(report["alarms"][0]["name"], "ROW_UNREADABLE", "{report}");
    assert_eq!(report["alarms"][0]["subject"], "broken");
    assert!(shop.call("GET", "/v1/order?out_trade_no=broken", "").0 >= 500);

    // The version that can read it is back.
    let paid = json!({"mch_id": "1900000109", "out_trade_no": "broken", "payer": "alice",
                      "action": "pay"});
    world.control("/sandbox/pay", &paid);
    let mend = "UPDATE orders SET json = replace(json, 'A_LATER_VARIANT', 'NOTPAY')";
    world.sql("demo", mend).unwrap();
    world.advance(11 * 60);
    assert!(
        paid_at_ms(&shop, "broken").is_some(),
        "it goes on by itself"
    );
}

#[test]
fn an_unreadable_delivery_stops_no_other() {
    let world = Memory::default();
    let shop = world.shop("demo");
    world.merchant_answers([(500, "")]);
    kinds::pay(&world, &shop, "1");
    world.advance(1);
    let spoil = "UPDATE deliveries SET attempts = 'many' WHERE id = 1";
    world.sql("demo", spoil).unwrap();
    kinds::pay(&world, &shop, "2");
    world.advance(30);
    let received = world.received();
    assert_eq!(received.len(), 2, "the first of order 1, and order 2's");
    assert_eq!(shop.report()["alarms"][0]["subject"], "delivery 1");
}

#[test]
fn a_database_that_refuses_is_asked_again_and_the_alarm_stays_set() {
    let world = Memory::default();
    let shop = world.shop("demo");
    order(&shop, "1");
    let refuse = "CREATE TRIGGER refuse BEFORE UPDATE ON orders
                  BEGIN SELECT RAISE(ABORT, 'refused'); END";
    world.sql("demo", refuse).unwrap();
    world.advance(120);
    assert_eq!(world.upstream_calls().len(), 1, "only the order itself");
    let paid = json!({"mch_id": "1900000109", "out_trade_no": "1", "payer": "alice",
                      "action": "pay"});
    world.lose_notices(true);
    world.control("/sandbox/pay", &paid);
    world.sql("demo", "DROP TRIGGER refuse").unwrap();
    world.advance(15);
    assert!(paid_at_ms(&shop, "1").is_some());
}

#[test]
fn timers_come_back_with_the_first_contact_after_the_alarm_was_lost() {
    let world = Memory::default();
    let shop = world.shop("demo");
    order(&shop, "1");
    world.lose_notices(true);
    let paid = json!({"mch_id": "1900000109", "out_trade_no": "1", "payer": "alice",
                      "action": "pay"});
    world.control("/sandbox/pay", &paid);
    // The runtime gave up ringing while the deployment could not start.
    world.lose_alarms();
    world.advance(600);
    assert_eq!(world.received(), []);
    // Any contact opens the object.
    shop.call("GET", "/v1/product?product_id=none", "");
    world.advance(1);
    assert!(paid_at_ms(&shop, "1").is_some());
    assert_eq!(world.received().len(), 1);
}
