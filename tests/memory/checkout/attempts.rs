//! Attempts of one checkout: several devices at once, and devices that alternate.

use crate::checkout::sign_in::{Browser, DESKTOP, WECHAT, call, checkout, with_secret};
use serde_json::{Value, json};
use tests::memory::{GATEWAY, Memory, SHOP_NOTIFY, Shop};

/// A payer in WeChat who is signed in.
fn phone(world: &Memory, page: &str) -> Browser {
    let mut phone = Browser::new(world, WECHAT);
    let mut url = page.to_owned();
    for _ in 0..3 {
        url = phone.get(&url).1;
    }
    phone
}

fn found(shop: &Shop) -> Value {
    let (status, answer) = shop.call("GET", "/v1/checkout?out_trade_no=1", "");
    assert_eq!(status, 200, "{answer}");
    answer["data"].clone()
}

fn view(browser: &mut Browser, page: &str) -> Value {
    serde_json::from_str(&browser.get(&call(page, "status")).2).unwrap()
}

#[test]
fn a_phone_that_opens_a_checkout_while_a_desktop_prepays_can_pay() {
    let world = Memory::default();
    let shop = with_secret(&world);
    let page = checkout(&shop, "1");
    let mut desktop = Browser::new(&world, DESKTOP);
    let mut phone = phone(&world, &page);
    // The phone's request arrives before the desktop's request has reached
    // WeChat.
    let from_phone = phone.request("POST", &call(&page, "order"), "{}");
    world.during_next("/pay/unifiedorder", from_phone);
    let (status, answer) = desktop.post(&call(&page, "order"));
    assert_eq!((status, &answer["code"]), (409, &json!("ATTEMPT_PENDING")));
    let (status, prepared) = phone.post(&call(&page, "order"));
    assert_eq!(status, 200, "{prepared}");
    let bridge = json!({"payer": "alice", "package": prepared["jsapi"], "action": "pay"});
    world.control("/sandbox/bridge", &bridge);
    world.advance(1);
    assert_eq!(found(&shop)["state"], "paid");
    assert_eq!(shop.status("1")["trade_type"], "JSAPI");
    let (_, over) = desktop.post(&call(&page, "order"));
    assert!(over["not_open"].is_object(), "{over}");
}

