//! Payers who change devices, and payers who use another person's openid.

use super::fault_profile::Held;
use super::payers::{Browser, DESKTOP, WECHAT};
use super::shop::Shop;
use super::world::World;
use http::header;
use memory_runtime::GATEWAY;
use sandbox::Payer;
use serde_json::{Value as Json, json};
use std::rc::Rc;

/// The Quick Auth service of one merchant.
const SERVICE: &str = "https://auth.example.org/oauth_bridge.php";

impl World {
    /// Another merchant with the same application.
    pub(super) fn sibling_of(&self, shop: &Shop) -> Option<Rc<Shop>> {
        let shops = self.0.shops.borrow();
        let is_sibling = |other: &&Rc<Shop>| other.appid == shop.appid && other.id != shop.id;
        shops.iter().find(is_sibling).cloned()
    }

    pub(super) async fn checkout(&self, shop: &Shop, number: &str) -> Option<String> {
        let body = json!({
            "out_trade_no": number, "body": "Tea set", "total_fee": 100,
            "notify_url": shop.notify_url(), "expires_in_seconds": 1800,
        });
        let data = self.insist(shop, "/v1/checkout", &body).await?;
        Some(data["url"].as_str()?.to_owned())
    }

    /// A phone opens the checkout while the order of the desktop is requested
    /// from WeChat; then devices are changed again and again. The purchase
    /// stays open, page and API agree about it, and a payer gets the means to
    /// pay.
    pub(super) async fn change_devices(&self, shop: &Rc<Shop>) {
        const NUMBER: &str = "changeddevices";
        let Some(page) = self.checkout(shop, NUMBER).await else {
            return;
        };
        let mut phone = Browser::new(self, shop, WECHAT, Payer::Bob);
        let mut desk = Browser::new(self, shop, DESKTOP, Payer::Alice);
        if phone.open(&page).await.is_none() {
            return;
        }
        let held = (NUMBER.to_owned(), Held::AnswerLate(4_000));
        *self.0.held.borrow_mut() = Some(held);
        let mut hasty = Browser::new(self, shop, DESKTOP, Payer::Alice);
        let address = page.clone();
        self.outside(async move {
            hasty.post(&address, "order").await;
        });
        self.sleep(500).await;
        let mut given = false;
        for _ in 0..6 {
            given = given || means(phone.post(&page, "order").await.as_ref());
            self.sleep(4_000).await;
        }
        let found = "another device was faster, and the phone never gets the means to pay";
        self.must(given, shop, NUMBER, found);

        for _ in 0..12 {
            desk.post(&page, "order").await;
            self.sleep(1_000).await;
            phone.post(&page, "order").await;
            self.sleep(1_000).await;
        }
        let mut given = false;
        for _ in 0..4 {
            self.sleep(50_000).await;
            given = given || means(desk.post(&page, "order").await.as_ref());
        }
        let status = page.replace("/pay/?", "/pay/status?");
        let shown = desk.send("GET", &status).await;
        let shown: Json = shown
            .and_then(|answer| serde_json::from_slice(answer.body()).ok())
            .unwrap_or_default();
        let path = format!("/v1/checkout?out_trade_no={NUMBER}");
        let told = self.call(shop, "GET", &path, &Json::Null).await;
        let told = told.map(|(_, answer)| answer["data"]["state"].clone());
        let told = told.unwrap_or_default();
        let found = format!(
            "the page shows {}, and the API tells {told}",
            shown["state"]
        );
        self.must(shown["state"] == told, shop, NUMBER, &found);
        let found = "devices were changed often, and the purchase is over";
        self.must(told == "open" && given, shop, NUMBER, found);
        self.pay_at_a_desk(shop, &page).await;
    }

    /// An openid from a merchant's own service is valid for that merchant, and
    /// not for another of the same application, in every cookie.
    pub(super) async fn borrow_an_openid(&self, shop: &Rc<Shop>) {
        let Some(sibling) = self.sibling_of(shop) else {
            return;
        };
        // The other merchant has a service of its own, so that it reads such cookies.
        for of in [shop, &sibling] {
            let path = format!("/admin/merchants/{}", of.id);
            let token = format!("of-the-service-of-{}", of.id);
            let service = json!({"quick_auth": {"url": SERVICE, "token": token}});
            let changed = self.admin_call("PATCH", &path, &service).await;
            let found = "a merchant's settings are not changed";
            self.must(changed.is_some(), of, "", found);
        }
        // Isolates cache the merchant for half a minute.
        self.sleep(31_000).await;
        let (Some(own), Some(other)) = (
            self.checkout(shop, "told").await,
            self.checkout(&sibling, "borrowed").await,
        ) else {
            return;
        };
        let mut browser = Browser::new(self, shop, WECHAT, Payer::Bob);
        let Some(sent) = browser.send("GET", &own).await else {
            return;
        };
        let location = sent.headers().get(header::LOCATION);
        let location = location.and_then(|to| to.to_str().ok()).unwrap_or_default();
        let Some((_, flow)) = location.split_once("flow%3D") else {
            let found = format!("the payer is not sent to the service: {location}");
            return self.must(false, shop, "told", &found);
        };
        let openid = Payer::Alice.openid(&shop.appid);
        let back = format!("{GATEWAY}/oauth/return?flow={flow}&wx_openid={openid}");
        browser.send("GET", &back).await;
        let prepared = browser.post(&own, "order").await;
        let found = "the merchant's own service has told the openid, and it is not taken";
        self.must(means(prepared.as_ref()), shop, "told", found);

        let told: Vec<String> = {
            let told = browser.cookies.iter();
            let told = told.filter(|(name, _)| name.starts_with("weceive_told_"));
            told.map(|(_, value)| value.clone()).collect()
        };
        let appid = &shop.appid;
        for value in told {
            for name in [
                format!("weceive_told_{}", sibling.id),
                format!("weceive_payer_{appid}"),
            ] {
                browser.cookies.insert(name, value.clone());
            }
        }
        let prepared = browser.post(&other, "order").await;
        if means(prepared.as_ref()) {
            let found = format!("an openid that {}'s service told is taken", shop.id);
            self.broken("7", Some((&sibling.id, "borrowed")), found);
        }
    }
}

/// Whether a payer got the means to pay.
pub(super) fn means(prepared: Option<&Json>) -> bool {
    prepared.is_some_and(|prepared| {
        prepared["jsapi"].is_object() || prepared["qr"]["code_url"].is_string()
    })
}
