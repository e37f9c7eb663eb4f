//! Every text of the console, in three languages side by side: English, 简体中文,
//! 繁體中文. Names of things are those of WeChat Pay's own merchant platform.
//!
//! The console's program has only the place of each text. The build writes one
//! file for each language ([`file`]), and a browser loads that of its reader.

/// The languages of the console by their BCP 47 tags, in the order of the texts.
pub const LANGUAGES: [&str; 3] = ["en", "zh-Hans", "zh-Hant"];

/// A text: its place in the file of each language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text(u16);

impl Text {
    /// The number of the text's line in the file of each language, from 0.
    #[must_use]
    pub const fn line(self) -> usize {
        self.0 as usize
    }
}

/// The file of a language, by its place in [`LANGUAGES`]: one text on each line.
#[must_use]
pub fn file(language: usize) -> String {
    let texts = ALL_TEXTS
        .iter()
        .filter_map(|(_, texts)| texts.get(language));
    texts.copied().collect::<Vec<_>>().join("\n")
}

macro_rules! texts {
    ($($name:ident $en:literal $hans:literal $hant:literal;)*) => {
        /// The places of the texts.
        #[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "the names of the texts")]
        enum Place {
            $($name,)*
        }

        $(#[doc = $en] pub const $name: Text = Text(Place::$name as u16);)*

        /// Every text with its name.
        const ALL_TEXTS: &[(&str, [&str; 3])] = &[$((stringify!($name), [$en, $hans, $hant]),)*];
    };
}

texts! {
    // The frame.
    TODAY "Today" "今日" "今日";
    ORDERS "Orders" "订单" "訂單";
    TILL "Till" "收银台" "收銀台";
    LINKS "Links & QR" "收款码" "收款碼";
    DELIVERIES "Deliveries" "通知" "通知";
    KEYS "Keys" "密钥" "密鑰";
    PEOPLE "People" "员工" "員工";
    SETTINGS "Settings" "设置" "設定";
    LOG "Log" "操作记录" "操作記錄";
    ACCOUNT "My account" "我的账号" "我的帳號";
    MORE "More" "更多" "更多";
    NAVIGATION "Pages" "导航" "導覽";
    SKIP "Skip to the page" "跳到正文" "跳到正文";
    SIGN_OUT "Sign out" "退出登录" "登出";
    TEST "TEST" "测试环境" "測試環境";
    LOADING "Loading…" "加载中…" "載入中…";
    OFFLINE "You’re offline. What you see may be out of date; it updates when the network is back." "网络已断开。当前内容可能不是最新，恢复网络后会自动更新。" "網絡已斷開。目前內容可能不是最新，恢復網絡後會自動更新。";
    UNREACHABLE "The server can’t be reached" "无法连接服务器" "無法連接伺服器";
    TRY_AGAIN "Try again" "重试" "重試";
    CLOSE "Close" "关闭" "關閉";
    CANCEL "Cancel" "取消" "取消";
    BACK "Back" "返回" "返回";
    SAVE "Save" "保存" "儲存";
    SAVED "Saved" "已保存" "已儲存";
    DONE "Done" "完成" "完成";
    CHANGE "Change" "修改" "修改";
    DELETE "Delete" "删除" "刪除";
    REMOVE "Remove" "移除" "移除";
    CONFIRM "Confirm" "确认" "確認";
    COPY "Copy" "复制" "複製";
    COPIED "Copied" "已复制" "已複製";
    NOT_COPIED "Couldn’t copy. Select the text and copy it." "复制失败，请选中文字手动复制。" "複製失敗，請選取文字手動複製。";
    LOAD_MORE "Load more" "加载更多" "載入更多";
    NOTHING_FOUND "Nothing matches." "没有符合条件的记录。" "沒有符合條件的記錄。";
    ALL "All" "全部" "全部";
    ON "On" "启用中" "啟用中";
    OFF "Off" "已停用" "已停用";
    SWITCH_ON "Switch on" "启用" "啟用";
    SWITCH_OFF "Switch off" "停用" "停用";
    YOU "You" "本人" "本人";
    UNTIL "until {time}" "有效期至 {time}" "有效期至 {time}";
    MORE_OPTIONS "More options" "更多选项" "更多選項";
    SECONDS "{n} seconds" "{n} 秒" "{n} 秒";
    MINUTES "{n} minutes" "{n} 分钟" "{n} 分鐘";

    // Signing in.
    SIGN_IN "Sign in" "登录" "登入";
    TO_SIGN_IN "To the sign-in page" "前往登录" "前往登入";
    LOGIN "Login name" "登录名" "登入名稱";
    PASSWORD "Password" "密码" "密碼";
    CODE "Code" "验证码" "驗證碼";
    CODE_HINT "Six digits from your authenticator app, or a recovery code." "身份验证器中的 6 位数字，或一个恢复码。" "驗證器中的 6 位數字，或一個復原碼。";
    NO_LOGIN "No login yet? The shop’s owner can send you an invitation." "还没有账号？请店主发送邀请链接。" "還沒有帳號？請店主傳送邀請連結。";
    JOIN "Join" "加入" "加入";
    JOIN_SHOP "Join {shop}" "加入 {shop}" "加入 {shop}";
    YOUR_ROLE "Your role: {role}." "你的角色：{role}。" "你的角色：{role}。";
    YOUR_NAME "Your name" "姓名" "姓名";
    NEW_PASSWORD "New password" "新密码" "新密碼";
    LOGIN_RULE "3 to 64 letters, digits or . _ - @ +" "3 至 64 位小写字母、数字或 . _ - @ +" "3 至 64 位小寫字母、數字或 . _ - @ +";
    PASSWORD_RULE "At least 10 characters, 5 of them different, without your login name." "至少 10 个字符，其中 5 个不同，且不能包含登录名。" "至少 10 個字元，其中 5 個不同，且不能包含登入名稱。";
    SIGN_IN_AGAIN "Please sign in again." "登录已失效，请重新登录。" "登入已失效，請重新登入。";
    SIGN_IN_REFUSED "Login name or password is wrong. Check both, and whether Caps Lock is on." "登录名或密码错误。请检查后重试，并留意大小写锁定。" "登入名稱或密碼錯誤。請檢查後重試，並留意大小寫鎖定。";
    CODE_NEEDED "Enter the code from your authenticator app." "请输入身份验证器中的验证码。" "請輸入驗證器中的驗證碼。";
    CODE_WRONG "This code isn’t valid. Wait for the next one and enter it." "验证码无效。请等待下一个验证码再输入。" "驗證碼無效。請等待下一個驗證碼再輸入。";
    PASSWORD_WRONG "The password is wrong." "密码错误。" "密碼錯誤。";
    TOO_MANY_SIGN_INS "Too many wrong attempts. Wait {wait} and try again." "错误次数过多，请 {wait}后再试。" "錯誤次數過多，請 {wait}後再試。";
    INVITATION_GONE "This link has been used, withdrawn, or has expired. Ask the shop’s owner for a new one." "此链接已使用、已撤回或已过期。请店主重新发送。" "此連結已使用、已撤回或已過期。請店主重新傳送。";
    NAME_TAKEN "Another person here has this name. Choose another, for example with the family name." "已有同名员工，请换一个，例如加上姓氏。" "已有同名員工，請換一個，例如加上姓氏。";
    LOGIN_TAKEN "This login name is taken. Choose another." "此登录名已被使用，请换一个。" "此登入名稱已被使用，請換一個。";

    // What went wrong.
    NO_ANSWER "No answer from the server. Check the network and try again." "服务器没有响应。请检查网络后重试。" "伺服器沒有回應。請檢查網絡後重試。";
    UNREADABLE "The server’s answer can’t be read. Reload the page; if it stays, tell the operator." "无法读取服务器的响应。请刷新页面；若仍如此，请联系服务商。" "無法讀取伺服器的回應。請重新整理頁面；若仍如此，請聯絡服務商。";
    REFUSED "This wasn’t accepted ({code})." "请求未被接受（{code}）。" "請求未被接受（{code}）。";
    REQUEST "Request" "请求编号" "請求編號";
    WECHAT_SAYS "WeChat:" "微信：" "微信：";
    FIELD_MISSING "Fill in this field." "请填写此项。" "請填寫此項。";
    FIELD_INVALID "A value isn’t accepted. Correct it and try again." "有一项内容不被接受，请修改后重试。" "有一項內容不被接受，請修改後重試。";
    REASON_RULE "The reason is too long or contains “&”. At most 80 bytes." "原因过长或含有“&”。最多 80 字节（约 26 个汉字）。" "原因過長或含有「&」。最多 80 位元組（約 26 個漢字）。";
    AUTH_CODE_RULE "18 digits, below the payer’s payment code." "付款码下方的 18 位数字。" "付款碼下方的 18 位數字。";
    SECOND_FACTOR_NEEDED "Your role needs a second factor. Set it up to go on." "你的角色需要开启两步验证，设置后即可使用。" "你的角色需要開啟兩步驗證，設定後即可使用。";
    RIGHT_MISSING "Your role doesn’t include this. Ask the shop’s owner." "你的角色没有此权限，请联系店主。" "你的角色沒有此權限，請聯絡店主。";
    NOT_YOUR_ORDER "This is a colleague’s order. Ask the shop’s owner." "这是同事的订单，请联系店主。" "這是同事的訂單，請聯絡店主。";
    REFUND_ABOVE_LIMIT "More than you may refund. Ask the shop’s owner or finance." "超过你的退款上限，请联系店主或财务。" "超過你的退款上限，請聯絡店主或財務。";
    NOT_FOR_YOU "Not part of your role" "没有权限" "沒有權限";
    TOTP_NOT_BEGUN "The set-up took too long. Start again." "设置已超时，请重新开始。" "設定已逾時，請重新開始。";
    LAST_OWNER "This is the last owner who can sign in. Make another owner first." "这是最后一位可登录的店主。请先添加另一位店主。" "這是最後一位可登入的店主。請先新增另一位店主。";
    PERSON_GONE "This person isn’t in the list any more." "此员工已不在列表中。" "此員工已不在列表中。";
    FOREIGN_ORIGIN "Open the console at the gateway’s own address." "请使用网关自己的地址打开管理后台。" "請使用閘道自己的地址開啟管理後台。";
    AMOUNT_RULE "The amount is out of range." "金额超出范围。" "金額超出範圍。";
    AMOUNT_EMPTY "Enter an amount." "请输入金额。" "請輸入金額。";
    AMOUNT_NO_NUMBER "Enter numbers only, for example 12.50." "请只输入数字，例如 12.50。" "請只輸入數字，例如 12.50。";
    AMOUNT_DECIMALS "Too many digits after the point for this currency." "小数位数超出该币种的限制。" "小數位數超出該幣種的限制。";
    WHOLE_NUMBER "Enter a whole number." "请输入整数。" "請輸入整數。";
    ORDER_NOT_FOUND "There’s no such order." "找不到该订单。" "找不到該訂單。";
    ORDER_PAID "The order has been paid meanwhile. Refund it instead." "该订单已付款。如需退回，请退款。" "該訂單已付款。如需退回，請退款。";
    ORDER_NOT_PAID "The order isn’t paid, so there’s nothing to refund." "该订单未付款，无需退款。" "該訂單未付款，無需退款。";
    ORDER_ENDED "The order has ended. Make a new one." "该订单已结束，请重新下单。" "該訂單已結束，請重新下單。";
    ORDER_REFUNDED "Part of it has been refunded. Refund the rest instead." "该订单已部分退款，请改为退还余款。" "該訂單已部分退款，請改為退還餘款。";
    REFUND_EXCEEDS "More than what’s left to refund." "超过可退金额。" "超過可退金額。";
    REFUND_TOO_LATE "WeChat refunds within a year of the payment. Return the money in another way." "已超过微信支付一年的退款期限，请以其他方式退还。" "已超過微信支付一年的退款期限，請以其他方式退還。";
    REFUND_TOO_SOON "Wait a minute after the last refund of this order." "请在上一笔退款一分钟后再试。" "請在上一筆退款一分鐘後再試。";
    REFUND_TOO_MANY "WeChat accepts 50 refunds for an order. Return the money in another way." "单笔订单最多退款 50 次，请以其他方式退还。" "單筆訂單最多退款 50 次，請以其他方式退還。";
    REVERSE_TOO_SOON "WeChat cancels a Quick Pay only after 15 seconds. Try again shortly." "付款 15 秒后才可撤销，请稍候再试。" "付款 15 秒後才可撤銷，請稍候再試。";
    REVERSE_TOO_LATE "More than seven days old: refund it instead." "已超过七天，请改用退款。" "已超過七天，請改用退款。";
    CERTIFICATE "WeChat needs the shop’s API certificate for this, and it’s missing or has expired. Tell the operator." "此操作需要商户 API 证书，证书未配置或已过期。请联系服务商。" "此操作需要商戶 API 證書，證書未配置或已過期。請聯絡服務商。";
    SUSPENDED "The operator has suspended this shop: nothing new can be sold. Refunds still work." "服务商已暂停该商户：无法收款，退款不受影响。" "服務商已暫停該商戶：無法收款，退款不受影響。";
    IMAGE_RULE "PNG, JPEG or WebP, at most 2 MB." "PNG、JPEG 或 WebP，不超过 2 MB。" "PNG、JPEG 或 WebP，不超過 2 MB。";
    ENDPOINT_OFF "The endpoint is off. Switch it on first." "该接收地址已停用，请先启用。" "該接收地址已停用，請先啟用。";
    URL_RULE "An https:// address with a public host name." "以 https:// 开头的公网地址。" "以 https:// 開頭的公網地址。";
    WECHAT_REFUSED "WeChat refused." "微信支付拒绝了此操作。" "微信支付拒絕了此操作。";
    WECHAT_SILENT "WeChat doesn’t answer. Try again; nothing is done twice." "微信支付没有响应。请重试，不会重复扣款。" "微信支付沒有回應。請重試，不會重複扣款。";
    TOO_OFTEN "Too many requests. Wait {wait} and try again." "操作过于频繁，请 {wait}后再试。" "操作過於頻繁，請 {wait}後再試。";
    LISTS_NOT_READY "The list is being prepared after an update. Wait {wait}." "更新后正在整理列表，请等待 {wait}。" "更新後正在整理列表，請等待 {wait}。";
    OUR_FAULT "Something went wrong on the server. Try again; if it stays, tell the operator the request’s number." "服务器出错。请重试；若仍如此，请将请求编号告知服务商。" "伺服器出錯。請重試；若仍如此，請將請求編號告知服務商。";

    // Today.
    PAID_TODAY "Paid today" "今日收款" "今日收款";
    REFUNDED_TODAY "Refunded" "今日退款" "今日退款";
    NET_TODAY "Net" "净额" "淨額";
    TIMES "{n} ×" "{n} 笔" "{n} 筆";
    THIRTY_DAYS "30 days: {net} net ({paid} paid, {refunded} refunded)" "近 30 天：净额 {net}（收款 {paid}，退款 {refunded}）" "近 30 天：淨額 {net}（收款 {paid}，退款 {refunded}）";
    CHART_SAYS "Paid on each of thirty days. The most on {day}: {amount}." "近 30 天每日收款。最高为 {day}：{amount}。" "近 30 天每日收款。最高為 {day}：{amount}。";
    AS_TABLE "As a table" "查看表格" "查看表格";
    PAID_PER_DAY "Paid per day" "每日收款" "每日收款";
    LATEST "Latest orders" "最新订单" "最新訂單";
    ALARMS "Needs attention" "需要处理" "需要處理";
    WHAT_TO_DO "What to do" "如何处理" "如何處理";
    DOCTOR "Connection to WeChat Pay" "微信支付接入检查" "微信支付接入檢查";
    DOCTOR_FINE "Everything that can be checked works." "各项检查均正常。" "各項檢查均正常。";
    ALL_CHECKS "All checks" "全部检查项" "全部檢查項";

    // Orders.
    SEARCH "Any number: order, transaction, refund" "搜索商户单号、交易单号或退款单号" "搜尋商戶單號、交易單號或退款單號";
    FILTERS "Filters" "筛选" "篩選";
    CLEAR_FILTERS "Clear the filters" "清除筛选条件" "清除篩選條件";
    STATE "State" "状态" "狀態";
    ANY "Any" "不限" "不限";
    WAY_TO_PAY "Way to pay" "支付方式" "付款方式";
    FROM_DAY "From" "开始日期" "開始日期";
    TO_DAY "To" "结束日期" "結束日期";
    EXPORT "Export CSV" "导出 CSV" "匯出 CSV";
    NO_ORDERS "No orders yet." "还没有订单。" "還沒有訂單。";
    PAID "Paid" "已付款" "已付款";
    PARTLY_REFUNDED "Partly refunded" "部分退款" "部分退款";
    REFUNDED "Refunded" "已退款" "已退款";
    NOT_PAID "Not paid" "待付款" "待付款";
    PAYING "Confirming" "支付确认中" "付款確認中";
    CLOSED "Closed" "已关闭" "已關閉";
    REVERSED "Cancelled" "已撤销" "已撤銷";
    FAILED "Failed" "支付失败" "付款失敗";
    OF_IT_REFUNDED "{amount} refunded" "已退 {amount}" "已退 {amount}";
    JSAPI "In WeChat" "微信内支付" "微信內付款";
    NATIVE "QR code" "扫码支付" "掃碼付款";
    MICROPAY "Quick Pay" "付款码支付" "付款碼付款";
    MWEB "Phone browser" "H5 支付" "H5 付款";
    APP "App" "APP 支付" "APP 付款";

    // An order.
    ALL_ORDERS "All orders" "全部订单" "全部訂單";
    TO_ORDER "To the order" "查看订单" "查看訂單";
    OUT_TRADE_NO "Order number" "商户单号" "商戶單號";
    TRANSACTION_ID "WeChat’s transaction" "交易单号" "交易單號";
    PURCHASE "Checkout" "结账单号" "結帳單號";
    PAYER "Payer (openid)" "付款人 openid" "付款人 openid";
    MADE_AT "Made" "创建时间" "建立時間";
    PAID_AT "Paid" "付款时间" "付款時間";
    EXPIRES_AT "Expires" "过期时间" "過期時間";
    LINK "Payment link" "收款码" "收款碼";
    REFUNDED_AND_KEPT "{amount} refunded, {kept} kept." "已退款 {amount}，实收 {kept}。" "已退款 {amount}，實收 {kept}。";
    DUPLICATE_OF "A second payment of {number}. It is refunded in full." "重复付款，原订单 {number}。此笔将全额退还。" "重複付款，原訂單 {number}。此筆將全額退還。";
    REFUNDS "Refunds" "退款记录" "退款記錄";
    ATTEMPTS "Other attempts" "其他支付尝试" "其他付款嘗試";
    TIMELINE "What happened" "订单记录" "訂單記錄";
    ASK_WECHAT "Ask WeChat now" "向微信查询" "向微信查詢";
    WECHAT_ANSWERED "WeChat has answered. This is its state now." "微信已返回，当前为最新状态。" "微信已返回，目前為最新狀態。";
    COPY_RECEIPT "Copy receipt link" "复制收据链接" "複製收據連結";
    CLOSE_ORDER "Close the order" "关闭订单" "關閉訂單";
    CLOSE_SAYS "The order {number} over {amount} can’t be paid any more. No money moves." "订单 {number}（{amount}）将无法再付款，不涉及资金变动。" "訂單 {number}（{amount}）將無法再付款，不涉及資金變動。";
    REVERSE "Cancel the payment" "撤销支付" "撤銷付款";
    REVERSE_SAYS "{amount} go back to the payer, and the order {number} ends. This can’t be undone." "{amount} 将退还给付款人，订单 {number} 随即结束。此操作无法恢复。" "{amount} 將退還給付款人，訂單 {number} 隨即結束。此操作無法復原。";
    REVERSED_DONE "The payment is being cancelled" "正在撤销支付" "正在撤銷付款";
    STEP_ORDER "Order" "订单" "訂單";
    STEP_CHECKOUT "Checkout" "结账" "結帳";
    STEP_ATTEMPT "Attempt" "支付尝试" "付款嘗試";
    STEP_REFUND "Refund" "退款" "退款";
    STEP_NOTICE "Notice" "微信通知" "微信通知";
    STEP_DELIVERY "Delivery" "通知商户" "通知商戶";
    STEP_ALARM "Alarm" "异常" "異常";
    STEP_CHANGE "Change" "变更" "變更";
    BY_WECHAT "WeChat" "微信" "微信";
    BY_PAYER "The payer" "付款人" "付款人";
    BY_TIMER "Automatic" "系统自动" "系統自動";
    BY_OPERATOR "The operator" "服务商" "服務商";
    BY_KEY "A program ({key})" "程序（{key}）" "程式（{key}）";

    // A refund.
    REFUND "Refund" "退款" "退款";
    REFUND_AMOUNT "Refund {amount}" "退款 {amount}" "退款 {amount}";
    AMOUNT "Amount" "金额" "金額";
    WHOLE "All of it" "全部" "全部";
    HALF "Half" "一半" "一半";
    REASON "Reason" "退款原因" "退款原因";
    REASON_HINT "The payer sees it in WeChat." "付款人会在微信中看到。" "付款人會在微信中看到。";
    NO_REASON "No reason given" "未填写原因" "未填寫原因";
    AMOUNT_AGAIN "Type the amount again" "再次输入金额" "再次輸入金額";
    AMOUNT_AGAIN_HINT "A large amount is typed twice." "大额退款需输入两次。" "大額退款需輸入兩次。";
    AMOUNTS_DIFFER "The two amounts differ." "两次输入的金额不一致。" "兩次輸入的金額不一致。";
    REFUND_SAYS "{amount} of {paid} go back to the payer, to the account it came from. {kept} stay with you. A refund can’t be taken back." "将从 {paid} 中退还 {amount}，原路退回付款人。退款后实收 {kept}。退款后无法撤回。" "將從 {paid} 中退還 {amount}，原路退回付款人。退款後實收 {kept}。退款後無法撤回。";
    REFUND_DONE "Refunded" "退款成功" "退款成功";
    REFUND_ON_ITS_WAY "The refund is on its way" "退款处理中" "退款處理中";
    REFUND_ASKED "Requested" "已提交" "已提交";
    REFUND_PROCESSING "On its way" "退款中" "退款中";
    REFUND_ARRIVED "Arrived" "已到账" "已到帳";
    REFUND_CLOSED "Not made" "未退款" "未退款";
    REFUND_ABNORMAL "Account refuses it" "退款异常" "退款異常";

    // Links.
    NEW_LINK "New link" "新建收款码" "新增收款碼";
    MAKE_LINK "Make the link" "生成收款码" "產生收款碼";
    FIRST_LINK "Make your first link" "创建第一个收款码" "建立第一個收款碼";
    FIRST_LINK_1 "Say what you sell and for how much." "填写商品和价格。" "填寫商品和價格。";
    FIRST_LINK_2 "Print the sheet, or send the address in a chat." "打印台卡，或把链接发到聊天中。" "列印檯卡，或把連結傳到聊天中。";
    FIRST_LINK_3 "Each payment appears here and under Orders." "每笔收款会显示在这里和订单中。" "每筆收款會顯示在這裡和訂單中。";
    WHAT_IS_SOLD "What is sold" "商品名称" "商品名稱";
    PRICE "Price" "价格" "價格";
    PAYER_ENTERS "The payer enters the amount" "由付款人输入金额" "由付款人輸入金額";
    AT_MOST "At most" "最高金额" "最高金額";
    PAYER_ENTERS_FROM_TO "{min} to {max}, entered by the payer" "{min} 至 {max}，由付款人输入" "{min} 至 {max}，由付款人輸入";
    STOCK "Stock" "库存" "庫存";
    STOCK_HINT "How many can be sold in all. Empty: no limit." "可售总数，留空则不限。" "可售總數，留空則不限。";
    QUESTION "A question to the payer" "向付款人提问" "向付款人提問";
    QUESTION_HINT "For example: table number. The answer is with the order." "例如：桌号。回答会显示在订单中。" "例如：桌號。回答會顯示在訂單中。";
    LAST_SOLD "Last sale {time}" "最近售出 {time}" "最近售出 {time}";
    SOLD "Sold" "已售" "已售";
    HELD "Being paid" "付款中" "付款中";
    LEFT "Left" "剩余" "剩餘";
    SOLD_OUT "Sold out" "已售罄" "已售罄";
    EXPIRED "Expired" "已过期" "已過期";
    ONLY_ACTIVE "Only links that are on" "仅显示启用中" "只顯示啟用中";
    LINK_NOT_FOUND "There’s no such link." "找不到该收款码。" "找不到該收款碼。";
    LINK_CODE_ALT "Code to pay for {what}" "{what} 的收款码" "{what} 的收款碼";
    SHEET "Sheet" "台卡尺寸" "檯卡尺寸";
    PRINT "Print" "打印台卡" "列印檯卡";
    PAPER_A6 "A6" "A6" "A6";
    PAPER_A5 "A5" "A5" "A5";
    PAPER_A4 "A4" "A4" "A4";
    PAPER_TENT "Table tent" "立牌（A4 对折）" "立牌（A4 對摺）";
    WHO_BOUGHT "Who bought" "购买记录" "購買記錄";
    NOT_SOLD_YET "Nothing sold yet." "还没有人购买。" "還沒有人購買。";
    ALL_OF_LINK "All orders of this link" "此收款码的全部订单" "此收款碼的全部訂單";

    // The till.
    BACKSPACE "Delete the last digit" "删除一位" "刪除一位";
    WHAT_FOR "For" "商品说明" "商品說明";
    WHAT_FOR_HINT "The payer sees it. Empty: “At the till”." "付款人可见。留空则为“到店消费”。" "付款人可見。留空則為「到店消費」。";
    AT_THE_TILL "At the till" "到店消费" "到店消費";
    SHOW_CODE "Show a code" "出示收款码" "出示收款碼";
    SCAN_CODE "Scan the payer" "扫付款码" "掃付款碼";
    PAYER_SCANS "The payer scans this with WeChat." "请付款人用微信扫一扫。" "請付款人用微信掃一掃。";
    CODE_ALT "Code to pay with WeChat" "微信支付二维码" "微信支付二維碼";
    WAITING_FOR_PAYMENT "Waiting for the payment…" "等待付款…" "等待付款…";
    SCAN_SAYS "Scan the payer’s code, or type its digits." "请扫描付款人的付款码，或输入数字。" "請掃描付款人的付款碼，或輸入數字。";
    PAYERS_CODE "Payment code" "付款码" "付款碼";
    CHARGE "Charge" "扣款" "扣款";
    CAMERA "Camera" "摄像头扫码" "鏡頭掃碼";
    NO_CAMERA "The camera can’t be used. Allow it in the browser, or type the digits." "无法使用摄像头。请在浏览器中允许，或手动输入数字。" "無法使用鏡頭。請在瀏覽器中允許，或手動輸入數字。";
    PAYER_CONFIRMS "The payer confirms in WeChat…" "等待付款人在微信中确认…" "等待付款人在微信中確認…";
    NEXT_SALE "Next sale" "下一笔" "下一筆";
    NOT_PAID_TITLE "Not paid" "未付款" "未付款";
    NOT_CHARGED "{amount} were not charged." "{amount} 未扣款。" "{amount} 未扣款。";
    LAST_SALE "Last sale: {amount}" "上一笔：{amount}" "上一筆：{amount}";

    // Deliveries.
    ENDPOINTS "Endpoints" "接收地址" "接收地址";
    ADD_ENDPOINT "Add endpoint" "添加接收地址" "新增接收地址";
    NO_ENDPOINTS "No endpoint yet. An endpoint is an address of your own system that learns of every payment." "还没有接收地址。接收地址是你自己的系统，用于接收每笔付款的通知。" "還沒有接收地址。接收地址是你自己的系統，用於接收每筆付款的通知。";
    SENT "Sent" "发送记录" "傳送記錄";
    NOTHING_SENT "Nothing here." "暂无记录。" "暫無記錄。";
    WAITING "Waiting" "等待中" "等待中";
    ACKNOWLEDGED "Received" "已接收" "已接收";
    GIVEN_UP "Given up" "已放弃" "已放棄";
    WORKS "Works" "正常" "正常";
    FAILING "Failing" "异常" "異常";
    FAILING_SINCE "Fails since {time}: {n} attempts in a row." "自 {time} 起连续失败 {n} 次。" "自 {time} 起連續失敗 {n} 次。";
    EVENT "Event" "事件" "事件";
    NEXT_AT "next {time}" "下次 {time}" "下次 {time}";
    ATTEMPTS_MADE "{n} attempts" "已尝试 {n} 次" "已嘗試 {n} 次";
    SEND_AGAIN "Send again" "重新发送" "重新傳送";
    SENT_AGAIN "Being sent again" "正在重新发送" "正在重新傳送";
    SEND_TEST "Send a test" "发送测试" "傳送測試";
    TEST_SENT "The test is sent; see below" "测试已发送，见下方记录" "測試已傳送，見下方記錄";
    RESEND_ALL "Send all failed again" "重发全部失败" "重發全部失敗";
    NEW_SECRET "New secret" "更换密钥" "更換密鑰";
    ALL_EVENTS "All events" "全部事件" "全部事件";
    URL "Address" "地址" "地址";
    DESCRIPTION "Description" "说明" "說明";
    SECRET_ONCE "Keep it now: it’s shown only this once." "请立即保存，仅显示这一次。" "請立即儲存，僅顯示這一次。";
    DELETE_ENDPOINT_SAYS "{url} gets nothing more. What waits for it is given up." "{url} 将不再收到通知，等待发送的内容将被放弃。" "{url} 將不再收到通知，等待傳送的內容將被放棄。";

    // Money: the days compared with WeChat's statements.
    MONEY "Money" "对账" "對帳";
    EARLIER_MONTH "Earlier" "上个月" "上個月";
    LATER_MONTH "Later" "下个月" "下個月";
    TO_MONTH "All days of the month" "当月全部日期" "當月全部日期";
    MONTH_IN_ALL "The whole month" "当月合计" "當月合計";
    BOOK "Our book" "本店账目" "本店帳目";
    STATEMENT "WeChat’s statement" "微信账单" "微信帳單";
    DIFFERENCE "Difference" "差额" "差額";
    DIFFERENCES "Differences" "差异明细" "差異明細";
    RETURNED "Refunded" "已退款" "已退款";
    NET "Net" "净额" "淨額";
    FEES "WeChat’s fees" "微信手续费" "微信手續費";
    SETTLEMENTS "Paid out by WeChat" "微信结算" "微信結算";
    NO_DAYS "No day of this month is compared yet." "本月还没有对账记录。" "本月還沒有對帳記錄。";
    HOW_DAYS_ARE_COMPARED "Each day with a payment appears here by itself. From 10:00 China time on the next day it is compared with WeChat’s statement, payment by payment." "有收款的日期会自动出现在这里。次日北京时间 10:00 起，系统会逐笔与微信账单核对。" "有收款的日期會自動出現在這裡。次日北京時間 10:00 起，系統會逐筆與微信帳單核對。";
    DAY_AGREES "Agrees" "一致" "一致";
    DAY_DIFFERS "{n} to look at" "{n} 笔待处理" "{n} 筆待處理";
    DAY_WAITS "Waiting for the statement" "等待微信账单" "等待微信帳單";
    DAY_WAITS_SAYS "WeChat makes the statement of a day from 10:00 China time on the next day. It is fetched by itself." "微信于次日北京时间 10:00 起提供账单，系统会自动获取。" "微信於次日北京時間 10:00 起提供帳單，系統會自動取得。";
    DAY_IN_PROGRESS "Being compared" "对账中" "對帳中";
    DAY_NOT_COMPARED "Not compared" "未对账" "未對帳";
    DAY_NOT_COMPARED_SAYS "WeChat no longer has the statement of this day. Compare the day’s orders with the merchant platform by hand." "微信已不再提供当日账单。请在微信支付商户平台手动核对当日订单。" "微信已不再提供當日帳單。請在微信支付商戶平台手動核對當日訂單。";
    DAY_BY_QUERIES "This way of paying has no statements: WeChat was asked about each payment instead." "此接口不提供账单，系统已逐笔向微信查询。" "此介面不提供帳單，系統已逐筆向微信查詢。";
    DAY_NOT_FOUND "This day isn’t compared: nothing was paid on it, or it isn’t over yet." "此日期没有对账记录：当日没有收款，或当日尚未结束。" "此日期沒有對帳記錄：當日沒有收款，或當日尚未結束。";
    NOT_KEPT "{n} more rows of the statement differ than can be listed. Ask the operator for the statement itself." "账单中另有 {n} 行差异未能列出，请向服务商索取账单原件。" "帳單中另有 {n} 行差異未能列出，請向服務商索取帳單原件。";
    NOT_THERE "not there" "无此记录" "無此記錄";
    ROW "Row of the statement" "账单原文" "帳單原文";
    DIFFERENCE_OPEN "Open" "待处理" "待處理";
    DIFFERENCE_ASKED "WeChat is being asked" "查询中" "查詢中";
    DIFFERENCE_SETTLED "Settled" "已核实" "已核實";
    DIFFERENCE_CARRIED "Expected on the next day" "次日入账" "次日入帳";
    DIFFERENCE_ENDED "Closed" "已处理" "已處理";
    TAKEN_OVER "WeChat had it; the order follows WeChat now" "已按微信的结果更新订单" "已按微信的結果更新訂單";
    ONLY_AT_WECHAT "Only in WeChat’s statement" "仅微信账单中有" "僅微信帳單中有";
    ONLY_AT_WECHAT_TO_DO "Look the transaction up on WeChat Pay’s merchant platform. An alarm about the order says what differs." "请在微信支付商户平台查看该交易；订单的异常提示会说明差异。" "請在微信支付商戶平台查看該交易；訂單的異常提示會說明差異。";
    UNKNOWN_HERE "A number that our book doesn’t know" "本店没有此单号" "本店沒有此單號";
    UNKNOWN_HERE_TO_DO "Another system may use the same merchant number. If none does, another person has the API key: change it, and refund the payment on the merchant platform." "可能有其他系统使用同一商户号。如果没有，说明 API 密钥已泄露：请更换密钥，并在商户平台退还此笔付款。" "可能有其他系統使用同一商戶號。如果沒有，說明 API 密鑰已外洩：請更換密鑰，並在商戶平台退還此筆付款。";
    ONLY_HERE "Only in our book" "仅本店账目中有" "僅本店帳目中有";
    ONLY_HERE_TO_DO "Look it up on the merchant platform before you hand over goods, and ask WeChat Pay." "交货前请先在商户平台查询，并咨询微信支付。" "交貨前請先在商戶平台查詢，並諮詢微信支付。";
    OTHER_AMOUNT "The amounts differ" "金额不一致" "金額不一致";
    OTHER_CURRENCY "The currencies differ" "币种不一致" "幣種不一致";
    OTHER_AMOUNT_TO_DO "Look at the transaction on the merchant platform, and ask WeChat Pay." "请在商户平台查看该交易，并咨询微信支付。" "請在商戶平台查看該交易，並諮詢微信支付。";
    REFUNDED_ELSEWHERE "Refunded in another place" "在其他系统退款" "在其他系統退款";
    REFUNDED_ELSEWHERE_TO_DO "Find out on the merchant platform who made the refund." "请在商户平台查明由谁退款。" "請在商戶平台查明由誰退款。";
    CARRIED "In progress at midnight" "跨日处理中" "跨日處理中";
    LISTED_TWICE "Listed twice" "重复列出" "重複列出";
    LISTED_TWICE_TO_DO "Compare it with the settlement, and ask WeChat Pay." "请与结算单核对，并咨询微信支付。" "請與結算單核對，並諮詢微信支付。";
    ROW_UNREADABLE "A row can’t be read" "账单中有一行无法读取" "帳單中有一行無法讀取";
    ROW_UNREADABLE_TO_DO "Ask the operator for the statement of this day, and look at the row." "请向服务商索取当日账单，并查看该行。" "請向服務商索取當日帳單，並查看該行。";
    NOTE "Note or close" "备注 / 处理" "備註 / 處理";
    FOUND_OUT "What did you find out?" "核查结果" "核查結果";
    FOUND_OUT_HINT "It stays with the difference, with your name." "将与你的姓名一起保存在此差异中。" "將與你的姓名一起儲存在此差異中。";
    NOTE_EMPTY "Write down what you found out." "请填写核查结果。" "請填寫核查結果。";
    NOTE_RULE "The note is too long: at most 1,000 bytes. A difference has at most 20 notes." "备注过长（最多 1,000 字节，约 330 个汉字），或此差异已有 20 条备注。" "備註過長（最多 1,000 位元組，約 330 個漢字），或此差異已有 20 則備註。";
    SAVE_NOTE "Only save the note" "仅保存备注" "僅儲存備註";
    CLOSE_DIFFERENCE "Close the difference" "标记为已处理" "標記為已處理";
    DIFFERENCE_CLOSED "Closed" "已处理" "已處理";
    DIFFERENCE_NOT_OPEN "This difference isn’t open any more. The page shows its state now." "此差异已不是待处理状态，页面显示的是最新状态。" "此差異已不是待處理狀態，頁面顯示的是最新狀態。";

    // Keys.
    KEYS_SAY "A key lets a program of yours call the API, for what you allow." "密钥供你的程序调用接口，权限由你设定。" "密鑰供你的程式呼叫介面，權限由你設定。";
    NEW_KEY "New key" "新建密钥" "新增密鑰";
    MAKE_KEY "Make the key" "生成密钥" "產生密鑰";
    NO_KEYS "No keys yet." "还没有密钥。" "還沒有密鑰。";
    KEY_NAME "Name" "名称" "名稱";
    KEY_NAME_HINT "What uses it, for example: Till 2." "使用者，例如：2 号收银机。" "使用者，例如：2 號收銀機。";
    SCOPES "May" "权限" "權限";
    SCOPE_ORDERS_READ "read orders" "查询订单" "查詢訂單";
    SCOPE_ORDERS_WRITE "make and close orders" "创建、关闭订单" "建立、關閉訂單";
    SCOPE_REFUNDS "refund" "退款" "退款";
    SCOPE_LINKS "make links" "管理收款码" "管理收款碼";
    SCOPE_REPORTS "read reports" "查看报表" "查看報表";
    SCOPE_KEYS "manage keys" "管理密钥" "管理密鑰";
    VALID "Valid" "有效期" "有效期";
    NO_END "without end" "长期有效" "長期有效";
    DAYS_30 "30 days" "30 天" "30 天";
    DAYS_90 "90 days" "90 天" "90 天";
    DAYS_365 "one year" "一年" "一年";
    NEVER_USED "never used" "从未使用" "從未使用";
    USED_AT "used {time}" "最近使用 {time}" "最近使用 {time}";
    MADE_BY "made by {who}, {time}" "由 {who} 创建于 {time}" "由 {who} 建立於 {time}";
    ROLL "Replace" "更换" "更換";
    ROLL_SAYS "The earlier key still works: revoke it when your program has the new one." "原密钥仍然有效：程序换上新密钥后，请撤销原密钥。" "原密鑰仍然有效：程式換上新密鑰後，請撤銷原密鑰。";
    REVOKE "Revoke" "撤销" "撤銷";
    REVOKE_SAYS "Programs with the key “{name}” are refused within 30 seconds. This can’t be undone." "使用“{name}”的程序将在 30 秒内失去权限。此操作无法恢复。" "使用「{name}」的程式將在 30 秒內失去權限。此操作無法復原。";

    // People.
    OWNER "Owner" "店主" "店主";
    FINANCE "Finance" "财务" "財務";
    CASHIER "Cashier" "收银员" "收銀員";
    DEVELOPER "Developer" "开发人员" "開發人員";
    VIEWER "Viewer" "只读" "唯讀";
    OWNER_MAY "Everything, also people and settings." "拥有全部权限，包括员工和设置。" "擁有全部權限，包括員工和設定。";
    FINANCE_MAY "Sees everything, exports, refunds." "可查看全部、导出和退款。" "可查看全部、匯出和退款。";
    CASHIER_MAY "Sells, and sees today’s and own orders." "可收款，查看当日和自己的订单。" "可收款，查看當日和自己的訂單。";
    DEVELOPER_MAY "Keys and deliveries; no refunds." "管理密钥和通知，不能退款。" "管理密鑰和通知，不能退款。";
    VIEWER_MAY "Sees everything, changes nothing." "可查看全部，不能修改。" "可查看全部，不能修改。";
    ROLE "Role" "角色" "角色";
    NAME "Name" "姓名" "姓名";
    INVITE "Invite" "邀请员工" "邀請員工";
    INVITE_NAME_HINT "For your list." "仅用于你的列表。" "僅用於你的列表。";
    INVITATIONS "Open invitations" "待接受的邀请" "待接受的邀請";
    MAKE_INVITATION "Make the invitation" "生成邀请链接" "產生邀請連結";
    INVITATION_SAYS "Send this link to the person. It works once, until {time}." "请把此链接发给对方。仅可使用一次，有效期至 {time}。" "請把此連結傳給對方。僅可使用一次，有效期至 {time}。";
    OWN_SECRETS_SAY "Only you can do this: enter your own password and the code from your authenticator app." "此操作需本人确认：请输入你自己的密码和身份验证器中的验证码。" "此操作需本人確認：請輸入你自己的密碼和驗證器中的驗證碼。";
    OWN_PASSWORD "Your password" "你的密码" "你的密碼";
    OWN_CODE "Your code" "你的验证码" "你的驗證碼";
    WITHDRAW "Withdraw" "撤回" "撤回";
    REFUND_LIMIT "Own refunds up to" "本人订单退款上限" "本人訂單退款上限";
    REFUND_LIMIT_HINT "For one order of their own. Empty: no refunds." "针对本人收款的单笔订单，留空则不能退款。" "針對本人收款的單筆訂單，留空則不能退款。";
    REFUNDS_UP_TO "refunds up to {amount}" "退款上限 {amount}" "退款上限 {amount}";
    PERSON_OFF "Switched off: can’t sign in" "停用：无法登录" "停用：無法登入";
    REMOVE_SAYS "{name} can’t sign in any more. What they did stays in the log. Their keys stay: revoke those under Keys." "{name} 将无法登录。其操作记录会保留。其创建的密钥不受影响，请在“密钥”中撤销。" "{name} 將無法登入。其操作記錄會保留。其建立的密鑰不受影響，請在「密鑰」中撤銷。";
    RESET "Reset password" "重置密码" "重設密碼";
    RESET_SAYS "{name} gets a link to set a new password. The second factor must be set up again." "将为 {name} 生成设置新密码的链接，两步验证需重新设置。" "將為 {name} 產生設定新密碼的連結，兩步驗證需重新設定。";
    RESET_LINK_SAYS "Send this link to the person. It works once, until {time}." "请把此链接发给对方。仅可使用一次，有效期至 {time}。" "請把此連結傳給對方。僅可使用一次，有效期至 {time}。";
    MAKE_RESET "Make the link" "生成链接" "產生連結";
    SIGNED_IN_AT "signed in {time}" "最近登录 {time}" "最近登入 {time}";
    NEVER_SIGNED_IN "never signed in" "从未登录" "從未登入";

    // The account.
    SECOND_FACTOR "Two-step sign-in" "两步验证" "兩步驗證";
    SECOND_FACTOR_MISSING "Two-step sign-in missing" "未开启两步验证" "未開啟兩步驗證";
    SECOND_FACTOR_ON "On. Recovery codes left: {n}." "已开启。剩余恢复码：{n} 个。" "已開啟。剩餘復原碼：{n} 個。";
    SECOND_FACTOR_OFF "Off. With it, a stolen password alone isn’t enough." "未开启。开启后，仅凭密码无法登录。" "未開啟。開啟後，僅憑密碼無法登入。";
    SET_UP_SECOND_FACTOR "Set up two-step sign-in" "开启两步验证" "開啟兩步驗證";
    CHANGE_SECOND_FACTOR "Set up again" "重新设置" "重新設定";
    TOTP_SAYS "Scan this with an authenticator app, then enter the six digits that it shows." "请用身份验证器扫描，然后输入显示的 6 位数字。" "請用驗證器掃描，然後輸入顯示的 6 位數字。";
    TOTP_CODE_ALT "Code for an authenticator app" "身份验证器二维码" "驗證器二維碼";
    TOTP_BY_HAND "Or enter this key by hand." "或手动输入以下密钥。" "或手動輸入以下密鑰。";
    TOTP_OPEN "Open the app on this phone" "在本机打开验证器" "在本機開啟驗證器";
    RECOVERY_CODES_SAY "Keep these recovery codes in a safe place. Each works once, if you lose the phone." "请妥善保存这些恢复码。手机遗失时可用，每个仅可使用一次。" "請妥善保存這些復原碼。手機遺失時可用，每個僅可使用一次。";
    PASSWORD_NOW "Present password" "当前密码" "目前密碼";
    CHANGE_PASSWORD "Change password" "修改密码" "修改密碼";
    PASSWORD_CHANGED "Changed. Other browsers are signed out." "已修改，其他浏览器已退出登录。" "已修改，其他瀏覽器已登出。";
    SESSIONS "Signed in on" "登录的设备" "登入的裝置";
    THIS_BROWSER "this browser" "当前浏览器" "目前瀏覽器";
    END "Sign out" "退出" "登出";
    END_OTHERS "Sign out everywhere else" "退出其他所有设备" "登出其他所有裝置";

    // Settings.
    SHOP "Shop" "商户" "商戶";
    SHOP_NAME "Name that payers read" "付款人看到的名称" "付款人看到的名稱";
    TIME_ZONE "Time zone" "时区" "時區";
    TIME_ZONE_HINT "Whose days the totals have, for example Asia/Hong_Kong." "统计按此时区的日期，例如 Asia/Shanghai。" "統計按此時區的日期，例如 Asia/Hong_Kong。";
    RETYPE_FROM "Type a refund’s amount twice from" "退款达到此金额需输入两次" "退款達到此金額需輸入兩次";
    RETYPE_FROM_HINT "Empty: from 1,000 on." "留空则为 1,000。" "留空則為 1,000。";
    WHAT_PAYERS_SEE "What payers see" "付款页展示" "付款頁展示";
    LOGO "Logo" "标志" "標誌";
    OWN_COLOUR "A colour of our own" "使用自定义颜色" "使用自訂顏色";
    COLOUR "Colour" "颜色" "顏色";
    PHONE "Telephone" "联系电话" "聯絡電話";
    MAIL "Mail" "邮箱" "電郵";
    WECHAT_ID "WeChat ID" "微信号" "微信號";
    TERMS_URL "Terms (address)" "服务条款网址" "服務條款網址";
    PRIVACY_URL "Privacy (address)" "隐私政策网址" "私隱政策網址";

    // The log.
    LOG_MONEY "Money" "资金" "資金";
    LOG_CREDENTIALS "Keys and people" "密钥与员工" "密鑰與員工";
    LOG_SUBJECT "Order, link or person" "订单、收款码或员工" "訂單、收款碼或員工";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names between braces, sorted.
    fn places(text: &str) -> Vec<&str> {
        let mut places: Vec<&str> = text.split(['{', '}']).skip(1).step_by(2).collect();
        places.sort_unstable();
        places
    }

    #[test]
    fn every_text_has_the_same_placeholders_in_every_language() {
        for (name, [en, hans, hant]) in ALL_TEXTS {
            assert!(
                !en.is_empty() && !hans.is_empty() && !hant.is_empty(),
                "{name}"
            );
            assert_eq!(places(en), places(hans), "{name}");
            assert_eq!(places(en), places(hant), "{name}");
        }
    }

    #[test]
    fn chinese_texts_are_of_their_script_and_address_readers_as_wechat_does() {
        for (name, [_, hans, hant]) in ALL_TEXTS {
            for wrong in ["您", "請", "訂", "單", "登入", "聯絡"] {
                assert!(!hans.contains(wrong), "{name}: {hans}");
            }
            for wrong in ["您", "请", "订", "单", "登录", "联系", "码", "设"] {
                assert!(!hant.contains(wrong), "{name}: {hant}");
            }
        }
    }

    #[test]
    fn the_file_of_each_language_has_each_text_on_its_line() {
        for (language, tag) in LANGUAGES.iter().enumerate() {
            let file = file(language);
            let lines: Vec<&str> = file.split('\n').collect();
            assert_eq!(lines.len(), ALL_TEXTS.len(), "{tag}: a text has two lines");
            let expected = ["Orders", "订单", "訂單"][language];
            assert_eq!(lines[ORDERS.line()], expected, "{tag}");
        }
    }
}
