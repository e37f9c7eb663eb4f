//! Statements: Global answers with the table itself, the mainland with a link
//! to it.

use super::call::{Done, File, Refusal, VerifiedRequest};
use crate::moment::Moment;
use crate::web;
use crate::wechat::orders::Order;
use crate::wechat::rules::statement::{self, NoStatement};
use crate::wechat::state::WeChat;
use wechatpay::common::bill::{Bill, BillType, Column, Language, gzip};
use wechatpay::common::{Date, Problem};
use wechatpay::v3::bill::{Link, Request, SHA1_HEADER, kept_days, sha1_hex, signed_text};
use wechatpay::v3::{ErrorCode, FieldError, Region};

/// The path of Global's statements.
pub(super) const STATEMENTS_PATH: &str = "/v3/global/statements";

/// The path of the mainland's statements.
pub(super) const FILE_PATH: &str = "/v3/billdownload/file";

/// Global: the table. Its signature covers its hash.
pub(super) fn statement(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let request =
        Request::read(&verified.incoming()).map_err(|error| verified.unreadable(error))?;
    let sub_mch_id = verified.one_of_its_own(wechat, &request.merchant)?;
    let table = table(
        wechat,
        (&verified.merchant.mch_id, sub_mch_id),
        (request.date, BillType::All),
        Region::Global,
        moment.now_ms,
    )?;
    let sha1 = sha1_hex(table.as_bytes());
    Ok(Done::File(File {
        content_type: "text/plain; charset=utf-8",
        signed: Some(signed_text(&sha1).into()),
        headers: vec![(SHA1_HEADER, sha1)],
        body: table.into(),
    }))
}

/// The mainland: the table's address, and its hash.
pub(super) fn tradebill(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let request =
        Request::read(&verified.incoming()).map_err(|error| verified.unreadable(error))?;
    let sub_mch_id = verified.one_of_its_own(wechat, &request.merchant)?;
    let bill_type = match parameter(verified, "bill_type") {
        None => BillType::All,
        Some(name) => BillType::parse(&name)
            .ok_or_else(|| bad(verified, "bill_type", Problem::UnknownValue))?,
    };
    let packed = match parameter(verified, "tar_type").as_deref() {
        None => "",
        Some("GZIP") => "&tartype=gzip",
        Some(_) => return Err(bad(verified, "tar_type", Problem::UnknownValue)),
    };
    let table = table(
        wechat,
        (&verified.merchant.mch_id, sub_mch_id),
        (request.date, bill_type),
        Region::Mainland,
        moment.now_ms,
    )?;
    let link = Link {
        hash_value: sha1_hex(table.as_bytes()),
        download_url: format!(
            "{}{FILE_PATH}?token={}.{}.{}{packed}",
            wechat.settings.public_url,
            request.date,
            bill_type.as_str(),
            sub_mch_id.unwrap_or("-"),
        ),
    };
    Ok(Done::json(link.to_json()))
}

/// The table at a link. It is not signed.
pub(super) fn file(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let token = parameter(verified, "token").unwrap_or_default();
    let asked_for = match token.split('.').collect::<Vec<_>>().as_slice() {
        [day, bill_type, sub] => Date::parse(day)
            .ok()
            .zip(BillType::parse(bill_type))
            .map(|wanted| (wanted, Some(*sub).filter(|sub| *sub != "-"))),
        _ => None,
    };
    let (wanted, sub_mch_id) =
        asked_for.ok_or_else(|| bad(verified, "token", Problem::BadFormat))?;
    let whose = (verified.merchant.mch_id.as_str(), sub_mch_id);
    let table = table(wechat, whose, wanted, Region::Mainland, moment.now_ms)?;
    let (content_type, body) = match parameter(verified, "tartype").as_deref() {
        Some("gzip") => ("application/x-gzip", gzip(&table)),
        _ => ("text/plain; charset=utf-8", table.into()),
    };
    Ok(Done::File(File {
        content_type,
        signed: None,
        headers: Vec::new(),
        body,
    }))
}

fn parameter(verified: &VerifiedRequest, name: &str) -> Option<String> {
    web::parameter(verified.query.as_bytes(), name).filter(|value| !value.is_empty())
}

fn bad(verified: &VerifiedRequest, field: &str, problem: Problem) -> Refusal {
    Refusal::of_field(verified, &FieldError::new(field, problem))
}

fn table(
    wechat: &WeChat,
    (mch_id, sub_mch_id): (&str, Option<&str>),
    (day, bill_type): (Date, BillType),
    region: Region,
    now_ms: i64,
) -> Result<String, Refusal> {
    let wanted = |order: &Order| {
        order.account.mch_id == mch_id
            && (sub_mch_id.is_none() || order.account.sub_mch_id.as_deref() == sub_mch_id)
    };
    let day = (day, kept_days(region));
    let rows = statement::rows(wechat, day, wanted, |state| bill_type.lists(state), now_ms);
    let rows = rows.map_err(|why| match why {
        NoStatement::NotReady => Refusal::saying(
            ErrorCode::StatementCreating,
            "账单生成中，请稍后再试 (ready at 10:00 on the next day, China time)",
        ),
        NoStatement::TooOld => Refusal::saying(
            ErrorCode::InvalidRequest,
            match region {
                Region::Global => "statements can be had for 180 days",
                Region::Mainland => {
                    "仅支持三个月内的账单下载申请 (statements can be had for 3 months)"
                }
            },
        ),
        NoStatement::Empty => Refusal::of(ErrorCode::NoStatementExist),
    })?;
    let bill = Bill::of(rows);
    Ok(match region {
        Region::Global => bill.to_csv(&Column::OVERSEAS, Language::English),
        Region::Mainland => bill.to_csv(&Column::MAINLAND, Language::Chinese),
    })
}
