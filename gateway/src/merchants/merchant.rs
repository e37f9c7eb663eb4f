//! A merchant: its account at WeChat, its credentials (sealed at rest), and its
//! settings.

use crate::http::address::{self, NotifyTargets};
use crate::http::error::ApiError;
use crate::http::fields::{CHOICE_BYTES, Fields};
use crate::merchants::brand;
use crate::merchants::credentials::{Credentials, Entered};
use crate::merchants::time_zone;
use checkout::Brand;
use order::{Account, Currency, Money};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use wechatpay::Secret;
use wechatpay::common::SignType;
use wechatpay::v3::Region;

/// A merchant as the registry stores it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merchant {
    /// The gateway's id for it, in addresses: `1..=32` of `a-z 0-9 -`.
    pub id: String,
    /// The name that payers see.
    pub name: String,
    /// Its account at WeChat.
    pub account: Account,
    /// The currency it settles in; orders are in this one or CNY (checklist
    /// P3).
    pub currency: Currency,
    /// The protocol of its upstream.
    #[serde(default)]
    pub dialect: Dialect,
    /// How v2 messages are signed: the merchant's own to WeChat, and those that
    /// are delivered to it.
    pub sign_type: SignType,
    /// The form of the answer to a new order.
    #[serde(default)]
    pub answers: Answers,
    /// Origins that Quick Auth and OAuth may redirect a payer to.
    pub redirect_origins: Vec<String>,
    /// The token of the gateway's Quick Auth service for this merchant; public,
    /// in the page's links.
    pub quick_auth_token: String,
    /// A Quick Auth service that finds this merchant's payers' openids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quick_auth: Option<QuickAuth>,
    /// The Mini Program in which its payers may pay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mini_program: Option<MiniProgram>,
    /// Whether WeChat has granted it H5 payment, for browsers of phones.
    #[serde(default)]
    pub h5: bool,
    /// Its shop, where WeChat requires its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<Store>,
    /// The client certificate for v2's refunds and reverses. It belongs to
    /// [`Account::mch_id`]; an institution's serves its sub-merchants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<ClientCertificate>,
    /// The URL that receives the outcome of its refunds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_notify_url: Option<String>,
    /// The smallest amount whose payment a query must confirm, in the minor
    /// unit of the payment's currency. A smaller payment is accepted on
    /// WeChat's notice alone.
    #[serde(default)]
    pub confirm_notices_from: i64,
    /// Whether the api-secret is required for a refund, and for an address
    /// outside `redirect_origins`, in calls that otherwise need the api-key
    /// alone.
    #[serde(default)]
    pub require_secret: bool,
    /// Whether its notices may be delivered over `http`. Then only the
    /// signature of the body protects them, which the merchant checks.
    #[serde(default = "allowed")]
    pub http_notify_url: bool,
    /// See [`DomainFiles`].
    #[serde(default, skip_serializing_if = "DomainFiles::is_empty")]
    pub domain_files: DomainFiles,
    /// The time zone for the days and months of its totals, by its IANA name.
    #[serde(default = "usual_time_zone")]
    pub time_zone: String,
    /// How it presents itself to payers, with the names of its images.
    #[serde(default, skip_serializing_if = "Brand::is_empty")]
    pub brand: Brand,
    /// From this amount on, in the currency's smallest unit, the console asks a
    /// person to enter a refund's amount again; `None` for the console's own
    /// limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retype_refunds_from: Option<i64>,
    /// What its receipts say below the amounts: plain text with line breaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt_text: Option<String>,
    /// [`Credentials`], sealed under the merchant's id.
    pub sealed: String,
    /// When it was made, Unix milliseconds.
    pub created_at_ms: i64,
    /// Since when it sells nothing, Unix milliseconds. What was sold before goes
    /// on: notices, queries, refunds, deliveries and reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_at_ms: Option<i64>,
    /// Whether it was made while the upstream was the sandbox; `None` where an
    /// earlier version made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_test: Option<bool>,
}

