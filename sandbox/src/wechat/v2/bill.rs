//! Download transaction history (WeChat Pay v2 manual, section 9.6): a day's
//! statement, made from the orders and refunds of that day in China.

use super::call::{Call, Done, VerifiedRequest};
use super::refusal::Refusal;
use crate::moment::Moment;
use crate::web;
use crate::wechat::orders::Order;
use crate::wechat::rules::statement::{self, NoStatement};
use crate::wechat::state::WeChat;
use http::StatusCode;
use wechatpay::common::bill::{Bill, Column, KEPT_DAYS, Language};
use wechatpay::v2::ErrorCode;
use wechatpay::v2::bill;

pub(super) const CALL: Call = Call {
    own_refusal: in_own_words,
    ..Call::new(bill::PATH, &[&["nonce_str"], &["bill_date"]], answer)
};

fn answer(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let request = bill::Request::read(&verified.fields)?;
    if request.account.sub_mch_id.is_some() {
        verified.check_sub_merchant(wechat)?;
    }
    let day = (request.bill_date, KEPT_DAYS);
    let wanted = |order: &Order| {
        let device = request.device_info.as_ref().map(|device| device.as_str());
        order.account.mch_id == verified.merchant.mch_id
            && (request.account.sub_mch_id.is_none()
                || order.account.sub_mch_id == request.account.sub_mch_id)
            && (device.is_none() || order.term("device_info") == device)
    };
    let listed = |state| request.bill_type.lists(state);
    let rows = statement::rows(wechat, day, wanted, listed, moment.now_ms);
    let rows = rows.map_err(|why| match why {
        NoStatement::NotReady => Refusal::unsigned(
            ErrorCode::BillCreating,
            ErrorCode::BillCreating.code(),
            "a day's statement is ready at 10:00 on the next day, China time",
        ),
        NoStatement::TooOld => Refusal::unsigned(
            ErrorCode::DataFormatError,
            ErrorCode::DataFormatError.code(),
            "statements can be had for 3 months",
        ),
        NoStatement::Empty => Refusal::from_code(ErrorCode::NoBillExist),
    })?;
    let bill = Bill::of(rows);
    let csv = bill.to_csv(&Column::OVERSEAS, Language::English);
    Ok(Done::AsItIs(if request.gzip {
        web::gzip(wechatpay::common::bill::gzip(&csv))
    } else {
        web::text(StatusCode::OK, csv)
    }))
}

/// A refusal instead of a statement is never signed, and the common errors have
/// codes of their own.
fn in_own_words(refusal: Refusal) -> Refusal {
    let (code, description) = match refusal {
        Refusal::Unsigned {
            code, description, ..
        }
        | Refusal::Signed(code, description) => (code, description),
        other => return other,
    };
    let code = match code {
        ErrorCode::LackParams => ErrorCode::MissingParameter,
        ErrorCode::SignError => ErrorCode::BillSignError,
        ErrorCode::ParamError if description.contains("bill_type") => ErrorCode::InvalidBillType,
        ErrorCode::ParamError => ErrorCode::DataFormatError,
        other => other,
    };
    Refusal::unsigned(code.clone(), code.code(), description)
}
