//! WeChat Pay `APIv3` (WeChat Pay APIv3 Global manual): JSON, signed with RSA
//! in both directions.

use super::certificates::{header, serial};
use super::hosts::Tries;
use super::{
    Asking, Error, Failure, FoundRefund, Kind, Prepay, QuickPay, Reason, Refused, Settlements,
    Statement, Upstream, hosts, v2, wrong,
};
use crate::merchants::credentials::V3Keys;
use crate::merchants::merchant::{Dialect, V3 as Settings};
use crate::observe::Log;
use crate::observe::alarm::Alarm;
use crate::runtime::{Chunks, Response, Route, RsaError, Runtime};
use futures_util::{StreamExt, stream};
use order::{Account, Order, OutTradeNo, Prepayment, Refund, RefundState, TradeState, TradeType};
use serde_json::{Map, Value, json};
use wechatpay::common::bill::BillType;
use wechatpay::common::invoke::{App, Jsapi};
use wechatpay::common::json::MAX_BYTES;
use wechatpay::common::micropay::AuthCode;
use wechatpay::common::prepay::{NotifyUrl, Payer};
use wechatpay::common::refund::OutRefundNo;
use wechatpay::common::settlement::Record;
use wechatpay::common::{Date, OrderNumber, Problem, Text};
use wechatpay::v3::answer::{self, AnswerError, Refusal, SignInformation};
use wechatpay::v3::bill::{self, StatementError};
use wechatpay::v3::error::ErrorCode;
use wechatpay::v3::field::FieldError;
use wechatpay::v3::invoke;
use wechatpay::v3::micropay;
use wechatpay::v3::prepay::{self, SceneInfo, StoreInfo, Trade};
use wechatpay::v3::refund::{self, Amounts};
use wechatpay::v3::sign::{Signature, SignatureError, request_message};
use wechatpay::v3::{
    Authorization, Merchant, Outgoing, Region, Verified, close, echo, query, refundquery, reverse,
    settlement,
};

/// The v3 side of an [`Upstream`].
pub(super) struct V3<'a, R>(pub(super) &'a Upstream<'a, R>, pub(super) &'a Settings);

/// A request as it was signed, and its answer.
pub(super) struct Asked {
    outgoing: Outgoing,
    authorization: Authorization,
    /// The answer, not verified.
    pub(super) answer: Response,
    /// Whether this is the second try, after WeChat did not accept the
    /// signature of the first.
    is_signed_again: bool,
}

impl<'a, R: Runtime> V3<'a, R> {
    /// `None` for a merchant of another dialect.
    pub(super) fn of(upstream: &'a Upstream<'a, R>) -> Option<Self> {
        match &upstream.context.merchant.dialect {
            Dialect::V3(settings) => Some(Self(upstream, settings)),
            _ => None,
        }
    }

    pub(super) const fn region(&self) -> Region {
        self.1.region
    }

    pub(super) async fn prepay(&self, prepay: Prepay<'_>) -> Result<Prepayment, Error> {
        let request = self.prepayment(prepay).map_err(wrong)?;
        let asked = self.ask(request.outgoing(self.region())).await?;
        let trade_type = request.trade.trade_type();
        let read = |verified: Verified<'_>| prepay::Answer::read(verified, trade_type);
        let mut prepayment = Prepayment::default();
        match self.read(&asked, read).await? {
            prepay::Answer::PrepayId(id) => prepayment.prepay_id = id,
            prepay::Answer::CodeUrl(url) => prepayment.code_url = Some(url),
            prepay::Answer::MwebUrl(url) => prepayment.mweb_url = Some(url),
        }
        Ok(prepayment)
    }

    pub(super) async fn jsapi(&self, prepay_id: &str, appid: &str) -> Result<Jsapi, Error> {
        invoke::jsapi(
            appid,
            prepay_id,
            self.0.runtime.now_ms() / 1000,
            &self.0.nonce(),
            &self.keys()?.private_key,
            self.0.runtime,
        )
        .await
        .map_err(key_unusable)
    }

    pub(super) async fn app(&self, prepay_id: &str) -> Result<App, Error> {
        let account = self.account();
        invoke::app(
            account.payer_appid(),
            account.sub_mch_id.as_deref().unwrap_or(&account.mch_id),
            prepay_id,
            self.0.runtime.now_ms() / 1000,
            &self.0.nonce(),
            &self.keys()?.private_key,
            self.0.runtime,
        )
        .await
        .map_err(key_unusable)
    }

