//! The members of answers that the console shows. Unknown members are ignored,
//! so that a console that is open during an update of the server still works.

use std::collections::BTreeMap;

use serde::Deserialize;

/// `GET /console/api/me`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Session {
    pub(crate) person: Person,
    /// The rights that work now.
    pub(crate) can: Vec<String>,
    pub(crate) merchant: Merchant,
    pub(crate) is_test: bool,
    pub(crate) today: Today,
}

impl Session {
    /// Whether this right works now.
    pub(crate) fn may(&self, right: &str) -> bool {
        self.can.iter().any(|granted| granted == right)
    }
}

/// A person of the shop.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) login: String,
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) refund_limit: Option<i64>,
    /// `on`, `off` or `needed`.
    pub(crate) second_factor: String,
    pub(crate) recovery_codes_left: Option<u32>,
    pub(crate) is_off: bool,
    pub(crate) signed_in_at_ms: Option<i64>,
    pub(crate) you: bool,
}

/// The merchant whose shop it is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Merchant {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) currency: String,
    pub(crate) time_zone: String,
    pub(crate) dialect: String,
    pub(crate) suspended: bool,
    pub(crate) brand: Brand,
    pub(crate) retype_refunds_from: Option<i64>,
}

/// What payers see of the merchant.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Brand {
    pub(crate) logo: Option<String>,
    pub(crate) logo_url: Option<String>,
    pub(crate) colour: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) mail: Option<String>,
    pub(crate) wechat: Option<String>,
    pub(crate) terms_url: Option<String>,
    pub(crate) privacy_url: Option<String>,
}

/// The merchant's day.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Today {
    pub(crate) day: String,
    pub(crate) from_ms: i64,
}

/// `POST /console/api/invitation`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Invitation {
    /// `join` or `reset`.
    pub(crate) kind: String,
    pub(crate) role: String,
    pub(crate) refund_limit: Option<i64>,
    pub(crate) login: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) merchant: Named,
    pub(crate) expires_at_ms: i64,
}

/// An object with a name.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Named {
    pub(crate) name: String,
}

/// `GET /v1/orders`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Orders {
    pub(crate) orders: Vec<Order>,
    pub(crate) after: Option<String>,
}

/// An order of a list.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Order {
    pub(crate) out_trade_no: String,
    pub(crate) purchase: Option<String>,
    pub(crate) state: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) refunded_amount: i64,
    pub(crate) trade_type: String,
    pub(crate) body: String,
    pub(crate) openid: Option<String>,
    pub(crate) transaction_id: Option<String>,
    pub(crate) link: Option<String>,
    pub(crate) waiting: bool,
    pub(crate) duplicate_of: Option<String>,
    pub(crate) created_at_ms: i64,
    pub(crate) paid_at_ms: Option<i64>,
    pub(crate) expires_at_ms: i64,
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, String>,
}

/// `GET /v1/refunds`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Refunds {
    pub(crate) refunds: Vec<Refund>,
}

/// A refund of a list.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Refund {
    pub(crate) out_refund_no: String,
    pub(crate) state: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) error_code: Option<String>,
    pub(crate) created_at_ms: i64,
    pub(crate) reason: Option<String>,
}

/// `GET /v1/deliveries`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Deliveries {
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) after: Option<String>,
}

/// A delivery, with its attempts where it was asked for alone.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Delivery {
    pub(crate) id: i64,
    pub(crate) out_trade_no: String,
    pub(crate) url: String,
    pub(crate) state: String,
    pub(crate) attempts: i64,
    pub(crate) last_result: Option<String>,
    pub(crate) next_at_ms: Option<i64>,
    pub(crate) created_at_ms: i64,
    pub(crate) event: Option<String>,
    #[serde(default)]
    pub(crate) attempts_made: Vec<Attempt>,
}

/// One attempt of a delivery.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) at_ms: i64,
    pub(crate) duration_ms: i64,
    pub(crate) status: Option<i64>,
    pub(crate) answer: String,
}

/// `GET /v1/timeline`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Timeline {
    pub(crate) events: Vec<Step>,
}

/// One step of a purchase.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Step {
    pub(crate) at_ms: i64,
    pub(crate) kind: String,
    pub(crate) out_trade_no: String,
    pub(crate) what: String,
    pub(crate) evidence: Option<String>,
    pub(crate) who: Option<String>,
    pub(crate) request_id: Option<String>,
}

/// `GET /v1/totals`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Totals {
    pub(crate) totals: Vec<Total>,
}

