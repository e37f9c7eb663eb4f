//! Reads and writes JSON.
//!
//! The browser parses answers, and each message reads its members from the parsed
//! value. Code that serde generates, with a JSON parser, would be several times as
//! much. Tests, which have no browser, parse with `serde_json`.

use std::collections::BTreeMap;

/// A parsed value.
pub(crate) struct Json(value::Value);

/// Reads a text; `None` if it is not JSON.
pub(crate) fn parse(text: &str) -> Option<Json> {
    value::parse(text).map(Json)
}

/// Reads one message; `None` if the text is not JSON or not that message.
#[cfg(test)]
pub(crate) fn read<T: Read>(text: &str) -> Option<T> {
    T::read(&parse(text)?)
}

impl Json {
    /// The member of an object; `null` where there is none.
    pub(crate) fn member(&self, name: &str) -> Self {
        Self(value::member(&self.0, name))
    }

    /// A member that must be there, unless its type can be absent.
    pub(crate) fn needed<T: Read>(&self, name: &str) -> Option<T> {
        T::read(&self.member(name))
    }

    /// A member that has a default.
    pub(crate) fn or_default<T: Read + Default>(&self, name: &str) -> Option<T> {
        let member = self.member(name);
        if value::is_null(&member.0) {
            return Some(T::default());
        }
        T::read(&member)
    }

    /// A string.
    pub(crate) fn text(&self) -> Option<String> {
        value::text(&self.0)
    }

    fn whole(&self) -> Option<i64> {
        value::whole(&self.0)
    }
}

/// A type that is read from a parsed value.
pub(crate) trait Read: Sized {
    /// `None` if the value is another one.
    fn read(json: &Json) -> Option<Self>;
}

impl Read for String {
    fn read(json: &Json) -> Option<Self> {
        json.text()
    }
}

impl Read for i64 {
    fn read(json: &Json) -> Option<Self> {
        json.whole()
    }
}

impl Read for u32 {
    fn read(json: &Json) -> Option<Self> {
        json.whole()?.try_into().ok()
    }
}

impl Read for bool {
    fn read(json: &Json) -> Option<Self> {
        value::flag(&json.0)
    }
}

