//! A payment link in a page of another origin: as `<weceive-pay>`, and as a
//! plain link and picture.

use crate::browser::{Browser, Key};
use crate::test_system::TestSystem;
use crate::visit;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";

/// A merchant's own site: one page on a port of its own.
struct Site {
    port: u16,
    page: Arc<Mutex<String>>,
}

impl Site {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let page = Arc::new(Mutex::new(String::new()));
        let served = page.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let served = served.clone();
                thread::spawn(move || {
                    let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
                    let mut line = String::new();
                    while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
                        line.clear();
                    }
                    let page = served.lock().expect("a lock").clone();
                    let length = page.len();
                    let head = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\n\
                         content-length: {length}\r\nconnection: close\r\n\r\n"
                    );
                    stream.write_all((head + page.as_str()).as_bytes()).ok();
                });
            }
        });
        Self { port, page }
    }

    /// An origin of another site than the gateway's, not only of another port.
    fn origin(&self) -> String {
        format!("http://shop.localhost:{}", self.port)
    }

    /// The same page at an address that the phone can open.
    fn on_this_machine(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Shows the button, and keeps the events that it sends.
    fn shows(&self, system: &TestSystem, link: &Value, inside: &str) {
        *self.page.lock().expect("a lock") = format!(
            "<!doctype html><html lang=\"en\"><head><title>A shop</title>\
             <link rel=\"icon\" href=\"data:,\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <script src=\"{gateway}/weceive-pay.js\" async></script></head>\
             <body><main><h1>A shop</h1><weceive-pay link=\"{url}\">{inside}</weceive-pay></main>\
             <script>window.results = [];\
             addEventListener('weceive-result', ({{ detail }}) => results.push(detail))</script>\
             </body></html>",
            gateway = system.gateway(),
            url = link["url"].as_str().unwrap(),
        );
    }
}