/// The protocol of a merchant's upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// WeChat Pay v2.
    #[default]
    V2,
    /// WeChat Pay `APIv3`.
    V3(V3),
    /// iOnline Pay.
    Ionline(Ionline),
}

/// A merchant of WeChat Pay `APIv3`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct V3 {
    /// Which of WeChat Pay's two path tables.
    pub region: Region,
    /// The merchant's category, by ISO 18245; Global requires it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant_category_code: Option<String>,
}

/// A merchant of iOnline Pay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ionline {
    /// Whether payers get the package itself (`is_raw`), or iOnline's own page.
    pub raw: bool,
}

impl Dialect {
    /// Its name, as in the addresses of its notices.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V3(_) => "v3",
            Self::Ionline(_) => "ionline",
        }
    }

    /// Whether it is WeChat Pay v2.
    pub const fn is_v2(&self) -> bool {
        matches!(self, Self::V2)
    }

    /// Whether it is WeChat Pay `APIv3`.
    pub const fn is_v3(&self) -> bool {
        matches!(self, Self::V3(_))
    }

    /// Whether it is iOnline Pay.
    pub const fn is_ionline(&self) -> bool {
        matches!(self, Self::Ionline(_))
    }

    /// Whether an H5 payment must name the shop.
    const fn h5_needs_store(&self) -> bool {
        matches!(self, Self::V3(settings) if matches!(settings.region, Region::Global))
    }

    fn read(fields: &Fields) -> Result<Self, ApiError> {
        let dialect = fields.text("dialect", CHOICE_BYTES)?;
        let dialect = dialect.as_deref().unwrap_or("v2");
        let unknown = || fields.invalid("dialect", "must be v2, v3 or ionline");
        if !["v2", "v3", "ionline"].contains(&dialect) {
            return Err(unknown());
        }
        fields.flag("pay_url")?;
        // Ignored, it would look like a setting that works.
        for (name, of) in [
            ("region", "v3"),
            ("merchant_category_code", "v3"),
            ("pay_url", "ionline"),
        ] {
            if dialect != of && fields.has(name) {
                return Err(fields.invalid(name, &format!("belongs to the dialect {of}")));
            }
        }
        match dialect {
            "v2" => Ok(Self::V2),
            "v3" => {
                let region = match fields.text("region", CHOICE_BYTES)?.as_deref() {
                    None | Some("global") => Region::Global,
                    Some("mainland") => Region::Mainland,
                    Some(_) => return Err(fields.invalid("region", "must be global or mainland")),
                };
                let code = fields.text("merchant_category_code", 8)?;
                if code
                    .as_ref()
                    .is_some_and(|c| c.len() != 4 || !c.bytes().all(|b| b.is_ascii_digit()))
                {
                    return Err(fields.invalid("merchant_category_code", "must be four digits"));
                }
                if region == Region::Global && code.is_none() {
                    return Err(fields.missing("merchant_category_code"));
                }
                Ok(Self::V3(V3 {
                    region,
                    merchant_category_code: code,
                }))
            }
            "ionline" => Ok(Self::Ionline(Ionline {
                raw: !fields.flag("pay_url")?,
            })),
            _ => Err(unknown()),
        }
    }
}

/// The form of the answer to a new order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answers {
    /// `{"status":"success","data":{…}}` (WeCeive API).
    #[default]
    Envelope,
    /// WeChat's own fields, flat (older WeCeive API).
    Flat,
}

impl Answers {
    fn read(fields: &Fields, dialect: &Dialect) -> Result<Self, ApiError> {
        match fields.text("answers", CHOICE_BYTES)?.as_deref() {
            None | Some("envelope") => Ok(Self::Envelope),
            Some("flat") if *dialect != Dialect::V2 => {
                Err(fields.invalid("answers", "can be flat only for the dialect v2"))
            }
            Some("flat") => Ok(Self::Flat),
            Some(_) => Err(fields.invalid("answers", "must be envelope or flat")),
        }
    }
}

