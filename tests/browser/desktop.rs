//! On a desktop: a code to scan with the phone, and a page that shows the
//! payment.

use crate::visit;
use serde_json::json;
use std::time::Duration;

#[test]
fn a_page_shows_the_payment_of_its_code_without_a_tap() {
    visit(|system, payer| {
        payer.opens(&system.checkout());
        payer.sees("Scan with WeChat to pay");
        let code = payer.scans();
        assert_eq!(
            payer.reads("svg[role=img]", "aria-label"),
            "QR code. Scan it with WeChat to pay HK$48.00 to Demo Tea House."
        );
        payer.sees("This code expires in 29:");
        payer.sees_change(".countdown");
        payer.pictures("desktop-code");

        assert_eq!(code, system.orders()[0]["code_url"]);
        assert!(code.starts_with("weixin://wxpay/bizpayurl?pr="), "{code}");
        system.scan(&code);
        payer.sees("Payment successful");
        assert_eq!(payer.title(), "Payment successful");
        payer.pictures("desktop-paid");
        payer.reloads();
        payer.sees("Payment successful");
        assert_eq!(system.orders().len(), 1);
    });
}

#[test]
fn a_code_can_be_read_from_a_dark_page_and_from_a_small_one() {
    visit(|system, payer| {
        payer.prefers("color-scheme", "dark");
        payer.opens(&system.checkout());
        let code = payer.scans();
        payer.pictures("desktop-code-dark");
        payer.has_a_window_of(320, 640);
        assert_eq!(payer.scans(), code);
    });
}

#[test]
fn an_abandoned_scan_can_still_be_paid() {
    visit(|system, payer| {
        payer.opens(&system.checkout());
        let code = payer.scans();
        for action in ["cancel", "fail"] {
            let left = json!({ "code_url": code, "payer": "bob", "action": action });
            system.control("/sandbox/scan", &left);
        }
        payer.reloads();
        assert_eq!(payer.scans(), code, "the same order is offered again");
        system.scan(&code);
        payer.sees("Payment successful");
    });
}

#[test]
fn a_checkout_begun_on_a_desktop_can_be_paid_in_wechat() {
    visit(|system, payer| {
        let checkout = system.checkout();
        payer.opens(&checkout);
        let code = payer.scans();
        payer.opens(&system.in_wechat(&checkout));
        payer.taps("Pay now");
        payer.taps("Pay HK$48.00");
        payer.sees("Payment successful");
        let late = json!({ "code_url": code, "payer": "bob", "action": "pay" });
        let refused = system.control("/sandbox/scan", &late);
        assert_eq!(refused["ok"], false, "never paid twice: {refused}");
    });
}

/// The server's clock cannot be moved here, so the page gets the view that the
/// server would send later. When the server sends it is tested in `memory/`.
#[test]
fn an_expired_checkout_says_so_and_links_back() {
    visit(|system, payer| {
        payer.runs_first(
            "document.addEventListener('readystatechange', () => {
                const view = document.getElementById('view');
                if (view) view.textContent = view.textContent.replace('\"state\":\"open\"', '\"state\":\"expired\"');
            }, { once: true });",
        );
        payer.opens(&system.checkout());
        payer.sees_control("Back to the merchant");
        payer.does_not_see("Scan with WeChat");
        payer.pictures("desktop-expired");
        assert!(system.orders().is_empty());
        payer.taps("Back to the merchant");
        payer.is_at(&format!("{}/shop/", system.sandbox()));
    });
}

/// Where the merchant wants it, and after a payment that the page has seen.
#[test]
fn a_paid_page_returns_to_the_merchant_by_itself_unless_the_payer_stays() {
    visit(|system, payer| {
        let brand = json!({ "brand": { "return_seconds": 3 } });
        let shop = system.merchant("returning", &brand);
        let thanks = format!("{}/shop/thanks", system.sandbox());
        payer.opens(&system.checkout_at(&shop, &json!({})));
        system.scan(&payer.scans());
        payer.sees("Returning to the merchant in");
        payer.pictures("desktop-returning");
        payer.is_at(&thanks);
        // Opened again, the page stays.
        payer.goes_back();
        payer.sees("Payment successful");
        payer.does_not_see_for(Duration::from_secs(4), "Returning");

        payer.opens(&system.checkout_at(&shop, &json!({})));
        system.scan(&payer.scans());
        payer.taps("Stay on this page");
        payer.does_not_see_for(Duration::from_secs(4), "Returning");
        payer.sees("Payment successful");
        payer.finds_it_accessible("a paid page that stays");
    });
}

/// Also a page that waits for its payer's tap shows what happens on another
/// device, without being loaded again.
#[test]
fn a_page_before_its_tap_shows_a_payment_made_on_another_device() {
    visit(|system, payer| {
        let checkout = system.checkout();
        payer.opens(&system.in_wechat(&checkout));
        payer.sees_control("Pay now");
        payer.has_asked("/pay/status", 1);
        system.pays_elsewhere(&checkout);
        payer.sees("Payment successful");
        payer.does_not_see("Pay now");
        assert_eq!(system.orders().len(), 1);
    });
}
