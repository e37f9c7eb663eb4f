//! The server's codes in the reader's language.

use crate::api::{Failure, Refused};
use crate::money;
use crate::texts::{self as x, Text, t};
use checkout::link::EntryProblem;
use checkout::{Lang, fill};

/// A sentence that says what to do, and a detail to quote.
pub(crate) fn failure(failure: &Failure) -> (String, Option<String>) {
    match failure {
        Failure::Network => (t(x::NO_ANSWER).to_owned(), None),
        Failure::Unreadable => (t(x::UNREADABLE).to_owned(), None),
        Failure::Refused(refused) => (sentence(refused), detail(refused)),
    }
}

fn sentence(refused: &Refused) -> String {
    let wait = refused.retry_after_seconds.unwrap_or(60);
    let wait = match wait {
        0..120 => fill(t(x::SECONDS), &[("n", &wait.to_string())]),
        _ => fill(t(x::MINUTES), &[("n", &wait.div_ceil(60).to_string())]),
    };
    match known(&refused.code, refused.field.as_deref()) {
        Some(text) => fill(t(text), &[("wait", &wait)]),
        None => fill(t(x::REFUSED), &[("code", &refused.code)]),
    }
}

/// Details for a person who looks for the reason: WeChat's own text, the
/// server's sentence where the console has none, and the request's id.
fn detail(refused: &Refused) -> Option<String> {
    let mut parts = Vec::new();
    if let Some(upstream) = &refused.upstream {
        parts.push(format!("{} {upstream}", t(x::WECHAT_SAYS)));
    } else if known(&refused.code, refused.field.as_deref()).is_none()
        || ["FIELD_INVALID", "RIGHT_MISSING"].contains(&refused.code.as_str())
    {
        parts.push(refused.message.clone());
    }
    if known(&refused.code, refused.field.as_deref()).is_none_or(|text| text == x::OUR_FAULT)
        && !refused.request_id.is_empty()
    {
        parts.push(format!("{} {}", t(x::REQUEST), refused.request_id));
    }
    parts.retain(|part| !part.is_empty());
    (!parts.is_empty()).then(|| parts.join(" · "))
}

