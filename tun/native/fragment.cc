#include "fragment.h"

#include <algorithm>
#include <cstring>

#include "checksum.h"

namespace tun {

namespace {

constexpr size_t kHeader = 20;
constexpr uint16_t kDoNotFragment = 0x4000;
constexpr uint16_t kMoreFragments = 0x2000;
constexpr uint16_t kOffset = 0x1fff;
constexpr uint8_t kEndOfOptions = 0;
constexpr uint8_t kNoOperation = 1;
constexpr uint8_t kCopied = 0x80;

// RFC 791 3.1: the options with the copied flag, padded to whole words. What makes no sense ends the list.
size_t CopyOptions(const uint8_t* options, size_t length, uint8_t* out) {
  size_t filled = 0;
  size_t at = 0;
  while (at < length && options[at] != kEndOfOptions) {
    if (options[at] == kNoOperation) {
      at += 1;
      continue;
    }
    if (length - at < 2 || options[at + 1] < 2 || options[at + 1] > length - at) break;
    const size_t size = options[at + 1];
    if ((options[at] & kCopied) != 0) {
      std::memcpy(out + filled, options + at, size);
      filled += size;
    }
    at += size;
  }
  while (filled % 4 != 0) out[filled++] = kEndOfOptions;
  return filled;
}

}  // namespace

bool Fragmenter::Start(const uint8_t* packet, size_t length, size_t mtu) {
  if (length < kHeader || packet[0] >> 4 != 4) return false;
  const size_t header = static_cast<size_t>(packet[0] & 0x0f) << 2;
  const uint16_t word = Load16(packet + 6);
  if (header < kHeader || header >= length || (word & kDoNotFragment) != 0 || mtu < header + 8) return false;
  const size_t payload = length - header;
  if ((word & kOffset) * size_t{8} + payload > 65535) return false;
  packet_ = packet;
  mtu_ = mtu;
  header_ = header;
  payload_ = payload;
  position_ = 0;
  rest_header_ = kHeader + CopyOptions(packet + kHeader, header - kHeader, rest_options_);
  return true;
}

size_t Fragmenter::PayloadBytes() const {
  const size_t header = position_ == 0 ? header_ : rest_header_;
  const size_t left = payload_ - position_;
  return left <= mtu_ - header ? left : (mtu_ - header) & ~size_t{7};
}

size_t Fragmenter::NextBytes() const {
  if (position_ == payload_) return 0;
  return (position_ == 0 ? header_ : rest_header_) + PayloadBytes();
}

void Fragmenter::WriteNext(uint8_t* out) {
  const size_t header = position_ == 0 ? header_ : rest_header_;
  const size_t bytes = PayloadBytes();
  std::memcpy(out, packet_, kHeader);
  if (position_ == 0) {
    std::memcpy(out + kHeader, packet_ + kHeader, header - kHeader);
  } else {
    std::memcpy(out + kHeader, rest_options_, header - kHeader);
  }
  std::memcpy(out + header, packet_ + header_ + position_, bytes);
  const uint16_t before = Load16(packet_ + 6);
  const bool is_last = position_ + bytes == payload_;
  const auto offset = static_cast<uint16_t>((before & kOffset) + position_ / 8);
  const auto flags = static_cast<uint16_t>(is_last ? before & kMoreFragments : kMoreFragments);
  out[0] = static_cast<uint8_t>(0x40 | header / 4);
  Store16(out + 2, static_cast<uint16_t>(header + bytes));
  Store16(out + 6, static_cast<uint16_t>((before & ~(kMoreFragments | kOffset)) | flags | offset));
  Store16(out + 10, 0);
  StoreWord(out + 10, FinishSum(SumWords(out, header)));
  position_ += bytes;
}

}  // namespace tun
