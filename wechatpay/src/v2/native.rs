//! Native mode 1: one QR code for a product, printed once; each scan makes an
//! order (WeChat Pay v2 manual, sections 6.1 to 6.4).
//!
//! ```text
//! 1. the QR code       weixin://wxpay/bizpayurl?sign=…&appid=…&mch_id=…
//!                        &product_id=…&time_stamp=…&nonce_str=…
//! 2. the payer scans   WeChat POSTs to the merchant's payment callback URL
//!                        appid openid mch_id [sub_appid sub_mch_id] is_subscribe
//!                        nonce_str product_id sign
//! 3. the merchant orders                              [`prepay`](super::prepay)
//! 4. and answers       return_code [return_msg] appid mch_id nonce_str
//!                        prepay_id result_code [err_code_des] sign
//! ```
//!
//! The values of the QR code are signed unencoded and percent-encoded in the
//! URL. The code is public and can be copied: it identifies what is sold, not
//! who buys.

use super::answer::{self, AnswerError, push_account, read_account};
use crate::Secret;
use crate::common::{FieldError, Fields, Problem, SignError, SignType, Text, XmlError};
use crate::uri::{encode, query_of, single};
use order::Account;
use thiserror::Error;

/// The prefix of every product's URL.
pub const PRODUCT_URL: &str = "weixin://wxpay/bizpayurl?";

/// The parameters in the order of the rule in 6.4.2.
const PARAMETERS: [&str; 6] = [
    "sign",
    "appid",
    "mch_id",
    "product_id",
    "time_stamp",
    "nonce_str",
];

/// The contents of a product's QR code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductUrl {
    /// The application.
    pub appid: Text<32>,
    /// The merchant.
    pub mch_id: Text<32>,
    /// The merchant's number of the product.
    pub product_id: Text<32>,
    /// When the QR code was made, Unix seconds.
    pub time_stamp_s: i64,
    /// A nonce, from the caller.
    pub nonce_str: Text<32>,
}

impl ProductUrl {
    /// The URL's parameters, not signed yet.
    pub fn to_fields(&self) -> Fields {
        Fields::new()
            .with("appid", self.appid.as_str())
            .with("mch_id", self.mch_id.as_str())
            .with("product_id", self.product_id.as_str())
            .with("time_stamp", self.time_stamp_s.to_string())
            .with("nonce_str", self.nonce_str.as_str())
    }

    /// The URL for the QR code. It contains no `sign_type`: HMAC-SHA256 only
    /// for a merchant whose account uses it.
    pub fn to_url(&self, key: &Secret, sign_type: SignType) -> String {
        let fields = self.to_fields().sealed(key, sign_type);
        let parameters: Vec<_> = PARAMETERS
            .iter()
            .filter_map(|name| Some(format!("{name}={}", encode(fields.get(name)?))))
            .collect();
        format!("{PRODUCT_URL}{}", parameters.join("&"))
    }

    /// The parameters of a URL, decoded, with its `sign`: for
    /// [`verify`](Fields::verify) and [`read`](Self::read). Parameters that the
    /// rule does not list are ignored.
    pub fn fields_of(url: &str) -> Result<Fields, FieldError> {
        if !url.starts_with(PRODUCT_URL) {
            return Err(Problem::BadFormat.of("product_url"));
        }
        let mut fields = Fields::new();
        for name in PARAMETERS {
            let value = single(query_of(url), name).map_err(|()| Problem::BadFormat.of(name))?;
            fields.push_some(name, value);
        }
        Ok(fields)
    }

    /// Reads the parameters. The caller verifies their signature.
    pub fn read(fields: &Fields) -> Result<Self, FieldError> {
        Ok(Self {
            appid: fields.text("appid")?,
            mch_id: fields.text("mch_id")?,
            product_id: fields.text("product_id")?,
            time_stamp_s: fields.int("time_stamp")?,
            nonce_str: fields.text("nonce_str")?,
        })
    }
}

/// A payer has scanned the QR code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// The account that the QR code belongs to.
    pub account: Account,
    /// The payer, under the account's `appid`.
    pub openid: Text<128>,
    /// `Y` or `N`: whether the payer follows the official account.
    pub is_subscribe: Option<String>,
    /// The merchant's number of the product.
    pub product_id: Text<32>,
    /// The callback's own nonce.
    pub nonce_str: Text<32>,
}

/// Why bytes are not a callback.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CallbackError {
    /// Not a v2 document.
    #[error("the callback is not a v2 document: {0}")]
    Xml(#[from] XmlError),
    /// The signature is not valid.
    #[error("the callback cannot be verified: {0}")]
    Unverifiable(#[from] SignError),
    /// Verified, but a field is not as the manual says.
    #[error("the callback's {0}")]
    Field(#[from] FieldError),
}

impl Callback {
    /// Reads a callback to a merchant with this key and sign type. The sender
    /// is not authenticated, so nothing in it is read before its signature is
    /// verified.
    pub fn read(bytes: &[u8], key: &Secret, sign_type: SignType) -> Result<Self, CallbackError> {
        let fields = Fields::parse(bytes)?;
        fields.verify(key, sign_type)?;
        fields.unambiguous()?;
        Ok(Self {
            account: read_account(&fields)?,
            openid: fields.text("openid")?,
            is_subscribe: fields.owned("is_subscribe"),
            product_id: fields.text("product_id")?,
            nonce_str: fields.text("nonce_str")?,
        })
    }

    /// The callback's fields, not signed yet.
    pub fn to_fields(&self) -> Fields {
        let mut fields = Fields::new();
        push_account(&mut fields, &self.account);
        fields.push("openid", self.openid.as_str());
        fields.push_some("is_subscribe", self.is_subscribe.as_deref());
        fields.push("nonce_str", self.nonce_str.as_str());
        fields.push("product_id", self.product_id.as_str());
        fields
    }

    /// The document to send.
    pub fn to_xml(&self, key: &Secret, sign_type: SignType) -> String {
        self.to_fields().sealed(key, sign_type).to_xml()
    }
}

/// The merchant's answer: the order to pay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The prepayment that was made for this scan.
    pub prepay_id: Text<64>,
}

impl Answer {
    /// Reads the merchant's answer to a callback about `account`, for WeChat's
    /// side. A merchant who does not sell is an [`AnswerError::Refused`], whose
    /// description is for the payer.
    pub fn read(
        bytes: &[u8],
        account: &Account,
        key: &Secret,
        sign_type: SignType,
    ) -> Result<Self, AnswerError> {
        let fields = answer::read(bytes, account, key, sign_type)?;
        let prepay_id = fields.text("prepay_id")?;
        Ok(Self { prepay_id })
    }

    /// The answer's fields, not signed yet.
    pub fn to_fields(&self, account: &Account, nonce_str: &str) -> Fields {
        answer::success(account, nonce_str).with("prepay_id", self.prepay_id.as_str())
    }
}

/// The answer of a merchant who does not sell: the fields, not signed yet.
/// WeChat shows `err_code_des` to the payer. A callback that cannot be verified
/// is answered with [`answer::communication_failure`] instead.
pub fn refusal(account: &Account, nonce_str: &str, err_code_des: &Text<128>) -> Fields {
    answer::envelope(account, nonce_str)
        .with("result_code", "FAIL")
        .with("err_code_des", err_code_des.as_str())
}
