//! Scenarios of a checkout, in the payer's terms.

use checkout::{
    CheckoutStatus, Hint, Jsapi, Lang, Link, Method, Prepared, Problem, Qr, Reason, State, Texts,
    texts,
};

use crate::flow::{Action, Effect, End, Event, Failure, Flow, LiveMessage, Stage};
use crate::screen::{Screen, StatusIcon, in_groups};
use std::sync::OnceLock;

mod away;
mod begun;
mod devices;
mod languages;
mod live;
mod returning;
mod ways_out;

/// The server's clock when a page is opened; it differs from the page's clock.
const SERVER_START_MS: i64 = 1_763_700_000_000;

const MINUTE_MS: i64 = 60_000;

fn view(method: Method) -> CheckoutStatus {
    CheckoutStatus {
        state: State::Open,
        attempt: None,
        method,
        now_ms: SERVER_START_MS,
        expires_at_ms: SERVER_START_MS + 120 * MINUTE_MS,
        success_url: Some(String::from("https://shop.example/thanks")),
        cancel_url: Some(String::from("https://shop.example/cart")),
        attempted: false,
        problem: None,
        return_seconds: None,
        begun: false,
        payment: None,
    }
}

fn package() -> Jsapi {
    Jsapi {
        app_id: String::from("wx2421b1c4370ec43b"),
        time_stamp: String::from("1395712654"),
        nonce_str: String::from("e61463f8efa94090b1f366cccfbbb444"),
        package: String::from("prepay_id=u802345jgfjsdfgsdg888"),
        sign_type: String::from("MD5"),
        pay_sign: String::from("70EA570631E4BB79628FBCA90534C63FF7FADD89"),
    }
}

fn code(expires_in_ms: i64) -> Prepared<CheckoutStatus> {
    Prepared::Qr(Qr {
        code_url: String::from("weixin://wxpay/bizpayurl?pr=F2EDdjR"),
        size: 33,
        path: String::from("M4,4h1v1h-1z"),
        expires_at_ms: SERVER_START_MS + expires_in_ms,
        attempt: None,
    })
}

/// The texts as the page receives them from the server, read once.
fn words(lang: Lang) -> &'static Texts {
    static READ: OnceLock<Vec<(Lang, Texts)>> = OnceLock::new();
    let read = READ.get_or_init(|| {
        let read = |lang| {
            let sent = texts(lang).to_words("HK$150.00", "Demo Tea House");
            (lang, Texts::from_words(sent.leak()).unwrap())
        };
        Lang::ALL.map(read).into()
    });
    &read.iter().find(|(of, _)| *of == lang).unwrap().1
}

/// A payer with the page, and the server that answers it.
struct Payer {
    flow: Flow,
    now_ms: i64,
    view: CheckoutStatus,
    todo: Vec<Effect>,
    /// The number of attempts to connect. None succeeds unless a test says so.
    connects: u32,
}

impl Payer {
    fn opens(view: CheckoutStatus) -> Payer {
        let (flow, todo) = Flow::begin(view.clone(), false, 0, 0);
        Payer {
            flow,
            now_ms: 0,
            view,
            todo,
            connects: 0,
        }
    }

    fn in_wechat() -> Payer {
        let mut payer = Payer::opens(view(Method::Jsapi));
        payer.on(Event::BridgeReady);
        payer
    }

    /// The payer at a computer, with a code that is valid for `expires_in_ms`.
    fn at_a_desk(expires_in_ms: i64) -> Payer {
        let mut payer = Payer::opens(view(Method::Native));
        assert_eq!(payer.does(), [Effect::PostOrder]);
        payer.on(Event::Ordered(Ok(code(expires_in_ms))));
        payer
    }

    /// In WeChat, with the payment sheet open.
    fn at_the_sheet() -> Payer {
        let mut payer = Payer::in_wechat();
        payer.taps("Pay now");
        payer.on(Event::Ordered(Ok(Prepared::Jsapi(package()))));
        payer.todo.clear();
        payer
    }

    fn on(&mut self, event: Event) {
        let effects = self.flow.apply(event, self.now_ms);
        for effect in effects {
            match effect {
                Effect::Connect => self.connects += 1,
                effect => self.todo.push(effect),
            }
        }
    }

    fn receives(&mut self, message: LiveMessage) {
        self.on(Event::Live(message));
    }

    fn sees(&self) -> Screen {
        Screen::of(&self.flow, words(Lang::En))
    }

