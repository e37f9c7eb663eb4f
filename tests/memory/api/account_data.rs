//! WeChat's data on a merchant's account, and permanent codes of products.

use serde_json::{Value, json};
use tests::memory::{GATEWAY, Memory, SHOP_NOTIFY, Shop};
use wechatpay::Secret;
use wechatpay::common::{Fields, SignType};
use wechatpay::v2::refund_notify::seal;

fn get(shop: &Shop, path: &str) -> Value {
    let (status, answer) = shop.call("GET", path, "");
    assert_eq!(status, 200, "{path}: {answer}");
    answer["data"].clone()
}

/// `2026-01-02` in China, where it is 11:04.
const DAY: &str = "20260102";

#[test]
fn s1_s2_a_days_statement_after_ten_the_next_day() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("1", 1750);
    shop.paid("2", 250);
    let path = format!("/v1/statement?bill_date={DAY}");
    let (status, answer) = shop.call("GET", &path, "");
    assert_eq!(
        (status, &answer["code"]),
        (409, &json!("STATEMENT_NOT_READY"))
    );
    world.advance(24 * 3600);

    let data = get(&shop, &path);
    let rows = data["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{data}");
    assert_eq!(data["totals"]["total_transaction_count"], "2", "{data}");
    let fees: Vec<_> = rows.iter().map(|row| row["total_fee"].clone()).collect();
    assert!(
        fees.contains(&json!("1750")) && fees.contains(&json!("250")),
        "{fees:?}"
    );
    assert!(rows.iter().all(|row| row["trade_state"] == "SUCCESS"));

    let request = http::Request::get(format!("{GATEWAY}{path}&format=csv"))
        .header("api-key", &shop.api_key)
        .header("api-secret", &shop.api_secret)
        .body(Vec::new())
        .unwrap();
    let csv = world.send(request);
    assert_eq!(csv.headers()["content-type"], "text/csv; charset=utf-8");
    assert!(String::from_utf8_lossy(csv.body()).contains("17.50"));

    let empty = get(&shop, "/v1/statement?bill_date=20260101");
    assert_eq!(empty["rows"], json!([]), "a day with no payments");
    let old = shop.call("GET", "/v1/statement?bill_date=20250901", "").1;
    assert_eq!(old["code"], "STATEMENT_TOO_OLD");
    for (query, field) in [
        ("", "bill_date"),
        ("bill_date=2026-01-02", "bill_date"),
        ("bill_date=20260230", "bill_date"),
        ("bill_date=20260102&bill_type=NONE", "bill_type"),
        ("bill_date=20260102&format=xml", "format"),
    ] {
        let (status, answer) = shop.call("GET", &format!("/v1/statement?{query}"), "");
        assert_eq!(
            (status, &answer["field"]),
            (400, &json!(field)),
            "{query}: {answer}"
        );
    }
}

#[test]
fn settlements_and_exchange_rates_are_answered_in_wechats_names() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("1", 1750);
    world.advance(3 * 24 * 3600);
    let settled = get(
        &shop,
        "/v1/settlement?usetag=1&date_start=20260101&date_end=20260105",
    );
    let records = settled["records"].as_array().unwrap();
    assert_eq!(records.len(), 1, "{settled}");
    assert_eq!(records[0]["pay_fee"], "1750");
    assert_eq!(records[0]["settlementfee_type"], "HKD");

    let rate = get(&shop, "/v1/exchange_rate?fee_type=HKD&date=20260105");
    assert_eq!(rate["fee_type"], "HKD");
    assert_eq!(rate["rate_time"], "20260105");
    assert!(rate["rate"].as_str().unwrap().parse::<i64>().unwrap() > 0);
    assert_eq!(
        get(&shop, "/v1/exchange_rate")["fee_type"],
        "HKD",
        "the settlement currency"
    );

    for (path, field) in [
        ("/v1/settlement?usetag=3", "usetag"),
        ("/v1/settlement?date_start=20260101", "date_end"),
        (
            "/v1/settlement?date_start=20260102&date_end=20260101",
            "date_end",
        ),
        ("/v1/settlement?limit=21", "limit"),
        ("/v1/settlement?offset=-1", "offset"),
        ("/v1/exchange_rate?fee_type=XXX", "fee_type"),
        ("/v1/exchange_rate?date=tomorrow", "date"),
    ] {
        let (status, answer) = shop.call("GET", path, "");
        assert_eq!(
            (status, &answer["field"]),
            (400, &json!(field)),
            "{path}: {answer}"
        );
    }
}

