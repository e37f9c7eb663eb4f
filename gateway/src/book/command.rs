//! The commands to a book: what each carries and what the book replies.
//!
//! ```text
//! caller ── Envelope { merchant, scope, call } ─▶ book        JSON, one call
//!        ◀───────── Result<Reply, ApiError> ─────
//! ```
//!
//! A command's reply has its type with it, so that caller and book agree when
//! they are compiled. The JSON is a contract between versions of the program that
//! run at the same time: the names of commands and fields are never changed, and
//! a test compares them with recorded calls.

use super::day_views::{BookingPage, BookingPosition, DifferenceNote};
use super::decisions::Decision;
use super::deliveries::Delivery;
use super::endpoints::{EndpointChange, NewEndpoint, NewSecret, Resent};
use super::events::{EventPage, EventSearch};
use super::images::ImageFacts;
use super::links::{Buy, Link, LinkFacts, SaleFacts};
use super::lists::{Page, Search, Total};
use super::orders::{NewOrder, Prepaid, Unmatched, Verdict};
use super::products::Product;
use super::receipts::{Receipt, ReceiptFacts};
use super::refunds::{NewRefund, Refunded};
use super::{Checkout, CheckoutFacts, FoundCheckout, NewCheckout, Offer, PrepareCheckout, Settled};
use crate::merchants::idempotency::IdempotencyKey;
use crate::observe::RequestContext;
use crate::observe::audit;
use crate::transfer;
use crate::upstream;
use order::{Order, OutTradeNo, Payment};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A command to a book.
pub trait Command {
    /// What the book replies.
    type Reply: Serialize + DeserializeOwned;

    /// The command in the form in which it is sent.
    fn into_call(self) -> Call;
}

/// A command, with the merchant whose book executes it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Envelope {
    /// The merchant's id.
    pub merchant: String,
    /// The caller and its request.
    #[serde(rename = "scope")]
    pub request_context: RequestContext,
    /// The command.
    pub call: Call,
    /// Executes the command once for this key; see `kept_replies.rs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<IdempotencyKey>,
}

impl Envelope {
    /// A command under the current request.
    pub fn new(merchant: &str, command: impl Command) -> Self {
        Self {
            merchant: merchant.to_owned(),
            request_context: RequestContext::current(),
            call: command.into_call(),
            once: None,
        }
    }
}

macro_rules! commands {
    (
        with payload { $($name:ident -> $reply:ty;)* }
        without { $($empty:ident -> $empty_reply:ty;)* }
    ) => {
        /// A command as it is sent.
        #[derive(Debug, Serialize, Deserialize)]
        #[allow(missing_docs, reason = "each command documents itself")]
        pub enum Call {
            $($name($name),)*
            $($empty,)*
        }

        $(impl Command for $name {
            type Reply = $reply;

            fn into_call(self) -> Call {
                Call::$name(self)
            }
        })*

        $(impl Command for $empty {
            type Reply = $empty_reply;

            fn into_call(self) -> Call {
                Call::$empty
            }
        })*
    };
}

