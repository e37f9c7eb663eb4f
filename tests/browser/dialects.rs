//! The demo merchant in every dialect: the page does not depend on it.

use crate::browser::Browser;
use crate::test_system::TestSystem;
use crate::visit;
use checkout::{Lang, format_amount};
use order::{Currency, Money};
use serde_json::{Value, json};
use testkit::demo::{Kind, MERCHANTS};
use tests::live::Shop;

/// A merchant, and its settlement currency.
struct Stall {
    shop: Shop,
    currency: String,
}

impl Stall {
    fn of(system: &TestSystem, kind: Kind, change: &Value) -> Self {
        let (shop, account) = system.merchant_of(kind, change);
        let currency = account["fee_type"].as_str().unwrap().to_owned();
        Self { shop, currency }
    }

    /// The address of a checkout of 48.00.
    fn checkout(&self, system: &TestSystem) -> String {
        system.checkout_at(&self.shop, &json!({ "fee_type": self.currency }))
    }

    /// The button of WeChat's sheet in this language.
    fn pay(&self, lang: Lang) -> String {
        let currency = Currency::from_code(&self.currency).unwrap();
        let amount = format_amount(Money::new(4_800, currency).unwrap(), lang);
        let word = match lang {
            Lang::En | Lang::Ja | Lang::Ko | Lang::Th => "Pay",
            Lang::ZhHans | Lang::ZhHant => "支付",
        };
        format!("{word} {amount}")
    }
}

fn kind(id: &str) -> Kind {
    *MERCHANTS.iter().find(|kind| kind.id == id).unwrap()
}

fn each(check: impl Fn(&TestSystem, &Browser, Kind, &Stall)) {
    visit(|system, payer| {
        for kind in MERCHANTS {
            let id = format!("a-{}", kind.id);
            let stall = Stall::of(system, kind, &json!({ "id": id }));
            check(system, payer, kind, &stall);
        }
        assert_eq!(system.orders().len(), MERCHANTS.len(), "one order each");
    });
}

#[test]
fn each_dialect_is_paid_on_a_desktop() {
    each(|system, payer, kind, stall| {
        payer.opens(&stall.checkout(system));
        let code = payer.scans();
        payer.pictures(&format!("{}-desktop-code", kind.id));
        system.scan(&code);
        payer.sees("Payment successful");
        payer.pictures(&format!("{}-desktop-paid", kind.id));
    });
}

#[test]
fn each_dialect_is_paid_in_wechat() {
    each(|system, payer, kind, stall| {
        payer.has_a_window_of(390, 780);
        payer.opens(&system.in_wechat(&stall.checkout(system)));
        payer.taps("Pay now");
        payer.sees_control(&stall.pay(Lang::En));
        payer.pictures(&format!("{}-wechat-sheet", kind.id));
        payer.taps(&stall.pay(Lang::En));
        payer.sees("Payment successful");
        payer.pictures(&format!("{}-wechat-paid", kind.id));
    });
}

#[test]
fn v3_is_paid_in_the_phone_in_chinese() {
    visit(|system, payer| {
        let stall = Stall::of(system, kind("lantern-v3"), &json!({}));
        payer.has_a_window_of(390, 780);
        payer.opens(&system.in_wechat_of("alice-zhcn", &stall.checkout(system)));
        payer.sees_control("立即支付");
        payer.finds_it_accessible("v3 in Chinese");
        payer.finds_that_it_fits("v3 in Chinese");
        payer.pictures("v3-wechat-ready-zh-Hans");
        payer.taps("立即支付");
        payer.sees_control(&stall.pay(Lang::ZhHans));
        payer.pictures("v3-wechat-sheet-zh-Hans");
        payer.taps(&stall.pay(Lang::ZhHans));
        payer.sees("支付成功");
        payer.pictures("v3-wechat-paid-zh-Hans");

        payer.has_a_window_of(1100, 800);
        payer.opens(&system.phone(&stall.checkout(system)));
        payer.looks_into_the_frame();
        payer.taps("Pay now");
        payer.taps(&stall.pay(Lang::En));
        payer.sees("Payment successful");
        payer.pictures("v3-phone-paid");
    });
}

#[test]
fn a_payment_on_ionlines_page_is_shown_on_the_checkout() {
    visit(|system, payer| {
        let change = json!({ "pay_url": true });
        let stall = Stall::of(system, kind("night-ionline"), &change);
        let checkout = stall.checkout(system);
        payer.has_a_window_of(390, 780);
        payer.opens(&system.in_wechat(&checkout));
        payer.taps("Pay now");
        payer.is_at(&system.in_wechat(&format!("{}/gateway/pay?", system.sandbox())));
        payer.sees_control(&stall.pay(Lang::En));
        payer.pictures("ionline-page");
        payer.taps("Cancel");
        payer.sees("Not paid");

        // A payer who returns without paying can still pay.
        payer.goes_back();
        payer.is_at(&system.in_wechat(&checkout));
        payer.pictures("ionline-back-unpaid");
        payer.taps("Pay now");
        payer.taps(&stall.pay(Lang::En));
        payer.sees("Payment successful");
        payer.pictures("ionline-page-paid");

        payer.goes_back();
        payer.is_at(&system.in_wechat(&checkout));
        payer.sees("Payment successful");
        payer.pictures("ionline-back-paid");
        assert_eq!(system.orders().len(), 1, "the same order was paid");
    });
}
