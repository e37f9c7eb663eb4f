//! The days after a seed's actions: each book compares them with WeChat's
//! statements, which the sandbox makes of its ledger. Some rows are wrong, and
//! the way to them has faults of its own. All of it has a random stream of its
//! own, and happens after everything else.

use super::days::{PAYMENT, REFUND, REVERSAL, Trouble};
use super::fault_profile::Held;
use super::history::Broken;
use super::shop::{Kind, Shop};
use super::world::World;
use gateway::runtime::{Chunks, FetchError, Request, Response};
use order::Status;
use serde_json::{Value as Json, json};
use std::rc::Rc;
use wechatpay::common::Date;

/// One in so many seeds has faults in the days that follow.
const SEEDS: usize = 3;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// The calls for statements, as the sandbox's faults name them, and the codes of
/// one that is being made and of one that does not exist.
const CALLS: [(&str, &str, &str); 3] = [
    ("/pay/downloadbill", "Bill Creating", "No Bill Exist"),
    (
        "GET /v3/global/statements",
        "STATEMENT_CREATING",
        "NO_STATEMENT_EXIST",
    ),
    (
        "GET /v3/bill/tradebill",
        "STATEMENT_CREATING",
        "NO_STATEMENT_EXIST",
    ),
];
const FILE_PATH: &str = "/v3/billdownload/file";

fn call_of(request: &Request) -> Option<(&'static str, &'static str, &'static str)> {
    let path = request.uri().path();
    CALLS.into_iter().find(|(call, ..)| call.ends_with(path))
}

impl World {
    /// Whether a fault of the days happens.
    pub(super) fn troubles(&self, rate: impl Fn(&Trouble) -> usize) -> bool {
        let once_in = rate(&self.0.days.borrow().trouble);
        once_in > 0 && self.0.statements.one_in(once_in)
    }

    /// Lets the next days pass, in some seeds with faults.
    pub(super) fn live_through_days(&self) -> Result<(), Box<Broken>> {
        let random = &self.0.statements;
        let shops = self.0.shops.borrow().clone();
        if !random.one_in(SEEDS) {
            return Ok(());
        }
        let today = Date::of(self.now_ms());
        let tomorrow = today.next();
        self.note(|| "the next days have faults of their own".to_owned());
        for shop in &shops {
            self.share_account(shop);
        }
        self.run_until(today.end_ms() - random.between(1, 25_000))?;
        let shop = random.pick(&shops);
        self.refund_at_midnight(&shop);
        self.run_until(tomorrow.start_ms() + HOUR_MS)?;
        for shop in &shops {
            self.make_rows_wrong(shop);
            self.make_late(shop, tomorrow);
        }
        let ready_ms = today.statement_ready_ms();
        // By the gateway's clock it may be that time already.
        let begins_ms = ready_ms - 5 * MINUTE_MS - (self.gateway_ms() - self.now_ms()).max(0);
        self.run_until(begins_ms.max(self.now_ms()))?;
        self.begin_trouble();
        if random.one_in(3) {
            let by_ms = match random.one_in(2) {
                true => -random.between(1, 30_000),
                false => random.between(1, 40_000),
            };
            self.after(random.between(0, 3 * HOUR_MS), move |world| {
                world.jump(by_ms)
            });
        }
        self.run_until(ready_ms + 11 * HOUR_MS)?;
        self.end_trouble();
        // The alarm is raised at ten in the evening, by the gateway's clock.
        let ahead_ms = (self.now_ms() - self.gateway_ms()).max(0);
        self.run_until(tomorrow.start_ms() + 22 * HOUR_MS + 45 * MINUTE_MS + ahead_ms)?;
        self.watch_late_days(tomorrow);
        self.run_until(tomorrow.statement_ready_ms() - 5 * MINUTE_MS)?;
        self.begin_trouble();
        self.run_until(tomorrow.statement_ready_ms() + 3 * HOUR_MS)?;
        self.end_trouble();
        self.set_the_clock_right();
        Ok(())
    }

