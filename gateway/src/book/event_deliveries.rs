//! Deliveries of events to endpoints, signed as Standard Webhooks defines it
//! (standardwebhooks.com, specification 1.0).
//!
//! ```text
//! event ──▶ one delivery for each endpoint ──▶ attempt ──▶ 2xx: acknowledged, the subject's next
//!                                                └──▶ anything else: repeated, for three days
//! ```
//!
//! The deliveries of one subject to one endpoint are sent in order: of those that
//! wait, only the first has a timer. One attempt at a time is made to an endpoint. All endpoints
//! that fail or answer slowly share one of the two connections; the other is left for the rest. An
//! endpoint that fails three times in a row is paused as a whole, so that the number of attempts
//! does not grow with the number of events that wait.

use super::deliveries::{Delivery, DeliveryState};
use super::event_type::EventType;
use super::events::{Event, KEPT_MS};
use super::store::endpoints::{DueEndpoint, Secrets};
use super::store::event_deliveries::{Attempt, Due, IDS_ABOVE, Listed, Overdue};
use super::{Book, store};
use crate::http::address::{self, NotifyTargets};
use crate::http::error::{ApiError, Code};
use crate::merchants::seal::hmac_sha256;
use crate::observe::alarm::Alarm;
use crate::observe::labels::DeliveryLabel;
use crate::observe::{Counter, Log, REQUEST_ID, RequestContext};
use crate::runtime::{FetchError, Request, Response, Route, Runtime, Storage, StorageError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use wechatpay::Secret;

/// How long a delivery is sent: three days.
pub(super) const UNTIL_MS: i64 = 3 * 86_400_000;
/// How many attempts to endpoints are made at once.
pub(super) const EVENTS_AT_ONCE: usize = 2;
/// The beginning of every secret.
pub const SECRET_PREFIX: &str = "whsec_";
/// The pauses between the attempts of one delivery, in seconds; the last repeats.
const RETRY_SECONDS: [i64; 9] = [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800];
/// An endpoint whose last answer took longer is slow.
const SLOW_MS: i64 = 2_000;
/// After this number of failures in a row an endpoint is paused.
const PAUSED_AFTER: i64 = 3;
/// The pauses of an endpoint that fails, in seconds; the last repeats.
const PAUSE_SECONDS: [i64; 7] = [30, 60, 120, 300, 900, 1_800, 3_600];
/// An endpoint that fails for this long is reported.
const REPORTED_AFTER_MS: i64 = 86_400_000;
/// How many bytes of an answer are stored.
pub(super) const KEPT_BYTES: usize = 1024;
/// How many deliveries are given up in one transaction.
const GIVEN_UP_AT_ONCE: i64 = 200;

/// A delivery to an endpoint, claimed.
#[derive(Debug)]
pub(super) struct DueEvent {
    id: i64,
    event: i64,
    endpoint: String,
    url: String,
    subject: String,
    secrets: Vec<Secret>,
    /// Whether the last attempt to this endpoint failed or was slow, or none was made
    /// since the object was opened.
    pub(super) is_slow: bool,
}

impl DueEvent {
    /// The event's subject.
    pub(super) fn subject(&self) -> &str {
        &self.subject
    }

    /// The endpoint's id.
    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

/// How an endpoint answered last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speed {
    Fast,
    /// Nothing was sent since the object was opened.
    Unknown,
    /// The last attempt was slow or failed.
    Slow,
}

/// The endpoints to which attempts are being made.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    /// The endpoints' ids, and whether each is slow.
    endpoints: BTreeMap<String, bool>,
}

impl InFlight {
    pub(super) fn add(&mut self, due: &DueEvent) {
        self.endpoints.insert(due.endpoint.clone(), due.is_slow);
    }

    pub(super) fn remove(&mut self, endpoint: &str) {
        self.endpoints.remove(endpoint);
    }

    pub(super) fn len(&self) -> usize {
        self.endpoints.len()
    }

