//! Queries about an order outside of its own timer: of payments that count on a
//! notice alone, and of payments whose claim is not answered.

use crate::fixtures;
use crate::notice_fixture::fixture;
use serde_json::json;
use tests::memory::{Memory, Shop, Upstream};

/// The calls to WeChat, without those for the day's statement and for the keys that
/// verify it.
fn queries(world: &Memory) -> usize {
    let calls = world.upstream_calls();
    let of_statements = ["bill", "statements", "certificates"];
    let is_statement = |call: &&String| of_statements.iter().any(|part| call.contains(part));
    calls.len() - calls.iter().filter(is_statement).count()
}

fn below_the_limit(world: &Memory, id: &str) -> Shop {
    let mut body = fixtures::body(world, id);
    body["confirm_notices_from"] = json!(1_000_000);
    world.shop_with(id, &body)
}

#[test]
fn a_payment_that_counts_on_its_notice_is_queried_once_within_an_hour() {
    for id in ["demo", "demo-v3", "night-ionline"] {
        let world = Memory::default();
        let shop = below_the_limit(&world, id);
        for number in ["1", "2", "3"] {
            fixtures::pay(&world, &shop, number);
        }
        world.advance(1);
        let (before, asked) = (world.upstream_calls().len(), queries(&world));
        world.advance(20 * 60);
        assert_eq!(world.upstream_calls().len(), before, "{id}: not at once");
        world.advance(40 * 60);
        assert_eq!(world.upstream_calls().len(), before + 3, "{id}: each once");
        world.advance(7 * 24 * 3600);
        // iOnline has no statements: there each is queried when the day is compared.
        let compared = if id == "night-ionline" { 3 } else { 0 };
        assert_eq!(queries(&world), asked + 3 + compared, "{id}: and no more");
        assert_eq!(shop.alarm_names(), [""; 0], "{id}");
    }
}

#[test]
fn a_payment_that_wechat_denies_later_raises_an_alarm() {
    let honest = fixture("demo");
    honest
        .shop
        .change(&json!({"confirm_notices_from": 1_000_000}));
    // A notice that is signed with the key, of an unpaid order.
    crate::notice_fixture::order(&honest.shop, "N2");
    let mut fields = honest.fields();
    fields.set("out_trade_no", "N2");
    fields.set("transaction_id", "4200000000000000000000000099");
    let forged = fields.sealed(&honest.key, honest.sign_type()).to_xml();
    assert_eq!(honest.send(forged), 200);
    assert_eq!(honest.shop.status("N2")["trade_state"], "SUCCESS");
    honest.world.advance(3600);
    assert_eq!(honest.shop.alarm_names(), ["NOT_PAID_AT_WECHAT"]);
}

#[test]
fn a_check_without_an_answer_is_repeated() {
    let world = Memory::default();
    let shop = below_the_limit(&world, "demo");
    fixtures::pay(&world, &shop, "1");
    world.advance(1);
    let before = world.upstream_calls().len();
    world.upstream([Upstream::LosesRequest; 2]);
    world.advance(2 * 3600);
    assert!(world.upstream_calls().len() >= before + 2);
    let done = queries(&world);
    world.advance(24 * 3600);
    assert_eq!(queries(&world), done);
    assert_eq!(shop.alarm_names(), [""; 0]);
}

/// A merchant that shares its account at WeChat, for whose payment the claim is
/// unanswered for ten minutes.
#[test]
fn a_payment_whose_claim_is_not_answered_raises_an_alarm_and_is_learned_later() {
    for confirms in [true, false] {
        let world = Memory::default();
        let mut body = fixtures::body(&world, "demo");
        if !confirms {
            body["confirm_notices_from"] = json!(1_000_000);
        }
        let shop = world.shop_with("demo", &body);
        world.shop_with("sibling", &fixtures::body_as(&world, "demo", "sibling"));
        world.advance(31);
        let shards: Vec<String> = (0..100)
            .map(|shard| format!("1900000109/{shard:02}"))
            .collect();
        let shards: Vec<&str> = shards.iter().map(String::as_str).collect();
        world.unreachable(&shards);
        world.lose_notices(true);
        fixtures::pay(&world, &shop, "1");
        assert_eq!(shop.status("1")["trade_state"], "NOTPAY", "not known whose");
        world.advance(60);
        assert_eq!(shop.alarm_names(), [""; 0], "it may be short");
        world.advance(600);
        assert_eq!(shop.alarm_names(), ["CLAIM_UNANSWERED"]);
        world.unreachable(&[]);
        world.advance(300);
        assert_eq!(shop.status("1")["trade_state"], "SUCCESS");
        assert_eq!(shop.alarm_names(), [""; 0], "it ends with the answer");
        assert_eq!(world.received().len(), 1);
    }
}

/// A final order has no timer of its own.
#[test]
fn a_claim_of_a_closed_orders_payment_is_repeated_too() {
    let world = Memory::default();
    let shop = fixtures::shop(&world, "demo");
    world.shop_with("sibling", &fixtures::body_as(&world, "demo", "sibling"));
    world.advance(31);
    world.lose_notices(true);
    fixtures::pay(&world, &shop, "1");
    let closed = "UPDATE orders SET due_at_ms = NULL, json = replace(json, '\"NOTPAY\"', \
                  '{\"CLOSED\":{\"reason\":\"asked\",\"at_ms\":1}}')";
    world.sql("demo", closed).unwrap();
    let shards: Vec<String> = (0..100)
        .map(|shard| format!("1900000109/{shard:02}"))
        .collect();
    let shards: Vec<&str> = shards.iter().map(String::as_str).collect();
    world.unreachable(&shards);
    let (status, _) = shop.call("GET", "/v1/order?out_trade_no=1&refresh=1", "");
    assert_eq!(status, 200);
    world.advance(600);
    assert_eq!(shop.alarm_names(), ["CLAIM_UNANSWERED"]);
    world.unreachable(&[]);
    world.advance(300);
    assert_eq!(shop.status("1")["trade_state"], "SUCCESS");
    assert_eq!(shop.alarm_names(), [""; 0]);
}
