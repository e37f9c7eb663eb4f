//! The sandbox through its front door: requests in, answers out, under a
//! clock that only the test moves.

use super::*;
use http::{Method, Request};
use serde_json::{Value, json};
use wechatpay::Secret;
use wechatpay::v2::notify::Notice;
use wechatpay::v2::{Fields, SignType, invoke};

const APPID: &str = "wx5a11d0b0c0ffee01";
const MCH_ID: &str = "1900000109";
const KEY: &str = "weceive-sandbox-demo-key-0000001";
const APP_SECRET: &str = "5ec3e7000000000000000000c0ffee01";

struct Bench {
    sandbox: Sandbox,
    now_ms: i64,
    seed: u64,
}

fn settings() -> Settings {
    Settings {
        public_url: "http://127.0.0.1:8788".into(),
    }
}

impl Bench {
    fn new() -> Self {
        Self {
            sandbox: Sandbox::new(settings()),
            now_ms: 1_700_000_000_000,
            seed: 1,
        }
    }

    fn send(&mut self, request: &Request<Vec<u8>>) -> http::Response<Vec<u8>> {
        let seed = &mut self.seed;
        let mut random = |bytes: &mut [u8]| {
            for byte in bytes {
                *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                *byte = u8::try_from(*seed >> 56).unwrap();
            }
        };
        self.sandbox.handle(request, self.now_ms, &mut random)
    }

    fn ask(&mut self, method: Method, path: &str, body: &[u8]) -> http::Response<Vec<u8>> {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://127.0.0.1:8788{path}"))
            .header("host", "127.0.0.1:8788")
            .body(body.to_vec())
            .unwrap();
        self.send(&request)
    }

    fn control(&mut self, path: &str, body: &Value) -> Value {
        let answer = self.ask(Method::POST, path, body.to_string().as_bytes());
        serde_json::from_slice(answer.body()).unwrap()
    }

    fn look(&mut self, path: &str) -> Value {
        let answer = self.ask(Method::GET, path, b"");
        serde_json::from_slice(answer.body()).unwrap()
    }

    /// Sends fields, signed with MD5 and the demo merchant's key.
    fn call(&mut self, path: &str, fields: Fields) -> Fields {
        let xml = fields.sealed(&Secret::new(KEY), SignType::Md5).to_xml();
        self.post(path, xml.as_bytes())
    }

    fn post(&mut self, path: &str, body: &[u8]) -> Fields {
        let answer = self.ask(Method::POST, path, body);
        assert_eq!(answer.status(), 200);
        Fields::parse(answer.body()).unwrap()
    }

    fn order(&mut self, change: impl FnOnce(&mut Fields)) -> Fields {
        let mut fields = order_fields();
        change(&mut fields);
        self.call("/pay/unifiedorder", fields)
    }

    fn query(&mut self, out_trade_no: &str) -> Fields {
        self.call("/pay/orderquery", ids().with("out_trade_no", out_trade_no))
    }

    fn close(&mut self, out_trade_no: &str) -> Fields {
        self.call("/pay/closeorder", ids().with("out_trade_no", out_trade_no))
    }

    fn pay(&mut self, out_trade_no: &str) -> Value {
        let body = json!({
            "mch_id": MCH_ID, "out_trade_no": out_trade_no, "payer": "alice", "action": "pay",
        });
        self.control("/sandbox/pay", &body)
    }
}

fn ids() -> Fields {
    Fields::new()
        .with("appid", APPID)
        .with("mch_id", MCH_ID)
        .with("nonce_str", "5K8264ILTKCH16CQ2502SI8ZNMTM67VS")
}

fn order_fields() -> Fields {
    ids()
        .with("body", "Tea House-Jasmine 茉莉")
        .with("out_trade_no", "9900000000")
        .with("total_fee", "888")
        .with("fee_type", "HKD")
        .with("spbill_create_ip", "8.8.8.8")
        .with("notify_url", "http://127.0.0.1:9000/notify")
        .with("trade_type", "NATIVE")
}

fn alice() -> String {
    Payer::Alice.openid(APPID)
}

/// What an answer says is wrong: its level and its code.
fn refused(answer: &Fields) -> (&'static str, String) {
    let code = answer.get("err_code").unwrap_or_default().to_owned();
    if answer.get("return_code") == Some("FAIL") {
        assert_eq!(answer.get("sign"), None, "nothing is signed at this level");
        assert_ne!(answer.get("return_msg"), None);
        return ("unsigned", code);
    }
    let key = Secret::new(KEY);
    assert_eq!(answer.verify(&key, SignType::Md5), Ok(()), "{answer:?}");
    assert_eq!(answer.get("appid"), Some(APPID));
    assert_eq!(answer.get("mch_id"), Some(MCH_ID));
    match answer.get("result_code") {
        Some("FAIL") => ("signed", code),
        Some("SUCCESS") => ("done", code),
        other => panic!("result_code {other:?}"),
    }
}

