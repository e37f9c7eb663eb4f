//! Report speed testing: how long a call took, reported afterwards (WeChat Pay
//! v2 manual, section 9.8).
//!
//! ```text
//! POST /payitil/report
//!   appid mch_id [sub_appid sub_mch_id] [device_info] nonce_str sign [sign_type]
//!   interface_url execute_time                    the call, and its milliseconds
//!   return_code [return_msg] result_code [err_code err_code_des] [out_trade_no]
//!   user_ip [time]
//! answer
//!   return_code result_code                       not signed
//! ```
//!
//! It is sent after the payment, and may be lost.

use super::answer::{AnswerError, push_account, read_account};
use super::prepay::read_sign_type;
use crate::Secret;
use crate::common::error::ErrorCode;
use crate::common::{FieldError, Fields, Problem, SignType, Text, read_out_trade_no, time};
use order::{Account, OutTradeNo};
use std::net::IpAddr;

/// Where to send the request.
pub const PATH: &str = "/payitil/report";

/// The `interface_url` of one whole Quick Pay: the call, its queries and its
/// reverse together.
pub const MICROPAY_TOTAL_URL: &str = "https://api.mch.weixin.qq.com/pay/micropay/total";

/// A report of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The account that made the call.
    pub account: Account,
    /// The terminal.
    pub device_info: Option<Text<32>>,
    /// A nonce, from the caller.
    pub nonce_str: Text<32>,
    /// How this request is signed.
    pub sign_type: SignType,
    /// The call's whole URL.
    pub interface_url: Text<127>,
    /// How long it took, in milliseconds.
    pub execute_time_ms: u32,
    /// The call's own `return_code`.
    pub return_code: Code,
    /// The call's own `return_msg`.
    pub return_msg: Option<Text<128>>,
    /// The call's own `result_code`.
    pub result_code: Code,
    /// The call's own `err_code`.
    pub err_code: Option<ErrorCode>,
    /// The call's own `err_code_des`.
    pub err_code_des: Option<Text<128>>,
    /// The order it was about.
    pub out_trade_no: Option<OutTradeNo>,
    /// The address of the machine that called.
    pub user_ip: IpAddr,
    /// When this report is made, Unix milliseconds; WeChat keeps seconds.
    pub time_ms: Option<i64>,
}

/// `SUCCESS` or `FAIL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// `SUCCESS`.
    Success,
    /// `FAIL`.
    Fail,
}

impl Code {
    /// WeChat's name for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Fail => "FAIL",
        }
    }

    /// The code with this exact name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Success, Self::Fail]
            .into_iter()
            .find(|code| code.as_str() == name)
    }
}

impl Request {
    /// The request's fields, not signed yet.
    pub fn to_fields(&self) -> Fields {
        let mut fields = Fields::new();
        push_account(&mut fields, &self.account);
        fields.push_some("device_info", self.device_info.as_ref().map(Text::as_str));
        fields.push("nonce_str", self.nonce_str.as_str());
        fields.push_some("sign_type", self.sign_type.unless_default());
        fields.push("interface_url", self.interface_url.as_str());
        fields.push("execute_time", self.execute_time_ms.to_string());
        fields.push("return_code", self.return_code.as_str());
        fields.push_some("return_msg", self.return_msg.as_ref().map(Text::as_str));
        fields.push("result_code", self.result_code.as_str());
        fields.push_some("err_code", self.err_code.as_ref().map(ErrorCode::code));
        fields.push_some("err_code_des", self.err_code_des.as_ref().map(Text::as_str));
        let number = self.out_trade_no.as_ref().map(OutTradeNo::as_str);
        fields.push_some("out_trade_no", number);
        fields.push("user_ip", self.user_ip.to_string());
        fields.push_some("time", self.time_ms.map(time::china));
        fields
    }

    /// The document to send.
    pub fn to_xml(&self, key: &Secret) -> String {
        self.to_fields().sealed(key, self.sign_type).to_xml()
    }

    /// Reads a request. The caller verifies its signature. Tencent's own SDKs
    /// write `execute_time_`, which is read as well.
    pub fn read(fields: &Fields) -> Result<Self, FieldError> {
        let execute_time = match fields.optional_int("execute_time_")? {
            Some(milliseconds) => milliseconds,
            None => fields.int("execute_time")?,
        };
        let out_trade_no = match fields.get_nonempty("out_trade_no") {
            None => None,
            Some(_) => Some(read_out_trade_no(fields)?),
        };
        Ok(Self {
            account: read_account(fields)?,
            device_info: fields.optional_text("device_info")?,
            nonce_str: fields.text("nonce_str")?,
            sign_type: read_sign_type(fields)?,
            interface_url: fields.text("interface_url")?,
            execute_time_ms: u32::try_from(execute_time)
                .map_err(|_| Problem::OutOfRange.of("execute_time"))?,
            return_code: fields.one_of("return_code", Code::parse)?,
            return_msg: fields.optional_text("return_msg")?,
            result_code: fields.one_of("result_code", Code::parse)?,
            err_code: fields.get_nonempty("err_code").map(ErrorCode::from_code),
            err_code_des: fields.optional_text("err_code_des")?,
            out_trade_no,
            user_ip: fields
                .required("user_ip")?
                .parse()
                .map_err(|_| Problem::BadFormat.of("user_ip"))?,
            time_ms: fields.optional_time_ms("time")?,
        })
    }
}

/// WeChat has received the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer;

impl Answer {
    /// Reads the answer. WeChat does not sign it, and nothing depends on it.
    pub fn read(bytes: &[u8]) -> Result<Self, AnswerError> {
        let fields = Fields::parse(bytes)?;
        if fields.get("return_code") != Some("SUCCESS") {
            let return_msg = fields.owned("return_msg").unwrap_or_default();
            return Err(AnswerError::Communication { return_msg });
        }
        match fields.one_of("result_code", Code::parse)? {
            Code::Success => Ok(Self),
            Code::Fail => Err(AnswerError::Refused {
                code: ErrorCode::from_code(fields.get("err_code").unwrap_or_default()),
                description: fields.owned("err_code_des").unwrap_or_default(),
                fields,
            }),
        }
    }

    /// The answer's fields, which are never signed.
    pub fn to_fields(self) -> Fields {
        Fields::new()
            .with("return_code", "SUCCESS")
            .with("return_msg", "OK")
            .with("result_code", "SUCCESS")
    }
}