    fn begin_trouble(&self) {
        let random = &self.0.statements;
        let often = |rates: &[usize]| match random.one_in(2) {
            true => 0,
            false => random.pick(rates),
        };
        let trouble = Trouble {
            crash: often(&[10, 30, 100]),
            refuses: often(&[30, 100, 300]),
            lost: often(&[4, 12]),
            altered: often(&[1, 2, 4]),
        };
        // A statement that is always changed is never compared.
        let altered = trouble.altered + usize::from(trouble.altered > 0);
        self.note(|| format!("{trouble:?}"));
        self.0.days.borrow_mut().trouble = Trouble { altered, ..trouble };
    }

    fn end_trouble(&self) {
        self.0.days.borrow_mut().trouble = Trouble::default();
        self.note(|| "no more of that".to_owned());
    }

    /// Another merchant of the gateway has the same account at WeChat: rows of
    /// numbers that the book does not know may be that merchant's.
    fn share_account(&self, shop: &Rc<Shop>) {
        let has_own = matches!(shop.kind, Kind::Direct(_));
        if !has_own || !self.0.statements.one_in(4) {
            return;
        }
        let (world, shop) = (self.clone(), shop.clone());
        self.outside(async move {
            let body = json!({
                "id": format!("{}-twin", shop.id), "name": "Twin", "fee_type": shop.currency,
                "appid": shop.appid, "mch_id": shop.mch_id,
                "sign_type": shop.kind.sign_type().as_str(), "dialect": "v2",
                "api_key": &*shop.key.borrow(),
            });
            if world.admin("/admin/merchants", &body).await.is_some() {
                world.note_at(&shop.id, || "another merchant has its account".to_owned());
                world.0.days.borrow_mut().shared.insert(shop.id.clone());
            }
        });
    }

    /// The paid orders of a merchant that book and WeChat have alike.
    fn agreed(&self, shop: &Shop) -> Vec<(String, i64)> {
        let watch = self.0.watch.borrow();
        let Some(seen) = watch.books.get(&shop.id) else {
            return Vec::new();
        };
        let ledger = self.0.ledger.borrow();
        let agrees = |number: &str| {
            let key = (shop.id.clone(), number.to_owned());
            let entry = ledger.orders.get(&key).filter(|entry| entry.is_paid());
            let is_own = !ledger.elsewhere.contains(&key) && !ledger.by_hand.contains(&key);
            entry.filter(|_| is_own).map(|entry| entry.amount_minor)
        };
        let paid = seen.orders.iter().filter(|(_, (_, order))| {
            matches!(order.status(), Status::Success(_)) && order.elsewhere().is_none()
        });
        paid.filter_map(|(number, _)| Some((number.clone(), agrees(number)?)))
            .collect()
    }

    /// A merchant refunds an order seconds before midnight; the request may
    /// arrive after it.
    fn refund_at_midnight(&self, shop: &Rc<Shop>) {
        let paid = self.agreed(shop);
        if paid.is_empty() {
            return;
        }
        let (number, _) = self.0.statements.pick(&paid);
        let late_ms = self.0.statements.between(0, 20_000);
        let held = Held::RequestLate(late_ms);
        *self.0.held.borrow_mut() = Some(("MIDNIGHT".to_owned(), held));
        let (world, shop) = (self.clone(), shop.clone());
        self.outside(async move {
            world.renew_keys(&shop).await;
            let body = json!({
                "out_trade_no": number, "out_refund_no": "MIDNIGHT", "refund_fee": 1,
            });
            world.call(&shop, "POST", "/v1/refund", &body).await;
            world.0.held.take();
        });
    }

