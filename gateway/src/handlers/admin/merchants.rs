//! `/admin/…`: the operator of the deployment makes, rotates and reads
//! merchants. Guarded by `ADMIN_TOKEN`.

use crate::auth::keys::admin;
use crate::book::{Report, command};
use crate::http::error::{ApiError, Code};
use crate::http::fields::Fields;
use crate::http::message::{json_object, success};
use crate::merchants::credentials::{Credentials, Entered, OVERLAP_MS, fit_runtime};
use crate::merchants::merchant::{Merchant, NewMerchant, Settings, is_merchant_id};
use crate::merchants::people::Secrets;
use crate::merchants::registry::KeyPair;
use crate::merchants::registry::command::{
    ById, Change, Create, List, Reseal, Rotate, Saved, Sealed,
};
use crate::merchants::registry::people::{ResealPerson, SealedPeople};
use crate::merchants::seal::fingerprint;
use crate::merchants::shards::ask;
use crate::merchants::shared_account::{account_warning, same_account};
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use serde_json::{Value, json};
use wechatpay::Secret;

/// How many merchants' credentials one call seals under the current key.
const RESEALED_AT_ONCE: i64 = 100;
/// The usual and the largest number of merchants in a page.
const LISTED: i64 = 20;
const LISTED_AT_MOST: i64 = 100;

/// `POST /admin/merchants`: makes a merchant and its first keys, which are
/// shown only in this answer.
pub async fn create_merchant<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    admin(cx, request).await?;
    let delivery_secret = delivery_secret(cx);
    let fields = Fields::read(request.body())?;
    let now_ms = cx.runtime.now_ms();
    let new = NewMerchant::read(
        &fields,
        delivery_secret.clone(),
        cx.config.development,
        now_ms,
    )?;
    fit_runtime(&fields, &new.dialect, cx.runtime.presents_certificates())?;
    try_key(cx, &new.credentials).await?;
    let mut nonce = [0; 12];
    cx.runtime.random(&mut nonce);
    let sealed = new
        .credentials
        .seal(&new.id, &cx.config.master_key, nonce)
        .map_err(ApiError::internal)?;
    let merchant = Merchant {
        id: new.id,
        name: new.settings.name,
        account: new.account,
        currency: new.currency,
        dialect: new.dialect,
        sign_type: new.sign_type,
        answers: new.answers,
        redirect_origins: new.settings.redirect_origins,
        quick_auth_token: cx.random_text(22),
        quick_auth: new.settings.quick_auth,
        mini_program: new.settings.mini_program,
        h5: new.settings.h5,
        store: new.settings.store,
        client_certificate: new.settings.client_certificate,
        refund_notify_url: new.settings.refund_notify_url,
        confirm_notices_from: new.settings.confirm_notices_from,
        require_secret: new.settings.require_secret,
        http_notify_url: new.settings.http_notify_url,
        domain_files: new.settings.domain_files,
        time_zone: new.settings.time_zone,
        brand: new.settings.brand,
        retype_refunds_from: new.settings.retype_refunds_from,
        receipt_text: new.settings.receipt_text,
        sealed,
        created_at_ms: now_ms,
        suspended_at_ms: None,
        is_test: Some(cx.config.is_test),
    };
    let others = same_account(&cx.runtime, &merchant).await?;
    let keys = NewKeys::make(cx);
    let mut data = json!({
        "id": merchant.id,
        "api-key": keys.api_key,
        "api-secret": keys.api_secret.expose(),
        "delivery_secret": delivery_secret.expose(),
        "quick_auth_token": merchant.quick_auth_token,
        "notify_url": cx.config.notify_url(&merchant),
        "jsapi_directory": format!("{}/pay/", cx.config.public_url),
    });
    let create = Create {
        merchant: Box::new(merchant),
        keys: keys.fingerprints(),
        why: note(&fields)?,
    };
    if let (Some(warning), Some(data)) = (account_warning(&others), data.as_object_mut()) {
        data.insert("warnings".to_owned(), json!([warning]));
    }
    match ask(&cx.runtime, create).await? {
        Saved::Done => Ok(success(data)),
        Saved::Conflict => Err(ApiError::field(
            Code::MerchantExists,
            "id",
            Code::MerchantExists.advice(),
        )),
        Saved::FileTaken(file) => Err(file_taken(&file)),
    }
}

