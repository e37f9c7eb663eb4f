//! A statement's columns: the set differs by merchant and by bill type, and the
//! names differ by language and year.

/// How the names of columns are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// In Chinese, as WeChat sends them.
    Chinese,
    /// In English, as the manual prints them.
    English,
}

macro_rules! columns {
    ($(#[$doc:meta])* $name:ident: $($variant:ident $field:literal $chinese:literal $english:literal
        [$($other:literal)*] $meaning:literal,)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = $meaning] $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The column's name in a
            /// [`FieldError`](crate::common::FieldError): WeChat's name in
            /// messages, where there is one.
            pub const fn field(self) -> &'static str {
                match self {
                    $(Self::$variant => $field,)*
                }
            }

            /// The column's name in a statement's header.
            pub const fn name(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Self::$variant, Language::Chinese) => $chinese,
                    (Self::$variant, Language::English) => $english,)*
                }
            }

            const fn other_names(self) -> &'static [&'static str] {
                match self {
                    $(Self::$variant => &[$($other),*],)*
                }
            }

            /// The column with this name in a statement, in either language and
            /// in any spelling that occurs.
            pub fn from_name(name: &str) -> Option<Self> {
                let wanted: String = normal(name).collect();
                Self::ALL.iter().copied().find(|one| {
                    [one.name(Language::Chinese), one.name(Language::English)]
                        .iter()
                        .chain(one.other_names())
                        .any(|known| normal(known).eq(wanted.chars()))
                })
            }
        }
    };
}

