//! A payment (iOnline description, section 1): inside WeChat, or by QR code.
//!
//! ```text
//! service jspay.intl | native.intl  mch_id nonce_str sign_type sign
//!   out_trade_no body total_fee mch_create_ip notify_url
//!   [device_info] [attach] [time_start time_expire] [goods_tag] [limit_credit_pay]
//!   jspay   sub_appid sub_openid is_raw [is_minipg]
//! answer
//!   jspay   is_raw 0      token_id pay_url              works inside WeChat only
//!           is_raw 1      token_id pay_info             [`payinfo`](super::payinfo)
//!   native                code_url [code_img_url]
//! ```
//!
//! `total_fee` is in cents of the merchant's own currency, which is not sent.

use super::answer;
use super::error::AnswerError;
use super::payinfo::{self, AppId};
use super::payment::read_money;
use super::request::{self, Service};
use crate::Secret;
use crate::common::invoke::Jsapi;
use crate::common::{self, FieldError, Fields, Problem, Text, read_out_trade_no, time};
use order::{Currency, Money, OutTradeNo, TradeType};
use std::net::Ipv4Addr;

/// A request for a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The MID of the merchant that receives the payment.
    pub mch_id: Text<32>,
    /// A nonce, from the caller.
    pub nonce_str: Text<32>,
    /// The merchant's order number.
    pub out_trade_no: OutTradeNo,
    /// The shop or terminal.
    pub device_info: Option<Text<32>>,
    /// The description of the purchase, which the payer reads.
    pub body: Text<127>,
    /// The merchant's own data, returned in answers and notices.
    pub attach: Option<Text<127>>,
    /// The amount. The currency is the merchant's and not sent.
    pub money: Money,
    /// The address of the machine that sends this request. `String(16)` is long
    /// enough only for IPv4.
    pub mch_create_ip: Ipv4Addr,
    /// The URL that receives the notice.
    pub notify_url: NotifyUrl,
    /// When the order was made, and when it expires.
    pub lifetime: Option<Lifetime>,
    /// A coupon label.
    pub goods_tag: Option<Text<32>>,
    /// Whether credit cards are excluded.
    pub limit_credit_pay: bool,
    /// How the payer reaches the payment.
    pub trade: Trade,
}

/// The service with the fields that only it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trade {
    /// Inside WeChat.
    Jspay(Jspay),
    /// By QR code.
    Native,
}

/// A payment inside WeChat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jspay {
    /// The merchant's own application.
    pub sub_appid: Text<32>,
    /// The payer under it.
    pub sub_openid: Text<128>,
    /// How the page starts the payment.
    pub start: Start,
}

/// How a page starts a payment inside WeChat (`is_raw`, `is_minipg`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Start {
    /// The browser opens `pay_url`.
    PayUrl,
    /// The page passes `pay_info` to `WeixinJSBridge`.
    Bridge,
    /// A Mini Program passes `pay_info` to `wx.requestPayment`.
    MiniProgram,
}

impl Start {
    fn read(fields: &Fields) -> Result<Self, FieldError> {
        let is_raw = fields.one_of("is_raw", flag)?;
        let is_minipg = read_flag(fields, "is_minipg")?;
        Ok(match (is_raw, is_minipg) {
            (_, true) => Self::MiniProgram,
            (true, false) => Self::Bridge,
            (false, false) => Self::PayUrl,
        })
    }
}

/// The period in which a payment can be made. iOnline reads the end only if the
/// beginning is given too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    time_start_ms: i64,
    time_expire_ms: i64,
}

impl Lifetime {
    /// Unix milliseconds, of which iOnline keeps seconds; the end must be after
    /// the beginning.
    pub fn new(time_start_ms: i64, time_expire_ms: i64) -> Result<Self, FieldError> {
        if time_expire_ms <= time_start_ms {
            return Err(Problem::OutOfRange.of("time_expire"));
        }
        Ok(Self {
            time_start_ms,
            time_expire_ms,
        })
    }

    /// When the order was made, Unix milliseconds.
    pub const fn time_start_ms(self) -> i64 {
        self.time_start_ms
    }

    /// The latest moment to pay, Unix milliseconds.
    pub const fn time_expire_ms(self) -> i64 {
        self.time_expire_ms
    }

    /// Both times are needed to set an end (iOnline document, section 1): one
    /// of them alone sets none, and is ignored.
    fn read(fields: &Fields) -> Result<Option<Self>, FieldError> {
        let start_ms = fields.optional_time_ms("time_start")?;
        let expire_ms = fields.optional_time_ms("time_expire")?;
        let both = start_ms.zip(expire_ms);
        both.map(|(start_ms, expire_ms)| Self::new(start_ms, expire_ms))
            .transpose()
    }
}

