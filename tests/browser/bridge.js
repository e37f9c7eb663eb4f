// A replacement of WeChat's bridge: the page's calls are kept in `calls`, and
// answered when the test says so (`answers`).

if (/MicroMessenger/i.test(navigator.userAgent)) {
  window.calls = [];
  window.answers = (call, words) => window.calls[call].answer({ err_msg: words });
  window.WeixinJSBridge = {
    invoke(name, request, answer) {
      const inTap = window.event instanceof PointerEvent && window.event.type === "click";
      window.calls.push({ name, request, answer, inTap });
    },
  };
  document.addEventListener("DOMContentLoaded", () =>
    document.dispatchEvent(new Event("WeixinJSBridgeReady")));
}
