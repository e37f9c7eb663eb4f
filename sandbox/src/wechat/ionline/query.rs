//! Query: the state of an order.

use super::verified_request::{VerifiedRequest, with_ionline_numbers};
use crate::moment::Moment;
use crate::wechat::orders::{Order, State};
use crate::wechat::state::WeChat;
use crate::wechat::v2::Refusal;
use order::TradeState;
use wechatpay::common::Fields;
use wechatpay::ionline::query::{Answer, Request};
use wechatpay::v2::ErrorCode;

pub(super) fn answer(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Fields, Refusal> {
    let request = Request::read(&verified.fields)?;
    let mid = &verified.ionline.mid;
    let order = verified
        .order(wechat, &request.by)
        .ok_or_else(|| Refusal::from_code(ErrorCode::OrderNotExist))?;
    let answer = Answer {
        state: state(mid, order),
        out_transaction_id: order.payment().map(|paid| paid.transaction_id.clone()),
        out_trade_no: Some(order.out_trade_no.clone()),
        attach: order.term("attach").map(str::to_owned),
    };
    let mut fields = answer.to_fields(mid, &moment.nonce());
    fields.push_some("device_info", order.term("device_info"));
    Ok(fields)
}

fn state(mid: &str, order: &Order) -> TradeState {
    match &order.state {
        State::Paid { payment, .. } if order.refunded => {
            TradeState::Refund(Box::new(with_ionline_numbers(mid, payment)))
        }
        State::Paid { payment, .. } => {
            TradeState::Success(Box::new(with_ionline_numbers(mid, payment)))
        }
        State::NotPay => TradeState::NotPay,
        State::UserPaying { .. } => TradeState::UserPaying,
        State::PayError { .. } => TradeState::PayError,
        State::Revoked { .. } => TradeState::Revoked,
        State::Closed { .. } => TradeState::Closed,
    }
}