    pub(super) async fn query(
        &self,
        number: &OutTradeNo,
        account: &Account,
    ) -> Result<TradeState, Failure> {
        let request = query::Request {
            merchant: self.merchant(),
            by: OrderNumber::OutTradeNo(number.clone()),
        };
        let asked = self.ask(request.outgoing(self.region())).await?;
        let read = |verified: Verified<'_>| query::Answer::read(verified, &request.by, account);
        Ok(self.read(&asked, read).await?.state)
    }

    pub(super) async fn close(&self, number: &OutTradeNo) -> Result<(), Failure> {
        let request = close::Request {
            merchant: self.merchant(),
            by: OrderNumber::OutTradeNo(number.clone()),
        };
        let outgoing = request.outgoing(self.region()).map_err(unsendable)?;
        let asked = self.ask(outgoing).await?;
        self.read(&asked, close::read_answer).await
    }

    pub(super) fn quick_pay(self, new: &QuickPay) -> Result<Asking<'a, TradeState>, Error> {
        let request = self.micropay_request(new).map_err(wrong)?;
        Ok(Box::pin(async move {
            let outgoing = request.outgoing(self.region());
            let asked = self.send(outgoing, Route::WeChatPay, Tries::Once).await?;
            let read = |verified: Verified<'_>| micropay::read_answer(verified, &request);
            Ok(self.read(&asked, read).await?.state)
        }))
    }

    /// WeChat's codes say whether to call again. A code that is about the
    /// request and not the order does not end the reverse: settings can be
    /// corrected.
    pub(super) async fn reverse(&self, number: &OutTradeNo) -> Result<bool, Failure> {
        let request = reverse::Request {
            merchant: self.merchant(),
            by: OrderNumber::OutTradeNo(number.clone()),
        };
        let outgoing = request.outgoing(self.region()).map_err(unsendable)?;
        let asked = self.ask(outgoing).await?;
        let read = |verified: Verified<'_>| reverse::read_answer(verified, &request, self.region());
        let done = self.read(&asked, read).await.map(|()| true);
        done.map_err(|failure| {
            let failure = failure.with_reason(Reason::Permanent, is_permanent);
            failure.with_reason(Reason::NotReversible, is_not_reversible)
        })
    }

    pub(super) async fn refund(
        &self,
        order: &Order,
        refund: &Refund,
    ) -> Result<RefundState, Failure> {
        let request = self.refund_request(order, refund).map_err(unsendable)?;
        let asked = self.ask(request.outgoing(self.region())).await?;
        let read = |verified: Verified<'_>| refund::Refund::read_answer(verified, &request);
        Ok(self.read(&asked, read).await?.state())
    }

    pub(super) async fn query_refund(
        &self,
        out_refund_no: &str,
    ) -> Result<Option<FoundRefund>, Failure> {
        let number = OutRefundNo::new(out_refund_no).map_err(|error| unsendable(error.into()))?;
        let request = refundquery::Request {
            merchant: self.merchant(),
            by: refundquery::Lookup::OutRefundNo(number),
        };
        let outgoing = request.outgoing(self.region()).map_err(unsendable)?;
        let asked = self.ask(outgoing).await?;
        let read = |verified: Verified<'_>| refundquery::read_answer(verified, &request);
        let found = self.read(&asked, read).await;
        let found =
            found.map_err(|failure| failure.with_reason(Reason::RefundNotExist, is_missing))?;
        let state = found.state();
        Ok(found.out_trade_no.map(|out_trade_no| FoundRefund {
            out_trade_no,
            refund_fee: found.money.amount_minor(),
            state,
        }))
    }

    pub(super) async fn statement(
        &self,
        date: Date,
        bill_type: BillType,
    ) -> Result<Statement, Failure> {
        // Of v2's statements, v3 has only that of the whole day.
        if bill_type != BillType::All {
            return Err(Failure::Inconclusive(
                Error::with_message(
                    Kind::FieldInvalid,
                    "The field bill_type must be ALL for this merchant.",
                )
                .about("bill_type"),
            ));
        }
        let request = bill::Request {
            merchant: self.merchant(),
            date,
        };
        let outgoing = request.outgoing(self.region());
        let (chunks, sha1) = match self.region() {
            Region::Global => {
                let (asked, chunks) = self.statement_file(outgoing).await?;
                (chunks, self.statement_hash(&asked).await?)
            }
            Region::Mainland => {
                let asked = self.ask(outgoing).await?;
                let link = self.read(&asked, bill::Link::read).await?;
                let outgoing = link.outgoing().map_err(unsendable)?;
                let (_, chunks) = self.statement_file(outgoing).await?;
                (chunks, link.hash_value)
            }
        };
        let begun = Statement::begin(chunks, Some(sha1)).await;
        begun.map_err(|broken| self.0.not_a_statement(broken))
    }

    /// The verified hash of a statement of Global.
    async fn statement_hash(&self, asked: &Asked) -> Result<String, Failure> {
        let answer = &asked.answer;
        let keyring = self.0.keyring(serial(answer)).await;
        let verified = bill::verified_hash(
            answer.status().as_u16(),
            header(answer),
            answer.body(),
            &keyring,
            self.0.runtime.now_ms(),
            self.0.runtime,
        );
        verified.await.map_err(|error| match error {
            StatementError::Answer(error) => self.failure(asked, error),
            error => self.0.unverified("statement", error),
        })
    }

    pub(super) async fn settlements(&self, wanted: Settlements) -> Result<Vec<Record>, Failure> {
        if self.region() == Region::Mainland {
            return Err(Failure::Inconclusive(super::not_offered()));
        }
        let request = settlement::Request {
            merchant: self.merchant(),
            settle_state: wanted.usetag,
            dates: wanted.dates,
            offset: wanted.offset,
            limit: wanted.limit,
        };
        let asked = self.ask(request.outgoing()).await?;
        let answer = self.read(&asked, settlement::Answer::read).await?;
        Ok(answer.records)
    }

    pub(super) async fn echo(&self) -> (Result<(), Failure>, Option<i64>) {
        let message = match Text::new("echo_message", &self.0.nonce()) {
            Ok(message) => message,
            Err(error) => return (Err(Failure::Inconclusive(wrong(error))), None),
        };
        let request = echo::Request {
            echo_message: message,
            notify_url: None,
        };
        let asked = match self.ask(request.outgoing()).await {
            Ok(asked) => asked,
            Err(failure) => return (Err(failure), None),
        };
        let timestamp = header(&asked.answer)("wechatpay-timestamp");
        let timestamp_s: Option<i64> = timestamp.and_then(|text| text.parse().ok());
        let ahead_s = timestamp_s.map(|s| s.saturating_sub(self.0.runtime.now_ms() / 1000));
        let read = |verified: Verified<'_>| echo::read_answer(verified, &request);
        (self.read(&asked, read).await, ahead_s)
    }

    fn keys(&self) -> Result<&'a V3Keys, Error> {
        let keys = self.0.context.credentials.v3.as_ref();
        keys.ok_or_else(|| Error::internal("an APIv3 merchant without APIv3 keys"))
    }

    /// Refuses if the certificate is known to have expired: WeChat accepts none
    /// of its signatures.
    pub(super) fn check_certificate(&self) -> Result<(), Error> {
        let keys = self.keys()?;
        match keys.not_after_ms {
            Some(until_ms) if until_ms <= self.0.runtime.now_ms() => {
                self.note_certificate(&keys.serial_no);
                Err(Error::of(Kind::CertificateExpired))
            }
            _ => Ok(()),
        }
    }

    fn note_certificate(&self, serial_no: &str) {
        let context = self.0.context;
        context.note_problem(Alarm::CertificateUnusable, serial_no);
    }

    fn account(&self) -> &'a Account {
        &self.0.context.merchant.account
    }

    fn merchant(&self) -> Merchant {
        Merchant::from(self.account())
    }

    /// A statement's file in chunks. An answer that is not a success has its
    /// body in [`Asked::answer`], and no chunks.
    async fn statement_file(&self, outgoing: Outgoing) -> Result<(Asked, Chunks), Failure> {
        let (mut asked, mut chunks) = self.send_for_pieces(outgoing).await?;
        let signature = Signature::from_headers(header(&asked.answer));
        if matches!(signature, Err(SignatureError::Probe)) {
            (asked, chunks) = self.send_for_pieces(asked.outgoing).await?;
        }
        if answer::is_success(asked.answer.status().as_u16()) {
            return Ok((asked, chunks));
        }
        while let Some(Ok(chunk)) = chunks.next().await {
            let refusal = asked.answer.body_mut();
            if refusal.len() + chunk.len() > MAX_BYTES {
                break;
            }
            refusal.extend(chunk);
        }
        Ok((asked, stream::empty().boxed_local()))
    }

    async fn send_for_pieces(&self, outgoing: Outgoing) -> Result<(Asked, Chunks), Failure> {
        let authorization = self.sign(&outgoing).await?;
        let message = hosts::Message {
            route: Route::Statement,
            tries: Tries::EachHost,
            method: outgoing.method,
            path: &outgoing.path_and_query,
            headers: &self.headers(&authorization)?,
            body: &outgoing.body,
        };
        let Upstream { hosts, runtime, .. } = self.0;
        let answer = hosts.send_for_pieces(*runtime, self.hosts(), message).await;
        let (head, chunks) = answer.ok_or(Failure::NoAnswer)?.into_parts();
        let asked = Asked {
            outgoing,
            authorization,
            answer: Response::from_parts(head, Vec::new()),
            is_signed_again: false,
        };
        Ok((asked, chunks))
    }

    pub(super) async fn ask(&self, outgoing: Outgoing) -> Result<Asked, Failure> {
        self.send(outgoing, Route::WeChatPay, Tries::EachHost).await
    }

    /// Sends a request, and if it may be repeated, once more: where Tencent
    /// answers with a probe instead of a signature, and where it does not
    /// accept the request's signature. A body that was corrupted in transit is
    /// refused like a wrong key; only a wrong key is refused twice.
    async fn send(
        &self,
        outgoing: Outgoing,
        route: Route<'_>,
        tries: Tries,
    ) -> Result<Asked, Failure> {
        let asked = self.send_once(outgoing, route, tries).await?;
        let signature = Signature::from_headers(header(&asked.answer));
        let is_refused = asked.answer.status() == http::StatusCode::UNAUTHORIZED;
        let is_probe = matches!(signature, Err(SignatureError::Probe));
        if tries != Tries::EachHost || !(is_refused || is_probe) {
            return Ok(asked);
        }
        let again = Box::pin(self.send_once(asked.outgoing, route, tries));
        Ok(Asked {
            is_signed_again: is_refused,
            ..again.await?
        })
    }

    /// Sends a request, signed once for all hosts.
    async fn send_once(
        &self,
        outgoing: Outgoing,
        route: Route<'_>,
        tries: Tries,
    ) -> Result<Asked, Failure> {
        let authorization = self.sign(&outgoing).await?;
        let message = hosts::Message {
            route,
            tries,
            method: outgoing.method,
            path: &outgoing.path_and_query,
            headers: &self.headers(&authorization)?,
            body: &outgoing.body,
        };
        let answer = self
            .0
            .hosts
            .send(self.0.runtime, self.hosts(), message)
            .await;
        Ok(Asked {
            answer: answer.ok_or(Failure::NoAnswer)?,
            outgoing,
            authorization,
            is_signed_again: false,
        })
    }

    async fn sign(&self, outgoing: &Outgoing) -> Result<Authorization, Failure> {
        let keys = self.keys().map_err(Failure::Inconclusive)?;
        Authorization::sign(
            &self.account().mch_id,
            &keys.serial_no,
            &keys.private_key,
            outgoing,
            self.0.runtime.now_ms() / 1000,
            &self.0.nonce(),
            self.0.runtime,
        )
        .await
        .map_err(|error| {
            Failure::Refused(Box::new(Refused {
                reason: Reason::NotSent,
                err_code: Kind::KeyUnusable.name().to_owned(),
                error: key_unusable(error),
            }))
        })
    }

    fn headers(
        &self,
        authorization: &Authorization,
    ) -> Result<Vec<(&'static str, String)>, Failure> {
        let mut headers = vec![
            ("authorization", authorization.to_header()),
            ("accept", "application/json".to_owned()),
            ("accept-language", "en".to_owned()),
            ("content-type", "application/json".to_owned()),
            ("user-agent", "WeCeive/1".to_owned()),
        ];
        // In public-key mode every request names the key for the answer.
        let keys = self.keys().map_err(Failure::Inconclusive)?;
        if let Some((id, _)) = &keys.public_key {
            headers.push(("wechatpay-serial", id.clone()));
        }
        Ok(headers)
    }

    const fn hosts(&self) -> &'static hosts::Family {
        match self.region() {
            Region::Global => &hosts::V3_GLOBAL,
            Region::Mainland => &hosts::V3_MAINLAND,
        }
    }

    /// Verifies an answer (checklist G2), and parses it.
    async fn read<T>(
        &self,
        asked: &Asked,
        read: impl FnOnce(Verified<'_>) -> Result<T, AnswerError>,
    ) -> Result<T, Failure> {
        let answer = &asked.answer;
        let keyring = self.0.keyring(serial(answer)).await;
        answer::open(
            answer.status().as_u16(),
            header(answer),
            answer.body(),
            &keyring,
            self.0.runtime.now_ms(),
            self.0.runtime,
        )
        .await
        .and_then(read)
        .map_err(|error| self.failure(asked, error))
    }

    fn prepayment(
        &self,
        prepay: Prepay<'_>,
    ) -> Result<prepay::Request, wechatpay::common::FieldError> {
        let Prepay {
            terms,
            payer_ip,
            time_expire_ms,
        } = prepay;
        let trade = match terms.trade_type {
            TradeType::Jsapi => Trade::Jsapi(Payer::of(
                &terms.account,
                terms.openid.as_deref().unwrap_or_default(),
            )?),
            TradeType::Native => Trade::Native,
            TradeType::App => Trade::App,
            TradeType::Mweb => Trade::Mweb,
            // Quick Pay is not a prepayment.
            TradeType::Micropay => return Err(Problem::UnknownValue.of("trade_type")),
        };
        Ok(prepay::Request {
            account: terms.account.clone(),
            description: Text::new("body", &terms.body)?,
            attach: v2::attach(terms.attach.as_deref())?,
            out_trade_no: terms.out_trade_no.clone(),
            money: terms.money,
            time_start_ms: None,
            time_expire_ms,
            notify_url: NotifyUrl::new(&self.0.notify_url())?,
            merchant_category_code: self.category()?,
            goods_tag: None,
            limit_pay: None,
            scene_info: Some(SceneInfo {
                payer_client_ip: Some(payer_ip),
                h5_type: self.h5_type(&trade)?,
                store_info: self.h5_store(&trade)?,
                ..SceneInfo::default()
            }),
            detail: None,
            trade,
        })
    }

    /// The mainland requires the kind of page that an H5 payment begins on.
    fn h5_type(&self, trade: &Trade) -> Result<Option<Text<32>>, wechatpay::common::FieldError> {
        match (trade, self.region()) {
            (Trade::Mweb, Region::Mainland) => Ok(Some(Text::new("h5_info", "Wap")?)),
            _ => Ok(None),
        }
    }

    /// Global requires the shop of an H5 payment.
    fn h5_store(&self, trade: &Trade) -> Result<Option<StoreInfo>, wechatpay::common::FieldError> {
        let store = self.0.context.merchant.store.as_ref();
        match (trade, self.region(), store) {
            (Trade::Mweb, Region::Global, Some(store)) => Ok(Some(StoreInfo {
                name: Some(Text::new("name", &store.name)?),
                address: Some(Text::new("address", &store.address)?),
                ..StoreInfo::default()
            })),
            _ => Ok(None),
        }
    }

    /// The mainland requires the shop of a Quick Pay. The merchant's own code
    /// for it is `out_id`, of letters and digits; `id` is WeChat's number.
    fn till_store(&self) -> Result<Option<StoreInfo>, wechatpay::common::FieldError> {
        if self.region() == Region::Global {
            return Ok(None);
        }
        let code = self.0.context.merchant.id.replace('-', "");
        Ok(Some(StoreInfo {
            out_id: match code.as_str() {
                "" => None,
                code => Some(Text::new("out_id", code)?),
            },
            ..StoreInfo::default()
        }))
    }

    fn micropay_request(
        &self,
        new: &QuickPay,
    ) -> Result<micropay::Request, wechatpay::common::FieldError> {
        let terms = &new.terms;
        Ok(micropay::Request {
            account: terms.account.clone(),
            description: Text::new("body", &terms.body)?,
            attach: v2::attach(terms.attach.as_deref())?,
            out_trade_no: terms.out_trade_no.clone(),
            money: terms.money,
            merchant_category_code: self.category()?,
            goods_tag: None,
            limit_pay: None,
            scene_info: Some(SceneInfo {
                device_ip: Some(new.till_ip),
                store_info: self.till_store()?,
                ..SceneInfo::default()
            }),
            detail: None,
            auth_code: AuthCode::new(&new.auth_code)?,
        })
    }

    fn refund_request(
        &self,
        order: &Order,
        refund: &Refund,
    ) -> Result<refund::Request, FieldError> {
        Ok(refund::Request {
            merchant: Merchant::from(&order.terms().account),
            by: OrderNumber::OutTradeNo(order.terms().out_trade_no.clone()),
            out_refund_no: OutRefundNo::new(&refund.out_refund_no)?,
            amounts: Amounts::new(refund.money, order.terms().money)?,
            notify_url: Some(NotifyUrl::new(&self.0.notify_url())?),
            reason: (refund.reason.as_deref())
                .map(|reason| Text::new("reason", reason))
                .transpose()?,
            source: None,
        })
    }

    fn category(&self) -> Result<Option<Text<32>>, wechatpay::common::FieldError> {
        let code = self.1.merchant_category_code.as_deref();
        code.map(|code| Text::new("merchant_category_code", code))
            .transpose()
    }

    /// The failure for an answer that is not a success.
    fn failure(&self, asked: &Asked, error: AnswerError) -> Failure {
        let what = asked.path();
        if let AnswerError::Refused(refusal) | AnswerError::Claimed(refusal, _) = &error
            && asked.certificate_is_refused(refusal)
        {
            self.note_certificate(&asked.authorization.serial_no);
        }
        match error {
            AnswerError::Refused(refusal) => {
                let code = refusal.code.code().to_owned();
                self.0
                    .runtime
                    .log(format_args!("{what}: refused with {code}"));
                Failure::Refused(Box::new(Refused {
                    reason: reason(&refusal.code),
                    err_code: code,
                    error: v2::refused(asked.to_json(&refusal)),
                }))
            }
            // A refusal of the request's signature may be unsigned. It is shown
            // to the merchant, not trusted, and not logged.
            AnswerError::Claimed(refusal, unverified) => {
                self.0
                    .runtime
                    .log(format_args!("{what}: refused, and {unverified}"));
                Failure::Inconclusive(v2::refused(asked.to_json(&refusal)))
            }
            _ if asked.answer.status() == http::StatusCode::TOO_MANY_REQUESTS => {
                self.0.runtime.log(format_args!("{what}: status 429"));
                Failure::too_many_requests()
            }
            error => self.0.unverified(what, error),
        }
    }
}

