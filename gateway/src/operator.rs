//! What whoever runs the deployment watches: numbers for Prometheus, and the
//! alarms that need a person. Guarded by `ADMIN_TOKEN`.
//!
//! Both ask every merchant's book, a few at a time and so many at most; with
//! `?after=ID` the next ones.

use crate::Gateway;
use crate::book::{Call, Numbers, Settled};
use crate::directory::ask;
use crate::error::{ApiError, Code};
use crate::fields::Fields;
use crate::http::{answer, query, success};
use crate::registry::{self, Answer};
use crate::world::{Request, Response, World};
use futures_util::StreamExt;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The most merchants that one answer asks.
const MERCHANTS: i64 = 200;
/// So many at a time: Cloudflare opens six connections for a request.
const AT_A_TIME: usize = 5;

/// A family of metrics.
struct Family {
    /// How its counters' names begin.
    prefix: &'static str,
    /// Its name outside, behind `weceive_`.
    name: &'static str,
    /// The names of the labels that a counter's name goes on with.
    labels: &'static [&'static str],
    help: &'static str,
}

/// Every family that is counted; the first whose prefix fits is a counter's
/// own, and the last takes every other.
const FAMILIES: [Family; 13] = [
    Family {
        prefix: "order:",
        name: "orders_total",
        labels: &["state"],
        help: "Orders, by each state that they came to.",
    },
    Family {
        prefix: "refund:",
        name: "refunds_total",
        labels: &["state"],
        help: "Refunds, by each state that they came to.",
    },
    Family {
        prefix: "query:",
        name: "queries_total",
        labels: &["of"],
        help: "Queries to WeChat, of orders and of refunds.",
    },
    Family {
        prefix: "upstream_calls:",
        name: "upstream_seconds_count",
        labels: &["host"],
        help: "",
    },
    Family {
        prefix: "upstream_ms:",
        name: "upstream_seconds_sum",
        labels: &["host"],
        help: "",
    },
    Family {
        prefix: "upstream_failed:",
        name: "upstream_failures_total",
        labels: &["host", "reason"],
        help: "Calls to WeChat that brought no answer, or a server's error.",
    },
    Family {
        prefix: "upstream_not_sent",
        name: "upstream_not_sent_total",
        labels: &[],
        help: "Calls to WeChat that were not sent because too many were under way.",
    },
    Family {
        prefix: "upstream_too_often",
        name: "upstream_too_often_total",
        labels: &[],
        help: "Times that WeChat said it was asked too often, and timers waited.",
    },
    Family {
        prefix: "delivery_",
        name: "deliveries_total",
        labels: &["outcome"],
        help: "Attempts to deliver a notice: sent, acknowledged, failed, given_up.",
    },
    Family {
        prefix: "limited:",
        name: "limited_total",
        labels: &["limit"],
        help: "Requests that were refused because there were too many.",
    },
    Family {
        prefix: "notice_probe",
        name: "notice_probes_total",
        labels: &[],
        help: "Tencent's probes with signatures that never hold.",
    },
    Family {
        prefix: "purchase_paid_twice",
        name: "purchases_paid_twice_total",
        labels: &[],
        help: "Payments that went back because their purchase keeps another.",
    },
    Family {
        prefix: "",
        name: "notices_total",
        labels: &["verdict"],
        help: "Notices, by what became of each.",
    },
];

