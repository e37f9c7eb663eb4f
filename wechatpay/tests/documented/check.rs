//! `v3.json`: the field lists of the two regions, made from the OpenAPI
//! description by TheNorthMemory (MIT, in the same directory), and the
//! functions that compare messages with them.
//!
//! ```text
//! {"POST /v3/…/{transaction_id}": {"query":{…}, "body":{…}, "status":204, "answer":{…}}}
//! a name that ends in * is required; a type is string, integer, boolean or
//! time, with its values after it where they are listed
//! ```

use serde_json::Value;
use wechatpay::v3::time::parse_rfc3339;

/// The lists differ from the samples of the WeChat Pay APIv3 Global manual or
/// from WeChat's other pages in these fields.
const ALSO_WRITTEN: [&str; 11] = [
    // The manual's refund has it.
    "source",
    // An institution's payer on the mainland; the lists are those of a direct
    // merchant.
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
    // The mainland's H5 list omits the payer's address, which WeChat requires.
    "scene_info.payer_client_ip",
    "scene_info.device_id",
];

/// Fields that the lists require and no writer writes.
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
            // Global's `detail` is a list here and an object in the Global
            // manual.
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

/// The lists.
pub fn documented() -> Value {
    parsed(include_str!("v3.json"))
}

/// The documented operation whose path has the form of `path`.
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

/// Compares a request with the lists. Returns the operation.
pub fn request(institution: bool, method: &str, path_and_query: &str, body: &str) -> String {
    let documented = documented();
    let (path, query) = path_and_query
        .split_once('?')
        .unwrap_or((path_and_query, ""));
    let operation = operation(&documented, method, path);
    let check = Check {
        operation: &operation,
        institution,
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
        Some(listed) => check.object(listed, &parsed(body), ""),
        None => assert_eq!(body, ""),
    }
    operation
}

/// Compares an answer with the lists; it must be empty if the lists have none.
pub fn answer(institution: bool, operation: &str, body: &str) {
    let documented = documented();
    let check = Check {
        operation,
        institution,
        answer: true,
    };
    match documented[operation].get("answer") {
        Some(listed) => check.object(listed, &parsed(body), ""),
        None => assert_eq!(body, "", "{operation} is answered without a body"),
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}
