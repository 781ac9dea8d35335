// When to read a device: at once, as single packets should be, or every millisecond or two, when small packets come so
// often that waking up for each costs more than all that is done with it. NICs do the same with their interrupts. At
// 10,000 packets of 64 bytes a second a packet then costs a third of the server's CPU, at 50,000 two fifths.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace tun {

class ReadPacer {
 public:
  // One turn's reading is over; `written` are bytes written to the device since the last one. Milliseconds until the
  // next one; 0: when there is a packet.
  uint64_t Note(size_t packets, size_t bytes, size_t written, uint64_t now_us) {
    // Acknowledgements of a stream are small as well, but what they are late by the stream is slower.
    const bool is_small = bytes <= packets * kSmall && written <= kMostOpposite * bytes;
    if (is_paced_) {
      NoteTick(is_small ? packets : 0, now_us);
    } else {
      NoteWake(is_small && packets <= kFew, now_us);
    }
    if (!is_paced_) return 0;
    return packets < kForOneMs ? 2 : 1;
  }

 private:
  void NoteWake(bool is_few, uint64_t now_us) {
    const bool is_often = is_few && now_us - last_us_ < kOftenUs;
    last_us_ = now_us;
    streak_ = is_often ? streak_ + 1 : streak_ / 2;
    if (streak_ < wanted_) return;
    is_paced_ = true;
    since_us_ = now_us;
    idle_ticks_ = 0;
  }

  // Two parties that wait for each other's packets (a request at a time) send one or two a tick: they would be slowed
  // down for nothing. Each time that it was so, it takes twice as long to be tried again.
  void NoteTick(size_t packets, uint64_t now_us) {
    idle_ticks_ = packets >= kWorthIt && packets < kMany ? 0 : idle_ticks_ + 1;
    if (idle_ticks_ < 2) return;
    is_paced_ = false;
    streak_ = 0;
    last_us_ = now_us;
    wanted_ = now_us - since_us_ < kLastedUs ? std::min(wanted_ * 2, kMostWanted) : kLeastWanted;
  }

  static constexpr uint64_t kOftenUs = 500;
  static constexpr size_t kFew = 16;
  static constexpr size_t kSmall = 300;
  static constexpr size_t kMostOpposite = 4;
  static constexpr size_t kWorthIt = 4;
  static constexpr size_t kForOneMs = 48;  // of one tick: the device's queue is not endless
  static constexpr size_t kMany = 400;  // as many come together without waiting
  static constexpr uint32_t kLeastWanted = 64;
  static constexpr uint32_t kMostWanted = 8192;
  static constexpr uint64_t kLastedUs = 100'000;

  uint64_t last_us_ = 0;
  uint64_t since_us_ = 0;
  uint32_t streak_ = 0;
  uint32_t wanted_ = kLeastWanted;
  uint32_t idle_ticks_ = 0;
  bool is_paced_ = false;
};

}  // namespace tun
