//! `GET /v1/doctor` and `GET /admin/merchants/{id}/doctor`: checks whether a
//! merchant's settings and credentials work, and explains in words.
//!
//! ```text
//! {"healthy": false, "checks": [{"name": "keys", "ok": false, "says": "…"}, …]}
//! ```
//!
//! `ok` is `null` where the gateway cannot know. The requests to WeChat move no
//! money: an unknown order is queried, and one that cannot be paid is made and
//! closed.

use crate::auth::keys::{Access, admin, caller};
use crate::auth::oauth::{session, token};
use crate::http::error::{ApiError, Code};
use crate::http::fields::Fields;
use crate::http::message::success;
use crate::merchants::directory::MerchantContext;
use crate::merchants::merchant::Dialect;
use crate::merchants::shared_account::{account_warning, same_account};
use crate::runtime::{Request, Response, Route, Runtime};
use crate::services::Services;
use crate::upstream::{Failure, Kind, Prepay, Reason};
use order::{Money, OutTradeNo, Terms, TradeType};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};
use url::{Host, Url};
use wechatpay::oauth::{ErrorCode, TokenError};
use wechatpay::v3::sign::MAX_CLOCK_DIFFERENCE_S;
use wechatpay::v3::time::rfc3339;

/// A certificate that expires within this time gets a warning.
const SOON_MS: i64 = 14 * 24 * 60 * 60 * 1000;

/// How long the answers of WeChat to these checks are reused.
const REMEMBER_MS: i64 = 60_000;

/// One check and its result.
struct Check {
    name: &'static str,
    ok: Option<bool>,
    says: String,
}

fn fine(name: &'static str, says: impl Into<String>) -> Check {
    Check {
        name,
        ok: Some(true),
        says: says.into(),
    }
}

fn wrong(name: &'static str, says: impl Into<String>) -> Check {
    Check {
        name,
        ok: Some(false),
        says: says.into(),
    }
}

/// What WeChat's answer to an invented code shows about the secret.
fn said_to_no_code<T>(
    name: &'static str,
    appid: &str,
    said: Result<Result<T, TokenError>, ApiError>,
) -> Check {
    match said {
        Err(_) => unknown(name, "WeChat's OAuth does not answer."),
        Ok(Err(TokenError::Refused {
            code: ErrorCode::InvalidCode,
            ..
        })) => fine(name, format!("{appid} is known with this secret.")),
        Ok(Err(TokenError::Refused { code, .. })) => wrong(
            name,
            format!(
                "WeChat's OAuth refuses ({}): {}",
                code.errcode(),
                code.meaning()
            ),
        ),
        Ok(Err(error)) => wrong(name, format!("WeChat's OAuth refuses: {error}.")),
        Ok(Ok(_)) => unknown(name, "WeChat accepted an invented code."),
    }
}

fn unknown(name: &'static str, says: impl Into<String>) -> Check {
    Check {
        name,
        ok: None,
        says: says.into(),
    }
}

/// `GET /v1/doctor`. SECRET.
pub async fn doctor<R: Runtime>(cx: &Services<R>, request: &Request) -> Result<Response, ApiError> {
    let context = caller(cx, request, Access::Secret).await?;
    Fields::of_query_string(request, &[])?;
    Ok(success(examine(cx, &context).await))
}

/// `GET /admin/merchants/{id}/doctor`.
pub async fn doctor_for<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    admin(cx, request).await?;
    Fields::of_query_string(request, &[])?;
    let context = cx
        .directory
        .by_id(&cx.runtime, &cx.config.master_key, id)
        .await?;
    let context = context.ok_or_else(|| ApiError::of(Code::MerchantNotFound))?;
    Ok(success(examine(cx, &context).await))
}

