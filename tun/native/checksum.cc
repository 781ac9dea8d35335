#include "checksum.h"

namespace tun {

namespace {

// 32-bit words into a 64-bit sum: no carry can be lost in a packet, and compilers turn the loop into vector code.
template <bool kCopy>
inline __attribute__((always_inline)) WordSum Sum(uint8_t* target, const uint8_t* bytes, size_t length) {
  WordSum sum = 0;
  size_t i = 0;
  for (; i + 4 <= length; i += 4) {
    uint32_t word;
    std::memcpy(&word, bytes + i, sizeof(word));
    if (kCopy) std::memcpy(target + i, &word, sizeof(word));
    sum += word;
  }
  if (i + 2 <= length) {
    const uint16_t word = LoadWord(bytes + i);
    if (kCopy) StoreWord(target + i, word);
    sum += word;
    i += 2;
  }
  if (i < length) {
    uint16_t word = 0;
    std::memcpy(&word, bytes + i, 1);
    if (kCopy) target[i] = bytes[i];
    sum += word;
  }
  return sum;
}

// The same code for 256-bit registers, chosen at run time: 1400 bytes in 30 ns instead of 57. Not target_clones, which
// needs a C library with ifunc.
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define TUN_HAS_AVX2_VARIANT 1

__attribute__((target("avx2"))) WordSum SumAvx2(const uint8_t* bytes, size_t length) {
  return Sum<false>(nullptr, bytes, length);
}

__attribute__((target("avx2"))) WordSum CopyAndSumAvx2(uint8_t* target, const uint8_t* bytes, size_t length) {
  return Sum<true>(target, bytes, length);
}

bool HasAvx2() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") != 0;
}

const bool kHasAvx2 = HasAvx2();
#endif

// Below this the call and the short loop cost more than they save.
constexpr size_t kWide = 128;

}  // namespace

WordSum SumWords(const uint8_t* bytes, size_t length) {
#ifdef TUN_HAS_AVX2_VARIANT
  if (length >= kWide && kHasAvx2) return SumAvx2(bytes, length);
#endif
  return Sum<false>(nullptr, bytes, length);
}

WordSum CopyAndSum(uint8_t* target, const uint8_t* bytes, size_t length) {
#ifdef TUN_HAS_AVX2_VARIANT
  if (length >= kWide && kHasAvx2) return CopyAndSumAvx2(target, bytes, length);
#endif
  return Sum<true>(target, bytes, length);
}

WordSum PseudoHeaderSum(const uint8_t* ip, bool is_ipv6, uint8_t protocol, size_t length) {
  WordSum sum = is_ipv6 ? SumWords(ip + 8, 32) : SumWords(ip + 12, 8);
  sum += ToWire(protocol);
  sum += ToWire(static_cast<uint16_t>(length >> 16));
  sum += ToWire(static_cast<uint16_t>(length));
  return sum;
}

}  // namespace tun
