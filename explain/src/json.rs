//! Writes JSON again in the forms that common libraries write.

use serde_json::Value;
use std::fmt::Write as _;

/// The places where libraries put white space.
#[derive(Clone, Copy)]
struct Layout {
    indent: Option<&'static str>,
    colon: &'static str,
    comma: &'static str,
}

/// The characters that libraries escape.
#[derive(Clone, Copy)]
enum Escapes {
    /// Only what JSON demands.
    Least,
    /// Every character that is not ASCII.
    NonAscii,
    /// `/` as `\/`.
    Slashes,
    /// Both, as in PHP.
    SlashesAndNonAscii,
    /// `<`, `>` and `&`, as in Go.
    Html,
}

const COMPACT: Layout = Layout {
    indent: None,
    colon: ":",
    comma: ",",
};
const SPACED: Layout = Layout {
    indent: None,
    colon: ": ",
    comma: ", ",
};
const fn indented(indent: &'static str) -> Layout {
    Layout {
        indent: Some(indent),
        colon: ": ",
        comma: ",",
    }
}

/// The document in each form that a library would write, with the name of the
/// form.
pub fn rewritten(body: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return Vec::new();
    };
    let sorted = sorted(&value);
    let mut all = Vec::new();
    for (layout, escapes, name, name_sorted) in [
        (
            COMPACT,
            Escapes::Least,
            "without white space",
            "names sorted, without white space",
        ),
        (
            SPACED,
            Escapes::Least,
            "a space after , and :",
            "names sorted, a space after , and :",
        ),
        (
            SPACED,
            Escapes::NonAscii,
            "a space after , and :, other characters as \\u",
            "names sorted, a space after , and :, other characters as \\u",
        ),
        (
            indented("  "),
            Escapes::Least,
            "indented by two spaces",
            "names sorted, indented by two spaces",
        ),
        (
            indented("    "),
            Escapes::Least,
            "indented by four spaces",
            "names sorted, indented by four spaces",
        ),
        (
            indented("\t"),
            Escapes::Least,
            "indented by tabs",
            "names sorted, indented by tabs",
        ),
        (
            COMPACT,
            Escapes::NonAscii,
            "other characters as \\u",
            "names sorted, other characters as \\u",
        ),
        (
            COMPACT,
            Escapes::Slashes,
            "/ as \\/",
            "names sorted, / as \\/",
        ),
        (
            COMPACT,
            Escapes::SlashesAndNonAscii,
            "/ as \\/ and other characters as \\u",
            "names sorted, / as \\/ and other characters as \\u",
        ),
        (
            COMPACT,
            Escapes::Html,
            "<, > and & as \\u",
            "names sorted, <, > and & as \\u",
        ),
    ] {
        for (value, name) in [(&value, name), (&sorted, name_sorted)] {
            let mut text = String::new();
            write(&mut text, value, layout, escapes, 0);
            all.push((name, text.into_bytes()));
        }
    }
    all
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut members: Vec<_> = object.iter().collect();
            members.sort_by_key(|(name, _)| name.as_bytes());
            let members = members.into_iter();
            Value::Object(
                members
                    .map(|(name, value)| (name.clone(), sorted(value)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

fn write(out: &mut String, value: &Value, layout: Layout, escapes: Escapes, depth: usize) {
    match value {
        Value::String(text) => write_text(out, text, escapes),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                begin(out, layout, at, depth + 1);
                write(out, item, layout, escapes, depth + 1);
            }
            end(out, layout, items.is_empty(), depth, ']');
        }
        Value::Object(members) => {
            out.push('{');
            for (at, (name, value)) in members.iter().enumerate() {
                begin(out, layout, at, depth + 1);
                write_text(out, name, escapes);
                out.push_str(layout.colon);
                write(out, value, layout, escapes, depth + 1);
            }
            end(out, layout, members.is_empty(), depth, '}');
        }
        other => out.push_str(&other.to_string()),
    }
}

fn begin(out: &mut String, layout: Layout, at: usize, depth: usize) {
    if at > 0 {
        out.push_str(layout.comma);
    }
    if let Some(indent) = layout.indent {
        out.push('\n');
        out.push_str(&indent.repeat(depth));
    }
}

fn end(out: &mut String, layout: Layout, is_empty: bool, depth: usize, bracket: char) {
    if let Some(indent) = layout.indent.filter(|_| !is_empty) {
        out.push('\n');
        out.push_str(&indent.repeat(depth));
    }
    out.push(bracket);
}

fn write_text(out: &mut String, text: &str, escapes: Escapes) {
    // This cannot fail: a text has no key that is not a string.
    let plain = serde_json::to_string(text).unwrap_or_default();
    let slashes = matches!(escapes, Escapes::Slashes | Escapes::SlashesAndNonAscii);
    let ascii = matches!(escapes, Escapes::NonAscii | Escapes::SlashesAndNonAscii);
    for character in plain.chars() {
        match character {
            '/' if slashes => out.push_str("\\/"),
            '<' | '>' | '&' if matches!(escapes, Escapes::Html) => escape(out, character),
            other if ascii && !other.is_ascii() => escape(out, other),
            other => out.push(other),
        }
    }
}

fn escape(out: &mut String, character: char) {
    let mut units = [0; 2];
    for unit in character.encode_utf16(&mut units) {
        // Writing to a `String` does not fail.
        let _ = write!(out, "\\u{unit:04x}");
    }
}
