//! `POST /notify/v3/{merchant}`: notices of WeChat Pay `APIv3` (seed 003),
//! signed in their headers and encrypted under the merchant's key.
//!
//! An institution's notices go to the merchant that they name (checklist I2),
//! whichever of its merchants' addresses they were sent to.

use crate::Gateway;
use crate::book::{Call, Verdict};
use crate::directory::{Known, ask};
use crate::error::ApiError;
use crate::http::{answer, header_text};
use crate::registry::{self, Answer};
use crate::world::{Request, Response, World};
use order::{OutTradeNo, Payment};
use wechatpay::Secret;
use wechatpay::v3::keyring::{VerifyError, verify};
use wechatpay::v3::notify::{Envelope, Event, Hint, Notice, NoticeError, ack_fail};
use wechatpay::v3::{Signature, SignatureError, Verified, refund_notify};

impl<W: World> Gateway<W> {
    pub(crate) async fn v3_notice(
        &self,
        request: &Request,
        id: &str,
    ) -> Result<Response, ApiError> {
        let known = self.addressee(id, "v3").await?;
        let signature = match Signature::from_headers(|name| header_text(request, name)) {
            Ok(signature) => signature,
            Err(SignatureError::Missing(_)) if !has_signature(request) => {
                return self.unsigned(request, &known).await;
            }
            Err(error) => return self.refuse(id, name_of_signature(error), &error).await,
        };
        let upstream = self.upstream(&known);
        let keyring = upstream.keyring(Some(&signature.serial)).await;
        let now_ms = self.world.now_ms();
        let body = request.body();
        match verify(&signature, body, &keyring, now_ms, &self.world).await {
            Ok(verified) => self.verified(verified, &known).await,
            Err(error) => self.refuse(id, name_of_verify(&error), &error).await,
        }
    }

    async fn verified(&self, verified: Verified<'_>, known: &Known) -> Result<Response, ApiError> {
        let id = known.merchant.id.as_str();
        let envelope = match Envelope::read(verified) {
            Ok(envelope) => envelope,
            Err(error) => return self.refuse(id, name_of(&error), &error).await,
        };
        let verdict = if envelope.event == Event::TransactionSuccess {
            match self.opened(known, |key| Notice::open(&envelope, key)) {
                Ok(notice) => self.paid(known, notice.payment).await?,
                Err(error) => return self.refuse(id, name_of(&error), &error).await,
            }
        } else {
            match self.opened(known, |key| refund_notify::Notice::open(&envelope, key)) {
                Ok(notice) => {
                    let sub_mch_id = notice.merchant.sub_mch_id.as_deref();
                    let of = self.merchant_of_sub(known, &notice.merchant.mch_id, sub_mch_id);
                    match (
                        of.await?,
                        notice.refund.out_trade_no.as_deref().map(OutTradeNo::new),
                    ) {
                        (Some(of), Some(Ok(number))) => {
                            let out_refund_no = notice.refund.out_refund_no;
                            self.refund_told(&of, number, out_refund_no).await?
                        }
                        _ => Verdict::Refused("refund_notice_of_a_stranger".to_owned()),
                    }
                }
                Err(error) => return self.refuse(id, name_of(&error), &error).await,
            }
        };
        Ok(acknowledgement(&verdict))
    }

    /// Opens a resource under the merchant's key, or the one before it.
    fn opened<T>(
        &self,
        known: &Known,
        open: impl Fn(&Secret) -> Result<T, NoticeError>,
    ) -> Result<T, NoticeError> {
        let credentials = &known.credentials;
        let previous = credentials.previous_api_key(self.world.now_ms());
        match (open(&credentials.api_key), previous) {
            (Err(NoticeError::Sealed(_)), Some(previous)) => open(previous),
            (opened, _) => opened,
        }
    }

