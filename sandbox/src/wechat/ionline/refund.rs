//! iOnline's refund call.

use super::verified_request::{VerifiedRequest, transaction_id};
use crate::moment::Moment;
use crate::wechat::dialect::Dialect;
use crate::wechat::rules::refund::NewRefund;
use crate::wechat::state::WeChat;
use crate::wechat::v2::Refusal;
use wechatpay::common::Fields;
use wechatpay::ionline::refund::{Answer, Request};
use wechatpay::v2::ErrorCode;

pub(super) fn answer(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Fields, Refusal> {
    let request = Request::read(&verified.fields, verified.merchant.fee_type)?;
    let order_key = verified.order_to_return(wechat, &request.by)?.key();
    let new_refund = NewRefund {
        order_key: order_key.clone(),
        out_refund_no: request.out_refund_no.as_str().to_owned(),
        refund_fee: request.amounts.refund_fee(),
        total_fee: request.amounts.total_fee(),
        currency: None,
        refund_account: None,
        notify_url: None,
        reason: None,
        dialect: Dialect::Ionline,
    };
    let key = wechat.refund(new_refund, moment)?;
    let order = wechat.orders.get(&order_key);
    let paid = order.and_then(|order| order.payment());
    let (paid, refund) = paid
        .zip(wechat.refunds.get(&key))
        .ok_or_else(|| Refusal::from_code(ErrorCode::SystemError))?;
    let answer = Answer {
        transaction_id: transaction_id(&verified.ionline.mid, paid),
        out_trade_no: paid.out_trade_no.clone(),
        refund_id: refund.refund_id.clone(),
    };
    Ok(answer.to_fields(&request, &moment.nonce()))
}
