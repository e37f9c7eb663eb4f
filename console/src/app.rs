//! The state that all pages share: who is signed in, the address, the language,
//! the network, and the message at the bottom.

use checkout::Lang;
use leptos::prelude::*;

use crate::address::Address;
use crate::api::{Failure, Session};
use crate::browser;
use crate::texts::{self, Text, t};

/// The state that every page reads.
#[derive(Clone, Copy)]
pub(crate) struct App {
    /// Who is signed in; `Unknown` until the server has answered.
    pub(crate) who: RwSignal<Who>,
    pub(crate) address: RwSignal<Address>,
    pub(crate) lang: RwSignal<Lang>,
    pub(crate) online: RwSignal<bool>,
    pub(crate) visible: RwSignal<bool>,
    /// A short message about the last action.
    pub(crate) said: RwSignal<Option<String>>,
}

/// Who is signed in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Who {
    Unknown,
    /// The server does not answer.
    Unreachable(Failure),
    SignedOut,
    Person(Box<Session>),
}

impl App {
    pub(crate) fn new() -> Self {
        Self {
            who: RwSignal::new(Who::Unknown),
            address: RwSignal::new(Address::read(&browser::hash())),
            lang: RwSignal::new(texts::language(&browser::lang())),
            online: RwSignal::new(browser::is_online()),
            visible: RwSignal::new(browser::is_visible()),
            said: RwSignal::new(None),
        }
    }

    /// Changes the language, once its texts are there, and keeps the choice.
    pub(crate) fn choose(self, lang: Lang) {
        browser::spawn(async move {
            match browser::texts(lang.tag()).await {
                Some(file) => {
                    texts::speak(file);
                    browser::keep_language(lang.tag());
                    browser::set_lang(lang.tag());
                    self.lang.set(lang);
                }
                None => self.says(texts::NO_ANSWER),
            }
        });
    }

    /// Shows for a few seconds what was done.
    pub(crate) fn says(self, text: Text) {
        self.said.set(Some(t(text).to_owned()));
        browser::after(5_000, move || {
            let _ = self.said.try_set(None);
        });
    }

    /// The session of the person who is signed in. Pages are shown only to one.
    pub(crate) fn session(self) -> Session {
        self.who.with_untracked(|who| match who {
            Who::Person(session) => Session::clone(session),
            _ => Session::default(),
        })
    }

    /// Shows the sign-in page if the failure ends the session.
    pub(crate) fn notes(self, failure: &Failure) {
        if failure.ends_session() {
            let _ = self.who.try_set(Who::SignedOut);
        }
    }

    /// Changes the filters of the address without an entry in the history.
    pub(crate) fn filters(self, address: Address) {
        browser::replace(&address.write());
        self.address.set(address);
    }
}

/// The state, from any part of a page.
pub(crate) fn app() -> App {
    use_context::<App>().unwrap_or_else(App::new)
}
