//! Refund, and the form of a refund in every message.

use super::call::{Done, Refusal, VerifiedRequest};
use crate::moment::Moment;
use crate::wechat::orders::{self, Order};
use crate::wechat::refunds;
use crate::wechat::rules::refund::NewRefund;
use crate::wechat::state::WeChat;
use order::Currency;
use wechatpay::common::refund::{Channel, FundsSource};
use wechatpay::v3::refund::{In, Refund, Request};
use wechatpay::v3::{ErrorCode, Region};

pub(super) fn answer(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let request =
        Request::read(&verified.incoming()).map_err(|error| verified.unreadable(error))?;
    let account = verified.account(wechat, &request.merchant)?;
    let order_key = super::call::find_order(wechat, &account, &request.by)
        .ok_or_else(|| Refusal::of(ErrorCode::OrderNotExist))?
        .key();
    let amounts = request.amounts;
    let new_refund = NewRefund {
        order_key: order_key.clone(),
        out_refund_no: request.out_refund_no.as_str().to_owned(),
        refund_fee: amounts.refund().amount_minor(),
        total_fee: amounts.total().amount_minor(),
        currency: Some(amounts.refund().currency()),
        refund_account: request.source,
        notify_url: request.notify_url.map(|url| url.as_str().to_owned()),
        reason: request.reason.map(String::from),
        dialect: verified.dialect(),
    };
    let key = wechat.refund(new_refund, moment)?;
    let order = wechat.orders.get(&order_key);
    let (order, refund) = order
        .zip(wechat.refunds.get(&key))
        .ok_or_else(|| Refusal::of(ErrorCode::SystemError))?;
    let region = verified.region();
    Ok(Done::json(
        refund_message(order, refund, region).to_json(In::Answer, region),
    ))
}

/// A refund in the codec's form.
pub(super) fn refund_message(order: &Order, refund: &refunds::Refund, region: Region) -> Refund {
    Refund {
        refund_id: refund.refund_id.clone(),
        out_refund_no: refund.out_refund_no.clone(),
        transaction_id: order.payment().map(|paid| paid.transaction_id.clone()),
        out_trade_no: Some(order.out_trade_no.clone()),
        status: Some(refund.status()),
        channel: Some(Channel::Original),
        recv_account: Some(refund.recipient.clone()),
        fund_source: Some(fund_source(&refund.refund_account, region)),
        create_time_ms: Some(refund.created_ms),
        success_time_ms: refund.success_ms(),
        money: refund.money,
        total: Some(order.money.amount_minor()),
        payer_total: Some(order.cash_fee()),
        payer_refund: Some(refund.cash_refund_fee),
        payer_currency: Some(Currency::Cny.code().to_owned()),
        rate: Some(orders::rate(order.money.currency())),
    }
}

/// The mainland has other names for the same funds.
fn fund_source(name: &str, region: Region) -> String {
    match (FundsSource::parse(name), region) {
        (Some(FundsSource::Unsettled), Region::Mainland) => "UNSETTLED".to_owned(),
        (Some(FundsSource::Recharge), Region::Mainland) => "AVAILABLE".to_owned(),
        _ => name.to_owned(),
    }
}
