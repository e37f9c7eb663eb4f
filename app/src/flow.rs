//! The state machine of one checkout on the page, without a browser.
//!
//! [`Flow::apply`] takes an event and returns the [`Effect`]s to execute. Time
//! is an argument, and [`Flow::wake_at`] says when to call again, so every
//! sequence of events can be tested natively.
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
//!                       the page reopened ─────┘
//!
//!   in every stage:      the server's word "paid" ──> Ended(Paid)
//! ```
//!
//! Two rules hold everywhere. Only the server's view leads to `Paid`; the
//! bridge's "ok" only triggers a query. An order is made by a tap, or by a page
//! that can show only a code; loading HTML never makes one.

use checkout::{CheckoutStatus, Hint, Jsapi, Link, Method, Prepared, Problem, Qr, Reason, State};

pub use crate::effect::Effect;
use crate::live::LiveConnection;
pub use crate::live::LiveMessage;

/// How long the bridge may take to appear, ms.
const BRIDGE_TIMEOUT_MS: i64 = 5_000;
/// How often to look for a bridge that has not announced itself, ms.
const BRIDGE_LOOK_MS: i64 = 250;
/// After this time without an answer the payer may open the sheet again, ms.
const SHEET_SLOW_MS: i64 = 10_000;
/// After this time the page says that confirming takes longer than usual, ms.
const CONFIRMING_SLOW_MS: i64 = 30_000;
/// Shortest interval between two requests that make the server query WeChat,
/// ms.
const CHECK_EVERY_MS: i64 = 10_000;
/// Interval of pings while connected, ms.
const PING_EVERY_MS: i64 = 20_000;
/// While connected, one request for the view is sent for this many pings.
const ASK_EVERY: u32 = 6;
/// Below this time left, a page with a pay button shows the countdown, ms.
const COUNTDOWN_FROM_MS: i64 = 15 * 60_000;

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The payer used a control.
    Tapped(Action),
    /// The result of `POST /pay/order`.
    Ordered(Result<Prepared<CheckoutStatus>, Failure>),
    /// The result of `POST /pay/check` or `GET /pay/status`.
    Seen(Result<CheckoutStatus, Failure>),
    /// A message on the connection that [`Effect::Connect`] made.
    Live(LiveMessage),
    /// `WeixinJSBridge` exists.
    BridgeReady,
    /// The bridge answered a call.
    BridgeSaid {
        /// The number of the call, from [`Effect::CallBridge`].
        call: u32,
        /// Its answer.
        hint: Hint,
    },
    /// Whether the Mini Program opens its payment page.
    PageOpened(bool),
    /// Whether the link was copied to the clipboard.
    Copied(bool),
    /// The page became visible.
    Shown,
    /// The page became hidden.
    Hidden,
    /// The browser reports a network.
    Online,
    /// The browser reports that there is no network.
    Offline,
    /// The time of [`Flow::wake_at`] has come.
    Woke,
}

/// What a control does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Pay, or retry what is needed before paying.
    Pay,
    /// Have the server query WeChat.
    CheckAgain,
    /// Copy the page's link.
    CopyLink,
    /// Reload the page.
    Reload,
    /// Close WeChat's window.
    Close,
    /// Stay on the page instead of returning to the merchant.
    Stay,
}

/// Why a request to the server has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No answer arrived in time.
    Network,
    /// The server refused it.
    Refused(Problem),
}

/// The stage of the checkout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Waiting for the payer, with the last problem if there was one.
    Ready(Option<Note>),
    /// The request for the order is in flight.
    Preparing,
    /// The bridge call is known, but the bridge does not exist yet.
    WaitingBridge {
        /// The call to make.
        call: Call,
        /// When to give up.
        until_ms: i64,
    },
    /// WeChat shows its payment sheet.
    SheetOpen {
        /// Whether the call was made inside the payer's tap.
        in_gesture: bool,
        /// When the call was made.
        since_ms: i64,
    },
    /// The payer was sent to a page outside the gateway, to pay there and
    /// return.
    Away {
        /// The server has queried WeChat since, without finding a payment.
        asked: bool,
    },
    /// The server is querying whether the purchase is paid.
    Confirming {
        /// The bridge said "ok", so the server's "not paid" may only mean "not
        /// yet".
        hinted: bool,
        /// When confirming began.
        since_ms: i64,
    },
    /// A code is shown; see [`Flow::code`].
    Code,
    /// The code has expired, the purchase has not.
    CodeExpired,
    /// The payer pays on another device or in WeChat; [`Flow::link`] leads
    /// there.
    Elsewhere,
    /// The checkout has ended.
    Ended(End),
}

