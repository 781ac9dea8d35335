// TUN devices: open, watch, batches of packets in and out, close.
#pragma once

#include <node_api.h>
#include <uv.h>

#include <cstdint>

namespace tun {

// What was built on a device and has to go before it does.
struct DevicePart {
  virtual ~DevicePart() = default;
  // The descriptor is about to be closed; no handle of libuv calls back any more.
  virtual void OnDeviceClosing() = 0;
};

struct Device {
  napi_env env = nullptr;
  int fd = -1;
  int mtu = 0;
  bool has_vnet = false;  // each packet has a virtio header in front, both ways
  uint32_t offload = 0;   // TUN_F_* that the kernel granted
  uv_poll_t poll = {};
  uv_timer_t timer = {};
  uv_timer_t pace = {};
  int handles = 3;  // those, until libuv has let go of them
  napi_ref callback = nullptr;
  napi_async_context context = nullptr;
  napi_async_cleanup_hook_handle hook = nullptr;
  DevicePart* path = nullptr;  // owned: deleted with the device

  ~Device() { delete path; }
};

// The open device with this handle, or nullptr with an exception pending.
Device* FindDevice(napi_env env, napi_value handle);

// Linux' headers before 6.2 do not name these.
constexpr uint32_t kTunUso4 = 0x20;  // TUN_F_USO4
constexpr uint32_t kTunUso6 = 0x40;  // TUN_F_USO6

// All return undefined with an exception pending when they fail. A handle is a number that is never used twice.
// (name, mtu, wantsOffload: 0 | 1) -> { handle, name, offload }; offload is -1 without virtio headers, else TUN_F_*
napi_value Open(napi_env env, napi_callback_info info);
// The same, but -> { fd, name, offload } for another process, whose `adopt` makes a device of it. Nothing reads it here.
napi_value OpenDescriptor(napi_env env, napi_callback_info info);
// (fd, mtu, offload) -> { handle, name }: a device that `openDescriptor` opened and this process inherited. The descriptor
// belongs to the device from now on.
napi_value Adopt(napi_env env, napi_callback_info info);
// (mtu, hasVnet: 0 | 1) -> [handle, handle]: two devices without a kernel's network behind them. What is written to one
// is read from the other. For tests.
napi_value OpenPair(napi_env env, napi_callback_info info);
napi_value Watch(napi_env env, napi_callback_info info);       // (handle, callback(error | undefined))
napi_value ReadBatch(napi_env env, napi_callback_info info);   // (handle, slab, table) -> count
napi_value WriteBatch(napi_env env, napi_callback_info info);  // (handle, slab, table, count) -> written
napi_value Close(napi_env env, napi_callback_info info);       // (handle)

// Makes the table of open devices for this environment (the process, or a worker thread of it).
bool InitDevices(napi_env env);

}  // namespace tun
