//! The real Workers in `workerd`, over HTTP: the requests of a merchant, WeChat
//! and an attacker.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is not as it should be"
)]

mod crash;
mod dialects;
mod documented_commands;
mod headers;
mod listeners;
mod merchant_calls;
mod people;
mod production;
mod sdk;
mod size;
mod transfer;

use serde_json::{Value, json};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};
use tests::live::{Answer, KEY, Live, Receiver, send, wait_for};
use wechatpay::Secret;
use wechatpay::common::{Fields, SignType};
use wechatpay::v2::notify::ACK_OK;

/// One system for the tests that do not crash it.
static LIVE: LazyLock<Live> = LazyLock::new(|| Live::start("http"));

#[test]
fn a_native_order_is_paid_and_delivered() {
    let shop = LIVE.shop("native", &json!({}));
    let merchant = Receiver::good();
    let data = shop.native("9900000000", Some(&merchant.url));
    assert_eq!(shop.state("9900000000"), "NOTPAY");
    LIVE.scan(&data["code_url"]);
    let received = wait_for("the delivery", || merchant.received().first().cloned());
    assert_eq!(shop.state("9900000000"), "SUCCESS");

    let answer = shop.call("POST", "/v1/checksign", received.clone());
    assert_eq!(answer.json()["data"]["valid"], true, "{}", answer.text());
    let document = Fields::parse(received.as_bytes()).unwrap();
    document.verify(&Secret::new(KEY), SignType::Md5).unwrap();
    let state = || shop.report()["deliveries"][0]["state"] == "acknowledged";
    wait_for("the acknowledgement", || state().then_some(()));
    assert_eq!(merchant.received().len(), 1);
}

#[test]
fn an_institution_signing_with_hmac_is_paid_by_jsapi() {
    let shop = LIVE.shop(
        "institution",
        &json!({
            "fee_type": "USD",
            "appid": "wx5a11d0b0c0ffee02",
            "mch_id": "1900000110",
            "sub_appid": "wx5a11d0b0c0ffee03",
            "sub_mch_id": "1900000111",
            "api_key": "weceive-sandbox-inst-key-0000002",
            "sign_type": "HMAC-SHA256",
        }),
    );
    let openid = sandbox::Payer::Bob.openid("wx5a11d0b0c0ffee03");
    let body = json!({"out_trade_no": "I1", "body": "Peak Books", "total_fee": 1750,
                      "open_id": openid, "trade_type": "JSAPI"});
    let answer = shop.call("POST", "/v1/order", body.to_string());
    let jsapi = answer.json()["data"]["jsapi"].clone();
    assert_eq!(jsapi["signType"], "HMAC-SHA256", "{}", answer.text());
    assert_eq!(
        jsapi["appId"], "wx5a11d0b0c0ffee03",
        "the appid of the openid"
    );
    let paid = LIVE.control(
        "/sandbox/bridge",
        &json!({"payer": "bob", "package": jsapi, "action": "pay"}),
    );
    assert_eq!(paid["ok"], true, "{paid}");
    wait_for("the payment", || {
        (shop.state("I1") == "SUCCESS").then_some(())
    });
    let data = shop.call("GET", "/v1/order?out_trade_no=I1", "").json()["data"].clone();
    assert_eq!(data["sub_openid"], json!(openid));
}

#[test]
fn an_unacknowledged_delivery_is_repeated() {
    let shop = LIVE.shop("retry", &json!({}));
    let merchant = Receiver::start(vec![
        (500, "", Duration::ZERO),
        (200, ACK_OK, Duration::ZERO),
    ]);
    let data = shop.native("R1", Some(&merchant.url));
    LIVE.scan(&data["code_url"]);
    wait_for("the first attempt", || merchant.received().first().cloned());
    let received = wait_for("the second attempt", || {
        Some(merchant.received()).filter(|received| received.len() == 2)
    });
    assert_eq!(received[0], received[1], "the same document");
}

#[test]
fn a_merchant_that_hangs_delays_no_other() {
    let shop = LIVE.shop("hanging", &json!({}));
    const HANGS: Duration = Duration::from_secs(60);
    let hanging = Receiver::start(vec![(200, "success", HANGS)]);
    let quick = Receiver::good();
    let first = shop.native("H1", Some(&hanging.url));
    let second = shop.native("H2", Some(&quick.url));
    LIVE.scan(&first["code_url"]);
    wait_for("the hanging one", || hanging.received().first().cloned());
    LIVE.scan(&second["code_url"]);
    let began = Instant::now();
    wait_for("the state", || {
        (shop.state("H2") == "SUCCESS").then_some(())
    });
    // The hanging one is not answered before.
    assert!(began.elapsed() < HANGS);
    wait_for("the quick one", || quick.received().first().cloned());
}

