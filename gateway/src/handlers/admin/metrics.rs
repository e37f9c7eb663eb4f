//! `GET /metrics`: metrics for Prometheus. Guarded by `ADMIN_TOKEN`.
//!
//! The numbers are the [board](crate::board)'s; no book is woken. Each page
//! except the last names the next one.

use super::totals;
use crate::auth::keys::admin;
use crate::http::error::ApiError;
use crate::http::fields::Fields;
use crate::http::message::{answer, set};
use crate::observe::labels::Rejection;
use crate::observe::{Counter, with_earlier_names};
use crate::reports::{ListNumbers, Page, Totals};
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The most merchants in one answer of `/metrics`.
const MERCHANTS: i64 = 200;

/// A family of counters in `/metrics`.
struct Family {
    /// Its name in `/metrics`, after `weceive_`.
    name: &'static str,
    help: &'static str,
}

/// A counter's sample: its family, and its labels with their values.
struct Sample<'s> {
    family: Family,
    labels: Vec<(&'static str, &'s str)>,
}

impl Sample<'static> {
    fn of(counter: Counter) -> Self {
        let (name, help, labels): (_, _, Vec<(&str, &str)>) = match counter {
            Counter::Order(state) => (
                "orders_total",
                "Orders, by each state that they came to.",
                vec![("state", state.name())],
            ),
            Counter::Refund(state) => (
                "refunds_total",
                "Refunds, by each state that they came to.",
                vec![("state", state.name())],
            ),
            Counter::Query(of) => (
                "queries_total",
                "Queries to WeChat, of orders and of refunds.",
                vec![("of", of.name())],
            ),
            Counter::UpstreamCalls(host) => {
                ("upstream_seconds_count", "", vec![("host", host.name())])
            }
            Counter::UpstreamMs(host) => ("upstream_seconds_sum", "", vec![("host", host.name())]),
            Counter::UpstreamFailed(host, reason) => (
                "upstream_failures_total",
                "Calls to WeChat that brought no answer, or a server's error.",
                vec![("host", host.name()), ("reason", reason.name())],
            ),
            Counter::UpstreamNotSent => (
                "upstream_not_sent_total",
                "Calls to WeChat that were not sent because too many were under way.",
                vec![],
            ),
            Counter::UpstreamTooOften(call) => (
                "upstream_too_often_total",
                "Times that WeChat refused a call as too frequent, and the call was paused.",
                vec![("call", call.name())],
            ),
            Counter::Delivery(outcome) => (
                "deliveries_total",
                "Attempts to deliver a notice: sent, acknowledged, failed, given_up.",
                vec![("outcome", outcome.name())],
            ),
            Counter::EventDelivery(outcome) => (
                "event_deliveries_total",
                "Attempts to deliver an event to an endpoint: acknowledged, failed; given_up after three days.",
                vec![("outcome", outcome.name())],
            ),
            Counter::Limited(limit) => (
                "limited_total",
                "Requests that were refused because there were too many.",
                vec![("limit", limit.name())],
            ),
            Counter::Compared(compared) => (
                "reconciled_rows_total",
                "Payments and refunds that were compared with WeChat's statements.",
                vec![("outcome", compared.name())],
            ),
            Counter::Reconciled(day) => (
                "reconciled_days_total",
                "Days that were compared with WeChat's statements.",
                vec![("outcome", day.name())],
            ),
            Counter::PurchasePaidTwice => (
                "purchases_paid_twice_total",
                "Payments that went back because their purchase keeps another.",
                vec![],
            ),
            Counter::Rejected(Rejection::Probe) => (
                "notice_probes_total",
                "Tencent's probes with signatures that never hold.",
                vec![],
            ),
            Counter::Notice(label) => return Self::of_notice(label.name()),
            Counter::Rejected(rejection) => return Self::of_notice(rejection.name()),
        };
        let family = Family { name, help };
        Self { family, labels }
    }
}

impl<'s> Sample<'s> {
    fn of_notice(verdict: &'s str) -> Self {
        Self {
            family: Family {
                name: "notices_total",
                help: "Notices, by what became of each.",
            },
            labels: vec![("verdict", verdict)],
        }
    }
}

