//! Query order (WeChat Pay v2 manual, section 9.2).

use super::call::{Call, Done, VerifiedRequest};
use super::refusal::Refusal;
use crate::moment::Moment;
use crate::wechat::orders::Order;
use crate::wechat::state::WeChat;
use wechatpay::v2::{ErrorCode, query};

pub(super) const CALL: Call = Call::new(
    query::PATH,
    &[&["nonce_str"], &["transaction_id", "out_trade_no"]],
    answer,
);

fn answer(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let request = query::Request::read(&verified.fields)?;
    verified.check_sub_merchant(wechat)?;
    let order = verified
        .order(wechat, &request.by)
        .ok_or_else(|| Refusal::from_code(ErrorCode::OrderNotExist))?;
    let fields = reported(order).to_fields(&verified.account(), &moment.nonce());
    Ok(fields.into())
}

fn reported(order: &Order) -> query::Answer {
    let (state, description) = order.query_state();
    query::Answer {
        state,
        out_trade_no: Some(order.out_trade_no.clone()),
        attach: order.term("attach").map(str::to_owned),
        trade_state_desc: Some(description.to_owned()),
        device_info: order.term("device_info").map(str::to_owned),
    }
}
