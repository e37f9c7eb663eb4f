//! The course of one checkout on the page, with no browser in it.
//!
//! [`Flow`] is told what happened ([`Flow::apply`]) and answers with what to
//! do ([`Effect`]); time comes in as an argument and [`Flow::wake_at`] says
//! when to call again. So every course of events can be tested natively.
//!
//! ```text
//!            tap            order answered          bridge there
//!   Ready ───────> Preparing ──────────> WaitingBridge ─────> SheetOpen
//!     ^                │ code                  │ 5 s             │
//!     │                v                       v                 │ "ok"
//!     │              Code <──> CodeExpired   Ready               v
//!     └────────────── "cancel", "fail" ─────────────────── Confirming
//!
//!   H5, and the page in a Mini Program:
//!
//!            tap            address answered      "I have paid"
//!   Ready ───────> Preparing ───────────────> Away <──────────> Confirming
//!                                              ^   not paid
//!                       the page opened anew ──┘
//!
//!   in every stage:      the server's word "paid" ──> Ended(Paid)
//! ```
//!
//! Two rules hold everywhere. Nothing but the server's view makes `Paid`; the
//! bridge's "ok" is a reason to ask. And an order is made by a tap, or by a
//! page that runs where only a code can be shown, never by loading HTML.

use checkout::{Hint, Jsapi, Link, Method, Prepared, Problem, Qr, Reason, Standing, State};

use crate::ear::Ear;
pub use crate::ear::Heard;

/// How long the bridge may take to appear, ms.
const BRIDGE_PATIENCE_MS: i64 = 5_000;
/// How often to look for a bridge that has not announced itself, ms.
const BRIDGE_LOOK_MS: i64 = 250;
/// After this long without an answer, the payer may open the sheet again, ms.
const SHEET_SLOW_MS: i64 = 10_000;
/// After this long, a confirmation is said to take longer than usual, ms.
const CONFIRMING_SLOW_MS: i64 = 30_000;
/// How often the server may be asked to ask WeChat, ms.
const CHECK_EVERY_MS: i64 = 10_000;
/// How often to make sure that the server is still heard, ms.
const PING_EVERY_MS: i64 = 20_000;
/// Every so many times, it is asked none the less.
const ASK_EVERY: u32 = 6;
/// From when on the time left to pay is worth showing beside a pay button, ms.
const COUNTDOWN_FROM_MS: i64 = 15 * 60_000;

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The payer used a control.
    Tapped(Action),
    /// `POST /pay/order` was answered, or not.
    Ordered(Result<Prepared<Standing>, Failure>),
    /// `POST /pay/check` or `GET /pay/status` was answered, or not.
    Seen(Result<Standing, Failure>),
    /// Something came over the connection that [`Effect::Listen`] made.
    Heard(Heard),
    /// `WeixinJSBridge` exists.
    BridgeReady,
    /// The bridge answered a call.
    BridgeSaid {
        /// The number of the call, from [`Effect::CallBridge`].
        call: u32,
        /// Its answer.
        hint: Hint,
    },
    /// The Mini Program was asked for its payment page, and goes there or not.
    PageOpened(bool),
    /// The link was put on the clipboard, or could not be.
    Copied(bool),
    /// The page came to the front.
    Shown,
    /// The page went to the back.
    Hidden,
    /// The browser says that there is a network.
    Online,
    /// The browser says that there is none.
    Offline,
    /// The time of [`Flow::wake_at`] has come.
    Woke,
}

/// What a control does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Pay, or try again to get what is needed to pay.
    Pay,
    /// Ask the server to ask WeChat.
    CheckAgain,
    /// Put the page's link on the clipboard.
    CopyLink,
    /// Load the page afresh.
    Reload,
    /// Close WeChat's window.
    Close,
}

