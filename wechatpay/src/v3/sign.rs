//! The v3 signature: RSA with SHA-256 over lines that each end in a line feed.
//!
//! ```text
//! request   METHOD\nPATH?QUERY\nTIMESTAMP\nNONCE\nBODY\n       Authorization
//! answer,   TIMESTAMP\nNONCE\nBODY\n                           Wechatpay-Timestamp, -Nonce,
//! notice                                                      -Serial, -Signature
//! ```
//!
//! `BODY` is the raw bytes: parsing and serialising them again gives another
//! text.

use crate::rsa::{PrivateKey, PublicKey, Rsa, RsaError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use thiserror::Error;

/// The scheme of the `Authorization` header.
pub const SCHEME: &str = "WECHATPAY2-SHA256-RSA2048";

/// How far the clocks of the two sides may be apart: 5 minutes.
pub const MAX_CLOCK_DIFFERENCE_S: i64 = 5 * 60;

/// The prefix of the signatures with which Tencent tests whether notices are
/// verified. They are never valid.
pub const PROBE_PREFIX: &str = "WECHATPAY/SIGNTEST/";

const TIMESTAMP: &str = "Wechatpay-Timestamp";
const NONCE: &str = "Wechatpay-Nonce";
const SERIAL: &str = "Wechatpay-Serial";
const SIGNATURE: &str = "Wechatpay-Signature";

/// The text that a request's signature covers. `path_and_query` is as it is
/// sent.
pub fn request_message(
    method: &str,
    path_and_query: &str,
    timestamp_s: i64,
    nonce_str: &str,
    body: &[u8],
) -> Vec<u8> {
    let head = format!("{method}\n{path_and_query}\n{timestamp_s}\n{nonce_str}\n");
    [head.as_bytes(), body, b"\n"].concat()
}

/// The text that the signature of an answer or a notice covers.
pub fn answer_message(timestamp_s: i64, nonce: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("{timestamp_s}\n{nonce}\n");
    [head.as_bytes(), body, b"\n"].concat()
}

/// The `Authorization` of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// The merchant id that signs.
    pub mchid: String,
    /// The serial number of the merchant's certificate.
    pub serial_no: String,
    /// Unix seconds.
    pub timestamp_s: i64,
    /// Unpredictable text.
    pub nonce_str: String,
    /// Base64.
    pub signature: String,
}

/// Why an `Authorization` is not one of v3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AuthorizationError {
    /// Another scheme.
    #[error("the Authorization does not begin with {SCHEME}")]
    Scheme,
    /// Not `name="value"` and commas.
    #[error("the Authorization is not a list of name=\"value\"")]
    Malformed,
    /// A parameter that is absent or empty.
    #[error("the Authorization has no {0}")]
    Missing(&'static str),
    /// A parameter that occurs twice.
    #[error("the Authorization has {0} twice")]
    Twice(&'static str),
    /// The timestamp is not a number of seconds.
    #[error("the Authorization's timestamp is not a number of seconds")]
    Timestamp,
}

impl Authorization {
    /// Signs a request.
    pub async fn sign(
        mchid: &str,
        serial_no: &str,
        key: &PrivateKey,
        request: &super::Outgoing,
        timestamp_s: i64,
        nonce_str: &str,
        rsa: &impl Rsa,
    ) -> Result<Self, RsaError> {
        let message = request_message(
            request.method,
            &request.path_and_query,
            timestamp_s,
            nonce_str,
            request.body.as_bytes(),
        );
        let signature = rsa.rsa_sign(key, &message).await?;
        Ok(Self {
            mchid: mchid.to_owned(),
            serial_no: serial_no.to_owned(),
            timestamp_s,
            nonce_str: nonce_str.to_owned(),
            signature: BASE64.encode(signature),
        })
    }

    /// Whether it is the signature of `key` over this request. The caller
    /// compares the time: [`is_stale`].
    pub async fn verify(
        &self,
        method: &str,
        path_and_query: &str,
        body: &[u8],
        key: &PublicKey,
        rsa: &impl Rsa,
    ) -> Result<bool, RsaError> {
        let Ok(signature) = BASE64.decode(&self.signature) else {
            return Ok(false);
        };
        let message = request_message(
            method,
            path_and_query,
            self.timestamp_s,
            &self.nonce_str,
            body,
        );
        rsa.rsa_verify(key, &message, &signature).await
    }

    /// The header's value.
    pub fn to_header(&self) -> String {
        let Self {
            mchid,
            serial_no,
            timestamp_s,
            nonce_str,
            signature,
        } = self;
        format!(
            "{SCHEME} mchid=\"{mchid}\",nonce_str=\"{nonce_str}\",timestamp=\"{timestamp_s}\",\
             serial_no=\"{serial_no}\",signature=\"{signature}\""
        )
    }

    /// Reads the header's value; the parameters may have any order, and unknown
    /// ones are ignored.
    pub fn parse(header: &str) -> Result<Self, AuthorizationError> {
        const NAMES: [&str; 5] = ["mchid", "serial_no", "timestamp", "nonce_str", "signature"];
        let list = header
            .strip_prefix(SCHEME)
            .and_then(|rest| rest.strip_prefix(' '))
            .ok_or(AuthorizationError::Scheme)?;
        let mut values = [None; 5];
        for pair in list.split(',') {
            let (name, value) = pair
                .trim()
                .split_once('=')
                .ok_or(AuthorizationError::Malformed)?;
            let value = value
                .strip_prefix('"')
                .and_then(|value| value.strip_suffix('"'))
                .filter(|value| !value.contains('"'))
                .ok_or(AuthorizationError::Malformed)?;
            for (known, slot) in NAMES.into_iter().zip(&mut values) {
                if known == name && slot.replace(value).is_some() {
                    return Err(AuthorizationError::Twice(known));
                }
            }
        }
        let mut found = NAMES.into_iter().zip(values).map(|(name, value)| {
            value
                .filter(|value: &&str| !value.is_empty())
                .map(str::to_owned)
                .ok_or(AuthorizationError::Missing(name))
        });
        let mut next = || found.next().unwrap_or(Err(AuthorizationError::Malformed));
        Ok(Self {
            mchid: next()?,
            serial_no: next()?,
            timestamp_s: seconds(&next()?).ok_or(AuthorizationError::Timestamp)?,
            nonce_str: next()?,
            signature: next()?,
        })
    }
}

/// The signature of an answer or a notice, from its four headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Unix seconds.
    pub timestamp_s: i64,
    /// Unpredictable text.
    pub nonce: String,
    /// The name of WeChat's key: a certificate's serial number, or
    /// `PUB_KEY_ID_…`.
    pub serial: String,
    /// The signature itself.
    pub signature: Vec<u8>,
}

