//! Merchants, institutions' sub-merchants, and their applications.

use crate::table::Table;
use crate::wechat::dialect::NoticeSchedule;
use crate::wechat::keys;
use crate::wechat::payers::Payer;
use crate::wechat::platform::Platform;
use order::{Currency, TradeType};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use wechatpay::Secret;
use wechatpay::rsa::Certificate;

/// A merchant (or institution) of the sandbox, with everything that its owner
/// would read on WeChat Pay's merchant platform. The credentials are public:
/// every caller can read them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merchant {
    /// The name that the payer reads on the sheet.
    pub name: String,
    /// The merchant id.
    pub mch_id: String,
    /// The application the merchant id is bound to.
    pub appid: String,
    /// The application's secret, for OAuth.
    pub app_secret: String,
    /// The Mini Program that the merchant id is bound to as well.
    #[serde(default)]
    pub mini_program: Option<MiniProgram>,
    /// The API key (v2), which signs in both directions.
    pub key: String,
    /// The sign type that the owner intends to use. WeChat accepts either in
    /// each request.
    pub sign_type: String,
    /// The settlement currency. The merchant may use this currency and CNY.
    pub fee_type: Currency,
    /// The payment methods that are switched on; others answer `NOAUTH`.
    pub trade_types: Vec<TradeType>,
    /// The registered payment directories. None registered: any page may pay.
    pub jsapi_directories: Vec<String>,
    /// An institution's sub-merchants. It must name one in every request.
    pub sub_merchants: Vec<SubMerchant>,
    /// The URL that WeChat calls in Native mode 1 when a product's QR code is
    /// scanned.
    pub native_callback_url: Option<String>,
    /// The APIv3 key, which encrypts notices and platform certificates.
    pub apiv3_key: String,
    /// The key that the merchant signs APIv3 requests with.
    pub certificate: MerchantKey,
    /// The keys that WeChat signs APIv3 answers and notices with.
    pub platform: Platform,
    /// The merchant's account at iOnline, where it has one.
    pub ionline: Option<Ionline>,
    /// The funds from which refunds are paid, by currency, in its smallest
    /// unit. Payments raise them.
    pub funds: BTreeMap<String, i64>,
    /// Whether the sandbox enforces for this account the rules of the manuals
    /// that WeChat is known not to enforce (`docs/sandbox.md`, section "Strict
    /// accounts"). An account that an older sandbox stored stays lenient.
    #[serde(default)]
    pub strict: bool,
    /// How many seconds the account's clock is behind WeChat's own: what happens
    /// meanwhile has happened so long ago (`docs/sandbox.md`, section "A past").
    #[serde(default)]
    pub(crate) behind_seconds: i64,
    /// How long notices of v2 orders are repeated.
    #[serde(default)]
    pub(crate) notice_schedule: NoticeSchedule,
}

/// A merchant's own key for APIv3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MerchantKey {
    /// The certificate's serial number, upper-case hexadecimal.
    pub serial_no: String,
    /// The public key, as PEM.
    pub public_key: String,
    /// The certificate as PEM, where it is known.
    pub certificate: Option<String>,
    /// The private key as PEM, if it is one of the sandbox's own.
    pub private_key: Option<String>,
}

impl MerchantKey {
    /// The development key pair of a merchant without a key of its own.
    pub(crate) fn development(mch_id: &str) -> Self {
        let pair = keys::of_merchant(mch_id);
        let certificate = Certificate::from_pem(pair.certificate).ok();
        Self {
            serial_no: certificate
                .as_ref()
                .map_or("", Certificate::serial_no)
                .to_owned(),
            public_key: certificate
                .as_ref()
                .map(|it| it.public_key().to_pem())
                .unwrap_or_default(),
            certificate: Some(pair.certificate.to_owned()),
            private_key: Some(pair.private_key.to_owned()),
        }
    }
}

/// A merchant's account at iOnline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ionline {
    /// The merchant id at iOnline.
    pub mid: String,
    /// The key that signs in both directions.
    pub key: String,
}

/// A merchant that an institution acts for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubMerchant {
    /// The name that the payer reads on the sheet.
    pub name: String,
    /// The sub-merchant's id.
    pub sub_mch_id: String,
    /// The sub-merchant's own application, where it has one.
    pub sub_appid: Option<String>,
    /// That application's secret.
    pub sub_app_secret: Option<String>,
    /// The Mini Program that the sub-merchant's id is bound to.
    #[serde(default)]
    pub mini_program: Option<MiniProgram>,
}

/// A Mini Program: an application with openids of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MiniProgram {
    /// Its appid.
    pub appid: String,
    /// Its secret, for `jscode2session`.
    pub app_secret: String,
}

impl MiniProgram {
    /// A built-in merchant's Mini Program, by the end of its numbers.
    fn built_in(last: &str) -> Option<Self> {
        Some(Self {
            appid: format!("wx5a11d0b0c0ffee{last}"),
            app_secret: format!("5ec3e7000000000000000000c0ffee{last}"),
        })
    }

