//! The checks that every WeChat Pay v2 request passes before its call is
//! executed, in WeChat's order.
//!
//! ```text
//! POST?             REQUIRE_POST_METHOD      mch_id known?       MCHID_NOT_EXIST
//! a body?           POST_DATA_EMPTY          appid known?        APPID_NOT_EXIST
//! UTF-8?            NOT_UTF8                 bound together?     APPID_MCHID_NOT_MATCH
//! one flat XML?     XML_FORMAT_ERROR         sign_type known?    PARAM_ERROR
//! all required?     LACK_PARAMS              signature right?    SIGNERROR
//! ```
//!
//! Up to here, and while the fields' formats are checked (`PARAM_ERROR`,
//! `LACK_PARAMS`), an answer is `return_code=FAIL` with a `return_msg` and
//! unsigned: no merchant has been authenticated, so there is no key to sign
//! with that the caller would accept. The sandbox adds `err_code` and
//! `err_code_des`, so that a program can distinguish the failures. Every later
//! answer is signed, in the request's sign type. HTTP's status is always 200,
//! except without a required certificate, and where a fault leaves a request
//! without an answer.
//!
//! WeChat Pay v2 manual, sections 4 and 9.

mod bill;
mod call;
mod close;
mod exchange;
mod micropay;
mod notify;
mod prepay;
mod query;
mod refund;
mod refundquery;
mod refusal;
mod report;
mod reverse;
mod settlement;
mod shorturl;
mod signkey;

use crate::moment::Moment;
use crate::web::{self, Answer, Request};
use crate::wechat::accounts::{self};
use crate::wechat::faults::{self, Fault};
use crate::wechat::rules::strict::{self};
use crate::wechat::state::WeChat;
use call::{Call, Done, VerifiedRequest, parse};
use refusal::words;
use wechatpay::Secret;
use wechatpay::common::{Fields, SignType};
use wechatpay::v2::reverse as reverse_message;
use wechatpay::v2::{ErrorCode, answer};

const CALLS: [Call; 13] = [
    prepay::CALL,
    query::CALL,
    close::CALL,
    micropay::CALL,
    reverse::CALL,
    refund::CALL,
    refundquery::CALL,
    bill::CALL,
    report::CALL,
    shorturl::CALL,
    settlement::CALL,
    exchange::CALL,
    exchange::CALL_IN_MANUAL,
];

const ALWAYS_REQUIRED: [&str; 2] = ["mch_id", "sign"];

pub(crate) use notify::{payment as payment_notice, refund as refund_notice};
pub(crate) use refusal::Refusal;

/// The directories of WeChat Pay's calls, and of WeChat's own v2 sandbox.
const FOLDERS: [&str; 6] = [
    "/pay/",
    "/secapi/pay/",
    "/payitil/",
    "/tools/",
    "/sandboxnew/",
    "/xdc/",
];

/// Whether a path is WeChat Pay's.
pub(crate) fn handles_path(path: &str) -> bool {
    FOLDERS.iter().any(|folder| path.starts_with(folder))
}

/// Every call's path.
pub(crate) fn paths() -> impl Iterator<Item = &'static str> {
    CALLS.iter().map(|call| call.path)
}

/// The header in which a TLS terminator names the client certificate that it
/// has verified: the certificate's `mch_id`. Two other values are possible:
/// `none` if the client sent no certificate, `expired` if it is out of date.
const CERTIFICATE_HEADER: &str = "x-sandbox-client-certificate";

/// The refusal of a request whose client certificate is missing, expired, or of
/// another `mch_id`: an institution's certificate serves its sub-merchants,
/// whose requests have the institution's `mch_id`. `None` if the request may
/// pass. A plain connection cannot present a certificate: without the header
/// the request of a strict account is refused as one without a certificate, and
/// of a lenient account where `require_certificate` is on.
fn refuse_certificate(wechat: &WeChat, request: &Request) -> Option<Answer> {
    match web::request_header(request, CERTIFICATE_HEADER) {
        Some("expired") => Some(web::certificate_error()),
        Some("none") => Some(web::no_certificate()),
        None => {
            let is_wanted =
                wechat.faults.require_certificate || strict::wants_certificate(wechat, request);
            is_wanted.then(web::no_certificate)
        }
        Some(mch_id) => {
            let fields = Fields::parse(request.body()).ok()?;
            let refused = answer::communication_failure("certificate not match");
            (fields.get("mch_id") != Some(mch_id)).then(|| web::xml(refused.to_xml()))
        }
    }
}

/// Answers a request to one of these paths.
pub(crate) fn handle(
    wechat: &mut WeChat,
    path: &str,
    request: &Request,
    moment: &mut Moment<'_>,
) -> Answer {
    if signkey::PATHS.contains(&path) {
        let answer = signkey::answer(wechat, request);
        let answer = answer.unwrap_or_else(|refusal| refuse(refusal, None, moment));
        return web::xml(answer.to_xml());
    }
    let path = signkey::PREFIXES
        .iter()
        .find_map(|prefix| path.strip_prefix(prefix))
        .unwrap_or(path);
    let Some(call) = CALLS.iter().find(|call| call.path == path) else {
        return web::not_found();
    };
    if call.certificate
        && let Some(refused) = refuse_certificate(wechat, request)
    {
        return refused;
    }
    let (refusal, verified) = match authenticate(wechat, call, request) {
        Err(refusal) => (refusal, None),
        Ok(verified) => {
            moment.set_back(verified.merchant.behind_seconds);
            match perform(wechat, call, &verified, moment) {
                Ok(Done::Signed(fields)) => {
                    let sealed = fields.sealed(&verified.merchant.secret(), verified.sign_type);
                    return web::xml(sealed.to_xml());
                }
                Ok(Done::AsItIs(answer)) => return answer,
                Err(refusal) => (refusal, Some(verified)),
            }
        }
    };
    match (call.own_refusal)(refusal) {
        Refusal::NoAnswer => web::no_answer(),
        refusal => web::xml(refuse(refusal, verified.as_ref(), moment).to_xml()),
    }
}