/// The Quick Auth service of another operator (WeCeive API, "Wemine Quick Auth
/// Service").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuickAuth {
    /// The address of its `oauth_bridge.php`.
    pub url: String,
    /// The token that identifies the merchant to the service.
    pub token: String,
}

/// A merchant's Mini Program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MiniProgram {
    /// Its appid, bound to the merchant's number at WeChat.
    pub appid: String,
}

/// A merchant's shop: the `store_info` of `APIv3`, which Global requires of an
/// H5 payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Store {
    /// Its name, at most 256 bytes.
    pub name: String,
    /// Its address, at most 512 bytes.
    pub address: String,
}

/// The client certificate that WeChat Pay v2 requires over TLS (WeChat Pay v2
/// manual, section 4.3.3). The runtime presents it; only its place is known
/// here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientCertificate {
    /// A binding of the deployment: on Workers one of `[[mtls_certificates]]`.
    /// The name is `WECHATPAY_MTLS`, alone or followed by `_` and more of
    /// `A-Z 0-9 _`, so that no other binding can be named.
    Binding(String),
}

impl ClientCertificate {
    const PREFIX: &str = "WECHATPAY_MTLS";

    /// The binding's name.
    pub fn binding(&self) -> &str {
        match self {
            Self::Binding(name) => name,
        }
    }

    fn read(fields: &Fields, dialect: &Dialect) -> Result<Option<Self>, ApiError> {
        const NAME: &str = "client_certificate";
        let Some(inner) = fields.object(NAME)? else {
            return Ok(None);
        };
        if *dialect != Dialect::V2 {
            return Err(fields.invalid(NAME, "belongs to the dialect v2"));
        }
        if let Some(other) = inner.names().find(|name| *name != "binding") {
            let problem = format!("has no field {other}: it holds the name of a binding");
            return Err(fields.invalid(NAME, &problem));
        }
        let name = inner.text("binding", 64)?;
        let name = name.ok_or_else(|| fields.invalid(NAME, "needs the name of a binding"))?;
        let is_name = name.strip_prefix(Self::PREFIX).is_some_and(|rest| {
            let more = rest.strip_prefix('_').is_some_and(|more| {
                let of_a_name = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
                !more.is_empty() && more.bytes().all(of_a_name)
            });
            rest.is_empty() || more
        });
        match is_name {
            true => Ok(Some(Self::Binding(name))),
            false => Err(fields.invalid(
                NAME,
                "must name a binding: WECHATPAY_MTLS, or WECHATPAY_MTLS_ and A-Z, 0-9 or _",
            )),
        }
    }
}

fn usual_time_zone() -> String {
    time_zone::USUAL.to_owned()
}

/// The value of `http_notify_url` if it was never sent.
const fn allowed() -> bool {
    true
}

/// The files by which WeChat's platforms verify that a domain is the
/// merchant's: names and contents. They are served at the root of the gateway's
/// host, for the web authorisation domain of an official account (`MP_verify_`
/// and 16 letters or digits) and for the pages that a Mini Program's web-view
/// may open (10 letters or digits), each with `.txt`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DomainFiles(pub BTreeMap<String, String>);

impl DomainFiles {
    /// The most files of one merchant.
    const AT_MOST: usize = 16;
    /// The longest contents, in characters.
    const LONGEST: usize = 64;

    /// Whether there are no files.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a file at the root can be one of these.
    pub fn is_name(file: &str) -> bool {
        let Some(stem) = file.strip_suffix(".txt") else {
            return false;
        };
        let (code, length) = match stem.strip_prefix("MP_verify_") {
            Some(code) => (code, 16),
            None => (stem, 10),
        };
        code.len() == length && code.bytes().all(|b| b.is_ascii_alphanumeric())
    }

