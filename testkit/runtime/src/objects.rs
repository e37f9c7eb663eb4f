//! The objects: their names, how each is opened, and how a call reaches it.

use gateway::board::Board;
use gateway::book::Book;
use gateway::config::Config;
use gateway::merchants::registry::Registry;
use gateway::runtime::{Object, Runtime, Storage, StorageError};
use std::rc::Rc;

/// The prefix of the names of the registry's objects, and the name of an
/// earlier version's registry.
pub const REGISTRY: &str = "/registry";
/// The name of the board.
pub const BOARD: &str = "/board";

/// The name of an object. A book is named by its merchant, the others by a
/// slash and a word.
#[must_use]
pub fn name_of(object: Object<'_>) -> Rc<str> {
    match object {
        Object::Book(name) => name.into(),
        Object::Shard(shard) => format!("/{}", shard.name()).into(),
        Object::Registry => REGISTRY.into(),
        Object::Board => BOARD.into(),
    }
}

/// An object in memory. Dropping it loses everything except its database.
#[derive(Debug)]
pub enum Opened<R, S> {
    /// A merchant's book.
    Book(Box<Book<R, S>>),
    /// An object of the registry.
    Registry(Registry<R, S>),
    /// The board.
    Board(Board<R, S>),
}

impl<R: Runtime, S: Storage> Opened<R, S> {
    /// Opens the object of this name, which may write.
    ///
    /// # Errors
    ///
    /// The database refuses a statement.
    pub fn open(
        name: &str,
        runtime: R,
        storage: S,
        config: Rc<Config>,
    ) -> Result<Self, StorageError> {
        Ok(match name {
            BOARD => Self::Board(Board::open(runtime, storage)?),
            name if name.starts_with(REGISTRY) => Self::Registry(Registry::open(runtime, storage)?),
            _ => Self::Book(Box::new(Book::open(runtime, storage, config)?)),
        })
    }

    /// Answers a call.
    pub async fn handle(&self, body: &[u8]) -> Vec<u8> {
        match self {
            Self::Book(book) => book.handle(body).await,
            Self::Registry(registry) => registry.handle(body),
            Self::Board(board) => board.handle(body),
        }
    }

    /// Runs the alarm's handler.
    pub async fn alarm(&self) {
        match self {
            Self::Book(book) => book.alarm().await,
            Self::Registry(_) => {}
            Self::Board(board) => board.alarm().await,
        }
    }
}
