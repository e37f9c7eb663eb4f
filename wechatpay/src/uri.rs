//! Query strings: `name=value&…`, percent-encoded UTF-8.

use std::fmt::Write;

/// Encodes everything but RFC 3986's unreserved characters.
pub(crate) fn encode(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Decodes `%XX` and, as in forms, `+`; `None` when that gives no UTF-8 or an
/// escape is cut short.
pub(crate) fn decode(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [hex(rest.next()?)?, hex(rest.next()?)?];
                digits[0] << 4 | digits[1]
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

/// The part after `?`, without a fragment. A text without `?` is a query
/// itself.
pub(crate) fn query_of(uri: &str) -> &str {
    let uri = uri.split_once('#').map_or(uri, |(before, _)| before);
    uri.split_once('?').map_or(uri, |(_, query)| query)
}

/// The decoded value of a name that must occur once: `Ok(None)` when it does
/// not occur, `Err` when it occurs twice or cannot be decoded.
pub(crate) fn single(query: &str, name: &str) -> Result<Option<String>, ()> {
    let mut found = None;
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if key == name && found.replace(decode(value).ok_or(())?).is_some() {
            return Err(());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_round_trip() {
        for value in [
            "",
            "a b+c",
            "https://a.example/pay/?x=1&y=2#z",
            "支付 🍵",
            "100%",
        ] {
            assert_eq!(decode(&encode(value)).as_deref(), Some(value));
        }
        assert_eq!(encode("https://a/ü"), "https%3A%2F%2Fa%2F%C3%BC");
        for broken in ["%", "%4", "%zz", "%+1", "%FF", "é%80"] {
            assert_eq!(decode(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_name_counts_once() {
        assert_eq!(single("a=1&b=2", "b"), Ok(Some("2".to_owned())));
        assert_eq!(single("a=1&b=2", "c"), Ok(None));
        assert_eq!(single("a=1&a=1", "a"), Err(()));
        assert_eq!(query_of("/x?a=1#wechat_redirect"), "a=1");
        assert_eq!(query_of("a=1"), "a=1");
    }
}
