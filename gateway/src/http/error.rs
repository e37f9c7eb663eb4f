//! Every way a call can be refused: its stable code, its HTTP status, who is at
//! fault, and what to do. The API's error table is made from this file.

use crate::http::fields::sentence;
use crate::observe::Log;
use crate::runtime::{CallError, Response, Runtime, StorageError, StorageFault};
use order::Refusal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Who is at fault, and so who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The caller changes the request.
    Caller,
    /// WeChat, or the network path to it; the caller may repeat the request.
    Upstream,
    /// The gateway.
    Gateway,
}

macro_rules! codes {
    ($($variant:ident $name:literal $status:literal $fault:ident $advice:literal;)*) => {
        /// A stable code. Codes are never renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[allow(missing_docs, reason = "`advice` documents each")]
        pub enum Code {
            $(#[serde(rename = $name)] $variant,)*
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The code as it is sent.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// Who is at fault.
            pub const fn fault(self) -> Fault {
                match self { $(Self::$variant => Fault::$fault,)* }
            }

            /// What to do about it.
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$variant => $advice,)* }
            }
        }
    };
}

codes! {
    // The request itself.
    BodyTooLarge "BODY_TOO_LARGE" 413 Caller "Send at most 64 KiB; an image may have 2 MiB.";
    BodyBroken "BODY_BROKEN" 400 Caller "Send the complete body, with the announced length or chunks.";
    BodyTooSlow "BODY_TOO_SLOW" 408 Caller "Send the whole body within 30 seconds.";
    BodyNotJson "BODY_NOT_JSON" 400 Caller "Send one JSON object, in UTF-8, each key once, with content-type application/json.";
    NotFound "NOT_FOUND" 404 Caller "Check the path against the API reference.";
    MethodNotAllowed "METHOD_NOT_ALLOWED" 405 Caller "Use a method that the Allow header names.";
    ForeignOrigin "FOREIGN_ORIGIN" 403 Caller "Only the gateway's own pages may call this address.";
    // Who is calling.
    ApiKeyMissing "API_KEY_MISSING" 401 Caller "Send the header api-key.";
    ApiKeyUnknown "API_KEY_UNKNOWN" 401 Caller "Check the api-key; after a rotation the old one stops working.";
    ApiKeyOfOtherKind "API_KEY_OF_OTHER_KIND" 401 Caller "Send live_ keys to a deployment that is connected to WeChat, and test_ keys to one that is connected to the sandbox.";
    ApiSecretMissing "API_SECRET_MISSING" 401 Caller "This call needs the header api-secret in addition to api-key.";
    ApiSecretWrong "API_SECRET_WRONG" 401 Caller "Check the api-secret that belongs to this api-key.";
    ApiTokenUnknown "API_TOKEN_UNKNOWN" 401 Caller "Check the api-token; issue another when it has expired or was revoked.";
    ScopeMissing "SCOPE_MISSING" 403 Caller "Call with a key that has the scope that message names: POST /v1/keys makes one.";
    NamedKeyNotFound "NAMED_KEY_NOT_FOUND" 404 Caller "Check the id: GET /v1/keys lists the keys.";
    TooManyKeys "TOO_MANY_KEYS" 409 Caller "A merchant has at most 100 named keys: revoke one with DELETE /v1/keys.";
    TooManyTokens "TOO_MANY_TOKENS" 409 Caller "A merchant has at most 100 valid api-tokens: delete one with DELETE /v1/token, or reuse one.";
    AdminTokenWrong "ADMIN_TOKEN_WRONG" 401 Caller "Send authorization: Bearer with the deployment's ADMIN_TOKEN.";
    // People in the console.
    SignInNeeded "SIGN_IN_NEEDED" 401 Caller "Sign in: there is no session, or it has ended.";
    SignInRefused "SIGN_IN_REFUSED" 401 Caller "Check login and password; an owner can make a link to set a new password.";
    CodeNeeded "CODE_NEEDED" 401 Caller "Send the same sign-in with code: six digits of the second factor, or a recovery code.";
    CodeWrong "CODE_WRONG" 401 Caller "Enter the code that the program shows now; each code works once.";
    PasswordWrong "PASSWORD_WRONG" 401 Caller "Enter your present password.";
    TotpNotBegun "TOTP_NOT_BEGUN" 409 Caller "Begin the second factor with POST /console/api/totp, and confirm it within 15 minutes.";
    ConsoleSessionNotFound "CONSOLE_SESSION_NOT_FOUND" 404 Caller "Check the id: GET /console/api/sessions lists your sessions.";
    LastOwner "LAST_OWNER" 409 Caller "Make another person an owner first: the merchant would have none who can sign in.";
    TooManySignIns "TOO_MANY_SIGN_INS" 429 Caller "Too many wrong sign-ins: wait as many seconds as Retry-After says, or sign in with a browser that you have used before.";
    RightMissing "RIGHT_MISSING" 403 Caller "Your role does not permit this: ask an owner, who can change roles.";
    NotYourOrder "NOT_YOUR_ORDER" 403 Caller "A cashier sees today's orders and those that the same person has made, and undoes only the latter: ask a person with another role.";
    RefundAboveLimit "REFUND_ABOVE_LIMIT" 403 Caller "Refund less, or ask a person who may refund more.";
    SecondFactorNeeded "SECOND_FACTOR_NEEDED" 403 Caller "Set up the second factor: this right works only with it.";
    InvitationNotFound "INVITATION_NOT_FOUND" 404 Caller "The link is used, withdrawn or expired: ask an owner for another.";
    LoginTaken "LOGIN_TAKEN" 409 Caller "Choose another login: another person has this one.";
    NameTaken "NAME_TAKEN" 409 Caller "Choose another name: another person of the merchant has this one.";
    PersonNotFound "PERSON_NOT_FOUND" 404 Caller "Check the id: GET /console/api/people lists the people.";
    TooManyPeople "TOO_MANY_PEOPLE" 409 Caller "A merchant has at most 200 people and invitations: remove one.";
    StorageFull "STORAGE_FULL" 507 Gateway "The merchant's object is nearly full: payments are still recorded, and nothing new is accepted. Inform the operator.";
    RateLimited "RATE_LIMITED" 429 Caller "Nothing was changed: wait as many seconds as Retry-After says, and send the same request again.";
    TooManyWrongKeys "TOO_MANY_WRONG_KEYS" 429 Caller "Check the key or token: too many wrong ones came from this address. Wait as many seconds as Retry-After says.";
    IdempotencyKeyInvalid "IDEMPOTENCY_KEY_INVALID" 400 Caller "Send one Idempotency-Key of 1 to 255 visible ASCII characters, without quotation marks and backslashes inside.";
    IdempotencyKeyReused "IDEMPOTENCY_KEY_REUSED" 422 Caller "Use a new Idempotency-Key for another request; repeat the first request exactly to get its answer.";
    // Fields.
    FieldMissing "FIELD_MISSING" 400 Caller "Send the field.";
    FieldInvalid "FIELD_INVALID" 400 Caller "Change the field as the message says.";
    KeyInvalid "KEY_INVALID" 400 Caller "Send the complete key or certificate, as PEM, from WeChat Pay's merchant platform.";
    AmountInvalid "AMOUNT_INVALID" 400 Caller "Send a whole number of the currency's smallest unit, 1 to 2147483647.";
    CurrencyNotAllowed "CURRENCY_NOT_ALLOWED" 400 Caller "Use a currency that the merchant's account supports: the settlement currency, or CNY.";
    ImageInvalid "IMAGE_INVALID" 400 Caller "Send one whole PNG, JPEG or WebP: at most 2 MiB, 4096 pixels on a side and 8 million in all.";
    LinesMismatch "LINES_MISMATCH" 400 Caller "Send lines whose sum of quantity times unit_amount equals total_fee.";
    TradeTypeUnknown "TRADE_TYPE_UNKNOWN" 400 Caller "Use NATIVE, JSAPI or APP.";
    OpenIdMissing "OPEN_ID_MISSING" 400 Caller "A JSAPI order needs the payer's open_id: fetch it with Quick Auth.";
    NotifyUrlRefused "NOTIFY_URL_REFUSED" 400 Caller "Use an https address (http only where the merchant's http_notify_url allows it) with a public host name, without user name or fragment.";
    RedirectRefused "REDIRECT_REFUSED" 400 Caller "Register the redirect's origin for this merchant.";
    QuickAuthUnknown "QUICK_AUTH_UNKNOWN" 404 Caller "Check the quick_auth token.";
    // Orders.
    OrderNotFound "ORDER_NOT_FOUND" 404 Caller "Check out_trade_no: this merchant has no such order.";
    OrderExistsWithDifferentTerms "ORDER_EXISTS_WITH_DIFFERENT_TERMS" 409 Caller "Repeat the first request exactly, or use a new out_trade_no.";
    OrderPaid "ORDER_PAID" 409 Caller "The order is paid; do not order again.";
    OrderClosed "ORDER_CLOSED" 409 Caller "Use a new out_trade_no.";
    OrderExpired "ORDER_EXPIRED" 409 Caller "Use a new out_trade_no.";
    OrderReversed "ORDER_REVERSED" 409 Caller "The payment is returned to the payer; use a new out_trade_no.";
    NotQuickPay "NOT_QUICK_PAY" 409 Caller "Close the order if it is not paid, refund it if it is.";
    QuickPayIsReversed "QUICK_PAY_IS_REVERSED" 409 Caller "Reverse a Quick Pay order.";
    OrderRefunded "ORDER_REFUNDED" 409 Caller "Refund the remaining amount.";
    ReverseTooSoon "REVERSE_TOO_SOON" 409 Caller "Wait until the order is 15 seconds old.";
    ReverseTooLate "REVERSE_TOO_LATE" 409 Caller "Refund the order.";
    DeliveryNotFound "DELIVERY_NOT_FOUND" 404 Caller "Check the id: GET /v1/delivery lists them.";
    OrderNotPaid "ORDER_NOT_PAID" 409 Caller "Only a paid order can be refunded.";
    EndpointNotFound "ENDPOINT_NOT_FOUND" 404 Caller "Check the id: GET /v1/endpoints lists the endpoints.";
    EndpointOff "ENDPOINT_OFF" 409 Caller "Switch the endpoint on with PATCH /v1/endpoints/{id}.";
    TooManyEndpoints "TOO_MANY_ENDPOINTS" 409 Caller "A merchant has at most 16 endpoints: delete one.";
    EventNotFound "EVENT_NOT_FOUND" 404 Caller "Check the id: GET /v1/events lists the events of the last 90 days.";
    ReceiptNotFound "RECEIPT_NOT_FOUND" 404 Caller "Check the receipt's address; the merchant may have revoked it.";
    RefundNotFound "REFUND_NOT_FOUND" 404 Caller "Check out_refund_no: this merchant has no such refund.";
    RefundExistsWithDifferentTerms "REFUND_EXISTS_WITH_DIFFERENT_TERMS" 409 Caller "Repeat the first request exactly, or use a new out_refund_no.";
    RefundExceedsPaid "REFUND_EXCEEDS_PAID" 409 Caller "Refund at most the paid amount less earlier refunds.";
    RefundTooLate "REFUND_TOO_LATE" 409 Caller "WeChat refunds within a year of the payment; return the money in another way.";
    RefundTooMany "REFUND_TOO_MANY" 409 Caller "WeChat accepts 50 refunds for one order; return the money in another way.";
    RefundTooSoon "REFUND_TOO_SOON" 429 Caller "Wait a minute after the order's last refund.";
    RefundTaken "REFUND_TAKEN" 409 Caller "WeChat has accepted the refund, so it cannot be cancelled.";
    RefundCancelled "REFUND_CANCELLED" 409 Caller "This refund was cancelled and is not made. Use another out_refund_no.";
    ProductNotFound "PRODUCT_NOT_FOUND" 404 Caller "Check product_id; POST /v1/product creates a product.";
    StatementNotReady "STATEMENT_NOT_READY" 409 Caller "Request a day's statement after 10:00 China time on the next day.";
    StatementTooOld "STATEMENT_TOO_OLD" 409 Caller "WeChat keeps statements for 90 days (APIv3 Global: 180); keep copies of your own.";
    DayNotFound "DAY_NOT_FOUND" 404 Caller "Check date: a day is compared after 10:00 China time on the next day, from the day of the first payment on.";
    DifferenceNotFound "DIFFERENCE_NOT_FOUND" 404 Caller "Check the id: GET /v1/reconciliation lists the differences of a day.";
    DifferenceNotOpen "DIFFERENCE_NOT_OPEN" 409 Caller "Only a difference whose state is open can be closed; send close false to note something.";
    AttemptPending "ATTEMPT_PENDING" 409 Upstream "The earlier attempt is still being closed at WeChat; repeat the request in a few seconds.";
    TooManyAttempts "TOO_MANY_ATTEMPTS" 429 Caller "The payment method was changed many times: wait as many seconds as Retry-After says. The latest attempt can still be paid.";
    // Checkouts.
    SessionNotFound "SESSION_NOT_FOUND" 404 Caller "Check the checkout link.";
    SessionExpired "SESSION_EXPIRED" 409 Caller "Make a new checkout.";
    OpenIdRequired "OPENID_REQUIRED" 401 Caller "Open the checkout's page again: it asks WeChat who the payer is.";
    VirtualOpenId "VIRTUAL_OPENID" 401 Caller "WeChat shows a snapshot of the page and names a virtual payer: tap Use full service in WeChat, and open the page again.";
    SignInFailed "SIGN_IN_FAILED" 400 Caller "Open the checkout's page again.";
    SignInNotSetUp "SIGN_IN_NOT_SET_UP" 409 Caller "WeChat does not return the payers' openids: set the app_secret of the merchant's appid or a quick_auth service, and run the doctor.";
    WebSocketNeeded "WEBSOCKET_NEEDED" 426 Caller "Open this address as a WebSocket, or poll GET /pay/status.";
    TooManyPages "TOO_MANY_PAGES" 429 Caller "Close the other pages of this checkout, or poll GET /pay/status.";
    // Images.
    ImageNotFound "IMAGE_NOT_FOUND" 404 Caller "Check the id: GET /v1/images lists the images.";
    TooManyImages "TOO_MANY_IMAGES" 409 Caller "A merchant has at most 200 images: delete one with DELETE /v1/images/{id}.";
    // Payment links.
    LinkNotFound "LINK_NOT_FOUND" 404 Caller "Check the link's id: GET /v1/link lists them.";
    LinkOff "LINK_OFF" 409 Caller "Switch the link on with POST /v1/link.";
    LinkExpired "LINK_EXPIRED" 409 Caller "Extend the link with POST /v1/link, or create another.";
    LinkSoldOut "LINK_SOLD_OUT" 409 Caller "Raise the link's stock, or wait until unpaid purchases release it.";
    LinkStockTooLow "LINK_STOCK_TOO_LOW" 409 Caller "Choose a smaller quantity: fewer are left.";
    OriginUnknown "ORIGIN_UNKNOWN" 403 Caller "Register the page's origin for this merchant, in redirect_origins.";
    LinkChanged "LINK_CHANGED" 409 Caller "Open the link again: the merchant has changed it.";
    // Mini Programs.
    MiniProgramNotSet "MINI_PROGRAM_NOT_SET" 409 Caller "Set the merchant's mini_program and mini_program_secret.";
    LoginCodeRefused "LOGIN_CODE_REFUSED" 400 Caller "Call wx.login again and send its new code: each works once, for five minutes, in its own Mini Program.";
    PayerBlocked "PAYER_BLOCKED" 403 Caller "WeChat has blocked this payer as a risk; offer another payment method.";
    MiniProgramRefused "MINI_PROGRAM_REFUSED" 502 Upstream "WeChat refuses the Mini Program; check its appid and mini_program_secret.";
    // Certificates.
    ClientCertificateMissing "CLIENT_CERTIFICATE_MISSING" 409 Caller "WeChat Pay v2 accepts refunds and reverses only with the client certificate of the merchant's mch_id: enter it by POST /admin/merchants/{id}/rotate, or on Workers add a binding with it to the deployment and name the binding in the merchant's client_certificate.";
    ClientCertificateRefused "CLIENT_CERTIFICATE_REFUSED" 502 Upstream "WeChat does not accept the client certificate: name in client_certificate the binding with the certificate of this merchant's mch_id, and replace a certificate that has expired.";
    CertificateExpired "CERTIFICATE_EXPIRED" 409 Caller "The merchant's API certificate has expired: apply for another on WeChat Pay's merchant platform, and set it with its private key by POST /admin/merchants/{id}/rotate.";
    // Merchants.
    MerchantExists "MERCHANT_EXISTS" 409 Caller "Use another id, or rotate the keys of this merchant.";
    MerchantNotFound "MERCHANT_NOT_FOUND" 404 Caller "Check the merchant's id.";
    MerchantOfOtherKind "MERCHANT_OF_OTHER_KIND" 409 Caller "The merchant was made while the deployment had another upstream: test and live merchants need deployments of their own. Connect the deployment to that upstream again, or make the merchant under another id.";
    MerchantSuspended "MERCHANT_SUSPENDED" 409 Caller "The operator has suspended this merchant: nothing new is sold. Refunds, queries and reads still work; contact the operator.";
    NothingToDecide "NOTHING_TO_DECIDE" 409 Caller "WeChat reports no payment of this order that differs from its terms; GET /v1/order shows the order's present state.";
    PaymentIsAnothers "PAYMENT_IS_ANOTHERS" 409 Caller "The payment cannot be this order's: it belongs to another order or merchant, or the order has a payment already. Decide reject.";
    AlarmNotFound "ALARM_NOT_FOUND" 404 Caller "Check name and subject: GET /admin/alarms lists the open alarms.";
    // Notices and documents.
    XmlInvalid "XML_INVALID" 400 Caller "Send the notice's XML exactly as it was received.";
    SignMissing "SIGN_MISSING" 400 Caller "Send the notice with its sign field.";
    // WeChat.
    UpstreamRefused "UPSTREAM_REFUSED" 502 Upstream "WeChat refused; message contains its answer with err_code and err_code_des. The status is 422 where the request, the order or the payer is why: change the request, because the same one is refused again.";
    NotOffered "NOT_OFFERED" 409 Caller "The merchant's upstream has no such call; docs/dialects.md shows what each offers.";
    UpstreamTooOften "UPSTREAM_TOO_OFTEN" 429 Upstream "WeChat refuses this call as too frequent for the merchant's account, so it was not sent: wait as Retry-After says, and repeat the same request.";
    UpstreamUnavailable "UPSTREAM_UNAVAILABLE" 503 Upstream "WeChat does not answer; repeat the same request.";
    StatementUnreadable "STATEMENT_UNREADABLE" 502 Upstream "WeChat's statement is not a statement, is incomplete or does not add up; repeat the request, and inform WeChat if it persists.";
    UpstreamUnverified "UPSTREAM_UNVERIFIED" 502 Upstream "WeChat's answer could not be verified, so it was not used; repeat the same request, and check the merchant's API key.";
    KeyUnusable "KEY_UNUSABLE" 502 Upstream "The merchant's private key cannot sign; set it again with POST /admin/merchants/{id}/rotate.";
    // Lists.
    CursorInvalid "CURSOR_INVALID" 400 Caller "Send in after the cursor of the previous page, to the same list with the same filters.";
    ListsNotReady "LISTS_NOT_READY" 503 Gateway "The stored orders are being indexed after an update of the gateway; wait as many seconds as Retry-After says.";
    // A deployment that is moved to another one.
    DeploymentClosed "DEPLOYMENT_CLOSED" 503 Gateway "The deployment is being moved to another one, and nothing was changed: repeat the request. The operator ends the move, or opens this deployment again.";
    ExportEnded "EXPORT_ENDED" 409 Caller "Begin the export again: the deployment was opened again, or another export has begun.";
    ExportReleased "EXPORT_RELEASED" 409 Caller "Another deployment has taken over, so this one stays closed: to move back, export there and import here.";
    ImportDamaged "IMPORT_DAMAGED" 400 Caller "A line of the export was changed or left out, or this deployment has another MASTER_KEY than the one that made it: both need the same.";
    ImportElsewhere "IMPORT_ELSEWHERE" 409 Caller "Give both deployments the same PUBLIC_URL, the same upstream and the same version of the program, as message says.";
    ImportNotEmpty "IMPORT_NOT_EMPTY" 409 Caller "Import into a new deployment: this one has merchants of its own.";
    ImportIncomplete "IMPORT_INCOMPLETE" 409 Caller "Send every line of the export first.";
    // Ours.
    DiskFull "DISK_FULL" 507 Gateway "The gateway's disk is full, and it accepts no change until the operator has made room: inform the operator, and repeat the same request afterwards.";
    DiskUnusable "DISK_UNUSABLE" 503 Gateway "The gateway cannot read or write its data: its disk fails or is read-only, or a file is damaged. Inform the operator, whose log has the reason, and repeat the same request afterwards.";
    Internal "INTERNAL" 500 Gateway "Repeat the request; inform the operator if the error persists.";
}

