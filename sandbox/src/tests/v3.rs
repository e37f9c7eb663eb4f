//! APIv3: orders, payments and their notices, in both regions and for
//! institutions. Requests are signed here by hand; answers are verified with
//! the keys that a merchant reads from the control calls.

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_executor::block_on;
use wechatpay::rsa::{Certificate, PrivateKey, PublicKey, Rsa, RsaError};
use wechatpay::v3::keyring::{self, Keyring, Verified, VerifyError};
use wechatpay::v3::notify;
use wechatpay::v3::sign::{Signature, SignatureError};

pub(super) const INSTITUTION: &str = "1900000110";
pub(super) const PUBLIC_KEY_SHOP: &str = "1900000113";

pub(super) struct Toy;

impl Rsa for Toy {
    async fn rsa_sign(&self, key: &PrivateKey, message: &[u8]) -> Result<Vec<u8>, RsaError> {
        Ok(crate::wechat::rsa::sign(key, message))
    }

    async fn rsa_verify(
        &self,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, RsaError> {
        Ok(crate::wechat::rsa::verify(key, message, signature))
    }
}

/// An answer: its status, its JSON, and whether its signature is valid.
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) json: Value,
    pub(super) body: Vec<u8>,
    pub(super) headers: http::HeaderMap,
}

impl Told {
    pub(super) fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn signature(&self) -> Result<Signature, SignatureError> {
        Signature::from_headers(|name| self.header(name))
    }
}

/// What a merchant reads in `GET /sandbox/merchants`.
pub(super) fn credentials(bench: &mut Bench, mchid: &str) -> Value {
    let listed = bench.look("/sandbox/merchants");
    let found = listed["merchants"].as_array().unwrap();
    let merchant = found.iter().find(|it| it["mch_id"] == mchid).unwrap();
    merchant["v3"].clone()
}

pub(super) fn keyring(bench: &mut Bench, mchid: &str) -> Keyring {
    let platform = credentials(bench, mchid)["platform"].clone();
    let certificates = platform["certificates"].as_array().unwrap();
    let pem = platform["public_key"].as_str().unwrap();
    let id = platform["public_key_id"].as_str().unwrap();
    Keyring {
        certificates: certificates
            .iter()
            .map(|it| Certificate::from_pem(it["certificate"].as_str().unwrap()).unwrap())
            .collect(),
        public_key: Some((id.to_owned(), PublicKey::from_pem(pem).unwrap())),
    }
}

