//! WeChat Pay v2's front door: what every request must pass before its own
//! call sees it, in the order in which WeChat looks.
//!
//! ```text
//! POST?             REQUIRE_POST_METHOD      mch_id known?       MCHID_NOT_EXIST
//! a body?           POST_DATA_EMPTY          appid known?        APPID_NOT_EXIST
//! UTF-8?            NOT_UTF8                 bound together?     APPID_MCHID_NOT_MATCH
//! one flat XML?     XML_FORMAT_ERROR         sign_type known?    PARAM_ERROR
//! all required?     LACK_PARAMS              signature right?    SIGNERROR
//! ```
//!
//! Up to here, and while the fields' formats are read (`PARAM_ERROR`,
//! `LACK_PARAMS`), an answer is `return_code=FAIL` with a `return_msg` and
//! unsigned: no merchant has been recognised, so there is no key to sign with that
//! the caller would accept. The sandbox adds `err_code` and `err_code_des`,
//! so that a program can tell the failures apart. Everything later is signed,
//! in the request's sign type. HTTP is always 200, but without a certificate
//! where one is wanted, and where a fault leaves a request without an answer.
//!
//! Seed 002, sections 4 and 9.

mod bill;
mod close;
mod exchange;
mod micropay;
mod notify;
mod prepay;
mod query;
mod refund;
mod refundquery;
mod report;
mod reverse;
mod settlement;
mod shorturl;
mod signkey;

use crate::Sandbox;
use crate::moment::Moment;
use crate::web::{self, Answer, Request};
use crate::wechat::accounts::{self, Merchant};
use crate::wechat::dialect::Dialect;
use crate::wechat::faults::{self, Fault};
use crate::wechat::notices::Content;
use crate::wechat::orders::{self, Order};
use crate::wechat::rules::strict::{self, Undocumented};
use crate::wechat::rules::{self, Denied};
use http::Method;
use order::{Account, Currency, TradeType};
use wechatpay::Secret;
use wechatpay::common::{FieldError, Fields, OrderNumber, Problem, SignType, XmlError};
use wechatpay::v2::reverse as reverse_message;
use wechatpay::v2::{ErrorCode, answer};

