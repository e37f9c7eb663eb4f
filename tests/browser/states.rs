//! Every state of the pages that is no failure (those are in `failures.rs`), as
//! pictures in each language, size and colour scheme, checked with axe and for what
//! does not fit. The pictures are in `target/screenshots/`.

use crate::visit;
use checkout::{Lang, texts};
use serde_json::json;
use tests::live::wait_for;

const WECHAT: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.49(0x18003137) NetType/WIFI Language/en";
const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";
const APP: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 16_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 AliApp(AP/10.5.0.6000) AlipayClient/10.5.0.6000 Language/zh-Hans";
const WECOM: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 wxwork/4.1.30 MicroMessenger/7.0.1 Language/en ColorScheme/Light wwmver/3.26.13.714";
const WECHAT_4_5: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 6_0 like Mac OS X) AppleWebKit/536.26 (KHTML, like Gecko) Mobile/10A403 MicroMessenger/4.5";

/// The languages of the sandbox's phone, with their phones and WeChat's names.
const PHONES: [(&str, &str, Lang); 3] = [
    ("alice", "en", Lang::En),
    ("alice-zhcn", "zh_CN", Lang::ZhHans),
    ("alice-zhtw", "zh_TW", Lang::ZhHant),
];

#[test]
fn paying_in_wechat_and_the_receipt() {
    visit(|system, payer| {
        payer.calls_itself(WECHAT);
        payer.has_a_window_of(390, 780);
        payer.has_the_phone_of("alice");
        payer.runs_first(crate::BRIDGE);
        for lang in Lang::ALL {
            let texts = texts(lang);
            let number = format!("S{}", lang.tag().replace('-', ""));
            let checkout = system.checkout_of(&json!({ "out_trade_no": number }));
            payer.opens(&format!("{checkout}&lang={}", lang.tag()));
            payer.sees_control(texts.pay);
            payer.pictured("ready", lang);
            payer.taps(texts.pay);
            system.pays_by_the_bridge(payer, 0);
            payer.evaluates("answers(0, 'get_brand_wcpay_request:ok')");
            payer.sees(texts.paid.heading);
            payer.pictured("paid", lang);
            // A second refund of one order must wait for a minute.
            let second = format!("{number}R");
            let other = system.checkout_of(&json!({ "out_trade_no": second }));
            system.pays_elsewhere(&other);
            let partly = (
                "partly-refunded",
                &checkout,
                &number,
                1000,
                texts.partly_refunded,
            );
            let whole = ("refunded", &other, &second, 4800, texts.refunded);
            for (name, address, number, fee, message) in [whole, partly] {
                wait_for("the payment", || {
                    payer.opens(&format!("{address}&lang={}", lang.tag()));
                    payer.words()?.contains(texts.paid.heading).then_some(())
                });
                let refund = json!({ "out_trade_no": number, "refund_fee": fee });
                system.asks("/v1/refund", &refund);
                wait_for(name, || {
                    payer.reloads();
                    payer.words()?.contains(message.heading).then_some(())
                });
                payer.pictured(name, lang);
            }
            payer.taps(texts.receipt);
            payer.sees("−HK$10.00");
            assert_eq!(payer.reads("html", "lang"), lang.tag());
            payer.pictured("receipt", lang);
        }
    });
}

#[test]
fn where_no_payment_is_possible() {
    visit(|system, payer| {
        payer.has_a_window_of(390, 780);
        let link = system.link(&json!({ "total_fee": 8800 }));
        let link = link["url"].as_str().unwrap();
        for (name, agent) in [
            ("phone-browser", SAFARI),
            ("other-app", APP),
            ("wecom", WECOM),
            ("too-old", WECHAT_4_5),
        ] {
            payer.calls_itself(agent);
            for lang in Lang::ALL {
                let texts = texts(lang);
                let message = match name {
                    "phone-browser" => texts.in_phone_browser,
                    "other-app" => texts.in_other_app,
                    "wecom" => texts.in_wecom,
                    _ => texts.wechat_too_old,
                };
                for (kind, address) in [("checkout", system.checkout()), ("link", link.to_owned())]
                {
                    payer.opens(&format!("{address}&lang={}", lang.tag()));
                    payer.sees(message.heading);
                    payer.sees_control(texts.copy_link);
                    let opens = payer.counts("a[href='weixin://']");
                    assert_eq!(opens, usize::from(name == "phone-browser"), "{name} {kind}");
                    payer.pictured(&format!("{name}-{kind}"), lang);
                }
            }
        }
        assert!(system.orders().is_empty());
    });
}