impl Code {
    /// After how many seconds the same request may pass, where that is known.
    pub const fn retry_after_seconds(self) -> Option<u32> {
        match self {
            Self::RateLimited => Some(1),
            // The first pause of most calls.
            Self::UpstreamTooOften => Some(5),
            // Slices of the index are made continuously until it is complete.
            Self::ListsNotReady => Some(10),
            // A token of `rate_limit::WRONG_KEYS`.
            Self::TooManyWrongKeys => Some(6),
            // The pause between a checkout's attempts.
            Self::TooManyAttempts => Some(90),
            // A page that is closed frees a place for another.
            Self::RefundTooSoon | Self::TooManyPages => Some(60),
            // The pause of `merchants::registry::people::WRONG_APART_MS`.
            Self::TooManySignIns => Some(360),
            _ => None,
        }
    }
}

/// A refused call. Objects reply with it unchanged, and callers get it as the
/// documented failure body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApiError {
    /// The stable code.
    pub code: Code,
    /// The invalid field of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// One sentence; or, when WeChat refused, its answer (WeCeive API, "Request
    /// Refund", shows the form).
    pub message: Value,
    /// Whether WeChat refuses what was asked for, and would refuse the same
    /// request again: then `UPSTREAM_REFUSED` has the status 422.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_request_refused: bool,
    /// The internal cause, for the log of the place where it happened: never
    /// sent to a caller or to another object.
    #[serde(skip)]
    cause: Option<Box<str>>,
}

