//! Reverse (WeChat Pay v2 manual, section 5.9). An answer says in `recall`
//! whether to call again, and in `rate` the order's exchange rate, a refusal of
//! a known order too.

use super::call::{Call, Done, VerifiedRequest};
use super::refusal::Refusal;
use crate::moment::Moment;
use crate::wechat::orders;
use crate::wechat::state::WeChat;
use wechatpay::v2::reverse;

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
            rate: None,
        },
        other => other,
    }
}

fn with_rate(refusal: Refusal, of_order: i64) -> Refusal {
    match refusal {
        Refusal::Reverse {
            code,
            description,
            recall,
            ..
        } => Refusal::Reverse {
            code,
            description,
            recall,
            rate: Some(of_order),
        },
        other => other,
    }
}

fn answer(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let request = reverse::Request::read(&verified.fields)?;
    verified.check_sub_merchant(wechat)?;
    let order = verified.order_to_return(wechat, &request.by)?;
    let (key, rate) = (order.key(), orders::rate(order.money.currency()));
    wechat
        .reverse(&key, moment.now_ms)
        .map_err(|denied| with_rate(with_recall(denied.into()), rate))?;
    let answer = reverse::Answer { recall: false };
    let fields = answer.to_fields(&verified.account(), &moment.nonce());
    Ok(fields.with("rate", rate.to_string()).into())
}
