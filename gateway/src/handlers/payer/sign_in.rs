//! The payer's sign-in: the redirects that find the openid.
//!
//! ```text
//! page ─▶ WeChat's authorise page ─▶ /oauth/callback ─▶ page       with our app secret
//! page ─▶ a Quick Auth service ─▶ /oauth/return ─▶ page            as its client
//! page on another host ─▶ /pay/sign-in ─▶ one of the two ways above ─▶ that page
//! shop ─▶ /wx-bridge/oauth_bridge.php ─▶ WeChat ─▶ /oauth/callback ─▶ shop
//!                                                                  as the service
//! ```
//!
//! A sign-in in progress is a signed cookie, named by the random `state` that
//! is sent through WeChat; so a callback counts only in the browser that began
//! it, and once. The same callback opened again (the back button, a reload)
//! redirects to the page. The result of a sign-in is a signed cookie too: the
//! openid with the appid it belongs to. The gateway never puts an openid into
//! an address of its own; another operator's Quick Auth service does, and the gateway removes it at
//! once. When a sign-in fails, the payer is redirected to the page, which says so once; opening it
//! again begins a new sign-in.
//!
//! WeChat's own answer is verified: that openid is valid for every merchant of
//! the appid. The answer of another operator's Quick Auth service is not
//! signed: that openid is valid only for the merchant whose service it is, and
//! only to pay with, which its owner alone can do. No limit counts by it
//! ([`sessions::verified_payer`](crate::auth::sessions::verified_payer)). The
//! two are in cookies of different names and purposes.
//!
//! A page on another host gets no cookie: the openid is in a token in the
//! fragment of its address, sealed, and bound to the checkout, the appid and the
//! page's origin ([`arrive_at_host`]). A `state` that the page makes up shows it
//! that the token answers its own sign-in.
//!
//! Each cookie's content has a version ([`VERSION`]). A cookie of another
//! version is ignored: its payer signs in again.

use super::{MAX_PAGE_BYTES, error_page, visit};
use crate::auth::oauth::exchange;
use crate::auth::sessions::{
    FAILED_COOKIE, FAILURES, Flow, Goal, arrive, arrive_at_host, authorize, end, flow, is_openid,
    sign_in, with_fields,
};
use crate::auth::sessions::{name_of, new_cookie};
use crate::http::address::origin;
use crate::http::error::{ApiError, Code};
use crate::http::message::{query, redirect, set};
use crate::merchants::directory::MerchantContext;
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use http::header;
use std::rc::Rc;

/// `GET /wx-bridge/oauth_bridge.php?quick_auth=…&redirect=…` (WeCeive API,
/// "Wemine Quick Auth Service"): fetches the payer's openid for a shop and
/// appends `wx_openid` to the redirect, whose origin must be registered.
pub async fn quick_auth<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let query = query(request);
    let needed = |name: &str| {
        query
            .get(name)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| {
                ApiError::field(
                    Code::FieldMissing,
                    name,
                    format!("The field {name} is required."),
                )
            })
    };
    let (token, target) = (needed("quick_auth")?, needed("redirect")?);
    let context = cx
        .directory
        .by_quick_auth(&cx.runtime, &cx.config.master_key, token)
        .await?
        .ok_or_else(|| {
            ApiError::field(
                Code::QuickAuthUnknown,
                "quick_auth",
                Code::QuickAuthUnknown.advice(),
            )
        })?;
    let registered = origin(target).is_some_and(|origin| {
        let development = cx.config.development;
        origin == cx.config.public_url || context.merchant.registers(&origin, development)
    });
    if !registered {
        return Err(ApiError::field(
            Code::RedirectRefused,
            "redirect",
            "The redirect's origin is not registered for this merchant.",
        ));
    }
    authorize(cx, &context, Goal::Shop(target.clone()))
}

/// `GET /oauth/callback?code=…&state=…`: WeChat returns the browser.
pub async fn oauth_callback<R: Runtime>(cx: &Services<R>, request: &Request) -> Response {
    match finish_oauth(cx, request).await {
        Ok(response) => response,
        Err(error) => {
            error.log_cause(&cx.runtime);
            go_back(cx, request, "state", error.code).await
        }
    }
}

