// The addon does system calls and batches of packets; TypeScript decides everything else.
#include <node_api.h>

#include "confine.h"
#include "conntrack.h"
#include "path_api.h"
#include "device.h"
#include "engine_test_api.h"
#include "listen_socket.h"
#include "netfilter.h"
#include "netlink.h"
#include "privileges.h"

namespace {

napi_property_descriptor Function(const char* name, napi_callback callback) {
  return {name, nullptr, callback, nullptr, nullptr, nullptr, napi_enumerable, nullptr};
}

}  // namespace

NAPI_MODULE_INIT() {
  if (!tun::InitDevices(env)) return nullptr;
  const napi_property_descriptor functions[] = {
      Function("open", tun::Open),
      Function("openDescriptor", tun::OpenDescriptor),
      Function("adopt", tun::Adopt),
      Function("watch", tun::Watch),
      Function("readBatch", tun::ReadBatch),
      Function("writeBatch", tun::WriteBatch),
      Function("close", tun::Close),
      Function("openPair", tun::OpenPair),
      Function("pathOpen", tun::PathOpen),
      Function("pathAttach", tun::PathAttach),
      Function("pathSocket", tun::PathSocket),
      Function("pathDetach", tun::PathDetach),
      Function("pathDefault", tun::PathDefault),
      Function("pathIpv4", tun::PathIpv4),
      Function("pathIpv6", tun::PathIpv6),
      Function("pathMru", tun::PathMru),
      Function("pathRoute", tun::PathRoute),
      Function("pathNetwork", tun::PathNetwork),
      Function("pathPending", tun::PathPending),
      Function("pathTake", tun::PathTake),
      Function("pathReceive", tun::PathReceive),
      Function("pathInject", tun::PathInject),
      Function("pathWrite", tun::PathWrite),
      Function("pathEvent", tun::PathNextEvent),
      Function("pathStats", tun::PathReadStats),
      Function("pathTotals", tun::PathReadTotals),
      Function("pathClock", tun::PathSetClock),
      Function("pipeRun", tun::PipeRun),
      Function("pacerRun", tun::PacerRun),
      Function("lockFile", tun::LockFile),
      Function("effectiveCapabilities", tun::EffectiveCapabilities),
      Function("dropPrivileges", tun::DropPrivileges),
      Function("setAmbient", tun::SetAmbientCapabilities),
      Function("confine", tun::Confine),
      Function("routeReplace", tun::RouteReplace),
      Function("routeRemove", tun::RouteRemove),
      Function("bindSocket", tun::BindSocket),
      Function("acceptWaiting", tun::AcceptWaiting),
      Function("conntrackForget", tun::ConntrackForget),
      Function("netfilterOpen", tun::NetfilterOpen),
      Function("netfilterAsk", tun::NetfilterAsk),
      Function("netfilterClose", tun::NetfilterClose),
      Function("networkWatch", tun::NetworkWatch),
      Function("networkUnwatch", tun::NetworkUnwatch),
  };
  if (napi_define_properties(env, exports, sizeof(functions) / sizeof(functions[0]), functions) != napi_ok) {
    return nullptr;
  }
  napi_value engine = tun::MakeEngineTestApi(env);
  if (engine == nullptr || napi_set_named_property(env, exports, "engine", engine) != napi_ok) return nullptr;
  return exports;
}
