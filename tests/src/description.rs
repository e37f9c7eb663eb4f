//! `openapi.json` held against what the gateway does: each answer in memory has
//! a status, a type, a form and a code that its operation describes, and no
//! request succeeds that the description forbids.

use gateway::OPENAPI;
use gateway::route::{Audience, Found, find};
use gateway::runtime::{Request, Response};
use http::Method;
use jsonschema::Validator;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// The document.
pub static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(OPENAPI).expect("openapi.json is JSON"));

/// The compiled schemas, by what they describe.
static VALIDATORS: Mutex<BTreeMap<String, Arc<Validator>>> = Mutex::new(BTreeMap::new());

/// What a reference points to.
pub fn resolved(value: &Value) -> &Value {
    match value["$ref"].as_str() {
        Some(reference) => DOCUMENT
            .pointer(reference.trim_start_matches('#'))
            .unwrap_or_else(|| panic!("{reference} leads nowhere")),
        None => value,
    }
}

/// The description of an operation.
///
/// # Errors
///
/// There is none.
pub fn operation(method: &Method, path: &str) -> Result<&'static Value, String> {
    let method = method.as_str().to_lowercase();
    DOCUMENT["paths"]
        .get(path)
        .and_then(|item| item.get(&method))
        .ok_or_else(|| format!("openapi.json has no {method} {path}"))
}

/// A schema without references, its `allOf` put together.
pub fn inlined(schema: &Value) -> Value {
    match schema {
        Value::Array(items) => items.iter().map(inlined).collect(),
        Value::Object(map) => {
            let mut whole = Map::new();
            if let Some(Value::Object(target)) = map.get("$ref").map(|_| inlined(resolved(schema)))
            {
                whole.extend(target);
            }
            for part in map
                .get("allOf")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                merge(&mut whole, inlined(part));
            }
            for (name, value) in map {
                match name.as_str() {
                    "$ref" | "allOf" => {}
                    // An example is no schema.
                    "example" | "enum" | "const" => {
                        whole.insert(name.clone(), value.clone());
                    }
                    _ => merge(&mut whole, json!({name: inlined(value)})),
                }
            }
            Value::Object(whole)
        }
        other => other.clone(),
    }
}

/// Adds the keywords of a schema to another; of `properties` and `required`
/// each has all.
fn merge(whole: &mut Map<String, Value>, part: Value) {
    let Value::Object(part) = part else { return };
    for (name, value) in part {
        match (name.as_str(), whole.get_mut(&name), value) {
            ("properties", Some(Value::Object(known)), Value::Object(more)) => {
                for (name, more) in more {
                    match known.get_mut(&name) {
                        Some(Value::Object(known)) => merge(known, more),
                        _ => {
                            known.insert(name, more);
                        }
                    }
                }
            }
            ("required", Some(Value::Array(known)), Value::Array(more)) => known.extend(more),
            (_, _, value) => {
                whole.insert(name, value);
            }
        }
    }
}

/// The same, where an object has no members that are not described. Clients
/// must accept new members; a test notices those that are not described.
fn closed(schema: Value) -> Value {
    match schema {
        Value::Object(mut map) => {
            for (_, value) in &mut map {
                *value = closed(value.take());
            }
            if map.contains_key("properties") && !map.contains_key("additionalProperties") {
                map.insert("additionalProperties".to_owned(), json!(false));
            }
            Value::Object(map)
        }
        Value::Array(items) => items.into_iter().map(closed).collect(),
        other => other,
    }
}

/// The validator with this name, compiled once.
fn validator(name: &str, schema: impl FnOnce() -> Value) -> Arc<Validator> {
    let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(validator) = validators.get(name) {
        return validator.clone();
    }
    let compiled = jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(&schema());
    let compiled = compiled.unwrap_or_else(|error| panic!("{name}: {error}"));
    let compiled = Arc::new(compiled);
    validators.insert(name.to_owned(), compiled.clone());
    compiled
}

fn held(name: &str, schema: impl FnOnce() -> Value, value: &Value) -> Result<(), String> {
    let validator = validator(name, schema);
    let wrong: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect();
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(format!("{name}: {} in {value}", wrong.join("; "))),
    }
}

