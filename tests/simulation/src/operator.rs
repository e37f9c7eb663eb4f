//! The operator: rotates keys, on one side before the other.

use super::accounts::{KEY_PAIRS, public_half, serial_no};
use super::shop::{Kind, Shop};
use super::world::World;
use serde_json::{Value as Json, json};
use std::rc::Rc;

/// The kind of key that is rotated in addition to the gateway's own.
#[derive(Clone, Copy)]
enum Change {
    /// The key that the merchant shares with its upstream.
    SharedKey,
    /// The key that it signs v3 with.
    KeyPair,
    /// WeChat signs with its public key from now on, and no longer with
    /// certificates.
    ToPublicKey,
    /// WeChat's certificate is replaced by the next.
    Certificate,
}

impl World {
    /// Rotates keys: the gateway's own, and perhaps some of those that the
    /// merchant or WeChat signs with. In the end both sides have them.
    pub(super) async fn rotate(self, shop: Rc<Shop>) {
        let random = &self.0.random;
        let change = match shop.kind {
            // One merchant does not rotate an institution's keys.
            Kind::SubMerchant(_) => None,
            Kind::SubGlobal(_) => random.pick(&[None, Some(Change::Certificate)]),
            Kind::Direct(_) | Kind::Ionline => random.pick(&[None, Some(Change::SharedKey)]),
            Kind::Mainland => random.pick(&[None, Some(Change::SharedKey), Some(Change::KeyPair)]),
            Kind::Global => random.pick(&[
                Some(Change::SharedKey),
                Some(Change::KeyPair),
                Some(Change::ToPublicKey),
                Some(Change::Certificate),
            ]),
        };
        let revoke = random.one_in(3);
        let earlier = shop.api_key.borrow().clone();
        let mut body = json!({ "revoke": revoke });
        let at_wechat = match change {
            None => None,
            Some(Change::Certificate) => {
                self.outside(self.clone().next_certificate(shop.clone()));
                None
            }
            Some(Change::ToPublicKey) => {
                for (name, value) in self.public_key_of(&shop.mch_id) {
                    body[name] = json!(value);
                }
                let percent = random.between(1, 99);
                Some(vec![
                    json!({"public_key_percent": percent}),
                    json!({"public_key_percent": 100}),
                ])
            }
            Some(Change::KeyPair) => Some(vec![self.new_pair(&shop, &mut body)]),
            Some(Change::SharedKey) => Some(vec![self.new_key(&shop, &mut body)]),
        };
        let mut at_wechat = at_wechat.unwrap_or_default();
        if !at_wechat.is_empty() && random.one_in(2) {
            let first = at_wechat.remove(0);
            self.change_at_wechat(&shop, &first);
            self.after_a_while().await;
        }
        let path = format!("/admin/merchants/{}/rotate", shop.id);
        self.note_at(&shop.id, || {
            let names = body.as_object().into_iter().flatten();
            let names: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
            format!("POST {path} {}", names.join(", "))
        });
        loop {
            if let Some(made) = self.admin(&path, &body).await
                && let (Some(key), Some(secret)) = (
                    made["data"]["api-key"].as_str(),
                    made["data"]["api-secret"].as_str(),
                )
            {
                *shop.api_key.borrow_mut() = key.to_owned();
                *shop.api_secret.borrow_mut() = secret.to_owned();
                break;
            }
            let ms = self.0.random.between(1_000, 20_000);
            self.sleep(ms).await;
        }
        if revoke {
            self.outside(self.clone().use_revoked_key(shop.clone(), earlier));
        }
        for change in at_wechat {
            self.after_a_while().await;
            self.change_at_wechat(&shop, &change);
        }
    }

    /// Calls with a revoked key, once no isolate has it in its cache: it must
    /// be refused. The gateway's clock may have been set back.
    async fn use_revoked_key(self, shop: Rc<Shop>, key: String) {
        self.sleep(240_000).await;
        let url = format!("{}/v1/order?out_trade_no=revoked", memory_runtime::GATEWAY);
        let request = http::Request::get(url)
            .header("api-key", key)
            .body(Vec::new())
            .expect("a request");
        if let Some(answer) = self.ask_gateway(request, 20_000).await
            && matches!(answer.status().as_u16(), 200 | 404)
        {
            let found = format!("a revoked key is answered {}", answer.status());
            self.broken("7", Some((&shop.id, "revoked")), found);
        }
    }

    /// A rotation whose request arrived twice has left the merchant with
    /// revoked keys: the operator makes new ones.
    pub(super) async fn renew_keys(&self, shop: &Shop) {
        let path = "/v1/order?out_trade_no=none";
        let answer = self.call(shop, "GET", path, &Json::Null).await;
        if answer.is_none_or(|(status, _)| status != 401) {
            return;
        }
        let path = format!("/admin/merchants/{}/rotate", shop.id);
        let made = self.admin(&path, &json!({})).await.unwrap_or_default();
        let text = |name: &str| made["data"][name].as_str().unwrap_or_default().to_owned();
        *shop.api_key.borrow_mut() = text("api-key");
        *shop.api_secret.borrow_mut() = text("api-secret");
    }

    async fn after_a_while(&self) {
        let ms = self.0.random.between(0, 20_000);
        self.sleep(ms).await;
    }

    fn change_at_wechat(&self, shop: &Shop, change: &Json) {
        self.note_at(&shop.id, || {
            let names = change.as_object().into_iter().flatten();
            let names: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
            format!("at WeChat changes: {}", names.join(", "))
        });
        let path = format!("/sandbox/merchants/{}", shop.mch_id);
        let changed = self.control(&path, change);
        assert!(changed["mch_id"].is_string(), "{change}: {changed}");
    }

    /// Another shared key: the gateway's fields are added to `body`, WeChat's
    /// are returned.
    fn new_key(&self, shop: &Shop, body: &mut Json) -> Json {
        let new_key = format!(
            "weceive-simulated-key-{:010}",
            self.0.random.below(1_000_000)
        );
        // The merchant accepts signatures of both keys.
        let old = shop.key.replace(new_key.clone());
        shop.old_keys.borrow_mut().push(old);
        body["api_key"] = json!(new_key);
        match shop.kind.dialect() {
            "v3" => json!({ "apiv3_key": new_key }),
            "ionline" => json!({"ionline": {"mid": shop.account.mch_id, "key": new_key}}),
            _ => json!({ "key": new_key }),
        }
    }

    fn new_pair(&self, shop: &Shop, body: &mut Json) -> Json {
        let (pair, rotation) = shop.key_pair.get();
        let (pair, rotation) = (1 - pair, rotation + 1);
        shop.key_pair.set((pair, rotation));
        let serial_no = serial_no(shop.number, rotation);
        body["private_key"] = json!(KEY_PAIRS[pair]);
        body["serial_no"] = json!(serial_no);
        json!({"serial_no": serial_no, "public_key": public_half(KEY_PAIRS[pair])})
    }

    /// The next certificate can be downloaded, then signs, and the old one is
    /// removed.
    async fn next_certificate(self, shop: Rc<Shop>) {
        for _ in 0..self.0.random.between(1, 6) {
            self.change_at_wechat(&shop, &json!({"rotate_platform_certificate": true}));
            let ms = self.0.random.between(0, 90_000);
            self.sleep(ms).await;
        }
    }
}
