//! Refund: returns a payment, whole or in parts (WeChat Pay v2 manual, section
//! 9.4).
//!
//! ```text
//! POST /secapi/pay/refund                       with the merchant's certificate
//!   appid mch_id [sub_appid sub_mch_id] nonce_str sign [sign_type]
//!   transaction_id | out_trade_no   out_refund_no
//!   total_fee refund_fee [refund_fee_type]
//!   [notify_url] [refund_desc] [refund_account]
//! answer                                        accepted, not yet returned
//!   transaction_id out_trade_no out_refund_no refund_id
//!   refund_fee [refund_fee_type] total_fee [fee_type] cash_fee [cash_fee_type]
//!   cash_refund_fee [cash_refund_fee_type] rate
//!   [settlement_…_fee] [coupon_refund_…]
//! ```
//!
//! The number makes the request idempotent: after any failure it is repeated
//! under the *same* `out_refund_no` (R4), and its result is
//! [queried](super::refundquery).

use crate::common::refund::{Amounts, FundsSource, OutRefundNo, Status};
use crate::common::{FieldError, Fields, OrderNumber, SignType, Text};

use super::answer::{self, AnswerError, check_echo, push_account, read_account};
use super::prepay::read_sign_type;
use crate::Secret;
use crate::common::prepay::NotifyUrl;
use order::{Account, Currency, RefundState};

/// Where to send the request.
pub const PATH: &str = "/secapi/pay/refund";

/// A request to return money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The account that received the payment.
    pub account: Account,
    /// The order's number.
    pub by: OrderNumber,
    /// The merchant's number for this refund.
    pub out_refund_no: OutRefundNo,
    /// The amounts of the refund and of the order.
    pub amounts: Amounts,
    /// The URL that receives the [notice](super::refund_notify).
    pub notify_url: Option<NotifyUrl>,
    /// The reason, which the payer reads.
    pub refund_desc: Option<Text<80>>,
    /// Which of the merchant's funds pay for it.
    pub refund_account: Option<FundsSource>,
    /// A nonce, from the caller.
    pub nonce_str: Text<32>,
    /// How this request is signed, and so its answer.
    pub sign_type: SignType,
}

impl Request {
    /// The request's fields, not signed yet.
    pub fn to_fields(&self) -> Fields {
        let mut fields = Fields::new();
        push_account(&mut fields, &self.account);
        fields.push("nonce_str", self.nonce_str.as_str());
        fields.push_some("sign_type", self.sign_type.unless_default());
        self.by.write(&mut fields);
        fields.push("out_refund_no", self.out_refund_no.as_str());
        fields.push("total_fee", self.amounts.total_fee().to_string());
        fields.push("refund_fee", self.amounts.refund_fee().to_string());
        let currency = self.amounts.refund_fee_type().map(Currency::code);
        fields.push_some("refund_fee_type", currency);
        fields.push_some("refund_desc", self.refund_desc.as_ref().map(Text::as_str));
        let source = self.refund_account.map(FundsSource::as_str);
        fields.push_some("refund_account", source);
        fields.push_some(
            "notify_url",
            self.notify_url.as_ref().map(NotifyUrl::as_str),
        );
        fields
    }

    /// The document to send.
    pub fn to_xml(&self, key: &Secret) -> String {
        self.to_fields().sealed(key, self.sign_type).to_xml()
    }

    /// Reads a request. The caller verifies its signature. Older requests name
    /// an `op_user_id`, which is ignored.
    pub fn read(fields: &Fields) -> Result<Self, FieldError> {
        let notify_url = fields.get_nonempty("notify_url");
        let refund_account = match fields.get_nonempty("refund_account") {
            None => None,
            Some(_) => Some(fields.one_of("refund_account", FundsSource::parse)?),
        };
        Ok(Self {
            account: read_account(fields)?,
            by: OrderNumber::read(fields)?,
            out_refund_no: OutRefundNo::new(fields.required("out_refund_no")?)?,
            amounts: Amounts::read(fields)?,
            notify_url: notify_url.map(NotifyUrl::new).transpose()?,
            refund_desc: fields.optional_text("refund_desc")?,
            refund_account,
            nonce_str: fields.text("nonce_str")?,
            sign_type: read_sign_type(fields)?,
        })
    }
}

