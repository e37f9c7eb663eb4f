//! Everything that happened to a purchase, in one list.

use crate::api::lists::get;
use crate::checkout::sign_in::{Browser, DESKTOP, call};
use crate::events::endpoints::{endpoint, endpoint_at};
use crate::notice_fixture::order;
use serde_json::{Value, json};
use tests::memory::{GATEWAY, Memory};

fn events(data: &Value) -> Vec<(String, String)> {
    let events = data["events"].as_array().unwrap().iter();
    let text = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
    events
        .map(|event| (text(event, "kind"), text(event, "what")))
        .collect()
}

#[test]
fn an_order_has_its_changes_with_evidence_refunds_and_deliveries() {
    let world = Memory::default();
    let shop = world.shop("demo");
    world.scan(&order(&shop, "L1")["code_url"]);
    world.advance(1);
    let refund = json!({"out_trade_no": "L1", "refund_fee": 50, "out_refund_no": "LR"});
    shop.call("POST", "/v1/refund", refund.to_string());
    world.advance(60);
    let data = get(&shop, "/v1/timeline?out_trade_no=L1");
    let events_ = events(&data);
    let expected = [
        ("order", "order NOTPAY, 150 HKD, NATIVE"),
        ("order", "order SUCCESS, 150 HKD, NATIVE"),
        ("delivery", "delivery 1 of the payment"),
        ("refund", "refund LR ASKED, 50 HKD"),
        ("refund", "refund LR PROCESSING, 50 HKD"),
        ("refund", "refund LR SUCCESS, 50 HKD"),
    ];
    let expected = expected.map(|(kind, what)| (kind.to_owned(), what.to_owned()));
    assert_eq!(events_, expected);
    let made = &data["events"][0];
    assert!(made["who"].as_str().unwrap().starts_with("key "));
    assert_eq!(made["call"], "POST /v1/order");
    assert!(made["request_id"].as_str().unwrap().len() >= 8);
    assert!(
        data["events"][1]["evidence"]
            .as_str()
            .unwrap()
            .contains("transaction 42")
    );
    assert_eq!(data["events"][2]["state"], "acknowledged");
    let times: Vec<_> = data["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["at_ms"].as_i64().unwrap())
        .collect();
    assert!(times.is_sorted());
}

#[test]
fn a_checkout_has_what_happened_to_all_its_attempts() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let body = json!({"out_trade_no": "BASKET", "body": "Oolong", "total_fee": 300});
    let (_, made) = shop.call("POST", "/v1/checkout", body.to_string());
    let url = made["data"]["url"].as_str().unwrap();
    let page = url.strip_prefix(GATEWAY).unwrap();
    let mut payer = Browser::new(&world, DESKTOP);
    world.advance(5);
    let (status, prepared) = payer.post(&call(page, "order"));
    assert_eq!(status, 200, "{prepared}");
    let data = get(&shop, "/v1/timeline?out_trade_no=BASKET");
    let kinds: Vec<_> = events(&data).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["checkout", "attempt", "order"]);
    assert_eq!(data["events"][2]["out_trade_no"], "BASKET");
}

/// Deliveries of events stand beside those to `notify_url`, each with its endpoint.
#[test]
fn the_deliveries_of_events_to_endpoints_are_part_of_it() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let (id, _) = endpoint(&shop, &["order.paid"]);
    let (other, _) = endpoint_at(&shop, "https://books.example.com/in", &[]);
    world.scan(&order(&shop, "L1")["code_url"]);
    world.advance(1);
    world.scan(&order(&shop, "L2")["code_url"]);
    world.advance(60);
    let data = get(&shop, "/v1/timeline?out_trade_no=L1");
    let to: Vec<&Value> = data["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["endpoint"].is_string())
        .collect();
    assert_eq!(to.len(), 2, "{data}");
    for (event, endpoint) in to.into_iter().zip([&id, &other]) {
        assert_eq!(event["kind"], "delivery");
        assert_eq!(event["endpoint"], *endpoint);
        assert_eq!(event["state"], "acknowledged");
        assert_eq!(event["attempts"], 1);
        let what = event["what"].as_str().unwrap();
        assert!(what.contains("of the event order.paid to ep_"), "{what}");
        let found = get(
            &shop,
            &format!("/v1/events/{}", event["event"].as_str().unwrap()),
        );
        assert_eq!(found["subject"], "L1");
    }
}

#[test]
fn an_unknown_number_is_not_found_and_an_invalid_one_refused() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for (query, status, code) in [
        ("out_trade_no=NONE", 404, "ORDER_NOT_FOUND"),
        ("out_trade_no=a%20b", 400, "FIELD_INVALID"),
        ("", 400, "FIELD_MISSING"),
        ("out_trade_no=A&limit=3", 400, "FIELD_INVALID"),
    ] {
        let (got, answer) = shop.call("GET", &format!("/v1/timeline?{query}"), "");
        assert_eq!(
            (got, &answer["code"]),
            (status, &json!(code)),
            "{query}: {answer}"
        );
    }
}
