//! Deliveries: documents that are sent to the merchant until they are
//! acknowledged. A payment's is WeChat's notice, forwarded; the end of a refund
//! is reported in the form of WeChat's refund notice.
//!
//! Deliveries of one order are sent in order. Of those that wait, only the
//! first has a timer; the next gets its own when the first is acknowledged or
//! given up.

use super::event_deliveries::attempt;
use super::store::deliveries::NewDelivery;
use super::store::event_deliveries::IDS_ABOVE;
use super::{Book, SET_ASIDE_MS, store};
use crate::http::error::{ApiError, Code};
use crate::merchants::directory::MerchantContext;
use crate::merchants::seal::hmac_sha256;
use crate::observe::alarm::Alarm;
use crate::observe::labels::DeliveryLabel;
use crate::observe::{Counter, Log, REQUEST_ID, RequestContext};
use crate::runtime::{Request, Response, Route, Runtime, Storage, StorageError};
use order::{Order, OutTradeNo, Refund, RefundStatus};
use serde::{Deserialize, Serialize};
use wechatpay::Secret;
use wechatpay::common::refund::Status;
use wechatpay::v2::notify::is_ack;
use wechatpay::v2::refund_notify;

/// One document to deliver to a merchant.
#[derive(Debug, Serialize, Deserialize)]
pub struct Delivery {
    /// The delivery's number in the book.
    pub id: i64,
    /// The order that it reports.
    pub out_trade_no: String,
    /// The refund that it reports, where it reports one.
    pub out_refund_no: Option<String>,
    /// The URL to which it is sent.
    pub url: String,
    /// How often it was sent.
    pub attempts: i64,
    /// Whether it waits, is acknowledged or was given up.
    pub state: DeliveryState,
    /// The result of the last attempt.
    pub last: Option<String>,
}

/// A delivery's state. The names are stored and sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is sent until the merchant acknowledges it.
    Waiting,
    /// The merchant has acknowledged it.
    Acknowledged,
    /// The merchant did not acknowledge it during the whole schedule.
    GivenUp,
}

impl DeliveryState {
    /// The state's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Acknowledged => "acknowledged",
            Self::GivenUp => "given_up",
        }
    }

    /// The state with this name. A state that a later version has stored under
    /// another name is not sent by this version.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "waiting" => Self::Waiting,
            "acknowledged" => Self::Acknowledged,
            _ => Self::GivenUp,
        }
    }
}

/// A delivery whose timer is due.
#[derive(Debug)]
pub(super) struct Due {
    id: i64,
    out_trade_no: String,
    url: String,
    body: String,
    /// The attempt's place in the schedule, counted from 1.
    attempt: i64,
    is_last: bool,
}

impl Due {
    /// The order that it is about.
    pub(super) fn out_trade_no(&self) -> &str {
        &self.out_trade_no
    }
}

/// How many unreadable rows are set aside in one call, so that other work is
/// not delayed.
const SET_ASIDE_AT_ONCE: usize = 100;
/// The pauses between attempts: the longer of WeChat's two schedules, 24 hours
/// and 4 minutes in all (WeChat Pay APIv3, payment notices; Tencent's current
/// pages on v2 give the same pauses).
pub const RETRY_SECONDS: [u32; 15] = wechatpay::v3::notify::RETRY_SECONDS;
/// How long the last attempt may take before it counts as not made.
const LAST_SECONDS: i64 = 60;

impl<R: Runtime, S: Storage> Book<R, S> {
    /// Schedules the delivery of the paid order's notice, in the transaction
    /// that makes the order paid. An order without `notify_url` has no
    /// delivery.
    pub(super) fn add_delivery(
        &self,
        context: &MerchantContext,
        order: &Order,
        notice_xml: Option<&str>,
    ) -> Result<(), StorageError> {
        let (Some(url), Some(paid)) = (&order.terms().notify_url, order.paid()) else {
            return Ok(());
        };
        // A document that the gateway writes contains the merchant's own text,
        // as `GET /v1/order` does.
        let payment = order::Payment {
            attach: order.terms().attach.clone(),
            ..paid.payment.clone()
        };
        let body = self.notice_document(context, &payment, notice_xml);
        self.insert_delivery(order, None, url, body)
    }

