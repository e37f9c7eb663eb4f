//! Every condition that needs an operator: its name, what has happened, and
//! what to do about it. `docs/operations.md` shows this list; a test compares
//! them.

use order::{Refusal, Trouble};

macro_rules! alarms {
    ($($variant:ident $name:literal $says:literal $to_do:literal;)*) => {
        /// A condition that needs an operator. Names are never changed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "`says` documents each")]
        pub enum Alarm {
            $($variant,)*
        }

        impl Alarm {
            /// Every alarm, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The alarm's name.
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
    PaidTwice "PAID_TWICE" "The order is paid, and WeChat reports a second payment for it."
        "Find both transactions on the merchant platform and refund there the one that the order does not name. If WeChat's answer to a query names that one, POST /admin/merchants/{id}/decide with reject; otherwise settle this alarm.";
    OtherOrder "OTHER_ORDER" "A verified report for this order names a different order."
        "Ask WeChat Pay about the transaction; nothing was changed here. Then POST /admin/merchants/{id}/decide with reject, which ends the order here, or settle this alarm.";
    OtherMerchant "OTHER_MERCHANT" "A verified report for this order names a different merchant."
        "Compare mch_id and sub_mch_id with the merchant platform: the merchant that the report names has the money. Correct the merchant's settings, or POST /admin/merchants/{id}/decide with reject, which ends the order here. Then settle this alarm.";
    OtherApp "OTHER_APP" "A verified report for this order names a different application."
        "Compare appid and sub_appid with the merchant platform; then query the order with GET /v1/order and refresh=1. POST /admin/merchants/{id}/decide with accept makes WeChat's payment this order's; with reject it ends the order here. Then settle this alarm.";
    OtherCurrency "OTHER_CURRENCY" "A verified report for this order names a different currency."
        "Look at the transaction on the merchant platform. If it is this order's payment, POST /admin/merchants/{id}/decide with accept: the order becomes paid with the values that WeChat reports. If it is not, with reject: the order ends here, and nothing is changed at WeChat.";
    OtherAmount "OTHER_AMOUNT" "A verified report for this order names a different amount."
        "Look at the transaction on the merchant platform. If it is this order's payment, POST /admin/merchants/{id}/decide with accept: the order becomes paid with the values that WeChat reports. If it is not, with reject: the order ends here, and nothing is changed at WeChat.";
    OtherTradeType "OTHER_TRADE_TYPE" "A verified report for this order names a different trade type."
        "Look at the transaction on the merchant platform. If it is this order's payment, POST /admin/merchants/{id}/decide with accept: the order becomes paid with the values that WeChat reports. If it is not, with reject: the order ends here, and nothing is changed at WeChat.";
    OtherPayer "OTHER_PAYER" "A verified report for this order names a payer other than the one that the order was made for."
        "Look at the transaction on the merchant platform. If it is this order's payment, POST /admin/merchants/{id}/decide with accept: the order becomes paid with the values that WeChat reports. If it is not, with reject: the order ends here, and nothing is changed at WeChat.";
    OtherAttach "OTHER_ATTACH" "A verified report for this order carries an attach other than the order's."
        "A notice with a different attach triggers a query. If WeChat's answer has that attach too, an order that is not a Quick Pay becomes paid: compare the attach, then settle this alarm. A Quick Pay does not become paid: POST /admin/merchants/{id}/decide with accept or reject.";
    OtherTransaction "OTHER_TRANSACTION" "A report for this order names a transaction that has paid another order."
        "Look at the transaction on the merchant platform: a transaction pays one order only. This order is not counted as paid; the report may be forged. POST /admin/merchants/{id}/decide with reject ends the order here and settles this alarm.";
    PaymentUnconfirmed "PAYMENT_UNCONFIRMED" "A verified notice reports a payment, and WeChat has not confirmed it in answer to a query for a minute."
        "The order is not counted as paid and nothing is delivered; the query is repeated. If WeChat cannot be reached, restore the connection (the doctor names the fault): the order then follows WeChat's answer. If WeChat answers for an hour that nothing was paid, the report is dropped and the notice may be forged: rotate the API key. Then settle this alarm.";
    OrderUnknown "ORDER_UNKNOWN" "A verified notice reports a payment for an order that does not exist here."
        "Another system may use the same merchant id. If none does, refund the payment on the merchant platform. Then settle this alarm.";
    SubMerchantUnknown "SUB_MERCHANT_UNKNOWN" "A verified notice reports a payment or refund for an unknown sub-merchant."
        "Create the sub-merchant with POST /admin/merchants, or ask the institution about it. GET /admin/merchants/{id}/report lists the reported payment under strays. Then settle this alarm.";
    NeverAcknowledged "NEVER_ACKNOWLEDGED" "The merchant never acknowledged the notice of a payment."
        "Inform the merchant; when its notify_url works again, repeat the delivery with POST /v1/delivery. Then settle this alarm.";
    EndpointFailing "ENDPOINT_FAILING" "For a day no delivery of an event to this endpoint has succeeded."
        "Inform the merchant: GET /v1/deliveries/{id} shows what the endpoint answers. One attempt an hour is made meanwhile, and this alarm ends by itself with the first that succeeds. Events are given up after three days, and GET /v1/events lists them for ninety.";
    EventGivenUp "EVENT_GIVEN_UP" "The endpoint did not acknowledge an event for three days, and the event is no longer sent to it."
        "Inform the merchant: GET /v1/deliveries?state=given_up lists such deliveries. When the endpoint works again, POST /v1/endpoints/{id}/resend sends them again. Then settle this alarm.";
    ReverseRefused "REVERSE_REFUSED" "WeChat permanently refuses to reverse the order."
        "WeChat is queried until it reports the order's state. If the payer has paid, refund the payment with POST /v1/refund. If WeChat's answer differs from the order (another alarm says so), POST /admin/merchants/{id}/decide. Then settle this alarm.";
    ReverseWaits "REVERSE_WAITS" "A Quick Pay is being reversed, and WeChat does not confirm the reverse, or reports that the payer has paid meanwhile."
        "Check whether the merchant's certificate or key has expired, and replace it: the reverse is repeated until WeChat answers. If the order has a transaction_id, refund it with POST /v1/refund instead. Then settle this alarm.";
    PaidAfterReverse "PAID_AFTER_REVERSE" "WeChat reports a payment of an order that was reversed here without a known payment."
        "Look at the transaction on the merchant platform. If WeChat still has the money, the order becomes SUCCESS here and is not delivered to the merchant: refund it with POST /v1/refund. Then settle this alarm.";
    ChangedElsewhere "CHANGED_ELSEWHERE" "A paid order was refunded, reversed or closed at WeChat, not through this gateway."
        "Find out on the merchant platform who did it. A payment that became known together with its refund was not delivered to the merchant: inform the merchant. Then settle this alarm.";
    NotPaidAtWeChat "NOT_PAID_AT_WECHAT" "The order is paid here, and WeChat reports that it is not."
        "Look at the transaction on the merchant platform before the goods are handed over; nothing was changed here. Query the order with GET /v1/order and refresh=1. If WeChat still reports no payment, the notice may have been forged: rotate the API key. Then settle this alarm.";
    NumberTaken "NUMBER_TAKEN" "Under a Quick Pay's number WeChat has a payment that another system made. The Quick Pay ended as PAYERROR."
        "Make sure that no two systems of the merchant use the same order numbers, then settle this alarm. If the payment is this Quick Pay's after all, POST /admin/merchants/{id}/decide with accept: the order becomes paid and can be refunded with POST /v1/refund.";
    RefundWaits "REFUND_WAITS" "A refund is delayed: WeChat has not accepted it for an hour, or a bank has not completed it for 15 days."
        "Read the refund's err_code: replace an expired certificate or key, or top up the account; the refund is repeated under the same number. Or cancel it with DELETE /v1/refund. Then settle this alarm.";
    RefundMadeAfterAll "REFUND_MADE_AFTER_ALL" "WeChat made a refund that had ended here as refused or cancelled."
        "Check whether the payer was also repaid in another way. The refund is shown as WeChat reports it. Then settle this alarm.";
    UpstreamTooOften "UPSTREAM_TOO_OFTEN" "For five minutes WeChat has refused this call because the merchant's account makes it too often."
        "Nothing is lost: waiting calls are sent again, at most every five minutes. Find the program that sends so many calls (the account's limits apply to all systems that use it), or ask WeChat Pay for a higher limit. Then settle this alarm.";
    OtherRefund "OTHER_REFUND" "WeChat reports a different refund under this number."
        "Another system may use the same numbers. Compare both on the merchant platform; if this refund is missing, repeat it under a new number with POST /v1/refund. Then settle this alarm.";
    SecondPaymentWaits "SECOND_PAYMENT_WAITS" "A purchase was paid twice, and WeChat does not accept the refund of this payment, which is repeated."
        "Read the refund's err_code: set up the merchant's client_certificate if it is missing, or top up the account; the refund is repeated. Then settle this alarm.";
    SecondPaymentKept "SECOND_PAYMENT_KEPT" "A purchase was paid twice, and the refund of this payment failed permanently."
        "POST /admin/merchants/{id}/decide with refund refunds it under a new number. Or refund it on the merchant platform, keep the receipt, and settle this alarm.";
    StorageFilling "STORAGE_FILLING" "The merchant's object has used this percentage of its ten gigabytes."
        "At 80 % payment links stop selling; at 95 % no new orders, checkouts, links or products are accepted; payments are still recorded. Find the cause in the metrics, and act before the object is full. Then settle this alarm.";
    RowUnreadable "ROW_UNREADABLE" "This version cannot read a stored row; its timer is set aside and retried every ten minutes."
        "After a rollback, deploy the later version again: the row's timer then continues by itself. Otherwise read the log for the reason, and look the order up on the merchant platform. Then settle this alarm.";
    CertificateUnusable "CERTIFICATE_UNUSABLE" "WeChat does not accept this merchant's certificate, or there is none: refunds and reverses wait, and with APIv3 no payment can start."
        "API v2: bind the certificate of the merchant's own mch_id, and name the binding in client_certificate. APIv3: set the certificate and its private_key with POST /admin/merchants/{id}/rotate. Then run the doctor; waiting refunds and reverses continue by themselves. Then settle this alarm.";
    PaymentsRefused "PAYMENTS_REFUSED" "WeChat refuses new payments because of this merchant's account or key: payers cannot pay."
        "Run the doctor, which shows WeChat's answer. Compare appid, mch_id and the API key with the merchant platform, and check there that the account is active, is bound to the appid, and has the permission for each trade type. Then settle this alarm.";
    PublicKeyUnknown "PUBLIC_KEY_UNKNOWN" "WeChat signs with a public key that this merchant's settings lack: its answers and notices cannot be verified."
        "Set the key whose id is this alarm's subject: POST /admin/merchants/{id}/rotate with wechatpay_public_key_id and wechatpay_public_key, which the merchant platform shows under API Security. Then settle this alarm.";
    SignInNotSetUp "SIGN_IN_NOT_SET_UP" "WeChat does not return the openids of this merchant's payers: there is no app_secret, or WeChat refuses it. Payers cannot pay inside WeChat."
        "Set the app_secret of the appid that is this alarm's subject with POST /admin/merchants/{id}/rotate, or give the merchant a quick_auth service; register the gateway's domain with the official account. Then run the doctor. Then settle this alarm.";
    RefundAbnormal "REFUND_ABNORMAL" "The payer's account or card does not accept the refund."
        "Settle the refund on the merchant platform: the order follows when a refund notice arrives or GET /v1/refund is called. Or return the money in another way, and keep the receipt. Then settle this alarm.";
    CloseWaits "CLOSE_WAITS" "An order expired at least an hour ago, and no verified answer of WeChat has ended it."
        "Check whether WeChat can be reached and the merchant's keys are correct (the doctor names the fault), and repair it: the order is queried until WeChat answers. If another alarm says that WeChat's payment differs from the order, POST /admin/merchants/{id}/decide. Then settle this alarm.";
    ClaimUnanswered "CLAIM_UNANSWERED" "WeChat reports that the order is paid, and the object that records which order each transaction has paid has not answered for three minutes. Until it answers, the order is not counted as paid."
        "The query is repeated every three minutes, and this alarm ends by itself with the answer. If it stays, read the log for the reason; merchants with the same mch_id share that object.";
    PaymentUnchecked "PAYMENT_UNCHECKED" "A payment was accepted on WeChat's notice alone, and for six hours no verified answer of WeChat to a query has confirmed it."
        "Check whether WeChat can be reached and the merchant's keys are correct (the doctor names the fault), and repair it. The query is repeated every ten minutes, and this alarm ends by itself with the answer.";
    DayNotReconciled "DAY_NOT_RECONCILED" "A day has not been compared with WeChat's statement by the evening of the next day."
        "GET /v1/reconciliation?date= shows the problem. Check whether WeChat can be reached and whether the merchant's keys are correct (the doctor names the fault), and whether the account may download statements. The statement is requested again every hour, and this alarm ends by itself when the day is compared.";
    ReconciliationDiffers "RECONCILIATION_DIFFERS" "WeChat's statement of a day and the book differ, and WeChat's answers to queries have not settled it."
        "GET /v1/reconciliation?date= lists the differences with the reason of each and what to do. Note what was found and close each with POST /v1/reconciliation/{id}: this alarm ends by itself with the last one.";
    LinkUnusable "LINK_UNUSABLE" "A payment link contains a character that WeChat Pay's signatures do not allow (an & in its body or attach), so no payer can buy."
        "Ask the merchant to change the body or the attach of the link that is this alarm's subject with POST /v1/link, or to switch the link off. Then settle this alarm.";
}

impl Alarm {
    /// Whether an operator's decision about an order ends this alarm. `waits`
    /// is true while the order is not final.
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

    /// The alarm with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|alarm| alarm.name() == name)
    }

    /// The alarm for a problem of an order.
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

    /// The alarm for a refused report, where the amounts may be wrong.
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
