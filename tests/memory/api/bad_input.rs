//! Bad input that is made from `openapi.json`: for each route of merchants and of
//! the operator, and for each field, values that the description forbids. Each is
//! refused with a known code and the field's name, and no row changes.
//!
//! That an answer's code is one of its operation's is checked where it is sent.

use crate::events::endpoints::endpoint;
use gateway::route::{Audience, ROUTES, Route};
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tests::description::{held_open, inlined, operation};
use tests::memory::{ADMIN_TOKEN, GATEWAY, Memory, Shop};

/// Values of every wrong kind; a field's schema says which of them it forbids.
fn values() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(1.5),
        json!(1e30),
        json!(9_007_199_254_740_993_u64),
        json!(""),
        json!("-1"),
        json!("1.5"),
        json!("nothing that is known"),
        json!("99999999999999999999"),
        json!("x\u{0}y"),
        json!("x\ny"),
        json!("https://user@shop.example.com/"),
        json!("ftp://shop.example.com/"),
        json!("x".repeat(20_000)),
        json!([]),
        json!(["x"]),
        json!({}),
        json!({"x": {"y": []}}),
    ]
}

/// The call of an operation's examples, to be sent with one thing wrong in it.
struct Call<'a> {
    world: &'a Memory,
    shop: &'a Shop,
    route: &'a Route,
    /// What is in the path's `{id}`.
    id: &'a str,
    wrong: &'a RefCell<Vec<String>>,
}

impl Call<'_> {
    fn send(&self, query: &str, body: &[u8]) -> (u16, Value) {
        let path = self.route.path.replace("{id}", self.id);
        let request = http::Request::builder()
            .method(self.route.method.clone())
            .uri(format!("{GATEWAY}{path}?{query}"))
            .header("api-key", &self.shop.api_key)
            .header("api-secret", &self.shop.api_secret)
            .header("authorization", format!("Bearer {ADMIN_TOKEN}"))
            .body(body.to_vec())
            .unwrap();
        let answer = catch_unwind(AssertUnwindSafe(|| self.world.send(request)));
        let answer = answer.unwrap_or_else(|why| {
            let why = why.downcast_ref::<String>().cloned().unwrap_or_default();
            self.wrong.borrow_mut().push(why);
            http::Response::default()
        });
        let json = serde_json::from_slice(answer.body()).unwrap_or_default();
        (answer.status().as_u16(), json)
    }

    /// Sends it. It must be refused by the name of `field`, or of what is in it.
    fn refused(&self, query: &str, body: &[u8], field: Option<&str>) {
        let (status, answer) = self.send(query, body);
        let sent = String::from_utf8_lossy(body);
        let sent: String = sent.chars().take(300).collect();
        let query: String = query.chars().take(300).collect();
        let what = format!(
            "{} {} ?{query} {sent}: {status} {answer}",
            self.route.method, self.route.path
        );
        let message = answer["message"].as_str().unwrap_or_default();
        let is_named = field.is_none_or(|field| {
            let named = answer["field"].as_str().unwrap_or_default();
            let inside = named.strip_prefix(field);
            inside.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        });
        if !(400..500).contains(&status) || !message.ends_with('.') || !is_named {
            self.wrong.borrow_mut().push(what);
        }
    }
}

/// The parameters of an operation with their examples.
fn examples(operation: &Value) -> Vec<(String, String)> {
    let parameters = operation["parameters"].as_array();
    let of_query = parameters
        .into_iter()
        .flatten()
        .filter(|p| p["in"] == "query");
    of_query
        .filter_map(|p| {
            let name = p["name"].as_str().unwrap().to_owned();
            Some((name, p["example"].as_str()?.to_owned()))
        })
        .collect()
}

fn encoded(pairs: &[(String, String)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        query.append_pair(name, value);
    }
    query.finish()
}