impl Asked {
    /// The path of the request. The part after `?` may identify the payer.
    fn path(&self) -> &str {
        let path = self.outgoing.path_and_query.split('?').next();
        path.unwrap_or_default()
    }

    /// The refusal in the form for the merchant: WeChat's own text, and for a
    /// signature that WeChat did not accept, where the two sides differ.
    fn to_json(&self, refusal: &Refusal) -> Value {
        let mut object = Map::new();
        object.insert("code".to_owned(), json!(refusal.code.code()));
        object.insert("message".to_owned(), json!(refusal.message));
        // The merchant's programs read v2's names.
        object.insert("err_code".to_owned(), json!(refusal.code.code()));
        object.insert("err_code_des".to_owned(), json!(refusal.message));
        if !refusal.detail.is_null() {
            object.insert("detail".to_owned(), refusal.detail.clone());
        }
        if let Some(information) = refusal.sign_information() {
            let difference = self.difference(&information);
            object.insert("difference".to_owned(), json!(difference));
        }
        Value::Object(object)
    }

    /// Whether WeChat twice did not accept the signature although it received
    /// what was signed: then the key or its certificate is wrong, or has
    /// expired. A Quick Pay is sent once; the query that follows it shows the
    /// same.
    fn certificate_is_refused(&self, refusal: &Refusal) -> bool {
        let seen = refusal.sign_information();
        // A wrong clock is refused with the same code, but a different text.
        self.is_signed_again
            && refusal.code == ErrorCode::SignError
            && !refusal.message.contains("timestamp")
            && seen.is_none_or(|seen| self.first_difference(&seen).is_none())
    }

