//! Prepayment: makes an order that the payer can then pay.
//!
//! ```text
//!           Global                           mainland, direct and institutions
//! POST      /v3/global/transactions/…        /v3/pay/transactions/…  /v3/pay/partner/transactions/…
//!   JSAPI   jsapi   prepay_id                jsapi   prepay_id       payer
//!   NATIVE  native  code_url                 native  code_url
//!   APP     app     prepay_id                app     prepay_id
//!   MWEB    mweb    mweb_url                 h5      h5_url          scene_info
//!
//!   appid mchid | sp_appid sp_mchid [sub_appid] sub_mchid
//!   description out_trade_no notify_url amount{total,currency}
//!   [time_start] [time_expire] [attach] [goods_tag] [limit_pay] [scene_info] [detail]
//!   Global also: trade_type merchant_category_code
//! ```
//!
//! Repeating a request with the same terms gives the same prepayment, so a
//! request whose answer was lost may be sent again.

use crate::common::prepay::{NotifyUrl, Payer};

use super::answer::AnswerError;
use super::field::FieldError;
use super::json::{Object, set};
use super::keyring::Verified;
use super::merchant::{Merchant, read_account};
use super::region::Region;
use super::request::{Incoming, Outgoing, RequestError};
use super::time;
use crate::common::json::Document;
use crate::common::{Problem, Text};
use order::{Account, Money, OutTradeNo, TradeType};
use serde_json::{Map, Value, json};
use std::net::IpAddr;

/// A request for a prepayment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The account that receives the payment.
    pub account: Account,
    /// The description of the purchase, which the payer reads.
    pub description: Text<127>,
    /// The merchant's own data, returned in answers and notices.
    pub attach: Option<Text<128>>,
    /// The merchant's order number.
    pub out_trade_no: OutTradeNo,
    /// The amount, in the currency's smallest unit.
    pub money: Money,
    /// When the order was made, Unix milliseconds; WeChat keeps seconds. Only
    /// Global has it.
    pub time_start_ms: Option<i64>,
    /// The latest moment to pay, Unix milliseconds; WeChat keeps seconds.
    pub time_expire_ms: Option<i64>,
    /// The URL that receives the notice.
    pub notify_url: NotifyUrl,
    /// The merchant's trade by ISO 18245, such as `4111`. Global requires it,
    /// the mainland does not have it.
    pub merchant_category_code: Option<Text<32>>,
    /// A coupon label.
    pub goods_tag: Option<Text<32>>,
    /// `no_credit` excludes credit cards.
    pub limit_pay: Option<Text<32>>,
    /// The payer's address, the shop and the terminal. MWEB requires the
    /// payer's address.
    pub scene_info: Option<SceneInfo>,
    /// The goods, for coupons.
    pub detail: Option<Detail>,
    /// How the payer reaches the payment.
    pub trade: Trade,
}

/// The trade type with the fields that only it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trade {
    /// Inside WeChat. WeChat must know the payer in advance.
    Jsapi(Payer),
    /// By QR code.
    Native,
    /// From a mobile app.
    App,
    /// From a phone's browser outside WeChat (H5).
    Mweb,
}

impl Trade {
    /// The trade type.
    pub const fn trade_type(&self) -> TradeType {
        match self {
            Self::Jsapi(_) => TradeType::Jsapi,
            Self::Native => TradeType::Native,
            Self::App => TradeType::App,
            Self::Mweb => TradeType::Mweb,
        }
    }

    const fn segment(&self, region: Region) -> &'static str {
        match (self, region) {
            (Self::Jsapi(_), _) => "jsapi",
            (Self::Native, _) => "native",
            (Self::App, _) => "app",
            (Self::Mweb, Region::Global) => "mweb",
            (Self::Mweb, Region::Mainland) => "h5",
        }
    }
}

/// The payer's address, the shop and the terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SceneInfo {
    /// The payer's address.
    pub payer_client_ip: Option<IpAddr>,
    /// The shop's terminal.
    pub device_id: Option<Text<32>>,
    /// The terminal's address.
    pub device_ip: Option<IpAddr>,
    /// The shop assistant.
    pub operator_id: Option<Text<32>>,
    /// The shop.
    pub store_info: Option<StoreInfo>,
    /// The kind of page: `Wap`, `iOS`, `Android`. Mainland H5 requires it, and
    /// Global does not have it.
    pub h5_type: Option<Text<32>>,
}

