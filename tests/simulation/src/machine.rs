//! The machine that the gateway runs on: isolates, and objects with their
//! databases, alarms and connections. It knows neither the time nor the network.

use gateway::Gateway;
use gateway::runtime::Runtime;
use memory_runtime::objects::Opened;
use memory_runtime::storage::{Disk, Faults, Sqlite};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

/// How soon the runtime repeats an alarm that was aborted.
const RING_AGAIN_MS: i64 = 2_000;

/// Something that happens once, to a world.
type Event<W> = Box<dyn FnOnce(&W)>;

/// Isolates and objects, with the runtime `L`, in a world `W`.
pub(super) struct Machine<L, W> {
    isolates: RefCell<BTreeMap<usize, Rc<Gateway<L>>>>,
    objects: RefCell<BTreeMap<Rc<str>, Thing<L, W>>>,
    /// Requests that wait for an answer or for a connection, by object or by
    /// the invocation of an isolate.
    connections: RefCell<BTreeMap<Rc<str>, Connections<W>>>,
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
pub(super) type InMemory<L, W> = Rc<Opened<L, Sqlite<W>>>;

/// An object: the state that survives a crash, and the state that does not.
pub(super) struct Thing<L, W> {
    disk: Rc<Disk>,
    /// How many worlds have used its database.
    uses: u32,
    /// The time of its alarm, by the gateway's clock.
    alarm_ms: Option<i64>,
    /// Whether the alarm's handler runs. A second one never runs at the same
    /// time.
    pub(super) ringing: bool,
    /// Whether the runtime repeats the alarm, even if the clock is changed.
    rings_again: bool,
    memory: Option<InMemory<L, W>>,
    /// Whether it was opened in this world, so that it has its tables.
    was_opened: bool,
}

impl<L, W> Thing<L, W> {
    /// Repeats an aborted alarm, unless another was set.
    pub(super) fn ring_again(&mut self, gateway_ms: i64) {
        if self.alarm_ms.is_none() {
            self.alarm_ms = Some(gateway_ms + RING_AGAIN_MS);
            self.rings_again = true;
        }
    }
}

impl<L, W> Default for Machine<L, W> {
    fn default() -> Self {
        Self {
            isolates: RefCell::default(),
            objects: RefCell::default(),
            connections: RefCell::default(),
            counted: RefCell::default(),
            forgotten: RefCell::default(),
            opening: Cell::default(),
        }
    }
}

impl<L: Runtime, W: Faults> Machine<L, W> {
    pub(super) fn thing<T>(&self, name: &str, with: impl FnOnce(&mut Thing<L, W>) -> T) -> T {
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

    /// The object in memory, where it is opened.
    pub(super) fn memory(&self, name: &str) -> Option<InMemory<L, W>> {
        self.thing(name, |thing| thing.memory.clone())
    }

    /// Opens an object, of whose statements one may be refused. Inside a poll,
    /// because opening writes.
    ///
    /// # Errors
    ///
    /// That of `open`.
    pub(super) fn open<E>(
        &self,
        name: &str,
        refused: i64,
        open: impl FnOnce(Rc<Disk>) -> Result<Opened<L, Sqlite<W>>, E>,
    ) -> Result<InMemory<L, W>, E> {
        self.opening.set(Some(refused));
        let opened = open(self.disk(name));
        self.opening.set(None);
        let memory = Rc::new(opened?);
        self.thing(name, |thing| {
            thing.memory = Some(memory.clone());
            thing.was_opened = true;
        });
        Ok(memory)
    }

    /// Whether this statement of an object that is being opened is refused;
    /// `None` where no object is.
    pub(super) fn refuses_opening(&self) -> Option<bool> {
        let left = self.opening.get()?;
        self.opening.set(Some(left - 1));
        Some(left == 0)
    }

    /// Whether the object has its tables.
    pub(super) fn was_opened(&self, name: &str) -> bool {
        self.thing(name, |thing| thing.was_opened)
    }

    /// The isolate of this number, which is made where it is not there.
    pub(super) fn isolate(
        &self,
        number: usize,
        made: impl FnOnce() -> Gateway<L>,
    ) -> Rc<Gateway<L>> {
        let mut isolates = self.isolates.borrow_mut();
        let isolate = isolates.entry(number).or_insert_with(|| Rc::new(made()));
        isolate.clone()
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

    /// Counts a call, if it is one of those.
    pub(super) fn count_call(&self, body: &[u8]) {
        if let Some((text, calls)) = &mut *self.counted.borrow_mut()
            && body.windows(text.len()).any(|part| part == text.as_bytes())
        {
            let call: serde_json::Value = serde_json::from_slice(body).expect("a call");
            calls.insert(call["scope"]["request_id"].to_string());
        }
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

    /// Takes a connection for a request that waits; what is to happen now. Where
    /// there is no connection, it happens when there is one.
    pub(super) fn connect(
        &self,
        of: &Rc<str>,
        stage: &Rc<Cell<Stage>>,
        send: Event<W>,
    ) -> Option<Event<W>> {
        if stage.get() != Stage::Waiting {
            return None;
        }
        let mut all = self.connections.borrow_mut();
        let connections = all.entry(of.clone()).or_default();
        if connections.open >= CONNECTIONS {
            connections.waiting.push_back((stage.clone(), send));
            return None;
        }
        connections.open += 1;
        stage.set(Stage::Sent);
        Some(send)
    }

    /// Frees a connection; what is to happen with it now.
    pub(super) fn disconnect(&self, of: &Rc<str>) -> Option<Event<W>> {
        let mut all = self.connections.borrow_mut();
        let connections = all.get_mut(of)?;
        connections.open -= 1;
        while let Some((stage, event)) = connections.waiting.pop_front() {
            if stage.get() == Stage::Waiting {
                stage.set(Stage::Sent);
                connections.open += 1;
                return Some(event);
            }
        }
        if connections.open == 0 {
            all.remove(of);
        }
        None
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
    empty_audit(&connection);
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'audit'";
    let tables: Vec<String> = connection
        .prepare_cached(sql)
        .and_then(|mut tables| tables.query_map([], |row| row.get(0))?.collect())
        .expect("the tables' names");
    for table in tables {
        // The tables stay, and with them what a migration has written: its number,
        // and the number from which deliveries to endpoints are counted.
        let emptied = match table.as_str() {
            "facts" => "DELETE FROM facts WHERE name <> 'schema'".to_owned(),
            "sqlite_sequence" => "UPDATE sqlite_sequence
                SET seq = CASE name WHEN 'event_deliveries' THEN 1 << 40 ELSE 0 END"
                .to_owned(),
            table => format!("DELETE FROM {table}"),
        };
        connection
            .prepare_cached(&emptied)
            .and_then(|mut emptied| emptied.execute([]))
            .expect("it is emptied");
    }
    USED.with_borrow_mut(|used| {
        let of_name = used.entry(name.to_owned()).or_default();
        of_name.push((connection, uses + 1));
    });
}

/// Empties the audit, whose trigger refuses that.
fn empty_audit(connection: &Connection) {
    let guard =
        "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = 'audit_is_not_deleted'";
    let guard: Option<String> = connection
        .query_row(guard, [], |row| row.get(0))
        .optional()
        .expect("the audit's trigger");
    if let Some(guard) = guard {
        connection
            .execute_batch(&format!(
                "DROP TRIGGER audit_is_not_deleted; DELETE FROM audit; {guard};"
            ))
            .expect("the audit is emptied");
    }
}

/// How many requests of one object, or of one invocation of an isolate,
/// Cloudflare lets wait for an answer at once.
const CONNECTIONS: usize = 6;

/// The requests of one object, or of one invocation.
struct Connections<W> {
    /// The number of requests that wait for an answer.
    open: usize,
    /// The requests that wait inside the runtime for a connection. Their
    /// time-outs run meanwhile.
    waiting: VecDeque<(Rc<Cell<Stage>>, Event<W>)>,
}

impl<W> Default for Connections<W> {
    fn default() -> Self {
        Self {
            open: 0,
            waiting: VecDeque::new(),
        }
    }
}

/// The progress of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It waits for a connection.
    Waiting,
    Sent,
    /// It was answered, or its caller has disconnected.
    Over,
}
