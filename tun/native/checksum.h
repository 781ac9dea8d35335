// The Internet checksum (RFC 1071). Sums are of 16-bit words as they lie in memory, in either byte order (RFC 1071 2 B):
// what is folded is stored back as it is, nothing is ever swapped. Numbers that are not in memory go in through ToWire.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tun {

// An unfolded sum; exact for what a packet can hold, so that sums of parts may simply be added. Each part but the last
// has an even length.
using WordSum = uint64_t;

// Sum of bytes[0, length); an odd last byte counts as if a zero byte followed.
WordSum SumWords(const uint8_t* bytes, size_t length);

// The same sum while copying to `target`, which does not overlap.
WordSum CopyAndSum(uint8_t* target, const uint8_t* bytes, size_t length);

// The sum as a word of memory, not complemented: what a partial checksum holds.
inline uint16_t FoldSum(WordSum sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

// What belongs into a checksum field, as a word of memory; over a message with its right checksum inside it is 0.
inline uint16_t FinishSum(WordSum sum) { return static_cast<uint16_t>(~FoldSum(sum)); }

// Numbers of the wire, at any alignment.
inline uint16_t LoadWord(const uint8_t* bytes) {  // as it lies in memory
  uint16_t word;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}
inline void StoreWord(uint8_t* bytes, uint16_t word) { std::memcpy(bytes, &word, sizeof(word)); }
inline uint16_t Load16(const uint8_t* bytes) { return static_cast<uint16_t>((bytes[0] << 8) | bytes[1]); }
inline uint32_t Load32(const uint8_t* bytes) {
  return (static_cast<uint32_t>(bytes[0]) << 24) | (static_cast<uint32_t>(bytes[1]) << 16) |
         (static_cast<uint32_t>(bytes[2]) << 8) | bytes[3];
}
inline void Store16(uint8_t* bytes, uint16_t value) {
  bytes[0] = static_cast<uint8_t>(value >> 8);
  bytes[1] = static_cast<uint8_t>(value);
}
inline void Store32(uint8_t* bytes, uint32_t value) {
  Store16(bytes, static_cast<uint16_t>(value >> 16));
  Store16(bytes + 2, static_cast<uint16_t>(value));
}
inline uint16_t ToWire(uint16_t value) {
  uint8_t bytes[2];
  Store16(bytes, value);
  return LoadWord(bytes);
}

// Sum of the pseudo-header of RFC 9293 3.1 or RFC 8200 8.1 of the IP packet at `ip`, which holds its addresses.
WordSum PseudoHeaderSum(const uint8_t* ip, bool is_ipv6, uint8_t protocol, size_t length);

}  // namespace tun