    /// Whether an attempt to this endpoint may begin.
    fn admits(&self, endpoint: &str, is_slow: bool) -> bool {
        let is_second_slow = is_slow && self.endpoints.values().any(|is_slow| *is_slow);
        !self.endpoints.contains_key(endpoint) && !is_second_slow
    }
}

impl<R: Runtime, S: Storage> Book<R, S> {
    /// Makes an event's deliveries, in its transaction.
    pub(super) fn deliver_event(
        &self,
        n: i64,
        kind: EventType,
        subject: &str,
        now_ms: i64,
    ) -> Result<(), StorageError> {
        let until_ms = now_ms + UNTIL_MS;
        let name = kind.name();
        match store::event_deliveries::insert_for_all(
            &self.storage,
            n,
            name,
            subject,
            now_ms,
            until_ms,
        )? {
            true => self.arm_for(now_ms),
            false => Ok(()),
        }
    }

    /// Takes the delivery that has been due longest and may be sent now, and moves
    /// its timer on to the next attempt before this one is made.
    pub(super) fn claim_due_event(
        &self,
        in_flight: &InFlight,
    ) -> Result<Option<DueEvent>, StorageError> {
        let now_ms = self.runtime.now_ms();
        let mut endpoints = store::endpoints::due(&self.storage, now_ms)?;
        endpoints.retain(|endpoint| {
            let is_slow = self.speed(endpoint) != Speed::Fast;
            in_flight.admits(&endpoint.secrets.id, is_slow)
        });
        // An endpoint that was not tried yet may be fast, so it is tried before one that is known
        // to be slow.
        if endpoints
            .first()
            .is_some_and(|first| self.speed(first) == Speed::Slow)
        {
            endpoints.sort_by_key(|endpoint| self.speed(endpoint) != Speed::Unknown);
        }
        for endpoint in endpoints {
            let is_slow = self.speed(&endpoint) != Speed::Fast;
            let id = &endpoint.secrets.id;
            let Some(due) = store::event_deliveries::longest_due(&self.storage, id, now_ms)? else {
                continue;
            };
            let again_ms = now_ms + self.pause(&RETRY_SECONDS, due.attempts);
            store::event_deliveries::count_attempt(&self.storage, due.id, again_ms)?;
            let Due {
                id,
                event,
                url,
                subject,
                ..
            } = due;
            return Ok(Some(DueEvent {
                id,
                event,
                url,
                subject,
                secrets: self.open_secrets(&endpoint.secrets, now_ms),
                endpoint: endpoint.secrets.id,
                is_slow,
            }));
        }
        Ok(None)
    }

    fn speed(&self, endpoint: &DueEndpoint) -> Speed {
        let was_slow = self
            .endpoints_slow
            .borrow()
            .get(&endpoint.secrets.id)
            .copied();
        match was_slow {
            _ if endpoint.failures > 0 => Speed::Slow,
            Some(true) => Speed::Slow,
            Some(false) => Speed::Fast,
            None => Speed::Unknown,
        }
    }

    /// The pause after this number of attempts, in milliseconds. It is up to a quarter longer by
    /// chance, so that deliveries which failed together are not repeated together.
    fn pause(&self, seconds: &[i64], attempts: i64) -> i64 {
        let place = usize::try_from(attempts).unwrap_or(usize::MAX);
        let seconds = seconds.get(place).or(seconds.last()).copied().unwrap_or(0);
        let mut chance = [0; 1];
        self.runtime.random(&mut chance);
        let [chance] = chance;
        seconds * 1000 + seconds * 1000 * i64::from(chance) / 1024
    }

    /// The valid secrets. One that does not open is left out: an event without a
    /// signature is not sent.
    fn open_secrets(&self, sealed: &Secrets, now_ms: i64) -> Vec<Secret> {
        let previous = sealed.valid_previous(now_ms);
        let mut secrets = Vec::new();
        for sealed_text in [&sealed.current].into_iter().chain(previous) {
            match self.config.master_key.open(&sealed.id, sealed_text) {
                Ok(text) => secrets.push(Secret::new(text)),
                Err(error) => self
                    .runtime
                    .log(format_args!("secret of {}: {error}", sealed.id)),
            }
        }
        secrets
    }

