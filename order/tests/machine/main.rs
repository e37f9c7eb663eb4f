//! The order's state machine as a table: each case is a list of times and
//! events, and after each its effects or its refusal.

#![allow(
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is not as it should be"
)]

mod answers;
mod decisions;
mod reports;

use order::{
    Account, CloseAnswer, CloseReason, Currency, Effect, Elsewhere, Event, Money, Order,
    OutTradeNo, Payment, Prepayment, RefundState, RefundStatus, Refusal, ReverseAnswer, Status,
    Terms, TradeState, TradeType, Trouble, Via,
};

const MINUTE: i64 = 60_000;
const EXPIRES: i64 = 30 * MINUTE;

fn account() -> Account {
    Account {
        appid: "wx2421b1c4370ec43b".to_owned(),
        mch_id: "10000100".to_owned(),
        sub_appid: None,
        sub_mch_id: None,
    }
}

fn money(amount: i64) -> Money {
    Money::new(amount, Currency::Hkd).unwrap()
}

fn terms() -> Terms {
    Terms {
        out_trade_no: OutTradeNo::new("9900000000").unwrap(),
        account: account(),
        body: "Demo Order".to_owned(),
        money: money(150),
        trade_type: TradeType::Native,
        openid: None,
        attach: None,
        notify_url: Some("https://shop.example.com/notify".to_owned()),
        metadata: Default::default(),
        expires_at_ms: EXPIRES,
    }
}

fn order() -> Order {
    let prepayment = Prepayment {
        prepay_id: "wx241454271591128cfc753dab0139979466".to_owned(),
        code_url: Some("weixin://wxpay/bizpayurl?pr=F2EDdjR".to_owned()),
        mweb_url: None,
        ..Prepayment::default()
    };
    let (order, effects) = Order::prepaid(terms(), prepayment, 0);
    assert_eq!(effects, [Effect::WakeAt(30_000)]);
    order
}

fn payment() -> Payment {
    Payment {
        account: account(),
        out_trade_no: "9900000000".to_owned(),
        transaction_id: "4200000049274123531243563212".to_owned(),
        money: money(150),
        trade_type: TradeType::Native,
        openid: Some("oLYVCwxZrj6sWQFd4hyLWbdNgQ0U".to_owned()),
        sub_openid: None,
        is_subscribe: Some("N".to_owned()),
        sub_is_subscribe: None,
        bank_type: Some("CFT".to_owned()),
        cash_fee: Some(10),
        cash_fee_type: Some("CNY".to_owned()),
        rate: Some("10000000".to_owned()),
        attach: None,
        time_end: "20180107125107".to_owned(),
    }
}

fn paid(change: impl FnOnce(&mut Payment)) -> Event {
    let mut payment = payment();
    change(&mut payment);
    Event::StateReported(TradeState::Success(Box::new(payment)), Via::Notice)
}

fn state_reported(state: TradeState) -> Event {
    Event::StateReported(state, Via::Query)
}

fn refund(number: &str, amount: i64) -> Event {
    Event::RefundAsked {
        out_refund_no: number.to_owned(),
        money: money(amount),
        reason: None,
    }
}

fn refund_because(number: &str, amount: i64, reason: &str) -> Event {
    Event::RefundAsked {
        out_refund_no: number.to_owned(),
        money: money(amount),
        reason: Some(reason.to_owned()),
    }
}

fn refund_reported(number: &str, state: RefundState) -> Event {
    Event::RefundReported {
        out_refund_no: number.to_owned(),
        state,
    }
}

fn raised(trouble: Trouble) -> Result<Vec<Effect>, Refusal> {
    Ok(vec![Effect::Raise(trouble)])
}

/// The merchant is notified how a refund ended.
fn ended(number: &str) -> Vec<Effect> {
    vec![Effect::DeliverRefund(number.to_owned())]
}

/// Runs a case. A refusal must leave the order unchanged.
fn check(name: &str, rows: Vec<(i64, Event, Result<Vec<Effect>, Refusal>)>) -> Order {
    let mut order = order();
    for (row, (at_ms, event, expect)) in rows.into_iter().enumerate() {
        let before = order.clone();
        let got = order.apply(event, at_ms);
        assert_eq!(got, expect, "{name}, row {row}");
        if expect.is_err() {
            assert_eq!(order, before, "{name}, row {row}: a refusal changed it");
        }
    }
    order
}

const PAID: [Effect; 2] = [Effect::Deliver, Effect::Rest];

