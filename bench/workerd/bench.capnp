# What `cargo xtask bench` measures: the gateway as it is, or the least that a Worker with the same I/O does.
#
#   workerd serve bench/workerd/bench.capnp gateway --experimental \
#     --socket-addr bench=127.0.0.1:8787 --socket-addr stub=127.0.0.1:8788 --directory-path gateway-store=DIR
#
# Each is given the same sockets, the same kind of store and the same WeChat, one after the other.

using Workerd = import "/workerd/workerd.capnp";
using System = import "../../testkit/workerd/weceive.capnp";

# Ours: the Worker of `weceive.capnp`, with everything outside of it answered by the stub.
const gateway :Workerd.Config = (
  services = [
    (name = "gateway", worker = System.gateway),
    (name = "gateway-store", disk = (path = ".dev/store/bench", writable = true)),
    (name = "pages", disk = (path = "dist")),
    (name = "sandbox", worker = .stub),
    (name = "certificate-1900000109", worker = .stub),
    (name = "certificate-1900000110", worker = .stub),
    (name = "internet", worker = .stub),
  ],
  sockets = [
    (name = "bench", address = "127.0.0.1:8787", http = (), service = "gateway"),
    (name = "stub", address = "127.0.0.1:8788", http = (), service = "sandbox"),
  ],
);

# Ours once more, with its use of RSA counted.
const counting :Workerd.Config = (
  services = [
    (name = "gateway", worker = .countingWorker),
    (name = "gateway-store", disk = (path = ".dev/store/bench", writable = true)),
    (name = "sandbox", worker = .stub),
  ],
  sockets = [
    (name = "bench", address = "127.0.0.1:8787", http = (), service = "gateway"),
    (name = "stub", address = "127.0.0.1:8788", http = (), service = "sandbox"),
  ],
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
    (name = "sandbox", worker = .stub),
  ],
  sockets = [
    (name = "bench", address = "127.0.0.1:8787", http = (), service = "minimal"),
    (name = "stub", address = "127.0.0.1:8788", http = (), service = "sandbox"),
  ],
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
const stub :Workerd.Worker = (
  compatibilityDate = "2026-10-20",
  modules = [
    (name = "stub.js", esModule = embed "stub.js"),
    (name = "public_key.key.pem", text = embed "../../sandbox/src/keys/public_key.key.pem"),
  ],
  bindings = [
    # The signed answer to every unified order of v2.
    (name = "PREPAID", fromEnvironment = "PREPAID"),
    # The name of the key that APIv3's answers and notices are signed with, and the key of what is encrypted in them.
    (name = "PUBLIC_KEY_ID", fromEnvironment = "PUBLIC_KEY_ID"),
    (name = "APIV3_KEY", fromEnvironment = "APIV3_KEY"),
  ],
);