    /// Makes one attempt.
    pub(super) async fn send_event(&self, due: &DueEvent) -> Result<(), StorageError> {
        let began_ms = self.runtime.now_ms();
        let (answer, sent_at_ms) = match self.event_request(due, began_ms / 1000)? {
            Some(request) => {
                let (answer, sent_at_ms) = self.runtime.fetch_from(Route::Webhook, request).await;
                let answer = answer.map_err(|error: FetchError| error.to_string());
                (answer, sent_at_ms)
            }
            None => {
                let why = "not sent: the address or the secret cannot be used";
                (Err(why.to_owned()), began_ms)
            }
        };
        let attempt = attempt(&answer, sent_at_ms, self.runtime.now_ms());
        let is_slow = attempt.duration_ms > SLOW_MS;
        let mut endpoints_slow = self.endpoints_slow.borrow_mut();
        endpoints_slow.insert(due.endpoint.clone(), is_slow);
        drop(endpoints_slow);
        let is_taken = answer.is_ok_and(|answer| answer.status().is_success());
        let last = match (is_taken, attempt.status) {
            (true, _) => "acknowledged".to_owned(),
            (false, Some(status)) => format!("the endpoint answered {status}"),
            (false, None) => attempt.answer.clone(),
        };
        self.storage.atomically(|| {
            store::event_deliveries::keep_attempt(&self.storage, due.id, &attempt)?;
            match is_taken {
                true => self.event_taken(due, &last),
                false => self.event_failed(due, &last),
            }
        })?;
        self.count(Counter::EventDelivery(match is_taken {
            true => DeliveryLabel::Acknowledged,
            false => DeliveryLabel::Failed,
        }));
        let facts = [
            ("about", due.subject.as_str().into()),
            ("endpoint", due.endpoint.as_str().into()),
        ];
        self.runtime
            .log_with(&facts, format_args!("event {}: {last}", due.id - IDS_ABOVE));
        Ok(())
    }

    fn event_taken(&self, due: &DueEvent, last: &str) -> Result<(), StorageError> {
        store::event_deliveries::acknowledge(&self.storage, due.id, last)?;
        if store::endpoints::recovered(&self.storage, &due.endpoint)? {
            self.end_alarm(Alarm::EndpointFailing, &due.endpoint)?;
        }
        let now_ms = self.runtime.now_ms();
        store::event_deliveries::line_up(&self.storage, &due.endpoint, &due.subject, now_ms)
    }

    fn event_failed(&self, due: &DueEvent, last: &str) -> Result<(), StorageError> {
        store::event_deliveries::set_last(&self.storage, due.id, last)?;
        let now_ms = self.runtime.now_ms();
        let id = &due.endpoint;
        let Some(failing) = store::endpoints::count_failure(&self.storage, id, now_ms)? else {
            return Ok(());
        };
        if failing.failures < PAUSED_AFTER {
            return Ok(());
        }
        let pause_ms = self.pause(&PAUSE_SECONDS, failing.failures - PAUSED_AFTER);
        let is_long = now_ms - failing.since_ms >= REPORTED_AFTER_MS;
        let is_reported = failing.is_reported || is_long;
        store::endpoints::pause(&self.storage, id, now_ms + pause_ms, is_reported)?;
        if is_long && !failing.is_reported {
            self.raise(Alarm::EndpointFailing, id)?;
            if let Some(object) = self.endpoint_object(id)? {
                self.write_event(EventType::DeliveryFailing, id, &object)?;
            }
        }
        Ok(())
    }

