//! OAuth: finds the payer's `openid`.
//!
//! ```text
//! GET /connect/oauth2/authorize   in WeChat: 302 to redirect_uri with code and state
//! GET /sns/oauth2/access_token    the server: code → openid, once, within 5 minutes
//! GET /sns/jscode2session         the same for a Mini Program, with wx.login's code
//! ```
//!
//! The header `x-sandbox-payer` names the payer: the phone adds it, and a
//! script can. Without it the caller is not a WeChat client, and gets the page
//! that WeChat shows to other browsers.

use crate::language::Language;
use crate::moment::Moment;
use crate::page::{page_in, refusal};
use crate::table::Table;
use crate::web::{self, Answer, Request};
use crate::wechat::accounts::{self, Merchant};
use crate::wechat::payers::{PAYER_HEADER, Payer};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use url::Url;
use wechatpay::Secret;
use wechatpay::code2session;
use wechatpay::common::FieldError;
use wechatpay::oauth::{Authorize, CODE_SECONDS, ErrorCode, Token, TokenRequest};

/// The scope of `wx.login`'s codes.
const LOGIN: &str = "wx.login";

/// Codes older than this are deleted. Until then a used code is distinguished
/// from an unknown one.
const CODE_MEMORY_MS: i64 = 24 * 60 * 60 * 1000;

/// A code that WeChat returned to a page or to a Mini Program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Code {
    appid: String,
    payer: Payer,
    scope: String,
    made_ms: i64,
    used: bool,
}

/// `GET /connect/oauth2/authorize?appid&redirect_uri&response_type=code&scope&state`.
pub(crate) fn authorize(
    merchants: &Table<Merchant>,
    codes: &mut Table<Code>,
    request: &Request,
    moment: &mut Moment<'_>,
) -> Answer {
    let payer = web::request_header(request, PAYER_HEADER).and_then(Payer::from_name);
    let language = Language::of(request);
    let Some(payer) = payer else {
        return open_in_wechat(language);
    };
    let asked = match Authorize::read(request.uri().query().unwrap_or_default()) {
        Ok(asked) => asked,
        Err(error) => return refuse(language, &error),
    };
    if accounts::app_secret(merchants, &asked.appid).is_none() {
        return refusal(language, APPID, "The appid is not known.", "10013");
    }
    let absolute = Url::parse(&asked.redirect_uri)
        .is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
    if !absolute {
        let message =
            "The redirect_uri must be an absolute http or https address, percent-encoded.";
        return refusal(language, REDIRECT_URI, message, "10003");
    }
    let code = hand_out(codes, &asked.appid, payer, asked.scope.as_str(), moment);
    web::redirect(StatusCode::FOUND, &asked.return_url(&code))
}

const APPID: [&str; 3] = ["The appid is wrong", "AppID 参数错误", "AppID 參數錯誤"];
const REDIRECT_URI: [&str; 3] = [
    "The redirect_uri is wrong",
    "redirect_uri 参数错误",
    "redirect_uri 參數錯誤",
];

/// The error page, with WeChat's number for the error.
fn refuse(language: Language, error: &FieldError) -> Answer {
    let (number, words) = match error.field {
        "appid" => ("10013", APPID),
        "scope" => (
            "10005",
            [
                "The scope is wrong",
                "Scope 参数错误或没有 Scope 权限",
                "Scope 參數錯誤或沒有 Scope 權限",
            ],
        ),
        "redirect_uri" => ("10003", REDIRECT_URI),
        "response_type" => (
            "10004",
            [
                "The response_type is wrong",
                "response_type 参数错误",
                "response_type 參數錯誤",
            ],
        ),
        _ => ("10000", ["A parameter is wrong", "参数错误", "參數錯誤"]),
    };
    refusal(language, words, &format!("The parameter {error}."), number)
}

/// `GET /sns/oauth2/access_token?appid&secret&code&grant_type=authorization_code`.
/// JSON, sent as `text/plain` like WeChat's.
pub(crate) fn access_token(
    merchants: &Table<Merchant>,
    codes: &mut Table<Code>,
    request: &Request,
    moment: &mut Moment<'_>,
) -> Answer {
    let query = request.uri().query().unwrap_or_default();
    let answer = TokenRequest::read(query)
        .and_then(|asked| exchange(merchants, codes, &asked, moment))
        .map_or_else(ErrorCode::to_json, |token| token.to_json());
    web::text(StatusCode::OK, answer)
}

