//! WeChat Pay's error codes in v3.
//!
//! ```text
//! HTTP 401
//! {"code":"SIGN_ERROR","message":"…","detail":{"sign_information":{…}}}
//! ```
//!
//! The manuals of the two regions, and pages of one manual, spell some codes
//! differently (`ORDER_NOT_EXIST`, `ORDERNOTEXIST`): every spelling is read,
//! and the first one is written.

use crate::common::error::{Outcome, Side, error_codes};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A list of codes, each with its further spellings and its HTTP status.
macro_rules! codes {
    ($($variant:ident $code:literal $(| $spelling:literal)* => $status:literal $side:ident $outcome:ident
        $meaning:literal $advice:literal,)*) => {
        error_codes! {
            $($variant $code $side $outcome $meaning $advice,)*
        }

        impl ErrorCode {
            /// The code with this name; one that is not in the list is kept.
            pub fn from_code(code: &str) -> Self {
                match code {
                    $($code $(| $spelling)* => Self::$variant,)*
                    other => Self::Unknown(other.to_owned()),
                }
            }

            /// The HTTP status of an answer with it.
            pub const fn http_status(&self) -> u16 {
                match self {
                    $(Self::$variant => $status,)*
                    Self::Unknown(_) => 500,
                }
            }
        }
    };
}

