//! Payment links: one address that sells repeatedly.

use crate::checkout::sign_in::{Browser, DESKTOP, WECHAT, call};
use serde_json::{Value, json};
use testkit::demo::MERCHANTS;
use tests::memory::{GATEWAY, Memory, SHOP_NOTIFY, Shop};

/// The one script of a link's page.
const OWN_SCRIPT: &str = "<script src=\"/link.js\" defer></script>";

const ROBOT: &str = "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)";

/// A link that must be made; its data.
pub fn link(shop: &Shop, change: Value) -> Value {
    let mut body = json!({"body": "Oolong", "notify_url": SHOP_NOTIFY});
    let fields = body.as_object_mut().unwrap();
    fields.extend(change.as_object().unwrap().clone());
    let (status, answer) = shop.call("POST", "/v1/link", body.to_string());
    assert_eq!(status, 200, "{answer}");
    answer["data"].clone()
}

pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{value}"))
}

/// The link with its current sales.
fn now(shop: &Shop, link: &Value) -> Value {
    let path = format!("/v1/link?id={}", text(link, "id"));
    let (status, answer) = shop.call("GET", &path, "");
    assert_eq!(status, 200, "{answer}");
    answer["data"]["links"][0].clone()
}

fn change(shop: &Shop, link: &Value, mut change: Value) -> (u16, Value) {
    change["id"] = link["id"].clone();
    shop.call("POST", "/v1/link", change.to_string())
}

/// What a payer's browser gets: status, location, HTML.
pub fn open(world: &Memory, method: &str, url: &str, form: &str, headers: &[(&str, &str)]) -> Got {
    let mut request = http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = world.send(request.body(form.as_bytes().to_vec()).unwrap());
    let location = answer.headers().get("location");
    Got {
        status: answer.status().as_u16(),
        location: location.map_or(String::new(), |at| at.to_str().unwrap().to_owned()),
        html: String::from_utf8(answer.body().clone()).unwrap(),
    }
}

pub struct Got {
    status: u16,
    location: String,
    pub html: String,
}

impl Got {
    /// The value of the form's hidden field.
    fn hidden(&self, name: &str) -> String {
        let mark = format!("name=\"{name}\" value=\"");
        let (_, after) = self.html.split_once(&mark).expect("a hidden field");
        after.split('"').next().unwrap().to_owned()
    }
}

fn see(world: &Memory, link: &Value) -> Got {
    open(
        world,
        "GET",
        text(link, "url"),
        "",
        &[("user-agent", DESKTOP)],
    )
}

/// Submits the page's form with these additional fields.
fn send(world: &Memory, page: &Got, fields: &str) -> Got {
    let form = format!(
        "l={}&once={}{fields}",
        page.hidden("l"),
        page.hidden("once")
    );
    post(world, &form, DESKTOP)
}

pub fn post(world: &Memory, form: &str, agent: &str) -> Got {
    let headers = [
        ("user-agent", agent),
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", GATEWAY),
        ("sec-fetch-site", "same-origin"),
    ];
    open(
        world,
        "POST",
        &format!("{GATEWAY}/pay/link"),
        form,
        &headers,
    )
}

/// Opens the link and submits its form; returns the path of the new checkout.
pub fn buy(world: &Memory, link: &Value, fields: &str) -> String {
    let got = send(world, &see(world, link), fields);
    assert_eq!(got.status, 303, "{}", got.html);
    got.location.strip_prefix(GATEWAY).unwrap().to_owned()
}

/// Alice scans the code of a checkout and pays; the order's number.
pub fn pay(world: &Memory, page: &str) -> String {
    let mut payer = Browser::new(world, DESKTOP);
    let (status, prepared) = payer.post(&call(page, "order"));
    assert_eq!(status, 200, "{prepared}");
    world.scan(&prepared["qr"]["code_url"]);
    world.advance(1);
    let (_, _, view) = payer.get(&call(page, "status"));
    let view: Value = serde_json::from_str(&view).unwrap();
    assert!(view["state"]["paid"].is_object(), "{view}");
    text(&view, "out_trade_no").to_owned()
}

/// The link has no checkouts.
fn nothing_made(world: &Memory, shop: &Shop, link: &Value) {
    assert_eq!(now(shop, link)["held"], 0);
    // A page may have an exchange rate asked for, which is no order.
    let mut calls = world.upstream_calls();
    calls.retain(|call| !call.ends_with("/queryexchagerate"));
    assert_eq!(calls, Vec::<String>::new());
}

