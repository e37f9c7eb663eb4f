//! Close order, by either number.

use super::call::{Done, Refusal, VerifiedRequest};
use crate::moment::Moment;
use crate::wechat::state::WeChat;
use wechatpay::v3::ErrorCode;
use wechatpay::v3::close::Request;

pub(super) fn answer(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let request =
        Request::read(&verified.incoming()).map_err(|error| verified.unreadable(error))?;
    let account = verified.account(wechat, &request.merchant)?;
    let key = super::call::find_order(wechat, &account, &request.by)
        .ok_or_else(|| Refusal::of(ErrorCode::OrderNotExist))?
        .key();
    wechat.close(&key, moment.now_ms)?;
    Ok(Done::Nothing)
}
