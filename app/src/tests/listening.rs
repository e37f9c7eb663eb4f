//! The server says by itself that there is something new, as long as it is
//! heard; and is asked again and again when it is not.

use super::*;

/// In front of a code, connected, and up to date.
fn connected() -> Payer {
    let mut payer = Payer::at_a_desk(110 * MINUTE_MS);
    payer.waits(1_500);
    assert_eq!(payer.listens, 1);
    payer.hears(Heard::Look);
    payer.server_says(State::Open);
    // Told while the first answer was on its way: asked once more.
    payer.server_says(State::Open);
    assert_eq!(payer.does(), [Effect::GetStatus, Effect::GetStatus]);
    payer
}

/// Lets time pass with a server that answers every request.
fn waits_heard(payer: &mut Payer, wait_ms: i64) -> Vec<Effect> {
    let end_ms = payer.now_ms + wait_ms;
    let mut done = Vec::new();
    while payer.wakes_by(end_ms) {
        for effect in payer.does() {
            match effect {
                Effect::Ping => payer.hears(Heard::Pong),
                Effect::GetStatus | Effect::PostCheck(_) => payer.server_says(payer.view.state),
                _ => {}
            }
            done.push(effect);
        }
    }
    payer.now_ms = end_ms;
    done
}

#[test]
fn a_payment_is_seen_as_soon_as_the_server_says_so() {
    let mut payer = connected();
    payer.waits(3_000);
    assert_eq!(payer.does(), [], "no request is sent meanwhile");
    payer.hears(Heard::Look);
    assert_eq!(payer.does(), [Effect::GetStatus]);
    assert_eq!(
        payer.heading(),
        "Scan with WeChat to pay",
        "a word proves nothing"
    );
    payer.server_says(PAID);
    assert_eq!(payer.heading(), "Payment successful");
    assert_eq!(
        payer.does(),
        [Effect::Hush],
        "there is nothing more to hear"
    );
    payer.hears(Heard::Look);
    payer.waits(10 * MINUTE_MS);
    assert_eq!((payer.does(), payer.listens), (vec![], 1));
}

#[test]
fn while_the_server_is_heard_it_is_hardly_ever_asked() {
    let mut payer = connected();
    let done = waits_heard(&mut payer, 30 * MINUTE_MS);
    let asked = done.iter().filter(|e| **e == Effect::GetStatus).count();
    let pinged = done.iter().filter(|e| **e == Effect::Ping).count();
    assert!((10..=20).contains(&asked), "asked {asked} times");
    assert!((80..=100).contains(&pinged), "pinged {pinged} times");
    assert_eq!(done.len(), asked + pinged, "{done:?}");
}

#[test]
fn what_happens_while_an_answer_is_on_its_way_is_not_missed() {
    let mut payer = connected();
    payer.hears(Heard::Look);
    payer.hears(Heard::Look);
    payer.hears(Heard::Look);
    assert_eq!(payer.does(), [Effect::GetStatus]);
    payer.server_says(State::Open);
    assert_eq!(payer.does(), [Effect::GetStatus], "once more is enough");
    payer.server_says(State::Open);
    assert_eq!(payer.does(), []);
}

#[test]
fn a_connection_that_is_closed_is_made_again_and_the_server_asked_meanwhile() {
    let mut payer = connected();
    payer.waits(7_000);
    payer.hears(Heard::Closed);
    let asked = payer.waits_answered(2_999);
    assert_eq!(asked.len(), 1, "soon: {asked:?}");
    payer.waits_answered(4_000);
    assert_eq!(payer.listens, 2);
    payer.hears(Heard::Look);
    assert_eq!(
        payer.does(),
        [Effect::GetStatus],
        "the missed state is requested"
    );
}

#[test]
fn a_connection_that_died_without_a_word_is_found_out() {
    let mut payer = connected();
    // No pong to the first ping.
    payer.waits(20_000);
    assert_eq!(payer.does(), [Effect::Ping]);
    payer.waits(20_000);
    assert_eq!(payer.does(), [Effect::Hush, Effect::GetStatus]);
    payer.server_says(State::Open);
    let asked = payer.waits_answered(10_000);
    assert!(asked.len() >= 4, "asked as without a connection: {asked:?}");
    assert_eq!(payer.listens, 2);
}

#[test]
fn where_no_connection_can_be_made_it_is_tried_ever_more_rarely() {
    let mut payer = Payer::at_a_desk(110 * MINUTE_MS);
    let mut tries = vec![0];
    for _ in 0..20 {
        for _ in 0..60 {
            let before = payer.listens;
            payer.waits_answered(1_000);
            if payer.listens > before {
                payer.hears(Heard::Closed);
                tries.push(payer.now_ms);
            }
        }
    }
    assert!((15..=30).contains(&tries.len()), "{tries:?}");
    let last = tries[tries.len() - 1] - tries[tries.len() - 2];
    assert!((64_000..140_000).contains(&last), "{tries:?}");
}

#[test]
fn a_connection_that_is_never_made_is_given_up() {
    let mut payer = Payer::at_a_desk(110 * MINUTE_MS);
    let asked = payer.waits_answered(15_000);
    assert!(asked.len() >= 8, "asked as ever: {asked:?}");
    assert!(asked.iter().any(|(_, effect)| *effect == Effect::Hush));
}

#[test]
fn two_pages_do_not_come_back_at_the_same_moment() {
    let again = [7_000, 7_613].map(|wait_ms| {
        let mut payer = connected();
        payer.waits(wait_ms);
        payer.hears(Heard::Closed);
        let lost_at_ms = payer.now_ms;
        while payer.does().is_empty() {
            payer.waits(1);
        }
        payer.now_ms - lost_at_ms
    });
    assert_ne!(again[0], again[1]);
}

#[test]
fn nobody_listens_at_the_back_or_without_a_network() {
    for (gone, back) in [
        (Event::Hidden, Event::Shown),
        (Event::Offline, Event::Online),
    ] {
        let mut payer = connected();
        payer.on(gone);
        assert_eq!(payer.does(), [Effect::Hush]);
        payer.waits(60_000);
        assert_eq!(payer.listens, 1);
        payer.does();
        payer.on(Event::Seen(Err(Failure::Network)));
        payer.on(back);
        assert_eq!(payer.does(), [Effect::GetStatus], "at once");
        payer.server_says(State::Open);
        payer.waits(1_500);
        assert_eq!(payer.listens, 2);
        payer.hears(Heard::Look);
        payer.server_says(PAID);
        assert_eq!(payer.heading(), "Payment successful");
    }
}

#[test]
fn a_page_that_waits_for_the_payers_tap_does_not_listen() {
    let mut payer = Payer::in_wechat();
    payer.waits(10 * MINUTE_MS);
    assert_eq!(payer.listens, 0);
}

#[test]
fn at_the_sheet_and_after_it_the_page_listens_and_wechat_is_asked_as_ever() {
    let mut payer = Payer::at_the_sheet();
    payer.waits(1_500);
    assert_eq!(payer.listens, 1);
    payer.hears(Heard::Look);
    payer.server_says(State::Open);
    payer.server_says(State::Open);
    payer.does();
    payer.bridge_says(1, Hint::Ok);
    assert_eq!(payer.does(), [Effect::PostCheck(Some(Hint::Ok))]);
    payer.server_says(State::Open);
    let done = waits_heard(&mut payer, 35_000);
    let checked = done
        .iter()
        .filter(|e| matches!(e, Effect::PostCheck(_)))
        .count();
    assert_eq!(checked, 3, "every ten seconds: {done:?}");
    assert!(!done.contains(&Effect::GetStatus), "{done:?}");
}
