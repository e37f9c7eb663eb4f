//! The same purchase more than once: two tabs, the back button, a second visit;
//! and purchases that are not, or no longer, the payer's.

use crate::visit;
use serde_json::json;

#[test]
fn two_tabs_are_one_purchase() {
    visit(|system, payer| {
        let checkout = system.checkout();
        payer.opens(&checkout);
        let code = payer.scans();
        payer.opens_in_another_tab(&checkout);
        assert_eq!(payer.scans(), code, "the same order");
        system.scan(&code);
        payer.sees("Payment successful");
        payer.looks_at_tab(0);
        payer.sees("Payment successful");
        assert_eq!(system.orders().len(), 1);
    });
}

#[test]
fn a_tap_in_the_other_tab_after_paying_pays_nothing_more() {
    visit(|system, payer| {
        let checkout = system.in_wechat(&system.checkout());
        payer.opens(&checkout);
        payer.sees_control("Pay now");
        payer.opens_in_another_tab(&checkout);
        payer.taps("Pay now");
        payer.taps("Pay HK$48.00");
        payer.sees("Payment successful");
        payer.looks_at_tab(0);
        // The page may have polled by itself when it was shown again.
        payer.evaluates(
            "[...document.querySelectorAll('button')].forEach((button) => button.click())",
        );
        payer.sees("Payment successful");
        assert_eq!(payer.counts("dialog"), 0);
        assert_eq!(system.orders().len(), 1);
    });
}

#[test]
fn the_back_button_after_paying_shows_that_it_is_paid() {
    visit(|system, payer| {
        payer.has_a_window_of(390, 780);
        let checkout = system.in_wechat(&system.checkout());
        payer.opens(&checkout);
        payer.taps("Pay now");
        payer.taps("Pay HK$48.00");
        payer.taps("Return to");
        payer.is_at(&system.in_wechat(&format!("{}/shop/thanks", system.sandbox())));
        payer.evaluates("history.back()");
        payer.is_at(&checkout);
        payer.sees("Payment successful");
        payer.does_not_see("Pay now");
        assert_eq!(system.orders().len(), 1);
    });
}

/// The page as the browser kept it for the back button, before the payment.
#[test]
fn a_page_kept_from_before_the_payment_shows_it_when_restored() {
    visit(|system, payer| {
        payer.has_a_window_of(390, 780);
        let checkout = system.checkout();
        payer.opens(&system.in_wechat(&checkout));
        payer.sees_control("Pay now");
        system.pays_elsewhere(&checkout);
        payer.evaluates("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))");
        payer.sees("Payment successful");
        payer.does_not_see("Pay now");
    });
}

#[test]
fn used_cancelled_modified_and_foreign_addresses_take_no_payment() {
    visit(|system, payer| {
        payer.expects_in_the_console("404");
        // Used.
        let used = system.checkout();
        system.pays_elsewhere(&used);
        payer.opens(&used);
        payer.sees("Payment successful");
        payer.opens(&system.in_wechat(&used));
        payer.sees("Payment successful");

        // Cancelled, before and while the page is open.
        let number = format!("off{}", std::process::id());
        let off = system.checkout_of(&json!({ "out_trade_no": number }));
        payer.opens(&off);
        let code = payer.scans();
        system.asks("/v1/close", &json!({ "out_trade_no": number }));
        payer.sees("It can’t be paid any more.");
        payer.sees_control("Back to the merchant");
        payer.does_not_see("Scan with WeChat");
        payer.pictures("desktop-closed");
        payer.finds_it_accessible("called off");
        let late = json!({ "code_url": code, "payer": "alice", "action": "pay" });
        assert_eq!(system.control("/sandbox/scan", &late)["ok"], false);
        payer.reloads();
        payer.sees("It can’t be paid any more.");
        let orders = system.orders().len();

        // Modified, and with another merchant's name.
        let own = system.checkout();
        system.merchant("foreign", &json!({}));
        let (session, rest) = own.split_once('&').unwrap();
        let (last, other) = match session.ends_with('A') {
            true => ("A", "B"),
            false => (&session[session.len() - 1..], "A"),
        };
        let session = session.strip_suffix(last).unwrap();
        let tampered = format!("{session}{other}&{rest}");
        for address in [tampered, own.replace("s=demo.", "s=foreign.")] {
            payer.opens(&address);
            payer.sees("This link doesn’t work");
            payer.does_not_see("HK$48.00");
        }
        assert_eq!(system.orders().len(), orders);
    });
}
