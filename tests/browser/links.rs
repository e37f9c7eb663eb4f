//! A payment link's page, as its payers use it.

use crate::browser::Browser;
use crate::visit;
use serde_json::json;
use tests::live::{send, wait_for};

const WIDTHS: [(u32, u32); 4] = [(320, 568), (390, 780), (768, 1024), (1440, 900)];

#[test]
fn a_fixed_price_is_paid_and_the_back_button_buys_nothing_more() {
    visit(|system, payer| {
        let link = system.link(&json!({ "total_fee": 8800 }));
        payer.opens(link["url"].as_str().unwrap());
        payer.sees("Demo Tea House HK$88.00");
        payer.sees("For Jasmine pearls, 50 g");
        payer.double_taps("Continue to payment");
        payer.is_at(&format!("{}/pay/?s=demo.", system.gateway()));
        system.scan(&payer.scans());
        payer.sees("Payment successful");

        payer.evaluates("history.back()");
        payer.taps("Continue to payment");
        payer.sees("Payment successful");
        assert_eq!(system.orders().len(), 1, "the form is one purchase");
        payer.opens(link["url"].as_str().unwrap());
        payer.taps("Continue to payment");
        payer.sees("Scan with WeChat to pay");
    });
}

#[test]
fn an_amount_is_entered_and_nothing_about_it_is_guessed() {
    visit(|system, payer| {
        // WeChat's own script is not allowed by the page's policy.
        payer.expects_in_the_console("/__phone/bridge.js");
        payer.expects_in_the_console("422");
        payer.has_a_window_of(390, 780);
        let link =
            system.link(&json!({ "body": "At the counter", "min_fee": 500, "max_fee": 200_000 }));
        payer.opens(&system.in_wechat(link["url"].as_str().unwrap()));
        payer.sees("From HK$5.00 to HK$2,000.00");
        payer.pictures("link-amount");
        payer.finds_it_accessible("the amount");
        for (written, sentence) in [
            ("", "Enter the amount."),
            ("1,250", "Enter numbers only, for example 12.50."),
            ("1.250,00", "Enter numbers only, for example 12.50."),
            ("1 250", "Enter numbers only, for example 12.50."),
            ("twelve", "numbers only"),
            ("-12", "numbers only"),
            ("12.345", "at most two digits after the point"),
            ("4.99", "Enter an amount from HK$5.00 to HK$2,000.00."),
            ("2000.01", "Enter an amount from HK$5.00 to HK$2,000.00."),
        ] {
            payer.writes("Amount in HKD", written);
            payer.taps("Continue to payment");
            payer.sees(sentence);
            let field = payer.evaluates(
                "const field = document.getElementById('entry');
                 return [field.value, field === document.activeElement,
                    field.getAttribute('aria-describedby'), field.getAttribute('aria-invalid')]",
            );
            assert_eq!(field, json!([written, true, "hint problem", "true"]));
            // The sentence belongs to this answer, not to the previous one.
            payer.evaluates("document.getElementById('problem').remove()");
        }
        payer.writes("Amount in HKD", "1,250");
        payer.taps("Continue to payment");
        payer.sees("Enter numbers only, for example 12.50.");
        payer.pictures("link-amount-refused");
        payer.finds_it_accessible("an amount that is refused");
        assert!(system.orders().is_empty());

        payer.writes("Amount in HKD", "1250.5");
        payer.taps("Continue to payment");
        payer.sees("Demo Tea House HK$1,250.50");
        // The sheet is open: the tap in the form was the tap to pay.
        payer.taps("Pay HK$1,250.50");
        payer.sees("Payment successful");
    });
}

