//! The merchant's API under `/v1/`: one file per resource, one function per
//! call. Reads the request, asks the merchant's book, writes the answer.

pub mod checkout;
pub mod checksign;
pub mod order;

use crate::Gateway;
use crate::directory::Known;
use crate::error::{ApiError, Code};
use crate::http::header_text;
use crate::world::{Request, World};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

/// What a call demands of its caller (seed 000, "Authentication").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The header `api-key`.
    Basic,
    /// `api-key` and `api-secret`.
    Secret,
}

impl<W: World> Gateway<W> {
    /// The merchant that calls.
    pub(crate) async fn caller(
        &self,
        request: &Request,
        access: Access,
    ) -> Result<Rc<Known>, ApiError> {
        let api_key =
            header_text(request, "api-key").ok_or_else(|| ApiError::of(Code::ApiKeyMissing))?;
        let known = self
            .directory
            .by_api_key(&self.world, &self.config, api_key)
            .await?
            .ok_or_else(|| ApiError::of(Code::ApiKeyUnknown))?;
        if access == Access::Secret {
            let secret = header_text(request, "api-secret")
                .ok_or_else(|| ApiError::of(Code::ApiSecretMissing))?;
            if !known.has_secret(secret) {
                return Err(ApiError::of(Code::ApiSecretWrong));
            }
        }
        Ok(known)
    }
}

/// The address of whoever sent the request, as Cloudflare tells it. Nobody
/// tells it in development, where everybody is on this machine.
pub(crate) fn client_ip(request: &Request) -> IpAddr {
    header_text(request, "cf-connecting-ip")
        .and_then(|text| text.parse().ok())
        .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}
