//! Each merchant's endpoint for events, and what must be so of events: every
//! change is one, in its order, and each reaches the endpoint in that order.

use super::seen::{Event, Seen};
use super::shop::Shop;
use super::world::World;
use gateway::runtime::{Request, Response};
use order::{Elsewhere, Order};
use serde_json::{Value as Json, json};
use standardwebhooks::Webhook;
use std::rc::Rc;

/// Where events go.
const PATH: &str = "/events";

impl World {
    /// Makes a merchant's endpoint, for all types, before anything goes wrong.
    pub(super) async fn open_endpoint(&self, shop: &Shop) {
        let url = format!("https://{}.example.com{PATH}", shop.id);
        let body = json!({ "url": url });
        let made = self.call(shop, "POST", "/v1/endpoints", &body).await;
        let (_, made) = made.expect("before anything goes wrong");
        let secret = made["data"]["secret"].as_str().expect("a secret");
        shop.endpoint.borrow_mut().secret = secret.to_owned();
    }

    /// An event arrives at a merchant's server, if it is one. `None` if it is not.
    pub(super) fn take_event(&self, shop: &Rc<Shop>, request: &Request) -> Option<Response> {
        if request.uri().path() != PATH {
            return None;
        }
        let answer = |status: u16| {
            let mut answer = Response::new(b"answer".to_vec());
            *answer.status_mut() = http::StatusCode::from_u16(status).expect("a status");
            Some(answer)
        };
        let mut endpoint = shop.endpoint.borrow_mut();
        if !is_signed(request, &endpoint.secret) {
            self.note_at(&shop.id, || {
                "  the endpoint does not believe an event".to_owned()
            });
            return answer(400);
        }
        let event: Json = serde_json::from_slice(request.body()).expect("an event");
        let text = |name: &str| event[name].as_str().expect("a text").to_owned();
        let (id, subject) = (text("id"), text("subject"));
        let seq = event["seq"].as_i64().expect("a number");
        let what = format!("event {} {seq} of {subject}", text("type"));
        if shop.fails.get() || self.goes_wrong(self.0.profile.unacknowledged) {
            self.note_at(&shop.id, || format!("  the endpoint fails at {what}"));
            return answer(self.0.random.pick(&[500, 302, 404]));
        }
        self.note_at(&shop.id, || format!("  the endpoint takes {what}"));
        if endpoint.taken.insert(id) {
            let last = endpoint.last.insert(subject.clone(), seq).unwrap_or(0);
            if seq != last + 1 {
                let found = format!("the endpoint has {what} after {last}");
                self.broken("9", Some((&shop.id, &subject)), found);
            }
        }
        answer(self.0.random.pick(&[200, 204]))
    }

    /// Keeps the events that a book has written since.
    pub(super) fn watch_events(&self, name: &Rc<str>, seen: &mut Seen) {
        let last = seen.events.keys().next_back().copied().unwrap_or(0);
        let sql = format!(
            "SELECT n, type, subject, seq, random, object FROM events WHERE n > {last} ORDER BY n"
        );
        for row in self.0.machine.disk(name).read(&sql) {
            let text = |column| row.text(column).expect("a text").to_owned();
            let n = row.int(0).expect("a number");
            let event = Event {
                kind: text(1),
                subject: text(2),
                seq: row.int(3).expect("a number"),
                id: format!("evt_{n}_{}", text(4)),
                object: serde_json::from_str(&text(5)).expect("an object"),
            };
            let mut newest_first = seen.events.values().rev();
            let before = newest_first.find(|before| before.subject == event.subject);
            let last = before.map_or(0, |before| before.seq);
            if event.seq != last + 1 {
                let found = format!("event {} has seq {} after {last}", event.kind, event.seq);
                self.broken("9", Some((name, &event.subject)), found);
            }
            seen.events.insert(n, event);
        }
    }

    /// At the end every change that the audit has is one event, in its order, and
    /// the endpoint has each.
    pub(super) fn end_of_events(&self, id: &str, seen: &Seen) {
        let Some(shop) = self.shop(id) else { return };
        for event in seen.events.values() {
            if !shop.endpoint.borrow().taken.contains(&event.id) {
                let found = format!("the endpoint never had {} {}", event.kind, event.seq);
                self.broken("9", Some((id, &event.subject)), found);
            }
        }
        for (number, (_, order)) in &seen.orders {
            self.end_of_orders_events(id, seen, number, order);
        }
    }

    fn end_of_orders_events(&self, id: &str, seen: &Seen, number: &str, order: &Order) {
        let about = Some((id, number));
        let sql = format!("SELECT what FROM audit WHERE subject = '{number}' ORDER BY id");
        let audit = self.0.machine.disk(id).read(&sql);
        let audit: Vec<&str> = audit
            .iter()
            .map(|row| row.text(0).expect("a text"))
            .collect();
        let of_order = || seen.events.values().filter(|event| event.subject == number);
        let count = |kinds: &[&str]| {
            of_order()
                .filter(|event| kinds.contains(&event.kind.as_str()))
                .count()
        };
        let known = order.known_payment().filter(|paid| !paid.undelivered);
        let is_sale = known.is_some() && order.duplicate_of().is_none();
        if count(&["order.paid"]) != usize::from(is_sale) {
            let found = format!("{} events say that it is paid", count(&["order.paid"]));
            self.broken("9", about, found);
        }
        if count(&["order.duplicate_payment"]) != usize::from(order.duplicate_of().is_some()) {
            let found = "its duplicate payment is not one event".to_owned();
            self.broken("9", about, found);
        }
        let ends = ["order CLOSED", "order REVOKED", "order PAYERROR"];
        let ended = audit
            .iter()
            .filter(|what| ends.iter().any(|end| what.starts_with(end)));
        let (ended, told) = (ended.count(), count(&["order.closed", "order.expired"]));
        // Closed by others, which changes no state that the audit has.
        let elsewhere = order.elsewhere() == Some(Elsewhere::Closed)
            || count(&["order.refunded_elsewhere"]) > 0;
        if told < ended || told > ended && !elsewhere {
            let found = format!("it ended {ended} times, and {told} events say so");
            self.broken("9", about, found);
        }
        for refund in order.refunds() {
            let refund_no = refund.out_refund_no.as_str();
            let begin = format!("refund {refund_no} ");
            let states = audit.iter().filter_map(|what| what.strip_prefix(&begin));
            let states = states.filter_map(|rest| rest.split(',').next());
            let written: Vec<&str> = states.filter(|state| *state != "ASKED").collect();
            let told = of_order().filter(|event| event.object["out_refund_no"] == refund_no);
            let told: Vec<&str> = told
                .map(|event| event.object["state"].as_str().expect("a state"))
                .collect();
            if told != written {
                let found = format!("refund {refund_no} was {written:?}, and events say {told:?}");
                self.broken("9", about, found);
            }
        }
    }
}

/// Whether the independent library makes the same signature.
fn is_signed(request: &Request, secret: &str) -> bool {
    let header = |name: &str| {
        let value = request.headers().get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    };
    let Ok(time) = header("webhook-timestamp").parse() else {
        return false;
    };
    let Ok(webhook) = Webhook::new(secret) else {
        return false;
    };
    let signed = webhook.sign(header("webhook-id"), time, request.body());
    signed.is_ok_and(|signed| {
        header("webhook-signature")
            .split(' ')
            .any(|one| one == signed)
    })
}
