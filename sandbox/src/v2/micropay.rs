//! Quick Pay: the merchant has scanned the payer's code (seed 002, section 5).
//!
//! A code that does not serve makes no order. Afterwards there is one, and its
//! number can be tried again with another code of the same payer until it is
//! paid, closed or reversed.

use super::prepay::terms;
use super::{Asked, Call, Done, Refusal};
use crate::Sandbox;
use crate::moment::Moment;
use crate::orders::{Order, State};
use crate::paycodes::{Behaviour, PayCode};
use order::TradeType;
use std::collections::BTreeMap;
use wechatpay::v2::ErrorCode;
use wechatpay::v2::micropay::{self, AuthCode};

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

/// Above this, in fen, the payer is asked for the password (5.2).
const WITHOUT_PASSWORD_FEN: i64 = 100_000;

/// `time_expire` lies at least this far ahead.
const SHORTEST_LIFETIME_MS: i64 = 60_000;

fn answer(sandbox: &mut Sandbox, asked: &Asked, moment: &mut Moment<'_>) -> Result<Done, Refusal> {
    let request = micropay::Request::read(&asked.fields).map_err(|error| {
        if AuthCode::refuses(&error) {
            Refusal::from_code(ErrorCode::AuthCodeInvalid)
        } else {
            error.into()
        }
    })?;
    asked.check_trade_type(TradeType::Micropay)?;
    asked.check_sub_merchant(sandbox)?;
    asked.check_currency(request.money.currency())?;
    let mut terms = terms(&asked.fields);
    terms.insert("trade_type".into(), TradeType::Micropay.as_str().into());
    let key = asked.order_key(request.out_trade_no.as_str());
    let known = sandbox.orders.get(&key);
    if let Some(known) = known {
        repeat(known, &terms, &request)?;
    } else {
        check_expiry(&request, moment.now_ms)?;
    }

    let code = sandbox
        .pay_codes
        .get(request.auth_code.expose())
        .ok_or_else(|| Refusal::from_code(ErrorCode::AuthCodeInvalid))?;
    if code.is_used() {
        return Err(Refusal::from_code(ErrorCode::AuthCodeError));
    }
    if code.is_expired(moment.now_ms) {
        return Err(Refusal::from_code(ErrorCode::AuthCodeExpire));
    }
    let PayCode {
        payer, behaviour, ..
    } = *code;
    if known.is_some_and(|known| known.payer != Some(payer)) {
        return Err(Refusal::from_code(ErrorCode::BuyerMismatch));
    }
    if let Some(code) = sandbox.pay_codes.get_mut(request.auth_code.expose()) {
        code.used = true;
    }
    if sandbox.orders.get(&key).is_none() {
        sandbox.orders.insert(Order {
            account: request.account.clone(),
            out_trade_no: request.out_trade_no.as_str().to_owned(),
            trade_type: TradeType::Micropay,
            money: request.money,
            terms,
            payer: Some(payer),
            sign_type: asked.sign_type,
            created_ms: moment.now_ms,
            expires_ms: request.time_expire_ms,
            prepay_id: None,
            code_url: None,
            mweb_url: None,
            prepaid_ms: moment.now_ms,
            state: State::NotPay,
            refunded: false,
        });
    }
    scanned(sandbox, &key, behaviour, moment)?;

    let payment = sandbox.orders.get(&key).and_then(Order::payment).cloned();
    let answer = micropay::Answer {
        payment: payment.ok_or_else(|| Refusal::from_code(ErrorCode::SystemError))?,
        device_info: asked.fields.get_nonempty("device_info").map(str::to_owned),
    };
    let fields = answer.to_fields(&asked.account(), &moment.nonce());
    Ok(fields.into())
}

/// Whether the same number may be tried again.
fn repeat(
    known: &Order,
    terms: &BTreeMap<String, String>,
    request: &micropay::Request,
) -> Result<(), Refusal> {
    let code = match known.state {
        _ if known.money != request.money || known.terms != *terms => ErrorCode::OutTradeNoUsed,
        State::Paid { .. } => ErrorCode::OrderPaid,
        State::Closed { .. } => ErrorCode::OrderClosed,
        State::Revoked { .. } => ErrorCode::OrderReversed,
        State::UserPaying { .. } => ErrorCode::UserPaying,
        State::NotPay | State::PayError { .. } => return Ok(()),
    };
    Err(Refusal::from_code(code))
}

fn check_expiry(request: &micropay::Request, now_ms: i64) -> Result<(), Refusal> {
    match request.time_expire_ms {
        // WeChat's times are whole seconds.
        Some(expires_ms) if expires_ms.saturating_sub(now_ms) + 999 < SHORTEST_LIFETIME_MS => {
            Err(Refusal::unsigned(
                ErrorCode::ParamError,
                "time_expire时间过短，刷卡至少1分钟，其他5分钟",
                "time_expire must be at least 1 minute ahead, in China time",
            ))
        }
        _ => Ok(()),
    }
}

/// What comes of a good code. `Ok` is a payment that can be told of.
fn scanned(
    sandbox: &mut Sandbox,
    key: &str,
    behaviour: Option<Behaviour>,
    moment: &mut Moment<'_>,
) -> Result<(), Refusal> {
    let Some(order) = sandbox.orders.get(key) else {
        return Err(Refusal::from_code(ErrorCode::SystemError));
    };
    let cash_fee = order.cash_fee();
    let enough = order.payer.filter(|payer| payer.can_pay(cash_fee));
    let at_ms = moment.now_ms;
    let (code, state) = match (behaviour, enough) {
        (Some(Behaviour::UnsupportedCard), _) => {
            (ErrorCode::NotSupportCard, State::PayError { at_ms })
        }
        (Some(Behaviour::Password), _) => (ErrorCode::UserPaying, asked_for_password()),
        (None, _) if cash_fee > WITHOUT_PASSWORD_FEN => {
            (ErrorCode::UserPaying, asked_for_password())
        }
        (Some(Behaviour::Insufficient), _) | (_, None) => {
            (ErrorCode::NotEnough, State::PayError { at_ms })
        }
        (_, Some(payer)) => {
            sandbox.take_payment(key, payer, moment);
            return match behaviour {
                Some(Behaviour::Silent) => Err(Refusal::NoAnswer),
                Some(Behaviour::BankError) => Err(Refusal::from_code(ErrorCode::BankError)),
                _ => Ok(()),
            };
        }
    };
    sandbox.orders.update(key, |order| order.state = state);
    Err(Refusal::from_code(code))
}

const fn asked_for_password() -> State {
    State::UserPaying {
        reverse_asked: false,
    }
}
