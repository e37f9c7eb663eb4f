//! Adversaries of a merchant: another system of its own, and attackers.

use super::accounts::{INSTITUTION, KEY_PAIRS, public_half, serial_no};
use super::ledger::Notice;
use super::merchants_staff::NUMBERS;
use super::rsa::StandIn;
use super::shop::Shop;
use super::wechat::said;
use super::world::World;
use sandbox::Payer;
use serde_json::json;
use std::rc::Rc;
use wechatpay::common::Text;
use wechatpay::common::prepay::NotifyUrl;
use wechatpay::rsa::PrivateKey;
use wechatpay::v2::prepay::{self, Trade};
use wechatpay::{Secret, ionline, v2, v3};

impl World {
    /// The merchant's other system makes an order with the same key, and
    /// perhaps the same number.
    pub(super) async fn order_elsewhere(self, shop: Rc<Shop>) {
        let number = (1 + self.0.random.below(NUMBERS)).to_string();
        let amount = self.amount() + self.0.random.pick(&[0, 0, 1]);
        let known = self.entry(&shop.id, &number).is_some();
        self.make_elsewhere(&shop, &number, amount);
        if known || self.entry(&shop.id, &number).is_none() {
            return;
        }
        let ms = self.0.random.between(0, 120_000);
        if self.0.random.one_in(2) {
            // A till makes an order with the same number.
            let (world, shop, number) = (self.clone(), shop.clone(), number.clone());
            let till_ms = self.0.random.between(0, 150_000);
            self.outside(async move {
                world.sleep(till_ms).await;
                world.quick_pay(&shop, &number).await;
            });
        }
        self.sleep(ms).await;
        self.pay_at_wechat(&shop, &number, Payer::Alice, "pay");
    }

    /// The merchant's other system makes an order of v2 with the same key.
    pub(super) fn make_elsewhere(&self, shop: &Shop, number: &str, amount: i64) {
        let money = order::Money::new(
            amount,
            order::Currency::from_code(shop.currency).expect("a currency"),
        );
        let request = prepay::Request {
            account: order::Account {
                mch_id: shop.mch_id.clone(),
                ..shop.account.clone()
            },
            device_info: None,
            nonce_str: Text::new("nonce_str", "elsewhere").expect("a nonce"),
            sign_type: shop.kind.sign_type(),
            body: Text::new("body", "Elsewhere").expect("a body"),
            detail: None,
            attach: None,
            out_trade_no: order::OutTradeNo::new(number).expect("a number"),
            money: money.expect("an amount"),
            spbill_create_ip: std::net::Ipv4Addr::LOCALHOST.into(),
            time_start_ms: None,
            time_expire_ms: None,
            goods_tag: None,
            notify_url: NotifyUrl::new(&shop.address()).expect("a URL"),
            limit_pay: None,
            trade: Trade::Native {
                product_id: Some(Text::new("product_id", "elsewhere").expect("an id")),
            },
        };
        let xml = request.to_xml(&Secret::new(shop.key_of_v2()));
        let request = http::Request::post(format!("https://api.mch.weixin.qq.com{}", prepay::PATH))
            .body(xml.into_bytes())
            .expect("a request");
        let known = self.entry(&shop.id, number).is_some();
        let answer = self.sandbox(&request);
        let said = said(&answer);
        // Otherwise no seed has an order of another system.
        assert!(
            !["LACK_PARAMS", "PARAM_ERROR"].contains(&said.as_str()),
            "{said}"
        );
        self.note_at(&shop.id, || {
            format!("another system of the merchant orders #{number} ⇒ {said}")
        });
        if !known && self.entry(&shop.id, number).is_some() {
            let key = (shop.id.clone(), number.to_owned());
            self.0.ledger.borrow_mut().elsewhere.insert(key);
        }
    }

