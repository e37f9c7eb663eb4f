//! Notices on their schedule, and requested faults.

use super::*;

#[test]
fn notices_follow_the_schedule_of_the_moved_clock() {
    let mut bench = Bench::new();
    bench.order(|_| {});
    bench.pay("9900000000");
    let attempt = |bench: &mut Bench| {
        let due = bench.sandbox.due(bench.now_ms);
        assert_eq!(due.len(), 1);
        let outcome = Outcome::Answered {
            status: 500,
            body: b"no".to_vec(),
        };
        bench.sandbox.sent(&due[0].id, &outcome, bench.now_ms);
    };
    attempt(&mut bench);
    assert_eq!(bench.sandbox.next_due_ms(), Some(bench.now_ms + 15_000));
    bench.control("/sandbox/time", &json!({"advance_seconds": 86_400}));
    // A day later all nine others are due, one after the other.
    for _ in 0..9 {
        assert!(bench.sandbox.next_due_ms().unwrap() <= bench.now_ms);
        attempt(&mut bench);
    }
    assert_eq!(bench.sandbox.next_due_ms(), None);
    let log = bench.look("/sandbox/notices?out_trade_no=9900000000");
    let attempts = log["notices"][0]["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 10);
    assert_eq!(attempts[0]["status"], 500);
    assert_eq!(attempts[0]["answer"], "no");
    assert_eq!(log["notices"][0]["acknowledged"], false);
}

#[test]
fn v2_notices_are_repeated_for_three_hours_or_for_a_day_as_the_account_says() {
    for (schedule, attempts, seconds) in [
        (None, 10, 11_040),
        (Some("manual"), 10, 11_040),
        (Some("day"), 16, 24 * 3600 + 4 * 60),
    ] {
        let mut bench = Bench::new();
        if let Some(schedule) = schedule {
            let path = format!("/sandbox/merchants/{MCH_ID}");
            let changed = bench.control(&path, &json!({"notice_schedule": schedule}));
            assert_eq!(changed["notice_schedule"], schedule, "{changed}");
        }
        bench.order(|_| {});
        bench.pay("9900000000");
        let mut at = Vec::new();
        while let Some(due_ms) = bench.sandbox.next_due_ms() {
            bench.now_ms = bench.now_ms.max(due_ms);
            let due = bench.sandbox.due(bench.now_ms);
            let outcome = Outcome::Answered {
                status: 500,
                body: Vec::new(),
            };
            bench.sandbox.sent(&due[0].id, &outcome, bench.now_ms);
            at.push(due_ms);
        }
        assert_eq!(at.len(), attempts, "{schedule:?}");
        assert_eq!((at[at.len() - 1] - at[0]) / 1000, seconds, "{schedule:?}");
    }
    let mut bench = Bench::new();
    let bad = bench.control("/sandbox/merchants", &json!({"notice_schedule": "v3"}));
    assert_eq!(bad["field"], "notice_schedule", "{bad}");
    let made = bench.control("/sandbox/merchants", &json!({"notice_schedule": "day"}));
    assert_eq!(made["notice_schedule"], "day", "{made}");
}

#[test]
fn faults_hold_duplicate_and_delay_notices() {
    let mut bench = Bench::new();
    let fail =
        json!({"fail_next": {"path": "/pay/unifiedorder", "code": "SYSTEMERROR", "times": 2}});
    bench.control("/sandbox/faults", &fail);
    for _ in 0..2 {
        assert_eq!(
            refused(&bench.order(|_| {})),
            ("signed", "SYSTEMERROR".into())
        );
    }
    assert_eq!(refused(&bench.order(|_| {})).0, "done");

    bench.control(
        "/sandbox/faults",
        &json!({"hold_notices": true, "duplicate_notices": 2}),
    );
    bench.pay("9900000000");
    assert_eq!(bench.sandbox.next_due_ms(), None);
    assert!(bench.sandbox.due(bench.now_ms).is_empty());
    bench.control("/sandbox/faults", &json!({}));
    assert_eq!(bench.sandbox.due(bench.now_ms).len(), 3);
}