#[test]
fn a_request_is_refused_for_its_form() {
    let sealed = |fields: Fields| fields.sealed(&Secret::new(KEY), SignType::Md5).to_xml();
    let good = sealed(order_fields());
    let as_other = |name: &str, value: &str| sealed(order_fields().with(name, value));
    let without = |name: &str| {
        let mut fields = order_fields();
        fields.remove(name);
        sealed(fields)
    };
    let mut gbk = good.clone().into_bytes();
    gbk.extend([0xC4, 0xE3]);
    let mut unsigned = order_fields().with("sign", "x");
    unsigned.remove("sign");
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "POST_DATA_EMPTY"),
        (b" \n ".to_vec(), "POST_DATA_EMPTY"),
        (gbk, "NOT_UTF8"),
        (
            b"<?xml version=\"1.0\" encoding=\"GBK\"?><xml><a>1</a></xml>".to_vec(),
            "NOT_UTF8",
        ),
        (b"{\"appid\":1}".to_vec(), "XML_FORMAT_ERROR"),
        (b"<xml><appid>1</xml>".to_vec(), "XML_FORMAT_ERROR"),
        (
            b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><xml><a>&e;</a></xml>".to_vec(),
            "XML_FORMAT_ERROR",
        ),
        (b"<xml><a>1</a><a>2</a></xml>".to_vec(), "XML_FORMAT_ERROR"),
        (b"<xml></xml>".to_vec(), "LACK_PARAMS"),
        (without("appid").into(), "LACK_PARAMS"),
        (without("mch_id").into(), "LACK_PARAMS"),
        (without("nonce_str").into(), "LACK_PARAMS"),
        (unsigned.to_xml().into(), "LACK_PARAMS"),
        (without("body").into(), "LACK_PARAMS"),
        (without("out_trade_no").into(), "LACK_PARAMS"),
        (without("total_fee").into(), "LACK_PARAMS"),
        (without("spbill_create_ip").into(), "LACK_PARAMS"),
        (without("notify_url").into(), "LACK_PARAMS"),
        (without("trade_type").into(), "LACK_PARAMS"),
        (as_other("body", "").into(), "LACK_PARAMS"),
        (as_other("trade_type", "JSAPI").into(), "LACK_PARAMS"),
        (as_other("trade_type", "MWEB").into(), "LACK_PARAMS"),
        (as_other("mch_id", "1900000999").into(), "MCHID_NOT_EXIST"),
        (
            as_other("appid", "wx0000000000000000").into(),
            "APPID_NOT_EXIST",
        ),
        (
            as_other("appid", "wx5a11d0b0c0ffee02").into(),
            "APPID_MCHID_NOT_MATCH",
        ),
        (
            order_fields().with("sign", "0".repeat(32)).to_xml().into(),
            "SIGNERROR",
        ),
        (good.replace("888", "1").into(), "SIGNERROR"),
        (
            order_fields()
                .sealed(&Secret::new("another key"), SignType::Md5)
                .to_xml()
                .into(),
            "SIGNERROR",
        ),
        (
            // HMAC must be declared.
            order_fields()
                .sealed(&Secret::new(KEY), SignType::HmacSha256)
                .to_xml()
                .into(),
            "SIGNERROR",
        ),
        (as_other("sign_type", "md5").into(), "PARAM_ERROR"),
        (as_other("sign_type", "RSA").into(), "PARAM_ERROR"),
        (as_other("nonce_str", &"x".repeat(33)).into(), "PARAM_ERROR"),
        (as_other("body", &"x".repeat(129)).into(), "PARAM_ERROR"),
        (as_other("attach", &"x".repeat(129)).into(), "PARAM_ERROR"),
        (
            as_other("out_trade_no", &"9".repeat(33)).into(),
            "PARAM_ERROR",
        ),
        (as_other("out_trade_no", "a b").into(), "PARAM_ERROR"),
        (as_other("total_fee", "0").into(), "PARAM_ERROR"),
        (as_other("total_fee", "-1").into(), "PARAM_ERROR"),
        (as_other("total_fee", "1.5").into(), "PARAM_ERROR"),
        (as_other("total_fee", "2147483648").into(), "PARAM_ERROR"),
        (as_other("fee_type", "XXX").into(), "PARAM_ERROR"),
        (as_other("fee_type", "hkd").into(), "PARAM_ERROR"),
        (
            as_other("spbill_create_ip", "localhost").into(),
            "PARAM_ERROR",
        ),
        (as_other("notify_url", "ftp://x/").into(), "PARAM_ERROR"),
        (as_other("trade_type", "native").into(), "PARAM_ERROR"),
        (as_other("trade_type", "MICROPAY").into(), "PARAM_ERROR"),
        (as_other("time_expire", "2023-11-15").into(), "PARAM_ERROR"),
    ];
    let mut bench = Bench::new();
    for (body, code) in cases {
        let answer = bench.post("/pay/unifiedorder", &body);
        let sent = String::from_utf8_lossy(&body);
        assert_eq!(refused(&answer), ("unsigned", code.to_owned()), "{sent}");
    }
    let orders = bench.look("/sandbox/orders");
    assert_eq!(orders, json!({ "orders": [] }), "nothing was stored");

    let answer = bench.ask(Method::GET, "/pay/unifiedorder", good.as_bytes());
    let answer = Fields::parse(answer.body()).unwrap();
    assert_eq!(refused(&answer), ("unsigned", "REQUIRE_POST_METHOD".into()));
    assert_eq!(bench.ask(Method::POST, "/pay/nothing", b"").status(), 404);
    let huge = vec![b' '; MAX_BODY_BYTES + 1];
    assert_eq!(
        bench.ask(Method::POST, "/pay/unifiedorder", &huge).status(),
        413
    );
}

#[test]
fn a_missing_field_is_named() {
    let mut bench = Bench::new();
    let mut fields = order_fields();
    fields.remove("notify_url");
    let answer = bench.call("/pay/unifiedorder", fields);
    assert_eq!(answer.get("return_msg"), Some("缺少参数 notify_url"));
    let answer = bench.call("/pay/orderquery", ids());
    assert_eq!(answer.get("err_code"), Some("LACK_PARAMS"));
    assert_eq!(answer.get("return_msg"), Some("缺少参数 out_trade_no"));
    let answer = bench.order(|fields| fields.set("total_fee", "1.5"));
    assert!(answer.get("return_msg").unwrap().contains("total_fee"));
}

