//! The system with its merchants: everything that the tests use except the
//! browser.

use crate::browser::Browser;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use testkit::demo::Kind;
use tests::live::{KEY, Live, Shop, send};

/// The secret of the sandbox's first application, for OAuth.
pub const APP_SECRET: &str = "5ec3e7000000000000000000c0ffee01";

static NEXT: AtomicU32 = AtomicU32::new(1);

pub struct TestSystem {
    live: Live,
    demo: Shop,
}

impl TestSystem {
    pub fn start() -> Self {
        let live = Live::start(&format!("browser-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        let demo = live.shop("demo", &json!({ "app_secret": APP_SECRET }));
        let shop = json!({
            "api_base": live.gateway(),
            "api_key": demo.api_key,
            "api_secret": demo.api_secret,
            "currency": "HKD",
            "name": "Demo Tea House",
        });
        live.control("/sandbox/shop", &shop);
        Self { live, demo }
    }

    /// Another merchant with the demo merchant's account at WeChat.
    pub fn merchant(&self, id: &str, change: &Value) -> Shop {
        self.live.shop(id, change)
    }

    /// A merchant of this kind, and its account at WeChat.
    pub fn merchant_of(&self, kind: Kind, change: &Value) -> (Shop, Value) {
        self.live.shop_of(kind, change)
    }

    /// The gateway's own Quick Auth service, as another merchant's
    /// `quick_auth`: its address, and the token of a merchant made for it.
    pub fn quick_auth_service(&self) -> Value {
        let body = json!({
            "id": "service",
            "name": "Quick Auth",
            "appid": tests::live::APPID,
            "mch_id": "1900000109",
            "api_key": KEY,
            "app_secret": APP_SECRET,
        });
        let admin = [("authorization", "Bearer admin-token-of-a-test")];
        let address = format!("{}/admin/merchants", self.live.gateway());
        let made = send("POST", &address, &admin, body.to_string()).json();
        json!({
            "url": format!("{}/wx-bridge/oauth_bridge.php", self.live.gateway()),
            "token": made["data"]["quick_auth_token"],
        })
    }

    /// A checkout of jasmine pearls for HK$48.00; its address.
    pub fn checkout(&self) -> String {
        self.checkout_of(&json!({}))
    }

    /// The address of a checkout with these changes.
    pub fn checkout_of(&self, change: &Value) -> String {
        self.checkout_at(&self.demo, change)
    }

    /// A checkout of another merchant.
    pub fn checkout_at(&self, merchant: &Shop, change: &Value) -> String {
        let mut body = json!({
            "out_trade_no": format!("T{}", NEXT.fetch_add(1, Ordering::Relaxed)),
            "body": "Jasmine pearls, 50 g",
            "total_fee": 4800,
            "fee_type": "HKD",
            "success_url": format!("{}/shop/thanks", self.sandbox()),
            "cancel_url": format!("{}/shop/", self.sandbox()),
        });
        let fields = body.as_object_mut().unwrap();
        fields.extend(change.as_object().unwrap().clone());
        let answer = merchant.call("POST", "/v1/checkout", body.to_string());
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["data"]["url"].as_str().unwrap().to_owned()
    }

    /// The gateway's origin.
    pub fn gateway(&self) -> String {
        self.live.gateway()
    }

    /// WeChat's origin, and the demo shop's.
    pub fn sandbox(&self) -> String {
        self.live.sandbox()
    }

    /// Alice's phone, with a page open in its WeChat.
    pub fn phone(&self, address: &str) -> String {
        testkit::demo::phone(&self.sandbox(), Some(address))
    }

    /// The address that WeChat's browser on Alice's phone opens: the page
    /// alone, without the phone around it.
    pub fn in_wechat(&self, address: &str) -> String {
        self.in_wechat_of("alice", address)
    }

    /// As [`TestSystem::in_wechat`], for `bob` or `alice-zhcn`.
    pub fn in_wechat_of(&self, phone: &str, address: &str) -> String {
        let (_, own_port) = self.live.sandbox().rsplit_once(':').map(owned).unwrap();
        let rest = address.strip_prefix("http://127.0.0.1:").unwrap();
        let (port, path) = rest.split_once('/').unwrap();
        format!("http://p{port}-{phone}.phone.localhost:{own_port}/{path}")
    }

    /// Alice scans a code and pays.
    pub fn scan(&self, code_url: &str) {
        self.live.scan(&json!(code_url));
    }

    /// Alice pays with the package that the page passed to the bridge in this
    /// call. The test gives the bridge's own answer.
    pub fn pays_by_the_bridge(&self, payer: &Browser, call: usize) {
        payer.waits_for(&format!("return calls.length > {call}"));
        let asked = payer.evaluates(&format!(
            "return [calls[{call}].request, location.href, calls[{call}].name]"
        ));
        assert_eq!(asked[2], "getBrandWCPayRequest");
        let pay =
            json!({ "payer": "alice", "package": asked[0], "page_url": asked[1], "action": "pay" });
        let paid = self.control("/sandbox/bridge", &pay);
        assert_eq!(paid["ok"], true, "{paid}");
    }

    /// The checkout is paid somewhere else, by its code.
    pub fn pays_elsewhere(&self, checkout: &str) {
        let headers = [
            (
                "user-agent",
                "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
            ),
            ("content-type", "application/json"),
        ];
        let order = checkout.replace("/pay/?", "/pay/order?");
        let prepared = send("POST", &order, &headers, "{}").json();
        self.scan(prepared["qr"]["code_url"].as_str().unwrap());
    }

    /// A payment link of the demo merchant's: `url`, `id`, `qr_url` …
    pub fn link(&self, change: &Value) -> Value {
        let mut body = json!({ "body": "Jasmine pearls, 50 g" });
        let fields = body.as_object_mut().unwrap();
        fields.extend(change.as_object().unwrap().clone());
        self.asks("/v1/link", &body)
    }

    /// Changes a link.
    pub fn changes(&self, link: &Value, change: &Value) {
        let mut body = json!({ "id": link["id"] });
        let fields = body.as_object_mut().unwrap();
        fields.extend(change.as_object().unwrap().clone());
        self.asks("/v1/link", &body);
    }

    /// A call of the demo merchant that must succeed; its `data`.
    pub fn asks(&self, path: &str, body: &Value) -> Value {
        let answer = self.demo.call("POST", path, body.to_string());
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["data"].take()
    }

    /// A till of the demo merchant charges a payer's code.
    pub fn charges(&self, body: &Value) {
        self.demo.call("POST", "/v1/micropay", body.to_string());
    }

    /// What the demo merchant reads there; its `data`.
    pub fn reads(&self, path: &str) -> Value {
        let answer = self.demo.call("GET", path, "");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["data"].take()
    }

    /// The gateway and the sandbox are killed, and started again.
    pub fn crashes(&self) {
        self.live.crash_and_restart(Duration::from_millis(200));
    }

    /// A control call to the sandbox.
    pub fn control(&self, path: &str, body: &Value) -> Value {
        self.live.control(path, body)
    }

    /// WeChat sends no notices, and does not answer queries.
    pub fn wechat_falls_silent(&self) {
        let no_answer = json!({ "path": "/pay/orderquery", "code": "SYSTEMERROR", "times": 1000 });
        let faults = json!({ "hold_notices": true, "fail_next": no_answer });
        self.control("/sandbox/faults", &faults);
    }

    /// WeChat does both again.
    pub fn wechat_speaks_again(&self) {
        self.control("/sandbox/faults", &json!({}));
    }

    /// The orders that WeChat knows.
    pub fn orders(&self) -> Vec<Value> {
        let address = format!("{}/sandbox/orders", self.sandbox());
        let orders = send("GET", &address, &[], "").json()["orders"].take();
        orders.as_array().cloned().unwrap_or_default()
    }
}

fn owned((one, other): (&str, &str)) -> (String, String) {
    (one.to_owned(), other.to_owned())
}
