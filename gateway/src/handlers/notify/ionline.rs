//! `POST /notify/ionline/{merchant}`: notices of iOnline Pay (iOnline
//! description): XML, signed inside the document, acknowledged with one word.

use super::{addressee, count_rejected, query_named_order, report_payment};
use crate::book::Verdict;
use crate::http::error::ApiError;
use crate::http::message::answer;
use crate::merchants::merchant::Dialect;
use crate::observe::labels::Rejection;
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use wechatpay::ionline::Merchant;
use wechatpay::ionline::notify::{ACK_OK, Notice, NoticeError};

pub async fn ionline_notice<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    let context = addressee(cx, id, Dialect::is_ionline).await?;
    let merchant = Merchant {
        account: &context.merchant.account,
        currency: context.merchant.currency,
    };
    let (notice, _) = context.credentials.read_with_api_keys(
        cx.runtime.now_ms(),
        |error| matches!(error, NoticeError::BadSignature),
        |key| Notice::read(request.body(), merchant, key),
    );
    match notice {
        Ok(notice) => {
            let verdict = report_payment(cx, id, notice.payment, None).await?;
            Ok(acknowledgement(&verdict))
        }
        Err(NoticeError::Ambiguous { out_trade_no }) => {
            let verdict = query_named_order(cx, id, out_trade_no.as_deref()).await?;
            Ok(acknowledgement(&verdict))
        }
        Err(error) => {
            count_rejected(cx, id, rejection_of(&error)).await;
            // Verified, and it reports that nothing was paid: it need not be
            // sent again.
            Ok(match error {
                NoticeError::ResultFail { .. } => text(200, ACK_OK),
                _ => text(400, "fail"),
            })
        }
    }
}

fn acknowledgement(verdict: &Verdict) -> Response {
    match verdict.acknowledges() {
        true => text(200, ACK_OK),
        false => text(409, "fail"),
    }
}

fn text(status: u16, body: &'static str) -> Response {
    answer(status, "text/plain; charset=utf-8", body)
}

/// Why a notice is rejected.
const fn rejection_of(error: &NoticeError) -> Rejection {
    match error {
        NoticeError::Xml(_) => Rejection::NotXml,
        NoticeError::StatusFail { .. } => Rejection::WithoutPayment,
        NoticeError::ResultFail { .. } => Rejection::PaymentFailed,
        NoticeError::NotSigned => Rejection::NotSigned,
        NoticeError::WrongSignType => Rejection::WrongSignType,
        NoticeError::BadSignature => Rejection::BadSignature,
        NoticeError::Ambiguous { .. } => Rejection::Ambiguous,
        NoticeError::Field(_) => Rejection::BadField,
    }
}