#[test]
fn a_short_address_opens_the_same_order() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let data = shop.order(
        &json!({"out_trade_no": "1", "body": "Demo Order", "total_fee": 150,
                                  "trade_type": "NATIVE"}),
    );
    let body = json!({"long_url": data["code_url"]}).to_string();
    let (status, answer) = shop.call("POST", "/v1/shorturl", body);
    assert_eq!(status, 200, "{answer}");
    let short = answer["data"]["short_url"].clone();
    assert!(
        short.as_str().unwrap().starts_with("weixin://wxpay/s/"),
        "{short}"
    );
    world.scan(&short);
    world.advance(1);
    assert_eq!(shop.status("1")["trade_state"], "SUCCESS");
    for body in [
        "{}",
        r#"{"long_url":""}"#,
        r#"{"long_url":"https://example.com/"}"#,
    ] {
        let (status, answer) = shop.call("POST", "/v1/shorturl", body);
        assert_eq!(
            (status, &answer["field"]),
            (400, &json!("long_url")),
            "{body}"
        );
    }
}

#[test]
fn each_scan_of_a_products_code_makes_an_order() {
    let world = Memory::default();
    let shop = world.shop("demo");
    world.control(
        "/sandbox/merchants/1900000109",
        &json!({"native_callback_url": format!("{GATEWAY}/notify/v2/demo/native")}),
    );
    let product = json!({"product_id": "oolong", "body": "Oolong, 50 g", "total_fee": 8800,
                         "notify_url": SHOP_NOTIFY});
    let (status, made) = shop.call("POST", "/v1/product", product.to_string());
    assert_eq!(status, 200, "{made}");
    let code_url = made["data"]["code_url"].clone();
    assert!(
        code_url
            .as_str()
            .unwrap()
            .starts_with("weixin://wxpay/bizpayurl?"),
        "{code_url}"
    );

    for payer in ["alice", "bob"] {
        let scanned = world.control(
            "/sandbox/scan",
            &json!({"code_url": code_url, "payer": payer, "action": "pay"}),
        );
        assert_eq!(scanned["ok"], true, "{scanned}");
    }
    world.advance(1);
    let received = world.received();
    assert_eq!(received.len(), 2, "each scan is an order of its own");
    assert!(
        received.iter().all(|r| r.body.contains("oolong")),
        "{received:?}"
    );

    // A forged callback makes no order.
    let send = |xml: String| {
        let callback = http::Request::post(format!("{GATEWAY}/notify/v2/demo/native"));
        world.send(callback.body(xml.into_bytes()).unwrap())
    };
    let orders = || shop.report()["counters"]["order:NOTPAY"].clone();
    let before = orders();
    let bare = Fields::new()
        .with("appid", "wx5a11d0b0c0ffee01")
        .with("mch_id", "1900000109")
        .with("openid", "o")
        .with("is_subscribe", "N")
        .with("nonce_str", "n")
        .with("product_id", "oolong");
    let key = Secret::new("weceive-sandbox-demo-key-0000001");
    let signed = bare.clone().sealed(&key, SignType::Md5);
    let sign = signed.get("sign").unwrap();
    let other_key = Secret::new("another-merchants-key-0000000001");
    let xml = signed.to_xml();
    let forged = [
        bare.to_xml(),
        bare.clone().with("sign", "00").to_xml(),
        bare.clone()
            .with("sign", sign.to_ascii_lowercase())
            .to_xml(),
        bare.clone().with("sign", &sign[1..]).to_xml(),
        bare.clone().sealed(&other_key, SignType::Md5).to_xml(),
        bare.clone().sealed(&key, SignType::HmacSha256).to_xml(),
        xml.replace("oolong", "oolonG"),
        xml.replace("1900000109", "1900000110"),
        xml.replace("</xml>", "<product_id>oolong</product_id></xml>"),
        xml.replace("</xml>", "<attach>x</attach></xml>"),
    ];
    // A field that is there twice makes it no document of v2.
    let (mut not_xml, mut unverified) = (0, 0);
    for xml in forged {
        match xml.matches("<product_id>").count() {
            1 => unverified += 1,
            _ => not_xml += 1,
        }
        assert_eq!(send(xml.clone()).status(), 400, "{xml}");
        let counters = shop.report()["counters"].clone();
        let counted = |name: &str| counters[name].as_i64().unwrap_or_default();
        let counted = ["product_callback_not_xml", "product_callback_unverified"].map(counted);
        assert_eq!(counted, [not_xml, unverified], "{xml} {counters}");
    }
    let mut without_payer = bare.clone();
    without_payer.remove("openid");
    let bad_field = without_payer.sealed(&key, SignType::Md5);
    assert_eq!(send(bad_field.to_xml()).status(), 400);
    assert_eq!(shop.report()["counters"]["product_callback_bad_field"], 1);
    assert_eq!(orders(), before);

    // A genuine callback returns an order that is still open; repeated, it
    // returns another. Neither is paid, and nothing is delivered.
    let prepaid: Vec<String> = (0..2)
        .map(|_| {
            let answer = send(xml.clone());
            let answer = Fields::parse(answer.body()).unwrap();
            assert_eq!(answer.verify(&key, SignType::Md5), Ok(()));
            answer.get("prepay_id").unwrap().to_owned()
        })
        .collect();
    assert_ne!(prepaid[0], prepaid[1]);
    world.advance(3 * 3600);
    assert_eq!(world.received().len(), 2);
    assert_eq!(shop.report()["counters"]["order:SUCCESS"], 2);
    assert_eq!(shop.report()["counters"]["order:CLOSED"], 2);

    for (body, field) in [
        (json!({"body": "x", "total_fee": 1}), "product_id"),
        (
            json!({"product_id": "a b", "body": "x", "total_fee": 1}),
            "product_id",
        ),
        (json!({"product_id": "a", "total_fee": 1}), "body"),
        (
            json!({"product_id": "a", "body": "x", "total_fee": 0}),
            "total_fee",
        ),
    ] {
        let (status, answer) = shop.call("POST", "/v1/product", body.to_string());
        assert_eq!((status, &answer["field"]), (400, &json!(field)), "{body}");
    }
    let (status, answer) = shop.call("GET", "/v1/product?product_id=none", "");
    assert_eq!(
        (status, &answer["code"]),
        (404, &json!("PRODUCT_NOT_FOUND"))
    );
}

