//! The move of a book to another deployment: see [`transfer`](crate::transfer).

use super::{Book, store};
use crate::http::error::ApiError;
use crate::observe::Log;
use crate::runtime::{Runtime, Storage, StorageError};
use crate::transfer::{self, Step};
use serde_json::Value;

impl<R: Runtime, S: Storage> Book<R, S> {
    /// Takes a step. A book that serves again, or for the first time, continues
    /// with its timers, and reports to the board.
    pub(super) fn transfer(&self, step: Step) -> Result<Value, ApiError> {
        let taken = self.take(step);
        if let Err(error) = &taken {
            self.runtime
                .log(format_args!("the move of a book: {error}"));
        }
        serde_json::to_value(taken?).map_err(ApiError::internal)
    }

    fn take(&self, step: Step) -> Result<transfer::Outcome, StorageError> {
        let outcome = transfer::take(&self.storage, step)?;
        let serves = transfer::is_serving(&self.storage)?;
        if serves && !self.serving.get() {
            // The program may have been replaced while the book was closed.
            store::schema::migrate(&self.storage)?;
            self.armed_at_ms.set(None);
            self.notices_arrive.set(None);
            self.filling_percent.set(0);
            self.events_end_at_ms.set(0);
            self.asked_at_ms.take();
            self.serving.set(true);
            self.begin()?;
            self.alarms_changed()?;
            self.arm()?;
        }
        self.serving.set(serves);
        Ok(outcome)
    }
}