/// A shop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreInfo {
    /// In Global the merchant's number for it; on the mainland WeChat's own
    /// number of the place, digits only.
    pub id: Option<Text<32>>,
    /// The merchant's code for it, letters and digits. Only the mainland has
    /// it, for Quick Pay.
    pub out_id: Option<Text<32>>,
    /// Its name. Global requires it.
    pub name: Option<Text<256>>,
    /// Its area in the mainland's numbers. Only the mainland has it.
    pub area_code: Option<Text<32>>,
    /// Its address. Global requires it.
    pub address: Option<Text<512>>,
}

/// The goods of an order, for coupons: a JSON object of at most 6000 bytes. Its
/// fields have other names in each region (`goods_id` is `merchant_goods_id` on
/// the mainland), so the merchant writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail(Map<String, Value>);

impl Detail {
    /// The longest accepted text, as in v2.
    pub const MAX_BYTES: usize = 6000;

    /// Checks that a text is a JSON object.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let error = |problem| FieldError::new("detail", problem);
        if text.len() > Self::MAX_BYTES {
            let max_bytes = Self::MAX_BYTES;
            return Err(error(Problem::TooLong { max_bytes }));
        }
        Document::parse(text.as_bytes())
            .map(|document| Self(document.into_fields()))
            .map_err(|_| error(Problem::BadFormat))
    }

    /// The object.
    pub const fn fields(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The object. Global's reference calls it a list, and the samples have an
    /// object.
    pub(crate) fn read(root: &Object<'_>) -> Result<Option<Self>, FieldError> {
        let value = match root.get("detail") {
            Some(Value::Array(items)) => items.first(),
            other => other,
        };
        match value {
            None => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(Self(fields.clone()))),
            Some(_) => Err(root.error("detail", Problem::BadFormat)),
        }
    }
}

impl SceneInfo {
    pub(crate) fn to_json(&self) -> Value {
        let ip = |address: Option<IpAddr>| address.map(|address| address.to_string());
        let mut fields = Map::new();
        set(&mut fields, "payer_client_ip", ip(self.payer_client_ip));
        set(&mut fields, "device_ip", ip(self.device_ip));
        set(&mut fields, "device_id", as_str(&self.device_id));
        set(&mut fields, "operator_id", as_str(&self.operator_id));
        let store_info = self.store_info.as_ref().map(|store| {
            let mut fields = Map::new();
            set(&mut fields, "id", as_str(&store.id));
            set(&mut fields, "out_id", as_str(&store.out_id));
            set(&mut fields, "name", as_str(&store.name));
            set(&mut fields, "area_code", as_str(&store.area_code));
            set(&mut fields, "address", as_str(&store.address));
            fields
        });
        set(&mut fields, "store_info", store_info);
        let h5_info = as_str(&self.h5_type).map(|name| json!({ "type": name }));
        set(&mut fields, "h5_info", h5_info);
        Value::Object(fields)
    }

    pub(crate) fn read(root: &Object<'_>) -> Result<Option<Self>, FieldError> {
        let Some(scene) = root.optional_object("scene_info")? else {
            return Ok(None);
        };
        let ip = |name| match scene.has(name) {
            false => Ok(None),
            true => scene
                .text(name, 45)?
                .parse()
                .map(Some)
                .map_err(|_| scene.error(name, Problem::BadFormat)),
        };
        let store_info = scene.optional_object("store_info")?.map(|store| {
            Ok::<_, FieldError>(StoreInfo {
                id: store.optional_limited("id")?,
                out_id: store.optional_limited("out_id")?,
                name: store.optional_limited("name")?,
                area_code: store.optional_limited("area_code")?,
                address: store.optional_limited("address")?,
            })
        });
        let h5_info = scene.optional_object("h5_info")?;
        Ok(Some(Self {
            payer_client_ip: ip("payer_client_ip")?,
            device_id: scene.optional_limited("device_id")?,
            device_ip: ip("device_ip")?,
            operator_id: scene.optional_limited("operator_id")?,
            store_info: store_info.transpose()?,
            h5_type: match h5_info {
                None => None,
                Some(h5) => h5.optional_limited("type")?,
            },
        }))
    }
}