async fn examine<R: Runtime>(cx: &Services<R>, context: &MerchantContext) -> Value {
    let (id, now_ms) = (&context.merchant.id, cx.runtime.now_ms());
    cx.findings
        .borrow_mut()
        .retain(|_, (at_ms, _)| now_ms - *at_ms < REMEMBER_MS);
    if let Some((_, found)) = cx.findings.borrow().get(id) {
        return found.clone();
    }
    let number = format!("DOCTOR{}", cx.random_text(20));
    let mut checks = Vec::new();
    match OutTradeNo::new(&number) {
        Ok(number) => {
            let keys = check_keys(cx, context, &number).await;
            // Without valid keys, WeChat's other answers would say only that.
            let with_keys = keys.ok == Some(true);
            checks.push(keys);
            checks.extend(check_clock(cx, context).await);
            checks.extend(check_certificates(cx, context).await);
            if with_keys {
                // Check before there is an order under this number.
                checks.extend(check_client_certificate(cx, context, &number).await);
                let (appid, clock) = check_appid(cx, context, number).await;
                checks.push(appid);
                if let Some(clock) = clock {
                    checks.retain(|check| check.name != clock.name);
                    checks.push(clock);
                }
            }
        }
        Err(error) => checks.push(unknown("keys", error.to_string())),
    }
    checks.push(check_app_secret(cx, context).await);
    checks.extend(check_mini_program_secret(cx, context).await);
    checks.push(check_notify_url(cx, context));
    checks.extend(check_account(cx, context).await);
    checks.push(check_directory(cx));
    checks.extend(Box::pin(check_domain_files(cx, context)).await);
    checks.push(check_api_key_alone(context));
    checks.push(check_http_notify_url(context));
    let healthy = checks.iter().all(|check| check.ok != Some(false));
    let checks: Vec<Value> = checks
        .into_iter()
        .map(|check| json!({"name": check.name, "ok": check.ok, "says": check.says}))
        .collect();
    let found = json!({ "healthy": healthy, "checks": checks });
    let mut findings = cx.findings.borrow_mut();
    findings.insert(id.clone(), (now_ms, found.clone()));
    found
}

/// Checks both sides' keys: a verified answer to a query proves them.
async fn check_keys<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
    number: &OutTradeNo,
) -> Check {
    const NAME: &str = "keys";
    let account = &context.merchant.account;
    match cx.upstream(context).query(number, account).await {
        Err(failure) if failure.reason() == Some(Reason::OrderNotExist) => fine(
            NAME,
            "WeChat accepts our signature, and we can verify WeChat's.",
        ),
        Ok(_) => fine(NAME, "WeChat answered, and its signature is valid."),
        Err(Failure::NoAnswer) => wrong(NAME, "WeChat Pay does not answer."),
        Err(Failure::Inconclusive(error)) if error.kind == Kind::Unverified => wrong(
            NAME,
            "WeChat's answer could not be verified: check the API key, and for APIv3 the \
             APIv3 key and WeChat Pay's public key.",
        ),
        Err(failure) => wrong(
            NAME,
            format!("WeChat refuses: {} {}", words(failure), compare(context)),
        ),
    }
}

async fn check_clock<R: Runtime>(cx: &Services<R>, context: &MerchantContext) -> Option<Check> {
    const NAME: &str = "clock";
    let (passed, ahead_s) = cx.upstream(context).echo().await?;
    Some(match (ahead_s, passed) {
        (Some(ahead_s), _) if ahead_s.abs() > MAX_CLOCK_DIFFERENCE_S => wrong(
            NAME,
            format!("{}: set the clock of this machine.", clocks(ahead_s)),
        ),
        (Some(ahead_s), Ok(())) => fine(NAME, format!("{}; 300 are allowed.", clocks(ahead_s))),
        (_, Err(failure)) => wrong(
            NAME,
            format!("WeChat's self-test failed: {}", words(failure)),
        ),
        (None, Ok(())) => unknown(NAME, "WeChat's answer does not contain the time."),
    })
}