/// What was paid and refunded on one day in one currency.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Total {
    pub(crate) period: String,
    pub(crate) currency: String,
    pub(crate) paid_amount: i64,
    pub(crate) paid_count: i64,
    pub(crate) refunded_amount: i64,
    pub(crate) refunded_count: i64,
    pub(crate) net_amount: i64,
}

/// `GET /v1/alarms`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Alarms {
    pub(crate) alarms: Vec<Alarm>,
}

/// A condition that needs a person.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Alarm {
    pub(crate) name: String,
    pub(crate) subject: String,
    pub(crate) says: Option<String>,
    pub(crate) to_do: Option<String>,
    pub(crate) last_at_ms: i64,
}

/// `GET /v1/doctor`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Doctor {
    pub(crate) healthy: bool,
    pub(crate) checks: Vec<Check>,
}

/// One check of the merchant's settings.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) ok: Option<bool>,
    pub(crate) says: String,
}

/// `GET /v1/links`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Links {
    pub(crate) links: Vec<Link>,
    pub(crate) after: Option<String>,
}

/// A payment link of the list.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Link {
    pub(crate) id: String,
    pub(crate) body: String,
    pub(crate) active: bool,
    pub(crate) amount: Option<i64>,
    pub(crate) min_amount: Option<i64>,
    pub(crate) max_amount: Option<i64>,
    pub(crate) currency: String,
    pub(crate) stock: Option<i64>,
    pub(crate) sold: i64,
    pub(crate) held: i64,
    pub(crate) expires_at_ms: Option<i64>,
}

/// `GET /v1/endpoints`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Endpoints {
    pub(crate) endpoints: Vec<Endpoint>,
}

/// An address that receives events.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Endpoint {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) events: Option<Vec<String>>,
    pub(crate) description: Option<String>,
    pub(crate) active: bool,
    pub(crate) failures: i64,
    pub(crate) failing_since_ms: Option<i64>,
    /// Only in the answer that makes or changes it.
    pub(crate) secret: Option<String>,
}

/// `GET /v1/keys`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Keys {
    pub(crate) keys: Vec<Key>,
}

/// A named key.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) made_by: String,
    pub(crate) made_at_ms: i64,
    pub(crate) expires_at_ms: Option<i64>,
    pub(crate) last_used_at_ms: Option<i64>,
    /// Only in the answer that makes it.
    pub(crate) key: Option<String>,
}

/// `GET /console/api/people`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct People {
    pub(crate) people: Vec<Person>,
    pub(crate) invitations: Vec<OpenInvitation>,
}

/// An invitation that has not been used yet.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct OpenInvitation {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) role: String,
    pub(crate) name: Option<String>,
    pub(crate) expires_at_ms: i64,
}

/// A one-time link.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct OneTimeLink {
    pub(crate) url: String,
    pub(crate) expires_at_ms: i64,
}

/// `GET /console/api/sessions`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Sessions {
    pub(crate) sessions: Vec<OpenSession>,
}

/// A browser in which a person is signed in.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct OpenSession {
    pub(crate) id: String,
    pub(crate) current: bool,
    pub(crate) browser: String,
    pub(crate) used_at_ms: i64,
}

/// `POST /console/api/totp`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Totp {
    pub(crate) secret: String,
    pub(crate) otpauth: String,
    pub(crate) qr_svg: String,
}

/// `POST /console/api/totp/confirm`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct RecoveryCodes {
    pub(crate) recovery_codes: Vec<String>,
}

/// `GET /v1/audit`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Audit {
    pub(crate) entries: Vec<Entry>,
    pub(crate) before: Option<i64>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Entry {
    pub(crate) id: i64,
    pub(crate) at_ms: i64,
    pub(crate) subject: String,
    pub(crate) what: String,
    pub(crate) evidence: String,
    pub(crate) who: String,
    pub(crate) request_id: String,
    pub(crate) person: Option<Actor>,
}

/// The person who made a change.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Actor {
    pub(crate) name: String,
}

/// `POST /v1/receipt`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) receipt_url: Option<String>,
}

/// `GET /v1/order`, `POST /v1/order` and `POST /v1/micropay`: WeChat's own form,
/// in which every value is a text.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Payment {
    pub(crate) out_trade_no: String,
    pub(crate) trade_state: Option<String>,
    pub(crate) code_url: Option<String>,
}

/// `POST /v1/refund`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct RefundMade {
    pub(crate) refund_status: String,
}

/// `POST /v1/link`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct LinkMade {
    pub(crate) id: String,
}

/// An answer of which only the success counts.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Done {}

/// An image that was sent.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Image {
    pub(crate) id: String,
}

/// `GET /v1/settings`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) time_zone: String,
    pub(crate) currency: String,
    pub(crate) retype_refunds_from: Option<i64>,
}
