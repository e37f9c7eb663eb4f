//! Reverse: cancels a Quick Pay order whose outcome is unknown. A paid order is
//! refunded, an unpaid one can no longer be paid.
//!
//! ```text
//! POST /v3/global/micropay/transactions/id/{transaction_id}/reverse
//! POST /v3/global/micropay/transactions/out-trade-no/{out_trade_no}/reverse
//!   mchid | sp_mchid sub_mchid
//! answer: 204, no body, signed
//!
//! POST /v3/pay/transactions/out-trade-no/{out_trade_no}/reverse          mainland
//!   appid mchid                                                          …/pay/partner/…
//! answer: 200, [appid] mchid out_trade_no
//! ```
//!
//! Not before 15 seconds after the order, and on the same day; later it is a
//! [refund](super::refund). A refusal whose outcome is unknown means to call
//! again (Q7). WeChat Pay APIv3 Global manual, "revoke order".

use crate::common::{OrderNumber, Problem};

use super::answer::AnswerError;
use super::close::{self, check_by};
use super::field::FieldError;
use super::json::set;
use super::keyring::Verified;
use super::merchant::Merchant;
use super::prepay::transactions;
use super::query::{read_by, segments};
use super::region::Region;
use super::request::{Incoming, Outgoing, RequestError};
use crate::common::json::Document;
use serde_json::{Map, Value};

/// A request to reverse one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The account that the order belongs to. The mainland requires the
    /// application too.
    pub merchant: Merchant,
    /// The order's number.
    pub by: OrderNumber,
}

impl Request {
    /// The request to send. The mainland reverses by the merchant's number
    /// only: [`Problem::OtherRegion`].
    pub fn outgoing(&self, region: Region) -> Result<Outgoing, FieldError> {
        check_by(&self.by, region)?;
        let mut fields = Map::new();
        let base = match region {
            Region::Global => {
                self.merchant.push_mchids(&mut fields);
                "/v3/global/micropay/transactions"
            }
            Region::Mainland => {
                self.merchant.push(&mut fields);
                transactions(region, self.merchant.sub_mch_id.is_some())
            }
        };
        let path = format!("{base}{}/reverse", segments(&self.by));
        Ok(Outgoing::post(path, fields))
    }

    /// Reads a request.
    pub fn read(request: &Incoming<'_>) -> Result<Self, RequestError> {
        let by = read_by(request)?;
        check_by(&by, request.region)?;
        Ok(Self {
            merchant: Merchant::read(&request.document()?.root())?,
            by,
        })
    }
}

/// Reads the verified answer of an accepted reverse. Global's is empty, and the
/// mainland's contains only the order's ids. A refusal contains neither, and
/// its status is not signed.
pub fn read_answer(
    verified: Verified<'_>,
    request: &Request,
    region: Region,
) -> Result<(), AnswerError> {
    match (region, &request.by) {
        (Region::Global, _) => close::read_answer(verified),
        (Region::Mainland, OrderNumber::OutTradeNo(number)) => {
            let document = Document::parse(verified.bytes())?;
            let root = document.root();
            match root.text("out_trade_no", 64)? == number.as_str() {
                true => Ok(()),
                false => Err(AnswerError::Mismatched {
                    field: "out_trade_no",
                }),
            }
        }
        (Region::Mainland, OrderNumber::TransactionId(_)) => {
            Err(FieldError::new("transaction_id", Problem::OtherRegion).into())
        }
    }
}

/// The body of the mainland's answer.
pub fn answer_json(merchant: &Merchant, out_trade_no: &str) -> String {
    let mut fields = Map::new();
    merchant.push(&mut fields);
    set(&mut fields, "out_trade_no", Some(out_trade_no));
    Value::Object(fields).to_string()
}
