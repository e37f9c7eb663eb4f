//! The merchant's further calls: tokens, older answers, APP, close,
//! deliveries.

use crate::checkout::sign_in::{Browser, WECHAT, checkout, with_secret};
use serde_json::{Value, json};
use tests::memory::{GATEWAY, Memory, registry_of};
use wechatpay::Secret;
use wechatpay::common::invoke::App;
use wechatpay::common::{Fields, SignType};

const KEY: &str = "weceive-sandbox-demo-key-0000001";

#[test]
fn a_token_replaces_both_keys_until_it_expires() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.native("1", 150);
    let (status, issued) = shop.call("POST", "/v1/token", r#"{"expires_in_seconds":3600}"#);
    assert_eq!(status, 200, "{issued}");
    let token = issued["data"]["api-token"].as_str().unwrap().to_owned();
    let with = |token: &str| {
        let request = http::Request::get(format!("{GATEWAY}/v1/order?out_trade_no=1"))
            .header("api-token", token)
            .body(Vec::new())
            .unwrap();
        world.send(request).status().as_u16()
    };
    assert_eq!(with(&token), 200);
    assert_eq!(with("another"), 401);
    assert!(
        !world.stored_text().contains(&token),
        "only its fingerprint is kept"
    );
    world.advance(3601);
    assert_eq!(with(&token), 401, "expired");

    let (_, issued) = shop.call("POST", "/v1/token", "");
    let token = issued["data"]["api-token"].as_str().unwrap().to_owned();
    let other = world.shop("other");
    let revoke = json!({"api-token": token}).to_string();
    assert_eq!(
        other.call("DELETE", "/v1/token", revoke.clone()).0,
        401,
        "not another's"
    );
    assert_eq!(with(&token), 200);
    assert_eq!(shop.call("DELETE", "/v1/token", revoke).0, 200);
    assert_eq!(with(&token), 401, "revoked");
    for seconds in ["59", "0", "-1", "99999999999", "\"x\""] {
        let body = format!("{{\"expires_in_seconds\":{seconds}}}");
        let (status, answer) = shop.call("POST", "/v1/token", body);
        assert_eq!(
            (status, &answer["field"]),
            (400, &json!("expires_in_seconds"))
        );
    }
}

#[test]
fn the_older_answer_is_flat_and_signed() {
    let world = Memory::default();
    let shop = world.shop_with("demo", &json!({"answers": "flat"}));
    let body = json!({"out_trade_no": "9900000000", "body": "Demo Order", "fee_type": "HKD",
                      "total_fee": "150", "trade_type": "NATIVE"});
    let (status, answer) = shop.call("POST", "/v1/order", body.to_string());
    assert_eq!(status, 200);
    assert_eq!(answer["return_code"], "SUCCESS");
    assert_eq!(answer["result_code"], "SUCCESS");
    assert_eq!(answer["mch_id"], "1900000109");
    assert!(answer["prepay_id"].as_str().unwrap().starts_with("wx"));
    let mut fields = Fields::new();
    for (name, value) in answer.as_object().unwrap() {
        fields.push(name, value.as_str().unwrap());
    }
    fields.verify(&Secret::new(KEY), SignType::Md5).unwrap();
    // A failure has the documented form in either case.
    let (_, refused) = shop.call("POST", "/v1/order", "{}");
    assert_eq!(refused["Code"], "FAIL");
}

#[test]
fn an_app_order_gives_the_package_for_wechats_sdk() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let data = shop.order(
        &json!({"out_trade_no": "1", "body": "Demo Order", "total_fee": 150,
                                  "trade_type": "APP"}),
    );
    let package: App = serde_json::from_value(data["app"].clone()).unwrap();
    package.verify(&Secret::new(KEY), SignType::Md5).unwrap();
    assert_eq!(package.package, "Sign=WXPay");
    assert_eq!(package.prepayid, data["prepay_id"].as_str().unwrap());
}

#[test]
fn p7_close_queries_first_and_a_paid_order_is_not_closed() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let close = |number: &str| {
        let body = json!({ "out_trade_no": number }).to_string();
        let (status, answer) = shop.call("POST", "/v1/close", body);
        (
            status,
            answer["code"].as_str().unwrap_or("").to_owned(),
            answer,
        )
    };
    shop.native("1", 150);
    let (status, _, answer) = close("1");
    assert_eq!(
        (status, &answer["data"]["trade_state"]),
        (200, &json!("CLOSED"))
    );
    let calls = world.upstream_calls();
    assert_eq!(
        calls[calls.len() - 2..],
        ["/pay/orderquery", "/pay/closeorder"]
    );
    assert_eq!(close("1").1, "ORDER_CLOSED");
    assert_eq!(close("2").1, "ORDER_NOT_FOUND");

    // Paid, and the notice is late: the query before the close finds the
    // payment.
    let data = shop.native("3", 150);
    world.control("/sandbox/faults", &json!({"hold_notices": true}));
    world.scan(&data["code_url"]);
    assert_eq!(close("3").1, "ORDER_PAID");
    assert_eq!(shop.status("3")["trade_state"], "SUCCESS");
}