/// A signed request, which a test may change.
pub(super) fn request(
    bench: &mut Bench,
    mchid: &str,
    (method, path): (&str, &str),
    body: &Value,
) -> Request<Vec<u8>> {
    let known = credentials(bench, mchid);
    let key = PrivateKey::from_pem(known["private_key"].as_str().unwrap()).unwrap();
    let body = match body {
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let now_s = bench.now_ms / 1000;
    let message = format!("{method}\n{path}\n{now_s}\nn0nce\n{body}\n");
    let signature = BASE64.encode(crate::wechat::rsa::sign(&key, message.as_bytes()));
    let serial = known["serial_no"].as_str().unwrap();
    Request::builder()
        .method(method)
        .uri(format!("http://127.0.0.1:8788{path}"))
        .header("host", "127.0.0.1:8788")
        .header("accept", "application/json")
        .header("content-type", "application/json")
        .header("user-agent", "test")
        .header(
            "authorization",
            format!(
                "WECHATPAY2-SHA256-RSA2048 mchid=\"{mchid}\",nonce_str=\"n0nce\",\
                 timestamp=\"{now_s}\",serial_no=\"{serial}\",signature=\"{signature}\""
            ),
        )
        .body(body.into_bytes())
        .unwrap()
}

pub(super) fn send(bench: &mut Bench, request: &Request<Vec<u8>>) -> Told {
    let answer = bench.send(request);
    let body = answer.body().clone();
    Told {
        status: answer.status().as_u16(),
        json: serde_json::from_slice(&body).unwrap_or_default(),
        headers: answer.headers().clone(),
        body,
    }
}

/// Sends, and verifies the answer.
pub(super) fn ask(bench: &mut Bench, mchid: &str, call: (&str, &str), body: &Value) -> Told {
    let request = request(bench, mchid, call, body);
    let told = send(bench, &request);
    let signature = told.signature().unwrap();
    let keyring = keyring(bench, mchid);
    assert_eq!(
        block_on(keyring::verify(
            &signature,
            &told.body,
            &keyring,
            bench.now_ms,
            &Toy
        ))
        .map(Verified::bytes),
        Ok(told.body.as_slice()),
        "{call:?}"
    );
    assert!(told.header("Request-ID").is_some());
    told
}

pub(super) fn global_order(change: impl FnOnce(&mut Value)) -> Value {
    let mut body = json!({
        "appid": APPID,
        "mchid": MCH_ID,
        "description": "Jasmine 茉莉",
        "notify_url": "http://127.0.0.1:9000/v3",
        "out_trade_no": "V3-0001",
        "trade_type": "NATIVE",
        "merchant_category_code": "5499",
        "attach": "table 4",
        "amount": {"total": 888, "currency": "HKD"},
    });
    change(&mut body);
    body
}

pub(super) fn mainland_order(change: impl FnOnce(&mut Value)) -> Value {
    let mut body = json!({
        "appid": APPID,
        "mchid": MCH_ID,
        "description": "Jasmine 茉莉",
        "notify_url": "http://127.0.0.1:9000/v3",
        "out_trade_no": "V3-0001",
        "amount": {"total": 888},
    });
    change(&mut body);
    body
}

pub(super) const NATIVE: (&str, &str) = ("POST", "/v3/global/transactions/native");

/// A notice that is sent, verified and decrypted.
pub(super) fn open_notice(
    bench: &mut Bench,
    mchid: &str,
    outgoing: &Outgoing,
) -> Result<notify::Notice, String> {
    let header = |name: &str| {
        let found = outgoing.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    };
    let signature = Signature::from_headers(header).map_err(|error| format!("{error:?}"))?;
    let keyring = keyring(bench, mchid);
    let body = outgoing.body.as_bytes();
    let verified = block_on(keyring::verify(
        &signature,
        body,
        &keyring,
        bench.now_ms,
        &Toy,
    ))
    .map_err(|error: VerifyError| format!("{error:?}"))?;
    let key = credentials(bench, mchid)["apiv3_key"].clone();
    let key = Secret::new(key.as_str().unwrap());
    notify::Notice::read(verified, &key).map_err(|error| format!("{error:?}"))
}

#[test]
fn a_native_order_is_paid_and_notified_in_each_region() {
    for (call, order, id, query, close) in [
        (
            NATIVE,
            global_order(|_| {}),
            "id",
            "/v3/global/transactions",
            "/v3/global/transactions/out-trade-no/V3-0001/close",
        ),
        (
            ("POST", "/v3/pay/transactions/native"),
            mainland_order(|_| {}),
            "transaction_id",
            "/v3/pay/transactions",
            "/v3/pay/transactions/out-trade-no/V3-0001/close",
        ),
    ] {
        let mut bench = Bench::new();
        let made = ask(&mut bench, MCH_ID, call, &order);
        assert_eq!(made.status, 200, "{}", made.json);
        let again = ask(&mut bench, MCH_ID, call, &order);
        assert_eq!(made.json, again.json, "the same terms, the same prepayment");

        let by_number = format!("{query}/out-trade-no/V3-0001?mchid={MCH_ID}");
        let asked = ask(&mut bench, MCH_ID, ("GET", &by_number), &Value::Null);
        assert_eq!(asked.json["trade_state"], "NOTPAY");
        let paid = bench.control(
            "/sandbox/scan",
            &json!({"code_url": made.json["code_url"], "payer": "alice", "action": "pay"}),
        );
        assert_eq!(paid["ok"], true, "{paid}");
        let asked = ask(&mut bench, MCH_ID, ("GET", &by_number), &Value::Null);
        assert_eq!(asked.json["trade_state"], "SUCCESS");
        assert_eq!(asked.json["amount"]["total"], 888);
        assert_eq!(asked.json["payer"]["openid"], alice());
        let transaction_id = asked.json[id].as_str().unwrap();
        let by_id = format!("{query}/id/{transaction_id}?mchid={MCH_ID}");
        let by_id = ask(&mut bench, MCH_ID, ("GET", &by_id), &Value::Null);
        assert_eq!(by_id.json, asked.json);

        let closed = ask(
            &mut bench,
            MCH_ID,
            ("POST", close),
            &json!({"mchid": MCH_ID}),
        );
        assert_eq!((closed.status, closed.code()), (400, "ORDER_PAID"));

        let due = bench.sandbox.due(bench.now_ms);
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].url, "http://127.0.0.1:9000/v3");
        let notice = open_notice(&mut bench, MCH_ID, &due[0]).unwrap();
        assert_eq!(notice.payment.out_trade_no, "V3-0001");
        assert_eq!(notice.payment.transaction_id, transaction_id);
        assert_eq!(notice.payment.money.amount_minor(), 888);
    }
}