    /// A person refunds, reverses or closes an order on the merchant platform.
    pub(super) async fn change_by_hand(self, shop: Rc<Shop>) {
        let orders: Vec<_> = {
            let ledger = self.0.ledger.borrow();
            let of_shop = ledger.orders.iter().filter(|((id, number), _)| {
                *id == shop.id && !ledger.elsewhere.contains(&(id.clone(), number.clone()))
            });
            of_shop
                .map(|((_, number), entry)| (number.clone(), entry.clone()))
                .collect()
        };
        if orders.is_empty() {
            return;
        }
        let (number, entry) = self.0.random.pick(&orders);
        let is_quick_pay = entry.trade_type == "MICROPAY";
        let change = match entry.state.as_str() {
            "SUCCESS" if is_quick_pay && self.0.random.one_in(2) => "revoke",
            "SUCCESS" => "refund",
            "NOTPAY" if !is_quick_pay => "close",
            _ => return,
        };
        let mut body = json!({ "by_hand": change });
        if change == "refund" {
            body["refund_fee"] = json!(self.0.random.pick(&[entry.amount_minor, 1]));
        }
        if let Some(sub) = &shop.sub_mch_id {
            body["sub_mch_id"] = json!(sub);
        }
        self.note_at(&shop.id, || format!("changed by hand: {change} #{number}"));
        let key = (shop.id.clone(), number.clone());
        self.0.ledger.borrow_mut().by_hand.insert(key);
        let path = format!("/sandbox/orders/{}/{number}", shop.mch_id);
        self.control(&path, &body);
    }

    /// The merchant queries an order that was changed manually.
    pub(super) async fn refresh(self, shop: Rc<Shop>, number: String) {
        self.renew_keys(&shop).await;
        for _ in 0..2 {
            // Two queries of an order are ten seconds apart.
            self.sleep(11_000).await;
            let path = format!("/v1/order?out_trade_no={number}&refresh=1");
            self.call(&shop, "GET", &path, &json!(null)).await;
        }
    }

    /// Two merchants of one institution, which share a key, make orders for the
    /// same amount under the same number. One is paid, and an attacker sends
    /// its notice to the other.
    async fn send_to_the_sibling(&self, shop: &Rc<Shop>) {
        let sibling = {
            let shops = self.0.shops.borrow();
            let is_sibling = |other: &&Rc<Shop>| other.mch_id == shop.mch_id && other.id != shop.id;
            shops.iter().find(is_sibling).cloned()
        };
        let Some(sibling) = sibling else { return };
        let number = (1 + self.0.random.below(NUMBERS)).to_string();
        let body = |of: &Shop| {
            json!({"out_trade_no": number, "body": "Tea", "total_fee": 100,
                   "trade_type": "NATIVE", "notify_url": of.notify_url()})
        };
        let ours = self.insist(shop, "/v1/order", &body(shop)).await;
        self.insist(&sibling, "/v1/order", &body(&sibling)).await;
        if let Some(code_url) = ours.as_ref().and_then(|data| data["code_url"].as_str()) {
            self.scan(code_url, Payer::Alice, "pay");
        }
        let ms = self.0.random.between(0, 10_000);
        self.sleep(ms).await;
        let notices = self.0.ledger.borrow().notices.clone();
        for mut notice in notices {
            if notice.url == shop.address() {
                notice.url = sibling.address();
                self.note_at(&sibling.id, || {
                    format!("an attacker brings a notice of {}", shop.id)
                });
                self.post_notice(notice).await;
            }
        }
    }

    /// An attacker of a merchant: sends genuine notices to the wrong address
    /// and modified ones to the right one, forges some, and tries other
    /// merchants' keys.
    pub(super) async fn interfere(self, shop: Rc<Shop>) {
        match self.0.random.below(5) {
            0 => self.bring_a_notice(&shop).await,
            1 | 2 => self.forge_a_notice(&shop).await,
            3 => self.send_to_the_sibling(&shop).await,
            _ => self.use_foreign_key(&shop).await,
        }
    }