/// One call of the API. A new one is a row of [`CALLS`].
struct Call {
    path: &'static str,
    /// What must be there for the request to be looked at, beside
    /// [`ALWAYS_REQUIRED`]: one field of each group.
    required: &'static [&'static [&'static str]],
    answer: AnswerFn,
    /// Whether WeChat wants the merchant's certificate.
    certificate: bool,
    /// Whether `appid` must be there. Where it is, it must be the merchant's.
    appid_required: bool,
    /// The fields as they were signed, where they are sent in another form.
    as_signed: fn(Fields) -> Fields,
    /// A refusal in the call's own way.
    own_refusal: fn(Refusal) -> Refusal,
}

type AnswerFn = fn(&mut Sandbox, &Asked, &mut Moment<'_>) -> Result<Done, Refusal>;

impl Call {
    /// One that wants no certificate and has no ways of its own.
    const fn new(
        path: &'static str,
        required: &'static [&'static [&'static str]],
        answer: AnswerFn,
    ) -> Self {
        Self {
            path,
            required,
            answer,
            certificate: false,
            appid_required: true,
            as_signed: std::convert::identity,
            own_refusal: std::convert::identity,
        }
    }
}

const CALLS: [Call; 13] = [
    prepay::CALL,
    query::CALL,
    close::CALL,
    micropay::CALL,
    reverse::CALL,
    refund::CALL,
    refundquery::CALL,
    bill::CALL,
    report::CALL,
    shorturl::CALL,
    settlement::CALL,
    exchange::CALL,
    exchange::CALL_IN_MANUAL,
];

const ALWAYS_REQUIRED: [&str; 2] = ["mch_id", "sign"];

/// What a call answers when it is done.
enum Done {
    /// Fields to sign in the request's sign type.
    Signed(Fields),
    /// Any value, unchanged.
    AsItIs(Answer),
}

impl From<Fields> for Done {
    fn from(fields: Fields) -> Self {
        Self::Signed(fields)
    }
}

/// A request that has passed the front door.
pub(crate) struct Asked {
    merchant: Merchant,
    fields: Fields,
    sign_type: SignType,
}

impl Asked {
    /// Whom the answer names: the ids as they were sent. An `appid` that was
    /// not sent is the merchant's.
    fn account(&self) -> Account {
        let sent = |name| self.fields.get_nonempty(name).map(str::to_owned);
        Account {
            appid: sent("appid").unwrap_or_else(|| self.merchant.appid.clone()),
            mch_id: self.merchant.mch_id.clone(),
            sub_appid: sent("sub_appid"),
            sub_mch_id: sent("sub_mch_id"),
        }
    }

    /// The account that an order is made under: a direct merchant that names
    /// itself as its sub-merchant has none.
    fn ordering(&self, sent: &Account) -> Account {
        Account {
            sub_mch_id: self.sub_mch_id().map(str::to_owned),
            ..sent.clone()
        }
    }

    /// How the answer and the notice are signed.
    const fn dialect(&self) -> Dialect {
        Dialect::V2 {
            sign_type: self.sign_type,
        }
    }

    fn check_sub_merchant(&self, sandbox: &Sandbox) -> Result<(), Refusal> {
        let sent = |name| self.fields.get_nonempty(name);
        let (sub_mch_id, sub_appid) = (sent("sub_mch_id"), sent("sub_appid"));
        rules::check_sub_merchant(sandbox, &self.merchant, sub_mch_id, sub_appid)?;
        Ok(())
    }

    /// A strict account's `out_refund_no` has the manual's 32 bytes.
    fn check_out_refund_no(&self) -> Result<(), Refusal> {
        let number = self.fields.get_nonempty("out_refund_no");
        if let Some(number) = number.filter(|_| self.merchant.strict) {
            strict::at_most_32("out_refund_no", number, strict::OUT_REFUND_NO)?;
        }
        Ok(())
    }

    fn check_trade_type(&self, trade_type: TradeType) -> Result<(), Refusal> {
        rules::check_trade_type(&self.merchant, trade_type)?;
        Ok(())
    }

    fn check_currency(&self, currency: Currency) -> Result<(), Refusal> {
        rules::check_currency(&self.merchant, currency)?;
        Ok(())
    }

    fn order_key(&self, out_trade_no: &str) -> String {
        orders::key(&self.merchant.mch_id, self.sub_mch_id(), out_trade_no)
    }

    /// Another merchant's order does not exist for this one.
    fn may_see(&self, order: &Order) -> bool {
        order.account.mch_id == self.merchant.mch_id
            && order.account.sub_mch_id.as_deref() == self.sub_mch_id()
    }

    fn order<'a>(&self, sandbox: &'a Sandbox, by: &OrderNumber) -> Option<&'a Order> {
        let order = match by {
            OrderNumber::TransactionId(id) => sandbox.orders.by_transaction_id(id.as_str()),
            OrderNumber::OutTradeNo(number) => sandbox.orders.get(&self.order_key(number.as_str())),
        };
        order.filter(|order| self.may_see(order))
    }

    /// The order that money is to be returned of.
    fn order_to_return<'a>(
        &self,
        sandbox: &'a Sandbox,
        by: &OrderNumber,
    ) -> Result<&'a Order, Refusal> {
        self.order(sandbox, by).ok_or_else(|| {
            Refusal::from_code(match by {
                OrderNumber::TransactionId(_) => ErrorCode::InvalidTransactionId,
                OrderNumber::OutTradeNo(_) => ErrorCode::OrderNotExist,
            })
        })
    }

    /// The sub-merchant id under which an order's number is unique.
    fn sub_mch_id(&self) -> Option<&str> {
        self.fields
            .get_nonempty("sub_mch_id")
            .filter(|id| *id != self.merchant.mch_id)
    }
}