async fn check_certificates<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
) -> Option<Check> {
    const NAME: &str = "certificates";
    if !matches!(context.merchant.dialect, Dialect::V3(_)) {
        return None;
    }
    let own = context
        .credentials
        .v3
        .as_ref()
        .and_then(|v3| v3.not_after_ms);
    if let Some(until_ms) = own.filter(|until_ms| *until_ms <= cx.runtime.now_ms()) {
        let says = format!(
            "The merchant's own certificate expired at {}. {}",
            rfc3339(until_ms),
            Code::CertificateExpired.advice()
        );
        return Some(wrong(NAME, says));
    }
    if let Some(until_ms) = own.filter(|until_ms| until_ms - cx.runtime.now_ms() < SOON_MS) {
        let until = rfc3339(until_ms);
        let says = format!("The merchant's own certificate expires at {until}: apply for another.");
        return Some(wrong(NAME, says));
    }
    let keyring = cx.upstream(context).keyring(None).await;
    let last_ms = keyring.certificates.iter().map(|c| c.not_after_ms()).max();
    let public_key = keyring.public_key.as_ref().map(|(id, _)| id.as_str());
    Some(match (last_ms, public_key) {
        (None, None) => wrong(
            NAME,
            "There is neither a platform certificate nor WeChat Pay's public key: check the \
             APIv3 key, or enter wechatpay_public_key_id and wechatpay_public_key.",
        ),
        (None, Some(id)) => fine(NAME, format!("WeChat signs with its public key {id}.")),
        (Some(until_ms), _) if until_ms - cx.runtime.now_ms() < SOON_MS => wrong(
            NAME,
            format!(
                "WeChat's platform certificate expires at {}, and no other is known.",
                rfc3339(until_ms)
            ),
        ),
        (Some(until_ms), _) => fine(
            NAME,
            format!(
                "WeChat's platform certificate is valid until {}.",
                rfc3339(until_ms)
            ),
        ),
    })
}

/// Checks the client certificate. Only a call that needs it proves it: a refund
/// of an order that does not exist is requested, and WeChat refuses it after it
/// has checked the certificate.
async fn check_client_certificate<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
    number: &OutTradeNo,
) -> Option<Check> {
    const NAME: &str = "client_certificate";
    let tried = cx.upstream(context).try_client_certificate(number).await?;
    let mch_id = &context.merchant.account.mch_id;
    // Of a binding's certificate the runtime does not tell when it expires.
    let entered = context.credentials.client.as_ref();
    let until_ms = entered.map(|client| client.not_after_ms);
    Some(match tried {
        Ok(()) if until_ms.is_some_and(|until_ms| until_ms - cx.runtime.now_ms() < SOON_MS) => {
            wrong(
                NAME,
                format!(
                    "The client certificate for {mch_id} expires at {}: apply for another, and set \
                     it with POST /admin/merchants/{{id}}/rotate.",
                    rfc3339(until_ms.unwrap_or_default())
                ),
            )
        }
        Ok(()) => fine(
            NAME,
            format!("WeChat accepts the client certificate for {mch_id}."),
        ),
        Err(Failure::Inconclusive(error)) if error.kind == Kind::ClientCertificateRefused => wrong(
            NAME,
            format!(
                "WeChat refuses the client certificate for {mch_id}: {} {}",
                words(error),
                Code::ClientCertificateRefused.advice()
            ),
        ),
        Err(Failure::NoAnswer) => wrong(
            NAME,
            "With the client certificate WeChat Pay does not answer: check whether the certificate has expired and whether its binding can be reached.",
        ),
        Err(failure) => wrong(NAME, words(failure)),
    })
}

/// Makes an order that cannot be paid, because its code is not shown. The
/// second check is returned when WeChat accepts the order only without
/// `time_expire`: then the clocks differ, and the appid is right.
async fn check_appid<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
    number: OutTradeNo,
) -> (Check, Option<Check>) {
    const NAME: &str = "appid";
    let merchant = &context.merchant;
    let Ok(money) = Money::new(1, merchant.currency) else {
        return (unknown(NAME, "The smallest amount is none."), None);
    };
    let terms = Terms {
        out_trade_no: number.clone(),
        account: merchant.account.clone(),
        body: "Self-test, not for sale".to_owned(),
        money,
        trade_type: TradeType::Native,
        openid: None,
        attach: None,
        notify_url: None,
        metadata: Default::default(),
        expires_at_ms: cx.runtime.now_ms() + 10 * 60 * 1000,
    };
    let upstream = cx.upstream(context);
    let prepay = |time_expire_ms| {
        upstream.prepay(Prepay {
            terms: &terms,
            payer_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            time_expire_ms,
        })
    };
    let mut clock = None;
    let made = match prepay(Some(terms.expires_at_ms)).await {
        Err(refused) => match prepay(None).await {
            Ok(made) => {
                clock = Some(clocks_differ(cx, &words(refused)));
                Ok(made)
            }
            Err(_) => Err(refused),
        },
        made => made,
    };
    let appid = match made {
        Ok(_) => {
            // If it cannot be closed, it expires.
            let _ = upstream.close(&number, None).await;
            let account = &merchant.account;
            fine(
                NAME,
                format!(
                    "{} may take payments for {}.",
                    account.appid, account.mch_id
                ),
            )
        }
        Err(error) => wrong(
            NAME,
            format!(
                "WeChat refuses a test order: {} {}",
                words(error),
                compare(context)
            ),
        ),
    };
    (appid, clock)
}

