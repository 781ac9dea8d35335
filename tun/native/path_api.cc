#include "path_api.h"

#include <linux/if_tun.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "path_loop.h"

namespace tun {

namespace {

constexpr size_t kMostChunks = 4096;
// Smaller ones are not worth a call.
constexpr size_t kLeastReleased = 1024;

bool ReadAddress(napi_env env, napi_value value, const uint8_t** result) {
  View<uint8_t> view;
  if (!ReadBuffer(env, value, &view)) return false;
  *result = view.data;
  if (view.length != 16) ThrowArgument(env, "an address has 16 bytes here");
  return view.length == 16;
}

// Gives the memory of used-up chunks back at once. V8 counts it, and after each 64 MiB it would mark the whole heap to
// find out that nobody has it any more: 40 full collections in 4 s of one upload, a third of the processor. A chunk that
// shares its memory with other buffers stays as it is.
void ReleaseChunks(napi_env env, const napi_value* chunks, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    napi_value memory;
    size_t length = 0, offset = 0, whole = 0;
    bool is_typed_array = false;
    if (napi_is_typedarray(env, chunks[i], &is_typed_array) != napi_ok || !is_typed_array ||
        napi_get_typedarray_info(env, chunks[i], nullptr, &length, nullptr, &memory, &offset) != napi_ok ||
        length < kLeastReleased || offset != 0 ||
        napi_get_arraybuffer_info(env, memory, nullptr, &whole) != napi_ok || whole != length) {
      continue;
    }
    napi_detach_arraybuffer(env, memory);  // one that may not be is left to the collector
  }
}

}  // namespace

napi_value PathOpen(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  bool isolates = false;
  int32_t most_bytes = 0;
  View<int32_t> ready;
  if (!ReadArguments(env, info, 5, arguments) || !ReadFlag(env, arguments[1], &isolates) ||
      !ReadInt32(env, arguments[2], &most_bytes) || !ReadInt32Array(env, arguments[3], &ready) ||
      !ReadFunction(env, arguments[4])) {
    return nullptr;
  }
  Device* device = FindDevice(env, arguments[0]);
  if (device == nullptr) return nullptr;
  if (device->callback != nullptr || device->path != nullptr) {
    ThrowErrno(env, EALREADY, "tun");
    return nullptr;
  }
  PathOptions options;
  options.fd = device->fd;
  options.mtu = static_cast<uint16_t>(std::min(device->mtu, 0xffff));
  options.has_vnet = device->has_vnet;
  options.isolates = isolates;
  options.most_bytes = static_cast<size_t>(most_bytes);
  options.coalesce.vnet = device->has_vnet;
  options.coalesce.tso4 = (device->offload & TUN_F_TSO4) != 0;
  options.coalesce.tso6 = (device->offload & TUN_F_TSO6) != 0;
  options.coalesce.uso = (device->offload & kTunUso4) != 0 && (device->offload & kTunUso6) != 0;
  DevicePath* path = new DevicePath(device, options);
  device->path = path;
  if (!path->Start(arguments[3], arguments[4])) ThrowErrno(env, ENOMEM, "napi_async_init");
  return nullptr;
}

napi_value PathAttach(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  bool is_from_server = false;
  int32_t most_bytes = 0;
  const uint8_t* link_local = nullptr;
  if (!ReadArguments(env, info, 4, arguments) || !ReadFlag(env, arguments[1], &is_from_server) ||
      !ReadInt32(env, arguments[2], &most_bytes) || !ReadAddress(env, arguments[3], &link_local)) {
    return nullptr;
  }
  DevicePath* path = FindPath(env, arguments[0]);
  if (path == nullptr) return nullptr;
  Slot* slot = path->path().Attach(static_cast<size_t>(most_bytes));
  if (slot == nullptr) {
    ThrowErrno(env, EMFILE, "slot");
    return nullptr;
  }
  slot->is_from_server = is_from_server;
  std::memcpy(slot->client6.server_link_local, link_local, 16);
  return Number(env, slot->id);
}

napi_value PathSocket(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  Place place;
  int32_t fd = -1;
  std::string congestion;
  if (!ReadPlace(env, info, arguments, &place) || !ReadInt32(env, arguments[2], &fd) ||
      !ReadText(env, arguments[3], &congestion)) {
    return nullptr;
  }
  PipeSample sample;
  if (!SamplePipe(fd, &sample)) return Number(env, errno);
  place.slot->fd = fd;
  const bool paces = Paces(congestion);
  place.slot->pacing = paces ? congestion : "";
  const int error = SetNotSentLowat(fd);
  if (error != 0 || congestion.empty()) return Number(env, error);
  const bool waits = paces && sample.min_rtt_us > 0 && sample.min_rtt_us < kLocalRttUs;
  place.slot->is_paced = paces && !waits;
  return Number(env, waits ? 0 : SetCongestionControl(fd, congestion));
}

