// Makes the kernel forget the flows of addresses that are given up (ctnetlink), on a thread of its own.
#pragma once

#include <node_api.h>

namespace tun {

// (ipv4: 4 bytes each, ipv6: 8 bytes of each /64, networks4: network and mask, 8 bytes each, networks6: of the first 64
// bits, 16 bytes each, callback(error | undefined, deleted)). Needs CAP_NET_ADMIN. ENOENT and such of a flow that ended
// by itself are no errors; what the kernel answers to the whole is one.
napi_value ConntrackForget(napi_env env, napi_callback_info info);

}  // namespace tun