#[test]
fn alternating_devices_do_not_end_a_checkout() {
    let world = Memory::default();
    let shop = with_secret(&world);
    let page = checkout(&shop, "1");
    let mut desktop = Browser::new(&world, DESKTOP);
    let mut phone = phone(&world, &page);
    let (mut refused, mut last) = (0, Value::Null);
    for n in 0..200 {
        let browser = if n % 2 == 0 { &mut desktop } else { &mut phone };
        match browser.post(&call(&page, "order")) {
            (200, prepared) => last = prepared,
            (429, answer) => {
                assert_eq!(answer["code"], "TOO_MANY_ATTEMPTS", "{answer}");
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
        if n > 100 {
            world.advance(10);
        }
    }
    assert!(refused > 50, "{refused}");
    // Page and API agree, and the latest attempt can be paid.
    assert_eq!(view(&mut desktop, &page)["state"], "open");
    assert_eq!(found(&shop)["state"], "open");
    match last["qr"]["code_url"].as_str() {
        Some(code_url) => {
            world.scan_as("bob", &json!(code_url));
        }
        None => {
            let bridge = json!({"payer": "alice", "package": last["jsapi"], "action": "pay"});
            world.control("/sandbox/bridge", &bridge);
        }
    }
    world.advance(1);
    assert_eq!(found(&shop)["state"], "paid");
}

/// A close that WeChat refuses as too frequent, and one that is not sent
/// because of that, leave the first order payable: no second one is made.
#[test]
fn a_close_that_is_too_frequent_makes_the_next_attempt_wait() {
    let world = Memory::default();
    let shop = with_secret(&world);
    let page = checkout(&shop, "1");
    assert_eq!(
        Browser::new(&world, DESKTOP).post(&call(&page, "order")).0,
        200
    );
    let mut phone = phone(&world, &page);
    let fail =
        json!({"fail_next": {"path": "/pay/closeorder", "code": "FREQUENCY_LIMITED", "times": 1}});
    world.control("/sandbox/faults", &fail);
    let (status, answer) = phone.post(&call(&page, "order"));
    assert_eq!((status, &answer["code"]), (409, &json!("ATTEMPT_PENDING")));
    assert_eq!(found(&shop)["attempts"].as_array().unwrap().len(), 1);
    world.advance(5);
    let (status, prepared) = phone.post(&call(&page, "order"));
    assert_eq!(status, 200, "{prepared}");
    let orders = world.orders_at_wechat();
    let mut orders = orders.as_array().unwrap().iter();
    let first = orders.find(|order| order["out_trade_no"] == "1").unwrap();
    assert_eq!(first["trade_state"], "CLOSED", "{first}");
}

#[test]
fn a_desktop_learns_that_its_attempt_is_over() {
    let world = Memory::default();
    let page = checkout(&with_secret(&world), "1");
    let mut desktop = Browser::new(&world, DESKTOP);
    let (_, prepared) = desktop.post(&call(&page, "order"));
    assert_eq!(prepared["qr"]["attempt"], "1", "{prepared}");
    assert_eq!(view(&mut desktop, &page)["attempt"], "1");
    let mut phone = phone(&world, &page);
    assert_eq!(phone.post(&call(&page, "order")).0, 200);
    let seen = view(&mut desktop, &page);
    assert_eq!(
        (&seen["state"], &seen["attempt"]),
        (&json!("open"), &Value::Null)
    );
    let (_, again) = desktop.post(&call(&page, "order"));
    assert_eq!(again["qr"]["attempt"], "1-3", "{again}");
    assert_eq!(view(&mut desktop, &page)["attempt"], "1-3");
}

#[test]
fn refunded_and_partly_refunded_are_states_of_a_checkout() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let page = checkout(&shop, "1");
    let mut desktop = Browser::new(&world, DESKTOP);
    let (_, prepared) = desktop.post(&call(&page, "order"));
    world.scan_as("bob", &prepared["qr"]["code_url"]);
    world.advance(1);
    for (fee, number, state) in [(800, "r1", "partly_refunded"), (8000, "r2", "refunded")] {
        world.advance(120);
        let refund = json!({"out_trade_no": "1", "out_refund_no": number, "refund_fee": fee});
        let (status, answer) = shop.call("POST", "/v1/refund", refund.to_string());
        assert_eq!(status, 200, "{answer}");
        assert_eq!(found(&shop)["state"], state);
        let seen = view(&mut desktop, &page);
        assert!(seen["state"][state]["paid_at_ms"].is_i64(), "{seen}");
        // The kit of a Mini Program: an earlier version of it knows only
        // `paid`.
        let session = page.split("s=").nth(1).unwrap();
        let url = format!("{GATEWAY}/mini/status?s={session}");
        let answer = world.send(http::Request::get(url).body(Vec::new()).unwrap());
        let seen: Value = serde_json::from_slice(answer.body()).unwrap();
        let is_part = state == "partly_refunded";
        let expected = if is_part { "paid" } else { "refunded" };
        assert_eq!(seen["state"], expected, "{seen}");
        assert_eq!(seen["partly_refunded"], is_part, "{seen}");
        assert!(seen["paid_at_ms"].is_i64(), "{seen}");
    }
}

#[test]
fn the_holder_of_the_last_piece_who_scans_again_resumes_the_purchase() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let body = json!({"body": "Oolong", "total_fee": 8800, "stock": 1,
                      "notify_url": SHOP_NOTIFY});
    let (_, made) = shop.call("POST", "/v1/link", body.to_string());
    let id = made["data"]["id"].as_str().unwrap();
    let link = format!("/pay/?l={id}");
    let mut payer = Browser::new(&world, DESKTOP);
    let form = format!("l={id}&once=0123456789abcdef");
    let buy = |browser: &mut Browser, form: &str| {
        let mut request = browser.request("POST", "/pay/link", form);
        let kind = "application/x-www-form-urlencoded".parse().unwrap();
        request.headers_mut().insert("content-type", kind);
        let answer = world.send(request);
        if let Some(cookie) = answer.headers().get("set-cookie") {
            let cookie = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = cookie.split_once('=').unwrap();
            browser.keep(name, value);
        }
        let location = answer.headers().get("location");
        let location = location.map_or("", |at| at.to_str().unwrap()).to_owned();
        (answer.status().as_u16(), location)
    };
    let (status, checkout) = buy(&mut payer, &form);
    assert_eq!(status, 303);
    assert_eq!(
        payer.get(&link).0,
        303,
        "sold out, and the piece is the payer's own"
    );
    assert_eq!(payer.get(&link).1, checkout);
    let again = format!("l={id}&once=fedcba9876543210");
    assert_eq!(buy(&mut payer, &again), (303, checkout.clone()));
    // For other payers it is sold out, also with another link's cookie.
    let mut other = Browser::new(&world, DESKTOP);
    assert_eq!(other.get(&link).0, 200);
    // After its end there is nothing to resume.
    world.advance(16 * 60);
    assert_eq!(payer.get(&link).0, 200);
}
