//! Data that is kept up to date while the page is visible: loaded at once, when
//! a filter changes, when the page is shown again, when the network returns,
//! and every few seconds.

use core::cell::Cell;
use core::pin::Pin;
use std::rc::Rc;

use leptos::prelude::*;

use crate::api::{Failure, Result};
use crate::app::app;
use crate::browser;

/// Data that is loaded repeatedly.
pub(crate) struct Live<T: Send + Sync + 'static> {
    /// The last answer. It stays while the server cannot be reached.
    pub(crate) data: RwSignal<Option<T>>,
    /// Why the last attempt failed.
    pub(crate) failure: RwSignal<Option<Failure>>,
    /// Whether an answer to the current request is awaited.
    pub(crate) loading: RwSignal<bool>,
    again: RwSignal<u32>,
}

impl<T: Send + Sync> Clone for Live<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync> Copy for Live<T> {}

impl<T: Send + Sync> Live<T> {
    /// Loads it now.
    pub(crate) fn again(self) {
        self.again.update(|count| *count = count.wrapping_add(1));
    }
}

/// Loads what `load` asks for, every `every_ms` while the page is visible and
/// online. Signals that `load` reads before its first await are followed.
pub(crate) fn live<T, F>(every_ms: i32, load: impl Fn() -> F + 'static) -> Live<T>
where
    T: PartialEq + Send + Sync + 'static,
    F: Future<Output = Result<T>> + 'static,
{
    let live = Live {
        data: RwSignal::new(None),
        failure: RwSignal::new(None),
        loading: RwSignal::new(true),
        again: RwSignal::new(0),
    };
    let data = live.data;
    let step: Step = Box::new(move || {
        let loading = load();
        Box::pin(async move {
            let answer = loading.await;
            let apply: Apply = Box::new(move || {
                let found = answer?;
                let known = data.try_with_untracked(|known| known.as_ref() == Some(&found));
                if known == Some(false) {
                    data.set(Some(found));
                }
                Ok(())
            });
            apply
        })
    });
    follow(every_ms, step, live.failure, live.loading, live.again);
    live
}

/// Stores an answer, unless the page was left.
type Apply = Box<dyn FnOnce() -> Result<()>>;

/// Sends the request with the current filters.
type Step = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Apply>>>>;

/// The part of [`live`] that is the same for every type, which is compiled once.
fn follow(
    every_ms: i32,
    step: Step,
    failure: RwSignal<Option<Failure>>,
    loading: RwSignal<bool>,
    again: RwSignal<u32>,
) {
    let app = app();
    let timer = Rc::new(Cell::new(0));
    let asked = Rc::new(Cell::new(0_u32));
    Effect::new(move |_| {
        again.get();
        let question = step();
        browser::forget_timer(timer.get());
        if !app.visible.get() || !app.online.get() {
            return;
        }
        let number = asked.get().wrapping_add(1);
        asked.set(number);
        loading.set(true);
        let (asked, timer) = (asked.clone(), timer.clone());
        browser::spawn(async move {
            let apply = question.await;
            // An answer to an earlier request, or for a page that was left.
            if asked.get() != number || loading.try_get_untracked().is_none() {
                return;
            }
            match apply() {
                Ok(()) => {
                    let _ = failure.try_set(None);
                }
                Err(failed) => {
                    app.notes(&failed);
                    let _ = failure.try_set(Some(failed));
                }
            }
            let _ = loading.try_set(false);
            timer.set(browser::after(every_ms, move || {
                let _ = again.try_update(|count| *count = count.wrapping_add(1));
            }));
        });
    });
}
