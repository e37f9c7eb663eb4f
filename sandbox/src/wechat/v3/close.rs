//! Close order, by either number.

use super::{Asked, Done, Refusal};
use crate::Sandbox;
use crate::moment::Moment;
use wechatpay::v3::ErrorCode;
use wechatpay::v3::close::Request;

pub(super) fn answer(
    sandbox: &mut Sandbox,
    asked: &Asked,
    moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let request = Request::read(&asked.incoming()).map_err(|error| asked.unreadable(error))?;
    let account = asked.account(sandbox, &request.merchant)?;
    let key = super::find_order(sandbox, &account, &request.by)
        .ok_or_else(|| Refusal::of(ErrorCode::OrderNotExist))?
        .key();
    sandbox.close(&key, moment.now_ms)?;
    Ok(Done::Nothing)
}
