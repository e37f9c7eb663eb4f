//! What the book reports to the [board](crate::board), and when.

use super::store::alarms::StoredAlarm;
use super::store::facts::Fact;
use super::{Book, Report, store};
use crate::http::error::ApiError;
use crate::observe::alarm::Alarm;
use crate::observe::{Log, with_earlier_names};
use crate::reports::{self, AGAIN_MS, APART_MS, Command as _, Numbers, PATIENCE_MS, Raised};
use crate::runtime::{Object, Runtime, Storage, StorageError};
use futures_util::future::{Either, select};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::pin::pin;

/// A timer that is earlier than the reported one by this is reported at once.
const EARLIER_MS: i64 = 60_000;

/// The state of the reports to the board. It is stored in `facts`, so that a
/// due report survives a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reporting {
    /// When the next report is due; `None` while nothing has changed.
    pub at_ms: Option<i64>,
    /// When the board accepted the last report, and the earliest timer in it.
    taken_at_ms: i64,
    due_ms: Option<i64>,
}

impl<R: Runtime, S: Storage> Book<R, S> {
    pub(super) fn read_reporting(storage: &S) -> Result<Reporting, StorageError> {
        let text = store::facts::get(storage, Fact::Reporting)?;
        // A value that cannot be read is replaced by a new one.
        Ok(text
            .and_then(|text| serde_json::from_slice(text.as_bytes()).ok())
            .unwrap_or_default())
    }

    fn write_reporting(&self, reporting: Reporting) -> Result<(), StorageError> {
        let json = super::write_stored("reporting", &reporting)?;
        store::facts::set(&self.storage, Fact::Reporting, &json)?;
        self.reporting.set(reporting);
        Ok(())
    }

    /// Schedules a report for now, because alarms have changed.
    pub(super) fn alarms_changed(&self) -> Result<(), StorageError> {
        self.want_report(self.runtime.now_ms())
    }

    /// Schedules a report, because numbers have changed: at the earliest some
    /// time after the last.
    pub(super) fn numbers_changed(&self) -> Result<(), StorageError> {
        let now_ms = self.runtime.now_ms();
        let taken_at_ms = self.reporting.get().taken_at_ms.min(now_ms);
        self.want_report((taken_at_ms + APART_MS).max(now_ms))
    }

    /// Schedules a report if the earliest timer has changed: the board has to
    /// know it before it is due, because the book's alarm may be lost.
    pub(super) fn timer_changed(&self, due_ms: Option<i64>) -> Result<(), StorageError> {
        let now_ms = self.runtime.now_ms();
        let reporting = self.reporting.get();
        // A report that is in flight or about to be sent contains it.
        if reporting
            .at_ms
            .is_some_and(|at_ms| at_ms <= now_ms + AGAIN_MS)
        {
            return Ok(());
        }
        match (due_ms, reporting.due_ms) {
            (Some(due_ms), Some(reported_ms)) if due_ms < reported_ms - EARLIER_MS => {
                self.want_report(now_ms)
            }
            (Some(_), None) => self.want_report(now_ms),
            (_, Some(reported_ms)) if reported_ms <= now_ms => self.numbers_changed(),
            _ => Ok(()),
        }
    }

    fn want_report(&self, at_ms: i64) -> Result<(), StorageError> {
        self.changes.set(self.changes.get().wrapping_add(1));
        let reporting = self.reporting.get();
        if reporting.at_ms.is_some_and(|earlier| earlier <= at_ms) {
            return Ok(());
        }
        self.write_reporting(Reporting {
            at_ms: Some(at_ms),
            ..reporting
        })
    }

    /// Sends a report if one is due. The timer repeats a report that fails; the
    /// call that the book is answering never fails because of it.
    pub(super) async fn report_to_board(&self, merchant: Option<&str>) {
        let now_ms = self.runtime.now_ms();
        if self
            .reporting
            .get()
            .at_ms
            .is_none_or(|at_ms| at_ms > now_ms)
        {
            return;
        }
        // Boxed: otherwise every call of a book would be larger for the few
        // that report.
        if let Err(error) = Box::pin(self.send_report(merchant)).await {
            error.log_cause(&self.runtime);
            let reporting = self.reporting.get();
            if reporting.at_ms.is_some_and(|at_ms| at_ms <= now_ms) {
                // The database refused before the report was moved on.
                self.reporting.set(Reporting {
                    at_ms: Some(now_ms + AGAIN_MS),
                    ..reporting
                });
            }
            // There may be no later call that sends it.
            if let Err(error) = self.arm_for_report() {
                self.runtime.log(format_args!("report: {error}"));
                self.arm_now();
            }
        }
    }

