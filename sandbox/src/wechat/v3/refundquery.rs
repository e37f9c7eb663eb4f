//! Query refund: one by either number, or all of an order's.

use super::call::{Done, Refusal, VerifiedRequest};
use super::refund::refund_message;
use crate::moment::Moment;
use crate::wechat::refunds;
use crate::wechat::state::WeChat;
use order::Currency;
use wechatpay::v3::refund::In;
use wechatpay::v3::refundquery::{Lookup, Page, PageRequest, Request};
use wechatpay::v3::{ErrorCode, Merchant, Region};

/// One refund.
pub(super) fn one(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    _moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let request =
        Request::read(&verified.incoming()).map_err(|error| verified.unreadable(error))?;
    let account = verified.account(wechat, &request.merchant)?;
    let sub_mch_id = account.sub_mch_id.as_deref();
    let refund = match &request.by {
        Lookup::RefundId(id) => wechat
            .refunds
            .values()
            .find(|refund| refund.refund_id == id.as_str()),
        Lookup::OutRefundNo(number) => {
            let key = refunds::key(&account.mch_id, sub_mch_id, number.as_str());
            wechat.refunds.get(&key)
        }
    };
    let (refund, order) = refund
        .filter(|refund| {
            refund.mch_id == account.mch_id && refund.sub_mch_id.as_deref() == sub_mch_id
        })
        .and_then(|refund| Some((refund, wechat.orders.get(&refund.order_key)?)))
        .ok_or_else(|| Refusal::of(ErrorCode::ResourceNotExists))?;
    let region = verified.region();
    Ok(Done::json(
        refund_message(order, refund, region).to_json(In::Query, region),
    ))
}

/// All refunds of an order, oldest first, a page at a time.
pub(super) fn all(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    _moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let request =
        PageRequest::read(&verified.incoming()).map_err(|error| verified.unreadable(error))?;
    let account = verified.account(wechat, &request.merchant)?;
    let none = || Refusal::of(ErrorCode::ResourceNotExists);
    let order = super::call::find_order(wechat, &account, &request.by).ok_or_else(none)?;
    let refunds = wechat.refunds.of_order(&order.key());
    if refunds.is_empty() {
        return Err(none());
    }
    let page = Page {
        transaction_id: order
            .payment()
            .map(|paid| paid.transaction_id.clone())
            .unwrap_or_default(),
        out_trade_no: order.out_trade_no.clone(),
        money: order.money,
        payer_total: Some(order.cash_fee()),
        payer_currency: Some(Currency::Cny.code().to_owned()),
        total_num: i64::try_from(refunds.len()).unwrap_or(i64::MAX),
        refunds: refunds
            .into_iter()
            .skip(usize::try_from(request.offset).unwrap_or(usize::MAX))
            .take(usize::try_from(request.count.get()).unwrap_or(usize::MAX))
            .map(|refund| refund_message(order, refund, Region::Global))
            .collect(),
    };
    Ok(Done::json(page.to_json(&Merchant::from(&account))))
}
