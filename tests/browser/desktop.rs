//! At a desk: a code to scan with the phone, and a page that knows.

use crate::visit;
use serde_json::json;

#[test]
fn a_scanned_code_turns_the_page_to_paid_by_itself() {
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
fn a_code_that_was_scanned_and_left_can_still_be_paid() {
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
fn a_checkout_that_was_begun_at_a_desk_can_be_paid_in_wechat() {
    visit(|system, payer| {
        let checkout = system.checkout();
        payer.opens(&checkout);
        let code = payer.scans();
        payer.opens(&system.in_wechat(&checkout));
        payer.taps("Pay now");
        payer.taps("Pay HKD 48.00");
        payer.sees("Payment successful");
        let late = json!({ "code_url": code, "payer": "bob", "action": "pay" });
        let refused = system.control("/sandbox/scan", &late);
        assert_eq!(refused["ok"], false, "never paid twice: {refused}");
    });
}

/// No clock of the server can be moved from here: the page is given the view
/// that the server would send then. When that is, is tested in `memory/`.
#[test]
fn a_checkout_whose_time_is_over_says_so_and_leads_back() {
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
