//! Quick Pay: the merchant has scanned the payer's code (WeChat Pay v2 manual,
//! section 5).

use super::call::{Call, Done, VerifiedRequest};
use super::prepay::terms;
use super::refusal::Refusal;
use crate::moment::Moment;
use crate::wechat::orders::Order;
use crate::wechat::rules::{prepay::NewOrder, strict};
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

/// A new order's `time_expire` must be at least this far in the future.
const SHORTEST_MINUTES: i64 = 1;

fn answer(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let request = micropay::Request::read(&verified.fields).map_err(|error| {
        if AuthCode::refuses(&error) {
            Refusal::from_code(ErrorCode::AuthCodeInvalid)
        } else {
            error.into()
        }
    })?;
    if verified.merchant.strict {
        check_strictly(&verified.fields, &request)?;
    }
    verified.check_trade_type(TradeType::Micropay)?;
    verified.check_sub_merchant(wechat)?;
    verified.check_currency(request.money.currency())?;
    let mut terms = terms(&verified.fields);
    terms.insert("trade_type".into(), TradeType::Micropay.as_str().into());
    let new_order = NewOrder {
        account: verified.ordering(&request.account),
        out_trade_no: request.out_trade_no.as_str().to_owned(),
        trade_type: TradeType::Micropay,
        money: request.money,
        terms,
        payer: None,
        dialect: verified.dialect(),
        expires_ms: request.time_expire_ms,
        starts_ms: None,
        shortest_minutes: SHORTEST_MINUTES,
    };
    let key = wechat.quick_pay(new_order, request.auth_code.expose(), moment)?;
    let payment = wechat.orders.get(&key).and_then(Order::payment).cloned();
    let answer = micropay::Answer {
        payment: payment.ok_or_else(|| Refusal::from_code(ErrorCode::SystemError))?,
        device_info: verified
            .fields
            .get_nonempty("device_info")
            .map(str::to_owned),
    };
    let fields = answer.to_fields(&verified.account(), &moment.nonce());
    Ok(fields.into())
}

/// Checks a strict account's request.
fn check_strictly(fields: &Fields, request: &micropay::Request) -> Result<(), Refusal> {
    let sent = |name| fields.get_nonempty(name);
    let body = request.body.as_str();
    strict::at_most_32("body", body, strict::QUICK_PAY_BODY)?;
    strict::ipv4("spbill_create_ip", request.spbill_create_ip)?;
    strict::limit_pay(sent("limit_pay"))?;
    strict::goods_text(sent("detail"), request.money.amount_minor())?;
    Ok(())
}
