//! RSA signatures over lines: `APIv3`.
//!
//! ```text
//! request           METHOD\nPATH?QUERY\nTIMESTAMP\nNONCE\nBODY\n
//! answer, notice    TIMESTAMP\nNONCE\nBODY\n
//! package           APPID\nTIMESTAMP\nNONCE\nprepay_id=…\n
//! ```

use crate::json;
use crate::key::Key;
use crate::message::{Form, Signed, decode};
use crate::mistake::Mistake;
use crate::search::{Step, choices};
use crate::verdict::{Explanation, Verdict};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use wechatpay::rsa::Rsa;
use wechatpay::v3::sign::PROBE_PREFIX;

/// WeChat Pay's hosts: tried for a signed URL when the request does not name
/// its host.
const HOSTS: [&str; 2] = ["api.mch.weixin.qq.com", "apihk.mch.weixin.qq.com"];

#[derive(Clone)]
struct Plan {
    method: Option<String>,
    target: Option<String>,
    appid: Option<String>,
    timestamp: String,
    nonce: String,
    nonce_first: bool,
    body: Option<Vec<u8>>,
    separator: &'static str,
    ends: bool,
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

pub async fn explain(signed: &Signed, keys: &[Key], rsa: &impl Rsa) -> Explanation {
    let right = Plan {
        method: signed.request.as_ref().map(|(method, _)| method.clone()),
        target: signed.request.as_ref().map(|(_, target)| target.clone()),
        appid: signed.appid.clone(),
        timestamp: signed.timestamp.clone(),
        nonce: signed.nonce.clone(),
        nonce_first: false,
        body: Some(signed.body.clone()),
        separator: "\n",
        ends: true,
    };
    let explained = |verdict| Explanation {
        form: signed.form,
        method: "RSA with SHA-256",
        verdict,
        text: String::from_utf8_lossy(&right.text()).into_owned(),
    };
    if signed.signature.is_empty() {
        return explained(Verdict::Unsigned);
    }
    if signed.signature.starts_with(PROBE_PREFIX) {
        return explained(Verdict::Probe);
    }
    let keys = in_order(signed, keys);
    let Some(first) = keys.first() else {
        let needed = match signed.form {
            Form::V3Answer => "WeChat Pay's certificate or public key, in PEM",
            _ => "the merchant's certificate or private key (apiclient_key.pem), in PEM",
        };
        return explained(Verdict::NoKey { needed });
    };
    let Some((signature, misspelt)) = decoded(&signed.signature) else {
        return explained(Verdict::Unknown { expected: None });
    };
    let changes = changes(signed);
    for choice in choices(&changes, 2) {
        let mut plan = right.clone();
        for change in &choice {
            (change.apply)(&mut plan);
        }
        let mut texts = vec![plan.text()];
        // When no header says how long the body is, a line end after it may
        // come from the editor or the clipboard.
        if !signed.is_exact && choice.iter().all(|change| change.dimension != BODY) {
            texts.extend(plan.without_line_end());
        }
        for (at, key) in keys.iter().enumerate() {
            // Another key together with two mistakes would explain too many
            // signatures.
            if at > 0 && choice.len() > 1 {
                continue;
            }
            let Some(public_key) = key.public_key() else {
                continue;
            };
            for text in &texts {
                let holds = rsa.rsa_verify(public_key, text, &signature).await;
                if !holds.unwrap_or(false) {
                    continue;
                }
                let mut mistakes: Vec<_> =
                    choice.iter().map(|change| change.mistake.clone()).collect();
                mistakes.extend(misspelt);
                if at > 0 {
                    mistakes.push(Mistake::OtherKey(key.name.clone()));
                }
                mistakes.extend(serial_of_other_key(signed, key));
                return explained(match mistakes.is_empty() {
                    true => Verdict::Holds {
                        key: first.name.clone(),
                    },
                    false => Verdict::Mistakes(mistakes),
                });
            }
        }
    }
    explained(Verdict::Unknown { expected: None })
}

/// The RSA keys; the one with the message's serial number is the first.
fn in_order<'k>(signed: &Signed, keys: &'k [Key]) -> Vec<&'k Key> {
    let mut rsa: Vec<_> = keys
        .iter()
        .filter(|key| key.public_key().is_some())
        .collect();
    let serial = signed.serial.as_deref();
    rsa.sort_by_key(|key| match (key.serial_no(), serial) {
        (Some(one), Some(other)) => !same_serial(one, other),
        _ => true,
    });
    rsa
}

fn same_serial(one: &str, other: &str) -> bool {
    one.trim_start_matches('0')
        .eq_ignore_ascii_case(other.trim_start_matches('0'))
}

fn serial_of_other_key(signed: &Signed, key: &Key) -> Option<Mistake> {
    let (message, certificate) = (signed.serial.as_deref()?, key.serial_no()?);
    (!same_serial(message, certificate)).then(|| Mistake::SerialOfOtherKey {
        message: message.to_owned(),
        certificate: certificate.to_owned(),
    })
}

/// The bytes of the signature, and the mistake in its encoding.
fn decoded(signature: &str) -> Option<(Vec<u8>, Option<Mistake>)> {
    let compact: String = signature.split_whitespace().collect();
    // Hexadecimal digits are valid base64 too. The base64 of a real signature
    // always has other characters as well.
    let digits = compact.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    });
    if let Some(bytes) = digits.collect::<Option<Vec<u8>>>() {
        return Some((bytes, Some(Mistake::HexadecimalSignature)));
    }
    if let Ok(bytes) = STANDARD.decode(&compact) {
        let is_wrapped = compact.len() != signature.len();
        return Some((bytes, is_wrapped.then_some(Mistake::SignatureWrapped)));
    }
    let bytes = URL_SAFE
        .decode(&compact)
        .or_else(|_| URL_SAFE_NO_PAD.decode(&compact));
    bytes
        .ok()
        .map(|bytes| (bytes, Some(Mistake::Base64ForUrls)))
}

