//! `GET /openapi.json` is true to the code: its operations are the routes, its
//! codes the codes, what it requires is required, what it promises is answered,
//! and its examples work. Each answer of every test in memory is held against it
//! as well: `tests/src/description.rs`.

use gateway::http::error::Code;
use gateway::route::{Audience, ROUTES};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use tests::description::{DOCUMENT, held_closed, held_open, inlined, operation, resolved};
use tests::memory::{ADMIN_TOKEN, GATEWAY, Memory, SHOP_NOTIFY, Shop};

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
        "fields" => return json!([{"name": "table", "label": "Table", "type": "text"}]),
        "lines" => return json!([{"name": "x", "unit_amount": 1}]),
        _ => {}
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    for forms in ["oneOf", "anyOf"] {
        if let Some(first) = schema[forms].get(0) {
            return example("", first);
        }
    }
    match schema["minimum"].as_i64() {
        Some(minimum) if schema["type"] == "integer" => json!(minimum),
        _ => json!("x"),
    }
}

/// `CreateOrder` is `createOrder` in the document.
fn operation_id(endpoint: gateway::route::Endpoint) -> String {
    let name = format!("{endpoint:?}");
    name[..1].to_lowercase() + &name[1..]
}

#[test]
fn the_document_has_exactly_the_gateways_paths_and_methods() {
    let document = document(&Memory::default());
    let routes: Vec<(String, String)> = ROUTES
        .iter()
        .map(|route| (route.path.to_owned(), route.method.as_str().to_lowercase()))
        .collect();
    let mut described = BTreeSet::new();
    let mut paths = Vec::new();
    for (path, operations) in object(&document["paths"]) {
        paths.push(path.as_str());
        for method in object(operations).keys() {
            let route = (path.clone(), method.clone());
            assert!(routes.contains(&route), "no route is {method} {path}");
            described.insert(route);
        }
    }
    for route in &routes {
        assert!(
            described.contains(route),
            "{} {} is not described",
            route.1,
            route.0
        );
    }
    // The document has the paths in the order of the table.
    let mut in_table: Vec<&str> = Vec::new();
    for route in ROUTES {
        if !in_table.contains(&route.path) {
            in_table.push(route.path);
        }
    }
    assert_eq!(paths, in_table);
}

/// Each operation has the name of its endpoint, what it is for, a tag that the
/// document explains, and the keys that its audience has.
#[test]
fn every_route_is_described_with_its_name_and_its_keys() {
    let tags: Vec<&Value> = DOCUMENT["tags"].as_array().unwrap().iter().collect();
    for route in ROUTES {
        let name = format!("{} {}", route.method, route.path);
        let operation = operation(&route.method, route.path).unwrap();
        assert_eq!(
            operation["operationId"],
            operation_id(route.endpoint),
            "{name}"
        );
        assert!(
            operation["summary"]
                .as_str()
                .is_some_and(|text| text.len() > 5),
            "{name}"
        );
        let tag = &operation["tags"][0];
        assert!(
            tags.iter().any(|known| known["name"] == *tag),
            "{name}: {tag}"
        );
        let security = operation["security"].as_array().expect("security");
        let asks_for = |scheme: &str| security.iter().any(|all| all.get(scheme).is_some());
        let keys = match route.audience {
            Audience::Merchant => asks_for("apiKey"),
            Audience::Operator => asks_for("adminToken"),
            Audience::Person => asks_for("consoleSession"),
            Audience::Payer | Audience::WeChat | Audience::Public => security.is_empty(),
        };
        assert!(keys, "{name}: {security:?}");
        let may_person = route.right.is_some();
        assert_eq!(
            asks_for("consoleSession"),
            may_person,
            "{name}: {security:?}"
        );
        let codes = codes_of(operation);
        for (audience, code) in [
            (Audience::Merchant, "API_KEY_UNKNOWN"),
            (Audience::Operator, "ADMIN_TOKEN_WRONG"),
        ] {
            assert_eq!(
                route.audience == audience,
                codes.contains(code),
                "{name}: {code}"
            );
        }
        assert!(codes.contains("INTERNAL"), "{name}");
        if !route.scopes.is_empty() {
            let description = operation["description"].as_str().unwrap_or_default();
            let names: Vec<_> = route
                .scopes
                .iter()
                .map(|s| format!("`{}`", s.name()))
                .collect();
            let said = match names.as_slice() {
                [name] => format!("A named key needs the scope {name}."),
                names => format!("A named key needs the scopes {}.", names.join(" and ")),
            };
            assert!(description.ends_with(&said), "{name}: {said}");
            assert!(codes.contains("SCOPE_MISSING"), "{name}");
        }
    }
}

