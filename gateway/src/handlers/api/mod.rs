//! The merchant's API under `/v1/`: one file per resource, one function per
//! call. Reads the request, asks the merchant's book, writes the answer.

pub mod account;
pub mod audit;
pub mod checkout;
pub mod checksign;
pub mod close;
pub mod delivery;
pub mod doctor;
pub mod find;
pub mod link;
pub mod micropay;
pub mod order;
pub mod product;
pub mod refund;
pub mod statement;
pub mod timeline;
pub mod token;
pub mod totals;

use crate::Gateway;
use crate::http::address::{NotifyTargets, origin};
use crate::http::error::{ApiError, Code};
use crate::http::message::header_text;
use crate::http::rate_limit::Rate;
use crate::merchants::directory::MerchantContext;
use crate::merchants::seal::{fingerprint, short};
use crate::observe;
use crate::runtime::{Request, Runtime};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

/// What a call demands of its caller (seed 000, "Authentication").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The header `api-key`, or `api-token`, or both.
    Basic,
    /// `api-key` and `api-secret`; or `api-token`, alone or beside `api-key`
    /// (the older API's "Authentication").
    Secret,
    /// `api-key` and `api-secret`.
    Keys,
}

impl<R: Runtime> Gateway<R> {
    /// The merchant that calls.
    pub(crate) async fn caller(
        &self,
        request: &Request,
        access: Access,
    ) -> Result<Rc<MerchantContext>, ApiError> {
        let Some(api_key) = header_text(request, "api-key") else {
            return match access {
                Access::Basic | Access::Secret => self.token_holder(request).await,
                Access::Keys => Err(ApiError::of(Code::ApiKeyMissing)),
            };
        };
        let context = async {
            self.directory
                .by_api_key(&self.runtime, &self.config, api_key)
                .await?
                .ok_or_else(|| ApiError::of(Code::ApiKeyUnknown))
        };
        let context = self.guess(request, "api-key", context).await?;
        if access != Access::Keys && uses_token(request) {
            let holder = self.token_holder(request).await?;
            return match holder.merchant.id == context.merchant.id {
                true => Ok(holder),
                false => Err(ApiError::field(
                    Code::ApiTokenUnknown,
                    "api-token",
                    "The api-token is not one of this api-key's merchant.",
                )),
            };
        }
        if access != Access::Basic {
            self.check_secret(request, &context, api_key).await?;
        }
        let print = fingerprint(api_key);
        self.shown("key", &print, &print)?;
        Ok(context)
    }

    /// Checks the api-secret against the api-key that found the merchant.
    async fn check_secret(
        &self,
        request: &Request,
        context: &MerchantContext,
        api_key: &str,
    ) -> Result<(), ApiError> {
        let checked = async {
            let secret = header_text(request, "api-secret")
                .ok_or_else(|| ApiError::of(Code::ApiSecretMissing))?;
            match context.has_secret(secret) {
                true => Ok(()),
                false => Err(ApiError::of(Code::ApiSecretWrong)),
            }
        };
        self.guess(request, &fingerprint(api_key), checked).await
    }

    /// Whether the caller of a BASIC call, whom [`Gateway::caller`] has found,
    /// has shown more than the api-key. A wrong api-secret is refused as
    /// everywhere.
    pub(crate) async fn has_shown_secret(
        &self,
        request: &Request,
        context: &MerchantContext,
    ) -> Result<bool, ApiError> {
        if uses_token(request) {
            return Ok(true);
        }
        match (
            header_text(request, "api-key"),
            header_text(request, "api-secret"),
        ) {
            (Some(api_key), Some(_)) => self
                .check_secret(request, context, api_key)
                .await
                .map(|()| true),
            _ => Ok(false),
        }
    }

    /// Refuses a BASIC call that takes money out, where the merchant's
    /// `require_secret` demands the secret for it.
    pub(crate) async fn refuse_key_alone(
        &self,
        request: &Request,
        context: &MerchantContext,
    ) -> Result<(), ApiError> {
        match context.merchant.require_secret && !self.has_shown_secret(request, context).await? {
            true => Err(ApiError::of(Code::ApiSecretMissing)),
            false => Ok(()),
        }
    }

    /// The same of a BASIC call that names an address, where one of these leads
    /// outside the merchant's registered origins.
    pub(crate) async fn refuse_foreign_addresses(
        &self,
        request: &Request,
        context: &MerchantContext,
        addresses: &[(&str, &Option<String>)],
    ) -> Result<(), ApiError> {
        if !context.merchant.require_secret {
            return Ok(());
        }
        let is_foreign = |address: &str| {
            origin(address)
                .is_none_or(|origin| !context.merchant.redirect_origins.contains(&origin))
        };
        let foreign = addresses
            .iter()
            .find(|(_, address)| address.as_deref().is_some_and(is_foreign));
        match foreign {
            Some((field, _)) if !self.has_shown_secret(request, context).await? => {
                Err(ApiError::field(
                    Code::ApiSecretMissing,
                    field,
                    format!(
                        "The field {field} leads outside this merchant's redirect_origins: \
                         the header api-secret is needed for that."
                    ),
                ))
            }
            _ => Ok(()),
        }
    }

    /// Where this merchant's notices may be sent on to.
    pub(crate) fn notify_targets(&self, context: &MerchantContext) -> NotifyTargets {
        NotifyTargets::of(context.merchant.http_notify_url, self.config.development)
    }

    /// A refusal as its caller may learn it: which term of an order differs is
    /// told only to a caller that may read the order.
    pub(crate) async fn told_to(
        &self,
        request: &Request,
        context: &MerchantContext,
        error: ApiError,
    ) -> ApiError {
        let hides = error.code == Code::OrderExistsWithDifferentTerms
            && !self
                .has_shown_secret(request, context)
                .await
                .unwrap_or(false);
        match hides {
            true => ApiError::of(error.code),
            false => error,
        }
    }

    /// Records the authenticated caller: what follows is theirs, and
    /// they may ask as often as one key may.
    fn shown(&self, kind: &str, fingerprint: &str, asks: &str) -> Result<(), ApiError> {
        observe::set_actor(format!("{kind} {}", short(fingerprint)));
        let rate = Rate::of_key(self.config.api_calls_per_second);
        self.limit("key", asks, rate)
    }

    /// The merchant whose api-token the request carries: it stands for both
    /// keys.
    async fn token_holder(&self, request: &Request) -> Result<Rc<MerchantContext>, ApiError> {
        let token =
            header_text(request, "api-token").ok_or_else(|| ApiError::of(Code::ApiKeyMissing))?;
        let context = async {
            self.directory
                .by_token(&self.runtime, &self.config, token)
                .await?
                .ok_or_else(|| ApiError::of(Code::ApiTokenUnknown))
        };
        let context = self.guess(request, "api-token", context).await?;
        // A merchant's tokens are one key together: more of them ask no more.
        self.shown("token", &fingerprint(token), &context.merchant.id)?;
        Ok(context)
    }
}

/// Whether the api-token is what authenticates the request. Beside both keys
/// it is passed over.
fn uses_token(request: &Request) -> bool {
    let has = |name| header_text(request, name).is_some();
    has("api-token") && !(has("api-key") && has("api-secret"))
}

/// The client's address, as Cloudflare reports it. No client
/// tells it in development, where everybody is on this machine.
pub(crate) fn client_ip(request: &Request) -> IpAddr {
    header_text(request, "cf-connecting-ip")
        .and_then(|text| text.parse().ok())
        .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address: IpAddr| {
            address.to_canonical()
        })
}
