//! Events: which changes are events, in which order, and how they are read.

use super::endpoints::endpoint;
use crate::api::lists::get;
use crate::checkout::links::{buy, link, pay as pay_link};
use crate::checkout::sign_in::{Browser, DESKTOP, WECHAT, call, checkout, with_secret};
use crate::notice_fixture::order;
use serde_json::{Value, json};
use tests::memory::{Memory, SHOP_NOTIFY, START_MS, Shop};

/// Every event of a merchant, oldest first, read in pages of two.
pub fn all_events(shop: &Shop) -> Vec<Value> {
    let mut events: Vec<Value> = Vec::new();
    let mut after = String::new();
    loop {
        let page = get(shop, &format!("/v1/events?limit=2{after}"));
        events.extend(page["events"].as_array().unwrap().iter().cloned());
        match page["after"].as_str() {
            Some(id) => after = format!("&after={id}"),
            None => return events,
        }
    }
}

/// Type, subject and `seq` of events.
pub fn named(events: &[Value]) -> Vec<(String, String, i64)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let events = events.iter();
    let named = events.map(|event| {
        let seq = event["seq"].as_i64().unwrap();
        (text(&event["type"]), text(&event["subject"]), seq)
    });
    named.collect()
}

fn expected(events: &[(&str, &str, i64)]) -> Vec<(String, String, i64)> {
    let events = events.iter();
    events
        .map(|(kind, subject, seq)| ((*kind).to_owned(), (*subject).to_owned(), *seq))
        .collect()
}

#[test]
fn each_change_of_an_order_is_one_event_in_its_order() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let paid = shop.order(&json!({
        "out_trade_no": "A1", "body": "Two cups", "total_fee": 150, "trade_type": "NATIVE",
        "notify_url": SHOP_NOTIFY, "attach": "till 4", "metadata": {"shelf": "7"},
    }));
    world.scan(&paid["code_url"]);
    world.advance(1);
    let refund = json!({"out_trade_no": "A1", "refund_fee": 50, "out_refund_no": "R1"});
    assert_eq!(shop.call("POST", "/v1/refund", refund.to_string()).0, 200);
    world.advance(400);
    // Repeated queries and notices are no changes.
    get(&shop, "/v1/refund?out_trade_no=A1");
    get(&shop, "/v1/order?out_trade_no=A1&refresh=1");
    world.advance(400);
    order(&shop, "A2");
    world.advance(10);
    let close = json!({"out_trade_no": "A2"}).to_string();
    assert_eq!(shop.call("POST", "/v1/close", close).0, 200);
    order(&shop, "A3");
    world.advance(3 * 3_600);
    let events = all_events(&shop);
    assert_eq!(
        named(&events),
        expected(&[
            ("order.paid", "A1", 1),
            ("refund.accepted", "A1", 2),
            ("refund.succeeded", "A1", 3),
            ("order.closed", "A2", 1),
            ("order.expired", "A3", 1),
        ])
    );
    let object = &events[0]["object"];
    for (name, value) in [
        ("out_trade_no", json!("A1")),
        ("state", json!("SUCCESS")),
        ("amount", json!(150)),
        ("currency", json!("HKD")),
        ("attach", json!("till 4")),
        ("metadata", json!({"shelf": "7"})),
        ("refunded_amount", json!(0)),
    ] {
        assert_eq!(object[name], value, "{name}");
    }
    let object = &events[2]["object"];
    for (name, value) in [
        ("out_refund_no", json!("R1")),
        ("out_trade_no", json!("A1")),
        ("state", json!("SUCCESS")),
        ("amount", json!(50)),
        ("attach", json!("till 4")),
        ("metadata", json!({"shelf": "7"})),
    ] {
        assert_eq!(object[name], value, "{name}");
    }
    let id = events[1]["id"].as_str().unwrap();
    assert_eq!(get(&shop, &format!("/v1/events/{id}")), events[1]);
}

