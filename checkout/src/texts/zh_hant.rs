//! 繁體中文, as in Hong Kong.

use super::form::{Texts, message};

pub(super) static TEXTS: Texts = Texts {
    locale: "zh-Hant",
    loading: "正在載入…",
    slow_page: "載入時間較長，請檢查網絡後重新開啟頁面。",
    reload: "重新載入",
    offline: "網絡已中斷，恢復後將自動重新連線。",
    item: "商品",
    order_number: "商戶單號",
    paid_at: "付款時間",
    transaction_number: "交易單號",
    charged: "實際扣款",
    receipt: "查看收據",
    carried_by: "{mark} · 微信安全支付",
    reference: "參考編號",

    pay: "立即付款",
    pay_again: "重新付款",
    go_on_paying: "繼續付款",
    please_wait: "請稍候…",
    connecting: "正在連接微信…",
    bridge_missing: message("微信沒有回應", "請重試，或關閉頁面後重新開啟連結。"),
    sheet_open: message("請完成付款", "請在微信支付頁面確認付款"),
    sheet_slow: "沒有看到付款頁面？按下方按鈕重新開啟，不會重複扣款。",
    open_again: "重新開啟微信支付",
    cancelled: message("付款已取消", "可繼續為此訂單付款。"),
    failed: message("付款失敗", "請重試，或在微信中更換付款方式。"),
    no_network: message("沒有網絡連線", "請在網絡恢復後重試。"),

    confirming: message("付款結果確認中…", "通常只需幾秒，請勿重複付款。"),
    confirming_slow: message(
        "仍在等待微信支付確認",
        "如已付款，無需再操作：收到確認後頁面會自動更新，即使關閉頁面，商戶也會收到通知。",
    ),
    check_again: "查詢付款結果",
    not_paid_yet: "還未付款，繼續付款",
    paid: message("付款成功", "{amount}"),
    to_merchant: "完成",
    back_to_merchant: "返回商戶",
    done: "完成",
    close: "關閉",
    returning: "{left} 後自動返回商戶",
    stay: "留在此頁面",
    may_close: "可以關閉此頁面。",

    scan: message("請使用微信掃一掃", "掃描二維碼完成付款"),
    scan_alt: "二維碼。請用微信掃描，向{merchant}支付{amount}。",
    drawing_code: "正在產生二維碼…",
    code_expires_in: "請在 {left} 內完成付款",
    code_expired: message("二維碼已過期", "如已付款，請稍候；否則請更新二維碼。"),
    partly_refunded: message("已部分退款", "商戶已退還部分款項，將原路退回。"),
    refunded: message("已退款", "商戶已退款，款項將原路退回。"),
    code_replaced: message(
        "二維碼已失效",
        "訂單已在其他裝置上開啟，請在該裝置上付款，或更新二維碼。",
    ),
    new_code: "更新二維碼",
    pay_within: "付款剩餘時間 {left}",

    away: message(
        "請在微信中完成付款",
        "付款後請返回此頁面，確認後頁面會自動更新。",
    ),
    i_have_paid: "已完成付款",
    trouble_paying: "付款遇到問題，重新付款",
    not_seen: message(
        "暫未查詢到付款結果",
        "如已付款，請稍後再試；尚未付款，可繼續付款。",
    ),

    in_phone_browser: message(
        "請在微信中開啟",
        "複製連結，在微信中傳送給「檔案傳輸」，開啟後即可付款",
    ),
    in_other_app: message(
        "請在微信中開啟",
        "目前的應用程式不支援微信支付。複製連結，在微信中傳送給「檔案傳輸」，開啟後即可付款。",
    ),
    in_mini_program: message(
        "請在微信聊天中開啟",
        "小程序內的網頁無法直接付款。複製連結，在微信中傳送給「檔案傳輸」，開啟後即可付款。",
    ),
    in_wecom: message(
        "請在微信中開啟",
        "企業微信內無法為此訂單付款。請複製連結，在微信中開啟。",
    ),
    wechat_too_old: message("請更新微信", "目前的微信版本過舊，請更新後重試。"),
    copy_link: "複製連結",
    copied: "已複製",
    after_copying: "請開啟微信，將連結貼上並傳送給「檔案傳輸」，再按連結付款。",
    open_wechat: "開啟微信",
    copy_by_hand: "請長按選取連結後複製",
    link_code: "或截圖儲存二維碼，在微信「掃一掃」中從相簿選取；也可用其他手機掃碼",
    link_code_alt: "本頁連結的二維碼",

    expired: message("付款已逾時", "如剛剛完成付款，請稍候；否則請聯絡商戶。"),
    closed: message("訂單已關閉", "此訂單無法繼續付款，如有疑問請聯絡商戶。"),
    refused: message("付款失敗", "微信支付未通過本次付款，請重新下單。"),

    not_charged: "尚未扣款。",
    perhaps_charged: "如已扣款，確認後本頁會自動更新。",
    no_payment: "微信支付未收到此訂單的付款。",
    opening_is_free: "開啟此頁面不會扣款。",
    unknown_link: message(
        "連結無效",
        "連結可能不完整，請重新複製，或聯絡商戶索取新連結。",
    ),
    expired_link: message("連結已過期", "請聯絡商戶索取新連結。"),
    cannot_sign_in: message(
        "暫時無法在微信中付款",
        "商戶的微信帳號尚未完成設定，請聯絡商戶。",
    ),
    sign_in_again: message("微信授權失敗", "請重新進入頁面。"),
    sign_in_lost: message("微信授權失敗", "請重新開啟商戶提供的連結。"),
    snapshot: message(
        "請使用完整服務",
        "目前為頁面快照，無法付款。請按螢幕下方的「使用完整服務」，再重新載入。",
    ),
    busy: message("請稍候", "還需要幾秒鐘，請稍後再試。"),
    wechat_unavailable: message("微信支付系統繁忙", "請稍後再試。"),
    merchant_problem: message(
        "暫時無法付款",
        "微信支付未受理此商戶的這筆收款，請聯絡商戶並提供商戶單號。",
    ),
    not_selling: message("商戶暫停收款", "目前無法在此購買，請聯絡商戶。"),
    other_problem: message(
        "系統異常",
        "請稍後再試；多次失敗請聯絡商戶，並提供本頁顯示的編號。",
    ),
    try_again: "重試",
};
