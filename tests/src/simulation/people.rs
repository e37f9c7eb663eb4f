//! The merchants' clerks and the operator: what they ask of the gateway, at
//! random, and what they must never be told.

use super::ledger::Notice;
use super::shop::{Kind, Shop};
use super::world::World;
use sandbox::Payer;
use serde_json::{Value as Json, json};
use std::rc::Rc;
use wechatpay::Secret;
use wechatpay::v2::field::Text;
use wechatpay::v2::prepay::{self, NotifyUrl, Trade};

/// Order numbers are few, so that purchases get into each other's way.
const NUMBERS: usize = 8;

impl World {
    /// One purchase, and what becomes of it.
    pub(super) async fn purchase(self, shop: Rc<Shop>) {
        let number = (1 + self.0.chance.below(NUMBERS)).to_string();
        match self.0.chance.below(8) {
            0..=2 => self.buy_by_order(&shop, &number).await,
            3..=5 => self.buy_by_checkout(&shop, &number).await,
            6 => self.quick_pay(&shop, &number).await,
            // A number that looks like an attempt's.
            _ => {
                let number = format!("{number}-{}", self.0.chance.between(2, 3));
                self.buy_by_order(&shop, &number).await;
            }
        }
    }

    /// An amount, in the currency's smallest unit.
    fn amount(&self) -> i64 {
        self.0.chance.pick(&[100, 100, 1500, 8800])
    }

    async fn buy_by_order(&self, shop: &Rc<Shop>, number: &str) {
        let payer = self.0.chance.pick(&Payer::ALL);
        let mut body = json!({
            "out_trade_no": number, "body": "Tea", "total_fee": self.amount(),
            "trade_type": "NATIVE", "notify_url": shop.notify_url(),
        });
        if self.0.chance.one_in(2) {
            body["trade_type"] = json!("JSAPI");
            body["open_id"] = json!(payer.openid(&shop.appid));
        }
        let Some(data) = self.insist(shop, "/v1/order", &body).await else {
            return self.poke(shop.clone(), number.to_owned()).await;
        };
        if data["out_trade_no"] != number {
            let found = format!("it is answered with {}", data["out_trade_no"]);
            self.broken("7", Some((&shop.id, number)), found);
        }
        self.watch_accepted(shop, number);
        for _ in 0..=self.0.chance.below(2) {
            let (world, data) = (self.clone(), data.clone());
            let payer = self.0.chance.pick(&[payer, Payer::Bob]);
            self.outside(async move { world.pay_order(&data, payer).await });
        }
        self.poke(shop.clone(), number.to_owned()).await;
    }

    /// Asks until there is a readable answer, a few times: its `data`.
    async fn insist(&self, shop: &Shop, path: &str, body: &Json) -> Option<Json> {
        for _ in 0..4 {
            match self.call(shop, "POST", path, body).await {
                Some((200, answer)) if answer["status"] == "success" => {
                    return Some(answer["data"].clone());
                }
                // Worth another try.
                None | Some((429 | 500.., _)) => {}
                Some(_) => return None,
            }
            let ms = self.0.chance.between(100, 30_000);
            self.sleep(ms).await;
        }
        None
    }

    async fn buy_by_checkout(&self, shop: &Rc<Shop>, number: &str) {
        let body = json!({
            "out_trade_no": number, "body": "Tea set", "total_fee": self.amount(),
            "notify_url": shop.notify_url(),
            "expires_in_seconds": self.0.chance.pick(&[360, 600, 1800]),
        });
        let Some(data) = self.insist(shop, "/v1/checkout", &body).await else {
            return;
        };
        let (Some(url), true) = (data["url"].as_str(), data["out_trade_no"] == number) else {
            return;
        };
        self.watch_accepted(shop, number);
        for _ in 0..=self.0.chance.below(3) {
            self.outside(self.clone().visit(shop.clone(), url.to_owned()));
        }
        self.poke(shop.clone(), number.to_owned()).await;
    }

