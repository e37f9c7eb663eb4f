//! An operator's decision about a payment that does not match the order, and
//! refunds whose end WeChat corrects.

#![allow(clippy::wildcard_imports, reason = "the helpers of one test")]

use super::answers::answered;
use super::*;

fn different(change: impl FnOnce(&mut Payment)) -> Box<Payment> {
    let mut payment = payment();
    change(&mut payment);
    Box::new(payment)
}

fn answer(payment: &Payment) -> Event {
    Event::StateReported(TradeState::Success(Box::new(payment.clone())), Via::Query)
}

fn accepted(payment: &Payment) -> Event {
    Event::Accepted(Box::new(answer(payment)))
}

fn rejected(payment: &Payment) -> Event {
    Event::Rejected {
        transaction_id: payment.transaction_id.clone(),
    }
}

#[test]
fn an_answer_with_another_attach_pays_a_prepaid_order_with_an_alarm() {
    let other = different(|p| p.attach = Some("x".to_owned()));
    let mut order = order();
    let told = Event::StateReported(TradeState::Success(other.clone()), Via::Notice);
    assert_eq!(order.apply(told, 5), Err(Refusal::OtherAttach));
    let report = Event::PaymentReported(other.clone());
    assert_eq!(order.apply(report.clone(), 5), Err(Refusal::OtherAttach));
    let mut effects = vec![Effect::Raise(Trouble::OtherAttach)];
    effects.extend(PAID);
    assert_eq!(order.apply(answer(&other), 6), Ok(effects));
    // With a known attach neither a query nor a notice raises an alarm.
    assert_eq!(order.apply(answer(&other), 7), Err(Refusal::AlreadyPaid));
    assert_eq!(order.apply(report, 8), Err(Refusal::AlreadyPaid));
    let third = different(|p| p.attach = Some("y".to_owned()));
    let told = Event::StateReported(TradeState::Success(third), Via::Notice);
    assert_eq!(order.apply(told, 9), Err(Refusal::OtherAttach));
}

#[test]
fn an_accepted_payment_gives_the_order_its_terms() {
    type Change = fn(&mut Payment);
    let all: [(Change, Refusal); 5] = [
        (|p| p.money = money(151), Refusal::OtherAmount),
        (
            |p| p.money = Money::new(150, Currency::Usd).unwrap(),
            Refusal::OtherCurrency,
        ),
        (|p| p.trade_type = TradeType::App, Refusal::OtherTradeType),
        (|p| p.account.appid = "wx".to_owned(), Refusal::OtherApp),
        (
            |p| p.account.sub_appid = Some("wx".to_owned()),
            Refusal::OtherApp,
        ),
    ];
    for (change, refusal) in all {
        let other = different(change);
        let mut order = order();
        assert_eq!(order.apply(answer(&other), 5), Err(refusal));
        assert_eq!(order.apply(accepted(&other), 6), Ok(PAID.to_vec()));
        assert_eq!(order.terms().money, other.money);
        assert_eq!(order.terms().trade_type, other.trade_type);
        assert_eq!(order.apply(answer(&other), 7), Err(Refusal::AlreadyPaid));
        assert_eq!(order.apply(accepted(&other), 8), Err(Refusal::OwnPayment));
    }
}

#[test]
fn a_payment_under_another_number_or_merchant_cannot_be_accepted() {
    type Change = fn(&mut Payment);
    let all: [(Change, Refusal); 3] = [
        (|p| p.out_trade_no = "other".to_owned(), Refusal::OtherOrder),
        (
            |p| p.account.mch_id = "other".to_owned(),
            Refusal::OtherMerchant,
        ),
        (
            |p| p.account.sub_mch_id = Some("other".to_owned()),
            Refusal::OtherMerchant,
        ),
    ];
    for (change, refusal) in all {
        let mut order = order();
        let before = order.clone();
        assert_eq!(order.apply(accepted(&different(change)), 5), Err(refusal));
        assert_eq!(order, before);
    }
    let mut order = order();
    order.apply(paid(|_| {}), 5).unwrap();
    let before = order.clone();
    let second = different(|p| p.transaction_id = "second".to_owned());
    assert_eq!(order.apply(accepted(&second), 6), Err(Refusal::PaidTwice));
    assert_eq!(
        order.apply(rejected(&payment()), 6),
        Err(Refusal::OwnPayment)
    );
    assert_eq!(order, before);
    // A rejected second payment raises no further alarm.
    assert_eq!(order.apply(rejected(&second), 7), Ok(vec![Effect::Rest]));
    assert_eq!(
        order.apply(answer(&second), 8),
        Err(Refusal::RejectedPayment)
    );
    assert_eq!(order.status(), before.status());
}

