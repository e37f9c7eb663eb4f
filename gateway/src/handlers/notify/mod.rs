//! `POST /notify/{dialect}/{merchant}`: notices that an upstream sends.
//!
//! ```text
//! bytes ─▶ addressee ─▶ verify, with the merchant's keys ─▶ the merchant's book
//!              │             │                                 └─▶ acknowledgement
//!              └─▶ 404       └─▶ count_rejected ─▶ 400 or 401
//! ```
//!
//! The signature is verified over the bytes before anything in them is used,
//! with the merchant's own keys (checklist G3); then the book compares and
//! writes; only then is the notice acknowledged. A notice that fails
//! verification is counted under the name of its reason, as probes are
//! (checklist G5), and the answer makes the sender repeat it. The log contains
//! only that name: an error's text may repeat unsigned text, such as personal
//! data.

pub mod ionline;
pub mod v2;
pub mod v3;

use crate::book::{Verdict, command};
use crate::http::error::{ApiError, Code};
use crate::merchants::directory::MerchantContext;
use crate::merchants::merchant::Dialect;
use crate::observe::Log;
use crate::observe::labels::Rejection;
use crate::runtime::Runtime;
use crate::services::Services;
use order::{OutTradeNo, Payment};
use std::collections::BTreeMap;
use std::rc::Rc;

/// The merchant that the address names.
async fn addressee<R: Runtime>(
    cx: &Services<R>,
    id: &str,
    speaks: impl FnOnce(&Dialect) -> bool,
) -> Result<Rc<MerchantContext>, ApiError> {
    let context = cx
        .directory
        .by_id(&cx.runtime, &cx.config.master_key, id)
        .await?;
    context
        .filter(|context| speaks(&context.merchant.dialect))
        .ok_or_else(|| ApiError::of(Code::MerchantNotFound))
}

/// Sends a verified payment to a merchant's book. `xml` is the document to
/// forward, where it was received in the form that merchants know.
async fn report_payment<R: Runtime>(
    cx: &Services<R>,
    id: &str,
    payment: Payment,
    xml: Option<String>,
) -> Result<Verdict, ApiError> {
    let payment = Box::new(payment);
    cx.book(id, command::Noticed { payment, xml }).await
}

/// Handles a notice whose signature is valid for another document too. It is
/// rejected, and the order that it names is queried at WeChat: the answer
/// reports a real payment.
async fn query_named_order<R: Runtime>(
    cx: &Services<R>,
    id: &str,
    out_trade_no: Option<&str>,
) -> Result<Verdict, ApiError> {
    count_rejected(cx, id, Rejection::Ambiguous).await;
    match out_trade_no.map(OutTradeNo::new) {
        Some(Ok(number)) => cx.book(id, command::Hinted(number)).await,
        _ => Ok(Verdict::Refused(Rejection::Ambiguous)),
    }
}

/// Counts a rejected notice. The merchant's book gets the counts at intervals,
/// and each report is logged: a flood of rejected notices does not reach it.
async fn count_rejected<R: Runtime>(cx: &Services<R>, id: &str, rejection: Rejection) {
    let Some(counts) = cx.refusals.add(id, rejection, cx.runtime.now_ms()) else {
        return;
    };
    cx.runtime
        .log(format_args!("notice for {id}: {}", rejection.name()));
    report_refusals(cx, id, counts).await;
}

/// Reports to one book the rejected notices that were not reported at once, so
/// that the last ones of a series are counted too. Called for every request; a
/// book gets a report every ten seconds at most.
pub async fn report_waiting_refusals<R: Runtime>(cx: &Services<R>) {
    if let Some((id, counts)) = cx.refusals.take_due(cx.runtime.now_ms()) {
        report_refusals(cx, &id, counts).await;
    }
}

async fn report_refusals<R: Runtime>(cx: &Services<R>, id: &str, counts: BTreeMap<Rejection, i64>) {
    let by_name = counts.iter().map(|(of, n)| (of.name().to_owned(), *n));
    let call = command::NoticesRefused(by_name.collect());
    let reported: Result<(), ApiError> = cx.book(id, call).await;
    if let Err(error) = reported {
        error.log_cause(&cx.runtime);
        cx.refusals.put_back(id, counts);
    }
}
