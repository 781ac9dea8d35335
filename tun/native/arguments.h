// What every function of the addon needs: checked arguments in, Node-like errors out.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace tun {

// Bytes of a Buffer or an Int32Array. Valid only until control returns to JavaScript.
template <typename T>
struct View {
  T* data = nullptr;
  size_t length = 0;  // in elements
};

// Throws Error with `code` (EPERM, ...), `errno` (negative) and `syscall`, as Node does for a failed system call.
void ThrowErrno(napi_env env, int error, const char* syscall);

// The same error as a value, for a callback.
napi_value MakeErrno(napi_env env, int error, const char* syscall);

// Throws TypeError with code ERR_INVALID_ARG_VALUE: a mistake of ours, never of a peer.
void ThrowArgument(napi_env env, const char* message);

// Each reads one argument; false means that an exception is pending.
bool ReadArguments(napi_env env, napi_callback_info info, size_t count, napi_value* arguments);
bool ReadInt32(napi_env env, napi_value value, int32_t* result);
bool ReadUint32(napi_env env, napi_value value, uint32_t* result);
bool ReadMask(napi_env env, napi_value value, uint64_t* result);
bool ReadText(napi_env env, napi_value value, std::string* result);
bool ReadBuffer(napi_env env, napi_value value, View<uint8_t>* result);
bool ReadInt32Array(napi_env env, napi_value value, View<int32_t>* result);
bool ReadFunction(napi_env env, napi_value value);

}  // namespace tun
