//! The objects of a thread, opened at their first call, with their alarms and
//! listeners.
//!
//! An alarm is a row of the object's own file. When it is due, the row is moved
//! aside before the object is called, and removed when the object has answered:
//! after a crash in between, the alarm is due again. Its time is that of the object's
//! own clock ([`crate::clock`]).

use crate::clock::{Clocks, now_ms};
use crate::gate::NotDurable;
use crate::listeners::Listeners;
use crate::object_name::ObjectName;
use crate::runtime::{NativeRuntime, Thread};
use crate::storage::{Report, SqliteStorage};
use gateway::board::Board;
use gateway::book::Book;
use gateway::merchants::registry::Registry;
use gateway::observe::Log;
use gateway::runtime::{CallError, StorageError};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

/// How many unused objects stay open.
const MOST_IDLE: usize = 512;
/// The longest sleep between two reads of the clock, which may jump.
const TICK_MS: i64 = 1000;
/// After this time a failed alarm is due again.
const RETRY_MS: i64 = 5000;
/// How long an alarm waits that is due while the previous one runs.
const BUSY_MS: i64 = 50;

/// Creates the directory of a deployment's data, if it is missing.
///
/// # Errors
///
/// It cannot be created.
pub fn open_directory(directory: &Path) -> std::io::Result<()> {
    create_private(&directory.join("books"))
}

/// Creates a directory, and those above it, if they are missing: only their owner
/// can read them, because the data names payers.
///
/// # Errors
///
/// It cannot be created.
pub fn create_private(directory: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(directory)
}

enum Kind {
    Book(Box<Book<NativeRuntime, SqliteStorage>>),
    Registry(Registry<NativeRuntime, SqliteStorage>),
    Board(Board<NativeRuntime, SqliteStorage>),
}

struct Opened {
    kind: Kind,
    storage: SqliteStorage,
}

/// The objects of one thread.
pub struct Objects {
    thread: Rc<Thread>,
    directory: PathBuf,
    opened: RefCell<HashMap<ObjectName, Rc<Opened>>>,
    alarms: Rc<Alarms>,
    /// The object whose alarm is running: an object has one at a time.
    running_alarms: RefCell<HashSet<ObjectName>>,
    listeners: Rc<RefCell<HashMap<ObjectName, Listeners>>>,
}

/// When objects are due.
#[derive(Default)]
struct Alarms {
    by_time: RefCell<BTreeSet<(i64, ObjectName)>>,
    by_name: RefCell<HashMap<ObjectName, i64>>,
    changed: Notify,
}

impl Alarms {
    fn set(&self, object: &ObjectName, at_ms: Option<i64>) {
        let mut by_name = self.by_name.borrow_mut();
        let before = match at_ms {
            Some(at_ms) => by_name.insert(object.clone(), at_ms),
            None => by_name.remove(object),
        };
        if before == at_ms {
            return;
        }
        let mut by_time = self.by_time.borrow_mut();
        if let Some(before) = before {
            by_time.remove(&(before, object.clone()));
        }
        if let Some(at_ms) = at_ms {
            by_time.insert((at_ms, object.clone()));
        }
        self.changed.notify_one();
    }

    fn take_due(&self, clocks: &Clocks) -> Option<(i64, ObjectName)> {
        let now_ms = now_ms();
        let mut by_time = self.by_time.borrow_mut();
        let due = by_time
            .iter()
            .take_while(|(at_ms, _)| *at_ms <= now_ms)
            .find(|(at_ms, name)| *at_ms <= clocks.now_ms(name))?
            .clone();
        by_time.remove(&due);
        self.by_name.borrow_mut().remove(&due.1);
        Some(due)
    }

    /// The real time at which the next alarm is due.
    fn next_ms(&self, clocks: &Clocks) -> Option<i64> {
        let mut next_ms = None;
        for (at_ms, name) in self.by_time.borrow().iter() {
            if next_ms.is_some_and(|next_ms| next_ms <= *at_ms) {
                break;
            }
            let due_ms = at_ms + clocks.behind_ms(name);
            next_ms = Some(next_ms.map_or(due_ms, |next_ms: i64| next_ms.min(due_ms)));
        }
        next_ms
    }
}

impl Objects {
    pub fn new(thread: Rc<Thread>, directory: PathBuf) -> Self {
        Self {
            thread,
            directory,
            opened: RefCell::default(),
            alarms: Rc::default(),
            running_alarms: RefCell::default(),
            listeners: Rc::default(),
        }
    }

    /// Finds the alarms that earlier runs have set, and starts to watch them.
    pub fn start(self: &Rc<Self>) {
        for name in self.names() {
            if self.thread.channels.owner(&name) != self.thread.index {
                continue;
            }
            match self
                .storage(&name)
                .and_then(|storage| storage.alarm_ms(true))
            {
                Ok(at_ms) => self.alarms.set(&name, at_ms),
                Err(error) => self.log(format_args!("{name:?} cannot be opened: {error}")),
            }
        }
        let objects = self.clone();
        tokio::task::spawn_local(async move {
            loop {
                let (alarms, clocks) = (&objects.alarms, &objects.thread.clocks);
                while let Some((at_ms, name)) = alarms.take_due(clocks) {
                    let objects = objects.clone();
                    tokio::task::spawn_local(async move {
                        objects.run_alarm(&name, at_ms).await;
                    });
                }
                let wait_ms = alarms
                    .next_ms(clocks)
                    .map_or(TICK_MS, |at_ms| at_ms - now_ms());
                let wait = Duration::from_millis(wait_ms.clamp(0, TICK_MS).unsigned_abs());
                tokio::select! {
                    () = alarms.changed.notified() => {}
                    () = tokio::time::sleep(wait) => {}
                }
            }
        });
    }

