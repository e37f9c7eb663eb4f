// @ts-check
// `public/weceive-pay.js` in a page of a merchant; the test plays the gateway.
"use strict";

const assert = require("node:assert/strict");
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { test } = require("node:test");
const { JSDOM } = require("jsdom");

const SCRIPT = readFileSync(join(__dirname, "../../public/weceive-pay.js"), "utf8");
const LINK = "https://pay.example.com/pay/?l=demo.x";

const pause = (/** @type {number} */ ms) => new Promise((done) => setTimeout(done, ms));

/**
 * A page with this body, on a computer.
 *
 * @param {string} body
 */
function page(body) {
  const dom = new JSDOM(body, { runScripts: "outside-only", url: "https://shop.example.com/" });
  /** @type {any} */
  const window = dom.window;
  const seen = {
    opened: /** @type {string[]} */ ([]),
    tabs: /** @type {{opener: any}[]} */ ([]),
    asked: /** @type {string[]} */ ([]),
    results: /** @type {any[]} */ ([]),
    /** @type {any} */
    answer: { state: "none", out_trade_no: null },
    status: 200,
    errors: /** @type {any[]} */ ([]),
    console: /** @type {string[]} */ ([]),
  };
  Object.defineProperty(window.document, "hidden", { value: false });
  window.matchMedia = () => ({ matches: true });
  window.open = (/** @type {URL} */ url) => {
    seen.opened.push(String(url));
    const tab = { opener: window };
    seen.tabs.push(tab);
    return tab;
  };
  window.fetch = async (/** @type {URL} */ url) => {
    seen.asked.push(String(url));
    if (!seen.answer) throw new TypeError("refused");
    if (seen.status !== 200) return { ok: false, status: seen.status, json: async () => seen.answer };
    return { ok: true, status: 200, json: async () => seen.answer };
  };
  window.document.addEventListener("weceive-result", (/** @type {any} */ event) =>
    seen.results.push({ ...event.detail }),
  );
  window.document.addEventListener("weceive-error", (/** @type {any} */ event) =>
    seen.errors.push({ ...event.detail }),
  );
  window.console.error = (/** @type {string} */ line) => seen.console.push(line);
  window.eval(SCRIPT);
  const element = window.document.querySelector("weceive-pay");
  const inside = (/** @type {string} */ name) => element.shadowRoot.querySelector(name);
  return { window, seen, element, button: inside("button"), status: inside("[role=status]") };
}

test("a double tap is one purchase, and the page learns how it ended from the gateway", async (t) => {
  const { window, seen, button, status } = page(`<weceive-pay link="${LINK}"></weceive-pay>`);
  t.after(() => window.close());
  button.click();
  button.click();
  assert.equal(seen.opened.length, 2);
  assert.equal(seen.opened[0], seen.opened[1]);
  assert.deepEqual(seen.tabs, [{ opener: null }, { opener: null }], "which cannot reach this page");
  const once = new URL(seen.opened[0]).searchParams.get("once");
  assert.match(String(once), /^[0-9a-f]{32}$/);
  await pause(400);
  assert.equal(seen.asked[0], `https://pay.example.com/pay/result?l=demo.x&once=${once}`);
  assert.deepEqual(seen.results, []);

  seen.answer = { state: "open", out_trade_no: "x_1" };
  window.dispatchEvent(new window.Event("pageshow"));
  await pause(400);
  assert.equal(status.textContent, "Waiting for your payment…");
  seen.answer = { state: "paid", out_trade_no: "x_1" };
  window.dispatchEvent(new window.Event("pageshow"));
  await pause(400);
  assert.deepEqual(seen.results, [seen.answer]);
  assert.equal(status.textContent, "Paid");

  const asked = seen.asked.length;
  window.dispatchEvent(new window.Event("pageshow"));
  await pause(400);
  assert.equal(seen.asked.length, asked, "nothing more to ask");
  button.click();
  assert.notEqual(seen.opened[2], seen.opened[0], "the next purchase is another");
});

