//! Forged, modified, replayed and misrouted notices. Nothing changes, nothing
//! is delivered, and each is counted under its own name.

use serde_json::{Value, json};
use tests::memory::{GATEWAY, Memory, SHOP_NOTIFY, Shop};
use wechatpay::Secret;
use wechatpay::common::{Fields, SignType};
use wechatpay::v2::notify::ACK_OK;

const KEY: &str = "weceive-sandbox-demo-key-0000001";

/// An open order, and the genuine notice of a payment for it.
fn open_order() -> (Memory, Shop, Fields) {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.order(
        &json!({"out_trade_no": "1", "body": "Demo Order", "total_fee": 150,
                       "trade_type": "NATIVE", "notify_url": SHOP_NOTIFY}),
    );
    let fields = Fields::new()
        .with("appid", "wx5a11d0b0c0ffee01")
        .with("bank_type", "CFT")
        .with("cash_fee", "150")
        .with("fee_type", "HKD")
        .with("is_subscribe", "Y")
        .with("mch_id", "1900000109")
        .with("nonce_str", "5d2b6c2a8db53831f7eda20af46e531c")
        .with("openid", "oUpF8uMEb4qRXf22hE3X68TekukE")
        .with("out_trade_no", "1")
        .with("result_code", "SUCCESS")
        .with("return_code", "SUCCESS")
        .with("time_end", "20260102110500")
        .with("total_fee", "150")
        .with("trade_type", "NATIVE")
        .with("transaction_id", "1004400740201409030005092168");
    (world, shop, fields)
}

fn signed(fields: &Fields) -> String {
    fields
        .clone()
        .sealed(&Secret::new(KEY), SignType::Md5)
        .to_xml()
}

fn notify(world: &Memory, merchant: &str, body: impl Into<Vec<u8>>) -> (u16, String) {
    let answer = world.send(
        http::Request::post(format!("{GATEWAY}/notify/v2/{merchant}"))
            .header("content-type", "text/xml")
            .body(body.into())
            .unwrap(),
    );
    let text = String::from_utf8(answer.body().clone()).unwrap();
    (answer.status().as_u16(), text)
}

/// WeChat's answer to a query confirms the payment.
fn confirmed(world: &Memory, fields: &Fields) {
    let answer = fields.clone().with("trade_state", "SUCCESS");
    world.answer_with(signed(&answer).into_bytes());
}

fn counter(shop: &Shop, name: &str) -> i64 {
    shop.report()["counters"][name].as_i64().unwrap_or(0)
}

#[test]
fn a_genuine_notice_is_accepted() {
    let (world, shop, fields) = open_order();
    confirmed(&world, &fields);
    assert_eq!(
        notify(&world, "demo", signed(&fields)),
        (200, ACK_OK.to_owned())
    );
    assert_eq!(shop.status("1")["trade_state"], "SUCCESS");
    world.advance(1);
    assert_eq!(world.received()[0].body, signed(&fields), "byte for byte");
}

