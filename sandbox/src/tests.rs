//! The sandbox through its public interface: requests and answers, under a
//! clock that only the test moves.

mod codes;
mod control;
mod ionline;
mod notices;
mod orders;
mod pages;
mod payer;
mod products;
mod quickpay;
mod refunds;
mod requests;
mod statements;
mod strict;
mod v3;
mod v3_faults;
mod v3_refunds_and_statements;
mod v3_request_checks;

use super::*;
use http::{Method, Request};
use serde_json::{Value, json};
use wechatpay::Secret;
use wechatpay::common::{Fields, SignType};
use wechatpay::v2::invoke;
use wechatpay::v2::notify::Notice;

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

    /// Sends a document, with the client certificate of the `mch_id` that it
    /// names if the call needs one.
    fn post(&mut self, path: &str, body: &[u8]) -> Fields {
        let mut request =
            Request::post(format!("http://127.0.0.1:8788{path}")).header("host", "127.0.0.1:8788");
        if path.contains("/secapi/") {
            let fields = Fields::parse(body);
            let mch_id = fields.iter().find_map(|fields| fields.get("mch_id"));
            request = request.header("x-sandbox-client-certificate", mch_id.unwrap_or("none"));
        }
        let answer = self.send(&request.body(body.to_vec()).unwrap());
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
        .with("product_id", "tea-1")
}

fn alice() -> String {
    Payer::Alice.openid(APPID)
}

/// The level and the code of a refusal.
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
