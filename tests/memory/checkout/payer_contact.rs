//! The payer's first request: addresses, pages without a purchase, and the
//! merchant's own data.

use crate::checkout::sign_in::{Browser, DESKTOP, WECHAT, call, checkout, with_secret};
use crate::fixtures;
use crate::notice_fixture::fixture;
use serde_json::{Value, json};
use tests::memory::{GATEWAY, Memory};
use wechatpay::common::Fields;

#[test]
fn get_shows_the_merchants_own_attach_and_not_wechats_echo() {
    for (own, echo) in [
        (None, "x"),
        (Some("table 7"), "table"),
        (Some("table 7"), ""),
    ] {
        let fixture = fixture("demo");
        let number = "A1";
        let mut order = json!({
            "out_trade_no": number, "body": "Two cups", "total_fee": 150,
            "trade_type": "NATIVE", "notify_url": tests::memory::SHOP_NOTIFY,
        });
        if let Some(own) = own {
            order["attach"] = own.into();
        }
        let code_url = fixture.shop.order(&order)["code_url"].clone();
        fixture.world.scan(&code_url);
        let notice = fixture.world.take_notices().remove(0);
        let fields = Fields::parse(notice.body.as_bytes()).unwrap();
        let signed = fields.with("attach", echo);
        let signed = signed.sealed(&fixture.key, fixture.sign_type()).to_xml();
        assert_eq!(
            fixture.send_to(&notice.url, &notice.headers, signed.as_bytes()),
            200
        );
        let status = fixture.shop.status(number);
        assert_eq!(status["trade_state"], "SUCCESS", "{status}");
        let wanted = own.map_or_else(|| json!([]), Value::from);
        assert_eq!(status["attach"], wanted, "{echo:?}");
    }
}

#[test]
fn every_address_of_a_checkout_makes_wechat_show_its_secure_payment_title() {
    let world = Memory::default();
    let shop = with_secret(&world);
    let page = checkout(&shop, "1");
    assert!(page.ends_with("&showwxpaytitle=1"), "given out: {page}");
    let (_, found) = shop.call("GET", "/v1/checkout?out_trade_no=1", "");
    assert_eq!(found["data"]["url"], format!("{GATEWAY}{page}"));

    // A payer who is signed in is not redirected through OAuth: the address is
    // the one that was opened.
    let mut payer = Browser::new(&world, WECHAT);
    let (_, authorize, _) = payer.get(&page);
    let (_, callback, _) = payer.get(&authorize);
    let (_, back, _) = payer.get(&callback);
    assert_eq!(back.matches("showwxpaytitle=1").count(), 1, "{back}");
    let (status, to, _) = payer.get(&page);
    assert_eq!((status, to.as_str()), (200, ""));

    // The code with which a payer opens the page in WeChat.
    let agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";
    let (_, answer) = Browser::new(&world, agent).post(&call(&page, "order"));
    assert_eq!(
        answer["link"]["url"],
        format!("{GATEWAY}{page}"),
        "{answer}"
    );

    // A payment link's form redirects to a checkout.
    let link = json!({"body": "Oolong", "total_fee": 8800}).to_string();
    let (_, link) = shop.call("POST", "/v1/link", link);
    let id = link["data"]["id"].as_str().unwrap();
    let request = http::Request::post(format!("{GATEWAY}/pay/link"))
        .header("user-agent", DESKTOP)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("l={id}&once=0123456789abcdef").into_bytes());
    let answer = world.send(request.unwrap());
    let to = answer.headers()["location"].to_str().unwrap();
    assert!(to.contains("&showwxpaytitle=1"), "{to}");
}

/// The request of a browser that opens an address.
fn goes_to(world: &Memory, method: &str, path: &str, language: &str) -> (u16, String, String) {
    let request = http::Request::builder()
        .method(method)
        .uri(format!("{GATEWAY}{path}"))
        .header("user-agent", DESKTOP)
        .header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
        .header("accept-language", language)
        .body(Vec::new());
    let answer = world.send(request.unwrap());
    let content_type = answer.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    let body = String::from_utf8_lossy(answer.body()).into_owned();
    (answer.status().as_u16(), content_type, body)
}

