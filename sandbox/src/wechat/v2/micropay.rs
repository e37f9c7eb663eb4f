//! Quick Pay: the merchant has scanned the payer's code (WeChat Pay v2 manual,
//! section 5).

use super::call::{Asked, Call, Done};
use super::prepay::terms;
use super::refusal::Refusal;
use crate::moment::Moment;
use crate::wechat::orders::Order;
use crate::wechat::rules::{prepay::Wish, strict};
use crate::wechat::state::WeChat;
use order::TradeType;
use wechatpay::common::Fields;
use wechatpay::common::micropay::AuthCode;
use wechatpay::v2::ErrorCode;
use wechatpay::v2::micropay;

pub(super) const CALL: Call = Call::new(
    micropay::PATH,
    &[
        &["nonce_str"],
        &["body"],
        &["out_trade_no"],
        &["total_fee"],
        &["spbill_create_ip"],
        &["auth_code"],
    ],
    answer,
);

/// A new order's `time_expire` lies at least this far ahead.
const SHORTEST_MINUTES: i64 = 1;

fn answer(wechat: &mut WeChat, asked: &Asked, moment: &mut Moment<'_>) -> Result<Done, Refusal> {
    let request = micropay::Request::read(&asked.fields).map_err(|error| {
        if AuthCode::refuses(&error) {
            Refusal::from_code(ErrorCode::AuthCodeInvalid)
        } else {
            error.into()
        }
    })?;
    if asked.merchant.strict {
        check_strictly(&asked.fields, &request)?;
    }
    asked.check_trade_type(TradeType::Micropay)?;
    asked.check_sub_merchant(wechat)?;
    asked.check_currency(request.money.currency())?;
    let mut terms = terms(&asked.fields);
    terms.insert("trade_type".into(), TradeType::Micropay.as_str().into());
    let wish = Wish {
        account: asked.ordering(&request.account),
        out_trade_no: request.out_trade_no.as_str().to_owned(),
        trade_type: TradeType::Micropay,
        money: request.money,
        terms,
        payer: None,
        dialect: asked.dialect(),
        expires_ms: request.time_expire_ms,
        starts_ms: None,
        shortest_minutes: SHORTEST_MINUTES,
    };
    let key = wechat.quick_pay(wish, request.auth_code.expose(), moment)?;
    let payment = wechat.orders.get(&key).and_then(Order::payment).cloned();
    let answer = micropay::Answer {
        payment: payment.ok_or_else(|| Refusal::from_code(ErrorCode::SystemError))?,
        device_info: asked.fields.get_nonempty("device_info").map(str::to_owned),
    };
    let fields = answer.to_fields(&asked.account(), &moment.nonce());
    Ok(fields.into())
}

/// What a strict account may not send.
fn check_strictly(fields: &Fields, request: &micropay::Request) -> Result<(), Refusal> {
    let sent = |name| fields.get_nonempty(name);
    let body = request.body.as_str();
    strict::at_most_32("body", body, strict::QUICK_PAY_BODY)?;
    strict::ipv4("spbill_create_ip", request.spbill_create_ip)?;
    strict::limit_pay(sent("limit_pay"))?;
    strict::goods_text(sent("detail"), request.money.amount_minor())?;
    Ok(())
}
