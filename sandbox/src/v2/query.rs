//! Query order (seed 002, section 9.2).

use super::{Asked, Call, Refusal};
use crate::Sandbox;
use crate::moment::Moment;
use crate::orders::{self, Order, State};
use order::TradeState;
use wechatpay::v2::{ErrorCode, Fields, query};

pub(super) const CALL: Call = Call {
    path: query::PATH,
    required: &[&["transaction_id", "out_trade_no"]],
    answer,
};

fn answer(
    sandbox: &mut Sandbox,
    asked: &Asked,
    moment: &mut Moment<'_>,
) -> Result<Fields, Refusal> {
    let request = query::Request::read(&asked.fields)?;
    asked.check_sub_merchant(sandbox)?;
    let order = match &request.by {
        query::By::TransactionId(id) => sandbox.orders.by_transaction_id(id.as_str()),
        query::By::OutTradeNo(number) => sandbox.orders.get(&orders::key(
            &asked.merchant.mch_id,
            asked.sub_mch_id(),
            number.as_str(),
        )),
    };
    // Another merchant's order does not exist for this one.
    let order = order
        .filter(|order| {
            order.account.mch_id == asked.merchant.mch_id
                && order.account.sub_mch_id.as_deref() == asked.sub_mch_id()
        })
        .ok_or_else(|| Refusal::from_code(ErrorCode::OrderNotExist))?;
    Ok(told(order).to_fields(&asked.account(), &moment.nonce()))
}

fn told(order: &Order) -> query::Answer {
    let (state, description) = match &order.state {
        State::Paid { payment, .. } => (TradeState::Success(payment.clone()), "支付成功"),
        State::NotPay => (TradeState::NotPay, "订单未支付"),
        State::Closed { .. } => (TradeState::Closed, "订单已关闭"),
    };
    query::Answer {
        state,
        out_trade_no: Some(order.out_trade_no.clone()),
        attach: order.term("attach").map(str::to_owned),
        trade_state_desc: Some(description.to_owned()),
        device_info: order.term("device_info").map(str::to_owned),
    }
}
