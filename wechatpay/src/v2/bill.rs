//! Download transaction history: a day's statement (WeChat Pay v2 manual,
//! section 9.6; checklist S1 to S3).
//!
//! ```text
//! POST /pay/downloadbill
//!   appid mch_id [sub_appid sub_mch_id] [device_info] nonce_str sign [sign_type]
//!   bill_date yyyyMMdd   [bill_type ALL SUCCESS REFUND REVOKED]   [tar_type GZIP]
//! answer: a table, plain or in gzip: `common::bill`
//! or else XML: return_code FAIL, return_msg
//! ```
//!
//! The table is read by [`Bill`](crate::common::bill::Bill) and
//! [`Reader`](crate::common::bill::Reader).

use super::answer::{push_account, read_account};
use super::prepay::read_sign_type;
use crate::Secret;
use crate::common::bill::BillType;
use crate::common::{Date, ErrorCode, FieldError, Fields, Problem, SignType, Text};
use order::Account;

/// Where to send the request.
pub const PATH: &str = "/pay/downloadbill";

/// A request for one day's statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The account that the statement is about.
    pub account: Account,
    /// Only this terminal's orders.
    pub device_info: Option<Text<32>>,
    /// The day. Its statement is ready at
    /// [`Date::statement_ready_ms`].
    pub bill_date: Date,
    /// Which orders.
    pub bill_type: BillType,
    /// Whether the answer is to be in gzip.
    pub gzip: bool,
    /// A nonce, from the caller.
    pub nonce_str: Text<32>,
    /// How this request is signed. Its answer is not.
    pub sign_type: SignType,
}

impl Request {
    /// The request's fields, not signed yet.
    pub fn to_fields(&self) -> Fields {
        let mut fields = Fields::new();
        push_account(&mut fields, &self.account);
        fields.push_some("device_info", self.device_info.as_ref().map(Text::as_str));
        fields.push("nonce_str", self.nonce_str.as_str());
        fields.push_some("sign_type", self.sign_type.unless_default());
        fields.push("bill_date", self.bill_date.to_string());
        fields.push("bill_type", self.bill_type.as_str());
        fields.push_some("tar_type", self.gzip.then_some("GZIP"));
        fields
    }

    /// The document to send.
    pub fn to_xml(&self, key: &Secret) -> String {
        self.to_fields().sealed(key, self.sign_type).to_xml()
    }

    /// Reads a request. The caller verifies its signature.
    pub fn read(fields: &Fields) -> Result<Self, FieldError> {
        let bill_type = match fields.get_nonempty("bill_type") {
            None => BillType::default(),
            Some(_) => fields.one_of("bill_type", BillType::parse)?,
        };
        let gzip = match fields.get_nonempty("tar_type") {
            None => false,
            Some("GZIP") => true,
            Some(_) => return Err(Problem::UnknownValue.of("tar_type")),
        };
        Ok(Self {
            account: read_account(fields)?,
            device_info: fields.optional_text("device_info")?,
            bill_date: fields.date("bill_date")?,
            bill_type,
            gzip,
            nonce_str: fields.text("nonce_str")?,
            sign_type: read_sign_type(fields)?,
        })
    }
}

/// The answer when there is no statement: `return_code` `FAIL`, and the code
/// as its message. It is never signed.
pub fn refusal(code: &ErrorCode) -> Fields {
    super::answer::communication_failure(code.code())
}