    fn names(&self) -> Vec<ObjectName> {
        let entries = fs::read_dir(self.directory.join("books"));
        let entries = entries.map_or_else(|error| vec![Err(error)], Iterator::collect);
        entries
            .into_iter()
            .filter_map(|entry| match entry {
                Ok(entry) => ObjectName::of_file(&entry.path()),
                Err(error) => {
                    self.log(format_args!(
                        "the directory of the books was not read, so timers may be late: {error}"
                    ));
                    None
                }
            })
            .chain([ObjectName::Board])
            .collect()
    }

    fn storage(&self, name: &ObjectName) -> Result<SqliteStorage, StorageError> {
        let (alarms, listeners, object) =
            (self.alarms.clone(), self.listeners.clone(), name.clone());
        let runtime = NativeRuntime::new(self.thread.clone(), None);
        let report = move |report| match report {
            Report::Failed(what) => runtime.log(format_args!("{object:?}: {what}")),
            Report::Committed(committed) => {
                alarms.set(&object, committed.alarm_ms);
                if let Some(listeners) = listeners.borrow_mut().get_mut(&object) {
                    for (tag, text) in &committed.messages {
                        listeners.send(tag, text);
                    }
                }
            }
        };
        SqliteStorage::open(&name.file(&self.directory), report)
    }

    fn log(&self, says: fmt::Arguments<'_>) {
        NativeRuntime::new(self.thread.clone(), None).log(says);
    }

    fn open(&self, name: &ObjectName) -> Result<Rc<Opened>, StorageError> {
        if let Some(opened) = self.opened.borrow().get(name)
            && opened.storage.gate().broken().is_none()
        {
            return Ok(opened.clone());
        }
        let storage = self.storage(name)?;
        let runtime = NativeRuntime::new(
            self.thread.clone(),
            Some((name.clone(), storage.gate().clone())),
        );
        let kind = match name {
            ObjectName::Book(_) => {
                let book = Book::open(runtime, storage.clone(), self.thread.config.clone())?;
                Kind::Book(Box::new(book))
            }
            ObjectName::Shard(_) | ObjectName::Registry => {
                Kind::Registry(Registry::open(runtime, storage.clone())?)
            }
            ObjectName::Board => Kind::Board(Board::open(runtime, storage.clone())?),
        };
        let opened = Rc::new(Opened { kind, storage });
        let mut all = self.opened.borrow_mut();
        if all.len() >= MOST_IDLE {
            all.retain(|_, opened| Rc::strong_count(opened) > 1);
        }
        all.insert(name.clone(), opened.clone());
        Ok(opened)
    }

    /// Calls an object of this thread. The answer leaves when everything that
    /// was written for it is on disk.
    pub async fn call(&self, name: ObjectName, body: &[u8]) -> Result<Vec<u8>, CallError> {
        let opened = self.open(&name).map_err(|error| {
            self.log(format_args!("{name:?} cannot be opened: {error}"));
            CallError::Storage(error.fault)
        })?;
        let answer = match &opened.kind {
            Kind::Book(book) => book.handle(body).await,
            Kind::Registry(registry) => registry.handle(body),
            Kind::Board(board) => board.handle(body),
        };
        let passed = opened.storage.gate().passed().await;
        match passed {
            Ok(()) => Ok(answer),
            Err(NotDurable(fault)) => Err(CallError::Storage(fault)),
        }
    }

    /// Runs an alarm. A failed one is due again.
    async fn run_alarm(&self, name: &ObjectName, at_ms: i64) {
        if !self.running_alarms.borrow_mut().insert(name.clone()) {
            let now_ms = self.thread.clocks.now_ms(name);
            self.alarms.set(name, Some(now_ms + BUSY_MS));
            return;
        }
        let rung = async {
            let opened = self.open(name)?;
            opened.storage.alarm_begins(at_ms)?;
            match &opened.kind {
                Kind::Book(book) => book.alarm().await,
                Kind::Board(board) => board.alarm().await,
                // The registry sets no alarm.
                Kind::Registry(_) => {}
            }
            opened.storage.alarm_done()?;
            let passed = opened.storage.gate().passed().await;
            passed.map_err(|NotDurable(fault)| StorageError::of(fault, "the commit failed"))
        };
        let rung = rung.await;
        self.running_alarms.borrow_mut().remove(name);
        if let Err(error) = rung {
            self.log(format_args!(
                "the alarm of {name:?} failed and is repeated: {error}"
            ));
            let set = self.alarms.by_name.borrow().get(name).copied();
            let again = self.thread.clocks.now_ms(name) + RETRY_MS;
            self.alarms
                .set(name, Some(set.map_or(again, |set| set.min(again))));
        }
    }

    /// Commits what every object has written.
    pub fn commit_all(&self) {
        for opened in self.opened.borrow().values() {
            opened.storage.commit();
        }
    }

    /// Registers a listener; `false` if the tag has reached its limit.
    pub fn listen(
        &self,
        name: ObjectName,
        tag: &str,
        sender: mpsc::UnboundedSender<String>,
    ) -> bool {
        let mut listeners = self.listeners.borrow_mut();
        listeners.entry(name).or_default().add(tag, sender)
    }
}
