//! The merchant's alarms: raised, ended with their cause, and settled by a
//! person. `alarm.rs` has their names and texts.

use super::{Book, Settled};
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
            let gone = self.storage.exec(
                "DELETE FROM alarms WHERE name = ? AND subject = ? RETURNING times",
                &[name.as_str().into(), subject.as_str().into()],
            )?;
            if gone.is_empty() {
                return Ok(false);
            }
            self.audit(subject, &format!("alarm {name} settled"), note)?;
            self.alarms_changed()?;
            Ok(true)
        })
    }

    /// Whether the alarm about this is on the list.
    pub(super) fn stands(&self, alarm: Alarm, subject: &str) -> Result<bool, StorageError> {
        let rows = self.storage.exec(
            "SELECT 1 FROM alarms WHERE name = ? AND subject = ?",
            &[alarm.name().into(), subject.into()],
        )?;
        Ok(!rows.is_empty())
    }

    /// Takes an alarm off the list, because what it was about is settled.
    pub(super) fn end_alarm(&self, alarm: Alarm, subject: &str) -> Result<(), StorageError> {
        let gone = self.storage.exec(
            "DELETE FROM alarms WHERE name = ? AND subject = ? RETURNING times",
            &[alarm.name().into(), subject.into()],
        )?;
        match gone.is_empty() {
            true => Ok(()),
            false => self.alarms_changed(),
        }
    }

    /// Calls a person.
    pub(super) fn raise(&self, alarm: Alarm, subject: &str) -> Result<(), StorageError> {
        let facts = [
            ("alarm", alarm.name().into()),
            ("about", subject.into()),
            ("to_do", alarm.to_do().into()),
        ];
        self.runtime
            .log_with(&facts, format_args!("{}", alarm.says()));
        self.storage.exec(
            "INSERT INTO alarms(name, subject, times, last_at_ms) VALUES(?1, ?2, 1, ?3)
             ON CONFLICT(name, subject) DO UPDATE SET times = times + 1, last_at_ms = ?3",
            &[
                alarm.name().into(),
                subject.into(),
                self.runtime.now_ms().into(),
            ],
        )?;
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
