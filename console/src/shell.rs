//! The frame: sign-in or the pages with their navigation, the language, and what
//! the browser reports about network and visibility.

use leptos::mount::mount_to;
use leptos::prelude::*;

use crate::address::{Address, Page};
use crate::api::{self, Done, Failure, Session};
use crate::app::{App, Who};
use crate::browser::{self, On};
use crate::json::object;
use crate::outside::{language_choice, outside};
use crate::pages;
use crate::texts::{self as x, Text, t};
use crate::ui::{Act, Built, Part, dialog, dy, failed, icon, loading, nothing};

/// The interval at which an open page requests who is signed in, ms: rights and
/// the merchant's name may change.
const AGAIN_MS: i32 = 60_000;

/// Shows the console in the page's body, once the texts of its language are there.
pub fn start() {
    browser::spawn(async {
        match browser::first_texts().await {
            Some(file) => x::speak(file),
            // The page has a sentence for that.
            None => return browser::show("failed"),
        }
        show();
    });
}

fn show() {
    let Some(body) = browser::body() else {
        return;
    };
    mount_to(body, || {
        let app = App::new();
        provide_context(app);
        listen(app);
        view! {
            <p class="offline" role="status">
                {dy(move || { app.lang.get(); (!app.online.get()).then(|| t(x::OFFLINE)) })}
            </p>
            {dy(move || { app.lang.get(); everything(app) })}
            <div class="said" role="status" aria-live="polite">
                {dy(move || app.said.get().map(|said| view! { <p>{said}</p> }))}
            </div>
        }
    })
    .forget();
}

fn listen(app: App) {
    browser::listen(&On::Window, "hashchange", move || {
        app.address.set(Address::read(&browser::hash()));
    });
    for event in ["online", "offline"] {
        browser::listen(&On::Window, event, move || {
            app.online.set(browser::is_online());
        });
    }
    browser::listen(&On::Document, "visibilitychange", move || {
        app.visible.set(browser::is_visible());
    });
    Effect::new(move |_| {
        if app.online.get() && app.visible.get() {
            ask_who(app);
        }
    });
}

/// Asks the server who is signed in, now and again later.
fn ask_who(app: App) {
    browser::spawn(async move {
        let answer = api::get::<Session>("/console/api/me").await;
        let known = matches!(app.who.get_untracked(), Who::Person(_));
        let who = match answer {
            Ok(session) => Who::Person(Box::new(session)),
            Err(failure) if failure.ends_session() => Who::SignedOut,
            // The page stays as it is while the server cannot be reached.
            Err(_) if known => return,
            Err(failure) => Who::Unreachable(failure),
        };
        if app.who.get_untracked() != who {
            app.who.set(who);
        }
    });
    browser::after(AGAIN_MS, move || {
        if app.online.get_untracked() && app.visible.get_untracked() {
            ask_who(app);
        }
    });
}

/// The content of the page, depending on who is signed in.
fn everything(app: App) -> Part {
    let kind = Memo::new(move |_| {
        let joins = app.address.with(|address| address.page == Page::Join);
        app.who.with(|who| match who {
            _ if joins => Shown::Join,
            Who::Unknown => Shown::Wait,
            Who::Unreachable(failure) => Shown::Unreachable(failure.clone()),
            Who::SignedOut => Shown::SignIn,
            // A page is made again when what the person may do has changed.
            Who::Person(session) => Shown::Pages(session.can.clone()),
        })
    });
    dy(move || match kind.get() {
        Shown::Join => pages::sign_in::join(),
        Shown::Wait => outside(loading()),
        Shown::Unreachable(failure) => outside(unreachable(app, &failure)),
        Shown::SignIn => pages::sign_in::sign_in(),
        Shown::Pages(_) => frame(app),
    })
}

#[derive(Clone, PartialEq)]
enum Shown {
    Join,
    Wait,
    Unreachable(Failure),
    SignIn,
    Pages(Vec<String>),
}

fn unreachable(app: App, failure: &Failure) -> Part {
    view! {
        <h1>{t(x::UNREACHABLE)}</h1>
        {failed(failure)}
        <button type="button" class="button" on:click=move |_| {
            app.who.set(Who::Unknown);
            ask_who(app);
        }>{t(x::TRY_AGAIN)}</button>
    }
    .built()
}

/// A page in the navigation: its name, its icon, and the rights of which the
/// person needs one.
struct Place {
    page: Page,
    name: Text,
    icon: &'static str,
    rights: &'static [&'static str],
}

