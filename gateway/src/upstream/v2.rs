//! WeChat Pay v2 (WeChat Pay v2 manual): XML, signed with the merchant's API
//! key.

use super::hosts::{Outcome, Tries};
use super::{
    Asking, Broken, Error, Failure, FoundRefund, Kind, Prepay, QuickPay, Reason, Refused,
    Settlements, Statement, Upstream, hosts, not_offered, wrong,
};
use crate::observe::Log;
use crate::observe::alarm::Alarm;
use crate::runtime::{Response, Route, Runtime};
use order::{
    Account, Currency, Money, Order, OutTradeNo, Prepayment, Refund, RefundState, Terms,
    TradeState, TradeType,
};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};
use wechatpay::Secret;
use wechatpay::common::bill::{BillError, BillType};
use wechatpay::common::invoke::{App, Jsapi};
use wechatpay::common::micropay::AuthCode;
use wechatpay::common::prepay::{NotifyUrl, Payer};
use wechatpay::common::refund::{Amounts, OutRefundNo};
use wechatpay::common::settlement::Record;
use wechatpay::common::{Date, FieldError, Fields, OrderNumber, Problem, SignType, Text};
use wechatpay::v2::answer::AnswerError;
use wechatpay::v2::bill;
use wechatpay::v2::invoke;
use wechatpay::v2::micropay;
use wechatpay::v2::native::ProductUrl;
use wechatpay::v2::prepay::{self, Trade};
use wechatpay::v2::refund;
use wechatpay::v2::settlement;
use wechatpay::v2::shorturl::LongUrl;
use wechatpay::v2::{ErrorCode, close, exchange, query, refundquery, report, reverse, shorturl};
use wechatpay::v3::sign::PROBE_PREFIX;

const CONTENT_TYPE: &str = "text/xml; charset=utf-8";

/// The longest `body` of Quick Pay, in bytes (WeChat Pay v2 manual, section
/// 5.5.4). A longer one is cut: it is a text for the payer, and is not compared
/// with anything.
const QUICK_PAY_BODY_BYTES: usize = 32;

/// The address for `spbill_create_ip`. Its `String(16)` is too short for IPv6
/// (WeChat Pay v2 manual, sections 5.5.4 and 9.1.4); H5 is from a later manual
/// that allows it, and there WeChat compares it with the payer's browser.
fn terminal_ip(trade_type: TradeType, address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(_) if trade_type != TradeType::Mweb => IpAddr::V4(Ipv4Addr::LOCALHOST),
        address => address,
    }
}

