// @ts-check
// The phone: a browser for pages of this machine, a scanner, payments.

/**
 * @typedef {{merchant: string, body: string, total_fee: number, fee_type: string,
 *   amount: string, code_url: string, out_trade_no: string, payable_until_ms: number,
 *   paid_by: string | null, paid_ms: number | null, trade_state: string, payable: boolean,
 *   mch_id: string, sub_mch_id: string | null}} Order
 */

/**
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
function need(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`no #${id}`);
  return found;
}

/** Code 128: the widths of bars and spaces, by value. */
const CODE_128 = (
  "212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 " +
  "112232 122132 122231 113222 123122 123221 223211 221132 221231 213212 223112 312131 " +
  "311222 321122 321221 312212 322112 322211 212123 212321 232121 111323 131123 131321 " +
  "112313 132113 132311 211313 231113 231311 112133 112331 132131 113123 113321 133121 " +
  "313121 211331 231131 213113 213311 213131 311123 311321 331121 312113 312311 332111 " +
  "314111 221411 431111 111224 111422 121124 121421 141122 141221 112214 112412 122114 " +
  "122411 142112 142211 241211 221114 413111 241112 134111 111242 121142 121241 114212 " +
  "124112 124211 411212 421112 421211 212141 214121 412121 111143 111341 131141 114113 " +
  "114311 411113 411311 113141 114131 311141 411131 211412 211214 211232 2331112"
).split(" ");

const PAYERS = ["alice", "bob", "carol"];
const LANGUAGES = { en: "", zh_CN: "-zhcn", zh_TW: "-zhtw" };
const asked = new URLSearchParams(location.search);
const title = need("title", HTMLElement);
const address = need("address", HTMLElement);
const reload = need("reload", HTMLButtonElement);
const back = need("back", HTMLButtonElement);
const browser = need("view-browser", HTMLElement);
const problem = need("open-problem", HTMLElement);

/** What the phone remembers; a browser may forbid even that. */
const memory = {
  /** @param {string} name */
  get: (name) => {
    try { return localStorage.getItem(name); } catch { return null; }
  },
  /** @param {string} name @param {string} value */
  set: (name, value) => {
    try { localStorage.setItem(name, value); } catch { /* it is only a convenience */ }
  },
};

let payer = [asked.get("payer"), memory.get("payer")].find((p) => p && PAYERS.includes(p)) || "alice";
let language = [asked.get("lang"), memory.get("language")].find((l) => l && l in LANGUAGES) || "en";
let view = "home";
/** The page's address on this machine, while one is open. */
let page = "";

// ── Pages ──────────────────────────────────────────────────────────────────

/**
 * @param {string} link
 * @returns {string | null} the address in the phone, or null
 */
function intoPhone(link) {
  let url;
  try {
    url = new URL(link);
  } catch {
    return null;
  }
  const loopback = url.protocol === "http:" &&
    ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname) && Number(url.port) >= 1024;
  const target = loopback ? url.port : url.hostname === "open.weixin.qq.com" ? location.port : "";
  if (!target) return null;
  const suffix = LANGUAGES[/** @type {keyof typeof LANGUAGES} */ (language)];
  return `http://p${target}-${payer}${suffix}.${location.host}${url.pathname}${url.search}${url.hash}`;
}

/** @param {string} link @returns {string} the address on this machine */
function outOfPhone(link) {
  const url = new URL(link);
  const port = /^p(\d+)-/.exec(url.hostname);
  return port ? `http://127.0.0.1:${port[1]}${url.pathname}${url.search}${url.hash}` : link;
}

/** @param {string} link */
function open(link) {
  problem.textContent = "";
  const trimmed = link.trim();
  if (trimmed.startsWith("weixin://")) {
    scan(trimmed);
    return;
  }
  const inside = intoPhone(trimmed.includes("://") ? trimmed : `http://${trimmed}`);
  if (!inside) {
    show("home");
    problem.textContent = phoneText(language, "no_page");
    return;
  }
  page = outOfPhone(inside);
  // A new frame each time, so that Back does not leave the phone.
  const frame = element("iframe", { title: phoneText(language, "frame"), src: inside, referrerpolicy: "no-referrer" });
  browser.replaceChildren(frame);
  title.textContent = "…";
  show("browser");
}

window.addEventListener("message", (event) => {
  const frame = browser.querySelector("iframe");
  if (!frame || event.source !== frame.contentWindow || !event.data) return;
  if (event.data.weixin === "page" && typeof event.data.url === "string") {
    page = outOfPhone(event.data.url);
    frame.title = event.data.title || phoneText(language, "frame");
    if (view === "browser") head();
  } else if (event.data.weixin === "close") {
    close();
  }
});

function close() {
  browser.replaceChildren();
  page = "";
  show("home");
}

reload.addEventListener("click", () => open(page));
back.addEventListener("click", () => {
  if (view === "browser") close();
  else show("home");
});
need("open", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  open(need("link", HTMLInputElement).value);
});
need("shop", HTMLButtonElement).addEventListener("click", () => {
  open(`http://127.0.0.1:${location.port}/shop/`);
});

