//! Orders: made, paid, queried and closed.

use serde_json::{Value, json};
use tests::memory::{Memory, SHOP_NOTIFY, START_MS, Shop, Upstream};
use wechatpay::Secret;
use wechatpay::common::invoke::Jsapi;
use wechatpay::common::{Fields, SignType};

const KEY: &str = "weceive-sandbox-demo-key-0000001";

fn native(shop: &Shop, number: &str) -> Value {
    let data = shop.order(&json!({
        "out_trade_no": number,
        "body": "Demo Order",
        "total_fee": "150",
        "trade_type": "NATIVE",
        "notify_url": SHOP_NOTIFY,
    }));
    assert_eq!(data["out_trade_no"], number);
    let code_url = data["code_url"].as_str().unwrap();
    assert!(
        code_url.starts_with("weixin://wxpay/bizpayurl?pr="),
        "{code_url}"
    );
    data["code_url"].clone()
}

#[test]
fn a_native_order_is_paid_noticed_and_delivered() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let code_url = native(&shop, "9900000000");
    assert_eq!(shop.status("9900000000")["trade_state"], "NOTPAY");

    world.scan(&code_url);
    world.advance(1);

    let data = shop.status("9900000000");
    assert_eq!(data["trade_state"], "SUCCESS");
    assert_eq!(data["total_fee"], "150");
    assert_eq!(data["fee_type"], "HKD");
    assert_eq!(data["trade_type"], "NATIVE");
    assert_eq!(data["attach"], json!([]));
    assert!(data["transaction_id"].as_str().unwrap().len() >= 28);
    assert_eq!(data["time_end"].as_str().unwrap().len(), 14);

    let received = world.received();
    let [delivery] = received.as_slice() else {
        panic!("{received:?}");
    };
    assert_eq!(delivery.url, SHOP_NOTIFY);
    // WeChat's bytes, unchanged: the signature is still valid.
    let document = Fields::parse(delivery.body.as_bytes()).unwrap();
    document.verify(&Secret::new(KEY), SignType::Md5).unwrap();
    assert_eq!(document.get("out_trade_no"), Some("9900000000"));

    let (status, checked) = shop.call("POST", "/v1/checksign", delivery.body.clone());
    assert_eq!(status, 200);
    assert_eq!(checked["data"]["valid"], true);
    assert_eq!(checked["data"]["sign"].as_str(), document.get("sign"));
}

#[test]
fn a_jsapi_order_gives_a_package_that_wechat_accepts() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let openid = openid();
    let data = shop.order(&json!({
        "out_trade_no": 9900000001_u64,
        "body": "示例订单",
        "total_fee": 150,
        "open_id": openid,
        "trade_type": "JSAPI",
    }));
    assert_eq!(data["out_trade_no"], "9900000001");
    assert!(
        data["jsapi"]["timeStamp"].is_string(),
        "iOS fails on a number"
    );
    let package: Jsapi = serde_json::from_value(data["jsapi"].clone()).unwrap();
    package.verify(&Secret::new(KEY)).unwrap();
    assert_eq!(package.prepay_id(), data["prepay_id"].as_str());

    let paid = world.control(
        "/sandbox/bridge",
        &json!({"payer": "alice", "package": data["jsapi"], "action": "pay"}),
    );
    assert!(
        paid.to_string().contains("get_brand_wcpay_request:ok"),
        "{paid}"
    );
    world.advance(1);
    assert_eq!(shop.status("9900000001")["trade_state"], "SUCCESS");
    assert_eq!(shop.status("9900000001")["openid"], json!(openid));
}

fn openid() -> String {
    sandbox::Payer::Alice.openid("wx5a11d0b0c0ffee01")
}