#[test]
fn events_are_selected_by_type_and_order() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for number in ["A1", "A2", "A3"] {
        world.scan(&order(&shop, number)["code_url"]);
        world.advance(1);
    }
    for (query, subjects) in [
        ("type=order.paid", vec!["A1", "A2", "A3"]),
        ("type=order.closed", vec![]),
        ("out_trade_no=A2", vec!["A2"]),
        ("out_trade_no=A2&type=order.paid", vec!["A2"]),
        ("type=order.paid&limit=2", vec!["A1", "A2"]),
        ("order=oldest", vec!["A1", "A2", "A3"]),
        ("order=newest", vec!["A3", "A2", "A1"]),
        ("order=newest&limit=2", vec!["A3", "A2"]),
        ("order=newest&type=order.paid&limit=1", vec!["A3"]),
        ("q=A", vec!["A1", "A2", "A3"]),
        ("q=A2", vec!["A2"]),
        ("q=evt_", vec!["A1", "A2", "A3"]),
        ("q=B", vec![]),
        (
            &format!("at_from_ms={}", START_MS + 1_000),
            vec!["A2", "A3"],
        ),
        (&format!("at_to_ms={}", START_MS + 1_000), vec!["A1"]),
        (
            &format!("order=newest&at_to_ms={}", START_MS + 2_000),
            vec!["A2", "A1"],
        ),
    ] {
        let page = get(&shop, &format!("/v1/events?{query}"));
        let events = page["events"].as_array().unwrap();
        let found: Vec<_> = named(events).into_iter().map(|event| event.1).collect();
        assert_eq!(found, subjects, "{query}");
        assert_eq!(
            page["after"].is_string(),
            query.contains("limit"),
            "{query}"
        );
    }
    // Newest first, the pages meet the oldest event, and nothing follows.
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = get(&shop, &format!("/v1/events?order=newest&limit=1{after}"));
        let events = page["events"].as_array().unwrap();
        seen.extend(named(events).into_iter().map(|event| event.1));
        match page["after"].as_str() {
            Some(id) => after = format!("&after={id}"),
            None => break,
        }
    }
    assert_eq!(seen, ["A3", "A2", "A1"]);
    let csv = shop.answer("GET", "/v1/events?order=newest&format=csv", "");
    let csv = String::from_utf8(csv.body().clone()).unwrap();
    let places = ["A3", "A2", "A1"].map(|number| csv.find(&format!(",{number},")).unwrap());
    assert!(places.is_sorted(), "{csv}");
    // An id from one list is a valid `after` in every other.
    let first = get(&shop, "/v1/events?limit=1")["after"].clone();
    let rest = get(
        &shop,
        &format!(
            "/v1/events?type=order.paid&after={}",
            first.as_str().unwrap()
        ),
    );
    assert_eq!(rest["events"].as_array().unwrap().len(), 2);
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let other = world.shop("other");
    world.scan(&order(&other, "B1")["code_url"]);
    world.scan(&order(&shop, "A1")["code_url"]);
    world.advance(1);
    let id = |shop: &Shop| all_events(shop)[0]["id"].as_str().unwrap().to_owned();
    let (own, others) = (id(&shop), id(&other));
    assert_ne!(own, others);
    for (query, code, field) in [
        (format!("after={others}"), "CURSOR_INVALID", "after"),
        (
            "after=evt_1_0000000000".to_owned(),
            "CURSOR_INVALID",
            "after",
        ),
        (
            "after=evt_9999999999999999999999_x".to_owned(),
            "CURSOR_INVALID",
            "after",
        ),
        ("after=x".to_owned(), "CURSOR_INVALID", "after"),
        ("type=order.made".to_owned(), "FIELD_INVALID", "type"),
        ("limit=0".to_owned(), "FIELD_INVALID", "limit"),
        ("limit=101".to_owned(), "FIELD_INVALID", "limit"),
        ("state=SUCCESS".to_owned(), "FIELD_INVALID", "state"),
        ("order=first".to_owned(), "FIELD_INVALID", "order"),
        ("at_from_ms=x".to_owned(), "FIELD_INVALID", "at_from_ms"),
        (
            "at_from_ms=2&at_to_ms=2".to_owned(),
            "FIELD_INVALID",
            "at_to_ms",
        ),
        ("q=%00".to_owned(), "FIELD_INVALID", "q"),
        ("format=xml".to_owned(), "FIELD_INVALID", "format"),
        (
            format!("limit=1&after={own}&after={own}"),
            "FIELD_INVALID",
            "after",
        ),
    ] {
        let (_, answer) = shop.call("GET", &format!("/v1/events?{query}"), "");
        assert_eq!(
            (&answer["code"], &answer["field"]),
            (&json!(code), &json!(field)),
            "{query}"
        );
    }
    for path in [format!("/v1/events/{others}"), "/v1/events/1".to_owned()] {
        let (status, answer) = shop.call("GET", &path, "");
        assert_eq!(
            (status, &answer["code"]),
            (404, &json!("EVENT_NOT_FOUND")),
            "{path}"
        );
    }
}