test("a page that was left and came back goes on asking", async (t) => {
  const { window, seen, element } = page(`<weceive-pay link="${LINK}"></weceive-pay>`);
  t.after(() => window.close());
  const once = "0123456789abcdef0123456789abcdef";
  window.sessionStorage.setItem(`weceive-pay ${LINK}`, once);
  const again = element.cloneNode();
  window.document.body.append(again);
  seen.answer = { state: "ended", out_trade_no: "x_1" };
  await pause(400);
  assert.deepEqual(seen.results, [seen.answer]);
  assert.equal(window.sessionStorage.length, 0);
});

test("a message from another window is not believed, and a refusal stops no payer", async (t) => {
  const { window, seen, button } = page(`<weceive-pay link="${LINK}"></weceive-pay>`);
  t.after(() => window.close());
  seen.answer = null;
  button.click();
  window.postMessage({ state: "paid", out_trade_no: "x_1" }, "*");
  await pause(400);
  assert.equal(seen.opened.length, 1);
  assert.deepEqual(seen.results, []);
});

test("a page whose origin is not registered says so, and asks no more", async (t) => {
  const { window, seen, button, status } = page(`<weceive-pay link="${LINK}"></weceive-pay>`);
  t.after(() => window.close());
  seen.status = 403;
  const message = "Register the page's origin for this merchant, in redirect_origins.";
  seen.answer = { status: "fail", code: "ORIGIN_UNKNOWN", message };
  button.click();
  await pause(400);
  assert.equal(seen.opened.length, 1, "the payer can pay all the same");
  assert.equal(seen.asked.length, 1);
  assert.equal(status.textContent, "This page can’t show the result of your payment.");
  const why = `${message} This page's origin is https://shop.example.com.`;
  assert.deepEqual(seen.errors, [{ code: "ORIGIN_UNKNOWN", message: why }]);
  assert.deepEqual(seen.console, [`weceive-pay: ORIGIN_UNKNOWN: ${why}`]);
  window.dispatchEvent(new window.Event("pageshow"));
  await pause(2_600);
  assert.equal(seen.asked.length, 1, "neither later nor when the page is seen again");
  assert.equal(window.sessionStorage.length, 0);
});

test("a gateway that is too busy is asked again, and one that never answers is named", async (t) => {
  const { window, seen, button } = page(`<weceive-pay link="${LINK}"></weceive-pay>`);
  t.after(() => window.close());
  const again = async () => {
    window.dispatchEvent(new window.Event("pageshow"));
    await pause(300);
  };
  for (const status of [429, 500, 503]) {
    seen.status = status;
    seen.answer = { status: "fail", code: "RATE_LIMITED", message: "m" };
    if (status === 429) button.click();
    await again();
  }
  assert.deepEqual(seen.errors, []);
  seen.answer = null;
  for (let i = 0; i < 19; i += 1) await again();
  assert.deepEqual(seen.errors, []);
  await again();
  assert.equal(seen.errors.length, 1);
  assert.equal(seen.errors[0].code, "UNREACHABLE");
  assert.match(seen.errors[0].message, /https:\/\/pay\.example\.com.*connect-src/);
  const asked = seen.asked.length;
  await again();
  assert.equal(seen.asked.length, asked);
});

test("only a payment link is opened, and the button speaks the page's language", () => {
  for (const link of ["", "javascript:alert(1)", "/pay/?l=x", "https://a.example/", "https://a.example/pay/?s=1"]) {
    const { window, seen, button } = page(`<weceive-pay link="${link}"></weceive-pay>`);
    assert.equal(button.disabled, true, link);
    button.click();
    assert.deepEqual(seen.opened, []);
    window.close();
  }
  for (const [lang, label, words] of [
    ["en", "", "Pay with WeChat"],
    ["zh-HK", "", "微信支付"],
    ["en", "<b>Buy</b>", "<b>Buy</b>"],
  ]) {
    const { window, button } = page(
      `<p lang="${lang}"><weceive-pay link="${LINK}" label="${label}"></weceive-pay></p>`,
    );
    assert.equal(button.textContent, words);
    assert.equal(button.childElementCount, 0);
    window.close();
  }
});
