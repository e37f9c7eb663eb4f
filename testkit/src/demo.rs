//! Fills a running system with merchants and a shop, so that it can be tried at once.
//!
//! The sandbox has the accounts at WeChat from the start. Here they are made known to the gateway, as an operator
//! would with `POST /admin/merchants`, and the demo shop is told how to reach it.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Map, Value, json};

use crate::{
    Failure, Result,
    http::{self, text},
    workerd::Workerd,
};

/// A merchant of the gateway over one of the sandbox's own.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The gateway's name for it.
    pub id: &'static str,
    /// Its account in the sandbox.
    pub mch_id: &'static str,
    /// Which of an institution's sub-merchants it is.
    pub sub_merchant: Option<usize>,
    /// What its upstream speaks: `v2`, `v3` or `ionline`.
    pub dialect: &'static str,
    /// Of v3, `global` or `mainland`.
    pub region: Option<&'static str>,
}

const fn kind(id: &'static str, mch_id: &'static str, dialect: &'static str) -> Kind {
    Kind {
        id,
        mch_id,
        sub_merchant: None,
        dialect,
        region: None,
    }
}

/// The demo merchant in every dialect, direct and as an institution's sub-merchant, with an application of its own and
/// without. The first is the demo shop's.
pub const MERCHANTS: [Kind; 7] = [
    kind("demo", "1900000109", "v2"),
    Kind {
        sub_merchant: Some(0),
        ..kind("harbour", "1900000110", "v2")
    },
    kind("demo-v3", "1900000109", "v3"),
    Kind {
        sub_merchant: Some(0),
        ..kind("peak-v3", "1900000110", "v3")
    },
    Kind {
        sub_merchant: Some(1),
        ..kind("ferry-v3", "1900000110", "v3")
    },
    Kind {
        region: Some("mainland"),
        ..kind("lantern-v3", "1900000113", "v3")
    },
    kind("night-ionline", "1900000114", "ionline"),
];

impl Kind {
    /// The body of `POST /admin/merchants` for this merchant of the sandbox, as `GET /sandbox/merchants` describes it.
    #[must_use]
    pub fn admin_body(&self, account: &Value, origin: &str) -> Value {
        let mut wanted = Map::new();
        let mut set = |name: &str, value: Option<&Value>| {
            if let Some(value) = value.filter(|value| !value.is_null()) {
                wanted.insert(name.to_owned(), value.clone());
            }
        };
        for name in [
            "name",
            "fee_type",
            "appid",
            "app_secret",
            "mch_id",
            "sign_type",
        ] {
            set(name, account.get(name));
        }
        set("id", Some(&self.id.into()));
        set("dialect", Some(&self.dialect.into()));
        set("redirect_origins", Some(&json!([origin])));
        match self.dialect {
            "v3" => {
                set("region", Some(&self.region.unwrap_or("global").into()));
                set("merchant_category_code", Some(&"5814".into()));
                set("api_key", account.pointer("/v3/apiv3_key"));
                set("private_key", account.pointer("/v3/private_key"));
                set("serial_no", account.pointer("/v3/serial_no"));
                if account.pointer("/v3/platform/public_key_percent") != Some(&json!(0)) {
                    let key = account.pointer("/v3/platform/public_key");
                    set("wechatpay_public_key", key);
                    let id = account.pointer("/v3/platform/public_key_id");
                    set("wechatpay_public_key_id", id);
                }
            }
            "ionline" => {
                set("mch_id", account.pointer("/ionline/mid"));
                set("api_key", account.pointer("/ionline/key"));
            }
            _ => {
                set("api_key", account.get("key"));
                // `testkit/workerd/weceive.capnp` has these two.
                let binding = match self.mch_id {
                    "1900000109" => "WECHATPAY_MTLS",
                    _ => "WECHATPAY_MTLS_1900000110",
                };
                set("client_certificate", Some(&json!({ "binding": binding })));
            }
        }
        let mut mini_program = account.get("mini_program");
        if let Some(at) = self.sub_merchant {
            let sub = account.pointer(&format!("/sub_merchants/{at}"));
            for name in ["name", "sub_mch_id", "sub_appid"] {
                set(name, sub.and_then(|sub| sub.get(name)));
            }
            // Its payers are known to its own application, where it has one.
            set("app_secret", sub.and_then(|sub| sub.get("sub_app_secret")));
            mini_program = sub.and_then(|sub| sub.get("mini_program"));
        }
        if let Some(mini_program) = mini_program.filter(|mini_program| !mini_program.is_null()) {
            let appid = json!({ "appid": mini_program.get("appid") });
            set("mini_program", Some(&appid));
            set("mini_program_secret", mini_program.get("app_secret"));
        }
        wanted.into()
    }
}

/// What was chosen or answered in earlier runs and cannot be asked for again. Kept beside the store that it opens.
#[derive(Debug)]
pub struct Credentials {
    file: PathBuf,
    kept: Map<String, Value>,
}

