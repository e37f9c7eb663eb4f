# The system of `weceive.capnp` in two processes, so that the gateway can be killed while WeChat goes on:
#
#   workerd serve xtask/workerd/apart.capnp sandbox --experimental \
#     --socket-addr sandbox=127.0.0.1:8788 --socket-addr sandbox-tls=127.0.0.1:8789 --directory-path sandbox-store=DIR
#   workerd serve xtask/workerd/apart.capnp gateway --experimental \
#     --socket-addr gateway=127.0.0.1:8787 --external-addr sandbox=127.0.0.1:8788 \
#     --external-addr sandbox-with-certificate=127.0.0.1:8789 --directory-path gateway-store=DIR
#
# What lies between the two can be slow, broken or lying: the gateway reaches the sandbox by its address.

using Workerd = import "/workerd/workerd.capnp";
using System = import "weceive.capnp";
using Sandbox = import "sandbox.capnp";

const gateway :Workerd.Config = (
  services = [
    (name = "gateway", worker = System.gateway),
    (name = "gateway-store", disk = (path = ".dev/store/gateway", writable = true)),
    (name = "pages", disk = (path = "dist")),
    (name = "sandbox", external = (address = "127.0.0.1:8788", http = ())),
    (name = "sandbox-with-certificate", external = (
      address = "127.0.0.1:8789",
      https = (certificateHost = "api.mch.weixin.qq.com", tlsOptions = System.withCertificate),
    )),
    (name = "internet", network = Sandbox.network),
  ],
  sockets = [(name = "gateway", address = "127.0.0.1:8787", http = (), service = "gateway")],
);

const sandbox :Workerd.Config = (
  services = [
    (name = "sandbox", worker = Sandbox.sandbox),
    (name = "sandbox-store", disk = (path = ".dev/store/sandbox", writable = true)),
    (name = "internet", network = Sandbox.network),
  ],
  sockets = [
    (name = "sandbox", address = "127.0.0.1:8788", http = (), service = "sandbox"),
    (name = "sandbox-tls", address = "127.0.0.1:8789", service = "sandbox", https = (
      options = System.saysCertificate,
      tlsOptions = System.asksForCertificate,
    )),
  ],
);