    /// A payment for the merchant, or for another of the same institution. One
    /// for nobody that is known is written down, and calls a person (checklist
    /// I3).
    async fn paid(&self, known: &Known, payment: Payment) -> Result<Verdict, ApiError> {
        let account = &payment.account;
        let sub_mch_id = account.sub_mch_id.as_deref();
        match self
            .merchant_of_sub(known, &account.mch_id, sub_mch_id)
            .await?
        {
            Some(id) => self.noticed(&id, payment, None).await,
            None => {
                let call = Call::Stray(Box::new(payment));
                self.book(&known.merchant.id, call).await
            }
        }
    }

    /// Whose a notice is that says it is this sub-merchant's. A notice with
    /// another `sp_mchid` is left to the addressee's book, which refuses it
    /// (checklist I1).
    async fn merchant_of_sub(
        &self,
        known: &Known,
        mch_id: &str,
        sub_mch_id: Option<&str>,
    ) -> Result<Option<String>, ApiError> {
        let ours = &known.merchant.account;
        let Some(sub_mch_id) = sub_mch_id.filter(|sub| {
            ours.mch_id == mch_id && ours.sub_mch_id.as_deref().is_some_and(|ours| ours != *sub)
        }) else {
            return Ok(Some(known.merchant.id.clone()));
        };
        let call = registry::Call::BySubMerchant {
            mch_id: mch_id.to_owned(),
            sub_mch_id: sub_mch_id.to_owned(),
        };
        Ok(match ask(&self.world, &call).await? {
            Answer::Found(found) => Some(found.merchant.id),
            _ => None,
        })
    }

    /// Some networks drop the headers that carry the signature. What is left
    /// opens with the merchant's key or not; if it does, WeChat is asked.
    async fn unsigned(&self, request: &Request, known: &Known) -> Result<Response, ApiError> {
        let id = known.merchant.id.as_str();
        let hint = match self.opened(known, |key| Hint::read(request.body(), key)) {
            Ok(hint) => hint,
            Err(error) => return self.refuse(id, "notice_not_signed", &error).await,
        };
        let verdict = match hint.out_refund_no {
            Some(number) => self.refund_told(id, hint.out_trade_no, number).await?,
            None => self.book(id, Call::Hinted(hint.out_trade_no)).await?,
        };
        Ok(acknowledgement(&verdict))
    }

    async fn refund_told(
        &self,
        id: &str,
        out_trade_no: OutTradeNo,
        out_refund_no: String,
    ) -> Result<Verdict, ApiError> {
        let call = Call::RefundNoticed {
            out_trade_no,
            out_refund_no,
        };
        self.book(id, call).await
    }

    async fn refuse(
        &self,
        id: &str,
        name: &str,
        error: &impl std::fmt::Display,
    ) -> Result<Response, ApiError> {
        self.world.log(format_args!("notice for {id}: {error}"));
        self.not_believed(id, name).await?;
        let (status, message) = match name {
            "notice_bad_field" | "notice_unknown_event" => (400, "not understood"),
            "notice_not_opened" => (400, "not opened"),
            _ => (401, "signature failure"),
        };
        Ok(answer(status, "application/json", ack_fail(message)))
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

const fn name_of_signature(error: SignatureError) -> &'static str {
    match error {
        SignatureError::Missing(_) => "notice_not_signed",
        SignatureError::Timestamp | SignatureError::NotBase64 => "notice_bad_signature",
        SignatureError::Probe => "notice_probe",
    }
}

const fn name_of_verify(error: &VerifyError) -> &'static str {
    match error {
        VerifyError::Stale => "notice_stale",
        VerifyError::UnknownSerial(_) => "notice_unknown_serial",
        VerifyError::CertificateExpired | VerifyError::CertificateNotYetValid => {
            "notice_expired_certificate"
        }
        VerifyError::BadSignature | VerifyError::Key => "notice_bad_signature",
    }
}

const fn name_of(error: &NoticeError) -> &'static str {
    match error {
        NoticeError::Json(_) | NoticeError::Field(_) => "notice_bad_field",
        NoticeError::UnknownEvent(_) | NoticeError::OtherEvent(_) => "notice_unknown_event",
        NoticeError::Sealed(_) => "notice_not_opened",
    }
}