/// Ends a failed sign-in: redirects to the page that began it, which shows the
/// error; where that page is not known, shows an error page.
async fn go_back<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    state: &str,
    code: Code,
) -> Response {
    let state = query(request).remove(state).unwrap_or_default();
    let flow = flow(cx, request, &state);
    let mut response = match flow.as_ref().map(|flow| &flow.goal) {
        Some(Goal::Page(path)) => {
            let mut response = redirect(&format!("{}{path}", cx.config.public_url));
            let failed = new_cookie(cx, FAILED_COOKIE, shown(code).name(), "/pay/", 60);
            set(&mut response, header::SET_COOKIE, &failed);
            response
        }
        Some(Goal::Host { address, state, .. }) => failed_at_host(address, state, code),
        Some(Goal::Shop(_)) | None => return error_page(cx, request, code).await,
    };
    end(cx, &mut response, &state, flow);
    response
}

/// A failure as the page shows it.
fn shown(code: Code) -> Code {
    let known = FAILURES.into_iter().find(|failure| *failure == code);
    known.unwrap_or(Code::OpenIdRequired)
}

fn failed_at_host(address: &str, state: &str, code: Code) -> Response {
    let code = shown(code).name();
    redirect(&format!("{address}#weceive={state}.{code}"))
}

/// `GET /pay/sign-in?s=…&back=…&state=…`: a checkout's page on another host sends
/// the payer here, and gets the browser back at `back`, whose origin must be
/// registered, with `#weceive=STATE.TOKEN`, or with an error's code instead of
/// the token.
pub async fn pay_sign_in<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let query = query(request);
    let field = |name: &str| query.get(name).cloned().unwrap_or_default();
    let (address, state) = (field("back"), field("state"));
    let visit = visit(cx, request, false).await?;
    let checkout = visit.facts.checkout.id;
    let registered = origin(&address).is_some_and(|origin| {
        let development = cx.config.development;
        visit.context.merchant.registers(&origin, development)
    });
    if address.len() > MAX_PAGE_BYTES {
        return Err(ApiError::field(
            Code::FieldInvalid,
            "back",
            format!("The field back must have at most {MAX_PAGE_BYTES} bytes."),
        ));
    }
    if !registered || address.contains('#') {
        return Err(ApiError::field(
            Code::RedirectRefused,
            "back",
            "The address's origin is not registered for this merchant, or it has a fragment.",
        ));
    }
    let usable =
        (16..=64).contains(&state.len()) && state.bytes().all(|b| b.is_ascii_alphanumeric());
    if !usable {
        return Err(ApiError::field(
            Code::FieldInvalid,
            "state",
            "The field state must be 16 to 64 letters and digits.",
        ));
    }
    let goal = Goal::Host {
        address: address.clone(),
        checkout,
        state: state.clone(),
    };
    Ok(match sign_in(cx, &visit.context, goal) {
        Ok(redirect) => redirect,
        Err(error) => {
            let code = error.code;
            error.log_cause(&cx.runtime);
            failed_at_host(&address, &state, code)
        }
    })
}

async fn finish_oauth<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let failed = || ApiError::of(Code::SignInFailed);
    let mut query = query(request);
    let state = query.remove("state").ok_or_else(failed)?;
    let code = query.remove("code").ok_or_else(failed)?;
    let (flow, context) = resume(cx, request, &state).await?;
    if flow.service.is_some() {
        return Err(failed());
    }
    if flow.ended {
        return go_on(cx, &context, flow);
    }
    let exchanged = exchange(cx, &context, code).await;
    if let Err(error) = &exchanged
        && error.code == Code::SignInNotSetUp
    {
        cx.report_sign_in(&context).await;
    }
    let openid = exchanged?;
    let mut response = match &flow.goal {
        Goal::Page(path) => arrive(cx, &context, openid, None, path),
        Goal::Shop(target) => {
            let url = with_fields(target, &[("wx_openid", &openid)]).ok_or_else(failed)?;
            redirect(&url)
        }
        Goal::Host {
            address,
            checkout,
            state,
        } => arrive_at_host(cx, &context, openid, None, (address, checkout, state))
            .ok_or_else(failed)?,
    };
    end(cx, &mut response, &state, Some(flow));
    Ok(response)
}

