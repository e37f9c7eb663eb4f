//! The parts that every page is made of.
//!
//! Every closure would be compiled separately, with the functions that take it,
//! so closures are boxed; views are [`Part`]s.

use core::pin::Pin;

use leptos::ev::SubmitEvent;
use leptos::prelude::*;

use crate::api::{Failure, Result};
use crate::app::app;
use crate::browser;
pub(crate) use crate::part::{Built, Part, dy};
use crate::texts::{self, Text, t};
use crate::words;

/// A labelled field of a form.
pub(crate) struct Field {
    id: &'static str,
    label: Text,
    value: RwSignal<String>,
    kind: &'static str,
    hint: Option<Text>,
    mode: &'static str,
    complete: &'static str,
    problem: Option<RwSignal<Option<&'static str>>>,
}

impl Field {
    pub(crate) fn new(id: &'static str, label: Text, value: RwSignal<String>) -> Self {
        Self {
            id,
            label,
            value,
            kind: "text",
            hint: None,
            mode: "text",
            complete: "off",
            problem: None,
        }
    }

    /// The `type` of the input.
    pub(crate) fn kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    /// A sentence below the field.
    pub(crate) fn hint(mut self, hint: Text) -> Self {
        self.hint = Some(hint);
        self
    }

    /// Which keyboard a phone shows.
    pub(crate) fn mode(mut self, mode: &'static str) -> Self {
        self.mode = mode;
        self
    }

    /// What a password manager fills in.
    pub(crate) fn complete(mut self, complete: &'static str) -> Self {
        self.complete = complete;
        self
    }

    /// What is wrong with the value.
    pub(crate) fn problem(mut self, problem: RwSignal<Option<&'static str>>) -> Self {
        self.problem = Some(problem);
        self
    }

    pub(crate) fn view(self) -> Part {
        let Self {
            id,
            label,
            value,
            kind,
            hint,
            mode,
            complete,
            problem,
        } = self;
        let wrong = move || problem.and_then(|problem| problem.get());
        let note = format!("{id}-note");
        let input = view! {
            <input id=id type=kind inputmode=mode autocomplete=complete
                autocapitalize="off" spellcheck="false"
                aria-describedby=note.clone()
                aria-invalid=move || wrong().map(|_| "true")
                prop:value=value
                on:input=move |event| {
                    value.set(event_target_value(&event));
                    if let Some(problem) = problem {
                        problem.set(None);
                    }
                }/>
        }
        .built();
        view! {
            <div class="field">
                <label for=id>{t(label)}</label>
                {input}
                <p class="note" id=note>
                    {dy(move || wrong().map(|wrong| view! { <strong class="wrong">{wrong}</strong> }))}
                    {hint.map(t)}
                </p>
            </div>
        }
        .built()
    }
}

/// A choice from a list: values and their labels.
pub(crate) fn choice(
    id: &'static str,
    label: Text,
    value: impl Fn() -> String + Send + Sync + 'static,
    options: Vec<(String, String)>,
    chosen: impl Fn(String) + 'static,
) -> Part {
    view! {
        <div class="field">
            <label for=id>{t(label)}</label>
            <select id=id prop:value=value on:change=move |event| chosen(event_target_value(&event))>
                {options.into_iter().map(|(value, label)| view! { <option value=value>{label}</option> })
                    .collect_view()}
            </select>
        </div>
    }
    .built()
}

/// A switch with its label.
pub(crate) fn tick(id: &'static str, label: String, value: RwSignal<bool>) -> Part {
    view! {
        <label class="tick" for=id>
            <input id=id type="checkbox" prop:checked=value
                on:change=move |event| value.set(event_target_checked(&event))/>
            <span>{label}</span>
        </label>
    }
    .built()
}

/// An action of a person: at most one request at a time, and the failure of the
/// last one.
#[derive(Clone, Copy)]
pub(crate) struct Act {
    pub(crate) busy: RwSignal<bool>,
    pub(crate) failure: RwSignal<Option<Failure>>,
}

impl Act {
    pub(crate) fn new() -> Self {
        Self {
            busy: RwSignal::new(false),
            failure: RwSignal::new(None),
        }
    }

    /// Runs the task, unless the action is in progress; `done` gets the answer.
    pub(crate) fn run<T: 'static>(
        self,
        task: impl Future<Output = Result<T>> + 'static,
        done: impl FnOnce(T) + 'static,
    ) {
        self.attempt(task, move |answer| answer.map(done));
    }

    /// As [`Self::run`]; `done` may handle a failure, and returns the failure
    /// to show.
    pub(crate) fn attempt<T: 'static>(
        self,
        task: impl Future<Output = Result<T>> + 'static,
        done: impl FnOnce(Result<T>) -> Result<()> + 'static,
    ) {
        if !self.busy.get_untracked() {
            self.spawn(Box::pin(async move { done(task.await) }));
        }
    }

    /// The part that is the same for every answer, which is compiled once.
    fn spawn(self, task: Pin<Box<dyn Future<Output = Result<()>>>>) {
        let app = app();
        self.busy.set(true);
        self.failure.set(None);
        browser::spawn(async move {
            let answer = task.await;
            // The page may have been left meanwhile.
            let _ = self.busy.try_set(false);
            if let Err(failure) = answer {
                app.notes(&failure);
                let _ = self.failure.try_set(Some(failure));
            }
        });
    }

    /// The button that submits the form.
    pub(crate) fn submit(self, label: Text) -> Part {
        self.submit_as(t(label).to_owned(), "button")
    }

    /// The button that submits the form, with a label that names the effect.
    pub(crate) fn submit_as(self, label: String, class: &'static str) -> Part {
        view! {
            <button type="submit" class=class class:busy=self.busy
                aria-busy=move || self.busy.get().then_some("true")>{label}</button>
        }
        .built()
    }

    /// What went wrong.
    pub(crate) fn problem(self) -> Part {
        view! { <div role="alert">{dy(move || self.failure.get().map(|failure| failed(&failure)))}</div> }
            .built()
    }
}

