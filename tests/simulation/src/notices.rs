//! WeChat's notices to the gateway, and the invariants about acknowledged ones.

use super::ledger::Notice;
use super::network::describe;
use super::shop::Shop;
use super::world::World;
use gateway::runtime::Response;
use order::Status;
use sandbox::{Outcome, TIMEOUT_MS};
use serde_json::Value as Json;
use std::rc::Rc;
use wechatpay::common::Fields;
use wechatpay::v2::notify as v2;
use wechatpay::v3::gcm::Sealed;
use wechatpay::{ionline, v3};

/// The forgeries of a notice of `APIv3`, in addition to those of an answer.
const FORGERIES: [&str; 11] = [
    "OTHER_AMOUNT",
    "OTHER_CURRENCY",
    "OTHER_MERCHANT",
    "UNKNOWN_SUB_MCHID",
    "UNKNOWN_EVENT",
    "NONCE_LENGTH",
    "CUT_CIPHERTEXT",
    "DUPLICATE_KEYS",
    "CLOCK_SKEW",
    "NO_SIGNATURE",
    "BAD_SIGNATURE",
];

/// The header with the sender's address.
pub(super) const ADDRESS: &str = "cf-connecting-ip";
/// Notices are sent from Tencent's addresses: an attacker's too, who can make
/// Tencent send them.
pub(super) const WECHATS_ADDRESS: &str = "203.0.113.7";

/// The contents of a notice.
enum Read {
    Payment(ReportedPayment),
    Refund,
}

/// The payment in a notice.
struct ReportedPayment {
    /// `mch_id` and `sub_mch_id` at WeChat, or iOnline's number.
    mch_id: String,
    sub_mch_id: Option<String>,
    number: String,
    transaction_id: String,
}

impl World {
    /// Sends the notices that are due.
    pub(super) fn send_notices(&self) {
        let speaks_v3 = |shop: &Rc<Shop>| shop.kind.dialect() == "v3";
        let next_ms = self.0.sandbox.borrow().next_due_ms();
        if next_ms.is_some_and(|at_ms| at_ms <= self.now_ms())
            && self.goes_wrong(self.0.profile.forged)
            && self.0.shops.borrow().iter().any(speaks_v3)
        {
            let forgery = self.0.random.pick(&FORGERIES);
            self.note(|| format!("the next notice of v3 is not as it should be: {forgery}"));
            self.forge_next(forgery, "notice");
        }
        let due = self.0.sandbox.borrow_mut().due(self.now_ms());
        self.follow_ledger();
        for notice in due {
            let id = notice.id;
            let notice = Notice {
                url: notice.url,
                headers: notice.headers,
                body: notice.body.into_bytes(),
            };
            {
                let notices = &mut self.0.ledger.borrow_mut().notices;
                if !notices.iter().any(|known| known.body == notice.body) {
                    notices.push(notice.clone());
                }
            }
            let world = self.clone();
            let is_lost = self.shop_at(&notice.url);
            let is_lost = is_lost.is_some_and(|shop| shop.unheard.get());
            self.outside(async move {
                let answer = match is_lost {
                    true => None,
                    false => world.post_notice(notice).await,
                };
                let outcome = match answer {
                    Some(answer) => Outcome::Answered {
                        status: answer.status().as_u16(),
                        body: answer.into_body(),
                    },
                    None => Outcome::Failed("no answer".to_owned()),
                };
                let now_ms = world.now_ms();
                let mut sandbox = world.0.sandbox.borrow_mut();
                sandbox.sent(&id, &outcome, now_ms);
            });
        }
    }

    /// Posts a notice to the gateway. If the gateway acknowledges it, it must
    /// have the payment.
    pub(super) async fn post_notice(&self, notice: Notice) -> Option<Response> {
        let Notice { url, headers, body } = notice;
        let mut request = http::Request::post(&url).header(ADDRESS, WECHATS_ADDRESS);
        for (name, value) in &headers {
            request = request.header(name, value);
        }
        let request = request.body(body.clone()).expect("a notice");
        let shop = self.shop_at(&url);
        let id = shop.as_ref().map_or("", |shop| &shop.id);
        self.note_at(id, || format!("a notice: {}", describe(&request)));
        let answer = self.ask_gateway(request, i64::from(TIMEOUT_MS)).await?;
        let status = answer.status().as_u16();
        let Some(shop) = shop else {
            // Only a forger's address belongs to no shop.
            if status < 300 {
                let found = format!("what was forged is acknowledged at {url}");
                self.broken("2", None, found);
            }
            return Some(answer);
        };
        let acknowledged = match shop.kind.dialect() {
            "v3" => v3::notify::is_ack(status),
            "ionline" => status == 200 && ionline::notify::is_ack(answer.body()),
            _ => status == 200 && v2::is_ack(answer.body()),
        };
        if acknowledged {
            self.note_at(&shop.id, || "  …the notice is acknowledged".to_owned());
            match shop.read(&body) {
                Some(Read::Payment(payment)) => self.watch_acknowledgement(&shop, &payment),
                Some(Read::Refund) => {}
                None => {
                    let found = "what is no notice is acknowledged".to_owned();
                    self.broken("2", Some((&shop.id, "")), found);
                }
            }
        }
        Some(answer)
    }

