//! An accepted request, the answer of a call, and why a request is refused.

use super::codes;
use crate::moment::Moment;
use crate::web;
use crate::wechat::accounts::Merchant;
use crate::wechat::dialect::Dialect;
use crate::wechat::orders::{self, Order};
use crate::wechat::rules::strict::Undocumented;
use crate::wechat::rules::{self, Denied};
use crate::wechat::state::WeChat;
use order::Account;
use serde_json::{Value, json};
use wechatpay::common::OrderNumber;
use wechatpay::v3::answer;
use wechatpay::v3::request::{Incoming, RequestError};
use wechatpay::v3::{ErrorCode, FieldError, Region};

pub(super) type AnswerFn =
    fn(&mut WeChat, &VerifiedRequest, &mut Moment<'_>) -> Result<Done, Refusal>;

/// The answer of a call that succeeded.
pub(super) enum Done {
    /// A JSON object, and its HTTP status.
    Json(u16, String),
    /// HTTP 204.
    Nothing,
    File(File),
}

/// A statement.
pub(super) struct File {
    pub(super) content_type: &'static str,
    /// The text that is signed instead of the file; `None` if it is not signed.
    pub(super) signed: Option<Vec<u8>>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

/// Why a request is not executed.
#[derive(Debug)]
pub(super) enum Refusal {
    Answered(Box<answer::Refusal>),
    /// No answer is sent; the caller sees a time-out.
    NoAnswer,
}

impl Done {
    /// A JSON object.
    pub(super) const fn json(text: String) -> Self {
        Self::Json(200, text)
    }
}

impl Refusal {
    /// A refusal with the code's usual text.
    pub(super) fn of(code: ErrorCode) -> Self {
        let message = codes::words(&code).to_owned();
        Self::Answered(Box::new(answer::Refusal {
            status: codes::status(&code),
            code,
            message,
            detail: Value::Null,
        }))
    }

    pub(super) fn saying(code: ErrorCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::Answered(Box::new(answer::Refusal {
            status: codes::status(&code),
            code,
            message,
            detail: Value::Null,
        }))
    }

    /// `PARAM_ERROR`: the field, its value, and what is wrong with it.
    pub(super) fn of_field(verified: &VerifiedRequest, error: &FieldError) -> Self {
        let issue = error.problem.to_string();
        Self::Answered(Box::new(answer::Refusal {
            status: 400,
            code: ErrorCode::ParamError,
            message: format!("参数错误: {} {issue}", error.field),
            detail: json!({
                "field": error.field,
                "value": verified.value_of(&error.field),
                "issue": issue,
                "location": if verified.body.is_empty() { "query" } else { "body" },
            }),
        }))
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        if denied == Denied::NoAnswer {
            return Self::NoAnswer;
        }
        let (code, message) = codes::of(&denied);
        match message {
            Some(message) => Self::saying(code, message),
            None => Self::of(code),
        }
    }
}

/// A request whose signature and required fields have been checked.
pub(crate) struct VerifiedRequest {
    pub(super) merchant: Merchant,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) body: Vec<u8>,
}

impl VerifiedRequest {
    pub(super) fn incoming(&self) -> Incoming<'_> {
        Incoming {
            region: self.region(),
            mchid: &self.merchant.mch_id,
            path: &self.path,
            query: &self.query,
            body: &self.body,
        }
    }

    pub(super) fn region(&self) -> Region {
        Region::of_path(&self.path)
    }

    pub(super) fn dialect(&self) -> Dialect {
        match self.region() {
            Region::Global => Dialect::V3Global,
            Region::Mainland => Dialect::V3Mainland,
        }
    }

    /// The refusal of a request that cannot be parsed.
    pub(super) fn unreadable(&self, error: RequestError) -> Refusal {
        match error {
            RequestError::Json(error) => Refusal::Answered(Box::new(answer::Refusal {
                status: 400,
                code: ErrorCode::ParamError,
                message: format!("请求体不是有效的JSON ({error})"),
                detail: json!({ "location": "body", "issue": error.to_string() }),
            })),
            RequestError::Field(error) => Refusal::of_field(self, &error),
        }
    }

    /// The refusal of a strict account's undocumented value.
    pub(super) fn undocumented(&self, broken: &Undocumented) -> Refusal {
        let error = FieldError::new(broken.field.as_str(), broken.problem);
        let mut refusal = Refusal::of_field(self, &error);
        if let Refusal::Answered(told) = &mut refusal
            && let Some(detail) = told.detail.as_object_mut()
        {
            detail.insert("issue".into(), broken.to_string().into());
        }
        refusal
    }

    /// The value of a field in the request: `amount.total`, `data[0].id`.
    pub(super) fn value_of(&self, field: &str) -> Value {
        if self.body.is_empty() {
            return web::parameter(self.query.as_bytes(), field).into();
        }
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let pointer = field.replace('[', ".").replace(']', "").replace('.', "/");
        body.pointer(&format!("/{pointer}"))
            .cloned()
            .unwrap_or_default()
    }

    /// Whether the request names its signer, and one of the signer's
    /// sub-merchants: the account that it is about.
    pub(super) fn account(
        &self,
        wechat: &WeChat,
        named: &wechatpay::v3::Merchant,
    ) -> Result<Account, Refusal> {
        let merchant = &self.merchant;
        if named.mch_id != merchant.mch_id {
            return Err(Refusal::saying(
                ErrorCode::ParamError,
                "商户号与签名的商户号不一致 (mchid, sp_mchid: another merchant than signed)",
            ));
        }
        if named
            .appid
            .as_ref()
            .is_some_and(|appid| !merchant.is_bound_to(appid))
        {
            return Err(Refusal::of(ErrorCode::AppidMchidNotMatch));
        }
        let (sub_mch_id, sub_appid) = (named.sub_mch_id.as_deref(), named.sub_appid.as_deref());
        rules::check_sub_merchant(wechat, merchant, sub_mch_id, sub_appid)?;
        Ok(Account {
            appid: named.appid.as_ref().unwrap_or(&merchant.appid).clone(),
            mch_id: merchant.mch_id.clone(),
            sub_appid: named.sub_appid.clone(),
            sub_mch_id: named.sub_mch_id.clone().filter(|id| *id != merchant.mch_id),
        })
    }

    /// The sub-merchant that a query of an institution is about; `None` for the
    /// whole institution.
    pub(super) fn one_of_its_own<'a>(
        &self,
        wechat: &WeChat,
        named: &'a wechatpay::v3::Merchant,
    ) -> Result<Option<&'a str>, Refusal> {
        let sub_mch_id = named.sub_mch_id.as_deref();
        if sub_mch_id.is_some() || named.mch_id != self.merchant.mch_id {
            self.account(wechat, named)?;
        }
        Ok(sub_mch_id.filter(|id| *id != self.merchant.mch_id))
    }

    /// The numbers that can contain a fault.
    pub(super) fn numbers(&self) -> Vec<String> {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let field = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let names = ["out_refund_no", "out_trade_no"];
        let in_body = names.into_iter().filter_map(field);
        let in_path = self.path.split('/').map(web::percent_decoded);
        let in_query = names
            .into_iter()
            .filter_map(|name| web::parameter(self.query.as_bytes(), name));
        in_body.chain(in_path).chain(in_query).collect()
    }
}

/// An order of an account, by either number. Another merchant's order counts as
/// not existing.
pub(super) fn find_order<'a>(
    wechat: &'a WeChat,
    account: &Account,
    by: &OrderNumber,
) -> Option<&'a Order> {
    let sub_mch_id = account.sub_mch_id.as_deref();
    let order = match by {
        OrderNumber::TransactionId(id) => wechat.orders.by_transaction_id(id.as_str()),
        OrderNumber::OutTradeNo(number) => {
            let key = orders::key(&account.mch_id, sub_mch_id, number.as_str());
            wechat.orders.get(&key)
        }
    };
    order.filter(|order| {
        order.account.mch_id == account.mch_id && order.account.sub_mch_id.as_deref() == sub_mch_id
    })
}