#[test]
fn j1_an_openid_belongs_to_its_appid() {
    let mut bench = Bench::new();
    let mut jsapi = |openid: String| {
        bench.order(|fields| {
            fields.set("trade_type", "JSAPI");
            fields.set("openid", openid);
        })
    };
    let others = jsapi(Payer::Alice.openid("wx5a11d0b0c0ffee02"));
    assert_eq!(refused(&others), ("unsigned", "PARAM_ERROR".into()));
    assert_eq!(others.get("return_msg"), Some("appid and openid not match"));
    let nobodys = jsapi("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o".into());
    assert_eq!(nobodys.get("return_msg"), Some("无效的openid"));
    assert_eq!(refused(&jsapi(alice())).0, "done");
}

#[test]
fn a_request_is_refused_for_what_it_asks() {
    let mut bench = Bench::new();
    let answer = bench.order(|fields| fields.set("fee_type", "USD"));
    assert_eq!(refused(&answer), ("signed", "PARAM_ERROR".into()));
    bench.control(
        "/sandbox/merchants/1900000109",
        &json!({"trade_types": ["JSAPI"]}),
    );
    let answer = bench.order(|_| {});
    assert_eq!(refused(&answer), ("signed", "NOAUTH".into()));
    bench.control(
        "/sandbox/merchants/1900000109",
        &json!({"trade_types": ["NATIVE"]}),
    );
    let answer = bench.order(|fields| fields.set("sub_mch_id", "1900000111"));
    assert_eq!(refused(&answer), ("signed", "PARAM_ERROR".into()));
    // 2023-11-15 06:13:20 China time is the bench's now.
    let answer = bench.order(|fields| fields.set("time_expire", "20231115061819"));
    assert_eq!(refused(&answer), ("unsigned", "PARAM_ERROR".into()));
    let answer = bench.order(|fields| fields.set("time_expire", "20231115061820"));
    assert_eq!(refused(&answer).0, "done");
}

#[test]
fn the_same_terms_give_the_same_prepayment() {
    let mut bench = Bench::new();
    let first = bench.order(|_| {});
    assert_eq!(refused(&first).0, "done");
    let prepay_id = first.get("prepay_id").unwrap().to_owned();
    assert_eq!(prepay_id.len(), 36);
    assert!(prepay_id.starts_with("wx20231115061320"));
    let code_url = first.get("code_url").unwrap();
    assert!(code_url.starts_with("weixin://wxpay/bizpayurl?pr="));
    assert_eq!(code_url.len(), "weixin://wxpay/bizpayurl?pr=".len() + 7);

    bench.now_ms += 2 * 3600 * 1000 - 1;
    let again = bench.order(|fields| {
        fields.set("nonce_str", "another");
        fields.set("time_expire", "20231115161820");
        fields.set("spbill_create_ip", "::1");
    });
    assert_eq!(again.get("prepay_id"), Some(prepay_id.as_str()));

    for (field, value) in [
        ("total_fee", "889"),
        ("fee_type", "CNY"),
        ("body", "Other"),
        ("attach", "x"),
        ("notify_url", "http://127.0.0.1:9001/"),
        ("trade_type", "APP"),
    ] {
        let other = bench.order(|fields| fields.set(field, value));
        assert_eq!(
            refused(&other),
            ("signed", "OUT_TRADE_NO_USED".into()),
            "{field}"
        );
        assert_eq!(other.get("err_code_des"), Some("201 商户订单号重复"));
    }

    bench.now_ms += 1;
    let renewed = bench.order(|_| {});
    assert_eq!(refused(&renewed).0, "done");
    assert_ne!(renewed.get("prepay_id"), Some(prepay_id.as_str()));
}

#[test]
fn a_currency_left_out_is_cny() {
    let mut bench = Bench::new();
    let first = bench.order(|fields| {
        fields.remove("fee_type");
    });
    let again = bench.order(|fields| fields.set("fee_type", "CNY"));
    assert_eq!(first.get("prepay_id"), again.get("prepay_id"));
}