    /// WeChat's statements are late for some merchants, some until the next day.
    fn make_late(&self, shop: &Shop, tomorrow: Date) {
        let random = &self.0.statements;
        let ready_ms = tomorrow.start_ms() + 10 * HOUR_MS;
        let (begins_ms, takes_ms, says_none) = match random.below(8) {
            0 | 1 => (0, random.between(0, 8 * HOUR_MS), random.one_in(2)),
            2 => (0, random.between(12 * HOUR_MS, 26 * HOUR_MS), false),
            // The statement of the day after.
            3 => (
                24 * HOUR_MS,
                random.between(0, 8 * HOUR_MS),
                random.one_in(2),
            ),
            _ => return,
        };
        let begins_ms = ready_ms + begins_ms - 3 * HOUR_MS;
        let ends_ms = begins_ms + 3 * HOUR_MS + takes_ms;
        let mut days = self.0.days.borrow_mut();
        days.late
            .insert(shop.id.clone(), (begins_ms..ends_ms, says_none));
    }

    /// Makes a few rows of a merchant's statement wrong.
    fn make_rows_wrong(&self, shop: &Rc<Shop>) {
        if shop.kind == Kind::Ionline || !self.0.statements.one_in(2) {
            return;
        }
        let random = &self.0.statements;
        let mut paid = self.agreed(shop);
        for _ in 0..random.between(1, 2) {
            if paid.is_empty() {
                return;
            }
            let (number, _) = paid.swap_remove(random.below(paid.len()));
            let refunds: Vec<String> = {
                let ledger = self.0.ledger.borrow();
                let of_order = ledger.refunds.iter().filter(|((id, _), refund)| {
                    *id == shop.id && refund.out_trade_no == number && refund.returns_money()
                });
                of_order.map(|((_, number), _)| number.clone()).collect()
            };
            match refunds.is_empty() || random.one_in(2) {
                true => self.make_payment_wrong(shop, &number),
                false => self.make_refund_wrong(shop, &number, &random.pick(&refunds)),
            }
        }
    }

    fn make_payment_wrong(&self, shop: &Rc<Shop>, number: &str) {
        let random = &self.0.statements;
        let wrong = random.pick(&[
            "OTHER_AMOUNT",
            "OTHER_CURRENCY",
            "OTHER_NUMBER",
            "REVERSED",
            "LEFT_OUT",
            "TWICE",
            "NEXT_DAY",
            "ADDED",
            "ADDED",
        ]);
        let mut row = json!({"out_trade_no": number, "wrong": wrong});
        let mut found = vec![(PAYMENT, number.to_owned())];
        match wrong {
            "REVERSED" => found.push((REVERSAL, number.to_owned())),
            "NEXT_DAY" => found.clear(),
            "ADDED" => {
                let added = self.number_to_add(shop);
                row["number"] = json!(added);
                found.clear();
                let is_known = self.is_in_the_book(shop, &added);
                if is_known || !self.0.days.borrow().shared.contains(&shop.id) {
                    found.push((PAYMENT, added));
                }
            }
            _ => {}
        }
        self.plant(shop, row, found);
    }

    /// A number of which WeChat has no payment: an order that was closed, or
    /// none of the book's.
    fn number_to_add(&self, shop: &Shop) -> String {
        let watch = self.0.watch.borrow();
        let seen = watch.books.get(&shop.id);
        let orders = seen.into_iter().flat_map(|seen| &seen.orders);
        let mut closed = orders.filter(|(number, (_, order))| {
            let entry = self.entry(&shop.id, number);
            matches!(order.status(), Status::Closed { .. })
                && entry.is_none_or(|entry| entry.transaction_id.is_none())
        });
        let closed = closed.next().map(|(number, _)| number.clone());
        closed.unwrap_or_else(|| "ADDED-1".to_owned())
    }

    fn make_refund_wrong(&self, shop: &Rc<Shop>, number: &str, refund: &str) {
        let random = &self.0.statements;
        let wrong = random.pick(&[
            "OTHER_AMOUNT",
            "OTHER_CURRENCY",
            "OTHER_NUMBER",
            "LEFT_OUT",
            "TWICE",
            "NEXT_DAY",
        ]);
        let row = json!({"out_trade_no": number, "out_refund_no": refund, "wrong": wrong});
        let mut found = vec![(REFUND, refund.to_owned())];
        match wrong {
            "OTHER_NUMBER" => found.push((REFUND, format!("{refund}-9"))),
            "NEXT_DAY" => found.clear(),
            _ => {}
        }
        self.plant(shop, row, found);
    }