commands! {
    with payload {
        CreateOrder -> Prepaid;
        FindOrder -> Order;
        CloseOrder -> Option<Order>;
        QuickPay -> Order;
        Reverse -> Order;
        CreateRefund -> Refunded;
        CancelRefund -> Refunded;
        SetProduct -> Product;
        FindProduct -> Product;
        ProductScanned -> Prepaid;
        RefundNoticed -> Verdict;
        FindRefunds -> Vec<Refunded>;
        Deliveries -> Vec<Delivery>;
        Resend -> Delivery;
        Noticed -> Verdict;
        Stray -> Verdict;
        Hinted -> Verdict;
        NoticesRefused -> ();
        OpenCheckout -> Checkout;
        FindCheckout -> FoundCheckout;
        ViewCheckout -> CheckoutFacts;
        PrepareCheckout -> Offer;
        CheckCheckout -> CheckoutFacts;
        SetLink -> LinkFacts;
        FindLink -> LinkFacts;
        Links -> Vec<LinkFacts>;
        Buy -> String;
        Sale -> Option<SaleFacts>;
        Claim -> bool;
        Audit -> Vec<audit::Entry>;
        FirstChange -> Option<(i64, String)>;
        List -> Page;
        Totals -> Vec<Total>;
        Timeline -> Vec<serde_json::Value>;
        Reconciliation -> serde_json::Value;
        Reconciliations -> Vec<serde_json::Value>;
        Bookings -> BookingPage;
        NoteDifference -> serde_json::Value;
        Events -> EventPage;
        FindEvent -> serde_json::Value;
        CreateEndpoint -> serde_json::Value;
        Endpoints -> Vec<serde_json::Value>;
        ChangeEndpoint -> serde_json::Value;
        DeleteEndpoint -> ();
        RotateEndpoint -> serde_json::Value;
        TestEndpoint -> serde_json::Value;
        ResendFailed -> Resent;
        FindDelivery -> serde_json::Value;
        FindKept -> Option<serde_json::Value>;
        CreateReceipt -> Receipt;
        RevokeReceipt -> Receipt;
        FindReceipt -> ReceiptFacts;
        KeepImage -> ImageFacts;
        HasImage -> bool;
        ImageFile -> Option<String>;
        RemoveImage -> bool;
        Settle -> bool;
        Decide -> Order;
        Raise -> ();
        Transfer -> transfer::Outcome;
    }
    without {
        ResealEndpoints -> i64;
        Images -> Vec<ImageFacts>;
        Report -> super::Report;
        Wake -> ();
    }
}

/// Make an order, or return the one that was made earlier.
#[derive(Debug, Serialize, Deserialize)]
pub struct CreateOrder(pub Box<NewOrder>);

/// Return the order. An open one is queried at WeChat first.
#[derive(Debug, Serialize, Deserialize)]
pub struct FindOrder {
    /// The order's number.
    pub out_trade_no: OutTradeNo,
    /// Whether WeChat is queried about a final order too.
    pub refresh: bool,
}

/// Close the order or checkout. The reply `None` is a checkout without an
/// attempt.
#[derive(Debug, Serialize, Deserialize)]
pub struct CloseOrder(pub OutTradeNo);

/// Make a Quick Pay, or return the one that was made earlier.
#[derive(Debug, Serialize, Deserialize)]
pub struct QuickPay(pub Box<upstream::QuickPay>);

/// Reverse a Quick Pay.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reverse(pub OutTradeNo);

/// Make a refund, or return the one that was made earlier.
#[derive(Debug, Serialize, Deserialize)]
pub struct CreateRefund(pub NewRefund);

/// Cancel a refund that WeChat has not accepted.
#[derive(Debug, Serialize, Deserialize)]
pub struct CancelRefund {
    /// The order's number.
    pub out_trade_no: OutTradeNo,
    /// The refund's number.
    pub out_refund_no: String,
}

/// Add a product, or change it.
#[derive(Debug, Serialize, Deserialize)]
pub struct SetProduct(pub Box<Product>);

/// Return the product with this number.
#[derive(Debug, Serialize, Deserialize)]
pub struct FindProduct(pub String);

/// A payer scanned the code of the product with this number.
#[derive(Debug, Serialize, Deserialize)]
pub struct ProductScanned(pub String);

/// WeChat reports that a refund has changed.
#[derive(Debug, Serialize, Deserialize)]
pub struct RefundNoticed {
    /// The order's number.
    pub out_trade_no: OutTradeNo,
    /// The refund's number.
    pub out_refund_no: String,
}

/// Return the refunds of an order.
#[derive(Debug, Serialize, Deserialize)]
pub struct FindRefunds(pub OutTradeNo);

/// Return the latest deliveries, of all orders or of one.
#[derive(Debug, Serialize, Deserialize)]
pub struct Deliveries(pub Option<OutTradeNo>);

/// Send the delivery with this number again.
#[derive(Debug, Serialize, Deserialize)]
pub struct Resend(pub i64);

