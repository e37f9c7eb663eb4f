// @ts-check
/**
 * `<weceive-pay link="https://pay.example.com/pay/?l=…">`: a button that opens
 * a payment link, and reports to its page how the purchase ended.
 *
 *     <script src="https://pay.example.com/weceive-pay.js" async></script>
 *     <weceive-pay link="https://pay.example.com/pay/?l=demo.…">
 *       <a href="https://pay.example.com/pay/?l=demo.…">Pay with WeChat</a>
 *     </weceive-pay>
 *
 * Its content is shown where this script does not run. `label` replaces
 * the button's text. The payer's page has the language of the element (`lang`,
 * its own or that of what contains it). With `overlay`, a computer shows the code
 * of a link with one price in a dialog on this page, instead of another tab. The event `weceive-result` has
 * `detail: {state: "paid" | "ended", out_trade_no: string}`. The result comes
 * from the gateway, not from the payer's window, and only to a page whose origin
 * the merchant has registered. Use it for display only: deliver goods on the
 * notice to the merchant's server.
 *
 * If the result is not available, the event `weceive-error` has
 * `detail: {code: string, message: string}`, the console has the same, and
 * polling stops: `ORIGIN_UNKNOWN` means that this page's origin is
 * not in the merchant's `redirect_origins`, `UNREACHABLE` that no answer came
 * (often a Content-Security-Policy without the gateway in `connect-src`).
 */
