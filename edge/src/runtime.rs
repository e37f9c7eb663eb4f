//! Implements the gateway's [`Runtime`] for the Workers runtime.

use crate::glue;
use crate::message::lines;
use futures_util::future::{Either, select};
use futures_util::{StreamExt, stream};
use gateway::observe::{Log, without_addresses};
use gateway::runtime::{CallError, Chunks, FetchError, Object, Request, Response, Route, Runtime};
use js_sys::{Array, Date, Reflect, Uint8Array};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use wasm_bindgen::prelude::*;
use worker::worker_sys::Fetcher as SysFetcher;
use worker::{
    AbortController, ByteStream, Delay, Env, Fetch, Fetcher, Headers, Method, RequestInit,
    RequestRedirect, web_sys,
};

/// The runtime, with the bindings of one isolate or object.
#[derive(Clone)]
pub struct WorkersRuntime {
    env: Env,
    /// The bindings that were looked up; `None` is missing.
    bindings: Rc<RefCell<HashMap<String, Option<JsValue>>>>,
}

impl WorkersRuntime {
    /// A runtime with these bindings.
    pub fn new(env: Env) -> Self {
        Self {
            env,
            bindings: Rc::default(),
        }
    }

    /// The binding with this name.
    fn binding(&self, name: &str) -> Option<JsValue> {
        if let Some(found) = self.bindings.borrow().get(name) {
            return found.clone();
        }
        let found = Reflect::get(&self.env, &name.into()).ok();
        let found = found.filter(|binding| !binding.is_undefined());
        self.bindings
            .borrow_mut()
            .insert(name.to_owned(), found.clone());
        found
    }

    /// The binding for a route. Without a binding the request goes to the
    /// public internet, which is right for every route except the page's own
    /// files.
    fn fetcher(&self, route: Route<'_>, host: &str) -> Result<Option<JsValue>, FetchError> {
        let name = match route {
            Route::WeChatPay | Route::Statement => "WECHATPAY",
            Route::WeChatPayMtls(name) => name,
            // Never sent: see `presents_certificates`.
            Route::WeChatPayOwn(_) => "WECHATPAY",
            Route::Ionline => "IONLINE",
            Route::Weixin => "WEIXIN",
            Route::Assets => "ASSETS",
            Route::Merchant | Route::Webhook => return Ok(None),
        };
        match self.binding(name) {
            // A test deployment sends nothing to WeChat, also where a binding
            // is missing.
            None if self.is_test() && route.is_upstream() => {
                self.log(format_args!("{host}: no binding leads to the sandbox"));
                Err(FetchError::Unreachable)
            }
            binding => Ok(binding),
        }
    }

    /// No answer arrived: the log gets the cause, without addresses.
    fn unreachable(&self, host: &str, error: worker::Error) -> FetchError {
        let cause = without_addresses(&error.to_string());
        self.log(format_args!("{host}: no answer: {cause}"));
        FetchError::Unreachable
    }

    /// Whether the upstream is to be the sandbox; see `Config`.
    fn is_test(&self) -> bool {
        let plain = self.env.var("UPSTREAM").ok().map(|text| text.to_string());
        let hidden = || {
            self.env
                .secret("UPSTREAM")
                .ok()
                .map(|text| text.to_string())
        };
        plain.or_else(hidden).as_deref() == Some("sandbox")
    }

    /// Sends a request; returns the answer's head, and its body if it has one.
    async fn open(
        &self,
        route: Route<'_>,
        request: Request,
        abort: &worker::AbortSignal,
    ) -> Result<(http::Response<()>, Option<ByteStream>), FetchError> {
        let (parts, body) = request.into_parts();
        let host = parts.uri.host().unwrap_or_default().to_owned();
        let unreachable = |error| self.unreachable(&host, error);
        let headers = Headers::new();
        for (name, value) in &parts.headers {
            if let Ok(value) = value.to_str() {
                headers.set(name.as_str(), value).map_err(unreachable)?;
            }
        }
        let mut init = RequestInit::new();
        init.with_method(Method::from(parts.method.to_string()))
            .with_headers(headers)
            // A redirect would lead to an unchecked address.
            .with_redirect(RequestRedirect::Manual);
        if !body.is_empty() {
            init.with_body(Some(js_sys::Uint8Array::from(body.as_slice()).into()));
        }
        let request =
            worker::Request::new_with_init(&parts.uri.to_string(), &init).map_err(unreachable)?;
        let mut answer = match self.fetcher(route, &host)? {
            // A binding's call takes no abort signal itself: the request
            // carries it.
            Some(binding) => {
                let init = web_sys::RequestInit::new();
                init.set_signal(Some(abort));
                let request = web_sys::Request::new_with_request_and_init(request.inner(), &init)
                    .map_err(|error| self.unreachable(&host, error.into()))?;
                let binding = Fetcher::from(binding.unchecked_into::<SysFetcher>());
                binding.fetch_request(worker::Request::from(request)).await
            }
            None => Fetch::Request(request).send_with_signal(abort).await,
        }
        .map_err(unreachable)?;
        let body = match answer.body() {
            worker::ResponseBody::Empty => None,
            _ => Some(answer.stream().map_err(unreachable)?),
        };
        let mut response = http::Response::new(());
        *response.status_mut() =
            http::StatusCode::from_u16(answer.status_code()).map_err(|error| {
                self.unreachable(&host, worker::Error::RustError(error.to_string()))
            })?;
        for (name, value) in answer.headers() {
            // Headers of one name arrive joined; an invalid header is left out.
            if let (Ok(name), Ok(value)) = (
                name.parse::<http::HeaderName>(),
                value.parse::<http::HeaderValue>(),
            ) {
                response.headers_mut().insert(name, value);
            }
        }
        Ok((response, body))
    }