/// The purpose of a call to the bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Its payment sheet.
    Sheet,
    /// The Mini Program's payment page.
    Page,
}

/// The last problem before the payer could pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// The payer closed the sheet.
    Cancelled,
    /// The bridge said "fail".
    Failed,
    /// The bridge did not appear.
    BridgeMissing,
    /// The server could not be reached.
    NoNetwork,
    /// The server refused the request.
    Problem(Problem),
}

/// How the checkout ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Paid, verified by the server.
    Paid {
        /// When, ms since 1970 UTC.
        paid_at_ms: i64,
    },
    /// Paid, and partly refunded.
    PartlyRefunded {
        /// When it was paid, ms since 1970 UTC.
        paid_at_ms: i64,
    },
    /// Paid, and refunded in full.
    Refunded {
        /// When it was paid, ms since 1970 UTC.
        paid_at_ms: i64,
    },
    /// The time to pay has run out.
    Expired,
    /// Closed before it was paid.
    Closed,
    /// WeChat refused it permanently.
    Refused,
    /// The purchase no longer exists.
    Gone(Problem),
}

impl End {
    /// The end that this state means, if it is one.
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
    pub(crate) const fn is_paid(self) -> bool {
        matches!(
            self,
            End::Paid { .. } | End::PartlyRefunded { .. } | End::Refunded { .. }
        )
    }
}

/// One checkout on the page. All times are milliseconds of the page's monotonic
/// clock (the browser's `performance.now()`).
#[derive(Clone, Debug)]
pub struct Flow {
    view: CheckoutStatus,
    stage: Stage,
    code: Option<Qr>,
    link: Option<Link>,
    copied: Option<bool>,
    /// The payer has asked to close the window.
    closing: bool,
    /// When the page returns to the merchant by itself, after a payment.
    return_at_ms: Option<i64>,
    /// A call that the bridge refused outside a tap. HarmonyOS requires a
    /// direct gesture: the next tap makes the call at once, without a request
    /// before it.
    held: Option<Call>,
    /// The package for the payment sheet, from the latest order.
    package: Option<Jsapi>,
    /// The payer was sent to a page outside the gateway and may have paid
    /// there.
    away: bool,
    bridge: bool,
    calls: u32,
    /// The server's clock minus the page's clock.
    server_ahead_ms: i64,
    visible: bool,
    offline: bool,
    /// Requests for a view that are in flight.
    asking: u32,
    /// How many of them were sent before the code arrived; their answers may
    /// not know its attempt.
    asked_before_code: u32,
    /// `look` arrived after the last of them was sent.
    look_again: bool,
    live: LiveConnection,
    /// When to request the view again.
    poll_at_ms: Option<i64>,
    polls: u32,
    checked_at_ms: Option<i64>,
    now_ms: i64,
}

