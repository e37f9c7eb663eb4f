# A Worker that sends the request it is told to, through the network of the production deployment, and through one that
# reaches every address.

using Workerd = import "/workerd/workerd.capnp";
using Production = import "../../deploy/workerd.capnp";

const production :Workerd.Config = (
  services = [(name = "probe", worker = .probe), (name = "internet", network = Production.internet)],
  sockets = [(name = "probe", address = "127.0.0.1:8787", http = (), service = "probe")],
);

const open :Workerd.Config = (
  services = [(name = "probe", worker = .probe), (name = "internet", network = (allow = ["public", "private"]))],
  sockets = [(name = "probe", address = "127.0.0.1:8787", http = (), service = "probe")],
);

const probe :Workerd.Worker = (
  compatibilityDate = "2026-10-20",
  modules = [(name = "egress.js", esModule = embed "egress.js")],
  globalOutbound = "internet",
);