/// Executes the call, or the fault that was requested.
fn perform(
    wechat: &mut WeChat,
    call: &Call,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let fault = wechat.take_failure(call.path);
    match fault.or_else(|| faults::requested_by_number(call.path, &verified.fields)) {
        None => (call.answer)(wechat, verified, moment),
        Some(Fault::Code(code)) => Err(Refusal::from_code(ErrorCode::from_code(&code))),
        Some(Fault::NoAnswer) => Err(Refusal::NoAnswer),
        Some(Fault::NoAnswerAfter) => {
            // The answer is dropped, whether the call succeeded or not.
            let _dropped = (call.answer)(wechat, verified, moment);
            Err(Refusal::NoAnswer)
        }
    }
}

fn refuse(refusal: Refusal, verified: Option<&VerifiedRequest>, moment: &mut Moment<'_>) -> Fields {
    match (refusal, verified) {
        (Refusal::Signed(code, description), Some(verified)) => {
            let key: Secret = verified.merchant.secret();
            answer::refusal(&verified.account(), &moment.nonce(), &code, &description)
                .sealed(&key, verified.sign_type)
        }
        (
            Refusal::Reverse {
                code,
                description,
                recall,
                rate,
            },
            Some(verified),
        ) => {
            let (account, nonce) = (verified.account(), moment.nonce());
            let mut fields =
                reverse_message::refusal(&account, &nonce, &code, &description, recall);
            fields.push_some("rate", rate.map(|rate| rate.to_string()));
            fields.sealed(&verified.merchant.secret(), verified.sign_type)
        }
        (
            Refusal::Signed(code, description)
            | Refusal::Reverse {
                code, description, ..
            },
            None,
        ) => unsigned(&code, &description, &description),
        // The caller has handled this variant already.
        (Refusal::NoAnswer, _) => Fields::new(),
        (
            Refusal::Unsigned {
                code,
                return_msg,
                description,
            },
            _,
        ) => unsigned(&code, &return_msg, &description),
    }
}

fn unsigned(code: &ErrorCode, return_msg: &str, description: &str) -> Fields {
    answer::communication_failure(return_msg)
        .with("err_code", code.code())
        .with("err_code_des", description)
}

fn authenticate(
    wechat: &WeChat,
    call: &Call,
    request: &Request,
) -> Result<VerifiedRequest, Refusal> {
    let fields = (call.as_signed)(parse(request)?);
    if call.appid_required {
        fields.required("appid")?;
    }
    for name in ALWAYS_REQUIRED {
        fields.required(name)?;
    }
    for group in call.required {
        let given = group.iter().any(|name| fields.get_nonempty(name).is_some());
        if let (false, Some(last)) = (given, group.last()) {
            fields.required(last)?;
        }
    }

    let mch_id = fields.get("mch_id").unwrap_or_default();
    let Some(merchant) = wechat.merchants.get(mch_id) else {
        return Err(Refusal::from_code(ErrorCode::MchidNotExist));
    };
    if let Some(appid) = fields.get_nonempty("appid") {
        if accounts::app_secret(&wechat.merchants, appid).is_none() {
            return Err(Refusal::from_code(ErrorCode::AppidNotExist));
        }
        if !merchant.is_bound_to(appid) {
            return Err(Refusal::from_code(ErrorCode::AppidMchidNotMatch));
        }
    }

    // A sign of HMAC's length without `sign_type` is not treated as HMAC: the
    // manual (section 5.5.4) and WeChat require the declaration.
    let declared = fields.get_nonempty("sign_type");
    let Some(sign_type) = declared.map_or(Some(SignType::default()), SignType::parse) else {
        return Err(Refusal::unsigned(
            ErrorCode::ParamError,
            "签名类型不支持",
            "sign_type must be MD5 or HMAC-SHA256",
        ));
    };
    if let Err(error) = fields.verify(&merchant.secret(), sign_type) {
        return Err(Refusal::unsigned(
            ErrorCode::SignError,
            words(&ErrorCode::SignError),
            error.to_string(),
        ));
    }
    Ok(VerifiedRequest {
        merchant: merchant.clone(),
        fields,
        sign_type,
    })
}

/// Every code with the calls that can answer with it. `docs/sandbox.md` has the
/// same table, and a test compares them.
pub(crate) fn code_table() -> impl Iterator<Item = (&'static ErrorCode, String)> {
    ErrorCode::ALL.iter().map(|code| {
        let calls = if faults::ANYWHERE.contains(code) {
            "every call".to_owned()
        } else {
            let knowing: Vec<&str> = paths()
                .filter(|path| faults::knows(path, code))
                .filter_map(|path| path.rsplit('/').next())
                .collect();
            knowing.join(", ")
        };
        (code, calls)
    })
}
