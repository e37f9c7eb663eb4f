//! Tables for the terminal.

use order::Currency;
use serde_json::Value;

/// Rows below their headings, in aligned columns.
pub fn text(headings: &[&str], rows: Vec<Vec<String>>) -> String {
    let headings: Vec<String> = headings
        .iter()
        .map(|heading| (*heading).to_owned())
        .collect();
    let all: Vec<_> = std::iter::once(headings).chain(rows).collect();
    let columns = all.iter().map(Vec::len).max().unwrap_or_default();
    let width_of = |column: usize| {
        let cells = all.iter().filter_map(|row| row.get(column));
        cells.map(|cell| width(cell)).max().unwrap_or_default()
    };
    let widths: Vec<_> = (0..columns).map(width_of).collect();
    let mut out = String::new();
    for row in &all {
        let mut line = String::new();
        for (cell, most) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(
                ' ',
                most.saturating_sub(width(cell)) + 2,
            ));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// How many columns a text takes: a Chinese character takes two.
fn width(text: &str) -> usize {
    text.chars()
        .map(|c| if u32::from(c) >= 0x1100 { 2 } else { 1 })
        .sum()
}

/// A member of an object, as one line of text without control characters.
pub fn cell(row: &Value, name: &str) -> String {
    let text = match row.get(name) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(ms)) if name.ends_with("_at_ms") => {
            ms.as_i64().map(time).unwrap_or_default()
        }
        Some(other) => other.to_string(),
    };
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// An amount with its currency, as people write it: `1.50 HKD`.
pub fn amount(row: &Value, name: &str, currency: &str) -> String {
    let minor = match row.get(name) {
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    let code = row.get(currency).and_then(Value::as_str);
    match (minor, code) {
        (Some(minor), Some(code)) => money(minor, code),
        _ => "-".to_owned(),
    }
}

/// The same for a number of minor units.
pub fn money(minor: i64, code: &str) -> String {
    let Some(currency) = Currency::from_code(code) else {
        return format!("{minor} minor units {code}");
    };
    let digits = usize::try_from(currency.minor_digits()).unwrap_or_default();
    let sign = if minor < 0 { "-" } else { "" };
    let text = format!("{:0>width$}", minor.unsigned_abs(), width = digits + 1);
    let (whole, part) = text.split_at(text.len().saturating_sub(digits));
    match part {
        "" => format!("{sign}{whole} {code}"),
        part => format!("{sign}{whole}.{part} {code}"),
    }
}

/// A moment in UTC, to the second.
pub fn time(ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(moment) => moment.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        Err(_) => ms.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn amounts_are_written_in_whole_units_of_their_currency() {
        assert_eq!(money(150, "HKD"), "1.50 HKD");
        assert_eq!(money(5, "HKD"), "0.05 HKD");
        assert_eq!(money(-5, "HKD"), "-0.05 HKD");
        assert_eq!(money(150, "JPY"), "150 JPY");
        assert_eq!(money(i64::MIN, "HKD"), "-92233720368547758.08 HKD");
        assert_eq!(money(1, "XXX"), "1 minor units XXX");
    }

    #[test]
    fn a_cell_is_one_line_without_control_characters() {
        let row =
            json!({"a": "two\nlines\u{1b}[31m", "b": null, "created_at_ms": 1_767_323_045_000_i64});
        assert_eq!(cell(&row, "a"), "two lines [31m");
        assert_eq!(cell(&row, "b"), "-");
        assert_eq!(cell(&row, "created_at_ms"), "2026-01-02 03:04:05Z");
    }

    #[test]
    fn columns_are_even_with_chinese_text_too() {
        let rows = vec![
            vec!["茶".to_owned(), "x".to_owned()],
            vec!["tea".to_owned(), "y".to_owned()],
        ];
        assert_eq!(text(&["a", "b"], rows), "a    b\n茶   x\ntea  y\n");
    }
}