/// Sends every bad query string; how many.
fn bad_queries(call: &Call<'_>, operation: &Value) -> usize {
    let good = examples(operation);
    let mut sent = 0;
    let mut refused = |query: &str, field: &str| {
        call.refused(query, b"", Some(field));
        sent += 1;
    };
    let joined = encoded(&good);
    refused(&format!("{joined}&unheard_of=1"), "unheard_of");
    let parameters = operation["parameters"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    for parameter in parameters.iter().filter(|p| p["in"] == "query") {
        let name = parameter["name"].as_str().unwrap();
        let others: Vec<_> = good.iter().filter(|(n, _)| n != name).cloned().collect();
        let others = encoded(&others);
        if parameter["required"] == true {
            refused(&others, name);
        }
        refused(&format!("{others}&{name}=1&{name}=1"), name);
        refused(&format!("{others}&{name}=%ff%fe"), name);
        let schema = inlined(&parameter["schema"]);
        for value in values() {
            let Some(text) = value.as_str().filter(|text| !text.is_empty()) else {
                continue;
            };
            let number = text.parse::<i64>().map(Value::from);
            let value = match schema["type"].as_str() {
                Some("integer") => number.unwrap_or(value.clone()),
                _ => value.clone(),
            };
            let named = format!("{} {} ?{name}", call.route.method, call.route.path);
            if held_open(&named, &schema, &value).is_err() {
                let pair = encoded(&[(name.to_owned(), text.to_owned())]);
                refused(&format!("{others}&{pair}"), name);
            }
        }
    }
    sent
}

/// Sends every bad body; how many.
fn bad_bodies(call: &Call<'_>, operation: &Value) -> usize {
    let media = &operation["requestBody"]["content"]["application/json"];
    let Some(good) = media["example"].as_object() else {
        return 0;
    };
    let mut sent = 0;
    for body in [
        &b"{"[..],
        b"[]",
        b"null",
        b"\"x\"",
        b"<xml/>",
        b"a=1&b=2",
        b"{\"note\":\"\xff\"}",
        b"{\"note\":\"\\ud800\"}",
        b"{\"note\":1,\"note\":2}",
        &[b' '; 70_000],
    ] {
        call.refused("", body, None);
        sent += 1;
    }
    let schema = inlined(&media["schema"]);
    let properties = schema["properties"].as_object().unwrap();
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    for (name, field) in properties {
        let mut body: Map<String, Value> = good.clone();
        if required.contains(&json!(name)) {
            body.remove(name);
            call.refused("", json!(body).to_string().as_bytes(), Some(name));
            sent += 1;
        }
        for value in values() {
            let named = format!("{} {} field {name}", call.route.method, call.route.path);
            if held_open(&named, field, &value).is_ok() {
                continue;
            }
            body.insert(name.clone(), value);
            call.refused("", json!(body).to_string().as_bytes(), Some(name));
            sent += 1;
        }
    }
    sent
}

/// What is stored, but for counts and what the board was sent of them.
fn stored(world: &Memory) -> String {
    world.stored_text_but(&["counters", "totals", "board", "facts"])
}

#[test]
fn what_the_description_forbids_is_refused_by_name_and_stores_nothing() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let order = json!({"out_trade_no": "paid", "body": "Demo Order", "total_fee": 150,
                       "trade_type": "NATIVE", "notify_url": "https://shop.example.com/notify"});
    world.scan(&shop.order(&order)["code_url"]);
    world.advance(1);
    let (endpoint, _) = endpoint(&shop, &[]);
    let test = format!("/v1/endpoints/{endpoint}/test");
    let tested = shop.call("POST", &test, "").1["data"].clone();
    world.advance(60);
    let event = tested["event"].as_str().unwrap();
    let delivery = tested["delivery"].to_string();
    let wrong = RefCell::default();
    let mut sent = 0;
    for route in ROUTES {
        let of_programs = [Audience::Merchant, Audience::Operator].contains(&route.audience);
        if !of_programs {
            continue;
        }
        let id = match route.path {
            path if path.starts_with("/v1/endpoints/") => &endpoint,
            path if path.starts_with("/v1/events/") => event,
            path if path.starts_with("/v1/deliveries/") => &delivery,
            _ => "demo",
        };
        let operation = operation(&route.method, route.path).unwrap();
        let call = Call {
            world: &world,
            shop: &shop,
            route,
            id,
            wrong: &wrong,
        };
        let before = stored(&world);
        let calls = world.upstream_calls();
        let reads_query = [http::Method::GET, http::Method::DELETE].contains(&route.method);
        if reads_query && operation["requestBody"].is_null() {
            sent += bad_queries(&call, operation);
        }
        sent += bad_bodies(&call, operation);
        let name = format!("{} {}", route.method, route.path);
        if before != stored(&world) {
            wrong.borrow_mut().push(format!("{name} changed a row"));
        }
        if calls != world.upstream_calls() {
            wrong.borrow_mut().push(format!("{name} called WeChat"));
        }
    }
    let wrong = wrong.into_inner();
    assert!(wrong.is_empty(), "{} of {sent}: {wrong:#?}", wrong.len());
    assert!(sent > 1_500, "{sent}");
}