codes! {
    // Every call.
    ParamError "PARAM_ERROR" => 400 Request Refused
        "A parameter of the request is not correct."
        "Correct the parameter that the message names.",
    InvalidRequest "INVALID_REQUEST" => 400 Request Refused
        "The request cannot be carried out; often the number was used before with other terms."
        "Read the message; repeat with the first request's exact terms, or use a new number.",
    SignError "SIGN_ERROR" => 401 Request Refused
        "The request's signature is wrong."
        "Check the private key, its certificate's serial number, the merchant id and the clock.",
    NoAuth "NO_AUTH" | "NOAUTH" => 403 Account Refused
        "The merchant has no permission for this call."
        "Apply to WeChat Pay for the permission, or check the merchant ids.",
    AccountError "ACCOUNT_ERROR" | "ACCOUNTERROR" => 403 Account Refused
        "The merchant's or the payer's account does not allow it."
        "Read the message, and ask WeChat Pay about the account.",
    RuleLimit "RULE_LIMIT" | "RULELIMIT" => 403 Account Refused
        "One of WeChat's rules or limits does not allow the payment."
        "Read the message; the limit may be the merchant's or the payer's.",
    RequestBlocked "REQUEST_BLOCKED" => 403 Account Refused
        "WeChat blocks the request to protect the payer."
        "Ask WeChat Pay about the merchant's account.",
    AppidMchidNotMatch "APPID_MCHID_NOT_MATCH" => 400 Account Refused
        "The appid is not bound to the merchant id."
        "Bind the two on WeChat's merchant platform, or correct the settings.",
    MchNotExists "MCH_NOT_EXISTS" | "MCHID_NOT_EXIST" => 400 Account Refused
        "There is no such merchant id."
        "Check the merchant id in the merchant's settings.",
    ResourceNotExists "RESOURCE_NOT_EXISTS" => 404 Order Refused
        "There is nothing under this number: no order, no refund, or no certificate for a merchant \
         who uses WeChat Pay's public key."
        "Check the number; what was only just made may not be there yet.",
    RateLimited "RATE_LIMITED" | "RATELIMIT_EXCEEDED" | "RATELIMIT_EXCEED" => 429 Upstream Later
        "Too many requests in a short time."
        "Wait, then send the same request again, less often.",
    FrequencyLimited "FREQUENCY_LIMITED" | "FREQUENCY_LIMIT_EXCEED" => 429 Upstream Later
        "Too many requests about the same order in a short time."
        "Wait a minute, then send the same request again.",
    SystemError "SYSTEM_ERROR" | "SYSTEMERROR" => 500 Upstream Unknown
        "WeChat's system failed or timed out, and the outcome is not known."
        "Query the order and go on from its state; a prepayment may be asked for again unchanged.",
    BankError "BANK_ERROR" | "BANKERROR" => 500 Upstream Unknown
        "The bank failed or timed out, and the outcome is not known."
        "Query the order and go on from its state.",
    // Orders.
    OutTradeNoUsed "OUT_TRADE_NO_USED" => 403 Order Refused
        "The order number has been used for another order."
        "Use a new number, or repeat the first request without changing its terms.",
    OpenidMismatch "OPENID_MISMATCH" => 400 Request Refused
        "The openid does not belong to the appid."
        "Send the openid that the payer has under the appid of the request.",
    OrderNotExist "ORDER_NOT_EXIST" | "ORDERNOTEXIST" => 404 Order Refused
        "WeChat has no order with this number."
        "Check the number; an order that was only just made may not be there yet.",
    OrderPaid "ORDER_PAID" | "ORDERPAID" => 400 Order Refused
        "The order has been paid already."
        "Treat the order as paid once a query confirms it, and use a new number for a new order.",
    OrderClosed "ORDER_CLOSED" | "ORDERCLOSED" => 400 Order Refused
        "The order is closed and can no longer be paid."
        "Make a new order under a new number; after a close there is nothing left to do.",
    OrderReversed "ORDER_REVERSED" | "ORDERREVERSED" => 400 Order Refused
        "The order has been reversed."
        "Make a new order under a new number.",
    TradeError "TRADE_ERROR" => 403 Order Refused
        "The payment was refused, mostly for the state of the order or of an account."
        "Read the message, and make a new order under a new number.",
    TradeStateError "TRADE_STATE_ERROR" => 400 Order Refused
        "The order's state does not allow this."
        "Query the order and go on from its state.",
    InvalidTransactionId "INVALID_TRANSACTIONID" => 400 Request Refused
        "WeChat's order number in the request is not valid."
        "Check the number, and whether that payment was made.",
    // Quick Pay.
    UserPaying "USERPAYING" | "USER_PAYING" => 400 Payer Unknown
        "The payer is asked for the password, and the outcome is not known yet."
        "Wait five seconds, then query the order.",
    AuthCodeExpire "AUTH_CODE_EXPIRE" | "AUTHCODEEXPIRE" => 400 Payer Refused
        "The payer's code has expired."
        "Ask the payer to refresh the code, and scan it again.",
    AuthCodeError "AUTH_CODE_ERROR" => 400 Payer Refused
        "The payer's code was not accepted; each code serves for one payment."
        "Ask the payer to refresh the code, and try again.",
    AuthCodeInvalid "AUTH_CODE_INVALID" => 400 Payer Refused
        "What was scanned is not a payment code."
        "Scan the code that WeChat shows on its Quick Pay page.",
    NotSupportCard "NOT_SUPPORT_CARD" | "NOTSUPPORTCARD" => 400 Payer Refused
        "The payer's kind of card is not supported."
        "Ask the payer to choose another card or to link a new one.",
    BuyerMismatch "BUYER_MISMATCH" => 400 Payer Refused
        "Another payer has begun to pay this order, and one order has one payer."
        "Have the first payer pay, or make a new order under a new number.",
    // Refunds.
    NotEnough "NOT_ENOUGH" | "NOTENOUGH" => 403 Payer Refused
        "There is too little money: on the payer's card, or for a refund among the unsettled funds."
        "Ask the payer for another card; repeat a refund later under its same number.",
    UserAccountAbnormal "USER_ACCOUNT_ABNORMAL" => 403 Payer Refused
        "The payer's account is closed, so the refund failed."
        "Return the money to the payer in another way.",
    RefundNotExist "REFUND_NOT_EXIST" | "REFUNDNOTEXIST" => 404 Order Refused
        "WeChat has no such refund."
        "Check the number, and whether the order was paid and a refund was asked for.",
    // Statements.
    NoStatementExist "NO_STATEMENT_EXIST" | "NO_BILL_EXIST" => 400 Order Refused
        "There is no statement for this day."
        "Take the day as one without payments once it is over.",
    StatementCreating "STATEMENT_CREATING" | "BILL_CREATING" => 400 Upstream Later
        "The statement is not ready."
        "Ask again after 10:00 China time on the next day.",
}