#[test]
fn an_order_is_paid_once_and_told() {
    let mut bench = Bench::new();
    let made = bench.order(|fields| {
        fields.set("attach", "a b&c");
        fields.set("device_info", "WEB");
    });
    assert_eq!(made.get("device_info"), Some("WEB"));
    let unpaid = bench.query("9900000000");
    assert_eq!(unpaid.get("trade_state"), Some("NOTPAY"));
    assert_eq!(unpaid.get("attach"), Some("a b&c"));
    assert_eq!(unpaid.get("transaction_id"), None);

    let code_url = made.get("code_url").unwrap().to_owned();
    let scan = |action: &str| json!({"code_url": code_url, "payer": "alice", "action": action});
    let cancelled = bench.control("/sandbox/scan", &scan("cancel"));
    assert_eq!(cancelled["err_msg"], "get_brand_wcpay_request:cancel");
    let failed = bench.control("/sandbox/scan", &scan("fail"));
    assert_eq!(failed["err_msg"], "get_brand_wcpay_request:fail");
    assert_eq!(bench.query("9900000000").get("trade_state"), Some("NOTPAY"));
    let paid = bench.control("/sandbox/scan", &scan("pay"));
    assert_eq!(paid["err_msg"], "get_brand_wcpay_request:ok");
    assert_eq!(paid["order"]["trade_state"], "SUCCESS");
    let twice = bench.control("/sandbox/scan", &scan("pay"));
    assert_eq!(twice["reason"], "ORDERPAID");

    let told = bench.query("9900000000");
    for (field, value) in [
        ("trade_state", "SUCCESS"),
        ("trade_type", "NATIVE"),
        ("total_fee", "888"),
        ("fee_type", "HKD"),
        ("cash_fee", "817"),
        ("cash_fee_type", "CNY"),
        ("rate", "92000000"),
        ("bank_type", "CFT"),
        ("is_subscribe", "Y"),
        ("openid", &alice()),
        ("attach", "a b&c"),
        ("device_info", "WEB"),
        ("time_end", "20231115061320"),
    ] {
        assert_eq!(told.get(field), Some(value), "{field}");
    }
    let transaction_id = told.get("transaction_id").unwrap().to_owned();
    assert_eq!(transaction_id.len(), 28);
    assert!(
        transaction_id.starts_with("42000") && transaction_id.bytes().all(|b| b.is_ascii_digit())
    );
    let by_id = bench.call(
        "/pay/orderquery",
        ids().with("transaction_id", transaction_id),
    );
    assert_eq!(by_id.get("out_trade_no"), Some("9900000000"));

    assert_eq!(
        refused(&bench.order(|_| {})),
        ("signed", "ORDERPAID".into())
    );
    assert_eq!(
        refused(&bench.close("9900000000")),
        ("signed", "ORDERPAID".into())
    );

    let due = bench.sandbox.due(bench.now_ms);
    assert_eq!(due.len(), 1, "one payment, one notice");
    let notice = Notice::read(due[0].body.as_bytes(), &Secret::new(KEY), SignType::Md5).unwrap();
    assert_eq!(due[0].url, "http://127.0.0.1:9000/notify");
    assert_eq!(notice.payment.out_trade_no, "9900000000");
    assert_eq!(notice.payment.money.amount_minor(), 888);
    assert_eq!(notice.device_info.as_deref(), Some("WEB"));
}

#[test]
fn a_closed_order_stays_closed() {
    let mut bench = Bench::new();
    assert_eq!(
        refused(&bench.close("9900000000")),
        ("signed", "ORDERNOTEXIST".into())
    );
    assert_eq!(
        refused(&bench.query("9900000000")),
        ("signed", "ORDERNOTEXIST".into())
    );
    bench.order(|_| {});
    assert_eq!(refused(&bench.close("9900000000")).0, "done");
    assert_eq!(
        refused(&bench.close("9900000000")),
        ("signed", "ORDERCLOSED".into())
    );
    assert_eq!(bench.query("9900000000").get("trade_state"), Some("CLOSED"));
    assert_eq!(
        refused(&bench.order(|_| {})),
        ("signed", "ORDERCLOSED".into())
    );
    assert_eq!(bench.pay("9900000000")["reason"], "ORDERCLOSED");
}

#[test]
fn another_merchants_order_does_not_exist() {
    let mut bench = Bench::new();
    bench.order(|_| {});
    bench.pay("9900000000");
    let paid = bench.query("9900000000");
    let other = bench.control(
        "/sandbox/merchants",
        &json!({"appid": APPID, "key": "another-key"}),
    );
    let transaction_id = paid.get("transaction_id").unwrap();
    let xml = Fields::new()
        .with("appid", APPID)
        .with("mch_id", other["mch_id"].as_str().unwrap())
        .with("nonce_str", "n")
        .with("transaction_id", transaction_id)
        .sealed(&Secret::new("another-key"), SignType::Md5)
        .to_xml();
    let answer = bench.post("/pay/orderquery", xml.as_bytes());
    assert_eq!(answer.get("err_code"), Some("ORDERNOTEXIST"));
}

#[test]
fn an_expired_order_cannot_be_paid_and_is_not_closed_by_itself() {
    let mut bench = Bench::new();
    let made = bench.order(|fields| fields.set("time_expire", "20231115062320"));
    let code_url = made.get("code_url").unwrap().to_owned();
    bench.now_ms += 600_000;
    let scan = json!({"code_url": code_url, "payer": "bob", "action": "pay"});
    assert_eq!(bench.control("/sandbox/scan", &scan)["reason"], "EXPIRED");
    assert_eq!(bench.query("9900000000").get("trade_state"), Some("NOTPAY"));
    assert_eq!(
        refused(&bench.order(|_| {})),
        ("signed", "ORDERCLOSED".into())
    );
    assert_eq!(refused(&bench.close("9900000000")).0, "done");
}

