// @ts-check
// Has each delivery's signature checked, and polls for new ones.

/** @param {HTMLFormElement} form */
const send = (form) => fetch(form.action, {
  method: "POST",
  headers: { "content-type": "application/x-www-form-urlencoded" },
  body: new URLSearchParams([...new FormData(form)].map(([name, value]) => [name, String(value)])),
  redirect: "manual",
});

const newest = document.querySelector("[data-delivery]")?.getAttribute("data-delivery") ?? null;
const awaited = document.querySelector("[data-awaits]")?.getAttribute("data-awaits") ?? null;

async function check() {
  let checked = false;
  for (const form of document.querySelectorAll("form[data-checksign]")) {
    // A redirect means that there is a result now.
    const answer = form instanceof HTMLFormElement ? await send(form) : null;
    if (!answer || answer.type !== "opaqueredirect") return;
    checked = true;
  }
  if (checked) location.reload();
}

async function look() {
  const answer = await fetch("/sandbox/deliveries");
  const { deliveries } = await answer.json();
  const here = deliveries.some((/** @type {{out_trade_no: string}} */ d) => d.out_trade_no === awaited);
  if (awaited === null ? deliveries[0] && deliveries[0].id !== newest : here) location.reload();
}

check().catch(() => {});
setInterval(() => { look().catch(() => {}); }, 2000);
