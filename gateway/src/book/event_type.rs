//! The types of events: what each reports.

use serde::{Deserialize, Serialize};

macro_rules! event_types {
    ($($variant:ident $name:literal $says:literal;)*) => {
        /// What an event reports. The names are stored and sent; they are never
        /// changed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[allow(missing_docs, reason = "`says` documents each")]
        pub enum EventType {
            $(#[serde(rename = $name)] $variant,)*
        }

        impl EventType {
            /// Every type, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The event in a sentence.
            pub const fn says(self) -> &'static str {
                match self { $(Self::$variant => $says,)* }
            }
        }
    };
}

event_types! {
    OrderPaid "order.paid" "The order is paid: verified by WeChat's answer, or by its notice where the merchant accepts that.";
    OrderClosed "order.closed" "The order has ended without a payment that is kept: closed, reversed, failed, or closed at WeChat by others.";
    OrderExpired "order.expired" "The order was not paid in time and is closed.";
    OrderRefundedElsewhere "order.refunded_elsewhere" "The paid order was refunded at WeChat, not through this gateway.";
    OrderDuplicatePayment "order.duplicate_payment" "A second payment of the same purchase: it is not a sale and is refunded.";
    RefundAccepted "refund.accepted" "WeChat has accepted the refund.";
    RefundSucceeded "refund.succeeded" "The payer has the money.";
    RefundFailed "refund.failed" "The refund ended without returning the money: refused, cancelled, or not accepted by the payer's bank.";
    CheckoutExpired "checkout.expired" "The checkout's time is over, and none of its attempts can be paid.";
    LinkSoldOut "link.sold_out" "The last piece of the payment link's stock is paid.";
    AlarmRaised "alarm.raised" "An alarm was raised that was not open before.";
    StatementReady "statement.ready" "A day's statement has been compared with the orders and refunds.";
    ReconciliationDiffers "reconciliation.differs" "A day's statement and the orders and refunds differ, and a person must find out why.";
    DeliveryFailing "delivery.failing" "For a day no delivery to this endpoint has succeeded.";
    Test "test" "Sent by POST /v1/endpoints/{id}/test.";
}

impl EventType {
    /// The type with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}