#[test]
fn a_checkout_that_ends_unpaid_is_reported_once() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for number in ["C1", "C2", "C3"] {
        let body = json!({
            "out_trade_no": number, "body": "Tea", "total_fee": 100, "expires_in_seconds": 600,
            "metadata": {"shelf": number},
        });
        assert_eq!(shop.call("POST", "/v1/checkout", body.to_string()).0, 200);
    }
    let close = json!({"out_trade_no": "C2"}).to_string();
    assert_eq!(shop.call("POST", "/v1/close", close).0, 200);
    world.advance(599);
    assert_eq!(all_events(&shop), [] as [Value; 0]);
    world.advance(2);
    let events = all_events(&shop);
    assert_eq!(
        named(&events),
        expected(&[("checkout.expired", "C1", 1), ("checkout.expired", "C3", 1)])
    );
    assert_eq!(events[0]["object"]["state"], "expired");
    assert_eq!(events[0]["object"]["metadata"], json!({"shelf": "C1"}));
    world.advance(86_400);
    assert_eq!(all_events(&shop).len(), 2);
}

#[test]
fn a_link_is_sold_out_once_and_an_unpaid_click_is_no_event() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let made = link(
        &shop,
        json!({"total_fee": 900, "stock": 2, "attach": "fair"}),
    );
    let first = pay_link(&world, &buy(&world, &made, ""));
    world.advance(1);
    let second = pay_link(&world, &buy(&world, &made, ""));
    world.advance(1);
    let events = all_events(&shop);
    let id = made["id"].as_str().unwrap();
    assert_eq!(
        named(&events),
        expected(&[
            ("order.paid", &first, 1),
            ("order.paid", &second, 1),
            ("link.sold_out", id, 1),
        ])
    );
    assert_eq!(events[0]["object"]["link"], id);
    // The form of the list, as it is when the event is written.
    let listed = get(&shop, "/v1/links")["links"][0].clone();
    assert_eq!(events[2]["object"], listed);
    assert_eq!(listed["attach"], "fair");
    assert_eq!(listed["sold"], 2);
    let other = link(&shop, json!({"total_fee": 900}));
    buy(&world, &other, "");
    world.advance(86_400);
    let mut events = named(&all_events(&shop));
    // The day was compared with WeChat's statement.
    events.retain(|(kind, ..)| kind != "statement.ready");
    assert_eq!(events.len(), 3);
}

/// A change that others make at WeChat is an event, and so is the alarm about
/// it: once, while the alarm is open.
#[test]
fn a_refund_made_elsewhere_and_its_alarm_are_events() {
    let world = Memory::default();
    let shop = world.shop("demo");
    world.scan(&order(&shop, "A1")["code_url"]);
    world.advance(1);
    let refund = json!({ "by_hand": "refund" });
    world.control("/sandbox/orders/1900000109/A1", &refund);
    for _ in 0..3 {
        world.advance(11);
        shop.refresh("A1");
    }
    assert_eq!(
        named(&all_events(&shop)),
        expected(&[
            ("order.paid", "A1", 1),
            ("order.refunded_elsewhere", "A1", 2),
            ("alarm.raised", "A1", 3),
        ])
    );
}

/// Events are removed after ninety days; the numbers of a subject continue.
#[test]
fn events_are_kept_for_ninety_days_and_their_numbers_for_ever() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let (id, _) = endpoint(&shop, &[]);
    let test = || {
        let (status, answer) = shop.call("POST", &format!("/v1/endpoints/{id}/test"), "");
        assert_eq!(status, 200, "{answer}");
        world.advance(60);
    };
    test();
    let first = all_events(&shop)[0]["id"].as_str().unwrap().to_owned();
    world.advance(89 * 86_400);
    assert_eq!(all_events(&shop).len(), 1);
    // A book that has nothing else to do is woken for it.
    world.advance(2 * 86_400);
    let count = |table: &str| world.value("demo", &format!("SELECT count(*) FROM {table}"));
    for table in ["events", "event_deliveries", "delivery_attempts"] {
        assert_eq!(count(table), "0", "{table}");
    }
    assert_eq!(all_events(&shop).len(), 0);
    let (_, answer) = shop.call("GET", &format!("/v1/events?after={first}"), "");
    assert_eq!(answer["code"], "CURSOR_INVALID");
    assert_eq!(
        get(&shop, "/v1/deliveries?state=acknowledged")["deliveries"],
        json!([])
    );
    test();
    assert_eq!(named(&all_events(&shop)), expected(&[("test", &id, 2)]));
}