impl ApiError {
    /// An error with its own sentence.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            field: None,
            message: Value::String(message.into()),
            is_request_refused: false,
            cause: None,
        }
    }

    /// An internal failure. `cause` is for the log: it must not contain a
    /// secret or the caller's input.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self {
            cause: Some(cause.to_string().into()),
            ..Self::of(Code::Internal)
        }
    }

    /// With a cause for the log.
    pub(crate) fn with_cause(self, cause: String) -> Self {
        Self {
            cause: Some(cause.into()),
            ..self
        }
    }

    /// A message inside the deployment that cannot be read. The log gets only
    /// the position: `error`'s own text may repeat values.
    pub fn unreadable(what: &str, error: &serde_json::Error) -> Self {
        let (kind, line, column) = (error.classify(), error.line(), error.column());
        Self::internal(format_args!(
            "{what} is unreadable: {kind:?} error in line {line}, column {column}"
        ))
    }

    /// Writes the cause into the log, under the current request. Called once,
    /// where the error leaves the place that it happened in.
    pub fn log_cause(&self, runtime: &impl Runtime) {
        if let Some(cause) = &self.cause {
            let facts = [("code", self.code.name().into())];
            runtime.log_with(&facts, format_args!("failed: {cause}"));
        }
    }

    /// Writes a line that `what` happened, with the code and the cause if there
    /// is one: for an error that no answer repeats.
    pub fn log_as(&self, runtime: &impl Runtime, what: &str) {
        let facts = [("code", self.code.name().into())];
        match &self.cause {
            Some(cause) => runtime.log_with(&facts, format_args!("{what}: {cause}")),
            None => runtime.log_with(&facts, format_args!("{what}")),
        }
    }

    /// An error with the code's own advice as the sentence.
    pub fn of(code: Code) -> Self {
        Self::new(code, code.advice())
    }

    /// An error with a sentence about one field.
    pub fn field(code: Code, field: &str, message: impl Into<String>) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..Self::new(code, message)
        }
    }

    /// The documented failure body: `Code`, `message` and `data` as in the
    /// WeCeive API document; `status`, `code` and `field` added.
    ///
    /// `Code` is the last member. Clients that compare names without case (Go,
    /// Gson, .NET) read `code` and `Code` into one member, and the later one
    /// wins: these clients must read the documented `FAIL`.
    pub fn body(&self) -> Value {
        let mut body = json!({"status": "fail", "code": self.code.name()});
        if let Some(object) = body.as_object_mut() {
            if let Some(field) = &self.field {
                object.insert("field".to_owned(), Value::String(field.clone()));
            }
            object.insert("message".to_owned(), self.message.clone());
            object.insert("data".to_owned(), Value::Null);
            object.insert("Code".to_owned(), Value::String("FAIL".to_owned()));
        }
        body
    }

    /// The same refusal of WeChat, with whether the same request would be refused
    /// again because of what it asks for.
    #[must_use]
    pub fn with_request_refused(self, is_request_refused: bool) -> Self {
        Self {
            is_request_refused,
            ..self
        }
    }

    /// The HTTP status: the code's own. A refusal of WeChat is 422 where the
    /// request, the order or the payer is why, so that no client repeats it.
    pub const fn status(&self) -> u16 {
        match self.code {
            Code::UpstreamRefused if self.is_request_refused => 422,
            code => code.status(),
        }
    }

    /// The failure as an HTTP answer.
    pub fn response(&self) -> Response {
        let mut response = crate::http::message::json(self.status(), &self.body());
        if let Some(seconds) = self.code.retry_after_seconds() {
            let name = http::header::RETRY_AFTER;
            crate::http::message::set(&mut response, name, &seconds.to_string());
        }
        response
    }
}

