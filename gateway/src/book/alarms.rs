//! The merchant's alarms: raised, ended with their cause, and settled by a
//! person. `alarm.rs` has their names and texts.

use super::{Book, Settled, store};
use crate::merchants::directory::MerchantContext;

use crate::observe::Log;
use crate::observe::alarm::Alarm;
use crate::runtime::{Runtime, Storage, StorageError};

impl<R: Runtime, S: Storage> Book<R, S> {
    /// Takes an alarm off the list, and keeps who has dealt with it and how.
    pub(super) fn settle_alarm(&self, settled: &Settled) -> Result<bool, StorageError> {
        let Settled {
            name,
            subject,
            note,
        } = settled;
        self.storage.atomically(|| {
            if !store::alarms::remove(&self.storage, name, subject)? {
                return Ok(false);
            }
            self.audit(subject, &format!("alarm {name} settled"), note)?;
            self.alarms_changed()?;
            Ok(true)
        })
    }

    /// Whether the alarm about this is on the list.
    pub(super) fn stands(&self, alarm: Alarm, subject: &str) -> Result<bool, StorageError> {
        Ok(store::alarms::find(&self.storage, alarm.name(), subject)?.is_some())
    }

    /// Takes an alarm off the list, because what it was about is settled.
    pub(super) fn end_alarm(&self, alarm: Alarm, subject: &str) -> Result<(), StorageError> {
        match store::alarms::remove(&self.storage, alarm.name(), subject)? {
            true => self.alarms_changed(),
            false => Ok(()),
        }
    }

    /// Raises an alarm.
    pub(super) fn raise(&self, alarm: Alarm, subject: &str) -> Result<(), StorageError> {
        let facts = [
            ("alarm", alarm.name().into()),
            ("about", subject.into()),
            ("to_do", alarm.to_do().into()),
        ];
        self.runtime
            .log_with(&facts, format_args!("{}", alarm.says()));
        store::alarms::raise(&self.storage, alarm.name(), subject, self.runtime.now_ms())?;
        self.alarms_changed()
    }

    /// Raises what upstream's answers have called for meanwhile.
    pub(super) fn raise_problems(&self, context: &MerchantContext) -> Result<(), StorageError> {
        for (alarm, subject) in context.take_problems() {
            self.raise(alarm, &subject)?;
        }
        Ok(())
    }

    /// Raises the alarm about rows that could not be read, outside of the
    /// transaction that failed because of them.
    pub(super) fn raise_unreadable(&self) {
        for key in self.unreadable.take() {
            if let Err(error) = self.raise(Alarm::RowUnreadable, &key) {
                self.runtime.log(format_args!("alarm about {key}: {error}"));
            }
        }
    }
}
