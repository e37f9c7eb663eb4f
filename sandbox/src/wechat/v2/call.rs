//! One call of the API, and a request to it that has been accepted.

use super::refusal::{Refusal, words};
use crate::moment::Moment;
use crate::web::{Answer, Request};
use crate::wechat::accounts::Merchant;
use crate::wechat::dialect::Dialect;
use crate::wechat::orders::{self, Order};
use crate::wechat::rules::{self, strict};
use crate::wechat::state::WeChat;
use http::Method;
use order::{Account, Currency, TradeType};
use wechatpay::common::{Fields, OrderNumber, SignType, XmlError};
use wechatpay::v2::ErrorCode;

/// One call of the API. A new one is a row of `CALLS`.
pub(super) struct Call {
    pub(super) path: &'static str,
    /// The required fields in addition to `ALWAYS_REQUIRED`: one field of each
    /// group.
    pub(super) required: &'static [&'static [&'static str]],
    pub(super) answer: AnswerFn,
    /// Whether the call requires the merchant's certificate.
    pub(super) certificate: bool,
    /// Whether `appid` is required. If it is sent, it must be the merchant's.
    pub(super) appid_required: bool,
    /// The fields as they were signed, where they are sent in another form.
    pub(super) as_signed: fn(Fields) -> Fields,
    /// Rewrites a refusal in the form that this call uses.
    pub(super) own_refusal: fn(Refusal) -> Refusal,
}

pub(super) type AnswerFn =
    fn(&mut WeChat, &VerifiedRequest, &mut Moment<'_>) -> Result<Done, Refusal>;

impl Call {
    /// A call without a certificate and without a form of its own.
    pub(super) const fn new(
        path: &'static str,
        required: &'static [&'static [&'static str]],
        answer: AnswerFn,
    ) -> Self {
        Self {
            path,
            required,
            answer,
            certificate: false,
            appid_required: true,
            as_signed: std::convert::identity,
            own_refusal: std::convert::identity,
        }
    }
}

/// The answer of a call that succeeded.
pub(super) enum Done {
    /// Fields to sign in the request's sign type.
    Signed(Fields),
    /// Any value, unchanged.
    AsItIs(Answer),
}

impl From<Fields> for Done {
    fn from(fields: Fields) -> Self {
        Self::Signed(fields)
    }
}

/// A request whose signature and required fields have been checked.
pub(crate) struct VerifiedRequest {
    pub(super) merchant: Merchant,
    pub(super) fields: Fields,
    pub(super) sign_type: SignType,
}

impl VerifiedRequest {
    /// The ids in the answer: as they were sent. If no `appid` was sent, it is
    /// the merchant's.
    pub(super) fn account(&self) -> Account {
        let sent = |name| self.fields.get_nonempty(name).map(str::to_owned);
        Account {
            appid: sent("appid").unwrap_or_else(|| self.merchant.appid.clone()),
            mch_id: self.merchant.mch_id.clone(),
            sub_appid: sent("sub_appid"),
            sub_mch_id: sent("sub_mch_id"),
        }
    }

    /// The account under which an order is made. A direct merchant that names
    /// itself as its sub-merchant has no sub-merchant.
    pub(super) fn ordering(&self, sent: &Account) -> Account {
        Account {
            sub_mch_id: self.sub_mch_id().map(str::to_owned),
            ..sent.clone()
        }
    }

    /// How the answer and the notice are signed.
    pub(super) const fn dialect(&self) -> Dialect {
        Dialect::V2 {
            sign_type: self.sign_type,
        }
    }

    pub(super) fn check_sub_merchant(&self, wechat: &WeChat) -> Result<(), Refusal> {
        let sent = |name| self.fields.get_nonempty(name);
        let (sub_mch_id, sub_appid) = (sent("sub_mch_id"), sent("sub_appid"));
        rules::check_sub_merchant(wechat, &self.merchant, sub_mch_id, sub_appid)?;
        Ok(())
    }

    /// A strict account's `out_refund_no` has the manual's 32 bytes.
    pub(super) fn check_out_refund_no(&self) -> Result<(), Refusal> {
        let number = self.fields.get_nonempty("out_refund_no");
        if let Some(number) = number.filter(|_| self.merchant.strict) {
            strict::at_most_32("out_refund_no", number, strict::OUT_REFUND_NO)?;
        }
        Ok(())
    }

    pub(super) fn check_trade_type(&self, trade_type: TradeType) -> Result<(), Refusal> {
        rules::check_trade_type(&self.merchant, trade_type)?;
        Ok(())
    }

    pub(super) fn check_currency(&self, currency: Currency) -> Result<(), Refusal> {
        rules::check_currency(&self.merchant, currency)?;
        Ok(())
    }

    pub(super) fn order_key(&self, out_trade_no: &str) -> String {
        orders::key(&self.merchant.mch_id, self.sub_mch_id(), out_trade_no)
    }

    /// Whether the order belongs to this merchant. Another merchant's order
    /// counts as not existing.
    pub(super) fn may_see(&self, order: &Order) -> bool {
        order.account.mch_id == self.merchant.mch_id
            && order.account.sub_mch_id.as_deref() == self.sub_mch_id()
    }

    pub(super) fn order<'a>(&self, wechat: &'a WeChat, by: &OrderNumber) -> Option<&'a Order> {
        let order = match by {
            OrderNumber::TransactionId(id) => wechat.orders.by_transaction_id(id.as_str()),
            OrderNumber::OutTradeNo(number) => wechat.orders.get(&self.order_key(number.as_str())),
        };
        order.filter(|order| self.may_see(order))
    }

    /// The order to refund or reverse.
    pub(super) fn order_to_return<'a>(
        &self,
        wechat: &'a WeChat,
        by: &OrderNumber,
    ) -> Result<&'a Order, Refusal> {
        self.order(wechat, by).ok_or_else(|| {
            Refusal::from_code(match by {
                OrderNumber::TransactionId(_) => ErrorCode::InvalidTransactionId,
                OrderNumber::OutTradeNo(_) => ErrorCode::OrderNotExist,
            })
        })
    }

    /// The sub-merchant id under which an order's number is unique.
    pub(super) fn sub_mch_id(&self) -> Option<&str> {
        self.fields
            .get_nonempty("sub_mch_id")
            .filter(|id| *id != self.merchant.mch_id)
    }
}

/// Parses the request's XML document.
pub(super) fn parse(request: &Request) -> Result<Fields, Refusal> {
    if request.method() != Method::POST {
        return Err(Refusal::from_code(ErrorCode::RequirePostMethod));
    }
    if request.body().iter().all(u8::is_ascii_whitespace) {
        return Err(Refusal::from_code(ErrorCode::PostDataEmpty));
    }
    Fields::parse(request.body()).map_err(|error| {
        let code = match error {
            XmlError::NotUtf8 | XmlError::WideEncoding | XmlError::OtherEncoding => {
                ErrorCode::NotUtf8
            }
            XmlError::Empty => ErrorCode::PostDataEmpty,
            _ => ErrorCode::XmlFormatError,
        };
        let words = words(&code);
        Refusal::unsigned(code, words, error.to_string())
    })
}
