//! The page while the network fails and returns.

use crate::browser::Browser;
use crate::visit;
use std::thread;
use std::time::Duration;
use tests::live::wait_for;

/// Makes the messages on the page's WebSockets readable.
const WATCH: &str = "
    window.heard = [];
    window.WebSocket = class extends WebSocket {
        constructor(address) {
            super(address);
            this.addEventListener('message', ({ data }) => heard.push(data));
            this.addEventListener('close', () => heard.push('closed'));
        }
    };";

/// A WebSocket that something on the way does not let through.
const NO_SOCKETS: &str = "
    window.tried = 0;
    window.WebSocket = class extends EventTarget {
        constructor() {
            super();
            tried += 1;
            setTimeout(() => this.dispatchEvent(new Event('close')), 50);
        }
        close() {}
        send() {}
    };";

/// Waits until the page has received this message this many times.
fn waits_for_message(payer: &Browser, what: &str, times: u64) {
    let script = format!("return heard.filter((one) => one === '{what}').length");
    wait_for(what, || {
        (payer.evaluates(&script).as_u64() >= Some(times)).then_some(())
    });
}

/// How often the page has polled the purchase's state.
fn asked(payer: &Browser) -> u64 {
    let script = "return performance.getEntriesByType('resource')
        .filter(({ name }) => name.includes('/pay/status')).length";
    payer.evaluates(script).as_u64().unwrap()
}

/// Waits until the page stops polling, and returns how often it has polled. A
/// page that has to poll does so every second and a half, later every two.
fn asks_no_more(payer: &Browser) -> u64 {
    wait_for("a page that need not ask", || {
        let before = asked(payer);
        thread::sleep(Duration::from_secs(4));
        (asked(payer) == before).then_some(before)
    })
}

/// The page is hidden, or shown.
fn is_hidden(payer: &Browser, hidden: bool) {
    payer.evaluates(&format!(
        "Object.defineProperty(document, 'hidden', {{ value: {hidden}, configurable: true }});
         document.dispatchEvent(new Event('visibilitychange'));"
    ));
}

#[test]
fn a_payment_made_while_the_page_was_offline_is_shown_when_it_is_back() {
    visit(|system, payer| {
        payer.opens(&system.checkout());
        let code = payer.scans();
        payer.goes_offline();
        payer.sees("You’re offline. We’ll reconnect automatically.");
        payer.pictures("desktop-offline");
        system.scan(&code);
        payer.does_not_see("Payment successful");
        payer.is_online_again();
        payer.sees("Payment successful");
        payer.does_not_see("You’re offline");
    });
}

#[test]
fn a_tap_without_a_network_starts_nothing_and_can_be_repeated() {
    visit(|system, payer| {
        payer.has_a_window_of(390, 780);
        payer.opens(&system.in_wechat(&system.checkout()));
        payer.sees_control("Pay now");
        payer.goes_offline();
        payer.taps("Pay now");
        payer.sees("No connection");
        payer.pictures("wechat-no-network");
        assert!(system.orders().is_empty());
        payer.is_online_again();
        payer.taps("Pay now");
        payer.taps("Pay HK$48.00");
        payer.sees("Payment successful");
    });
}

#[test]
fn a_listening_page_shows_its_payment_without_polling() {
    visit(|system, payer| {
        payer.runs_first(WATCH);
        payer.opens(&system.checkout());
        let code = payer.scans();
        waits_for_message(payer, "look", 1);
        let before = asks_no_more(payer);
        system.scan(&code);
        payer.sees("Payment successful");
        assert_eq!(asked(payer), before + 1);
        waits_for_message(payer, "closed", 1);
    });
}

#[test]
fn a_page_in_wechat_listens_while_the_sheet_is_open() {
    visit(|system, payer| {
        payer.runs_first(WATCH);
        payer.has_a_window_of(390, 780);
        payer.opens(&system.in_wechat(&system.checkout()));
        payer.taps("Pay now");
        waits_for_message(payer, "look", 1);
        payer.taps("Pay HK$48.00");
        payer.sees("Payment successful");
    });
}

#[test]
fn a_page_without_a_websocket_polls() {
    visit(|system, payer| {
        payer.runs_first(NO_SOCKETS);
        payer.opens(&system.checkout());
        let code = payer.scans();
        wait_for("two tries", || {
            (payer.evaluates("return tried").as_u64() >= Some(2)).then_some(())
        });
        system.scan(&code);
        payer.sees("Payment successful");
    });
}

#[test]
fn a_hidden_page_does_not_poll_and_is_current_when_shown_again() {
    visit(|system, payer| {
        payer.runs_first(WATCH);
        payer.opens(&system.checkout());
        let code = payer.scans();
        waits_for_message(payer, "look", 1);
        is_hidden(payer, true);
        waits_for_message(payer, "closed", 1);
        system.scan(&code);
        payer.does_not_see_for(Duration::from_secs(3), "Payment successful");
        is_hidden(payer, false);
        payer.sees("Payment successful");
    });
}

#[test]
fn a_page_that_lost_the_network_listens_again() {
    visit(|system, payer| {
        payer.runs_first(WATCH);
        payer.opens(&system.checkout());
        let code = payer.scans();
        waits_for_message(payer, "look", 1);
        payer.goes_offline();
        payer.sees("You’re offline.");
        payer.is_online_again();
        waits_for_message(payer, "look", 2);
        let before = asks_no_more(payer);
        system.scan(&code);
        payer.sees("Payment successful");
        assert_eq!(asked(payer), before + 1, "it was told");
    });
}

#[test]
fn a_page_survives_a_restart_of_the_server() {
    visit(|system, payer| {
        payer.expects_in_the_console("net::ERR_CONNECTION");
        payer.expects_in_the_console("WebSocket connection to");
        payer.expects_in_the_console("/pay/status");
        payer.runs_first(WATCH);
        payer.opens(&system.checkout());
        let code = payer.scans();
        waits_for_message(payer, "look", 1);
        system.crashes();
        waits_for_message(payer, "closed", 1);
        waits_for_message(payer, "look", 2);
        let before = asks_no_more(payer);
        system.scan(&code);
        payer.sees("Payment successful");
        assert_eq!(asked(payer), before + 1, "it was told");
    });
}