#[test]
fn a_notice_pays_once() {
    let order = check(
        "notice",
        vec![
            (5, paid(|_| {}), Ok(PAID.to_vec())),
            (6, paid(|_| {}), Err(Refusal::AlreadyPaid)),
            (
                7,
                paid(|p| p.transaction_id = "42000000492741235312435632XX".to_owned()),
                Err(Refusal::PaidTwice),
            ),
            // WeChat contradicts the book, which always raises an alarm.
            (
                8,
                state_reported(TradeState::NotPay),
                raised(Trouble::NotPaidAtWeChat),
            ),
            (9, Event::CloseAsked, Err(Refusal::OrderPaid)),
            (9, Event::NotFound, raised(Trouble::NotPaidAtWeChat)),
            (9, Event::Due, Ok(vec![Effect::Rest])),
        ],
    );
    assert_eq!(order.trade_state(), "SUCCESS");
    assert_eq!(order.paid().unwrap().recorded_at_ms, 5);
}

#[test]
fn a_report_that_is_not_this_orders_is_refused_by_name() {
    type Change = fn(&mut Payment);
    let table: [(&str, Change, Refusal); 7] = [
        (
            "number",
            |p| p.out_trade_no = "1".into(),
            Refusal::OtherOrder,
        ),
        (
            "merchant",
            |p| p.account.mch_id = "1".into(),
            Refusal::OtherMerchant,
        ),
        (
            "sub-merchant",
            |p| p.account.sub_mch_id = Some("1".into()),
            Refusal::OtherMerchant,
        ),
        (
            "application",
            |p| p.account.appid = "wx".into(),
            Refusal::OtherApp,
        ),
        (
            "sub-application",
            |p| p.account.sub_appid = Some("wx".into()),
            Refusal::OtherApp,
        ),
        (
            "currency",
            |p| p.money = Money::new(150, Currency::Cny).unwrap(),
            Refusal::OtherCurrency,
        ),
        ("amount", |p| p.money = money(1), Refusal::OtherAmount),
    ];
    for (name, change, refusal) in table {
        assert!(refusal.is_alarm(), "{name}");
        check(name, vec![(1, paid(change), Err(refusal))]);
    }
    // The order of the comparisons is the order of precedence.
    check(
        "everything is other",
        vec![(
            1,
            paid(|p| {
                p.money = Money::new(1, Currency::Cny).unwrap();
                p.account.appid = "wx".into();
                p.account.mch_id = "1".into();
            }),
            Err(Refusal::OtherMerchant),
        )],
    );
}

#[test]
fn g7_without_a_notice_the_timer_queries_repeatedly() {
    let ask = |at_ms| Ok(vec![Effect::Query, Effect::WakeAt(at_ms)]);
    let order = check(
        "timer",
        vec![
            (30_000, Event::Due, ask(90_000)),
            (90_000, Event::Due, ask(210_000)),
            (210_000, state_reported(TradeState::NotPay), Ok(vec![])),
            (210_000, Event::Due, ask(510_000)),
            (510_000, Event::Due, ask(1_110_000)),
            // Not past the end of its time.
            (1_300_000, Event::Due, ask(EXPIRES)),
            (EXPIRES, Event::Due, ask(EXPIRES + 600_000)),
            (
                EXPIRES + 1,
                state_reported(TradeState::Success(Box::new(payment()))),
                Ok(PAID.to_vec()),
            ),
        ],
    );
    assert_eq!(order.paid().unwrap().via, Via::Query);
}

#[test]
fn an_expired_order_is_queried_then_closed() {
    let order = check(
        "expiry",
        vec![
            (
                EXPIRES,
                state_reported(TradeState::NotPay),
                Ok(vec![Effect::Close, Effect::WakeAt(EXPIRES + 15_000)]),
            ),
            (
                EXPIRES + 1,
                Event::CloseAnswered(CloseAnswer::Unknown),
                Ok(vec![]),
            ),
            (
                EXPIRES + 15_000,
                Event::Due,
                Ok(vec![Effect::Query, Effect::WakeAt(EXPIRES + 45_000)]),
            ),
            (
                EXPIRES + 16_000,
                state_reported(TradeState::NotPay),
                Ok(vec![Effect::Close]),
            ),
            (
                EXPIRES + 17_000,
                Event::CloseAnswered(CloseAnswer::Closed),
                Ok(vec![Effect::Rest]),
            ),
            (
                EXPIRES + 18_000,
                Event::CloseAsked,
                Err(Refusal::OrderClosed),
            ),
        ],
    );
    assert_eq!(
        order.status(),
        &Status::Closed {
            reason: CloseReason::Expired,
            at_ms: EXPIRES + 17_000
        }
    );
}

