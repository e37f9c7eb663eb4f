//! Query settled funds.

use super::call::{Done, Refusal, VerifiedRequest};
use crate::moment::Moment;
use crate::wechat::rules::settlement::records;
use crate::wechat::state::WeChat;
use wechatpay::v3::settlement::{Answer, Request};

pub(super) fn answer(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let request =
        Request::read(&verified.incoming()).map_err(|error| verified.unreadable(error))?;
    let sub_mch_id = verified.one_of_its_own(wechat, &request.merchant)?;
    let all = records(
        wechat,
        (&verified.merchant.mch_id, sub_mch_id),
        request.settle_state,
        request.dates,
        moment.now_ms,
    );
    let answer = Answer {
        total_count: i64::try_from(all.len()).unwrap_or(i64::MAX),
        records: all
            .into_iter()
            .skip(usize::try_from(request.offset).unwrap_or(usize::MAX))
            .take(request.limit.get())
            .collect(),
    };
    Ok(Done::json(answer.to_json(&request)))
}