#[test]
fn a_quantity_is_bought_until_none_is_left() {
    visit(|system, payer| {
        for status in ["422", "409"] {
            payer.expects_in_the_console(status);
        }
        let link = system.link(&json!({ "total_fee": 8800, "quantity": 5, "stock": 3 }));
        let url = link["url"].as_str().unwrap();
        payer.opens(url);
        payer.sees("HK$88.00 each · up to 3");
        payer.pictures("link-quantity");
        payer.finds_it_accessible("a quantity");
        for wrong in ["4", "0", "1.5", "two"] {
            payer.writes("Quantity", wrong);
            payer.taps("Continue to payment");
            payer.sees("Enter a whole number from 1 to 3.");
            payer.evaluates("document.getElementById('problem').remove()");
        }
        payer.opens_in_another_tab(url);
        payer.writes("Quantity", "2");
        payer.taps("Continue to payment");
        payer.sees("HK$176.00");
        system.scan(&payer.scans());
        payer.sees("Payment successful");

        // A payer who has waited finds what is left.
        payer.looks_at_tab(0);
        payer.writes("Quantity", "3");
        payer.taps("Continue to payment");
        payer.sees("Enter a whole number from 1 to 1.");
        payer.writes("Quantity", "1");
        payer.taps("Continue to payment");
        payer.sees("HK$88.00");
        payer.sees("Scan with WeChat to pay");
        // The buyer of the last piece returns to the open purchase; another
        // payer sees that none is left.
        payer.opens(url);
        payer.sees("Scan with WeChat to pay");
        let other = Browser::start();
        other.opens(url);
        other.sees("Sold out");
        other.does_not_see("Continue to payment");
        other.pictures("link-sold-out");
        other.finds_it_accessible("sold out");
        other.has_nothing_to_complain_about();
    });
}

/// The merchant's own questions are part of the form: what is wrong is said beside
/// its input, what was written stays, and the answers are kept with the order.
#[test]
fn a_links_questions_are_answered_before_the_payment() {
    visit(|system, payer| {
        payer.expects_in_the_console("422");
        payer.has_a_window_of(390, 780);
        let fields = json!([
            {"name": "table", "label": {"en": "Table", "zh-Hans": "桌号"}, "type": "number",
             "required": true},
            {"name": "size", "label": "Size", "type": "choice", "choices": ["Small", "Large <b>"]},
            {"name": "guest", "label": "Your name", "type": "text", "max_length": 4},
        ]);
        let link = system.link(&json!({ "total_fee": 8800, "fields": fields }));
        let url = link["url"].as_str().unwrap();
        payer.opens(url);
        payer.sees("TEST");
        payer.sees("Size (optional)");
        payer.pictures("link-questions");
        payer.finds_it_accessible("the questions");
        payer.writes("Your name (optional)", "Ann");
        payer.taps("Continue to payment");
        payer.sees("Please fill in this field.");
        payer.finds_it_accessible("a question without an answer");
        payer.writes("Table", "seven");
        payer.evaluates("document.querySelector('.banner').remove()");
        payer.taps("Continue to payment");
        payer.sees("Enter digits only.");
        let kept = payer
            .evaluates("return [document.getElementById('f2').value, document.activeElement.id]");
        assert_eq!(kept, json!(["Ann", "f0"]));
        payer.writes("Table", "7");
        payer.evaluates("document.getElementById('f1').value = 'Large <b>'");
        payer.taps("Continue to payment");
        payer.is_at(&format!("{}/pay/?s=demo.", system.gateway()));
        system.scan(&payer.scans());
        payer.sees("Payment successful");
        let id = link["id"].as_str().unwrap();
        let listed = system.reads(&format!("/v1/orders?link={id}&q=Large"));
        let metadata = &listed["orders"][0]["metadata"];
        assert_eq!(
            *metadata,
            json!({"table": "7", "size": "Large <b>", "guest": "Ann"})
        );
        for lang in ["zh-Hans", "zh-Hant"] {
            payer.opens(&format!("{url}&lang={lang}"));
            payer.sees("桌号");
            payer.finds_that_it_fits(lang);
        }
    });
}

