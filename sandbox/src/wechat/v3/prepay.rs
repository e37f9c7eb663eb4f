//! Prepayment: JSAPI, NATIVE, APP, MWEB (H5).

use super::call::{Done, Refusal, VerifiedRequest};
use crate::moment::Moment;
use crate::wechat::payers::Payer;
use crate::wechat::rules::{self, prepay::NewOrder, strict};
use crate::wechat::state::WeChat;
use order::{Account, TradeType};
use std::collections::BTreeMap;
use wechatpay::common;
use wechatpay::v3::prepay::{self, Request, Trade};
use wechatpay::v3::{ErrorCode, Merchant};

/// A new order's `time_expire` must be at least this far in the future.
pub(super) const SHORTEST_MINUTES: i64 = 1;

pub(super) fn answer(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let request =
        Request::read(&verified.incoming()).map_err(|error| verified.unreadable(error))?;
    let trade_type = request.trade.trade_type();
    if verified.merchant.strict {
        let limit_pay = request.limit_pay.as_ref().map(|it| it.as_str());
        let goods = request.detail.as_ref().map(|detail| detail.fields());
        strict::limit_pay(limit_pay)
            .and_then(|()| strict::goods(goods, request.money.amount_minor()))
            .map_err(|broken| verified.undocumented(&broken))?;
    }
    let account = verified.account(wechat, &Merchant::from(&request.account))?;
    rules::check_trade_type(&verified.merchant, trade_type)?;
    rules::check_pricing(
        &verified.merchant,
        verified.region(),
        request.money.currency(),
    )?;
    let payer = payer(wechat, &account, &request.trade)?;
    let new_order = NewOrder {
        terms: terms(&request),
        account,
        out_trade_no: request.out_trade_no.as_str().to_owned(),
        trade_type,
        money: request.money,
        payer,
        dialect: verified.dialect(),
        expires_ms: request.time_expire_ms,
        starts_ms: request.time_start_ms,
        shortest_minutes: SHORTEST_MINUTES,
    };
    let key = wechat.prepay(new_order, moment)?;
    let order = wechat.orders.get(&key);
    let made = order.and_then(|order| {
        Some(match trade_type {
            TradeType::Native => prepay::Answer::CodeUrl(order.code_url.clone()?),
            TradeType::Mweb => prepay::Answer::MwebUrl(order.mweb_url.clone()?),
            _ => prepay::Answer::PrepayId(order.prepay_id.clone()?),
        })
    });
    let made = made.ok_or_else(|| Refusal::of(ErrorCode::SystemError))?;
    Ok(Done::json(made.to_json(verified.region())))
}

/// The terms under the names of
/// [`Order::terms`](crate::wechat::orders::Order::terms).
fn terms(request: &Request) -> BTreeMap<String, String> {
    let text =
        |it: &Option<wechatpay::common::Text<32>>| it.as_ref().map(|it| it.as_str().to_owned());
    let (openid, sub_openid) = match &request.trade {
        Trade::Jsapi(payer @ common::prepay::Payer::Openid(_)) => {
            (Some(payer.openid().to_owned()), None)
        }
        Trade::Jsapi(payer @ common::prepay::Payer::SubOpenid(_)) => {
            (None, Some(payer.openid().to_owned()))
        }
        _ => (None, None),
    };
    let detail = request.detail.as_ref();
    [
        ("appid", Some(request.account.appid.clone())),
        ("sub_appid", request.account.sub_appid.clone()),
        (
            "trade_type",
            Some(request.trade.trade_type().as_str().to_owned()),
        ),
        ("body", Some(request.description.as_str().to_owned())),
        (
            "attach",
            request.attach.as_ref().map(|it| it.as_str().to_owned()),
        ),
        ("notify_url", Some(request.notify_url.as_str().to_owned())),
        ("goods_tag", text(&request.goods_tag)),
        ("limit_pay", text(&request.limit_pay)),
        (
            "detail",
            detail.map(|it| serde_json::Value::from(it.fields().clone()).to_string()),
        ),
        (
            "merchant_category_code",
            text(&request.merchant_category_code),
        ),
        ("openid", openid),
        ("sub_openid", sub_openid),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    .collect()
}

/// The only payer who may pay a JSAPI order.
fn payer(wechat: &WeChat, account: &Account, trade: &Trade) -> Result<Option<Payer>, Refusal> {
    let Trade::Jsapi(payer) = trade else {
        return Ok(None);
    };
    let (field, appid) = match payer {
        common::prepay::Payer::Openid(_) if account.sub_mch_id.is_none() => {
            ("payer.openid", Some(account.appid.as_str()))
        }
        common::prepay::Payer::Openid(_) => ("payer.sp_openid", Some(account.appid.as_str())),
        common::prepay::Payer::SubOpenid(_) => ("payer.sub_openid", account.sub_appid.as_deref()),
    };
    let payer = rules::payer_of(wechat, field, appid, payer.openid())?;
    Ok(Some(payer))
}
