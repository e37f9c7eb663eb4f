//! Whether money was taken, and the next steps that the page offers.

use super::*;

#[test]
fn the_page_says_not_charged_only_when_it_is_certain() {
    let refuse = |payer: &mut Payer, code: &str| {
        let problem = Problem::from_code(code);
        payer.on(Event::Ordered(Err(Failure::Refused(problem))));
    };
    let certain = Some("You haven’t been charged.");
    let unknown = Some("If you’ve been charged, this page shows it once WeChat Pay confirms it.");
    for code in ["UPSTREAM_UNAVAILABLE", "UPSTREAM_REFUSED", "INTERNAL"] {
        let mut payer = Payer::in_wechat();
        payer.taps("Pay now");
        refuse(&mut payer, code);
        assert_eq!(payer.sees().money, certain, "{code}");
        // An order was made on another device and may be paid there.
        payer.view.attempted = true;
        payer.server_says(State::Open);
        assert_eq!(payer.sees().money, unknown, "{code}");
    }

    // The sheet was open before and may have taken the money.
    let mut payer = Payer::at_the_sheet();
    payer.bridge_says(1, Hint::Cancel);
    assert_eq!(payer.sees().money, None, "the bridge proves nothing");
    payer.taps("Pay now");
    refuse(&mut payer, "UPSTREAM_UNAVAILABLE");
    assert_eq!(payer.sees().money, unknown);

    // A code was shown before, and a payer may have scanned it.
    let mut payer = Payer::at_a_desk(5 * MINUTE_MS);
    payer.waits_answered(5 * MINUTE_MS);
    payer.taps("Get a new code");
    refuse(&mut payer, "INTERNAL");
    assert_eq!(payer.sees().money, unknown);

    // A refusal that may mean "paid" makes no statement about a charge.
    let mut payer = Payer::in_wechat();
    payer.view.attempted = true;
    payer.server_says(State::Open);
    payer.taps("Pay now");
    refuse(&mut payer, "ORDER_PAID");
    assert_eq!(payer.heading(), "Just a moment");
    assert_eq!(payer.sees().money, unknown);
}

#[test]
fn a_payer_can_go_back_to_the_merchant_before_the_end() {
    let back = Some((
        "Back to the merchant",
        String::from("https://shop.example/cart"),
    ));
    let mut payer = Payer::in_wechat();
    assert_eq!(payer.sees().way_back, back);
    payer.taps("Pay now");
    assert_eq!(payer.sees().way_back, None, "while an order is made");
    payer.on(Event::Ordered(Err(Failure::Refused(Problem::Merchant))));
    assert_eq!(payer.sees().way_back, back);
    assert_eq!(payer.buttons(), [""; 0], "a retry cannot help");

    let mut payer = Payer::at_a_desk(5 * MINUTE_MS);
    assert_eq!(payer.sees().way_back, back, "beside a code");
    payer.waits_answered(5 * MINUTE_MS);
    assert_eq!(payer.sees().way_back, back, "beside an old code");
    let elsewhere = Payer::opens(view(Method::OpenInWeChat {
        reason: Reason::PhoneBrowser,
    }));
    assert_eq!(elsewhere.sees().way_back, back);

    let mut payer = Payer::at_the_sheet();
    assert_eq!(payer.sees().way_back, None, "while the payer pays");
    payer.bridge_says(1, Hint::Ok);
    assert_eq!(payer.sees().way_back, None, "while it is confirmed");
    payer.server_says(PAID);
    assert_eq!(payer.sees().way_back, None, "a paid order is not cancelled");
}