/// A verified notice.
#[derive(Debug, Serialize, Deserialize)]
pub struct Noticed {
    /// The payment that it reports.
    pub payment: Box<Payment>,
    /// The document as it was received, to be forwarded, where merchants can
    /// parse its form.
    pub xml: Option<String>,
}

/// Store a verified payment to an unknown sub-merchant, or a refund of one.
#[derive(Debug, Serialize, Deserialize)]
pub struct Stray(pub Unmatched);

/// An unsigned message says that the order was paid.
#[derive(Debug, Serialize, Deserialize)]
pub struct Hinted(pub OutTradeNo);

/// Count rejected notices by name.
#[derive(Debug, Serialize, Deserialize)]
pub struct NoticesRefused(pub BTreeMap<String, i64>);

/// Make a checkout, or return the one that was made earlier.
#[derive(Debug, Serialize, Deserialize)]
pub struct OpenCheckout(pub Box<NewCheckout>);

/// Return the checkout with the merchant's number, and its attempts.
#[derive(Debug, Serialize, Deserialize)]
pub struct FindCheckout(pub OutTradeNo);

/// Return the checkout with this id.
#[derive(Debug, Serialize, Deserialize)]
pub struct ViewCheckout(pub String);

/// The payer reports that something happened to the checkout with this id: its
/// open attempts are queried at WeChat first.
#[derive(Debug, Serialize, Deserialize)]
pub struct CheckCheckout(pub String);

/// Add a payment link, or change it.
#[derive(Debug, Serialize, Deserialize)]
pub struct SetLink(pub Box<Link>);

/// Return the link with this id, and whether it can be bought.
#[derive(Debug, Serialize, Deserialize)]
pub struct FindLink(pub String);

/// Return the link with this id or the latest links, each with the number sold.
#[derive(Debug, Serialize, Deserialize)]
pub struct Links(pub Option<String>);

/// Return the state of the purchase that one form made.
#[derive(Debug, Serialize, Deserialize)]
pub struct Sale {
    /// The link.
    pub id: String,
    /// See [`Buy::once`].
    pub once: String,
}

/// Claim a transaction for one order among all merchants with one `mch_id`; see
/// `Book::admits`. The reply is whether the transaction is this order's.
#[derive(Debug, Serialize, Deserialize)]
pub struct Claim {
    /// WeChat's number for the payment.
    pub transaction_id: String,
    /// The merchant's id and the order's number.
    pub order: String,
}

/// Return what an operator needs to see of the merchant.
#[derive(Debug)]
pub struct Report;

/// Set the alarm again and report to the board.
#[derive(Debug)]
pub struct Wake;

/// Return changes from the audit.
#[derive(Debug, Serialize, Deserialize)]
pub struct Audit(pub audit::Page);

/// Return a page of a list.
#[derive(Debug, Serialize, Deserialize)]
pub struct List(pub Box<Search>);

/// Return what was paid and refunded in these periods.
#[derive(Debug, Serialize, Deserialize)]
pub struct Totals(pub Vec<(i64, i64)>);

/// When this order, checkout or link was first changed, Unix milliseconds, and by
/// whom.
#[derive(Debug, Serialize, Deserialize)]
pub struct FirstChange(pub String);

/// Return what happened to a purchase, oldest first.
#[derive(Debug, Serialize, Deserialize)]
pub struct Timeline(pub OutTradeNo);

/// Return the comparison of a day with its statement.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reconciliation {
    /// The day, like `20260131`.
    pub date: String,
    /// The differences after this id.
    pub after: i64,
}

/// Return the compared days of a month like `202601`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reconciliations(pub i64);

/// Return rows of the statements of a month like `202601`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Bookings {
    /// The month.
    pub month: i64,
    /// Where the page begins.
    pub after: Option<BookingPosition>,
}

/// Store what a person has found out about a difference.
#[derive(Debug, Serialize, Deserialize)]
pub struct NoteDifference(pub DifferenceNote);

/// A page of events.
#[derive(Debug, Serialize, Deserialize)]
pub struct Events(pub EventSearch);

