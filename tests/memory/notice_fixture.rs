//! A paid order with its genuine notice, which a test can change, sign again,
//! or send somewhere else.

use crate::fixtures::{body, kind};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use gateway::observe::labels::RENAMED;
use sandbox::Outgoing;
use serde_json::{Value, json};
use testkit::demo::Kind;
use tests::memory::{Memory, SHOP_NOTIFY, Shop};
use wechatpay::Secret;
use wechatpay::common::{Fields, SignType};
use wechatpay::rsa::PrivateKey;
use wechatpay::v3::gcm::Sealed;
use wechatpay::v3::sign::answer_message;

/// The keys with which WeChat signs in the sandbox: of its certificate, and of
/// its public key.
const PLATFORM_KEY: &str = include_str!("../../sandbox/src/keys/platform_1.key.pem");
const PUBLIC_KEYS_KEY: &str = include_str!("../../sandbox/src/keys/public_key.key.pem");

/// An order that the payer has just paid at WeChat, and its notice, which has
/// not been sent.
pub struct NoticeFixture {
    pub world: Memory,
    pub shop: Shop,
    pub kind: Kind,
    pub key: Secret,
    pub notice: Outgoing,
}

pub fn shop(world: &Memory, kind: Kind) -> (Shop, Secret) {
    let body = body(world, kind.id);
    let key = Secret::new(body["api_key"].as_str().unwrap());
    (world.shop_with(kind.id, &body), key)
}

pub fn order(shop: &Shop, number: &str) -> Value {
    shop.order(&json!({
        "out_trade_no": number, "body": "Two cups", "total_fee": 150,
        "trade_type": "NATIVE", "notify_url": SHOP_NOTIFY,
    }))
}

pub fn fixture(id: &str) -> NoticeFixture {
    let world = Memory::default();
    let kind = kind(id);
    let (shop, key) = shop(&world, kind);
    world.scan(&order(&shop, "N1")["code_url"]);
    let notice = world.take_notices().remove(0);
    NoticeFixture {
        world,
        shop,
        kind,
        key,
        notice,
    }
}

