//! The rows of docs/environments.md that other tests do not cover: the same
//! address, opened in different environments, and paid.

use crate::browser::Browser;
use crate::test_system::TestSystem;
use crate::visit;
use serde_json::json;
use std::time::Duration;
use tests::live::send;

const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";
const TABLET: &str = "Mozilla/5.0 (Tablet; OpenHarmony 6.1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 Safari/537.36 ArkWeb/6.1.0.117 HuaweiBrowser/6.1.5.300";
const DESKTOP: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0";
const DESKTOP_WECHAT: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 Safari/537.36 NetType/WIFI MicroMessenger/7.0.20.1781(0x6700143B) MacWechat/3.8.7(0x13080712) UnifiedPCMacWechat(0xf26411f0) XWEB/16512 Flue";
const WECOM: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 wxwork/4.1.30 MicroMessenger/7.0.1 Language/en ColorScheme/Light wwmver/3.26.13.714";
const UNIONPAY: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148/sa-sdk-ios (com.unionpay.chsp) (cordova 4.5.4) (updebug 0) (version 938) (UnionPay/1.0 CloudPay) (clientVersion 198) (language zh_CN) (upHtml) (walletMode 00)";
const MINI_PROGRAM: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.47(0x18002f2c) NetType/WIFI Language/en miniProgram/wx5a11d0b0c0ffee05";
const PREVIEW: &str = "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)";

/// A phone's browser at a checkout of a merchant with H5.
fn in_a_phones_browser(system: &TestSystem, payer: &Browser) -> String {
    let merchant = system.merchant("mobile", &json!({ "h5": true }));
    payer.calls_itself(SAFARI);
    payer.has_a_window_of(390, 780);
    let checkout = system.checkout_at(&merchant, &json!({}));
    payer.opens(&checkout);
    checkout
}

#[test]
fn a_phones_browser_pays_on_wechats_page_and_returns_to_the_result() {
    visit(|system, payer| {
        let checkout = in_a_phones_browser(system, payer);
        payer.sees_control("Pay now");
        assert!(
            system.orders().is_empty(),
            "a page that is read orders nothing"
        );
        payer.pictures("h5-ready");
        payer.finds_it_accessible("H5, ready");
        payer.taps("Pay now");
        payer.sees("Demo Tea House");
        payer.sees_control("Pay as alice");
        let origin = payer.evaluates("return new URL(document.referrer).origin + '/'");
        assert_eq!(origin, format!("{}/", system.gateway()), "checklist H4");
        payer.taps("Pay as alice");
        payer.is_at(&format!("{checkout}&back=1"));
        payer.sees("Payment successful");
        payer.pictures("h5-paid");
        payer.reloads();
        payer.sees("Payment successful");
        assert_eq!(system.orders().len(), 1);
    });
}

#[test]
fn a_payer_who_returns_unpaid_sees_that_and_can_still_pay() {
    visit(|system, payer| {
        in_a_phones_browser(system, payer);
        payer.taps("Pay now");
        payer.taps("Cancel");
        payer.sees("No payment found yet");
        payer.pictures("h5-no-payment-yet");
        payer.finds_it_accessible("H5, back unpaid");
        payer.does_not_see_for(Duration::from_secs(2), "Payment successful");
        payer.taps("I’ve paid");
        payer.sees("No payment found yet");
        payer.taps("Pay now");
        payer.taps("Pay as alice");
        payer.sees("Payment successful");
        assert_eq!(system.orders().len(), 1, "the same order was paid");
    });
}

#[test]
fn a_payer_who_returns_by_the_back_button_can_request_a_query() {
    visit(|system, payer| {
        in_a_phones_browser(system, payer);
        system.wechat_falls_silent();
        payer.taps("Pay now");
        payer.sees_control("Pay as alice");
        payer.evaluates("history.back()");
        // The browser shows the kept page, or loads it again. Nothing is lost.
        payer.sees_control("Pay now");
        payer.pictures("h5-back");
        payer.taps("Pay now");
        payer.taps("Pay as alice");
        payer.sees("No payment found yet");
        system.wechat_speaks_again();
        payer.sees("Payment successful");
        payer.evaluates("history.go(-2)");
        payer.sees("Payment successful");
        assert_eq!(system.orders().len(), 1);
    });
}

/// The bridge of a Mini Program's web-view: it can open pages of the Mini
/// Program, and cannot pay.
const WEB_VIEW: &str = "
    window.__wxjs_environment = 'miniprogram';
    window.opened = [];
    window.WeixinJSBridge = {
        invoke(name, request, answer) {
            if (name !== 'invokeMiniProgramAPI') return answer({ err_msg: 'system:access_denied' });
            window.opened.push([request.name, request.arg.url]);
            setTimeout(() => answer({ err_msg: `${name}:${window.refuses ? 'fail' : 'ok'}` }));
        },
    };
    document.addEventListener('DOMContentLoaded', () =>
        document.dispatchEvent(new Event('WeixinJSBridgeReady')));";

#[test]
fn inside_its_mini_program_the_merchants_own_page_is_opened() {
    visit(|system, payer| {
        let own = json!({ "mini_program": { "appid": "wx5a11d0b0c0ffee05" } });
        let merchant = system.merchant("mini", &own);
        let checkout = system.checkout_at(&merchant, &json!({}));
        payer.calls_itself(MINI_PROGRAM);
        payer.has_a_window_of(390, 780);
        payer.runs_first(WEB_VIEW);
        payer.opens(&checkout);
        payer.sees_control("Pay now");
        payer.pictures("mini-program-ready");
        payer.double_taps("Pay now");
        payer.sees("Finish paying in WeChat");
        payer.pictures("mini-program-away");
        payer.finds_it_accessible("away");
        let (_, query) = checkout.split_once('?').unwrap();
        let page = json!(["navigateTo", format!("/pages/weceive-pay/index?{query}")]);
        assert_eq!(payer.evaluates("return window.opened[0]"), page);
        assert!(system.orders().is_empty(), "that page's to make");

        system.pays_elsewhere(&checkout);
        payer.sees("Payment successful");
        assert_eq!(system.orders().len(), 1);
    });
}