/// The payer can try again until the order is closed (WeChat Pay v2 manual,
/// section 9.3).
#[test]
fn a_prepaid_order_whose_payment_failed_is_closed_at_wechat() {
    let order = check(
        "failed",
        vec![
            (
                10,
                state_reported(TradeState::PayError),
                Ok(vec![Effect::Close, Effect::WakeAt(15_010)]),
            ),
            (11, Event::CloseAnswered(CloseAnswer::Unknown), Ok(vec![])),
            (
                15_010,
                Event::Due,
                Ok(vec![Effect::Query, Effect::WakeAt(45_010)]),
            ),
            (
                15_011,
                state_reported(TradeState::PayError),
                Ok(vec![Effect::Close]),
            ),
            (
                15_012,
                Event::CloseAnswered(CloseAnswer::Closed),
                Ok(vec![Effect::Rest]),
            ),
        ],
    );
    assert_eq!(order.trade_state(), "CLOSED");
    check(
        "paid at the second try",
        vec![
            (
                10,
                state_reported(TradeState::PayError),
                Ok(vec![Effect::Close, Effect::WakeAt(15_010)]),
            ),
            (
                11,
                Event::CloseAnswered(CloseAnswer::OrderPaid),
                Ok(vec![Effect::Query]),
            ),
            (12, paid(|_| {}), Ok(PAID.to_vec())),
        ],
    );
    let order = check(
        "never closed: no sheet is open any more",
        vec![
            (
                10,
                state_reported(TradeState::PayError),
                Ok(vec![Effect::Close, Effect::WakeAt(15_010)]),
            ),
            (
                120 * MINUTE,
                state_reported(TradeState::PayError),
                Ok(vec![Effect::Rest]),
            ),
        ],
    );
    assert_eq!(order.trade_state(), "PAYERROR");
}

#[test]
fn p7_order_paid_on_close_means_paid() {
    check(
        "close",
        vec![
            (
                10,
                Event::CloseAsked,
                Ok(vec![Effect::Query, Effect::WakeAt(15_010)]),
            ),
            (
                11,
                state_reported(TradeState::NotPay),
                Ok(vec![Effect::Close]),
            ),
            // Paid in between. Only evidence makes it paid, so a query follows.
            (
                12,
                Event::CloseAnswered(CloseAnswer::OrderPaid),
                Ok(vec![Effect::Query]),
            ),
            (13, paid(|_| {}), Ok(PAID.to_vec())),
            (
                14,
                Event::CloseAnswered(CloseAnswer::Closed),
                Ok(vec![Effect::Query]),
            ),
        ],
    );
}

#[test]
fn a_verified_payment_counts_even_after_closing() {
    let order = check(
        "late",
        vec![
            (
                1,
                state_reported(TradeState::Closed),
                Ok(vec![Effect::Rest]),
            ),
            (2, paid(|_| {}), Ok(PAID.to_vec())),
        ],
    );
    assert_eq!(order.trade_state(), "SUCCESS");
}

/// The payment of an attempt whose purchase keeps another payment.
fn duplicate(change: impl FnOnce(&mut Payment)) -> Event {
    let mut payment = payment();
    change(&mut payment);
    Event::DuplicatePayment {
        payment: Box::new(payment),
        via: Via::Query,
        kept: OutTradeNo::new("9900000000-2").unwrap(),
        out_refund_no: "9900000000-TWICE".to_owned(),
        refunded: false,
    }
}