/// Why a request to the server brought no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It did not get there, or nothing came back in time.
    Network,
    /// The server refused it.
    Refused(Problem),
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// `POST /pay/order`, answered by [`Event::Ordered`].
    PostOrder,
    /// `POST /pay/check`, answered by [`Event::Seen`].
    PostCheck(Option<Hint>),
    /// `GET /pay/status`, answered by [`Event::Seen`].
    GetStatus,
    /// Connect to `GET /pay/live`; each message is [`Event::Heard`].
    Listen,
    /// Ask over that connection for a sign of life: [`Heard::Pong`].
    Ping,
    /// Close it. Nothing more is heard of it.
    Hush,
    /// Say [`Event::BridgeReady`] if the bridge exists by now.
    LookForBridge,
    /// `getBrandWCPayRequest`, answered by [`Event::BridgeSaid`].
    CallBridge {
        /// To tell this call's answer from an earlier one's.
        call: u32,
        /// What to hand over.
        package: Jsapi,
    },
    /// Ask the Mini Program around this page for its payment page, answered by
    /// [`Event::PageOpened`].
    OpenPage,
    /// Put this on the clipboard, answered by [`Event::Copied`]; the page's own
    /// address if `None`.
    Copy(Option<String>),
    /// Load the page afresh.
    Reload,
    /// Ask the bridge to close WeChat's window. There is no answer.
    CloseWindow,
    /// Go to this address; the payer may come back.
    Go(String),
}

/// Where the checkout is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Waiting for the payer; with what happened last, if it went wrong.
    Ready(Option<Note>),
    /// The order is on its way.
    Preparing,
    /// What the bridge is to do is known, the bridge is not there.
    WaitingBridge {
        /// What it is to do.
        call: Call,
        /// When to give up.
        until_ms: i64,
    },
    /// WeChat shows its payment sheet.
    SheetOpen {
        /// Whether the call was made inside the payer's tap.
        in_gesture: bool,
        /// Since when.
        since_ms: i64,
    },
    /// The payer was sent to a page that is not ours, to pay there and come
    /// back.
    Away {
        /// The server has asked WeChat since, and knows of no payment.
        asked: bool,
    },
    /// The server is finding out whether it was paid.
    Confirming {
        /// The bridge said "ok", so "not paid" from the server may only mean
        /// "not yet".
        hinted: bool,
        /// Since when.
        since_ms: i64,
    },
    /// A code is shown; [`Flow::code`].
    Code,
    /// The code's time is over, the purchase's is not.
    CodeExpired,
    /// Payment happens elsewhere; [`Flow::link`] helps to get there.
    Elsewhere,
    /// Nothing more can be done here.
    Ended(End),
}

/// What the bridge is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Its payment sheet.
    Sheet,
    /// The Mini Program's payment page.
    Page,
}

/// What went wrong before the payer could pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// The payer left the sheet.
    Cancelled,
    /// The bridge said "fail".
    Failed,
    /// The bridge did not appear.
    BridgeMissing,
    /// The server could not be reached.
    NoNetwork,
    /// The server refused.
    Problem(Problem),
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// WeChat's verified word.
    Paid {
        /// When, ms since 1970 UTC.
        paid_at_ms: i64,
    },
    /// Paid, and the merchant has returned a part of it.
    PartlyRefunded {
        /// When it was paid, ms since 1970 UTC.
        paid_at_ms: i64,
    },
    /// Paid, and the merchant has returned all of it.
    Refunded {
        /// When it was paid, ms since 1970 UTC.
        paid_at_ms: i64,
    },
    /// Time is over.
    Expired,
    /// Closed before it was paid.
    Closed,
    /// WeChat refused for good.
    Refused,
    /// There is no such purchase any more.
    Gone(Problem),
}

impl End {
    /// The end that this state is, if it is one.
    const fn of(state: State) -> Option<End> {
        Some(match state {
            State::Paid { paid_at_ms } => End::Paid { paid_at_ms },
            State::PartlyRefunded { paid_at_ms } => End::PartlyRefunded { paid_at_ms },
            State::Refunded { paid_at_ms } => End::Refunded { paid_at_ms },
            State::Expired => End::Expired,
            State::Closed => End::Closed,
            State::Failed => End::Refused,
            State::Open | State::Confirming => return None,
        })
    }