/// `POST /admin/merchants/{id}/rotate`: makes a new pair of keys. The earlier
/// ones remain valid for a day, or with `{"revoke": true}` end at once.
/// `api_key`, `app_secret` or `mini_program_secret` replace the merchant's own
/// credentials too; notices that are signed with the earlier API key are
/// accepted for that day, and with `revoke` no longer. With
/// `{"new_delivery_secret": true}` deliveries are signed with a new secret, and
/// for that day with the earlier one as well. With `revoke` the answer lists the
/// endpoints, because a holder of a revoked key may have made one.
pub async fn rotate_merchant<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    admin(cx, request).await?;
    let fields = match request.body().is_empty() {
        true => Fields::of_query(Default::default()),
        false => Fields::read(request.body())?,
    };
    let revoke = fields.flag("revoke")?;
    let new = match fields.flag("new_delivery_secret")? {
        true => Some(delivery_secret(cx)),
        false => None,
    };
    let (sealed, entered) = sealed_anew(cx, id, &fields, new.clone(), revoke).await?;
    let now_ms = cx.runtime.now_ms();
    let keys = NewKeys::make(cx);
    let rotate = Rotate {
        id: id.to_owned(),
        keys: keys.fingerprints(),
        earlier_expire_at_ms: if revoke { now_ms } else { now_ms + OVERLAP_MS },
        sealed,
        entered,
        why: note(&fields)?,
        is_test: Some(cx.config.is_test),
    };
    match ask(&cx.runtime, rotate).await? {
        Sealed::Done => {
            let mut data = json!({
                "id": id,
                "api-key": keys.api_key,
                "api-secret": keys.api_secret.expose(),
            });
            if let (Some(new), Some(data)) = (new, data.as_object_mut()) {
                data.insert("delivery_secret".to_owned(), new.expose().into());
            }
            if revoke && let Some(data) = data.as_object_mut() {
                // The keys are made: this answer is the only one that shows them.
                let endpoints = cx.book(id, command::Endpoints(None)).await;
                let endpoints = endpoints.inspect_err(|error| {
                    error.log_as(&cx.runtime, "the endpoints are not listed");
                });
                data.insert("endpoints".to_owned(), json!(endpoints.ok()));
            }
            Ok(success(data))
        }
        Sealed::NotFound => Err(ApiError::of(Code::MerchantNotFound)),
        Sealed::Conflict => Err(ApiError::internal(
            "a concurrent call changed the credentials",
        )),
    }
}

/// `POST /admin/reseal`: seals credentials under the current `MASTER_KEY` that
/// are still sealed under the previous one; of [`RESEALED_AT_ONCE`] merchants,
/// then again with `{"after": …}`. Those with a secret that does not open are listed in
/// `failed`, and stay as they are.
pub async fn reseal<R: Runtime>(cx: &Services<R>, request: &Request) -> Result<Response, ApiError> {
    admin(cx, request).await?;
    let after = match request.body().is_empty() {
        true => None,
        false => Fields::read(request.body())?.text("after", 32)?,
    };
    let list = List {
        after: after.unwrap_or_default(),
        limit: RESEALED_AT_ONCE,
    };
    let ids = ask(&cx.runtime, list).await?;
    let (mut resealed, mut failed) = (0, Vec::new());
    for id in &ids {
        let credentials = reseal_one(cx, id).await;
        let people = reseal_people(cx, id).await;
        let unreadable = cx.book(id, command::ResealEndpoints).await;
        match (credentials, people, unreadable) {
            (Ok(is_resealed), Ok(()), Ok(0)) => resealed += i64::from(is_resealed),
            (credentials, people, unreadable) => {
                let errors = [credentials.err(), people.err(), unreadable.err()];
                for error in errors.into_iter().flatten() {
                    error.log_as(&cx.runtime, &format!("reseal of {id}"));
                }
                failed.push(id);
            }
        }
    }
    let full = i64::try_from(ids.len()).is_ok_and(|n| n == RESEALED_AT_ONCE);
    let after = ids.last().filter(|_| full);
    Ok(success(
        json!({"resealed": resealed, "failed": failed, "after": after}),
    ))
}