    fn read(fields: &Fields) -> Result<Self, ApiError> {
        const NAME: &str = "domain_files";
        let Some(inner) = fields.object(NAME)? else {
            return Ok(Self::default());
        };
        let mut files = BTreeMap::new();
        for name in inner.names() {
            if !Self::is_name(name) {
                return Err(fields.invalid(
                    NAME,
                    "must name files as WeChat does: MP_verify_ and 16 letters or digits, or 10 \
                     letters or digits, with .txt",
                ));
            }
            let contents = inner.text(name, Self::LONGEST);
            let contents = contents.ok().flatten().filter(|contents| {
                !contents.is_empty() && contents.bytes().all(|b| b.is_ascii_alphanumeric())
            });
            let Some(contents) = contents else {
                let problem = format!(
                    "must give {name} its contents: 1 to {} letters or digits",
                    Self::LONGEST
                );
                return Err(fields.invalid(NAME, &problem));
            };
            files.insert(name.to_owned(), contents);
        }
        match files.len() <= Self::AT_MOST {
            true => Ok(Self(files)),
            false => {
                let problem = format!("must hold at most {} files", Self::AT_MOST);
                Err(fields.invalid(NAME, &problem))
            }
        }
    }
}

/// The settings of a merchant that may be changed after it was made.
#[derive(Debug)]
pub struct Settings {
    /// See [`Merchant::name`].
    pub name: String,
    /// See [`Merchant::redirect_origins`].
    pub redirect_origins: Vec<String>,
    /// See [`Merchant::quick_auth`].
    pub quick_auth: Option<QuickAuth>,
    /// See [`Merchant::mini_program`].
    pub mini_program: Option<MiniProgram>,
    /// See [`Merchant::h5`].
    pub h5: bool,
    /// See [`Merchant::store`].
    pub store: Option<Store>,
    /// See [`Merchant::client_certificate`].
    pub client_certificate: Option<ClientCertificate>,
    /// See [`Merchant::refund_notify_url`].
    pub refund_notify_url: Option<String>,
    /// See [`Merchant::confirm_notices_from`].
    pub confirm_notices_from: i64,
    /// See [`Merchant::require_secret`].
    pub require_secret: bool,
    /// See [`Merchant::http_notify_url`].
    pub http_notify_url: bool,
    /// See [`DomainFiles`].
    pub domain_files: DomainFiles,
    /// See [`Merchant::time_zone`].
    pub time_zone: String,
    /// See [`Merchant::brand`].
    pub brand: Brand,
    /// See [`Merchant::retype_refunds_from`].
    pub retype_refunds_from: Option<i64>,
    /// See [`Merchant::receipt_text`].
    pub receipt_text: Option<String>,
}