// ── Views ──────────────────────────────────────────────────────────────────

function head() {
  const frame = browser.querySelector("iframe");
  const inPage = view === "browser" && frame;
  title.textContent = inPage ? frame.title : phoneText(language, view);
  address.textContent = inPage ? page : phoneText(language, "phone_of", nameOf(payer));
  reload.hidden = !inPage;
  back.hidden = view === "home";
}

/** @param {string} name */
function show(name) {
  // The code that was shown may have been used meanwhile.
  if (name === "code" && view !== name) shownCode.until = 0;
  view = name;
  for (const section of document.querySelectorAll(".view")) {
    if (section instanceof HTMLElement) section.hidden = section.id !== `view-${name}`;
  }
  for (const tab of document.querySelectorAll(".tabs button")) {
    if (!(tab instanceof HTMLButtonElement)) continue;
    if (tab.dataset.view === name) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
    if (tab.dataset.view === "browser") tab.hidden = !browser.firstChild;
  }
  head();
  refresh();
}

for (const tab of document.querySelectorAll(".tabs button")) {
  tab.addEventListener("click", () => show(/** @type {HTMLElement} */ (tab).dataset.view || "home"));
}

for (const [group, get, set] of /** @type {[string, () => string, (v: string) => void][]} */ ([
  ["payer", () => payer, (value) => { payer = value; }],
  ["language", () => language, (value) => { language = value; }],
])) {
  for (const input of document.querySelectorAll(`input[name="${group}"]`)) {
    if (!(input instanceof HTMLInputElement)) continue;
    input.checked = input.value === get();
    input.addEventListener("change", () => {
      set(input.value);
      memory.set(group, input.value);
      // The open page and the open sheet belong to the phone that was.
      browser.replaceChildren();
      document.getElementById("weixin-sheet")?.shadowRoot?.querySelector("dialog")?.dispatchEvent(new Event("dismiss"));
      speak();
      show(view);
    });
  }
}

function speak() {
  translate(language);
  back.setAttribute("aria-label", phoneText(language, "back"));
  reload.setAttribute("aria-label", phoneText(language, "reload"));
}
speak();

// ── Scanning and payments ──────────────────────────────────────────────────

/**
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>}
 */
