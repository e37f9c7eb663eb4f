//! What WeChat knows of the merchant's account: exchange rates, settlements,
//! short addresses (seed 002, sections 9.9, 10 and 11). These calls change
//! nothing and need no book: the answer is WeChat's, in WeChat's names.

use super::Access;
use crate::Gateway;
use crate::error::{ApiError, Code};
use crate::fields::Fields;
use crate::http::{query, success, texts};
use crate::upstream;
use crate::world::{Request, Response, World};
use order::Currency;
use serde_json::{Value, json};
use wechatpay::v2::answer::AnswerError;
use wechatpay::v2::field::{FieldError, Text};
use wechatpay::v2::settlement::{Limit, Record, UseTag};
use wechatpay::v2::shorturl::LongUrl;
use wechatpay::v2::time::Date;
use wechatpay::v2::{exchange, settlement, shorturl};

/// What was settled in the last thirty days, when no days are given.
const USUAL_MS: i64 = 30 * 24 * 60 * 60 * 1000;

impl<W: World> Gateway<W> {
    /// `GET /v1/exchange_rate?fee_type=…&date=…`: a currency's rate to CNY on
    /// a day. SECRET.
    pub(crate) async fn exchange_rate(&self, request: &Request) -> Result<Response, ApiError> {
        let known = self.caller(request, Access::Secret).await?;
        let fields = Fields::of_query(query(request));
        let fee_type = match fields.text("fee_type", 8)? {
            None => known.merchant.currency,
            Some(code) => Currency::from_code(&code).ok_or_else(|| {
                fields.error(
                    Code::CurrencyNotAllowed,
                    "fee_type",
                    "is not a currency of WeChat Pay",
                )
            })?,
        };
        let date = match fields.text("date", 8)? {
            None => Date::of(self.world.now_ms()),
            Some(text) => day(&fields, "date", &text)?,
        };
        let asked = exchange::Request {
            account: known.merchant.account.clone(),
            fee_type,
            date,
            nonce_str: Some(self.nonce()?),
            sign_type: known.merchant.sign_type,
        };
        let xml = asked.to_xml(&known.credentials.api_key);
        let path = &self.config.exchange_rate_path;
        let bytes = self.ask_wechat(path, &xml).await?;
        let answer = exchange::Answer::read(&bytes, &asked, &known.credentials.api_key)
            .map_err(|error| self.refused(path, &error))?;
        Ok(success(json!({
            "fee_type": answer.fee_type.code(),
            "rate": answer.rate_e8.to_string(),
            "rate_time": answer.rate_time.to_string(),
        })))
    }

    /// `POST /v1/shorturl` with `{"long_url": …}`. BASIC.
    pub(crate) async fn short_url(&self, request: &Request) -> Result<Response, ApiError> {
        let known = self.caller(request, Access::Basic).await?;
        let long_url = Fields::read(request.body())?.required("long_url", 512)?;
        let asked = shorturl::Request {
            account: known.merchant.account.clone(),
            long_url: LongUrl::new(&long_url).map_err(wrong)?,
            nonce_str: self.nonce()?,
            sign_type: known.merchant.sign_type,
        };
        let xml = asked.to_xml(&known.credentials.api_key);
        let bytes = self.ask_wechat(shorturl::PATH, &xml).await?;
        let answer = shorturl::Answer::read(&bytes, &asked, &known.credentials.api_key)
            .map_err(|error| self.refused(shorturl::PATH, &error))?;
        Ok(success(json!({ "short_url": answer.short_url })))
    }