#[test]
fn an_institution_answers_in_hmac_for_its_sub_merchant() {
    let mut bench = Bench::new();
    let (appid, sub_appid) = ("wx5a11d0b0c0ffee02", "wx5a11d0b0c0ffee03");
    let key = Secret::new("weceive-sandbox-inst-key-0000002");
    let fields = |sub_mch_id: &str| {
        let mut fields = order_fields();
        fields.set("appid", appid);
        fields.set("mch_id", "1900000110");
        fields.set("sign_type", "HMAC-SHA256");
        fields.set("fee_type", "USD");
        fields.set("sub_mch_id", sub_mch_id);
        fields.set("sub_appid", sub_appid);
        fields.set("trade_type", "JSAPI");
        fields.set("sub_openid", Payer::Bob.openid(sub_appid));
        fields
    };
    let mut send = |path: &str, fields: Fields| {
        let xml = fields.sealed(&key, SignType::HmacSha256).to_xml();
        let answer = bench.post(path, xml.as_bytes());
        if answer.get("return_code") == Some("SUCCESS") {
            assert_eq!(answer.verify(&key, SignType::HmacSha256), Ok(()));
        }
        answer
    };
    let no_sub = {
        let mut fields = fields("1900000111");
        fields.remove("sub_mch_id");
        send("/pay/unifiedorder", fields)
    };
    assert_eq!(no_sub.get("err_code"), Some("LACK_PARAMS"));
    let unknown = send("/pay/unifiedorder", fields("1900000999"));
    assert_eq!(unknown.get("err_code"), Some("PARAM_ERROR"));
    let unbound = send("/pay/unifiedorder", fields("1900000112"));
    assert_eq!(unbound.get("err_code"), Some("APPID_MCHID_NOT_MATCH"));
    let made = send("/pay/unifiedorder", fields("1900000111"));
    assert_eq!(made.get("sub_mch_id"), Some("1900000111"));
    assert_eq!(made.get("sub_appid"), Some(sub_appid));

    let package = invoke::jsapi(
        sub_appid,
        made.get("prepay_id").unwrap(),
        1_700_000_000,
        "nonce",
        &key,
        SignType::HmacSha256,
    );
    let body = json!({"payer": "bob", "package": package, "action": "pay"});
    let paid = bench.control("/sandbox/bridge", &body);
    assert_eq!(paid["err_msg"], "get_brand_wcpay_request:ok", "{paid}");
    let due = bench.sandbox.due(bench.now_ms);
    let notice = Notice::read(due[0].body.as_bytes(), &key, SignType::HmacSha256).unwrap();
    assert_eq!(notice.payment.openid, Payer::Bob.openid(appid));
    assert_eq!(
        notice.payment.sub_openid,
        Some(Payer::Bob.openid(sub_appid))
    );
    assert_eq!(notice.payment.sub_is_subscribe.as_deref(), Some("N"));
}

/// A JSAPI order of Alice's and its package.
fn jsapi_order(bench: &mut Bench) -> Value {
    let made = bench.order(|fields| {
        fields.set("trade_type", "JSAPI");
        fields.set("openid", alice());
    });
    let prepay_id = made.get("prepay_id").unwrap();
    let key = Secret::new(KEY);
    let package = invoke::jsapi(APPID, prepay_id, 1_700_000_000, "n", &key, SignType::Md5);
    serde_json::to_value(package).unwrap()
}

#[test]
fn the_bridge_refuses_by_name() {
    let mut bench = Bench::new();
    let package = jsapi_order(&mut bench);
    let with = |name: &str, value: Value| {
        let mut package = package.clone();
        package[name] = value;
        package
    };
    let resigned = |name: &str, value: &str| {
        let fields = ["appId", "timeStamp", "nonceStr", "package", "signType"]
            .into_iter()
            .fold(Fields::new(), |fields, name| {
                fields.with(name, package[name].as_str().unwrap())
            })
            .with(name, value);
        let sign = fields.sign(&Secret::new(KEY), SignType::Md5);
        let mut package = package.clone();
        package[name] = value.into();
        package["paySign"] = sign.into();
        package
    };
    let missing = {
        let mut package = package.clone();
        package.as_object_mut().unwrap().remove("nonceStr");
        package
    };
    for (package, payer, reason) in [
        (missing, "alice", "MISSING_PARAMETER"),
        (with("appId", json!("")), "alice", "MISSING_PARAMETER"),
        (
            with("timeStamp", json!(1_700_000_000)),
            "alice",
            "NOT_A_STRING",
        ),
        (with("timeStamp", json!("now")), "alice", "TIMESTAMP_FORMAT"),
        (
            with("nonceStr", json!("n".repeat(33))),
            "alice",
            "NONCE_TOO_LONG",
        ),
        (
            with("package", json!("prepay_id=")),
            "alice",
            "PACKAGE_FORMAT",
        ),
        (with("package", json!("wx123")), "alice", "PACKAGE_FORMAT"),
        (
            with("package", json!("prepay_id=wx1")),
            "alice",
            "UNKNOWN_PREPAY_ID",
        ),
        (
            resigned("appId", "wx5a11d0b0c0ffee02"),
            "alice",
            "APPID_MISMATCH",
        ),
        (
            with("signType", json!("HMAC-SHA256")),
            "alice",
            "SIGN_TYPE_MISMATCH",
        ),
        (
            with("paySign", json!("0".repeat(32))),
            "alice",
            "PAY_SIGN_MISMATCH",
        ),
        (with("nonceStr", json!("m")), "alice", "PAY_SIGN_MISMATCH"),
        (package.clone(), "bob", "PAYER_MISMATCH"),
    ] {
        let body = json!({"payer": payer, "package": package, "action": "pay"});
        let verdict = bench.control("/sandbox/bridge", &body);
        assert_eq!(verdict["reason"], reason, "{verdict}");
        assert_eq!(verdict["ok"], false);
        assert_eq!(verdict["err_msg"], "get_brand_wcpay_request:fail");
        assert_ne!(verdict["err_desc"], "");
    }
    assert_eq!(bench.query("9900000000").get("trade_state"), Some("NOTPAY"));

    let shown = bench.control(
        "/sandbox/bridge",
        &json!({"payer": "alice", "package": package}),
    );
    assert_eq!(shown["sheet"]["merchant"], "Demo Tea House");
    assert_eq!(shown["sheet"]["amount"], "HKD 8.88");

    let pay = json!({"payer": "alice", "package": package, "action": "pay"});
    bench.now_ms += 2 * 3600 * 1000;
    assert_eq!(bench.control("/sandbox/bridge", &pay)["reason"], "EXPIRED");
    bench.now_ms -= 1;
    assert_eq!(bench.control("/sandbox/bridge", &pay)["ok"], true);
    assert_eq!(
        bench.control("/sandbox/bridge", &pay)["reason"],
        "ORDERPAID"
    );
}

