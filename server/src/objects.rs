//! The objects of a thread, opened at their first call, with their alarms and
//! listeners.
//!
//! ```text
//! DIRECTORY/registry-00.sqlite … registry-63.sqlite
//! DIRECTORY/registry.sqlite                            of an earlier version
//! DIRECTORY/board.sqlite
//! DIRECTORY/books/<merchant>.sqlite
//! ```
//!
//! An alarm is a row of the object's own file. When it is due, the row is moved
//! aside before the object is called, and removed when the object has answered:
//! after a crash in between, the alarm is due again.

use crate::listeners::Listeners;
use crate::runtime::{NativeRuntime, now_ms};
use crate::storage::{Committed, SqliteStorage};
use crate::threads::Thread;
use gateway::board::Board;
use gateway::book::Book;
use gateway::merchants::registry::Registry;
use gateway::runtime::Shard;
use gateway::runtime::{CallError, Object, StorageError};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt::Write as _;
use std::fs;
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

/// An object's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ObjectName {
    /// A merchant's book.
    Book(String),
    /// A part of the registry of merchants.
    Shard(Shard),
    /// The registry of earlier versions.
    Registry,
    /// The board: the reports of the books.
    Board,
}

impl ObjectName {
    /// The name of an object that the gateway calls.
    pub fn of(object: Object<'_>) -> Self {
        match object {
            Object::Book(merchant) => Self::Book(merchant.to_owned()),
            Object::Shard(shard) => Self::Shard(shard),
            Object::Registry => Self::Registry,
            Object::Board => Self::Board,
        }
    }

    /// The path of the object's file. Characters that are unsafe in a file name
    /// are written as `%` and two hexadecimal digits.
    fn file(&self, directory: &Path) -> PathBuf {
        match self {
            Self::Shard(shard) => directory.join(format!("{}.sqlite", shard.name())),
            Self::Registry => directory.join("registry.sqlite"),
            Self::Board => directory.join("board.sqlite"),
            Self::Book(merchant) => {
                let mut name = String::new();
                for byte in merchant.bytes() {
                    match byte {
                        b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
                        // Writing to a String cannot fail.
                        _ => _ = write!(name, "%{byte:02X}"),
                    }
                }
                directory.join("books").join(format!("{name}.sqlite"))
            }
        }
    }

    /// The name of the book in this file.
    fn of_file(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.strip_suffix(".sqlite")?;
        let mut bytes = Vec::new();
        let mut rest = name.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'%' => {
                    let digits = [rest.next()?, rest.next()?];
                    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
                }
                byte => byte,
            });
        }
        String::from_utf8(bytes).ok().map(Self::Book)
    }
}

/// Creates the directory of a deployment's data, if it is missing.
///
/// # Errors
///
/// It cannot be created.
pub fn open_directory(directory: &Path) -> std::io::Result<()> {
    fs::create_dir_all(directory.join("books"))
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
    directory: PathBuf,
    opened: RefCell<HashMap<ObjectName, Rc<Opened>>>,
    alarms: Rc<Alarms>,
    /// The object whose alarm is running: an object has one at a time.
    ringing: RefCell<HashSet<ObjectName>>,
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

    fn take_due(&self, now_ms: i64) -> Option<(i64, ObjectName)> {
        let mut by_time = self.by_time.borrow_mut();
        let due = by_time
            .first()
            .filter(|(at_ms, _)| *at_ms <= now_ms)?
            .clone();
        by_time.remove(&due);
        self.by_name.borrow_mut().remove(&due.1);
        Some(due)
    }

    fn next_ms(&self) -> Option<i64> {
        self.by_time.borrow().first().map(|(at_ms, _)| *at_ms)
    }
}

