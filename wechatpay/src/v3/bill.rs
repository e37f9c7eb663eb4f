//! Statements: a day's payments and refunds (checklist S1 to S3).
//!
//! ```text
//! GET /v3/global/statements?date=yyyyMMdd&mchid=… | &sp_mchid=…&sub_mchid=…
//! answer: the table of v2; its header Wechatpay-Statement-Sha1 is the table's hash,
//!         and the signature is made over {"sha1":"…"} instead of the table
//!
//! GET /v3/bill/tradebill?bill_date=yyyy-MM-dd[&sub_mchid=…]&bill_type=ALL     mainland
//! answer: hash_type SHA1  hash_value  download_url
//! GET download_url
//! answer: the table of v2, unsigned: hash_value authenticates it
//! ```
//!
//! WeChat Pay APIv3 Global manual, "Downloading Reconciliation API".

use super::answer::{self, AnswerError};
use super::field::FieldError;
use super::keyring::{Keyring, Verified};
use super::merchant::Merchant;
use super::region::Region;
use super::request::{Incoming, Outgoing, RequestError};
use crate::common::json::Document;
use crate::common::{Date, Problem};
use crate::rsa::{Case, Rsa, hex};
use crate::uri;
use serde_json::json;
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;
use thiserror::Error;

/// The header with a statement's hash.
pub const SHA1_HEADER: &str = "Wechatpay-Statement-Sha1";

/// How many days WeChat keeps statements: Global's page states 180; the
/// mainland's states three months, as v2 does.
pub const fn kept_days(region: Region) -> i64 {
    match region {
        Region::Global => 180,
        Region::Mainland => crate::common::bill::KEPT_DAYS,
    }
}

/// A request for a day's statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The account that the statement is about.
    pub merchant: Merchant,
    /// The day, in China.
    pub date: Date,
}

/// Why there is no statement.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StatementError {
    /// WeChat gives none, or its answer cannot be verified.
    #[error("{0}")]
    Answer(#[from] AnswerError),
    /// The answer does not contain the table's hash.
    #[error("there is no header {SHA1_HEADER}")]
    NoHash,
    /// The table does not match the hash: it is incomplete, or was changed in
    /// transit.
    #[error("the statement is not the one that its hash was made of")]
    OtherHash,
}

impl Request {
    /// The request to send: for the table in Global, for a [`Link`] on the
    /// mainland.
    pub fn outgoing(&self, region: Region) -> Outgoing {
        let date = self.date.to_string();
        Outgoing::get(match region {
            Region::Global => {
                let ids = self.merchant.to_query();
                format!("/v3/global/statements?date={date}&{ids}")
            }
            Region::Mainland => {
                let (year, rest) = date.split_at_checked(4).unwrap_or_default();
                let (month, day) = rest.split_at_checked(2).unwrap_or_default();
                let sub_mch_id = self.merchant.sub_mch_id.as_deref();
                let sub = sub_mch_id.map(|id| format!("&sub_mchid={}", uri::encode(id)));
                let sub = sub.unwrap_or_default();
                format!("/v3/bill/tradebill?bill_date={year}-{month}-{day}{sub}&bill_type=ALL")
            }
        })
    }

    /// Reads a request. In Global, one that names no merchant is about its
    /// signer.
    pub fn read(request: &Incoming<'_>) -> Result<Self, RequestError> {
        let (name, date) = match request.region {
            Region::Global => ("date", request.param("date")?),
            Region::Mainland => {
                let date = request.param("bill_date")?;
                let dashed = date.len() == 10 && date.split('-').count() == 3;
                let digits = if dashed { date.replace('-', "") } else { date };
                ("bill_date", digits)
            }
        };
        let date = Date::parse(&date).map_err(|_| FieldError::new(name, Problem::BadFormat))?;
        let named = ["mchid", "sp_mchid"].map(|name| request.optional_param(name));
        let merchant = match named {
            [Ok(None), Ok(None)] => Merchant::signer(request, request.optional_param("sub_mchid")?),
            _ => Merchant::read_query(request)?,
        };
        Ok(Self { merchant, date })
    }
}

/// The hash of the table in Global's answer, verified before the table is read.
/// `refusal` is the body of an answer that is not a success.
pub async fn verified_hash<'h>(
    status: u16,
    header: impl Fn(&'static str) -> Option<&'h str>,
    refusal: &[u8],
    keyring: &Keyring,
    now_ms: i64,
    rsa: &impl Rsa,
) -> Result<String, StatementError> {
    if !answer::is_success(status) {
        answer::open(status, &header, refusal, keyring, now_ms, rsa).await?;
    }
    let sha1 = header(SHA1_HEADER).ok_or(StatementError::NoHash)?;
    let signed = signed_text(sha1);
    answer::open(status, &header, signed.as_bytes(), keyring, now_ms, rsa).await?;
    Ok(sha1.to_owned())
}

/// A table's hash, computed while the table is received.
#[derive(Clone, Debug, Default)]
pub struct TableHash(Sha1);

impl TableHash {
    /// The next bytes of the table.
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Whether the whole table has this hash.
    pub fn check(self, expected: &str) -> Result<(), StatementError> {
        let expected = expected.to_ascii_lowercase();
        let computed = hex(&self.0.finalize(), Case::Lower);
        match computed.as_bytes().ct_eq(expected.as_bytes()).into() {
            true => Ok(()),
            false => Err(StatementError::OtherHash),
        }
    }
}

/// The hash of a table, for the header.
pub fn sha1_hex(table: &[u8]) -> String {
    hex(&Sha1::digest(table), Case::Lower)
}

/// The text that is signed instead of a table with this hash.
pub fn signed_text(sha1: &str) -> String {
    json!({ "sha1": sha1 }).to_string()
}

/// A mainland statement's temporary address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The table's SHA-1 in hexadecimal.
    pub hash_value: String,
    /// The table's address.
    pub download_url: String,
}

impl Link {
    /// Reads the verified answer.
    pub fn read(verified: Verified<'_>) -> Result<Self, AnswerError> {
        let document = Document::parse(verified.bytes())?;
        let root = document.root();
        if root.text("hash_type", 32)? != "SHA1" {
            return Err(root.error("hash_type", Problem::UnknownValue).into());
        }
        Ok(Self {
            hash_value: root.text("hash_value", 1024)?.to_owned(),
            download_url: root.text("download_url", 2048)?.to_owned(),
        })
    }

    /// The body.
    pub fn to_json(&self) -> String {
        json!({
            "hash_type": "SHA1",
            "hash_value": self.hash_value,
            "download_url": self.download_url,
        })
        .to_string()
    }

    /// The request for the table, sent to the host that gave the link: only the
    /// link's path and query are used, and they are signed like any other
    /// request.
    pub fn outgoing(&self) -> Result<Outgoing, FieldError> {
        let error = || FieldError::new("download_url", Problem::BadFormat);
        let rest = self
            .download_url
            .strip_prefix("https://")
            .or_else(|| self.download_url.strip_prefix("http://"))
            .ok_or_else(error)?;
        let at = rest.find('/').ok_or_else(error)?;
        let path = rest.get(at..).ok_or_else(error)?;
        if !path.starts_with("/v3/billdownload/") || !path.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(error());
        }
        Ok(Outgoing::get(path.to_owned()))
    }
}