#[test]
fn a_link_sells_repeatedly_in_every_dialect() {
    for kind in MERCHANTS {
        let world = Memory::default();
        let account = world.account(kind.mch_id);
        let shop = world.shop_with(
            kind.id,
            &kind.admin_body(&account, "https://shop.example.com"),
        );
        let link = link(&shop, json!({"total_fee": 8800, "attach": "table 4"}));
        let page = see(&world, &link);
        assert_eq!(page.status, 200);
        assert!(page.html.contains("Oolong"), "{}", page.html);
        assert_eq!(page.html.matches("<script").count(), 1, "{}", page.html);
        assert!(page.html.contains(OWN_SCRIPT), "the form works without it");
        nothing_made(&world, &shop, &link);

        let (first, second) = (buy(&world, &link, ""), buy(&world, &link, ""));
        assert_ne!(first, second, "every form is a purchase of its own");
        assert_eq!(now(&shop, &link)["held"], 2);
        let number = pay(&world, &first);
        let (_, name) = text(&link, "id").split_once('.').unwrap();
        assert!(number.starts_with(name), "{number}");
        let status = shop.status(&number);
        assert_eq!(status["trade_state"], "SUCCESS", "{}", kind.id);
        assert_eq!(status["total_fee"], "8800");
        assert_eq!(status["attach"], "table 4");
        let told = world.received();
        assert!(told[0].body.contains(&number), "{told:?}");
        let link = now(&shop, &link);
        assert_eq!((&link["sold"], &link["held"]), (&json!(1), &json!(1)));
        pay(&world, &second);
        assert_eq!(now(&shop, &link)["sold"], 2);
        // The same after a day without a request.
        world.advance(86_400);
        assert_eq!(now(&shop, &link)["sold"], 2);
    }
}

#[test]
fn inside_wechat_a_links_checkout_begins_with_the_sign_in() {
    let world = Memory::default();
    let shop = crate::checkout::sign_in::with_secret(&world);
    let link = link(&shop, json!({"total_fee": 1}));
    let mut payer = Browser::new(&world, WECHAT);
    let (status, _, html) = payer.get(text(&link, "url"));
    assert_eq!(status, 200, "a preview may have fetched it: {html}");
    let form = format!("l={}&once=0123456789abcdef", text(&link, "id"));
    let got = post(&world, &form, WECHAT);
    assert_eq!(got.status, 303);
    assert_eq!(payer.get(&got.location).0, 302, "to WeChat's sign-in");
}

#[test]
fn a_double_tap_and_the_back_button_are_one_purchase() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let entered = json!({"min_fee": 100, "max_fee": 50_000, "stock": 5});
    let link = link(&shop, entered);
    let page = see(&world, &link);
    let first = send(&world, &page, "&amount=12.50").location;
    assert_eq!(send(&world, &page, "&amount=12.50").location, first);
    assert_eq!(now(&shop, &link)["held"], 1);
    let other = send(&world, &page, "&amount=13").location;
    assert_ne!(other, first, "another amount is another purchase");
    pay(&world, first.strip_prefix(GATEWAY).unwrap());
    assert_eq!(now(&shop, &link)["sold"], 1);
}

/// The answer to a form may be lost: the same form finds its purchase of the last pieces.
#[test]
fn the_same_form_finds_its_purchase_of_the_last_pieces() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let link = link(&shop, json!({"total_fee": 100, "stock": 3, "quantity": 3}));
    let pages = [see(&world, &link), see(&world, &link)];
    for (page, fields) in pages.iter().zip(["&quantity=2", "&quantity=1"]) {
        let first = send(&world, page, fields);
        assert_eq!(first.status, 303);
        assert_eq!(send(&world, page, fields).location, first.location);
    }
    assert_eq!(now(&shop, &link)["held"], 3);
    for fields in ["&quantity=3", "&quantity=x"] {
        assert_eq!(send(&world, &pages[0], fields).status, 409);
    }
}

#[test]
fn the_payer_enters_the_amount_and_nothing_is_guessed() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let link = link(&shop, json!({"min_fee": 500, "max_fee": 20_000}));
    let page = see(&world, &link);
    for shown in [
        "Amount in HKD",
        "From HK$5.00 to HK$200.00",
        "inputmode=\"decimal\"",
    ] {
        assert!(page.html.contains(shown), "{shown}: {}", page.html);
    }
    let in_words = [
        ("", "Enter the amount."),
        ("abc", "Enter numbers only, for example 12.50"),
        ("1,000", "numbers only"),
        ("12,50", "numbers only"),
        ("1%20000", "numbers only"),
        ("12.505", "at most two digits after the point"),
        ("4.99", "from HK$5.00 to HK$200.00"),
        ("200.01", "from HK$5.00 to HK$200.00"),
        ("0", "from HK$5.00 to HK$200.00"),
        ("-10", "numbers only"),
        ("1e2", "numbers only"),
        ("%EF%BC%91%EF%BC%90", "numbers only"),
        ("99999999999999999999999", "from HK$5.00 to HK$200.00"),
    ];
    for (amount, sentence) in in_words {
        let got = send(&world, &page, &format!("&amount={amount}"));
        assert_eq!(got.status, 422, "{amount}");
        let (_, alert) = got.html.split_once("role=\"alert\">").unwrap();
        let alert = alert.split("</p>").next().unwrap();
        assert!(alert.contains(sentence), "{amount}: {alert}");
        assert!(got.html.contains("aria-invalid=\"true\""), "{}", got.html);
        assert_eq!(got.hidden("once"), page.hidden("once"));
    }
    let hans = send(&world, &page, "&amount=1,000&lang=zh-Hans");
    assert!(hans.html.contains("请输入数字金额"), "{}", hans.html);
    nothing_made(&world, &shop, &link);

    let paid = send(&world, &page, "&amount=%2012.5&lang=zh-Hans").location;
    assert!(paid.ends_with("&lang=zh-Hans"), "{paid}");
    let number = pay(&world, paid.strip_prefix(GATEWAY).unwrap());
    assert_eq!(shop.status(&number)["total_fee"], "1250");
}

