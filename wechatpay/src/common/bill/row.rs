//! The rows of a statement, both ways.

use super::column::{Column, Total};
use super::decimal::{Decimal, main_units};
use super::header::Cells;
use crate::common::field::{FieldError, Problem};
use crate::common::time;
use order::{Currency, Payment};

/// The kind of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowState {
    /// A payment.
    Success,
    /// A refund: the payment has a row of its own, on its day.
    Refund,
    /// A payment that was reversed.
    Revoked,
}

impl RowState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Success, Self::Refund, Self::Revoked];

    /// WeChat's name for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Refund => "REFUND",
            Self::Revoked => "REVOKED",
        }
    }

    /// The state with this exact name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == name)
    }
}

/// One payment, or one refund with the payment it is of. Amounts are in the
/// smallest unit of their currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// When it was paid, Unix milliseconds.
    pub trade_time_ms: i64,
    /// The application.
    pub appid: Option<String>,
    /// The merchant.
    pub mch_id: Option<String>,
    /// The sub-merchant.
    pub sub_mch_id: Option<String>,
    /// The terminal.
    pub device_info: Option<String>,
    /// WeChat's number for the payment.
    pub transaction_id: String,
    /// The merchant's number for the order.
    pub out_trade_no: String,
    /// The payer.
    pub openid: Option<String>,
    /// The payment method: a [`TradeType`](order::TradeType)'s name, or a later
    /// one.
    pub trade_type: Option<String>,
    /// The kind of the row.
    pub trade_state: RowState,
    /// WeChat's name for the payer's bank.
    pub bank_type: Option<String>,
    /// The order's currency.
    pub fee_type: Currency,
    /// The order's amount. In the row of a refund it is usually 0.
    pub total_fee: i64,
    /// The amount that was paid by coupon.
    pub coupon_fee: Option<i64>,
    /// The refund.
    pub refund: Option<RowRefund>,
    /// The description of the purchase.
    pub body: Option<String>,
    /// The merchant's own data.
    pub attach: Option<String>,
    /// WeChat's fee, in the main unit.
    pub poundage: Option<Decimal>,
    /// WeChat's rate, such as `0.60%`.
    pub rate: Option<String>,
    /// The order's amount before coupons.
    pub order_fee: Option<i64>,
    /// A note on WeChat's rate.
    pub rate_remark: Option<String>,
    /// The currency the payer was charged in.
    pub cash_fee_type: Option<Currency>,
    /// The amount that the payer was charged.
    pub cash_fee: Option<i64>,
    /// The currency of the payout.
    pub settlement_fee_type: Option<Currency>,
    /// The amount of the payout.
    pub settlement_fee: Option<i64>,
    /// The exchange rate to CNY times 10^8.
    pub exchange_rate: Option<String>,
}

/// The refund in a row. Amounts are in the smallest unit of their currency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowRefund {
    /// WeChat's number.
    pub refund_id: String,
    /// The merchant's number.
    pub out_refund_no: String,
    /// The refund's currency, if it is stated: the order's.
    pub refund_fee_type: Option<Currency>,
    /// The refunded amount.
    pub refund_fee: i64,
    /// The requested amount, before coupons.
    pub apply_refund_fee: Option<i64>,
    /// The amount that is refunded as coupons.
    pub coupon_refund_fee: Option<i64>,
    /// The channel of the refund, such as `ORIGINAL`.
    pub refund_type: Option<String>,
    /// Its status, such as `SUCCESS`.
    pub refund_status: Option<String>,
    /// When it was requested, Unix milliseconds.
    pub apply_time_ms: Option<i64>,
    /// When it was completed, Unix milliseconds.
    pub success_time_ms: Option<i64>,
    /// The exchange rate to CNY times 10^8.
    pub exchange_rate: Option<String>,
    /// The currency the payer gets back.
    pub cash_refund_fee_type: Option<Currency>,
    /// What the payer gets back.
    pub cash_refund_fee: Option<i64>,
    /// The currency of the payout.
    pub settlement_fee_type: Option<Currency>,
    /// The amount that is deducted from the payout.
    pub settlement_fee: Option<i64>,
}

