//! Paying on a page outside the gateway: WeChat's in a phone's browser, the
//! merchant's own in a Mini Program.

use super::*;

const MWEB_URL: &str = "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx1";

/// In a phone's browser, sent to WeChat's page.
fn away() -> Payer {
    let mut payer = Payer::opens(view(Method::H5));
    assert_eq!(payer.does(), [], "loading the page orders nothing");
    payer.taps("Pay now");
    assert_eq!(payer.does(), [Effect::PostOrder]);
    payer.on(Event::Ordered(Ok(Prepared::Page(String::from(MWEB_URL)))));
    assert_eq!(payer.does(), [Effect::Go(String::from(MWEB_URL))]);
    payer
}

#[test]
fn a_phones_browser_pays_on_wechats_page() {
    let mut payer = away();
    assert_eq!(payer.heading(), "Finish paying in WeChat");
    assert_eq!(payer.buttons(), ["I’ve paid", "Trouble paying? Pay again"]);
    payer.taps("I’ve paid");
    assert_eq!(payer.does(), [Effect::PostCheck(None)]);
    assert_eq!(payer.heading(), "Confirming your payment…");

    // WeChat knows of no payment yet: the payer has a next step, and nothing is
    // paid.
    payer.server_says(State::Open);
    assert_eq!(payer.heading(), "No payment found yet");
    assert_eq!(payer.buttons(), ["Pay now", "I’ve paid"]);
    payer.taps("I’ve paid");
    payer.server_says(PAID);
    assert_eq!(payer.heading(), "Payment successful");
}

#[test]
fn a_returning_payer_is_checked_without_a_tap() {
    let (flow, todo) = Flow::begin(view(Method::H5), true, 0, 0);
    let mut payer = Payer {
        flow,
        now_ms: 0,
        view: view(Method::H5),
        todo,
        connects: 0,
    };
    assert_eq!(payer.does(), [Effect::PostCheck(None)]);
    assert_eq!(payer.heading(), "Confirming your payment…");
    payer.server_says(State::Open);
    assert_eq!(payer.heading(), "No payment found yet");
    // A payer who has cancelled can pay at once, without another query.
    assert_eq!(payer.buttons(), ["Pay now", "I’ve paid"]);
    // The notice arrives later.
    payer.view.state = PAID;
    payer.waits_answered(5_000);
    assert_eq!(payer.heading(), "Payment successful");
}

#[test]
fn a_payer_who_returns_to_an_ended_purchase_sees_its_end_at_once() {
    for (state, heading) in [
        (PAID, "Payment successful"),
        (State::Expired, "This payment has expired"),
    ] {
        let mut over = view(Method::H5);
        over.state = state;
        let (flow, todo) = Flow::begin(over, true, 0, 0);
        assert_eq!(todo, []);
        assert_eq!(Screen::of(&flow, words(Lang::En)).heading, heading);
    }
    let (flow, todo) = Flow::begin(view(Method::Native), true, 0, 0);
    assert_eq!(todo, [Effect::PostOrder], "a code does not go anywhere");
    assert_eq!(
        Screen::of(&flow, words(Lang::En)).heading,
        "Scan with WeChat to pay"
    );
}

#[test]
fn wechats_page_can_be_opened_once_more() {
    let mut payer = away();
    payer.taps("Trouble paying? Pay again");
    assert_eq!(payer.does(), [Effect::PostOrder]);
    payer.on(Event::Tapped(Action::Pay));
    assert_eq!(payer.does(), [], "a double tap orders once");
    payer.on(Event::Ordered(Err(Failure::Network)));
    assert_eq!(payer.heading(), "No connection");
    payer.on(Event::Online);
    assert_eq!(
        payer.buttons(),
        ["Pay now", "I’ve paid"],
        "the first page may have been paid on"
    );
}

