//! Each past defect has a regression test, whose name states the rule.

use crate::checkout::sign_in::{Browser, DESKTOP, WECHAT, call, checkout, with_secret};
use crate::fixtures;
use crate::storage::stored_versions::make_0_1_0;
use serde_json::{Value, json};
use testkit::demo::MERCHANTS;
use tests::memory::{GATEWAY, Memory, Shop, Upstream};

/// A merchant of `APIv3`.
fn v3(world: &Memory) -> Shop {
    let kind = MERCHANTS.iter().find(|kind| kind.id == "demo-v3").unwrap();
    let account = world.account(kind.mch_id);
    world.shop_with(
        kind.id,
        &kind.admin_body(&account, "https://shop.example.com"),
    )
}

/// A payer in WeChat who has opened the page.
fn in_wechat(world: &Memory, page: &str) -> Browser {
    let mut payer = Browser::new(world, WECHAT);
    let mut url = page.to_owned();
    for _ in 0..3 {
        url = payer.get(&url).1;
    }
    payer
}

#[test]
fn an_attempt_never_takes_another_orders_number() {
    let world = Memory::default();
    let shop = with_secret(&world);
    // The merchant uses "1-2" for another order, which is paid.
    let other = shop.native("1-2", 1);
    world.pay(&other["code_url"]);
    let page = checkout(&shop, "1");
    Browser::new(&world, DESKTOP).post(&call(&page, "order"));
    let mut payer = in_wechat(&world, &page);
    let (status, prepared) = payer.post(&call(&page, "order"));
    assert_eq!(status, 200, "{prepared}");
    assert!(
        prepared["jsapi"].is_object(),
        "another order's payment is not this one's"
    );
    assert_eq!(shop.status("1")["out_trade_no"], "1-3");
    assert_eq!(shop.status("1")["trade_state"], "NOTPAY");

    // Conversely, the merchant cannot use an attempt's number.
    let taken = json!({"out_trade_no": "1-3", "body": "x", "total_fee": 1, "trade_type": "NATIVE"});
    let (status, answer) = shop.call("POST", "/v1/order", taken.to_string());
    assert_eq!((status, &answer["field"]), (409, &json!("out_trade_no")));
    let taken = json!({"out_trade_no": "1-3", "body": "x", "total_fee": 1});
    assert_eq!(shop.call("POST", "/v1/checkout", taken.to_string()).0, 409);
}

#[test]
fn a_cancelled_checkout_cannot_be_paid() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let page = checkout(&shop, "1");
    let mut desktop = Browser::new(&world, DESKTOP);
    desktop.post(&call(&page, "order"));
    let close = |number: &str| {
        shop.call(
            "POST",
            "/v1/close",
            json!({ "out_trade_no": number }).to_string(),
        )
    };
    assert_eq!(close("1").1["data"]["trade_state"], "CLOSED");
    let (_, answer) = desktop.post(&call(&page, "order"));
    assert_eq!(answer["not_open"]["state"], "closed", "{answer}");

    // A checkout without an attempt.
    let page = checkout(&shop, "2");
    assert_eq!(close("2").1["data"]["trade_state"], "CLOSED");
    let (_, answer) = desktop.post(&call(&page, "order"));
    assert_eq!(answer["not_open"]["state"], "closed", "{answer}");
}

#[test]
fn a_closed_number_is_not_used_again() {
    let world = Memory::default();
    let shop = with_secret(&world);
    let page = checkout(&shop, "1");
    // WeChat makes the desktop's order, and every answer is lost.
    world.upstream([Upstream::LosesAnswer; 3]);
    let (status, _) = Browser::new(&world, DESKTOP).post(&call(&page, "order"));
    assert_eq!(status, 503);
    let mut payer = in_wechat(&world, &page);
    let (status, prepared) = payer.post(&call(&page, "order"));
    assert_eq!(status, 200, "{prepared}");
    assert!(prepared["jsapi"].is_object(), "{prepared}");
}

