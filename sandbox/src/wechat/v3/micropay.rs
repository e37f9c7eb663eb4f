//! Quick Pay: the merchant has scanned the payer's code.

use super::call::{Done, Refusal, VerifiedRequest};
use super::prepay::SHORTEST_MINUTES;
use crate::moment::Moment;
use crate::wechat::rules::{self, prepay::NewOrder, strict};
use crate::wechat::state::WeChat;
use order::TradeType;
use wechatpay::v3::micropay::{Answer, Request};
use wechatpay::v3::request::RequestError;
use wechatpay::v3::{ErrorCode, Merchant};

pub(super) fn answer(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let request = Request::read(&verified.incoming()).map_err(|error| match error {
        // An error of the scanned code is reported last, so that all other
        // fields are checked before it.
        RequestError::Field(error) if error.field == "payer.auth_code" => {
            Refusal::of(ErrorCode::AuthCodeInvalid)
        }
        error => verified.unreadable(error),
    })?;
    if verified.merchant.strict {
        let limit_pay = request.limit_pay.as_ref().map(|it| it.as_str());
        let goods = request.detail.as_ref().map(|detail| detail.fields());
        strict::limit_pay(limit_pay)
            .and_then(|()| strict::goods(goods, request.money.amount_minor()))
            .map_err(|broken| verified.undocumented(&broken))?;
    }
    let account = verified.account(wechat, &Merchant::from(&request.account))?;
    rules::check_trade_type(&verified.merchant, TradeType::Micropay)?;
    rules::check_pricing(
        &verified.merchant,
        verified.region(),
        request.money.currency(),
    )?;
    let text =
        |it: &Option<wechatpay::common::Text<32>>| it.as_ref().map(|it| it.as_str().to_owned());
    let terms = [
        ("appid", Some(account.appid.clone())),
        ("sub_appid", account.sub_appid.clone()),
        ("trade_type", Some(TradeType::Micropay.as_str().to_owned())),
        ("body", Some(request.description.as_str().to_owned())),
        (
            "attach",
            request.attach.as_ref().map(|it| it.as_str().to_owned()),
        ),
        ("goods_tag", text(&request.goods_tag)),
        ("limit_pay", text(&request.limit_pay)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    .collect();
    let new_order = NewOrder {
        account,
        out_trade_no: request.out_trade_no.as_str().to_owned(),
        trade_type: TradeType::Micropay,
        money: request.money,
        terms,
        payer: None,
        dialect: verified.dialect(),
        expires_ms: None,
        starts_ms: None,
        shortest_minutes: SHORTEST_MINUTES,
    };
    let key = wechat.quick_pay(new_order, request.auth_code.expose(), moment)?;
    let order = wechat.orders.get(&key);
    let order = order.ok_or_else(|| Refusal::of(ErrorCode::SystemError))?;
    let (state, description) = order.query_state();
    let answer = Answer {
        state,
        out_trade_no: Some(order.out_trade_no.clone()),
        attach: None,
        trade_state_desc: Some(description.to_owned()),
    };
    Ok(Done::json(
        answer.to_json(&order.account, verified.region()),
    ))
}
