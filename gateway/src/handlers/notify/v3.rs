//! `POST /notify/v3/{merchant}`: notices of WeChat Pay `APIv3` (WeChat Pay
//! APIv3 Global manual), signed in their headers and encrypted under the
//! merchant's key.
//!
//! An institution's notices go to the merchant that they name (checklist I2),
//! whichever of its merchants' addresses they were sent to.

use super::{addressee, count_rejected, report_payment};
use crate::book::{Unmatched, UnmatchedRefund, Verdict, command};
use crate::http::error::ApiError;
use crate::http::message::{answer, header_text};
use crate::merchants::directory::MerchantContext;
use crate::merchants::merchant::Dialect;
use crate::merchants::registry::command::BySubMerchant;
use crate::merchants::shards::ask;
use crate::observe::Log;
use crate::observe::alarm::Alarm;
use crate::observe::labels::Rejection;
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use crate::upstream::is_public_key_id;
use order::{OutTradeNo, Payment};
use std::rc::Rc;
use wechatpay::Secret;
use wechatpay::v3::keyring::{VerifyError, verify};
use wechatpay::v3::notify::{Envelope, Event, Hint, Notice, NoticeError, ack_fail};
use wechatpay::v3::{Signature, SignatureError, refund_notify};

pub async fn v3_notice<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    let context = addressee(cx, id, Dialect::is_v3).await?;
    let signature = match Signature::from_headers(|name| header_text(request, name)) {
        Ok(signature) => signature,
        Err(SignatureError::Missing(_)) if !has_signature(request) => {
            return answer_unsigned(cx, request, &context).await;
        }
        Err(error) => return refuse(cx, id, rejection_of_signature(error)).await,
    };
    let content = match verified_content(cx, &signature, request, &context).await {
        Ok(content) => content,
        Err(name) => {
            report_public_key(cx, &context, &signature.serial, request).await;
            return refuse(cx, id, name).await;
        }
    };
    let Some(whose) = merchant_named(cx, &context, content.merchant()).await? else {
        return unmatched(cx, &context, content).await;
    };
    if whose.merchant.id == context.merchant.id {
        return report_content(cx, &context, content).await;
    }
    // A signature under one merchant's keys proves nothing for another, whose keys
    // must verify it too.
    match verified_content(cx, &signature, request, &whose).await {
        Ok(content) => report_content(cx, &whose, content).await,
        Err(_) => refuse(cx, id, Rejection::OfAnotherMerchant).await,
    }
}

/// The notice's content, if this merchant's keys verify it; or the name
/// under which it is counted.
async fn verified_content<R: Runtime>(
    cx: &Services<R>,
    signature: &Signature,
    request: &Request,
    context: &MerchantContext,
) -> Result<NoticeContent, Rejection> {
    let upstream = cx.upstream(context);
    let keyring = upstream.keyring_for_notice(&signature.serial).await;
    let now_ms = cx.runtime.now_ms();
    let verified = verify(signature, request.body(), &keyring, now_ms, &cx.runtime)
        .await
        .map_err(|error| {
            // The counter's name does not say that WeChat's key failed here.
            if let VerifyError::Key(cause) = &error {
                cx.runtime
                    .log(format_args!("a notice was not verified: {cause}"));
            }
            rejection_of_verify(&error)
        })?;
    let wrong = |error: NoticeError| rejection_of(&error);
    let envelope = Envelope::read(verified).map_err(wrong)?;
    if envelope.event == Event::TransactionSuccess {
        let opened = opened(cx, context, |key| Notice::open(&envelope, key));
        opened.map(|notice| NoticeContent::Paid(Box::new(notice.payment)))
    } else {
        let opened = opened(cx, context, |key| {
            refund_notify::Notice::open(&envelope, key)
        });
        opened.map(|notice| NoticeContent::Refund(Box::new(notice)))
    }
    .map_err(wrong)
}

