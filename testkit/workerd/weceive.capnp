# WeCeive on one machine: the gateway and the sandbox in one `workerd` process.
#
# Used as it stands by `cargo xtask dev` and by the tests. What differs between them is said on the
# command line and in the environment, so that there is one description of the system and no generator:
#
#   workerd serve testkit/workerd/weceive.capnp --experimental \
#     --socket-addr gateway=127.0.0.1:8787 --socket-addr sandbox=127.0.0.1:8788 \
#     --socket-addr tls-1900000109=127.0.0.1:8789 --external-addr certificate-1900000109=127.0.0.1:8789 \
#     --socket-addr tls-1900000110=127.0.0.1:8790 --external-addr certificate-1900000110=127.0.0.1:8790 \
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

    # The sandbox once more, over TLS, presenting a merchant's client certificate: refund and reverse. One service and
    # one binding for each certificate.
    (name = "certificate-1900000109", external = (
      address = "127.0.0.1:8789",
      https = (certificateHost = "api.mch.weixin.qq.com", tlsOptions = .with1900000109),
    )),
    (name = "certificate-1900000110", external = (
      address = "127.0.0.1:8790",
      https = (certificateHost = "api.mch.weixin.qq.com", tlsOptions = .with1900000110),
    )),
  ],
  sockets = [
    (name = "gateway", address = "127.0.0.1:8787", http = (), service = "gateway"),
    (name = "sandbox", address = "127.0.0.1:8788", http = (), service = "sandbox"),
    # `workerd` does not tell a Worker which client certificate was shown. So each certificate has a port that takes
    # this one only, and tells the sandbox whose it is.
    (name = "tls-1900000109", address = "127.0.0.1:8789", service = "sandbox", https = (
      options = .says1900000109,
      tlsOptions = .asksFor1900000109,
    )),
    (name = "tls-1900000110", address = "127.0.0.1:8790", service = "sandbox", https = (
      options = .says1900000110,
      tlsOptions = .asksFor1900000110,
    )),
  ],
);

const with1900000109 :Workerd.TlsOptions = (
  keypair = (
    privateKey = embed "certificates/client-1900000109-key.pem",
    certificateChain = embed "certificates/client-1900000109.pem",
  ),
  trustedCertificates = [embed "certificates/ca.pem"],
);

const asksFor1900000109 :Workerd.TlsOptions = (
  keypair = (
    privateKey = embed "certificates/server-key.pem",
    certificateChain = embed "certificates/server.pem",
  ),
  requireClientCerts = true,
  trustedCertificates = [embed "certificates/client-1900000109-ca.pem"],
);

const says1900000109 :Workerd.HttpOptions = (
  injectRequestHeaders = [(name = "x-sandbox-client-certificate", value = "1900000109")],
);

const with1900000110 :Workerd.TlsOptions = (
  keypair = (
    privateKey = embed "certificates/client-1900000110-key.pem",
    certificateChain = embed "certificates/client-1900000110.pem",
  ),
  trustedCertificates = [embed "certificates/ca.pem"],
);

const asksFor1900000110 :Workerd.TlsOptions = (
  keypair = (
    privateKey = embed "certificates/server-key.pem",
    certificateChain = embed "certificates/server.pem",
  ),
  requireClientCerts = true,
  trustedCertificates = [embed "certificates/client-1900000110-ca.pem"],
);

const says1900000110 :Workerd.HttpOptions = (
  injectRequestHeaders = [(name = "x-sandbox-client-certificate", value = "1900000110")],
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
    (name = "WECHATPAY_MTLS", service = "certificate-1900000109"),
    (name = "WECHATPAY_MTLS_1900000110", service = "certificate-1900000110"),
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
    # Keys begin with test_, and nothing is sent to WeChat itself.
    (name = "UPSTREAM", text = "sandbox"),
  ],

  # Deliveries to merchants.
  globalOutbound = "internet",
);