#[test]
fn a_checkout_is_not_shown_closed_while_an_attempt_is_closing() {
    let world = Memory::default();
    let shop = with_secret(&world);
    let page = checkout(&shop, "1");
    let mut desktop = Browser::new(&world, DESKTOP);
    desktop.post(&call(&page, "order"));
    let mut payer = in_wechat(&world, &page);
    world.upstream([Upstream::LosesRequest; 6]);
    let (status, answer) = payer.post(&call(&page, "order"));
    assert_eq!((status, &answer["code"]), (409, &json!("ATTEMPT_PENDING")));
    let (status, answer) = desktop.post(&call(&page, "order"));
    assert_eq!((status, &answer["code"]), (409, &json!("ATTEMPT_PENDING")));
    world.advance(60);
    assert_eq!(payer.post(&call(&page, "order")).0, 200);
}

/// Found by the simulation: two pages at the same time, and the first one's
/// request to WeChat is slow.
#[test]
fn an_attempt_given_up_in_flight_is_not_payable_beside_the_next() {
    let world = Memory::default();
    let shop = with_secret(&world);
    let page = checkout(&shop, "1");
    let order = call(&page, "order");
    let mut payer = in_wechat(&world, &page);
    assert_eq!(payer.post(&order).0, 200);
    // The desktop's request is in flight, and the page in WeChat sends another.
    let again = payer.request("POST", &order, "{}");
    world.during_next("/pay/unifiedorder", again);
    let mut desktop = Browser::new(&world, DESKTOP);
    let (status, answer) = desktop.post(&order);
    assert_eq!((status, &answer["code"]), (409, &json!("ATTEMPT_PENDING")));
    let orders = world.orders_at_wechat();
    let open = orders.as_array().unwrap().iter();
    let open: Vec<_> = open.filter(|o| o["trade_state"] == "NOTPAY").collect();
    assert_eq!(open.len(), 1, "{orders}");
    assert_eq!(open[0]["trade_type"], "JSAPI", "{orders}");
    assert_eq!(shop.status("1")["out_trade_no"], open[0]["out_trade_no"]);
    // The page in WeChat can use it, and so could the other page, later.
    assert!(payer.post(&order).1["jsapi"].is_object());
    assert_eq!(desktop.post(&order).0, 200);
}

/// Found by the simulation: a request to refund was corrupted in transit while
/// an earlier one was in flight. So a refusal that is about the message ends
/// nothing until it is repeated.
#[test]
fn a_malformed_message_ends_no_refund() {
    for (times, ends) in [(1, "SUCCESS"), (2, "REFUNDCLOSE")] {
        let world = Memory::default();
        let shop = v3(&world);
        fixtures::pay(&world, &shop, "1");
        world.advance(2);
        let fail =
            json!({"path": "POST /v3/global/refunds", "code": "PARAM_ERROR", "times": times});
        world.control("/sandbox/faults", &json!({ "fail_next": fail }));
        let refund = json!({"out_trade_no": "1", "out_refund_no": "R", "refund_fee": 1000});
        let (status, answer) = shop.call("POST", "/v1/refund", refund.to_string());
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["data"]["refund_status"], "ASKED", "{answer}");
        assert_eq!(answer["data"]["err_code"], "PARAM_ERROR", "{answer}");
        world.advance(4 * 24 * 3600);
        let (_, answer) = shop.call("GET", "/v1/refund?out_trade_no=1", "");
        assert_eq!(
            answer["data"]["refunds"][0]["refund_status"], ends,
            "{answer}"
        );
        let at_wechat = world.refunds_at_wechat();
        assert_eq!(
            at_wechat.as_array().unwrap().len(),
            2 - times,
            "{at_wechat}"
        );
    }
}

#[test]
fn a_refund_number_belongs_to_one_order() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for number in ["1", "2"] {
        let data = shop.native(number, 150);
        world.pay(&data["code_url"]);
    }
    let refund = |number: &str| {
        let body = json!({"out_trade_no": number, "out_refund_no": "r1", "refund_fee": 150});
        shop.call("POST", "/v1/refund", body.to_string())
    };
    assert_eq!(refund("1").0, 200);
    let (status, answer) = refund("2");
    assert_eq!((status, &answer["field"]), (409, &json!("out_refund_no")));
    let other = json!({"out_trade_no": "2", "out_refund_no": "r2", "refund_fee": 150});
    assert_eq!(
        shop.call("POST", "/v1/refund", other.to_string()).0,
        200,
        "nothing is blocked"
    );
}

