//! The members of answers that the console shows. Unknown members are ignored,
//! so that a console that is open during an update of the server still works.

use std::collections::BTreeMap;

use crate::json::messages;

messages! {
    /// `GET /console/api/me`.
    #[derive(Default)]
    struct Session {
        person: Person = default,
        /// The rights that work now.
        can: Vec<String> = default,
        merchant: Merchant = default,
        is_test: bool = default,
        today: Today = default,
    }

    /// A person of the shop.
    #[derive(Default)]
    struct Person {
        id: String = default,
        login: String = default,
        name: String = default,
        role: String = default,
        refund_limit: Option<i64>,
        /// `on`, `off` or `needed`.
        second_factor: String = default,
        recovery_codes_left: Option<u32>,
        is_off: bool = default,
        signed_in_at_ms: Option<i64>,
        you: bool = default,
    }

    /// The merchant whose shop it is.
    #[derive(Default)]
    struct Merchant {
        id: String = default,
        name: String = default,
        currency: String = default,
        time_zone: String = default,
        dialect: String = default,
        suspended: bool = default,
        brand: Brand = default,
        retype_refunds_from: Option<i64>,
    }

    /// What payers see of the merchant.
    #[derive(Default)]
    struct Brand {
        logo: Option<String>,
        logo_url: Option<String>,
        colour: Option<String>,
        phone: Option<String>,
        mail: Option<String>,
        wechat: Option<String>,
        terms_url: Option<String>,
        privacy_url: Option<String>,
    }

    /// The merchant's day.
    #[derive(Default)]
    struct Today {
        day: String = default,
        from_ms: i64 = default,
    }

    /// `POST /console/api/invitation`.
    struct Invitation {
        /// `join` or `reset`.
        kind: String,
        role: String,
        refund_limit: Option<i64>,
        login: Option<String>,
        name: Option<String>,
        merchant: Named,
        expires_at_ms: i64,
    }

    /// An object with a name.
    struct Named {
        name: String,
    }

    /// `GET /v1/orders`.
    struct Orders {
        orders: Vec<Order>,
        after: Option<String>,
    }

    /// An order of a list.
    struct Order {
        out_trade_no: String,
        purchase: Option<String>,
        state: String,
        amount: i64,
        currency: String,
        refunded_amount: i64,
        trade_type: String,
        body: String,
        openid: Option<String>,
        transaction_id: Option<String>,
        link: Option<String>,
        waiting: bool,
        duplicate_of: Option<String>,
        created_at_ms: i64,
        paid_at_ms: Option<i64>,
        expires_at_ms: i64,
        metadata: BTreeMap<String, String> = default,
    }

    /// `GET /v1/refunds`.
    struct Refunds {
        refunds: Vec<Refund>,
    }

    /// A refund of a list.
    struct Refund {
        out_refund_no: String,
        state: String,
        amount: i64,
        currency: String,
        error_code: Option<String>,
        created_at_ms: i64,
        reason: Option<String>,
    }

    /// `GET /v1/deliveries`.
    struct Deliveries {
        deliveries: Vec<Delivery>,
        after: Option<String>,
    }

    /// A delivery, with its attempts where it was asked for alone.
    struct Delivery {
        id: i64,
        out_trade_no: String,
        url: String,
        state: String,
        attempts: i64,
        last_result: Option<String>,
        next_at_ms: Option<i64>,
        created_at_ms: i64,
        event: Option<String>,
        attempts_made: Vec<Attempt> = default,
    }

    /// One attempt of a delivery.
    struct Attempt {
        at_ms: i64,
        duration_ms: i64,
        status: Option<i64>,
        answer: String,
    }

    /// `GET /v1/timeline`.
    struct Timeline {
        events: Vec<Step>,
    }

    /// One step of a purchase.
    struct Step {
        at_ms: i64,
        kind: String,
        out_trade_no: String,
        what: String,
        evidence: Option<String>,
        who: Option<String>,
        request_id: Option<String>,
    }

    /// `GET /v1/totals`.
    struct Totals {
        totals: Vec<Total>,
    }

    /// What was paid and refunded on one day in one currency.
    struct Total {
        period: String,
        currency: String,
        paid_amount: i64,
        paid_count: i64,
        refunded_amount: i64,
        refunded_count: i64,
        net_amount: i64,
    }

    /// `GET /v1/alarms`.
    struct Alarms {
        alarms: Vec<Alarm>,
    }

    /// A condition that needs a person.
    struct Alarm {
        name: String,
        subject: String,
        says: Option<String>,
        to_do: Option<String>,
        last_at_ms: i64,
    }

    /// `GET /v1/doctor`.
    struct Doctor {
        healthy: bool,
        checks: Vec<Check>,
    }

    /// One check of the merchant's settings.
    struct Check {
        name: String,
        ok: Option<bool>,
        says: String,
    }

    /// `GET /v1/links`.
    struct Links {
        links: Vec<Link>,
        after: Option<String>,
    }

    /// A payment link of the list.
    struct Link {
        id: String,
        body: String,
        active: bool,
        amount: Option<i64>,
        min_amount: Option<i64>,
        max_amount: Option<i64>,
        currency: String,
        stock: Option<i64>,
        sold: i64,
        held: i64,
        expires_at_ms: Option<i64>,
        last_sold_at_ms: Option<i64>,
    }

    /// `GET /v1/endpoints`.
    struct Endpoints {
        endpoints: Vec<Endpoint>,
    }

    /// An address that receives events.
    struct Endpoint {
        id: String,
        url: String,
        events: Option<Vec<String>>,
        description: Option<String>,
        active: bool,
        failures: i64,
        failing_since_ms: Option<i64>,
        /// Only in the answer that makes or changes it.
        secret: Option<String>,
    }

    /// `GET /v1/keys`.
    struct Keys {
        keys: Vec<Key>,
    }

    /// A named key.
    struct Key {
        id: String,
        name: String,
        scopes: Vec<String>,
        made_by: String,
        made_at_ms: i64,
        expires_at_ms: Option<i64>,
        last_used_at_ms: Option<i64>,
        /// Only in the answer that makes it.
        key: Option<String>,
    }

    /// `GET /console/api/people`.
    struct People {
        people: Vec<Person>,
        invitations: Vec<OpenInvitation>,
    }

    /// An invitation that has not been used yet.
    struct OpenInvitation {
        id: String,
        kind: String,
        role: String,
        name: Option<String>,
        expires_at_ms: i64,
    }

    /// A one-time link.
    struct OneTimeLink {
        url: String,
        expires_at_ms: i64,
    }

    /// `GET /console/api/sessions`.
    struct Sessions {
        sessions: Vec<OpenSession>,
    }

    /// A browser in which a person is signed in.
    struct OpenSession {
        id: String,
        current: bool,
        browser: String,
        used_at_ms: i64,
    }

    /// `POST /console/api/totp`.
    struct Totp {
        secret: String,
        otpauth: String,
        qr_svg: String,
    }

    /// `POST /console/api/totp/confirm`.
    struct RecoveryCodes {
        recovery_codes: Vec<String>,
    }

    /// `GET /v1/audit`.
    struct Audit {
        entries: Vec<Entry>,
        before: Option<i64>,
    }

    /// One change.
    struct Entry {
        id: i64,
        at_ms: i64,
        subject: String,
        what: String,
        evidence: String,
        who: String,
        request_id: String,
        person: Option<Actor>,
    }

    /// The person who made a change.
    struct Actor {
        name: String,
    }

    /// `POST /v1/receipt`.
    struct Receipt {
        receipt_url: Option<String>,
    }

    /// `GET /v1/order`, `POST /v1/order` and `POST /v1/micropay`: WeChat's own form,
    /// in which every value is a text.
    struct Payment {
        out_trade_no: String,
        trade_state: Option<String>,
        code_url: Option<String>,
    }

    /// `POST /v1/refund`.
    struct RefundMade {
        refund_status: String,
    }

    /// `POST /v1/link`.
    struct LinkMade {
        id: String,
    }

    /// An answer of which only the success counts.
    struct Done {}

    /// An image that was sent.
    struct Image {
        id: String,
    }

    /// `GET /v1/settings`.
    struct Settings {
        name: String,
        time_zone: String,
        retype_refunds_from: Option<i64>,
    }

    /// `GET /v1/reconciliations`.
    struct Days {
        days: Vec<Day>,
    }

    /// A day that is compared with WeChat's statement; its differences are in the answer
    /// about the day alone.
    #[derive(Default)]
    struct Day {
        date: String = default,
        state: String = default,
        source: String = default,
        theirs: Vec<DaySums> = default,
        ours: Vec<DaySums> = default,
        fees: Vec<Fee> = default,
        open: i64 = default,
        not_kept: i64 = default,
        problem: Option<String>,
        differences: Vec<Difference> = default,
        after: Option<i64>,
    }

    /// The sums of a day in one currency.
    #[derive(Default)]
    struct DaySums {
        currency: String = default,
        paid_amount: i64 = default,
        paid_count: i64 = default,
        refunded_amount: i64 = default,
        reversed_amount: i64 = default,
    }

    /// WeChat's fees of a day, a decimal of the main unit.
    struct Fee {
        currency: String,
        amount: String,
    }

    /// A payment or refund about which the book and WeChat's statement disagree.
    struct Difference {
        id: i64,
        state: String,
        reason: String,
        out_trade_no: Option<String>,
        out_refund_no: Option<String>,
        row: Option<String>,
        theirs: Option<Side>,
        ours: Option<Side>,
        problem: Option<String>,
        notes: Vec<Note>,
    }

    /// A difference as one side has it.
    struct Side {
        amount: i64,
        currency: String,
        wechat_number: Option<String>,
        at_ms: Option<i64>,
    }

    /// What a person has found out about a difference.
    struct Note {
        at_ms: i64,
        by: String,
        name: Option<String>,
        text: String,
    }

    /// `GET /v1/settlement`.
    struct Settlements {
        records: Vec<Settlement>,
    }

    /// What WeChat paid out; every value is a text, the amount in the smallest unit.
    struct Settlement {
        date_settlement: Option<String>,
        date_start: Option<String>,
        date_end: Option<String>,
        settlement_fee: String,
        settlementfee_type: String,
    }
}

impl Session {
    /// Whether this right works now.
    pub(crate) fn may(&self, right: &str) -> bool {
        self.can.iter().any(|granted| granted == right)
    }
}