/// Why a request is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `return_code=FAIL`, unsigned.
    Unsigned {
        code: ErrorCode,
        return_msg: String,
        description: String,
    },
    /// `result_code=FAIL`, signed.
    Signed(ErrorCode, String),
    /// The same with `recall`: only a reverse says so.
    Reverse {
        code: ErrorCode,
        description: String,
        recall: bool,
        /// The exchange rate of the order, where it is known.
        rate: Option<i64>,
    },
    /// Nothing comes back: to the caller a time-out.
    NoAnswer,
}

impl Refusal {
    pub(crate) fn unsigned(
        code: ErrorCode,
        return_msg: &str,
        description: impl Into<String>,
    ) -> Self {
        Self::Unsigned {
            code,
            return_msg: return_msg.to_owned(),
            description: description.into(),
        }
    }

    /// A refusal made on request, with the code's usual words.
    pub(crate) fn from_code(code: ErrorCode) -> Self {
        let words = words(&code);
        if is_unsigned(&code) {
            let description = code.meaning();
            Self::unsigned(code, words, description)
        } else {
            Self::Signed(code, words.to_owned())
        }
    }
}

impl From<FieldError> for Refusal {
    fn from(error: FieldError) -> Self {
        match error.problem {
            Problem::Missing | Problem::Empty => Self::unsigned(
                ErrorCode::LackParams,
                &format!("缺少参数 {}", error.field),
                error.to_string(),
            ),
            _ => Self::unsigned(
                ErrorCode::ParamError,
                &format!("参数错误 {error}"),
                error.to_string(),
            ),
        }
    }
}

