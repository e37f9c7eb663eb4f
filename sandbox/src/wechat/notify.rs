//! Makes notices and returns those that are due.

use crate::moment::{Moment, bytes_of};
use crate::wechat::dialect::Dialect;
use crate::wechat::notices::{Content, Letter, Outgoing};
use crate::wechat::refunds::Refund;
use crate::wechat::state::WeChat;
use crate::wechat::{ionline, v2, v3};

/// Notifies the merchant of a payment, where the order has a `notify_url`.
pub(crate) fn paid(wechat: &mut WeChat, key: &str, moment: &mut Moment<'_>) {
    let Some(order) = wechat.orders.get(key) else {
        return;
    };
    let Some(url) = order.term("notify_url") else {
        return;
    };
    let content = match order.dialect {
        Dialect::V2 { sign_type } => v2::payment_notice(wechat, order, sign_type, moment),
        Dialect::V3Global | Dialect::V3Mainland => v3::notify::payment(order, moment),
        Dialect::Ionline => ionline::payment_notice(wechat, order, moment),
    };
    if let Some(content) = content {
        let letter = Letter {
            mch_id: order.account.mch_id.clone(),
            out_trade_no: order.out_trade_no.clone(),
            url: url.to_owned(),
            dialect: order.dialect,
            schedule: wechat.notice_schedule(&order.account.mch_id),
            content,
        };
        add(wechat, &letter, moment.now_ms);
    }
}

/// Notifies the merchant of the end of a refund, where the refund has a
/// `notify_url`.
pub(crate) fn refunded(wechat: &mut WeChat, refund: &Refund, at_ms: i64) {
    let (Some(url), Some(order)) = (&refund.notify_url, wechat.orders.get(&refund.order_key))
    else {
        return;
    };
    let content = match refund.dialect {
        Dialect::V2 { .. } => v2::refund_notice(wechat, order, refund),
        Dialect::V3Global | Dialect::V3Mainland => Some(v3::notify::refund(refund, at_ms)),
        // iOnline sends no notice of a refund: merchants query it.
        Dialect::Ionline => None,
    };
    if let Some(content) = content {
        let letter = Letter {
            mch_id: refund.mch_id.clone(),
            out_trade_no: refund.out_trade_no.clone(),
            url: url.clone(),
            dialect: refund.dialect,
            schedule: wechat.notice_schedule(&refund.mch_id),
            content,
        };
        add(wechat, &letter, at_ms);
    }
}

/// Adds a notice, with the copies and the delay that the faults set.
fn add(wechat: &mut WeChat, letter: &Letter, now_ms: i64) {
    let delay_ms = wechat.faults.delay_notices_seconds.saturating_mul(1000);
    let due_ms = now_ms.saturating_add(delay_ms);
    for _ in 0..=wechat.faults.duplicate_notices {
        let id = wechat.next_id();
        wechat.notices.add(id, letter.clone(), due_ms);
    }
}

/// A notice in the form of this attempt.
pub(crate) fn outgoing(wechat: &mut WeChat, id: &str, now_ms: i64) -> Option<Outgoing> {
    let notice = wechat.notices.get(id)?.clone();
    let (headers, body) = match &notice.letter.content {
        Content::Ready { content_type, body } => {
            let content_type = ("Content-Type".to_owned(), content_type.clone());
            (vec![content_type], body.clone())
        }
        Content::Event { .. } => {
            let attempt = notice.attempts_made();
            let mut random = bytes_of(format!("{id}\n{attempt}\n{now_ms}"));
            let mut moment = Moment::new(now_ms, wechat.offset_ms, &mut random);
            v3::notify::seal(wechat, &notice, &mut moment)?
        }
    };
    Some(Outgoing {
        id: id.to_owned(),
        url: notice.letter.url,
        headers,
        body,
    })
}