    /// The signed request; `None` where it must not or cannot be sent.
    fn event_request(&self, due: &DueEvent, now_s: i64) -> Result<Option<Request>, StorageError> {
        // The rules may be stricter than when the endpoint was made.
        let targets = NotifyTargets::of(false, self.config.development);
        let Some(event) = store::events::find(&self.storage, due.event)? else {
            return Ok(None);
        };
        let (id, body) = (event.id(), event.body()?.to_string());
        let Some(signature) = signatures(&due.secrets, &id, now_s, &body) else {
            return Ok(None);
        };
        if !address::may_be_sent_to(&due.url, targets) {
            return Ok(None);
        }
        let request = http::Request::post(&due.url)
            .header(http::header::CONTENT_TYPE, "application/json")
            .header(http::header::USER_AGENT, "WeCeive/1")
            .header("webhook-id", id)
            .header("webhook-timestamp", now_s.to_string())
            .header("webhook-signature", signature)
            .header(REQUEST_ID, RequestContext::current().request_id)
            .body(body.into_bytes());
        Ok(request.ok())
    }

    /// Gives up deliveries whose three days are over, one slice under one alarm.
    pub(super) fn give_up_events(&self) -> Result<(), StorageError> {
        let now_ms = self.runtime.now_ms();
        let overdue = store::event_deliveries::overdue_by(&self.storage, now_ms, GIVEN_UP_AT_ONCE)?;
        if overdue.is_empty() {
            return Ok(());
        }
        let mut endpoints = BTreeSet::new();
        self.storage.atomically(|| {
            for Overdue {
                id,
                endpoint,
                subject,
                ..
            } in &overdue
            {
                store::event_deliveries::give_up(&self.storage, *id)?;
                store::event_deliveries::line_up(&self.storage, endpoint, subject, now_ms)?;
                endpoints.insert(endpoint.clone());
            }
            for endpoint in &endpoints {
                if store::endpoints::find(&self.storage, endpoint)?.is_some() {
                    self.raise(Alarm::EventGivenUp, endpoint)?;
                }
            }
            Ok::<_, StorageError>(())
        })?;
        for _ in &overdue {
            self.count(Counter::EventDelivery(DeliveryLabel::GivenUp));
        }
        Ok(())
    }

    /// Begins the schedule of a delivery to an endpoint again.
    pub(super) fn resend_event(&self, id: i64) -> Result<Delivery, ApiError> {
        self.storage.atomically(|| {
            let missing = || ApiError::of(Code::DeliveryNotFound);
            let found = store::event_deliveries::find(&self.storage, id)?.ok_or_else(missing)?;
            let endpoint = store::endpoints::find(&self.storage, &found.endpoint)?;
            let endpoint = endpoint.ok_or_else(|| ApiError::of(Code::EndpointNotFound))?;
            if !endpoint.is_active {
                return Err(ApiError::of(Code::EndpointOff));
            }
            let now_ms = self.runtime.now_ms();
            let Some(until_ms) = until_of(found.created_at_ms, now_ms) else {
                return Err(missing());
            };
            store::event_deliveries::begin_again(&self.storage, id, now_ms, until_ms)?;
            store::event_deliveries::line_up(
                &self.storage,
                &found.endpoint,
                &found.subject,
                now_ms,
            )?;
            store::endpoints::resume(&self.storage, &found.endpoint)?;
            self.audit_person(&found.subject, &format!("delivery {id} sent again"))?;
            self.arm()?;
            Ok(Delivery {
                id,
                out_trade_no: found.subject,
                out_refund_no: None,
                url: found.url,
                attempts: 0,
                state: DeliveryState::Waiting,
                last: found.last,
            })
        })
    }

    /// A delivery to an endpoint, and its event.
    pub(super) fn event_delivery(
        &self,
        id: i64,
    ) -> Result<Option<(Listed, Option<Event>)>, StorageError> {
        let Some(found) = store::event_deliveries::find(&self.storage, id)? else {
            return Ok(None);
        };
        let event = store::events::find(&self.storage, found.event)?;
        Ok(Some((found, event)))
    }

