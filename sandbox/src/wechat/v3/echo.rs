//! Echo, the official self-test. A `notify_url` is accepted, but nothing is
//! sent there: no manual documents what WeChat sends.

use super::call::{Asked, Done, Refusal};
use crate::moment::Moment;
use crate::wechat::state::WeChat;
use wechatpay::v3::echo::{Request, answer_json};

pub(super) fn answer(
    _sandbox: &mut WeChat,
    asked: &Asked,
    _moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let request = Request::read(&asked.incoming()).map_err(|error| asked.unreadable(error))?;
    Ok(Done::json(answer_json(&request)))
}
