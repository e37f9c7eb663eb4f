//! The machine that the gateway runs on: isolates, objects with their
//! databases and alarms, and the calls between them.

use super::rsa::StandIn;
use super::world::{Event, Place, World};
use gateway::Gateway;
use gateway::runtime::{
    CallError, FetchError, Object, PrivateKey, PublicKey, Request, Response, Route, Rsa, RsaError,
    Runtime, StorageError,
};
use memory_runtime::objects::{BOARD, Opened, name_of};
use memory_runtime::random::Random;
use memory_runtime::storage::{Disk, Faults, Sqlite};
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::rc::Rc;

/// How soon the runtime repeats an alarm that was aborted.
const RING_AGAIN_MS: i64 = 2_000;
/// When a book's alarm is repeated if the book could not be opened, as crate
/// `edge` sets it.
const CANNOT_START_MS: i64 = 60_000;

/// Isolates and objects.
#[derive(Default)]
pub(super) struct Machine {
    isolates: RefCell<BTreeMap<usize, Rc<Gateway<Link>>>>,
    objects: RefCell<BTreeMap<Rc<str>, Thing>>,
    /// Requests that wait for an answer or for a connection, by object or by
    /// the invocation of an isolate.
    connections: RefCell<BTreeMap<Rc<str>, Connections>>,
    /// The requests whose calls to objects contain this text, while they are
    /// counted. The first call to a shard makes it import, which is several
    /// calls.
    counted: RefCell<Option<(String, BTreeSet<String>)>>,
    /// Books whose alarm the runtime has lost, and which nothing has set since.
    forgotten: RefCell<BTreeMap<Rc<str>, ()>>,
    /// While an object is opened: how many statements are executed before the
    /// one that is refused; negative if none is. It is chosen before, because a
    /// database that another world has used needs fewer.
    opening: Cell<Option<i64>>,
}

/// An object in memory.
type InMemory = Rc<Opened<Link, Sqlite<World>>>;

/// An object: the state that survives a crash, and the state that does not.
struct Thing {
    disk: Rc<Disk>,
    /// How many worlds have used its database.
    uses: u32,
    /// The time of its alarm, by the gateway's clock.
    alarm_ms: Option<i64>,
    /// Whether the alarm's handler runs. A second one never runs at the same
    /// time.
    ringing: bool,
    /// Whether the runtime repeats the alarm, even if the clock is changed.
    rings_again: bool,
    memory: Option<InMemory>,
    /// Whether it was opened in this world, so that it has its tables.
    was_opened: bool,
}

impl Thing {
    /// Repeats an aborted alarm, unless another was set.
    fn ring_again(&mut self, gateway_ms: i64) {
        if self.alarm_ms.is_none() {
            self.alarm_ms = Some(gateway_ms + RING_AGAIN_MS);
            self.rings_again = true;
        }
    }
}

impl Machine {
    fn thing<T>(&self, name: &str, with: impl FnOnce(&mut Thing) -> T) -> T {
        let mut objects = self.objects.borrow_mut();
        if !objects.contains_key(name) {
            let (connection, uses) = take_connection(name);
            objects.insert(
                name.into(),
                Thing {
                    disk: Rc::new(Disk::new(connection)),
                    uses,
                    alarm_ms: None,
                    ringing: false,
                    rings_again: false,
                    memory: None,
                    was_opened: false,
                },
            );
        }
        with(objects.get_mut(name).expect("it was made"))
    }

    pub(super) fn disk(&self, name: &str) -> Rc<Disk> {
        self.thing(name, |thing| thing.disk.clone())
    }

    /// The object in memory, opened if it is not: inside a poll, because
    /// opening writes. Fails where the database refuses a statement.
    fn memory(&self, world: &World, name: &Rc<str>) -> Result<InMemory, StorageError> {
        if let Some(memory) = self.thing(name, |thing| thing.memory.clone()) {
            return Ok(memory);
        }
        self.opening.set(Some(world.refused_of_opening()));
        let opened = self.open(world, name);
        self.opening.set(None);
        let memory = Rc::new(opened?);
        self.thing(name, |thing| {
            thing.memory = Some(memory.clone());
            thing.was_opened = true;
        });
        Ok(memory)
    }

    /// Whether the object has its tables.
    pub(super) fn was_opened(&self, name: &str) -> bool {
        self.thing(name, |thing| thing.was_opened)
    }

    fn open(
        &self,
        world: &World,
        name: &Rc<str>,
    ) -> Result<Opened<Link, Sqlite<World>>, StorageError> {
        let link = Link {
            world: world.clone(),
            place: name.clone(),
        };
        let storage = Sqlite::new(self.disk(name), world.clone(), name.clone());
        Opened::open(name, link, storage, world.0.config.clone())
    }

