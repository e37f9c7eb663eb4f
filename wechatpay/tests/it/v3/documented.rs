//! `tests/documented/v3.json`: the field lists of the two regions, made of the
//! OpenAPI description by TheNorthMemory (MIT, beside it). Whatever is written
//! here, in either direction, is held against them.
//!
//! ```text
//! {"POST /v3/…/{transaction_id}": {"query":{…}, "body":{…}, "status":204, "answer":{…}}}
//! a name that ends in * is required; a type is string, integer, boolean or
//! time, with its values after it where they are listed
//! ```

use super::messages::{
    TRADE_TYPES, both_numbers, prepay, query_answer, quick_pay, states, without_apps,
};
use super::refunds::{STATUSES, page, refund, refund_request};
use super::statements::{settlement_answer, settlement_request};
use super::*;
use wechatpay::v2::time::Date;
use wechatpay::v3::refund::{In, OutRefundNo, Status};
use wechatpay::v3::settlement::UseTag;
use wechatpay::v3::time::parse_rfc3339;
use wechatpay::v3::{bill, certificates, close, echo, query, refundquery, reverse};

/// Where the lists are not as the samples of seed 003 or as WeChat's other
/// pages are, with the paths that they are about.
const ALSO_WRITTEN: [&str; 11] = [
    // The seed's refund has it.
    "source",
    // An institution's payer on the mainland, whose lists are a direct
    // merchant's.
    "payer.sp_openid",
    "payer.sub_openid",
    // One of the mainland's two lists of a query's answer has these, and the
    // other has the others.
    "amount.total",
    "amount.currency",
    "amount.payer_total",
    "amount.payer_currency",
    "amount.exchange_rate",
    "payer",
    // The mainland's H5 leaves out where the payer is, which it requires.
    "scene_info.payer_client_ip",
    "scene_info.device_id",
];

/// What the lists require and nobody writes.
const NOT_WRITTEN: [&str; 4] = [
    // The lists of a query's answer on the mainland repeat the request's.
    "description",
    "notify_url",
    // An institution's payer on the mainland.
    "payer.openid",
    "payer.sp_openid",
];

const OF_DIRECT: [&str; 2] = ["appid", "mchid"];
const OF_INSTITUTION: [&str; 4] = ["sp_appid", "sp_mchid", "sub_appid", "sub_mchid"];

struct Check<'a> {
    operation: &'a str,
    institution: bool,
    answer: bool,
}

impl Check<'_> {
    fn object(&self, documented: &Value, written: &Value, path: &str) {
        let at = |name: &str| format!("{path}{name}");
        let fields = written.as_object().unwrap();
        let listed = documented.as_object().unwrap();
        for (name, value) in fields {
            let kind = listed.get(name).or_else(|| listed.get(&format!("{name}*")));
            let Some(kind) = kind else {
                let partner = self.institution && OF_INSTITUTION.contains(&name.as_str());
                let known = partner || ALSO_WRITTEN.contains(&at(name).as_str());
                assert!(known, "{}: {} is not listed", self.operation, at(name));
                continue;
            };
            self.value(kind, value, &at(name));
            let others = match self.institution {
                true => &OF_DIRECT[..],
                false => &OF_INSTITUTION[..],
            };
            let foreign = path.is_empty() && others.contains(&name.as_str());
            assert!(!foreign, "{}: {name} is another's", self.operation);
        }
        for required in listed.keys().filter_map(|name| name.strip_suffix('*')) {
            let others = match self.institution {
                true => &OF_DIRECT[..],
                false => &OF_INSTITUTION[..],
            };
            let excused = path.is_empty() && others.contains(&required)
                || NOT_WRITTEN.contains(&at(required).as_str())
                    && (self.answer || path == "payer.");
            let there = fields.contains_key(required);
            assert!(
                there || excused,
                "{}: {} is required",
                self.operation,
                at(required)
            );
        }
    }

    fn value(&self, kind: &Value, written: &Value, path: &str) {
        let operation = self.operation;
        match (kind, written) {
            (Value::Object(_), Value::Object(_)) => {
                self.object(kind, written, &format!("{path}."));
            }
            (Value::Array(kinds), Value::Array(items)) => {
                for item in items {
                    self.value(&kinds[0], item, path);
                }
            }
            // Global's `detail` is a list here and an object in the seed.
            (Value::Array(kinds), Value::Object(_)) if path == "detail" => {
                self.value(&kinds[0], written, path);
            }
            (Value::String(kind), _) => {
                let (kind, values) = kind.split_once(' ').unwrap_or((kind, ""));
                let right = match kind {
                    "string" => written.is_string(),
                    "integer" => written.is_i64(),
                    "boolean" => written.is_boolean(),
                    "time" => written.as_str().is_some_and(|t| parse_rfc3339(t).is_ok()),
                    _ => false,
                };
                assert!(right, "{operation}: {path} is {written} and not {kind}");
                let listed = values.is_empty() || values.split('|').any(|v| written == v);
                assert!(listed, "{operation}: {path} is {written} and not {values}");
            }
            _ => panic!("{operation}: {path} is {written} and not {kind}"),
        }
    }
}

