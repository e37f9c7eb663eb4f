//! How much a payer downloads, compressed with brotli as browsers request it:
//! the real Worker's page, with the files that it links.

use crate::LIVE;
use serde_json::json;
use std::collections::BTreeMap;
use tests::live::send;
use xtask::size::brotli;

/// Everything for a page in WeChat: HTML, program, script and style.
const PAGE_AT_MOST: u64 = 60_000;
/// The console with everything that it links.
const CONSOLE_AT_MOST: u64 = 250_000;
/// The same, with a code to scan.
const WITH_CODE_AT_MOST: u64 = 75_000;

#[test]
fn the_page_is_within_its_budget_in_every_language() {
    let shop = LIVE.shop("size", &json!({}));
    let body = json!({
        "out_trade_no": "S1234567890123456789012345678",
        "body": "Jasmine pearls, 50 g, and a porcelain gaiwan with its saucer",
        "total_fee": 123_456,
        "success_url": "https://shop.example.com/thanks?order=S1234567890123456789012345678",
        "cancel_url": "https://shop.example.com/cart",
    });
    let made = shop.call("POST", "/v1/checkout", body.to_string()).json();
    let address = made["data"]["url"].as_str().unwrap();
    // The page and its files are the same for every payment method.
    let desktop = ("user-agent", "Mozilla/5.0 (X11; Linux x86_64)");
    let mut files = BTreeMap::new();
    let mut longest = 0;
    for lang in checkout::Lang::ALL.map(checkout::Lang::tag) {
        let page = send("GET", &format!("{address}&lang={lang}"), &[desktop], "");
        assert_eq!(page.status, 200, "{}", page.text());
        longest = longest.max(brotli(&page.body).unwrap());
        for part in page.text().split(['"', '\'']) {
            let needed = [".js", ".wasm", ".css"]
                .iter()
                .any(|end| part.ends_with(end));
            let file = part.trim_start_matches(['.', '/']).to_owned();
            if needed && !files.contains_key(&file) {
                let answer = send("GET", &format!("{}/{file}", LIVE.gateway()), &[], "");
                assert_eq!(answer.status, 200, "{file}");
                files.insert(file, brotli(&answer.body).unwrap());
            }
        }
    }
    assert_eq!(files.len(), 3, "program, script and style: {files:?}");
    let all = longest + files.values().sum::<u64>();
    assert!(
        all <= PAGE_AT_MOST,
        "{all} bytes: HTML {longest}, {files:?}"
    );

    let headers = [desktop, ("content-type", "application/json")];
    let order = address.replace("/pay/?", "/pay/order?");
    let prepared = send("POST", &order, &headers, "{}");
    assert!(prepared.json()["qr"].is_object(), "{}", prepared.text());
    let code = brotli(&prepared.body).unwrap();
    assert!(
        all + code <= WITH_CODE_AT_MOST,
        "{all} bytes and {code} of the code"
    );
    println!(
        "{all} bytes: HTML {longest}, {files:?}; with a code {}",
        all + code
    );
}

/// A visit loads the texts of one language; the largest one counts.
#[test]
fn the_console_is_within_its_budget() {
    let mut files = BTreeMap::new();
    let mut texts = BTreeMap::new();
    for lang in ["en", "zh-Hans", "zh-Hant"] {
        let headers = [("accept-language", lang)];
        let page = send("GET", &format!("{}/console/", LIVE.gateway()), &headers, "");
        assert_eq!(page.status, 200, "{}", page.text());
        files.insert("console.html".to_owned(), brotli(&page.body).unwrap());
        for part in page.text().split('"') {
            let needed = [".js", ".wasm", ".css", ".txt"]
                .iter()
                .any(|end| part.ends_with(end));
            if !needed || files.contains_key(part) {
                continue;
            }
            let answer = send("GET", &format!("{}{part}", LIVE.gateway()), &[], "");
            assert_eq!(answer.status, 200, "{part}");
            let cached = answer.header("cache-control");
            assert!(cached.contains("immutable"), "{part}: {cached}");
            let sent = brotli(&answer.body).unwrap();
            if part.ends_with(&format!(".{lang}.txt")) {
                texts.insert(lang, sent);
            } else {
                files.insert(part.to_owned(), sent);
            }
        }
    }
    assert_eq!(files.len(), 4, "page, program, script and style: {files:?}");
    assert_eq!(texts.len(), 3, "one file of texts for each language");
    let all = files.values().sum::<u64>() + texts.values().max().unwrap();
    assert!(all <= CONSOLE_AT_MOST, "{all} bytes: {files:?}, {texts:?}");
    println!("{all} bytes: {files:?}, {texts:?}");
}

/// The same page on another host: its own HTML and program, and what the gateway
/// answers it with.
#[test]
fn the_page_on_another_host_is_within_the_same_budget() {
    const HOST: &str = "https://shop.example.com";
    let shop = LIVE.shop("size-hosted", &json!({ "redirect_origins": [HOST] }));
    let body = json!({
        "out_trade_no": "S1234567890123456789012345678",
        "body": "Jasmine pearls, 50 g, and a porcelain gaiwan with its saucer",
        "total_fee": 123_456,
        "success_url": "https://shop.example.com/thanks?order=S1234567890123456789012345678",
        "cancel_url": "https://shop.example.com/cart",
    });
    let made = shop.call("POST", "/v1/checkout", body.to_string()).json();
    let address = made["data"]["url"].as_str().unwrap();
    let dist = testkit::paths::root().join("dist");
    let read =
        |name: &str| std::fs::read(dist.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let html = String::from_utf8(read("pay.html")).unwrap();
    let script = String::from_utf8(read("pay.js")).unwrap();
    let named = [html.as_str(), &script].map(|text| {
        let parts = text
            .split(['"', '\''])
            .map(|part| part.trim_start_matches("./"));
        let needed = |part: &&str| {
            [".js", ".wasm", ".css"]
                .iter()
                .any(|end| part.ends_with(end))
                // Only a payment link's page loads it.
                && *part != "link.js"
        };
        parts.filter(needed).map(str::to_owned).collect::<Vec<_>>()
    });
    let mut files: BTreeMap<String, u64> = named
        .concat()
        .into_iter()
        .map(|name| (name.clone(), brotli(&read(&name)).unwrap()))
        .collect();
    assert_eq!(files.len(), 4, "style, program and two scripts: {files:?}");
    files.insert("pay.html".to_owned(), brotli(html.as_bytes()).unwrap());
    let mut longest = 0;
    for lang in checkout::Lang::ALL.map(checkout::Lang::tag) {
        let view = format!("{}&lang={lang}", address.replace("/pay/?", "/pay/view?"));
        let headers = [
            ("user-agent", "Mozilla/5.0 (X11; Linux x86_64)"),
            ("origin", HOST),
        ];
        let answer = send("GET", &view, &headers, "");
        assert_eq!(answer.status, 200, "{}", answer.text());
        longest = longest.max(brotli(&answer.body).unwrap());
    }
    let all = longest + files.values().sum::<u64>();
    assert!(
        all <= PAGE_AT_MOST,
        "{all} bytes: contents {longest}, {files:?}"
    );
    println!("{all} bytes: contents {longest}, {files:?}");
}
