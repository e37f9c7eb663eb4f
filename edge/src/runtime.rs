//! Implements the gateway's [`Runtime`] for the Workers runtime.

use crate::message::{read_beginning, read_body};
use futures_util::future::{Either, select};
use futures_util::{StreamExt, stream};
use gateway::observe::{Log, without_addresses};
use gateway::runtime::{CallError, Chunks, FetchError, Object, Request, Response, Route, Runtime};
use std::fmt;
use std::pin::pin;
use std::time::Duration;
use worker::{
    AbortController, ByteStream, Date, Delay, Env, Fetch, Fetcher, Headers, Method, RequestInit,
    RequestRedirect, web_sys,
};

/// The runtime, with the bindings of one isolate or object.
#[derive(Clone)]
pub struct WorkersRuntime {
    env: Env,
}

impl WorkersRuntime {
    /// A runtime with these bindings.
    pub fn new(env: Env) -> Self {
        Self { env }
    }

    /// The binding for a route. Without a binding the request goes to the
    /// public internet, which is right for every route except the page's own
    /// files.
    fn binding(&self, route: Route<'_>) -> Option<Fetcher> {
        let name = match route {
            Route::WeChatPay | Route::Statement => "WECHATPAY",
            Route::WeChatPayMtls(name) => name,
            // Never sent: see `presents_certificates`.
            Route::WeChatPayOwn(_) => "WECHATPAY",
            Route::Ionline => "IONLINE",
            Route::Weixin => "WEIXIN",
            Route::Assets => "ASSETS",
            Route::Merchant | Route::Webhook => return None,
        };
        self.env.service(name).ok()
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
        let mut answer = match self.binding(route) {
            // A binding's call takes no abort signal itself: the request
            // carries it.
            Some(binding) => {
                let init = web_sys::RequestInit::new();
                init.set_signal(Some(abort));
                let request = web_sys::Request::new_with_request_and_init(request.inner(), &init)
                    .map_err(|error| self.unreachable(&host, error.into()))?;
                binding.fetch_request(worker::Request::from(request)).await
            }
            // A test deployment sends nothing to WeChat, also where a binding
            // is missing.
            None if self.is_test() && route.is_upstream() => {
                self.log(format_args!("{host}: no binding leads to the sandbox"));
                return Err(FetchError::Unreachable);
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

    async fn send(
        &self,
        route: Route<'_>,
        request: Request,
        abort: &worker::AbortSignal,
    ) -> Result<Response, FetchError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let (head, stream) = self.open(route, request, abort).await?;
        let max = route.max_answer_bytes();
        let body = match stream {
            None => Vec::new(),
            Some(stream) if route.cuts_answer() => read_beginning(stream, max)
                .await
                .map_err(|error| self.unreachable(&host, error))?,
            Some(stream) => read_body(stream, max)
                .await
                .map_err(|error| self.unreachable(&host, error))?,
        };
        if body.len() > max {
            return Err(FetchError::TooLong);
        }
        Ok(head.map(|()| body))
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
        i64::try_from(Date::now().as_millis()).unwrap_or(i64::MAX)
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
        let abort = AbortController::default();
        let signal = abort.signal();
        let sending = pin!(self.send(route, request, &signal));
        let patience = Duration::from_millis(u64::from(route.timeout_ms()));
        match select(sending, pin!(Delay::from(patience))).await {
            Either::Left((answer, _)) => {
                if route.cuts_answer() {
                    // An unread body would keep the connection open.
                    abort.abort();
                }
                answer
            }
            Either::Right(_) => {
                abort.abort();
                Err(FetchError::TimedOut)
            }
        }
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
        let (binding, name, address) = match object {
            Object::Book(merchant) => ("BOOK", merchant, "https://object.invalid/"),
            Object::Shard(number) => {
                shard = number.name();
                ("REGISTRY", shard.as_str(), "https://object.invalid/")
            }
            Object::Registry => ("REGISTRY", "registry", "https://object.invalid/"),
            Object::Board => ("REGISTRY", "board", "https://object.invalid/board"),
        };
        let call = async {
            let stub = self.env.durable_object(binding)?.get_by_name(name)?;
            let mut init = RequestInit::new();
            init.with_method(Method::Post)
                .with_body(Some(js_sys::Uint8Array::from(body.as_slice()).into()));
            let request = worker::Request::new_with_init(address, &init)?;
            stub.fetch_with_request(request).await?.bytes().await
        };
        call.await.map_err(|error: worker::Error| {
            self.log(format_args!("{object:?}: {error}"));
            CallError
        })
    }

    async fn sleep(&self, ms: u32) {
        Delay::from(Duration::from_millis(u64::from(ms))).await;
    }

    fn print(&self, line: &str) {
        worker::console_log!("{line}");
    }
}