/// Seals one merchant's credentials under the current key. Returns whether that
/// was needed.
async fn reseal_one<R: Runtime>(cx: &Services<R>, id: &str) -> Result<bool, ApiError> {
    let merchant = merchant_now(cx, id).await?;
    let key = &cx.config.master_key;
    if Credentials::open(&merchant, &key.alone()).is_ok() {
        return Ok(false);
    }
    let internal = ApiError::internal;
    let credentials = Credentials::open(&merchant, key).map_err(internal)?;
    let mut nonce = [0; 12];
    cx.runtime.random(&mut nonce);
    let sealed = credentials.seal(id, key, nonce).map_err(internal)?;
    let reseal = Reseal {
        id: id.to_owned(),
        sealed: [merchant.sealed, sealed],
    };
    match ask(&cx.runtime, reseal).await? {
        Sealed::Done => Ok(true),
        // A concurrent change has already sealed them under the current key.
        Sealed::Conflict => Ok(false),
        Sealed::NotFound => Err(ApiError::of(Code::MerchantNotFound)),
    }
}

/// Seals the secrets of one merchant's people under the current key.
async fn reseal_people<R: Runtime>(cx: &Services<R>, id: &str) -> Result<(), ApiError> {
    let key = &cx.config.master_key;
    let internal = ApiError::internal;
    for (person, sealed) in ask(&cx.runtime, SealedPeople { id: id.to_owned() }).await? {
        if Secrets::open(id, &person, &key.alone(), &sealed).is_ok() {
            continue;
        }
        let secrets = Secrets::open(id, &person, key, &sealed).map_err(internal)?;
        let mut nonce = [0; 12];
        cx.runtime.random(&mut nonce);
        let after = secrets.seal(id, &person, key, nonce).map_err(internal)?;
        let reseal = ResealPerson {
            id: id.to_owned(),
            person,
            secrets: [sealed, after],
        };
        // A concurrent change has already sealed them under the current key.
        ask(&cx.runtime, reseal).await?;
    }
    Ok(())
}

/// `PATCH /admin/merchants/{id}`: changes its settings. A field that is not
/// sent stays, one that is `null` is removed. Every isolate uses the new
/// settings within 30 seconds.
pub async fn change_merchant<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    admin(cx, request).await?;
    let sent = json_object(request.body())?;
    let before = merchant_now(cx, id).await?;
    let mut wanted = before.settings();
    if let (Some(wanted), Value::Object(entered)) = (wanted.as_object_mut(), before.entered()) {
        wanted.extend(entered);
    }
    let unknown = sent.keys().find(|name| {
        !["mini_program_secret", "app_secret", "note"].contains(&name.as_str())
            && wanted.get(name.as_str()).is_none()
    });
    if let Some(name) = unknown {
        let why = format!("The field {name} cannot be changed here.");
        return Err(ApiError::field(Code::FieldInvalid, name, why));
    }
    if let Some(wanted) = wanted.as_object_mut() {
        wanted.extend(sent);
    }
    let fields = Fields::read(wanted.to_string().as_bytes())?;
    let settings = Settings::read(&fields, &before.dialect, cx.config.development)?;
    let secret = fields.text("mini_program_secret", 64)?.map(Secret::new);
    if secret.is_some() && settings.mini_program.is_none() {
        return Err(fields.missing("mini_program"));
    }
    let mut after = before.clone().with(settings).corrected(&fields)?;
    let app_secret = fields.text("app_secret", 64)?.map(Secret::new);
    let is_other_app = after.account != before.account;
    if app_secret.is_some() && !is_other_app {
        let problem = "changes here with the appid only: POST /admin/merchants/{id}/rotate \
                       changes it alone";
        return Err(fields.invalid("app_secret", problem));
    }
    let is_other_mini_program = secret.is_some() || after.mini_program != before.mini_program;
    if is_other_mini_program || is_other_app {
        let internal = ApiError::internal;
        let key = &cx.config.master_key;
        let mut credentials = Credentials::open(&before, key).map_err(internal)?;
        // A secret belongs to its application.
        if is_other_mini_program {
            credentials.mini_program_secret = secret;
        }
        if is_other_app {
            credentials.app_secret = app_secret;
        }
        let mut nonce = [0; 12];
        cx.runtime.random(&mut nonce);
        after.sealed = credentials.seal(id, key, nonce).map_err(internal)?;
    }
    let data = after.settings();
    let change = Change {
        before: Box::new(before),
        after: Box::new(after),
        why: note(&fields)?,
    };
    match ask(&cx.runtime, change).await? {
        Saved::Done => Ok(success(data)),
        Saved::FileTaken(file) => Err(file_taken(&file)),
        Saved::Conflict => Err(ApiError::internal("a concurrent call changed the merchant")),
    }
}

