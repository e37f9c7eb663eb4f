//! WeChat's answers about an order that others have changed, answers to older
//! queries, cancelled refunds, delayed reverses.

#![allow(clippy::wildcard_imports, reason = "the helpers of one test")]

use super::*;

fn refunded() -> Event {
    state_reported(TradeState::Refund(Box::new(payment())))
}

/// An answer to a query that was sent at this revision.
pub fn answered(revision: u32, event: Event) -> Event {
    Event::Answered {
        revision,
        event: Box::new(event),
    }
}

#[test]
fn a_payment_that_becomes_known_with_its_refund_is_not_delivered() {
    let order = check(
        "refunded by others",
        vec![
            (
                5,
                refunded(),
                Ok(vec![Effect::Raise(Trouble::ChangedElsewhere), Effect::Rest]),
            ),
            (6, paid(|_| {}), Err(Refusal::AlreadyPaid)),
        ],
    );
    assert_eq!(order.trade_state(), "REFUND");
    assert!(order.paid().unwrap().undelivered);
}

#[test]
fn what_others_did_to_a_paid_order_is_shown_with_an_alarm() {
    for (said, state) in [
        (refunded(), "REFUND"),
        (state_reported(TradeState::Closed), "CLOSED"),
        (state_reported(TradeState::Revoked), "REVOKED"),
    ] {
        let mut order = order();
        order.apply(paid(|_| {}), 1).unwrap();
        let effects = order.apply(said, 2).unwrap();
        let alarm = Effect::Raise(Trouble::ChangedElsewhere);
        assert!(effects.contains(&alarm), "{state}");
        assert_eq!(order.trade_state(), state);
    }
    // A refund made here is not a change by others.
    let mut order = order();
    order.apply(paid(|_| {}), 1).unwrap();
    order.apply(refund("A", 1), 2).unwrap();
    assert_eq!(order.apply(refunded(), 3), Err(Refusal::AlreadyPaid));
}

#[test]
fn an_answer_to_an_older_query_changes_nothing_and_the_query_is_repeated() {
    let mut order = order();
    let before = order.revision();
    order.apply(paid(|_| {}), 1).unwrap();
    let kept = order.clone();
    for old in [
        Event::NotFound,
        state_reported(TradeState::NotPay),
        state_reported(TradeState::Closed),
    ] {
        let asked = order.apply(answered(before, old), 2);
        assert_eq!(asked, Ok(vec![Effect::Query]));
        assert_eq!(order, kept);
    }
    let current = answered(order.revision(), state_reported(TradeState::NotPay));
    assert_eq!(
        order.apply(current, 3),
        raised(Trouble::NotPaidAtWeChat),
        "the answer to a question after the payment"
    );
    // A payment stays true, however old the query is.
    let mut order = self::order();
    order.apply(Event::CloseAsked, 1).unwrap();
    let effects = order.apply(answered(0, paid(|_| {})), 2);
    assert_eq!(effects, Ok(PAID.to_vec()));
}

#[test]
fn an_older_not_found_does_not_end_a_refund_that_was_requested_again() {
    let mut order = order();
    order.apply(paid(|_| {}), 0).unwrap();
    order.apply(refund("A", 150), MINUTE).unwrap();
    let first = order.revision();
    // The timer requests it again while the first request's refusal and the
    // query after it are in flight.
    order.apply(Event::Due, 75_000).unwrap();
    let declined = Event::RefundDeclined {
        out_refund_no: "A".to_owned(),
        err_code: "ORDERNOTEXIST".to_owned(),
        later: false,
    };
    let query = Effect::QueryRefund("A".to_owned());
    let effects = order.apply(answered(first, declined.clone()), 76_000);
    assert_eq!(effects, Ok(vec![query]));
    assert_eq!(order.refunds()[0].status, RefundStatus::Asked);
    // A refusal of the second does not end it either, while the first may still
    // arrive.
    let second = order.revision();
    order
        .apply(answered(second, declined.clone()), 77_000)
        .unwrap();
    assert_eq!(order.refunds()[0].status, RefundStatus::Asked);
    for at_ms in [105_000, 165_000] {
        order.apply(Event::Due, at_ms).unwrap();
        let now = order.revision();
        order.apply(answered(now, declined.clone()), at_ms).unwrap();
    }
    assert_eq!(order.refunds()[0].status, RefundStatus::Closed);
}

