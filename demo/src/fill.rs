//! Makes the demo merchants at the gateway, and gives the demo shop the
//! gateway's address and its keys.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::{
    Failure, Result,
    credentials::Credentials,
    http::{self, text},
    merchants::{Kind, MERCHANTS},
};

/// The addresses on which the gateway and the sandbox listen, with no slash at
/// the end.
#[derive(Clone, Debug)]
pub struct Origins {
    /// The gateway.
    pub gateway: String,
    /// The sandbox.
    pub sandbox: String,
    /// The page's other host, where there is one: the merchants are made with it,
    /// because a merchant that has been used is remembered for 30 seconds.
    pub host: Option<String>,
}

/// The running system: the addresses, the credentials and the merchants.
#[derive(Debug)]
pub struct Demo {
    /// The addresses of both.
    pub origins: Origins,
    /// The bearer token of the gateway's `/admin`.
    pub admin_token: String,
    /// The merchants, the demo shop's first.
    pub merchants: Vec<Merchant>,
    /// The address of the demo shop's checkout on another host, where one
    /// serves the page.
    pub hosted_page: Option<String>,
}

/// A merchant, as the gateway and the sandbox know it.
#[derive(Debug)]
pub struct Merchant {
    /// Which of [`MERCHANTS`](crate::merchants::MERCHANTS) it is.
    pub kind: Kind,
    /// Its account at WeChat, as `GET /sandbox/merchants` describes it: ids, keys, every payer's openid.
    pub account: Value,
    /// The merchant at the gateway, as `POST /admin/merchants` answered: `id`,
    /// `api-key`, `api-secret`, ….
    pub gateway: Value,
    /// The address of a checkout that is not paid yet.
    pub checkout: String,
}

impl Merchant {
    /// Both as one object: the account's `key` signs requests to WeChat,
    /// `api-key` and `api-secret` open the gateway.
    #[must_use]
    pub fn json(&self) -> Value {
        let dialect = json!({ "dialect": self.kind.dialect, "checkout": self.checkout });
        let parts = [&dialect, &self.account, &self.gateway]
            .into_iter()
            .filter_map(Value::as_object);
        parts
            .flatten()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect::<Map<_, _>>()
            .into()
    }
}

/// Makes the merchants that do not exist yet, gives the demo shop its
/// credentials, and opens a checkout for each merchant.
///
/// # Errors
///
/// The gateway or the sandbox refused something; the failure holds the answer.
pub fn fill(origins: &Origins, credentials: &mut Credentials) -> Result<Demo> {
    let accounts = sandbox_merchants(&origins.sandbox)?;
    let mut merchants = Vec::new();
    for kind in MERCHANTS {
        let Some(account) = accounts
            .iter()
            .find(|account| text(account, "/mch_id") == kind.mch_id)
        else {
            continue;
        };
        let gateway = match credentials.merchant(kind.id) {
            Some(kept) => kept,
            None => {
                let made = make(origins, credentials.admin_token(), kind, account)?;
                credentials.keep(kind.id, &made)?;
                made
            }
        };
        let checkout = checkout(origins, text(&gateway, "/api-key"))?;
        merchants.push(Merchant {
            kind,
            account: account.clone(),
            gateway,
            checkout,
        });
    }

    let Some(shop) = merchants.first() else {
        return Err(Failure::new(
            "find the demo merchant",
            "the sandbox has none",
            "start afresh with --fresh",
        ));
    };
    let told = json!({
        "api_base": origins.gateway,
        "api_key": text(&shop.gateway, "/api-key"),
        "api_secret": text(&shop.gateway, "/api-secret"),
        "currency": text(&shop.account, "/fee_type"),
        "name": text(&shop.account, "/name"),
    });
    http::post(&format!("{}/sandbox/shop", origins.sandbox), &[], &told)?
        .ok("tell the demo shop its keys")?;

    Ok(Demo {
        origins: origins.clone(),
        admin_token: credentials.admin_token().to_owned(),
        merchants,
        hosted_page: None,
    })
}

/// The sandbox's merchants, as `GET /sandbox/merchants` describes them.
///
/// # Errors
///
/// The sandbox did not answer with a list.
pub fn sandbox_merchants(sandbox: &str) -> Result<Vec<Value>> {
    let step = "ask the sandbox for its merchants";
    let answer = http::get(&format!("{sandbox}/sandbox/merchants"))?.ok(step)?;
    match answer.get("merchants") {
        Some(Value::Array(merchants)) => Ok(merchants.clone()),
        _ => Err(Failure::new(
            step,
            format!("answered {answer}"),
            "see sandbox/",
        )),
    }
}

/// Makes one merchant at the gateway. A merchant that exists gets new keys,
/// because its old ones are not known here.
pub(crate) fn make(
    origins: &Origins,
    admin_token: &str,
    kind: Kind,
    account: &Value,
) -> Result<Value> {
    let id = kind.id;
    let mut wanted = kind.admin_body(account, &origins.sandbox);
    if let (Some(host), Some(wanted)) = (&origins.host, wanted.as_object_mut()) {
        let both = json!([origins.sandbox, host]);
        wanted.insert("redirect_origins".to_owned(), both);
    }
    let admin = format!("{}/admin/merchants", origins.gateway);
    let bearer = format!("Bearer {admin_token}");
    let headers = [("authorization", bearer.as_str())];
    let mut answer = http::post(&admin, &headers, &wanted)?;
    if answer.status == 409 {
        answer = http::post(&format!("{admin}/{id}/rotate"), &headers, &json!({}))?;
    }
    let mut answer = answer.ok(&format!("make the merchant {id}"))?;
    Ok(answer.get_mut("data").map(Value::take).unwrap_or_default())
}

/// Opens a checkout that can be paid for the next two hours.
fn checkout(origins: &Origins, api_key: &str) -> Result<String> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let wanted = json!({
        "out_trade_no": format!("DEV-{}", now.as_millis()),
        "body": "Jasmine tea, two cups",
        "total_fee": 8800,
        "notify_url": format!("{}/shop/notify", origins.sandbox),
        "success_url": format!("{}/shop/", origins.sandbox),
        "cancel_url": format!("{}/shop/", origins.sandbox),
        "expires_in_seconds": 7200,
    });
    let step = "open a checkout";
    let answer = http::post(
        &format!("{}/v1/checkout", origins.gateway),
        &[("api-key", api_key)],
        &wanted,
    )?
    .ok(step)?;
    match text(&answer, "/data/url") {
        "" => Err(Failure::new(
            step,
            format!("answered {answer}"),
            "see gateway/",
        )),
        url => Ok(url.to_owned()),
    }
}
