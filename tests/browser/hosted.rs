//! The page on another host than the gateway's: a static host of its own origin,
//! below a path, with a strict Content-Security-Policy. What the environments do
//! there is in `environment_matrix.rs`.

use crate::browser::Browser;
use crate::test_system::{APP_SECRET, TestSystem};
use crate::visit;
use serde_json::{Value, json};
use testkit::demo::StaticHost;
use testkit::paths;
use tests::live::{Shop, send};

const WECHAT: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.49(0x18003137) NetType/WIFI Language/en";

/// A host of the page, set to this gateway.
pub fn host(gateway: &str) -> StaticHost {
    let files = paths::root().join("dist");
    let file = move |name: &str| std::fs::read(files.join(name)).ok();
    StaticHost::start(file, gateway, 0).unwrap_or_else(|failure| panic!("{failure}"))
}

/// The address of a checkout or link on that host.
pub fn hosted(host: &StaticHost, address: &str) -> String {
    let (_, query) = address.split_once('?').unwrap();
    format!("{}?{query}", host.page())
}

fn merchant(system: &TestSystem, host: &StaticHost) -> Shop {
    let change = json!({ "app_secret": APP_SECRET, "redirect_origins": [host.origin()] });
    system.merchant("hosted", &change)
}

fn in_wechat(payer: &Browser) {
    payer.has_a_window_of(390, 780);
    payer.calls_itself(WECHAT);
    payer.runs_first(crate::BRIDGE);
}

/// Opens the page as Alice does: it sends her to WeChat's sign-in, which returns
/// her with a token.
///
/// The sandbox knows her by a header. The browser would send it with the page's
/// own calls too, so it is set only on the way to WeChat and back, and the page
/// that is returned to starts without it.
pub fn opens_as_alice(payer: &Browser, page: &str) {
    payer.expects_in_the_console("ERR_BLOCKED_BY_CLIENT");
    payer.opens(page);
    payer.sees("Open this link in WeChat");
    payer.has_the_phone_of("alice");
    payer.cannot_load(&["*/pay.js"]);
    payer.reloads();
    payer.waits_for("return location.hash.startsWith('#weceive=')");
    payer.has_no_phone();
    payer.cannot_load(&[]);
    payer.reloads();
}

#[test]
fn a_payer_signs_in_and_pays_on_the_merchants_own_host() {
    visit(|system, payer| {
        let host = host(&system.gateway());
        let shop = merchant(system, &host);
        let checkout = system.checkout_at(&shop, &json!({ "lang": "en" }));
        let page = hosted(&host, &checkout);
        in_wechat(payer);
        opens_as_alice(payer, &page);
        payer.sees_control("Pay now");
        payer.sees("HK$48.00");
        payer.finds_it_accessible("the page on another host");
        // The token is off the address, and no cookie names the payer.
        payer.is_at(&page);
        assert_eq!(payer.evaluates("return document.cookie"), "");
        payer.taps("Pay now");
        system.pays_by_the_bridge(payer, 0);
        payer.evaluates("answers(0, 'get_brand_wcpay_request:ok')");
        payer.sees("Payment successful");
        payer.pictures("hosted-paid");
        // Loading it again asks WeChat for nothing.
        payer.reloads();
        payer.sees("Payment successful");
    });
}

#[test]
fn a_token_of_another_checkout_host_or_sign_in_pays_nothing() {
    visit(|system, payer| {
        let host = host(&system.gateway());
        let shop = merchant(system, &host);
        let first = system.checkout_at(&shop, &json!({ "lang": "en" }));
        in_wechat(payer);
        opens_as_alice(payer, &hosted(&host, &first));
        payer.sees_control("Pay now");
        let id = |address: &str| {
            let (_, after) = address.split_once("s=").unwrap();
            after.split('&').next().unwrap().to_owned()
        };
        let stored = format!("return sessionStorage.getItem('weceive {}')", id(&first));
        let token = payer.evaluates(&stored);
        let token = token.as_str().unwrap().to_owned();

        let order = |address: &str, origin: &str, token: &str| {
            let headers = [
                ("user-agent", WECHAT),
                ("content-type", "application/json"),
                ("origin", origin),
            ];
            let url = address.replace("/pay/?", "/pay/order?");
            let body = json!({ "payer": token });
            let answer = send("POST", &url, &headers, body.to_string());
            let allowed = answer.header("access-control-allow-origin").to_owned();
            (answer.json()["code"].clone(), allowed)
        };
        let second = system.checkout_at(&shop, &json!({}));
        let origin = host.origin();
        let needed = (json!("OPENID_REQUIRED"), origin.clone());
        assert_eq!(order(&second, &origin, &token), needed);
        assert_eq!(order(&first, &origin, &token.replacen('e', "f", 1)), needed);
        assert_eq!(
            order(&first, &origin, "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"),
            needed
        );
        let foreign = (json!("FOREIGN_ORIGIN"), String::new());
        assert_eq!(order(&first, "http://127.0.0.1:1", &token), foreign);
        assert_eq!(order(&first, &origin, &token), (Value::Null, origin));

        // A token in the address that no sign-in of this tab has asked for: the
        // payer is sent to sign in.
        let address = hosted(&host, &second);
        payer.opens(&format!("{address}#weceive=0123456789abcdef.{token}"));
        payer.sees("Open this link in WeChat");
    });
}