    async fn bring_a_notice(&self, shop: &Shop) {
        let notices = self.0.ledger.borrow().notices.clone();
        if notices.is_empty() {
            return;
        }
        let mut notice = self.0.random.pick(&notices);
        let from = std::mem::replace(&mut notice.url, shop.address());
        if from.ends_with("/refund") {
            notice.url.push_str("/refund");
        }
        if self.0.random.one_in(3) {
            notice = self.corrupted(&notice);
        }
        self.note_at(&shop.id, || {
            format!("an attacker brings a notice of {from}")
        });
        self.post_notice(notice).await;
    }

    /// Forges the notice of a payment that was never made, for an open order.
    /// If the merchant's notices are confirmed by a query, the forger may have
    /// the key, too.
    async fn forge_a_notice(&self, shop: &Rc<Shop>) {
        let payment = self.payment_to_forge(shop);
        self.note_at(&shop.id, || {
            format!("an attacker forges a notice of #{}", payment.out_trade_no)
        });
        let notice = match shop.kind.dialect() {
            "v3" if shop.kind.of_institution().is_some() && self.0.random.one_in(2) => {
                self.forged_by_a_neighbour(shop, payment).await
            }
            "v3" => self.forged_v3(shop, payment).await,
            "ionline" => {
                let notice = ionline::notify::Notice {
                    payment,
                    out_transaction_id: None,
                    nonce_str: "forged".to_owned(),
                    device_info: None,
                };
                Some(xml(shop, notice.to_xml(&self.key_of_a_forger(shop))))
            }
            _ => {
                let notice = v2::notify::Notice {
                    payment,
                    nonce_str: "forged".to_owned(),
                    device_info: None,
                };
                let key = self.key_of_a_forger(shop);
                Some(xml(shop, notice.to_xml(&key, shop.kind.sign_type())))
            }
        };
        if let Some(notice) = notice {
            self.post_notice(notice).await;
        }
    }

    fn key_of_a_forger(&self, shop: &Shop) -> Secret {
        match shop.confirms && self.0.random.one_in(2) {
            true => Secret::new(shop.key.borrow().as_str()),
            false => Secret::new("a-key-of-nobody"),
        }
    }

    fn payment_to_forge(&self, shop: &Shop) -> order::Payment {
        let open = {
            let ledger = self.0.ledger.borrow();
            let of_shop = ledger
                .orders
                .iter()
                .filter(|((id, _), entry)| *id == shop.id && entry.is_payable(self.now_ms()));
            let open: Vec<_> = of_shop
                .map(|((_, number), entry)| (number.clone(), entry.clone()))
                .collect();
            (!open.is_empty()).then(|| self.0.random.pick(&open))
        };
        let (number, amount, trade_type) = match open {
            Some((number, entry)) => (number, entry.amount_minor, entry.trade_type),
            None => {
                let number = (1 + self.0.random.below(NUMBERS)).to_string();
                (number, 100, "NATIVE".to_owned())
            }
        };
        let currency = order::Currency::from_code(shop.currency).expect("a currency");
        order::Payment {
            account: shop.account.clone(),
            out_trade_no: number,
            transaction_id: "4200000000202601020000000000".to_owned(),
            money: order::Money::new(amount, currency).expect("an amount"),
            trade_type: order::TradeType::from_name(&trade_type).expect("a trade type"),
            openid: Some(Payer::Alice.openid(&shop.appid)),
            sub_openid: None,
            is_subscribe: None,
            sub_is_subscribe: None,
            bank_type: Some("CFT".to_owned()),
            cash_fee: Some(amount),
            cash_fee_type: None,
            rate: None,
            attach: None,
            time_end: "20260102110405".to_owned(),
        }
    }

    /// The serial number of a key in an earlier notice.
    fn serial_seen(&self) -> String {
        let ledger = self.0.ledger.borrow();
        let mut seen = ledger.notices.iter().flat_map(|notice| &notice.headers);
        let serial = seen.find(|(name, _)| name == "Wechatpay-Serial");
        serial.map_or("5A11", |(_, serial)| serial).to_owned()
    }