#[test]
fn the_bridge_looks_at_the_page_and_the_trade_type() {
    let mut bench = Bench::new();
    let directory = "http://127.0.0.1:8787/pay/";
    bench.control(
        "/sandbox/merchants/1900000109",
        &json!({"jsapi_directories": [directory]}),
    );
    let package = jsapi_order(&mut bench);
    let ask = |page_url: &str| json!({"payer": "alice", "package": package, "page_url": page_url});
    let verdict = bench.control("/sandbox/bridge", &ask("http://127.0.0.1:8787/"));
    assert_eq!(verdict["reason"], "DIRECTORY_NOT_REGISTERED");
    let verdict = bench.control("/sandbox/bridge", &ask("http://127.0.0.1:8787/pay/?s=1"));
    assert_eq!(verdict["ok"], true);

    // In the phone the page's address is mapped back first.
    let mut on_page = |path: &str| {
        let body = json!({"package": package, "page_url":
            format!("http://p8787-alice.phone.localhost:8788{path}")});
        let request = Request::post("http://p8787-alice.phone.localhost:8788/__phone/bridge")
            .header("host", "p8787-alice.phone.localhost:8788")
            .body(body.to_string().into_bytes())
            .unwrap();
        let answer = bench.send(&request);
        serde_json::from_slice::<Value>(answer.body()).unwrap()
    };
    assert_eq!(on_page("/pay/?s=1")["ok"], true);
    assert_eq!(on_page("/other/")["reason"], "DIRECTORY_NOT_REGISTERED");

    let native = bench.order(|fields| fields.set("out_trade_no", "native"));
    let key = Secret::new(KEY);
    let prepay_id = native.get("prepay_id").unwrap();
    let package = invoke::jsapi(APPID, prepay_id, 1, "n", &key, SignType::Md5);
    let verdict = bench.control(
        "/sandbox/bridge",
        &json!({"payer": "alice", "package": package, "page_url": directory}),
    );
    assert_eq!(verdict["reason"], "TRADE_TYPE_MISMATCH");
}

#[test]
fn carol_has_not_enough() {
    let mut bench = Bench::new();
    let made = bench.order(|_| {});
    let scan = json!({"code_url": made.get("code_url"), "payer": "carol", "action": "pay"});
    assert_eq!(bench.control("/sandbox/scan", &scan)["reason"], "NOTENOUGH");
    assert_eq!(bench.query("9900000000").get("trade_state"), Some("NOTPAY"));
    let made = bench.order(|fields| {
        fields.set("out_trade_no", "cheap");
        fields.set("total_fee", "100");
    });
    let scan = json!({"code_url": made.get("code_url"), "payer": "carol", "action": "pay"});
    assert_eq!(bench.control("/sandbox/scan", &scan)["ok"], true);
}

