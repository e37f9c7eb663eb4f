//! `POST /notify/v2/{merchant}`: WeChat's notices (seed 002, section 9.7).
//!
//! The signature is verified over the document before anything in it is used,
//! with the merchant's own key and sign type (checklist G3); then the book
//! compares and writes; only then is the notice acknowledged. Whatever is not
//! believed is counted under a name of its own, probes like any other
//! (checklist G5), and WeChat is told to send it again.

use crate::Gateway;
use crate::book::{Call, Verdict};
use crate::error::{ApiError, Code};
use crate::http::answer;
use crate::world::{Request, Response, World};
use wechatpay::v2::notify::{ACK_OK, Notice, NoticeError, ack_fail};

impl<W: World> Gateway<W> {
    pub(crate) async fn notice(&self, request: &Request, id: &str) -> Result<Response, ApiError> {
        let known = self
            .directory
            .by_id(&self.world, &self.config, id)
            .await?
            .ok_or_else(|| ApiError::of(Code::MerchantNotFound))?;
        let key = &known.credentials.api_key;
        let notice = Notice::read(request.body(), key, known.merchant.sign_type);
        let verdict: Verdict = match notice {
            Ok(notice) => {
                // Verified text is UTF-8, so nothing is lost here.
                let xml = String::from_utf8_lossy(request.body()).into_owned();
                let call = Call::Noticed {
                    payment: Box::new(notice.payment),
                    xml,
                };
                self.book(id, call).await?
            }
            Err(error) => {
                self.world.log(format_args!("notice for {id}: {error}"));
                let name = name_of(&error).to_owned();
                let _: Verdict = self.book(id, Call::NoticeRefused(name)).await?;
                // Verified, and it says that nothing was paid: there is
                // nothing to send again.
                if matches!(error, NoticeError::ResultFail { .. }) {
                    return Ok(xml(200, ACK_OK.to_owned()));
                }
                return Ok(xml(400, ack_fail(sentence_for(&error))));
            }
        };
        Ok(if verdict.acknowledges() {
            xml(200, ACK_OK.to_owned())
        } else {
            xml(409, ack_fail("not accepted"))
        })
    }
}

fn xml(status: u16, body: String) -> Response {
    answer(status, "text/xml; charset=utf-8", body)
}

/// What the sender is told: no more than a forger knows already.
const fn sentence_for(error: &NoticeError) -> &'static str {
    match error {
        NoticeError::Xml(_) | NoticeError::Field(_) => "Parameter format checking error",
        NoticeError::ReturnCodeFail { .. } | NoticeError::ResultFail { .. } => "nothing was paid",
        NoticeError::NotSigned | NoticeError::WrongSignType | NoticeError::BadSignature => {
            "Signature failure"
        }
    }
}

/// The counter of a notice that was not believed.
const fn name_of(error: &NoticeError) -> &'static str {
    match error {
        NoticeError::Xml(_) => "notice_not_xml",
        NoticeError::ReturnCodeFail { .. } => "notice_without_payment",
        NoticeError::NotSigned => "notice_not_signed",
        NoticeError::WrongSignType => "notice_wrong_sign_type",
        NoticeError::BadSignature => "notice_bad_signature",
        NoticeError::ResultFail { .. } => "notice_payment_failed",
        NoticeError::Field(_) => "notice_bad_field",
    }
}
