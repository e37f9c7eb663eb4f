//! Whether money was taken, and the ways out of the page.

use super::*;

#[test]
fn not_charged_is_said_only_where_it_is_certain() {
    let refuse = |payer: &mut Payer, code: &str| {
        let problem = Problem::from_code(code);
        payer.on(Event::Ordered(Err(Failure::Refused(problem))));
    };
    let certain = Some("You haven’t been charged.");
    for code in ["UPSTREAM_UNAVAILABLE", "UPSTREAM_REFUSED", "INTERNAL"] {
        let mut payer = Payer::in_wechat();
        payer.taps("Pay now");
        refuse(&mut payer, code);
        assert_eq!(payer.sees().further, certain, "{code}");
        // An order was made elsewhere, and may be paid there.
        payer.view.attempted = true;
        payer.server_says(State::Open);
        assert_eq!(payer.sees().further, None, "{code}");
    }

    // The sheet was open before: it may have taken the money.
    let mut payer = Payer::at_the_sheet();
    payer.bridge_says(1, Hint::Cancel);
    assert_eq!(payer.sees().further, None, "the bridge proves nothing");
    payer.taps("Pay now");
    refuse(&mut payer, "UPSTREAM_UNAVAILABLE");
    assert_eq!(payer.sees().further, None);

    // A code was shown before: somebody may have scanned it.
    let mut payer = Payer::at_a_desk(5 * MINUTE_MS);
    payer.waits_answered(5 * MINUTE_MS);
    payer.taps("Get a new code");
    refuse(&mut payer, "INTERNAL");
    assert_eq!(payer.sees().further, None);

    // A refusal that may mean "paid" claims nothing of an error of ours.
    let mut payer = Payer::in_wechat();
    payer.view.attempted = true;
    payer.server_says(State::Open);
    payer.taps("Pay now");
    refuse(&mut payer, "ORDER_PAID");
    assert_eq!(payer.heading(), "Just a moment");
    assert_eq!(payer.sees().further, None);
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
fn an_end_without_an_address_is_no_dead_end() {
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
        // A bridge that does not close it: the payer may.
        assert_eq!(payer.sees().further, Some("You can close this page."));

        for method in [Method::H5, Method::MiniProgram] {
            let mut payer = Payer::opens(Standing {
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
fn nobody_is_told_not_to_pay_beside_a_button_that_pays() {
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
