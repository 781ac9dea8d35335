// Messages to and from the kernel's nftables, and what it tells of changes there and of forwarding.
#pragma once

#include <node_api.h>

namespace tun {

// () -> descriptor of a netlink socket. What it owns goes with it: tables with NFT_TABLE_F_OWNER.
napi_value NetfilterOpen(napi_env env, napi_callback_info info);
// (descriptor, request) -> all that the kernel answers: of a dump up to its end, else what is there once it is done.
napi_value NetfilterAsk(napi_env env, napi_callback_info info);
napi_value NetfilterClose(napi_env env, napi_callback_info info);  // (descriptor)

// (callback(messages of nftables, 1 if some were lost, 1 if forwarding of some device changed)). Once per process, until
// NetworkUnwatch; needs CAP_NET_ADMIN and does not keep the process alive.
napi_value NetworkWatch(napi_env env, napi_callback_info info);
napi_value NetworkUnwatch(napi_env env, napi_callback_info info);

}  // namespace tun
