//! A merchant's account at its upstream, and the calls to it. An upstream is
//! WeChat Pay or an acquirer.
//!
//! [`Upstream`] is the interface for the rest of the gateway. Its arguments are
//! orders, payments and refunds of crate `order`; which [`Dialect`] transmits
//! them is known only here and in `handlers/notify/`. One file per dialect has
//! the same calls:
//!
//! ```text
//! prepay query close        quick_pay reverse        refund query_refund
//! jsapi app                 statement settlements
//! ```
//!
//! Calls that only v2 has (exchange rates, short addresses, codes of products,
//! reports of speed) are refused by name for the other dialects.

mod backoff;
mod certificates;
mod error;
mod hosts;
mod ionline;
pub mod request;
mod statement;
mod v2;
mod v3;

pub use certificates::is_public_key_id;
pub use error::{Error, Kind, wrong};
pub use hosts::Hosts;
pub use request::{FoundRefund, Prepay, QuickPay, Settlements};
pub use statement::{Broken, Statement};

use crate::config::Config;
use crate::merchants::directory::MerchantContext;
use crate::merchants::merchant::Dialect;
use crate::observe::alarm::Alarm;
use crate::observe::labels::{Limited, Queried};
use crate::observe::{Actor, Counter, Log, RequestContext};
use crate::runtime::Runtime;
use backoff::Followed;
use futures_util::future::{FutureExt, LocalBoxFuture};
use ionline::Ionline;
use order::{Account, Currency, Order, OutTradeNo, Prepayment, Refund, RefundState, TradeState};
use v2::V2;
use v3::V3;
use wechatpay::common::Date;
use wechatpay::common::bill::{BillError, BillType, KEPT_DAYS};
use wechatpay::common::error::Side;
use wechatpay::common::invoke::{App, Jsapi};
use wechatpay::common::settlement::Record;
use wechatpay::v2::exchange;
use wechatpay::v2::report::MICROPAY_TOTAL_URL;
use wechatpay::v3::Region;
use wechatpay::v3::bill::kept_days;
use wechatpay::{v2 as wechat_v2, v3 as wechat_v3};

/// One merchant's account upstream.
#[derive(Debug)]
pub struct Upstream<'a, R> {
    /// The runtime, for the network, the clock and randomness.
    pub runtime: &'a R,
    /// The deployment's settings.
    pub config: &'a Config,
    /// The hosts, and which of them answers.
    pub hosts: &'a Hosts,
    /// The merchant.
    pub context: &'a MerchantContext,
}

/// Why a call did not succeed. Only [`Refused`](Self::Refused) is WeChat's own,
/// verified answer; after any other it is unknown what WeChat did.
#[derive(Debug)]
pub enum Failure {
    /// No answer was received.
    NoAnswer,
    /// The answer could not be verified, or the call could not be made; the error
    /// says which.
    Inconclusive(Error),
    /// WeChat refused.
    Refused(Box<Refused>),
}

/// WeChat's refusal.
#[derive(Debug)]
pub struct Refused {
    /// The reason, by which the gateway decides.
    pub reason: Reason,
    /// WeChat's code for it.
    pub err_code: String,
    /// The error for the merchant.
    pub error: Error,
}

/// WeChat's reasons, as far as the gateway distinguishes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is no such order.
    OrderNotExist,
    /// The order is paid.
    OrderPaid,
    /// The order is closed.
    OrderClosed,
    /// The order is reversed.
    OrderReversed,
    /// There is no such refund.
    RefundNotExist,
    /// There is no statement for the day.
    NoStatement,
    /// The day's statement is not ready.
    StatementCreating,
    /// The balance is too low for a refund: the same request may pass later.
    NotEnough,
    /// Nothing was done; the same request may pass later.
    Retryable,
    /// Nothing was done, and repeating the request cannot succeed.
    Permanent,
    /// The order is not reversed: not yet, or never. WeChat has one code for
    /// both.
    NotReversible,
    /// Nothing was done.
    NotApplied,
    /// Not WeChat's reason: the request could not be signed, and was not sent.
    NotSent,
    /// The code means that the outcome is unknown.
    OutcomeUnknown,
    /// The refusal is about this message and not about the operation. The
    /// message may have been corrupted in transit; an identical earlier one may
    /// still be in flight.
    Malformed,
    /// A code that is not listed.
    Unlisted,
}

