// @ts-check
// The phone: a browser for pages of this machine, a scanner, payments.

/**
 * @typedef {{merchant: string, body: string, total_fee: number, fee_type: string,
 *   amount: string, code_url: string, out_trade_no: string, payable_until_ms: number,
 *   paid_by: string | null, paid_ms: number | null}} Order
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

const PAYERS = ["alice", "bob", "carol"];
const LANGUAGES = { en: "", zh_CN: "-zhcn", zh_TW: "-zhtw" };
const asked = new URLSearchParams(location.search);
const title = need("title", HTMLElement);
const address = need("address", HTMLElement);
const reload = need("reload", HTMLButtonElement);
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
    problem.textContent = "This phone opens only pages of this machine: http://127.0.0.1 or http://localhost with a port from 1024 up.";
    return;
  }
  page = outOfPhone(inside);
  // A new frame each time, so that Back does not leave the phone.
  const frame = element("iframe", { title: "Page in WeChat", src: inside });
  browser.replaceChildren(frame);
  title.textContent = "…";
  show("browser");
}

window.addEventListener("message", (event) => {
  const frame = browser.querySelector("iframe");
  if (!frame || event.source !== frame.contentWindow || !event.data) return;
  if (event.data.weixin === "page" && typeof event.data.url === "string") {
    page = outOfPhone(event.data.url);
    frame.title = event.data.title || "Page in WeChat";
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
need("back", HTMLButtonElement).addEventListener("click", () => {
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
  title.textContent = inPage ? frame.title : { home: "WeChat", scan: "Scan", payments: "Payments" }[view] || "WeChat";
  address.textContent = inPage ? page : `${payer}’s phone`;
  reload.hidden = !inPage;
}

/** @param {string} name */
function show(name) {
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
      // The open page belongs to the phone that was.
      browser.replaceChildren();
      show(view);
    });
  }
}

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

/** @param {string} codeUrl */
async function scan(codeUrl) {
  const root = sheetRoot("/phone/sheet.css");
  const who = payer;
  /** @param {Action | null} action */
  const perform = (action) => call("/sandbox/scan", { code_url: codeUrl, payer: who, action });
  const verdict = await perform(null);
  if (!verdict.ok || !verdict.sheet) {
    showRefusal(root, verdict, language);
  } else {
    const done = await showSheet(root, verdict.sheet, language, perform);
    if (!done.ok) showRefusal(root, done, language);
    else if (done.err_msg === "get_brand_wcpay_request:ok") show("payments");
  }
  refresh();
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

async function refresh() {
  if (view === "scan") {
    const { orders } = await call("/sandbox/orders?trade_type=NATIVE&payable=1&limit=20");
    fill(need("codes", HTMLElement), orders.map((/** @type {Order} */ order) => {
      const minutes = Math.max(1, Math.round((order.payable_until_ms - Date.now()) / 60000));
      const button = element("button", { "data-code-url": order.code_url },
        element("b", {}, order.merchant), element("strong", {}, order.amount),
        element("span", {}, `${order.body} · ${minutes} min left`));
      return element("li", {}, button);
    }), "No QR code is waiting to be scanned.");
  } else if (view === "payments") {
    const { orders } = await call("/sandbox/orders?trade_state=SUCCESS&limit=30");
    fill(need("payments", HTMLElement), orders.map((/** @type {Order} */ order) =>
      element("li", { class: "paid" }, element("b", {}, order.merchant),
        element("strong", {}, order.amount),
        element("span", {}, `${order.paid_by} · ${new Date(order.paid_ms || 0).toLocaleString()} · ${order.out_trade_no}`))),
    "Nobody has paid anything yet.");
  }
}

need("codes", HTMLElement).addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("button") : null;
  if (button && button.dataset.codeUrl) scan(button.dataset.codeUrl);
});

setInterval(() => {
  // A sandbox that is being restarted is back at the next turn.
  if (!document.hidden) refresh().catch(() => {});
}, 2000);

show("home");
const first = asked.get("open");
if (first) open(first);
const firstCode = asked.get("scan");
if (firstCode) scan(firstCode);
