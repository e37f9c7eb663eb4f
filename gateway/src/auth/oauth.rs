//! WeChat's OAuth: exchanges a code for an openid.

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

/// The payer, and the application that the openid belongs to.
pub(crate) struct MiniPayer {
    pub appid: String,
    pub openid: String,
}

/// Exchanges WeChat's code, which can be used once, for an openid. A virtual
/// openid is refused: it cannot pay, and it differs at each visit.
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

/// WeChat's answer to a code.
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

/// Calls WeChat's API, and its backup host if the first does not answer. Both
/// share the state of codes: one that was used at the first is refused at the
/// second.
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

/// Exchanges `wx.login`'s code, which can be used once, for an openid.
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

/// WeChat's answer to `wx.login`'s code.
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

/// Whether WeChat's refusal is about settings that the merchant has entered or
/// registered, so that another code or another payer would be refused too.
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

/// The code for WeChat's refusal, by who can act on it.
const fn refused(code: ErrorCode) -> Code {
    match code {
        code if code.wants_new_code() => Code::LoginCodeRefused,
        ErrorCode::Busy | ErrorCode::RateLimited => Code::UpstreamUnavailable,
        ErrorCode::BlockedPayer => Code::PayerBlocked,
        _ => Code::MiniProgramRefused,
    }
}