impl From<Undocumented> for Refusal {
    fn from(broken: Undocumented) -> Self {
        let (code, words) = match broken.problem {
            Problem::Missing if !broken.field.contains('.') => {
                (ErrorCode::LackParams, format!("缺少参数 {}", broken.field))
            }
            _ => (ErrorCode::ParamError, format!("参数错误 {}", broken.field)),
        };
        Self::unsigned(code, &words, broken.to_string())
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        use Refusal::Signed;
        match denied {
            Denied::OrderNotExist => Self::from_code(ErrorCode::OrderNotExist),
            Denied::OrderPaid => Self::from_code(ErrorCode::OrderPaid),
            Denied::OrderClosed => Self::from_code(ErrorCode::OrderClosed),
            Denied::OrderReversed => Self::from_code(ErrorCode::OrderReversed),
            Denied::UserPaying => Self::from_code(ErrorCode::UserPaying),
            Denied::OutTradeNoUsed => Self::from_code(ErrorCode::OutTradeNoUsed),
            Denied::AuthCodeInvalid => Self::from_code(ErrorCode::AuthCodeInvalid),
            Denied::AuthCodeUsed => Self::from_code(ErrorCode::AuthCodeError),
            Denied::AuthCodeExpired => Self::from_code(ErrorCode::AuthCodeExpire),
            Denied::BuyerMismatch => Self::from_code(ErrorCode::BuyerMismatch),
            Denied::NotSupportCard => Self::from_code(ErrorCode::NotSupportCard),
            Denied::PayerNotEnough => Self::from_code(ErrorCode::NotEnough),
            Denied::BankError => Self::from_code(ErrorCode::BankError),
            Denied::TradeState => Self::from_code(ErrorCode::TradeStateError),
            Denied::TradeOverdue => Self::from_code(ErrorCode::TradeOverdue),
            Denied::System => Self::from_code(ErrorCode::SystemError),
            Denied::NoAnswer => Self::NoAnswer,
            Denied::NoAuth(trade_type) => Signed(
                ErrorCode::NoAuth,
                format!(
                    "{} ({} is switched off)",
                    words(&ErrorCode::NoAuth),
                    trade_type.as_str()
                ),
            ),
            Denied::Currency { settlement } => Signed(
                ErrorCode::ParamError,
                format!(
                    "fee_type: 不支持的币种 (this merchant may ask for CNY or {})",
                    settlement.code()
                ),
            ),
            Denied::SubMchIdMissing => Problem::Missing.of("sub_mch_id").into(),
            Denied::SubMchIdUnknown => Signed(
                ErrorCode::ParamError,
                "sub_mch_id: 受理关系不存在 (not a sub-merchant of this mch_id)".into(),
            ),
            Denied::SubAppidUnknown => Signed(
                ErrorCode::AppidNotExist,
                "sub_appid不存在 (no such sub_appid)".into(),
            ),
            Denied::SubAppidMismatch => Signed(
                ErrorCode::AppidMchidNotMatch,
                "sub_mch_id与sub_appid不匹配 (sub_appid is not bound to sub_mch_id)".into(),
            ),
            Denied::TimeExpire { minutes } => Refusal::unsigned(
                ErrorCode::ParamError,
                "time_expire时间过短，刷卡至少1分钟，其他5分钟",
                format!("time_expire must be at least {minutes} minutes ahead, in China time"),
            ),
            Denied::OrderExpired => Signed(
                ErrorCode::OrderClosed,
                "该订单已过期 (time_expire has passed: use a new out_trade_no)".into(),
            ),
            Denied::OutRefundNoUsed => Signed(
                ErrorCode::InvalidRequest,
                "订单金额或退款金额与之前请求不一致，请核实后再试 (this out_refund_no was sent with other terms)".into(),
            ),
            Denied::RefundCurrency { order } => Signed(
                ErrorCode::ParamError,
                format!(
                    "refund_fee_type: 退款币种与订单币种不一致 (the order is in {})",
                    order.code()
                ),
            ),
            Denied::TotalMismatch { total } => Signed(
                ErrorCode::ParamError,
                format!("total_fee: 订单金额不一致 (the order's total_fee is {total})"),
            ),
            // WeChat's code for it is no more than this.
            Denied::RefundedWhole => {
                Signed(ErrorCode::from_code("ERROR"), "订单已全额退款".into())
            }
            Denied::RefundTooMuch { left } => Signed(
                ErrorCode::RefundFeeInvalid,
                format!("{} ({left} is left)", words(&ErrorCode::RefundFeeInvalid)),
            ),
            Denied::TooManyRefunds => Signed(
                ErrorCode::InvalidRequest,
                "部分退款次数超过限制 (an order has at most 50 refunds)".into(),
            ),
            Denied::FundsNotEnough => Signed(
                ErrorCode::NotEnough,
                "基本账户余额不足，请充值后重新发起 (not enough unsettled funds)".into(),
            ),
            Denied::OpenidUnknown { field } => Refusal::unsigned(
                ErrorCode::ParamError,
                &format!("无效的{field}"),
                format!("{field} is unknown: GET /sandbox/merchants lists each payer's"),
            ),
            Denied::OpenidMismatch { field, owner } => Refusal::unsigned(
                ErrorCode::ParamError,
                "appid and openid not match",
                format!("{field} belongs to {owner}"),
            ),
            Denied::NotQuickPay => reverse_refused(
                "仅支持撤销付款码支付的订单 (only Quick Pay is reversed; refund or close this order)",
                false,
            ),
            Denied::ReverseTooEarly => reverse_refused(
                "请在支付15秒后再调用撤销 (not before 15 seconds after the order)",
                true,
            ),
            Denied::ReverseTooLate => reverse_refused(
                "订单无法撤销：超过7天 (not later than 7 days; refund it)",
                false,
            ),
        }
    }
}

fn reverse_refused(description: &str, recall: bool) -> Refusal {
    Refusal::Reverse {
        code: ErrorCode::InvalidRequest,
        description: description.to_owned(),
        recall,
        rate: None,
    }
}

