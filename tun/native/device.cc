#include "device.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <string>

#include "arguments.h"

namespace tun {

namespace {

// Room left in front of each packet read: SSTP header (4 bytes) and PPP address, control, protocol (4 bytes).
constexpr size_t kHeadroom = 8;
// read(2) cuts a packet that does not fit without a word, and an operator may raise the MTU at any time.
constexpr size_t kLargestPacket = 65535;
// Packets that may wait in the kernel until we read them. Its own 500 are 5 ms at 1 Gbit/s or 100,000 packets a second,
// less than a scheduler's slice: what is dropped there costs the flow inside its rate. What stands too long is the
// queues' business, behind us.
constexpr int kDeviceQueue = 1500;

struct Devices {
  std::map<int32_t, Device*> open;
  int32_t lastHandle = 0;
};

Devices* DevicesOf(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return static_cast<Devices*>(data);
}

// Last step of a close: once libuv knows neither handle any more, the memory may go.
void OnClosed(uv_handle_t* handle) {
  Device* device = static_cast<Device*>(handle->data);
  device->handles -= 1;
  if (device->handles > 0) return;
  if (device->hook != nullptr) napi_remove_async_cleanup_hook(device->hook);
  delete device;
}

// The kernel removes the device with its last descriptor.
void BeginClose(Device* device) {
  if (device->fd == -1) return;
  if (device->path != nullptr) device->path->OnDeviceClosing();
  uv_close(reinterpret_cast<uv_handle_t*>(&device->poll), OnClosed);
  uv_close(reinterpret_cast<uv_handle_t*>(&device->timer), OnClosed);
  uv_close(reinterpret_cast<uv_handle_t*>(&device->pace), OnClosed);
  close(device->fd);
  device->fd = -1;
  if (device->callback != nullptr) napi_delete_reference(device->env, device->callback);
  if (device->context != nullptr) napi_async_destroy(device->env, device->context);
  device->callback = nullptr;
  device->context = nullptr;
}

// The environment ends (a worker thread stops) with the device still open.
void OnEnvironmentEnd(napi_async_cleanup_hook_handle, void* data) { BeginClose(static_cast<Device*>(data)); }

// From most to least: a kernel before 6.2 has no USO, some have only checksums, and 0 is still worth a virtio header.
constexpr uint32_t kOffloads[] = {
    TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | kTunUso4 | kTunUso6,
    TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6,
    TUN_F_CSUM,
};

// Names the device that `fd` stands for. A persistent device that somebody made without virtio headers, or a kernel
// that cannot offload, gives plain packets.
bool Attach(Device* device, int fd, bool wants_offload, ifreq* request) {
  if (wants_offload) {
    request->ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
    if (ioctl(fd, TUNSETIFF, request) == 0) {
      device->has_vnet = true;
      for (const uint32_t flags : kOffloads) {
        if (ioctl(fd, TUNSETOFFLOAD, static_cast<unsigned long>(flags)) == 0) {
          device->offload = flags;
          break;
        }
      }
      return true;
    }
    if (errno != EINVAL) return false;
  }
  request->ifr_flags = IFF_TUN | IFF_NO_PI;
  return ioctl(fd, TUNSETIFF, request) == 0;
}

// Opens and names the device. False with an exception pending when it fails; `request` then holds nothing of use.
bool OpenTun(napi_env env, const std::string& name, bool wants_offload, Device* device, ifreq* request) {
  const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd == -1) {
    ThrowErrno(env, errno, "open");
    return false;
  }
  std::memset(request, 0, sizeof(*request));
  std::memcpy(request->ifr_name, name.c_str(), name.size());
  if (!Attach(device, fd, wants_offload, request)) {
    ThrowErrno(env, errno, "TUNSETIFF");
    close(fd);
    return false;
  }
  const int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq change = {};
  std::memcpy(change.ifr_name, request->ifr_name, IFNAMSIZ);
  change.ifr_mtu = device->mtu;
  if (control == -1 || ioctl(control, SIOCSIFMTU, &change) == -1) {
    ThrowErrno(env, errno, "SIOCSIFMTU");
    if (control != -1) close(control);
    close(fd);
    return false;
  }
  change.ifr_qlen = kDeviceQueue;
  ioctl(control, SIOCSIFTXQLEN, &change);  // where that is forbidden, the device works all the same
  close(control);
  device->fd = fd;
  return true;
}

// Makes `device`, whose descriptor is open, known to libuv and to the table. 0 with an exception pending when it
// fails; the device is then gone.
int32_t Register(napi_env env, Device* device) {
  uv_loop_t* loop = nullptr;
  int status = napi_get_uv_event_loop(env, &loop) == napi_ok ? 0 : UV_ENOSYS;
  if (status == 0) status = uv_poll_init(loop, &device->poll, device->fd);
  if (status != 0) {
    close(device->fd);
    delete device;
    ThrowErrno(env, -status, "uv_poll_init");
    return 0;
  }
  uv_timer_init(loop, &device->timer);
  uv_unref(reinterpret_cast<uv_handle_t*>(&device->timer));
  uv_timer_init(loop, &device->pace);
  device->env = env;
  device->poll.data = device;
  device->timer.data = device;
  device->pace.data = device;
  napi_add_async_cleanup_hook(env, OnEnvironmentEnd, device, &device->hook);
  Devices* devices = DevicesOf(env);
  const int32_t handle = ++devices->lastHandle;
  devices->open[handle] = device;
  return handle;
}

// One call into JavaScript per readable turn of the loop. It may close the device; its memory outlives this call.
void OnReadable(uv_poll_t* poll, int status, int) {
  Device* device = static_cast<Device*>(poll->data);
  const napi_env env = device->env;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value callback, receiver, argument = nullptr;
  // libuv stops polling by itself when the kernel reports an error: the device was removed.
  if (status < 0) argument = MakeErrno(env, EBADFD, "poll");
  if (argument == nullptr) napi_get_undefined(env, &argument);
  if (napi_get_reference_value(env, device->callback, &callback) == napi_ok &&
      napi_get_global(env, &receiver) == napi_ok) {
    if (napi_make_callback(env, device->context, receiver, callback, 1, &argument, nullptr) == napi_pending_exception) {
      napi_value exception;
      if (napi_get_and_clear_last_exception(env, &exception) == napi_ok) napi_fatal_exception(env, exception);
    }
  }
  napi_close_handle_scope(env, scope);
}

napi_value Number(napi_env env, int32_t number) {
  napi_value result = nullptr;
  napi_create_int32(env, number, &result);
  return result;
}

}  // namespace

