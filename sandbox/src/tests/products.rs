//! Native mode 1: products' QR codes, their short URLs, and the request to the
//! merchant for an order.

use super::*;
use wechatpay::common::Text;
use wechatpay::v2::native::{self, Callback, ProductUrl};

fn product() -> ProductUrl {
    ProductUrl {
        appid: Text::new("appid", APPID).unwrap(),
        mch_id: Text::new("mch_id", MCH_ID).unwrap(),
        product_id: Text::new("product_id", "88 888/茶").unwrap(),
        time_stamp_s: 1_700_000_000,
        nonce_str: Text::new("nonce_str", "n").unwrap(),
    }
}

fn url(sign_type: SignType) -> String {
    product().to_url(&Secret::new(KEY), sign_type)
}

fn with_callback(bench: &mut Bench) {
    let callback = json!({"native_callback_url": "http://127.0.0.1:9000/native"});
    let merchant = bench.control("/sandbox/merchants/1900000109", &callback);
    assert_eq!(
        merchant["native_callback_url"],
        "http://127.0.0.1:9000/native"
    );
}

fn scan(code_url: &str, action: &str) -> Request<Vec<u8>> {
    let mut body = json!({"code_url": code_url, "payer": "bob"});
    if !action.is_empty() {
        body["action"] = action.into();
    }
    Request::post("http://127.0.0.1:8788/sandbox/scan")
        .body(body.to_string().into_bytes())
        .unwrap()
}

fn fixed(bytes: &mut [u8]) {
    bytes.fill(7);
}

fn finish(bench: &mut Bench, call: &Call, status: u16, body: &str) -> Value {
    let mut answer = http::Response::new(body.as_bytes().to_vec());
    *answer.status_mut() = http::StatusCode::from_u16(status).unwrap();
    let told = bench
        .sandbox
        .called(call, &Ok(answer), bench.now_ms, &mut fixed);
    serde_json::from_slice(told.body()).unwrap()
}

#[test]
fn a_scanned_product_becomes_an_order() {
    for sign_type in [SignType::Md5, SignType::HmacSha256] {
        let mut bench = Bench::new();
        with_callback(&mut bench);
        let long = url(sign_type);
        let short = bench.call("/tools/shorturl", ids().with("long_url", long.as_str()));
        let short = short.get("short_url").unwrap().to_owned();
        for (scanned, action) in [(long.as_str(), ""), (short.as_str(), "pay")] {
            let call = bench
                .sandbox
                .call_first(&scan(scanned, action), bench.now_ms, &mut fixed)
                .unwrap();
            assert_eq!(call.request.uri(), "http://127.0.0.1:9000/native");
            let callback =
                Callback::read(call.request.body(), &Secret::new(KEY), sign_type).unwrap();
            assert_eq!(callback.openid.as_str(), Payer::Bob.openid(APPID));
            assert_eq!(callback.product_id.as_str(), "88 888/茶");
            let made = bench.order(|fields| fields.set("product_id", "88 888"));
            let answer = native::Answer {
                prepay_id: Text::new("prepay_id", made.get("prepay_id").unwrap()).unwrap(),
            };
            let xml = answer
                .to_fields(&callback.account, "n")
                .sealed(&Secret::new(KEY), sign_type)
                .to_xml();
            let told = finish(&mut bench, &call, 200, &xml);
            assert_eq!(told["ok"], true, "{told}");
            assert_eq!(told["order"]["out_trade_no"], "9900000000");
            if action.is_empty() {
                assert_eq!(told["sheet"]["amount"], "HK$8.88");
            } else {
                assert_eq!(told["order"]["trade_state"], "SUCCESS");
            }
        }
    }
}