/// `GET /sns/jscode2session?appid&secret&js_code&grant_type=authorization_code`.
pub(crate) fn jscode2session(
    merchants: &Table<Merchant>,
    codes: &mut Table<Code>,
    request: &Request,
    moment: &mut Moment<'_>,
) -> Answer {
    let query = request.uri().query().unwrap_or_default();
    let answer = code2session::Request::read(query).and_then(|asked| {
        let secret = accounts::mini_program_secret(merchants, &asked.appid);
        check_secret(secret, &asked.secret)?;
        let (code, appid) = (asked.js_code.expose(), &asked.appid);
        let code = spend(codes, code, appid, moment, |code| code.scope == LOGIN)?;
        Ok(code.payer.openid(appid))
    });
    let answer = answer.map_or_else(ErrorCode::to_json, |openid| {
        let session_key = Secret::new(format!("{}==", moment.alphanumeric(22)));
        code2session::Answer { openid }.to_json(&session_key)
    });
    web::text(StatusCode::OK, answer)
}

/// `wx.login` on a payer's phone: a code for the Mini Program. `None` where
/// there is no such Mini Program.
pub(crate) fn login(
    merchants: &Table<Merchant>,
    codes: &mut Table<Code>,
    appid: &str,
    payer: Payer,
    moment: &mut Moment<'_>,
) -> Option<String> {
    accounts::mini_program_secret(merchants, appid)?;
    Some(hand_out(codes, appid, payer, LOGIN, moment))
}

fn hand_out(
    codes: &mut Table<Code>,
    appid: &str,
    payer: Payer,
    scope: &str,
    moment: &mut Moment<'_>,
) -> String {
    let forgotten = moment.now_ms.saturating_sub(CODE_MEMORY_MS);
    codes.retain(|code| code.made_ms > forgotten);
    let code = moment.alphanumeric(32);
    let row = Code {
        appid: appid.to_owned(),
        payer,
        scope: scope.to_owned(),
        made_ms: moment.now_ms,
        used: false,
    };
    codes.insert(&code, row);
    code
}

fn exchange(
    merchants: &Table<Merchant>,
    codes: &mut Table<Code>,
    asked: &TokenRequest,
    moment: &mut Moment<'_>,
) -> Result<Token, ErrorCode> {
    check_secret(accounts::app_secret(merchants, &asked.appid), &asked.secret)?;
    let (code, appid) = (asked.code.expose(), &asked.appid);
    let code = spend(codes, code, appid, moment, |code| code.scope != LOGIN)?;
    Ok(Token {
        openid: code.payer.openid(appid),
        access_token: Some(Secret::new(moment.alphanumeric(89))),
        expires_in_seconds: Some(7200),
        refresh_token: Some(Secret::new(moment.alphanumeric(89))),
        scope: code.scope,
        unionid: None,
        is_snapshot_user: false,
    })
}

fn check_secret(secret: Option<&str>, sent: &Secret) -> Result<(), ErrorCode> {
    match secret.map(Secret::new) {
        None => Err(ErrorCode::InvalidAppid),
        Some(secret) if secret != *sent => Err(ErrorCode::InvalidAppSecret),
        Some(_) => Ok(()),
    }
}

/// Uses up a code of this application and of this kind.
fn spend(
    codes: &mut Table<Code>,
    code: &str,
    appid: &str,
    moment: &Moment<'_>,
    is_kind: impl Fn(&Code) -> bool,
) -> Result<Code, ErrorCode> {
    let known = codes
        .get(code)
        .filter(|known| known.appid == appid && is_kind(known))
        .ok_or(ErrorCode::InvalidCode)?
        .clone();
    if known.used {
        return Err(ErrorCode::CodeUsed);
    }
    if moment.now_ms >= known.made_ms.saturating_add(CODE_SECONDS * 1000) {
        return Err(ErrorCode::InvalidCode);
    }
    if let Some(known) = codes.get_mut(code) {
        known.used = true;
    }
    Ok(known)
}

/// The page that WeChat shows to a browser that is not WeChat.
pub(crate) fn open_in_wechat(language: Language) -> Answer {
    let heading = language.of_three([
        "Open this link in WeChat",
        "请在微信客户端打开链接",
        "請在微信用戶端開啟連結",
    ]);
    let hint = language.of_three([
        "Here that is the <a href=\"/phone/\">sandbox's phone</a>. \
         A script adds the header <code>x-sandbox-payer: alice</code>.",
        "此处的微信是<a href=\"/phone/\">沙盒手机</a>。",
        "此處的微信是<a href=\"/phone/\">沙盒手機</a>。",
    ]);
    page_in(
        language,
        StatusCode::OK,
        heading,
        "narrow",
        &format!(
            "<main class=\"notice\"><p class=\"sign\" aria-hidden=\"true\">i</p>\
             <h1>{heading}</h1><p>{hint}</p></main>"
        ),
    )
}