bool InitDevices(napi_env env) {
  return napi_set_instance_data(env, new Devices(), [](napi_env, void* data, void*) {
           delete static_cast<Devices*>(data);
         }, nullptr) == napi_ok;
}

Device* FindDevice(napi_env env, napi_value value) {
  int32_t handle = 0;
  if (!ReadInt32(env, value, &handle)) return nullptr;
  Devices* devices = DevicesOf(env);
  const auto found = devices->open.find(handle);
  if (found == devices->open.end()) {
    ThrowErrno(env, EBADF, "tun");
    return nullptr;
  }
  return found->second;
}

namespace {

// What `open` and `openDescriptor` have in common: a device that is not known to libuv yet. nullptr with an exception
// pending; `name` is what the kernel made of the name.
Device* OpenAsAsked(napi_env env, napi_callback_info info, std::string* name) {
  napi_value arguments[3];
  int32_t mtu = 0;
  int32_t wants_offload = 0;
  if (!ReadArguments(env, info, 3, arguments) || !ReadText(env, arguments[0], name) ||
      !ReadInt32(env, arguments[1], &mtu) || !ReadInt32(env, arguments[2], &wants_offload)) {
    return nullptr;
  }
  if (name->empty() || name->size() >= IFNAMSIZ || wants_offload > 1) {
    ThrowArgument(env, "a device name has 1 to 15 bytes, and offload is 0 or 1");
    return nullptr;
  }
  Device* device = new Device();
  device->mtu = mtu;
  ifreq request;
  if (!OpenTun(env, *name, wants_offload == 1, device, &request)) {
    delete device;
    return nullptr;
  }
  *name = request.ifr_name;
  return device;
}

// { [key]: number, name, offload }, or nullptr with an exception pending.
napi_value Describe(napi_env env, const char* key, int32_t number, const std::string& name, int32_t offload) {
  napi_value result, text;
  if (napi_create_object(env, &result) != napi_ok ||
      napi_create_string_utf8(env, name.c_str(), NAPI_AUTO_LENGTH, &text) != napi_ok ||
      napi_set_named_property(env, result, key, Number(env, number)) != napi_ok ||
      napi_set_named_property(env, result, "offload", Number(env, offload)) != napi_ok ||
      napi_set_named_property(env, result, "name", text) != napi_ok) {
    return nullptr;
  }
  return result;
}

int32_t OffloadOf(const Device& device) { return device.has_vnet ? static_cast<int32_t>(device.offload) : -1; }

}  // namespace

