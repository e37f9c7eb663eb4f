//! Short URL (WeChat Pay v2 manual, section 9.9). The phone scans it like the
//! long URL.

use super::call::{Call, Done, VerifiedRequest};
use super::refusal::Refusal;
use crate::moment::Moment;
use crate::wechat::state::WeChat;
use wechatpay::common::Problem;
use wechatpay::v2::ErrorCode;
use wechatpay::v2::shorturl::{self, SHORT_URL_PREFIX};

pub(super) const CALL: Call = Call {
    as_signed: shorturl::as_signed,
    ..Call::new(shorturl::PATH, &[&["nonce_str"], &["long_url"]], answer)
};

fn answer(
    wechat: &mut WeChat,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let request = shorturl::Request::read(&verified.fields).map_err(|error| {
        if error.field == "long_url" && error.problem == Problem::BadFormat {
            Refusal::Signed(
                ErrorCode::UrlFormatError,
                "URL格式错误 (send weixin://wxpay/bizpayurl?…)".into(),
            )
        } else {
            error.into()
        }
    })?;
    verified.check_sub_merchant(wechat)?;
    let long_url = request.long_url.as_str();
    let known = wechat
        .short_urls
        .iter()
        .find(|(_, known)| *known == long_url)
        .map(|(short_url, _)| short_url.to_owned());
    let short_url = known.unwrap_or_else(|| {
        let short_url = format!("{SHORT_URL_PREFIX}{}", moment.alphanumeric(7));
        wechat.short_urls.insert(&short_url, long_url.to_owned());
        short_url
    });
    let answer = shorturl::Answer { short_url };
    let fields = answer.to_fields(&verified.account(), &moment.nonce());
    Ok(fields.into())
}
