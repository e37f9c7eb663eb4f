//! iOnline Pay (iOnline description): an acquirer in front of WeChat Pay.
//! Forms, signed with the merchant's key; the answers are JSON.
//!
//! iOnline has no call that closes an order. An order counts as closed when
//! WeChat's own two hours are over; until then a close is refused as
//! [`Reason::Retryable`], and the order's timer repeats it.

use super::hosts::Tries;
use super::{
    Error, Failure, FoundRefund, Kind, Prepay, Reason, Refused, Upstream, hosts, v2, wrong,
};
use crate::merchants::merchant::Ionline as Settings;
use crate::observe::Log;
use crate::runtime::{Route, Runtime};
use order::{Account, Order, OutTradeNo, Prepayment, Refund, RefundState, TradeState, TradeType};
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr};
use wechatpay::Secret;
use wechatpay::common::invoke::Jsapi;
use wechatpay::common::prepay::PREPAY_SECONDS;
use wechatpay::common::refund::Amounts;
use wechatpay::common::{FieldError, OrderNumber, Problem, Text};
use wechatpay::ionline::error::AnswerError;
use wechatpay::ionline::prepay::{Jspay, Lifetime, Means, NotifyUrl, Start, Trade};
use wechatpay::ionline::{self, Merchant, prepay, query, refund, refundquery};
use wechatpay::v2::ErrorCode;

/// How long after its expiry an order counts as closed: the two clocks differ.
const GRACE_MS: i64 = 60_000;

/// The iOnline side of an [`Upstream`].
pub(super) struct Ionline<'a, R>(pub(super) &'a Upstream<'a, R>, pub(super) &'a Settings);

