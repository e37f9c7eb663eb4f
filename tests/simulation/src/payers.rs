//! The payers: at a merchant's page on a desktop and in WeChat, at a till, and
//! on their phones.

use super::shop::Shop;
use super::world::World;
use gateway::runtime::Response;
use http::header;
use memory_runtime::GATEWAY;
use sandbox::Payer;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::rc::Rc;

pub(super) const WECHAT: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.60(0x18003c2f) NetType/WIFI Language/en";
pub(super) const DESKTOP: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

/// A payer's browser.
pub(super) struct Browser {
    world: World,
    shop: Rc<Shop>,
    pub(super) agent: &'static str,
    payer: Payer,
    pub(super) cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(super) fn new(world: &World, shop: &Rc<Shop>, agent: &'static str, payer: Payer) -> Self {
        Self {
            world: world.clone(),
            shop: shop.clone(),
            agent,
            payer,
            cookies: BTreeMap::new(),
        }
    }

    pub(super) async fn send(&mut self, method: &str, url: &str) -> Option<Response> {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(n, v)| format!("{n}={v}"))
            .collect();
        let request = http::Request::builder()
            .method(method)
            .uri(url)
            .header("user-agent", self.agent)
            .header("content-type", "application/json")
            .header("x-sandbox-payer", self.payer.as_str())
            .header("cookie", cookies.join("; "))
            .body(match method {
                "POST" => b"{}".to_vec(),
                _ => Vec::new(),
            })
            .ok()?;
        let answer = match url.starts_with(GATEWAY) {
            true => self.world.ask_gateway(request, 15_000).await?,
            false => self.world.sandbox(&request),
        };
        for cookie in answer.headers().get_all(header::SET_COOKIE) {
            let text = cookie.to_str().ok()?;
            let (name, value) = text.split(';').next()?.split_once('=')?;
            match text.contains("Max-Age=0") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        Some(answer)
    }

    /// Opens the page, and follows its redirects: to WeChat for an openid, and
    /// back.
    pub(super) async fn open(&mut self, page: &str) -> Option<()> {
        let mut url = page.to_owned();
        for _ in 0..4 {
            let answer = self.send("GET", &url).await?;
            match answer.headers().get(header::LOCATION) {
                None => return Some(()),
                Some(to) => to.to_str().ok()?.clone_into(&mut url),
            }
        }
        None
    }

    pub(super) async fn post(&mut self, page: &str, call: &str) -> Option<Json> {
        let url = page.replace("/pay/?", &format!("/pay/{call}?"));
        let answer = self.send("POST", &url).await?;
        let json: Json = serde_json::from_slice(answer.body()).ok()?;
        self.world.note_at(&self.shop.id, || {
            let who = self.payer.as_str();
            let place = if self.agent == WECHAT {
                "in WeChat"
            } else {
                "at a desk"
            };
            let keys: Vec<&str> = json
                .as_object()
                .into_iter()
                .flatten()
                .map(|(k, _)| k.as_str())
                .collect();
            let said = json["code"]
                .as_str()
                .or(keys.first().copied())
                .unwrap_or_default();
            let number = json["out_trade_no"]
                .as_str()
                .map_or_else(String::new, |n| format!(" #{n}"));
            format!(
                "{who} {place}: {call}{number} ⇒ {} {said} {}",
                answer.status(),
                json["state"]
            )
        });
        self.read_state(&json);
        self.read_state(&json["not_open"]);
        Some(json)
    }

    /// Checks a page that says that the purchase is paid.
    fn read_state(&self, view: &Json) {
        if !view["state"]["paid"].is_object() {
            return;
        }
        let number = view["out_trade_no"].as_str().unwrap_or_default();
        let watch = self.world.0.watch.borrow();
        let seen = watch.books.get(&self.shop.id);
        let checkouts = seen.into_iter().flat_map(|seen| seen.checkouts.values());
        let of_it = checkouts.filter(|(_, c)| c.purchase.out_trade_no.as_str() == number);
        let mut attempts = of_it.flat_map(|(_, checkout)| &checkout.attempts);
        let paid = attempts.any(|attempt| {
            let entry = self
                .world
                .entry(&self.shop.id, attempt.out_trade_no.as_str());
            entry.is_some_and(|entry| entry.transaction_id.is_some())
        });
        if !paid {
            let found = "the payer is told that it is paid, and WeChat took nothing".to_owned();
            self.world.broken("1", Some((&self.shop.id, number)), found);
        }
    }
}