#[test]
fn a_currency_without_decimals_accepts_none() {
    let world = Memory::default();
    let shop = world.shop_with("demo", &json!({"fee_type": "JPY"}));
    let link = link(&shop, json!({"max_fee": 9999}));
    let page = see(&world, &link);
    assert!(page.html.contains("inputmode=\"numeric\""));
    let got = send(&world, &page, "&amount=12.50");
    assert!(got.html.contains("no decimals"), "{}", got.html);
    assert_eq!(send(&world, &page, "&amount=1250").status, 303);
}

#[test]
fn several_pieces_cost_as_many_times_the_price() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let link = link(&shop, json!({"total_fee": 8800, "quantity": 5}));
    let page = see(&world, &link);
    assert!(page.html.contains("HK$88.00 each · up to 5"));
    for quantity in ["0", "6", "-1", "1.5", "x", "", "99999999999999999999"] {
        let got = send(&world, &page, &format!("&quantity={quantity}"));
        assert_eq!(got.status, 422, "{quantity}");
        assert!(
            got.html.contains("a whole number from 1 to 5"),
            "{quantity}"
        );
    }
    let checkout = buy(&world, &link, "&quantity=3");
    let (_, _, html) = Browser::new(&world, DESKTOP).get(&checkout);
    assert!(html.contains("Oolong × 3"), "{html}");
    let number = pay(&world, &checkout);
    assert_eq!(shop.status(&number)["total_fee"], "26400");
    assert_eq!(now(&shop, &link)["sold"], 3);
}

#[test]
fn the_last_piece_is_sold_once() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let link = link(&shop, json!({"total_fee": 100, "stock": 3, "quantity": 3}));
    let (one, other) = (see(&world, &link), see(&world, &link));
    let first = send(&world, &one, "&quantity=2");
    assert_eq!(first.status, 303);
    let second = send(&world, &other, "&quantity=2");
    assert_eq!(second.status, 422, "both pages promised three");
    let (_, alert) = second.html.split_once("role=\"alert\">").unwrap();
    assert!(alert.starts_with("Enter a whole number from 1 to 1."));
    assert_eq!(send(&world, &other, "&quantity=1").status, 303);
    let sold_out = see(&world, &link);
    assert!(sold_out.html.contains("Sold out"), "{}", sold_out.html);
    assert!(!sold_out.html.contains("<form"));
    let late = see(&world, &link);
    assert!(late.html.contains("Sold out"));
    let third = post(&world, &format!("l={}", text(&link, "id")), DESKTOP);
    assert_eq!((third.status, third.location.as_str()), (409, ""));

    // The first pays; the other does not, and its piece is released.
    pay(&world, first.location.strip_prefix(GATEWAY).unwrap());
    world.advance(15 * 60 + 60);
    let link = now(&shop, &link);
    assert_eq!((&link["sold"], &link["held"]), (&json!(2), &json!(0)));
    assert!(see(&world, &link).html.contains("<form"));
    let may_come_back = "More may become available";
    assert!(sold_out.html.contains(may_come_back), "others hold a piece");
    pay(&world, &buy(&world, &link, ""));
    world.advance(3600);
    let all_sold = see(&world, &link);
    assert!(all_sold.html.contains("Sold out"), "{}", all_sold.html);
    assert!(!all_sold.html.contains(may_come_back), "all are paid");
    assert_eq!(now(&shop, &link)["sold"], 3);
}

#[test]
fn an_open_order_keeps_its_piece_until_it_is_known_to_be_closed() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let link = link(&shop, json!({"total_fee": 100, "stock": 1}));
    let checkout = buy(&world, &link, "");
    let mut payer = Browser::new(&world, DESKTOP);
    let (_, prepared) = payer.post(&call(&checkout, "order"));
    world.lose_notices(true);
    world.advance(15 * 60 - 5);
    world.scan(&prepared["qr"]["code_url"]);
    // Its last query finds the payment.
    world.advance(120);
    assert!(see(&world, &link).html.contains("Sold out"));
    assert_eq!(now(&shop, &link)["sold"], 1);
}

