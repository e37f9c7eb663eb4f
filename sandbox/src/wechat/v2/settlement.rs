//! Query settled funds (WeChat Pay v2 manual, section 10).

use super::call::{Asked, Call, Done};
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

fn answer(wechat: &mut WeChat, asked: &Asked, moment: &mut Moment<'_>) -> Result<Done, Refusal> {
    let request = settlement::Request::read(&asked.fields)?;
    if request.account.sub_mch_id.is_some() {
        asked.check_sub_merchant(wechat)?;
    }
    let records = records(
        wechat,
        (
            &asked.merchant.mch_id,
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
        &asked.account(),
        &moment.nonce(),
        &asked.merchant.secret(),
        asked.sign_type,
    );
    Ok(Done::AsItIs(web::xml(xml)))
}