#[test]
fn where_the_mini_program_refuses_the_page_shows_the_link_for_wechat() {
    visit(|system, payer| {
        let own = json!({ "mini_program": { "appid": "wx5a11d0b0c0ffee05" } });
        let merchant = system.merchant("mini", &own);
        let checkout = system.checkout_at(&merchant, &json!({}));
        payer.calls_itself(MINI_PROGRAM);
        payer.runs_first(WEB_VIEW);
        payer.opens(&checkout);
        payer.sees_control("Pay now");
        payer.evaluates("window.refuses = true");
        payer.taps("Pay now");
        payer.sees("Open this page in a WeChat chat");
        assert_eq!(payer.scans(), checkout);
        assert!(system.orders().is_empty());
    });
}

#[test]
fn a_mini_program_that_only_scripts_can_detect_is_detected() {
    visit(|system, payer| {
        payer.runs_first("window.__wxjs_environment = 'miniprogram'");
        payer.has_a_window_of(390, 780);
        payer.opens(&system.in_wechat(&system.checkout()));
        payer.sees("Open this page in a WeChat chat");
        payer.does_not_see("Pay now");
        let address = payer.evaluates("return location.search");
        assert!(address.as_str().unwrap().ends_with("&env=miniprogram"));
        assert!(system.orders().is_empty());
    });
}

#[test]
fn on_a_tablet_and_in_wechat_on_a_computer_there_is_a_code() {
    visit(|system, payer| {
        for (agent, width, height) in [(TABLET, 768, 1024), (DESKTOP_WECHAT, 1024, 700)] {
            payer.calls_itself(agent);
            payer.has_a_window_of(width, height);
            payer.opens(&system.checkout());
            payer.sees("Scan with WeChat to pay");
            system.scan(&payer.scans());
            payer.sees("Payment successful");
        }
    });
}

#[test]
fn wecom_and_other_apps_say_how_to_go_on_in_wechat() {
    visit(|system, payer| {
        let checkout = system.checkout_of(&json!({ "lang": "en" }));
        payer.has_a_window_of(390, 780);
        for (agent, words, name) in [
            (WECOM, "WeCom can’t pay here.", "wecom"),
            (UNIONPAY, "This app can’t pay with WeChat Pay.", "unionpay"),
        ] {
            payer.calls_itself(agent);
            payer.opens(&checkout);
            payer.sees(words);
            assert_eq!(payer.scans(), checkout);
            payer.pictures(name);
            payer.finds_it_accessible(name);
        }
        assert!(system.orders().is_empty());
        // Paid in WeChat, the purchase is shown as paid here.
        system.pays_elsewhere(&checkout);
        payer.sees("Payment successful");
    });
}

#[test]
fn a_link_preview_reads_title_amount_and_image() {
    visit(|system, payer| {
        payer.calls_itself(PREVIEW);
        payer.opens(&system.checkout());
        payer.sees("Demo Tea House HK$48.00 Open this page in WeChat");
        payer.does_not_see("Jasmine pearls");
        assert_eq!(payer.title(), "Demo Tea House · HK$48.00");
        let image = "return document.querySelector('meta[property=\"og:image\"]').content";
        let image = payer.evaluates(image);
        let image = send("GET", image.as_str().unwrap(), &[], "");
        assert_eq!(image.status, 200);
        assert_eq!(image.header("content-type"), "image/png");
        assert_eq!(payer.evaluates("return document.scripts.length"), 0);
        assert!(system.orders().is_empty());
    });
}

#[test]
fn a_page_whose_program_does_not_load_can_be_read_and_says_what_to_do() {
    visit(|system, payer| {
        payer.expects_in_the_console("Failed to fetch");
        payer.cannot_load(&["*.wasm"]);
        payer.has_a_window_of(390, 780);
        payer.opens(&system.checkout());
        payer.sees("Demo Tea House HK$48.00");
        payer.sees("For Jasmine pearls, 50 g Order no.");
        payer.sees("This is taking longer than usual.");
        payer.pictures("no-program");
        payer.cannot_load(&[]);
        payer.taps("Reload");
        payer.sees("Scan with WeChat to pay");
    });
}

#[test]
fn everything_fits_with_text_twice_as_large() {
    visit(|system, payer| {
        let merchant = system.merchant("mobile", &json!({ "h5": true }));
        let checkout = system.checkout_at(&merchant, &json!({ "total_fee": 1_234_567_890 }));
        let larger = "document.documentElement.style.fontSize = '200%'";
        for (agent, name, heading) in [
            (SAFARI, "h5", "Pay now"),
            (DESKTOP, "code", "Scan with WeChat to pay"),
            (UNIONPAY, "elsewhere", "Open this page in WeChat"),
        ] {
            payer.calls_itself(agent);
            for lang in ["en", "zh-Hant"] {
                payer.opens(&format!("{checkout}&lang={lang}"));
                if lang == "en" {
                    payer.sees(heading);
                }
                payer.evaluates(larger);
                for (width, height) in [(320, 568), (390, 780), (768, 1024), (1440, 900)] {
                    payer.has_a_window_of(width, height);
                    let place = format!("twice-{name}-{lang}-{width}");
                    payer.pictures(&place);
                    payer.finds_that_it_fits(&place);
                }
            }
        }
    });
}
