//! Changes that a person makes to an order on the merchant platform, or that
//! another system of the merchant makes. The gateway receives no message about
//! them.

use super::failure::{Done, Failure};
use crate::input::Input;
use crate::moment::Moment;
use crate::web;
use crate::wechat::orders::{self, State};
use crate::wechat::rules::refund::NewRefund;
use crate::wechat::state::WeChat;
use order::TradeType;

pub(super) fn change(
    wechat: &mut WeChat,
    body: &[u8],
    (mch_id, out_trade_no): (&str, &str),
    moment: &mut Moment<'_>,
) -> Done {
    let mut input = Input::read(body)?;
    let sub_mch_id = input.text("sub_mch_id")?;
    let by_hand = input.required_text("by_hand")?;
    let refund_fee = input.integer("refund_fee")?;
    let out_refund_no = input.text("out_refund_no")?;
    let notify_url = input.text("notify_url")?;
    if !["refund", "revoke", "close"].contains(&by_hand.as_str()) {
        return Err(input.bad("by_hand", "send refund, revoke or close").into());
    }
    input.finish()?;
    let number = web::percent_decoded(out_trade_no);
    let key = orders::key(mch_id, sub_mch_id.as_deref(), &number);
    let order = wechat.orders.get(&key);
    let order = order.ok_or_else(|| Failure::NotFound("there is no such order".into()))?;
    let total_fee = order.money.amount_minor();
    moment.set_back(wechat.behind_seconds(mch_id));
    let at_ms = moment.now_ms;
    let done = match by_hand.as_str() {
        "refund" => {
            let new_refund = NewRefund {
                order_key: key.clone(),
                out_refund_no: out_refund_no.unwrap_or_else(|| format!("PLATFORM-{number}")),
                refund_fee: refund_fee.unwrap_or(total_fee),
                total_fee,
                currency: None,
                refund_account: None,
                notify_url,
                reason: None,
                dialect: order.dialect,
            };
            wechat.refund(new_refund, moment).map(drop)
        }
        "close" => wechat.close(&key, at_ms),
        // The platform has no earliest time for a reverse.
        _ if order.trade_type != TradeType::Micropay || order.refunded => {
            return Err(Failure::Over(
                "only an unrefunded Quick Pay is revoked".into(),
            ));
        }
        _ => {
            wechat.orders.update(&key, |order| {
                let payment = order.payment().cloned().map(Box::new);
                order.state = State::Revoked { at_ms, payment };
            });
            Ok(())
        }
    };
    done.map_err(|denied| Failure::Over(format!("{denied:?}")))?;
    let order = wechat.orders.get(&key);
    Ok(order.map(|order| order.to_json(at_ms)).unwrap_or_default())
}