#[test]
fn g3_a_notice_without_wechats_signature_is_refused() {
    let other_key = Secret::new("another-merchants-key-0000000001");
    type Forge = Box<dyn Fn(&Fields) -> String>;
    let table: Vec<(&str, &str, Forge)> = vec![
        (
            "no signature",
            "notice_not_signed",
            Box::new(Fields::to_xml),
        ),
        (
            "an empty signature",
            "notice_not_signed",
            Box::new(|f| f.clone().with("sign", "").to_xml()),
        ),
        (
            "another merchant's key",
            "notice_bad_signature",
            Box::new(move |f| f.clone().sealed(&other_key, SignType::Md5).to_xml()),
        ),
        (
            "an empty key",
            "notice_bad_signature",
            Box::new(|f| f.clone().sealed(&Secret::new(""), SignType::Md5).to_xml()),
        ),
        (
            "another sign type than the merchant's",
            "notice_wrong_sign_type",
            Box::new(|f| {
                let f = f.clone().with("sign_type", "HMAC-SHA256");
                f.sealed(&Secret::new(KEY), SignType::HmacSha256).to_xml()
            }),
        ),
        (
            "the signature in lower case",
            "notice_bad_signature",
            Box::new(|f| {
                let xml = signed(f);
                let sign = Fields::parse(xml.as_bytes()).unwrap();
                let sign = sign.get("sign").unwrap();
                xml.replace(sign, &sign.to_lowercase())
            }),
        ),
        (
            "the amount changed after signing",
            "notice_bad_signature",
            Box::new(|f| signed(f).replace("<total_fee>150<", "<total_fee>1<")),
        ),
        (
            "a field added after signing",
            "notice_bad_signature",
            Box::new(|f| signed(f).replace("</xml>", "<attach>x</attach></xml>")),
        ),
        (
            "the amount twice",
            "notice_not_xml",
            Box::new(|f| signed(f).replace("</xml>", "<total_fee>150</total_fee></xml>")),
        ),
        (
            "the signature twice",
            "notice_not_xml",
            Box::new(|f| signed(f).replace("</xml>", "<sign>A</sign></xml>")),
        ),
        (
            "an external entity",
            "notice_not_xml",
            Box::new(|f| {
                format!(
                    "<!DOCTYPE xml [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>{}",
                    signed(f)
                )
            }),
        ),
        (
            "a billion laughs",
            "notice_not_xml",
            Box::new(|_| {
                "<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;\">]><xml><a>&b;</a></xml>"
                    .into()
            }),
        ),
        (
            "deep nesting",
            "notice_not_xml",
            Box::new(|_| "<xml>".repeat(5000) + "</xml>".repeat(5000).as_str()),
        ),
        ("nothing", "notice_not_xml", Box::new(|_| String::new())),
        (
            "JSON",
            "notice_not_xml",
            Box::new(|_| "{\"id\":\"EV-1\"}".into()),
        ),
        (
            "a failure to communicate",
            "notice_without_payment",
            Box::new(|_| "<xml><return_code><![CDATA[FAIL]]></return_code></xml>".into()),
        ),
        (
            "Tencent's probe",
            "notice_bad_signature",
            Box::new(|f| {
                f.clone()
                    .with("sign", "WECHATPAY/SIGNTEST/0123456789ABCDEF")
                    .to_xml()
            }),
        ),
    ];
    for (name, count, make) in table {
        let (world, shop, fields) = open_order();
        let (status, answer) = notify(&world, "demo", make(&fields));
        assert_eq!(status, 400, "{name}: {answer}");
        assert!(answer.contains("<![CDATA[FAIL]]>"), "{name}: {answer}");
        assert!(!answer.contains('\n'), "{name}: one line");
        let counters = shop.report()["counters"].clone();
        assert_eq!(counter(&shop, count), 1, "{name}: {counters}");
        assert_eq!(shop.status("1")["trade_state"], "NOTPAY", "{name}");
        world.advance(5);
        assert_eq!(world.received(), [], "{name}");
    }
}

#[test]
fn invalid_utf_8_and_ten_megabytes_change_nothing() {
    let (world, shop, fields) = open_order();
    let mut bytes = signed(&fields).into_bytes();
    let at = bytes.len() / 2;
    bytes.insert(at, 0xff);
    assert_eq!(notify(&world, "demo", bytes).0, 400);
    assert_eq!(notify(&world, "demo", vec![b'x'; 10_000_000]).0, 413);
    assert_eq!(shop.status("1")["trade_state"], "NOTPAY");
}

