// CoDel, RFC 8289: decides frame by frame, at the head of a queue, which to drop, or where the sender takes that for the
// same to mark (RFC 3168), so that what waits does not stand.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tun {

struct CodelLimits {
  uint64_t target_us = 5'000;      // RFC 8289 4.3: standing delay that is taken
  uint64_t interval_us = 100'000;  // 4.2: about the longest round trip of what is inside
};

class Codel {
 public:
  // Asked once for each frame at the head. `backlog` are the bytes that wait, this frame included.
  bool ShouldDrop(uint64_t sojourn_us, size_t backlog, uint64_t now_us, const CodelLimits& limits);

 private:
  bool IsAbove(uint64_t sojourn_us, size_t backlog, uint64_t now_us, const CodelLimits& limits);
  uint64_t NextDrop(uint64_t from_us, const CodelLimits& limits) const;

  uint64_t first_above_us_ = 0;  // when the delay will have been too long for an interval; 0 while it is not
  uint64_t next_drop_us_ = 0;
  uint32_t count_ = 0;  // drops since this dropping state began
  uint32_t last_count_ = 0;
  bool is_dropping_ = false;
};

}  // namespace tun
