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
      NoteTick(is_small && packets >= kWorthIt && packets < kMany, now_us);
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
    good_ticks_ = 0;
    bad_ticks_ = 0;
  }

  // Two parties that wait for each other's packets (a request at a time) send one or two a tick: they would be slowed
  // down for nothing. Each time that it was so, it takes twice as long to be tried again.
  void NoteTick(bool is_good, uint64_t now_us) {
    good_ticks_ += is_good ? 1 : 0;
    bad_ticks_ = is_good ? 0 : bad_ticks_ + 1;
    if (bad_ticks_ < kMostBad) return;
    is_paced_ = false;
    streak_ = 0;
    last_us_ = now_us;
    wanted_ = good_ticks_ < kLeastGood ? std::min(wanted_ * 2, kMostWanted) : kLeastWanted;
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
  static constexpr uint32_t kMostBad = 3;
  static constexpr uint32_t kLeastGood = 5;

  uint64_t last_us_ = 0;
  uint32_t streak_ = 0;
  uint32_t wanted_ = kLeastWanted;
  uint32_t good_ticks_ = 0;
  uint32_t bad_ticks_ = 0;
  bool is_paced_ = false;
};

}  // namespace tun
