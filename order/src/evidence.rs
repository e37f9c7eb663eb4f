//! Evidence from WeChat. Only crate `wechatpay` creates these values, and only
//! from bytes whose signature it has verified.

use crate::money::Money;
use crate::terms::{Account, TradeType};
use serde::{Deserialize, Serialize};

/// A payment that WeChat reports.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Payment {
    /// The account that was paid.
    pub account: Account,
    /// The merchant's order number.
    pub out_trade_no: String,
    /// WeChat's own number for the payment.
    pub transaction_id: String,
    /// The order's amount as WeChat reports it (`total_fee`, `fee_type`).
    pub money: Money,
    /// The trade type.
    pub trade_type: TradeType,
    /// The payer under `account.appid`; an institution's sub-merchant may
    /// receive only the `sub_openid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openid: Option<String>,
    /// The payer under `account.sub_appid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_openid: Option<String>,
    /// `Y` or `N`: whether the payer follows the official account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_subscribe: Option<String>,
    /// The same for the sub-merchant's account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_is_subscribe: Option<String>,
    /// WeChat's name for the payer's bank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bank_type: Option<String>,
    /// The amount that the payer was charged, in the minor unit of
    /// `cash_fee_type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cash_fee: Option<i64>,
    /// The currency in which the payer was charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cash_fee_type: Option<String>,
    /// The exchange rate to CNY times 10^8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<String>,
    /// The merchant's own data (`attach`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attach: Option<String>,
    /// When it was paid: `yyyyMMddHHmmss`, China time.
    pub time_end: String,
}

impl Payment {
    /// Whether both report the same payment. Each may lack optional fields.
    pub fn agrees_with(&self, other: &Self) -> bool {
        fn agree<T: PartialEq>(one: &Option<T>, other: &Option<T>) -> bool {
            one.is_none() || other.is_none() || one == other
        }
        let Self {
            account,
            out_trade_no,
            transaction_id,
            money,
            trade_type,
            openid,
            sub_openid,
            is_subscribe,
            sub_is_subscribe,
            bank_type,
            cash_fee,
            cash_fee_type,
            rate,
            attach,
            time_end,
        } = self;
        (&account.mch_id, &account.sub_mch_id) == (&other.account.mch_id, &other.account.sub_mch_id)
            && account.appid == other.account.appid
            && agree(&account.sub_appid, &other.account.sub_appid)
            && *out_trade_no == other.out_trade_no
            && *transaction_id == other.transaction_id
            && *money == other.money
            && *trade_type == other.trade_type
            && agree(openid, &other.openid)
            && agree(sub_openid, &other.sub_openid)
            && agree(is_subscribe, &other.is_subscribe)
            && agree(sub_is_subscribe, &other.sub_is_subscribe)
            && agree(bank_type, &other.bank_type)
            && agree(cash_fee, &other.cash_fee)
            && agree(cash_fee_type, &other.cash_fee_type)
            && agree(rate, &other.rate)
            && agree(attach, &other.attach)
            && *time_end == other.time_end
    }
}

/// The state of an order at WeChat (`trade_state`, WeChat Pay v2 manual,
/// section 9.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TradeState {
    /// Paid.
    Success(Box<Payment>),
    /// Paid, and refunded or being refunded.
    Refund(Box<Payment>),
    /// Not paid yet.
    NotPay,
    /// Closed: it can no longer be paid.
    Closed,
    /// Reversed (Quick Pay).
    Revoked,
    /// The payer is entering the password (Quick Pay).
    UserPaying,
    /// The payment failed (Quick Pay).
    PayError,
}

/// The source of the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// WeChat's notice.
    Notice,
    /// The answer to our own query.
    Query,
}

/// WeChat's answer to a new order: the means to pay it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Prepayment {
    /// Valid for two hours (WeChat Pay v2 manual, section 9.1). Empty where the
    /// upstream does not return it.
    pub prepay_id: String,
    /// The text of a NATIVE order's QR code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_url: Option<String>,
    /// The address of the payment page of an MWEB order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mweb_url: Option<String>,
    /// The signed package for the payer's client, as JSON, where the upstream
    /// returns it with the prepayment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pay_info: Option<String>,
    /// An upstream page that starts the payment inside WeChat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pay_url: Option<String>,
}

/// The state of a refund in a verified answer of WeChat.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RefundState {
    /// WeChat accepted the request.
    Processing {
        /// WeChat's number for it.
        refund_id: String,
    },
    /// The payer has the money.
    Success {
        /// WeChat's number for it.
        refund_id: String,
    },
    /// WeChat closed it: nothing was returned.
    Closed,
    /// The merchant must settle it.
    Abnormal,
}
