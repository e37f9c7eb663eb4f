//! Merchants: list, make, change.

use super::failure::{Done, Failure};
use crate::input::{BadInput, Input};
use crate::moment::Moment;
use crate::wechat::accounts::{self, Ionline, Merchant, MerchantKey, MiniProgram, SubMerchant};
use crate::wechat::dialect::NoticeSchedule;
use crate::wechat::platform::Platform;
use crate::wechat::state::WeChat;
use order::{Currency, TradeType};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use url::Url;
use wechatpay::common::SignType;
use wechatpay::rsa::{Certificate, PublicKey};

pub(super) fn list(wechat: &WeChat) -> Done {
    let merchants: Vec<Value> = wechat.merchants.values().map(Merchant::to_json).collect();
    Ok(json!({ "merchants": merchants }))
}

pub(super) fn make(wechat: &mut WeChat, body: &[u8], moment: &mut Moment<'_>) -> Done {
    let mut input = Input::read(body)?;
    let mch_id = match input.text("mch_id")? {
        Some(given) => number(&input, "mch_id", given)?,
        None => free_mch_id(wechat, moment),
    };
    let appid = match input.text("appid")? {
        Some(given) => application(&input, "appid", given)?,
        None => new_appid(moment),
    };
    let given_secret = secret(&mut input, "app_secret")?;
    let app_secret = app_secret(wechat, &appid, given_secret, moment)?;
    let merchant = Merchant {
        name: name(&mut input)?.unwrap_or_else(|| format!("Merchant {mch_id}")),
        key: secret(&mut input, "key")?.unwrap_or_else(|| moment.alphanumeric(32)),
        sign_type: sign_type(&mut input)?.unwrap_or_else(|| SignType::default().as_str().into()),
        fee_type: fee_type(&mut input)?.unwrap_or(Currency::Cny),
        trade_types: trade_types(&mut input)?.unwrap_or_else(|| accounts::TRADE_TYPES.to_vec()),
        jsapi_directories: directories(&mut input)?.unwrap_or_default(),
        sub_merchants: sub_merchants(wechat, &mut input, moment)?,
        mini_program: mini_program(wechat, &mut input, moment)?,
        native_callback_url: callback_url(&mut input)?,
        apiv3_key: apiv3_key(&mut input)?.unwrap_or_else(|| moment.alphanumeric(32)),
        certificate: merchant_key(&mut input)?.unwrap_or_else(|| MerchantKey::development(&mch_id)),
        platform: platform(&mut input, Platform::default())?,
        ionline: ionline(&mut input)?,
        funds: BTreeMap::new(),
        strict: input.boolean("strict")?.unwrap_or(true),
        behind_seconds: behind_seconds(&mut input)?.unwrap_or_default(),
        notice_schedule: notice_schedule(&mut input)?.unwrap_or_default(),
        mch_id,
        appid,
        app_secret,
    };
    input.finish()?;
    if wechat.merchants.get(&merchant.mch_id).is_some() {
        return Err(Failure::Exists {
            field: "mch_id",
            message: format!(
                "there is a merchant {0}; change it with POST /sandbox/merchants/{0}",
                merchant.mch_id
            ),
        });
    }
    let json = merchant.to_json();
    wechat.merchants.insert(&merchant.mch_id.clone(), merchant);
    Ok(json)
}

