//! Quick Pay: the merchant scans the payer's code (WeChat Pay v2 manual,
//! section 5.5).
//!
//! ```text
//! POST /pay/micropay
//!   appid mch_id [sub_appid sub_mch_id] [device_info] nonce_str sign [sign_type]
//!   body [detail] [attach] out_trade_no total_fee fee_type spbill_create_ip
//!   [goods_tag] [limit_pay] [time_start] [time_expire]
//!   auth_code        18 digits that begin 10 to 15
//! answer
//!   the payment's fields, [device_info]
//! ```
//!
//! This call takes money and its outcome can be unknown: after a time-out,
//! [`UserPaying`](super::ErrorCode::UserPaying),
//! [`SystemError`](super::ErrorCode::SystemError) or
//! [`BankError`](super::ErrorCode::BankError), query first and never repeat
//! blindly (Q4, Q5). An order whose outcome stays unknown is
//! [reversed](super::reverse) (Q6).

use super::answer::{self, AnswerError, check_echo, push_account, read_account};
use super::payment::{self, push_money, read_money};
use super::prepay::read_sign_type;
use crate::Secret;
use crate::common::micropay::AuthCode;
use crate::common::{FieldError, Fields, Problem, SignType, Text, read_out_trade_no, time};
use order::{Account, Money, OutTradeNo, Payment, TradeType};
use std::net::IpAddr;

/// Where to send the request.
pub const PATH: &str = "/pay/micropay";

/// A request to take a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The account that receives the payment.
    pub account: Account,
    /// The terminal.
    pub device_info: Option<Text<32>>,
    /// A nonce, from the caller.
    pub nonce_str: Text<32>,
    /// How this request is signed, and so its answer.
    pub sign_type: SignType,
    /// The description of the purchase, which the payer reads. The manual says
    /// 32 here and 128 in 9.1; WeChat accepts 128 in both.
    pub body: Text<128>,
    /// A list of goods as JSON.
    pub detail: Option<Text<6000>>,
    /// The merchant's own data, returned in answers.
    pub attach: Option<Text<128>>,
    /// The merchant's order number. One code, one order (Q2).
    pub out_trade_no: OutTradeNo,
    /// The amount, in the currency's smallest unit.
    pub money: Money,
    /// The address of the machine that calls.
    pub spbill_create_ip: IpAddr,
    /// A coupon label.
    pub goods_tag: Option<Text<32>>,
    /// `no_credit` excludes credit cards.
    pub limit_pay: Option<Text<32>>,
    /// When the order was made, Unix milliseconds; WeChat keeps seconds.
    pub time_start_ms: Option<i64>,
    /// The latest moment to pay, Unix milliseconds; WeChat keeps seconds.
    pub time_expire_ms: Option<i64>,
    /// The scanned code.
    pub auth_code: AuthCode,
}

impl Request {
    /// The request's fields, not signed yet. They contain the payment code.
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
        fields.push_some("goods_tag", self.goods_tag.as_ref().map(Text::as_str));
        fields.push_some("limit_pay", self.limit_pay.as_ref().map(Text::as_str));
        fields.push_some("time_start", self.time_start_ms.map(time::china));
        fields.push_some("time_expire", self.time_expire_ms.map(time::china));
        fields.push("auth_code", self.auth_code.expose());
        fields
    }

    /// The document to send.
    pub fn to_xml(&self, key: &Secret) -> String {
        self.to_fields().sealed(key, self.sign_type).to_xml()
    }

    /// Reads a request. The caller verifies its signature. The code is checked
    /// last, so [`AuthCode::refuses`] means that everything else is valid.
    pub fn read(fields: &Fields) -> Result<Self, FieldError> {
        Ok(Self {
            account: read_account(fields)?,
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
            goods_tag: fields.optional_text("goods_tag")?,
            limit_pay: fields.optional_text("limit_pay")?,
            time_start_ms: fields.optional_time_ms("time_start")?,
            time_expire_ms: fields.optional_time_ms("time_expire")?,
            auth_code: AuthCode::new(fields.required("auth_code")?)?,
        })
    }
}

/// The payment is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What was paid: the request's order and amount.
    pub payment: Payment,
    /// The terminal that the request named.
    pub device_info: Option<String>,
}

impl Answer {
    /// Reads the answer to `request`. See [`answer::read`] for what is checked
    /// before. A payment of another order or amount is
    /// [`AnswerError::Mismatched`]; an incomplete payment is an
    /// [`AnswerError::Field`]; after both, query.
    pub fn read(bytes: &[u8], request: &Request, key: &Secret) -> Result<Self, AnswerError> {
        let fields = answer::read(bytes, &request.account, key, request.sign_type)?;
        check_echo(&fields, "out_trade_no", request.out_trade_no.as_str())?;
        check_echo(&fields, "trade_type", TradeType::Micropay.as_str())?;
        let mut payment = payment::read(&fields)?;
        if payment.money.currency() != request.money.currency() {
            return Err(AnswerError::Mismatched { field: "fee_type" });
        }
        if payment.money != request.money {
            return Err(AnswerError::Mismatched { field: "total_fee" });
        }
        // `answer::read` has compared it: WeChat may omit `sub_appid`.
        payment.account = request.account.clone();
        Ok(Self {
            payment,
            device_info: fields.owned("device_info"),
        })
    }

    /// The answer's fields, not signed yet.
    pub fn to_fields(&self, account: &Account, nonce_str: &str) -> Fields {
        let mut fields = answer::success(account, nonce_str);
        fields.push_some("device_info", self.device_info.as_deref());
        payment::write(&mut fields, &self.payment);
        fields
    }
}
