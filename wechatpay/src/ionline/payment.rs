//! The fields that describe a payment: the same in a query's answer and in a
//! notice.
//!
//! ```text
//! mch_id [sub_appid] [sub_openid] [sub_is_subscribe]     the payer under our application
//! [appid] [openid] [is_subscribe]                        under the acquirer's: ignored
//! trade_type ionline.pay.weixin.….intl                   the service's name
//! transaction_id [out_transaction_id]                    iOnline's number, WeChat's number
//! out_trade_no total_fee [fee_type] [bank_type] [attach] time_end
//! ```

use super::merchant::Merchant;
use super::request::Service;
use crate::common::payment::USED_FIELDS;
use crate::common::{FieldError, Fields, Problem, time};
use order::{Account, Currency, Money, Payment, TradeType};

/// The fields that are read of an iOnline document in addition to [`USED_FIELDS`].
pub(super) const USED_BY_IONLINE: [&str; 5] = [
    "charset",
    "out_transaction_id",
    "pay_result",
    "status",
    "version",
];

/// Reads a payment. The caller has verified the signature and, if the sender of
/// the document was not authenticated, that it is
/// [unambiguous](Fields::unambiguous); the caller compares the account and the
/// money. If there is no currency, the merchant's is used.
pub(crate) fn read(fields: &Fields, merchant: Merchant<'_>) -> Result<Payment, FieldError> {
    fields.unambiguous_in(&USED_FIELDS)?;
    fields.unambiguous_in(&USED_BY_IONLINE)?;
    let time_end = fields.required("time_end")?;
    time::parse_china(time_end).map_err(|_| Problem::BadFormat.of("time_end"))?;
    let currency = fields.optional_currency("fee_type")?;
    let currency = currency.unwrap_or(merchant.currency);
    let sub_appid = fields.optional_text::<32>("sub_appid")?.map(String::from);
    Ok(Payment {
        account: Account {
            appid: sub_appid.unwrap_or_else(|| merchant.account.appid.clone()),
            mch_id: fields.text::<32>("mch_id")?.into(),
            sub_appid: None,
            sub_mch_id: None,
        },
        out_trade_no: fields.required("out_trade_no")?.to_owned(),
        transaction_id: fields.required("transaction_id")?.to_owned(),
        money: read_money(fields, "total_fee", currency)?,
        trade_type: fields.one_of("trade_type", trade_type)?,
        openid: fields.owned("sub_openid"),
        sub_openid: None,
        is_subscribe: fields.owned("sub_is_subscribe"),
        sub_is_subscribe: None,
        bank_type: fields.owned("bank_type"),
        cash_fee: fields.shown_int("cash_fee"),
        cash_fee_type: fields.owned("cash_fee_type"),
        rate: fields.owned("rate"),
        attach: fields.owned("attach"),
        time_end: time_end.to_owned(),
    })
}

/// Writes a payment, without `mch_id`, which is in the envelope.
pub(crate) fn write(fields: &mut Fields, payment: &Payment) {
    fields.push("sub_appid", payment.account.appid.as_str());
    fields.push_some("sub_openid", payment.openid.as_deref());
    fields.push_some("sub_is_subscribe", payment.is_subscribe.as_deref());
    fields.push_some("trade_type", trade_type_name(payment.trade_type));
    fields.push_some("bank_type", payment.bank_type.as_deref());
    fields.push("total_fee", payment.money.amount_minor().to_string());
    fields.push("fee_type", payment.money.currency().code());
    fields.push_some("cash_fee", payment.cash_fee.map(|fee| fee.to_string()));
    fields.push_some("cash_fee_type", payment.cash_fee_type.as_deref());
    fields.push_some("rate", payment.rate.as_deref());
    fields.push("transaction_id", payment.transaction_id.as_str());
    fields.push("out_trade_no", payment.out_trade_no.as_str());
    fields.push_some("attach", payment.attach.as_deref());
    fields.push("time_end", payment.time_end.as_str());
}

/// An amount of at least 1, in cents: the smallest unit of `currency`.
pub(crate) fn read_money(
    fields: &Fields,
    field: &'static str,
    currency: Currency,
) -> Result<Money, FieldError> {
    Money::new(fields.int(field)?, currency).map_err(|_| Problem::OutOfRange.of(field))
}

fn trade_type(name: &str) -> Option<TradeType> {
    Service::from_name(name)?.trade_type()
}

fn trade_type_name(trade_type: TradeType) -> Option<&'static str> {
    let service = Service::ALL
        .into_iter()
        .find(|service| service.trade_type() == Some(trade_type))?;
    Some(service.as_str())
}
