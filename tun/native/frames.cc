#include "frames.h"

#include <cstring>
#include <new>

#include "checksum.h"

namespace tun {

namespace {

constexpr uint8_t kVersion = 0x10;
constexpr size_t kPacketHeader = 4;   // MS-SSTP 2.2.1
constexpr size_t kControlHeader = 8;  // MS-SSTP 2.2.2

bool IsControl(const uint8_t* packet) { return (packet[1] & 0x01) == 1; }

}  // namespace

FramePool::~FramePool() {
  Recycle();
  while (free_ != nullptr) {
    Slot* slot = free_;
    free_ = slot->next;
    delete slot;
  }
}

void FramePool::Recycle() {
  while (retired_ != nullptr) {
    Slot* slot = retired_;
    retired_ = slot->next;
    Give(slot);
  }
}

FramePool::Slot* FramePool::Take() {
  if (free_ == nullptr) return new (std::nothrow) Slot;
  Slot* slot = free_;
  free_ = slot->next;
  free_count_ -= 1;
  return slot;
}

void FramePool::Give(Slot* slot) {
  if (free_count_ == kMostFree) {
    delete slot;
    return;
  }
  slot->next = free_;
  free_ = slot;
  free_count_ += 1;
}

void FramePool::Retire(Slot* slot) {
  slot->next = retired_;
  retired_ = slot;
}

FrameSplitter::~FrameSplitter() { Stop(); }

void FrameSplitter::Stop() {
  stopped_ = true;
  held_ = 0;
  if (partial_ != nullptr) pool_->Retire(partial_);  // a sink that calls this may still look at the packet
  partial_ = nullptr;
}

SplitResult FrameSplitter::Push(uint8_t* chunk, size_t length, FrameSink* sink, size_t* taken) {
  *taken = 0;
  if (partial_ != nullptr) {
    const SplitResult result = FinishPartial(chunk, length, sink, taken);
    if (result != SplitResult::kDone) return result;
  }
  size_t offset = *taken;
  while (!stopped_ && length - offset >= kPacketHeader) {
    size_t packet = 0;
    const SplitResult header = CheckHeader(chunk + offset, &packet);
    if (header != SplitResult::kDone) return Fail(header);
    if (length - offset < packet) break;
    offset += packet;
    *taken = offset;
    if (Deliver(chunk + offset - packet, packet, sink) == NextStep::kPause) return SplitResult::kPaused;
  }
  *taken = length;
  if (stopped_ || offset == length) return SplitResult::kDone;
  partial_ = pool_->Take();
  if (partial_ == nullptr) return Fail(SplitResult::kNoMemory);
  held_ = length - offset;
  std::memcpy(partial_->bytes, chunk + offset, held_);
  return SplitResult::kDone;
}

// Takes from the chunk what the packet begun earlier lacks: first of its header, then of the rest.
SplitResult FrameSplitter::FinishPartial(uint8_t* chunk, size_t length, FrameSink* sink, size_t* taken) {
  size_t packet = kPacketHeader;
  for (bool has_header = held_ >= kPacketHeader;; has_header = true) {
    if (has_header) {
      const SplitResult header = CheckHeader(partial_->bytes, &packet);
      if (header != SplitResult::kDone) return Fail(header);
    }
    const size_t missing = packet - held_;
    const size_t some = missing < length - *taken ? missing : length - *taken;
    if (some > 0) std::memcpy(partial_->bytes + held_, chunk + *taken, some);
    held_ += some;
    *taken += some;
    if (held_ < packet) return SplitResult::kDone;
    if (has_header) break;
  }
  FramePool::Slot* slot = partial_;
  partial_ = nullptr;
  held_ = 0;
  pool_->Retire(slot);  // before the call: the sink may stop us
  return Deliver(slot->bytes, packet, sink) == NextStep::kPause ? SplitResult::kPaused : SplitResult::kDone;
}

SplitResult FrameSplitter::Fail(SplitResult reason) {
  Stop();
  return reason;
}

// Reserved bits are ignored (MS-SSTP 2.2.1).
SplitResult FrameSplitter::CheckHeader(const uint8_t* header, size_t* packet_length) const {
  if (header[0] != kVersion) return SplitResult::kBadVersion;
  *packet_length = Load16(header + 2) & 0x0fff;
  return *packet_length < (IsControl(header) ? kControlHeader : kPacketHeader) ? SplitResult::kBadLength
                                                                              : SplitResult::kDone;
}

NextStep FrameSplitter::Deliver(uint8_t* packet, size_t length, FrameSink* sink) {
  if (IsControl(packet)) return sink->OnControl(packet, length);
  uint8_t* frame = packet + kPacketHeader;
  const size_t frame_length = length - kPacketHeader;
  const size_t protocol_at = frame_length >= 2 && frame[0] == 0xff && frame[1] == 0x03 ? 2 : 0;
  if (frame_length < protocol_at + 2) {
    sink->OnShortFrame();
    return NextStep::kContinue;
  }
  const uint16_t protocol = Load16(frame + protocol_at);
  if (protocol != 0x0021 && protocol != 0x0057) return sink->OnPpp(frame, frame_length);
  sink->OnIp(frame + protocol_at + 2, frame_length - protocol_at - 2, protocol == 0x0057);
  return NextStep::kContinue;
}

}  // namespace tun
