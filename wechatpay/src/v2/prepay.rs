//! Unified order: makes a prepayment that the payer can then pay (WeChat Pay v2
//! manual, section 9.1; institutions: Tencent's manual for partners).
//!
//! ```text
//! POST /pay/unifiedorder
//!   appid mch_id [sub_appid sub_mch_id] nonce_str sign [sign_type]
//!   body [detail] [attach] out_trade_no total_fee fee_type spbill_create_ip
//!   [time_start] [time_expire] [goods_tag] notify_url [limit_pay] [device_info]
//!   trade_type  JSAPI   openid | sub_openid
//!               NATIVE  [product_id]
//!               APP
//!               MWEB    scene_info
//! answer
//!   trade_type prepay_id [code_url] [mweb_url]
//! ```
//!
//! Repeating a request with the same terms gives the same prepayment, so a
//! request whose answer was lost may be sent again.

use super::answer::{self, AnswerError, check_echo, push_account, read_account};
use super::payment::{push_money, read_money};
use crate::Secret;
use crate::common::prepay::{NotifyUrl, Payer};
use crate::common::read_out_trade_no;
use crate::common::{FieldError, Fields, Problem, SignType, Text, time};
use order::{Account, Money, OutTradeNo, TradeType};
use std::net::IpAddr;

/// Where to send the request, under any of the hosts of section 4.3.
pub const PATH: &str = "/pay/unifiedorder";

/// A request for a prepayment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The account that receives the payment.
    pub account: Account,
    /// The shop or terminal; `WEB` for a page.
    pub device_info: Option<Text<32>>,
    /// A nonce, from the caller.
    pub nonce_str: Text<32>,
    /// How this request is signed, and so its answer and its notice.
    pub sign_type: SignType,
    /// The description of the purchase, which the payer reads.
    pub body: Text<128>,
    /// A list of goods as JSON.
    pub detail: Option<Text<6000>>,
    /// The merchant's own data, returned in answers and notices. The manual
    /// for mainland merchants says 127; WeChat accepts the v2 manual's 128.
    pub attach: Option<Text<128>>,
    /// The merchant's order number.
    pub out_trade_no: OutTradeNo,
    /// The amount, in the currency's smallest unit.
    pub money: Money,
    /// The payer's address, or for NATIVE the caller's. IPv4 or IPv6: the
    /// v2 manual's 16 characters are out of date.
    pub spbill_create_ip: IpAddr,
    /// When the order was made, Unix milliseconds; WeChat keeps seconds.
    pub time_start_ms: Option<i64>,
    /// The latest moment to pay, Unix milliseconds; WeChat keeps seconds.
    pub time_expire_ms: Option<i64>,
    /// A coupon label.
    pub goods_tag: Option<Text<32>>,
    /// The URL that receives the notice.
    pub notify_url: NotifyUrl,
    /// `no_credit` excludes credit cards.
    pub limit_pay: Option<Text<32>>,
    /// How the payer reaches the payment.
    pub trade: Trade,
}

/// The trade type with the fields that only it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trade {
    /// Inside WeChat. WeChat must know the payer in advance.
    Jsapi(Payer),
    /// By QR code. The manual requires `product_id` here; WeChat no longer
    /// does, so a request is read without it, with a
    /// [`Warning::NativeWithoutProductId`].
    Native {
        /// The merchant's number for what is bought.
        product_id: Option<Text<32>>,
    },
    /// From a mobile app.
    App,
    /// From a phone's browser outside WeChat (H5).
    Mweb {
        /// A JSON object that describes the page.
        scene_info: Text<256>,
    },
}

/// Something that WeChat accepts, or once accepted, although it is wrong in
/// production.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The manual forbids a query in `notify_url`.
    NotifyUrlHasQuery,
    /// Notices over plain HTTP can be read and changed in transit.
    NotifyUrlIsNotHttps,
    /// The manual requires `product_id` for NATIVE.
    NativeWithoutProductId,
}