    fn heading(&self) -> &'static str {
        self.sees().heading
    }

    fn buttons(&self) -> Vec<&'static str> {
        let screen = self.sees();
        let buttons = [screen.button, screen.second];
        buttons.iter().flatten().map(|b| b.label).collect()
    }

    fn taps(&mut self, label: &str) {
        let screen = self.sees();
        let button = [screen.button, screen.second]
            .into_iter()
            .flatten()
            .find(|button| button.label == label && !button.busy)
            .unwrap_or_else(|| panic!("no {label:?} on {:?}", self.sees()));
        self.on(Event::Tapped(button.action));
    }

    /// The effects since the last call.
    fn does(&mut self) -> Vec<Effect> {
        core::mem::take(&mut self.todo)
    }

    /// Advances the time, and wakes the page whenever it asked for that.
    fn waits(&mut self, wait_ms: i64) {
        let end_ms = self.now_ms + wait_ms;
        while self.wakes_by(end_ms) {}
        self.now_ms = end_ms;
    }

    /// Wakes the page if it asked for that by `end_ms`. It may ask late, but
    /// not twice for the same moment.
    fn wakes_by(&mut self, end_ms: i64) -> bool {
        let Some(at_ms) = self.flow.wake_at().filter(|at_ms| *at_ms <= end_ms) else {
            return false;
        };
        self.now_ms = self.now_ms.max(at_ms);
        self.on(Event::Woke);
        let next = self.flow.wake_at();
        assert!(
            next.is_none_or(|next| next > self.now_ms),
            "awake in a circle"
        );
        true
    }

    /// As `waits`, with a server that answers every request at once. Returns
    /// each request with its time.
    fn waits_answered(&mut self, wait_ms: i64) -> Vec<(i64, Effect)> {
        let end_ms = self.now_ms + wait_ms;
        let mut asked = Vec::new();
        while self.wakes_by(end_ms) {
            for effect in self.does() {
                if matches!(effect, Effect::GetStatus | Effect::PostCheck(_)) {
                    self.server_says(self.view.state);
                }
                asked.push((self.now_ms, effect));
            }
        }
        self.now_ms = end_ms;
        asked
    }

    /// The server answers a request with the purchase in this state.
    fn server_says(&mut self, state: State) {
        self.view.state = state;
        self.view.now_ms = SERVER_START_MS + self.now_ms;
        self.on(Event::Seen(Ok(self.view.clone())));
    }

    fn bridge_says(&mut self, call: u32, hint: Hint) {
        self.on(Event::BridgeSaid { call, hint });
    }
}

const PAID: State = State::Paid {
    paid_at_ms: SERVER_START_MS,
};

// Paying inside WeChat.

#[test]
fn the_bridge_pays_and_the_server_confirms() {
    let mut payer = Payer::in_wechat();
    assert_eq!(payer.buttons(), ["Pay now"]);
    assert_eq!(payer.does(), [], "loading the page orders nothing");

    payer.taps("Pay now");
    assert_eq!(payer.does(), [Effect::PostOrder]);
    let button = payer.sees().button.unwrap();
    assert_eq!((button.label, button.busy), ("One moment…", true));

    payer.on(Event::Ordered(Ok(Prepared::Jsapi(package()))));
    assert_eq!(
        payer.does(),
        [Effect::CallBridge {
            call: 1,
            package: package()
        }]
    );
    assert_eq!(payer.heading(), "Complete your payment");

    payer.bridge_says(1, Hint::Ok);
    assert_eq!(payer.does(), [Effect::PostCheck(Some(Hint::Ok))]);
    assert_eq!(payer.heading(), "Confirming your payment…");

    payer.server_says(State::Confirming);
    assert_eq!(payer.heading(), "Confirming your payment…");

    payer.server_says(PAID);
    let screen = payer.sees();
    assert_eq!(
        (screen.heading, screen.icon),
        ("Payment successful", StatusIcon::Success)
    );
    assert_eq!(
        screen.way_on,
        Some((
            "Return to Demo Tea House",
            String::from("https://shop.example/thanks")
        ))
    );
    assert_eq!(screen.paid_at, Some(("Paid at", SERVER_START_MS)));
    assert_eq!(payer.flow.wake_at(), None, "nothing is left to do");
}

