//! Why a request is refused, with WeChat's codes and texts.

use crate::wechat::rules::Denied;
use crate::wechat::rules::strict::Undocumented;
use wechatpay::common::{FieldError, Problem};
use wechatpay::v2::ErrorCode;

/// Why a request is not executed.
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
    /// The same with `recall`, which only a reverse has.
    Reverse {
        code: ErrorCode,
        description: String,
        recall: bool,
        /// The exchange rate of the order, where it is known.
        rate: Option<i64>,
    },
    /// No answer is sent; the caller sees a time-out.
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

    /// The refusal with a code and WeChat's usual text for it.
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
            // WeChat has no more specific code for it.
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

/// Whether WeChat answers with this code before it has authenticated the
/// caller.
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
            // The statement's own texts, which it never signs.
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

/// WeChat's own text for a code (its manual's column "描述").
pub(super) fn words(code: &ErrorCode) -> &'static str {
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
