// What the fuzz targets share. A broken promise of the engine traps, also in builds without assertions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

namespace tun {

inline void Require(bool holds) {
  if (!holds) __builtin_trap();
}

// Memory of exactly this size, so that AddressSanitizer sees each byte read or written too many.
inline std::unique_ptr<uint8_t[]> Exactly(const uint8_t* bytes, size_t length) {
  std::unique_ptr<uint8_t[]> copy(new uint8_t[length]);
  if (length > 0) std::memcpy(copy.get(), bytes, length);
  return copy;
}

}  // namespace tun
