//! The commands that make the sandbox do something: `trigger` and `clock`.
//!
//! They are clients of its control calls (`docs/sandbox.md`), and work with
//! `weceive sandbox`, `weceive dev` and `cargo xtask dev` alike.

use super::terminal::{Failure, print};
use clap::{Args, ValueEnum};
use demo::http::{get, post, text};
use serde_json::{Value, json};

/// The sandbox that a command calls.
#[derive(Args, Clone, Debug)]
pub struct SandboxAddress {
    /// The sandbox's address.
    #[arg(
        long = "sandbox",
        env = "WECEIVE_SANDBOX",
        default_value = "http://127.0.0.1:8788"
    )]
    origin: String,
}

/// Options of `weceive trigger`.
#[derive(Args, Debug)]
pub struct Trigger {
    /// The event to trigger.
    #[arg(value_name = "NAME")]
    event: Event,
    /// The order's or the refund's number. Without it, the newest one to which
    /// the event applies.
    #[arg(long)]
    number: Option<String>,
    /// The `mch_id` of the merchant. Without it, any; for a certificate and for
    /// funds 1900000109.
    #[arg(long, value_name = "MCH_ID")]
    merchant: Option<String>,
    /// The payer.
    #[arg(long, default_value = "alice")]
    payer: String,
    #[command(flatten)]
    sandbox: SandboxAddress,
}

/// The events that the sandbox can be made to produce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Event {
    /// The payer pays an order, and WeChat sends its notice
    #[value(name = "order.paid")]
    OrderPaid,
    /// The payer closes the sheet without paying
    #[value(name = "order.cancelled")]
    OrderCancelled,
    /// The payment of the order fails
    #[value(name = "order.failed")]
    OrderFailed,
    /// A person closes the order on the merchant platform
    #[value(name = "order.closed")]
    OrderClosed,
    /// A person refunds a paid order on the merchant platform
    #[value(name = "order.refunded")]
    OrderRefunded,
    /// As order.paid; the notice is sent twice
    #[value(name = "notice.twice")]
    NoticeTwice,
    /// As order.paid; the notice is sent a minute later
    #[value(name = "notice.late")]
    NoticeLate,
    /// As order.paid, of an APIv3 order; the signature of the first notice does
    /// not hold
    #[value(name = "notice.forged")]
    NoticeForged,
    /// No notice is sent until faults.off
    #[value(name = "notices.held")]
    NoticesHeld,
    /// A refund succeeds
    #[value(name = "refund.success")]
    RefundSuccess,
    /// A refund cannot be paid out to the payer's account (v2: CHANGE)
    #[value(name = "refund.abnormal")]
    RefundAbnormal,
    /// A refund is closed
    #[value(name = "refund.closed")]
    RefundClosed,
    /// WeChat's platform certificate takes the next of three steps: announced,
    /// in use, the earlier one removed
    #[value(name = "certificate.rotated")]
    CertificateRotated,
    /// The merchant's funds are used up, so that its refunds are refused
    #[value(name = "funds.empty")]
    FundsEmpty,
    /// A payer shows a Quick Pay code
    #[value(name = "paycode.shown")]
    PaycodeShown,
    /// Faults end: notices are sent again
    #[value(name = "faults.off")]
    FaultsOff,
}

/// The merchant whose certificate and funds change if none is named.
const FIRST_MERCHANT: &str = "1900000109";
/// How late a late notice is.
const LATE_SECONDS: i64 = 60;

/// Options of `weceive clock`.
#[derive(Args, Debug)]
pub struct Clock {
    /// How far the sandbox's clock moves forward, as `+2h` or `+1d12h` (d, h, m,
    /// s); `real` returns to the real time. Without it, the clock is shown.
    #[arg(value_parser = movement)]
    movement: Option<Movement>,
    #[command(flatten)]
    sandbox: SandboxAddress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Movement {
    Forward { seconds: i64 },
    Real,
}

/// Makes the sandbox do something.
///
/// # Errors
///
/// The sandbox does not answer, refuses the event, or has no order or refund to
/// which it applies.
pub fn trigger(trigger: &Trigger, as_json: bool) -> Result<(), Failure> {
    let (said, answer) = trigger.run()?;
    match as_json {
        true => print(&format!("{answer}\n")),
        false => print(&format!("{said}\n")),
    }
}

/// Shows or moves the sandbox's clock.
///
/// # Errors
///
/// The sandbox does not answer.
pub fn clock(clock: &Clock, as_json: bool) -> Result<(), Failure> {
    let told = match clock.movement {
        None => clock.sandbox.get("/sandbox/time")?,
        Some(Movement::Forward { seconds }) => clock
            .sandbox
            .post("/sandbox/time", &json!({ "advance_seconds": seconds }))?,
        Some(Movement::Real) => clock
            .sandbox
            .post("/sandbox/time", &json!({ "ahead_seconds": 0 }))?,
    };
    if as_json {
        return print(&format!("{told}\n"));
    }
    print(&format!(
        "The sandbox's clock: {} in China, {} ahead of the real time.\n",
        text(&told, "/china"),
        duration(
            told.get("ahead_seconds")
                .and_then(Value::as_i64)
                .unwrap_or_default()
        )
    ))?;
    match text(&told, "/warning") {
        "" => Ok(()),
        warning => print(&format!("{warning}\n")),
    }
}

impl SandboxAddress {
    fn get(&self, path: &str) -> Result<Value, Failure> {
        self.answer(get(&self.at(path)))
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.answer(post(&self.at(path), &[], body))
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.origin.trim_end_matches('/'))
    }