columns! {
    /// A column of the rows.
    Column:
    TradeTime "trade_time" "交易时间" "Transaction time" [] "When it was paid.",
    Appid "appid" "公众账号ID" "Official account ID(appid)" [] "The application.",
    MchId "mch_id" "商户号" "Vendor ID(mch_id)" [] "The merchant.",
    SubMchId "sub_mch_id" "特约商户号" "Sub vendor ID(sub_mch_id)" ["子商户号"] "The sub-merchant.",
    DeviceInfo "device_info" "设备号" "Device ID(Device_info)" [] "The terminal.",
    TransactionId "transaction_id" "微信订单号" "Wechat order number(transaction_id)" ["微信支付订单号"] "WeChat's number for the payment.",
    OutTradeNo "out_trade_no" "商户订单号" "Vendor order number(out_transaction_id)" [] "The merchant's number for the order.",
    Openid "openid" "用户标识" "User tag(openid)" [] "The payer.",
    TradeType "trade_type" "交易类型" "Transaction type(trade_type)" [] "How it was paid.",
    TradeState "trade_state" "交易状态" "Transaction status(trade_state)" [] "What the row tells.",
    BankType "bank_type" "付款银行" "Payment bank(bank_type)" [] "The payer's bank.",
    FeeType "fee_type" "货币种类" "Currency type(fee_type)" ["标价币种"] "The order's currency.",
    TotalFee "total_fee" "应结订单金额" "Total amount(total_fee)" ["总金额"] "The order's amount.",
    CouponFee "coupon_fee" "代金券金额" "Coupon amount" ["企业红包金额" "代金券或立减优惠金额"] "What was paid by coupon.",
    RefundApplyTime "refund_apply_time" "退款申请时间" "Refund application time" [] "When a refund was asked for.",
    RefundSuccessTime "refund_success_time" "退款成功时间" "Refund success time" [] "When a refund was done.",
    RefundId "refund_id" "微信退款单号" "Wechat refund number(refund_id)" [] "WeChat's number for the refund.",
    OutRefundNo "out_refund_no" "商户退款单号" "Vendor refund number(out_refund_no)" [] "The merchant's number for the refund.",
    RefundFee "refund_fee" "退款金额" "Refund amount(refund_fee)" [] "What goes back.",
    CouponRefundFee "coupon_refund_fee" "充值券退款金额" "Coupon refund amount" ["代金券退款金额" "企业红包退款金额" "代金券或立减优惠退款金额"] "What goes back as coupons.",
    RefundType "refund_type" "退款类型" "Refund type" [] "The way of the refund.",
    RefundStatus "refund_status" "退款状态" "Refund status(refund_status_$n)" [] "Where the refund stands.",
    Body "body" "商品名称" "Product name" [] "What was bought.",
    Attach "attach" "商户数据包" "Vendor's data package(attach)" [] "The merchant's own data.",
    Poundage "poundage" "手续费" "Fee" [] "What WeChat keeps.",
    Rate "rate" "费率" "Rate" [] "WeChat's share.",
    OrderFee "order_fee" "订单金额" "Order amount" [] "The order's amount before coupons.",
    ApplyRefundFee "apply_refund_fee" "申请退款金额" "Requested refund amount" [] "What was asked to go back.",
    RateRemark "rate_remark" "费率备注" "Rate remark" [] "A note on WeChat's share.",
    CashFeeType "cash_fee_type" "现金支付货币类型" "Payment Currency type(Cash_fee_type)" ["用户支付币种"] "The payer's currency.",
    CashFee "cash_fee" "现金支付金额" "Cash payment amount(Cash_fee)" ["用户支付金额"] "What the payer was charged.",
    SettlementFeeType "settlement_fee_type" "结算币种" "Settlement currency type" ["结算货币类型"] "The currency of the payout.",
    SettlementFee "settlement_fee" "结算金额" "Settlement currency amount" ["结算货币金额"] "What is paid out.",
    ExchangeRate "exchange_rate" "汇率" "Exchange rate" ["支付汇率"] "To CNY, times 10^8.",
    RefundExchangeRate "refund_exchange_rate" "退款汇率" "Refund exchange rate" [] "To CNY, times 10^8, of the refund.",
    CashRefundFee "cash_refund_fee" "用户退款金额" "Payer's Refund amount" [] "What the payer gets back.",
    CashRefundFeeType "cash_refund_fee_type" "用户退款币种" "Payer's Refund currency type" [] "In which currency.",
    RefundFeeType "refund_fee_type" "退款币种" "Refund currency type" ["退款货币类型"] "The refund's currency.",
    RefundSettlementFeeType "refund_settlement_fee_type" "退款结算币种" "Refund settlement currency type" [] "The currency of the refund's payout.",
    RefundSettlementFee "refund_settlement_fee" "退款结算金额" "Refund settlement amount" ["退款应结订单金额"] "What is taken off the payout.",
}

columns! {
    /// A column of the totals.
    Total:
    Count "total transaction count" "总交易单数" "Total transaction count" ["Total transactions"] "How many rows.",
    TotalFee "total transaction amount" "应结订单总金额" "Total transaction amount" ["总交易额" "Total order amount"] "The orders' amounts.",
    RefundFee "total refund amount" "退款总金额" "Total refund amount" ["总退款金额" "Total refunded amount"] "What goes back.",
    CouponFee "total coupon amount" "代金券总金额" "Total mobile coupon amount" [] "What was paid by coupon.",
    CouponRefundFee "total coupon refund amount" "充值券退款总金额" "Total coupon refund amount" ["总代金券退款金额" "总企业红包退款金额" "总代金券或立减优惠退款金额" "Total mobile coupon refunds"] "What goes back as coupons.",
    Poundage "total commission amount" "手续费总金额" "Total commission amount" ["总手续费金额"] "What WeChat keeps.",
    OrderFee "total order amount before coupons" "订单总金额" "Total order amount before coupons" [] "The orders' amounts before coupons.",
    ApplyRefundFee "total requested refund amount" "申请退款总金额" "Total requested refund amount" [] "What was asked to go back.",
}