#[test]
fn a_duplicate_payment_is_refunded_in_full_and_is_no_sale() {
    let number = || "9900000000-TWICE".to_owned();
    let refunded = |state| refund_reported("9900000000-TWICE", state);
    let refund_id = || "50000".to_owned();
    // In every earlier state of the order.
    for before in [
        None,
        Some(state_reported(TradeState::Closed)),
        Some(Event::CloseAsked),
    ] {
        let mut order = order();
        if let Some(event) = before {
            order.apply(event, 1).unwrap();
        }
        // Not delivered; its refund is written, and its timer fires now.
        let rows = [
            (2, duplicate(|_| {}), Ok(vec![Effect::WakeAt(2)])),
            (
                2,
                Event::Due,
                Ok(vec![Effect::Refund(number()), Effect::WakeAt(30_002)]),
            ),
            (3, duplicate(|_| {}), Err(Refusal::AlreadyPaid)),
            (3, paid(|_| {}), Err(Refusal::AlreadyPaid)),
            (
                3,
                duplicate(|p| p.transaction_id = "4200000049274123531243560000".into()),
                Err(Refusal::PaidTwice),
            ),
            (3, Event::CloseAsked, Err(Refusal::OrderPaid)),
            (
                3 * MINUTE,
                refund("mine", 1),
                Err(Refusal::RefundExceedsPaid),
            ),
            (
                4 * MINUTE,
                refunded(RefundState::Processing {
                    refund_id: refund_id(),
                }),
                Ok(vec![]),
            ),
            (
                5 * MINUTE,
                refunded(RefundState::Success {
                    refund_id: refund_id(),
                }),
                Ok(vec![Effect::DeliverRefund(number())]),
            ),
            (6 * MINUTE, Event::Due, Ok(vec![Effect::Rest])),
        ];
        for (row, (at_ms, event, expect)) in rows.into_iter().enumerate() {
            let before = order.clone();
            assert_eq!(order.apply(event, at_ms), expect, "row {row}");
            if expect.is_err() {
                assert_eq!(order, before, "row {row}: a refusal changed it");
            }
        }
        assert_eq!(order.trade_state(), "REFUND");
        assert_eq!(order.duplicate_of().unwrap().as_str(), "9900000000-2");
        assert_eq!(order.refunds()[0].money, money(150));
        assert_eq!(order.refunds()[0].status, RefundStatus::Success);
    }
}

#[test]
fn a_duplicate_payment_is_compared_like_any() {
    for (change, refusal) in [
        (
            (|p| p.money = money(1)) as fn(&mut Payment),
            Refusal::OtherAmount,
        ),
        (|p| p.out_trade_no = "1".into(), Refusal::OtherOrder),
    ] {
        let order = check("other", vec![(1, duplicate(change), Err(refusal))]);
        assert!(order.refunds().is_empty() && order.duplicate_of().is_none());
    }
}

#[test]
fn an_order_that_wechat_does_not_know_ends_with_its_time() {
    check(
        "unknown",
        vec![
            (1, Event::NotFound, Ok(vec![])),
            (EXPIRES, Event::NotFound, Ok(vec![Effect::Rest])),
        ],
    );
}

#[test]
fn the_same_terms_get_the_same_prepayment_while_it_can_be_paid() {
    let order = order();
    let prepay_id = |terms: &Terms, at_ms| {
        order
            .prepay_again(terms, at_ms)
            .map(|prepayment| prepayment.prepay_id.clone())
    };
    let mut later = terms();
    later.expires_at_ms += 1;
    assert!(prepay_id(&later, 1).is_ok());
    assert_eq!(prepay_id(&terms(), EXPIRES), Err(Refusal::OrderExpired));

    type Change = fn(&mut Terms);
    let table: [(&str, Change); 6] = [
        ("total_fee", |t| t.money = money(151)),
        ("fee_type", |t| {
            t.money = Money::new(150, Currency::Usd).unwrap()
        }),
        ("trade_type", |t| t.trade_type = TradeType::Jsapi),
        ("body", |t| t.body = "Another".into()),
        ("open_id", |t| t.openid = Some("o".into())),
        ("notify_url", |t| t.notify_url = None),
    ];
    for (field, change) in table {
        let mut other = terms();
        change(&mut other);
        assert_eq!(prepay_id(&other, 1), Err(Refusal::DifferentTerms(field)));
    }

    let mut paid_order = order.clone();
    paid_order.apply(paid(|_| {}), 1).unwrap();
    let refused = paid_order.prepay_again(&terms(), 2).unwrap_err();
    assert_eq!(refused, Refusal::OrderPaid);
}