#[test]
fn ok_from_the_bridge_is_never_paid() {
    let mut payer = Payer::at_the_sheet();
    payer.bridge_says(1, Hint::Ok);
    payer.server_says(State::Open);
    for _ in 0..600 {
        payer.waits_answered(1_000);
        assert_ne!(payer.sees().icon, StatusIcon::Success);
        assert!(payer.heading().contains("Pay") || payer.heading().contains("payment"));
    }
    // The payer has a next step: the query can be repeated, and since the
    // server has found no payment, the sheet can be opened again.
    assert_eq!(payer.heading(), "Still waiting for WeChat Pay");
    assert_eq!(
        payer.buttons(),
        ["Check again", "I haven’t paid yet: open WeChat Pay"]
    );
    payer.does();
    payer.taps("Check again");
    assert_eq!(payer.does(), [Effect::PostCheck(Some(Hint::Ok))]);
    payer.taps("I haven’t paid yet: open WeChat Pay");
    assert_eq!(payer.does(), [Effect::PostOrder]);
}

#[test]
fn while_the_server_confirms_no_second_payment_is_offered() {
    let mut payer = Payer::at_the_sheet();
    payer.bridge_says(1, Hint::Ok);
    payer.server_says(State::Confirming);
    payer.waits_answered(2 * MINUTE_MS);
    assert_eq!(payer.buttons(), ["Check again"]);
}

#[test]
fn the_server_queries_wechat_at_most_every_ten_seconds() {
    let mut payer = Payer::at_the_sheet();
    payer.bridge_says(1, Hint::Ok);
    payer.does();
    payer.server_says(State::Confirming);
    let checks: Vec<i64> = payer
        .waits_answered(MINUTE_MS)
        .into_iter()
        .filter(|(_, effect)| matches!(effect, Effect::PostCheck(_)))
        .map(|(at_ms, _)| at_ms)
        .collect();
    assert!(checks.len() >= 4, "{checks:?}");
    assert!(
        checks.windows(2).all(|w| w[1] - w[0] >= 10_000),
        "{checks:?}"
    );
}

#[test]
fn a_double_tap_orders_once() {
    let mut payer = Payer::in_wechat();
    payer.taps("Pay now");
    payer.on(Event::Tapped(Action::Pay));
    payer.on(Event::Ordered(Ok(Prepared::Jsapi(package()))));
    payer.on(Event::Tapped(Action::Pay));
    assert_eq!(
        payer.does(),
        [
            Effect::PostOrder,
            Effect::CallBridge {
                call: 1,
                package: package()
            }
        ]
    );
}

#[test]
fn a_second_answer_of_the_bridge_is_ignored() {
    let mut payer = Payer::at_the_sheet();
    payer.bridge_says(1, Hint::Ok);
    payer.bridge_says(1, Hint::Ok);
    payer.bridge_says(1, Hint::Cancel);
    assert_eq!(payer.does(), [Effect::PostCheck(Some(Hint::Ok))]);
    assert_eq!(payer.heading(), "Confirming your payment…");
}

#[test]
fn ok_after_cancel_leads_to_a_query() {
    // Some phones say "cancel" for a payment that then succeeds.
    let mut payer = Payer::at_the_sheet();
    payer.bridge_says(1, Hint::Cancel);
    payer.bridge_says(1, Hint::Ok);
    assert_eq!(payer.heading(), "Confirming your payment…");
    assert_eq!(
        payer.does(),
        [
            Effect::PostCheck(Some(Hint::Cancel)),
            Effect::PostCheck(Some(Hint::Ok))
        ]
    );
}

#[test]
fn a_payer_who_cancels_can_pay_again() {
    let mut payer = Payer::at_the_sheet();
    payer.bridge_says(1, Hint::Cancel);
    assert_eq!(payer.does(), [Effect::PostCheck(Some(Hint::Cancel))]);
    assert_eq!(payer.heading(), "Payment cancelled");
    payer.server_says(State::Open);
    assert_eq!(payer.heading(), "Payment cancelled");
    payer.taps("Pay now");
    assert_eq!(payer.does(), [Effect::PostOrder]);
    payer.on(Event::Ordered(Ok(Prepared::Jsapi(package()))));
    assert_eq!(
        payer.does(),
        [Effect::CallBridge {
            call: 2,
            package: package()
        }]
    );
}

#[test]
fn cancelled_but_paid_is_paid() {
    let mut payer = Payer::at_the_sheet();
    payer.bridge_says(1, Hint::Cancel);
    payer.server_says(PAID);
    assert_eq!(payer.heading(), "Payment successful");
}