#[test]
fn the_forms_of_links() {
    visit(|system, payer| {
        let fields = json!([
            {"name": "table", "label": {"en": "Table", "zh-Hans": "桌号", "ja": "テーブル", "ko": "테이블", "th": "โต๊ะ"},
             "type": "number", "required": true},
            {"name": "size", "label": "S / M / L", "type": "choice", "choices": ["S", "M"]},
        ]);
        let links = [
            ("link-fixed", json!({ "total_fee": 8800 })),
            (
                "link-many",
                json!({ "total_fee": 8800, "quantity": 9, "fields": fields }),
            ),
            ("link-amount", json!({ "min_fee": 500, "max_fee": 200_000 })),
        ];
        let links = links.map(|(name, change)| (name, system.link(&change)));
        for lang in Lang::ALL {
            for (name, link) in &links {
                let address = link["url"].as_str().unwrap();
                payer.opens(&format!("{address}&lang={}", lang.tag()));
                payer.sees("Demo Tea House");
                assert_eq!(payer.reads("html", "lang"), lang.tag());
                payer.pictured(name, lang);
            }
            for (paper, width) in [("a6", 500), ("tent", 900)] {
                payer.has_a_window_of(width, 900);
                let sheet = links[0].1["sheet_url"].as_str().unwrap();
                payer.opens(&format!(
                    "{sheet}&paper={paper}&lang={}&series=Table&to=2",
                    lang.tag()
                ));
                payer.sees("Table 2");
                payer.pictures(&format!("paper-{paper}-{}", lang.tag()));
                payer.finds_it_accessible(&format!("paper, {paper}, {}", lang.tag()));
            }
        }
    });
}

#[test]
fn the_sandboxs_pages_in_the_language_of_the_phone() {
    visit(|system, payer| {
        let merchant = system.merchant("mobile", &json!({ "h5": true }));
        for (phone, wechat, lang) in PHONES {
            payer.has_a_window_of(390, 780);
            let texts = texts(lang);
            payer.opens(&system.in_wechat_of(phone, &system.checkout()));
            payer.taps(texts.pay);
            payer.sees("HK$48.00");
            payer.sees_control(if lang == Lang::En { "Cancel" } else { "取消" });
            payer.pictured("sheet", lang);

            for (name, path) in [
                ("shop", "/shop/"),
                ("inbox", "/shop/inbox"),
                ("thanks", "/shop/thanks?no=1"),
                ("not-wechat", "/connect/oauth2/authorize?appid=wx1"),
            ] {
                payer.opens(&system.in_wechat_of(phone, &format!("{}{path}", system.sandbox())));
                assert_eq!(payer.reads("html", "lang"), lang.tag(), "{path}");
                payer.pictured(name, lang);
            }

            // WeChat's page for browsers is in the browser's language.
            payer.accepts(lang.tag());
            payer.calls_itself(SAFARI);
            let checkout = system.checkout_at(&merchant, &json!({}));
            payer.opens(&format!("{checkout}&lang={}", lang.tag()));
            payer.taps(texts.pay);
            payer.sees_control(if lang == Lang::En { "Cancel" } else { "取消" });
            assert_eq!(payer.reads("html", "lang"), lang.tag());
            payer.pictured("h5-sheet", lang);
            payer.has_no_phone();
            payer.calls_itself("");

            // On a narrow window the heading beside the phone is left out.
            payer.has_a_window_of(1100, 800);
            payer.opens(&format!("{}/phone/?lang={wechat}", system.sandbox()));
            for tab in 0..4 {
                payer.evaluates(&format!(
                    "document.querySelectorAll('.tabs button')[{tab}].click()"
                ));
                for scheme in ["dark", "light"] {
                    payer.prefers("color-scheme", scheme);
                    let place = format!("phone-tab-{tab}-{}-{scheme}", lang.tag());
                    payer.pictures(&place);
                    payer.finds_it_accessible(&place);
                }
            }
        }
    });
}
