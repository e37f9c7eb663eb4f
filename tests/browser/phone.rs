//! The payer's phone: what it finds, in which language, and whose it is.

use crate::visit;
use serde_json::json;

#[test]
fn the_scanner_finds_an_order_by_its_number_merchant_or_amount() {
    visit(|system, payer| {
        for (number, fee) in [("TEA1001", 4800), ("TEA1002", 123_450)] {
            let change = json!({ "out_trade_no": number, "total_fee": fee });
            payer.opens(&system.checkout_of(&change));
            payer.scans();
        }
        payer.opens(&format!("{}/phone/", system.sandbox()));
        payer.taps("Scan");
        payer.sees("TEA1001");
        payer.sees("HK$1,234.50");
        for (searched, found, other) in [
            ("1002", "TEA1002", "TEA1001"),
            ("48.00 pearls", "TEA1001", "TEA1002"),
            ("hk$1,234", "TEA1002", "TEA1001"),
        ] {
            payer.writes("Search", searched);
            payer.does_not_see(other);
            payer.sees(found);
        }
        payer.pictures("phone-scan-search");
        payer.finds_it_accessible("the scanner");
        payer.writes("Search", "nothing of this");
        payer.sees("No code matches.");
        payer.writes("Search", "1001");
        payer.taps("Demo Tea House HK$48.00");
        payer.taps("Pay HK$48.00");
        payer.sees("TEA1001");
    });
}

#[test]
fn the_phone_speaks_one_language_and_its_tabs_never_wrap() {
    visit(|system, payer| {
        for (width, height) in [(320, 568), (390, 780), (1100, 800)] {
            payer.has_a_window_of(width, height);
            for (lang, tabs, latin) in [
                ("en", ["Home", "Scan", "Pay code", "Payments"], true),
                ("zh_CN", ["首页", "扫一扫", "付款码", "账单"], false),
                ("zh_TW", ["首頁", "掃一掃", "付款碼", "賬單"], false),
            ] {
                payer.opens(&format!(
                    "{}/phone/?lang={lang}&open={}",
                    system.sandbox(),
                    system.checkout().replace('&', "%26").replace('?', "%3F")
                ));
                for tab in tabs {
                    payer.taps(tab);
                    payer.pictures(&format!("phone-{lang}-{width}-{tab}"));
                    payer.finds_that_it_fits(&format!("{tab}, {width}"));
                    payer.finds_it_accessible(&format!("{tab} in {lang}, {width}"));
                }
                let labels = payer.evaluates(
                    "return [document.title, ...[...document.querySelectorAll('[aria-label]')]
                        .map((element) => element.getAttribute('aria-label'))]",
                );
                let labels = labels.as_array().unwrap();
                assert!(labels.len() > 7, "{labels:?}");
                for label in labels {
                    let english = !label.as_str().unwrap().contains(|c| c >= '\u{3400}');
                    assert_eq!(english, latin, "{label}");
                }
                let words = payer.words().unwrap();
                let named = ["Alice", "Bob", "Carol", "openid", "English", "code_url"];
                let words = named
                    .iter()
                    .fold(words, |words, name| words.replace(name, ""));
                if latin {
                    let other = words.replace("简体中文", "").replace("繁體中文", "");
                    assert!(!other.chars().any(|c| c >= '\u{3400}'), "{other}");
                } else {
                    for english in ["Payments", "Home", "phone", "Scan", "Whose"] {
                        assert!(!words.contains(english), "{english}: {words}");
                    }
                }
                let lines = payer.evaluates(
                    "return [...document.querySelectorAll('.tabs button:not([hidden])')].map((tab) => {
                        const range = document.createRange();
                        range.selectNodeContents(tab);
                        return [range.getClientRects().length, tab.scrollWidth <= tab.clientWidth];
                     })",
                );
                let tabs = lines.as_array().unwrap();
                assert_eq!(tabs.len(), 5, "the page's tab too");
                assert!(
                    tabs.iter().all(|tab| *tab == json!([1, true])),
                    "{width} {lang}: {lines}"
                );
            }
        }
    });
}

/// The sheet of a Quick Pay that asks for a password is on its payer's phone only,
/// and goes when the phone becomes another's.
#[test]
fn a_quick_pay_asks_only_on_its_payers_phone() {
    visit(|system, payer| {
        let quick_pay = |number: &str| {
            let asked = json!({ "payer": "bob", "behaviour": "password" });
            let code = system.control("/sandbox/paycode", &asked)["auth_code"].clone();
            let order = json!({
                "out_trade_no": number, "body": "At the till", "total_fee": 1200,
                "auth_code": code,
            });
            system.charges(&order);
        };
        payer.opens(&format!("{}/phone/?payer=alice", system.sandbox()));
        quick_pay("Q1");
        // Two turns of the phone's clock.
        payer.does_not_see_for(std::time::Duration::from_secs(5), "At the till");
        let becomes = |name: &str| {
            payer.evaluates(&format!(
                "document.querySelector('input[value={name}]').click()"
            ));
        };
        becomes("bob");
        payer.sees("At the till");
        payer.sees_control("Pay HK$12.00");
        payer.sees("CMB credit card (7788) · Bob");
        becomes("alice");
        payer.does_not_see("At the till");
        payer.does_not_see_for(std::time::Duration::from_secs(3), "At the till");
        becomes("bob");
        payer.taps("Pay HK$12.00");
        payer.sees("Payments");
        assert_eq!(system.orders()[0]["trade_state"], "SUCCESS");
    });
}