    /// Whether it was paid, refunded or not.
    const fn is_paid(self) -> bool {
        matches!(
            self,
            End::Paid { .. } | End::PartlyRefunded { .. } | End::Refunded { .. }
        )
    }
}

/// One checkout on the page. All times are the page's own clock in ms, which
/// must not jump (the browser's `performance.now()`).
#[derive(Clone, Debug)]
pub struct Flow {
    view: Standing,
    stage: Stage,
    code: Option<Qr>,
    link: Option<Link>,
    copied: Option<bool>,
    /// The payer has asked for the window to be closed.
    closing: bool,
    /// A call that the bridge refused outside a tap. HarmonyOS wants a direct
    /// gesture: the next tap makes it at once, without a round trip in between.
    held: Option<Call>,
    /// What to hand to the payment sheet, from the latest order.
    package: Option<Jsapi>,
    /// The payer was sent to a page that is not ours, and may have paid there.
    away: bool,
    bridge: bool,
    calls: u32,
    /// What to add to the page's clock to have the server's.
    server_ahead_ms: i64,
    visible: bool,
    offline: bool,
    /// Requests for a view that are on their way.
    asking: u32,
    /// So many of them were sent before the code came, and may know nothing of
    /// its attempt.
    asked_before_code: u32,
    /// There was something new to see after the last of them was sent.
    told: bool,
    ear: Ear,
    /// When to ask for a view again.
    poll_at_ms: Option<i64>,
    polls: u32,
    checked_at_ms: Option<i64>,
    now_ms: i64,
}

impl Flow {
    /// Begins with the view that came inside the HTML.
    ///
    /// `came_back` says that the payer comes from a page where they were sent
    /// to pay. `rendered_ms` is the moment on the page's clock at which the
    /// server may have written the view, at the earliest: the time left is
    /// never overstated.
    pub fn begin(
        view: Standing,
        came_back: bool,
        rendered_ms: i64,
        now_ms: i64,
    ) -> (Flow, Vec<Effect>) {
        let mut flow = Flow {
            server_ahead_ms: view.now_ms.saturating_sub(rendered_ms),
            stage: Stage::Ready(None),
            code: None,
            link: None,
            copied: None,
            closing: false,
            held: None,
            package: None,
            away: came_back && matches!(view.method, Method::H5 | Method::Jsapi),
            bridge: false,
            calls: 0,
            visible: true,
            offline: false,
            asking: 0,
            asked_before_code: 0,
            told: false,
            ear: Ear::new(),
            poll_at_ms: None,
            polls: 0,
            checked_at_ms: None,
            now_ms,
            view,
        };
        let problem = flow.view.problem.take();
        let effects = if let Some(code) = problem
            && flow.view.state == State::Open
            && !flow.expired()
        {
            flow.enter(Stage::Ready(Some(Note::Problem(Problem::from_code(&code)))));
            Vec::new()
        } else if flow.away && flow.view.state == State::Open && !flow.expired() {
            flow.confirm()
        } else {
            flow.arrange()
        };
        (flow, effects)
    }

    /// The purchase, as the server last told it.
    pub fn view(&self) -> &Standing {
        &self.view
    }

    /// Where the checkout is.
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// The code to scan, in [`Stage::Code`] and [`Stage::CodeExpired`].
    pub fn code(&self) -> Option<&Qr> {
        self.code.as_ref()
    }

    /// The page's link as a code, once the server has drawn it.
    pub fn link(&self) -> Option<&Link> {
        self.link.as_ref()
    }

    /// Whether the last copy succeeded, if there was one.
    pub fn copied(&self) -> Option<bool> {
        self.copied
    }

    /// Whether the payer has not been charged for certain: no order was ever
    /// made for this purchase as far as the server knows, and this page has
    /// handed out nothing to pay with.
    pub fn not_charged(&self) -> bool {
        self.view.state == State::Open
            && !self.view.attempted
            && !self.away
            && self.calls == 0
            && self.code.is_none()
    }

