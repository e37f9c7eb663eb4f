//! Close order (seed 002, section 9.3). The manual advises to wait five
//! minutes; WeChat does not insist, and neither does the sandbox.

use super::{Asked, Call, Done, Refusal};
use crate::Sandbox;
use crate::moment::Moment;
use crate::orders::{self, State};
use wechatpay::v2::{ErrorCode, close};

pub(super) const CALL: Call = Call::new(close::PATH, &[&["nonce_str"], &["out_trade_no"]], answer);

fn answer(sandbox: &mut Sandbox, asked: &Asked, moment: &mut Moment<'_>) -> Result<Done, Refusal> {
    let request = close::Request::read(&asked.fields)?;
    asked.check_sub_merchant(sandbox)?;
    let key = orders::key(
        &asked.merchant.mch_id,
        asked.sub_mch_id(),
        request.out_trade_no.as_str(),
    );
    let code = match sandbox.orders.get(&key).map(|order| &order.state) {
        None => ErrorCode::OrderNotExist,
        Some(State::Paid { .. }) => ErrorCode::OrderPaid,
        Some(State::Closed { .. }) => ErrorCode::OrderClosed,
        Some(State::Revoked { .. }) => ErrorCode::OrderReversed,
        Some(State::UserPaying { .. }) => ErrorCode::UserPaying,
        Some(State::NotPay | State::PayError { .. }) => {
            let at_ms = moment.now_ms;
            sandbox
                .orders
                .update(&key, |order| order.state = State::Closed { at_ms });
            let fields = close::Answer.to_fields(&asked.account(), &moment.nonce());
            return Ok(fields.into());
        }
    };
    Err(Refusal::from_code(code))
}