/// Whether WeChat refuses so before it trusts the caller.
fn is_unsigned(code: &ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::RequirePostMethod
            | ErrorCode::PostDataEmpty
            | ErrorCode::NotUtf8
            | ErrorCode::XmlFormatError
            | ErrorCode::LackParams
            | ErrorCode::MchidNotExist
            | ErrorCode::AppidNotExist
            | ErrorCode::AppidMchidNotMatch
            | ErrorCode::SignError
            | ErrorCode::ParamError
            // The statement's own words, which it never signs.
            | ErrorCode::InvalidBillType
            | ErrorCode::DataFormatError
            | ErrorCode::MissingParameter
            | ErrorCode::BillSignError
            | ErrorCode::BillCreating
            | ErrorCode::CompressGZipError
            | ErrorCode::UnCompressGZipError
            | ErrorCode::NoBillExist
    )
}

/// WeChat's own words for a code (its manual's column "描述").
fn words(code: &ErrorCode) -> &'static str {
    match code {
        ErrorCode::RequirePostMethod => "请使用post方法",
        ErrorCode::PostDataEmpty => "post数据为空",
        ErrorCode::NotUtf8 => "编码格式错误",
        ErrorCode::XmlFormatError => "XML格式错误",
        ErrorCode::LackParams => "缺少参数",
        ErrorCode::MchidNotExist => "MCHID不存在",
        ErrorCode::AppidNotExist => "APPID不存在",
        ErrorCode::AppidMchidNotMatch => "appid和mch_id不匹配",
        ErrorCode::SignError => "签名错误",
        ErrorCode::ParamError => "参数错误",
        ErrorCode::NoAuth => "商户无此接口权限",
        ErrorCode::NotEnough => "余额不足",
        ErrorCode::OrderPaid => "该订单已支付",
        ErrorCode::OrderClosed => "该订单已关闭",
        ErrorCode::OutTradeNoUsed => "201 商户订单号重复",
        ErrorCode::OrderNotExist => "order not exist 订单不存在",
        ErrorCode::SystemError => "系统错误",
        ErrorCode::BankError => "银行系统异常",
        ErrorCode::OrderReversed => "该订单已撤销",
        ErrorCode::UserPaying => "需要用户输入支付密码",
        ErrorCode::AuthCodeExpire => "二维码已过期，请用户在微信上刷新后再试",
        ErrorCode::AuthCodeError => "授权码参数错误：每个二维码仅限使用一次，请刷新再试",
        ErrorCode::AuthCodeInvalid => "授权码检验错误：请扫描微信支付被扫条码/二维码",
        ErrorCode::NotSupportCard => "不支持卡类型",
        ErrorCode::BuyerMismatch => "支付帐号错误：暂不支持同一笔订单更换支付方",
        ErrorCode::InvalidTransactionId => "无效transaction_id",
        ErrorCode::RefundNotExist => "退款订单查询失败 refund not exist",
        ErrorCode::TradeOverdue => "订单已经超过退款期限",
        ErrorCode::TradeStateError => "订单状态错误",
        ErrorCode::RefundFeeInvalid => "累计退款金额大于支付金额",
        ErrorCode::BizErrNeedRetry => "退款业务流程错误，需要商户触发重试来解决",
        ErrorCode::UserAccountAbnormal => "退款请求失败：用户帐号注销",
        ErrorCode::FrequencyLimited => "频率限制",
        ErrorCode::InvalidReqTooMuch => "无效请求过多",
        other => other.meaning(),
    }
}

pub(crate) use notify::{payment as payment_notice, refund as refund_notice};

/// The folders of WeChat Pay's calls, and of WeChat's own v2 sandbox.
const FOLDERS: [&str; 6] = [
    "/pay/",
    "/secapi/pay/",
    "/payitil/",
    "/tools/",
    "/sandboxnew/",
    "/xdc/",
];

/// Whether a path is WeChat Pay's.
pub(crate) fn is_here(path: &str) -> bool {
    FOLDERS.iter().any(|folder| path.starts_with(folder))
}

/// Every call's path.
pub(crate) fn paths() -> impl Iterator<Item = &'static str> {
    CALLS.iter().map(|call| call.path)
}

