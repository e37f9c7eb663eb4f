//! Reads answers from values that the browser has parsed, as the checkout page
//! does: a JSON parser in the module would be several times the code. Tests, which
//! have no browser, use `serde_json`.

use serde::de::DeserializeOwned;

/// Reads one message; `None` if the text is not JSON or not that message.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

/// Reads one message; `None` if the text is not JSON or not that message.
#[cfg(target_arch = "wasm32")]
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
    let value = js_sys::JSON::parse(text).ok()?;
    T::deserialize(values::Json(value)).ok()
}

#[cfg(target_arch = "wasm32")]
mod values {
    use core::fmt;

    use js_sys::{Array, Object, Reflect};
    use serde::de::value::{BorrowedStrDeserializer, StringDeserializer};
    use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
    use serde::forward_to_deserialize_any;
    use wasm_bindgen::JsValue;

    /// The message is malformed. Every reason is handled in the same way, so the
    /// error carries none.
    #[derive(Debug)]
    pub(super) struct NotThatMessage;

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
    pub(super) struct Json(pub(super) JsValue);

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
            if self.0.is_null() {
                return visitor.visit_unit();
            }
            if Array::is_array(&self.0) {
                return self.deserialize_seq(visitor);
            }
            self.deserialize_map(visitor)
        }

        fn deserialize_option<V: Visitor<'de>>(
            self,
            visitor: V,
        ) -> Result<V::Value, NotThatMessage> {
            if self.0.is_null() {
                visitor.visit_none()
            } else {
                visitor.visit_some(self)
            }
        }

        fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotThatMessage> {
            if !Array::is_array(&self.0) {
                return Err(NotThatMessage);
            }
            visitor.visit_seq(Items {
                list: Array::from(&self.0),
                next: 0,
            })
        }

        fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotThatMessage> {
            let object = Object::try_from(&self.0).ok_or(NotThatMessage)?;
            visitor.visit_map(Entries {
                names: Object::keys(object),
                object: self.0.clone(),
                next: 0,
            })
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

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string
            bytes byte_buf unit unit_struct newtype_struct tuple tuple_struct
            enum identifier ignored_any
        }
    }

    /// The items of a list.
    struct Items {
        list: Array,
        next: u32,
    }

    impl<'de> SeqAccess<'de> for Items {
        type Error = NotThatMessage;

        fn next_element_seed<T: DeserializeSeed<'de>>(
            &mut self,
            seed: T,
        ) -> Result<Option<T::Value>, NotThatMessage> {
            if self.next >= self.list.length() {
                return Ok(None);
            }
            let item = self.list.get(self.next);
            self.next += 1;
            seed.deserialize(Json(item)).map(Some)
        }
    }

    /// All members of an object.
    struct Entries {
        object: JsValue,
        names: Array,
        next: u32,
    }

    impl<'de> MapAccess<'de> for Entries {
        type Error = NotThatMessage;

        fn next_key_seed<K: DeserializeSeed<'de>>(
            &mut self,
            seed: K,
        ) -> Result<Option<K::Value>, NotThatMessage> {
            let Some(name) = self.names.get(self.next).as_string() else {
                return Ok(None);
            };
            seed.deserialize(StringDeserializer::new(name)).map(Some)
        }

        fn next_value_seed<V: DeserializeSeed<'de>>(
            &mut self,
            seed: V,
        ) -> Result<V::Value, NotThatMessage> {
            let name = self.names.get(self.next);
            self.next += 1;
            let value = Reflect::get(&self.object, &name).map_err(|_| NotThatMessage)?;
            seed.deserialize(Json(value))
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
                self.value =
                    Reflect::get(&self.object, &(*name).into()).map_err(|_| NotThatMessage)?;
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
}