const PLACES: [Place; 11] = [
    Place {
        page: Page::Today,
        name: x::TODAY,
        icon: "M4 20V10M10 20V4M16 20v-8M22 20H2",
        rights: &["today"],
    },
    Place {
        page: Page::Orders,
        name: x::ORDERS,
        icon: "M6 3h12v18l-3-2-3 2-3-2-3 2zM9 8h6M9 12h6",
        rights: &["today", "look"],
    },
    Place {
        page: Page::Till,
        name: x::TILL,
        icon: "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h2v2h-2zM18 18h2v2h-2zM18 14h2M14 18h2",
        rights: &["sell"],
    },
    Place {
        page: Page::Links,
        name: x::LINKS,
        icon: "M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 6 6l1-1",
        rights: &["links", "look"],
    },
    Place {
        page: Page::Money,
        name: x::MONEY,
        icon: "M4 5h16v14H4zM4 10h16M9 10v9M12 14h5",
        rights: &["reports"],
    },
    Place {
        page: Page::Deliveries,
        name: x::DELIVERIES,
        icon: "M4 12h14M13 6l6 6-6 6",
        rights: &["look"],
    },
    Place {
        page: Page::Keys,
        name: x::KEYS,
        icon: "M15 9a4 4 0 1 1-4 4 4 4 0 0 1 4-4zM12 16l-8 0M4 16v3M7 16v2",
        rights: &["build"],
    },
    Place {
        page: Page::People,
        name: x::PEOPLE,
        icon: "M12 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM4 21a8 8 0 0 1 16 0",
        rights: &["people"],
    },
    Place {
        page: Page::Settings,
        name: x::SETTINGS,
        icon: "M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4",
        rights: &["settings"],
    },
    Place {
        page: Page::Log,
        name: x::LOG,
        icon: "M12 4a8 8 0 1 1-8 8M4 5v4h4M12 8v4l3 2",
        rights: &["look"],
    },
    Place {
        page: Page::Account,
        name: x::ACCOUNT,
        icon: "M5 11h14v9H5zM8 11V8a4 4 0 0 1 8 0v3",
        rights: &[],
    },
];

impl Place {
    fn is_for(&self, session: &Session) -> bool {
        self.rights.is_empty() || self.rights.iter().any(|right| session.may(right))
    }
}

/// The pages that fit the bar at the bottom of a phone.
const IN_BAR: usize = 4;

fn frame(app: App) -> Part {
    let session = app.session();
    let places: Vec<&Place> = PLACES
        .iter()
        .filter(|place| place.is_for(&session))
        .collect();
    let more = RwSignal::new(false);
    let shown = Memo::new(move |_| {
        app.address
            .with(|address| (address.page, address.id.clone()))
    });
    Effect::new(move |_| {
        shown.get();
        more.set(false);
        browser::after(0, || browser::focus("title"));
    });
    let link = move |place: &Place| {
        let page = place.page;
        view! {
            <a href=page.href() aria-current=move || (shown.get().0 == page).then_some("page")>
                {icon(place.icon)}<span>{t(place.name)}</span>
            </a>
        }
    };
    let first: Vec<_> = places
        .iter()
        .take(IN_BAR)
        .map(|place| link(place))
        .collect();
    let all: Vec<_> = places.iter().map(|place| link(place)).collect();
    let name = session.merchant.name.clone();
    view! {
        <a class="skip" href="#title" on:click=move |event| {
            event.prevent_default();
            browser::focus("title");
        }>{t(x::SKIP)}</a>
        <div class="shell">
            <nav class="side" aria-label=t(x::NAVIGATION)>
                <p class="shop">{name}{test_badge(&session)}</p>
                {all}
                <div class="side-end">
                    {who(app, &session)}
                    {language_choice("language-side")}
                </div>
            </nav>
            <main id="main">
                {suspended(&session)}
                {dy(move || {
                    let (page, id) = shown.get();
                    page_of(app, page, &id)
                })}
            </main>
            <nav class="bottom" aria-label=t(x::NAVIGATION)>
                {first}
                <button type="button" aria-haspopup="dialog" on:click=move |_| more.set(true)>
                    {icon("M5 12h.01M12 12h.01M19 12h.01")}<span>{t(x::MORE)}</span>
                </button>
            </nav>
        </div>
        {dy(move || more.get().then(|| {
            let session = app.session();
            let rest = PLACES.iter().filter(|place| place.is_for(&session)).skip(IN_BAR)
                .map(link).collect_view();
            dialog(session.merchant.name.clone(), move || more.set(false), view! {
                <nav class="more" aria-label=t(x::MORE)>{rest}</nav>
                {who(app, &session)}
                {language_choice("language-more")}
            }.built())
        }))}
    }
    .built()
}

fn test_badge(session: &Session) -> Option<Part> {
    session
        .is_test
        .then(|| view! { <span class="badge wait">{t(x::TEST)}</span> }.built())
}

fn suspended(session: &Session) -> Part {
    match session.merchant.suspended {
        true => view! { <p class="notice bad">{t(x::SUSPENDED)}</p> }.built(),
        false => nothing(),
    }
}

/// The person's name, and the button to sign out.
fn who(app: App, session: &Session) -> Part {
    let act = Act::new();
    let name = session.person.name.clone();
    let role = crate::words::role(&session.person.role);
    view! {
        <div class="who">
            <p><strong>{name}</strong><span class="quiet">{t(role)}</span></p>
            <button type="button" class="button second small" on:click=move |_| {
                let task = api::post::<Done>("/console/api/sign-out", &object! {});
                act.run(task, move |_| {
                    app.who.set(Who::SignedOut);
                });
            }>{t(x::SIGN_OUT)}</button>
        </div>
    }
    .built()
}

fn page_of(app: App, page: Page, id: &str) -> Part {
    let session = app.session();
    let place = PLACES.iter().find(|place| place.page == page);
    if place.is_some_and(|place| !place.is_for(&session)) {
        return pages::refused(&session);
    }
    let name = place.map_or(x::TODAY, |place| place.name);
    browser::set_title(&format!("{} – {}", t(name), session.merchant.name));
    pages::page(page, id)
}
