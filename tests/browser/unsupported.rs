//! Environments without a payment method: the page explains how to continue,
//! and no order is made.

use crate::browser::Browser;
use crate::visit;
use serde_json::{Value, json};

const PHONE_BROWSER: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";
const ALIPAY: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 16_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 AliApp(AP/10.5.0.6000) AlipayClient/10.5.0.6000 Language/zh-Hans";
const WECHAT_4_5: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 6_0 like Mac OS X) AppleWebKit/536.26 (KHTML, like Gecko) Mobile/10A403 MicroMessenger/4.5";
const ROBOT: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

#[test]
fn a_phones_browser_says_how_to_go_on_in_wechat() {
    visit(|system, payer| {
        payer.calls_itself(PHONE_BROWSER);
        payer.has_a_window_of(390, 780);
        let checkout = system.checkout();
        payer.opens(&checkout);
        payer.sees("Open this page in WeChat");
        assert_eq!(
            payer.scans(),
            checkout,
            "the link as a code, for another phone"
        );
        payer.pictures("phone-browser");
        payer.taps("Copy link");
        payer.sees("Copied");
        assert!(system.orders().is_empty());
    });
}

/// How often the page has requested an order.
fn orders_asked_for(payer: &Browser) -> Value {
    payer.evaluates(
        "return performance.getEntriesByType('resource')
            .filter(({ name }) => name.includes('/pay/order')).length",
    )
}

#[test]
fn another_app_says_that_it_cannot_pay() {
    visit(|system, payer| {
        payer.calls_itself(ALIPAY);
        payer.opens(&system.checkout_of(&json!({ "lang": "en" })));
        payer.sees("This app can’t pay with WeChat Pay.");
        payer.scans();
        assert!(system.orders().is_empty());
    });
}

#[test]
fn a_wechat_before_5_shows_that_it_must_be_updated() {
    visit(|system, payer| {
        payer.calls_itself(WECHAT_4_5);
        payer.has_a_window_of(320, 480);
        payer.opens(&system.checkout());
        payer.sees("Please update WeChat");
        payer.pictures("wechat-too-old");
        assert_eq!(orders_asked_for(payer), 0);
        assert!(system.orders().is_empty());
    });
}

#[test]
fn a_robot_makes_no_order() {
    visit(|system, payer| {
        payer.calls_itself(ROBOT);
        payer.opens(&system.checkout());
        payer.sees("Open this page in WeChat");
        assert_eq!(orders_asked_for(payer), 0);
        assert!(system.orders().is_empty());
    });
}