    /// Where the signed text differs from what WeChat says it received.
    fn difference(&self, seen: &SignInformation) -> String {
        self.first_difference(seen).unwrap_or_else(|| {
            "Nothing differs: the private key is not the one of this serial number, or the \
             certificate is not the merchant's or has expired."
                .to_owned()
        })
    }

    fn first_difference(&self, seen: &SignInformation) -> Option<String> {
        let Outgoing {
            method,
            path_and_query,
            body,
        } = &self.outgoing;
        let signed = request_message(
            method,
            path_and_query,
            self.authorization.timestamp_s,
            &self.authorization.nonce_str,
            body.as_bytes(),
        );
        // Compares line by line, and not the body: WeChat's own text contains
        // what it received of it.
        let line = |text: &str, n: usize| text.split('\n').nth(n).map(str::to_owned);
        let truncated = &seen.truncated_sign_message;
        let timestamp = self.authorization.timestamp_s.to_string();
        let lines = [
            ("method", method.to_string(), Some(seen.method.clone())),
            ("URL", path_and_query.clone(), Some(seen.url.clone())),
            ("timestamp", timestamp, line(truncated, 2)),
            (
                "nonce",
                self.authorization.nonce_str.clone(),
                line(truncated, 3),
            ),
        ];
        for (name, ours, theirs) in lines {
            // A line that WeChat cut off cannot be compared.
            if let Some(theirs) = theirs
                && theirs != ours
                && !(truncated.ends_with(&theirs) && ours.starts_with(&theirs))
            {
                return Some(format!(
                    "The {name} differs: we signed \"{ours}\", WeChat saw \"{theirs}\"."
                ));
            }
        }
        let length = i64::try_from(signed.len()).unwrap_or(i64::MAX);
        (seen.sign_message_length != length).then(|| {
            format!(
                "The body differs: we signed a message of {length} bytes, WeChat saw one of {}.",
                seen.sign_message_length
            )
        })
    }
}

