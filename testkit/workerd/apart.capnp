# The system of `weceive.capnp` in two processes, so that the gateway can be killed while WeChat goes on:
#
#   workerd serve testkit/workerd/apart.capnp sandbox --experimental \
#     --socket-addr sandbox=127.0.0.1:8788 --socket-addr tls-1900000109=127.0.0.1:8789 \
#     --socket-addr tls-1900000110=127.0.0.1:8790 --directory-path sandbox-store=DIR
#   workerd serve testkit/workerd/apart.capnp gateway --experimental \
#     --socket-addr gateway=127.0.0.1:8787 --external-addr sandbox=127.0.0.1:8788 \
#     --external-addr certificate-1900000109=127.0.0.1:8789 \
#     --external-addr certificate-1900000110=127.0.0.1:8790 --directory-path gateway-store=DIR
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
    (name = "certificate-1900000109", external = (
      address = "127.0.0.1:8789",
      https = (certificateHost = "api.mch.weixin.qq.com", tlsOptions = System.with1900000109),
    )),
    (name = "certificate-1900000110", external = (
      address = "127.0.0.1:8790",
      https = (certificateHost = "api.mch.weixin.qq.com", tlsOptions = System.with1900000110),
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
    (name = "tls-1900000109", address = "127.0.0.1:8789", service = "sandbox", https = (
      options = System.says1900000109,
      tlsOptions = System.asksFor1900000109,
    )),
    (name = "tls-1900000110", address = "127.0.0.1:8790", service = "sandbox", https = (
      options = System.says1900000110,
      tlsOptions = System.asksFor1900000110,
    )),
  ],
);
