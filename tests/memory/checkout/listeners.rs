//! Open pages get a message when their checkout has changed, and only those
//! pages.

use crate::checkout::sign_in::{Browser, DESKTOP, call, checkout};
use gateway::runtime::{LOOK, Listen, Request};
use serde_json::{Value, json};
use tests::memory::{GATEWAY, Memory, Shop};

/// The checkout's id in its page's address.
fn id_of(page: &str) -> &str {
    let id = page.strip_prefix("/pay/?s=").unwrap();
    id.split('&').next().unwrap()
}

fn listen(page: &str) -> http::request::Builder {
    http::Request::get(format!("{GATEWAY}{}", call(page, "live"))).header("upgrade", "websocket")
}

fn request(builder: http::request::Builder) -> Request {
    builder.body(Vec::new()).unwrap()
}

/// The state of the purchase that a page gets when it polls.
fn state(world: &Memory, page: &str) -> Value {
    let (_, _, view) = Browser::new(world, DESKTOP).get(&call(page, "status"));
    serde_json::from_str::<Value>(&view).unwrap()["state"].clone()
}

/// A page with a code on it; the code.
fn with_code(world: &Memory, shop: &Shop, number: &str) -> (String, Value) {
    let page = checkout(shop, number);
    let (status, prepared) = Browser::new(world, DESKTOP).post(&call(&page, "order"));
    assert_eq!(status, 200, "{prepared}");
    (page, prepared["qr"]["code_url"].clone())
}

/// The tags that got a message in the last steps.
fn notified(world: &Memory) -> Vec<String> {
    let tags = world.notified().into_iter();
    tags.map(|(tag, text)| {
        assert_eq!(text, LOOK);
        tag
    })
    .collect()
}

#[test]
fn a_payment_by_notice_is_announced_only_to_its_pages() {
    let world = Memory::default();
    let (shop, other) = (world.shop("demo"), world.shop("other"));
    let (page, code_url) = with_code(&world, &shop, "1");
    with_code(&world, &shop, "2");
    with_code(&world, &other, "3");
    assert_eq!(notified(&world), [""; 0], "an order changes nothing to see");
    world.scan(&code_url);
    world.send_notices();
    assert!(state(&world, &page)["paid"].is_object());
    assert_eq!(notified(&world), [id_of(&page)]);
    world.advance(3600);
    let again = notified(&world);
    assert!(!again.contains(&id_of(&page).to_owned()), "once: {again:?}");
}

#[test]
fn a_payment_found_by_a_query_is_announced() {
    let world = Memory::default();
    let (page, code_url) = with_code(&world, &world.shop("demo"), "1");
    world.lose_notices(true);
    world.scan(&code_url);
    world.send_notices();
    assert_eq!(notified(&world), [""; 0]);
    // The order's own timer.
    world.advance(31);
    assert_eq!(notified(&world), [id_of(&page)]);
    assert!(state(&world, &page)["paid"].is_object());
}

#[test]
fn a_cancelled_purchase_is_announced() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let (page, _) = with_code(&world, &shop, "1");
    let never_tried = checkout(&shop, "2");
    for (number, page) in [("1", page), ("2", never_tried)] {
        let close = json!({ "out_trade_no": number }).to_string();
        assert_eq!(shop.call("POST", "/v1/close", close).0, 200);
        assert_eq!(state(&world, &page), "closed");
        let tags = notified(&world);
        assert!(tags.iter().all(|tag| tag == id_of(&page)), "{tags:?}");
        assert!(!tags.is_empty());
    }
}

#[test]
fn an_expired_purchase_is_announced_when_it_can_no_longer_be_paid() {
    let world = Memory::default();
    let (page, _) = with_code(&world, &world.shop("demo"), "1");
    let mut seen = state(&world, &page);
    for _ in 0..150 {
        world.advance(60);
        let (now, tags) = (state(&world, &page), notified(&world));
        if seen == "confirming" && now != seen {
            assert_eq!(tags, [id_of(&page)], "{now}");
        }
        seen = now;
    }
    assert_eq!(seen, "expired");
}

#[test]
fn a_page_listens_to_its_own_checkout() {
    let world = Memory::default();
    let page = checkout(&world.shop("demo"), "1");
    for origin in [None, Some(GATEWAY)] {
        let mut asked = listen(&page);
        if let Some(origin) = origin {
            asked = asked.header("origin", origin);
        }
        let answer = world.send(request(asked));
        assert_eq!(answer.status(), 101);
        let expected = Listen {
            book: "demo".to_owned(),
            tag: id_of(&page).to_owned(),
        };
        assert_eq!(answer.extensions().get::<Listen>(), Some(&expected));
    }
}

#[test]
fn an_unauthorised_listener_is_refused_by_name() {
    let world = Memory::default();
    let page = checkout(&world.shop("demo"), "1");
    let plain = http::Request::get(format!("{GATEWAY}{}", call(&page, "live")));
    for (asked, status, code) in [
        (plain, 426, "WEBSOCKET_NEEDED"),
        (
            listen(&page).header("origin", "https://evil.example"),
            403,
            "FOREIGN_ORIGIN",
        ),
        (
            listen(&page).header("sec-fetch-site", "cross-site"),
            403,
            "FOREIGN_ORIGIN",
        ),
        (listen("/pay/?s=demo.nothing"), 404, "SESSION_NOT_FOUND"),
        (listen("/pay/?s=nobody.1"), 404, "SESSION_NOT_FOUND"),
        (listen("/pay/?s="), 404, "SESSION_NOT_FOUND"),
        (listen("/pay/?"), 404, "SESSION_NOT_FOUND"),
    ] {
        let answer = world.send(request(asked));
        let json: Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(
            (answer.status().as_u16(), &json["code"]),
            (status, &json!(code))
        );
        assert!(answer.extensions().get::<Listen>().is_none());
    }
}