    fn answer(&self, answer: demo::Result<demo::http::Answer>) -> Result<Value, Failure> {
        let answer = answer.map_err(|failure| {
            Failure::Unavailable(format!(
                "no sandbox answers at {}: {}; start one with `weceive dev` or `weceive sandbox`",
                self.origin, failure.said
            ))
        })?;
        match answer.status {
            200..300 => Ok(answer.body),
            500.. => Err(Failure::Unavailable(format!(
                "the sandbox answered {}",
                answer.status
            ))),
            _ => Err(Failure::Refused(match text(&answer.body, "/message") {
                "" => format!(
                    "{} is no sandbox: it answered {}",
                    self.origin, answer.status
                ),
                message => format!("the sandbox refuses it: {message}"),
            })),
        }
    }
}

impl Trigger {
    /// A sentence, and the sandbox's answer.
    fn run(&self) -> Result<(String, Value), Failure> {
        match self.event {
            Event::OrderPaid => self.pay("pay", None),
            Event::OrderCancelled => self.pay("cancel", None),
            Event::OrderFailed => self.pay("fail", None),
            Event::OrderClosed => self.by_hand("close"),
            Event::OrderRefunded => self.by_hand("refund"),
            Event::NoticeTwice => self.pay_under(&json!({ "duplicate_notices": 1 }), None),
            Event::NoticeLate => {
                self.pay_under(&json!({ "delay_notices_seconds": LATE_SECONDS }), None)
            }
            Event::NoticeForged => {
                let forgery = json!({ "forgery": "BAD_SIGNATURE", "on": "notice" });
                self.pay_under(&json!({ "forge_next": forgery }), Some("v3"))
            }
            Event::NoticesHeld => self.fault(
                &json!({ "hold_notices": true }),
                "No notice is sent until faults.off.",
            ),
            Event::FaultsOff => self.fault(&json!({}), "No fault is switched on."),
            Event::RefundSuccess => self.settle("SUCCESS"),
            Event::RefundAbnormal => self.settle("CHANGE"),
            Event::RefundClosed => self.settle("REFUNDCLOSE"),
            Event::CertificateRotated => self.rotate(),
            Event::FundsEmpty => self.empty_funds(),
            Event::PaycodeShown => self.show_paycode(),
        }
    }

    fn fault(&self, faults: &Value, said: &str) -> Result<(String, Value), Failure> {
        let answer = self.sandbox.post("/sandbox/faults", faults)?;
        Ok((said.to_owned(), answer))
    }

    /// Pays while a fault is in effect for new notices, and then restores the
    /// earlier setting.
    fn pay_under(&self, fault: &Value, dialect: Option<&str>) -> Result<(String, Value), Failure> {
        // Without an order no fault is set.
        let order = self.payable(dialect)?;
        let before = self.sandbox.get("/sandbox/faults")?;
        self.sandbox.post("/sandbox/faults", fault)?;
        let paid = self.act_on(&order, "pay");
        // A forged signature is used once and then switched off by the sandbox
        // itself.
        let restored = ["duplicate_notices", "delay_notices_seconds"]
            .into_iter()
            .filter(|name| fault.get(*name).is_some())
            .map(|name| {
                (
                    name.to_owned(),
                    before.get(name).cloned().unwrap_or_default(),
                )
            })
            .collect::<serde_json::Map<_, _>>();
        if !restored.is_empty() {
            self.sandbox.post("/sandbox/faults", &restored.into())?;
        }
        paid
    }

    fn pay(&self, action: &str, dialect: Option<&str>) -> Result<(String, Value), Failure> {
        let order = self.payable(dialect)?;
        self.act_on(&order, action)
    }