/// HarmonyOS requires that the call is made while a tap is handled, and the
/// first call is made after a request. So the page keeps the package, and the
/// next tap makes the call at once.
#[test]
fn a_refused_call_is_repeated_inside_the_next_tap() {
    let mut payer = Payer::at_the_sheet();
    payer.bridge_says(1, Hint::Fail);
    assert_eq!(payer.heading(), "Payment failed");
    payer.does();
    payer.taps("Try again");
    let call = Effect::CallBridge {
        call: 2,
        package: package(),
    };
    assert_eq!(payer.does(), [call], "no round trip in between");

    // Refused inside a gesture, so the gesture was not the reason: order again.
    payer.bridge_says(2, Hint::Fail);
    payer.does();
    payer.taps("Try again");
    assert_eq!(payer.does(), [Effect::PostOrder]);
}

#[test]
fn the_page_waits_for_a_late_bridge() {
    let mut payer = Payer::opens(view(Method::Jsapi));
    payer.taps("Pay now");
    payer.on(Event::Ordered(Ok(Prepared::Jsapi(package()))));
    assert_eq!(payer.sees().button.unwrap().label, "Connecting to WeChat…");
    payer.waits(3_000);
    let looks = payer.does();
    assert!(looks.contains(&Effect::LookForBridge), "{looks:?}");
    payer.on(Event::BridgeReady);
    assert_eq!(payer.heading(), "Complete your payment");
}

#[test]
fn a_missing_bridge_is_reported_and_can_be_retried() {
    let mut payer = Payer::opens(view(Method::Jsapi));
    payer.taps("Pay now");
    payer.on(Event::Ordered(Ok(Prepared::Jsapi(package()))));
    payer.waits(5_000);
    assert_eq!(payer.heading(), "WeChat is not responding");
    payer.does();
    payer.on(Event::BridgeReady);
    assert_eq!(payer.does(), [], "not without the payer");
    payer.taps("Try again");
    let call = Effect::CallBridge {
        call: 1,
        package: package(),
    };
    assert_eq!(payer.does(), [call]);
}

#[test]
fn a_sheet_without_an_answer_can_be_opened_again() {
    let mut payer = Payer::at_the_sheet();
    assert_eq!(payer.buttons(), [""; 0]);
    payer.waits_answered(10_000);
    assert_eq!(payer.buttons(), ["Open WeChat Pay again"]);
    payer.taps("Open WeChat Pay again");
    payer.on(Event::Ordered(Ok(Prepared::Jsapi(package()))));
    payer.does();

    payer.bridge_says(1, Hint::Cancel);
    assert_eq!(
        payer.heading(),
        "Complete your payment",
        "the first sheet's end says nothing about the second"
    );
    payer.bridge_says(1, Hint::Ok);
    assert_eq!(
        payer.heading(),
        "Confirming your payment…",
        "but money may have moved"
    );
}

#[test]
fn a_payment_is_shown_without_an_answer_of_the_bridge() {
    let mut payer = Payer::at_the_sheet();
    payer.view.state = PAID;
    payer.waits_answered(5_000);
    assert_eq!(payer.heading(), "Payment successful");
}

#[test]
fn a_page_opened_while_a_payment_is_confirmed_queries_it() {
    let mut open = view(Method::Jsapi);
    open.state = State::Confirming;
    let mut payer = Payer::opens(open);
    assert_eq!(payer.does(), [Effect::PostCheck(None)]);
    assert_eq!(payer.heading(), "Confirming your payment…");
    payer.server_says(State::Open);
    assert_eq!(payer.buttons(), ["Pay now"]);
}

// Paying with a code.

#[test]
fn a_scanned_code_pays_the_purchase() {
    let mut payer = Payer::opens(view(Method::Native));
    assert_eq!(payer.does(), [Effect::PostOrder]);
    assert_eq!(payer.sees().code.unwrap().size, 0, "a place for the code");

    payer.on(Event::Ordered(Ok(code(15 * MINUTE_MS))));
    let screen = payer.sees();
    assert_eq!(screen.heading, "Scan with WeChat to pay");
    assert_eq!(
        screen.code.unwrap().alt,
        "QR code. Scan it with WeChat to pay HK$150.00 to Demo Tea House."
    );
    assert_eq!(
        screen.countdown,
        Some(("This code expires in {left}", String::from("15:00")))
    );

    payer.waits_answered(61_000);
    assert_eq!(payer.sees().countdown.unwrap().1, "13:59");
    payer.server_says(State::Confirming);
    assert_eq!(payer.heading(), "Confirming your payment…");
    payer.server_says(PAID);
    assert_eq!(payer.heading(), "Payment successful");
}

