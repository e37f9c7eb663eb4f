//! The return to the merchant by itself, where the merchant wants it.

use super::view;
use crate::flow::{Action, Effect, Event, Flow, Stage};
use checkout::{CheckoutStatus, Method, State};

const SHOP: &str = "https://shop.example/thanks";

fn wanted() -> CheckoutStatus {
    CheckoutStatus {
        success_url: Some(String::from(SHOP)),
        return_seconds: Some(5),
        ..view(Method::Native)
    }
}

fn paid() -> CheckoutStatus {
    CheckoutStatus {
        state: State::Paid { paid_at_ms: 1 },
        ..wanted()
    }
}

#[test]
fn a_payment_that_the_page_has_seen_returns_the_payer_after_the_time() {
    let (mut flow, _) = Flow::begin(wanted(), false, 0, 0);
    flow.apply(Event::Seen(Ok(paid())), 1_000);
    assert!(flow.returning());
    assert_eq!(flow.countdown_ms(), Some(5_000));
    assert_eq!(flow.apply(Event::Woke, 5_999), []);
    // A second answer does not begin the time again.
    assert_eq!(flow.apply(Event::Seen(Ok(paid())), 5_999), []);
    let effects = flow.apply(Event::Woke, 6_000);
    assert_eq!(effects, [Effect::Go(String::from(SHOP))]);
    assert!(matches!(flow.stage(), Stage::Ended(_)));
    assert_eq!(flow.apply(Event::Woke, 60_000), [], "once");
}

#[test]
fn a_payer_can_stay_and_a_paid_page_that_is_opened_stays() {
    let (mut flow, _) = Flow::begin(wanted(), false, 0, 0);
    flow.apply(Event::Seen(Ok(paid())), 0);
    flow.apply(Event::Tapped(Action::Stay), 1);
    assert!(!flow.returning());
    assert_eq!(flow.apply(Event::Woke, 60_000), []);

    let (flow, _) = Flow::begin(paid(), false, 0, 0);
    assert!(!flow.returning());
    let (flow, _) = Flow::begin(paid(), true, 0, 0);
    assert!(flow.returning(), "back from WeChat's page");

    for unwanted in [
        CheckoutStatus {
            return_seconds: None,
            ..paid()
        },
        CheckoutStatus {
            success_url: None,
            ..paid()
        },
        CheckoutStatus {
            state: State::Refunded { paid_at_ms: 1 },
            ..paid()
        },
    ] {
        let (mut flow, _) = Flow::begin(wanted(), false, 0, 0);
        flow.apply(Event::Seen(Ok(unwanted)), 0);
        assert!(!flow.returning());
    }
}
