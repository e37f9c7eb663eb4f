//! Scenes, which happen in some seeds only: the fault profile is followed by
//! one scene. In a scene no other fault happens, so that it is known by when
//! something must have happened.

use super::payers::{Browser, DESKTOP};
use super::shop::Shop;
use super::world::World;
use memory_runtime::GATEWAY;
use memory_runtime::objects::BOARD;
use sandbox::Payer;
use serde_json::json;
use std::cell::Cell;
use std::rc::Rc;

/// A scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scene {
    /// A merchant's server accepts deliveries and does not answer.
    HangingServer,
    /// Many orders at once, while WeChat answers slowly.
    Burst,
    /// An order and a delivery that this version cannot read.
    UnreadableRows,
    /// The runtime has lost a book's alarm.
    ForgottenAlarm,
    /// Many refused notices, and many requests for merchants that do not exist.
    Flood,
    /// Many unpaid purchases of a link.
    LinkFlood,
    /// A payer changes devices.
    Devices,
    /// An openid from one merchant's Quick Auth service is used at another
    /// merchant.
    BorrowedOpenid,
    /// Requests that arrive late, and payments at an unfortunate time: v2.
    Races,
    /// Notices and answers of `APIv3` that are wrong.
    WrongMessages,
    /// A database refuses a statement while a notice is taken.
    RefusedNotices,
}

const SCENES: [Scene; 11] = [
    Scene::HangingServer,
    Scene::Burst,
    Scene::UnreadableRows,
    Scene::ForgottenAlarm,
    Scene::Flood,
    Scene::LinkFlood,
    Scene::Devices,
    Scene::BorrowedOpenid,
    Scene::Races,
    Scene::WrongMessages,
    Scene::RefusedNotices,
];

/// One in three seeds with a merchant of v2 has a scene.
const SEEDS: usize = 3 * SCENES.len();

/// The longest duration of a scene.
pub(super) const LONGEST_MS: i64 = 9 * 60_000;

/// The first check of an order is due 30 seconds after it was made. Shortly
/// afterwards the gateway has the payment, although other work waits.
const LEARNED_IN_MS: i64 = 33_000;

/// A caller is answered within this time, while a merchant's server hangs.
const ANSWERED_IN_MS: i64 = 3_000;

/// How many orders are made at once, and how long WeChat takes for each: in
/// total less than a caller's time-out, and more than a request's time-out.
const BURST: i64 = 20;
const BURST_TAKES_MS: i64 = 1_500;

/// How soon a silent book is called after it is due to be called.
const CALLED_IN_MS: i64 = 70_000;
/// The board calls a book five minutes after the timer that did not run.
const FOUND_IN_MS: i64 = 30_000 + 5 * 60_000 + CALLED_IN_MS;

impl World {
    /// Schedules the faults of the fault profile.
    pub(super) fn plan_hardships(&self, spread_ms: i64) {
        let random = &self.0.scenes;
        let shops = self.0.shops.borrow().clone();
        for _ in 0..2 {
            let (at_ms, for_ms) = (random.between(0, spread_ms), random.between(5_000, 120_000));
            let shop = random.pick(&shops);
            match random.below(8) {
                0 => {
                    self.after(at_ms, move |world| world.corrupt_a_row(&shop));
                    self.after(at_ms + for_ms, World::make_readable);
                }
                1 => {
                    let again = shop.clone();
                    self.after(at_ms, move |world| {
                        world.note_at(&shop.id, || "its server hangs from now on".to_owned());
                        shop.hangs.set(true);
                    });
                    self.after(at_ms + for_ms, move |_| again.hangs.set(false));
                }
                _ => {}
            }
        }
    }