    /// Forges a notice as an attacker who has the merchant's `APIv3` key, and
    /// cannot sign as WeChat.
    async fn forged_v3(&self, shop: &Shop, payment: order::Payment) -> Option<Notice> {
        let body = sealed(payment, &shop.key.borrow(), self.now_ms())?;
        let headers = match self.0.random.one_in(3) {
            true => Vec::new(),
            false => {
                let serial = self.serial_seen();
                self.signed(&body, &serial, KEY_PAIRS[1]).await
            }
        };
        Some(Notice {
            url: shop.address(),
            headers,
            body,
        })
    }

    /// Forges a notice as a merchant of the same institution that has entered
    /// its own keys as WeChat's: they must authenticate no notice of another
    /// merchant.
    async fn forged_by_a_neighbour(&self, shop: &Shop, payment: order::Payment) -> Option<Notice> {
        const ID: &str = "mallory";
        const KEY: &str = "a-key-of-the-neighbours-own-0001";
        const SERIAL: &str = "PUB_KEY_ID_0000000000000000000000000666";
        let body = json!({
            "id": ID, "name": ID, "fee_type": shop.currency, "appid": shop.appid,
            "mch_id": INSTITUTION, "sub_mch_id": "1900000666", "dialect": "v3",
            "merchant_category_code": "5814", "api_key": KEY,
            "private_key": KEY_PAIRS[0], "serial_no": serial_no(6, 6),
            "wechatpay_public_key_id": SERIAL,
            "wechatpay_public_key": public_half(KEY_PAIRS[1]),
        });
        // It may exist already.
        self.admin("/admin/merchants", &body).await;
        let body = sealed(payment, KEY, self.now_ms())?;
        let url = shop.address().replace(&*shop.id, ID);
        let headers = self.signed(&body, SERIAL, KEY_PAIRS[1]).await;
        let url = match self.0.random.one_in(2) {
            true => url,
            false => shop.address(),
        };
        Some(Notice { url, headers, body })
    }

    async fn signed(&self, body: &[u8], serial: &str, pem: &str) -> Vec<(String, String)> {
        let key = PrivateKey::from_pem(pem).expect("one of the sandbox's keys");
        let now_s = self.gateway_ms() / 1000;
        let signed = v3::Signature::sign(serial, &key, body, now_s, "forged", &StandIn).await;
        let headers = signed.expect("the stand-in signs").to_headers();
        let headers = headers.into_iter();
        headers
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// Calls with one merchant's secret and another's key, which must be
    /// refused.
    async fn use_foreign_key(&self, shop: &Shop) {
        let other = {
            let shops = self.0.shops.borrow();
            shops[self.0.random.below(shops.len())].clone()
        };
        if other.id == shop.id {
            return;
        }
        let number = 1 + self.0.random.below(NUMBERS);
        let url = format!("{}/v1/order?out_trade_no={number}", memory_runtime::GATEWAY);
        let request = http::Request::get(url)
            .header("api-key", &*shop.api_key.borrow())
            .header("api-secret", &*other.api_secret.borrow())
            .body(Vec::new())
            .expect("a request");
        if let Some(answer) = self.ask_gateway(request, 20_000).await
            && answer.status() == 200
        {
            let found = format!("{}'s secret opens it", other.id);
            self.broken("7", Some((&shop.id, &number.to_string())), found);
        }
    }
}

fn xml(shop: &Shop, body: String) -> Notice {
    Notice {
        url: shop.address(),
        headers: vec![("content-type".to_owned(), "text/xml".to_owned())],
        body: body.into_bytes(),
    }
}

/// A notice of v3, encrypted with this key.
fn sealed(payment: order::Payment, key: &str, now_ms: i64) -> Option<Vec<u8>> {
    let notice = v3::notify::Notice {
        id: "EV-2026010211040500000".to_owned(),
        payment,
    };
    let key = Secret::new(key);
    let sealed = notice.seal(v3::Region::Global, now_ms, "forgednonce1", &key);
    Some(sealed.ok()?.to_json().into_bytes())
}
