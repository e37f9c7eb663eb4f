//! Query refund (WeChat Pay v2 manual, section 9.5).

use super::call::{Call, Done, VerifiedRequest};
use super::refusal::Refusal;
use crate::moment::Moment;
use crate::wechat::orders;
use crate::wechat::refunds::{self, Refund, State};
use crate::wechat::state::WeChat;
use order::Currency;
use wechatpay::common::refund::Channel;
use wechatpay::v2::ErrorCode;
use wechatpay::v2::refundquery::{self, Lookup};

pub(super) const CALL: Call = Call::new(
    refundquery::PATH,
    &[
        &["nonce_str"],
        &[
            "refund_id",
            "out_refund_no",
            "transaction_id",
            "out_trade_no",
        ],
    ],
    answer,
);

fn answer(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let request = refundquery::Request::read(&verified.fields)?;
    verified.check_out_refund_no()?;
    verified.check_sub_merchant(wechat)?;
    let none = || Refusal::from_code(ErrorCode::RefundNotExist);
    let (order_key, wanted) = match &request.by {
        Lookup::RefundId(id) => one(wechat
            .refunds
            .values()
            .find(|refund| refund.refund_id == id.as_str())),
        Lookup::OutRefundNo(number) => one(wechat.refunds.get(&refunds::key(
            &verified.merchant.mch_id,
            verified.sub_mch_id(),
            number.as_str(),
        ))),
        Lookup::TransactionId(id) => {
            let order = wechat.orders.by_transaction_id(id.as_str());
            let order = order
                .filter(|order| verified.may_see(order))
                .ok_or_else(|| Refusal::from_code(ErrorCode::InvalidTransactionId))?;
            all(wechat, order.key())
        }
        Lookup::OutTradeNo(number) => all(wechat, verified.order_key(number.as_str())),
    }
    .ok_or_else(none)?;
    let order = wechat
        .orders
        .get(&order_key)
        .filter(|order| verified.may_see(order))
        .ok_or_else(none)?;

    let offset = usize::try_from(request.offset.unwrap_or_default()).unwrap_or(usize::MAX);
    let page: Vec<_> = wanted
        .iter()
        .skip(offset)
        .take(refundquery::PAGE)
        .map(|refund| reported(refund))
        .collect();
    if page.is_empty() {
        return Err(none());
    }
    let answer = refundquery::Answer {
        transaction_id: order
            .payment()
            .map(|paid| paid.transaction_id.clone())
            .unwrap_or_default(),
        out_trade_no: order.out_trade_no.clone(),
        total_fee: Some(order.money.amount_minor()),
        fee_type: Some(order.money.currency()),
        cash_fee: Some(order.cash_fee()),
        cash_fee_type: Some(Currency::Cny.code().to_owned()),
        rate: Some(orders::rate(order.money.currency()).to_string()),
        total_refund_count: i64::try_from(wanted.len()).ok(),
        refunds: page,
    };
    let fields = answer.to_fields(&verified.account(), &moment.nonce());
    Ok(fields.into())
}

type Found<'a> = Option<(String, Vec<&'a Refund>)>;

fn one(refund: Option<&Refund>) -> Found<'_> {
    refund.map(|refund| (refund.order_key.clone(), vec![refund]))
}

fn all(wechat: &WeChat, order_key: String) -> Found<'_> {
    let refunds = wechat.refunds.of_order(&order_key);
    Some((order_key, refunds))
}

fn reported(refund: &Refund) -> refundquery::Refund {
    let returned = !matches!(refund.state, State::Closed { .. } | State::Change { .. });
    refundquery::Refund {
        out_refund_no: refund.out_refund_no.clone(),
        refund_id: refund.refund_id.clone(),
        refund_fee: refund.money.amount_minor(),
        settlement_refund_fee: Some(refund.money.amount_minor()),
        refund_status: refund.status(),
        refund_channel: returned.then_some(Channel::Original),
        refund_account: Some(refund.refund_account.clone()),
        refund_recv_accout: Some(refund.recipient.clone()),
        refund_success_time_ms: refund.success_ms(),
    }
}
