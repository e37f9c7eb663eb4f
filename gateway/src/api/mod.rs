//! The merchant's API under `/v1/`: one file per resource, one function per
//! call. Reads the request, asks the merchant's book, writes the answer.

pub mod account;
pub mod audit;
pub mod checkout;
pub mod checksign;
pub mod close;
pub mod delivery;
pub mod doctor;
pub mod link;
pub mod micropay;
pub mod order;
pub mod product;
pub mod refund;
pub mod statement;
pub mod token;

use crate::Gateway;
use crate::directory::Known;
use crate::error::{ApiError, Code};
use crate::http::header_text;
use crate::limits::Rate;
use crate::scope;
use crate::seal::{fingerprint, short};
use crate::world::{Request, World};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

/// What a call demands of its caller (seed 000, "Authentication").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The header `api-key`, or `api-token`.
    Basic,
    /// `api-key` and `api-secret`, or `api-token` (seed 001).
    Secret,
    /// `api-key` and `api-secret`.
    Keys,
}

impl<W: World> Gateway<W> {
    /// The merchant that calls.
    pub(crate) async fn caller(
        &self,
        request: &Request,
        access: Access,
    ) -> Result<Rc<Known>, ApiError> {
        let Some(api_key) = header_text(request, "api-key") else {
            return match access {
                Access::Basic | Access::Secret => self.token_holder(request).await,
                Access::Keys => Err(ApiError::of(Code::ApiKeyMissing)),
            };
        };
        let known = async {
            self.directory
                .by_api_key(&self.world, &self.config, api_key)
                .await?
                .ok_or_else(|| ApiError::of(Code::ApiKeyUnknown))
        };
        let known = self.guess(request, "api-key", known).await?;
        let print = fingerprint(api_key);
        if access != Access::Basic {
            let checked = async {
                let secret = header_text(request, "api-secret")
                    .ok_or_else(|| ApiError::of(Code::ApiSecretMissing))?;
                if !known.has_secret(secret) {
                    return Err(ApiError::of(Code::ApiSecretWrong));
                }
                Ok(())
            };
            self.guess(request, &print, checked).await?;
        }
        self.shown("key", &print, &print)?;
        Ok(known)
    }

    /// Somebody has shown a key that holds: it is theirs what follows, and
    /// they may ask as often as one key may.
    fn shown(&self, kind: &str, fingerprint: &str, asks: &str) -> Result<(), ApiError> {
        scope::is(format!("{kind} {}", short(fingerprint)));
        let rate = Rate::of_key(self.config.api_calls_per_second);
        self.limit("key", asks, rate)
    }

    /// The merchant whose api-token the request carries: it stands for both
    /// keys.
    async fn token_holder(&self, request: &Request) -> Result<Rc<Known>, ApiError> {
        let token =
            header_text(request, "api-token").ok_or_else(|| ApiError::of(Code::ApiKeyMissing))?;
        let known = async {
            self.directory
                .by_token(&self.world, &self.config, token)
                .await?
                .ok_or_else(|| ApiError::of(Code::ApiTokenUnknown))
        };
        let known = self.guess(request, "api-token", known).await?;
        // A merchant's tokens are one key together: more of them ask no more.
        self.shown("token", &fingerprint(token), &known.merchant.id)?;
        Ok(known)
    }
}

/// The address of whoever sent the request, as Cloudflare tells it. Nobody
/// tells it in development, where everybody is on this machine.
pub(crate) fn client_ip(request: &Request) -> IpAddr {
    header_text(request, "cf-connecting-ip")
        .and_then(|text| text.parse().ok())
        .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address: IpAddr| {
            address.to_canonical()
        })
}
