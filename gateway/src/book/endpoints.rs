//! Endpoints: a merchant's addresses that receive events, each with a secret of
//! its own.
//!
//! ```text
//! endpoints( id, url, events, active, secret, … )    event_deliveries( … )   see `event_deliveries.rs`
//! ```
//!
//! The isolate that calls the book makes and seals a secret, and the book's replies contain it
//! sealed only, so a reply that is kept for a repeated request has no readable secret. While a
//! secret changes, the previous ones stay valid for a day, and each delivery has a signature of
//! each.

use super::event_deliveries::{UNTIL_MS, until_of};
use super::event_type::EventType;
use super::events::KEPT_MS;
use super::store::endpoints::Secrets;
use super::{Book, store};
use crate::http::address::origin;
use crate::http::error::{ApiError, Code};
use crate::merchants::directory::MerchantContext;
use crate::observe::Log;
use crate::observe::alarm::Alarm;
use crate::runtime::{Runtime, Storage, StorageError};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// The most endpoints of a merchant. Each event is written once more for each.
pub const MOST_ENDPOINTS: i64 = 16;
/// How many previous secrets of an endpoint are valid at once. A rotation whose answer
/// was lost is repeated, and the receiver's secret stays valid.
const MOST_PREVIOUS: usize = 4;
/// How many deliveries of an endpoint are given up in one transaction when it is removed, or sent
/// again by one call.
const AT_ONCE: i64 = 1_000;

/// An endpoint to make.
#[derive(Debug, Serialize, Deserialize)]
pub struct NewEndpoint {
    /// Its id.
    pub id: String,
    /// Where events go.
    pub url: String,
    /// The types that it receives; empty for all.
    pub events: Vec<EventType>,
    /// The merchant's own words.
    pub description: Option<String>,
    /// Its secret, sealed under its id.
    pub secret: String,
}

/// A change of an endpoint. Absent fields stay.
#[derive(Debug, Serialize, Deserialize)]
pub struct EndpointChange {
    /// Its id.
    pub id: String,
    /// Whether it receives events.
    pub active: Option<bool>,
    /// The types that it receives; empty for all.
    pub events: Option<Vec<EventType>>,
    /// The merchant's own words; empty for none.
    pub description: Option<String>,
}

/// A new secret for an endpoint.
#[derive(Debug, Serialize, Deserialize)]
pub struct NewSecret {
    /// The endpoint's id.
    pub id: String,
    /// Sealed under the endpoint's id.
    pub secret: String,
    /// Until when the previous one is valid too.
    pub previous_until_ms: i64,
}

/// Deliveries that are sent again.
#[derive(Debug, Serialize, Deserialize)]
pub struct Resent {
    /// How many.
    pub resent: i64,
    /// Whether there are more: the call is repeated then.
    pub more: bool,
}

/// An endpoint as it is stored, without its secrets.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) id: String,
    pub(super) url: String,
    /// See `store/endpoints.rs`.
    pub(super) events: Option<String>,
    pub(super) description: Option<String>,
    pub(super) is_active: bool,
    pub(super) created_at_ms: i64,
    pub(super) previous_until_ms: Option<i64>,
    pub(super) failures: i64,
    pub(super) failing_since_ms: Option<i64>,
    pub(super) resume_at_ms: Option<i64>,
}

/// The types as they are stored.
fn stored_types(types: &[EventType]) -> Option<String> {
    let names: Vec<&str> = types.iter().map(|kind| kind.name()).collect();
    (!names.is_empty()).then(|| format!(",{},", names.join(",")))
}

/// The member of a reply that has the endpoint's secret, sealed under its id.
pub const SEALED_SECRET: &str = "sealed_secret";

fn with_sealed(mut item: Json, secret: &str) -> Json {
    if let Some(item) = item.as_object_mut() {
        item.insert(SEALED_SECRET.to_owned(), json!(secret));
    }
    item
}

impl Endpoint {
    /// Its form in the API.
    pub(super) fn item(&self, now_ms: i64) -> Json {
        let events = self.events.as_deref();
        let events = events.map(|names| names.split(',').filter(|name| !name.is_empty()));
        json!({
            "id": self.id,
            "url": self.url,
            "events": events.map(Iterator::collect::<Vec<_>>),
            "description": self.description,
            "active": self.is_active,
            "created_at_ms": self.created_at_ms,
            "failures": self.failures,
            "failing_since_ms": self.failing_since_ms,
            "paused_until_ms": self.resume_at_ms.filter(|at_ms| now_ms < *at_ms),
            "previous_secret_until_ms": self.previous_until_ms.filter(|at_ms| now_ms < *at_ms),
        })
    }
}

impl<R: Runtime, S: Storage> Book<R, S> {
    fn endpoint(&self, id: &str) -> Result<super::endpoints::Endpoint, ApiError> {
        let found = store::endpoints::find(&self.storage, id)?;
        found.ok_or_else(|| ApiError::of(Code::EndpointNotFound))
    }