/// A button with an immediate action.
pub(crate) fn button(
    label: Text,
    class: &'static str,
    act: Act,
    click: impl Fn() + 'static,
) -> Part {
    let click: Box<dyn Fn()> = Box::new(click);
    view! {
        <button type="button" class=class class:busy=act.busy
            on:click=move |_| click()>{t(label)}</button>
    }
    .built()
}

/// A form that calls `sent` and never leaves the page.
pub(crate) fn form(sent: impl Fn() + 'static, inside: Part) -> Part {
    let sent: Box<dyn Fn()> = Box::new(sent);
    view! {
        <form novalidate on:submit=move |event: SubmitEvent| {
            event.prevent_default();
            sent();
        }>{inside}</form>
    }
    .built()
}

/// A dialog in front of the page. It is in the page as long as it is open.
pub(crate) fn dialog(
    title: String,
    close: impl Fn() + Copy + Send + 'static,
    inside: Part,
) -> Part {
    // After it is in the page.
    browser::after(0, browser::open_dialog);
    view! {
        <dialog aria-labelledby="dialog-title" on:cancel=move |event: leptos::ev::Event| {
            event.prevent_default();
            close();
        }>
            <header class="dialog-head">
                <h2 id="dialog-title">{title}</h2>
                <button type="button" class="plain" aria-label=t(texts::CLOSE) on:click=move |_| close()>
                    {icon("M6 6l12 12M18 6L6 18")}
                </button>
            </header>
            {inside}
        </dialog>
    }
    .built()
}

/// What went wrong, and what to do.
pub(crate) fn failed(failure: &Failure) -> Part {
    let (sentence, detail) = words::failure(failure);
    view! {
        <div class="notice bad">
            <p>{sentence}</p>
            {detail.map(|detail| view! { <p class="quiet">{detail}</p> })}
        </div>
    }
    .built()
}

/// A drawing of lines in a square of 24.
pub(crate) fn icon(path: &'static str) -> Part {
    view! {
        <svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=path/></svg>
    }
    .built()
}

/// A state in words, with the colour of its kind.
pub(crate) fn badge(kind: &'static str, label: &'static str) -> Part {
    view! { <span class=format!("badge {kind}")>{label}</span> }.built()
}

/// A moment in the shop's time zone.
pub(crate) fn time(at_ms: i64) -> String {
    let app = app();
    let zone = app.session().merchant.time_zone;
    browser::local_time(at_ms, app.lang.get_untracked().tag(), &zone)
}

/// The same to the second, without the year.
pub(crate) fn moment(at_ms: i64) -> String {
    let app = app();
    let zone = app.session().merchant.time_zone;
    browser::local_moment(at_ms, app.lang.get_untracked().tag(), &zone)
}

/// An amount in the reader's language.
pub(crate) fn money(amount_minor: i64, currency: &str) -> String {
    crate::money::shown(amount_minor, currency, app().lang.get_untracked())
}

/// A button that copies a text.
pub(crate) fn copy_button(label: Text, text: String) -> Part {
    let app = app();
    view! {
        <button type="button" class="button second small" on:click=move |_| {
            browser::copy(text.clone(), move |done| {
                app.says(if done { texts::COPIED } else { texts::NOT_COPIED });
            });
        }>{t(label)}</button>
    }
    .built()
}

/// A text to copy, which can also be selected by hand.
pub(crate) fn to_copy(text: &str) -> Part {
    view! {
        <div class="to-copy">
            <code>{text.to_owned()}</code>
            {copy_button(texts::COPY, text.to_owned())}
        </div>
    }
    .built()
}

/// Grey lines in the place of what is being loaded.
pub(crate) fn loading() -> Part {
    view! {
        <div class="loading" role="status" aria-label=t(texts::LOADING)>
            <i></i><i></i><i></i><i></i>
        </div>
    }
    .built()
}

/// A head of a page: its title and what can be done.
pub(crate) fn head(title: String, actions: Part) -> Part {
    view! {
        <header class="head">
            <h1 tabindex="-1" id="title">{title}</h1>
            <div class="actions">{actions}</div>
        </header>
    }
    .built()
}

/// An empty part.
pub(crate) fn nothing() -> Part {
    ().built()
}