/// Whether an order that WeChat refuses to reverse with this code can never be
/// reversed.
fn is_permanent(err_code: &str) -> bool {
    matches!(
        ErrorCode::from_code(err_code),
        ErrorCode::TradeStateError | ErrorCode::TradeError | ErrorCode::InvalidTransactionId
    )
}

/// Whether the code means that an order is too young or too old to be reversed,
/// or is not a Quick Pay.
fn is_not_reversible(err_code: &str) -> bool {
    ErrorCode::from_code(err_code) == ErrorCode::InvalidRequest
}

/// Whether the mainland's code means that there is no such refund.
fn is_missing(err_code: &str) -> bool {
    ErrorCode::from_code(err_code) == ErrorCode::ResourceNotExists
}

fn reason(code: &ErrorCode) -> Reason {
    match code {
        ErrorCode::OrderNotExist => Reason::OrderNotExist,
        ErrorCode::OrderPaid => Reason::OrderPaid,
        ErrorCode::OrderClosed => Reason::OrderClosed,
        ErrorCode::OrderReversed => Reason::OrderReversed,
        ErrorCode::RefundNotExist => Reason::RefundNotExist,
        ErrorCode::NoStatementExist => Reason::NoStatement,
        ErrorCode::StatementCreating => Reason::StatementCreating,
        ErrorCode::NotEnough => Reason::NotEnough,
        // Repeated without end, because keys can be corrected.
        ErrorCode::SignError => Reason::OutcomeUnknown,
        // Also for a header, which is not signed.
        ErrorCode::ParamError => Reason::Malformed,
        ErrorCode::Unknown(_) => Reason::Unlisted,
        code if code.is_unknown_outcome() => Reason::OutcomeUnknown,
        code if code.is_retryable() => Reason::Retryable,
        _ => Reason::NotApplied,
    }
}

fn unsendable(error: FieldError) -> Failure {
    let refused = Error::with_message(Kind::FieldInvalid, format!("The {error}."));
    Failure::Inconclusive(refused.about(&error.field))
}

fn key_unusable(error: RsaError) -> Error {
    Error::of(Kind::KeyUnusable).because(error)
}