    /// Schedules the delivery about a refund that has ended. A merchant without
    /// `refund_notify_url` has no delivery.
    pub(super) fn add_refund_delivery(
        &self,
        context: &MerchantContext,
        order: &Order,
        refund: &Refund,
    ) -> Result<(), StorageError> {
        let (Some(url), Some(paid)) = (&context.merchant.refund_notify_url, order.paid()) else {
            return Ok(());
        };
        let terms = order.terms();
        let document = refund_notify::Notice {
            account: paid.payment.account.clone(),
            nonce_str: self.nonce(),
            refund: refund_notify::Refund {
                transaction_id: paid.payment.transaction_id.clone(),
                out_trade_no: terms.out_trade_no.to_string(),
                refund_id: refund.refund_id.clone(),
                out_refund_no: refund.out_refund_no.clone(),
                total_fee: terms.money.amount_minor(),
                settlement_total_fee: None,
                refund_fee: refund.money.amount_minor(),
                settlement_refund_fee: None,
                refund_status: match refund.status {
                    RefundStatus::Success => Status::Success,
                    RefundStatus::Abnormal => Status::Change,
                    RefundStatus::Closed => Status::RefundClose,
                    // The refund has not ended, so there is nothing to report.
                    RefundStatus::Asked | RefundStatus::Processing => return Ok(()),
                },
                success_time_ms: None,
                refund_recv_accout: None,
                refund_account: None,
                refund_request_source: None,
            },
        };
        let body = document.to_xml(&context.credentials.api_key);
        self.insert_delivery(order, Some(&refund.out_refund_no), url, body)
    }

    fn insert_delivery(
        &self,
        order: &Order,
        out_refund_no: Option<&str>,
        url: &str,
        body: String,
    ) -> Result<(), StorageError> {
        let number = order.terms().out_trade_no.as_str();
        let new = NewDelivery {
            out_trade_no: number,
            out_refund_no,
            url,
            body,
        };
        store::deliveries::insert(&self.storage, new, self.runtime.now_ms())?;
        self.line_up(number)
    }

    /// Of an order's waiting deliveries, gives the first a timer for now if it
    /// has none.
    fn line_up(&self, number: &str) -> Result<(), StorageError> {
        store::deliveries::line_up(&self.storage, number, self.runtime.now_ms())
    }

    /// Claims the delivery that has been due longest: its timer is moved to the
    /// next attempt before this one is made. One that cannot be read is set
    /// aside, and the next one is claimed.
    pub(super) fn claim_due_delivery(&self) -> Result<Option<Due>, StorageError> {
        let now_ms = self.runtime.now_ms();
        for _ in 0..SET_ASIDE_AT_ONCE {
            let Some(id) = store::deliveries::longest_due(&self.storage, now_ms)? else {
                return Ok(None);
            };
            let due = self.read_due(id);
            let seconds = match &due {
                // The last attempt has a timer too: if the object ends before
                // the attempt does, the attempt is made again.
                Ok(due) => pause(due.attempt - 1).unwrap_or(LAST_SECONDS),
                Err(_) => SET_ASIDE_MS / 1000,
            };
            let (attempts, due_at_ms) = (i64::from(due.is_ok()), now_ms + seconds * 1000);
            store::deliveries::count_attempts(&self.storage, id, attempts, due_at_ms)?;
            match due {
                Ok(due) => return Ok(Some(due)),
                Err(error) => {
                    let subject = format!("delivery {id}");
                    self.runtime
                        .log(format_args!("{subject} set aside: {error}"));
                    self.unreadable.borrow_mut().insert(subject);
                }
            }
        }
        Ok(None)
    }

    fn read_due(&self, id: i64) -> Result<Due, StorageError> {
        let document = store::deliveries::document(&self.storage, id)?;
        let document = document.ok_or_else(|| StorageError::new("no row"))?;
        Ok(Due {
            id,
            out_trade_no: document.out_trade_no,
            url: document.url,
            body: document.body,
            attempt: document.attempts + 1,
            is_last: pause(document.attempts).is_none(),
        })
    }