impl<R: Runtime> Ionline<'_, R> {
    pub(super) async fn prepay(&self, prepay: Prepay<'_>) -> Result<Prepayment, Error> {
        let request = self.payment(prepay).map_err(wrong)?;
        let bytes = self.ask(request.to_form(self.key())).await?;
        let answer = prepay::Answer::read(&bytes, &request, self.key())
            .map_err(|error| self.failure("payment", error))?;
        Ok(match answer.means {
            Means::PayUrl(url) => Prepayment {
                pay_url: Some(url.as_str().to_owned()),
                ..Prepayment::default()
            },
            Means::PayInfo(package) => Prepayment {
                prepay_id: package.prepay_id().unwrap_or_default().to_owned(),
                pay_info: serde_json::to_string(&package).ok(),
                ..Prepayment::default()
            },
            Means::Code { code_url, .. } => Prepayment {
                code_url: Some(code_url),
                ..Prepayment::default()
            },
        })
    }

    /// The package as iOnline signed it; the gateway cannot sign it.
    pub(super) fn jsapi(&self, prepayment: &Prepayment) -> Result<Jsapi, Error> {
        let package = prepayment.pay_info.as_deref().unwrap_or_default();
        serde_json::from_slice(package.as_bytes()).map_err(|error| {
            let (kind, line, column) = (error.classify(), error.line(), error.column());
            Error::internal(format_args!(
                "payment package is unreadable: {kind:?} error in line {line}, column {column}"
            ))
        })
    }

    pub(super) async fn query(
        &self,
        number: &OutTradeNo,
        account: &Account,
    ) -> Result<TradeState, Failure> {
        let request = query::Request {
            mch_id: self.mch_id()?,
            by: OrderNumber::OutTradeNo(number.clone()),
            nonce_str: self.nonce()?,
        };
        let bytes = self.ask(request.to_form(self.key())).await?;
        let merchant = Merchant {
            account,
            currency: self.0.context.merchant.currency,
        };
        match query::Answer::read(&bytes, &request, merchant, self.key()) {
            Ok(answer) => Ok(answer.state),
            Err(error) => Err(self.failure("query", error)),
        }
    }

    /// Reports the order as closed once it has expired. An order that is not in
    /// the book may be unknown to iOnline too.
    pub(super) async fn close(
        &self,
        number: &OutTradeNo,
        order: Option<&Order>,
    ) -> Result<(), Failure> {
        let over_ms = |order: &Order| order.created_at_ms() + PREPAY_SECONDS * 1000 + GRACE_MS;
        match order {
            Some(order) if self.0.runtime.now_ms() >= over_ms(order) => Ok(()),
            Some(_) => Err(not_yet()),
            None => match self.query(number, &self.0.context.merchant.account).await {
                Ok(_) => Err(not_yet()),
                Err(failure) => Err(failure),
            },
        }
    }

    pub(super) async fn refund(
        &self,
        order: &Order,
        refund: &Refund,
    ) -> Result<RefundState, Failure> {
        let terms = order.terms();
        let amounts = Amounts::new(refund.money, terms.money).map_err(unsendable)?;
        let request = refund::Request {
            mch_id: self.mch_id()?,
            by: OrderNumber::OutTradeNo(terms.out_trade_no.clone()),
            out_refund_no: text("out_refund_no", &refund.out_refund_no)?,
            amounts,
            nonce_str: self.nonce()?,
        };
        let bytes = self.ask(request.to_form(self.key())).await?;
        match refund::Answer::read(&bytes, &request, self.key()) {
            Ok(answer) => Ok(answer.state()),
            Err(error) => Err(self.failure("refund", error)),
        }
    }

    pub(super) async fn query_refund(
        &self,
        out_refund_no: &str,
    ) -> Result<Option<FoundRefund>, Failure> {
        let request = refundquery::Request {
            mch_id: self.mch_id()?,
            by: refundquery::Lookup::OutRefundNo(text("out_refund_no", out_refund_no)?),
            nonce_str: self.nonce()?,
        };
        let bytes = self.ask(request.to_form(self.key())).await?;
        let answer = refundquery::Answer::read(&bytes, &request, self.key())
            .map_err(|error| self.failure("refund query", error))?;
        Ok(answer.find(out_refund_no).map(|found| FoundRefund {
            out_trade_no: answer.out_trade_no.clone(),
            refund_fee: found.refund_fee,
            state: found.state(),
        }))
    }

    fn key(&self) -> &Secret {
        &self.0.context.credentials.api_key
    }

    fn mch_id(&self) -> Result<Text<32>, Failure> {
        text("mch_id", &self.0.context.merchant.account.mch_id)
    }

    fn nonce(&self) -> Result<Text<32>, Failure> {
        text("nonce_str", &self.0.nonce())
    }

    /// No call of iOnline takes money, so each may be repeated.
    async fn ask(&self, form: String) -> Result<Vec<u8>, Failure> {
        let kind = "application/x-www-form-urlencoded; charset=utf-8";
        let message = hosts::Message {
            route: Route::Ionline,
            tries: Tries::EachHost,
            method: "POST",
            path: ionline::PATH,
            headers: &[("content-type", kind.to_owned())],
            body: &form,
        };
        let Upstream { hosts, runtime, .. } = self.0;
        let answer = hosts.send(*runtime, &hosts::IONLINE, message).await;
        let answer = answer.ok_or(Failure::NoAnswer)?;
        if answer.status() == http::StatusCode::TOO_MANY_REQUESTS {
            self.0.runtime.log(format_args!("iOnline: status 429"));
            return Err(Failure::too_many_requests());
        }
        Ok(answer.into_body())
    }

    fn payment(&self, prepay: Prepay<'_>) -> Result<prepay::Request, FieldError> {
        let Prepay {
            terms,
            payer_ip,
            time_expire_ms,
        } = prepay;
        let trade = match terms.trade_type {
            TradeType::Jsapi => Trade::Jspay(Jspay {
                sub_appid: Text::new("sub_appid", &terms.account.appid)?,
                sub_openid: Text::new("open_id", terms.openid.as_deref().unwrap_or_default())?,
                start: match &self.0.context.merchant.mini_program {
                    Some(mini) if mini.appid == terms.account.appid => Start::MiniProgram,
                    _ if self.1.raw => Start::Bridge,
                    _ => Start::PayUrl,
                },
            }),
            TradeType::Native => Trade::Native,
            TradeType::App | TradeType::Mweb | TradeType::Micropay => {
                return Err(Problem::UnknownValue.of("trade_type"));
            }
        };
        // The start time must be the same in a repeated request, so it is
        // computed from the expiry.
        let lifetime = time_expire_ms
            .map(|end_ms| Lifetime::new(end_ms - PREPAY_SECONDS * 1000, end_ms))
            .transpose()?;
        Ok(prepay::Request {
            mch_id: Text::new("mch_id", &terms.account.mch_id)?,
            nonce_str: Text::new("nonce_str", &self.0.nonce())?,
            out_trade_no: terms.out_trade_no.clone(),
            device_info: None,
            body: Text::new("body", &terms.body)?,
            attach: v2::attach(terms.attach.as_deref())?,
            money: terms.money,
            // The field is too short for an IPv6 address.
            mch_create_ip: match payer_ip {
                IpAddr::V4(ip) => ip,
                IpAddr::V6(ip) => ip.to_ipv4_mapped().unwrap_or(Ipv4Addr::LOCALHOST),
            },
            notify_url: NotifyUrl::new(&self.0.notify_url())?,
            lifetime,
            goods_tag: None,
            limit_credit_pay: false,
            trade,
        })
    }

    fn failure(&self, what: &str, error: AnswerError) -> Failure {
        let runtime = self.0.runtime;
        match error {
            AnswerError::Refused { code, fields, .. } => {
                runtime.log(format_args!("iOnline, {what}: refused with {code}"));
                Failure::Refused(Box::new(Refused {
                    reason: v2::reason(&code),
                    err_code: code.code().to_owned(),
                    error: v2::refused(v2::object(&fields)),
                }))
            }
            // Unsigned by design: returned to the caller, not trusted, and not
            // logged.
            AnswerError::Communication { status, message } => {
                runtime.log(format_args!("iOnline, {what}: a status that is not 0"));
                let error = json!({"status": status, "message": message});
                Failure::Inconclusive(v2::refused(error))
            }
            AnswerError::Malformed(_) => self.0.unverified(what, "no flat JSON object"),
            error => self.0.unverified(what, error),
        }
    }
}

fn not_yet() -> Failure {
    Failure::Refused(Box::new(Refused {
        reason: Reason::Retryable,
        err_code: ErrorCode::TradeStateError.code().to_owned(),
        error: Error::of(Kind::AttemptPending),
    }))
}

fn text<const N: usize>(field: &'static str, value: &str) -> Result<Text<N>, Failure> {
    Text::new(field, value).map_err(unsendable)
}

fn unsendable(error: FieldError) -> Failure {
    Failure::Inconclusive(wrong(error))
}