    /// The seed's scene, and its merchant.
    pub(super) fn scene(&self) -> Option<(Scene, Rc<Shop>)> {
        let scene = *SCENES.get(self.0.scenes.below(SEEDS))?;
        let shops = self.0.shops.borrow();
        // A change of certificates does not delay calls of v2.
        let fits = |shop: &&Rc<Shop>| {
            let has_sibling = scene != Scene::BorrowedOpenid || self.sibling_of(shop).is_some();
            // A report with a clock that was ahead is valid until then.
            let may_be_found = scene != Scene::ForgottenAlarm || self.0.profile.jumps == 0;
            let speaks = match scene {
                Scene::RefusedNotices => true,
                Scene::WrongMessages => shop.kind.dialect() == "v3",
                _ => shop.kind.dialect() == "v2",
            };
            speaks && has_sibling && may_be_found
        };
        for shop in &*shops {
            shop.hangs.set(false);
        }
        let fitting: Vec<Rc<Shop>> = shops.iter().filter(fits).cloned().collect();
        (!fitting.is_empty()).then(|| (scene, self.0.scenes.pick(&fitting)))
    }

    pub(super) async fn play(self, (scene, shop): (Scene, Rc<Shop>)) {
        self.note_at(&shop.id, || format!("scene: {scene:?}"));
        self.renew_keys(&shop).await;
        match scene {
            Scene::HangingServer => self.hanging_server(&shop).await,
            Scene::Burst => self.burst(&shop).await,
            Scene::UnreadableRows => self.unreadable_rows(&shop).await,
            Scene::ForgottenAlarm => self.forgotten_alarm(&shop).await,
            Scene::Flood => self.flood(&shop).await,
            Scene::LinkFlood => self.flood_a_link(&shop).await,
            Scene::Devices => self.change_devices(&shop).await,
            Scene::BorrowedOpenid => self.borrow_an_openid(&shop).await,
            Scene::Races => self.race(&shop).await,
            Scene::WrongMessages => self.receive_wrong_messages(&shop).await,
            Scene::RefusedNotices => self.refuse_notices(&shop).await,
        }
        shop.hangs.set(false);
        shop.fails.set(false);
        shop.unheard.set(false);
    }

    /// Makes an order to be paid by its code.
    pub(super) async fn sell(&self, shop: &Shop, number: &str) -> Option<String> {
        let body = json!({
            "out_trade_no": number, "body": "Tea", "total_fee": 100,
            "trade_type": "NATIVE", "notify_url": shop.notify_url(),
        });
        let data = self.insist(shop, "/v1/order", &body).await?;
        Some(data["code_url"].as_str()?.to_owned())
    }

    /// Checks a condition of a scene.
    pub(super) fn must(&self, holds: bool, shop: &Shop, number: &str, found: &str) {
        if !holds {
            self.broken("8", Some((&shop.id, number)), found.to_owned());
        }
    }

    /// A payment without a notice is in the book when the order's first timer
    /// was due.
    pub(super) async fn must_be_learned(&self, shop: &Shop, number: &str, made_ms: i64) {
        self.sleep(made_ms + LEARNED_IN_MS - self.now_ms()).await;
        let found = "it is paid, its timer was due, and it is not known here";
        self.must(self.is_paid(shop, number), shop, number, found);
    }

    pub(super) fn is_paid(&self, shop: &Shop, number: &str) -> bool {
        let watch = self.0.watch.borrow();
        let seen = watch.books.get(&shop.id);
        let order = seen.and_then(|seen| seen.orders.get(number));
        order.is_some_and(|(_, order)| order.paid().is_some())
    }

    /// Nine sales to a server that hangs, and one whose notice is lost.
    async fn hanging_server(&self, shop: &Shop) {
        let mut codes = Vec::new();
        for n in 1..=9 {
            let Some(code_url) = self.sell(shop, &format!("hangs{n}")).await else {
                return;
            };
            codes.push(code_url);
        }
        let Some(_) = self.sell(shop, "asked").await else {
            return;
        };
        shop.hangs.set(true);
        for code_url in codes {
            self.scan(&code_url, Payer::Alice, "pay");
        }
        self.sleep(2_000).await;
        let made_ms = self.now_ms();
        let Some(code_url) = self.sell(shop, "waits").await else {
            return;
        };
        shop.unheard.set(true);
        self.scan(&code_url, Payer::Alice, "pay");
        self.sleep(3_000).await;
        let asked_ms = self.now_ms();
        let path = "/v1/order?out_trade_no=asked";
        let answer = self.call(shop, "GET", path, &json!(null)).await;
        let in_time = answer.is_some() && self.now_ms() - asked_ms <= ANSWERED_IN_MS;
        let found = "a caller waits, because the merchant's server hangs";
        self.must(in_time, shop, "asked", found);
        self.must_be_learned(shop, "waits", made_ms).await;
    }