#[test]
fn a_notice_under_a_revoked_api_key_is_refused() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let rotate = |body: Value| {
        let (status, answer) = world.admin("/merchants/demo/rotate", &body);
        assert_eq!(status, 200, "{answer}");
    };
    let data = shop.native("1", 150);
    world.control("/sandbox/faults", &json!({"hold_notices": true}));
    world.scan(&data["code_url"]);
    rotate(json!({"api_key": "another-merchants-key-0000000001", "revoke": true}));
    // The notice, signed with the leaked key.
    world.control("/sandbox/faults", &json!({"hold_notices": false}));
    world.send_notices();
    assert_eq!(shop.report()["counters"]["notice_bad_signature"], 1);
    assert_eq!(world.received(), []);
}

#[test]
fn a_second_rotation_keeps_the_first_key_pair_for_its_day() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let rotate = |body: Value| {
        let (status, answer) = world.admin("/merchants/demo/rotate", &body);
        assert_eq!(status, 200, "{answer}");
    };
    let new_key = "another-merchants-key-0000000001";
    rotate(json!({"api_key": new_key}));
    rotate(json!({"app_secret": "0123456789abcdef0123456789abcdef"}));
    world.control("/sandbox/merchants/1900000109", &json!({"key": new_key}));
    shop.native("1", 150);
}

#[test]
fn a_notify_url_that_cannot_be_sent_to_is_refused() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let body = json!({"out_trade_no": "1", "body": "x", "total_fee": 1, "trade_type": "NATIVE",
                      "notify_url": "https://shop.example.com/my notify"});
    let data = shop.order(&body);
    world.pay(&data["code_url"]);
    assert_eq!(
        world.received()[0].url,
        "https://shop.example.com/my%20notify"
    );
}

#[test]
fn a_payment_is_found_after_a_refused_reverse() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let code = world.control(
        "/sandbox/paycode",
        &json!({"payer": "alice", "behaviour": "pays"}),
    );
    let quick = json!({"out_trade_no": "1", "body": "One cup", "total_fee": 1200,
                       "auth_code": code["auth_code"]});
    assert_eq!(shop.call("POST", "/v1/micropay", quick.to_string()).0, 200);
    world.advance(20);
    // WeChat has withdrawn the merchant's right to reverse.
    world.control(
        "/sandbox/faults",
        &json!({"fail_next": {"path": "/secapi/pay/reverse", "code": "NOAUTH", "times": 9}}),
    );
    shop.call(
        "POST",
        "/v1/reverse",
        json!({"out_trade_no": "1"}).to_string(),
    );
    world.advance(3600);
    let status = shop.status("1");
    assert_eq!(
        status["trade_state"],
        "SUCCESS",
        "{status} {}",
        world.log_text()
    );
    assert!(status["transaction_id"].is_string());
    assert!(
        shop.report()["alarms"]
            .to_string()
            .contains("REVERSE_REFUSED")
    );
}

#[test]
fn an_answer_with_202_is_no_success() {
    let world = Memory::default();
    let shop = v3(&world);
    let asked = json!({"payer": "alice", "behaviour": "password"});
    let code = world.control("/sandbox/paycode", &asked)["auth_code"].clone();
    let quick = json!({"out_trade_no": "1", "body": "One cup", "total_fee": 1200,
                       "auth_code": code});
    shop.call("POST", "/v1/micropay", quick.to_string());
    world.advance(16);
    // While the payer is asked for the password the first reverse is answered
    // with 202 USERPAYING: it has to be repeated.
    let reverse = json!({"out_trade_no": "1"}).to_string();
    let (_, answer) = shop.call("POST", "/v1/reverse", reverse);
    assert_eq!(answer["data"]["trade_state"], "USERPAYING", "{answer}");
    let pay = json!({"mch_id": "1900000109", "out_trade_no": "1", "payer": "alice",
                     "action": "pay"});
    assert_eq!(world.control("/sandbox/pay", &pay)["ok"], true);
    world.advance(120);
    assert_eq!(shop.status("1")["trade_state"], "REVOKED");
    let at_wechat = world.orders_at_wechat();
    assert_eq!(at_wechat[0]["trade_state"], "REVOKED", "{at_wechat}");
}