pub(super) fn change(wechat: &mut WeChat, mch_id: &str, body: &[u8]) -> Done {
    let mut input = Input::read(body)?;
    let name = name(&mut input)?;
    let key = secret(&mut input, "key")?;
    let app_secret = secret(&mut input, "app_secret")?;
    let sign_type = sign_type(&mut input)?;
    let fee_type = fee_type(&mut input)?;
    let trade_types = trade_types(&mut input)?;
    let jsapi_directories = directories(&mut input)?;
    let native_callback_url = callback_url(&mut input)?;
    let apiv3_key = apiv3_key(&mut input)?;
    let certificate = merchant_key(&mut input)?;
    let known = wechat.merchants.get(mch_id);
    let platform = platform(
        &mut input,
        known
            .map(|known| known.platform.clone())
            .unwrap_or_default(),
    )?;
    let ionline = ionline(&mut input)?;
    let funds = funds(&mut input)?;
    let strict = input.boolean("strict")?;
    let behind_seconds = behind_seconds(&mut input)?;
    let notice_schedule = notice_schedule(&mut input)?;
    input.finish()?;
    let Some(merchant) = wechat.merchants.get_mut(mch_id) else {
        return Err(Failure::NotFound("there is no such merchant".into()));
    };
    replace(&mut merchant.apiv3_key, apiv3_key);
    replace(&mut merchant.certificate, certificate);
    merchant.platform = platform;
    if ionline.is_some() {
        merchant.ionline = ionline;
    }
    replace(&mut merchant.name, name);
    replace(&mut merchant.key, key);
    replace(&mut merchant.app_secret, app_secret);
    replace(&mut merchant.sign_type, sign_type);
    replace(&mut merchant.fee_type, fee_type);
    replace(&mut merchant.trade_types, trade_types);
    replace(&mut merchant.strict, strict);
    replace(&mut merchant.behind_seconds, behind_seconds);
    replace(&mut merchant.notice_schedule, notice_schedule);
    replace(&mut merchant.jsapi_directories, jsapi_directories);
    if native_callback_url.is_some() {
        merchant.native_callback_url = native_callback_url;
    }
    merchant.funds.extend(funds);
    Ok(merchant.to_json())
}

fn replace<T>(old: &mut T, new: Option<T>) {
    if let Some(new) = new {
        *old = new;
    }
}

/// How far back an account's clock can be set. No statement is older.
const MOST_BEHIND_SECONDS: i64 = 90 * 24 * 60 * 60;

fn behind_seconds(input: &mut Input) -> Result<Option<i64>, BadInput> {
    match input.integer("behind_seconds")? {
        Some(seconds) if !(0..=MOST_BEHIND_SECONDS).contains(&seconds) => {
            Err(input.bad("behind_seconds", "send 0 to 7776000, which is 90 days"))
        }
        seconds => Ok(seconds),
    }
}

fn free_mch_id(wechat: &WeChat, moment: &mut Moment<'_>) -> String {
    // Ten digits, like WeChat's; the built-in ones begin with 1900.
    let mut mch_id = format!("16{}", moment.digits(8));
    while wechat.merchants.get(&mch_id).is_some() {
        mch_id = format!("16{}", moment.digits(8));
    }
    mch_id
}

fn new_appid(moment: &mut Moment<'_>) -> String {
    format!("wx{}", moment.hex(16))
}

/// An application may belong to several merchants, but has one secret.
fn app_secret(
    wechat: &WeChat,
    appid: &str,
    given: Option<String>,
    moment: &mut Moment<'_>,
) -> Result<String, Failure> {
    match (accounts::app_secret(&wechat.merchants, appid), given) {
        (Some(known), Some(given)) if known != given => Err(Failure::Exists {
            field: "app_secret",
            message: format!("the application {appid} exists and has another secret"),
        }),
        (Some(known), _) => Ok(known.to_owned()),
        (None, Some(given)) => Ok(given),
        (None, None) => Ok(moment.hex(32)),
    }
}

fn mini_program(
    wechat: &WeChat,
    input: &mut Input,
    moment: &mut Moment<'_>,
) -> Result<Option<MiniProgram>, Failure> {
    let Some(mut given) = input.object("mini_program")? else {
        return Ok(None);
    };
    let appid = given.required_text("appid")?;
    let appid = application(&given, "appid", appid)?;
    let given_secret = secret(&mut given, "app_secret")?;
    given.finish()?;
    let app_secret = app_secret(wechat, &appid, given_secret, moment)?;
    Ok(Some(MiniProgram { appid, app_secret }))
}

fn number(input: &Input, field: &str, text: String) -> Result<String, BadInput> {
    if (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
        Ok(text)
    } else {
        Err(input.bad(field, "send 1 to 32 digits"))
    }
}

fn application(input: &Input, field: &str, text: String) -> Result<String, BadInput> {
    let id = text.strip_prefix("wx").unwrap_or_default();
    if (1..=30).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        Ok(text)
    } else {
        Err(input.bad(field, "send wx and 1 to 30 letters and digits"))
    }
}