    fn act_on(&self, order: &Value, action: &str) -> Result<(String, Value), Failure> {
        let body = json!({
            "mch_id": order.get("mch_id"),
            "sub_mch_id": order.get("sub_mch_id"),
            "out_trade_no": order.get("out_trade_no"),
            "payer": self.payer,
            "action": action,
        });
        let answer = self.sandbox.post("/sandbox/pay", &without_null(body))?;
        if action == "pay" && answer.get("ok") != Some(&json!(true)) {
            return Err(Failure::Refused(format!(
                "the payment was not made: {answer}"
            )));
        }
        let done = match action {
            "cancel" => "does not pay",
            "fail" => "cannot pay",
            _ => "has paid",
        };
        let said = format!(
            "{} {done} {} ({}).",
            self.payer,
            text(order, "/out_trade_no"),
            text(order, "/amount"),
        );
        Ok((said, answer))
    }

    /// The order with the given number, or the newest that can be paid.
    fn payable(&self, dialect: Option<&str>) -> Result<Value, Failure> {
        let orders = self.orders("payable=1")?;
        let fits =
            |order: &&Value| dialect.is_none_or(|name| text(order, "/dialect").starts_with(name));
        let kind = match dialect {
            Some("v3") => "APIv3 order",
            _ => "order",
        };
        self.newest(&orders, "/out_trade_no", fits).ok_or_else(|| {
            self.nothing(
                &format!("there is no {kind} that can be paid"),
                "make one first",
            )
        })
    }

    fn by_hand(&self, what: &str) -> Result<(String, Value), Failure> {
        let (wanted, lacking) = match what {
            "refund" => ("trade_state=SUCCESS", "there is no paid order"),
            _ => ("trade_state=NOTPAY", "there is no order that is not paid"),
        };
        let orders = self.orders(wanted)?;
        let order = self.newest(&orders, "/out_trade_no", |_| true);
        let order = order.ok_or_else(|| self.nothing(lacking, "make one first"))?;
        let number = text(&order, "/out_trade_no");
        let path = format!(
            "/sandbox/orders/{}/{}",
            text(&order, "/mch_id"),
            escaped(number)
        );
        let body = json!({ "by_hand": what, "sub_mch_id": order.get("sub_mch_id") });
        let answer = self.sandbox.post(&path, &without_null(body))?;
        let done = match what {
            "refund" => "is refunded",
            _ => "is closed",
        };
        Ok((format!("{number} {done} on the merchant platform."), answer))
    }

    fn settle(&self, status: &str) -> Result<(String, Value), Failure> {
        let all = self
            .sandbox
            .get(&format!("/sandbox/refunds{}", self.of_merchant("")))?;
        let refunds = list(&all, "refunds");
        let under_way = |refund: &&Value| text(refund, "/refund_status") == "PROCESSING";
        let refund = self.newest(&refunds, "/out_refund_no", under_way);
        let refund = refund.ok_or_else(|| {
            self.nothing(
                "there is no refund under way",
                "make one of a paid order first",
            )
        })?;
        let number = text(&refund, "/out_refund_no");
        let path = format!(
            "/sandbox/refunds/{}/{}",
            text(&refund, "/mch_id"),
            escaped(number)
        );
        let body = json!({ "status": status, "sub_mch_id": refund.get("sub_mch_id") });
        let answer = self.sandbox.post(&path, &without_null(body))?;
        Ok((format!("The refund {number} is {status}."), answer))
    }

    fn rotate(&self) -> Result<(String, Value), Failure> {
        let body = json!({ "rotate_platform_certificate": true });
        let answer = self.sandbox.post(&self.first_merchant(), &body)?;
        let certificates = list(&answer, "/v3/platform/certificates");
        let serials: Vec<String> = certificates
            .iter()
            .map(|certificate| {
                let signs = certificate.get("signs") == Some(&json!(true));
                let note = if signs { " (signs)" } else { "" };
                format!("{}{note}", text(certificate, "/serial_no"))
            })
            .collect();
        let said = format!(
            "WeChat's certificates for {} are now {}.",
            text(&answer, "/mch_id"),
            serials.join(" and ")
        );
        Ok((said, answer))
    }

