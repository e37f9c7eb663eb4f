//! In WeChat: the payer signs in, taps, confirms on the sheet, and sees the
//! result.

use crate::browser::Key;
use crate::visit;
use serde_json::json;
use std::time::Duration;

#[test]
fn a_payment_is_shown_only_when_it_is_verified() {
    visit(|system, payer| {
        payer.has_a_window_of(1100, 800);
        payer.opens(&system.phone(&system.checkout()));
        payer.looks_into_the_frame();
        payer.sees("Demo Tea House HK$48.00");
        payer.sees("For Jasmine pearls, 50 g Order no.");
        assert!(
            system.orders().is_empty(),
            "a page that is read orders nothing"
        );
        payer.pictures("phone-ready");

        system.wechat_falls_silent();
        payer.taps("Pay now");
        payer.sees("WeChat Pay Demo Tea House HK$48.00");
        payer.pictures("phone-sheet");
        payer.taps("Pay HK$48.00");
        payer.sees("Confirming your payment…");
        assert_eq!(system.orders()[0]["trade_state"], "SUCCESS");
        // Long enough for several polls of the page.
        payer.does_not_see_for(Duration::from_secs(4), "Payment successful");
        payer.sees("Confirming your payment…");
        payer.pictures("phone-confirming");

        system.wechat_speaks_again();
        payer.sees("Payment successful");
        payer.sees("Paid at");
        payer.pictures("phone-paid");
        assert_eq!(system.orders().len(), 1);

        payer.looks_at_the_window();
        payer.taps("Payments");
        payer.sees("Demo Tea House HK$48.00 Alice");
        payer.pictures("phone-payments");
    });
}

#[test]
fn a_merchant_without_an_app_secret_signs_payers_in_through_quick_auth() {
    visit(|system, payer| {
        let client = system.merchant(
            "client",
            &json!({ "quick_auth": system.quick_auth_service() }),
        );
        let checkout = system.checkout_at(&client, &json!({}));
        payer.opens(&system.in_wechat_of("bob", &checkout));
        payer.is_at(&system.in_wechat_of("bob", &checkout));
        payer.sees_control("Pay now");
        let address = payer.evaluates("return location.search");
        let address = address.as_str().unwrap();
        assert!(!address.contains("openid"), "{address}");
        assert!(address.contains("showwxpaytitle=1"), "{address}");
        payer.taps("Pay now");
        payer.sees("CMB credit card");
        payer.taps("Pay HK$48.00");
        payer.sees("Payment successful");
        payer.taps("Return to");
        payer.is_at(&system.in_wechat_of("bob", &format!("{}/shop/thanks", system.sandbox())));
    });
}

#[test]
fn a_payer_who_closes_the_sheet_sees_not_paid_and_can_still_pay() {
    visit(|system, payer| {
        payer.has_a_window_of(390, 780);
        payer.opens(&system.in_wechat(&system.checkout()));
        payer.pictures("wechat-ready");
        payer.taps("Pay now");
        payer.sees_control("Cancel");
        payer.pictures("wechat-sheet");
        payer.taps("Cancel");
        payer.sees("Payment cancelled");
        payer.pictures("wechat-cancelled");
        payer.taps("Pay now");
        payer.taps("Pay HK$48.00");
        payer.sees("Payment successful");
        payer.pictures("wechat-paid");
        assert_eq!(system.orders().len(), 1, "the same order was paid");
    });
}

#[test]
fn a_failed_payment_is_shown_and_can_be_repeated() {
    visit(|system, payer| {
        payer.has_a_window_of(390, 780);
        payer.opens(&system.in_wechat(&system.checkout()));
        payer.taps("Pay now");
        payer.taps("Simulate a failure");
        payer.sees("Payment failed");
        payer.pictures("wechat-failed");
        payer.taps("Try again");
        payer.taps("Pay HK$48.00");
        payer.sees("Payment successful");
    });
}

#[test]
fn a_payer_without_enough_money_can_leave_the_sheet() {
    visit(|system, payer| {
        payer.has_a_window_of(390, 780);
        payer.opens(&system.in_wechat_of("carol", &system.checkout()));
        payer.taps("Pay now");
        payer.taps("Pay HK$48.00");
        payer.sees("The payer has not enough money");
        payer.pictures("wechat-not-enough");
        payer.taps("Cancel");
        payer.sees("Payment cancelled");
    });
}

#[test]
fn a_double_tap_opens_one_sheet_and_makes_one_order() {
    visit(|system, payer| {
        payer.opens(&system.in_wechat(&system.checkout()));
        payer.double_taps("Pay now");
        payer.sees_control("Pay HK$48.00");
        assert_eq!(payer.counts("dialog"), 1);
        assert_eq!(system.orders().len(), 1);
        let asked = "return performance.getEntriesByType('resource')
            .filter((entry) => entry.name.includes('/pay/order')).length";
        assert_eq!(payer.evaluates(asked), 1);
        payer.double_taps("Pay HK$48.00");
        payer.sees("Payment successful");
    });
}

#[test]
fn a_missing_bridge_is_shown_and_can_be_retried() {
    visit(|system, payer| {
        payer.has_a_window_of(390, 780);
        payer.cannot_load(&["*://*/__phone/bridge.js*"]);
        payer.opens(&system.in_wechat(&system.checkout()));
        payer.taps("Pay now");
        payer.sees("Connecting to WeChat…");
        payer.pictures("wechat-connecting");
        payer.sees("WeChat is not responding");
        payer.pictures("wechat-no-bridge");

        // The bridge is loaded after all.
        payer.cannot_load(&[]);
        payer.evaluates(
            "const script = document.createElement('script');
             script.src = '/__phone/bridge.js';
             document.head.append(script);",
        );
        payer.taps("Try again");
        payer.taps("Pay HK$48.00");
        payer.sees("Payment successful");
    });
}

#[test]
fn a_code_can_be_entered_in_the_phone_manually() {
    visit(|system, payer| {
        payer.opens(&system.checkout());
        let code = payer.scans();
        payer.opens(&format!("{}/phone/", system.sandbox()));
        payer.writes("Open a link in WeChat", "https://example.com/");
        payer.taps("Open");
        payer.sees("This phone opens only pages of this machine");
        payer.taps("Scan");
        payer.writes("Or paste a code_url", &code);
        payer.presses(Key::Enter);
        payer.taps("Pay HK$48.00");
        payer.sees("Demo Tea House HK$48.00 Alice");
    });
}
