//! The checks that every APIv3 request passes before its call is executed, in
//! WeChat's order.
//!
//! ```text
//! a call?                404 RESOURCE_NOT_EXISTS   the right method?       405
//! Authorization?         401 SIGN_ERROR            mchid known?            401 SIGN_ERROR
//! serial_no known?       401 SIGN_ERROR            timestamp within 5 min? 401 SIGN_ERROR
//! signature right?       401 SIGN_ERROR            Accept, User-Agent?     400 PARAM_ERROR, 406
//! Content-Type?          415 PARAM_ERROR           Wechatpay-Serial known? 400 PARAM_ERROR
//! JSON, every field?     400 PARAM_ERROR           and then what is asked
//! ```
//!
//! Every answer to a known merchant is signed, refusals and empty ones too:
//! [`seal`]. Global and mainland are one dialect with two tables of paths.
//!
//! WeChat Pay APIv3 Global manual, and Tencent's manuals for the two regions.

mod bill;
mod call;
mod certificates;
mod close;
mod codes;
mod echo;
mod micropay;
pub(crate) mod notify;
mod prepay;
mod query;
mod refund;
mod refundquery;
mod reverse;
pub(crate) mod seal;
mod settlement;

pub(crate) use codes::table as code_table;

use crate::moment::Moment;
use crate::web::{self, Answer, Request};
use crate::wechat::accounts::Merchant;
use crate::wechat::faults::{self, Fault, Forgery, MessageKind};
use crate::wechat::state::WeChat;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use call::{AnswerFn, Done, Refusal, VerifiedRequest};
use http::{Method, StatusCode, header};
use serde_json::{Value, json};
use wechatpay::common::invoke::{App, Jsapi};
use wechatpay::rsa::PublicKey;
use wechatpay::v3::answer::{self, SignInformation};
use wechatpay::v3::sign::{Authorization, is_stale, request_message};
use wechatpay::v3::{ErrorCode, invoke};

/// One call of the API. A new one is a row of [`CALLS`].
struct Call {
    method: Method,
    /// A segment in braces matches any segment.
    path: &'static str,
    /// The name in faults, the same in both regions.
    name: &'static str,
    answer: AnswerFn,
}

const fn get(path: &'static str, name: &'static str, answer: AnswerFn) -> Call {
    Call {
        method: Method::GET,
        path,
        name,
        answer,
    }
}

const fn post(path: &'static str, name: &'static str, answer: AnswerFn) -> Call {
    Call {
        method: Method::POST,
        path,
        name,
        answer,
    }
}

#[rustfmt::skip]
static CALLS: [Call; 43] = [
    post("/v3/global/transactions/jsapi", "prepay", prepay::answer),
    post("/v3/global/transactions/native", "prepay", prepay::answer),
    post("/v3/global/transactions/app", "prepay", prepay::answer),
    post("/v3/global/transactions/mweb", "prepay", prepay::answer),
    post("/v3/global/transactions/h5", "prepay", prepay::answer),
    get("/v3/global/transactions/id/{id}", "query", query::answer),
    get("/v3/global/transactions/out-trade-no/{out_trade_no}", "query", query::answer),
    post("/v3/global/transactions/id/{id}/close", "close", close::answer),
    post("/v3/global/transactions/out-trade-no/{out_trade_no}/close", "close", close::answer),
    post("/v3/global/micropay/transactions/pay", "micropay", micropay::answer),
    post("/v3/global/micropay/transactions/id/{id}/reverse", "reverse", reverse::answer),
    post("/v3/global/micropay/transactions/out-trade-no/{out_trade_no}/reverse", "reverse", reverse::answer),
    post("/v3/global/refunds", "refund", refund::answer),
    get("/v3/global/refunds", "refundquery", refundquery::all),
    get("/v3/global/refunds/id/{refund_id}", "refundquery", refundquery::one),
    get("/v3/global/refunds/out-refund-no/{out_refund_no}", "refundquery", refundquery::one),
    get("/v3/global/statements", "statement", bill::statement),
    get("/v3/global/settle/settlements", "settlement", settlement::answer),
    get("/v3/global/certificates", "certificates", certificates::answer),
    post("/v3/pay/transactions/jsapi", "prepay", prepay::answer),
    post("/v3/pay/transactions/native", "prepay", prepay::answer),
    post("/v3/pay/transactions/app", "prepay", prepay::answer),
    post("/v3/pay/transactions/h5", "prepay", prepay::answer),
    get("/v3/pay/transactions/id/{transaction_id}", "query", query::answer),
    get("/v3/pay/transactions/out-trade-no/{out_trade_no}", "query", query::answer),
    post("/v3/pay/transactions/out-trade-no/{out_trade_no}/close", "close", close::answer),
    post("/v3/pay/transactions/codepay", "micropay", micropay::answer),
    post("/v3/pay/transactions/out-trade-no/{out_trade_no}/reverse", "reverse", reverse::answer),
    post("/v3/pay/partner/transactions/jsapi", "prepay", prepay::answer),
    post("/v3/pay/partner/transactions/native", "prepay", prepay::answer),
    post("/v3/pay/partner/transactions/app", "prepay", prepay::answer),
    post("/v3/pay/partner/transactions/h5", "prepay", prepay::answer),
    get("/v3/pay/partner/transactions/id/{transaction_id}", "query", query::answer),
    get("/v3/pay/partner/transactions/out-trade-no/{out_trade_no}", "query", query::answer),
    post("/v3/pay/partner/transactions/out-trade-no/{out_trade_no}/close", "close", close::answer),
    post("/v3/pay/partner/transactions/codepay", "micropay", micropay::answer),
    post("/v3/pay/partner/transactions/out-trade-no/{out_trade_no}/reverse", "reverse", reverse::answer),
    post("/v3/refund/domestic/refunds", "refund", refund::answer),
    get("/v3/refund/domestic/refunds/{out_refund_no}", "refundquery", refundquery::one),
    get("/v3/bill/tradebill", "statement", bill::tradebill),
    get(bill::FILE_PATH, "statement", bill::file),
    get("/v3/certificates", "certificates", certificates::answer),
    post("/v3/security/echo", "echo", echo::answer),
];

