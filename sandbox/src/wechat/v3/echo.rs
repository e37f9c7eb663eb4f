//! Echo, the official self-test. A `notify_url` is taken; what WeChat would
//! send there no manual says, and nothing is sent.

use super::{Asked, Done, Refusal};
use crate::Sandbox;
use crate::moment::Moment;
use wechatpay::v3::echo::{Request, answer_json};

pub(super) fn answer(
    _sandbox: &mut Sandbox,
    asked: &Asked,
    _moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let request = Request::read(&asked.incoming()).map_err(|error| asked.unreadable(error))?;
    Ok(Done::json(answer_json(&request)))
}