impl From<StorageFault> for Code {
    fn from(fault: StorageFault) -> Self {
        match fault {
            StorageFault::Gateway => Self::Internal,
            StorageFault::DiskFull => Self::DiskFull,
            StorageFault::DiskUnusable => Self::DiskUnusable,
        }
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        Self::of(error.fault.into()).with_cause(error.to_string())
    }
}

impl From<CallError> for ApiError {
    fn from(error: CallError) -> Self {
        let code = match error {
            CallError::NoAnswer => Code::Internal,
            CallError::Storage(fault) => fault.into(),
        };
        Self::of(code).with_cause(error.to_string())
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let message = sentence(&refusal.to_string());
        match refusal {
            Refusal::DifferentTerms(field) => {
                Self::field(Code::OrderExistsWithDifferentTerms, field, message)
            }
            Refusal::OrderPaid | Refusal::AlreadyPaid | Refusal::OwnPayment => {
                Self::new(Code::OrderPaid, message)
            }
            Refusal::OrderClosed => Self::new(Code::OrderClosed, message),
            Refusal::OrderExpired => Self::new(Code::OrderExpired, message),
            Refusal::Reversed => Self::new(Code::OrderReversed, message),
            Refusal::NotQuickPay => Self::new(Code::NotQuickPay, message),
            Refusal::QuickPayIsReversed => Self::new(Code::QuickPayIsReversed, message),
            Refusal::ReverseOfRefunded => Self::new(Code::OrderRefunded, message),
            Refusal::ReverseTooSoon => Self::new(Code::ReverseTooSoon, message),
            Refusal::ReverseTooLate => Self::new(Code::ReverseTooLate, message),
            Refusal::NotPaid => Self::new(Code::OrderNotPaid, message),
            Refusal::RefundTaken => Self::new(Code::RefundTaken, message),
            Refusal::RefundUnknown => Self::new(Code::RefundNotFound, message),
            Refusal::RefundExistsWithDifferentAmount => {
                Self::field(Code::RefundExistsWithDifferentTerms, "refund_fee", message)
            }
            Refusal::RefundExistsWithDifferentReason => {
                Self::field(Code::RefundExistsWithDifferentTerms, "reason", message)
            }
            Refusal::RefundOtherCurrency => {
                Self::field(Code::CurrencyNotAllowed, "refund_fee_type", message)
            }
            Refusal::RefundExceedsPaid => {
                Self::field(Code::RefundExceedsPaid, "refund_fee", message)
            }
            Refusal::RefundTooLate => Self::new(Code::RefundTooLate, message),
            Refusal::RefundTooMany => Self::new(Code::RefundTooMany, message),
            Refusal::RefundTooSoon => Self::new(Code::RefundTooSoon, message),
            // These refuse reports of WeChat, never a caller's request: in an
            // answer to a caller they are internal errors, whose cause only the
            // log contains.
            Refusal::PaidTwice
            | Refusal::OtherOrder
            | Refusal::OtherMerchant
            | Refusal::OtherApp
            | Refusal::OtherCurrency
            | Refusal::OtherAmount
            | Refusal::OtherTradeType
            | Refusal::OtherPayer
            | Refusal::OtherAttach
            | Refusal::OtherTransaction
            | Refusal::RejectedPayment
            | Refusal::Stale
            | Refusal::RefundExists
            | Refusal::RefundFinal => Self::internal(refusal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_say_what_to_do() {
        let mut seen = std::collections::BTreeSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.name()), "{} twice", code.name());
            assert!((400..600).contains(&code.status()));
            if code.fault() == Fault::Caller {
                assert!(code.status() < 500, "{}", code.name());
            }
            assert!(code.advice().ends_with('.'));
            let context = code.retry_after_seconds().is_some();
            let waits = code.status() == 429 || *code == Code::ListsNotReady;
            assert_eq!(waits, context, "{}", code.name());
        }
    }