impl Settings {
    /// Reads the settings from an admin call's body. `development` as in
    /// [`Config`](crate::config::Config).
    pub fn read(fields: &Fields, dialect: &Dialect, development: bool) -> Result<Self, ApiError> {
        let mut redirect_origins = Vec::new();
        for text in fields.texts("redirect_origins")? {
            let origin = address::registered_origin(&text, development).ok_or_else(|| {
                fields.invalid(
                    "redirect_origins",
                    "must hold origins like https://shop.example.com",
                )
            })?;
            redirect_origins.push(origin);
        }
        let quick_auth = match fields.object("quick_auth")? {
            None => None,
            Some(inner) => {
                let inside = |error| Fields::inside("quick_auth", error);
                let given = inner.required("url", 512).map_err(inside)?;
                let url = address::quick_auth_url(&given, development).ok_or_else(|| {
                    fields.invalid(
                        "quick_auth",
                        "needs a url like https://auth.example.com/oauth_bridge.php",
                    )
                })?;
                Some(QuickAuth {
                    url,
                    token: inner.required("token", 128).map_err(inside)?,
                })
            }
        };
        let mini_program = match fields.object("mini_program")? {
            None => None,
            Some(inner) => Some(MiniProgram {
                appid: identifier(&inner, "appid")
                    .and_then(|appid| appid.ok_or_else(|| inner.missing("appid")))
                    .map_err(|error| Fields::inside("mini_program", error))?,
            }),
        };
        let h5 = fields.flag("h5")?;
        if h5 && matches!(dialect, Dialect::Ionline(_)) {
            return Err(fields.invalid("h5", "is not offered by iOnline"));
        }
        let store = match fields.object("store")? {
            None => None,
            Some(inner) => {
                let inside = |error| Fields::inside("store", error);
                Some(Store {
                    name: inner.required("name", 256).map_err(inside)?,
                    address: inner.required("address", 512).map_err(inside)?,
                })
            }
        };
        if h5 && dialect.h5_needs_store() && store.is_none() {
            return Err(fields.missing("store"));
        }
        let http_notify_url = fields.flag_or("http_notify_url", allowed())?;
        let targets = NotifyTargets::of(http_notify_url, development);
        Ok(Self {
            name: read_name(fields)?,
            redirect_origins,
            quick_auth,
            mini_program,
            h5,
            store,
            client_certificate: ClientCertificate::read(fields, dialect)?,
            require_secret: fields.flag("require_secret")?,
            refund_notify_url: address::notify_url(fields, "refund_notify_url", targets)?,
            http_notify_url,
            domain_files: DomainFiles::read(fields)?,
            time_zone: read_time_zone(fields)?,
            retype_refunds_from: read_retype_refunds_from(fields)?,
            receipt_text: read_receipt_text(fields)?,
            brand: match fields.object("brand")? {
                None => Brand::default(),
                Some(inner) => brand::read(&inner, development)
                    .map_err(|error| Fields::inside("brand", error))?,
            },
            confirm_notices_from: fields
                .whole("confirm_notices_from", 0..=Money::MAX_MINOR)?
                .unwrap_or(0),
        })
    }
}

/// The field `name`.
pub fn read_name(fields: &Fields) -> Result<String, ApiError> {
    fields.required("name", 64)
}

/// The field `time_zone`.
pub fn read_time_zone(fields: &Fields) -> Result<String, ApiError> {
    const NAME: &str = "time_zone";
    match fields.text(NAME, 64)? {
        None => Ok(usual_time_zone()),
        Some(name) if time_zone::find(&name).is_some() => Ok(name),
        Some(_) => Err(fields.invalid(
            NAME,
            "must be the IANA name of a time zone, such as Asia/Hong_Kong",
        )),
    }
}

/// The field `retype_refunds_from`.
pub fn read_retype_refunds_from(fields: &Fields) -> Result<Option<i64>, ApiError> {
    fields.whole("retype_refunds_from", 0..=Money::MAX_MINOR)
}

/// The field `receipt_text`.
pub fn read_receipt_text(fields: &Fields) -> Result<Option<String>, ApiError> {
    const NAME: &str = "receipt_text";
    let text = fields.pem(NAME, 500)?;
    let text = text.map(|text| text.replace("\r\n", "\n"));
    match text
        .as_ref()
        .is_some_and(|text| text.chars().any(|c| c.is_control() && c != '\n'))
    {
        true => Err(fields.invalid(NAME, "may have line breaks and no other control characters")),
        false => Ok(text),
    }
}

impl Merchant {
    /// Whether it was made for a deployment of the other kind.
    pub fn is_of_other_kind(&self, is_test: bool) -> bool {
        self.is_test.is_some_and(|own| own != is_test)
    }

    /// Whether a payer may be redirected to this origin, with an openid in the
    /// address: one of `redirect_origins`, and `https` outside development. An
    /// earlier version stored others.
    pub fn registers(&self, origin: &str, development: bool) -> bool {
        (development || origin.starts_with("https://"))
            && self
                .redirect_origins
                .iter()
                .any(|context| context == origin)
    }

    /// The Quick Auth service of another operator, if it may be used: `https`
    /// outside development. An earlier version stored others.
    pub fn quick_auth_service(&self, development: bool) -> Option<&QuickAuth> {
        let service = self.quick_auth.as_ref();
        service.filter(|service| development || service.url.starts_with("https://"))
    }