#[test]
fn a_link_that_is_off_expired_or_unknown_makes_no_order() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let link = link(&shop, json!({"total_fee": 100, "expires_in_seconds": 60}));
    let page = see(&world, &link);

    assert_eq!(change(&shop, &link, json!({"active": false})).0, 200);
    assert!(see(&world, &link).html.contains("Not available"));
    let got = send(&world, &page, "");
    assert_eq!((got.status, got.location.as_str()), (409, ""));
    let (_, on) = change(&shop, &link, json!({"active": true, "total_fee": 200}));
    assert_eq!(on["data"]["total_fee"], "200");
    assert_eq!(on["data"]["expires_at"], link["expires_at"], "unchanged");
    assert!(see(&world, &link).html.contains("HK$2.00"));

    world.advance(60);
    assert!(see(&world, &link).html.contains("This link has expired"));
    assert_eq!(send(&world, &page, "").status, 409);
    let (_, longer) = change(&shop, &link, json!({"expires_in_seconds": null}));
    assert_eq!(longer["data"]["expires_at"], Value::Null);
    let (_, entered) = change(&shop, &link, json!({"max_fee": 500}));
    assert_eq!(entered["data"]["total_fee"], Value::Null);
    assert_eq!(
        send(&world, &page, "").status,
        422,
        "now there is a question"
    );
    nothing_made(&world, &shop, &link);

    let agent = [("user-agent", DESKTOP)];
    for id in [
        "",
        "x",
        "demo",
        "demo.",
        "demo.unknown",
        "nobody.x",
        "demo.%27--",
        "../x",
    ] {
        let got = open(&world, "GET", &format!("{GATEWAY}/pay/?l={id}"), "", &agent);
        assert_eq!(got.status, 404, "{id}");
        assert_eq!(
            post(&world, &format!("l={id}"), DESKTOP).status,
            404,
            "{id}"
        );
        for picture in ["qr", "sheet"] {
            let url = format!("{GATEWAY}/pay/{picture}?l={id}");
            assert!(open(&world, "GET", &url, "", &agent).status >= 400, "{id}");
        }
    }

    // Another merchant can neither read nor change it.
    let other = world.shop("other");
    let path = format!("/v1/link?id={}", text(&link, "id"));
    assert_eq!(other.call("GET", &path, "").1["code"], "LINK_NOT_FOUND");
    let (_, refused) = change(&other, &link, json!({"active": false}));
    assert_eq!(refused["code"], "LINK_NOT_FOUND");
    // A checkout is not a link, and a link is not a checkout.
    let checkout = crate::checkout::sign_in::checkout(&shop, "1").replace("?s=", "?l=");
    let got = open(&world, "GET", &format!("{GATEWAY}{checkout}"), "", &agent);
    assert_eq!(got.status, 404);
}

#[test]
fn robots_and_previews_make_no_purchase() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let link = link(&shop, json!({"total_fee": 8800, "stock": 1}));
    for agent in [ROBOT, "MicroMessenger Client", DESKTOP] {
        let got = open(
            &world,
            "GET",
            text(&link, "url"),
            "",
            &[("user-agent", agent)],
        );
        for shown in [
            "og:title\" content=\"Demo Tea House · HK$88.00\"",
            "og:image\" content=\"https://pay.example.com/image/demo.png\"",
            "noindex",
        ] {
            assert!(got.html.contains(shown), "{agent}: {}", got.html);
        }
    }
    let got = post(&world, &format!("l={}", text(&link, "id")), ROBOT);
    assert_eq!((got.status, got.location.as_str()), (200, ""));
    nothing_made(&world, &shop, &link);
}

#[test]
fn another_sites_form_makes_no_purchase() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let link = link(&shop, json!({"total_fee": 8800}));
    let form = format!("l={}", text(&link, "id"));
    let agent = ("user-agent", DESKTOP);
    let url = format!("{GATEWAY}/pay/link");
    for headers in [
        [agent, ("origin", "https://evil.example")],
        [agent, ("origin", "null")],
        [agent, ("sec-fetch-site", "cross-site")],
        [agent, ("sec-fetch-site", "same-site")],
    ] {
        let got = open(&world, "POST", &url, &form, &headers);
        assert_eq!(got.status, 403, "{headers:?}");
    }
    assert_eq!(open(&world, "GET", &url, "", &[agent]).status, 405);
    nothing_made(&world, &shop, &link);
}

#[test]
fn hostile_texts_are_escaped() {
    let hostile = "\"><script>alert(1)</script>'";
    let world = Memory::default();
    let shop = world.shop_with("demo", &json!({"name": hostile}));
    let link = link(&shop, json!({"body": hostile, "max_fee": 100}));
    let page = see(&world, &link);
    let sheet = open(&world, "GET", text(&link, "sheet_url"), "", &[]);
    let refused = send(
        &world,
        &page,
        "&amount=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
    );
    let own = format!(
        "{}&once=%22%3E%3Cscript%3E&lang=%22%3E%3Cscript%3E",
        text(&link, "url")
    );
    let own = open(&world, "GET", &own, "", &[("user-agent", DESKTOP)]);
    for got in [page, sheet, refused, own] {
        let html = got.html.replace(OWN_SCRIPT, "");
        // The sheet's own has the nonce of its policy.
        let html = html.replace("<script nonce=\"", "");
        assert!(!html.contains("<script"), "{html}");
        assert!(got.html.contains("&lt;script&gt;"), "{}", got.html);
    }
}