/// The console's sentence for a code.
fn known(code: &str, field: Option<&str>) -> Option<Text> {
    Some(match (code, field) {
        ("SIGN_IN_NEEDED", _) => x::SIGN_IN_AGAIN,
        ("SIGN_IN_REFUSED", _) => x::SIGN_IN_REFUSED,
        ("CODE_NEEDED", _) => x::CODE_NEEDED,
        ("CODE_WRONG", _) => x::CODE_WRONG,
        ("PASSWORD_WRONG", _) => x::PASSWORD_WRONG,
        ("TOO_MANY_SIGN_INS", _) => x::TOO_MANY_SIGN_INS,
        ("INVITATION_NOT_FOUND", _) => x::INVITATION_GONE,
        ("LOGIN_TAKEN", _) => x::LOGIN_TAKEN,
        ("NAME_TAKEN", _) => x::NAME_TAKEN,
        ("FIELD_INVALID", Some("password" | "new_password")) => x::PASSWORD_RULE,
        ("FIELD_INVALID" | "FIELD_MISSING", Some("login")) => x::LOGIN_RULE,
        ("FIELD_INVALID" | "FIELD_MISSING", Some("reason")) => x::REASON_RULE,
        ("FIELD_INVALID" | "FIELD_MISSING", Some("note")) => x::NOTE_RULE,
        ("FIELD_INVALID", Some("auth_code")) => x::AUTH_CODE_RULE,
        ("FIELD_MISSING", Some("code")) => x::CODE_NEEDED,
        ("FIELD_MISSING", _) => x::FIELD_MISSING,
        ("FIELD_INVALID", _) => x::FIELD_INVALID,
        ("SECOND_FACTOR_NEEDED", _) => x::SECOND_FACTOR_NEEDED,
        ("RIGHT_MISSING", _) => x::RIGHT_MISSING,
        ("NOT_YOUR_ORDER", _) => x::NOT_YOUR_ORDER,
        ("REFUND_ABOVE_LIMIT", _) => x::REFUND_ABOVE_LIMIT,
        ("TOTP_NOT_BEGUN", _) => x::TOTP_NOT_BEGUN,
        ("LAST_OWNER", _) => x::LAST_OWNER,
        ("PERSON_NOT_FOUND", _) => x::PERSON_GONE,
        ("FOREIGN_ORIGIN", _) => x::FOREIGN_ORIGIN,
        ("AMOUNT_INVALID", _) => x::AMOUNT_RULE,
        ("ORDER_NOT_FOUND", _) => x::ORDER_NOT_FOUND,
        ("ORDER_PAID", _) => x::ORDER_PAID,
        ("ORDER_NOT_PAID", _) => x::ORDER_NOT_PAID,
        ("ORDER_CLOSED" | "ORDER_EXPIRED" | "ORDER_REVERSED", _) => x::ORDER_ENDED,
        ("ORDER_REFUNDED", _) => x::ORDER_REFUNDED,
        ("REFUND_EXCEEDS_PAID", _) => x::REFUND_EXCEEDS,
        ("REFUND_TOO_LATE", _) => x::REFUND_TOO_LATE,
        ("REFUND_TOO_SOON", _) => x::REFUND_TOO_SOON,
        ("REFUND_TOO_MANY", _) => x::REFUND_TOO_MANY,
        ("REVERSE_TOO_SOON", _) => x::REVERSE_TOO_SOON,
        ("REVERSE_TOO_LATE", _) => x::REVERSE_TOO_LATE,
        ("CLIENT_CERTIFICATE_MISSING" | "CERTIFICATE_EXPIRED", _) => x::CERTIFICATE,
        ("MERCHANT_SUSPENDED", _) => x::SUSPENDED,
        ("DAY_NOT_FOUND", _) => x::DAY_NOT_FOUND,
        ("DIFFERENCE_NOT_OPEN" | "DIFFERENCE_NOT_FOUND", _) => x::DIFFERENCE_NOT_OPEN,
        ("IMAGE_INVALID", _) => x::IMAGE_RULE,
        ("ENDPOINT_OFF", _) => x::ENDPOINT_OFF,
        ("NOTIFY_URL_REFUSED", _) => x::URL_RULE,
        ("UPSTREAM_REFUSED", _) => x::WECHAT_REFUSED,
        ("UPSTREAM_UNAVAILABLE" | "UPSTREAM_UNVERIFIED", _) => x::WECHAT_SILENT,
        ("RATE_LIMITED" | "UPSTREAM_TOO_OFTEN" | "TOO_MANY_WRONG_KEYS", _) => x::TOO_OFTEN,
        ("LISTS_NOT_READY", _) => x::LISTS_NOT_READY,
        ("INTERNAL" | "STORAGE_FULL" | "DISK_FULL" | "DISK_UNUSABLE", _) => x::OUR_FAULT,
        _ => return None,
    })
}

/// A state of an order: the kind of its colour, and its name.
pub(crate) fn order_state(
    state: &str,
    refunded_minor: i64,
    amount_minor: i64,
) -> (&'static str, Text) {
    match state {
        "SUCCESS" => ("good", x::PAID),
        "REFUND" if refunded_minor < amount_minor => ("", x::PARTLY_REFUNDED),
        "REFUND" => ("", x::REFUNDED),
        "NOTPAY" => ("wait", x::NOT_PAID),
        "USERPAYING" => ("wait", x::PAYING),
        "CLOSED" => ("off", x::CLOSED),
        "REVOKED" => ("off", x::REVERSED),
        _ => ("bad", x::FAILED),
    }
}

/// The states by which the list of orders is filtered.
pub(crate) const ORDER_STATES: [(&str, Text); 7] = [
    ("SUCCESS", x::PAID),
    ("REFUND", x::REFUNDED),
    ("NOTPAY", x::NOT_PAID),
    ("USERPAYING", x::PAYING),
    ("CLOSED", x::CLOSED),
    ("REVOKED", x::REVERSED),
    ("PAYERROR", x::FAILED),
];

/// The ways to pay.
pub(crate) const TRADE_TYPES: [(&str, Text); 5] = [
    ("JSAPI", x::JSAPI),
    ("NATIVE", x::NATIVE),
    ("MICROPAY", x::MICROPAY),
    ("MWEB", x::MWEB),
    ("APP", x::APP),
];