/// WeChat has accepted the refund. A query shows whether the money was
/// returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// WeChat's number for the payment.
    pub transaction_id: String,
    /// The merchant's number for the order.
    pub out_trade_no: String,
    /// The request's number for the refund.
    pub out_refund_no: String,
    /// WeChat's number for the refund.
    pub refund_id: String,
    /// The refunded amount, in the smallest unit of the order's currency.
    pub refund_fee: i64,
    /// The order's currency, if WeChat states it.
    pub refund_fee_type: Option<Currency>,
    /// The order's amount. The manual requires it, and its sample has none.
    pub total_fee: Option<i64>,
    /// The order's currency, if WeChat states it.
    pub fee_type: Option<Currency>,
    /// What the payer was charged, in the smallest unit of `cash_fee_type`.
    pub cash_fee: Option<i64>,
    /// The currency the payer was charged in.
    pub cash_fee_type: Option<String>,
    /// What the payer receives, in the smallest unit of `cash_refund_fee_type`.
    pub cash_refund_fee: Option<i64>,
    /// The currency in which the payer receives it.
    pub cash_refund_fee_type: Option<String>,
    /// The exchange rate to CNY times 10^8.
    pub rate: Option<String>,
    /// `refund_fee` without coupons.
    pub settlement_refund_fee: Option<i64>,
    /// `total_fee` without coupons.
    pub settlement_total_fee: Option<i64>,
    /// The amount that is refunded as coupons. Each coupon's own fields are ignored.
    pub coupon_refund_fee: Option<i64>,
}

impl Answer {
    /// Reads the answer to `request`. See [`answer::read`] for what is checked
    /// before.
    pub fn read(bytes: &[u8], request: &Request, key: &Secret) -> Result<Self, AnswerError> {
        let fields = answer::read(bytes, &request.account, key, request.sign_type)?;
        let amounts = request.amounts;
        request.by.check_echo(&fields)?;
        check_echo(&fields, "out_refund_no", request.out_refund_no.as_str())?;
        check_echo(&fields, "refund_fee", &amounts.refund_fee().to_string())?;
        check_echo(&fields, "total_fee", &amounts.total_fee().to_string())?;
        if let Some(currency) = amounts.refund_fee_type() {
            check_echo(&fields, "refund_fee_type", currency.code())?;
            check_echo(&fields, "fee_type", currency.code())?;
        }
        Ok(Self {
            transaction_id: fields.required("transaction_id")?.to_owned(),
            out_trade_no: fields.required("out_trade_no")?.to_owned(),
            out_refund_no: fields.required("out_refund_no")?.to_owned(),
            refund_id: fields.required("refund_id")?.to_owned(),
            refund_fee: fields.fee("refund_fee")?,
            refund_fee_type: fields.optional_currency("refund_fee_type")?,
            total_fee: fields.optional_int("total_fee")?,
            fee_type: fields.optional_currency("fee_type")?,
            cash_fee: fields.shown_int("cash_fee"),
            cash_fee_type: fields.owned("cash_fee_type"),
            cash_refund_fee: fields.shown_int("cash_refund_fee"),
            cash_refund_fee_type: fields.owned("cash_refund_fee_type"),
            rate: fields.owned("rate"),
            settlement_refund_fee: fields.shown_int("settlement_refund_fee"),
            settlement_total_fee: fields.shown_int("settlement_total_fee"),
            coupon_refund_fee: fields.shown_int("coupon_refund_fee"),
        })
    }

    /// The event for the order's state machine.
    pub fn state(&self) -> RefundState {
        Status::Processing.state(&self.refund_id)
    }

    /// The answer's fields, not signed yet.
    pub fn to_fields(&self, account: &Account, nonce_str: &str) -> Fields {
        let fee = |amount: Option<i64>| amount.map(|fee| fee.to_string());
        let mut fields = answer::success(account, nonce_str);
        fields.push("transaction_id", self.transaction_id.as_str());
        fields.push("out_trade_no", self.out_trade_no.as_str());
        fields.push("out_refund_no", self.out_refund_no.as_str());
        fields.push("refund_id", self.refund_id.as_str());
        fields.push("refund_fee", self.refund_fee.to_string());
        fields.push_some("refund_fee_type", self.refund_fee_type.map(Currency::code));
        fields.push_some("total_fee", fee(self.total_fee));
        fields.push_some("fee_type", self.fee_type.map(Currency::code));
        fields.push_some("cash_fee", fee(self.cash_fee));
        fields.push_some("cash_fee_type", self.cash_fee_type.as_deref());
        fields.push_some("cash_refund_fee", fee(self.cash_refund_fee));
        fields.push_some("cash_refund_fee_type", self.cash_refund_fee_type.as_deref());
        fields.push_some("rate", self.rate.as_deref());
        fields.push_some("settlement_refund_fee", fee(self.settlement_refund_fee));
        fields.push_some("settlement_total_fee", fee(self.settlement_total_fee));
        fields.push_some("coupon_refund_fee", fee(self.coupon_refund_fee));
        fields
    }
}