#[test]
fn answers_of_a_merchant_to_a_product_callback() {
    let mut bench = Bench::new();
    with_callback(&mut bench);
    let account = order::Account {
        appid: APPID.into(),
        mch_id: MCH_ID.into(),
        sub_appid: None,
        sub_mch_id: None,
    };
    let sealed = |fields: Fields, key: &str| fields.sealed(&Secret::new(key), SignType::Md5);
    let prepay_id = |id: &str| native::Answer {
        prepay_id: Text::new("prepay_id", id).unwrap(),
    };
    let nobodys = prepay_id("wx1").to_fields(&account, "n");
    let sold_out = Text::new("err_code_des", "卖完了").unwrap();
    let refusal = native::refusal(&account, "n", &sold_out);
    for (status, body, reason) in [
        (500, String::new(), "CALLBACK_FAILED"),
        (200, "no".into(), "CALLBACK_ANSWER"),
        (
            200,
            sealed(nobodys.clone(), "x").to_xml(),
            "CALLBACK_ANSWER",
        ),
        (200, sealed(nobodys, KEY).to_xml(), "UNKNOWN_PREPAY_ID"),
        (200, sealed(refusal, KEY).to_xml(), "MERCHANT_REFUSED"),
    ] {
        let request = scan(&url(SignType::Md5), "pay");
        let call = bench.sandbox.call_first(&request, bench.now_ms, &mut fixed);
        let told = finish(&mut bench, &call.unwrap(), status, &body);
        assert_eq!(told["reason"], reason, "{told}");
        if reason == "MERCHANT_REFUSED" {
            assert_eq!(told["err_desc"], "卖完了");
        }
    }
    let request = scan(&url(SignType::Md5), "");
    let call = bench.sandbox.call_first(&request, bench.now_ms, &mut fixed);
    let silence = Err("no answer".to_owned());
    let told = bench
        .sandbox
        .called(&call.unwrap(), &silence, 0, &mut fixed);
    let told: Value = serde_json::from_slice(told.body()).unwrap();
    assert_eq!(told["reason"], "CALLBACK_FAILED");
}

#[test]
fn reasons_to_refuse_a_scanned_product() {
    let good = url(SignType::Md5);
    for (with_url, scanned, reason) in [
        (false, good.clone(), "NO_CALLBACK_URL"),
        (
            true,
            good.replace("sign=", "sign=0"),
            "PRODUCT_SIGN_MISMATCH",
        ),
        (true, good.replace("88", "89"), "PRODUCT_SIGN_MISMATCH"),
        (true, good.replace(MCH_ID, "1"), "MERCHANT_UNKNOWN"),
        (
            true,
            good.replace("time_stamp=", "t="),
            "PRODUCT_URL_FORMAT",
        ),
        (true, good.replace("product_id=", "p="), "UNKNOWN_CODE_URL"),
        (true, "weixin://wxpay/s/never".into(), "UNKNOWN_CODE_URL"),
    ] {
        let mut bench = Bench::new();
        if with_url {
            with_callback(&mut bench);
        }
        let request = scan(&scanned, "pay");
        let call = bench.sandbox.call_first(&request, bench.now_ms, &mut fixed);
        assert!(call.is_none(), "{scanned}");
        let told = bench.send(&request);
        let told: Value = serde_json::from_slice(told.body()).unwrap();
        assert_eq!(told["reason"], reason, "{scanned}");
    }
}

#[test]
fn short_urls_are_scanned_like_their_long_ones() {
    let mut bench = Bench::new();
    let long = url(SignType::Md5);
    let ask = |bench: &mut Bench, sent: &str| {
        // Signed unencoded, sent percent-encoded or not.
        let sign = ids()
            .with("long_url", long.as_str())
            .sign(&Secret::new(KEY), SignType::Md5);
        let fields = ids().with("long_url", sent).with("sign", sign);
        bench.post("/tools/shorturl", fields.to_xml().as_bytes())
    };
    let plain = ask(&mut bench, &long);
    let short_url = plain.get("short_url").unwrap();
    assert!(short_url.starts_with("weixin://wxpay/s/"), "{short_url}");
    let encoded: String = url::form_urlencoded::byte_serialize(long.as_bytes()).collect();
    let again = ask(&mut bench, &encoded);
    assert_eq!(again.get("short_url"), Some(short_url));
    let bad = bench.call("/tools/shorturl", ids().with("long_url", "https://x/"));
    assert_eq!(refused(&bad), ("signed", "URLFORMATERROR".into()));

    // A short URL of an order's own QR code is scanned like the QR code.
    let made = bench.order(|_| {});
    let code_url = made.get("code_url").unwrap();
    let short = bench.call("/tools/shorturl", ids().with("long_url", code_url));
    let body = json!({"code_url": short.get("short_url"), "payer": "bob", "action": "pay"});
    assert_eq!(bench.control("/sandbox/scan", &body)["ok"], true);
}
