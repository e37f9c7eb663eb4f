//! Signatures with an API key: v2 and iOnline.
//!
//! ```text
//! a=1&b=2&key=…        names sorted by byte, empty values and the signature
//!                      left out, the key at the end
//! MD5(…)               or HMAC-SHA256(…) keyed by the API key,
//!                      in upper-case hexadecimal
//! ```

use crate::key::Key;
use crate::message::{Document, Field, Form};
use crate::mistake::Mistake;
use crate::search::{Step, choices};
use crate::verdict::{Explanation, Verdict};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::Sha256;

/// Every detail in which the signed text and the signature can differ.
#[derive(Clone)]
struct Plan {
    order: Order,
    keeps_empty: bool,
    keeps_sign: bool,
    left_out: Option<String>,
    value: Value,
    lower_names: bool,
    charset: Charset,
    separator: &'static str,
    before_key: Option<&'static str>,
    key: String,
    after_key: &'static str,
    hash: Hash,
    written: fn(&[u8]) -> String,
}

/// How a field's value is written in the signed text.
type Value = fn(&Field) -> String;

#[derive(Clone, Copy)]
enum Order {
    ByByte,
    AsSent,
    WithoutCase,
}

#[derive(Clone, Copy)]
enum Charset {
    Utf8,
    Gbk,
    Latin1,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hash {
    Md5,
    HmacSha256,
    PlainSha256,
    Sha1,
}

struct Change {
    mistake: Mistake,
    dimension: u8,
    apply: Box<dyn Fn(&mut Plan)>,
}

impl Step for Change {
    fn dimension(&self) -> u8 {
        self.dimension
    }
}

pub fn explain(document: &Document, keys: &[Key]) -> Explanation {
    let mut symmetric = keys.iter().filter_map(|key| Some((key, key.symmetric()?)));
    let (hash, method) = right_hash(document);
    let first = symmetric.next();
    let right = Plan {
        order: Order::ByByte,
        keeps_empty: false,
        keeps_sign: false,
        left_out: None,
        value: |field| field.value.clone(),
        lower_names: false,
        charset: Charset::Utf8,
        separator: "&",
        before_key: Some("&key="),
        key: first
            .map(|(_, key)| key.expose().to_owned())
            .unwrap_or_default(),
        after_key: "",
        hash,
        written: upper_hex,
    };
    let shown = Plan {
        key: "(your key)".to_owned(),
        ..right.clone()
    };
    let explained = |verdict| Explanation {
        form: document.form,
        method,
        verdict,
        text: String::from_utf8_lossy(&shown.text(document)).into_owned(),
    };
    let Some(given) = document.get(document.sign_name) else {
        return explained(Verdict::Unsigned);
    };
    let Some((first, _)) = first else {
        let needed = "an API key (text of 32 characters)";
        return explained(Verdict::NoKey { needed });
    };
    let mut changes = changes(document, &right);
    for (other, key) in symmetric {
        let key = key.expose().to_owned();
        changes.push(Change {
            mistake: Mistake::OtherKey(other.name.clone()),
            dimension: KEY,
            apply: Box::new(move |plan| plan.key.clone_from(&key)),
        });
    }
    for choice in choices(&changes, 2) {
        let mut plan = right.clone();
        for change in &choice {
            (change.apply)(&mut plan);
        }
        if plan.signature(document) != given {
            continue;
        }
        let mut mistakes: Vec<_> = choice.iter().map(|change| change.mistake.clone()).collect();
        if document.in_gbk {
            mistakes.push(Mistake::DocumentInGbk);
        }
        return explained(match mistakes.is_empty() {
            true => Verdict::Holds {
                key: first.name.clone(),
            },
            false => Verdict::Mistakes(mistakes),
        });
    }
    explained(Verdict::Unknown {
        expected: Some(right.signature(document)),
    })
}

/// The hash with which the document should be signed.
fn right_hash(document: &Document) -> (Hash, &'static str) {
    const MD5: (Hash, &str) = (Hash::Md5, "MD5");
    const HMAC: (Hash, &str) = (Hash::HmacSha256, "HMAC-SHA256");
    if document.form == Form::Ionline {
        return MD5;
    }
    let declared = document
        .get("sign_type")
        .or_else(|| document.get("signType"));
    let length = document.get(document.sign_name).map_or(0, str::len);
    // An answer, a notice and an app's package are signed with the hash of
    // their order.
    let is_silent = document.is_answer || document.get("prepayid").is_some();
    match declared {
        Some("HMAC-SHA256") => HMAC,
        None if is_silent && length == 64 => HMAC,
        _ => MD5,
    }
}

const ORDER: u8 = 0;
const EMPTY: u8 = 1;
const SIGN: u8 = 2;
const LEFT_OUT: u8 = 3;
const VALUE: u8 = 4;
const NAMES: u8 = 5;
const CHARSET: u8 = 6;
const SEPARATOR: u8 = 7;
const KEY_NAME: u8 = 8;
const KEY: u8 = 9;
const AFTER_KEY: u8 = 10;
const HASH: u8 = 11;
const WRITTEN: u8 = 12;

fn changes(document: &Document, right: &Plan) -> Vec<Change> {
    let mut all = Vec::new();
    let mut add = |dimension: u8, mistake: Mistake, apply: Box<dyn Fn(&mut Plan)>| {
        all.push(Change {
            mistake,
            dimension,
            apply,
        });
    };
    add(
        ORDER,
        Mistake::NamesNotSorted,
        Box::new(|plan| plan.order = Order::AsSent),
    );
    add(
        ORDER,
        Mistake::NamesSortedWithoutCase,
        Box::new(|plan| plan.order = Order::WithoutCase),
    );
    add(
        EMPTY,
        Mistake::EmptyValuesKept,
        Box::new(|plan| plan.keeps_empty = true),
    );
    add(
        SIGN,
        Mistake::SignIncluded,
        Box::new(|plan| plan.keeps_sign = true),
    );
    let values: [(Mistake, Value); 10] = [
        (Mistake::ValuesPercentEncoded, |field| {
            percent(&field.value, false, false)
        }),
        (Mistake::ValuesPercentEncoded, |field| {
            percent(&field.value, false, true)
        }),
        (Mistake::ValuesFormEncoded, |field| {
            percent(&field.value, true, false)
        }),
        (Mistake::ValuesFormEncoded, |field| {
            percent(&field.value, true, true)
        }),
        (Mistake::ReferencesNotResolved, |field| {
            field.written.clone()
        }),
        (Mistake::ReferencesNotResolved, |field| {
            escaped(&field.value)
        }),
        (Mistake::ValuesTrimmed, |field| {
            field.value.trim().to_owned()
        }),
        (Mistake::LineEndsChanged, |field| {
            field.value.replace("\r\n", "\n")
        }),
        (Mistake::LineEndsChanged, |field| {
            field.value.replace("\r\n", "\n").replace('\n', "\r\n")
        }),
        (Mistake::PackageWithoutPrefix, |field| {
            let prefix = if field.name == "package" {
                "prepay_id="
            } else {
                ""
            };
            field
                .value
                .strip_prefix(prefix)
                .unwrap_or(&field.value)
                .to_owned()
        }),
    ];
    for (mistake, value) in values {
        add(VALUE, mistake, Box::new(move |plan| plan.value = value));
    }
    add(
        NAMES,
        Mistake::NamesInLowerCase,
        Box::new(|plan| plan.lower_names = true),
    );
    add(
        CHARSET,
        Mistake::Gbk,
        Box::new(|plan| plan.charset = Charset::Gbk),
    );
    add(
        CHARSET,
        Mistake::Latin1,
        Box::new(|plan| plan.charset = Charset::Latin1),
    );
    add(
        SEPARATOR,
        Mistake::SeparatorEscaped,
        Box::new(|plan| plan.separator = "&amp;"),
    );
    add(
        KEY_NAME,
        Mistake::KeyNotAppended,
        Box::new(|plan| plan.before_key = None),
    );
    for without_name in ["", "&"] {
        add(
            KEY_NAME,
            Mistake::KeyWithoutName,
            Box::new(move |plan| plan.before_key = Some(without_name)),
        );
    }
    if right.key.trim() != right.key {
        add(
            KEY,
            Mistake::KeyTrimmed,
            Box::new(|plan| plan.key = plan.key.trim().to_owned()),
        );
    }
    add(
        KEY,
        Mistake::KeyInUpperCase,
        Box::new(|plan| plan.key = plan.key.to_ascii_uppercase()),
    );
    add(
        KEY,
        Mistake::KeyInLowerCase,
        Box::new(|plan| plan.key = plan.key.to_ascii_lowercase()),
    );
    for space in [" ", "\n", "\r\n", "\t", "\u{a0}", "\u{feff}"] {
        add(
            AFTER_KEY,
            Mistake::KeyWithWhiteSpace,
            Box::new(move |plan| plan.after_key = space),
        );
    }
    let other = match right.hash {
        Hash::HmacSha256 => (Mistake::Md5ForHmac, Hash::Md5),
        _ => (Mistake::HmacForMd5, Hash::HmacSha256),
    };
    for (mistake, hash) in [
        other,
        (Mistake::PlainSha256, Hash::PlainSha256),
        (Mistake::Sha1, Hash::Sha1),
    ] {
        add(HASH, mistake, Box::new(move |plan| plan.hash = hash));
    }
    let lower: fn(&[u8]) -> String = |bytes| upper_hex(bytes).to_ascii_lowercase();
    add(
        WRITTEN,
        Mistake::LowerCaseSign,
        Box::new(move |plan| plan.written = lower),
    );
    add(
        WRITTEN,
        Mistake::Base64Sign,
        Box::new(|plan| plan.written = |bytes| BASE64.encode(bytes)),
    );
    for field in &document.fields {
        let name = field.name.clone();
        if name != document.sign_name && !field.value.is_empty() {
            add(
                LEFT_OUT,
                Mistake::FieldLeftOut(name.clone()),
                Box::new(move |plan| plan.left_out = Some(name.clone())),
            );
        }
    }
    all
}

impl Plan {
    /// The signed text, with the key at its end.
    fn text(&self, document: &Document) -> Vec<u8> {
        let is_signed = |field: &&Field| match field.name == document.sign_name {
            true => self.keeps_sign,
            false => {
                self.left_out.as_ref() != Some(&field.name)
                    && (self.keeps_empty || !field.value.is_empty())
            }
        };
        let pair = |field: &Field| {
            let name = match self.lower_names {
                true => field.name.to_ascii_lowercase(),
                false => field.name.clone(),
            };
            // The signature had no value yet when the text was signed.
            match field.name == document.sign_name {
                true => (name, String::new()),
                false => (name, (self.value)(field)),
            }
        };
        let mut pairs: Vec<_> = document.fields.iter().filter(is_signed).map(pair).collect();
        match self.order {
            Order::AsSent => {}
            Order::ByByte => pairs.sort_by(|one, other| one.0.cmp(&other.0)),
            Order::WithoutCase => pairs.sort_by_key(|(name, _)| name.to_ascii_lowercase()),
        }
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut text = pairs.join(self.separator);
        if let Some(before_key) = self.before_key {
            text.push_str(before_key);
            text.push_str(&self.key);
        }
        text.push_str(self.after_key);
        match self.charset {
            Charset::Utf8 => text.into_bytes(),
            Charset::Gbk => encoding_rs::GBK.encode(&text).0.into_owned(),
            Charset::Latin1 => {
                let bytes = text
                    .chars()
                    .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'));
                bytes.collect()
            }
        }
    }