    pub(super) fn isolate(&self, world: &World, number: usize) -> Rc<Gateway<Link>> {
        let mut isolates = self.isolates.borrow_mut();
        let made = isolates.entry(number).or_insert_with(|| {
            let link = Link {
                world: world.clone(),
                place: format!("isolate {number}").into(),
            };
            Rc::new(Gateway::new(link, world.0.config.clone()))
        });
        made.clone()
    }

    pub(super) fn restart_isolate(&self, number: usize) {
        let gone = self.isolates.borrow_mut().remove(&number);
        drop(gone);
    }

    /// Ends the poll of an object: its writes become durable, or are lost.
    /// Returns whether anything became durable.
    pub(super) fn close_poll(&self, name: &str, lost: bool) -> bool {
        self.thing(name, |thing| {
            let closed = thing.disk.close_poll(lost);
            if let Some(at_ms) = closed.alarm_ms {
                thing.alarm_ms = Some(at_ms);
                thing.rings_again = false;
                self.forgotten.borrow_mut().remove(name);
            }
            closed.wrote
        })
    }

    /// Makes the runtime lose the object's alarm: a deployment that could not
    /// start has used up its retries. The object's memory is lost already.
    pub(super) fn forget_alarm(&self, name: &Rc<str>) {
        let gone = self.thing(name, |thing| {
            thing.alarm_ms = None;
            thing.rings_again = false;
            thing.memory.take()
        });
        drop(gone);
        self.forgotten.borrow_mut().insert(name.clone(), ());
    }

    /// Whether the object's alarm was lost, and nothing has set it since.
    pub(super) fn has_forgotten(&self, name: &str) -> bool {
        self.forgotten.borrow().contains_key(name)
    }

    /// Counts from now on the calls to objects whose bytes contain this text.
    pub(super) fn count_calls(&self, text: &str) {
        *self.counted.borrow_mut() = Some((text.to_owned(), BTreeSet::new()));
    }

    /// The number of counted calls.
    pub(super) fn calls_counted(&self) -> usize {
        let counted = self.counted.borrow_mut().take();
        counted.map_or(0, |(_, calls)| calls.len())
    }

    /// The object loses its memory. An alarm whose handler was running, and
    /// that has set no other, is repeated.
    pub(super) fn crash(&self, name: &str, gateway_ms: i64) {
        let gone = self.thing(name, |thing| {
            if std::mem::take(&mut thing.ringing) {
                thing.ring_again(gateway_ms);
            }
            thing.memory.take()
        });
        drop(gone);
    }

    /// The time of the next alarm, by the gateway's clock.
    pub(super) fn next_alarm_ms(&self) -> Option<i64> {
        let objects = self.objects.borrow();
        let waiting = objects.values().filter(|thing| !thing.ringing);
        waiting.filter_map(|thing| thing.alarm_ms).min()
    }

    /// The object whose alarm is due.
    pub(super) fn due_alarm(&self, gateway_ms: i64) -> Option<Rc<str>> {
        let mut objects = self.objects.borrow_mut();
        let due = objects.iter_mut().find(|(_, thing)| {
            !thing.ringing && thing.alarm_ms.is_some_and(|at_ms| at_ms <= gateway_ms)
        });
        due.map(|(name, thing)| {
            thing.alarm_ms = None;
            thing.rings_again = false;
            thing.ringing = true;
            name.clone()
        })
    }

    /// The time of this object's alarm; now, if its handler runs or is
    /// repeated.
    pub(super) fn alarm_of(&self, name: &str) -> Option<i64> {
        self.thing(name, |thing| match thing.ringing || thing.rings_again {
            true => Some(i64::MIN),
            false => thing.alarm_ms,
        })
    }

    pub(super) fn stop(&self) {
        self.isolates.take();
        for (name, thing) in self.objects.take() {
            drop(thing.memory);
            if let Ok(disk) = Rc::try_unwrap(thing.disk) {
                give_back(&name, (disk.into_connection(), thing.uses));
            }
        }
    }
}