/// The longest prefix of whole characters with at most this many bytes.
fn cut(text: &str, max_bytes: usize) -> &str {
    let mut end = max_bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// The v2 side of an [`Upstream`].
pub(super) struct V2<'a, R>(pub(super) &'a Upstream<'a, R>);

impl<'a, R: Runtime> V2<'a, R> {
    pub(super) async fn prepay(&self, prepay: Prepay<'_>) -> Result<Prepayment, Error> {
        let request = self.unified_order(prepay).map_err(wrong)?;
        let bytes = self.ask(prepay::PATH, &request.to_xml(self.key())).await?;
        let answer = prepay::Answer::read(&bytes, &request, self.key())
            .map_err(|error| self.failure(prepay::PATH, error))?;
        Ok(Prepayment {
            prepay_id: answer.prepay_id,
            code_url: answer.code_url,
            mweb_url: answer.mweb_url,
            ..Prepayment::default()
        })
    }

    pub(super) fn jsapi(&self, prepay_id: &str, appid: &str) -> Jsapi {
        invoke::jsapi(
            appid,
            prepay_id,
            self.0.runtime.now_ms() / 1000,
            &self.0.nonce(),
            self.key(),
            self.sign_type(),
        )
    }

    pub(super) fn app(&self, prepay_id: &str) -> App {
        let account = &self.0.context.merchant.account;
        invoke::app(
            account.payer_appid(),
            account.sub_mch_id.as_deref().unwrap_or(&account.mch_id),
            prepay_id,
            self.0.runtime.now_ms() / 1000,
            &self.0.nonce(),
            self.key(),
            self.sign_type(),
        )
    }

    pub(super) async fn query(
        &self,
        number: &OutTradeNo,
        account: &Account,
    ) -> Result<TradeState, Failure> {
        let request = query::Request {
            account: account.clone(),
            by: OrderNumber::OutTradeNo(number.clone()),
            nonce_str: self.nonce()?,
            sign_type: self.sign_type(),
        };
        let bytes = self.ask(query::PATH, &request.to_xml(self.key())).await?;
        match query::Answer::read(&bytes, &request, self.key()) {
            Ok(answer) => Ok(answer.state),
            Err(error) => Err(self.failure(query::PATH, error)),
        }
    }

    pub(super) async fn close(
        &self,
        number: &OutTradeNo,
        terms: Option<&Terms>,
    ) -> Result<(), Failure> {
        let account = terms.map_or(&self.0.context.merchant.account, |terms| &terms.account);
        let request = close::Request {
            account: account.clone(),
            out_trade_no: number.clone(),
            nonce_str: self.nonce()?,
            sign_type: self.sign_type(),
        };
        let bytes = self.ask(close::PATH, &request.to_xml(self.key())).await?;
        match close::Answer::read(&bytes, &request, self.key()) {
            Ok(close::Answer) => Ok(()),
            Err(error) => Err(self.failure(close::PATH, error)),
        }
    }

    pub(super) fn quick_pay(self, new: &QuickPay) -> Result<Asking<'a, TradeState>, Error> {
        let request = self.micropay_request(new).map_err(wrong)?;
        Ok(Box::pin(async move {
            let xml = request.to_xml(self.key());
            let bytes = self.ask(micropay::PATH, &xml).await?;
            match micropay::Answer::read(&bytes, &request, self.key()) {
                Ok(answer) => Ok(TradeState::Success(Box::new(answer.payment))),
                Err(error) => Err(self.failure(micropay::PATH, error)),
            }
        }))
    }

    pub(super) async fn reverse(&self, number: &OutTradeNo) -> Result<bool, Failure> {
        let request = reverse::Request {
            account: self.0.context.merchant.account.clone(),
            by: OrderNumber::OutTradeNo(number.clone()),
            nonce_str: self.nonce()?,
            sign_type: self.sign_type(),
        };
        let bytes = self.ask(reverse::PATH, &request.to_xml(self.key())).await?;
        reverse::Answer::read(&bytes, &request, self.key())
            .map(|answer| !answer.recall)
            .map_err(|error| {
                let for_good = reverse::recall(&error) == Some(false);
                let settled = |code: &str| {
                    matches!(
                        ErrorCode::from_code(code),
                        ErrorCode::OrderReversed | ErrorCode::OrderNotExist
                    )
                };
                let failure = self.failure(reverse::PATH, error);
                failure.with_reason(Reason::Permanent, |code| for_good && !settled(code))
            })
    }

    pub(super) async fn refund(
        &self,
        order: &Order,
        refund: &Refund,
    ) -> Result<RefundState, Failure> {
        let request = self
            .refund_request(order, refund)
            .map_err(|error| Failure::Inconclusive(wrong(error)))?;
        let bytes = self.ask(refund::PATH, &request.to_xml(self.key())).await?;
        match refund::Answer::read(&bytes, &request, self.key()) {
            Ok(answer) => Ok(answer.state()),
            Err(error) => Err(self.failure(refund::PATH, error)),
        }
    }

    pub(super) async fn query_refund(
        &self,
        out_refund_no: &str,
    ) -> Result<Option<FoundRefund>, Failure> {
        let number =
            OutRefundNo::new(out_refund_no).map_err(|error| Failure::Inconclusive(wrong(error)))?;
        let request = refundquery::Request {
            account: self.0.context.merchant.account.clone(),
            by: refundquery::Lookup::OutRefundNo(number),
            offset: None,
            nonce_str: self.nonce()?,
            sign_type: self.sign_type(),
        };
        let xml = request.to_xml(self.key());
        let bytes = self.ask(refundquery::PATH, &xml).await?;
        let answer = refundquery::Answer::read(&bytes, &request, self.key())
            .map_err(|error| self.failure(refundquery::PATH, error))?;
        Ok(answer.find(out_refund_no).map(|found| FoundRefund {
            out_trade_no: answer.out_trade_no.clone(),
            refund_fee: found.refund_fee,
            state: found.state(),
        }))
    }

    pub(super) async fn statement(
        &self,
        bill_date: Date,
        bill_type: BillType,
    ) -> Result<Statement, Failure> {
        let request = bill::Request {
            account: self.0.context.merchant.account.clone(),
            device_info: None,
            bill_date,
            bill_type,
            gzip: false,
            nonce_str: self.nonce()?,
            sign_type: self.sign_type(),
        };
        let xml = request.to_xml(self.key());
        let message = hosts::Message {
            route: Route::Statement,
            tries: Tries::EachHost,
            method: "POST",
            path: bill::PATH,
            headers: &[("content-type", CONTENT_TYPE.to_owned())],
            body: &xml,
        };
        let Upstream { hosts, runtime, .. } = self.0;
        let answer = hosts.send_for_pieces(*runtime, &hosts::V2, message).await;
        let chunks = answer.ok_or(Failure::NoAnswer)?.into_body();
        match Statement::begin(chunks, None).await {
            Ok(statement) => Ok(statement),
            Err(Broken::Table(BillError::Refused { code, return_msg })) => {
                // Not signed: its text is for the merchant, not for the log.
                self.0.runtime.log(format_args!("{}: FAIL", bill::PATH));
                Err(Failure::Refused(Box::new(Refused {
                    reason: reason(&code),
                    err_code: code.code().to_owned(),
                    error: communication(&return_msg),
                })))
            }
            Err(broken) => Err(self.0.not_a_statement(broken)),
        }
    }

    pub(super) async fn settlements(&self, asked: Settlements) -> Result<Vec<Record>, Failure> {
        let request = settlement::Request {
            account: self.0.context.merchant.account.clone(),
            usetag: asked.usetag,
            offset: asked.offset,
            limit: asked.limit,
            dates: asked.dates,
            nonce_str: self.nonce()?,
            sign_type: self.sign_type(),
        };
        let xml = request.to_xml(self.key());
        let bytes = self.ask(settlement::PATH, &xml).await?;
        let answer = settlement::Answer::read(&bytes, &request, self.key())
            .map_err(|error| self.failure(settlement::PATH, error))?;
        Ok(answer.records)
    }

    pub(super) async fn exchange_rate(
        &self,
        fee_type: Currency,
        date: Date,
    ) -> Result<exchange::Answer, Failure> {
        let request = exchange::Request {
            account: self.0.context.merchant.account.clone(),
            fee_type,
            date,
            nonce_str: Some(self.nonce()?),
            sign_type: self.sign_type(),
        };
        let path = &self.0.config.exchange_rate_path;
        let bytes = self.ask(path, &request.to_xml(self.key())).await?;
        exchange::Answer::read(&bytes, &request, self.key())
            .map_err(|error| self.failure(path, error))
    }

    pub(super) async fn short_url(&self, long_url: &str) -> Result<String, Error> {
        let request = shorturl::Request {
            account: self.0.context.merchant.account.clone(),
            long_url: LongUrl::new(long_url).map_err(|_| {
                let message = "The field long_url must begin with weixin://wxpay/bizpayurl?, as a \
                               code_url does.";
                Error::with_message(Kind::FieldInvalid, message).about("long_url")
            })?,
            nonce_str: self.nonce()?,
            sign_type: self.sign_type(),
        };
        let bytes = self
            .ask(shorturl::PATH, &request.to_xml(self.key()))
            .await?;
        let answer = shorturl::Answer::read(&bytes, &request, self.key())
            .map_err(|error| self.failure(shorturl::PATH, error))?;
        Ok(answer.short_url)
    }

    /// The code is signed, and valid for as long as the API key is.
    pub(super) fn product_code(&self, product_id: &str) -> Result<String, Error> {
        let account = &self.0.context.merchant.account;
        // WeChat calls one address of an institution, and the code names none
        // of its merchants.
        if account.sub_mch_id.is_some() {
            return Err(not_offered());
        }
        let text = |field, value: &str| Text::new(field, value).map_err(Error::internal);
        let url = ProductUrl {
            appid: text("appid", &account.appid)?,
            mch_id: text("mch_id", &account.mch_id)?,
            product_id: text("product_id", product_id)?,
            time_stamp_s: self.0.runtime.now_ms() / 1000,
            nonce_str: self.nonce()?,
        };
        Ok(url.to_url(self.key(), self.sign_type()))
    }

    pub(super) async fn report(&self, sample: &hosts::Sample) {
        let (Ok(nonce_str), Ok(interface_url), Some(user_ip)) = (
            self.nonce(),
            Text::new("interface_url", &sample.url),
            self.0.hosts.caller(),
        ) else {
            return;
        };
        let code = |good| match good {
            true => report::Code::Success,
            false => report::Code::Fail,
        };
        let (return_code, result_code, said, out_trade_no) = match &sample.outcome {
            Outcome::NoAnswer => (code(false), code(false), Fields::new(), None),
            Outcome::Answered(answer) => {
                let said = Fields::parse(answer).unwrap_or_default();
                let is_good = |name| code(said.get(name) == Some("SUCCESS"));
                (is_good("return_code"), is_good("result_code"), said, None)
            }
            Outcome::QuickPay { number, paid } => {
                (code(true), code(*paid), Fields::new(), Some(number.clone()))
            }
        };
        let short = |name| {
            let text = said.get_nonempty(name)?;
            Text::new(name, text).ok()
        };
        let request = report::Request {
            account: self.0.context.merchant.account.clone(),
            device_info: None,
            nonce_str,
            sign_type: self.sign_type(),
            interface_url,
            execute_time_ms: u32::try_from(sample.elapsed_ms).unwrap_or(0),
            return_code,
            return_msg: short("return_msg"),
            result_code,
            err_code: said.get_nonempty("err_code").map(ErrorCode::from_code),
            err_code_des: short("err_code_des"),
            out_trade_no,
            user_ip: terminal_ip(TradeType::Micropay, user_ip),
            time_ms: Some(self.0.runtime.now_ms()),
        };
        let xml = request.to_xml(self.key());
        let _ = self.ask(report::PATH, &xml).await;
    }

    fn key(&self) -> &'a Secret {
        &self.0.context.credentials.api_key
    }

    fn sign_type(&self) -> SignType {
        self.0.context.merchant.sign_type
    }

    fn nonce(&self) -> Result<Text<32>, Failure> {
        Text::new("nonce_str", &self.0.nonce())
            .map_err(|error| Failure::Inconclusive(Error::internal(error)))
    }

    /// The route with the merchant's client certificate: the one that was entered,
    /// where the runtime can present it, or else the one of a binding.
    pub(super) fn client_certificate(&self) -> Result<Route<'a>, Error> {
        let Upstream {
            context, runtime, ..
        } = self.0;
        let missing = |message: Option<String>| {
            context.note_problem(Alarm::CertificateUnusable, &context.merchant.account.mch_id);
            Error {
                message: message.map(|message| Box::new(message.into())),
                ..Error::of(Kind::ClientCertificateMissing).about("client_certificate")
            }
        };
        let entered = context.credentials.client.as_ref();
        if let Some(client) = entered.filter(|_| runtime.presents_certificates()) {
            return Ok(Route::WeChatPayOwn(&client.pair));
        }
        let Some(certificate) = &context.merchant.client_certificate else {
            return Err(missing(entered.map(|_| {
                "The merchant's client certificate was entered, and this deployment runs on Workers, \
                 which present certificates of bindings only: upload it, and name its binding in \
                 client_certificate."
                    .to_owned()
            })));
        };
        let binding = certificate.binding();
        match runtime.has_client_certificate(binding) {
            true => Ok(Route::WeChatPayMtls(binding)),
            false => Err(missing(Some(format!(
                "The merchant's client_certificate names {binding}, and this deployment has no \
                 binding of that name."
            )))),
        }
    }

    /// The failure if WeChat did not accept the client certificate. WeChat's
    /// answer is unsigned.
    fn client_certificate_refused(&self, said: &str) -> Failure {
        let context = self.0.context;
        context.note_problem(Alarm::CertificateUnusable, &context.merchant.account.mch_id);
        let said = json!({"return_code": "FAIL", "return_msg": said});
        Failure::Inconclusive(Error::with_message(Kind::ClientCertificateRefused, said))
    }

    pub(super) async fn try_client_certificate(&self, number: &OutTradeNo) -> Result<(), Failure> {
        let request = self.certificate_test(number);
        let request = request.map_err(|error| Failure::Inconclusive(wrong(error)))?;
        let bytes = self.ask(refund::PATH, &request.to_xml(self.key())).await?;
        match refund::Answer::read(&bytes, &request, self.key()) {
            // A valid signature, with any content, proves that WeChat answered
            // this merchant.
            Ok(_) | Err(AnswerError::Refused { .. }) => Ok(()),
            Err(error) => Err(self.failure(refund::PATH, error)),
        }
    }

    /// A refund of the smallest amount of an order that does not exist.
    fn certificate_test(&self, number: &OutTradeNo) -> Result<refund::Request, FieldError> {
        let merchant = &self.0.context.merchant;
        let least =
            Money::new(1, merchant.currency).map_err(|_| Problem::UnknownValue.of("refund_fee"))?;
        Ok(refund::Request {
            account: merchant.account.clone(),
            by: OrderNumber::OutTradeNo(number.clone()),
            out_refund_no: OutRefundNo::new(number.as_str())?,
            amounts: Amounts::new(least, least)?,
            notify_url: None,
            refund_desc: None,
            refund_account: None,
            nonce_str: Text::new("nonce_str", &self.0.nonce())?,
            sign_type: self.sign_type(),
        })
    }

    async fn ask(&self, path: &str, xml: &str) -> Result<Vec<u8>, Failure> {
        let message = hosts::Message {
            route: match path {
                _ if path.starts_with("/secapi/") => {
                    self.client_certificate().map_err(Failure::Inconclusive)?
                }
                _ => Route::WeChatPay,
            },
            tries: match path {
                micropay::PATH | report::PATH => Tries::Once,
                _ => Tries::EachHost,
            },
            method: "POST",
            path,
            headers: &[("content-type", CONTENT_TYPE.to_owned())],
            body: xml,
        };
        let Upstream { hosts, runtime, .. } = self.0;
        let mut answer = hosts.send(*runtime, &hosts::V2, message).await;
        let is_probe = answer
            .as_ref()
            .is_some_and(|answer| is_probe(answer.body()));
        if is_probe && message.tries == Tries::EachHost {
            answer = hosts.send(*runtime, &hosts::V2, message).await;
        }
        let answer = answer.ok_or(Failure::NoAnswer)?;
        if answer.status() == http::StatusCode::TOO_MANY_REQUESTS {
            self.0.runtime.log(format_args!("{path}: status 429"));
            return Err(Failure::too_many_requests());
        }
        if matches!(
            message.route,
            Route::WeChatPayMtls(_) | Route::WeChatPayOwn(_)
        ) && let Some(said) = refused_certificate(&answer)
        {
            self.0.runtime.log(format_args!("{path}: {said}"));
            return Err(self.client_certificate_refused(said));
        }
        Ok(answer.into_body())
    }

    fn unified_order(&self, prepay: Prepay<'_>) -> Result<prepay::Request, FieldError> {
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
            TradeType::App => Trade::App,
            TradeType::Native => Trade::Native {
                product_id: Some(Text::new("product_id", terms.out_trade_no.as_str())?),
            },
            TradeType::Mweb => self.mweb()?,
            // Quick Pay is not a prepayment.
            TradeType::Micropay => return Err(Problem::UnknownValue.of("trade_type")),
        };
        Ok(prepay::Request {
            account: terms.account.clone(),
            // WeChat requires this value for a page; an app sends none (WeChat
            // Pay v2 manual, sections 8.4 and 9.1).
            device_info: match trade {
                Trade::App => None,
                _ => Some(Text::new("device_info", "WEB")?),
            },
            nonce_str: Text::new("nonce_str", &self.0.nonce())?,
            sign_type: self.sign_type(),
            body: Text::new("body", &terms.body)?,
            detail: None,
            attach: attach(terms.attach.as_deref())?,
            out_trade_no: terms.out_trade_no.clone(),
            money: terms.money,
            spbill_create_ip: terminal_ip(terms.trade_type, payer_ip),
            time_start_ms: None,
            time_expire_ms,
            goods_tag: None,
            notify_url: NotifyUrl::new(&self.0.notify_url())?,
            limit_pay: None,
            trade,
        })
    }

    /// The page on which an H5 payment begins. A name that is too long is cut.
    fn mweb(&self) -> Result<Trade, FieldError> {
        let mut name = self.0.context.merchant.name.clone();
        loop {
            let scene = json!({"h5_info": {
                "type": "Wap",
                "wap_url": format!("{}/pay/", self.0.config.public_url),
                "wap_name": name,
            }});
            match Trade::mweb(&scene.to_string()) {
                Err(_) if name.pop().is_some() => {}
                trade => return trade,
            }
        }
    }

    fn micropay_request(&self, new: &QuickPay) -> Result<micropay::Request, FieldError> {
        let terms = &new.terms;
        Ok(micropay::Request {
            account: terms.account.clone(),
            device_info: None,
            nonce_str: Text::new("nonce_str", &self.0.nonce())?,
            sign_type: self.sign_type(),
            body: Text::new("body", cut(&terms.body, QUICK_PAY_BODY_BYTES))?,
            detail: None,
            attach: attach(terms.attach.as_deref())?,
            out_trade_no: terms.out_trade_no.clone(),
            money: terms.money,
            spbill_create_ip: terminal_ip(TradeType::Micropay, new.till_ip),
            goods_tag: None,
            limit_pay: None,
            time_start_ms: None,
            time_expire_ms: None,
            auth_code: AuthCode::new(&new.auth_code)?,
        })
    }

    fn refund_request(
        &self,
        order: &Order,
        refund: &Refund,
    ) -> Result<refund::Request, FieldError> {
        Ok(refund::Request {
            account: order.terms().account.clone(),
            by: OrderNumber::OutTradeNo(order.terms().out_trade_no.clone()),
            out_refund_no: OutRefundNo::new(&refund.out_refund_no)?,
            amounts: Amounts::new(refund.money, order.terms().money)?,
            notify_url: Some(NotifyUrl::new(&self.0.refund_notify_url())?),
            refund_desc: (refund.reason.as_deref())
                .map(|reason| Text::new("refund_desc", reason))
                .transpose()?,
            refund_account: None,
            nonce_str: Text::new("nonce_str", &self.0.nonce())?,
            sign_type: self.sign_type(),
        })
    }

    /// The failure for an answer that is not a success. A refusal is forwarded
    /// whole, as the WeCeive API shows it ("Request Refund"); an unverified
    /// answer is not.
    fn failure(&self, what: &str, error: AnswerError) -> Failure {
        match error {
            AnswerError::Refused { code, fields, .. } => {
                self.0
                    .runtime
                    .log(format_args!("{what}: refused with {code}"));
                Failure::Refused(Box::new(Refused {
                    reason: reason(&code),
                    err_code: code.code().to_owned(),
                    error: refused(object(&fields)),
                }))
            }
            // Unsigned by design (WeChat Pay v2 manual, section 4.3.1): WeChat
            // reports an invalid signature in this way. It is shown to the
            // merchant; it is not trusted, and its text is not logged.
            AnswerError::Communication { return_msg }
                if [refund::PATH, reverse::PATH].contains(&what)
                    && is_certificate_mismatch(&return_msg) =>
            {
                self.0
                    .runtime
                    .log(format_args!("{what}: the certificate is another mch_id's"));
                self.client_certificate_refused(&return_msg)
            }
            AnswerError::Communication { return_msg } => {
                self.0.runtime.log(format_args!("{what}: FAIL"));
                Failure::Inconclusive(communication(&return_msg))
            }
            AnswerError::Malformed(_) => self.0.unverified(what, "no v2 document"),
            error => self.0.unverified(what, error),
        }
    }
}