#[test]
fn r3_refunds_never_exceed_what_was_paid() {
    let asked = |number: &str, at_ms| {
        Ok(vec![
            Effect::Refund(number.to_owned()),
            Effect::WakeAt(at_ms + 15_000),
        ])
    };
    let closed = || refund_reported("B", RefundState::Closed);
    let success = |number| {
        refund_reported(
            number,
            RefundState::Success {
                refund_id: "50000".to_owned(),
            },
        )
    };
    let order = check(
        "refunds",
        vec![
            (0, refund("A", 1), Err(Refusal::NotPaid)),
            (0, paid(|_| {}), Ok(PAID.to_vec())),
            (MINUTE, refund("A", 151), Err(Refusal::RefundExceedsPaid)),
            (MINUTE, refund("A", 100), asked("A", MINUTE)),
            (MINUTE, refund("A", 100), Err(Refusal::RefundExists)),
            (
                MINUTE,
                refund("A", 99),
                Err(Refusal::RefundExistsWithDifferentAmount),
            ),
            (
                MINUTE,
                refund_because("A", 100, "sold out"),
                Err(Refusal::RefundExistsWithDifferentReason),
            ),
            (MINUTE + 1, refund("B", 50), Err(Refusal::RefundTooSoon)),
            (2 * MINUTE, refund("B", 51), Err(Refusal::RefundExceedsPaid)),
            (2 * MINUTE, refund("B", 50), asked("B", 2 * MINUTE)),
            // Nothing was returned, so it can be requested again.
            (2 * MINUTE, closed(), Ok(ended("B"))),
            (2 * MINUTE, closed(), Err(Refusal::RefundFinal)),
            (3 * MINUTE, refund("C", 50), asked("C", 3 * MINUTE)),
            (4 * MINUTE, success("A"), Ok(ended("A"))),
            (
                5 * MINUTE,
                Event::Due,
                Ok(vec![
                    Effect::Refund("C".to_owned()),
                    Effect::WakeAt(5 * MINUTE + 30_000),
                ]),
            ),
            (5 * MINUTE, success("C"), Ok(ended("C"))),
            (6 * MINUTE, Event::Due, Ok(vec![Effect::Rest])),
            (6 * MINUTE, success("D"), Err(Refusal::RefundUnknown)),
        ],
    );
    assert_eq!(order.trade_state(), "REFUND");
    let states: Vec<_> = order.refunds().iter().map(|r| r.status).collect();
    assert_eq!(
        states,
        [
            RefundStatus::Success,
            RefundStatus::Closed,
            RefundStatus::Success
        ]
    );
}

#[test]
fn r4_not_enough_is_requested_again_under_the_same_number() {
    let declined = |later| Event::RefundDeclined {
        out_refund_no: "A".to_owned(),
        err_code: "NOTENOUGH".to_owned(),
        later,
    };
    let again = Effect::Refund("A".to_owned());
    let order = check(
        "not enough",
        vec![
            (0, paid(|_| {}), Ok(PAID.to_vec())),
            (
                MINUTE,
                refund("A", 150),
                Ok(vec![again.clone(), Effect::WakeAt(75_000)]),
            ),
            (MINUTE, declined(true), Ok(vec![])),
            (75_000, Event::Due, Ok(vec![again, Effect::WakeAt(105_000)])),
            (75_001, refund("B", 1), Err(Refusal::RefundExceedsPaid)),
            // The first request was answered; the second is this one.
            (
                75_001,
                declined(false),
                Ok(vec![Effect::DeliverRefund("A".to_owned()), Effect::Query]),
            ),
            (75_002, declined(false), Err(Refusal::RefundFinal)),
            (105_000, Event::Due, Ok(vec![Effect::Rest])),
        ],
    );
    assert_eq!(order.refunds()[0].status, RefundStatus::Closed);
    assert_eq!(order.refunds()[0].err_code.as_deref(), Some("NOTENOUGH"));
    assert_eq!(order.trade_state(), "SUCCESS", "nothing was returned");
}

#[test]
fn r1_r3_limits_of_a_year_and_of_fifty() {
    let mut order = order();
    order.apply(paid(|_| {}), 0).unwrap();
    let year = 365 * 24 * 60 * MINUTE;
    assert_eq!(
        order.apply(refund("late", 1), year + 1),
        Err(Refusal::RefundTooLate)
    );
    for n in 1..=50 {
        order
            .apply(refund(&format!("R{n}"), 1), n * MINUTE)
            .unwrap();
    }
    assert_eq!(
        order.apply(refund("R51", 1), 51 * MINUTE),
        Err(Refusal::RefundTooMany)
    );
    let other_currency = Event::RefundAsked {
        out_refund_no: "X".to_owned(),
        money: Money::new(1, Currency::Cny).unwrap(),
        reason: None,
    };
    assert_eq!(
        order.apply(other_currency, 52 * MINUTE),
        Err(Refusal::RefundOtherCurrency)
    );
}

fn quick_pay() -> Order {
    let mut terms = terms();
    terms.trade_type = TradeType::Micropay;
    Order::quick_pay(terms, 0).0
}

fn by_quick_pay(payment: &mut Payment) {
    payment.trade_type = TradeType::Micropay;
}

/// A query finds the Quick Pay paid.
fn paid_reported() -> Event {
    let mut payment = payment();
    by_quick_pay(&mut payment);
    state_reported(TradeState::Success(Box::new(payment)))
}

/// An alarm is raised, and WeChat is queried.
fn asked_after_refusal(at_ms: i64) -> Result<Vec<Effect>, Refusal> {
    Ok(vec![
        Effect::Raise(Trouble::ReverseRefused),
        Effect::Query,
        Effect::WakeAt(at_ms + 5_000),
    ])
}

