//! The fields that describe a payment: the same in a query's answer, in Quick
//! Pay's and in a notice.

use super::answer::AnswerError;
use super::field::FieldError;
use super::json::{Object, set};
use super::merchant::Merchant;
use super::region::Region;
use super::time;
use crate::common::{Problem, time as china};
use order::{Account, Payment, TradeState, TradeType};
use serde_json::{Map, Value, json};

/// Reads a payment to this account. The caller has verified the signature. A
/// payment is not refused for the form of fields that are only displayed.
pub(crate) fn read(root: &Object<'_>, account: Account) -> Result<Payment, FieldError> {
    let amount = root.object("amount")?;
    let (mut openid, mut sub_openid) = (None, None);
    if let Some(payer) = root.optional_object("payer")? {
        openid = payer.owned("openid")?.or(payer.owned("sp_openid")?);
        sub_openid = payer.owned("sub_openid")?;
    }
    let exchange = amount.shown_object("exchange_rate");
    let rate = exchange.and_then(|exchange| exchange.shown_int("rate"));
    Ok(Payment {
        account,
        out_trade_no: root.text("out_trade_no", 32)?.to_owned(),
        transaction_id: read_transaction_id(root)?,
        money: amount.money("total")?,
        trade_type: root.one_of("trade_type", TradeType::from_name)?,
        openid,
        sub_openid,
        is_subscribe: None,
        sub_is_subscribe: None,
        bank_type: root.shown("bank_type"),
        cash_fee: amount.shown_int("payer_total"),
        cash_fee_type: amount.shown("payer_currency"),
        rate: rate.map(|rate| rate.to_string()),
        attach: root.owned("attach")?,
        time_end: china::china(root.time_ms("success_time")?),
    })
}

/// WeChat's number, which Global's reference calls `id` and every other
/// document `transaction_id`.
pub(crate) fn read_transaction_id(root: &Object<'_>) -> Result<String, FieldError> {
    either(root, "transaction_id", "id")
}

/// A number that is under either of two names; if both are there, they must be
/// equal.
pub(crate) fn either(
    root: &Object<'_>,
    name: &str,
    other: &'static str,
) -> Result<String, FieldError> {
    match (
        root.optional_text(name, 64)?,
        root.optional_text(other, 64)?,
    ) {
        (Some(number), Some(again)) if number != again => {
            Err(root.error(name, Problem::Contradicts { other }))
        }
        (Some(number), _) | (None, Some(number)) => Ok(number.to_owned()),
        (None, None) => Err(root.error(name, Problem::Missing)),
    }
}

/// Reads `trade_state`, with the payment where there is one.
pub(crate) fn read_state(root: &Object<'_>, account: &Account) -> Result<TradeState, FieldError> {
    let paid = || read(root, account.clone()).map(Box::new);
    match root.text("trade_state", 32)? {
        "SUCCESS" => paid().map(TradeState::Success),
        "REFUND" => paid().map(TradeState::Refund),
        "NOTPAY" => Ok(TradeState::NotPay),
        "CLOSED" => Ok(TradeState::Closed),
        "REVOKED" => Ok(TradeState::Revoked),
        "USERPAYING" => Ok(TradeState::UserPaying),
        "PAYERROR" => Ok(TradeState::PayError),
        _ => Err(root.error("trade_state", Problem::UnknownValue)),
    }
}

pub(crate) const fn state_name(state: &TradeState) -> &'static str {
    match state {
        TradeState::Success(_) => "SUCCESS",
        TradeState::Refund(_) => "REFUND",
        TradeState::NotPay => "NOTPAY",
        TradeState::Closed => "CLOSED",
        TradeState::Revoked => "REVOKED",
        TradeState::UserPaying => "USERPAYING",
        TradeState::PayError => "PAYERROR",
    }
}

/// If an answer names the account, it must be that of the request. The merchant
/// must be named; WeChat sometimes omits the application.
pub(crate) fn check_account(root: &Object<'_>, account: &Account) -> Result<(), AnswerError> {
    let merchant = Merchant::read(root)?;
    match merchant.first_difference(account) {
        None => Ok(()),
        Some(field) => Err(AnswerError::Mismatched { field }),
    }
}

/// If the answer repeats `field`, it must be `expected`.
pub(crate) fn check_echo(
    root: &Object<'_>,
    field: &'static str,
    expected: &str,
) -> Result<(), AnswerError> {
    match root.owned(field)? {
        Some(got) if got != expected => Err(AnswerError::Mismatched { field }),
        _ => Ok(()),
    }
}

/// Writes a payment, without its state.
pub(crate) fn write(fields: &mut Map<String, Value>, payment: &Payment, region: Region) {
    Merchant::from(&payment.account).push(fields);
    let id = match region {
        Region::Global => "id",
        Region::Mainland => "transaction_id",
    };
    let success_time = china::parse_china(&payment.time_end).map(time::rfc3339);
    set(fields, "out_trade_no", Some(payment.out_trade_no.as_str()));
    set(fields, id, Some(payment.transaction_id.as_str()));
    set(fields, "trade_type", Some(payment.trade_type.as_str()));
    set(fields, "bank_type", payment.bank_type.as_deref());
    set(fields, "attach", payment.attach.as_deref());
    set(fields, "success_time", success_time.ok());

    let openid = match payment.account.sub_mch_id {
        None => "openid",
        Some(_) => "sp_openid",
    };
    let mut payer = Map::new();
    set(&mut payer, openid, payment.openid.as_deref());
    set(&mut payer, "sub_openid", payment.sub_openid.as_deref());
    set(fields, "payer", Some(payer));

    let mut amount = Map::new();
    set(&mut amount, "total", Some(payment.money.amount_minor()));
    set(
        &mut amount,
        "currency",
        Some(payment.money.currency().code()),
    );
    set(&mut amount, "payer_total", payment.cash_fee);
    set(
        &mut amount,
        "payer_currency",
        payment.cash_fee_type.as_deref(),
    );
    let rate = payment.rate.as_deref().and_then(|rate| rate.parse().ok());
    set(&mut amount, "exchange_rate", rate.map(exchange_rate));
    set(fields, "amount", Some(amount));
}

/// The rate to CNY, times 10^8.
pub(crate) fn exchange_rate(rate: i64) -> Value {
    json!({ "type": "SETTLEMENT_RATE", "rate": rate })
}