/// A merchant with these registered origins, and its link.
fn linked(system: &TestSystem, origins: &[&str], more: Value) -> Value {
    let known =
        json!({ "redirect_origins": origins, "app_secret": crate::test_system::APP_SECRET });
    let merchant = system.merchant("embedding", &known);
    let mut body = json!({ "body": "Jasmine pearls, 50 g", "total_fee": 8800 });
    let fields = body.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    let answer = merchant.call("POST", "/v1/link", body.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["data"].take()
}

/// Asserts that the page has got no event so far.
fn has_got_no_event(payer: &Browser) {
    assert_eq!(payer.evaluates("return results"), json!([]));
}

#[test]
fn the_button_opens_a_tab_by_keyboard_and_reports_the_servers_result() {
    visit(|system, payer| {
        let site = Site::start();
        let link = linked(system, &[&site.origin()], json!({}));
        site.shows(system, &link, "");
        payer.opens(&site.origin());
        payer.sees_control("Pay with WeChat");
        payer.finds_it_accessible("the button");
        payer.tabs_to("Pay with WeChat");
        payer.presses(Key::Space);

        payer.looks_at_tab(1);
        payer.is_at(&format!("{}/pay/?l=", system.gateway()));
        assert_eq!(payer.evaluates("return window.opener"), Value::Null);
        payer.tabs_to("Continue to payment");
        payer.presses(Key::Enter);
        let code = payer.scans();
        let number = payer.evaluates("return document.querySelectorAll('dd')[1].innerText");

        payer.looks_at_tab(0);
        payer.sees("Waiting for your payment…");
        assert_eq!(payer.reads("p[part=status]", "role"), "status");
        payer.pictures("embed-waiting");
        // Messages of other windows are ignored, also with a forged origin.
        payer.evaluates(
            "const forged = { state: 'paid', out_trade_no: 'forged' };
             const script = `parent.postMessage(${JSON.stringify(forged)}, '*');
                parent.postMessage({ type: 'weceive-result', detail: ${JSON.stringify(forged)} }, '*')`;
             const frame = document.createElement('iframe');
             frame.title = 'Another window'; frame.sandbox = 'allow-scripts';
             frame.srcdoc = '<script>' + script + '<' + '/script>';
             window.heard = 0;
             addEventListener('message', () => heard += 1);
             document.body.append(frame);",
        );
        payer.waits_for("return heard === 2");
        has_got_no_event(payer);

        system.scan(&code);
        payer.waits_for("return results.length > 0");
        let told = json!([{ "state": "paid", "out_trade_no": number }]);
        assert_eq!(payer.evaluates("return results"), told);
        payer.sees("Paid");
        payer.pictures("embed-paid");
        payer.finds_it_accessible("the button, paid");
    });
}

#[test]
fn where_tabs_are_blocked_the_link_opens_in_the_same_one() {
    visit(|system, payer| {
        let site = Site::start();
        let success = json!({ "success_url": format!("{}/", site.origin()) });
        let link = linked(system, &[&site.origin()], success);
        site.shows(system, &link, "");
        payer.runs_first("window.open = () => null");
        payer.opens(&site.origin());
        payer.taps("Pay with WeChat");
        payer.is_at(&format!("{}/pay/?l=", system.gateway()));
        payer.taps("Continue to payment");
        system.scan(&payer.scans());
        payer.sees("Payment successful");
        payer.taps("Return to");
        payer.is_at(&site.origin());
        payer.waits_for("return results.length > 0");
        assert_eq!(payer.evaluates("return results[0].state"), "paid");
    });
}

#[test]
fn on_a_phone_the_link_opens_in_the_same_tab_and_the_result_follows_the_return() {
    visit(|system, payer| {
        let site = Site::start();
        let shop = format!("{}/", site.on_this_machine());
        let in_wechat = system.in_wechat(&shop);
        let link = linked(
            system,
            &[in_wechat.trim_end_matches('/')],
            json!({ "success_url": shop }),
        );
        site.shows(system, &link, "");
        // WeChat's own script is not allowed by the page's policy.
        payer.expects_in_the_console("/__phone/bridge.js");
        payer.has_a_window_of(390, 780);
        payer.opens(&in_wechat);
        payer.taps("Pay with WeChat");
        payer.taps("Continue to payment");
        payer.taps("Pay HK$88.00");
        payer.sees("Payment successful");
        was_not_opened_beside(payer);
        payer.taps("Return to");
        payer.is_at(&in_wechat);
        payer.waits_for("return results.length > 0");
        assert_eq!(payer.evaluates("return results[0].state"), "paid");
        payer.sees("Paid");
        payer.pictures("embed-phone-paid");
    });
}

fn was_not_opened_beside(payer: &Browser) {
    assert_eq!(payer.tabs(), 1, "WeChat has one window");
}

#[test]
fn a_page_of_an_unknown_origin_sells_and_gets_no_result() {
    visit(|system, payer| {
        // The browser's and the element's messages about the refusal.
        payer.expects_in_the_console("/pay/result");
        payer.expects_in_the_console("ORIGIN_UNKNOWN");
        let site = Site::start();
        let link = linked(system, &["https://shop.example.com"], json!({}));
        site.shows(system, &link, "");
        payer.opens(&site.origin());
        payer.taps("Pay with WeChat");
        payer.looks_at_tab(1);
        payer.taps("Continue to payment");
        system.scan(&payer.scans());
        payer.sees("Payment successful");
        payer.looks_at_tab(0);
        let asked = "return performance.getEntriesByType('resource')
            .filter(({ name }) => name.includes('/pay/result')).length";
        let before = payer.evaluates(asked).as_u64().unwrap();
        payer.evaluates("dispatchEvent(new Event('pageshow'))");
        payer.has_asked("/pay/result", before as usize + 1);
        has_got_no_event(payer);
        payer.does_not_see("Paid");
    });
}

#[test]
fn without_a_script_there_is_a_link_and_a_picture() {
    visit(|system, payer| {
        let site = Site::start();
        let link = linked(system, &[], json!({}));
        let text = |name: &str| link[name].as_str().unwrap().to_owned();
        let inside = format!(
            "<p><a href=\"{}\">Buy the pearls</a></p>\
             <img src=\"{}\" width=\"240\" height=\"240\" alt=\"Code to pay with WeChat\">",
            text("url"),
            text("qr_url"),
        );
        site.shows(system, &link, &inside);
        payer.runs_no_scripts();
        payer.opens(&site.origin());
        payer.sees_control("Buy the pearls");
        assert_eq!(payer.scans_picture("img"), text("url"));
        payer.pictures("embed-no-script");
        // The link's own page needs no script either, up to the checkout, which
        // says that it needs one.
        payer.taps("Buy the pearls");
        payer.sees("HK$88.00");
        payer.sees("For Jasmine pearls, 50 g");
        payer.taps("Continue to payment");
        payer.sees("This page needs JavaScript to take a payment.");
        payer.pictures("link-no-script-checkout");
        assert!(system.orders().is_empty());
    });
}

#[test]
fn the_button_fits_every_window_and_language() {
    visit(|system, payer| {
        let site = Site::start();
        let link = linked(system, &[], json!({}));
        site.shows(system, &link, "");
        payer.opens(&site.origin());
        payer.sees_control("Pay with WeChat");
        for (scheme, lang, name) in [
            ("light", "en", "Pay with WeChat"),
            ("dark", "zh-Hans", "微信支付"),
            ("light", "zh-HK", "微信支付"),
        ] {
            payer.prefers("color-scheme", scheme);
            payer.evaluates(&format!(
                "document.documentElement.style.colorScheme = 'light dark';
                 document.documentElement.lang = '{lang}';
                 document.querySelector('weceive-pay').draw();
                 document.documentElement.style.fontSize = '200%';"
            ));
            payer.sees_control(name);
            payer.finds_it_accessible(&format!("the button, {lang}"));
            for width in [320, 390, 768, 1440] {
                payer.has_a_window_of(width, 600);
                let place = format!("embed-{lang}-{width}");
                payer.pictures(&place);
                payer.finds_that_it_fits(&place);
            }
        }
    });
}

#[test]
fn the_demo_shop_shows_every_form_of_the_link() {
    visit(|system, payer| {
        payer.calls_itself(PHONE);
        payer.opens(&format!("{}/shop/", system.sandbox()));
        payer.taps("Make a payment link");
        payer.sees_control("Pay with WeChat");
        payer.sees_control("Pay any amount");
        let link = payer.reads("weceive-pay", "link");
        assert_eq!(
            payer.scans_picture("img[alt='Code of the payment link']"),
            link
        );
        payer.pictures("shop-link");
        payer.finds_it_accessible("the shop with a link");
        payer.taps("a sheet to print");
        payer.sees("Demo Tea House");
        payer.pictures("shop-sheet");
        payer.finds_it_accessible("the sheet");
    });
}

#[test]
fn the_overlay_shows_the_code_on_the_merchants_page() {
    visit(|system, payer| {
        let site = Site::start();
        let link = linked(system, &[&site.origin()], json!({}));
        site.shows(system, &link, "");
        payer.opens(&site.origin());
        payer.sees_control("Pay with WeChat");
        payer.evaluates("document.querySelector('weceive-pay').setAttribute('overlay', '')");
        payer.tabs_to("Pay with WeChat");
        payer.presses(Key::Space);
        payer.sees("Demo Tea House · HK$88.00");
        let code = payer.scans_the_screen();
        payer.pictures("embed-overlay");
        payer.finds_it_accessible("the overlay");
        assert_eq!(payer.tabs(), 1);
        // Escape closes it, and the focus is on the button again.
        payer.presses(Key::Escape);
        payer.does_not_see("Scan with WeChat to pay");
        let focused = "return document.activeElement.shadowRoot.activeElement.textContent";
        assert_eq!(payer.evaluates(focused), json!("Pay with WeChat"));
        // The payment counts all the same, and opened again it is the same purchase.
        payer.presses(Key::Space);
        assert_eq!(payer.scans_the_screen(), code);
        system.scan(&code);
        payer.waits_for("return results.length > 0");
        payer.sees("Paid");
        payer.does_not_see("Scan with WeChat to pay");
    });
}
