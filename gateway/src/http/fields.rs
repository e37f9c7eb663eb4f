//! The fields of a merchant's request: each is read, and refused, by its name.
//!
//! Texts and whole numbers are accepted in either JSON form, because the API's
//! own examples (WeCeive API) send `"150"` where its tables say `int`, and
//! `9900000000` where its examples send a text.

use crate::http::error::{ApiError, Code};
use crate::http::message::{json_object, json_object_up_to, query_once};
use crate::runtime::Request;
use order::{Currency, Money, MoneyError, OutTradeNo, OutTradeNoError};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::net::IpAddr;
use wechatpay::common::Text;

/// The limit for a field of a few known values, or of a date: longer than every
/// valid one, so that a wrong value is answered with the valid ones and not
/// with a length.
pub const CHOICE_BYTES: usize = 64;

/// The largest number of a row, a time or an amount: integers cross into
/// JavaScript as 53 bits. A text of more digits than 64 bits hold is read as more.
pub const LARGEST: i64 = (1 << 53) - 1;

/// The most bytes of a refund's reason. WeChat Pay v2 and both regions of
/// `APIv3` accept 80 characters.
const MAX_REASON_BYTES: usize = 80;
/// The most names in `metadata`, and the longest name and text.
const MAX_METADATA: usize = 20;
const MAX_METADATA_NAME_BYTES: usize = 40;
const MAX_METADATA_BYTES: usize = 500;

/// The fields of one JSON object.
#[derive(Debug)]
pub struct Fields(Map<String, Value>);

impl Fields {
    /// Parses a request's body.
    pub fn read(body: &[u8]) -> Result<Self, ApiError> {
        json_object(body).map(Self)
    }

    /// As [`Fields::read`], of a body of at most so many bytes.
    pub fn read_up_to(body: &[u8], most: usize) -> Result<Self, ApiError> {
        json_object_up_to(body, most).map(Self)
    }

    /// Takes a query string's fields.
    pub fn of_query(query: BTreeMap<String, String>) -> Self {
        Self(
            query
                .into_iter()
                .map(|(k, v)| (k, Value::String(v)))
                .collect(),
        )
    }

    /// From a request's query string: each name once, in UTF-8, and none that the
    /// call does not take. A parameter that is ignored would make an answer look
    /// like the one that was asked for.
    pub fn of_query_string(request: &Request, known: &[&str]) -> Result<Self, ApiError> {
        let sent = query_once(request)?;
        if let Some(name) = sent.keys().find(|name| !known.contains(&name.as_str())) {
            let takes = match known {
                [] => "It takes no parameter.".to_owned(),
                [only] => format!("It takes {only}."),
                [first @ .., last] => format!("It takes {} and {last}.", first.join(", ")),
            };
            let message = format!("The call does not take the parameter {name}. {takes}");
            return Err(ApiError::field(Code::FieldInvalid, name, message));
        }
        Ok(Self::of_query(sent))
    }

    /// A text of at most `max` bytes; `None` when it is absent, null or empty.
    pub fn text(&self, name: &str, max: usize) -> Result<Option<String>, ApiError> {
        let text = self.pem(name, max)?;
        match text
            .as_ref()
            .is_some_and(|t| t.chars().any(char::is_control))
        {
            true => Err(self.invalid(name, "must not contain control characters")),
            false => Ok(text),
        }
    }

    /// As [`Fields::text`], for a value that goes into a document signed as
    /// joined values (WeChat Pay v2 manual, section 4.3.1). `&` would make one
    /// signature the signature of several documents.
    pub fn signed_text(&self, name: &str, max: usize) -> Result<Option<String>, ApiError> {
        let text = self.text(name, max)?;
        match text.as_ref().is_some_and(|text| text.contains('&')) {
            true => Err(self.invalid(
                name,
                "must not contain the character &, which separates the values that WeChat signs",
            )),
            false => Ok(text),
        }
    }

