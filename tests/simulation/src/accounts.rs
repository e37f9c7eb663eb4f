//! The merchants' accounts at WeChat, or at an acquirer, and at the gateway.

use super::shop::{Kind, Shop};
use super::world::World;
use serde_json::{Value as Json, json};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wechatpay::rsa::PrivateKey;

pub(super) const INSTITUTION: &str = "1900000110";
const INSTITUTION_KEYS: [&str; 2] = [
    "weceive-sandbox-inst-key-0000002",
    "weceive-sandbox-v3-inst-key-0002",
];
const INSTITUTION_APPID: &str = "wx5a11d0b0c0ffee02";
const INSTITUTION_APP_SECRET: &str = "5ec3e7000000000000000000c0ffee02";
const SUB_MERCHANTS: [&str; 2] = ["1900000111", "1900000112"];
const APP_SECRET: &str = "5ec3e7000000000000000000c0ffee0a";

/// The key pairs with which merchants of v3 sign: public, like all keys of the
/// sandbox.
pub(super) const KEY_PAIRS: [&str; 3] = [
    include_str!("../../../sandbox/src/keys/merchant_1900000109.key.pem"),
    include_str!("../../../sandbox/src/keys/merchant_other.key.pem"),
    include_str!("../../../sandbox/src/keys/merchant_1900000110.key.pem"),
];

/// The serial number of a merchant's key.
pub(super) fn serial_no(shop: usize, rotation: usize) -> String {
    format!("5A11D0B0C0FFEE{shop:013}{rotation:013}")
}

/// The public key of the pair, as PEM.
pub(super) fn public_half(pem: &str) -> String {
    let key = PrivateKey::from_pem(pem).expect("one of the sandbox's keys");
    key.public_key().to_pem()
}

impl World {
    /// Opens a shop: its account at WeChat, then at the gateway. `number`
    /// identifies it.
    pub(super) async fn open_shop(&self, number: usize, kind: Kind) {
        let id = ["tea", "noodle", "books", "coffee"][number];
        let currency = kind.currency(number);
        let at_wechat = match kind.of_institution() {
            None => self.account_of_its_own(number, kind, currency),
            Some(nth) => self.institutions_account(nth),
        };
        let text = |path: &str| {
            let text = at_wechat.pointer(path).and_then(Json::as_str);
            text.map(str::to_owned).unwrap_or_default()
        };
        let (mch_id, appid) = (text("/mch_id"), text("/appid"));
        let sub_mch_id = at_wechat["sub_mch_id"].as_str().map(str::to_owned);
        let mut body = json!({
            "id": id, "name": id, "fee_type": currency, "appid": appid, "mch_id": mch_id,
            "sign_type": kind.sign_type().as_str(), "app_secret": text("/app_secret"),
            "dialect": kind.dialect(),
            "refund_notify_url": format!("https://{id}.example.com/refund"),
        });
        let confirms = self.0.random.one_in(2);
        if !confirms {
            body["confirm_notices_from"] = json!(order::Money::MAX_MINOR);
        }
        if let Some(sub) = &sub_mch_id {
            body["sub_mch_id"] = json!(sub);
        }
        match kind.dialect() {
            "v3" => {
                body["api_key"] = json!(text("/v3/apiv3_key"));
                body["serial_no"] = json!(text("/v3/serial_no"));
                body["private_key"] = json!(KEY_PAIRS[pair_of(number, kind)]);
                body["merchant_category_code"] = json!("5814");
                if kind == Kind::Mainland {
                    body["region"] = json!("mainland");
                    for (name, value) in self.public_key_of(&mch_id) {
                        body[name] = json!(value);
                    }
                }
            }
            "ionline" => {
                body["api_key"] = json!(text("/ionline/key"));
                body["mch_id"] = json!(text("/ionline/mid"));
            }
            _ => {
                body["api_key"] = json!(text("/key"));
                body["client_certificate"] = json!({"binding": format!("WECHATPAY_MTLS_{mch_id}")});
            }
        }
        let key = body["api_key"].as_str().expect("a key").to_owned();
        let account = order::Account {
            appid: appid.clone(),
            mch_id: body["mch_id"].as_str().expect("an id").to_owned(),
            sub_appid: None,
            sub_mch_id: sub_mch_id.clone(),
        };
        let made = self.admin("/admin/merchants", &body).await;
        let made = made.expect("before anything goes wrong");
        let made = |name: &str| made["data"][name].as_str().expect("a text").to_owned();
        let shop = Rc::new(Shop {
            id: id.into(),
            number,
            kind,
            account,
            mch_id,
            sub_mch_id,
            appid,
            currency,
            confirms,
            v2_key: text("/key"),
            key: RefCell::new(key),
            key_pair: Cell::new((pair_of(number, kind), 0)),
            api_key: RefCell::new(made("api-key")),
            api_secret: RefCell::new(made("api-secret")),
            old_keys: RefCell::default(),
            hangs: Cell::default(),
            fails: Cell::default(),
            unheard: Cell::default(),
            link: RefCell::default(),
            received: RefCell::default(),
            endpoint: RefCell::default(),
        });
        self.0.shops.borrow_mut().push(shop.clone());
        self.open_endpoint(&shop).await;
    }

