//! The services that every handler uses: the low floor of the stateless part.
//!
//! ```text
//! app ─▶ handlers ─▶ auth ─▶ services ─▶ upstream, merchants, runtime
//!                                  └───▶ a merchant's book, the board (by a call)
//! ```
//!
//! Handlers and `auth` take [`Services`] as their first argument, `cx`. Nothing
//! here depends on the caller.

use crate::book;
use crate::book::command::FindKept;
use crate::cache::Missing;
use crate::config::Config;
use crate::http::error::{ApiError, Code};
use crate::http::rate_limit::{Limits, Rate};
use crate::merchants::directory::{Directory, MerchantContext};
use crate::merchants::idempotency::IdempotencyKey;
use crate::merchants::seal::random_text;
use crate::observe::alarm::Alarm;
use crate::observe::labels::Limit;
use crate::observe::refused_notices::Refusals;
use crate::observe::{Counters, Log};
use crate::reports;
use crate::runtime::{Object, Request, Route, Runtime};
use crate::upstream::{Hosts, Upstream};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// An isolate's state for all requests: its runtime and settings, its caches,
/// and the calls to the stateful objects.
#[derive(Debug)]
pub struct Services<R> {
    pub runtime: R,
    pub config: Rc<Config>,
    pub directory: Directory,
    pub hosts: Hosts,
    pub limits: Limits,
    /// Checkouts and links that do not exist.
    pub missing: Missing<String, Code>,
    /// Refused notices that the books have not counted yet.
    pub refusals: Refusals,
    /// What this isolate has counted.
    pub counters: Rc<Counters>,
    /// The doctor's results, and when they were found.
    pub findings: RefCell<HashMap<String, (i64, serde_json::Value)>>,
    /// The page's HTML template, read once.
    pub template: RefCell<Option<Rc<str>>>,
}

impl<R: Runtime> Services<R> {
    /// The services of a new isolate, with empty caches.
    pub fn new(runtime: R, config: Rc<Config>) -> Self {
        let counters = Rc::new(Counters::default());
        Self {
            runtime,
            directory: Directory::of(config.is_test),
            hosts: Hosts::counting(counters.clone(), !config.is_test),
            config,
            limits: Limits::counting(counters.clone()),
            missing: Missing::default(),
            refusals: Refusals::default(),
            counters,
            findings: RefCell::default(),
            template: RefCell::new(None),
        }
    }

    /// Takes a token from a bucket, and refuses the call if there is none.
    pub fn limit(&self, of: Limit, who: &str, rate: Rate) -> Result<(), ApiError> {
        self.limits.limit(of, who, rate, self.runtime.now_ms())
    }

    /// Refuses the call if there is no token left, and takes none.
    pub fn limit_left(&self, of: Limit, who: &str) -> Result<(), ApiError> {
        self.limits.limit_left(of, who, self.runtime.now_ms())
    }

    /// Calls the board.
    pub async fn board<C: reports::Command>(&self, command: C) -> Result<C::Reply, ApiError> {
        let body = serde_json::to_vec(&command.into_call()).map_err(ApiError::internal)?;
        let answer = self.runtime.call(Object::Board, body).await?;
        let answer = serde_json::from_slice(&answer)
            .map_err(|error| ApiError::unreadable("answer of the board", &error))?;
        C::reply(answer).ok_or_else(|| ApiError::internal("the board gave another kind of answer"))
    }

    pub fn upstream<'a>(&'a self, context: &'a MerchantContext) -> Upstream<'a, R> {
        Upstream {
            runtime: &self.runtime,
            config: &self.config,
            hosts: &self.hosts,
            context,
        }
    }

    /// Calls a merchant's book.
    pub async fn book<C: book::Command>(
        &self,
        merchant: &str,
        command: C,
    ) -> Result<C::Reply, ApiError> {
        self.book_once(merchant, command, None).await
    }

