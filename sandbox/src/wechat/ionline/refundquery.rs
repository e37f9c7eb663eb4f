//! Query refund: the status of an order's refunds.

use super::verified_request::{VerifiedRequest, transaction_id};
use crate::moment::Moment;
use crate::wechat::orders::Order;
use crate::wechat::refunds::{self, Refund, State};
use crate::wechat::state::WeChat;
use crate::wechat::v2::Refusal;
use wechatpay::common::Fields;
use wechatpay::ionline::refundquery::{self, Answer, Lookup, Request, Status};
use wechatpay::v2::ErrorCode;

pub(super) fn answer(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Fields, Refusal> {
    let request = Request::read(&verified.fields)?;
    let mid = &verified.ionline.mid;
    let (order, refunds) = found(wechat, verified, &request.by)?;
    if refunds.is_empty() {
        return Err(Refusal::from_code(ErrorCode::RefundNotExist));
    }
    let paid = order.payment().map(|paid| transaction_id(mid, paid));
    let answer = Answer {
        transaction_id: paid.unwrap_or_default(),
        out_trade_no: order.out_trade_no.clone(),
        refunds: refunds.into_iter().map(reported).collect(),
    };
    Ok(answer.to_fields(mid, &moment.nonce()))
}

/// The order, and the requested ones of its refunds.
fn found<'a>(
    wechat: &'a WeChat,
    verified: &VerifiedRequest,
    by: &Lookup,
) -> Result<(&'a Order, Vec<&'a Refund>), Refusal> {
    let none = || Refusal::from_code(ErrorCode::RefundNotExist);
    let one = |refund: Option<&'a Refund>| {
        let refund = refund.ok_or_else(none)?;
        let order = verified.order_under(wechat, &refund.out_trade_no);
        let order = order.filter(|order| order.key() == refund.order_key);
        Ok((order.ok_or_else(none)?, vec![refund]))
    };
    let all = |order: &'a Order| (order, wechat.refunds.of_order(&order.key()));
    match by {
        Lookup::RefundId(id) => {
            let is_it = |refund: &&Refund| refund.refund_id == id.as_str();
            one(wechat.refunds.values().find(is_it))
        }
        Lookup::OutRefundNo(number) => {
            let key = refunds::key(&verified.merchant.mch_id, None, number.as_str());
            one(wechat.refunds.get(&key))
        }
        Lookup::TransactionId(id) => verified
            .order_paid_as(wechat, id.as_str())
            .map(all)
            .ok_or_else(|| Refusal::from_code(ErrorCode::InvalidTransactionId)),
        Lookup::OutTradeNo(number) => verified
            .order_under(wechat, number.as_str())
            .map(all)
            .ok_or_else(none),
    }
}

fn reported(refund: &Refund) -> refundquery::Refund {
    let refund_status = match refund.state {
        State::Processing { .. } => Status::Processing,
        State::Success { .. } => Status::Success,
        State::Closed { .. } => Status::Fail,
        State::Change { .. } => Status::Change,
    };
    refundquery::Refund {
        out_refund_no: refund.out_refund_no.clone(),
        refund_id: refund.refund_id.clone(),
        refund_fee: refund.money.amount_minor(),
        refund_status,
        refund_channel: Some("ORIGINAL".to_owned()),
        refund_time_ms: refund.success_ms(),
    }
}
