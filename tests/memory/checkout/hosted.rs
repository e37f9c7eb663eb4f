//! A checkout's page on another host: what it may read and do, and how it learns
//! who pays.

use super::sign_in::{Browser, DESKTOP, WECHAT, call, checkout, with_secret};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use gateway::runtime::Response;
use http::header;
use serde_json::{Value, json};
use tests::memory::{GATEWAY, Memory};

const HOST: &str = "https://shop.example.com";
const STATE: &str = "0123456789abcdef";

/// A call of a page of this origin, as its browser sends it: without cookies
/// and without a content type of JSON.
fn ask(world: &Memory, agent: &str, origin: &str, method: &str, url: &str, body: &str) -> Response {
    let request = http::Request::builder()
        .method(method)
        .uri(format!("{GATEWAY}{url}"))
        .header("user-agent", agent)
        .header("origin", origin)
        .header("sec-fetch-site", "cross-site")
        .header("content-type", "text/plain;charset=UTF-8")
        .body(body.as_bytes().to_vec());
    world.send(request.unwrap())
}

fn allowed(answer: &Response) -> &str {
    let allowed = answer.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
    allowed.map_or("", |origin| origin.to_str().unwrap())
}

fn read(answer: &Response) -> Value {
    serde_json::from_slice(answer.body()).unwrap()
}

/// The address at which a sign-in for this page ends.
fn signed_in(payer: &mut Browser, page: &str, back: &str) -> String {
    let back: String = url::form_urlencoded::byte_serialize(back.as_bytes()).collect();
    let url = format!("{}&state={STATE}&back={back}", call(page, "sign-in"));
    let (status, authorize, text) = payer.get(&url);
    assert_eq!(status, 302, "{text}");
    let (_, callback, _) = payer.get(&authorize);
    let (status, arrived, text) = payer.get(&callback);
    assert_eq!(status, 302, "{text}");
    arrived
}

#[test]
fn a_page_of_a_registered_origin_reads_what_it_shows_and_no_other_does() {
    let world = Memory::default();
    let page = checkout(&with_secret(&world), "1");
    let view = call(&page, "view");
    let answer = ask(&world, DESKTOP, HOST, "GET", &view, "");
    assert_eq!((answer.status().as_u16(), allowed(&answer)), (200, HOST));
    let contents = read(&answer);
    assert!(
        contents["main"]
            .as_str()
            .unwrap()
            .contains("Demo Tea House")
    );
    assert!(!contents["main"].as_str().unwrap().contains("<script"));
    assert_eq!(contents["page"]["view"]["method"], "native");
    assert_eq!(
        contents["offers"],
        json!({"h5": false, "mini_program": false})
    );
    assert!(
        answer
            .headers()
            .get("access-control-allow-credentials")
            .is_none()
    );

    let other = ask(&world, DESKTOP, "https://evil.example", "GET", &view, "");
    assert_eq!((other.status().as_u16(), allowed(&other)), (403, "*"));
    assert_eq!(read(&other)["code"], "ORIGIN_UNKNOWN");
    for (method, name) in [("GET", "status"), ("POST", "order"), ("POST", "check")] {
        let url = call(&page, name);
        let other = ask(&world, DESKTOP, "https://evil.example", method, &url, "{}");
        assert_eq!(allowed(&other), "", "{name}");
        if method == "POST" {
            assert_eq!(read(&other)["code"], "FOREIGN_ORIGIN", "{name}");
        }
        let ours = ask(&world, DESKTOP, HOST, method, &url, "{}");
        assert_eq!(
            (ours.status().as_u16(), allowed(&ours)),
            (200, HOST),
            "{name}"
        );
    }
    // The page shows the error.
    let answer = ask(&world, DESKTOP, HOST, "GET", "/pay/view?s=demo.none", "");
    assert_eq!((answer.status().as_u16(), allowed(&answer)), (200, HOST));
    assert_eq!(read(&answer)["page"]["error"]["code"], "SESSION_NOT_FOUND");
}