/// A way to pay in words.
pub(crate) fn trade_type(name: &str) -> &'static str {
    let found = TRADE_TYPES.iter().find(|(known, _)| *known == name);
    found.map_or("", |(_, text)| t(*text))
}

/// A state of a refund.
pub(crate) fn refund_state(state: &str) -> (&'static str, Text) {
    match state {
        "ASKED" => ("wait", x::REFUND_ASKED),
        "PROCESSING" => ("wait", x::REFUND_PROCESSING),
        "SUCCESS" => ("good", x::REFUND_ARRIVED),
        "CLOSED" => ("off", x::REFUND_CLOSED),
        _ => ("bad", x::REFUND_ABNORMAL),
    }
}

/// The states of refunds.
const REFUND_STATES: [&str; 5] = ["ASKED", "PROCESSING", "SUCCESS", "CLOSED", "ABNORMAL"];

/// A state of a delivery.
pub(crate) fn delivery_state(state: &str) -> (&'static str, Text) {
    match state {
        "acknowledged" => ("good", x::ACKNOWLEDGED),
        "waiting" => ("wait", x::WAITING),
        _ => ("bad", x::GIVEN_UP),
    }
}

/// A state of a difference between the book and WeChat's statement.
pub(crate) fn difference_state(state: &str) -> (&'static str, Text) {
    match state {
        "asked" => ("wait", x::DIFFERENCE_ASKED),
        "settled" => ("good", x::DIFFERENCE_SETTLED),
        "carried" => ("wait", x::DIFFERENCE_CARRIED),
        "closed" => ("off", x::DIFFERENCE_ENDED),
        _ => ("bad", x::DIFFERENCE_OPEN),
    }
}

/// Why there is a difference.
pub(crate) fn difference_reason(reason: &str) -> String {
    let text = match reason {
        "taken_over" => x::TAKEN_OVER,
        "only_at_wechat" => x::ONLY_AT_WECHAT,
        "unknown_here" => x::UNKNOWN_HERE,
        "only_here" => x::ONLY_HERE,
        "other_amount" => x::OTHER_AMOUNT,
        "other_currency" => x::OTHER_CURRENCY,
        "refunded_elsewhere" => x::REFUNDED_ELSEWHERE,
        "carried" => x::CARRIED,
        "listed_twice" => x::LISTED_TWICE,
        "unreadable" => x::ROW_UNREADABLE,
        _ => return reason.to_owned(),
    };
    t(text).to_owned()
}

/// What a person does about an open difference.
pub(crate) fn difference_to_do(reason: &str) -> Option<Text> {
    Some(match reason {
        "only_at_wechat" => x::ONLY_AT_WECHAT_TO_DO,
        "unknown_here" => x::UNKNOWN_HERE_TO_DO,
        "only_here" => x::ONLY_HERE_TO_DO,
        "other_amount" | "other_currency" => x::OTHER_AMOUNT_TO_DO,
        "refunded_elsewhere" => x::REFUNDED_ELSEWHERE_TO_DO,
        "listed_twice" => x::LISTED_TWICE_TO_DO,
        "unreadable" => x::ROW_UNREADABLE_TO_DO,
        _ => return None,
    })
}

/// A role.
pub(crate) fn role(name: &str) -> Text {
    match name {
        "owner" => x::OWNER,
        "finance" => x::FINANCE,
        "cashier" => x::CASHIER,
        "developer" => x::DEVELOPER,
        _ => x::VIEWER,
    }
}

/// What a role may do.
pub(crate) fn role_may(name: &str) -> Text {
    match name {
        "owner" => x::OWNER_MAY,
        "finance" => x::FINANCE_MAY,
        "cashier" => x::CASHIER_MAY,
        "developer" => x::DEVELOPER_MAY,
        _ => x::VIEWER_MAY,
    }
}

/// The roles.
pub(crate) const ROLES: [&str; 5] = ["owner", "finance", "cashier", "developer", "viewer"];