impl Failure {
    /// A description for the log, which contains no text of WeChat's.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NoAnswer => "no answer",
            Self::Inconclusive(error) => error.kind.name(),
            Self::Refused(refused) => refused.error.kind.name(),
        }
    }

    /// Whether WeChat says that the account makes this call too often. An
    /// unsigned answer is accepted too, because the only effect is when the
    /// call is sent again: v2 reports it as a failed communication in words,
    /// and a server in front of APIv3 with the status 429.
    fn is_too_often(&self) -> bool {
        const CODES: [&str; 5] = [
            "FREQUENCY_LIMITED",
            "FREQUENCY_LIMIT_EXCEED",
            "RATELIMIT_EXCEEDED",
            "RATELIMIT_EXCEED",
            "RATE_LIMITED",
        ];
        const WORDS: &str = "频率限制";
        match self {
            Self::Refused(refused) => CODES.contains(&refused.err_code.as_str()),
            Self::Inconclusive(error) => {
                error
                    .said("err_code")
                    .is_some_and(|code| CODES.contains(&code))
                    || error
                        .said("return_msg")
                        .is_some_and(|said| said.contains(WORDS) || CODES.contains(&said))
            }
            Self::NoAnswer => false,
        }
    }

    /// The failure of a call that is not sent, because WeChat has refused it as
    /// too frequent.
    fn too_often() -> Self {
        Self::Refused(Box::new(Refused {
            reason: Reason::Retryable,
            err_code: "FREQUENCY_LIMITED".to_owned(),
            error: Error::of(Kind::TooOften),
        }))
    }

    /// An answer with the status 429 that is not a document of WeChat Pay.
    fn too_many_requests() -> Self {
        let error = Error::with_message(
            Kind::Unverified,
            serde_json::json!({
                "err_code": "RATE_LIMITED",
                "err_code_des": "HTTP status 429 without a document",
            }),
        );
        Self::Inconclusive(error)
    }

    /// Whether it is unknown what WeChat did.
    pub const fn is_unknown_outcome(&self) -> bool {
        match self {
            Self::Refused(refused) => {
                matches!(
                    refused.reason,
                    Reason::OutcomeUnknown | Reason::Malformed | Reason::Unlisted
                )
            }
            Self::NoAnswer | Self::Inconclusive(_) => true,
        }
    }

    /// Replaces the reason of a refusal whose code passes `is`.
    fn with_reason(self, reason: Reason, is: impl Fn(&str) -> bool) -> Self {
        match self {
            Self::Refused(refused) if is(&refused.err_code) => {
                Self::Refused(Box::new(Refused { reason, ..*refused }))
            }
            failure => failure,
        }
    }

    /// The code of a failure that lasts until an operator corrects the
    /// merchant's certificate or key: nothing was done, and the same request
    /// may pass later. It may be unsigned, so it must not end anything.
    pub fn waits_for_repair(&self) -> Option<&str> {
        const SIGN_ERROR: &str = "SIGN_ERROR";
        match self {
            Self::Inconclusive(error) => match error.kind {
                Kind::ClientCertificateMissing
                | Kind::ClientCertificateRefused
                | Kind::CertificateExpired => Some(error.kind.name()),
                _ => (error.said("err_code")? == SIGN_ERROR).then_some(SIGN_ERROR),
            },
            Self::Refused(refused) => (refused.err_code == SIGN_ERROR).then_some(SIGN_ERROR),
            Self::NoAnswer => None,
        }
    }

    /// WeChat's reason, if WeChat refused.
    pub const fn reason(&self) -> Option<Reason> {
        match self {
            Self::Refused(refused) => Some(refused.reason),
            Self::NoAnswer | Self::Inconclusive(_) => None,
        }
    }
}

/// WeChat's code in a refusal as the merchant is shown it.
fn code_in(refusal: &Error) -> Option<&str> {
    match refusal.kind {
        Kind::Refused => refusal.said("err_code"),
        _ => None,
    }
}

