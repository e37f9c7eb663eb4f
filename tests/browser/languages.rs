//! Each language of the page.

use crate::visit;
use checkout::{Lang, texts};
use serde_json::json;

#[test]
fn an_unknown_link_is_explained_in_each_language() {
    visit(|system, payer| {
        payer.expects_in_the_console("404");
        for (lang, heading) in [
            ("en", "This link doesn’t work"),
            ("zh-Hans", "链接无效"),
            ("zh-Hant", "連結無效"),
        ] {
            let address = format!(
                "{}/pay/?s=demo.0123456789012345678901&lang={lang}",
                system.gateway()
            );
            payer.opens(&address);
            payer.sees(heading);
            assert_eq!(payer.reads("html", "lang"), lang);
            assert_eq!(payer.title(), heading);
            payer.pictures(&format!("unknown-link-{lang}"));
        }
    });
}

#[test]
fn the_address_chooses_the_language_on_a_desktop() {
    visit(|system, payer| {
        let checkout = system.checkout();
        for (lang, heading) in [
            ("zh-Hans", "请使用微信扫一扫"),
            ("zh-Hant", "請使用微信掃一掃"),
            ("ja", "WeChatでスキャンしてお支払い"),
            ("ko", "위챗으로 스캔하여 결제"),
            ("th", "สแกนด้วย WeChat เพื่อชำระเงิน"),
            ("en", "Scan with WeChat to pay"),
        ] {
            payer.opens(&format!("{checkout}&lang={lang}"));
            payer.sees(heading);
            assert_eq!(payer.reads("html", "lang"), lang);
            payer.scans();
            payer.pictures(&format!("desktop-code-{lang}"));
        }
    });
}

#[test]
fn wechats_language_is_used_in_wechat() {
    visit(|system, payer| {
        payer.has_a_window_of(390, 780);
        for (phone, lang, pay, sheet, paid) in [
            (
                "alice-zhcn",
                "zh-Hans",
                "立即支付",
                "支付 HK$48.00",
                "支付成功",
            ),
            (
                "alice-zhtw",
                "zh-Hant",
                "立即付款",
                "支付 HK$48.00",
                "付款成功",
            ),
        ] {
            payer.opens(&system.in_wechat_of(phone, &system.checkout()));
            payer.sees_control(pay);
            assert_eq!(payer.reads("html", "lang"), lang);
            payer.pictures(&format!("wechat-ready-{lang}"));
            payer.taps(pay);
            payer.taps(sheet);
            payer.sees(paid);
            payer.pictures(&format!("wechat-paid-{lang}"));
        }
    });
}

#[test]
fn a_sign_in_that_cannot_be_finished_is_explained_in_wechats_language() {
    visit(|system, payer| {
        payer.has_a_window_of(390, 780);
        payer.expects_in_the_console("400");
        let stale = format!("{}/oauth/callback?code=used&state=old", system.gateway());
        payer.opens(&system.in_wechat_of("alice-zhcn", &stale));
        payer.sees("请");
        assert_eq!(payer.reads("html", "lang"), "zh-Hans");
        payer.pictures("sign-in-failed");
    });
}

#[test]
fn the_language_is_switched_on_the_page_and_stays() {
    visit(|system, payer| {
        payer.opens(&system.checkout());
        payer.sees("Scan with WeChat to pay");
        let code = payer.scans();
        payer.taps("简体中文");
        payer.sees("请使用微信扫一扫");
        assert_eq!(payer.reads("html", "lang"), "zh-Hans");
        assert_eq!(payer.scans(), code, "the same purchase, the same order");
        payer.finds_it_accessible("a page whose language was switched");
        payer.reloads();
        payer.sees("请使用微信扫一扫");
        payer.taps("繁體中文");
        payer.sees("請使用微信掃一掃");

        // From a link's form to the checkout.
        let link = system.link(&json!({ "total_fee": 8800, "quantity": 3 }));
        payer.opens(link["url"].as_str().unwrap());
        payer.taps("繁體中文");
        payer.sees("單價 HK$88.00");
        payer.taps("前往付款");
        payer.sees("請使用微信掃一掃");
        payer.taps("English");
        payer.sees("Scan with WeChat to pay");
    });
}

/// In the language of WeChat on the payer's phone, from the link to the receipt.
#[test]
fn japanese_korean_and_thai_payers_pay_in_their_language() {
    const WECHAT: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.49(0x18003137) NetType/WIFI Language/";
    visit(|system, payer| {
        payer.has_the_phone_of("alice");
        payer.runs_first(crate::BRIDGE);
        for lang in [Lang::Ja, Lang::Ko, Lang::Th] {
            let texts = texts(lang);
            payer.calls_itself(&format!("{WECHAT}{}", lang.tag()));
            let link = system.link(&json!({ "total_fee": 8800, "quantity": 3 }));
            payer.opens(link["url"].as_str().unwrap());
            assert_eq!(payer.reads("html", "lang"), lang.tag());
            for other in Lang::ALL.into_iter().filter(|other| *other != lang) {
                payer.sees_control(other.name());
            }
            payer.pictured("link", lang);
            payer.evaluates("document.querySelector('form .button').click()");
            system.pays_by_the_bridge(payer, 0);
            payer.evaluates("answers(0, 'get_brand_wcpay_request:ok')");
            payer.sees(texts.paid.heading);
            payer.pictured("paid", lang);
            payer.taps(texts.receipt);
            payer.sees("HK$88.00");
            assert_eq!(payer.reads("html", "lang"), lang.tag());
            payer.pictured("receipt", lang);
        }
    });
}