impl Objects {
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            opened: RefCell::default(),
            alarms: Rc::default(),
            ringing: RefCell::default(),
            listeners: Rc::default(),
        }
    }

    /// Finds the alarms that earlier runs have set, and starts to watch them.
    pub fn start(&self, thread: &Rc<Thread>) {
        for name in self.names() {
            if thread.threads.owner(&name) != thread.index {
                continue;
            }
            match self
                .storage(&name)
                .and_then(|storage| storage.alarm_ms(true))
            {
                Ok(at_ms) => self.alarms.set(&name, at_ms),
                Err(error) => eprintln!("{name:?} cannot be opened: {error}"),
            }
        }
        let thread = thread.clone();
        tokio::task::spawn_local(async move {
            loop {
                let alarms = &thread.objects.alarms;
                while let Some((at_ms, name)) = alarms.take_due(now_ms()) {
                    let thread = thread.clone();
                    tokio::task::spawn_local(async move {
                        thread.objects.ring(&thread, &name, at_ms).await;
                    });
                }
                let wait_ms = alarms.next_ms().map_or(TICK_MS, |at_ms| at_ms - now_ms());
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
        let books = entries.into_iter().flatten().flatten();
        books
            .filter_map(|entry| ObjectName::of_file(&entry.path()))
            .chain([ObjectName::Board])
            .collect()
    }

    fn storage(&self, name: &ObjectName) -> Result<SqliteStorage, StorageError> {
        let (alarms, listeners, object) =
            (self.alarms.clone(), self.listeners.clone(), name.clone());
        SqliteStorage::open(&name.file(&self.directory), move |committed: Committed| {
            alarms.set(&object, committed.alarm_ms);
            if let Some(listeners) = listeners.borrow_mut().get_mut(&object) {
                for (tag, text) in &committed.messages {
                    listeners.tell(tag, text);
                }
            }
        })
    }

    fn open(&self, thread: &Rc<Thread>, name: &ObjectName) -> Result<Rc<Opened>, StorageError> {
        if let Some(opened) = self.opened.borrow().get(name)
            && !opened.storage.gate().is_broken()
        {
            return Ok(opened.clone());
        }
        let storage = self.storage(name)?;
        let runtime = NativeRuntime::new(thread.clone(), Some(storage.gate().clone()));
        let kind = match name {
            ObjectName::Book(_) => {
                let book = Book::open(runtime, storage.clone(), thread.config.clone())?;
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
    pub async fn call(
        &self,
        thread: &Rc<Thread>,
        name: ObjectName,
        body: &[u8],
    ) -> Result<Vec<u8>, CallError> {
        let opened = self.open(thread, &name).map_err(|error| {
            eprintln!("{name:?} cannot be opened: {error}");
            CallError
        })?;
        let answer = match &opened.kind {
            Kind::Book(book) => book.handle(body).await,
            Kind::Registry(registry) => registry.handle(body),
            Kind::Board(board) => board.handle(body),
        };
        opened
            .storage
            .gate()
            .passed()
            .await
            .map_err(|_| CallError)?;
        Ok(answer)
    }

    /// Runs an alarm. A failed one is due again.
    async fn ring(&self, thread: &Rc<Thread>, name: &ObjectName, at_ms: i64) {
        if !self.ringing.borrow_mut().insert(name.clone()) {
            self.alarms.set(name, Some(now_ms() + BUSY_MS));
            return;
        }
        let rung = async {
            let opened = self.open(thread, name)?;
            opened.storage.alarm_begins(at_ms)?;
            match &opened.kind {
                Kind::Book(book) => book.alarm().await,
                Kind::Board(board) => board.alarm().await,
                // The registry sets no alarm.
                Kind::Registry(_) => {}
            }
            opened.storage.alarm_done()?;
            let passed = opened.storage.gate().passed().await;
            passed.map_err(|_| StorageError("the commit failed".to_owned()))
        };
        let rung = rung.await;
        self.ringing.borrow_mut().remove(name);
        if let Err(error) = rung {
            eprintln!("the alarm of {name:?} failed and is repeated: {error}");
            let set = self.alarms.by_name.borrow().get(name).copied();
            let again = now_ms() + RETRY_MS;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_is_read_back() {
        for name in ["demo", "Tea House", "../etc/passwd", "茶", "%41", ""] {
            let object = ObjectName::Book(name.to_owned());
            let file = object.file(Path::new("/data"));
            assert_eq!(file.parent(), Some(Path::new("/data/books")), "{name}");
            assert_eq!(ObjectName::of_file(&file), Some(object), "{name}");
        }
    }
}