#[test]
fn deliveries_are_listed_and_sent_again() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for number in ["1", "2"] {
        let data = shop.native(number, 150);
        world.pay(&data["code_url"]);
    }
    let list = |path: &str| shop.call("GET", path, "").1["data"]["deliveries"].clone();
    assert_eq!(list("/v1/delivery").as_array().unwrap().len(), 2);
    let one = list("/v1/delivery?out_trade_no=1");
    assert_eq!(one.as_array().unwrap().len(), 1);
    assert_eq!(one[0]["state"], "acknowledged");

    let body = json!({"id": one[0]["id"]}).to_string();
    let (status, again) = shop.call("POST", "/v1/delivery", body);
    assert_eq!((status, &again["data"]["state"]), (200, &json!("waiting")));
    world.advance(1);
    let received = world.received();
    assert_eq!(received.len(), 3);
    assert_eq!(received[2].body, received[0].body);
    assert_eq!(
        shop.call("POST", "/v1/delivery", r#"{"id":99}"#).1["code"],
        "DELIVERY_NOT_FOUND"
    );
    assert_eq!(shop.call("POST", "/v1/delivery", "{}").1["field"], "id");
}

/// An openid and a merchant's token are sent to these addresses.
#[test]
fn registered_addresses_must_be_https_outside_development() {
    let world = Memory::new(false);
    world.shop("demo");
    let secure = json!({"url": "https://auth.example.com/oauth_bridge.php", "token": "T0"});
    let change = |body: &Value| world.change_merchant("demo", body);
    for (field, value) in [
        ("redirect_origins", json!(["http://shop.example.com"])),
        ("redirect_origins", json!(["https://shop.example.com/cart"])),
        ("redirect_origins", json!(["https:shop.example.com"])),
        ("redirect_origins", json!(["https://a@shop.example.com"])),
        (
            "quick_auth",
            json!({"url": "http://auth.example.com/", "token": "T0"}),
        ),
        (
            "quick_auth",
            json!({"url": "https:auth.example.com", "token": "T0"}),
        ),
        (
            "quick_auth",
            json!({"url": "https://auth.example.com/#x", "token": "T0"}),
        ),
    ] {
        let mut body = json!({});
        body[field] = value;
        let (status, answer) = change(&body);
        assert_eq!(
            (status, &answer["field"]),
            (400, &json!(field)),
            "{body}: {answer}"
        );
    }
    let (status, answer) = change(&json!({"quick_auth": secure,
        "redirect_origins": ["HTTPS://Shop.example.com:443/"]}));
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        answer["data"]["redirect_origins"][0],
        "https://shop.example.com"
    );
}

/// An earlier version stored addresses with `http`. No openid and no token is
/// sent there.
#[test]
fn http_addresses_of_an_earlier_version_are_not_used_outside_development() {
    for development in [true, false] {
        let world = Memory::new(development);
        let shop = with_secret(&world);
        let older = "UPDATE merchants SET json = json_set(json,
            '$.redirect_origins', json('[\"http://shop.example.com\"]'),
            '$.quick_auth', json('{\"url\": \"http://auth.example.com/\", \"token\": \"T0\"}'))";
        world.sql(&registry_of("demo"), older).unwrap();
        let page = checkout(&shop, "N1");
        world.advance(31);
        let mut payer = Browser::new(&world, WECHAT);
        let token = shop.made["quick_auth_token"].as_str().unwrap();
        let bridge = format!("/wx-bridge/oauth_bridge.php?quick_auth={token}&redirect=");
        let (status, _, _) = payer.get(&format!("{bridge}http://shop.example.com/cart"));
        assert_eq!(status == 302, development);
        let (status, to, _) = payer.get(&page);
        assert_eq!(status, 302);
        assert_eq!(
            to.starts_with("http://auth.example.com/"),
            development,
            "{to}"
        );
        let asks = http::Request::get(format!("{GATEWAY}/pay/result?l=demo.x&once=1"))
            .header("origin", "http://shop.example.com")
            .body(Vec::new())
            .unwrap();
        let answer = world.send(asks);
        let refused = String::from_utf8_lossy(answer.body()).contains("ORIGIN_UNKNOWN");
        assert_eq!(refused, !development);
    }
}