#[test]
fn a_link_is_bought_on_the_merchants_own_host() {
    visit(|system, payer| {
        let host = host(&system.gateway());
        let shop = merchant(system, &host);
        let body = json!({ "body": "Jasmine pearls", "total_fee": 4800, "quantity": 3 });
        let made = shop.call("POST", "/v1/link", body.to_string());
        let link = made.json()["data"]["url"].as_str().unwrap().to_owned();
        payer.opens(&hosted(&host, &format!("{link}&lang=en")));
        payer.sees("Jasmine pearls");
        payer.writes("Quantity", "9");
        payer.taps("Continue");
        payer.sees("Enter a whole number from 1 to 3.");
        payer.writes("Quantity", "2");
        payer.taps("Continue");
        payer.sees("HK$96.00");
        system.scan(&payer.scans());
        payer.sees("Payment successful");
        assert!(
            payer
                .evaluates("return location.href")
                .as_str()
                .unwrap()
                .starts_with(&host.page())
        );
    });
}

#[test]
fn each_fault_of_the_hosting_has_its_words() {
    visit(|system, payer| {
        let ours = host(&system.gateway());
        let shop = merchant(system, &ours);
        let checkout = system.checkout_at(&shop, &json!({ "lang": "en" }));
        payer.expects_in_the_console("Failed to load resource");
        payer.expects_in_the_console("blocked by CORS policy");
        payer.expects_in_the_console("net::ERR");

        let unregistered = host(&system.gateway());
        payer.opens(&hosted(&unregistered, &checkout));
        payer.sees("This page can’t take payments");
        payer.does_not_see("isn’t answering");
        payer.does_not_see("此页面无法收款");
        payer.finds_it_accessible("an unregistered host");

        let offline = host("http://127.0.0.1:9");
        payer.opens(&hosted(&offline, &checkout));
        payer.sees("The payment service isn’t answering");

        // It is no gateway.
        let wrong = host(&system.sandbox());
        payer.opens(&hosted(&wrong, &checkout));
        payer.sees("The payment service isn’t answering");

        let unset = host("");
        payer.opens(&hosted(&unset, &checkout));
        payer.sees("The page isn’t set up yet");

        payer.opens(&ours.page());
        payer.sees("This link doesn’t work");
        payer.opens(&format!("{}?lang=zh-Hans", ours.page()));
        payer.sees("链接无效");

        let (address, id) = checkout.split_once("s=").unwrap();
        let (id, rest) = id.split_once('&').unwrap();
        let (merchant, _) = id.split_once('.').unwrap();
        let stale = format!("{address}s={merchant}.none&{rest}&lang=en");
        payer.opens(&hosted(&ours, &stale));
        payer.sees("This link doesn’t work");
        payer.sees("Reference");
    });
}

/// The host's policy allows no style element and no style attribute.
#[test]
fn a_merchants_colour_and_logo_are_shown_on_its_own_host() {
    visit(|system, payer| {
        let host = host(&system.gateway());
        let shop = merchant(system, &host);
        let changed = shop.call(
            "PATCH",
            "/v1/brand",
            json!({ "colour": "#7a1fa2" }).to_string(),
        );
        assert_eq!(changed.status, 200, "{}", changed.text());
        let colour = |page: &str| {
            payer.opens(page);
            payer.sees_control("简体中文");
            payer.evaluates(
                "return getComputedStyle(document.querySelector('.monogram')).backgroundColor",
            )
        };
        let checkout = system.checkout_at(&shop, &json!({ "lang": "en" }));
        for scheme in ["light", "dark"] {
            payer.prefers("color-scheme", scheme);
            let theirs = colour(&hosted(&host, &checkout));
            assert_eq!(theirs, colour(&checkout), "{scheme}");
            payer.pictures(&format!("hosted-colour-{scheme}"));
        }
        assert_ne!(colour(&checkout), json!("rgb(6, 122, 60)"));
        let made = shop.call(
            "POST",
            "/v1/link",
            json!({ "body": "Tea", "total_fee": 1 }).to_string(),
        );
        let link = made.json()["data"]["url"].as_str().unwrap().to_owned();
        assert_eq!(colour(&hosted(&host, &link)), colour(&link));
    });
}

#[test]
fn a_link_that_must_be_opened_in_wechat_is_the_one_on_the_merchants_own_host() {
    visit(|system, payer| {
        let host = host(&system.gateway());
        let shop = merchant(system, &host);
        let made = shop.call(
            "POST",
            "/v1/link",
            json!({ "body": "Tea", "total_fee": 8800 }).to_string(),
        );
        let link = made.json()["data"]["url"].as_str().unwrap().to_owned();
        let (_, id) = link.split_once("l=").unwrap();
        let theirs = format!("{}?l={id}", host.page());
        payer.has_a_window_of(390, 780);
        payer.calls_itself("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1");
        payer.opens(&format!("{theirs}&lang=en"));
        payer.sees("Open this page in WeChat");
        payer.sees(&theirs);
        payer.pictures("hosted-link-elsewhere");
        payer.has_a_window_of(390, 1100);
        assert_eq!(payer.scans(), theirs);
        payer.finds_it_accessible("a link to open in WeChat, on another host");
        payer.taps("简体中文");
        payer.sees("请在微信中打开");
        payer.is_at(&theirs);
    });
}