/// The timer fires until a reverse in flight has arrived.
fn wait_for_reverses(order: &mut Order) {
    for check in 1..=4 {
        order.apply(Event::Due, 20_000 + check * MINUTE).unwrap();
    }
}

/// As [`check`], for a Quick Pay order.
fn check_quick_pay(name: &str, rows: Vec<(i64, Event, Result<Vec<Effect>, Refusal>)>) -> Order {
    let mut terms = terms();
    terms.trade_type = TradeType::Micropay;
    let (mut order, effects) = Order::quick_pay(terms, 0);
    assert_eq!(effects, [Effect::WakeAt(3_000)]);
    for (row, (at_ms, mut event, expect)) in rows.into_iter().enumerate() {
        if let Event::StateReported(TradeState::Success(payment), _) = &mut event {
            payment.trade_type = TradeType::Micropay;
        }
        let before = order.clone();
        assert_eq!(order.apply(event, at_ms), expect, "{name}, row {row}");
        if expect.is_err() {
            assert_eq!(order, before, "{name}, row {row}: a refusal changed it");
        }
    }
    order
}

#[test]
fn q5_q6_q7_an_order_waits_for_the_password_and_is_then_reversed() {
    let ask = |at_ms| Ok(vec![Effect::Query, Effect::WakeAt(at_ms)]);
    let done = || Event::ReverseAnswered(ReverseAnswer::Done);
    let order = check_quick_pay(
        "password",
        vec![
            (3_000, Event::Due, ask(5_000)),
            (3_001, state_reported(TradeState::UserPaying), Ok(vec![])),
            (5_000, Event::Due, ask(10_000)),
            (6_000, Event::ReverseAsked, Err(Refusal::ReverseTooSoon)),
            (6_000, Event::CloseAsked, Err(Refusal::QuickPayIsReversed)),
            (10_000, Event::Due, ask(15_000)),
            (15_000, Event::Due, ask(30_000)),
            (30_000, Event::Due, ask(45_000)),
            (
                30_001,
                state_reported(TradeState::UserPaying),
                Ok(vec![Effect::Reverse, Effect::WakeAt(35_001)]),
            ),
            (
                30_002,
                Event::ReverseAnswered(ReverseAnswer::Unknown),
                Ok(vec![]),
            ),
            (
                35_001,
                Event::Due,
                Ok(vec![Effect::Reverse, Effect::WakeAt(45_001)]),
            ),
            // Paid at the last moment: the payment is returned.
            (35_002, paid(|_| {}), Ok(vec![])),
            (35_003, done(), Ok(vec![Effect::Rest])),
            (35_004, paid(|_| {}), Err(Refusal::Reversed)),
            (35_005, Event::ReverseAsked, Err(Refusal::Reversed)),
        ],
    );
    assert_eq!(order.trade_state(), "REVOKED");
}

#[test]
fn q4_a_quick_pay_without_an_answer_is_queried_then_reversed() {
    let ask = |at_ms| Ok(vec![Effect::Query, Effect::WakeAt(at_ms)]);
    check_quick_pay(
        "silence",
        vec![
            (3_000, Event::Due, ask(5_000)),
            (5_000, Event::Due, ask(10_000)),
            (10_000, Event::Due, ask(15_000)),
            (15_000, Event::Due, ask(30_000)),
            (30_000, Event::Due, ask(45_000)),
            (
                45_000,
                Event::Due,
                Ok(vec![Effect::Reverse, Effect::WakeAt(50_000)]),
            ),
        ],
    );
    check_quick_pay(
        "never begun",
        vec![
            (3_001, Event::NotFound, Ok(vec![])),
            (
                30_001,
                Event::NotFound,
                Ok(vec![Effect::Reverse, Effect::WakeAt(35_001)]),
            ),
        ],
    );
}

