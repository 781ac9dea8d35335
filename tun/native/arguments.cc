#include "arguments.h"

#include <uv.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>

namespace tun {

namespace {

// A number that is a whole one between `least` and `most`. napi_get_value_int32 would cut 2.5 and wrap 2**32.
bool ReadWhole(napi_env env, napi_value value, double least, double most, double* result) {
  if (napi_get_value_double(env, value, result) == napi_ok && *result >= least && *result <= most &&
      std::floor(*result) == *result) {
    return true;
  }
  ThrowArgument(env, "expected a whole number in range");
  return false;
}

}  // namespace

napi_value MakeErrno(napi_env env, int error, const char* syscall) {
  char name[64];
  if (error == EBADFD) {  // what a TUN descriptor answers once its device is gone; libuv has no name for it
    std::strcpy(name, "EBADFD");
  } else {
    uv_err_name_r(uv_translate_sys_error(error), name, sizeof(name));
  }
  const std::string message = std::string(name) + ": " + std::strerror(error) + ", " + syscall;
  napi_value code, text, number, call, result;
  if (napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &code) != napi_ok ||
      napi_create_string_utf8(env, message.c_str(), message.size(), &text) != napi_ok ||
      napi_create_string_utf8(env, syscall, NAPI_AUTO_LENGTH, &call) != napi_ok ||
      napi_create_int32(env, -error, &number) != napi_ok || napi_create_error(env, code, text, &result) != napi_ok ||
      napi_set_named_property(env, result, "errno", number) != napi_ok ||
      napi_set_named_property(env, result, "syscall", call) != napi_ok) {
    return nullptr;
  }
  return result;
}

void ThrowErrno(napi_env env, int error, const char* syscall) {
  napi_value value = MakeErrno(env, error, syscall);
  if (value != nullptr) napi_throw(env, value);
}

void ThrowArgument(napi_env env, const char* message) {
  napi_throw_type_error(env, "ERR_INVALID_ARG_VALUE", message);
}

bool ReadArguments(napi_env env, napi_callback_info info, size_t count, napi_value* arguments) {
  size_t given = count;
  if (napi_get_cb_info(env, info, &given, arguments, nullptr, nullptr) != napi_ok || given != count) {
    ThrowArgument(env, "wrong number of arguments");
    return false;
  }
  return true;
}

bool ReadInt32(napi_env env, napi_value value, int32_t* result) {
  double number = 0;
  if (!ReadWhole(env, value, 0, std::numeric_limits<int32_t>::max(), &number)) return false;
  *result = static_cast<int32_t>(number);
  return true;
}

bool ReadUint32(napi_env env, napi_value value, uint32_t* result) {
  double number = 0;
  if (!ReadWhole(env, value, 0, std::numeric_limits<uint32_t>::max(), &number)) return false;
  *result = static_cast<uint32_t>(number);
  return true;
}

bool ReadMask(napi_env env, napi_value value, uint64_t* result) {
  bool lossless = false;
  if (napi_get_value_bigint_uint64(env, value, result, &lossless) == napi_ok && lossless) return true;
  ThrowArgument(env, "expected an unsigned 64-bit bigint");
  return false;
}

bool ReadText(napi_env env, napi_value value, std::string* result) {
  char text[256];
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, text, sizeof(text), &length) != napi_ok || length + 1 >= sizeof(text) ||
      std::memchr(text, 0, length) != nullptr) {
    ThrowArgument(env, "expected a short string without NUL");
    return false;
  }
  result->assign(text, length);
  return true;
}

bool ReadBuffer(napi_env env, napi_value value, View<uint8_t>* result) {
  bool isBuffer = false;
  void* data = nullptr;
  if (napi_is_buffer(env, value, &isBuffer) != napi_ok || !isBuffer ||
      napi_get_buffer_info(env, value, &data, &result->length) != napi_ok || result->length > INT32_MAX) {
    ThrowArgument(env, "expected a Buffer of less than 2 GiB");
    return false;
  }
  result->data = static_cast<uint8_t*>(data);
  return true;
}

bool ReadInt32Array(napi_env env, napi_value value, View<int32_t>* result) {
  bool isArray = false;
  napi_typedarray_type type;
  void* data = nullptr;
  if (napi_is_typedarray(env, value, &isArray) != napi_ok || !isArray ||
      napi_get_typedarray_info(env, value, &type, &result->length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_int32_array) {
    ThrowArgument(env, "expected an Int32Array");
    return false;
  }
  result->data = static_cast<int32_t*>(data);
  return true;
}

bool ReadFunction(napi_env env, napi_value value) {
  napi_valuetype type;
  if (napi_typeof(env, value, &type) == napi_ok && type == napi_function) return true;
  ThrowArgument(env, "expected a function");
  return false;
}

}  // namespace tun