#[test]
fn a_closed_order_is_answered_with_an_empty_signed_answer() {
    let mut bench = Bench::new();
    ask(&mut bench, MCH_ID, NATIVE, &global_order(|_| {}));
    let close = "/v3/global/transactions/out-trade-no/V3-0001/close";
    let body = json!({"mchid": MCH_ID});
    let closed = ask(&mut bench, MCH_ID, ("POST", close), &body);
    assert_eq!((closed.status, closed.body.len()), (204, 0));
    let again = ask(&mut bench, MCH_ID, ("POST", close), &body);
    assert_eq!((again.status, again.code()), (400, "ORDER_CLOSED"));
    let none = "/v3/global/transactions/out-trade-no/none/close";
    let none = ask(&mut bench, MCH_ID, ("POST", none), &body);
    assert_eq!((none.status, none.code()), (404, "ORDER_NOT_EXIST"));
}

#[test]
fn each_attempt_of_a_notice_is_encrypted_and_signed_anew() {
    let mut bench = Bench::new();
    ask(&mut bench, MCH_ID, NATIVE, &global_order(|_| {}));
    bench.pay("V3-0001");
    let mut bodies = Vec::new();
    let mut at_s = Vec::new();
    let started_ms = bench.now_ms;
    while let Some(due_ms) = bench.sandbox.next_due_ms() {
        bench.now_ms = due_ms;
        at_s.push((due_ms - started_ms) / 1000);
        for outgoing in bench.sandbox.due(due_ms) {
            let notice = open_notice(&mut bench, MCH_ID, &outgoing).unwrap();
            assert_eq!(notice.payment.out_trade_no, "V3-0001");
            let json: Value = serde_json::from_str(&outgoing.body).unwrap();
            bodies.push((json["id"].clone(), json["resource"]["nonce"].clone()));
            let outcome = Outcome::Answered {
                status: 500,
                body: Vec::new(),
            };
            bench.sandbox.sent(&outgoing.id, &outcome, due_ms);
        }
    }
    assert_eq!(at_s.len(), 16);
    assert_eq!(at_s.last(), Some(&(24 * 3600 + 240)));
    let ids: std::collections::BTreeSet<_> = bodies.iter().map(|(id, _)| id.to_string()).collect();
    let nonces: std::collections::BTreeSet<_> = bodies.iter().map(|(_, n)| n.to_string()).collect();
    assert_eq!((ids.len(), nonces.len()), (1, 16));
}

