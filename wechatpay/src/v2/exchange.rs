//! Query exchange rate: WeChat's rate for a currency on one day (WeChat Pay v2
//! manual, section 11).
//!
//! ```text
//! POST /pay/queryexchagerate
//!   appid mch_id [sub_appid sub_mch_id] [nonce_str] sign [sign_type]
//!   fee_type date
//! answer
//!   return_code appid mch_id [sub_mch_id] fee_type rate_time rate sign
//! ```
//!
//! The day's rate is available from 10:00 China time. The answer has no
//! `result_code` and no nonce.

use super::answer::{self, AnswerError, check_echo, push_account, read_account};
use super::prepay::read_sign_type;
use crate::Secret;
use crate::common::{Date, FieldError, Fields, Problem, SignType, Text};
use order::{Account, Currency};

/// Where to send the request, in the spelling of WeChat's server; the manual
/// has [`PATH_IN_MANUAL`], so a caller should be able to change it.
pub const PATH: &str = "/pay/queryexchagerate";

/// The path as the manual spells it.
pub const PATH_IN_MANUAL: &str = "/pay/queryexchangerate";

/// A query of one currency's rate on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The account that the query is about.
    pub account: Account,
    /// The foreign currency.
    pub fee_type: Currency,
    /// The day.
    pub date: Date,
    /// A nonce, from the caller. The manual has none here; libraries send one.
    pub nonce_str: Option<Text<32>>,
    /// How this request is signed, and so its answer.
    pub sign_type: SignType,
}

impl Request {
    /// The request's fields, not signed yet.
    pub fn to_fields(&self) -> Fields {
        let mut fields = Fields::new();
        push_account(&mut fields, &self.account);
        fields.push("fee_type", self.fee_type.code());
        fields.push("date", self.date.to_string());
        fields.push_some("nonce_str", self.nonce_str.as_ref().map(Text::as_str));
        fields.push_some("sign_type", self.sign_type.unless_default());
        fields
    }

    /// The document to send.
    pub fn to_xml(&self, key: &Secret) -> String {
        self.to_fields().sealed(key, self.sign_type).to_xml()
    }

    /// Reads a request. The caller verifies its signature.
    pub fn read(fields: &Fields) -> Result<Self, FieldError> {
        Ok(Self {
            account: read_account(fields)?,
            fee_type: fields.one_of("fee_type", Currency::from_code)?,
            date: fields.date("date")?,
            nonce_str: fields.optional_text("nonce_str")?,
            sign_type: read_sign_type(fields)?,
        })
    }
}

/// WeChat's exchange rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The foreign currency.
    pub fee_type: Currency,
    /// The day of the rate, which may differ from the requested one.
    pub rate_time: Date,
    /// How many CNY one unit of the currency is, times 10^8: 650000000 is 6.5.
    pub rate_e8: i64,
}

impl Answer {
    /// Reads the answer to `request`.
    pub fn read(bytes: &[u8], request: &Request, key: &Secret) -> Result<Self, AnswerError> {
        let fields = answer::read_without_result(bytes, &request.account, key, request.sign_type)?;
        check_echo(&fields, "fee_type", request.fee_type.code())?;
        let rate_e8 = fields.int("rate")?;
        if rate_e8 == 0 {
            return Err(Problem::OutOfRange.of("rate").into());
        }
        Ok(Self {
            fee_type: fields.one_of("fee_type", Currency::from_code)?,
            rate_time: fields.date("rate_time")?,
            rate_e8,
        })
    }

    /// The answer's fields, not signed yet.
    pub fn to_fields(&self, account: &Account) -> Fields {
        let mut fields = Fields::new()
            .with("return_code", "SUCCESS")
            .with("return_msg", "OK");
        push_account(&mut fields, account);
        fields
            .with("fee_type", self.fee_type.code())
            .with("rate_time", self.rate_time.to_string())
            .with("rate", self.rate_e8.to_string())
    }
}
