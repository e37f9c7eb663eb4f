//! Platform certificates: those that a merchant can download now, each
//! encrypted with the merchant's APIv3 key. A merchant with only the public key
//! has none.

use super::call::{Done, Refusal, VerifiedRequest};
use crate::moment::Moment;
use crate::wechat::state::WeChat;
use wechatpay::Secret;
use wechatpay::v3::ErrorCode;
use wechatpay::v3::certificates::to_json;

pub(super) fn answer(
    _sandbox: &mut WeChat,
    verified: &VerifiedRequest,
    moment: &mut Moment<'_>,
) -> Result<Done, Refusal> {
    let certificates = verified.merchant.platform.certificates();
    if certificates.is_empty() {
        return Err(Refusal::saying(
            ErrorCode::ResourceNotExists,
            "无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥",
        ));
    }
    let nonces: Vec<String> = certificates
        .iter()
        .map(|_| moment.alphanumeric(12))
        .collect();
    let key = Secret::new(verified.merchant.apiv3_key.as_str());
    to_json(&certificates, &nonces, &key)
        .map(Done::json)
        .map_err(|_| Refusal::of(ErrorCode::SystemError))
}