    /// Whether the field is present and not empty.
    pub fn has(&self, name: &str) -> bool {
        !matches!(self.0.get(name), None | Some(Value::Null))
            && self.0.get(name) != Some(&Value::String(String::new()))
    }

    /// As [`Fields::text`], with line breaks.
    pub fn pem(&self, name: &str, max: usize) -> Result<Option<String>, ApiError> {
        let text = match self.0.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) if text.is_empty() => return Ok(None),
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) if number.is_i64() || number.is_u64() => number.to_string(),
            Some(_) => return Err(self.invalid(name, "must be a text")),
        };
        if text.len() > max {
            Err(self.invalid(name, &format!("must have at most {max} bytes of UTF-8")))
        } else {
            Ok(Some(text))
        }
    }

    /// As [`Fields::text`], for a field that must be present.
    pub fn required(&self, name: &str, max: usize) -> Result<String, ApiError> {
        self.text(name, max)?.ok_or_else(|| self.missing(name))
    }

    /// A list of texts; absent is empty.
    pub fn texts(&self, name: &str) -> Result<Vec<String>, ApiError> {
        let wrong = || self.invalid(name, "must be a list of texts");
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong))
                .collect(),
            Some(_) => Err(wrong()),
        }
    }

    /// A nested object.
    pub fn object(&self, name: &str) -> Result<Option<Self>, ApiError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(map)) => Ok(Some(Self(map.clone()))),
            Some(_) => Err(self.invalid(name, "must be an object")),
        }
    }

    /// A list of objects; absent is empty.
    pub fn objects(&self, name: &str) -> Result<Vec<Self>, ApiError> {
        let wrong = || self.invalid(name, "must be a list of objects");
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_object().cloned().map(Self).ok_or_else(wrong))
                .collect(),
            Some(_) => Err(wrong()),
        }
    }

    /// `reason`: why a refund is made. `is_joined` is true where the upstream
    /// signs it as one of several joined values.
    pub fn refund_reason(&self, is_joined: bool) -> Result<Option<String>, ApiError> {
        const NAME: &str = "reason";
        let reason = match is_joined {
            true => self.signed_text(NAME, MAX_REASON_BYTES)?,
            false => self.text(NAME, MAX_REASON_BYTES)?,
        };
        let is_carried = |text: &String| Text::<MAX_REASON_BYTES>::new(NAME, text).is_ok();
        match reason.as_ref().is_none_or(is_carried) {
            true => Ok(reason),
            false => Err(self.invalid(NAME, "contains a character that WeChat does not accept")),
        }
    }

    /// `metadata`: the merchant's own names and texts, which neither WeChat nor
    /// the payer sees.
    pub fn metadata(&self) -> Result<BTreeMap<String, String>, ApiError> {
        const NAME: &str = "metadata";
        let Some(given) = self.object(NAME)? else {
            return Ok(BTreeMap::new());
        };
        let mut metadata = BTreeMap::new();
        for name in given.names() {
            if name.len() > MAX_METADATA_NAME_BYTES || name.chars().any(char::is_control) {
                let what = format!("may have names of at most {MAX_METADATA_NAME_BYTES} bytes");
                return Err(self.invalid(NAME, &what));
            }
            let text = given.text(name, MAX_METADATA_BYTES);
            if let Some(text) = text.map_err(|error| Self::inside(NAME, error))? {
                metadata.insert(name.to_owned(), text);
            }
        }
        match metadata.len() > MAX_METADATA {
            true => Err(self.invalid(NAME, &format!("must have at most {MAX_METADATA} names"))),
            false => Ok(metadata),
        }
    }

    /// The names of an object's fields.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether the field was sent, and is not null.
    pub fn is_there(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| !value.is_null())
    }

    /// Whether a flag is set.
    pub fn flag(&self, name: &str) -> Result<bool, ApiError> {
        self.flag_or(name, false)
    }

    /// As [`Fields::flag`], with this value if the flag is absent.
    pub fn flag_or(&self, name: &str, absent: bool) -> Result<bool, ApiError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(absent),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.invalid(name, "must be true or false")),
        }
    }

    /// A whole number in `range`, as a number or as digits.
    pub fn whole(
        &self,
        name: &str,
        range: std::ops::RangeInclusive<i64>,
    ) -> Result<Option<i64>, ApiError> {
        let number = match self.0.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(value) => whole(value),
        };
        number
            .filter(|n| range.contains(n))
            .map(Some)
            .ok_or_else(|| {
                let (low, high) = range.into_inner();
                self.invalid(
                    name,
                    &format!("must be a whole number from {low} to {high}"),
                )
            })
    }

    /// The merchant's order number.
    pub fn out_trade_no(&self) -> Result<OutTradeNo, ApiError> {
        const NAME: &str = "out_trade_no";
        match self.0.get(NAME) {
            Some(Value::Number(number)) if number.as_u64().is_none() => {
                let problem = "must be a text, or a whole number from 0 on, of 64 bits";
                return Err(self.invalid(NAME, problem));
            }
            _ => {}
        }
        let text = self.required(NAME, 256)?;
        OutTradeNo::new(&text).map_err(|error| match error {
            OutTradeNoError::Empty => self.missing(NAME),
            OutTradeNoError::TooLong | OutTradeNoError::BadCharacter => {
                ApiError::field(Code::FieldInvalid, NAME, sentence(&error.to_string()))
            }
        })
    }

    /// `total_fee`, in this currency (checklist P4).
    pub fn money(&self, currency: Currency) -> Result<Money, ApiError> {
        let wrong = |problem: &str| self.error(Code::AmountInvalid, "total_fee", problem);
        match self.0.get("total_fee") {
            None | Some(Value::Null) => return Err(self.missing("total_fee")),
            Some(Value::String(text)) if text.is_empty() => return Err(self.missing("total_fee")),
            Some(value) => whole(value).ok_or_else(|| {
                wrong("must be a whole number of the currency's smallest unit, in digits only")
            }),
        }
        .and_then(|amount| {
            Money::new(amount, currency).map_err(|error| match error {
                MoneyError::Zero => wrong("must be at least 1"),
                MoneyError::Negative => wrong("must not be negative"),
                MoneyError::TooLarge => wrong("must be at most 2147483647"),
            })
        })
    }

    /// `fee_type`, if present: any currency of ISO 4217.
    pub fn currency(&self) -> Result<Option<Currency>, ApiError> {
        let Some(code) = self.text("fee_type", CHOICE_BYTES)? else {
            return Ok(None);
        };
        let currency = Currency::from_code(&code).ok_or_else(|| {
            self.error(
                Code::CurrencyNotAllowed,
                "fee_type",
                "is not a currency: send an ISO 4217 code such as HKD",
            )
        })?;
        Ok(Some(currency))
    }

    /// An IP address, if present.
    pub fn ip(&self, name: &str) -> Result<Option<IpAddr>, ApiError> {
        let Some(text) = self.text(name, 45)? else {
            return Ok(None);
        };
        let address: IpAddr = text
            .parse()
            .map_err(|_| self.invalid(name, "must be an IPv4 or IPv6 address"))?;
        Ok(Some(address.to_canonical()))
    }

    /// The same refusal for a field inside `outer`.
    pub fn inside(outer: &str, error: ApiError) -> ApiError {
        let field = error.field.as_deref().unwrap_or_default();
        let message = error.message.as_str().unwrap_or_default();
        ApiError::field(
            error.code,
            &format!("{outer}.{field}"),
            format!("In {outer}: {message}"),
        )
    }

    /// The refusal of an absent field.
    pub fn missing(&self, name: &str) -> ApiError {
        ApiError::field(
            Code::FieldMissing,
            name,
            format!("The field {name} is required."),
        )
    }

    /// The refusal of a field with a wrong value.
    pub fn invalid(&self, name: &str, problem: &str) -> ApiError {
        self.error(Code::FieldInvalid, name, problem)
    }

    /// A refusal with a code of its own.
    pub fn error(&self, code: Code, name: &str, problem: &str) -> ApiError {
        ApiError::field(code, name, format!("The field {name} {problem}."))
    }
}

