//! What a counter can be about, each a closed list. A label's name is stored and
//! is shown in `/metrics`: names are never changed. The lists' states are closed
//! lists of the same form.

use order::{Order, RefundStatus, Refusal, Status};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! labels {
    (
        $(#[$about:meta])*
        $label:ident { $($variant:ident = $name:literal,)* }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "the names say it")]
        pub enum $label {
            $($variant,)*
        }

        impl $label {
            /// Every label.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The label with this name.
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

pub(crate) use labels;

labels! {
    /// A state that an order reaches.
    OrderLabel {
        NotPay = "NOTPAY",
        Closing = "CLOSING",
        UserPaying = "USERPAYING",
        Reversing = "REVERSING",
        Success = "SUCCESS",
        Closed = "CLOSED",
        Revoked = "REVOKED",
        PayError = "PAYERROR",
    }
}

labels! {
    /// A state that a refund reaches.
    RefundLabel {
        Asked = "ASKED",
        Processing = "PROCESSING",
        Success = "SUCCESS",
        Closed = "CLOSED",
        Abnormal = "ABNORMAL",
    }
}

labels! {
    /// What WeChat is queried about.
    Queried {
        Order = "order",
        Refund = "refund",
    }
}

labels! {
    /// A host of an upstream.
    Host {
        WechatHongKong = "apihk.mch.weixin.qq.com",
        WechatAmerica = "apius.mch.weixin.qq.com",
        WechatEurope = "apieu.mch.weixin.qq.com",
        WechatMainland = "api.mch.weixin.qq.com",
        WechatMainlandSecond = "api2.mch.weixin.qq.com",
        Ionline = "pay.ionlinepay.com",
    }
}

labels! {
    /// Why a call to an upstream failed.
    CallFailure {
        ServerError = "server_error",
        Unreachable = "unreachable",
        TimedOut = "timed_out",
        TooLong = "too_long",
    }
}

labels! {
    /// A call that is paused when WeChat refuses it as too frequent. A
    /// prepayment is never paused: one payer asks for it, and the gateway does
    /// not repeat it by itself.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    Limited {
        Query = "query",
        Close = "close",
        QuickPay = "quick_pay",
        Reverse = "reverse",
        Refund = "refund",
        QueryRefund = "query_refund",
        Statement = "statement",
    }
}

labels! {
    /// The outcome of an attempt to deliver.
    DeliveryLabel {
        Sent = "sent",
        Acknowledged = "acknowledged",
        Failed = "failed",
        GivenUp = "given_up",
    }
}

labels! {
    /// A limit of how often something may be done.
    Limit {
        Key = "key",
        WrongKeys = "wrong_keys",
        Credentials = "credentials",
        Pages = "pages",
        Mutations = "mutations",
        Checkout = "checkout",
        Unknown = "unknown",
        RefusedNotices = "refused_notices",
        Held = "held",
        Link = "link",
    }
}

labels! {
    /// The result of comparing a payment or refund with a day's statement.
    Compared {
        Equal = "equal",
        // WeChat's answer to a query has settled it.
        TakenOver = "taken_over",
        OnlyAtWeChat = "only_at_wechat",
        UnknownHere = "unknown_here",
        OnlyHere = "only_here",
        OtherAmount = "other_amount",
        OtherCurrency = "other_currency",
        RefundedElsewhere = "refunded_elsewhere",
        // In progress at midnight: the next day's statement should have it.
        Carried = "carried",
        ListedTwice = "listed_twice",
        Unreadable = "unreadable",
        // Of another merchant of this gateway with the same account.
        AnotherMerchants = "another_merchants",
    }
}

labels! {
    /// The result of comparing a day.
    Reconciled {
        Agrees = "agrees",
        Differs = "differs",
    }
}

labels! {
    /// A notice that was not rejected.
    NoticeLabel {
        Taken = "notice_taken",
        Duplicate = "notice_duplicate",
        HintConfirmed = "notice_hint_confirmed",
        Stray = "notice_stray",
        RefundTaken = "refund_notice_taken",
        RefundDuplicate = "refund_notice_duplicate",
        RefundStray = "refund_notice_stray",
    }
}

labels! {
    /// Why a notice is rejected.
    Rejection {
        // It cannot be verified or read.
        NotSigned = "notice_not_signed",
        BadSignature = "notice_bad_signature",
        WrongSignType = "notice_wrong_sign_type",
        Probe = "notice_probe",
        Stale = "notice_stale",
        UnknownSerial = "notice_unknown_serial",
        ExpiredCertificate = "notice_expired_certificate",
        NotOpened = "notice_not_opened",
        OfAnotherMerchant = "notice_of_another_merchant",
        UnknownEvent = "notice_unknown_event",
        NotXml = "notice_not_xml",
        BadField = "notice_bad_field",
        Ambiguous = "notice_ambiguous",
        WithoutPayment = "notice_without_payment",
        PaymentFailed = "notice_payment_failed",
        RefundUnverified = "refund_notice_unverified",
        RefundNotXml = "refund_notice_not_xml",
        RefundWithoutRefund = "refund_notice_without_refund",
        RefundBadField = "refund_notice_bad_field",
        ProductUnverified = "product_callback_unverified",
        ProductNotXml = "product_callback_not_xml",
        ProductBadField = "product_callback_bad_field",
        // It is not about an order here, or WeChat does not confirm it.
        OrderUnknown = "order_unknown",
        RefundUnknown = "refund_unknown",
        AnotherOrders = "notice_another_orders",
        HintNotConfirmed = "notice_hint_not_confirmed",
        RefundNotConfirmed = "refund_not_confirmed",
        // It contradicts the order.
        PaidTwice = "notice_paid_twice",
        OtherOrder = "notice_other_order",
        OtherMerchant = "notice_other_merchant",
        OtherApp = "notice_other_app",
        OtherCurrency = "notice_other_currency",
        OtherAmount = "notice_other_amount",
        OtherTradeType = "notice_other_trade_type",
        OtherPayer = "notice_other_payer",
        OtherAttach = "notice_other_attach",
        OtherTransaction = "notice_other_transaction",
        NotAccepted = "notice_not_accepted",
    }
}

/// Labels of version 0.1.0 that have another name now. Both are shown for one
/// version.
pub const RENAMED: [(&str, &str); 2] = [
    ("refund_notice_not_believed", "refund_notice_unverified"),
    (
        "product_callback_not_believed",
        "product_callback_unverified",
    ),
];

/// The present name of a label.
fn present_name(name: &str) -> &str {
    let renamed = RENAMED.iter().find(|(earlier, _)| *earlier == name);
    renamed.map_or(name, |(_, present)| present)
}

impl From<&Order> for OrderLabel {
    fn from(order: &Order) -> Self {
        match order.status() {
            Status::NotPay => Self::NotPay,
            Status::Closing { .. } => Self::Closing,
            Status::UserPaying => Self::UserPaying,
            Status::Reversing { .. } => Self::Reversing,
            Status::Success(_) => Self::Success,
            Status::Closed { .. } => Self::Closed,
            Status::Revoked { .. } => Self::Revoked,
            Status::PayError { .. } => Self::PayError,
        }
    }
}

impl From<RefundStatus> for RefundLabel {
    fn from(status: RefundStatus) -> Self {
        match status {
            RefundStatus::Asked => Self::Asked,
            RefundStatus::Processing => Self::Processing,
            RefundStatus::Success => Self::Success,
            RefundStatus::Closed => Self::Closed,
            RefundStatus::Abnormal => Self::Abnormal,
        }
    }
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::PaidTwice => Self::PaidTwice,
            Refusal::OtherOrder => Self::OtherOrder,
            Refusal::OtherMerchant => Self::OtherMerchant,
            Refusal::OtherApp => Self::OtherApp,
            Refusal::OtherCurrency => Self::OtherCurrency,
            Refusal::OtherAmount => Self::OtherAmount,
            Refusal::OtherTradeType => Self::OtherTradeType,
            Refusal::OtherPayer => Self::OtherPayer,
            Refusal::OtherAttach => Self::OtherAttach,
            Refusal::OtherTransaction => Self::OtherTransaction,
            // Notices of these are duplicates; the rest refuse commands.
            Refusal::AlreadyPaid
            | Refusal::Reversed
            | Refusal::RejectedPayment
            | Refusal::OwnPayment
            | Refusal::Stale
            | Refusal::DifferentTerms(_)
            | Refusal::OrderPaid
            | Refusal::OrderClosed
            | Refusal::OrderExpired
            | Refusal::NotQuickPay
            | Refusal::QuickPayIsReversed
            | Refusal::ReverseOfRefunded
            | Refusal::ReverseTooSoon
            | Refusal::ReverseTooLate
            | Refusal::NotPaid
            | Refusal::RefundExists
            | Refusal::RefundExistsWithDifferentAmount
            | Refusal::RefundExistsWithDifferentReason
            | Refusal::RefundOtherCurrency
            | Refusal::RefundExceedsPaid
            | Refusal::RefundTooLate
            | Refusal::RefundTooMany
            | Refusal::RefundTooSoon
            | Refusal::RefundUnknown
            | Refusal::RefundTaken
            | Refusal::RefundFinal => Self::NotAccepted,
        }
    }
}

impl Serialize for Rejection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Rejection {
    /// A name that another version of the program has added is one more way not
    /// to be accepted.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Ok(Self::named(present_name(&name)).unwrap_or(Self::NotAccepted))
    }
}