    /// Twenty orders at once: each waits for a slot, longer than a request to
    /// WeChat may take, and none fails meanwhile.
    async fn burst(&self, shop: &Rc<Shop>) {
        self.0.wechat_takes_ms.set(BURST_TAKES_MS);
        self.0.hosts.borrow_mut().clear();
        let made = Rc::new(Cell::new(0));
        for n in 0..BURST {
            let body = json!({
                "out_trade_no": format!("burst{n}"), "body": "Tea", "total_fee": 100,
                "trade_type": "NATIVE", "notify_url": shop.notify_url(),
            });
            let request = http::Request::post(format!("{GATEWAY}/v1/order"))
                .header("api-key", &*shop.api_key.borrow())
                .header("api-secret", &*shop.api_secret.borrow())
                .header("content-type", "application/json")
                .body(body.to_string().into_bytes())
                .expect("a request");
            let (world, made) = (self.clone(), made.clone());
            self.outside(async move {
                if world.handle_at_once(0, request).await.status() == 200 {
                    made.set(made.get() + 1);
                }
            });
        }
        self.sleep(20_000).await;
        self.0.wechat_takes_ms.set(0);
        let found = format!("of {BURST} orders at once {} were made", made.get());
        self.must(made.get() == BURST, shop, "", &found);
        // A request whose time-out ran while it waited would be sent to the next
        // host.
        let hosts = self.0.hosts.borrow().clone();
        let hosts: Vec<_> = hosts
            .iter()
            .filter(|host| host.starts_with("api"))
            .collect();
        let found = format!("WeChat answers in time, and these were called: {hosts:?}");
        self.must(hosts.len() <= 1, shop, "", &found);
    }

    /// The runtime has lost a book's alarm: the board finds the book.
    async fn forgotten_alarm(&self, shop: &Shop) {
        let made_ms = self.now_ms();
        let Some(code_url) = self.sell(shop, "forgotten").await else {
            return;
        };
        shop.unheard.set(true);
        self.scan(&code_url, Payer::Alice, "pay");
        self.sleep(5_000).await;
        let sql = format!(
            "SELECT contact_at_ms FROM board WHERE merchant = '{}' AND due_ms IS NOT NULL",
            shop.id
        );
        let shown = self.0.machine.disk(BOARD).read(&sql);
        let called_at_ms = shown.first().and_then(|row| row.int_or_null(0).ok()?);
        let found = "the board does not know of its timer";
        self.must(called_at_ms.is_some(), shop, "forgotten", found);
        self.forget_alarm(&shop.id);
        // The board calls by the timer that the book reported last, which may
        // be later than the order's.
        let reported_ms = called_at_ms.unwrap_or_default() - self.gateway_ms() + self.now_ms();
        let found_by_ms = (made_ms + FOUND_IN_MS).max(reported_ms + CALLED_IN_MS);
        if found_by_ms > made_ms + LONGEST_MS - CALLED_IN_MS {
            return;
        }
        self.sleep(found_by_ms - self.now_ms()).await;
        let found = "its alarm was forgotten, and nothing has found it";
        self.must(self.is_paid(shop, "forgotten"), shop, "forgotten", found);
    }

    /// A payer on a desktop pays the purchase at this address.
    pub(super) async fn pay_at_a_desk(&self, shop: &Rc<Shop>, page: &str) -> bool {
        let mut browser = Browser::new(self, shop, DESKTOP, Payer::Bob);
        let Some(prepared) = browser.post(page, "order").await else {
            return false;
        };
        let Some(code_url) = prepared["qr"]["code_url"].as_str() else {
            return false;
        };
        self.scan(code_url, Payer::Bob, "pay");
        true
    }
}