/// Whether a value is one that the schema of a request describes.
///
/// # Errors
///
/// What is wrong with it.
pub fn held_open(name: &str, schema: &Value, value: &Value) -> Result<(), String> {
    held(name, || inlined(schema), value)
}

/// Whether a value is one that the schema of an answer describes, and has no
/// member that is not described.
///
/// # Errors
///
/// What is wrong with it.
pub fn held_closed(name: &str, schema: &Value, value: &Value) -> Result<(), String> {
    held(name, || closed(inlined(schema)), value)
}

/// A content type without its parameters.
fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// Holds a request and its answer against the description.
///
/// # Errors
///
/// What is not described.
pub fn check(request: &Request, answer: &Response) -> Result<(), String> {
    let Found::Route { route, .. } = find(request.method(), request.uri().path()) else {
        return Ok(());
    };
    let operation = operation(&route.method, route.path)?;
    let name = format!("{} {}", route.method, route.path);
    check_answer(&name, operation, request.method() == Method::HEAD, answer)?;
    match answer.status().is_success() {
        true => check_request(&name, route.audience, operation, request),
        false => Ok(()),
    }
}

fn check_answer(
    name: &str,
    operation: &Value,
    head: bool,
    answer: &Response,
) -> Result<(), String> {
    let status = answer.status().as_u16();
    let content_type = answer.headers().get(http::header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let content_type = essence(content_type.unwrap_or_default());
    // A browser reads refusals as pages.
    if status >= 400 && content_type == "text/html" || head {
        return Ok(());
    }
    let responses = &operation["responses"];
    let own = responses.get(status.to_string());
    let described = match (own, status) {
        (Some(own), _) => own,
        (None, 400..) => &responses["default"],
        (None, _) => return Err(format!("{name} answers {status}, which is not described")),
    };
    let Some(content) = resolved(described)["content"].as_object() else {
        return Ok(());
    };
    let Some(media) = content.get(content_type).or_else(|| content.get("*/*")) else {
        return Err(format!("{name} answers {status} as {content_type}"));
    };
    if content_type != "application/json" {
        return Ok(());
    }
    let body: Value = serde_json::from_slice(answer.body())
        .map_err(|error| format!("{name} answers {status} with no JSON: {error}"))?;
    let described = held_closed(&format!("{name} {status}"), &media["schema"], &body);
    // What any call can be refused with is in one place.
    match own.is_some() && status >= 400 && described.is_err() {
        true => {
            let any = &resolved(&responses["default"])["content"]["application/json"]["schema"];
            held_closed("default", any, &body).or(described)
        }
        false => described,
    }
}

/// What succeeded must be what the description allows.
fn check_request(
    name: &str,
    audience: Audience,
    operation: &Value,
    request: &Request,
) -> Result<(), String> {
    let sent = request.uri().query().unwrap_or_default();
    let none = Vec::new();
    let parameters = operation["parameters"].as_array().unwrap_or(&none);
    // Where there is a body, what else is in the query string is not read.
    let reads_query = [Method::GET, Method::HEAD, Method::DELETE].contains(request.method());
    let sent = url::form_urlencoded::parse(sent.as_bytes()).filter(|_| reads_query);
    for (parameter, value) in sent {
        let described = parameters
            .iter()
            .find(|described| described["name"] == *parameter && described["in"] == "query");
        let Some(described) = described else {
            // A payer's address may have what others added to it.
            if ![Audience::Merchant, Audience::Operator].contains(&audience) {
                continue;
            }
            return Err(format!("{name} takes {parameter}, which is not described"));
        };
        let schema = inlined(&described["schema"]);
        let number = value.parse::<i64>().ok();
        let value = match (schema["type"].as_str(), number) {
            (Some("integer"), Some(number)) => json!(number),
            _ => json!(value),
        };
        // An empty value is no value.
        if value != "" {
            held(&format!("{name} ?{parameter}"), || schema, &value)?;
        }
    }
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    // The fields of a refund may be in the query string, with `{}` as the body.
    if schema.is_null() || [&b""[..], b"{}"].contains(&request.body().as_slice()) {
        return Ok(());
    }
    let body: Value = serde_json::from_slice(request.body())
        .map_err(|error| format!("{name} takes what is no JSON: {error}"))?;
    held_open(&format!("{name} body"), schema, &body)
}