    /// Whether a payer may be offered an H5 payment. A merchant of `APIv3`
    /// Global that was made before `store` was a setting may have none.
    pub const fn offers_h5(&self) -> bool {
        self.h5 && (self.store.is_some() || !self.dialect.h5_needs_store())
    }

    /// Its settings, by the names of the request's fields.
    pub fn settings(&self) -> Value {
        json!({
            "name": self.name,
            "redirect_origins": self.redirect_origins,
            "quick_auth": self.quick_auth.as_ref().map(|q| json!({"url": q.url, "token": q.token})),
            "mini_program": self.mini_program.as_ref().map(|m| json!({"appid": m.appid})),
            "h5": self.h5,
            "store": self.store.as_ref().map(|s| json!({"name": s.name, "address": s.address})),
            "client_certificate": self.client_certificate,
            "refund_notify_url": self.refund_notify_url,
            "confirm_notices_from": self.confirm_notices_from,
            "require_secret": self.require_secret,
            "http_notify_url": self.http_notify_url,
            "domain_files": self.domain_files,
            "time_zone": self.time_zone,
            "brand": brand::settings(&self.brand),
            "retype_refunds_from": self.retype_refunds_from,
            "receipt_text": self.receipt_text,
        })
    }

    /// Whether a query must confirm a payment that a notice reports.
    pub const fn confirms(&self, money: Money) -> bool {
        money.amount_minor() >= self.confirm_notices_from
    }

    /// The fields that may be corrected, by the names of the request. The
    /// merchant id, the sub-merchant's and the dialect never change: payments,
    /// refunds and keys at WeChat belong to them. Orders keep the appid and the
    /// currency with which they were made.
    pub fn entered(&self) -> Value {
        json!({
            "appid": self.account.appid,
            "sub_appid": self.account.sub_appid,
            "fee_type": self.currency.code(),
            "answers": match self.answers {
                Answers::Envelope => "envelope",
                Answers::Flat => "flat",
            },
        })
    }

    /// The merchant with what was entered corrected; see [`Self::entered`].
    pub fn corrected(mut self, fields: &Fields) -> Result<Self, ApiError> {
        let appid = identifier(fields, "appid")?.ok_or_else(|| fields.missing("appid"))?;
        let sub_appid = identifier(fields, "sub_appid")?;
        if sub_appid.is_some() && self.account.sub_mch_id.is_none() {
            let problem = "belongs to a sub_mch_id, and this merchant has none";
            return Err(fields.invalid("sub_appid", problem));
        }
        self.currency = fields
            .currency()?
            .ok_or_else(|| fields.missing("fee_type"))?;
        self.answers = Answers::read(fields, &self.dialect)?;
        self.account = Account {
            appid,
            sub_appid,
            ..self.account
        };
        Ok(self)
    }

    /// What a change does, for the audit.
    pub fn change_from(&self, before: &Self) -> String {
        match (before.suspended_at_ms, self.suspended_at_ms) {
            (None, Some(_)) => "merchant suspended".to_owned(),
            (Some(_), None) => "merchant resumed".to_owned(),
            _ => format!("settings changed: {}", self.differs_from(before).join(", ")),
        }
    }

    /// The names of what differs from before.
    fn differs_from(&self, before: &Self) -> Vec<String> {
        let mut changed: Vec<String> = Vec::new();
        for (is, was) in [
            (self.settings(), before.settings()),
            (self.entered(), before.entered()),
        ] {
            let names = is.as_object().into_iter().flat_map(|is| is.keys());
            let differs = |name: &&String| is.get(name.as_str()) != was.get(name.as_str());
            changed.extend(names.filter(differs).cloned());
        }
        if self.sealed != before.sealed {
            let secret = match self.account == before.account {
                true => "mini_program_secret",
                false => "app_secret",
            };
            changed.push(secret.to_owned());
        }
        changed
    }