/// The sentence about an invalid amount.
pub(crate) fn entry(problem: EntryProblem) -> &'static str {
    t(match problem {
        EntryProblem::Empty => x::AMOUNT_EMPTY,
        EntryProblem::NotANumber | EntryProblem::Separator => x::AMOUNT_NO_NUMBER,
        EntryProblem::Decimals => x::AMOUNT_DECIMALS,
        EntryProblem::OutOfRange => x::AMOUNT_RULE,
    })
}

/// Who did something, in words: a person by name, else the kind of the caller.
pub(crate) fn actor(who: &str, person: Option<&str>) -> String {
    if let Some(name) = person {
        return name.to_owned();
    }
    let kind = who.split(' ').next().unwrap_or_default();
    match kind {
        "wechat" => t(x::BY_WECHAT).to_owned(),
        "payer" => t(x::BY_PAYER).to_owned(),
        "timer" => t(x::BY_TIMER).to_owned(),
        "admin" => t(x::BY_OPERATOR).to_owned(),
        "key" | "token" => fill(t(x::BY_KEY), &[("key", who)]),
        _ => who.to_owned(),
    }
}

/// What an entry of the timeline or the log says, with states, amounts and ways to
/// pay as they are shown elsewhere: `order SUCCESS, 3040 HKD, NATIVE`. Unknown
/// parts stay unchanged.
pub(crate) fn what(said: &str, lang: Lang) -> String {
    let parts = said.split(", ").enumerate().map(|(at, part)| match at {
        0 => subject(part),
        _ => detail_of(part, lang),
    });
    parts.collect::<Vec<_>>().join(" · ")
}

/// `order SUCCESS` and `refund R1 SUCCESS`.
fn subject(part: &str) -> String {
    let words: Vec<&str> = part.split(' ').collect();
    match words.as_slice() {
        ["order", state] if ORDER_STATES.iter().any(|(known, _)| known == state) => {
            t(order_state(state, 0, 0).1).to_owned()
        }
        ["refund", number, state] if REFUND_STATES.contains(state) => {
            format!("{number} {}", t(refund_state(state).1))
        }
        _ => part.to_owned(),
    }
}

/// `3040 HKD`, `NATIVE` and `reason: …`.
fn detail_of(part: &str, lang: Lang) -> String {
    if let Some(reason) = part.strip_prefix("reason: ") {
        return format!("{}: {reason}", t(x::REASON));
    }
    let amount = part.split_once(' ').and_then(|(amount, currency)| {
        let amount: i64 = amount.parse().ok()?;
        (currency.len() == 3).then(|| money::shown(amount, currency, lang))
    });
    match (amount, trade_type(part)) {
        (Some(amount), _) => amount,
        (None, "") => part.to_owned(),
        (None, way) => way.to_owned(),
    }
}

/// A step of a timeline by its kind.
pub(crate) fn step(kind: &str) -> &'static str {
    t(match kind {
        "checkout" => x::STEP_CHECKOUT,
        "attempt" => x::STEP_ATTEMPT,
        "refund" => x::STEP_REFUND,
        "notice" => x::STEP_NOTICE,
        "delivery" => x::STEP_DELIVERY,
        "alarm" => x::STEP_ALARM,
        "change" => x::STEP_CHANGE,
        _ => x::STEP_ORDER,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_shown_in_the_readers_words_and_units() {
        crate::texts::speak_in(Lang::En);
        for (said, expected) in [
            (
                "order SUCCESS, 3040 HKD, NATIVE",
                "Paid · HK$30.40 · QR code",
            ),
            (
                "refund A-R1 PROCESSING, 1000 HKD, reason: broken",
                "A-R1 On its way · HK$10.00 · Reason: broken",
            ),
            ("order SOMETHING, 1 XXXX", "order SOMETHING · 1 XXXX"),
            ("link demo.x: 5 pieces", "link demo.x: 5 pieces"),
        ] {
            assert_eq!(what(said, Lang::En), expected);
        }
    }

    #[test]
    fn a_person_is_named_and_a_program_is_not() {
        crate::texts::speak_in(Lang::En);
        assert_eq!(actor("person p1", Some("Mei")), "Mei");
        assert_eq!(actor("wechat", None), "WeChat");
        assert_eq!(actor("key 5d2b", None), "A program (key 5d2b)");
    }
}