impl Cells<'_, Column> {
    fn required(&self, column: Column) -> Result<String, FieldError> {
        let value = self.get(column).ok_or(Problem::Empty.of(column.field()))?;
        Ok(value.to_owned())
    }

    fn owned(&self, column: Column) -> Option<String> {
        self.get(column).map(str::to_owned)
    }

    /// A number or a name, where `0` means that there is none.
    fn unless_zero(&self, column: Column) -> Option<String> {
        self.owned(column).filter(|value| value != "0")
    }

    fn currency(&self, column: Column) -> Result<Option<Currency>, FieldError> {
        self.unless_zero(column)
            .map(|code| Currency::from_code(&code).ok_or(Problem::UnknownValue.of(column.field())))
            .transpose()
    }

    fn decimal(&self, column: Column) -> Result<Option<Decimal>, FieldError> {
        self.get(column)
            .map(|value| Decimal::parse(value).ok_or(Problem::BadFormat.of(column.field())))
            .transpose()
    }

    fn amount(&self, column: Column, currency: Currency) -> Result<Option<i64>, FieldError> {
        self.decimal(column)?
            .map(|decimal| {
                decimal
                    .to_minor(currency)
                    .ok_or(Problem::BadFormat.of(column.field()))
            })
            .transpose()
    }

    fn time_ms(&self, column: Column) -> Result<Option<i64>, FieldError> {
        self.unless_zero(column)
            .map(|value| read_time(&value).ok_or(Problem::BadFormat.of(column.field())))
            .transpose()
    }
}

/// `2021-01-28 17:07:11`. The manuals' samples lack the space, and some have
/// full-width colons.
fn read_time(value: &str) -> Option<i64> {
    let is_mark = |c: char| matches!(c, '-' | ' ' | ':' | '：');
    let digits: String = value.chars().filter(|c| !is_mark(*c)).collect();
    time::parse_china(&digits).ok()
}

impl Row {
    /// The row of a payment. The values that only a statement has (WeChat's
    /// fee, the payout, the description) are absent.
    pub fn of(payment: &Payment) -> Result<Self, FieldError> {
        let bad_time = Problem::BadFormat.of("time_end");
        let cash_fee_type = payment.cash_fee_type.as_deref();
        let unknown = Problem::UnknownValue.of("cash_fee_type");
        Ok(Self {
            trade_time_ms: time::parse_china(&payment.time_end).map_err(|_| bad_time)?,
            appid: Some(payment.account.appid.clone()),
            mch_id: Some(payment.account.mch_id.clone()),
            sub_mch_id: payment.account.sub_mch_id.clone(),
            device_info: None,
            transaction_id: payment.transaction_id.clone(),
            out_trade_no: payment.out_trade_no.clone(),
            openid: payment.openid.clone(),
            trade_type: Some(payment.trade_type.as_str().to_owned()),
            trade_state: RowState::Success,
            bank_type: payment.bank_type.clone(),
            fee_type: payment.money.currency(),
            total_fee: payment.money.amount_minor(),
            coupon_fee: Some(0),
            refund: None,
            body: None,
            attach: payment.attach.clone(),
            poundage: None,
            rate: None,
            order_fee: Some(payment.money.amount_minor()),
            rate_remark: None,
            cash_fee_type: cash_fee_type
                .map(|code| Currency::from_code(code).ok_or(unknown))
                .transpose()?,
            cash_fee: payment.cash_fee,
            settlement_fee_type: None,
            settlement_fee: None,
            exchange_rate: payment.rate.clone(),
        })
    }

    pub(super) fn read(cells: &Cells<'_, Column>) -> Result<Self, FieldError> {
        let missing_time = Problem::Empty.of(Column::TradeTime.field());
        let missing_total = Problem::Empty.of(Column::TotalFee.field());
        let unknown_state = Problem::UnknownValue.of(Column::TradeState.field());
        let fee_type = cells.currency(Column::FeeType)?.unwrap_or(Currency::Cny);
        let cash_fee_type = cells.currency(Column::CashFeeType)?;
        let settlement_fee_type = cells.currency(Column::SettlementFeeType)?;
        let state = cells.required(Column::TradeState)?;
        Ok(Self {
            trade_time_ms: cells.time_ms(Column::TradeTime)?.ok_or(missing_time)?,
            appid: cells.owned(Column::Appid),
            mch_id: cells.owned(Column::MchId),
            sub_mch_id: cells.unless_zero(Column::SubMchId),
            device_info: cells.owned(Column::DeviceInfo),
            transaction_id: cells.required(Column::TransactionId)?,
            out_trade_no: cells.required(Column::OutTradeNo)?,
            openid: cells.owned(Column::Openid),
            trade_type: cells.owned(Column::TradeType),
            trade_state: RowState::parse(&state).ok_or(unknown_state)?,
            bank_type: cells.owned(Column::BankType),
            fee_type,
            total_fee: cells
                .amount(Column::TotalFee, fee_type)?
                .ok_or(missing_total)?,
            coupon_fee: cells.amount(Column::CouponFee, fee_type)?,
            refund: RowRefund::read(cells, fee_type, cash_fee_type)?,
            body: cells.owned(Column::Body),
            attach: cells.owned(Column::Attach),
            poundage: cells.decimal(Column::Poundage)?,
            rate: cells.owned(Column::Rate),
            order_fee: cells.amount(Column::OrderFee, fee_type)?,
            rate_remark: cells.owned(Column::RateRemark),
            cash_fee_type,
            cash_fee: cells.amount(Column::CashFee, cash_fee_type.unwrap_or(Currency::Cny))?,
            settlement_fee_type,
            settlement_fee: cells.amount(
                Column::SettlementFee,
                settlement_fee_type.unwrap_or(fee_type),
            )?,
            exchange_rate: cells.unless_zero(Column::ExchangeRate),
        })
    }