    /// The merchant with other settings.
    pub fn with(self, settings: Settings) -> Self {
        let Settings {
            name,
            redirect_origins,
            quick_auth,
            mini_program,
            h5,
            store,
            client_certificate,
            refund_notify_url,
            confirm_notices_from,
            require_secret,
            http_notify_url,
            domain_files,
            time_zone,
            brand,
            retype_refunds_from,
            receipt_text,
        } = settings;
        Self {
            name,
            redirect_origins,
            quick_auth,
            mini_program,
            h5,
            store,
            client_certificate,
            refund_notify_url,
            confirm_notices_from,
            require_secret,
            http_notify_url,
            domain_files,
            time_zone,
            brand,
            retype_refunds_from,
            receipt_text,
            ..self
        }
    }
}

/// The contents of the admin call that makes a merchant.
#[derive(Debug)]
pub struct NewMerchant {
    /// See [`Merchant::id`].
    pub id: String,
    /// See [`Settings`].
    pub settings: Settings,
    /// See [`Merchant::account`].
    pub account: Account,
    /// See [`Merchant::currency`].
    pub currency: Currency,
    /// See [`Merchant::dialect`].
    pub dialect: Dialect,
    /// See [`Merchant::sign_type`].
    pub sign_type: SignType,
    /// See [`Merchant::answers`].
    pub answers: Answers,
    /// See [`Credentials`].
    pub credentials: Credentials,
}

/// Whether a merchant can have this id.
pub fn is_merchant_id(id: &str) -> bool {
    (1..=32).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

impl NewMerchant {
    /// Reads the admin call's body. An error names the wrong field.
    /// `delivery_secret` is a new one.
    pub fn read(
        fields: &Fields,
        delivery_secret: Secret,
        development: bool,
        now_ms: i64,
    ) -> Result<Self, ApiError> {
        let id = fields.required("id", 32)?;
        if !is_merchant_id(&id) {
            return Err(fields.invalid("id", "may hold only a-z, 0-9 and -"));
        }
        let required = |name: &str| identifier(fields, name)?.ok_or_else(|| fields.missing(name));
        let dialect = Dialect::read(fields)?;
        let credentials = Entered::read(fields, &dialect, now_ms)?;
        let credentials = credentials.complete(fields, &dialect, delivery_secret)?;
        let sign_type = match fields.text("sign_type", CHOICE_BYTES)?.as_deref() {
            None | Some("MD5") => SignType::Md5,
            Some("HMAC-SHA256") => SignType::HmacSha256,
            Some(_) => return Err(fields.invalid("sign_type", "must be MD5 or HMAC-SHA256")),
        };
        let currency = fields.currency()?.unwrap_or(Currency::Usd);
        let answers = Answers::read(fields, &dialect)?;
        let settings = Settings::read(fields, &dialect, development)?;
        if settings.mini_program.is_none() && credentials.mini_program_secret.is_some() {
            return Err(fields.missing("mini_program"));
        }
        let account = Account {
            appid: required("appid")?,
            mch_id: required("mch_id")?,
            sub_appid: identifier(fields, "sub_appid")?,
            sub_mch_id: identifier(fields, "sub_mch_id")?,
        };
        let sub = ["sub_mch_id", "sub_appid"];
        if let (Dialect::Ionline(_), Some(name)) =
            (&dialect, sub.into_iter().find(|n| fields.has(n)))
        {
            return Err(fields.invalid(
                name,
                "is not offered by iOnline: enter your own MID and appid",
            ));
        }
        if account.sub_appid.is_some() && account.sub_mch_id.is_none() {
            return Err(fields.missing("sub_mch_id"));
        }
        Ok(Self {
            settings,
            account,
            currency,
            sign_type,
            answers,
            credentials,
            dialect,
            id,
        })
    }
}

/// An id that WeChat issued.
fn identifier(fields: &Fields, name: &str) -> Result<Option<String>, ApiError> {
    match fields.text(name, 32)? {
        Some(value) if value.bytes().all(|b| b.is_ascii_alphanumeric()) => Ok(Some(value)),
        Some(_) => Err(fields.invalid(name, "may hold only letters and digits")),
        None => Ok(None),
    }
}
