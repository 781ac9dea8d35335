#include "path.h"

#include <netinet/in.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "fragment.h"

namespace tun {

namespace {

constexpr size_t kMostSlots = 0xffff;
// Of one turn of the event loop. More would only fill queues faster than their owners can empty them.
constexpr size_t kMostReadBytes = 512 * 1024;
constexpr size_t kMostReads = 512;
// A packet above this stays in the block that it was read into; copying a smaller one costs less than the memory.
constexpr size_t kMostCopied = 16 * 1024;
// RFC 1812 4.3.2.8, RFC 4443 2.4 f: errors about packets that do not fit, ten per second and client.
constexpr uint64_t kTooBigIntervalUs = 100'000;
// Looking for the longest queue takes time, so it gives up this much at once.
constexpr size_t kGiveUpBytes = 128 * 1024;

uint32_t Load32(const uint8_t* bytes) {
  uint32_t value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

uint64_t Load64(const uint8_t* bytes) {
  uint64_t value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

// fe80::/10, RFC 4291 2.5.6
bool IsLinkLocal(const uint8_t* address) { return address[0] == 0xfe && (address[1] & 0xc0) == 0x80; }

template <typename Key>
void RemoveFrom(std::unordered_map<Key, Slot*>* map, Key key, const Slot* slot) {
  const auto found = map->find(key);
  if (found != map->end() && found->second == slot) map->erase(found);
}

template <typename Map>
void RemoveAll(Map* map, const Slot* slot) {
  for (auto at = map->begin(); at != map->end();) at = at->second == slot ? map->erase(at) : std::next(at);
}

template <typename Map, typename Key>
Slot* Lookup(const Map& map, Key key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : found->second;
}

// Neither this network, nor loopback, nor a group, nor broadcast.
bool IsOneHost(const uint8_t* address) { return address[0] != 0 && address[0] != 127 && address[0] < 224; }

// RFC 1122 3.2.2, as `fragmentationNeeded` in ip/icmp.ts has it: DF, a first fragment, single hosts, no ICMP error.
bool MayAnswerIpv4(const SuperPacket& packet) {
  const uint8_t* ip = packet.ip();
  const size_t header = static_cast<size_t>(ip[0] & 0x0f) << 2;
  if ((ip[6] & 0x40) == 0 || (ip[6] & 0x1f) != 0 || ip[7] != 0) return false;
  if (!IsOneHost(ip + 12) || !IsOneHost(ip + 16)) return false;
  if (ip[9] != IPPROTO_ICMP) return true;
  if (header >= packet.ip_length()) return false;
  const uint8_t type = ip[header];
  return type == 0 || type == 8 || (type >= 13 && type <= 18);
}

// RFC 4443 2.4 e, as `packetTooBig` has it: no ICMPv6 error or redirect, and a sender that is a single host.
bool MayAnswerIpv6(const SuperPacket& packet) {
  static constexpr uint8_t kNobody[16] = {};
  const uint8_t* ip = packet.ip();
  if (ip[8] == 0xff || std::memcmp(ip + 8, kNobody, sizeof(kNobody)) == 0) return false;
  if (ip[6] != IPPROTO_ICMPV6) return true;
  return packet.ip_length() > 40 && ip[40] >= 128 && ip[40] != 137;
}

}  // namespace

Path::Path(const PathOptions& options)
    : options_(options), coalescer_(new Coalescer(this, options.coalesce)) {}

Path::~Path() {
  slots_.clear();
  if (scratch_ != nullptr) blocks_.Give(scratch_);
}

Slot* Path::Attach(size_t most_bytes) {
  size_t index = slots_.size();
  if (!free_.empty()) {
    index = static_cast<size_t>(free_.back());
    free_.pop_back();
  } else {
    if (index == kMostSlots) return nullptr;
    slots_.emplace_back();
    generations_.push_back(0);
  }
  generations_[index] = static_cast<uint16_t>((generations_[index] + 1) & 0x7fff);
  slots_[index] = std::make_unique<Slot>(&blocks_, &frames_, most_bytes);
  slots_[index]->id = (int32_t{generations_[index]} << 16) | static_cast<int32_t>(index);
  return slots_[index].get();
}

void Path::Detach(Slot* slot) {
  RemoveAll(&by_ipv4_, slot);
  RemoveAll(&by_prefix_, slot);
  RemoveAll(&by_link_local_, slot);
  if (default_ == slot) default_ = nullptr;
  if (current_ == slot) current_ = nullptr;
  in_writes_ -= slot->in_write;
  const int32_t index = slot->id & 0xffff;
  slots_[static_cast<size_t>(index)].reset();
  free_.push_back(index);
}

Slot* Path::Find(int32_t id) const {
  const size_t index = static_cast<size_t>(id & 0xffff);
  if (id < 0 || index >= slots_.size() || slots_[index] == nullptr || slots_[index]->id != id) return nullptr;
  return slots_[index].get();
}

void Path::AddRoute(int kind, const uint8_t* address, Slot* slot) {
  if (kind == 4) by_ipv4_[Load32(address)] = slot;
  if (kind == 6) by_prefix_[Load64(address)] = slot;
  if (kind == 10) by_link_local_[Load64(address + 8)] = slot;
}

void Path::RemoveRoute(int kind, const uint8_t* address, const Slot* slot) {
  if (kind == 4) RemoveFrom(&by_ipv4_, Load32(address), slot);
  if (kind == 6) RemoveFrom(&by_prefix_, Load64(address), slot);
  if (kind == 10) RemoveFrom(&by_link_local_, Load64(address + 8), slot);
}

Slot* Path::SlotFor(const uint8_t* destination, bool is_ipv6) const {
  if (!is_ipv6) return Lookup(by_ipv4_, Load32(destination));
  if (IsLinkLocal(destination)) return Lookup(by_link_local_, Load64(destination + 8));
  return Lookup(by_prefix_, Load64(destination));
}

int Path::ReadDevice(uint64_t now_us) {
  size_t bytes = 0;
  int error = 0;
  last_reads_ = 0;
  last_bytes_ = 0;
  while (last_reads_ < kMostReads && bytes < kMostReadBytes) {
    Item* item = ReadItem(&error);
    if (item == nullptr) break;
    last_reads_ += 1;
    last_bytes_ += item->packet.ip_length();
    bytes += item->block_bytes;
    Route(item, now_us);
  }
  totals_.reads += last_reads_;
  return error;
}

// The next packet, parsed, in a block of its own; nullptr when there is none now, or with an error.
Item* Path::ReadItem(int* error) {
  while (true) {
    if (scratch_ == nullptr) {
      scratch_ = blocks_.Take(kMaxSuperPacket);
      if (scratch_ == nullptr) {
        *error = ENOMEM;
        return nullptr;
      }
      scratch_bytes_ = scratch_->block_bytes;
    }
    const ssize_t got = read(options_.fd, scratch_->bytes(), kMaxSuperPacket);
    if (got == -1 && errno == EINTR) continue;
    if (got <= 0) {
      if (got == -1 && errno != EAGAIN) *error = errno;
      return nullptr;
    }
    const size_t length = static_cast<size_t>(got);
    Item* item = scratch_;
    if (length <= kMostCopied) {
      item = blocks_.Take(length);
      if (item == nullptr) {
        *error = ENOMEM;
        return nullptr;
      }
      std::memcpy(item->bytes(), scratch_->bytes(), length);
    } else {
      scratch_ = nullptr;
      scratch_bytes_ = 0;
    }
    if (SuperPacket::Parse(item->bytes(), length, options_.has_vnet, &item->packet)) return item;
    totals_.drops_malformed += 1;
    blocks_.Give(item);
  }
}

void Path::Route(Item* item, uint64_t now_us) {
  const SuperPacket& packet = item->packet;
  const uint8_t* destination = packet.destination();
  Slot* slot = default_ != nullptr ? default_ : SlotFor(destination, packet.is_ipv6());
  if (slot != nullptr) {
    Enqueue(slot, item, now_us);
    return;
  }
  // RFC 1112 4 and limited broadcast, RFC 4291 2.7: there is no link to spread these on.
  const bool is_group = packet.is_ipv6() ? destination[0] == 0xff : destination[0] >= 224;
  (is_group ? totals_.drops_group : totals_.drops_unknown) += 1;
  blocks_.Give(item);
}

void Path::Enqueue(Slot* slot, Item* item, uint64_t now_us) {
  SuperPacket& packet = item->packet;
  const bool is_open = packet.is_ipv6() ? slot->is_open6 : slot->is_open4;
  if (!is_open) {
    slot->counters.drops_closed += packet.segments();
    blocks_.Give(item);
    return;
  }
  if (packet.SegmentBytes(0) > slot->mru) {
    if (!Fragment(slot, packet, now_us)) {
      slot->counters.drops_too_big += packet.segments();
      TellTooBig(slot, packet, now_us);
    }
    blocks_.Give(item);
    return;
  }
  packet.ClampMss(std::min(slot->mru, options_.mtu));
  slot->queue.Push(item, now_us);
  KeepBound();
  if (slot->is_armed && !slot->queue.is_empty()) {
    slot->is_armed = false;
    ready_.push_back(slot->id);
  }
}

// False, with nothing queued, unless the packet is IPv4 that may be cut. Each fragment is a packet of its own from here on.
bool Path::Fragment(Slot* slot, const SuperPacket& packet, uint64_t now_us) {
  const bool may_be_cut = !packet.is_ipv6() && (packet.ip()[6] & 0x40) == 0;
  if (!may_be_cut) return false;
  Fragmenter fragmenter;
  for (uint16_t i = 0; i < packet.segments(); i++) {
    uint8_t frame[kFrameHeader + kMaxFramedPacket];
    const size_t length = packet.SegmentBytes(i) > kMaxFramedPacket ? 0 : packet.WriteFrame(i, frame);
    if (length == 0 || !fragmenter.Start(frame + kFrameHeader, length - kFrameHeader, slot->mru)) {
      if (i == 0) return false;
      slot->counters.drops_too_big += 1;
      continue;
    }
    for (size_t bytes = fragmenter.NextBytes(); bytes > 0; bytes = fragmenter.NextBytes()) {
      Item* item = blocks_.Take(bytes);
      if (item == nullptr) return true;  // without memory the rest is lost, as any packet would be
      fragmenter.WriteNext(item->bytes());
      if (!SuperPacket::Parse(item->bytes(), bytes, false, &item->packet)) {
        totals_.drops_malformed += 1;
        blocks_.Give(item);
        continue;
      }
      Enqueue(slot, item, now_us);
    }
  }
  return true;
}

// What is not answered must not use up the answer that another sender waits for.
void Path::TellTooBig(Slot* slot, const SuperPacket& packet, uint64_t now_us) {
  if (now_us < slot->next_too_big_us || events_.size() >= kMostEvents) return;
  if (!(packet.is_ipv6() ? MayAnswerIpv6(packet) : MayAnswerIpv4(packet))) return;
  slot->next_too_big_us = now_us + kTooBigIntervalUs;
  const size_t length = std::min(packet.ip_length(), kMostEventBytes);
  events_.push_back({slot->id, PathEvent::kTooBig, std::string(reinterpret_cast<const char*>(packet.ip()), length)});
}

// The longest queue gives way first: peers that stopped reading must not cost those that read.
void Path::KeepBound() {
  while (memory() > options_.most_bytes) {
    Slot* longest = nullptr;
    for (const auto& slot : slots_) {
      if (slot == nullptr || slot->queue.is_empty()) continue;
      if (longest == nullptr || slot->queue.memory() > longest->queue.memory()) longest = slot.get();
    }
    if (longest == nullptr) return;
    longest->queue.DropLongest(std::min(kGiveUpBytes, longest->queue.memory() / 2 + 1));
  }
}

void Path::Inject(Slot* slot, const uint8_t* bytes, size_t length, uint64_t now_us) {
  if (length == 0 || length > kMaxSuperPacket) return;
  Item* item = blocks_.Take(length);
  if (item == nullptr) return;
  std::memcpy(item->bytes(), bytes, length);
  if (SuperPacket::Parse(item->bytes(), length, false, &item->packet)) {
    Enqueue(slot, item, now_us);
    return;
  }
  totals_.drops_malformed += 1;
  blocks_.Give(item);
}

size_t Path::Pending(Slot* slot, uint64_t now_us) {
  in_writes_ -= slot->in_write;
  slot->in_write = 0;
  slot->is_armed = slot->queue.is_empty();
  if (slot->is_armed) {
    slot->pipe.NoteIdle();
    return 0;
  }
  PipeSample sample;
  if (SamplePipe(slot->fd, &sample) && !slot->pipe.MaySend(sample, now_us)) {
    if (!slot->is_held) held_.push_back(slot->id);
    slot->is_held = true;
    return 0;
  }
  Pace(slot);
  slot->is_held = false;
  return std::min(slot->queue.bytes(), slot->fd < 0 ? size_t{128 * 1024} : slot->pipe.write_bytes());
}

void Path::Pace(Slot* slot) {
  if (slot->pacing.empty()) return;
  if (!slot->is_paced) {
    slot->is_paced = slot->pipe.is_remote();
    if (slot->is_paced) SetCongestionControl(slot->fd, slot->pacing);
  } else if (slot->pipe.is_local()) {
    StopPacing(slot->fd);
    slot->pacing.clear();
  } else if (slot->pipe.TakeRenewal()) {
    RestartPacing(slot->fd, slot->pacing);
  }
}

size_t Path::Take(Slot* slot, uint8_t* out, size_t room, size_t memory, uint64_t now_us) {
  CodelLimits limits;
  limits.target_us = slot->pipe.target_us();
  const size_t most = slot->fd < 0 ? room : std::min(room, slot->pipe.write_bytes());
  const size_t filled = slot->queue.Fill(out, most, now_us, limits);
  if (filled > 0) {
    slot->in_write = memory;
    in_writes_ += memory;
  }
  return filled;
}

bool Path::Release(uint64_t now_us) {
  std::vector<int32_t> again;
  again.swap(held_);
  for (const int32_t id : again) {
    Slot* slot = Find(id);
    if (slot == nullptr || !slot->is_held) continue;
    PipeSample sample;
    if (!slot->queue.is_empty() && SamplePipe(slot->fd, &sample) && !slot->pipe.MaySend(sample, now_us)) {
      held_.push_back(id);
      continue;
    }
    slot->is_held = false;
    ready_.push_back(id);
  }
  return !held_.empty();
}

}  // namespace tun
