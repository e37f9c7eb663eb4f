// @ts-check
// The function of the checkout page, written by hand and in one language, to
// compare the real page with: it draws the purchase, orders, calls WeChat's
// bridge or shows the code, and asks until the order is paid. The same Worker
// serves it, in the same frame and with the same stylesheet. It is not a part
// of the product.

const page = JSON.parse(/** @type {HTMLElement} */ (document.getElementById("view")).textContent || "{}");
const view = page.view || page;
const now = /** @type {HTMLElement} */ (document.getElementById("now"));
now.removeAttribute("aria-busy");

/**
 * @param {string} path
 * @param {string} [body]
 */
async function ask(path, body) {
  const answer = await fetch(`/pay/${path}${location.search}`, {
    cache: "no-store",
    ...(body && { method: "POST", body, headers: { "content-type": "application/json" } }),
  });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

/**
 * @param {string} heading
 * @param {string} [body]
 */
function say(heading, body = "") {
  const says = document.createElement("div");
  says.className = "says";
  says.setAttribute("role", "status");
  says.append(Object.assign(document.createElement("h2"), { textContent: heading }));
  if (body) says.append(Object.assign(document.createElement("p"), { textContent: body }));
  now.replaceChildren(says);
}

/** @param {string} label */
function offer(label) {
  const button = Object.assign(document.createElement("button"), { className: "button", textContent: label });
  button.addEventListener("click", () => pay().catch(() => { say("Something went wrong"); offer("Try again"); }));
  now.append(button);
}

async function watch() {
  const { state } = await ask("status").catch(() => ({ state: view.state }));
  if (state.paid) say("Paid", "Thank you. Your payment is confirmed.");
  else if (state === "open" || state === "confirming") setTimeout(watch, 1500);
  else say("This payment has ended");
}

async function pay() {
  const prepared = await ask("order", "{}");
  if (prepared.not_open) return watch();
  if (prepared.qr) {
    say("Scan with WeChat to pay", "In WeChat, open Discover, then Scan, and point your phone at this code.");
    const figure = document.createElement("figure");
    figure.className = "code";
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", `0 0 ${prepared.qr.size} ${prepared.qr.size}`);
    svg.setAttribute("shape-rendering", "crispEdges");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", prepared.qr.path);
    svg.append(path);
    figure.append(svg);
    now.append(figure);
    return watch();
  }
  say("Continue in WeChat Pay");
  // @ts-ignore: WeChat defines it
  window.WeixinJSBridge.invoke("getBrandWCPayRequest", prepared.jsapi, (/** @type {{err_msg: string}} */ { err_msg }) => {
    if (err_msg.endsWith(":ok")) return watch();
    say("Not paid yet");
    offer("Try again");
  });
}

now.replaceChildren();
if (view.state !== "open") watch();
else if (view.method === "native") pay();
else offer("Pay now");