    fn signature(&self, document: &Document) -> String {
        let text = self.text(document);
        let hash = match self.hash {
            Hash::Md5 => Md5::digest(&text).to_vec(),
            Hash::PlainSha256 => Sha256::digest(&text).to_vec(),
            Hash::Sha1 => Sha1::digest(&text).to_vec(),
            Hash::HmacSha256 => {
                let key = [self.key.as_bytes(), self.after_key.as_bytes()].concat();
                match Hmac::<Sha256>::new_from_slice(&key) {
                    Ok(mut mac) => {
                        Mac::update(&mut mac, &text);
                        mac.finalize().into_bytes().to_vec()
                    }
                    // This cannot fail: HMAC takes a key of any length.
                    Err(_) => Vec::new(),
                }
            }
        };
        (self.written)(&hash)
    }
}

fn upper_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The text percent-encoded, by RFC 3986 or as in a form.
fn percent(text: &str, as_form: bool, in_lower_case: bool) -> String {
    let kept: &[u8] = if as_form { b"-._*" } else { b"-._~" };
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' if as_form => out.push('+'),
            byte if byte.is_ascii_alphanumeric() || kept.contains(&byte) => {
                out.push(char::from(byte));
            }
            byte if in_lower_case => out.push_str(&format!("%{byte:02x}")),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The text with XML's references, as XML libraries write it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