/// Whether WeChat refuses because of the merchant's account or key, so that no
/// payment can be begun until an operator has corrected them. An expired APIv3
/// certificate has an alarm of its own.
fn is_about_account(refusal: &Error) -> bool {
    if let Some(code) = code_in(refusal) {
        let v2 = wechat_v2::ErrorCode::from_code(code);
        return v2 == wechat_v2::ErrorCode::SignError
            || v2.side() == Side::Account
            || wechat_v3::ErrorCode::from_code(code).side() == Side::Account;
    }
    // A refusal without a code is not signed and contains only text (WeChat Pay
    // v2 manual, section 4.3.1). It only raises an alarm. A wrong openid is the
    // caller's mistake.
    let said = refusal
        .said("return_msg")
        .or_else(|| refusal.said("message"));
    let said = said.unwrap_or_default().to_lowercase();
    let about = ["签名", "sign", "appid", "mch_id", "mchid", "商户"];
    refusal.kind == Kind::Refused
        && !said.contains("openid")
        && about.iter().any(|name| said.contains(name))
}

/// A call in flight.
pub type Asking<'a, T> = LocalBoxFuture<'a, Result<T, Failure>>;

impl<'a, R: Runtime> Upstream<'a, R> {
    /// Requests the means to pay. This takes no money; the same request again
    /// returns the same means.
    pub async fn prepay(&self, prepay: Prepay<'_>) -> Result<Prepayment, Error> {
        self.hosts.called_from(prepay.payer_ip);
        let prepared = match self.dialect() {
            Dialect::V2 => V2(self).prepay(prepay).await,
            Dialect::V3(settings) => V3(self, settings).prepay(prepay).await,
            Dialect::Ionline(settings) => Ionline(self, settings).prepay(prepay).await,
        };
        if prepared.as_ref().is_err_and(is_about_account) {
            let mch_id = &self.context.merchant.account.mch_id;
            self.context.note_problem(Alarm::PaymentsRefused, mch_id);
        }
        prepared
    }

    /// The package that opens the payment inside WeChat, signed now, for the
    /// application whose openid the order was made with.
    pub async fn jsapi(&self, prepayment: &Prepayment, appid: &str) -> Result<Jsapi, Error> {
        let prepay_id = &prepayment.prepay_id;
        match self.dialect() {
            Dialect::V2 => Ok(V2(self).jsapi(prepay_id, appid)),
            Dialect::V3(settings) => V3(self, settings).jsapi(prepay_id, appid).await,
            Dialect::Ionline(settings) => Ionline(self, settings).jsapi(prepayment),
        }
    }

    /// The package that opens the payment from a mobile app (WeChat Pay v2
    /// manual, section 8.5), signed now.
    pub async fn app(&self, prepayment: &Prepayment) -> Result<App, Error> {
        match self.dialect() {
            Dialect::V2 => Ok(V2(self).app(&prepayment.prepay_id)),
            Dialect::V3(settings) => V3(self, settings).app(&prepayment.prepay_id).await,
            Dialect::Ionline(_) => Err(not_offered()),
        }
    }

    /// Queries the state of an order of `account`.
    pub async fn query(
        &self,
        number: &OutTradeNo,
        account: &Account,
    ) -> Result<TradeState, Failure> {
        self.limited(Limited::Query, async {
            self.hosts.counters().count(Counter::Query(Queried::Order));
            match self.dialect() {
                Dialect::V2 => V2(self).query(number, account).await,
                Dialect::V3(settings) => V3(self, settings).query(number, account).await,
                Dialect::Ionline(settings) => Ionline(self, settings).query(number, account).await,
            }
        })
        .await
    }

    /// Closes an unpaid order; `order` is the order, if it is in the book.
    pub async fn close(&self, number: &OutTradeNo, order: Option<&Order>) -> Result<(), Failure> {
        self.limited(Limited::Close, async {
            match self.dialect() {
                Dialect::V2 => V2(self).close(number, order.map(Order::terms)).await,
                Dialect::V3(settings) => V3(self, settings).close(number).await,
                Dialect::Ionline(settings) => Ionline(self, settings).close(number, order).await,
            }
        })
        .await
    }

