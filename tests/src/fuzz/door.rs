//! Through the gateway's own door: requests from anybody, and WeChat's answers
//! to the gateway's own requests.
//!
//! A request is written as HTTP/1.1 writes it; `{key}`, `{secret}`, `{token}`,
//! `{admin}`, `{checkout}` and `{link}` stand for what this world gave out, so
//! that an input gets past the doors that it knows.

use crate::memory::{ADMIN_TOKEN, GATEWAY, Memory, Shop};
use gateway::world::{Request, Response};
use serde_json::{Value, json};
use wechatpay::Secret;
use wechatpay::v2::{Fields, SignType};
use xtask::demo::MERCHANTS;

/// The answer to anything at all: never our own fault, always with its
/// request's id, and JSON where it says so.
fn sound(answer: &Response) {
    assert_ne!(
        answer.status(),
        500,
        "{}",
        String::from_utf8_lossy(answer.body())
    );
    assert!(answer.headers().contains_key("x-request-id"));
    let kind = answer.headers().get("content-type");
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/json") && !answer.body().is_empty() {
        let json: Result<Value, _> = serde_json::from_slice(answer.body());
        assert!(json.is_ok(), "{}", String::from_utf8_lossy(answer.body()));
    }
}

/// One request.
pub(super) fn request(input: &[u8]) {
    let world = Memory::default();
    let shop = world.shop_with(
        "demo",
        &json!({"app_secret": "sandbox-app-secret-of-the-tests!"}),
    );
    let given = |path: &str, body: Value, at: &str| -> String {
        let (_, made) = shop.call("POST", path, body.to_string());
        made.pointer(at)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let checkout = json!({"out_trade_no": "C1", "body": "Tea", "total_fee": 1});
    let checkout = given("/v1/checkout", checkout, "/data/url");
    let checkout = checkout.rsplit('=').next().unwrap_or_default().to_owned();
    let link = given(
        "/v1/link",
        json!({"body": "Tea", "total_fee": 1, "stock": 9}),
        "/data/id",
    );
    let token = given("/v1/token", Value::Null, "/data/api-token");
    let mut input = String::from_utf8_lossy(input).into_owned();
    for (name, value) in [
        ("{key}", shop.api_key.as_str()),
        ("{secret}", &shop.api_secret),
        ("{token}", &token),
        ("{admin}", ADMIN_TOKEN),
        ("{checkout}", &checkout),
        ("{link}", &link),
    ] {
        input = input.replace(name, value);
    }
    let Some(request) = read_request(&input) else {
        return;
    };
    sound(&world.send(request));
}

/// A request as it is written; `None` where no server would hand it on.
fn read_request(text: &str) -> Option<Request> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let (method, path) = lines.next()?.split_once(' ')?;
    let path = path.starts_with('/').then_some(path)?;
    let mut request = http::Request::builder()
        .method(method)
        .uri(format!("{GATEWAY}{path}"));
    for line in lines {
        let (name, value) = line.split_once(": ")?;
        request = request.header(name, value);
    }
    request.body(body.as_bytes().to_vec()).ok()
}

/// WeChat answers with the input, signed, whatever is asked.
pub(super) fn answers_v2(input: &[u8]) {
    let key = Secret::new("weceive-sandbox-demo-key-0000001");
    answers("demo", input, move |input| match Fields::parse(input) {
        Ok(fields) => fields.sealed(&key, SignType::Md5).to_xml().into_bytes(),
        Err(_) => input.to_vec(),
    });
}

/// The same in APIv3, where every signature holds.
pub(super) fn answers_v3(input: &[u8]) {
    answers("demo-v3", input, <[u8]>::to_vec);
}

/// The same from iOnline.
pub(super) fn answers_ionline(input: &[u8]) {
    let world = Memory::default();
    let account = world.account("1900000114");
    let key = account.pointer("/ionline/key").and_then(Value::as_str);
    let key = Secret::new(key.unwrap_or_default());
    answers(
        "night-ionline",
        input,
        move |input| match wechatpay::ionline::json::read(input) {
            Ok(fields) => {
                let signed = fields.sealed(&key, SignType::Md5);
                wechatpay::ionline::json::write(&signed).into_bytes()
            }
            Err(_) => input.to_vec(),
        },
    );
}

/// Everything that a merchant asks WeChat, of orders that began well, while
/// WeChat answers with the input.
fn answers(kind: &str, input: &[u8], signed: impl Fn(&[u8]) -> Vec<u8>) {
    let world = Memory::default();
    let Some(kind) = MERCHANTS.iter().find(|merchant| merchant.id == kind) else {
        panic!("no merchant is a {kind}");
    };
    let entered = kind.admin_body(&world.account(kind.mch_id), "https://shop.example.com");
    let shop = world.shop_with(kind.id, &entered);
    let code_url = order(&shop, "P").1;
    let scan = json!({"code_url": code_url, "payer": "alice", "action": "pay"});
    world.try_control("/sandbox/scan", &scan);
    world.advance(1);
    order(&shop, "O");
    world.advance(11);

    world.answer_with(signed(input));
    let refund = json!({"out_trade_no": "P", "refund_fee": 1, "out_refund_no": "R"});
    let charge = json!({"out_trade_no": "Q", "body": "Tea", "total_fee": 1, "fee_type": "HKD",
                        "auth_code": "134650720866361395"});
    let number = json!({"out_trade_no": "O"});
    for (method, path, body) in [
        ("GET", "/v1/order?out_trade_no=O", String::new()),
        ("POST", "/v1/refund", refund.to_string()),
        ("GET", "/v1/refund?out_trade_no=P", String::new()),
        ("POST", "/v1/micropay", charge.to_string()),
        ("POST", "/v1/close", number.to_string()),
        ("GET", "/v1/statement?date=20260101", String::new()),
        ("GET", "/v1/settlement", String::new()),
        ("GET", "/v1/exchange_rate", String::new()),
        (
            "POST",
            "/v1/shorturl",
            json!({"long_url": "weixin://wxpay/bizpayurl?pr=x"}).to_string(),
        ),
        ("GET", "/v1/doctor", String::new()),
    ] {
        let answer = shop.answer(method, path, body);
        sound(&answer);
    }
    order(&shop, "N");
    // The timers' queries, reverses and refunds.
    world.advance(120);
}

fn order(shop: &Shop, number: &str) -> (u16, Value) {
    let order =
        json!({"out_trade_no": number, "body": "Tea", "total_fee": 1, "trade_type": "NATIVE"});
    let answer = shop.answer("POST", "/v1/order", order.to_string());
    sound(&answer);
    let json: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    (answer.status().as_u16(), json["data"]["code_url"].clone())
}
