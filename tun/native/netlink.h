// Routes to single clients, over rtnetlink(7): a process for each would be the slowest part of a connect.
#pragma once

#include <node_api.h>

namespace tun {

// (device, destination: 4 or 16 bytes, prefixLength). Both need CAP_NET_ADMIN and throw what the kernel answers.
napi_value RouteReplace(napi_env env, napi_callback_info info);  // whichever device the destination was routed to
napi_value RouteRemove(napi_env env, napi_callback_info info);   // only if it is routed to this device; else nothing

}  // namespace tun
