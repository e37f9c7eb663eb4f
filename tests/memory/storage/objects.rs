//! One merchant's object under load: many requests at once, slow servers,
//! unreadable rows, timers after an outage.

use crate::fixtures;
use crate::notice_fixture::order;
use serde_json::{Value, json};
use tests::memory::{GATEWAY, Memory, SHOP_NOTIFY, Shop, registry_of};

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

/// The time at which the order was paid, by the audit.
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
        world.scan(&order(&shop, &number.to_string())["code_url"]);
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
fn a_slow_notify_url_does_not_delay_the_query_of_a_payment() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let waits = order(&shop, "waits");
    for number in 0..12 {
        world.scan(&order(&shop, &number.to_string())["code_url"]);
    }
    world.advance(1);
    world.lose_notices(true);
    world.scan(&waits["code_url"]);
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
fn a_burst_of_orders_waits_for_slots_without_running_time_outs() {
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
fn a_call_that_waits_too_long_for_a_slot_is_refused_unsent() {
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
    // The same host is called at once when there is a free slot again.
    world.answers_take(0, 0);
    shop.order(&new_order("later"));
    assert_eq!(
        world.upstream_hosts().last(),
        world.upstream_hosts().first()
    );
}

#[test]
fn a_quick_pay_is_sent_before_all_waiting_requests() {
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
    let place = |path: &str| calls.iter().position(|called| called == path);
    // The query before it, and then the Quick Pay itself.
    assert_eq!(
        place("/pay/orderquery"),
        Some(4),
        "behind the four that were under way: {calls:?}"
    );
    assert_eq!(
        place("/pay/micropay"),
        Some(8),
        "behind those that left with its query: {calls:?}"
    );
}

#[test]
fn a_row_that_cannot_be_read_stops_no_other_timer_and_no_delivery() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for number in ["broken", "paid", "open"] {
        order(&shop, number);
    }
    let corrupt = "UPDATE orders SET json = replace(json, 'NOTPAY', 'A_LATER_VARIANT')
                 WHERE out_trade_no = 'broken'";
    world.sql("demo", corrupt).unwrap();
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

    // The version that can read it runs again.
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
    fixtures::pay(&world, &shop, "1");
    world.advance(1);
    let corrupt = "UPDATE deliveries SET attempts = 'many' WHERE id = 1";
    world.sql("demo", corrupt).unwrap();
    fixtures::pay(&world, &shop, "2");
    world.advance(30);
    let received = world.received();
    assert_eq!(received.len(), 2, "the first of order 1, and order 2's");
    assert_eq!(shop.report()["alarms"][0]["subject"], "delivery 1");
}

#[test]
fn a_refused_statement_is_repeated_and_the_alarm_stays_set() {
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
fn the_first_call_restarts_timers_after_the_alarm_was_lost() {
    let world = Memory::default();
    let shop = world.shop("demo");
    order(&shop, "1");
    world.lose_notices(true);
    let paid = json!({"mch_id": "1900000109", "out_trade_no": "1", "payer": "alice",
                      "action": "pay"});
    world.control("/sandbox/pay", &paid);
    // The runtime lost the alarm while the deployment could not start.
    world.lose_alarms();
    world.advance(600);
    assert_eq!(world.received(), []);
    // Any call opens the object.
    shop.call("GET", "/v1/product?product_id=none", "");
    world.advance(1);
    assert!(paid_at_ms(&shop, "1").is_some());
    assert_eq!(world.received().len(), 1);
}

/// Every complete statement in the gateway's sources. Statements that a test
/// executes are explained by the runtime in memory, the composed ones too. The
/// sources are read because nothing else shows a statement that no test executes.
#[test]
fn no_statement_reads_a_whole_table_that_grows() {
    let world = Memory::default();
    let shop = world.shop("demo");
    order(&shop, "1");
    let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../gateway/src");
    let mut files = vec![sources];
    let mut explained = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        for literal in source.split('"').skip(1).step_by(1) {
            let begins = ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM "];
            let is_whole = begins.iter().any(|begin| literal.starts_with(begin))
                && !literal.contains('{')
                && (literal.contains("WHERE") || !literal.starts_with("UPDATE"))
                && literal.len() > 20;
            if !is_whole {
                continue;
            }
            // Some belong to the registry, and the others to a book.
            let outcome = [
                world.explain("demo", literal),
                world.explain(&registry_of("demo"), literal),
            ];
            let unknown = |outcome: &Result<(), String>| matches!(outcome, Err(why) if why.contains("no such") || why.contains("syntax error"));
            if outcome.iter().all(unknown) {
                // A part of a composed statement.
                continue;
            }
            let refused = outcome.iter().filter(|o| !unknown(o));
            if let Some(refused) = refused.filter_map(|o| o.as_ref().err()).next() {
                panic!("{}: {refused}", path.display());
            }
            explained += 1;
        }
    }
    assert!(explained > 50, "only {explained} were found");
}