#[test]
fn a_token_pays_one_checkout_on_one_host_with_one_appid() {
    let world = Memory::default();
    let shop = with_secret(&world);
    let (page, other) = (checkout(&shop, "1"), checkout(&shop, "2"));
    let mut payer = Browser::new(&world, WECHAT);
    let back = format!("{HOST}/checkout/pay.html?x=1");
    let arrived = signed_in(&mut payer, &page, &back);
    let token = arrived.strip_prefix(&format!("{back}#weceive={STATE}."));
    let token = token
        .expect("back, with a token in the fragment")
        .to_owned();
    // The host learns nothing of the payer from it.
    for part in token.split('.') {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            !text.contains("openid") && !text.contains("wx5a11"),
            "{text}"
        );
    }
    assert!(!arrived.contains("openid"), "{arrived}");
    assert!(
        payer
            .cookies()
            .iter()
            .all(|(name, _)| !name.contains("payer"))
    );

    let order = |page: &str, origin: &str, token: &str| {
        let body = json!({ "payer": token }).to_string();
        let url = call(page, "order");
        read(&ask(&world, WECHAT, origin, "POST", &url, &body))
    };
    let changed = token.replacen(|c: char| c.is_ascii_digit(), "z", 1);
    for (page, wrong) in [
        (&other, token.as_str()),
        (&page, changed.as_str()),
        (&page, ""),
        (&page, "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"),
    ] {
        assert_eq!(order(page, HOST, wrong)["code"], "OPENID_REQUIRED");
    }
    // Of another registered host, and where a cookie's token would count.
    let hosts = json!({"redirect_origins": [HOST, "https://www.example.com"]});
    shop.change(&hosts);
    let elsewhere = order(&page, "https://www.example.com", &token);
    assert_eq!(elsewhere["code"], "OPENID_REQUIRED");
    assert!(order(&page, HOST, &token)["jsapi"].is_object());
    world.advance(2 * 60 * 60);
    assert!(order(&page, HOST, &token)["jsapi"].is_null());
}

#[test]
fn a_cookie_does_not_count_for_a_page_of_another_host() {
    let world = Memory::default();
    let page = checkout(&with_secret(&world), "1");
    let mut payer = Browser::new(&world, WECHAT);
    let (_, authorize, _) = payer.get(&page);
    let (_, callback, _) = payer.get(&authorize);
    payer.get(&callback);
    let mut request = payer.request("POST", &call(&page, "order"), "{}");
    request
        .headers_mut()
        .insert("origin", HOST.parse().unwrap());
    assert_eq!(read(&world.send(request))["code"], "OPENID_REQUIRED");
}

#[test]
fn a_sign_in_returns_only_to_a_registered_host() {
    let world = Memory::default();
    let page = checkout(&with_secret(&world), "1");
    let mut payer = Browser::new(&world, WECHAT);
    for (back, state) in [
        ("https://evil.example/", STATE),
        ("https://shop.example.com.evil.example/", STATE),
        ("https://shop.example.com@evil.example/", STATE),
        ("https://shop.example.com/%23", "short"),
        ("https://shop.example.com/%23x", STATE),
        ("", STATE),
    ] {
        let url = format!("{}&state={state}&back={back}", call(&page, "sign-in"));
        let (status, location, text) = payer.get(&url);
        assert_eq!((status, location.as_str()), (400, ""), "{back}: {text}");
    }
    // It is kept in a cookie, which has a limit.
    let long = |bytes: usize| format!("{HOST}/{}", "x".repeat(bytes - HOST.len() - 1));
    let url = |back: &str| format!("{}&state={STATE}&back={back}", call(&page, "sign-in"));
    let (status, _, text) = payer.get(&url(&long(513)));
    assert_eq!(status, 400, "{text}");
    assert!(text.contains("\"back\"") && text.contains("512"), "{text}");
    let (status, location, _) = payer.get(&url(&long(512)));
    assert_eq!((status, location.is_empty()), (302, false));
}

#[test]
fn a_code_for_wechat_leads_to_the_page_that_shows_it() {
    const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";
    let world = Memory::default();
    let page = checkout(&with_secret(&world), "1");
    let (_, query) = page.split_once('?').unwrap();
    let order = |own: &str| {
        let body = json!({ "page": own }).to_string();
        let answer = ask(&world, PHONE, HOST, "POST", &call(&page, "order"), &body);
        read(&answer)["link"]["url"].as_str().unwrap().to_owned()
    };
    let own = format!("{HOST}/checkout/pay.html?{query}");
    assert_eq!(order(&own), own);
    // Another origin than the browser reports, another checkout, no `http` address, and one that is
    // too long are not used.
    let gateways = format!("{GATEWAY}{page}");
    for wrong in [
        format!("https://evil.example/?{query}"),
        format!("{HOST}/pay.html?s=demo.other"),
        "javascript:alert(1)".to_owned(),
        format!("{own}&x={}", "x".repeat(512)),
    ] {
        assert_eq!(order(&wrong), gateways, "{wrong}");
    }
}