impl Trade {
    /// The `trade_type`.
    pub const fn trade_type(&self) -> TradeType {
        match self {
            Self::Jsapi(_) => TradeType::Jsapi,
            Self::Native { .. } => TradeType::Native,
            Self::App => TradeType::App,
            Self::Mweb { .. } => TradeType::Mweb,
        }
    }

    /// H5, with `scene_info` checked to be a JSON object.
    pub fn mweb(scene_info: &str) -> Result<Self, FieldError> {
        let text = Text::new("scene_info", scene_info)?;
        match serde_json::from_str::<serde_json::Value>(scene_info) {
            Ok(serde_json::Value::Object(_)) => Ok(Self::Mweb { scene_info: text }),
            _ => Err(Problem::BadFormat.of("scene_info")),
        }
    }

    fn read(fields: &Fields, account: &Account) -> Result<Self, FieldError> {
        match fields.one_of("trade_type", TradeType::from_name)? {
            TradeType::Jsapi => Payer::read(fields, account).map(Self::Jsapi),
            TradeType::Native => Ok(Self::Native {
                product_id: fields.optional_text("product_id")?,
            }),
            TradeType::App => Ok(Self::App),
            TradeType::Mweb => Self::mweb(fields.required("scene_info")?),
            // Quick Pay has its own call.
            TradeType::Micropay => Err(Problem::UnknownValue.of("trade_type")),
        }
    }

    fn write(&self, fields: &mut Fields) {
        fields.push("trade_type", self.trade_type().as_str());
        match self {
            Self::Jsapi(Payer::Openid(openid)) => fields.push("openid", openid.as_str()),
            Self::Jsapi(Payer::SubOpenid(openid)) => fields.push("sub_openid", openid.as_str()),
            Self::Native { product_id } => {
                fields.push_some("product_id", product_id.as_ref().map(Text::as_str));
            }
            Self::App => {}
            Self::Mweb { scene_info } => fields.push("scene_info", scene_info.as_str()),
        }
    }
}

impl Payer {
    /// One of the two is enough; `sub_openid` has precedence, as at WeChat.
    fn read(fields: &Fields, account: &Account) -> Result<Self, FieldError> {
        match fields.optional_text("sub_openid")? {
            Some(_) if account.sub_appid.is_none() => Err(Problem::Missing.of("sub_appid")),
            Some(sub_openid) => Ok(Self::SubOpenid(sub_openid)),
            None => fields.text("openid").map(Self::Openid),
        }
    }
}

impl Request {
    /// The request's fields, not signed yet; sign them with
    /// [`sealed`](Fields::sealed) and the request's `sign_type`.
    pub fn to_fields(&self) -> Fields {
        let mut fields = Fields::new();
        push_account(&mut fields, &self.account);
        fields.push_some("device_info", self.device_info.as_ref().map(Text::as_str));
        fields.push("nonce_str", self.nonce_str.as_str());
        fields.push_some("sign_type", self.sign_type.unless_default());
        fields.push("body", self.body.as_str());
        fields.push_some("detail", self.detail.as_ref().map(Text::as_str));
        fields.push_some("attach", self.attach.as_ref().map(Text::as_str));
        fields.push("out_trade_no", self.out_trade_no.as_str());
        push_money(&mut fields, self.money);
        fields.push("spbill_create_ip", self.spbill_create_ip.to_string());
        fields.push_some("time_start", self.time_start_ms.map(time::china));
        fields.push_some("time_expire", self.time_expire_ms.map(time::china));
        fields.push_some("goods_tag", self.goods_tag.as_ref().map(Text::as_str));
        fields.push("notify_url", self.notify_url.as_str());
        fields.push_some("limit_pay", self.limit_pay.as_ref().map(Text::as_str));
        self.trade.write(&mut fields);
        fields
    }

    /// The document to send.
    pub fn to_xml(&self, key: &Secret) -> String {
        self.to_fields().sealed(key, self.sign_type).to_xml()
    }