/// `GET /metrics`: Prometheus text.
pub async fn metrics<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    admin(cx, request).await?;
    let mut text = Metrics::default();
    for (name, n) in with_earlier_names(cx.counters.counts()) {
        text.counter(None, &name, n);
    }
    let fields = Fields::of_query_string(request, &["after"])?;
    let after = fields.text("after", 64)?.unwrap_or_default();
    let page = page_of_merchants(cx, after).await?;
    let totals = totals(cx).await?;
    text.totals(&totals, page.merchants.len());
    for status in page.merchants {
        let merchant = status.merchant;
        let of = |value: String| (format!("{{merchant=\"{merchant}\"}}"), value);
        let is_up = status.silent_ms == 0 && status.numbers.is_some();
        text.gauge(
            "up",
            "Whether the merchant's book reports when it should.",
            of(i64::from(is_up).to_string()),
        );
        let Some(numbers) = status.numbers else {
            continue;
        };
        let overdue_ms = numbers.overdue_ms.max(status.silent_ms);
        text.gauge(
            "reported_seconds",
            "When the merchant's book reported these numbers, Unix time.",
            of((status.at_ms / 1000).to_string()),
        );
        for (name, n) in &numbers.counters {
            text.counter(Some(&merchant), name, *n);
        }
        text.gauge(
            "orders_waiting",
            "Orders that are open, or have a refund under way.",
            of(numbers.orders_waiting.to_string()),
        );
        text.gauge(
            "deliveries_waiting",
            "Notices that the merchant has not acknowledged yet.",
            of(numbers.deliveries_waiting.to_string()),
        );
        text.gauge(
            "timer_overdue_seconds",
            "How long the merchant's most overdue timer has been due.",
            of((overdue_ms / 1000).to_string()),
        );
        text.gauge(
            "storage_bytes",
            "How large the merchant's object is; it may hold ten gigabytes.",
            of(numbers.storage_bytes.to_string()),
        );
        for (name, n) in &numbers.standing {
            let labels = format!("{{merchant=\"{merchant}\",alarm=\"{}\"}}", escaped(name));
            text.gauge("alarms", "Open alarms.", (labels, n.to_string()));
        }
    }
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    let mut written = text.written();
    if let Some(next) = &page.next {
        let _ = writeln!(written, "# next: /metrics?after={next}");
    }
    let mut response = answer(200, kind, written);
    if let Some(next) = &page.next {
        let link = format!("</metrics?after={next}>; rel=\"next\"");
        set(&mut response, ::http::header::LINK, &link);
    }
    Ok(response)
}

/// The merchants after this id, as their books have reported.
async fn page_of_merchants<R: Runtime>(cx: &Services<R>, after: String) -> Result<Page, ApiError> {
    let limit = MERCHANTS;
    cx.board(ListNumbers { after, limit }).await
}