    async fn quick_pay(&self, shop: &Rc<Shop>, number: &str) {
        let behaviour = self.0.chance.pick(&[
            "pays",
            "pays",
            "password",
            "password",
            "insufficient",
            "silent",
            "bank_error",
            "used",
        ]);
        let payer = self.0.chance.pick(&Payer::ALL);
        let code = |behaviour: &str| {
            let asked = json!({"payer": payer.as_str(), "behaviour": behaviour});
            self.control("/sandbox/paycode", &asked)["auth_code"].clone()
        };
        let mut body = json!({
            "out_trade_no": number, "body": "One cup", "total_fee": self.amount(),
            "auth_code": code(behaviour), "notify_url": shop.notify_url(),
        });
        if behaviour == "password" {
            self.outside(
                self.clone()
                    .enter_password(shop.clone(), number.to_owned(), payer),
            );
        }
        for _ in 0..=self.0.chance.below(2) {
            let answer = self.call(shop, "POST", "/v1/micropay", &body).await;
            if let Some((200, answer)) = answer {
                self.heard(shop, number, &answer["data"]);
                if answer["data"]["out_trade_no"] == number {
                    self.watch_accepted(shop, number);
                }
            }
            // The same number with another code must not take money again.
            body["auth_code"] = code("pays");
            let ms = self.0.chance.between(0, 8_000);
            self.sleep(ms).await;
        }
        self.poke(shop.clone(), number.to_owned()).await;
    }

    /// What a merchant does about an order, meanwhile.
    async fn poke(&self, shop: Rc<Shop>, number: String) {
        for _ in 0..self.0.chance.below(5) {
            let ms = self.0.chance.pick(&[50, 2_000, 15_000, 45_000, 90_000]);
            let ms = self.0.chance.between(0, ms);
            self.sleep(ms).await;
            match self.0.chance.below(10) {
                0 | 1 => self.ask(&shop, &number).await,
                2 => self.close(&shop, &number).await,
                3..=5 => self.refund(&shop, &number).await,
                6 => {
                    let body = json!({ "out_trade_no": number });
                    if let Some((200, answer)) =
                        self.call(&shop, "POST", "/v1/reverse", &body).await
                    {
                        self.heard(&shop, &number, &answer["data"]);
                    }
                }
                7 => {
                    let path = format!("/v1/refund?out_trade_no={number}");
                    self.call(&shop, "GET", &path, &Json::Null).await;
                }
                8 => {
                    let body = json!({ "id": self.0.chance.between(1, 6) });
                    self.call(&shop, "POST", "/v1/delivery", &body).await;
                }
                _ => {
                    // Two things at once.
                    let (world, shop, number) = (self.clone(), shop.clone(), number.clone());
                    self.outside(async move { world.refund(&shop, &number).await });
                }
            }
        }
    }

    async fn ask(&self, shop: &Shop, number: &str) {
        let path = format!("/v1/order?out_trade_no={number}");
        if let Some((200, answer)) = self.call(shop, "GET", &path, &Json::Null).await {
            self.heard(shop, number, &answer["data"]);
        }
    }

    async fn close(&self, shop: &Rc<Shop>, number: &str) {
        // A payer who has the code does not know, and pays in this very moment.
        if self.0.chance.one_in(2) && self.is_in_the_book(shop, number) {
            let (world, shop, number) = (self.clone(), shop.clone(), number.to_owned());
            let ms = self.0.chance.between(0, 800);
            self.outside(async move {
                world.sleep(ms).await;
                world.pay_at_wechat(&shop, &number, Payer::Alice, "pay");
            });
        }
        let body = json!({ "out_trade_no": number });
        if let Some((200, answer)) = self.call(shop, "POST", "/v1/close", &body).await {
            self.heard(shop, number, &answer["data"]);
        }
    }

    /// What the gateway said of an order must be true.
    fn heard(&self, shop: &Shop, number: &str, data: &Json) {
        // The telling attempt of a checkout has a number of its own.
        let (Some(told), Some(transaction)) = (
            data["trade_state"].as_str(),
            data["transaction_id"].as_str(),
        ) else {
            return;
        };
        let named = data["out_trade_no"].as_str().unwrap_or(number);
        if named.starts_with(number) {
            self.watch_told(shop, named, told, transaction);
        }
    }