#[test]
fn a_quick_pay_is_paid_declined_or_reversed_by_the_merchant() {
    check_quick_pay(
        "declined",
        vec![
            (1, Event::Declined, Ok(vec![Effect::Rest])),
            (20_000, Event::ReverseAsked, Err(Refusal::OrderClosed)),
        ],
    );
    let order = check_quick_pay(
        "reversed",
        vec![
            (1, paid(|_| {}), Ok(PAID.to_vec())),
            (2, Event::Declined, Ok(vec![])),
            (
                20_000,
                Event::ReverseAsked,
                Ok(vec![Effect::Reverse, Effect::WakeAt(25_000)]),
            ),
            (20_000, refund("A", 1), Err(Refusal::NotPaid)),
            (
                20_001,
                Event::ReverseAnswered(ReverseAnswer::Done),
                Ok(vec![Effect::Rest]),
            ),
        ],
    );
    assert!(
        matches!(order.status(), Status::Revoked { paid: Some(_), .. }),
        "what went back is not forgotten"
    );
    let refused = || Event::ReverseAnswered(ReverseAnswer::Refused);
    let mut order = check_quick_pay(
        "a reverse that is refused leaves what was paid paid",
        vec![
            (1, paid(|_| {}), Ok(PAID.to_vec())),
            (
                20_000,
                Event::ReverseAsked,
                Ok(vec![Effect::Reverse, Effect::WakeAt(25_000)]),
            ),
            (20_001, refused(), asked_after_refusal(20_001)),
            // An earlier reverse may still arrive.
            (20_002, paid_reported(), Err(Refusal::Reversed)),
        ],
    );
    wait_for_reverses(&mut order);
    let effects = order.apply(paid_reported(), 5 * MINUTE);
    assert_eq!(effects, Ok(vec![Effect::Rest]));
    assert_eq!(order.trade_state(), "SUCCESS");
    let mut order = check_quick_pay(
        "a reverse that is refused where nothing is known",
        vec![
            (
                20_000,
                Event::ReverseAsked,
                Ok(vec![Effect::Reverse, Effect::WakeAt(25_000)]),
            ),
            (20_001, refused(), asked_after_refusal(20_001)),
            // A notice does not show whether a reverse took effect since.
            (25_001, paid(|_| {}), Ok(vec![Effect::Query])),
        ],
    );
    wait_for_reverses(&mut order);
    let effects = order.apply(paid_reported(), 5 * MINUTE);
    assert_eq!(effects, Ok(PAID.to_vec()));
    assert_eq!(order.trade_state(), "SUCCESS");
    for (name, said) in [
        ("it failed", state_reported(TradeState::PayError)),
        ("the number is another order's", Event::NumberTaken),
    ] {
        let mut order = check_quick_pay(
            name,
            vec![
                (
                    20_000,
                    Event::ReverseAsked,
                    Ok(vec![Effect::Reverse, Effect::WakeAt(25_000)]),
                ),
                (20_001, refused(), asked_after_refusal(20_001)),
                (20_002, state_reported(TradeState::NotPay), Ok(vec![])),
            ],
        );
        assert!(order.apply(said, 25_001).unwrap().contains(&Effect::Rest));
        assert_eq!(order.trade_state(), "PAYERROR", "{name}");
    }
    check(
        "a number is taken for Quick Pay alone",
        vec![(5, Event::NumberTaken, Ok(vec![]))],
    );
    check_quick_pay(
        "too late",
        vec![
            (1, paid(|_| {}), Ok(PAID.to_vec())),
            (
                7 * 24 * 60 * MINUTE + 1,
                Event::ReverseAsked,
                Err(Refusal::ReverseTooLate),
            ),
        ],
    );
    check(
        "not for others",
        vec![(20_000, Event::ReverseAsked, Err(Refusal::NotQuickPay))],
    );
}

#[test]
fn a_quick_pay_is_not_paid_by_another_orders_payment() {
    let mut terms = terms();
    terms.trade_type = TradeType::Micropay;
    terms.attach = Some("till 3".to_owned());
    let (order, _) = Order::quick_pay(terms, 0);
    let ours = |change: fn(&mut Payment)| {
        let mut payment = payment();
        payment.trade_type = TradeType::Micropay;
        payment.attach = Some("till 3".to_owned());
        change(&mut payment);
        payment
    };
    type Change = fn(&mut Payment);
    let table: [(Change, Option<i64>, bool); 7] = [
        (|_| {}, Some(0), false),
        (|_| {}, None, false),
        // Our clock may be 26 hours ahead of WeChat's.
        (|_| {}, Some(-26 * 60 * MINUTE), false),
        (|_| {}, Some(-26 * 60 * MINUTE - 1), true),
        (|p| p.trade_type = TradeType::Native, Some(0), true),
        (|p| p.attach = Some("till 4".to_owned()), Some(0), true),
        // The answer to APIv3's Quick Pay lacks it.
        (|p| p.attach = None, Some(0), false),
    ];
    for (row, (change, paid_at_ms, anothers)) in table.into_iter().enumerate() {
        let got = order.is_anothers(&ours(change), paid_at_ms);
        assert_eq!(got, anothers, "row {row}");
    }
    // The other payment under its number is never reversed.
    check_quick_pay(
        "taken",
        vec![
            (
                5,
                Event::NumberTaken,
                Ok(vec![Effect::Raise(Trouble::NumberTaken), Effect::Rest]),
            ),
            (3_000, Event::Due, Ok(vec![Effect::Rest])),
        ],
    );
}

