//! Deserialises the server's messages from values that the browser has parsed.
//!
//! The messages are the serde types of `checkout`. This serde format reads the
//! result of the browser's `JSON.parse`, which takes about a fifth of the code
//! of a JSON parser in the module. It supports what those types consist of and
//! refuses everything else.

use core::fmt;

use js_sys::{JSON, Object, Reflect};
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, MapAccess, VariantAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;
use wasm_bindgen::JsValue;

/// Reads one message; `None` if the text is not JSON or not that message.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
    of_value(JSON::parse(text).ok()?)
}

/// Reads one message that is part of another.
pub(crate) fn of_value<T: DeserializeOwned>(value: JsValue) -> Option<T> {
    T::deserialize(Json(value)).ok()
}

/// The message is malformed. The page handles every reason in the same way, so
/// the error carries none.
#[derive(Debug)]
struct NotThatMessage;

impl fmt::Display for NotThatMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not that message")
    }
}

impl core::error::Error for NotThatMessage {}

impl de::Error for NotThatMessage {
    fn custom<T: fmt::Display>(_: T) -> Self {
        NotThatMessage
    }
}

/// A value from `JSON.parse`.
struct Json(JsValue);

impl<'de> Deserializer<'de> for Json {
    type Error = NotThatMessage;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotThatMessage> {
        if let Some(text) = self.0.as_string() {
            return visitor.visit_string(text);
        }
        if let Some(flag) = self.0.as_bool() {
            return visitor.visit_bool(flag);
        }
        if let Some(number) = self.0.as_f64() {
            // Times and amounts are whole numbers far below 2^53.
            let whole = number as i64;
            return if whole as f64 == number {
                visitor.visit_i64(whole)
            } else {
                Err(NotThatMessage)
            };
        }
        Err(NotThatMessage)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotThatMessage> {
        if self.0.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotThatMessage> {
        visitor.visit_map(Members {
            object: self.0,
            names: fields.iter(),
            value: JsValue::UNDEFINED,
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotThatMessage> {
        // `"open"`, or `{"paid":{…}}` with one member.
        let (name, content) = match self.0.as_string() {
            Some(name) => (name, JsValue::UNDEFINED),
            None => {
                let object = Object::try_from(&self.0).ok_or(NotThatMessage)?;
                let name = Object::keys(object).get(0);
                let content = Reflect::get(object, &name).map_err(|_| NotThatMessage)?;
                (name.as_string().ok_or(NotThatMessage)?, content)
            }
        };
        let known = variants.iter().find(|variant| **variant == name);
        visitor.visit_enum(Variant {
            name: known.ok_or(NotThatMessage)?,
            content,
        })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string
        bytes byte_buf unit unit_struct newtype_struct seq tuple tuple_struct
        map identifier ignored_any
    }
}

/// The members of an object that a struct asks for; others are skipped.
struct Members {
    object: JsValue,
    names: core::slice::Iter<'static, &'static str>,
    value: JsValue,
}

impl<'de> MapAccess<'de> for Members {
    type Error = NotThatMessage;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, NotThatMessage> {
        for name in self.names.by_ref() {
            self.value = Reflect::get(&self.object, &(*name).into()).map_err(|_| NotThatMessage)?;
            if !self.value.is_undefined() {
                return seed
                    .deserialize(BorrowedStrDeserializer::new(name))
                    .map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, NotThatMessage> {
        seed.deserialize(Json(core::mem::replace(
            &mut self.value,
            JsValue::UNDEFINED,
        )))
    }
}

/// One variant of an enum.
struct Variant {
    name: &'static str,
    content: JsValue,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = NotThatMessage;
    type Variant = Json;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Json), NotThatMessage> {
        let value = seed.deserialize(BorrowedStrDeserializer::new(self.name))?;
        Ok((value, Json(self.content)))
    }
}

impl<'de> VariantAccess<'de> for Json {
    type Error = NotThatMessage;

    fn unit_variant(self) -> Result<(), NotThatMessage> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, NotThatMessage> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        _len: usize,
        _visitor: V,
    ) -> Result<V::Value, NotThatMessage> {
        Err(NotThatMessage)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotThatMessage> {
        self.deserialize_struct("", fields, visitor)
    }
}
