// Parts of path_api.h off the hot path: events, counters, and what only tests use.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <initializer_list>

#include "path_api.h"
#include "path_loop.h"

namespace tun {

namespace {

// The caller names each by its place, so there are as many names as numbers.
void Copy(napi_env env, std::initializer_list<uint64_t> numbers, const View<double>& out) {
  if (numbers.size() != out.length) {
    ThrowArgument(env, "expected a place for each number");
    return;
  }
  std::transform(numbers.begin(), numbers.end(), out.data, [](uint64_t number) { return static_cast<double>(number); });
}

}  // namespace

napi_value PathNextEvent(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  View<uint8_t> out;
  View<int32_t> place;
  if (!ReadArguments(env, info, 3, arguments) || !ReadBuffer(env, arguments[1], &out) ||
      !ReadInt32Array(env, arguments[2], &place)) {
    return nullptr;
  }
  DevicePath* device = FindPath(env, arguments[0]);
  if (device == nullptr) return nullptr;
  if (place.length < 2) {
    ThrowArgument(env, "expected room for slot and kind");
    return nullptr;
  }
  std::deque<PathEvent>& events = device->path().events();
  if (events.empty()) return Number(env, 0);
  const PathEvent& event = events.front();
  const size_t length = std::min(event.packet.size(), out.length);
  std::memcpy(out.data, event.packet.data(), length);
  place.data[0] = event.slot;
  place.data[1] = event.kind;
  events.pop_front();
  return Number(env, static_cast<int64_t>(length));
}

napi_value PathReadStats(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  Place place;
  View<double> out;
  if (!ReadPlace(env, info, arguments, &place) || !ReadFloats(env, arguments[2], &out)) return nullptr;
  const SlotCounters& in = place.slot->counters;
  const QueueCounters& queue = place.slot->queue.counters();
  const PipeModel& pipe = place.slot->pipe;
  Copy(env,
       {in.packets_in, in.bytes_in, queue.frames, queue.packet_bytes, queue.drops, in.drops_closed, in.drops_too_big,
        in.drops_malformed, in.drops_source, in.drops_destination, in.drops_group, in.drops_isolated,
        in.packets_link_local, place.slot->queue.bytes(), place.slot->queue.memory(), pipe.best_rate(),
        pipe.base_rtt_us(), pipe.cap(), pipe.write_bytes(), queue.marks},
       out);
  return nullptr;
}

napi_value PathReadTotals(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  View<double> out;
  if (!ReadArguments(env, info, 2, arguments) || !ReadFloats(env, arguments[1], &out)) return nullptr;
  DevicePath* device = FindPath(env, arguments[0]);
  if (device == nullptr) return nullptr;
  const PathTotals& totals = device->path().totals();
  Copy(env,
       {totals.reads, totals.writes, totals.write_drops, totals.drops_unknown, totals.drops_group,
        totals.drops_malformed, device->path().memory()},
       out);
  return nullptr;
}

napi_value PathSetClock(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  double us = 0;
  if (!ReadArguments(env, info, 2, arguments)) return nullptr;
  if (napi_get_value_double(env, arguments[1], &us) != napi_ok || !(us >= 0 && us < 1e15) || us != std::floor(us)) {
    ThrowArgument(env, "expected whole microseconds");
    return nullptr;
  }
  DevicePath* device = FindPath(env, arguments[0]);
  if (device != nullptr) device->SetClock(static_cast<uint64_t>(us));
  return nullptr;
}

napi_value PipeRun(napi_env env, napi_callback_info info) {
  constexpr size_t kIn = 11;
  constexpr size_t kOut = 6;
  napi_value arguments[2];
  View<double> in;
  View<double> out;
  if (!ReadArguments(env, info, 2, arguments) || !ReadFloats(env, arguments[0], &in) ||
      !ReadFloats(env, arguments[1], &out)) {
    return nullptr;
  }
  const size_t rows = std::min(in.length / kIn, out.length / kOut);
  // A negative or huge number would be undefined behaviour to convert.
  if (std::any_of(in.data, in.data + rows * kIn, [](double value) { return !(value >= 0 && value < 1e15); })) {
    ThrowArgument(env, "a sample is out of range");
    return nullptr;
  }
  PipeModel model;
  for (size_t row = 0; row < rows; row++) {
    const double* at = in.data + row * kIn;
    PipeSample sample;
    sample.in_pipe = static_cast<uint64_t>(at[0]);
    sample.rate = static_cast<uint64_t>(at[1]);
    sample.rtt_us = static_cast<uint32_t>(std::min(at[2], 4e9));
    sample.min_rtt_us = static_cast<uint32_t>(std::min(at[3], 4e9));
    sample.mss = static_cast<uint32_t>(std::min(at[4], 65535.0));
    sample.has_probed_min_rtt = at[5] != 0;
    sample.window = static_cast<uint32_t>(std::min(at[7], 4e9));
    sample.delivered = static_cast<uint64_t>(at[8]);
    sample.tcp_min_rtt_us = static_cast<uint32_t>(std::min(at[9], 4e9));
    sample.is_repairing = at[10] != 0;
    const bool may = model.MaySend(sample, static_cast<uint64_t>(at[6]));
    double* result = out.data + row * kOut;
    result[0] = may ? 1 : 0;
    result[1] = static_cast<double>(model.cap());
    result[2] = static_cast<double>(model.write_bytes());
    result[3] = static_cast<double>(model.target_us());
    result[4] = model.is_remote() ? 1 : 0;
    result[5] = model.TakeRenewal() ? 1 : 0;
  }
  return nullptr;
}

napi_value PacerRun(napi_env env, napi_callback_info info) {
  constexpr size_t kIn = 4;
  napi_value arguments[2];
  View<int32_t> in;
  View<int32_t> out;
  if (!ReadArguments(env, info, 2, arguments) || !ReadInt32Array(env, arguments[0], &in) ||
      !ReadInt32Array(env, arguments[1], &out)) {
    return nullptr;
  }
  const size_t rows = std::min(in.length / kIn, out.length);
  if (std::any_of(in.data, in.data + rows * kIn, [](int32_t value) { return value < 0; })) {
    ThrowArgument(env, "a turn is out of range");
    return nullptr;
  }
  ReadPacer pacer;
  uint64_t now_us = 0;
  for (size_t row = 0; row < rows; row++) {
    const int32_t* at = in.data + row * kIn;
    now_us += static_cast<uint64_t>(at[3]);
    out.data[row] = static_cast<int32_t>(pacer.Note(static_cast<size_t>(at[0]), static_cast<size_t>(at[1]),
                                                    static_cast<size_t>(at[2]), now_us));
  }
  return nullptr;
}

}  // namespace tun
