//! The items of Tencent's go-live checklist that no other suite names:
//! docs/checklist.md has the whole table.

use crate::checkout::sign_in::{self, Browser, WECHAT};
use crate::fixtures::{each, order, pay, shop};
use serde_json::json;
use testkit::demo::MERCHANTS;
use tests::memory::{GATEWAY, Memory, Upstream};

#[test]
fn g1_each_dialect_and_region_has_its_host_and_paths() {
    each(|world, kind, shop| {
        shop.order(&order("G1"));
        let (host, begins) = match (kind.dialect, kind.region) {
            ("v2", _) => ("apihk.mch.weixin.qq.com", "/pay/unifiedorder"),
            ("v3", None) => ("apihk.mch.weixin.qq.com", "/v3/global/"),
            ("v3", _) => ("api.mch.weixin.qq.com", "/v3/"),
            _ => ("pay.ionlinepay.com", "/gateway/"),
        };
        assert!(
            world.upstream_hosts().iter().all(|used| used == host),
            "{}",
            kind.id
        );
        for path in world.upstream_calls() {
            assert!(path.starts_with(begins), "{}: {path}", kind.id);
            assert_eq!(path.contains("/global/"), begins == "/v3/global/", "{path}");
        }
    });
}

#[test]
fn g6_a_notice_is_answered_without_waiting_for_wechat_or_the_merchant() {
    each(|world, kind, shop| {
        pay(world, shop, "G6");
        // WeChat and the merchant are both unreachable: the timer repeats the
        // query that is to confirm the payment.
        world.upstream([Upstream::LosesRequest; 20]);
        world.send_notices();
        assert_eq!(
            world.received(),
            [],
            "{}: the delivery is the timer's",
            kind.id
        );
        let counters = &shop.report()["counters"];
        assert_eq!(counters["notice_taken"], 1, "{}: {counters}", kind.id);
    });
}

#[test]
fn g6_outdated_certificates_delay_no_notice() {
    let world = Memory::default();
    let shop = shop(&world, "demo-v3");
    shop.order(&order("early"));
    let asked = || {
        let paths = world.upstream_calls().into_iter();
        paths.filter(|path| path.ends_with("/certificates")).count()
    };
    world.advance(12 * 3600 - 60);
    pay(&world, &shop, "G6");
    let before = asked();
    // Its first notice is lost, and WeChat is unreachable.
    world.upstream([Upstream::LosesRequest; 100]);
    world.lose_notices(true);
    world.advance(2 * 60);
    world.lose_notices(false);
    world.advance(5 * 60);
    assert_eq!(shop.report()["counters"]["notice_taken"], 1);
    assert_eq!(asked(), before);
}

#[test]
fn g8_a_notice_older_than_five_minutes_is_refused() {
    for (age_s, status) in [(300, 204), (301, 401)] {
        let world = Memory::default();
        let kind = MERCHANTS
            .into_iter()
            .find(|kind| kind.id == "demo-v3")
            .unwrap();
        let shop = shop(&world, kind.id);
        pay(&world, &shop, "G8");
        let sent = world.take_notices();
        world.lose_notices(true);
        world.upstream([Upstream::LosesRequest; 100]);
        world.advance(age_s);
        let mut request = http::Request::post(&sent[0].url);
        for (name, value) in &sent[0].headers {
            request = request.header(name, value);
        }
        let request = request.body(sent[0].body.clone().into_bytes()).unwrap();
        assert_eq!(world.send(request).status(), status, "{age_s} s");
    }
}

#[test]
fn g10_the_notice_address_is_https_open_and_without_a_query() {
    each(|world, kind, shop| {
        let address = shop.made["notify_url"].as_str().unwrap();
        assert!(
            address.starts_with(&format!("{GATEWAY}/notify/")),
            "{address}"
        );
        assert!(
            address.starts_with("https://") && !address.contains('?'),
            "{address}"
        );
        let knock = http::Request::post(address).body(Vec::new()).unwrap();
        let answer = world.send(knock);
        assert!(
            [400, 401].contains(&answer.status().as_u16()),
            "{}",
            kind.id
        );
        assert!(
            !answer.headers().contains_key("www-authenticate"),
            "{}",
            kind.id
        );
    });
}

#[test]
fn p1_an_application_that_is_not_bound_to_the_merchant_is_refused_by_name() {
    each(|world, kind, _| {
        let account = world.account(kind.mch_id);
        let mut body = kind.admin_body(&account, "https://shop.example.com");
        body["id"] = json!("unbound");
        body["appid"] = json!("wx5a11d0b0c0ffee99");
        let unbound = world.shop_with("unbound", &body);
        let mut wanted = order("P1");
        wanted["trade_type"] = json!("JSAPI");
        wanted["open_id"] = json!("opdKshxGuUXzdCP7WkZt68mtbXF4");
        let (status, answer) = unbound.call("POST", "/v1/order", wanted.to_string());
        assert_eq!(
            (status, &answer["code"]),
            (502, &json!("UPSTREAM_REFUSED")),
            "{}",
            kind.id
        );
    });
}