    /// Sends a request; returns the whole answer.
    async fn send(&self, route: Route<'_>, request: Request) -> Result<Response, FetchError> {
        let (parts, body) = request.into_parts();
        let host = parts.uri.host().unwrap_or_default();
        let binding = self.fetcher(route, host)?.unwrap_or_default();
        let answer = glue::send(
            &binding,
            parts.method.as_str(),
            &parts.uri.to_string(),
            &lines(&parts.headers),
            &body,
            route.timeout_ms(),
            u32::try_from(route.max_answer_bytes()).unwrap_or(u32::MAX),
            route.cuts_answer(),
        )
        .await
        .map_err(|error| self.unreachable(host, error.into()))?;
        if answer.is_undefined() {
            return Err(FetchError::TimedOut);
        }
        if answer.is_null() {
            return Err(FetchError::TooLong);
        }
        let answer: Array = answer.unchecked_into();
        let head = answer.get(0).as_string().unwrap_or_default();
        let body: Uint8Array = answer.get(1).unchecked_into();
        let mut lines = head.split('\n');
        let mut response = Response::new(body.to_vec());
        *response.status_mut() = http::StatusCode::from_bytes(
            lines.next().unwrap_or_default().as_bytes(),
        )
        .map_err(|error| self.unreachable(host, worker::Error::RustError(error.to_string())))?;
        while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
            // Headers of one name arrive joined; an invalid header is left out.
            if let (Ok(name), Ok(value)) = (
                name.parse::<http::HeaderName>(),
                value.parse::<http::HeaderValue>(),
            ) {
                response.headers_mut().insert(name, value);
            }
        }
        Ok(response)
    }
}

/// A body in pieces, with a time limit for each.
fn pieces(runtime: WorkersRuntime, host: String, body: ByteStream, patience: Duration) -> Chunks {
    stream::unfold(Some((body, runtime, host)), move |rest| async move {
        let (mut body, runtime, host) = rest?;
        let next = match select(body.next(), pin!(Delay::from(patience))).await {
            Either::Left((next, _)) => {
                next.map(|piece| piece.map_err(|error| runtime.unreachable(&host, error)))
            }
            Either::Right(_) => Some(Err(FetchError::TimedOut)),
        };
        let piece = next?;
        let rest = piece.is_ok().then_some((body, runtime, host));
        Some((piece, rest))
    })
    .boxed_local()
}

impl fmt::Debug for WorkersRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WorkersRuntime")
    }
}

impl Runtime for WorkersRuntime {
    fn now_ms(&self) -> i64 {
        #[expect(clippy::cast_possible_truncation, reason = "whole milliseconds")]
        let now_ms = Date::now() as i64;
        now_ms
    }

    fn random(&self, bytes: &mut [u8]) {
        // The runtime's crypto cannot fail. If it did, predictable keys would
        // be worse than a panic.
        #[expect(clippy::panic, reason = "see above")]
        if getrandom::fill(bytes).is_err() {
            panic!("no randomness");
        }
    }

    async fn fetch(&self, route: Route<'_>, request: Request) -> Result<Response, FetchError> {
        self.send(route, request).await
    }

    /// `fetch` takes no certificate, only a binding has one.
    fn presents_certificates(&self) -> bool {
        false
    }

    fn has_client_certificate(&self, binding: &str) -> bool {
        self.env.service(binding).is_ok()
    }

    async fn fetch_pieces(
        &self,
        route: Route<'_>,
        request: Request,
    ) -> Result<http::Response<Chunks>, FetchError> {
        let abort = AbortController::default();
        let signal = abort.signal();
        let host = request.uri().host().unwrap_or_default().to_owned();
        let opening = pin!(self.open(route, request, &signal));
        let patience = Duration::from_millis(u64::from(route.timeout_ms()));
        let (head, body) = match select(opening, pin!(Delay::from(patience))).await {
            Either::Left((opened, _)) => opened?,
            Either::Right(_) => {
                abort.abort();
                return Err(FetchError::TimedOut);
            }
        };
        Ok(head.map(|()| match body {
            Some(body) => pieces(self.clone(), host, body, patience),
            None => stream::empty().boxed_local(),
        }))
    }

    async fn call(&self, object: Object<'_>, body: Vec<u8>) -> Result<Vec<u8>, CallError> {
        let shard;
        let (binding, name, path) = match object {
            Object::Book(merchant) => ("BOOK", merchant, ""),
            Object::Shard(number) => {
                shard = number.name();
                ("REGISTRY", shard.as_str(), "")
            }
            Object::Registry => ("REGISTRY", "registry", ""),
            Object::Board => ("REGISTRY", "board", "board"),
        };
        let namespace = self.binding(binding).unwrap_or_default();
        let answer = glue::call(&namespace, name, path, &body).await;
        let bytes = answer.map(|answer| answer.unchecked_into::<Uint8Array>().to_vec());
        bytes.map_err(|error| {
            self.log(format_args!("{object:?}: {}", worker::Error::from(error)));
            CallError::NoAnswer
        })
    }

    async fn sleep(&self, ms: u32) {
        Delay::from(Duration::from_millis(u64::from(ms))).await;
    }

    fn print(&self, line: &str) {
        worker::console_log!("{line}");
    }
}