    fn to_json(&self) -> Value {
        json!({
            "appid": self.appid,
            "app_secret": self.app_secret,
            "openids": openids(&self.appid),
        })
    }
}

impl SubMerchant {
    /// Whether the sub-merchant's id is bound to this application.
    pub(crate) fn is_bound_to(&self, appid: &str) -> bool {
        let mini_program = self.mini_program.as_ref().map(|mini| mini.appid.as_str());
        self.sub_appid.as_deref() == Some(appid) || mini_program == Some(appid)
    }
}

/// The default payment methods of a merchant.
pub(crate) const TRADE_TYPES: [TradeType; 5] = TradeType::ALL;

impl Merchant {
    /// The API key as a secret.
    pub(crate) fn secret(&self) -> Secret {
        Secret::new(self.key.clone())
    }

    /// The funds for refunds in a currency, in its smallest unit.
    pub(crate) fn funds_in(&self, currency: Currency) -> i64 {
        self.funds.get(currency.code()).copied().unwrap_or_default()
    }

    /// Adds an amount to the funds; a negative one is subtracted.
    pub(crate) fn add_funds(&mut self, currency: Currency, amount_minor: i64) {
        let funds = self.funds.entry(currency.code().to_owned()).or_default();
        *funds = funds.saturating_add(amount_minor);
    }

    pub(crate) fn sub_merchant(&self, sub_mch_id: &str) -> Option<&SubMerchant> {
        self.sub_merchants
            .iter()
            .find(|sub| sub.sub_mch_id == sub_mch_id)
    }

    /// Whether the merchant id is bound to this application.
    pub(crate) fn is_bound_to(&self, appid: &str) -> bool {
        let mini_program = self.mini_program.as_ref().map(|mini| mini.appid.as_str());
        self.appid == appid || mini_program == Some(appid)
    }

    /// Every application of the merchant with its secret.
    fn applications(&self) -> impl Iterator<Item = (&str, &str)> {
        let subs = self
            .sub_merchants
            .iter()
            .filter_map(|sub| Some((sub.sub_appid.as_deref()?, sub.sub_app_secret.as_deref()?)));
        std::iter::once((self.appid.as_str(), self.app_secret.as_str()))
            .chain(subs)
            .chain(self.mini_programs())
    }

    /// The Mini Programs among them.
    fn mini_programs(&self) -> impl Iterator<Item = (&str, &str)> {
        let subs = self.sub_merchants.iter().map(|sub| &sub.mini_program);
        std::iter::once(&self.mini_program)
            .chain(subs)
            .flatten()
            .map(|mini| (mini.appid.as_str(), mini.app_secret.as_str()))
    }

    /// The form of the control calls' answers: all members, and each payer's
    /// openid.
    pub(crate) fn to_json(&self) -> Value {
        let subs: Vec<Value> = self
            .sub_merchants
            .iter()
            .map(|sub| {
                let mut json = json!({ "name": sub.name, "sub_mch_id": sub.sub_mch_id });
                if let (Some(map), Some(appid)) = (json.as_object_mut(), &sub.sub_appid) {
                    map.insert("sub_appid".into(), json!(appid));
                    map.insert("sub_app_secret".into(), json!(sub.sub_app_secret));
                    map.insert("openids".into(), openids(appid));
                }
                if let (Some(map), Some(mini_program)) = (json.as_object_mut(), &sub.mini_program) {
                    map.insert("mini_program".into(), mini_program.to_json());
                }
                json
            })
            .collect();
        json!({
            "name": self.name,
            "mch_id": self.mch_id,
            "appid": self.appid,
            "app_secret": self.app_secret,
            "mini_program": self.mini_program.as_ref().map(MiniProgram::to_json),
            "key": self.key,
            "sign_type": self.sign_type,
            "sign_types": ["MD5", "HMAC-SHA256"],
            "fee_type": self.fee_type.code(),
            "trade_types": self.trade_types.iter().map(|t| t.as_str()).collect::<Vec<_>>(),
            "jsapi_directories": self.jsapi_directories,
            "sub_merchants": subs,
            "native_callback_url": self.native_callback_url,
            "funds": self.funds,
            "openids": openids(&self.appid),
            "v3": {
                "mchid": self.mch_id,
                "serial_no": self.certificate.serial_no,
                "private_key": self.certificate.private_key,
                "certificate": self.certificate.certificate,
                "public_key": self.certificate.public_key,
                "apiv3_key": self.apiv3_key,
                "platform": self.platform.to_json(&self.mch_id),
            },
            "ionline": self.ionline,
            "strict": self.strict,
            "behind_seconds": self.behind_seconds,
            "notice_schedule": self.notice_schedule.name(),
        })
    }
}