napi_value Open(napi_env env, napi_callback_info info) {
  std::string name;
  Device* device = OpenAsAsked(env, info, &name);
  if (device == nullptr) return nullptr;
  const int32_t offload = OffloadOf(*device);
  const int32_t handle = Register(env, device);
  return handle == 0 ? nullptr : Describe(env, "handle", handle, name, offload);
}

napi_value OpenDescriptor(napi_env env, napi_callback_info info) {
  std::string name;
  const std::unique_ptr<Device> device(OpenAsAsked(env, info, &name));
  if (device == nullptr) return nullptr;
  return Describe(env, "fd", device->fd, name, OffloadOf(*device));
}

napi_value Adopt(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  int32_t fd = -1;
  int32_t mtu = 0;
  int32_t offload = 0;
  if (!ReadArguments(env, info, 3, arguments) || !ReadInt32(env, arguments[0], &fd) ||
      !ReadInt32(env, arguments[1], &mtu) || !ReadInt32(env, arguments[2], &offload)) {
    return nullptr;
  }
  ifreq request = {};
  if (ioctl(fd, TUNGETIFF, &request) == -1) {
    ThrowErrno(env, errno, "TUNGETIFF");
    return nullptr;
  }
  // Over exec, close-on-exec is off; over a fork of ours it shall be on again.
  if (ioctl(fd, FIOCLEX) == -1) {
    ThrowErrno(env, errno, "FIOCLEX");
    return nullptr;
  }
  Device* device = new Device();
  device->fd = fd;
  device->mtu = mtu;
  device->has_vnet = (request.ifr_flags & IFF_VNET_HDR) != 0;
  device->offload = device->has_vnet ? static_cast<uint32_t>(offload) : 0;
  const int32_t result = OffloadOf(*device);
  const int32_t handle = Register(env, device);
  return handle == 0 ? nullptr : Describe(env, "handle", handle, request.ifr_name, result);
}

napi_value OpenPair(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  int32_t mtu = 0;
  int32_t has_vnet = 0;
  if (!ReadArguments(env, info, 2, arguments) || !ReadInt32(env, arguments[0], &mtu) ||
      !ReadInt32(env, arguments[1], &has_vnet)) {
    return nullptr;
  }
  if (has_vnet > 1) {
    ThrowArgument(env, "expected 0 or 1");
    return nullptr;
  }
  int ends[2];
  // Packets keep their borders, as with a TUN device, and a full queue refuses them.
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == -1) {
    ThrowErrno(env, errno, "socketpair");
    return nullptr;
  }
  napi_value result = nullptr;
  if (napi_create_array_with_length(env, 2, &result) != napi_ok) {
    close(ends[0]);
    close(ends[1]);
    return nullptr;
  }
  for (uint32_t i = 0; i < 2; i++) {
    Device* device = new Device();
    device->fd = ends[i];
    device->mtu = mtu;
    device->has_vnet = has_vnet != 0;
    device->offload = device->has_vnet ? kOffloads[0] : 0;
    const int32_t handle = Register(env, device);
    if (handle == 0 && i == 0) close(ends[1]);
    if (handle == 0 || napi_set_element(env, result, i, Number(env, handle)) != napi_ok) return nullptr;
  }
  return result;
}

