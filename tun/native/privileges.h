// What a server that starts as root gives up, and the lock that keeps two servers off the same data.
#pragma once

#include <node_api.h>

namespace tun {

napi_value LockFile(napi_env env, napi_callback_info info);               // (fd) -> boolean
napi_value EffectiveCapabilities(napi_env env, napi_callback_info info);  // () -> bigint
napi_value DropPrivileges(napi_env env, napi_callback_info info);         // (uid, gid, keep: bigint) -> bigint
// (keep: bigint): of what this process is permitted, what its next children start with.
napi_value SetAmbientCapabilities(napi_env env, napi_callback_info info);

}  // namespace tun
