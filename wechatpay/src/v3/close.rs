//! Close order: it can no longer be paid.
//!
//! ```text
//! POST …/transactions/out-trade-no/{out_trade_no}/close
//! POST …/transactions/id/{transaction_id}/close           Global
//!   mchid | sp_mchid sub_mchid
//! answer: 204, no body, signed
//! ```
//!
//! Query first. After a refusal with [`OrderPaid`](super::ErrorCode::OrderPaid)
//! query again: the order is paid (checklist P7).

use crate::common::{OrderNumber, Problem};

use super::answer::AnswerError;
use super::field::FieldError;
use super::keyring::Verified;
use super::merchant::Merchant;
use super::prepay::transactions;
use super::query::{read_by, segments};
use super::region::Region;
use super::request::{Incoming, Outgoing, RequestError};
use serde_json::Map;

/// A request to close one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The account that the order belongs to.
    pub merchant: Merchant,
    /// The order's number.
    pub by: OrderNumber,
}

impl Request {
    /// The request to send. The mainland closes by the merchant's number only:
    /// [`Problem::OtherRegion`].
    pub fn outgoing(&self, region: Region) -> Result<Outgoing, FieldError> {
        check_by(&self.by, region)?;
        let base = transactions(region, self.merchant.sub_mch_id.is_some());
        let mut fields = Map::new();
        self.merchant.push_mchids(&mut fields);
        let path = format!("{base}{}/close", segments(&self.by));
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

/// Reads the verified answer of a closed order. It has no body; a refusal has
/// one, and its status is not signed.
pub fn read_answer(verified: Verified<'_>) -> Result<(), AnswerError> {
    match verified.bytes() {
        [] => Ok(()),
        _ => Err(FieldError::new("body", Problem::BadFormat).into()),
    }
}

pub(crate) fn check_by(by: &OrderNumber, region: Region) -> Result<(), FieldError> {
    match (by, region) {
        (OrderNumber::TransactionId(_), Region::Mainland) => {
            Err(FieldError::new("transaction_id", Problem::OtherRegion))
        }
        _ => Ok(()),
    }
}
