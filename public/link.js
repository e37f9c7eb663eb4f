// @ts-check
/**
 * The page of a payment link: what a page can do only with a script. Without it
 * the form works all the same.
 *
 * On another host than the gateway's, the form is sent to the gateway in the
 * background, and the payer goes on at this host's page.
 */
(() => {
  "use strict";

  const gateway = document.querySelector("meta[name=weceive-gateway]")?.getAttribute("content")?.replace(/\/+$/, "");

  /** @param {HTMLFormElement} form */
  async function send(form) {
    const button = form.querySelector("button:not([type])");
    button?.setAttribute("aria-disabled", "true");
    try {
      const fields = new URLSearchParams(/** @type {any} */ (new FormData(form)));
      fields.set("page", location.origin + location.pathname);
      const answer = await fetch(`${gateway}/pay/link`, { method: "POST", body: fields, credentials: "omit" });
      const { s, main, title } = await answer.json();
      if (s) {
        try {
          sessionStorage.setItem("weceive begun", s);
        } catch {
          // Without storage the payer taps once more.
        }
        const lang = fields.get("lang");
        return location.replace(`?s=${encodeURIComponent(s)}&showwxpaytitle=1${lang ? `&lang=${lang}` : ""}`);
      }
      if (main) {
        document.title = title;
        /** @type {HTMLElement} */ (document.querySelector("main")).innerHTML = main;
        return document.getElementById("entry")?.focus();
      }
    } catch {
      // No answer: the payer taps again, and the form's `once` makes one purchase of it.
    }
    button?.removeAttribute("aria-disabled");
  }

  /**
   * Adds − and + to the quantity, and what it comes to.
   *
   * @param {HTMLInputElement} input
   */
  function addSteps(input) {
    const { unit, digits, before, total, less, more, atMost } = input.dataset;
    const row = document.createElement("div");
    row.className = "steps";
    const sum = document.createElement("p");
    sum.className = "total";
    sum.setAttribute("role", "status");
    const write = () => {
      const count = /^\d+$/.test(input.value.trim()) ? Number(input.value) : 0;
      const shown = count >= 1 && count <= Number(atMost);
      const minor = String(count * Number(unit)).padStart(Number(digits) + 1, "0");
      const at = minor.length - Number(digits);
      const whole = minor.slice(0, at).replace(/\B(?=(\d{3})+$)/g, ",");
      const amount = `${before}${whole}${at < minor.length ? "." : ""}${minor.slice(at)}`;
      sum.textContent = shown ? (total ?? "").replace("{a}", amount) : "";
    };
    const step = (/** @type {number} */ by, /** @type {string | undefined} */ label) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = by < 0 ? "−" : "+";
      button.setAttribute("aria-label", label ?? "");
      button.addEventListener("click", () => {
        const count = Number(input.value) || 0;
        input.value = String(Math.min(Math.max(count + by, 1), Number(atMost)));
        write();
      });
      return button;
    };
    input.replaceWith(row);
    row.append(step(-1, less), input, step(1, more));
    row.after(sum);
    input.addEventListener("input", write);
    write();
  }

  /** Equips what the page contains now, and what the page on another host is filled with later. */
  function equip() {
    const input = document.querySelector("input[data-unit]");
    if (input && !input.closest(".steps")) addSteps(/** @type {HTMLInputElement} */ (input));
  }

  equip();
  if (gateway !== undefined) {
    new MutationObserver(equip).observe(/** @type {HTMLElement} */ (document.querySelector("main")), { childList: true });
  }

  document.addEventListener("click", async (event) => {
    const button = /** @type {HTMLElement} */ (event.target).closest("[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.getAttribute("data-copy") ?? "");
      button.textContent = button.getAttribute("data-copied");
      /** @type {HTMLElement} */ (document.getElementById("next")).hidden = false;
    } catch {
      // The link stands on the page to be copied by hand.
    }
  });

  document.addEventListener("submit", (event) => {
    const form = /** @type {HTMLFormElement} */ (event.target);
    if (!gateway || form.method !== "post") return;
    event.preventDefault();
    if (!form.querySelector("[aria-disabled]")) send(form);
  });
})();