#[test]
fn invalid_links_are_refused_by_name() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for (asked, code, field) in [
        (json!({"total_fee": 1}), "FIELD_MISSING", "body"),
        (json!({"body": "x"}), "FIELD_MISSING", "total_fee"),
        (
            json!({"body": "x", "min_fee": 5}),
            "FIELD_MISSING",
            "max_fee",
        ),
        (
            json!({"body": "x", "total_fee": 0}),
            "AMOUNT_INVALID",
            "total_fee",
        ),
        (
            json!({"body": "x", "min_fee": 6, "max_fee": 5}),
            "FIELD_INVALID",
            "min_fee",
        ),
        (
            json!({"body": "x", "max_fee": 1.5}),
            "FIELD_INVALID",
            "max_fee",
        ),
        (
            json!({"body": "x", "max_fee": 2_147_483_648_u32}),
            "FIELD_INVALID",
            "max_fee",
        ),
        (
            json!({"body": "x", "total_fee": 1, "max_fee": 5}),
            "FIELD_INVALID",
            "total_fee",
        ),
        (
            json!({"body": "x", "max_fee": 5, "quantity": 2}),
            "FIELD_INVALID",
            "quantity",
        ),
        (
            json!({"body": "x", "total_fee": 2_000_000_000, "quantity": 2}),
            "FIELD_INVALID",
            "quantity",
        ),
        (
            json!({"body": "x", "total_fee": 1, "stock": -1}),
            "FIELD_INVALID",
            "stock",
        ),
        (
            json!({"body": "x", "total_fee": 1, "active": "yes"}),
            "FIELD_INVALID",
            "active",
        ),
        (
            json!({"body": "x", "total_fee": 1, "fee_type": "USD"}),
            "CURRENCY_NOT_ALLOWED",
            "fee_type",
        ),
        (
            json!({"body": "x", "total_fee": 1, "lang": "xx"}),
            "FIELD_INVALID",
            "lang",
        ),
        (
            json!({"body": "x", "total_fee": 1, "success_url": "javascript:1"}),
            "FIELD_INVALID",
            "success_url",
        ),
        (
            json!({"body": "x".repeat(120), "total_fee": 1}),
            "FIELD_INVALID",
            "body",
        ),
    ] {
        let (_, answer) = shop.call("POST", "/v1/link", asked.to_string());
        assert_eq!(
            (&answer["code"], &answer["field"]),
            (&json!(code), &json!(field)),
            "{asked}"
        );
    }
    // A change needs the secret, a new link does not.
    let made = link(&shop, json!({"total_fee": 1}));
    let with_key = |body: Value| {
        let request =
            http::Request::post(format!("{GATEWAY}/v1/link")).header("api-key", &shop.api_key);
        world
            .send(request.body(body.to_string().into_bytes()).unwrap())
            .status()
    };
    assert_eq!(with_key(json!({"body": "x", "total_fee": 1})), 200);
    assert_eq!(with_key(json!({"id": made["id"], "active": false})), 401);
    let (_, all) = shop.call("GET", "/v1/link", "");
    assert_eq!(all["data"]["links"].as_array().unwrap().len(), 2);
}

/// Reads a PNG's pixels with a third-party library: side and grey values.
fn pixels(png: &[u8]) -> (usize, Vec<u8>) {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!(info.width, info.height);
    (info.width as usize, pixels)
}

/// The dark squares of the gateway's SVG, eight pixels per module.
fn drawn(svg: &str) -> (usize, Vec<u8>) {
    let (_, side) = svg.split_once("viewBox=\"0 0 ").unwrap();
    let side: usize = side.split(' ').next().unwrap().parse().unwrap();
    let mut pixels = vec![255; side * side * 64];
    let (_, path) = svg.split_once("/><path d=\"").unwrap();
    for run in path.split('"').next().unwrap().split('M').skip(1) {
        let (at, run) = run.split_once('h').unwrap();
        let (x, y) = at.split_once(' ').unwrap();
        let (x, y): (usize, usize) = (x.parse().unwrap(), y.parse().unwrap());
        let length: usize = run.split('v').next().unwrap().parse().unwrap();
        for line in y * 8..(y + 1) * 8 {
            pixels[line * side * 8 + x * 8..][..length * 8].fill(0);
        }
    }
    (side * 8, pixels)
}

fn decoded((side, pixels): (usize, Vec<u8>)) -> String {
    let mut image =
        rqrr::PreparedImage::prepare_from_greyscale(side, side, |x, y| pixels[y * side + x]);
    let grids = image.detect_grids();
    assert_eq!(grids.len(), 1);
    grids[0].decode().unwrap().1
}

