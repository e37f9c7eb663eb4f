//! Small helpers over the `http` crate: answers with the right headers, and the
//! parts of a request that handlers read.

use crate::http::error::{ApiError, Code};
use crate::route::MAX_BODY_BYTES;
use crate::runtime::{Request, Response};
use http::{HeaderName, HeaderValue, header};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// An answer with this status, type and body, and the headers of every answer:
/// no caching, no type sniffing, and no referrer.
pub fn answer(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::STRICT_TRANSPORT_SECURITY,
            "max-age=63072000; includeSubDomains",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A JSON answer.
pub fn json(status: u16, body: &Value) -> Response {
    answer(status, "application/json; charset=utf-8", body.to_string())
}

/// The documented success body: `{"status":"success","data":…}`.
pub fn success(data: Value) -> Response {
    json(200, &serde_json::json!({"status": "success", "data": data}))
}

/// An object of texts in the documented form: absent ones are omitted.
pub fn texts<const N: usize>(entries: [(&str, Option<String>); N]) -> Map<String, Value> {
    entries
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?))))
        .collect()
}

/// A redirect that is not cached.
pub fn redirect(to: &str) -> Response {
    let mut response = answer(302, "text/plain; charset=utf-8", "");
    set(&mut response, header::LOCATION, to);
    response
}

/// Sets a header; a value that is not valid in a header is left out.
pub fn set<B>(response: &mut http::Response<B>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().append(name, value);
    }
}

/// The header's text, if it is present and ASCII: for headers that programs
/// write.
pub fn header_text<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// The header's text with any bytes: for headers that a browser or a person
/// writes. Non-ASCII bytes (a phone's model in Chinese) do not hide the rest of
/// the header.
pub fn free_text<'a>(request: &'a Request, name: &str) -> Option<Cow<'a, str>> {
    let value = request.headers().get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()))
}

/// The query string's fields; the first of each name counts.
pub fn query(request: &Request) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let text = request.uri().query().unwrap_or_default();
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        fields
            .entry(name.into_owned())
            .or_insert_with(|| value.into_owned());
    }
    fields
}

/// The query string's fields: a repeated name is refused, because two readers
/// could disagree on which value counts, and so is what is not UTF-8.
pub fn query_once(request: &Request) -> Result<BTreeMap<String, String>, ApiError> {
    let text = request.uri().query().unwrap_or_default();
    let pairs = url::form_urlencoded::parse(text.as_bytes()).into_owned();
    let mut fields = BTreeMap::new();
    for (name, value) in pairs {
        if fields.contains_key(&name) {
            let why = format!("The field {name} is in the query string twice.");
            return Err(ApiError::field(Code::FieldInvalid, &name, why));
        }
        // The decoder replaces bytes that are not UTF-8 by this character,
        // which no valid value contains.
        if name.contains(char::REPLACEMENT_CHARACTER) || value.contains(char::REPLACEMENT_CHARACTER)
        {
            let why = format!("The field {name} of the query string is not UTF-8.");
            return Err(ApiError::field(Code::FieldInvalid, &name, why));
        }
        fields.insert(name, value);
    }
    Ok(fields)
}

/// The cookie with this name. Other cookies, of pages elsewhere in the domain,
/// may contain any bytes.
pub fn cookie<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request
        .headers()
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| str::from_utf8(pair).ok()?.trim().split_once('='))
        .find_map(|(found, value)| (found == name).then_some(value))
}

/// A body that is one JSON object without repeated keys, at every depth.
///
/// A repeated key is refused: two readers could disagree on which value counts.
pub fn json_object(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    json_object_up_to(body, MAX_BODY_BYTES)
}

/// As [`json_object`], of at most so many bytes.
pub fn json_object_up_to(body: &[u8], most: usize) -> Result<Map<String, Value>, ApiError> {
    if body.len() > most {
        return Err(ApiError::of(Code::BodyTooLarge));
    }
    let wrong = |why: &dyn std::fmt::Display| {
        let why = format!("The body is not one JSON object: {why}.");
        ApiError::new(Code::BodyNotJson, why)
    };
    match serde_json::from_slice(body).map_err(|error| wrong(&error))? {
        value @ Value::Object(_) if pairs(&value) != colons(body) => {
            Err(wrong(&"an object in it has the same key twice"))
        }
        Value::Object(object) => Ok(object),
        _ => Err(wrong(&"it is another JSON value")),
    }
}

/// The number of keys of a value, at every depth; the parser keeps one of two
/// equal keys.
fn pairs(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(pairs).sum(),
        Value::Object(map) => map.values().map(|value| 1 + pairs(value)).sum(),
        _ => 0,
    }
}

/// The number of keys in a JSON text: the number of colons outside its strings.
fn colons(json: &[u8]) -> usize {
    let (mut count, mut in_text, mut escaped) = (0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_text = !in_text,
            b':' if !in_text => count += 1,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_one_object_with_each_key_once() {
        assert_eq!(json_object(br#"{"a":1}"#).unwrap().len(), 1);
        for bad in [
            &b"[]"[..],
            b"",
            b"{",
            b"{\"a\":1}x",
            b"\"a\"",
            b"{\"a\":1,\"a\":2}",
            b"{\"a\":[{\"b\":1,\"b\":1}]}",
            b"{\"a\":{\"b\":1,\"\\u0062\":1}}",
            b"{\"a\":\"\xff\"}",
        ] {
            let error = json_object(bad).unwrap_err();
            assert_eq!(error.code, Code::BodyNotJson, "{error:?}");
        }
        let long = vec![b' '; MAX_BODY_BYTES + 1];
        assert_eq!(json_object(&long).unwrap_err().code, Code::BodyTooLarge);
    }
}