    /// Whether a button can close the window: WeChat's bridge can, and in a Mini
    /// Program there is none to close.
    pub fn can_close(&self) -> bool {
        self.bridge && matches!(self.view.method, Method::Jsapi | Method::Native)
    }

    /// Whether the window was to be closed, and is still there.
    pub fn closing(&self) -> bool {
        self.closing
    }

    /// Whether the server is out of reach.
    pub fn offline(&self) -> bool {
        self.offline
    }

    /// Whether the stage lasts longer than it should.
    pub fn slow(&self) -> bool {
        match self.stage {
            Stage::SheetOpen { since_ms, .. } => self.now_ms >= since_ms + SHEET_SLOW_MS,
            Stage::Confirming { since_ms, .. } => self.now_ms >= since_ms + CONFIRMING_SLOW_MS,
            _ => false,
        }
    }

    /// Whether the payer may open the sheet (again). Once the bridge has said
    /// "ok", only if the server has found no payment for a good while; an
    /// order number is paid at most once in any case.
    pub fn may_pay(&self) -> bool {
        match self.stage {
            Stage::Ready(_) | Stage::CodeExpired | Stage::Away { .. } => true,
            Stage::SheetOpen { .. } => self.slow(),
            Stage::Confirming { hinted, .. } => {
                (hinted || self.away) && self.slow() && self.view.state == State::Open
            }
            _ => false,
        }
    }

    /// Time left that the payer should see, ms, never negative: always beside a
    /// code, elsewhere only when it runs short.
    pub fn countdown_ms(&self) -> Option<i64> {
        self.left_ms()
            .filter(|left_ms| self.stage == Stage::Code || *left_ms <= COUNTDOWN_FROM_MS)
    }

    /// Time left until the code, or the purchase, can no longer be paid; ms,
    /// never negative. `None` where no time is running for the payer.
    fn left_ms(&self) -> Option<i64> {
        let expires_at_ms = match (&self.stage, &self.code) {
            (Stage::Code, Some(code)) => code.expires_at_ms.min(self.view.expires_at_ms),
            (Stage::Ready(_) | Stage::Away { .. } | Stage::Elsewhere, _) => self.view.expires_at_ms,
            _ => return None,
        };
        Some((expires_at_ms - self.server_now_ms()).max(0))
    }

    /// When to call [`Flow::apply`] with [`Event::Woke`], ms on the page's
    /// clock; `None` when nothing is due until something happens.
    pub fn wake_at(&self) -> Option<i64> {
        let stage = match self.stage {
            Stage::WaitingBridge { until_ms, .. } => {
                Some(until_ms.min(self.now_ms + BRIDGE_LOOK_MS))
            }
            Stage::SheetOpen { since_ms, .. } => Some(since_ms + SHEET_SLOW_MS),
            Stage::Confirming { since_ms, .. } => Some(since_ms + CONFIRMING_SLOW_MS),
            _ => None,
        }
        .filter(|at| *at > self.now_ms);
        // The next change of the second on a running countdown, or its start.
        let second = self.left_ms().map(|left_ms| match self.countdown_ms() {
            Some(_) => self.now_ms + (left_ms - 1).rem_euclid(1_000) + 1,
            None => self.now_ms + left_ms - COUNTDOWN_FROM_MS,
        });
        let poll = self.poll_at_ms.filter(|_| self.visible && self.asking == 0);
        [stage, second, poll].into_iter().flatten().min()
    }

    /// Takes in what happened at `now_ms`.
    pub fn apply(&mut self, event: Event, now_ms: i64) -> Vec<Effect> {
        self.now_ms = now_ms;
        let mut effects = self.take(event);
        // No connection is needed: the purchase has ended, or the page is hidden.
        let idle = self.poll_at_ms.is_none() || !self.visible || self.offline;
        if idle && self.ear.rest() {
            effects.push(Effect::Hush);
        }
        effects
    }