impl Column {
    /// The columns of the WeChat Pay v2 manual, section 9.6: merchants outside
    /// mainland China.
    pub const OVERSEAS: [Self; 35] = [
        Self::TradeTime,
        Self::Appid,
        Self::MchId,
        Self::SubMchId,
        Self::DeviceInfo,
        Self::TransactionId,
        Self::OutTradeNo,
        Self::Openid,
        Self::TradeType,
        Self::TradeState,
        Self::BankType,
        Self::FeeType,
        Self::TotalFee,
        Self::CouponFee,
        Self::RefundId,
        Self::OutRefundNo,
        Self::RefundFee,
        Self::CouponRefundFee,
        Self::RefundType,
        Self::RefundStatus,
        Self::Body,
        Self::Attach,
        Self::Poundage,
        Self::Rate,
        Self::CashFeeType,
        Self::CashFee,
        Self::SettlementFeeType,
        Self::SettlementFee,
        Self::ExchangeRate,
        Self::RefundExchangeRate,
        Self::CashRefundFee,
        Self::CashRefundFeeType,
        Self::RefundFeeType,
        Self::RefundSettlementFeeType,
        Self::RefundSettlementFee,
    ];

    /// The columns of a mainland merchant's statement of all orders.
    pub const MAINLAND: [Self; 27] = [
        Self::TradeTime,
        Self::Appid,
        Self::MchId,
        Self::SubMchId,
        Self::DeviceInfo,
        Self::TransactionId,
        Self::OutTradeNo,
        Self::Openid,
        Self::TradeType,
        Self::TradeState,
        Self::BankType,
        Self::FeeType,
        Self::TotalFee,
        Self::CouponFee,
        Self::RefundId,
        Self::OutRefundNo,
        Self::RefundFee,
        Self::CouponRefundFee,
        Self::RefundType,
        Self::RefundStatus,
        Self::Body,
        Self::Attach,
        Self::Poundage,
        Self::Rate,
        Self::OrderFee,
        Self::ApplyRefundFee,
        Self::RateRemark,
    ];

    /// Whether a statement of payments alone has it.
    pub const fn is_of_payment(self) -> bool {
        !matches!(
            self,
            Self::RefundApplyTime
                | Self::RefundSuccessTime
                | Self::RefundId
                | Self::OutRefundNo
                | Self::RefundFee
                | Self::CouponRefundFee
                | Self::RefundType
                | Self::RefundStatus
                | Self::ApplyRefundFee
                | Self::RefundExchangeRate
                | Self::CashRefundFee
                | Self::CashRefundFeeType
                | Self::RefundFeeType
                | Self::RefundSettlementFeeType
                | Self::RefundSettlementFee
        )
    }
}

/// A name without white space, byte order mark, leading back-tick and text in
/// parentheses, in lower case.
fn normal(name: &str) -> impl Iterator<Item = char> {
    let before = name.split(['(', '（']).next().unwrap_or_default();
    before
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '`' | '\u{FEFF}'))
        .flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_names_are_unique() {
        for column in Column::ALL {
            for language in [Language::Chinese, Language::English] {
                let name = column.name(language);
                assert_eq!(Column::from_name(name), Some(*column), "{name}");
            }
            for name in column.other_names() {
                assert_eq!(Column::from_name(name), Some(*column), "{name}");
            }
        }
        for total in Total::ALL {
            for language in [Language::Chinese, Language::English] {
                let name = total.name(language);
                assert_eq!(Total::from_name(name), Some(*total), "{name}");
            }
            for name in total.other_names() {
                assert_eq!(Total::from_name(name), Some(*total), "{name}");
            }
        }
    }

    #[test]
    fn column_names_are_recognised_inside_other_text() {
        for name in [
            "交易时间",
            "\u{FEFF}交易时间",
            " 交易时间\r",
            "`Transaction Time",
            "transactiontime",
        ] {
            assert_eq!(Column::from_name(name), Some(Column::TradeTime), "{name}");
        }
        assert_eq!(Column::from_name("Something new"), None);
        assert_eq!(Column::from_name(""), None);
    }
}
