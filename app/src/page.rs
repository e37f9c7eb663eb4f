//! Renders the page: a thin layer over [`Flow`] and [`Screen`].

use std::cell::{Cell, RefCell};

use checkout::{Check, Hint, Method, Problem, Texts};
use leptos::html::h2;
use leptos::mount::mount_to;
use leptos::prelude::*;
use serde::de::DeserializeOwned;

use crate::browser::{self, On};
use crate::flow::{Effect, Event, Failure, Flow};
use crate::host::{self, Opened};
use crate::json;
use crate::screen::{Button, Code, Screen, StatusIcon, in_groups, view_box};

thread_local! {
    /// The running checkout; `None` on a page without a purchase.
    static FLOW: RefCell<Option<Flow>> = const { RefCell::new(None) };
    /// The timer for [`Flow::wake_at`].
    static TIMER: Cell<i32> = const { Cell::new(0) };
}

/// The current screen and its texts. The rest of the page's state is global.
#[derive(Clone, Copy)]
struct Checkout {
    screen: RwSignal<Screen>,
    texts: &'static Texts,
}

/// Shows the gateway's own page.
pub fn start() {
    open(
        browser::page_text("words").unwrap_or_default(),
        browser::page_text("view").and_then(|text| json::read(&text)),
    );
}

/// Shows the page on another host.
pub fn start_on_another_host() {
    host::start(&browser::gateway().unwrap_or_default(), open);
}

/// Takes over the element that the server left to the page. Without texts the
/// server's content stays.
fn open(words: String, opened: Option<Opened>) {
    let (Some(texts), Some(place)) = (Texts::from_words(words.leak()), browser::empty_place())
    else {
        return;
    };
    let texts: &'static Texts = Box::leak(Box::new(texts));
    mount_to(place, move || {
        let mut todo = Vec::new();
        let screen = match opened {
            Some(Opened::View(view)) => {
                // The server wrote the view after the page was requested, which
                // is where the page's clock begins.
                let came_back = browser::came_back();
                let (flow, effects) = Flow::begin(view, came_back, 0, browser::now_ms());
                let screen = Screen::of(&flow, texts);
                FLOW.set(Some(flow));
                todo = effects;
                screen
            }
            // A page that cannot be read is a fault of the gateway: say so.
            Some(Opened::Error(error)) => Screen::of_error(&error.code, texts),
            None => Screen::of_error("", texts),
        };
        let checkout = Checkout {
            screen: RwSignal::new(screen),
            texts,
        };
        if FLOW.with_borrow(Option::is_some) {
            checkout.listen();
            checkout.carry_out(todo);
        }
        move || draw(checkout.screen.get(), checkout)
    })
    .forget();
}

impl Checkout {
    /// Connects the browser's events to the flow.
    fn listen(self) {
        let tell = |on, name, event: fn() -> Event| {
            browser::listen(&on, name, move || self.apply(event()));
        };
        browser::listen(&On::Document, "WeixinJSBridgeReady", move || {
            // In older versions of WeChat the Mini Program can be detected only
            // when the bridge exists.
            self.reload_in_mini_program();
            self.apply(Event::BridgeReady);
        });
        self.reload_in_mini_program();
        tell(On::Document, "visibilitychange", || {
            if browser::is_visible() {
                Event::Shown
            } else {
                Event::Hidden
            }
        });
        browser::on_return(move || self.apply(Event::Shown));
        tell(On::Window, "online", || Event::Online);
        tell(On::Window, "offline", || Event::Offline);
        if browser::has_bridge() {
            self.apply(Event::BridgeReady);
        }
        if !browser::is_visible() {
            self.apply(Event::Hidden);
        }
        if !browser::is_online() {
            self.apply(Event::Offline);
        }
    }

    /// The server saw WeChat, but the page may be in a Mini Program.
    fn reload_in_mini_program(self) {
        let method = FLOW.with_borrow(|flow| flow.as_ref().map(|flow| flow.view().method));
        if method == Some(Method::Jsapi) {
            browser::reload_in_mini_program();
        }
    }

    /// Applies the event, renders the screen and executes the effects.
    fn apply(self, event: Event) {
        let now_ms = browser::now_ms();
        let effects =
            FLOW.with_borrow_mut(|flow| flow.as_mut().map(|flow| flow.apply(event, now_ms)));
        self.carry_out(effects.unwrap_or_default());
    }

    fn carry_out(self, effects: Vec<Effect>) {
        self.show();
        for effect in effects {
            self.perform(effect);
        }
        self.set_timer();
    }

    fn show(self) {
        let screen = |flow: &Flow| Screen::of(flow, self.texts);
        let Some(screen) = FLOW.with_borrow(|flow| flow.as_ref().map(screen)) else {
            return;
        };
        let before = self.screen.get_untracked();
        if screen == before {
            return;
        }
        if before.heading != screen.heading && screen.icon == StatusIcon::Success {
            browser::set_title(screen.heading);
        }
        if before.button.is_some() && screen.button.is_none() {
            // After rendering, which Leptos does in a turn of its own.
            browser::after(0, browser::rescue_focus);
        }
        self.screen.set(screen);
    }

    fn set_timer(self) {
        browser::forget_timer(TIMER.get());
        let wake_at = FLOW.with_borrow(|flow| flow.as_ref().and_then(Flow::wake_at));
        if let Some(at_ms) = wake_at {
            let wait_ms = at_ms - browser::now_ms();
            let timer = browser::after(wait_ms, move || self.apply(Event::Woke));
            TIMER.set(timer);
        }
    }

    fn ask(
        self,
        path: &'static str,
        body: Option<String>,
        event: fn(Result<String, Failure>) -> Event,
    ) {
        browser::ask(path, body, move |answer| self.apply(event(answer)));
    }