#[test]
fn notices_follow_the_schedule_of_the_moved_clock() {
    let mut bench = Bench::new();
    bench.order(|_| {});
    bench.pay("9900000000");
    let attempt = |bench: &mut Bench| {
        let due = bench.sandbox.due(bench.now_ms);
        assert_eq!(due.len(), 1);
        let outcome = Outcome::Answered {
            status: 500,
            body: b"no".to_vec(),
        };
        bench.sandbox.sent(&due[0].id, &outcome, bench.now_ms);
    };
    attempt(&mut bench);
    assert_eq!(bench.sandbox.next_due_ms(), Some(bench.now_ms + 15_000));
    bench.control("/sandbox/time", &json!({"advance_seconds": 86_400}));
    // A day later all nine others fall due, one after the other.
    for _ in 0..9 {
        assert!(bench.sandbox.next_due_ms().unwrap() <= bench.now_ms);
        attempt(&mut bench);
    }
    assert_eq!(bench.sandbox.next_due_ms(), None);
    let log = bench.look("/sandbox/notices?out_trade_no=9900000000");
    let attempts = log["notices"][0]["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 10);
    assert_eq!(attempts[0]["status"], 500);
    assert_eq!(attempts[0]["answer"], "no");
    assert_eq!(log["notices"][0]["acknowledged"], false);
}

#[test]
fn a_library_in_its_sandbox_mode_works_too() {
    let mut bench = Bench::new();
    let ask = |key: &str| {
        let fields = Fields::new().with("mch_id", MCH_ID).with("nonce_str", "n");
        fields.sealed(&Secret::new(key), SignType::Md5).to_xml()
    };
    for path in [
        "/sandboxnew/pay/getsignkey",
        "/xdc/apiv2getsignkey/sign/getsignkey",
    ] {
        let answer = bench.post(path, ask(KEY).as_bytes());
        assert_eq!(answer.get("sandbox_signkey"), Some(KEY));
        let answer = bench.post(path, ask("another").as_bytes());
        assert_eq!(refused(&answer), ("unsigned", "SIGNERROR".into()));
    }
    let made = bench.call("/sandboxnew/pay/unifiedorder", order_fields());
    assert_eq!(refused(&made).0, "done");
    let query = ids().with("out_trade_no", "9900000000");
    let told = bench.call("/xdc/apiv2sandbox/pay/orderquery", query);
    assert_eq!(told.get("trade_state"), Some("NOTPAY"));
}

#[test]
fn faults() {
    let mut bench = Bench::new();
    let fail =
        json!({"fail_next": {"path": "/pay/unifiedorder", "code": "SYSTEMERROR", "times": 2}});
    bench.control("/sandbox/faults", &fail);
    for _ in 0..2 {
        assert_eq!(
            refused(&bench.order(|_| {})),
            ("signed", "SYSTEMERROR".into())
        );
    }
    assert_eq!(refused(&bench.order(|_| {})).0, "done");

    bench.control(
        "/sandbox/faults",
        &json!({"hold_notices": true, "duplicate_notices": 2}),
    );
    bench.pay("9900000000");
    assert_eq!(bench.sandbox.next_due_ms(), None);
    assert!(bench.sandbox.due(bench.now_ms).is_empty());
    bench.control("/sandbox/faults", &json!({}));
    assert_eq!(bench.sandbox.due(bench.now_ms).len(), 3);
}

#[test]
fn oauth_gives_an_openid_once() {
    let mut bench = Bench::new();
    let authorize = "/connect/oauth2/authorize?appid=wx5a11d0b0c0ffee01&redirect_uri=http%3A%2F%2F127.0.0.1%3A8787%2Fback%3Fx%3D1&response_type=code&scope=snsapi_base&state=s%201";
    let outside = bench.ask(Method::GET, authorize, b"");
    assert!(String::from_utf8_lossy(outside.body()).contains("请在微信客户端打开链接"));
    let code = |bench: &mut Bench| {
        let request = Request::get(format!("http://127.0.0.1:8788{authorize}"))
            .header("x-sandbox-payer", "bob")
            .body(Vec::new())
            .unwrap();
        let answer = bench.send(&request);
        assert_eq!(answer.status(), 302);
        let location = answer.headers()["location"].to_str().unwrap().to_owned();
        let code = location
            .strip_prefix("http://127.0.0.1:8787/back?x=1&code=")
            .unwrap();
        code.strip_suffix("&state=s%201").unwrap().to_owned()
    };
    let token = |bench: &mut Bench, appid: &str, secret: &str, code: &str| {
        let path = format!(
            "/sns/oauth2/access_token?appid={appid}&secret={secret}&code={code}&grant_type=authorization_code"
        );
        let answer = bench.ask(Method::GET, &path, b"");
        assert_eq!(
            answer.headers()["content-type"],
            "text/plain; charset=utf-8"
        );
        serde_json::from_slice::<Value>(answer.body()).unwrap()
    };
    let first = code(&mut bench);
    let other = "wx5a11d0b0c0ffee02";
    for (appid, secret, code, errcode) in [
        ("wx0000000000000000", APP_SECRET, first.as_str(), 40013),
        (APPID, "wrong", first.as_str(), 40125),
        (APPID, APP_SECRET, "never", 40029),
        (
            other,
            "5ec3e7000000000000000000c0ffee02",
            first.as_str(),
            40029,
        ),
        (APPID, APP_SECRET, "", 41008),
    ] {
        assert_eq!(token(&mut bench, appid, secret, code)["errcode"], errcode);
    }
    let answer = token(&mut bench, APPID, APP_SECRET, &first);
    assert_eq!(answer["openid"], Payer::Bob.openid(APPID));
    assert_eq!(answer["scope"], "snsapi_base");
    assert_eq!(
        token(&mut bench, APPID, APP_SECRET, &first)["errcode"],
        40163
    );

    let late = code(&mut bench);
    bench.now_ms += 5 * 60 * 1000;
    assert_eq!(
        token(&mut bench, APPID, APP_SECRET, &late)["errcode"],
        40029
    );
}

#[test]
fn what_is_stored_is_what_is() {
    let mut bench = Bench::new();
    bench.order(|_| {});
    bench.pay("9900000000");
    bench.order(|fields| fields.set("out_trade_no", "second"));
    bench.control(
        "/sandbox/merchants",
        &json!({"name": "New", "mch_id": "1600000000"}),
    );
    bench.control("/sandbox/time", &json!({"advance_seconds": 60}));
    let rows: Vec<(String, String)> = bench
        .sandbox
        .take_changes()
        .into_iter()
        .filter_map(|(key, json)| Some((key, json?)))
        .collect();
    assert!(bench.sandbox.take_changes().is_empty(), "written once");
    bench.query("second");
    assert!(
        bench.sandbox.take_changes().is_empty(),
        "a query changes nothing"
    );

    let paths = [
        "/sandbox/orders",
        "/sandbox/notices",
        "/sandbox/merchants",
        "/sandbox/time",
    ];
    let before: Vec<Value> = paths.iter().map(|path| bench.look(path)).collect();
    bench.sandbox = Sandbox::load(settings(), rows.clone()).unwrap();
    let after: Vec<Value> = paths.iter().map(|path| bench.look(path)).collect();
    assert_eq!(before, after);
    assert!(
        bench.sandbox.take_changes().is_empty(),
        "nothing to write back"
    );
    assert_eq!(
        bench.sandbox.due(bench.now_ms).len(),
        1,
        "the notice is still due"
    );

    bench.control("/sandbox/reset", &json!({}));
    let deleted = bench.sandbox.take_changes();
    let is_gone = |key: &str| deleted.iter().any(|(k, json)| k == key && json.is_none());
    for (key, _) in rows.iter().filter(|(key, _)| !key.starts_with("world/")) {
        assert!(is_gone(key) || key.starts_with("merchant/19"), "{key}");
    }
}

#[test]
fn bad_control_input_is_answered_with_the_field() {
    let mut bench = Bench::new();
    for (path, body, code, field) in [
        (
            "/sandbox/merchants",
            json!({"fee_type": "hkd"}),
            "BAD_FIELD",
            json!("fee_type"),
        ),
        (
            "/sandbox/merchants",
            json!({"mch_id": 5}),
            "BAD_FIELD",
            json!("mch_id"),
        ),
        (
            "/sandbox/merchants",
            json!({"trade_types": ["X"]}),
            "BAD_FIELD",
            json!("trade_types"),
        ),
        (
            "/sandbox/merchants",
            json!({"nmae": "x"}),
            "BAD_FIELD",
            json!("nmae"),
        ),
        (
            "/sandbox/merchants",
            json!({"sub_merchants": [{"sub_appid": "x"}]}),
            "BAD_FIELD",
            json!("sub_merchants[0].sub_appid"),
        ),
        (
            "/sandbox/merchants",
            json!({"mch_id": MCH_ID}),
            "EXISTS",
            json!("mch_id"),
        ),
        ("/sandbox/merchants", json!([]), "BAD_JSON", Value::Null),
        ("/sandbox/merchants/1", json!({}), "NOT_FOUND", Value::Null),
        (
            "/sandbox/scan",
            json!({"payer": "alice"}),
            "BAD_FIELD",
            json!("code_url"),
        ),
        (
            "/sandbox/scan",
            json!({"code_url": "x", "payer": "eve"}),
            "BAD_FIELD",
            json!("payer"),
        ),
        (
            "/sandbox/bridge",
            json!({"payer": "alice"}),
            "BAD_FIELD",
            json!("package"),
        ),
        (
            "/sandbox/time",
            json!({"advance_seconds": -1}),
            "BAD_FIELD",
            json!("advance_seconds"),
        ),
        (
            "/sandbox/faults",
            json!({"duplicate_notices": 99}),
            "BAD_FIELD",
            json!("duplicate_notices"),
        ),
        (
            "/sandbox/faults",
            json!({"fail_next": {"path": "/x"}}),
            "BAD_FIELD",
            json!("fail_next.path"),
        ),
        (
            "/sandbox/shop",
            json!({"api_base": "x"}),
            "BAD_FIELD",
            json!("api_base"),
        ),
        ("/sandbox/nothing", json!({}), "NOT_FOUND", Value::Null),
    ] {
        let answer = bench.control(path, &body);
        assert_eq!(answer["code"], code, "{path} {body}: {answer}");
        assert_eq!(answer["field"], field, "{path} {body}: {answer}");
    }
    let answer = bench.ask(Method::DELETE, "/sandbox/time", b"");
    assert_eq!(answer.status(), 405);
    let answer = bench.ask(Method::POST, "/sandbox/time", b"{");
    assert_eq!(answer.status(), 400);
}

#[test]
fn the_shop_asks_its_gateway_and_believes_only_deliveries() {
    let mut bench = Bench::new();
    let post = |path: &str, body: &str| {
        Request::post(format!("http://127.0.0.1:8788{path}"))
            .header("host", "127.0.0.1:8788")
            .body(body.as_bytes().to_vec())
            .unwrap()
    };
    let mut random = |bytes: &mut [u8]| bytes.fill(7);
    let buy = post("/shop/checkout", "product=2");
    assert!(bench.sandbox.shop_call(&buy, 0, &mut random).is_none());
    assert_eq!(bench.send(&buy).status(), 502);

    let shop = json!({"api_base": "http://127.0.0.1:8787/", "api_key": "k", "api_secret": "s"});
    assert_eq!(bench.control("/sandbox/shop", &shop)["connected"], true);
    let call = bench.sandbox.shop_call(&buy, 0, &mut random).unwrap();
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
    let gone = bench.sandbox.shop_called(&call, &good);
    assert_eq!(gone.headers()["location"], "http://127.0.0.1:8787/pay/?s=1");
    let refused = answer(
        400,
        json!({"status": "fail", "code": "AMOUNT_INVALID", "message": "m"}),
    );
    let page = bench.sandbox.shop_called(&call, &refused);
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
    let call = bench.sandbox.shop_call(&check, 0, &mut random).unwrap();
    assert_eq!(call.request.body(), delivery.as_bytes());
    let right = answer(200, json!({"status": "success", "data": {"sign": "ABC"}}));
    bench.sandbox.shop_called(&call, &right);
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
fn h5_is_paid_on_its_own_page() {
    let mut bench = Bench::new();
    let made = bench.order(|fields| {
        fields.set("trade_type", "MWEB");
        fields.set("scene_info", r#"{"h5_info":{"type":"Wap"}}"#);
    });
    let mweb_url = made.get("mweb_url").unwrap().to_owned();
    let path = mweb_url
        .strip_prefix("http://127.0.0.1:8788")
        .unwrap()
        .to_owned();
    let page = bench.ask(Method::GET, &path, b"");
    assert!(String::from_utf8_lossy(page.body()).contains("HKD 8.88"));
    let (path, query) = path.split_once('?').unwrap();
    let form = format!("{query}&payer=bob&redirect_url=http%3A%2F%2F127.0.0.1%3A1%2Fback");
    let answer = bench.ask(Method::POST, path, form.as_bytes());
    assert_eq!(answer.headers()["location"], "http://127.0.0.1:1/back");
    assert_eq!(
        bench.query("9900000000").get("trade_state"),
        Some("SUCCESS")
    );
}

#[test]
fn every_page_is_there() {
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
