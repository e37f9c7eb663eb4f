//! `GET /openapi.json` matches the code: its paths, its codes, its required
//! fields, and the members of its answers.

use gateway::http::error::Code;
use gateway::route::ROUTES;
use serde_json::{Map, Value, json};
use tests::memory::{GATEWAY, Memory, SHOP_NOTIFY, Shop};

fn document(world: &Memory) -> Value {
    let request = http::Request::get(format!("{GATEWAY}/openapi.json"));
    let answer = world.send(request.body(Vec::new()).unwrap());
    assert_eq!(answer.status(), 200);
    serde_json::from_slice(answer.body()).unwrap()
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap()
}

/// A value that a field's schema accepts.
fn example(name: &str, schema: &Value) -> Value {
    match name {
        "out_trade_no" => return json!("E1"),
        "notify_url" | "success_url" | "cancel_url" => return json!("https://shop.example.com/x"),
        "auth_code" => return json!("134650720866361395"),
        "fee_type" => return json!("HKD"),
        "payer_ip" => return json!("203.0.113.7"),
        "trade_type" => return json!("NATIVE"),
        "long_url" => return json!("weixin://wxpay/bizpayurl?pr=x"),
        "metadata" => return json!({"shelf": "7"}),
        "lines" => return json!([{"name": "x", "unit_amount": 1}]),
        _ => {}
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    match schema["oneOf"].get(0) {
        Some(first) => first["minimum"].clone(),
        None => json!("x"),
    }
}

#[test]
fn the_document_has_exactly_the_gateways_paths_and_methods() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let document = document(&world);
    let methods = ["GET", "POST", "PUT", "DELETE", "PATCH"];
    for (path, operations) in object(&document["paths"]) {
        for method in methods {
            let described = operations.get(method.to_lowercase()).is_some();
            let (status, answer) = shop.call(method, path, "");
            let answered = answer["code"] != "METHOD_NOT_ALLOWED" && answer["code"] != "NOT_FOUND";
            assert_eq!(answered, described, "{method} {path}: {status} {answer}");
        }
    }
    // The document omits no path under /v1 of the table of routes.
    for route in ROUTES.iter().filter(|route| route.path.starts_with("/v1/")) {
        assert!(
            document["paths"].get(route.path).is_some(),
            "{} is not described",
            route.path
        );
    }
}

#[test]
fn the_document_has_exactly_the_gateways_codes() {
    let document = document(&Memory::default());
    let described = &document["components"]["schemas"]["Failure"]["properties"]["code"]["enum"];
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(described, &json!(codes));
}

#[test]
fn exactly_the_required_fields_of_the_document_are_required() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let document = document(&world);
    let mut checked = 0;
    for (path, operations) in object(&document["paths"]) {
        for (method, operation) in object(operations) {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let Some(properties) = schema["properties"].as_object() else {
                continue;
            };
            let body: Map<String, Value> = properties
                .iter()
                .map(|(name, schema)| (name.clone(), example(name, schema)))
                .collect();
            for name in properties.keys() {
                let mut without = body.clone();
                without.remove(name);
                let (_, answer) =
                    shop.call(&method.to_uppercase(), path, json!(without).to_string());
                let missed = answer["code"] == "FIELD_MISSING" && answer["field"] == name.as_str();
                let required = schema["required"]
                    .as_array()
                    .is_some_and(|required| required.contains(&json!(name)));
                assert_eq!(missed, required, "{method} {path} without {name}: {answer}");
                checked += 1;
            }
        }
    }
    assert!(checked > 30, "{checked}");
}

/// Compares an answer's `data` with its schema: every required member is
/// present, and every member is described.
fn holds(shop: &Shop, document: &Value, method: &str, path: &str, body: &str) {
    let (status, answer) = shop.call(method, path, body);
    assert_eq!(status, 200, "{method} {path}: {answer}");
    let plain = path.split('?').next().unwrap();
    let operation = &document["paths"][plain][method.to_lowercase()];
    let answer_schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
    let mut schema = &answer_schema["properties"]["data"];
    if let Some(reference) = schema["$ref"].as_str() {
        schema = document.pointer(reference.trim_start_matches('#')).unwrap();
    }
    let data = object(&answer["data"]);
    for name in schema["required"].as_array().unwrap() {
        assert!(
            data.contains_key(name.as_str().unwrap()),
            "{method} {path} lacks {name}"
        );
    }
    for name in data.keys() {
        assert!(
            schema["properties"].get(name).is_some(),
            "{method} {path} has {name}"
        );
    }
}

