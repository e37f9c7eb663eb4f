// @ts-check
// The phone's own texts, in the language that is chosen on it. The English ones of
// the page are in its HTML.

const STATIC_TEXTS = /** @type {Record<string, Record<string, string>>} */ ({
  zh_CN: {
    sandbox: "微信沙盒", heading: "付款人的手机",
    about: "像微信一样打开本机的页面：有微信的标识、JS 接口，以及会检查每个签名的支付页面。不会真的扣款。",
    who: "openid 由手机的主人决定。Alice 关注了所有商户，Bob 用信用卡支付，Carol 只有一元钱。",
    link: "在微信中打开链接", open: "打开", payers: "谁的手机", languages: "手机语言", shop: "公众号 · 打开商店",
    codes: "可以扫的二维码", hint: "屏幕扫不到自己，所以这里列出现在可以扫的二维码。点一下即可扫描。",
    search: "搜索", paste: "或粘贴 code_url", scan: "扫一扫", code: "付款码",
    cashier: "收银员扫描此码，即 /pay/micropay 的 auth_code。每个码一分钟内有效，只能支付一次。",
    behaviour: "扫码之后", by_amount: "由金额决定", pays: "立即支付", password: "要求输入密码", insufficient: "余额不足",
    unsupported: "不支持该银行卡", expired: "付款码已过期", used: "付款码已使用", bank_error: "银行系统异常，但已扣款",
    silent: "没有应答，但已扣款", fresh: "换一个码", payments: "账单", home: "首页", page: "页面",
    document: "沙盒中的手机", device: "手机", browser: "微信内置浏览器", views: "视图",
  },
  zh_TW: {
    sandbox: "微信沙盒", heading: "付款人的手機",
    about: "像微信一樣開啟本機的頁面：有微信的標識、JS 介面，以及會檢查每個簽名的付款頁面。不會真的扣款。",
    who: "openid 由手機的主人決定。Alice 關注了所有商戶，Bob 用信用卡付款，Carol 只有一元。",
    link: "在微信中開啟連結", open: "開啟", payers: "誰的手機", languages: "手機語言", shop: "公眾號 · 開啟商店",
    codes: "可以掃的二維碼", hint: "螢幕掃不到自己，所以這裡列出現在可以掃的二維碼。按一下即可掃描。",
    search: "搜尋", paste: "或貼上 code_url", scan: "掃一掃", code: "付款碼",
    cashier: "收銀員掃描此碼，即 /pay/micropay 的 auth_code。每個碼一分鐘內有效，只能付款一次。",
    behaviour: "掃碼之後", by_amount: "由金額決定", pays: "立即付款", password: "要求輸入密碼", insufficient: "餘額不足",
    unsupported: "不支援該銀行卡", expired: "付款碼已過期", used: "付款碼已使用", bank_error: "銀行系統異常，但已扣款",
    silent: "沒有回應，但已扣款", fresh: "換一個碼", payments: "賬單", home: "首頁", page: "頁面",
    document: "沙盒中的手機", device: "手機", browser: "微信內置瀏覽器", views: "檢視",
  },
});

const PHONE_TEXTS = /** @type {Record<string, Record<string, string>>} */ ({
  en: {
    home: "WeChat", scan: "Scan", code: "Pay code", payments: "Payments", phone_of: "{a}’s phone",
    frame: "Page in WeChat", back: "Back", reload: "Reload", bars: "Bar code",
    no_page: "This phone opens only pages of this machine: http://127.0.0.1 or http://localhost with a port from 1024 up.",
    code_of: "{a}’s code · a new one in {b} s", minutes: "{a} min left", refunded: "refunded",
    no_codes: "No QR code is waiting to be scanned.", not_found: "No code matches.", no_payments: "No payments yet.",
  },
  zh_CN: {
    home: "微信", scan: "扫一扫", code: "付款码", payments: "账单", phone_of: "{a} 的手机",
    frame: "微信中的页面", back: "返回", reload: "重新加载", bars: "条形码",
    no_page: "此手机只能打开本机的页面：http://127.0.0.1 或 http://localhost，端口不低于 1024。",
    code_of: "{a} 的付款码 · {b} 秒后更换", minutes: "剩余 {a} 分钟", refunded: "已退款",
    no_codes: "现在没有可以扫的二维码。", not_found: "没有找到二维码。", no_payments: "暂无账单。",
  },
  zh_TW: {
    home: "微信", scan: "掃一掃", code: "付款碼", payments: "賬單", phone_of: "{a} 的手機",
    frame: "微信中的頁面", back: "返回", reload: "重新載入", bars: "條碼",
    no_page: "此手機只能開啟本機的頁面：http://127.0.0.1 或 http://localhost，連接埠不低於 1024。",
    code_of: "{a} 的付款碼 · {b} 秒後更換", minutes: "剩餘 {a} 分鐘", refunded: "已退款",
    no_codes: "現在沒有可以掃的二維碼。", not_found: "沒有找到二維碼。", no_payments: "暫無賬單。",
  },
});

/**
 * A text that the phone shows by itself.
 * @param {string} language
 * @param {string} name
 * @param {string | number} [a]
 * @param {string | number} [b]
 */
function phoneText(language, name, a = "", b = "") {
  const text = (PHONE_TEXTS[language] || PHONE_TEXTS.en)[name] || "";
  return text.replace("{a}", String(a)).replace("{b}", String(b));
}

/** @type {Map<Element, string>} */
const english = new Map();
/** @type {Map<Element, string>} */
const englishLabels = new Map();

/**
 * Writes every text of the page in this language, and every label for a screen reader.
 * @param {string} language
 */
function translate(language) {
  document.documentElement.lang = { zh_CN: "zh-Hans", zh_TW: "zh-Hant" }[language] || "en";
  for (const marked of document.querySelectorAll("[data-text]")) {
    if (!english.has(marked)) english.set(marked, marked.textContent || "");
    const name = marked.getAttribute("data-text") || "";
    marked.textContent = (STATIC_TEXTS[language] || {})[name] || english.get(marked) || "";
  }
  for (const marked of document.querySelectorAll("[data-label]")) {
    if (!englishLabels.has(marked)) englishLabels.set(marked, marked.getAttribute("aria-label") || "");
    const name = marked.getAttribute("data-label") || "";
    marked.setAttribute("aria-label", (STATIC_TEXTS[language] || {})[name] || englishLabels.get(marked) || "");
  }
}
