//! `POST /notify/v2/{merchant}`: notices of WeChat Pay v2 (WeChat Pay v2
//! manual, section 9.7), signed inside the document.

use super::{addressee, count_rejected, query_named_order, report_payment};
use crate::book::{Prepaid, Verdict, command};
use crate::http::error::{ApiError, Code};
use crate::http::message::answer;
use crate::merchants::merchant::Dialect;
use crate::observe::labels::Rejection;
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use order::OutTradeNo;
use wechatpay::common::Text;
use wechatpay::v2::notify::{ACK_OK, Notice, NoticeError, ack_fail};
use wechatpay::v2::{native, refund_notify};

pub async fn notice<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    let context = addressee(cx, id, Dialect::is_v2).await?;
    let (notice, _) = context.credentials.read_with_api_keys(
        cx.runtime.now_ms(),
        |error| matches!(error, NoticeError::BadSignature),
        |key| Notice::read(request.body(), key, context.merchant.sign_type),
    );
    let verdict: Verdict = match notice {
        Ok(notice) => {
            // Verified text is UTF-8, so nothing is lost here.
            let xml = String::from_utf8_lossy(request.body()).into_owned();
            report_payment(cx, id, notice.payment, Some(xml)).await?
        }
        Err(NoticeError::Ambiguous { out_trade_no }) => {
            query_named_order(cx, id, out_trade_no.as_deref()).await?
        }
        Err(error) => {
            count_rejected(cx, id, rejection_of(&error)).await;
            // Verified, and it reports that nothing was paid: it need not be
            // sent again.
            if matches!(error, NoticeError::ResultFail { .. }) {
                return Ok(xml(200, ACK_OK.to_owned()));
            }
            return Ok(xml(400, ack_fail(sentence_for(&error))));
        }
    };
    Ok(acknowledgement(&verdict))
}

/// `POST /notify/v2/{merchant}/refund` (`req_info`). Its content is encrypted
/// under the merchant's key and not signed: the book queries WeChat before
/// anything changes.
pub async fn refund_notice<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    let context = addressee(cx, id, Dialect::is_v2).await?;
    let (notice, _) = context.credentials.read_with_api_keys(
        cx.runtime.now_ms(),
        |_| true,
        |key| refund_notify::Notice::read(request.body(), key),
    );
    let refund = match notice {
        Ok(notice) => Ok(notice.refund),
        Err(error) => Err(rejection_of_refund(&error)),
    };
    let named = refund.and_then(|refund| {
        let number = OutTradeNo::new(&refund.out_trade_no);
        number
            .map(|number| (number, refund.out_refund_no))
            .map_err(|_| Rejection::RefundBadField)
    });
    let (out_trade_no, out_refund_no) = match named {
        Ok(named) => named,
        Err(rejection) => {
            count_rejected(cx, id, rejection).await;
            return Ok(xml(400, ack_fail("Parameter format checking error")));
        }
    };
    let call = command::RefundNoticed {
        out_trade_no,
        out_refund_no,
    };
    let verdict: Verdict = cx.book(id, call).await?;
    Ok(acknowledgement(&verdict))
}

/// `POST /notify/v2/{merchant}/native`: a payer has scanned a product's code
/// (Native mode 1). The answer is the order to pay, signed; or the reason why
/// there is none, in a sentence that WeChat shows to the payer.
pub async fn product_callback<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    let context = addressee(cx, id, Dialect::is_v2).await?;
    let merchant = &context.merchant;
    // The answer is signed with the key that the request was signed with.
    let (callback, key) = context.credentials.read_with_api_keys(
        cx.runtime.now_ms(),
        |_| true,
        |key| native::Callback::read(request.body(), key, merchant.sign_type),
    );
    let callback = match callback {
        Ok(callback) => callback,
        Err(error) => {
            count_rejected(cx, id, rejection_of_callback(&error)).await;
            return Ok(xml(400, ack_fail("Signature failure")));
        }
    };
    let ours = &merchant.account;
    let nonce = cx.random_text(32);
    let same = (&callback.account.appid, &callback.account.mch_id) == (&ours.appid, &ours.mch_id);
    let call = command::ProductScanned(callback.product_id.as_str().to_owned());
    let prepaid: Result<Prepaid, ApiError> = match same {
        true => cx.book(id, call).await,
        false => Err(ApiError::of(Code::ProductNotFound)),
    };
    let fields = prepaid
        .inspect_err(|error| error.log_as(&cx.runtime, "no order for a scanned product"))
        .ok()
        .and_then(|prepaid| Text::new("prepay_id", &prepaid.prepayment.prepay_id).ok())
        .map(|prepay_id| native::Answer { prepay_id }.to_fields(ours, &nonce));
    let fields = match fields {
        Some(fields) => fields,
        None => {
            let sorry = Text::new("err_code_des", "This cannot be sold now. 暂时无法购买")
                .map_err(ApiError::internal)?;
            native::refusal(ours, &nonce, &sorry)
        }
    };
    Ok(xml(200, fields.sealed(key, merchant.sign_type).to_xml()))
}

fn acknowledgement(verdict: &Verdict) -> Response {
    match verdict.acknowledges() {
        true => xml(200, ACK_OK.to_owned()),
        false => xml(409, ack_fail("not accepted")),
    }
}

fn xml(status: u16, body: String) -> Response {
    answer(status, "text/xml; charset=utf-8", body)
}

/// The sentence for the sender, which reveals nothing that a forger does not
/// know.
const fn sentence_for(error: &NoticeError) -> &'static str {
    match error {
        NoticeError::Xml(_) | NoticeError::Field(_) | NoticeError::Ambiguous { .. } => {
            "Parameter format checking error"
        }
        NoticeError::ReturnCodeFail { .. } | NoticeError::ResultFail { .. } => "nothing was paid",
        NoticeError::NotSigned | NoticeError::WrongSignType | NoticeError::BadSignature => {
            "Signature failure"
        }
    }
}

/// Why a notice is rejected.
const fn rejection_of(error: &NoticeError) -> Rejection {
    match error {
        NoticeError::Xml(_) => Rejection::NotXml,
        NoticeError::ReturnCodeFail { .. } => Rejection::WithoutPayment,
        NoticeError::NotSigned => Rejection::NotSigned,
        NoticeError::WrongSignType => Rejection::WrongSignType,
        NoticeError::BadSignature => Rejection::BadSignature,
        NoticeError::ResultFail { .. } => Rejection::PaymentFailed,
        NoticeError::Ambiguous { .. } => Rejection::Ambiguous,
        NoticeError::Field(_) => Rejection::BadField,
    }
}

const fn rejection_of_refund(error: &refund_notify::NoticeError) -> Rejection {
    match error {
        refund_notify::NoticeError::Xml(_) => Rejection::RefundNotXml,
        refund_notify::NoticeError::ReturnCodeFail { .. } => Rejection::RefundWithoutRefund,
        refund_notify::NoticeError::Sealed => Rejection::RefundUnverified,
        refund_notify::NoticeError::Field(_) => Rejection::RefundBadField,
    }
}

const fn rejection_of_callback(error: &native::CallbackError) -> Rejection {
    match error {
        native::CallbackError::Xml(_) => Rejection::ProductNotXml,
        native::CallbackError::Unverifiable(_) => Rejection::ProductUnverified,
        native::CallbackError::Field(_) => Rejection::ProductBadField,
    }
}
