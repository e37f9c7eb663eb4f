# The sandbox alone, for those who test their own WeChat Pay code: `cargo xtask sandbox`.
#
#   workerd serve testkit/workerd/sandbox.capnp --experimental \
#     --socket-addr sandbox=127.0.0.1:8788 --directory-path sandbox-store=DIR
#
# `weceive.capnp` takes its `sandbox` and `network` from here.

using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "sandbox", worker = .sandbox),
    (name = "sandbox-store", disk = (path = ".dev/store/sandbox", writable = true)),
    (name = "internet", network = .network),
  ],
  sockets = [(name = "sandbox", address = "127.0.0.1:8788", http = (), service = "sandbox")],
);

const sandbox :Workerd.Worker = (
  compatibilityDate = "2026-10-20",
  modules = [
    (name = "index.js", esModule = embed "../../sandbox/build/index.js"),
    (name = "index_bg.wasm", wasm = embed "../../sandbox/build/index_bg.wasm"),
  ],
  durableObjectNamespaces = [
    (className = "SandboxWorld", uniqueKey = "weceive-sandbox-world", enableSql = true),
  ],
  durableObjectStorage = (localDisk = "sandbox-store"),
  bindings = [
    (name = "SANDBOX", durableObjectNamespace = "SandboxWorld"),
    # The sandbox's own origin, with no slash at the end.
    (name = "PUBLIC_URL", fromEnvironment = "SANDBOX_PUBLIC_URL"),
  ],

  # Notices to merchants, and the pages that the phone shows.
  globalOutbound = "internet",
);

# Everything can be reached from here, this machine included. A deployment says `allow = ["public"]`.
const network :Workerd.Network = (
  allow = ["public", "private"],
  tlsOptions = (trustBrowserCas = true),
);
