//! WeChat itself: WeChat Pay v2, APIv3 and iOnline over one set of orders and
//! refunds, OAuth, the merchants and the payers.
//!
//! From the bottom up: [`state`] holds the rows and the clock, [`rules`]
//! decides which changes of an order are allowed, [`v2`], [`v3`] and
//! [`ionline`] read requests and write answers and notices, [`notify`] makes
//! notices, [`settle`] ends refunds, and [`invoke`] is the payer's payment.

pub(crate) mod accounts;
pub(crate) mod dialect;
pub(crate) mod faults;
pub(crate) mod invoke;
pub(crate) mod ionline;
pub(crate) mod keys;
pub(crate) mod mweb;
pub(crate) mod notices;
pub(crate) mod notify;
pub(crate) mod oauth;
pub(crate) mod orders;
pub(crate) mod paycodes;
pub(crate) mod payer_action;
pub(crate) mod payers;
pub(crate) mod platform;
pub(crate) mod product;
pub(crate) mod refunds;
pub(crate) mod rsa;
pub(crate) mod rules;
pub(crate) mod settle;
pub(crate) mod state;
pub(crate) mod v2;
pub(crate) mod v3;

use crate::moment::Moment;
use crate::web::{Answer, Request};
use http::Method;
use notices::Outgoing;
use state::WeChat;

/// Answers a request to one of WeChat's paths; `None` for any other.
pub(crate) fn handle(
    wechat: &mut WeChat,
    request: &Request,
    moment: &mut Moment<'_>,
) -> Option<Answer> {
    let path = request.uri().path();
    if v3::handles_path(path) {
        return Some(v3::handle(wechat, request, moment));
    }
    if ionline::handles_path(path) {
        return Some(ionline::handle(wechat, request, moment));
    }
    if v2::handles_path(path) {
        return Some(v2::handle(wechat, path, request, moment));
    }
    let get = request.method() == Method::GET || request.method() == Method::HEAD;
    match path {
        "/connect/oauth2/authorize" => Some(oauth::authorize(
            &wechat.merchants,
            &mut wechat.codes,
            request,
            moment,
        )),
        "/sns/oauth2/access_token" => Some(oauth::access_token(
            &wechat.merchants,
            &mut wechat.codes,
            request,
            moment,
        )),
        wechatpay::code2session::PATH => Some(oauth::jscode2session(
            &wechat.merchants,
            &mut wechat.codes,
            request,
            moment,
        )),
        mweb::PATH if request.method() == Method::POST => Some(mweb::act(wechat, request, moment)),
        mweb::PATH if get => Some(mweb::show(wechat, request)),
        _ => None,
    }
}

/// When [`due`] will next return a notice or settle a refund, if ever: WeChat's
/// time.
pub(crate) fn next_due_ms(wechat: &WeChat) -> Option<i64> {
    let notice_ms = if wechat.faults.hold_notices {
        None
    } else {
        wechat.notices.next_due_ms()
    };
    let settled_ms = wechat.refunds.next_settled_ms();
    notice_ms.into_iter().chain(settled_ms).min()
}

/// Settles the refunds that are due, and returns the notices that are due.
/// `now_ms` is the caller's time.
pub(crate) fn due(wechat: &mut WeChat, now_ms: i64) -> Vec<Outgoing> {
    let own_ms = now_ms.saturating_add(wechat.offset_ms);
    settle::settle_refunds(wechat, own_ms);
    if wechat.faults.hold_notices {
        return Vec::new();
    }
    let due = wechat.notices.due(own_ms);
    due.iter()
        .filter_map(|id| notify::outgoing(wechat, id, now_ms))
        .collect()
}