napi_value Watch(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  if (!ReadArguments(env, info, 2, arguments) || !ReadFunction(env, arguments[1])) return nullptr;
  Device* device = FindDevice(env, arguments[0]);
  if (device == nullptr) return nullptr;
  if (device->callback != nullptr || device->path != nullptr) {
    ThrowErrno(env, EALREADY, "tun");
    return nullptr;
  }
  napi_value resource, name;
  if (napi_create_object(env, &resource) != napi_ok ||
      napi_create_string_utf8(env, "TUN", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_async_init(env, resource, name, &device->context) != napi_ok ||
      napi_create_reference(env, arguments[1], 1, &device->callback) != napi_ok) {
    ThrowErrno(env, ENOMEM, "napi_async_init");
    return nullptr;
  }
  const int status = uv_poll_start(&device->poll, UV_READABLE, OnReadable);
  if (status != 0) ThrowErrno(env, -status, "uv_poll_start");
  return nullptr;
}

// Packet i lies at slab[table[2i]], table[2i+1] bytes long, with kHeadroom free bytes in front of it. Ends when the
// device has no more packets or slab or table are full.
napi_value ReadBatch(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  View<uint8_t> slab;
  View<int32_t> table;
  if (!ReadArguments(env, info, 3, arguments) || !ReadBuffer(env, arguments[1], &slab) ||
      !ReadInt32Array(env, arguments[2], &table)) {
    return nullptr;
  }
  Device* device = FindDevice(env, arguments[0]);
  if (device == nullptr) return nullptr;
  const size_t most = table.length / 2;
  size_t count = 0;
  size_t offset = kHeadroom;
  while (count < most && offset + kLargestPacket <= slab.length) {
    const ssize_t length = read(device->fd, slab.data + offset, kLargestPacket);
    if (length == -1 && errno == EINTR) continue;
    if (length == -1 && errno != EAGAIN && count == 0) {
      ThrowErrno(env, errno, "read");
      return nullptr;
    }
    if (length <= 0) break;
    table.data[2 * count] = static_cast<int32_t>(offset);
    table.data[2 * count + 1] = static_cast<int32_t>(length);
    count += 1;
    offset += static_cast<size_t>(length) + kHeadroom;
  }
  return Number(env, static_cast<int32_t>(count));
}

// One write(2) per packet. A packet that the kernel does not take (queue full, device down, not IP) is dropped, its
// length in the table becomes 0 and the next one is tried: no packet may stop those behind it.
napi_value WriteBatch(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  View<uint8_t> slab;
  View<int32_t> table;
  int32_t count = 0;
  if (!ReadArguments(env, info, 4, arguments) || !ReadBuffer(env, arguments[1], &slab) ||
      !ReadInt32Array(env, arguments[2], &table) || !ReadInt32(env, arguments[3], &count)) {
    return nullptr;
  }
  Device* device = FindDevice(env, arguments[0]);
  if (device == nullptr) return nullptr;
  if (static_cast<size_t>(count) > table.length / 2) {
    ThrowArgument(env, "count exceeds the table");
    return nullptr;
  }
  int32_t written = 0;
  for (int32_t i = 0; i < count; i++) {
    const int64_t offset = table.data[2 * i];
    const int64_t length = table.data[2 * i + 1];
    if (offset < 0 || length < 1 || offset + length > static_cast<int64_t>(slab.length)) {
      ThrowArgument(env, "packet outside the slab");
      return nullptr;
    }
    ssize_t result = 0;
    do {
      result = write(device->fd, slab.data + offset, static_cast<size_t>(length));
    } while (result == -1 && errno == EINTR);
    if (result == -1) {
      table.data[2 * i + 1] = 0;
    } else {
      written += 1;
    }
  }
  return Number(env, written);
}

napi_value Close(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  if (!ReadArguments(env, info, 1, arguments)) return nullptr;
  Device* device = FindDevice(env, arguments[0]);
  if (device == nullptr) return nullptr;
  int32_t handle = 0;
  ReadInt32(env, arguments[0], &handle);
  DevicesOf(env)->open.erase(handle);
  BeginClose(device);
  return nullptr;
}

}  // namespace tun
