// Starts the page on another host than the gateway's: pay.html loads nothing inline, so that a strict
// Content-Security-Policy allows it.
import init from "./{script}";

// A payment link has a form.
if (/[?&]l=/.test(location.search)) import("./link.js");

init({ module_or_path: new URL("./{module}", import.meta.url) });