#[test]
fn a_hundred_identical_orders_are_one_order() {
    let shop = LIVE.shop("identical", &json!({}));
    let answers: Vec<Value> = thread::scope(|scope| {
        let threads: Vec<_> = (0..100)
            .map(|_| scope.spawn(|| shop.native("O1", None)))
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| answer == &answers[0]));
}

/// A genuine notice for an open order of `shop`, as WeChat would sign it.
fn notice(number: &str, transaction_id: &str) -> Fields {
    Fields::new()
        .with("appid", "wx5a11d0b0c0ffee01")
        .with("bank_type", "CFT")
        .with("cash_fee", "150")
        .with("fee_type", "HKD")
        .with("mch_id", "1900000109")
        .with("nonce_str", "5d2b6c2a8db53831f7eda20af46e531c")
        .with("openid", "oUpF8uMEb4qRXf22hE3X68TekukE")
        .with("out_trade_no", number)
        .with("result_code", "SUCCESS")
        .with("return_code", "SUCCESS")
        .with("time_end", "20260102110500")
        .with("total_fee", "150")
        .with("trade_type", "NATIVE")
        .with("transaction_id", transaction_id)
}

fn notify(merchant: &str, body: impl Into<Vec<u8>>) -> Answer {
    let url = format!("{}/notify/v2/{merchant}", LIVE.gateway());
    send("POST", &url, &[("content-type", "text/xml")], body)
}

#[test]
fn a_hundred_identical_notices_are_one_payment() {
    // WeChat knows of no payment: the notice alone is accepted.
    let shop = LIVE.shop("notices", &json!({"confirm_notices_from": 1000}));
    let merchant = Receiver::good();
    shop.native("N1", Some(&merchant.url));
    let key = Secret::new(KEY);
    let xml = notice("N1", "42000000001")
        .sealed(&key, SignType::Md5)
        .to_xml();
    thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| {
                let answer = notify("notices", xml.clone());
                assert_eq!((answer.status, answer.text().as_str()), (200, ACK_OK));
            });
        }
    });
    wait_for("the delivery", || merchant.received().first().cloned());
    let counters = shop.report()["counters"].clone();
    assert_eq!(counters["notice_taken"], 1, "{counters}");
    assert_eq!(counters["notice_duplicate"], 99, "{counters}");
    assert_eq!(merchant.received(), [xml], "once, byte for byte");
}

#[test]
fn forged_notices_change_nothing() {
    let shop = LIVE.shop("forged", &json!({}));
    shop.native("L1", None);
    let key = Secret::new(KEY);
    let signed = |fields: Fields| fields.sealed(&key, SignType::Md5).to_xml();
    let mut other_amount = notice("L1", "4200");
    other_amount.set("total_fee", "1");
    let mut not_utf8 = signed(notice("L1", "4200")).into_bytes();
    not_utf8[60] = 0xff;
    for (name, body, status) in [
        ("unsigned", notice("L1", "4200").to_xml().into_bytes(), 400),
        ("other amount", signed(other_amount).into_bytes(), 409),
        ("not UTF-8", not_utf8, 400),
        ("ten megabytes", vec![b'<'; 10_000_000], 413),
        ("deep", "<xml>".repeat(10_000).into_bytes(), 400),
        (
            "entities",
            b"<!DOCTYPE x [<!ENTITY a \"a\">]><xml><a>&a;</a></xml>".to_vec(),
            400,
        ),
        ("nothing", Vec::new(), 400),
    ] {
        let answer = notify("forged", body);
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
        assert_eq!(shop.state("L1"), "NOTPAY", "{name}");
    }
    let counters = shop.report()["counters"].clone();
    assert_eq!(counters["notice_other_amount"], 1, "{counters}");
    assert_eq!(counters["notice_not_signed"], 1, "{counters}");
    let good = signed(notice("L1", "4200"));
    assert_eq!(notify("forged", good).status, 200);
}