impl NoticeFixture {
    pub fn send_to(&self, url: &str, headers: &[(String, String)], body: &[u8]) -> u16 {
        let mut request = http::Request::post(url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = self.world.send(request.body(body.to_vec()).unwrap());
        answer.status().as_u16()
    }

    pub fn send(&self, body: impl AsRef<[u8]>) -> u16 {
        self.send_to(&self.notice.url, &self.notice.headers, body.as_ref())
    }

    /// Sends the notice as WeChat does; returns whether it was acknowledged.
    pub fn send_it(&self) -> bool {
        [200, 204].contains(&self.send(&self.notice.body))
    }

    pub fn fields(&self) -> Fields {
        Fields::parse(self.notice.body.as_bytes()).unwrap()
    }

    pub fn is_paid(&self) -> bool {
        // The report sends no query, which would find the payment.
        !self.shop.report()["counters"]["order:SUCCESS"].is_null()
    }

    /// How many notices were refused, for any reason.
    pub fn refused(&self) -> i64 {
        let report = self.shop.report();
        let counters = report["counters"].as_object().unwrap();
        let of_notices = |name: &str| {
            ["notice_", "refund_notice_", "product_callback_"]
                .iter()
                .any(|begin| name.starts_with(begin))
                || name == "order_unknown"
        };
        let accepted = ["notice_taken", "notice_duplicate"];
        counters
            .iter()
            .filter(|(name, _)| of_notices(name) && !accepted.contains(&name.as_str()))
            // A renamed counter is shown under its earlier name too.
            .filter(|(name, _)| !RENAMED.iter().any(|(earlier, _)| earlier == name))
            .filter_map(|(_, n)| n.as_i64())
            .sum()
    }

    /// Asserts that no notice was accepted so far, that one was counted, and
    /// that nothing was delivered to the merchant; then that the genuine notice
    /// is accepted.
    pub fn ends_well(&self) {
        assert!(!self.is_paid(), "{}", self.kind.id);
        assert!(self.refused() > 0, "{}", self.kind.id);
        self.world.lose_notices(true);
        self.world.advance(1);
        assert_eq!(self.world.received(), [], "{}", self.kind.id);
        assert!(self.send_it(), "{}", self.kind.id);
        assert!(self.is_paid(), "{}", self.kind.id);
    }

    /// The sign type of its notices (v2 and iOnline).
    pub fn sign_type(&self) -> SignType {
        match self.kind.id {
            "harbour" => SignType::HmacSha256,
            _ => SignType::Md5,
        }
    }

    /// The notice's envelope, and the payment inside it (v3).
    pub fn opened_v3(&self) -> (Value, Value) {
        let envelope: Value = serde_json::from_str(&self.notice.body).unwrap();
        let text = |name: &str| envelope["resource"][name].as_str().unwrap().to_owned();
        let sealed = Sealed {
            algorithm: text("algorithm"),
            nonce: text("nonce"),
            associated_data: text("associated_data"),
            ciphertext: text("ciphertext"),
        };
        let opened = sealed.open(&self.key).unwrap();
        let payment = serde_json::from_slice(&opened).unwrap();
        (envelope, payment)
    }

    /// The same envelope with one value of the payment changed.
    pub fn saying_v3(&self, pointer: &str, value: Value) -> Value {
        let mut payment = self.opened_v3().1;
        let place = payment.pointer_mut(pointer);
        *place.unwrap_or_else(|| panic!("{pointer}")) = value;
        self.sealed_v3(&payment)
    }

    /// From now on WeChat's verified answers to queries have this value: at
    /// this pointer (v3), or in the field of this name.
    pub fn answer_queries_with(&self, what: &str, value: &Value) {
        let answer = if self.kind.dialect == "v3" {
            let mut payment = self.opened_v3().1;
            let name = what.trim_start_matches('/');
            match payment.pointer_mut(what) {
                Some(place) => *place = value.clone(),
                None => payment[name] = value.clone(),
            }
            payment.to_string()
        } else {
            let mut fields = self.fields().with("trade_state", "SUCCESS");
            fields.set(what, value.as_str().unwrap());
            let fields = fields.sealed(&self.key, self.sign_type());
            match self.kind.dialect {
                "ionline" => wechatpay::ionline::json::write(&fields),
                _ => fields.to_xml(),
            }
        };
        self.world.answer_with(answer.into_bytes());
    }

    /// The same envelope with another resource.
    pub fn sealed_v3(&self, resource: &Value) -> Value {
        let mut envelope = self.opened_v3().0;
        let text = |name: &str| envelope["resource"][name].as_str().unwrap().to_owned();
        let (nonce, associated) = (text("nonce"), text("associated_data"));
        let clear = resource.to_string();
        let sealed = Sealed::seal(clear.as_bytes(), &nonce, &associated, &self.key).unwrap();
        let Value::Object(sealed) = sealed.to_json() else {
            panic!("an object")
        };
        envelope["resource"].as_object_mut().unwrap().extend(sealed);
        envelope
    }

    /// Sends a v3 notice with a valid signature and any content.
    pub fn send_signed_v3(&self, envelope: &Value, timestamp_s: i64) -> u16 {
        let body = envelope.to_string();
        let is_serial = |name: &str| name.eq_ignore_ascii_case("wechatpay-serial");
        let mut headers = self.notice.headers.iter();
        let serial = headers.find(|(name, _)| is_serial(name)).unwrap();
        let key = match serial.1.starts_with("PUB_KEY_ID_") {
            true => PUBLIC_KEYS_KEY,
            false => PLATFORM_KEY,
        };
        let key = PrivateKey::from_pem(key).unwrap();
        let signature = tests::rsa::sign(&key, &answer_message(timestamp_s, "n", body.as_bytes()));
        let headers: Vec<(String, String)> = self
            .notice
            .headers
            .iter()
            .map(|(name, value)| {
                let value = match name.to_ascii_lowercase().as_str() {
                    "wechatpay-timestamp" => timestamp_s.to_string(),
                    "wechatpay-nonce" => "n".to_owned(),
                    "wechatpay-signature" => BASE64.encode(signature.as_ref().unwrap()),
                    _ => value.clone(),
                };
                (name.clone(), value)
            })
            .collect();
        self.send_to(&self.notice.url, &headers, body.as_bytes())
    }
}