    #[test]
    fn the_payer_is_told_of_a_fault_of_ours_only_where_it_is_ours() {
        use checkout::Problem;
        for code in Code::ALL {
            let is_called_ours = Problem::from_code(code.name()) == Problem::Other;
            match code.fault() {
                Fault::Upstream => assert!(!is_called_ours, "{}", code.name()),
                Fault::Gateway => assert!(is_called_ours, "{}", code.name()),
                // Most of these answer programs only.
                Fault::Caller => {}
            }
        }
    }

    #[test]
    fn a_refused_report_of_wechat_keeps_its_cause_from_the_caller() {
        let error = ApiError::from(Refusal::RefundFinal);
        assert_eq!(error.body(), ApiError::of(Code::Internal).body());
        assert_eq!(error.cause, Some(Refusal::RefundFinal.to_string().into()));
    }

    #[test]
    fn the_documented_failure_body() {
        let error = ApiError::field(Code::AmountInvalid, "total_fee", "It is zero.");
        let documented = serde_json::json!({
            "status": "fail", "Code": "FAIL", "code": "AMOUNT_INVALID",
            "field": "total_fee", "message": "It is zero.", "data": null,
        });
        assert_eq!(error.body(), documented);
    }

    /// Every member of a flat JSON object in the order of its text.
    fn members(text: &str) -> Vec<(String, Value)> {
        let object: serde_json::Map<String, Value> = serde_json::from_str(text).unwrap();
        object.into_iter().collect()
    }

    #[test]
    fn a_client_that_compares_names_without_case_reads_the_documented_code() {
        for code in Code::ALL {
            for error in [
                ApiError::of(*code),
                ApiError::field(*code, "total_fee", "It is zero."),
                ApiError {
                    message: serde_json::json!({"err_code": "NOAUTH"}),
                    ..ApiError::of(*code)
                },
            ] {
                let response = error.response();
                let text = str::from_utf8(response.body()).unwrap();
                let (mut last_wins, mut first_wins) = (String::new(), String::new());
                for (name, value) in members(text) {
                    if name.eq_ignore_ascii_case("code") {
                        let value = value.as_str().unwrap().to_owned();
                        last_wins.clone_from(&value);
                        if first_wins.is_empty() {
                            first_wins = value;
                        }
                    }
                }
                assert_eq!(last_wins, "FAIL", "{text}");
                // A client that keeps the first reads the stable code. No
                // stable code means success, so this client reads a failure,
                // too.
                assert_eq!(first_wins, code.name(), "{text}");
                assert!(!["SUCCESS", "OK"].contains(&code.name()));
            }
        }
    }
}
