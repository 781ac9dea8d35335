// The addon does system calls and batches of packets; TypeScript decides everything else.
#include <node_api.h>

#include "device.h"
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
      Function("watch", tun::Watch),
      Function("readBatch", tun::ReadBatch),
      Function("writeBatch", tun::WriteBatch),
      Function("close", tun::Close),
      Function("lockFile", tun::LockFile),
      Function("effectiveCapabilities", tun::EffectiveCapabilities),
      Function("dropPrivileges", tun::DropPrivileges),
  };
  if (napi_define_properties(env, exports, sizeof(functions) / sizeof(functions[0]), functions) != napi_ok) {
    return nullptr;
  }
  return exports;
}