#[test]
fn p6_the_same_terms_again_are_the_same_prepayment() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let first = native(&shop, "1");
    let calls = world.upstream_calls().len();
    assert_eq!(native(&shop, "1"), first);
    assert_eq!(
        world.upstream_calls().len(),
        calls,
        "WeChat need not be asked"
    );

    let (status, other) = shop.call(
        "POST",
        "/v1/order",
        json!({"out_trade_no": "1", "body": "Demo Order", "total_fee": 151, "trade_type": "NATIVE",
               "notify_url": SHOP_NOTIFY})
        .to_string(),
    );
    assert_eq!(status, 409);
    assert_eq!(other["code"], "ORDER_EXISTS_WITH_DIFFERENT_TERMS");
    assert_eq!(other["field"], "total_fee");
}

#[test]
fn a_request_without_an_answer_is_repeated_at_the_next_host() {
    for lost in [
        Upstream::LosesRequest,
        Upstream::LosesAnswer,
        Upstream::Answers502,
    ] {
        let world = Memory::default();
        let shop = world.shop("demo");
        world.upstream([lost]);
        let code_url = native(&shop, "1");
        assert_eq!(world.upstream_calls().len(), 2, "{lost:?}");
        world.scan(&code_url);
        world.advance(1);
        assert_eq!(shop.status("1")["trade_state"], "SUCCESS");
    }
}

#[test]
fn a_missing_or_unverified_answer_stores_nothing_and_can_be_repeated() {
    for (behaviour, times, status, code) in [
        (Upstream::LosesAnswer, 3, 503, "UPSTREAM_UNAVAILABLE"),
        (Upstream::Answers502, 3, 503, "UPSTREAM_UNAVAILABLE"),
        (Upstream::ForgesAnswer, 1, 502, "UPSTREAM_UNVERIFIED"),
    ] {
        let world = Memory::default();
        let shop = world.shop("demo");
        world.upstream(std::iter::repeat_n(behaviour, times));
        let body = json!({"out_trade_no": "1", "body": "Demo Order", "total_fee": "150",
                          "trade_type": "NATIVE", "notify_url": SHOP_NOTIFY});
        let (got, answer) = shop.call("POST", "/v1/order", body.to_string());
        assert_eq!((got, &answer["code"]), (status, &json!(code)), "{answer}");
        let (got, _) = shop.call("GET", "/v1/order?out_trade_no=1", "");
        assert_eq!(got, 404, "{behaviour:?}: nothing is stored");
        native(&shop, "1");
    }
}

#[test]
fn g7_a_payment_without_a_notice_is_found_by_query() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let code_url = native(&shop, "1");
    world.control("/sandbox/faults", &json!({"hold_notices": true}));
    world.scan(&code_url);
    world.advance(29);
    assert_eq!(world.received(), []);
    world.advance(2);
    let received = world.received();
    assert_eq!(received.len(), 1, "{}", world.log_text());
    // A document in the form of WeChat's own, under the same key.
    let document = Fields::parse(received[0].body.as_bytes()).unwrap();
    document.verify(&Secret::new(KEY), SignType::Md5).unwrap();
    assert_eq!(document.get("result_code"), Some("SUCCESS"));
    assert_eq!(shop.status("1")["trade_state"], "SUCCESS");

    // The late notice: the payment is known, so it is acknowledged and not
    // delivered again.
    world.control("/sandbox/faults", &json!({"hold_notices": false}));
    world.advance(10);
    assert_eq!(world.received().len(), 1);
    assert_eq!(shop.report()["counters"]["notice_duplicate"], 1);
}

#[test]
fn g4_duplicate_notices_pay_and_deliver_once() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let code_url = native(&shop, "1");
    world.control("/sandbox/faults", &json!({"duplicate_notices": 3}));
    world.scan(&code_url);
    world.advance(5);
    let counters = shop.report()["counters"].clone();
    assert_eq!(counters["notice_taken"], 1, "{counters}");
    assert_eq!(counters["notice_duplicate"], 3, "{counters}");
    assert_eq!(world.received().len(), 1);
}