fn name(input: &mut Input) -> Result<Option<String>, BadInput> {
    match input.text("name")? {
        Some(name) if name.trim().is_empty() || name.chars().count() > 64 => {
            Err(input.bad("name", "send 1 to 64 characters"))
        }
        name => Ok(name),
    }
}

fn secret(input: &mut Input, field: &str) -> Result<Option<String>, BadInput> {
    match input.text(field)? {
        Some(secret)
            if !(1..=64).contains(&secret.len())
                || !secret.bytes().all(|b| b.is_ascii_graphic()) =>
        {
            Err(input.bad(
                field,
                "send 1 to 64 visible ASCII characters; WeChat's have 32",
            ))
        }
        secret => Ok(secret),
    }
}

fn sign_type(input: &mut Input) -> Result<Option<String>, BadInput> {
    match input.text("sign_type")? {
        Some(name) if SignType::parse(&name).is_none() => {
            Err(input.bad("sign_type", "send MD5 or HMAC-SHA256"))
        }
        name => Ok(name),
    }
}

fn fee_type(input: &mut Input) -> Result<Option<Currency>, BadInput> {
    let Some(code) = input.text("fee_type")? else {
        return Ok(None);
    };
    Currency::from_code(&code)
        .map(Some)
        .ok_or_else(|| input.bad("fee_type", "send an ISO 4217 code, such as HKD"))
}

fn trade_types(input: &mut Input) -> Result<Option<Vec<TradeType>>, BadInput> {
    let Some(names) = input.texts("trade_types")? else {
        return Ok(None);
    };
    let types: Option<Vec<_>> = names
        .iter()
        .map(|name| TradeType::from_name(name))
        .collect();
    types.map(Some).ok_or_else(|| {
        let names = TradeType::ALL.map(TradeType::as_str).join(", ");
        input.bad("trade_types", format!("send a list of {names}"))
    })
}

fn notice_schedule(input: &mut Input) -> Result<Option<NoticeSchedule>, BadInput> {
    let Some(name) = input.text("notice_schedule")? else {
        return Ok(None);
    };
    NoticeSchedule::ALL
        .into_iter()
        .find(|schedule| schedule.name() == name)
        .map(Some)
        .ok_or_else(|| {
            input.bad(
                "notice_schedule",
                "send manual (15 s to 1 h, in all 3 h 4 min) or day (15 s to 6 h, in all 24 h 4 min)",
            )
        })
}

fn directories(input: &mut Input) -> Result<Option<Vec<String>>, BadInput> {
    let Some(directories) = input.texts("jsapi_directories")? else {
        return Ok(None);
    };
    let good = directories.iter().all(|directory| {
        Url::parse(directory).is_ok_and(|url| {
            ["http", "https"].contains(&url.scheme())
                && url.path().ends_with('/')
                && url.query().is_none()
                && url.fragment().is_none()
        })
    });
    if good {
        Ok(Some(directories))
    } else {
        Err(input.bad(
            "jsapi_directories",
            "send absolute http or https addresses that end in / and have no query",
        ))
    }
}

fn callback_url(input: &mut Input) -> Result<Option<String>, BadInput> {
    match input.text("native_callback_url")? {
        Some(text)
            if !Url::parse(&text).is_ok_and(|url| ["http", "https"].contains(&url.scheme())) =>
        {
            Err(input.bad("native_callback_url", "send an http or https address"))
        }
        text => Ok(text),
    }
}

fn apiv3_key(input: &mut Input) -> Result<Option<String>, BadInput> {
    match input.text("apiv3_key")? {
        Some(key)
            if key.len() != 32 || !key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') =>
        {
            Err(input.bad("apiv3_key", "send 32 letters and digits"))
        }
        key => Ok(key),
    }
}