    fn shop_at(&self, url: &str) -> Option<Rc<Shop>> {
        let (_, rest) = url.split_once("/notify/")?;
        self.shop(rest.split('/').nth(1)?)
    }

    /// The gateway has acknowledged a notice: then it must have the payment,
    /// because WeChat will not send it again.
    fn watch_acknowledgement(&self, shop: &Shop, payment: &ReportedPayment) {
        let number = payment.number.as_str();
        let about = Some((&*shop.id, number));
        let sub_mch_id = payment.sub_mch_id.as_deref();
        let is_ours = (payment.mch_id.as_str(), sub_mch_id)
            == (&shop.account.mch_id, shop.account.sub_mch_id.as_deref());
        let owner = match is_ours {
            true => Some(shop.id.clone()),
            // An institution's notice is handled for the merchant that it
            // names.
            false if shop.kind.dialect() == "v3" && payment.mch_id == shop.mch_id => {
                let owner = self.shop_of(&payment.mch_id, sub_mch_id.unwrap_or("-"));
                let owner = owner.filter(|owner| owner.kind.dialect() == "v3");
                if owner.is_none() {
                    return self.check_unmatched(shop, payment);
                }
                owner.map(|owner| owner.id.clone())
            }
            false => None,
        };
        let Some(owner) = owner else {
            let found = "another merchant's notice is acknowledged".to_owned();
            return self.broken("7", about, found);
        };
        let watch = self.0.watch.borrow();
        let seen = watch.books.get(&owner);
        let known = seen.and_then(|seen| seen.orders.get(number));
        let knows = known.is_some_and(|(_, order)| {
            let is_in_state = matches!(
                order.status(),
                Status::Success(_) | Status::Reversing { .. } | Status::Revoked { .. }
            );
            is_in_state || order.reported().is_some()
        });
        if !knows {
            let found = "a notice is acknowledged, and the payment is not written".to_owned();
            self.broken("2", about, found);
        }
    }

    /// A payment to an unknown sub-merchant is stored by the merchant that
    /// received the notice.
    fn check_unmatched(&self, shop: &Shop, payment: &ReportedPayment) {
        let disk = self.0.machine.disk(&shop.id);
        let strays = disk.read("SELECT transaction_id FROM strays");
        let is_it = |id: Result<&str, _>| id.is_ok_and(|id| id == payment.transaction_id);
        if !strays.iter().any(|row| is_it(row.text(0))) {
            let found = "a stranger's notice is acknowledged, and not written".to_owned();
            self.broken("2", Some((&shop.id, &payment.number)), found);
        }
    }
}

impl Shop {
    /// The contents of a notice for this merchant, if it is one.
    fn read(&self, body: &[u8]) -> Option<Read> {
        if self.kind.dialect() == "v3" {
            return self.read_v3(body);
        }
        let fields = Fields::parse(body).ok()?;
        // v2's notice of a refund has an encrypted field.
        if fields.get("req_info").is_some() {
            return Some(Read::Refund);
        }
        let text = |name: &str| fields.get(name).map(str::to_owned);
        Some(Read::Payment(ReportedPayment {
            mch_id: text("mch_id")?,
            sub_mch_id: text("sub_mch_id"),
            number: text("out_trade_no")?,
            transaction_id: text("transaction_id")?,
        }))
    }

    fn read_v3(&self, body: &[u8]) -> Option<Read> {
        let envelope: Json = serde_json::from_slice(body).ok()?;
        let of = |name: &str| {
            let text = envelope["resource"][name].as_str().unwrap_or_default();
            text.to_owned()
        };
        let sealed = Sealed {
            algorithm: of("algorithm"),
            nonce: of("nonce"),
            associated_data: of("associated_data"),
            ciphertext: of("ciphertext"),
        };
        let keys = self.every_key();
        let resource = keys.iter().find_map(|key| sealed.open(key).ok())?;
        let resource: Json = serde_json::from_slice(&resource).ok()?;
        let text = |name: &str| resource[name].as_str().map(str::to_owned);
        if text("out_refund_no").is_some() {
            return Some(Read::Refund);
        }
        Some(Read::Payment(ReportedPayment {
            mch_id: text("mchid").or_else(|| text("sp_mchid"))?,
            sub_mch_id: text("sub_mchid"),
            number: text("out_trade_no")?,
            transaction_id: text("id").or_else(|| text("transaction_id"))?,
        }))
    }
}