#[test]
fn p2_an_order_is_paid_by_its_trade_type_only() {
    each(|world, kind, shop| {
        shop.order(&order("P2"));
        let orders = world.orders_at_wechat();
        assert_eq!(orders[0]["trade_type"], "NATIVE", "{}: {orders}", kind.id);
        let mut other = order("P2");
        other["trade_type"] = json!("JSAPI");
        other["open_id"] = json!("opdKshxGuUXzdCP7WkZt68mtbXF4");
        let (_, answer) = shop.call("POST", "/v1/order", other.to_string());
        assert_eq!(
            answer["code"], "ORDER_EXISTS_WITH_DIFFERENT_TERMS",
            "{}",
            kind.id
        );
        assert_eq!(answer["field"], "trade_type", "{}", kind.id);
    });
}

#[test]
fn p5_the_latest_payment_is_at_least_a_minute_away() {
    let world = Memory::default();
    let shop = shop(&world, MERCHANTS[0].id);
    for (seconds, ok) in [(0, false), (59, false), (359, false), (360, true)] {
        let checkout = json!({"out_trade_no": format!("P5-{seconds}"), "body": "Two cups",
                              "total_fee": 3000, "expires_in_seconds": seconds});
        let (status, answer) = shop.call("POST", "/v1/checkout", checkout.to_string());
        assert_eq!(status == 200, ok, "{seconds} s: {answer}");
        assert!(ok || answer["field"] == "expires_in_seconds", "{answer}");
    }
}

/// The address of the payer's browser, and not of the merchant's server.
#[test]
fn h1_wechat_gets_the_payers_own_address() {
    for id in ["demo", "demo-v3"] {
        let world = Memory::default();
        let kind = MERCHANTS.into_iter().find(|kind| kind.id == id).unwrap();
        let account = world.account(kind.mch_id);
        let mut body = kind.admin_body(&account, "https://shop.example.com");
        body["h5"] = json!(true);
        body["store"] = json!({"name": "Demo Tea House", "address": "1 Queen's Road, Hong Kong"});
        let shop = world.shop_with(id, &body);
        let checkout = json!({"out_trade_no": "H1", "body": "Two cups", "total_fee": 3000});
        let (_, answer) = shop.call("POST", "/v1/checkout", checkout.to_string());
        let url = answer["data"]["url"].as_str().unwrap();
        let request = http::Request::post(url.replace("/pay/?", "/pay/order?"))
            .header("content-type", "application/json")
            .header("sec-fetch-site", "same-origin")
            .header("cf-connecting-ip", "203.0.113.7")
            .header(
                "user-agent",
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 \
                 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
            )
            .body(b"{}".to_vec())
            .unwrap();
        let answer = world.send(request);
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        assert_eq!(answer.status(), 200, "{id}: {text}");
        assert!(text.contains("http"), "{id}: WeChat's page: {text}");
        assert!(world.upstream_body().contains("203.0.113.7"), "{id}");
    }
}

#[test]
fn i4_one_sub_merchant_in_two_currencies_is_two_accounts() {
    let world = Memory::default();
    let kind = MERCHANTS
        .into_iter()
        .find(|kind| kind.id == "peak-v3")
        .unwrap();
    let dollars = shop(&world, kind.id);
    let account = world.account(kind.mch_id);
    let mut body = kind.admin_body(&account, "https://shop.example.com");
    body["id"] = json!("peak-yuan");
    body["fee_type"] = json!("CNY");
    let yuan = world.shop_with("peak-yuan", &body);
    pay(&world, &dollars, "I4");
    world.advance(1);
    assert_eq!(dollars.status("I4")["fee_type"], "USD");
    assert_eq!(yuan.call("GET", "/v1/order?out_trade_no=I4", "").0, 404);
    yuan.order(&order("I4-2"));
    assert_eq!(yuan.status("I4-2")["fee_type"], "CNY");
}

#[test]
fn s3_a_statement_without_an_answer_is_requested_again() {
    for kind in MERCHANTS
        .into_iter()
        .filter(|kind| kind.dialect != "ionline")
    {
        let world = Memory::default();
        let shop = shop(&world, kind.id);
        pay(&world, &shop, "S3");
        world.advance(2 * 24 * 60 * 60);
        world.upstream([Upstream::LosesRequest]);
        let (status, answer) = shop.call("GET", "/v1/statement?bill_date=20260102", "");
        assert_eq!(status, 200, "{}: {answer}", kind.id);
        assert_eq!(
            answer["data"]["rows"].as_array().unwrap().len(),
            1,
            "{}",
            kind.id
        );
    }
}

#[test]
fn j5_the_page_lies_in_the_directory_that_the_operator_is_told() {
    let world = Memory::default();
    let shop = sign_in::with_secret(&world);
    let named = shop.made["jsapi_directory"].as_str().unwrap();
    let page = sign_in::checkout(&shop, "J5");
    let mut payer = Browser::new(&world, WECHAT);
    let mut url = page.clone();
    for _ in 0..3 {
        url = payer.get(&url).1;
    }
    let (status, prepared) = payer.post(&sign_in::call(&page, "order"));
    assert_eq!(status, 200, "{prepared}");
    let pay = json!({"payer": "alice", "package": prepared["jsapi"], "action": "pay",
                     "page_url": format!("{GATEWAY}{page}")});
    // A page above or below it is in another directory.
    let above = format!("{GATEWAY}/");
    for (registered, opens) in [
        (above, false),
        (format!("{named}order/"), false),
        (named.to_owned(), true),
    ] {
        let directories = json!({ "jsapi_directories": [registered] });
        world.control("/sandbox/merchants/1900000109", &directories);
        let said = world.try_control("/sandbox/bridge", &pay);
        assert_eq!(said["ok"] == true, opens, "{registered}: {said}");
    }
}
