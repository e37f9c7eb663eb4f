//! The merchants' clerks: their random calls to the gateway, and the checks of
//! its answers.

use super::shop::Shop;
use super::world::World;
use sandbox::Payer;
use serde_json::{Value as Json, json};
use std::rc::Rc;

/// Order numbers are few, so that purchases conflict.
pub(super) const NUMBERS: usize = 8;

impl World {
    /// One purchase, from the order to its end.
    pub(super) async fn purchase(self, shop: Rc<Shop>) {
        let number = (1 + self.0.random.below(NUMBERS)).to_string();
        match self.0.random.below(8) {
            0..=2 => self.buy_by_order(&shop, &number).await,
            3..=5 => self.buy_by_checkout(&shop, &number).await,
            6 => self.quick_pay(&shop, &number).await,
            // A number that looks like an attempt's.
            _ => {
                let number = format!("{number}-{}", self.0.random.between(2, 3));
                self.buy_by_order(&shop, &number).await;
            }
        }
    }

    /// An amount, in the currency's smallest unit.
    pub(super) fn amount(&self) -> i64 {
        self.0.random.pick(&[100, 100, 1500, 8800])
    }

    async fn buy_by_order(&self, shop: &Rc<Shop>, number: &str) {
        let payer = self.0.random.pick(&Payer::ALL);
        let mut body = json!({
            "out_trade_no": number, "body": "Tea", "total_fee": self.amount(),
            "trade_type": "NATIVE", "notify_url": shop.notify_url(),
        });
        if self.0.random.one_in(2) {
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
        for _ in 0..=self.0.random.below(2) {
            let (world, data) = (self.clone(), data.clone());
            let payer = self.0.random.pick(&[payer, Payer::Bob]);
            self.outside(async move { world.pay_order(&data, payer).await });
        }
        self.poke(shop.clone(), number.to_owned()).await;
    }

    /// Repeats a call a few times until there is a readable answer; returns its
    /// `data`.
    pub(super) async fn insist(&self, shop: &Shop, path: &str, body: &Json) -> Option<Json> {
        for _ in 0..4 {
            match self.call(shop, "POST", path, body).await {
                Some((200, answer)) if answer["status"] == "success" => {
                    return Some(answer["data"].clone());
                }
                // The call is repeated.
                None | Some((429 | 500.., _)) => {}
                Some(_) => return None,
            }
            let ms = self.0.random.between(100, 30_000);
            self.sleep(ms).await;
        }
        None
    }

    async fn buy_by_checkout(&self, shop: &Rc<Shop>, number: &str) {
        let body = json!({
            "out_trade_no": number, "body": "Tea set", "total_fee": self.amount(),
            "notify_url": shop.notify_url(),
            "expires_in_seconds": self.0.random.pick(&[360, 600, 1800]),
        });
        let Some(data) = self.insist(shop, "/v1/checkout", &body).await else {
            return;
        };
        let (Some(url), true) = (data["url"].as_str(), data["out_trade_no"] == number) else {
            return;
        };
        self.watch_accepted(shop, number);
        for _ in 0..=self.0.random.below(3) {
            self.outside(self.clone().visit(shop.clone(), url.to_owned()));
        }
        self.poke(shop.clone(), number.to_owned()).await;
    }

    pub(super) async fn quick_pay(&self, shop: &Rc<Shop>, number: &str) {
        let behaviour = self.0.random.pick(&[
            "pays",
            "pays",
            "password",
            "password",
            "insufficient",
            "silent",
            "bank_error",
            "used",
        ]);
        let payer = self.0.random.pick(&Payer::ALL);
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
        for _ in 0..=self.0.random.below(2) {
            let answer = self.call(shop, "POST", "/v1/micropay", &body).await;
            if let Some((200, answer)) = answer {
                self.record_answer(shop, number, &answer["data"]);
                if answer["data"]["out_trade_no"] == number {
                    self.watch_accepted(shop, number);
                }
            }
            // The same number with another code must not take money again.
            body["auth_code"] = code("pays");
            let ms = self.0.random.between(0, 8_000);
            self.sleep(ms).await;
        }
        self.poke(shop.clone(), number.to_owned()).await;
    }

    /// A merchant's calls about an order while it is open.
    async fn poke(&self, shop: Rc<Shop>, number: String) {
        for _ in 0..self.0.random.below(5) {
            let ms = self.0.random.pick(&[50, 2_000, 15_000, 45_000, 90_000]);
            let ms = self.0.random.between(0, ms);
            self.sleep(ms).await;
            match self.0.random.below(10) {
                0 | 1 => self.ask(&shop, &number).await,
                2 => self.close(&shop, &number).await,
                3..=5 => self.refund(&shop, &number).await,
                6 => {
                    let body = json!({ "out_trade_no": number });
                    if let Some((200, answer)) =
                        self.call(&shop, "POST", "/v1/reverse", &body).await
                    {
                        self.record_answer(&shop, &number, &answer["data"]);
                    }
                }
                7 => {
                    let path = format!("/v1/refund?out_trade_no={number}");
                    self.call(&shop, "GET", &path, &Json::Null).await;
                }
                8 => {
                    let body = json!({ "id": self.0.random.between(1, 6) });
                    self.call(&shop, "POST", "/v1/delivery", &body).await;
                }
                _ => {
                    // Two calls at the same time.
                    let (world, shop, number) = (self.clone(), shop.clone(), number.clone());
                    self.outside(async move { world.refund(&shop, &number).await });
                }
            }
        }
    }

    async fn ask(&self, shop: &Shop, number: &str) {
        let path = format!("/v1/order?out_trade_no={number}");
        if let Some((200, answer)) = self.call(shop, "GET", &path, &Json::Null).await {
            self.record_answer(shop, number, &answer["data"]);
        }
    }

    async fn close(&self, shop: &Rc<Shop>, number: &str) {
        // A payer who has the code does not know, and pays at the same time.
        if self.0.random.one_in(2) && self.is_in_the_book(shop, number) {
            let (world, shop, number) = (self.clone(), shop.clone(), number.to_owned());
            let ms = self.0.random.between(0, 800);
            self.outside(async move {
                world.sleep(ms).await;
                world.pay_at_wechat(&shop, &number, Payer::Alice, "pay");
            });
        }
        let body = json!({ "out_trade_no": number });
        if let Some((200, answer)) = self.call(shop, "POST", "/v1/close", &body).await {
            self.record_answer(shop, number, &answer["data"]);
        }
    }

    /// Checks the gateway's answer about an order.
    fn record_answer(&self, shop: &Shop, number: &str, data: &Json) {
        // The deciding attempt of a checkout has a number of its own.
        let (Some(told), Some(transaction)) = (
            data["trade_state"].as_str(),
            data["transaction_id"].as_str(),
        ) else {
            return;
        };
        let named = data["out_trade_no"].as_str().unwrap_or(number);
        if named.starts_with(number) {
            self.check_answer(shop, named, told, transaction);
        }
    }

    async fn refund(&self, shop: &Shop, number: &str) {
        let fee = self.0.random.pick(&[50, 100, 100, 1500, 8800, 4400]);
        let mut body = json!({ "out_trade_no": number, "refund_fee": fee });
        if self.0.random.one_in(2) {
            // Few numbers, so that they conflict with those of other orders.
            body["out_refund_no"] = json!(format!("r{}", self.0.random.between(1, 5)));
        }
        for _ in 0..=self.0.random.below(2) {
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
}