#[test]
fn every_qr_code_is_readable() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let link = link(&shop, json!({"total_fee": 1}));
    let url = text(&link, "url");
    let picture = |query: &str| {
        let request = http::Request::get(format!("{}{query}", text(&link, "qr_url")));
        world.send(request.body(Vec::new()).unwrap())
    };
    for level in [
        "",
        "&level=L",
        "&level=M",
        "&level=Q",
        "&level=H",
        "&logo=1",
        "&level=H&logo=1",
    ] {
        let svg = picture(&format!("{level}&format=svg"));
        assert_eq!(svg.headers()["content-type"], "image/svg+xml");
        assert_eq!(
            decoded(drawn(std::str::from_utf8(svg.body()).unwrap())),
            url,
            "{level}"
        );
        for size in ["", "&size=300", "&size=301"] {
            let png = picture(&format!("{level}{size}&format=png"));
            assert_eq!(png.headers()["content-type"], "image/png");
            let read = pixels(png.body());
            if let Some((_, asked)) = size.split_once('=') {
                assert_eq!(read.0.to_string(), asked);
            }
            assert_eq!(decoded(read), url, "{level}{size}");
        }
    }
    for (wrong, field) in [
        ("&level=X", "level"),
        ("&level=L&logo=1", "level"),
        ("&logo=yes", "logo"),
        ("&format=gif", "format"),
        ("&size=1", "size"),
        ("&size=100000", "size"),
    ] {
        let answer = picture(wrong);
        let answer: Value = serde_json::from_slice(answer.body()).expect(wrong);
        assert_eq!(answer["field"], field, "{wrong}: {answer}");
    }
}

#[test]
fn the_letter_leaves_every_code_readable() {
    // Letters, digits, a name in another script, and addresses of every length.
    for (id, name) in [
        ("a", "茶"),
        ("demo-with-a-longer-id", "Quiet & Co."),
        ("m8", "8 Immortals"),
        ("w", "Wén"),
    ] {
        let world = Memory::default();
        let shop = world.shop_with(id, &json!({"name": name}));
        let link = link(&shop, json!({"max_fee": 100}));
        let url = format!("{}&logo=1&format=png", text(&link, "qr_url"));
        let request = http::Request::get(url).body(Vec::new()).unwrap();
        let png = world.send(request);
        assert_eq!(decoded(pixels(png.body())), text(&link, "url"), "{name}");
    }
}

#[test]
fn a_sheet_has_seller_item_and_instructions_in_two_languages() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let link = link(&shop, json!({"total_fee": 8800}));
    for (query, paper) in [
        ("", "105mm 148mm"),
        ("&paper=a6", "105mm 148mm"),
        ("&paper=a4&logo=1", "210mm 297mm"),
    ] {
        let url = format!("{}{query}", text(&link, "sheet_url"));
        let sheet = open(&world, "GET", &url, "", &[]);
        let size = format!("@page{{size:{paper}");
        for shown in [
            "Demo Tea House",
            "Oolong",
            "HK$88.00",
            "Scan with WeChat to pay",
            "微信扫一扫付款",
            &size,
        ] {
            assert!(sheet.html.contains(shown), "{shown}: {}", sheet.html);
        }
        let (_, svg) = sheet.html.split_once("<svg").unwrap();
        assert_eq!(decoded(drawn(svg)), text(&link, "url"));
    }
    let url = format!("{}&paper=letter", text(&link, "sheet_url"));
    assert_eq!(open(&world, "GET", &url, "", &[]).status, 400);
}

#[test]
fn only_registered_origins_read_the_result() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let link = link(&shop, json!({"total_fee": 8800}));
    let once = "0123456789abcdef0123";
    let result = |origin: &str, once: &str| {
        let url = format!("{GATEWAY}/pay/result?l={}&once={once}", text(&link, "id"));
        let request = http::Request::get(url).header("origin", origin);
        let answer = world.send(request.body(Vec::new()).unwrap());
        let allowed = answer.headers().get("access-control-allow-origin");
        let allowed = allowed.map(|value| value.to_str().unwrap().to_owned());
        let json: Value = serde_json::from_slice(answer.body()).unwrap();
        (answer.status().as_u16(), allowed, json)
    };
    let registered = "https://shop.example.com";
    let (status, allowed, none) = result(registered, once);
    assert_eq!((status, allowed.as_deref()), (200, Some(registered)));
    assert_eq!(none, json!({"state": "none", "out_trade_no": null}));

    // The page that the script opened passes the same `once` to the form.
    let url = format!("{}&once={once}", text(&link, "url"));
    let page = open(&world, "GET", &url, "", &[("user-agent", DESKTOP)]);
    let checkout = send(&world, &page, "").location;
    assert_eq!(result(registered, once).2["state"], "open");
    let number = pay(&world, checkout.strip_prefix(GATEWAY).unwrap());
    let paid = json!({"state": "paid", "out_trade_no": number});
    assert_eq!(result(registered, once).2, paid);

    for unregistered in [
        "https://evil.example",
        "null",
        "",
        GATEWAY,
        "https://shop.example.com.evil.example",
    ] {
        let (status, allowed, refused) = result(unregistered, once);
        // The page may read the reason, and the answer is the same for every
        // purchase.
        assert_eq!(
            (status, allowed.as_deref()),
            (403, Some("*")),
            "{unregistered}: {refused}"
        );
        let (_, _, of_none) = result(unregistered, "another-one-of-them");
        assert_eq!(refused, of_none);
        assert_eq!(refused["code"], "ORIGIN_UNKNOWN");
    }
    assert_eq!(result(registered, "another-one-of-them").2["state"], "none");
}