napi_value PathDetach(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  Place place;
  if (ReadPlace(env, info, arguments, &place)) place.device->path().Detach(place.slot);
  return nullptr;
}

napi_value PathDefault(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  Place place;
  if (ReadPlace(env, info, arguments, &place)) place.device->path().SetDefault(place.slot);
  return nullptr;
}

napi_value PathIpv4(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  Place place;
  bool is_open = false;
  uint32_t address = 0;
  if (!ReadPlace(env, info, arguments, &place) || !ReadFlag(env, arguments[2], &is_open) ||
      !ReadUint32(env, arguments[3], &address)) {
    return nullptr;
  }
  place.slot->is_open4 = is_open;
  place.slot->address4 = address;
  return nullptr;
}

napi_value PathIpv6(napi_env env, napi_callback_info info) {
  napi_value arguments[6];
  Place place;
  bool is_open = false;
  bool has_prefix = false;
  const uint8_t* prefix = nullptr;
  const uint8_t* link_local = nullptr;
  if (!ReadPlace(env, info, arguments, &place) || !ReadFlag(env, arguments[2], &is_open) ||
      !ReadFlag(env, arguments[3], &has_prefix) || !ReadAddress(env, arguments[4], &prefix) ||
      !ReadAddress(env, arguments[5], &link_local)) {
    return nullptr;
  }
  Ipv6Client& client = place.slot->client6;
  place.slot->is_open6 = is_open;
  client.has_prefix = has_prefix;
  std::memcpy(client.prefix, prefix, 8);
  std::memcpy(client.link_local, link_local, 16);
  return nullptr;
}

napi_value PathMru(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  Place place;
  int32_t mru = 0;
  if (!ReadPlace(env, info, arguments, &place) || !ReadInt32(env, arguments[2], &mru)) return nullptr;
  place.slot->mru = static_cast<uint16_t>(std::min<int32_t>(mru, kMaxFramedPacket));
  return nullptr;
}

napi_value PathRoute(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  Place place;
  int32_t kind = 0;
  const uint8_t* address = nullptr;
  bool adds = false;
  if (!ReadPlace(env, info, arguments, &place) || !ReadInt32(env, arguments[2], &kind) ||
      !ReadAddress(env, arguments[3], &address) || !ReadFlag(env, arguments[4], &adds)) {
    return nullptr;
  }
  if (kind != 4 && kind != 6 && kind != 10) {
    ThrowArgument(env, "kind is 4, 6 or 10");
    return nullptr;
  }
  if (adds) {
    place.device->path().AddRoute(kind, address, place.slot);
  } else {
    place.device->path().RemoveRoute(kind, address, place.slot);
  }
  return nullptr;
}

napi_value PathNetwork(napi_env env, napi_callback_info info) {
  napi_value arguments[6];
  int32_t kind = 0;
  int32_t bits = 0;
  int32_t own_bits = 0;
  const uint8_t* network = nullptr;
  const uint8_t* own = nullptr;
  if (!ReadArguments(env, info, 6, arguments) || !ReadInt32(env, arguments[1], &kind) ||
      !ReadAddress(env, arguments[2], &network) || !ReadInt32(env, arguments[3], &bits) ||
      !ReadAddress(env, arguments[4], &own) || !ReadInt32(env, arguments[5], &own_bits)) {
    return nullptr;
  }
  DevicePath* path = FindPath(env, arguments[0]);
  if (path == nullptr) return nullptr;
  const int32_t most = kind == 6 ? 128 : 32;
  if ((kind != 4 && kind != 6) || bits > most || own_bits > most) {
    ThrowArgument(env, "a kind is 4 or 6, and a prefix has no more bits than an address");
    return nullptr;
  }
  ClientNetwork one = {kind == 6, static_cast<uint8_t>(bits), static_cast<uint8_t>(own_bits), {}, {}};
  std::memcpy(one.network, network, sizeof(one.network));
  std::memcpy(one.own, own, sizeof(one.own));
  path->path().AddNetwork(one);
  return nullptr;
}