/// `150` and `"150"`; not `1.5`, `"1e3"`, `" 150"` or `"+150"`.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number
            .as_i64()
            // Beyond 64 bits it is still a whole number, and too large.
            .or_else(|| number.as_u64().map(|_| i64::MAX)),
        Value::String(text) => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            all_digits.then(|| {
                text.parse().unwrap_or(if text.starts_with('-') {
                    i64::MIN
                } else {
                    i64::MAX
                })
            })
        }
        _ => None,
    }
}

pub fn sentence(text: &str) -> String {
    let mut sentence = format!("{text}.");
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(fee: &str) -> Result<i64, (Code, Option<String>)> {
        Fields::read(format!("{{\"total_fee\":{fee}}}").as_bytes())
            .and_then(|fields| fields.money(Currency::Usd))
            .map(Money::amount_minor)
            .map_err(|error| (error.code, error.field))
    }

    #[test]
    fn p4_amounts_in_both_forms_and_nothing_else() {
        for (fee, expect) in [
            ("150", Ok(150)),
            ("\"150\"", Ok(150)),
            ("\"2147483647\"", Ok(2_147_483_647)),
            ("0", Err(Code::AmountInvalid)),
            ("-1", Err(Code::AmountInvalid)),
            ("\"-1\"", Err(Code::AmountInvalid)),
            ("2147483648", Err(Code::AmountInvalid)),
            ("99999999999999999999999", Err(Code::AmountInvalid)),
            ("\"99999999999999999999999\"", Err(Code::AmountInvalid)),
            ("1.5", Err(Code::AmountInvalid)),
            ("1.0", Err(Code::AmountInvalid)),
            ("\"1.50\"", Err(Code::AmountInvalid)),
            ("\"1e3\"", Err(Code::AmountInvalid)),
            ("\" 150\"", Err(Code::AmountInvalid)),
            ("\"+150\"", Err(Code::AmountInvalid)),
            ("\"1,500\"", Err(Code::AmountInvalid)),
            ("\"１５０\"", Err(Code::AmountInvalid)),
            ("true", Err(Code::AmountInvalid)),
            ("[]", Err(Code::AmountInvalid)),
            ("\"\"", Err(Code::FieldMissing)),
            ("null", Err(Code::FieldMissing)),
        ] {
            let expect = expect.map_err(|code| (code, Some("total_fee".to_owned())));
            assert_eq!(money(fee), expect, "{fee}");
        }
    }

    #[test]
    fn p3_a_currency_is_one_of_iso_4217() {
        for (currency, ok) in [
            ("\"USD\"", true),
            ("\"CHF\"", true),
            ("null", true),
            ("\"usd\"", false),
            ("\"XXX\"", false),
        ] {
            let body = format!("{{\"total_fee\":1,\"fee_type\":{currency}}}");
            let got = Fields::read(body.as_bytes()).unwrap().currency();
            assert_eq!(got.is_ok(), ok, "{currency}: {got:?}");
        }
    }

    #[test]
    fn an_ip_address_is_ipv4_or_ipv6() {
        let ip = |text: &str| {
            let body = format!("{{\"payer_ip\":{text}}}");
            Fields::read(body.as_bytes()).unwrap().ip("payer_ip")
        };
        for (text, address) in [
            ("\"8.8.8.8\"", "8.8.8.8"),
            ("\"::ffff:8.8.8.8\"", "8.8.8.8"),
            ("\"2001:db8::1\"", "2001:db8::1"),
        ] {
            assert_eq!(ip(text).unwrap(), Some(address.parse().unwrap()), "{text}");
        }
        assert_eq!(ip("null").unwrap(), None);
        for bad in ["\"8.8.8\"", "\"host\"", "\"8.8.8.8:80\"", "7"] {
            assert!(ip(bad).is_err(), "{bad}");
        }
    }
}