/// By this header a TLS socket says whose client certificate it has verified:
/// the certificate's `mch_id`. Two other words can be said: `none` where the
/// client has shown no certificate, `expired` where it is out of date.
const CERTIFICATE_HEADER: &str = "x-sandbox-client-certificate";

/// How a request is refused whose client certificate is missing, expired, or
/// of another `mch_id`: an institution's serves its sub-merchants, whose
/// requests have the institution's `mch_id`. `None` where it lets the request
/// pass. A plain connection cannot carry a certificate: without the header the
/// request of a strict account is refused as one without a certificate, and of
/// a lenient account where `require_certificate` is on.
fn refuse_certificate(sandbox: &Sandbox, request: &Request) -> Option<Answer> {
    match web::request_header(request, CERTIFICATE_HEADER) {
        Some("expired") => Some(web::certificate_error()),
        Some("none") => Some(web::no_certificate()),
        None => {
            let is_wanted =
                sandbox.faults().require_certificate || strict::wants_certificate(sandbox, request);
            is_wanted.then(web::no_certificate)
        }
        Some(mch_id) => {
            let fields = Fields::parse(request.body()).ok()?;
            let refused = answer::communication_failure("certificate not match");
            (fields.get("mch_id") != Some(mch_id)).then(|| web::xml(refused.to_xml()))
        }
    }
}

/// Answers a request to a path that [`is_here`].
pub(crate) fn handle(
    sandbox: &mut Sandbox,
    path: &str,
    request: &Request,
    moment: &mut Moment<'_>,
) -> Answer {
    if signkey::PATHS.contains(&path) {
        let answer = signkey::answer(sandbox, request);
        let answer = answer.unwrap_or_else(|refusal| refuse(refusal, None, moment));
        return web::xml(answer.to_xml());
    }
    let path = signkey::PREFIXES
        .iter()
        .find_map(|prefix| path.strip_prefix(prefix))
        .unwrap_or(path);
    let Some(call) = CALLS.iter().find(|call| call.path == path) else {
        return web::not_found();
    };
    if call.certificate
        && let Some(refused) = refuse_certificate(sandbox, request)
    {
        return refused;
    }
    let (refusal, asked) = match enter(sandbox, call, request) {
        Err(refusal) => (refusal, None),
        Ok(asked) => match perform(sandbox, call, &asked, moment) {
            Ok(Done::Signed(fields)) => {
                let sealed = fields.sealed(&asked.merchant.secret(), asked.sign_type);
                return web::xml(sealed.to_xml());
            }
            Ok(Done::AsItIs(answer)) => return answer,
            Err(refusal) => (refusal, Some(asked)),
        },
    };
    match (call.own_refusal)(refusal) {
        Refusal::NoAnswer => web::no_answer(),
        refusal => web::xml(refuse(refusal, asked.as_ref(), moment).to_xml()),
    }
}

/// Does what was asked, or misbehaves as was asked.
fn perform(
    sandbox: &mut Sandbox,
    call: &Call,
    asked: &Asked,
    moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let fault = sandbox.take_failure(call.path);
    match fault.or_else(|| faults::in_a_number(call.path, &asked.fields)) {
        None => (call.answer)(sandbox, asked, moment),
        Some(Fault::Code(code)) => Err(Refusal::from_code(ErrorCode::from_code(&code))),
        Some(Fault::NoAnswer) => Err(Refusal::NoAnswer),
        Some(Fault::NoAnswerAfter) => {
            // The answer is lost, whether it was done or refused.
            let _unheard = (call.answer)(sandbox, asked, moment);
            Err(Refusal::NoAnswer)
        }
    }
}

