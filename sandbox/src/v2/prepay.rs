//! Unified order (seed 002, section 9.1).

use super::{Asked, Call, Done, Refusal};
use crate::Sandbox;
use crate::accounts;
use crate::moment::Moment;
use crate::orders::{self, NotPayable, Order, State};
use crate::payers::Payer;
use order::TradeType;
use std::collections::BTreeMap;
use wechatpay::v2::{ErrorCode, Fields, prepay};

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

/// A new order's `time_expire` lies at least this far ahead (9.1.4: "the
/// shortest transaction invalid time should be larger than 5m").
const SHORTEST_LIFETIME_MS: i64 = 5 * 60 * 1000;

/// The fields that make an order another order when they differ. The expiry
/// is not among them (the first request's counts), nor is where and when the
/// request was made.
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

fn answer(sandbox: &mut Sandbox, asked: &Asked, moment: &mut Moment<'_>) -> Result<Done, Refusal> {
    let request = prepay::Request::read(&asked.fields)?;
    let trade_type = request.trade.trade_type();
    asked.check_trade_type(trade_type)?;
    asked.check_sub_merchant(sandbox)?;
    asked.check_currency(request.money.currency())?;
    let payer = payer(sandbox, asked, &request)?;
    let terms = terms(&asked.fields);

    let key = orders::key(
        &asked.merchant.mch_id,
        asked.sub_mch_id(),
        request.out_trade_no.as_str(),
    );
    if let Some(known) = sandbox.orders.get(&key) {
        repeat(known, &terms, &request, moment.now_ms)?;
        if known.payable(moment.now_ms) == Err(NotPayable::Expired) {
            let prepay_id = orders::new_prepay_id(moment);
            let code_url = known
                .code_url
                .as_ref()
                .map(|_| orders::new_code_url(moment));
            let mweb_url = known
                .mweb_url
                .as_ref()
                .map(|_| sandbox.mweb_url(&prepay_id));
            sandbox.orders.update(&key, |order| {
                order.prepay_id = Some(prepay_id);
                order.code_url = code_url;
                order.mweb_url = mweb_url;
                order.prepaid_ms = moment.now_ms;
            });
        }
    } else {
        check_expiry(&request, moment.now_ms)?;
        let prepay_id = orders::new_prepay_id(moment);
        let order = Order {
            account: request.account.clone(),
            out_trade_no: request.out_trade_no.as_str().to_owned(),
            trade_type,
            money: request.money,
            terms,
            payer,
            sign_type: asked.sign_type,
            created_ms: moment.now_ms,
            expires_ms: request.time_expire_ms,
            code_url: (trade_type == TradeType::Native).then(|| orders::new_code_url(moment)),
            mweb_url: (trade_type == TradeType::Mweb).then(|| sandbox.mweb_url(&prepay_id)),
            prepay_id: Some(prepay_id),
            prepaid_ms: moment.now_ms,
            state: State::NotPay,
            refunded: false,
        };
        sandbox.orders.insert(order);
    }

    let order = sandbox
        .orders
        .get(&key)
        .ok_or_else(|| Refusal::from_code(ErrorCode::SystemError))?;
    let answer = prepay::Answer {
        trade_type,
        prepay_id: order.prepay_id.clone().unwrap_or_default(),
        code_url: order.code_url.clone(),
        mweb_url: order.mweb_url.clone(),
    };
    let mut fields = answer.to_fields(&asked.account(), &moment.nonce());
    fields.push_some("device_info", asked.fields.get_nonempty("device_info"));
    Ok(fields.into())
}

/// What an order is made of, as it was sent.
pub(super) fn terms(fields: &Fields) -> BTreeMap<String, String> {
    let sent = |name: &&str| Some(((*name).to_owned(), fields.get_nonempty(name)?.to_owned()));
    TERMS.iter().filter_map(sent).collect()
}

/// Whether the same number may be asked for again.
fn repeat(
    known: &Order,
    terms: &BTreeMap<String, String>,
    request: &prepay::Request,
    now_ms: i64,
) -> Result<(), Refusal> {
    match known.state {
        State::Paid { .. } => return Err(Refusal::from_code(ErrorCode::OrderPaid)),
        State::Closed { .. } => return Err(Refusal::from_code(ErrorCode::OrderClosed)),
        State::Revoked { .. } => return Err(Refusal::from_code(ErrorCode::OrderReversed)),
        State::NotPay | State::UserPaying { .. } | State::PayError { .. } => {}
    }
    // `fee_type` left out and `CNY` are one and the same.
    if known.money != request.money || known.terms != *terms {
        return Err(Refusal::from_code(ErrorCode::OutTradeNoUsed));
    }
    if known.expires_ms.is_some_and(|expires| now_ms >= expires) {
        return Err(Refusal::Signed(
            ErrorCode::OrderClosed,
            "该订单已过期 (time_expire has passed: use a new out_trade_no)".into(),
        ));
    }
    Ok(())
}

fn check_expiry(request: &prepay::Request, now_ms: i64) -> Result<(), Refusal> {
    let Some(expires_ms) = request.time_expire_ms else {
        return Ok(());
    };
    // WeChat's times are whole seconds.
    let from_ms = request
        .time_start_ms
        .map_or(now_ms, |start| start.max(now_ms));
    if expires_ms.saturating_sub(from_ms) + 999 >= SHORTEST_LIFETIME_MS {
        return Ok(());
    }
    Err(Refusal::unsigned(
        ErrorCode::ParamError,
        "time_expire时间过短，刷卡至少1分钟，其他5分钟",
        "time_expire must be at least 5 minutes ahead, in China time",
    ))
}

/// Who alone may pay a JSAPI order. The openid must be of the application it
/// is sent with: `openid` of `appid`, `sub_openid` of `sub_appid`.
fn payer(
    sandbox: &Sandbox,
    asked: &Asked,
    request: &prepay::Request,
) -> Result<Option<Payer>, Refusal> {
    let prepay::Trade::Jsapi(payer) = &request.trade else {
        return Ok(None);
    };
    let (field, appid) = match payer {
        prepay::Payer::Openid(_) => ("openid", Some(asked.merchant.appid.as_str())),
        prepay::Payer::SubOpenid(_) => ("sub_openid", request.account.sub_appid.as_deref()),
    };
    let openid = payer.openid();
    let right = appid.and_then(|appid| Payer::ALL.into_iter().find(|p| p.openid(appid) == openid));
    if let Some(payer) = right {
        return Ok(Some(payer));
    }
    match accounts::owner_of(&sandbox.merchants, openid) {
        None => Err(Refusal::unsigned(
            ErrorCode::ParamError,
            &format!("无效的{field}"),
            format!("{field} is nobody's: GET /sandbox/merchants lists each payer's"),
        )),
        Some(owner) => Err(Refusal::unsigned(
            ErrorCode::ParamError,
            "appid and openid not match",
            format!("{field} belongs to {owner}"),
        )),
    }
}