#[test]
fn an_end_without_an_address_offers_a_next_step() {
    for (state, label) in [
        (PAID, "Done"),
        (State::Closed, "Close"),
        (State::Expired, "Close"),
    ] {
        let mut ended = view(Method::Jsapi);
        ended.state = state;
        ended.success_url = None;
        ended.cancel_url = None;
        let mut payer = Payer::opens(ended.clone());
        assert_eq!(payer.buttons(), [""; 0]);
        assert_eq!(payer.sees().further, Some("You can close this page."));
        payer.on(Event::BridgeReady);
        assert_eq!(payer.buttons(), [label]);
        assert_eq!(payer.sees().further, None);
        payer.taps(label);
        assert_eq!(payer.does(), [Effect::CloseWindow]);
        // A bridge that does not close the window: the payer can.
        assert_eq!(payer.sees().further, Some("You can close this page."));

        for method in [Method::H5, Method::MiniProgram] {
            let mut payer = Payer::opens(CheckoutStatus {
                method,
                ..ended.clone()
            });
            payer.on(Event::BridgeReady);
            assert_eq!(payer.buttons(), [""; 0], "no window of WeChat's to close");
            assert_eq!(payer.sees().further, Some("You can close this page."));
        }
    }
}

#[test]
fn a_pay_button_never_stands_beside_a_warning_not_to_pay() {
    let mut payer = Payer::at_the_sheet();
    payer.bridge_says(1, Hint::Ok);
    payer.server_says(State::Open);
    for _ in 0..120 {
        payer.waits_answered(1_000);
        let screen = payer.sees();
        let pays = [screen.button, screen.second]
            .iter()
            .flatten()
            .any(|button| button.action == Action::Pay);
        assert!(!(pays && screen.body.contains("pay again")), "{screen:?}");
    }
    assert_eq!(payer.buttons().len(), 2);
}

#[test]
fn a_page_opened_after_a_failed_sign_in_keeps_the_purchase_and_the_way_back() {
    for (code, heading) in [
        ("OPENID_REQUIRED", "WeChat sign-in failed"),
        ("VIRTUAL_OPENID", "Tap “Use full service”"),
    ] {
        let mut opened = view(Method::Jsapi);
        opened.problem = Some(String::from(code));
        let mut payer = Payer::opens(opened.clone());
        assert_eq!(payer.heading(), heading);
        assert_eq!(payer.buttons(), ["Reload"]);
        assert!(payer.sees().way_back.is_some());
        assert_eq!(payer.sees().money, Some("You haven’t been charged."));
        payer.taps("Reload");
        assert_eq!(payer.does(), [Effect::Reload]);

        // The purchase's new state has precedence.
        opened.state = PAID;
        assert_eq!(Payer::opens(opened).heading(), "Payment successful");
    }
}

#[test]
fn a_paid_page_that_is_shown_again_shows_a_refund() {
    let paid_at_ms = 7;
    let mut payer = Payer::in_wechat();
    payer.server_says(PAID);
    payer.does();
    for (state, heading) in [
        (State::PartlyRefunded { paid_at_ms }, "Partly refunded"),
        (State::Refunded { paid_at_ms }, "Refunded"),
    ] {
        payer.on(Event::Hidden);
        payer.on(Event::Shown);
        assert_eq!(payer.does(), [Effect::GetStatus]);
        payer.server_says(state);
        assert_eq!(payer.heading(), heading);
        payer.waits(60 * MINUTE_MS);
        assert_eq!(payer.does(), [], "it asks only when it is shown");
        for failure in [Failure::Network, Failure::Refused(Problem::UnknownLink)] {
            payer.on(Event::Shown);
            payer.on(Event::Seen(Err(failure)));
            assert_eq!(payer.heading(), heading, "without an answer");
            assert_eq!(payer.sees().banner, None);
        }
        payer.does();
    }
}

#[test]
fn a_page_without_a_purchase_shows_the_reason() {
    let error = |code: &str| Screen::of_error(code, words(Lang::ZhHans));
    assert_eq!(error("SESSION_NOT_FOUND").heading, "链接无效");
    assert_eq!(error("SESSION_NOT_FOUND").button, None);
    assert_eq!(error("SESSION_EXPIRED").heading, "链接已过期");
    // The address of WeChat's way back works once: loading it anew would fail
    // for ever.
    assert_eq!(error("SIGN_IN_FAILED").heading, "微信授权失败");
    assert_eq!(error("SIGN_IN_FAILED").button, None);
    assert_eq!(error("SIGN_IN_NOT_SET_UP").button, None);
    assert_eq!(error("OPENID_REQUIRED").button.unwrap().label, "重新加载");
    assert_eq!(error("").button.unwrap().label, "重新加载");
}