#[test]
fn a_products_code_is_readable_as_svg_and_png() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let product = json!({"product_id": "oolong", "body": "Oolong", "total_fee": 8800});
    shop.call("POST", "/v1/product", product.to_string());
    let picture = |format: &str| {
        let url = format!("{GATEWAY}/v1/product?product_id=oolong&format={format}");
        let request = http::Request::get(url).header("api-key", &shop.api_key);
        world.send(request.body(Vec::new()).unwrap())
    };
    let svg = picture("svg");
    assert_eq!(svg.headers()["content-type"], "image/svg+xml");
    assert!(svg.body().starts_with(b"<svg "));

    // Two third-party libraries read the PNG.
    let png = picture("png");
    assert_eq!(png.headers()["content-type"], "image/png");
    let mut decoder = png::Decoder::new(std::io::Cursor::new(png.body()));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let (width, height) = (info.width as usize, info.height as usize);
    let mut prepared =
        rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| pixels[y * width + x]);
    let grids = prepared.detect_grids();
    let (_, text) = grids[0].decode().unwrap();
    assert!(text.starts_with("weixin://wxpay/bizpayurl?"), "{text}");
    assert!(text.contains("product_id=oolong"), "{text}");
}

#[test]
fn a_refund_notice_counts_only_after_a_query() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("1", 1500);
    let body = json!({"out_trade_no": "1", "out_refund_no": "A", "refund_fee": 1500});
    assert_eq!(shop.call("POST", "/v1/refund", body.to_string()).0, 200);
    let ended = world.control(
        "/sandbox/refunds/1900000109/A",
        &json!({"status": "SUCCESS"}),
    );
    assert!(ended.is_object(), "{ended}");
    world.send_notices();
    let counters = shop.report()["counters"].clone();
    assert_eq!(counters["refund_notice_taken"], 1, "{counters}");
    assert_eq!(world.upstream_calls().last().unwrap(), "/pay/refundquery");

    let garbage = http::Request::post(format!("{GATEWAY}/notify/v2/demo/refund"))
        .body(b"<xml><return_code>SUCCESS</return_code><req_info>AAAA</req_info></xml>".to_vec())
        .unwrap();
    assert_eq!(world.send(garbage).status(), 400);
}

