//! A purchase that was begun on another device, and one that was refunded.

use super::*;

/// At the code of attempt `1`.
fn at_the_code_of_an_attempt() -> Payer {
    let mut payer = Payer::opens(view(Method::Native));
    payer.todo.clear();
    let Prepared::Qr(qr) = code(60 * MINUTE_MS) else {
        panic!("a code");
    };
    let attempt = Some(String::from("1"));
    payer.view.attempt.clone_from(&attempt);
    payer.on(Event::Ordered(Ok(Prepared::Qr(Qr { attempt, ..qr }))));
    payer
}

#[test]
fn a_code_of_an_ended_attempt_is_withdrawn_and_a_tap_gets_a_new_one() {
    let mut payer = at_the_code_of_an_attempt();
    payer.server_says(State::Open);
    assert_eq!(*payer.flow.stage(), Stage::Code, "its own attempt");
    payer.view.attempt = None;
    payer.server_says(State::Open);
    let screen = payer.sees();
    assert_eq!(screen.heading, "This code no longer works");
    assert!(screen.code.unwrap().over);
    assert_eq!(screen.countdown, None);
    assert_eq!(payer.does(), [], "a new code would end the payment at hand");
    payer.taps("Get a new code");
    assert_eq!(payer.does(), [Effect::PostOrder]);
}

#[test]
fn the_code_that_another_page_has_made_is_fetched() {
    let mut payer = at_the_code_of_an_attempt();
    payer.view.attempt = Some(String::from("1-3"));
    payer.server_says(State::Open);
    assert_eq!(payer.does(), [Effect::PostOrder]);
}

#[test]
fn a_refunded_purchase_is_shown_as_refunded() {
    for (state, heading) in [
        (
            State::PartlyRefunded {
                paid_at_ms: SERVER_START_MS,
            },
            "Partly refunded",
        ),
        (
            State::Refunded {
                paid_at_ms: SERVER_START_MS,
            },
            "Refunded",
        ),
    ] {
        let payer = Payer::opens(CheckoutStatus {
            state,
            ..view(Method::Native)
        });
        let screen = payer.sees();
        assert_eq!(screen.heading, heading);
        assert_eq!(screen.paid_at, Some(("Paid at", SERVER_START_MS)));
        assert_eq!(payer.flow.wake_at(), None);
    }
}