impl Call {
    /// The name in control calls: `GET /v3/certificates`.
    fn title(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn is_at(&self, path: &str) -> bool {
        let mut wanted = self.path.split('/');
        let mut given = path.split('/');
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return true,
                (Some(wanted), Some(given))
                    if wanted == given || (wanted.starts_with('{') && !given.is_empty()) => {}
                _ => return false,
            }
        }
    }
}

/// Whether a path is WeChat Pay APIv3's.
pub(crate) fn handles_path(path: &str) -> bool {
    path.starts_with("/v3/")
}

/// Every call, as `POST /sandbox/faults` names it.
pub(crate) fn titles() -> impl Iterator<Item = String> {
    CALLS.iter().map(Call::title)
}

/// Whether the merchant's private key signed a package for `WeixinJSBridge` or
/// `wx.requestPayment`.
pub(crate) fn is_package_signed(wechat: &WeChat, jsapi: &Jsapi, merchant: &Merchant) -> bool {
    let message = invoke::jsapi_message(
        &jsapi.app_id,
        &jsapi.time_stamp,
        &jsapi.nonce_str,
        &jsapi.package,
    );
    let key = PublicKey::from_pem(&merchant.certificate.public_key);
    let signature = BASE64.decode(&jsapi.pay_sign);
    match (key, signature) {
        (Ok(key), Ok(signature)) => (wechat.rsa.verify)(&key, &message, &signature),
        _ => false,
    }
}

/// The same for an APP package.
pub(crate) fn is_app_signed(wechat: &WeChat, app: &App, merchant: &Merchant) -> bool {
    let message = invoke::app_message(&app.appid, &app.timestamp, &app.noncestr, &app.prepayid);
    let key = PublicKey::from_pem(&merchant.certificate.public_key);
    match (key, BASE64.decode(&app.sign)) {
        (Ok(key), Ok(signature)) => (wechat.rsa.verify)(&key, &message, &signature),
        _ => false,
    }
}