/// Whether Tencent answers with a probe: an intentionally invalid signature.
fn is_probe(answer: &[u8]) -> bool {
    let fields = Fields::parse(answer);
    fields.is_ok_and(|fields| {
        let sign = fields.get("sign").unwrap_or_default();
        sign.starts_with(PROBE_PREFIX)
    })
}

/// Whether WeChat says that the client certificate belongs to another `mch_id`.
/// No other text is known to mean this; any other text about a certificate is
/// shown to the merchant unchanged.
fn is_certificate_mismatch(return_msg: &str) -> bool {
    return_msg
        .trim()
        .eq_ignore_ascii_case("certificate not match")
}

/// The sentence of the page by which WeChat's server refuses a client
/// certificate, before WeChat Pay receives the request.
fn refused_certificate(answer: &Response) -> Option<&'static str> {
    const PAGES: [&str; 2] = [
        "No required SSL certificate was sent",
        "The SSL certificate error",
    ];
    let page = String::from_utf8_lossy(answer.body());
    let is_refused = answer.status() == http::StatusCode::BAD_REQUEST;
    PAGES
        .into_iter()
        .find(|said| is_refused && page.contains(said))
}

pub(super) fn reason(code: &ErrorCode) -> Reason {
    match code {
        ErrorCode::OrderNotExist => Reason::OrderNotExist,
        ErrorCode::OrderPaid => Reason::OrderPaid,
        ErrorCode::OrderClosed => Reason::OrderClosed,
        ErrorCode::OrderReversed => Reason::OrderReversed,
        ErrorCode::RefundNotExist => Reason::RefundNotExist,
        ErrorCode::NoBillExist => Reason::NoStatement,
        ErrorCode::BillCreating => Reason::StatementCreating,
        ErrorCode::NotEnough => Reason::NotEnough,
        ErrorCode::Unknown(_) => Reason::Unlisted,
        code if code.is_unknown_outcome() => Reason::OutcomeUnknown,
        code if code.is_retryable() => Reason::Retryable,
        _ => Reason::NotApplied,
    }
}

pub(super) fn refused(message: Value) -> Error {
    Error::with_message(Kind::Refused, message)
}

fn communication(return_msg: &str) -> Error {
    refused(json!({"return_code": "FAIL", "return_msg": return_msg}))
}

/// A refusal in the form for the caller. WeChat's `sign` stays empty: a caller
/// with only the `api-key` gets no signed document (see ARCHITECTURE.md, "What
/// the gateway signs for a merchant").
pub(super) fn object(fields: &Fields) -> Value {
    let entries = fields.iter().map(|(name, value)| {
        let value = match name {
            "sign" => "",
            _ => value,
        };
        (name.to_owned(), Value::String(value.to_owned()))
    });
    Value::Object(entries.collect())
}

/// The order's `attach`. One that was made before `&` was refused may contain
/// it: such an order is no longer sent to WeChat.
pub(super) fn attach<const N: usize>(attach: Option<&str>) -> Result<Option<Text<N>>, FieldError> {
    match attach {
        Some(text) if text.contains('&') => Err(Problem::BadCharacter.of("attach")),
        text => text.map(|text| Text::new("attach", text)).transpose(),
    }
}
