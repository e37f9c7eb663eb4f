//! Limits the size of the object: alarms before it is full, and space that is
//! reserved for what is paid.

use super::store::facts::Fact;
use super::{Book, Call, store};
use crate::http::error::{ApiError, Code};
use crate::observe::alarm::Alarm;
use crate::runtime::{Runtime, Storage, StorageError};

/// The storage limit of an object: ten gigabytes on Cloudflare.
const STORAGE_BYTES: i64 = 10_000_000_000;
/// The percentages at which an alarm is raised.
const FILLING_PERCENT: [i64; 3] = [50, 80, 95];
/// From this percentage on, payment links sell nothing more.
const LINKS_STOP_PERCENT: i64 = 80;
/// From this percentage on, nothing new is accepted: the rest is for what is
/// paid.
const NEW_STOPS_PERCENT: i64 = 95;

impl<R: Runtime, S: Storage> Book<R, S> {
    /// Refuses commands that would fill the object, while there is space left
    /// for what is paid: notices, queries, refunds and deliveries are always
    /// written.
    pub(super) fn refuse_when_full(&self, call: &Call) -> Result<(), ApiError> {
        let at_most = match call {
            // Any payer who opens a link's address can make these.
            Call::Buy(_) => LINKS_STOP_PERCENT,
            Call::CreateOrder(_)
            | Call::QuickPay(_)
            | Call::SetProduct(_)
            | Call::ProductScanned(_)
            | Call::OpenCheckout(_)
            | Call::PrepareCheckout(_)
            | Call::SetLink(_)
            | Call::KeepImage(_)
            | Call::CreateEndpoint(_)
            | Call::RotateEndpoint(_)
            | Call::TestEndpoint(_)
            | Call::ResendFailed(_) => NEW_STOPS_PERCENT,
            // An endpoint that fills the object can be switched off.
            Call::ChangeEndpoint(change) if change.0.active != Some(false) => NEW_STOPS_PERCENT,
            _ => return Ok(()),
        };
        match self.used_percent() >= at_most {
            true => Err(ApiError::of(Code::StorageFull)),
            false => Ok(()),
        }
    }

    /// Whether the reserved space is still untouched.
    pub(super) fn has_room_for_new(&self) -> bool {
        self.used_percent() < NEW_STOPS_PERCENT
    }

    fn used_percent(&self) -> i64 {
        self.storage.size_bytes() / (STORAGE_BYTES / 100)
    }

    /// Raises an alarm once for each percentage that the object reaches.
    pub(super) fn watch_size(&self) -> Result<(), StorageError> {
        let used = self.used_percent();
        let level = FILLING_PERCENT.iter().rev().find(|level| used >= **level);
        let level = level.copied().unwrap_or_default();
        if level <= self.filling_percent.get() {
            return Ok(());
        }
        let context = store::facts::get(&self.storage, Fact::FillingPercent)?;
        let context = context
            .and_then(|text| text.parse().ok())
            .unwrap_or_default();
        if level > context {
            self.storage.atomically(|| {
                store::facts::set(&self.storage, Fact::FillingPercent, &level.to_string())?;
                self.raise(Alarm::StorageFilling, &format!("{level} %"))
            })?;
        }
        self.filling_percent.set(level);
        Ok(())
    }
}