    /// A delivery to an endpoint, in the form of lists.
    pub(super) fn event_delivery_item(&self, id: i64) -> Result<Option<Json>, StorageError> {
        let Some((found, event)) = self.event_delivery(id)? else {
            return Ok(None);
        };
        let is_of_number = event.as_ref().is_some_and(Event::is_of_number);
        Ok(Some(json!({
            "id": found.id,
            "out_trade_no": is_of_number.then_some(&found.subject),
            "out_refund_no": null,
            "url": found.url,
            "state": found.state,
            "attempts": found.attempts,
            "last_result": found.last,
            "next_at_ms": found.due_at_ms,
            "created_at_ms": found.created_at_ms,
            "endpoint": found.endpoint,
            "event": event.map(|event| event.id()),
            "subject": found.subject,
        })))
    }
}

/// The latest time to send a delivery that is restarted now: its event is removed after
/// [`KEPT_MS`]. `None` if that time has passed.
pub(super) fn until_of(created_at_ms: i64, now_ms: i64) -> Option<i64> {
    let until_ms = (now_ms + UNTIL_MS).min(created_at_ms + KEPT_MS);
    (now_ms < until_ms).then_some(until_ms)
}

/// An attempt in its stored form: the answer's status and the beginning of its body.
pub(super) fn attempt(answer: &Result<Response, String>, began_ms: i64, ended_ms: i64) -> Attempt {
    let (status, answer) = match answer {
        Ok(answer) => {
            let body = answer.body();
            let kept = body.get(..KEPT_BYTES).unwrap_or(body);
            let text = String::from_utf8_lossy(kept).into_owned();
            (Some(i64::from(answer.status().as_u16())), text)
        }
        Err(why) => (None, why.clone()),
    };
    Attempt {
        at_ms: began_ms,
        duration_ms: (ended_ms - began_ms).max(0),
        status,
        answer,
    }
}

/// The header `webhook-signature`: `v1,` and the base64 of HMAC-SHA256 over
/// `{id}.{timestamp}.{body}`, one for each valid secret. `None` without any secret
/// that is base64.
fn signatures(secrets: &[Secret], id: &str, now_s: i64, body: &str) -> Option<String> {
    let content = format!("{id}.{now_s}.{body}");
    let signed = secrets.iter().filter_map(|secret| {
        let text = secret.expose();
        let text = text.strip_prefix(SECRET_PREFIX).unwrap_or(text);
        let key = BASE64.decode(text).ok().filter(|key| !key.is_empty())?;
        let mac = hmac_sha256(&key, content.as_bytes());
        Some(format!("v1,{}", BASE64.encode(mac)))
    });
    let signed: Vec<_> = signed.collect();
    (!signed.is_empty()).then(|| signed.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of the specification's reference libraries
    /// (standard-webhooks, `libraries/rust/src/lib.rs`).
    #[test]
    fn the_signature_of_the_specification() {
        let secret = Secret::new("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
        let body = r#"{"email":"test@example.com","username":"test_user"}"#;
        assert_eq!(
            signatures(
                &[secret],
                "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
                1_649_367_553,
                body
            )
            .as_deref(),
            Some("v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=")
        );
    }

    /// The HMAC of an empty key is known to everyone.
    #[test]
    fn a_secret_that_is_not_base64_signs_nothing() {
        for text in ["whsec_", "", "whsec_not base64"] {
            let secrets = [Secret::new(text)];
            assert_eq!(signatures(&secrets, "msg_1", 1, "{}"), None, "{text}");
        }
    }

    #[test]
    fn one_slot_is_left_to_endpoints_that_are_fast() {
        let mut in_flight = InFlight::default();
        in_flight.endpoints.insert("slow".to_owned(), true);
        assert!(!in_flight.admits("slow", true));
        assert!(!in_flight.admits("other", true));
        assert!(in_flight.admits("other", false));
    }
}