#[test]
fn a_delivery_is_repeated_on_schedule_until_it_is_acknowledged() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let code_url = native(&shop, "1");
    world.merchant_answers([
        (500, ""),
        (200, "<html>not an acknowledgement</html>"),
        (200, "<xml><return_code><![CDATA[FAIL]]></return_code></xml>"),
        (302, ""),
        (
            200,
            "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>",
        ),
    ]);
    world.scan(&code_url);
    world.advance(24 * 3600);
    let times: Vec<_> = world
        .received()
        .iter()
        .map(|received| (received.at_ms - START_MS) / 1000)
        .collect();
    assert_eq!(times, [0, 15, 30, 60, 240]);
    assert_eq!(shop.report()["deliveries"][0]["state"], "acknowledged");
}

#[test]
fn a_merchant_who_never_acknowledges_raises_an_alarm() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let code_url = native(&shop, "1");
    world.merchant_answers(std::iter::repeat_n((500, ""), 100));
    world.scan(&code_url);
    world.advance(25 * 3600);
    assert_eq!(world.received().len(), 16, "once, and fifteen times again");
    let report = shop.report();
    assert_eq!(report["deliveries"][0]["state"], "given_up");
    assert_eq!(report["alarms"][0]["subject"], "1");
}

#[test]
fn p7_p8_an_unpaid_order_is_queried_and_closed_when_it_expires() {
    let world = Memory::default();
    let shop = world.shop("demo");
    native(&shop, "1");
    world.advance(2 * 3600 - 1);
    assert_eq!(shop.status("1")["trade_state"], "NOTPAY");
    world.advance(60);
    assert_eq!(shop.status("1")["trade_state"], "CLOSED");
    let calls = world.upstream_calls();
    assert_eq!(calls.last().unwrap(), "/pay/closeorder");
    assert_eq!(calls[calls.len() - 2], "/pay/orderquery", "query first");
    let before = calls.len();
    world.advance(24 * 3600);
    assert_eq!(world.upstream_calls().len(), before, "a closed order rests");
}

#[test]
fn a_close_is_repeated_until_wechat_answers() {
    let world = Memory::default();
    let shop = world.shop("demo");
    native(&shop, "1");
    world.advance(2 * 3600 - 1);
    world.upstream(std::iter::repeat_n(Upstream::LosesRequest, 12));
    world.advance(3600);
    assert_eq!(shop.status("1")["trade_state"], "CLOSED");
}

#[test]
fn an_unknown_order_is_not_found() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let (status, answer) = shop.call("GET", "/v1/order?out_trade_no=2", "");
    assert_eq!((status, &answer["code"]), (404, &json!("ORDER_NOT_FOUND")));
}

#[test]
fn no_secret_is_stored_or_logged_in_the_clear() {
    let world = Memory::default();
    let shop = world.shop_with(
        "demo",
        &json!({"app_secret": "0123456789abcdef0123456789abcdef"}),
    );
    let code_url = native(&shop, "1");
    world.scan(&code_url);
    world.advance(10);
    let text = world.stored_text() + world.log_text().as_str();
    assert!(
        text.contains("9900000000") || text.contains("Demo Order"),
        "it looks at the right place"
    );
    for secret in [
        KEY,
        "0123456789abcdef0123456789abcdef",
        &shop.api_key,
        &shop.api_secret,
    ] {
        assert!(!text.contains(secret), "a secret is stored or logged");
    }
}

#[test]
fn a_refusal_of_wechat_is_answered_as_documented() {
    let world = Memory::default();
    let shop = world.shop("demo");
    world.control(
        "/sandbox/faults",
        &json!({"fail_next": {"path": "/pay/unifiedorder", "code": "NOAUTH", "times": 1}}),
    );
    let body = json!({"out_trade_no": "1", "body": "Demo Order", "total_fee": "150", "trade_type": "NATIVE"});
    let (status, answer) = shop.call("POST", "/v1/order", body.to_string());
    assert_eq!(status, 502);
    assert_eq!(answer["Code"], "FAIL");
    assert_eq!(answer["code"], "UPSTREAM_REFUSED");
    assert_eq!(answer["message"]["return_code"], "SUCCESS");
    assert_eq!(answer["message"]["result_code"], "FAIL");
    assert_eq!(answer["message"]["err_code"], "NOAUTH");
    assert_eq!(answer["data"], json!(null));
}
