//! The merchant's alarms: raised, ended with their cause, and settled by an
//! operator. Their names and texts are in `observe/alarm.rs`.

use super::event_type::EventType;
use super::{Book, Settled, store};
use crate::merchants::directory::MerchantContext;
use crate::observe::Log;
use crate::observe::alarm::Alarm;
use crate::runtime::{Runtime, Storage, StorageError};
use serde_json::json;

impl<R: Runtime, S: Storage> Book<R, S> {
    /// Removes an alarm from the list, and stores the operator's note about it
    /// in the audit.
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

    /// Whether the alarm `alarm` about `subject` is open.
    pub(super) fn stands(&self, alarm: Alarm, subject: &str) -> Result<bool, StorageError> {
        Ok(store::alarms::find(&self.storage, alarm.name(), subject)?.is_some())
    }

    /// Removes an alarm from the list, because its cause is settled.
    pub(super) fn end_alarm(&self, alarm: Alarm, subject: &str) -> Result<(), StorageError> {
        match store::alarms::remove(&self.storage, alarm.name(), subject)? {
            true => self.alarms_changed(),
            false => Ok(()),
        }
    }

    /// Raises an alarm, and writes the event where it was not open before.
    pub(super) fn raise(&self, alarm: Alarm, subject: &str) -> Result<(), StorageError> {
        let facts = [
            ("alarm", alarm.name().into()),
            ("about", subject.into()),
            ("to_do", alarm.to_do().into()),
        ];
        self.runtime
            .log_with(&facts, format_args!("{}", alarm.says()));
        self.storage.atomically(|| {
            let now_ms = self.runtime.now_ms();
            if store::alarms::raise(&self.storage, alarm.name(), subject, now_ms)? {
                let object = json!({
                    "name": alarm.name(),
                    "subject": subject,
                    "says": alarm.says(),
                    "to_do": alarm.to_do(),
                    "times": 1,
                    "last_at_ms": now_ms,
                });
                self.write_event(EventType::AlarmRaised, subject, &object)?;
            }
            self.alarms_changed()
        })
    }

    /// Raises the alarms for problems that upstream's answers have shown since
    /// the last call.
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
