//! `/admin/…`: merchants made, rotated and looked at by whoever runs the
//! deployment. Guarded by `ADMIN_TOKEN`.

use crate::Gateway;
use crate::book::{Call, Report};
use crate::directory::ask;
use crate::error::{ApiError, Code};
use crate::fields::Fields;
use crate::http::{header_text, success};
use crate::merchant::{Credentials, Dialect, Merchant, NewMerchant, read_api_key};
use crate::registry::{self, Answer, KeyPair};
use crate::seal::fingerprint;
use crate::world::{Request, Response, World};
use serde_json::json;
use wechatpay::Secret;

/// How long an earlier pair of keys works beside a new one, so that a merchant
/// can change over without a gap.
const OVERLAP_MS: i64 = 24 * 60 * 60 * 1000;

impl<W: World> Gateway<W> {
    /// `POST /admin/merchants`: makes a merchant and its first keys, which are
    /// shown this once.
    pub(crate) async fn create_merchant(&self, request: &Request) -> Result<Response, ApiError> {
        self.admin(request)?;
        let delivery_secret = format!("whsec_{}", self.random_text(43));
        let fields = Fields::read(request.body())?;
        let new = NewMerchant::read(&fields, Secret::new(delivery_secret.as_str()))?;
        let mut nonce = [0; 12];
        self.world.random(&mut nonce);
        let sealed = new
            .credentials
            .seal(&new.id, &self.config.master_key, nonce)
            .map_err(|_| ApiError::of(Code::Internal))?;
        let merchant = Merchant {
            id: new.id,
            name: new.name,
            account: new.account,
            currency: new.currency,
            dialect: Dialect::V2,
            sign_type: new.sign_type,
            answers: new.answers,
            redirect_origins: new.redirect_origins,
            quick_auth_token: self.random_text(22),
            quick_auth: new.quick_auth,
            sealed,
            created_at_ms: self.world.now_ms(),
        };
        let keys = NewKeys::make(self);
        let data = json!({
            "id": merchant.id,
            "api-key": keys.api_key,
            "api-secret": keys.api_secret.expose(),
            "delivery_secret": delivery_secret,
            "quick_auth_token": merchant.quick_auth_token,
            "notify_url": self.config.notify_url(&merchant),
            "jsapi_directory": format!("{}/pay/", self.config.public_url),
        });
        let call = registry::Call::Create {
            merchant: Box::new(merchant),
            keys: keys.fingerprints(),
        };
        match ask(&self.world, &call).await? {
            Answer::Done => Ok(success(data)),
            Answer::Exists => Err(ApiError::field(
                Code::MerchantExists,
                "id",
                Code::MerchantExists.advice(),
            )),
            _ => Err(ApiError::of(Code::Internal)),
        }
    }

    /// `POST /admin/merchants/{id}/rotate`: a new pair of keys. The earlier
    /// ones work for another day, or with `{"revoke": true}` no longer. With
    /// `api_key` or `app_secret` the merchant's own credentials change too;
    /// notices that were signed with the API key before are believed for that
    /// day, and with `revoke` no longer.
    pub(crate) async fn rotate_merchant(
        &self,
        request: &Request,
        id: &str,
    ) -> Result<Response, ApiError> {
        self.admin(request)?;
        let fields = match request.body().is_empty() {
            true => Fields::of_query(Default::default()),
            false => Fields::read(request.body())?,
        };
        let revoke = fields.flag("revoke")?;
        let new = NewCredentials {
            api_key: read_api_key(&fields)?,
            app_secret: fields.text("app_secret", 64)?.map(Secret::new),
            revoke,
        };
        let sealed = match &new {
            NewCredentials {
                api_key: None,
                app_secret: None,
                ..
            } => None,
            _ => Some(self.sealed_anew(id, new).await?),
        };
        let now_ms = self.world.now_ms();
        let keys = NewKeys::make(self);
        let call = registry::Call::Rotate {
            id: id.to_owned(),
            keys: keys.fingerprints(),
            earlier_expire_at_ms: if revoke { now_ms } else { now_ms + OVERLAP_MS },
            sealed,
        };
        match ask(&self.world, &call).await? {
            Answer::Done => Ok(success(json!({
                "id": id,
                "api-key": keys.api_key,
                "api-secret": keys.api_secret.expose(),
            }))),
            Answer::NotFound => Err(ApiError::of(Code::MerchantNotFound)),
            // Somebody else changed the credentials in this very moment.
            _ => Err(ApiError::of(Code::Internal)),
        }
    }

    /// `GET /admin/merchants/{id}/report`: counters, alarms and deliveries.
    pub(crate) async fn merchant_report(
        &self,
        request: &Request,
        id: &str,
    ) -> Result<Response, ApiError> {
        self.admin(request)?;
        let report: Report = self.book(id, Call::Report).await?;
        serde_json::to_value(report)
            .map(success)
            .map_err(|_| ApiError::of(Code::Internal))
    }

    /// The merchant's credentials with what is new in them, sealed; and the
    /// sealed form they replace. Read from the registry itself: what is
    /// remembered here may be older than another change.
    async fn sealed_anew(&self, id: &str, new: NewCredentials) -> Result<[String; 2], ApiError> {
        let call = registry::Call::ById { id: id.to_owned() };
        let merchant = match ask(&self.world, &call).await? {
            Answer::Found(found) => found.merchant,
            _ => return Err(ApiError::of(Code::MerchantNotFound)),
        };
        let internal = |_| ApiError::of(Code::Internal);
        let key = &self.config.master_key;
        let old = Credentials::open(&merchant, key).map_err(internal)?;
        let now_ms = self.world.now_ms();
        let changes = new.api_key.as_ref().is_some_and(|key| *key != old.api_key);
        let (previous_api_key, previous_until_ms) = match (new.revoke, changes) {
            (true, _) => (None, 0),
            (false, true) => (Some(old.api_key.clone()), now_ms + OVERLAP_MS),
            (false, false) => (old.previous_api_key, old.previous_until_ms),
        };
        let credentials = Credentials {
            api_key: new.api_key.unwrap_or(old.api_key),
            previous_api_key,
            previous_until_ms,
            app_secret: new.app_secret.or(old.app_secret),
            delivery_secret: old.delivery_secret,
        };
        let mut nonce = [0; 12];
        self.world.random(&mut nonce);
        let sealed = credentials.seal(id, key, nonce).map_err(internal)?;
        Ok([merchant.sealed, sealed])
    }

    fn admin(&self, request: &Request) -> Result<(), ApiError> {
        let given = header_text(request, "authorization")
            .and_then(|text| text.strip_prefix("Bearer "))
            .map(Secret::new);
        if given.as_ref() == Some(&self.config.admin_token) {
            Ok(())
        } else {
            Err(ApiError::of(Code::AdminTokenWrong))
        }
    }
}

/// What is new in a merchant's credentials.
struct NewCredentials {
    api_key: Option<Secret>,
    app_secret: Option<Secret>,
    revoke: bool,
}

struct NewKeys {
    api_key: String,
    api_secret: Secret,
}

impl NewKeys {
    fn make<W: World>(gateway: &Gateway<W>) -> Self {
        Self {
            api_key: format!("live_{}", gateway.random_text(22)),
            api_secret: Secret::new(gateway.random_text(43)),
        }
    }

    fn fingerprints(&self) -> KeyPair {
        KeyPair {
            fingerprint: fingerprint(&self.api_key),
            secret_fingerprint: fingerprint(self.api_secret.expose()),
        }
    }
}