    /// The value of a column, without its back-tick.
    pub(super) fn cell(&self, column: Column) -> String {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let amount = |amount: Option<i64>, currency: Currency| {
            amount.map_or_else(String::new, |minor| main_units(minor, currency))
        };
        let code = |currency: Option<Currency>| currency.map_or("", Currency::code).to_owned();
        let settled = self.settlement_fee_type.unwrap_or(self.fee_type);
        let charged = self.cash_fee_type.unwrap_or(Currency::Cny);
        match column {
            Column::TradeTime => time::china_spaced(self.trade_time_ms),
            Column::Appid => text(&self.appid),
            Column::MchId => text(&self.mch_id),
            Column::SubMchId => self.sub_mch_id.clone().unwrap_or_else(|| "0".to_owned()),
            Column::DeviceInfo => text(&self.device_info),
            Column::TransactionId => self.transaction_id.clone(),
            Column::OutTradeNo => self.out_trade_no.clone(),
            Column::Openid => text(&self.openid),
            Column::TradeType => text(&self.trade_type),
            Column::TradeState => self.trade_state.as_str().to_owned(),
            Column::BankType => text(&self.bank_type),
            Column::FeeType => self.fee_type.code().to_owned(),
            Column::TotalFee => main_units(self.total_fee, self.fee_type),
            Column::CouponFee => amount(self.coupon_fee, self.fee_type),
            Column::Body => text(&self.body),
            Column::Attach => text(&self.attach),
            Column::Poundage => self.poundage.map_or_else(String::new, Decimal::to_long),
            Column::Rate => text(&self.rate),
            Column::OrderFee => amount(self.order_fee, self.fee_type),
            Column::RateRemark => text(&self.rate_remark),
            Column::CashFeeType => code(self.cash_fee_type),
            Column::CashFee => amount(self.cash_fee, charged),
            Column::SettlementFeeType => code(self.settlement_fee_type),
            Column::SettlementFee => amount(self.settlement_fee, settled),
            Column::ExchangeRate => text(&self.exchange_rate),
            _ => match &self.refund {
                Some(refund) => refund.cell(column, self.fee_type, charged),
                None => no_refund(column, self.fee_type),
            },
        }
    }
}

/// The values of a refund's columns in a row without a refund.
fn no_refund(column: Column, fee_type: Currency) -> String {
    match column {
        Column::RefundId | Column::OutRefundNo => "0".to_owned(),
        Column::RefundFee | Column::CouponRefundFee | Column::ApplyRefundFee => {
            main_units(0, fee_type)
        }
        _ => String::new(),
    }
}

