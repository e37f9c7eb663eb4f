//! `multipart/form-data` with text fields (RFC 7578), which the iOnline
//! document, section "Request Parameters", calls "POST Form-Data".
//!
//! ```text
//! --boundary\r\n
//! Content-Disposition: form-data; name="mch_id"\r\n
//! \r\n
//! 100520000001\r\n
//! --boundary--
//! ```

use wechatpay::common::Fields;
use wechatpay::common::fields::MAX_FIELDS;
use wechatpay::v2::ErrorCode;

/// The longest boundary (RFC 2046, section 5.1.1).
const MAX_BOUNDARY: usize = 70;

/// The boundary that a content type names; `None` for another content type.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    let mut parts = content_type.split(';').map(str::trim);
    let media_type = parts.next()?;
    if !media_type.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let named = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("boundary")
            .then_some(value)
    });
    Some(
        named
            .unwrap_or_default()
            .trim()
            .trim_matches('"')
            .to_owned(),
    )
}

/// The fields in the order of their parts, or the code and a sentence on what
/// is wrong.
pub(super) fn read(body: &[u8], boundary: &str) -> Result<Fields, (ErrorCode, String)> {
    let bad = |message: &str| (ErrorCode::InvalidRequest, message.to_owned());
    if boundary.is_empty() || boundary.len() > MAX_BOUNDARY {
        return Err(bad("the content type names no boundary of 1 to 70 bytes"));
    }
    let text = std::str::from_utf8(body)
        .map_err(|_| (ErrorCode::NotUtf8, "the form is not UTF-8".to_owned()))?;
    let delimiter = format!("\r\n--{boundary}");
    // The first delimiter has no line break before it.
    let text = format!("\r\n{text}");
    let mut parts = text.split(delimiter.as_str());
    parts.next();
    let mut fields = Fields::new();
    for part in parts {
        if part.starts_with("--") {
            return Ok(fields);
        }
        let part = part.trim_start_matches([' ', '\t']);
        let (head, value) = part
            .strip_prefix("\r\n")
            .and_then(|part| part.split_once("\r\n\r\n"))
            .ok_or_else(|| bad("a part of the form has no header"))?;
        let name = name_of(head).ok_or_else(|| bad("a part of the form has no name"))?;
        if fields.get(name).is_some() {
            return Err(bad("a field of the form occurs more than once"));
        }
        if fields.len() == MAX_FIELDS {
            return Err(bad("the form has too many fields"));
        }
        fields.push(name, value);
    }
    Err(bad("the form does not end with its boundary"))
}

/// The name of the field in a part's `Content-Disposition`.
fn name_of(head: &str) -> Option<&str> {
    let disposition = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-disposition")
            .then_some(value)
    })?;
    let name = disposition.split(';').find_map(|part| {
        let (name, value) = part.trim().split_once('=')?;
        name.eq_ignore_ascii_case("name").then_some(value)
    })?;
    Some(name.trim_matches('"')).filter(|name| !name.is_empty())
}
