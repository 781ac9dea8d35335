#include "inflight.h"

#include <linux/inet_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tun {

namespace {

constexpr uint64_t kRateSlotUs = 250'000;
constexpr uint64_t kRttSlotUs = 5'000'000;
// Delay that we allow ourselves in the path: without any, one late acknowledgement leaves the line idle.
constexpr uint64_t kSlackUs = 5'000;
constexpr uint64_t kLossySlackUs = 14'000;
// One segment of so many is lost: not what a full router now and then costs.
constexpr uint32_t kLossyShare = 500;
constexpr uint64_t kLossyUs = 2'000'000;
constexpr size_t kLeastWrite = 4096;  // one frame of 4095
constexpr size_t kMostWrite = 128 * 1024;
constexpr uint64_t kWriteUs = 2'000;  // of line in one write, which is also one TLS record or a few
constexpr uint64_t kCodelTargetUs = 5'000;
// What may wait unsent inside the kernel, below everything that we manage.
constexpr int kNotSentBytes = 32 * 1024;
constexpr uint32_t kOne = 256;
// BBR measures the round trip for 200 ms with a window of four segments (PROBE_RTT), each ten seconds. What was written
// meanwhile would wait unsent in the kernel, and every ping behind it.
constexpr uint32_t kLeastWindow = 4;
// A measurement of the rate lasts two round trips and so long at least.
constexpr uint64_t kLeastMeasureUs = 10'000;
// BBR probes when it has not seen a round trip as short as its least for ten seconds. We look earlier, and for less time.
constexpr uint64_t kRenewUs = 5'000'000;
constexpr uint32_t kSameRttUs = 1'000;
// Longer is no accident, so that CoDel has to do something about it.
constexpr uint64_t kMostSparedUs = 1'000'000;
constexpr uint64_t kSparedTargetUs = 1'000'000;
// From so many on, our own figure is better than TCP's, which is a maximum as long as we and not the window hold back.
constexpr uint32_t kEnoughWindows = 4;
// A queue that stands for so long although we send no more than the path takes: ours, or is the path another one?
constexpr uint64_t kStandingUs = 400'000;
// A round trip that a probe has found is looked at again.
constexpr uint64_t kRetestUs = 2'000'000;

}  // namespace

bool PipeModel::IsQueued(const PipeSample& sample) const { return sample.rtt_us > base_rtt_us_ + 2 * kSlackUs; }

bool PipeModel::IsProbed(const PipeSample& sample) const {
  return sample.window <= kLeastWindow && base_rtt_us_ > kSlackUs;
}