/// `GET /admin/merchants`: the merchants, in an order that stays the same.
pub async fn get_merchants<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    admin(cx, request).await?;
    let fields = Fields::of_query_string(request, &["after", "limit"])?;
    let limit = fields.whole("limit", 1..=LISTED_AT_MOST)?.unwrap_or(LISTED);
    let after = fields.text("after", 32)?.unwrap_or_default();
    if !after.is_empty() && !is_merchant_id(&after) {
        return Err(fields.invalid("after", "must be the after of the previous page"));
    }
    let ids = ask(&cx.runtime, List { after, limit }).await?;
    let mut merchants = Vec::new();
    for id in &ids {
        // A merchant of the other kind of deployment is listed too.
        let found = ask(&cx.runtime, ById { id: id.clone() }).await?;
        let Some(merchant) = found.map(|found| found.merchant) else {
            continue;
        };
        merchants.push(json!({
            "id": merchant.id,
            "name": merchant.name,
            "dialect": merchant.dialect.name(),
            "appid": merchant.account.appid,
            "mch_id": merchant.account.mch_id,
            "sub_mch_id": merchant.account.sub_mch_id,
            "fee_type": merchant.currency.code(),
            "created_at_ms": merchant.created_at_ms,
            "suspended_at_ms": merchant.suspended_at_ms,
        }));
    }
    let is_full = i64::try_from(ids.len()).is_ok_and(|n| n == limit);
    let after = ids.last().filter(|_| is_full);
    Ok(success(json!({"merchants": merchants, "after": after})))
}

/// `GET /admin/merchants/{id}`: the merchant without its credentials.
pub async fn get_merchant<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    admin(cx, request).await?;
    Fields::of_query_string(request, &[])?;
    let merchant = merchant_now(cx, id).await?;
    Ok(success(merchant_data(cx, &merchant)))
}

/// `POST /admin/merchants/{id}/suspend`: within 30 seconds the merchant sells
/// nothing more. A suspended merchant stays suspended.
pub async fn suspend_merchant<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    let now_ms = cx.runtime.now_ms();
    set_suspended(cx, request, id, Some(now_ms)).await
}

/// `POST /admin/merchants/{id}/resume`: it sells again.
pub async fn resume_merchant<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    set_suspended(cx, request, id, None).await
}

async fn set_suspended<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
    at_ms: Option<i64>,
) -> Result<Response, ApiError> {
    admin(cx, request).await?;
    let why = match request.body().is_empty() {
        true => String::new(),
        false => note(&Fields::read(request.body())?)?,
    };
    let before = merchant_now(cx, id).await?;
    if before.suspended_at_ms.is_some() == at_ms.is_some() {
        return Ok(success(merchant_data(cx, &before)));
    }
    let after = Merchant {
        suspended_at_ms: at_ms,
        ..before.clone()
    };
    let data = merchant_data(cx, &after);
    let change = Change {
        before: Box::new(before),
        after: Box::new(after),
        why,
    };
    match ask(&cx.runtime, change).await? {
        Saved::Done => Ok(success(data)),
        Saved::FileTaken(file) => Err(file_taken(&file)),
        Saved::Conflict => Err(ApiError::internal("a concurrent call changed the merchant")),
    }
}

/// The merchant as the registry has it at this moment: this isolate's cache may
/// be older.
async fn merchant_now<R: Runtime>(cx: &Services<R>, id: &str) -> Result<Merchant, ApiError> {
    let found = ask(&cx.runtime, ById { id: id.to_owned() }).await?;
    let found = found.ok_or_else(|| ApiError::of(Code::MerchantNotFound))?;
    match found.merchant.is_of_other_kind(cx.config.is_test) {
        true => Err(ApiError::of(Code::MerchantOfOtherKind)),
        false => Ok(found.merchant),
    }
}

/// The part of a merchant that may be shown: no credentials and no keys.
fn merchant_data<R: Runtime>(cx: &Services<R>, merchant: &Merchant) -> Value {
    let mut data = json!({
        "id": merchant.id,
        "dialect": merchant.dialect.name(),
        "mch_id": merchant.account.mch_id,
        "sub_mch_id": merchant.account.sub_mch_id,
        "sign_type": merchant.sign_type.as_str(),
        "quick_auth_token": merchant.quick_auth_token,
        "notify_url": cx.config.notify_url(merchant),
        "created_at_ms": merchant.created_at_ms,
        "suspended_at_ms": merchant.suspended_at_ms,
    });
    if let Some(data) = data.as_object_mut() {
        for more in [merchant.settings(), merchant.entered()] {
            if let Value::Object(more) = more {
                data.extend(more);
            }
        }
    }
    data
}

