//! The runtime of the machine's isolates and objects, and the calls between
//! them.

use super::machine::{InMemory, Stage};
use super::rsa::StandIn;
use super::world::{Link, Place, Promise, World};
use gateway::runtime::{
    CallError, Chunks, FetchError, Object, PrivateKey, PublicKey, Request, Response, Route, Rsa,
    RsaError, Runtime, StorageError,
};
use memory_runtime::objects::{BOARD, Opened, name_of};
use memory_runtime::random::Random;
use memory_runtime::storage::{Faults, Sqlite};
use rusqlite::Connection;
use std::cell::Cell;
use std::rc::Rc;

/// When a book's alarm is repeated if the book could not be opened, as crate
/// `edge` sets it.
const CANNOT_START_MS: i64 = 60_000;
impl World {
    /// The object in memory, opened if it is not: inside a poll, because opening
    /// writes. Fails where the database refuses a statement.
    fn object(&self, name: &Rc<str>) -> Result<InMemory<Link, Self>, StorageError> {
        let machine = &self.0.machine;
        if let Some(memory) = machine.memory(name) {
            return Ok(memory);
        }
        machine.open(name, self.refused_of_opening(), |disk| {
            let link = Link {
                world: self.clone(),
                place: name.clone(),
            };
            let storage = Sqlite::new(disk, self.clone(), name.clone());
            Opened::open(name, link, storage, self.0.config.clone())
        })
    }

    /// Runs the alarm of an object.
    pub(super) fn ring(&self, name: &Rc<str>) {
        let (world, name) = (self.clone(), name.clone());
        self.spawn(Place::Object(name.clone()), async move {
            let machine = &world.0.machine;
            match world.object(&name) {
                Ok(object) => object.alarm().await,
                // An alarm that fails is repeated by the runtime.
                Err(_) if &*name == BOARD => {
                    let now_ms = world.gateway_ms();
                    machine.thing(&name, |thing| thing.ring_again(now_ms));
                }
                Err(_) => {
                    let again_ms = world.gateway_ms() + CANNOT_START_MS;
                    machine.disk(&name).set_alarm(again_ms);
                }
            }
            world.leave(move |world| {
                world.0.machine.thing(&name, |thing| thing.ringing = false);
                world.watch_book(&name);
            });
        });
    }
}

impl World {
    /// Whether this statement is the one that a scene has chosen.
    fn refuses_now(&self, object: &str) -> bool {
        let mut refused = self.0.refused.borrow_mut();
        let Some((_, left)) = refused.as_mut().filter(|(of, _)| &**of == object) else {
            return false;
        };
        match left.checked_sub(1) {
            Some(fewer) => *left = fewer,
            None => *refused = None,
        }
        refused.is_none()
    }
}

impl Faults for World {
    fn before(&self, object: &str, _: &Connection, sql: &str) -> Result<(), StorageError> {
        let opening = self.0.machine.refuses_opening();
        if !opening.unwrap_or_else(|| self.store_refuses() || self.refuses_now(object)) {
            return Ok(());
        }
        self.note_at(object, || {
            let words: Vec<&str> = sql.split_whitespace().take(6).collect();
            format!("  the database refuses: {}", words.join(" "))
        });
        Err(StorageError::new("refused by the simulation"))
    }

    fn size_bytes(&self, _: &str) -> i64 {
        0
    }

    /// No page listens here.
    fn listeners_notified(&self, _: &str, _: &str) {}
}

/// A request in flight. Dropping it frees its connection for the next.
struct UnderWay {
    world: World,
    of: Rc<str>,
    stage: Rc<Cell<Stage>>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if self.stage.replace(Stage::Over) != Stage::Sent {
            return;
        }
        if let Some(next) = self.world.0.machine.disconnect(&self.of) {
            self.world.after(0, next);
        }
    }
}

impl Rsa for Link {
    async fn rsa_sign(&self, key: &PrivateKey, message: &[u8]) -> Result<Vec<u8>, RsaError> {
        StandIn.rsa_sign(key, message).await
    }

