//! Unified order (WeChat Pay v2 manual, section 9.1).

use super::call::{Call, Done, VerifiedRequest};
use super::refusal::Refusal;
use crate::moment::Moment;
use crate::wechat::payers::Payer;
use crate::wechat::rules::{self, prepay::NewOrder, strict};
use crate::wechat::state::WeChat;
use order::TradeType;
use std::collections::BTreeMap;
use wechatpay::common;
use wechatpay::common::Fields;
use wechatpay::v2::{ErrorCode, prepay};

pub(super) const CALL: Call = Call::new(
    prepay::PATH,
    &[
        &["nonce_str"],
        &["body"],
        &["out_trade_no"],
        &["total_fee"],
        &["spbill_create_ip"],
        &["notify_url"],
        &["trade_type"],
    ],
    answer,
);

/// A new order's `time_expire` must be at least this far in the future (9.1.4:
/// "the shortest transaction invalid time should be larger than 5m").
const SHORTEST_MINUTES: i64 = 5;

/// The fields that must not differ in a repeated request. The expiry is not one
/// of them (the first request's counts), nor are the time and the address of
/// the request.
const TERMS: [&str; 14] = [
    "appid",
    "sub_appid",
    "device_info",
    "body",
    "detail",
    "attach",
    "total_fee",
    "goods_tag",
    "notify_url",
    "trade_type",
    "product_id",
    "limit_pay",
    "openid",
    "sub_openid",
];

fn answer(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let request = prepay::Request::read(&verified.fields)?;
    let trade_type = request.trade.trade_type();
    if verified.merchant.strict {
        check_strictly(&verified.fields, &request)?;
    }
    verified.check_trade_type(trade_type)?;
    verified.check_sub_merchant(wechat)?;
    verified.check_currency(request.money.currency())?;
    let payer = payer(wechat, &request)?;
    let new_order = NewOrder {
        account: verified.ordering(&request.account),
        out_trade_no: request.out_trade_no.as_str().to_owned(),
        trade_type,
        money: request.money,
        terms: terms(&verified.fields),
        payer,
        dialect: verified.dialect(),
        expires_ms: request.time_expire_ms,
        starts_ms: request.time_start_ms,
        shortest_minutes: SHORTEST_MINUTES,
    };
    let key = wechat.prepay(new_order, moment)?;
    let order = wechat
        .orders
        .get(&key)
        .ok_or_else(|| Refusal::from_code(ErrorCode::SystemError))?;
    let answer = prepay::Answer {
        trade_type,
        prepay_id: order.prepay_id.clone().unwrap_or_default(),
        code_url: order.code_url.clone(),
        mweb_url: order.mweb_url.clone(),
    };
    let mut fields = answer.to_fields(&verified.account(), &moment.nonce());
    fields.push_some("device_info", verified.fields.get_nonempty("device_info"));
    Ok(fields.into())
}

/// Checks a strict account's request.
fn check_strictly(fields: &Fields, request: &prepay::Request) -> Result<(), Refusal> {
    let sent = |name| fields.get_nonempty(name);
    strict::product_id(request.trade.trade_type(), sent("product_id").is_some())?;
    // That manual has no H5; the later one that has it allows IPv6.
    if request.trade.trade_type() != TradeType::Mweb {
        strict::ipv4("spbill_create_ip", request.spbill_create_ip)?;
    }
    strict::limit_pay(sent("limit_pay"))?;
    strict::goods_text(sent("detail"), request.money.amount_minor())?;
    Ok(())
}

/// The terms of an order, as they were sent.
pub(super) fn terms(fields: &Fields) -> BTreeMap<String, String> {
    let sent = |name: &&str| Some(((*name).to_owned(), fields.get_nonempty(name)?.to_owned()));
    TERMS.iter().filter_map(sent).collect()
}

/// The only payer who may pay a JSAPI order. The openid must belong to the
/// application that is sent with it: `openid` to `appid`, `sub_openid` to
/// `sub_appid`.
fn payer(wechat: &WeChat, request: &prepay::Request) -> Result<Option<Payer>, Refusal> {
    let prepay::Trade::Jsapi(payer) = &request.trade else {
        return Ok(None);
    };
    let (field, appid) = match payer {
        common::prepay::Payer::Openid(_) => ("openid", Some(request.account.appid.as_str())),
        common::prepay::Payer::SubOpenid(_) => ("sub_openid", request.account.sub_appid.as_deref()),
    };
    let payer = rules::payer_of(wechat, field, appid, payer.openid())?;
    Ok(Some(payer))
}
