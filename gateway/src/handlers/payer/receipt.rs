//! `GET /pay/receipt?r=…`: what was bought, paid and refunded. The address is the
//! only authentication, so the page shows no openid.

use super::{error_page, icon, lang_of, share_image};
use crate::book::{ReceiptFacts, charged, command};
use crate::http::error::{ApiError, Code};
use crate::http::message::{answer, query, set};
use crate::merchants::directory::MerchantContext;
use crate::merchants::time_zone;
use crate::render::receipt::{Returned, Sheet};
use crate::runtime::{Request, Response, Runtime};
use crate::services::Services;
use checkout::Line;
use http::header;
use jiff::Timestamp;
use order::RefundStatus;
use std::rc::Rc;

/// `GET /pay/receipt`.
pub async fn receipt<R: Runtime>(cx: &Services<R>, request: &Request) -> Response {
    let found = find(cx, request).await;
    match found.and_then(|(context, facts)| drawn(cx, request, &context, &facts)) {
        Ok(response) => response,
        Err(error) => {
            error.log_cause(&cx.runtime);
            error_page(cx, request, error.code).await
        }
    }
}

async fn find<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<(Rc<MerchantContext>, ReceiptFacts), ApiError> {
    let not_found = || ApiError::of(Code::ReceiptNotFound);
    let id = query(request).remove("r").ok_or_else(not_found)?;
    let (merchant, receipt) = id.split_once('.').ok_or_else(not_found)?;
    let directory = &cx.directory;
    let context = directory.by_id(&cx.runtime, &cx.config.master_key, merchant);
    let context = context.await?.ok_or_else(not_found)?;
    let facts = cx.book(merchant, command::FindReceipt(receipt.to_owned()));
    Ok((context, facts.await?))
}

fn drawn<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
    context: &MerchantContext,
    facts: &ReceiptFacts,
) -> Result<Response, ApiError> {
    let ReceiptFacts { order, checkout } = facts;
    let merchant = &context.merchant;
    let terms = order.terms();
    let not_found = || ApiError::of(Code::ReceiptNotFound);
    let paid = order.paid().ok_or_else(not_found)?;
    let payment = &paid.payment;
    let purchase = checkout.as_ref().map(|checkout| &checkout.purchase);
    let lang = lang_of(request, purchase.and_then(|purchase| purchase.lang));
    let paid_at_ms = wechatpay::common::time::parse_china(&payment.time_end);
    let time = |at_ms: i64| written(at_ms, &merchant.time_zone);
    let refunds: Vec<Returned> = order
        .refunds()
        .iter()
        .filter_map(|refund| {
            let is_done = match refund.status {
                RefundStatus::Success => true,
                RefundStatus::Processing => false,
                RefundStatus::Asked | RefundStatus::Closed | RefundStatus::Abnormal => return None,
            };
            Some(Returned {
                money: refund.money,
                at: time(refund.asked_at_ms),
                is_done,
            })
        })
        .collect();
    let lines: &[Line] = purchase.map_or(&[], |purchase| &purchase.lines);
    let number = purchase.map_or(&terms.out_trade_no, |purchase| &purchase.out_trade_no);
    let number = number.to_string();
    let brand = cx.config.brand(merchant);
    let nonce = cx.random_text(22);
    let sheet = Sheet {
        merchant: &merchant.name,
        brand: &brand,
        lang,
        money: terms.money,
        body: &terms.body,
        lines,
        paid_at: &time(paid_at_ms.unwrap_or(paid.recorded_at_ms)),
        out_trade_no: &number,
        transaction_id: &payment.transaction_id,
        charged: charged(
            terms.money,
            payment.cash_fee,
            payment.cash_fee_type.as_deref(),
        ),
        refunds: &refunds,
        says: merchant.receipt_text.as_deref(),
        is_test: cx.config.is_test,
        icon: &icon(cx, merchant),
        image: &share_image(cx, merchant),
        nonce: &nonce,
    };
    let mut response = answer(200, "text/html; charset=utf-8", sheet.html());
    // As on the checkout's page.
    let images = &cx.config.public_url;
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; \
         img-src 'self' {images}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    set(&mut response, header::CONTENT_SECURITY_POLICY, &policy);
    set(&mut response, header::X_FRAME_OPTIONS, "DENY");
    set(&mut response, header::VARY, "user-agent, accept-language");
    Ok(response)
}

/// A time in the merchant's time zone: `2026-01-31 15:04 (Asia/Hong_Kong)`.
fn written(at_ms: i64, zone: &str) -> String {
    let time = Timestamp::from_millisecond(at_ms).ok();
    let Some((time, tz)) = time.zip(time_zone::find(zone)) else {
        return String::new();
    };
    let at = tz.to_datetime(time);
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02} ({zone})",
        at.year(),
        at.month(),
        at.day(),
        at.hour(),
        at.minute()
    )
}
