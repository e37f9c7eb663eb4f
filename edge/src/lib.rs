//! The gateway on the Workers runtime: on Cloudflare, and unchanged on a
//! machine of one's own under `workerd`.
//!
//! This is the only room that knows Cloudflare, and it decides nothing. It
//! turns the runtime's requests into `http` values and back, gives the gateway
//! its [`World`](gateway::world::World) and [`Store`](gateway::world::Store),
//! and declares the two classes of Durable Objects.

#![allow(missing_docs, reason = "the attribute macros make undocumented items")]

mod listeners;
mod message;
mod rsa;
mod store;
mod world;

use gateway::Gateway;
use gateway::config::Config;
use gateway::error::ApiError;
use gateway::world::{Body, Listen};
use listeners::Listeners;
use std::cell::RefCell;
use std::rc::Rc;
use store::Storage;
use worker::{
    Context, DurableObject, Env, Request, Response, Result, State, WebSocket,
    WebSocketIncomingMessage, durable_object, event,
};
use world::Runtime;

thread_local! {
    /// One gateway to an isolate, so that what it has learned of merchants
    /// serves the next request too.
    static GATEWAY: RefCell<Option<Rc<Gateway<Runtime>>>> = const { RefCell::new(None) };
}

/// Every request from outside.
#[event(fetch)]
async fn fetch(request: Request, env: Env, _context: Context) -> Result<Response> {
    let gateway = match gateway(&env) {
        Ok(gateway) => gateway,
        // The sentence names the variable, never its value.
        Err(problem) => {
            return Response::error(format!("The gateway cannot start: {problem}.\n"), 500);
        }
    };
    let response = match message::read_request(request).await {
        Ok(request) => gateway.handle(request).await,
        Err(code) => ApiError::of(code).response().map(Body::Whole),
    };
    match response.extensions().get::<Listen>() {
        Some(listen) => listeners::connect(&env, listen).await,
        None => message::write_response(response),
    }
}

fn gateway(env: &Env) -> std::result::Result<Rc<Gateway<Runtime>>, String> {
    GATEWAY.with_borrow_mut(|slot| match slot {
        Some(gateway) => Ok(gateway.clone()),
        None => {
            let gateway = Gateway::new(Runtime::new(env.clone()), config(env)?);
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

/// When the alarm rings again where the deployment cannot start.
const CANNOT_START_MS: i64 = 60_000;

/// A merchant's book.
#[durable_object]
pub struct Book {
    alarm: store::Alarm,
    listeners: Listeners,
    book: std::result::Result<gateway::book::Book<Runtime, Storage>, String>,
}

impl DurableObject for Book {
    fn new(state: State, env: Env) -> Self {
        let store = Storage::of(&state);
        let alarm = store::Alarm::of(&state);
        let listeners = Listeners::of(state);
        let book = config(&env).and_then(|config| {
            let store = store.with(listeners.clone());
            gateway::book::Book::open(Runtime::new(env), store, config)
                .map_err(|error| error.to_string())
        });
        Self {
            alarm,
            listeners,
            book,
        }
    }

    async fn fetch(&self, request: Request) -> Result<Response> {
        if let Some(tag) = listeners::asked_for(&request)? {
            return self.listeners.take(&tag);
        }
        let body = message::read_whole(&request).await?;
        match &self.book {
            Ok(book) => Response::from_bytes(book.handle(&body).await),
            Err(problem) => Err(problem.clone().into()),
        }
    }

    async fn alarm(&self) -> Result<Response> {
        match &self.book {
            Ok(book) => book.alarm().await,
            // The runtime repeats an alarm that fails six times and no more. A
            // deployment can be wrong for longer than that takes.
            Err(problem) => {
                worker::console_error!("the book cannot start: {problem}");
                self.alarm.set_in(CANNOT_START_MS);
            }
        }
        Response::empty()
    }

    // Listeners only listen, and the runtime answers their pings itself. What
    // comes here wakes the book, which is its merchant's every payer's: whoever
    // talks is sent away with the first word.
    async fn websocket_message(
        &self,
        socket: WebSocket,
        _: WebSocketIncomingMessage,
    ) -> Result<()> {
        let _ = socket.close(Some(1008), Some("listeners only listen"));
        Ok(())
    }

    async fn websocket_close(
        &self,
        socket: WebSocket,
        _code: usize,
        _reason: String,
        _was_clean: bool,
    ) -> Result<()> {
        // The other half of the farewell. There may be nobody left to hear it.
        let _ = socket.close(Some(1000), Some(""));
        Ok(())
    }

    async fn websocket_error(&self, _: WebSocket, _: worker::Error) -> Result<()> {
        Ok(())
    }
}

/// Every merchant.
#[durable_object]
pub struct Registry {
    registry: std::result::Result<gateway::registry::Registry<Runtime, Storage>, String>,
}

impl DurableObject for Registry {
    fn new(state: State, env: Env) -> Self {
        let store = Storage::of(&state);
        let registry = gateway::registry::Registry::open(Runtime::new(env), store)
            .map_err(|error| error.to_string());
        Self { registry }
    }

    async fn fetch(&self, request: Request) -> Result<Response> {
        let body = message::read_whole(&request).await?;
        match &self.registry {
            Ok(registry) => Response::from_bytes(registry.handle(&body)),
            Err(problem) => Err(problem.clone().into()),
        }
    }
}
