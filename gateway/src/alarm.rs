//! Everything that needs a person: its name, what has happened, and what to do
//! about it. `docs/operations.md` shows this list; a test compares them.

use order::{Refusal, Trouble};

macro_rules! alarms {
    ($($variant:ident $name:literal $says:literal $to_do:literal;)*) => {
        /// What needs a person. Names are never changed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "`says` documents each")]
        pub enum Alarm {
            $($variant,)*
        }

        impl Alarm {
            /// Every alarm, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What has happened.
            pub const fn says(self) -> &'static str {
                match self { $(Self::$variant => $says,)* }
            }

            /// What to do about it.
            pub const fn to_do(self) -> &'static str {
                match self { $(Self::$variant => $to_do,)* }
            }
        }
    };
}

alarms! {
    PaidTwice "PAID_TWICE" "The order is paid, and WeChat reports another payment for it."
        "Find both transactions on the merchant platform, and return there the one that the order does not name. Then POST /admin/merchants/{id}/decide with reject, where WeChat names that one in its answer; or settle this alarm.";
    OtherOrder "OTHER_ORDER" "A verified report about this order names another one."
        "Ask WeChat Pay about the transaction; nothing was changed here. Then POST /admin/merchants/{id}/decide with reject, which ends the order here; or settle this alarm.";
    OtherMerchant "OTHER_MERCHANT" "A verified report about this order names another merchant."
        "Compare mch_id and sub_mch_id with the merchant platform: the money is with the merchant that the report names. Correct the merchant, or POST /admin/merchants/{id}/decide with reject, which ends the order here. Then settle this alarm.";
    OtherApp "OTHER_APP" "A verified report about this order names another application."
        "Compare appid and sub_appid with the merchant platform; then query the order with GET /v1/order and refresh=1. POST /admin/merchants/{id}/decide with accept takes WeChat's payment as this order's, with reject it ends the order here. Then settle this alarm.";
    OtherCurrency "OTHER_CURRENCY" "A verified report about this order names another currency."
        "Look at the transaction on the merchant platform. If it is this order's payment, POST /admin/merchants/{id}/decide with accept: the order is paid with what WeChat says. If not, with reject: the order ends here, and WeChat is not asked to change anything.";
    OtherAmount "OTHER_AMOUNT" "A verified report about this order names another amount."
        "Look at the transaction on the merchant platform. If it is this order's payment, POST /admin/merchants/{id}/decide with accept: the order is paid with what WeChat says. If not, with reject: the order ends here, and WeChat is not asked to change anything.";
    OtherTradeType "OTHER_TRADE_TYPE" "A verified report about this order names another way to pay."
        "Look at the transaction on the merchant platform. If it is this order's payment, POST /admin/merchants/{id}/decide with accept: the order is paid with what WeChat says. If not, with reject: the order ends here, and WeChat is not asked to change anything.";
    OtherPayer "OTHER_PAYER" "A verified report about this order names another payer than the order was made for."
        "Look at the transaction on the merchant platform. If it is this order's payment, POST /admin/merchants/{id}/decide with accept: the order is paid with what WeChat says. If not, with reject: the order ends here, and WeChat is not asked to change anything.";
    OtherAttach "OTHER_ATTACH" "A verified report about this order carries another attach than the order was made with."
        "A notice with another attach leads to a query. Where WeChat's answer says the same of an order that is no Quick Pay, the order is paid: compare the attach, then settle this alarm. Of a Quick Pay it is not: POST /admin/merchants/{id}/decide with accept or reject.";
    OtherTransaction "OTHER_TRANSACTION" "A report about this order names a transaction that paid another order."
        "Look at the transaction on the merchant platform: it is one order's payment. This order is not counted as paid; the report may be forged. POST /admin/merchants/{id}/decide with reject ends the order here and this alarm.";
    PaymentUnconfirmed "PAYMENT_UNCONFIRMED" "A verified notice reports a payment, and for a minute no answer of WeChat's to a query has confirmed it."
        "The order is not counted as paid and nothing is delivered; the query is repeated. If WeChat cannot be reached, repair the way there (the doctor names it): the order then follows WeChat's answer. If WeChat answers for an hour that nothing was paid, the report is dropped; the notice may be forged: rotate the API key. Then settle this alarm.";
    OrderUnknown "ORDER_UNKNOWN" "A verified notice reports a payment for an order that is not known here."
        "Another system may use the same merchant number. If none does, return the money on the merchant platform. Then settle this alarm.";
    SubMerchantUnknown "SUB_MERCHANT_UNKNOWN" "A verified notice reports a payment or refund of an unknown sub-merchant."
        "Enter the sub-merchant with POST /admin/merchants, or ask the institution whose it is. The report's strays hold what was noticed. Then settle this alarm.";
    NeverAcknowledged "NEVER_ACKNOWLEDGED" "The merchant never acknowledged the notice of a payment."
        "Tell the merchant; when its notice address works again, send the delivery again with POST /v1/delivery. Then settle this alarm.";
    ReverseRefused "REVERSE_REFUSED" "WeChat refuses for good to reverse the order."
        "WeChat is queried until it says how the order stands. If the payer has paid, return the money with POST /v1/refund. Where WeChat's answer differs from the order (another alarm says so), POST /admin/merchants/{id}/decide. Then settle this alarm.";
    ReverseWaits "REVERSE_WAITS" "A Quick Pay is to be reversed, and WeChat does not confirm it, or says that the payer has paid meanwhile."
        "See whether the merchant's certificate or key has expired, and replace it: the reverse is repeated until WeChat answers. If the order has a transaction_id, POST /v1/refund returns the money instead. Then settle this alarm.";
    PaidAfterReverse "PAID_AFTER_REVERSE" "WeChat reports a payment of an order that was reversed here, and of which no payment was known."
        "Look at the transaction on the merchant platform. If WeChat still has the money, the order becomes SUCCESS here and was not delivered: return the money with POST /v1/refund. Then settle this alarm.";
    ChangedElsewhere "CHANGED_ELSEWHERE" "A paid order was refunded, reversed or closed at WeChat without this gateway."
        "Find out on the merchant platform who did it. A payment that became known together with its refund was not delivered to the merchant: tell the merchant. Then settle this alarm.";
    NotPaidAtWeChat "NOT_PAID_AT_WECHAT" "The order is paid here, and WeChat says that it is not."
        "Look at the transaction on the merchant platform before anything is handed over; nothing was changed here. Query the order with GET /v1/order and refresh=1. If WeChat still denies it, the notice may have been forged: rotate the API key. Then settle this alarm.";
    NumberTaken "NUMBER_TAKEN" "WeChat has a payment under a Quick Pay's number that another system made. The Quick Pay ended as PAYERROR."
        "See that no two systems of the merchant use the same order numbers, then settle this alarm. If the payment is this Quick Pay's all the same, POST /admin/merchants/{id}/decide with accept: the order is paid, and POST /v1/refund can return it.";
    RefundWaits "REFUND_WAITS" "A refund waits: WeChat has not taken it for an hour, or a bank has not made it for 15 days."
        "Read its err_code: replace an expired certificate or key, or top up the account; the refund is repeated under its number. Or cancel it with DELETE /v1/refund. Then settle this alarm.";
    RefundMadeAfterAll "REFUND_MADE_AFTER_ALL" "WeChat made a refund that had ended here as refused or cancelled."
        "See whether the payer was paid back another way as well. The refund is shown as WeChat has it. Then settle this alarm.";
    UpstreamTooOften "UPSTREAM_TOO_OFTEN" "For five minutes WeChat has answered that the merchant's account makes this call too often."
        "Nothing is lost: what waits is sent again, at most every five minutes. See which program sends so many calls (the account's limits hold for all systems that use it), or ask WeChat Pay for a higher limit. Then settle this alarm.";
    OtherRefund "OTHER_REFUND" "WeChat reports another refund under this number."
        "Another system may use the same numbers. Compare both on the merchant platform; make the refund again under a new number with POST /v1/refund if it is missing. Then settle this alarm.";
    SecondPaymentWaits "SECOND_PAYMENT_WAITS" "A purchase was paid twice, and WeChat does not take the refund of this payment, which is asked for again and again."
        "Read the refund's err_code: set up the merchant's client_certificate if it has none, or top up the account; the refund is repeated. Then settle this alarm.";
    SecondPaymentKept "SECOND_PAYMENT_KEPT" "A purchase was paid twice, and the refund of this payment failed for good."
        "POST /admin/merchants/{id}/decide with refund returns it under a new refund number. Or return it on the merchant platform, keep the receipt, and settle this alarm.";
    StorageFilling "STORAGE_FILLING" "The merchant's object has used this part of the ten gigabytes that it may hold."
        "At 80 % payment links sell no more, at 95 % nothing new is taken; what is paid is still written. Find what fills it in the metrics, and ask for help before it is full. Then settle this alarm.";
    RowUnreadable "ROW_UNREADABLE" "A stored row cannot be read by this version; its timer is set aside and tried again every ten minutes."
        "If an earlier version was rolled back to, deploy the later one again: the row goes on by itself. Otherwise read the log for the reason, and ask WeChat about the order. Then settle this alarm.";
    CertificateUnusable "CERTIFICATE_UNUSABLE" "WeChat does not take requests with this merchant's certificate, or there is none: refunds and reverses wait, and with APIv3 no payment can be begun."
        "API v2: bind the certificate of the merchant's own mch_id, and name the binding in client_certificate. APIv3: enter the certificate and its private_key with POST /admin/merchants/{id}/rotate. Then run the doctor; what waits goes on by itself. Then settle this alarm.";
    PaymentsRefused "PAYMENTS_REFUSED" "WeChat refuses to begin payments because of this merchant's account or key: payers cannot pay."
        "Run the doctor, which shows WeChat's words. Compare appid, mch_id and the API key with the merchant platform, and see there that the account is active, is bound to the appid, and has the permission for each way to pay. Then settle this alarm.";
    PublicKeyUnknown "PUBLIC_KEY_UNKNOWN" "WeChat signs with a public key that this merchant does not have: what it says cannot be believed."
        "Enter the key whose id is this alarm's subject: POST /admin/merchants/{id}/rotate with wechatpay_public_key_id and wechatpay_public_key, which the merchant platform shows under API Security. Then settle this alarm.";
    SignInNotSetUp "SIGN_IN_NOT_SET_UP" "WeChat does not tell who this merchant's payers are: there is no app_secret, or WeChat refuses it. No payer can pay inside WeChat."
        "Enter the app_secret of the appid that is this alarm's subject with POST /admin/merchants/{id}/rotate, or give the merchant a quick_auth service; register the gateway's domain with the official account. Then run the doctor. Then settle this alarm.";
    RefundAbnormal "REFUND_ABNORMAL" "The payer's account or card does not take the refund."
        "Settle the refund on the merchant platform: the order follows it when a refund notice comes or GET /v1/refund is asked. Or return the money another way, and keep the receipt. Then settle this alarm.";
    CloseWaits "CLOSE_WAITS" "An order's time to pay ended at least an hour ago, and no verified answer of WeChat has ended the order."
        "See whether WeChat can be reached and the merchant's keys are right (the doctor names it), and repair that: the order is queried until WeChat answers. Where another alarm says that WeChat's payment differs from the order, POST /admin/merchants/{id}/decide. Then settle this alarm.";
    ClaimUnanswered "CLAIM_UNANSWERED" "WeChat says that the order is paid, and for three minutes the object that keeps whose each transaction is has not answered. The order is not counted as paid until it does."
        "The query is repeated every three minutes, and this alarm ends by itself with the answer. If it stays, read the log for the reason; merchants with one mch_id share that object.";
    PaymentUnchecked "PAYMENT_UNCHECKED" "A payment counts on WeChat's notice alone, and for six hours no verified answer of WeChat to a query has confirmed it."
        "See whether WeChat can be reached and the merchant's keys are right (the doctor names it), and repair that. The query is repeated every ten minutes, and this alarm ends by itself with the answer.";
    LinkUnusable "LINK_UNUSABLE" "A payment link holds text that WeChat Pay's signatures do not take (an & in its body or attach), so that no payer can buy."
        "The merchant changes the body or the attach of the link that is this alarm's subject with POST /v1/link, or switches it off. Then settle this alarm.";
}