#[test]
fn a_refused_refund_does_not_make_the_next_too_soon() {
    let mut order = order();
    order.apply(paid(|_| {}), 0).unwrap();
    order.apply(refund("A", 150), MINUTE).unwrap();
    assert_eq!(
        order.apply(refund("B", 1), MINUTE + 1),
        Err(Refusal::RefundExceedsPaid)
    );
    let declined = Event::RefundDeclined {
        out_refund_no: "A".to_owned(),
        err_code: "USER_ACCOUNT_ABNORMAL".to_owned(),
        later: false,
    };
    order.apply(declined, MINUTE + 1).unwrap();
    order.apply(refund("B", 150), MINUTE + 2).unwrap();
}

#[test]
fn a_cancelled_refund_ends_only_when_nothing_can_make_it_any_more() {
    let cancel = || Event::RefundCancelAsked {
        out_refund_no: "A".to_owned(),
    };
    let not_found = || Event::RefundNotFound {
        out_refund_no: "A".to_owned(),
    };
    let mut order = order();
    order.apply(paid(|_| {}), 0).unwrap();
    assert_eq!(order.apply(cancel(), 1), Err(Refusal::RefundUnknown));
    order.apply(refund("A", 150), MINUTE).unwrap();
    let query = Effect::QueryRefund("A".to_owned());
    assert_eq!(
        order.apply(cancel(), 70_000),
        Ok(vec![query.clone(), Effect::WakeAt(85_000)])
    );
    // The latest request may still arrive.
    order.apply(not_found(), 70_001).unwrap();
    assert_eq!(order.refunds()[0].status, RefundStatus::Asked);
    for at_ms in [85_000, 115_000, 175_000] {
        let effects = order.apply(Event::Due, at_ms).unwrap();
        assert!(effects.contains(&query));
        assert!(!effects.contains(&Effect::Refund("A".to_owned())));
    }
    assert_eq!(order.apply(not_found(), 175_001), Ok(ended("A")));
    assert!(order.refunds()[0].is_never_taken());
    assert_eq!(order.apply(cancel(), 175_002), Err(Refusal::RefundFinal));
    assert_eq!(order.trade_state(), "SUCCESS");
    order.apply(refund("B", 150), 175_003).unwrap();

    // WeChat made the refund nevertheless: it is shown, with an alarm.
    let made = refund_reported(
        "A",
        RefundState::Success {
            refund_id: "50000".to_owned(),
        },
    );
    let effects = order.apply(made.clone(), 175_004).unwrap();
    assert!(effects.contains(&Effect::Raise(Trouble::RefundMadeAfterAll)));
    assert_eq!(order.apply(made, 175_005), Err(Refusal::RefundFinal));
    assert_eq!(order.apply(cancel(), 175_006), Err(Refusal::RefundTaken));
}

#[test]
fn a_refund_that_waits_for_an_hour_raises_an_alarm_every_day() {
    let mut order = order();
    order.apply(paid(|_| {}), 0).unwrap();
    order.apply(refund("A", 150), 0).unwrap();
    let alarm = Effect::Raise(Trouble::RefundWaits);
    let mut raised_at = Vec::new();
    let mut now_ms = 15_000;
    while now_ms < 2 * 24 * 60 * MINUTE {
        let effects = order.apply(Event::Due, now_ms).unwrap();
        if effects.contains(&alarm) {
            raised_at.push(now_ms / MINUTE);
        }
        now_ms = effects
            .iter()
            .find_map(|effect| match effect {
                Effect::WakeAt(at_ms) => Some(*at_ms),
                _ => None,
            })
            .unwrap();
    }
    assert_eq!(raised_at.len(), 2, "{raised_at:?}");
    assert!((60..75).contains(&raised_at[0]), "{raised_at:?}");
}

#[test]
fn a_reverse_without_an_answer_is_queried_and_raises_an_alarm() {
    let mut order = quick_pay();
    order.apply(Event::ReverseAsked, 20_000).unwrap();
    let mut now_ms = 25_000;
    for check in 1..=3 {
        let effects = order.apply(Event::Due, now_ms).unwrap();
        assert!(!effects.contains(&Effect::Query), "check {check}");
        now_ms += MINUTE;
    }
    let effects = order.apply(Event::Due, now_ms).unwrap();
    assert!(effects.contains(&Effect::Query) && effects.contains(&Effect::Reverse));
    assert_eq!(order.apply(refund("A", 150), now_ms), Err(Refusal::NotPaid));
    assert_eq!(
        order.apply(paid_reported(), now_ms),
        raised(Trouble::ReverseWaits)
    );
    assert_eq!(order.trade_state(), "USERPAYING");
    // The documented alternative.
    let effects = order.apply(refund("A", 150), now_ms).unwrap();
    assert_eq!(effects[0], Effect::Refund("A".to_owned()));
    assert_eq!(order.trade_state(), "REFUND");

    let mut order = quick_pay();
    order.apply(Event::ReverseAsked, 20_000).unwrap();
    let alarms = (1..=8).map(|n| {
        let effects = order.apply(Event::Due, 20_000 + n * MINUTE).unwrap();
        effects.contains(&Effect::Raise(Trouble::ReverseWaits))
    });
    assert_eq!(alarms.filter(|raised| *raised).count(), 1);
}

