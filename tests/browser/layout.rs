//! Nothing scrolls sideways, is cut off, or is too small for a finger: from
//! the smallest phone to a wide screen, in the light and in the dark, with the
//! longest texts that a merchant may send.

use crate::visit;
use serde_json::json;

const WIDTHS: [(u32, u32); 4] = [(320, 568), (390, 780), (768, 1024), (1440, 900)];
const WORD: &str = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbe";

#[test]
fn everything_fits_every_window() {
    visit(|system, payer| {
        let long = system.merchant(
            "long",
            &json!({ "name": WORD, "app_secret": crate::test_system::APP_SECRET }),
        );
        let checkout = system.checkout_at(
            &long,
            &json!({ "body": format!("{WORD}{WORD}"), "total_fee": 1_234_567_890, "out_trade_no": "T".repeat(29) }),
        );
        let in_wechat = system.in_wechat(&checkout);
        let pages = [
            ("code", &checkout, "Scan with WeChat to pay"),
            ("ready", &in_wechat, "Pay now"),
        ];
        for scheme in ["light", "dark"] {
            payer.prefers("color-scheme", scheme);
            for (name, address, heading) in pages {
                payer.opens(address);
                payer.sees(heading);
                for (width, height) in WIDTHS {
                    payer.has_a_window_of(width, height);
                    let place = format!("long-{name}-{width}-{scheme}");
                    payer.pictures(&place);
                    payer.finds_that_it_fits(&place);
                }
            }
        }
    });
}

#[test]
fn the_phone_and_the_shop_fit_every_window() {
    visit(|system, payer| {
        for (width, height) in WIDTHS {
            payer.has_a_window_of(width, height);
            payer.opens(&system.phone(&system.checkout()));
            payer.looks_into_the_frame();
            payer.sees_control("Pay now");
            payer.pictures(&format!("phone-{width}"));
            payer.looks_at_the_window();
            payer.finds_that_it_fits(&format!("the phone, {width}"));
            for path in ["/", "/shop/", "/shop/inbox", "/sandbox/"] {
                payer.opens(&format!("{}{path}", system.sandbox()));
                let name = path.trim_end_matches('/').replace('/', "-");
                payer.pictures(&format!("sandbox{name}-{width}"));
                payer.finds_that_it_fits(&format!("{path}, {width}"));
            }
        }
    });
}

#[test]
fn a_phone_on_its_side_shows_the_whole_code_without_scrolling() {
    visit(|system, payer| {
        for lang in ["en", "zh-Hans"] {
            payer.opens(&system.checkout_of(&json!({ "lang": lang })));
            payer.sees_control(if lang == "en" {
                "Back to the merchant"
            } else {
                "返回商户"
            });
            for (width, height) in [(844, 390), (667, 375), (568, 320)] {
                payer.has_a_window_of(width, height);
                let place = format!("landscape-{lang}-{width}");
                payer.pictures(&place);
                payer.finds_that_it_fits(&place);
                let code = payer.evaluates(
                    "const { top, bottom, width } = document.querySelector('.code svg')
                         .getBoundingClientRect();
                     return top >= 0 && bottom <= innerHeight && width >= 128",
                );
                assert_eq!(code, true, "{place}");
            }
        }
    });
}