/// Raises an alarm where the notice names a public key that the merchant does
/// not have. The notice must be decrypted with the merchant's `APIv3` key,
/// because the header alone is not authenticated.
async fn report_public_key<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
    serial: &str,
    request: &Request,
) {
    let keyring = context.platform.borrow().keyring.clone();
    let held = keyring
        .public_key
        .as_ref()
        .is_some_and(|(id, _)| id == serial);
    let opens = || opened(cx, context, |key| Hint::read(request.body(), key)).is_ok();
    if !held && is_public_key_id(serial) && opens() {
        cx.report(context, Alarm::PublicKeyUnknown, serial).await;
    }
}

/// Sends the content to the merchant's book.
async fn report_content<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
    content: NoticeContent,
) -> Result<Response, ApiError> {
    let id = context.merchant.id.as_str();
    let verdict = match content {
        NoticeContent::Paid(payment) => report_payment(cx, id, *payment, None).await?,
        NoticeContent::Refund(notice) => {
            let number = notice.refund.out_trade_no.as_deref().map(OutTradeNo::new);
            let Some(Ok(number)) = number else {
                return refuse(cx, id, Rejection::BadField).await;
            };
            report_refund(cx, id, number, notice.refund.out_refund_no).await?
        }
    };
    Ok(acknowledgement(&verdict))
}

/// For an unknown sub-merchant: stores the notice and raises an alarm
/// (checklist I3).
async fn unmatched<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
    content: NoticeContent,
) -> Result<Response, ApiError> {
    let id = context.merchant.id.as_str();
    let unmatched = match content {
        NoticeContent::Paid(payment) => Unmatched::Payment(payment),
        NoticeContent::Refund(notice) => Unmatched::Refund(UnmatchedRefund {
            mch_id: notice.merchant.mch_id,
            sub_mch_id: notice.merchant.sub_mch_id,
            out_trade_no: notice.refund.out_trade_no,
            out_refund_no: notice.refund.out_refund_no,
            refund_id: notice.refund.refund_id,
            money: notice.refund.money,
        }),
    };
    let verdict: Verdict = cx.book(id, command::Stray(unmatched)).await?;
    Ok(acknowledgement(&verdict))
}

/// Decrypts a resource with the merchant's `APIv3` key, or with the previous one.
fn opened<R: Runtime, T>(
    cx: &Services<R>,
    context: &MerchantContext,
    open: impl Fn(&Secret) -> Result<T, NoticeError>,
) -> Result<T, NoticeError> {
    let (opened, _) = context.credentials.read_with_api_keys(
        cx.runtime.now_ms(),
        |error| matches!(error, NoticeError::Sealed(_)),
        open,
    );
    opened
}

/// The merchant that the notice names. A notice with another `sp_mchid` is left
/// to the addressee's book, which refuses it (checklist I1).
async fn merchant_named<R: Runtime>(
    cx: &Services<R>,
    context: &Rc<MerchantContext>,
    (mch_id, sub_mch_id): (&str, Option<&str>),
) -> Result<Option<Rc<MerchantContext>>, ApiError> {
    let ours = &context.merchant.account;
    let Some(sub_mch_id) = sub_mch_id.filter(|sub| {
        ours.mch_id == mch_id && ours.sub_mch_id.as_deref().is_some_and(|ours| ours != *sub)
    }) else {
        return Ok(Some(context.clone()));
    };
    let named = BySubMerchant {
        mch_id: mch_id.to_owned(),
        sub_mch_id: sub_mch_id.to_owned(),
    };
    // If it cannot be looked up now, WeChat repeats the notice.
    match ask(&cx.runtime, named).await? {
        Some(found) => addressee(cx, &found.merchant.id, Dialect::is_v3)
            .await
            .map(Some),
        None => Ok(None),
    }
}

