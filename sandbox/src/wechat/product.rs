//! Native mode 1: a payer scans a product's QR code, and WeChat requests an
//! order from the merchant (WeChat Pay v2 manual, sections 6.3 and 6.4).
//!
//! ```text
//! a scan of weixin://wxpay/bizpayurl?sign=…&product_id=…
//!   [`callback`]      checks the QR code's sign; the request to native_callback_url
//!   [`order_to_pay`]  reads the merchant's signed answer; the order of its prepay_id
//! ```
//!
//! Each scan makes an order. To pay the order of a sheet that is shown, call
//! `POST /sandbox/pay` with the `order` of the answer.

use crate::moment::Moment;
use crate::web::{CallOutcome, Request};
use crate::wechat::payer_action::{Action, SheetRefusal};
use crate::wechat::payers::Payer;
use crate::wechat::state::WeChat;
use order::Account;
use wechatpay::common::{SignType, Text};
use wechatpay::v2::answer::AnswerError;
use wechatpay::v2::native::{self, Callback, ProductUrl};

/// A scan whose callback is in flight.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    pub(crate) payer: Payer,
    pub(crate) action: Option<Action>,
    account: Account,
    sign_type: SignType,
}

/// The callback that a scan requires. `None` where the scanned URL is not a
/// product, or its merchant cannot be called.
pub(crate) fn callback(
    wechat: &WeChat,
    payer: Payer,
    code_url: &str,
    action: Option<Action>,
    moment: &mut Moment<'_>,
) -> Option<(Request, Scan)> {
    let url = wechat.scanned(code_url);
    let (product, sign_type, callback_url) = look(wechat, &url).ok()?;
    let merchant = wechat.merchants.get(product.mch_id.as_str())?;
    let account = Account {
        appid: merchant.appid.clone(),
        mch_id: merchant.mch_id.clone(),
        sub_appid: None,
        sub_mch_id: None,
    };
    let callback = Callback {
        openid: Text::new("openid", &payer.openid(&merchant.appid)).ok()?,
        is_subscribe: Some(payer.is_subscribe().to_owned()),
        product_id: product.product_id,
        nonce_str: Text::new("nonce_str", &moment.nonce()).ok()?,
        account: account.clone(),
    };
    let body = callback.to_xml(&merchant.secret(), sign_type);
    let request = http::Request::post(callback_url)
        .header("content-type", "text/xml")
        .header("user-agent", "Mozilla/4.0")
        .body(body.into_bytes())
        .ok()?;
    let scan = Scan {
        payer,
        action,
        account,
        sign_type,
    };
    Some((request, scan))
}

/// Whether the scanned text is a product's QR code, and not an order's.
pub(crate) fn is_one(url: &str) -> bool {
    ProductUrl::fields_of(url).is_ok_and(|fields| fields.get("product_id").is_some())
}

/// The product, the sign type of its QR code, and the URL to request an order
/// from.
pub(crate) fn look(
    wechat: &WeChat,
    url: &str,
) -> Result<(ProductUrl, SignType, String), SheetRefusal> {
    let bad_form =
        |message: String| SheetRefusal::new("PRODUCT_URL_FORMAT", "二维码已失效", message);
    let fields = ProductUrl::fields_of(url).map_err(|error| bad_form(error.to_string()))?;
    let product = ProductUrl::read(&fields).map_err(|error| bad_form(error.to_string()))?;
    let merchant = wechat
        .merchants
        .get(product.mch_id.as_str())
        .filter(|merchant| merchant.appid == product.appid.as_str())
        .ok_or_else(|| {
            SheetRefusal::new(
                "MERCHANT_UNKNOWN",
                "商户号与appid不匹配",
                "the QR code's appid and mch_id are not a merchant of this sandbox",
            )
        })?;
    // The URL does not contain its sign type.
    let sign_type = [SignType::Md5, SignType::HmacSha256]
        .into_iter()
        .find(|sign_type| fields.verify(&merchant.secret(), *sign_type).is_ok());
    let sign_type = sign_type.ok_or_else(|| {
        SheetRefusal::new(
            "PRODUCT_SIGN_MISMATCH",
            "签名错误",
            "the QR code's sign is not the merchant key's signature over its other parameters",
        )
    })?;
    let callback_url = merchant.native_callback_url.clone().ok_or_else(|| {
        SheetRefusal::new(
            "NO_CALLBACK_URL",
            "商户未设置支付回调URL",
            "give the merchant a native_callback_url: POST /sandbox/merchants/{mch_id}",
        )
    })?;
    Ok((product, sign_type, callback_url))
}

/// The order to pay, from the merchant's answer.
pub(crate) fn order_to_pay(
    wechat: &WeChat,
    scan: &Scan,
    outcome: &CallOutcome,
) -> Result<String, SheetRefusal> {
    let failed = |message: String| {
        SheetRefusal::new("CALLBACK_FAILED", "商户系统无响应，请稍后重试", message)
    };
    let answer = outcome
        .as_ref()
        .map_err(|why| failed(format!("the merchant's native_callback_url: {why}")))?;
    if !answer.status().is_success() {
        return Err(failed(format!(
            "the merchant's native_callback_url answered {}",
            answer.status()
        )));
    }
    let merchant = wechat.merchants.get(&scan.account.mch_id);
    let merchant = merchant.ok_or_else(|| failed("the merchant is gone".into()))?;
    let key = merchant.secret();
    let told = native::Answer::read(answer.body(), &scan.account, &key, scan.sign_type);
    let prepay_id = match told {
        Ok(told) => told.prepay_id,
        Err(AnswerError::Refused { description, .. }) => {
            return Err(SheetRefusal::new(
                "MERCHANT_REFUSED",
                description,
                "the merchant does not sell this: err_code_des is for the payer",
            ));
        }
        Err(error) => {
            return Err(SheetRefusal::new(
                "CALLBACK_ANSWER",
                "商户返回的数据有误",
                error.to_string(),
            ));
        }
    };
    wechat
        .orders
        .by_prepay_id(prepay_id.as_str())
        .filter(|order| order.account.mch_id == scan.account.mch_id)
        .map(|order| order.key())
        .ok_or_else(|| {
            SheetRefusal::new(
                "UNKNOWN_PREPAY_ID",
                "支付订单不存在，请重新下单",
                "the merchant's answer names a prepay_id that is no order of its own",
            )
        })
}