impl<W: World> Gateway<W> {
    /// `GET /metrics`: Prometheus text.
    pub(crate) async fn metrics(&self, request: &Request) -> Result<Response, ApiError> {
        self.admin(request).await?;
        let mut text = Metrics::default();
        for (name, n) in self.tally.counts() {
            text.counter(None, &name, n);
        }
        for (merchant, numbers) in self.numbers(request).await? {
            let of = |value: String| (format!("{{merchant=\"{merchant}\"}}"), value);
            text.gauge("up", "Whether the merchant's book answers.", {
                of(i64::from(numbers.is_some()).to_string())
            });
            let Some(numbers) = numbers else { continue };
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
                of((numbers.overdue_ms / 1000).to_string()),
            );
            text.gauge(
                "storage_bytes",
                "How large the merchant's object is; it may hold ten gigabytes.",
                of(numbers.storage_bytes.to_string()),
            );
            let mut alarms: BTreeMap<&str, i64> = BTreeMap::new();
            for alarm in &numbers.alarms {
                *alarms.entry(&alarm.name).or_default() += 1;
            }
            for (name, n) in alarms {
                let labels = format!("{{merchant=\"{merchant}\",alarm=\"{}\"}}", escaped(name));
                text.gauge(
                    "alarms",
                    "Alarms that nobody has dealt with.",
                    (labels, n.to_string()),
                );
            }
        }
        let kind = "text/plain; version=0.0.4; charset=utf-8";
        Ok(answer(200, kind, text.written()))
    }

    /// `GET /admin/alarms`: what needs a person, of all merchants.
    pub(crate) async fn alarms(&self, request: &Request) -> Result<Response, ApiError> {
        self.admin(request).await?;
        let mut alarms = Vec::new();
        let mut silent = Vec::new();
        for (merchant, numbers) in self.numbers(request).await? {
            let Some(numbers) = numbers else {
                silent.push(merchant);
                continue;
            };
            for alarm in numbers.alarms {
                alarms.push(json!({
                    "merchant": merchant,
                    "name": alarm.name,
                    "subject": alarm.subject,
                    "says": alarm.says,
                    "to_do": alarm.to_do,
                    "times": alarm.times,
                    "last_at_ms": alarm.last_at_ms,
                }));
            }
        }
        Ok(success(json!({"alarms": alarms, "silent": silent})))
    }

    /// `POST /admin/merchants/{id}/alarms` with `name`, `subject` and `note`: a
    /// person has dealt with it.
    pub(crate) async fn settle_alarm(
        &self,
        request: &Request,
        id: &str,
    ) -> Result<Response, ApiError> {
        self.admin(request).await?;
        let fields = Fields::read(request.body())?;
        let settled = Settled {
            name: fields.required("name", 64)?,
            // A sub-merchant that WeChat did not name has none.
            subject: fields.text("subject", 64)?.unwrap_or_default(),
            note: fields.required("note", 256)?,
        };
        match self.book(id, Call::Settle(settled)).await? {
            true => Ok(success(json!({}))),
            false => Err(ApiError::of(Code::AlarmNotFound)),
        }
    }

    /// The numbers of every merchant's book, by id; `None` of one that does
    /// not answer.
    async fn numbers(
        &self,
        request: &Request,
    ) -> Result<BTreeMap<String, Option<Numbers>>, ApiError> {
        let after = query(request).remove("after").unwrap_or_default();
        let call = registry::Call::List {
            after,
            limit: MERCHANTS,
        };
        let Answer::Ids(ids) = ask(&self.world, call).await? else {
            return Err(ApiError::internal(
                "the registry gave another kind of answer",
            ));
        };
        let asked = ids.into_iter().map(async |id| {
            let numbers: Result<Numbers, ApiError> = self.book(&id, Call::Numbers).await;
            (id, numbers.ok())
        });
        Ok(futures_util::stream::iter(asked)
            .buffer_unordered(AT_A_TIME)
            .collect()
            .await)
    }
}

/// Samples by family, as Prometheus wants them: each family in one piece.
#[derive(Default)]
struct Metrics(BTreeMap<&'static str, (&'static str, &'static str, String)>);

impl Metrics {
    fn gauge(&mut self, name: &'static str, help: &'static str, (labels, value): (String, String)) {
        self.sample("gauge", name, help, &labels, &value);
    }

    /// A stored counter; of this isolate's own, without a merchant.
    fn counter(&mut self, merchant: Option<&str>, stored: &str, n: i64) {
        let family = FAMILIES
            .iter()
            .find_map(|family| Some((family, stored.strip_prefix(family.prefix)?)));
        let Some((family, rest)) = family else { return };
        let mut labels = String::new();
        let values = rest.splitn(family.labels.len().max(1), ':');
        let merchant = merchant.map(|merchant| ("merchant", merchant));
        for (name, value) in merchant
            .into_iter()
            .chain(family.labels.iter().copied().zip(values))
        {
            let comma = if labels.is_empty() { "" } else { "," };
            let _ = write!(labels, "{comma}{name}=\"{}\"", escaped(value));
        }
        let value = match family.prefix {
            "upstream_ms:" => format!("{}.{:03}", n / 1000, n % 1000),
            _ => n.to_string(),
        };
        let labels = format!("{{{labels}}}");
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
