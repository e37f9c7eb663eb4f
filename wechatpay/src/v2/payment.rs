//! The fields that describe a payment: the same in a query's answer (9.2) and
//! in a notice (9.7).

use super::answer::{push_account, read_account};
use crate::common::payment::USED_FIELDS;
use crate::common::{FieldError, Fields, Problem, time};
use order::{Currency, Money, MoneyError, Payment, TradeType};

/// Reads a payment. The caller has verified the signature and, if the sender of
/// the document was not authenticated, that it is
/// [unambiguous](Fields::unambiguous).
pub(crate) fn read(fields: &Fields) -> Result<Payment, FieldError> {
    fields.unambiguous_in(&USED_FIELDS)?;
    let time_end = fields.required("time_end")?;
    time::parse_china(time_end).map_err(|_| Problem::BadFormat.of("time_end"))?;
    Ok(Payment {
        account: read_account(fields)?,
        out_trade_no: fields.required("out_trade_no")?.to_owned(),
        transaction_id: fields.required("transaction_id")?.to_owned(),
        money: read_money(fields)?,
        trade_type: fields.one_of("trade_type", TradeType::from_name)?,
        openid: Some(fields.required("openid")?.to_owned()),
        sub_openid: fields.owned("sub_openid"),
        is_subscribe: fields.owned("is_subscribe"),
        sub_is_subscribe: fields.owned("sub_is_subscribe"),
        bank_type: Some(fields.required("bank_type")?.to_owned()),
        cash_fee: fields.shown_int("cash_fee"),
        cash_fee_type: fields.owned("cash_fee_type"),
        rate: fields.owned("rate"),
        attach: fields.owned("attach"),
        time_end: time_end.to_owned(),
    })
}

/// Writes a payment, ids included.
pub(crate) fn write(fields: &mut Fields, payment: &Payment) {
    push_account(fields, &payment.account);
    fields.push_some("openid", payment.openid.as_deref());
    fields.push_some("is_subscribe", payment.is_subscribe.as_deref());
    fields.push_some("sub_openid", payment.sub_openid.as_deref());
    fields.push_some("sub_is_subscribe", payment.sub_is_subscribe.as_deref());
    fields.push("trade_type", payment.trade_type.as_str());
    fields.push_some("bank_type", payment.bank_type.as_deref());
    push_money(fields, payment.money);
    fields.push_some("cash_fee", payment.cash_fee.map(|fee| fee.to_string()));
    fields.push_some("cash_fee_type", payment.cash_fee_type.as_deref());
    fields.push_some("rate", payment.rate.as_deref());
    fields.push("transaction_id", payment.transaction_id.as_str());
    fields.push("out_trade_no", payment.out_trade_no.as_str());
    fields.push_some("attach", payment.attach.as_deref());
    fields.push("time_end", payment.time_end.as_str());
}

/// `total_fee` and `fee_type`, which is CNY where it is absent (4.2).
pub(crate) fn read_money(fields: &Fields) -> Result<Money, FieldError> {
    let currency = match fields.get_nonempty("fee_type") {
        None => Currency::Cny,
        Some(code) => Currency::from_code(code).ok_or(Problem::UnknownValue.of("fee_type"))?,
    };
    Money::new(fields.int("total_fee")?, currency).map_err(|error| match error {
        MoneyError::Zero | MoneyError::Negative | MoneyError::TooLarge => {
            Problem::OutOfRange.of("total_fee")
        }
    })
}

pub(crate) fn push_money(fields: &mut Fields, money: Money) {
    fields.push("total_fee", money.amount_minor().to_string());
    fields.push("fee_type", money.currency().code());
}
