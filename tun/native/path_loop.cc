#include "path_loop.h"

#include <algorithm>
#include <cerrno>

namespace tun {

namespace {

constexpr uint64_t kHeldMs = 1;

}  // namespace

bool DevicePath::Start(napi_value ready, napi_value callback) {
  const napi_env env = device_->env;
  napi_value resource, name;
  return napi_create_object(env, &resource) == napi_ok &&
         napi_create_string_utf8(env, "TUN", NAPI_AUTO_LENGTH, &name) == napi_ok &&
         napi_async_init(env, resource, name, &device_->context) == napi_ok &&
         napi_create_reference(env, callback, 1, &device_->callback) == napi_ok &&
         napi_create_reference(env, ready, 1, &ready_) == napi_ok &&
         uv_poll_start(&device_->poll, UV_READABLE, OnReadable) == 0;
}

void DevicePath::OnDeviceClosing() {
  if (ready_ != nullptr) napi_delete_reference(device_->env, ready_);
  ready_ = nullptr;
}

void DevicePath::StartTimer() {
  if (!uv_is_active(reinterpret_cast<uv_handle_t*>(&device_->timer))) {
    uv_timer_start(&device_->timer, OnTimer, kHeldMs, 0);
  }
}

void DevicePath::Wake() {
  if (!path_.ready().empty() || !path_.events().empty()) uv_timer_start(&device_->timer, OnTimer, 0, 0);
}

void DevicePath::OnReadable(uv_poll_t* poll, int status, int) {
  DevicePath* self = static_cast<DevicePath*>(static_cast<Device*>(poll->data)->path);
  if (status >= 0) {
    self->Read();
    return;
  }
  // libuv stops polling by itself when the kernel reports an error: the device was removed.
  uv_poll_stop(poll);
  self->Tell(EBADFD);
}

void DevicePath::OnPace(uv_timer_t* timer) {
  static_cast<DevicePath*>(static_cast<Device*>(timer->data)->path)->Read();
}

void DevicePath::Read() {
  const uint64_t now_us = NowUs();
  const int error = path_.ReadDevice(now_us);
  const uint64_t wait_ms = error == 0 ? pacer_.Note(path_.last_reads(), path_.last_bytes(), path_.TakeWritten(), now_us) : 0;
  if (error != 0 || (wait_ms > 0 && wait_ms_ == 0)) uv_poll_stop(&device_->poll);
  if (wait_ms != wait_ms_) {
    if (wait_ms > 0) {
      uv_timer_start(&device_->pace, OnPace, wait_ms, wait_ms);
    } else {
      uv_timer_stop(&device_->pace);
      if (error == 0) uv_poll_start(&device_->poll, UV_READABLE, OnReadable);
    }
    wait_ms_ = wait_ms;
  }
  Tell(error);
}

void DevicePath::OnTimer(uv_timer_t* timer) {
  DevicePath* self = static_cast<DevicePath*>(static_cast<Device*>(timer->data)->path);
  if (self->path_.Release(self->NowUs())) self->StartTimer();
  self->Tell(0);
}

// JavaScript may close the device meanwhile; its memory outlives this.
void DevicePath::Tell(int error) {
  std::vector<int32_t> ready;
  ready.swap(path_.ready());
  if (ready.empty() && path_.events().empty() && error == 0) return;
  size_t told = 0;
  do {
    napi_handle_scope scope;
    if (device_->fd == -1 || napi_open_handle_scope(device_->env, &scope) != napi_ok) return;
    napi_value array;
    View<int32_t> view;
    size_t count = 0;
    if (napi_get_reference_value(device_->env, ready_, &array) == napi_ok &&
        ReadInt32Array(device_->env, array, &view)) {
      count = std::min(view.length, ready.size() - told);
      std::copy_n(ready.begin() + static_cast<std::ptrdiff_t>(told), count, view.data);
    }
    Call(count, error);
    napi_close_handle_scope(device_->env, scope);
    if (count == 0) break;
    told += count;
  } while (told < ready.size());
  if (told == ready.size() && path_.ready().empty()) {  // the vector's memory serves again
    ready.clear();
    path_.ready().swap(ready);
  }
}

void DevicePath::Call(size_t count, int error) {
  const napi_env env = device_->env;
  napi_value callback, receiver, arguments[2];
  if (napi_create_uint32(env, static_cast<uint32_t>(count), &arguments[0]) != napi_ok) return;
  arguments[1] = error == 0 ? nullptr : MakeErrno(env, error, "poll");
  if (arguments[1] == nullptr) napi_get_undefined(env, &arguments[1]);
  if (napi_get_reference_value(env, device_->callback, &callback) != napi_ok ||
      napi_get_global(env, &receiver) != napi_ok) {
    return;
  }
  if (napi_make_callback(env, device_->context, receiver, callback, 2, arguments, nullptr) == napi_pending_exception) {
    napi_value exception;
    if (napi_get_and_clear_last_exception(env, &exception) == napi_ok) napi_fatal_exception(env, exception);
  }
}

DevicePath* FindPath(napi_env env, napi_value handle) {
  Device* device = FindDevice(env, handle);
  if (device == nullptr) return nullptr;
  if (device->path == nullptr) {
    ThrowErrno(env, EBADF, "tun");
    return nullptr;
  }
  return static_cast<DevicePath*>(device->path);
}

bool FindPlace(napi_env env, napi_value handle, napi_value id, Place* place) {
  int32_t number = 0;
  if (!ReadInt32(env, id, &number)) return false;
  place->device = FindPath(env, handle);
  if (place->device == nullptr) return false;
  place->slot = place->device->path().Find(number);
  if (place->slot == nullptr) ThrowErrno(env, EBADF, "slot");
  return place->slot != nullptr;
}

bool ReadFlag(napi_env env, napi_value value, bool* result) {
  int32_t number = 0;
  if (!ReadInt32(env, value, &number)) return false;
  if (number > 1) ThrowArgument(env, "expected 0 or 1");
  *result = number == 1;
  return number <= 1;
}

bool ReadFloats(napi_env env, napi_value value, View<double>* result) {
  bool is_array = false;
  napi_typedarray_type type;
  void* data = nullptr;
  if (napi_is_typedarray(env, value, &is_array) != napi_ok || !is_array ||
      napi_get_typedarray_info(env, value, &type, &result->length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_float64_array) {
    ThrowArgument(env, "expected a Float64Array");
    return false;
  }
  result->data = static_cast<double*>(data);
  return true;
}

napi_value Number(napi_env env, int64_t number) {
  napi_value result = nullptr;
  napi_create_int64(env, number, &result);
  return result;
}

}  // namespace tun