impl World {
    /// Runs the alarm of an object.
    pub(super) fn ring(&self, name: &Rc<str>) {
        let (world, name) = (self.clone(), name.clone());
        self.spawn(Place::Object(name.clone()), async move {
            let machine = &world.0.machine;
            match machine.memory(&world, &name) {
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

/// How many worlds use a database: its audit cannot be emptied.
const USES: u32 = 300;

thread_local! {
    /// Databases with their tables, emptied: making them for every seed would
    /// take longer than the seed. By the object's name: the audit stays, and a
    /// seed that is run twice must find the same one.
    static USED: RefCell<BTreeMap<String, Vec<(Connection, u32)>>> = RefCell::default();
}

fn take_connection(name: &str) -> (Connection, u32) {
    let used = USED.with_borrow_mut(|used| used.get_mut(name)?.pop());
    used.unwrap_or_else(|| {
        let connection = Connection::open_in_memory().expect("SQLite");
        connection.set_prepared_statement_cache_capacity(200);
        // Otherwise statements are planned again for every value.
        let stable = DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG;
        connection.set_db_config(stable, true).expect("SQLite");
        (connection, 0)
    })
}

fn give_back(name: &str, (connection, uses): (Connection, u32)) {
    if uses >= USES {
        return;
    }
    if !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK").expect("it rolls back");
    }
    // The audit's triggers refuse every deletion, and switching them off would
    // make SQLite prepare every statement again.
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'audit'";
    let tables: Vec<String> = connection
        .prepare_cached(sql)
        .and_then(|mut tables| tables.query_map([], |row| row.get(0))?.collect())
        .expect("the tables' names");
    for table in tables {
        // The tables stay, and so does the number of their last migration.
        let kept = match table.as_str() {
            "facts" => " WHERE name <> 'schema'",
            _ => "",
        };
        connection
            .prepare_cached(&format!("DELETE FROM {table}{kept}"))
            .and_then(|mut emptied| emptied.execute([]))
            .expect("it is emptied");
    }
    USED.with_borrow_mut(|used| {
        let of_name = used.entry(name.to_owned()).or_default();
        of_name.push((connection, uses + 1));
    });
}

impl Faults for World {
    fn before(&self, object: &str, _: &Connection, sql: &str) -> Result<(), StorageError> {
        let opening = &self.0.machine.opening;
        let refuses = match opening.get() {
            Some(left) => {
                opening.set(Some(left - 1));
                left == 0
            }
            None => self.store_refuses(),
        };
        if !refuses {
            return Ok(());
        }
        self.note_at(object, || {
            let words: Vec<&str> = sql.split_whitespace().take(6).collect();
            format!("  the database refuses: {}", words.join(" "))
        });
        Err(StorageError("refused by the simulation".to_owned()))
    }

    fn size_bytes(&self, _: &str) -> i64 {
        0
    }

    /// No page listens here.
    fn told(&self, _: &str, _: &str) {}
}

/// The access of an isolate or an object to the world.
#[derive(Clone)]
pub(super) struct Link {
    world: World,
    place: Rc<str>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

/// How many requests of one object, or of one invocation of an isolate,
/// Cloudflare lets wait for an answer at once.
const CONNECTIONS: usize = 6;

/// The requests of one object, or of one invocation.
#[derive(Default)]
struct Connections {
    /// The number of requests that wait for an answer.
    open: usize,
    /// The requests that wait inside the runtime for a connection. Their
    /// time-outs run meanwhile.
    waiting: VecDeque<(Rc<Cell<Stage>>, Event)>,
}

/// The progress of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It waits for a connection.
    Waiting,
    Sent,
    /// It was answered, or its caller has disconnected.
    Over,
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
        let mut all = self.world.0.machine.connections.borrow_mut();
        let Some(connections) = all.get_mut(&self.of) else {
            return;
        };
        connections.open -= 1;
        while let Some((stage, event)) = connections.waiting.pop_front() {
            if stage.get() == Stage::Waiting {
                stage.set(Stage::Sent);
                connections.open += 1;
                self.world.after(0, event);
                break;
            }
        }
        if connections.open == 0 && connections.waiting.is_empty() {
            all.remove(&self.of);
        }
    }
}

impl World {
    /// Sends a request as soon as there is a connection for it.
    fn connect(&self, of: &Rc<str>, stage: &Rc<Cell<Stage>>, send: Event) {
        if stage.get() != Stage::Waiting {
            return;
        }
        {
            let mut all = self.0.machine.connections.borrow_mut();
            let connections = all.entry(of.clone()).or_default();
            if connections.open >= CONNECTIONS {
                connections.waiting.push_back((stage.clone(), send));
                return;
            }
            connections.open += 1;
        }
        stage.set(Stage::Sent);
        send(self);
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
            world.connect(&of, &stage, Box::new(send));
        });
        let answer = answer.await;
        drop(under_way);
        answer
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
struct Unanswered(
    Option<super::world::Promise<Result<Vec<u8>, CallError>>>,
    World,
);

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(promise) = self.0.take() {
            self.1.after(1, move |_| promise.keep(Err(CallError)));
        }
    }
}

impl World {
    /// A call arrives at an object.
    fn arrive(
        &self,
        name: Rc<str>,
        body: Vec<u8>,
        promise: super::world::Promise<Result<Vec<u8>, CallError>>,
    ) {
        if let Some((text, calls)) = &mut *self.0.machine.counted.borrow_mut()
            && body.windows(text.len()).any(|part| part == text.as_bytes())
        {
            let call: serde_json::Value = serde_json::from_slice(&body).expect("a call");
            calls.insert(call["scope"]["request_id"].to_string());
        }
        let world = self.clone();
        let mut unanswered = Unanswered(Some(promise.clone()), self.clone());
        let task = self.spawn(Place::Object(name.clone()), async move {
            let answer = match world.0.machine.memory(&world, &name) {
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
