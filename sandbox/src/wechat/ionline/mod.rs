//! iOnline has one path; the `service` in the form selects the call. Its orders
//! are stored with all others: iOnline is an acquirer, and itself a merchant at
//! WeChat.
//!
//! ```text
//! POST a form?     REQUIRE_POST_METHOD, POST_DATA_EMPTY, INVALID_REQUEST
//! a service?       LACK_PARAMS, PARAM_ERROR       mch_id a MID?     MCHID_NOT_EXIST
//! signature right? SIGNERROR                      fields right?     LACK_PARAMS, PARAM_ERROR
//! ```
//!
//! Up to here an answer is `status` 400 with a `message`, unsigned, and the
//! sandbox adds `err_code` and `err_msg`. Every later answer has `status` 0 and
//! is signed: `result_code` 0, or 1 with WeChat's own code. HTTP's status is
//! always 200, except where a fault leaves a request without an answer.
//!
//! iOnline description, and the public manual of iOnline.

mod multipart;
mod page;
mod prepay;
mod query;
mod refund;
mod refundquery;
mod verified_request;

use crate::moment::Moment;
use crate::web::{self, Answer, Request};
use crate::wechat::faults::{self, Fault};
use crate::wechat::notices::Content;
use crate::wechat::orders::Order;
use crate::wechat::state::WeChat;
use crate::wechat::v2::Refusal;
use http::Method;
use verified_request::{VerifiedRequest, with_ionline_numbers};
use wechatpay::Secret;
use wechatpay::common::{Fields, Problem, SignType};
use wechatpay::ionline::form::{self, FormError};
use wechatpay::ionline::notify::Notice;
use wechatpay::ionline::{PATH, Service, answer, json};
use wechatpay::v2::{self, ErrorCode};

/// Every service's name, by which a fault names a call.
pub(crate) fn services() -> impl Iterator<Item = String> {
    Service::ALL
        .into_iter()
        .map(|service| service.as_str().to_owned())
}

/// Whether a path is iOnline's.
pub(crate) fn handles_path(path: &str) -> bool {
    path.starts_with(PATH)
}

/// Answers a request to one of these paths.
pub(crate) fn handle(wechat: &mut WeChat, request: &Request, moment: &mut Moment<'_>) -> Answer {
    match request.uri().path() {
        PATH => {}
        prepay::PATH => return page::show(wechat, request, moment),
        page::SCRIPT_PATH => return page::script(),
        _ => return web::not_found(),
    }
    let (refusal, verified) = match authenticate(wechat, request) {
        Err(refusal) => (refusal, None),
        Ok(verified) => {
            moment.set_back(verified.merchant.behind_seconds);
            match perform(wechat, &verified, moment) {
                Ok(fields) => return web::json_text(answer::to_json(fields, &verified.key())),
                Err(refusal) => (refusal, Some(verified)),
            }
        }
    };
    refuse(refusal, verified.as_ref(), moment)
}

/// The call of v2 with the same error codes.
const fn like(service: Service) -> &'static str {
    match service {
        Service::Jspay | Service::Native => v2::prepay::PATH,
        Service::Query => v2::query::PATH,
        Service::Refund => v2::refund::PATH,
        Service::RefundQuery => v2::refundquery::PATH,
    }
}