impl Request {
    /// The request to send.
    pub fn outgoing(&self, region: Region) -> Outgoing {
        let institution = self.account.sub_mch_id.is_some();
        let mut fields = Map::new();
        Merchant::from(&self.account).push(&mut fields);
        set(&mut fields, "description", Some(self.description.as_str()));
        set(&mut fields, "attach", as_str(&self.attach));
        set(
            &mut fields,
            "out_trade_no",
            Some(self.out_trade_no.as_str()),
        );
        set(&mut fields, "notify_url", Some(self.notify_url.as_str()));
        if region == Region::Global {
            let code = as_str(&self.merchant_category_code);
            set(
                &mut fields,
                "trade_type",
                Some(self.trade.trade_type().as_str()),
            );
            set(&mut fields, "merchant_category_code", code);
            set(
                &mut fields,
                "time_start",
                self.time_start_ms.map(time::rfc3339),
            );
        }
        set(
            &mut fields,
            "time_expire",
            self.time_expire_ms.map(time::rfc3339),
        );
        set(&mut fields, "goods_tag", as_str(&self.goods_tag));
        set(
            &mut fields,
            "limit_pay",
            write_limit_pay(&self.limit_pay, region),
        );
        set(&mut fields, "amount", Some(write_amount(self.money)));
        if let Trade::Jsapi(payer) = &self.trade {
            set(&mut fields, "payer", Some(write_payer(payer, institution)));
        }
        set(
            &mut fields,
            "scene_info",
            self.scene_info.as_ref().map(SceneInfo::to_json),
        );
        set(
            &mut fields,
            "detail",
            self.detail.as_ref().map(|detail| detail.0.clone()),
        );
        let base = transactions(region, institution);
        Outgoing::post(format!("{base}/{}", self.trade.segment(region)), fields)
    }

    /// Reads a request. The trade type is the path's; if the body has one too,
    /// it must be the same.
    pub fn read(request: &Incoming<'_>) -> Result<Self, RequestError> {
        let document = request.document()?;
        let root = document.root();
        let account = read_account(&root)?;
        let scene_info = SceneInfo::read(&root)?;
        let trade = match request.segment_after("transactions")?.as_deref() {
            Some("jsapi") => Trade::Jsapi(read_payer(&root, &account)?),
            Some("native") => Trade::Native,
            Some("app") => Trade::App,
            Some("mweb" | "h5") => {
                check_scene(&root, &scene_info, request.region)?;
                Trade::Mweb
            }
            _ => return Err(root.error("trade_type", Problem::UnknownValue).into()),
        };
        let merchant_category_code = match request.region {
            Region::Mainland => None,
            Region::Global => {
                let named = root.one_of("trade_type", TradeType::from_name)?;
                if named != trade.trade_type() {
                    return Err(root.error("trade_type", Problem::UnknownValue).into());
                }
                Some(root.limited("merchant_category_code")?)
            }
        };
        Ok(Self {
            description: root.limited("description")?,
            attach: root.optional_limited("attach")?,
            out_trade_no: read_out_trade_no(&root)?,
            money: root.object("amount")?.money("total")?,
            time_start_ms: root.optional_time_ms("time_start")?,
            time_expire_ms: root.optional_time_ms("time_expire")?,
            notify_url: root.parsed("notify_url", 256, NotifyUrl::new)?,
            merchant_category_code,
            goods_tag: root.optional_limited("goods_tag")?,
            limit_pay: read_limit_pay(&root)?,
            scene_info,
            detail: Detail::read(&root)?,
            trade,
            account,
        })
    }
}

/// The prefix of the paths about payments.
pub(crate) const fn transactions(region: Region, institution: bool) -> &'static str {
    match (region, institution) {
        (Region::Global, _) => "/v3/global/transactions",
        (Region::Mainland, false) => "/v3/pay/transactions",
        (Region::Mainland, true) => "/v3/pay/partner/transactions",
    }
}

pub(crate) fn write_amount(money: Money) -> Value {
    json!({ "total": money.amount_minor(), "currency": money.currency().code() })
}

/// A text in Global, a list on the mainland.
pub(crate) fn write_limit_pay(limit_pay: &Option<Text<32>>, region: Region) -> Option<Value> {
    let name = as_str(limit_pay)?;
    Some(match region {
        Region::Global => json!(name),
        Region::Mainland => json!([name]),
    })
}

