//! The merchants: their accounts at WeChat and at the gateway, and their own
//! servers.

use super::world::World;
use crate::memory::{ADMIN_TOKEN, GATEWAY};
use gateway::world::{Request, Response};
use serde_json::{Value as Json, json};
use std::cell::RefCell;
use std::rc::Rc;
use wechatpay::Secret;
use wechatpay::v2::{Fields, SignType};

/// What kind of account a merchant has at WeChat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One of its own, and how it signs.
    Direct(SignType),
    /// An institution's, with which others share the institution's key: the
    /// number among them.
    SubMerchant(usize),
}

/// A merchant.
pub(super) struct Shop {
    /// Its name for the gateway, and in histories.
    pub(super) id: Rc<str>,
    pub(super) kind: Kind,
    pub(super) mch_id: String,
    pub(super) sub_mch_id: Option<String>,
    /// The application that payers' openids belong to.
    pub(super) appid: String,
    /// Its account, as `wechatpay` writes it.
    pub(super) account: order::Account,
    pub(super) currency: &'static str,
    /// WeChat's API key, which can change.
    pub(super) key: RefCell<String>,
    /// Its keys at the gateway, which can change.
    pub(super) api_key: RefCell<String>,
    pub(super) api_secret: RefCell<String>,
    /// The keys that signed before.
    pub(super) old_keys: RefCell<Vec<String>>,
    /// What its server was told: the order, the payment, the document.
    pub(super) received: RefCell<Vec<Received>>,
}

/// A delivery that a merchant's server has had.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) out_trade_no: String,
    pub(super) transaction_id: String,
}

const INSTITUTION: &str = "1900000110";
const INSTITUTION_KEY: &str = "weceive-sandbox-inst-key-0000002";
const INSTITUTION_APPID: &str = "wx5a11d0b0c0ffee02";
const APP_SECRET: &str = "5ec3e7000000000000000000c0ffee0a";

impl World {
    /// Opens a shop: its account at WeChat, then at the gateway. `number`
    /// tells it from the others.
    pub(super) async fn open_shop(&self, number: usize, kind: Kind) {
        let id = ["tea", "noodle", "books", "coffee"][number];
        let (mch_id, key, appid, sub, currency, sign_type) = match kind {
            Kind::Direct(sign_type) => {
                let currency = if number == 0 { "HKD" } else { "USD" };
                let mch_id = format!("160000000{number}");
                let key = format!("weceive-simulated-key-of-shop-0{number}");
                let appid = format!("wx5a11d0b0c0ffeea{number}");
                self.control(
                    "/sandbox/merchants",
                    &json!({"mch_id": mch_id, "key": key, "appid": appid,
                            "app_secret": APP_SECRET, "fee_type": currency}),
                );
                (mch_id, key, appid, None, currency, sign_type)
            }
            Kind::SubMerchant(nth) => {
                let sub = ["1900000111", "1900000112"][nth].to_owned();
                let [mch_id, key, appid] =
                    [INSTITUTION, INSTITUTION_KEY, INSTITUTION_APPID].map(str::to_owned);
                (mch_id, key, appid, Some(sub), "USD", SignType::HmacSha256)
            }
        };
        let mut body = json!({
            "id": id, "name": id, "fee_type": currency, "appid": appid, "mch_id": mch_id,
            "api_key": key, "sign_type": sign_type.as_str(),
            "app_secret": if sub.is_some() { "5ec3e7000000000000000000c0ffee02" } else { APP_SECRET },
        });
        if let Some(sub) = &sub {
            body["sub_mch_id"] = json!(sub);
        }
        let made = self.admin("/admin/merchants", &body).await;
        let made = made.expect("before anything goes wrong");
        let text = |name: &str| made["data"][name].as_str().expect("a text").to_owned();
        let shop = Rc::new(Shop {
            id: id.into(),
            kind,
            account: order::Account {
                appid: appid.clone(),
                mch_id: mch_id.clone(),
                sub_appid: None,
                sub_mch_id: sub.clone(),
            },
            mch_id,
            sub_mch_id: sub,
            appid,
            currency,
            key: RefCell::new(key),
            api_key: RefCell::new(text("api-key")),
            api_secret: RefCell::new(text("api-secret")),
            old_keys: RefCell::default(),
            received: RefCell::default(),
        });
        self.0.shops.borrow_mut().push(shop);
    }

