//! Reverse (seed 002, section 5.9): a Quick Pay order is taken back, whatever
//! came of it.
//!
//! ```text
//! paid        the money goes back      REVOKED     recall N
//! not paid    it cannot be paid        REVOKED     recall N
//! paying      USERPAYING               recall Y    and the next time as above
//! ```

use super::{Asked, Call, Done, Refusal};
use crate::Sandbox;
use crate::moment::Moment;
use crate::orders::State;
use order::TradeType;
use wechatpay::v2::ErrorCode;
use wechatpay::v2::reverse::{self, EARLIEST_SECONDS, LATEST_SECONDS};

pub(super) const CALL: Call = Call {
    certificate: true,
    own_refusal: with_recall,
    ..Call::new(
        reverse::PATH,
        &[&["nonce_str"], &["transaction_id", "out_trade_no"]],
        answer,
    )
};

/// Every signed refusal says whether to call again.
fn with_recall(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::Signed(code, description) => Refusal::Reverse {
            recall: code.is_unknown_outcome() || code.is_retryable(),
            code,
            description,
        },
        other => other,
    }
}

fn answer(sandbox: &mut Sandbox, asked: &Asked, moment: &mut Moment<'_>) -> Result<Done, Refusal> {
    let request = reverse::Request::read(&asked.fields)?;
    asked.check_sub_merchant(sandbox)?;
    let order = asked.order_to_return(sandbox, &request.by)?;
    if order.trade_type != TradeType::Micropay {
        return Err(refused(
            "仅支持撤销付款码支付的订单 (only Quick Pay is reversed; refund or close this order)",
            false,
        ));
    }
    if order.refunded {
        return Err(Refusal::from_code(ErrorCode::TradeStateError));
    }
    let age_ms = moment.now_ms.saturating_sub(order.created_ms);
    let reversed = matches!(order.state, State::Revoked { .. });
    if !reversed && age_ms < EARLIEST_SECONDS * 1000 {
        return Err(refused(
            "请在支付15秒后再调用撤销 (not before 15 seconds after the order)",
            true,
        ));
    }
    if !reversed && age_ms >= LATEST_SECONDS * 1000 {
        return Err(refused(
            "订单无法撤销：超过7天 (not later than 7 days; refund it)",
            false,
        ));
    }
    let (key, money) = (order.key(), order.money);
    let payment = order.payment().cloned().map(Box::new);
    match order.state {
        State::UserPaying {
            reverse_asked: false,
        } => {
            sandbox.orders.update(&key, |order| {
                order.state = State::UserPaying {
                    reverse_asked: true,
                };
            });
            return Err(Refusal::from_code(ErrorCode::UserPaying));
        }
        State::Paid { .. } => {
            let mch_id = &asked.merchant.mch_id;
            sandbox.add_funds(mch_id, money.currency(), -money.amount_minor());
        }
        _ => {}
    }
    if !reversed {
        let at_ms = moment.now_ms;
        sandbox.orders.update(&key, |order| {
            order.state = State::Revoked { at_ms, payment }
        });
    }
    let answer = reverse::Answer { recall: false };
    let fields = answer.to_fields(&asked.account(), &moment.nonce());
    Ok(fields.into())
}

fn refused(description: &str, recall: bool) -> Refusal {
    Refusal::Reverse {
        code: ErrorCode::InvalidRequest,
        description: description.to_owned(),
        recall,
    }
}