    async fn rsa_verify(
        &self,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, RsaError> {
        StandIn.rsa_verify(key, message, signature).await
    }
}

impl Runtime for Link {
    fn now_ms(&self) -> i64 {
        self.world.gateway_ms()
    }

    fn random(&self, bytes: &mut [u8]) {
        let nonces: &Random = &self.world.0.nonces;
        nonces.fill(bytes);
    }

    /// As Workers, which present certificates of bindings only.
    fn presents_certificates(&self) -> bool {
        false
    }

    fn has_client_certificate(&self, binding: &str) -> bool {
        self.world.certificate_of(binding).is_some()
    }

    async fn fetch(&self, route: Route<'_>, mut request: Request) -> Result<Response, FetchError> {
        let (promise, answer) = self.world.promise();
        let from = self.place.clone();
        let to = self.world.destination(route, &mut request);
        let timeout_ms = i64::from(route.timeout_ms());
        let under_way = UnderWay {
            world: self.world.clone(),
            of: match from.starts_with("isolate ") {
                true => format!("{from}, task {}", self.world.task_now()).into(),
                false => from.clone(),
            },
            stage: Rc::new(Cell::new(Stage::Waiting)),
        };
        let (of, stage) = (under_way.of.clone(), under_way.stage.clone());
        self.world.leave(move |world| {
            let (late, sent, place) = (promise.clone(), stage.clone(), from.clone());
            // Cloudflare counts from the call, and not from the sending.
            world.after(timeout_ms, move |world| {
                if sent.get() == Stage::Waiting {
                    let found = format!("a request of {place} timed out before it was sent");
                    world.broken("8", None, found);
                }
                late.keep(Err(FetchError::TimedOut));
            });
            let send = move |world: &World| world.send_out(&from, to, request, promise);
            if let Some(send) = world.0.machine.connect(&of, &stage, Box::new(send)) {
                send(world);
            }
        });
        let answer = answer.await;
        drop(under_way);
        answer
    }

    async fn fetch_pieces(
        &self,
        route: Route<'_>,
        request: Request,
    ) -> Result<http::Response<Chunks>, FetchError> {
        let answer = self.fetch(route, request).await?;
        Ok(answer.map(|body| self.world.in_pieces(body)))
    }

    async fn call(&self, object: Object<'_>, body: Vec<u8>) -> Result<Vec<u8>, CallError> {
        let name = name_of(object);
        let (promise, answer) = self.world.promise();
        self.world.leave(move |world| {
            let in_ms = world.0.random.between(0, 2);
            world.after(in_ms, move |world| world.arrive(name, body, promise));
        });
        answer.await
    }

    async fn sleep(&self, ms: u32) {
        self.world.sleep(i64::from(ms)).await;
    }

    fn print(&self, line: &str) {
        self.world.note_at(&self.place, || format!("  log: {line}"));
    }
}

/// Aborts a call when it is dropped before its answer was sent.
struct Unanswered(Option<Promise<Result<Vec<u8>, CallError>>>, World);

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(promise) = self.0.take() {
            self.1
                .after(1, move |_| promise.keep(Err(CallError::NoAnswer)));
        }
    }
}

impl World {
    /// A call arrives at an object.
    fn arrive(&self, name: Rc<str>, body: Vec<u8>, promise: Promise<Result<Vec<u8>, CallError>>) {
        self.0.machine.count_call(&body);
        let world = self.clone();
        let mut unanswered = Unanswered(Some(promise.clone()), self.clone());
        let task = self.spawn(Place::Object(name.clone()), async move {
            let answer = match world.object(&name) {
                Ok(object) => object.handle(&body).await,
                // It was dropped, so the call is aborted.
                Err(_) => return,
            };
            world.leave(move |world| {
                if let Some(promise) = unanswered.0.take() {
                    let in_ms = world.0.random.between(0, 2);
                    world.after(in_ms, move |_| promise.keep(Ok(answer)));
                }
            });
        });
        promise.kept_by(task);
    }
}