    fn perform(self, effect: Effect) {
        match effect {
            Effect::PostOrder => {
                self.ask("order", Some(host::order()), |answer| {
                    Event::Ordered(read(answer))
                });
            }
            Effect::PostCheck(hint) => {
                let body = String::from(Check { hint }.to_json());
                self.ask("check", Some(body), |answer| Event::Seen(read(answer)));
            }
            Effect::GetStatus => self.ask("status", None, |answer| Event::Seen(read(answer))),
            Effect::Connect => {
                browser::connect(move |message| self.apply(Event::Live(message)));
            }
            Effect::Ping => browser::ping(),
            Effect::Disconnect => browser::disconnect(),
            Effect::LookForBridge => {
                if browser::has_bridge() {
                    self.apply(Event::BridgeReady);
                }
            }
            Effect::CallBridge { call, package } => {
                browser::call_bridge(&package, move |hint| {
                    self.apply(Event::BridgeSaid { call, hint });
                });
            }
            Effect::OpenPage => {
                browser::open_kit(move |hint| self.apply(Event::PageOpened(hint == Hint::Ok)));
            }
            Effect::Copy(link) => {
                let link = link.unwrap_or_else(browser::address);
                browser::copy(link, move |done| self.apply(Event::Copied(done)));
            }
            Effect::Reload => {
                host::forget_payer();
                browser::reload();
            }
            Effect::CloseWindow => browser::close_window(),
            Effect::Go(url) => browser::go(&url),
        }
    }
}

/// A malformed answer counts as a fault of the server.
fn read<T: DeserializeOwned>(answer: Result<String, Failure>) -> Result<T, Failure> {
    json::read(&answer?).ok_or(Failure::Refused(Problem::Other))
}

/// One screen. The shape is always the same, with parts left out, so that a new
/// screen changes the existing elements instead of replacing them: the focus
/// stays, and screen readers announce the status region.
fn draw(screen: Screen, checkout: Checkout) -> impl IntoView {
    // Without a purchase this is the page's first heading.
    let level = FLOW.with_borrow(Option::is_none).then_some("1");
    // A code with a caption is an addition to the button; without one it is the
    // way to pay and comes first.
    let (code, helping_code) = match screen.code {
        Some(code) if code.caption.is_empty() => (Some(code), None),
        helping_code => (None, helping_code),
    };
    view! {
        <p class="banner" role="status">{screen.banner}</p>
        <div class=status_class(screen.icon) role="status">
            {(!screen.heading.is_empty()).then(|| {
                h2().tabindex("-1").attr("aria-level", level).child(screen.heading)
            })}
            {(!screen.body.is_empty()).then(|| view! { <p>{screen.body}</p> })}
            {screen.money.map(|money| view! { <p>{money}</p> })}
            {screen.further.map(|further| view! { <p>{further}</p> })}
        </div>
        {code.map(draw_code)}
        {screen.countdown.map(|(label, left)| {
            let (before, after) = label.split_once("{left}").unwrap_or((label, ""));
            view! { <p class="countdown" role="timer">{before} <b>{left}</b> {after}</p> }
        })}
        {screen.paid_at.map(|(label, at_ms)| {
            draw_fact((label, browser::local_time(at_ms, checkout.texts.locale)))
        })}
        {screen.charged.map(draw_fact)}
        {screen.transaction.map(|(label, number)| view! {
            <p class="fact">{label} " " <b class="number" inner_html=in_groups(&number)></b></p>
        })}
        {screen.copy_by_hand.map(|(label, link)| view! {
            <p class="by-hand">{label} <code>{link.unwrap_or_else(browser::address)}</code></p>
        })}
        {screen.button.map(|button| draw_button("button", button, checkout))}
        {screen.way_on.map(|way| draw_link("button", way))}
        {screen.second.map(|button| draw_button("button second", button, checkout))}
        {screen.open_wechat.map(|label| {
            draw_link("button second", (label, String::from("weixin://")))
        })}
        {screen.receipt.map(|(label, url)| {
            draw_link("way-back", (label, browser::in_chosen_language(&url)))
        })}
        {helping_code.map(draw_code)}
        {screen.way_back.map(|way| draw_link("way-back", way))}
    }
}

fn draw_fact((label, value): (&'static str, String)) -> impl IntoView {
    view! { <p class="fact">{label} " " <b>{value}</b></p> }
}

fn draw_link(class: &'static str, (label, url): (&'static str, String)) -> impl IntoView {
    view! { <a class=class href=url>{label}</a> }
}

fn status_class(icon: StatusIcon) -> &'static str {
    match icon {
        StatusIcon::None => "says",
        StatusIcon::Busy => "says busy",
        StatusIcon::Success => "says good",
        StatusIcon::Notice => "says notice",
    }
}

fn draw_button(class: &'static str, button: Button, checkout: Checkout) -> impl IntoView {
    let Button {
        label,
        action,
        busy,
    } = button;
    view! {
        <button
            type="button"
            class=class
            class:busy=busy
            aria-disabled=busy.then_some("true")
            on:click=move |_| checkout.apply(Event::Tapped(action))
        >
            {label}
        </button>
    }
}

fn draw_code(code: Code) -> impl IntoView {
    let Code {
        alt,
        caption,
        size,
        path,
        over,
    } = code;
    view! {
        <figure class="code" class:over=over class:drawing=size == 0 class:help=!caption.is_empty()>
            <svg viewBox=view_box(size) role="img" aria-label=alt shape-rendering="crispEdges">
                <path d=path></path>
            </svg>
            {(!caption.is_empty()).then(|| view! { <figcaption>{caption}</figcaption> })}
        </figure>
    }
}
