# WeCeive on one machine: the gateway and the sandbox in one `workerd` process.
#
# Used as it stands by `cargo xtask dev` and by the tests. What differs between them is said on the
# command line and in the environment, so that there is one description of the system and no generator:
#
#   workerd serve xtask/workerd/weceive.capnp --experimental \
#     --socket-addr gateway=127.0.0.1:8787 --socket-addr sandbox=127.0.0.1:8788 \
#     --socket-addr sandbox-tls=127.0.0.1:8789 --external-addr sandbox-with-certificate=127.0.0.1:8789 \
#     --directory-path gateway-store=DIR --directory-path sandbox-store=DIR
#
# Both directories must exist. The environment is listed beside each `fromEnvironment` below.
# On Cloudflare the same gateway is described by `wrangler.toml`.

using Workerd = import "/workerd/workerd.capnp";
using Sandbox = import "sandbox.capnp";

const config :Workerd.Config = (
  services = [
    (name = "gateway", worker = .gateway),
    (name = "gateway-store", disk = (path = ".dev/store/gateway", writable = true)),
    (name = "pages", disk = (path = "dist")),
    (name = "sandbox", worker = Sandbox.sandbox),
    (name = "sandbox-store", disk = (path = ".dev/store/sandbox", writable = true)),
    (name = "internet", network = Sandbox.network),

    # The sandbox once more, over TLS, presenting the merchant's client certificate: refund and reverse.
    (name = "sandbox-with-certificate", external = (
      address = "127.0.0.1:8789",
      https = (
        certificateHost = "api.mch.weixin.qq.com",
        tlsOptions = .withCertificate,
      ),
    )),
  ],
  sockets = [
    (name = "gateway", address = "127.0.0.1:8787", http = (), service = "gateway"),
    (name = "sandbox", address = "127.0.0.1:8788", http = (), service = "sandbox"),
    # Takes nobody without a client certificate, and tells the sandbox so.
    (name = "sandbox-tls", address = "127.0.0.1:8789", service = "sandbox", https = (
      options = .saysCertificate,
      tlsOptions = .asksForCertificate,
    )),
  ],
);

const withCertificate :Workerd.TlsOptions = (
  keypair = (
    privateKey = embed "certificates/client-key.pem",
    certificateChain = embed "certificates/client.pem",
  ),
  trustedCertificates = [embed "certificates/ca.pem"],
);

const asksForCertificate :Workerd.TlsOptions = (
  keypair = (
    privateKey = embed "certificates/server-key.pem",
    certificateChain = embed "certificates/server.pem",
  ),
  requireClientCerts = true,
  trustedCertificates = [embed "certificates/ca.pem"],
);

const saysCertificate :Workerd.HttpOptions = (
  injectRequestHeaders = [(name = "x-sandbox-client-certificate", value = "verified")],
);

const gateway :Workerd.Worker = (
  compatibilityDate = "2026-10-20",
  modules = [
    (name = "index.js", esModule = embed "../../edge/build/index.js"),
    (name = "index_bg.wasm", wasm = embed "../../edge/build/index_bg.wasm"),
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

    # The pages as trunk built them. Disk services set no content type: the Worker does.
    (name = "ASSETS", service = "pages"),

    # WeChat's hosts. Here all of them are the sandbox.
    (name = "WECHATPAY", service = "sandbox"),
    (name = "WECHATPAY_MTLS", service = "sandbox-with-certificate"),
    (name = "IONLINE", service = "sandbox"),
    (name = "WEIXIN", service = "sandbox"),

    # The gateway's own origin, with no slash at the end.
    (name = "PUBLIC_URL", fromEnvironment = "PUBLIC_URL"),
    # 64 hexadecimal digits: seals the merchants' credentials at rest.
    (name = "MASTER_KEY", fromEnvironment = "MASTER_KEY"),
    # The bearer token of /admin.
    (name = "ADMIN_TOKEN", fromEnvironment = "ADMIN_TOKEN"),
    # Where a payer is sent to be recognised: the sandbox's own page.
    (name = "OAUTH_AUTHORIZE_URL", fromEnvironment = "OAUTH_AUTHORIZE_URL"),
    # Allows notify_url to be plain HTTP and on this machine.
    (name = "DEVELOPMENT", text = "1"),
  ],

  # Deliveries to merchants.
  globalOutbound = "internet",
);