impl Flow {
    /// Begins with the view in the HTML.
    ///
    /// `came_back` says that the payer returns from a page on which they were
    /// sent to pay. `rendered_ms` is the earliest moment on the page's clock at
    /// which the server may have written the view, so the time left is never
    /// overstated.
    pub fn begin(
        view: CheckoutStatus,
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
            return_at_ms: None,
            held: None,
            package: None,
            away: came_back && matches!(view.method, Method::H5 | Method::Jsapi),
            bridge: false,
            calls: 0,
            visible: true,
            offline: false,
            asking: 0,
            asked_before_code: 0,
            look_again: false,
            live: LiveConnection::new(),
            poll_at_ms: None,
            polls: 0,
            checked_at_ms: None,
            now_ms,
            view,
        };
        if came_back {
            flow.return_soon();
        }
        let problem = flow.view.problem.take();
        let begun = core::mem::take(&mut flow.view.begun);
        let effects = if let Some(code) = problem
            && flow.view.state == State::Open
            && !flow.expired()
        {
            flow.enter(Stage::Ready(Some(Note::Problem(Problem::from_code(&code)))));
            Vec::new()
        } else if flow.away && flow.view.state == State::Open && !flow.expired() {
            flow.confirm()
        } else {
            let mut effects = flow.arrange();
            // The tap in the link's form was the payer's tap to pay.
            if begun && flow.stage == Stage::Ready(None) && flow.view.method == Method::Jsapi {
                effects.extend(flow.pay());
            }
            effects
        };
        (flow, effects)
    }

    /// The latest view from the server.
    pub fn view(&self) -> &CheckoutStatus {
        &self.view
    }

    /// The current stage.
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// The code to scan, in [`Stage::Code`] and [`Stage::CodeExpired`].
    pub fn code(&self) -> Option<&Qr> {
        self.code.as_ref()
    }

    /// The page's link as a code, once the server has answered with it.
    pub fn link(&self) -> Option<&Link> {
        self.link.as_ref()
    }

    /// Whether the last copy succeeded, if there was one.
    pub fn copied(&self) -> Option<bool> {
        self.copied
    }

    /// Whether the payer has certainly not been charged: the server knows of no
    /// order for this purchase, and this page has received nothing to pay with.
    pub fn not_charged(&self) -> bool {
        self.view.state == State::Open
            && !self.view.attempted
            && !self.away
            && self.calls == 0
            && self.package.is_none()
            && self.code.is_none()
    }

    /// Whether a button can close the window: WeChat's bridge can; in a Mini
    /// Program there is no window to close.
    pub fn can_close(&self) -> bool {
        self.bridge && matches!(self.view.method, Method::Jsapi | Method::Native)
    }

    /// Whether closing was requested and the window is still open.
    pub fn closing(&self) -> bool {
        self.closing
    }

    /// Whether the server cannot be reached.
    pub fn offline(&self) -> bool {
        self.offline
    }

    /// Whether the stage lasts longer than usual.
    pub fn slow(&self) -> bool {
        match self.stage {
            Stage::SheetOpen { since_ms, .. } => self.now_ms >= since_ms + SHEET_SLOW_MS,
            Stage::Confirming { since_ms, .. } => self.now_ms >= since_ms + CONFIRMING_SLOW_MS,
            _ => false,
        }
    }

    /// Whether the payer may open the sheet (again). After the bridge's "ok"
    /// only once the server has found no payment for `CONFIRMING_SLOW_MS`. One
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

    /// The time left to show, ms, never negative: always with a code, elsewhere
    /// only when it is short.
    pub fn countdown_ms(&self) -> Option<i64> {
        self.left_ms()
            .filter(|left_ms| self.stage == Stage::Code || *left_ms <= COUNTDOWN_FROM_MS)
    }

    /// The time left until the page returns to the merchant, or until the code, or
    /// the purchase, expires, ms, never negative. `None` in stages without a time limit for the payer.
    fn left_ms(&self) -> Option<i64> {
        if let Some(at_ms) = self.return_at_ms {
            return Some((at_ms - self.now_ms).max(0));
        }
        let expires_at_ms = match (&self.stage, &self.code) {
            (Stage::Code, Some(code)) => code.expires_at_ms.min(self.view.expires_at_ms),
            (Stage::Ready(_) | Stage::Away { .. } | Stage::Elsewhere, _) => self.view.expires_at_ms,
            _ => return None,
        };
        Some((expires_at_ms - self.server_now_ms()).max(0))
    }

    /// When to call [`Flow::apply`] with [`Event::Woke`], on the page's clock;
    /// `None` when nothing is due.
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

    /// Applies an event that happened at `now_ms`.
    pub fn apply(&mut self, event: Event, now_ms: i64) -> Vec<Effect> {
        self.now_ms = now_ms;
        let mut effects = self.take(event);
        // No connection is needed: the purchase has ended, or the page is hidden.
        let idle = self.poll_at_ms.is_none() || !self.visible || self.offline;
        if idle && self.live.disconnect() {
            effects.push(Effect::Disconnect);
        }
        effects
    }

    fn take(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Tapped(action) => self.tapped(action),
            Event::Ordered(answer) => self.ordered(answer),
            Event::Seen(answer) => self.seen(answer),
            Event::Live(message) => self.live_message(message),
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
            Action::Stay => {
                self.return_at_ms = None;
                Vec::new()
            }
            Action::Close => {
                self.closing = true;
                vec![Effect::CloseWindow]
            }
        }
    }

    fn pay(&mut self) -> Vec<Effect> {
        match (self.held.take(), self.view.method) {
            (Some(call), _) => self.launch(call, true),
            // The opened page makes the order.
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
                until_ms: self.now_ms + BRIDGE_TIMEOUT_MS,
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
            // Before an order there is no package for a sheet.
            (Call::Sheet, None) => Vec::new(),
        }
    }

    /// The payer goes to a page outside the gateway.
    fn leave(&mut self) {
        self.away = true;
        self.enter(Stage::Away { asked: false });
    }

    /// The payer has returned: asks whether the purchase was paid.
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
        // The Mini Program lacks the page; the link still works in WeChat.
        self.away = false;
        self.view.method = Method::OpenInWeChat {
            reason: Reason::MiniProgram,
        };
        self.arrange()
    }

    fn ordered(&mut self, answer: Result<Prepared<CheckoutStatus>, Failure>) -> Vec<Effect> {
        self.offline = answer == Err(Failure::Network);
        if self.stage == Stage::Elsewhere {
            // The link's code is optional; the page works without it.
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
            // The purchase ended while the request was in flight.
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
                // The reason may be that the purchase is paid or has ended.
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

    fn seen(&mut self, answer: Result<CheckoutStatus, Failure>) -> Vec<Effect> {
        self.asking = self.asking.saturating_sub(1);
        if answer.is_err() && matches!(self.stage, Stage::Ended(end) if end.is_paid()) {
            // The request only asked whether a refund was made since.
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
            // Unreachable, rate-limited or a temporary fault: the next poll
            // asks again.
            Err(_) => Vec::new(),
        };
        self.schedule_poll();
        if core::mem::take(&mut self.look_again) && self.poll_at_ms.is_some() && !self.offline {
            effects.extend(self.ask());
        }
        effects
    }

    fn live_message(&mut self, message: LiveMessage) -> Vec<Effect> {
        if self.poll_at_ms.is_none() {
            // The purchase has ended.
            return Vec::new();
        }
        if self.live.received(message, self.now_ms) {
            // The server may have restarted and closed all connections: the
            // pages do not all ask at the same moment.
            self.polls = 0;
            self.poll_at_ms = self.poll_at_ms.map(|at_ms| {
                let soon_ms = self.now_ms + 1_000 + self.now_ms % 2_000;
                at_ms.min(soon_ms)
            });
        }
        if message != LiveMessage::Look {
            return Vec::new();
        }
        if self.asking > 0 {
            // The answer in flight may be older than this message.
            self.look_again = true;
            return Vec::new();
        }
        self.ask()
    }

    /// Applies a view from the server.
    fn see(&mut self, view: CheckoutStatus) -> Vec<Effect> {
        if matches!(self.stage, Stage::Ended(end) if end.is_paid()) && !view.state.is_paid() {
            // An answer overtaken by a later one: paid stays paid.
            return Vec::new();
        }
        self.server_ahead_ms = view.now_ms - self.now_ms;
        // The page keeps the payment method that has worked on it.
        let method = self.view.method;
        self.view = CheckoutStatus { method, ..view };
        if let Some(end) = End::of(self.view.state) {
            if !matches!(self.stage, Stage::Ended(end) if end.is_paid()) {
                self.return_soon();
            }
            self.enter(Stage::Ended(end));
            return Vec::new();
        }
        match (self.view.state, &self.stage) {
            // Another page shows the code of the present attempt: fetch that
            // code.
            (State::Open, Stage::Code | Stage::CodeExpired)
                if self.code_is_replaced() && self.view.attempt.is_some() =>
            {
                return self.arrange();
            }
            // The payer pays on another device. A new code would end that
            // attempt, so it is made only when the payer asks for it.
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
            // The server was confirming, or the page thought that time had run
            // out, and now the purchase can be paid (again).
            (State::Open, Stage::Confirming { hinted: false, .. } | Stage::Ended(_)) => {
                return self.arrange();
            }
            _ => {}
        }
        Vec::new()
    }

    /// Starts the time after which the page returns to the merchant, if the
    /// merchant has set one: after a payment that this page has seen, and not
    /// when a paid page is opened.
    fn return_soon(&mut self) {
        if let (State::Paid { .. }, Some(_), Some(seconds)) = (
            self.view.state,
            &self.view.success_url,
            self.view.return_seconds,
        ) {
            self.return_at_ms = Some(self.now_ms + i64::from(seconds) * 1_000);
        }
    }

    /// Whether the page returns to the merchant by itself.
    pub fn returning(&self) -> bool {
        self.return_at_ms.is_some()
    }

    /// Enters the stage that the view requires.
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
                // Also from an earlier call, because money may have moved.
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
            // A second answer of the bridge.
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

    /// The page is visible again, or the network is back: ask at once.
    fn refresh(&mut self) -> Vec<Effect> {
        self.polls = 0;
        match self.stage {
            Stage::Ended(End::Gone(_)) | Stage::Preparing => Vec::new(),
            Stage::Ready(Some(Note::NoNetwork)) if !self.offline => {
                // A request failed when the network was lost: a code is
                // requested again by the page itself, a payment waits for the
                // payer's tap.
                self.arrange()
            }
            _ if self.asking > 0 => Vec::new(),
            Stage::Confirming { .. } => self.check(None),
            // The payer has returned from the page on which they were sent to
            // pay.
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
        if self.return_at_ms.is_some() && self.left_ms() == Some(0) {
            self.return_at_ms = None;
            return self
                .view
                .success_url
                .clone()
                .map(Effect::Go)
                .into_iter()
                .collect();
        }
        if self.left_ms() == Some(0) {
            self.enter(if self.expired() {
                Stage::Ended(End::Expired)
            } else {
                Stage::CodeExpired
            });
            // A payment may have been made at the last moment.
            return self.check(None);
        }
        let due = self.poll_at_ms.is_some_and(|at| at <= self.now_ms);
        if !due || !self.visible || self.asking > 0 {
            return Vec::new();
        }
        let turn = match self.offline {
            true => None,
            false => self.live.maintain(self.now_ms),
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

    /// Short intervals while a payment is likely, longer ones later, and pings
    /// only while the server announces changes.
    fn schedule_poll(&mut self) {
        let wait_ms = match self.stage {
            // It may be paid on another device meanwhile.
            Stage::Ready(_)
            | Stage::SheetOpen { .. }
            | Stage::Confirming { .. }
            | Stage::Code
            | Stage::Away { .. }
            | Stage::Elsewhere => match self.polls {
                _ if self.offline => 5_000,
                // While confirming, the server is to query WeChat.
                _ if self.live.is_connected() && matches!(self.stage, Stage::Confirming { .. }) => {
                    CHECK_EVERY_MS
                }
                _ if self.live.is_connected() => PING_EVERY_MS,
                2.. if matches!(self.stage, Stage::Ready(_)) => 5_000,
                0..20 => 1_500,
                20..80 => 2_000,
                _ => 5_000,
            },
            // Only for a payment made at the last moment.
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

    /// Whether the code's attempt has ended because the purchase was begun in
    /// another way or on another device.
    pub fn code_is_replaced(&self) -> bool {
        let attempt = self.code.as_ref().and_then(|code| code.attempt.as_ref());
        attempt.is_some() && self.view.attempt.as_ref() != attempt
    }
}