#[test]
fn a_signature_corrupted_in_transit_ends_no_quick_pay_and_no_refund() {
    let world = Memory::default();
    let shop = v3(&world);
    let data = shop.native("1", 150);
    world.pay(&data["code_url"]);
    let path = "POST /v3/global/refunds";
    let fault = json!({"fail_next": {"path": path, "code": "SIGN_ERROR"}});
    world.control("/sandbox/faults", &fault);
    let refund = json!({"out_trade_no": "1", "out_refund_no": "r1", "refund_fee": 150});
    // Another request for it may still be in flight: it is not closed.
    let (status, answer) = shop.call("POST", "/v1/refund", refund.to_string());
    assert_eq!(status, 200, "{answer}");
    assert_ne!(answer["data"]["refund_status"], "CLOSED", "{answer}");
    world.advance(3600);
    let (_, refunds) = shop.call("GET", "/v1/refund?out_trade_no=1", "");
    let refund = &refunds["data"]["refunds"][0];
    assert_eq!(refund["refund_status"], "SUCCESS", "{refunds}");

    let path = "POST /v3/global/micropay/transactions/pay";
    let fault = json!({"fail_next": {"path": path, "code": "SIGN_ERROR"}});
    world.control("/sandbox/faults", &fault);
    let asked = json!({"payer": "alice", "behaviour": "pays"});
    let code = world.control("/sandbox/paycode", &asked)["auth_code"].clone();
    let quick = json!({"out_trade_no": "2", "body": "One cup", "total_fee": 1200,
                       "auth_code": code});
    let (_, answer) = shop.call("POST", "/v1/micropay", quick.to_string());
    assert_eq!(answer["data"]["trade_state"], "USERPAYING", "{answer}");
}

#[test]
fn a_quick_pay_under_another_orders_number_is_not_reversed() {
    let world = Memory::default();
    let shop = v3(&world);
    // No request of the Quick Pay reaches WeChat; then another system of the
    // merchant uses the number. The query before it and the request for
    // WeChat's certificates succeed.
    world.upstream([Upstream::Works; 2]);
    world.upstream([Upstream::LosesRequest; 7]);
    let asked = json!({"payer": "alice", "behaviour": "pays"});
    let code = world.control("/sandbox/paycode", &asked)["auth_code"].clone();
    let quick = json!({"out_trade_no": "1", "body": "One cup", "total_fee": 1200,
                       "auth_code": code});
    shop.call("POST", "/v1/micropay", quick.to_string());
    let path = "POST /v3/global/micropay/transactions/out-trade-no/{out_trade_no}/reverse";
    let fault = json!({"fail_next": {"path": path, "code": "INVALID_REQUEST", "times": 999}});
    world.control("/sandbox/faults", &fault);
    world.advance(3 * 3600);
    let status = shop.status("1");
    assert_eq!(status["trade_state"], "PAYERROR", "{status}");
    assert!(
        shop.report()["alarms"]
            .to_string()
            .contains("REVERSE_REFUSED")
    );
}

/// A new version of the Worker opens the books of the previous version.
#[test]
fn a_book_without_the_latest_columns_is_opened() {
    let world = Memory::default();
    let shop = fixtures::shop(&world, "demo");
    fixtures::pay(&world, &shop, "E1");
    make_0_1_0(&world, "demo");
    world
        .sql("demo", "ALTER TABLE deliveries DROP COLUMN out_refund_no")
        .unwrap();
    world.advance(60);
    assert_eq!(shop.status("E1")["trade_state"], "SUCCESS");
    assert_eq!(shop.report()["deliveries"][0]["state"], "acknowledged");
}