/// `format=csv` gives what the filters show, in any number of pages.
#[test]
fn events_as_csv_are_those_that_the_filters_show() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for n in 0..105 {
        let number = format!("A{n}");
        world.scan(&order(&shop, &number)["code_url"]);
        world.advance(1);
    }
    let close = json!({"out_trade_no": "A0", "refund_fee": 1}).to_string();
    assert_eq!(shop.call("POST", "/v1/refund", close).0, 200);
    world.advance(1);
    let csv = |query: &str| {
        let answer = shop.answer("GET", &format!("/v1/events?format=csv{query}"), "");
        assert_eq!(answer.status(), 200);
        let kind = answer.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        assert_eq!(kind, "text/csv; charset=utf-8");
        let text = String::from_utf8(answer.body().clone()).unwrap();
        let text = text
            .strip_prefix('\u{feff}')
            .expect("a byte order mark")
            .to_owned();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        assert_eq!(lines.remove(0), "id,type,at_ms,subject,seq,object");
        lines
    };
    let every = all_events(&shop);
    assert_eq!(every.len(), 106);
    let id = |event: &Value| event["id"].as_str().unwrap().to_owned();
    let ids = |events: &[Value]| events.iter().map(id).collect::<Vec<_>>();
    let of_lines = |lines: &[String]| {
        let ids = lines.iter().map(|line| line.split(',').next().unwrap());
        ids.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(of_lines(&csv("")), ids(&every));
    let after = id(&every[102]);
    assert_eq!(
        of_lines(&csv(&format!("&after={after}"))),
        ids(&every[103..])
    );
    assert_eq!(csv("&type=refund.accepted").len(), 1);
    assert_eq!(csv("&out_trade_no=A0").len(), 2);
    assert_eq!(csv("&out_trade_no=A1&type=order.closed").len(), 0);
    // The object is one cell, in quotation marks.
    let line = &csv("&out_trade_no=A1")[0];
    assert!(
        line.contains(",\"{\"\"out_trade_no\"\":\"\"A1\"\","),
        "{line}"
    );
    for (query, field) in [("limit=5&", "limit"), ("after=evt_1_x&", "after")] {
        let path = format!("/v1/events?{query}format=csv");
        let (status, answer) = shop.call("GET", &path, "");
        assert_eq!((status, &answer["field"]), (400, &json!(field)), "{answer}");
    }
    let (_, answer) = shop.call("GET", "/v1/events?format=xml", "");
    assert_eq!(answer["field"], "format");
}

/// A payer who changes the device makes an attempt under a number of its own:
/// its events name the purchase, and are selected by the purchase's number.
#[test]
fn events_of_a_repeated_attempt_name_the_purchase() {
    let world = Memory::default();
    let shop = with_secret(&world);
    let page = checkout(&shop, "N7");
    let mut desktop = Browser::new(&world, DESKTOP);
    assert_eq!(desktop.post(&call(&page, "order")).0, 200);
    let mut phone = Browser::new(&world, WECHAT);
    let mut url = page.clone();
    for _ in 0..3 {
        url = phone.get(&url).1;
    }
    let (status, prepared) = phone.post(&call(&page, "order"));
    assert_eq!(status, 200, "{prepared}");
    let bridge = json!({"payer": "alice", "package": prepared["jsapi"], "action": "pay"});
    world.control("/sandbox/bridge", &bridge);
    world.advance(1);
    let refund = json!({"out_trade_no": "N7-2", "refund_fee": 1}).to_string();
    assert_eq!(shop.call("POST", "/v1/refund", refund).0, 200);
    world.advance(1);
    let events = get(&shop, "/v1/events?out_trade_no=N7")["events"].clone();
    let events = events.as_array().unwrap();
    let kinds: Vec<_> = named(events)
        .into_iter()
        .map(|(kind, subject, _)| (kind, subject))
        .collect();
    for kind in ["order.paid", "refund.accepted"] {
        assert!(
            kinds.contains(&(kind.to_owned(), "N7-2".to_owned())),
            "{kinds:?}"
        );
    }
    for event in events {
        assert_eq!(event["object"]["purchase"], "N7", "{event}");
    }
    for list in ["orders", "refunds"] {
        let rows = get(&shop, &format!("/v1/{list}?q=N7-2"))[list].clone();
        assert_eq!(rows[0]["purchase"], "N7", "{rows}");
    }
    let single = order(&shop, "S1");
    assert!(single["code_url"].is_string());
    let rows = get(&shop, "/v1/orders?q=S1")["orders"].clone();
    assert_eq!(rows[0]["purchase"], Value::Null);
}