    /// A Quick Pay, ready to be sent once. Its wrong fields are refused before
    /// anything is written or sent.
    pub fn quick_pay(&'a self, new: &QuickPay) -> Result<Asking<'a, TradeState>, Error> {
        self.hosts.called_from(new.till_ip);
        let asking = match self.dialect() {
            Dialect::V2 => V2(self).quick_pay(new),
            Dialect::V3(settings) => V3(self, settings).quick_pay(new),
            Dialect::Ionline(_) => Err(not_offered()),
        }?;
        let asking = async { self.note_too_often(Limited::QuickPay, asking.await) };
        Ok(asking.boxed_local())
    }

    /// Refuses a Quick Pay before it is written while WeChat refuses Quick Pays
    /// as too frequent.
    pub fn check_quick_pay_pause(&self) -> Result<(), Error> {
        match self.is_paused(Limited::QuickPay) {
            true => Err(Error::of(Kind::TooOften)),
            false => Ok(()),
        }
    }

    /// Reverses a Quick Pay. `true` when it is done, `false` when WeChat
    /// requires another call.
    pub async fn reverse(&self, number: &OutTradeNo) -> Result<bool, Failure> {
        self.limited(Limited::Reverse, async {
            match self.dialect() {
                Dialect::V2 => V2(self).reverse(number).await,
                Dialect::V3(settings) => V3(self, settings).reverse(number).await,
                Dialect::Ionline(_) => Err(Failure::Inconclusive(not_offered())),
            }
        })
        .await
    }

    /// Requests a refund; the same number gives the same refund.
    pub async fn refund(&self, order: &Order, refund: &Refund) -> Result<RefundState, Failure> {
        self.limited(Limited::Refund, async {
            match self.dialect() {
                Dialect::V2 => V2(self).refund(order, refund).await,
                Dialect::V3(settings) => V3(self, settings).refund(order, refund).await,
                Dialect::Ionline(settings) => Ionline(self, settings).refund(order, refund).await,
            }
        })
        .await
    }

    /// The refund with this number; `None` where the answer contains only
    /// others.
    pub async fn query_refund(&self, out_refund_no: &str) -> Result<Option<FoundRefund>, Failure> {
        self.limited(Limited::QueryRefund, async {
            self.hosts.counters().count(Counter::Query(Queried::Refund));
            match self.dialect() {
                Dialect::V2 => V2(self).query_refund(out_refund_no).await,
                Dialect::V3(settings) => V3(self, settings).query_refund(out_refund_no).await,
                Dialect::Ionline(settings) => {
                    Ionline(self, settings).query_refund(out_refund_no).await
                }
            }
        })
        .await
    }

    /// A day's statement, which is received in chunks.
    pub async fn statement(&self, day: Date, bill_type: BillType) -> Result<Statement, Failure> {
        self.limited(Limited::Statement, async {
            match self.dialect() {
                Dialect::V2 => V2(self).statement(day, bill_type).await,
                Dialect::V3(settings) => V3(self, settings).statement(day, bill_type).await,
                Dialect::Ionline(_) => Err(Failure::Inconclusive(not_offered())),
            }
        })
        .await
    }

    /// Whether the dialect has statements.
    pub fn has_statements(&self) -> bool {
        !matches!(self.dialect(), Dialect::Ionline(_))
    }

    /// Whether WeChat may answer that a statement is being made for a day that will
    /// have none, because nothing happened.
    pub fn creates_for_ever(&self) -> bool {
        matches!(self.dialect(), Dialect::V2)
    }

    /// For how many days WeChat keeps a statement.
    pub fn statement_days(&self) -> i64 {
        match self.dialect() {
            Dialect::V3(settings) => kept_days(settings.region),
            Dialect::V2 | Dialect::Ionline(_) => KEPT_DAYS,
        }
    }

    /// The failure for a statement that cannot be read to its end. Only
    /// WeChat's refusal is an answer; a row of a statement is no reason to
    /// doubt a key.
    pub fn not_a_statement(&self, broken: Broken) -> Failure {
        match broken {
            Broken::Lost(_) => Failure::NoAnswer,
            broken => {
                let why = match &broken {
                    // Text of an unsigned document is not logged.
                    Broken::Table(BillError::Xml(_) | BillError::Refused { .. }) => {
                        "it is no table".to_owned()
                    }
                    broken => broken.to_string(),
                };
                self.runtime.log(format_args!("statement: {why}"));
                Failure::Inconclusive(Error::with_message(
                    Kind::StatementUnreadable,
                    format!("The statement cannot be read: {why}."),
                ))
            }
        }
    }

    /// What was paid out to the merchant, in v2's names.
    pub async fn settlements(&self, asked: Settlements) -> Result<Vec<Record>, Failure> {
        match self.dialect() {
            Dialect::V2 => V2(self).settlements(asked).await,
            Dialect::V3(settings) => V3(self, settings).settlements(asked).await,
            Dialect::Ionline(_) => Err(Failure::Inconclusive(not_offered())),
        }
    }

    /// WeChat's own self-test, if the dialect has one: whether it passed, and
    /// how many seconds WeChat's clock is ahead of the gateway's.
    pub async fn echo(&self) -> Option<(Result<(), Failure>, Option<i64>)> {
        match self.dialect() {
            Dialect::V3(settings) => Some(V3(self, settings).echo().await),
            Dialect::V2 | Dialect::Ionline(_) => None,
        }
    }

    /// Whether the upstream has exchange rates.
    pub const fn has_exchange_rates(&self) -> bool {
        matches!(self.context.merchant.dialect, Dialect::V2)
    }

    /// A currency's rate to CNY on a day, times 10^8, in v2's names.
    pub async fn exchange_rate(
        &self,
        fee_type: Currency,
        date: Date,
    ) -> Result<exchange::Answer, Failure> {
        let v2 = self.v2().map_err(Failure::Inconclusive)?;
        v2.exchange_rate(fee_type, date).await
    }

    /// A short address for a `weixin://` address.
    pub async fn short_url(&self, long_url: &str) -> Result<String, Error> {
        self.v2()?.short_url(long_url).await
    }

    /// The contents of a product's code (Native mode 1).
    pub fn product_code(&self, product_id: &str) -> Result<String, Error> {
        self.v2()?.product_code(product_id)
    }

    /// Reports to WeChat how long some of its calls took, and each Quick Pay.
    /// Best effort: a lost sample is not repeated.
    pub async fn report_speed(&self) {
        let samples = self.hosts.take_samples();
        if let Ok(v2) = self.v2() {
            for sample in samples {
                v2.report(&sample).await;
            }
        }
    }

    /// Notes that a Quick Pay ended, to be reported: WeChat Pay v2 requires a
    /// report of each (manual, section 9.8). Returns whether there will be one.
    pub fn quick_pay_ended(&self, order: &Order) -> bool {
        let is_reported = self.v2().is_ok();
        if is_reported {
            self.hosts.add_sample(hosts::Sample {
                url: MICROPAY_TOTAL_URL.to_owned(),
                elapsed_ms: self.runtime.now_ms() - order.created_at_ms(),
                outcome: hosts::Outcome::QuickPay {
                    number: order.terms().out_trade_no.clone(),
                    paid: order.paid().is_some(),
                },
            });
        }
        is_reported
    }

    /// Whether an order can be closed before it expires.
    pub fn can_close(&self) -> bool {
        !matches!(self.dialect(), Dialect::Ionline(_))
    }

    /// The most bytes of the description that the payer reads.
    pub fn max_body(&self) -> usize {
        match self.dialect() {
            Dialect::V2 => 128,
            Dialect::V3(_) | Dialect::Ionline(_) => 127,
        }
    }

    /// Whether `body` is signed as one of several joined values, so that it
    /// must not contain `&`. `APIv3` signs the request as a whole.
    pub fn signs_joined_body(&self) -> bool {
        !matches!(self.dialect(), Dialect::V3(_))
    }

    /// Whether orders can be made with these texts. They may be older than the
    /// rule that `&` is refused.
    pub fn takes_texts(&self, body: &str, attach: Option<&str>) -> bool {
        let is_body_joined = self.signs_joined_body();
        let is_refused = is_body_joined && body.contains('&')
            || attach.is_some_and(|attach| attach.contains('&'));
        !is_refused
    }

    /// The most characters of a refund's number. WeChat Pay v2 manual, section
    /// 9.4.4: 32.
    pub fn max_out_refund_no(&self) -> usize {
        match self.dialect() {
            Dialect::V3(_) => 64,
            Dialect::V2 | Dialect::Ionline(_) => 32,
        }
    }

    /// Whether a refund's reason is signed as one of several joined values, so
    /// that it must not contain `&`. iOnline's request has no field for a
    /// reason: there only the gateway stores it.
    pub fn signs_joined_reason(&self) -> bool {
        matches!(self.dialect(), Dialect::V2)
    }

    /// The most bytes of the merchant's own text. In each dialect it returns in a
    /// document that is signed as joined values.
    pub fn max_attach(&self) -> usize {
        match self.dialect() {
            Dialect::V2 => 128,
            Dialect::V3(settings) if settings.region == Region::Mainland => 128,
            Dialect::V3(_) | Dialect::Ionline(_) => 127,
        }
    }

    /// The currencies that an order may have; `None` where WeChat decides. v2
    /// and the mainland accept the settlement currency and CNY (checklist P3).
    /// `APIv3` Global accepts orders in other currencies. iOnline's requests
    /// name no currency, so an order has the merchant's own.
    pub fn currencies(&self) -> Option<Vec<Currency>> {
        let ours = self.context.merchant.currency;
        match self.dialect() {
            Dialect::V3(settings) if settings.region == Region::Global => None,
            Dialect::V2 | Dialect::V3(_) if ours != Currency::Cny => {
                Some(vec![ours, Currency::Cny])
            }
            Dialect::V2 | Dialect::V3(_) | Dialect::Ionline(_) => Some(vec![ours]),
        }
    }

    /// Refuses if this merchant's refunds and reverses cannot be sent: v2 needs
    /// a client certificate, v3 a certificate that has not expired. Call it
    /// before a refund, a reverse or a Quick Pay is written: a Quick Pay with
    /// an unknown outcome has to be reversed.
    pub fn check_certificate(&self) -> Result<(), Error> {
        match self.dialect() {
            Dialect::V2 => V2(self).client_certificate().map(drop),
            Dialect::V3(settings) => V3(self, settings).check_certificate(),
            Dialect::Ionline(_) => Ok(()),
        }
    }

    /// Whether WeChat accepts v2's client certificate, tested by a call that
    /// needs one: a refund of an order that does not exist. `None` where the
    /// dialect has no such certificate.
    pub async fn try_client_certificate(&self, number: &OutTradeNo) -> Option<Result<(), Failure>> {
        match self.dialect() {
            Dialect::V2 => Some(V2(self).try_client_certificate(number).await),
            Dialect::V3(_) | Dialect::Ionline(_) => None,
        }
    }

    fn dialect(&self) -> &Dialect {
        &self.context.merchant.dialect
    }

    /// Makes a call, unless WeChat has recently refused it as too frequent. A
    /// query that a caller or a notice causes is sent all the same: there is
    /// one for each order in ten seconds, a caller waits for it, and its answer
    /// ends the pause.
    async fn limited<T>(
        &self,
        call: Limited,
        asking: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let request_context = RequestContext::current();
        let is_query = matches!(call, Limited::Query | Limited::QueryRefund);
        let is_awaited =
            is_query && (request_context.who != Actor::Timer || request_context.urgent);
        if self.is_paused(call) && !is_awaited {
            return Err(Failure::too_often());
        }
        let answer = asking.await;
        self.note_too_often(call, answer)
    }

    fn is_paused(&self, call: Limited) -> bool {
        let mch_id = &self.context.merchant.account.mch_id;
        let now_ms = self.runtime.now_ms();
        self.hosts.backoff().is_paused(mch_id, call, now_ms)
    }

    /// Records whether WeChat says that the call is made too often.
    fn note_too_often<T>(&self, call: Limited, answer: Result<T, Failure>) -> Result<T, Failure> {
        let is_too_often = match &answer {
            Ok(_) => false,
            // No answer says nothing about how often the call is made.
            Err(Failure::NoAnswer) => return answer,
            Err(failure) => failure.is_too_often(),
        };
        let mch_id = &self.context.merchant.account.mch_id;
        let now_ms = self.runtime.now_ms();
        let backoff = self.hosts.backoff();
        let followed = backoff.answered(mch_id, call, is_too_often, now_ms);
        if followed != Followed::Nothing {
            self.hosts.counters().count(Counter::UpstreamTooOften(call));
            if followed == Followed::PausedLong {
                self.context
                    .note_problem(Alarm::UpstreamTooOften, call.name());
            }
        }
        answer
    }

    fn v2(&self) -> Result<V2<'_, R>, Error> {
        match self.dialect() {
            Dialect::V2 => Ok(V2(self)),
            Dialect::V3(_) | Dialect::Ionline(_) => Err(not_offered()),
        }
    }

    fn notify_url(&self) -> String {
        self.config.notify_url(&self.context.merchant)
    }

    fn refund_notify_url(&self) -> String {
        self.config.refund_notify_url(&self.context.merchant)
    }

    fn nonce(&self) -> String {
        crate::merchants::seal::random_text(|bytes| self.runtime.random(bytes), 32)
    }

    /// `error` must contain no text of an unverified answer.
    fn unverified(&self, what: &str, error: impl std::fmt::Display) -> Failure {
        self.runtime.log(format_args!("{what}: {error}"));
        Failure::Inconclusive(Error::of(Kind::Unverified))
    }
}

fn not_offered() -> Error {
    Error::of(Kind::NotOffered)
}
