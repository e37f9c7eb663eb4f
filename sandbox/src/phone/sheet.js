// @ts-check
// The payment sheet, drawn in the page that asks for a payment and in the
// phone when it scans. Served inside one function together with its user.

/**
 * @typedef {"pay" | "cancel" | "fail"} Action
 * @typedef {{merchant: string, description: string, amount: string, payer: string,
 *   method: string, enough: boolean}} Sheet
 * @typedef {{ok: boolean, err_msg?: string, err_code?: string, err_desc?: string,
 *   reason?: string, message?: string, sheet?: Sheet}} Verdict
 */

const SHEET_TEXTS = {
  en: { title: "WeChat Pay", pay: "Pay", cancel: "Cancel", fail: "Simulate a failure", method: "Payment method", done: "Payment successful", busy: "Paying…", close: "OK", refused: "Payment cannot start" },
  zh_CN: { title: "微信支付", pay: "支付", cancel: "取消", fail: "模拟失败", method: "付款方式", done: "支付成功", busy: "正在支付…", close: "知道了", refused: "无法支付" },
  zh_TW: { title: "微信支付", pay: "支付", cancel: "取消", fail: "模擬失敗", method: "付款方式", done: "支付成功", busy: "正在支付…", close: "知道了", refused: "無法支付" },
};

/**
 * @param {string} language
 * @returns {typeof SHEET_TEXTS.en}
 */
function sheetTexts(language) {
  return language === "zh_CN" ? SHEET_TEXTS.zh_CN
    : language === "zh_TW" ? SHEET_TEXTS.zh_TW : SHEET_TEXTS.en;
}

/**
 * An amount as the checkout's page writes it: the yuan's sign is the yen's
 * outside simplified Chinese.
 * @param {string} amount as in English
 * @param {string} language
 */
function readable(amount, language) {
  if (language !== "zh_CN") return amount;
  return amount.startsWith("CN¥") ? amount.slice(2) : amount.startsWith("¥") ? `JP${amount}` : amount;
}

/**
 * The part of a text with both languages that this reader needs: `Balance` or
 * `零钱` of `Balance 零钱`.
 * @param {string} text
 * @param {string} language
 */
function inOneLanguage(text, language) {
  return language.startsWith("zh") ? text.replace(/^[A-Za-z ]+(?=[\u3400-\u9fff])/, "")
    : text.replace(/[\u3400-\u9fff]+ ?/g, "").trim();
}

/** @param {string} payer `alice` */
function nameOf(payer) {
  return payer.charAt(0).toUpperCase() + payer.slice(1);
}

/**
 * Why nothing is paid: WeChat's own text for a Chinese reader, and what it means
 * for any other.
 * @param {Verdict} verdict
 * @param {string} language
 */
function explained({ err_desc, message }, language) {
  const sentence = message ? `${message.charAt(0).toUpperCase()}${message.slice(1)}.` : "";
  return (language.startsWith("zh") ? err_desc || sentence : sentence || err_desc) || "";
}

/**
 * @param {string} tag
 * @param {Record<string, string>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/**
 * A shadow root of its own, so that neither styles the other.
 * @param {string} stylesheet
 * @returns {ShadowRoot}
 */
function sheetRoot(stylesheet) {
  const known = document.getElementById("weixin-sheet");
  if (known && known.shadowRoot) return known.shadowRoot;
  const host = element("div", { id: "weixin-sheet" });
  document.documentElement.append(host);
  const root = host.attachShadow({ mode: "open" });
  root.append(element("link", { rel: "stylesheet", href: stylesheet }));
  return root;
}

/**
 * Shows what is to be paid, does what the payer chooses, and resolves with the
 * last verdict. Not enough money leaves the sheet open.
 * @param {ShadowRoot} root
 * @param {Sheet} sheet
 * @param {string} language
 * @param {(action: Action) => Promise<Verdict>} perform
 * @returns {Promise<Verdict>}
 */
function showSheet(root, sheet, language, perform) {
  const texts = sheetTexts(language);
  const amount = readable(sheet.amount, language);
  const problem = element("p", { class: "problem", role: "alert" });
  const pay = /** @type {HTMLButtonElement} */ (
    element("button", { class: "pay", "data-action": "pay" }, `${texts.pay} ${amount}`));
  const cancel = /** @type {HTMLButtonElement} */ (
    element("button", { "data-action": "cancel" }, texts.cancel));
  const fail = /** @type {HTMLButtonElement} */ (
    element("button", { class: "fail", "data-action": "fail" }, texts.fail));
  const body = element("div", { class: "body" },
    element("p", { class: "merchant" }, sheet.merchant),
    element("p", { class: "amount" }, amount),
    element("p", { class: "description" }, sheet.description || ""),
    element("dl", {}, element("dt", {}, texts.method),
      element("dd", {}, `${inOneLanguage(sheet.method, language)} · ${nameOf(sheet.payer)}`)),
    problem, pay, element("div", { class: "row" }, cancel, fail));
  const dialog = /** @type {HTMLDialogElement} */ (
    element("dialog", { "aria-labelledby": "sheet-title", lang: language.replace("_", "-") },
      element("h2", { id: "sheet-title" }, texts.title), body));

  return new Promise((resolve) => {
    let busy = false;
    /** @param {Verdict} verdict */
    const finish = (verdict) => {
      dialog.close();
      dialog.remove();
      resolve(verdict);
    };
    /** @param {Action} action */
    const choose = async (action) => {
      if (busy) return;
      busy = true;
      for (const button of [pay, cancel, fail]) button.disabled = true;
      problem.textContent = action === "pay" ? texts.busy : "";
      /** @type {Verdict} */
      let verdict;
      try {
        verdict = await perform(action);
      } catch (error) {
        verdict = { ok: false, err_msg: "get_brand_wcpay_request:fail", err_desc: String(error) };
      }
      if (verdict.reason === "NOTENOUGH") {
        busy = false;
        for (const button of [pay, cancel, fail]) button.disabled = false;
        problem.textContent = explained(verdict, language);
        cancel.focus();
        return;
      }
      if (action === "pay" && verdict.ok) {
        body.replaceChildren(
          element("p", { class: "tick", "aria-hidden": "true" }, "✓"),
          element("p", { class: "done", role: "status" }, texts.done),
          element("p", { class: "amount" }, amount));
        await new Promise((later) => setTimeout(later, 900));
      }
      finish(verdict);
    };
    pay.addEventListener("click", () => choose("pay"));
    cancel.addEventListener("click", () => choose("cancel"));
    fail.addEventListener("click", () => choose("fail"));
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      choose("cancel");
    });
    // The phone has become another payer's.
    dialog.addEventListener("dismiss", () => finish({ ok: true }));
    root.append(dialog);
    dialog.showModal();
    pay.focus();
  });
}

/**
 * Says why there is no sheet, as WeChat does, without holding anything up.
 * @param {ShadowRoot} root
 * @param {Verdict} verdict
 * @param {string} language
 */
function showRefusal(root, verdict, language) {
  const texts = sheetTexts(language);
  for (const old of root.querySelectorAll(".refusal")) old.remove();
  const close = element("button", {}, texts.close);
  const box = element("div", { class: "refusal", role: "alert" },
    element("b", {}, texts.refused),
    element("p", {}, explained(verdict, language)),
    close);
  close.addEventListener("click", () => box.remove());
  root.append(box);
}