fn openids(appid: &str) -> Value {
    Payer::ALL
        .into_iter()
        .map(|payer| (payer.as_str().to_owned(), Value::from(payer.openid(appid))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// The secret of an application of any merchant.
pub(crate) fn app_secret<'a>(merchants: &'a Table<Merchant>, appid: &str) -> Option<&'a str> {
    merchants
        .values()
        .flat_map(Merchant::applications)
        .find(|(known, _)| *known == appid)
        .map(|(_, secret)| secret)
}

/// The secret of a Mini Program of any merchant.
pub(crate) fn mini_program_secret<'a>(
    merchants: &'a Table<Merchant>,
    appid: &str,
) -> Option<&'a str> {
    merchants
        .values()
        .flat_map(Merchant::mini_programs)
        .find(|(known, _)| *known == appid)
        .map(|(_, secret)| secret)
}

/// The application of an openid, if the openid belongs to a payer.
pub(crate) fn owner_of<'a>(merchants: &'a Table<Merchant>, openid: &str) -> Option<&'a str> {
    merchants
        .values()
        .flat_map(Merchant::applications)
        .map(|(appid, _)| appid)
        .find(|appid| Payer::ALL.iter().any(|payer| payer.openid(appid) == openid))
}

/// The built-in merchants: a direct one, an institution, one whose WeChat signs
/// with a public key, and one with an account at iOnline.
pub(crate) fn built_in() -> [Merchant; 4] {
    let merchant = |name: &str, mch_id: &str, last: &str, keys: [&str; 2], fee_type| Merchant {
        name: name.to_owned(),
        appid: format!("wx5a11d0b0c0ffee{last}"),
        app_secret: format!("5ec3e7000000000000000000c0ffee{last}"),
        mini_program: MiniProgram::built_in(&last.replacen('0', "1", 1)),
        key: keys[0].to_owned(),
        apiv3_key: keys[1].to_owned(),
        sign_type: "MD5".to_owned(),
        fee_type,
        trade_types: TRADE_TYPES.to_vec(),
        jsapi_directories: Vec::new(),
        sub_merchants: Vec::new(),
        native_callback_url: None,
        certificate: MerchantKey::development(mch_id),
        platform: Platform::default(),
        ionline: None,
        funds: BTreeMap::new(),
        strict: true,
        behind_seconds: 0,
        notice_schedule: NoticeSchedule::default(),
        mch_id: mch_id.to_owned(),
    };
    [
        merchant(
            "Demo Tea House",
            "1900000109",
            "01",
            [
                "weceive-sandbox-demo-key-0000001",
                "weceive-sandbox-v3-demo-key-0001",
            ],
            Currency::Hkd,
        ),
        Merchant {
            sign_type: "HMAC-SHA256".into(),
            trade_types: vec![TradeType::Jsapi, TradeType::Native, TradeType::Micropay],
            sub_merchants: vec![
                SubMerchant {
                    name: "Peak Books".into(),
                    sub_mch_id: "1900000111".into(),
                    sub_appid: Some("wx5a11d0b0c0ffee03".into()),
                    sub_app_secret: Some("5ec3e7000000000000000000c0ffee03".into()),
                    mini_program: MiniProgram::built_in("13"),
                },
                SubMerchant {
                    name: "Ferry Coffee".into(),
                    sub_mch_id: "1900000112".into(),
                    sub_appid: None,
                    sub_app_secret: None,
                    mini_program: MiniProgram::built_in("16"),
                },
            ],
            ..merchant(
                "Harbour Pay (institution)",
                "1900000110",
                "02",
                [
                    "weceive-sandbox-inst-key-0000002",
                    "weceive-sandbox-v3-inst-key-0002",
                ],
                Currency::Usd,
            )
        },
        Merchant {
            platform: Platform::public_key_only(),
            ..merchant(
                "Lantern Shop (public key)",
                "1900000113",
                "04",
                [
                    "weceive-sandbox-lamp-key-0000003",
                    "weceive-sandbox-v3-lamp-key-0003",
                ],
                Currency::Cny,
            )
        },
        Merchant {
            ionline: Some(Ionline {
                mid: "100520000001".into(),
                key: "weceive-sandbox-ionl-key-0000004".into(),
            }),
            ..merchant(
                "Night Market (iOnline)",
                "1900000114",
                "05",
                [
                    "weceive-sandbox-nite-key-0000004",
                    "weceive-sandbox-v3-nite-key-0004",
                ],
                Currency::Hkd,
            )
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_merchants_have_whole_credentials() {
        for merchant in built_in() {
            assert_eq!(merchant.key.len(), 32, "{}", merchant.name);
            assert_eq!(merchant.apiv3_key.len(), 32, "{}", merchant.name);
            let key = &merchant.certificate;
            assert_eq!(key.serial_no.len(), 40);
            let private = key.private_key.as_deref().unwrap();
            let private = wechatpay::rsa::PrivateKey::from_pem(private).unwrap();
            assert_eq!(private.public_key().to_pem(), key.public_key);
        }
    }
}