impl Alarm {
    /// Whether an operator's decision about an order is the end of this alarm
    /// about it. `waits`: the order is not final.
    pub const fn ends_with_decision(self, waits: bool) -> bool {
        match self {
            Self::PaidTwice
            | Self::OtherOrder
            | Self::OtherMerchant
            | Self::OtherApp
            | Self::OtherCurrency
            | Self::OtherAmount
            | Self::OtherTradeType
            | Self::OtherPayer
            | Self::OtherAttach
            | Self::OtherTransaction
            | Self::PaymentUnconfirmed
            | Self::PaidAfterReverse
            | Self::NumberTaken
            | Self::SecondPaymentKept => true,
            Self::ReverseRefused | Self::ReverseWaits => !waits,
            _ => false,
        }
    }

    /// With this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|alarm| alarm.name() == name)
    }

    /// Of what an order reports.
    pub const fn of_trouble(trouble: Trouble) -> Self {
        match trouble {
            Trouble::ReverseRefused => Self::ReverseRefused,
            Trouble::ReverseWaits => Self::ReverseWaits,
            Trouble::PaidAfterReverse => Self::PaidAfterReverse,
            Trouble::ChangedElsewhere => Self::ChangedElsewhere,
            Trouble::NotPaidAtWeChat => Self::NotPaidAtWeChat,
            Trouble::NumberTaken => Self::NumberTaken,
            Trouble::OtherAttach => Self::OtherAttach,
            Trouble::CloseWaits => Self::CloseWaits,
            Trouble::RefundWaits => Self::RefundWaits,
            Trouble::RefundMadeAfterAll => Self::RefundMadeAfterAll,
        }
    }

    /// Of a refused report, where money may be wrong.
    pub const fn of(refusal: Refusal) -> Option<Self> {
        match refusal {
            Refusal::PaidTwice => Some(Self::PaidTwice),
            Refusal::OtherOrder => Some(Self::OtherOrder),
            Refusal::OtherMerchant => Some(Self::OtherMerchant),
            Refusal::OtherApp => Some(Self::OtherApp),
            Refusal::OtherCurrency => Some(Self::OtherCurrency),
            Refusal::OtherAmount => Some(Self::OtherAmount),
            Refusal::OtherTradeType => Some(Self::OtherTradeType),
            Refusal::OtherPayer => Some(Self::OtherPayer),
            Refusal::OtherAttach => Some(Self::OtherAttach),
            Refusal::OtherTransaction => Some(Self::OtherTransaction),
            _ => None,
        }
    }
}
