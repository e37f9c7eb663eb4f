//! Requests to the gateway's entry point from any client, and WeChat's answers
//! to the gateway's own requests.
//!
//! A request is written in the form of HTTP/1.1; `{key}`, `{secret}`,
//! `{token}`, `{admin}`, `{quick_auth}`, `{checkout}` and `{link}` are replaced
//! by this world's values, so that an input can be authenticated. In a notice
//! `{now}`, `{serial}`, `{signature}` and `{sign}` are replaced by WeChat's
//! values, and a v3 resource may be unencrypted: it is encrypted.

use crate::memory::{ADMIN_TOKEN, GATEWAY, Memory, START_MS, Shop};
use gateway::runtime::{Request, Response};
use serde_json::{Value, json};
use testkit::demo::{Kind, MERCHANTS};
use wechatpay::Secret;
use wechatpay::common::{Fields, SignType};
use wechatpay::rsa::PrivateKey;
use wechatpay::v3::Signature;
use wechatpay::v3::gcm::Sealed;
use wechatpay::v3::sign::answer_message;

const DEMO_KEY: &str = "weceive-sandbox-demo-key-0000001";
/// Under the public key of WeChat's that the mainland's demo merchant has.
const WECHATS_KEY: &str = include_str!("../../../sandbox/src/keys/public_key.key.pem");

/// Checks the answer to any request: never an error of the gateway, always with
/// its request's id, and JSON where it says so.
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
    if let Some(answer) = answer(input) {
        sound(&answer);
    }
}

/// The gateway's answer to one request; `None` where no server would pass the
/// request on.
pub(super) fn answer(input: &[u8]) -> Option<Response> {
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
    let checkout = given("/v1/checkout", checkout, "/data/id");
    let link = given(
        "/v1/link",
        json!({"body": "Tea", "total_fee": 1, "stock": 9}),
        "/data/id",
    );
    let token = given("/v1/token", json!({}), "/data/api-token");
    let mut input = String::from_utf8_lossy(input).into_owned();
    // A merchant's keys take time: only those in the input are made.
    let named = |kind: &&Kind| input.contains(kind.id) && kind.id != "demo";
    let (mut key, mut serial) = (DEMO_KEY.to_owned(), String::new());
    let other = MERCHANTS.iter().find(named).map(|kind| {
        let entered = entered(&world, kind);
        let text = |name: &str| entered[name].as_str().unwrap_or_default().to_owned();
        (key, serial) = (text("api_key"), text("wechatpay_public_key_id"));
        world.shop_with(kind.id, &entered)
    });
    if input.contains(" /v1/") {
        let code_url = order(&shop, "O").1;
        let scan = json!({"code_url": code_url, "payer": "alice", "action": "pay"});
        world.try_control("/sandbox/scan", &scan);
        world.advance(1);
    }
    if input.starts_with("POST /notify/") {
        order(other.as_ref().unwrap_or(&shop), "N1");
        given(
            "/v1/product",
            json!({"product_id": "p", "body": "Tea", "total_fee": 1}),
            "/data/code_url",
        );
    }
    for (name, value) in [
        ("{key}", shop.api_key.as_str()),
        ("{secret}", &shop.api_secret),
        ("{token}", &token),
        (
            "{quick_auth}",
            shop.made["quick_auth_token"].as_str().unwrap_or_default(),
        ),
        ("{admin}", ADMIN_TOKEN),
        ("{checkout}", &checkout),
        ("{link}", &link),
        ("{now}", &(START_MS / 1000).to_string()),
        ("{serial}", &serial),
    ] {
        input = input.replace(name, value);
    }
    let input = signed(&input, &Secret::new(key));
    Some(world.send(read_request(&input)?))
}

/// The body of the admin call that makes a demo merchant.
fn entered(world: &Memory, kind: &Kind) -> Value {
    kind.admin_body(&world.account(kind.mch_id), "https://shop.example.com")
}

