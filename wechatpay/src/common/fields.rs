//! The fields of a flat message: names and values, each name once. v2 writes
//! them as XML, iOnline as a form or a JSON object; the signature is over them.

use super::field::{FieldError, Problem, Text};
use super::time::{self, Date};
use order::{Currency, Money};

/// The most fields that a document may have. An answer about ten refunds, each
/// with its coupons, has some 150.
pub const MAX_FIELDS: usize = 256;

/// The longest field name, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

/// A v2 document: field names and values in their order, each name once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(pub(super) Vec<(String, String)>);

impl Fields {
    /// No fields yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The field's value; an empty one is `Some("")`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find_map(|(n, v)| (n == name).then_some(v))
    }

    /// The field's value, where an empty one counts as absent, as it does for
    /// the signature.
    pub fn get_nonempty(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Sets a field in its place, or appends it.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        match self.0.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => *old = value.into(),
            None => self.0.push((name.to_owned(), value.into())),
        }
    }

    /// Appends a field. A name occurs once: an earlier field is removed.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        self.remove(name);
        self.0.push((name.to_owned(), value.into()));
    }

    /// [`push`](Self::push) for an optional value.
    pub fn push_some(&mut self, name: &str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.push(name, value);
        }
    }

    /// [`push`](Self::push) in a chain.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.push(name, value);
        self
    }

    /// Removes a field and returns its value.
    pub fn remove(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(n, _)| n == name)?;
        Some(self.0.remove(at).1)
    }

    /// Keeps the fields whose value passes `keep`.
    pub(crate) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|(_, value)| keep(value));
    }

    /// Names and values in the document's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Fields {
    /// A required field's value.
    pub fn required(&self, field: &'static str) -> Result<&str, FieldError> {
        match self.get(field) {
            None => Err(Problem::Missing.of(field)),
            Some("") => Err(Problem::Empty.of(field)),
            Some(value) => Ok(value),
        }
    }

    pub(crate) fn text<const MAX: usize>(
        &self,
        field: &'static str,
    ) -> Result<Text<MAX>, FieldError> {
        Text::new(field, self.required(field)?)
    }

    pub(crate) fn optional_text<const MAX: usize>(
        &self,
        field: &'static str,
    ) -> Result<Option<Text<MAX>>, FieldError> {
        self.get_nonempty(field)
            .map(|value| Text::new(field, value))
            .transpose()
    }

    /// A required value that `known` recognizes.
    pub(crate) fn one_of<T>(
        &self,
        field: &'static str,
        known: impl Fn(&str) -> Option<T>,
    ) -> Result<T, FieldError> {
        known(self.required(field)?).ok_or(Problem::UnknownValue.of(field))
    }

    pub(crate) fn int(&self, field: &'static str) -> Result<i64, FieldError> {
        parse_int(field, self.required(field)?)
    }

    pub(crate) fn optional_int(&self, field: &'static str) -> Result<Option<i64>, FieldError> {
        self.get_nonempty(field)
            .map(|value| parse_int(field, value))
            .transpose()
    }

    /// A number that is only displayed: absent if it is not a number, so that
    /// no payment or refund is refused for its form.
    pub(crate) fn shown_int(&self, field: &'static str) -> Option<i64> {
        self.optional_int(field).ok().flatten()
    }

    pub(crate) fn optional_time_ms(&self, field: &'static str) -> Result<Option<i64>, FieldError> {
        self.get_nonempty(field)
            .map(|value| time::parse_china(value).map_err(|_| Problem::BadFormat.of(field)))
            .transpose()
    }

    /// `yyyy-MM-dd HH:mm:ss`.
    pub(crate) fn optional_spaced_time_ms(
        &self,
        field: &'static str,
    ) -> Result<Option<i64>, FieldError> {
        self.get_nonempty(field)
            .map(|value| time::parse_china_spaced(value).map_err(|_| Problem::BadFormat.of(field)))
            .transpose()
    }

    /// `yyyyMMdd`.
    pub(crate) fn date(&self, field: &'static str) -> Result<Date, FieldError> {
        Date::parse(self.required(field)?).map_err(|_| Problem::BadFormat.of(field))
    }

    pub(crate) fn optional_date(&self, field: &'static str) -> Result<Option<Date>, FieldError> {
        match self.get_nonempty(field) {
            None => Ok(None),
            Some(_) => self.date(field).map(Some),
        }
    }

    /// An amount that was charged or refunded: at least 1.
    pub(crate) fn fee(&self, field: &'static str) -> Result<i64, FieldError> {
        check_fee(field, self.int(field)?)
    }

    pub(crate) fn optional_currency(
        &self,
        field: &'static str,
    ) -> Result<Option<Currency>, FieldError> {
        self.get_nonempty(field)
            .map(|code| Currency::from_code(code).ok_or(Problem::UnknownValue.of(field)))
            .transpose()
    }

    pub(crate) fn owned(&self, field: &str) -> Option<String> {
        self.get_nonempty(field).map(str::to_owned)
    }

    /// The fields of item `n`, whose names end with `_n`.
    pub(crate) fn nth(&self, n: usize) -> Nth<'_> {
        Nth { fields: self, n }
    }
}

/// The fields of one item: `refund_id_$n` with its number. Errors use the
/// manual's name.
#[derive(Clone, Copy)]
pub(crate) struct Nth<'a> {
    fields: &'a Fields,
    n: usize,
}

impl<'a> Nth<'a> {
    pub(crate) fn get(self, field: &'static str) -> Option<&'a str> {
        self.fields.get(&nth_name(field, self.n))
    }

    pub(crate) fn get_nonempty(self, field: &'static str) -> Option<&'a str> {
        self.get(field).filter(|value| !value.is_empty())
    }

    pub(crate) fn required(self, field: &'static str) -> Result<&'a str, FieldError> {
        match self.get(field) {
            None => Err(Problem::Missing.of(field)),
            Some("") => Err(Problem::Empty.of(field)),
            Some(value) if value.contains('&') => Err(Problem::Ambiguous.of(field)),
            Some(value) => Ok(value),
        }
    }

    pub(crate) fn fee(self, field: &'static str) -> Result<i64, FieldError> {
        check_fee(field, parse_int(field, self.required(field)?)?)
    }

    /// As [`Fields::shown_int`].
    pub(crate) fn shown_int(self, field: &'static str) -> Option<i64> {
        parse_int(field, self.get_nonempty(field)?).ok()
    }

    pub(crate) fn owned(self, field: &'static str) -> Option<String> {
        self.get_nonempty(field).map(str::to_owned)
    }
}

/// `refund_id_$n` with its number.
pub(crate) fn nth_name(field: &str, n: usize) -> String {
    field.replace("$n", &n.to_string())
}

fn check_fee(field: &'static str, fee: i64) -> Result<i64, FieldError> {
    if (1..=Money::MAX_MINOR).contains(&fee) {
        Ok(fee)
    } else {
        Err(Problem::OutOfRange.of(field))
    }
}

fn parse_int(field: &'static str, value: &str) -> Result<i64, FieldError> {
    if !value.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Problem::NotANumber.of(field));
    }
    value.parse().map_err(|_| Problem::OutOfRange.of(field))
}

/// Whether this can be a field's name: a letter or `_` first, then letters,
/// digits, `_`, `-` and `.`, all ASCII, at most [`MAX_NAME_BYTES`].
pub fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME_BYTES
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
}