#[test]
fn an_unsigned_notice_of_another_merchant_is_not_acknowledged() {
    let world = Memory::default();
    let shop = v3(&world);
    let data = shop.native("1", 150);
    for forgery in ["UNKNOWN_SUB_MCHID", "OTHER_MERCHANT"] {
        let forgery = json!({"forge_next": {"forgery": forgery, "on": "notice"}});
        world.control("/sandbox/faults", &forgery);
    }
    world.scan(&data["code_url"]);
    let mut notices = world.take_notices();
    assert_eq!(shop.status("1")["trade_state"], "SUCCESS");
    world.advance(15);
    notices.extend(world.take_notices());
    for notice in notices {
        // A network drops the headers with the signature.
        let request = http::Request::post(&notice.url)
            .header("content-type", "application/json")
            .body(notice.body.into_bytes())
            .unwrap();
        assert_eq!(world.send(request).status(), 401);
    }
    let counters = &shop.report()["counters"];
    assert!(
        counters["notice_of_another_merchant"].as_i64() > Some(0),
        "{counters}"
    );
}

#[test]
fn a_non_ascii_byte_does_not_hide_the_rest_of_a_header() {
    let world = Memory::default();
    let page = checkout(&with_secret(&world), "1");
    let payer = in_wechat(&world, &page);
    let cookies = payer.cookies();
    let (name, value) = cookies
        .iter()
        .find(|(name, _)| name.starts_with("weceive_payer_"))
        .unwrap();
    let payer = format!("{name}={value}");
    let get = |headers: &[(&str, Vec<u8>)]| {
        let mut request = http::Request::get(format!("{GATEWAY}{page}"));
        for (name, value) in headers {
            request = request.header(*name, http::HeaderValue::from_bytes(value).unwrap());
        }
        world.send(request.body(Vec::new()).unwrap())
    };
    // UTF-8, GBK, Latin-1.
    for model in ["红米".as_bytes(), b"\xba\xec\xc3\xd7", b"\xe9t\xe9"] {
        let agent = [
            b"Mozilla/5.0 (Linux; Android 13; ",
            model,
            b" K40) MicroMessenger/8.0.44",
        ]
        .concat();
        let cookie = [b"city=", model, b"; ", payer.as_bytes(), b"; x=", model].concat();
        let agent = ("user-agent", agent);
        let outside = get(std::slice::from_ref(&agent));
        assert_eq!(outside.status(), 302, "it is WeChat's browser");
        assert_eq!(get(&[agent, ("cookie", cookie)]).status(), 200);
        let lang = ("accept-language", [b"zh-Hant, ", model].concat());
        let html = String::from_utf8(get(&[lang]).into_body()).unwrap();
        assert!(html.contains("<html lang=\"zh-Hant\""), "{html:.200}");
        // Nor does it hide the origin of a page.
        for name in ["origin", "sec-fetch-site"] {
            let call = call(&page, "order");
            let evil = [b"https://", model, b".example"].concat();
            let request = http::Request::post(format!("{GATEWAY}{call}"))
                .header("content-type", "application/json")
                .header(name, http::HeaderValue::from_bytes(&evil).unwrap());
            let answer = world.send(request.body(b"{}".to_vec()).unwrap());
            assert_eq!(answer.status(), 403, "{name}");
        }
    }
}

#[test]
fn wechat_gets_an_ipv4_mapped_address_as_ipv4() {
    let world = Memory::default();
    let page = checkout(&world.shop("demo"), "1");
    let request = http::Request::post(format!("{GATEWAY}{}", call(&page, "order")))
        .header("content-type", "application/json")
        .header("user-agent", DESKTOP)
        .header("cf-connecting-ip", "::ffff:203.0.113.7");
    let answer = world.send(request.body(b"{}".to_vec()).unwrap());
    assert_eq!(answer.status(), 200);
    let asked = world.upstream_body();
    let told = "<spbill_create_ip><![CDATA[203.0.113.7]]>";
    assert!(asked.contains(told), "{asked}");
}