#[test]
fn a_link_that_is_off_expired_or_unknown_says_so_at_every_tap() {
    visit(|system, payer| {
        for status in ["404", "409"] {
            payer.expects_in_the_console(status);
        }
        let link = system.link(&json!({ "total_fee": 8800 }));
        let url = link["url"].as_str().unwrap();
        payer.opens(url);
        payer.sees_control("Continue to payment");
        system.changes(&link, &json!({ "active": false }));
        payer.taps("Continue to payment");
        payer.sees("Not available");
        payer.pictures("link-off");
        payer.finds_it_accessible("switched off");

        let short = system.link(&json!({ "total_fee": 8800, "expires_in_seconds": 1 }));
        wait_for("the link is over", || {
            let page = send("GET", short["url"].as_str().unwrap(), &[], "").text();
            page.contains("This link has expired").then_some(())
        });
        payer.opens(short["url"].as_str().unwrap());
        payer.sees("This link has expired");
        payer.pictures("link-expired");

        payer.opens(&format!("{}x", url));
        payer.sees("This link doesn’t work");
        payer.pictures("link-unknown");
        assert!(system.orders().is_empty());
    });
}

#[test]
fn every_link_page_fits_every_window_in_every_language() {
    visit(|system, payer| {
        payer.expects_in_the_console("422");
        let word = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbe";
        let long = json!({ "name": word });
        let long = system.merchant("long", &long);
        let body = json!({ "body": format!("{word}{}", &word[..50]), "total_fee": 12_345_678, "quantity": 99 });
        let made = long.call("POST", "/v1/link", body.to_string()).json();
        let huge = made["data"]["url"].as_str().unwrap();
        let amount = system.link(&json!({ "min_fee": 1, "max_fee": 1_234_567_890 }));
        for (scheme, lang, pay, label) in [
            ("light", "en", "Continue to payment", "Amount in HKD"),
            ("dark", "zh-Hans", "去支付", "金额"),
            ("light", "zh-Hant", "前往付款", "金額"),
        ] {
            payer.prefers("color-scheme", scheme);
            for (name, url) in [("huge", huge), ("amount", amount["url"].as_str().unwrap())] {
                payer.opens(&format!("{url}&lang={lang}"));
                if name == "amount" {
                    payer.writes(label, "1,250");
                    payer.taps(pay);
                    payer.sees("12.50");
                }
                payer.sees_control(pay);
                assert_eq!(payer.reads("html", "lang"), lang);
                payer.finds_it_accessible(&format!("{name}, {lang}"));
                for large in [false, true] {
                    if large {
                        payer.evaluates("document.documentElement.style.fontSize = '200%'");
                    }
                    for (width, height) in WIDTHS {
                        payer.has_a_window_of(width, height);
                        let twice = if large { "-twice" } else { "" };
                        let place = format!("link-{name}-{lang}-{width}{twice}");
                        payer.pictures(&place);
                        payer.finds_that_it_fits(&place);
                    }
                }
            }
        }
    });
}

/// From the poster to the receipt in WeChat: the form, the sheet, the receipt.
#[test]
fn a_payer_taps_at_most_four_times_from_the_poster_to_the_receipt() {
    visit(|system, payer| {
        let link = system.link(&json!({ "total_fee": 8800 }));
        payer.opens(link["sheet_url"].as_str().unwrap());
        payer.has_a_window_of(1000, 1300);
        let poster = payer.scans_picture(".card > svg");
        payer.has_a_window_of(390, 780);
        payer.opens(&system.in_wechat(&poster));
        let taps = ["Continue to payment", "Pay HK$88.00", "Receipt"];
        for tap in taps {
            payer.taps(tap);
        }
        payer.sees("Paid HK$88.00");
        payer.is_at(&system.in_wechat(&format!("{}/pay/receipt?", system.gateway())));
        assert!(taps.len() <= 4);
        assert_eq!(system.orders().len(), 1);
    });
}