    /// Makes one attempt to deliver.
    pub(super) async fn deliver(
        &self,
        context: &MerchantContext,
        due: Due,
    ) -> Result<(), StorageError> {
        let signature = signature(
            context.credentials.delivery_secrets(self.runtime.now_ms()),
            self.runtime.now_ms() / 1000,
            &due.body,
        );
        let (answer, sent_at_ms) = match delivery_request(&due, &signature) {
            Some(request) => {
                let (answer, sent_at_ms) = self.runtime.fetch_from(Route::Merchant, request).await;
                (answer.map_err(|error| error.to_string()), sent_at_ms)
            }
            None => {
                let why = "the address cannot be sent to";
                (Err(why.to_owned()), self.runtime.now_ms())
            }
        };
        let attempt = attempt(&answer, sent_at_ms, self.runtime.now_ms());
        let outcome = answer.and_then(|answer| judge(&answer));
        let (state, last) = match outcome {
            Ok(()) => (DeliveryState::Acknowledged, "acknowledged".to_owned()),
            Err(why) if due.is_last => (DeliveryState::GivenUp, why),
            Err(why) => (DeliveryState::Waiting, why),
        };
        let given_up = self.storage.atomically(|| {
            store::event_deliveries::keep_attempt(&self.storage, due.id, &attempt)?;
            // An outcome that another sending has written stays, and a
            // restarted schedule is not ended by an attempt of the schedule
            // before it.
            let is_written =
                store::deliveries::write_outcome(&self.storage, due.id, due.attempt, state, &last)?;
            let given_up = state == DeliveryState::GivenUp && is_written;
            if given_up {
                self.raise(Alarm::NeverAcknowledged, &due.out_trade_no)?;
            }
            self.line_up(&due.out_trade_no)?;
            Ok::<_, StorageError>(given_up)
        })?;
        self.count(Counter::Delivery(DeliveryLabel::Sent));
        self.count(Counter::Delivery(match state {
            DeliveryState::Acknowledged => DeliveryLabel::Acknowledged,
            DeliveryState::Waiting | DeliveryState::GivenUp => DeliveryLabel::Failed,
        }));
        if given_up {
            self.count(Counter::Delivery(DeliveryLabel::GivenUp));
        }
        let facts = [("about", due.out_trade_no.as_str().into())];
        self.runtime
            .log_with(&facts, format_args!("delivery {}: {last}", state.name()));
        Ok(())
    }

    /// The latest hundred, newest first, of all orders or of one.
    pub(super) fn deliveries(
        &self,
        number: Option<&OutTradeNo>,
    ) -> Result<Vec<Delivery>, StorageError> {
        match number {
            Some(number) => store::deliveries::latest_of_order(&self.storage, number.as_str()),
            None => store::deliveries::latest(&self.storage),
        }
    }

    /// Restarts a delivery's schedule: now, or when the order's earlier
    /// deliveries have ended.
    pub(super) fn resend(&self, id: i64) -> Result<Delivery, ApiError> {
        if id > IDS_ABOVE {
            return self.resend_event(id);
        }
        self.storage.atomically(|| {
            let begun = store::deliveries::begin_again(&self.storage, id, self.runtime.now_ms())?;
            let delivery = begun.ok_or_else(|| ApiError::of(Code::DeliveryNotFound))?;
            self.line_up(&delivery.out_trade_no)?;
            let what = format!("delivery {id} sent again");
            self.audit_person(&delivery.out_trade_no, &what)?;
            self.arm()?;
            Ok(delivery)
        })
    }
}

/// The pause after this number of attempts, in seconds; `None` after the last.
fn pause(attempts: i64) -> Option<i64> {
    let attempts = usize::try_from(attempts).ok()?;
    RETRY_SECONDS
        .get(attempts)
        .map(|seconds| i64::from(*seconds))
}

