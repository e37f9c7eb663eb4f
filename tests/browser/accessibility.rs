//! Payers who do not see the page, or do not use a pointer.

use crate::browser::Key;
use crate::visit;
use serde_json::json;

#[test]
fn axe_finds_nothing_wrong_at_a_desk() {
    visit(|system, payer| {
        for scheme in ["light", "dark"] {
            payer.prefers("color-scheme", scheme);
            payer.opens(&system.checkout());
            let code = payer.scans();
            payer.finds_it_accessible(&format!("the code, {scheme}"));
            system.scan(&code);
            payer.sees("Payment successful");
            payer.finds_it_accessible(&format!("paid, {scheme}"));

            payer.expects_in_the_console("404");
            payer.opens(&format!("{}/pay/?s=unknown", system.gateway()));
            payer.sees("This link doesn’t work");
            payer.finds_it_accessible(&format!("an unknown link, {scheme}"));
            payer.opens(&format!("{}/nothing/here", system.gateway()));
            payer.sees("There’s nothing at this address");
            payer.finds_it_accessible(&format!("an unknown path, {scheme}"));
        }
    });
}

#[test]
fn axe_finds_nothing_wrong_in_wechat() {
    visit(|system, payer| {
        payer.has_a_window_of(390, 780);
        for scheme in ["light", "dark"] {
            payer.prefers("color-scheme", scheme);
            payer.opens(&system.in_wechat(&system.checkout()));
            payer.sees_control("Pay now");
            payer.finds_it_accessible(&format!("ready, {scheme}"));
            payer.taps("Pay now");
            payer.sees_control("Pay HK$48.00");
            payer.finds_it_accessible(&format!("the sheet, {scheme}"));
            payer.taps("Simulate a failure");
            payer.sees("Payment failed");
            payer.finds_it_accessible(&format!("failed, {scheme}"));
            payer.taps("Try again");
            payer.taps("Pay HK$48.00");
            payer.sees("Payment successful");
            payer.finds_it_accessible(&format!("paid, {scheme}"));
        }
    });
}

#[test]
fn axe_finds_nothing_wrong_with_the_phone_and_the_shop() {
    visit(|system, payer| {
        for scheme in ["light", "dark"] {
            payer.prefers("color-scheme", scheme);
            payer.opens(&system.phone(&system.checkout()));
            payer.looks_into_the_frame();
            payer.sees_control("Pay now");
            payer.looks_at_the_window();
            payer.finds_it_accessible(&format!("the phone with a page, {scheme}"));
            for view in ["Home", "Scan", "Payments"] {
                payer.taps(view);
                payer.finds_it_accessible(&format!("the phone: {view}, {scheme}"));
                payer.pictures(&format!("phone-{view}-{scheme}").to_lowercase());
            }
            for path in ["/", "/shop/", "/shop/inbox", "/shop/thanks?no=1"] {
                payer.opens(&format!("{}{path}", system.sandbox()));
                payer.finds_it_accessible(&format!("{path}, {scheme}"));
            }
        }
    });
}

#[test]
fn the_keyboard_alone_pays_in_wechat() {
    visit(|system, payer| {
        payer.opens(&system.in_wechat(&system.checkout()));
        payer.tabs_to("Pay now");
        payer.presses(Key::Enter);
        // The sheet takes the focus, and keeps it.
        payer.tabs_to("Cancel");
        payer.presses(Key::Escape);
        payer.sees("Payment cancelled");
        payer.tabs_to("Pay now");
        payer.presses(Key::Space);
        payer.tabs_to("Pay HK$48.00");
        payer.presses(Key::Enter);
        payer.sees("Payment successful");
        payer.tabs_to("Return to Demo Tea House");
        payer.presses(Key::Enter);
        payer.is_at(&system.in_wechat(&format!("{}/shop/thanks", system.sandbox())));
    });
}

#[test]
fn the_keyboard_alone_pays_with_the_phone_and_returns_to_the_shop() {
    visit(|system, payer| {
        let checkout = system.checkout_of(&json!({ "body": "By keyboard" }));
        payer.opens(&checkout);
        payer.scans();

        payer.opens(&format!("{}/phone/", system.sandbox()));
        payer.tabs_to("Scan");
        payer.presses(Key::Enter);
        payer.tabs_to("Demo Tea House");
        payer.presses(Key::Enter);
        payer.tabs_to("Pay HK$48.00");
        payer.presses(Key::Enter);
        payer.sees("By keyboard");

        payer.opens(&checkout);
        payer.sees("Payment successful");
        payer.tabs_to("Return to Demo Tea House");
        payer.presses(Key::Enter);
        payer.is_at(&format!("{}/shop/thanks", system.sandbox()));
    });
}

#[test]
fn reduced_motion_is_respected() {
    visit(|system, payer| {
        let moving = "return document.getAnimations().length";
        system.wechat_falls_silent();
        for (wish, moves) in [("no-preference", true), ("reduce", false)] {
            payer.prefers("reduced-motion", wish);
            payer.opens(&system.in_wechat(&system.checkout()));
            payer.taps("Pay now");
            payer.taps("Pay HK$48.00");
            payer.sees("Confirming your payment…");
            assert_eq!(payer.evaluates(moving) != 0, moves, "{wish}");
        }
    });
}