#[test]
fn each_reason_to_refuse_a_v2_refund_notice_is_counted_under_its_name() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let key = Secret::new("weceive-sandbox-demo-key-0000001");
    let refund = Fields::new()
        .with("transaction_id", "4200000000000000000000000001")
        .with("out_trade_no", "a number with spaces")
        .with("out_refund_no", "A")
        .with("total_fee", "1500")
        .with("refund_fee", "1500")
        .with("refund_status", "SUCCESS");
    let sealed = |refund: &Fields| {
        let notice = Fields::new()
            .with("return_code", "SUCCESS")
            .with("appid", "wx5a11d0b0c0ffee01")
            .with("mch_id", "1900000109")
            .with("nonce_str", "n")
            .with("req_info", seal(refund, &key));
        notice.to_xml()
    };
    let mut without_amount = refund.clone();
    without_amount.remove("refund_fee");
    let fail = Fields::new().with("return_code", "FAIL").to_xml();
    let unopened = "<xml><return_code>SUCCESS</return_code><req_info>AAAA</req_info></xml>";
    for (name, n, notice) in [
        ("refund_notice_not_xml", 1, "no XML".to_owned()),
        ("refund_notice_without_refund", 1, fail),
        ("refund_notice_unverified", 1, unopened.to_owned()),
        ("refund_notice_bad_field", 1, sealed(&refund)),
        ("refund_notice_bad_field", 2, sealed(&without_amount)),
    ] {
        let request = http::Request::post(format!("{GATEWAY}/notify/v2/demo/refund"));
        let answer = world.send(request.body(notice.clone().into_bytes()).unwrap());
        assert_eq!(answer.status(), 400, "{name}");
        let counters = shop.report()["counters"].clone();
        assert_eq!(counters[name], n, "{name}: {notice}: {counters}");
    }
}

/// Every call again, for a merchant that signs with HMAC-SHA256.
#[test]
fn every_call_works_with_hmac_sha256() {
    let world = Memory::default();
    let shop = world.shop_with("demo", &json!({"sign_type": "HMAC-SHA256"}));
    shop.paid("1", 1500);
    assert_eq!(
        shop.status("1")["trade_state"],
        "SUCCESS",
        "notice and query"
    );
    let post = |path: &str, body: Value| {
        let (status, answer) = shop.call("POST", path, body.to_string());
        assert_eq!(status, 200, "{path}: {answer}");
        answer["data"].clone()
    };
    let refund = post(
        "/v1/refund",
        json!({"out_trade_no": "1", "refund_fee": 500}),
    );
    assert_eq!(refund["refund_status"], "PROCESSING");
    world.advance(60);
    let refunds = get(&shop, "/v1/refund?out_trade_no=1");
    assert_eq!(refunds["refunds"][0]["refund_status"], "SUCCESS");

    let code = world.control(
        "/sandbox/paycode",
        &json!({"payer": "bob", "behaviour": "pays"}),
    );
    let quick = json!({"out_trade_no": "2", "body": "One cup", "total_fee": 1200,
                       "auth_code": code["auth_code"]});
    assert_eq!(post("/v1/micropay", quick)["trade_state"], "SUCCESS");
    world.advance(16);
    post("/v1/reverse", json!({"out_trade_no": "2"}));
    world.advance(60);
    assert_eq!(shop.status("2")["trade_state"], "REVOKED");

    let open = json!({"out_trade_no": "3", "body": "x", "total_fee": 1, "trade_type": "NATIVE"});
    let open = post("/v1/order", open);
    post("/v1/shorturl", json!({"long_url": open["code_url"]}));
    assert_eq!(
        post("/v1/close", json!({"out_trade_no": "3"}))["trade_state"],
        "CLOSED"
    );
    let app = json!({"out_trade_no": "4", "body": "x", "total_fee": 1, "trade_type": "APP"});
    assert_eq!(
        post("/v1/order", app)["app"]["sign"]
            .as_str()
            .unwrap()
            .len(),
        64
    );

    world.control(
        "/sandbox/merchants/1900000109",
        &json!({"native_callback_url": format!("{GATEWAY}/notify/v2/demo/native"),
                "sign_type": "HMAC-SHA256"}),
    );
    let product = json!({"product_id": "p", "body": "Oolong", "total_fee": 8800});
    let product = post("/v1/product", product);
    world.scan(&product["code_url"]);

    get(&shop, "/v1/exchange_rate?fee_type=HKD");
    world.advance(3 * 24 * 3600);
    get(&shop, "/v1/settlement");
    let statement = get(&shop, &format!("/v1/statement?bill_date={DAY}"));
    assert!(!statement["rows"].as_array().unwrap().is_empty());
}
