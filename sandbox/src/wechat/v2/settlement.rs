//! Query settled funds (WeChat Pay v2 manual, section 10).

use super::call::{Call, Done, VerifiedRequest};
use super::refusal::Refusal;
use crate::moment::Moment;
use crate::web;
use crate::wechat::rules::settlement::records;
use crate::wechat::state::WeChat;
use wechatpay::v2::settlement;

pub(super) const CALL: Call = Call::new(
    settlement::PATH,
    &[&["nonce_str"], &["usetag"], &["offset"], &["limit"]],
    answer,
);

fn answer(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let request = settlement::Request::read(&verified.fields)?;
    if request.account.sub_mch_id.is_some() {
        verified.check_sub_merchant(wechat)?;
    }
    let records = records(
        wechat,
        (
            &verified.merchant.mch_id,
            request.account.sub_mch_id.as_deref(),
        ),
        request.usetag,
        request.dates,
        moment.now_ms,
    )
    .into_iter()
    .skip(usize::try_from(request.offset).unwrap_or(usize::MAX))
    .take(request.limit.get())
    .collect();
    let answer = settlement::Answer {
        records,
        signed: true,
    };
    let xml = answer.to_xml(
        &verified.account(),
        &moment.nonce(),
        &verified.merchant.secret(),
        verified.sign_type,
    );
    Ok(Done::AsItIs(web::xml(xml)))
}