#[test]
fn a_payment_inside_wechat_is_signed_with_rsa() {
    let mut bench = Bench::new();
    let order = global_order(|body| {
        body["trade_type"] = "JSAPI".into();
        body["payer"] = json!({"openid": alice()});
    });
    let call = ("POST", "/v3/global/transactions/jsapi");
    let made = ask(&mut bench, MCH_ID, call, &order);
    let prepay_id = made.json["prepay_id"].as_str().unwrap().to_owned();
    let pem = credentials(&mut bench, MCH_ID)["private_key"].clone();
    let key = PrivateKey::from_pem(pem.as_str().unwrap()).unwrap();
    let package = |appid: &str, sign_type: &str, signed: &str| {
        let message = format!("{signed}\n1700000000\nn\nprepay_id={prepay_id}\n");
        let pay_sign = BASE64.encode(crate::wechat::rsa::sign(&key, message.as_bytes()));
        json!({
            "appId": appid, "timeStamp": "1700000000", "nonceStr": "n",
            "package": format!("prepay_id={prepay_id}"),
            "signType": sign_type, "paySign": pay_sign,
        })
    };
    for (package, payer, reason) in [
        (package(APPID, "MD5", APPID), "alice", "SIGN_TYPE_MISMATCH"),
        (
            package("wx5a11d0b0c0ffee02", "RSA", APPID),
            "alice",
            "APPID_MISMATCH",
        ),
        (
            package(APPID, "RSA", "wx5a11d0b0c0ffee02"),
            "alice",
            "PAY_SIGN_MISMATCH",
        ),
        (package(APPID, "RSA", APPID), "bob", "PAYER_MISMATCH"),
    ] {
        let body = json!({"payer": payer, "package": package, "action": "pay"});
        let refused = bench.control("/sandbox/bridge", &body);
        assert_eq!(refused["reason"], reason, "{refused}");
    }
    let body = json!({"payer": "alice", "package": package(APPID, "RSA", APPID), "action": "pay"});
    let paid = bench.control("/sandbox/bridge", &body);
    assert_eq!(paid["err_msg"], "get_brand_wcpay_request:ok", "{paid}");
}

#[test]
fn i2_an_institution_names_its_sub_merchant_everywhere() {
    let sp_appid = "wx5a11d0b0c0ffee02";
    let sub_appid = "wx5a11d0b0c0ffee03";
    let mut bench = Bench::new();
    // The payer under an application, and the application that the package
    // names.
    for (number, payer, package_appid) in [
        (
            "A-000001",
            json!({"sub_openid": Payer::Bob.openid(sub_appid)}),
            sub_appid,
        ),
        (
            "A-000002",
            json!({"sp_openid": Payer::Bob.openid(sp_appid)}),
            sp_appid,
        ),
    ] {
        for (call, mainland) in [
            ("/v3/global/transactions/jsapi", false),
            ("/v3/pay/partner/transactions/jsapi", true),
        ] {
            let number = format!("{number}{}", u8::from(mainland));
            let mut body = json!({
                "sp_appid": sp_appid, "sp_mchid": INSTITUTION,
                "sub_appid": sub_appid, "sub_mchid": "1900000111",
                "description": "A book", "out_trade_no": number,
                "notify_url": "http://127.0.0.1:9000/v3",
                "amount": {"total": 100, "currency": "USD"},
                "payer": payer,
            });
            if !mainland {
                body["trade_type"] = "JSAPI".into();
                body["merchant_category_code"] = "5942".into();
            }
            let made = ask(&mut bench, INSTITUTION, ("POST", call), &body);
            assert_eq!(made.status, 200, "{}", made.json);
            let pay = json!({
                "mch_id": INSTITUTION, "sub_mch_id": "1900000111", "out_trade_no": number,
                "payer": "bob", "action": "pay",
            });
            let paid = bench.control("/sandbox/pay", &pay);
            assert_eq!(paid["ok"], true, "{paid}");
            assert_eq!(paid["order"]["appid"], sp_appid);
            let base = call.replace("jsapi", "out-trade-no");
            let query = format!("{base}/{number}?sp_mchid={INSTITUTION}&sub_mchid=1900000111");
            let asked = ask(&mut bench, INSTITUTION, ("GET", &query), &Value::Null);
            assert_eq!(asked.json["trade_state"], "SUCCESS");
            assert_eq!(asked.json["sub_mchid"], "1900000111");
            assert_eq!(
                asked.json["payer"]["sub_openid"],
                Payer::Bob.openid(sub_appid)
            );
            let order = bench
                .sandbox
                .wechat
                .orders
                .values()
                .find(|it| it.out_trade_no == number);
            assert_eq!(order.unwrap().payer_appid(), package_appid);
        }
    }
    let due = bench.sandbox.due(bench.now_ms);
    assert_eq!(due.len(), 4);
    for outgoing in due {
        let notice = open_notice(&mut bench, INSTITUTION, &outgoing).unwrap();
        assert_eq!(
            notice.payment.account.sub_mch_id.as_deref(),
            Some("1900000111")
        );
    }
    // Another sub-merchant's order counts as not existing.
    let query = format!(
        "/v3/global/transactions/out-trade-no/A-0000010?sp_mchid={INSTITUTION}&sub_mchid=1900000112"
    );
    let asked = ask(&mut bench, INSTITUTION, ("GET", &query), &Value::Null);
    assert_eq!((asked.status, asked.code()), (404, "ORDER_NOT_EXIST"));
}

