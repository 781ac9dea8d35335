// Small network programs of the bench, one binary with a word per tool; it is compiled into a temporary folder when the
// bench starts. Each prints JSON on standard output and ends after its time or at SIGTERM.
#ifndef BENCH_TOOLS_H_
#define BENCH_TOOLS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace bench {

using Arguments = std::vector<std::string>;

int Relay(const Arguments& arguments);
int Ping(const Arguments& arguments);
int Bare(const Arguments& arguments);
int UdpSend(const Arguments& arguments);
int UdpReceive(const Arguments& arguments);

constexpr int64_t kNanosPerSecond = 1000000000;

// CLOCK_MONOTONIC, which is also what Node's process.hrtime tells.
int64_t MonotonicNanos();
// CLOCK_REALTIME, which is what the kernel stamps packets with.
int64_t RealtimeNanos();

// True from the first SIGTERM or SIGINT on.
bool MustStop();
// Ends the tool: prints the text and errno's meaning.
[[noreturn]] void Die(const std::string& what);

// Opens a TUN device of this network namespace, without a packet information header and not blocking.
int OpenTun(const std::string& device, short flags);

double Number(const Arguments& arguments, size_t index);
// Least value that `share` of the sorted values do not exceed; 0 if there are none.
int64_t Quantile(const std::vector<int64_t>& sorted, double share);

}  // namespace bench

#endif  // BENCH_TOOLS_H_