napi_value PathPending(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  Place place;
  if (!ReadPlace(env, info, arguments, &place)) return nullptr;
  const size_t bytes = place.device->path().Pending(place.slot, place.device->NowUs());
  if (place.slot->is_held) place.device->StartTimer();
  return Number(env, static_cast<int64_t>(bytes));
}

napi_value PathTake(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  Place place;
  View<uint8_t> out;
  int32_t offset = 0;
  if (!ReadPlace(env, info, arguments, &place) || !ReadBuffer(env, arguments[2], &out) ||
      !ReadInt32(env, arguments[3], &offset)) {
    return nullptr;
  }
  const size_t start = static_cast<size_t>(offset);
  // Less room than one frame could take would look like an empty queue.
  if (start > out.length || out.length - start < kMaxSstpPacket || place.slot->in_write != 0) {
    ThrowArgument(env, "no room for a frame, or a write is outstanding");
    return nullptr;
  }
  const size_t bytes = place.device->path().Take(place.slot, out.data + start, out.length - start, out.length,
                                                 place.device->NowUs());
  return Number(env, static_cast<int64_t>(bytes));
}

napi_value PathReceive(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  Place place;
  View<int32_t> position;
  View<uint8_t> frame;
  uint32_t count = 0;
  if (!ReadArguments(env, info, 5, arguments)) return nullptr;
  if (napi_get_array_length(env, arguments[2], &count) != napi_ok || count > kMostChunks) {
    ThrowArgument(env, "expected chunks");
    return nullptr;
  }
  // An element may be a getter, which may do anything: so all of them come first, and what they leave is looked at then.
  napi_value elements[kMostChunks];
  for (uint32_t i = 0; i < count; i++) {
    if (napi_get_element(env, arguments[2], i, &elements[i]) != napi_ok) return nullptr;
  }
  if (!FindPlace(env, arguments[0], arguments[1], &place) || !ReadInt32Array(env, arguments[3], &position) ||
      !ReadBuffer(env, arguments[4], &frame)) {
    return nullptr;
  }
  if (position.length < 5 || frame.length < kMaxSstpPacket || position.data[0] < 0 || position.data[1] < 0) {
    ThrowArgument(env, "expected a position and room for a frame");
    return nullptr;
  }
  Path& path = place.device->path();
  Receipt receipt;
  int32_t frames = 0;
  size_t frame_length = 0;
  uint32_t index = static_cast<uint32_t>(position.data[0]);
  size_t offset = static_cast<size_t>(position.data[1]);
  bool is_valid = true;
  // Each pointer is good until Flush: `chunks` keeps all of them, and no JavaScript runs before.
  for (; index < count && receipt.kind == Decide::kNothing; index++, offset = 0) {
    View<uint8_t> chunk;
    is_valid = ReadBuffer(env, elements[index], &chunk);
    if (is_valid && offset > chunk.length) ThrowArgument(env, "position outside the chunk");
    is_valid = is_valid && offset <= chunk.length;
    if (!is_valid) break;
    receipt = path.Receive(place.slot, chunk.data + offset, chunk.length - offset);
    frames += static_cast<int32_t>(receipt.frames);
    if (receipt.kind == Decide::kNothing) continue;
    offset += receipt.taken;
    break;
  }
  if (receipt.frame != nullptr) {
    frame_length = std::min(receipt.frame_length, frame.length);
    std::memcpy(frame.data, receipt.frame, frame_length);
  }
  path.EndBatch();
  if (!is_valid) return nullptr;
  if (receipt.kind == Decide::kNothing) ReleaseChunks(env, elements, count);
  position.data[0] = static_cast<int32_t>(index);
  position.data[1] = static_cast<int32_t>(offset);
  position.data[2] = static_cast<int32_t>(frame_length);
  position.data[3] = frames;
  position.data[4] = static_cast<int32_t>(path.events().size());
  return Number(env, static_cast<int32_t>(receipt.kind));
}

napi_value PathInject(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  Place place;
  View<uint8_t> packet;
  if (!ReadPlace(env, info, arguments, &place) || !ReadBuffer(env, arguments[2], &packet)) return nullptr;
  place.device->path().Inject(place.slot, packet.data, packet.length, place.device->NowUs());
  place.device->Wake();
  return nullptr;
}

napi_value PathWrite(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  View<uint8_t> packet;
  if (!ReadArguments(env, info, 2, arguments) || !ReadBuffer(env, arguments[1], &packet)) return nullptr;
  DevicePath* path = FindPath(env, arguments[0]);
  if (path != nullptr) path->path().WriteAlone(packet.data, packet.length);
  return nullptr;
}

}  // namespace tun