    fn endpoint_item(&self, id: &str) -> Result<Json, ApiError> {
        Ok(self.endpoint(id)?.item(self.runtime.now_ms()))
    }

    pub(super) fn create_endpoint(
        &self,
        context: &MerchantContext,
        new: NewEndpoint,
    ) -> Result<Json, ApiError> {
        let endpoint = Endpoint {
            id: new.id,
            url: new.url,
            events: stored_types(&new.events),
            description: new.description,
            is_active: true,
            created_at_ms: self.runtime.now_ms(),
            previous_until_ms: None,
            failures: 0,
            failing_since_ms: None,
            resume_at_ms: None,
        };
        self.storage.atomically(|| {
            if store::endpoints::count(&self.storage)? >= MOST_ENDPOINTS {
                return Err(ApiError::of(Code::TooManyEndpoints));
            }
            self.store_merchant_id(context)?;
            store::endpoints::insert(&self.storage, &endpoint, &new.secret)?;
            self.audit(&endpoint.id, "endpoint created", "")?;
            let item = endpoint.item(self.runtime.now_ms());
            Ok(with_sealed(item, &new.secret))
        })
    }

    /// The endpoint with this id, or all.
    pub(super) fn endpoints(&self, id: Option<&str>) -> Result<Vec<Json>, ApiError> {
        let endpoints = match id {
            Some(id) => vec![self.endpoint(id)?],
            None => store::endpoints::list(&self.storage)?,
        };
        let now_ms = self.runtime.now_ms();
        let items = endpoints.iter().map(|endpoint| endpoint.item(now_ms));
        Ok(items.collect())
    }

    pub(super) fn change_endpoint(&self, change: &EndpointChange) -> Result<Json, ApiError> {
        self.storage.atomically(|| {
            let mut endpoint = self.endpoint(&change.id)?;
            if let Some(active) = change.active
                && active != endpoint.is_active
            {
                endpoint.is_active = active;
                self.end_alarm(Alarm::EndpointFailing, &endpoint.id)?;
            }
            if let Some(events) = &change.events {
                endpoint.events = stored_types(events);
            }
            if let Some(description) = &change.description {
                let text = Some(description.clone());
                endpoint.description = text.filter(|text| !text.is_empty());
            }
            store::endpoints::change(&self.storage, &endpoint)?;
            let what = match endpoint.is_active {
                true => "endpoint changed, on",
                false => "endpoint changed, off",
            };
            self.audit(&endpoint.id, what, "")?;
            self.arm()?;
            self.endpoint_item(&endpoint.id)
        })
    }

    /// Removes an endpoint. Its waiting deliveries are given up: a thousand at once, and the others
    /// when their three days are over.
    pub(super) fn delete_endpoint(&self, id: &str) -> Result<(), ApiError> {
        self.storage.atomically(|| {
            if !store::endpoints::remove(&self.storage, id)? {
                return Err(ApiError::of(Code::EndpointNotFound));
            }
            for waiting in store::event_deliveries::waiting_for(&self.storage, id, AT_ONCE)? {
                store::event_deliveries::give_up(&self.storage, waiting.id)?;
            }
            self.end_alarm(Alarm::EndpointFailing, id)?;
            self.audit(id, "endpoint deleted", "")?;
            Ok(())
        })
    }

    pub(super) fn rotate_endpoint(&self, new: &NewSecret) -> Result<Json, ApiError> {
        self.storage.atomically(|| {
            let all = store::endpoints::secrets(&self.storage)?;
            let secrets = all.into_iter().find(|secrets| secrets.id == new.id);
            let secrets = secrets.ok_or_else(|| ApiError::of(Code::EndpointNotFound))?;
            let now_ms = self.runtime.now_ms();
            let earlier = secrets.valid_previous(now_ms).cloned().collect::<Vec<_>>();
            let previous = [secrets.current].into_iter().chain(earlier);
            let secrets = Secrets {
                id: secrets.id,
                previous: previous.take(MOST_PREVIOUS).collect(),
                current: new.secret.clone(),
                previous_until_ms: Some(new.previous_until_ms),
            };
            store::endpoints::set_secrets(&self.storage, &secrets)?;
            self.audit(&new.id, "endpoint's secret rotated", "")?;
            Ok(with_sealed(self.endpoint_item(&new.id)?, &new.secret))
        })
    }

