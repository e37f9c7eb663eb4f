//! `/mini/…`: a checkout that is paid in the merchant's Mini Program, with the
//! kit in `miniprogram/`.
//!
//! ```text
//! GET  /mini/status?s=ID                how the purchase stands
//! POST /mini/order?s=ID   {"code":…}    the same, and the package to pay with
//! POST /mini/check?s=ID                 "something happened": asks WeChat, then as status
//! ```
//!
//! The code is `wx.login`'s; it becomes the payer's openid here, and neither
//! the openid nor WeChat's session key goes back. No cookie speaks for the
//! payer, so a call that another site's page makes gains nothing.

use crate::Gateway;
use crate::book::{Call, CheckoutFacts, Offer, PrepareCheckout};
use crate::handlers::api::client_ip;
use crate::handlers::payer::page::Visit;
use crate::http::error::{ApiError, Code};
use crate::http::fields::Fields;
use crate::http::message::json;
use crate::merchants::directory::MerchantContext;
use crate::observe::Log;
use crate::runtime::{Request, Response, Runtime};
use checkout::{State, format_amount};
use order::TradeType;
use serde_json::{Value, json};
use wechatpay::Secret;
use wechatpay::code2session::{self, Answer};
use wechatpay::oauth::{ErrorCode, TokenError};

/// `wx.login`'s codes have 32 characters.
const MAX_CODE_BYTES: usize = 128;

/// Who pays, under which application.
pub(crate) struct Payer {
    appid: String,
    openid: String,
}

impl<R: Runtime> Gateway<R> {
    /// `GET /mini/status`.
    pub(crate) async fn mini_status(&self, request: &Request) -> Result<Response, ApiError> {
        let visit = self.visit(request, false).await?;
        Ok(json(200, &self.mini_view(&visit, &visit.facts)))
    }

    /// `POST /mini/check`. What `wx.requestPayment` said proves nothing;
    /// in every case WeChat is queried.
    pub(crate) async fn mini_check(&self, request: &Request) -> Result<Response, ApiError> {
        let visit = self.visit(request, true).await?;
        Ok(json(200, &self.mini_view(&visit, &visit.facts)))
    }

    /// `POST /mini/order`. A purchase that is no longer open is answered as by
    /// status, and spends no code.
    pub(crate) async fn mini_order(&self, request: &Request) -> Result<Response, ApiError> {
        let code = Fields::read(request.body())?.required("code", MAX_CODE_BYTES)?;
        let visit = self.visit(request, false).await?;
        if visit.facts.state != State::Open {
            return Ok(json(200, &self.mini_view(&visit, &visit.facts)));
        }
        let context = &visit.context;
        let payer = self.mini_payer(context, code).await?;
        let prepare = PrepareCheckout {
            id: visit.facts.checkout.id.clone(),
            trade_type: TradeType::Jsapi,
            openid: Some(payer.openid),
            appid: Some(payer.appid.clone()),
            payer_ip: client_ip(request),
        };
        let call = Call::PrepareCheckout(prepare);
        let offer = self.book(&context.merchant.id, call).await;
        let prepayment = match offer.map_err(ApiError::for_payer)? {
            Offer::NotOpen(facts) => return Ok(json(200, &self.mini_view(&visit, &facts))),
            Offer::Pay { prepayment, .. } => prepayment,
        };
        let upstream = self.upstream(context);
        let package = upstream.jsapi(&prepayment, &payer.appid).await?;
        let mut answer = self.mini_view(&visit, &visit.facts);
        if let Some(answer) = answer.as_object_mut() {
            // WeChat knows the Mini Program's own appid.
            let payment = json!({
                "timeStamp": package.time_stamp,
                "nonceStr": package.nonce_str,
                "package": package.package,
                "signType": package.sign_type,
                "paySign": package.pay_sign,
            });
            answer.insert("payment".to_owned(), payment);
        }
        Ok(json(200, &answer))
    }

    /// The openid for `wx.login`'s code, which is good once.
    async fn mini_payer(&self, context: &MerchantContext, code: String) -> Result<Payer, ApiError> {
        match self.session(context, code).await? {
            Ok(payer) => Ok(payer),
            Err(error) => {
                self.runtime.log(format_args!("jscode2session: {error}"));
                Err(ApiError::of(match error {
                    TokenError::Refused { code, .. } => refused(code),
                    TokenError::Malformed | TokenError::Field(_) => Code::UpstreamUnavailable,
                }))
            }
        }
    }

    /// What WeChat says to `wx.login`'s code.
    pub(crate) async fn session(
        &self,
        context: &MerchantContext,
        code: String,
    ) -> Result<Result<Payer, TokenError>, ApiError> {
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
        let answer = self.ask_weixin(&url).await?;
        Ok(Answer::read(answer.body()).map(|Answer { openid }| Payer { appid, openid }))
    }

    /// What the payer reads; the amount as text in the payer's language.
    fn mini_view(&self, visit: &Visit, facts: &CheckoutFacts) -> Value {
        let purchase = &facts.checkout.purchase;
        let (state, paid_at_ms) = match facts.state {
            State::Open => ("open", None),
            State::Confirming => ("confirming", None),
            State::Paid { paid_at_ms } | State::PartlyRefunded { paid_at_ms } => {
                ("paid", Some(paid_at_ms))
            }
            State::Refunded { paid_at_ms } => ("refunded", Some(paid_at_ms)),
            State::Expired => ("expired", None),
            State::Closed => ("closed", None),
            State::Failed => ("failed", None),
        };
        // A kit of an earlier version knows `paid`, and no state between.
        let partly_refunded = matches!(facts.state, State::PartlyRefunded { .. });
        json!({
            "partly_refunded": partly_refunded,
            "merchant": visit.context.merchant.name,
            "description": purchase.body,
            "amount": format_amount(purchase.money, visit.lang),
            "out_trade_no": purchase.out_trade_no.as_str(),
            "state": state,
            "paid_at_ms": paid_at_ms,
            "now_ms": self.runtime.now_ms(),
            "expires_at_ms": facts.checkout.expires_at_ms,
            "lang": visit.lang.tag(),
        })
    }
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