    /// The stored reply of a merchant's book to this command under a key.
    pub async fn kept_reply<C: book::Command>(
        &self,
        merchant: &str,
        once: Option<&IdempotencyKey>,
    ) -> Result<Option<C::Reply>, ApiError> {
        let Some(key) = once else {
            return Ok(None);
        };
        let kept = self.book(merchant, FindKept(key.clone())).await?;
        kept.map(serde_json::from_value)
            .transpose()
            .map_err(|error| ApiError::unreadable("kept reply", &error))
    }

    /// As [`Services::book`]: where there is a key, the book executes the command
    /// once for it, and repeats its reply for a day.
    pub async fn book_once<C: book::Command>(
        &self,
        merchant: &str,
        command: C,
        once: Option<IdempotencyKey>,
    ) -> Result<C::Reply, ApiError> {
        let envelope = book::Envelope {
            once,
            ..book::Envelope::new(merchant, command)
        };
        let asked_for = envelope.call.asks_for().map(str::to_owned);
        let now_ms = self.runtime.now_ms();
        if let Some(code) = asked_for
            .as_ref()
            .and_then(|id| self.missing.get(id, now_ms))
        {
            return Err(ApiError::of(code));
        }
        let body = serde_json::to_vec(&envelope).map_err(ApiError::internal)?;
        let answer = self.runtime.call(Object::Book(merchant), body).await?;
        let answer = serde_json::from_slice::<Result<C::Reply, ApiError>>(&answer)
            .unwrap_or_else(|error| Err(ApiError::unreadable("answer of a book", &error)));
        if let (Some(id), Err(error)) = (asked_for, &answer)
            && matches!(error.code, Code::SessionNotFound | Code::LinkNotFound)
        {
            self.missing.put(id, error.code, now_ms);
        }
        answer
    }

    pub fn random_text(&self, length: usize) -> String {
        random_text(|bytes| self.runtime.random(bytes), length)
    }

    /// Raises the alarm that this merchant's payers cannot sign in.
    pub async fn report_sign_in(&self, context: &MerchantContext) {
        let appid = context.merchant.account.payer_appid();
        self.report(context, Alarm::SignInNotSetUp, appid).await;
    }

    /// Raises an alarm in the merchant's book, at most once for each time that
    /// this isolate reads the merchant from the registry, which is every half
    /// minute.
    pub async fn report(&self, context: &MerchantContext, alarm: Alarm, subject: &str) {
        if !context.note_problem(alarm, subject) {
            return;
        }
        self.raise(context, alarm, subject).await;
    }

    /// Raises the alarms for answers to this isolate's own calls; a book raises
    /// those for its calls itself.
    pub async fn raise_problems(&self, context: &MerchantContext) {
        for (alarm, subject) in context.take_problems() {
            self.raise(context, alarm, &subject).await;
        }
    }

    async fn raise(&self, context: &MerchantContext, alarm: Alarm, subject: &str) {
        let raise = book::command::Raise {
            alarm: alarm.name().to_owned(),
            subject: subject.to_owned(),
        };
        let raised: Result<(), ApiError> = self.book(&context.merchant.id, raise).await;
        if let Err(error) = raised {
            error.log_cause(&self.runtime);
        }
    }

    /// The page's HTML template, with its placeholders.
    pub async fn template(&self) -> Option<Rc<str>> {
        if let Some(template) = self.template.borrow().as_ref() {
            return Some(template.clone());
        }
        let bytes = self.fetch_asset("index.html").await?;
        let template: Rc<str> = String::from_utf8(bytes)
            .inspect_err(|error| self.runtime.log(format_args!("index.html: {error}")))
            .ok()?
            .into();
        *self.template.borrow_mut() = Some(template.clone());
        Some(template)
    }

    pub async fn fetch_asset(&self, file: &str) -> Option<Vec<u8>> {
        let mut request = Request::default();
        // A name that is not a valid path belongs to no file.
        *request.uri_mut() = format!("https://assets.invalid/{file}").parse().ok()?;
        let answer = self.runtime.fetch(Route::Assets, request).await;
        let answer = answer
            .inspect_err(|error| self.runtime.log(format_args!("the page's files: {error}")))
            .ok()?;
        answer.status().is_success().then(|| answer.into_body())
    }
}