/// Executes the call, or the fault that was requested.
fn perform(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Fields, Refusal> {
    let call = match verified.service {
        Service::Jspay | Service::Native => prepay::answer,
        Service::Query => query::answer,
        Service::Refund => refund::answer,
        Service::RefundQuery => refundquery::answer,
    };
    let fault = wechat.take_failure(verified.service.as_str());
    match fault.or_else(|| faults::requested_by_number(like(verified.service), &verified.fields)) {
        None => call(wechat, verified, moment),
        Some(Fault::Code(code)) => Err(Refusal::from_code(ErrorCode::from_code(&code))),
        Some(Fault::NoAnswer) => Err(Refusal::NoAnswer),
        Some(Fault::NoAnswerAfter) => {
            // The answer is dropped, whether the call succeeded or not.
            let _dropped = call(wechat, verified, moment);
            Err(Refusal::NoAnswer)
        }
    }
}

fn refuse(refusal: Refusal, verified: Option<&VerifiedRequest>, moment: &mut Moment<'_>) -> Answer {
    let (code, message, description) = match (refusal, verified) {
        (Refusal::NoAnswer, _) => return web::no_answer(),
        (
            Refusal::Signed(code, description)
            | Refusal::Reverse {
                code, description, ..
            },
            Some(verified),
        ) => {
            let nonce = moment.nonce();
            let fields = answer::refusal(&verified.ionline.mid, &nonce, &code, &description);
            return web::json_text(answer::to_json(fields, &verified.key()));
        }
        (
            Refusal::Signed(code, description)
            | Refusal::Reverse {
                code, description, ..
            },
            None,
        ) => (code, description.clone(), description),
        (
            Refusal::Unsigned {
                code,
                return_msg,
                description,
            },
            _,
        ) => (code, return_msg, description),
    };
    let fields = answer::communication_failure(400, &message)
        .with("err_code", code.code())
        .with("err_msg", description);
    web::json_text(json::write(&fields))
}

/// Parses the form: URL-encoded, or the multipart that the iOnline description
/// calls "Form-Data".
fn parse(request: &Request) -> Result<Fields, Refusal> {
    if request.method() != Method::POST {
        return Err(Refusal::from_code(ErrorCode::RequirePostMethod));
    }
    if request.body().iter().all(u8::is_ascii_whitespace) {
        return Err(Refusal::from_code(ErrorCode::PostDataEmpty));
    }
    let content_type = web::request_header(request, "content-type").unwrap_or_default();
    let read = match multipart::boundary(content_type) {
        Some(boundary) => multipart::read(request.body(), &boundary),
        None => form::read(request.body()).map_err(|error| {
            let code = match error {
                FormError::NotUtf8 => ErrorCode::NotUtf8,
                _ => ErrorCode::InvalidRequest,
            };
            (code, error.to_string())
        }),
    };
    read.map_err(|(code, description)| Refusal::unsigned(code, "参数错误", description))
}

fn authenticate(wechat: &WeChat, request: &Request) -> Result<VerifiedRequest, Refusal> {
    let fields = parse(request)?;
    let service = Service::of(&fields)?;
    let mid = fields.required("mch_id")?;
    let found = wechat.merchants.values().find_map(|merchant| {
        let ionline = merchant.ionline.as_ref()?;
        (ionline.mid == mid).then(|| (merchant.clone(), ionline.clone()))
    });
    let (merchant, ionline) = found.ok_or_else(|| Refusal::from_code(ErrorCode::MchidNotExist))?;
    if fields.declared_sign_type() != Some(SignType::Md5) {
        return Err(Problem::UnknownValue.of("sign_type").into());
    }
    let verified = VerifiedRequest {
        merchant,
        ionline,
        service,
        fields,
    };
    match verified.fields.verify(&verified.key(), SignType::Md5) {
        Ok(()) => Ok(verified),
        Err(error) => Err(Refusal::unsigned(
            ErrorCode::SignError,
            "签名错误",
            error.to_string(),
        )),
    }
}

/// The notice of a payment. iOnline sends none for a refund.
pub(crate) fn payment_notice(
    wechat: &WeChat,
    order: &Order,
    moment: &mut Moment<'_>,
) -> Option<Content> {
    let merchant = wechat.merchants.get(&order.account.mch_id)?;
    let ionline = merchant.ionline.as_ref()?;
    let payment = order.payment()?;
    let notice = Notice {
        payment: with_ionline_numbers(&ionline.mid, payment),
        out_transaction_id: Some(payment.transaction_id.clone()),
        nonce_str: moment.nonce(),
        device_info: order.term("device_info").map(str::to_owned),
    };
    Some(Content::Ready {
        content_type: "text/xml".to_owned(),
        body: notice.to_xml(&Secret::new(ionline.key.clone())),
    })
}
