//! Refund (WeChat Pay v2 manual, section 9.4).

use super::call::{Call, Done, VerifiedRequest};
use super::refusal::Refusal;
use crate::moment::Moment;
use crate::wechat::orders::{self, Order};
use crate::wechat::refunds::Refund;
use crate::wechat::rules::refund::NewRefund;
use crate::wechat::state::WeChat;
use order::Currency;
use wechatpay::v2::{ErrorCode, refund};

pub(super) const CALL: Call = Call {
    certificate: true,
    ..Call::new(
        refund::PATH,
        &[
            &["nonce_str"],
            &["transaction_id", "out_trade_no"],
            &["out_refund_no"],
            &["total_fee"],
            &["refund_fee"],
        ],
        answer,
    )
};

fn answer(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let request = refund::Request::read(&verified.fields)?;
    verified.check_out_refund_no()?;
    verified.check_sub_merchant(wechat)?;
    let order_key = verified.order_to_return(wechat, &request.by)?.key();
    let amounts = request.amounts;
    let new_refund = NewRefund {
        order_key: order_key.clone(),
        out_refund_no: request.out_refund_no.as_str().to_owned(),
        refund_fee: amounts.refund_fee(),
        total_fee: amounts.total_fee(),
        currency: amounts.refund_fee_type(),
        refund_account: request.refund_account,
        notify_url: request.notify_url.map(|url| url.as_str().to_owned()),
        reason: request.refund_desc.map(String::from),
        dialect: verified.dialect(),
    };
    let key = wechat.refund(new_refund, moment)?;
    let order = wechat.orders.get(&order_key);
    let made = order.zip(wechat.refunds.get(&key));
    let (order, refund) = made.ok_or_else(|| Refusal::from_code(ErrorCode::SystemError))?;
    Ok(accepted(order, refund, verified, moment))
}

fn accepted(
    order: &Order,
    refund: &Refund,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Done {
    let cny = Some(Currency::Cny.code().to_owned());
    let transaction_id = order.payment().map(|paid| paid.transaction_id.clone());
    let answer = refund::Answer {
        transaction_id: transaction_id.unwrap_or_default(),
        out_trade_no: order.out_trade_no.clone(),
        out_refund_no: refund.out_refund_no.clone(),
        refund_id: refund.refund_id.clone(),
        refund_fee: refund.money.amount_minor(),
        refund_fee_type: Some(refund.money.currency()),
        total_fee: Some(order.money.amount_minor()),
        fee_type: Some(order.money.currency()),
        cash_fee: Some(order.cash_fee()),
        cash_fee_type: cny.clone(),
        cash_refund_fee: Some(refund.cash_refund_fee),
        cash_refund_fee_type: cny,
        rate: Some(orders::rate(order.money.currency()).to_string()),
        settlement_refund_fee: Some(refund.money.amount_minor()),
        settlement_total_fee: Some(order.money.amount_minor()),
        coupon_refund_fee: Some(0),
    };
    answer
        .to_fields(&verified.account(), &moment.nonce())
        .into()
}