#[test]
fn h5_and_app_orders_are_paid() {
    let mut bench = Bench::new();
    for (call, order, field) in [
        (
            "/v3/global/transactions/mweb",
            global_order(|body| {
                body["trade_type"] = "MWEB".into();
                body["scene_info"] = json!({"payer_client_ip": "8.8.8.8"});
                body["out_trade_no"] = "V3-1".into();
            }),
            "mweb_url",
        ),
        (
            "/v3/pay/transactions/h5",
            mainland_order(|body| {
                body["scene_info"] =
                    json!({"payer_client_ip": "8.8.8.8", "h5_info": {"type": "Wap"}});
                body["out_trade_no"] = "V3-2".into();
            }),
            "h5_url",
        ),
        (
            "/v3/pay/transactions/app",
            mainland_order(|body| body["out_trade_no"] = "V3-3".into()),
            "prepay_id",
        ),
    ] {
        let made = ask(&mut bench, MCH_ID, ("POST", call), &order);
        assert!(made.json[field].is_string(), "{call}: {}", made.json);
    }
    let listed = bench.look("/sandbox/orders");
    let url = listed["orders"].as_array().unwrap().iter();
    let url = url
        .filter_map(|order| order["mweb_url"].as_str())
        .next()
        .unwrap();
    let path = url.strip_prefix("http://127.0.0.1:8788").unwrap();
    let page = bench.ask(Method::GET, path, b"");
    assert!(String::from_utf8_lossy(page.body()).contains("Pay as alice"));
}

#[test]
fn an_app_package_is_signed_with_the_merchants_private_key() {
    let mut bench = Bench::new();
    let path = "/v3/global/transactions/app";
    let order = global_order(|order| order["trade_type"] = json!("APP"));
    let told = ask(&mut bench, MCH_ID, ("POST", path), &order);
    let prepayid = told.json["prepay_id"].as_str().unwrap().to_owned();
    let known = credentials(&mut bench, MCH_ID);
    let key = PrivateKey::from_pem(known["private_key"].as_str().unwrap()).unwrap();
    let package = wechatpay::v3::invoke::app(APPID, MCH_ID, &prepayid, 1, "n", &key, &Toy);
    let mut package = serde_json::to_value(block_on(package).unwrap()).unwrap();
    let mut pay = |package: &Value| {
        let body = json!({"payer": "alice", "package": package, "action": "pay"});
        bench.control("/sandbox/app", &body)
    };
    let noncestr = std::mem::replace(&mut package["noncestr"], json!("other"));
    let said = pay(&package);
    assert_eq!(said["reason"], "SIGN_MISMATCH", "{said}");
    package["noncestr"] = noncestr;
    let said = pay(&package);
    assert_eq!(said["errCode"], 0, "{said}");
}