impl RowRefund {
    /// A row that names no refund has none, regardless of its amounts.
    fn read(
        cells: &Cells<'_, Column>,
        fee_type: Currency,
        cash_fee_type: Option<Currency>,
    ) -> Result<Option<Self>, FieldError> {
        let refund_id = cells.unless_zero(Column::RefundId);
        let out_refund_no = cells.unless_zero(Column::OutRefundNo);
        if refund_id.is_none() && out_refund_no.is_none() {
            return Ok(None);
        }
        let missing_fee = Problem::Empty.of(Column::RefundFee.field());
        let refund_fee_type = cells.currency(Column::RefundFeeType)?;
        let cash_refund_fee_type = cells.currency(Column::CashRefundFeeType)?;
        let settlement_fee_type = cells.currency(Column::RefundSettlementFeeType)?;
        let currency = refund_fee_type.unwrap_or(fee_type);
        let returned = cash_refund_fee_type.or(cash_fee_type);
        Ok(Some(Self {
            refund_id: refund_id.unwrap_or_default(),
            out_refund_no: out_refund_no.unwrap_or_default(),
            refund_fee_type,
            refund_fee: cells
                .amount(Column::RefundFee, currency)?
                .ok_or(missing_fee)?,
            apply_refund_fee: cells.amount(Column::ApplyRefundFee, currency)?,
            coupon_refund_fee: cells.amount(Column::CouponRefundFee, currency)?,
            refund_type: cells.owned(Column::RefundType),
            refund_status: cells.owned(Column::RefundStatus),
            apply_time_ms: cells.time_ms(Column::RefundApplyTime)?,
            success_time_ms: cells.time_ms(Column::RefundSuccessTime)?,
            exchange_rate: cells.unless_zero(Column::RefundExchangeRate),
            cash_refund_fee_type,
            cash_refund_fee: cells
                .amount(Column::CashRefundFee, returned.unwrap_or(Currency::Cny))?,
            settlement_fee_type,
            settlement_fee: cells.amount(
                Column::RefundSettlementFee,
                settlement_fee_type.unwrap_or(fee_type),
            )?,
        }))
    }

    fn cell(&self, column: Column, fee_type: Currency, charged: Currency) -> String {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let amount = |amount: Option<i64>, currency: Currency| {
            amount.map_or_else(String::new, |minor| main_units(minor, currency))
        };
        let code = |currency: Option<Currency>| currency.map_or("", Currency::code).to_owned();
        let moment = |ms: Option<i64>| ms.map_or_else(String::new, time::china_spaced);
        let number = |number: &str| if number.is_empty() { "0" } else { number }.to_owned();
        let currency = self.refund_fee_type.unwrap_or(fee_type);
        let returned = self.cash_refund_fee_type.unwrap_or(charged);
        let settled = self.settlement_fee_type.unwrap_or(fee_type);
        match column {
            Column::RefundId => number(&self.refund_id),
            Column::OutRefundNo => number(&self.out_refund_no),
            Column::RefundFeeType => code(self.refund_fee_type),
            Column::RefundFee => main_units(self.refund_fee, currency),
            Column::ApplyRefundFee => amount(self.apply_refund_fee, currency),
            Column::CouponRefundFee => amount(self.coupon_refund_fee, currency),
            Column::RefundType => text(&self.refund_type),
            Column::RefundStatus => text(&self.refund_status),
            Column::RefundApplyTime => moment(self.apply_time_ms),
            Column::RefundSuccessTime => moment(self.success_time_ms),
            Column::RefundExchangeRate => text(&self.exchange_rate),
            Column::CashRefundFeeType => code(self.cash_refund_fee_type),
            Column::CashRefundFee => amount(self.cash_refund_fee, returned),
            Column::RefundSettlementFeeType => code(self.settlement_fee_type),
            Column::RefundSettlementFee => amount(self.settlement_fee, settled),
            _ => String::new(),
        }
    }
}

impl Total {
    /// The column whose sum it is.
    pub(super) const fn column(self) -> Option<Column> {
        match self {
            Self::Count => None,
            Self::TotalFee => Some(Column::TotalFee),
            Self::RefundFee => Some(Column::RefundFee),
            Self::CouponFee => Some(Column::CouponFee),
            Self::CouponRefundFee => Some(Column::CouponRefundFee),
            Self::Poundage => Some(Column::Poundage),
            Self::OrderFee => Some(Column::OrderFee),
            Self::ApplyRefundFee => Some(Column::ApplyRefundFee),
        }
    }
}

/// What a row adds to a total.
pub(super) fn sum_of(total: Total, row: &Row) -> Option<Decimal> {
    let refund = row.refund.as_ref();
    let in_order = |amount: i64| Decimal::from_minor(amount, row.fee_type);
    let in_refund = |amount: i64| {
        let currency = refund.and_then(|r| r.refund_fee_type);
        Decimal::from_minor(amount, currency.unwrap_or(row.fee_type))
    };
    match total {
        Total::Count => Some(Decimal::ONE),
        Total::TotalFee => Some(in_order(row.total_fee)),
        Total::CouponFee => row.coupon_fee.map(in_order),
        Total::OrderFee => row.order_fee.map(in_order),
        Total::Poundage => row.poundage,
        Total::RefundFee => refund.map(|r| in_refund(r.refund_fee)),
        Total::CouponRefundFee => refund.and_then(|r| r.coupon_refund_fee).map(in_refund),
        Total::ApplyRefundFee => refund.and_then(|r| r.apply_refund_fee).map(in_refund),
    }
}