/// The header `WeCeive-Signature`: `t=1767323045,v1=…`, where `v1` is the
/// lower-case hex of HMAC-SHA256 over `1767323045.` and the body, under the
/// merchant's `delivery_secret`. The time lets a receiver refuse a replay.
/// While the secret changes there are two `v1`, one under each.
fn signature<'s>(secrets: impl Iterator<Item = &'s Secret>, now_s: i64, body: &str) -> String {
    let mut signature = format!("t={now_s}");
    for secret in secrets {
        let mac = hmac_sha256(
            secret.expose().as_bytes(),
            format!("{now_s}.{body}").as_bytes(),
        );
        signature.push_str(",v1=");
        signature.extend(mac.iter().map(|byte| format!("{byte:02x}")));
    }
    signature
}

fn delivery_request(due: &Due, signature: &str) -> Option<Request> {
    http::Request::post(&due.url)
        .header(http::header::CONTENT_TYPE, "text/xml; charset=utf-8")
        .header(http::header::USER_AGENT, "WeCeive/1")
        .header("weceive-signature", signature)
        .header(REQUEST_ID, RequestContext::current().request_id)
        .body(due.body.clone().into_bytes())
        .ok()
}

/// Whether the merchant has acknowledged the delivery: a 2xx answer that
/// contains WeChat's own acknowledgement (v2's XML or v3's
/// `{"code":"SUCCESS"}`), the one word `success`, or nothing. The page of a
/// framework that answers 200 to everything is no acknowledgement.
fn judge(answer: &Response) -> Result<(), String> {
    let body = answer.body();
    let text = body.trim_ascii();
    if !answer.status().is_success() {
        Err(format!(
            "the merchant answered {}",
            answer.status().as_u16()
        ))
    } else if text.is_empty()
        || text.eq_ignore_ascii_case(b"success")
        || is_ack(body)
        || is_json_ack(body)
    {
        Ok(())
    } else {
        Err(format!(
            "the merchant answered {} without an acknowledgement",
            answer.status().as_u16()
        ))
    }
}

/// APIv3's acknowledgement, which merchants with a v3 SDK send: a JSON object
/// whose `code` is `SUCCESS`, without repeated names.
fn is_json_ack(body: &[u8]) -> bool {
    crate::http::message::json_object(body).is_ok_and(|object| {
        object.get("code").and_then(serde_json::Value::as_str) == Some("SUCCESS")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with `openssl dgst -sha256 -hmac whsec_test`.
    #[test]
    fn a_delivery_has_the_signature_that_a_merchant_computes() {
        assert_eq!(
            signature(
                [&Secret::new("whsec_test")].into_iter(),
                1_767_323_045,
                "<xml/>"
            ),
            "t=1767323045,v1=3b83ba3db255d8d8b01d892b6d2deab6a551de6ed81cde40221dedca7d3eddd3"
        );
    }

    #[test]
    fn only_the_documented_answers_acknowledge_a_delivery() {
        for (status, body, ok) in [
            (200, wechatpay::v2::notify::ACK_OK, true),
            (
                200,
                "<xml>\n <return_code><![CDATA[SUCCESS]]></return_code>\n</xml>",
                true,
            ),
            (200, "success\n", true),
            (200, "SUCCESS", true),
            (204, "", true),
            (200, "", true),
            (200, "<html>It works</html>", false),
            (200, r#"{"code":"SUCCESS"}"#, true),
            (
                200,
                "{\"code\": \"SUCCESS\", \"message\": \"成功\"}\n",
                true,
            ),
            (200, r#"{"code":"FAIL","message":"no stock"}"#, false),
            (200, r#"{"code":"FAIL","code":"SUCCESS"}"#, false),
            (200, r#"{"code":["SUCCESS"]}"#, false),
            (200, r#"{"message":"SUCCESS"}"#, false),
            (200, r#"[{"code":"SUCCESS"}]"#, false),
            (500, r#"{"code":"SUCCESS"}"#, false),
            (
                200,
                "<xml><return_code><![CDATA[FAIL]]></return_code></xml>",
                false,
            ),
            (302, "", false),
            (500, wechatpay::v2::notify::ACK_OK, false),
        ] {
            let mut answer = Response::new(body.as_bytes().to_vec());
            *answer.status_mut() = http::StatusCode::from_u16(status).unwrap();
            assert_eq!(judge(&answer).is_ok(), ok, "{status} {body}");
        }
    }
}