/// WeChat refuses an expiry that is ten minutes in the future by this gateway's
/// clock.
fn clocks_differ<R: Runtime>(cx: &Services<R>, refusal: &str) -> Check {
    let way_back = match cx.config.development {
        true => {
            "set the clock of this machine, or return the sandbox to the real time with \
             POST /sandbox/time {\"ahead_seconds\": 0}."
        }
        false => "set the clock of this machine.",
    };
    let says = format!(
        "WeChat refuses an order with an expiry in ten minutes, and accepts it without one \
         ({refusal}) Its clock and ours differ: {way_back}"
    );
    wrong("clock", says)
}

/// Checks the Mini Program's secret in the same way, if there is a Mini
/// Program.
async fn check_mini_program_secret<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
) -> Option<Check> {
    const NAME: &str = "mini_program_secret";
    let mini_program = context.merchant.mini_program.as_ref()?;
    if context.credentials.mini_program_secret.is_none() {
        return Some(wrong(
            NAME,
            "There is no mini_program_secret: the Mini Program's payers cannot be identified. Enter it beside mini_program.",
        ));
    }
    let said = session(cx, context, "doctor".to_owned()).await;
    Some(said_to_no_code(NAME, &mini_program.appid, said))
}

/// Checks the app secret with an invented code: WeChat refuses the code only
/// after it has checked the secret.
async fn check_app_secret<R: Runtime>(cx: &Services<R>, context: &MerchantContext) -> Check {
    const NAME: &str = "app_secret";
    if context.credentials.app_secret.is_none() {
        let development = cx.config.development;
        return match context.merchant.quick_auth_service(development) {
            Some(_) => unknown(
                NAME,
                "There is no app_secret: the quick_auth service identifies payers in WeChat.",
            ),
            None => wrong(
                NAME,
                "There is no app_secret and no quick_auth service: payers in WeChat cannot be identified, so they cannot pay there. Enter the app_secret of the appid.",
            ),
        };
    }
    let said = token(cx, context, "doctor".to_owned()).await;
    said_to_no_code(NAME, context.merchant.account.payer_appid(), said)
}

/// Warns where another merchant has the same account at WeChat.
async fn check_account<R: Runtime>(cx: &Services<R>, context: &MerchantContext) -> Option<Check> {
    let others = same_account(&cx.runtime, &context.merchant).await;
    let others = others
        .inspect_err(|error| error.log_cause(&cx.runtime))
        .ok()?;
    account_warning(&others).map(|says| unknown("account", says))
}

/// Checks the notice URL: WeChat calls public HTTPS addresses without a query
/// (checklist G10), and iOnline only the two usual ports.
fn check_notify_url<R: Runtime>(cx: &Services<R>, context: &MerchantContext) -> Check {
    const NAME: &str = "notify_url";
    let address = cx.config.notify_url(&context.merchant);
    let Ok(url) = Url::parse(&address) else {
        return wrong(NAME, format!("{address} is no address."));
    };
    let public = match url.host() {
        Some(Host::Domain(name)) => name.contains('.') && !name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => !ip.is_loopback() && !ip.is_private(),
        Some(Host::Ipv6(ip)) => !ip.is_loopback(),
        None => false,
    };
    let ionline = matches!(context.merchant.dialect, Dialect::Ionline(_));
    if cx.config.development {
        unknown(NAME, format!("{address} is for development."))
    } else if url.scheme() != "https" || !public {
        wrong(
            NAME,
            format!("{address} cannot be reached by WeChat: PUBLIC_URL must be https and public."),
        )
    } else if ionline && !matches!(url.port(), None | Some(443)) {
        wrong(
            NAME,
            format!("{address} has a port that iOnline does not call."),
        )
    } else {
        fine(
            NAME,
            format!(
                "WeChat sends notices to {address}; no firewall or login may be in front of it."
            ),
        )
    }
}

