// The path of one device between libuv and JavaScript, and what all functions of path_api.h begin with.
#pragma once

#include <node_api.h>
#include <uv.h>

#include <cstdint>

#include "arguments.h"
#include "device.h"
#include "read_pacer.h"
#include "path.h"

namespace tun {

// The path of one device, and what calls JavaScript for it.
class DevicePath final : public DevicePart {
 public:
  DevicePath(Device* device, const PathOptions& options) : device_(device), path_(options) {}

  bool Start(napi_value ready, napi_value callback);
  void OnDeviceClosing() override;
  Path& path() { return path_; }
  uint64_t NowUs() const { return clock_us_ != 0 ? clock_us_ : uv_hrtime() / 1000; }
  void SetClock(uint64_t us) { clock_us_ = us; }
  // Something waits for the cap: look again soon.
  void StartTimer();
  // Slots got ready outside of the loop's callbacks: say so in the next turn.
  void Wake();

 private:
  static void OnReadable(uv_poll_t* poll, int status, int events);
  static void OnTimer(uv_timer_t* timer);
  static void OnPace(uv_timer_t* timer);
  void Read();
  void Tell(int error);
  void Call(size_t count, int error);

  Device* const device_;
  Path path_;
  ReadPacer pacer_;
  uint64_t wait_ms_ = 0;  // 0: the poll handle is active, else the timer
  napi_ref ready_ = nullptr;
  uint64_t clock_us_ = 0;
};

// The path on the device with this handle, or nullptr with an exception pending.
DevicePath* FindPath(napi_env env, napi_value handle);

// A path and a slot of it.
struct Place {
  DevicePath* device = nullptr;
  Slot* slot = nullptr;
};
bool FindPlace(napi_env env, napi_value handle, napi_value id, Place* place);

template <size_t kCount>
bool ReadPlace(napi_env env, napi_callback_info info, napi_value (&arguments)[kCount], Place* place) {
  static_assert(kCount >= 2, "handle and slot");
  return ReadArguments(env, info, kCount, arguments) && FindPlace(env, arguments[0], arguments[1], place);
}

bool ReadFlag(napi_env env, napi_value value, bool* result);              // 0 or 1
bool ReadFloats(napi_env env, napi_value value, View<double>* result);    // a Float64Array
napi_value Number(napi_env env, int64_t number);

}  // namespace tun