#[test]
fn a_browser_is_shown_a_page_where_a_program_is_answered_with_json() {
    let world = Memory::default();
    let shop = world.shop("demo");
    // An unknown address; a page that is only for forms, opened again; a
    // merchant's mistake that a payer sees; an unregistered origin.
    for (method, path, status) in [
        ("GET", "/nothing", 404),
        ("GET", "/nothing/here", 404),
        ("GET", "/pay", 404),
        ("GET", "/v1/nothing", 404),
        ("GET", "/pay/link", 405),
        ("GET", "/wx-bridge/oauth_bridge.php", 400),
        (
            "GET",
            "/wx-bridge/oauth_bridge.php?quick_auth=x&redirect=https://a.example/",
            404,
        ),
        ("GET", "/pay/status?s=demo.x", 404),
        ("GET", "/pay/sheet?l=demo.x", 404),
    ] {
        for (language, lang) in [
            ("en-GB", "en"),
            ("zh-CN,zh;q=0.9", "zh-Hans"),
            ("zh-HK", "zh-Hant"),
        ] {
            let (found, content_type, html) = goes_to(&world, method, path, language);
            assert_eq!(found, status, "{path}");
            assert!(
                content_type.starts_with("text/html"),
                "{path}: {content_type}"
            );
            assert!(
                html.contains(&format!("<html lang=\"{lang}\">")),
                "{path}: {html}"
            );
            assert!(html.contains("aria-level=\"1\""), "{path}");
            assert!(!html.contains("<script"), "{path}");
        }
        let (found, answer) = shop.call(method, path, "");
        assert_eq!(found, status, "{path}");
        assert_eq!(answer["status"], "fail", "{path}: {answer}");
    }
    // Addresses of programs answer programs' mistakes with JSON to every
    // client.
    let (status, content_type, _) = goes_to(&world, "GET", "/v1/order", "en");
    assert_eq!(
        (status, content_type.starts_with("application/json")),
        (401, true)
    );
    let (status, _, html) = goes_to(&world, "GET", "/pay/?s=demo.x", "en");
    assert_eq!(status, 404);
    assert!(
        html.contains("<footer>Reference "),
        "a number to quote: {html}"
    );
}

/// A temporary fault of WeChat is neither the merchant's nor the gateway's: the
/// payer may try again.
#[test]
fn a_temporary_refusal_is_shown_as_wechats_fault() {
    for (id, path, code, answered) in [
        (
            "demo",
            "/pay/unifiedorder",
            "SYSTEMERROR",
            "UPSTREAM_UNAVAILABLE",
        ),
        (
            "demo",
            "/pay/unifiedorder",
            "FREQUENCY_LIMITED",
            "UPSTREAM_UNAVAILABLE",
        ),
        ("demo", "/pay/unifiedorder", "NOAUTH", "UPSTREAM_REFUSED"),
        (
            "demo-v3",
            "POST /v3/global/transactions/native",
            "SYSTEM_ERROR",
            "UPSTREAM_UNAVAILABLE",
        ),
        (
            "demo-v3",
            "POST /v3/global/transactions/native",
            "NO_AUTH",
            "UPSTREAM_REFUSED",
        ),
    ] {
        let world = Memory::default();
        let shop = fixtures::shop(&world, id);
        let page = checkout(&shop, "1");
        let refuse = json!({"path": path, "code": code, "times": 5});
        world.control("/sandbox/faults", &json!({ "fail_next": refuse }));
        let (status, answer) = Browser::new(&world, DESKTOP).post(&call(&page, "order"));
        assert_eq!(answer["code"], answered, "{id} {code}: {status} {answer}");
        assert!(status >= 500, "{id} {code}: {answer}");
        let message = answer["message"].as_str().unwrap();
        assert!(!message.contains(code), "WeChat's words are the merchant's");
    }
}

/// The page at an address for programs reports no fault of the gateway.
#[test]
fn a_page_at_an_address_for_programs_reports_no_fault() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let link = json!({"body": "Oolong", "total_fee": 8800}).to_string();
    let (_, made) = shop.call("POST", "/v1/link", link);
    let link = made["data"]["id"].as_str().unwrap();
    let page = checkout(&shop, "1");
    for (path, status) in [
        (format!("/pay/result?l={link}&once=1"), 403),
        (call(&page, "live"), 426),
    ] {
        let (found, _, html) = goes_to(&world, "GET", &path, "en");
        assert_eq!(found, status, "{path}: {html}");
        assert!(!html.contains("on our side"), "{path}: {html}");
        assert!(html.contains("nothing at this address"), "{path}: {html}");
    }
}