/// Why there is no signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// A header that is absent or empty.
    #[error("there is no header {0}")]
    Missing(&'static str),
    /// The timestamp is not a number of seconds.
    #[error("{TIMESTAMP} is not a number of seconds")]
    Timestamp,
    /// The signature is not base64.
    #[error("{SIGNATURE} is not base64")]
    NotBase64,
    /// Tencent's probe: refuse it like any invalid signature, without an alarm.
    #[error("the signature is one of Tencent's probes, which never hold")]
    Probe,
}

impl Signature {
    /// Reads the headers; `header` finds one by its name in any case.
    pub fn from_headers<'h>(
        header: impl Fn(&'static str) -> Option<&'h str>,
    ) -> Result<Self, SignatureError> {
        let required = |name| {
            header(name)
                .filter(|value| !value.is_empty())
                .ok_or(SignatureError::Missing(name))
        };
        let signature = required(SIGNATURE)?;
        if signature.starts_with(PROBE_PREFIX) {
            return Err(SignatureError::Probe);
        }
        Ok(Self {
            timestamp_s: seconds(required(TIMESTAMP)?).ok_or(SignatureError::Timestamp)?,
            nonce: required(NONCE)?.to_owned(),
            serial: required(SERIAL)?.to_owned(),
            signature: BASE64
                .decode(signature)
                .map_err(|_| SignatureError::NotBase64)?,
        })
    }

    /// Signs an answer or a notice with the key that `serial` names.
    pub async fn sign(
        serial: &str,
        key: &PrivateKey,
        body: &[u8],
        timestamp_s: i64,
        nonce: &str,
        rsa: &impl Rsa,
    ) -> Result<Self, RsaError> {
        let message = answer_message(timestamp_s, nonce, body);
        Ok(Self {
            timestamp_s,
            nonce: nonce.to_owned(),
            serial: serial.to_owned(),
            signature: rsa.rsa_sign(key, &message).await?,
        })
    }

    /// The headers.
    pub fn to_headers(&self) -> [(&'static str, String); 4] {
        [
            (TIMESTAMP, self.timestamp_s.to_string()),
            (NONCE, self.nonce.clone()),
            (SERIAL, self.serial.clone()),
            (SIGNATURE, BASE64.encode(&self.signature)),
        ]
    }
}

/// Whether a timestamp is more than 5 minutes from now, in the past or the
/// future.
pub const fn is_stale(timestamp_s: i64, now_ms: i64) -> bool {
    let now_s = now_ms.div_euclid(1000);
    timestamp_s.abs_diff(now_s) > MAX_CLOCK_DIFFERENCE_S.unsigned_abs()
}

/// Unix seconds in decimal digits.
fn seconds(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}