    fn plant(&self, shop: &Rc<Shop>, mut row: Json, found: Vec<(i64, String)>) {
        row["mch_id"] = json!(shop.mch_id);
        if let Some(sub) = &shop.sub_mch_id {
            row["sub_mch_id"] = json!(sub);
        }
        self.note_at(&shop.id, || format!("WeChat's statement is wrong: {row}"));
        let set = self.control("/sandbox/faults", &json!({ "wrong_row": row }));
        assert!(set["wrong_rows"].is_array(), "{row}: {set}");
        let mut days = self.0.days.borrow_mut();
        days.wrong.insert(shop.id.clone());
        let found = found.into_iter();
        let planted = found.map(|(kind, number)| (shop.id.clone(), kind, number));
        days.planted.extend(planted);
    }

    /// Before WeChat answers: the statement may be late.
    pub(super) fn delay_statement(&self, from: &str, request: &Request) {
        let Some((call, creating, none)) = call_of(request) else {
            return;
        };
        let late = self.0.days.borrow().late.get(from).cloned();
        let Some((_, says_none)) = late.filter(|(late, _)| late.contains(&self.now_ms())) else {
            return;
        };
        let code = if says_none { none } else { creating };
        let fail = json!({"fail_next": {"path": call, "code": code}});
        let set = self.control("/sandbox/faults", &fail);
        assert!(set["fail_next"].is_array(), "{call}: {set}");
    }

    /// A statement is cut or changed on its way. v2's has sums, which show that a
    /// row is missing; v3's has a hash, which shows each change.
    pub(super) fn alter_statement(&self, request: &Request, answer: &mut Response) {
        let path = request.uri().path();
        let is_file = path == FILE_PATH || call_of(request).is_some();
        let is_table = answer.body().starts_with("\u{FEFF}".as_bytes());
        if !is_file || !is_table || !self.troubles(|trouble| trouble.altered) {
            return;
        }
        let random = &self.0.statements;
        let body = answer.body_mut();
        let Ok(text) = std::str::from_utf8(body) else {
            return;
        };
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        // Header, rows, the header of the sums, the sums.
        let rows = lines.len().saturating_sub(3);
        let row = 1 + random.below(rows.max(1));
        let what = match (random.below(4), path.starts_with("/v3/")) {
            (0, _) => {
                body.truncate(random.below(body.len()));
                "is cut"
            }
            (1, true) => {
                let digits = lines[row]
                    .char_indices()
                    .filter(|(_, c)| c.is_ascii_digit());
                let digits: Vec<usize> = digits.map(|(at, _)| at).collect();
                let at = random.pick(&digits);
                let other = if lines[row][at..].starts_with('7') {
                    "8"
                } else {
                    "7"
                };
                lines[row].replace_range(at..=at, other);
                *body = lines.concat().into_bytes();
                "has another digit"
            }
            (2, _) => {
                lines.insert(row, lines[row].clone());
                *body = lines.concat().into_bytes();
                "has a row twice"
            }
            _ => {
                lines.remove(row);
                *body = lines.concat().into_bytes();
                "lacks a row"
            }
        };
        self.note(|| format!("  …the statement {what}"));
    }

    /// An answer in pieces that end anywhere, of which the last may not arrive.
    pub(super) fn in_pieces(&self, body: Vec<u8>) -> Chunks {
        use futures_util::StreamExt;
        let mut pieces = vec![Ok(body)];
        if self.troubles(|trouble| trouble.altered.min(1)) {
            let random = &self.0.statements;
            let body = pieces.pop().and_then(Result::ok).unwrap_or_default();
            let at = random.below(body.len().max(1));
            let (first, rest) = body.split_at(at);
            let rest = match random.one_in(3) {
                true => Err(FetchError::Unreachable),
                false => Ok(rest.to_vec()),
            };
            pieces = vec![Ok(first.to_vec()), rest];
        }
        futures_util::stream::iter(pieces).boxed_local()
    }
}
