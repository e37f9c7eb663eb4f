//! Query order, by either number.

use super::call::{Done, Refusal, VerifiedRequest};
use crate::moment::Moment;
use crate::wechat::state::WeChat;
use wechatpay::v3::ErrorCode;
use wechatpay::v3::query::{Answer, Request};

pub(super) fn answer(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    _moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let request =
        Request::read(&verified.incoming()).map_err(|error| verified.unreadable(error))?;
    let account = verified.account(wechat, &request.merchant)?;
    let order = super::call::find_order(wechat, &account, &request.by)
        .ok_or_else(|| Refusal::of(ErrorCode::OrderNotExist))?;
    let (state, description) = order.query_state();
    let answer = Answer {
        state,
        out_trade_no: Some(order.out_trade_no.clone()),
        attach: order.term("attach").map(str::to_owned),
        trade_state_desc: Some(description.to_owned()),
    };
    Ok(Done::json(
        answer.to_json(&order.account, verified.region()),
    ))
}
