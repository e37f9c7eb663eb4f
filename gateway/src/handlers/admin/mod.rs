//! `/admin/…` and `/metrics`: the operator's calls, with `ADMIN_TOKEN`.
//! `alarms.rs` and `metrics.rs` read from the board and wake no book.

pub mod alarms;
pub mod merchants;
pub mod metrics;
pub mod orders;
pub mod transfer;

use crate::http::error::ApiError;
use crate::reports::{SumUp, Totals};
use crate::runtime::Runtime;
use crate::services::Services;

async fn totals<R: Runtime>(cx: &Services<R>) -> Result<Totals, ApiError> {
    cx.board(SumUp).await
}