/// A link of an earlier version, whose texts contain characters that are
/// refused now.
fn old_link(world: &Memory, shop: &Shop, body: &str, attach: &str) -> Value {
    let made = link(
        shop,
        json!({"body": body.replace('&', "%"), "total_fee": 100,
               "attach": attach.replace('&', "%")}),
    );
    let id = text(&made, "id");
    let corrupt = format!("UPDATE links SET json = replace(json, '%', '&') WHERE id = '{id}'");
    world.sql(&shop.id, &corrupt).unwrap();
    made
}

#[test]
fn a_stored_link_with_an_ampersand_sells_nothing_and_raises_an_alarm() {
    for (id, body, attach, sells) in [
        ("demo", "Tea & cake", "x", false),
        ("demo", "Tea", "x&y", false),
        ("night-ionline", "Tea & cake", "x", false),
        ("night-ionline", "Tea", "x&y", false),
        ("demo-v3", "Tea & cake", "x", true),
        ("demo-v3", "Tea", "x&y", false),
    ] {
        let world = Memory::default();
        let shop = crate::fixtures::shop(&world, id);
        let made = old_link(&world, &shop, body, attach);
        let page = see(&world, &made);
        assert_eq!(page.status, 200, "{id}");
        assert_eq!(page.html.contains("<form"), sells, "{id} {body} {attach}");
        let form = format!("l={}&once={}", text(&made, "id"), "a".repeat(20));
        assert_eq!(
            post(&world, &form, DESKTOP).status,
            if sells { 303 } else { 409 }
        );
        let expected = match sells {
            true => vec![],
            false => vec![("LINK_UNUSABLE".to_owned(), text(&made, "id").to_owned())],
        };
        assert_eq!(shop.alarms(), expected, "{id} {body} {attach}");
        // With other texts it sells again.
        let (status, answer) = change(&shop, &made, json!({"body": "Tea", "attach": "x"}));
        assert_eq!(status, 200, "{answer}");
        buy(&world, &made, "");
    }
}

#[test]
fn a_link_is_switched_off_with_any_other_values() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let made = old_link(&world, &shop, "Tea & cake", "x&y");
    let id = text(&made, "id");
    // Addresses that are refused now, too.
    let corrupt = format!(
        "UPDATE links SET json = json_set(json, '$.success_url', 'ftp://shop.example.com/',
             '$.notify_url', 'http://10.0.0.1/') WHERE id = '{id}'"
    );
    world.sql(&shop.id, &corrupt).unwrap();
    let (status, answer) = change(&shop, &made, json!({"active": false}));
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["data"]["active"], false);
    assert_eq!(answer["data"]["body"], "Tea & cake");
    assert!(!see(&world, &made).html.contains("<form"));
    // A given field is checked, and one that is null is removed.
    let (status, answer) = change(&shop, &made, json!({"active": false, "attach": "a&b"}));
    assert_eq!((status, &answer["field"]), (400, &json!("attach")));
    let (status, answer) = change(&shop, &made, json!({"active": false, "attach": null}));
    assert_eq!((status, &answer["data"]["attach"]), (200, &json!(null)));
    // It cannot be switched on again with a text that WeChat refuses.
    let (status, answer) = change(&shop, &made, json!({"active": true}));
    assert_eq!((status, &answer["field"]), (400, &json!("body")));
    let mended = json!({"active": true, "body": "Tea", "success_url": null, "notify_url": null});
    let (status, answer) = change(&shop, &made, mended);
    assert_eq!(status, 200, "{answer}");
    buy(&world, &made, "");
}