/// Samples by family: Prometheus requires the lines of one family together.
#[derive(Default)]
struct Metrics(BTreeMap<&'static str, (&'static str, &'static str, String)>);

impl Metrics {
    fn gauge(&mut self, name: &'static str, help: &'static str, (labels, value): (String, String)) {
        self.sample("gauge", name, help, &labels, &value);
    }

    /// Adds the totals of all merchants, which are the same on every page.
    fn totals(&mut self, totals: &Totals, listed: usize) {
        let plain = |value: String| (String::new(), value);
        self.gauge(
            "merchants",
            "Merchants whose books have had something to report.",
            plain(totals.merchants.to_string()),
        );
        self.gauge(
            "merchants_listed",
            "Of these, how many this answer lists.",
            plain(listed.to_string()),
        );
        self.gauge(
            "merchants_silent",
            "Merchants whose books have not reported since a timer of theirs was due.",
            plain(totals.silent.to_string()),
        );
        for (name, n) in &totals.alarms {
            let labels = format!("{{alarm=\"{}\"}}", escaped(name));
            self.gauge(
                "alarms_standing",
                "Alarms of all merchants.",
                (labels, n.to_string()),
            );
        }
    }

    /// Adds a stored counter; one of this isolate has no merchant.
    fn counter(&mut self, merchant: Option<&str>, stored: &str, n: i64) {
        let counter = Counter::named(stored);
        let Sample { family, labels } = match counter {
            Some(counter) => Sample::of(counter),
            None => Sample::of_notice(stored),
        };
        let merchant = merchant.map(|merchant| ("merchant", merchant));
        let labels: Vec<String> = merchant
            .into_iter()
            .chain(labels)
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        let value = match counter {
            Some(Counter::UpstreamMs(_)) => format!("{}.{:03}", n / 1000, n % 1000),
            _ => n.to_string(),
        };
        let labels = format!("{{{}}}", labels.join(","));
        self.sample("counter", family.name, family.help, &labels, &value);
    }

    fn sample(
        &mut self,
        kind: &'static str,
        name: &'static str,
        help: &'static str,
        labels: &str,
        value: &str,
    ) {
        let (.., samples) = self
            .0
            .entry(name)
            .or_insert_with(|| (kind, help, String::new()));
        let _ = writeln!(samples, "weceive_{name}{labels} {value}");
    }

    fn written(self) -> String {
        let mut text = String::new();
        let summary = "upstream_seconds";
        let mut is_first = true;
        for (name, (kind, help, samples)) in self.0 {
            let (name, kind, help) = match name.strip_prefix(summary) {
                Some(_) if !std::mem::take(&mut is_first) => ("", kind, help),
                Some(_) => (summary, "summary", "How long calls to WeChat took."),
                None => (name, kind, help),
            };
            if !name.is_empty() {
                let _ = writeln!(text, "# HELP weceive_{name} {help}");
                let _ = writeln!(text, "# TYPE weceive_{name} {kind}");
            }
            text.push_str(&samples);
        }
        text
    }
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_become_prometheus_text() {
        let mut metrics = Metrics::default();
        for (name, n) in [
            ("order:SUCCESS", 2),
            ("notice_taken", 3),
            ("notice_probe", 4),
            ("delivery_given_up", 5),
            ("upstream_ms:apihk.mch.weixin.qq.com", 1234),
            ("upstream_calls:apihk.mch.weixin.qq.com", 6),
            ("upstream_failed:apihk.mch.weixin.qq.com:timed_out", 7),
            ("a\"b\\", 8),
        ] {
            metrics.counter(Some("demo"), name, n);
        }
        metrics.counter(None, "limited:key", 9);
        let expect = r#"# HELP weceive_deliveries_total Attempts to deliver a notice: sent, acknowledged, failed, given_up.
# TYPE weceive_deliveries_total counter
weceive_deliveries_total{merchant="demo",outcome="given_up"} 5
# HELP weceive_limited_total Requests that were refused because there were too many.
# TYPE weceive_limited_total counter
weceive_limited_total{limit="key"} 9
# HELP weceive_notice_probes_total Tencent's probes with signatures that never hold.
# TYPE weceive_notice_probes_total counter
weceive_notice_probes_total{merchant="demo"} 4
# HELP weceive_notices_total Notices, by what became of each.
# TYPE weceive_notices_total counter
weceive_notices_total{merchant="demo",verdict="notice_taken"} 3
weceive_notices_total{merchant="demo",verdict="a\"b\\"} 8
# HELP weceive_orders_total Orders, by each state that they came to.
# TYPE weceive_orders_total counter
weceive_orders_total{merchant="demo",state="SUCCESS"} 2
# HELP weceive_upstream_failures_total Calls to WeChat that brought no answer, or a server's error.
# TYPE weceive_upstream_failures_total counter
weceive_upstream_failures_total{merchant="demo",host="apihk.mch.weixin.qq.com",reason="timed_out"} 7
# HELP weceive_upstream_seconds How long calls to WeChat took.
# TYPE weceive_upstream_seconds summary
weceive_upstream_seconds_count{merchant="demo",host="apihk.mch.weixin.qq.com"} 6
weceive_upstream_seconds_sum{merchant="demo",host="apihk.mch.weixin.qq.com"} 1.234
"#
        .replace("verdict=\"a\"b\\\"", "verdict=\"a\\\"b\\\\\"");
        assert_eq!(metrics.written(), expect);
    }
}