#[test]
fn a_statement_that_scans_is_refused_by_the_check_of_plans() {
    let world = Memory::default();
    let shop = world.shop("demo");
    order(&shop, "1");
    for scan in [
        "SELECT id FROM audit WHERE ?1 IS NULL OR subject = ?1",
        "SELECT json FROM orders WHERE json = ?",
        "SELECT count(*) FROM deliveries",
        "SELECT id FROM deliveries ORDER BY body LIMIT 5",
    ] {
        assert!(world.explain("demo", scan).is_err(), "{scan}");
    }
}

fn from(address: &str, request: http::request::Builder, body: &str) -> http::Request<Vec<u8>> {
    let request = request.header("cf-connecting-ip", address);
    request.body(body.as_bytes().to_vec()).unwrap()
}

#[test]
fn refused_notices_are_limited_by_address_and_accepted_ones_never() {
    let world = Memory::default();
    let shop = world.shop("demo");
    world.scan(&order(&shop, "1")["code_url"]);
    let true_one = world.take_notices().remove(0);
    let isolate = world.gateway();
    let notify = |body: &str| {
        let url = format!("{GATEWAY}/notify/v2/demo");
        let request = from("192.0.2.1", http::Request::post(url), body);
        world.send_to(&isolate, request).status().as_u16()
    };
    let before = world.calls_to("demo");
    let forged = true_one.body.replace("<sign><![CDATA[", "<sign><![CDATA[0");
    let answers: Vec<u16> = (0..500).map(|_| notify(&forged)).collect();
    assert_eq!(answers[0], 400);
    assert_eq!(answers[499], 429);
    assert_eq!(
        world.calls_to("demo") - before,
        1,
        "the book receives of them once"
    );
    assert_eq!(
        notify(&true_one.body),
        200,
        "a true one is believed all the same"
    );
    assert_eq!(shop.status("1")["trade_state"], "SUCCESS");
    // What was counted meanwhile is reported with the next request of any kind.
    for _ in 0..2 {
        world.advance(11);
        notify(&forged);
    }
    let counters = shop.report()["counters"].clone();
    assert_eq!(counters["notice_bad_signature"], 501, "{counters}");
}

#[test]
fn any_request_reports_the_remaining_counts_of_refused_notices() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let isolate = world.gateway();
    let send = |request| world.send_to(&isolate, request).status().as_u16();
    let notify = || {
        let url = format!("{GATEWAY}/notify/v2/demo");
        send(from("192.0.2.1", http::Request::post(url), "<xml></xml>"))
    };
    let any = || {
        send(from(
            "192.0.2.2",
            http::Request::get(format!("{GATEWAY}/")),
            "",
        ))
    };
    let counted = || {
        let counters = shop.report()["counters"].clone();
        let counted = counters.as_object().unwrap().iter();
        let refused = counted.filter(|(name, _)| name.starts_with("notice_"));
        refused.map(|(_, n)| n.as_i64().unwrap()).sum::<i64>()
    };
    for _ in 0..5 {
        assert_eq!(notify(), 400);
    }
    any();
    assert_eq!(counted(), 1, "the book is told every ten seconds at most");
    world.advance(10);
    // While the book does not answer, the count is kept.
    world.unreachable(&["demo"]);
    any();
    world.unreachable(&[]);
    any();
    assert_eq!(counted(), 1);
    world.advance(10);
    any();
    assert_eq!(counted(), 5);
    let before = world.calls_to("demo");
    world.advance(10);
    any();
    assert_eq!(world.calls_to("demo"), before, "nothing is left to tell");
}