/// The codes that an operation's answers can have. Each stands under its own
/// status, and the answer's description names it.
fn codes_of(operation: &Value) -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for (status, response) in object(&operation["responses"]) {
        let response = resolved(response);
        let schema = inlined(&response["content"]["application/json"]["schema"]);
        let Some(listed) = schema["properties"]["code"]["enum"].as_array() else {
            continue;
        };
        let mut names = Vec::new();
        for name in listed {
            let name = name.as_str().unwrap();
            let code = Code::ALL.iter().find(|code| code.name() == name);
            let code = code.unwrap_or_else(|| panic!("{name} is no code"));
            assert!(
                status == "default" || *status == code.status().to_string() || *status == "422",
                "{name} under {status}"
            );
            names.push(name);
            codes.insert(name.to_owned());
        }
        assert_eq!(response["description"], names.join(", "));
    }
    codes
}

/// An answer that every code can be found in: no code is in no operation, but
/// for those that only a payer's page shows.
#[test]
fn every_code_is_an_operations() {
    let mut codes = BTreeSet::new();
    for route in ROUTES {
        codes.extend(codes_of(operation(&route.method, route.path).unwrap()));
    }
    for code in Code::ALL {
        assert!(
            codes.contains(code.name()),
            "no operation has {}",
            code.name()
        );
    }
}

/// Every example is one of its schema. Each operation with a JSON body has one, and each
/// with a JSON answer too, but for the page's own, which no other program reads.
#[test]
fn every_example_is_of_its_schema() {
    let mut checked = 0;
    let mut check = |held: Result<(), String>| {
        held.unwrap();
        checked += 1;
    };
    for route in ROUTES {
        let name = format!("{} {}", route.method, route.path);
        let operation = operation(&route.method, route.path).unwrap();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            if let Some(example) = parameter.get("example") {
                let name = format!("{name} example of {}", parameter["name"]);
                check(held_open(&name, &parameter["schema"], example));
            }
        }
        let body = &operation["requestBody"]["content"]["application/json"];
        if body.is_object() && route.audience != Audience::WeChat {
            check(held_open(
                &format!("{name} body"),
                &body["schema"],
                &body["example"],
            ));
        }
        let answer = &operation["responses"]["200"]["content"]["application/json"];
        let is_own = route.path.starts_with("/pay/") && route.path != "/pay/result";
        if answer.is_object()
            && !is_own
            && route.path != "/openapi.json"
            && route.audience != Audience::WeChat
        {
            let named = format!("{name} 200");
            check(held_closed(&named, &answer["schema"], &answer["example"]));
        }
    }
    for (name, hook) in object(&DOCUMENT["webhooks"]) {
        let content = object(&hook["post"]["requestBody"]["content"]);
        for media in content.values() {
            let held = held_open(
                &format!("webhook {name}"),
                &media["schema"],
                &media["example"],
            );
            check(held);
        }
    }
    assert!(checked > 80, "{checked}");
}

/// Sends the example of an operation: its parameters, and its body.
fn send_example(world: &Memory, shop: &Shop, method: &str, path: &str) -> Value {
    let method: http::Method = method.parse().unwrap();
    let operation = operation(&method, path).unwrap();
    let mut address = path.to_owned();
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap();
        let Some(value) = parameter["example"].as_str() else {
            continue;
        };
        match parameter["in"].as_str() {
            Some("path") => address = address.replace(&format!("{{{name}}}"), value),
            _ => {
                query.append_pair(name, value);
            }
        }
    }
    let content = operation["requestBody"]["content"].as_object();
    let body = match content.and_then(|content| content.values().next()) {
        Some(media) => match &media["example"] {
            Value::String(text) => text.clone(),
            example => example.to_string(),
        },
        None => String::new(),
    };
    let request = http::Request::builder()
        .method(method.clone())
        .uri(format!("{GATEWAY}{address}?{}", query.finish()))
        .header("api-key", &shop.api_key)
        .header("api-secret", &shop.api_secret)
        .header("authorization", format!("Bearer {ADMIN_TOKEN}"))
        .body(body.into_bytes())
        .unwrap();
    let answer = world.send(request);
    let text = String::from_utf8_lossy(answer.body()).into_owned();
    assert_eq!(answer.status(), 200, "{method} {path}: {text}");
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