bool PipeModel::MaySend(const PipeSample& sample, uint64_t now_us) {
  NoteRate(Measure(sample, now_us), now_us);
  NoteRtt(sample, now_us);
  Adapt(sample, now_us);
  Probe(sample, now_us);
  Renew(sample, now_us);
  Spare(sample, now_us);
  if (best_rate_ > 0) {
    // A segment that was lost is delivered a round trip later, and what is behind it with it: the path drains meanwhile.
    const uint64_t span_us = base_rtt_us_ + (now_us < lossy_until_us_ ? kLossySlackUs : kSlackUs);
    // In a queue already: no more than two segments beyond what the path holds. Else what TCP itself begins with.
    const uint64_t least = uint64_t{sample.mss} * (IsQueued(sample) ? 4 : 10);
    cap_ = std::max(least, best_rate_ * span_us / 1'000'000 * gain_ / kOne);
    if (now_us < drain_until_us_) cap_ = std::max(least, cap_ / 2);
    write_bytes_ = std::clamp(static_cast<size_t>(best_rate_ * kWriteUs / 1'000'000), kLeastWrite, kMostWrite);
    target_us_ = std::max(kCodelTargetUs, 3'000 * uint64_t{1'000'000} / best_rate_);
    if (now_us < spares_until_us_) target_us_ = std::max(target_us_, kSparedTargetUs);
  }
  was_held_ = was_held_ || sample.in_pipe > cap_;
  if (IsProbed(sample)) {
    write_bytes_ = kLeastWrite;
    return sample.in_pipe <= uint64_t{sample.mss} * (sample.window + 2);
  }
  return sample.in_pipe <= cap_;
}

// What is delivered while there is always more to send, or while a queue stands in the path, is what the path takes at
// present; everything else only shows that it takes so much. tcpi_delivery_rate cannot fall as long as it is this cap, not TCP's window, that holds back.
uint64_t PipeModel::Measure(const PipeSample& sample, uint64_t now_us) {
  if (sample.delivered == 0) return sample.rate;
  if (sample.in_pipe * 2 < cap_) is_window_busy_ = false;
  if (!IsQueued(sample) || sample.in_pipe == 0) is_window_queued_ = false;
  const uint64_t span_us = now_us - window_start_us_;
  if (window_start_us_ != 0 && span_us < std::max<uint64_t>(2 * uint64_t{sample.rtt_us}, kLeastMeasureUs)) {
    return full_windows_ < kEnoughWindows && sample.rate > best_rate_ ? sample.rate : 0;
  }
  const bool is_whole = window_start_us_ != 0 && sample.delivered >= window_delivered_;
  const uint64_t own = is_whole ? (sample.delivered - window_delivered_) * 1'000'000 / span_us : 0;
  const bool is_full = (is_window_busy_ || is_window_queued_) && is_whole;
  // With a queue there is no doubt: what was faster before is over. Where segments are lost, what waits for them to come
  // again looks like a queue too.
  const bool is_slower = is_window_queued_ && is_whole && own < best_rate_ * 3 / 4;
  if (is_slower && now_us >= lossy_until_us_) std::fill_n(rates_, kRateSlots, uint64_t{0});
  const uint32_t again = sample.sent_again - window_sent_again_;
  if (is_whole && again > 0 && again >= (sample.sent - window_sent_) / kLossyShare) {
    if (had_loss_) lossy_until_us_ = now_us + kLossyUs;
    had_loss_ = true;
  } else if (now_us >= lossy_until_us_) {
    had_loss_ = false;
  }
  window_sent_ = sample.sent;
  window_sent_again_ = sample.sent_again;
  window_start_us_ = now_us;
  window_delivered_ = sample.delivered;
  is_window_busy_ = true;
  is_window_queued_ = base_rtt_us_ > 0;
  if (is_full && full_windows_ < kEnoughWindows) full_windows_ += 1;
  if (is_full) slow_windows_ = own > kLocalRate ? 0 : std::min(slow_windows_ + 1, kEnoughSlowWindows);
  const uint64_t rate = full_windows_ < kEnoughWindows ? std::max(own, sample.rate) : own;
  return is_full || rate > best_rate_ ? rate : 0;
}

void PipeModel::NoteRate(uint64_t rate, uint64_t now_us) {
  const uint64_t slot = now_us / kRateSlotUs;
  if (slot != rate_slot_) {
    // Slots without a sample were idle. The best of before an idle time stays until there is a new one.
    if (rate == 0) return;
    for (uint64_t i = std::max(rate_slot_ + 1, slot - std::min<uint64_t>(slot, kRateSlots - 1)); i <= slot; i++) {
      rates_[i % kRateSlots] = 0;
    }
    rate_slot_ = slot;
  }
  uint64_t& current = rates_[slot % kRateSlots];
  current = std::max(current, rate);
  const uint64_t best = *std::max_element(rates_, rates_ + kRateSlots);
  if (best > 0) best_rate_ = best;
}

// The kernel's own minimum reaches five minutes back (net.ipv4.tcp_min_rtt_wlen): after a move from a LAN to a mobile
// network it is too low for that long. BBR renews its own every ten seconds; for others we take the least smoothed
// round trip of the last ten seconds where it says that the path is another one. As our own queue is in that, each
// renewal is followed by a pause that lets it drain.
void PipeModel::NoteRtt(const PipeSample& sample, uint64_t now_us) {
  const uint64_t slot = now_us / kRttSlotUs;
  if (slot != rtt_slot_) {
    const bool had_own = !sample.has_probed_min_rtt && base_rtt_us_ > sample.min_rtt_us;
    if (had_own) drain_until_us_ = now_us + 2 * uint64_t{sample.rtt_us};
    if (slot > rtt_slot_ + 1) rtts_[(slot + 1) % kRttSlots] = 0;
    rtts_[slot % kRttSlots] = 0;
    rtt_slot_ = slot;
  }
  uint32_t& current = rtts_[slot % kRttSlots];
  if (sample.rtt_us > 0 && (current == 0 || sample.rtt_us < current)) current = sample.rtt_us;
  const uint32_t previous = rtts_[(slot + 1) % kRttSlots];
  const uint32_t own = previous == 0 ? current : std::min(previous, current);
  base_rtt_us_ = sample.min_rtt_us;
  const bool is_another_path = own > 2 * sample.min_rtt_us + 20'000 && previous != 0;
  if (sample.min_rtt_us == 0 || (!sample.has_probed_min_rtt && is_another_path)) base_rtt_us_ = own;
  if (raised_rtt_us_ == 0) return;
  if (sample.rtt_us > 0) raised_rtt_us_ = std::min(raised_rtt_us_, sample.rtt_us);
  // The kernel has found it out, or it was never so.
  if (raised_rtt_us_ <= base_rtt_us_ + 2 * kSlackUs) raised_rtt_us_ = 0;
  base_rtt_us_ = std::max(base_rtt_us_, raised_rtt_us_);
}

// A round trip that has become longer looks like a queue, and the cap would starve the path until the kernel's minimum
// has aged. So a queue that does not go is put to the test: half of what is on its way is kept back for a few round trips.
// A queue of ours shrinks with that, a longer path does not.
void PipeModel::Probe(const PipeSample& sample, uint64_t now_us) {
  if (raised_rtt_us_ != 0 && now_us >= retest_us_) {
    retest_us_ = now_us + kRetestUs;
    drain_until_us_ = now_us + 3 * uint64_t{sample.rtt_us};  // if it was a queue of ours, NoteRtt sees it shrink
  }
  if (!IsQueued(sample)) {
    queued_since_us_ = 0;
    probe_until_us_ = 0;
  } else if (queued_since_us_ == 0) {
    queued_since_us_ = now_us;
  } else if (probe_until_us_ == 0) {
    if (now_us < queued_since_us_ + kStandingUs) return;
    probe_rtt_us_ = sample.rtt_us;
    probe_until_us_ = now_us + 3 * uint64_t{sample.rtt_us};
    drain_until_us_ = probe_until_us_;
  } else if (now_us >= probe_until_us_) {
    const uint32_t excess = probe_rtt_us_ - base_rtt_us_;
    if (sample.rtt_us + excess / 4 > probe_rtt_us_) {
      raised_rtt_us_ = sample.rtt_us;
      retest_us_ = now_us + kRetestUs;
    }
    queued_since_us_ = 0;
    probe_until_us_ = 0;
  }
}

// BBR's probe costs a fifth of a second of the line, and those who play or talk notice it. Whenever the path has been seen
// empty with the same round trip as ever, there is nothing to find out. If it always has a queue, of ours, half of what is
// on its way is kept back for one round trip to see below it. Where that shows anything else, BBR shall probe.
void PipeModel::Renew(const PipeSample& sample, uint64_t now_us) {
  if (sample.window <= kLeastWindow || renewed_us_ == 0) renewed_us_ = now_us;
  const bool is_known = sample.has_probed_min_rtt && base_rtt_us_ == sample.min_rtt_us &&
                        sample.tcp_min_rtt_us + kSameRttUs > sample.min_rtt_us;
  if (!is_known || now_us < renewed_us_ + kRenewUs || now_us < lossy_until_us_ || sample.is_repairing) return;
  if (sample.rtt_us <= base_rtt_us_ + kSlackUs / 2) {
    wants_renewal_ = true;
  } else if (look_until_us_ == 0) {
    drain_until_us_ = now_us + sample.rtt_us;
    look_until_us_ = now_us + uint64_t{sample.rtt_us} * 5 / 2;
    return;
  } else if (now_us < look_until_us_) {
    return;
  }
  renewed_us_ = now_us;
  look_until_us_ = 0;
}

// What waits because we or BBR keep it back to look at the path, or because nobody knows yet that the path has become a
// longer one, is not the sender's fault. A drop would make it slower by a third for seconds.
void PipeModel::Spare(const PipeSample& sample, uint64_t now_us) {
  if (!IsQueued(sample)) {
    changed_since_us_ = 0;
  } else if (changed_since_us_ == 0) {
    changed_since_us_ = now_us;
  }
  const bool is_changed =
      changed_since_us_ != 0 && now_us < changed_since_us_ + kMostSparedUs && now_us >= lossy_until_us_;
  if (is_changed || IsProbed(sample) || now_us < drain_until_us_) spares_until_us_ = now_us + 4 * uint64_t{sample.rtt_us};
}

// Once per round trip. A cap that binds although there is no queue is too low: the rate that it is made from was
// measured under it. Growing by the slack alone would take 0.3 s from 10 to 100 Mbit/s on a path of 20 ms, and seconds
// on one of 200 ms.
void PipeModel::Adapt(const PipeSample& sample, uint64_t now_us) {
  if (now_us < next_adapt_us_) return;
  next_adapt_us_ = now_us + std::max<uint64_t>(sample.rtt_us, 1'000);
  const uint64_t queue_us = sample.rtt_us > base_rtt_us_ ? sample.rtt_us - base_rtt_us_ : 0;
  // Held back on purpose, a path has no queue.
  if (drain_until_us_ != 0 && now_us < drain_until_us_ + 2 * uint64_t{sample.rtt_us}) {
    gain_ = kOne;
  } else if (was_held_ && queue_us < kSlackUs / 2) {
    gain_ = std::min<uint32_t>(gain_ * 3 / 2, 2 * kOne);
  } else if (queue_us > kSlackUs * 4 / 5) {
    gain_ = kOne;  // the path is full: what was too much stands in a router's queue by now
  }
  was_held_ = false;
}

bool SamplePipe(int fd, PipeSample* sample) {
  struct tcp_info info;
  std::memset(&info, 0, sizeof(info));
  socklen_t length = sizeof(info);
  // An older kernel fills in less: what it does not know stays 0.
  if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == -1) return false;
  const int64_t out = int64_t{info.tcpi_unacked} - info.tcpi_sacked - info.tcpi_lost + info.tcpi_retrans;
  sample->in_pipe = static_cast<uint64_t>(std::max<int64_t>(out, 0)) * info.tcpi_snd_mss + info.tcpi_notsent_bytes;
  sample->rate = info.tcpi_delivery_rate;
  sample->sent = info.tcpi_data_segs_out;
  sample->sent_again = info.tcpi_total_retrans;
  sample->delivered = uint64_t{info.tcpi_delivered} * info.tcpi_snd_mss;
  sample->rtt_us = info.tcpi_rtt;
  sample->min_rtt_us = info.tcpi_min_rtt == UINT32_MAX ? 0 : info.tcpi_min_rtt;
  sample->tcp_min_rtt_us = sample->min_rtt_us;
  sample->is_repairing = info.tcpi_ca_state != TCP_CA_Open;
  sample->mss = std::max<uint32_t>(info.tcpi_snd_mss, 1);
  sample->window = info.tcpi_snd_cwnd;
  sample->has_probed_min_rtt = false;
  union tcp_cc_info state;
  length = sizeof(state);
  std::memset(&state, 0, sizeof(state));
  // Only BBR gives this many bytes (linux/inet_diag.h).
  if (getsockopt(fd, IPPROTO_TCP, TCP_CC_INFO, &state, &length) == 0 && length == sizeof(struct tcp_bbr_info) &&
      state.bbr.bbr_min_rtt != 0 && state.bbr.bbr_min_rtt != UINT32_MAX) {
    sample->min_rtt_us = state.bbr.bbr_min_rtt;
    sample->has_probed_min_rtt = true;
  }
  return true;
}

bool Paces(const std::string& congestion_control) { return congestion_control.compare(0, 3, "bbr") == 0; }

void StopPacing(int fd) {
  for (const char* name : {"cubic", "reno"}) {
    if (SetCongestionControl(fd, name) == 0) return;
  }
}

void RestartPacing(int fd, const std::string& congestion_control) {
  StopPacing(fd);
  SetCongestionControl(fd, congestion_control);
}

int SetNotSentLowat(int fd) {
  return setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kNotSentBytes, sizeof(kNotSentBytes)) == -1 ? errno : 0;
}

int SetCongestionControl(int fd, const std::string& name) {
  const socklen_t length = static_cast<socklen_t>(name.size());
  return setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.c_str(), length) == -1 ? errno : 0;
}

}  // namespace tun