impl<T: Read> Read for Option<T> {
    fn read(json: &Json) -> Option<Self> {
        if value::is_null(&json.0) {
            return Some(None);
        }
        T::read(json).map(Some)
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(json: &Json) -> Option<Self> {
        let items = value::items(&json.0)?;
        items.into_iter().map(|item| T::read(&Json(item))).collect()
    }
}

impl Read for BTreeMap<String, String> {
    fn read(json: &Json) -> Option<Self> {
        let names = value::names(&json.0)?;
        let member = |name: String| json.needed(&name).map(|value| (name, value));
        names.into_iter().map(member).collect()
    }
}

/// Declares messages: structs that are read from an object's members. A member
/// that is followed by `= default` may be absent; other members that the struct
/// does not have are ignored.
macro_rules! messages {
    ($($(#[$about:meta])* struct $name:ident { $($(#[$field_about:meta])* $field:ident: $kind:ty $(= $or:ident)?,)* })*) => {
        $(
            $(#[$about])*
            #[derive(Clone, Debug, PartialEq)]
            pub(crate) struct $name {
                $($(#[$field_about])* pub(crate) $field: $kind,)*
            }

            impl $crate::json::Read for $name {
                #[allow(unused_variables, reason = "a message without members")]
                fn read(json: &$crate::json::Json) -> Option<Self> {
                    Some(Self {
                        $($field: $crate::json::messages!(@member json, $field $(, $or)?),)*
                    })
                }
            }
        )*
    };
    (@member $json:ident, $field:ident) => {
        $json.needed(stringify!($field))?
    };
    (@member $json:ident, $field:ident, default) => {
        $json.or_default(stringify!($field))?
    };
}
pub(crate) use messages;

/// A type that is written as JSON.
pub(crate) trait Write {
    /// Appends the value.
    fn write(&self, out: &mut String);
}

impl Write for str {
    fn write(&self, out: &mut String) {
        out.push('"');
        for letter in self.chars() {
            match letter {
                '"' | '\\' => {
                    out.push('\\');
                    out.push(letter);
                }
                '\0'..='\x1f' => {
                    let digit = |number| char::from_digit(number, 16).unwrap_or('0');
                    out.push_str("\\u00");
                    out.push(digit(u32::from(letter) >> 4));
                    out.push(digit(u32::from(letter) & 15));
                }
                _ => out.push(letter),
            }
        }
        out.push('"');
    }
}

impl Write for String {
    fn write(&self, out: &mut String) {
        self.as_str().write(out);
    }
}

impl Write for i64 {
    fn write(&self, out: &mut String) {
        out.push_str(&self.to_string());
    }
}

impl Write for bool {
    fn write(&self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }
}

impl<T: Write + ?Sized> Write for &T {
    fn write(&self, out: &mut String) {
        (**self).write(out);
    }
}

impl<T: Write> Write for Option<T> {
    fn write(&self, out: &mut String) {
        match self {
            Some(value) => value.write(out),
            None => out.push_str("null"),
        }
    }
}

impl<T: Write> Write for Vec<T> {
    fn write(&self, out: &mut String) {
        out.push('[');
        for (place, item) in self.iter().enumerate() {
            if place > 0 {
                out.push(',');
            }
            item.write(out);
        }
        out.push(']');
    }
}

/// An object that is being written: its members so far.
#[derive(Clone, Default)]
pub(crate) struct Object(String);

impl Object {
    /// Adds a member.
    pub(crate) fn set(&mut self, name: &str, value: &dyn Write) {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        name.write(&mut self.0);
        self.0.push(':');
        value.write(&mut self.0);
    }

    /// The whole object.
    pub(crate) fn text(&self) -> String {
        format!("{{{}}}", self.0)
    }
}

impl Write for Object {
    fn write(&self, out: &mut String) {
        out.push_str(&self.text());
    }
}

/// An [`Object`] with these members.
macro_rules! object {
    ($($name:literal: $value:expr),* $(,)?) => {{
        #[allow(unused_mut, reason = "an object without members")]
        let mut object = $crate::json::Object::default();
        $(object.set($name, &$value);)*
        object
    }};
}
pub(crate) use object;

/// Values that the browser has parsed.
#[cfg(target_arch = "wasm32")]
mod value {
    use js_sys::{Array, JSON, Object, Reflect};
    pub(super) use wasm_bindgen::JsValue as Value;

    pub(super) fn parse(text: &str) -> Option<Value> {
        JSON::parse(text).ok()
    }

    pub(super) fn member(value: &Value, name: &str) -> Value {
        // What is no object has no members.
        Reflect::get(value, &name.into()).unwrap_or(Value::NULL)
    }

    pub(super) fn is_null(value: &Value) -> bool {
        value.is_null() || value.is_undefined()
    }

    pub(super) fn text(value: &Value) -> Option<String> {
        value.as_string()
    }

    /// Times and amounts are whole numbers far below 2^53.
    pub(super) fn whole(value: &Value) -> Option<i64> {
        let number = value.as_f64()?;
        let whole = number as i64;
        (whole as f64 == number).then_some(whole)
    }

    pub(super) fn flag(value: &Value) -> Option<bool> {
        value.as_bool()
    }

    pub(super) fn items(value: &Value) -> Option<Vec<Value>> {
        Array::is_array(value).then(|| Array::from(value).to_vec())
    }

    pub(super) fn names(value: &Value) -> Option<Vec<String>> {
        let names = Object::keys(Object::try_from(value)?);
        names.iter().map(|name| name.as_string()).collect()
    }
}

/// Values of tests.
#[cfg(not(target_arch = "wasm32"))]
mod value {
    pub(super) use serde_json::Value;

    pub(super) fn parse(text: &str) -> Option<Value> {
        serde_json::from_str(text).ok()
    }

    pub(super) fn member(value: &Value, name: &str) -> Value {
        value.get(name).cloned().unwrap_or_default()
    }

    pub(super) fn is_null(value: &Value) -> bool {
        value.is_null()
    }

    pub(super) fn text(value: &Value) -> Option<String> {
        value.as_str().map(str::to_owned)
    }

    pub(super) fn whole(value: &Value) -> Option<i64> {
        value.as_i64()
    }

    pub(super) fn flag(value: &Value) -> Option<bool> {
        value.as_bool()
    }

    pub(super) fn items(value: &Value) -> Option<Vec<Value>> {
        value.as_array().cloned()
    }

    pub(super) fn names(value: &Value) -> Option<Vec<String>> {
        Some(value.as_object()?.keys().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    messages! {
        /// A message.
        struct Message {
            number: i64,
            text: Option<String>,
            list: Vec<u32> = default,
        }
    }

    #[test]
    fn a_message_is_read_from_its_members() {
        let message: Option<Message> = read(r#"{"number":-7,"list":[1,2],"other":{}}"#);
        let expected = Message {
            number: -7,
            text: None,
            list: vec![1, 2],
        };
        assert_eq!(message, Some(expected));
    }

    #[test]
    fn what_is_not_the_message_is_not_read() {
        for text in [
            "",
            "null",
            "[]",
            r#"{"text":"a"}"#,
            r#"{"number":"7"}"#,
            r#"{"number":7,"text":1}"#,
            r#"{"number":7,"list":[-1]}"#,
            r#"{"number":7.5}"#,
        ] {
            assert_eq!(read::<Message>(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_json() {
        let odd = "a\"b\\c\n\u{1f}号😀";
        let inner = object! { "name": odd };
        let object = object! {
            "one": 1_i64,
            "none": None::<bool>,
            "flag": true,
            "list": vec![inner],
        };
        let parsed: serde_json::Value = serde_json::from_str(&object.text()).unwrap();
        let expected = serde_json::json!({
            "one": 1, "none": null, "flag": true, "list": [{ "name": odd }],
        });
        assert_eq!(parsed, expected);
        assert_eq!(object! {}.text(), "{}");
    }
}