#[test]
fn valid_signature_with_mismatched_terms_is_refused() {
    let table = [
        ("total_fee", "1", "notice_other_amount"),
        ("total_fee", "151", "notice_other_amount"),
        ("fee_type", "CNY", "notice_other_currency"),
        ("fee_type", "", "notice_other_currency"),
        ("mch_id", "1900000110", "notice_other_merchant"),
        ("sub_mch_id", "1900000110", "notice_other_merchant"),
        ("appid", "wx0000000000000000", "notice_other_app"),
        ("out_trade_no", "2", "order_unknown"),
        ("total_fee", "-150", "notice_bad_field"),
        ("total_fee", "150.0", "notice_bad_field"),
        ("total_fee", "", "notice_bad_field"),
        ("time_end", "yesterday", "notice_bad_field"),
        ("transaction_id", "", "notice_bad_field"),
    ];
    for (field, value, count) in table {
        let (world, shop, mut fields) = open_order();
        fields.set(field, value);
        let (status, answer) = notify(&world, "demo", signed(&fields));
        assert!(matches!(status, 400 | 409), "{field}={value}: {status}");
        assert!(answer.contains("FAIL"), "{field}={value}: {answer}");
        let report = shop.report();
        assert_eq!(report["counters"][count], 1, "{field}={value}: {report}");
        assert_eq!(shop.status("1")["trade_state"], "NOTPAY", "{field}={value}");
        if status == 409 {
            assert_eq!(
                report["alarms"].as_array().unwrap().len(),
                1,
                "{field}={value}"
            );
        }
        world.advance(5);
        assert_eq!(world.received(), [], "{field}={value}");
    }
}

#[test]
fn a_notice_at_another_merchants_address_is_refused() {
    let (world, _, fields) = open_order();
    let other = world.shop_with(
        "other",
        &json!({"mch_id": "1900000777", "api_key": "another-merchants-key-0000000001"}),
    );
    assert_eq!(notify(&world, "other", signed(&fields)).0, 400);
    assert_eq!(counter(&other, "notice_bad_signature"), 1);
    assert_eq!(notify(&world, "nobody", signed(&fields)).0, 404);
    assert_eq!(notify(&world, "", signed(&fields)).0, 404);
}

#[test]
fn an_api_key_rotates_without_downtime() {
    let (world, shop, fields) = open_order();
    let rotate = |body: Value| world.admin("/merchants/demo/rotate", &body).0;
    let new_key = "another-merchants-key-0000000001";
    assert_eq!(rotate(json!({"api_key": "short"})), 400);
    assert_eq!(rotate(json!({"api_key": new_key})), 200);
    world.control("/sandbox/merchants/1900000109", &json!({"key": new_key}));
    // A notice that was in flight, under the previous key.
    assert_eq!(notify(&world, "demo", signed(&fields)).0, 200);
    // Later notices are signed with the new key.
    let order = json!({"out_trade_no": "2", "body": "x", "total_fee": 150, "trade_type": "NATIVE"});
    shop.order(&order);
    let mut second = fields.clone();
    second.set("out_trade_no", "2");
    second.set("transaction_id", "42");
    let second = second.sealed(&Secret::new(new_key), SignType::Md5).to_xml();
    assert_eq!(notify(&world, "demo", second).0, 200);
    assert!(!world.stored_text().contains(new_key));
}

#[test]
fn a_replayed_notice_is_acknowledged_and_changes_nothing() {
    let (world, shop, fields) = open_order();
    confirmed(&world, &fields);
    for _ in 0..3 {
        assert_eq!(notify(&world, "demo", signed(&fields)).0, 200);
    }
    world.advance(3600);
    assert_eq!(world.received().len(), 1);
    assert_eq!(counter(&shop, "notice_duplicate"), 2);

    let mut second = fields.clone();
    second.set("transaction_id", "1004400740201409030005092169");
    assert_eq!(notify(&world, "demo", signed(&second)).0, 409);
    assert_eq!(counter(&shop, "notice_paid_twice"), 1);
}

#[test]
fn a_notice_of_a_failed_payment_is_acknowledged_and_pays_nothing() {
    let (world, shop, mut fields) = open_order();
    fields.set("result_code", "FAIL");
    assert_eq!(
        notify(&world, "demo", signed(&fields)),
        (200, ACK_OK.to_owned())
    );
    assert_eq!(shop.status("1")["trade_state"], "NOTPAY");
    assert_eq!(counter(&shop, "notice_payment_failed"), 1);
}

#[test]
fn a_forged_answer_to_a_query_is_refused() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.order(&json!({"out_trade_no": "1", "body": "x", "total_fee": 1, "trade_type": "NATIVE"}));
    world.upstream([tests::memory::Upstream::ForgesAnswer]);
    assert_eq!(shop.status("1")["trade_state"], "NOTPAY");
    let log: Value = json!(world.log_text());
    assert!(log.as_str().unwrap().contains("signature"), "{log}");
}
