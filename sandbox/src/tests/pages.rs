//! The demo shop and the pages.

use super::*;

#[test]
fn the_shop_treats_an_order_as_paid_only_after_a_delivery() {
    let mut bench = Bench::new();
    let post = |path: &str, body: &str| {
        Request::post(format!("http://127.0.0.1:8788{path}"))
            .header("host", "127.0.0.1:8788")
            .body(body.as_bytes().to_vec())
            .unwrap()
    };
    let mut random = |bytes: &mut [u8]| bytes.fill(7);
    let buy = post("/shop/checkout", "product=2");
    assert!(bench.sandbox.call_first(&buy, 0, &mut random).is_none());
    assert_eq!(bench.send(&buy).status(), 502);

    let shop = json!({"api_base": "http://127.0.0.1:8787/", "api_key": "k", "api_secret": "s"});
    assert_eq!(bench.control("/sandbox/shop", &shop)["connected"], true);
    let call = bench.sandbox.call_first(&buy, 0, &mut random).unwrap();
    assert_eq!(call.request.uri(), "http://127.0.0.1:8787/v1/checkout");
    let asked: Value = serde_json::from_slice(call.request.body()).unwrap();
    assert_eq!(asked["total_fee"], 1200);
    assert_eq!(asked["fee_type"], "HKD");
    let answer = |status: u16, body: Value| {
        let mut answer = http::Response::new(body.to_string().into_bytes());
        *answer.status_mut() = http::StatusCode::from_u16(status).unwrap();
        Ok(answer)
    };
    let good = answer(
        200,
        json!({"status": "success", "data": {"url": "http://127.0.0.1:8787/pay/?s=1"}}),
    );
    let gone = bench.sandbox.called(&call, &good, 0, &mut random);
    assert_eq!(gone.headers()["location"], "http://127.0.0.1:8787/pay/?s=1");
    let refused = answer(
        400,
        json!({"status": "fail", "code": "AMOUNT_INVALID", "message": "m"}),
    );
    let page = bench.sandbox.called(&call, &refused, 0, &mut random);
    assert!(String::from_utf8_lossy(page.body()).contains("AMOUNT_INVALID"));

    let number = asked["out_trade_no"].as_str().unwrap();
    let thanks = format!("/shop/thanks?no={number}");
    let page = bench.ask(Method::GET, &thanks, b"");
    assert!(String::from_utf8_lossy(page.body()).contains("One moment"));
    let delivery = format!(
        "<xml><result_code>SUCCESS</result_code><out_trade_no>{number}</out_trade_no>\
         <attach><![CDATA[<script>]]></attach><sign>ABC</sign></xml>"
    );
    let receipt = bench.post("/shop/notify", delivery.as_bytes());
    assert_eq!(receipt.get("return_code"), Some("SUCCESS"));
    let page = bench.ask(Method::GET, &thanks, b"");
    assert!(String::from_utf8_lossy(page.body()).contains("Thank you"));

    let id = bench.look("/sandbox/deliveries")["deliveries"][0]["id"].clone();
    let check = post(
        "/shop/inbox/checksign",
        &format!("id={}", id.as_str().unwrap()),
    );
    let call = bench.sandbox.call_first(&check, 0, &mut random).unwrap();
    assert_eq!(call.request.body(), delivery.as_bytes());
    let right = answer(200, json!({"status": "success", "data": {"sign": "ABC"}}));
    bench.sandbox.called(&call, &right, 0, &mut random);
    let inbox = bench.ask(Method::GET, "/shop/inbox", b"");
    let inbox = String::from_utf8_lossy(inbox.body()).into_owned();
    assert!(inbox.contains("The signature is right."));
    assert!(
        inbox.contains("&lt;script&gt;"),
        "nothing of a delivery is HTML"
    );

    bench.send(&post("/shop/inbox/acknowledge", "on=0"));
    let receipt = bench.post("/shop/notify", delivery.as_bytes());
    assert_eq!(receipt.get("return_code"), Some("FAIL"));
}

#[test]
fn every_page_is_served() {
    let mut bench = Bench::new();
    for (path, contains) in [
        ("/", "A sandbox of WeChat"),
        ("/healthz", "ok"),
        ("/site.css", "--green"),
        ("/sandbox/", "/sandbox/scan"),
        ("/sandbox", "/sandbox/scan"),
        ("/shop/", "Checkout"),
        ("/shop/inbox", "Delivery inbox"),
        ("/shop/inbox.js", "checksign"),
        ("/phone/phone.js", "showSheet"),
        ("/phone/phone.css", ".device"),
        ("/phone/sheet.css", "dialog"),
    ] {
        let answer = bench.ask(Method::GET, path, b"");
        assert_eq!(answer.status(), 200, "{path}");
        assert!(
            String::from_utf8_lossy(answer.body()).contains(contains),
            "{path}"
        );
    }
    let answer = bench.ask(Method::GET, "/phone/?open=x", b"");
    assert_eq!(
        answer.headers()["location"],
        "http://phone.localhost:8788/phone/?open=x"
    );
    assert_eq!(bench.ask(Method::GET, "/nothing", b"").status(), 404);
    for (host, path, status) in [
        ("phone.localhost:8788", "/phone/", 200),
        (
            "p8787-alice.phone.localhost:8788",
            "/__phone/bridge.js",
            200,
        ),
        (
            "p8787-alice.phone.localhost:8788",
            "/__phone/sheet.css",
            200,
        ),
        ("p80-alice.phone.localhost:8788", "/", 404),
    ] {
        let request = Request::get(format!("http://{host}{path}"))
            .header("host", host)
            .body(Vec::new())
            .unwrap();
        assert_eq!(bench.send(&request).status(), status, "{host}{path}");
    }
}