    fn empty_funds(&self) -> Result<(String, Value), Failure> {
        let all = self.sandbox.get("/sandbox/merchants")?;
        let wanted = self.merchant.as_deref().unwrap_or(FIRST_MERCHANT);
        let merchants = list(&all, "merchants");
        let merchant = merchants
            .iter()
            .find(|merchant| text(merchant, "/mch_id") == wanted);
        let currency = merchant.map_or("HKD", |merchant| text(merchant, "/fee_type"));
        let answer = self
            .sandbox
            .post(&self.first_merchant(), &json!({ "funds": { currency: 0 } }))?;
        Ok((format!("{wanted} has no {currency} left."), answer))
    }

    fn show_paycode(&self) -> Result<(String, Value), Failure> {
        let body = json!({ "payer": self.payer });
        let answer = self.sandbox.post("/sandbox/paycode", &body)?;
        Ok((text(&answer, "/auth_code").to_owned(), answer))
    }

    fn first_merchant(&self) -> String {
        let mch_id = self.merchant.as_deref().unwrap_or(FIRST_MERCHANT);
        format!("/sandbox/merchants/{}", escaped(mch_id))
    }

    fn orders(&self, wanted: &str) -> Result<Vec<Value>, Failure> {
        let path = format!("/sandbox/orders{}", self.of_merchant(wanted));
        Ok(list(&self.sandbox.get(&path)?, "orders"))
    }

    fn of_merchant(&self, query: &str) -> String {
        match &self.merchant {
            Some(mch_id) => format!("?{query}&mch_id={}", escaped(mch_id)),
            None => format!("?{query}"),
        }
    }

    /// The item with the given number, or the newest that fits.
    fn newest(&self, all: &[Value], number: &str, fits: impl Fn(&&Value) -> bool) -> Option<Value> {
        let is_named = |one: &&Value| {
            self.number
                .as_ref()
                .is_none_or(|wanted| text(one, number) == wanted)
        };
        all.iter().filter(fits).find(is_named).cloned()
    }

    fn nothing(&self, lacking: &str, advice: &str) -> Failure {
        Failure::Refused(match &self.number {
            Some(number) => format!("{lacking} with the number {number}"),
            None => format!("{lacking}; {advice}"),
        })
    }
}

/// Encoded for a path: a number may contain `|` and `@`.
fn escaped(number: &str) -> String {
    url::form_urlencoded::byte_serialize(number.as_bytes()).collect()
}

/// The items of a list, by its name or its pointer.
fn list(answer: &Value, name: &str) -> Vec<Value> {
    let found = match name.starts_with('/') {
        true => answer.pointer(name),
        false => answer.get(name),
    };
    found.and_then(Value::as_array).cloned().unwrap_or_default()
}

fn without_null(mut body: Value) -> Value {
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    body
}

fn movement(text: &str) -> Result<Movement, String> {
    let wrong = || format!("{text} is no movement; write +2h, +1d12h or real");
    if text == "real" {
        return Ok(Movement::Real);
    }
    let mut seconds: i64 = 0;
    let mut rest = text.strip_prefix('+').ok_or_else(wrong)?;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (count, unit) = rest.split_at(end);
        let count: i64 = count.parse().map_err(|_| wrong())?;
        let mut units = unit.chars();
        let unit_seconds: i64 = match units.next() {
            Some('d') => 86_400,
            Some('h') => 3600,
            Some('m') => 60,
            Some('s') => 1,
            _ => return Err(wrong()),
        };
        let added = count.checked_mul(unit_seconds);
        seconds = added
            .and_then(|added| seconds.checked_add(added))
            .ok_or_else(wrong)?;
        rest = units.as_str();
    }
    Ok(Movement::Forward { seconds })
}

/// A duration as text, such as `1d 2h`.
fn duration(seconds: i64) -> String {
    let parts: Vec<String> = [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ]
    .into_iter()
    .filter(|(count, _)| *count != 0)
    .map(|(count, unit)| format!("{count}{unit}"))
    .collect();
    match parts.is_empty() {
        true => "0s".to_owned(),
        false => parts.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_movement_of_the_clock_is_read() {
        for (text, expected) in [
            ("+2h", Some(7200)),
            ("+1d12h", Some(129_600)),
            ("+90s", Some(90)),
            ("+3m", Some(180)),
            ("2h", None),
            ("+", None),
            ("+2", None),
            ("+2w", None),
            ("-2h", None),
            ("+h", None),
            ("+99999999999999999999d", None),
            ("+9999999999999999d", None),
        ] {
            let read = movement(text).ok();
            let expected = expected.map(|seconds| Movement::Forward { seconds });
            assert_eq!(read, expected, "{text}");
        }
        assert_eq!(movement("real"), Ok(Movement::Real));
        assert_eq!(duration(93_784), "1d 2h 3m 4s");
        assert_eq!(duration(0), "0s");
    }
}
