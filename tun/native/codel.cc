#include "codel.h"

#include <cmath>

namespace tun {

namespace {

// RFC 8289 5.4: never drop the last thing that waits.
constexpr size_t kLeastBacklog = 1514;

}  // namespace

// RFC 8289 5.5 (dodequeue).
bool Codel::IsAbove(uint64_t sojourn_us, size_t backlog, uint64_t now_us, const CodelLimits& limits) {
  if (sojourn_us < limits.target_us || backlog <= kLeastBacklog) {
    first_above_us_ = 0;
    return false;
  }
  if (first_above_us_ == 0) {
    first_above_us_ = now_us + limits.interval_us;
    return false;
  }
  return now_us >= first_above_us_;
}

// RFC 8289 5.3: the interval shrinks with the square root of the drops.
uint64_t Codel::NextDrop(uint64_t from_us, const CodelLimits& limits) const {
  return from_us + static_cast<uint64_t>(static_cast<double>(limits.interval_us) / std::sqrt(count_));
}

// RFC 8289 5.6 (dequeue), turned inside out: the caller's loop over frames is the loop there.
bool Codel::ShouldDrop(uint64_t sojourn_us, size_t backlog, uint64_t now_us, const CodelLimits& limits) {
  const bool is_above = IsAbove(sojourn_us, backlog, now_us, limits);
  if (is_dropping_) {
    if (!is_above) {
      is_dropping_ = false;
      return false;
    }
    if (now_us < next_drop_us_) return false;
    count_ += 1;
    next_drop_us_ = NextDrop(next_drop_us_, limits);
    return true;
  }
  if (!is_above) return false;
  is_dropping_ = true;
  // A dropping state that follows soon after another goes on at about its rate.
  const uint32_t delta = count_ - last_count_;
  const bool is_recent = now_us < next_drop_us_ + 16 * limits.interval_us;
  count_ = delta > 1 && is_recent ? delta : 1;
  next_drop_us_ = NextDrop(now_us, limits);
  last_count_ = count_;
  return true;
}

}  // namespace tun
