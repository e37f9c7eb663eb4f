//! The gateway on the Workers runtime: on Cloudflare, or on one machine under
//! `workerd`.
//!
//! Only this crate depends on Cloudflare, and it makes no decisions. It
//! converts the runtime's requests to `http` values and back, implements the
//! gateway's [`Runtime`](gateway::runtime::Runtime) and
//! [`Storage`](gateway::runtime::Storage), and declares the two Durable Object
//! classes.

#![allow(missing_docs, reason = "the attribute macros make undocumented items")]

mod glue;
mod listeners;
mod message;
mod rsa;
mod runtime;
mod storage;

use gateway::Gateway;
use gateway::config::Config;
use gateway::runtime::Listen;
use listeners::Listeners;
use runtime::WorkersRuntime;
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use storage::WorkersStorage;
use wasm_bindgen::prelude::*;
use worker::worker_sys::DurableObjectState;
use worker::{
    Context, Env, Response, Result, ScheduleContext, ScheduledEvent, State, event, web_sys,
};

/// An exception is thrown in place of `Err`.
type Thrown<T> = std::result::Result<T, JsValue>;

thread_local! {
    /// One gateway for each isolate, so that its cache of merchants serves the
    /// next request too.
    static GATEWAY: RefCell<Option<Rc<Gateway<WorkersRuntime>>>> = const { RefCell::new(None) };
}

/// Every external request.
#[event(fetch)]
async fn fetch(request: web_sys::Request, env: Env, context: Context) -> Result<web_sys::Response> {
    let is_first = GATEWAY.with_borrow(Option::is_none);
    let gateway = match gateway(&env) {
        Ok(gateway) => gateway,
        // The message names the variable, never its value.
        Err(problem) => {
            worker::console_error!("the gateway cannot start: {problem}");
            let answer = format!("The gateway cannot start: {problem}.\n");
            return Ok(Response::error(answer, 500)?.into());
        }
    };
    if is_first {
        // Under `workerd` there is no cron trigger; and after a deployment that
        // could not start for some minutes the timers resume here.
        let gateway = gateway.clone();
        context.wait_until(async move { gateway.wake_board().await });
    }
    let response = match message::read_request(request).await {
        Ok(request) => gateway.handle(request).await,
        Err((code, cause)) => gateway.refuse(code, &cause),
    };
    match response.extensions().get::<Listen>() {
        Some(listen) => Ok(listeners::connect(&env, listen).await?.into()),
        None => message::write_response(response),
    }
}

/// Runs every few minutes: see `[triggers]` in wrangler.toml.
#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    match gateway(&env) {
        Ok(gateway) => gateway.wake_board().await,
        Err(problem) => worker::console_error!("the gateway cannot start: {problem}"),
    }
}

fn gateway(env: &Env) -> std::result::Result<Rc<Gateway<WorkersRuntime>>, String> {
    GATEWAY.with_borrow_mut(|slot| match slot {
        Some(gateway) => Ok(gateway.clone()),
        None => {
            let gateway = Gateway::new(WorkersRuntime::new(env.clone()), config(env)?);
            Ok(slot.insert(Rc::new(gateway)).clone())
        }
    })
}

fn config(env: &Env) -> std::result::Result<Rc<Config>, String> {
    let variable = |name: &str| {
        let plain = env.var(name).ok().map(|value| value.to_string());
        plain.or_else(|| env.secret(name).ok().map(|value| value.to_string()))
    };
    Config::read(variable)
        .map(Rc::new)
        .map_err(|error| error.to_string())
}

/// When the alarm fires again if the deployment cannot start.
const CANNOT_START_MS: i64 = 60_000;

/// A merchant's book.
///
/// The classes are written without the `worker` crate's trait: its requests and
/// answers cross into JavaScript for what no object reads.
#[wasm_bindgen]
pub struct Book {
    alarm: storage::Alarm,
    listeners: Listeners,
    book: std::result::Result<gateway::book::Book<WorkersRuntime, WorkersStorage>, String>,
}

#[wasm_bindgen]
impl Book {
    #[wasm_bindgen(constructor)]
    pub fn new(state: DurableObjectState, env: Env) -> Self {
        let state = State::from(state);
        let storage = WorkersStorage::of(&state);
        let alarm = storage::Alarm::of(&state);
        let listeners = Listeners::of(state);
        let book = config(&env).and_then(|config| {
            let storage = storage.with(listeners.clone());
            gateway::book::Book::open(WorkersRuntime::new(env), storage, config)
                .map_err(|error| error.to_string())
        });
        Self {
            alarm,
            listeners,
            book,
        }
    }

