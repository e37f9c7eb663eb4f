//! What a link's page shows: amounts, and the other languages.

use super::links::{link, open, pay, post, text};
use super::sign_in::DESKTOP;
use serde_json::{Value, json};
use tests::memory::{GATEWAY, Memory};

/// The largest amount of a link guards against a slip where the merchant has set
/// no smallest one: it is named when it is exceeded.
#[test]
fn the_largest_amount_is_shown_only_where_it_is_meant() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let page = |link: &Value| open(&world, "GET", text(link, "url"), "", &[]).html;
    let open_ended = link(&shop, json!({"max_fee": 200_000}));
    let html = page(&open_ended);
    assert!(
        !html.contains("2,000.00") && !html.contains("id=\"hint\""),
        "{html}"
    );
    assert!(
        html.contains("<span aria-hidden=\"true\">HK$</span>"),
        "{html}"
    );
    let form = format!("l={}&amount=2001", text(&open_ended, "id"));
    let refused = post(&world, &form, DESKTOP).html;
    assert!(refused.contains("from HK$0.01 to HK$2,000.00"), "{refused}");
    assert!(
        refused.contains("aria-describedby=\"problem\""),
        "{refused}"
    );
    let between = link(&shop, json!({"min_fee": 500, "max_fee": 200_000}));
    assert!(page(&between).contains("From HK$5.00 to HK$2,000.00"));
}

/// Both pages can be switched to the other languages; what the address had stays.
#[test]
fn each_page_links_to_itself_in_the_other_languages() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let link = link(&shop, json!({"total_fee": 8800}));
    let html = open(&world, "GET", text(&link, "url"), "", &[]).html;
    let address = |html: &str, tag: &str| {
        let (_, after) = html
            .split_once(&format!("<a lang=\"{tag}\" href=\""))
            .unwrap();
        after.split('"').next().unwrap().replace("&amp;", "&")
    };
    let chinese = address(&html, "zh-Hans");
    assert!(
        chinese.starts_with(&format!("/pay/?l={}&once=", text(&link, "id"))),
        "{chinese}"
    );
    assert!(
        !html.contains("<a lang=\"en\""),
        "not to the language that it has"
    );
    let html = open(&world, "GET", &format!("{GATEWAY}{chinese}"), "", &[]).html;
    assert!(
        html.contains("去支付") && html.contains("<html lang=\"zh-Hans\""),
        "{html}"
    );
    assert!(html.contains("name=\"lang\" value=\"zh-Hans\""), "{html}");
    let traditional = address(&html, "zh-Hant");
    assert_eq!(address(&html, "en").replace("=en", "=zh-Hant"), traditional);
}

/// The address of a link's page in another language has the form's `once`, and may be
/// passed on: only the browser that has begun a purchase is shown that it is paid.
#[test]
fn a_paid_purchase_is_shown_only_to_the_browser_that_has_begun_it() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let made = link(&shop, json!({"total_fee": 100}));
    let form = format!("l={}&once=shared0123456789abcdef", text(&made, "id"));
    let send = |cookie: &str| {
        let request = http::Request::post(format!("{GATEWAY}/pay/link"))
            .header("user-agent", DESKTOP)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", GATEWAY)
            .header("sec-fetch-site", "same-origin")
            .header("cookie", cookie);
        let answer = world.send(request.body(form.clone().into_bytes()).unwrap());
        assert_eq!(answer.status(), 303);
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        let cookie = header("set-cookie");
        let cookie = cookie.split(';').next().unwrap().to_owned();
        (header("location"), cookie)
    };
    let (first, cookie) = send("");
    assert_eq!(
        send("").0,
        first,
        "a double tap, of which the first answer was lost"
    );
    pay(&world, first.strip_prefix(GATEWAY).unwrap());
    assert_eq!(send(&cookie).0, first, "the same browser");
    let (second, others) = send("");
    assert_ne!(second, first, "another browser");
    assert_eq!(send(&others).0, second);
    assert_eq!(send("").0, second, "an open one may be shared");
}
