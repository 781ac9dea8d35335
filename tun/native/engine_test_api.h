// The packet engine as functions of bytes, for the differential tests: `engine` of the addon. Nothing else uses it. Every
// input is copied to memory of exactly its size, so that AddressSanitizer sees each byte read too many.
#pragma once

#include <node_api.h>

namespace tun {

// The object with the functions, or nullptr with an exception pending.
napi_value MakeEngineTestApi(napi_env env);

}  // namespace tun
