//! Refunds: list, show, end.

use super::failure::{Done, Failure};
use crate::input::Input;
use crate::web::{self, Request};
use crate::wechat::refunds::{Refund, State};
use crate::wechat::settle;
use crate::wechat::state::WeChat;
use serde_json::{Value, json};
use wechatpay::common::refund::Status;

pub(super) fn list(wechat: &WeChat, request: &Request) -> Value {
    let mch_id = web::query(request, "mch_id");
    let out_trade_no = web::query(request, "out_trade_no");
    let mut found: Vec<&Refund> = wechat
        .refunds
        .values()
        .filter(|refund| {
            mch_id.as_ref().is_none_or(|id| *id == refund.mch_id)
                && out_trade_no
                    .as_ref()
                    .is_none_or(|number| *number == refund.out_trade_no)
        })
        .collect();
    found.sort_by_key(|refund| std::cmp::Reverse(refund.created_ms));
    let refunds: Vec<Value> = found.into_iter().map(Refund::to_json).collect();
    json!({ "refunds": refunds })
}

pub(super) fn one(wechat: &WeChat, request: &Request, ids: (&str, &str)) -> Done {
    find(wechat, ids, web::query(request, "sub_mch_id")).map(Refund::to_json)
}

pub(super) fn settle(wechat: &mut WeChat, body: &[u8], ids: (&str, &str), at_ms: i64) -> Done {
    let mut input = Input::read(body)?;
    let sub_mch_id = input.text("sub_mch_id")?;
    let status = input.required_text("status")?;
    let state = match Status::parse(&status) {
        Some(Status::Success) => State::Success { at_ms },
        Some(Status::RefundClose) => State::Closed { at_ms },
        Some(Status::Change) => State::Change { at_ms },
        Some(Status::Processing) | None => {
            let bad = input.bad("status", "send SUCCESS, REFUNDCLOSE or CHANGE");
            return Err(bad.into());
        }
    };
    input.finish()?;
    let refund = find(wechat, ids, sub_mch_id)?;
    // The merchant pays manually what the payer's account did not accept.
    let is_settled_by_hand =
        refund.status() == Status::Change && matches!(state, State::Success { .. });
    if refund.status() != Status::Processing && !is_settled_by_hand {
        return Err(Failure::Over(format!(
            "the refund is {} already",
            refund.status().as_str()
        )));
    }
    let key = refund.key();
    settle::settle_refund(wechat, &key, state, at_ms);
    let refund = wechat.refunds.get(&key);
    Ok(refund.map(Refund::to_json).unwrap_or_default())
}

fn find<'a>(
    wechat: &'a WeChat,
    (mch_id, out_refund_no): (&str, &str),
    sub_mch_id: Option<String>,
) -> Result<&'a Refund, Failure> {
    // A number may contain `|` and `@`, which may be percent-encoded in an
    // address.
    let wanted = web::percent_decoded(out_refund_no);
    wechat
        .refunds
        .values()
        .find(|refund| {
            refund.mch_id == mch_id
                && refund.out_refund_no == wanted
                && (sub_mch_id.is_none() || refund.sub_mch_id == sub_mch_id)
        })
        .ok_or_else(|| Failure::NotFound("there is no such refund".into()))
}
