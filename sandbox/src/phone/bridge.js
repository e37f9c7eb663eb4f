// @ts-check
// The first script of every page in the phone: adds WeChat's bridge to the
// browser.

/** @typedef {(answer: Record<string, unknown>) => void} Callback */

const script = /** @type {HTMLScriptElement} */ (document.currentScript);
const userAgent = script.dataset.userAgent || "";
const language = script.dataset.language || "en";
const { origin, hostname, port, protocol } = location;
const dot = hostname.indexOf(".");
const phoneOrigin = `${protocol}//${hostname.slice(dot + 1)}${port ? `:${port}` : ""}`;
// The page may replace these functions; the bridge keeps the originals.
const ask = window.fetch.bind(window);
const later = window.setTimeout.bind(window);

for (const [name, value] of Object.entries({
  userAgent,
  appVersion: userAgent.replace(/^Mozilla\//, ""),
  platform: "iPhone",
  vendor: "Apple Computer, Inc.",
  language: language.replace("_", "-"),
  userAgentData: undefined,
})) {
  Object.defineProperty(Navigator.prototype, name, { configurable: true, get: () => value });
}

// ── Addresses ──────────────────────────────────────────────────────────────

/**
 * The address in the phone of an address on this machine; null when it needs
 * no mapping. The server maps its redirects in the same way.
 * @param {string} address
 * @returns {string | null}
 */
function intoPhone(address) {
  let url;
  try {
    url = new URL(address, location.href);
  } catch {
    return null;
  }
  const loopback = url.protocol === "http:" &&
    ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname) && Number(url.port) >= 1024;
  const target = loopback ? url.port : url.hostname === "open.weixin.qq.com" ? port : null;
  if (!target) return null;
  const host = hostname.replace(/^p\d+/, `p${target}`);
  const own = port ? `:${port}` : "";
  return `http://${host}${own}${url.pathname}${url.search}${url.hash}`;
}

/** @type {any} */
const navigation = /** @type {any} */ (window).navigation;
if (navigation) {
  navigation.addEventListener("navigate", (/** @type {any} */ event) => {
    const mapped = intoPhone(event.destination.url);
    if (mapped && event.cancelable && !event.formData) {
      event.preventDefault();
      location.assign(mapped);
    }
  });
}
document.addEventListener("click", (event) => {
  const anchor = event.composedPath().find((node) => node instanceof HTMLAnchorElement);
  if (!(anchor instanceof HTMLAnchorElement)) return;
  // WeChat has one window.
  if (anchor.target && anchor.target !== "_self") anchor.target = "_self";
  const mapped = intoPhone(anchor.href);
  if (mapped) anchor.href = mapped;
}, true);
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement)) return;
  const mapped = intoPhone(form.action);
  if (mapped) form.action = mapped;
}, true);

/** Reports the page that is shown to the phone around it. */
function report() {
  if (window.parent !== window) {
    window.parent.postMessage(
      { weixin: "page", url: location.href, title: document.title }, phoneOrigin);
  }
}
for (const when of ["DOMContentLoaded", "load", "hashchange", "popstate", "pageshow"]) {
  window.addEventListener(when, report);
}

// ── WeixinJSBridge ─────────────────────────────────────────────────────────

/**
 * @param {unknown} package_
 * @param {"pay" | "cancel" | "fail" | null} action
 * @returns {Promise<Verdict>}
 */
async function check(package_, action) {
  const answer = await ask(`${origin}/__phone/bridge`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ package: package_, page_url: location.href, action }),
  });
  return answer.json();
}

/** @param {Verdict} verdict */
function told(verdict) {
  return {
    err_msg: verdict.err_msg || "get_brand_wcpay_request:fail",
    err_code: verdict.err_code || "",
    err_desc: verdict.err_desc || verdict.message || "",
    reason: verdict.reason || "",
    message: verdict.message || "",
  };
}

let paying = false;

/**
 * @param {unknown} parameters
 * @returns {Promise<Record<string, unknown>>}
 */
async function requestPayment(parameters) {
  if (paying) return told({ ok: false, reason: "BUSY", err_desc: "正在支付中", message: "a sheet is open already" });
  paying = true;
  try {
    const package_ = typeof parameters === "string" ? JSON.parse(parameters) : parameters;
    const root = sheetRoot("/__phone/sheet.css");
    const verdict = await check(package_ || {}, null);
    if (!verdict.ok || !verdict.sheet) {
      showRefusal(root, verdict, language);
      return told(verdict);
    }
    return told(await showSheet(root, verdict.sheet, language, (action) => check(package_, action)));
  } catch (error) {
    return told({ ok: false, reason: "UNREACHABLE", err_desc: String(error) });
  } finally {
    paying = false;
  }
}

const QUIET = ["hideOptionMenu", "showOptionMenu", "hideToolbar", "showToolbar",
  "hideMenuItems", "showMenuItems", "preVerifyJSAPI", "setPageTitle"];

const bridge = {
  /**
   * @param {string} name
   * @param {unknown} [parameters]
   * @param {Callback} [callback]
   */
  invoke(name, parameters, callback) {
    const answer = callback || (() => {});
    if (name === "getBrandWCPayRequest") {
      requestPayment(parameters).then(answer);
    } else if (name === "getNetworkType") {
      answer({ err_msg: "network_type:wifi" });
    } else if (name === "closeWindow") {
      window.parent.postMessage({ weixin: "close" }, phoneOrigin);
      answer({ err_msg: "close_window:ok" });
    } else if (QUIET.includes(name)) {
      answer({ err_msg: `${name}:ok` });
    } else {
      answer({ err_msg: "system:function_not_exist" });
    }
  },
  /** @param {string} name */
  call(name) {
    bridge.invoke(name);
  },
  on() {},
  log() {},
};

// It comes late, as WeChat's does.
later(() => {
  Object.defineProperty(window, "WeixinJSBridge", { value: bridge, configurable: true });
  document.dispatchEvent(new Event("WeixinJSBridgeReady"));
}, 250);