impl World {
    /// A payer at a checkout's page.
    pub(super) async fn visit(self, shop: Rc<Shop>, page: String) {
        let ms = self.0.random.between(0, 60_000);
        self.sleep(ms).await;
        let agent = self.0.random.pick(&[WECHAT, DESKTOP]);
        let mut browser = Browser::new(&self, &shop, agent, self.0.random.pick(&Payer::ALL));
        for _ in 0..=self.0.random.below(3) {
            if browser.agent == WECHAT
                && browser.cookies.is_empty()
                && browser.open(&page).await.is_none()
            {
                continue;
            }
            let Some(prepared) = browser.post(&page, "order").await else {
                continue;
            };
            let ms = self.0.random.pick(&[1_000, 10_000, 120_000]);
            let ms = self.0.random.between(0, ms);
            self.sleep(ms).await;
            let action = self.0.random.pick(&["pay", "pay", "pay", "cancel", "fail"]);
            if prepared["jsapi"].is_object() {
                let package = as_the_bridge_reads(&prepared["jsapi"]);
                self.at_the_bridge(&package, browser.payer, action);
                // After every answer of the bridge, the page queries; or the
                // payer has closed it.
                if self.0.random.one_in(3) {
                    continue;
                }
                browser.post(&page, "check").await;
            } else if let Some(code_url) = prepared["qr"]["code_url"].as_str() {
                self.scan(code_url, browser.payer, action);
                browser.post(&page, "check").await;
            }
        }
    }

    /// A payer answers WeChat's bridge.
    pub(super) fn at_the_bridge(&self, package: &Json, payer: Payer, action: &str) {
        let body = json!({"payer": payer.as_str(), "package": package, "action": action});
        let answer = self.control("/sandbox/bridge", &body);
        self.note_payer(payer, "at the bridge", action, &answer);
    }

    /// A payer scans an order's code.
    pub(super) fn scan(&self, code_url: &str, payer: Payer, action: &str) {
        let body = json!({"code_url": code_url, "payer": payer.as_str(), "action": action});
        let answer = self.control("/sandbox/scan", &body);
        self.note_payer(payer, "scans", action, &answer);
    }

    fn note_payer(&self, payer: Payer, what: &str, action: &str, answer: &Json) {
        let order = &answer["order"];
        let of = |name: &str| order[name].as_str().unwrap_or_default().to_owned();
        let shop = self.shop_of(&of("mch_id"), order["sub_mch_id"].as_str().unwrap_or("-"));
        let shop = shop.map_or_else(|| "".into(), |shop| shop.id.clone());
        self.note_at(&shop, || {
            let why = answer["reason"].as_str().unwrap_or("done");
            let number = of("out_trade_no");
            format!("{} {what} #{number}: {action} ⇒ {why}", payer.as_str())
        });
    }

    /// A payer with the means to pay an order.
    pub(super) async fn pay_order(&self, data: &Json, payer: Payer) {
        for _ in 0..=self.0.random.below(2) {
            let ms = self.0.random.pick(&[100, 5_000, 60_000, 600_000]);
            let ms = self.0.random.between(0, ms);
            self.sleep(ms).await;
            let action = self.0.random.pick(&["pay", "pay", "cancel", "fail"]);
            match data["code_url"].as_str() {
                Some(code_url) => self.scan(code_url, payer, action),
                None => self.at_the_bridge(&data["jsapi"], payer, action),
            }
        }
    }

    /// Pays an order by its number; or enters the password.
    pub(super) fn pay_at_wechat(&self, shop: &Shop, number: &str, payer: Payer, action: &str) {
        let mut body = json!({"mch_id": shop.mch_id, "out_trade_no": number,
                              "payer": payer.as_str(), "action": action});
        if let Some(sub) = &shop.sub_mch_id {
            body["sub_mch_id"] = json!(sub);
        }
        let answer = self.control("/sandbox/pay", &body);
        self.note_payer(payer, "is asked about", action, &answer);
    }

    /// The password that Quick Pay may ask for.
    pub(super) async fn enter_password(self, shop: Rc<Shop>, number: String, payer: Payer) {
        let ms = self.0.random.between(200, 45_000);
        self.sleep(ms).await;
        let is_asked = self
            .entry(&shop.id, &number)
            .is_some_and(|e| e.state == "USERPAYING");
        if is_asked {
            let action = self.0.random.pick(&["pay", "pay", "cancel", "fail"]);
            self.pay_at_wechat(&shop, &number, payer, action);
        }
    }

    /// The bank ends refunds with one of these statuses.
    pub(super) fn end_refunds(&self, statuses: &[&str]) {
        let under_way: Vec<(Rc<str>, String)> = {
            let ledger = self.0.ledger.borrow();
            let under_way = ledger
                .refunds
                .iter()
                .filter(|(_, r)| r.status == "PROCESSING");
            under_way.map(|(key, _)| key.clone()).collect()
        };
        for (shop, number) in under_way {
            let Some(shop) = self.shop(&shop) else {
                continue;
            };
            let mut body = json!({"status": self.0.random.pick(statuses)});
            if let Some(sub) = &shop.sub_mch_id {
                body["sub_mch_id"] = json!(sub);
            }
            self.control(&format!("/sandbox/refunds/{}/{number}", shop.mch_id), &body);
        }
    }
}

/// A package as the page hands it to WeChat's bridge.
pub(super) fn as_the_bridge_reads(jsapi: &Json) -> Json {
    let field = |short: &str, name: &str| jsapi.get(name).unwrap_or(&jsapi[short]).clone();
    json!({
        "appId": field("app_id", "appId"),
        "timeStamp": field("time_stamp", "timeStamp"),
        "nonceStr": field("nonce_str", "nonceStr"),
        "package": field("package", "package"),
        "signType": field("sign_type", "signType"),
        "paySign": field("pay_sign", "paySign"),
    })
}