#[test]
fn names_that_do_not_exist_are_looked_up_once() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let isolate = world.gateway();
    let get = |path: &str| {
        let request = from(
            "192.0.2.1",
            http::Request::get(format!("{GATEWAY}{path}")),
            "",
        );
        world.send_to(&isolate, request).status().as_u16()
    };
    let unknown = "/pay/status?s=nobody.0123456789abcdefghijkl";
    get(unknown);
    let before = world.calls_to_registry();
    for _ in 0..20 {
        assert_eq!(get(unknown), 404);
        // No merchant can have such an id.
        assert_eq!(get("/pay/status?s=No%20Body.0123456789abcdefghijkl"), 404);
    }
    assert_eq!(world.calls_to_registry(), before);
    // The same for a merchant's checkouts.
    let unknown = "/pay/status?s=demo.0123456789abcdefghijkl";
    assert_eq!(get(unknown), 404);
    let before = world.calls_to("demo");
    for _ in 0..20 {
        assert_eq!(get(unknown), 404);
    }
    assert_eq!(world.calls_to("demo"), before);
    // Requests for different names, from one address: after a while none is
    // looked up.
    for n in 0..1_000 {
        get(&format!("/pay/status?s=demo.{n:022}"));
    }
    let asked = world.calls_to("demo") - before;
    assert!(asked <= 600, "{asked}");
    // The same for keys.
    let wrong = || {
        let request = http::Request::get(format!("{GATEWAY}/v1/delivery"));
        let request = request
            .header("api-key", "live_wrong")
            .header("api-secret", "wrong");
        world
            .send_to(&isolate, request.body(Vec::new()).unwrap())
            .status()
            .as_u16()
    };
    assert_eq!(wrong(), 401);
    let before = world.calls_to_registry();
    assert_eq!(wrong(), 401);
    assert_eq!(world.calls_to_registry(), before);
    drop(shop);
}

#[test]
fn notices_to_unknown_merchants_stop_at_the_isolate() {
    let world = Memory::default();
    world.shop("demo");
    world.import_shards();
    let isolate = world.gateway();
    let before = world.calls_to_registry();
    for n in 0..1_000 {
        let url = format!("{GATEWAY}/notify/v2/nobody-{n}");
        let request = from("192.0.2.1", http::Request::post(url), "<xml></xml>");
        assert!(world.send_to(&isolate, request).status().is_client_error());
    }
    let asked = world.calls_to_registry() - before;
    assert!(asked <= 150, "{asked}");
}

/// How often WeChat is called about an unpaid order, until its end.
fn calls_for_an_abandoned_order(world: &Memory, shop: &Shop) -> usize {
    let before = world.upstream_calls().len();
    order(shop, "abandoned");
    world.advance(3 * 3600);
    let calls = world.upstream_calls().len() - before - 1;
    let state = shop.audit("money")[0]["what"].as_str().unwrap().to_owned();
    assert!(state.starts_with("order CLOSED"), "{state}");
    calls
}

#[test]
fn an_abandoned_order_costs_six_calls_while_notices_arrive() {
    let world = Memory::default();
    let shop = world.shop("demo");
    fixtures::pay(&world, &shop, "paid");
    world.advance(1);
    let calls = calls_for_an_abandoned_order(&world, &shop);
    assert!(calls <= 6, "{calls}");
}

#[test]
fn without_notices_every_check_of_an_order_queries_wechat() {
    let world = Memory::default();
    let shop = world.shop("demo");
    fixtures::pay(&world, &shop, "told");
    world.advance(1);
    // From now on no notice arrives: a query finds the first such payment.
    world.lose_notices(true);
    world.scan(&order(&shop, "found")["code_url"]);
    world.advance(31);
    assert!(paid_at_ms(&shop, "found").is_some());
    // An order that is paid after 20 minutes is found within ten more.
    order(&shop, "late");
    world.advance(20 * 60);
    let paid = json!({"mch_id": "1900000109", "out_trade_no": "late", "payer": "alice",
                      "action": "pay"});
    world.control("/sandbox/pay", &paid);
    let paid_ms = world.now();
    world.advance(11 * 60);
    let learned_ms = paid_at_ms(&shop, "late").expect("found by query");
    assert!(learned_ms - paid_ms <= 600_000);
    let calls = calls_for_an_abandoned_order(&world, &shop);
    assert!(calls > 10, "{calls}");
}

#[test]
fn timers_pause_when_wechat_refuses_queries_as_too_frequent() {
    let world = Memory::default();
    let shop = world.shop("demo");
    order(&shop, "1");
    world.advance(2);
    order(&shop, "2");
    let busy = json!({"path": "/pay/orderquery", "code": "FREQUENCY_LIMITED"});
    world.control("/sandbox/faults", &json!({ "fail_next": busy }));
    let before = world.upstream_calls().len();
    world.advance(31);
    assert_eq!(world.upstream_calls().len() - before, 1, "the second waits");
    let counters = shop.report()["counters"].clone();
    assert_eq!(counters["upstream_too_often:query"], 1, "{counters}");
    world.advance(60);
    assert!(
        world.upstream_calls().len() - before >= 3,
        "and is asked later"
    );
}

