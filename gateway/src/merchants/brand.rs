//! How a merchant presents itself to payers: its logo, its colour, its contact.
//!
//! A merchant stores its images by their names in its book; a payer's view has
//! their addresses.

use crate::http::address;
use crate::http::error::ApiError;
use crate::http::fields::{CHOICE_BYTES, Fields};
use checkout::{Brand, Colour};
use serde_json::{Value, json};

/// The names of a brand's fields in the API.
pub const FIELDS: [&str; 9] = [
    "logo",
    "mark",
    "colour",
    "phone",
    "mail",
    "wechat",
    "terms_url",
    "privacy_url",
    "return_seconds",
];

/// Reads every field; one that is absent or `null` is not set. The caller
/// checks whether the images exist.
pub fn read(fields: &Fields, development: bool) -> Result<Brand, ApiError> {
    let colour = match fields.text("colour", CHOICE_BYTES)? {
        None => None,
        Some(text) => Some(Colour::from_hex(&text).ok_or_else(|| {
            fields.invalid(
                "colour",
                "must be # and six hexadecimal digits, like #1a7f37",
            )
        })?),
    };
    let checked = |name: &str, max: usize, holds: fn(&str) -> bool, problem: &str| match fields
        .text(name, max)?
    {
        Some(text) if !holds(&text) => Err(fields.invalid(name, problem)),
        text => Ok(text),
    };
    Ok(Brand {
        logo: image(fields, "logo", ".png")?,
        mark: image(fields, "mark", ".png")?,
        colour,
        phone: checked(
            "phone",
            32,
            is_phone,
            "must be a telephone number like +852 2345 6789",
        )?,
        mail: checked("mail", 254, is_mail, "must be a mail address")?,
        wechat: checked(
            "wechat",
            20,
            is_wechat_id,
            "must be a WeChat id: a letter, then 5 to 19 letters, digits, _ or -",
        )?,
        terms_url: address::page_url(fields, "terms_url", development)?,
        privacy_url: address::page_url(fields, "privacy_url", development)?,
        return_seconds: fields
            .whole("return_seconds", 3..=60)?
            .and_then(|seconds| u8::try_from(seconds).ok()),
    })
}

/// The name of an image that `POST /v1/images` made, of this kind.
pub fn image(fields: &Fields, name: &str, ending: &str) -> Result<Option<String>, ApiError> {
    match fields.text(name, CHOICE_BYTES)? {
        Some(image) if !is_image(&image) => {
            Err(fields.invalid(name, "must be the id of an image of POST /v1/images"))
        }
        Some(image) if !image.ends_with(ending) => {
            let purpose = if ending == ".png" { "logo" } else { "picture" };
            let problem = format!("must be an image that was sent for the purpose {purpose}");
            Err(fields.invalid(name, &problem))
        }
        image => Ok(image),
    }
}

/// Whether an image can have this name: 24 hexadecimal digits and `.png` or
/// `.jpg`.
pub fn is_image(name: &str) -> bool {
    let stem = name
        .strip_suffix(".png")
        .or_else(|| name.strip_suffix(".jpg"));
    stem.is_some_and(|stem| {
        stem.len() == 24 && stem.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// A brand's fields in the names of the API.
pub fn settings(brand: &Brand) -> Value {
    json!({
        "logo": brand.logo,
        "mark": brand.mark,
        "colour": brand.colour,
        "phone": brand.phone,
        "mail": brand.mail,
        "wechat": brand.wechat,
        "terms_url": brand.terms_url,
        "privacy_url": brand.privacy_url,
        "return_seconds": brand.return_seconds,
    })
}

fn is_phone(text: &str) -> bool {
    let of_a_number = |b: u8| b.is_ascii_digit() || b"+-() ".contains(&b);
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let signs = text.bytes().skip(1).filter(|b| *b == b'+').count();
    (3..=15).contains(&digits) && signs == 0 && text.bytes().all(of_a_number)
}

fn is_mail(text: &str) -> bool {
    let of_an_address = |b: u8| b.is_ascii_alphanumeric() || b".!#$*+-/=^_{|}~".contains(&b);
    text.split_once('@').is_some_and(|(user, host)| {
        let parts = host.split('.');
        let of_a_host = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        !user.is_empty()
            && user.bytes().all(of_an_address)
            && host.contains('.')
            && parts
                .clone()
                .all(|part| !part.is_empty() && part.bytes().all(of_a_host))
    })
}

/// WeChat's rule for the ids that people choose.
fn is_wechat_id(text: &str) -> bool {
    let of_an_id = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    (6..=20).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(of_an_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, value: &str) -> bool {
        let body = json!({ name: value }).to_string();
        let fields = Fields::read(body.as_bytes()).unwrap();
        match read(&fields, false) {
            Ok(_) => false,
            Err(error) => {
                assert_eq!(error.field.as_deref(), Some(name), "{value}");
                true
            }
        }
    }

    #[test]
    fn each_wrong_field_is_refused_by_its_name() {
        let image = format!("{}.png", "0123456789abcdef01234567");
        for (name, good, bad) in [
            (
                "logo",
                image.as_str(),
                &[
                    "x.png",
                    "0123456789abcdef01234567.svg",
                    "0123456789abcdef01234567.jpg",
                    "../0123456789abcdef012345.png",
                ][..],
            ),
            ("mark", &image, &["logo"]),
            ("colour", "#1a7f37", &["green", "#fff", "#1a7f3g", "1a7f37"]),
            (
                "phone",
                "+852 2345 6789",
                &[
                    "call us",
                    "+85+2",
                    "12",
                    "1234567890123456",
                    "javascript:1234",
                ],
            ),
            (
                "mail",
                "tea@shop.example.com",
                &[
                    "tea",
                    "@shop.example",
                    "tea@",
                    "tea@shop",
                    "tea@@shop.example",
                    "a b@shop.example",
                    "tea@shop..example",
                    "tea?cc=x@shop.example",
                ],
            ),
            (
                "wechat",
                "demo_tea-1",
                &["茶茶茶茶", "short", "1startsdigit", "with space"],
            ),
            (
                "terms_url",
                "https://shop.example.com/terms",
                &["http://shop.example.com", "javascript:alert(1)", "/terms"],
            ),
            (
                "privacy_url",
                "https://shop.example.com/privacy",
                &["ftp://shop.example.com"],
            ),
        ] {
            assert!(!refused(name, good), "{name} {good}");
            for bad in bad {
                assert!(refused(name, bad), "{name} {bad}");
            }
        }
    }

    #[test]
    fn every_field_is_shown_and_read_again() {
        let given = json!({
            "logo": "0123456789abcdef01234567.png",
            "mark": "0123456789abcdef01234568.png",
            "colour": "#1a7f37",
            "phone": "+852 2345 6789",
            "mail": "tea@shop.example.com",
            "wechat": "demo_tea",
            "terms_url": "https://shop.example.com/terms",
            "privacy_url": "https://shop.example.com/privacy",
            "return_seconds": 8,
        });
        let fields = Fields::read(given.to_string().as_bytes()).unwrap();
        let brand = read(&fields, false).unwrap();
        assert_eq!(settings(&brand), given);
        let names: Vec<&String> = given.as_object().unwrap().keys().collect();
        assert_eq!(names, FIELDS);
    }
}
