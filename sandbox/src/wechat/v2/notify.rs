//! Notices of payments (WeChat Pay v2 manual, section 9.7) and refunds.

use crate::moment::Moment;
use crate::wechat::notices::Content;
use crate::wechat::orders::Order;
use crate::wechat::refunds::Refund;
use crate::wechat::state::WeChat;
use wechatpay::common::SignType;
use wechatpay::v2::{notify, refund_notify};

fn xml(body: String) -> Content {
    Content::Ready {
        content_type: "text/xml".to_owned(),
        body,
    }
}

/// A payment, signed as its order was.
pub(crate) fn payment(
    wechat: &WeChat,
    order: &Order,
    sign_type: SignType,
    moment: &mut Moment<'_>,
) -> Option<Content> {
    let merchant = wechat.merchants.get(&order.account.mch_id)?;
    let notice = notify::Notice {
        payment: order.payment()?.clone(),
        nonce_str: moment.nonce(),
        device_info: order.term("device_info").map(str::to_owned),
    };
    Some(xml(notice.to_xml(&merchant.secret(), sign_type)))
}

/// The notice of a refund's end.
pub(crate) fn refund(wechat: &WeChat, order: &Order, refund: &Refund) -> Option<Content> {
    let merchant = wechat.merchants.get(&refund.mch_id)?;
    let notice = refund_notify::Notice {
        account: order.account.clone(),
        nonce_str: refund.notice_nonce.clone(),
        refund: refund_notify::Refund {
            transaction_id: order.payment()?.transaction_id.clone(),
            out_trade_no: order.out_trade_no.clone(),
            refund_id: Some(refund.refund_id.clone()),
            out_refund_no: refund.out_refund_no.clone(),
            total_fee: order.money.amount_minor(),
            settlement_total_fee: Some(order.money.amount_minor()),
            refund_fee: refund.money.amount_minor(),
            settlement_refund_fee: Some(refund.money.amount_minor()),
            refund_status: refund.status(),
            success_time_ms: refund.success_ms(),
            refund_recv_accout: Some(refund.recipient.clone()),
            refund_account: Some(refund.refund_account.clone()),
            refund_request_source: Some("API".to_owned()),
        },
    };
    Some(xml(notice.to_xml(&merchant.secret())))
}