    /// A call of the operator.
    pub(super) async fn admin(&self, path: &str, body: &Json) -> Option<Json> {
        let request = http::Request::post(format!("{GATEWAY}{path}"))
            .header("authorization", format!("Bearer {ADMIN_TOKEN}"))
            .body(body.to_string().into_bytes())
            .expect("a request");
        let answer = self.ask_gateway(request, 20_000).await?;
        let json: Json = serde_json::from_slice(answer.body()).ok()?;
        (json["status"] == "success").then_some(json)
    }

    /// A call of a merchant: `None` when no readable answer comes.
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
        let patience_ms = self.0.chance.pick(&[2_000, 20_000, 60_000]);
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

    /// A delivery arrives at a merchant's server.
    pub(super) fn deliver(&self, from: &str, request: &Request) -> Response {
        let answer = |status: u16, body: &str| {
            let mut answer = Response::new(body.as_bytes().to_vec());
            *answer.status_mut() = http::StatusCode::from_u16(status).expect("a status");
            answer
        };
        let Some(shop) = self.shop(from) else {
            return answer(404, "");
        };
        let Some(document) = shop.believes(request) else {
            self.note_at(from, || {
                "  the merchant does not believe a delivery".to_owned()
            });
            return answer(400, "");
        };
        let number = document.get("out_trade_no").unwrap_or_default().to_owned();
        if self.goes_wrong(self.0.weather.deaf) {
            self.note_at(from, || {
                format!("  the merchant fails at the delivery of #{number}")
            });
            return match self.0.chance.below(3) {
                0 => answer(500, ""),
                1 => answer(200, "<html>It works</html>"),
                _ => answer(302, ""),
            };
        }
        self.note_at(from, || {
            format!("  the merchant takes the delivery of #{number}")
        });
        let host = request.uri().host().unwrap_or_default();
        let owner = host.strip_suffix(".example.com");
        if owner.is_some_and(|owner| owner != from && self.shop(owner).is_some()) {
            let found = format!("{from}'s order was delivered to {host}");
            self.broken("7", Some((from, &number)), found);
        }
        let received = Received {
            transaction_id: document
                .get("transaction_id")
                .unwrap_or_default()
                .to_owned(),
            out_trade_no: number,
        };
        self.watch_delivery(&shop, &received);
        shop.received.borrow_mut().push(received);
        answer(
            200,
            self.0.chance.pick(&[
                "success",
                "",
                "<xml><return_code><![CDATA[SUCCESS]]></return_code></xml>",
            ]),
        )
    }
}

impl Shop {
    /// A merchant verifies a delivery as it verifies WeChat's notices.
    fn believes(&self, request: &Request) -> Option<Fields> {
        let document = Fields::parse(request.body()).ok()?;
        let sign_type = self.sign_type();
        let mut keys = self.old_keys.borrow().clone();
        keys.push(self.key.borrow().clone());
        let holds = |key: &String| {
            document
                .verify(&Secret::new(key.as_str()), sign_type)
                .is_ok()
        };
        keys.iter().any(holds).then_some(document)
    }

    pub(super) const fn sign_type(&self) -> SignType {
        match self.kind {
            Kind::Direct(sign_type) => sign_type,
            Kind::SubMerchant(_) => SignType::HmacSha256,
        }
    }

    /// Where WeChat's notices go.
    pub(super) fn address(&self) -> String {
        format!("{GATEWAY}/notify/v2/{}", self.id)
    }

    /// Where the merchant wants to be told.
    pub(super) fn notify_url(&self) -> String {
        format!("https://{}.example.com/notify", self.id)
    }
}
