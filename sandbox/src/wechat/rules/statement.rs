//! A day's statement: a row for each payment, refund and reversal of a
//! merchant's orders on a day in China.

use crate::wechat::faults::{RowFault, WrongRow};
use crate::wechat::orders::{Order, State};
use crate::wechat::state::WeChat;
use order::Currency;
use wechatpay::common::Date;
use wechatpay::common::bill::{Decimal, Row, RowRefund, RowState};

/// WeChat's rate, in thousandths, and as the statement writes it.
pub(crate) const SHARE_PER_MILLE: i64 = 6;
const SHARE: &str = "0.60%";

/// Why there is no statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoStatement {
    /// Not before 10:00 on the next day, China time.
    NotReady,
    /// The day is too old.
    TooOld,
    /// The day has no rows.
    Empty,
}

/// The rows of a day, in order of time. `wanted` selects orders, `listed` rows;
/// statements are kept for `kept_days`, the last one included.
pub(crate) fn rows(
    wechat: &WeChat,
    (day, kept_days): (Date, i64),
    wanted: impl Fn(&Order) -> bool,
    listed: impl Fn(RowState) -> bool,
    now_ms: i64,
) -> Result<Vec<Row>, NoStatement> {
    if now_ms < day.statement_ready_ms() {
        return Err(NoStatement::NotReady);
    }
    let age_ms = Date::of(now_ms).start_ms() - day.start_ms();
    if age_ms > kept_days * 86_400_000 {
        return Err(NoStatement::TooOld);
    }
    let mut rows = Vec::new();
    for order in wechat.orders.values().filter(|order| wanted(order)) {
        rows.extend(rows_of(wechat, order, day));
    }
    rows.retain(|(_, row)| listed(row.trade_state));
    rows.sort_by_key(|(at_ms, _)| *at_ms);
    if rows.is_empty() {
        return Err(NoStatement::Empty);
    }
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// The events of an order on a day, each a row.
fn rows_of(wechat: &WeChat, order: &Order, day: Date) -> Vec<(i64, Row)> {
    let Some(payment) = order.payment() else {
        return Vec::new();
    };
    let Ok(mut paid) = Row::of(payment) else {
        return Vec::new();
    };
    let currency = order.money.currency();
    let total = order.money.amount_minor();
    paid.body = order.term("body").map(str::to_owned);
    paid.device_info = order.term("device_info").map(str::to_owned);
    paid.rate = Some(SHARE.to_owned());
    paid.poundage = share(total, currency);
    paid.settlement_fee_type = Some(currency);
    paid.settlement_fee = Some(total);
    let returned = |state, refund: RowRefund| Row {
        trade_state: state,
        total_fee: 0,
        order_fee: Some(0),
        cash_fee: Some(0),
        settlement_fee: Some(0),
        poundage: share(-refund.refund_fee, currency),
        refund: Some(refund),
        ..paid.clone()
    };
    let mut rows = vec![(paid.trade_time_ms, paid.clone())];
    if let State::Revoked { at_ms, .. } = order.state {
        // WeChat returns the money under numbers of its own.
        let refund = RowRefund {
            refund_id: payment.transaction_id.replacen("42000", "50000", 1),
            out_refund_no: order.out_trade_no.clone(),
            ..refund_columns(total, order.cash_fee(), currency, payment.rate.clone())
        };
        rows.push((at_ms, returned(RowState::Revoked, refund)));
    }
    let refunds = wechat.refunds.of_order(&order.key());
    for refund in refunds.into_iter().filter(|refund| refund.counts()) {
        let refund_row = RowRefund {
            refund_id: refund.refund_id.clone(),
            out_refund_no: refund.out_refund_no.clone(),
            refund_status: Some(refund.status().as_str().to_owned()),
            success_time_ms: refund.success_ms(),
            apply_time_ms: Some(refund.created_ms),
            ..refund_columns(
                refund.money.amount_minor(),
                refund.cash_refund_fee,
                currency,
                payment.rate.clone(),
            )
        };
        rows.push((refund.created_ms, returned(RowState::Refund, refund_row)));
    }
    for wrong in &wechat.faults.wrong_rows {
        let is_of_it = wrong.mch_id == order.account.mch_id
            && wrong.sub_mch_id == order.account.sub_mch_id
            && wrong.out_trade_no == order.out_trade_no;
        if is_of_it {
            make_wrong(&mut rows, wrong);
        }
    }
    rows.retain(|(at_ms, _)| Date::of(*at_ms) == day);
    rows
}

/// Makes a row wrong, as a tester has requested it.
fn make_wrong(rows: &mut Vec<(i64, Row)>, wrong: &WrongRow) {
    let is_it = |row: &Row| match &wrong.out_refund_no {
        None => row.trade_state == RowState::Success,
        Some(number) => {
            let refund = row.refund.as_ref();
            row.trade_state == RowState::Refund
                && refund.is_some_and(|refund| refund.out_refund_no == *number)
        }
    };
    let Some(at) = rows.iter().position(|(_, row)| is_it(row)) else {
        return;
    };
    let (at_ms, mut row) = rows.remove(at);
    let other = match row.fee_type {
        Currency::Usd => Currency::Hkd,
        _ => Currency::Usd,
    };
    match (wrong.wrong, &mut row.refund) {
        (RowFault::LeftOut, _) => return,
        (RowFault::NextDay, _) => return rows.push((at_ms + 86_400_000, row)),
        (RowFault::Twice, _) => rows.push((at_ms, row.clone())),
        (RowFault::Added, _) => {
            rows.push((at_ms, row.clone()));
            row.out_trade_no = wrong.number.clone().unwrap_or_default();
            row.transaction_id = row.transaction_id.replacen("42000", "42009", 1);
        }
        (RowFault::OtherAmount, Some(refund)) => {
            refund.refund_fee += 1;
            refund.apply_refund_fee = Some(refund.refund_fee);
        }
        (RowFault::OtherAmount, None) => {
            row.total_fee += 1;
            row.order_fee = Some(row.total_fee);
        }
        (RowFault::OtherCurrency, refund) => {
            row.fee_type = other;
            if let Some(refund) = refund {
                refund.refund_fee_type = Some(other);
            }
        }
        (RowFault::OtherNumber, Some(refund)) => refund.out_refund_no.push_str("-9"),
        (RowFault::OtherNumber, None) => {
            row.transaction_id = row.transaction_id.replacen("42000", "42009", 1);
        }
        (RowFault::OtherMerchant, _) => {
            row.mch_id = row.mch_id.map(|number| format!("{number}9"));
        }
        (RowFault::OtherYear, _) => row.trade_time_ms -= 365 * 86_400_000,
        (RowFault::Reversed, refund) => {
            row.trade_state = RowState::Revoked;
            refund.get_or_insert_with(|| RowRefund {
                refund_id: row.transaction_id.replacen("42000", "50000", 1),
                out_refund_no: row.out_trade_no.clone(),
                ..refund_columns(row.total_fee, row.total_fee, row.fee_type, None)
            });
        }
    }
    rows.push((at_ms, row));
}

fn refund_columns(fee: i64, cash: i64, currency: Currency, rate: Option<String>) -> RowRefund {
    RowRefund {
        refund_fee_type: Some(currency),
        refund_fee: fee,
        apply_refund_fee: Some(fee),
        coupon_refund_fee: Some(0),
        refund_type: Some("ORIGINAL".to_owned()),
        refund_status: Some("SUCCESS".to_owned()),
        exchange_rate: rate,
        cash_refund_fee_type: Some(Currency::Cny),
        cash_refund_fee: Some(cash),
        settlement_fee_type: Some(currency),
        settlement_fee: Some(fee),
        ..RowRefund::default()
    }
}

/// WeChat's fee of an amount, in the main unit and to five decimals.
fn share(amount_minor: i64, currency: Currency) -> Option<Decimal> {
    let minor_in_e5 = 10_i64.pow(5 - currency.minor_digits()) * SHARE_PER_MILLE;
    let e5 = amount_minor.saturating_mul(minor_in_e5) / 1000;
    let sign = if e5 < 0 { "-" } else { "" };
    let e5 = e5.unsigned_abs();
    Decimal::parse(&format!("{sign}{}.{:05}", e5 / 100_000, e5 % 100_000))
}
