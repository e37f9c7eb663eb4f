// Starts the page on another host than the gateway's: pay.html loads nothing inline, so that a strict
// Content-Security-Policy allows it.
import init from "./{script}";

init({ module_or_path: new URL("./{module}", import.meta.url) });