/// A notice as WeChat would sign it, with the nonce `n` where it is v3's.
fn signed(input: &str, key: &Secret) -> String {
    let Some((head, body)) = input.split_once("\n\n") else {
        return input.to_owned();
    };
    if let Ok(fields) = Fields::parse(body.as_bytes()) {
        let sign = fields.sign(key, SignType::Md5);
        return format!("{head}\n\n{}", body.replace("{sign}", &sign));
    }
    let mut body = body.to_owned();
    if let Ok(mut envelope) = serde_json::from_str::<Value>(&body)
        && envelope["resource"]["ciphertext"].is_object()
    {
        let resource = &mut envelope["resource"];
        let text = |name: &str| resource[name].as_str().unwrap_or_default().to_owned();
        let clear = resource["ciphertext"].to_string();
        let (nonce, associated) = (text("nonce"), text("associated_data"));
        if let Ok(sealed) = Sealed::seal(clear.as_bytes(), &nonce, &associated, key) {
            resource["ciphertext"] = sealed.ciphertext.into();
        }
        body = envelope.to_string();
    }
    if !head.contains("{signature}") {
        return format!("{head}\n\n{body}");
    }
    let message = answer_message(START_MS / 1000, "n", body.as_bytes());
    let wechats = PrivateKey::from_pem(WECHATS_KEY).expect("the sandbox's own key");
    let signed = Signature {
        timestamp_s: START_MS / 1000,
        nonce: "n".to_owned(),
        serial: String::new(),
        signature: crate::rsa::sign(&wechats, &message).expect("a signature"),
    };
    let mut headers = signed.to_headers().into_iter();
    let signature = headers.find(|(name, _)| name.eq_ignore_ascii_case("wechatpay-signature"));
    let signature = signature.map(|(_, value)| value).unwrap_or_default();
    format!("{}\n\n{body}", head.replace("{signature}", &signature))
}

/// Parses a request; `None` where no server would pass it on.
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

/// WeChat answers every request with the input, signed.
pub(super) fn answers_v2(input: &[u8]) {
    let key = Secret::new(DEMO_KEY);
    answers("demo", input, move |input| match Fields::parse(input) {
        Ok(fields) => fields.sealed(&key, SignType::Md5).to_xml().into_bytes(),
        Err(_) => input.to_vec(),
    });
}

/// The same in APIv3, where every signature counts as valid; in both regions,
/// whose statements differ.
pub(super) fn answers_v3(input: &[u8]) {
    for id in ["demo-v3", "lantern-v3"] {
        answers(id, input, <[u8]>::to_vec);
    }
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

/// Every request of a merchant to WeChat, about open orders, while WeChat
/// answers with the input.
fn answers(kind: &str, input: &[u8], signed: impl Fn(&[u8]) -> Vec<u8>) {
    let world = Memory::default();
    let Some(kind) = MERCHANTS.iter().find(|merchant| merchant.id == kind) else {
        panic!("no merchant is a {kind}");
    };
    let shop = world.shop_with(kind.id, &entered(&world, kind));
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
        ("GET", "/v1/statement?bill_date=20251231", String::new()),
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
        // A call that is refused here sends nothing to WeChat.
        let text = String::from_utf8_lossy(answer.body());
        assert!(!text.contains("FIELD_MISSING"), "{path}: {text}");
    }
    order(&shop, "N");
    // The timers' queries, reverses and refunds.
    world.advance(120);
}

fn order(shop: &Shop, number: &str) -> (u16, Value) {
    let order = json!({"out_trade_no": number, "body": "Tea", "total_fee": 1, "trade_type": "NATIVE",
               "notify_url": "https://shop.example.com/n"});
    let answer = shop.answer("POST", "/v1/order", order.to_string());
    sound(&answer);
    let json: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    (answer.status().as_u16(), json["data"]["code_url"].clone())
}
