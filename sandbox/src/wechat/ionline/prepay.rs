//! A payment inside WeChat, or by QR code (iOnline description, section 1).

use super::verified_request::VerifiedRequest;
use crate::moment::Moment;
use crate::wechat::accounts;
use crate::wechat::dialect::Dialect;
use crate::wechat::orders::Order;
use crate::wechat::payers::Payer;
use crate::wechat::rules::{self, prepay::NewOrder};
use crate::wechat::state::WeChat;
use crate::wechat::v2::Refusal;
use order::Account;
use std::collections::BTreeMap;
use wechatpay::common::invoke::Jsapi;
use wechatpay::common::{Fields, SignType, Text};
use wechatpay::ionline::prepay::{Answer, Means, PayUrl, Request, Start, Trade};
use wechatpay::v2::ErrorCode;
use wechatpay::v2::invoke;

/// WeChat's limit; the iOnline description has none.
const SHORTEST_MINUTES: i64 = 1;

pub(super) fn answer(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Fields, Refusal> {
    let request = Request::read(&verified.fields, verified.merchant.fee_type)?;
    let trade_type = request.trade.trade_type();
    rules::check_trade_type(&verified.merchant, trade_type)?;
    let payer = payer(wechat, verified, &request.trade)?;
    let new_order = NewOrder {
        account: account(verified, &request.trade),
        out_trade_no: request.out_trade_no.as_str().to_owned(),
        trade_type,
        money: request.money,
        terms: terms(&request),
        payer,
        dialect: Dialect::Ionline,
        expires_ms: request.lifetime.map(|lifetime| lifetime.time_expire_ms()),
        starts_ms: request.lifetime.map(|lifetime| lifetime.time_start_ms()),
        shortest_minutes: SHORTEST_MINUTES,
    };
    let key = wechat.prepay(new_order, moment)?;
    let system_error = || Refusal::from_code(ErrorCode::SystemError);
    let order = wechat.orders.get(&key).ok_or_else(system_error)?;
    let prepay_id = order.prepay_id.as_deref().unwrap_or_default();
    let means = match &request.trade {
        Trade::Native => Means::Code {
            code_url: order.code_url.clone().unwrap_or_default(),
            code_img_url: None,
        },
        Trade::Jspay(jspay) if jspay.start == Start::PayUrl => {
            Means::PayUrl(PayUrl::new(&url(wechat, prepay_id))?)
        }
        Trade::Jspay(_) => Means::PayInfo(package(wechat, order, moment).ok_or_else(system_error)?),
    };
    // Inside WeChat both means to start the payment are required members of the
    // answer (iOnline document, section 1); `is_raw` only says which one the
    // merchant will use.
    let other = match &means {
        Means::PayUrl(_) => {
            let package = package(wechat, order, moment).ok_or_else(system_error)?;
            Some((
                "pay_info",
                serde_json::to_string(&package).unwrap_or_default(),
            ))
        }
        Means::PayInfo(_) => Some(("pay_url", url(wechat, prepay_id))),
        Means::Code { .. } => None,
    };
    let answer = Answer {
        token_id: Some(token_id(prepay_id).to_owned()),
        means,
    };
    let mut fields = answer.to_fields(&verified.ionline.mid, &moment.nonce());
    if let Some((name, value)) = other {
        fields.push(name, value);
    }
    fields.push_some("device_info", verified.fields.get_nonempty("device_info"));
    Ok(fields)
}

/// The package that starts the payment, signed with the acquirer's key at
/// WeChat.
pub(super) fn package(wechat: &WeChat, order: &Order, moment: &mut Moment<'_>) -> Option<Jsapi> {
    let merchant = wechat.merchants.get(&order.account.mch_id)?;
    Some(invoke::jsapi(
        order.payer_appid(),
        order.prepay_id.as_deref()?,
        moment.now_ms / 1000,
        &moment.nonce(),
        &merchant.secret(),
        SignType::Md5,
    ))
}

/// The terms that must be equal when a number is sent again, under v2's names.
/// The way in which the page starts the payment is not one of them.
fn terms(request: &Request) -> BTreeMap<String, String> {
    let text = |text: &Option<Text<32>>| text.as_ref().map(|text| text.as_str().to_owned());
    let (sub_appid, openid) = match &request.trade {
        Trade::Native => (None, None),
        Trade::Jspay(jspay) => (
            Some(jspay.sub_appid.as_str().to_owned()),
            Some(jspay.sub_openid.as_str().to_owned()),
        ),
    };
    [
        ("appid", sub_appid),
        ("openid", openid),
        ("device_info", text(&request.device_info)),
        ("body", Some(request.body.as_str().to_owned())),
        (
            "attach",
            request.attach.as_ref().map(|text| text.as_str().to_owned()),
        ),
        ("goods_tag", text(&request.goods_tag)),
        ("notify_url", Some(request.notify_url.as_str().to_owned())),
        (
            "trade_type",
            Some(request.trade.trade_type().as_str().to_owned()),
        ),
        (
            "limit_pay",
            request.limit_credit_pay.then(|| "no_credit".to_owned()),
        ),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    .collect()
}

/// The account, under the application in which the payer pays.
fn account(verified: &VerifiedRequest, trade: &Trade) -> Account {
    match trade {
        Trade::Native => verified.account(),
        Trade::Jspay(jspay) => verified
            .account()
            .with_payer_appid(jspay.sub_appid.as_str()),
    }
}

/// The only payer who may pay inside WeChat, by the openid under the merchant's
/// application.
fn payer(
    wechat: &WeChat,
    verified: &VerifiedRequest,
    trade: &Trade,
) -> Result<Option<Payer>, Refusal> {
    let Trade::Jspay(jspay) = trade else {
        return Ok(None);
    };
    let sub_appid = jspay.sub_appid.as_str();
    if accounts::app_secret(&wechat.merchants, sub_appid).is_none() {
        return Err(Refusal::Signed(
            ErrorCode::AppidNotExist,
            "sub_appid不存在 (no such sub_appid)".into(),
        ));
    }
    if !verified.merchant.is_bound_to(sub_appid) {
        return Err(Refusal::Signed(
            ErrorCode::AppidMchidNotMatch,
            "mch_id与sub_appid不匹配 (sub_appid is not bound to this mch_id)".into(),
        ));
    }
    let openid = jspay.sub_openid.as_str();
    let payer = rules::payer_of(wechat, "sub_openid", Some(sub_appid), openid)?;
    Ok(Some(payer))
}

/// The path of iOnline's page, which `pay_url` names.
pub(super) const PATH: &str = "/gateway/pay";

/// The page's address for a prepayment.
pub(super) fn url(wechat: &WeChat, prepay_id: &str) -> String {
    let origin = &wechat.settings.public_url;
    format!("{origin}{PATH}?token_id={}", token_id(prepay_id))
}

/// iOnline's id of a prepayment, which WeChat calls `wx…`.
pub(super) fn token_id(prepay_id: &str) -> &str {
    prepay_id.strip_prefix("wx").unwrap_or(prepay_id)
}
