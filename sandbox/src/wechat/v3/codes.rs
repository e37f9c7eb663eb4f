//! APIv3's error codes in the sandbox: the codes of each call, and WeChat's
//! texts. `docs/sandbox.md` has the same table, and a test compares them.

use crate::wechat::rules::Denied;
use order::TradeType;
use wechatpay::v3::ErrorCode::{self, *};

/// The codes of every call.
const ANYWHERE: &[ErrorCode] = &[
    ParamError,
    InvalidRequest,
    SignError,
    NoAuth,
    RuleLimit,
    RequestBlocked,
    RateLimited,
    FrequencyLimited,
    SystemError,
];

/// The further codes of each call.
const CODES: &[(&str, &[ErrorCode])] = &[
    (
        "prepay",
        &[
            AccountError,
            AppidMchidNotMatch,
            MchNotExists,
            BankError,
            OutTradeNoUsed,
            OpenidMismatch,
            OrderPaid,
            OrderClosed,
            OrderReversed,
            TradeError,
        ],
    ),
    (
        "query",
        &[MchNotExists, OrderNotExist, InvalidTransactionId],
    ),
    (
        "close",
        &[
            MchNotExists,
            OrderNotExist,
            OrderPaid,
            OrderClosed,
            OrderReversed,
            UserPaying,
            TradeError,
        ],
    ),
    (
        "micropay",
        &[
            AccountError,
            AppidMchidNotMatch,
            MchNotExists,
            BankError,
            OutTradeNoUsed,
            OrderPaid,
            OrderClosed,
            OrderReversed,
            UserPaying,
            AuthCodeExpire,
            AuthCodeError,
            AuthCodeInvalid,
            NotSupportCard,
            BuyerMismatch,
            NotEnough,
            TradeError,
        ],
    ),
    (
        "reverse",
        &[
            OrderNotExist,
            UserPaying,
            TradeError,
            TradeStateError,
            InvalidTransactionId,
        ],
    ),
    (
        "refund",
        &[
            MchNotExists,
            OrderNotExist,
            NotEnough,
            UserAccountAbnormal,
            TradeStateError,
            InvalidTransactionId,
        ],
    ),
    ("refundquery", &[ResourceNotExists, RefundNotExist]),
    ("statement", &[NoStatementExist, StatementCreating]),
    ("certificates", &[ResourceNotExists]),
];

/// Whether a call may answer with a code.
pub(super) fn knows(call: &str, code: &ErrorCode) -> bool {
    ANYWHERE.contains(code)
        || CODES
            .iter()
            .any(|(name, codes)| *name == call && codes.contains(code))
}

/// Every code, its HTTP status, and the calls for which a number can request
/// it.
pub(crate) fn table() -> impl Iterator<Item = (&'static ErrorCode, u16, String)> {
    ErrorCode::ALL.iter().map(|code| {
        let calls = if ANYWHERE.contains(code) {
            "every call".to_owned()
        } else {
            let knowing: Vec<&str> = CODES
                .iter()
                .filter(|(_, codes)| codes.contains(code))
                .map(|(call, _)| *call)
                .collect();
            knowing.join(", ")
        };
        (code, status(code), calls)
    })
}

/// The HTTP status. A payment that waits for the password is not refused yet.
pub(super) fn status(code: &ErrorCode) -> u16 {
    match code {
        UserPaying => 202,
        other => other.http_status(),
    }
}

/// WeChat's own text.
pub(super) fn words(code: &ErrorCode) -> &'static str {
    match code {
        ParamError => "参数错误",
        InvalidRequest => "无效请求",
        SignError => "签名错误",
        NoAuth => "商户无权限",
        AccountError => "账号异常",
        RuleLimit => "业务规则限制",
        AppidMchidNotMatch => "appid和mch_id不匹配",
        MchNotExists => "商户号不存在",
        ResourceNotExists => "查询的资源不存在",
        RateLimited | FrequencyLimited => "频率超限",
        SystemError => "系统错误",
        BankError => "银行系统异常",
        OutTradeNoUsed => "商户订单号重复",
        OpenidMismatch => "openid和appid不匹配",
        OrderNotExist => "订单不存在",
        OrderPaid => "该订单已支付",
        OrderClosed => "订单已关闭",
        OrderReversed => "订单已撤销",
        TradeError => "交易错误",
        TradeStateError => "订单状态错误",
        InvalidTransactionId => "订单号非法",
        UserPaying => "用户支付中，需要输入密码",
        AuthCodeExpire => "二维码已过期，请用户在微信上刷新后再试",
        AuthCodeError => "每个二维码仅限使用一次，请刷新再试",
        AuthCodeInvalid => "请扫描微信支付被扫条码/二维码",
        NotSupportCard => "不支持卡类型",
        BuyerMismatch => "暂不支持同一笔订单更换支付方",
        NotEnough => "余额不足",
        UserAccountAbnormal => "退款请求失败：用户账号注销",
        RefundNotExist => "退款单不存在",
        NoStatementExist => "请求的账单文件不存在",
        StatementCreating => "请求的账单正在生成中，请稍后再试",
        other => other.meaning(),
    }
}