impl Credentials {
    /// Those of an earlier run with the same store, or new ones: then the store is of no use and is deleted.
    ///
    /// # Errors
    ///
    /// The file cannot be read or written.
    pub fn of(directory: &Path) -> Result<Self> {
        let file = directory.join("credentials.json");
        let kept = fs::read(&file)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok());
        if let Some(kept) = kept {
            return Ok(Self { file, kept });
        }
        crate::workerd::wipe(&directory.join("store"))?;
        let mut kept = Map::new();
        kept.insert("master_key".into(), random_hex(32)?.into());
        kept.insert("admin_token".into(), random_hex(16)?.into());
        kept.insert("merchants".into(), json!({}));
        let credentials = Self { file, kept };
        credentials.save()?;
        Ok(credentials)
    }

    /// 64 hexadecimal digits.
    #[must_use]
    pub fn master_key(&self) -> &str {
        self.text("master_key")
    }

    /// The bearer token of the gateway's `/admin`.
    #[must_use]
    pub fn admin_token(&self) -> &str {
        self.text("admin_token")
    }

    fn text(&self, name: &str) -> &str {
        self.kept
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    fn merchant(&self, id: &str) -> Option<Value> {
        self.kept.get("merchants")?.get(id).cloned()
    }

    fn keep(&mut self, id: &str, merchant: &Value) -> Result<()> {
        if let Some(merchants) = self
            .kept
            .get_mut("merchants")
            .and_then(Value::as_object_mut)
        {
            merchants.insert(id.to_owned(), merchant.clone());
        }
        self.save()
    }

    /// Writes the file, for its owner's eyes only.
    fn save(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(&self.kept).unwrap_or_default();
        write_secret(&self.file, &text)
    }
}

/// Writes a file that only its owner can read.
///
/// # Errors
///
/// The file cannot be written.
pub fn write_secret(file: &Path, text: &str) -> Result<()> {
    let write = || {
        if let Some(directory) = file.parent() {
            fs::create_dir_all(directory)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(file)?.write_all(text.as_bytes())
    };
    write().map_err(|error: std::io::Error| {
        Failure::new(
            format!("write {}", file.display()),
            error,
            "make its directory writable",
        )
    })
}

/// What can be tried.
#[derive(Debug)]
pub struct Demo {
    /// The merchants, the demo shop's first.
    pub merchants: Vec<Merchant>,
}

/// A merchant at both ends.
#[derive(Debug)]
pub struct Merchant {
    /// Which it is.
    pub kind: Kind,
    /// Its account at WeChat, as `GET /sandbox/merchants` describes it: ids, keys, every payer's openid.
    pub account: Value,
    /// Itself at the gateway, as `POST /admin/merchants` answered: `id`, `api-key`, `api-secret`, ….
    pub gateway: Value,
    /// A checkout that is still to be paid.
    pub checkout: String,
}

impl Merchant {
    /// Both in one object: `key` is what signs with WeChat, `api-key` and `api-secret` open the gateway.
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

/// Makes the merchants that are not there yet, tells the shop, and opens one checkout.
///
/// # Errors
///
/// The gateway or the sandbox refused something; the failure holds the answer.
pub fn fill(running: &Workerd, credentials: &mut Credentials) -> Result<Demo> {
    let accounts = sandbox_merchants(running)?;
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
                let made = make(running, credentials.admin_token(), kind, account)?;
                credentials.keep(kind.id, &made)?;
                made
            }
        };
        let checkout = checkout(running, text(&gateway, "/api-key"))?;
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
            "start afresh with `cargo xtask dev --fresh`",
        ));
    };
    let told = json!({
        "api_base": running.gateway(),
        "api_key": text(&shop.gateway, "/api-key"),
        "api_secret": text(&shop.gateway, "/api-secret"),
        "currency": text(&shop.account, "/fee_type"),
        "name": text(&shop.account, "/name"),
    });
    http::post(&format!("{}/sandbox/shop", running.sandbox()), &[], &told)?
        .ok("tell the demo shop its keys")?;

    Ok(Demo { merchants })
}

/// The sandbox's merchants, as `GET /sandbox/merchants` describes them.
///
/// # Errors
///
/// The sandbox did not answer with a list.
pub fn sandbox_merchants(running: &Workerd) -> Result<Vec<Value>> {
    let step = "ask the sandbox for its merchants";
    let answer = http::get(&format!("{}/sandbox/merchants", running.sandbox()))?.ok(step)?;
    match answer.get("merchants") {
        Some(Value::Array(merchants)) => Ok(merchants.clone()),
        _ => Err(Failure::new(
            step,
            format!("answered {answer}"),
            "see sandbox/",
        )),
    }
}

/// Makes one merchant at the gateway; one that exists already gets new keys, as its old ones are not known here.
fn make(running: &Workerd, admin_token: &str, kind: Kind, account: &Value) -> Result<Value> {
    let id = kind.id;
    let wanted = kind.admin_body(account, running.sandbox());
    let admin = format!("{}/admin/merchants", running.gateway());
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
fn checkout(running: &Workerd, api_key: &str) -> Result<String> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let wanted = json!({
        "out_trade_no": format!("DEV-{}", now.as_millis()),
        "body": "Jasmine tea, two cups",
        "total_fee": 8800,
        "notify_url": format!("{}/shop/notify", running.sandbox()),
        "success_url": format!("{}/shop/", running.sandbox()),
        "cancel_url": format!("{}/shop/", running.sandbox()),
        "expires_in_seconds": 7200,
    });
    let step = "open a checkout";
    let answer = http::post(
        &format!("{}/v1/checkout", running.gateway()),
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

/// `bytes` random bytes as hexadecimal digits.
fn random_hex(bytes: usize) -> Result<String> {
    let mut random = vec![0_u8; bytes];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut random))
        .map_err(|error| {
            Failure::new(
                "make a random key",
                error,
                "see whether /dev/urandom can be read",
            )
        })?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}
