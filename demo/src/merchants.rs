//! The demo merchants, and the body with which an operator adds one to the
//! gateway.

use serde_json::{Map, Value, json};

/// A merchant of the gateway, and the account of the sandbox that it uses.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The gateway's name for it.
    pub id: &'static str,
    /// Its account in the sandbox.
    pub mch_id: &'static str,
    /// The index of the sub-merchant, when the account is an institution's.
    pub sub_merchant: Option<usize>,
    /// The protocol of its upstream: `v2`, `v3` or `ionline`.
    pub dialect: &'static str,
    /// `global` or `mainland`, for v3.
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

/// One demo merchant for every protocol, as a direct merchant and as the
/// sub-merchant of an institution, with and without an application of its own.
/// The first is the demo shop's.
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
                // `testkit/workerd/weceive.capnp` has the bindings of 1900000109 and
                // 1900000110, `weceive dev` one more.
                let binding = match self.mch_id {
                    "1900000109" => "WECHATPAY_MTLS".to_owned(),
                    mch_id => format!("WECHATPAY_MTLS_{mch_id}"),
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
            // A sub-merchant with an application of its own knows its payers by
            // that application.
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