/// The sign-in that this browser has begun under this state, and its merchant.
async fn resume<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    state: &str,
) -> Result<(Flow, Rc<MerchantContext>), ApiError> {
    let failed = || ApiError::of(Code::SignInFailed);
    let flow = flow(cx, request, state).ok_or_else(failed)?;
    let context = cx
        .directory
        .by_id(&cx.runtime, &cx.config.master_key, &flow.merchant)
        .await?
        .ok_or_else(failed)?;
    Ok((flow, context))
}

/// Answers a callback that is opened again: a page of this gateway begins a
/// sign-in itself if it still needs one; a shop gets the openid again.
fn go_on<R: Runtime>(
    cx: &Services<R>,
    context: &MerchantContext,
    flow: Flow,
) -> Result<Response, ApiError> {
    match flow.goal {
        Goal::Page(path) => Ok(redirect(&format!("{}{path}", cx.config.public_url))),
        goal @ Goal::Shop(_) => authorize(cx, context, goal),
        // Without a token: the page begins a sign-in itself if it needs one.
        Goal::Host { address, .. } => Ok(redirect(&address)),
    }
}

/// `GET /oauth/return?flow=…&wx_openid=…`: a Quick Auth service returns the
/// browser.
///
/// The service's answer is not signed: see the head of this file for what its
/// openid may be used for.
pub async fn quick_auth_return<R: Runtime>(cx: &Services<R>, request: &Request) -> Response {
    match finish_quick_auth(cx, request).await {
        Ok(response) => response,
        Err(error) => {
            error.log_cause(&cx.runtime);
            go_back(cx, request, "flow", error.code).await
        }
    }
}

async fn finish_quick_auth<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    let failed = || ApiError::of(Code::SignInFailed);
    let mut query = query(request);
    let state = query.remove("flow").ok_or_else(failed)?;
    let (flow, context) = resume(cx, request, &state).await?;
    // The service that the payer was sent to must still be the merchant's.
    let development = cx.config.development;
    let service = context.merchant.quick_auth_service(development);
    let service = service.map(name_of);
    if service.is_none() || flow.service != service {
        return Err(failed());
    }
    if flow.ended {
        return go_on(cx, &context, flow);
    }
    let openid = query
        .remove("wx_openid")
        .filter(|openid| is_openid(openid))
        .ok_or_else(failed)?;
    let mut response = match &flow.goal {
        Goal::Page(path) => arrive(cx, &context, openid, service, path),
        Goal::Host {
            address,
            checkout,
            state,
        } => arrive_at_host(cx, &context, openid, service, (address, checkout, state))
            .ok_or_else(failed)?,
        Goal::Shop(_) => return Err(failed()),
    };
    end(cx, &mut response, &state, Some(flow));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_an_address_has_already_is_replaced() {
        for (address, with) in [
            ("https://a.example", "https://a.example/?wx_openid=o1"),
            (
                "https://a.example/?x=%20+y&flag#top",
                "https://a.example/?x=%20+y&flag&wx_openid=o1#top",
            ),
            (
                "https://a.example/?wx_openid=o9&x=1",
                "https://a.example/?x=1&wx_openid=o1",
            ),
            (
                "https://a.example/?x=1&wx%5Fopenid=o9&wx_openid",
                "https://a.example/?x=1&wx_openid=o1",
            ),
            (
                "https://a.example/?wx_openid=o9",
                "https://a.example/?wx_openid=o1",
            ),
        ] {
            let fields = [("wx_openid", "o1")];
            assert_eq!(
                with_fields(address, &fields).as_deref(),
                Some(with),
                "{address}"
            );
        }
    }
}
