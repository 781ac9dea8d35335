// How much may be on its way to one peer: enough to fill its path, not more, so that the queue stands here, where it is
// managed, and not in the first router (tcp(7), linux/tcp.h: struct tcp_info).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

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
  uint32_t tcp_min_rtt_us = 0;      // what TCP knows for itself, of the last five minutes
  bool is_repairing = false;        // what was lost
};

constexpr uint32_t kLocalRttUs = 2'000;

// The arithmetic, without a socket.
class PipeModel {
 public:
  // Takes a sample; whether more may be written now.
  bool MaySend(const PipeSample& sample, uint64_t now_us);
  // There was nothing to send: what is delivered meanwhile tells nothing of the path.
  void NoteIdle() { is_window_busy_ = false; }
  // Faster than kLocalRate, and nearer than kLocalRttUs: a local network.
  bool is_local() const { return best_rate_ > kLocalRate && base_rtt_us_ > 0 && base_rtt_us_ < kLocalRttUs; }
  // It is further away, or has been kept busy for half a second without getting fast.
  bool is_remote() const { return base_rtt_us_ >= kLocalRttUs || slow_windows_ >= kEnoughSlowWindows; }
  // Once, when BBR need not probe the round trip because this has just seen that it is still the same: see Renew.
  bool TakeRenewal() { return std::exchange(wants_renewal_, false); }
  // Bytes for one write, at least one whole frame (4095).
  size_t write_bytes() const { return write_bytes_; }
  // CoDel's target: at least the time that two frames take on this path.
  uint64_t target_us() const { return target_us_; }
  uint64_t cap() const { return cap_; }
  uint64_t best_rate() const { return best_rate_; }
  uint32_t base_rtt_us() const { return base_rtt_us_; }

 private:
  // There is more queue than the cap would make, or the path is another one.
  bool IsQueued(const PipeSample& sample) const;
  // By BBR, on a path where that matters.
  bool IsProbed(const PipeSample& sample) const;
  uint64_t Measure(const PipeSample& sample, uint64_t now_us);
  void NoteRate(uint64_t rate, uint64_t now_us);
  void NoteRtt(const PipeSample& sample, uint64_t now_us);
  void Adapt(const PipeSample& sample, uint64_t now_us);
  void Probe(const PipeSample& sample, uint64_t now_us);
  void Renew(const PipeSample& sample, uint64_t now_us);
  void Spare(const PipeSample& sample, uint64_t now_us);

  static constexpr uint64_t kLocalRate = 125'000'000;  // 1 Gbit/s
  static constexpr uint32_t kEnoughSlowWindows = 50;
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
  uint32_t slow_windows_ = 0;    // full ones, slower than kLocalRate, one after the other
  uint64_t queued_since_us_ = 0;
  uint64_t probe_until_us_ = 0;
  uint32_t probe_rtt_us_ = 0;   // before the probe
  uint32_t raised_rtt_us_ = 0;  // what the path takes at least, by a probe; 0 without one
  uint64_t retest_us_ = 0;
  uint64_t renewed_us_ = 0;     // when BBR last had reason to believe in its round trip
  uint64_t look_until_us_ = 0;  // for what is kept back to drain the path; 0 when nothing is
  bool wants_renewal_ = false;
  uint64_t changed_since_us_ = 0;  // the path has a queue that is not of our making, or is another one; 0 if not
  uint64_t spares_until_us_ = 0;   // CoDel drops nothing
  uint64_t next_adapt_us_ = 0;
  // 256 is 1. Two until a queue has been seen: a window that doubles each round trip is not held back.
  uint32_t gain_ = 512;
  bool was_held_ = false;
  uint64_t cap_ = 32 * 1024;
  size_t write_bytes_ = 16 * 1024;
  uint64_t target_us_ = 5'000;
};

// Whether a congestion control spreads segments by a timer. In a local network that gains nothing, and costs a fifth of
// the sender's time.
bool Paces(const std::string& congestion_control);

// Leaves a congestion control that paces. The kernel does not take the timer back from a socket that has had one, but
// the rate that it goes by is higher then. So it is better not to choose one before it is known to be of use.
void StopPacing(int fd);

// Makes BBR begin anew, with the round trip that TCP knows and the window as it is.
void RestartPacing(int fd, const std::string& congestion_control);

// Reads TCP_INFO of a socket. False if it is none.
bool SamplePipe(int fd, PipeSample* sample);

// 0, or the errno of what failed.
int SetNotSentLowat(int fd);
int SetCongestionControl(int fd, const std::string& name);

}  // namespace tun
