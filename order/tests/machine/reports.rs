//! Payments that only a notice reports.

#![allow(clippy::wildcard_imports, reason = "the helpers of one test")]

use super::answers::answered;
use super::*;

fn reported(change: impl FnOnce(&mut Payment)) -> Event {
    let mut payment = payment();
    change(&mut payment);
    Event::PaymentReported(Box::new(payment))
}

fn query_and_wake(at_ms: i64) -> Vec<Effect> {
    vec![Effect::Query, Effect::WakeAt(at_ms)]
}

#[test]
fn a_notice_pays_only_when_a_query_confirms_it() {
    let confirmed = Event::StateReported(TradeState::Success(Box::new(payment())), Via::Query);
    let order = check(
        "reported",
        vec![
            (
                5,
                reported(|p| p.money = money(151)),
                Err(Refusal::OtherAmount),
            ),
            (5, reported(|_| {}), Ok(query_and_wake(5_005))),
            // The notice again.
            (6, reported(|_| {}), Ok(vec![])),
            // No answer: the timer repeats the query.
            (5_005, Event::Due, Ok(query_and_wake(15_005))),
            (15_005, Event::Due, Ok(query_and_wake(45_005))),
            // WeChat does not have it yet.
            (15_006, state_reported(TradeState::NotPay), Ok(vec![])),
            (45_005, Event::Due, Ok(query_and_wake(105_005))),
            (45_006, confirmed, Ok(PAID.to_vec())),
            (45_007, reported(|_| {}), Err(Refusal::AlreadyPaid)),
            (
                45_008,
                reported(|p| p.transaction_id = "X".to_owned()),
                Err(Refusal::PaidTwice),
            ),
        ],
    );
    assert_eq!(order.reported(), None);
}

#[test]
fn an_unconfirmed_payment_is_open_and_not_paid() {
    let mut order = order();
    order.apply(reported(|_| {}), 5).unwrap();
    assert!(order.is_open() && order.paid().is_none());
    assert_eq!(order.trade_state(), "USERPAYING");
    let refused = order.apply(refund("R1", 1), 6);
    assert_eq!(refused, Err(Refusal::NotPaid));
}

/// A payment that is reported after the close is queried until WeChat confirms
/// it, or has denied it for an hour.
#[test]
fn a_report_about_a_closed_order_is_confirmed_or_dropped() {
    let closed = || {
        let mut order = order();
        order.apply(Event::CloseAsked, 0).unwrap();
        let answer = Event::CloseAnswered(CloseAnswer::Closed);
        assert_eq!(order.apply(answer, 1), Ok(vec![Effect::Rest]));
        let report = order.apply(reported(|_| {}), 2);
        assert_eq!(report, Ok(query_and_wake(5_002)));
        order
    };
    let mut order = closed();
    let confirmed = Event::StateReported(TradeState::Success(Box::new(payment())), Via::Query);
    assert_eq!(order.apply(confirmed, 3), Ok(PAID.to_vec()));

    let mut order = closed();
    assert_eq!(
        order.apply(state_reported(TradeState::Closed), 3),
        Ok(vec![])
    );
    assert_eq!(order.apply(Event::Due, 5_002), Ok(query_and_wake(15_002)));
    // Without an answer it is never dropped.
    for hour in 2..30 {
        let effects = order.apply(Event::Due, hour * 3_600_000).unwrap();
        assert_eq!(effects[0], Effect::Query);
    }
    let denied = order.apply(state_reported(TradeState::Closed), 31 * 3_600_000);
    assert_eq!(denied, Ok(vec![Effect::Rest]));
    assert_eq!((order.reported(), order.trade_state()), (None, "CLOSED"));
}

/// An order that is closed while a payment is reported keeps its timer.
#[test]
fn a_close_does_not_end_a_report() {
    let mut order = order();
    order.apply(reported(|_| {}), EXPIRES).unwrap();
    let expired = order
        .apply(state_reported(TradeState::NotPay), EXPIRES + 1)
        .unwrap();
    assert!(expired.contains(&Effect::Close), "{expired:?}");
    let closed = order.apply(Event::CloseAnswered(CloseAnswer::Closed), EXPIRES + 2);
    assert_eq!(closed, Ok(vec![Effect::WakeAt(EXPIRES + 5_002)]));
}

