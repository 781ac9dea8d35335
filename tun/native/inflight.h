// How much may be on its way to one peer: enough to fill its path, not more, so that the queue stands here, where it is
// managed, and not in the first router (tcp(7), linux/tcp.h: struct tcp_info).
#pragma once

#include <cstddef>
#include <cstdint>

namespace tun {

// What TCP says of a connection, in our units.
struct PipeSample {
  uint64_t in_pipe = 0;        // bytes sent and not yet delivered, lost ones not counted, and those not yet sent
  uint64_t rate = 0;           // bytes per second that were delivered lately; 0 if not known
  uint32_t rtt_us = 0;         // smoothed
  uint32_t min_rtt_us = 0;     // 0 if not known
  uint32_t mss = 1448;
  uint32_t window = 1000;  // congestion window, in segments
  bool has_probed_min_rtt = false;  // min_rtt_us is renewed by the congestion control itself (BBR)
};

// The arithmetic, without a socket.
class PipeModel {
 public:
  // Takes a sample; whether more may be written now.
  bool MaySend(const PipeSample& sample, uint64_t now_us);
  // Bytes for one write, at least one whole frame (4095).
  size_t write_bytes() const { return write_bytes_; }
  // CoDel's target: at least the time that two frames take on this path.
  uint64_t target_us() const { return target_us_; }
  uint64_t cap() const { return cap_; }
  uint64_t best_rate() const { return best_rate_; }
  uint32_t base_rtt_us() const { return base_rtt_us_; }

 private:
  void NoteRate(uint64_t rate, uint64_t now_us);
  void NoteRtt(const PipeSample& sample, uint64_t now_us);
  void Adapt(const PipeSample& sample, uint64_t now_us);

  static constexpr int kRateSlots = 4;
  static constexpr int kRttSlots = 2;

  uint64_t rates_[kRateSlots] = {};  // best of each half second
  uint64_t rate_slot_ = 0;
  uint64_t best_rate_ = 0;
  uint32_t rtts_[kRttSlots] = {};  // least of each five seconds; 0 if none
  uint64_t rtt_slot_ = 0;
  uint32_t base_rtt_us_ = 0;
  uint64_t drain_until_us_ = 0;
  uint64_t next_adapt_us_ = 0;
  uint32_t gain_ = 256;  // 256 is 1
  bool was_held_ = false;
  uint64_t cap_ = 32 * 1024;
  size_t write_bytes_ = 16 * 1024;
  uint64_t target_us_ = 5'000;
};

// Reads TCP_INFO of a socket. False if it is none.
bool SamplePipe(int fd, PipeSample* sample);

// TCP_NOTSENT_LOWAT, and the congestion control unless `name` is empty. 0, or the errno of what failed first.
int PrepareSocket(int fd, const char* congestion_control);

}  // namespace tun