#[test]
fn a_payment_after_an_unpaid_reverse_raises_an_alarm_and_is_queried() {
    let mut order = quick_pay();
    order.apply(Event::ReverseAsked, 20_000).unwrap();
    let done = Event::ReverseAnswered(ReverseAnswer::Done);
    order.apply(done, 20_001).unwrap();
    assert_eq!(
        order.apply(paid(by_quick_pay), 20_002),
        Ok(vec![
            Effect::Raise(Trouble::PaidAfterReverse),
            Effect::Query
        ])
    );
    let revision = order.revision();
    let stays = order.apply(
        answered(revision, state_reported(TradeState::Revoked)),
        20_003,
    );
    assert_eq!(stays, Ok(vec![]));
    // WeChat still has the money: the merchant can refund it.
    let effects = order.apply(answered(revision, paid_reported()), 20_004);
    assert_eq!(
        effects,
        Ok(vec![Effect::Raise(Trouble::PaidAfterReverse), Effect::Rest])
    );
    assert_eq!(order.trade_state(), "SUCCESS");
}

#[test]
fn a_refused_reverse_is_followed_by_a_query_that_may_say_revoked() {
    let mut order = quick_pay();
    order.apply(paid(by_quick_pay), 1).unwrap();
    order.apply(Event::ReverseAsked, 20_000).unwrap();
    // An earlier reverse took effect, and its answer was lost.
    let refused = Event::ReverseAnswered(ReverseAnswer::Refused);
    assert_eq!(order.apply(refused, 20_001), asked_after_refusal(20_001));
    assert!(order.waits(), "it is queried until WeChat answers");
    order
        .apply(state_reported(TradeState::Revoked), 20_002)
        .unwrap();
    assert!(matches!(
        order.status(),
        Status::Revoked { paid: Some(_), .. }
    ));
}

#[test]
fn a_failed_quick_pay_is_reversed_too() {
    let reverse = |at_ms| Ok(vec![Effect::Reverse, Effect::WakeAt(at_ms)]);
    let order = check_quick_pay(
        "failed",
        vec![
            (
                1_000,
                state_reported(TradeState::PayError),
                Ok(vec![Effect::WakeAt(15_000)]),
            ),
            (15_000, Event::Due, reverse(25_000)),
            (
                15_001,
                Event::ReverseAnswered(ReverseAnswer::Done),
                Ok(vec![Effect::Rest]),
            ),
        ],
    );
    assert_eq!(order.trade_state(), "PAYERROR");
    let order = check_quick_pay(
        "paid all the same: it goes back, because the till was told that it failed",
        vec![
            (
                1_000,
                state_reported(TradeState::PayError),
                Ok(vec![Effect::WakeAt(15_000)]),
            ),
            (2_000, paid_reported(), Ok(vec![Effect::WakeAt(15_000)])),
            (15_000, Event::Due, reverse(25_000)),
            (
                15_001,
                Event::ReverseAnswered(ReverseAnswer::Done),
                Ok(vec![Effect::Rest]),
            ),
        ],
    );
    assert_eq!(order.trade_state(), "REVOKED");
}

#[test]
fn the_clock_alone_does_not_end_a_quick_pay() {
    let mut order = quick_pay();
    order.apply(Event::ReverseAsked, 20_000).unwrap();
    let refused = Event::ReverseAnswered(ReverseAnswer::Refused);
    order.apply(refused, 20_001).unwrap();
    // The clock jumps by three hours.
    let mut now_ms = 3 * 60 * MINUTE;
    let mut checks = 0;
    loop {
        order
            .apply(state_reported(TradeState::NotPay), now_ms)
            .unwrap();
        if order.trade_state() == "PAYERROR" {
            break;
        }
        let effects = order.apply(Event::Due, now_ms).unwrap();
        let Some(Effect::WakeAt(at_ms)) = effects.last() else {
            panic!("it has no timer");
        };
        now_ms = *at_ms;
        checks += 1;
    }
    assert_eq!(checks, 26);
    let took_ms = now_ms - 3 * 60 * MINUTE;
    assert!(took_ms > 2 * 60 * MINUTE, "{took_ms}");
}