fn refuse(refusal: Refusal, asked: Option<&Asked>, moment: &mut Moment<'_>) -> Fields {
    match (refusal, asked) {
        (Refusal::Signed(code, description), Some(asked)) => {
            let key: Secret = asked.merchant.secret();
            answer::refusal(&asked.account(), &moment.nonce(), &code, &description)
                .sealed(&key, asked.sign_type)
        }
        (
            Refusal::Reverse {
                code,
                description,
                recall,
                rate,
            },
            Some(asked),
        ) => {
            let (account, nonce) = (asked.account(), moment.nonce());
            let mut fields =
                reverse_message::refusal(&account, &nonce, &code, &description, recall);
            fields.push_some("rate", rate.map(|rate| rate.to_string()));
            fields.sealed(&asked.merchant.secret(), asked.sign_type)
        }
        (
            Refusal::Signed(code, description)
            | Refusal::Reverse {
                code, description, ..
            },
            None,
        ) => unsigned(&code, &description, &description),
        // Answered before it comes to this.
        (Refusal::NoAnswer, _) => Fields::new(),
        (
            Refusal::Unsigned {
                code,
                return_msg,
                description,
            },
            _,
        ) => unsigned(&code, &return_msg, &description),
    }
}

fn unsigned(code: &ErrorCode, return_msg: &str, description: &str) -> Fields {
    answer::communication_failure(return_msg)
        .with("err_code", code.code())
        .with("err_code_des", description)
}

/// The document, once it is known to be one.
fn parse(request: &Request) -> Result<Fields, Refusal> {
    if request.method() != Method::POST {
        return Err(Refusal::from_code(ErrorCode::RequirePostMethod));
    }
    if request.body().iter().all(u8::is_ascii_whitespace) {
        return Err(Refusal::from_code(ErrorCode::PostDataEmpty));
    }
    Fields::parse(request.body()).map_err(|error| {
        let code = match error {
            XmlError::NotUtf8 | XmlError::WideEncoding | XmlError::OtherEncoding => {
                ErrorCode::NotUtf8
            }
            XmlError::Empty => ErrorCode::PostDataEmpty,
            _ => ErrorCode::XmlFormatError,
        };
        let words = words(&code);
        Refusal::unsigned(code, words, error.to_string())
    })
}

fn enter(sandbox: &Sandbox, call: &Call, request: &Request) -> Result<Asked, Refusal> {
    let fields = (call.as_signed)(parse(request)?);
    if call.appid_required {
        fields.required("appid")?;
    }
    for name in ALWAYS_REQUIRED {
        fields.required(name)?;
    }
    for group in call.required {
        let given = group.iter().any(|name| fields.get_nonempty(name).is_some());
        if let (false, Some(last)) = (given, group.last()) {
            fields.required(last)?;
        }
    }

    let mch_id = fields.get("mch_id").unwrap_or_default();
    let Some(merchant) = sandbox.merchants.get(mch_id) else {
        return Err(Refusal::from_code(ErrorCode::MchidNotExist));
    };
    if let Some(appid) = fields.get_nonempty("appid") {
        if accounts::app_secret(&sandbox.merchants, appid).is_none() {
            return Err(Refusal::from_code(ErrorCode::AppidNotExist));
        }
        if !merchant.is_bound_to(appid) {
            return Err(Refusal::from_code(ErrorCode::AppidMchidNotMatch));
        }
    }

    // A sign of HMAC's length without `sign_type` is not taken for HMAC: the
    // seed wants the type declared (5.5.4), and so does WeChat.
    let declared = fields.get_nonempty("sign_type");
    let Some(sign_type) = declared.map_or(Some(SignType::default()), SignType::parse) else {
        return Err(Refusal::unsigned(
            ErrorCode::ParamError,
            "签名类型不支持",
            "sign_type must be MD5 or HMAC-SHA256",
        ));
    };
    if let Err(error) = fields.verify(&merchant.secret(), sign_type) {
        return Err(Refusal::unsigned(
            ErrorCode::SignError,
            words(&ErrorCode::SignError),
            error.to_string(),
        ));
    }
    Ok(Asked {
        merchant: merchant.clone(),
        fields,
        sign_type,
    })
}