/// Reads only the first text of a list: the value is only displayed.
pub(crate) fn read_limit_pay(root: &Object<'_>) -> Result<Option<Text<32>>, FieldError> {
    let name = match root.get("limit_pay") {
        Some(Value::Array(names)) => names.first(),
        other => other,
    };
    match name {
        None => Ok(None),
        Some(Value::String(name)) => Text::new("limit_pay", name).map(Some).map_err(Into::into),
        Some(_) => Err(root.error("limit_pay", Problem::BadFormat)),
    }
}

pub(crate) fn read_out_trade_no(root: &Object<'_>) -> Result<OutTradeNo, FieldError> {
    parse_out_trade_no(root.text("out_trade_no", 256)?)
}

pub(crate) fn parse_out_trade_no(text: &str) -> Result<OutTradeNo, FieldError> {
    use order::OutTradeNoError::{BadCharacter, Empty, TooLong};
    OutTradeNo::new(text).map_err(|error| {
        let problem = match error {
            Empty => Problem::Empty,
            TooLong => Problem::TooLong {
                max_bytes: OutTradeNo::MAX_LEN,
            },
            BadCharacter => Problem::BadCharacter,
        };
        FieldError::new("out_trade_no", problem)
    })
}

pub(crate) fn as_str<const MAX: usize>(text: &Option<Text<MAX>>) -> Option<&str> {
    text.as_ref().map(Text::as_str)
}

fn write_payer(payer: &Payer, institution: bool) -> Value {
    match (payer, institution) {
        (Payer::Openid(openid), false) => json!({ "openid": openid.as_str() }),
        (Payer::Openid(openid), true) => json!({ "sp_openid": openid.as_str() }),
        (Payer::SubOpenid(openid), _) => json!({ "sub_openid": openid.as_str() }),
    }
}

fn read_payer(root: &Object<'_>, account: &Account) -> Result<Payer, FieldError> {
    let payer = root.object("payer")?;
    if account.sub_mch_id.is_none() {
        return payer.limited("openid").map(Payer::Openid);
    }
    match payer.optional_limited("sub_openid")? {
        Some(_) if account.sub_appid.is_none() => Err(root.error("sub_appid", Problem::Missing)),
        Some(openid) => Ok(Payer::SubOpenid(openid)),
        None => payer.limited("sp_openid").map(Payer::Openid),
    }
}

/// H1: a payer outside WeChat is identified only by the address.
fn check_scene(
    root: &Object<'_>,
    scene_info: &Option<SceneInfo>,
    region: Region,
) -> Result<(), FieldError> {
    let scene = root.object("scene_info")?;
    let Some(info) = scene_info else {
        return Ok(());
    };
    if info.payer_client_ip.is_none() {
        Err(scene.error("payer_client_ip", Problem::Missing))
    } else if region == Region::Mainland && info.h5_type.is_none() {
        Err(scene.error("h5_info.type", Problem::Missing))
    } else {
        Ok(())
    }
}

/// A prepayment: how the payer's client starts the payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// JSAPI and APP; valid for 2 hours.
    PrepayId(String),
    /// The QR code's contents (NATIVE); valid for 2 hours.
    CodeUrl(String),
    /// The URL that the browser opens (MWEB); valid for 5 minutes.
    MwebUrl(String),
}

impl Answer {
    /// Reads the verified answer to a request of this trade type.
    pub fn read(verified: Verified<'_>, trade_type: TradeType) -> Result<Self, AnswerError> {
        let document = Document::parse(verified.bytes())?;
        let root = document.root();
        let text = |name| root.text(name, 1024).map(str::to_owned);
        Ok(match trade_type {
            TradeType::Native => Self::CodeUrl(text("code_url")?),
            TradeType::Mweb if root.has("h5_url") => Self::MwebUrl(text("h5_url")?),
            TradeType::Mweb => Self::MwebUrl(text("mweb_url")?),
            TradeType::Jsapi | TradeType::App | TradeType::Micropay => {
                Self::PrepayId(text("prepay_id")?)
            }
        })
    }

    /// The body.
    pub fn to_json(&self, region: Region) -> String {
        match (self, region) {
            (Self::PrepayId(id), _) => json!({ "prepay_id": id }),
            (Self::CodeUrl(url), _) => json!({ "code_url": url }),
            (Self::MwebUrl(url), Region::Global) => json!({ "mweb_url": url }),
            (Self::MwebUrl(url), Region::Mainland) => json!({ "h5_url": url }),
        }
        .to_string()
    }
}
