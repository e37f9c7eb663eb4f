//! What a shop prints: every code is readable as it is printed, and each sheet
//! is one page of its paper.

use crate::visit;
use serde_json::{Value, json};
use tests::live::Shop;

/// A logo: a disc of dark red.
fn logo() -> Vec<u8> {
    const SIDE: u32 = 200;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, SIDE, SIDE);
    encoder.set_color(png::ColorType::Rgba);
    let mut pixels = Vec::new();
    for y in 0..i64::from(SIDE) {
        for x in 0..i64::from(SIDE) {
            let is_inside = (x - 100).pow(2) + (y - 100).pow(2) < 100 * 100;
            pixels.extend([0x60, 0x10, 0x10, if is_inside { 0xff } else { 0 }]);
        }
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    file
}

fn called(shop: &Shop, method: &str, path: &str, body: impl Into<Vec<u8>>) -> Value {
    let answer = shop.call(method, path, body).json();
    assert_eq!(answer["status"], "success", "{answer}");
    answer["data"].clone()
}

#[test]
fn every_printed_code_is_read_from_its_sheet() {
    visit(|system, payer| {
        let shop = system.merchant("paper", &json!({ "name": "纸 Paper House" }));
        let image = called(&shop, "POST", "/v1/images?purpose=logo", logo());
        let brand = json!({ "logo": image["id"], "colour": "#b4232a" });
        called(&shop, "PATCH", "/v1/brand", brand.to_string());
        let link = json!({ "body": "Jasmine pearls, 50 g", "total_fee": 8800 });
        let link = called(&shop, "POST", "/v1/link", link.to_string());
        let (url, sheet) = (
            link["url"].as_str().unwrap(),
            link["sheet_url"].as_str().unwrap(),
        );
        payer.has_a_window_of(1000, 1300);
        for (query, faces, [width, height]) in [
            ("paper=a6", 1, [105, 148]),
            ("paper=a6&logo=1&marks=1", 1, [121, 164]),
            ("paper=a5&logo=1&lang=zh-Hans", 1, [148, 210]),
            ("paper=a6&lang=th", 1, [105, 148]),
            ("paper=a4&logo=1&lang=en", 1, [210, 297]),
            ("paper=tent&logo=1&marks=1", 2, [226, 313]),
        ] {
            let sheets = if query.contains("a6&logo") { 20 } else { 3 };
            payer.opens(&format!("{sheet}&{query}&series=Table&to={sheets}"));
            payer.sees_control(match query.rsplit_once("lang=") {
                Some((_, "zh-Hans")) => "打印",
                Some((_, "th")) => "พิมพ์",
                _ => "Print",
            });
            payer.pictures(&format!("sheet-{}", query.replace(['&', '='], "-")));
            payer.sees_paper();
            for page in 1..=sheets {
                for face in 1..=faces {
                    let code = format!(".page:nth-of-type({page}) .card:nth-of-type({face}) > svg");
                    // The driver's picture ends where the window ends.
                    payer.evaluates(&format!(
                        "document.querySelector('{code}').scrollIntoView({{ block: 'center' }})"
                    ));
                    assert_eq!(payer.scans_picture(&code), url, "{query}: {code}");
                }
            }
            let pages = payer.prints();
            assert_eq!(pages.len(), sheets, "{query}: {pages:?}");
            for [wide, high] in pages {
                // In points, of which an inch has 72; Chromium rounds.
                let points = |mm: i64| mm * 720 / 254;
                assert!((wide - points(width)).abs() <= 1, "{query}: {wide} points");
                assert!((high - points(height)).abs() <= 1, "{query}: {high} points");
            }
            payer.sees_the_screen();
        }
    });
}

#[test]
fn a_receipt_fits_every_window_and_is_accessible() {
    visit(|system, payer| {
        let shop = system.merchant("receipts", &json!({}));
        let brand = json!({ "colour": "#ffd400", "phone": "+852 2345 6789",
            "mail": "tea@shop.example.com", "terms_url": "https://shop.example.com/terms" });
        called(&shop, "PATCH", "/v1/brand", brand.to_string());
        let order = json!({ "out_trade_no": "P1", "body": "Oolong", "total_fee": 15_000,
            "trade_type": "NATIVE" });
        let order = called(&shop, "POST", "/v1/order", order.to_string());
        system.scan(order["code_url"].as_str().unwrap());
        let make = json!({ "out_trade_no": "P1" }).to_string();
        let receipt = tests::live::wait_for("the payment", || {
            let answer = shop.call("POST", "/v1/receipt", make.clone()).json();
            answer["data"]["receipt_url"].as_str().map(str::to_owned)
        });
        let refund = json!({ "out_trade_no": "P1", "refund_fee": 1000 });
        called(&shop, "POST", "/v1/refund", refund.to_string());
        for (lang, heading) in [
            ("en", "Receipt"),
            ("zh-Hans", "收据"),
            ("zh-Hant", "收據"),
            ("ja", "レシート"),
            ("ko", "영수증"),
            ("th", "ใบเสร็จ"),
        ] {
            for scheme in ["light", "dark"] {
                payer.prefers("color-scheme", scheme);
                payer.opens(&format!("{receipt}&lang={lang}"));
                payer.sees(heading);
                payer.sees("−HK$10.00");
                payer.finds_it_accessible(&format!("the receipt, {lang}, {scheme}"));
                for (width, height) in [(320, 568), (1440, 900)] {
                    payer.has_a_window_of(width, height);
                    let place = format!("receipt-{lang}-{width}-{scheme}");
                    payer.pictures(&place);
                    payer.finds_that_it_fits(&place);
                }
            }
        }
    });
}
