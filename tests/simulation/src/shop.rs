//! The merchants, their calls, and their own servers.

use super::accounts::Kind;
use super::deliveries::Received;
use super::world::World;
use memory_runtime::{ADMIN_TOKEN, GATEWAY};
use serde_json::Value as Json;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wechatpay::Secret;

/// A merchant.
pub(super) struct Shop {
    /// Its id at the gateway, and in histories.
    pub(super) id: Rc<str>,
    /// Its number among the merchants.
    pub(super) number: usize,
    pub(super) kind: Kind,
    /// WeChat's number for it.
    pub(super) mch_id: String,
    pub(super) sub_mch_id: Option<String>,
    /// The application that payers' openids belong to.
    pub(super) appid: String,
    /// Its account in the gateway's terms: at iOnline under iOnline's number.
    pub(super) account: order::Account,
    pub(super) currency: &'static str,
    /// Whether a query must confirm its payments.
    pub(super) confirms: bool,
    /// The v2 key of its account at WeChat, if the gateway uses another
    /// dialect.
    pub(super) v2_key: String,
    /// The key that it shares with its upstream, which can be rotated: WeChat's
    /// API key, the `APIv3` key, or iOnline's.
    pub(super) key: RefCell<String>,
    /// The index of its v3 key pair in `KEY_PAIRS`, and the number of
    /// rotations.
    pub(super) key_pair: Cell<(usize, usize)>,
    /// Its keys at the gateway, which can be rotated.
    pub(super) api_key: RefCell<String>,
    pub(super) api_secret: RefCell<String>,
    /// The previous signing keys.
    pub(super) old_keys: RefCell<Vec<String>>,
    /// Whether its server hangs, or fails.
    pub(super) hangs: Cell<bool>,
    pub(super) fails: Cell<bool>,
    /// Whether WeChat's notices to it are lost.
    pub(super) unheard: Cell<bool>,
    /// A payment link, with the number of its sales.
    pub(super) link: RefCell<Option<(String, i64)>>,
    /// The deliveries that its server has received.
    pub(super) received: RefCell<Vec<Received>>,
}

impl World {
    /// A call of the operator.
    pub(super) async fn admin(&self, path: &str, body: &Json) -> Option<Json> {
        self.admin_call("POST", path, body).await
    }

    pub(super) async fn admin_call(&self, method: &str, path: &str, body: &Json) -> Option<Json> {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{GATEWAY}{path}"))
            .header("authorization", format!("Bearer {ADMIN_TOKEN}"))
            .body(body.to_string().into_bytes())
            .expect("a request");
        let answer = self.ask_gateway(request, 20_000).await?;
        let json: Json = serde_json::from_slice(answer.body()).ok()?;
        (json["status"] == "success").then_some(json)
    }

    /// A call of a merchant: `None` when no readable answer arrives.
    pub(super) async fn call(
        &self,
        shop: &Shop,
        method: &str,
        path: &str,
        body: &Json,
    ) -> Option<(u16, Json)> {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{GATEWAY}{path}"))
            .header("api-key", &*shop.api_key.borrow())
            .header("api-secret", &*shop.api_secret.borrow())
            .header("content-type", "application/json")
            .body(match body {
                Json::Null => Vec::new(),
                body => body.to_string().into_bytes(),
            })
            .expect("a request");
        let (path, queried) = path.split_once("?out_trade_no=").unwrap_or((path, ""));
        let number = body["out_trade_no"].as_str().unwrap_or(queried);
        let number = match number {
            "" => String::new(),
            number => format!(" #{number}"),
        };
        self.note_at(&shop.id, || {
            let fee = body.get("refund_fee").or(body.get("total_fee"));
            let fee = fee.map_or_else(String::new, |fee| format!(" {fee}"));
            format!("{method} {path}{number}{fee}")
        });
        let patience_ms = self.0.random.pick(&[2_000, 20_000, 60_000]);
        let answer = self.ask_gateway(request, patience_ms).await?;
        let json: Json = serde_json::from_slice(answer.body()).ok()?;
        let status = answer.status().as_u16();
        self.note_at(&shop.id, || {
            let data = &json["data"];
            let of = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
            let said = [of("trade_state"), of("refund_status")].concat();
            let code = json["code"].as_str().unwrap_or_default();
            format!("  {method} {path}{number} ⇒ {status} {said}{code}")
        });
        Some((status, json))
    }

    pub(super) fn shop(&self, id: &str) -> Option<Rc<Shop>> {
        let shops = self.0.shops.borrow();
        shops.iter().find(|shop| &*shop.id == id).cloned()
    }

    pub(super) fn shop_of(&self, mch_id: &str, sub_mch_id: &str) -> Option<Rc<Shop>> {
        let shops = self.0.shops.borrow();
        let is = |shop: &&Rc<Shop>| {
            shop.mch_id == mch_id && shop.sub_mch_id.as_deref().unwrap_or("-") == sub_mch_id
        };
        shops.iter().find(is).cloned()
    }
}

impl Shop {
    /// The number of WeChat's payment in the gateway's answers. iOnline has its
    /// own: the merchant's, and the end of WeChat's, in 32 digits.
    pub(super) fn told_of(&self, transaction_id: &str) -> String {
        if self.kind != Kind::Ionline {
            return transaction_id.to_owned();
        }
        let mid = &self.account.mch_id;
        let from = (transaction_id.len() + mid.len()).saturating_sub(32);
        format!("{mid}{}", &transaction_id[from..])
    }

    /// Its keys, the current one last.
    pub(super) fn every_key(&self) -> Vec<Secret> {
        let old = self.old_keys.borrow();
        let present = self.key.borrow();
        let every = old.iter().chain([&*present]);
        every.map(|key| Secret::new(key.as_str())).collect()
    }

    /// The v2 key of its account at WeChat.
    pub(super) fn key_of_v2(&self) -> String {
        match self.kind.dialect() {
            "v2" => self.key.borrow().clone(),
            _ => self.v2_key.clone(),
        }
    }

    /// The path for WeChat's notices.
    pub(super) fn address(&self) -> String {
        format!("{GATEWAY}/notify/{}/{}", self.kind.dialect(), self.id)
    }

    /// The URL for deliveries to the merchant.
    pub(super) fn notify_url(&self) -> String {
        format!("https://{}.example.com/notify", self.id)
    }
}
