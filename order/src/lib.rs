//! Orders, their payments and refunds.
//!
//! In scope: amounts in their currency's smallest unit, the terms of an order,
//! the evidence from WeChat, and the two state machines (an order and its
//! refunds) that decide what follows from it. [`Order::apply`] takes an
//! [`Event`] and the time, and returns the [`Effect`]s to execute or a named
//! [`Refusal`].
//!
//! Not in scope: WeChat's wire formats (crate `wechatpay`), HTTP, storage,
//! clocks and randomness. Nothing here waits or reads the clock: the time is
//! the argument `now_ms`, Unix time in milliseconds.

mod event;
mod evidence;
mod machine;
mod money;
mod refund;
mod terms;

pub use event::{CloseAnswer, CloseReason, Effect, Event, Refusal, ReverseAnswer, Trouble};
pub use evidence::{Payment, Prepayment, RefundState, TradeState, Via};
pub use machine::{Elsewhere, Order, Paid, Reported, Status};
pub use money::{Currency, Money, MoneyError};
pub use refund::{MAX_REFUNDS, Refund, RefundStatus};
pub use terms::{Account, OutTradeNo, OutTradeNoError, Terms, TradeType};