/// Answers a request to one of these paths.
pub(crate) fn handle(wechat: &mut WeChat, request: &Request, moment: &mut Moment<'_>) -> Answer {
    let path = request.uri().path();
    let mut known = CALLS.iter().filter(|call| call.is_at(path)).peekable();
    let exists = known.peek().is_some();
    let Some(call) = known.find(|call| call.method == request.method()) else {
        let mut refusal = answer::Refusal::of(ErrorCode::ResourceNotExists);
        refusal.message = "请求的接口不存在 (there is no such call)".into();
        if exists {
            refusal.status = 405;
            refusal.code = ErrorCode::Unknown("METHOD_NOT_ALLOWED".into());
            refusal.message = "请求的方法不允许 (the path exists; the method is another)".into();
        }
        return written(refusal.status, "application/json", refusal.to_json().into());
    };
    let (signer, numbers, outcome) = match authenticate(wechat, request, moment.caller_ms) {
        Err((refusal, merchant)) => (merchant, Vec::new(), Err(refusal)),
        Ok(verified) => {
            let merchant = Some(verified.merchant.mch_id.clone());
            moment.set_back(verified.merchant.behind_seconds);
            let done = perform(wechat, call, &verified, moment);
            (merchant, verified.numbers(), done)
        }
    };
    let done = match outcome {
        Ok(done) => done,
        Err(Refusal::Answered(refusal)) => Done::Json(refusal.status, refusal.to_json()),
        Err(Refusal::NoAnswer) => return web::no_answer(),
    };
    let forgery = forgery_about(wechat, call, &numbers);
    let (mut answer, signed) = write_done(done, forgery);
    let merchant = signer.and_then(|mch_id| wechat.merchants.get(&mch_id));
    if let (Some(merchant), Some(signed)) = (merchant, signed) {
        let wanted = web::request_header(request, "wechatpay-serial");
        let headers = seal::headers(wechat.rsa, merchant, wanted, &signed, forgery, moment);
        put(&mut answer, headers);
    }
    let request_id = format!("{}-0", moment.text(b"0123456789ABCDEF", 32));
    put(&mut answer, vec![("Request-ID".into(), request_id)]);
    answer
}

/// The forgery that was requested for this answer, if any.
fn forgery_about(wechat: &mut WeChat, call: &Call, numbers: &[String]) -> Option<Forgery> {
    wechat.take_forgery(MessageKind::Answer).or_else(|| {
        let texts = numbers
            .iter()
            .filter_map(|n| faults::text_after_fault(n, call.name));
        texts.filter_map(Forgery::from_prefix).next()
    })
}

fn put(answer: &mut Answer, headers: Vec<(String, String)>) {
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (
            header::HeaderName::from_bytes(name.as_bytes()),
            header::HeaderValue::from_str(&value),
        ) {
            answer.headers_mut().insert(name, value);
        }
    }
}

fn written(status: u16, content_type: &'static str, body: Vec<u8>) -> Answer {
    let mut answer = Answer::new(body);
    *answer.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if !content_type.is_empty() {
        answer.headers_mut().insert(
            header::CONTENT_TYPE,
            header::HeaderValue::from_static(content_type),
        );
    }
    answer
}

/// The answer, and the bytes of it to sign.
fn write_done(done: Done, forgery: Option<Forgery>) -> (Answer, Option<Vec<u8>>) {
    match done {
        Done::Json(status, text) => {
            let mut body = text.into_bytes();
            if forgery == Some(Forgery::DuplicateKeys) {
                seal::double_a_key(&mut body);
            }
            let answer = written(status, "application/json; charset=utf-8", body.clone());
            (answer, Some(body))
        }
        Done::Nothing => (written(204, "", Vec::new()), Some(Vec::new())),
        Done::File(file) => {
            let mut answer = written(200, file.content_type, file.body);
            let headers = file.headers.into_iter();
            let headers = headers.map(|(name, value)| (name.to_owned(), value));
            put(&mut answer, headers.collect());
            (answer, file.signed)
        }
    }
}

/// Executes the call, or the fault that was requested.
fn perform(
    wechat: &mut WeChat,
    call: &Call,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let requested_by_number = || {
        let numbers = verified.numbers();
        let mut texts = numbers
            .iter()
            .filter_map(|n| faults::text_after_fault(n, call.name));
        texts.find_map(|text| Fault::from_prefix(text, |text| code_of_prefix(call.name, text)))
    };
    match wechat
        .take_failure(&call.title())
        .or_else(requested_by_number)
    {
        None => (call.answer)(wechat, verified, moment),
        Some(Fault::Code(code)) => Err(Refusal::of(ErrorCode::from_code(&code))),
        Some(Fault::NoAnswer) => Err(Refusal::NoAnswer),
        Some(Fault::NoAnswerAfter) => {
            // The answer is dropped, whether the call succeeded or not.
            let _dropped = (call.answer)(wechat, verified, moment);
            Err(Refusal::NoAnswer)
        }
    }
}

/// The longest code of this call with which the text after `FAULT_` begins.
fn code_of_prefix(call: &str, text: &str) -> Option<String> {
    let known = ErrorCode::ALL
        .iter()
        .filter(|code| text.starts_with(code.code()) && codes::knows(call, code));
    let longest = known.max_by_key(|code| code.code().len())?;
    Some(longest.code().to_owned())
}

