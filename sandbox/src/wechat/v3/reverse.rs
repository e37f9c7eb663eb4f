//! Reverse: a Quick Pay order is refunded if it was paid, and closed otherwise.

use super::call::{Done, Refusal, VerifiedRequest};
use crate::moment::Moment;
use crate::wechat::state::WeChat;
use wechatpay::v3::reverse::{Request, answer_json};
use wechatpay::v3::{ErrorCode, Region};

pub(super) fn answer(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let request =
        Request::read(&verified.incoming()).map_err(|error| verified.unreadable(error))?;
    let account = verified.account(wechat, &request.merchant)?;
    let order = super::call::find_order(wechat, &account, &request.by)
        .ok_or_else(|| Refusal::of(ErrorCode::OrderNotExist))?;
    let (key, out_trade_no) = (order.key(), order.out_trade_no.clone());
    wechat.reverse(&key, moment.now_ms)?;
    Ok(match verified.region() {
        Region::Global => Done::Nothing,
        Region::Mainland => Done::json(answer_json(&request.merchant, &out_trade_no)),
    })
}