    async fn refund(&self, shop: &Shop, number: &str) {
        let fee = self.0.chance.pick(&[50, 100, 100, 1500, 8800, 4400]);
        let mut body = json!({ "out_trade_no": number, "refund_fee": fee });
        if self.0.chance.one_in(2) {
            // Few numbers, so that they meet those of other orders.
            body["out_refund_no"] = json!(format!("r{}", self.0.chance.between(1, 5)));
        }
        for _ in 0..=self.0.chance.below(2) {
            let Some((status, answer)) = self.call(shop, "POST", "/v1/refund", &body).await else {
                continue;
            };
            let data = &answer["data"];
            if status == 200
                && let (Some(named), Some(refund)) = (
                    data["out_trade_no"].as_str(),
                    data["out_refund_no"].as_str(),
                )
            {
                self.watch_accepted_refund(shop, named, refund);
            }
        }
    }

    /// The merchant's other system makes an order with the same key, and
    /// perhaps the same number.
    pub(super) async fn order_elsewhere(self, shop: Rc<Shop>) {
        let number = (1 + self.0.chance.below(NUMBERS)).to_string();
        let money = order::Money::new(
            self.amount() + 1,
            order::Currency::from_code(shop.currency).expect("a currency"),
        );
        let request = prepay::Request {
            account: shop.account.clone(),
            device_info: None,
            nonce_str: Text::new("nonce_str", "elsewhere").expect("a nonce"),
            sign_type: shop.sign_type(),
            body: Text::new("body", "Elsewhere").expect("a body"),
            detail: None,
            attach: None,
            out_trade_no: order::OutTradeNo::new(&number).expect("a number"),
            money: money.expect("an amount"),
            spbill_create_ip: std::net::Ipv4Addr::LOCALHOST.into(),
            time_start_ms: None,
            time_expire_ms: None,
            goods_tag: None,
            notify_url: NotifyUrl::new(&shop.address()).expect("a URL"),
            limit_pay: None,
            trade: Trade::Native { product_id: None },
        };
        let xml = request.to_xml(&Secret::new(shop.key.borrow().as_str()));
        let request = http::Request::post(format!("https://api.mch.weixin.qq.com{}", prepay::PATH))
            .body(xml.into_bytes())
            .expect("a request");
        let known = self.entry(&shop.id, &number).is_some();
        self.note_at(&shop.id, || {
            format!("another system of the merchant orders #{number}")
        });
        self.sandbox(&request);
        if known || self.entry(&shop.id, &number).is_none() {
            return;
        }
        let key = (shop.id.clone(), number.clone());
        self.0.ledger.borrow_mut().elsewhere.insert(key);
        let ms = self.0.chance.between(0, 120_000);
        self.sleep(ms).await;
        self.pay_at_wechat(&shop, &number, Payer::Alice, "pay");
    }

