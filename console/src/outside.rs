//! The frame of pages without a session, and the choice of the language.

use checkout::Lang;
use leptos::prelude::*;

use crate::app::app;
use crate::ui::{Built, Part};

/// A page for a person who is not signed in.
pub(crate) fn outside(inside: Part) -> Part {
    view! {
        <main class="outside">
            <div class="card">{inside}</div>
            {language_choice("language-outside")}
        </main>
    }
    .built()
}

/// The choice of the language, each in its own name.
pub(crate) fn language_choice(id: &'static str) -> Part {
    let app = app();
    view! {
        <div class="languages" role="group" aria-label="Language / 语言 / 語言" id=id>
            {[(Lang::En, "English"), (Lang::ZhHans, "简体"), (Lang::ZhHant, "繁體")]
                .map(|(lang, name)| view! {
                    <button type="button" class="plain" lang=lang.tag()
                        aria-pressed=move || (app.lang.get() == lang).to_string()
                        on:click=move |_| app.choose(lang)>{name}</button>
                }).collect_view()}
        </div>
    }
    .built()
}