(() => {
  "use strict";

  const WORDS = {
    en: ["Pay with WeChat", "Waiting for your payment…", "Paid", "This page can’t show the result of your payment.", "Scan with WeChat to pay", "Close", "Preparing your code…", "Open the payment page", "The code can’t be shown here."],
    hans: ["微信支付", "等待付款…", "已付款", "此页面无法显示支付结果。", "请使用微信扫一扫", "关闭", "正在生成二维码…", "打开支付页面", "无法在此显示二维码。"],
    hant: ["微信支付", "等待付款…", "已付款", "此頁面無法顯示付款結果。", "請使用微信掃一掃", "關閉", "正在產生二維碼…", "開啟付款頁面", "無法在此顯示二維碼。"],
    ja: ["WeChat Payで支払う", "お支払いを待っています…", "支払い済み", "このページでは支払い結果を表示できません。", "WeChatでスキャンしてお支払い", "閉じる", "コードを準備しています…", "支払いページを開く", "ここにはコードを表示できません。"],
    ko: ["위챗페이로 결제", "결제를 기다리는 중…", "결제됨", "이 페이지에서는 결제 결과를 표시할 수 없습니다.", "위챗으로 스캔하여 결제", "닫기", "코드를 준비하는 중…", "결제 페이지 열기", "여기에는 코드를 표시할 수 없습니다."],
    th: ["ชำระด้วย WeChat", "กำลังรอการชำระเงิน…", "ชำระแล้ว", "หน้านี้แสดงผลการชำระเงินไม่ได้", "สแกนด้วย WeChat เพื่อชำระเงิน", "ปิด", "กำลังเตรียมรหัส…", "เปิดหน้าชำระเงิน", "แสดงรหัสที่นี่ไม่ได้"],
  };
  /** A payer may submit the form late, and can then pay for half an hour. */
  const WATCH_MS = 60 * 60_000;
  const FIRST_WAIT_MS = 2_000;
  const LONGEST_WAIT_MS = 10_000;
  /** After this many requests in a row without an answer, while online, polling stops. */
  const UNANSWERED = 20;

  const STYLE = `
    :host { display: inline-block }
    :host([hidden]) { display: none }
    button { min-width: 44px; min-height: 44px; padding: 10px 20px; border: 0; border-radius: 12px;
      background: #067a3c; color: #fff; font: 600 1rem/1.4 system-ui, sans-serif; cursor: pointer;
      touch-action: manipulation }
    button:hover, button:active { background: #05602f }
    button:focus-visible { outline: 3px solid #067a3c; outline-offset: 3px }
    p { margin: 6px 0 0; font: 0.875rem/1.4 system-ui, sans-serif }
    p:empty { display: none }
    dialog { max-width: min(22rem, calc(100vw - 2rem)); padding: 1.5rem; border: 0; border-radius: 20px;
      color: #15201a; background: #fff; font: 1rem/1.4 system-ui, sans-serif; text-align: center }
    dialog::backdrop { background: rgb(0 0 0 / 50%) }
    dialog h2 { margin: 0 0 0.25rem; font-size: 1.25rem }
    dialog svg { display: block; width: 16rem; max-width: 100%; margin: 1rem auto; fill: #000 }
    dialog a { display: block; padding: 10px; color: #067a3c }`;

  /** @typedef {{state: "none" | "open" | "paid" | "ended", out_trade_no: string | null}} Result */

  /** An unguessable token for one purchase. */
  function fresh() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  /** Whether a second tab can be visible beside this page. */
  function hasRoom() {
    return (
      matchMedia("(hover: hover) and (pointer: fine)").matches &&
      !/MicroMessenger/i.test(navigator.userAgent)
    );
  }

  class WeceivePay extends HTMLElement {
    static observedAttributes = ["label", "link"];

    constructor() {
      super();
      const root = this.attachShadow({ mode: "open" });
      this.button = document.createElement("button");
      this.button.type = "button";
      this.button.setAttribute("part", "button");
      this.button.addEventListener("click", () => this.open());
      this.status = document.createElement("p");
      this.status.setAttribute("role", "status");
      this.status.setAttribute("part", "status");
      // A style element would need the permission of the page's Content-Security-Policy.
      if ("adoptedStyleSheets" in root) {
        const sheet = new CSSStyleSheet();
        sheet.replaceSync(STYLE);
        root.adoptedStyleSheets = [sheet];
      } else {
        const style = document.createElement("style");
        style.textContent = STYLE;
        /** @type {ShadowRoot} */ (root).append(style);
      }
      /** @type {ShadowRoot} */ (root).append(this.button, this.status);
      /** The polled purchase; empty if there is none. */
      this.once = "";
      this.until = 0;
      this.wait = FIRST_WAIT_MS;
      this.unanswered = 0;
      /** @type {ReturnType<typeof setTimeout> | undefined} */
      this.timer = undefined;
      /** @type {HTMLDialogElement | undefined} */
      this.dialog = undefined;
      this.look = () => {
        if (!document.hidden) this.again();
      };
    }

    connectedCallback() {
      this.draw();
      document.addEventListener("visibilitychange", this.look);
      addEventListener("pageshow", this.look);
      this.resume();
    }

    disconnectedCallback() {
      document.removeEventListener("visibilitychange", this.look);
      removeEventListener("pageshow", this.look);
      clearTimeout(this.timer);
      this.once = "";
    }

    attributeChangedCallback() {
      this.draw();
    }

    /** The link's address; `null` for anything but a payment link. */
    get address() {
      try {
        const url = new URL(this.getAttribute("link") ?? "");
        const web = url.protocol === "https:" || url.protocol === "http:";
        return web && url.pathname === "/pay/" && url.searchParams.has("l") ? url : null;
      } catch {
        return null;
      }
    }

    get language() {
      return this.closest("[lang]")?.getAttribute("lang") ?? "";
    }

    get words() {
      const tag = this.language.toLowerCase();
      if (/^zh\b/.test(tag)) return /hant|tw|hk|mo/.test(tag) ? WORDS.hant : WORDS.hans;
      const [other] = /^(ja|ko|th)\b/.exec(tag) ?? [];
      return WORDS[/** @type {"en" | "ja" | "ko" | "th"} */ (other ?? "en")];
    }

    draw() {
      this.button.textContent = this.getAttribute("label") || this.words[0];
      this.button.disabled = this.address === null;
    }

    open() {
      const address = this.address;
      if (!address) return;
      // The token stays until the purchase has ended, so a second tap makes no
      // second purchase.
      this.once ||= fresh();
      const url = new URL(address);
      url.searchParams.set("once", this.once);
      if (this.language) url.searchParams.set("lang", this.language);
      this.keep(this.once);
      if (this.hasAttribute("overlay") && hasRoom() && typeof HTMLDialogElement === "function") {
        return this.overlay(url);
      }
      const tab = hasRoom() && window.open(url, "_blank");
      if (tab) {
        // Without "noopener", which would hide whether the tab was blocked.
        tab.opener = null;
        this.watch(this.once);
      } else {
        location.assign(url);
      }
    }

    /**
     * Shows the code in a dialog, which the browser closes with Escape and which
     * keeps the focus. What ends the purchase closes it.
     *
     * @param {URL} url the link's page, to open where no code can be shown
     */
    async overlay(url) {
      const dialog = document.createElement("dialog");
      const heading = document.createElement("h2");
      heading.textContent = this.words[4];
      heading.id = "heading";
      dialog.setAttribute("aria-labelledby", "heading");
      const status = document.createElement("p");
      status.setAttribute("role", "status");
      status.textContent = this.words[6];
      const page = document.createElement("a");
      page.href = url.href;
      page.target = "_blank";
      page.rel = "noopener";
      page.textContent = this.words[7];
      const close = document.createElement("button");
      close.type = "button";
      close.textContent = this.words[5];
      close.addEventListener("click", () => dialog.close());
      dialog.append(heading, status, page, close);
      dialog.addEventListener("close", () => {
        dialog.remove();
        this.button.focus();
      });
      this.dialog = dialog;
      /** @type {ShadowRoot} */ (this.shadowRoot).append(dialog);
      dialog.showModal();
      this.watch(this.once);
      try {
        const code = await this.code(url);
        status.textContent = code.title;
        const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
        svg.setAttribute("viewBox", `0 0 ${code.size} ${code.size}`);
        svg.setAttribute("role", "img");
        svg.setAttribute("aria-label", this.words[4]);
        const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
        path.setAttribute("d", code.path);
        svg.append(path);
        status.after(svg);
      } catch {
        // The link asks for something first, or this page's origin is not registered.
        status.textContent = this.words[8];
      }
    }

    /**
     * Begins the purchase, and asks for its code.
     *
     * @param {URL} url
     * @returns {Promise<{title: string, size: number, path: string}>}
     */
    async code(url) {
      /** @type {(path: string, body?: string | URLSearchParams) => Promise<any>} */
      const ask = async (path, body) => {
        const answer = await fetch(new URL(path, url), { method: body ? "POST" : "GET", body, credentials: "omit", cache: "no-store" });
        return answer.json();
      };
      const { s } = await ask("/pay/link", new URLSearchParams({ l: url.searchParams.get("l") ?? "", once: this.once }));
      const query = `?s=${encodeURIComponent(s)}${this.language ? `&lang=${encodeURIComponent(this.language)}` : ""}`;
      const { title } = await ask(`/pay/view${query}`);
      const { qr } = await ask(`/pay/order${query}`, "{}");
      return { title, size: qr.size, path: qr.path };
    }

    /** Continues a purchase that was begun before the page was left. */
    resume() {
      try {
        const once = sessionStorage.getItem(this.place);
        if (once) this.watch(once);
      } catch {
        // Without storage there is nothing to continue.
      }
    }

    /** @param {string} once */
    keep(once) {
      try {
        if (once) sessionStorage.setItem(this.place, once);
        else sessionStorage.removeItem(this.place);
      } catch {
        // Then the result is reported only while the page stays open.
      }
    }

    get place() {
      return `weceive-pay ${this.getAttribute("link")}`;
    }

    /** @param {string} once */
    watch(once) {
      this.once = once;
      this.unanswered = 0;
      this.until = Date.now() + WATCH_MS;
      this.again();
    }

    /** Polls soon, because the state may just have changed. */
    again() {
      this.wait = FIRST_WAIT_MS;
      clearTimeout(this.timer);
      if (this.once) this.timer = setTimeout(() => this.ask(), 250);
    }

    async ask() {
      const address = this.address;
      const once = this.once;
      if (!address || !once || document.hidden) return;
      const url = new URL("/pay/result", address);
      url.searchParams.set("l", address.searchParams.get("l") ?? "");
      url.searchParams.set("once", once);
      /** @type {Result | undefined} */
      let result;
      /** @type {{code: string, message: string} | undefined} */
      let refusal;
      try {
        const answer = await fetch(url, { credentials: "omit", cache: "no-store" });
        const body = await answer.json();
        if (answer.ok) result = body;
        // Rate limits and faults of the gateway are temporary.
        else if (answer.status < 500 && answer.status !== 429) refusal = body;
        this.unanswered = 0;
      } catch {
        // Offline, or blocked on the way to the gateway.
        if (navigator.onLine) this.unanswered += 1;
      }
      if (once !== this.once || !this.isConnected) return;
      if (this.unanswered === UNANSWERED) {
        const message = `No answer comes from ${address.origin}: does this page's Content-Security-Policy have it in connect-src?`;
        refusal = { code: "UNREACHABLE", message };
      }
      if (refusal) return this.giveUp(refusal);
      if (result && (result.state === "paid" || result.state === "ended")) {
        return this.end(result);
      }
      if (Date.now() > this.until) {
        this.status.textContent = "";
        this.once = "";
        return this.keep("");
      }
      if (result?.state === "open") this.status.textContent = this.words[1];
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.ask(), this.wait);
      this.wait = Math.min(this.wait * 1.2, LONGEST_WAIT_MS);
    }

    /**
     * The payer can still pay; only this page does not receive the result.
     *
     * @param {{code: string, message: string}} refusal
     */
    giveUp({ code, message }) {
      this.once = "";
      this.keep("");
      this.status.textContent = this.words[3];
      const why = code === "ORIGIN_UNKNOWN" ? `${message} This page's origin is ${location.origin}.` : message;
      console.error(`weceive-pay: ${code}: ${why}`);
      const detail = { code, message: why };
      this.dispatchEvent(new CustomEvent("weceive-error", { detail, bubbles: true, composed: true }));
    }

    /** @param {Result} result */
    end({ state, out_trade_no }) {
      this.once = "";
      this.dialog?.close();
      this.keep("");
      this.status.textContent = state === "paid" ? this.words[2] : "";
      const detail = { state, out_trade_no };
      this.dispatchEvent(
        new CustomEvent("weceive-result", { detail, bubbles: true, composed: true }),
      );
    }
  }

  if (!customElements.get("weceive-pay")) customElements.define("weceive-pay", WeceivePay);
})();
