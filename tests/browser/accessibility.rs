//! For those who do not see the page, or do not use a pointer.

use crate::browser::Key;
use crate::visit;
use serde_json::json;

#[test]
fn axe_finds_nothing_wrong_at_a_desk() {
    visit(|town, payer| {
        for scheme in ["light", "dark"] {
            payer.prefers("color-scheme", scheme);
            payer.opens(&town.checkout());
            let code = payer.scans();
            payer.finds_it_accessible(&format!("the code, {scheme}"));
            town.scan(&code);
            payer.sees("Payment successful");
            payer.finds_it_accessible(&format!("paid, {scheme}"));

            payer.expects_in_the_console("404");
            payer.opens(&format!("{}/pay/?s=unknown", town.gateway()));
            payer.sees("This link doesn’t work");
            payer.finds_it_accessible(&format!("an unknown link, {scheme}"));
            payer.opens(&format!("{}/nothing/here", town.gateway()));
            payer.sees("There’s nothing at this address");
            payer.finds_it_accessible(&format!("an unknown path, {scheme}"));
        }
    });
}

#[test]
fn axe_finds_nothing_wrong_in_wechat() {
    visit(|town, payer| {
        payer.has_a_window_of(390, 780);
        for scheme in ["light", "dark"] {
            payer.prefers("color-scheme", scheme);
            payer.opens(&town.in_wechat(&town.checkout()));
            payer.sees_control("Pay now");
            payer.finds_it_accessible(&format!("ready, {scheme}"));
            payer.taps("Pay now");
            payer.sees_control("Pay HKD 48.00");
            payer.finds_it_accessible(&format!("the sheet, {scheme}"));
            payer.taps("Simulate a failure");
            payer.sees("Payment failed");
            payer.finds_it_accessible(&format!("failed, {scheme}"));
            payer.taps("Try again");
            payer.taps("Pay HKD 48.00");
            payer.sees("Payment successful");
            payer.finds_it_accessible(&format!("paid, {scheme}"));
        }
    });
}

#[test]
fn axe_finds_nothing_wrong_with_the_phone_and_the_shop() {
    visit(|town, payer| {
        for scheme in ["light", "dark"] {
            payer.prefers("color-scheme", scheme);
            payer.opens(&town.phone(&town.checkout()));
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
                payer.opens(&format!("{}{path}", town.sandbox()));
                payer.finds_it_accessible(&format!("{path}, {scheme}"));
            }
        }
    });
}

#[test]
fn the_keyboard_alone_pays_in_wechat() {
    visit(|town, payer| {
        payer.opens(&town.in_wechat(&town.checkout()));
        payer.tabs_to("Pay now");
        payer.presses(Key::Enter);
        // The sheet takes the focus, and keeps it.
        payer.tabs_to("Cancel");
        payer.presses(Key::Escape);
        payer.sees("Payment cancelled");
        payer.tabs_to("Pay now");
        payer.presses(Key::Space);
        payer.tabs_to("Pay HKD 48.00");
        payer.presses(Key::Enter);
        payer.sees("Payment successful");
        payer.tabs_to("Return to Demo Tea House");
        payer.presses(Key::Enter);
        payer.is_at(&town.in_wechat(&format!("{}/shop/thanks", town.sandbox())));
    });
}

#[test]
fn the_keyboard_alone_pays_with_the_phone_and_returns_to_the_shop() {
    visit(|town, payer| {
        let checkout = town.checkout_of(&json!({ "body": "By keyboard" }));
        payer.opens(&checkout);
        payer.scans();

        payer.opens(&format!("{}/phone/", town.sandbox()));
        payer.tabs_to("Scan");
        payer.presses(Key::Enter);
        payer.tabs_to("Demo Tea House");
        payer.presses(Key::Enter);
        payer.tabs_to("Pay HKD 48.00");
        payer.presses(Key::Enter);
        payer.sees("By keyboard");

        payer.opens(&checkout);
        payer.sees("Payment successful");
        payer.tabs_to("Return to Demo Tea House");
        payer.presses(Key::Enter);
        payer.is_at(&format!("{}/shop/thanks", town.sandbox()));
    });
}

#[test]
fn nothing_moves_for_a_payer_who_does_not_want_it() {
    visit(|town, payer| {
        let moving = "return document.getAnimations().length";
        town.wechat_falls_silent();
        for (wish, moves) in [("no-preference", true), ("reduce", false)] {
            payer.prefers("reduced-motion", wish);
            payer.opens(&town.in_wechat(&town.checkout()));
            payer.taps("Pay now");
            payer.taps("Pay HKD 48.00");
            payer.sees("Confirming your payment…");
            assert_eq!(payer.evaluates(moving) != 0, moves, "{wish}");
        }
    });
}
