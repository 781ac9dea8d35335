// How much may be on its way to one peer: enough to fill its path, not more, so that the queue stands here, where it is
// managed, and not in the first router (tcp(7), linux/tcp.h: struct tcp_info).
#pragma once

#include <cstddef>
#include <cstdint>

namespace tun {

// What TCP says of a connection, in our units.
struct PipeSample {
  uint64_t in_pipe = 0;        // bytes sent and not yet delivered, lost ones not counted, and those not yet sent
  uint64_t rate = 0;           // TCP's own figure of bytes per second delivered; 0 if not known
  uint64_t delivered = 0;      // bytes in all; 0 if not known
  uint32_t sent = 0;           // segments in all, again ones included
  uint32_t sent_again = 0;     // segments in all
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
  // There was nothing to send: what is delivered meanwhile tells nothing of the path.
  void NoteIdle() { is_window_busy_ = false; }
  // More than 1 Gbit/s and less than 2 ms: a local network.
  bool is_local() const { return best_rate_ > 125'000'000 && base_rtt_us_ > 0 && base_rtt_us_ < 2'000; }
  // Bytes for one write, at least one whole frame (4095).
  size_t write_bytes() const { return write_bytes_; }
  // CoDel's target: at least the time that two frames take on this path.
  uint64_t target_us() const { return target_us_; }
  uint64_t cap() const { return cap_; }
  uint64_t best_rate() const { return best_rate_; }
  uint32_t base_rtt_us() const { return base_rtt_us_; }

 private:
  uint64_t Measure(const PipeSample& sample, uint64_t now_us);
  void NoteRate(uint64_t rate, uint64_t now_us);
  void NoteRtt(const PipeSample& sample, uint64_t now_us);
  void Adapt(const PipeSample& sample, uint64_t now_us);
  void Probe(const PipeSample& sample, uint64_t now_us);

  static constexpr int kRateSlots = 4;
  static constexpr int kRttSlots = 2;

  uint64_t rates_[kRateSlots] = {};  // best of each quarter of a second
  uint64_t rate_slot_ = 0;
  uint64_t best_rate_ = 0;
  uint32_t rtts_[kRttSlots] = {};  // least of each five seconds; 0 if none
  uint64_t rtt_slot_ = 0;
  uint32_t base_rtt_us_ = 0;
  uint64_t drain_until_us_ = 0;
  uint64_t window_start_us_ = 0;  // of the measurement under way
  uint64_t window_delivered_ = 0;
  uint32_t window_sent_ = 0;
  uint32_t window_sent_again_ = 0;
  bool had_loss_ = false;  // in the last window
  uint64_t lossy_until_us_ = 0;
  bool is_window_busy_ = false;    // there was always more to send than the cap let through
  bool is_window_queued_ = false;  // there was always a queue in the path
  uint32_t full_windows_ = 0;    // so far
  uint64_t queued_since_us_ = 0;
  uint64_t probe_until_us_ = 0;
  uint32_t probe_rtt_us_ = 0;   // before the probe
  uint32_t raised_rtt_us_ = 0;  // what the path takes at least, by a probe; 0 without one
  uint64_t retest_us_ = 0;
  uint64_t next_adapt_us_ = 0;
  uint32_t gain_ = 256;  // 256 is 1
  bool was_held_ = false;
  uint64_t cap_ = 32 * 1024;
  size_t write_bytes_ = 16 * 1024;
  uint64_t target_us_ = 5'000;
};

// Leaves the pacing of a congestion control such as BBR, whose timers cost a third of the rate where there is nothing to
// be gained by it.
void StopPacing(int fd);

// Reads TCP_INFO of a socket. False if it is none.
bool SamplePipe(int fd, PipeSample* sample);

// TCP_NOTSENT_LOWAT, and the congestion control unless `name` is empty. 0, or the errno of what failed first.
int PrepareSocket(int fd, const char* congestion_control);

}  // namespace tun
