// TUN devices: open, watch, batches of packets in and out, close.
#pragma once

#include <node_api.h>

namespace tun {

// All return undefined with an exception pending when they fail. A handle is a number that is never used twice.
napi_value Open(napi_env env, napi_callback_info info);        // (name, mtu) -> { handle, name }
napi_value Watch(napi_env env, napi_callback_info info);       // (handle, callback(error | undefined))
napi_value ReadBatch(napi_env env, napi_callback_info info);   // (handle, slab, table) -> count
napi_value WriteBatch(napi_env env, napi_callback_info info);  // (handle, slab, table, count) -> written
napi_value Close(napi_env env, napi_callback_info info);       // (handle)

// Makes the table of open devices for this environment (the process, or a worker thread of it).
bool InitDevices(napi_env env);

}  // namespace tun