/// The code for a refusal, and its details.
pub(super) fn of(denied: &Denied) -> (ErrorCode, Option<String>) {
    let said = |code, text: &str| (code, Some(text.to_owned()));
    match denied {
        Denied::NoAuth(trade_type) => (NoAuth, Some(switched_off(*trade_type))),
        Denied::Currency { settlement } => (
            ParamError,
            Some(format!(
                "不支持的币种 (this merchant may ask for CNY or {})",
                settlement.code()
            )),
        ),
        Denied::SubMchIdMissing => said(ParamError, "缺少参数sub_mchid (an institution names one)"),
        Denied::SubMchIdUnknown => said(
            NoAuth,
            "受理关系不存在 (sub_mchid is not a sub-merchant of this merchant)",
        ),
        Denied::SubAppidUnknown => said(ParamError, "sub_appid不存在 (no such sub_appid)"),
        Denied::SubAppidMismatch => said(
            AppidMchidNotMatch,
            "sub_mchid与sub_appid不匹配 (sub_appid is not bound to sub_mchid)",
        ),
        Denied::OpenidUnknown { field } => (
            ParamError,
            Some(format!(
                "无效的{field} (unknown: GET /sandbox/merchants lists each payer's)"
            )),
        ),
        Denied::OpenidMismatch { field, owner } => (
            OpenidMismatch,
            Some(format!("appid和openid不匹配 ({field} belongs to {owner})")),
        ),
        Denied::TimeExpire { minutes } => (
            ParamError,
            Some(format!(
                "time_expire时间过短 (it must be at least {minutes} minute ahead)"
            )),
        ),
        Denied::OrderNotExist => (OrderNotExist, None),
        Denied::OrderPaid => (OrderPaid, None),
        Denied::OrderClosed => (OrderClosed, None),
        Denied::OrderExpired => said(
            OrderClosed,
            "订单已过期 (time_expire has passed: use a new out_trade_no)",
        ),
        Denied::OrderReversed => (OrderReversed, None),
        Denied::UserPaying => (UserPaying, None),
        Denied::OutTradeNoUsed => (OutTradeNoUsed, None),
        Denied::AuthCodeInvalid => (AuthCodeInvalid, None),
        Denied::AuthCodeUsed => (AuthCodeError, None),
        Denied::AuthCodeExpired => (AuthCodeExpire, None),
        Denied::BuyerMismatch => (BuyerMismatch, None),
        Denied::NotSupportCard => (NotSupportCard, None),
        Denied::PayerNotEnough => (NotEnough, None),
        Denied::BankError => (BankError, None),
        Denied::NotQuickPay => said(
            InvalidRequest,
            "仅支持撤销付款码支付的订单 (only Quick Pay is reversed; refund or close this order)",
        ),
        Denied::ReverseTooEarly => said(
            InvalidRequest,
            "请在支付15秒后再调用撤销 (not before 15 seconds after the order)",
        ),
        Denied::ReverseTooLate => said(
            InvalidRequest,
            "订单无法撤销：超过7天 (not later than 7 days; refund it)",
        ),
        Denied::TradeState => (TradeStateError, None),
        Denied::OutRefundNoUsed => said(
            InvalidRequest,
            "订单金额或退款金额与之前请求不一致，请核实后再试 (this out_refund_no was sent with other terms)",
        ),
        Denied::RefundCurrency { order } => (
            ParamError,
            Some(format!(
                "退款币种与订单币种不一致 (the order is in {})",
                order.code()
            )),
        ),
        Denied::TotalMismatch { total } => (
            InvalidRequest,
            Some(format!(
                "订单金额不一致 (the order's amount.total is {total})"
            )),
        ),
        Denied::TradeOverdue => said(InvalidRequest, "订单已经超过可退款的最大期限 (one year)"),
        Denied::RefundedWhole => said(InvalidRequest, "订单已全额退款"),
        Denied::RefundTooMuch { left } => (
            InvalidRequest,
            Some(format!("申请退款金额超过订单可退金额 ({left} is left)")),
        ),
        Denied::TooManyRefunds => said(
            InvalidRequest,
            "部分退款次数超过限制 (an order has at most 50 refunds)",
        ),
        Denied::FundsNotEnough => said(NotEnough, "基本账户余额不足，请充值后重新发起"),
        // The caller sends no answer for this one, so the code is not used.
        Denied::NoAnswer | Denied::System => (SystemError, None),
    }
}

fn switched_off(trade_type: TradeType) -> String {
    format!("商户无权限 ({} is switched off)", trade_type.as_str())
}
