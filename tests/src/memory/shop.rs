//! A merchant of the in-memory gateway, and its calls.

use super::system::{Memory, SHOP_NOTIFY};
use crate::certificates::binding_for;
use gateway::runtime::Response;
use memory_runtime::{ADMIN_TOKEN, GATEWAY};
use serde_json::{Value as Json, json};

/// A merchant of the gateway, with its keys.
#[derive(Clone, Debug)]
pub struct Shop {
    world: Memory,
    /// Its id.
    pub id: String,
    /// Its api-key.
    pub api_key: String,
    /// Its api-secret.
    pub api_secret: String,
    /// The answer of the admin call.
    pub made: Json,
}

impl Memory {
    /// Makes the sandbox's built-in merchant a merchant of the gateway.
    pub fn shop(&self, id: &str) -> Shop {
        self.shop_with(id, &json!({}))
    }

    /// The body of the admin call that makes a merchant, with some fields changed.
    pub fn merchant_body(id: &str, change: &Json) -> Json {
        let mut body = json!({
            "id": id,
            "name": "Demo Tea House",
            "fee_type": "HKD",
            "appid": "wx5a11d0b0c0ffee01",
            "mch_id": "1900000109",
            "api_key": "weceive-sandbox-demo-key-0000001",
            "redirect_origins": ["https://shop.example.com"],
        });
        let fields = body.as_object_mut().expect("an object");
        fields.extend(change.as_object().expect("an object").clone());
        if fields.get("dialect").is_none_or(|dialect| dialect == "v2") {
            let mch_id = fields["mch_id"].as_str().expect("a mch_id");
            let certificate = binding_for(mch_id);
            fields.entry("client_certificate").or_insert(certificate);
        }
        body
    }

    /// A merchant with some fields of the admin call changed.
    pub fn shop_with(&self, id: &str, change: &Json) -> Shop {
        let body = Self::merchant_body(id, change);
        let answer = self.send(
            http::Request::post(format!("{GATEWAY}/admin/merchants"))
                .header("authorization", format!("Bearer {ADMIN_TOKEN}"))
                .body(body.to_string().into_bytes())
                .expect("a request"),
        );
        let made: Json = serde_json::from_slice(answer.body()).expect("JSON");
        assert_eq!(made["status"], "success", "{made}");
        let text = |name: &str| made["data"][name].as_str().expect("a text").to_owned();
        Shop {
            world: self.clone(),
            id: id.to_owned(),
            api_key: text("api-key"),
            api_secret: text("api-secret"),
            made: made["data"].clone(),
        }
    }
}

impl Memory {
    /// Alice scans a code and pays; WeChat's notice is due.
    pub fn scan(&self, code_url: &Json) {
        self.scan_as("alice", code_url);
    }

    /// A payer scans a code and pays; WeChat's notice is due.
    pub fn scan_as(&self, payer: &str, code_url: &Json) {
        let scan = json!({"code_url": code_url, "payer": payer, "action": "pay"});
        let scanned = self.control("/sandbox/scan", &scan);
        assert_eq!(scanned["ok"], true, "{scanned}");
    }

    /// Alice scans a code and pays, and WeChat's notice arrives.
    pub fn pay(&self, code_url: &Json) {
        self.scan(code_url);
        self.advance(1);
    }
}

impl Shop {
    /// The same merchant in another deployment.
    #[must_use]
    pub fn at(&self, world: &Memory) -> Self {
        Self {
            world: world.clone(),
            ..self.clone()
        }
    }

    /// A call with both keys: status and JSON.
    pub fn call(&self, method: &str, path: &str, body: impl Into<Vec<u8>>) -> (u16, Json) {
        let answer = self.answer(method, path, body);
        let json = serde_json::from_slice(answer.body()).expect("JSON");
        (answer.status().as_u16(), json)
    }

    /// The same, with any answer.
    pub fn answer(&self, method: &str, path: &str, body: impl Into<Vec<u8>>) -> Response {
        self.world.send(
            http::Request::builder()
                .method(method)
                .uri(format!("{GATEWAY}{path}"))
                .header("api-key", &self.api_key)
                .header("api-secret", &self.api_secret)
                .header("content-type", "application/json")
                .body(body.into())
                .expect("a request"),
        )
    }

    /// Makes an order that must be accepted; its `data`.
    pub fn order(&self, body: &Json) -> Json {
        let (status, answer) = self.call("POST", "/v1/order", body.to_string());
        assert_eq!(
            (status, &answer["status"]),
            (200, &json!("success")),
            "{answer}"
        );
        answer["data"].clone()
    }

    /// Makes an order that is paid by scanning; its `data`.
    pub fn native(&self, number: &str, total_fee: i64) -> Json {
        self.order(&json!({"out_trade_no": number, "body": "Demo Order",
                           "total_fee": total_fee, "trade_type": "NATIVE", "notify_url": SHOP_NOTIFY}))
    }

    /// Makes an order that Alice pays, and whose payment is known.
    pub fn paid(&self, number: &str, total_fee: i64) {
        let made = self.native(number, total_fee);
        self.world.pay(&made["code_url"]);
        assert_eq!(self.status(number)["trade_state"], "SUCCESS");
    }

    /// The order's status, which must exist; its `data`.
    pub fn status(&self, number: &str) -> Json {
        let path = format!("/v1/order?out_trade_no={number}");
        let (status, answer) = self.call("GET", &path, "");
        assert_eq!(status, 200, "{answer}");
        answer["data"].clone()
    }

    /// Its audit entries of `money` or `credentials`, newest first.
    pub fn audit(&self, of: &str) -> Vec<Json> {
        let (status, answer) = self.call("GET", &format!("/v1/audit?of={of}"), "");
        assert_eq!(status, 200, "{answer}");
        answer["data"]["entries"]
            .as_array()
            .expect("a list")
            .clone()
    }

    /// The operator's report on this merchant.
    pub fn report(&self) -> Json {
        let answer = self.world.send(
            http::Request::get(format!("{GATEWAY}/admin/merchants/{}/report", self.id))
                .header("authorization", format!("Bearer {ADMIN_TOKEN}"))
                .body(Vec::new())
                .expect("a request"),
        );
        let report: Json = serde_json::from_slice(answer.body()).expect("JSON");
        report["data"].clone()
    }

    /// The order after a query at WeChat, also if it is final.
    pub fn refresh(&self, number: &str) -> Json {
        self.status(&format!("{number}&refresh=1"))
    }

    /// The open alarms: name and subject, newest first.
    pub fn alarms(&self) -> Vec<(String, String)> {
        let report = self.report();
        let alarms = report["alarms"].as_array().expect("a list").iter();
        let text = |alarm: &Json, name: &str| alarm[name].as_str().expect("a text").to_owned();
        alarms
            .map(|alarm| (text(alarm, "name"), text(alarm, "subject")))
            .collect()
    }

    /// The names of the open alarms.
    pub fn alarm_names(&self) -> Vec<String> {
        self.alarms().into_iter().map(|(name, _)| name).collect()
    }

    /// Changes its settings, which must succeed, and waits until every isolate
    /// has them.
    pub fn change(&self, change: &Json) {
        let (status, answer) = self.world.change_merchant(&self.id, change);
        assert_eq!(status, 200, "{answer}");
        self.world.advance(31);
    }
}