    async fn send_report(&self, merchant: Option<&str>) -> Result<(), ApiError> {
        let now_ms = self.runtime.now_ms();
        let Some(merchant) = self.signed(merchant)? else {
            // No alarm can report for an unknown merchant. The next call names
            // the merchant, and reports what has changed by then.
            return Ok(self.write_reporting(Reporting {
                at_ms: None,
                ..self.reporting.get()
            })?);
        };
        // Moved on before it is sent, like every timer: after a crash it is
        // sent again.
        let again = Reporting {
            at_ms: Some(now_ms + AGAIN_MS),
            ..self.reporting.get()
        };
        self.write_reporting(again)?;
        self.arm_for_report()?;
        let changes = self.changes.get();
        let due_ms = self.work_due_ms()?;
        let numbers: Numbers = self.numbers()?;
        // No two reports have the same time: the board keeps the later.
        let at_ms = now_ms.max(self.reported_at_ms.get() + 1);
        self.reported_at_ms.set(at_ms);
        let report = Box::new(reports::Report {
            merchant,
            at_ms,
            due_ms,
            numbers,
        });
        let body = serde_json::to_vec(&report.into_call()).map_err(ApiError::internal)?;
        let call = pin!(self.runtime.call(Object::Board, body));
        let answer = match select(call, pin!(self.runtime.sleep(PATIENCE_MS))).await {
            Either::Left((answer, _)) => answer?,
            Either::Right(_) => return Err(ApiError::internal("the board did not answer")),
        };
        let answer: reports::Answer = serde_json::from_slice(&answer)
            .map_err(|error| ApiError::unreadable("answer of the board", &error))?;
        <Box<reports::Report>>::reply(answer)
            .ok_or_else(|| ApiError::internal("the board did not take the report"))?;
        let reporting = self.reporting.get();
        let is_new = changes != self.changes.get();
        let at_ms = match reporting.at_ms {
            at_ms if at_ms != again.at_ms => at_ms,
            // Something changed while the report was in flight.
            _ if is_new => Some(now_ms + APART_MS),
            _ => None,
        };
        self.write_reporting(Reporting {
            at_ms,
            taken_at_ms: now_ms,
            due_ms,
        })?;
        if self.armed_at_ms.get() == again.at_ms {
            self.arm()?;
        }
        Ok(())
    }

    /// The id of the merchant that this book belongs to. An id that a caller
    /// gives is stored once that merchant is known to exist.
    fn signed(&self, merchant: Option<&str>) -> Result<Option<String>, StorageError> {
        if let Some(merchant) = merchant {
            store::facts::set_once(&self.storage, Fact::Merchant, merchant)?;
        }
        self.merchant_id()
    }

    pub(super) fn report(&self) -> Result<Report, StorageError> {
        let unmatched = store::unmatched::list(&self.storage)?
            .iter()
            // An unreadable row does not hide the others.
            .filter_map(|stored| self.read_row("stray", &stored.number, &stored.json).ok())
            .collect();
        Ok(Report {
            counters: self.counters()?,
            alarms: self.alarms()?,
            unmatched,
            deliveries: self.deliveries(None)?,
        })
    }

    pub(super) fn numbers(&self) -> Result<Numbers, StorageError> {
        Ok(Numbers {
            counters: self.counters()?,
            orders_waiting: store::orders::count_waiting(&self.storage)?,
            deliveries_waiting: store::deliveries::count_waiting(&self.storage)?
                + store::event_deliveries::count_waiting(&self.storage)?,
            overdue_ms: self
                .next_due_ms()?
                .map_or(0, |due_ms| (self.runtime.now_ms() - due_ms).max(0)),
            storage_bytes: self.storage.size_bytes(),
            alarms: self.alarms()?,
            standing: store::alarms::count_by_name(&self.storage)?,
        })
    }

    pub(super) fn counters(&self) -> Result<BTreeMap<String, i64>, StorageError> {
        let counts = self.counters.take(self.runtime.now_ms());
        store::counters::add(&self.storage, &counts)?;
        store::counters::read(&self.storage).map(with_earlier_names)
    }

    /// The latest hundred open alarms.
    pub(super) fn alarms(&self) -> Result<Vec<Raised>, StorageError> {
        let raised = |stored: StoredAlarm| {
            let alarm = Alarm::named(&stored.name);
            Raised {
                says: alarm.map_or_else(|| stored.name.clone(), |alarm| alarm.says().to_owned()),
                to_do: alarm.map(Alarm::to_do).unwrap_or_default().to_owned(),
                name: stored.name,
                subject: stored.subject,
                times: stored.times,
                last_at_ms: stored.last_at_ms,
            }
        };
        let latest = store::alarms::latest(&self.storage)?;
        Ok(latest.into_iter().map(raised).collect())
    }
}
