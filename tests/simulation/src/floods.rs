//! Floods: refused notices, requests for merchants that do not exist, and
//! unpaid purchases of a link.

use super::ledger::Notice;
use super::notices::{ADDRESS, WECHATS_ADDRESS};
use super::shop::Shop;
use super::world::World;
use gateway::runtime::{Request, Response};
use memory_runtime::GATEWAY;
use sandbox::Payer;
use serde_json::json;
use std::rc::Rc;

/// How many times the same notice is sent.
const AGAIN: usize = 40;
/// The number of merchants that do not exist.
const NAMES: usize = 60;
/// An isolate answers 120 refused notices of one address, and 60 more in each
/// minute; then it calls no object about a merchant that it does not know.
const LOOKED_UP: usize = 120 - 2 * AGAIN + 10;

/// A link's stock in a flood, and the number of pieces that one address
/// requests.
const STOCK: i64 = 12;
const CLICKS: usize = 12;

fn post(url: &str, address: &str, body: &[u8]) -> Request {
    let request = http::Request::post(url).header(ADDRESS, address);
    request.body(body.to_vec()).expect("a request")
}

impl World {
    /// Sends a flood to one isolate, from an address of WeChat's own notices.
    pub(super) async fn flood(&self, shop: &Shop) {
        let Some(code_url) = self.sell(shop, "flooded").await else {
            return;
        };
        shop.unheard.set(true);
        let known = self.0.ledger.borrow().notices.len();
        self.scan(&code_url, Payer::Alice, "pay");
        self.sleep(2_000).await;

        let unsigned = b"<xml><return_code>SUCCESS</return_code></xml>";
        let refused = async |url: String| {
            for _ in 0..AGAIN {
                let answer = self.handle_at_once(0, post(&url, WECHATS_ADDRESS, unsigned));
                let status = answer.await.status().as_u16();
                self.must(
                    status >= 400,
                    shop,
                    "",
                    "an unsigned notice is acknowledged",
                );
                self.sleep(50).await;
            }
        };
        self.0.machine.count_calls("NoticesRefused");
        refused(shop.address()).await;
        let calls = self.0.machine.calls_counted();
        let found = format!("{calls} of {AGAIN} refused notices reach the book");
        self.must(calls <= 2, shop, "", &found);

        self.0.machine.count_calls("nobodyhere");
        refused(format!("{GATEWAY}/notify/v2/nobodyhere")).await;
        let calls = self.0.machine.calls_counted();
        let found = format!("an unknown merchant is looked up {calls} times of {AGAIN}");
        self.must(calls <= 1, shop, "", &found);

        self.0.machine.count_calls("nobodyis");
        for n in 0..NAMES {
            let url = format!("{GATEWAY}/notify/v2/nobodyis{n}");
            self.handle_at_once(0, post(&url, WECHATS_ADDRESS, unsigned))
                .await;
        }
        let calls = self.0.machine.calls_counted();
        let found = format!("{calls} of {NAMES} unknown merchants are looked up");
        self.must(calls <= LOOKED_UP, shop, "", &found);

        let id = format!("{}.0123456789abcdefghijkl", shop.id);
        self.0.machine.count_calls(&id);
        for _ in 0..AGAIN {
            let url = format!("{GATEWAY}/pay/status?s={id}");
            let request = http::Request::get(url).header(ADDRESS, "198.51.100.1");
            let request = request.body(Vec::new()).expect("a request");
            self.handle_at_once(0, request).await;
        }
        let calls = self.0.machine.calls_counted();
        let found = format!("an unknown checkout is looked up {calls} times of {AGAIN}");
        self.must(calls <= 1, shop, "", &found);

        let notices = self.0.ledger.borrow().notices[known..].to_vec();
        let to_shop = notices
            .into_iter()
            .filter(|notice| notice.url == shop.address());
        let Some(Notice { url, headers, body }) = to_shop.last() else {
            return;
        };
        let mut request = post(&url, WECHATS_ADDRESS, &body);
        for (name, value) in &headers {
            let name = http::HeaderName::from_bytes(name.as_bytes()).expect("a name");
            let value = value.parse().expect("a value");
            request.headers_mut().insert(name, value);
        }
        let answer = self.handle_at_once(0, request).await;
        let found = format!("a true notice is refused in a flood: {}", answer.status());
        self.must(answer.status().is_success(), shop, "flooded", &found);
    }

    /// One address holds as much of a link's stock as is allowed, and pays
    /// nothing; another buys.
    pub(super) async fn flood_a_link(&self, shop: &Rc<Shop>) {
        let body = json!({"body": "Tea", "total_fee": 100, "stock": STOCK,
                          "notify_url": shop.notify_url()});
        let Some(data) = self.insist(shop, "/v1/link", &body).await else {
            return;
        };
        let Some(id) = data["id"].as_str() else {
            return;
        };
        *shop.link.borrow_mut() = Some((id.to_owned(), 0));
        for n in 0..CLICKS {
            self.click(id, &format!("0123456789flood{n:02}"), "198.51.100.9")
                .await;
        }
        let bought = self.click(id, "0123456789abcdef", "198.51.100.20").await;
        let location = bought.headers().get(http::header::LOCATION);
        let page = location.and_then(|to| to.to_str().ok());
        let found = "one address holds the whole stock of a link";
        self.must(page.is_some(), shop, "", found);
        let Some(page) = page else { return };
        if self.pay_at_a_desk(shop, page).await {
            *shop.link.borrow_mut() = Some((id.to_owned(), 1));
        }
    }

    async fn click(&self, id: &str, once: &str, address: &str) -> Response {
        let form = format!("l={id}&once={once}&quantity=1");
        let mut request = post(&format!("{GATEWAY}/pay/link"), address, form.as_bytes());
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("origin", GATEWAY),
            ("accept", "text/html"),
        ];
        for (name, value) in headers {
            let value = http::HeaderValue::from_static(value);
            request.headers_mut().insert(name, value);
        }
        self.handle_at_once(0, request).await
    }

    /// At the end each merchant reads its link.
    pub(super) fn look_at_links(&self) {
        for shop in &*self.0.shops.borrow() {
            let Some((id, bought)) = shop.link.borrow().clone() else {
                continue;
            };
            let (world, shop) = (self.clone(), shop.clone());
            self.outside(async move {
                world.renew_keys(&shop).await;
                let path = format!("/v1/link?id={id}");
                let Some((200, answer)) = world.call(&shop, "GET", &path, &json!(null)).await
                else {
                    return;
                };
                let link = &answer["data"]["links"][0];
                let (sold, held) = (link["sold"].as_i64(), link["held"].as_i64());
                let found = format!("{bought} were paid; sold {sold:?}, held {held:?}: {link}");
                world.must((sold, held) == (Some(bought), Some(0)), &shop, "", &found);
            });
        }
    }
}
