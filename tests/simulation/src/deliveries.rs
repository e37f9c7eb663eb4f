//! Deliveries to the merchants' own servers, and the invariants about them.

use super::shop::{Received, Shop};
use super::world::World;
use gateway::runtime::{Request, Response};
use order::{Order, RefundStatus};
use wechatpay::common::Fields;
use wechatpay::common::refund::Status;
use wechatpay::v2::refund_notify;

impl Shop {
    /// The contents of a delivery, if the merchant can verify it: of a payment
    /// as of WeChat's notices, of a refund because the merchant's key decrypts
    /// it.
    fn verified(&self, request: &Request) -> Option<Received> {
        let keys = self.every_key();
        let document = Fields::parse(request.body()).ok()?;
        if document.get("req_info").is_some() {
            let read = |key| refund_notify::Notice::read(request.body(), key).ok();
            let refund = keys.iter().find_map(read)?.refund;
            return Some(Received {
                out_trade_no: refund.out_trade_no,
                transaction_id: refund.transaction_id,
                refund: Some((refund.out_refund_no, refund.refund_status)),
            });
        }
        let sign_type = self.kind.sign_type();
        let holds = |key| document.verify(key, sign_type).is_ok();
        keys.iter().any(holds).then(|| Received {
            out_trade_no: document.get("out_trade_no").unwrap_or_default().to_owned(),
            transaction_id: document
                .get("transaction_id")
                .unwrap_or_default()
                .to_owned(),
            refund: None,
        })
    }

    /// Whether the merchant's server has received this delivery.
    fn has_had(&self, number: &str, out_refund_no: Option<&str>) -> bool {
        let received = self.received.borrow();
        received
            .iter()
            .any(|told| told.out_trade_no == number && told.out_refund_no() == out_refund_no)
    }
}

impl World {
    /// A delivery arrives at a merchant's server. `None` while the server
    /// hangs: it accepts the request and does not answer.
    pub(super) fn deliver(&self, from: &str, request: &Request) -> Option<Response> {
        if self.shop(from).is_some_and(|shop| shop.hangs.get()) {
            self.note_at(from, || "  the merchant's server hangs".to_owned());
            return None;
        }
        Some(self.delivered(from, request))
    }

    fn delivered(&self, from: &str, request: &Request) -> Response {
        let answer = |status: u16, body: &str| {
            let mut answer = Response::new(body.as_bytes().to_vec());
            *answer.status_mut() = http::StatusCode::from_u16(status).expect("a status");
            answer
        };
        let Some(shop) = self.shop(from) else {
            return answer(404, "");
        };
        if let Some(answer) = self.take_event(&shop, request) {
            return answer;
        }
        let Some(received) = shop.verified(request) else {
            self.note_at(from, || {
                "  the merchant does not believe a delivery".to_owned()
            });
            return answer(400, "");
        };
        let what = || {
            let refund = received.out_refund_no();
            let refund = refund.map_or_else(String::new, |refund| format!(", refund {refund}"));
            format!("the delivery of #{}{refund}", received.out_trade_no)
        };
        if shop.fails.get() || self.goes_wrong(self.0.profile.unacknowledged) {
            self.note_at(from, || format!("  the merchant fails at {}", what()));
            return match self.0.random.below(3) {
                0 => answer(500, ""),
                1 => answer(200, "<html>It works</html>"),
                _ => answer(302, ""),
            };
        }
        self.note_at(from, || format!("  the merchant takes {}", what()));
        let host = request.uri().host().unwrap_or_default();
        let owner = host.strip_suffix(".example.com");
        if owner.is_some_and(|owner| owner != from && self.shop(owner).is_some()) {
            let found = format!("{from}'s order was delivered to {host}");
            self.broken("7", Some((from, &received.out_trade_no)), found);
        }
        self.watch_delivery(&shop, &received);
        shop.received.borrow_mut().push(received);
        answer(
            200,
            self.0.random.pick(&[
                "success",
                "",
                "<xml><return_code><![CDATA[SUCCESS]]></return_code></xml>",
            ]),
        )
    }

    /// Checks a delivery that reached its merchant: it must be true, and must
    /// come after those that the book has scheduled before it.
    fn watch_delivery(&self, shop: &Shop, received: &Received) {
        let number = received.out_trade_no.as_str();
        let about = Some((&*shop.id, number));
        self.check_answer(shop, number, "SUCCESS", &received.transaction_id);
        let watch = self.0.watch.borrow();
        let seen = watch.books.get(&shop.id);
        let Some((seen, (_, order))) = seen.and_then(|seen| Some((seen, seen.orders.get(number)?)))
        else {
            let found = "a delivery tells of an order that the book does not have".to_owned();
            return self.broken("7", about, found);
        };
        match &received.refund {
            None if order.duplicate_of().is_some() => {
                let found = "a payment that goes back is delivered as a sale".to_owned();
                self.broken("5", about, found);
            }
            Some((refund, told)) if status_of(order, refund) != Some(*told) => {
                let found = format!("the merchant is told that the refund {refund} is {told:?}");
                self.broken("3", about, found);
            }
            _ => {}
        }
        let of_order = seen.deliveries.values().filter(|row| row.number == number);
        for row in of_order.take_while(|row| row.refund.as_deref() != received.out_refund_no()) {
            if !shop.has_had(number, row.refund.as_deref()) {
                let found = format!("it is told of {received:?} before {:?}", row.refund);
                self.broken("5", about, found);
            }
        }
    }

    /// At the end the merchant has been told of the payment, and how its
    /// refunds ended.
    pub(super) fn end_of_deliveries(&self, shop: &str, number: &str, order: &Order) {
        let Some(shop) = self.shop(shop) else { return };
        let about = Some((&*shop.id, number));
        let is_sale = order.paid().is_some_and(|paid| !paid.undelivered);
        let is_told =
            is_sale && order.terms().notify_url.is_some() && order.duplicate_of().is_none();
        if order.paid().is_some() && is_told && !shop.has_had(number, None) {
            let found = "it is paid, and the merchant was never told".to_owned();
            self.broken("5", about, found);
        }
        for refund in order.refunds() {
            let number_of_it = refund.out_refund_no.as_str();
            if refund.status.is_final() && !shop.has_had(number, Some(number_of_it)) {
                let found = format!("the merchant was never told how {number_of_it} ended");
                self.broken("5", about, found);
            }
        }
    }
}

/// The status of the book's refund, as a delivery reports it.
fn status_of(order: &Order, out_refund_no: &str) -> Option<Status> {
    let mut refunds = order.refunds().iter();
    match refunds
        .find(|refund| refund.out_refund_no == out_refund_no)?
        .status
    {
        RefundStatus::Success => Some(Status::Success),
        RefundStatus::Abnormal => Some(Status::Change),
        RefundStatus::Closed => Some(Status::RefundClose),
        RefundStatus::Asked | RefundStatus::Processing => None,
    }
}
