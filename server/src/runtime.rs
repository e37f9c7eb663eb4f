//! Implements the gateway's [`Runtime`] for a thread.

use crate::channels::Channels;
use crate::client::{Client, Failed};
use crate::clock::{Clocks, now_ms};
use crate::gate::{Gate, NotDurable};
use crate::log;
use crate::object_name::ObjectName;
use futures_util::{StreamExt, TryStreamExt};
use gateway::config::Config;
use gateway::observe::{Log, without_addresses};
use gateway::runtime::{CallError, Chunks, FetchError, Object, Request, Response, Route, Runtime};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// What the gateway and the objects of one thread share.
pub struct Thread {
    /// The channel to each thread, including this one.
    pub channels: Channels,
    /// This thread's number.
    pub index: usize,
    pub config: Rc<Config>,
    pub client: Client,
    pub pages: Arc<HashMap<String, Vec<u8>>>,
    pub log: log::Log,
    pub clocks: Clocks,
}

/// The runtime of a gateway or an object.
#[derive(Clone)]
pub struct NativeRuntime {
    thread: Rc<Thread>,
    /// The object's name and output gate, if this is an object: its writes are on
    /// disk before a request leaves.
    object: Option<(ObjectName, Gate)>,
}

impl NativeRuntime {
    pub fn new(thread: Rc<Thread>, object: Option<(ObjectName, Gate)>) -> Self {
        Self { thread, object }
    }

    /// Logs why no answer arrived.
    fn failed(&self, host: &str, failed: Failed) -> FetchError {
        if let Some(cause) = failed.cause {
            let cause = without_addresses(&cause);
            self.log(format_args!("{host}: no answer: {cause}"));
        }
        failed.error
    }

    /// Waits for the object's output gate.
    async fn passed(&self) -> Result<(), NotDurable> {
        match &self.object {
            Some((_, gate)) => gate.passed().await,
            None => Ok(()),
        }
    }
}

impl fmt::Debug for NativeRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NativeRuntime")
    }
}

impl Runtime for NativeRuntime {
    fn now_ms(&self) -> i64 {
        match &self.object {
            Some((name, _)) => self.thread.clocks.now_ms(name),
            None => now_ms(),
        }
    }

    fn random(&self, bytes: &mut [u8]) {
        // The system's randomness does not fail once it has started. If it did,
        // predictable keys would be worse than a panic.
        #[expect(clippy::panic, reason = "see above")]
        if getrandom::fill(bytes).is_err() {
            panic!("the system gives no randomness");
        }
    }

    async fn fetch(&self, route: Route<'_>, request: Request) -> Result<Response, FetchError> {
        if self.passed().await.is_err() {
            return Err(FetchError::Unreachable);
        }
        match route {
            Route::Assets => {
                let name = request.uri().path().trim_start_matches('/');
                let found = self.thread.pages.get(name);
                let mut response = Response::new(found.cloned().unwrap_or_default());
                if found.is_none() {
                    *response.status_mut() = http::StatusCode::NOT_FOUND;
                }
                Ok(response)
            }
            route => {
                let host = request.uri().host().unwrap_or_default().to_owned();
                let answer = self.thread.client.fetch(route, request).await;
                answer.map_err(|failed| self.failed(&host, failed))
            }
        }
    }

    async fn fetch_pieces(
        &self,
        route: Route<'_>,
        request: Request,
    ) -> Result<http::Response<Chunks>, FetchError> {
        if self.passed().await.is_err() {
            return Err(FetchError::Unreachable);
        }
        let host = request.uri().host().unwrap_or_default().to_owned();
        let answer = self.thread.client.open(route, request).await;
        let answer = answer.map_err(|failed| self.failed(&host, failed))?;
        let runtime = self.clone();
        Ok(answer.map(|body| {
            body.map_err(move |failed| runtime.failed(&host, failed))
                .boxed_local()
        }))
    }

    fn presents_certificates(&self) -> bool {
        true
    }

    fn has_client_certificate(&self, binding: &str) -> bool {
        self.thread.client.has_certificate(binding)
    }

    async fn call(&self, object: Object<'_>, body: Vec<u8>) -> Result<Vec<u8>, CallError> {
        if let Err(NotDurable(fault)) = self.passed().await {
            return Err(CallError::Storage(fault));
        }
        self.thread
            .channels
            .call(ObjectName::of(object), body)
            .await
    }

    async fn sleep(&self, ms: u32) {
        tokio::time::sleep(Duration::from_millis(u64::from(ms))).await;
    }

    fn print(&self, line: &str) {
        self.thread.log.print(line);
    }
}