    /// `GET /v1/settlement`: what WeChat paid out (`usetag=1`, the default),
    /// or still holds (`usetag=2`). SECRET.
    pub(crate) async fn settlement(&self, request: &Request) -> Result<Response, ApiError> {
        let known = self.caller(request, Access::Secret).await?;
        let fields = Fields::of_query(query(request));
        let usetag = match fields.text("usetag", 4)? {
            None => UseTag::Settled,
            Some(number) => UseTag::parse(&number)
                .ok_or_else(|| fields.invalid("usetag", "must be 1 (settled) or 2 (not yet)"))?,
        };
        let dates = match (fields.text("date_start", 8)?, fields.text("date_end", 8)?) {
            // WeChat wants days for what is settled, and needs none for the rest.
            (None, None) if usetag == UseTag::Settled => {
                let now_ms = self.world.now_ms();
                Some((Date::of(now_ms - USUAL_MS), Date::of(now_ms)))
            }
            (None, None) => None,
            (Some(start), Some(end)) => {
                let start = day(&fields, "date_start", &start)?;
                let end = day(&fields, "date_end", &end)?;
                if end < start {
                    return Err(fields.invalid("date_end", "must not be before date_start"));
                }
                Some((start, end))
            }
            (None, Some(_)) => return Err(fields.missing("date_start")),
            (Some(_), None) => return Err(fields.missing("date_end")),
        };
        let offset = fields
            .whole("offset", 0..=i64::from(u32::MAX))?
            .unwrap_or(0);
        let limit = fields.whole("limit", 1..=20)?.unwrap_or(10);
        let asked = settlement::Request {
            account: known.merchant.account.clone(),
            usetag,
            offset: u32::try_from(offset).unwrap_or(u32::MAX),
            limit: Limit::new(limit).map_err(wrong)?,
            dates,
            nonce_str: self.nonce()?,
            sign_type: known.merchant.sign_type,
        };
        let xml = asked.to_xml(&known.credentials.api_key);
        let bytes = self.ask_wechat(settlement::PATH, &xml).await?;
        let answer = settlement::Answer::read(&bytes, &asked, &known.credentials.api_key)
            .map_err(|error| self.refused(settlement::PATH, &error))?;
        let records: Vec<Value> = answer.records.iter().map(record).collect();
        Ok(success(json!({ "records": records })))
    }

    pub(crate) async fn ask_wechat(&self, path: &str, xml: &str) -> Result<Vec<u8>, ApiError> {
        let answer = self.hosts.post(&self.world, path, xml).await;
        answer.ok_or_else(|| ApiError::of(Code::UpstreamUnavailable))
    }

    fn refused(&self, path: &str, error: &AnswerError) -> ApiError {
        upstream::refused(&self.world, path, error)
    }

    pub(crate) fn nonce(&self) -> Result<Text<32>, ApiError> {
        Text::new("nonce_str", &self.random_text(32)).map_err(|_| ApiError::of(Code::Internal))
    }
}

pub(crate) fn day(fields: &Fields, name: &str, text: &str) -> Result<Date, ApiError> {
    Date::parse(text).map_err(|_| fields.invalid(name, "must be a day like 20260131"))
}

fn wrong(error: FieldError) -> ApiError {
    ApiError::field(Code::FieldInvalid, error.field, format!("The {error}."))
}

/// A settlement, every value a text.
fn record(record: &Record) -> Value {
    Value::Object(texts([
        ("fbatchno", record.fbatchno.clone()),
        (
            "date_settlement",
            record.date_settlement.map(|d| d.to_string()),
        ),
        ("date_start", record.date_start.map(|d| d.to_string())),
        ("date_end", record.date_end.map(|d| d.to_string())),
        ("settlement_fee", Some(record.settlement_fee.to_string())),
        (
            "unsettlement_fee",
            Some(record.unsettlement_fee.to_string()),
        ),
        (
            "settlementfee_type",
            Some(record.settlementfee_type.code().to_owned()),
        ),
        ("pay_fee", Some(record.pay_fee.to_string())),
        ("refund_fee", Some(record.refund_fee.to_string())),
        ("pay_net_fee", Some(record.pay_net_fee.to_string())),
        ("poundage_fee", Some(record.poundage_fee.to_string())),
    ]))
}