    /// Sends an event of the type `test` to one endpoint, at once. While an earlier one
    /// waits, that one is sent.
    pub(super) fn test_endpoint(&self, id: &str) -> Result<Json, ApiError> {
        self.storage.atomically(|| {
            let endpoint = self.endpoint(id)?;
            if !endpoint.is_active {
                return Err(ApiError::of(Code::EndpointOff));
            }
            let now_ms = self.runtime.now_ms();
            let kind = EventType::Test.name();
            let waiting = store::event_deliveries::waiting_of_type(&self.storage, id, kind)?;
            let (delivery, n) = match waiting {
                Some((delivery, n)) => {
                    let until_ms = now_ms + UNTIL_MS;
                    store::event_deliveries::begin_again(
                        &self.storage,
                        delivery,
                        now_ms,
                        until_ms,
                    )?;
                    (delivery, n)
                }
                None => {
                    let object = endpoint.item(now_ms);
                    let n = self.insert_event(EventType::Test, id, &object)?;
                    let until_ms = now_ms + UNTIL_MS;
                    let delivery = store::event_deliveries::insert_for(
                        &self.storage,
                        n,
                        id,
                        id,
                        now_ms,
                        until_ms,
                    )?;
                    (delivery, n)
                }
            };
            store::event_deliveries::line_up(&self.storage, id, id, now_ms)?;
            store::endpoints::resume(&self.storage, id)?;
            self.audit_person(id, "endpoint tested")?;
            self.arm()?;
            let event = store::events::find(&self.storage, n)?;
            Ok(json!({"event": event.map(|event| event.id()), "delivery": delivery}))
        })
    }

    /// Sends again what an endpoint has not acknowledged: the deliveries made since
    /// this time that were given up, or that failed and wait for their next attempt.
    pub(super) fn resend_failed(&self, id: &str, since_ms: i64) -> Result<Resent, ApiError> {
        self.storage.atomically(|| {
            if !self.endpoint(id)?.is_active {
                return Err(ApiError::of(Code::EndpointOff));
            }
            let now_ms = self.runtime.now_ms();
            // Older deliveries are being removed.
            let since_ms = since_ms.max(now_ms - KEPT_MS + 1);
            let most = AT_ONCE + 1;
            let mut failed =
                store::event_deliveries::given_up_since(&self.storage, id, since_ms, most)?;
            failed.extend(store::event_deliveries::failed_since(
                &self.storage,
                id,
                since_ms,
                most,
            )?);
            let mut resent = 0;
            for delivery in failed.iter().take(usize::try_from(AT_ONCE).unwrap_or(0)) {
                let Some(until_ms) = until_of(delivery.created_at_ms, now_ms) else {
                    continue;
                };
                store::event_deliveries::begin_again(&self.storage, delivery.id, now_ms, until_ms)?;
                store::event_deliveries::line_up(&self.storage, id, &delivery.subject, now_ms)?;
                resent += 1;
            }
            store::endpoints::resume(&self.storage, id)?;
            self.audit(id, &format!("{resent} deliveries sent again"), "")?;
            self.arm()?;
            Ok(Resent {
                resent,
                more: i64::try_from(failed.len()).is_ok_and(|n| n > AT_ONCE),
            })
        })
    }

    /// Seals the secrets again, under the deployment's current key, and erases the
    /// previous ones that are no longer valid. Returns how many endpoints have a secret that does
    /// not open; those secrets stay as they are.
    pub(super) fn reseal_endpoints(&self) -> Result<i64, ApiError> {
        let now_ms = self.runtime.now_ms();
        self.storage.atomically(|| {
            let mut unreadable = 0;
            for secrets in store::endpoints::secrets(&self.storage)? {
                let id = secrets.id.clone();
                let again = |sealed: &String| {
                    let text = self.config.master_key.open(&id, sealed);
                    let text = text.map_err(ApiError::internal)?;
                    let mut nonce = [0; 12];
                    self.runtime.random(&mut nonce);
                    let sealed = self.config.master_key.seal(&id, &text, nonce);
                    sealed.map_err(ApiError::internal)
                };
                let previous: Result<Vec<_>, _> =
                    secrets.valid_previous(now_ms).map(again).collect();
                let (Ok(current), Ok(previous)) = (again(&secrets.current), previous) else {
                    self.runtime
                        .log(format_args!("a secret of {id} does not open"));
                    unreadable += 1;
                    continue;
                };
                let secrets = Secrets {
                    current,
                    previous,
                    ..secrets
                };
                store::endpoints::set_secrets(&self.storage, &secrets)?;
            }
            Ok(unreadable)
        })
    }

    /// The endpoint as an event about it shows it; `None` where it is removed. Other
    /// endpoints receive the event, and the rest of an address may be a secret: only
    /// its origin is shown.
    pub(super) fn endpoint_object(&self, id: &str) -> Result<Option<Json>, StorageError> {
        let found = store::endpoints::find(&self.storage, id)?;
        Ok(found.map(|mut endpoint| {
            endpoint.url = origin(&endpoint.url).unwrap_or_default();
            endpoint.item(self.runtime.now_ms())
        }))
    }
}
