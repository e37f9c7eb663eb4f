//! Short URL: makes a product's QR code smaller (WeChat Pay v2 manual, section
//! 9.9).
//!
//! ```text
//! POST /tools/shorturl
//!   appid mch_id [sub_appid sub_mch_id] nonce_str sign [sign_type]
//!   long_url    weixin://wxpay/bizpayurl?sign=…     signed unencoded
//! answer
//!   short_url   weixin://wxpay/s/…
//! ```
//!
//! The manual requires that `long_url` is signed unencoded and sent
//! percent-encoded. WeChat accepts it sent unencoded, as the libraries in use
//! and this crate send it: then the received value is the signed one. Both
//! forms are read; [`as_signed`] undoes the encoding before the signature is
//! verified.

use super::answer::{self, AnswerError, push_account, read_account};
use super::prepay::read_sign_type;
use crate::Secret;
use crate::common::{FieldError, Fields, Problem, SignType, Text};
use crate::uri::decode;
use order::Account;

/// Where to send the request.
pub const PATH: &str = "/tools/shorturl";

/// The prefix of every short URL.
pub const SHORT_URL_PREFIX: &str = "weixin://wxpay/s/";

/// A request for a short URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The account that the QR code belongs to.
    pub account: Account,
    /// The QR code's contents:
    /// [`native::ProductUrl`](super::native::ProductUrl).
    pub long_url: LongUrl,
    /// A nonce, from the caller.
    pub nonce_str: Text<32>,
    /// How this request is signed, and so its answer.
    pub sign_type: SignType,
}

/// A URL of WeChat's own scheme, `weixin://wxpay/bizpayurl?…`, of at most 512
/// bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LongUrl(Text<512>);

impl LongUrl {
    /// Checks a URL. [`Problem::BadFormat`] is what WeChat calls
    /// [`UrlFormatError`](super::ErrorCode::UrlFormatError).
    pub fn new(url: &str) -> Result<Self, FieldError> {
        let text = Text::new("long_url", url)?;
        if url.starts_with(super::native::PRODUCT_URL) {
            Ok(Self(text))
        } else {
            Err(Problem::BadFormat.of("long_url"))
        }
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// The request's fields as they were signed: with `long_url` unencoded. For
/// verifying, and for [`Request::read`].
#[must_use]
pub fn as_signed(mut fields: Fields) -> Fields {
    let plain = fields
        .get("long_url")
        // An encoded URL has no colon left.
        .filter(|url| !url.contains(':'))
        .and_then(decode);
    if let Some(plain) = plain {
        fields.set("long_url", plain);
    }
    fields
}

impl Request {
    /// The request's fields, not signed yet.
    pub fn to_fields(&self) -> Fields {
        let mut fields = Fields::new();
        push_account(&mut fields, &self.account);
        fields.push("long_url", self.long_url.as_str());
        fields.push("nonce_str", self.nonce_str.as_str());
        fields.push_some("sign_type", self.sign_type.unless_default());
        fields
    }

    /// The document to send.
    pub fn to_xml(&self, key: &Secret) -> String {
        self.to_fields().sealed(key, self.sign_type).to_xml()
    }

    /// Reads a request [as it was signed](as_signed). The caller verifies its
    /// signature.
    pub fn read(fields: &Fields) -> Result<Self, FieldError> {
        Ok(Self {
            account: read_account(fields)?,
            long_url: LongUrl::new(fields.required("long_url")?)?,
            nonce_str: fields.text("nonce_str")?,
            sign_type: read_sign_type(fields)?,
        })
    }
}

/// A short URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The new contents of the QR code.
    pub short_url: String,
}

impl Answer {
    /// Reads the answer to `request`. See [`answer::read`] for what is checked
    /// before.
    pub fn read(bytes: &[u8], request: &Request, key: &Secret) -> Result<Self, AnswerError> {
        let fields = answer::read(bytes, &request.account, key, request.sign_type)?;
        Ok(Self {
            short_url: String::from(fields.text::<64>("short_url")?),
        })
    }

    /// The answer's fields, not signed yet.
    pub fn to_fields(&self, account: &Account, nonce_str: &str) -> Fields {
        answer::success(account, nonce_str).with("short_url", self.short_url.as_str())
    }
}
