//! Merchants, institutions' sub-merchants, and the applications they pay
//! under.

use crate::payers::Payer;
use crate::table::Table;
use order::{Currency, TradeType};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use wechatpay::Secret;

/// A merchant (or institution) of the sandbox, with everything its owner
/// would read in WeChat Pay's merchant platform. These are credentials for a
/// toy; they are shown to whoever asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merchant {
    /// What the payer reads on the sheet.
    pub name: String,
    /// The merchant id.
    pub mch_id: String,
    /// The application the merchant id is bound to.
    pub appid: String,
    /// The application's secret, for OAuth.
    pub app_secret: String,
    /// The API key (v2), which signs in both directions.
    pub key: String,
    /// The sign type the owner means to use. WeChat takes either, per request.
    pub sign_type: String,
    /// What the merchant is settled in. It may ask for this or for CNY.
    pub fee_type: Currency,
    /// The ways to pay that are switched on; others answer `NOAUTH`.
    pub trade_types: Vec<TradeType>,
    /// The registered payment directories. None registered: any page may pay.
    pub jsapi_directories: Vec<String>,
    /// An institution has some, and must then name one in every request.
    pub sub_merchants: Vec<SubMerchant>,
    /// Where Native mode 1 asks for an order when a product's QR code is
    /// scanned.
    pub native_callback_url: Option<String>,
    /// What refunds are paid from, by currency, in its smallest unit: payments
    /// raise it.
    pub funds: BTreeMap<String, i64>,
}

/// A merchant that an institution acts for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubMerchant {
    /// What the payer reads on the sheet.
    pub name: String,
    /// The sub-merchant's id.
    pub sub_mch_id: String,
    /// The sub-merchant's own application, where it has one.
    pub sub_appid: Option<String>,
    /// That application's secret.
    pub sub_app_secret: Option<String>,
}

/// The ways to pay that a merchant has unless told otherwise.
pub(crate) const TRADE_TYPES: [TradeType; 5] = TradeType::ALL;

impl Merchant {
    /// The API key as a secret.
    pub(crate) fn secret(&self) -> Secret {
        Secret::new(self.key.clone())
    }

    /// What there is for refunds in a currency, in its smallest unit.
    pub(crate) fn funds_in(&self, currency: Currency) -> i64 {
        self.funds.get(currency.code()).copied().unwrap_or_default()
    }

    /// Puts an amount into the funds; a negative one takes it out.
    pub(crate) fn add_funds(&mut self, currency: Currency, amount_minor: i64) {
        let funds = self.funds.entry(currency.code().to_owned()).or_default();
        *funds = funds.saturating_add(amount_minor);
    }

    pub(crate) fn sub_merchant(&self, sub_mch_id: &str) -> Option<&SubMerchant> {
        self.sub_merchants
            .iter()
            .find(|sub| sub.sub_mch_id == sub_mch_id)
    }

    /// Every application of the merchant with its secret.
    fn applications(&self) -> impl Iterator<Item = (&str, &str)> {
        let subs = self
            .sub_merchants
            .iter()
            .filter_map(|sub| Some((sub.sub_appid.as_deref()?, sub.sub_app_secret.as_deref()?)));
        std::iter::once((self.appid.as_str(), self.app_secret.as_str())).chain(subs)
    }

    /// The form that control calls answer with: everything, and each payer's
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
                json
            })
            .collect();
        json!({
            "name": self.name,
            "mch_id": self.mch_id,
            "appid": self.appid,
            "app_secret": self.app_secret,
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

/// The secret of an application, whoever's it is.
pub(crate) fn app_secret<'a>(merchants: &'a Table<Merchant>, appid: &str) -> Option<&'a str> {
    merchants
        .values()
        .flat_map(Merchant::applications)
        .find(|(known, _)| *known == appid)
        .map(|(_, secret)| secret)
}

/// The application that an openid belongs to, when it is some payer's.
pub(crate) fn owner_of<'a>(merchants: &'a Table<Merchant>, openid: &str) -> Option<&'a str> {
    merchants
        .values()
        .flat_map(Merchant::applications)
        .map(|(appid, _)| appid)
        .find(|appid| Payer::ALL.iter().any(|payer| payer.openid(appid) == openid))
}

/// The merchants that are always there: a direct one, and an institution.
pub(crate) fn built_in() -> [Merchant; 2] {
    [
        Merchant {
            name: "Demo Tea House".into(),
            mch_id: "1900000109".into(),
            appid: "wx5a11d0b0c0ffee01".into(),
            app_secret: "5ec3e7000000000000000000c0ffee01".into(),
            key: "weceive-sandbox-demo-key-0000001".into(),
            sign_type: "MD5".into(),
            fee_type: Currency::Hkd,
            trade_types: TRADE_TYPES.to_vec(),
            jsapi_directories: Vec::new(),
            sub_merchants: Vec::new(),
            native_callback_url: None,
            funds: BTreeMap::new(),
        },
        Merchant {
            name: "Harbour Pay (institution)".into(),
            mch_id: "1900000110".into(),
            appid: "wx5a11d0b0c0ffee02".into(),
            app_secret: "5ec3e7000000000000000000c0ffee02".into(),
            key: "weceive-sandbox-inst-key-0000002".into(),
            sign_type: "HMAC-SHA256".into(),
            fee_type: Currency::Usd,
            trade_types: vec![TradeType::Jsapi, TradeType::Native, TradeType::Micropay],
            jsapi_directories: Vec::new(),
            sub_merchants: vec![
                SubMerchant {
                    name: "Peak Books".into(),
                    sub_mch_id: "1900000111".into(),
                    sub_appid: Some("wx5a11d0b0c0ffee03".into()),
                    sub_app_secret: Some("5ec3e7000000000000000000c0ffee03".into()),
                },
                SubMerchant {
                    name: "Ferry Coffee".into(),
                    sub_mch_id: "1900000112".into(),
                    sub_appid: None,
                    sub_app_secret: None,
                },
            ],
            native_callback_url: None,
            funds: BTreeMap::new(),
        },
    ]
}
