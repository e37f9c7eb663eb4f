//! The gateway's requests follow the manual even where WeChat is known to be
//! lenient: the sandbox's accounts are strict in every suite.

use crate::checkout::environments::{SAFARI, with_h5};
use crate::checkout::sign_in::{DESKTOP, call, checkout};
use crate::fixtures;
use serde_json::{Value, json};
use tests::memory::{GATEWAY, Memory, Shop};

/// The value of a field in the last request to WeChat Pay v2.
fn sent(world: &Memory, field: &str) -> String {
    let body = world.upstream_body();
    let fields = wechatpay::common::Fields::parse(body.as_bytes()).unwrap();
    fields.get(field).unwrap_or_default().to_owned()
}

fn auth_code(world: &Memory) -> String {
    let body = json!({"payer": "alice", "behaviour": "pays"});
    let code = world.control("/sandbox/paycode", &body);
    code["auth_code"].as_str().unwrap().to_owned()
}

#[test]
fn every_account_of_the_suites_is_strict() {
    let world = Memory::default();
    for mch_id in ["1900000109", "1900000110", "1900000113", "1900000114"] {
        assert_eq!(world.account(mch_id)["strict"], true, "{mch_id}");
    }
}

#[test]
fn a_quick_pay_text_is_cut_to_32_bytes_of_whole_characters() {
    for (body, told) in [
        ("One cup", "One cup"),
        (
            "a text of exactly thirty-two byt",
            "a text of exactly thirty-two byt",
        ),
        (
            "a text of more than thirty-two bytes",
            "a text of more than thirty-two b",
        ),
        // Ten characters of three bytes each and two spare bytes.
        ("一二三四五六七八九十百", "一二三四五六七八九十"),
    ] {
        let world = Memory::default();
        let shop = world.shop("demo");
        let asked = json!({"out_trade_no": "1", "body": body, "total_fee": 1200,
                           "auth_code": auth_code(&world)});
        let (status, answer) = shop.call("POST", "/v1/micropay", asked.to_string());
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["data"]["trade_state"], "SUCCESS");
        assert_eq!(sent(&world, "body"), told);
    }
}

#[test]
fn an_ipv6_address_is_sent_only_where_its_field_is_long_enough() {
    for (agent, told) in [(DESKTOP, "127.0.0.1"), (SAFARI, "2001:db8::7")] {
        let world = Memory::default();
        let page = checkout(&with_h5(&world), "1");
        let request = http::Request::post(format!("{GATEWAY}{}", call(&page, "order")))
            .header("content-type", "application/json")
            .header("user-agent", agent)
            .header("cf-connecting-ip", "2001:db8::7");
        let answer = world.send(request.body(b"{}".to_vec()).unwrap());
        assert_eq!(answer.status(), 200, "{agent}");
        assert_eq!(sent(&world, "spbill_create_ip"), told, "{agent}");
    }
}

/// The longest number of an order.
const LONG: &str = "12345678901234567890123456789012";

fn paid(world: &Memory, shop: &Shop) {
    let order = fixtures::order(LONG);
    let data = shop.order(&order);
    world.scan(&data["code_url"]);
    world.advance(1);
}

fn refund(shop: &Shop) -> (u16, Value) {
    let body = json!({"out_trade_no": LONG, "refund_fee": 1000});
    shop.call("POST", "/v1/refund", body.to_string())
}

#[test]
fn a_generated_refund_number_fits_in_32_characters() {
    let world = Memory::default();
    let shop = world.shop("demo");
    paid(&world, &shop);
    let (status, answer) = refund(&shop);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["data"]["refund_status"], "PROCESSING");
    let number = answer["data"]["out_refund_no"].as_str().unwrap();
    assert_eq!(number.len(), 32, "{number}");
    assert_eq!(
        refund(&shop).1["data"]["out_refund_no"],
        number,
        "the same refund"
    );
}

#[test]
fn an_earlier_versions_longer_refund_number_is_kept() {
    let world = Memory::default();
    let shop = world.shop("demo");
    paid(&world, &shop);
    let (_, answer) = refund(&shop);
    let number = answer["data"]["out_refund_no"].as_str().unwrap();
    let earlier = format!("{LONG}-R1000");
    let rename = format!(
        "UPDATE orders SET json = replace(json, '{number}', '{earlier}');
         UPDATE refunds SET out_refund_no = '{earlier}' WHERE out_refund_no = '{number}';"
    );
    world.sql("demo", &rename).unwrap();
    let (status, again) = refund(&shop);
    assert_eq!(status, 200, "{again}");
    assert_eq!(again["data"]["out_refund_no"], earlier.as_str());
    let (_, all) = shop.call("GET", &format!("/v1/refund?out_trade_no={LONG}"), "");
    assert_eq!(all["data"]["refunds"].as_array().unwrap().len(), 1, "{all}");
}

#[test]
fn a_merchants_refund_number_has_its_upstreams_limit() {
    for (id, longest) in [("demo", 32), ("night-ionline", 32), ("demo-v3", 64)] {
        let world = Memory::default();
        let shop = fixtures::shop(&world, id);
        paid(&world, &shop);
        for (length, status) in [(longest + 1, 400), (longest, 200)] {
            let number = "r".repeat(length);
            let body = json!({"out_trade_no": LONG, "out_refund_no": number, "refund_fee": 1});
            let (got, answer) = shop.call("POST", "/v1/refund", body.to_string());
            assert_eq!(got, status, "{id}, {length}: {answer}");
            if status == 400 {
                assert_eq!(answer["field"], "out_refund_no", "{answer}");
            }
        }
    }
}
