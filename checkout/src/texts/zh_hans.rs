//! 简体中文.

use super::form::{Texts, message};

pub(super) static TEXTS: Texts = Texts {
    locale: "zh-Hans",
    loading: "正在加载…",
    slow_page: "加载时间较长，请检查网络后重新打开页面。",
    reload: "重新加载",
    offline: "网络已断开，恢复后将自动重连。",
    item: "商品",
    order_number: "商户单号",
    paid_at: "支付时间",
    transaction_number: "交易单号",
    charged: "实际扣款",
    receipt: "查看收据",
    carried_by: "{mark} · 微信安全支付",
    reference: "参考编号",

    pay: "立即支付",
    pay_again: "重新支付",
    go_on_paying: "继续支付",
    please_wait: "请稍候…",
    connecting: "正在连接微信…",
    bridge_missing: message("微信没有响应", "请重试，或关闭页面后重新打开链接。"),
    sheet_open: message("请完成支付", "请在微信支付页面确认付款"),
    sheet_slow: "没有看到支付页面？点下方按钮重新打开，不会重复扣款。",
    open_again: "重新打开微信支付",
    cancelled: message("支付已取消", "可继续支付此订单。"),
    failed: message("支付失败", "请重试，或在微信中更换支付方式。"),
    no_network: message("网络不可用", "请在网络恢复后重试。"),

    confirming: message("支付结果确认中…", "通常只需几秒，请勿重复支付。"),
    confirming_slow: message(
        "仍在等待微信支付确认",
        "如已支付，无需再操作：收到确认后页面会自动更新，即使关闭页面，商户也会收到通知。",
    ),
    check_again: "查询支付结果",
    not_paid_yet: "还没付款，继续支付",
    paid: message("支付成功", "{amount}"),
    to_merchant: "完成",
    back_to_merchant: "返回商户",
    done: "完成",
    close: "关闭",
    returning: "{left} 后自动返回商户",
    stay: "留在此页面",
    may_close: "可以关闭此页面。",

    scan: message("请使用微信扫一扫", "扫描二维码完成支付"),
    scan_alt: "二维码。请用微信扫描，向{merchant}支付{amount}。",
    drawing_code: "正在生成二维码…",
    code_expires_in: "请在 {left} 内完成支付",
    code_expired: message("二维码已过期", "如已支付，请稍候；否则请刷新二维码。"),
    partly_refunded: message("已部分退款", "商户已退还部分款项，将原路退回。"),
    refunded: message("已退款", "商户已退款，款项将原路退回。"),
    code_replaced: message(
        "二维码已失效",
        "订单已在其他设备上打开，请在该设备上支付，或刷新二维码。",
    ),
    new_code: "刷新二维码",
    pay_within: "支付剩余时间 {left}",

    away: message(
        "请在微信中完成支付",
        "支付后请返回此页面，确认后页面会自动更新。",
    ),
    i_have_paid: "已完成支付",
    trouble_paying: "支付遇到问题，重新支付",
    not_seen: message(
        "暂未查询到支付结果",
        "如已支付，请稍后再试；尚未支付，可继续支付。",
    ),

    in_phone_browser: message(
        "请在微信中打开",
        "复制链接，在微信里发给“文件传输助手”，点开即可支付",
    ),
    in_other_app: message(
        "请在微信中打开",
        "当前应用不支持微信支付。复制链接，在微信里发给“文件传输助手”，点开即可支付。",
    ),
    in_mini_program: message(
        "请在微信聊天中打开",
        "小程序内的网页无法直接支付。复制链接，在微信里发给“文件传输助手”，点开即可支付。",
    ),
    in_wecom: message(
        "请在微信中打开",
        "企业微信内无法支付此订单。请复制链接，在微信中打开。",
    ),
    wechat_too_old: message("请更新微信", "当前微信版本过低，请更新后重试。"),
    copy_link: "复制链接",
    copied: "已复制",
    after_copying: "请打开微信，将链接粘贴发给“文件传输助手”，再点开支付。",
    open_wechat: "打开微信",
    copy_by_hand: "请长按选中链接后复制",
    link_code: "或截屏保存二维码，在微信“扫一扫”中从相册选取；也可用其他手机扫码",
    link_code_alt: "本页链接的二维码",

    expired: message("支付已超时", "如刚刚完成支付，请稍候；否则请联系商户。"),
    closed: message("订单已关闭", "该订单无法继续支付，如有疑问请联系商户。"),
    refused: message("支付失败", "微信支付未通过本次付款，请重新下单。"),

    not_charged: "尚未扣款。",
    perhaps_charged: "如已扣款，确认后本页会自动更新。",
    no_payment: "微信支付未收到此订单的付款。",
    opening_is_free: "打开此页面不会扣款。",
    unknown_link: message(
        "链接无效",
        "链接可能不完整，请重新复制，或联系商户获取新链接。",
    ),
    expired_link: message("链接已过期", "请联系商户获取新链接。"),
    cannot_sign_in: message(
        "暂时无法在微信中支付",
        "商户的微信账号尚未完成设置，请联系商户。",
    ),
    sign_in_again: message("微信授权失败", "请重新进入页面。"),
    sign_in_lost: message("微信授权失败", "请重新打开商户提供的链接。"),
    snapshot: message(
        "请使用完整服务",
        "当前为页面快照，无法支付。请点击屏幕下方的“使用完整服务”，再重新加载。",
    ),
    busy: message("请稍候", "还需要几秒钟，请稍后再试。"),
    wechat_unavailable: message("微信支付系统繁忙", "请稍后再试。"),
    merchant_problem: message(
        "暂时无法支付",
        "微信支付未受理该商户的这笔收款，请联系商户并提供商户单号。",
    ),
    not_selling: message("商户暂停收款", "目前无法在此购买，请联系商户。"),
    other_problem: message(
        "系统异常",
        "请稍后再试；多次失败请联系商户，并提供本页显示的编号。",
    ),
    try_again: "重试",
};
