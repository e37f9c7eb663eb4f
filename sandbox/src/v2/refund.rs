//! Refund (seed 002, section 9.4).

use super::{Asked, Call, Done, Refusal, words};
use crate::Sandbox;
use crate::moment::Moment;
use crate::orders::{self, Order, State};
use crate::refunds::{self, Refund, Terms};
use order::{Currency, MAX_REFUNDS, Money};
use wechatpay::v2::refund::{self, FundsSource};
use wechatpay::v2::{ErrorCode, Problem};

pub(super) const CALL: Call = Call {
    certificate: true,
    ..Call::new(
        refund::PATH,
        &[
            &["nonce_str"],
            &["transaction_id", "out_trade_no"],
            &["out_refund_no"],
            &["total_fee"],
            &["refund_fee"],
        ],
        answer,
    )
};

/// How long after the payment it can be refunded. The seed says three months;
/// WeChat has long made it a year.
const LATEST_MS: i64 = 365 * 86_400_000;

fn answer(sandbox: &mut Sandbox, asked: &Asked, moment: &mut Moment<'_>) -> Result<Done, Refusal> {
    let request = refund::Request::read(&asked.fields)?;
    asked.check_sub_merchant(sandbox)?;
    let order = asked.order_to_return(sandbox, &request.by)?;
    let order_key = order.key();
    let key = refunds::key(
        &asked.merchant.mch_id,
        asked.sub_mch_id(),
        request.out_refund_no.as_str(),
    );
    let amounts = request.amounts;
    if let Some(known) = sandbox.refunds.get(&key) {
        let same = known.order_key == order_key
            && known.money.amount_minor() == amounts.refund_fee()
            && order.money.amount_minor() == amounts.total_fee();
        return if same {
            Ok(told(order, known, asked, moment))
        } else {
            Err(Refusal::Signed(
                ErrorCode::InvalidRequest,
                "订单金额或退款金额与之前请求不一致，请核实后再试 (this out_refund_no was sent with other terms)".into(),
            ))
        };
    }

    let money = check(sandbox, asked, order, amounts, moment.now_ms)?;
    let returned = sandbox.refunds.returned(&order_key);
    // The last part takes what rounding left over.
    let cash_refund_fee = if returned.fee + money.amount_minor() == order.money.amount_minor() {
        order.cash_fee() - returned.cash_fee
    } else {
        orders::cash_fee(money)
    };
    let terms = Terms {
        out_refund_no: request.out_refund_no.as_str().to_owned(),
        money,
        cash_refund_fee,
        refund_account: request.refund_account.unwrap_or(FundsSource::Unsettled),
        notify_url: request.notify_url.map(|url| url.as_str().to_owned()),
        refund_id: orders::new_number("50000", moment),
        notice_nonce: moment.nonce(),
        sequence: sandbox.next_id(),
    };
    // Borrowed anew: the sequence belongs to the sandbox.
    let Some(order) = sandbox.orders.get(&order_key) else {
        return Err(Refusal::from_code(ErrorCode::SystemError));
    };
    let refund = Refund::new(order, terms, moment.now_ms);
    let done = told(order, &refund, asked, moment);
    sandbox.refunds.insert(refund);
    sandbox
        .orders
        .update(&order_key, |order| order.refunded = true);
    sandbox.add_funds(
        &asked.merchant.mch_id,
        money.currency(),
        -money.amount_minor(),
    );
    Ok(done)
}

/// Whether a new refund is to be taken, and how much it is.
fn check(
    sandbox: &Sandbox,
    asked: &Asked,
    order: &Order,
    amounts: refund::Amounts,
    now_ms: i64,
) -> Result<Money, Refusal> {
    let State::Paid { at_ms, .. } = &order.state else {
        return Err(Refusal::from_code(ErrorCode::TradeStateError));
    };
    let currency = order.money.currency();
    if amounts
        .refund_fee_type()
        .is_some_and(|given| given != currency)
    {
        return Err(Refusal::Signed(
            ErrorCode::ParamError,
            format!(
                "refund_fee_type: 退款币种与订单币种不一致 (the order is in {})",
                currency.code()
            ),
        ));
    }
    let total = order.money.amount_minor();
    if amounts.total_fee() != total {
        return Err(Refusal::Signed(
            ErrorCode::ParamError,
            format!("total_fee: 订单金额不一致 (the order's total_fee is {total})"),
        ));
    }
    if now_ms >= at_ms.saturating_add(LATEST_MS) {
        return Err(Refusal::from_code(ErrorCode::TradeOverdue));
    }
    let returned = sandbox.refunds.returned(&order.key());
    if returned.fee >= total {
        // WeChat's code for it is no more than this.
        return Err(Refusal::Signed(
            ErrorCode::from_code("ERROR"),
            "订单已全额退款".into(),
        ));
    }
    if returned.fee + amounts.refund_fee() > total {
        return Err(Refusal::Signed(
            ErrorCode::RefundFeeInvalid,
            format!(
                "{} ({} is left)",
                words(&ErrorCode::RefundFeeInvalid),
                total - returned.fee
            ),
        ));
    }
    if returned.count >= MAX_REFUNDS {
        return Err(Refusal::Signed(
            ErrorCode::InvalidRequest,
            "部分退款次数超过限制 (an order has at most 50 refunds)".into(),
        ));
    }
    if asked.merchant.funds_in(currency) < amounts.refund_fee() {
        return Err(Refusal::Signed(
            ErrorCode::NotEnough,
            "基本账户余额不足，请充值后重新发起 (not enough unsettled funds)".into(),
        ));
    }
    Money::new(amounts.refund_fee(), currency)
        .map_err(|_| Problem::OutOfRange.of("refund_fee").into())
}

fn told(order: &Order, refund: &Refund, asked: &Asked, moment: &mut Moment<'_>) -> Done {
    let cny = Some(Currency::Cny.code().to_owned());
    let transaction_id = order.payment().map(|paid| paid.transaction_id.clone());
    let answer = refund::Answer {
        transaction_id: transaction_id.unwrap_or_default(),
        out_trade_no: order.out_trade_no.clone(),
        out_refund_no: refund.out_refund_no.clone(),
        refund_id: refund.refund_id.clone(),
        refund_fee: refund.money.amount_minor(),
        refund_fee_type: Some(refund.money.currency()),
        total_fee: Some(order.money.amount_minor()),
        fee_type: Some(order.money.currency()),
        cash_fee: Some(order.cash_fee()),
        cash_fee_type: cny.clone(),
        cash_refund_fee: Some(refund.cash_refund_fee),
        cash_refund_fee_type: cny,
        rate: Some(orders::rate(order.money.currency()).to_string()),
        settlement_refund_fee: Some(refund.money.amount_minor()),
        settlement_total_fee: Some(order.money.amount_minor()),
        coupon_refund_fee: Some(0),
    };
    answer.to_fields(&asked.account(), &moment.nonce()).into()
}