    /// Reads a request. The caller verifies its signature, with
    /// [`Fields::declared_sign_type`]. Fields that the manual does not list
    /// here are ignored.
    pub fn read(fields: &Fields) -> Result<Self, FieldError> {
        let account = read_account(fields)?;
        let trade = Trade::read(fields, &account)?;
        Ok(Self {
            device_info: fields.optional_text("device_info")?,
            nonce_str: fields.text("nonce_str")?,
            sign_type: read_sign_type(fields)?,
            body: fields.text("body")?,
            detail: fields.optional_text("detail")?,
            attach: fields.optional_text("attach")?,
            out_trade_no: read_out_trade_no(fields)?,
            money: read_money(fields)?,
            spbill_create_ip: fields
                .required("spbill_create_ip")?
                .parse()
                .map_err(|_| Problem::BadFormat.of("spbill_create_ip"))?,
            time_start_ms: fields.optional_time_ms("time_start")?,
            time_expire_ms: fields.optional_time_ms("time_expire")?,
            goods_tag: fields.optional_text("goods_tag")?,
            notify_url: NotifyUrl::new(fields.required("notify_url")?)?,
            limit_pay: fields.optional_text("limit_pay")?,
            trade,
            account,
        })
    }

    /// What WeChat accepts although the manual forbids it.
    pub fn warnings(&self) -> Vec<Warning> {
        let url = self.notify_url.as_str();
        let without_product_id = matches!(self.trade, Trade::Native { product_id: None });
        [
            (url.contains(['?', '#']), Warning::NotifyUrlHasQuery),
            (!url.starts_with("https://"), Warning::NotifyUrlIsNotHttps),
            (without_product_id, Warning::NativeWithoutProductId),
        ]
        .into_iter()
        .filter_map(|(applies, warning)| applies.then_some(warning))
        .collect()
    }
}

pub(crate) fn read_sign_type(fields: &Fields) -> Result<SignType, FieldError> {
    fields
        .declared_sign_type()
        .ok_or(Problem::UnknownValue.of("sign_type"))
}

/// A prepayment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The request's trade type.
    pub trade_type: TradeType,
    /// The id with which the payer's client starts the payment; valid for 2
    /// hours.
    pub prepay_id: String,
    /// The QR code's contents (NATIVE); valid for 2 hours.
    pub code_url: Option<String>,
    /// The URL that the browser opens (MWEB); valid for 5 minutes.
    pub mweb_url: Option<String>,
}

impl Answer {
    /// Reads the answer to `request`. See [`answer::read`] for what is checked
    /// before.
    pub fn read(bytes: &[u8], request: &Request, key: &Secret) -> Result<Self, AnswerError> {
        let fields = answer::read(bytes, &request.account, key, request.sign_type)?;
        let trade_type = request.trade.trade_type();
        fields.required("trade_type")?;
        check_echo(&fields, "trade_type", trade_type.as_str())?;
        check_echo(&fields, "out_trade_no", request.out_trade_no.as_str())?;
        if trade_type == TradeType::Native {
            fields.required("code_url")?;
        }
        if trade_type == TradeType::Mweb {
            fields.required("mweb_url")?;
        }
        Ok(Self {
            trade_type,
            prepay_id: fields.required("prepay_id")?.to_owned(),
            code_url: fields.owned("code_url"),
            mweb_url: fields.owned("mweb_url"),
        })
    }

    /// The answer's fields, not signed yet; sign them with
    /// [`sealed`](Fields::sealed) and the request's sign type.
    pub fn to_fields(&self, account: &Account, nonce_str: &str) -> Fields {
        let mut fields = answer::success(account, nonce_str);
        fields.push("trade_type", self.trade_type.as_str());
        fields.push("prepay_id", self.prepay_id.as_str());
        fields.push_some("code_url", self.code_url.as_deref());
        fields.push_some("mweb_url", self.mweb_url.as_deref());
        fields
    }
}