    /// Makes a new account at WeChat.
    fn account_of_its_own(&self, number: usize, kind: Kind, currency: &str) -> Json {
        let mch_id = format!("160000000{number}");
        let mut body = json!({
            "mch_id": mch_id, "key": format!("weceive-simulated-key-of-shop-0{number}"),
            "appid": format!("wx5a11d0b0c0ffeea{number}"),
            "app_secret": APP_SECRET, "fee_type": currency,
        });
        match kind.dialect() {
            "v3" => {
                body["apiv3_key"] = json!(format!("weceive-simulated-apiv3-of-sh-0{number}"));
                body["serial_no"] = json!(serial_no(number, 0));
                body["public_key"] = json!(public_half(KEY_PAIRS[pair_of(number, kind)]));
                if kind == Kind::Mainland {
                    body["public_key_percent"] = json!(100);
                }
            }
            "ionline" => {
                body["ionline"] = json!({"mid": format!("10052000100{number}"),
                                         "key": format!("weceive-simulated-ionline-key-0{number}")});
            }
            _ => {}
        }
        self.control("/sandbox/merchants", &body)
    }

    /// One of the institution's sub-merchants, which the sandbox always has.
    fn institutions_account(&self, nth: usize) -> Json {
        let [key, apiv3_key] = INSTITUTION_KEYS;
        let body = json!({"serial_no": serial_no(9, 0), "public_key": public_half(KEY_PAIRS[2])});
        self.control(&format!("/sandbox/merchants/{INSTITUTION}"), &body);
        json!({
            "mch_id": INSTITUTION, "sub_mch_id": SUB_MERCHANTS[nth],
            "appid": INSTITUTION_APPID, "app_secret": INSTITUTION_APP_SECRET, "key": key,
            "v3": {"apiv3_key": apiv3_key, "serial_no": serial_no(9, 0)},
        })
    }

    /// WeChat Pay's public key for a merchant, by the gateway's field names.
    pub(super) fn public_key_of(&self, mch_id: &str) -> [(&'static str, String); 2] {
        let account = self.control(&format!("/sandbox/merchants/{mch_id}"), &json!({}));
        let of = |name: &str| {
            let text = account["v3"]["platform"][name].as_str();
            text.expect("WeChat's public key").to_owned()
        };
        [
            ("wechatpay_public_key_id", of("public_key_id")),
            ("wechatpay_public_key", of("public_key")),
        ]
    }
}

/// The first key pair of a shop.
const fn pair_of(number: usize, kind: Kind) -> usize {
    match kind.of_institution() {
        None => number % 2,
        Some(_) => 2,
    }
}
