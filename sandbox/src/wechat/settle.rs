//! Refunds settle at their time, or because a tester ends them.

use crate::wechat::notify;
use crate::wechat::refunds::State;
use crate::wechat::state::WeChat;

/// Settles every refund that is due.
pub(crate) fn settle_refunds(wechat: &mut WeChat, now_ms: i64) {
    let due: Vec<(i64, String)> = wechat
        .refunds
        .settling()
        .filter(|(settles_ms, _)| *settles_ms <= now_ms)
        .map(|(settles_ms, refund)| (settles_ms, refund.key()))
        .collect();
    for (at_ms, key) in due {
        settle_refund(wechat, &key, State::Success { at_ms }, at_ms);
    }
}

/// Ends a refund in `state`, and notifies the merchant.
pub(crate) fn settle_refund(wechat: &mut WeChat, key: &str, state: State, at_ms: i64) {
    let Some(refund) = wechat.refunds.get_mut(key) else {
        return;
    };
    let was_change = matches!(refund.state, State::Change { .. });
    refund.state = state;
    if matches!(state, State::Change { .. }) {
        refund.recipient = "商户基本账户".to_owned();
    }
    let refund = refund.clone();
    let money = refund.money;
    if !matches!(state, State::Success { .. }) {
        wechat.add_funds(&refund.mch_id, money.currency(), money.amount_minor());
    } else if was_change {
        // The merchant's funds had received the money again.
        wechat.add_funds(&refund.mch_id, money.currency(), -money.amount_minor());
    }
    notify::refunded(wechat, &refund, at_ms);
}
