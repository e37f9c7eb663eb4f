//! The further questions of a payment link: what a payer is asked for, and what a
//! valid answer is.

use crate::Lang;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most fields of a link.
pub const MAX_FIELDS: usize = 3;
/// The most characters of an answer.
pub const MAX_CHARACTERS: usize = 100;
/// The most digits of a number.
const MAX_DIGITS: usize = 15;

/// A field of a link's form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkField {
    /// The merchant's name for it: `a-z 0-9 _`.
    pub name: String,
    /// What the payer reads, by the tags of languages; or under an empty tag for
    /// every language.
    pub label: BTreeMap<String, String>,
    /// What a valid answer is.
    pub kind: FieldKind,
    /// Whether the payer must answer.
    pub required: bool,
}

/// What a valid answer is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// A text.
    Text {
        /// The most characters.
        max_length: usize,
    },
    /// A whole number, in digits.
    Number,
    /// One of these.
    Choice(Vec<String>),
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldProblem {
    /// It is missing.
    Missing,
    /// It has too many characters.
    TooLong(usize),
    /// It is not a whole number.
    NotANumber,
    /// It is none of the choices, or holds control characters.
    NotAChoice,
}

impl LinkField {
    /// The label in a language, or else in the first language that has one. A
    /// reader of one Chinese script gets the other script before English.
    pub fn label_in(&self, lang: Lang) -> &str {
        let tags = match lang {
            Lang::ZhHans => ["", "zh-Hans", "zh-Hant", "en"],
            Lang::ZhHant => ["", "zh-Hant", "zh-Hans", "en"],
            other => ["", other.tag(), "en", "zh-Hant"],
        };
        let label = tags.into_iter().find_map(|tag| self.label.get(tag));
        let label = label.or_else(|| self.label.values().next());
        label.map_or(self.name.as_str(), String::as_str)
    }

    /// The most characters of an answer.
    pub fn max_length(&self) -> usize {
        match &self.kind {
            FieldKind::Text { max_length } => *max_length,
            FieldKind::Number => MAX_DIGITS,
            FieldKind::Choice(_) => MAX_CHARACTERS,
        }
    }

    /// Reads an answer; `None` is a missing answer to an optional question.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn read(&self, written: &str) -> Result<Option<String>, FieldProblem> {
        let written = written.trim();
        if written.is_empty() {
            return match self.required {
                true => Err(FieldProblem::Missing),
                false => Ok(None),
            };
        }
        if written.chars().count() > self.max_length() {
            return Err(FieldProblem::TooLong(self.max_length()));
        }
        let is_valid = match &self.kind {
            FieldKind::Text { .. } => !written.chars().any(char::is_control),
            FieldKind::Number if !written.bytes().all(|b| b.is_ascii_digit()) => {
                return Err(FieldProblem::NotANumber);
            }
            FieldKind::Number => true,
            FieldKind::Choice(choices) => choices.iter().any(|choice| choice == written),
        };
        match is_valid {
            true => Ok(Some(written.to_owned())),
            false => Err(FieldProblem::NotAChoice),
        }
    }
}

/// Reads the answers to all fields, by their names.
///
/// # Errors
///
/// The first field whose answer is wrong, and what is wrong with it.
pub fn read_answers<'f>(
    fields: &'f [LinkField],
    written: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, (&'f str, FieldProblem)> {
    let mut answers = BTreeMap::new();
    for field in fields {
        let text = written.get(&input_name(&field.name));
        let read = field.read(text.map(String::as_str).unwrap_or_default());
        if let Some(answer) = read.map_err(|problem| (field.name.as_str(), problem))? {
            answers.insert(field.name.clone(), answer);
        }
    }
    Ok(answers)
}

/// The name of a field's input in the form. The prefix keeps it apart from the
/// form's own inputs.
pub fn input_name(name: &str) -> String {
    format!("f_{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(kind: FieldKind, required: bool) -> LinkField {
        LinkField {
            name: "table".to_owned(),
            label: BTreeMap::from([("zh-Hans".to_owned(), "桌号".to_owned())]),
            kind,
            required,
        }
    }

    #[test]
    fn an_answer_is_read_as_its_field_asks() {
        let some = |text: &str| Ok(Some(text.to_owned()));
        let text = field(FieldKind::Text { max_length: 3 }, true);
        assert_eq!(text.read(" 七号桌 "), some("七号桌"));
        assert_eq!(text.read("abcd"), Err(FieldProblem::TooLong(3)));
        assert_eq!(text.read(" "), Err(FieldProblem::Missing));
        assert_eq!(text.read("a\u{7}"), Err(FieldProblem::NotAChoice));
        let number = field(FieldKind::Number, false);
        assert_eq!(number.read("007"), some("007"));
        assert_eq!(number.read(""), Ok(None));
        for wrong in ["-1", "1.5", "１２", "1e3"] {
            assert_eq!(number.read(wrong), Err(FieldProblem::NotANumber), "{wrong}");
        }
        let choice = field(
            FieldKind::Choice(vec!["S".to_owned(), "M".to_owned()]),
            true,
        );
        assert_eq!(choice.read("M"), some("M"));
        assert_eq!(choice.read("m"), Err(FieldProblem::NotAChoice));
        for lang in Lang::ALL {
            assert_eq!(choice.label_in(lang), "桌号", "the only one that there is");
        }
    }
}
