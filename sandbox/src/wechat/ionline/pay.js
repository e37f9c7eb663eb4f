// @ts-check
// The page of a pay_url: starts the payment as soon as WeChat lets it.

const button = /** @type {HTMLButtonElement} */ (document.getElementById("pay"));
const state = /** @type {HTMLElement} */ (document.getElementById("state"));

function pay() {
  button.disabled = true;
  const parameters = JSON.parse(button.dataset.package || "{}");
  /** @type {any} */ (window).WeixinJSBridge.invoke(
    "getBrandWCPayRequest",
    parameters,
    (/** @type {{err_msg: string, err_desc?: string}} */ answer) => {
      const paid = answer.err_msg === "get_brand_wcpay_request:ok";
      button.hidden = paid;
      button.disabled = false;
      const chinese = document.documentElement.lang !== "en" && answer.err_desc;
      state.textContent = (paid ? button.dataset.paid : chinese || button.dataset.unpaid) || "";
    },
  );
}

button.addEventListener("click", pay);
if ("WeixinJSBridge" in window) {
  pay();
} else {
  button.disabled = true;
  document.addEventListener("WeixinJSBridgeReady", pay, { once: true });
}