/// Fetches the domain check files as WeChat does, from `PUBLIC_URL`.
async fn check_domain_files<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
) -> Option<Check> {
    const NAME: &str = "domain_files";
    let files = &context.merchant.domain_files.0;
    let mut there = Vec::new();
    for (file, contents) in files {
        let address = format!("{}/{file}", cx.config.public_url);
        let Ok(request) = http::Request::get(&address).body(Vec::new()) else {
            return Some(wrong(NAME, format!("{address} is no address.")));
        };
        match cx.runtime.fetch(Route::Merchant, request).await {
            Ok(answer) if answer.status() != http::StatusCode::OK => {
                let status = answer.status().as_u16();
                return Some(wrong(
                    NAME,
                    format!(
                        "{address} answers {status}: the whole host of PUBLIC_URL must lead \
                         to the gateway. After a change this takes up to 30 seconds."
                    ),
                ));
            }
            Ok(answer) if answer.body() != contents.as_bytes() => {
                return Some(wrong(
                    NAME,
                    format!("{address} has other contents than domain_files."),
                ));
            }
            Ok(_) => there.push(address),
            Err(error) => {
                return Some(unknown(
                    NAME,
                    format!(
                        "{address} could not be fetched from here ({error}): open it in a \
                         browser."
                    ),
                ));
            }
        }
    }
    (!there.is_empty()).then(|| fine(NAME, format!("There is {}.", there.join(", "))))
}

fn check_directory<R: Runtime>(cx: &Services<R>) -> Check {
    let directory = format!("{}/pay/", cx.config.public_url);
    unknown(
        "jsapi_directory",
        format!(
            "Register exactly {directory} as payment directory on WeChat Pay's merchant platform."
        ),
    )
}

/// Warns about what a leaked api-key alone allows.
fn check_api_key_alone(context: &MerchantContext) -> Check {
    const NAME: &str = "require_secret";
    match context.merchant.require_secret {
        true => fine(
            NAME,
            "Refunds, and addresses outside redirect_origins, need the api-secret.",
        ),
        false => unknown(
            NAME,
            "Recommended: switch require_secret on. Without it a leaked api-key alone can refund \
             paid orders, and have notices and payers sent to any address.",
        ),
    }
}

/// Warns where notices may be delivered unencrypted.
fn check_http_notify_url(context: &MerchantContext) -> Check {
    const NAME: &str = "http_notify_url";
    match context.merchant.http_notify_url {
        false => fine(NAME, "Notices are forwarded over https only."),
        true => unknown(
            NAME,
            "A notify_url may begin with http://: what is sent there can be read and changed in transit, and only the check of its signature (WeCeive-Signature, or WeChat's sign) \
             protects the merchant. Where every address is https, switch http_notify_url off.",
        ),
    }
}

fn clocks(ahead_s: i64) -> String {
    let way = if ahead_s < 0 { "behind" } else { "ahead of" };
    format!("WeChat's clock is {} seconds {way} ours", ahead_s.abs())
}

/// The settings to compare where WeChat refuses.
fn compare(context: &MerchantContext) -> &'static str {
    match context.merchant.dialect {
        Dialect::V2 => "Compare api_key, sign_type, appid and mch_id with the merchant platform.",
        Dialect::V3(_) => {
            "Compare serial_no, private_key, appid and mch_id with the merchant platform."
        }
        Dialect::Ionline(_) => "Compare api_key, mid and sub_appid with what iOnline has issued.",
    }
}

/// An upstream's refusal as a sentence.
fn words(error: impl Into<ApiError>) -> String {
    let error = error.into();
    let message = &error.message;
    let text = |name: &str| message.get(name).and_then(Value::as_str);
    let code = text("err_code").or_else(|| text("code"));
    let said = text("err_code_des")
        .or_else(|| text("return_msg"))
        .or_else(|| text("message"));
    let difference = text("difference")
        .map(|d| format!(" {d}"))
        .unwrap_or_default();
    let sentence = |text: &str| match text.ends_with(['.', '。']) {
        true => text.to_owned(),
        false => format!("{text}."),
    };
    match (code, said.or_else(|| message.as_str())) {
        (Some(code), Some(said)) => format!("{}{difference}", sentence(&format!("{code}, {said}"))),
        (None, Some(said)) => sentence(said),
        (code, None) => sentence(code.unwrap_or(error.code.name())),
    }
}