#[test]
fn a_links_form_of_another_host_begins_a_checkout() {
    let world = Memory::default();
    let shop = with_secret(&world);
    let body = json!({"body": "Oolong", "total_fee": 8800, "quantity": 3});
    let (_, made) = shop.call("POST", "/v1/link", body.to_string());
    let id = made["data"]["id"].as_str().unwrap().to_owned();
    let url = format!("/pay/view?l={id}");
    let answer = ask(&world, DESKTOP, HOST, "GET", &url, "");
    assert_eq!(allowed(&answer), HOST);
    assert!(read(&answer)["main"].as_str().unwrap().contains("<form"));
    assert!(read(&answer)["page"].is_null());

    let form = |quantity: &str| format!("l={id}&once=0123456789abcdef&quantity={quantity}");
    let wrong = read(&ask(&world, DESKTOP, HOST, "POST", "/pay/link", &form("9")));
    assert!(
        wrong["main"].as_str().unwrap().contains("aria-invalid"),
        "{wrong}"
    );
    let begun = ask(&world, DESKTOP, HOST, "POST", "/pay/link", &form("2"));
    assert!(begun.headers().get(header::SET_COOKIE).is_none());
    let checkout = read(&begun)["s"].as_str().unwrap().to_owned();
    let url = format!("/pay/view?s={checkout}");
    let view = read(&ask(&world, DESKTOP, HOST, "GET", &url, ""));
    assert_eq!(view["page"]["view"]["money"]["amount_minor"], 17_600);
    let evil = "https://evil.example";
    let refused = ask(&world, DESKTOP, evil, "POST", "/pay/link", &form("2"));
    assert_eq!(allowed(&refused), "");
    assert_eq!(read(&refused)["code"], "FOREIGN_ORIGIN");
}

/// Where a payer must go on in WeChat, the link to copy is the one of the page
/// that says so.
#[test]
fn a_link_to_open_in_wechat_leads_to_the_page_that_shows_it() {
    const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";
    let world = Memory::default();
    let shop = with_secret(&world);
    let body = json!({"body": "Oolong", "total_fee": 8800});
    let (_, made) = shop.call("POST", "/v1/link", body.to_string());
    let id = made["data"]["id"].as_str().unwrap().to_owned();
    let own = format!("{HOST}/checkout/pay.html");
    let shown = |page: &str| {
        let page: String = url::form_urlencoded::byte_serialize(page.as_bytes()).collect();
        let url = format!("/pay/view?l={id}&page={page}");
        let viewed = read(&ask(&world, PHONE, HOST, "GET", &url, ""));
        let form = format!("l={id}&page={page}");
        let sent = read(&ask(&world, PHONE, HOST, "POST", "/pay/link", &form));
        [viewed, sent].map(|answer| {
            let main = answer["main"].as_str().unwrap();
            let (_, after) = main.split_once("data-copy=\"").unwrap();
            after.split('"').next().unwrap().to_owned()
        })
    };
    let theirs = format!("{own}?l={id}");
    assert_eq!(shown(&own), [theirs.clone(), theirs]);
    let gateways = format!("{GATEWAY}/pay/?l={id}");
    for wrong in [
        "https://evil.example/",
        "javascript:1",
        &format!("{own}?l=x"),
    ] {
        assert_eq!(
            shown(wrong),
            [gateways.clone(), gateways.clone()],
            "{wrong}"
        );
    }
}

/// A strict policy of the host allows no style element: the page inserts one rule.
#[test]
fn a_merchants_colour_is_sent_to_another_host_as_one_rule() {
    let world = Memory::default();
    let shop = with_secret(&world);
    let view = call(&checkout(&shop, "1"), "view");
    let contents = || read(&ask(&world, DESKTOP, HOST, "GET", &view, ""));
    assert!(contents()["style"].is_null());
    crate::checkout::brand::set_brand(&shop, json!({"colour": "#1a7f37"}));
    let contents = contents();
    let rule = contents["style"].as_str().unwrap();
    assert!(
        rule.starts_with("@media all{:root:root{--brand:#"),
        "{rule}"
    );
    let main = contents["main"].as_str().unwrap();
    assert!(
        !main.contains("<style") && !main.contains("style="),
        "{main}"
    );
}
