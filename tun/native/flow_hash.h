// A hash of addresses, protocol and ports. Only to tell flows apart: no secret, the same in every process of a machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tun {

inline uint64_t MixHash(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15;  // 2^64 divided by the golden ratio
  return hash ^ (hash >> 32);
}

// Both addresses of an IP packet with a whole header. `extra`: ports, a fragment's identification, or 0.
inline uint64_t HashFlow(const uint8_t* ip, bool is_ipv6, uint8_t protocol, uint32_t extra) {
  const uint8_t* addresses = ip + (is_ipv6 ? 8 : 12);
  const size_t words = is_ipv6 ? 4 : 1;
  uint64_t hash = is_ipv6 ? 6 : 4;
  for (size_t i = 0; i < words; i++) {
    uint64_t word;
    std::memcpy(&word, addresses + 8 * i, sizeof(word));
    hash = MixHash(hash, word);
  }
  return MixHash(hash, (static_cast<uint64_t>(protocol) << 32) | extra);
}

}  // namespace tun