    /// Answers one call, or connects a page.
    pub async fn fetch(&self, request: web_sys::Request) -> Thrown<web_sys::Response> {
        let Some(body) = glue::called(&request) else {
            let tag = listeners::asked_for(&request)?;
            return Ok(self.listeners.take(&tag)?);
        };
        let body = body.await?.to_vec();
        match &self.book {
            Ok(book) => glue::answer(200, "", &book.handle(&body).await),
            Err(problem) => Err(js_sys::Error::new(problem).into()),
        }
    }

    pub async fn alarm(&self) {
        match &self.book {
            Ok(book) => book.alarm().await,
            // The runtime repeats a failing alarm six times only. A deployment
            // can be misconfigured for longer than that takes.
            Err(problem) => {
                worker::console_error!("the book cannot start: {problem}");
                self.alarm.set_in(CANNOT_START_MS);
            }
        }
    }

    // Pages send only pings, which the runtime answers itself. Any other
    // message wakes the book, which serves all payers of its merchant, so a
    // page is closed at its first one.
    #[wasm_bindgen(js_name = webSocketMessage)]
    pub fn websocket_message(&self, socket: web_sys::WebSocket, _: JsValue) {
        let _ = socket.close_with_code_and_reason(1008, "listeners only listen");
    }

    #[wasm_bindgen(js_name = webSocketClose)]
    pub fn websocket_close(&self, socket: web_sys::WebSocket) {
        // Completes the closing handshake. The peer may be gone.
        let _ = socket.close_with_code_and_reason(1000, "");
    }

    #[wasm_bindgen(js_name = webSocketError)]
    pub fn websocket_error(&self) {}
}

/// The registry's shards under the names `registry-00` to `registry-63`, and
/// the registry of earlier versions under `registry`; the board under the name
/// `board`. One class for both: a class of its own would need a migration, and
/// Cloudflare cannot roll back across one.
#[wasm_bindgen]
pub struct Registry {
    state: State,
    env: Env,
    registry: OnceCell<
        std::result::Result<
            gateway::merchants::registry::Registry<WorkersRuntime, WorkersStorage>,
            String,
        >,
    >,
    board: OnceCell<
        std::result::Result<gateway::board::Board<WorkersRuntime, WorkersStorage>, String>,
    >,
}

impl Registry {
    fn board(&self) -> Thrown<&gateway::board::Board<WorkersRuntime, WorkersStorage>> {
        let open = || {
            let runtime = WorkersRuntime::new(self.env.clone());
            gateway::board::Board::open(runtime, WorkersStorage::of(&self.state))
                .map_err(|error| error.to_string())
        };
        let board = self.board.get_or_init(open).as_ref();
        board.map_err(|problem| js_sys::Error::new(problem).into())
    }

    fn registry(
        &self,
    ) -> Thrown<&gateway::merchants::registry::Registry<WorkersRuntime, WorkersStorage>> {
        let open = || {
            let runtime = WorkersRuntime::new(self.env.clone());
            gateway::merchants::registry::Registry::open(runtime, WorkersStorage::of(&self.state))
                .map_err(|error| error.to_string())
        };
        let registry = self.registry.get_or_init(open).as_ref();
        registry.map_err(|problem| js_sys::Error::new(problem).into())
    }
}

#[wasm_bindgen]
impl Registry {
    #[wasm_bindgen(constructor)]
    pub fn new(state: DurableObjectState, env: Env) -> Self {
        Self {
            state: State::from(state),
            env,
            registry: OnceCell::new(),
            board: OnceCell::new(),
        }
    }

    pub async fn fetch(&self, request: web_sys::Request) -> Thrown<web_sys::Response> {
        let is_board = request.url().ends_with("/board");
        let body = match glue::called(&request) {
            Some(body) => body.await?.to_vec(),
            None => Vec::new(),
        };
        let answer = match is_board {
            true => self.board()?.handle(&body),
            false => self.registry()?.handle(&body),
        };
        glue::answer(200, "", &answer)
    }

    /// Only the board sets an alarm.
    pub async fn alarm(&self) -> Thrown<()> {
        self.board()?.alarm().await;
        Ok(())
    }
}
