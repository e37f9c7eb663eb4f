//! Observation for the operator: log lines with their request, the audit,
//! alarms and counters.

pub mod alarm;
pub(crate) mod audit;
pub(crate) mod context;
pub(crate) mod counters;
pub mod labels;
pub(crate) mod refused_notices;

pub(crate) use self::context::answer_bytes;
pub use self::context::{Actor, Log, REQUEST_ID, RequestContext, set_actor, without_addresses};
pub use self::counters::{Counter, Counters, with_earlier_names};
