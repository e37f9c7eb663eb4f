//! Messages that cross: requests that arrive late, payments at an unfortunate
//! time, wrong notices and answers, and notices that cannot be written.

use super::devices::means;
use super::fault_profile::Held;
use super::payers::{Browser, DESKTOP, WECHAT, as_the_bridge_reads};
use super::shop::Shop;
use super::world::World;
use sandbox::Payer;
use serde_json::{Value as Json, json};
use std::rc::Rc;

/// The wrong notices of `APIv3` that a correct signature does not excuse.
const WRONG: [&str; 3] = ["OTHER_AMOUNT", "OTHER_CURRENCY", "OTHER_MERCHANT"];

/// How many statements a book runs at most while it takes a notice.
const STATEMENTS: usize = 6;

impl World {
    /// The races of a merchant of v2, one after the other.
    pub(super) async fn race(&self, shop: &Rc<Shop>) {
        self.close_what_is_paid(shop).await;
        self.give_up_in_flight(shop).await;
        self.sell_under_a_used_number(shop).await;
        self.refund_late(shop).await;
    }

    fn hold(&self, text: &str, held: Held) {
        *self.0.held.borrow_mut() = Some((text.to_owned(), held));
    }

    /// The merchant closes an order, which is paid after the query and before the
    /// close; the notice is lost.
    async fn close_what_is_paid(&self, shop: &Shop) {
        const NUMBER: &str = "paidandclosed";
        let Some(code_url) = self.sell(shop, NUMBER).await else {
            return;
        };
        shop.unheard.set(true);
        self.hold(NUMBER, Held::AnswerLate(2_000));
        let world = self.clone();
        self.outside(async move {
            world.sleep(1_000).await;
            world.scan(&code_url, Payer::Alice, "pay");
        });
        let body = json!({ "out_trade_no": NUMBER });
        self.call(shop, "POST", "/v1/close", &body).await;
        self.sleep(2_000).await;
        shop.unheard.set(false);
    }

    /// A desktop's request for an order arrives late; meanwhile a phone opens the
    /// checkout, and WeChat does not know the desktop's number. Both pay what they
    /// are given.
    async fn give_up_in_flight(&self, shop: &Rc<Shop>) {
        const NUMBER: &str = "laterequest";
        let Some(page) = self.checkout(shop, NUMBER).await else {
            return;
        };
        let mut phone = Browser::new(self, shop, WECHAT, Payer::Bob);
        if phone.open(&page).await.is_none() {
            return;
        }
        self.hold(NUMBER, Held::RequestLate(4_000));
        let (world, of, address) = (self.clone(), shop.clone(), page.clone());
        self.outside(async move {
            let mut desk = Browser::new(&world, &of, DESKTOP, Payer::Alice);
            let given = desk.post(&address, "order").await;
            let given = given.unwrap_or_default();
            if let Some(code_url) = given["qr"]["code_url"].as_str() {
                world.scan(code_url, Payer::Alice, "pay");
            }
        });
        self.sleep(500).await;
        let given = phone.post(&page, "order").await;
        let found = "WeChat does not know the desktop's order, and the phone is given nothing";
        self.must(means(given.as_ref()), shop, NUMBER, found);
        self.sleep(6_000).await;
        if let Some(package) = given.as_ref().map(|given| &given["jsapi"]) {
            self.pay_package(package, Payer::Bob);
        }
        self.sleep(2_000).await;
    }

    /// Another system of the merchant has been paid under a number and for an
    /// amount; then a till sells for the same amount under the same number.
    async fn sell_under_a_used_number(&self, shop: &Rc<Shop>) {
        const NUMBER: &str = "usedelsewhere";
        self.make_elsewhere(shop, NUMBER, 100);
        if self.entry(&shop.id, NUMBER).is_none() {
            return;
        }
        self.pay_at_wechat(shop, NUMBER, Payer::Alice, "pay");
        let code = json!({"payer": Payer::Bob.as_str(), "behaviour": "pays"});
        let body = json!({
            "out_trade_no": NUMBER, "body": "One cup", "total_fee": 100,
            "auth_code": self.control("/sandbox/paycode", &code)["auth_code"],
            "notify_url": shop.notify_url(),
        });
        self.call(shop, "POST", "/v1/micropay", &body).await;
        self.sleep(5_000).await;
    }

    /// The request for a refund arrives late; meanwhile a repeated one is refused
    /// for good.
    async fn refund_late(&self, shop: &Shop) {
        const NUMBER: &str = "laterefund";
        const PATH: &str = "/secapi/pay/refund";
        let Some(code_url) = self.sell(shop, NUMBER).await else {
            return;
        };
        self.scan(&code_url, Payer::Alice, "pay");
        self.sleep(6_000).await;
        let body = json!({"out_trade_no": NUMBER, "refund_fee": 100, "out_refund_no": "late"});
        self.hold("laterefund", Held::RequestLate(18_000));
        let fail = |code: &str, times: i64| {
            let fault = json!({"path": PATH, "code": code, "times": times});
            self.control("/sandbox/faults", &json!({ "fail_next": fault }));
        };
        // The two other hosts.
        fail("NO_ANSWER", 2);
        let (world, asked) = (self.clone(), body.clone());
        let of = self.shop(&shop.id);
        self.outside(async move {
            if let Some(shop) = of {
                world.call(&shop, "POST", "/v1/refund", &asked).await;
            }
        });
        self.sleep(11_000).await;
        fail("USER_ACCOUNT_ABNORMAL", 1);
        self.call(shop, "POST", "/v1/refund", &body).await;
        self.sleep(10_000).await;
        self.control("/sandbox/faults", &json!({}));
    }

    /// Notices of `APIv3` with a valid signature and another amount, currency or
    /// merchant; and a Quick Pay of which a copy with a corrupted signature arrives
    /// first.
    pub(super) async fn receive_wrong_messages(&self, shop: &Shop) {
        for (n, forgery) in WRONG.iter().enumerate() {
            let Some(code_url) = self.sell(shop, &format!("wrong{n}")).await else {
                return;
            };
            self.forge_next(forgery, "notice");
            self.scan(&code_url, Payer::Alice, "pay");
            self.sleep(3_000).await;
        }
        const NUMBER: &str = "corrupted";
        let code = json!({"payer": Payer::Bob.as_str(), "behaviour": "pays"});
        let body = json!({
            "out_trade_no": NUMBER, "body": "One cup", "total_fee": 100,
            "auth_code": self.control("/sandbox/paycode", &code)["auth_code"],
            "notify_url": shop.notify_url(),
        });
        self.hold(NUMBER, Held::CorruptedFirst(3_000));
        self.call(shop, "POST", "/v1/micropay", &body).await;
        self.sleep(6_000).await;
    }

    /// The book's database refuses one statement, each in turn, while a notice is
    /// taken.
    pub(super) async fn refuse_notices(&self, shop: &Shop) {
        for n in 0..STATEMENTS {
            let Some(code_url) = self.sell(shop, &format!("refused{n}")).await else {
                return;
            };
            *self.0.refused.borrow_mut() = Some((shop.id.clone(), n));
            self.scan(&code_url, Payer::Alice, "pay");
            self.sleep(1_000).await;
            *self.0.refused.borrow_mut() = None;
        }
    }

    fn pay_package(&self, jsapi: &Json, payer: Payer) {
        if jsapi.is_object() {
            self.at_the_bridge(&as_the_bridge_reads(jsapi), payer, "pay");
        }
    }
}