#[test]
fn the_countdown_follows_the_servers_clock() {
    let mut payer = Payer::at_a_desk(15 * MINUTE_MS);
    // The page slept for a minute without an event.
    payer.view.now_ms = SERVER_START_MS + MINUTE_MS;
    payer.on(Event::Seen(Ok(payer.view.clone())));
    assert_eq!(payer.sees().countdown.unwrap().1, "14:00");
}

#[test]
fn time_left_is_never_overstated_when_the_page_took_long_to_load() {
    // The page was requested at 0 and runs only 20 seconds later.
    let (flow, _) = Flow::begin(view(Method::Native), false, 0, 20_000);
    let mut payer = Payer {
        flow,
        now_ms: 20_000,
        view: view(Method::Native),
        todo: Vec::new(),
        connects: 0,
    };
    payer.on(Event::Ordered(Ok(code(15 * MINUTE_MS))));
    assert_eq!(payer.sees().countdown.unwrap().1, "14:40");
}

#[test]
fn polling_slows_down() {
    let mut payer = Payer::at_a_desk(110 * MINUTE_MS);
    let times: Vec<i64> = payer
        .waits_answered(5 * MINUTE_MS)
        .iter()
        // Connection attempts are left out.
        .filter(|(_, effect)| *effect != Effect::Disconnect)
        .map(|(at_ms, effect)| {
            assert_eq!(effect, &Effect::GetStatus);
            *at_ms
        })
        .collect();
    let gaps: Vec<i64> = times.windows(2).map(|w| w[1] - w[0]).collect();
    assert_eq!(times[0], 1_500);
    assert_eq!(gaps[0], 1_500);
    assert_eq!(gaps[30], 2_000);
    assert_eq!(gaps.last(), Some(&5_000));
    assert!(gaps.is_sorted(), "{gaps:?}");
}

#[test]
fn only_one_poll_is_in_flight() {
    let mut payer = Payer::at_a_desk(110 * MINUTE_MS);
    payer.waits(MINUTE_MS);
    assert_eq!(payer.does(), [Effect::GetStatus], "the first is unanswered");
}

#[test]
fn a_hidden_page_does_not_poll_and_polls_at_once_when_shown() {
    let mut payer = Payer::at_a_desk(110 * MINUTE_MS);
    payer.on(Event::Hidden);
    payer.waits(10 * MINUTE_MS);
    assert_eq!(payer.does(), []);
    payer.on(Event::Shown);
    assert_eq!(payer.does(), [Effect::GetStatus]);
}

#[test]
fn an_expired_code_can_be_replaced() {
    let mut payer = Payer::at_a_desk(5 * MINUTE_MS);
    payer.waits_answered(5 * MINUTE_MS);
    assert_eq!(payer.heading(), "This code has expired");
    assert!(payer.sees().code.unwrap().over);
    payer.does();
    payer.taps("Get a new code");
    assert_eq!(payer.does(), [Effect::PostOrder]);
    payer.on(Event::Ordered(Ok(code(30 * MINUTE_MS))));
    assert_eq!(payer.heading(), "Scan with WeChat to pay");
    assert_eq!(payer.sees().countdown.unwrap().1, "25:00");
}

#[test]
fn the_server_queries_wechat_once_more_when_a_code_expires() {
    let mut payer = Payer::at_a_desk(5 * MINUTE_MS);
    let asked = payer.waits_answered(5 * MINUTE_MS);
    assert_eq!(
        asked.last(),
        Some(&(5 * MINUTE_MS, Effect::PostCheck(None)))
    );
    payer.view.state = PAID;
    payer.waits_answered(10_000);
    assert_eq!(
        payer.heading(),
        "Payment successful",
        "scanned in the last second"
    );
}

// Elsewhere.