#[test]
fn a_payer_resumes_an_open_purchase_of_a_link_that_has_ended() {
    for end in [
        json!({"active": false}),
        json!({"expires_in_seconds": 1}),
        json!({"stock": 1}),
    ] {
        let world = Memory::default();
        let shop = world.shop("demo");
        let made = link(&shop, json!({"total_fee": 100}));
        let first = see(&world, &made);
        let form = format!("l={}&once={}", first.hidden("l"), first.hidden("once"));
        let headers = |cookie: &str| {
            [
                ("user-agent", DESKTOP.to_owned()),
                (
                    "content-type",
                    "application/x-www-form-urlencoded".to_owned(),
                ),
                ("origin", GATEWAY.to_owned()),
                ("sec-fetch-site", "same-origin".to_owned()),
                ("cookie", cookie.to_owned()),
            ]
        };
        let ask = |method: &str, url: &str, form: &str, cookie: &str| {
            let mut request = http::Request::builder().method(method).uri(url);
            for (name, value) in headers(cookie) {
                request = request.header(name, value);
            }
            world.send(request.body(form.as_bytes().to_vec()).unwrap())
        };
        let bought = ask("POST", &format!("{GATEWAY}/pay/link"), &form, "");
        let header = |name: &str| bought.headers()[name].to_str().unwrap().to_owned();
        let (location, cookie) = (header("location"), header("set-cookie"));
        let cookie = cookie.split(';').next().unwrap();
        let (status, answer) = change(&shop, &made, end.clone());
        assert_eq!(status, 200, "{answer}");
        world.advance(2);
        for (method, url, form) in [
            ("GET", text(&made, "url").to_owned(), String::new()),
            ("POST", format!("{GATEWAY}/pay/link"), form),
        ] {
            let back = ask(method, &url, &form, cookie);
            assert_eq!(back.status(), 303, "{end} {method}");
            assert_eq!(back.headers()["location"], *location, "{end} {method}");
            let other = ask(method, &url, &form.replace("once=", "once=x"), "");
            assert_ne!(other.status(), 303, "{end} {method}: another payer");
        }
    }
}

#[test]
fn an_unreadable_row_does_not_stop_a_links_other_sales() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let made = link(&shop, json!({"total_fee": 100, "stock": 10}));
    // The purchase has an order, whose row a later version writes.
    let page = buy(&world, &made, "");
    let (status, answer) = Browser::new(&world, DESKTOP).post(&call(&page, "order"));
    assert_eq!(status, 200, "{answer}");
    let corrupt = "UPDATE orders SET json = replace(json, 'NOTPAY', 'A_LATER_VARIANT')";
    world.sql("demo", corrupt).unwrap();
    world.advance(3600);
    let left = now(&shop, &made);
    // Its piece may have been paid, so it is held.
    assert_eq!((&left["sold"], &left["held"]), (&json!(0), &json!(1)));
    buy(&world, &made, "");
    assert_eq!(shop.alarms()[0].0, "ROW_UNREADABLE");
    // The version that can read it runs again.
    let restore = "UPDATE orders SET json = replace(json, 'A_LATER_VARIANT', 'NOTPAY')";
    world.sql("demo", restore).unwrap();
    world.advance(3 * 3600);
    buy(&world, &made, "&quantity=1");
}

/// A payer who cannot pay where the link is opened is told so before anything is
/// asked, and holds no stock.
#[test]
fn where_nothing_can_be_paid_the_link_asks_for_nothing() {
    const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";
    let world = Memory::default();
    let shop = world.shop("demo");
    let link = link(&shop, json!({"total_fee": 8800, "stock": 1}));
    let agent = [("user-agent", PHONE)];
    let page = open(&world, "GET", text(&link, "url"), "", &agent);
    assert!(
        page.html.contains("Open this page in WeChat"),
        "{}",
        page.html
    );
    assert!(
        page.html
            .contains(&format!("data-copy=\"{}\"", text(&link, "url")))
    );
    assert!(!page.html.contains("<form"), "{}", page.html);
    let form = format!("l={}", text(&link, "id"));
    let sent = post(&world, &form, PHONE);
    assert!(
        sent.html.contains("Open this page in WeChat"),
        "{}",
        sent.html
    );
    nothing_made(&world, &shop, &link);
    assert_eq!(now(&shop, &link)["held"], 0);
}

/// The tap in the form is the tap to pay: the page that follows says so once, to
/// the browser that sent the form.
#[test]
fn the_page_after_a_links_form_pays_at_once() {
    let world = Memory::default();
    let shop = crate::checkout::sign_in::with_secret(&world);
    let link = link(&shop, json!({"total_fee": 8800}));
    let mut payer = Browser::new(&world, WECHAT);
    let (_, _, _) = payer.get(text(&link, "url"));
    let form = format!("l={}", text(&link, "id"));
    let mut request = payer.request("POST", "/pay/link", &form);
    request
        .headers_mut()
        .insert("origin", GATEWAY.parse().unwrap());
    let answer = world.send(request);
    let page = answer.headers()["location"].to_str().unwrap().to_owned();
    for cookie in answer.headers().get_all("set-cookie") {
        let (name, value) = cookie.to_str().unwrap().split_once('=').unwrap();
        payer.keep(name, value.split(';').next().unwrap());
    }
    // The sign-in comes in between.
    let (_, authorize, _) = payer.get(&page);
    let (_, callback, _) = payer.get(&authorize);
    let (_, back, _) = payer.get(&callback);
    let begun = |html: &str| html.contains("\"begun\":true");
    assert!(!begun(&Browser::new(&world, DESKTOP).get(&page).2));
    assert!(begun(&payer.get(&back).2));
    assert!(!begun(&payer.get(&back).2), "once");
}