#[test]
fn a_page_restored_after_paying_queries_the_payment() {
    let mut payer = away();
    payer.on(Event::Hidden);
    payer.waits(MINUTE_MS);
    assert_eq!(payer.does(), []);
    payer.on(Event::Shown);
    assert_eq!(payer.does(), [Effect::PostCheck(None)]);
    payer.server_says(State::Open);
    assert_eq!(
        payer.buttons(),
        ["Pay now", "I’ve paid"],
        "after cancelling"
    );
    payer.on(Event::Shown);
    assert_eq!(payer.does(), [Effect::PostCheck(None)]);
    payer.server_says(PAID);
    payer.on(Event::Shown);
    assert_eq!(payer.heading(), "Payment successful");
    assert_eq!(
        payer.does(),
        [Effect::GetStatus],
        "WeChat is asked no more, only whether it was refunded"
    );
}

#[test]
fn a_mini_program_pays_on_its_own_page() {
    let mut payer = Payer::opens(view(Method::MiniProgram));
    payer.on(Event::BridgeReady);
    assert_eq!(payer.does(), []);
    payer.taps("Pay now");
    assert_eq!(
        payer.does(),
        [Effect::OpenPage],
        "in the payer's tap, and the order is that page's to make"
    );
    payer.on(Event::PageOpened(true));
    assert_eq!(payer.heading(), "Finish paying in WeChat");
    payer.on(Event::Shown);
    assert_eq!(payer.does(), [Effect::PostCheck(None)]);
    payer.server_says(PAID);
    assert_eq!(payer.heading(), "Payment successful");
}

#[test]
fn without_the_mini_programs_page_the_link_opens_wechat() {
    let mut payer = Payer::opens(view(Method::MiniProgram));
    payer.on(Event::BridgeReady);
    payer.taps("Pay now");
    payer.does();
    payer.on(Event::PageOpened(false));
    assert_eq!(payer.heading(), "Open this page in a WeChat chat");
    assert_eq!(payer.buttons(), ["Copy link"]);
    assert_eq!(payer.does(), [Effect::PostOrder], "its code");
    payer.server_says(State::Open);
    assert_eq!(
        payer.heading(),
        "Open this page in a WeChat chat",
        "the page knows better than the server what works here"
    );
}

#[test]
fn a_mini_programs_page_waits_for_a_late_bridge() {
    let mut payer = Payer::opens(view(Method::MiniProgram));
    payer.taps("Pay now");
    assert_eq!(payer.does(), [Effect::LookForBridge]);
    payer.on(Event::BridgeReady);
    assert_eq!(payer.does(), [Effect::OpenPage]);

    let mut payer = Payer::opens(view(Method::MiniProgram));
    payer.taps("Pay now");
    payer.waits(5_000);
    assert_eq!(payer.heading(), "WeChat is not responding");
    payer.on(Event::BridgeReady);
    payer.does();
    payer.taps("Try again");
    assert_eq!(payer.does(), [Effect::OpenPage]);
}

#[test]
fn a_failed_answer_after_the_page_opened_is_ignored() {
    let mut payer = Payer::opens(view(Method::MiniProgram));
    payer.on(Event::BridgeReady);
    payer.taps("Pay now");
    payer.on(Event::PageOpened(true));
    payer.taps("I’ve paid");
    payer.on(Event::PageOpened(false));
    assert_eq!(
        payer.heading(),
        "Confirming your payment…",
        "an answer that was overtaken"
    );
}

#[test]
fn a_returning_payer_can_continue_while_wechat_is_unreachable() {
    let mut payer = away();
    payer.on(Event::Shown);
    payer.does();
    payer.on(Event::Seen(Err(Failure::Refused(Problem::Busy))));
    payer.waits(MINUTE_MS);
    assert_eq!(
        payer.buttons(),
        ["Check again", "I haven’t paid yet: open WeChat Pay"]
    );
}

#[test]
fn a_payment_on_ionlines_page_is_confirmed_by_the_server() {
    let mut payer = Payer::in_wechat();
    payer.taps("Pay now");
    payer.does();
    let url = String::from("https://pay.ionlinepay.com/pay/wxpay/jspay?token_id=1");
    payer.on(Event::Ordered(Ok(Prepared::Page(url.clone()))));
    assert_eq!(payer.does(), [Effect::Go(url)]);
    assert_eq!(payer.buttons(), ["I’ve paid", "Trouble paying? Pay again"]);

    payer.on(Event::Shown);
    assert_eq!(payer.does(), [Effect::PostCheck(None)]);
    payer.server_says(PAID);
    assert_eq!(payer.heading(), "Payment successful");
}
