//! Echo, the official self-test. A `notify_url` is accepted, but nothing is
//! sent there: no manual documents what WeChat sends.

use super::call::{Done, Refusal, VerifiedRequest};
use crate::moment::Moment;
use crate::wechat::state::WeChat;
use wechatpay::v3::echo::{Request, answer_json};

pub(super) fn answer(
    _sandbox: &mut WeChat,
    verified: &VerifiedRequest,
    _moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let request =
        Request::read(&verified.incoming()).map_err(|error| verified.unreadable(error))?;
    Ok(Done::json(answer_json(&request)))
}