/// The examples work one after another, as a merchant would send them. That each answer
/// has the described form is checked where it is sent.
#[test]
fn the_examples_work() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let send = |method: &str, path: &str| send_example(&world, &shop, method, path);
    let made = send("POST", "/v1/order");
    world.scan(&made["data"]["code_url"]);
    world.advance(1);
    let mut sent = BTreeSet::new();
    let mut send = |method: &str, path: &str| {
        sent.insert(format!("{method} {path}"));
        send(method, path)
    };
    assert_eq!(send("GET", "/v1/order")["data"]["trade_state"], "SUCCESS");
    send("POST", "/v1/delivery");
    send("POST", "/v1/checksign");
    send("POST", "/v1/refund");
    send("GET", "/v1/refund");
    send("POST", "/v1/checkout");
    send("GET", "/v1/checkout");
    send("POST", "/v1/link");
    send("POST", "/v1/product");
    send("GET", "/v1/product");
    send("POST", "/v1/shorturl");
    send("POST", "/v1/token");
    let order = json!({"out_trade_no": "9900000002", "body": "Demo Order", "total_fee": 150,
                       "trade_type": "NATIVE"});
    shop.order(&order);
    send("POST", "/v1/close");
    send("POST", "/admin/merchants");
    send("PATCH", "/admin/merchants/{id}");
    let alarm = "INSERT INTO alarms VALUES('PAID_TWICE', '9900000000', 1, 1)";
    world.sql("demo", alarm).unwrap();
    send("POST", "/admin/merchants/{id}/alarms");
    send("POST", "/admin/reseal");
    send("POST", "/admin/merchants/{id}/suspend");
    send("POST", "/admin/merchants/{id}/resume");
    send("POST", "/v1/keys");
    // What needs no example of its own.
    for route in ROUTES {
        let is_of_one = route.path.starts_with("/v1/") && route.path.contains("{id}");
        let is_read = route.method == http::Method::GET && route.path != "/v1/statement";
        let is_read = is_read && !is_of_one;
        let of_programs = [Audience::Merchant, Audience::Operator].contains(&route.audience);
        if is_read && of_programs {
            send("GET", route.path);
        }
    }
    send("POST", "/admin/merchants/{id}/rotate");
    assert!(sent.len() > 40, "{sent:?}");
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
    let mut checked = 0;
    let mut wrong = Vec::new();
    let of_merchants = |(path, _): &(&String, &Value)| path.starts_with("/v1/");
    for (path, operations) in object(&DOCUMENT["paths"]).iter().filter(of_merchants) {
        for (method, operation) in object(operations) {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let Some(properties) = schema["properties"].as_object() else {
                continue;
            };
            let body: Map<String, Value> = properties
                .iter()
                .map(|(name, schema)| (name.clone(), example(name, &inlined(schema))))
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
                if missed != required {
                    wrong.push(format!("{method} {path} without {name}: {answer}"));
                }
                checked += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(checked > 30, "{checked}");
}

/// A call whose answer must be good; that it has the described form is checked where
/// it is sent.
fn holds(shop: &Shop, method: &str, path: &str, body: &str) {
    let (status, answer) = shop.call(method, path, body);
    assert_eq!(status, 200, "{method} {path}: {answer}");
}

#[test]
fn answers_have_the_members_of_the_document() {
    let world = Memory::default();
    let shop = world.shop("demo");
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
        holds(&shop, method, path, &body);
    }
}

/// The lists' objects have the members that are described, in the document's own
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
        holds(&shop, "GET", &path, "");
        let operation = &document["paths"][path.as_str()]["get"];
        let content = &operation["responses"]["200"]["content"]["application/json"];
        let items = &content["schema"]["properties"]["data"]["properties"][list]["items"];
        let described: Vec<_> = object(&resolved(items)["properties"]).keys().collect();
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
    holds(&shop, "GET", totals, "");
    holds(&shop, "GET", "/v1/timeline?out_trade_no=1", "");
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