    /// The operator changes keys: our own, or WeChat's on both sides, one
    /// after the other.
    pub(super) async fn rotate(self, shop: Rc<Shop>) {
        let path = format!("/admin/merchants/{}/rotate", shop.id);
        let revoke = self.0.chance.one_in(3);
        let mut body = json!({ "revoke": revoke });
        // An institution's key is not one merchant's to change.
        let at_wechat = matches!(shop.kind, Kind::Direct(_)) && self.0.chance.one_in(2);
        let new_key = format!(
            "weceive-simulated-key-{:010}",
            self.0.chance.below(1_000_000)
        );
        let change_at_wechat = |world: &Self| {
            let old = shop.key.replace(new_key.clone());
            shop.old_keys.borrow_mut().push(old);
            world.note_at(&shop.id, || "the key changes at WeChat".to_owned());
            let path = format!("/sandbox/merchants/{}", shop.mch_id);
            world.control(&path, &json!({ "key": new_key }));
        };
        if at_wechat {
            body["api_key"] = json!(new_key);
            if self.0.chance.one_in(2) {
                change_at_wechat(&self);
                let ms = self.0.chance.between(0, 20_000);
                self.sleep(ms).await;
            }
        }
        self.note_at(&shop.id, || format!("POST {path} {body}"));
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
            let ms = self.0.chance.between(1_000, 20_000);
            self.sleep(ms).await;
        }
        if at_wechat && *shop.key.borrow() != new_key {
            let ms = self.0.chance.between(0, 20_000);
            self.sleep(ms).await;
            change_at_wechat(&self);
        }
    }

    /// Two merchants of one institution, which share a key, sell for the same
    /// amount under the same number; one is paid, and somebody brings its
    /// notice to the other.
    async fn bring_to_the_twin(&self, shop: &Rc<Shop>) {
        let twin = {
            let shops = self.0.shops.borrow();
            let is_twin = |other: &&Rc<Shop>| other.key == shop.key && other.id != shop.id;
            shops.iter().find(is_twin).cloned()
        };
        let Some(twin) = twin else { return };
        let number = (1 + self.0.chance.below(NUMBERS)).to_string();
        let body = |of: &Shop| {
            json!({"out_trade_no": number, "body": "Tea", "total_fee": 100,
                   "trade_type": "NATIVE", "notify_url": of.notify_url()})
        };
        let ours = self.insist(shop, "/v1/order", &body(shop)).await;
        self.insist(&twin, "/v1/order", &body(&twin)).await;
        if let Some(code_url) = ours.as_ref().and_then(|data| data["code_url"].as_str()) {
            self.scan(code_url, Payer::Alice, "pay");
        }
        let ms = self.0.chance.between(0, 10_000);
        self.sleep(ms).await;
        let notices = self.0.ledger.borrow().notices.clone();
        for mut notice in notices {
            if notice.url == shop.address() {
                notice.url = twin.address();
                self.note_at(&twin.id, || {
                    format!("somebody brings a notice of {}", shop.id)
                });
                self.post_notice(notice).await;
            }
        }
    }

    /// Somebody who wishes a merchant ill: brings true notices to the wrong
    /// address, and changed ones to the right one, and tries foreign keys.
    pub(super) async fn meddle(self, shop: Rc<Shop>) {
        match self.0.chance.below(4) {
            0 => {
                let notices = self.0.ledger.borrow().notices.clone();
                if notices.is_empty() {
                    return;
                }
                let mut notice = self.0.chance.pick(&notices);
                let from = std::mem::replace(&mut notice.url, shop.address());
                if from.ends_with("/refund") {
                    notice.url.push_str("/refund");
                }
                if self.0.chance.one_in(3) {
                    self.garble(&mut notice.body);
                }
                self.note_at(&shop.id, || format!("somebody brings a notice of {from}"));
                self.post_notice(notice).await;
            }
            1 => {
                // A payment that was never made, and nobody signed.
                let number = (1 + self.0.chance.below(NUMBERS)).to_string();
                let payment = order::Payment {
                    account: shop.account.clone(),
                    out_trade_no: number,
                    transaction_id: "4200000000202601020000000000".to_owned(),
                    money: order::Money::new(
                        100,
                        order::Currency::from_code(shop.currency).expect("a currency"),
                    )
                    .expect("an amount"),
                    trade_type: order::TradeType::Native,
                    openid: Some(Payer::Alice.openid(&shop.appid)),
                    sub_openid: None,
                    is_subscribe: None,
                    sub_is_subscribe: None,
                    bank_type: Some("CFT".to_owned()),
                    cash_fee: Some(100),
                    cash_fee_type: None,
                    rate: None,
                    attach: None,
                    time_end: "20260102110405".to_owned(),
                };
                let notice = wechatpay::v2::notify::Notice {
                    payment,
                    nonce_str: "forged".to_owned(),
                    device_info: None,
                };
                let forged = notice.to_xml(&Secret::new("a-key-of-nobody"), shop.sign_type());
                let notice = Notice {
                    url: shop.address(),
                    headers: vec![("content-type".to_owned(), "text/xml".to_owned())],
                    body: forged.into_bytes(),
                };
                self.note_at(&shop.id, || "somebody forges a notice".to_owned());
                self.post_notice(notice).await;
            }
            2 => self.bring_to_the_twin(&shop).await,
            _ => self.use_foreign_key(&shop).await,
        }
    }

    /// One merchant's secret opens nothing of another's.
    async fn use_foreign_key(&self, shop: &Shop) {
        let other = {
            let shops = self.0.shops.borrow();
            shops[self.0.chance.below(shops.len())].clone()
        };
        if other.id == shop.id {
            return;
        }
        let number = 1 + self.0.chance.below(NUMBERS);
        let url = format!("{}/v1/order?out_trade_no={number}", crate::memory::GATEWAY);
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