    fn take(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Tapped(action) => self.tapped(action),
            Event::Ordered(answer) => self.ordered(answer),
            Event::Seen(answer) => self.seen(answer),
            Event::Heard(heard) => self.heard(heard),
            Event::BridgeReady => self.bridge_ready(),
            Event::BridgeSaid { call, hint } => self.bridge_said(call, hint),
            Event::PageOpened(opened) => self.page_opened(opened),
            Event::Copied(done) => {
                self.copied = Some(done);
                Vec::new()
            }
            Event::Shown => {
                self.visible = true;
                self.refresh()
            }
            Event::Hidden => {
                self.visible = false;
                Vec::new()
            }
            Event::Online => {
                self.offline = false;
                self.refresh()
            }
            Event::Offline => {
                self.offline = true;
                Vec::new()
            }
            Event::Woke => self.woke(),
        }
    }

    fn tapped(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::Pay if self.may_pay() => self.pay(),
            // A second tap while the first is being answered.
            Action::Pay => Vec::new(),
            Action::CheckAgain => match self.stage {
                Stage::Confirming { hinted, .. } => self.check(hinted.then_some(Hint::Ok)),
                Stage::Away { .. } => self.confirm(),
                _ => Vec::new(),
            },
            Action::CopyLink => vec![Effect::Copy(
                self.link.as_ref().map(|link| link.url.clone()),
            )],
            Action::Reload => vec![Effect::Reload],
            Action::Close => {
                self.closing = true;
                vec![Effect::CloseWindow]
            }
        }
    }

    fn pay(&mut self) -> Vec<Effect> {
        match (self.held.take(), self.view.method) {
            (Some(call), _) => self.launch(call, true),
            // The order is made by the page that is opened.
            (None, Method::MiniProgram) => self.launch(Call::Page, true),
            (None, _) => {
                self.enter(Stage::Preparing);
                vec![Effect::PostOrder]
            }
        }
    }

    fn launch(&mut self, call: Call, in_gesture: bool) -> Vec<Effect> {
        if !self.bridge {
            self.enter(Stage::WaitingBridge {
                call,
                until_ms: self.now_ms + BRIDGE_PATIENCE_MS,
            });
            return vec![Effect::LookForBridge];
        }
        match (call, &self.package) {
            (Call::Sheet, Some(package)) => {
                let package = package.clone();
                self.calls += 1;
                self.enter(Stage::SheetOpen {
                    in_gesture,
                    since_ms: self.now_ms,
                });
                vec![Effect::CallBridge {
                    call: self.calls,
                    package,
                }]
            }
            (Call::Page, _) => {
                self.leave();
                vec![Effect::OpenPage]
            }
            // There is none for a sheet before an order.
            (Call::Sheet, None) => Vec::new(),
        }
    }

    /// The payer goes to a page that is not ours.
    fn leave(&mut self) {
        self.away = true;
        self.enter(Stage::Away { asked: false });
    }

    /// The payer has been there: finds out what came of it.
    fn confirm(&mut self) -> Vec<Effect> {
        self.enter(Stage::Confirming {
            hinted: false,
            since_ms: self.now_ms,
        });
        self.check(None)
    }

    fn page_opened(&mut self, opened: bool) -> Vec<Effect> {
        if opened || self.stage != (Stage::Away { asked: false }) {
            return Vec::new();
        }
        // A Mini Program without the page: the link is still good in WeChat.
        self.away = false;
        self.view.method = Method::OpenInWeChat {
            reason: Reason::MiniProgram,
        };
        self.arrange()
    }

    fn ordered(&mut self, answer: Result<Prepared<Standing>, Failure>) -> Vec<Effect> {
        self.offline = answer == Err(Failure::Network);
        if self.stage == Stage::Elsewhere {
            // The link's code is a help; the page is whole without it.
            return match answer {
                Ok(Prepared::Link(link)) => {
                    self.link = Some(link);
                    Vec::new()
                }
                Ok(Prepared::NotOpen(view)) => self.see(view),
                _ => Vec::new(),
            };
        }
        if self.stage != Stage::Preparing {
            // The purchase ended while the order was on its way.
            return Vec::new();
        }
        match answer {
            Ok(Prepared::Jsapi(package)) => {
                self.package = Some(package);
                return self.launch(Call::Sheet, false);
            }
            Ok(Prepared::Qr(code)) => {
                self.code = Some(code);
                self.asked_before_code = self.asking;
                self.enter(Stage::Code);
            }
            Ok(Prepared::Link(link)) => {
                self.link = Some(link);
                self.enter(Stage::Elsewhere);
            }
            Ok(Prepared::Page(url)) => {
                self.leave();
                return vec![Effect::Go(url)];
            }
            Ok(Prepared::NotOpen(view)) => return self.see(view),
            Err(Failure::Network) => self.enter(Stage::Ready(Some(Note::NoNetwork))),
            Err(Failure::Refused(problem)) => {
                self.refused(problem);
                // It may have been refused because it is paid, or over.
                return self.refresh();
            }
        }
        Vec::new()
    }

    fn refused(&mut self, problem: Problem) {
        match problem {
            Problem::UnknownLink | Problem::ExpiredLink => {
                self.enter(Stage::Ended(End::Gone(problem)));
            }
            _ => self.enter(Stage::Ready(Some(Note::Problem(problem)))),
        }
    }

    fn seen(&mut self, answer: Result<Standing, Failure>) -> Vec<Effect> {
        self.asking = self.asking.saturating_sub(1);
        if answer.is_err() && matches!(self.stage, Stage::Ended(end) if end.is_paid()) {
            // The question was only whether it has been refunded since.
            return Vec::new();
        }
        self.offline = answer == Err(Failure::Network);
        let was_before_code = self.asked_before_code > 0;
        self.asked_before_code = self.asked_before_code.saturating_sub(1);
        let mut effects = match answer {
            Ok(mut view) => {
                if was_before_code {
                    view.attempt = self.code.as_ref().and_then(|code| code.attempt.clone());
                }
                self.see(view)
            }
            Err(Failure::Refused(problem @ (Problem::UnknownLink | Problem::ExpiredLink))) => {
                self.refused(problem);
                Vec::new()
            }
            // Out of reach, too fast, or a passing fault: asked again later.
            Err(_) => Vec::new(),
        };
        self.schedule_poll();
        if core::mem::take(&mut self.told) && self.poll_at_ms.is_some() && !self.offline {
            effects.extend(self.ask());
        }
        effects
    }

    fn heard(&mut self, heard: Heard) -> Vec<Effect> {
        if self.poll_at_ms.is_none() {
            // Too late: all is over.
            return Vec::new();
        }
        if self.ear.heard(heard, self.now_ms) {
            // The server may have gone, for all of its pages at once: they do
            // not all ask at the same moment.
            self.polls = 0;
            self.poll_at_ms = self.poll_at_ms.map(|at_ms| {
                let soon_ms = self.now_ms + 1_000 + self.now_ms % 2_000;
                at_ms.min(soon_ms)
            });
        }
        if heard != Heard::Look {
            return Vec::new();
        }
        if self.asking > 0 {
            // Its answer may be of the moment before.
            self.told = true;
            return Vec::new();
        }
        self.ask()
    }

    /// Takes the server's word.
    fn see(&mut self, view: Standing) -> Vec<Effect> {
        if matches!(self.stage, Stage::Ended(end) if end.is_paid()) && !view.state.is_paid() {
            // An answer that was overtaken on its way. Paid stays paid.
            return Vec::new();
        }
        self.server_ahead_ms = view.now_ms - self.now_ms;
        // The page goes on in the way that it has found out to work.
        let method = self.view.method;
        self.view = Standing { method, ..view };
        if let Some(end) = End::of(self.view.state) {
            self.enter(Stage::Ended(end));
            return Vec::new();
        }
        match (self.view.state, &self.stage) {
            // Another page has the code of the present attempt: it is this
            // page's as well.
            (State::Open, Stage::Code | Stage::CodeExpired)
                if self.code_is_replaced() && self.view.attempt.is_some() =>
            {
                return self.arrange();
            }
            // The payer pays in another way. A new code would end that, so it is
            // made only when the payer asks for it.
            (State::Open, Stage::Code) if self.code_is_replaced() => {
                self.enter(Stage::CodeExpired);
            }
            (
                State::Confirming,
                Stage::Ready(_)
                | Stage::Code
                | Stage::CodeExpired
                | Stage::Away { .. }
                | Stage::Elsewhere
                | Stage::Ended(_),
            ) => self.enter(Stage::Confirming {
                hinted: false,
                since_ms: self.now_ms,
            }),
            // The server was confirming, or we thought that time was over, and
            // now it can be paid (again).
            (State::Open, Stage::Confirming { hinted: false, .. } | Stage::Ended(_)) => {
                return self.arrange();
            }
            _ => {}
        }
        Vec::new()
    }

    /// Enters the stage that the view asks for, from scratch.
    fn arrange(&mut self) -> Vec<Effect> {
        if let Some(end) = End::of(self.view.state) {
            self.enter(Stage::Ended(end));
            return Vec::new();
        }
        match self.view.state {
            State::Confirming => return self.confirm(),
            _ if self.expired() => self.enter(Stage::Ended(End::Expired)),
            _ if self.away => self.enter(Stage::Away { asked: true }),
            _ => match self.view.method {
                Method::Jsapi | Method::H5 | Method::MiniProgram => {
                    self.enter(Stage::Ready(None));
                }
                Method::Native if self.code_is_replaced() && self.view.attempt.is_none() => {
                    self.enter(Stage::CodeExpired);
                }
                Method::Native if self.code_is_good() => self.enter(Stage::Code),
                Method::Native => {
                    self.enter(Stage::Preparing);
                    return vec![Effect::PostOrder];
                }
                Method::WeChatTooOld
                | Method::OpenInWeChat {
                    reason: Reason::Robot,
                } => self.enter(Stage::Elsewhere),
                Method::OpenInWeChat { .. } => {
                    self.enter(Stage::Elsewhere);
                    if self.link.is_none() {
                        return vec![Effect::PostOrder];
                    }
                }
            },
        }
        Vec::new()
    }

    fn bridge_ready(&mut self) -> Vec<Effect> {
        self.bridge = true;
        match self.stage {
            Stage::WaitingBridge { call, .. } => self.launch(call, false),
            _ => Vec::new(),
        }
    }

    fn bridge_said(&mut self, call: u32, hint: Hint) -> Vec<Effect> {
        if hint == Hint::Ok {
            return match self.stage {
                Stage::Ended(_) | Stage::Confirming { hinted: true, .. } => Vec::new(),
                // Even from an earlier call: money may have moved.
                _ => {
                    self.enter(Stage::Confirming {
                        hinted: true,
                        since_ms: self.now_ms,
                    });
                    self.check(Some(Hint::Ok))
                }
            };
        }
        let Stage::SheetOpen { in_gesture, .. } = self.stage else {
            // The bridge answered twice.
            return Vec::new();
        };
        if call != self.calls {
            return Vec::new();
        }
        let note = if hint == Hint::Cancel {
            Note::Cancelled
        } else {
            self.held = (!in_gesture).then_some(Call::Sheet);
            Note::Failed
        };
        self.enter(Stage::Ready(Some(note)));
        self.check(Some(hint))
    }

    /// The page is in front again, or the network is back: ask at once.
    fn refresh(&mut self) -> Vec<Effect> {
        self.polls = 0;
        match self.stage {
            Stage::Ended(End::Gone(_)) | Stage::Preparing => Vec::new(),
            Stage::Ready(Some(Note::NoNetwork)) if !self.offline => {
                // What was on its way when the network went: for a code the
                // page goes on by itself, a payment waits for the payer's tap.
                self.arrange()
            }
            _ if self.asking > 0 => Vec::new(),
            Stage::Confirming { .. } => self.check(None),
            // Back from the page where the payer was sent to pay.
            Stage::Away { .. } => self.confirm(),
            _ => self.ask(),
        }
    }

    fn woke(&mut self) -> Vec<Effect> {
        if let Stage::WaitingBridge { call, until_ms } = self.stage {
            if self.now_ms < until_ms {
                return vec![Effect::LookForBridge];
            }
            self.held = Some(call);
            self.enter(Stage::Ready(Some(Note::BridgeMissing)));
            return Vec::new();
        }
        if self.left_ms() == Some(0) {
            self.enter(if self.expired() {
                Stage::Ended(End::Expired)
            } else {
                Stage::CodeExpired
            });
            // A payment may have been made in the last moment.
            return self.check(None);
        }
        let due = self.poll_at_ms.is_some_and(|at| at <= self.now_ms);
        if !due || !self.visible || self.asking > 0 {
            return Vec::new();
        }
        let turn = match self.offline {
            true => None,
            false => self.ear.turn(self.now_ms),
        };
        let confirming = matches!(self.stage, Stage::Confirming { .. });
        if turn == Some(Effect::Ping) && !confirming && !self.polls.is_multiple_of(ASK_EVERY) {
            self.schedule_poll();
            return vec![Effect::Ping];
        }
        let mut effects: Vec<Effect> = turn.into_iter().collect();
        let may_check = self
            .checked_at_ms
            .is_none_or(|at| self.now_ms - at >= CHECK_EVERY_MS);
        effects.extend(match self.stage {
            Stage::Confirming { hinted, .. } if may_check => self.check(hinted.then_some(Hint::Ok)),
            _ => self.ask(),
        });
        effects
    }

    fn ask(&mut self) -> Vec<Effect> {
        self.asking += 1;
        vec![Effect::GetStatus]
    }

    fn check(&mut self, hint: Option<Hint>) -> Vec<Effect> {
        self.asking += 1;
        self.checked_at_ms = Some(self.now_ms);
        vec![Effect::PostCheck(hint)]
    }

    fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.polls = 0;
        self.schedule_poll();
    }

    /// Quickly while a payment is likely, slower when it takes long, and hardly
    /// ever while the server says by itself when there is something new.
    fn schedule_poll(&mut self) {
        let wait_ms = match self.stage {
            Stage::SheetOpen { .. }
            | Stage::Confirming { .. }
            | Stage::Code
            | Stage::Away { .. }
            | Stage::Elsewhere => match self.polls {
                _ if self.offline => 5_000,
                // There the server is to ask WeChat.
                _ if self.ear.hears() && matches!(self.stage, Stage::Confirming { .. }) => {
                    CHECK_EVERY_MS
                }
                _ if self.ear.hears() => PING_EVERY_MS,
                0..20 => 1_500,
                20..80 => 2_000,
                _ => 5_000,
            },
            // Only in case of a payment in the last moment.
            Stage::CodeExpired => 5_000,
            Stage::Ended(End::Expired) if self.view.state == State::Open => 5_000,
            _ => {
                self.poll_at_ms = None;
                return;
            }
        };
        self.polls += 1;
        self.poll_at_ms = Some(self.now_ms + wait_ms);
    }

    fn server_now_ms(&self) -> i64 {
        self.now_ms + self.server_ahead_ms
    }

    fn expired(&self) -> bool {
        self.server_now_ms() >= self.view.expires_at_ms
    }

    fn code_is_good(&self) -> bool {
        !self.code_is_replaced()
            && self
                .code
                .as_ref()
                .is_some_and(|code| self.server_now_ms() < code.expires_at_ms)
    }

    /// Whether the code's attempt is over because the purchase was begun in
    /// another way, on another device.
    pub fn code_is_replaced(&self) -> bool {
        let attempt = self.code.as_ref().and_then(|code| code.attempt.as_ref());
        attempt.is_some() && self.view.attempt.as_ref() != attempt
    }
}