#[test]
fn a_phones_browser_sends_the_payer_to_wechat() {
    let mut payer = Payer::opens(view(Method::OpenInWeChat {
        reason: Reason::PhoneBrowser,
    }));
    assert_eq!(payer.does(), [Effect::PostOrder]);
    assert_eq!(payer.heading(), "Open this page in WeChat");
    payer.taps("Copy link");
    assert_eq!(payer.does(), [Effect::Copy(None)], "the page's own address");

    payer.on(Event::Ordered(Ok(Prepared::Link(Link {
        url: String::from("https://pay.example/pay/?s=1"),
        size: 33,
        path: String::from("M4,4h1v1h-1z"),
    }))));
    assert_eq!(
        payer.sees().code.unwrap().alt,
        "QR code of this page’s link"
    );
    payer.taps("Copy link");
    assert_eq!(
        payer.does(),
        [Effect::Copy(Some(String::from(
            "https://pay.example/pay/?s=1"
        )))]
    );
    payer.on(Event::Copied(true));
    assert_eq!(payer.buttons(), ["Copied"]);
    payer.on(Event::Copied(false));
    assert_eq!(
        payer.sees().copy_by_hand,
        Some((
            "Select the link and copy it",
            Some(String::from("https://pay.example/pay/?s=1"))
        ))
    );

    // The payment made in WeChat shows here, too.
    payer.view.state = PAID;
    payer.waits_answered(10_000);
    assert_eq!(payer.heading(), "Payment successful");
}

#[test]
fn without_its_code_the_link_to_wechat_is_still_shown() {
    for failure in [Failure::Network, Failure::Refused(Problem::Other)] {
        let mut payer = Payer::opens(view(Method::OpenInWeChat {
            reason: Reason::OtherApp,
        }));
        payer.on(Event::Ordered(Err(failure)));
        assert_eq!(payer.heading(), "Open this page in WeChat");
        assert_eq!(payer.buttons(), ["Copy link"]);
    }
}

#[test]
fn neither_a_robot_nor_an_old_wechat_causes_an_order() {
    for method in [
        Method::WeChatTooOld,
        Method::OpenInWeChat {
            reason: Reason::Robot,
        },
    ] {
        let mut payer = Payer::opens(view(method));
        assert_eq!(payer.does(), []);
    }
    let payer = Payer::opens(view(Method::WeChatTooOld));
    assert_eq!(payer.heading(), "Please update WeChat");
}

// Endings.

#[test]
fn a_purchase_expires_on_the_page() {
    let mut open = view(Method::Jsapi);
    open.expires_at_ms = SERVER_START_MS + 2 * MINUTE_MS;
    let mut payer = Payer::opens(open);
    assert_eq!(
        payer.sees().countdown,
        Some(("Time left to pay {left}", String::from("2:00")))
    );
    payer.waits(2 * MINUTE_MS);
    assert_eq!(payer.heading(), "This payment has expired");
    assert_eq!(payer.buttons(), [""; 0]);
    assert_eq!(
        payer.sees().way_on,
        Some((
            "Back to the merchant",
            String::from("https://shop.example/cart")
        ))
    );
    assert_eq!(payer.does().last(), Some(&Effect::PostCheck(None)));

    // The server's answer decides in either case.
    payer.view.expires_at_ms += 10 * MINUTE_MS;
    payer.server_says(State::Open);
    assert_eq!(payer.buttons(), ["Pay now"]);
}

#[test]
fn a_long_time_left_is_not_shown() {
    let mut payer = Payer::in_wechat();
    assert_eq!(payer.sees().countdown, None);
    payer.waits(105 * MINUTE_MS);
    assert_eq!(payer.sees().countdown.unwrap().1, "15:00");
}

#[test]
fn a_payer_at_the_sheet_sees_no_expiry() {
    let mut open = view(Method::Jsapi);
    open.expires_at_ms = SERVER_START_MS + MINUTE_MS;
    let mut payer = Payer::opens(open);
    payer.on(Event::BridgeReady);
    payer.taps("Pay now");
    payer.on(Event::Ordered(Ok(Prepared::Jsapi(package()))));
    payer.waits(2 * MINUTE_MS);
    assert_eq!(payer.heading(), "Complete your payment");
}

#[test]
fn an_end_from_the_server_ends_the_page() {
    for (state, heading) in [
        (State::Expired, "This payment has expired"),
        (State::Closed, "This payment has been closed"),
        (State::Failed, "Payment failed"),
        (PAID, "Payment successful"),
    ] {
        let mut ended = view(Method::Native);
        ended.state = state;
        let mut payer = Payer::opens(ended);
        assert_eq!(payer.does(), [], "nothing is ordered for {state:?}");
        assert_eq!(payer.heading(), heading);

        let mut payer = Payer::at_a_desk(15 * MINUTE_MS);
        payer.server_says(state);
        assert_eq!(payer.heading(), heading);
    }
}