#[test]
fn a_rejected_payment_ends_the_order_and_closes_nothing_at_wechat() {
    let other = different(|p| p.money = money(151));
    for closing in [false, true] {
        let mut order = order();
        if closing {
            order.apply(Event::CloseAsked, 1).unwrap();
        }
        assert_eq!(order.apply(rejected(&other), 5), Ok(vec![Effect::Rest]));
        assert!(matches!(order.status(), Status::Closed { .. }));
        assert!(!order.waits());
        assert_eq!(
            order.apply(answer(&other), 6),
            Err(Refusal::RejectedPayment)
        );
        let report = Event::PaymentReported(other.clone());
        assert_eq!(order.apply(report, 6), Err(Refusal::RejectedPayment));
        let text = serde_json::to_string(&order).unwrap();
        assert_eq!(serde_json::from_str::<Order>(&text).unwrap(), order);
        // A report that matches later is a payment; a decision can change.
        let mut fits = order.clone();
        assert_eq!(fits.apply(answer(&payment()), 7), Ok(PAID.to_vec()));
        assert_eq!(order.apply(accepted(&other), 7), Ok(PAID.to_vec()));
        assert!(!order.has_rejected(&other.transaction_id));
    }
    let mut order = quick_pay();
    assert_eq!(order.apply(rejected(&other), 5), Ok(vec![Effect::Rest]));
    assert!(matches!(
        order.status(),
        Status::PayError {
            reverse_pending: false,
            ..
        }
    ));
}

#[test]
fn an_accepted_payment_of_an_order_that_is_being_reversed_still_goes_back() {
    let mut order = quick_pay();
    order.apply(Event::ReverseAsked, 15_000).unwrap();
    let other = different(|p| {
        by_quick_pay(p);
        p.money = money(1);
    });
    assert_eq!(
        order.apply(answer(&other), 15_001),
        Err(Refusal::OtherAmount)
    );
    assert_eq!(order.apply(accepted(&other), 15_002), Ok(vec![]));
    assert!(order.known_payment().is_some() && order.paid().is_none());
    let done = Event::ReverseAnswered(ReverseAnswer::Done);
    assert_eq!(order.apply(done, 15_003), Ok(vec![Effect::Rest]));
    assert_eq!(order.trade_state(), "REVOKED");
}

#[test]
fn a_closed_order_that_wechat_would_still_take_money_for_is_closed_there() {
    // A payer whose payment failed can try again.
    for state in [TradeState::NotPay, TradeState::PayError] {
        let mut order = order();
        order.apply(state_reported(TradeState::Closed), 5).unwrap();
        let asked = order.apply(state_reported(state), 6);
        assert_eq!(asked, Ok(vec![Effect::Close]));
        let closed = Event::CloseAnswered(CloseAnswer::Closed);
        assert_eq!(order.apply(closed, 7), Ok(vec![]));
    }
}

