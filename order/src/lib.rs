//! What a payment *is*.
//!
//! In scope: amounts of money in their currency's smallest unit, the terms an
//! order was made under, what WeChat has vouched for, and the two state
//! machines (an order and its refunds) that decide what may follow from it.
//! [`Order::apply`] takes an [`Event`] and the time and answers with the
//! [`Effect`]s to carry out, or with a [`Refusal`] that has a name.
//!
//! Not in scope: WeChat's wire formats (room `wechatpay`), HTTP, storage,
//! clocks and randomness. Nothing here waits, and nothing here reads the time:
//! it comes in as `now_ms`, Unix time in milliseconds.

mod event;
mod evidence;
mod machine;
mod money;
mod refund;
mod terms;

pub use event::{CloseAnswer, CloseReason, Effect, Event, Refusal, ReverseAnswer, Trouble};
pub use evidence::{Payment, Prepayment, TradeState, Via};
pub use machine::{Elsewhere, Order, Paid, Reported, Status};
pub use money::{Currency, Money, MoneyError};
pub use refund::{MAX_REFUNDS, Refund, RefundState, RefundStatus};
pub use terms::{Account, OutTradeNo, OutTradeNoError, Terms, TradeType};
