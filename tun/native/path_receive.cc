// The other half of path.h: from a client to the device.
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "path.h"

namespace tun {

namespace {

// Whether the first `bits` bits of both are the same.
bool IsIn(const uint8_t* address, const uint8_t* network, uint8_t bits) {
  const size_t whole = bits / 8;
  if (std::memcmp(address, network, whole) != 0) return false;
  return bits % 8 == 0 || ((address[whole] ^ network[whole]) >> (8 - bits % 8)) == 0;
}

}  // namespace

Receipt Path::Receive(Slot* slot, uint8_t* chunk, size_t length) {
  current_ = slot;
  receipt_ = Receipt();
  switch (slot->splitter.Push(chunk, length, this, &receipt_.taken)) {
    case SplitResult::kDone:
    case SplitResult::kPaused:
      break;
    case SplitResult::kBadVersion:
      receipt_.kind = Decide::kBadVersion;
      break;
    case SplitResult::kBadLength:
      receipt_.kind = Decide::kBadLength;
      break;
    case SplitResult::kNoMemory:
      receipt_.kind = Decide::kNoMemory;
      break;
  }
  current_ = nullptr;
  return receipt_;
}

void Path::EndBatch() {
  coalescer_->Flush();
  frames_.Recycle();
}

void Path::OnIp(uint8_t* packet, size_t length, bool is_ipv6) {
  receipt_.frames += 1;
  Slot* slot = current_;
  if (is_ipv6 ? !slot->is_open6 : !slot->is_open4) {
    slot->counters.drops_closed += 1;
    return;
  }
  Verdict verdict;
  if (slot->is_from_server) {
    verdict = is_ipv6 ? JudgeIpv6FromServer(packet, length) : JudgeIpv4FromServer(packet, length);
  } else {
    verdict = is_ipv6 ? JudgeIpv6(packet, length, slot->client6) : JudgeIpv4(packet, length, slot->address4);
  }
  if (verdict == Verdict::kForward) {
    Forward(packet, is_ipv6 ? Ipv6Length(packet) : Ipv4Length(packet), is_ipv6);
  } else {
    Refuse(verdict, packet, length);
  }
}

bool Path::IsClient(const uint8_t* destination, bool is_ipv6) const {
  if (SlotFor(destination, is_ipv6) != nullptr) return true;
  for (const ClientNetwork& one : networks_) {
    if (one.is_ipv6 == is_ipv6 && IsIn(destination, one.network, one.prefix_length) &&
        !IsIn(destination, one.own, one.own_prefix_length)) {
      return true;
    }
  }
  return false;
}

void Path::Forward(uint8_t* packet, size_t length, bool is_ipv6) {
  Slot* slot = current_;
  if (options_.isolates && IsClient(packet + (is_ipv6 ? 24 : 16), is_ipv6)) {
    slot->counters.drops_isolated += 1;
    return;
  }
  ClampMss(packet, length, std::min(slot->mru, options_.mtu));
  coalescer_->Add(packet, length);
  slot->counters.packets_in += 1;
  slot->counters.bytes_in += length;
  written_ += length;
}

void Path::Refuse(Verdict verdict, const uint8_t* packet, size_t length) {
  SlotCounters& counters = current_->counters;
  switch (verdict) {
    case Verdict::kForward:
      break;
    case Verdict::kDropSource:
      counters.drops_source += 1;
      break;
    case Verdict::kDropDestination:
      counters.drops_destination += 1;
      break;
    case Verdict::kDropMalformed:
      counters.drops_malformed += 1;
      break;
    case Verdict::kDropGroup:
      counters.drops_group += 1;
      break;
    case Verdict::kLinkScope:
      counters.packets_link_local += 1;
      if (events_.size() >= kMostEvents) break;
      length = std::min(std::min(length, Ipv6Length(packet)), kMostEventBytes);
      events_.push_back(
          {current_->id, PathEvent::kLinkLocal, std::string(reinterpret_cast<const char*>(packet), length)});
      break;
  }
}

NextStep Path::OnControl(uint8_t* packet, size_t length) {
  receipt_.frames += 1;
  receipt_.kind = Decide::kControl;
  receipt_.frame = packet;
  receipt_.frame_length = length;
  return NextStep::kPause;
}

NextStep Path::OnPpp(uint8_t* frame, size_t length) {
  receipt_.frames += 1;
  receipt_.kind = Decide::kPpp;
  receipt_.frame = frame;
  receipt_.frame_length = length;
  return NextStep::kPause;
}

void Path::OnShortFrame() {
  receipt_.frames += 1;
  current_->counters.drops_malformed += 1;
}

void Path::WritePacket(const struct iovec* parts, int count) {
  ssize_t result = 0;
  do {
    result = writev(options_.fd, parts, count);
  } while (result == -1 && errno == EINTR);
  // What the kernel does not take (its queue is full, the device down, no IP packet) must not stop what is behind it.
  (result == -1 ? totals_.write_drops : totals_.writes) += 1;
}

void Path::WriteAlone(const uint8_t* packet, size_t length) {
  uint8_t header[kVnetHeader] = {};
  const struct iovec parts[2] = {{header, sizeof(header)}, {const_cast<uint8_t*>(packet), length}};
  if (options_.has_vnet) {
    WritePacket(parts, 2);
  } else {
    WritePacket(parts + 1, 1);
  }
}

}  // namespace tun