/// The URL to which iOnline sends notices: an absolute `http` or `https` URL of
/// at most 255 bytes, on port 80 or 443. On a loopback address, to which only a
/// sandbox sends notices, any port is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifyUrl(common::prepay::NotifyUrl);

impl NotifyUrl {
    /// The most bytes that it may have.
    pub const MAX_BYTES: usize = 255;

    /// Checks a URL. One with another port, which iOnline would never call,
    /// is [`Problem::OutOfRange`].
    pub fn new(url: &str) -> Result<Self, FieldError> {
        if url.len() > Self::MAX_BYTES {
            let max_bytes = Self::MAX_BYTES;
            return Err(Problem::TooLong { max_bytes }.of("notify_url"));
        }
        let checked = common::prepay::NotifyUrl::new(url)?;
        match host_and_port(url) {
            (_, None | Some("80" | "443")) => Ok(Self(checked)),
            (host, Some(_)) if is_this_machine(host) => Ok(Self(checked)),
            _ => Err(Problem::OutOfRange.of("notify_url")),
        }
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Trade {
    /// The service that makes such a payment.
    pub const fn service(&self) -> Service {
        match self {
            Self::Jspay(_) => Service::Jspay,
            Self::Native => Service::Native,
        }
    }

    /// How the payer pays.
    pub const fn trade_type(&self) -> TradeType {
        match self {
            Self::Jspay(_) => TradeType::Jsapi,
            Self::Native => TradeType::Native,
        }
    }

    fn read(fields: &Fields) -> Result<Self, FieldError> {
        if Service::of(fields)? == Service::Native {
            return Ok(Self::Native);
        }
        Ok(Self::Jspay(Jspay {
            sub_appid: fields.text("sub_appid")?,
            sub_openid: fields.text("sub_openid")?,
            start: Start::read(fields)?,
        }))
    }

    fn write(&self, fields: &mut Fields) {
        let Self::Jspay(jspay) = self else {
            return;
        };
        fields.push("sub_appid", jspay.sub_appid.as_str());
        fields.push("sub_openid", jspay.sub_openid.as_str());
        let is_raw = jspay.start != Start::PayUrl;
        fields.push("is_raw", if is_raw { "1" } else { "0" });
        if jspay.start == Start::MiniProgram {
            fields.push("is_minipg", "1");
        }
    }
}

impl Request {
    /// The request's fields, not signed yet.
    pub fn to_fields(&self) -> Fields {
        let text = |text: &Option<Text<32>>| text.as_ref().map(|text| text.as_str().to_owned());
        let mut fields = request::start(self.trade.service(), &self.mch_id, &self.nonce_str);
        fields.push("out_trade_no", self.out_trade_no.as_str());
        fields.push_some("device_info", text(&self.device_info));
        fields.push("body", self.body.as_str());
        fields.push_some("attach", self.attach.as_ref().map(Text::as_str));
        fields.push("total_fee", self.money.amount_minor().to_string());
        fields.push("mch_create_ip", self.mch_create_ip.to_string());
        fields.push("notify_url", self.notify_url.as_str());
        if let Some(lifetime) = self.lifetime {
            fields.push("time_start", time::china(lifetime.time_start_ms));
            fields.push("time_expire", time::china(lifetime.time_expire_ms));
        }
        fields.push_some("goods_tag", text(&self.goods_tag));
        if self.limit_credit_pay {
            fields.push("limit_credit_pay", "1");
        }
        self.trade.write(&mut fields);
        fields
    }

    /// The form to send.
    pub fn to_form(&self, key: &Secret) -> String {
        request::to_form(self.to_fields(), key)
    }

    /// Reads a request of a merchant with this currency. The caller verifies
    /// its signature. Fields that the manual does not list here are ignored.
    pub fn read(fields: &Fields, currency: Currency) -> Result<Self, FieldError> {
        let (mch_id, nonce_str) = request::read(fields, &[Service::Jspay, Service::Native])?;
        Ok(Self {
            mch_id,
            nonce_str,
            out_trade_no: read_out_trade_no(fields)?,
            device_info: fields.optional_text("device_info")?,
            body: fields.text("body")?,
            attach: fields.optional_text("attach")?,
            money: read_money(fields, "total_fee", currency)?,
            mch_create_ip: fields
                .required("mch_create_ip")?
                .parse()
                .map_err(|_| Problem::BadFormat.of("mch_create_ip"))?,
            notify_url: NotifyUrl::new(fields.required("notify_url")?)?,
            lifetime: Lifetime::read(fields)?,
            goods_tag: fields.optional_text("goods_tag")?,
            limit_credit_pay: read_flag(fields, "limit_credit_pay")?,
            trade: Trade::read(fields)?,
        })
    }
}

/// The part of a URL between its scheme's `//` and its path.
fn authority(after_scheme: &str) -> &str {
    after_scheme.split(['/', '?', '#']).next().unwrap_or("")
}

/// The host, an IPv6 address in its brackets, and the port if there is one.
fn host_and_port(url: &str) -> (&str, Option<&str>) {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = authority(after_scheme).rsplit('@').next().unwrap_or("");
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    }
}

fn is_this_machine(host: &str) -> bool {
    ["127.0.0.1", "localhost", "[::1]"].contains(&host)
}

fn flag(value: &str) -> Option<bool> {
    match value {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// A flag that is off if it is not sent.
fn read_flag(fields: &Fields, field: &'static str) -> Result<bool, FieldError> {
    match fields.get_nonempty(field) {
        None => Ok(false),
        Some(_) => fields.one_of(field, flag),
    }
}

/// A payment that can be paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// iOnline's own id of it, which is not used.
    pub token_id: Option<String>,
    /// The means to pay it.
    pub means: Means,
}

/// How a payer pays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Means {
    /// The page, inside WeChat, opens it.
    PayUrl(PayUrl),
    /// The page passes it to WeChat.
    PayInfo(Jsapi),
    /// The payer scans it.
    Code {
        /// The QR code's contents.
        code_url: String,
        /// iOnline's own picture of it, if there is one.
        code_img_url: Option<String>,
    },
}

/// An absolute `https` URL that works inside WeChat only; `http` is accepted
/// for a loopback address, whose traffic stays on the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayUrl(String);

impl PayUrl {
    /// Checks a URL, because the payer is redirected to it.
    pub fn new(url: &str) -> Result<Self, FieldError> {
        let bad = Problem::BadFormat.of("pay_url");
        let (scheme, rest) = url.split_once("://").ok_or(bad)?;
        let (host, _) = host_and_port(url);
        let is_secure = match scheme {
            "https" => true,
            "http" => is_this_machine(host),
            _ => false,
        };
        let is_plain = authority(rest)
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-.:".contains(&b));
        let is_url = url.bytes().all(|b| b.is_ascii_graphic());
        if is_secure && !host.is_empty() && is_plain && is_url {
            Ok(Self(url.to_owned()))
        } else {
            Err(bad)
        }
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Answer {
    /// Reads the answer to `request`. See [`answer::read`] for what is checked
    /// before. A `pay_info` that must not reach a page is
    /// [`AnswerError::PayInfo`].
    pub fn read(bytes: &[u8], request: &Request, key: &Secret) -> Result<Self, AnswerError> {
        let fields = answer::read(bytes, request.mch_id.as_str(), key)?;
        answer::check_echo(&fields, "out_trade_no", request.out_trade_no.as_str())?;
        Ok(Self {
            token_id: fields.owned("token_id"),
            means: Means::read(&fields, &request.trade)?,
        })
    }

    /// The answer's fields, not signed yet: then [`answer::to_json`].
    pub fn to_fields(&self, mch_id: &str, nonce_str: &str) -> Fields {
        let mut fields = answer::success(mch_id, nonce_str);
        fields.push_some("token_id", self.token_id.as_deref());
        match &self.means {
            Means::PayUrl(url) => fields.push("pay_url", url.as_str()),
            Means::PayInfo(package) => fields.push("pay_info", payinfo::write(package)),
            Means::Code {
                code_url,
                code_img_url,
            } => {
                fields.push("code_url", code_url.as_str());
                fields.push_some("code_img_url", code_img_url.as_deref());
            }
        }
        fields
    }
}

impl Means {
    fn read(fields: &Fields, trade: &Trade) -> Result<Self, AnswerError> {
        let Trade::Jspay(jspay) = trade else {
            return Ok(Self::Code {
                code_url: fields.required("code_url")?.to_owned(),
                code_img_url: fields.owned("code_img_url"),
            });
        };
        let app_id = match jspay.start {
            Start::PayUrl => {
                return Ok(Self::PayUrl(PayUrl::new(fields.required("pay_url")?)?));
            }
            Start::Bridge => AppId::Required,
            Start::MiniProgram => AppId::Optional,
        };
        let pay_info = fields.required("pay_info")?;
        let package = payinfo::read(pay_info, jspay.sub_appid.as_str(), app_id)?;
        Ok(Self::PayInfo(package))
    }
}
