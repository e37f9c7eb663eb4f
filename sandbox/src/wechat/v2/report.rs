//! Report speed testing (seed 002, section 9.8). `GET /sandbox/reports` lists
//! what came.

use super::{Asked, Call, Done, Refusal};
use crate::moment::Moment;
use crate::wechat::rules::strict;
use crate::{Report, Sandbox, web};
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

fn answer(sandbox: &mut Sandbox, asked: &Asked, moment: &mut Moment<'_>) -> Result<Done, Refusal> {
    let mut read = asked.fields.clone();
    // Here alone the manual does not require it (section 9.8.4).
    read.set("appid", asked.account().appid.as_str());
    let request = report::Request::read(&read)?;
    if asked.merchant.strict {
        strict::ipv4("user_ip", request.user_ip)?;
    }
    let fields = asked
        .fields
        .iter()
        .filter(|(name, _)| !["sign", "nonce_str"].contains(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let report = Report {
        received_ms: moment.now_ms,
        fields: fields.collect(),
    };
    let id = sandbox.next_id();
    sandbox.reports.insert(&id, report);
    sandbox.reports.keep_newest(MAX_REPORTS);
    Ok(Done::AsItIs(web::xml(report::Answer.to_fields().to_xml())))
}