#[test]
fn paid_stays_paid() {
    let mut payer = Payer::at_a_desk(15 * MINUTE_MS);
    payer.server_says(PAID);
    payer.server_says(State::Open);
    payer.on(Event::Ordered(Err(Failure::Network)));
    payer.on(Event::Tapped(Action::Pay));
    assert_eq!(payer.does(), []);
    payer.on(Event::Shown);
    payer.server_says(State::Open);
    assert_eq!(payer.heading(), "Payment successful");
}

#[test]
fn a_payment_in_another_tab_or_before_going_back_is_shown() {
    let mut payer = Payer::in_wechat();
    payer.on(Event::Shown);
    assert_eq!(payer.does(), [Effect::GetStatus]);
    payer.server_says(PAID);
    assert_eq!(payer.heading(), "Payment successful");
}

#[test]
fn an_order_for_a_purchase_that_has_ended_shows_its_end() {
    let mut payer = Payer::in_wechat();
    payer.taps("Pay now");
    let mut paid = view(Method::Jsapi);
    paid.state = PAID;
    payer.on(Event::Ordered(Ok(Prepared::NotOpen(paid))));
    assert_eq!(payer.heading(), "Payment successful");
}

// The network, and the server's refusals.

#[test]
fn a_payment_waits_for_the_payer_after_the_network_was_lost() {
    let mut payer = Payer::in_wechat();
    payer.taps("Pay now");
    payer.does();
    payer.on(Event::Ordered(Err(Failure::Network)));
    assert_eq!(payer.heading(), "No connection");
    assert!(payer.sees().banner.is_none(), "once is enough");
    assert_eq!(payer.buttons(), ["Try again"]);
    payer.on(Event::Online);
    assert!(payer.sees().banner.is_none());
    assert_eq!(payer.buttons(), ["Pay now"]);
    assert_eq!(payer.does(), [], "no payment without a tap");
}

#[test]
fn a_code_is_fetched_when_the_network_is_back() {
    let mut payer = Payer::opens(view(Method::Native));
    payer.does();
    payer.on(Event::Ordered(Err(Failure::Network)));
    assert_eq!(payer.heading(), "No connection");
    payer.on(Event::Online);
    assert_eq!(payer.does(), [Effect::PostOrder]);
}

#[test]
fn a_lost_network_is_reported_and_recovered_from() {
    let mut payer = Payer::at_a_desk(110 * MINUTE_MS);
    payer.on(Event::Offline);
    assert!(payer.sees().banner.is_some());
    assert!(payer.sees().code.is_some(), "the code stays good");
    payer.on(Event::Online);
    assert_eq!(payer.does(), [Effect::GetStatus], "asked at once");
    payer.on(Event::Seen(Err(Failure::Network)));
    assert!(payer.sees().banner.is_some(), "online is only a claim");
    payer.waits(5_000);
    assert_eq!(payer.does(), [Effect::GetStatus], "asked again later");
    payer.server_says(PAID);
    assert!(payer.sees().banner.is_none());
    assert_eq!(payer.heading(), "Payment successful");
}

#[test]
fn each_refusal_has_its_text_and_next_step() {
    for (code, heading, button) in [
        (
            "RATE_LIMITED",
            "Just a moment",
            Some(("Try again", Action::Pay)),
        ),
        (
            "ATTEMPT_PENDING",
            "Just a moment",
            Some(("Try again", Action::Pay)),
        ),
        (
            "UPSTREAM_UNAVAILABLE",
            "WeChat Pay isn’t answering",
            Some(("Try again", Action::Pay)),
        ),
        (
            "OPENID_REQUIRED",
            "WeChat sign-in failed",
            Some(("Reload", Action::Reload)),
        ),
        (
            "INTERNAL",
            "We couldn’t start the payment",
            Some(("Try again", Action::Pay)),
        ),
        ("UPSTREAM_REFUSED", "This payment can’t be taken", None),
        ("KEY_UNUSABLE", "This payment can’t be taken", None),
        (
            "SIGN_IN_NOT_SET_UP",
            "You can’t pay in WeChat here right now",
            None,
        ),
        ("SESSION_NOT_FOUND", "This link doesn’t work", None),
        ("SESSION_EXPIRED", "This link has expired", None),
    ] {
        for method in [Method::Jsapi, Method::Native] {
            let mut payer = Payer::opens(view(method));
            if method == Method::Jsapi {
                payer.taps("Pay now");
            }
            let problem = Problem::from_code(code);
            payer.on(Event::Ordered(Err(Failure::Refused(problem))));
            let screen = payer.sees();
            assert_eq!(screen.heading, heading, "{code}");
            let seen = screen.button.map(|button| (button.label, button.action));
            assert_eq!(seen, button, "{code}");
        }
    }
}

