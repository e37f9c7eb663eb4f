//! When the network comes and goes.

use crate::browser::Browser;
use crate::visit;
use std::thread;
use std::time::Duration;
use tests::live::wait_for;

/// Lets be read what the page's WebSockets bring.
const WATCH: &str = "
    window.heard = [];
    window.WebSocket = class extends WebSocket {
        constructor(address) {
            super(address);
            this.addEventListener('message', ({ data }) => heard.push(data));
            this.addEventListener('close', () => heard.push('closed'));
        }
    };";

/// What a WebSocket is where something on the way does not let it through.
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

/// Waits until the page has been told something this often.
fn has_heard(payer: &Browser, what: &str, times: u64) {
    let script = format!("return heard.filter((one) => one === '{what}').length");
    wait_for(what, 15, || {
        (payer.evaluates(&script).as_u64() >= Some(times)).then_some(())
    });
}

/// How often the page has asked how the purchase stands.
fn asked(payer: &Browser) -> u64 {
    let script = "return performance.getEntriesByType('resource')
        .filter(({ name }) => name.includes('/pay/status')).length";
    payer.evaluates(script).as_u64().unwrap()
}

/// Waits until the page asks no more, and says how often it has. One that has to
/// ask does so every second and a half, later every two.
fn asks_no_more(payer: &Browser) -> u64 {
    wait_for("a page that need not ask", 40, || {
        let before = asked(payer);
        thread::sleep(Duration::from_secs(4));
        (asked(payer) == before).then_some(before)
    })
}

/// The page goes to the back, or comes to the front.
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
        payer.taps("Pay HKD 48.00");
        payer.sees("Payment successful");
    });
}

#[test]
fn a_page_is_told_of_its_payment_and_need_not_ask() {
    visit(|system, payer| {
        payer.runs_first(WATCH);
        payer.opens(&system.checkout());
        let code = payer.scans();
        has_heard(payer, "look", 1);
        let before = asks_no_more(payer);
        system.scan(&code);
        payer.sees("Payment successful");
        assert_eq!(asked(payer), before + 1);
        has_heard(payer, "closed", 1);
    });
}

#[test]
fn a_page_in_wechat_listens_while_the_payer_is_at_the_sheet() {
    visit(|system, payer| {
        payer.runs_first(WATCH);
        payer.has_a_window_of(390, 780);
        payer.opens(&system.in_wechat(&system.checkout()));
        payer.taps("Pay now");
        has_heard(payer, "look", 1);
        payer.taps("Pay HKD 48.00");
        payer.sees("Payment successful");
    });
}

#[test]
fn where_nothing_can_be_heard_the_page_asks() {
    visit(|system, payer| {
        payer.runs_first(NO_SOCKETS);
        payer.opens(&system.checkout());
        let code = payer.scans();
        wait_for("two tries", 15, || {
            (payer.evaluates("return tried").as_u64() >= Some(2)).then_some(())
        });
        system.scan(&code);
        payer.sees("Payment successful");
    });
}

#[test]
fn a_page_at_the_back_is_quiet_and_up_to_date_when_it_is_in_front_again() {
    visit(|system, payer| {
        payer.runs_first(WATCH);
        payer.opens(&system.checkout());
        let code = payer.scans();
        has_heard(payer, "look", 1);
        is_hidden(payer, true);
        has_heard(payer, "closed", 1);
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
        has_heard(payer, "look", 1);
        payer.goes_offline();
        payer.sees("You’re offline.");
        payer.is_online_again();
        has_heard(payer, "look", 2);
        let before = asks_no_more(payer);
        system.scan(&code);
        payer.sees("Payment successful");
        assert_eq!(asked(payer), before + 1, "it was told");
    });
}

#[test]
fn a_page_outlives_the_server_that_it_listens_to() {
    visit(|system, payer| {
        payer.expects_in_the_console("net::ERR_CONNECTION");
        payer.expects_in_the_console("WebSocket connection to");
        payer.expects_in_the_console("/pay/status");
        payer.runs_first(WATCH);
        payer.opens(&system.checkout());
        let code = payer.scans();
        has_heard(payer, "look", 1);
        system.crashes();
        has_heard(payer, "closed", 1);
        has_heard(payer, "look", 2);
        let before = asks_no_more(payer);
        system.scan(&code);
        payer.sees("Payment successful");
        assert_eq!(asked(payer), before + 1, "it was told");
    });
}
