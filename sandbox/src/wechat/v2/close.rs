//! Close order (WeChat Pay v2 manual, section 9.3).

use super::call::{Call, Done, VerifiedRequest};
use super::refusal::Refusal;
use crate::moment::Moment;
use crate::wechat::state::WeChat;
use wechatpay::v2::close;

pub(super) const CALL: Call = Call::new(close::PATH, &[&["nonce_str"], &["out_trade_no"]], answer);

fn answer(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let request = close::Request::read(&verified.fields)?;
    verified.check_sub_merchant(wechat)?;
    let key = verified.order_key(request.out_trade_no.as_str());
    wechat.close(&key, moment.now_ms)?;
    let fields = close::Answer.to_fields(&verified.account(), &moment.nonce());
    Ok(fields.into())
}