#[test]
fn answers_have_the_members_of_the_document() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let document = document(&world);
    let order = json!({"out_trade_no": "1", "body": "Demo Order", "total_fee": 150,
                       "trade_type": "NATIVE", "notify_url": SHOP_NOTIFY});
    let code_url = shop.order(&order)["code_url"].clone();
    world.scan(&code_url);
    world.advance(1);
    let app =
        json!({"out_trade_no": "2", "body": "Demo Order", "total_fee": 150, "trade_type": "APP"});
    for (method, path, body) in [
        ("POST", "/v1/order", app.to_string()),
        ("GET", "/v1/order?out_trade_no=1", String::new()),
        ("GET", "/v1/order?out_trade_no=2", String::new()),
        (
            "POST",
            "/v1/close",
            json!({"out_trade_no": "2"}).to_string(),
        ),
        ("GET", "/v1/delivery", String::new()),
        ("POST", "/v1/delivery", json!({"id": 1}).to_string()),
        ("GET", "/v1/refund?out_trade_no=1", String::new()),
        ("POST", "/v1/token", String::new()),
        (
            "POST",
            "/v1/checkout",
            json!({"out_trade_no": "3", "body": "Oolong", "total_fee": 1}).to_string(),
        ),
        ("GET", "/v1/checkout?out_trade_no=3", String::new()),
        (
            "POST",
            "/v1/link",
            json!({"body": "Oolong", "total_fee": 1}).to_string(),
        ),
        (
            "POST",
            "/v1/link",
            json!({"body": "Oolong", "max_fee": 1}).to_string(),
        ),
        ("GET", "/v1/link", String::new()),
        (
            "POST",
            "/v1/checksign",
            "<xml><sign>00</sign></xml>".to_owned(),
        ),
    ] {
        holds(&shop, &document, method, path, &body);
    }
}

/// The schema that a reference points to.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

/// The lists' objects have the described members, in the document's own
/// examples and in answers; each parameter is accepted.
#[test]
fn lists_are_described_member_by_member() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let document = document(&world);
    let order = json!({"out_trade_no": "1", "body": "Demo Order", "total_fee": 150,
                       "trade_type": "NATIVE", "notify_url": SHOP_NOTIFY});
    let code_url = shop.order(&order)["code_url"].clone();
    world.scan(&code_url);
    world.advance(1);
    for (path, body) in [
        ("/v1/refund", json!({"out_trade_no": "1", "refund_fee": 1})),
        (
            "/v1/checkout",
            json!({"out_trade_no": "3", "body": "Oolong", "total_fee": 1}),
        ),
        ("/v1/link", json!({"body": "Oolong", "total_fee": 1})),
    ] {
        assert_eq!(shop.call("POST", path, body.to_string()).0, 200, "{path}");
    }
    let alarm = "INSERT INTO alarms VALUES('PAID_TWICE', '1', 1, 1)";
    world.sql("demo", alarm).unwrap();
    for list in [
        "orders",
        "refunds",
        "checkouts",
        "links",
        "deliveries",
        "alarms",
    ] {
        let path = format!("/v1/{list}");
        holds(&shop, &document, "GET", &path, "");
        let operation = &document["paths"][path.as_str()]["get"];
        let content = &operation["responses"]["200"]["content"]["application/json"];
        let items = &content["schema"]["properties"]["data"]["properties"][list]["items"];
        let described: Vec<_> = object(&resolved(&document, items)["properties"])
            .keys()
            .collect();
        let answered = shop.call("GET", &path, "").1["data"][list][0].clone();
        let example = &content["example"]["data"][list][0];
        for member in [&answered, example] {
            let mut members: Vec<_> = object(member).keys().collect();
            let mut described = described.clone();
            members.sort();
            described.sort();
            assert_eq!(members, described, "{list}");
        }
        for parameter in operation["parameters"].as_array().unwrap() {
            let name = parameter["name"].as_str().unwrap();
            let schema = &parameter["schema"];
            let value = match (name, &schema["enum"], &schema["const"]) {
                ("after", _, _) => continue,
                ("currency", _, _) => json!("HKD"),
                ("name", _, _) => json!("PAID_TWICE"),
                (_, Value::Array(values), _) => values[0].clone(),
                (_, _, Value::String(value)) => json!(value),
                _ => json!("1"),
            };
            let value = value.as_str().unwrap().to_owned();
            let (status, answer) = shop.call("GET", &format!("{path}?{name}={value}"), "");
            assert_eq!(status, 200, "{path}?{name}={value}: {answer}");
        }
    }
    let totals = "/v1/totals?from=2026-01-01&to=2026-01-31";
    holds(&shop, &document, "GET", totals, "");
    holds(&shop, &document, "GET", "/v1/timeline?out_trade_no=1", "");
    let schema = |path: &str, list: &str| {
        let operation = &document["paths"][path]["get"]["responses"]["200"];
        let data = &operation["content"]["application/json"]["schema"]["properties"]["data"];
        data["properties"][list]["items"]["properties"].clone()
    };
    let row = shop.call("GET", totals, "").1["data"]["totals"][0].clone();
    for name in object(&row).keys() {
        assert!(schema("/v1/totals", "totals").get(name).is_some(), "{name}");
    }
    let events = shop.call("GET", "/v1/timeline?out_trade_no=1", "").1["data"]["events"].clone();
    for event in events.as_array().unwrap() {
        for name in object(event).keys() {
            assert!(
                schema("/v1/timeline", "events").get(name).is_some(),
                "{name}"
            );
        }
    }
}