#[test]
fn the_shop_shows_a_payment_link_in_every_way_a_page_can_hold_one() {
    let mut bench = Bench::new();
    let front = |bench: &mut Bench| {
        let page = bench.ask(Method::GET, "/shop/", b"");
        let policy = page.headers()["content-security-policy"].to_str().unwrap();
        (
            String::from_utf8_lossy(page.body()).into_owned(),
            policy.to_owned(),
        )
    };
    let (page, policy) = front(&mut bench);
    assert!(page.contains("Make a payment link") && !page.contains("<weceive-pay"));
    assert!(!policy.contains("http://127.0.0.1:8787"), "{policy}");

    let shop = json!({"api_base": "http://127.0.0.1:8787", "api_key": "k", "api_secret": "s"});
    bench.control("/sandbox/shop", &shop);
    let mut random = |bytes: &mut [u8]| bytes.fill(7);
    let make = Request::post("http://127.0.0.1:8788/shop/link")
        .header("host", "127.0.0.1:8788")
        .body(Vec::new())
        .unwrap();
    let call = bench.sandbox.call_first(&make, 0, &mut random).unwrap();
    assert_eq!(call.request.uri(), "http://127.0.0.1:8787/v1/link");
    let asked: Value = serde_json::from_slice(call.request.body()).unwrap();
    assert_eq!(asked["max_fee"], 100_000);
    let url = "http://127.0.0.1:8787/pay/?l=demo.1";
    let made = json!({"status": "success", "data": {"url": url}});
    let made = Ok(http::Response::new(made.to_string().into_bytes()));
    let back = bench.sandbox.called(&call, &made, 0, &mut random);
    assert_eq!(back.headers()["location"], "/shop/#link");

    let (page, policy) = front(&mut bench);
    for shown in [
        "<weceive-pay link=\"http://127.0.0.1:8787/pay/?l=demo.1\">",
        "<a href=\"http://127.0.0.1:8787/pay/?l=demo.1\">",
        "<img src=\"http://127.0.0.1:8787/pay/qr?l=demo.1\"",
        "<a href=\"http://127.0.0.1:8787/pay/sheet?l=demo.1\">",
        "<script src=\"http://127.0.0.1:8787/weceive-pay.js\" async>",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    for allowed in ["script-src", "img-src", "connect-src"] {
        let allowed = format!("{allowed} 'self' http://127.0.0.1:8787");
        assert!(policy.contains(&allowed), "{allowed}: {policy}");
    }

    // Another gateway does not have that link.
    bench.control(
        "/sandbox/shop",
        &json!({"api_base": "http://127.0.0.1:8789"}),
    );
    assert!(front(&mut bench).0.contains("Make a payment link"));
}

/// Each page of the payer is in the language of the phone that opens it, and in no
/// other.
#[test]
fn every_page_of_a_payer_is_in_one_language() {
    let mut bench = Bench::new();
    let shop = json!({"api_base": "http://127.0.0.1:8787", "api_key": "k", "api_secret": "s", "name": "Tea"});
    bench.control("/sandbox/shop", &shop);
    let delivery = "<xml><result_code>SUCCESS</result_code><out_trade_no>1</out_trade_no><total_fee>5</total_fee></xml>";
    bench.post("/shop/notify", delivery.as_bytes());
    let made = bench.order(|fields| {
        fields.set("trade_type", "MWEB");
        fields.set("scene_info", r#"{"h5_info":{"type":"Wap"}}"#);
        fields.set("body", "Oolong");
    });
    let mweb = made.get("mweb_url").unwrap().to_owned();
    let mweb = mweb.strip_prefix("http://127.0.0.1:8788").unwrap();
    for path in [
        "/shop/",
        "/shop/inbox",
        "/shop/thanks?no=1",
        "/shop/thanks?no=2",
        mweb,
        "/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=none",
        "/gateway/pay?token_id=none",
        "/connect/oauth2/authorize?appid=wx1",
    ] {
        for (tag, agent) in [("en", "en"), ("zh-Hans", "zh_CN"), ("zh-Hant", "zh_TW")] {
            let request = Request::get(format!("http://127.0.0.1:8788{path}"))
                .header("host", "127.0.0.1:8788")
                .header("x-sandbox-payer", "alice")
                .header(
                    "user-agent",
                    format!("MicroMessenger/8.0.60 Language/{agent}"),
                )
                .body(Vec::new())
                .unwrap();
            let page = bench.send(&request);
            let html = String::from_utf8_lossy(page.body()).into_owned();
            if !html.contains("<html") {
                // Another address answers programs: it has no words for a payer.
                assert!(path.starts_with("/gateway/"), "{path}: {html}");
                continue;
            }
            assert!(html.contains(&format!("<html lang=\"{tag}\">")), "{path}");
            let is_chinese = |c: char| ('\u{3400}'..'\u{a000}').contains(&c);
            assert_eq!(
                html.contains(is_chinese),
                tag != "en",
                "{path} in {tag}: {html}"
            );
            for english in [
                "Checkout", "Delivery", "Attempt", "Pay as", "Cancel", "order", "Thank",
            ] {
                let words: String = visible(&html);
                assert!(tag == "en" || !words.contains(english), "{path}: {words}");
            }
        }
    }
}

/// The text of a page, without its tags and without what was sent.
fn visible(html: &str) -> String {
    let (html, _) = html.split_once("<details>").unwrap_or((html, ""));
    let parts = html.split('<').filter_map(|part| part.split_once('>'));
    parts.map(|(_, text)| text).collect()
}