/// An abnormal refund is settled on the merchant platform; a refund that WeChat
/// closed is made after all. Only an answer to a current query reports that.
#[test]
fn a_refund_that_returned_nothing_follows_wechat() {
    let success = || RefundState::Success {
        refund_id: "50".to_owned(),
    };
    for (first, alarm) in [(RefundState::Abnormal, false), (RefundState::Closed, true)] {
        let mut order = order();
        order.apply(paid(|_| {}), 5).unwrap();
        order.apply(refund("A", 100), MINUTE).unwrap();
        order
            .apply(refund_reported("A", first), MINUTE + 1)
            .unwrap();
        let old = answered(order.revision() - 1, refund_reported("A", success()));
        let ask = vec![Effect::QueryRefund("A".to_owned())];
        assert_eq!(order.apply(old, MINUTE + 2), Ok(ask));
        let now = answered(order.revision(), refund_reported("A", success()));
        let effects = order.apply(now, MINUTE + 3).unwrap();
        assert!(effects.contains(&Effect::DeliverRefund("A".to_owned())));
        let raised = Effect::Raise(Trouble::RefundMadeAfterAll);
        assert_eq!(effects.contains(&raised), alarm);
        assert_eq!(order.refunds()[0].status, RefundStatus::Success);
        let again = order.apply(refund_reported("A", RefundState::Abnormal), MINUTE + 4);
        assert_eq!(again, Err(Refusal::RefundFinal));
    }
}

/// A report beside a rejected payment ends like any other that WeChat denies.
#[test]
fn a_report_is_denied_by_an_answer_that_names_a_rejected_payment() {
    let other = different(|p| p.money = money(151));
    let mut order = order();
    order.apply(rejected(&other), 5).unwrap();
    let report = Event::PaymentReported(different(|p| p.transaction_id = "forged".to_owned()));
    let asked = vec![Effect::Query, Effect::WakeAt(5_006)];
    assert_eq!(order.apply(report, 6), Ok(asked));
    assert_eq!(
        order.apply(answer(&other), 7),
        Err(Refusal::RejectedPayment)
    );
    let hour = 60 * MINUTE;
    let denied = order.apply(answer(&other), 6 + hour);
    assert_eq!(denied, Ok(vec![Effect::Rest]));
    assert!(!order.waits() && order.reported().is_none());
}

/// Once after an hour, then once a day; a clock that jumps does not count as an
/// hour.
#[test]
fn an_order_that_no_answer_ends_raises_an_alarm_every_day() {
    let day = 24 * 60 * MINUTE;
    let mut order = order();
    let (mut now_ms, mut raised) = (0, Vec::new());
    while now_ms < 2 * day {
        let effects = order.apply(Event::Due, now_ms).unwrap();
        if effects.contains(&Effect::Raise(Trouble::CloseWaits)) {
            raised.push(now_ms / (10 * MINUTE));
        }
        let at = effects.iter().find_map(|effect| match effect {
            Effect::WakeAt(at_ms) => Some(*at_ms),
            _ => None,
        });
        now_ms = at.unwrap();
    }
    let [first, second] = raised[..] else {
        panic!("{raised:?}")
    };
    assert!((18..=20).contains(&first), "three hours: {raised:?}");
    assert!((144..=146).contains(&(second - first)), "a day: {raised:?}");

    let mut jumped = super::order();
    let effects = jumped.apply(Event::Due, day).unwrap();
    assert!(!effects.contains(&Effect::Raise(Trouble::CloseWaits)));
}

#[test]
fn a_failed_quick_pay_whose_reverse_is_not_answered_raises_an_alarm() {
    let mut order = quick_pay();
    order
        .apply(state_reported(TradeState::PayError), 5_000)
        .unwrap();
    let mut checks = (1..20).map(|n| order.apply(Event::Due, n * MINUTE).unwrap());
    assert!(checks.any(|effects| effects.contains(&Effect::Raise(Trouble::ReverseWaits))));
}

/// WeChat contradicts itself: the latest answer is shown.
#[test]
fn a_paid_order_that_was_closed_elsewhere_and_is_not_is_paid_again() {
    let mut order = order();
    order.apply(paid(|_| {}), 5).unwrap();
    assert_eq!(
        order.apply(state_reported(TradeState::Closed), 6),
        raised(Trouble::ChangedElsewhere)
    );
    assert_eq!(order.trade_state(), "CLOSED");
    assert_eq!(order.apply(answer(&payment()), 7), Ok(vec![]));
    assert_eq!(order.trade_state(), "SUCCESS");
}
