//! Open pages get messages over a WebSocket that the runtime keeps.

use crate::LIVE;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use tests::live::{Live, Shop, send, wait_for};
use tests::socket::WebSocket;

/// A checkout with a code on its page: the page's address, the code.
fn with_code(shop: &Shop, number: &str) -> (String, Value) {
    // All the shops have one account at WeChat.
    let number = format!("{}-{number}", shop.id);
    let body = json!({"out_trade_no": number, "body": "Oolong", "total_fee": 8800});
    let made = shop.call("POST", "/v1/checkout", body.to_string()).json();
    let page = made["data"]["url"].as_str().unwrap().to_owned();
    let order = page.replace("/pay/?", "/pay/order?");
    let headers = [("content-type", "application/json"), DESKTOP];
    let prepared = send("POST", &order, &headers, "{}").json();
    (page, prepared["qr"]["code_url"].clone())
}

const DESKTOP: (&str, &str) = ("user-agent", "Mozilla/5.0 (X11; Linux x86_64)");

fn listen(page: &str) -> Result<WebSocket, (u16, String)> {
    WebSocket::open(&page.replace("/pay/?", "/pay/live?"))
}

fn state(page: &str) -> Value {
    let status = page.replace("/pay/?", "/pay/status?");
    send("GET", &status, &[DESKTOP], "").json()["state"].clone()
}

const SOON: Duration = Duration::from_secs(60);

#[test]
fn only_pages_of_a_checkout_get_its_messages() {
    let shop = LIVE.shop("listened", &json!({}));
    let (page, code_url) = with_code(&shop, "1");
    let (other, _) = with_code(&shop, "2");
    let mut pages = [listen(&page).unwrap(), listen(&page).unwrap()];
    let mut bystander = listen(&other).unwrap();
    for page in pages.iter_mut().chain([&mut bystander]) {
        assert_eq!(
            page.receives(SOON).as_deref(),
            Some("look"),
            "at the beginning"
        );
    }
    LIVE.scan(&code_url);
    for socket in &mut pages {
        assert_eq!(socket.receives(SOON).as_deref(), Some("look"));
        assert!(state(&page)["paid"].is_object(), "what is told is so");
    }
    let silence = bystander.receives(Duration::from_millis(500));
    assert_eq!(silence, None);
}

/// Each message would wake the merchant's book, so the socket of a page that
/// sends more than `ping` is closed. `ping` does not reach the book, which
/// closes the socket on every other message.
#[test]
fn a_listener_that_sends_more_than_ping_is_closed() {
    let shop = LIVE.shop("talker", &json!({}));
    let (page, code_url) = with_code(&shop, "1");
    let mut quiet = listen(&page).unwrap();
    assert_eq!(quiet.receives(SOON).as_deref(), Some("look"));
    let alive = |socket: &mut WebSocket| {
        socket.says("ping");
        assert_eq!(socket.receives(SOON).as_deref(), Some("pong"));
    };
    alive(&mut quiet);
    let long = "x".repeat(60_000);
    for word in ["", "x", "PING", "pingping", "{\"paid\":true}", &long] {
        for as_text in [true, false] {
            let mut talker = listen(&page).unwrap();
            assert_eq!(talker.receives(SOON).as_deref(), Some("look"));
            alive(&mut talker);
            match as_text {
                true => talker.says(word),
                false => talker.says_bytes(word.as_bytes()),
            }
            assert_eq!(talker.closing_code(SOON), Some(1008), "{word:.20}");
        }
    }
    alive(&mut quiet);
    assert_eq!(state(&page), "open");
    LIVE.scan(&code_url);
    assert_eq!(
        quiet.receives(SOON).as_deref(),
        Some("look"),
        "it still receives"
    );
}

/// Ends the other threads of a scope, also when its own thread panics.
struct SetWhenDropped<'a>(&'a AtomicBool);

impl Drop for SetWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Until their sockets are closed, and then again.
#[test]
fn chatty_listeners_delay_no_other_caller() {
    let live = Live::start("babble");
    let shop = live.shop("demo", &json!({}));
    let (page, _) = with_code(&shop, "1");
    let done = AtomicBool::new(false);
    let closed = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    // Those that were closed last may still occupy a place.
                    let Ok(mut socket) = listen(&page) else {
                        continue;
                    };
                    if socket.babbles("x", Duration::from_secs(4)) == Some(1008) {
                        closed.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        let _end = SetWhenDropped(&done);
        // Sockets are closed before, between and after the calls of another caller,
        // and each call is answered.
        let chatty = || closed.load(Ordering::SeqCst);
        wait_for("the first sockets", || (chatty() >= 4).then_some(()));
        for _ in 0..41 {
            assert_eq!(state(&page), "open");
        }
        let meanwhile = chatty();
        wait_for("the last sockets", || {
            (chatty() >= meanwhile + 4).then_some(())
        });
    });
}

#[test]
fn a_checkout_has_a_limited_number_of_listeners() {
    let shop = LIVE.shop("crowd", &json!({}));
    let (page, _) = with_code(&shop, "1");
    let most = gateway::runtime::MOST_LISTENERS;
    let sockets: Vec<_> = (0..most).map(|_| listen(&page).unwrap()).collect();
    let (status, body) = listen(&page).unwrap_err();
    assert_eq!(status, 429);
    assert!(body.contains("\"TOO_MANY_PAGES\""), "{body}");
    let (other, _) = with_code(&shop, "2");
    listen(&other).unwrap();
    // One that disconnects frees a place for another.
    drop(sockets);
    wait_for("room", || listen(&page).ok());
}

#[test]
fn an_unauthorised_listener_is_refused() {
    let live = |query: &str| format!("{}/pay/live{query}", LIVE.gateway());
    for query in ["", "?s=", "?s=nobody.1", "?s=demo"] {
        let (status, body) = WebSocket::open(&live(query)).unwrap_err();
        assert_eq!(status, 404, "{body}");
        assert!(body.contains("\"SESSION_NOT_FOUND\""), "{body}");
    }
    let plain = send("GET", &live("?s=nobody.1"), &[], "");
    assert_eq!(
        (plain.status, &plain.json()["code"]),
        (426, &json!("WEBSOCKET_NEEDED"))
    );
}

#[test]
fn a_page_that_reconnects_after_a_crash_gets_the_current_state() {
    let live = Live::start("listeners");
    let shop = live.shop("demo", &json!({}));
    let (page, code_url) = with_code(&shop, "1");
    let mut before = listen(&page).unwrap();
    assert_eq!(before.receives(SOON).as_deref(), Some("look"));
    live.crash_and_restart(Duration::from_millis(200));
    assert!(before.is_closed(SOON), "it learns that it receives no more");

    let mut after = wait_for("a connection", || listen(&page).ok());
    assert_eq!(after.receives(SOON).as_deref(), Some("look"));
    live.scan(&code_url);
    assert_eq!(after.receives(SOON).as_deref(), Some("look"));
    assert!(state(&page)["paid"].is_object());
}