#[test]
fn an_order_refused_because_it_is_paid_shows_as_paid() {
    let mut payer = Payer::in_wechat();
    payer.taps("Pay now");
    payer.does();
    let problem = Problem::from_code("ORDER_PAID");
    payer.on(Event::Ordered(Err(Failure::Refused(problem))));
    assert_eq!(payer.does(), [Effect::GetStatus]);
    payer.server_says(PAID);
    assert_eq!(payer.heading(), "Payment successful");
}

#[test]
fn a_refused_poll_does_not_end_the_page() {
    let mut payer = Payer::at_a_desk(110 * MINUTE_MS);
    payer.waits(1_500);
    payer.does();
    payer.on(Event::Seen(Err(Failure::Refused(Problem::Busy))));
    assert_eq!(payer.heading(), "Scan with WeChat to pay");
    payer.waits(5_000);
    assert_eq!(payer.does(), [Effect::GetStatus]);
}

/// Events in a random order: "paid" always comes from the server, orders are
/// made by taps (or where only a code can be shown), the page never wakes in an
/// endless loop, and every state has a screen.
#[test]
fn only_the_server_makes_a_purchase_paid() {
    for seed in 1..=2_000_u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut random = |below: u64| {
            // xorshift64
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        let method = [
            Method::Jsapi,
            Method::Native,
            Method::OpenInWeChat {
                reason: Reason::WeCom,
            },
            Method::H5,
            Method::MiniProgram,
        ][random(5) as usize];
        let mut payer = Payer::opens(view(method));
        let mut said_paid = false;
        let mut tapped = matches!(method, Method::Native | Method::OpenInWeChat { .. });
        for _ in 0..60 {
            payer.now_ms += random(4_000) as i64;
            let call = random(4) as u32;
            match random(20) {
                0 => {
                    tapped = true;
                    payer.on(Event::Tapped(Action::Pay));
                }
                1 => payer.on(Event::Tapped(Action::CheckAgain)),
                2 => payer.on(Event::Ordered(Ok(Prepared::Jsapi(package())))),
                3 => payer.on(Event::Ordered(Ok(code(random(1_000_000) as i64)))),
                4 => payer.on(Event::Ordered(Err(Failure::Network))),
                5 => payer.on(Event::BridgeReady),
                6 => payer.bridge_says(call, Hint::Ok),
                7 => payer.bridge_says(call, Hint::Cancel),
                8 => payer.bridge_says(call, Hint::Fail),
                9 => payer.server_says(State::Open),
                10 => payer.server_says(State::Confirming),
                11 => payer.on(Event::Seen(Err(Failure::Network))),
                12 => payer.on(Event::Shown),
                13 => payer.waits(random(20_000) as i64),
                14 => payer.on(Event::Ordered(Ok(Prepared::Page(String::new())))),
                15 => payer.on(Event::PageOpened(random(2) == 0)),
                16 => payer.receives(LiveMessage::Look),
                17 => payer.receives(LiveMessage::Pong),
                18 => payer.receives(LiveMessage::Closed),
                _ if random(10) == 0 => {
                    said_paid = true;
                    payer.server_says(PAID);
                }
                _ => payer.on(Event::Hidden),
            }
            let is_paid = matches!(payer.flow.stage(), Stage::Ended(End::Paid { .. }));
            assert_eq!(is_paid, said_paid, "seed {seed}");
            let is_success = payer.sees().icon == StatusIcon::Success;
            assert_eq!(is_success, said_paid, "seed {seed}");
            let ordered = payer.does().contains(&Effect::PostOrder);
            assert!(tapped || !ordered, "seed {seed}: ordered without a tap");
            let screen = payer.sees();
            assert!(
                !screen.heading.is_empty() || screen.button.is_some(),
                "seed {seed}: an empty page in {:?}",
                payer.flow.stage()
            );
        }
    }
}

#[test]
fn the_page_groups_wechats_number_as_the_server_does() {
    let number = "4200002374202612019876543210";
    let mut drawn = String::new();
    checkout::draw_number(&mut drawn, number);
    let groups = in_groups(number);
    assert_eq!(drawn, format!("<span class=\"number\">{groups}</span>"));
    assert_eq!(in_groups("4200<b>1"), "<span>4200</span><span>b1</span>");
}