/// The tester's own key: a `certificate`, or a `public_key` with its
/// `serial_no`.
fn merchant_key(input: &mut Input) -> Result<Option<MerchantKey>, BadInput> {
    let certificate = input.text("certificate")?;
    let public_key = input.text("public_key")?;
    let serial_no = input.text("serial_no")?;
    if let Some(pem) = certificate {
        for (field, given) in [("public_key", &public_key), ("serial_no", &serial_no)] {
            if given.is_some() {
                return Err(input.bad(field, "the certificate has it already: leave this out"));
            }
        }
        let certificate = Certificate::from_pem(&pem)
            .map_err(|error| input.bad("certificate", error.to_string()))?;
        return Ok(Some(MerchantKey {
            serial_no: certificate.serial_no().to_owned(),
            public_key: certificate.public_key().to_pem(),
            certificate: Some(certificate.pem().to_owned()),
            private_key: None,
        }));
    }
    let (pem, serial_no) = match (public_key, serial_no) {
        (None, None) => return Ok(None),
        (Some(pem), Some(serial_no)) => (pem, serial_no),
        (Some(_), None) => return Err(input.bad("serial_no", "a public_key needs a serial_no")),
        (None, Some(_)) => return Err(input.bad("public_key", "a serial_no needs a public_key")),
    };
    let public_key =
        PublicKey::from_pem(&pem).map_err(|error| input.bad("public_key", error.to_string()))?;
    if !(1..=40).contains(&serial_no.len()) || !serial_no.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(input.bad("serial_no", "send 1 to 40 hexadecimal digits"));
    }
    Ok(Some(MerchantKey {
        serial_no: serial_no.to_ascii_uppercase(),
        public_key: public_key.to_pem(),
        certificate: None,
        private_key: None,
    }))
}

/// WeChat's signing keys: `rotate_platform_certificate` advances the rotation
/// by one step.
fn platform(input: &mut Input, known: Platform) -> Result<Platform, BadInput> {
    let rotate = input.boolean("rotate_platform_certificate")?;
    let public_key_percent = match input.integer("public_key_percent")? {
        None => known.public_key_percent,
        Some(percent) => u8::try_from(percent)
            .ok()
            .filter(|percent| *percent <= 100)
            .ok_or_else(|| input.bad("public_key_percent", "send 0 to 100"))?,
    };
    Ok(Platform {
        rotation: known.rotation + usize::from(rotate == Some(true)),
        public_key_percent,
    })
}

fn ionline(input: &mut Input) -> Result<Option<Ionline>, BadInput> {
    let Some(mut given) = input.object("ionline")? else {
        return Ok(None);
    };
    let mid = given.required_text("mid")?;
    let mid = number(&given, "mid", mid)?;
    let key = secret(&mut given, "key")?;
    let key = key.ok_or_else(|| given.bad("key", "this field is required"))?;
    given.finish()?;
    Ok(Some(Ionline { mid, key }))
}

/// The funds by currency, in its smallest unit; other currencies are unchanged.
fn funds(input: &mut Input) -> Result<BTreeMap<String, i64>, BadInput> {
    let mut funds = BTreeMap::new();
    if let Some(mut given) = input.object("funds")? {
        for currency in Currency::all() {
            if let Some(amount_minor) = given.integer(currency.code())? {
                funds.insert(currency.code().to_owned(), amount_minor);
            }
        }
        given.finish()?;
    }
    Ok(funds)
}

fn sub_merchants(
    wechat: &WeChat,
    input: &mut Input,
    moment: &mut Moment<'_>,
) -> Result<Vec<SubMerchant>, Failure> {
    let mut subs = Vec::new();
    for mut sub in input.objects("sub_merchants")?.unwrap_or_default() {
        let sub_mch_id = match sub.text("sub_mch_id")? {
            Some(given) => number(&sub, "sub_mch_id", given)?,
            None => free_mch_id(wechat, moment),
        };
        let sub_appid = match sub.text("sub_appid")? {
            Some(given) => Some(application(&sub, "sub_appid", given)?),
            None => None,
        };
        let given_secret = secret(&mut sub, "sub_app_secret")?;
        let sub_app_secret = match &sub_appid {
            Some(appid) => Some(app_secret(wechat, appid, given_secret, moment)?),
            None => None,
        };
        subs.push(SubMerchant {
            name: name(&mut sub)?.unwrap_or_else(|| format!("Merchant {sub_mch_id}")),
            sub_mch_id,
            sub_appid,
            sub_app_secret,
            mini_program: mini_program(wechat, &mut sub, moment)?,
        });
        sub.finish()?;
    }
    Ok(subs)
}