const METHOD: u8 = 0;
const TARGET: u8 = 1;
const TIMESTAMP: u8 = 2;
const ORDER: u8 = 3;
const BODY: u8 = 4;
const SEPARATOR: u8 = 5;
const END: u8 = 6;
const LINES: u8 = 7;

fn changes(signed: &Signed) -> Vec<Change> {
    let mut all = Vec::new();
    let mut add = |dimension: u8, mistake: Mistake, apply: Box<dyn Fn(&mut Plan)>| {
        all.push(Change {
            mistake,
            dimension,
            apply,
        });
    };
    // After an empty body, the line feed is the empty line itself: see below.
    if !signed.body.is_empty() {
        add(
            END,
            Mistake::LastLineFeedMissing,
            Box::new(|plan| plan.ends = false),
        );
    }
    add(
        SEPARATOR,
        Mistake::LinesEndWithCrLf,
        Box::new(|plan| plan.separator = "\r\n"),
    );
    add(
        SEPARATOR,
        Mistake::LineFeedsEscaped,
        Box::new(|plan| plan.separator = "\\n"),
    );
    add(
        ORDER,
        Mistake::TimestampAfterNonce,
        Box::new(|plan| plan.nonce_first = true),
    );
    let milliseconds = format!("{}000", signed.timestamp);
    add(
        TIMESTAMP,
        Mistake::TimestampInMilliseconds,
        Box::new(move |plan| plan.timestamp.clone_from(&milliseconds)),
    );
    if let Some((method, target)) = &signed.request {
        let lower = method.to_ascii_lowercase();
        add(
            METHOD,
            Mistake::MethodInLowerCase,
            Box::new(move |plan| plan.method = Some(lower.clone())),
        );
        let mut other_target = |mistake: Mistake, target: String| {
            add(
                TARGET,
                mistake,
                Box::new(move |plan| plan.target = Some(target.clone())),
            );
        };
        for host in signed.host.as_deref().into_iter().chain(HOSTS) {
            for scheme in ["https://", "http://", ""] {
                other_target(Mistake::PathWithHost, format!("{scheme}{host}{target}"));
            }
        }
        if let Some((path, _)) = target.split_once('?') {
            other_target(Mistake::PathWithoutQuery, path.to_owned());
        }
        if let Some(rest) = target.strip_prefix('/') {
            other_target(Mistake::PathWithoutSlash, rest.to_owned());
        }
        if let (bytes, true) = decode(target) {
            let decoded = String::from_utf8_lossy(&bytes).into_owned();
            other_target(Mistake::PathDecoded, decoded);
        }
        add(
            LINES,
            Mistake::OtherLines,
            Box::new(|plan| (plan.method, plan.target) = (None, None)),
        );
    }
    if signed.form == Form::V3Package {
        let package = String::from_utf8_lossy(&signed.body).into_owned();
        if let Some(prepay_id) = package.strip_prefix("prepay_id=") {
            let prepay_id = prepay_id.as_bytes().to_vec();
            add(
                BODY,
                Mistake::PackageWithoutPrefix,
                Box::new(move |plan| plan.body = Some(prepay_id.clone())),
            );
        }
        return all;
    }
    let mut other_body = |mistake: Mistake, body: Option<Vec<u8>>| {
        add(
            BODY,
            mistake,
            Box::new(move |plan| plan.body.clone_from(&body)),
        );
    };
    if signed.body.is_empty() {
        other_body(Mistake::EmptyBodyLineMissing, None);
        other_body(
            Mistake::BodyWrittenAnew("{} for an empty body"),
            Some(b"{}".to_vec()),
        );
        other_body(
            Mistake::BodyWrittenAnew("null for an empty body"),
            Some(b"null".to_vec()),
        );
    } else {
        other_body(Mistake::BodyLeftOut, Some(Vec::new()));
        for end in ["\n", "\r\n"] {
            let longer = [&signed.body, end.as_bytes()].concat();
            other_body(Mistake::BodyLineEnd, Some(longer));
            if let Some(shorter) = signed.body.strip_suffix(end.as_bytes()) {
                other_body(Mistake::BodyLineEnd, Some(shorter.to_vec()));
            }
        }
        for (how, body) in json::rewritten(&signed.body) {
            other_body(Mistake::BodyWrittenAnew(how), Some(body));
        }
    }
    all
}

impl Plan {
    fn text(&self) -> Vec<u8> {
        let (timestamp, nonce) = (self.timestamp.as_bytes(), self.nonce.as_bytes());
        let (one, other) = match self.nonce_first {
            true => (nonce, timestamp),
            false => (timestamp, nonce),
        };
        let first = [&self.method, &self.target, &self.appid];
        let first = first.into_iter().flatten().map(String::as_bytes);
        let lines: Vec<&[u8]> = first
            .chain([one, other])
            .chain(self.body.as_deref())
            .collect();
        let mut text = lines.join(self.separator.as_bytes());
        if self.ends {
            text.extend(self.separator.as_bytes());
        }
        text
    }

    /// The signed text for a body without its last line end; `None` when it has
    /// none.
    fn without_line_end(&self) -> Option<Vec<u8>> {
        let body = self.body.as_ref()?;
        let shorter = body.strip_suffix(b"\n")?;
        let shorter = shorter.strip_suffix(b"\r").unwrap_or(shorter);
        let plan = Self {
            body: Some(shorter.to_vec()),
            ..self.clone()
        };
        Some(plan.text())
    }
}