#[test]
fn every_field_that_the_order_knows_is_compared() {
    type Change = fn(&mut Payment);
    let table: [(Change, Refusal); 4] = [
        (|p| p.trade_type = TradeType::Jsapi, Refusal::OtherTradeType),
        (|p| p.attach = Some("x".to_owned()), Refusal::OtherAttach),
        (|p| p.money = money(149), Refusal::OtherAmount),
        (|p| p.out_trade_no = "2".to_owned(), Refusal::OtherOrder),
    ];
    for (change, refusal) in table {
        check("notice", vec![(5, reported(change), Err(refusal))]);
        check("query", vec![(5, paid(change), Err(refusal))]);
    }
    let bound = || {
        let terms = Terms {
            trade_type: TradeType::Jsapi,
            openid: Some("oAlice".to_owned()),
            attach: Some("table 7".to_owned()),
            ..terms()
        };
        Order::prepaid(terms, Prepayment::default(), 0).0
    };
    let by = |openid: Option<&str>, attach: Option<&str>| {
        paid(|p| {
            p.trade_type = TradeType::Jsapi;
            p.openid = openid.map(str::to_owned);
            p.attach = attach.map(str::to_owned);
        })
    };
    for (openid, attach, expect) in [
        (Some("oAlice"), Some("table 7"), Ok(PAID.to_vec())),
        (None, None, Ok(PAID.to_vec())),
        (Some("oAlice"), Some(" table 7 "), Ok(PAID.to_vec())),
        (Some("oBob"), Some("table 7"), Err(Refusal::OtherPayer)),
        (Some("oAlice"), Some("table 8"), Err(Refusal::OtherAttach)),
    ] {
        assert_eq!(
            bound().apply(by(openid, attach), 5),
            expect,
            "{openid:?} {attach:?}"
        );
    }
}

/// WeChat may deny the report of a payment of a reversed order; an operator
/// learns of it in either case.
#[test]
fn a_report_about_a_reversed_order_raises_an_alarm_and_is_queried() {
    let reversed = || {
        let mut order = quick_pay();
        order.apply(Event::ReverseAsked, 20_000).unwrap();
        let done = Event::ReverseAnswered(ReverseAnswer::Done);
        order.apply(done, 20_001).unwrap();
        assert_eq!(
            order.apply(reported(by_quick_pay), 20_002),
            Ok(vec![
                Effect::Raise(Trouble::PaidAfterReverse),
                Effect::Query,
                Effect::WakeAt(25_002)
            ])
        );
        order
    };
    let mut order = reversed();
    assert_eq!(order.apply(Event::Due, 25_002), Ok(query_and_wake(35_002)));
    let denied = order.apply(state_reported(TradeState::Revoked), 25_003);
    assert_eq!(denied, Ok(vec![Effect::Rest]));
    assert_eq!((order.reported(), order.trade_state()), (None, "REVOKED"));

    let mut order = reversed();
    let confirmed = order.apply(paid_reported(), 20_003).unwrap();
    assert!(confirmed.contains(&Effect::Raise(Trouble::PaidAfterReverse)));
    assert_eq!(order.trade_state(), "SUCCESS");
}

/// Neither the end of a Quick Pay nor the answer that its number is another
/// order's leaves a report that is queried for ever.
#[test]
fn a_report_about_a_quick_pay_ends_with_it() {
    let mut order = quick_pay();
    let report = order.apply(reported(by_quick_pay), 5);
    assert_eq!(report, Ok(vec![Effect::Query]));
    let taken = order.apply(Event::NumberTaken, 6).unwrap();
    assert!(taken.contains(&Effect::Rest), "{taken:?}");
    assert_eq!(order.reported(), None);

    // It failed and is being reversed: the payment is returned.
    let mut order = quick_pay();
    order
        .apply(state_reported(TradeState::PayError), 1_000)
        .unwrap();
    let report = order.apply(reported(by_quick_pay), 2_000);
    assert_eq!(report, Ok(vec![Effect::Query]));
    let due = order.apply(Event::Due, 15_000).unwrap();
    assert!(due.contains(&Effect::Query) && due.contains(&Effect::Reverse));
    order.apply(paid_reported(), 15_001).unwrap();
    assert!(matches!(
        order.status(),
        Status::Reversing { paid: Some(_), .. }
    ));
    assert_eq!(order.reported(), None);
    let again = order.apply(reported(by_quick_pay), 15_002);
    assert_eq!(again, Err(Refusal::Reversed));

    // It failed and was reversed, and a notice reports a payment: WeChat's
    // answer that it was reversed ends the report.
    let mut order = quick_pay();
    order.apply(Event::Declined, 1).unwrap();
    let report = order.apply(reported(by_quick_pay), 2);
    assert_eq!(report, Ok(query_and_wake(5_002)));
    let denied = order.apply(state_reported(TradeState::Revoked), 3);
    assert_eq!(denied, Ok(vec![Effect::Rest]));
    assert_eq!((order.reported(), order.trade_state()), (None, "PAYERROR"));
}

/// An answer to a query from before the report does not deny it.
#[test]
fn an_answer_from_before_a_report_does_not_deny_it() {
    let mut order = order();
    let before = order.revision();
    order.apply(reported(|_| {}), 5).unwrap();
    let old = answered(before, state_reported(TradeState::NotPay));
    let effects = order.apply(old, 4_000_000).unwrap();
    assert_eq!(effects, [Effect::Query]);
    assert!(order.reported().is_some());
}
