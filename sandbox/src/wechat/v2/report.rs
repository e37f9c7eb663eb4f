//! Report speed testing (WeChat Pay v2 manual, section 9.8). `GET
//! /sandbox/reports` lists the reports.

use super::call::{Call, Done, VerifiedRequest};
use super::refusal::Refusal;
use crate::moment::Moment;
use crate::web;
use crate::wechat::rules::strict;
use crate::wechat::state::{Report, WeChat};
use wechatpay::v2::report;

pub(super) const CALL: Call = Call {
    appid_required: false,
    ..Call::new(
        report::PATH,
        &[
            &["nonce_str"],
            &["interface_url"],
            &["return_code"],
            &["result_code"],
            &["user_ip"],
            // Tencent's own SDKs write the second.
            &["execute_time_", "execute_time"],
        ],
        answer,
    )
};

/// The newest reports that are kept.
const MAX_REPORTS: usize = 200;

fn answer(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let mut read = verified.fields.clone();
    // The manual does not require it for this call only (section 9.8.4).
    read.set("appid", verified.account().appid.as_str());
    let request = report::Request::read(&read)?;
    if verified.merchant.strict {
        strict::ipv4("user_ip", request.user_ip)?;
    }
    let fields = verified
        .fields
        .iter()
        .filter(|(name, _)| !["sign", "nonce_str"].contains(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let report = Report {
        received_ms: moment.now_ms,
        fields: fields.collect(),
    };
    let id = wechat.next_id();
    wechat.reports.insert(&id, report);
    wechat.reports.keep_newest(MAX_REPORTS);
    Ok(Done::AsItIs(web::xml(report::Answer.to_fields().to_xml())))
}
