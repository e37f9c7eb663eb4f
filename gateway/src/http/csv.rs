//! Lists as CSV (RFC 4180), in chunks.

use crate::http::message::{answer, set};
use crate::observe::RequestContext;
use crate::runtime::{Answer, Body, Chunks, FetchError};
use futures_util::StreamExt;
use futures_util::stream;
use serde_json::Value;
use std::future::Future;

/// The rows of a page, and where the next page begins.
pub type Rows<At> = (Vec<Value>, Option<At>);

/// A whole list as CSV. `next` reads the page that begins at a place; it is called
/// when the previous page has been sent, so that only one is in memory. If it gives
/// none, the answer is aborted.
pub fn csv<At, Next, Page>(
    name: &str,
    columns: &'static [&'static str],
    (first, after): Rows<At>,
    next: Next,
) -> Answer
where
    At: 'static,
    Next: Fn(At) -> Page + Clone + 'static,
    Page: Future<Output = Option<Rows<At>>> + 'static,
{
    let mut head = answer(200, "text/csv; charset=utf-8", "");
    let name = format!("attachment; filename=\"{name}.csv\"");
    set(&mut head, http::header::CONTENT_DISPOSITION, &name);
    // Without a byte order mark spreadsheets do not read Chinese.
    let begin = format!("\u{feff}{}\r\n{}", columns.join(","), text(&first, columns));
    let request_context = RequestContext::current();
    let rest = stream::unfold(after, move |at| {
        let (next, request_context) = (next.clone(), request_context.clone());
        async move {
            let page = request_context.within(next(at?)).await;
            let Some((rows, after)) = page else {
                return Some((Err(FetchError::Unreachable), None));
            };
            Some((Ok(text(&rows, columns).into_bytes()), after))
        }
    });
    let chunks: Chunks = stream::iter([Ok(begin.into_bytes())])
        .chain(rest)
        .boxed_local();
    head.map(|_| Body::Pieces(chunks))
}

fn text(rows: &[Value], columns: &[&str]) -> String {
    rows.iter().map(|item| row(item, columns)).collect()
}

fn row(item: &Value, columns: &[&str]) -> String {
    let cells = columns.iter().map(|column| match item.get(*column) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) if is_decimal(text) => text.clone(),
        Some(Value::String(text)) => cell(text),
        // Numbers and flags are written as they are, an object or a list as JSON.
        Some(value @ (Value::Object(_) | Value::Array(_))) => cell(&value.to_string()),
        Some(value) => value.to_string(),
    });
    let cells: Vec<String> = cells.collect();
    format!("{}\r\n", cells.join(","))
}

/// Whether a text is a number with a decimal point, which no spreadsheet evaluates.
fn is_decimal(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.strip_prefix('-').unwrap_or(text);
    number
        .split_once('.')
        .is_some_and(|(whole, fraction)| digits(whole) && digits(fraction))
}

/// A text in a cell (RFC 4180). Spreadsheets evaluate a cell that begins with
/// `=`, `+`, `-`, `@` or a control character as a formula; an apostrophe before
/// it makes it a text. A spreadsheet whose separator is `;` or a tab begins a cell
/// there, also within quotation marks, so what follows is treated in the same way.
fn cell(text: &str) -> String {
    let parts = text.split_inclusive([';', '\t']);
    let text: String = parts
        .map(|part| match begins_formula(part) {
            true => format!("'{part}"),
            false => part.to_owned(),
        })
        .collect();
    match text.contains(['"', ',', '\r', '\n', ';', '\t', '\'']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

fn begins_formula(part: &str) -> bool {
    // A program that splits at `;` may take a quotation mark for the cell's own.
    part.trim_start_matches(|c: char| c.is_whitespace() || c == '"')
        .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
        || part.starts_with(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_below_zero_stays_a_number() {
        let row = |text: &str| row(&serde_json::json!({ "a": text }), &["a"]);
        assert_eq!(row("-17.50"), "-17.50\r\n");
        for text in ["-1", "-.5", "-1.", "-1.5+2", "--1.5", "=1.5"] {
            assert_eq!(row(text), format!("\"'{text}\"\r\n"), "{text}");
        }
    }

    #[test]
    fn a_cell_is_never_a_formula() {
        for (text, expected) in [
            ("茶", "茶"),
            ("Tea, green", "\"Tea, green\""),
            ("say \"tea\"", "\"say \"\"tea\"\"\""),
            ("=1+1", "\"'=1+1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            (" =1", "\"' =1\""),
            ("\t=1", "\"'\t'=1\""),
            ("＝1", "\"'＝1\""),
            ("a\r\nb", "\"a\r\nb\""),
            ("a;b", "\"a;b\""),
            (";=1+1", "\";'=1+1\""),
            ("a; @x", "\"a;' @x\""),
            ("a\t-1", "\"a\t'-1\""),
            ("a;\"=1", "\"a;'\"\"=1\""),
            (
                "{\"table\":\";=cmd|'/C calc'!A0;\"}",
                "\"{\"\"table\"\":\"\";'=cmd|'/C calc'!A0;\"\"}\"",
            ),
            ("", ""),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }
}