async function call(path, body) {
  const answer = await fetch(path, body === undefined ? {} : {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return answer.json();
}

/** The sheet's root, told where the phone's screen is. */
function screenRoot() {
  const root = sheetRoot("/phone/sheet.css");
  const screen = need("screen", HTMLElement).getBoundingClientRect();
  const { style } = /** @type {HTMLElement} */ (root.host);
  // On a real phone the page is the screen.
  style.setProperty("--screen-radius", screen.left > 0 ? "2rem" : "0");
  style.setProperty("--screen-left", `${screen.left}px`);
  style.setProperty("--screen-right", `${innerWidth - screen.right}px`);
  style.setProperty("--screen-bottom", `${innerHeight - screen.bottom}px`);
  return root;
}

/** @param {string} codeUrl */
async function scan(codeUrl) {
  const root = screenRoot();
  const who = payer;
  const verdict = await call("/sandbox/scan", { code_url: codeUrl, payer: who });
  /** @type {Order | undefined} */
  const order = verdict.order;
  // Scanning a product again would make another order.
  /** @param {Action} action */
  const perform = (action) => order && order.code_url !== codeUrl
    ? answer(order, who, action)
    : call("/sandbox/scan", { code_url: codeUrl, payer: who, action });
  if (!verdict.ok || !verdict.sheet) {
    showRefusal(root, verdict, language);
  } else {
    const done = await showSheet(root, verdict.sheet, language, perform);
    if (!done.ok) showRefusal(root, done, language);
    else if (done.err_msg === "get_brand_wcpay_request:ok") show("payments");
  }
  refresh();
}

/**
 * @param {Order} order
 * @param {string} who
 * @param {Action | null} action
 */
function answer({ mch_id, sub_mch_id, out_trade_no }, who, action) {
  return call("/sandbox/pay", { mch_id, sub_mch_id, out_trade_no, payer: who, action });
}

// ── Quick Pay ──────────────────────────────────────────────────────────────

const bars = need("bars", HTMLElement);
const digits = need("digits", HTMLElement);
const countdown = need("countdown", HTMLElement);
const behaviour = need("behaviour", HTMLSelectElement);
/** Whose code is shown, and until when on this browser's clock. */
let shownCode = { payer: "", until: 0 };

/** @param {string} code 18 digits */
function drawCode(code) {
  const values = (code.match(/../g) || []).map(Number);
  const check = values.reduce((sum, value, at) => sum + value * (at + 1), 105) % 103;
  // Code 128: start C, pairs of digits, check, stop.
  const widths = [105, ...values, check, 106].map((value) => CODE_128[value]).join("");
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  let at = 0;
  [...widths].forEach((width, index) => {
    if (index % 2 === 0) {
      const bar = document.createElementNS(space, "rect");
      for (const [name, value] of Object.entries({ x: at, y: 0, width, height: 40 })) {
        bar.setAttribute(name, String(value));
      }
      svg.append(bar);
    }
    at += Number(width);
  });
  svg.setAttribute("viewBox", `0 0 ${at} 40`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", phoneText(language, "bars"));
  bars.replaceChildren(svg);
  digits.textContent = code.replace(/(.{4})(?=.)/g, "$1 ");
  digits.dataset.authCode = code;
}

async function newCode() {
  const who = payer;
  shownCode = { payer: who, until: Date.now() + 60000 };
  const code = await call("/sandbox/paycode", { payer: who, behaviour: behaviour.value || null });
  if (who === payer) drawCode(code.auth_code);
}

function tickCode() {
  if (view !== "code" || document.hidden) return;
  const left = Math.ceil((shownCode.until - Date.now()) / 1000);
  if (shownCode.payer !== payer || left <= 0) newCode().catch(() => {});
  countdown.textContent = phoneText(language, "code_of", nameOf(payer), Math.max(1, left));
}

need("behave", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  newCode().catch(() => {});
});
behaviour.addEventListener("change", () => newCode().catch(() => {}));
setInterval(tickCode, 500);

let askingPassword = false;

/** Shows the sheet of a Quick Pay that wants this payer's password. */
async function askPassword() {
  if (askingPassword) return;
  askingPassword = true;
  try {
    const who = payer;
    const { orders } = await call(`/sandbox/orders?trade_state=USERPAYING&payable=1&payer=${who}&limit=1`);
    if (!orders.length) return;
    const verdict = await answer(orders[0], who, null);
    // On another payer's phone it is not shown.
    if (!verdict.ok || !verdict.sheet || who !== payer) return;
    const root = screenRoot();
    const done = await showSheet(root, verdict.sheet, language, (action) => answer(orders[0], who, action));
    if (!done.ok) showRefusal(root, done, language);
    else if (done.err_msg === "get_brand_wcpay_request:ok") show("payments");
  } finally {
    askingPassword = false;
  }
}

need("paste", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  scan(need("code", HTMLInputElement).value.trim());
});

/**
 * @param {HTMLElement} list
 * @param {HTMLElement[]} items
 * @param {string} nothing
 */
function fill(list, items, nothing) {
  const rows = items.length ? items : [element("li", { class: "empty" }, nothing)];
  // Only what changed, so that a button keeps its focus.
  const now = rows.map((row) => row.outerHTML).join("");
  if (list.dataset.shown === now) return;
  list.dataset.shown = now;
  list.replaceChildren(...rows);
}

/** @type {Order[]} the orders whose code can be scanned */
let waiting = [];

/** Draws the codes that the search finds. */
function drawCodes() {
  const words = need("search", HTMLInputElement).value.toLowerCase().split(/\s+/);
  const found = waiting.filter(({ merchant, body, out_trade_no, amount }) => {
    const text = `${merchant} ${body} ${out_trade_no} ${readable(amount, language)}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  fill(need("codes", HTMLElement), found.slice(0, 20).map((order) => {
    const minutes = Math.max(1, Math.round((order.payable_until_ms - Date.now()) / 60000));
    const button = element("button", { "data-code-url": order.code_url },
      element("b", {}, order.merchant), element("strong", {}, readable(order.amount, language)),
      element("span", {}, `${order.body} · ${phoneText(language, "minutes", minutes)}`),
      element("span", { class: "number" }, order.out_trade_no));
    return element("li", {}, button);
  }), phoneText(language, waiting.length ? "not_found" : "no_codes"));
}

async function refresh() {
  if (view === "scan") {
    waiting = (await call("/sandbox/orders?trade_type=NATIVE&payable=1&limit=200")).orders;
    drawCodes();
  } else if (view === "payments") {
    const paid = await Promise.all(["SUCCESS", "REFUND"].map((state) =>
      call(`/sandbox/orders?trade_state=${state}&limit=30`)));
    /** @type {Order[]} */
    const orders = paid.flatMap((answer) => answer.orders);
    orders.sort((one, other) => (other.paid_ms || 0) - (one.paid_ms || 0));
    fill(need("payments", HTMLElement), orders.slice(0, 30).map((order) =>
      element("li", { class: "paid" }, element("b", {}, order.merchant),
        element("strong", {}, readable(order.amount, language)),
        element("span", {}, [nameOf(order.paid_by || ""),
          new Date(order.paid_ms || 0).toLocaleString(document.documentElement.lang),
          ...(order.trade_state === "REFUND" ? [phoneText(language, "refunded")] : [])].join(" · ")),
        element("span", { class: "number" }, order.out_trade_no))),
    phoneText(language, "no_payments"));
  }
}

need("search", HTMLInputElement).addEventListener("input", drawCodes);
need("codes", HTMLElement).addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("button") : null;
  if (button && button.dataset.codeUrl) scan(button.dataset.codeUrl);
});

setInterval(() => {
  // A sandbox that is being restarted is back at the next turn.
  if (document.hidden) return;
  refresh().catch(() => {});
  askPassword().catch(() => {});
}, 2000);

show("home");
const first = asked.get("open");
if (first) open(first);
const firstCode = asked.get("scan");
if (firstCode) scan(firstCode);
