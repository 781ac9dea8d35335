// The second layer of a worker's cage, set from inside when it is ready; cage.cc sets the first one.
#pragma once

#include <node_api.h>

namespace tun {

// (opensFiles: 0 | 1): for all threads of this process, and for good: see cage_filter.h.
napi_value Confine(napi_env env, napi_callback_info info);

}  // namespace tun