fn documented() -> Value {
    parsed(include_str!("../../documented/v3.json"))
}

/// The documented operation whose path has this one's form.
fn operation(documented: &Value, method: &str, path: &str) -> String {
    let path = path.replace("/v3/pay/partner/", "/v3/pay/");
    let fits = |documented: &str| {
        let (documented_method, documented_path) = documented.split_once(' ').unwrap();
        let (a, b) = (documented_path.split('/'), path.split('/'));
        method == documented_method
            && a.clone().count() == b.clone().count()
            && a.zip(b)
                .all(|(a, b)| a == b || a.starts_with('{') && !b.is_empty())
    };
    let mut found = documented.as_object().unwrap().keys().filter(|o| fits(o));
    let operation = found.next();
    operation
        .unwrap_or_else(|| panic!("{method} {path} is not documented"))
        .clone()
}

fn institution_of(account: &Account) -> bool {
    account.sub_mch_id.is_some()
}

/// A request as the lists have it. Returns the operation.
fn check_request(account: &Account, request: &Outgoing) -> String {
    let documented = documented();
    let target = &request.path_and_query;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let operation = operation(&documented, request.method, path);
    let check = Check {
        operation: &operation,
        institution: institution_of(account),
        answer: false,
    };
    let listed = &documented[&operation];
    let empty = serde_json::json!({});
    let listed_query = listed.get("query").unwrap_or(&empty);
    let parameters = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap();
            let kind = listed_query
                .get(name)
                .or(listed_query.get(format!("{name}*")));
            let integer = kind.is_some_and(|kind| kind == "integer");
            let value = match value.parse::<i64>() {
                Ok(number) if integer => number.into(),
                _ => value.into(),
            };
            (name.to_owned(), value)
        });
    check.object(listed_query, &Value::Object(parameters.collect()), "");
    match listed.get("body") {
        Some(body) => check.object(body, &parsed(&request.body), ""),
        None => assert_eq!(request.body, ""),
    }
    operation
}

fn check_answer(account: &Account, operation: &str, body: &str) {
    let documented = documented();
    let check = Check {
        operation,
        institution: institution_of(account),
        answer: true,
    };
    let answer = &documented[operation]["answer"];
    assert!(answer.is_object(), "{operation} is answered without a body");
    check.object(answer, &parsed(body), "");
}

#[test]
fn prepayments() {
    for region in REGIONS {
        for account in accounts() {
            for trade_type in TRADE_TYPES {
                let request = prepay(&account, trade_type, region).outgoing(region);
                let operation = check_request(&account, &request);
                let text = || "https://wx.tenpay.com/x".to_owned();
                let answer = match trade_type {
                    TradeType::Native => wechatpay::v3::prepay::Answer::CodeUrl(text()),
                    TradeType::Mweb => wechatpay::v3::prepay::Answer::MwebUrl(text()),
                    _ => wechatpay::v3::prepay::Answer::PrepayId(text()),
                };
                check_answer(&account, &operation, &answer.to_json(region));
            }
        }
    }
}

