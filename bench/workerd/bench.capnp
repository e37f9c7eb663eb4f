# What `cargo xtask bench` measures: the gateway as it is, or the least that a Worker with the same I/O does.
#
#   workerd serve bench/workerd/bench.capnp gateway --experimental \
#     --socket-addr bench=127.0.0.1:8787 --external-addr sandbox=127.0.0.1:8788 --directory-path gateway-store=DIR
#
# Each is given the same socket, the same kind of store and the same WeChat, one after the other. WeChat and the merchants
# are a part of the benchmark's own process (bench/src/stub.rs).

using Workerd = import "/workerd/workerd.capnp";
using System = import "../../testkit/workerd/weceive.capnp";

# Ours: the Worker of `weceive.capnp`, with everything outside of it answered by the stub.
const gateway :Workerd.Config = (
  services = [
    (name = "gateway", worker = System.gateway),
    (name = "gateway-store", disk = (path = ".dev/store/bench", writable = true)),
    (name = "pages", disk = (path = "dist")),
    (name = "sandbox", external = .stub),
    (name = "certificate-1900000109", external = .stub),
    (name = "certificate-1900000110", external = .stub),
    (name = "internet", external = .stub),
  ],
  sockets = [(name = "bench", address = "127.0.0.1:8787", http = (), service = "gateway")],
);

# Ours once more, with its use of RSA counted.
const counting :Workerd.Config = (
  services = [
    (name = "gateway", worker = .countingWorker),
    (name = "gateway-store", disk = (path = ".dev/store/bench", writable = true)),
    (name = "sandbox", external = .stub),
  ],
  sockets = [(name = "bench", address = "127.0.0.1:8787", http = (), service = "gateway")],
);

const countingWorker :Workerd.Worker = (
  compatibilityDate = "2026-10-20",
  modules = [
    (name = "counting.js", esModule = embed "counting.js"),
    (name = "index.js", esModule = embed "../../edge/build/index.js"),
    (name = "index_bg.wasm", wasm = embed "../../edge/build/index_bg.wasm"),
  ],
  durableObjectNamespaces = [
    (className = "Book", uniqueKey = "weceive-book", enableSql = true),
    (className = "Registry", uniqueKey = "weceive-registry", enableSql = true),
  ],
  durableObjectStorage = (localDisk = "gateway-store"),
  # Of those in `weceive.capnp`, what an order and a notice need.
  bindings = [
    (name = "BOOK", durableObjectNamespace = "Book"),
    (name = "REGISTRY", durableObjectNamespace = "Registry"),
    (name = "WECHATPAY", service = "sandbox"),
    (name = "PUBLIC_URL", fromEnvironment = "PUBLIC_URL"),
    (name = "MASTER_KEY", fromEnvironment = "MASTER_KEY"),
    (name = "ADMIN_TOKEN", fromEnvironment = "ADMIN_TOKEN"),
    # One merchant asks as fast as the machine answers.
    (name = "API_CALLS_PER_SECOND", text = "1000000"),
  ],
  globalOutbound = "sandbox",
);

# Theirs: one hop to an object, one request to WeChat, one row.
const minimal :Workerd.Config = (
  services = [
    (name = "minimal", worker = .minimalWorker),
    (name = "gateway-store", disk = (path = ".dev/store/bench", writable = true)),
    (name = "sandbox", external = .stub),
  ],
  sockets = [(name = "bench", address = "127.0.0.1:8787", http = (), service = "minimal")],
);

const minimalWorker :Workerd.Worker = (
  compatibilityDate = "2026-10-20",
  modules = [(name = "minimal.js", esModule = embed "minimal.js")],
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
const stub :Workerd.ExternalServer = (address = "127.0.0.1:8788", http = ());
