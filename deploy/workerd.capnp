# The gateway's Worker under plain `workerd`: a deployment on one machine, without the development settings of
# `testkit/workerd/weceive.capnp`. `weceive serve` is simpler where nothing else runs under `workerd`; docs/self-hosting.md
# compares them.
#
#   cargo xtask build page console edge
#   PUBLIC_URL=https://pay.example.com MASTER_KEY=… ADMIN_TOKEN=… \
#     workerd serve deploy/workerd.capnp --experimental \
#     --directory-path gateway-store=/var/lib/weceive --directory-path pages=dist
#
# Put a proxy with TLS in front, which must set `cf-connecting-ip` to the client's address and remove that header from
# clients' requests, and must limit what one connection sends (docs/operations.md, "Rate limits" and "Under plain
# workerd"). In a Caddyfile: `header_up CF-Connecting-IP {remote_host}`.

using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "gateway", worker = .gateway),
    (name = "gateway-store", disk = (path = "/var/lib/weceive", writable = true)),
    (name = "pages", disk = (path = "dist")),
    (name = "internet", network = .internet),

    # WeChat Pay v2 wants the merchant's client certificate for refund and reverse. Each certificate has a service and a
    # binding, which the merchant's `client_certificate` names.
    # (name = "certificate-1900000109", external = (
    #   address = "api.mch.weixin.qq.com:443",
    #   https = (certificateHost = "api.mch.weixin.qq.com", tlsOptions = (
    #     keypair = (
    #       privateKey = embed "apiclient_key.pem",
    #       certificateChain = embed "apiclient_cert.pem",
    #     ),
    #     trustBrowserCas = true,
    #   )),
    # )),
  ],
  # The proxy's side only.
  sockets = [(name = "gateway", address = "127.0.0.1:8787", http = (), service = "gateway")],
);

const gateway :Workerd.Worker = (
  compatibilityDate = "2026-10-20",
  modules = [
    (name = "index.js", esModule = embed "../edge/build/index.js"),
    (name = "index_bg.wasm", wasm = embed "../edge/build/index_bg.wasm"),
  ],

  # The only store: one SQLite file for each object.
  durableObjectNamespaces = [
    (className = "Book", uniqueKey = "weceive-book", enableSql = true),
    (className = "Registry", uniqueKey = "weceive-registry", enableSql = true),
  ],
  durableObjectStorage = (localDisk = "gateway-store"),

  bindings = [
    (name = "BOOK", durableObjectNamespace = "Book"),
    (name = "REGISTRY", durableObjectNamespace = "Registry"),

    # The pages as `cargo xtask build page` made them. Disk services set no content type: the Worker does.
    (name = "ASSETS", service = "pages"),

    # (name = "WECHATPAY_MTLS_1900000109", service = "certificate-1900000109"),

    # The gateway's own origin, with no slash at the end.
    (name = "PUBLIC_URL", fromEnvironment = "PUBLIC_URL"),
    # 64 hexadecimal digits: seals the merchants' credentials at rest.
    (name = "MASTER_KEY", fromEnvironment = "MASTER_KEY"),
    # The bearer token of /admin.
    (name = "ADMIN_TOKEN", fromEnvironment = "ADMIN_TOKEN"),
  ],

  # WeChat, and deliveries to merchants. No address of this machine or of a private network is reached.
  globalOutbound = "internet",
);

const internet :Workerd.Network = (
  allow = ["public"],
  tlsOptions = (trustBrowserCas = true),
);
