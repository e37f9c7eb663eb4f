//! WeChat's messages in forms that the manuals allow and samples do not show:
//! new fields, numbers of any form, probes on answers.

use crate::checkout::sign_in::{Browser, DESKTOP, WECHAT, call, checkout, with_secret};
use crate::fixtures::{body, order, order_by, pay, shop};
use crate::notice_fixture::fixture;
use futures_executor::block_on;
use futures_util::StreamExt;
use gateway::runtime::Body;
use serde_json::{Value, json};
use tests::memory::{Memory, SHOP_NOTIFY, Shop};
use wechatpay::common::Fields;

fn lie_on_answers(world: &Memory, times: u32) {
    let forgery = json!({"forge_next": {"forgery": "SIGNTEST", "on": "answer", "times": times}});
    world.control("/sandbox/faults", &forgery);
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
            let fixture = fixture(id);
            let (_, mut payment) = fixture.opened_v3();
            payment["new_field"] = number.clone();
            payment["amount"]["new_field"] = number.clone();
            payment["amount"]["exchange_rate"] = json!({"type": "NEW", "rate": number});
            let mut envelope = fixture.sealed_v3(&payment);
            envelope["new_field"] = number.clone();
            let status = fixture.send_signed_v3(&envelope, fixture.world.now() / 1000);
            assert_eq!(status, 204, "{id} {number}");
            assert!(fixture.is_paid(), "{id} {number}");
        }
    }
}

/// A used field is checked: an amount is never read from such a number.
#[test]
fn an_odd_number_in_a_used_field_is_refused() {
    for total in [json!(150.0), json!(150.5), json!(u64::MAX), json!("150")] {
        let fixture = fixture("demo-v3");
        let envelope = fixture.saying_v3("/amount/total", total.clone());
        let status = fixture.send_signed_v3(&envelope, fixture.world.now() / 1000);
        assert!(status >= 400, "{total}: {status}");
        fixture.ends_well();
    }
}

