//! WeChat's rules for orders, the same in every dialect, with a variant for
//! each refusal. A dialect parses a request, calls these rules, and writes the
//! result in its own form.

pub(crate) mod prepay;
pub(crate) mod quickpay;
pub(crate) mod refund;
pub(crate) mod reverse;
pub(crate) mod settlement;
pub(crate) mod statement;
pub(crate) mod strict;

use crate::wechat::accounts::{self, Merchant};
use crate::wechat::orders::{Order, State};
use crate::wechat::payers::Payer;
use crate::wechat::state::WeChat;
use order::{Currency, TradeType};
use wechatpay::v3::Region;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// This payment method is switched off for the merchant.
    NoAuth(TradeType),
    /// The merchant may use CNY and this currency.
    Currency {
        settlement: Currency,
    },
    /// An institution named no sub-merchant.
    SubMchIdMissing,
    /// The sub-merchant is not this merchant's.
    SubMchIdUnknown,
    /// There is no such application.
    SubAppidUnknown,
    /// The application is not the sub-merchant's.
    SubAppidMismatch,
    /// The openid is unknown.
    OpenidUnknown {
        field: &'static str,
    },
    /// The openid belongs to this application instead.
    OpenidMismatch {
        field: &'static str,
        owner: String,
    },
    /// A new order must be payable for at least this long.
    TimeExpire {
        minutes: i64,
    },
    OrderNotExist,
    OrderPaid,
    OrderClosed,
    /// It has expired, although it was not closed.
    OrderExpired,
    OrderReversed,
    /// The payer is asked for the password.
    UserPaying,
    /// The number was used with other terms.
    OutTradeNoUsed,
    /// The scanned text is not a payment code.
    AuthCodeInvalid,
    /// The code was used before.
    AuthCodeUsed,
    AuthCodeExpired,
    /// Another payer began to pay the order.
    BuyerMismatch,
    NotSupportCard,
    /// The payer's balance is too low.
    PayerNotEnough,
    /// The bank took the money and reported an error.
    BankError,
    /// Executed, and the answer is lost.
    NoAnswer,
    /// Only Quick Pay can be reversed.
    NotQuickPay,
    /// Reversed too soon after the order.
    ReverseTooEarly,
    /// Reversed too long after the order.
    ReverseTooLate,
    /// The order's state does not allow it.
    TradeState,
    /// The refund's number was used with other terms.
    OutRefundNoUsed,
    /// The refund's currency is not the order's.
    RefundCurrency {
        order: Currency,
    },
    /// The order's total differs from the request's.
    TotalMismatch {
        total: i64,
    },
    /// More than a year after the payment.
    TradeOverdue,
    /// Everything is refunded already.
    RefundedWhole,
    /// More than the amount that is left.
    RefundTooMuch {
        left: i64,
    },
    /// The order has the largest number of refunds.
    TooManyRefunds,
    /// The merchant's funds are too low.
    FundsNotEnough,
    /// A bug in the sandbox.
    System,
}

/// The pricing currencies of merchants of `APIv3` Global.
const PRICING: [&str; 16] = [
    "AUD", "CAD", "CHF", "DKK", "EUR", "GBP", "HKD", "JPY", "MOP", "MYR", "NOK", "NZD", "SEK",
    "SGD", "THB", "USD",
];

/// Whether a payment method is switched on.
pub(crate) fn check_trade_type(merchant: &Merchant, trade_type: TradeType) -> Result<(), Denied> {
    if merchant.trade_types.contains(&trade_type) {
        Ok(())
    } else {
        Err(Denied::NoAuth(trade_type))
    }
}

/// A merchant may use CNY and its settlement currency.
pub(crate) fn check_currency(merchant: &Merchant, currency: Currency) -> Result<(), Denied> {
    let settlement = merchant.fee_type;
    if [Currency::Cny, settlement].contains(&currency) {
        Ok(())
    } else {
        Err(Denied::Currency { settlement })
    }
}

/// A merchant of `APIv3` Global may also use the currencies on WeChat's
/// multi-currency pages.
pub(crate) fn check_pricing(
    merchant: &Merchant,
    region: Region,
    currency: Currency,
) -> Result<(), Denied> {
    match region == Region::Global && PRICING.contains(&currency.code()) {
        true => Ok(()),
        false => check_currency(merchant, currency),
    }
}

/// An institution must name one of its sub-merchants in each request; a direct
/// merchant may name only itself.
pub(crate) fn check_sub_merchant(
    wechat: &WeChat,
    merchant: &Merchant,
    sub_mch_id: Option<&str>,
    sub_appid: Option<&str>,
) -> Result<(), Denied> {
    let Some(sub_mch_id) = sub_mch_id else {
        return if merchant.sub_merchants.is_empty() {
            Ok(())
        } else {
            Err(Denied::SubMchIdMissing)
        };
    };
    if sub_mch_id == merchant.mch_id && merchant.sub_merchants.is_empty() {
        return Ok(());
    }
    let sub = merchant
        .sub_merchant(sub_mch_id)
        .ok_or(Denied::SubMchIdUnknown)?;
    match sub_appid {
        None => Ok(()),
        Some(appid) if accounts::app_secret(&wechat.merchants, appid).is_none() => {
            Err(Denied::SubAppidUnknown)
        }
        Some(appid) if !sub.is_bound_to(appid) => Err(Denied::SubAppidMismatch),
        Some(_) => Ok(()),
    }
}

/// The payer of an openid under the application that is sent with it.
pub(crate) fn payer_of(
    wechat: &WeChat,
    field: &'static str,
    appid: Option<&str>,
    openid: &str,
) -> Result<Payer, Denied> {
    let right = appid.and_then(|appid| Payer::ALL.into_iter().find(|p| p.openid(appid) == openid));
    right.ok_or_else(|| match accounts::owner_of(&wechat.merchants, openid) {
        None => Denied::OpenidUnknown { field },
        Some(owner) => Denied::OpenidMismatch {
            field,
            owner: owner.to_owned(),
        },
    })
}

impl WeChat {
    /// Closes an order, which cannot be paid afterwards. WeChat's manual
    /// requires a wait of five minutes; the fault `close_after_seconds`
    /// enforces it.
    pub(crate) fn close(&mut self, key: &str, at_ms: i64) -> Result<(), Denied> {
        let wait_ms = i64::from(self.faults.close_after_seconds) * 1000;
        let order = self.orders.get(key);
        if order.is_some_and(|order| at_ms < order.prepaid_ms.saturating_add(wait_ms)) {
            return Err(Denied::TradeState);
        }
        match self.orders.get(key).map(|order| &order.state) {
            None => Err(Denied::OrderNotExist),
            Some(State::Paid { .. }) => Err(Denied::OrderPaid),
            Some(State::Closed { .. }) => Err(Denied::OrderClosed),
            Some(State::Revoked { .. }) => Err(Denied::OrderReversed),
            Some(State::UserPaying { .. }) => Err(Denied::UserPaying),
            Some(State::NotPay | State::PayError { .. }) => {
                self.orders
                    .update(key, |order| order.state = State::Closed { at_ms });
                Ok(())
            }
        }
    }

    fn known_order(&self, key: &str) -> Result<&Order, Denied> {
        self.orders.get(key).ok_or(Denied::System)
    }
}