/// Some networks drop the headers that carry the signature. If the merchant's
/// key decrypts the notice, WeChat is queried.
async fn answer_unsigned<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    context: &MerchantContext,
) -> Result<Response, ApiError> {
    let id = context.merchant.id.as_str();
    let hint = match opened(cx, context, |key| Hint::read(request.body(), key)) {
        Ok(hint) => hint,
        Err(_) => return refuse(cx, id, Rejection::NotSigned).await,
    };
    let ours = &context.merchant.account;
    if hint.merchant.first_difference(ours).is_some() {
        return refuse(cx, id, Rejection::OfAnotherMerchant).await;
    }
    let verdict = match hint.out_refund_no {
        Some(number) => report_refund(cx, id, hint.out_trade_no, number).await?,
        None => cx.book(id, command::Hinted(hint.out_trade_no)).await?,
    };
    Ok(acknowledgement(&verdict))
}

async fn report_refund<R: Runtime>(
    cx: &Services<R>,
    id: &str,
    out_trade_no: OutTradeNo,
    out_refund_no: String,
) -> Result<Verdict, ApiError> {
    let call = command::RefundNoticed {
        out_trade_no,
        out_refund_no,
    };
    cx.book(id, call).await
}

async fn refuse<R: Runtime>(
    cx: &Services<R>,
    id: &str,
    rejection: Rejection,
) -> Result<Response, ApiError> {
    count_rejected(cx, id, rejection).await;
    let (status, message) = answer_to(rejection);
    Ok(answer(status, "application/json", ack_fail(message)))
}

/// The status and the message of the answer to a rejected notice.
const fn answer_to(rejection: Rejection) -> (u16, &'static str) {
    match rejection {
        Rejection::BadField | Rejection::UnknownEvent => (400, "not understood"),
        Rejection::NotOpened => (400, "not opened"),
        _ => (401, "signature failure"),
    }
}

/// The decrypted content of a notice.
enum NoticeContent {
    Paid(Box<Payment>),
    Refund(Box<refund_notify::Notice>),
}

impl NoticeContent {
    /// The merchant id and the sub-merchant's id.
    fn merchant(&self) -> (&str, Option<&str>) {
        match self {
            Self::Paid(payment) => {
                let account = &payment.account;
                (&account.mch_id, account.sub_mch_id.as_deref())
            }
            Self::Refund(notice) => {
                let merchant = &notice.merchant;
                (&merchant.mch_id, merchant.sub_mch_id.as_deref())
            }
        }
    }
}

fn acknowledgement(verdict: &Verdict) -> Response {
    match verdict.acknowledges() {
        true => answer(204, "application/json", ""),
        false => answer(409, "application/json", ack_fail("not accepted")),
    }
}

/// Whether any of the four headers is there.
fn has_signature(request: &Request) -> bool {
    ["timestamp", "nonce", "serial", "signature"]
        .iter()
        .any(|name| request.headers().contains_key(format!("wechatpay-{name}")))
}

const fn rejection_of_signature(error: SignatureError) -> Rejection {
    match error {
        SignatureError::Missing(_) => Rejection::NotSigned,
        SignatureError::Timestamp | SignatureError::NotBase64 => Rejection::BadSignature,
        SignatureError::Probe => Rejection::Probe,
    }
}

const fn rejection_of_verify(error: &VerifyError) -> Rejection {
    match error {
        VerifyError::Stale => Rejection::Stale,
        VerifyError::UnknownSerial(_) => Rejection::UnknownSerial,
        VerifyError::CertificateExpired | VerifyError::CertificateNotYetValid => {
            Rejection::ExpiredCertificate
        }
        VerifyError::BadSignature | VerifyError::Key(_) => Rejection::BadSignature,
    }
}

const fn rejection_of(error: &NoticeError) -> Rejection {
    match error {
        NoticeError::Json(_) | NoticeError::Field(_) => Rejection::BadField,
        NoticeError::UnknownEvent(_) | NoticeError::OtherEvent(_) => Rejection::UnknownEvent,
        NoticeError::Sealed(_) => Rejection::NotOpened,
    }
}
