//! WeChat's OAuth: an openid for a code.

use crate::http::error::{ApiError, Code};
use crate::merchants::directory::MerchantContext;
use crate::observe::Log;
use crate::runtime::{Request, Response, Route, Runtime};
use crate::services::Services;
use wechatpay::Secret;
use wechatpay::code2session::{self, Answer};
use wechatpay::oauth::{
    ACCESS_TOKEN_URL, API_HOST, BACKUP_API_HOST, ErrorCode, Token, TokenError, TokenRequest,
};

/// Who pays, under which application.
pub(crate) struct MiniPayer {
    pub appid: String,
    pub openid: String,
}

/// The openid for WeChat's code, which is good once. A virtual openid is
/// none: it cannot pay, and another visit has another.
pub async fn exchange<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
    code: String,
) -> Result<String, ApiError> {
    match token(cx, context, code).await? {
        Ok(token) if token.is_snapshot_user => Err(ApiError::of(Code::VirtualOpenId)),
        Ok(token) => Ok(token.openid),
        Err(error) => {
            cx.runtime.log(format_args!("oauth: {error}"));
            Err(ApiError::of(match error {
                TokenError::Refused { code, .. } if is_about_settings(code) => Code::SignInNotSetUp,
                _ => Code::SignInFailed,
            }))
        }
    }
}

/// What WeChat says to a code.
pub async fn token<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
    code: String,
) -> Result<Result<Token, TokenError>, ApiError> {
    let failed = || ApiError::of(Code::SignInFailed);
    let secret = context.credentials.app_secret.clone().ok_or_else(failed)?;
    let url = TokenRequest {
        appid: context.merchant.account.payer_appid().to_owned(),
        secret,
        code: Secret::new(code),
    }
    .to_url(ACCESS_TOKEN_URL);
    let answer = ask_weixin(cx, &url).await?;
    Ok(Token::read(answer.body()))
}

/// Asks WeChat's API, and its backup host where the first does not answer.
/// Both know the same codes: one that the first has spent is refused.
pub async fn ask_weixin<R: Runtime>(cx: &Services<R>, url: &str) -> Result<Response, ApiError> {
    for host in [API_HOST, BACKUP_API_HOST] {
        let url = url.replacen(API_HOST, host, 1);
        let mut request = Request::default();
        *request.uri_mut() = url.parse().map_err(ApiError::internal)?;
        match cx.runtime.fetch(Route::Weixin, request).await {
            Ok(answer) if !answer.status().is_server_error() => return Ok(answer),
            Ok(answer) => {
                let status = answer.status().as_u16();
                cx.runtime.log(format_args!("{host} answers {status}"));
            }
            Err(error) => cx.runtime.log(format_args!("{host}: {error}")),
        }
    }
    Err(ApiError::of(Code::UpstreamUnavailable))
}

/// The openid for `wx.login`'s code, which is good once.
pub async fn mini_payer<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
    code: String,
) -> Result<MiniPayer, ApiError> {
    match session(cx, context, code).await? {
        Ok(payer) => Ok(payer),
        Err(error) => {
            cx.runtime.log(format_args!("jscode2session: {error}"));
            Err(ApiError::of(match error {
                TokenError::Refused { code, .. } => refused(code),
                TokenError::Malformed | TokenError::Field(_) => Code::UpstreamUnavailable,
            }))
        }
    }
}

/// What WeChat says to `wx.login`'s code.
pub async fn session<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
    code: String,
) -> Result<Result<MiniPayer, TokenError>, ApiError> {
    let mini_program = context.merchant.mini_program.as_ref();
    let secret = context.credentials.mini_program_secret.as_ref();
    let (Some(mini_program), Some(secret)) = (mini_program, secret) else {
        return Err(ApiError::of(Code::MiniProgramNotSet));
    };
    let appid = mini_program.appid.clone();
    let url = code2session::Request {
        appid: appid.clone(),
        secret: secret.clone(),
        js_code: Secret::new(code),
    }
    .to_url(code2session::URL);
    let answer = ask_weixin(cx, &url).await?;
    Ok(Answer::read(answer.body()).map(|Answer { openid }| MiniPayer { appid, openid }))
}

/// Whether WeChat refuses for what the merchant has entered or registered, so
/// that no other code and no other payer can pass.
const fn is_about_settings(code: ErrorCode) -> bool {
    !code.wants_new_code()
        && !matches!(
            code,
            ErrorCode::Busy
                | ErrorCode::RateLimited
                | ErrorCode::BlockedPayer
                | ErrorCode::Unknown(_)
        )
}

/// What WeChat's refusal of a code comes down to, by who can do something.
const fn refused(code: ErrorCode) -> Code {
    match code {
        code if code.wants_new_code() => Code::LoginCodeRefused,
        ErrorCode::Busy | ErrorCode::RateLimited => Code::UpstreamUnavailable,
        ErrorCode::BlockedPayer => Code::PayerBlocked,
        _ => Code::MiniProgramRefused,
    }
}