#[test]
fn quick_pays_and_queries() {
    for region in REGIONS {
        for account in accounts() {
            let [paid, ..] = states(&account, TradeType::Micropay);
            let body = query_answer(paid).to_json(&account, region);
            let operation = check_request(&account, &quick_pay(&account, region).outgoing(region));
            check_answer(&account, &operation, &body);
            for by in both_numbers() {
                let merchant = without_apps(&account);
                let request = query::Request { merchant, by };
                let operation = check_request(&account, &request.outgoing(region));
                check_answer(&account, &operation, &body);
            }
        }
    }
}

#[test]
fn closes_and_reverses() {
    for region in REGIONS {
        for account in accounts() {
            for by in both_numbers() {
                let close = close::Request {
                    merchant: (&account).into(),
                    by: by.clone(),
                };
                let reverse = reverse::Request {
                    merchant: (&account).into(),
                    by,
                };
                for request in [close.outgoing(region), reverse.outgoing(region)] {
                    let Ok(request) = request else {
                        continue;
                    };
                    let operation = check_request(&account, &request);
                    if documented()[&operation]["status"] != 204 {
                        let number = out_trade_no();
                        let body = reverse::answer_json(&reverse.merchant, number.as_str());
                        check_answer(&account, &operation, &body);
                    }
                }
            }
        }
    }
}

#[test]
fn refunds_and_their_queries() {
    for region in REGIONS {
        for account in accounts() {
            for by in both_numbers() {
                let request = refund_request(&account, region, by.clone()).outgoing(region);
                let operation = check_request(&account, &request);
                let body = refund(In::Answer, region, Status::Processing);
                check_answer(&account, &operation, &body.to_json(In::Answer, region));

                let listing = refundquery::PageRequest {
                    merchant: without_apps(&account),
                    by,
                    offset: 0,
                    count: refundquery::Count::new(20).unwrap(),
                };
                let operation = check_request(&account, &listing.outgoing());
                check_answer(&account, &operation, &page().to_json(&listing.merchant));
            }
            let one = refundquery::Request {
                merchant: without_apps(&account),
                by: refundquery::By::OutRefundNo(OutRefundNo::new("R1").unwrap()),
            };
            let operation = check_request(&account, &one.outgoing(region).unwrap());
            for status in STATUSES {
                let body = refund(In::Query, region, status);
                check_answer(&account, &operation, &body.to_json(In::Query, region));
            }
            let one = refundquery::Request {
                by: refundquery::By::RefundId(wechatpay::v3::Text::new("", "5020").unwrap()),
                ..one
            };
            if let Ok(request) = one.outgoing(region) {
                check_request(&account, &request);
            }
        }
    }
}

#[test]
fn book_keeping_and_certificates() {
    for region in REGIONS {
        for account in accounts() {
            let statement = bill::Request {
                merchant: without_apps(&account),
                date: Date::parse("20220401").unwrap(),
            };
            let operation = check_request(&account, &statement.outgoing(region));
            if region == Region::Mainland {
                let link = bill::Link {
                    hash_value: bill::sha1_hex(b""),
                    download_url: "https://api.mch.weixin.qq.com/x".to_owned(),
                };
                check_answer(&account, &operation, &link.to_json());
            }
            for state in UseTag::ALL {
                let request = settlement_request(&account, state);
                let operation = check_request(&account, &request.outgoing());
                check_answer(&account, &operation, &settlement_answer().to_json(&request));
            }
            let operation = check_request(&account, &certificates::request(region));
            let list = [platform_certificate()];
            let body = certificates::to_json(&list, &[NONCE_12.to_owned()], &api_v3_key());
            check_answer(&account, &operation, &body.unwrap());

            let request = echo::Request {
                echo_message: wechatpay::v3::Text::new("", "x").unwrap(),
                notify_url: None,
            };
            let operation = check_request(&account, &request.outgoing());
            check_answer(&account, &operation, &echo::answer_json(&request));
        }
    }
}