#[test]
fn a_delivery_is_repeated_on_wechats_longer_schedule() {
    let world = Memory::default();
    let shop = world.shop("demo");
    world.merchant_answers(vec![(500, ""); 100]);
    fixtures::pay(&world, &shop, "1");
    world.advance(2 * 86_400);
    let received = world.received();
    assert_eq!(received.len(), 16);
    let took_ms = received[15].at_ms - received[0].at_ms;
    assert_eq!(took_ms, (24 * 60 + 4) * 60_000);
}

/// A link that any payer may buy from, and a purchase begun through it.
fn begin_purchase(world: &Memory, link: &Value, once: &str) -> http::Response<Vec<u8>> {
    let id = link["id"].as_str().unwrap();
    let request = http::Request::post(format!("{GATEWAY}/pay/link"))
        .header("origin", GATEWAY)
        .header("content-type", "application/x-www-form-urlencoded");
    let form = format!("l={id}&once={once}&quantity=1");
    world.send(request.body(form.into_bytes()).unwrap())
}

fn new_link(shop: &Shop) -> Value {
    let body = json!({"body": "Oolong", "total_fee": 150, "notify_url": SHOP_NOTIFY});
    let (status, answer) = shop.call("POST", "/v1/link", body.to_string());
    assert_eq!(status, 200, "{answer}");
    answer["data"].clone()
}

#[test]
fn a_purchase_of_a_link_without_an_attempt_is_removed() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let link = new_link(&shop);
    let begun = begin_purchase(&world, &link, "0123456789abcdef0");
    assert_eq!(begun.status(), 303);
    let place = begun.headers()["location"].to_str().unwrap().to_owned();
    let untried = place.split(['=', '&']).nth(1).unwrap().to_owned();
    let tried = begin_purchase(&world, &link, "0123456789abcdef1");
    let place = tried.headers()["location"].to_str().unwrap().to_owned();
    let tried = place.split(['=', '&']).nth(1).unwrap().to_owned();
    let request = http::Request::post(format!("{GATEWAY}/pay/order?s={tried}"))
        .header("user-agent", crate::checkout::sign_in::DESKTOP)
        .header("content-type", "application/json");
    let answer = world.send(request.body(b"{}".to_vec()).unwrap());
    assert_eq!(answer.status(), 200);
    assert!(world.stored_text().contains(&untried));
    world.advance(31 * 60);
    assert!(
        world.stored_text().contains(&untried),
        "its page says that it is over"
    );
    world.advance(61 * 60);
    assert!(!world.stored_text().contains(&untried));
    assert!(world.stored_text().contains(&tried), "it was an order");
}

#[test]
fn a_link_has_a_limited_number_of_open_purchases() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let link = new_link(&shop);
    let fill = format!(
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 10000)
         INSERT INTO sales(checkout_id, link_id, once, pieces, until_ms)
         SELECT 'c' || n, '{}', 'o' || n, 1, {} FROM n",
        link["id"].as_str().unwrap(),
        world.now() + 600_000
    );
    world.sql("demo", &fill).unwrap();
    assert_eq!(
        begin_purchase(&world, &link, "0123456789abcdef0").status(),
        429
    );
    assert_eq!(
        begin_purchase(&world, &new_link(&shop), "0123456789abcdef0").status(),
        303
    );
}

#[test]
fn a_full_object_refuses_new_orders_and_writes_payments() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let link = new_link(&shop);
    let made = order(&shop, "1");
    world.databases_have(8_000_000_000);
    assert_eq!(
        begin_purchase(&world, &link, "0123456789abcdef0").status(),
        507
    );
    order(&shop, "2");
    world.databases_have(9_500_000_000);
    let (status, answer) = shop.call("POST", "/v1/order", new_order("3").to_string());
    assert_eq!((status, &answer["code"]), (507, &json!("STORAGE_FULL")));
    world.scan(&made["code_url"]);
    world.advance(1);
    assert_eq!(shop.status("1")["trade_state"], "SUCCESS");
    assert_eq!(world.received().len(), 1);
    let report = shop.report();
    let alarms = report["alarms"].as_array().unwrap();
    let levels: Vec<_> = alarms
        .iter()
        .map(|alarm| alarm["subject"].as_str().unwrap())
        .collect();
    assert!(
        levels.contains(&"95 %") && levels.contains(&"80 %"),
        "{levels:?}"
    );
    assert!(alarms.iter().all(|alarm| alarm["times"] == 1), "each once");
}
