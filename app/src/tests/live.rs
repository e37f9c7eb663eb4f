//! While the WebSocket is connected the server announces changes; otherwise the
//! page polls.

use super::*;

/// At a code, connected and up to date.
fn connected() -> Payer {
    let mut payer = Payer::at_a_desk(110 * MINUTE_MS);
    payer.waits(1_500);
    assert_eq!(payer.connects, 1);
    payer.receives(LiveMessage::Look);
    payer.server_says(State::Open);
    // "look" arrived while the first answer was in flight: one more request.
    payer.server_says(State::Open);
    assert_eq!(payer.does(), [Effect::GetStatus, Effect::GetStatus]);
    payer
}

/// Lets time pass with a server that answers every request.
fn waits_connected(payer: &mut Payer, wait_ms: i64) -> Vec<Effect> {
    let end_ms = payer.now_ms + wait_ms;
    let mut done = Vec::new();
    while payer.wakes_by(end_ms) {
        for effect in payer.does() {
            match effect {
                Effect::Ping => payer.receives(LiveMessage::Pong),
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
fn a_payment_is_shown_as_soon_as_the_server_announces_it() {
    let mut payer = connected();
    payer.waits(3_000);
    assert_eq!(payer.does(), [], "no request is sent meanwhile");
    payer.receives(LiveMessage::Look);
    assert_eq!(payer.does(), [Effect::GetStatus]);
    assert_eq!(
        payer.heading(),
        "Scan with WeChat to pay",
        "a message proves nothing"
    );
    payer.server_says(PAID);
    assert_eq!(payer.heading(), "Payment successful");
    assert_eq!(
        payer.does(),
        [Effect::Disconnect],
        "no further change is expected"
    );
    payer.receives(LiveMessage::Look);
    payer.waits(10 * MINUTE_MS);
    assert_eq!((payer.does(), payer.connects), (vec![], 1));
}

#[test]
fn while_connected_the_page_hardly_polls() {
    let mut payer = connected();
    let done = waits_connected(&mut payer, 30 * MINUTE_MS);
    let asked = done.iter().filter(|e| **e == Effect::GetStatus).count();
    let pinged = done.iter().filter(|e| **e == Effect::Ping).count();
    assert!((10..=20).contains(&asked), "asked {asked} times");
    assert!((80..=100).contains(&pinged), "pinged {pinged} times");
    assert_eq!(done.len(), asked + pinged, "{done:?}");
}

#[test]
fn a_change_while_an_answer_is_in_flight_is_not_missed() {
    let mut payer = connected();
    payer.receives(LiveMessage::Look);
    payer.receives(LiveMessage::Look);
    payer.receives(LiveMessage::Look);
    assert_eq!(payer.does(), [Effect::GetStatus]);
    payer.server_says(State::Open);
    assert_eq!(payer.does(), [Effect::GetStatus], "once more is enough");
    payer.server_says(State::Open);
    assert_eq!(payer.does(), []);
}

#[test]
fn the_page_reconnects_after_a_close_and_polls_meanwhile() {
    let mut payer = connected();
    payer.waits(7_000);
    payer.receives(LiveMessage::Closed);
    let asked = payer.waits_answered(2_999);
    assert_eq!(asked.len(), 1, "soon: {asked:?}");
    payer.waits_answered(4_000);
    assert_eq!(payer.connects, 2);
    payer.receives(LiveMessage::Look);
    assert_eq!(
        payer.does(),
        [Effect::GetStatus],
        "the missed state is requested"
    );
}

#[test]
fn a_dead_connection_is_detected_by_its_missing_pong() {
    let mut payer = connected();
    // No pong to the first ping.
    payer.waits(20_000);
    assert_eq!(payer.does(), [Effect::Ping]);
    payer.waits(20_000);
    assert_eq!(payer.does(), [Effect::Disconnect, Effect::GetStatus]);
    payer.server_says(State::Open);
    let asked = payer.waits_answered(10_000);
    assert!(asked.len() >= 4, "asked as without a connection: {asked:?}");
    assert_eq!(payer.connects, 2);
}

#[test]
fn failed_connections_back_off() {
    let mut payer = Payer::at_a_desk(110 * MINUTE_MS);
    let mut tries = vec![0];
    for _ in 0..20 {
        for _ in 0..60 {
            let before = payer.connects;
            payer.waits_answered(1_000);
            if payer.connects > before {
                payer.receives(LiveMessage::Closed);
                tries.push(payer.now_ms);
            }
        }
    }
    assert!((15..=30).contains(&tries.len()), "{tries:?}");
    let last = tries[tries.len() - 1] - tries[tries.len() - 2];
    assert!((64_000..140_000).contains(&last), "{tries:?}");
}

#[test]
fn a_connection_attempt_times_out() {
    let mut payer = Payer::at_a_desk(110 * MINUTE_MS);
    let asked = payer.waits_answered(15_000);
    assert!(asked.len() >= 8, "polls continue: {asked:?}");
    assert!(
        asked
            .iter()
            .any(|(_, effect)| *effect == Effect::Disconnect)
    );
}

#[test]
fn two_pages_do_not_reconnect_at_the_same_moment() {
    let again = [7_000, 7_613].map(|wait_ms| {
        let mut payer = connected();
        payer.waits(wait_ms);
        payer.receives(LiveMessage::Closed);
        let lost_at_ms = payer.now_ms;
        while payer.does().is_empty() {
            payer.waits(1);
        }
        payer.now_ms - lost_at_ms
    });
    assert_ne!(again[0], again[1]);
}

#[test]
fn a_hidden_or_offline_page_closes_its_connection() {
    for (gone, back) in [
        (Event::Hidden, Event::Shown),
        (Event::Offline, Event::Online),
    ] {
        let mut payer = connected();
        payer.on(gone);
        assert_eq!(payer.does(), [Effect::Disconnect]);
        payer.waits(60_000);
        assert_eq!(payer.connects, 1);
        payer.does();
        payer.on(Event::Seen(Err(Failure::Network)));
        payer.on(back);
        assert_eq!(payer.does(), [Effect::GetStatus], "at once");
        payer.server_says(State::Open);
        payer.waits(1_500);
        assert_eq!(payer.connects, 2);
        payer.receives(LiveMessage::Look);
        payer.server_says(PAID);
        assert_eq!(payer.heading(), "Payment successful");
    }
}

#[test]
fn a_page_that_waits_for_the_payers_tap_shows_a_payment_on_another_device() {
    let mut payer = Payer::in_wechat();
    payer.waits(1_500);
    assert_eq!(payer.connects, 1);
    payer.receives(LiveMessage::Look);
    payer.server_says(State::Open);
    payer.server_says(State::Open);
    let done = waits_connected(&mut payer, 10 * MINUTE_MS);
    let asked = done.iter().filter(|e| **e == Effect::GetStatus).count();
    assert!(asked <= 8, "while connected it hardly polls: {asked}");
    assert_eq!(payer.buttons(), ["Pay now"]);
    payer.receives(LiveMessage::Look);
    payer.server_says(PAID);
    assert_eq!(payer.heading(), "Payment successful");
}

#[test]
fn a_page_that_waits_for_the_payers_tap_polls_slowly_where_it_cannot_connect() {
    let mut payer = Payer::in_wechat();
    let done = payer.waits_answered(10 * MINUTE_MS);
    let asked = done.iter().filter(|(_, e)| *e == Effect::GetStatus).count();
    assert!((100..=125).contains(&asked), "every five seconds: {asked}");
}

#[test]
fn at_the_sheet_and_after_it_the_page_connects_and_wechat_is_still_queried() {
    let mut payer = Payer::at_the_sheet();
    payer.waits(1_500);
    assert_eq!(payer.connects, 1);
    payer.receives(LiveMessage::Look);
    payer.server_says(State::Open);
    payer.server_says(State::Open);
    payer.does();
    payer.bridge_says(1, Hint::Ok);
    assert_eq!(payer.does(), [Effect::PostCheck(Some(Hint::Ok))]);
    payer.server_says(State::Open);
    let done = waits_connected(&mut payer, 35_000);
    let checked = done
        .iter()
        .filter(|e| matches!(e, Effect::PostCheck(_)))
        .count();
    assert_eq!(checked, 3, "every ten seconds: {done:?}");
    assert!(!done.contains(&Effect::GetStatus), "{done:?}");
}
