//! Close order (WeChat Pay v2 manual, section 9.3).

use super::call::{Asked, Call, Done};
use super::refusal::Refusal;
use crate::moment::Moment;
use crate::wechat::state::WeChat;
use wechatpay::v2::close;

pub(super) const CALL: Call = Call::new(close::PATH, &[&["nonce_str"], &["out_trade_no"]], answer);

fn answer(wechat: &mut WeChat, asked: &Asked, moment: &mut Moment<'_>) -> Result<Done, Refusal> {
    let request = close::Request::read(&asked.fields)?;
    asked.check_sub_merchant(wechat)?;
    let key = asked.order_key(request.out_trade_no.as_str());
    wechat.close(&key, moment.now_ms)?;
    let fields = close::Answer.to_fields(&asked.account(), &moment.nonce());
    Ok(fields.into())
}
