//! WeChat's messages in forms that the manuals allow and samples do not show:
//! new fields, numbers of any form, probes on answers.

use crate::kinds::{order, pay, shop};
use crate::scene::scene;
use serde_json::{Value, json};
use whole::memory::{Memory, Shop};

fn lie_on_answers(world: &Memory, times: u32) {
    let lie = json!({"lie_next": {"lie": "SIGNTEST", "on": "answer", "times": times}});
    world.control("/sandbox/faults", &lie);
}

fn calls(world: &Memory, ending: &str) -> usize {
    let calls = world.upstream_calls();
    calls.iter().filter(|path| path.ends_with(ending)).count()
}

fn delivered(world: &Memory) -> usize {
    world.received().len()
}

#[test]
fn odd_numbers_in_unused_fields_lose_no_payment() {
    let odd = [json!(1.5), json!(100.0), json!(u64::MAX), json!([0.1])];
    for id in ["demo-v3", "peak-v3"] {
        for number in &odd {
            let scene = scene(id);
            let (_, mut payment) = scene.opened_v3();
            payment["new_field"] = number.clone();
            payment["amount"]["new_field"] = number.clone();
            payment["amount"]["exchange_rate"] = json!({"type": "NEW", "rate": number});
            let mut envelope = scene.sealed_v3(&payment);
            envelope["new_field"] = number.clone();
            let status = scene.send_signed_v3(&envelope, scene.world.now() / 1000);
            assert_eq!(status, 204, "{id} {number}");
            assert!(scene.is_paid(), "{id} {number}");
        }
    }
}

/// What is used is checked: an amount is never read from such a number.
#[test]
fn an_odd_number_in_a_used_field_is_refused() {
    for total in [json!(150.0), json!(150.5), json!(u64::MAX), json!("150")] {
        let scene = scene("demo-v3");
        let envelope = scene.saying_v3("/amount/total", total.clone());
        let status = scene.send_signed_v3(&envelope, scene.world.now() / 1000);
        assert!(status >= 400, "{total}: {status}");
        scene.ends_well();
    }
}

#[test]
fn odd_numbers_in_an_answer_lose_no_payment() {
    for number in ["1.5", "100.0", "18446744073709551616", "1e999"] {
        let world = Memory::default();
        let shop = shop(&world, "demo-v3");
        world.lose_notices(true);
        pay(&world, &shop, "M1");
        // WeChat's answer to a query, with new fields; its signature holds.
        let order = &world.orders_at_wechat()[0];
        let answer = json!({
            "appid": order["appid"], "mchid": "1900000109",
            "out_trade_no": "M1", "id": order["transaction_id"],
            "trade_type": "NATIVE", "trade_state": "SUCCESS",
            "bank_type": "CFT", "attach": "table 7",
            "success_time": "2026-01-02T11:04:05+08:00",
            "payer": {"openid": "o"},
            "amount": {"total": 3000, "currency": "HKD", "new_field": "ODD"},
            "new_field": {"list": ["ODD"]},
        });
        let answer = answer.to_string().replace("\"ODD\"", number);
        world.answer_with(answer.into_bytes());
        world.advance(31);
        assert_eq!(delivered(&world), 1, "{number}: {}", shop.report());
    }
}

/// The number of queries and orders sent, for a probe on the first answers.
fn order_after_probes(times: u32) -> (u16, Value, usize, Memory, Shop) {
    let world = Memory::default();
    let shop = shop(&world, "demo-v3");
    // The certificates are known by now.
    shop.order(&order("P0"));
    let before = calls(&world, "/native");
    lie_on_answers(&world, times);
    let (status, answer) = shop.call("POST", "/v1/order", order("P1").to_string());
    let sent = calls(&world, "/native") - before;
    (status, answer, sent, world, shop)
}

#[test]
fn a_probe_on_an_answer_is_asked_again_once() {
    let (status, answer, sent, ..) = order_after_probes(1);
    assert_eq!((status, sent), (200, 2), "{answer}");

    // Only once: a second probe leaves the outcome unknown, and the merchant's
    // own repetition gives the same order.
    let (status, answer, sent, _, shop) = order_after_probes(2);
    assert_eq!((status, sent), (502, 2), "{answer}");
    assert_eq!(answer["code"], "UPSTREAM_UNVERIFIED");
    shop.order(&order("P1"));
}

#[test]
fn a_quick_pay_answered_by_a_probe_is_queried_and_not_sent_again() {
    let world = Memory::default();
    let shop = shop(&world, "demo-v3");
    shop.order(&order("P0"));
    let code = json!({"payer": "alice", "behaviour": "pays"});
    let code = world.control("/sandbox/paycode", &code);
    lie_on_answers(&world, 1);
    let body = json!({"out_trade_no": "P2", "body": "One cup", "total_fee": 1200,
                      "auth_code": code["auth_code"]});
    let (status, answer) = shop.call("POST", "/v1/micropay", body.to_string());
    assert_eq!(status, 200, "{answer}");
    assert_eq!(calls(&world, "/micropay/transactions/pay"), 1);
    world.advance(10);
    assert_eq!(shop.status("P2")["trade_state"], "SUCCESS");
    assert_eq!(calls(&world, "/micropay/transactions/pay"), 1);
}

/// v2 signs in the document, so that is where its probes are.
#[test]
fn a_probe_on_an_answer_of_v2_is_asked_again_once() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let probe = "<xml><return_code><![CDATA[SUCCESS]]></return_code><result_code>SUCCESS</result_code>\
                 <sign>WECHATPAY/SIGNTEST/0123</sign></xml>";
    world.upstream([whole::memory::Upstream::Somebody(200, probe, "")]);
    let made = shop.order(&order("P3"));
    assert_eq!(calls(&world, "/pay/unifiedorder"), 2, "{made}");
}