/// Authenticates the caller by the signature. A refusal contains the merchant
/// whose keys sign the answer, if known.
fn authenticate(
    wechat: &WeChat,
    request: &Request,
    caller_ms: i64,
) -> Result<VerifiedRequest, (Refusal, Option<String>)> {
    let path_and_query = request.uri().path_and_query().map_or("/", |it| it.as_str());
    let method = request.method().as_str();
    let header = web::request_header(request, "authorization").unwrap_or_default();
    let authorization = Authorization::parse(header).map_err(|error| {
        let message = format!("Http头Authorization不正确 ({error})");
        (sign_error(message, "authorization", None), None)
    })?;
    let Authorization {
        mchid,
        serial_no,
        timestamp_s,
        nonce_str,
        signature,
    } = &authorization;
    let message = request_message(
        method,
        path_and_query,
        *timestamp_s,
        nonce_str,
        request.body(),
    );
    let information = SignInformation {
        method: method.to_owned(),
        url: path_and_query.to_owned(),
        truncated_sign_message: truncated(&message),
        sign_message_length: i64::try_from(message.len()).unwrap_or_default(),
    };
    let refused = |message: &str, field: &str, merchant: Option<&Merchant>| {
        let refusal = sign_error(message.to_owned(), field, Some(&information));
        (refusal, merchant.map(|it| it.mch_id.clone()))
    };
    let Some(merchant) = wechat.merchants.get(mchid) else {
        return Err(refused("商户号不存在 (no such mchid)", "mchid", None));
    };
    let of_merchant = Some(merchant);
    if !merchant
        .certificate
        .serial_no
        .eq_ignore_ascii_case(serial_no)
    {
        return Err(refused(
            "商户证书序列号有误。请使用签名私钥匹配的证书序列号",
            "serial_no",
            of_merchant,
        ));
    }
    if is_stale(*timestamp_s, caller_ms) {
        return Err(refused(
            "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟",
            "timestamp",
            of_merchant,
        ));
    }
    let key = PublicKey::from_pem(&merchant.certificate.public_key);
    let is_signed = match (key, BASE64.decode(signature)) {
        (Ok(key), Ok(signature)) => (wechat.rsa.verify)(&key, &message, &signature),
        _ => false,
    };
    if !is_signed {
        return Err(refused("错误的签名，验签失败", "signature", of_merchant));
    }
    check_headers(request, merchant).map_err(|refusal| (refusal, Some(mchid.clone())))?;
    Ok(VerifiedRequest {
        merchant: merchant.clone(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        body: request.body().clone(),
    })
}

fn sign_error(message: String, field: &str, information: Option<&SignInformation>) -> Refusal {
    let mut detail = information.map_or_else(|| json!({}), SignInformation::to_detail);
    if let Some(fields) = detail.as_object_mut() {
        fields.insert("field".into(), field.into());
        fields.insert("location".into(), "authorization".into());
        fields.insert("issue".into(), message.as_str().into());
    }
    Refusal::Answered(Box::new(answer::Refusal {
        status: 401,
        code: ErrorCode::SignError,
        message,
        detail,
    }))
}

/// The beginning and the end of a message, as WeChat shows it.
fn truncated(message: &[u8]) -> String {
    const CHARACTERS: usize = 200;
    let text = String::from_utf8_lossy(message);
    text.chars().take(CHARACTERS).collect()
}

fn check_headers(request: &Request, merchant: &Merchant) -> Result<(), Refusal> {
    let sent = |name| web::request_header(request, name).filter(|value| !value.is_empty());
    let told = |status, message: &str| {
        Err(Refusal::Answered(Box::new(answer::Refusal {
            status,
            code: ErrorCode::ParamError,
            message: message.to_owned(),
            detail: Value::Null,
        })))
    };
    let (Some(accept), Some(_)) = (sent("accept"), sent("user-agent")) else {
        return told(400, "Http头缺少Accept或User-Agent");
    };
    let is_file = [bill::FILE_PATH, bill::STATEMENTS_PATH].contains(&request.uri().path());
    let takes_json = ["application/json", "application/*", "*/*"]
        .iter()
        .any(|kind| accept.contains(kind));
    if !is_file && !takes_json {
        return told(406, "Http头Accept必须包含application/json");
    }
    let is_json = sent("content-type").is_some_and(|it| it.starts_with("application/json"));
    if request.method() == Method::POST && !is_json {
        return told(415, "Http头Content-Type必须为application/json");
    }
    match sent("wechatpay-serial") {
        Some(serial) if !merchant.platform.knows(&merchant.mch_id, serial) => told(
            400,
            "平台证书序列号Wechatpay-Serial错误 (no platform certificate or public key of this merchant)",
        ),
        _ => Ok(()),
    }
}