/// The event with this id.
#[derive(Debug, Serialize, Deserialize)]
pub struct FindEvent(pub String);

/// Make an endpoint.
#[derive(Debug, Serialize, Deserialize)]
pub struct CreateEndpoint(pub NewEndpoint);

/// The endpoint with this id, or all.
#[derive(Debug, Serialize, Deserialize)]
pub struct Endpoints(pub Option<String>);

/// Change an endpoint.
#[derive(Debug, Serialize, Deserialize)]
pub struct ChangeEndpoint(pub EndpointChange);

/// Remove the endpoint with this id.
#[derive(Debug, Serialize, Deserialize)]
pub struct DeleteEndpoint(pub String);

/// Give an endpoint another secret.
#[derive(Debug, Serialize, Deserialize)]
pub struct RotateEndpoint(pub NewSecret);

/// Send a test event to the endpoint with this id.
#[derive(Debug, Serialize, Deserialize)]
pub struct TestEndpoint(pub String);

/// Send again what was given up.
#[derive(Debug, Serialize, Deserialize)]
pub struct ResendFailed {
    /// To which endpoint.
    pub endpoint: String,
    /// Of events since this time.
    pub since_ms: i64,
}

/// The delivery with this number, and its attempts.
#[derive(Debug, Serialize, Deserialize)]
pub struct FindDelivery(pub i64);

/// Seal the secrets of endpoints under the deployment's current key. The reply
/// is how many do not open.
#[derive(Debug)]
pub struct ResealEndpoints;

/// Make the receipt of a paid order or checkout, or return the one it has.
#[derive(Debug, Serialize, Deserialize)]
pub struct CreateReceipt(pub OutTradeNo);

/// Revoke the receipt of a paid order or checkout.
#[derive(Debug, Serialize, Deserialize)]
pub struct RevokeReceipt(pub OutTradeNo);

/// Return what the receipt with this id shows.
#[derive(Debug, Serialize, Deserialize)]
pub struct FindReceipt(pub String);

/// Keep an image, or return the one with the same contents.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeepImage {
    /// Its name, size and time.
    pub image: ImageFacts,
    /// The file.
    pub base64: String,
}

/// Whether there is an image with this name.
#[derive(Debug, Serialize, Deserialize)]
pub struct HasImage(pub String);

/// The file of the image with this name, in base64.
#[derive(Debug, Serialize, Deserialize)]
pub struct ImageFile(pub String);

/// Remove the image with this name. The reply is whether there was one.
#[derive(Debug, Serialize, Deserialize)]
pub struct RemoveImage(pub String);

/// Every image, newest first.
#[derive(Debug)]
pub struct Images;

/// Settle an alarm that an operator has dealt with. The reply is whether it was
/// open.
#[derive(Debug, Serialize, Deserialize)]
pub struct Settle(pub Settled);

/// Execute an operator's decision about an order.
#[derive(Debug, Serialize, Deserialize)]
pub struct Decide(pub Decision);

/// Raise an alarm about something that was found outside of the book.
#[derive(Debug, Serialize, Deserialize)]
pub struct Raise {
    /// See [`Raised::name`](crate::reports::Raised::name).
    pub alarm: String,
    /// See [`Raised::subject`](crate::reports::Raised::subject).
    pub subject: String,
}

/// Take a step of the move to another deployment.
#[derive(Debug, Serialize, Deserialize)]
pub struct Transfer(pub transfer::Step);

/// The reply that is kept under this key, where there is one.
#[derive(Debug, Serialize, Deserialize)]
pub struct FindKept(pub IdempotencyKey);

impl Call {
    /// The id of the checkout or link that the command names and that may not
    /// exist.
    pub fn asks_for(&self) -> Option<&str> {
        match self {
            Self::ViewCheckout(ViewCheckout(id))
            | Self::CheckCheckout(CheckCheckout(id))
            | Self::FindLink(FindLink(id)) => Some(id),
            Self::PrepareCheckout(prepare) => Some(&prepare.id),
            _ => None,
        }
    }
}