#[test]
fn bad_requests_are_answered_by_name() {
    let shop = LIVE.shop("bad", &json!({}));
    for (method, path, body, status, code) in [
        ("POST", "/v1/order", &b"{"[..], 400, "BODY_NOT_JSON"),
        ("POST", "/v1/order", b"{}", 400, "FIELD_MISSING"),
        ("POST", "/v1/order", &[b' '; 100_000], 413, "BODY_TOO_LARGE"),
        ("PUT", "/v1/order", b"{}", 405, "METHOD_NOT_ALLOWED"),
        ("QUERY", "/v1/order", b"", 405, "METHOD_NOT_ALLOWED"),
        (
            "GET",
            "/v1/order?out_trade_no=%00",
            b"",
            400,
            "FIELD_INVALID",
        ),
        (
            "GET",
            "/v1/order?out_trade_no=nothing",
            b"",
            404,
            "ORDER_NOT_FOUND",
        ),
        ("GET", "/v1/../v1/nothing", b"", 404, "NOT_FOUND"),
        ("GET", "/index.html", b"", 404, "NOT_FOUND"),
        ("GET", "/..%2f..%2fetc%2fpasswd", b"", 404, "NOT_FOUND"),
        ("GET", "/%2e%2e/Cargo.toml", b"", 404, "NOT_FOUND"),
        ("GET", "/nothing.js", b"", 404, "NOT_FOUND"),
    ] {
        let answer = shop.call(method, path, body);
        let json = answer.json();
        assert_eq!(
            (answer.status, &json["code"]),
            (status, &json!(code)),
            "{method} {path}: {json}"
        );
        assert_eq!(
            answer.header("content-type"),
            "application/json; charset=utf-8"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[test]
fn the_page_and_its_files_have_strict_headers() {
    let shop = LIVE.shop("page", &json!({}));
    let body = json!({"out_trade_no": "P1", "body": "</script><script>alert(1)</script>", "total_fee": 8800});
    let made = shop.call("POST", "/v1/checkout", body.to_string()).json();
    let page = send("GET", made["data"]["url"].as_str().unwrap(), &[], "");
    assert_eq!(page.status, 200);
    let html = page.text();
    assert!(
        !html.contains("<script>alert"),
        "merchants' texts are escaped"
    );
    let policy = page.header("content-security-policy");
    let nonce = policy
        .split("'nonce-")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap();
    assert!(
        html.contains(&format!("nonce=\"{nonce}\"")),
        "the page's script has the nonce"
    );
    for part in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "'wasm-unsafe-eval'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(
        !policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"),
        "{policy}"
    );
    assert!(
        page.header("strict-transport-security")
            .contains("max-age=")
    );

    let mut seen = 0;
    for part in html.split(['"', '\'']) {
        let content_type = match part.rsplit('.').next() {
            Some("js") => "text/javascript; charset=utf-8",
            Some("wasm") => "application/wasm",
            Some("css") => "text/css; charset=utf-8",
            _ => continue,
        };
        let file = part.trim_start_matches(['.', '/']);
        let answer = send("GET", &format!("{}/{file}", LIVE.gateway()), &[], "");
        assert_eq!(answer.status, 200, "{file}");
        assert_eq!(answer.header("content-type"), content_type);
        assert!(
            answer.header("cache-control").contains("immutable"),
            "{file}"
        );
        seen += 1;
    }
    assert!(seen >= 3, "script, program and style: {html}");
}

#[test]
fn accepted_orders_survive_a_crash() {
    let live = Live::start("killed");
    let shop = live.shop("demo", &json!({}));
    let deaf = Receiver::start(vec![
        (500, "", Duration::ZERO),
        (200, "success", Duration::ZERO),
    ]);
    let paid_before = shop.native("1", Some(&deaf.url));
    let merchant = Receiver::good();
    let paid_after = shop.native("2", Some(&merchant.url));
    live.scan(&paid_before["code_url"]);
    wait_for("the first attempt", || deaf.received().first().cloned());

    live.crash_and_restart(Duration::from_millis(200));

    assert_eq!(shop.state("1"), "SUCCESS", "a payment survives");
    assert_eq!(
        shop.native("2", Some(&merchant.url)),
        paid_after,
        "an order survives"
    );
    live.scan(&paid_after["code_url"]);
    wait_for("the delivery", || merchant.received().first().cloned());
    assert_eq!(shop.state("2"), "SUCCESS");
    wait_for("the second attempt, by a timer set before", || {
        Some(()).filter(|()| deaf.received().len() == 2)
    });
}

#[test]
fn a_payment_made_while_the_gateway_was_down_is_found() {
    let live = Live::start("dead");
    let shop = live.shop("demo", &json!({}));
    let merchant = Receiver::good();
    let data = shop.native("1", Some(&merchant.url));
    // No process receives this notice in time.
    live.control("/sandbox/faults", &json!({"hold_notices": true}));
    live.scan(&data["code_url"]);
    live.crash_and_restart(Duration::from_millis(200));
    // Without a request, the order's own timer finds the payment, 30 s after
    // the order was made.
    wait_for("the delivery", || merchant.received().first().cloned());
    assert_eq!(shop.state("1"), "SUCCESS");
}