#[test]
fn odd_numbers_in_an_answer_lose_no_payment() {
    for number in ["1.5", "100.0", "18446744073709551616", "1e999"] {
        let world = Memory::default();
        let shop = shop(&world, "demo-v3");
        world.lose_notices(true);
        pay(&world, &shop, "M1");
        // WeChat's answer to a query, with new fields and a valid signature.
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
fn a_request_answered_by_a_probe_is_repeated_once() {
    let (status, answer, sent, ..) = order_after_probes(1);
    assert_eq!((status, sent), (200, 2), "{answer}");

    // Only once: a second probe leaves the outcome unknown, and the merchant's
    // own repetition returns the same order.
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

/// v2's signature is in the document, and so are its probes.
#[test]
fn a_v2_request_answered_by_a_probe_is_repeated_once() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let probe = "<xml><return_code><![CDATA[SUCCESS]]></return_code><result_code>SUCCESS</result_code>\
                 <sign>WECHATPAY/SIGNTEST/0123</sign></xml>";
    world.upstream([tests::memory::Upstream::Proxy(200, probe, "")]);
    let made = shop.order(&order("P3"));
    assert_eq!(calls(&world, "/pay/unifiedorder"), 2, "{made}");
}

/// The last request to this path, as it was sent.
fn sent(world: &Memory, ending: &str) -> String {
    let exchanges = world.exchanges();
    let mut matching = exchanges.iter().rev().filter(|exchange| {
        let path = exchange.path_and_query.split('?').next().unwrap();
        path.ends_with(ending)
    });
    matching.next().expect("a request").body.clone()
}

fn sent_xml(world: &Memory, ending: &str) -> Fields {
    Fields::parse(sent(world, ending).as_bytes()).unwrap()
}

fn with(order: Value, change: &Value) -> String {
    let mut order = order;
    let fields = order.as_object_mut().unwrap();
    fields.extend(change.as_object().unwrap().clone());
    order.to_string()
}

#[test]
fn wechat_gets_the_payers_address_if_the_caller_sends_it() {
    let payer = json!({"payer_ip": "203.0.113.7"});
    let world = Memory::default();
    let shop = world.shop("demo");
    let body = with(order("I1"), &payer);
    assert_eq!(shop.call("POST", "/v1/order", body).0, 200);
    let fields = sent_xml(&world, "/unifiedorder");
    assert_eq!(fields.get("spbill_create_ip"), Some("203.0.113.7"));

    // Without it, the caller's own address is sent.
    let request = http::Request::post("https://pay.example.com/v1/order")
        .header("api-key", &shop.api_key)
        .header("cf-connecting-ip", "198.51.100.9")
        .body(order("I2").to_string().into_bytes());
    assert_eq!(world.send(request.unwrap()).status(), 200);
    let fields = sent_xml(&world, "/unifiedorder");
    assert_eq!(fields.get("spbill_create_ip"), Some("198.51.100.9"));

    for bad in ["x", "203.0.113", "203.0.113.7:80", "203.0.113.7, 10.0.0.1"] {
        let body = with(order("I3"), &json!({ "payer_ip": bad }));
        let (status, answer) = shop.call("POST", "/v1/order", body);
        assert_eq!(
            (status, &answer["code"]),
            (400, &json!("FIELD_INVALID")),
            "{bad}"
        );
        assert!(answer.to_string().contains("payer_ip"), "{answer}");
    }

    let world = Memory::default();
    let shop = crate::fixtures::shop(&world, "demo-v3");
    let body = with(order("I4"), &payer);
    assert_eq!(shop.call("POST", "/v1/order", body).0, 200);
    let body: Value = serde_json::from_str(&sent(&world, "/native")).unwrap();
    assert_eq!(body["scene_info"]["payer_client_ip"], "203.0.113.7");
}

#[test]
fn app_orders_send_no_page_scene() {
    let world = Memory::default();
    let granted = json!({"trade_types": ["NATIVE", "APP"]});
    world.control("/sandbox/merchants/1900000109", &granted);
    let shop = world.shop("demo");
    shop.order(&order_by("D1", "APP"));
    assert_eq!(sent_xml(&world, "/unifiedorder").get("device_info"), None);
    shop.order(&order("D2"));
    assert_eq!(
        sent_xml(&world, "/unifiedorder").get("device_info"),
        Some("WEB")
    );
}

/// WeChat Pay v2 manual, section 9.8: the call's own results, the address of
/// its caller, and a report of each whole Quick Pay.
#[test]
fn speed_reports_have_the_calls_results_and_quick_pay_has_its_own() {
    let world = Memory::default();
    // Samples wait in memory.
    let _book = world.hold_book("demo");
    let shop = world.shop("demo");
    let pay = |number: &str, behaviour: &str| {
        let code = json!({"payer": "alice", "behaviour": behaviour});
        let code = world.control("/sandbox/paycode", &code)["auth_code"].clone();
        let body = json!({"out_trade_no": number, "body": "One cup", "total_fee": 1200,
                          "auth_code": code});
        let request = http::Request::post("https://pay.example.com/v1/micropay")
            .header("api-key", &shop.api_key)
            .header("cf-connecting-ip", "198.51.100.9")
            .body(body.to_string().into_bytes());
        world.send(request.unwrap());
    };
    let reports = || -> Vec<Fields> {
        let exchanges = world.exchanges();
        let reports = exchanges
            .iter()
            .filter(|e| e.path_and_query == "/payitil/report");
        reports
            .map(|e| Fields::parse(e.body.as_bytes()).unwrap())
            .collect()
    };
    pay("R1", "pays");
    world.advance(2);
    let [report] = &reports()[..] else {
        panic!("{:?}", reports());
    };
    for (name, value) in [
        (
            "interface_url",
            "https://api.mch.weixin.qq.com/pay/micropay/total",
        ),
        ("return_code", "SUCCESS"),
        ("result_code", "SUCCESS"),
        ("out_trade_no", "R1"),
        ("user_ip", "198.51.100.9"),
    ] {
        assert_eq!(report.get(name), Some(value), "{name}");
    }

    // Refused: the result of the whole service is a failure.
    pay("R2", "insufficient");
    world.advance(2);
    let report = reports().pop().unwrap();
    assert_eq!(report.get("out_trade_no"), Some("R2"));
    assert_eq!(report.get("result_code"), Some("FAIL"));

    // One call in fifty; a query of no order is answered FAIL by its result_code.
    let before = reports().len();
    for n in 0..60 {
        let (_, _) = shop.call(
            "POST",
            "/v1/close",
            format!(r#"{{"out_trade_no":"no{n}"}}"#),
        );
        let made = shop.order(&order(&format!("S{n}")));
        assert!(made["code_url"].is_string());
    }
    world.advance(120);
    let sampled = reports();
    let mut calls = sampled[before..].iter();
    let one = calls.find(|r| !r.get("interface_url").unwrap().ends_with("/total"));
    let one = one.expect("a sampled call");
    assert_eq!(one.get("return_code"), Some("SUCCESS"));
    assert_eq!(one.get("result_code"), Some("SUCCESS"));
    assert_ne!(one.get("user_ip"), None);
}

#[test]
fn a_merchant_settles_in_any_currency_and_orders_in_it_or_cny() {
    let world = Memory::default();
    let (status, refused) = world.admin("/merchants", &{
        let mut body = body(&world, "demo-v3");
        body["fee_type"] = json!("XXX");
        body
    });
    assert_eq!(
        (status, &refused["code"]),
        (400, &json!("CURRENCY_NOT_ALLOWED"))
    );

    let swiss = json!({"fee_type": "CHF"});
    world.control("/sandbox/merchants/1900000109", &swiss);
    let shop = world.shop_with("demo", &swiss);
    shop.order(&order("C1"));
    assert_eq!(
        sent_xml(&world, "/unifiedorder").get("fee_type"),
        Some("CHF")
    );
    assert_eq!(shop.status("C1")["fee_type"], "CHF");

    let body = with(order("C2"), &json!({"fee_type": "SGD"}));
    let (status, answer) = shop.call("POST", "/v1/order", body);
    assert_eq!(
        (status, &answer["code"]),
        (400, &json!("CURRENCY_NOT_ALLOWED"))
    );
    let message = answer["message"].to_string();
    assert!(
        message.contains("is not one this merchant's account has: send CHF or CNY"),
        "{message}"
    );
}

/// A merchant that settles in Hong Kong dollars makes orders in francs and yen.
#[test]
fn v3_global_accepts_orders_in_other_currencies_than_the_settlement() {
    for (currency, fee) in [("CHF", 1750), ("JPY", 1980), ("CNY", 100)] {
        let world = Memory::default();
        let shop = shop(&world, "demo-v3");
        let price = json!({"fee_type": currency, "total_fee": fee, "notify_url": SHOP_NOTIFY});
        let made = shop.call("POST", "/v1/order", with(order("C1"), &price));
        assert_eq!(made.0, 200, "{}", made.1);
        let sent: Value = serde_json::from_str(&sent(&world, "/native")).unwrap();
        assert_eq!(sent["amount"], json!({"total": fee, "currency": currency}));
        world.scan(&made.1["data"]["code_url"]);
        world.advance(1);
        let paid = shop.status("C1");
        assert_eq!(paid["trade_state"], "SUCCESS", "{paid}");
        assert_eq!(
            (&paid["fee_type"], &paid["total_fee"]),
            (&json!(currency), &json!(fee.to_string()))
        );
        let refund = json!({"out_trade_no": "C1", "refund_fee": fee});
        let (status, answer) = shop.call("POST", "/v1/refund", refund.to_string());
        assert_eq!(
            (status, &answer["data"]["refund_fee_type"]),
            (200, &json!(currency)),
            "{answer}"
        );
    }
    // A currency that the account does not have is refused by WeChat.
    let world = Memory::default();
    let shop = shop(&world, "demo-v3");
    let body = with(order("C2"), &json!({"fee_type": "KWD"}));
    let (_, answer) = shop.call("POST", "/v1/order", body);
    assert_eq!(answer["code"], "UPSTREAM_REFUSED", "{answer}");
}

#[test]
fn v3_global_requires_a_shop_for_h5() {
    let world = Memory::default();
    let mut body = body(&world, "demo-v3");
    body["h5"] = json!(true);
    let (status, refused) = world.admin("/merchants", &body);
    assert_eq!(
        (status, &refused["code"]),
        (400, &json!("FIELD_MISSING")),
        "{refused}"
    );
    assert!(refused.to_string().contains("store"), "{refused}");
    for (store, field) in [
        (json!({"name": "Tea"}), "address"),
        (json!({"address": "1 Queen's Road"}), "name"),
        (
            json!({"name": "Tea", "address": "x".repeat(513)}),
            "address",
        ),
    ] {
        body["store"] = store;
        let (status, refused) = world.admin("/merchants", &body);
        assert_eq!(status, 400, "{refused}");
        assert!(refused.to_string().contains(field), "{refused}");
    }
}

/// The attach of v3 Global has at most 127 bytes, the mainland's 128.
#[test]
fn an_attach_is_as_long_as_the_dialect_allows() {
    for (id, most) in [
        ("demo", 128),
        ("demo-v3", 127),
        ("lantern-v3", 128),
        ("night-ionline", 127),
    ] {
        let world = Memory::default();
        let shop = shop(&world, id);
        let attach = |n: usize| json!({"attach": "a".repeat(n)});
        let (status, answer) = shop.call("POST", "/v1/order", with(order("A1"), &attach(most + 1)));
        assert_eq!(
            (status, &answer["field"]),
            (400, &json!("attach")),
            "{id}: {answer}"
        );
        let (status, answer) = shop.call("POST", "/v1/order", with(order("A1"), &attach(most)));
        assert_eq!(status, 200, "{id}: {answer}");
    }
}

/// A sandbox that enforces the five minutes (WeChat Pay v2 manual, section
/// 9.3): a payer who changes devices can pay all the same, the first order is
/// closed when that is allowed, and a second payment is refunded.
#[test]
fn a_close_refused_as_too_early_does_not_stop_the_payer() {
    for second_payment in [false, true] {
        let world = Memory::default();
        world.control("/sandbox/faults", &json!({"close_after_seconds": 300}));
        let shop = with_secret(&world);
        let page = checkout(&shop, "1");
        let (status, desktop) = Browser::new(&world, DESKTOP).post(&call(&page, "order"));
        assert_eq!(status, 200, "{desktop}");
        let mut phone = Browser::new(&world, WECHAT);
        let mut url = page.clone();
        for _ in 0..3 {
            url = phone.get(&url).1;
        }
        let (status, prepared) = phone.post(&call(&page, "order"));
        assert_eq!(status, 200, "{prepared}");
        assert!(prepared["jsapi"].is_object(), "{prepared}");
        // After another request, the phone keeps its order.
        let (_, again) = phone.post(&call(&page, "order"));
        assert_eq!(again["jsapi"]["package"], prepared["jsapi"]["package"]);

        let pay = json!({"mch_id": "1900000109", "out_trade_no": "1-2", "payer": "alice", "action": "pay"});
        world.control("/sandbox/pay", &pay);
        world.advance(1);
        if second_payment {
            world.scan_as("bob", &desktop["qr"]["code_url"]);
        }
        world.advance(15 * 60);
        assert_eq!(shop.status("1")["trade_state"], "SUCCESS");
        let orders = world.orders_at_wechat();
        let first = orders
            .as_array()
            .unwrap()
            .iter()
            .find(|o| o["out_trade_no"] == "1");
        let first = first.unwrap();
        match second_payment {
            false => assert_eq!(first["trade_state"], "CLOSED", "{first}"),
            true => {
                let refunds = world.refunds_at_wechat();
                let back = refunds
                    .as_array()
                    .unwrap()
                    .iter()
                    .find(|r| r["out_trade_no"] == "1");
                assert_eq!(back.unwrap()["refund_fee"], 8800, "{refunds}");
            }
        }
    }
}

/// A close whose answer was lost is not a refusal: the next order waits.
#[test]
fn a_close_without_an_answer_is_repeated_before_the_next_order() {
    let world = Memory::default();
    let shop = with_secret(&world);
    let page = checkout(&shop, "1");
    Browser::new(&world, DESKTOP).post(&call(&page, "order"));
    let mut phone = Browser::new(&world, WECHAT);
    let mut url = page.clone();
    for _ in 0..3 {
        url = phone.get(&url).1;
    }
    // The query is answered; the close is not, at any host.
    let lost = std::iter::repeat_n(tests::memory::Upstream::LosesRequest, 9);
    world.upstream(std::iter::once(tests::memory::Upstream::Works).chain(lost));
    let (status, answer) = phone.post(&call(&page, "order"));
    assert_eq!(
        (status, &answer["code"]),
        (409, &json!("ATTEMPT_PENDING")),
        "{answer}"
    );
    world.drop_upstream();
    assert_eq!(phone.post(&call(&page, "order")).0, 200);
}

const DAY: &str = "20260102";

fn statement_request(shop: &Shop, query: &str) -> gateway::runtime::Request {
    http::Request::get(format!(
        "https://pay.example.com/v1/statement?bill_date={DAY}{query}"
    ))
    .header("api-key", &shop.api_key)
    .header("api-secret", &shop.api_secret)
    .body(Vec::new())
    .unwrap()
}

/// A statement of four hundred thousand rows is passed on as it is received: it
/// is read only as fast as the client reads.
#[test]
fn a_long_statement_is_passed_on_while_it_is_received() {
    let world = Memory::default();
    let shop = world.shop("demo");
    world.advance(24 * 3600);
    world.long_statement(400_000);
    let answer = block_on(
        world
            .gateway()
            .handle(statement_request(&shop, "&format=csv")),
    );
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/csv; charset=utf-8");
    let Body::Pieces(mut pieces) = answer.into_body() else {
        panic!("whole in memory");
    };
    let (mut taken, mut bytes) = (0, 0);
    while let Some(piece) = block_on(pieces.next()) {
        bytes += piece.unwrap().len();
        taken += 1;
        let read = world.statement_pieces();
        assert!(read <= taken + 1, "{read} pieces read for {taken} taken");
    }
    assert_eq!(taken, 4002);
    assert!(bytes > 30_000_000, "{bytes}");
}

#[test]
fn a_long_statement_is_paged() {
    let world = Memory::default();
    let shop = world.shop("demo");
    world.advance(24 * 3600);
    world.long_statement(40_000);
    let page = |query: &str| {
        let answer = world.send(statement_request(&shop, query));
        let answer: Value = serde_json::from_slice(answer.body()).unwrap();
        answer["data"].clone()
    };
    let first = page("");
    assert_eq!(first["rows"].as_array().unwrap().len(), 1000);
    assert_eq!(
        (&first["row_count"], &first["next_offset"]),
        (&json!(40_000), &json!(1000))
    );
    assert_eq!(first["totals"]["total_transaction_count"], "40000");
    let some = page("&offset=39998&limit=1");
    assert_eq!(some["rows"][0]["out_trade_no"], "N39998");
    assert_eq!(some["next_offset"], 39_999);
    let last = page("&offset=39999&limit=10");
    assert_eq!(last["rows"].as_array().unwrap().len(), 1);
    assert_eq!(last["next_offset"], Value::Null);
    assert_eq!(page("&offset=50000")["rows"], json!([]));
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("offset=-1", "offset"),
        ("offset=x", "offset"),
    ] {
        let (status, answer) =
            shop.call("GET", &format!("/v1/statement?bill_date={DAY}&{query}"), "");
        assert_eq!((status, &answer["field"]), (400, &json!(field)), "{answer}");
    }
}

/// An answer of WeChat instead of a v2 statement.
fn statement_says(body: &'static str) -> (u16, Value) {
    let world = Memory::default();
    let shop = world.shop("demo");
    world.advance(24 * 3600);
    world.upstream([tests::memory::Upstream::Proxy(200, body, "")]);
    shop.call("GET", &format!("/v1/statement?bill_date={DAY}"), "")
}

const HEADER: &str = "交易时间,微信订单号,商户订单号,交易状态,商品名称,货币种类,应结订单金额";

#[test]
fn an_unreadable_row_does_not_hide_the_statement() {
    let row = |number: &str, currency: &str, name: &str| {
        format!("`2026-01-02 17:07:11,`42{number},`{number},`SUCCESS,`{name},`{currency},`17.50")
    };
    let file = [
        HEADER.to_owned(),
        row("N1", "HKD", "tea"),
        row("N2", "QQQ", "tea"),
        row("N3", "HKD", "tea\nand cake"),
        row("N4", "CHF", "tea").replace(",`CHF,`17.50", ""),
        row("N5", "CHF", "tea"),
        "总交易单数".to_owned(),
        "`5".to_owned(),
    ];
    let file = file.join("\r\n").leak();
    let (status, answer) = statement_says(file);
    assert_eq!(status, 200, "{answer}");
    let data = &answer["data"];
    let numbers: Vec<_> = data["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["out_trade_no"])
        .collect();
    assert_eq!(numbers, ["N1", "N3", "N5"]);
    assert_eq!(data["unreadable_count"], 2);
    assert_eq!(data["unreadable"][0]["line"], 3);
    assert_eq!(data["unreadable"][0]["column"], "fee_type");
    assert_eq!(data["unreadable"][1]["line"], 6);
    assert_eq!(
        data["unreadable"][1]["problem"],
        "has 5 values for 7 columns"
    );
}

#[test]
fn an_invalid_statement_is_not_reported_as_a_wrong_key() {
    let cut = format!("{HEADER}\r\n`2026-01-02 17:07:11,`421,`N1,`SUCCESS,`tea,`HKD,`17.50\r\n");
    let disagrees = format!("{cut}总交易单数\r\n`2\r\n");
    for file in [cut, disagrees, "hello".to_owned()] {
        let (status, answer) = statement_says(file.leak());
        assert_eq!(
            (status, &answer["code"]),
            (502, &json!("STATEMENT_UNREADABLE")),
            "{answer}"
        );
        assert!(
            !answer.to_string().to_lowercase().contains("api key"),
            "{answer}"
        );
    }
}

/// An incomplete file ends with an error, so that no client takes it for
/// complete.
#[test]
fn an_incomplete_statement_ends_with_an_error() {
    let world = Memory::default();
    let shop = world.shop("demo");
    world.advance(24 * 3600);
    let cut = format!("{HEADER}\r\n`2026-01-02 17:07:11,`421,`N1,`SUCCESS,`tea,`HKD,`17.50\r\n");
    world.upstream([tests::memory::Upstream::Proxy(200, cut.leak(), "")]);
    let answer = block_on(
        world
            .gateway()
            .handle(statement_request(&shop, "&format=csv")),
    );
    assert!(block_on(gateway::runtime::whole(answer)).is_err());
}

#[test]
fn a_statement_that_is_being_made_is_not_ready() {
    let making = "<xml><return_code>FAIL</return_code><return_msg>Bill Creating</return_msg></xml>";
    let (status, answer) = statement_says(making);
    assert_eq!(
        (status, &answer["code"]),
        (409, &json!("STATEMENT_NOT_READY")),
        "{answer}"
    );

    let world = Memory::default();
    let shop = crate::fixtures::shop(&world, "demo-v3");
    world.advance(24 * 3600);
    let fail =
        json!({"fail_next": {"path": "GET /v3/global/statements", "code": "STATEMENT_CREATING"}});
    world.control("/sandbox/faults", &fail);
    let (status, answer) = shop.call("GET", &format!("/v1/statement?bill_date={DAY}"), "");
    assert_eq!(
        (status, &answer["code"]),
        (409, &json!("STATEMENT_NOT_READY")),
        "{answer}"
    );
}

#[test]
fn recharge_refunds_are_one_of_the_listed_bill_types() {
    let world = Memory::default();
    let shop = world.shop("demo");
    world.advance(24 * 3600);
    for name in ["RECHARGE", "all", "RECHARGE_REFUNDS_AND_MORE"] {
        let path = format!("/v1/statement?bill_date={DAY}&bill_type={name}");
        let (status, answer) = shop.call("GET", &path, "");
        assert_eq!(
            (status, &answer["field"]),
            (400, &json!("bill_type")),
            "{answer}"
        );
        let types = "ALL, SUCCESS, REFUND, REVOKED, RECHARGE_REFUND";
        assert!(answer.to_string().contains(types), "{answer}");
    }
    let path = format!("/v1/statement?bill_date={DAY}&bill_type=RECHARGE_REFUND");
    let (status, answer) = shop.call("GET", &path, "");
    assert_eq!(
        (status, &answer["data"]["rows"]),
        (200, &json!([])),
        "{answer}"
    );
    assert_eq!(
        sent_xml(&world, "/downloadbill").get("bill_type"),
        Some("RECHARGE_REFUND")
    );
}

/// v2 keeps ninety days, `APIv3` a hundred and eighty, the last one included:
/// by the calendar of China, at any time of the day.
#[test]
fn a_statement_is_kept_to_exactly_its_last_day() {
    // 2026-01-02 11:04:05 in China.
    for (id, kept, last, before) in [
        ("demo", 90, "20251004", "20251003"),
        ("demo-v3", 180, "20250706", "20250705"),
    ] {
        // At that time, at the day's last second, and at its first.
        for seconds in [0, 46_554, 46_555] {
            let world = Memory::default();
            let shop = shop(&world, id);
            world.advance(seconds);
            let asked = |day: &str| shop.call("GET", &format!("/v1/statement?bill_date={day}"), "");
            let midnight = seconds == 46_555;
            let (status, answer) = asked(before);
            assert_eq!(
                (status, &answer["code"]),
                (409, &json!("STATEMENT_TOO_OLD")),
                "{id}"
            );
            assert!(answer.to_string().contains(&kept.to_string()), "{answer}");
            let (status, answer) = asked(last);
            match midnight {
                true => assert_eq!(answer["code"], "STATEMENT_TOO_OLD", "{id}: {answer}"),
                false => assert_ne!(
                    answer["code"], "STATEMENT_TOO_OLD",
                    "{id}: {status} {answer}"
                ),
            }
        }
    }
}