/// `GET /admin/merchants/{id}/report`: counters, alarms and deliveries.
pub async fn merchant_report<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    id: &str,
) -> Result<Response, ApiError> {
    admin(cx, request).await?;
    Fields::of_query_string(request, &[])?;
    let report: Report = cx.book(id, command::Report).await?;
    serde_json::to_value(report)
        .map(success)
        .map_err(ApiError::internal)
}

/// The merchant's credentials with the new values, sealed; and the sealed form
/// that they replace. Read from the registry itself: this isolate's cache may
/// be older than another change.
async fn sealed_anew<R: Runtime>(
    cx: &Services<R>,
    id: &str,
    fields: &Fields,
    delivery_secret: Option<Secret>,
    revoke: bool,
) -> Result<(Option<[String; 2]>, Vec<String>), ApiError> {
    let merchant = merchant_now(cx, id).await?;
    let now_ms = cx.runtime.now_ms();
    let entered = Entered::read(fields, &merchant.dialect, now_ms)?;
    entered.fits(fields, &merchant)?;
    fit_runtime(
        fields,
        &merchant.dialect,
        cx.runtime.presents_certificates(),
    )?;
    let mut names = entered.names();
    names.extend(
        delivery_secret
            .as_ref()
            .map(|_| "delivery_secret".to_owned()),
    );
    if names.is_empty() && !revoke {
        return Ok((None, names));
    }
    let internal = ApiError::internal;
    let key = &cx.config.master_key;
    let old = Credentials::open(&merchant, key).map_err(internal)?;
    let credentials = entered.replace(old, delivery_secret, revoke, now_ms);
    try_key(cx, &credentials).await?;
    let mut nonce = [0; 12];
    cx.runtime.random(&mut nonce);
    let sealed = credentials.seal(id, key, nonce).map_err(internal)?;
    Ok((Some([merchant.sealed, sealed]), names))
}

fn delivery_secret<R: Runtime>(cx: &Services<R>) -> Secret {
    Secret::new(format!("whsec_{}", cx.random_text(43)))
}

/// Signs with the private key. A key whose numbers do not belong together can
/// be parsed like any other: only signing shows that it is invalid.
async fn try_key<R: Runtime>(cx: &Services<R>, credentials: &Credentials) -> Result<(), ApiError> {
    let Some(v3) = &credentials.v3 else {
        return Ok(());
    };
    let (key, message) = (&v3.private_key, b"a message to try the key with");
    let holds = match cx.runtime.rsa_sign(key, message).await {
        Ok(signature) => {
            let verified = cx.runtime.rsa_verify(key.public_key(), message, &signature);
            verified.await.unwrap_or(false)
        }
        Err(_) => false,
    };
    match holds {
        true => Ok(()),
        false => Err(ApiError::field(
            Code::KeyInvalid,
            "private_key",
            "The field private_key is damaged: it cannot sign.",
        )),
    }
}

/// WeChat issues each file name once: another merchant's contents under the
/// same name are a mistake of one of the two.
fn file_taken(file: &str) -> ApiError {
    ApiError::field(
        Code::FieldInvalid,
        "domain_files",
        format!(
            "The field domain_files holds {file}, which another merchant has with other contents."
        ),
    )
}

/// The operator's reason, for the audit.
fn note(fields: &Fields) -> Result<String, ApiError> {
    Ok(fields.text("note", 256)?.unwrap_or_default())
}

struct NewKeys {
    api_key: String,
    api_secret: Secret,
}

impl NewKeys {
    fn make<R: Runtime>(cx: &Services<R>) -> Self {
        Self {
            api_key: format!("{}{}", cx.config.key_prefix(), cx.random_text(22)),
            api_secret: Secret::new(cx.random_text(43)),
        }
    }

    fn fingerprints(&self) -> KeyPair {
        KeyPair {
            fingerprint: fingerprint(&self.api_key),
            secret_fingerprint: fingerprint(self.api_secret.expose()),
        }
    }
}