/// Every later version must read the stored form: these literals stay.
#[test]
fn the_stored_form_is_pinned() {
    const OPEN: &str = r#"{"terms":{"out_trade_no":"9900000000","account":{"appid":"wx2421b1c4370ec43b","mch_id":"10000100"},"body":"Demo Order","money":{"amount_minor":150,"currency":"HKD"},"trade_type":"NATIVE","notify_url":"https://shop.example.com/notify","expires_at_ms":1800000},"prepayment":{"prepay_id":"wx241454271591128cfc753dab0139979466","code_url":"weixin://wxpay/bizpayurl?pr=F2EDdjR"},"status":"NOTPAY","created_at_ms":0,"checks":0}"#;
    const PAID: &str = r#"{"terms":{"out_trade_no":"9900000000","account":{"appid":"wx2421b1c4370ec43b","mch_id":"10000100"},"body":"Demo Order","money":{"amount_minor":150,"currency":"HKD"},"trade_type":"NATIVE","notify_url":"https://shop.example.com/notify","expires_at_ms":1800000},"prepayment":{"prepay_id":"wx241454271591128cfc753dab0139979466","code_url":"weixin://wxpay/bizpayurl?pr=F2EDdjR"},"status":{"SUCCESS":{"payment":{"account":{"appid":"wx2421b1c4370ec43b","mch_id":"10000100"},"out_trade_no":"9900000000","transaction_id":"4200000049274123531243563212","money":{"amount_minor":150,"currency":"HKD"},"trade_type":"NATIVE","openid":"oLYVCwxZrj6sWQFd4hyLWbdNgQ0U","is_subscribe":"N","bank_type":"CFT","cash_fee":10,"cash_fee_type":"CNY","rate":"10000000","time_end":"20180107125107"},"via":"notice","learned_at_ms":5}},"created_at_ms":0,"checks":0,"refunds":[{"out_refund_no":"A","money":{"amount_minor":100,"currency":"HKD"},"status":"ASKED","asked_at_ms":60000}]}"#;
    const COUNTED: &str = r#"{"terms":{"out_trade_no":"9900000000","account":{"appid":"wx2421b1c4370ec43b","mch_id":"10000100"},"body":"Demo Order","money":{"amount_minor":150,"currency":"HKD"},"trade_type":"NATIVE","notify_url":"https://shop.example.com/notify","expires_at_ms":1800000},"prepayment":{"prepay_id":"wx241454271591128cfc753dab0139979466","code_url":"weixin://wxpay/bizpayurl?pr=F2EDdjR"},"status":{"SUCCESS":{"payment":{"account":{"appid":"wx2421b1c4370ec43b","mch_id":"10000100"},"out_trade_no":"9900000000","transaction_id":"4200000049274123531243563212","money":{"amount_minor":150,"currency":"HKD"},"trade_type":"NATIVE","openid":"oLYVCwxZrj6sWQFd4hyLWbdNgQ0U","is_subscribe":"N","bank_type":"CFT","cash_fee":10,"cash_fee_type":"CNY","rate":"10000000","time_end":"20180107125107"},"via":"notice","learned_at_ms":5}},"created_at_ms":0,"checks":0,"refunds":[{"out_refund_no":"A","money":{"amount_minor":100,"currency":"HKD"},"status":"ASKED","asked_at_ms":60000,"in_flight":[{"revision":2,"checks":0}]}],"revision":2}"#;
    const CLOSED: &str = r#""status":{"CLOSED":{"reason":"upstream","at_ms":9}}"#;

    let mut order = order();
    assert_eq!(serde_json::to_string(&order).unwrap(), OPEN);
    let mut closed = order.clone();
    closed.apply(state_reported(TradeState::Closed), 9).unwrap();
    assert!(serde_json::to_string(&closed).unwrap().contains(CLOSED));
    order.apply(paid(|_| {}), 5).unwrap();
    order.apply(refund("A", 100), MINUTE).unwrap();
    assert_eq!(serde_json::to_string(&order).unwrap(), COUNTED);
    assert_eq!(serde_json::from_str::<Order>(COUNTED).unwrap(), order);
    // A row of an earlier version, without the later fields.
    let older = serde_json::from_str::<Order>(PAID).unwrap();
    assert_eq!(older.revision(), 0);
    assert_eq!(older.status(), order.status());
    assert_eq!(older.elsewhere(), None::<Elsewhere>);
}
