//! 日本語, of the checkout only.

use super::form::{Texts, message};

pub(super) static TEXTS: Texts = Texts {
    locale: "ja",
    loading: "読み込み中…",
    slow_page: "読み込みに時間がかかっています。接続を確認して、もう一度読み込んでください。",
    reload: "再読み込み",
    offline: "オフラインです。接続が戻ると自動的に再開します。",
    item: "商品",
    order_number: "注文番号",
    paid_at: "支払日時",
    transaction_number: "取引番号",
    charged: "請求額",
    receipt: "レシートを見る",
    carried_by: "{mark} による安全なお支払い",
    reference: "問い合わせ番号",

    pay: "支払う",
    pay_again: "もう一度支払う",
    go_on_paying: "支払いを続ける",
    please_wait: "お待ちください…",
    connecting: "WeChatに接続しています…",
    bridge_missing: message(
        "WeChatが応答しません",
        "もう一度お試しください。または、このページを閉じてリンクを開き直してください。",
    ),
    sheet_open: message(
        "お支払いを完了してください",
        "WeChat\u{a0}Payの画面で支払いを確認してください。",
    ),
    sheet_slow: "WeChat\u{a0}Payの画面が見えないときは、もう一度開いてください。二重に請求されることはありません。",
    open_again: "WeChat\u{a0}Payをもう一度開く",
    cancelled: message(
        "お支払いがキャンセルされました",
        "この注文は引き続きお支払いいただけます。",
    ),
    failed: message(
        "お支払いに失敗しました",
        "もう一度試すか、WeChatで別の支払い方法を選んでください。",
    ),
    no_network: message(
        "接続がありません",
        "接続が戻ってから、もう一度お試しください。",
    ),

    confirming: message(
        "お支払いを確認しています…",
        "数秒かかります。もう一度支払わないでください。",
    ),
    confirming_slow: message(
        "WeChat\u{a0}Payからの確認を待っています",
        "お支払い済みの場合、操作は不要です。確認が届くとこのページは自動的に変わります。ページを閉じても、お店に通知されます。",
    ),
    check_again: "支払い結果を確認",
    not_paid_yet: "まだ支払っていません：WeChat\u{a0}Payを開く",
    paid: message("お支払いが完了しました", "{amount}"),
    partly_refunded: message(
        "一部返金済み",
        "お店がこのお支払いの一部を返金しました。お支払いに使った残高またはカードに戻ります。",
    ),
    refunded: message(
        "返金済み",
        "お店がこのお支払いを返金しました。お支払いに使った残高またはカードに戻ります。",
    ),
    to_merchant: "{merchant}に戻る",
    back_to_merchant: "お店に戻る",
    done: "完了",
    close: "閉じる",
    returning: "{left} 後にお店のページに戻ります",
    stay: "このページにとどまる",
    may_close: "このページを閉じてかまいません。",

    scan: message(
        "WeChatでスキャンしてお支払い",
        "WeChatを開き、「スキャン」でこのコードを読み取ってください。",
    ),
    scan_alt: "QRコード。WeChatでスキャンして、{merchant}に{amount}を支払います。",
    drawing_code: "コードを準備しています…",
    code_expires_in: "{left} 以内にお支払いください",
    code_expired: message(
        "コードの有効期限が切れました",
        "お支払い直後の場合は、しばらくお待ちください。それ以外は新しいコードを取得してください。",
    ),
    code_replaced: message(
        "このコードは使えなくなりました",
        "別の端末でお支払いが開かれました。その端末で完了するか、ここで新しいコードを取得してください。",
    ),
    new_code: "新しいコードを取得",
    pay_within: "お支払いの残り時間 {left}",

    away: message(
        "WeChatでお支払いを完了してください",
        "その後、このページに戻ってください。確認が届くと自動的に変わります。",
    ),
    i_have_paid: "支払いました",
    trouble_paying: "支払えない場合：もう一度支払う",
    not_seen: message(
        "お支払いはまだ確認できません",
        "お支払い直後の場合は、しばらくお待ちください。まだの場合は、今お支払いいただけます。",
    ),

    in_phone_browser: message(
        "WeChatで開いてください",
        "リンクをコピーし、WeChatのチャットに送信して、そこでタップするとお支払いいただけます。",
    ),
    in_other_app: message(
        "WeChatで開いてください",
        "このアプリではWeChat\u{a0}Payを使えません。リンクをコピーし、WeChatのチャットに送信して、そこでタップしてください。",
    ),
    in_mini_program: message(
        "WeChatのチャットで開いてください",
        "ミニプログラム内のページではお支払いできません。リンクをコピーし、WeChatのチャットに送信して、そこでタップしてください。",
    ),
    in_wecom: message(
        "WeChatで開いてください",
        "WeComではお支払いできません。リンクをコピーし、WeChatで開いてください。",
    ),
    wechat_too_old: message(
        "WeChatをアップデートしてください",
        "WeChatのバージョンが古すぎます。アップデートしてから、このリンクを開き直してください。",
    ),
    copy_link: "リンクをコピー",
    copied: "コピーしました",
    after_copying: "WeChatを開き、チャットにリンクを貼り付けて送信し、タップしてください。",
    open_wechat: "WeChatを開く",
    copy_by_hand: "リンクを選択してコピーしてください",
    link_code: "または、このコードをスクリーンショットで保存し、WeChatの「スキャン」でアルバムから選んでください。別の端末で読み取ることもできます",
    link_code_alt: "このページのリンクのQRコード",

    expired: message(
        "お支払いの期限が切れました",
        "お支払い直後の場合は、しばらくお待ちください。それ以外はお店にお問い合わせください。",
    ),
    closed: message(
        "この注文は終了しました",
        "お支払いはできません。ご不明な点はお店にお問い合わせください。",
    ),
    refused: message(
        "お支払いに失敗しました",
        "WeChat\u{a0}Payが承認しませんでした。お店で注文し直してください。",
    ),

    not_charged: "まだ請求されていません。",
    perhaps_charged: "請求済みの場合は、確認後このページに表示されます。",
    no_payment: "WeChat\u{a0}Payはこの注文のお支払いを受け取っていません。",
    opening_is_free: "このページを開いても請求されません。",
    unknown_link: message(
        "このリンクは無効です",
        "リンクが途中で切れている可能性があります。コピーし直すか、お店に新しいリンクを依頼してください。",
    ),
    expired_link: message(
        "リンクの有効期限が切れました",
        "お店に新しいリンクを依頼してください。",
    ),
    sign_in_again: message(
        "WeChatの認証に失敗しました",
        "WeChatアカウントを確認できませんでした。再読み込みしてください。",
    ),
    sign_in_lost: message(
        "WeChatの認証に失敗しました",
        "WeChatアカウントを確認できませんでした。お店のリンクを開き直してください。",
    ),
    cannot_sign_in: message(
        "現在WeChatでお支払いできません",
        "お店のWeChatアカウントの設定が完了していません。お店にお問い合わせください。",
    ),
    snapshot: message(
        "すべての機能を使用してください",
        "WeChatがこのページのプレビューを表示しているため、お支払いできません。下の「使用完整服务」（すべての機能を使用）をタップしてから、再読み込みしてください。",
    ),
    busy: message(
        "少々お待ちください",
        "あと数秒かかります。しばらくしてからお試しください。",
    ),
    wechat_unavailable: message(
        "WeChat\u{a0}Payが応答しません",
        "しばらくしてからもう一度お試しください。",
    ),
    merchant_problem: message(
        "このお支払いは受け付けられません",
        "WeChat\u{a0}Payがこのお店のお支払いを受け付けませんでした。注文番号を伝えて、お店にお問い合わせください。",
    ),
    not_selling: message(
        "お店は現在お支払いを受け付けていません",
        "現在こちらでは購入できません。お店にお問い合わせください。",
    ),
    other_problem: message(
        "お支払いを開始できませんでした",
        "こちらのシステムに問題があります。しばらくしてからお試しください。続く場合は、このページの番号を伝えて、お店にお問い合わせください。",
    ),
    try_again: "もう一度試す",
};
