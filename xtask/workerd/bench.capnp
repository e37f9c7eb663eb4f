# What `cargo xtask bench` measures: the gateway as it is, or the least that a Worker with the same I/O does.
#
#   workerd serve xtask/workerd/bench.capnp gateway --experimental \
#     --socket-addr bench=127.0.0.1:8787 --directory-path gateway-store=DIR
#
# Both are given the same socket, the same kind of store and the same WeChat, one after the other.

using Workerd = import "/workerd/workerd.capnp";
using System = import "weceive.capnp";

# Ours: the Worker of `weceive.capnp`, with everything outside of it answered by the stub.
const gateway :Workerd.Config = (
  services = [
    (name = "gateway", worker = System.gateway),
    (name = "gateway-store", disk = (path = ".dev/store/bench", writable = true)),
    (name = "pages", disk = (path = "dist")),
    (name = "sandbox", worker = .stub),
    (name = "sandbox-with-certificate", worker = .stub),
    (name = "internet", worker = .stub),
  ],
  sockets = [(name = "bench", address = "127.0.0.1:8787", http = (), service = "gateway")],
);

# Theirs: one hop to an object, one request to WeChat, one row.
const minimal :Workerd.Config = (
  services = [
    (name = "minimal", worker = .minimalWorker),
    (name = "gateway-store", disk = (path = ".dev/store/bench", writable = true)),
    (name = "sandbox", worker = .stub),
  ],
  sockets = [(name = "bench", address = "127.0.0.1:8787", http = (), service = "minimal")],
);

const minimalWorker :Workerd.Worker = (
  compatibilityDate = "2026-10-20",
  modules = [(name = "minimal.js", esModule = embed "bench/minimal.js")],
  durableObjectNamespaces = [
    (className = "Orders", uniqueKey = "weceive-bench-orders", enableSql = true),
  ],
  durableObjectStorage = (localDisk = "gateway-store"),
  bindings = [
    (name = "ORDERS", durableObjectNamespace = "Orders"),
    (name = "WECHATPAY", service = "sandbox"),
  ],
  globalOutbound = "sandbox",
);

# WeChat and the merchants: they answer at once, so that what is measured is not theirs.
const stub :Workerd.Worker = (
  compatibilityDate = "2026-10-20",
  modules = [(name = "stub.js", esModule = embed "bench/stub.js")],
  bindings = [
    # The signed answer to every unified order.
    (name = "PREPAID", fromEnvironment = "PREPAID"),
  ],
);
